//! What was raised to the operator: the list, its filters and pages, and how an item is disposed of, once.

use crypto_orders::domain::attention::AttentionKind;
use crypto_orders::domain::time::Span;
use futures_util::future::{join, join_all};
use reqwest::Method;
use serde_json::{Value, json};

use crate::engines::Engine;
use crate::harness::operator::read;
use crate::harness::{Answer, TestApp, payment, told};

on_both_engines![
    an_item_is_shown_with_everything_that_is_known_of_it,
    an_item_is_shown_with_the_numbers_of_its_payment,
    an_item_tells_what_is_missing_and_what_late_money_was_worth,
    a_walk_is_everything_that_the_filters_mean_newest_first,
    filters_and_cursors_that_make_no_sense_are_refused_or_empty,
    a_resolved_item_leaves_the_open_ones_and_keeps_its_note,
    the_same_thing_again_opens_a_new_item,
    what_cannot_be_resolved_is_refused_and_leaves_no_trace,
    many_operators_at_once_resolve_once,
    a_thing_that_is_raised_while_its_item_is_resolved_is_never_lost,
];

on_postgres![two_nodes_at_once_resolve_once];

const PATH: &str = "/v1/admin/crypto-orders/attention";

async fn resolve(app: &TestApp, id: &str, note: &Value) -> Answer {
    app.admin_call(Method::POST, &format!("/attention/{id}/resolve"), note).await
}

fn done() -> Value {
    json!({ "note": "Seen to." })
}

/// Raises a `payment_mismatch` for the order: a payment that is not its own.
async fn mismatch(app: &TestApp, order: &str, id: &str, number: u64) {
    let mut body = payment(order, id, "finished");
    body["updated_at"] = json!(1_778_587_200_000 + number);
    assert_eq!(app.ipn(&body).await.code(), 200);
}

/// A paid order, which takes no further payment.
async fn paid(app: &TestApp, id: &str) -> String {
    let order = app.order().await;
    assert_eq!(app.ipn(&payment(&order, id, "finished")).await.json()["order_state"], "paid");
    order
}

async fn open(app: &TestApp) -> Vec<Value> {
    app.walk(PATH, 200).await
}

fn text(item: &Value, field: &str) -> String {
    item[field].as_str().unwrap_or_default().to_owned()
}

async fn audited(app: &TestApp) -> Vec<Value> {
    app.walk("/v1/admin/audit-log", 200).await
}

async fn an_item_is_shown_with_everything_that_is_known_of_it(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = paid(&app, "1001").await;
    mismatch(&app, &order, "1002", 1).await;
    app.clock.advance(Span::seconds(7));
    mismatch(&app, &order, "1002", 2).await;
    app.ipn(&payment("", "1003", "finished")).await;
    let items = open(&app).await;
    let ids: Vec<String> = items.iter().map(|item| text(item, "id")).collect();
    assert!(ids.iter().all(|id| id.len() == 40 && id.starts_with("att_")), "{ids:?}");
    let unmatched = json!({
        "id": ids[0], "kind": "unmatched_ipn",
        "next_action": AttentionKind::UnmatchedIpn.next_action(), "order_id": null, "payment_id": "1003", "count": 1,
        "payment": null, "owed": null, "owed_coin": null, "missing": null, "price_cents": null, "price_currency": null,
        "detail": null,
        "first_at": "2026-05-12T12:00:07.000Z", "last_at": "2026-05-12T12:00:07.000Z", "state": "open",
        "resolved_at": null, "resolved_by": null, "resolution_note": null,
    });
    let mismatched = json!({
        "id": ids[1], "kind": "payment_mismatch",
        "next_action": AttentionKind::PaymentMismatch.next_action(), "order_id": order, "payment_id": "1002", "count": 2,
        "payment": null, "owed": "0.5", "owed_coin": "eth", "missing": "0", "price_cents": 7900, "price_currency": "USD",
        "detail": null,
        "first_at": "2026-05-12T12:00:00.000Z", "last_at": "2026-05-12T12:00:07.000Z", "state": "open",
        "resolved_at": null, "resolved_by": null, "resolution_note": null,
    });
    assert_eq!(items, [unmatched, mismatched]);
    // What is raised of an order as a whole, before any payment: nothing to name.
    let silent = app.order().await;
    let mut child = payment(&silent, "1005", "waiting");
    child["parent_payment_id"] = json!("1004");
    app.ipn(&child).await;
    let unbound = &app.walk(&format!("{PATH}?order_id={silent}"), 9).await[0];
    assert_eq!([&unbound["kind"], &unbound["payment"]["role"]], ["child_payment", "child"]);
    assert_eq!([&unbound["owed"], &unbound["owed_coin"]], [&Value::Null, &Value::Null]);
}

