//! `GET /v1/admin/crypto-orders/{order_id}/payments`: the ledger of an order, with its sums.
//!
//! What was asked for, what came, and what is part of the sum. Amounts are text, because a number of JSON loses
//! digits in many readers. The rules are `domain::ledger`'s; `top_up.rs` asks for what is missing.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use data_encoding::HEXLOWER;
use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use crate::domain::ids::{OrderId, PaymentId};
use crate::domain::ledger::{Payment, Role};
use crate::domain::money::Coin;
use crate::domain::money_facts::{MoneyFacts, PaymentMoney, SeenAmount};
use crate::domain::order::Order;
use crate::domain::time::Timestamp;
use crate::http::cursor::Records;
use crate::http::error::ApiError;
use crate::http::openapi::schemas::ExactAmount;
use crate::http::paging::{Asked, Paged};
use crate::http::query::Query;
use crate::http::{Shared, answer};
use crate::store::records::{Place, Stretch};

use super::any_order;

/// The payments of an order, and what they come to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrderPayments)]
pub struct Payments<'a> {
    #[serde(flatten)]
    page: Paged<Row<'a>>,
    /// What must arrive: quoted at checkout, else asked for by the first payment. Null until that is known.
    #[schema(required = true, value_type = Option<ExactAmount>)]
    owed: Option<String>,
    /// The settled sum of all payments that count, over all pages.
    #[schema(value_type = ExactAmount)]
    received: String,
    /// What is owed and was not received; never below 0. Null while what is owed is not known.
    #[schema(required = true, value_type = Option<ExactAmount>)]
    missing: Option<String>,
    /// What is settled beyond what is owed; never below 0. Null while what is owed is not known.
    #[schema(required = true, value_type = Option<ExactAmount>)]
    over: Option<String>,
    /// The coin of these four: the bound payment's.
    #[schema(required = true, example = "btc")]
    coin: Option<&'a str>,
    /// Every amount that was reported and is no part of `received`, over all pages, oldest payment first.
    uncounted: Vec<UncountedAmount<'a>>,
    /// What `received` was worth when it came, in major units of the order's `price_currency`. Null where the provider
    /// did not tell it of every payment that counts.
    #[schema(required = true, value_type = Option<ExactAmount>)]
    worth: Option<String>,
}

/// An amount that was reported for an order and is no part of the sum.
#[derive(Debug, Serialize, ToSchema)]
pub struct UncountedAmount<'a> {
    pub payment_id: &'a PaymentId,
    #[schema(value_type = ExactAmount)]
    pub amount: String,
    /// Its coin; null where the provider named none.
    #[schema(required = true, example = "usdtbsc")]
    pub coin: Option<&'a str>,
    /// The provider's newest word for its payment.
    #[schema(example = "finished")]
    pub provider_status: &'a str,
    /// `other_coin`: in another coin than the order's, or in one not known to be the same. `unsettled`: the provider's
    /// word does not settle it, or is not known. `returned`: the provider calls its payment failed, expired or
    /// refunded.
    #[schema(pattern = "^(other_coin|unsettled|returned)$", example = "other_coin")]
    pub standing: &'static str,
    /// What it was worth when it came, in major units of the order's `price_currency`; null where that is not known.
    #[schema(required = true, value_type = Option<ExactAmount>)]
    pub worth: Option<String>,
}

impl<'a> UncountedAmount<'a> {
    fn of(seen: &SeenAmount<'a>) -> Self {
        Self {
            payment_id: seen.payment,
            amount: seen.amount.to_string(),
            coin: seen.coin.map(Coin::as_str),
            provider_status: seen.word.as_str(),
            standing: seen.standing.as_str(),
            worth: seen.worth.as_ref().map(ToString::to_string),
        }
    }
}

/// A payment of an order, as the newest evidence tells it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrderPayment)]
pub struct Row<'a> {
    pub payment_id: &'a PaymentId,
    /// `bound`: its evidence moves the order. `own`: made for the order later, a top-up or the twin of a lost
    /// creation. `child`: a further deposit to a used address.
    #[schema(pattern = "^(bound|own|child)$", example = "bound")]
    pub role: &'static str,
    /// The payment to whose address a further deposit came.
    #[schema(required = true)]
    pub parent_payment_id: Option<&'a PaymentId>,
    /// The provider's word that is in force; of an amount under a word that is not known, that word.
    #[schema(example = "partially_paid")]
    pub provider_status: &'a str,
    #[schema(required = true, example = "btc")]
    pub coin: Option<&'a str>,
    /// What was asked for; of a further deposit, what arrived.
    #[schema(required = true, value_type = Option<ExactAmount>)]
    pub pay_amount: Option<String>,
    /// What arrived in its coin; null where nobody said.
    #[schema(required = true, value_type = Option<ExactAmount>)]
    pub received: Option<String>,
    /// Whether that is part of the sum: it is settled, and in the bound coin.
    pub counted: bool,
    /// The other coin, where money came in another.
    #[schema(required = true, example = "usdtbsc")]
    pub other_coin: Option<&'a str>,
    /// What arrived in that; never part of the sum.
    #[schema(required = true, value_type = Option<ExactAmount>)]
    pub other_received: Option<String>,
    /// Where the coins are to go; null for payments that this service did not make.
    #[schema(required = true)]
    pub payment_address: Option<&'a str>,
    /// A memo or tag that some networks need beside the address.
    #[schema(required = true)]
    pub payin_extra_id: Option<&'a str>,
    #[schema(required = true)]
    pub network: Option<&'a str>,
    /// The provider's purchase, under which a top-up is made.
    #[schema(required = true)]
    pub purchase_id: Option<&'a str>,
    /// The provider's own time of its newest word, where it gave one.
    #[schema(required = true)]
    pub provider_at: Option<Timestamp>,
    /// When this service first heard of it.
    pub first_seen_at: Timestamp,
}

