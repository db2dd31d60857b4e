//! The receipt of an order: what it says in each of its forms, in every status, in every script.
//!
//! The PDF is read by a crate that has no part in writing it.

use std::collections::{BTreeMap, BTreeSet};

use crypto_orders::domain::access::Tier;
use crypto_orders::domain::catalogue::{Catalogue, ProductCode};
use crypto_orders::domain::money::{Currency, Price};
use crypto_orders::domain::time::Span;
use lopdf::content::Content;
use lopdf::{Document, Object};
use reqwest::{Method, header::HeaderMap};
use serde_json::{Value, json};

use crate::engines::Engine;
use crate::harness::{START, TestApp, order_body, payment};

on_both_engines![
    a_fresh_receipt_is_shown_field_by_field,
    every_status_has_its_receipt_in_every_form,
    each_form_comes_under_its_own_name_and_type,
    another_customers_receipt_is_as_good_as_none,
    a_price_is_told_with_its_currencys_own_digits,
    a_note_comes_out_right_in_every_script,
    any_note_stays_on_the_page,
    a_note_is_never_taken_for_another_line,
    the_same_receipt_of_the_same_time_is_the_same_file,
];

const FORMS: [&str; 3] = ["", ".txt", ".pdf"];

/// Where the receipt of an order is, in one of its forms.
fn receipt(order: &str, form: &str) -> String {
    format!("/v1/billing/crypto-orders/{order}/receipt{form}")
}

/// A PDF as another program finds it.
struct Page {
    headers: HeaderMap,
    bytes: Vec<u8>,
    document: Document,
}

impl Page {
    async fn of(app: &TestApp, order: &str) -> Self {
        let request = app.request(Method::GET, &receipt(order, ".pdf")).bearer_auth(&app.customer);
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status().as_u16(), 200);
        let headers = answer.headers().clone();
        let bytes = answer.bytes().await.expect("a body").to_vec();
        let document = Document::load_mem(&bytes).expect("a PDF");
        let page = Self { headers, bytes, document };
        page.is_one_of_a4();
        page
    }

    fn is_one_of_a4(&self) {
        let pages: Vec<_> = self.document.get_pages().into_values().collect();
        let [page] = pages[..] else { panic!("{} pages", pages.len()) };
        let page = self.document.get_dictionary(page).expect("a page");
        let edges = page.get(b"MediaBox").and_then(Object::as_array).expect("a size");
        let edges: Vec<f32> = edges.iter().map(|edge| edge.as_float().expect("a number")).collect();
        assert_eq!(edges, [0.0, 0.0, 595.276, 841.89]);
    }

    /// Its text without spaces, which a PDF need not have.
    fn text(&self) -> String {
        squeezed(&self.document.extract_text(&[1]).expect("its text"))
    }

    /// Every letter of the text, also of those that are no letters of a font.
    fn letters(&self) -> BTreeSet<char> {
        let page = *self.document.get_pages().get(&1).expect("a page");
        let content = Content::decode(&self.document.get_page_content(page)).expect("its content");
        let marked = content.operations.iter().filter(|operation| operation.operator == "BDC");
        let spelled = marked.filter_map(|operation| {
            let properties = operation.operands.get(1)?.as_dict().ok()?;
            Some(lopdf::decode_text_string(properties.get(b"ActualText").ok()?).expect("a text"))
        });
        spelled.chain([self.text()]).collect::<String>().chars().collect()
    }
}

fn squeezed(text: &str) -> String {
    text.split_whitespace().collect()
}

/// A new order with this note.
async fn noted(app: &TestApp, note: &str) -> String {
    let mut body = order_body();
    body["customer_note"] = json!(note);
    let answer = app.checkout_of(&body, None).await;
    assert_eq!(answer.code(), 201, "{}", answer.text);
    answer.json()["order_id"].as_str().expect("an order id").to_owned()
}

async fn a_fresh_receipt_is_shown_field_by_field(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = noted(&app, "for Ada").await;
    app.advance(Span::minutes(1)).await;
    let answer = app.get(&receipt(&order, "")).await;
    let later = "2026-05-12T12:01:00.000Z";
    assert_eq!(
        answer.text,
        format!(
            concat!(
                r#"{{"order_id":"{}","issued_at":"{}","status":"pending","product":"solo_manual","price_cents":7900,"#,
                r#""price_currency":"USD","payment_id":null,"paid_at":null,"created_at":"{}","customer_note":"for Ada"}}"#,
            ),
            order, later, START
        )
    );
    let text = app.get(&receipt(&order, ".txt")).await.text;
    let lines = [
        "Driftstack receipt".to_owned(),
        format!("Order ID: {order}"),
        format!("Issued at: {later}"),
        "Status: pending".to_owned(),
        "Product: solo_manual".to_owned(),
        "Price: 79.00 USD".to_owned(),
        "Price in minor units: 7900".to_owned(),
        "Price currency: USD".to_owned(),
        "Payment ID: -".to_owned(),
        "Paid at: -".to_owned(),
        format!("Created at: {START}"),
        "Customer note: for Ada".to_owned(),
    ];
    assert_eq!(text, lines.map(|line| line + "\n").concat());
}

