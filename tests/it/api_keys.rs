//! A customer's own keys: made, listed, rotated, revoked, and never worth more than who made them.
//!
//! How one key takes another's place is in `key_rotation.rs`. Which key may use which of these routes is
//! in `permissions.rs`; that nobody sees another's keys is in `isolation.rs`; what a key may hand out at
//! all is proved for every pair in `domain/access/keys.rs`.

use std::collections::BTreeSet;

use crypto_orders::clock::fresh_key;
use crypto_orders::domain::access::keys::NewKey;
use crypto_orders::domain::access::{ApiKey, KeyKind, Scope, Tier};
use crypto_orders::domain::time::Span;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::engines::Engine;
use crate::harness::{Answer, TestApp};
use crate::log;

on_both_engines![
    a_key_lives_from_its_creation_to_its_revocation,
    whoami_tells_whose_key_it_is,
    a_revocation_counts_at_once_here,
    a_key_may_revoke_itself,
    no_key_hands_out_more_than_it_has,
    a_key_that_ends_leaves_none_behind_that_lasts_longer,
    an_account_has_a_hundred_active_keys_and_no_more,
    of_many_creations_at_once_only_those_within_the_limit_succeed,
    what_breaks_a_rule_is_told_field_by_field,
    a_malformed_id_and_an_unknown_one_have_their_answers,
    a_walk_of_all_pages_shows_every_key_once_while_more_are_made,
    the_plaintext_is_shown_once_and_nowhere_else,
];

pub const KEYS: &str = "/v1/api-keys";
const WHOAMI: &str = "/v1/account/whoami";

/// A request with this key and no body.
pub async fn with(app: &TestApp, key: &str, method: Method, path: &str) -> Answer {
    app.send(app.request(method, path).bearer_auth(key)).await
}

/// Asks with this key for another.
pub async fn create_with(app: &TestApp, key: &str, body: &Value) -> Answer {
    let request = app.request(Method::POST, KEYS).bearer_auth(key).header("content-type", "application/json");
    app.send(request.body(body.to_string())).await
}

pub async fn create(app: &TestApp, body: &Value) -> Answer {
    create_with(app, &app.customer, body).await
}

/// A new key of these scopes.
pub async fn made(app: &TestApp, scopes: &[&str]) -> Value {
    let answer = create(app, &json!({ "name": "till", "scopes": scopes })).await;
    assert_eq!(answer.code(), 201, "{}", answer.text);
    answer.json()
}

pub async fn rotate(app: &TestApp, id: &str) -> Answer {
    with(app, &app.customer, Method::POST, &format!("{KEYS}/{id}/rotate")).await
}

pub async fn revoke(app: &TestApp, id: &str) -> Answer {
    with(app, &app.customer, Method::DELETE, &format!("{KEYS}/{id}")).await
}

/// What a key gets to hear.
pub async fn asks(app: &TestApp, key: &Value) -> Answer {
    with(app, text(&key["plaintext"]), Method::GET, WHOAMI).await
}

/// The key as the list shows it.
pub async fn listed(app: &TestApp, id: &str) -> Value {
    let page = app.get(&format!("{KEYS}?limit=100")).await.json();
    let keys = page["data"].as_array().expect("a list");
    keys.iter().find(|key| key["id"] == id).cloned().unwrap_or_default()
}

pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The account's key in the database, which `change` has had its hands on; not made over HTTP.
pub async fn kept(app: &TestApp, change: impl FnOnce(&mut ApiKey)) -> Value {
    let fresh = fresh_key(app.clock.now());
    let NewKey { mut key, plaintext } =
        NewKey::of_account(app.account, KeyKind::Live, vec![Scope::AccountOwner], fresh);
    change(&mut key);
    let id = key.id;
    app.store.key_insert(key).await.expect("a key");
    json!({ "id": id, "plaintext": plaintext.reveal() })
}