/// Shows the payments of an order, and what is still missing.
///
/// `bound` moves the order, `own` was made for it later, `child` is a further deposit to a used address. `received`
/// sums what is settled in the bound coin.
#[utoipa::path(get, path = "/v1/admin/crypto-orders/{order_id}/payments", tag = "Operators",
    security(("bearer" = [])), operation_id = "list_order_payments",
    params(
        ("order_id" = OrderId, Path, description = "The order."),
        ("limit" = Option<usize>, Query, minimum = 1, maximum = 200, description = "How many; 50 without it."),
        ("cursor" = Option<String>, Query, min_length = 1, max_length = 512, description = "Where the page starts."),
    ),
    responses((status = 200, description = "One page, newest first, with the sums of all. Amounts are exact decimals \
        as text.", body = Payments)),
)]
pub async fn page(request: HttpRequest, shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    shared.operator(&request).await?;
    let asked = Asked::of(&Query::of(&request)?, Records::Payments)?;
    let order = any_order(&shared, &request).await?;
    let rows = asked.stretch().map_or_else(Vec::new, |stretch| stretch_of(&order, &stretch));
    let money = MoneyFacts::of(&order);
    answer::ok(&Payments {
        page: asked.page(rows, |row| place(row.first_seen_at, row.payment_id)),
        owed: money.owed.map(ToString::to_string),
        received: money.settled.to_string(),
        missing: money.missing.as_ref().map(ToString::to_string),
        over: money.over.as_ref().map(ToString::to_string),
        coin: money.coin.map(Coin::as_str),
        uncounted: money.uncounted().map(UncountedAmount::of).collect(),
        worth: money.settled_worth.as_ref().map(ToString::to_string),
    })
}

/// What every payment of an order is and counts for, newest first.
#[must_use]
pub fn ledger_of(order: &Order) -> Vec<Row<'_>> {
    stretch_of(order, &Stretch { limit: usize::MAX, after: None })
}

/// The payments of this stretch, newest first. None ever leaves a ledger, so the place of the last page is
/// found in it again.
fn stretch_of<'a>(order: &'a Order, stretch: &Stretch) -> Vec<Row<'a>> {
    let mut payments: Vec<&Payment> = order.ledger.iter().collect();
    payments.sort_by_key(|payment| std::cmp::Reverse((payment.first_seen_at, &payment.id)));
    let shown = stretch.after.as_ref().map_or(Some(0), |after| {
        let last = payments.iter().position(|payment| place(payment.first_seen_at, &payment.id) == *after);
        last.map(|last| last.saturating_add(1))
    });
    let rest = payments.into_iter().skip(shown.unwrap_or(usize::MAX));
    rest.take(stretch.limit).map(|payment| row(order, payment)).collect()
}

/// An id of the provider's may be longer than a cursor: its hash names it there.
fn place(first_seen_at: Timestamp, payment: &PaymentId) -> Place {
    Place { at: first_seen_at, id: HEXLOWER.encode(&Sha256::digest(payment.as_str())) }
}

fn row<'a>(order: &Order, payment: &'a Payment) -> Row<'a> {
    let (pay_to, money) = (payment.pay_to.as_ref(), PaymentMoney::of(payment));
    Row {
        payment_id: &payment.id,
        role: payment.role.as_str(),
        parent_payment_id: match &payment.role {
            Role::Child(parent) => Some(parent),
            Role::Bound | Role::Own => None,
        },
        provider_status: money.word.as_str(),
        coin: payment.coin.as_ref().map(Coin::as_str),
        pay_amount: payment.pay_amount.as_ref().map(ToString::to_string),
        received: money.received.map(ToString::to_string),
        counted: order.ledger.counts(&payment.id),
        other_coin: money.other.map(|(coin, _)| coin.as_str()),
        other_received: money.other.map(|(_, received)| received.to_string()),
        payment_address: pay_to.map(|pay_to| pay_to.address.as_str()),
        payin_extra_id: pay_to.and_then(|pay_to| pay_to.extra_id.as_deref()),
        network: pay_to.and_then(|pay_to| pay_to.network.as_deref()),
        purchase_id: pay_to.and_then(|pay_to| pay_to.purchase_id.as_deref()),
        provider_at: payment.provider_at,
        first_seen_at: payment.first_seen_at,
    }
}