async fn an_item_is_shown_with_the_numbers_of_its_payment(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let (order, other) = (app.order().await, paid(&app, "1002").await);
    let short = json!({ "pay_amount": "0.500000000000000001", "actually_paid": "0.2000" });
    told(&app, &order, ["1001", "finished"], short).await;
    let in_btc = json!({ "pay_currency": "BTC", "actually_paid": "0.0100" });
    told(&app, &order, ["1001", "finished"], in_btc).await;
    let child = json!({ "parent_payment_id": "1001", "pay_currency": "usdt", "pay_amount": 13, "actually_paid": 13 });
    told(&app, &order, ["1003", "finished"], child).await;
    // Another order's payment is none of this one's numbers.
    mismatch(&app, &order, "1002", 1).await;
    let numbers = |role: &str, coin: &str, amounts: [&str; 2], other: [Value; 2]| {
        json!({ "role": role, "provider_status": "finished", "coin": coin, "pay_amount": amounts[0],
            "received": amounts[1], "other_coin": other[0], "other_received": other[1], "worth": null })
    };
    let bound = numbers("bound", "eth", ["0.500000000000000001", "0.2000"], [json!("btc"), json!("0.0100")]);
    let further = numbers("child", "usdt", ["13", "13"], [Value::Null, Value::Null]);
    let items = app.walk(&format!("{PATH}?order_id={order}"), 2).await;
    for item in &items {
        assert_eq!([&item["owed"], &item["owed_coin"]], ["0.500000000000000001", "eth"], "{item}");
    }
    let shown = |kind: &str, payment: &str| {
        let item = items.iter().find(|item| item["kind"] == kind && item["payment_id"] == payment);
        &item.unwrap_or_else(|| panic!("{kind}"))["payment"]
    };
    assert_eq!([shown("underpaid", "1001"), shown("currency_mismatch", "1001")], [&bound, &bound]);
    assert_eq!([shown("currency_mismatch", "1003"), shown("child_payment", "1003")], [&further, &further]);
    assert_eq!((shown("payment_mismatch", "1002"), items.len()), (&Value::Null, 5));
    let id = text(&items[0], "id");
    assert_eq!(resolve(&app, &id, &done()).await.json()["payment"], items[0]["payment"]);
    assert_eq!(app.look(&other).await["status"], "paid");
}

