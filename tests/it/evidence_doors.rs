//! One report by each of the three ways in: an IPN, a poll, an operator's replay. What it does is the same by all.
//!
//! The provider says the same to whoever asks it. Reports that come out of order by IPN are in `evidence_order.rs`.

use crypto_orders::domain::lifecycle::LateRate;
use crypto_orders::domain::time::Span;
use reqwest::Method;
use serde_json::{Value, json};

use crate::engines::Engine;
use crate::harness::{Answer, TestApp, payment, told};
use crate::money_told::{answered, read_of};
use crate::poller::teller::{Says, Teller};
use crate::poller::unpaid;

on_both_engines![
    a_full_payment_dated_before_an_earlier_report_pays_its_order_by_every_way_in,
    an_older_failure_moves_nothing_and_tells_nobody_by_every_way_in,
    money_under_a_word_that_is_not_known_is_kept_shown_and_accepted_by_every_way_in,
    money_in_another_coin_makes_an_order_partial_for_good_by_every_way_in,
    a_deposit_in_another_coin_makes_an_order_partial_for_good_by_every_way_in,
    a_short_payment_is_raised_and_announced_per_larger_sum_by_every_way_in,
    a_late_payment_is_weighed_by_its_worth_by_every_way_in,
    a_deposit_that_completes_a_late_order_is_weighed_with_it_by_every_way_in,
    a_late_payment_is_taken_at_any_worth_where_settings_say_so_by_every_way_in,
    what_is_taken_back_after_an_order_was_paid_is_raised_and_named_by_every_way_in,
    a_second_deposit_for_a_paid_order_is_kept_and_raised_by_every_way_in,
];

/// How a report comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    Ipn,
    Poll,
    Replay,
}

const DOORS: [Door; 3] = [Door::Ipn, Door::Poll, Door::Replay];

/// A shop whose provider is in our hands, with bound orders: `[order, payment]`.
struct Shop {
    app: TestApp,
    provider: Teller,
    orders: Vec<[String; 2]>,
    door: Door,
}

impl Shop {
    async fn open(engine: Engine, door: Door, count: usize) -> Self {
        let set = |settings: &mut crypto_orders::config::Settings| settings.poller.automatic = door == Door::Poll;
        let (app, provider, orders) = unpaid(engine, count, set).await;
        Self { app, provider, orders, door }
    }

    /// The provider reports this of an order's payment.
    async fn hears(&self, nth: usize, word: &str, fields: &Value) {
        let [order, id] = &self.orders[nth];
        let body = report([order, id, word], fields);
        self.provider.says(id, Says::Body(body.clone()));
        self.comes_in(order, id, &body).await;
    }

    /// The provider reports this of a further deposit to the address of an order's payment, of which it says `parent`.
    async fn hears_deposit(&self, nth: usize, [id, word]: [&str; 2], [parent, fields]: [&Value; 2]) {
        let [order, bound] = &self.orders[nth];
        let mut names = parent.clone();
        names["payment_extra_ids"] = json!([id.parse::<u64>().expect("digits")]);
        self.provider.says(bound, Says::Body(names));
        let mut body = report([order, id, word], fields);
        body["parent_payment_id"] = json!(bound);
        self.provider.says(id, Says::Body(body.clone()));
        self.comes_in(order, id, &body).await;
    }

    async fn comes_in(&self, order: &str, id: &str, body: &Value) {
        match self.door {
            Door::Ipn => assert_eq!(self.app.ipn(body).await.code(), 200, "{body}"),
            Door::Poll => self.is_asked_about(id).await,
            Door::Replay => {
                let said = json!({ "payment_id": id, "provider_status": body["payment_status"] });
                let path = format!("/{order}/apply-ipn");
                let answer = self.app.admin_call(Method::POST, &path, &said).await;
                assert_eq!(answer.code(), 200, "{}", answer.text);
            }
        }
    }

