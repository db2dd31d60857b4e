//! The door of the operators' pages: who gets in, for how long, and whose forms are taken.

use crypto_orders::domain::access::Scope;
use crypto_orders::domain::time::Span;
use reqwest::Method;

use crate::engines::Engine;
use crate::harness::operator::{Operator, hidden};
use crate::harness::{TestApp, sql};

on_both_engines![
    nobody_sees_a_page_without_signing_in_and_everybody_comes_back_to_it,
    only_the_key_of_an_operator_opens_the_door,
    the_cookie_is_out_of_reach_of_scripts_and_of_other_sites,
    a_session_ends_after_twelve_hours,
    a_session_ends_with_its_key_and_when_its_owner_leaves,
    the_token_of_a_session_is_replaced_and_the_old_one_dies_once_the_new_one_came_back,
    signing_in_again_ends_the_session_before,
    a_lost_answer_with_a_new_token_locks_nobody_out,
    the_api_never_takes_a_cookie,
    a_form_from_elsewhere_or_of_another_session_changes_nothing,
    whoever_tries_many_keys_has_to_wait,
    a_session_of_one_node_is_good_on_the_other,
    what_is_not_there_is_told_to_people_by_a_page,
];

const PAGE: &str = "/admin/audit-log";

async fn is_in(operator: &Operator) -> bool {
    match operator.get(PAGE).await {
        answer if answer.code() == 200 => true,
        answer => {
            assert_eq!(answer.code(), 303, "{}", answer.text);
            assert!(answer.header("location").is_some_and(|at| at.starts_with("/admin/sign-in?next=")));
            false
        }
    }
}

async fn nobody_sees_a_page_without_signing_in_and_everybody_comes_back_to_it(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let operator = app.outside();
    let turned = operator.get("/admin/audit-log?target=ord_1&actor=").await;
    let door = turned.header("location").expect("a way in").to_owned();
    assert_eq!(
        (turned.code(), door.as_str()),
        (303, "/admin/sign-in?next=%2Fadmin%2Faudit-log%3Ftarget%3Dord_1%26actor%3D")
    );
    let page = operator.get(&door).await;
    assert_eq!(page.code(), 200);
    assert_eq!(page.header("cache-control"), Some("no-store, private"));
    let next = hidden(&page.text, "next").replace("&#38;", "&").replace("&amp;", "&");
    let entered = operator.post("/admin/sign-in", &[("key", &app.operator), ("next", &next)]).await;
    assert_eq!((entered.code(), entered.header("location")), (303, Some("/admin/audit-log?target=ord_1&actor=")));
    assert!(is_in(&operator).await);
    let led_away = [("key", app.operator.as_str()), ("next", "https://evil.example/admin")];
    let entered = operator.post("/admin/sign-in", &led_away).await;
    assert_eq!(entered.header("location"), Some("/admin"));
}

async fn only_the_key_of_an_operator_opens_the_door(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let operator = app.outside();
    let unknown = "ds_admin_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    for (key, told) in [
        (app.customer.as_str(), "This action requires the &#34;driftstack_internal_admin&#34; scope."),
        (unknown, "The supplied API key is not recognised."),
        ("<script>alert(1)</script>", "The supplied API key is not recognised."),
        ("", "Enter the API key of an operator."),
    ] {
        let refused = operator.try_key(key).await;
        assert_eq!(refused.code(), 422, "{}", refused.text);
        assert!(refused.text.contains(told), "{told}: {}", refused.text);
        assert!(key.is_empty() || !refused.text.contains(key), "the key is not shown again");
        assert_eq!(refused.header("set-cookie"), None);
    }
    assert!(!is_in(&operator).await);
    let admin = app.key(&[Scope::Admin]).await;
    assert_eq!(operator.try_key(&format!("  {admin}\n")).await.code(), 303, "blanks around a key are no part of it");
    assert!(is_in(&operator).await);
}

