//! The frame of every operators' page: where one is, where else one can go, who one is, and what was just done.

use actix_web::HttpRequest;

use crate::http::query::Query;

use super::session::Visitor;

/// The pages that the navigation names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// Numbers and charts.
    Overview,
    /// The list of orders, and each of them.
    Orders,
    /// What somebody should look at.
    Attention,
    /// Webhooks that were given up.
    DeadLetters,
    /// Failing what is pending too long.
    Sweep,
    /// Keys of checkouts, by account.
    Idempotency,
    /// Who did what.
    AuditLog,
}

impl Section {
    const ALL: [Self; 7] = [
        Self::Overview,
        Self::Orders,
        Self::Attention,
        Self::DeadLetters,
        Self::Sweep,
        Self::Idempotency,
        Self::AuditLog,
    ];

    /// Its name in the navigation.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Orders => "Orders",
            Self::Attention => "Attention",
            Self::DeadLetters => "Dead letters",
            Self::Sweep => "Sweep",
            Self::Idempotency => "Idempotency keys",
            Self::AuditLog => "Audit log",
        }
    }

    /// Where it is.
    #[must_use]
    pub fn address(self) -> &'static str {
        match self {
            Self::Overview => "/admin",
            Self::Orders => "/admin/orders",
            Self::Attention => "/admin/attention",
            Self::DeadLetters => "/admin/dead-letters",
            Self::Sweep => "/admin/sweep",
            Self::Idempotency => "/admin/idempotency",
            Self::AuditLog => "/admin/audit-log",
        }
    }
}

/// What was just done, told once on the page that a form leads to (`?done=note-saved`). Only these words are
/// shown: what stands in an address is nobody's word.
const DONE: &[(&str, &str)] = &[
    ("note-saved", "The note is saved."),
    ("ipn-applied", "The provider's word was applied, and the order has moved."),
    ("ipn-unmoved", "The provider's word was taken down; it did not move the order."),
    ("accepted", "The payment was accepted: the order is paid."),
    ("rest-asked", "A further payment for the rest was made; its address is below and on the buyer's page."),
    ("expired", "The order was swept: it has failed, and its merchant is told."),
    ("not-expired", "The order was not swept: it is no longer pending, or its pay window is still open."),
    ("swept", "The ticked orders that were still pending are swept. Each is on the audit log."),
    ("replayed", "The webhook is queued again and goes out at once."),
    ("requeued", "The webhook is queued again with a fresh schedule."),
    ("discarded", "The webhook is discarded and will not be sent."),
    ("resolved", "The item is resolved."),
];

/// What the frame shows.
pub struct Shell {
    /// Who is signed in.
    pub key_name: String,
    /// What every form carries.
    pub form_token: String,
    /// What was just done, if anything.
    pub notice: Option<&'static str>,
    section: Section,
}

impl Shell {
    /// The frame of a page of this section.
    #[must_use]
    pub fn new(visitor: &Visitor, request: &HttpRequest, section: Section) -> Self {
        let query = Query::of(request).ok();
        let done = query.as_ref().and_then(|query| query.get("done"));
        let notice = done.and_then(|done| DONE.iter().find(|(known, _)| *known == done)).map(|(_, told)| *told);
        Self { key_name: visitor.key_name.clone(), form_token: visitor.form_token().to_owned(), notice, section }
    }

    /// The pages that the navigation names.
    pub fn sections(&self) -> impl Iterator<Item = Section> {
        Section::ALL.into_iter()
    }

    /// True for the section that this page is of.
    #[must_use]
    pub fn is_in(&self, section: &Section) -> bool {
        self.section == *section
    }
}