async fn an_item_tells_what_is_missing_and_what_late_money_was_worth(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let late = [app.order().await, app.order().await, app.order().await];
    app.advance(Span::minutes(61)).await;
    let short = app.order().await;
    told(&app, &short, ["1001", "partially_paid"], json!({ "actually_paid": "0.2000" })).await;
    let worth = |amount: f64| json!({ "actually_paid_at_fiat": amount });
    for (order, id, fields) in
        [(&late[0], "2001", worth(78.5)), (&late[1], "2002", worth(39.1)), (&late[2], "2003", json!({}))]
    {
        told(&app, order, [id, "finished"], fields).await;
    }
    let price = "and the price is 79.00 USD";
    let operator = app.signed_in().await;
    let page = operator.page("/admin/attention").await;
    for (order, kind, numbers, shown, row) in [
        (&short, "underpaid", ["0.3000", "-"], "0.3000 eth is missing;", "0.3000 ETH missing."),
        (&late[0], "late_payment", ["0", "78.5"], "it was worth 78.50 USD when it came,", "worth 78.50 USD."),
        (&late[1], "worth_less", ["0", "39.1"], "it was worth 39.10 USD when it came,", "worth 39.10 USD."),
        (&late[2], "late_payment", ["0", "-"], "what it was worth when it came is not known,", "0.5 ETH owed."),
    ] {
        let items = app.walk(&format!("{PATH}?order_id={order}"), 9).await;
        let item = &items[0];
        let told = [&item["missing"], &item["payment"]["worth"]].map(|amount| amount.as_str().unwrap_or("-"));
        assert_eq!((items.len(), text(item, "kind").as_str(), told), (1, kind, numbers), "{item}");
        let quoted = ["owed", "owed_coin", "price_currency"].map(|field| text(item, field));
        assert_eq!((quoted, &item["price_cents"]), (["0.5", "eth", "USD"].map(str::to_owned), &json!(7900)), "{item}");
        assert!(page.contains(shown) && page.contains(price), "{shown}: {page}");
        let own = read(&operator.page(&format!("/admin/orders/{order}")).await);
        assert!(own.contains(row), "{row}: {own}");
    }
}

/// Items of several kinds and orders, many of them of one millisecond, some resolved; newest first.
async fn stocked(app: &TestApp) -> Vec<Value> {
    let orders = [paid(app, "1001").await, paid(app, "1002").await];
    for number in 0..12_u64 {
        let order = &orders[usize::from(number % 3 == 0)];
        let id = format!("30{number}");
        match number % 4 {
            0 => drop(app.ipn(&payment("", &id, "finished")).await),
            1 => drop(app.ipn(&payment(order, ["1002", "1001"][usize::from(order == &orders[1])], "failed")).await),
            _ => mismatch(app, order, &id, 0).await,
        }
        if number % 5 == 4 {
            app.clock.advance(Span::millis(1));
        }
    }
    let mut items = open(app).await;
    for item in items.iter_mut().step_by(3) {
        *item = resolve(app, &text(item, "id"), &done()).await.json();
    }
    items.sort_by_key(|item| std::cmp::Reverse((text(item, "first_at"), text(item, "id"))));
    items
}

async fn a_walk_is_everything_that_the_filters_mean_newest_first(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let items = stocked(&app).await;
    assert!(items.len() >= 9, "{items:?}");
    let kinds = [None, Some("unmatched_ipn"), Some("payment_mismatch"), Some("paid_then_failed"), Some("stalled")];
    let mut orders: Vec<Option<String>> =
        items.iter().map(|item| item["order_id"].as_str().map(str::to_owned)).collect();
    orders.sort_unstable();
    orders.dedup();
    orders.push(Some(format!("ord_{}", "0".repeat(32))));
    for (state, kind, order) in kinds.iter().flat_map(|kind| {
        let of_kind = orders.iter().map(move |order| (*kind, order.clone()));
        of_kind
            .flat_map(|(kind, order)| [None, Some("open"), Some("resolved")].map(|state| (state, kind, order.clone())))
    }) {
        let mut query = Vec::new();
        query.extend(state.map(|state| format!("state={state}")));
        query.extend(kind.map(|kind| format!("kind={kind}")));
        query.extend(order.as_ref().map(|order| format!("order_id={order}")));
        let means = |item: &&Value| {
            item["state"] == state.unwrap_or("open")
                && kind.is_none_or(|kind| item["kind"] == kind)
                && order.as_ref().is_none_or(|order| item["order_id"] == *order)
        };
        let wanted: Vec<Value> = items.iter().filter(means).cloned().collect();
        for limit in [1, 2, 5, 200] {
            let path = format!("{PATH}?{}", query.join("&"));
            assert_eq!(app.walk(&path, limit).await, wanted, "{path} {limit}");
        }
    }
}

