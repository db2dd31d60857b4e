//! The buyer's page, `/pay/{token}`: what it shows of every state, and whose link it is.
//!
//! That it is kept up to date is in `pay_stream.rs`; every sentence there is, in `src/http/pay/sentence/tests.rs`.

use crypto_orders::domain::ids::OrderId;
use crypto_orders::domain::lifecycle::LatePayments;
use crypto_orders::domain::pay_link::PayKey;
use crypto_orders::domain::time::Span;
use reqwest::Method;
use serde_json::json;

use crate::archive::{at, engines, exported, fresh, imported};
use crate::engines::Engine;
use crate::harness::sql::run;
use crate::harness::{Answer, TestApp, order_body, payment, told};

on_both_engines![
    the_page_says_what_to_send_where_to_the_last_digit,
    a_memo_is_told_as_what_it_is,
    every_state_is_told_and_shows_no_address_to_pay_to,
    late_money_is_told_of_as_the_settings_have_it,
    the_rest_is_sent_to_where_an_operator_asked_for_it,
    what_is_not_the_buyer_s_is_never_shown,
    the_part_that_changes_is_the_page_s_own,
    whatever_an_order_holds_is_shown_and_never_run,
    a_wrong_link_is_a_page_and_asks_no_database,
    a_link_outlives_a_restart_and_every_order_has_one,
    links_stay_good_where_the_service_moves_to,
];

on_postgres![two_nodes_make_one_key];

/// The path of the page that a checkout names.
pub fn link(app: &TestApp, placed: &Answer) -> String {
    assert_eq!(placed.code(), 201, "{}", placed.text);
    let url = placed.json()["pay_url"].as_str().expect("an address").to_owned();
    url.strip_prefix(app.base()).expect("this service's").to_owned()
}

/// The path of the page of any order.
pub fn link_of(app: &TestApp, order: &str) -> String {
    let secret = app.database.sql("select secret from service_secrets where name = 'pay_link'");
    let key = PayKey::parse(&secret).expect("a key");
    format!("/pay/{}", key.token(OrderId::parse(order).expect("an id")))
}

/// What a buyer gets, who has no key.
pub async fn seen(app: &TestApp, path: &str) -> Answer {
    app.send(app.request(Method::GET, path)).await
}

/// An order, and the path of its page.
async fn ordered(app: &TestApp, coin: &str) -> [String; 2] {
    let mut body = order_body();
    body["pay_currency"] = json!(coin);
    let placed = app.checkout_of(&body, None).await;
    [placed.json()["order_id"].as_str().expect("an id").to_owned(), link(app, &placed)]
}

async fn page(app: &TestApp, path: &str) -> String {
    let answer = seen(app, path).await;
    assert_eq!(answer.code(), 200, "{}", answer.text);
    answer.text
}

async fn the_page_says_what_to_send_where_to_the_last_digit(engine: Engine) {
    let app = TestApp::simulated(engine).await;
    let mut body = order_body();
    body["pay_currency"] = json!("btc");
    let placed = app.checkout_of(&body, Some("k")).await;
    let address = placed.json()["payment_address"].as_str().expect("an address").to_owned();
    let path = link(&app, &placed);
    app.clock.advance(Span::seconds(90));
    let answer = seen(&app, &path).await;
    assert_eq!(answer.code(), 200, "{}", answer.text);
    for (name, value) in [
        ("content-type", "text/html; charset=utf-8"),
        ("cache-control", "no-store, private"),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{name}");
    }
    assert!(answer.header("content-security-policy").is_some_and(|policy| policy.contains("default-src 'none'")));
    let order = placed.json()["order_id"].as_str().expect("an id").to_owned();
    for shown in [
        "Waiting for your payment of exactly 0.00122957 BTC.",
        "<code id=\"amount\">0.00122957</code> BTC",
        "BTC · Bitcoin",
        &format!("<code id=\"address\">{address}</code>"),
        &format!("href=\"bitcoin:{address}?amount=0.00122957\""),
        "<svg class=\"qr\"",
        "aria-label=\"QR code of the address and the amount\"",
        "only on the network Bitcoin",
        "non-refundable",
        "79.00 USD",
        "solo_manual",
        &order,
        "<time datetime=\"2026-05-12T13:00:00.000Z\">2026-05-12 13:00 UTC</time>",
        "data-left=\"3510\">58 minutes left",
        "aria-live=\"polite\"",
        "<noscript>",
    ] {
        assert!(answer.text.contains(shown), "{shown} in {}", answer.text);
    }
    for never in ["style=\"", "<style", "onclick", "http://", "https://", "memo"] {
        assert!(!answer.text.contains(never), "{never} in {}", answer.text);
    }
    let without_code = answer.text.split("<path").next().map_or(0, str::len);
    assert!(without_code < 10_000, "{without_code} bytes");
    let again = app.checkout_of(&body, Some("k")).await;
    assert_eq!((again.header("idempotent-replayed"), link(&app, &again)), (Some("1"), path), "the same for ever");
}