/// Brings an order to a status, in the customer's or the provider's way.
async fn bring(app: &TestApp, order: &str, status: &str) {
    let word = match status {
        "pending" => return,
        "cancelled" => {
            let path = format!("/v1/billing/crypto-orders/{order}/cancel");
            assert_eq!(app.call(Method::POST, &path, &json!({})).await.code(), 200);
            return;
        }
        "partial" => "partially_paid",
        "paid" => "finished",
        other => other,
    };
    let answer = app.ipn(&payment(order, &format!("for-{status}"), word)).await;
    assert_eq!(answer.json()["order_state"], status);
}

async fn every_status_has_its_receipt_in_every_form(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    for status in ["pending", "confirming", "partial", "paid", "failed", "cancelled"] {
        let order = app.order().await;
        bring(&app, &order, status).await;
        let support = json!({ "internal_note": "keep an eye on it" });
        app.admin_call(Method::PATCH, &format!("/{order}/internal-note"), &support).await;
        let seen = app.look(&order).await;
        let json = app.get(&receipt(&order, "")).await.json();
        for field in ["status", "payment_id", "paid_at", "created_at", "customer_note"] {
            assert_eq!(json[field], seen[field], "{status} {field}");
        }
        assert_eq!(json["status"], status);
        let text = app.get(&receipt(&order, ".txt")).await.text;
        let page = Page::of(&app, &order).await.text();
        let told = |field: &str| seen[field].as_str().unwrap_or("-").to_owned();
        for (label, value) in [
            ("Status", status.to_owned()),
            ("Payment ID", told("payment_id")),
            ("Paid at", told("paid_at")),
            ("Customer note", "-".to_owned()),
        ] {
            assert!(text.contains(&format!("\n{label}: {value}\n")), "{label} {value}: {text}");
            assert!(page.contains(&squeezed(&format!("{label}{value}"))), "{label} {value}: {page}");
        }
        for all in [json.to_string(), text, page] {
            assert!(!all.contains("eye"), "{all}");
        }
    }
}

async fn each_form_comes_under_its_own_name_and_type(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = app.order().await;
    let types = ["application/json; charset=utf-8", "text/plain; charset=utf-8"];
    for (form, content_type) in FORMS.into_iter().zip(types) {
        let answer = app.get(&receipt(&order, form)).await;
        assert_eq!((answer.code(), answer.header("content-type")), (200, Some(content_type)));
        assert_eq!(answer.header("content-disposition"), None);
        answer.framed();
    }
    let page = Page::of(&app, &order).await;
    let header = |name: &str| page.headers.get(name).and_then(|value| value.to_str().ok());
    assert_eq!(header("content-type"), Some("application/pdf"));
    let name = format!("attachment; filename=\"receipt-{order}.pdf\"");
    assert_eq!(header("content-disposition"), Some(name.as_str()));
    assert_eq!(header("cache-control"), Some("no-store, private"));
    assert_eq!(header("x-content-type-options"), Some("nosniff"));
    assert!(page.bytes.starts_with(b"%PDF-"));
}

async fn another_customers_receipt_is_as_good_as_none(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let (_, stranger) = app.stranger(Tier::Enterprise).await;
    let ours = noted(&app, "ours").await;
    for order in [ours.as_str(), "ord_01890a5d96e77c9f8a0b1c2d3e4f5a6b", "nonsense"] {
        for form in FORMS {
            let answer = app.send(app.request(Method::GET, &receipt(order, form)).bearer_auth(&stranger)).await;
            assert_eq!(answer.problem(404, "not-found"), format!("No crypto order with id \"{order}\"."));
            assert_eq!(answer.header("content-disposition"), None);
        }
    }
}

