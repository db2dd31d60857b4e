//! The operators' list of orders in a real browser: the door, the form whose filter is the address, the file, further
//! orders, a refresh, the drawer, and all of it by the keyboard.
//!
//! What the list finds is held to the API in `gui_orders.rs`; what is done to an order is in `browser_order.rs`.

use crypto_orders::domain::time::Span;
use reqwest::Method;

use crate::engines::Engine;
use crate::gui_orders::{a_day, found};
use crate::harness::TestApp;
use crate::harness::browser::Browser;

on_both_engines![
    an_operator_signs_in_and_finds_orders_by_the_form,
    further_orders_and_a_refresh_keep_the_place,
    an_order_opens_beside_the_list_by_the_keyboard_too,
];

/// The door, as the list of orders leads to it.
pub const DOOR: &str = "/admin/sign-in?next=%2Fadmin%2Forders";

/// A browser whose person has signed in by the form and is at the list of orders.
pub async fn at_the_orders(app: &TestApp) -> Option<Browser> {
    let browser = Browser::open(app).await?;
    comes_to_the_orders(app, &browser).await;
    Some(browser)
}

/// Goes to the list of orders, by the door.
pub async fn comes_to_the_orders(app: &TestApp, browser: &Browser) {
    browser.go("/admin/orders").await;
    browser.arrives(DOOR).await;
    enters(browser, &app.operator).await;
    browser.arrives("/admin/orders").await;
}

/// Tries a key at the door.
pub async fn enters(browser: &Browser, key: &str) {
    browser.fill("API key of an operator", key).await;
    browser.click("Sign in").await;
}

/// The orders that the list shows, in its order.
async fn listed(browser: &Browser) -> Vec<String> {
    browser.texts("#rows > tr > td:first-child").await
}

/// Waits until the list shows so many orders.
async fn rows(browser: &Browser, count: usize) {
    browser.until(&format!("document.querySelectorAll('#rows > tr').length === {count}")).await;
}

async fn an_operator_signs_in_and_finds_orders_by_the_form(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let other = a_day(&app).await;
    let Some(browser) = Browser::open(&app).await else { return };
    browser.go("/admin/orders").await;
    browser.arrives(DOOR).await;
    assert_eq!(browser.focused().await, "API key of an operator");
    enters(&browser, "ds_admin_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa").await;
    browser.shows("The supplied API key is not recognised.").await;
    browser.says_refused().await;
    assert!(browser.cookies().await.is_empty());
    // Where to go was not forgotten over the wrong key.
    enters(&browser, &app.operator).await;
    browser.arrives("/admin/orders").await;
    for (label, value, query) in [
        ("Status", "failed", "status=failed".to_owned()),
        ("Search", "für ada", "search=f%C3%BCr+ada".to_owned()),
        ("Payment ID (exact)", "np_2", "payment_id=np_2".to_owned()),
        ("From (UTC)", "2026-05-12T12:07", "created_after=2026-05-12T12%3A07".to_owned()),
        ("To (UTC, not included)", "2026-05-12T12:07", "created_before=2026-05-12T12%3A07".to_owned()),
        ("Account", &other, format!("account_id={other}")),
    ] {
        browser.fill(label, value).await;
        browser.click("Filter").await;
        browser.arrives(&format!("/admin/orders?{query}")).await;
        assert_eq!(browser.value(label).await, value, "the form shows its filter");
        let in_full = query.replace("12%3A07", "12%3A07:00Z");
        let expected = found(&app, &in_full).await;
        assert!((1..4).contains(&expected.len()), "{query}: {expected:?}");
        assert_eq!(listed(&browser).await, expected, "{query}");
        browser.click("Clear").await;
        browser.arrives("/admin/orders").await;
    }
    rows(&browser, 4).await;
    gives_the_file_of_its_filter(&app, &browser, &other).await;
    browser.quiet().await;
}

/// Parts of a filter are joined, and the file is what the API gives for them.
async fn gives_the_file_of_its_filter(app: &TestApp, browser: &Browser, account: &str) {
    browser.fill("Account", account).await;
    browser.fill("From (UTC)", "2026-05-12T12:15").await;
    browser.fill("Status", "pending").await;
    browser.click("Filter").await;
    browser
        .arrives(&format!("/admin/orders?status=pending&created_after=2026-05-12T12%3A15&account_id={account}"))
        .await;
    rows(browser, 1).await;
    browser.click("Download CSV").await;
    let file = browser.downloaded().await;
    let query = format!("?status=pending&created_after=2026-05-12T12:15:00Z&account_id={account}&all=1");
    let path = format!("/v1/admin/crypto-orders.csv{query}");
    let answer = app.request(Method::GET, &path).bearer_auth(&app.operator).send().await.expect("an answer");
    let bytes = answer.bytes().await.expect("the API's file");
    assert_eq!(file.bytes, bytes, "{}", String::from_utf8_lossy(&file.bytes));
    assert_eq!(file.bytes.iter().filter(|byte| **byte == b'\n').count(), 2, "its head and the one order");
    assert!(file.name.ends_with(".csv"), "{}", file.name);
    browser.fill("Status", "cancelled").await;
    browser.click("Filter").await;
    browser.shows("No order has status cancelled").await;
    browser.click("Needs a decision (partial)").await;
    browser.arrives("/admin/orders?status=partial").await;
    browser.shows("underpaid").await;
}

