//! Where deliveries go when names change their minds. How URLs and addresses are judged is in
//! `src/webhooks/address/tests.rs`.
//!
//! The resolver is ours, so that a name leads where a test says; what listens on this machine is real.

use std::io::ErrorKind;
use std::net::{IpAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crypto_orders::config::Reach;
use crypto_orders::domain::webhook::delivery::Attempted;
use crypto_orders::webhooks::address::Refused;
use crypto_orders::webhooks::names::{Names, check_registration};
use serde_json::json;

use crate::engines::Engine;
use crate::harness::responder::{Responder, Said};
use crate::harness::{TestApp, payment};
use crate::webhook_send::{outgoing, sender};
use crate::webhooks::{PAID, change, create, made, shown, text};

on_both_engines![
    a_name_that_leads_to_something_private_is_refused_in_the_first_place_and_in_a_change,
    an_endpoint_whose_name_turns_to_us_gets_nothing_and_its_owner_reads_why,
];

const PUBLIC: &str = "93.184.215.14";
const NOT_ALLOWED: Option<&str> = Some("The address is not allowed.");

/// A resolver that knows one answer to every question.
fn names(addresses: &[&str]) -> Names {
    let addresses: Vec<IpAddr> = addresses.iter().map(|ip| ip.parse().expect("an address")).collect();
    Names::Told(Arc::new(move |_| addresses.clone()))
}

/// A resolver that answers the first question so, and all others so.
fn rebinding(first: &'static str, then: &'static str) -> Names {
    let asked = AtomicUsize::new(0);
    Names::Told(Arc::new(move |_| {
        let answer = if asked.fetch_add(1, Ordering::SeqCst) == 0 { first } else { then };
        vec![answer.parse().expect("an address")]
    }))
}

/// A listener on this machine, and whether somebody came.
fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("it can");
    let port = listener.local_addr().expect("an address").port();
    (listener, port)
}

