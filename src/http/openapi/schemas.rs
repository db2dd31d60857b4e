//! The shapes of domain types in the OpenAPI document.
//!
//! The domain knows nothing of the wire's description, so the descriptions are given to its types here.

use std::borrow::Cow;
use std::collections::BTreeMap;

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AnyOfBuilder, KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::domain::access::keys::NAME_CHARS_MAX;
use crate::domain::access::{Scope, Tier};
use crate::domain::attention::AttentionKind;
use crate::domain::catalogue::ProductCode;
use crate::domain::evidence::{Outcome, WitnessKind};
use crate::domain::ids::{AccountId, AttentionId, AuditId, DeliveryId, KeyId, OrderId, PaymentId, WebhookId};
use crate::domain::order::{FailureReason, Source, StatusName};
use crate::domain::time::Timestamp;
use crate::domain::webhook::delivery::DeliveryStatus;
use crate::domain::webhook::endpoint::{EventType, URL_CHARS_MAX};
use crate::http::billing::receipt::PdfFile;
use crate::store::records::AttentionState;

/// A text of this form, shown by an example.
struct Text {
    description: &'static str,
    pattern: &'static str,
    example: &'static str,
}

impl From<Text> for RefOr<Schema> {
    fn from(text: Text) -> Self {
        let object = ObjectBuilder::new().schema_type(Type::String).description(Some(text.description));
        object.pattern(Some(text.pattern)).examples([serde_json::Value::from(text.example)]).into()
    }
}

/// 1 to 128 characters, none of them a control character, and no blank of Unicode at either end.
const PAYMENT_ID: &str = concat!(
    r"^[^\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]",
    r"([^\u0000-\u001f\u007f-\u009f]{0,126}",
    r"[^\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000])?$",
);

/// The URLs of names, with what follows them in ASCII: all that is taken, but for plain addresses and what else
/// only the URL standard tells apart.
const WEBHOOK_URL: &str = concat!(
    r"^[Hh][Tt][Tt][Pp][Ss]://([A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?\.)+[A-WYZa-wyz]([A-Za-z0-9-]*[A-Za-z0-9])?",
    r"(:([1-9][0-9]{0,3}|[1-5][0-9]{4}))?([/?#][!-\[\]-~]*)?$",
);

/// The times of the years in which no offset leads out of those that are kept.
const INPUT_TIME: &str = concat!(
    r"^(197[1-9]|19[89][0-9]|[2-8][0-9]{3})-[0-9]{2}-[0-9]{2}[Tt ][0-9:]{8}(\.[0-9]+)?",
    r"([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$",
);

/// One of these words.
fn words<'a>(description: &str, words: impl IntoIterator<Item = &'a str>) -> RefOr<Schema> {
    let object = ObjectBuilder::new().schema_type(Type::String).description(Some(description));
    object.enum_values(Some(words)).into()
}

/// Any of these, by example.
fn any_of(description: &str, example: &str, choices: impl IntoIterator<Item = ObjectBuilder>) -> RefOr<Schema> {
    let any = AnyOfBuilder::new().description(Some(description)).examples([serde_json::Value::from(example)]);
    choices.into_iter().fold(any, AnyOfBuilder::item).into()
}

/// Nothing but `null`, of a field that must not stand beside another.
#[must_use]
pub fn nothing() -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::Null).into()
}

/// A time as inputs may write it.
#[derive(Debug)]
pub enum InputTime {}

/// An account as filters may name it.
#[derive(Debug)]
pub enum AccountFilter {}

/// A product that this service sells; the document of a running service names them.
#[derive(Debug)]
pub enum CataloguedProduct {}

/// Where events may be sent.
#[derive(Debug)]
pub enum WebhookUrl {}

/// The name of an API key.
#[derive(Debug)]
pub enum KeyName {}

/// The header that names a purchase.
#[derive(Debug)]
pub enum IdempotencyKeyHeader {}

/// An id as the provider writes it.
#[derive(Debug)]
pub enum ProviderId {}

/// The id of a parent as the provider writes it, who says "none" in several ways.
#[derive(Debug)]
pub enum ParentId {}

/// An amount as the provider writes it.
#[derive(Debug)]
pub enum Amount {}

/// An amount as answers write it.
#[derive(Debug)]
pub enum ExactAmount {}

/// An object of any fields.
#[derive(Debug)]
pub enum AnyObject {}

/// Names the type as itself, and gives it its shape.
macro_rules! shaped {
    ($($name:ident => $schema:expr;)+) => {$(
        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                $schema
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed(stringify!($name))
            }
        }
    )+

    /// All of them by name: those that only parameters name are not found by themselves.
    #[must_use]
    pub fn all() -> BTreeMap<String, RefOr<Schema>> {
        BTreeMap::from([$((stringify!($name).to_owned(), <$name as PartialSchema>::schema())),+])
    }
    };
}

