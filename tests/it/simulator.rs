//! The provider in the box, on the port of the service: what a payer does there moves the order.
//!
//! Its routes by themselves are in `simulator_routes.rs`; what the service makes of each payment is told
//! in the tests of checkout, poller and ledger.

use crypto_orders::domain::time::Span;
use crypto_orders::provider::canonical::Form;
use crypto_orders::provider::signature::Verifier;
use crypto_orders::provider::simulator::{NoPlan, Pace, Scenario, Silence, Target};
use reqwest::Method;
use serde_json::{Value, json};

use crate::engines::Engine;
use crate::harness::{Answer, IPN_SECRET, TestApp};
use crate::harness_program::Site;

on_both_engines![
    a_payment_made_at_the_simulator_drives_its_order_to_paid,
    every_ipn_of_every_scenario_is_signed_and_taken,
    a_silent_provider_tells_only_who_asks,
    a_restarted_node_and_a_second_one_keep_the_provider,
];

/// A request to the provider's routes with the service's own API key.
async fn ask(app: &TestApp, method: Method, path: &str, body: &Value) -> Answer {
    let request = app.request(method, &format!("/simulator/v1{path}")).header("x-api-key", "simulator");
    app.send(request.body(body.to_string())).await
}

/// A creation for this order as the service asks for it, told to the server at this base.
fn wanted(base: &str, order: &str) -> Value {
    json!({
        "price_amount": 79,
        "price_currency": "usd",
        "pay_currency": "btc",
        "order_id": order,
        "ipn_callback_url": format!("{base}/v1/webhooks/nowpayments"),
    })
}

/// An order with a payment of the simulator; the order's id and the payment's.
async fn payable(app: &TestApp) -> (String, u64) {
    let order = app.order().await;
    if app.simulator().payments_of(&order).is_empty() {
        let made = ask(app, Method::POST, "/payment", &wanted(app.base(), &order)).await;
        assert_eq!(made.code(), 201, "{}", made.text);
    }
    let payment = app.simulator().payments_of(&order).last().copied();
    (order, payment.expect("a payment"))
}

/// The words that were told of a payment's scenario, with the status that was answered.
fn told(app: &TestApp, payment: u64) -> Vec<(&'static str, Option<u16>)> {
    let told = app.simulator().told().into_iter().filter(|told| told.payment == payment);
    told.map(|told| (told.word, told.answer)).collect()
}

async fn a_payment_made_at_the_simulator_drives_its_order_to_paid(engine: Engine) {
    let app = TestApp::simulated(engine).await;
    let (order, payment) = payable(&app).await;
    assert_eq!(app.simulator().payments_of(&order).last(), Some(&payment));
    app.simulator().pay(Target::Order(&order), Scenario::Success, Pace::AsScripted).expect("a plan");
    app.advance(Span::seconds(119)).await;
    let expected = ["waiting", "confirming", "confirmed", "sending"].map(|word| (word, Some(200)));
    assert_eq!(told(&app, payment), expected);
    assert_eq!(app.look(&order).await["status"], "confirming");
    app.advance(Span::seconds(1)).await;
    assert_eq!(told(&app, payment).last(), Some(&("finished", Some(200))));
    assert_eq!(app.look(&order).await["status"], "paid");
}

async fn every_ipn_of_every_scenario_is_signed_and_taken(engine: Engine) {
    let app = TestApp::simulated(engine).await;
    for scenario in Scenario::ALL.into_iter().filter(|scenario| !scenario.is_of_creation()) {
        let (_, payment) = payable(&app).await;
        app.simulator().pay(Target::Payment(payment), scenario, Pace::AsScripted).expect("a plan");
        app.advance(Span::hours(4)).await;
        assert!(told(&app, payment).iter().all(|(_, answer)| *answer == Some(200)), "{scenario:?}");
    }
    let verifier = Verifier::new([IPN_SECRET]).expect("a secret");
    let sent = app.simulator().transcript();
    let letters = sent.iter().filter_map(|sent| sent.strip_prefix("POST\nx-nowpayments-sig: "));
    for (signature, body) in letters.filter_map(|letter| letter.split_once("\n\n")) {
        let verified = verifier.verify(signature.as_bytes(), body.as_bytes()).expect("signed");
        assert_eq!(verified.form, Form::Raw, "{body}");
        // The bytes are already what the provider would write: sorted, compact, JavaScript's numbers.
        let spaced = body.replace("\":", "\" :");
        assert!(verifier.verify(signature.as_bytes(), spaced.as_bytes()).is_ok(), "{body}");
    }
    assert!(40 < app.simulator().told().len(), "so many letters were looked at");
}