async fn a_price_is_told_with_its_currencys_own_digits(engine: Engine) {
    let priced = [("USD", 5, "0.05"), ("JPY", 7900, "7900"), ("KWD", 7900, "7.900")];
    for (code, cents, major) in priced {
        let currency = Currency::parse(code).expect("a currency");
        let product = ProductCode::parse("solo_manual").expect("a code");
        let catalogue = Catalogue::new(BTreeMap::from([(product, Price { cents, currency })]));
        let app = TestApp::spawn_with(engine, |settings| settings.orders.catalogue = catalogue).await;
        let order = app.order().await;
        let text = app.get(&receipt(&order, ".txt")).await.text;
        let lines = format!("\nPrice: {major} {code}\nPrice in minor units: {cents}\nPrice currency: {code}\n");
        assert!(text.contains(&lines), "{text}");
        let page = Page::of(&app, &order).await.text();
        assert!(page.contains(&format!("Price{major}{code}Priceinminorunits{cents}Pricecurrency{code}")), "{page}");
    }
}

async fn a_note_comes_out_right_in_every_script(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    // Scripts of our fonts that need no shaping are found as they were written.
    let plain = ["Ξεσκεπάζω τὴν ψυχοφθόρα", "Съешь ещё этих булок", "Łódź, façade, Việt Nam", "Պատվեր", "79 €"];
    let note = plain.join("\n");
    let order = noted(&app, &note).await;
    assert_eq!(app.get(&receipt(&order, "")).await.json()["customer_note"], note);
    let text = app.get(&receipt(&order, ".txt")).await.text;
    assert!(text.ends_with(&format!("\nCustomer note: {}\n", plain.join(" / "))), "{text}");
    let page = Page::of(&app, &order).await.text();
    for part in plain {
        assert!(page.contains(&squeezed(part)), "{part}: {page}");
    }
    // Right to left, joined, from bitmaps, emoji, and what nothing can draw: no letter is lost.
    for note in [
        "שלום (עולם) 123",
        "مَرحَبًا بالعالم",
        "یہ ٹیسٹ ہے",
        "收据，日本語テスト。한국어",
        "ขอบคุณ ที่ซื้อ",
        "धन्यवाद",
        "😀🎉👍🏽👨‍👩‍👧🇩🇪 1️⃣ 🤔",
        "\u{20bb7}\u{13000}\u{e000}\u{7}\u{fffe}",
        "e\u{301} a\u{1ab0}",
    ] {
        let order = noted(&app, note).await;
        assert_eq!(app.get(&receipt(&order, "")).await.json()["customer_note"], note);
        let letters = Page::of(&app, &order).await.letters();
        let lost: Vec<char> = note.chars().filter(|letter| *letter != ' ' && !letters.contains(letter)).collect();
        assert_eq!(lost, Vec::<char>::new(), "{note}");
    }
}

async fn any_note_stays_on_the_page(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let repeated = |part: &str| part.chars().cycle().take(500).collect::<String>();
    for part in [
        "x\n",
        "\n",
        "Lorem ipsum dolor sit amet,\n",
        "Ж",
        "漢",
        "\u{20bb7}",
        "مرحبا ",
        "\u{301}",
        "\t",
        "W\u{2028}",
        "\u{2067}\u{2066}9 ",
    ] {
        let order = noted(&app, &repeated(part)).await;
        assert!((60.0..800.0).contains(&lowest(&Page::of(&app, &order).await)), "{part:?} goes over the page's foot");
    }
}

/// The lowest baseline of the page, in points below its upper edge: from there everything is placed.
fn lowest(page: &Page) -> f32 {
    let first = *page.document.get_pages().get(&1).expect("a page");
    let content = Content::decode(&page.document.get_page_content(first)).expect("its content");
    let places = content.operations.iter().filter(|operation| operation.operator == "Tm");
    places.map(|operation| operation.operands[5].as_float().expect("a number")).fold(0.0, f32::max)
}

async fn a_note_is_never_taken_for_another_line(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = noted(&app, "thanks\r\nStatus: paid\n\u{1b}[2J").await;
    let text = app.get(&receipt(&order, ".txt")).await.text;
    assert_eq!(text.lines().filter(|line| line.starts_with("Status: ")).collect::<Vec<_>>(), ["Status: pending"]);
    assert!(text.ends_with("Customer note: thanks / Status: paid / \u{fffd}[2J\n"), "{text:?}");
}

async fn the_same_receipt_of_the_same_time_is_the_same_file(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = noted(&app, "תודה, спасибо, 谢谢 🎉").await;
    let first = Page::of(&app, &order).await;
    assert!(first.bytes == Page::of(&app, &order).await.bytes);
    app.advance(Span::seconds(1)).await;
    assert!(first.bytes != Page::of(&app, &order).await.bytes);
    let of_time = |answer: Value| answer["issued_at"].clone();
    assert_eq!(of_time(app.get(&receipt(&order, "")).await.json()), "2026-05-12T12:00:01.000Z");
}
