//! Why a body does not verify: who may have signed what instead, found by trying it.
//!
//! [`super::signature`] gives the verdict; this only explains it, to an operator and never to a client,
//! and nothing here makes a body count. A mistake is named when a text or a key that it leads to makes
//! the very signature, so that no name is a guess. What others write is in `diagnosis/foreign.rs`.

use std::collections::HashSet;
use std::fmt;

use data_encoding::HEXLOWER_PERMISSIVE;

use super::canonical::{self, Form};
use super::json::Document;
use super::signature::{DEPTH_MAX, Verified, Verifier, would_sign};
use super::wire::Notice;
use super::{BODY_BYTES_MAX, IpnRefusal};

pub mod difference;
pub mod foreign;
mod header;
mod keys;
mod numbers;

#[cfg(test)]
mod tests;

use difference::Difference;
use foreign::Style;
pub use header::HeaderFault;
pub use keys::{Key, KeyForm};

/// What [`diagnose`] goes by.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// The IPN secrets, newest first.
    pub secrets: &'a [&'a str],
    /// Other secrets of the account, by which nothing is to be signed.
    pub others: &'a [&'a str],
    /// The bytes that came.
    pub body: &'a [u8],
    /// The header `x-nowpayments-sig`.
    pub header: &'a str,
}

/// What a body and its signature tell.
#[derive(Debug)]
pub struct Diagnosis {
    /// Who signed what.
    pub verdict: Verdict,
    /// What is wrong with the header as text.
    pub header_fault: Option<HeaderFault>,
    /// What is wrong with the body, whoever signed it.
    pub body_faults: Vec<BodyFault>,
    /// The forms that the provider may sign; none where the body has no canonical form.
    pub forms: Vec<WrittenForm>,
}

/// A form of the body, and where the body is not in that form.
#[derive(Debug)]
pub struct WrittenForm {
    /// Which one.
    pub form: Form,
    /// None if the body is in this form.
    pub difference: Option<Difference>,
}

/// Who signed what.
#[derive(Debug)]
pub enum Verdict {
    /// The provider: a secret of ours made the signature over a form that is taken.
    Signed {
        /// The form.
        form: Form,
        /// Which secret, by its place.
        secret: usize,
    },
    /// Somebody who made a known mistake.
    Mistaken(Mistake),
    /// The header holds no signature to look for.
    NoSignature,
    /// Another secret, or another body.
    Unmatched,
}

/// A mistake that leads to the very signature.
#[derive(Debug)]
pub struct Mistake {
    /// What was signed with.
    pub key: Key,
    /// What became of the key's text.
    pub key_form: KeyForm,
    /// What was signed.
    pub text: SignedText,
    /// Where the body is not what was signed.
    pub difference: Option<Difference>,
}

/// What was signed instead of a form of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignedText {
    /// A form that is taken.
    Form(Form),
    /// The body without the line end after it.
    WithoutNewline,
    /// The body with a line end after it.
    WithNewline,
    /// The body without the byte order mark before it.
    WithoutMark,
    /// The body with each CR LF as LF.
    WithUnixLines,
    /// The body as some other program writes it.
    Foreign(Style),
}

/// What is wrong with a body, whoever signed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyFault {
    /// There is none.
    #[error("the body is empty")]
    Empty,
    /// More than is taken.
    #[error("the body has more than {BODY_BYTES_MAX} bytes")]
    TooLong,
    /// A text editor left its mark.
    #[error("the body begins with a byte order mark, which is no JSON")]
    Mark,
    /// No text.
    #[error("byte {0} is no UTF-8")]
    NotUtf8(usize),
    /// No JSON.
    #[error("the body is not one complete JSON value (line {line}, column {column})")]
    NotJson {
        /// Where a reader stumbles.
        line: usize,
        /// The same.
        column: usize,
    },
    /// Ambiguous.
    #[error("an object names a key twice, so that two readers could read two things")]
    DuplicateKeys,
    /// Too deep.
    #[error("it is nested deeper than {DEPTH_MAX} levels, so that only its raw bytes can verify")]
    Deep,
    /// JSON, but no payment notification.
    #[error("field `{0}` is missing or unreadable")]
    Field(&'static str),
}

