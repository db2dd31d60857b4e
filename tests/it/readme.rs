//! What the README promises, held against the program.