async fn the_cookie_is_out_of_reach_of_scripts_and_of_other_sites(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let entered = app.outside().try_key(&app.operator).await;
    let cookie = entered.header("set-cookie").expect("a cookie");
    assert!(cookie.starts_with("crypto-orders="), "{cookie}");
    for attribute in ["; HttpOnly", "; SameSite=Lax", "; Path=/", "; Max-Age=43200"] {
        assert!(cookie.contains(attribute), "{attribute}: {cookie}");
    }
    assert!(!cookie.contains("Secure") && !cookie.contains("Domain"), "{cookie}");
    let kept = app.sql("select token_hash || form_token from sessions").await;
    let value = cookie.split(['=', ';']).nth(1).expect("a value");
    assert!(value.len() == 43 && !kept.contains(value), "only a hash is kept");

    let behind_tls =
        TestApp::spawn_with(engine, |settings| settings.public_url = "https://Pay.example:443".into()).await;
    let request = behind_tls.request(Method::POST, "/admin/sign-in").header("origin", "https://pay.example");
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let entered = behind_tls.send(request.body(format!("key={}", behind_tls.operator))).await;
    let cookie = entered.header("set-cookie").expect("a cookie");
    assert!(cookie.starts_with("__Host-crypto-orders=") && cookie.contains("; Secure"), "{cookie}");
}

async fn a_session_ends_after_twelve_hours(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let operator = app.signed_in().await;
    for _ in 0..11 {
        app.clock.advance(Span::hours(1));
        assert!(is_in(&operator).await, "however often it is used");
    }
    app.clock.advance(Span::millis(60 * 60 * 1000 - 1));
    assert!(is_in(&operator).await);
    app.clock.advance(Span::millis(1));
    assert!(!is_in(&operator).await);
    app.signed_in().await;
    assert_eq!(app.sql("select count(*) from sessions").await, "1", "what has ended is forgotten");
}

async fn a_session_ends_with_its_key_and_when_its_owner_leaves(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let (one, other) = (app.signed_in().await, app.signed_in().await);
    let left = one.submit_to(PAGE, "/admin/sign-out", &[]).await;
    assert_eq!((left.code(), left.header("location")), (303, Some("/admin/sign-in")));
    assert!(left.header("set-cookie").is_some_and(|cookie| cookie.contains("Max-Age=0")), "{left:?}");
    assert!(!is_in(&one).await);
    assert!(is_in(&other).await);
    let revoked = "update api_keys set revoked_at = 1 where account_id is null";
    sql::run(engine, &app.database.url, revoked).expect("a revocation");
    assert!(!is_in(&other).await, "at once, and nobody told this node");
}

async fn the_token_of_a_session_is_replaced_and_the_old_one_dies_once_the_new_one_came_back(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let operator = app.signed_in().await;
    let old = operator.cookie();
    app.clock.advance(Span::minutes(15));
    assert!(is_in(&operator).await);
    let new = operator.cookie();
    assert_ne!(old, new);
    let thief = app.outside();
    thief.take(old.clone());
    assert!(is_in(&thief).await, "requests that were under way");
    app.clock.advance(Span::minutes(1));
    assert!(is_in(&operator).await);
    assert_eq!(operator.cookie(), new);
    thief.take(old);
    assert!(!is_in(&thief).await);
    assert!(is_in(&operator).await);
}

async fn signing_in_again_ends_the_session_before(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let operator = app.signed_in().await;
    let before = operator.cookie();
    assert_eq!(operator.try_key(&app.operator).await.code(), 303);
    assert!(is_in(&operator).await);
    operator.take(before);
    assert!(!is_in(&operator).await);
}

async fn a_lost_answer_with_a_new_token_locks_nobody_out(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let operator = app.signed_in().await;
    let old = operator.cookie();
    app.clock.advance(Span::minutes(15));
    assert!(is_in(&operator).await);
    let lost = operator.cookie();
    operator.take(old);
    app.clock.advance(Span::minutes(5));
    assert!(is_in(&operator).await);
    assert_ne!(operator.cookie(), lost, "there is another new one");
    assert!(is_in(&operator).await);
}

