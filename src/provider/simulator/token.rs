//! The login's token: a JWT that lives five minutes.
//!
//! Its key comes from the seed, so it protects nothing; the shape and the expiry are the provider's.

use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use sha2::Sha256;

use crate::domain::time::{Span, Timestamp};

use super::dice::Dice;

/// How long a token works.
const LIFE: Span = Span::minutes(5);

#[derive(Deserialize)]
struct Claims {
    exp: i64,
}

/// A token for this login.
pub(super) fn issue(dice: Dice, email: &str, now: Timestamp) -> String {
    let id = dice.below(9_000_000_000, email, 0);
    let (from, to) = (seconds(now), seconds(now.after(LIFE)));
    let claims = format!(r#"{{"id":"{id}","iat":{from},"exp":{to}}}"#);
    let head = BASE64URL_NOPAD.encode(br#"{"alg":"HS256","typ":"JWT"}"#);
    let signed = format!("{head}.{}", BASE64URL_NOPAD.encode(claims.as_bytes()));
    let signature = BASE64URL_NOPAD.encode(&tag(dice, &signed));
    format!("{signed}.{signature}")
}

/// True for a token of this world whose time is not over.
pub(super) fn works(dice: Dice, token: &str, now: Timestamp) -> bool {
    let Some((signed, signature)) = token.rsplit_once('.') else { return false };
    if BASE64URL_NOPAD.encode(&tag(dice, signed)) != signature {
        return false;
    }
    let claims = signed.split_once('.').and_then(|(_, claims)| BASE64URL_NOPAD.decode(claims.as_bytes()).ok());
    let claims = claims.and_then(|claims| serde_json::from_slice::<Claims>(&claims).ok());
    claims.is_some_and(|claims| seconds(now) < claims.exp)
}

fn seconds(at: Timestamp) -> i64 {
    at.millis().div_euclid(1000)
}

fn tag(dice: Dice, text: &str) -> Vec<u8> {
    let keyed = Hmac::<Sha256>::new_from_slice(&dice.bytes("token", 0));
    keyed.map(|keyed| keyed.chain_update(text.as_bytes()).finalize().into_bytes().to_vec()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_works_for_five_minutes_and_in_its_own_world_only() {
        let at = |minutes| Timestamp::from_millis(1_700_000_000_000).after(Span::minutes(minutes));
        let token = issue(Dice(1), "shop@example.com", at(0));
        assert!(works(Dice(1), &token, at(0)) && works(Dice(1), &token, at(4)));
        assert!(!works(Dice(1), &token, at(5)) && !works(Dice(2), &token, at(0)));
        assert!(!works(Dice(1), "", at(0)) && !works(Dice(1), &token.replace('.', ""), at(0)));
    }
}