async fn a_key_lives_from_its_creation_to_its_revocation(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let end = "2026-06-01T00:00:00.000Z";
    let body = json!({
        "name": " till \u{fc} ", "scopes": ["write", "read:billing", "write"], "mode": "test", "expires_at": end,
    });
    let answer = create(&app, &body).await;
    assert_eq!(answer.code(), 201, "{}", answer.text);
    answer.framed();
    let key = answer.json();
    let plaintext = text(&key["plaintext"]);
    assert!(plaintext.starts_with("ds_test_") && plaintext.len() == 40, "{key}");
    let names = ["id", "name", "key_prefix", "scopes", "account_id", "last_used_at", "revoked_at", "expires_at"];
    let places: Vec<_> = names.iter().map(|name| answer.text.find(&format!("\"{name}\":")).expect(name)).collect();
    assert!(places.is_sorted(), "{}", answer.text);
    let mut expected = json!({
        "id": key["id"], "name": "till \u{fc}", "key_prefix": &plaintext[..16], "scopes": ["write", "read:billing"],
        "account_id": app.account, "last_used_at": null, "revoked_at": null, "expires_at": end,
        "created_at": app.clock.now(), "replaced_by": null,
    });
    assert_eq!(listed(&app, text(&key["id"])).await, expected);
    expected["plaintext"] = json!(plaintext);
    assert_eq!(key, expected);
    assert_eq!(asks(&app, &key).await.code(), 200);
    let orders = with(&app, plaintext, Method::GET, "/v1/billing/crypto-orders").await;
    assert_eq!(orders.code(), 200, "it may do what its scopes say");
    with(&app, plaintext, Method::GET, KEYS).await.problem(403, "forbidden");
    let answer = revoke(&app, text(&key["id"])).await;
    assert_eq!((answer.code(), answer.text.as_str()), (204, ""));
    let revoked_at = app.clock.now();
    asks(&app, &key).await.problem(401, "revoked-key");
    app.advance(Span::hours(1)).await;
    assert_eq!(revoke(&app, text(&key["id"])).await.code(), 204, "a second time changes nothing");
    assert_eq!(listed(&app, text(&key["id"])).await["revoked_at"], json!(revoked_at));
}

async fn whoami_tells_whose_key_it_is(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let bare = kept(&app, |key| key.scopes = Vec::new()).await;
    app.advance(Span::seconds(90)).await;
    let answer = asks(&app, &bare).await;
    assert_eq!(answer.code(), 200, "{}", answer.text);
    let told = answer.json();
    let fields: BTreeSet<&str> = told.as_object().expect("fields").keys().map(String::as_str).collect();
    assert_eq!(fields, BTreeSet::from(["account_id", "name", "tier", "created_at", "key"]));
    assert_eq!((text(&told["name"]), text(&told["tier"])), ("Test", "enterprise"));
    assert_eq!(told["account_id"], json!(app.account));
    assert_eq!((&told["key"]["id"], &told["key"]["scopes"]), (&bare["id"], &json!([])));
    assert_eq!(told["key"]["last_used_at"], json!(app.clock.now()), "it is in use");
}

async fn a_revocation_counts_at_once_here(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let (gone, stays) = (made(&app, &["read"]).await, made(&app, &["read"]).await);
    for key in [&gone, &stays] {
        assert_eq!(asks(&app, key).await.code(), 200);
    }
    assert_eq!(revoke(&app, text(&gone["id"])).await.code(), 204);
    asks(&app, &gone).await.problem(401, "revoked-key");
    assert_eq!(asks(&app, &stays).await.code(), 200);
}

async fn a_key_may_revoke_itself(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let key = made(&app, &["account_owner"]).await;
    let path = format!("{KEYS}/{}", text(&key["id"]));
    assert_eq!(with(&app, text(&key["plaintext"]), Method::DELETE, &path).await.code(), 204);
    with(&app, text(&key["plaintext"]), Method::DELETE, &path).await.problem(401, "revoked-key");
}

/// Every set of one or two scopes.
fn scope_sets() -> Vec<Vec<Scope>> {
    let pairs = Scope::ALL.into_iter().flat_map(|one| Scope::ALL.map(|other| vec![one, other]));
    pairs.filter(|pair| pair[0] <= pair[1]).collect()
}

