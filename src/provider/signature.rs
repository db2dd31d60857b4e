//! Whether the provider signed this body: the checks of contract section 5, in that order.
//!
//! The raw bytes are tried first and verify in practice; only if they do not is the body read and
//! written in its other forms. Every candidate is compared in constant time. A secret is text, never
//! base64, and a blank one never verifies, because anybody can sign with it. The story goes on in
//! [`super::wire`].

use std::fmt;

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha512;
use subtle::ConstantTimeEq;

use super::canonical::{self, Form};
use super::json::Document;
use super::{BODY_BYTES_MAX, IpnRefusal};

#[cfg(test)]
mod tests;

/// Deeper bodies have no canonical form.
pub(super) const DEPTH_MAX: usize = 32;
/// The bytes of an HMAC-SHA512.
const TAG_BYTES: usize = 64;

type Keyed = Hmac<Sha512>;

/// The secrets of IPNs, ready to verify. Clones are cheap.
#[derive(Clone)]
pub struct Verifier {
    secrets: Vec<NumberedSecret>,
}

/// A keyed state, made once, and the secret's place in the settings.
#[derive(Clone)]
struct NumberedSecret {
    number: usize,
    keyed: Keyed,
}

/// A body that the provider signed.
#[derive(Debug)]
pub struct Verified<'a> {
    /// The form of the body that is signed; anything but raw is an early warning.
    pub form: Form,
    /// Which secret signed it: its place among those the verifier was made of.
    pub secret: usize,
    /// The body: JSON without duplicate keys.
    pub document: Document<'a>,
}

impl Verifier {
    /// Takes the secrets, newest first, blanks around them cut off; none if not one of them is more than
    /// blank.
    #[must_use]
    pub fn new<'s>(secrets: impl IntoIterator<Item = &'s str>) -> Option<Self> {
        let numbered = |(number, secret)| keyed(secret).map(|keyed| NumberedSecret { number, keyed });
        let secrets: Vec<_> = secrets.into_iter().enumerate().filter_map(numbered).collect();
        (!secrets.is_empty()).then_some(Self { secrets })
    }

    /// Verifies a body against the header `x-nowpayments-sig`: 128 hex digits of any case.
    ///
    /// # Errors
    /// [`IpnRefusal`]: a bad signature before anything that the body itself is to blame for.
    pub fn verify<'a>(&self, header: &[u8], body: &'a [u8]) -> Result<Verified<'a>, IpnRefusal> {
        let tag = tag_of(header).ok_or(IpnRefusal::BadSignature)?;
        if BODY_BYTES_MAX < body.len() {
            return Err(IpnRefusal::BadSignature);
        }
        let raw = self.signer_of(body, &tag);
        let document = std::str::from_utf8(body).ok().and_then(|text| Document::read(text).ok());
        let Some(document) = document else {
            // Signed or not, it cannot be read; only to the provider do we say why.
            let is_signed = raw.is_some();
            return Err(if is_signed { IpnRefusal::MissingFields("body") } else { IpnRefusal::BadSignature });
        };
        let is_ambiguous = document.has_duplicate_keys();
        match raw {
            Some(_) if is_ambiguous => Err(IpnRefusal::DuplicateKeys),
            Some(secret) => Ok(Verified { form: Form::Raw, secret, document }),
            None if is_ambiguous || DEPTH_MAX < document.depth() => Err(IpnRefusal::BadSignature),
            None => self.verify_written(document, &tag),
        }
    }

    /// Tries every form that must be written first.
    fn verify_written<'a>(&self, document: Document<'a>, tag: &[u8]) -> Result<Verified<'a>, IpnRefusal> {
        let mut tried: Vec<String> = Vec::new();
        for form in Form::WRITTEN {
            let text = canonical::write(&document, form);
            // Most bodies have no array and no foreign number: a form like another is not signed again.
            if tried.contains(&text) {
                continue;
            }
            if let Some(secret) = self.signer_of(text.as_bytes(), tag) {
                return Ok(Verified { form, secret, document });
            }
            tried.push(text);
        }
        Err(IpnRefusal::BadSignature)
    }

    /// The number of the secret that made this tag over this text.
    fn signer_of(&self, text: &[u8], tag: &[u8]) -> Option<usize> {
        let signed = |secret: &&NumberedSecret| bool::from(tag_over(&secret.keyed, text).ct_eq(tag));
        self.secrets.iter().find(signed).map(|secret| secret.number)
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(IPN secrets)")
    }
}

/// The header that makes this very body verify, lower-case hex; none for a blank secret.
#[must_use]
pub fn sign(secret: &str, body: &[u8]) -> Option<String> {
    keyed(secret).map(|keyed| HEXLOWER.encode(&tag_over(&keyed, body)))
}

/// True if this very key, blank or not, made this tag over this text. Only the doctor asks so: what it
/// answers verifies nothing.
pub(super) fn would_sign(key: &[u8], text: &[u8], tag: &[u8]) -> bool {
    Keyed::new_from_slice(key).is_ok_and(|keyed| bool::from(tag_over(&keyed, text).ct_eq(tag)))
}

fn keyed(secret: &str) -> Option<Keyed> {
    let secret = secret.trim();
    (!secret.is_empty()).then(|| Keyed::new_from_slice(secret.as_bytes()).ok())?
}

fn tag_over(keyed: &Keyed, text: &[u8]) -> [u8; TAG_BYTES] {
    keyed.clone().chain_update(text).finalize().into_bytes().into()
}

/// Reads the header to the letter: no blanks, no prefix, no other length.
pub(super) fn tag_of(header: &[u8]) -> Option<Vec<u8>> {
    HEXLOWER_PERMISSIVE.decode(header).ok().filter(|tag| tag.len() == TAG_BYTES)
}