/// Explains a signature.
#[must_use]
pub fn diagnose(case: &Case<'_>) -> Diagnosis {
    let marked = case.body.strip_prefix("\u{feff}".as_bytes());
    let text = std::str::from_utf8(marked.unwrap_or(case.body)).ok().filter(|text| text.len() <= BODY_BYTES_MAX);
    let document = text.and_then(|text| Document::read(text).ok());
    let shallow = document.as_ref().filter(|document| document.depth() <= DEPTH_MAX);
    let mut body_faults = body_faults(case.body, document.as_ref());
    let (tag, header_fault) = header::read(case.header.trim());
    let verdict = tag.map_or(Verdict::NoSignature, |tag| {
        let verified = verify(case, &tag, &mut body_faults);
        verified.or_else(|| mistake(case, shallow, &tag)).unwrap_or(Verdict::Unmatched)
    });
    let forms = shallow.map(|document| forms(case.body, document)).unwrap_or_default();
    Diagnosis { verdict, header_fault, body_faults, forms }
}

/// The faults of a body that need no signature to be seen.
#[must_use]
pub fn faults(body: &[u8]) -> Vec<BodyFault> {
    let document = std::str::from_utf8(body).ok().and_then(|text| Document::read(text).ok());
    body_faults(body, document.as_ref())
}

/// The faults for which the server refuses a body whose signature is right.
#[must_use]
pub fn signed_faults(body: &[u8]) -> Vec<BodyFault> {
    let document = std::str::from_utf8(body).ok().and_then(|text| Document::read(text).ok());
    let mut faults = body_faults(body, document.as_ref());
    if let Some(document) = document.filter(|_| faults.is_empty())
        && let Err(IpnRefusal::MissingFields(field)) = Notice::read(&Verified { form: Form::Raw, secret: 0, document })
    {
        faults.push(BodyFault::Field(field));
    }
    faults
}

/// Where a body is not as the provider writes it: keys sorted, no blanks. None too if it is no JSON.
#[must_use]
pub fn rewritten(body: &str) -> Option<Difference> {
    let document = Document::read(body).ok().filter(|document| document.depth() <= DEPTH_MAX)?;
    Difference::between(body.as_bytes(), canonical::write(&document, Form::Sorted).as_bytes())
}

fn body_faults(body: &[u8], document: Option<&Document<'_>>) -> Vec<BodyFault> {
    if body.is_empty() {
        return vec![BodyFault::Empty];
    }
    let long = (BODY_BYTES_MAX < body.len()).then_some(BodyFault::TooLong);
    let mark = body.starts_with("\u{feff}".as_bytes()).then_some(BodyFault::Mark);
    let Some(document) = document else {
        return [long, mark, unreadable(body)].into_iter().flatten().collect();
    };
    let twice = document.has_duplicate_keys().then_some(BodyFault::DuplicateKeys);
    let deep = (DEPTH_MAX < document.depth()).then_some(BodyFault::Deep);
    [long, mark, twice, deep].into_iter().flatten().collect()
}

/// Where a reader of JSON stumbles.
fn unreadable(body: &[u8]) -> Option<BodyFault> {
    if let Err(error) = std::str::from_utf8(body) {
        return Some(BodyFault::NotUtf8(error.valid_up_to()));
    }
    let error = serde_json::from_slice::<serde::de::IgnoredAny>(body).err()?;
    Some(BodyFault::NotJson { line: error.line(), column: error.column() })
}