    /// Lets time pass until the poller has asked about the payment.
    async fn is_asked_about(&self, id: &str) {
        self.provider.asked();
        for _ in 0..200 {
            self.app.advance(Span::minutes(2)).await;
            if self.provider.asked().iter().any(|asked| asked == id) {
                return;
            }
        }
        panic!("nobody asks about {id}");
    }

    async fn status(&self, nth: usize) -> Value {
        self.app.look(&self.orders[nth][0]).await["status"].clone()
    }

    /// What is raised about an order, as `kind count`, whatever its payment.
    async fn raised(&self, nth: usize) -> Vec<String> {
        let of = |item: &String| item.split(' ').step_by(2).collect::<Vec<_>>().join(" ");
        self.app.raised(&self.orders[nth][0]).await.iter().map(of).collect()
    }

    /// The events for the merchant about an order, oldest first.
    async fn told(&self, nth: usize) -> Vec<Value> {
        self.app.outbox(&self.orders[nth][0]).await
    }

    async fn accept(&self, nth: usize) -> Answer {
        let because = json!({ "reason": "Treasury has the money." });
        self.app.admin_call(Method::POST, &format!("/{}/accept", self.orders[nth][0]), &because).await
    }

    /// Neither the clock ends the order nor a sweep; accepted, it is paid, and no failure was ever told.
    async fn waits_for_its_acceptance(&self, nth: usize) {
        self.app.advance(Span::minutes(61)).await;
        let sweep = self.app.admin_call(Method::POST, "/sweep-expired", &json!({})).await;
        assert_eq!(sweep.code(), 200, "{}", sweep.text);
        assert_eq!(self.status(nth).await, "partial", "{:?}", self.door);
        let accepted = self.accept(nth).await;
        assert_eq!((accepted.code(), &accepted.json()["status"]), (200, &json!("paid")), "{}", accepted.text);
        let told = self.told(nth).await;
        assert!(told.iter().all(|event| event["type"] != "crypto.order.failed"), "{told:?}");
    }
}

/// A report about a payment of 0.5 ETH, with some fields changed.
fn report([order, id, word]: [&str; 3], fields: &Value) -> Value {
    let mut body = payment(order, id, word);
    body.as_object_mut().expect("an object").extend(fields.as_object().expect("fields").clone());
    body
}

/// The time of a report, in milliseconds after the time at which the tests begin; and what it says that came.
fn dated(millis: i64, paid: f64) -> Value {
    json!({ "updated_at": 1_778_587_200_000_i64 + millis, "actually_paid": paid })
}

async fn a_full_payment_dated_before_an_earlier_report_pays_its_order_by_every_way_in(engine: Engine) {
    const EARLIER: [(&str, f64); 5] =
        [("waiting", 0.0), ("confirming", 0.0), ("confirmed", 0.0), ("sending", 0.0), ("partially_paid", 0.2)];
    for door in DOORS {
        let shop = Shop::open(engine, door, EARLIER.len()).await;
        for (nth, (word, paid)) in EARLIER.into_iter().enumerate() {
            let [order, id] = &shop.orders[nth];
            told(&shop.app, order, [id, word], dated(2_000, paid)).await;
            shop.provider.says(id, Says::Body(report([order, id, word], &dated(2_000, paid))));
        }
        for (nth, (word, _)) in EARLIER.into_iter().enumerate() {
            shop.hears(nth, "finished", &dated(1_999, 0.5)).await;
            assert_eq!(shop.status(nth).await, "paid", "{door:?} after {word}");
            let true_when_it_came = if word == "partially_paid" { vec!["underpaid 1"] } else { vec![] };
            assert_eq!(shop.raised(nth).await, true_when_it_came, "{door:?} after {word}");
        }
    }
}

