//! A server with few file descriptors, or many: pages and idle connections leave enough for what matters.

use std::process::Command;

use rlimit::Resource;
use serde_json::Value;

use crate::engines::Engine;
use crate::harness::payment;
use crate::harness::process::Installed;
use crate::harness::wire::Wire;

on_both_engines![however_few_descriptors_there_are_pages_leave_some_for_money];

/// How many connections are opened beside the pages, on which nothing is ever sent.
const IDLE: usize = 40;

/// As many as a server usually may have, or as many as this machine gives.
fn ample() -> u64 {
    Resource::NOFILE.get_hard().map_or(1_024, |most| most.min(65_536))
}

async fn however_few_descriptors_there_are_pages_leave_some_for_money(engine: Engine) {
    for limit in [256, 1_024, ample()] {
        let installed = Installed::new(engine).await;
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("ulimit -n {limit}; exec \"$SERVER\" serve")]);
        let mut server = installed.run(installed.wrapped(shell)).await;
        assert!(server.log().contains(&format!("limit={limit}")), "{}", server.log());

        let mut pages = Vec::new();
        'opening: for number in 0.. {
            let placed = installed.door.checkout(&format!("order-{limit}-{number}")).await.expect("an answer").json();
            let link = placed["pay_url"].as_str().expect("a link").to_owned();
            let path = url::Url::parse(&link).expect("a URL").path().to_owned();
            for page_of_order in 0.. {
                let mut page = Wire::open(installed.address()).await;
                page.send(format!("GET {path}/events HTTP/1.1\r\nhost: here\r\n\r\n")).await;
                let head = page.head().await.expect("an answer");
                if head.starts_with("HTTP/1.1 503 ") {
                    // The order's share, or the account's: then not even the first page of an order finds a place.
                    if page_of_order == 0 {
                        break 'opening;
                    }
                    break;
                }
                pages.push(page);
            }
        }
        assert!(!pages.is_empty());
        for _ in 0..IDLE {
            pages.push(Wire::open(installed.address()).await);
        }
        for path in ["/healthz", "/readyz"] {
            assert_eq!(installed.door.get(path).await.expect("an answer").code(), 200, "{path}");
        }
        let placed = installed.door.checkout(&format!("last-{limit}")).await.expect("an answer");
        assert_eq!(placed.code(), 201, "{}", placed.text);
        let order = placed.json()["order_id"].as_str().expect("an order").to_owned();
        let told = installed.door.ipn(&payment(&order, &format!("{limit}"), "finished")).await.expect("an answer");
        assert_eq!((told.code(), &told.json()["order_state"]), (200, &Value::from("paid")), "{}", told.text);
        assert!(!server.log().contains("Too many open files"), "{}", server.log());
        drop(pages);
        server.signal("TERM");
        assert!(server.ended().await.success());
    }
}