/// The verdict of the server, if the provider signed; what it would refuse all the same is a fault.
fn verify(case: &Case<'_>, tag: &[u8], faults: &mut Vec<BodyFault>) -> Option<Verdict> {
    let verifier = Verifier::new(case.secrets.iter().copied())?;
    let header = HEXLOWER_PERMISSIVE.encode(tag);
    match verifier.verify(header.as_bytes(), case.body) {
        Ok(verified) => {
            if let Err(IpnRefusal::MissingFields(field)) = Notice::read(&verified) {
                faults.push(BodyFault::Field(field));
            }
            Some(Verdict::Signed { form: verified.form, secret: verified.secret })
        }
        // Signed as it came, and refused for a fault that is told already.
        Err(IpnRefusal::DuplicateKeys | IpnRefusal::MissingFields(_)) => {
            let secret = case.secrets.iter().position(|secret| would_sign(secret.trim().as_bytes(), case.body, tag))?;
            Some(Verdict::Signed { form: Form::Raw, secret })
        }
        Err(IpnRefusal::BadSignature) => None,
    }
}

fn forms(body: &[u8], document: &Document<'_>) -> Vec<WrittenForm> {
    let written = Form::WRITTEN.into_iter().map(|form| {
        let text = canonical::write(document, form);
        WrittenForm { form, difference: Difference::between(body, text.as_bytes()) }
    });
    written.collect()
}

/// Looks for the signature among the texts that are signed and the keys that are used by mistake.
fn mistake(case: &Case<'_>, document: Option<&Document<'_>>, tag: &[u8]) -> Option<Verdict> {
    let keys = keys::keys(case);
    let found = |text: SignedText, bytes: &[u8], forms: &[KeyForm]| {
        let key = keys.iter().find(|key| forms.contains(&key.form) && would_sign(&key.bytes, bytes, tag))?;
        let difference = Difference::between(case.body, bytes);
        Some(Verdict::Mistaken(Mistake { key: key.key, key_form: key.form, text, difference }))
    };
    let near = near_texts(case.body, document);
    let of_near = near.iter().find_map(|(text, bytes)| found(*text, bytes, &KeyForm::ALL));
    if of_near.is_some() {
        return of_near;
    }
    let document = document?;
    let mut tried: HashSet<String> = HashSet::new();
    // Two rare mistakes at once are not looked for: a body of the largest size would take minutes.
    Style::all().into_iter().find_map(|style| {
        let text = style.write(document);
        let verdict =
            (!tried.contains(&text)).then(|| found(SignedText::Foreign(style), text.as_bytes(), &[KeyForm::Plain]));
        tried.insert(text);
        verdict.flatten()
    })
}

/// The body, what its way through files does to it, and its forms.
fn near_texts(body: &[u8], document: Option<&Document<'_>>) -> Vec<(SignedText, Vec<u8>)> {
    let mut texts = vec![(SignedText::Form(Form::Raw), body.to_vec())];
    if let Some(document) = document {
        let written = |form| (SignedText::Form(form), canonical::write(document, form).into_bytes());
        texts.extend(Form::WRITTEN.map(written));
    }
    texts.push((SignedText::WithoutNewline, body.trim_ascii_end().to_vec()));
    texts.push((SignedText::WithNewline, [body, b"\n"].concat()));
    if let Some(rest) = body.strip_prefix("\u{feff}".as_bytes()) {
        texts.push((SignedText::WithoutMark, rest.to_vec()));
    }
    let next = body.iter().skip(1).copied().map(Some).chain([None]);
    let unix = body.iter().copied().zip(next).filter(|pair| *pair != (b'\r', Some(b'\n')));
    texts.push((SignedText::WithUnixLines, unix.map(|(byte, _)| byte).collect()));
    texts
}

impl fmt::Display for SignedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form(form) => write!(f, "the form `{}`", form.as_str()),
            Self::WithoutNewline => f.write_str("the body without the blanks or line end that follow it"),
            Self::WithNewline => f.write_str("the body with a line end after it"),
            Self::WithoutMark => f.write_str("the body without the byte order mark before it"),
            Self::WithUnixLines => f.write_str("the body with its lines ended by LF, not CR LF"),
            Self::Foreign(style) => match style.oddities().as_slice() {
                // Only keys that stand twice make a text that is no form of the body.
                [] => f.write_str("the body with each key once"),
                oddities => write!(f, "the body with: {}", oddities.join("; ")),
            },
        }
    }
}
