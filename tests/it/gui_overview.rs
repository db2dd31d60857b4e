//! The operators' overview and the page of idempotency keys: what they show is what the API tells.
//!
//! A page is read as text, table by table under its heading. How it looks is for a browser to say.

use std::collections::BTreeSet;

use crypto_orders::config::Settings;
use crypto_orders::domain::catalogue::{Catalogue, ProductCode};
use crypto_orders::domain::money::{Currency, Price};
use crypto_orders::domain::time::Span;
use reqwest::Method;
use serde_json::{Value, json};

use crate::engines::Engine;
use crate::harness::TestApp;

on_both_engines![
    nobody_looks_without_signing_in,
    a_fresh_database_says_how_to_make_the_first_order,
    the_numbers_of_the_page_are_those_of_the_api,
    candidates_of_a_sweep_are_those_that_it_would_take,
    the_time_to_paid_is_counted_from_the_orders_that_were_paid_last,
    charts_have_attributes_only_and_ids_of_their_own,
    as_many_days_as_asked_for,
    what_somebody_sent_is_shown_and_never_run,
    the_keys_of_an_account_are_those_of_the_api_page_by_page,
    a_wrong_account_is_told_beside_the_form,
];
on_postgres![accounts_are_ranked_by_what_all_nodes_have_counted];

/// The part of a page under a heading.
fn under<'a>(page: &'a str, heading: &str) -> &'a str {
    let (_, rest) = page.split_once(&format!("<h2>{heading}</h2>")).unwrap_or_else(|| panic!("{heading}: {page}"));
    rest.split("<h2>").next().unwrap_or_default()
}

/// The rows of the tables in some HTML, cell by cell, as they read.
fn rows(html: &str) -> Vec<Vec<String>> {
    let cells = |row: &str| {
        let row = row.split("</tr>").next().unwrap_or_default().replace("<th", "<td");
        row.split("<td").skip(1).map(|cell| text(&format!("<{cell}"))).filter(|cell| !cell.is_empty()).collect()
    };
    html.split("<tr>").skip(1).map(cells).collect()
}

/// HTML without its elements, and without the thin blanks in numbers.
fn text(html: &str) -> String {
    let mut inside = false;
    let kept = html.chars().filter(|character| {
        match character {
            '<' => inside = true,
            '>' => {
                inside = false;
                return false;
            }
            _ => {}
        }
        !inside && *character != '\u{202f}'
    });
    kept.collect::<String>().trim().to_owned()
}

fn row(cells: &[&str]) -> Vec<String> {
    cells.iter().map(|cell| (*cell).to_owned()).collect()
}

/// A node without a timer that sells in two currencies.
async fn spawn(engine: Engine) -> TestApp {
    TestApp::spawn_with(engine, sell).await
}

fn sell(settings: &mut Settings) {
    settings.sweeper.automatic = false;
    let priced = [("solo", 7_900, "USD"), ("tea", 1_500, "JPY")].map(|(product, cents, currency)| {
        let currency = Currency::parse(currency).expect("a currency");
        (ProductCode::parse(product).expect("a product"), Price { cents, currency })
    });
    settings.orders.catalogue = Catalogue::new(priced.into_iter().collect());
}

async fn buy(app: &TestApp, product: &str, key: Option<&str>) -> String {
    let answer = app.checkout_of(&json!({"product": product, "price_cents": 1, "price_currency": "USD"}), key).await;
    assert_eq!(answer.code(), 201, "{}", answer.text);
    answer.json()["order_id"].as_str().expect("an order").to_owned()
}

async fn tell(app: &TestApp, order: &str, word: &str) {
    let body = json!({"payment_id": format!("pay-{order}"), "payment_status": word, "order_id": order});
    assert_eq!(app.ipn(&body).await.code(), 200);
}

async fn told(app: &TestApp, path: &str) -> Value {
    let answer = app.admin(path).await;
    assert_eq!(answer.code(), 200, "{path}: {}", answer.text);
    answer.json()
}

/// A little of everything, on two days.
async fn trade(app: &TestApp) {
    for (product, word) in [("solo", "finished"), ("tea", "finished"), ("solo", "confirming"), ("solo", "failed")] {
        let order = buy(app, product, None).await;
        app.advance(Span::minutes(3)).await;
        tell(app, &order, word).await;
    }
    app.advance(Span::hours(20)).await;
    buy(app, "solo", Some("again")).await;
    buy(app, "solo", Some("again")).await;
    buy(app, "tea", Some("again")).await;
    buy(app, "tea", None).await;
    let unknown = json!({"payment_id": "pay-nobody", "payment_status": "finished", "order_id": "ord_nobody"});
    app.ipn(&unknown).await;
}