async fn a_memo_is_told_as_what_it_is(engine: Engine) {
    let app = TestApp::simulated(engine).await;
    let mut body = order_body();
    body["pay_currency"] = json!("xrp");
    let placed = app.checkout_of(&body, None).await;
    let memo = placed.json()["payin_extra_id"].as_str().expect("a memo").to_owned();
    let text = page(&app, &link(&app, &placed)).await;
    assert!(text.contains(&format!("<code id=\"memo\">{memo}</code>")), "{text}");
    assert!(text.contains("Without it the money is lost.") && text.contains("XRP · Ripple"), "{text}");
    // No form is settled by which a wallet would take the memo over.
    assert!(text.contains("aria-label=\"QR code of the address\"") && !text.contains("Open in a wallet"), "{text}");
}

async fn every_state_is_told_and_shows_no_address_to_pay_to(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = app.order().await;
    let path = link_of(&app, &order);
    let says = async |path: &str, sentence: &str| {
        let text = page(&app, path).await;
        assert!(text.contains(sentence), "{sentence} in {text}");
        assert!(!text.contains("id=\"address\"") && !text.contains("<svg"), "{text}");
        assert_eq!(text.contains("data-over"), sentence.starts_with("Paid"), "{text}");
    };
    says(&path, "There is no address to pay to yet.").await;
    told(&app, &order, ["11", "confirming"], json!({ "actually_paid": "0.20" })).await;
    says(&path, "Your payment has been seen and is being confirmed.").await;
    told(&app, &order, ["11", "partially_paid"], json!({ "actually_paid": "0.20" })).await;
    says(&path, "0.20 ETH of your payment has arrived, and 0.30 ETH is missing.").await;
    told(&app, &order, ["11", "finished"], json!({ "actually_paid": "0.50" })).await;
    says(&path, "Paid: your payment has arrived. Thank you.").await;

    for (word, sentence) in [
        ("failed", "The payment failed, and this order is not paid"),
        ("refunded", "The payment was sent back, and this order is not paid."),
        ("expired", "No full payment has arrived in time"),
    ] {
        let order = app.order().await;
        told(&app, &order, [&format!("of {word}"), word], json!({ "actually_paid": 0 })).await;
        says(&link_of(&app, &order), sentence).await;
    }
    let cancelled = app.order().await;
    app.call(Method::POST, &format!("/v1/billing/crypto-orders/{cancelled}/cancel"), &json!({})).await;
    says(&link_of(&app, &cancelled), "This order was cancelled: please do not send anything.").await;
    let accepted = app.order().await;
    told(&app, &accepted, ["21", "partially_paid"], json!({ "actually_paid": 0.4 })).await;
    let reason = json!({ "reason": "Near enough." });
    assert_eq!(app.admin_call(Method::POST, &format!("/{accepted}/accept"), &reason).await.code(), 200);
    says(&link_of(&app, &accepted), "Paid: the shop has accepted your payment.").await;
    let swept = app.order().await;
    app.clock.advance(Span::minutes(61));
    app.admin_call(Method::POST, "/sweep-expired", &json!({ "older_than_minutes": 60 })).await;
    assert_eq!(app.look(&swept).await["failure_reason"], "swept");
    says(&link_of(&app, &swept), "No full payment has arrived in time").await;
}

async fn late_money_is_told_of_as_the_settings_have_it(engine: Engine) {
    let app = TestApp::simulated_with(engine, |settings| settings.sweeper.automatic = false).await;
    let [_, path] = ordered(&app, "btc").await;
    assert!(page(&app, &path).await.contains("id=\"address\""));
    app.clock.advance(Span::minutes(60));
    let text = page(&app, &path).await;
    assert!(text.contains("The time to pay is over") && text.contains("it still counts once it arrives"), "{text}");
    assert!(!text.contains("id=\"address\"") && !text.contains("data-left"), "{text}");
    let app = app.restart(|settings| settings.orders.rules.late_payments = LatePayments::Record).await;
    app.advance(Span::seconds(1)).await;
    let text = page(&app, &path).await;
    assert!(text.contains("so this order is closed") && text.contains("does not count by itself any more"), "{text}");
}

