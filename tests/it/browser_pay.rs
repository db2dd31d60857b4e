//! The buyer's page in a real browser: news without reload, copies, and what is left where scripts or streams are not.
//!
//! What the page shows of every state is in `pay.rs`. How it looks is the same on both engines.

use crypto_orders::domain::time::Span;
use reqwest::Method;
use serde_json::json;

use crate::deliveries::set;
use crate::engines::{Engine, run};
use crate::harness::browser::Browser;
use crate::harness::{TestApp, order_body, told};
use crate::pay::{link, link_of};

on_both_engines![a_page_goes_from_waiting_to_paid_without_reload, every_other_end_is_told_without_reload,];

const AMOUNT: &str = "0.00122957";

/// An order that is paid in bitcoin: its id, its payment's, and its page.
async fn waiting(app: &TestApp) -> [String; 3] {
    let mut body = order_body();
    body["pay_currency"] = json!("btc");
    let placed = app.checkout_of(&body, None).await;
    let path = link(app, &placed);
    let order = placed.json()["order_id"].as_str().expect("an id").to_owned();
    let [payment] = app.simulator().payments_of(&order)[..] else { panic!("one payment") };
    [order, payment.to_string(), path]
}

/// The provider says a word of an order's payment, of which so much has arrived.
async fn tells(app: &TestApp, [order, payment]: [&str; 2], word: &str, paid: &str) {
    let fields = json!({ "pay_currency": "btc", "pay_amount": AMOUNT, "actually_paid": paid });
    told(app, order, [payment, word], fields).await;
}

/// Opens a page, and marks it, so that a reload would be known.
async fn opened(browser: &Browser, path: &str) {
    browser.go(path).await;
    browser.shows(&format!("Waiting for your payment of exactly {AMOUNT} BTC.")).await;
    browser.script("window.marked = true").await;
}

/// Asserts that the page says this now, and is still the one that was opened.
async fn says(browser: &Browser, sentence: &str) {
    browser.shows(sentence).await;
    assert_eq!(browser.script("return window.marked ?? null").await, true, "it was loaded again");
}

async fn a_page_goes_from_waiting_to_paid_without_reload(engine: Engine) {
    let app = TestApp::simulated(engine).await;
    let [order, payment, path] = waiting(&app).await;
    let ids = [order.as_str(), payment.as_str()];
    let Some(browser) = Browser::open(&app).await else { return };
    opened(&browser, &path).await;
    let address = browser.text("#address").await;
    browser.click("Copy the address").await;
    browser.shows("Copied").await;
    assert_eq!(pasted(&browser).await, address);
    browser.click("Copy the amount").await;
    assert_eq!(pasted(&browser).await, AMOUNT);
    browser.until("/^(59|1:00):[0-9]{2} left$/.test(document.querySelector('[data-left]').textContent)").await;

    browser.script("document.querySelector('[data-copy=address]').focus()").await;
    tells(&app, ids, "confirming", "0").await;
    says(&browser, "Your payment has been seen and is being confirmed.").await;
    browser.hides(&address).await;
    assert_eq!(browser.script("return document.activeElement.id").await, "main", "the keyboard keeps its place");
    tells(&app, ids, "partially_paid", "0.001").await;
    says(&browser, "0.001 BTC of your payment has arrived, and 0.00022957 BTC is missing.").await;
    tells(&app, ids, "finished", AMOUNT).await;
    says(&browser, "Paid: your payment has arrived. Thank you.").await;
    browser.quiet().await;
    browser.stays_at_home().await;
}

/// What a paste brings, wherever somebody pastes.
async fn pasted(browser: &Browser) -> String {
    let desk = "const desk = document.createElement('textarea'); document.body.append(desk); desk.focus();";
    browser.script(desk).await;
    browser.press("Control+v").await;
    browser.until("document.querySelector('textarea').value !== ''").await;
    let text = "const desk = document.querySelector('textarea'); desk.remove(); return desk.value";
    browser.script(text).await.as_str().unwrap_or_default().to_owned()
}

