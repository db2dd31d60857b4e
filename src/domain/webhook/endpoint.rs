//! A merchant's endpoint: where events are sent, which of them, and how it has been doing.
//!
//! Its rules are here (what may be subscribed to, when it is given up); `http/webhooks/` asks, the courier tells
//! how attempts went, `store` keeps the outcome.

use super::secret::EndpointSecret;
use crate::domain::ids::{AccountId, WebhookId};
use crate::domain::time::{Span, Timestamp};

/// How many endpoints of an account may be in use at once.
pub const ENDPOINTS_MAX: usize = 10;
/// The most characters of a description.
pub const DESCRIPTION_CHARS_MAX: usize = 200;
/// The most characters of a URL.
pub const URL_CHARS_MAX: usize = 2048;
/// The most event types that one request may name.
pub const EVENTS_NAMED_MAX: usize = 10;
/// After so many failed attempts in a row an endpoint is disabled.
pub const FAILURES_IN_A_ROW_MAX: i64 = 50;
/// How many pings an endpoint takes within [`PINGS_WITHIN`]: each is kept for a while, and so are the answers to it.
pub const PINGS_MAX: i64 = 10;
/// The time in which pings are counted.
pub const PINGS_WITHIN: Span = Span::minutes(1);
/// How long both secrets sign after a rotation.
pub const ROTATION_GRACE: Span = Span::hours(24);

/// What can be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventType {
    /// An order became `paid`.
    OrderPaid,
    /// An order became `failed`.
    OrderFailed,
    /// An order became `partial`, or more arrived for one that was.
    OrderPartial,
    /// Asked for by the merchant, to see that an endpoint works.
    TestPing,
}

impl EventType {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::OrderPaid, Self::OrderFailed, Self::OrderPartial, Self::TestPing];
    /// Those that can be subscribed to; a ping comes only when it is asked for.
    pub const SUBSCRIBED: [Self; 3] = [Self::OrderPaid, Self::OrderFailed, Self::OrderPartial];

    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OrderPaid => "crypto.order.paid",
            Self::OrderFailed => "crypto.order.failed",
            Self::OrderPartial => "crypto.order.partial",
            Self::TestPing => "test.ping",
        }
    }

    /// Reads a name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.as_str() == text)
    }
}

/// An endpoint as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Its id.
    pub id: WebhookId,
    /// Whose it is.
    pub account_id: AccountId,
    /// Where events are sent.
    pub url: String,
    /// What they are signed with.
    pub secret: EndpointSecret,
    /// What they were signed with before a rotation, and until when they still are.
    pub previous: Option<PreviousSecret>,
    /// What it is told, each once.
    pub events: Vec<EventType>,
    /// What its owner calls it.
    pub description: Option<String>,
    /// Whether it is sent anything.
    pub standing: Standing,
    /// How its attempts went.
    pub health: Health,
    /// Where its deliveries stand.
    pub counts: DeliveryCounts,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A secret whose time runs out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviousSecret {
    /// The secret.
    pub secret: EndpointSecret,
    /// It signs before that time.
    pub until: Timestamp,
}

impl PreviousSecret {
    fn signs_at(&self, now: Timestamp) -> bool {
        now < self.until
    }
}

/// The secrets that sign at this time, the present one first.
#[must_use]
pub fn secrets_at(now: Timestamp, secret: EndpointSecret, previous: Option<PreviousSecret>) -> Vec<EndpointSecret> {
    let grace = previous.filter(|previous| previous.signs_at(now)).map(|previous| previous.secret);
    std::iter::once(secret).chain(grace).collect()
}

/// Whether an endpoint is sent anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It gets what it subscribed to.
    Active,
    /// Its owner paused it: nothing new is queued, and what waits goes on waiting.
    Paused,
    /// It failed too often or said that it is gone. It stays so.
    Disabled {
        /// When.
        at: Timestamp,
    },
    /// Its owner deleted it.
    Deleted {
        /// When.
        at: Timestamp,
    },
}

impl Standing {
    /// True if it will never be sent anything again.
    #[must_use]
    pub fn is_over(self) -> bool {
        matches!(self, Self::Disabled { .. } | Self::Deleted { .. })
    }
}

/// How attempts at an endpoint went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Health {
    /// Failed attempts since the last success.
    pub consecutive_failures: i64,
    /// The newest success.
    pub last_success_at: Option<Timestamp>,
    /// The newest failure.
    pub last_failure_at: Option<Timestamp>,
}

/// How many deliveries of an endpoint stand where; those that wait for their first attempt are in none of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DeliveryCounts {
    /// Confirmed.
    pub delivered: i64,
    /// Attempted without success, to be attempted again or discarded.
    pub failed: i64,
    /// Given up.
    pub dlq: i64,
}

/// What its owner changes about an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// Where events are sent.
    Url(String),
    /// What it is told.
    Events(Vec<EventType>),
    /// What it is called.
    Description(Option<String>),
    /// Nothing more, for now.
    Pause,
    /// It is told again.
    Resume,
}

/// Why an endpoint does not do what its owner asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unable {
    /// It is deleted: to its owner there is none.
    Deleted,
    /// It is disabled, for good.
    Disabled {
        /// When.
        at: Timestamp,
        /// For what.
        because: Downfall,
    },
    /// It is paused, so nothing is sent.
    Paused,
    /// An earlier rotation is not over.
    GraceRuns {
        /// When it is.
        until: Timestamp,
    },
}

/// What an endpoint was disabled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Downfall {
    /// Too many failed attempts in a row.
    Failures,
    /// It said that it is gone.
    Gone,
}

impl Endpoint {
    /// Whether its owner may change it.
    ///
    /// # Errors
    /// [`Unable`], if it is over.
    pub fn may_change(&self) -> Result<(), Unable> {
        match self.standing {
            Standing::Active | Standing::Paused => Ok(()),
            Standing::Deleted { .. } => Err(Unable::Deleted),
            Standing::Disabled { at } => {
                let failures = self.health.consecutive_failures >= FAILURES_IN_A_ROW_MAX;
                let because = if failures { Downfall::Failures } else { Downfall::Gone };
                Err(Unable::Disabled { at, because })
            }
        }
    }

    /// Whether it may be sent a ping.
    ///
    /// # Errors
    /// [`Unable`], if it is over or paused.
    pub fn may_ping(&self) -> Result<(), Unable> {
        self.may_change()?;
        if self.standing == Standing::Paused { Err(Unable::Paused) } else { Ok(()) }
    }

    /// Whether it may get a new secret: a third one would end the first before its time.
    ///
    /// # Errors
    /// [`Unable`], if it is over, or an earlier rotation is not.
    pub fn may_rotate(&self, now: Timestamp) -> Result<(), Unable> {
        self.may_change()?;
        self.grace_at(now).map_or(Ok(()), |previous| Err(Unable::GraceRuns { until: previous.until }))
    }

    /// The earlier secret while it still signs.
    #[must_use]
    pub fn grace_at(&self, now: Timestamp) -> Option<&PreviousSecret> {
        self.previous.as_ref().filter(|previous| previous.signs_at(now))
    }
}
