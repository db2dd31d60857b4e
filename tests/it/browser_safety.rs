//! What others wrote is shown by every page as the text it is: a real browser runs none of it.
//!
//! Scripts go into every field that takes text, as far as can be by the door that its writer uses. Besides that nothing
//! has run, no element of theirs may be on the page, and the content policy must have had nothing to refuse.

use crypto_orders::domain::time::Span;
use reqwest::Method;
use serde_json::{Value, json};
use url::form_urlencoded::byte_serialize;

use crate::browser_orders::at_the_orders;
use crate::courier::local;
use crate::deliveries::set;
use crate::engines::Engine;
use crate::harness::browser::Browser;
use crate::harness::sink::{Reply, Sink};
use crate::harness::{TestApp, order_body, told};

on_both_engines![what_others_wrote_is_shown_and_never_run];

const EVIL: &str =
    r#"<script>window.hacked=1</script><img src=x onerror=window.hacked=2>"'><svg onload=window.hacked=3>"#;
/// The part that stands the same in JSON, and is short enough to be a word of the provider's.
const SIGN: &str = "<script>window.hacked=1</script>";

/// How often the text is seen, everything opened that can be, and what of it has become more than text.
const LOOK: &str = r#"
    document.querySelectorAll("details").forEach((one) => { one.open = true; });
    const often = (text) => text.split(arguments[0]).length - 1;
    const fields = [...document.querySelectorAll("input, textarea, option")].map((one) => one.value);
    const strange = document.querySelectorAll("script:not([src^='/assets/']), img, iframe, [onload], [onerror], [onclick]");
    return {
        hacked: window.hacked ?? null,
        strange: [...strange].map((one) => one.outerHTML),
        seen: often(document.body.innerText) + fields.reduce((sum, text) => sum + often(text), 0),
    };
"#;

/// Holds the page as it is now: the text is there so many times at least, and is nothing but text.
async fn harmless(browser: &Browser, seen_at_least: u64) {
    let found = browser.script_with(LOOK, json!([SIGN])).await;
    let at = browser.address().await;
    assert_eq!((&found["hacked"], &found["strange"]), (&Value::Null, &json!([])), "{at}");
    let seen = found["seen"].as_u64().unwrap_or_default();
    assert!(seen_at_least <= seen, "{at} shows it {seen} times, not {seen_at_least}");
    browser.quiet().await;
}

/// An order into which the buyer, the provider and the merchant's server have written; answers its id and buyer's page.
async fn written_by_others(app: &TestApp, sink: &Sink) -> [String; 2] {
    let mut body = order_body();
    body["customer_note"] = json!(EVIL);
    let placed = app.checkout_of(&body, None).await.json();
    let order = placed["order_id"].as_str().expect("an id").to_owned();
    let page = placed["pay_url"].as_str().expect("a page").split_once("/pay/").expect("its token").1.to_owned();
    let fields = json!({ "order_description": EVIL, "actually_paid": 0.4, "payin_extra_id": EVIL });
    told(app, &order, [EVIL, "partially_paid"], fields.clone()).await;
    told(app, &order, [EVIL, "finished"], fields).await;
    let word = json!({ "payment_id": EVIL, "provider_status": SIGN });
    assert_eq!(app.admin_call(Method::POST, &format!("/{order}/apply-ipn"), &word).await.code(), 200);
    let endpoint = app.endpoint(sink.url("/hook")).await;
    sink.always("/hook", Reply::Say { code: 500, headers: Vec::new(), body: EVIL.to_owned() });
    let reason = json!({ "reason": EVIL });
    assert_eq!(app.admin_call(Method::POST, &format!("/{order}/accept"), &reason).await.code(), 200);
    app.advance(Span::minutes(1)).await;
    assert_eq!(sink.got_at("/hook").len(), 1, "the merchant's server has answered");
    let evil = EVIL.replace('\'', "''");
    set(app, &format!("update webhook_deliveries set last_error = '{evil}', status = 'dlq', due_at = null"));
    // The doors of these are on other machines, or refuse such a name.
    set(app, &format!("update webhook_endpoints set url = '{evil}' where id = '{}'", endpoint.id));
    for table in ["accounts set name", "api_keys set name"] {
        set(app, &format!("update {table} = '{evil}'"));
    }
    [order, format!("/pay/{page}")]
}