async fn nobody_looks_without_signing_in(engine: Engine) {
    let app = spawn(engine).await;
    let stranger = app.outside();
    for (path, door) in [
        ("/admin", "/admin/sign-in?next=%2Fadmin"),
        ("/admin/idempotency?account_id=x", "/admin/sign-in?next=%2Fadmin%2Fidempotency%3Faccount_id%3Dx"),
        ("/", "/admin"),
    ] {
        let answer = stranger.get(path).await;
        assert_eq!((answer.code(), answer.header("location")), (303, Some(door)), "{path}");
    }
}

async fn a_fresh_database_says_how_to_make_the_first_order(engine: Engine) {
    let app = spawn(engine).await;
    let operator = app.signed_in().await;
    let page = operator.page("/admin").await;
    for sentence in
        ["No order has been made yet.", "No order is paid yet.", "Nothing waits for anybody.", "None is older than"]
    {
        assert!(page.contains(sentence), "{sentence}: {page}");
    }
    assert!(under(&page, "Health").contains("takes orders"), "{page}");
    assert_eq!(rows(under(&page, "Orders"))[1], row(&["pending", "0"]));
    assert_eq!(rows(under(&page, "Orders per day")).len(), 15, "a head and two weeks");
    assert!(operator.page("/admin/idempotency").await.contains("No key has come a second time yet."));
    let nobody = format!("/admin/idempotency?account_id={}", app.account);
    assert!(operator.page(&nobody).await.contains("There is no key here"));
}

/// What a table of days counts, as the API tells it.
fn by_day(lines: &[Vec<String>], statuses: &[&str]) -> Vec<Value> {
    let mut days = Vec::new();
    for line in lines {
        let counts = statuses.iter().zip(&line[1..]).filter(|(_, count)| *count != "0");
        let count = |text: &String| text.parse::<i64>().expect("a count");
        let mut of_day: Vec<_> =
            counts.map(|(status, text)| json!({"date": line[0], "status": status, "count": count(text)})).collect();
        of_day.sort_by_key(|row| row["status"].to_string());
        days.extend(of_day);
    }
    days
}

async fn the_numbers_of_the_page_are_those_of_the_api(engine: Engine) {
    let app = spawn(engine).await;
    trade(&app).await;
    let page = app.signed_in().await.page("/admin?days=7").await;

    let stats = told(&app, "/stats").await;
    let statuses = ["pending", "confirming", "partial", "paid", "failed", "cancelled"];
    let counts = statuses.map(|status| vec![status.to_owned(), stats["by_status"][status].to_string()]);
    let orders = rows(under(&page, "Orders"));
    assert_eq!(orders[1..7], counts);
    assert_eq!(orders[7], row(&["All", "6"]));
    assert_eq!(stats["paid_revenue_by_product"], json!({"solo": {"USD": 7_900}, "tea": {"JPY": 1_500}}));
    let revenue =
        [row(&["solo", "1", "79.00 USD"]), row(&["tea", "1", "1500 JPY"]), row(&["All", "1500 JPY79.00 USD"])];
    assert_eq!(rows(under(&page, "Paid revenue"))[1..], revenue);

    let days = by_day(&rows(under(&page, "Orders per day"))[1..], &statuses);
    assert_eq!(json!(days), told(&app, "/daily?days=7").await["rows"]);

    let ages = told(&app, "/pending-age").await["buckets"].clone();
    let of_ages = rows(under(&page, "Pending orders by age"));
    let of_ages: Vec<&str> = of_ages[1..].iter().map(|line| line[1].as_str()).collect();
    assert_eq!(of_ages, ["under_1h", "h1_to_6h", "h6_to_24h", "over_24h"].map(|age| ages[age].to_string()));

    let moves = told(&app, "/evidence-metrics?days=7").await;
    let of_moves = rows(under(&page, "How orders moved"));
    assert_eq!(of_moves[0], row(&["Day (UTC)", "IPN", "Poll", "By hand"]));
    let ipn: i64 = of_moves[1..8].iter().map(|line| line[1].parse::<i64>().expect("a count")).sum();
    assert_eq!((json!(ipn), &moves["moves"]["poll"]), (moves["moves"]["ipn"].clone(), &json!(0)));
    assert_eq!(of_moves[9][..2], [String::from("IPN"), moves["moves"]["ipn"].to_string()]);

    let strip = text(under(&page, "Idempotency keys"));
    let account = app.account.to_string();
    assert_eq!(
        told(&app, "/idempotency-metrics").await,
        json!({"first_writes": 1, "replays": 2, "body_mismatches": 1})
    );
    assert!(strip.contains("66.6 %"), "{strip}");
    let busiest = row(&[&account, "1", "2", "66.6 %", "1"]);
    assert_eq!(rows(under(&page, "Idempotency keys"))[1..], [busiest]);

    let open = told(&app, "/attention").await["data"].as_array().expect("items").clone();
    let shown = rows(under(&page, "Needs attention"));
    let kinds: Vec<&str> = shown[1..].iter().map(|line| line[0].as_str()).collect();
    let expected: Vec<&str> = open.iter().filter_map(|item| item["kind"].as_str()).collect();
    assert!(!expected.is_empty());
    assert_eq!(kinds, expected);
}

