//! The simulator's market: a handful of coins at prices that never move, and some currencies.
//!
//! All is exact decimals; a payer is asked for an amount rounded up at the coin's precision.

use std::str::FromStr;

use bigdecimal::{BigDecimal, RoundingMode, Zero};

use super::dice::Dice;

/// A coin.
#[derive(Debug)]
pub(super) struct Coin {
    pub(super) code: &'static str,
    pub(super) name: &'static str,
    pub(super) network: &'static str,
    /// US dollars for one.
    usd: &'static str,
    /// Digits behind the point that can be sent.
    pub(super) precision: i64,
    /// The least worth of a payment, US dollars.
    usd_min: &'static str,
    /// True if a payment needs a memo beside the address.
    pub(super) has_memo: bool,
    /// The token's contract; none for a chain's own coin.
    pub(super) contract: Option<&'static str>,
    letters: Letters,
}

/// What an address looks like.
#[derive(Debug, Clone, Copy)]
enum Letters {
    /// `0x` and 40 hex digits.
    Hex,
    /// This, and so many letters of base 58.
    Base58(&'static str, usize),
}

/// A chain's own coin, and what of it need not be said.
const PLAIN: Coin = Coin {
    code: "",
    name: "",
    network: "",
    usd: "1",
    precision: 8,
    usd_min: "1",
    has_memo: false,
    contract: None,
    letters: Letters::Hex,
};

/// All of them, in the order in which they are listed.
pub(super) const COINS: &[Coin] = &[
    Coin {
        code: "btc",
        name: "Bitcoin",
        network: "btc",
        usd: "64250.5",
        usd_min: "10",
        letters: Letters::Base58("3", 33),
        ..PLAIN
    },
    Coin { code: "eth", name: "Ethereum", network: "eth", usd: "3120.75", usd_min: "5", ..PLAIN },
    Coin {
        code: "ltc",
        name: "Litecoin",
        network: "ltc",
        usd: "84.2",
        usd_min: "2",
        letters: Letters::Base58("M", 33),
        ..PLAIN
    },
    Coin {
        code: "trx",
        name: "Tron",
        network: "trx",
        usd: "0.1203",
        precision: 6,
        usd_min: "2",
        letters: Letters::Base58("T", 33),
        ..PLAIN
    },
    Coin { code: "bnbbsc", name: "BNB Smart Chain", network: "bsc", usd: "588.4", usd_min: "2", ..PLAIN },
    Coin { code: "maticmainnet", name: "Polygon", network: "matic", usd: "0.5421", usd_min: "0.1", ..PLAIN },
    Coin {
        code: "xrp",
        name: "Ripple",
        network: "xrp",
        usd: "0.5187",
        precision: 6,
        usd_min: "2",
        letters: Letters::Base58("r", 33),
        has_memo: true,
        ..PLAIN
    },
    Coin {
        code: "usdttrc20",
        name: "Tether USD (Tron)",
        network: "trx",
        usd: "1.0002",
        precision: 6,
        usd_min: "8",
        letters: Letters::Base58("T", 33),
        contract: Some("TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"),
        ..PLAIN
    },
    Coin {
        code: "usdtbsc",
        name: "Tether USD (BSC)",
        network: "bsc",
        usd: "1.0002",
        contract: Some("0x55d398326f99059fF775485246999027B3197955"),
        ..PLAIN
    },
    Coin {
        code: "usdc",
        name: "USD Coin",
        network: "eth",
        usd: "0.9999",
        precision: 6,
        usd_min: "8",
        contract: Some("0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"),
        ..PLAIN
    },
];

/// Currencies, and US dollars for one unit.
const CURRENCIES: &[(&str, &str)] = &[
    ("usd", "1"),
    ("eur", "1.0842"),
    ("gbp", "1.2714"),
    ("chf", "1.1203"),
    ("cad", "0.7311"),
    ("aud", "0.6602"),
    ("pln", "0.2513"),
    ("sek", "0.0951"),
    ("jpy", "0.0067"),
    ("krw", "0.00074"),
    ("kwd", "3.2561"),
    ("bhd", "2.6525"),
];

impl Coin {
    /// The coin of this code, in any case.
    pub(super) fn find(code: &str) -> Option<&'static Self> {
        COINS.iter().find(|coin| coin.code.eq_ignore_ascii_case(code))
    }

