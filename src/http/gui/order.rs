//! `/admin/orders/{order_id}`: everything about one order, and what can be done with it. The list shows the same
//! in a drawer.
//!
//! `order/why.rs` says in a sentence why it stands where it stands, `order/offers.rs` what could be done,
//! `order/actions.rs` does it. All forms go to the page's own address: what is refused is shown on the page, with
//! the form as it was filled in.

mod actions;
mod excerpts;
mod facts;
mod names;
mod offers;
mod recorded;
mod rows;
mod why;

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use crate::domain::ids::OrderId;
use crate::domain::lifecycle;
use crate::domain::money::Coin;
use crate::domain::money_facts::MoneyFacts;
use crate::domain::order::Order;
use crate::http::Shared;
use crate::http::admin::{order_id, payments};
use crate::http::error::ApiError;

use super::form::{Form, Submission};
use super::moment::Moment;
use super::session::Visitor;
use super::shell::{Section, Shell};
use super::{GuiError, see_other};
use actions::{perform, sentences};
use excerpts::Allowance;
use facts::{Facts, SHOWN_MAX};
use offers::{Asker, MakesPayments, Offer, Offers, offers};
use rows::{AttentionRow, AuditRow, DeliveryRow, IpnRow, PaymentRow, TimelineRow};
use why::why;

#[derive(Template)]
#[template(path = "order.html", config = "src/http/pages/askama.toml")]
struct OrderPage<'a> {
    shell: Shell,
    order: &'a Order,
    why: String,
    account: Option<&'a str>,
    pay_page: &'a str,
    created: Moment,
    updated: Moment,
    expires: Option<Moment>,
    paid: Option<Moment>,
    owed: Option<String>,
    received: String,
    missing: Option<String>,
    worth: Option<String>,
    uncounted: Vec<String>,
    coin: String,
    offers: Offers,
    bound: Option<payments::Row<'a>>,
    steps: Vec<TimelineRow>,
    payments: Vec<PaymentRow<'a>>,
    ipns: Vec<IpnRow<'a>>,
    deliveries: Vec<DeliveryRow>,
    open: Vec<AttentionRow>,
    resolved: Vec<AttentionRow>,
    audit: Vec<AuditRow>,
    entered: Entered<'a>,
}

/// A form that was refused, and what it had said.
struct Entered<'a> {
    form: Option<&'a Form>,
    refused: Vec<String>,
}

impl Entered<'_> {
    const NOTHING: Self = Self { form: None, refused: Vec::new() };

    /// True for the form that was refused; of those that are there once for each item, for the item's.
    fn is(&self, act: &str, item: &str) -> bool {
        self.form.is_some_and(|form| form.raw("act") == act && form.raw("item") == item)
    }

    /// What stood in a field of that form; else what stands there at first.
    fn text<'b>(&'b self, act: &str, name: &str, first: &'b str) -> &'b str {
        self.form.filter(|form| form.raw("act") == act).map_or(first, |form| form.raw(name))
    }
}

impl OrderPage<'_> {
    /// `79.00 USD`.
    fn price(&self) -> String {
        format!("{} {}", self.order.price.in_major_units(), self.order.price.currency)
    }

    fn status(&self) -> &'static str {
        self.order.status.name().as_str()
    }

    fn payment_id(&self) -> &str {
        self.order.payment_id().map_or("", |payment| payment.as_str())
    }

    /// Where the API has the whole of what is shown here of the order.
    fn api(&self, list: &str) -> String {
        format!("/v1/admin/crypto-orders/{}{list}", self.order.id)
    }

    fn api_of_attention(&self, state: &str) -> String {
        format!("/v1/admin/crypto-orders/attention?order_id={}&state={state}", self.order.id)
    }

    fn api_of_audit(&self) -> String {
        format!("/v1/admin/audit-log?target={}", self.order.id)
    }

    /// Whether a list ends where it does because no more of it is shown.
    fn is_cut(&self, rows: usize) -> bool {
        SHOWN_MAX <= rows
    }
}

/// `GET /admin/orders/{order_id}`.
pub async fn show(request: HttpRequest, shared: Data<Shared>) -> Result<HttpResponse, GuiError> {
    let visitor = shared.visitor(&request).await?;
    let facts = Facts::read(&shared, order_id(&request)?).await?;
    let shell = Shell::new(&visitor, &request, Section::Orders);
    let page = page(&facts, &asker(&shared, &visitor), shell, Entered::NOTHING);
    visitor.answer(&page)
}