async fn a_silent_provider_tells_only_who_asks(engine: Engine) {
    let app = TestApp::simulated(engine).await;
    let (order, payment) = payable(&app).await;
    app.simulator().silence(Silence::On);
    app.simulator().pay(Target::Order(&order), Scenario::Success, Pace::AsScripted).expect("a plan");
    app.advance(Span::minutes(3)).await;
    assert_eq!(told(&app, payment), []);
    let shown = ask(&app, Method::GET, &format!("/payment/{payment}"), &json!({})).await.json();
    assert_eq!((&shown["payment_status"], &shown["order_id"]), (&json!("finished"), &json!(order)), "{shown}");
    assert_eq!(shown["actually_paid"], shown["pay_amount"], "{shown}");

    app.simulator().silence(Silence::Off);
    let (order, payment) = payable(&app).await;
    app.simulator().pay(Target::Order(&order), Scenario::Silent, Pace::AsScripted).expect("a plan");
    app.advance(Span::minutes(3)).await;
    assert_eq!(told(&app, payment), [("waiting", Some(200))], "only its first word");
}

async fn a_restarted_node_and_a_second_one_keep_the_provider(engine: Engine) {
    let app = TestApp::simulated(engine).await;
    let (order, payment) = payable(&app).await;
    let app = app.restart(|_| {}).await;
    assert_eq!(app.simulator().payments_of(&order), [payment]);
    if !matches!(engine, Engine::Sqlite) {
        let beside = app.beside(|_| {}).await;
        let shown = ask(&beside, Method::GET, &format!("/payment/{payment}"), &json!({})).await;
        assert_eq!(shown.json()["payment_id"], payment, "{}", shown.text);
    }
    app.simulator().pay(Target::Order(&order), Scenario::Success, Pace::AsScripted).expect("a plan");
    app.advance(Span::minutes(3)).await;
    assert_eq!(app.look(&order).await["status"], "paid");
}

#[test]
fn an_ipn_that_is_refused_comes_again_three_times() {
    crate::engines::run(async {
        let app = TestApp::simulated(Engine::Sqlite).await;
        let mut body = wanted("http://127.0.0.1:1", "none");
        body["ipn_callback_url"] = json!(format!("{}/nowhere", app.base()));
        let made = ask(&app, Method::POST, "/payment", &body).await.json();
        let payment = made["payment_id"].as_str().and_then(|id| id.parse().ok()).expect("an id of digits");
        app.advance(Span::seconds(1)).await;
        assert_eq!(told(&app, payment), [("waiting", Some(404))]);
        app.advance(Span::minutes(10)).await;
        assert_eq!(told(&app, payment), [("waiting", Some(404)); 4]);
    });
}

#[test]
fn nobody_pays_what_is_not_there() {
    crate::engines::run(async {
        let app = TestApp::simulated(Engine::Sqlite).await;
        let pay = |target, scenario| app.simulator().pay(target, scenario, Pace::AsScripted).map(|plan| plan.payment);
        let order = app.order().await;
        assert_eq!(pay(Target::Order("ord_none"), Scenario::Success), Err(NoPlan::Unknown));
        assert_eq!(pay(Target::Payment(1), Scenario::Success), Err(NoPlan::Unknown));
        assert_eq!(pay(Target::Order(&order), Scenario::LostAnswer), Err(NoPlan::OfCreation));
        let control = |body: Value| app.send(app.request(Method::POST, "/simulator/pay").body(body.to_string()));
        let cases = [
            (json!({ "order": "ord_none", "scenario": "success" }), 404),
            (json!({ "payment": "x", "scenario": "success" }), 404),
            (json!({ "scenario": "success" }), 400),
            (json!({ "order": order }), 400),
            (json!({ "order": order, "scenario": "lost-answer" }), 422),
            (json!({ "order": order, "scenario": "riches" }), 422),
        ];
        for (body, code) in cases {
            let answer = control(body.clone()).await;
            assert_eq!((answer.code(), answer.json()["status"].as_u64()), (code, Some(code.into())), "{body}");
            assert!(answer.json()["detail"].as_str().is_some_and(|detail| detail.ends_with('.')), "{}", answer.text);
        }
    });
}

#[test]
fn a_node_with_another_provider_has_none_in_the_box() {
    crate::engines::run(async {
        let app = TestApp::spawn(Engine::Sqlite).await;
        assert!(app.app.simulator().is_none());
        for path in ["/simulator/v1/status", "/simulator/pay"] {
            app.send(app.request(Method::GET, path)).await.problem(404, "not-found");
        }
    });
}

