//! Many clients at once who buy and pay, remember what was acknowledged, and ask for it later.
//!
//! Two clients share each key, so that the same checkout and the same IPN are always under way twice.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use futures_util::future::join_all;
use tokio::task::JoinHandle;

use super::door::{Door, eventually};
use super::{Answer, payment};

/// How many clients there are; each pair shares its keys.
const CLIENTS: usize = 8;
/// What the provider says of every payment, one after the other, and the status that it brings.
const WORDS: [(&str, &str); 3] = [("waiting", "pending"), ("confirming", "confirming"), ("finished", "paid")];

/// What one key came to, as its clients know.
#[derive(Debug, Default, Clone)]
pub struct Bought {
    /// The order, if anybody was told of it.
    pub order: Option<String>,
    /// How many of the provider's words were acknowledged.
    pub heard: usize,
}

/// Everything that was asked, by key.
pub type Bills = BTreeMap<String, Bought>;

/// Clients at work.
pub struct Load {
    shared: Rc<Shared>,
    clients: Vec<JoinHandle<()>>,
}

struct Shared {
    door: Door,
    name: String,
    /// What a client does that is answered 503: go home, or ask again.
    on_refusal: OnRefusal,
    bills: RefCell<Bills>,
    acknowledged: Cell<usize>,
    stop: Cell<bool>,
}

/// What a client does that is answered 503 or not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnRefusal {
    /// It has enough.
    GoHome,
    /// It goes on with the next key.
    NextKey,
}

impl Load {
    /// Sends clients to this door; their keys begin with `name`.
    pub fn start(door: &Door, name: &str, on_refusal: OnRefusal) -> Self {
        let shared = Rc::new(Shared {
            door: door.clone(),
            name: name.to_owned(),
            on_refusal,
            bills: RefCell::default(),
            acknowledged: Cell::new(0),
            stop: Cell::new(false),
        });
        let clients = (0..CLIENTS).map(|client| actix::spawn(shared.clone().buy_and_pay(client))).collect();
        Self { shared, clients }
    }

    /// Waits until so many requests were acknowledged.
    pub async fn reached(&self, acknowledged: usize) {
        let enough = async || (self.shared.acknowledged.get() >= acknowledged).then_some(());
        eventually("the load gets on", enough).await;
    }

    /// Sends the clients home after what they are at, and answers what they know.
    pub async fn finish(self) -> Bills {
        self.shared.stop.set(true);
        for client in join_all(self.clients).await {
            client.expect("a client that meets no surprise");
        }
        self.shared.bills.borrow().clone()
    }
}

impl Shared {
    async fn buy_and_pay(self: Rc<Self>, client: usize) {
        for number in 0.. {
            let done = self.one(format!("{}-{}-{number}", self.name, client / 2)).await;
            if self.stop.get() || (done.is_none() && self.on_refusal == OnRefusal::GoHome) {
                return;
            }
        }
    }

    /// One key from checkout to paid; none as soon as something is not acknowledged.
    async fn one(&self, key: String) -> Option<()> {
        self.bills.borrow_mut().entry(key.clone()).or_default();
        let answer = self.acknowledged(self.door.checkout(&key).await, 201)?;
        let order = order_of(&answer);
        let known = self.bills.borrow_mut().entry(key.clone()).or_default().order.replace(order.clone());
        assert!(known.is_none_or(|known| known == order), "{key} made two orders");
        for (heard, (word, _)) in WORDS.iter().enumerate() {
            self.acknowledged(self.door.ipn(&payment(&order, &payment_of(&order), word)).await, 200)?;
            let mut bills = self.bills.borrow_mut();
            let bought = bills.entry(key.clone()).or_default();
            bought.heard = bought.heard.max(heard + 1);
        }
        Some(())
    }

    fn acknowledged(&self, answer: Option<Answer>, code: u16) -> Option<Answer> {
        let answer = answer?;
        assert!([code, 503].contains(&answer.code()), "{}: {}", answer.code(), answer.text);
        if answer.code() == 503 {
            answer.problem(503, "feature-unavailable");
            assert!(answer.header("retry-after").is_some());
            return None;
        }
        self.acknowledged.set(self.acknowledged.get() + 1);
        Some(answer)
    }
}

/// Asserts that everything acknowledged is there, then asks again for everything that was not: every key
/// comes to one order, and every order to paid.
pub async fn settle(door: &Door, bills: &Bills) {
    let asked = bills.iter().map(|(key, bought)| async move {
        let answer = door.checkout(key).await.expect("an answer");
        assert_eq!(answer.code(), 201, "{}", answer.text);
        let order = order_of(&answer);
        if let Some(known) = &bought.order {
            assert_eq!((&order, answer.header("idempotent-replayed")), (known, Some("1")), "{key}");
        }
        let reached = WORDS[..bought.heard].last().map_or("pending", |(_, status)| status);
        let rank = |status: &str| WORDS.iter().position(|(_, known)| *known == status).expect("a status of these");
        let status = answer.json()["status"].as_str().map(rank).expect("a status");
        assert!(rank(reached) <= status, "{order} was {reached}: {}", answer.text);
        for (word, _) in WORDS {
            let answer = door.ipn(&payment(&order, &payment_of(&order), word)).await.expect("an answer");
            assert_eq!(answer.code(), 200, "{}", answer.text);
        }
        let events = door.get(&format!("/v1/billing/crypto-orders/{order}/events")).await.expect("an answer").json();
        let last = events["events"].as_array().and_then(|events| events.last()).map(|event| event["status"].clone());
        assert_eq!(last, Some("paid".into()), "{events}");
    });
    let mut asked: Vec<_> = asked.collect();
    while !asked.is_empty() {
        let rest = asked.split_off(asked.len().min(CLIENTS));
        join_all(std::mem::replace(&mut asked, rest)).await;
    }
}

fn order_of(answer: &Answer) -> String {
    answer.json()["order_id"].as_str().expect("an order id").to_owned()
}

/// The payment of an order in these tests.
fn payment_of(order: &str) -> String {
    format!("pay-{order}")
}