fn nobody_came(listener: &TcpListener) -> bool {
    listener.accept().is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

async fn a_name_that_leads_to_something_private_is_refused_in_the_first_place_and_in_a_change(engine: Engine) {
    let ip = |name: &str| if name == "inside.example" { "10.0.0.1" } else { PUBLIC };
    let names = Names::Told(Arc::new(move |name| vec![ip(name).parse().expect("an address")]));
    let app = TestApp::spawn_named(engine, names, |settings| settings.webhooks.automatic = false).await;
    let inside = "https://inside.example/hooks";
    let refused = create(&app, &json!({ "url": inside, "events": [PAID] })).await;
    assert_eq!(refused.problem(400, "bad-request"), Refused::NotPublic.sentence());
    let taken = made(&app).await;
    let id = text(&taken["id"]);
    let refused = change(&app, id, &json!({ "url": inside })).await;
    assert_eq!(refused.problem(400, "bad-request"), Refused::NotPublic.sentence());
    assert_eq!(shown(&app, id).await["url"], taken["url"]);
}

async fn an_endpoint_whose_name_turns_to_us_gets_nothing_and_its_owner_reads_why(engine: Engine) {
    let (listener, port) = listener();
    let app = TestApp::spawn_named(engine, rebinding(PUBLIC, "127.0.0.1"), |_| {}).await;
    let url = format!("https://rebind.example:{port}/hooks");
    let taken = create(&app, &json!({ "url": url, "events": [PAID] })).await;
    assert_eq!(taken.code(), 201, "{}", taken.text);
    let order = app.order().await;
    assert_eq!(app.ipn(&payment(&order, "71", "finished")).await.code(), 200);
    app.app.wake_courier().await;
    let path = format!("/v1/webhooks/{}/deliveries", text(&taken.json()["id"]));
    let deliveries = app.get(&path).await.json();
    let delivery = &deliveries["data"][0];
    assert_eq!((&delivery["status"], &delivery["attempts"]), (&json!("failed"), &json!(1)), "{deliveries}");
    assert_eq!(delivery["last_error"].as_str(), NOT_ALLOWED, "{deliveries}");
    assert!(nobody_came(&listener), "a connection was made");
}

#[tokio::test]
async fn a_name_that_is_public_at_registration_and_ours_at_connect_is_refused_and_nothing_arrives() {
    let (listener, port) = listener();
    let url = format!("https://rebind.example:{port}/hooks");
    let names = rebinding(PUBLIC, "127.0.0.1");
    assert!(check_registration(&url, Reach::Public, &names).await.is_ok());
    let attempt = sender(Reach::Public, names).send(outgoing(&url)).await;
    assert_eq!((attempt.outcome, attempt.error.as_deref()), (Attempted::Unanswered, NOT_ALLOWED));
    assert!(nobody_came(&listener), "a connection was made");
}

#[tokio::test]
async fn a_name_that_turns_to_us_after_it_was_delivered_to_is_refused_at_the_next_attempt() {
    let receiver = Responder::start().await;
    receiver.always("POST /hooks", Said::new(200, "thanks"));
    let url = receiver.origin().replace("127.0.0.1", "shop.example");
    let sender = sender(Reach::Local, rebinding("127.0.0.1", "10.0.0.1"));
    let first = sender.send(outgoing(&format!("{url}/hooks"))).await;
    assert_eq!((first.status(), first.error), (Some(200), None), "a name leads where the resolver says");
    let second = sender.send(outgoing(&format!("{url}/hooks"))).await;
    assert_eq!(second.error.as_deref(), NOT_ALLOWED);
    assert_eq!(receiver.seen("POST"), 1);
}

#[tokio::test]
async fn of_the_addresses_of_a_name_only_those_that_are_allowed_are_dialled() {
    let receiver = Responder::start().await;
    receiver.always("POST /hooks", Said::new(200, "thanks"));
    let url = format!("{}/hooks", receiver.origin().replace("127.0.0.1", "shop.example"));
    // This machine answers at both addresses; as an IPv6 address the first is refused.
    let attempt = sender(Reach::Local, names(&["::ffff:127.0.0.1", "127.0.0.1"])).send(outgoing(&url)).await;
    assert_eq!(attempt.status(), Some(200));
    let attempt = sender(Reach::Local, names(&["::ffff:127.0.0.1", "10.0.0.1"])).send(outgoing(&url)).await;
    assert_eq!(attempt.error.as_deref(), NOT_ALLOWED);
    assert_eq!(receiver.seen("POST"), 1);
}

#[tokio::test]
async fn a_name_is_registered_unless_it_leads_to_something_private_today() {
    let url = "https://shop.example/hooks";
    for addresses in [&[PUBLIC][..], &[PUBLIC, "2606:4700:4700::1111"], &[]] {
        let taken = check_registration(url, Reach::Public, &names(addresses)).await;
        assert_eq!(taken, Ok(()), "{addresses:?}");
    }
    for addresses in [&["127.0.0.1"][..], &[PUBLIC, "192.168.0.1"], &["::ffff:93.184.215.14"], &["fe80::1", PUBLIC]] {
        let refused = check_registration(url, Reach::Public, &names(addresses)).await;
        assert_eq!(refused, Err(Refused::NotPublic), "{addresses:?}");
    }
    let nothing = names(&[PUBLIC]);
    assert_eq!(check_registration("http://shop.example/", Reach::Public, &nothing).await, Err(Refused::NotHttps));
    assert_eq!(check_registration("https://127.1/", Reach::Public, &nothing).await, Err(Refused::NumericHost));
}

#[tokio::test]
async fn the_systems_own_names_are_judged_by_what_they_lead_to() {
    // Every system knows this name, and no URL with it gets so far.
    let found = Names::System.resolve("localhost").await.expect("it is known");
    assert!(!found.is_empty() && found.iter().all(IpAddr::is_loopback), "{found:?}");
    assert!(Names::System.resolve("no-such-name.invalid").await.is_err());
    assert!(check_registration("https://no-such-name.invalid/", Reach::Public, &Names::System).await.is_ok());
}

#[tokio::test]
async fn an_address_in_the_url_itself_is_judged_at_every_attempt() {
    let (listener, port) = listener();
    let sender = sender(Reach::Public, Names::System);
    for host in ["127.0.0.1", "localhost", "[::1]", "127.1", "2130706433", "0x7f000001", "[::ffff:127.0.0.1]", "0"] {
        for scheme in ["http", "https"] {
            let attempt = sender.send(outgoing(&format!("{scheme}://{host}:{port}/"))).await;
            assert_eq!((attempt.outcome, attempt.error.as_deref()), (Attempted::Unanswered, NOT_ALLOWED), "{host}");
        }
    }
    assert!(nobody_came(&listener), "a connection was made");
}
