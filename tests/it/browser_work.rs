//! Operators at work, in a real browser: sweeps, dead letters, attention, the audit log, keys, and the overview.
//!
//! What these pages show is in `gui_work.rs` and `gui_overview.rs`. How they look is the same on both engines.

use std::collections::BTreeSet;

use crypto_orders::domain::time::Span;
use reqwest::Method;
use serde_json::json;

use crate::deliveries::{catch_up, endpoint, set, stand, told};
use crate::engines::{Engine, run};
use crate::gui_weight::days;
use crate::harness::browser::Browser;
use crate::harness::{TestApp, payment, sql, told as report};

on_both_engines![
    a_sweep_is_listed_first_and_takes_what_was_listed,
    what_waits_for_somebody_is_seen_to_and_stands_on_the_audit_log,
    the_overview_has_the_numbers_of_its_charts_and_leads_to_the_keys,
];

async fn by_hand(engine: Engine) -> TestApp {
    TestApp::spawn_with(engine, |settings| settings.sweeper.automatic = false).await
}

/// A browser with an operator before it who has just come in.
async fn signed_in(app: &TestApp) -> Option<Browser> {
    let browser = Browser::open(app).await?;
    browser.go("/admin").await;
    browser.fill("API key of an operator", &app.operator).await;
    browser.click("Sign in").await;
    browser.arrives("/admin").await;
    // What a browser thinks of a door without a user's name is not looked at here.
    browser.console().await;
    Some(browser)
}

/// A column of the first table.
async fn column(browser: &Browser, number: u32) -> Vec<String> {
    browser.texts(&format!("table tbody td:nth-child({number})")).await
}

async fn a_sweep_is_listed_first_and_takes_what_was_listed(engine: Engine) {
    let app = by_hand(engine).await;
    let old = [app.order().await, app.order().await];
    let moving = app.order().await;
    app.ipn(&payment(&moving, "1001", "confirming")).await;
    app.clock.advance(Span::minutes(61));
    let Some(browser) = signed_in(&app).await else { return };
    browser.click("Sweep").await;
    browser.arrives("/admin/sweep").await;
    let listed: BTreeSet<String> = column(&browser, 2).await.into_iter().collect();
    assert_eq!(listed, old.iter().cloned().collect());
    browser.fill("Older than, in minutes", "90").await;
    browser.click("Dry run").await;
    browser.arrives("/admin/sweep?older_than_minutes=90&limit=100").await;
    browser.shows("Nothing to sweep: no pending order is older than 90 minutes.").await;
    browser.back().await;
    browser.arrives("/admin/sweep").await;
    browser.hides("Its merchant is told by webhook").await;
    browser.click("Sweep the ticked orders…").await;
    browser.shows("Its merchant is told by webhook that it failed. Crypto payments are non-refundable").await;
    assert_eq!(app.steps(&old[0]).await, ["pending/create"], "a dry run changes nothing");
    browser.click_in("#sweep", "Sweep the ticked orders").await;
    browser.arrives("/admin/sweep?done=swept").await;
    browser.shows("The ticked orders that were still pending are swept.").await;
    browser.shows("Nothing to sweep").await;
    for order in &old {
        assert_eq!(app.steps(order).await, ["pending/create", "failed/swept"]);
    }
    assert_eq!(app.steps(&moving).await, ["pending/create", "confirming/ipn"]);
    browser.click("Audit log").await;
    browser.arrives("/admin/audit-log").await;
    let mut actions = column(&browser, 2).await;
    actions.retain(|action| action != "operator.signed_in");
    assert_eq!(actions, ["crypto_order.swept"; 2]);
    browser.click(&old[1]).await;
    browser.arrives(&format!("/admin/orders/{}", old[1])).await;
    browser.quiet().await;
}

async fn what_waits_for_somebody_is_seen_to_and_stands_on_the_audit_log(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let [first, second] = dead_letters(&app).await;
    let short = app.order().await;
    report(&app, &short, ["1001", "finished"], json!({ "actually_paid": 0.25 })).await;
    let Some(browser) = signed_in(&app).await else { return };

    browser.click("Dead letters").await;
    browser.arrives("/admin/dead-letters").await;
    assert_eq!(browser.texts(".card").await.len(), 2);
    app.clock.advance(Span::seconds(1));
    browser.click(&format!("[formaction='/admin/dead-letters/{first}/requeue']")).await;
    browser.arrives("/admin/dead-letters?done=requeued").await;
    browser.shows("The webhook is queued again with a fresh schedule.").await;
    browser.click("Discard…").await;
    browser.shows("The merchant is never told of this event").await;
    app.clock.advance(Span::seconds(1));
    browser.click("Discard").await;
    browser.arrives("/admin/dead-letters?done=discarded").await;
    browser.shows("No dead letters").await;
    let status = async |id: &str| app.sql(&format!("select status from webhook_deliveries where id = '{id}'")).await;
    assert_eq!([status(&first).await, status(&second).await], ["pending", "failed"]);

    browser.click("Attention").await;
    browser.arrives("/admin/attention").await;
    browser.shows("0.25 eth of 0.5 eth").await;
    browser.click("Resolve…").await;
    browser.click("Resolve").await;
    assert_eq!(browser.focused().await, "What was found and done", "an item is not closed without a note");
    browser.fill("What was found and done", "Credited by hand,\nsee ticket 4711").await;
    app.clock.advance(Span::seconds(1));
    browser.click("Resolve").await;
    browser.arrives("/admin/attention?done=resolved").await;
    browser.shows("Nothing needs anybody.").await;
    browser.fill("State", "resolved").await;
    browser.click("Filter").await;
    browser.arrives("/admin/attention?state=resolved").await;
    browser.shows("Credited by hand, see ticket 4711").await;

    browser.click("Audit log").await;
    browser.arrives("/admin/audit-log").await;
    let done = ["attention.resolved", "webhook_delivery.discarded", "webhook_delivery.requeued", "operator.signed_in"];
    assert_eq!(column(&browser, 2).await, done);
    browser.fill("Order or item", &second).await;
    browser.click("Filter").await;
    browser.arrives(&format!("/admin/audit-log?target={second}")).await;
    assert_eq!(column(&browser, 3).await, [second]);
    browser.quiet().await;
}

