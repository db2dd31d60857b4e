//! The ledger of an order as operators read it, and the rules of further deposits and top-ups, by IPNs.
//!
//! How a top-up is made at the provider is in `top_up.rs`.

use crypto_orders::domain::time::Span;
use serde_json::{Value, json};

use crate::engines::Engine;
use crate::harness::sql::run;
use crate::harness::{TestApp, payment, told};

on_both_engines![
    the_ledger_shows_every_payment_newest_first_with_the_sums,
    pages_walk_over_all_payments_and_are_strict,
    amounts_keep_every_digit,
    a_deposit_in_another_coin_never_completes_the_sum,
    a_wrong_asset_is_raised_with_its_numbers_and_can_be_accepted,
    a_further_deposit_in_the_same_coin_completes_a_partial_order,
    a_top_up_completes_and_so_do_two,
    a_top_up_that_is_short_of_the_rest_leaves_the_order_partial,
    a_top_up_beyond_the_rest_is_raised,
    a_partial_order_is_completed_by_its_own_payment_later,
    a_top_up_that_came_to_nothing_says_nothing_of_the_order,
];

async fn ledger(app: &TestApp, order: &str) -> Value {
    let answer = app.admin(&format!("/{order}/payments")).await;
    assert_eq!(answer.code(), 200, "{}", answer.text);
    answer.json()
}

/// `owed received missing coin` of an order.
async fn sums(app: &TestApp, order: &str) -> String {
    let ledger = ledger(app, order).await;
    ["owed", "received", "missing", "coin"].map(|field| ledger[field].as_str().unwrap_or("-").to_owned()).join(" ")
}

/// What is raised of the order, as `kind payment`.
async fn raised(app: &TestApp, order: &str) -> Vec<String> {
    app.raised(order)
        .await
        .iter()
        .map(|item| item.rsplit_once(' ').map_or(item.clone(), |(kind, _)| kind.to_owned()))
        .collect()
}

/// A partial order: 0.2 of 0.5 eth have arrived by payment `id`.
async fn partial(app: &TestApp, id: &str) -> String {
    let order = app.order().await;
    assert_eq!(told(app, &order, [id, "partially_paid"], json!({ "actually_paid": 0.2 })).await, "partial");
    order
}

/// What a child says of itself: the provider repeats what arrived as its `pay_amount`.
fn deposit(parent: &str, amount: &str) -> Value {
    json!({ "parent_payment_id": parent, "pay_amount": amount, "actually_paid": amount })
}

/// The order has top-ups for so much, as this service makes them; nothing has come for them yet.
async fn topped_up(app: TestApp, order: &str, top_ups: &[[&str; 2]]) -> TestApp {
    for [id, amount] in top_ups {
        let row = format!(
            "insert into order_payments (payment_id, order_id, role, provider_status, coin, pay_amount, first_seen_at, \
             pay_address, purchase_id, decimals) values ('{id}', '{order}', 'own', 'waiting', 'eth', '{amount}', {}, \
             '0xtopup{id}', '77', 8)",
            app.clock.now().micros()
        );
        run(app.engine(), &app.database.url, &row).expect("a row");
    }
    app.restart(|_| {}).await
}

/// The amounts that are no part of the sum: one in another coin, one that is on its way.
fn apart_and_on_its_way() -> Value {
    let uncounted = |id: &str, [amount, coin]: [&str; 2], word: &str, standing: &str| {
        json!({ "payment_id": id, "amount": amount, "coin": coin, "provider_status": word, "worth": null,
        "standing": standing })
    };
    json!([
        uncounted("1001", ["0.01", "btc"], "partially_paid", "other_coin"),
        uncounted("1003", ["0.1", "eth"], "sending", "unsettled"),
    ])
}