async fn no_key_hands_out_more_than_it_has(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let customers =
        ["read", "write", "read:billing", "admin:billing", "read:webhooks", "admin:webhooks", "account_owner"];
    for own in scope_sets() {
        let (account, _) = app.stranger(Tier::Enterprise).await;
        let NewKey { key, plaintext } =
            NewKey::of_account(account, KeyKind::Live, own.clone(), fresh_key(app.clock.now()));
        app.store.key_insert(key).await.expect("a key");
        let keeper = own.iter().any(|scope| ["account_owner", "admin"].contains(&scope.as_str()));
        for asked in scope_sets() {
            let asked: BTreeSet<&str> = asked.iter().map(|scope| scope.as_str()).collect();
            let body = json!({ "name": "x", "scopes": asked });
            let answer = create_with(&app, plaintext.reveal(), &body).await;
            if keeper && asked.iter().all(|scope| customers.contains(scope)) {
                assert_eq!(answer.code(), 201, "{own:?} asks for {asked:?}: {}", answer.text);
                let key = answer.json();
                let given: BTreeSet<&str> = key["scopes"].as_array().expect("a list").iter().map(text).collect();
                assert_eq!(given, asked, "{own:?}");
            } else {
                assert!(!answer.problem(403, "forbidden").is_empty(), "{own:?} asks for {asked:?}");
            }
        }
    }
    let root = "select count(*) from api_keys where name = 'x' and \
                (scopes like '%internal%' or scopes like 'admin' or scopes like '% admin' or scopes like 'admin %')";
    assert_eq!(app.sql(root).await, "0");
}

async fn a_key_that_ends_leaves_none_behind_that_lasts_longer(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let end = app.clock.now().after(Span::hours(48));
    let forever = made(&app, &["read"]).await;
    let caller = kept(&app, |key| key.expires_at = Some(end)).await;
    let caller = text(&caller["plaintext"]);
    let asking = async |expires_at: Value| {
        let body = json!({ "name": "x", "scopes": ["read"], "expires_at": expires_at });
        create_with(&app, caller, &body).await
    };
    assert_eq!(asking(json!(end)).await.json()["expires_at"], json!(end));
    assert_eq!(asking(Value::Null).await.json()["expires_at"], json!(end), "left out, its own end is meant");
    let refused = asking(json!(end.after(Span::millis(1)))).await;
    refused.problem(400, "validation-failed");
    let sentence = format!("expires_at must not be after {end}, when the key that asks ends.");
    assert_eq!(refused.json()["issues"]["fieldErrors"]["expires_at"], json!([sentence]));
    let path = format!("{KEYS}/{}/rotate", text(&forever["id"]));
    let told = with(&app, caller, Method::POST, &path).await.problem(403, "forbidden");
    assert_eq!(told, format!("This API key ends at {end}; it cannot hand out a key that lasts longer."));
}

/// Gives the account this many keys more, past the service.
async fn crowd(app: &TestApp, count: usize, change: impl Fn(&mut ApiKey)) {
    for _ in 0..count {
        kept(app, &change).await;
    }
}

async fn an_account_has_a_hundred_active_keys_and_no_more(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let now = app.clock.now();
    crowd(&app, 20, |key| key.revoked_at = Some(now)).await;
    crowd(&app, 20, |key| key.expires_at = Some(now)).await;
    // The harness's own is the first.
    crowd(&app, 98, |_| {}).await;
    let last = made(&app, &["read"]).await;
    let body = json!({ "name": "one too many", "scopes": ["read"] });
    let answer = create(&app, &body).await;
    assert_eq!(answer.problem(409, "conflict"), "Account already has 100 active API keys; limit is 100.");
    assert_eq!(answer.json()["resource"], "api_key");
    let rotated = rotate(&app, text(&last["id"])).await;
    assert_eq!(rotated.code(), 201, "a key may be replaced at any time: {}", rotated.text);
    create(&app, &body).await.problem(409, "conflict");
    let (_, stranger) = app.stranger(Tier::Free).await;
    assert_eq!(create_with(&app, &stranger, &body).await.code(), 201, "it is each account's own");
    assert_eq!(revoke(&app, text(&rotated.json()["id"])).await.code(), 204);
    assert_eq!(create(&app, &body).await.code(), 201);
}

