//! What a client sent: JSON, or a form as several published clients send it, which the provider takes too.

use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpRequest, web};
use serde_json::{Map, Value};

/// The media type of a form.
const FORM: &str = "application/x-www-form-urlencoded";

/// The body as the text of a JSON object. Of a form every value is a text, but for switches (`is_…`), which are true or
/// false in any case.
pub(super) fn as_json(request: &HttpRequest, body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body).into_owned();
    let sent = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = sent.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case(FORM) || text.trim_start().starts_with('{') {
        return text;
    }
    let pairs = web::Query::<Vec<(String, String)>>::from_query(&text).map(web::Query::into_inner).unwrap_or_default();
    let mut fields = Map::new();
    for (name, value) in pairs {
        let value = field(&name, value);
        fields.insert(name, value);
    }
    Value::Object(fields).to_string()
}

fn field(name: &str, value: String) -> Value {
    match value.to_ascii_lowercase().as_str() {
        "true" if name.starts_with("is_") => Value::Bool(true),
        "false" if name.starts_with("is_") => Value::Bool(false),
        _ => Value::String(value),
    }
}