async fn filters_and_cursors_that_make_no_sense_are_refused_or_empty(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = paid(&app, "1001").await;
    mismatch(&app, &order, "1002", 0).await;
    let told = app.operator_get(&format!("{PATH}?state=closed")).await.problem(400, "bad-request");
    assert_eq!(told, "state must be one of open, resolved.");
    let told = app.operator_get(&format!("{PATH}?kind=Stalled")).await.problem(400, "bad-request");
    assert!(told.starts_with("kind must be one of late_payment, payment_mismatch, "), "{told}");
    for wrong in ["", "nonsense", &order.to_uppercase(), "ord_1"] {
        let told = app.operator_get(&format!("{PATH}?order_id={wrong}")).await.problem(400, "bad-request");
        assert_eq!(told, "order_id must be ord_ and 32 lower-case hex digits.");
    }
    for id in ["1", "2"] {
        let note = json!({ "internal_note": id });
        assert_eq!(app.admin_call(Method::PATCH, &format!("/{order}/internal-note"), &note).await.code(), 200);
    }
    let audit = app.operator_get("/v1/admin/audit-log?limit=1").await.json();
    app.pages_are_strict(PATH, audit["next_cursor"].as_str().expect("more")).await;
}

async fn a_resolved_item_leaves_the_open_ones_and_keeps_its_note(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = paid(&app, "1001").await;
    mismatch(&app, &order, "1002", 0).await;
    let item = open(&app).await.remove(0);
    let id = text(&item, "id");
    app.clock.advance(Span::seconds(3));
    let note = json!({ "note": "Rückerstattet 🙂\nTicket 4711" });
    let answer = resolve(&app, &id, &note).await;
    assert_eq!(answer.code(), 200, "{}", answer.text);
    let resolved = answer.json();
    let by = text(&resolved, "resolved_by");
    assert!(by.starts_with("key_"), "{resolved}");
    let mut expected = item.clone();
    expected["state"] = json!("resolved");
    expected["resolved_at"] = json!("2026-05-12T12:00:03.000Z");
    expected["resolved_by"] = json!(by);
    expected["resolution_note"] = note["note"].clone();
    assert_eq!(resolved, expected);
    assert_eq!(open(&app).await, Vec::<Value>::new());
    assert_eq!(app.walk(&format!("{PATH}?state=resolved"), 9).await, [resolved]);
    let rows = audited(&app).await;
    assert_eq!(rows.len(), 1, "{rows:?}");
    let row = &rows[0];
    assert_eq!([&row["action"], &row["target"], &row["actor"]], ["attention.resolved", id.as_str(), by.as_str()]);
    assert_eq!((&row["input"], &row["result"]), (&note, &json!({ "state": "resolved" })));
    assert_eq!([&row["ip"], &row["at"]], ["127.0.0.1", "2026-05-12T12:00:03.000Z"]);
    // Nothing of the order itself has moved.
    assert_eq!(app.steps(&order).await, ["pending/create", "paid/ipn"]);
}

async fn the_same_thing_again_opens_a_new_item(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = paid(&app, "1001").await;
    for round in 0..3 {
        mismatch(&app, &order, "1002", round).await;
        let items = open(&app).await;
        assert_eq!((items.len(), &items[0]["count"]), (1, &json!(1)), "{items:?}");
        assert_eq!(resolve(&app, &text(&items[0], "id"), &done()).await.code(), 200);
        app.clock.advance(Span::millis(1));
    }
    let resolved = app.walk(&format!("{PATH}?state=resolved&order_id={order}"), 1).await;
    let mut ids: Vec<String> = resolved.iter().map(|item| text(item, "id")).collect();
    ids.dedup();
    assert_eq!(ids.len(), 3, "{resolved:?}");
}

