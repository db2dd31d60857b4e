//! What goes wrong at the door of the operators' pages, and with forms.

use crate::http::problem::{Extensions, Problem, Slug, extended, plain};

/// Why a form is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FormRefusal {
    /// It stood on no page of ours, or on one of another session.
    Strange,
    /// It was filled in over an order that has changed since.
    Outdated,
    /// Too many keys were tried from there; after so many seconds one more may be.
    TooManyTries(u64),
}

const OUTDATED: &str = "The order has changed since you opened this page. Look at it as it is now, and decide again.";

/// The refusal as pages show it.
pub fn problem(refusal: FormRefusal) -> Problem {
    match refusal {
        FormRefusal::Strange => plain(
            Slug::Forbidden,
            "This form was not sent from a page of this service, or its session is another one by now. Nothing was \
             changed. Open the page again and send it once more.",
        ),
        FormRefusal::Outdated => {
            let extensions =
                Extensions { resource: Some("crypto_order"), field: Some("updated_at"), ..Extensions::default() };
            extended(Slug::Conflict, OUTDATED, extensions)
        }
        FormRefusal::TooManyTries(seconds) => {
            let extensions = Extensions { retry_after_seconds: Some(seconds), ..Extensions::default() };
            let detail = format!("Too many keys were tried from your address. Try again in {seconds} s.");
            extended(Slug::RateLimited, detail, extensions)
        }
    }
}