async fn the_rest_is_sent_to_where_an_operator_asked_for_it(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = app.order().await;
    let path = link_of(&app, &order);
    told(&app, &order, ["31", "partially_paid"], json!({ "actually_paid": "0.2" })).await;
    assert!(page(&app, &path).await.contains("Please ask the shop what to do"));
    // As an operator's top-up leaves it (`top_up.rs`).
    let row = format!(
        "insert into order_payments (payment_id, order_id, role, provider_status, coin, pay_amount, first_seen_at, \
         pay_address, network, purchase_id, decimals) values ('32', '{order}', 'own', 'waiting', 'eth', '0.3', {}, \
         '0xB8C77482E45F1F44DE1745F52C74426C631BDD52', 'eth', '77', 8)",
        app.clock.now().micros()
    );
    run(engine, &app.database.url, &row).expect("a row");
    let app = app.restart(|_| {}).await;
    let text = page(&app, &path).await;
    for shown in [
        "0.2 ETH of your payment has arrived, and 0.3 ETH is missing.",
        "Please send the rest to the address below.",
        "<code id=\"amount\">0.3</code>",
        "ethereum:0xB8C77482E45F1F44DE1745F52C74426C631BDD52@1?value=300000000000000000",
    ] {
        assert!(text.contains(shown), "{shown} in {text}");
    }
    told(&app, &order, ["32", "confirming"], json!({ "pay_amount": 0.3, "actually_paid": 0, "price_amount": 47.4 }))
        .await;
    let text = page(&app, &path).await;
    assert!(text.contains("More of your payment has been seen") && !text.contains("0xB8C7"), "{text}");
}

async fn what_is_not_the_buyer_s_is_never_shown(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let mut body = order_body();
    body["customer_note"] = json!("what the merchant noted");
    let placed = app.checkout_of(&body, None).await;
    let order = placed.json()["order_id"].as_str().expect("an id").to_owned();
    let note = json!({ "internal_note": "looks like fraud" });
    assert_eq!(app.admin_call(Method::PATCH, &format!("/{order}/internal-note"), &note).await.code(), 200);
    told(&app, &order, ["np_secret_id", "partially_paid"], json!({ "actually_paid": 0.2 })).await;
    let path = link(&app, &placed);
    for path in [path.clone(), format!("{path}/now")] {
        let text = page(&app, &path).await;
        let account = app.account.to_string();
        for hidden in ["np_secret_id", "fraud", "what the merchant noted", "swept", account.as_str()] {
            assert!(!text.contains(hidden), "{hidden} in {text}");
        }
    }
}

async fn the_part_that_changes_is_the_page_s_own(engine: Engine) {
    let app = TestApp::simulated(engine).await;
    let [_, path] = ordered(&app, "ltc").await;
    let (whole, part) = (page(&app, &path).await, seen(&app, &format!("{path}/now")).await);
    assert_eq!(part.header("cache-control"), Some("no-store, private"));
    assert!(part.text.contains("litecoin:") && whole.contains(&part.text), "{}\n\nin\n\n{whole}", part.text);
    let script = whole.split("<script src=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a script");
    let script = seen(&app, script).await;
    assert_eq!((script.code(), script.header("content-type")), (200, Some("text/javascript; charset=utf-8")));
    assert!(script.text.contains("EventSource"), "{}", script.text);
}

async fn whatever_an_order_holds_is_shown_and_never_run(engine: Engine) {
    let app = TestApp::simulated(engine).await;
    let [order, path] = ordered(&app, "btc").await;
    let wrong = "<script>alert(1)</script>\"''";
    let row = format!(
        "update order_payments set pay_address = '{wrong}', payin_extra_id = '{wrong}', network = '{wrong}' \
         where order_id = '{order}'"
    );
    run(engine, &app.database.url, &row).expect("a row");
    let app = app.restart(|_| {}).await;
    let text = page(&app, &path).await;
    assert!(text.contains("&#60;script&#62;alert(1)&#60;/script&#62;"), "{text}");
    assert!(!text.contains("<script>") && !text.contains("Open in a wallet"), "{text}");
}