async fn candidates_of_a_sweep_are_those_that_it_would_take(engine: Engine) {
    let app = spawn(engine).await;
    buy(&app, "solo", None).await;
    app.clock.advance(Span::millis(1));
    buy(&app, "solo", None).await;
    let operator = app.signed_in().await;
    for (wait, candidates, sentence) in [
        (Span::millis(3_599_998), 0, "None is older than the pay window of 1 h 0 min."),
        (Span::millis(1), 1, "1 is older than the pay window of 1 h 0 min:"),
        (Span::millis(1), 2, "2 are older than the pay window of 1 h 0 min:"),
    ] {
        app.clock.advance(wait);
        let dry = app.admin_call(Method::POST, "/sweep-expired", &json!({"dry_run": true})).await;
        assert_eq!(dry.json()["expired"], candidates, "{}", dry.text);
        let page = operator.page("/admin").await;
        let part = under(&page, "Pending orders by age");
        assert!(text(part).contains(sentence), "{sentence}: {part}");
        assert_eq!(part.contains("href=\"/admin/sweep\""), candidates > 0);
    }
}

async fn the_time_to_paid_is_counted_from_the_orders_that_were_paid_last(engine: Engine) {
    let app = spawn(engine).await;
    for minutes in [1, 2, 16, 16, 90, 60 * 25] {
        let order = buy(&app, "solo", None).await;
        app.clock.advance(Span::minutes(minutes));
        tell(&app, &order, "finished").await;
    }
    let page = app.signed_in().await.page("/admin").await;
    let part = under(&page, "Time to paid");
    assert!(text(part).contains("Counted: the 6 orders that were paid last."), "{part}");
    let counts: Vec<String> = rows(part)[1..].iter().map(|line| line.join(": ")).collect();
    assert_eq!(counts, ["≤ 1 min: 1", "≤ 5 min: 1", "≤ 15 min: 0", "≤ 60 min: 2", "≤ 24 h: 1", "more: 1"]);
}

async fn charts_have_attributes_only_and_ids_of_their_own(engine: Engine) {
    let app = spawn(engine).await;
    trade(&app).await;
    let page = app.signed_in().await.page("/admin").await;
    let charts: Vec<&str> = page.split("role=\"img\"").skip(1).filter_map(|rest| rest.split("</svg>").next()).collect();
    assert_eq!(charts.len(), 4);
    for chart in charts {
        assert!(chart.contains("<title id=\"") && chart.contains("<desc id=\""), "{chart}");
        assert!(chart.contains("<rect ") && chart.contains("<text "), "{chart}");
        for word in ["style", "<script", "<a ", "href", "data-", "url("] {
            assert!(!chart.contains(word), "{word}: {chart}");
        }
    }
    assert!(!page.contains(" style=") && !page.contains("<style"), "{page}");
    let ids: Vec<&str> = page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{ids:?}");
}

