//! The shapes of domain types in the OpenAPI document.
//!
//! The domain knows nothing of the wire's description, so the descriptions are given to its types here.

use std::borrow::Cow;

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::domain::attention::AttentionKind;
use crate::domain::catalogue::ProductCode;
use crate::domain::ids::{AccountId, KeyId, OrderId, PaymentId};
use crate::domain::order::{FailureReason, Source, StatusName};
use crate::domain::time::Timestamp;
use crate::http::billing::receipt::PdfFile;

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

/// One of these words.
fn words<'a>(description: &str, words: impl IntoIterator<Item = &'a str>) -> RefOr<Schema> {
    let object = ObjectBuilder::new().schema_type(Type::String).description(Some(description));
    object.enum_values(Some(words)).into()
}

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
    )+};
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
    PaymentId => Text {
        description: "The provider's payment id: opaque, printable.",
        pattern: "^.{1,128}$",
        example: "5077125051",
    }.into();
    ProductCode => Text {
        description: "A product's code in the catalogue.",
        pattern: "^.+$",
        example: "solo_manual",
    }.into();
    Timestamp => Text {
        description: "ISO-8601 in UTC with milliseconds.",
        pattern: r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$",
        example: "2026-05-12T13:00:00.000Z",
    }.into();
    PdfFile => ObjectBuilder::new().schema_type(Type::String).content_media_type("application/pdf").into();
    StatusName => words("Where an order stands.", StatusName::ALL.map(StatusName::as_str));
    FailureReason => words("Who said that an order failed.", ["ipn", "expired", "swept"]);
    Source => words("What brought a line of the log about.", Source::ALL.map(Source::as_str));
    AttentionKind => words("What was raised to the operator.", AttentionKind::ALL.map(AttentionKind::as_str));
}