async fn a_wrong_link_is_a_page_and_asks_no_database(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let right = link_of(&app, &app.order().await);
    let turned: String = right.chars().rev().collect();
    let foreign = PayKey::new([1; 32]).token(OrderId::parse("ord_01890a5d96e77c9f8a0b1c2d3e4f5a6b").expect("an id"));
    let (shorter, other) = (&right[..right.len() - 1], if right.ends_with('A') { "B" } else { "A" });
    run(engine, &app.database.url, "alter table orders rename to orders_away").expect("it is renamed");
    for wrong in [
        shorter.to_owned(),
        format!("{right}A"),
        format!("{shorter}{other}"),
        format!("/pay/{}", turned.trim_end_matches("/yap/")),
        format!("/pay/{foreign}"),
        "/pay/ord_01890a5d96e77c9f8a0b1c2d3e4f5a6b".to_owned(),
        "/pay/%00%FF".to_owned(),
        format!("/pay/{}", "A".repeat(5_000)),
    ] {
        for path in [wrong.clone(), format!("{wrong}/now")] {
            let answer = seen(&app, &path).await;
            assert_eq!(
                (answer.code(), answer.header("content-type")),
                (404, Some("text/html; charset=utf-8")),
                "{path}"
            );
            assert!(answer.text.contains("This payment link is not right."), "{}", answer.text);
        }
        let told = seen(&app, &format!("{wrong}/events")).await.problem(404, "not-found");
        assert!(told.starts_with("This payment link is not right."), "{told}");
    }
    let right_but_away = seen(&app, &right).await;
    assert!(right_but_away.code() >= 500 && right_but_away.text.contains("<h1>"), "{right_but_away:?}");
    run(engine, &app.database.url, "alter table orders_away rename to orders").expect("it is renamed");
    assert_eq!(seen(&app, &right).await.code(), 200);
    let posted = app.send(app.request(Method::POST, &right)).await;
    assert_eq!((posted.code(), posted.header("allow")), (405, Some("GET, HEAD, OPTIONS")));
    assert_eq!(posted.header("content-type"), Some("text/html; charset=utf-8"));
}

async fn a_link_outlives_a_restart_and_every_order_has_one(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = app.order().await;
    let path = link_of(&app, &order);
    let app = app.restart(|_| {}).await;
    assert!(page(&app, &path).await.contains(&order));
    assert_eq!(app.database.sql("select count(*) from service_secrets"), "1");
    // A service of before these pages had no key, and its orders get theirs with the key.
    run(engine, &app.database.url, "delete from service_secrets").expect("it is gone");
    let app = app.restart(|_| {}).await;
    assert_eq!(seen(&app, &path).await.code(), 404, "another key");
    assert!(page(&app, &link_of(&app, &order)).await.contains(&order));
}

async fn links_stay_good_where_the_service_moves_to(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = app.order().await;
    told(&app, &order, ["41", "finished"], json!({})).await;
    let path = link_of(&app, &order);
    let archive = exported(&app.database.url);
    assert_eq!(archive.matches("{\"kind\":\"service_secret\",\"name\":\"pay_link\"").count(), 1, "{archive}");
    for target in engines() {
        // A server that was there has made a key of its own.
        let database = fresh(target).await;
        let own = "insert into service_secrets (name, secret, created_at) values ('pay_link', 'own', 0)";
        run(target, &database.url, own).expect("a key");
        let site = at(&database.url);
        std::fs::write(site.folder.join("archive.jsonl"), &archive).expect("a file");
        site.run(&["import", "archive.jsonl"]).printed();
        assert_eq!(exported(&database.url), archive);
        let moved = TestApp::over(target, database, app.clock.clone()).await;
        assert!(page(&moved, &path).await.contains("Paid: your payment has arrived."));
    }
    // An archive from before these pages brings no key; the service makes one.
    let older: String =
        archive.lines().filter(|line| !line.contains("service_secret")).map(|line| format!("{line}\n")).collect();
    let count = |archive: &str| archive.lines().count() - 2;
    let ends = [&archive, &older].map(|archive| format!("\"records\":{}", count(archive)));
    let older = older.replace("\"format\":3", "\"format\":2").replace(&ends[0], &ends[1]);
    let moved = TestApp::over(engine, imported(engine, &older).await, app.clock.clone()).await;
    assert_eq!(seen(&moved, &path).await.code(), 404);
    assert!(page(&moved, &link_of(&moved, &order)).await.contains(&order));
    let forged = archive.replacen("\"name\":\"pay_link\"", "\"name\":\"other\"", 1);
    let broken = archive.replacen("\"secret\":\"", "\"secret\":\"x", 1);
    for (archive, why) in [(forged, "there is no such secret"), (broken, "its secret is no key")] {
        let database = fresh(engine).await;
        let site = at(&database.url);
        std::fs::write(site.folder.join("archive.jsonl"), archive).expect("a file");
        let refused = site.run(&["import", "archive.jsonl"]).refusal(1);
        assert!(refused.contains("line 2 is refused") && refused.contains(why), "{refused}");
    }
}

async fn two_nodes_make_one_key(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let beside = app.beside(|_| {}).await;
    let (one, two) = tokio::join!(app.checkout(None), beside.checkout(None));
    for (node, placed) in [(&app, &two), (&beside, &one)] {
        let path = link_of(node, placed.json()["order_id"].as_str().expect("an id"));
        assert!(placed.text.contains(&path), "{path} in {}", placed.text);
        assert!(page(node, &path).await.contains("Payment of 79.00 USD"));
    }
    assert_eq!(app.ipn(&payment(one.json()["order_id"].as_str().expect("an id"), "51", "finished")).await.code(), 200);
    assert!(page(&beside, &link(&app, &one)).await.contains("Paid:"));
}
