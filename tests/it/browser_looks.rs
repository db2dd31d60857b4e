//! How the pages of orders look: valid, accessible, within their width, at home, and kept as screenshots.
//!
//! The rules are in `harness/browser/judges.rs`; what the pages do is in `browser_orders.rs` and `browser_order.rs`.

use crypto_orders::config::Reach;
use crypto_orders::domain::time::Span;
use reqwest::Method;
use serde_json::json;

use crate::browser_orders::{at_the_orders, enters};
use crate::engines::Engine;
use crate::harness::browser::{Browser, valid_html};
use crate::harness::responder::{Responder, Said};
use crate::harness::sink::{Reply, Sink};
use crate::harness::{TestApp, order_body, told};
use crate::top_up::{made, provided};

on_both_engines![the_door_and_the_list_of_orders_are_presentable, the_pages_of_orders_are_presentable];

async fn the_door_and_the_list_of_orders_are_presentable(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let Some(browser) = Browser::open(&app).await else { return };
    browser.presentable(&app, "/admin/sign-in?next=%2Fadmin%2Forders", "sign-in").await;
    enters(&browser, "ds_admin_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa").await;
    browser.shows("The supplied API key is not recognised.").await;
    browser.says_refused().await;
    browser.presentable_now("sign-in-refused").await;
    browser.width(1440).await;
    enters(&browser, &app.operator).await;
    browser.arrives("/admin/orders").await;
    browser.presentable(&app, "/admin/orders", "orders-none").await;
    crate::gui_orders::a_day(&app).await;
    for _ in 0..9 {
        app.clock.advance(Span::minutes(53));
        app.order().await;
    }
    browser.presentable(&app, "/admin/orders?limit=12", "orders").await;
    browser.presentable(&app, "/admin/orders?status=cancelled&search=ada", "orders-no-match").await;
    browser.presentable_refusal(&app, "/admin/orders?created_after=yesterday", "orders-refused").await;
    browser.presentable_refusal(&app, "/admin/orders/ord_nothing", "not-found").await;
}

/// A node whose provider makes payments, as pages over http see it.
async fn shop(engine: Engine) -> (TestApp, Responder) {
    let provider = Responder::start().await;
    let least = json!({ "currency_from": "eth", "currency_to": "eth", "min_amount": 0.0001, "fiat_equivalent": 1 });
    provider.always("GET /v1/min-amount", Said::new(200, least.to_string()));
    let app = TestApp::spawn_with(engine, |settings| {
        let reached_at = settings.public_url.clone();
        provided(settings, &provider);
        settings.public_url = reached_at;
        settings.webhooks.reach = Reach::Local;
    })
    .await;
    (app, provider)
}

async fn placed(app: &TestApp, provider: &Responder, payment: &str) -> String {
    provider.upon("POST /v1/payment", made(payment, "0.5"));
    let mut body = order_body();
    body["pay_currency"] = json!("eth");
    body["customer_note"] = json!("For Ada.\nPlease put the invoice into the parcel.");
    app.checkout_of(&body, None).await.json()["order_id"].as_str().expect("an id").to_owned()
}

async fn the_pages_of_orders_are_presentable(engine: Engine) {
    let (app, provider) = shop(engine).await;
    let sink = Sink::start().await;
    app.endpoint(sink.url("/webhooks/crypto-orders/of-the-shop-with-a-long-name")).await;
    let [paid, partial, failed] =
        [placed(&app, &provider, "5077125051").await, placed(&app, &provider, "5077125052").await, app.order().await];
    app.clock.advance(Span::minutes(11));
    told(&app, &partial, ["5077125052", "partially_paid"], json!({ "actually_paid": 0.2 })).await;
    provider.upon("POST /v1/payment", made("5077125060", "0.3"));
    let asked = json!({ "reason": "Ticket 4711: the buyer sends the rest." });
    let path = format!("/{partial}/top-up");
    assert!(app.admin_call(Method::POST, &path, &asked).await.code() < 300);
    told(&app, &paid, ["5077125051", "confirming"], json!({})).await;
    app.clock.advance(Span::minutes(2));
    told(&app, &paid, ["5077125051", "finished"], json!({ "actually_paid": 0.52 })).await;
    let note = json!({ "internal_note": "Asked the provider on Tuesday.\nWaits for their answer." });
    assert_eq!(app.admin_call(Method::PATCH, &format!("/{paid}/internal-note"), &note).await.code(), 200);
    sink.always("/webhooks/crypto-orders/of-the-shop-with-a-long-name", answer_of_a_proxy());
    app.advance(Span::minutes(1)).await;
    app.advance(Span::minutes(61)).await;
    assert_eq!(app.look(&failed).await["status"], "failed");
    let pending = placed(&app, &provider, "5077125053").await;
    let Some(browser) = at_the_orders(&app).await else { return };

    for (order, name) in
        [(&pending, "order-pending"), (&partial, "order-partial"), (&failed, "order-failed"), (&paid, "order-paid")]
    {
        browser.presentable(&app, &format!("/admin/orders/{order}"), name).await;
    }
    browser.go("/admin/orders").await;
    browser.width(1440).await;
    browser.click(&partial).await;
    browser.shows("Timeline").await;
    browser.presentable_now("order-drawer").await;
    browser.width(1440).await;
    a_refused_form_is_presentable(&app, &browser, &partial).await;
}

fn answer_of_a_proxy() -> Reply {
    let body = "<html>\n<head><title>502 Bad Gateway</title></head>\n<body><center><h1>502 Bad Gateway</h1></center></body>\n</html>";
    Reply::Say { code: 502, headers: Vec::new(), body: body.to_owned() }
}

async fn a_refused_form_is_presentable(app: &TestApp, browser: &Browser, order: &str) {
    let path = format!("/admin/orders/{order}");
    browser.go(&path).await;
    browser.click("Accept what arrived").await;
    browser.fill("Reason, for the audit log", "  ").await;
    browser.click("Accept, the order is paid").await;
    browser.shows("reason is required.").await;
    browser.says_refused().await;
    // Everything that can be opened is judged, too.
    browser.script("document.querySelectorAll('details').forEach((one) => { one.open = true; })").await;
    browser.presentable_now("order-refused").await;
    let operator = app.signed_in().await;
    let refused = operator.submit(&path, &[("act", "accept"), ("reason", "  ")]).await;
    assert_eq!(refused.code(), 400);
    valid_html("a refused form", &refused.text);
    browser.width(1440).await;
    browser.go(&path).await;
    browser.script("document.querySelector('.noting [name=token]').value = 'strange'").await;
    browser.click("Save note").await;
    browser.shows("This is an answer with status 403").await;
    browser.says_refused().await;
    browser.presentable_now("form-refused").await;
}
