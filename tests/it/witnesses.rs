//! Whose word moved an order stands on the line of its log: for operators, and through an archive.
//!
//! That each of these lines is counted is shown in `evidence_metrics.rs`.

use crypto_orders::domain::time::Span;
use serde_json::{Value, json};

use crate::archive::{exported, imported};
use crate::engines::Engine;
use crate::evidence_metrics::{assert_right, counted, metrics, poll, replay, spawn, tell};
use crate::harness::{START, TestApp};

on_both_engines![
    operators_read_whose_word_it_was_and_customers_do_not,
    an_archive_keeps_the_witness_and_an_older_one_has_none,
];

async fn operators_read_whose_word_it_was_and_customers_do_not(engine: Engine) {
    let app = spawn(engine).await;
    let order = app.order().await;
    app.advance(Span::seconds(90)).await;
    tell(&app, &order, "confirming", Some(json!(START))).await;
    poll(&app, &order, "partially_paid", None).await;
    replay(&app, &order, "finished").await;
    let shown = app.look(&order).await["events"].clone();
    assert_eq!(app.admin(&format!("/{order}/events")).await.json()["events"], shown);
    let told = |event: &Value| [event["witness"].clone(), event["provider_at"].clone()];
    let told: Vec<_> = shown.as_array().expect("a log").iter().map(told).collect();
    let expected = [
        [json!(null), json!(null)],
        [json!("ipn"), json!(START)],
        [json!("poll"), json!(null)],
        [json!("operator"), json!(null)],
    ];
    assert_eq!(told, expected);
    assert_eq!(shown[0].get("witness"), None, "absent, not null");
    for path in [format!("/{order}"), format!("/{order}/events"), String::new()] {
        let text = app.get(&format!("/v1/billing/crypto-orders{path}")).await.text;
        assert!(text.contains("confirming"), "{text}");
        assert!(!text.contains("witness") && !text.contains("provider_at") && !text.contains("poll"), "{text}");
    }
}

/// What that version did not write: lists of an order's record, and fields of their rows.
const LATER: &[(&str, &[&str])] = &[
    ("events", &["witness", "provider_at"]),
    ("payments", &["pay_address", "payin_extra_id", "network", "purchase_id", "decimals"]),
];

/// The archive as the version before the witnesses wrote it.
fn older(archive: &str) -> String {
    let line = |line: &str| {
        let mut record: Value = serde_json::from_str(line).expect("JSON");
        for (list, fields) in LATER {
            for row in record.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
                let row = row.as_object_mut().expect("a row");
                for field in *fields {
                    assert!(row.remove(*field).is_some(), "{field} in {line}");
                }
            }
        }
        format!("{record}\n")
    };
    archive.lines().map(line).collect()
}

async fn an_archive_keeps_the_witness_and_an_older_one_has_none(engine: Engine) {
    let app = spawn(engine).await;
    let [told, asked] = [app.order().await, app.order().await];
    app.advance(Span::seconds(30)).await;
    tell(&app, &told, "confirming", None).await;
    tell(&app, &told, "finished", Some(json!(START))).await;
    poll(&app, &asked, "confirming", Some(app.clock.now().before(Span::minutes(2)))).await;
    replay(&app, &asked, "failed").await;
    let archive = exported(&app.database.url);
    let mut moved = TestApp::over(engine, imported(engine, &archive).await, app.clock.clone()).await;
    moved.operator.clone_from(&app.operator);
    assert_eq!(metrics(&moved, "").await, metrics(&app, "").await);
    assert_right(&moved).await;
    for order in [&told, &asked] {
        assert_eq!(moved.look(order).await, app.look(order).await);
    }

    let mut aged = TestApp::over(engine, imported(engine, &older(&archive)).await, app.clock.clone()).await;
    aged.operator.clone_from(&app.operator);
    assert_eq!(aged.steps(&told).await, app.steps(&told).await);
    assert_eq!(aged.look(&told).await["events"][2].get("witness"), None);
    assert_eq!(metrics(&aged, "").await, counted(&aged, 7));
    assert_eq!(metrics(&aged, "").await["moves"], json!({ "ipn": 0, "poll": 0, "operator": 0 }));
    let fresh = aged.order().await;
    tell(&aged, &fresh, "finished", None).await;
    assert_eq!(metrics(&aged, "").await["moves"]["ipn"], 1);
}
