//! What may become of a payment, as tables: what happens when, and how it is told.
//!
//! A table says nothing of amounts: what arrives is a share of what was asked. `world.rs` plays it in
//! virtual time. Those that are about the creation itself have no steps, but a [`Fault`].

/// What becomes of a payment, or of its creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scenario {
    /// Nobody pays.
    Pending,
    /// It is paid within two minutes.
    Success,
    /// It is paid, and the chain takes three hours.
    Slow,
    /// Six tenths arrive.
    Partial,
    /// Six tenths arrive, and the rest later: to the payment of a top-up, or else as a child deposit.
    PartialThenTopUp,
    /// A quarter more arrives than was asked.
    Overpaid,
    /// It is paid two hours later.
    Late,
    /// Dust of another coin arrives at the address.
    WrongAsset,
    /// It is paid, and goes back an hour later.
    Refund,
    /// The provider gives it up.
    Failed,
    /// The provider's own window ends.
    Expired,
    /// It is paid, and everything is told twice.
    Duplicates,
    /// It is paid, and the end is told before the beginning.
    OutOfOrder,
    /// It is paid, and nothing is told: only who asks hears of it.
    Silent,
    /// The payment is made, and the answer is lost.
    LostAnswer,
    /// The payment is made, and no answer ever comes.
    TimeOut,
    /// No payment is made, and no answer ever comes.
    TimeOutUnmade,
    /// Nothing is made: too many requests.
    RateLimited,
    /// Nothing is made: an error page of whoever stands before the provider.
    HtmlError,
}

/// What goes wrong with a creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The connection ends without a byte.
    CutAfterMaking,
    /// The payment is made, and the connection stays open without a byte.
    HangAfterMaking,
    /// Nothing is made, and the connection stays open without a byte.
    Hang,
    /// 429 with `Retry-After`.
    TooMany,
    /// 502 with a page of HTML.
    Page,
}

/// One thing that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    /// Seconds after the payer began.
    pub(super) after_seconds: i64,
    /// The provider's word from here on.
    pub(super) word: &'static str,
    /// What has arrived by then, as hundredths of what was asked.
    pub(super) percent: u32,
    /// Where it arrives.
    pub(super) place: Place,
    /// How it is told.
    pub(super) telling: Telling,
}

/// Where money arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In the payment itself.
    Payment,
    /// What is still missing, in the payment of a top-up that waits, or as a child deposit.
    Rest,
    /// As a child deposit in another coin; the share is not looked at.
    Stray,
}

/// How a step is told by IPN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Telling {
    /// Once, at once.
    Once,
    /// Twice, the same bytes.
    Twice,
    /// Once, so many seconds later.
    Late(i64),
    /// Not at all.
    Never,
}

const fn step(after_seconds: i64, word: &'static str, percent: u32) -> Step {
    Step { after_seconds, word, percent, place: Place::Payment, telling: Telling::Once }
}

const fn elsewhere(after_seconds: i64, word: &'static str, place: Place) -> Step {
    Step { after_seconds, word, percent: 0, place, telling: Telling::Once }
}

const fn told(step: Step, telling: Telling) -> Step {
    Step { telling, ..step }
}

const SUCCESS: [Step; 4] =
    [step(30, "confirming", 100), step(60, "confirmed", 100), step(90, "sending", 100), step(120, "finished", 100)];

const SLOW: [Step; 4] = [
    step(60, "confirming", 100),
    step(10_800, "confirmed", 100),
    step(10_860, "sending", 100),
    step(10_920, "finished", 100),
];

const PARTIAL: [Step; 2] = [step(30, "confirming", 60), step(120, "partially_paid", 60)];

const PARTIAL_THEN_TOP_UP: [Step; 3] =
    [step(30, "confirming", 60), step(120, "partially_paid", 60), elsewhere(1_200, "finished", Place::Rest)];

const OVERPAID: [Step; 4] =
    [step(30, "confirming", 125), step(60, "confirmed", 125), step(90, "sending", 125), step(120, "finished", 125)];

const LATE: [Step; 4] = [
    step(7_200, "confirming", 100),
    step(7_230, "confirmed", 100),
    step(7_260, "sending", 100),
    step(7_290, "finished", 100),
];

const WRONG_ASSET: [Step; 1] = [elsewhere(60, "finished", Place::Stray)];

const REFUND: [Step; 5] = [
    step(30, "confirming", 100),
    step(60, "confirmed", 100),
    step(90, "sending", 100),
    step(120, "finished", 100),
    step(3_600, "refunded", 100),
];

const FAILED: [Step; 1] = [step(60, "failed", 0)];

const EXPIRED: [Step; 1] = [step(60, "expired", 0)];

