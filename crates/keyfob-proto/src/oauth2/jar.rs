//! Request objects (JAR, RFC 9101): the authorization request as signed text, so that nothing between us and the server can change it.

use serde_json::{Map, Value};

use crate::encode;
use crate::entropy::{Entropy, id128};
use crate::error::Misuse;
use crate::jose::{Sign, sign_compact};
use crate::time::Timestamp;

/// How long a request object is good, in seconds: the person has just clicked, and a pushed one is used within a minute (RFC 9126 §2.2).
const LIFETIME: i64 = 300;

/// RFC 9101 §10.8: so that nobody takes it for a token of another kind.
const TYPE: &str = "oauth-authz-req+jwt";

/// Signs the parameters of an authorization request (RFC 9101 §4). `issuer` is whom it is for; `request` and `request_uri` are never inside (§4).
/// Draws 16 bytes of entropy.
///
/// The value of `claims` and `authorization_details` is JSON and goes in as JSON; everything else is text, but for `max_age`, which is a number
/// (OpenID Connect Core §6.1).
///
/// # Errors
///
/// `Misuse` if a parameter is not what it has to be, or whoever holds the key does not sign.
pub(crate) fn request_object<'a>(
    signer: &dyn Sign,
    client_id: &str,
    issuer: &str,
    parameters: impl IntoIterator<Item = (&'a str, &'a str)>,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<String, Misuse> {
    let claims = claims(client_id, issuer, parameters, now, entropy)?;
    let mut header = Map::new();
    header.insert("typ".to_owned(), TYPE.into());
    sign_compact(signer, header, Value::Object(claims).to_string().as_bytes())
}

/// The same without a signature (OpenID Connect Core §6.1, `alg` of `none`): for an object that the server fetches from us, and for no other.
///
/// # Errors
///
/// `Misuse` if a parameter is not what it has to be.
pub(crate) fn unsigned_object<'a>(
    client_id: &str,
    issuer: &str,
    parameters: impl IntoIterator<Item = (&'a str, &'a str)>,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<String, Misuse> {
    let claims = claims(client_id, issuer, parameters, now, entropy)?;
    let header = format!(r#"{{"alg":"none","typ":"{TYPE}"}}"#);
    Ok(format!("{}.{}.", encode::base64url(header.as_bytes()), encode::base64url(Value::Object(claims).to_string().as_bytes())))
}

fn claims<'a>(
    client_id: &str,
    issuer: &str,
    parameters: impl IntoIterator<Item = (&'a str, &'a str)>,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<Map<String, Value>, Misuse> {
    let mut claims = Map::new();
    for (name, value) in parameters {
        let value = match name {
            "request" | "request_uri" => continue,
            "claims" | "authorization_details" => {
                serde_json::from_str(value).map_err(|_| Misuse::new(format!("JSON in the parameter \"{name}\""), "other text"))?
            }
            "max_age" => {
                value.parse::<u32>().map(Value::from).map_err(|_| Misuse::new("a number of seconds in \"max_age\"", "other text"))?
            }
            _ => Value::from(value),
        };
        // RFC 8707 §2 lets `resource` come several times: a list, in JSON.
        match claims.get_mut(name) {
            None => drop(claims.insert(name.to_owned(), value)),
            Some(Value::Array(several)) => several.push(value),
            Some(one) => *one = Value::Array(vec![one.take(), value]),
        }
    }
    for (name, value) in [
        ("iss", Value::from(client_id)),
        ("aud", issuer.into()),
        ("jti", id128(entropy).into()),
        ("iat", now.as_unix().into()),
        ("nbf", now.as_unix().into()),
        ("exp", now.plus(LIFETIME).as_unix().into()),
    ] {
        claims.insert(name.to_owned(), value);
    }
    Ok(claims)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::{Algorithm, AwsLc, Crypto as _};

    #[test]
    fn what_is_asked_for_is_inside_and_who_asks_whom() {
        let signer = AwsLc.signer(Algorithm::ES256, &AwsLc.generate(Algorithm::ES256).expect("a key")).expect("it signs");
        let parameters = [
            ("response_type", "code"),
            ("client_id", "us"),
            ("max_age", "60"),
            ("resource", "https://a.example"),
            ("resource", "https://b.example"),
            ("claims", r#"{"id_token":{"acr":null}}"#),
            ("request", "never"),
        ];
        let text =
            request_object(&*signer, "us", "https://login.example", parameters, Timestamp::from_unix(1000), &|buffer: &mut [u8]| {
                buffer.fill(7);
            });
        let text = text.expect("it signs");
        let part = |nth: usize| -> Value {
            let part = encode::base64url_decode(text.split('.').nth(nth).expect("a part")).expect("base64url");
            serde_json::from_slice(&part).expect("JSON")
        };
        assert_eq!(part(0)["typ"], "oauth-authz-req+jwt");
        let claims = part(1);
        assert_eq!((&claims["iss"], &claims["aud"], &claims["client_id"]), (&"us".into(), &"https://login.example".into(), &"us".into()));
        assert_eq!(claims["max_age"], 60);
        assert_eq!(claims["resource"], serde_json::json!(["https://a.example", "https://b.example"]));
        assert_eq!(claims["claims"]["id_token"]["acr"], Value::Null);
        assert_eq!(claims["exp"], 1300);
        assert!(claims.get("request").is_none());
    }
}
