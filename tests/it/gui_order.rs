//! An order's page: what it tells, and that nothing that others wrote becomes part of it.
//!
//! What its forms do is in `gui_actions.rs`; its sentence in all cases beside `src/http/gui/order/why.rs`.

use crypto_orders::domain::time::Span;
use reqwest::Method;
use serde_json::json;

use crate::deliveries::{catch_up, endpoint, set, stand};
use crate::engines::Engine;
use crate::harness::operator::{between, read};
use crate::harness::{TestApp, order_body, payment, told};

on_both_engines![
    a_page_tells_everything_of_its_order,
    the_sentence_at_the_top_follows_the_order,
    what_the_provider_sent_is_there_word_for_word,
    no_text_of_others_becomes_part_of_the_page,
    a_full_order_s_page_is_light_and_says_where_the_rest_is,
    what_is_no_order_has_a_page_that_says_so,
];

async fn a_page_tells_everything_of_its_order(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let mut body = order_body();
    body["customer_note"] = json!("For Ada");
    let order = app.checkout_of(&body, None).await.json()["order_id"].as_str().expect("an id").to_owned();
    app.clock.advance(Span::minutes(5));
    let fields = json!({ "actually_paid": 0.4, "updated_at": 1_778_587_380_000_i64 });
    assert_eq!(told(&app, &order, ["np_1", "finished"], fields).await, "partial");
    let note = json!({ "internal_note": "Asked the provider." });
    assert_eq!(app.admin_call(Method::PATCH, &format!("/{order}/internal-note"), &note).await.code(), 200);
    app.clock.advance(Span::minutes(60));
    let page = app.signed_in().await.page(&format!("/admin/orders/{order}")).await;
    let text = read(&page);
    for piece in [
        "Received 0.4 of 0.5 ETH: 0.1 ETH is missing. It is partial since 2026-05-12 12:05:00 UTC.",
        "Product solo_manual",
        "Price 79.00 USD",
        "Owed 0.5 ETH",
        "Received, settled 0.4 ETH missing 0.1",
        "Placed 2026-05-12 12:00:00 UTC 1 h 5 min ago",
        "underpaid open, payment np_1 : 0.4 ETH received, 0.5 ETH owed, 0.1 ETH missing. Raised 1 time",
        "pending by create 2026-05-12 12:00:00 UTC 1 h 5 min ago #1",
        "partial by ipn 2026-05-12 12:05:00 UTC 1 h 0 min ago #2",
        "The provider’s word: finished . Payment np_1 . Witness: ipn. The provider’s own time: 2026-05-12 12:03:00 UTC",
        "Customer’s note For Ada",
        "Asked the provider.",
        "crypto_order.note_updated",
        "key “test”",
    ] {
        let tight = |text: &str| text.replace(" .", ".").replace(" :", ":");
        assert!(tight(&text).contains(&tight(piece)), "{piece} in {text}");
    }
    for copied in [order.as_str(), &app.account.to_string(), "np_1"] {
        assert!(page.contains(&format!("data-copy=\"{copied}\"")), "{copied} in {page}");
    }
}

async fn the_sentence_at_the_top_follows_the_order(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let operator = app.signed_in().await;
    let why = async |order: &str| {
        let page = operator.page(&format!("/admin/orders/{order}")).await;
        read(&between(&page, "<p class=\"why\">", "</p>").remove(0))
    };
    let order = app.order().await;
    assert!(why(&order).await.starts_with("Waiting for the buyer: no payment has been confirmed"));
    app.advance(Span::minutes(61)).await;
    let expired = "Nobody paid within the pay window; it expired on 2026-05-12 13:01:00 UTC, 1 h 1 min after it was \
                   placed. No payment has been seen.";
    assert_eq!(why(&order).await, expired);
    told(&app, &order, ["np_1", "confirming"], json!({})).await;
    assert!(why(&order).await.starts_with("A payment is on its way: the provider said confirming on 2026-05-12 13:01"));
    told(&app, &order, ["np_1", "finished"], json!({ "actually_paid": 0.52 })).await;
    let paid = "Paid on 2026-05-12 13:01:00 UTC: 0.52 of 0.5 ETH arrived, which is 0.02 ETH over. It came after the pay \
                window; what it was worth then is not known.";
    assert_eq!(why(&order).await, paid);
    let other = app.order().await;
    app.call(Method::POST, &format!("/v1/billing/crypto-orders/{other}/cancel"), &json!({})).await;
    assert_eq!(why(&other).await, "Cancelled by the customer on 2026-05-12 13:01:00 UTC. No payment has been seen.");
}

async fn what_the_provider_sent_is_there_word_for_word(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = app.order().await;
    let body = payment(&order, "np_1", "finished").to_string();
    for _ in 0..2 {
        assert_eq!(app.ipn_raw(&body).await.code(), 200);
        app.clock.advance(Span::minutes(1));
    }
    let page = app.signed_in().await.page(&format!("/admin/orders/{order}")).await;
    let raw = between(&page, "tabindex=\"0\">{", "</pre>").remove(0);
    assert_eq!(read(&format!("{{{raw}")), body);
    let text = read(&page);
    assert!(text.contains("Seen 2 times, last 2026-05-12 12:01:00 UTC 1 min ago"), "{text}");
    assert!(text.contains("with the current secret"), "{text}");
}

const EVIL: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>";

