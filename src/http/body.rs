//! Reads request bodies: bounded, of one content type, as one JSON object.
//!
//! How slowly they may arrive is said in `incoming_body.rs`, how the object is read in `json.rs`, and what its fields must
//! be in `fields.rs`.

use std::io::ErrorKind;
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::error::PayloadError;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use actix_web::web::{Bytes, BytesMut, Payload};
use futures_util::StreamExt;
use tokio::time::timeout;

use super::error::ApiError;
use super::fields::Fields;
use super::incoming_body::late;
use super::json;

/// What some programs write before a text in UTF-8; it means nothing there (RFC 8259, section 8.1).
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// The longest body that is read.
pub const BODY_BYTES_MAX: usize = 64 * 1024;

/// Reads a body that must be there.
///
/// # Errors
/// 400, 413 or 415 as contract section 1 says.
pub async fn required(request: &HttpRequest, payload: Payload) -> Result<Fields, ApiError> {
    let bytes = json_bytes(request, payload).await?;
    if bytes.is_empty() {
        return Err(ApiError::BadRequest("The request body is empty; a JSON object is expected.".into()));
    }
    json::object(&bytes)
}

/// Reads a body that may be left out, which is the same as an empty object.
///
/// # Errors
/// 400, 413 or 415 as contract section 1 says.
pub async fn optional(request: &HttpRequest, payload: Payload) -> Result<Fields, ApiError> {
    let bytes = json_bytes(request, payload).await?;
    if bytes.is_empty() { Ok(Fields::default()) } else { json::object(&bytes) }
}

async fn json_bytes(request: &HttpRequest, payload: Payload) -> Result<Bytes, ApiError> {
    let content_type = request.headers().get(CONTENT_TYPE);
    if content_type.is_some_and(|value| !value.to_str().is_ok_and(is_json)) {
        return Err(ApiError::MediaType);
    }
    plain(request)?;
    let bytes = read(request, payload).await?;
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).map_or_else(|| bytes.clone(), |rest| bytes.slice_ref(rest));
    // Without a body there is nothing whose type could be wrong.
    if content_type.is_none() && !bytes.is_empty() { Err(ApiError::MediaType) } else { Ok(bytes) }
}

/// Refuses a compressed body: read as it is, it would look like broken JSON.
fn plain(request: &HttpRequest) -> Result<(), ApiError> {
    for value in request.headers().get_all(CONTENT_ENCODING) {
        let encoding = String::from_utf8_lossy(value.as_bytes());
        let encoding = encoding.trim();
        if !encoding.is_empty() && !encoding.eq_ignore_ascii_case("identity") {
            return Err(ApiError::ContentEncoding(encoding.to_owned()));
        }
    }
    Ok(())
}

/// Reads a whole body of any type.
///
/// # Errors
/// 413 past [`BODY_BYTES_MAX`], 400 if it breaks off or takes too long.
pub async fn read(request: &HttpRequest, mut payload: Payload) -> Result<Bytes, ApiError> {
    let declared = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| usize::try_from(length).map_or(true, |length| length > BODY_BYTES_MAX)) {
        return Err(ApiError::TooLarge(BODY_BYTES_MAX));
    }
    let mut whole = Bytes::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(unread)?;
        if whole.len().saturating_add(chunk.len()) > BODY_BYTES_MAX {
            return Err(ApiError::TooLarge(BODY_BYTES_MAX));
        }
        // Nearly every body comes in one piece, which needs no copy.
        whole = if whole.is_empty() { chunk } else { joined(whole, &chunk) };
    }
    Ok(whole)
}

/// Reads a body that must be there sooner than others.
///
/// # Errors
/// As `reading`; 400 if it takes longer than so many seconds.
pub async fn within<T>(seconds: u64, reading: impl Future<Output = Result<T, ApiError>>) -> Result<T, ApiError> {
    let in_time = timeout(Duration::from_secs(seconds), reading).await;
    in_time.unwrap_or_else(|_| Err(ApiError::BadRequest(late(seconds).into())))
}

fn unread(error: PayloadError) -> ApiError {
    ApiError::BadRequest(match error {
        PayloadError::Io(error) if error.kind() == ErrorKind::TimedOut => error.to_string().into(),
        _ => "The request body could not be read to its end.".into(),
    })
}

fn joined(head: Bytes, tail: &[u8]) -> Bytes {
    let mut both = BytesMut::from(head);
    both.extend_from_slice(tail);
    both.freeze()
}

/// `application/json`, alone or with a charset that is UTF-8.
fn is_json(content_type: &str) -> bool {
    let mut parts = content_type.split(';').map(str::trim);
    let json = parts.next().is_some_and(|media| media.eq_ignore_ascii_case("application/json"));
    json && parts.filter_map(|part| part.split_once('=')).all(|(name, value)| {
        let charset = value.trim().trim_matches('"');
        !name.trim().eq_ignore_ascii_case("charset")
            || ["utf-8", "utf8"].iter().any(|known| charset.eq_ignore_ascii_case(known))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_json_in_utf8_is_json() {
        for right in ["application/json", "Application/JSON; charset=UTF-8", "application/json;charset=\"utf-8\""] {
            assert!(is_json(right), "{right}");
        }
        for wrong in ["text/plain", "application/jsonp", "application/json; charset=latin1", "", "application/x+json"] {
            assert!(!is_json(wrong), "{wrong}");
        }
    }
}
