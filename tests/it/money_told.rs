//! What an operator, a buyer and the API are told of an order's money: the same, and never less than came.
//!
//! Every sentence in all cases is beside `src/http/gui/order/why.rs` and `src/http/pay/sentence.rs`.

use crypto_orders::domain::time::Span;
use reqwest::Method;
use serde_json::{Value, json};

use crate::engines::Engine;
use crate::harness::operator::{between, read};
use crate::harness::{TestApp, order_body, told};
use crate::pay::{link_of, seen};

on_both_engines![
    what_went_back_after_an_order_was_paid_is_named_and_never_told_as_nothing,
    money_for_a_cancelled_order_is_named_to_its_buyer_too,
    money_in_another_coin_is_named_and_the_address_is_gone,
    another_coin_is_accepted_in_place_of_what_was_owed,
    money_under_a_word_that_is_not_known_stops_the_asking_and_outlives_the_window,
];

/// What an operator and a buyer read of an order.
pub async fn read_of(app: &TestApp, order: &str) -> [String; 2] {
    let page = app.signed_in().await.page(&format!("/admin/orders/{order}")).await;
    [why(&page), read(&between(&buyers_page(app, order).await, "<p class=\"sentence\">", "</p>").remove(0))]
}

fn why(page: &str) -> String {
    read(&between(page, "<p class=\"why\">", "</p>").remove(0))
}

async fn buyers_page(app: &TestApp, order: &str) -> String {
    let answer = seen(app, &link_of(app, order)).await;
    assert_eq!(answer.code(), 200, "{}", answer.text);
    answer.text
}

/// What the API says of an order: `received`, and each uncounted amount with its reason.
pub async fn answered(app: &TestApp, order: &str) -> Vec<String> {
    let ledger = app.admin(&format!("/{order}/payments")).await.json();
    let shown = |amount: &Value| {
        ["amount", "coin", "provider_status", "standing"].map(|field| amount[field].as_str().unwrap_or("-")).join(" ")
    };
    let received = ledger["received"].as_str().expect("a sum").to_owned();
    std::iter::once(received).chain(ledger["uncounted"].as_array().expect("a list").iter().map(shown)).collect()
}

async fn cancelled(app: &TestApp) -> String {
    let order = app.order().await;
    app.call(Method::POST, &format!("/v1/billing/crypto-orders/{order}/cancel"), &json!({})).await;
    order
}

/// An order over bitcoin that a buyer is asked to pay, and its payment.
async fn asking(app: &TestApp) -> [String; 2] {
    let mut body = order_body();
    body["pay_currency"] = json!("btc");
    let placed = app.checkout_of(&body, None).await.json();
    let [order, payment] = ["order_id", "payment_id"].map(|field| placed[field].as_str().expect("an id").to_owned());
    assert!(buyers_page(app, &order).await.contains("id=\"address\""));
    [order, payment]
}

/// 79 USDT as a report names them.
fn usdt() -> Value {
    json!({ "pay_currency": "usdterc20", "pay_amount": 79, "actually_paid": 79 })
}

async fn is_not_asked(app: &TestApp, order: &str) {
    let page = buyers_page(app, order).await;
    for asking in ["id=\"address\"", "<svg", "data-left", "exactly"] {
        assert!(!page.contains(asking), "{asking} in {page}");
    }
}

