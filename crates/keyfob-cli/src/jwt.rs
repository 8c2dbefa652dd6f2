//! When a signed token ends, by its own word. Nothing is verified here: whoever gets the token does that.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

/// `exp` of a JWT (RFC 7519 §4.1.4), in seconds since 1970.
pub(crate) fn expiry(token: &str) -> Option<i64> {
    let payload = token.split('.').nth(1)?;
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
    claims.get("exp")?.as_f64().map(|seconds| seconds as i64)
}

#[cfg(test)]
mod tests {
    use super::expiry;

    #[test]
    fn the_end_is_read_where_there_is_one() {
        // {"exp":1577836800.5}
        assert_eq!(expiry("e30.eyJleHAiOjE1Nzc4MzY4MDAuNX0.x"), Some(1_577_836_800));
        for none in ["", "a.b.c", "e30.e30.x", "e30", "e30.eyJleHAiOiJ4In0.x"] {
            assert_eq!(expiry(none), None, "{none}");
        }
    }
}
