//! Coins and networks in words that people know, and the addresses that wallets open.
//!
//! The provider has hundreds of coins under codes of its own; here are those that are paid in. Any other is shown by
//! its code. A wallet is given an address with an amount only where its form is settled; for all else the bare address
//! is right, and the amount is typed in.

use bigdecimal::BigDecimal;

use crate::domain::ledger::PayTo;
use crate::domain::money::{Coin, CoinAmount};

/// Code, ticker and name.
const COINS: &[[&str; 3]] = &[
    ["ada", "ADA", "Cardano"],
    ["algo", "ALGO", "Algorand"],
    ["atom", "ATOM", "Cosmos"],
    ["avax", "AVAX", "Avalanche"],
    ["avaxc", "AVAX", "Avalanche"],
    ["bch", "BCH", "Bitcoin Cash"],
    ["bnbbsc", "BNB", "BNB"],
    ["bnbmainnet", "BNB", "BNB"],
    ["btc", "BTC", "Bitcoin"],
    ["dai", "DAI", "Dai"],
    ["dash", "DASH", "Dash"],
    ["doge", "DOGE", "Dogecoin"],
    ["dot", "DOT", "Polkadot"],
    ["etc", "ETC", "Ethereum Classic"],
    ["eth", "ETH", "Ether"],
    ["ltc", "LTC", "Litecoin"],
    ["maticmainnet", "POL", "Polygon, formerly MATIC"],
    ["sol", "SOL", "Solana"],
    ["ton", "TON", "Toncoin"],
    ["trx", "TRX", "TRON"],
    ["usdc", "USDC", "USD Coin"],
    ["usdcbsc", "USDC", "USD Coin"],
    ["usdcmatic", "USDC", "USD Coin"],
    ["usdcsol", "USDC", "USD Coin"],
    ["usdtbsc", "USDT", "Tether USD"],
    ["usdterc20", "USDT", "Tether USD"],
    ["usdtmatic", "USDT", "Tether USD"],
    ["usdtsol", "USDT", "Tether USD"],
    ["usdtton", "USDT", "Tether USD"],
    ["usdttrc20", "USDT", "Tether USD"],
    ["xlm", "XLM", "Stellar"],
    ["xmr", "XMR", "Monero"],
    ["xrp", "XRP", "Ripple"],
    ["zec", "ZEC", "Zcash"],
];

/// The provider's name of a network, and people's.
const NETWORKS: &[[&str; 2]] = &[
    ["ada", "Cardano"],
    ["algo", "Algorand"],
    ["arbitrum", "Arbitrum One"],
    ["atom", "Cosmos"],
    ["avaxc", "Avalanche C-Chain"],
    ["base", "Base"],
    ["bch", "Bitcoin Cash"],
    ["bsc", "BNB Smart Chain (BEP-20)"],
    ["btc", "Bitcoin"],
    ["dash", "Dash"],
    ["doge", "Dogecoin"],
    ["dot", "Polkadot"],
    ["etc", "Ethereum Classic"],
    ["eth", "Ethereum (ERC-20)"],
    ["ltc", "Litecoin"],
    ["matic", "Polygon (PoS)"],
    ["sol", "Solana"],
    ["ton", "TON"],
    ["trx", "Tron (TRC-20)"],
    ["xlm", "Stellar"],
    ["xmr", "Monero"],
    ["xrp", "XRP Ledger"],
    ["zec", "Zcash"],
];

/// Coins whose wallets open `scheme:address?amount=1.5`, the amount in whole coins: code, scheme, name of the amount.
const PLAIN_SCHEMES: &[[&str; 3]] = &[
    ["bch", "bitcoincash", "amount"],
    ["btc", "bitcoin", "amount"],
    ["dash", "dash", "amount"],
    ["doge", "dogecoin", "amount"],
    ["ltc", "litecoin", "amount"],
    ["sol", "solana", "amount"],
    ["xmr", "monero", "tx_amount"],
    ["zec", "zcash", "amount"],
];

/// One ether in its smallest unit is 10 to this.
const WEI_DECIMALS: i64 = 18;

/// What people call the coin: `BTC`.
#[must_use]
pub fn ticker(coin: &Coin) -> String {
    let known = COINS.iter().find(|[code, ..]| *code == coin.as_str());
    known.map_or_else(|| coin.as_str().to_ascii_uppercase(), |[_, ticker, _]| (*ticker).to_owned())
}

/// The coin in words: `BTC · Bitcoin`.
#[must_use]
pub fn in_words(coin: &Coin) -> String {
    let known = COINS.iter().find(|[code, ..]| *code == coin.as_str());
    known.map_or_else(|| ticker(coin), |[_, ticker, name]| format!("{ticker} · {name}"))
}

/// The network in words.
#[must_use]
pub fn network_in_words(network: &str) -> String {
    let known = NETWORKS.iter().find(|[code, _]| network.eq_ignore_ascii_case(code));
    known.map_or_else(|| network.to_ascii_uppercase(), |[_, name]| (*name).to_owned())
}

