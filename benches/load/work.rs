//! What is asked of the server, and what its answers must be.

use std::io::Write;
use std::time::{Duration, Instant};

use crypto_orders::provider::signature::sign;

use crate::site::client::{Answer, Work};
use crate::site::server::{Customer, IPN_SECRET};

/// When checkouts end.
#[derive(Default)]
pub enum Until {
    /// There are none.
    #[default]
    Now,
    /// Then.
    At(Instant),
    /// Once there are so many.
    Made(u64),
}

impl Until {
    /// From now on so long.
    pub fn at(after: Duration) -> Self {
        Self::At(Instant::now() + after)
    }

    /// True once the time has come, or so many were asked for.
    fn is_over(&self, asked: u64) -> bool {
        match self {
            Self::Now => true,
            Self::At(at) => *at <= Instant::now(),
            Self::Made(count) => *count <= asked,
        }
    }
}

/// Checkouts, each under a key of its own.
#[derive(Default)]
pub struct Checkouts {
    /// When they end.
    pub until: Until,
    plaintext: String,
    asked: u64,
    orders: Vec<OrderBytes>,
}

/// An order's id as the answer writes it.
pub type OrderBytes = [u8; 36];

impl Checkouts {
    /// None yet.
    pub fn new(customer: &Customer) -> Self {
        Self { plaintext: customer.plaintext.clone(), ..Self::default() }
    }

    /// Goes on after this number of keys.
    pub fn begin_at(&mut self, asked: u64) {
        self.asked = asked;
    }

    /// How many were acknowledged.
    pub fn made(&self) -> u64 {
        u64::try_from(self.orders.len()).expect("a count")
    }

    /// The orders that were.
    pub fn orders(&self) -> &[OrderBytes] {
        &self.orders
    }
}

impl Work for Checkouts {
    fn next(&mut self, request: &mut Vec<u8>) -> bool {
        if self.until.is_over(self.asked) {
            return false;
        }
        self.asked += 1;
        let body = r#"{"product":"solo_manual","price_cents":7900,"price_currency":"USD","pay_currency":"btc"}"#;
        request.clear();
        write!(
            request,
            "POST /v1/billing/crypto-checkout HTTP/1.1\r\nhost: load\r\nauthorization: Bearer {}\r\n\
             idempotency-key: load-{:012}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.plaintext,
            self.asked,
            body.len()
        )
        .is_ok()
    }

    fn heard(&mut self, answer: &Answer<'_>) {
        assert_eq!(answer.status, 201, "{}", String::from_utf8_lossy(answer.body));
        let name = br#""order_id":""#;
        let at = answer.body.windows(name.len()).position(|part| part == name).expect("the answer names its order");
        let id = answer.body.get(at + name.len()..).and_then(|rest| rest.first_chunk());
        self.orders.push(*id.expect("an order's id"));
    }
}

/// The first payment.
const PAYMENTS_FROM: u64 = 5_000_000_000;

/// IPNs that settle orders, signed beforehand.
#[derive(Default)]
pub struct Ipns {
    requests: Vec<Vec<u8>>,
    paid: u64,
}

impl Ipns {
    /// One for each of these orders, its price matched and its payment in full.
    pub fn settling(orders: &[OrderBytes]) -> Self {
        Self::settling_after(0, orders)
    }

    /// The same on a server that has heard of so many payments already.
    pub fn settling_after(heard: u64, orders: &[OrderBytes]) -> Self {
        // The last comes first, and takes its request away: only those not sent yet are in memory.
        let requests =
            (PAYMENTS_FROM + heard..).zip(orders.iter().rev()).map(|(payment, order)| settling(payment, order));
        Self { requests: requests.collect(), paid: 0 }
    }

    /// One, of this payment for this order.
    pub fn paying(payment: u64, order: &OrderBytes) -> Self {
        Self { requests: vec![settling(payment, order)], paid: 0 }
    }

    /// How many were acknowledged.
    pub fn paid(&self) -> u64 {
        self.paid
    }
}

