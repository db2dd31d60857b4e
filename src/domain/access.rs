//! Who may do what: API keys, their scopes, and the tiers that bound how often.
//!
//! A key is 160 random bits behind a prefix; only its SHA-256 is kept (contract, section 1). No HTTP
//! route grants [`Scope::InternalAdmin`] or [`Scope::Admin`]: the command line does. How keys are made and
//! replaced is in [`keys`].

pub mod keys;

use sha2::{Digest, Sha256};

use super::ids::{AccountId, KeyId};
use super::time::Timestamp;

/// What a key may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// `read`
    Read,
    /// `write`
    Write,
    /// `read:billing`
    ReadBilling,
    /// `admin:billing`
    AdminBilling,
    /// `read:webhooks`
    ReadWebhooks,
    /// `admin:webhooks`
    AdminWebhooks,
    /// `account_owner`
    AccountOwner,
    /// `admin`
    Admin,
    /// `driftstack_internal_admin`
    InternalAdmin,
}

impl Scope {
    /// All scopes.
    pub const ALL: [Self; 9] = [
        Self::Read,
        Self::Write,
        Self::ReadBilling,
        Self::AdminBilling,
        Self::ReadWebhooks,
        Self::AdminWebhooks,
        Self::AccountOwner,
        Self::Admin,
        Self::InternalAdmin,
    ];

    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::ReadBilling => "read:billing",
            Self::AdminBilling => "admin:billing",
            Self::ReadWebhooks => "read:webhooks",
            Self::AdminWebhooks => "admin:webhooks",
            Self::AccountOwner => "account_owner",
            Self::Admin => "admin",
            Self::InternalAdmin => "driftstack_internal_admin",
        }
    }

    /// Reads a name exactly.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text)
    }

    /// True for what a customer's key may hand on; the others are granted by the command line alone.
    #[must_use]
    pub fn is_a_customer_s(self) -> bool {
        !matches!(self, Self::Admin | Self::InternalAdmin)
    }

    /// True if who has this scope may hand out `other`.
    #[must_use]
    pub fn covers(self, other: Self) -> bool {
        match self {
            Self::AccountOwner | Self::Admin => other.is_a_customer_s(),
            Self::Read
            | Self::Write
            | Self::ReadBilling
            | Self::AdminBilling
            | Self::ReadWebhooks
            | Self::AdminWebhooks => self == other,
            // It opens the operators' routes, where no key is handed out.
            Self::InternalAdmin => false,
        }
    }
}

/// What a route asks of a key. The first scope named is the one a refusal names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// Reading orders.
    ReadOrders,
    /// Creating or changing orders.
    WriteOrders,
    /// Seeing the account's API keys.
    ReadKeys,
    /// Making, replacing or revoking them.
    WriteKeys,
    /// Seeing the account's endpoints for webhooks, and what they were sent.
    ReadWebhooks,
    /// Making, changing, testing or deleting them, or asking for deliveries again.
    WriteWebhooks,
    /// Everything under `/v1/admin`.
    Operate,
}

impl Permission {
    /// Any one of these scopes suffices.
    #[must_use]
    pub fn granted_by(self) -> &'static [Scope] {
        match self {
            Self::ReadOrders => &[Scope::ReadBilling, Scope::Read, Scope::AccountOwner, Scope::Admin],
            Self::WriteOrders => &[Scope::AdminBilling, Scope::Write, Scope::AccountOwner, Scope::Admin],
            Self::ReadKeys => &[Scope::Read, Scope::AccountOwner, Scope::Admin],
            Self::WriteKeys => &[Scope::AccountOwner, Scope::Admin],
            Self::ReadWebhooks => &[Scope::ReadWebhooks, Scope::Read, Scope::AccountOwner, Scope::Admin],
            Self::WriteWebhooks => &[Scope::AdminWebhooks, Scope::AccountOwner, Scope::Admin],
            Self::Operate => &[Scope::InternalAdmin, Scope::Admin],
        }
    }

    /// The scope a refusal names.
    #[must_use]
    pub fn named(self) -> Scope {
        match self {
            Self::ReadOrders => Scope::ReadBilling,
            Self::WriteOrders => Scope::AdminBilling,
            Self::ReadKeys => Scope::Read,
            Self::WriteKeys => Scope::AccountOwner,
            Self::ReadWebhooks => Scope::ReadWebhooks,
            Self::WriteWebhooks => Scope::AdminWebhooks,
            Self::Operate => Scope::InternalAdmin,
        }
    }
}

/// An account's tier: how large its bucket is, and how fast it refills (contract, "Rate limits").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// `free`
    Free,
    /// `solo_manual`
    SoloManual,
    /// `team_manual`
    TeamManual,
    /// `agency_manual`
    AgencyManual,
    /// `api_starter`
    ApiStarter,
    /// `api_builder`
    ApiBuilder,
    /// `api_scale`
    ApiScale,
    /// `enterprise`, also an operator's own.
    Enterprise,
}