async fn an_older_failure_moves_nothing_and_tells_nobody_by_every_way_in(engine: Engine) {
    const WORDS: [&str; 3] = ["failed", "expired", "refunded"];
    for door in DOORS {
        let shop = Shop::open(engine, door, WORDS.len()).await;
        for ([order, id], word) in shop.orders.iter().zip(WORDS) {
            told(&shop.app, order, [id, "confirming"], dated(2_000, 0.0)).await;
            shop.provider.says(id, Says::Body(report([order, id, word], &dated(1_999, 0.0))));
        }
        for (nth, word) in WORDS.into_iter().enumerate() {
            shop.hears(nth, word, &dated(1_999, 0.0)).await;
            assert_eq!(shop.status(nth).await, "confirming", "{door:?} {word}");
            let [order, id] = &shop.orders[nth];
            assert_eq!(told(&shop.app, order, [id, "finished"], dated(3_000, 0.5)).await, "paid");
            shop.hears(nth, word, &dated(2_999, 0.0)).await;
            assert_eq!((shop.status(nth).await, shop.raised(nth).await), (json!("paid"), vec![]), "{door:?} {word}");
            let told = shop.told(nth).await;
            assert!(told.len() == 1 && told[0]["type"] == "crypto.order.paid", "{door:?} {word}: {told:?}");
        }
    }
}

async fn money_under_a_word_that_is_not_known_is_kept_shown_and_accepted_by_every_way_in(engine: Engine) {
    for door in DOORS {
        let shop = Shop::open(engine, door, 2).await;
        let usdt = json!({ "pay_currency": "usdttrc20", "pay_amount": 79, "actually_paid": 79 });
        let held = [(json!({ "actually_paid": 0.5 }), "0.5 eth", "0.5 ETH"), (usdt, "79 usdttrc20", "79 USDT")];
        for (nth, (fields, kept, shown)) in held.iter().enumerate() {
            let order = &shop.orders[nth][0];
            told(&shop.app, order, [&shop.orders[nth][1], "waiting"], dated(1, 0.0)).await;
            shop.hears(nth, "on_hold", fields).await;
            assert_eq!(
                (shop.status(nth).await, shop.raised(nth).await),
                (json!("pending"), vec!["unknown_status 1".to_owned()]),
                "{door:?}"
            );
            assert_eq!(answered(&shop.app, order).await, ["0".to_owned(), format!("{kept} on_hold unsettled")]);
            for sentence in read_of(&shop.app, order).await {
                assert!(sentence.contains(shown), "{door:?}: {sentence}");
            }
        }
        shop.app.advance(Span::minutes(61)).await;
        for (nth, (_, _, shown)) in held.iter().enumerate() {
            assert_eq!(shop.status(nth).await, "failed");
            for sentence in read_of(&shop.app, &shop.orders[nth][0]).await {
                assert!(
                    sentence.contains(shown) && !sentence.contains("No payment has been seen"),
                    "{door:?}: {sentence}"
                );
            }
            let accepted = shop.accept(nth).await;
            assert_eq!((accepted.code(), &accepted.json()["status"]), (200, &json!("paid")), "{}", accepted.text);
        }
    }
}

/// 79 USDT where 0.5 ETH was asked for.
fn usdt() -> Value {
    json!({ "pay_currency": "usdttrc20", "pay_amount": 79, "actually_paid": 79, "actually_paid_at_fiat": 78.98 })
}

async fn is_partial_in_usdt(shop: &Shop, raised: &[&str]) {
    assert_eq!(
        (shop.status(0).await, shop.raised(0).await),
        (json!("partial"), raised.iter().map(|kind| (*kind).to_owned()).collect()),
        "{:?}",
        shop.door
    );
    let [operator, buyer] = read_of(&shop.app, &shop.orders[0][0]).await;
    let came = "79 USDTTRC20 (worth 78.98 USD when it came) came, but the order is in ETH";
    assert!(operator.starts_with(came), "{:?}: {operator}", shop.door);
    let came = "79 USDT (worth 78.98 USD) has arrived, but this order is in ETH. The shop is looking at it.";
    assert_eq!(buyer, came, "{:?}", shop.door);
    shop.waits_for_its_acceptance(0).await;
}

