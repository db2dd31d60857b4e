//! The operators' list of orders: the filter is the address, and what it finds is what the API finds.

use crypto_orders::domain::access::Tier;
use crypto_orders::domain::time::Span;
use reqwest::Method;
use serde_json::{Value, json};

use crate::engines::Engine;
use crate::harness::browser::Browser;
use crate::harness::operator::{Operator, between, read};
use crate::harness::sql::run;
use crate::harness::{TestApp, eventually, json_body, order_body, told};

on_both_engines![
    the_list_is_what_the_api_answers_for_the_same_address,
    times_may_be_written_as_browsers_and_people_write_them,
    a_filter_that_makes_no_sense_is_told_beside_the_form,
    the_file_is_the_api_s_to_the_last_byte,
    older_orders_are_a_link_away,
    an_empty_list_says_why,
    what_waits_for_somebody_is_marked,
    no_text_of_others_becomes_part_of_the_page,
    who_is_not_signed_in_is_led_to_the_door_and_back,
    a_drawer_without_an_answer_sends_nothing_again,
];

/// The orders of a page, in their order.
fn listed(page: &str) -> Vec<String> {
    between(page, "<td><a href=\"/admin/orders/", "\"")
}

fn ids(page: &Value) -> Vec<String> {
    let orders = page["orders"].as_array().expect("orders").iter();
    orders.map(|order| order["order_id"].as_str().expect("an id").to_owned()).collect()
}

/// What the API finds.
pub async fn found(app: &TestApp, query: &str) -> Vec<String> {
    let answer = app.admin(&format!("?{query}")).await;
    assert_eq!(answer.code(), 200, "{query}: {}", answer.text);
    ids(&answer.json())
}

async fn placed(app: &TestApp, key: &str, body: &Value) -> String {
    let request = json_body(app.request(Method::POST, "/v1/billing/crypto-checkout"), body).bearer_auth(key);
    let answer = app.send(request).await;
    app.clock.advance(Span::minutes(7));
    answer.json()["order_id"].as_str().expect("an order").to_owned()
}

/// A day of orders: of two customers, in several states, seven minutes apart. Answers the other customer's id.
pub async fn a_day(app: &TestApp) -> String {
    let (account, key) = app.stranger(Tier::Enterprise).await;
    let noted = json!({ "product": "team_manual", "price_cents": 24900, "price_currency": "USD",
        "customer_note": "Für Ada" });
    let own = [placed(app, &app.customer, &order_body()).await, placed(app, &app.customer, &noted).await];
    let other = placed(app, &key, &order_body()).await;
    placed(app, &key, &noted).await;
    told(app, &own[0], ["np_1", "finished"], json!({})).await;
    told(app, &own[1], ["np_2", "finished"], json!({ "actually_paid": 0.4, "price_amount": 249 })).await;
    told(app, &other, ["np_3", "failed"], json!({ "actually_paid": 0 })).await;
    // The index of texts is a moment behind.
    let search = async || Some(found(app, "search=f%C3%BCr+ada").await).filter(|found| found.len() == 2);
    eventually("the search index", search).await;
    account.to_string()
}

async fn the_list_is_what_the_api_answers_for_the_same_address(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let other = a_day(&app).await;
    let operator = app.signed_in().await;
    for (query, count) in [
        (String::new(), 4),
        ("status=paid".to_owned(), 1),
        ("status=pending".to_owned(), 1),
        ("search=f%C3%BCr+ada".to_owned(), 2),
        ("search=f%C3%BC".to_owned(), 2),
        ("payment_id=np_2".to_owned(), 1),
        ("payment_id=np_9".to_owned(), 0),
        (format!("account_id={other}"), 2),
        (format!("account_id=acc_{other}&status=failed"), 1),
        ("created_after=2026-05-12T12:07:00Z&created_before=2026-05-12T12:21:00.000Z".to_owned(), 2),
        ("paid_after=2026-05-12T00:00:00Z".to_owned(), 1),
        (format!("status=failed&account_id={other}&search=solo&created_after=2026-05-01T00:00:00Z"), 1),
        ("limit=2".to_owned(), 2),
    ] {
        let page = operator.page(&format!("/admin/orders?{query}")).await;
        let expected = found(&app, &query).await;
        assert_eq!((listed(&page), expected.len()), (expected, count), "{query}");
    }
    let short = read(&operator.page("/admin/orders?search=f%C3%BC").await);
    assert!(short.contains("looks at the newest 10 000 orders only"), "{short}");
    // A browser sends all fields of the form, and what is pasted has blanks around it.
    let form = "status=&search=&payment_id=+np_2%20&created_after=&created_before=&account_id=";
    let page = operator.page(&format!("/admin/orders?{form}")).await;
    assert_eq!(listed(&page), found(&app, "payment_id=np_2").await);
    let row = read(&page);
    assert!(row.contains("Test team_manual 249.00 USD partial 2026-05-12 12:07:00 UTC 21 min ago"), "{row}");
}