impl Tier {
    /// All tiers.
    pub const ALL: [Self; 8] = [
        Self::Free,
        Self::SoloManual,
        Self::TeamManual,
        Self::AgencyManual,
        Self::ApiStarter,
        Self::ApiBuilder,
        Self::ApiScale,
        Self::Enterprise,
    ];

    /// The name on the wire and in settings.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::SoloManual => "solo_manual",
            Self::TeamManual => "team_manual",
            Self::AgencyManual => "agency_manual",
            Self::ApiStarter => "api_starter",
            Self::ApiBuilder => "api_builder",
            Self::ApiScale => "api_scale",
            Self::Enterprise => "enterprise",
        }
    }

    /// Reads a name exactly.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tier| tier.as_str() == text)
    }
}

/// The three kinds of key, told apart by their first characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// `ds_live_`: a customer's.
    Live,
    /// `ds_test_`: a customer's, for trials.
    Test,
    /// `ds_admin_`: an operator's.
    Admin,
}

impl KeyKind {
    /// The characters in front of the secret.
    #[must_use]
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Live => "ds_live_",
            Self::Test => "ds_test_",
            Self::Admin => "ds_admin_",
        }
    }
}

/// How many characters of a key are kept in the clear, to find its row by.
pub const KEY_PREFIX_CHARS: usize = 16;

/// A key as the client sends it: never logged, never stored.
#[derive(Clone)]
pub struct PlaintextKey(String);

impl PlaintextKey {
    /// A new key from 160 random bits.
    #[must_use]
    pub fn new(kind: KeyKind, random: [u8; 20]) -> Self {
        let secret = data_encoding::BASE32_NOPAD.encode(&random).to_ascii_lowercase();
        Self(format!("{}{secret}", kind.prefix()))
    }

    /// Reads a key: a known prefix and 32 lower-case base32 characters.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let secret = [KeyKind::Live, KeyKind::Test, KeyKind::Admin]
            .into_iter()
            .find_map(|kind| text.strip_prefix(kind.prefix()))?;
        let base32 = secret.bytes().all(|b| matches!(b, b'a'..=b'z' | b'2'..=b'7'));
        (secret.len() == 32 && base32).then(|| Self(text.to_owned()))
    }

    /// The first characters, by which the row is found.
    #[must_use]
    pub fn prefix(&self) -> &str {
        self.0.get(..KEY_PREFIX_CHARS).unwrap_or(&self.0)
    }

    /// SHA-256, lower-case hex: what is stored.
    #[must_use]
    pub fn hash(&self) -> String {
        data_encoding::HEXLOWER.encode(&Sha256::digest(self.0.as_bytes()))
    }

    /// The whole text, to show once to the one who made it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// A stored key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id.
    pub id: KeyId,
    /// What its owner calls it.
    pub name: String,
    /// The first 16 characters.
    pub key_prefix: String,
    /// SHA-256 of the whole, lower-case hex.
    pub key_hash: String,
    /// What it may be used for.
    pub scopes: Vec<Scope>,
    /// Whose it is; none for an operator's.
    pub account_id: Option<AccountId>,
    /// When it was last seen, to within a minute.
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// The key that took its place, once it was rotated.
    pub replaced_by: Option<KeyId>,
}

impl ApiKey {
    /// Its kind, told by its first characters.
    #[must_use]
    pub fn kind(&self) -> KeyKind {
        let of = |kind: &KeyKind| self.key_prefix.starts_with(kind.prefix());
        // Every stored prefix begins with one of the three.
        [KeyKind::Live, KeyKind::Test, KeyKind::Admin].into_iter().find(of).unwrap_or(KeyKind::Live)
    }

    /// True once its time has passed.
    #[must_use]
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }

    /// True if one of its scopes grants `permission`.
    #[must_use]
    pub fn may(&self, permission: Permission) -> bool {
        self.scopes.iter().any(|scope| permission.granted_by().contains(scope))
    }
}

/// A customer account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// Its name.
    pub name: String,
    /// Its tier.
    pub tier: Tier,
    /// When it was made.
    pub created_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_its_prefix_and_32_base32_characters() {
        let key = PlaintextKey::new(KeyKind::Admin, [7; 20]);
        assert_eq!(key.reveal().len(), "ds_admin_".len() + 32);
        assert_eq!(PlaintextKey::parse(key.reveal()).unwrap().hash(), key.hash());
        assert_eq!(key.prefix().len(), KEY_PREFIX_CHARS);
        assert!(PlaintextKey::parse("ds_live_short").is_none());
        assert!(PlaintextKey::parse("sk_live_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa").is_none());
    }

    #[test]
    fn an_account_owner_does_not_operate() {
        assert!(!Permission::Operate.granted_by().contains(&Scope::AccountOwner));
    }
}
