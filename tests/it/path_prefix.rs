//! A service whose `public_url` has a path, behind a proxy that strips it and one that does not.

use reqwest::Method;

use crate::engines::Engine;
use crate::harness::operator::between;
use crate::harness::{TestApp, payment};

on_both_engines![
    a_buyers_page_keeps_the_path_in_every_address,
    operators_sign_in_and_work_below_the_path,
    the_api_and_its_documentation_answer_with_the_path_and_without_it,
];

async fn below(engine: Engine) -> TestApp {
    TestApp::spawn_with(engine, |settings| settings.public_url = "https://example.com/shop".to_owned()).await
}

/// Every address of a page that begins at the root, once.
fn addresses(page: &str) -> Vec<String> {
    let places = ["href", "src", "action", "formaction", "data-pay"];
    let mut found: Vec<String> = places.iter().flat_map(|name| between(page, &format!(" {name}=\"/"), "\"")).collect();
    found.sort();
    found.dedup();
    found
}

/// Asks for every address of a page without following forms, and holds each to the path.
async fn holds(app: &TestApp, ask: impl AsyncFn(&str) -> u16, page: &str) {
    let found = addresses(page);
    assert!(!found.is_empty(), "{page}");
    for address in found {
        let inside = address.strip_prefix("shop/").unwrap_or_else(|| panic!("{address} leads out: {page}"));
        let address = inside.replace("&amp;", "&").replace("&#38;", "&");
        for asked in [format!("/shop/{address}"), format!("/{address}")] {
            // Where forms lead, GET may have nothing to show.
            assert!([200, 303, 405].contains(&ask(&asked).await), "{asked} of {}", app.app.local_addr());
        }
    }
}

async fn a_buyers_page_keeps_the_path_in_every_address(engine: Engine) {
    let app = below(engine).await;
    let url = app.checkout(None).await.json()["pay_url"].as_str().expect("a URL").to_owned();
    let path = url.strip_prefix("https://example.com").expect("the public URL").to_owned();
    assert!(path.starts_with("/shop/pay/"), "{url}");
    for asked in [path.clone(), path.replacen("/shop", "", 1)] {
        let page = app.send(app.request(Method::GET, &asked)).await;
        assert_eq!(page.code(), 200, "{asked}");
        let get = async |path: &str| app.send(app.request(Method::GET, path)).await.code();
        holds(&app, get, &page.text).await;
        assert!(page.text.contains(&format!("data-pay=\"{path}\"")), "{}", page.text);
        assert_eq!(app.send(app.request(Method::HEAD, &format!("{asked}/events"))).await.code(), 200);
    }
    let lost = app.send(app.request(Method::GET, "/shop/pay/nobodys")).await;
    assert_eq!(lost.code(), 404);
    assert!(lost.text.contains("href=\"/shop/assets/style.css"), "{}", lost.text);
}

async fn operators_sign_in_and_work_below_the_path(engine: Engine) {
    let app = below(engine).await;
    let order = app.order().await;
    assert_eq!(app.ipn(&payment(&order, "1", "partially_paid")).await.code(), 200);
    let operator = app.outside();
    let home = operator.get("/shop/").await;
    assert_eq!((home.code(), home.header("location")), (303, Some("/shop/admin")));
    let door = operator.get("/shop/admin/orders?status=paid").await;
    assert_eq!(door.header("location"), Some("/shop/admin/sign-in?next=%2Fadmin%2Forders%3Fstatus%3Dpaid"));
    let entered = operator.try_key(&app.operator).await;
    assert_eq!((entered.code(), entered.header("location")), (303, Some("/shop/admin")));
    let cookie = entered.header("set-cookie").expect("a cookie");
    assert!(cookie.starts_with("__Secure-crypto-orders=") && cookie.contains("; Path=/shop;"), "{cookie}");
    for path in
        ["/admin", "/admin/orders", "/admin/attention", "/admin/sweep", "/admin/audit-log", "/admin/idempotency"]
    {
        let page = operator.page(&format!("/shop{path}")).await;
        holds(&app, async |path: &str| operator.get(path).await.code(), &page).await;
    }
    let page = operator.page(&format!("/shop/admin/orders/{order}")).await;
    holds(&app, async |path: &str| operator.get(path).await.code(), &page).await;
    let noted = [("act", "note"), ("internal_note", "seen")];
    let done =
        operator.submit_to(&format!("/admin/orders/{order}"), &format!("/shop/admin/orders/{order}"), &noted).await;
    assert_eq!(done.code(), 303, "{}", done.text);
    let back = done.header("location").expect("an address");
    assert!(back.starts_with(&format!("/shop/admin/orders/{order}")), "{back}");
}

async fn the_api_and_its_documentation_answer_with_the_path_and_without_it(engine: Engine) {
    let app = below(engine).await;
    for prefix in ["", "/shop"] {
        let listed = app.get(&format!("{prefix}/v1/billing/crypto-orders")).await;
        assert_eq!((listed.code(), listed.header("cache-control")), (200, Some("no-store, private")), "{prefix}");
        let nowhere = app.get(&format!("{prefix}/v1/nowhere")).await.problem(404, "not-found");
        assert_eq!(nowhere, "No route for GET /v1/nowhere.");
        let document = app.get(&format!("{prefix}/openapi.json")).await.json();
        assert_eq!(document["servers"][0]["url"], "https://example.com/shop");
        let docs = app.get(&format!("{prefix}/docs")).await;
        holds(&app, async |path: &str| app.get(path).await.code(), &docs.text).await;
    }
    assert_eq!(app.get("/shopping").await.code(), 404);
    let api = app.get("/shop/docs/api").await.text;
    assert!(api.contains("https://example.com/shop/v1/billing/crypto-checkout"), "commands ask below the path");
}