async fn every_other_end_is_told_without_reload(engine: Engine) {
    let app = TestApp::simulated(engine).await;
    let Some(browser) = Browser::open(&app).await else { return };
    let [order, payment, path] = waiting(&app).await;
    opened(&browser, &path).await;
    tells(&app, [&order, &payment], "failed", "0").await;
    says(&browser, "The payment failed, and this order is not paid: please do not send anything more.").await;

    let [order, _, path] = waiting(&app).await;
    opened(&browser, &path).await;
    app.call(Method::POST, &format!("/v1/billing/crypto-orders/{order}/cancel"), &json!({})).await;
    says(&browser, "This order was cancelled: please do not send anything.").await;

    let [order, payment, path] = waiting(&app).await;
    opened(&browser, &path).await;
    app.advance(Span::minutes(61)).await;
    says(&browser, "No full payment has arrived in time, so this order is closed").await;
    says(&browser, "it still counts once it arrives").await;
    browser.hides("Open in a wallet").await;
    tells(&app, [&order, &payment], "finished", AMOUNT).await;
    says(&browser, "Paid: your payment has arrived. Thank you.").await;
    browser.quiet().await;
}

/// As in a browser that knows no streams, and whose seconds are short: the page's script begins anew.
const STREAMLESS: &str = r#"
    delete window.EventSource;
    const { setInterval } = window;
    window.setInterval = (deed, after) => setInterval(deed, after / 50);
    const main = document.getElementById("main");
    main.replaceWith(main.cloneNode(true));
    const again = document.createElement("script");
    again.src = document.querySelector("script[src]").src;
    document.head.append(again);
"#;

#[test]
fn whoever_has_no_streams_asks_and_whoever_has_no_scripts_reloads() {
    run(async {
        let app = TestApp::simulated(Engine::Sqlite).await;
        let Some(browser) = Browser::open(&app).await else { return };
        let [order, payment, path] = waiting(&app).await;
        opened(&browser, &path).await;
        browser.script(STREAMLESS).await;
        tells(&app, [&order, &payment], "confirming", "0").await;
        says(&browser, "Your payment has been seen and is being confirmed.").await;
        let asked = format!("performance.getEntriesByType('resource').some((one) => one.name.endsWith('{path}/now'))");
        browser.until(&asked).await;
        tells(&app, [&order, &payment], "finished", AMOUNT).await;
        says(&browser, "Paid: your payment has arrived. Thank you.").await;

        browser.without_javascript().await;
        let [order, payment, path] = waiting(&app).await;
        browser.go(&path).await;
        for shown in [
            "Waiting for your payment of exactly 0.00122957 BTC.",
            "2026-05-12 13:00 UTC: 60 minutes left",
            "BTC · Bitcoin",
            "only on the network Bitcoin",
            "Open in a wallet on this device",
            "Reload it to see news.",
            &order,
        ] {
            browser.shows(shown).await;
        }
        assert_eq!(browser.texts("#address").await.len(), 1);
        assert_eq!(browser.script("return document.querySelector('.qr').getBoundingClientRect().width").await, 256);
        // Nobody would answer its buttons.
        browser.hides("Copy").await;
        tells(&app, [&order, &payment], "finished", AMOUNT).await;
        browser.reload().await;
        browser.shows("Paid: your payment has arrived. Thank you.").await;
        browser.quiet().await;
    });
}

#[test]
fn the_buyers_page_is_presentable_in_every_state() {
    run(async {
        let app = TestApp::simulated(Engine::Sqlite).await;
        let Some(browser) = Browser::open(&app).await else { return };
        let [order, payment, path] = waiting(&app).await;
        browser.presentable(&app, &path, "pay-waiting").await;
        for (word, paid, name) in [
            ("confirming", "0", "pay-confirming"),
            ("partially_paid", "0.001", "pay-partial"),
            ("finished", AMOUNT, "pay-paid"),
        ] {
            tells(&app, [&order, &payment], word, paid).await;
            browser.presentable(&app, &path, name).await;
        }
        let mut body = order_body();
        body["pay_currency"] = json!("xrp");
        let with_memo = app.checkout_of(&body, None).await;
        browser.presentable(&app, &link(&app, &with_memo), "pay-memo").await;
        let [order, payment, path] = waiting(&app).await;
        tells(&app, [&order, &payment], "failed", "0").await;
        browser.presentable(&app, &path, "pay-failed").await;
        let [order, _, path] = waiting(&app).await;
        app.call(Method::POST, &format!("/v1/billing/crypto-orders/{order}/cancel"), &json!({})).await;
        browser.presentable(&app, &path, "pay-cancelled").await;
        let order = app.order().await;
        set(&app, &format!("update order_payments set pay_address = null where order_id = '{order}'"));
        browser.presentable(&app, &link_of(&app, &order), "pay-no-address").await;

        browser.go(&format!("{path}A")).await;
        let said = browser.console().await;
        assert!(said.len() == 1 && said.concat().contains("404"), "{said:?}");
        browser.shows("This payment link is not right.").await;
        browser.presentable_now("pay-not-right").await;
    });
}
