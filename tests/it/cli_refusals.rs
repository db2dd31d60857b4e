//! What the program refuses: the exit code for scripts, and for people what to do next.

use std::fs;
use std::net::TcpListener;

use crate::engines::Engine;
use crate::harness_program::{Ended, Site};

const ORDER: &str = "ord_01890a5d96e77c9f8a0b1c2d3e4f5a6b";
const UNKNOWN: &str = "0f0e0d0c-0b0a-4908-8706-050403020100";

on_both_engines![what_is_named_and_does_not_exist_ends_with_4];

async fn what_is_named_and_does_not_exist_ends_with_4(engine: Engine) {
    let site = Site::on(engine).await;
    let account = site.run(&["keys", "create", "--account", UNKNOWN, "--scope", "read"]).refusal(4);
    assert!(account.contains(UNKNOWN) && account.contains("accounts list"), "{account}");
    let key = site.run(&["keys", "revoke", &format!("key_{UNKNOWN}")]).refusal(4);
    assert!(key.contains(UNKNOWN) && key.contains("keys list"), "{key}");
}

/// Asserts the code, and that every one of these is said.
fn refused(ended: Ended, code: i32, said: &[&str]) {
    let refusal = ended.refusal(code);
    for what in said {
        assert!(refusal.contains(what), "{what:?} is not in:\n{refusal}");
    }
}

#[test]
fn an_unknown_setting_ends_with_2_and_the_nearest_known_name() {
    let variable = Site::empty().with("CRYPTO_ORDERS_LISTN", "127.0.0.1:0");
    refused(variable.run(&["accounts", "list"]), 2, &["CRYPTO_ORDERS_LISTN", "CRYPTO_ORDERS_LISTEN"]);

    let site = Site::empty();
    fs::write(site.folder.join("settings.toml"), "[sweper]\ninterval = \"5s\"\n").expect("a file");
    refused(site.run(&["--config", "settings.toml"]), 2, &["line 2", "sweper.interval", "sweeper.interval"]);
    refused(site.run(&["--config", "absent.toml"]), 2, &["absent.toml"]);
    refused(site.run(&["--listn", "127.0.0.1:0"]), 2, &["--listn", "--listen"]);
    refused(site.run(&["acounts", "list"]), 2, &["acounts", "accounts"]);
    assert!(!site.folder.join("data").exists(), "nothing is made before the settings are right");
}

#[test]
fn all_wrong_settings_are_told_at_once_and_no_secret_is_repeated() {
    let site = Site::empty()
        .with("CRYPTO_ORDERS_PAY_WINDOW", "soon")
        .with("CRYPTO_ORDERS_RATE_LIMITS", "maybe")
        .with("CRYPTO_ORDERS_IPN_SECRET", "hunter2 with spaces")
        .with("DATABASE_URL", "mysql://root:hunter2@db/orders");
    let told = site.run(&["serve"]).refusal(2);
    for setting in ["pay_window", "rate_limits", "ipn_secret", "database_url"] {
        assert!(told.contains(setting), "{setting}:\n{told}");
    }
    assert!(told.contains("soon") && !told.contains("hunter2"), "{told}");
}

#[test]
fn what_was_pasted_with_its_quotes_or_beside_its_name_ends_with_2() {
    for quoted in ["\"0123456789abcdef\"", "'0123456789abcdef'", "\"0123456789abcdef\"\n"] {
        let told = Site::empty().with("CRYPTO_ORDERS_IPN_SECRET", quoted).run(&["serve"]).refusal(2);
        assert!(told.contains("(environment variable CRYPTO_ORDERS_IPN_SECRET) has quotes around it"), "{told}");
        assert!(!told.contains("0123456789abcdef"), "{told}");
    }
    for alike in ["DATABSE_URL", "DATABASE_URI", "database_url"] {
        let site = Site::empty().with(alike, "postgres://orders:hunter2@db.internal/orders");
        let told = site.run(&["serve"]).refusal(2);
        assert!(told.contains(alike) && told.contains("the database is named by DATABASE_URL"), "{told}");
        assert!(!told.contains("hunter2") && !site.folder.join("data").exists(), "{told}");
    }
}

