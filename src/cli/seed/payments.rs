//! Payments as the provider reports them: coins, exact amounts, and bodies in its own spelling.
//!
//! A body is read back by the same reader as one that came over the wire, so that what follows from it in
//! a seed is what would have followed in life.

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::dice::Dice;
use crate::domain::evidence::{Evidence, Outcome};
use crate::domain::money::Price;
use crate::domain::time::Timestamp;
use crate::provider::canonical::Form;
use crate::provider::json::Document;
use crate::provider::signature::Verified;
use crate::provider::wire::Ipn;
use crate::store::changeset::ReceivedIpn;

/// A coin that customers pay in.
#[derive(Clone, Copy, Default)]
struct Market {
    code: &'static str,
    /// How many units of 10⁻⁸ a dollar buys.
    per_dollar: u64,
    /// What its addresses begin with.
    prefix: &'static str,
}

const MARKETS: [Market; 8] = [
    Market { code: "btc", per_dollar: 1_667, prefix: "bc1q" },
    Market { code: "eth", per_dollar: 33_000, prefix: "0x" },
    Market { code: "usdttrc20", per_dollar: 100_000_000, prefix: "T" },
    Market { code: "usdterc20", per_dollar: 100_000_000, prefix: "0x" },
    Market { code: "ltc", per_dollar: 1_200_000, prefix: "ltc1q" },
    Market { code: "trx", per_dollar: 400_000_000, prefix: "T" },
    Market { code: "xmr", per_dollar: 600_000, prefix: "8" },
    Market { code: "sol", per_dollar: 700_000, prefix: "So" },
];
/// Payment ids have ten digits, as the provider's have; each order has room for four.
const FIRST_PAYMENT: u64 = 4_000_000_000;
const PAYMENTS_PER_ORDER: u64 = 4;

/// A payment that the provider made for an order.
pub struct Payment {
    order_id: String,
    product: String,
    price: String,
    currency: String,
    number: u64,
    coin: &'static str,
    address: String,
    units: u64,
}

/// What one report says.
#[derive(Clone, Copy)]
pub struct Report {
    /// The provider's word.
    pub word: &'static str,
    /// What has arrived, in per cent of what was quoted.
    pub arrived_percent: u64,
    /// Whether it is about a further deposit to the same address.
    pub deposit: Deposit,
}

/// Which of an order's deposits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Deposit {
    /// The payment itself.
    First,
    /// A second one, which the provider reports as its child.
    Second,
}

impl Payment {
    /// The payment of the order of this number.
    pub fn new(dice: &mut Dice, number: u64, order_id: &str, what: (&str, Price)) -> Self {
        let (product, price) = what;
        let Market { code, per_dollar, prefix } = dice.pick(&MARKETS);
        let cents = u64::try_from(price.cents).unwrap_or(0);
        // A market that moves by a tenth.
        let rate = per_dollar.saturating_mul(dice.below(1000).saturating_add(9500)) / 10_000;
        let units = cents.saturating_mul(rate) / 100;
        let tail = HEXLOWER.encode(&[dice.next().to_be_bytes(), dice.next().to_be_bytes()].concat());
        Self {
            order_id: order_id.to_owned(),
            product: product.to_owned(),
            price: price.in_major_units().to_string(),
            currency: price.currency.as_str().to_ascii_lowercase(),
            number: FIRST_PAYMENT.saturating_add(number.saturating_mul(PAYMENTS_PER_ORDER)),
            coin: code,
            address: format!("{prefix}{tail}"),
            units: units.max(1),
        }
    }

    /// The body of a report, keys sorted, as the provider writes it.
    pub fn body(&self, report: Report, at: Timestamp) -> String {
        let child = report.deposit == Deposit::Second;
        let id = self.number.saturating_add(u64::from(child));
        let parent = if child { self.number.to_string() } else { "null".to_owned() };
        let paid = decimal(self.units.saturating_mul(report.arrived_percent) / 100);
        let arrived = report.arrived_percent > 0;
        format!(
            r#"{{"actually_paid":{paid},"actually_paid_at_fiat":0,"fee":{{"currency":"{coin}","depositFee":{fee},"serviceFee":0,"withdrawalFee":0}},"invoice_id":null,"order_description":"{product}","order_id":"{order}","outcome_amount":{paid},"outcome_currency":"{coin}","parent_payment_id":{parent},"pay_address":"{address}","pay_amount":{asked},"pay_currency":"{coin}","payin_extra_id":null,"payment_extra_ids":null,"payment_id":{id},"payment_status":"{word}","price_amount":{price},"price_currency":"{currency}","purchase_id":"{purchase}","updated_at":{millis}}}"#,
            coin = self.coin,
            fee = if arrived { decimal(self.units / 500) } else { "0".to_owned() },
            product = self.product,
            order = self.order_id,
            address = self.address,
            asked = decimal(self.units),
            word = report.word,
            price = self.price,
            currency = self.currency,
            purchase = id.saturating_add(1_100_000_000),
            millis = at.millis(),
        )
    }
}

/// A number of units of 10⁻⁸ as a decimal without trailing zeros.
fn decimal(units: u64) -> String {
    let text = format!("{}.{:08}", units / 100_000_000, units % 100_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A body as it was received, and the evidence in it; none if it cannot be read, which no body of ours is.
pub fn received(body: &str, at: Timestamp) -> Option<(ReceivedIpn, Evidence)> {
    let verified = Verified { form: Form::Raw, secret: 0, document: Document::read(body).ok()? };
    let ipn = Ipn::read(&verified).ok()?;
    let payment_id = ipn.evidence.payment_id.clone();
    let received = ReceivedIpn {
        order_id: None,
        payment_id: Some(payment_id),
        payment_status: ipn.payment_status().to_owned(),
        verified_form: Form::Raw.as_str(),
        verified_secret: 0,
        outcome: Outcome::Unmatched,
        body_sha256: HEXLOWER.encode(&Sha256::digest(body.as_bytes())),
        content_sha256: ipn.content_sha256(),
        raw_body: body.as_bytes().to_vec(),
        received_at: at,
    };
    Some((received, ipn.evidence))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::money::Currency;

    #[test]
    fn a_body_reads_back_as_it_was_meant() {
        let price = Price { cents: 14_900, currency: Currency::parse("USD").unwrap() };
        let order = "ord_01890a5d96e77c9f8a0b1c2d3e4f5a6b";
        let payment = Payment::new(&mut Dice::of(1, 2, 3), 5, order, ("api_starter", price));
        let at = Timestamp::from_millis(1_765_249_461_097);
        let report = Report { word: "finished", arrived_percent: 100, deposit: Deposit::Second };
        let (ipn, evidence) = received(&payment.body(report, at), at).unwrap();
        assert_eq!(evidence.payment_id.as_str(), "4000000021");
        assert_eq!(evidence.parent_payment_id.unwrap().as_str(), "4000000020");
        assert_eq!((evidence.order_id.unwrap().to_string(), evidence.provider_at), (order.to_owned(), Some(at)));
        assert_eq!(evidence.actually_paid, evidence.pay_amount);
        assert!(price.is(&evidence.price.amount.unwrap(), &evidence.price.currency.unwrap()));
        assert_eq!((ipn.payment_status.as_str(), ipn.verified_form), ("finished", "raw"));
    }

    #[test]
    fn units_are_spelled_without_trailing_zeros() {
        let spelled = [(0, "0"), (1, "0.00000001"), (150_000_000, "1.5"), (700_000_000, "7")];
        assert!(spelled.iter().all(|(units, text)| decimal(*units) == *text));
    }
}
