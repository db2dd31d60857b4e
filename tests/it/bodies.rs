//! Bodies as real clients write them: compressed, with a byte order mark, with half an emoji, with `7900.0`.

use reqwest::Method;
use serde_json::json;

use crate::engines::Engine;
use crate::harness::{Answer, TestApp, order_body};

on_both_engines![
    a_compressed_body_is_refused_by_the_name_of_its_encoding,
    a_byte_order_mark_is_passed_over,
    half_an_emoji_is_kept_as_the_replacement_character,
    a_whole_number_is_an_integer_however_it_is_spelled,
];

async fn post(app: &TestApp, encoding: Option<&str>, body: impl Into<reqwest::Body>) -> Answer {
    let request = app.request(Method::POST, "/v1/billing/crypto-checkout").bearer_auth(&app.customer);
    let request = request.header("Content-Type", "application/json").body(body);
    app.send(encoding.into_iter().fold(request, |request, encoding| request.header("Content-Encoding", encoding))).await
}

async fn a_compressed_body_is_refused_by_the_name_of_its_encoding(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    for encoding in ["gzip", "br", "gzip, identity"] {
        let told = post(&app, Some(encoding), &b"\x1f\x8b\x08\0\0\0"[..]).await.problem(415, "bad-request");
        assert_eq!(told, format!("Content-Encoding \"{encoding}\" is not supported; send the body as it is."));
    }
    for encoding in ["identity", "Identity"] {
        assert_eq!(post(&app, Some(encoding), order_body().to_string()).await.code(), 201, "{encoding}");
    }
}

async fn a_byte_order_mark_is_passed_over(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    assert_eq!(post(&app, None, format!("\u{feff}{}", order_body())).await.code(), 201);
    let empty = post(&app, None, "\u{feff}").await.problem(400, "bad-request");
    assert_eq!(empty, "The request body is empty; a JSON object is expected.");
    post(&app, None, format!("\u{feff}\u{feff}{}", order_body())).await.problem(400, "bad-request");
}

async fn half_an_emoji_is_kept_as_the_replacement_character(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let body = r#"{"product":"solo_manual","price_cents":7900,"price_currency":"USD","customer_note":"hi \ud83d"}"#;
    let made = post(&app, None, body).await;
    assert_eq!(made.code(), 201, "{}", made.text);
    let order = made.json()["order_id"].as_str().expect("an id").to_owned();
    assert_eq!(app.look(&order).await["customer_note"], "hi \u{fffd}");
}

async fn a_whole_number_is_an_integer_however_it_is_spelled(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let priced =
        |price: &str| format!("{{\"product\":\"solo_manual\",\"price_cents\":{price},\"price_currency\":\"USD\"}}");
    for whole in ["7900.0", "7.9e3", "79000E-1", "7900.00000000000000000000000000"] {
        let made = post(&app, None, priced(whole)).await;
        assert_eq!((made.code(), &made.json()["price_cents"]), (201, &json!(7900)), "{whole}: {}", made.text);
    }
    for broken in ["1998.9999999999998", "7900.00000000000000000000000001", "7.9001e2", "1e300", "0.0", "-7900.0"] {
        let refused = post(&app, None, priced(broken)).await;
        refused.problem(400, "validation-failed");
        let told = &refused.json()["issues"]["fieldErrors"]["price_cents"];
        assert_eq!(*told, json!(["price_cents must be an integer between 1 and 1000000."]), "{broken}");
    }
}