async fn of_many_creations_at_once_only_those_within_the_limit_succeed(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    crowd(&app, 96, |_| {}).await;
    let body = json!({ "name": "x", "scopes": ["read"] });
    let answers = join_all((0..16).map(|_| create(&app, &body))).await;
    let mut codes: Vec<u16> = answers.iter().map(Answer::code).collect();
    codes.sort_unstable();
    assert_eq!(codes, [vec![201; 3], vec![409; 13]].concat());
}

async fn what_breaks_a_rule_is_told_field_by_field(engine: Engine) {
    const KNOWN: &str = "scopes may hold read, write, read:billing, admin:billing, read:webhooks, admin:webhooks, \
                         account_owner, and nothing else.";
    const ONE_LINE: &str = "name must have 1 to 100 characters on one line.";
    const TIME: &str =
        "expires_at must be an RFC 3339 time such as 2026-05-12T13:00:00.000Z or 2026-05-12T15:00:00+02:00.";
    let app = TestApp::spawn(engine).await;
    let right = json!({ "name": "x", "scopes": ["read"], "mode": null, "expires_at": null, "unknown": 1 });
    assert_eq!(create(&app, &right).await.code(), 201);
    for (field, value, sentence) in [
        ("name", json!(""), "name must not be empty."),
        ("name", json!(7), "name must be a string, not a number."),
        ("name", json!("  "), ONE_LINE),
        ("name", json!("two\nlines"), ONE_LINE),
        ("name", json!("n".repeat(101)), "name must be at most 100 characters."),
        ("name", json!("made at the first start"), "name is reserved."),
        ("name", json!("made by seed"), "name is reserved."),
        ("scopes", json!([]), "scopes must not be empty."),
        ("scopes", json!("read"), "scopes must be an array of strings, not a string."),
        ("scopes", json!(["read", 1]), "scopes must hold strings only."),
        ("scopes", json!(["read", "READ"]), KNOWN),
        ("scopes", json!(["admin", "root"]), KNOWN),
        ("mode", json!("admin"), "mode must be one of live, test."),
        ("mode", json!(""), "mode must be one of live, test."),
        ("expires_at", json!("tomorrow"), TIME),
        ("expires_at", json!(1_900_000_000), TIME),
        ("expires_at", json!(app.clock.now()), "expires_at must be in the future."),
    ] {
        let mut body = right.clone();
        body[field] = value;
        let answer = create(&app, &body).await;
        answer.problem(400, "validation-failed");
        assert_eq!(answer.json()["issues"]["fieldErrors"], json!({ field: [sentence] }), "{body}");
    }
    let all = create(&app, &json!({})).await.json();
    let expected = json!({ "name": ["name is required."], "scopes": ["scopes is required."] });
    assert_eq!(all["issues"]["fieldErrors"], expected);
    assert_eq!(app.sql("select count(*) from api_keys where name = 'x'").await, "1", "nothing else was made");
}

async fn a_malformed_id_and_an_unknown_one_have_their_answers(engine: Engine) {
    const NOBODYS: &str = "key_01890a5d-96e7-7c9f-8a0b-1c2d3e4f5a6b";
    let app = TestApp::spawn(engine).await;
    for wrong in
        ["x", "key_", "key_1", "01890a5d-96e7-7c9f-8a0b-1c2d3e4f5a6b", "whk_01890a5d-96e7-7c9f-8a0b-1c2d3e4f5a6b"]
    {
        for answer in [revoke(&app, wrong).await, rotate(&app, wrong).await] {
            assert_eq!(answer.problem(400, "bad-request"), "Invalid id format. Expected \"key_<uuid>\".", "{wrong}");
        }
    }
    for answer in [revoke(&app, NOBODYS).await, rotate(&app, NOBODYS).await] {
        assert_eq!(answer.problem(404, "not-found"), format!("No API key with id \"{NOBODYS}\"."));
    }
    let wrong_method = app.get(&format!("{KEYS}/{NOBODYS}")).await;
    wrong_method.problem(405, "method-not-allowed");
    assert_eq!(wrong_method.header("allow"), Some("DELETE, OPTIONS"));
}