    /// A coin that this one may be mistaken for.
    pub(super) fn mistaken(&self) -> Option<&'static Self> {
        COINS
            .iter()
            .find(|other| other.code != self.code && other.network == self.network)
            .or(COINS.iter().find(|other| other.code != self.code))
    }

    /// US dollars for one.
    pub(super) fn usd(&self) -> BigDecimal {
        number(self.usd)
    }

    /// What a payment must come to at the least, in the coin.
    pub(super) fn minimum(&self) -> BigDecimal {
        self.rounded_up(&(number(self.usd_min) / self.usd()))
    }

    /// Up to what can be sent: who rounds down asks for too little.
    pub(super) fn rounded_up(&self, amount: &BigDecimal) -> BigDecimal {
        amount.with_scale_round(self.precision, RoundingMode::Ceiling)
    }

    /// Down to what can be sent.
    pub(super) fn rounded_down(&self, amount: &BigDecimal) -> BigDecimal {
        amount.with_scale_round(self.precision, RoundingMode::Floor)
    }

    /// The least that can be sent.
    pub(super) fn dust(&self) -> BigDecimal {
        BigDecimal::new(1.into(), self.precision)
    }

    /// An address for this payment; nobody owns it.
    pub(super) fn address(&self, dice: Dice, payment: u64) -> String {
        let bytes = dice.bytes("address", payment);
        match self.letters {
            Letters::Hex => format!("0x{}", data_encoding::HEXLOWER.encode(bytes.get(..20).unwrap_or_default())),
            Letters::Base58(first, length) => {
                let more = dice.bytes("more of the address", payment);
                let letters = bytes.iter().chain(&more).take(length).map(|byte| base58(*byte));
                first.chars().chain(letters).collect()
            }
        }
    }
}

/// What this much of one thing is worth in another, exact as far as decimals go; none for what is not traded.
pub(super) fn exchanged(amount: &BigDecimal, from: &str, to: &str) -> Option<BigDecimal> {
    let to = usd_of(to).filter(|usd| !usd.is_zero())?;
    Some(amount * usd_of(from)? / to)
}

/// True for a coin or a currency that is traded here.
pub(super) fn is_known(code: &str) -> bool {
    usd_of(code).is_some()
}

/// US dollars for one unit of a coin or a currency.
fn usd_of(code: &str) -> Option<BigDecimal> {
    let currency = CURRENCIES.iter().find(|(known, _)| known.eq_ignore_ascii_case(code));
    currency.map(|(_, usd)| number(usd)).or_else(|| Coin::find(code).map(Coin::usd))
}

/// A number that stands in this program; 0 if it is none.
pub(super) fn number(text: &str) -> BigDecimal {
    BigDecimal::from_str(text).unwrap_or_else(|_| BigDecimal::zero())
}

fn base58(byte: u8) -> char {
    const LETTERS: &[u8] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    LETTERS.get(usize::from(byte) % LETTERS.len()).map_or('1', |letter| char::from(*letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_is_never_less_than_the_price() {
        for coin in COINS {
            let exact = exchanged(&number("79"), "usd", coin.code).unwrap();
            let asked = coin.rounded_up(&exact);
            assert!(exact <= asked && &asked - &exact < coin.dust(), "{}", coin.code);
            assert!(!coin.minimum().is_zero() && !coin.usd().is_zero(), "{}", coin.code);
        }
    }

    #[test]
    fn a_bitcoin_payment_has_a_minimum_of_ten_dollars() {
        let btc = Coin::find("BTC").unwrap();
        assert_eq!(btc.minimum(), btc.rounded_up(&exchanged(&number("10"), "usd", "btc").unwrap()));
    }

    #[test]
    fn every_coin_may_be_mistaken_for_another() {
        assert!(COINS.iter().all(|coin| coin.mistaken().is_some_and(|other| other.code != coin.code)));
    }
}
