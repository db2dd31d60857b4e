//! The filter of the list of orders: its form, and how times may be written in it.
//!
//! Browsers send a time without seconds and without a zone, and people type days: both are meant in UTC. The rest
//! is the API's own reading (`admin/list.rs`), which also says what is wrong.

use crate::domain::order::StatusName;
use crate::domain::time::Timestamp;
use crate::http::query::Query;

const TIMES: [&str; 4] = ["created_after", "created_before", "paid_after", "paid_before"];
const PASTED: [&str; 2] = ["payment_id", "account_id"];

/// What stands in the form.
pub struct Filters {
    pub status: String,
    pub search: String,
    pub payment_id: String,
    pub account_id: String,
    pub from: TimeField,
    pub to: TimeField,
    /// Parameters that the form has no field for, and must not lose.
    pub carried: Vec<(&'static str, String)>,
}

/// A field of a time. One that is none is shown as the text it is, so that it can be mended.
pub struct TimeField {
    pub kind: &'static str,
    pub value: String,
}

impl Filters {
    /// The form as the address has it.
    pub fn of(query: &Query) -> Self {
        let asked = |name| query.get(name).unwrap_or_default().to_owned();
        let carried = ["paid_after", "paid_before", "limit"].into_iter();
        Self {
            status: asked("status"),
            search: asked("search"),
            payment_id: asked("payment_id"),
            account_id: asked("account_id"),
            from: TimeField::of(&asked("created_after")),
            to: TimeField::of(&asked("created_before")),
            carried: carried.filter_map(|name| query.get(name).map(|value| (name, value.to_owned()))).collect(),
        }
    }

    /// The statuses to choose from.
    pub fn statuses(&self) -> impl Iterator<Item = &'static str> {
        StatusName::ALL.into_iter().map(StatusName::as_str)
    }

    /// True for the status that is chosen.
    pub fn is_chosen(&self, status: &str) -> bool {
        self.status == status
    }

    /// A status that is none, which the list of statuses cannot show.
    pub fn strange_status(&self) -> Option<&str> {
        (!self.status.is_empty() && StatusName::parse(&self.status).is_none()).then_some(&self.status)
    }

    /// The filter in words, one for each part; nothing if all orders are meant.
    pub fn words(&self) -> Vec<String> {
        let part = |name: &str, value: &str| (!value.is_empty()).then(|| format!("{name} {value}"));
        let carried =
            |wanted: &str| self.carried.iter().find(|(name, _)| *name == wanted).map_or("", |(_, value)| value);
        [
            part("status", &self.status),
            part("search", &self.search),
            part("payment id", &self.payment_id),
            part("account", &self.account_id),
            part("placed from", &self.from.value),
            part("placed before", &self.to.value),
            part("paid from", carried("paid_after")),
            part("paid before", carried("paid_before")),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

impl TimeField {
    fn of(text: &str) -> Self {
        if text.is_empty() {
            return Self { kind: "datetime-local", value: String::new() };
        }
        let Some(time) = Timestamp::parse(text) else { return Self { kind: "text", value: text.to_owned() } };
        let iso = time.to_string();
        let local = iso.trim_end_matches('Z').trim_end_matches(".000");
        // Seconds are shown only where there are some: the fewer, the easier to change.
        let local = local.strip_suffix(":00").filter(|_| local.len() == 19).unwrap_or(local);
        Self { kind: "datetime-local", value: local.to_owned() }
    }
}

/// The same parameters as the API wants them: times in full, and what is pasted without the blanks around it.
pub fn in_full(query: Query) -> Query {
    query.changed(|name, value| match name {
        _ if TIMES.contains(&name) => time_in_full(value),
        _ if PASTED.contains(&name) => value.trim().to_owned(),
        _ => value.to_owned(),
    })
}

fn time_in_full(text: &str) -> String {
    let text = text.trim();
    let spellings = ["", "Z", ":00Z", "T00:00:00Z"].iter().map(|rest| format!("{text}{rest}"));
    let time = spellings.into_iter().find_map(|spelling| Timestamp::parse(&spelling));
    time.map_or_else(|| text.to_owned(), |time| time.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_browsers_people_and_the_api_write_them() {
        for (written, meant) in [
            ("2026-05-12T13:00", "2026-05-12T13:00:00.000Z"),
            ("2026-05-12T13:00:07", "2026-05-12T13:00:07.000Z"),
            ("2026-05-12T13:00:07.5", "2026-05-12T13:00:07.500Z"),
            ("2026-05-12", "2026-05-12T00:00:00.000Z"),
            (" 2026-05-12T13:00:00Z ", "2026-05-12T13:00:00.000Z"),
            ("2026-05-12T13:00:00.123Z", "2026-05-12T13:00:00.123Z"),
            ("2026-05-12T13:00:00+00:00", "2026-05-12T13:00:00.000Z"),
            ("2026-05-12T13:00:00+02:00", "2026-05-12T11:00:00.000Z"),
            ("yesterday", "yesterday"),
            ("2026-05-32", "2026-05-32"),
        ] {
            assert_eq!(time_in_full(written), meant, "{written}");
        }
    }

    #[test]
    fn a_field_shows_the_time_as_a_browser_wants_it_and_what_is_none_as_text() {
        for (time, kind, value) in [
            ("2026-05-12T13:00:00.000Z", "datetime-local", "2026-05-12T13:00"),
            ("2026-05-12T13:00:07.000Z", "datetime-local", "2026-05-12T13:00:07"),
            ("2026-05-12T13:00:00.007Z", "datetime-local", "2026-05-12T13:00:00.007"),
            ("", "datetime-local", ""),
            ("yesterday", "text", "yesterday"),
        ] {
            let field = TimeField::of(time);
            assert_eq!((field.kind, field.value.as_str()), (kind, value));
            assert!(kind == "text" || value.is_empty() || time_in_full(value) == time, "{value} is read back");
        }
    }

    #[test]
    fn the_filter_is_told_in_words() {
        let query = in_full(Query::parse("status=failed&created_after=2026-05-12&paid_before=2026-05-13").unwrap());
        let words = Filters::of(&query).words();
        assert_eq!(words, ["status failed", "placed from 2026-05-12T00:00", "paid before 2026-05-13T00:00:00.000Z"]);
        assert_eq!(Filters::of(&Query::parse("cursor=x").unwrap()).words(), Vec::<String>::new());
    }
}