async fn the_ledger_shows_every_payment_newest_first_with_the_sums(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = app.order().await;
    let nothing = json!({ "data": [], "has_more": false, "next_cursor": null,
        "owed": null, "received": "0", "missing": null, "over": null, "coin": null, "uncounted": [],
        "worth": null });
    assert_eq!(ledger(&app, &order).await, nothing);

    let paid = json!({ "actually_paid": "0.20", "updated_at": "2026-05-12T11:59:00.500Z" });
    told(&app, &order, ["1001", "partially_paid"], paid).await;
    told(&app, &order, ["1001", "finished"], json!({ "pay_currency": "btc", "actually_paid": 0.01 })).await;
    app.clock.advance(Span::seconds(1));
    told(&app, &order, ["1002", "finished"], deposit("1001", "0.1")).await;
    app.clock.advance(Span::seconds(1));
    told(&app, &order, ["1003", "sending"], deposit("1001", "0.1")).await;
    let app = topped_up(app, &order, &[["1004", "0.20000000"]]).await;

    let row = |id: &str, role: &str, word: &str, received: Value, counted: bool, at: &str| {
        let parent = if role == "child" { json!("1001") } else { Value::Null };
        let asked = ["1004", "1001"].iter().position(|known| *known == id).map(|nth| ["0.20000000", "0.5"][nth]);
        json!({ "payment_id": id, "role": role, "parent_payment_id": parent, "provider_status": word, "coin": "eth",
            "pay_amount": asked.unwrap_or("0.1"), "received": received, "counted": counted, "other_coin": null,
            "other_received": null, "payment_address": null, "payin_extra_id": null, "network": null,
            "purchase_id": null, "provider_at": null, "first_seen_at": format!("2026-05-12T12:00:{at}.000Z") })
    };
    let mut own = row("1004", "own", "waiting", Value::Null, false, "02");
    own["payment_address"] = json!("0xtopup1004");
    own["purchase_id"] = json!("77");
    let mut bound = row("1001", "bound", "partially_paid", json!("0.20"), true, "00");
    bound["other_coin"] = json!("btc");
    bound["other_received"] = json!("0.01");
    bound["provider_at"] = json!("2026-05-12T11:59:00.500Z");
    let children = [
        row("1003", "child", "sending", json!("0.1"), false, "02"),
        row("1002", "child", "finished", json!("0.1"), true, "01"),
    ];
    let [sending, settled] = children;
    let shown = ledger(&app, &order).await;
    assert_eq!(shown["data"], json!([own, sending, settled, bound]));
    let mut sums = shown;
    sums["data"] = json!([]);
    assert_eq!(
        sums,
        json!({ "data": [], "has_more": false, "next_cursor": null, "owed": "0.5", "received": "0.30",
            "missing": "0.20", "over": "0", "coin": "eth", "uncounted": apart_and_on_its_way(),
            "worth": null })
    );
}

async fn pages_walk_over_all_payments_and_are_strict(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = partial(&app, "1001").await;
    // The longest ids there can be, several of one moment.
    for number in 0..5 {
        let id = "€".repeat(127) + &number.to_string();
        told(&app, &order, [&id, "confirming"], deposit("1001", "0.01")).await;
        if number % 2 == 1 {
            app.clock.advance(Span::millis(1));
        }
    }
    let path = format!("/v1/admin/crypto-orders/{order}/payments");
    let all = app.walk(&path, 200).await;
    let place = |row: &Value| ["first_seen_at", "payment_id"].map(|field| row[field].as_str().unwrap_or("").to_owned());
    assert!(all.len() == 6 && all.is_sorted_by(|one, next| place(one) > place(next)), "{all:#?}");
    for limit in [1, 2, 5, 6] {
        assert_eq!(app.walk(&path, limit).await, all, "{limit}");
    }
    let first = app.operator_get(&format!("{path}?limit=2")).await.json();
    assert_eq!((&first["received"], &first["has_more"]), (&json!("0.2"), &json!(true)), "the sums are of all pages");
    let cursor = first["next_cursor"].as_str().expect("more").to_owned();
    // A payment that is new meanwhile does not shift what follows.
    app.clock.advance(Span::seconds(1));
    told(&app, &order, ["2001", "confirming"], deposit("1001", "0.01")).await;
    let next = app.operator_get(&format!("{path}?limit=2&cursor={cursor}")).await.json();
    assert_eq!(next["data"], json!(all[2..4]));
    // A place in another order's ledger, or in another list, leads nowhere.
    let other = partial(&app, "3001").await;
    let elsewhere = app.operator_get(&format!("/v1/admin/crypto-orders/{other}/payments?cursor={cursor}")).await.json();
    assert_eq!((&elsewhere["data"], &elsewhere["next_cursor"]), (&json!([]), &Value::Null));
    for wrong in ["0", "201", "ten", ""] {
        let told = app.operator_get(&format!("{path}?limit={wrong}")).await.problem(400, "bad-request");
        assert_eq!(told, "limit must be an integer between 1 and 200.");
    }
    let empty = app.operator_get(&format!("{path}?cursor=x")).await.json();
    assert_eq!((&empty["data"], &empty["has_more"]), (&json!([]), &json!(false)));
    app.admin("/ord_00000000000000000000000000000000/payments").await.problem(404, "not-found");
    app.get(&path).await.problem(403, "forbidden");
}

