//! What operators look at and do on the pages for attention, dead letters, sweeps and the audit log.
//!
//! The pages show what the API answers, and what is done on them is audited as the API audits it.

use crypto_orders::domain::attention::AttentionKind;
use crypto_orders::domain::time::Span;
use crypto_orders::provider::simulator::{Pace, Scenario, Target};
use reqwest::Method;
use serde_json::json;

use crate::deliveries::{catch_up, endpoint, stand, told};
use crate::engines::Engine;
use crate::harness::operator::between;
use crate::harness::{TestApp, payment, sql, told as report};

on_both_engines![
    what_needs_somebody_is_shown_with_its_meaning_and_resolved_once,
    a_dead_letter_is_requeued_or_discarded,
    a_dry_run_lists_what_would_be_swept_and_the_button_sweeps_just_that,
    what_was_paid_meanwhile_is_not_swept_and_nothing_else_in_its_place,
    the_provider_is_asked_before_a_sweep_and_nothing_moves_by_asking,
    a_sweep_never_reaches_into_the_pay_window,
    the_audit_log_shows_who_did_what_page_by_page,
    an_empty_service_says_so_on_every_page,
];

async fn actions(app: &TestApp) -> Vec<String> {
    let rows = app.walk("/v1/admin/audit-log", 9).await;
    let writes = rows.iter().filter(|row| row["action"] != "operator.signed_in");
    writes
        .map(|row| {
            format!("{} {}", row["action"].as_str().unwrap_or_default(), row["target"].as_str().unwrap_or_default())
        })
        .collect()
}