async fn what_cannot_be_resolved_is_refused_and_leaves_no_trace(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = paid(&app, "1001").await;
    mismatch(&app, &order, "1002", 0).await;
    let item = open(&app).await.remove(0);
    let id = text(&item, "id");
    let bare = id.trim_start_matches("att_");
    for wrong in [bare, "att_", "nonsense", &format!("key_{bare}"), &id[..39], &id.replace('-', "")] {
        let told = resolve(&app, wrong, &done()).await.problem(400, "bad-request");
        assert_eq!(told, "Invalid id format. Expected \"att_<uuid>\".", "{wrong}");
    }
    let nobodys = "att_01890a5d-96e7-7c9f-8a0b-1c2d3e4f5a6b";
    let told = resolve(&app, nobodys, &done()).await.problem(404, "not-found");
    assert_eq!(told, format!("No attention item with id \"{nobodys}\"."));
    let wrong = [
        json!({}),
        json!({ "note": "" }),
        json!({ "note": null }),
        json!({ "note": 7 }),
        json!({ "note": "a\u{0}" }),
        json!({ "note": "ü".repeat(2001) }),
    ];
    for note in wrong {
        resolve(&app, &id, &note).await.problem(400, "validation-failed");
    }
    let path = format!("{PATH}/{id}/resolve");
    app.call(Method::POST, &path, &done()).await.problem(403, "forbidden");
    assert_eq!((open(&app).await, audited(&app).await), (vec![item], Vec::new()));

    let longest = json!({ "note": "ü".repeat(2000) });
    let first = resolve(&app, &id, &longest).await;
    assert_eq!(first.code(), 200, "{}", first.text);
    app.clock.advance(Span::seconds(1));
    let again = resolve(&app, &id, &done()).await;
    let told = again.problem(409, "conflict");
    assert_eq!(told, format!("Attention item \"{id}\" is resolved already; its resolution stays as it is."));
    assert_eq!([&again.json()["resource"], &again.json()["field"]], ["attention_item", "state"]);
    assert_eq!(app.walk(&format!("{PATH}?state=resolved"), 9).await, [first.json()]);
    assert_eq!(audited(&app).await.len(), 1);
}

/// Asserts that one of them resolved the item, all others were told so, and one write is audited.
async fn resolved_once(app: &TestApp, id: &str, answers: &[Answer]) {
    let (done, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.code() == 200);
    assert_eq!(done.len(), 1, "{answers:?}");
    for answer in refused {
        answer.problem(409, "conflict");
    }
    let kept = app.walk(&format!("{PATH}?state=resolved"), 200).await;
    assert!(kept.contains(&done[0].json()), "the winner's note stays");
    assert_eq!(app.walk(&format!("/v1/admin/audit-log?target={id}"), 9).await.len(), 1);
}

async fn many_operators_at_once_resolve_once(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = paid(&app, "1001").await;
    for round in 0..6 {
        mismatch(&app, &order, "1002", round).await;
        let id = text(&open(&app).await[0], "id");
        let attempt = async |number: usize| resolve(&app, &id, &json!({ "note": format!("by {number}") })).await;
        let answers = join_all((0..6).map(attempt)).await;
        resolved_once(&app, &id, &answers).await;
    }
}

async fn a_thing_that_is_raised_while_its_item_is_resolved_is_never_lost(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = paid(&app, "1001").await;
    mismatch(&app, &order, "1002", 0).await;
    for round in 1..=12 {
        let id = text(&open(&app).await[0], "id");
        let note = done();
        let (answer, ()) = join(resolve(&app, &id, &note), mismatch(&app, &order, "1002", round)).await;
        assert_eq!(answer.code(), 200, "{}", answer.text);
        if open(&app).await.is_empty() {
            mismatch(&app, &order, "1002", 1_000 + round).await;
        }
        let counted = app.sql("select sum(count) from attention_items").await;
        let sent = app.sql("select count(*) from received_ipns where outcome = 'mismatch'").await;
        assert_eq!((counted, open(&app).await.len()), (sent, 1));
    }
}

async fn two_nodes_at_once_resolve_once(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let other = app.beside(|_| {}).await;
    let order = paid(&app, "1001").await;
    for round in 0..12 {
        mismatch(&app, &order, "1002", round).await;
        let id = text(&open(&app).await[0], "id");
        let (one, two) = (json!({ "note": "one" }), json!({ "note": "two" }));
        let answers = join(resolve(&app, &id, &one), resolve(&other, &id, &two)).await;
        resolved_once(&other, &id, &[answers.0, answers.1]).await;
    }
}