async fn amounts_keep_every_digit(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = app.order().await;
    let exact =
        json!({ "pay_amount": "100000000000000000000.000000000000000001", "actually_paid": "0.000000000000000001" });
    told(&app, &order, ["1001", "partially_paid"], exact).await;
    let expected =
        "100000000000000000000.000000000000000001 0.000000000000000001 100000000000000000000.000000000000000000 eth";
    assert_eq!(sums(&app, &order).await, expected);
    // A number of JSON is read by its digits too, and nothing is ever missing below zero.
    let other = app.order().await;
    let number = payment(&other, "1002", "finished").to_string().replace("0.5", "2.5e-7");
    let body = number.replacen("\"actually_paid\":2.5e-7", "\"actually_paid\":0.00000030", 1);
    assert_eq!(app.ipn_raw(&body).await.json()["order_state"], "paid", "{body}");
    assert_eq!(sums(&app, &other).await, "0.00000025 0.00000030 0 eth");
}

/// The body of this note among those that the provider really sent.
fn recorded(note: &str) -> Value {
    let all: Vec<Value> = serde_json::from_str(include_str!("../data/provider-bodies.json")).expect("JSON");
    let found = all.iter().find(|entry| entry["note"].as_str().is_some_and(|text| text.contains(note)));
    found.unwrap_or_else(|| panic!("no {note}"))["body"].clone()
}

async fn a_deposit_in_another_coin_never_completes_the_sum(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    for (nth, word) in ["partially_paid", "finished"].into_iter().enumerate() {
        let order = app.order().await;
        let mut child = recorded("13 USDT sent to a BNB address");
        let (id, parent) = (format!("487088586{nth}"), format!("616030542{nth}"));
        child["order_id"] = json!(order);
        child["payment_id"] = json!(id.parse::<u64>().expect("digits"));
        child["parent_payment_id"] = json!(parent.parse::<u64>().expect("digits"));
        child["payment_status"] = json!(word);
        // Ten dollars' worth of the coin would do; the other coin's number is far above.
        let fields = json!({ "pay_currency": "bnbbsc", "pay_amount": 0.12, "actually_paid": 0.1 });
        assert_eq!(told(&app, &order, [&parent, "partially_paid"], fields).await, "partial");
        assert_eq!(app.ipn(&child).await.json()["order_state"], "partial", "{word}");
        assert_eq!(sums(&app, &order).await, "0.12 0.1 0.02 bnbbsc");
        let kinds = [format!("child_payment {id}"), format!("currency_mismatch {id}"), format!("underpaid {parent}")];
        assert_eq!(raised(&app, &order).await, kinds);
        let items = app.walk(&format!("/v1/admin/crypto-orders/attention?order_id={order}"), 9).await;
        let numbers = json!({ "role": "child", "provider_status": word, "coin": "usdtbsc", "pay_amount": "13",
            "received": "13", "other_coin": null, "other_received": null, "worth": "12.98513924" });
        let item = items.iter().find(|item| item["kind"] == "child_payment").expect("the deposit's item");
        assert_eq!((&item["payment"], &item["owed"]), (&numbers, &json!("0.12")));
        assert_eq!(item["owed_coin"], "bnbbsc");
        // The bound payment's news afterwards does not add it up either.
        let fields = json!({ "pay_currency": "bnbbsc", "pay_amount": 0.12, "actually_paid": 0.11 });
        assert_eq!(told(&app, &order, [&parent, "finished"], fields).await, "partial");
    }
}