async fn no_text_of_others_becomes_part_of_the_page(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let hook = endpoint(&app, app.account).await;
    let mut body = order_body();
    body["customer_note"] = json!(EVIL);
    let order = app.checkout_of(&body, None).await.json()["order_id"].as_str().expect("an id").to_owned();
    let fields = json!({ "order_description": EVIL, "actually_paid": 0.4 });
    told(&app, &order, [EVIL, "partially_paid"], fields.clone()).await;
    told(&app, &order, [EVIL, "finished"], fields).await;
    let word = json!({ "payment_id": EVIL, "provider_status": EVIL });
    assert_eq!(app.admin_call(Method::POST, &format!("/{order}/apply-ipn"), &word).await.code(), 200);
    let reason = json!({ "reason": EVIL });
    assert_eq!(app.admin_call(Method::POST, &format!("/{order}/accept"), &reason).await.code(), 200);
    let note = json!({ "internal_note": format!("</textarea>{EVIL}") });
    assert_eq!(app.admin_call(Method::PATCH, &format!("/{order}/internal-note"), &note).await.code(), 200);
    app.clock.advance(Span::minutes(1));
    assert_eq!(catch_up(&app, hook).await, 2, "that it is partial, and that it is paid");
    let deliveries = app.walk(&format!("/v1/admin/crypto-orders/{order}/deliveries"), 50).await;
    stand(&app, deliveries[0]["id"].as_str().expect("an id"), "dlq", 6);
    let evil = EVIL.replace('\'', "''");
    set(&app, &format!("update webhook_deliveries set last_response_excerpt = '{evil}', last_error = '{evil}'"));
    for table in ["webhook_endpoints set url", "accounts set name", "api_keys set name"] {
        set(&app, &format!("update {table} = '{evil}'"));
    }
    let operator = app.signed_in().await;
    let path = format!("/admin/orders/{order}");
    let forms = [("act", "accept"), ("reason", EVIL), ("payment_id", EVIL)];
    let refused = operator.submit(&path, &forms).await;
    assert_eq!(refused.code(), 409, "{}", refused.text);
    for page in [operator.page(&path).await, refused.text, operator.page("/admin/audit-log").await] {
        assert!(!page.contains("<script>") && !page.contains("<img"), "{page}");
        assert!(page.matches("</textarea>").count() <= 1 + page.matches("name=\"note\"").count(), "{page}");
        assert!(read(&page).contains("alert(1)"), "what was written is shown: {page}");
    }
    assert!(read(&operator.page(&path).await).matches(EVIL).count() > 12);
}

async fn a_full_order_s_page_is_light_and_says_where_the_rest_is(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let hook = endpoint(&app, app.account).await;
    let order = app.order().await;
    for number in 0..30 {
        let mut body = payment(&order, "np_1", if number % 2 == 0 { "confirming" } else { "partially_paid" });
        body["actually_paid"] = json!(0.1);
        body["updated_at"] = json!(app.clock.now().millis());
        body["order_description"] = json!(format!("{number} {}", "\u{fc}<\"".repeat(6_000)));
        assert_eq!(app.ipn_raw(&body.to_string()).await.code(), 200);
        let note = json!({ "internal_note": format!("{number} {}", "\u{fc}\"".repeat(990)) });
        assert_eq!(app.admin_call(Method::PATCH, &format!("/{order}/internal-note"), &note).await.code(), 200);
        app.clock.advance(Span::minutes(1));
    }
    told(&app, &order, ["np_1", "finished"], json!({})).await;
    app.clock.advance(Span::minutes(1));
    assert_eq!(catch_up(&app, hook).await, 2, "that it is partial, and that it is paid");
    set(&app, &format!("update webhook_deliveries set last_response_excerpt = '{}'", "\u{fc}<".repeat(2_048)));
    let operator = app.signed_in().await;
    let page = operator.page(&format!("/admin/orders/{order}")).await;
    let text = read(&page);
    for path in [format!("crypto-orders/{order}/ipns"), format!("audit-log?target={order}")] {
        let newest = format!("These are the newest 25; the API has all of them: GET /v1/admin/{path}");
        assert!(text.contains(&newest), "{newest} in {text}");
    }
    for list in ["ipns", "deliveries"] {
        let cut = format!("cut; the whole is in the API: GET /v1/admin/crypto-orders/{order}/{list}");
        assert!(text.contains(&cut), "{cut} in {text}");
    }
    assert_eq!(page.matches("<summary>Raw body").count(), 25);
    let mut weight = page.len();
    for file in between(&page, "href=\"/assets/", "\"").iter().chain(&between(&page, "src=\"/assets/", "\"")) {
        weight += operator.get(&format!("/assets/{file}")).await.text.len();
    }
    assert!(weight < 100_000, "{weight} bytes");
}

async fn what_is_no_order_has_a_page_that_says_so(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let operator = app.signed_in().await;
    for unknown in ["ord_01890a5d96e77c9f8a0b1c2d3e4f5a6b", "nonsense", "%3Cscript%3E"] {
        let page = operator.get(&format!("/admin/orders/{unknown}")).await;
        assert_eq!((page.code(), page.header("content-type")), (404, Some("text/html; charset=utf-8")));
        assert!(
            read(&page.text).contains("No crypto order with id") && !page.text.contains("<script>"),
            "{}",
            page.text
        );
    }
}
