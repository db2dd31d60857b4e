//! Coins and networks in words that people know, and the addresses that wallets open.
//!
//! The provider has hundreds of coins under codes of its own; here are those that are paid in. Any other is shown by
//! its code. A wallet is given an address with an amount only where its form is settled; for all else the bare address
//! is right, and the amount is typed in.

use bigdecimal::BigDecimal;

use crate::domain::ledger::PayTo;
use crate::domain::money::{Coin, CoinAmount};

/// Code, ticker, name and network. The network is named where the code can mean no other; some of the provider's
/// answers leave it out, and whoever sends by another one loses the money.
const COINS: &[[&str; 4]] = &[
    ["ada", "ADA", "Cardano", "ada"],
    ["algo", "ALGO", "Algorand", "algo"],
    ["atom", "ATOM", "Cosmos", "atom"],
    ["avax", "AVAX", "Avalanche", ""],
    ["avaxc", "AVAX", "Avalanche", "avaxc"],
    ["bch", "BCH", "Bitcoin Cash", "bch"],
    ["bnbbsc", "BNB", "BNB", "bsc"],
    ["bnbmainnet", "BNB", "BNB", ""],
    ["btc", "BTC", "Bitcoin", "btc"],
    ["dai", "DAI", "Dai", "eth"],
    ["dash", "DASH", "Dash", "dash"],
    ["doge", "DOGE", "Dogecoin", "doge"],
    ["dot", "DOT", "Polkadot", "dot"],
    ["etc", "ETC", "Ethereum Classic", "etc"],
    ["eth", "ETH", "Ether", "eth"],
    ["ltc", "LTC", "Litecoin", "ltc"],
    ["maticmainnet", "POL", "Polygon, formerly MATIC", "matic"],
    ["sol", "SOL", "Solana", "sol"],
    ["ton", "TON", "Toncoin", "ton"],
    ["trx", "TRX", "TRON", "trx"],
    ["usdc", "USDC", "USD Coin", "eth"],
    ["usdcbsc", "USDC", "USD Coin", "bsc"],
    ["usdcmatic", "USDC", "USD Coin", "matic"],
    ["usdcsol", "USDC", "USD Coin", "sol"],
    ["usdtbsc", "USDT", "Tether USD", "bsc"],
    ["usdterc20", "USDT", "Tether USD", "eth"],
    ["usdtmatic", "USDT", "Tether USD", "matic"],
    ["usdtsol", "USDT", "Tether USD", "sol"],
    ["usdtton", "USDT", "Tether USD", "ton"],
    ["usdttrc20", "USDT", "Tether USD", "trx"],
    ["xlm", "XLM", "Stellar", "xlm"],
    ["xmr", "XMR", "Monero", "xmr"],
    ["xrp", "XRP", "Ripple", "xrp"],
    ["zec", "ZEC", "Zcash", "zec"],
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
    known(coin).map_or_else(|| in_capitals(coin), |[_, ticker, ..]| (*ticker).to_owned())
}

/// What is to be sent, told from everything else of the same ticker.
#[derive(Debug, PartialEq, Eq)]
pub struct Named {
    /// The coin in words: `USDT · Tether USD`.
    pub words: String,
    /// What alone may be sent: the ticker beside a network, and else the provider's code, which implies one.
    pub only: String,
    /// The network in words.
    pub network: Option<String>,
}

/// Names the coin and its network, where the provider said which or the code leaves no doubt.
#[must_use]
pub fn named(coin: &Coin, told_network: Option<&str>) -> Named {
    let [_, ticker, name, sure_network] = known(coin).copied().unwrap_or_default();
    let network = told_network.or(Some(sure_network)).filter(|network| !network.is_empty()).map(network_in_words);
    let code = in_capitals(coin);
    let words = match (ticker, &network) {
        ("", _) => code.clone(),
        (_, Some(_)) => format!("{ticker} · {name}"),
        (_, None) => format!("{code} · {name}"),
    };
    let only = if ticker.is_empty() || network.is_none() { code } else { ticker.to_owned() };
    Named { words, only, network }
}

fn known(coin: &Coin) -> Option<&'static [&'static str; 4]> {
    COINS.iter().find(|[code, ..]| *code == coin.as_str())
}

fn in_capitals(coin: &Coin) -> String {
    coin.as_str().to_ascii_uppercase()
}

/// The network in words.
fn network_in_words(network: &str) -> String {
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
        let words = |code| named(&Coin::parse(code).unwrap(), None).words;
        assert_eq!([words("btc"), words("USDTTRC20"), words("pepe")], ["BTC · Bitcoin", "USDT · Tether USD", "PEPE"]);
        assert_eq!(["btc", "TRX", "hype"].map(network_in_words), ["Bitcoin", "Tron (TRC-20)", "HYPE"]);
    }

    #[test]
    fn a_token_of_many_networks_names_its_own_whether_or_not_the_provider_does() {
        for (code, ticker, network, words) in [
            ("bnbbsc", "BNB", "bsc", "BNB Smart Chain (BEP-20)"),
            ("avaxc", "AVAX", "avaxc", "Avalanche C-Chain"),
            ("dai", "DAI", "eth", "Ethereum (ERC-20)"),
            ("usdc", "USDC", "eth", "Ethereum (ERC-20)"),
            ("usdcbsc", "USDC", "bsc", "BNB Smart Chain (BEP-20)"),
            ("usdcmatic", "USDC", "matic", "Polygon (PoS)"),
            ("usdcsol", "USDC", "sol", "Solana"),
            ("usdtbsc", "USDT", "bsc", "BNB Smart Chain (BEP-20)"),
            ("usdterc20", "USDT", "eth", "Ethereum (ERC-20)"),
            ("usdtmatic", "USDT", "matic", "Polygon (PoS)"),
            ("usdtsol", "USDT", "sol", "Solana"),
            ("usdtton", "USDT", "ton", "TON"),
            ("usdttrc20", "USDT", "trx", "Tron (TRC-20)"),
        ] {
            for told in [None, Some(network)] {
                let named = named(&Coin::parse(code).unwrap(), told);
                assert_eq!((named.only.as_str(), named.network.as_deref()), (ticker, Some(words)), "{code}");
            }
        }
        let usdt = named(&Coin::parse("usdttrc20").unwrap(), Some("eth"));
        assert_eq!(usdt.network.as_deref(), Some("Ethereum (ERC-20)"), "the provider knows best");
    }

    #[test]
    fn no_two_coins_of_the_table_are_told_alike() {
        let mut told = std::collections::BTreeSet::new();
        for [code, .., network] in COINS {
            let Named { only, network: words, .. } = named(&Coin::parse(code).unwrap(), None);
            assert!(network.is_empty() || NETWORKS.iter().any(|[known, _]| known == network), "{code}");
            assert!(told.insert((only, words)), "{code} cannot be told from another");
        }
    }

    #[test]
    fn where_no_network_is_known_the_provider_s_code_is_what_to_send() {
        for (code, words, only) in [
            ("usdtarc20", "USDTARC20", "USDTARC20"),
            ("bnbmainnet", "BNBMAINNET · BNB", "BNBMAINNET"),
            ("avax", "AVAX · Avalanche", "AVAX"),
        ] {
            let expected = Named { words: words.to_owned(), only: only.to_owned(), network: None };
            assert_eq!(named(&Coin::parse(code).unwrap(), None), expected);
        }
    }
}