async fn times_may_be_written_as_browsers_and_people_write_them(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    a_day(&app).await;
    let operator = app.signed_in().await;
    for (written, meant, shown) in [
        ("2026-05-12T12:14", "2026-05-12T12:14:00Z", "2026-05-12T12:14"),
        ("2026-05-12T12:13:59", "2026-05-12T12:13:59Z", "2026-05-12T12:13:59"),
        ("2026-05-12", "2026-05-12T00:00:00Z", "2026-05-12T00:00"),
        ("2026-05-13", "2026-05-13T00:00:00Z", "2026-05-13T00:00"),
        ("2026-05-12T12:14:00.000Z", "2026-05-12T12:14:00.000Z", "2026-05-12T12:14"),
    ] {
        let page = operator.page(&format!("/admin/orders?created_after={written}")).await;
        assert_eq!(listed(&page), found(&app, &format!("created_after={meant}")).await, "{written}");
        let field = format!("<input type=\"datetime-local\" name=\"created_after\" value=\"{shown}\">");
        assert!(page.contains(&field), "{field} in {page}");
    }
}

async fn a_filter_that_makes_no_sense_is_told_beside_the_form(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let operator = app.signed_in().await;
    for (wrong, kept) in [
        ("created_after=yesterday", "type=\"text\" name=\"created_after\" value=\"yesterday\""),
        ("status=lost", "<option value=\"lost\" selected>"),
        ("account_id=Ada", "name=\"account_id\" value=\"Ada\""),
        ("limit=500", "name=\"limit\" value=\"500\""),
        (
            "created_after=2026-05-13T00:00:00.000Z&created_before=2026-05-12T00:00:00.000Z",
            "value=\"2026-05-13T00:00\"",
        ),
    ] {
        let page = operator.get(&format!("/admin/orders?{wrong}&search=ada")).await;
        let told = app.admin(&format!("?{wrong}&search=ada")).await.problem(400, "bad-request");
        assert_eq!(page.code(), 400, "{}", page.text);
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
        let alert = between(&page.text, "role=\"alert\">", "</p>");
        assert_eq!(alert.iter().map(|alert| read(alert)).collect::<Vec<_>>(), [told]);
        assert!(page.text.contains(kept) && page.text.contains("name=\"search\" value=\"ada\""), "{}", page.text);
        assert_eq!(
            operator.get(&format!("/admin/orders.csv?{wrong}&search=ada")).await.code() == 400,
            wrong != "limit=500"
        );
    }
}

async fn the_file_is_the_api_s_to_the_last_byte(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let other = a_day(&app).await;
    let operator = app.signed_in().await;
    for query in ["", "status=paid", "search=ada&limit=1", "payment_id=np_3", "created_after=2026-05-12T12:07:00Z"] {
        let file = operator.get(&format!("/admin/orders.csv?{query}")).await;
        let api = app.admin(&format!(".csv?{query}&all=1")).await;
        assert_eq!((file.code(), &file.text), (200, &api.text), "{query}");
        assert!(api.text.lines().count() > 1, "{query}: {}", api.text);
        for name in ["content-type", "content-disposition", "cache-control", "x-driftstack-search-bounded"] {
            assert_eq!(file.header(name), api.header(name), "{query} {name}");
        }
    }
    let page = operator.page(&format!("/admin/orders?account_id={other}&created_after=2026-05-12T12:20&limit=1")).await;
    let link = between(&page, "href=\"/admin/orders.csv?", "\"").remove(0).replace("&#38;", "&");
    let file = operator.get(&format!("/admin/orders.csv?{link}")).await.text;
    assert_eq!(file, app.admin(&format!(".csv?{link}&all=1")).await.text);
    assert_eq!(file.lines().count(), 2, "{file}");
    // Neither a cookie opens the API, nor a key the pages.
    assert_eq!(operator.get("/v1/admin/crypto-orders.csv").await.code(), 401);
    let nobody = app.send(app.request(Method::GET, "/admin/orders.csv").bearer_auth(&app.operator)).await;
    assert!(!nobody.text.contains("order_id,"), "{}", nobody.text);
}