/// What a wallet opens with address and amount filled in; none where no form is settled, or where it would leave out
/// a memo.
#[must_use]
pub fn wallet_address(coin: &Coin, pay_to: &PayTo, amount: &CoinAmount) -> Option<String> {
    let code = coin.as_str();
    // The code is a chain's own coin; on another network it would be something else of the same name.
    let at_home = pay_to.network.as_deref().is_none_or(|network| network.eq_ignore_ascii_case(code));
    let plain = pay_to.address.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b':');
    if !at_home || !plain || pay_to.extra_id.is_some() {
        return None;
    }
    if code == "eth" {
        return ether(&pay_to.address, amount);
    }
    let [_, scheme, name] = PLAIN_SCHEMES.iter().find(|[known, ..]| *known == code)?;
    // Bitcoin Cash writes its scheme into the address itself.
    let address = pay_to.address.strip_prefix(&format!("{scheme}:")).unwrap_or(&pay_to.address);
    let legacy = code == "bch" && !address.starts_with(['q', 'p']);
    (!legacy && !address.contains(':')).then(|| format!("{scheme}:{address}?{name}={amount}"))
}

/// EIP-681: on the main chain, in whole wei.
fn ether(address: &str, amount: &CoinAmount) -> Option<String> {
    let hex = address.strip_prefix("0x")?;
    let shaped = hex.len() == 40 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    let amount: BigDecimal = amount.to_string().parse().ok()?;
    let wei = amount * BigDecimal::new(1.into(), -WEI_DECIMALS);
    (shaped && wei.is_integer()).then(|| format!("ethereum:{address}@1?value={}", wei.with_scale(0).to_plain_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pay_to(address: &str, network: Option<&str>) -> PayTo {
        let network = network.map(str::to_owned);
        PayTo { address: address.to_owned(), extra_id: None, network, purchase_id: None, decimals: None }
    }

    fn opened(code: &str, address: &str, amount: &str) -> Option<String> {
        let amount = CoinAmount::parse(amount).unwrap();
        wallet_address(&Coin::parse(code).unwrap(), &pay_to(address, Some(code)), &amount)
    }

    #[test]
    fn a_wallet_opens_with_the_amount_to_the_last_digit() {
        let ether = "0xB8C77482E45F1F44DE1745F52C74426C631BDD52";
        let cash = "qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a";
        for (code, address, amount, expected) in [
            ("btc", "3EZ2", "0.00122957", "bitcoin:3EZ2?amount=0.00122957".to_owned()),
            ("ltc", "M4", "0.10", "litecoin:M4?amount=0.10".to_owned()),
            ("doge", "D1", "12", "dogecoin:D1?amount=12".to_owned()),
            ("dash", "X1", "1e-8", "dash:X1?amount=0.00000001".to_owned()),
            ("xmr", "4A", "0.5", "monero:4A?tx_amount=0.5".to_owned()),
            ("sol", "7x", "0.25", "solana:7x?amount=0.25".to_owned()),
            ("bch", cash, "1", format!("bitcoincash:{cash}?amount=1")),
            ("bch", &format!("bitcoincash:{cash}"), "1", format!("bitcoincash:{cash}?amount=1")),
            ("eth", ether, "0.025314000000000001", format!("ethereum:{ether}@1?value=25314000000000001")),
            ("eth", ether, "12", format!("ethereum:{ether}@1?value=12000000000000000000")),
        ] {
            assert_eq!(opened(code, address, amount), Some(expected), "{code}");
        }
    }

    #[test]
    fn where_no_form_is_settled_the_address_stays_bare() {
        for (code, address, amount) in [
            ("xrp", "rEb8", "10"),
            ("usdttrc20", "T1", "79"),
            ("trx", "T1", "79"),
            ("bch", "1BpEi6", "1"),
            ("eth", "0xabc", "1"),
            ("eth", "0xB8C77482E45F1F44DE1745F52C74426C631BDD52", "0.0000000000000000001"),
            ("btc", "3EZ2?amount=0", "1"),
        ] {
            assert_eq!(opened(code, address, amount), None, "{code}");
        }
        let amount = CoinAmount::parse("1").unwrap();
        let btc = Coin::parse("btc").unwrap();
        assert_eq!(wallet_address(&btc, &pay_to("3EZ2", Some("lightning")), &amount), None);
        let with_memo = PayTo { extra_id: Some("7".to_owned()), ..pay_to("3EZ2", Some("btc")) };
        assert_eq!(wallet_address(&btc, &with_memo, &amount), None);
    }

    #[test]
    fn what_people_know_is_said_in_words_and_all_else_by_its_code() {
        let words = |code| in_words(&Coin::parse(code).unwrap());
        assert_eq!([words("btc"), words("USDTTRC20"), words("pepe")], ["BTC · Bitcoin", "USDT · Tether USD", "PEPE"]);
        assert_eq!(["btc", "TRX", "hype"].map(network_in_words), ["Bitcoin", "Tron (TRC-20)", "HYPE"]);
    }
}
