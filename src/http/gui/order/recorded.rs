//! What is recorded of an order's money, in the words of the operators' pages.
//!
//! The facts are [`MoneyFacts`]'; the sentence over the order, the offers and the list of facts put them together.

use crate::domain::evidence::ProviderWord;
use crate::domain::money::{Coin, CoinAmount};
use crate::domain::money_facts::{AmountStanding, MoneyFacts, SeenAmount};

/// Returns all that is recorded, as a sentence; never more than the ledger says, and never less.
pub fn recorded(facts: &MoneyFacts) -> String {
    let mut parts = Vec::new();
    if !facts.settled.is_zero() {
        parts.push(format!("{} {} has arrived", facts.settled, coin(facts)));
    }
    parts.extend(uncounted(facts));
    match parts.as_slice() {
        [] if facts.was_reported => "A payment was reported, without an amount.".to_owned(),
        [] => "No payment has been seen.".to_owned(),
        _ => format!("Recorded: {}.", parts.join("; ")),
    }
}

/// Returns what is recorded beside the sum, as a further sentence; empty where there is nothing else.
pub fn besides(facts: &MoneyFacts) -> String {
    match uncounted(facts).as_slice() {
        [] => String::new(),
        parts => format!(" Also recorded: {}.", parts.join("; ")),
    }
}

/// Returns each amount that is no part of the sum, with the reason.
pub fn uncounted(facts: &MoneyFacts) -> Vec<String> {
    facts.uncounted().map(|seen| told(facts, seen)).collect()
}

/// Returns what came in another coin than the order's: `79 USDTBSC and 0.1 BNB`; none where nothing did.
pub fn in_wrong_coin(facts: &MoneyFacts) -> Option<String> {
    let amounts: Vec<String> = facts.in_wrong_coin().map(|(seen, _)| shown(facts, seen)).collect();
    (!amounts.is_empty()).then(|| amounts.join(" and "))
}

/// Returns what an acceptance leaves out or replaces, as a further sentence.
pub fn in_place_of(facts: &MoneyFacts) -> String {
    let is_returned = facts.with(AmountStanding::Returned).next().is_some();
    match facts.owed.filter(|_| facts.settled.is_zero() && !is_returned && !facts.amounts.is_empty()) {
        Some(owed) => format!(" It stands in place of the {owed} {} owed.", coin(facts)),
        None => String::new(),
    }
}

/// Returns the order's coin as people write it.
pub fn coin(facts: &MoneyFacts) -> String {
    facts.coin.map_or_else(|| "(coin unknown)".to_owned(), in_capitals)
}

fn told(facts: &MoneyFacts, seen: &SeenAmount) -> String {
    let (amount, word) = (shown(facts, seen), seen.word);
    match seen.standing {
        AmountStanding::Counted => format!("{amount} has arrived"),
        AmountStanding::OtherCoin => other_coin(facts, seen, &amount),
        AmountStanding::Returned => format!("{amount} came, but the provider calls its payment {}", word.as_str()),
        AmountStanding::Unsettled => match word {
            ProviderWord::Unknown(word) => {
                format!("{amount} was reported under the word \u{201c}{word}\u{201d}, which is not known here")
            }
            word => format!("{amount} was reported as {}, which does not settle it", word.as_str()),
        },
    }
}

fn other_coin(facts: &MoneyFacts, seen: &SeenAmount, amount: &str) -> String {
    match (seen.coin, facts.coin) {
        (None, _) => format!("{amount} came, in a coin that the provider did not name"),
        (_, None) => format!("{amount} came, but in which coin the order is owed is not known"),
        (Some(came), Some(owed)) if came == owed => format!("{amount} came under a payment in another coin"),
        (Some(_), Some(_)) => format!("{amount} came in another coin"),
    }
}

/// Returns an amount as `79 USDTBSC (worth 78.98 USD when it came)`, the worth where it is known.
fn shown(facts: &MoneyFacts, seen: &SeenAmount) -> String {
    let amount = amount(seen.amount, seen.coin);
    match &seen.worth {
        Some(worth) => format!("{amount} (worth {} when it came)", facts.as_money(worth)),
        None => amount,
    }
}

fn amount(amount: &CoinAmount, coin: Option<&Coin>) -> String {
    coin.map_or_else(|| amount.to_string(), |coin| format!("{amount} {}", in_capitals(coin)))
}

fn in_capitals(coin: &Coin) -> String {
    coin.as_str().to_uppercase()
}
