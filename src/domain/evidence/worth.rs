//! What the provider says that a payment's money was worth.
//!
//! Coins are taken at the rate of the hour of their arrival, so the same amount of a coin is worth another price
//! later. The provider tells it in up to three ways, and often in none (contract, section 2, "Late rate").

use crate::domain::money::{Coin, CoinAmount, Currency};

/// What a report says of a payment's worth; each part where it is present.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PaymentWorth {
    /// `actually_paid_at_fiat`: the worth on arrival, in major units of the price's currency. The provider often
    /// sends 0 although money arrived, so 0 says nothing.
    pub paid_at_fiat: Option<CoinAmount>,
    /// `outcome_amount`: what the merchant is paid out, in `outcome_currency`, after the fees.
    pub outcome_amount: Option<CoinAmount>,
    /// `outcome_currency`.
    pub outcome_currency: Option<Coin>,
    /// `fee`: what the provider keeps.
    pub fees: Option<ProviderFees>,
}

/// The provider's fees of one payment, summed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderFees {
    /// The coin in which they are told.
    pub currency: Coin,
    /// Deposit, withdrawal and service fee together.
    pub total: CoinAmount,
}

/// The coins that are pegged to a currency, by how their codes begin; the network follows (`usdttrc20`).
const PEGGED: &[(&str, &[&str])] = &[
    ("USD", &["usdt", "usdc", "busd", "dai", "tusd", "usdp", "gusd", "fdusd", "pyusd"]),
    ("EUR", &["eurt", "eurc", "eurs"]),
];

/// The networks that the provider names behind a coin's code.
const NETWORKS: &[&str] = &[
    "", "trc20", "erc20", "bsc", "bep20", "matic", "polygon", "sol", "arb", "arc20", "arbitrum", "op", "optimism",
    "base", "avaxc", "ton", "near", "algo", "celo", "dot", "eos", "apt", "zksync", "xlm", "kava", "omni", "mainnet",
];

impl PaymentWorth {
    /// Takes over what a newer report says; what it leaves out stays as it was.
    pub fn learn(&mut self, told: &Self) {
        let said = |amount: &Option<CoinAmount>| amount.as_ref().is_some_and(|amount| !amount.is_zero());
        if said(&told.paid_at_fiat) {
            self.paid_at_fiat.clone_from(&told.paid_at_fiat);
        }
        if said(&told.outcome_amount) {
            self.outcome_amount.clone_from(&told.outcome_amount);
            self.outcome_currency.clone_from(&told.outcome_currency);
            self.fees.clone_from(&told.fees);
        }
    }

    /// Returns the worth in major units of this currency, which is the price's; none where it is not known.
    ///
    /// It is `actually_paid_at_fiat`, else the outcome with the fees where the outcome is in the currency or in a coin
    /// pegged to it. Fees in any other coin cannot be added, so the worth is then not known.
    #[must_use]
    pub fn in_currency(&self, currency: Currency) -> Option<CoinAmount> {
        if let Some(worth) = self.paid_at_fiat.as_ref().filter(|worth| !worth.is_zero()) {
            return Some(worth.clone());
        }
        let (outcome, coin) = self.outcome_amount.as_ref().zip(self.outcome_currency.as_ref())?;
        if outcome.is_zero() || !is_worth(coin, currency) {
            return None;
        }
        match &self.fees {
            None => Some(outcome.clone()),
            Some(fees) if fees.total.is_zero() => Some(outcome.clone()),
            Some(fees) if is_worth(&fees.currency, currency) => Some(outcome.plus(&fees.total)),
            Some(_) => None,
        }
    }
}

/// True if one of the coin is one of the currency.
fn is_worth(coin: &Coin, currency: Currency) -> bool {
    let code = coin.as_str();
    let pegged = PEGGED.iter().find(|(name, _)| *name == currency.as_str()).map_or(&[][..], |(_, coins)| coins);
    let on_a_network = |begins: &&str| code.strip_prefix(*begins).is_some_and(|network| NETWORKS.contains(&network));
    code.eq_ignore_ascii_case(currency.as_str()) || pegged.iter().any(on_a_network)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(text: &str) -> Option<CoinAmount> {
        CoinAmount::parse(text)
    }

    fn usd(worth: &PaymentWorth) -> Option<String> {
        worth.in_currency(Currency::parse("USD").unwrap()).map(|worth| worth.to_string())
    }

    fn outcome(of: &str, coin: &str, fees: Option<(&str, &str)>) -> PaymentWorth {
        let fees = fees
            .map(|(total, coin)| ProviderFees { currency: Coin::parse(coin).unwrap(), total: amount(total).unwrap() });
        PaymentWorth {
            outcome_amount: amount(of),
            outcome_currency: Coin::parse(coin),
            fees,
            ..PaymentWorth::default()
        }
    }

    #[test]
    fn the_worth_is_the_fiat_amount_else_the_outcome_with_its_fees() {
        let told = |text: &str| Some(text.to_owned());
        let fiat = PaymentWorth { paid_at_fiat: amount("78.9"), ..outcome("39.1", "usdttrc20", None) };
        assert_eq!(usd(&fiat), told("78.9"));
        let unsaid = PaymentWorth { paid_at_fiat: amount("0"), ..outcome("39.1", "usdttrc20", None) };
        assert_eq!(usd(&unsaid), told("39.1"));
        assert_eq!(usd(&outcome("78", "usd", Some(("0.5", "usdterc20")))), told("78.5"));
        assert_eq!(usd(&outcome("78", "usdcmatic", Some(("0", "btc")))), told("78"));
        for unknown in [
            outcome("78", "usdcmatic", Some(("0.0001", "btc"))),
            outcome("0.0011", "btc", None),
            outcome("78", "usdtrust", None),
            outcome("78", "eurt", None),
            outcome("0", "usd", None),
            PaymentWorth::default(),
        ] {
            assert_eq!(usd(&unknown), None, "{unknown:?}");
        }
    }
}