async fn money_in_another_coin_makes_an_order_partial_for_good_by_every_way_in(engine: Engine) {
    for door in DOORS {
        let shop = Shop::open(engine, door, 1).await;
        shop.hears(0, "finished", &usdt()).await;
        is_partial_in_usdt(&shop, &["currency_mismatch 1"]).await;
    }
}

async fn a_deposit_in_another_coin_makes_an_order_partial_for_good_by_every_way_in(engine: Engine) {
    for door in DOORS {
        let shop = Shop::open(engine, door, 1).await;
        let [order, id] = &shop.orders[0];
        let parent = payment(order, id, "waiting");
        shop.hears_deposit(0, ["2001", "finished"], [&parent, &usdt()]).await;
        is_partial_in_usdt(&shop, &["child_payment 1", "currency_mismatch 1"]).await;
    }
}

async fn a_short_payment_is_raised_and_announced_per_larger_sum_by_every_way_in(engine: Engine) {
    for door in DOORS {
        let shop = Shop::open(engine, door, 1).await;
        for (millis, paid) in [(1, 0.2), (2, 0.2), (3, 0.3)] {
            shop.hears(0, "partially_paid", &dated(millis, paid)).await;
            assert_eq!(shop.status(0).await, "partial", "{door:?}");
        }
        assert_eq!(shop.raised(0).await, ["underpaid 2"], "{door:?}");
        let told = shop.told(0).await;
        let sum = |event: &Value| ["received", "missing", "pay_currency"].map(|field| event["data"][field].clone());
        let sums: Vec<_> = told.iter().map(sum).collect();
        assert_eq!(sums, [[json!("0.2"), json!("0.3"), json!("eth")], [json!("0.3"), json!("0.2"), json!("eth")]]);
        assert!(told.iter().all(|event| event["type"] == "crypto.order.partial"), "{door:?}: {told:?}");
    }
}

/// What the provider pays out in USDT for a late payment, after its fee of one.
fn outcome(amount: f64) -> Value {
    json!({ "outcome_amount": amount, "outcome_currency": "usdttrc20",
        "fee": { "currency": "usdttrc20", "depositFee": 0.5, "serviceFee": 0.5, "withdrawalFee": 0 } })
}

async fn a_late_payment_is_weighed_by_its_worth_by_every_way_in(engine: Engine) {
    for door in DOORS {
        let shop = Shop::open(engine, door, 4).await;
        shop.app.advance(Span::minutes(61)).await;
        // 79 USD less 5 % is 75.05, of which 1 is the provider's fee.
        let worth = [
            (outcome(74.05), "paid", "late_payment 1", "was worth 75.05 USD then; the price is 79.00 USD"),
            (outcome(74.04), "partial", "worth_less 1", "was worth 75.04 USD when it came, and the price is 79.00 USD"),
            (json!({ "actually_paid_at_fiat": 39.1 }), "partial", "worth_less 1", "was worth 39.10 USD"),
            (json!({}), "paid", "late_payment 1", "what it was worth then is not known"),
        ];
        for (nth, (fields, status, raised, said)) in worth.iter().enumerate() {
            assert_eq!(shop.status(nth).await, "failed", "{door:?}");
            shop.hears(nth, "finished", fields).await;
            assert_eq!(
                (shop.status(nth).await, shop.raised(nth).await),
                (json!(status), vec![(*raised).to_owned()]),
                "{door:?} {fields}"
            );
            let [operator, _] = read_of(&shop.app, &shop.orders[nth][0]).await;
            assert!(operator.contains(said), "{door:?}: {operator}");
        }
    }
}

