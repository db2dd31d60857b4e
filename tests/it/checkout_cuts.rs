//! The socket to the provider cut at every point of the exchange that makes a payment: whatever was lost on the
//! way, an order gets one payment that can be paid, and nobody is ever shown two addresses.

use std::collections::BTreeSet;

use crypto_orders::config::Settings;
use crypto_orders::domain::time::Span;
use crypto_orders::provider::simulator::Silence;
use futures_util::future::join;
use serde_json::json;

use crate::checkout_payments::{address, order_of};
use crate::engines::Engine;
use crate::harness::responder::{Act, Responder, Said};
use crate::harness::{TestApp, eventually};

on_both_engines![
    wherever_the_socket_is_cut_the_lost_payment_is_found_in_the_list,
    wherever_the_socket_is_cut_one_address_is_shown_without_a_list,
    wherever_the_socket_is_cut_the_ipn_of_the_lost_payment_leads_to_it,
    a_list_that_cannot_be_read_makes_no_second_payment,
    a_lost_payment_is_found_on_a_later_page,
    a_lost_payment_is_known_again_in_a_list_that_tells_little,
    a_list_of_many_that_tell_little_holds_an_order_up_no_longer_than_its_claim,
    a_claim_lasts_however_long_placing_took,
];

/// The exchanges, as the wire sees them.
const CREATE: &str = "POST /simulator/v1/payment";
const MINIMUM: &str = "GET /simulator/v1/min-amount";
const LIST: &str = "GET /simulator/v1/payment/?";

/// Whether the provider made the payment all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Made {
    Yes,
    No,
}

/// Every point of the exchange, from the first byte of the request to the last but one of the answer.
fn cuts() -> Vec<(Act, Made)> {
    let request = [0, 60, 300, 520, usize::MAX].map(|after| (Act::CutRequest { after }, Made::No));
    let answer = [1, 12, 80, 200, 400, 600].map(|after| (Act::CutRelayed { after }, Made::Yes));
    request.into_iter().chain([(Act::CutBeforeAnswer, Made::Yes)]).chain(answer).collect()
}

/// A node whose wire is in our hands, at a provider whose IPNs do not come.
async fn wired(engine: Engine, set: impl FnOnce(&mut Settings)) -> (TestApp, Responder) {
    let (app, wire) = TestApp::wired_with(engine, set).await;
    app.simulator().silence(Silence::On);
    (app, wire)
}

fn without_a_login(settings: &mut Settings) {
    settings.nowpayments.login = None;
}

/// All uses of one key, from the cut on until long after the claim has run out: the addresses that they were shown,
/// and the order.
async fn uses_of(app: &TestApp, key: &str) -> (BTreeSet<String>, String) {
    let mut shown = BTreeSet::new();
    let mut order = String::new();
    for pause in [0, 0, 31, 31, 300] {
        app.advance(Span::seconds(pause)).await;
        let answer = app.checkout(Some(key)).await;
        order = order_of(&answer);
        shown.extend(address(&answer));
    }
    let last = app.checkout(Some(key)).await;
    assert_eq!(shown, BTreeSet::from_iter(address(&last)), "one address, and it is there in the end");
    (shown, order)
}

async fn wherever_the_socket_is_cut_the_lost_payment_is_found_in_the_list(engine: Engine) {
    let (app, wire) = wired(engine, |_| {}).await;
    for (turn, (cut, made)) in cuts().into_iter().enumerate() {
        wire.upon(CREATE, cut.clone());
        let before = wire.seen(CREATE);
        let (_, order) = uses_of(&app, &format!("k-{turn}")).await;
        let payments: Vec<_> = app.simulator().payments_of(&order).iter().map(u64::to_string).collect();
        assert_eq!(payments, [app.look(&order).await["payment_id"].as_str().unwrap_or_default()], "{cut:?}");
        let creations = if made == Made::Yes { 1 } else { 2 };
        assert_eq!(wire.seen(CREATE) - before, creations, "{cut:?}");
        assert!(app.raised(&order).await.is_empty(), "{cut:?}");
    }
}

async fn wherever_the_socket_is_cut_one_address_is_shown_without_a_list(engine: Engine) {
    let (app, wire) = wired(engine, without_a_login).await;
    for (turn, (cut, made)) in cuts().into_iter().enumerate() {
        wire.upon(CREATE, cut.clone());
        let before = wire.seen(CREATE);
        let (_, order) = uses_of(&app, &format!("k-{turn}")).await;
        // The lost one cannot be found; one more is made, and nobody was shown the first.
        assert_eq!(wire.seen(CREATE) - before, 2, "{cut:?}");
        let payments: Vec<_> = app.simulator().payments_of(&order).iter().map(u64::to_string).collect();
        assert_eq!(payments.len(), if made == Made::Yes { 2 } else { 1 }, "{cut:?}");
        let bound = app.look(&order).await["payment_id"].as_str().unwrap_or_default().to_owned();
        assert_eq!(payments.last(), Some(&bound), "{cut:?}");
        let ledger = app.payments(&order).await;
        assert!(ledger.len() == 1 && ledger[0].starts_with(&format!("{bound} bound ")), "{cut:?}: {ledger:?}");
    }
}