async fn what_went_back_after_an_order_was_paid_is_named_and_never_told_as_nothing(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    for word in ["refunded", "failed", "expired"] {
        let (order, id) = (app.order().await, format!("np_{word}"));
        let came = json!({ "updated_at": "2026-05-12T11:58:00.000Z" });
        assert_eq!(told(&app, &order, [&id, "finished"], came).await, "paid");
        // Most of these say that nothing is there, which was not so.
        let went = json!({ "actually_paid": 0, "updated_at": "2026-05-12T11:59:00.000Z" });
        assert_eq!(told(&app, &order, [&id, word], went).await, "paid");
        let [operator, buyer] = read_of(&app, &order).await;
        let expected = format!(
            "Paid on 2026-05-12 12:00:00 UTC. Recorded: 0.5 ETH came, but the provider calls its payment {word}. Look \
             whether the money is still there."
        );
        assert_eq!(operator, expected);
        let sent_back = if word == "refunded" { " 0.5 ETH was sent back." } else { "" };
        assert_eq!(buyer, format!("Paid: your payment has arrived. Thank you.{sent_back}"));
        assert_eq!(answered(&app, &order).await, ["0".to_owned(), format!("0.5 eth {word} returned")]);
    }
}

async fn money_for_a_cancelled_order_is_named_to_its_buyer_too(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = cancelled(&app).await;
    told(&app, &order, ["1001", "partially_paid"], json!({ "actually_paid": "0.2" })).await;
    told(&app, &order, ["1002", "confirming"], json!({ "parent_payment_id": "1001", "actually_paid": "0.1" })).await;
    let [operator, buyer] = read_of(&app, &order).await;
    let recorded = "Recorded: 0.2 ETH has arrived; 0.1 ETH was reported as confirming, which does not settle it.";
    assert_eq!(operator, format!("Cancelled by the customer on 2026-05-12 12:00:00 UTC. {recorded}"));
    let sentence = "This order was cancelled: please do not send anything. 0.2 ETH has arrived; 0.1 ETH has been seen.";
    assert_eq!(buyer, sentence);
    assert_eq!(answered(&app, &order).await, ["0.2", "0.1 eth confirming unsettled"]);
}

async fn money_in_another_coin_is_named_and_the_address_is_gone(engine: Engine) {
    let app = TestApp::simulated(engine).await;
    let [order, payment] = asking(&app).await;
    assert_eq!(told(&app, &order, [&payment, "finished"], usdt()).await, "partial");
    is_not_asked(&app, &order).await;
    let [operator, buyer] = read_of(&app, &order).await;
    let expected = "79 USDTERC20 came, but the order is in BTC, and none of the 0.00122957 BTC owed has arrived. It is \
                    partial since 2026-05-12 12:00:00 UTC: accept what came, or agree with the customer on another way.";
    assert_eq!(operator, expected);
    assert_eq!(buyer, "79 USDT has arrived, but this order is in BTC. The shop is looking at it.");
    assert_eq!(answered(&app, &order).await, ["0", "79 usdterc20 waiting other_coin"]);
    let page = read(&app.signed_in().await.page(&format!("/admin/orders/{order}")).await);
    for offered in [
        "Recorded: 79 USDTERC20 came in another coin. It stands in place of the 0.00122957 BTC owed.",
        "79 USDTERC20 came in another coin and does not count.",
        "It is partial: money has come, so it is never swept.",
        "Not counted 79 USDTERC20 came in another coin",
    ] {
        assert!(page.contains(offered), "{offered} in {page}");
    }
    // Neither the clock nor a sweep ends it.
    app.advance(Span::hours(2)).await;
    assert_eq!(app.look(&order).await["status"], "partial");
    is_not_asked(&app, &order).await;
}

