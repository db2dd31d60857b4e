//! The keys that a signature may have been made with by mistake: what people do to a secret on its way.

use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER_PERMISSIVE};

use super::Case;

/// What was signed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// An IPN secret, by its place.
    Secret(usize),
    /// Another secret of the account, by its place.
    Other(usize),
    /// Nothing: anybody can sign so.
    Empty,
}

/// What became of a key's text before it was signed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyForm {
    /// Nothing; that is right.
    Plain,
    /// It was read as base64.
    FromBase64,
    /// It was read as hex.
    FromHex,
    /// The end of its line was kept.
    WithNewline,
    /// The same, as Windows writes it.
    WithCarriageReturn,
    /// The quotes of a settings file were kept.
    Quoted,
}

/// A key that may have been signed with.
pub(super) struct Candidate {
    pub(super) key: Key,
    pub(super) form: KeyForm,
    pub(super) bytes: Vec<u8>,
}

/// All keys that are tried, the right ones first.
pub(super) fn keys(case: &Case<'_>) -> Vec<Candidate> {
    let secrets = case.secrets.iter().enumerate().map(|(place, secret)| (Key::Secret(place), secret.trim()));
    let others = case.others.iter().enumerate().map(|(place, other)| (Key::Other(place), other.trim()));
    let named: Vec<(Key, &str)> = secrets.chain(others).chain([(Key::Empty, "")]).collect();
    let formed = |form: KeyForm| {
        let candidate = move |(key, text): &(Key, &str)| {
            let bytes = form.apply(text)?;
            Some(Candidate { key: *key, form, bytes })
        };
        named.iter().filter_map(candidate).collect::<Vec<_>>()
    };
    KeyForm::ALL.into_iter().flat_map(formed).collect()
}

impl KeyForm {
    pub(super) const ALL: [Self; 6] =
        [Self::Plain, Self::FromBase64, Self::FromHex, Self::WithNewline, Self::WithCarriageReturn, Self::Quoted];

    fn apply(self, text: &str) -> Option<Vec<u8>> {
        let unpadded = text.trim_end_matches('=').as_bytes();
        match self {
            Self::Plain => Some(text.as_bytes().to_vec()),
            // An empty key has no other writing.
            _ if text.is_empty() => None,
            Self::FromBase64 => BASE64_NOPAD.decode(unpadded).or_else(|_| BASE64URL_NOPAD.decode(unpadded)).ok(),
            Self::FromHex => HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok(),
            Self::WithNewline => Some(format!("{text}\n").into_bytes()),
            Self::WithCarriageReturn => Some(format!("{text}\r\n").into_bytes()),
            Self::Quoted => Some(format!("\"{text}\"").into_bytes()),
        }
    }

    /// What went wrong with the key, in one phrase; none for what is right.
    #[must_use]
    pub fn oddity(self) -> Option<&'static str> {
        Some(match self {
            Self::Plain => return None,
            Self::FromBase64 => "decoded as base64, where its text itself is the key",
            Self::FromHex => "decoded as hex, where its text itself is the key",
            Self::WithNewline => "with the end of its line still at its end",
            Self::WithCarriageReturn => "with the end of its line (CR LF) still at its end",
            Self::Quoted => "with quotes around it",
        })
    }
}