/// So many orders, a minute apart; newest first.
async fn orders(app: &TestApp, count: usize) -> Vec<String> {
    let mut made = Vec::new();
    for _ in 0..count {
        app.clock.advance(Span::minutes(1));
        made.insert(0, app.order().await);
    }
    made
}

async fn further_orders_and_a_refresh_keep_the_place(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let mut made = orders(&app, 23).await;
    let Some(browser) = at_the_orders(&app).await else { return };
    browser.go("/admin/orders?limit=10").await;
    assert_eq!(listed(&browser).await, made[..10]);
    browser.click("Load more").await;
    rows(&browser, 20).await;
    assert_eq!(browser.focused().await, made[10], "who uses the keyboard goes on at the first further order");
    browser.click("Load more").await;
    rows(&browser, 23).await;
    assert_eq!(listed(&browser).await, made);
    browser.hides("Load more").await;

    // News comes without anything jumping: as many orders as before, and the focus where it was.
    made.insert(0, orders(&app, 1).await.remove(0));
    browser.script("document.querySelectorAll('#rows a[data-drawer]')[20].focus()").await;
    browser.script("scrollTo(0, 60)").await;
    browser.script("refresh(document.querySelector('a[data-refresh]'))").await;
    browser.shows("Refreshed at").await;
    assert_eq!(listed(&browser).await, made[..listed(&browser).await.len()]);
    assert!(23 <= listed(&browser).await.len());
    assert_eq!(browser.focused().await, made[21]);
    assert_eq!(browser.script("return scrollY").await, 60);
    assert_eq!(browser.address().await, "/admin/orders?limit=10");

    // What cannot be refreshed says so, and stays.
    browser.script("window.fetch = () => Promise.reject(new TypeError('offline'))").await;
    browser.click("Refresh").await;
    browser.shows("Could not refresh").await;
    assert!(23 <= listed(&browser).await.len());
    browser.quiet().await;
}

/// Presses a key until the focus is on something with these words.
async fn goes_to(browser: &Browser, key: &str, wanted: &str) {
    for _ in 0..20 {
        browser.press(key).await;
        if browser.focused().await == wanted {
            return;
        }
    }
    panic!("the keyboard never comes to {wanted}");
}

async fn an_order_opens_beside_the_list_by_the_keyboard_too(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let made = orders(&app, 2).await;
    let Some(browser) = at_the_orders(&app).await else { return };
    browser.script("document.querySelector('[name=account_id]').focus()").await;
    goes_to(&browser, "Tab", &made[0]).await;
    browser.press("Enter").await;
    browser.shows("Timeline").await;
    assert_eq!(browser.text("dialog.drawer h1").await, format!("Order {} pending", made[0]));
    let timeline = browser.text("dialog.drawer .timeline").await;
    assert!(timeline.contains("pending by create 2026-05-12 12:02:00 UTC"), "{timeline}");
    assert_eq!(browser.focused().await, "Close");
    // What lies behind it cannot be reached.
    for _ in 0..12 {
        browser.press("Tab").await;
        let at = browser.script("return !document.activeElement.closest('main')").await;
        assert_eq!(at, true, "{}", browser.focused().await);
    }
    browser.press("Escape").await;
    browser.hides("Timeline").await;
    assert_eq!(browser.focused().await, made[0]);

    // Another one by hand, closed by its button; and once more as a page.
    browser.click(&made[1]).await;
    browser.shows("Timeline").await;
    browser.click_in(".drawer .facts > div", "Copy").await;
    browser.click("Close").await;
    browser.hides("Timeline").await;
    assert_eq!(browser.focused().await, made[1]);
    assert_eq!(browser.address().await, "/admin/orders", "the list was never left");
    browser.click(&made[1]).await;
    browser.click("Open as a page").await;
    browser.arrives(&format!("/admin/orders/{}", made[1])).await;
    browser.script("[...document.querySelectorAll('.facts button')].pop().focus()").await;
    goes_to(&browser, "Tab", "Replay an IPN").await;
    browser.press("Enter").await;
    browser.shows("Replay this word").await;
    browser.quiet().await;
}
