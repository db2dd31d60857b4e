//! How the provider, NOWPayments, speaks: its signatures, its API, and the types its fields really have.
//!
//! An IPN comes in as raw bytes: [`signature`] says whether the provider signed them and in which form,
//! [`wire`] reads the evidence out of the verified document. [`client`] asks the provider's API, and
//! [`report`] reads the same evidence out of its answers. All work on [`json`], which keeps every
//! number as the text it was. Nothing here stores or decides; the story goes on in
//! `domain/evidence.rs`.

pub mod canonical;
pub mod client;
pub mod diagnosis;
mod fields;
pub mod json;
pub mod report;
pub mod signature;
pub mod simulator;
pub mod wire;

/// The most bytes an IPN's body may have (contract, section 5).
pub const BODY_BYTES_MAX: usize = 65_536;

/// Why an IPN is not taken as evidence. `http` knows the status of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IpnRefusal {
    /// No secret of ours made this signature over any form of this body.
    #[error("no form of the body matches the signature")]
    BadSignature,
    /// Signed, but an object names one key twice: two readers could read two things.
    #[error("an object of the body names a key twice")]
    DuplicateKeys,
    /// Signed, but this field is missing or cannot be read; `body` if the whole is no JSON object.
    #[error("field {0} is missing or unreadable")]
    MissingFields(&'static str),
}

impl IpnRefusal {
    /// The name in the database.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::BadSignature => "bad_signature",
            Self::DuplicateKeys => "duplicate_keys",
            Self::MissingFields(_) => "missing_fields",
        }
    }
}