#[test]
fn production_refuses_development_defaults_all_at_once() {
    let site = Site::empty();
    drop(site.serve(&[]).stop("TERM"));
    let development = site.run(&["serve", "--listen", "127.0.0.1:0", "--production"]);
    let keys = site.run(&["keys", "list", "--json"]).json();
    let ids = [0, 1].map(|n| keys["data"][n]["id"].as_str().expect("an id").to_owned());
    let named = ["CRYPTO_ORDERS_IPN_SECRET", "CRYPTO_ORDERS_PUBLIC_URL", "DATABASE_URL is not set"];
    refused(development, 2, &[&named[..], &[&ids[0], &ids[1], "keys revoke"]].concat());

    let site = site.with("CRYPTO_ORDERS_PRODUCTION", "on").with("CRYPTO_ORDERS_PUBLIC_URL", "https://pay.example.com");
    refused(site.run(&["serve", "--listen", "127.0.0.1:0"]), 2, &["CRYPTO_ORDERS_IPN_SECRET", &ids[0]]);
    for id in &ids {
        assert!(site.run(&["keys", "revoke", id]).printed().contains(id.as_str()));
    }
    let site = site.with("CRYPTO_ORDERS_IPN_SECRET", "0123456789abcdef0123456789abcdef");
    refused(site.run(&["serve", "--listen", "127.0.0.1:0"]), 2, &["simulator", "CRYPTO_ORDERS_PROVIDER"]);
    let site = site.with("CRYPTO_ORDERS_PROVIDER", "none");
    refused(site.run(&["serve", "--listen", "127.0.0.1:0"]), 2, &["DATABASE_URL is not set"]);
    let site = site.with("DATABASE_URL", "sqlite://data/crypto-orders.db");
    let fit = site.serve(&[]).stop("TERM");
    assert_eq!((fit.code, fit.stdout.as_str()), (Some(0), ""), "{fit:?}");
}

#[test]
fn a_port_that_is_taken_ends_with_1_and_names_it() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let ended = Site::empty().run(&["serve", "--listen", &address]);
    refused(ended, 1, &[&address, "already in use", "--listen"]);
}

#[test]
fn a_database_that_cannot_be_used_ends_with_3_and_what_to_check() {
    let site = Site::empty();
    fs::write(site.folder.join("file"), "this is no folder and no database, however often one looks at it. ".repeat(9))
        .expect("a file");
    fs::create_dir(site.folder.join("folder")).expect("a folder");
    for url in ["sqlite://file/orders.db", "sqlite://file", "sqlite://folder", "sqlite:///proc/orders.db"] {
        for command in [&["serve", "--listen", "127.0.0.1:0"][..], &["keys", "list"], &["sweep"]] {
            refused(site.run(&[command, &["--database-url", url]].concat()), 3, &[url, "DATABASE_URL", "because"]);
        }
    }
    // Nobody listens on this port: it is another's the moment it is let go, but never PostgreSQL's.
    let away = site.with("DATABASE_URL", "postgres://orders:hunter2@127.0.0.1:1/orders").run(&["accounts", "list"]);
    assert!(!away.stderr.contains("hunter2"), "{away:?}");
    refused(away, 3, &["postgres://127.0.0.1:1/orders", "DATABASE_URL", "cannot be reached"]);
}

#[test]
fn a_second_server_on_one_file_ends_with_3_and_says_so() {
    let site = Site::empty();
    let server = site.serve(&[]);
    refused(
        site.run(&["serve", "--listen", "127.0.0.1:0"]),
        3,
        &["another server", "data/crypto-orders.db", "end the other"],
    );
    drop(server);
}

#[test]
fn an_ipn_for_nobody_ends_with_5_and_one_without_a_secret_with_2() {
    let site = Site::empty();
    let send = ["ipn", "send", "--order", ORDER, "--status", "finished", "--listen", "127.0.0.1:1"];
    refused(site.run(&send), 2, &["CRYPTO_ORDERS_IPN_SECRET", "folder"]);
    let site = site.with("CRYPTO_ORDERS_IPN_SECRET", "0123456789abcdef");
    refused(site.run(&send), 5, &["127.0.0.1:1", "crypto-orders serve"]);
    refused(site.run(&[&send[..], &["--url", "nonsense"]].concat()), 2, &["--url"]);
    refused(site.run(&["ipn", "send", "--order", "ord_1", "--status", "finished"]), 2, &["order id"]);
}

#[test]
fn a_sweep_of_orders_that_may_still_be_paid_ends_with_2() {
    let site = Site::empty();
    refused(site.run(&["sweep", "--older-than", "59m"]), 2, &["60m", "may still be paid"]);
    refused(site.run(&["sweep", "--older-than", "soon"]), 2, &["--older-than"]);
    refused(site.run(&["sweep", "--limit", "501"]), 2, &["501"]);
}

#[test]
fn every_command_explains_itself_with_an_example() {
    let site = Site::empty();
    let commands: [&[&str]; 12] = [
        &[],
        &["serve"],
        &["accounts"],
        &["accounts", "create"],
        &["accounts", "list"],
        &["keys"],
        &["keys", "create"],
        &["keys", "list"],
        &["keys", "revoke"],
        &["sweep"],
        &["ipn"],
        &["ipn", "send"],
    ];
    for command in commands {
        let help = site.run(&[command, &["--help"]].concat()).printed();
        assert!(help.contains("Example") && help.contains("crypto-orders "), "{command:?}:\n{help}");
    }
    assert!(site.run(&["--version"]).printed().starts_with("crypto-orders "));
    assert!(!site.folder.join("data").exists());
}
