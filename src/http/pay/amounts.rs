//! Amounts in the words of the buyer's page: what arrived, what was seen, what was sent back.
//!
//! The facts are [`MoneyFacts`]'. A coin is named by the ticker that people know, and by its network where two coins
//! share a ticker.

use crate::domain::evidence::ProviderWord;
use crate::domain::money::{Coin, CoinAmount};
use crate::domain::money_facts::{AmountStanding, MoneyFacts, SeenAmount};

use super::coin::{Named, named, ticker};

/// Returns `0.5 ETH`.
pub fn amount_of(amount: &CoinAmount, coin: &Coin) -> String {
    format!("{amount} {}", ticker(coin))
}

/// Returns every amount with what became of it, as one sentence; none where no amount is known.
pub fn all(facts: &MoneyFacts) -> Option<String> {
    let settled = (!facts.settled.is_zero()).then(|| format!("{} has arrived", in_coin(&facts.settled, facts.coin)));
    sentence(settled.into_iter().chain(facts.uncounted().map(became)))
}

/// Returns what was sent back, as one sentence; none where nothing was.
pub fn sent_back(facts: &MoneyFacts) -> Option<String> {
    sentence(facts.uncounted().filter(|seen| was_refunded(seen)).map(became))
}

/// Returns what [`in_wrong_coin`] leaves out, as one sentence; none where it tells of all.
pub fn beside_wrong_coin(facts: &MoneyFacts) -> Option<String> {
    let is_told = |seen: &SeenAmount| facts.in_wrong_coin().any(|(wrong, _)| wrong == seen);
    sentence(facts.uncounted().filter(|seen| !is_told(seen)).map(became))
}

/// Returns what came in a coin in which the order cannot be paid, without a full stop; none where nothing did.
pub fn in_wrong_coin(facts: &MoneyFacts) -> Option<String> {
    let is_alike = facts.in_wrong_coin().any(|(_, [came, owed])| ticker(came) == ticker(owed));
    let name = |coin: &Coin| if is_alike { on_its_network(coin) } else { ticker(coin) };
    let wrong: Vec<String> =
        facts.in_wrong_coin().map(|(seen, [came, _])| worth_told(facts, seen, &name(came))).collect();
    let owed = facts.coin.filter(|_| !wrong.is_empty())?;
    let settled = (!facts.settled.is_zero()).then(|| format!("{} {}", facts.settled, name(owed)));
    let came: Vec<String> = settled.into_iter().chain(wrong).collect();
    let verb = if came.len() == 1 { "has" } else { "have" };
    Some(format!("{} {verb} arrived, but this order is in {}", came.join(" and "), name(owed)))
}

/// Returns `79 USDT (worth 78.98 USD)`, the worth where it is known.
fn worth_told(facts: &MoneyFacts, seen: &SeenAmount, coin: &str) -> String {
    let amount = seen.amount;
    match &seen.worth {
        Some(worth) => format!("{amount} {coin} (worth {})", facts.as_money(worth)),
        None => format!("{amount} {coin}"),
    }
}

fn sentence(parts: impl Iterator<Item = String>) -> Option<String> {
    let parts: Vec<String> = parts.collect();
    (!parts.is_empty()).then(|| format!("{}.", parts.join("; ")))
}

fn became(seen: &SeenAmount) -> String {
    let amount = in_coin(seen.amount, seen.coin);
    match seen.standing {
        AmountStanding::Counted | AmountStanding::OtherCoin => format!("{amount} has arrived"),
        AmountStanding::Unsettled => format!("{amount} has been seen"),
        AmountStanding::Returned if was_refunded(seen) => format!("{amount} was sent back"),
        AmountStanding::Returned => format!("{amount} has been seen, but that payment failed"),
    }
}

fn was_refunded(seen: &SeenAmount) -> bool {
    seen.standing == AmountStanding::Returned && *seen.word == ProviderWord::Refunded
}

fn in_coin(amount: &CoinAmount, coin: Option<&Coin>) -> String {
    coin.map_or_else(|| format!("{amount} of an unnamed coin"), |coin| amount_of(amount, coin))
}

/// Returns `USDT on Tron (TRC-20)`; the provider's code where no network is known.
fn on_its_network(coin: &Coin) -> String {
    match named(coin, None) {
        Named { only, network: Some(network), .. } => format!("{only} on {network}"),
        Named { only, network: None, .. } => only,
    }
}
