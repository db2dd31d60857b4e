//! Two nodes on one database: what one remembers never decides against what the other has stored.

use crypto_orders::domain::time::Span;
use futures_util::future::{join, join_all};
use reqwest::Method;
use serde_json::{Value, json};

use crate::engines::Engine;
use crate::harness::{Answer, TestApp, payment};

on_postgres![
    a_cancel_is_judged_by_what_the_other_node_stored,
    an_ipn_is_judged_by_what_the_other_node_stored,
    a_note_does_not_undo_what_the_other_node_stored,
    a_repeated_ipn_is_answered_with_the_order_as_it_is,
    a_sweep_leaves_alone_what_the_other_node_moved,
    one_payment_at_two_nodes_at_once_settles_one_order,
    one_ipn_at_two_nodes_at_once_moves_its_order_once,
    opposite_wishes_at_two_nodes_at_once_come_to_one_story,
];

/// Two nodes that serve the same customer.
async fn two_nodes(engine: Engine) -> [TestApp; 2] {
    let app = TestApp::spawn(engine).await;
    let mut other = app.beside(|_| {}).await;
    other.customer.clone_from(&app.customer);
    [app, other]
}

async fn cancel(node: &TestApp, order: &str) -> Answer {
    node.call(Method::POST, &format!("/v1/billing/crypto-orders/{order}/cancel"), &json!({})).await
}

async fn told(node: &TestApp, order: &str, id: &str, word: &str) -> Value {
    let answer = node.ipn(&payment(order, id, word)).await;
    assert_eq!(answer.code(), 200, "{}", answer.text);
    answer.json()["order_state"].clone()
}

async fn a_cancel_is_judged_by_what_the_other_node_stored(engine: Engine) {
    let [app, other] = two_nodes(engine).await;
    let order = app.order().await;
    assert_eq!(told(&other, &order, "1001", "finished").await, "paid");
    let refused = cancel(&app, &order).await;
    assert!(refused.problem(409, "conflict").starts_with("Order is in state \"paid\""), "{}", refused.text);
    // The other way round: a refusal from memory would be as stale as a consent.
    let order = app.order().await;
    told(&app, &order, "1002", "confirming").await;
    assert_eq!(told(&other, &order, "1002", "finished").await, "paid");
    let refused = cancel(&app, &order).await;
    assert!(refused.problem(409, "conflict").starts_with("Order is in state \"paid\""), "{}", refused.text);
}

async fn an_ipn_is_judged_by_what_the_other_node_stored(engine: Engine) {
    let [app, other] = two_nodes(engine).await;
    let order = app.order().await;
    assert_eq!(cancel(&other, &order).await.code(), 200);
    assert_eq!(told(&app, &order, "1001", "finished").await, "cancelled");
    assert_eq!(app.raised(&order).await, ["late_payment 1001 1"]);

    let order = app.order().await;
    told(&app, &order, "1002", "confirming").await;
    told(&other, &order, "1002", "finished").await;
    assert_eq!(told(&app, &order, "1002", "failed").await, "paid");
    assert_eq!(app.raised(&order).await, ["paid_then_failed 1002 1"]);
    assert_eq!(app.steps(&order).await, ["pending/create", "confirming/ipn", "paid/ipn"]);

    // What moves nothing is judged on fresh data too: here memory would only have refreshed.
    let order = app.order().await;
    told(&app, &order, "1003", "finished").await;
    let operator = json!({ "payment_id": "1004", "provider_status": "finished" });
    let said = other.admin_call(Method::POST, &format!("/{order}/apply-ipn"), &operator).await.json();
    assert_eq!((&said["outcome"], &said["status"]), (&json!("mismatch"), &json!("paid")));
}

async fn a_note_does_not_undo_what_the_other_node_stored(engine: Engine) {
    let [app, other] = two_nodes(engine).await;
    let order = app.order().await;
    told(&other, &order, "1001", "finished").await;
    let path = format!("/v1/billing/crypto-orders/{order}");
    let noted = app.call(Method::PATCH, &path, &json!({ "customer_note": "hello" })).await.json();
    assert_eq!((&noted["status"], &noted["customer_note"]), (&json!("paid"), &json!("hello")));
    let note = json!({ "internal_note": "checked" });
    let noted = other.admin_call(Method::PATCH, &format!("/{order}/internal-note"), &note).await.json();
    assert_eq!([&noted["status"], &noted["customer_note"], &noted["internal_note"]], ["paid", "hello", "checked"]);
    assert_eq!(app.look(&order).await, other.look(&order).await);
}