impl Work for Ipns {
    fn next(&mut self, request: &mut Vec<u8>) -> bool {
        let next = self.requests.pop();
        *request = next.unwrap_or_default();
        !request.is_empty()
    }

    fn heard(&mut self, answer: &Answer<'_>) {
        let told = String::from_utf8_lossy(answer.body);
        assert!(answer.status == 200 && told.contains(r#""order_state":"paid""#), "{} {told}", answer.status);
        self.paid += 1;
    }
}

/// The request, its fields in the provider's order.
fn settling(payment: u64, order: &OrderBytes) -> Vec<u8> {
    let order = std::str::from_utf8(order).expect("an id is text");
    let body = format!(
        r#"{{"actually_paid":0.0024,"actually_paid_at_fiat":0,"fee":{{"currency":"btc","depositFee":0.00001,"serviceFee":0,"withdrawalFee":0}},"invoice_id":null,"order_description":null,"order_id":"{order}","outcome_amount":0.00237,"outcome_currency":"btc","parent_payment_id":null,"pay_address":"bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq","pay_amount":0.0024,"pay_currency":"btc","payin_extra_id":null,"payment_extra_ids":null,"payment_id":{payment},"payment_status":"finished","price_amount":79,"price_currency":"usd","purchase_id":"{payment}","updated_at":1765000000000}}"#
    );
    let signature = sign(IPN_SECRET, body.as_bytes()).expect("the secret is not blank");
    let length = body.len();
    format!(
        "POST /v1/webhooks/nowpayments HTTP/1.1\r\nhost: load\r\nx-nowpayments-sig: {signature}\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// First pages of the customer's list: reads, to compare with.
#[derive(Default)]
pub struct Lists {
    request: String,
    left: usize,
}

impl Lists {
    /// A few thousand.
    pub fn new(customer: &Customer) -> Self {
        Self { request: Self::request(customer), left: 5_000 }
    }

    /// One.
    pub fn request(customer: &Customer) -> String {
        let plaintext = &customer.plaintext;
        format!(
            "GET /v1/billing/crypto-orders?limit=20 HTTP/1.1\r\nhost: load\r\nauthorization: Bearer {plaintext}\r\n\r\n"
        )
    }
}

impl Work for Lists {
    fn next(&mut self, request: &mut Vec<u8>) -> bool {
        let Some(left) = self.left.checked_sub(1) else { return false };
        self.left = left;
        request.clear();
        request.extend_from_slice(self.request.as_bytes());
        true
    }

    fn heard(&mut self, answer: &Answer<'_>) {
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(answer.body));
    }
}

/// Reads of paid orders, each with its events, one order after the other and around again.
#[derive(Default)]
pub struct Reads {
    until: Until,
    plaintext: String,
    asked: usize,
    orders: Vec<OrderBytes>,
}

impl Reads {
    /// From now on so long.
    pub fn new(customer: &Customer, orders: &[OrderBytes], span: Duration) -> Self {
        Self { until: Until::at(span), plaintext: customer.plaintext.clone(), asked: 0, orders: orders.to_vec() }
    }
}

impl Work for Reads {
    fn next(&mut self, request: &mut Vec<u8>) -> bool {
        if self.until.is_over(0) {
            return false;
        }
        let order = self.orders.get(self.asked % self.orders.len()).and_then(|order| std::str::from_utf8(order).ok());
        let (order, plaintext) = (order.expect("an id is text"), &self.plaintext);
        self.asked += 1;
        request.clear();
        write!(
            request,
            "GET /v1/billing/crypto-orders/{order} HTTP/1.1\r\nhost: load\r\nauthorization: Bearer {plaintext}\r\n\r\n"
        )
        .is_ok()
    }

    fn heard(&mut self, answer: &Answer<'_>) {
        let told = String::from_utf8_lossy(answer.body);
        let parts = [r#""order_id":""#, r#""status":"paid""#, r#""events":[{"#];
        assert!(answer.status == 200 && parts.iter().all(|part| told.contains(part)), "{} {told}", answer.status);
    }
}