async fn what_others_wrote_is_shown_and_never_run(engine: Engine) {
    let sink = Sink::start().await;
    let app = TestApp::spawn_with(engine, local).await;
    let [order, pay] = written_by_others(&app, &sink).await;
    app.clock.advance(Span::minutes(1));
    let other = app.order().await;
    let Some(browser) = at_the_orders(&app).await else { return };
    beside_the_list(&app, &browser, [&order, &other]).await;
    for (path, seen) in [
        (format!("/admin/orders/{order}"), 14),
        (pay, 0),
        ("/admin".to_owned(), 1),
        ("/admin/attention".to_owned(), 1),
        ("/admin/attention?state=resolved".to_owned(), 2),
        ("/admin/dead-letters".to_owned(), 4),
        ("/admin/audit-log".to_owned(), 3),
        ("/admin/sweep".to_owned(), 1),
        (format!("/admin/idempotency?account_id={}", app.account), 1),
    ] {
        browser.go(&path).await;
        harmless(&browser, seen).await;
    }
    in_an_address(&browser).await;
}

/// What is there, what an operator writes, and what scripts of ours put there.
async fn beside_the_list(app: &TestApp, browser: &Browser, [order, other]: [&str; 2]) {
    let evil = EVIL.replace('\'', "''");
    harmless(browser, 3).await;
    browser.click(order).await;
    browser.shows("Timeline").await;
    harmless(browser, 12).await;
    browser.fill("Internal note", &format!("</textarea>{EVIL}")).await;
    browser.click("Save note").await;
    browser.shows("The note is saved.").await;
    harmless(browser, 14).await;
    browser.fill_in("#attention ~ .items > li:first-child", "What was found and done", EVIL).await;
    browser.click_in("#attention ~ .items > li:first-child form", "Resolve").await;
    browser.shows("The item is resolved.").await;
    harmless(browser, 14).await;
    browser.press("Escape").await;
    // The list behind is refreshed by itself after a change, and then once more.
    browser.shows("Refreshed at").await;
    browser.script("document.querySelector('[data-refreshed]').textContent = ''").await;
    set(app, &format!("update orders set product = '{evil}' where id = '{other}'"));
    browser.script("refresh(document.querySelector('a[data-refresh]'))").await;
    browser.shows("Refreshed at").await;
    harmless(browser, 4).await;
    browser.go("/admin/orders?limit=1").await;
    browser.click("Load more").await;
    browser.until("document.querySelectorAll('#rows > tr').length === 2").await;
    harmless(browser, 4).await;
}

/// What stands in an address is anybody's word.
async fn in_an_address(browser: &Browser) {
    let written: String = byte_serialize(EVIL.as_bytes()).collect();
    for (path, seen) in [
        ("/admin/orders?search", 3),
        ("/admin/orders?payment_id", 3),
        ("/admin/orders?account_id", 2),
        ("/admin/orders?created_after", 2),
        ("/admin/orders?created_before", 2),
        ("/admin/orders?status", 2),
        ("/admin/orders?paid_after", 2),
        ("/admin/orders?limit", 2),
        ("/admin/orders?cursor", 1),
        ("/admin/orders?done", 1),
        ("/admin/audit-log?target", 1),
        ("/admin/audit-log?actor", 0),
        ("/admin/attention?kind", 0),
        ("/admin/idempotency?account_id", 1),
    ] {
        browser.go(&format!("{path}={written}")).await;
        // The console says with which status a refusal came.
        let said = browser.console().await;
        assert!(said.iter().all(|line| line.contains("status of 4")), "{path}: {said:?}");
        harmless(browser, seen).await;
    }
    browser.forget_cookies().await;
    browser.go(&format!("/admin/orders?search={written}")).await;
    harmless(browser, 0).await;
    browser.fill("API key of an operator", EVIL).await;
    browser.click("Sign in").await;
    browser.shows("The supplied API key is not recognised.").await;
    browser.says_refused().await;
    harmless(browser, 0).await;
}