async fn what_needs_somebody_is_shown_with_its_meaning_and_resolved_once(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let operator = app.signed_in().await;
    let order = app.order().await;
    report(&app, &order, ["1001", "finished"], json!({ "actually_paid": 0.25 })).await;
    let item = app.walk("/v1/admin/crypto-orders/attention", 9).await.remove(0);
    let id = item["id"].as_str().expect("an id");
    let page = operator.page("/admin/attention?kind=underpaid").await;
    let [meaning, next] = [AttentionKind::Underpaid.meaning(), AttentionKind::Underpaid.next_action()];
    for shown in
        [order.as_str(), meaning, next, "0.25 eth of 0.5 eth; 0.25 eth is missing", "the provider said finished"]
    {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    let page = operator.page(&format!("/admin/orders/{order}")).await;
    assert!(page.contains(meaning) && page.contains(next), "{page}");
    assert!(operator.page("/admin/attention?kind=overpaid").await.contains("Nothing needs anybody."));
    let path = format!("/admin/attention/{id}/resolve");
    let empty = operator.submit_to("/admin/attention", &path, &[("note", "  ")]).await;
    assert_eq!(empty.code(), 400, "{}", empty.text);
    let note = "<b>Credited</b>\r\nTicket 4711";
    let resolved = operator.submit_to("/admin/attention", &path, &[("note", note)]).await;
    assert_eq!((resolved.code(), resolved.header("location")), (303, Some("/admin/attention?done=resolved")));
    assert!(operator.page("/admin/attention?done=resolved").await.contains("The item is resolved."));
    let page = operator.page("/admin/attention?state=resolved").await;
    assert!(page.contains("&#60;b&#62;Credited&#60;/b&#62;\nTicket 4711"), "{page}");
    let again = operator.submit_to("/admin/sweep", &path, &[("note", "twice")]).await;
    assert_eq!(again.code(), 409);
    assert_eq!(actions(&app).await, [format!("attention.resolved {id}")]);
    let wrong = operator.get("/admin/attention?kind=boredom").await;
    assert!(wrong.code() == 400 && wrong.text.contains("kind must be one of late_payment"), "{}", wrong.text);
}

async fn a_dead_letter_is_requeued_or_discarded(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let operator = app.signed_in().await;
    let hook = endpoint(&app, app.account).await;
    told(&app).await;
    told(&app).await;
    catch_up(&app, hook).await;
    let queued = sql::lines(engine, &app.database.url, "select id from webhook_deliveries");
    let [first, second] = <[String; 2]>::try_from(queued).expect("two");
    stand(&app, &first, "dlq", 6);
    stand(&app, &second, "dlq", 6);
    let page = operator.page("/admin/dead-letters").await;
    assert!(page.contains(&first) && page.contains(&second) && page.contains("6 attempts"), "{page}");
    let requeued =
        operator.submit_to("/admin/dead-letters", &format!("/admin/dead-letters/{first}/requeue"), &[]).await;
    assert_eq!(requeued.header("location"), Some("/admin/dead-letters?done=requeued"), "{}", requeued.text);
    let discarded =
        operator.submit_to("/admin/dead-letters", &format!("/admin/dead-letters/{second}/discard"), &[]).await;
    assert_eq!(discarded.header("location"), Some("/admin/dead-letters?done=discarded"), "{}", discarded.text);
    assert!(operator.page("/admin/dead-letters").await.contains("No dead letters"));
    let status = async |id: &str| app.sql(&format!("select status from webhook_deliveries where id = '{id}'")).await;
    assert_eq!([status(&first).await, status(&second).await], ["pending", "failed"]);
    let mut done = actions(&app).await;
    done.sort();
    assert_eq!(done, [format!("webhook_delivery.discarded {second}"), format!("webhook_delivery.requeued {first}")]);
    let again = operator.submit_to("/admin/sweep", &format!("/admin/dead-letters/{second}/requeue"), &[]).await;
    assert_eq!(again.code(), 409);
}

async fn by_hand(engine: Engine) -> TestApp {
    TestApp::spawn_with(engine, |settings| settings.sweeper.automatic = false).await
}

async fn a_dry_run_lists_what_would_be_swept_and_the_button_sweeps_just_that(engine: Engine) {
    let app = by_hand(engine).await;
    let operator = app.signed_in().await;
    let (old, moving) = (app.order().await, app.order().await);
    app.ipn(&payment(&moving, "1001", "confirming")).await;
    app.clock.advance(Span::minutes(30));
    let young = app.order().await;
    app.clock.advance(Span::minutes(40));
    let page = operator.page("/admin/sweep").await;
    assert_eq!(between(&page, "name=\"order\" value=\"", "\" aria-label"), [old.as_str()]);
    assert!(page.contains("No provider is configured") && page.contains(" checked>"), "{page}");
    assert_eq!(app.steps(&old).await, ["pending/create"], "a dry run changes nothing");
    // The younger one is past its window too by the time the button is pressed, but was not listed.
    app.clock.advance(Span::minutes(30));
    let swept = operator.submit("/admin/sweep", &[("order", &old)]).await;
    assert_eq!(swept.header("location"), Some("/admin/sweep?done=swept"), "{}", swept.text);
    assert_eq!(app.steps(&old).await, ["pending/create", "failed/swept"]);
    assert_eq!(app.steps(&young).await, ["pending/create"]);
    assert!(operator.page("/admin/sweep?done=swept").await.contains("that were still pending are swept."));
    assert_eq!(actions(&app).await, [format!("crypto_order.swept {old}")]);
    let actor = app.look(&old).await["events"][1]["actor"].clone();
    assert!(actor.as_str().is_some_and(|actor| actor.starts_with("key_")), "{actor}");
}

async fn what_was_paid_meanwhile_is_not_swept_and_nothing_else_in_its_place(engine: Engine) {
    let app = by_hand(engine).await;
    let operator = app.signed_in().await;
    let paid = app.order().await;
    app.clock.advance(Span::millis(1));
    let other = app.order().await;
    app.clock.advance(Span::minutes(61));
    let page = operator.page("/admin/sweep?limit=1").await;
    assert_eq!(between(&page, "name=\"order\" value=\"", "\" aria-label"), [paid.as_str()]);
    app.ipn(&payment(&paid, "1001", "finished")).await;
    let swept = operator.submit("/admin/sweep", &[("order", &paid)]).await;
    assert_eq!(swept.header("location"), Some("/admin/sweep?done=swept"), "{}", swept.text);
    assert_eq!([&app.look(&paid).await["status"], &app.look(&other).await["status"]], ["paid", "pending"]);
    assert_eq!(actions(&app).await, Vec::<String>::new());
}

async fn the_provider_is_asked_before_a_sweep_and_nothing_moves_by_asking(engine: Engine) {
    let app = TestApp::simulated_with(engine, |settings| {
        settings.sweeper.automatic = false;
        settings.poller.automatic = false;
    })
    .await;
    let operator = app.signed_in().await;
    let unpaid = app.order().await;
    app.clock.advance(Span::millis(1));
    let paid = app.order().await;
    app.simulator().pay(Target::Order(&paid), Scenario::Silent, Pace::AsScripted).expect("a plan");
    app.advance(Span::minutes(61)).await;
    let ticked = |page: &str| {
        let rows = between(page, "name=\"order\" value=\"", ">");
        let ticked = rows.iter().filter(|row| row.ends_with(" checked"));
        ticked.filter_map(|row| row.split('"').next().map(str::to_owned)).collect::<Vec<_>>()
    };
    let page = operator.page("/admin/sweep?ask=0").await;
    assert_eq!(ticked(&page), [unpaid.as_str(), &paid], "nobody knows better");
    assert!(page.contains(">not asked<"), "{page}");
    let page = operator.page("/admin/sweep").await;
    assert_eq!(ticked(&page), [unpaid.as_str()], "what there is money for is not swept unless somebody insists");
    assert!(page.contains(">waiting<") && page.contains("received: do not sweep, replay its IPN"), "{page}");
    for order in [&unpaid, &paid] {
        assert_eq!(app.steps(order).await, ["pending/create"]);
    }
}

async fn a_sweep_never_reaches_into_the_pay_window(engine: Engine) {
    let app = by_hand(engine).await;
    let operator = app.signed_in().await;
    let order = app.order().await;
    app.clock.advance(Span::minutes(10));
    let swept = operator.submit("/admin/sweep", &[("order", &order)]).await;
    assert_eq!(swept.code(), 303, "{}", swept.text);
    for ticked in ["ord_x", ""] {
        let refused = operator.submit("/admin/sweep", &[("order", ticked)]).await;
        assert_eq!(refused.code(), 404, "{ticked}");
    }
    assert_eq!(operator.submit("/admin/sweep", &[]).await.code(), 400);
    for age in ["59", "0", "-1", "ten", "525601"] {
        let refused = operator.get(&format!("/admin/sweep?older_than_minutes={age}")).await;
        assert!(refused.code() == 400 && refused.text.contains("whole minutes from 60"), "{age}: {}", refused.text);
    }
    assert_eq!(app.steps(&order).await, ["pending/create"]);
}

async fn the_audit_log_shows_who_did_what_page_by_page(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let operator = app.signed_in().await;
    let order = app.order().await;
    for note in ["one", "<two>", "three"] {
        app.clock.advance(Span::seconds(1));
        let body = json!({ "internal_note": note });
        app.admin_call(Method::PATCH, &format!("/{order}/internal-note"), &body).await;
    }
    let page = operator.page("/admin/audit-log?limit=2").await;
    assert!(page.contains("three") && page.contains("&#60;two&#62;") && !page.contains("one&"), "{page}");
    let next = page.split("data-more=\"rows\" href=\"").nth(1).and_then(|rest| rest.split('"').next());
    let next = next.expect("more").replace("&#38;", "&");
    let page = operator.page(&next).await;
    assert!(page.contains("one") && !page.contains("three") && !page.contains("data-more"), "{page}");
    let page = operator.page("/admin/audit-log?target=ord_0&actor=").await;
    assert!(page.contains("Nothing here"), "{page}");
}

async fn an_empty_service_says_so_on_every_page(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let operator = app.signed_in().await;
    for (path, told) in [
        ("/admin/attention", "Nothing needs anybody."),
        ("/admin/dead-letters", "No dead letters"),
        ("/admin/sweep", "Nothing to sweep"),
        ("/admin/audit-log?target=ord_0", "Nothing here"),
    ] {
        let page = operator.page(path).await;
        assert!(page.contains(told) && page.contains("aria-current=\"page\""), "{path}: {page}");
    }
}
