//! Who orders, and what they write: accounts of very different size, and notes in several scripts.

use sha2::{Digest, Sha256};

use super::dice::Dice;
use crate::domain::access::keys::SEED_NAME;
use crate::domain::access::{Account, ApiKey, KeyKind, PlaintextKey, Scope, Tier};
use crate::domain::ids::{AccountId, KeyId};
use crate::domain::time::Timestamp;

/// An account of every seed.
struct Buyer {
    name: &'static str,
    tier: Tier,
    /// How many of a thousand orders are its own; the first takes what is left.
    share: u64,
}

const BUYERS: [Buyer; 12] = [
    Buyer { name: "Northwind Tools", tier: Tier::Enterprise, share: 0 },
    Buyer { name: "Müller & Söhne", tier: Tier::ApiScale, share: 140 },
    Buyer { name: "株式会社あおぞら", tier: Tier::ApiScale, share: 90 },
    Buyer { name: "Торговый дом Волга", tier: Tier::ApiBuilder, share: 60 },
    Buyer { name: "Café do Porto", tier: Tier::ApiBuilder, share: 45 },
    Buyer { name: "شركة النور", tier: Tier::AgencyManual, share: 30 },
    Buyer { name: "Ελληνικά Βιβλία", tier: Tier::AgencyManual, share: 20 },
    Buyer { name: "Little Lemon", tier: Tier::TeamManual, share: 12 },
    Buyer { name: "हिमालय चाय", tier: Tier::ApiStarter, share: 8 },
    Buyer { name: "O'Neill, \"Pubs\"", tier: Tier::SoloManual, share: 4 },
    Buyer { name: "김치나라", tier: Tier::SoloManual, share: 2 },
    Buyer { name: "Corner Kiosk", tier: Tier::Free, share: 1 },
];

const NOTES: [&str; 20] = [
    "please send the invoice to accounting",
    "Bestellung für Größe XL, Straße 12",
    "счёт на фирму, спасибо",
    "請盡快處理,謝謝",
    "領収書をお願いします",
    "영수증 부탁드립니다",
    "فاتورة من فضلك",
    "חשבונית בבקשה",
    "कृपया रसीद भेजें",
    "παρακαλώ τιμολόγιο",
    "ใบเสร็จด้วยครับ",
    "renewal for the whole team 🎉",
    "=SUM(A1:A9) is our cost centre",
    "first line\nsecond line",
    "PO 4711, \"urgent\"",
    "paiement pour l'équipe, déjà reçu ?",
    "-10% as agreed by mail",
    "zażółć gęślą jaźń",
    "İstanbul şubesi için",
    "gift for a friend 👩‍👩‍👧",
];

const SUPPORT_NOTES: [&str; 5] = [
    "customer wrote in, waiting for the chain",
    "asked for the transaction hash",
    "paid from an exchange, slow",
    "checked by hand: fine",
    "second order by mistake, see the other one",
];

/// The accounts of a seed, with their keys.
pub struct Crowd {
    /// The accounts, the largest first.
    pub accounts: Vec<Account>,
    /// Their keys, the operator's first.
    pub keys: Vec<ApiKey>,
    /// The operator's key.
    pub operator: PlaintextKey,
    /// The key of the largest account.
    pub customer: PlaintextKey,
}

impl Crowd {
    /// The accounts under this seed, made at that time.
    pub fn new(seed: u64, at: Timestamp) -> Self {
        let mut dice = Dice::of(seed, 1, 0);
        let accounts: Vec<Account> = BUYERS
            .iter()
            .map(|buyer| {
                let id = AccountId::new(dice.uuid(at));
                Account { id, name: buyer.name.to_owned(), tier: buyer.tier, created_at: at }
            })
            .collect();
        let operator = plaintext(seed, KeyKind::Admin, "operator");
        let customer = plaintext(seed, KeyKind::Live, "customer 0");
        let mut keys = vec![key(dice.uuid(at), &operator, (None, Scope::InternalAdmin), at)];
        for (number, account) in accounts.iter().enumerate() {
            let plaintext = plaintext(seed, KeyKind::Live, &format!("customer {number}"));
            keys.push(key(dice.uuid(at), &plaintext, (Some(account.id), Scope::AccountOwner), at));
        }
        Self { accounts, keys, operator, customer }
    }

    /// Whose the next order is: the place among the accounts.
    pub fn buyer(dice: &mut Dice) -> usize {
        let mut thrown = dice.below(1000);
        for (place, Buyer { share, .. }) in BUYERS.iter().enumerate() {
            if thrown < *share {
                return place;
            }
            thrown = thrown.saturating_sub(*share);
        }
        0
    }
}

/// What a customer notes on an order, if anything.
pub fn customer_note(dice: &mut Dice) -> Option<String> {
    match dice.below(10) {
        0..=4 => None,
        5..=7 => Some(format!("invoice {}-{:05}", dice.pick(&["2026", "INV", "RE", "№"]), dice.below(100_000))),
        _ => Some(dice.pick(&NOTES).to_owned()),
    }
}

/// What support notes on an order.
pub fn internal_note(dice: &mut Dice) -> String {
    format!("{} (ticket {})", dice.pick(&SUPPORT_NOTES), dice.below(90_000).saturating_add(10_000))
}

/// A key that follows from the seed: whoever knows the number has it, so it is for a try-out only.
fn plaintext(seed: u64, kind: KeyKind, whose: &str) -> PlaintextKey {
    let digest = Sha256::digest(format!("crypto-orders seed {seed}: {whose}"));
    let mut bytes = [0_u8; 20];
    for (byte, of_digest) in bytes.iter_mut().zip(digest) {
        *byte = of_digest;
    }
    PlaintextKey::new(kind, bytes)
}

fn key(id: uuid::Uuid, plaintext: &PlaintextKey, whose: (Option<AccountId>, Scope), at: Timestamp) -> ApiKey {
    ApiKey {
        id: KeyId::new(id),
        name: SEED_NAME.to_owned(),
        key_prefix: plaintext.prefix().to_owned(),
        key_hash: plaintext.hash(),
        scopes: vec![whose.1],
        account_id: whose.0,
        last_used_at: None,
        revoked_at: None,
        expires_at: None,
        created_at: at,
        replaced_by: None,
    }
}
