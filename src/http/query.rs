//! Reads the query string strictly: what breaks its rule is refused with a sentence, never bent.
//!
//! Unknown parameters are ignored; of a repeated one the first counts. Rules: contract, sections 1 and 3.

use actix_web::HttpRequest;
use data_encoding::HEXLOWER_PERMISSIVE;

use crate::domain::order::StatusName;
use crate::domain::time::Timestamp;

use super::error::ApiError;

/// The longest cursor that is looked at.
const CURSOR_CHARS_MAX: usize = 512;

/// What a time must be, as the end of a sentence.
pub const TIME_RULE: &str = "must be an RFC 3339 time such as 2026-05-12T13:00:00.000Z or 2026-05-12T15:00:00+02:00";

/// The parameters of one request, decoded.
#[derive(Debug)]
pub struct Query(Vec<(String, String)>);

/// Where a list starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start<P> {
    /// At the newest.
    Newest,
    /// After this place.
    After(P),
    /// Nowhere: the cursor is none of ours, and its page is empty.
    Nowhere,
}

/// How many of something, such as rows of a page.
#[derive(Debug, Clone, Copy)]
pub struct LimitRule {
    /// At most so many.
    pub max: usize,
    /// So many if nothing is said.
    pub default: usize,
}

/// A span of time, inclusive at its beginning.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Between {
    /// Then or later.
    pub after: Option<Timestamp>,
    /// Earlier.
    pub before: Option<Timestamp>,
}

fn refused<T>(sentence: String) -> Result<T, ApiError> {
    Err(ApiError::BadRequest(sentence.into()))
}

impl Query {
    /// Reads the query of a request.
    ///
    /// # Errors
    /// 400 if it cannot be decoded.
    pub fn of(request: &HttpRequest) -> Result<Self, ApiError> {
        Self::parse(request.query_string())
    }

