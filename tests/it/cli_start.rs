//! `serve` from an empty folder to the signal that ends it, and which settings it goes by.

use std::fs;

use crypto_orders::dial;
use crypto_orders::provider::signature::sign;
use serde_json::json;

use crate::harness::{IPN_SECRET, order_body};
use crate::harness_program::{PROGRAM, Server, Site};

/// Runs the body of a test that speaks HTTP.
fn with_http(test: impl Future<Output = ()>) {
    actix::System::new().block_on(test);
}

/// The key of this kind in a banner.
fn shown_key(banner: &str, kind: &str) -> String {
    let (_, after) = banner.split_once(kind).unwrap_or_else(|| panic!("no {kind}:\n{banner}"));
    after.split_whitespace().next().expect("a key").to_owned()
}

/// The banner of a first start, whole.
fn banner(server: &mut Server) -> String {
    server.stdout.until("/events");
    server.stdout.seen().to_owned()
}

#[test]
fn serve_in_an_empty_folder_needs_no_configuration() {
    with_http(async {
        let site = Site::empty();
        let mut server = site.serve(&[]);
        let shown = banner(&mut server);
        let (customer, operator) = (shown_key(&shown, "customer key"), shown_key(&shown, "operator key"));
        assert!(site.folder.join("data/crypto-orders.db").is_file());

        assert_eq!(server.get("/healthz", "").await.code(), 200);
        assert_eq!(server.get("/readyz", "").await.code(), 200);
        let made = server.post("/v1/billing/crypto-checkout", &customer, &order_body()).await;
        assert_eq!((made.code(), &made.json()["provider"]), (201, &json!("nowpayments")), "{}", made.text);
        let orders = server.get("/v1/admin/crypto-orders", &operator).await.json();
        assert_eq!(orders["orders"][0]["order_id"], made.json()["order_id"], "{orders}");
    });
}

#[cfg(unix)]
#[test]
fn the_generated_ipn_secret_is_nobody_else_s_to_read_and_never_shown() {
    use std::os::unix::fs::PermissionsExt;

    let site = Site::empty();
    let server = site.serve(&[]);
    let path = site.folder.join("data/ipn-secret");
    assert_eq!(fs::metadata(&path).expect("the file").permissions().mode() & 0o777, 0o600);
    let secret = fs::read_to_string(&path).expect("the secret");
    let ended = server.stop("TERM");
    for shown in [&ended.stdout, &ended.stderr] {
        assert!(!shown.contains(secret.trim()), "{shown}");
    }
}

#[test]
fn the_keys_of_the_first_start_are_shown_once_and_go_on_working() {
    with_http(async {
        let site = Site::empty();
        let first = site.serve(&[]).stop("TERM");
        assert_eq!(first.code, Some(0), "{first:?}");
        let customer = shown_key(&first.stdout, "customer key");
        let secret = fs::read(site.folder.join("data/ipn-secret")).expect("the secret");

        let server = site.serve(&[]);
        assert_eq!(server.get("/v1/billing/crypto-orders", &customer).await.code(), 200);
        let second = server.stop("TERM");
        assert_eq!((second.code, second.stdout.as_str()), (Some(0), ""));
        assert!(!second.stderr.contains("ds_live_") && !first.stderr.contains("ds_"), "keys stay out of the log");
        assert_eq!(fs::read(site.folder.join("data/ipn-secret")).expect("the secret"), secret);
    });
}

