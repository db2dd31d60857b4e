//! Every body of the provider, read and written back.