async fn a_walk_of_all_pages_shows_every_key_once_while_more_are_made(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    for _ in 0..9 {
        // Several in one millisecond: their ids decide.
        crowd(&app, 3, |_| {}).await;
        app.advance(Span::millis(1)).await;
    }
    let newest_first =
        format!("select id from api_keys where account_id = '{}' order by created_at desc, id desc", app.account);
    let expected = app.sql(&newest_first).await;
    let (mut seen, mut path) = (Vec::new(), format!("{KEYS}?limit=5"));
    loop {
        let page = app.get(&path).await.json();
        let keys = page["data"].as_array().expect("a list");
        seen.extend(keys.iter().map(|key| text(&key["id"]).to_owned()));
        assert_eq!(page["has_more"].as_bool(), Some(page["next_cursor"].is_string()), "{page}");
        made(&app, &["read"]).await;
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("{KEYS}?limit=5&cursor={cursor}");
    }
    assert_eq!(seen.join("\n"), expected);
    let nowhere = app.get(&format!("{KEYS}?cursor=nonsense")).await;
    assert_eq!(nowhere.json(), json!({ "data": [], "has_more": false, "next_cursor": null }));
    for limit in ["0", "101", "-1", "x", "1.0", ""] {
        let told = app.get(&format!("{KEYS}?limit={limit}")).await.problem(400, "bad-request");
        assert_eq!(told, "limit must be an integer between 1 and 100.");
    }
    assert_eq!(app.get(&format!("{KEYS}?cursor={}", "c".repeat(513))).await.code(), 400);
}

async fn the_plaintext_is_shown_once_and_nowhere_else(engine: Engine) {
    log::keep();
    let app = TestApp::spawn(engine).await;
    let first = create(&app, &json!({ "name": "till", "scopes": ["account_owner"] })).await;
    let one = first.json();
    let second = rotate(&app, text(&one["id"])).await;
    let two = second.json();
    let plaintexts = [&one["plaintext"], &two["plaintext"]].map(text);
    for (answer, plaintext) in [(&first, plaintexts[0]), (&second, plaintexts[1])] {
        assert_eq!(answer.text.matches(plaintext).count(), 1, "the one time");
    }
    assert!(!second.text.contains(plaintexts[0]));
    let others = [
        app.get(KEYS).await,
        app.get(&format!("{KEYS}?cursor={}", plaintexts[0])).await,
        asks(&app, &one).await,
        asks(&app, &two).await,
        rotate(&app, text(&one["id"])).await,
        revoke(&app, text(&one["id"])).await,
        asks(&app, &one).await,
        rotate(&app, text(&one["id"])).await,
    ];
    for answer in &others {
        assert!(plaintexts.iter().all(|plaintext| !answer.text.contains(plaintext)), "{}", answer.text);
    }
    for hash in app.sql("select key_hash from api_keys").await.lines() {
        assert!(others.iter().chain([&first, &second]).all(|answer| !answer.text.contains(hash)), "nor a hash");
        assert!(!log::mentions(hash), "a hash is never logged");
    }
    assert!(plaintexts.iter().all(|plaintext| !log::mentions(plaintext)), "a key is never logged");
    for (event, key) in [("api_key_created", &one), ("api_key_rotated", &two), ("api_key_revoked", &one)] {
        let lines = log::lines(event, text(&key["id"]));
        assert_eq!(lines.len(), 1, "{event}");
        assert_eq!(lines[0].level, tracing::Level::INFO);
        assert_eq!(lines[0].fields.get("account.id"), Some(&app.account.to_string()));
    }
}