async fn a_wrong_asset_is_raised_with_its_numbers_and_can_be_accepted(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = partial(&app, "1001").await;
    // In the bound coin and enough: even so a word that nobody knows settles nothing.
    assert_eq!(told(&app, &order, ["1002", "wrong_asset_confirmed"], deposit("1001", "0.3")).await, "partial");
    assert_eq!(raised(&app, &order).await, ["child_payment 1002", "underpaid 1001", "unknown_status 1002"]);
    assert_eq!(sums(&app, &order).await, "0.5 0.2 0.3 eth");
    let shown = ledger(&app, &order).await["data"].clone();
    let newest =
        shown.as_array().and_then(|rows| rows.iter().find(|row| row["payment_id"] == "1002")).expect("a child");
    assert_eq!([&newest["provider_status"], &newest["received"]], ["wrong_asset_confirmed", "0.3"]);
    let unclear = ledger(&app, &order).await["uncounted"][0].clone();
    assert_eq!([&unclear["amount"], &unclear["standing"]], ["0.3", "unsettled"]);
    let ipns = app.admin(&format!("/{order}/ipns?limit=1")).await.json();
    assert_eq!(ipns["data"].as_array().map(Vec::len), Some(1));
    assert_eq!(app.sql("select outcome from received_ipns where payment_id = '1002'").await, "unknown_status");
    // Of an order that failed it is money all the same, with which an operator may settle it.
    let failed = app.order().await;
    told(&app, &failed, ["2001", "failed"], json!({ "actually_paid": 0 })).await;
    let because = json!({ "reason": "Treasury has the USDT." });
    let accept = async || app.admin_call(reqwest::Method::POST, &format!("/{failed}/accept"), &because).await;
    accept().await.problem(409, "conflict");
    let mut usdt = deposit("2001", "79");
    usdt["pay_currency"] = json!("usdtbsc");
    assert_eq!(told(&app, &failed, ["2002", "wrong_asset_confirmed"], usdt).await, "failed");
    assert_eq!(accept().await.json()["status"], "paid");
}

async fn a_further_deposit_in_the_same_coin_completes_a_partial_order(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = partial(&app, "1001").await;
    assert_eq!(told(&app, &order, ["1002", "confirming"], deposit("1001", "0.3")).await, "partial");
    assert_eq!(sums(&app, &order).await, "0.5 0.2 0.3 eth");
    assert_eq!(told(&app, &order, ["1002", "finished"], deposit("1001", "0.3")).await, "paid");
    assert_eq!(sums(&app, &order).await, "0.5 0.5 0 eth");
    assert_eq!(app.steps(&order).await, ["pending/create", "partial/ipn", "paid/ipn"]);
    assert_eq!(raised(&app, &order).await, ["child_payment 1002", "underpaid 1001"]);
}