#[test]
fn the_command_line_pays_an_order_and_shows_what_is_told() {
    crate::engines::run(async {
        let site = Site::empty();
        let mut server = site.serve(&[]);
        server.stdout.until("/events");
        let banner = server.stdout.seen().to_owned();
        let (_, after) = banner.split_once("customer key").expect("a key");
        let key = after.split_whitespace().next().expect("a key");
        let base = format!("http://{}", server.address);
        let body = json!({ "product": "solo_manual", "price_cents": 7900, "price_currency": "USD" });
        let checkout = server.post("/v1/billing/crypto-checkout", key, &body).await.json();
        let order = checkout["order_id"].as_str().expect("an id");
        if checkout["payment_id"].is_null() {
            let made = server.asks_provider("/simulator/v1/payment", &wanted(&base, order)).await;
            assert_eq!(made.code(), 201, "{}", made.text);
        }

        let paid = site.run(&["simulate", "pay", order, "--listen", &server.address]).printed();
        let told: Vec<&str> = paid.lines().filter_map(|line| line.trim().strip_prefix("IPN ")).collect();
        let expected = ["confirming: 200", "confirmed: 200", "sending: 200", "finished: 200"];
        assert!(told.ends_with(&expected) && paid.ends_with("the payment is finished\n"), "{paid}");
        let shown = server.get(&format!("/v1/billing/crypto-orders/{order}"), key).await.json();
        assert_eq!(shown["status"], "paid", "{shown}");

        let later = ["simulate", "pay", order, "--scenario", "late", "--as-scripted", "--listen", &server.address];
        assert!(site.run(&later).printed().contains("in 7200 s: confirming"));
        let next = site.run(&["simulate", "next", "lost-answer", "--listen", &server.address]);
        assert_eq!(next.printed(), "the next payment: lost-answer\n");
        let checkout = server.post("/v1/billing/crypto-checkout", key, &body).await.json();
        let lost = checkout["order_id"].as_str().expect("an id");
        let silent = site.run(&["simulate", "pay", lost, "--scenario", "silent", "--listen", &server.address]);
        assert!(
            silent.printed().ends_with("the payment is finished; no IPN tells: the poller finds it within minutes\n")
        );
        let unknown = site.run(&["simulate", "pay", "ord_none", "--listen", &server.address]);
        assert!(unknown.refusal(4).contains("no such payment"));
        let ended = server.stop("TERM");
        assert_eq!(ended.code, Some(0));
        assert!(ended.stderr.contains("PAYMENTS ARE SIMULATED"), "{}", ended.stderr);
        let doubts = ended.stderr.matches("it is not known whether a payment was made").count();
        assert_eq!((doubts, ended.stderr.matches("ERROR").count()), (1, 0), "{}", ended.stderr);
    });
}

#[test]
fn a_server_whose_simulator_is_elsewhere_has_none_inside() {
    let site = Site::empty().with("CRYPTO_ORDERS_PROVIDER", "simulator");
    let site = site.with("CRYPTO_ORDERS_NOWPAYMENTS_URL", "http://127.0.0.1:1/simulator/v1");
    let server = site.serve(&[]);
    let refusal = site.run(&["simulate", "pay", "ord_none", "--listen", &server.address]).refusal(1);
    assert!(refusal.contains("has no simulator inside"), "{refusal}");
    assert_eq!(server.stop("TERM").code, Some(0));
}

#[test]
fn the_command_line_says_where_no_simulator_is() {
    let site = Site::empty().with("CRYPTO_ORDERS_PROVIDER", "none");
    let server = site.serve(&[]);
    let refusal = site.run(&["simulate", "pay", "ord_none", "--listen", &server.address]).refusal(1);
    assert!(refusal.contains("no simulator"), "{refusal}");
    let address = server.address.clone();
    assert_eq!(server.stop("TERM").code, Some(0));
    assert!(site.run(&["simulate", "pay", "ord_none", "--listen", &address]).refusal(5).contains("no server answers"));
    let scenarios = site.run(&["simulate", "pay", "ord_none", "--scenario", "riches"]).refusal(2);
    assert!(scenarios.contains("partial-then-top-up") && !scenarios.contains("lost-answer"), "{scenarios}");
    let creation = site.run(&["simulate", "pay", "ord_none", "--scenario", "lost-answer"]).refusal(2);
    assert!(creation.contains("`crypto-orders simulate next lost-answer`"), "{creation}");
}
