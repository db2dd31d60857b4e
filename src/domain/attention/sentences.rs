//! What each kind of attention means and what an operator does about it, in a sentence each.
//!
//! The API, the pages and the runbook show these sentences and have none of their own. A sentence holds
//! for every item of its kind: what differs from item to item is shown beside it.

use super::AttentionKind;

/// Gives each kind its two sentences. A kind without them does not compile.
macro_rules! sentences {
    ($($kind:ident => $meaning:literal, $next_action:literal;)+) => {
        impl AttentionKind {
            /// What happened.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$kind => $meaning,)+ }
            }

            /// What an operator does next.
            #[must_use]
            pub fn next_action(self) -> &'static str {
                match self { $(Self::$kind => $next_action,)+ }
            }
        }
    };
}

sentences! {
    LatePayment =>
        "Money arrived for an order that had failed or was cancelled.",
        "Accept the payment once it is settled, or agree with the customer on another way; if the order is paid, \
         compare the worth of the payment with the price.";
    PaymentMismatch =>
        "A payment was reported for an order that it does not belong to. Nothing moved.",
        "Look the payment up by its id and in the provider's dashboard, and settle with whoever paid it outside of \
         this service.";
    PriceMismatch =>
        "The first payment of the order is for another price than the order's. Nothing moved.",
        "Do not deliver; find out in the provider's dashboard who made the payment and what was paid for it.";
    Underpaid =>
        "Less arrived than is owed, or what is owed is not known.",
        "Accept what arrived, or ask the customer for the rest; an order that is paid already stays paid.";
    Overpaid =>
        "More arrived than is owed. The order is paid.",
        "Tell the customer, and credit what is too much as you have agreed with them.";
    CurrencyMismatch =>
        "A settled payment is in another coin than the order's.",
        "Find out what arrived in your wallet and what it is worth, then accept the order or agree with the customer \
         on another way.";
    ChildPayment =>
        "A further deposit was reported for an address of the order. In the order's coin it counts once it is settled.",
        "Wait until the deposit is settled, then look at the order's payments: accept the order or ask for what is \
         still missing, and credit what is too much.";
    PaidThenFailed =>
        "The provider took back what it had called finished. The order stays paid.",
        "Look in the provider's dashboard whether the money is there; if it is not, stop what was delivered.";
    FailedWithMoney =>
        "A payment failed, expired or was refunded although money had been seen.",
        "Look in the provider's dashboard where the money is; accept the order if it reached your wallet, and else \
         tell the customer that it was sent back.";
    Stalled =>
        "Money is on its way or incomplete, and no news of it has come for long.",
        "Look at the payment in the provider's dashboard and on the chain; replay it if it is settled, and accept it \
         or ask for the rest if it is short.";
    UnknownStatus =>
        "The provider used a word that this service does not know. The order did not move.",
        "Look the word up in the provider's documentation, then replay the payment under the known word that means \
         the same, forced with your reason, or accept the money that arrived.";
    UnmatchedIpn =>
        "A verified notification names no order of this service.",
        "Look the payment up in the provider's dashboard; replay it if it is for an order of this service, and else \
         leave it to the shop that shares the account.";
    IpnSilence =>
        "Polls find what notifications should have told. No order is wrong.",
        "Have whoever runs the service check the callback URL and the IPN secret with `crypto-orders doctor`.";
    CreateRefused =>
        "The provider refused to make a payment for the order, so nobody can pay it yet.",
        "Mend what the provider's reason names (the API key, a coin that is not ticked, an amount below the minimum), \
         or have the customer order again in another coin.";
    WorthLess =>
        "A late payment is worth less than the price of its order, which is partial.",
        "Compare the worth of the payment with the price, then accept the order or agree with the customer on the \
         difference.";
    OrderWithoutAddress =>
        "The order has no address yet, so nobody can pay it.",
        "Mend what the provider's reason names; the payment is then made by itself while the pay window is open, and \
         after that the customer has to order again.";
    ForcedReplay =>
        "An operator applied a word that the provider does not confirm.",
        "Have a second person compare the payment with the provider's dashboard; if the money is not there, stop what \
         was delivered.";
}