async fn as_many_days_as_asked_for(engine: Engine) {
    let app = spawn(engine).await;
    let operator = app.signed_in().await;
    for (asked, days) in [("?days=1", 1), ("?days=90", 90), ("?days=", 14), ("", 14)] {
        let page = operator.page(&format!("/admin{asked}")).await;
        assert_eq!(rows(under(&page, "Orders per day")).len(), 1 + days, "{asked}");
    }
    for wrong in ["0", "91", "x", "-1"] {
        let answer = operator.get(&format!("/admin?days={wrong}")).await;
        assert_eq!(answer.code(), 400, "{wrong}");
        assert!(answer.text.contains("days must be an integer between 1 and 90."), "{}", answer.text);
    }
}

async fn what_somebody_sent_is_shown_and_never_run(engine: Engine) {
    let app = spawn(engine).await;
    let script = "<script>alert(1)</script>";
    buy(&app, "solo", Some(script)).await;
    buy(&app, "solo", Some(script)).await;
    app.ipn(&json!({"payment_id": script, "payment_status": "finished", "order_id": "ord_nobody"})).await;
    let operator = app.signed_in().await;
    let shown = "&#60;script&#62;alert(1)&#60;/script&#62;";
    for path in ["/admin".to_owned(), format!("/admin/idempotency?account_id={}", app.account)] {
        let page = operator.page(&path).await;
        assert!(page.contains(shown) && !page.contains(script), "{path}: {page}");
    }
    let asked = operator.get("/admin/idempotency?account_id=%22%3E%3Cscript%3E").await.text;
    assert!(asked.contains("value=\"&#34;&#62;&#60;script&#62;\"") && !asked.contains("\"><script>"), "{asked}");
}

async fn the_keys_of_an_account_are_those_of_the_api_page_by_page(engine: Engine) {
    let app = spawn(engine).await;
    let first = buy(&app, "solo", Some("k-1")).await;
    app.clock.advance(Span::seconds(5));
    buy(&app, "tea", Some("k-1")).await;
    let second = buy(&app, "tea", Some("k-2")).await;
    let operator = app.signed_in().await;
    let all = operator.page("/admin/idempotency").await;
    assert_eq!(rows(&all)[1], row(&[&app.account.to_string(), "2", "1", "33.3 %", "1"]));

    let path = format!("/admin/idempotency?account_id=acc_{}&limit=1&done=noted", app.account);
    let page = operator.page(&path).await;
    let line = &rows(&page)[1];
    assert_eq!((&line[..2], &line[3..5]), (&row(&["k-2", &second])[..], &row(&["0", "0"])[..]));
    let more = page.split("data-more=\"rows\" href=\"").nth(1).and_then(|rest| rest.split('"').next());
    let more = more.expect("more").replace("&#38;", "&");
    let page = operator.page(&more).await;
    let line = &rows(&page)[1];
    assert_eq!((&line[..2], &line[3..5]), (&row(&["k-1", &first])[..], &row(&["1", "1 check"])[..]));
    assert!(
        line[2].starts_with("2026-05-12 12:00:00 UTC") && line[5].starts_with("2026-05-12 12:00:05 UTC"),
        "{line:?}"
    );
    assert!(!page.contains("data-more"), "{page}");
    let past = operator.page(&format!("/admin/idempotency?account_id={}&cursor=x", app.account)).await;
    assert!(past.contains("the list ends here"), "{past}");
}

async fn a_wrong_account_is_told_beside_the_form(engine: Engine) {
    let app = spawn(engine).await;
    let operator = app.signed_in().await;
    let answer = operator.get("/admin/idempotency?account_id=acc_1").await;
    assert_eq!((answer.code(), answer.header("content-type")), (400, Some("text/html; charset=utf-8")));
    assert!(answer.text.contains("account_id must be a UUID, bare or as acc_&#60;uuid&#62;."), "{}", answer.text);
    assert!(answer.text.contains("name=\"account_id\" value=\"acc_1\""), "{}", answer.text);
    assert_eq!(operator.get("/admin/idempotency?account_id=").await.code(), 200, "a blank field asks for nothing");
}

async fn accounts_are_ranked_by_what_all_nodes_have_counted(engine: Engine) {
    let one = spawn(engine).await;
    let mut other = one.beside(sell).await;
    other.customer.clone_from(&one.customer);
    buy(&one, "solo", Some("k")).await;
    buy(&one, "tea", Some("k")).await;
    buy(&other, "tea", Some("k")).await;
    let page = other.signed_in().await.page("/admin/idempotency").await;
    assert_eq!(rows(&page)[1..], [row(&[&one.account.to_string(), "1", "2", "66.6 %", "2"])]);
}