async fn older_orders_are_a_link_away(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    for _ in 0..7 {
        app.order().await;
    }
    let operator = app.signed_in().await;
    let (mut path, mut seen) = ("/admin/orders?limit=3&status=pending&done=note-saved".to_owned(), Vec::new());
    loop {
        let page = operator.page(&path).await;
        seen.extend(listed(&page));
        let Some(next) = between(&page, "data-more=\"rows\" href=\"", "\"").pop() else { break };
        assert!(!next.contains("done"), "{next}");
        path = next.replace("&#38;", "&");
    }
    assert_eq!(seen, found(&app, "status=pending").await);
    assert_eq!(seen.len(), 7);
    let nowhere = read(&operator.page("/admin/orders?cursor=nonsense").await);
    assert!(nowhere.contains("There are no more orders here."), "{nowhere}");
}

async fn an_empty_list_says_why(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let operator = app.signed_in().await;
    let none = operator.page("/admin/orders").await;
    assert!(read(&none).contains("There are no orders yet.") && !none.contains("<table"), "{none}");
    app.order().await;
    let filtered = operator.page("/admin/orders?status=paid&search=ada").await;
    assert!(read(&filtered).contains("No order has status paid, search ada. Show all orders"), "{filtered}");
}

async fn what_waits_for_somebody_is_marked(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    a_day(&app).await;
    let operator = app.signed_in().await;
    let page = operator.page("/admin/orders?payment_id=np_2").await;
    assert_eq!(between(&page, "#attention\">", "</a>"), ["underpaid"]);
    let items = app.walk("/v1/admin/crypto-orders/attention", 50).await;
    let item = items.iter().find(|item| item["kind"] == "underpaid").expect("an item");
    let resolve = format!("/attention/{}/resolve", item["id"].as_str().expect("an id"));
    assert_eq!(app.admin_call(Method::POST, &resolve, &json!({ "note": "Seen." })).await.code(), 200);
    let page = operator.page("/admin/orders?payment_id=np_2").await;
    assert_eq!(between(&page, "#attention\">", "</a>"), Vec::<String>::new());
}

const EVIL: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>";

async fn no_text_of_others_becomes_part_of_the_page(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    app.order().await;
    let evil = EVIL.replace('\'', "''");
    for table in ["accounts set name", "orders set product"] {
        run(engine, &app.database.url, &format!("update {table} = '{evil}'")).expect("it is changed");
    }
    let operator = app.signed_in().await;
    let escaped: String = url::form_urlencoded::byte_serialize(EVIL.as_bytes()).collect();
    let mut pages = vec![operator.page("/admin/orders").await];
    assert_eq!(read(&pages[0]).matches(EVIL).count(), 2, "{}", pages[0]);
    for field in
        ["search", "payment_id", "account_id", "status", "created_after", "created_before", "paid_after", "limit"]
    {
        pages.push(operator.get(&format!("/admin/orders?{field}={escaped}")).await.text);
    }
    pages.push(operator.get(&format!("/admin/orders?{escaped}={escaped}&limit=1")).await.text);
    for page in pages {
        assert!(!page.contains("<script>") && !page.contains("<img"), "{page}");
    }
}

async fn who_is_not_signed_in_is_led_to_the_door_and_back(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let stranger: Operator = app.signed_in().await;
    let fields = [("token", "none")];
    assert_eq!(stranger.post("/admin/sign-out", &fields).await.code(), 403, "a form needs its token");
    assert_eq!(stranger.submit_to("/admin/orders", "/admin/sign-out", &[]).await.code(), 303);
    let led = stranger.get("/admin/orders?status=paid&search=a%20b").await;
    let door = "/admin/sign-in?next=%2Fadmin%2Forders%3Fstatus%3Dpaid%26search%3Da%2520b";
    assert_eq!((led.code(), led.header("location")), (303, Some(door)));
    assert_eq!(stranger.get("/admin/orders.csv").await.code(), 303);
}

async fn a_drawer_without_an_answer_sends_nothing_again(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = app.order().await;
    let Some(browser) = Browser::open(&app).await else { return };
    browser.go("/admin/sign-in?next=/admin/orders").await;
    browser.fill("API key of an operator", &app.operator).await;
    browser.press("Enter").await;
    browser.shows(&order).await;
    browser.click(&order).await;
    browser.fill("Internal note", "Asked Ada.").await;
    browser.script("window.kept = fetch; window.tries = 0; window.fetch = async () => { tries += 1; throw 0; };").await;
    browser.click("Save note").await;
    browser.shows("No answer came. Look at the order before you send this again.").await;
    assert_eq!(browser.script("return tries").await, 1);
    assert_eq!(browser.address().await, "/admin/orders", "no form is sent behind the script's back");
    assert_eq!(app.look(&order).await["internal_note"], Value::Null);
}
