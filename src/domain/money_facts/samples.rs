//! Every kind of ledger that an order of 0.5 ether can have, for the tests of whoever tells what came.

use crate::domain::evidence::{PaymentWorth, ProviderWord};
use crate::domain::ids::PaymentId;
use crate::domain::ledger::{OtherMoney, Payment, Role, UnclearMoney};
use crate::domain::money::{Coin, CoinAmount};
use crate::domain::time::Timestamp;

/// The words under which a payment can stand; the last one is not known.
pub const WORDS: [&str; 10] = [
    "waiting",
    "confirming",
    "confirmed",
    "sending",
    "partially_paid",
    "finished",
    "failed",
    "expired",
    "refunded",
    "on_hold",
];

fn amount(text: &str) -> CoinAmount {
    CoinAmount::parse(text).unwrap()
}

/// A payment over 0.5 ether, bound, under this word, of which so much is reported.
pub fn payment(word: &str, received: Option<&str>) -> Payment {
    Payment {
        id: PaymentId::parse("pay-1").unwrap(),
        role: Role::Bound,
        word: ProviderWord::parse(word),
        coin: Coin::parse("eth"),
        pay_amount: Some(amount("0.5")),
        received: received.map(amount),
        other: None,
        unclear: None,
        worth: PaymentWorth::default(),
        before_failure: None,
        provider_at: None,
        first_seen_at: Timestamp::from_millis(1_778_590_860_000),
        pay_to: None,
    }
}

/// A further deposit to the address of `payment`, in this coin.
pub fn child(word: &str, coin: &str, received: Option<&str>) -> Payment {
    Payment {
        id: PaymentId::parse("pay-2").unwrap(),
        role: Role::Child(PaymentId::parse("pay-1").unwrap()),
        coin: Coin::parse(coin),
        ..payment(word, received)
    }
}

/// So much, in a coin that is not the payment's.
pub fn other(coin: &str, received: &str) -> Option<OtherMoney> {
    Some(OtherMoney { coin: Coin::parse(coin).unwrap(), received: amount(received) })
}

/// So much, in this coin, under a word that is not known.
pub fn unclear(coin: &str, received: &str) -> Option<UnclearMoney> {
    let word = ProviderWord::parse("on_hold");
    Some(UnclearMoney { word, coin: Coin::parse(coin), received: amount(received) })
}

/// What a payment was worth when it came, in the currency of the price.
pub fn worth(paid_at_fiat: &str) -> PaymentWorth {
    PaymentWorth { paid_at_fiat: CoinAmount::parse(paid_at_fiat), ..PaymentWorth::default() }
}

/// Every ledger of the kinds that differ in what can be told of it.
pub fn ledgers() -> Vec<Vec<Payment>> {
    let mut ledgers = vec![Vec::new()];
    for word in WORDS {
        for received in [None, Some("0"), Some("0.4"), Some("0.499"), Some("0.5"), Some("0.6")] {
            ledgers.push(vec![payment(word, received)]);
            ledgers.push(vec![Payment { other: other("btc", "0.01"), ..payment(word, received) }]);
            ledgers.push(vec![payment(word, received), child("finished", "usdtbsc", Some("7"))]);
        }
        for received in [None, Some("0.4")] {
            ledgers.push(vec![Payment { unclear: unclear("eth", "0.45"), ..payment(word, received) }]);
            ledgers.push(vec![Payment { unclear: unclear("usdtbsc", "8"), ..payment(word, received) }]);
        }
        ledgers.push(vec![Payment { other: other("btc", "0.01"), worth: worth("78.98"), ..payment(word, None) }]);
        ledgers.push(vec![Payment { worth: worth("39.1"), ..payment(word, Some("0.5")) }]);
        ledgers.push(vec![Payment { coin: None, ..payment(word, Some("0.4")) }]);
        for waiting in ["waiting", "partially_paid", "refunded"] {
            ledgers.push(vec![payment(waiting, Some("0.3")), child(word, "eth", Some("0.2"))]);
            ledgers.push(vec![payment(waiting, None), child(word, "usdtbsc", Some("7"))]);
        }
        ledgers.push(vec![child(word, "eth", Some("0.2"))]);
        ledgers.push(vec![payment("waiting", None), Payment { coin: None, ..child(word, "eth", Some("0.2")) }]);
    }
    ledgers
}
