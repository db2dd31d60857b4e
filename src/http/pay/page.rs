//! What the buyer's page shows, put together from the order; the templates beside this file write it.
//!
//! The part that changes is one template, which the page includes and which is sent by itself later: the two cannot
//! differ. An address is shown only while something may be sent to it: the bound payment's while the order is pending
//! and the window open, and that of the rest while an operator asks for one.

use askama::Template;

use crate::domain::catalogue::ProductCode;
use crate::domain::ids::OrderId;
use crate::domain::ledger::Payment;
use crate::domain::lifecycle::Moment;
use crate::domain::money_facts::MoneyFacts;
use crate::domain::order::{Order, Status};
use crate::domain::time::{Span, Timestamp};
use crate::http::pages::assets::pay_script_address;

use super::coin::{Named, named, ticker, wallet_address};
use super::qr::{Drawing, drawn};
use super::sentence::{Told, asked_for, told};

/// The whole page.
#[derive(Template)]
#[template(path = "pay.html", config = "src/http/pages/askama.toml")]
pub struct Page<'a> {
    script: &'static str,
    token: &'a str,
    order_id: OrderId,
    product: &'a ProductCode,
    price: String,
    placed_at: Moments,
    live: Live<'a>,
}

/// The part that changes.
#[derive(Template)]
#[template(path = "pay_live.html", config = "src/http/pages/askama.toml")]
pub struct Fragment<'a> {
    live: Live<'a>,
}

/// What changes.
struct Live<'a> {
    told: Told,
    ending: Ending,
    deadline: Option<Deadline>,
    due: Option<Due<'a>>,
}

/// Whether there may be more news.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    Open,
    Over,
}

/// Until when is paid.
struct Deadline {
    at: Moments,
    left_seconds: i64,
    left: String,
}

/// What is to be sent where.
struct Due<'a> {
    amount: Option<String>,
    ticker: String,
    coin: Named,
    address: &'a str,
    memo: Option<&'a str>,
    wallet: Option<String>,
    code: Option<Drawing>,
}

/// A time, for programs and for people.
struct Moments {
    iso: String,
    words: String,
}

impl<'a> Page<'a> {
    /// The page of an order, under this token.
    #[must_use]
    pub fn of(order: &'a Order, token: &'a str, at: &Moment) -> Self {
        Self {
            script: pay_script_address(),
            token,
            order_id: order.id,
            product: &order.product,
            price: format!("{} {}", order.price.in_major_units(), order.price.currency),
            placed_at: Moments::of(order.created_at),
            live: Live::of(order, at),
        }
    }
}

impl<'a> Fragment<'a> {
    /// The part of an order's page that changes.
    #[must_use]
    pub fn of(order: &'a Order, at: &Moment) -> Self {
        Self { live: Live::of(order, at) }
    }

    /// The same without how much time is left: what only that tells apart is no news.
    #[must_use]
    pub fn but_for_the_countdown(mut self) -> Self {
        if let Some(deadline) = &mut self.live.deadline {
            deadline.left_seconds = 0;
            deadline.left.clear();
        }
        self
    }
}

impl<'a> Live<'a> {
    fn of(order: &'a Order, at: &Moment) -> Self {
        let over = matches!(order.status, Status::Paid { .. });
        Self {
            told: told(order, at),
            ending: if over { Ending::Over } else { Ending::Open },
            deadline: window_end(order, at).map(|end| Deadline::of(end, at.now)),
            due: due(order, at).and_then(Due::of),
        }
    }

    fn is_over(&self) -> bool {
        self.ending == Ending::Over
    }
}

/// The end of the window, while it is open and the buyer is asked to pay: once money has come, in whatever coin or
/// under whatever word, nobody is to send the whole amount again.
fn window_end(order: &Order, at: &Moment) -> Option<Timestamp> {
    order.expires_at().filter(|end| at.now < *end && !MoneyFacts::of(order).is_seen())
}

/// The payment by which is paid now, if something is to be sent.
fn due<'a>(order: &'a Order, at: &Moment) -> Option<&'a Payment> {
    match order.status {
        Status::Pending { .. } => window_end(order, at).and_then(|_| order.ledger.bound()),
        Status::Partial => asked_for(order, at),
        Status::Confirming | Status::Paid { .. } | Status::Failed { .. } | Status::Cancelled => None,
    }
}

impl<'a> Due<'a> {
    fn of(payment: &'a Payment) -> Option<Self> {
        let pay_to = payment.pay_to.as_ref()?;
        let coin = payment.coin.as_ref()?;
        let amount = payment.pay_amount.as_ref();
        let wallet = amount.and_then(|amount| wallet_address(coin, pay_to, amount));
        Some(Self {
            amount: amount.map(ToString::to_string),
            ticker: ticker(coin),
            coin: named(coin, pay_to.network.as_deref()),
            address: &pay_to.address,
            memo: pay_to.extra_id.as_deref(),
            code: drawn(wallet.as_deref().unwrap_or(&pay_to.address)),
            wallet,
        })
    }
}

impl Deadline {
    fn of(end: Timestamp, now: Timestamp) -> Self {
        let left = end.since(now);
        Self { at: Moments::of(end), left_seconds: seconds(left), left: in_minutes(left) }
    }
}

impl Moments {
    fn of(at: Timestamp) -> Self {
        let iso = at.to_string();
        let minute = iso.get(..16).unwrap_or_default().replace('T', " ");
        Self { words: format!("{minute} UTC"), iso }
    }
}

fn seconds(span: Span) -> i64 {
    span.as_millis().div_euclid(1_000)
}

/// A length of time as people say it.
fn in_minutes(span: Span) -> String {
    match seconds(span).div_euclid(60) {
        0 => "less than a minute left".to_owned(),
        1 => "1 minute left".to_owned(),
        minutes => format!("{minutes} minutes left"),
    }
}