shaped! {
    OrderId => Text {
        description: "An order's id.",
        pattern: "^ord_[0-9a-f]{32}$",
        example: "ord_01890a5d96e77c9f8a0b1c2d3e4f5a6b",
    }.into();
    AccountId => Text {
        description: "A customer account's id, a bare UUID.",
        pattern: "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
        example: "0f0e0d0c-0b0a-4908-8706-050403020100",
    }.into();
    KeyId => Text {
        description: "An API key's id; not the key itself.",
        pattern: "^key_[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
        example: "key_0f0e0d0c-0b0a-4908-8706-050403020100",
    }.into();
    AttentionId => Text {
        description: "An attention item's id.",
        pattern: "^att_[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
        example: "att_0190a5d9-6e77-7c9f-8a0b-1c2d3e4f5a6b",
    }.into();
    AuditId => Text {
        description: "An audited write's id.",
        pattern: "^aud_[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
        example: "aud_0190a5d9-6e77-7c9f-8a0b-1c2d3e4f5a6b",
    }.into();
    WebhookId => Text {
        description: "The id of an endpoint for webhooks.",
        pattern: "^whk_[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
        example: "whk_0190a5d9-6e77-7c9f-8a0b-1c2d3e4f5a6b",
    }.into();
    WebhookUrl => ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some("A URL of `https`, without credentials, whose name leads to public addresses only. A plain address that is public is taken too."))
        .pattern(Some(WEBHOOK_URL))
        .max_length(Some(URL_CHARS_MAX))
        .examples([serde_json::Value::from("https://shop.example.com/webhooks")])
        .into();
    DeliveryId => Text {
        description: "The id of one event on its way to one endpoint.",
        pattern: "^wdl_[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
        example: "wdl_0190a5d9-6e77-7c9f-8a0b-1c2d3e4f5a6b",
    }.into();
    PaymentId => Text {
        description: "The provider's payment id: opaque, printable, no blank at either end.",
        pattern: PAYMENT_ID,
        example: "5077125051",
    }.into();
    ProductCode => Text {
        description: "A product's code in the catalogue.",
        pattern: "^[0-9a-z_.-]{1,64}$",
        example: "solo_manual",
    }.into();
    CataloguedProduct => Text {
        description: "The code of a product that is sold.",
        pattern: "^[0-9a-z_.-]{1,64}$",
        example: "solo_manual",
    }.into();
    KeyName => ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some("What its owner calls an API key: one line, not blank."))
        .pattern(Some(r"^[^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u001f\u007f-\u009f]*$"))
        .min_length(Some(1))
        .max_length(Some(NAME_CHARS_MAX))
        .examples([serde_json::Value::from("till 4")])
        .into();
    AccountFilter => Text {
        description: "A customer account's id, bare or behind `acc_`.",
        pattern: "^(acc_)?[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$",
        example: "acc_0f0e0d0c-0b0a-4908-8706-050403020100",
    }.into();
    IdempotencyKeyHeader => Text {
        description: "An idempotency key.",
        // Without quotes around it; a quote alone or in front only; with quotes around it.
        pattern: r#"^[ \t]*([!#-~][!-~]{0,254}|"|"[!-~]{0,253}[!#-~]|"[!-~]{1,255}")?[ \t]*$"#,
        example: "order-2026-0001",
    }.into();
    InputTime => ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
        .description(Some("RFC 3339, from 1970 on, with `Z` or any other offset; kept in UTC."))
        .pattern(Some(INPUT_TIME))
        .into();
    ProviderId => any_of("The provider's id of a payment, as text or in plain digits.", "5077125051", [
        ObjectBuilder::new().schema_type(Type::String).pattern(Some(PAYMENT_ID)),
        ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)),
    ]);
    ParentId => any_of("The provider's id of a payment; blank text and 0 are none.", "5077125051", [
        ObjectBuilder::new().schema_type(Type::String).pattern(Some(PAYMENT_ID)),
        ObjectBuilder::new().schema_type(Type::String).pattern(Some(r"^\s*$")),
        ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)),
    ]);
    Amount => any_of("An exact decimal, never negative, as a number or as its digits in text.", "0.0024", [
        ObjectBuilder::new().schema_type(Type::String).pattern(Some(r"^(null|[0-9]+(\.[0-9]+)?)$")).max_length(Some(128)),
        ObjectBuilder::new().schema_type(Type::Number).minimum(Some(0)),
    ]);
    ExactAmount => Text {
        description: "An exact decimal of a coin as text, every digit kept: a number would lose some.",
        pattern: r"^[0-9]+(\.[0-9]+)?$",
        example: "0.0024",
    }.into();
    AnyObject => ObjectBuilder::new().schema_type(Type::Object).into();
    Timestamp => ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
        .description(Some("ISO-8601 in UTC with milliseconds."))
        .pattern(Some(r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$"))
        .examples([serde_json::Value::from("2026-05-12T13:00:00.000Z")])
        .into();
    Scope => words("What a key may be used for.", Scope::ALL.map(Scope::as_str));
    Tier => words("How often an account may ask.", Tier::ALL.map(Tier::as_str));
    PdfFile => ObjectBuilder::new().schema_type(Type::String).content_media_type("application/pdf").into();
    StatusName => words("Where an order stands.", StatusName::ALL.map(StatusName::as_str));
    FailureReason => words("Who said that an order failed.", ["ipn", "expired", "swept"]);
    Source => words("What brought a line of the log about.", Source::ALL.map(Source::as_str));
    WitnessKind => words(
        "Whose word on a payment moved an order: the provider's notification, its answer to our question, or an operator's.",
        WitnessKind::ALL.map(WitnessKind::as_str),
    );
    AttentionKind => words("What was raised to the operator.", AttentionKind::ALL.map(AttentionKind::as_str));
    AttentionState => words("Whether it waits, or was disposed of.", AttentionState::ALL.map(AttentionState::as_str));
    DeliveryStatus => words("Where a delivery stands.", DeliveryStatus::ALL.map(DeliveryStatus::as_str));
    EventType => words("What an event tells.", EventType::ALL.map(EventType::as_str));
    Outcome => words("What became of a piece of evidence.", Outcome::ALL.map(Outcome::as_str));
}