async fn wherever_the_socket_is_cut_the_ipn_of_the_lost_payment_leads_to_it(engine: Engine) {
    let (app, wire) = TestApp::wired_with(engine, without_a_login).await;
    for (turn, (cut, _)) in cuts().into_iter().enumerate() {
        wire.upon(CREATE, cut.clone());
        let (_, order) = uses_of(&app, &format!("k-{turn}")).await;
        let payments: Vec<_> = app.simulator().payments_of(&order).iter().map(u64::to_string).collect();
        assert_eq!(payments, [app.look(&order).await["payment_id"].as_str().unwrap_or_default()], "{cut:?}");
        assert!(app.raised(&order).await.is_empty(), "{cut:?}");
    }
}

async fn a_list_that_cannot_be_read_makes_no_second_payment(engine: Engine) {
    let (app, wire) = wired(engine, |_| {}).await;
    wire.upon(CREATE, Act::CutBeforeAnswer);
    // Each look asks three times.
    for _ in 0..6 {
        wire.upon(LIST, Act::CutBeforeAnswer);
    }
    let placed = app.checkout(Some("k")).await;
    assert_eq!(address(&placed), None);
    app.advance(Span::seconds(31)).await;
    assert_eq!(address(&app.checkout(Some("k")).await), None);
    let (shown, order) = uses_of(&app, "k").await;
    assert_eq!((shown.len(), wire.seen(CREATE)), (1, 1));
    assert_eq!(app.simulator().payments_of(&order).len(), 1);
}

async fn a_lost_payment_is_found_on_a_later_page(engine: Engine) {
    let (app, wire) = wired(engine, |_| {}).await;
    let wish = r#"{"price_amount":20,"price_currency":"usd","pay_currency":"eth","order_id":"somebody-else"}"#;
    for _ in 0..501 {
        let request = app.request(reqwest::Method::POST, "/simulator/v1/payment").header("x-api-key", "simulator");
        assert_eq!(app.send(request.body(wish)).await.code(), 201);
    }
    wire.upon(CREATE, Act::CutBeforeAnswer);
    let (_, order) = uses_of(&app, "k").await;
    assert_eq!((app.simulator().payments_of(&order).len(), wire.seen(CREATE)), (1, 1));
    assert!(wire.seen(LIST) > 1);
}

async fn a_lost_payment_is_known_again_in_a_list_that_tells_little(engine: Engine) {
    let (app, wire) = wired(engine, |_| {}).await;
    wire.upon(CREATE, Act::CutBeforeAnswer);
    // The first look, each of whose questions is asked three times, comes to nothing.
    for _ in 0..3 {
        wire.upon(LIST, Act::CutBeforeAnswer);
    }
    let order = order_of(&app.checkout(Some("k")).await);
    let payment = app.simulator().payments_of(&order)[0];
    // Neither the order nor the address: as the provider's own example has it.
    let item =
        format!(r#"{{"payment_id":{payment},"payment_status":"waiting","price_amount":79,"price_currency":"usd"}}"#);
    wire.always(LIST, Said::new(200, format!(r#"{{"data":[{item}],"limit":500,"page":0,"pagesCount":1,"total":1}}"#)));
    app.advance(Span::seconds(31)).await;
    assert!(address(&app.checkout(Some("k")).await).is_some());
    assert_eq!((wire.seen(CREATE), app.simulator().payments_of(&order).len()), (1, 1));
}

async fn a_list_of_many_that_tell_little_holds_an_order_up_no_longer_than_its_claim(engine: Engine) {
    let (app, wire) = wired(engine, |_| {}).await;
    let item =
        |id: u32| json!({ "payment_id": id, "payment_status": "waiting", "price_amount": 79, "price_currency": "usd" });
    let items: Vec<_> = (1..=30).map(item).collect();
    let list = json!({ "data": items, "limit": 500, "page": 0, "pagesCount": 1, "total": 30 });
    wire.always(LIST, Said::new(200, list.to_string()));
    wire.upon(CREATE, Act::CutRequest { after: 0 });
    let placed = app.checkout(Some("k")).await;
    assert_eq!((address(&placed), wire.seen(CREATE)), (None, 1));
    assert_eq!(address(&app.checkout(Some("k")).await), None, "as long as the claim lasts");
    app.advance(Span::seconds(31)).await;
    assert!(address(&app.checkout(Some("k")).await).is_some());
    assert_eq!((wire.seen(CREATE), app.simulator().payments_of(&order_of(&placed)).len()), (2, 1));
}

async fn a_claim_lasts_however_long_placing_took(engine: Engine) {
    let (app, wire) = TestApp::wired_with(engine, without_a_login).await;
    wire.upon(MINIMUM, Act::Silence);
    wire.upon(CREATE, Act::Silence);
    let asked = async {
        eventually("the minimum is asked", async || (wire.seen(MINIMUM) == 1).then_some(())).await;
        app.clock.advance(Span::seconds(31));
    };
    let (placed, ()) = join(app.checkout(Some("k")), asked).await;
    assert_eq!(address(&placed), None);
    assert_eq!(address(&app.checkout(Some("k")).await), None);
    assert_eq!(wire.seen(CREATE), 1, "somebody is at it");
}