async fn another_coin_is_accepted_in_place_of_what_was_owed(engine: Engine) {
    let app = TestApp::simulated(engine).await;
    let [order, payment] = asking(&app).await;
    // The provider reports a wrong asset as a further deposit to the address.
    let mut child = usdt();
    child["parent_payment_id"] = json!(payment);
    child["actually_paid_at_fiat"] = json!(78.98);
    assert_eq!(told(&app, &order, ["7001", "finished"], child).await, "partial");
    is_not_asked(&app, &order).await;
    let [operator, buyer] = read_of(&app, &order).await;
    assert!(
        operator.starts_with("79 USDTERC20 (worth 78.98 USD when it came) came, but the order is in BTC"),
        "{operator}"
    );
    assert_eq!(buyer, "79 USDT (worth 78.98 USD) has arrived, but this order is in BTC. The shop is looking at it.");
    assert_eq!(answered(&app, &order).await, ["0", "79 usdterc20 finished other_coin"]);
    let ledger = app.admin(&format!("/{order}/payments")).await.json();
    assert_eq!([&ledger["uncounted"][0]["worth"], &ledger["worth"]], [&json!("78.98"), &Value::Null], "{ledger}");
    app.advance(Span::minutes(61)).await;
    let page = read(&app.signed_in().await.page(&format!("/admin/orders/{order}")).await);
    let offered = "Recorded: 79 USDTERC20 (worth 78.98 USD when it came) came in another coin. It stands in place of the \
                   0.00122957 BTC owed.";
    assert!(page.contains(offered), "{page}");
    let because = json!({ "reason": "Treasury has the USDT." });
    let accepted = app.admin_call(Method::POST, &format!("/{order}/accept"), &because).await;
    assert_eq!((accepted.code(), &accepted.json()["status"]), (200, &json!("paid")), "{}", accepted.text);
    let [operator, buyer] = read_of(&app, &order).await;
    assert_eq!(operator, format!("Accepted as paid by key “test” on 2026-05-12 13:01:00 UTC. {offered}"));
    assert_eq!(buyer, "Paid: the shop has accepted your payment. Thank you.");
}

async fn money_under_a_word_that_is_not_known_stops_the_asking_and_outlives_the_window(engine: Engine) {
    let app = TestApp::simulated(engine).await;
    let [order, payment] = asking(&app).await;
    let whole = json!({ "pay_currency": "btc", "pay_amount": 0.00122957, "actually_paid": 0.00122957 });
    assert_eq!(told(&app, &order, [&payment, "on_hold"], whole).await, "pending");
    is_not_asked(&app, &order).await;
    let recorded = "Recorded: 0.00122957 BTC was reported under the word “on_hold”, which is not known here.";
    let [operator, buyer] = read_of(&app, &order).await;
    let expected = format!(
        "Money was reported that does not settle the order, and the pay window is open until 2026-05-12 13:00:00 UTC (in \
         1 h 0 min). {recorded} Look at that money first."
    );
    assert_eq!(operator, expected);
    assert_eq!(buyer, "0.00122957 BTC has been seen. The shop is looking at it.");
    let items = app.walk(&format!("/v1/admin/crypto-orders/attention?order_id={order}"), 9).await;
    let numbers = ["kind", "received", "provider_status"].map(|field| match field {
        "kind" => items[0][field].clone(),
        field => items[0]["payment"][field].clone(),
    });
    assert_eq!(numbers, [json!("unknown_status"), json!("0.00122957"), json!("on_hold")], "{items:?}");
    let because = json!({ "reason": "Treasury has the money." });
    let refused = app.admin_call(Method::POST, &format!("/{order}/accept"), &because).await.problem(409, "conflict");
    let told = ["money was reported for it", "once its pay window has ended"];
    assert!(told.iter().all(|part| refused.contains(part)), "{refused}");

    app.advance(Span::minutes(61)).await;
    let [operator, buyer] = read_of(&app, &order).await;
    let expected = format!(
        "No payment was settled within the pay window; it expired on 2026-05-12 13:01:00 UTC, 1 h 1 min after it was \
         placed. {recorded}"
    );
    assert_eq!(operator, expected);
    assert!(buyer.ends_with("please do not send anything any more. 0.00122957 BTC has been seen."), "{buyer}");
    assert_eq!(answered(&app, &order).await, ["0", "0.00122957 btc on_hold unsettled"]);
    let accepted = app.admin_call(Method::POST, &format!("/{order}/accept"), &because).await;
    assert_eq!(accepted.json()["status"], "paid", "{}", accepted.text);
}
