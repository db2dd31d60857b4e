//! The signature in a header, also where it is not written as the provider writes it.

use data_encoding::BASE64_NOPAD;

use crate::provider::signature::tag_of;

/// What is wrong with a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeaderFault {
    /// The digits are there, among other characters.
    #[error("there is more than the 128 hex digits; the header holds nothing else")]
    Decorated,
    /// The right bytes in the wrong writing.
    #[error("it is base64; the provider writes 128 hex digits")]
    Base64,
    /// Half the digits.
    #[error("64 hex digits are an HMAC-SHA256; the provider signs with HMAC-SHA512, which has 128")]
    Sha256,
    /// Some other number of characters.
    #[error("it has {0} characters, not the 128 hex digits of an HMAC-SHA512")]
    Length(usize),
    /// Right in length, but not hex.
    #[error("character {0} of it is no hex digit")]
    NotHex(usize),
}

/// The signature in a header, also where the server would not find it, and what is wrong with it.
pub(super) fn read(header: &str) -> (Option<Vec<u8>>, Option<HeaderFault>) {
    if let Some(tag) = tag_of(header.as_bytes()) {
        return (Some(tag), None);
    }
    let is_hex = |c: char| c.is_ascii_hexdigit();
    let stretch = header.split(|c: char| !is_hex(c)).find(|stretch| stretch.len() == 128);
    if let Some(tag) = stretch.and_then(|stretch| tag_of(stretch.as_bytes())) {
        return (Some(tag), Some(HeaderFault::Decorated));
    }
    let base64 = BASE64_NOPAD.decode(header.trim_end_matches('=').as_bytes()).ok();
    if let Some(tag) = base64.filter(|tag| tag.len() == 64) {
        return (Some(tag), Some(HeaderFault::Base64));
    }
    let fault = match header.chars().count() {
        64 if header.chars().all(is_hex) => HeaderFault::Sha256,
        128 => HeaderFault::NotHex(header.chars().position(|c| !is_hex(c)).unwrap_or_default().saturating_add(1)),
        length => HeaderFault::Length(length),
    };
    (None, Some(fault))
}
