//! Words that an operator replays, beside what the provider answers of the payment: as much or more is applied,
//! less is refused unless it is forced, and no answer leaves the operator's word alone.

use crypto_orders::domain::time::Span;
use reqwest::Method;
use serde_json::{Value, json};

use crate::checkout_payments::order_of;
use crate::engines::Engine;
use crate::harness::operator::{Operator, between};
use crate::harness::responder::{Act, Responder, Said};
use crate::harness::{Answer, TestApp};

on_both_engines![
    a_word_that_the_provider_confirms_is_applied_with_the_amounts_that_it_answers,
    a_word_that_the_provider_does_not_confirm_is_refused_with_its_answer,
    a_forced_word_is_applied_raised_and_marked_on_the_audit_log,
    force_without_a_reason_is_refused,
    force_gives_no_order_the_payment_of_another,
    an_operator_s_word_stands_alone_while_the_provider_does_not_answer,
    an_order_that_does_not_exist_is_told_before_anything_is_asked,
    a_word_is_forced_on_the_order_s_page,
];

/// A shop, the wire to its provider, and an order for which no payment could be made.
async fn unpaid(engine: Engine) -> (TestApp, Responder, String) {
    let (app, wire) = TestApp::wired_with(engine, |_| {}).await;
    wire.upon("POST /simulator/v1/payment", Act::Answer(Said::new(400, r#"{"statusCode":400,"message":"no"}"#)));
    let order = order_of(&app.checkout(None).await);
    (app, wire, order)
}

/// Has the provider say a word of a payment over 0.002 BTC.
fn says(wire: &Responder, id: &str, word: &str, told: &Value) {
    let mut report = json!({ "payment_id": id, "payment_status": word, "price_amount": 79, "price_currency": "usd",
        "pay_amount": 0.002, "actually_paid": 0, "pay_currency": "btc" });
    report.as_object_mut().expect("an object").extend(told.as_object().expect("an object").clone());
    wire.always(&format!("GET /simulator/v1/payment/{id}"), Said::new(200, report.to_string()));
}

async fn apply(app: &TestApp, order: &str, [id, word]: [&str; 2], more: &Value) -> Answer {
    let mut said = json!({ "payment_id": id, "provider_status": word });
    said.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    app.admin_call(Method::POST, &format!("/{order}/apply-ipn"), &said).await
}

fn forced() -> Value {
    json!({ "force": true, "reason": "Ticket 4711: the treasury has it." })
}

async fn became(app: &TestApp, order: &str, said: [&str; 2]) -> (Value, Value) {
    let answer = apply(app, order, said, &json!({})).await;
    assert_eq!(answer.code(), 200, "{}", answer.text);
    let told = answer.json();
    (told["outcome"].clone(), told["status"].clone())
}

async fn audited(app: &TestApp) -> Vec<Value> {
    app.walk("/v1/admin/audit-log", 50).await
}

async fn a_word_that_the_provider_confirms_is_applied_with_the_amounts_that_it_answers(engine: Engine) {
    let (app, wire, order) = unpaid(engine).await;
    says(&wire, "1001", "finished", &json!({ "actually_paid": 0.0005 }));
    // More than was asked for, so the word that was asked for is applied.
    assert_eq!(became(&app, &order, ["1001", "confirming"]).await, (json!("applied"), json!("confirming")));
    // The same word: what arrived is less than is owed, and is not paid by anybody's word.
    assert_eq!(became(&app, &order, ["1001", "finished"]).await, (json!("applied"), json!("partial")));
    assert!(app.raised(&order).await.contains(&"underpaid 1001 1".to_owned()), "{:?}", app.raised(&order).await);
    assert!(!app.raised(&order).await.iter().any(|raised| raised.starts_with("forced_replay")));
    let (app, wire, order) = unpaid(engine).await;
    says(&wire, "1001", "finished", &json!({ "actually_paid": 0.002 }));
    assert_eq!(became(&app, &order, ["1001", "finished"]).await, (json!("applied"), json!("paid")));
    assert!(!app.raised(&order).await.iter().any(|raised| raised.starts_with("forced_replay")));
    assert!(audited(&app).await.iter().all(|entry| entry["result"]["forced"].is_null()));
}

async fn a_word_that_the_provider_does_not_confirm_is_refused_with_its_answer(engine: Engine) {
    let (app, wire, order) = unpaid(engine).await;
    let before = app.look(&order).await;
    let cases = [
        ("waiting", "finished"),
        ("sending", "partially_paid"),
        ("expired", "confirming"),
        ("refunded", "finished"),
        ("on_hold", "finished"),
        ("finished", "failed"),
        ("expired", "failed"),
    ];
    for (number, (answered, replayed)) in cases.into_iter().enumerate() {
        let id = &format!("200{number}");
        says(&wire, id, answered, &json!({ "actually_paid": "0.0001" }));
        let refused = apply(&app, &order, [id, replayed], &json!({})).await;
        let detail = refused.problem(409, "conflict");
        let said = format!(
            "The provider says \"{answered}\" of payment \"{id}\", with 0.0001 BTC received, not \"{replayed}\"."
        );
        assert!(detail.starts_with(&said) && detail.contains("force it with a reason"), "{detail}");
        assert_eq!([&refused.json()["resource"], &refused.json()["field"]], ["crypto_order", "provider_status"]);
    }
    let refused = apply(&app, &order, ["123456", "finished"], &json!({ "force": false, "reason": "Sure." })).await;
    let detail = refused.problem(409, "conflict");
    assert!(
        detail.starts_with("The provider knows no payment \"123456\", so \"finished\" was not applied."),
        "{detail}"
    );
    assert_eq!(refused.json()["field"], "payment_id");
    assert_eq!((app.look(&order).await, audited(&app).await), (before, Vec::new()));
    assert_eq!(app.raised(&order).await, ["create_refused  1"]);
}

async fn a_forced_word_is_applied_raised_and_marked_on_the_audit_log(engine: Engine) {
    for (number, answered) in ["waiting", "unknown payment"].into_iter().enumerate() {
        let (app, wire, order) = unpaid(engine).await;
        let id = &format!("200{number}");
        if answered == "waiting" {
            says(&wire, id, answered, &json!({}));
        }
        let answer = apply(&app, &order, [id, "finished"], &forced()).await;
        assert_eq!(answer.code(), 200, "{}", answer.text);
        assert_eq!([&answer.json()["outcome"], &answer.json()["status"]], ["applied", "paid"]);
        assert!(app.raised(&order).await.contains(&format!("forced_replay {id} 1")), "{answered}");
        let entry = audited(&app).await.remove(0);
        assert_eq!(entry["action"], "crypto_order.ipn_applied");
        let mut input = forced();
        input["payment_id"] = json!(id);
        input["provider_status"] = json!("finished");
        let result = json!({ "outcome": "applied", "status": "paid", "forced": true, "provider_answered": answered });
        assert_eq!((&entry["input"], &entry["result"]), (&input, &result));
    }
}

async fn force_without_a_reason_is_refused(engine: Engine) {
    let (app, wire, order) = unpaid(engine).await;
    says(&wire, "1001", "waiting", &json!({}));
    for more in [
        json!({ "force": true }),
        json!({ "force": true, "reason": null }),
        json!({ "force": true, "reason": " " }),
        json!({ "force": "true", "reason": "Sure." }),
        json!({ "force": true, "reason": 7 }),
        json!({ "force": true, "reason": "ü".repeat(501) }),
    ] {
        apply(&app, &order, ["1001", "finished"], &more).await.problem(400, "validation-failed");
    }
    let unreasoned = apply(&app, &order, ["1001", "finished"], &json!({ "force": true })).await.json();
    assert_eq!(unreasoned["issues"]["fieldErrors"]["reason"], json!(["reason is required where force is true."]));
    let longest = json!({ "force": true, "reason": "ü".repeat(500) });
    assert_eq!(apply(&app, &order, ["1001", "finished"], &longest).await.json()["status"], "paid");
}

async fn force_gives_no_order_the_payment_of_another(engine: Engine) {
    let (app, wire, order) = unpaid(engine).await;
    let another = order_of(&app.checkout(None).await);
    says(&wire, "3001", "waiting", &json!({ "order_id": another }));
    says(&wire, "3002", "waiting", &json!({ "price_amount": 1 }));
    for id in ["3001", "3002"] {
        let answer = apply(&app, &order, [id, "finished"], &forced()).await.json();
        assert_eq!([&answer["outcome"], &answer["status"]], ["mismatch", "pending"], "{id}");
    }
    assert_eq!(app.look(&another).await["status"], "pending");
}

async fn an_operator_s_word_stands_alone_while_the_provider_does_not_answer(engine: Engine) {
    let (app, wire, order) = unpaid(engine).await;
    wire.always("GET /simulator/v1/payment/1001", Said::new(403, r#"{"statusCode":403,"message":"no"}"#));
    assert_eq!(became(&app, &order, ["1001", "finished"]).await, (json!("applied"), json!("paid")));
    assert_eq!(app.raised(&order).await, ["create_refused  1"]);
}

async fn an_order_that_does_not_exist_is_told_before_anything_is_asked(engine: Engine) {
    let (app, wire, _) = unpaid(engine).await;
    let nobody = format!("ord_{}", "0".repeat(32));
    let answer = apply(&app, &nobody, ["1001", "finished"], &json!({})).await;
    assert_eq!(answer.problem(404, "not-found"), format!("No crypto order with id \"{nobody}\"."));
    assert_eq!(wire.seen("GET /simulator/v1/payment/1001"), 0);
}

async fn submit(operator: &Operator, order: &str, more: &[(&str, &str)]) -> Answer {
    let form = [("act", "replay"), ("payment_id", "1001"), ("provider_status", "finished")];
    operator.submit(&format!("/admin/orders/{order}"), &[&form[..], more].concat()).await
}

async fn a_word_is_forced_on_the_order_s_page(engine: Engine) {
    let (app, wire, order) = unpaid(engine).await;
    says(&wire, "1001", "waiting", &json!({}));
    let operator = app.signed_in().await;
    let refused = submit(&operator, &order, &[]).await;
    assert!(refused.code() == 409 && refused.text.contains("The provider says &#34;waiting&#34;"), "{}", refused.text);
    let unreasoned = submit(&operator, &order, &[("force", "yes"), ("reason", " ")]).await;
    assert_eq!(unreasoned.code(), 400, "{}", unreasoned.text);
    let alert = between(&unreasoned.text, "role=\"alert\">", "</div>").pop().unwrap_or_default();
    assert!(alert.contains("reason is required where force is true."), "{alert}");
    assert!(unreasoned.text.contains("name=\"force\" value=\"yes\" checked"), "the form is as it was filled in");
    app.clock.advance(Span::seconds(1));
    let done = submit(&operator, &order, &[("force", "yes"), ("reason", "Ticket 4711.")]).await;
    assert_eq!(done.code(), 303, "{}", done.text);
    assert_eq!(app.look(&order).await["status"], "paid");
    assert!(app.raised(&order).await.contains(&"forced_replay 1001 1".to_owned()));
    assert_eq!(audited(&app).await[0]["input"]["reason"], "Ticket 4711.");
}
