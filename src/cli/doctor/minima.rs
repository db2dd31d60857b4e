//! Whether what is sold costs as much as the coin can carry.

use std::collections::BTreeMap;

use futures_util::future::join_all;

use crate::config::Settings;
use crate::domain::catalogue::ProductCode;
use crate::domain::money::{Coin, Currency, Price};
use crate::provider::client::{Client, Minimum};

use super::finding::{Finding, unanswered};

const NAME: &str = "minimum";
/// A price this much above the minimum is not safe from it: minima move with the networks' fees.
const NEAR_BASIS_POINTS: u32 = 11_000;

/// What is cheapest in a currency.
struct Cheapest {
    code: ProductCode,
    price: Price,
}

/// The cheapest product of each currency beside the least that the usual coin can be paid with.
pub(super) async fn findings(client: &Client, settings: &Settings) -> Vec<Finding> {
    let (from, to) = (&settings.orders.pay_currency, &settings.nowpayments.payout_currency);
    let (Some(from), Some(to)) = (from, to) else {
        let found = "not checked: it takes a pay currency and a payout currency".to_owned();
        return vec![Finding::warn(NAME, found, "set CRYPTO_ORDERS_NOWPAYMENTS_PAYOUT_CURRENCY")];
    };
    let checks = cheapest(settings).into_iter().map(async |(currency, cheapest)| {
        match client.min_amount(from, to, currency).await {
            Ok(minimum) => judged(&cheapest, &minimum, from),
            Err(error) => unanswered(
                NAME,
                &error,
                "set CRYPTO_ORDERS_PAY_CURRENCY and CRYPTO_ORDERS_NOWPAYMENTS_PAYOUT_CURRENCY to coins of the provider",
            )
            .about(currency.as_str()),
        }
    });
    join_all(checks).await
}

fn cheapest(settings: &Settings) -> BTreeMap<Currency, Cheapest> {
    let catalogue = &settings.orders.catalogue;
    let mut cheapest: BTreeMap<Currency, Cheapest> = BTreeMap::new();
    for (code, price) in catalogue.codes().filter_map(|code| catalogue.find(code.as_str())) {
        let is_dearer = cheapest.get(&price.currency).is_some_and(|known| known.price.cents <= price.cents);
        if !is_dearer {
            cheapest.insert(price.currency, Cheapest { code: code.clone(), price: *price });
        }
    }
    cheapest
}

fn judged(cheapest: &Cheapest, minimum: &Minimum, coin: &Coin) -> Finding {
    let Cheapest { code, price } = cheapest;
    let currency = price.currency.as_str();
    let Some(fiat) = &minimum.fiat else {
        let found = format!("{} {coin}, but not told in {currency}", minimum.coin);
        return Finding::warn(NAME, found, "see that the catalogue's currency is one that the provider prices in");
    };
    let amount = price.in_major_units();
    let both =
        format!("{code} costs {amount} {currency}, and the least that can be paid in {coin} is {fiat} {currency}");
    let fix = "raise the price, or set CRYPTO_ORDERS_PAY_CURRENCY to a coin with a lower minimum";
    if amount < *fiat {
        Finding::fail(NAME, both, fix)
    } else if amount < fiat.times_basis_points(NEAR_BASIS_POINTS) {
        Finding::warn(NAME, format!("{both}, which moves with the network's fees"), fix)
    } else {
        Finding::ok(NAME, format!("the cheapest in {currency}: {both}"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Grade;
    use super::*;
    use crate::domain::money::CoinAmount;

    #[test]
    fn a_price_below_the_minimum_fails_and_one_near_it_warns() {
        let amount = |text: &str| CoinAmount::parse(text).unwrap();
        let grade = |fiat: Option<&str>| {
            let price = Price { cents: 7900, currency: Currency::parse("USD").unwrap() };
            let cheapest = Cheapest { code: ProductCode::parse("solo").unwrap(), price };
            let minimum = Minimum { coin: amount("0.0001"), fiat: fiat.map(amount) };
            judged(&cheapest, &minimum, &Coin::parse("btc").unwrap()).grade
        };
        assert_eq!(grade(Some("79.0001")), Grade::Fail);
        assert_eq!((grade(Some("79")), grade(Some("71.82"))), (Grade::Warn, Grade::Warn));
        assert_eq!((grade(Some("71.81")), grade(Some("5"))), (Grade::Ok, Grade::Ok));
        assert_eq!(grade(None), Grade::Warn);
    }
}