#[test]
fn the_lines_of_the_banner_can_be_pasted_as_they_are() {
    let site = Site::empty();
    let mut server = site.serve(&[]);
    let shown = banner(&mut server);
    let (_, lines) = shown.split_once("in this folder:\n").expect("lines to paste");
    assert!(lines.contains(PROGRAM), "the program as it was called:\n{lines}");
    let pasted = site.command("bash").args(["-c", lines]).output().expect("bash runs");
    let printed = String::from_utf8_lossy(&pasted.stdout).into_owned();
    assert!(printed.contains("the payment is finished") && printed.contains(r#""status":"paid""#), "{pasted:?}");
    assert!(printed.contains(r#""source":"create""#) && printed.contains(r#""source":"ipn""#), "{pasted:?}");
}

#[test]
fn a_start_says_in_one_line_where_it_listens() {
    let ended = Site::empty().serve(&[]).stop("INT");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let lines: Vec<&str> = ended.stderr.lines().filter(|line| line.contains("listening on")).collect();
    assert_eq!(lines.len(), 1, "{}", ended.stderr);
    assert!(lines[0].contains("sqlite://data/crypto-orders.db"), "{lines:?}");
    assert!(!ended.stderr.contains("actix"), "{}", ended.stderr);
    assert!(ended.stderr.contains("stopped"), "{}", ended.stderr);
}

#[test]
fn where_others_reach_the_listener_no_keys_are_made_and_an_ipn_secret_must_be_set() {
    let site = Site::empty();
    let refused = site.run(&["--listen", "0.0.0.0:0"]).refusal(2);
    assert!(refused.contains("CRYPTO_ORDERS_IPN_SECRET") && refused.contains("0.0.0.0"), "{refused}");
    assert!(!site.folder.join("data/ipn-secret").exists());

    let site = Site::empty().with("CRYPTO_ORDERS_IPN_SECRET", "0123456789abcdef");
    let ended = site.serve(&["--listen", "0.0.0.0:0"]).stop("TERM");
    assert!(!ended.stdout.contains("ds_") && ended.stdout.contains("keys create --admin"), "{ended:?}");
    assert_eq!(site.run(&["keys", "list", "--json"]).json(), json!({ "data": [] }));
}

#[test]
fn a_flag_beats_the_environment_which_beats_the_file() {
    let site = Site::empty();
    let file = |name: &str| site.folder.join(name).is_file();
    fs::write(site.folder.join("settings.toml"), "database_url = \"sqlite://file.db\"\n").expect("a file");
    let environment = [("CRYPTO_ORDERS_CONFIG", "settings.toml"), ("DATABASE_URL", "sqlite://environment.db")];
    let run = |variables: usize, arguments: &[&str]| {
        let mut command = site.command(PROGRAM);
        command.envs(environment.into_iter().take(variables)).args(["accounts", "list"]).args(arguments);
        assert!(command.output().expect("the program runs").status.success());
    };

    run(2, &["--database-url", "sqlite://flag.db"]);
    assert!(file("flag.db") && !file("environment.db") && !file("file.db"));
    run(2, &[]);
    assert!(file("environment.db") && !file("file.db"));
    run(1, &[]);
    assert!(file("file.db"));
    run(0, &["--config", "settings.toml", "--database-url", "sqlite://other.db"]);
    assert!(file("other.db") && !file("data/crypto-orders.db"));
    run(0, &[]);
    assert!(file("data/crypto-orders.db"));
}

#[test]
fn a_catalogue_from_the_file_is_what_is_sold() {
    with_http(async {
        let site = Site::empty();
        let settings = "pay_window = \"30m\"\n[catalogue.tea]\nprice_cents = 500\nprice_currency = \"JPY\"\n\
                        [catalogue.water]\nprice_cents = 950\nprice_currency = \"XCG\"\n";
        fs::write(site.folder.join("settings.toml"), settings).expect("a file");
        let mut server = site.serve(&["--config", "settings.toml"]);
        let shown = banner(&mut server);
        assert!(shown.contains(r#"{"product":"tea","price_cents":500,"price_currency":"JPY"}"#), "{shown}");
        let customer = shown_key(&shown, "customer key");
        let quote = "/v1/billing/crypto-checkout/quote";
        let tea = server.post(quote, &customer, &json!({ "product": "tea" })).await;
        assert_eq!(tea.json(), json!({ "product": "tea", "price_cents": 500, "price_currency": "JPY" }));
        // The guilder of Curaçao, which is younger than many a list of currencies.
        let water = server.post(quote, &customer, &json!({ "product": "water" })).await;
        assert_eq!(water.json(), json!({ "product": "water", "price_cents": 950, "price_currency": "XCG" }));
        let gone = server.post(quote, &customer, &json!({ "product": "solo_manual" })).await;
        assert_eq!(gone.code(), 400, "{}", gone.text);
    });
}

#[test]
fn a_secret_that_came_with_its_line_end_is_the_provider_s_all_the_same() {
    with_http(async {
        let site = Site::empty().with("CRYPTO_ORDERS_IPN_SECRET", &format!(" {IPN_SECRET}\r\n"));
        let server = site.serve(&["--provider", "none"]);
        let body = r#"{"payment_id":1001,"payment_status":"waiting","order_id":"somebody-else-s"}"#;
        let report = dial::builder().build().expect("a client");
        let report = report.post(format!("http://{}/v1/webhooks/nowpayments", server.address));
        let signature = sign(IPN_SECRET, body.as_bytes()).expect("a secret");
        let answer = report.header("x-nowpayments-sig", signature).body(body).send().await.expect("an answer");
        assert_eq!(answer.status().as_u16(), 200);
    });
}