async fn the_api_never_takes_a_cookie(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let operator = app.signed_in().await;
    for path in ["/v1/admin/crypto-orders", "/v1/admin/audit-log", "/v1/account/whoami"] {
        let told = operator.get(path).await.problem(401, "unauthorized");
        assert_eq!(told, "Missing Authorization header.", "{path}");
    }
}

async fn a_form_from_elsewhere_or_of_another_session_changes_nothing(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let (one, other) = (app.signed_in().await, app.signed_in().await);
    let (own, foreign) = (hidden(&one.page(PAGE).await, "token"), hidden(&other.page(PAGE).await, "token"));
    assert_ne!(own, foreign);
    let send = async |origin: Option<&str>, token: &str| {
        let request = app.request(Method::POST, "/admin/sign-out").header("cookie", one.cookie());
        let request = origin.into_iter().fold(request, |request, origin| request.header("origin", origin));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        app.send(request.body(format!("token={token}"))).await
    };
    let port = app.base().rsplit(':').next().expect("a port");
    let beside = format!("http://127.0.0.1.evil.example:{port}");
    for (origin, token) in [
        (None, own.as_str()),
        (Some("null"), &own),
        (Some("https://evil.example"), &own),
        (Some(beside.as_str()), &own),
        (Some(app.base()), &foreign),
        (Some(app.base()), ""),
    ] {
        let refused = send(origin, token).await;
        assert_eq!(refused.code(), 403, "{origin:?} {token}");
        assert_eq!(refused.header("content-type"), Some("text/html; charset=utf-8"));
        assert!(refused.text.contains("Nothing was changed."), "{}", refused.text);
    }
    assert!(is_in(&one).await);
    assert_eq!(send(Some(app.base()), &own).await.code(), 303);
    assert!(!is_in(&one).await);
}

async fn whoever_tries_many_keys_has_to_wait(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let operator = app.outside();
    for _ in 0..10 {
        assert_eq!(operator.try_key("ds_admin_guess").await.code(), 422);
    }
    let refused = operator.try_key(&app.operator).await;
    assert_eq!((refused.code(), refused.header("retry-after")), (429, Some("6")));
    assert!(refused.text.contains("Try again in 6 s."), "{}", refused.text);
    app.clock.advance(Span::seconds(6));
    assert_eq!(operator.try_key(&app.operator).await.code(), 303);
}

async fn a_session_of_one_node_is_good_on_the_other(engine: Engine) {
    if matches!(engine, Engine::Sqlite) {
        // There is one node on a file: its next life stands for the other.
        let app = TestApp::spawn(engine).await;
        let cookie = app.signed_in().await.cookie();
        let app = app.restart(|_| {}).await;
        let operator = app.outside();
        operator.take(cookie);
        assert!(is_in(&operator).await);
        return;
    }
    let one = TestApp::spawn(engine).await;
    let other = one.beside(|_| {}).await;
    let there = other.outside();
    there.take(one.signed_in().await.cookie());
    assert!(is_in(&there).await);
}

async fn what_is_not_there_is_told_to_people_by_a_page(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    for path in ["/admin/nowhere", "/docs/nowhere", "/pay", "/admin/orders.html"] {
        let answer = app.send(app.request(Method::GET, path)).await;
        assert_eq!((answer.code(), answer.header("content-type")), (404, Some("text/html; charset=utf-8")), "{path}");
        assert!(answer.text.contains(&format!("No route for GET {path}.")), "{}", answer.text);
        assert!(answer.header("content-security-policy").is_some_and(|policy| policy.contains("default-src 'none'")));
    }
    let answer = app.send(app.request(Method::GET, "/admin/sign-out")).await;
    assert_eq!((answer.code(), answer.header("allow")), (405, Some("POST, OPTIONS")));
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    let answer = app.send(app.request(Method::GET, "/administrator")).await;
    answer.problem(404, "not-found");
}
