//! An order worked on in a real browser: beside the list and on its own page, after twelve hours, and without scripts.
//!
//! What each form does, with its rules and its audit row, is in `gui_deeds.rs`.

use crypto_orders::domain::time::Span;
use serde_json::json;

use crate::browser_orders::{DOOR, at_the_orders, comes_to_the_orders, enters};
use crate::engines::Engine;
use crate::harness::browser::Browser;
use crate::harness::{TestApp, told};

on_both_engines![
    an_order_is_noted_on_and_replayed_beside_the_list,
    what_arrived_is_accepted_on_the_order_s_page,
    after_twelve_hours_the_next_click_leads_to_the_door_and_back,
    a_list_an_order_and_its_note_need_no_scripts,
];

async fn an_order_is_noted_on_and_replayed_beside_the_list(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = app.order().await;
    let Some(browser) = at_the_orders(&app).await else { return };
    browser.click(&order).await;
    browser.fill("Internal note", "Asked the shop.\nTwice.").await;
    browser.click("Save note").await;
    browser.shows("The note is saved.").await;
    assert_eq!(browser.value("Internal note").await, "Asked the shop.\nTwice.");
    assert_eq!(app.look(&order).await["internal_note"], "Asked the shop.\nTwice.");

    app.clock.advance(Span::minutes(1));
    browser.click("Replay an IPN").await;
    browser.shows("Crypto payments are non-refundable").await;
    browser.fill("Payment ID", "np_1").await;
    browser.fill("The provider’s word", "finished: the order becomes paid").await;
    browser.click("Replay this word").await;
    browser.shows("The provider's word was applied, and the order has moved.").await;
    assert_eq!(app.steps(&order).await, ["pending/create", "paid/ipn"]);
    let timeline = browser.texts("dialog .timeline > li").await;
    assert_eq!(timeline.len(), 2, "{timeline:?}");
    assert!(timeline[1].starts_with("paid by ipn 2026-05-12 12:01:00 UTC just now #2"), "{timeline:?}");
    assert!(timeline[1].contains("The provider’s word: finished. Payment np_1. Witness: operator. By key “test”."));
    assert_eq!(browser.text("dialog h1").await, format!("Order {order} paid"));

    browser.press("Escape").await;
    browser.until("document.querySelector('#rows .badge').innerText === 'paid'").await;
    assert_eq!(browser.focused().await, order);
    browser.quiet().await;
}

async fn what_arrived_is_accepted_on_the_order_s_page(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = app.order().await;
    assert_eq!(told(&app, &order, ["np_1", "partially_paid"], json!({ "actually_paid": 0.4 })).await, "partial");
    let Some(browser) = at_the_orders(&app).await else { return };
    let path = format!("/admin/orders/{order}");
    browser.go(&path).await;
    for place in [&path, "the drawer"] {
        browser.click("Accept what arrived").await;
        browser.shows("0.4 of 0.5 ETH arrived; the missing 0.1 ETH is waived.").await;
        browser.shows("This cannot be taken back, and crypto is non-refundable.").await;
        browser.fill("Reason, for the audit log", "   ").await;
        browser.click("Accept, the order is paid").await;
        browser.shows("reason is required.").await;
        browser.shows("Accept, the order is paid").await;
        browser.says_refused().await;
        assert_eq!(app.steps(&order).await, ["pending/create", "partial/ipn"], "{place}");
        if place == path {
            browser.go("/admin/orders").await;
            browser.click(&order).await;
        }
    }
    browser.fill("Reason, for the audit log", "Ticket 4711").await;
    browser.click("Accept, the order is paid").await;
    browser.shows("The payment was accepted: the order is paid.").await;
    browser.shows("Accepted as paid by key “test” on 2026-05-12 12:00:00 UTC.").await;
    browser.quiet().await;
}

async fn after_twelve_hours_the_next_click_leads_to_the_door_and_back(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = app.order().await;
    let Some(browser) = at_the_orders(&app).await else { return };
    // While it lasts, tokens change under way, and nobody notices.
    let before = browser.cookies().await;
    for _ in 0..3 {
        app.clock.advance(Span::hours(3));
        browser.script("document.querySelector('[data-refreshed]').textContent = ''").await;
        browser.click("Refresh").await;
        browser.shows("Refreshed at").await;
    }
    assert_ne!(browser.cookies().await, before);
    app.clock.advance(Span::hours(3));
    // One comes back to what was clicked, here as a page.
    let path = format!("/admin/orders/{order}");
    let door = format!("/admin/sign-in?next=%2Fadmin%2Forders%2F{order}");
    browser.click(&order).await;
    browser.arrives(&door).await;
    enters(&browser, &app.operator).await;
    browser.arrives(&path).await;
    browser.click("All orders").await;
    browser.arrives("/admin/orders").await;
    app.clock.advance(Span::hours(12));
    browser.click("Refresh").await;
    browser.arrives(DOOR).await;
    enters(&browser, &app.operator).await;
    browser.arrives("/admin/orders").await;
    app.clock.advance(Span::hours(12));
    browser.click("Audit log").await;
    browser.arrives("/admin/sign-in?next=%2Fadmin%2Faudit-log").await;
    enters(&browser, &app.operator).await;
    browser.arrives("/admin/audit-log").await;

    // Beside the list a form is not sent, and its order is what one comes back to.
    browser.go("/admin/orders").await;
    browser.click(&order).await;
    browser.fill("Internal note", "too late").await;
    app.clock.advance(Span::hours(12));
    browser.click("Save note").await;
    browser.arrives(&door).await;
    enters(&browser, &app.operator).await;
    browser.arrives(&path).await;
    assert!(app.look(&order).await["internal_note"].is_null());
    browser.click("Sign out").await;
    browser.arrives("/admin/sign-in").await;
    assert!(browser.cookies().await.is_empty());
    browser.quiet().await;
}

async fn a_list_an_order_and_its_note_need_no_scripts(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let older = app.order().await;
    app.clock.advance(Span::minutes(1));
    app.order().await;
    let Some(browser) = Browser::open(&app).await else { return };
    browser.without_javascript().await;
    comes_to_the_orders(&app, &browser).await;
    browser.fill("Status", "pending").await;
    browser.click("Filter").await;
    browser.until("location.search.includes('status=pending')").await;
    browser.go("/admin/orders?limit=1").await;
    browser.click("Load more").await;
    browser.click(&older).await;
    let path = format!("/admin/orders/{older}");
    browser.arrives(&path).await;
    browser.shows("pending by create").await;
    // What could not copy is not shown.
    browser.until("[...document.querySelectorAll('[data-copy]')].every((one) => !one.checkVisibility())").await;
    browser.fill("Internal note", "By hand.").await;
    browser.click("Save note").await;
    browser.arrives(&format!("{path}?done=note-saved")).await;
    browser.shows("The note is saved.").await;
    assert_eq!(app.look(&older).await["internal_note"], "By hand.");
    browser.click("Replay an IPN").await;
    browser.fill("Payment ID", "np_1").await;
    browser.fill("The provider’s word", "finished").await;
    browser.click("Replay this word").await;
    browser.arrives(&format!("{path}?done=ipn-applied")).await;
    assert_eq!(app.steps(&older).await, ["pending/create", "paid/ipn"]);
    browser.quiet().await;
}