    /// Reads the text of a query, or of a form that was sent.
    ///
    /// # Errors
    /// 400 if it cannot be decoded.
    pub fn parse(text: &str) -> Result<Self, ApiError> {
        let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decoded(name), decoded(value));
            let name = String::from_utf8_lossy(&name).into_owned();
            match String::from_utf8(value) {
                Ok(value) => Ok((name, value)),
                // A cursor that is no text is a strange one, which has an answer of its own.
                Err(bytes) if name == "cursor" => Ok((name, String::from_utf8_lossy(bytes.as_bytes()).into_owned())),
                Err(_) => refused("The query string must be UTF-8.".to_owned()),
            }
        });
        pairs.collect::<Result<_, _>>().map(Self)
    }

    /// Without what is blank: a browser sends every field of a form, and one that was left empty asks for nothing.
    #[must_use]
    pub fn filled(mut self) -> Self {
        self.0.retain(|(_, value)| !value.trim().is_empty());
        self
    }

    /// With what `change` makes of each value.
    #[must_use]
    pub fn changed(mut self, change: impl Fn(&str, &str) -> String) -> Self {
        self.0.iter_mut().for_each(|(name, value)| *value = change(name, value));
        self
    }

    /// All parameters with their values, in their order.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The first value of a parameter.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// `limit`, an integer in its range.
    ///
    /// # Errors
    /// 400 outside of it.
    pub fn limit(&self, rule: LimitRule) -> Result<usize, ApiError> {
        self.count("limit", rule)
    }

    /// How many of something, an integer in its range.
    ///
    /// # Errors
    /// 400 outside of it.
    pub fn count(&self, name: &str, rule: LimitRule) -> Result<usize, ApiError> {
        let Some(text) = self.get(name) else { return Ok(rule.default) };
        match digits(text).and_then(|count| usize::try_from(count).ok()) {
            Some(count) if (1..=rule.max).contains(&count) => Ok(count),
            Some(_) | None => refused(format!("{name} must be an integer between 1 and {}.", rule.max)),
        }
    }

    /// `wait`, whole seconds.
    ///
    /// # Errors
    /// 400 if it is not one of 0 to `max`.
    pub fn wait_seconds(&self, max: u64) -> Result<Option<u64>, ApiError> {
        let Some(text) = self.get("wait") else { return Ok(None) };
        match digits(text) {
            Some(seconds) if seconds <= max => Ok(Some(seconds)),
            Some(_) | None => refused(format!("wait must be an integer between 0 and {max}.")),
        }
    }

    /// `status`, one of the six.
    ///
    /// # Errors
    /// 400 for any other word.
    pub fn status(&self) -> Result<Option<StatusName>, ApiError> {
        self.word("status", &StatusName::ALL, StatusName::as_str)
    }

    /// One of a set of words, by its name.
    ///
    /// # Errors
    /// 400 for any other word.
    pub fn word<W: Copy>(&self, name: &str, all: &[W], named: fn(W) -> &'static str) -> Result<Option<W>, ApiError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let known = all.iter().copied().find(|word| named(*word) == text);
        let names = || all.iter().map(|word| named(*word)).collect::<Vec<_>>().join(", ");
        known.map_or_else(|| refused(format!("{name} must be one of {}.", names())), |word| Ok(Some(word)))
    }

    /// A switch, off if nothing is said.
    ///
    /// # Errors
    /// 400 unless it is one of `0`, `1`, `true` and `false`.
    pub fn switch(&self, name: &str) -> Result<bool, ApiError> {
        match self.get(name) {
            None | Some("0" | "false") => Ok(false),
            Some("1" | "true") => Ok(true),
            Some(_) => refused(format!("{name} must be 0, 1, true or false.")),
        }
    }

    /// A time.
    ///
    /// # Errors
    /// 400 unless it is RFC 3339.
    pub fn time(&self, name: &str) -> Result<Option<Timestamp>, ApiError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        // A plus sign that was not escaped arrives as a blank, and before an offset it can be nothing else.
        let place = text.len().saturating_sub("+00:00".len());
        let unescaped = text.split_at_checked(place).and_then(|(time, offset)| Some((time, offset.strip_prefix(' ')?)));
        let unescaped = unescaped.map(|(time, offset)| format!("{time}+{offset}"));
        match Timestamp::parse(unescaped.as_deref().unwrap_or(text)) {
            Some(time) => Ok(Some(time)),
            None => refused(format!("{name} {TIME_RULE}; a query spells the + as %2B.")),
        }
    }

    /// A span of time from `<what>_after` to `<what>_before`.
    ///
    /// # Errors
    /// 400 if either is no time, or the end is not after the beginning.
    pub fn between(&self, what: &str) -> Result<Between, ApiError> {
        let after = self.time(&format!("{what}_after"))?;
        let before = self.time(&format!("{what}_before"))?;
        match (after, before) {
            (Some(begin), Some(end)) if end <= begin => {
                refused(format!("{what}_before must be strictly greater than {what}_after."))
            }
            _ => Ok(Between { after, before }),
        }
    }

    /// `cursor`, read by the list it belongs to.
    ///
    /// # Errors
    /// 400 if it is empty or longer than any of ours can be.
    pub fn start<P>(&self, read: impl FnOnce(&str) -> Option<P>) -> Result<Start<P>, ApiError> {
        let Some(text) = self.get("cursor") else { return Ok(Start::Newest) };
        if !(1..=CURSOR_CHARS_MAX).contains(&text.chars().count()) {
            return refused(format!("cursor must be between 1 and {CURSOR_CHARS_MAX} characters."));
        }
        Ok(read(text).map_or(Start::Nowhere, Start::After))
    }

    /// A text of 1 to `max` characters.
    ///
    /// # Errors
    /// 400 outside of that, or with a NUL, which no stored text has.
    pub fn text(&self, name: &str, max: usize) -> Result<Option<String>, ApiError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        if !(1..=max).contains(&text.chars().count()) {
            return refused(format!("{name} must be between 1 and {max} characters."));
        }
        if text.contains('\0') {
            return refused(format!("{name} must not contain NUL characters."));
        }
        Ok(Some(text.to_owned()))
    }
}

/// Undoes the escapes of a form: `+` is a blank, `%41` an `A`. A `%` that begins no escape is itself.
fn decoded(text: &str) -> Vec<u8> {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let Some((&first, after)) = rest.split_first() {
        let escape =
            after.get(..2).filter(|_| first == b'%').and_then(|digits| HEXLOWER_PERMISSIVE.decode(digits).ok());
        match (first, escape) {
            (_, Some(byte)) => {
                bytes.extend(byte);
                rest = after.get(2..).unwrap_or_default();
                continue;
            }
            (b'+', None) => bytes.push(b' '),
            (other, None) => bytes.push(other),
        }
        rest = after;
    }
    bytes
}