/// Two webhooks that were tried in vain; the newer one is listed first.
async fn dead_letters(app: &TestApp) -> [String; 2] {
    let hook = endpoint(app, app.account).await;
    told(app).await;
    told(app).await;
    catch_up(app, hook).await;
    let queued = sql::lines(app.engine(), &app.database.url, "select id from webhook_deliveries");
    queued.iter().for_each(|id| stand(app, id, "dlq", 6));
    queued.try_into().expect("two")
}

async fn the_overview_has_the_numbers_of_its_charts_and_leads_to_the_keys(engine: Engine) {
    let app = by_hand(engine).await;
    for key in ["k-1", "k-2"] {
        app.clock.advance(Span::seconds(1));
        app.checkout(Some(key)).await;
        app.checkout(Some(key)).await;
    }
    let Some(browser) = signed_in(&app).await else { return };
    for (chart, rows) in [("orders-by-day", 14), ("pending-age", 4), ("time-to-paid", 6), ("moves-by-day", 14)] {
        let part = format!("section:has(#{chart}-title)");
        let numbers = format!("{part} details tbody tr");
        assert_eq!(browser.texts(&numbers).await.len(), rows, "{chart}");
        let shown = format!("document.querySelector('{numbers}').checkVisibility()");
        assert_eq!(browser.script(&format!("return {shown}")).await, false, "{chart}");
        browser.click_in(&part, "The numbers of this chart").await;
        browser.until(&shown).await;
    }
    assert_eq!(browser.texts("section:has(#pending-age-title) tbody td").await, ["2", "0", "0", "0"]);
    browser.fill("Days in the charts", "7").await;
    browser.press("Enter").await;
    browser.arrives("/admin?days=7").await;
    assert_eq!(browser.texts("section:has(#orders-by-day-title) details tbody tr").await.len(), 7);

    let account = app.account.to_string();
    browser.click(&account).await;
    browser.arrives(&format!("/admin/idempotency?account_id={account}")).await;
    assert_eq!(column(&browser, 1).await, ["k-2", "k-1"]);
    browser.go(&format!("/admin/idempotency?account_id={account}&limit=1")).await;
    browser.click("Load more").await;
    browser.until("document.querySelectorAll('#rows tr').length === 2").await;
    assert_eq!(column(&browser, 4).await, ["1", "1"]);
    browser.hides("Load more").await;
    assert!(browser.focused().await.starts_with("ord_"), "the first of the new rows");
    browser.quiet().await;
    browser.click("All accounts").await;
    browser.fill("Account", "acc_1").await;
    browser.click("Show its keys").await;
    browser.shows("account_id must be a UUID").await;
    assert_eq!(browser.value("Account").await, "acc_1");
}

#[test]
fn the_pages_of_operators_work_are_presentable() {
    run(async {
        let app = by_hand(Engine::Sqlite).await;
        let Some(browser) = signed_in(&app).await else { return };
        browser.presentable(&app, "/admin", "overview-empty").await;
        browser.presentable(&app, "/admin/sweep", "sweep-empty").await;
        browser.presentable(&app, "/admin/dead-letters", "dead-letters-empty").await;
        busy_day(&app).await;
        for (path, name) in [
            ("/admin", "overview"),
            ("/admin?days=90", "overview-90-days"),
            ("/admin/sweep", "sweep"),
            ("/admin/attention", "attention"),
            ("/admin/dead-letters", "dead-letters"),
            ("/admin/audit-log", "audit-log"),
            ("/admin/idempotency", "idempotency"),
        ] {
            browser.presentable(&app, path, name).await;
        }
        let of_account = format!("/admin/idempotency?account_id={}", app.account);
        browser.presentable(&app, &of_account, "idempotency-account").await;
        browser.go("/admin/sweep").await;
        browser.click("Sweep the ticked orders…").await;
        browser.presentable_now("sweep-confirm").await;
    });
}

/// Something for every page to show.
async fn busy_day(app: &TestApp) {
    let [first, _] = dead_letters(app).await;
    let answer = "<html><body><h1>502 Bad Gateway</h1></body></html>";
    set(app, &format!("update webhook_deliveries set last_response_excerpt = '{answer}' where id = '{first}'"));
    for key in ["checkout-1", "0198d3c1-7a4e-7f00-8000-000000000001"] {
        app.checkout(Some(key)).await;
        app.checkout(Some(key)).await;
    }
    let short = app.order().await;
    report(app, &short, ["1001", "finished"], json!({ "actually_paid": 0.25 })).await;
    app.ipn(&payment("ord_nobody", "1002", "finished")).await;
    for note in ["Asked the buyer for the hash of the transfer.", "Answered: it was sent from an exchange."] {
        app.clock.advance(Span::minutes(7));
        let note = json!({ "internal_note": note });
        assert_eq!(app.admin_call(Method::PATCH, &format!("/{short}/internal-note"), &note).await.code(), 200);
    }
    app.clock.advance(Span::minutes(61));
    days(app, 90);
}