/// `POST /admin/orders/{order_id}`: one of the page's forms.
pub async fn act(request: HttpRequest, payload: Payload, shared: Data<Shared>) -> Result<HttpResponse, GuiError> {
    let Submission { visitor, form } = shared.submission(&request, payload).await?;
    let id = order_id(&request)?;
    match perform(&shared, &visitor.operator, id, &form).await {
        Ok(done) => Ok(see_other(&format!("/admin/orders/{id}?done={done}"))),
        Err(ApiError::NoSuchOrder(id)) => Err(ApiError::NoSuchOrder(id).into()),
        Err(refusal) => shown_again(&request, &shared, (visitor, id), (&form, refusal)).await,
    }
}

/// The page with what was refused. What cannot even be shown is told by a page of its own.
async fn shown_again(
    request: &HttpRequest,
    shared: &Shared,
    (visitor, id): (Visitor, OrderId),
    (form, refusal): (&Form, ApiError),
) -> Result<HttpResponse, GuiError> {
    let Ok(facts) = Facts::read(shared, id).await else { return Err(refusal.into()) };
    let shell = Shell::new(&visitor, request, Section::Orders);
    let entered = Entered { form: Some(form), refused: sentences(&refusal) };
    let page = page(&facts, &asker(shared, &visitor), shell, entered);
    visitor.refuse(&refusal, &page)
}

fn asker(shared: &Shared, visitor: &Visitor) -> Asker {
    let orders = &shared.settings.orders;
    Asker {
        key: visitor.operator.key_id,
        moment: lifecycle::Moment { now: visitor.now, rules: orders.rules },
        pay_window: orders.pay_window,
        makes_payments: if shared.payments.is_some() { MakesPayments::Yes } else { MakesPayments::No },
    }
}

fn page<'a>(facts: &'a Facts, asker: &Asker, shell: Shell, entered: Entered<'a>) -> OrderPage<'a> {
    let (order, names, now) = (&facts.order, &facts.names, asker.moment.now);
    let at = |at| Moment::new(at, now);
    let money = MoneyFacts::of(order);
    let [mut answers, mut notes, mut writes] = [Allowance::ANSWERS, Allowance::ANSWERS, Allowance::ANSWERS];
    let mut bodies = Allowance::BODIES;
    let mut raised = |item| AttentionRow::of(item, names, now, &mut notes);
    let ledger = payments::ledger_of(order);
    let older_events = order.events.len().saturating_sub(SHOWN_MAX);
    OrderPage {
        shell,
        order,
        why: why(order, names, now),
        account: facts.account.as_deref(),
        pay_page: &facts.pay_page,
        created: at(order.created_at),
        updated: at(order.updated_at),
        expires: order.expires_at().map(at),
        paid: order.paid_at().map(at),
        owed: money.owed.map(ToString::to_string),
        received: money.settled.to_string(),
        missing: money.missing.as_ref().filter(|missing| !missing.is_zero()).map(ToString::to_string),
        worth: money.settled_worth.as_ref().map(|worth| money.as_money(worth)),
        uncounted: recorded::uncounted(&money),
        coin: money.coin.map_or("", Coin::as_str).to_uppercase(),
        offers: offers(order, asker),
        bound: payments::ledger_of(order).into_iter().find(|row| row.role == "bound"),
        steps: order.events.iter().skip(older_events).map(|event| TimelineRow::of(event, names, now)).collect(),
        payments: ledger.into_iter().take(SHOWN_MAX).map(|row| PaymentRow::of(row, now)).collect(),
        ipns: facts.ipns.iter().map(|ipn| IpnRow::of(ipn, now, &mut bodies)).collect(),
        deliveries: facts.deliveries.iter().map(|found| DeliveryRow::of(found, now, &mut answers)).collect(),
        open: facts.open.iter().map(&mut raised).collect(),
        resolved: facts.resolved.iter().map(&mut raised).collect(),
        audit: facts.audit.iter().map(|entry| AuditRow::of(entry, names, now, &mut writes)).collect(),
        entered,
    }
}