const DUPLICATES: [Step; 4] = [
    told(step(30, "confirming", 100), Telling::Twice),
    told(step(60, "confirmed", 100), Telling::Twice),
    told(step(90, "sending", 100), Telling::Twice),
    told(step(120, "finished", 100), Telling::Twice),
];

/// Told as finished, sending, confirmed, confirming.
const OUT_OF_ORDER: [Step; 4] = [
    told(step(30, "confirming", 100), Telling::Late(180)),
    told(step(60, "confirmed", 100), Telling::Late(120)),
    told(step(90, "sending", 100), Telling::Late(60)),
    step(120, "finished", 100),
];

const SILENT: [Step; 4] = [
    told(step(30, "confirming", 100), Telling::Never),
    told(step(60, "confirmed", 100), Telling::Never),
    told(step(90, "sending", 100), Telling::Never),
    told(step(120, "finished", 100), Telling::Never),
];

impl Scenario {
    /// All of them.
    pub const ALL: [Self; 19] = [
        Self::Pending,
        Self::Success,
        Self::Slow,
        Self::Partial,
        Self::PartialThenTopUp,
        Self::Overpaid,
        Self::Late,
        Self::WrongAsset,
        Self::Refund,
        Self::Failed,
        Self::Expired,
        Self::Duplicates,
        Self::OutOfOrder,
        Self::Silent,
        Self::LostAnswer,
        Self::TimeOut,
        Self::TimeOutUnmade,
        Self::RateLimited,
        Self::HtmlError,
    ];

    /// Reads a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scenario| scenario.as_str() == name)
    }

    /// The name on the wire and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Success => "success",
            Self::Slow => "slow",
            Self::Partial => "partial",
            Self::PartialThenTopUp => "partial-then-top-up",
            Self::Overpaid => "overpaid",
            Self::Late => "late",
            Self::WrongAsset => "wrong-asset",
            Self::Refund => "refund",
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::Duplicates => "duplicates",
            Self::OutOfOrder => "out-of-order",
            Self::Silent => "silent",
            Self::LostAnswer => "lost-answer",
            Self::TimeOut => "time-out",
            Self::TimeOutUnmade => "time-out-unmade",
            Self::RateLimited => "rate-limited",
            Self::HtmlError => "html-error",
        }
    }

    /// True if it is about the creation, and not about a payment that is there.
    #[must_use]
    pub fn is_of_creation(self) -> bool {
        self.fault().is_some()
    }

    /// What happens, in the order of its times.
    pub(super) fn steps(self) -> &'static [Step] {
        match self {
            Self::Success => &SUCCESS,
            Self::Slow => &SLOW,
            Self::Partial => &PARTIAL,
            Self::PartialThenTopUp => &PARTIAL_THEN_TOP_UP,
            Self::Overpaid => &OVERPAID,
            Self::Late => &LATE,
            Self::WrongAsset => &WRONG_ASSET,
            Self::Refund => &REFUND,
            Self::Failed => &FAILED,
            Self::Expired => &EXPIRED,
            Self::Duplicates => &DUPLICATES,
            Self::OutOfOrder => &OUT_OF_ORDER,
            Self::Silent => &SILENT,
            Self::Pending
            | Self::LostAnswer
            | Self::TimeOut
            | Self::TimeOutUnmade
            | Self::RateLimited
            | Self::HtmlError => &[],
        }
    }

    /// What goes wrong with the creation.
    pub(super) fn fault(self) -> Option<Fault> {
        match self {
            Self::LostAnswer => Some(Fault::CutAfterMaking),
            Self::TimeOut => Some(Fault::HangAfterMaking),
            Self::TimeOutUnmade => Some(Fault::Hang),
            Self::RateLimited => Some(Fault::TooMany),
            Self::HtmlError => Some(Fault::Page),
            Self::Pending
            | Self::Success
            | Self::Slow
            | Self::Partial
            | Self::PartialThenTopUp
            | Self::Overpaid
            | Self::Late
            | Self::WrongAsset
            | Self::Refund
            | Self::Failed
            | Self::Expired
            | Self::Duplicates
            | Self::OutOfOrder
            | Self::Silent => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_is_found_by_its_name() {
        for scenario in Scenario::ALL {
            assert_eq!(Scenario::parse(scenario.as_str()), Some(scenario));
        }
        assert_eq!(Scenario::parse("Success"), None);
    }

    #[test]
    fn the_steps_of_a_table_stand_in_the_order_of_their_times() {
        for scenario in Scenario::ALL {
            assert!(scenario.steps().is_sorted_by_key(|step| step.after_seconds), "{scenario:?}");
            assert!(!scenario.is_of_creation() || scenario.steps().is_empty(), "{scenario:?}");
        }
    }
}