async fn a_repeated_ipn_is_answered_with_the_order_as_it_is(engine: Engine) {
    let [app, other] = two_nodes(engine).await;
    let order = app.order().await;
    assert_eq!(told(&other, &order, "1001", "finished").await, "paid");
    // This node has the order in memory as it was placed.
    assert_eq!(told(&app, &order, "1001", "finished").await, "paid");
    assert_eq!(app.ipns("1001").await, ["applied 2"]);
}

async fn a_sweep_leaves_alone_what_the_other_node_moved(engine: Engine) {
    let [app, other] = two_nodes(engine).await;
    let (moving, idle) = (app.order().await, app.order().await);
    told(&other, &moving, "1001", "confirming").await;
    app.clock.advance(Span::hours(2));
    let swept = app.admin_call(Method::POST, "/sweep-expired", &json!({})).await.json();
    // The clock's own sweep may have been first; either way the moving one is left alone.
    assert!(swept["order_ids"] == json!([idle]) || swept["order_ids"] == json!([]), "{swept}");
    assert_eq!(app.look(&moving).await["status"], "confirming");
    assert_eq!(app.look(&idle).await["status"], "failed");
}

async fn one_payment_at_two_nodes_at_once_settles_one_order(engine: Engine) {
    let [app, other] = two_nodes(engine).await;
    let orders = join_all((0..80).map(|_| app.order())).await;
    let rounds = orders.chunks_exact(2).enumerate().map(async |(round, pair)| {
        let id = format!("60{round}");
        let states = join(told(&app, &pair[0], &id, "finished"), told(&other, &pair[1], &id, "finished")).await;
        (states, id, pair)
    });
    for ((first, second), id, pair) in join_all(rounds).await {
        let (paid, refused) = if first == "paid" { (0, 1) } else { (1, 0) };
        assert_eq!([&first, &second][paid], "paid", "{id}");
        assert_eq!([&first, &second][refused], "pending", "{id}");
        assert_eq!(app.raised(&pair[refused]).await, [format!("payment_mismatch {id} 1")]);
        assert!(app.raised(&pair[paid]).await.is_empty(), "{id}");
        assert_eq!(app.payments(&pair[paid]).await, [format!("{id} bound 0.5")]);
        assert!(app.payments(&pair[refused]).await.is_empty(), "{id}");
        assert_eq!(app.steps(&pair[refused]).await, ["pending/create"]);
    }
}

async fn one_ipn_at_two_nodes_at_once_moves_its_order_once(engine: Engine) {
    let [app, other] = two_nodes(engine).await;
    let orders = join_all((0..30).map(|_| app.order())).await;
    let rounds = orders.iter().enumerate().map(async |(round, order)| {
        let id = format!("70{round}");
        let nodes = [&app, &other, &app, &other];
        assert_eq!(join_all(nodes.map(|node| told(node, order, &id, "finished"))).await, ["paid"; 4]);
    });
    join_all(rounds).await;
    for (round, order) in orders.iter().enumerate() {
        assert_eq!(app.ipns(&format!("70{round}")).await, ["applied 4"]);
        assert_eq!(app.steps(order).await, ["pending/create", "paid/ipn"]);
        assert_eq!(app.outbox(order).await.len(), 1);
    }
}

async fn opposite_wishes_at_two_nodes_at_once_come_to_one_story(engine: Engine) {
    let [app, other] = two_nodes(engine).await;
    let orders = join_all((0..30).map(|_| app.order())).await;
    let rounds = orders.iter().enumerate().map(async |(round, order)| {
        let id = format!("80{round}");
        let (cancelled, state) = join(cancel(&app, order), told(&other, order, &id, "finished")).await;
        (order, id, cancelled, state)
    });
    for (order, id, cancelled, state) in join_all(rounds).await {
        let steps = app.steps(order).await;
        if cancelled.code() == 200 {
            assert_eq!((&state, app.raised(order).await), (&json!("cancelled"), vec![format!("late_payment {id} 1")]));
            assert_eq!(steps, ["pending/create", "cancelled/cancel"]);
        } else {
            cancelled.problem(409, "conflict");
            assert_eq!((&state, app.raised(order).await), (&json!("paid"), Vec::new()));
            assert_eq!(steps, ["pending/create", "paid/ipn"]);
        }
        assert_eq!(app.look(order).await, other.look(order).await);
    }
}