/// A whole number without sign or blank.
fn digits(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: LimitRule = LimitRule { max: 100, default: 50 };

    fn query(text: &str) -> Query {
        Query::parse(text).unwrap()
    }

    fn sentence<T: std::fmt::Debug>(result: Result<T, ApiError>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn a_limit_is_refused_never_clamped() {
        assert_eq!(query("").limit(RULE).unwrap(), 50);
        assert_eq!(query("limit=100").limit(RULE).unwrap(), 100);
        for wrong in ["0", "101", "-1", "1.5", "", "+5", "ten", "99999999999999999999999"] {
            let told = sentence(query(&format!("limit={}", wrong.replace('+', "%2B"))).limit(RULE));
            assert_eq!(told, "limit must be an integer between 1 and 100.", "{wrong}");
        }
    }

    #[test]
    fn times_are_read_with_z_and_with_a_plus_even_unescaped() {
        for text in [
            "2026-05-12T13:00:00Z",
            "2026-05-12T13:00:00%2B00:00",
            "2026-05-12T13:00:00+00:00",
            "2026-05-12T15:30:00+02:30",
            "2026-05-12T15:30:00%2B02:30",
            "2026-05-12T04:00:00-09:00",
        ] {
            let time = query(&format!("created_after={text}")).time("created_after").unwrap();
            assert_eq!(time.unwrap().to_string(), "2026-05-12T13:00:00.000Z");
        }
        for none in ["yesterday", "2026-05-12+13:00", "%C3%BC+13:00"] {
            let told = sentence(query(&format!("created_after={none}")).time("created_after"));
            assert_eq!(told, format!("created_after {TIME_RULE}; a query spells the + as %2B."), "{none}");
        }
    }

    #[test]
    fn an_end_must_come_after_its_beginning() {
        let same = "created_after=2026-05-12T13:00:00Z&created_before=2026-05-12T13:00:00Z";
        assert_eq!(
            sentence(query(same).between("created")),
            "created_before must be strictly greater than created_after."
        );
    }

    #[test]
    fn a_strange_cursor_starts_nowhere_and_an_endless_one_is_refused() {
        let nothing = |_: &str| None::<()>;
        assert_eq!(query("").start(nothing).unwrap(), Start::Newest);
        assert_eq!(query("cursor=%00%FF").start(nothing).unwrap(), Start::Nowhere);
        assert_eq!(query(&format!("cursor={}", "a".repeat(512))).start(nothing).unwrap(), Start::Nowhere);
        assert!(query(&format!("cursor={}", "a".repeat(513))).start(nothing).is_err());
    }

    #[test]
    fn a_search_is_counted_in_characters_and_has_no_nul() {
        assert_eq!(query(&format!("search={}", "%C3%BC".repeat(200))).text("search", 200).unwrap().unwrap().len(), 400);
        assert!(query(&format!("search={}", "a".repeat(201))).text("search", 200).is_err());
        assert!(query("search=").text("search", 200).is_err());
        assert!(query("search=a%00").text("search", 200).is_err());
    }

    #[test]
    fn escapes_are_undone_and_what_is_no_text_is_refused() {
        for (text, name, value) in [
            ("a=b+c%2Bd%C3%BC", "a", "b c+d\u{fc}"),
            ("a=100%&b=%zz", "b", "%zz"),
            ("a=100%&b=%zz", "a", "100%"),
            ("&&a%3D=1=2&", "a=", "1=2"),
            ("a", "a", ""),
            ("a=1&a=2", "a", "1"),
        ] {
            assert_eq!(query(text).get(name), Some(value), "{text}");
        }
        assert_eq!(sentence(Query::parse("search=%FF")), "The query string must be UTF-8.");
    }

    #[test]
    fn a_status_is_one_of_the_six() {
        assert_eq!(query("status=paid").status().unwrap(), Some(StatusName::Paid));
        assert!(sentence(query("status=PAID").status()).starts_with("status must be one of pending, confirming"));
    }
}
