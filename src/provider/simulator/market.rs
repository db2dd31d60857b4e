//! What the provider tells of its coins: lists, minima, estimates.

use bigdecimal::{BigDecimal, Zero};

use super::bodies::precision;
use super::coins::{self, COINS, Coin, number};
use super::creation::decimal;
use super::dice::Dice;
use super::json::Json;
use super::payment::Payment;
use super::refusal::Refusal;

/// The pairs of a query.
pub(super) struct Query(pub(super) Vec<(String, String)>);

impl Query {
    pub(super) fn given(&self, name: &str) -> Option<&str> {
        let pair = self.0.iter().find(|(key, value)| key == name && !value.is_empty());
        pair.map(|(_, value)| value.as_str())
    }

    fn is_on(&self, name: &str) -> bool {
        self.given(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }
}

/// The coins; with a fixed rate each has its bounds.
pub(super) fn currencies(query: &Query) -> Json {
    let coin = |coin: &Coin| match query.is_on("fixed_rate") {
        false => Json::text(coin.code),
        true => Json::object([
            ("currency", Json::text(coin.code)),
            ("min_amount", Json::decimal(&coin.minimum())),
            ("max_amount", Json::decimal(&coin.rounded_up(&(number("100000") / coin.usd())))),
        ]),
    };
    Json::object([("currencies", Json::List(COINS.iter().map(coin).collect()))])
}

/// The coins that the account has ticked. The documentation names another field.
pub(super) fn selected() -> Json {
    let codes = COINS.iter().map(|coin| Json::text(coin.code.to_ascii_uppercase())).collect();
    Json::object([("selectedCurrencies", Json::List(codes))])
}

/// The coins with all that is known of them.
pub(super) fn full(dice: Dice) -> Json {
    Json::object([("currencies", Json::List(numbered().map(|(coin, id)| whole(coin, id, dice)).collect()))])
}

/// All that is known of one coin.
pub(super) fn one(code: &str, dice: Dice) -> Result<Json, Refusal> {
    let found = numbered().find(|(coin, _)| coin.code.eq_ignore_ascii_case(code));
    found.map(|(coin, id)| whole(coin, id, dice)).ok_or_else(|| Refusal::unknown(code))
}

/// What the account holds: what has arrived of each coin, and what is on its way.
pub(super) fn balance<'p>(payments: impl Iterator<Item = &'p Payment> + Clone) -> Json {
    let sum = |coin: &Coin, words: &[&str]| {
        let counted =
            payments.clone().filter(|payment| payment.coin.code == coin.code && words.contains(&payment.word));
        counted.fold(BigDecimal::zero(), |sum, payment| sum + &payment.received)
    };
    let held = |coin: &'static Coin| {
        let amount = sum(coin, &["finished", "partially_paid"]);
        let pending = sum(coin, &["confirming", "confirmed", "sending"]);
        let amounts = [("amount", Json::decimal(&amount)), ("pendingAmount", Json::decimal(&pending))];
        (coin.code, Json::object(amounts))
    };
    Json::object(COINS.iter().map(held))
}

fn numbered() -> impl Iterator<Item = (&'static Coin, u64)> {
    COINS.iter().zip(1_u64..)
}

fn whole(coin: &Coin, id: u64, dice: Dice) -> Json {
    Json::object([
        ("id", Json::whole(id)),
        ("code", Json::text(coin.code.to_ascii_uppercase())),
        ("name", Json::text(coin.name)),
        ("enable", Json::Flag(true)),
        ("wallet_regex", Json::text("^.{20,}$")),
        ("priority", Json::whole(id)),
        ("extra_id_exists", Json::Flag(coin.has_memo)),
        ("extra_id_regex", if coin.has_memo { Json::text("^[0-9]{1,19}$") } else { Json::Null }),
        ("logo_url", Json::text(format!("/images/coins/{}.svg", coin.code))),
        ("track", Json::Flag(true)),
        ("cg_id", Json::text(coin.code)),
        ("is_maxlimit", Json::Flag(false)),
        ("network", Json::text(coin.network)),
        ("smart_contract", Json::text_or_null(coin.contract)),
        ("network_precision", precision(coin, dice, id)),
        ("ticker", Json::text(coin.code)),
        ("precision", Json::Number(coin.precision.to_string())),
        ("is_popular", Json::Flag(matches!(coin.code, "btc" | "eth"))),
        ("is_stable", Json::Flag(coin.code.starts_with("usd"))),
        ("available_for_payment", Json::Flag(true)),
    ])
}

/// The least that may be paid in a coin. Without a coin of payout the answer is wrong, as the provider's is.
pub(super) fn minimum(query: &Query) -> Result<Json, Refusal> {
    let coin = coin_of(query, "currency_from")?;
    let minimum = match query.given("currency_to") {
        Some(code) if coins::exchanged(&number("1"), "usd", code).is_none() => return Err(Refusal::coin(code)),
        Some(_) => coin.minimum(),
        None => coin.rounded_up(&(coin.minimum() / number("4"))),
    };
    let mut fields = vec![
        ("currency_from", Json::text(coin.code)),
        ("currency_to", Json::text(query.given("currency_to").unwrap_or(coin.code))),
        ("min_amount", Json::decimal(&minimum)),
    ];
    if let Some(currency) = query.given("fiat_equivalent") {
        let worth = coins::exchanged(&minimum, coin.code, currency).ok_or_else(|| Refusal::coin(currency))?;
        fields.push(("fiat_equivalent", Json::decimal(&shortened(&worth))));
    }
    Ok(Json::Object(fields))
}

/// What an amount of one thing is in another.
pub(super) fn estimate(query: &Query, dice: Dice) -> Result<Json, Refusal> {
    let amount = query.given("amount").and_then(decimal);
    let amount = amount.ok_or_else(|| Refusal::parameter("amount must be a number"))?;
    let (from, to) = (query.given("currency_from").unwrap_or_default(), query.given("currency_to").unwrap_or_default());
    if let Some(unknown) = [from, to].into_iter().find(|code| !coins::is_known(code)) {
        return Err(Refusal::unknown(unknown));
    }
    let worth = coins::exchanged(&amount, from, to).ok_or_else(|| Refusal::coin(to))?;
    let worth = shortened(&worth);
    // A number at one time, a string at another; the same question gets the same.
    let is_text = dice.below(2, &format!("estimate {amount} {from} {to}"), 0) == 1;
    Ok(Json::object([
        ("currency_from", Json::text(from)),
        ("amount_from", Json::decimal(&amount)),
        ("currency_to", Json::text(to)),
        ("estimated_amount", if is_text { Json::decimal_text(&worth) } else { Json::decimal(&worth) }),
    ]))
}

fn coin_of(query: &Query, name: &'static str) -> Result<&'static Coin, Refusal> {
    let code = query.given(name).ok_or_else(|| Refusal::parameter(format!("{name} is required")))?;
    Coin::find(code).ok_or_else(|| Refusal::coin(code))
}

/// Eight digits, as the provider rounds.
fn shortened(amount: &BigDecimal) -> BigDecimal {
    amount.with_scale_round(8, bigdecimal::RoundingMode::HalfUp)
}
