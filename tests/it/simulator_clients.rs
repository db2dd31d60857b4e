//! The simulator as published clients of the provider use it: forms, the routes that they ask first, and what has none.

use crypto_orders::domain::time::Span;
use crypto_orders::provider::simulator::{Pace, Scenario, Target};
use reqwest::Method;
use serde_json::{Value, json};

use crate::simulator_routes::{Stand, read, refusal};

#[test]
fn a_payment_and_a_login_may_come_as_forms() {
    crate::engines::run(async {
        let stand = Stand::new(5);
        let form = |path: &str, body: &'static str| {
            let request = stand.request(Method::POST, path).header("x-api-key", "k");
            let request = request.header("content-type", "application/x-www-form-urlencoded; charset=utf-8");
            read(request.body(body))
        };
        let sent = "price_amount=79.5&price_currency=usd&pay_currency=btc&order_id=o+1%2F2&is_fixed_rate=True\
                    &is_fee_paid_by_user=False&ipn_callback_url=https%3A%2F%2Fshop.test%2Fipn";
        let made = form("/payment", sent).await;
        assert_eq!(made.code(), 201, "{}", made.text);
        let made = made.json();
        assert_eq!((&made["order_id"], &made["is_fixed_rate"]), (&json!("o 1/2"), &json!(true)), "{made}");
        assert_eq!((&made["price_amount"], &made["is_fee_paid_by_user"]), (&json!(79.5), &json!(false)), "{made}");
        assert_eq!(made["ipn_callback_url"], "https://shop.test/ipn");
        let token = form("/auth", "email=ada%40example.com&password=pass+word").await;
        let token = token.json()["token"].as_str().expect("a token").to_owned();
        assert_eq!(stand.list("", &token).await.json()["total"], 1);
        assert_eq!(refusal(&form("/payment", "price_amount=").await), (400, "INVALID_REQUEST_PARAMS".to_owned()));
    });
}

#[test]
fn what_has_no_route_is_refused_in_the_provider_s_shape() {
    crate::engines::run(async {
        let stand = Stand::new(5);
        let origin = stand.base.trim_end_matches("/simulator/v1").to_owned();
        let not_found = (404, "NOT_FOUND".to_owned());
        for path in ["/simulator/v1/payout", "/simulator/v1/", "/simulator/v2", "/simulator", "/v1/status", "/"] {
            let request = stand.client.get(format!("{origin}{path}")).header("x-api-key", "k");
            assert_eq!(refusal(&read(request).await), not_found, "{path}");
        }
        assert_eq!(refusal(&read(stand.request(Method::DELETE, "/status")).await), not_found);
    });
}

#[test]
fn clients_find_what_they_ask_first() {
    crate::engines::run(async {
        let stand = Stand::new(5);
        let coin = stand.get("/currencies/xrp").await.json();
        assert_eq!((&coin["code"], &coin["extra_id_exists"]), (&json!("XRP"), &json!(true)), "{coin}");
        for (path, code) in [
            ("/currencies/cup", "cup"),
            ("/estimate?amount=1&currency_from=cup&currency_to=btc", "cup"),
            ("/estimate?amount=1&currency_from=usd&currency_to=nocoin", "nocoin"),
        ] {
            let unknown = stand.get(path).await;
            assert_eq!(refusal(&unknown), (404, "NOT_FOUND".to_owned()), "{path}");
            assert_eq!(unknown.json()["message"], format!("Currency {code} not found"));
        }
        let fields =
            json!({ "price_amount": 1000, "price_currency": "USD", "order_id": "o", "success_url": "https://s.test" });
        let asked = stand.request(Method::POST, "/invoice").header("x-api-key", "k").body(fields.to_string());
        let invoice = read(asked).await;
        assert_eq!(invoice.code(), 201, "{}", invoice.text);
        let invoice = invoice.json();
        assert_eq!((&invoice["price_amount"], &invoice["pay_currency"]), (&json!("1000"), &Value::Null), "{invoice}");
        let url = format!("https://nowpayments.io/payment/?iid={}", invoice["id"].as_str().expect("text"));
        assert_eq!((&invoice["invoice_url"], &invoice["success_url"]), (&json!(url), &json!("https://s.test")));
        let made = stand.create(json!({})).await.json();
        stand.simulator.pay(Target::Order("o"), Scenario::Success, Pace::Instantly).expect("a plan");
        stand.clock.advance(Span::hours(1));
        stand.simulator.run_due().await;
        let balance = stand.get("/balance").await.json();
        let owed = made["pay_amount"].as_str().and_then(|text| text.parse().ok()).or(made["pay_amount"].as_f64());
        assert_eq!(
            (balance["btc"]["amount"].as_f64(), &balance["btc"]["pendingAmount"]),
            (owed, &json!(0)),
            "{balance}"
        );
        assert_eq!(balance["eth"], json!({ "amount": 0, "pendingAmount": 0 }));
        let other = read(stand.request(Method::GET, "/balance").header("x-api-key", "another")).await.json();
        assert_eq!(other["btc"]["amount"], 0, "each key has its own");
    });
}
