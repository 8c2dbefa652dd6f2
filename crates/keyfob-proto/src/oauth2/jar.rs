//! Request objects (JAR, RFC 9101): the authorization request as signed text, so that nothing between us and the server can change it.

use serde_json::{Map, Value};

use super::settings::Settings;
use crate::encode;
use crate::entropy::{Entropy, id128};
use crate::error::Misuse;
use crate::jose::{Sign, sign_compact};
use crate::time::Timestamp;

/// How long a request object is good, in seconds: the person has just clicked, and a pushed one is used within a minute (RFC 9126 §2.2).
const LIFETIME: i64 = 300;

/// RFC 9101 §10.8: so that nobody takes it for a token of another kind.
const TYPE: &str = "oauth-authz-req+jwt";

/// What a request object says (RFC 9101 §4): the parameters of an authorization request, by the names of the RFCs. `request` and `request_uri` are never
/// inside (§4).
///
/// The value of `claims` and `authorization_details` is JSON and goes in as JSON; everything else is text, but for `max_age`, which is a number
/// (OpenID Connect Core §6.1). A server that has other names for parameters is told them by those here, too.
pub(crate) struct Object<'a> {
    pub(crate) client_id: &'a str,
    /// Whom it is for.
    pub(crate) issuer: &'a str,
    pub(crate) parameters: Vec<(&'a str, &'a str)>,
    pub(crate) settings: &'a Settings,
    pub(crate) now: Timestamp,
}

impl Object<'_> {
    /// Signed. Draws 16 bytes of entropy.
    ///
    /// # Errors
    ///
    /// `Misuse` if a parameter is not what it has to be, or whoever holds the key does not sign.
    pub(crate) fn signed(&self, signer: &dyn Sign, entropy: &dyn Entropy) -> Result<String, Misuse> {
        let mut header = Map::new();
        header.insert("typ".to_owned(), TYPE.into());
        sign_compact(signer, header, Value::Object(self.claims(entropy)?).to_string().as_bytes())
    }

    /// The same without a signature (OpenID Connect Core §6.1, `alg` of `none`): for an object that the server fetches from us, and for no other.
    ///
    /// # Errors
    ///
    /// `Misuse` if a parameter is not what it has to be.
    pub(crate) fn unsigned(&self, entropy: &dyn Entropy) -> Result<String, Misuse> {
        let claims = self.claims(entropy)?;
        let header = format!(r#"{{"alg":"none","typ":"{TYPE}"}}"#);
        Ok(format!("{}.{}.", encode::base64url(header.as_bytes()), encode::base64url(Value::Object(claims).to_string().as_bytes())))
    }

    fn claims(&self, entropy: &dyn Entropy) -> Result<Map<String, Value>, Misuse> {
        let Self { client_id, issuer, settings, now, .. } = *self;
        let mut claims = Map::new();
        for &(name, value) in &self.parameters {
            let value = match name {
                "request" | "request_uri" => continue,
                "claims" | "authorization_details" => serde_json::from_str(value).map_err(|_| {
                    Misuse::new(format!("JSON in the parameter \"{name}\""), "other text")
                        .of("RFC 9101 §4")
                        .with_hint("write it as JSON: it becomes a member of the signed request")
                })?,
                "max_age" => value.parse::<u32>().map(Value::from).map_err(|_| {
                    Misuse::new("a number of seconds in \"max_age\"", "other text")
                        .of("OpenID Connect Core §3.1.2.1")
                        .with_hint("write digits alone")
                })?,
                _ => Value::from(value),
            };
            // RFC 8707 §2 lets `resource` come several times: a list, in JSON.
            let name = settings.name_of(name);
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
        let at = |url: &str| crate::Endpoint::parse(url).expect("an endpoint");
        let mut settings = Settings::new(at("https://login.example/authorize"), at("https://login.example/token"));
        // What a server calls it is its name here, too, and it is still a number.
        settings.parameter_names = vec![("client_id".to_owned(), "appid".to_owned()), ("max_age".to_owned(), "oldest".to_owned())];
        let (issuer, now) = ("https://login.example", Timestamp::from_unix(1000));
        let object = Object { client_id: "us", issuer, parameters: parameters.to_vec(), settings: &settings, now };
        let text = object.signed(&*signer, &|buffer: &mut [u8]| buffer.fill(7)).expect("it signs");
        let part = |nth: usize| -> Value {
            let part = encode::base64url_decode(text.split('.').nth(nth).expect("a part")).expect("base64url");
            serde_json::from_slice(&part).expect("JSON")
        };
        assert_eq!(part(0)["typ"], "oauth-authz-req+jwt");
        let claims = part(1);
        assert_eq!((&claims["iss"], &claims["aud"], &claims["appid"]), (&"us".into(), &"https://login.example".into(), &"us".into()));
        assert_eq!(claims["oldest"], 60);
        assert_eq!(claims["resource"], serde_json::json!(["https://a.example", "https://b.example"]));
        assert_eq!(claims["claims"]["id_token"]["acr"], Value::Null);
        assert_eq!(claims["exp"], 1300);
        assert!(["request", "client_id", "max_age"].iter().all(|name| claims.get(*name).is_none()));
    }
}