async fn a_deposit_that_completes_a_late_order_is_weighed_with_it_by_every_way_in(engine: Engine) {
    for door in DOORS {
        let shop = Shop::open(engine, door, 2).await;
        shop.app.advance(Span::minutes(61)).await;
        let first = json!({ "actually_paid": 0.25, "actually_paid_at_fiat": 38 });
        // 79 USD less 5 % is 75.05.
        let rests = [("2001", 37.05, "paid", "late_payment 1"), ("2002", 37.04, "partial", "worth_less 1")];
        for (nth, (id, worth, status, raised)) in rests.into_iter().enumerate() {
            let [order, bound] = &shop.orders[nth];
            told(&shop.app, order, [bound, "partially_paid"], first.clone()).await;
            let parent = report([order, bound, "partially_paid"], &first);
            let rest = json!({ "actually_paid": 0.25, "pay_amount": 0.25, "actually_paid_at_fiat": worth });
            shop.hears_deposit(nth, [id, "finished"], [&parent, &rest]).await;
            let kinds = shop.raised(nth).await;
            assert_eq!((shop.status(nth).await, kinds.len()), (json!(status), 3), "{door:?} {worth}: {kinds:?}");
            for kind in ["child_payment 1", "underpaid 1", raised] {
                assert!(kinds.iter().any(|one| one == kind), "{door:?} {worth}: {kinds:?}");
            }
        }
    }
}

async fn a_late_payment_is_taken_at_any_worth_where_settings_say_so_by_every_way_in(engine: Engine) {
    for door in DOORS {
        let Shop { app, provider, orders, door } = Shop::open(engine, door, 1).await;
        app.advance(Span::minutes(61)).await;
        let set = |settings: &mut crypto_orders::config::Settings| {
            provider.tells(settings);
            settings.poller.automatic = door == Door::Poll;
            settings.orders.rules.late_rate = LateRate::Accept;
        };
        let app = app.restart(set).await;
        let shop = Shop { app, provider, orders, door };
        shop.hears(0, "finished", &outcome(39.1)).await;
        assert_eq!(
            (shop.status(0).await, shop.raised(0).await),
            (json!("paid"), vec!["late_payment 1".to_owned()]),
            "{door:?}"
        );
    }
}

async fn what_is_taken_back_after_an_order_was_paid_is_raised_and_named_by_every_way_in(engine: Engine) {
    for (door, word) in DOORS.into_iter().flat_map(|door| ["refunded", "failed", "expired"].map(|word| (door, word))) {
        let shop = Shop::open(engine, door, 1).await;
        let [order, id] = &shop.orders[0];
        assert_eq!(told(&shop.app, order, [id, "finished"], dated(1, 0.5)).await, "paid");
        shop.hears(0, word, &dated(2, 0.0)).await;
        let raised = vec!["paid_then_failed 1".to_owned()];
        assert_eq!((shop.status(0).await, shop.raised(0).await), (json!("paid"), raised), "{door:?} {word}");
        let [operator, _] = read_of(&shop.app, order).await;
        let named = format!("Recorded: 0.5 ETH came, but the provider calls its payment {word}.");
        assert!(operator.contains(&named), "{door:?}: {operator}");
    }
}

async fn a_second_deposit_for_a_paid_order_is_kept_and_raised_by_every_way_in(engine: Engine) {
    for door in DOORS {
        let shop = Shop::open(engine, door, 1).await;
        let [order, id] = &shop.orders[0];
        assert_eq!(told(&shop.app, order, [id, "finished"], dated(1, 0.5)).await, "paid");
        let parent = report([order, id, "finished"], &dated(1, 0.5));
        shop.hears_deposit(0, ["2001", "finished"], [&parent, &json!({})]).await;
        assert_eq!(
            (shop.status(0).await, shop.raised(0).await),
            (json!("paid"), vec!["child_payment 1".to_owned()]),
            "{door:?}"
        );
        assert_eq!(shop.app.payments(order).await, [format!("{id} bound 0.5"), "2001 child 0.5".to_owned()]);
        let ledger = shop.app.admin(&format!("/{order}/payments")).await.json();
        assert_eq!((&ledger["received"], &ledger["over"]), (&json!("1.0"), &json!("0.5")), "{door:?}: {ledger}");
    }
}