async fn a_top_up_completes_and_so_do_two(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let (one, two) = (partial(&app, "1001").await, partial(&app, "2001").await);
    let app = topped_up(app, &one, &[["1002", "0.3"]]).await;
    let app = topped_up(app, &two, &[["2002", "0.3"], ["2003", "0.1"]]).await;
    let part = |amount: f64| json!({ "pay_amount": 0.3, "actually_paid": amount, "price_amount": 47.4 });
    assert_eq!(told(&app, &one, ["1002", "confirming"], part(0.3)).await, "partial");
    assert_eq!(told(&app, &one, ["1002", "finished"], part(0.3)).await, "paid");
    assert_eq!(
        (sums(&app, &one).await, raised(&app, &one).await),
        ("0.5 0.5 0 eth".to_owned(), vec!["underpaid 1001".to_owned()])
    );
    // The first of two brings a part of the rest, and the second the rest of it.
    assert_eq!(told(&app, &two, ["2002", "partially_paid"], part(0.2)).await, "partial");
    assert_eq!(sums(&app, &two).await, "0.5 0.4 0.1 eth");
    assert_eq!(told(&app, &two, ["2003", "finished"], part(0.1)).await, "paid");
    assert_eq!(sums(&app, &two).await, "0.5 0.5 0 eth");
    for (order, bound) in [(&one, "1001"), (&two, "2001")] {
        assert_eq!(app.look(order).await["payment_id"], bound);
        assert_eq!(app.steps(order).await, ["pending/create", "partial/ipn", "paid/ipn"]);
    }
    let bodies = app.outbox(&two).await;
    let types: Vec<_> = bodies.iter().map(|body| &body["type"]).collect();
    assert_eq!(types, ["crypto.order.partial", "crypto.order.partial", "crypto.order.paid"]);
}

async fn a_top_up_that_is_short_of_the_rest_leaves_the_order_partial(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = partial(&app, "1001").await;
    let app = topped_up(app, &order, &[["1002", "0.3"]]).await;
    let short = json!({ "pay_amount": 0.3, "actually_paid": 0.29 });
    assert_eq!(told(&app, &order, ["1002", "finished"], short).await, "partial");
    assert_eq!(raised(&app, &order).await, ["underpaid 1001", "underpaid 1002"]);
    assert_eq!(sums(&app, &order).await, "0.5 0.49 0.01 eth");
    // Within the tolerance it is complete.
    assert_eq!(told(&app, &order, ["1003", "finished"], deposit("1002", "0.005")).await, "paid");
}

async fn a_top_up_beyond_the_rest_is_raised(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = partial(&app, "1001").await;
    let app = topped_up(app, &order, &[["1002", "0.3"]]).await;
    let over = json!({ "pay_amount": 0.3, "actually_paid": 0.31 });
    assert_eq!(told(&app, &order, ["1002", "finished"], over).await, "paid");
    assert_eq!(
        (raised(&app, &order).await, sums(&app, &order).await),
        (vec!["overpaid 1002".to_owned(), "underpaid 1001".to_owned()], "0.5 0.51 0 eth".to_owned())
    );
}

async fn a_partial_order_is_completed_by_its_own_payment_later(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = partial(&app, "1001").await;
    let app = topped_up(app, &order, &[["1002", "0.3"]]).await;
    assert_eq!(told(&app, &order, ["1001", "finished"], json!({ "actually_paid": 0.5 })).await, "paid");
    assert_eq!(sums(&app, &order).await, "0.5 0.5 0 eth");
    // What the top-up still brings is too much.
    assert_eq!(
        told(&app, &order, ["1002", "finished"], json!({ "pay_amount": 0.3, "actually_paid": 0.3 })).await,
        "paid"
    );
    assert_eq!(raised(&app, &order).await, ["overpaid 1002", "underpaid 1001"]);
}

async fn a_top_up_that_came_to_nothing_says_nothing_of_the_order(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = partial(&app, "1001").await;
    let app = topped_up(app, &order, &[["1002", "0.3"], ["1003", "0.3"]]).await;
    for (id, word) in [("1002", "expired"), ("1003", "failed")] {
        assert_eq!(told(&app, &order, [id, word], json!({ "pay_amount": 0.3, "actually_paid": 0 })).await, "partial");
    }
    assert_eq!(raised(&app, &order).await, ["underpaid 1001"]);
    assert_eq!(sums(&app, &order).await, "0.5 0.2 0.3 eth");
}
