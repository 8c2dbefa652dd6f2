//! Claims that somebody else answers for (OpenID Connect Core §5.6.2): handed on by the provider (aggregated), or to be fetched where it says
//! (distributed). Both are signed by a claims provider of their own, and count for what that one has signed.
//!
//! ```text
//!  UserInfo ──► ClaimSource::all ──┬► Source::Here ──────────────────────────────► SignedClaims ──► judge(issuer, keys) ──► SourcedClaims
//!                                  └► Source::There ──► request ──► receive ───────────┘
//! ```

use std::collections::BTreeMap;

use http::Method;
use http::header::AUTHORIZATION;
use serde_json::{Map, Value};

use crate::encode;
use crate::endpoint::Endpoint;
use crate::error::{Error, Misbehaved};
use crate::jose::jwt::{Claims, LEEWAY};
use crate::jose::{Algorithms, Jws, Keys};
use crate::message::{Incoming, Outgoing};
use crate::oauth2::json;
use crate::reach::Reach;
use crate::secret::Secret;
use crate::time::Timestamp;

const SECTION: &str = "OpenID Connect Core §5.6.2";

/// Each may be a request: more than this is no person's affairs.
const MOST: usize = 16;

/// Where some claims come from.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClaimSource {
    /// Which claims this source answers for. Whatever else it says is left alone.
    pub names: Vec<String>,
    /// Where they are.
    pub source: Source,
}

/// Where signed claims are.
#[derive(Clone, Debug)]
pub enum Source {
    /// The provider handed them on.
    Here(SignedClaims),
    /// They have to be fetched.
    There(Box<ClaimsRequest>),
}

/// Claims that a claims provider signed, not yet believed: [`judge`](Self::judge) tells what they say.
#[derive(Clone)]
pub struct SignedClaims {
    names: Vec<String>,
    text: Secret,
}

/// A request for claims at another place.
#[derive(Clone, Debug)]
pub struct ClaimsRequest {
    names: Vec<String>,
    request: Outgoing,
}

/// What a claims provider says about the person: the claims that the provider named it for, and no others.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SourcedClaims {
    /// Who says so.
    pub issuer: String,
    /// What.
    pub claims: Claims,
}

impl ClaimSource {
    /// The sources that these claims (UserInfo's, or an ID token's) name. `home` is where they came from: a source that only we could reach is
    /// refused (F3).
    ///
    /// # Errors
    ///
    /// `Misbehaved` for names without a source, sources that are neither signed text nor an endpoint, and more than sixteen of them.
    pub fn all(claims: &Claims, home: &Endpoint) -> Result<Vec<Self>, Error> {
        let wrong = |expected: &str, found: &str| Misbehaved::new(SECTION, expected, found);
        let object = |name: &str| match claims.get(name) {
            None => Ok(None),
            Some(Value::Object(members)) => Ok(Some(members)),
            Some(_) => Err(wrong("_claim_names and _claim_sources as objects", "another value")),
        };
        let (Some(names), sources) = (object("_claim_names")?, object("_claim_sources")?) else { return Ok(Vec::new()) };
        let mut by_source: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (name, source) in names {
            let source = source.as_str().ok_or_else(|| wrong("the name of a source for each claim", "another value"))?;
            by_source.entry(source).or_default().push(name.clone());
        }
        if by_source.len() > MOST {
            return Err(wrong("at most sixteen sources", "more").into());
        }
        let reach = Reach::of(home);
        let one = |(source, names): (&str, Vec<String>)| {
            let place = sources.and_then(|sources| sources.get(source)).and_then(Value::as_object);
            Self::of(names, place.ok_or_else(|| wrong("every source that is named in _claim_sources", "one that is not there"))?, &reach)
        };
        by_source.into_iter().map(one).collect()
    }

    fn of(names: Vec<String>, place: &Map<String, Value>, reach: &Reach) -> Result<Self, Error> {
        let wrong = |expected: &str, found: &str| Misbehaved::new(SECTION, expected, found);
        let text = |name: &str| place.get(name).and_then(Value::as_str);
        let source = match (text("JWT"), text("endpoint")) {
            (Some(signed), None) => Source::Here(SignedClaims { names: names.clone(), text: Secret::new(signed) }),
            (None, Some(endpoint)) => {
                let endpoint = reach.endpoint(endpoint).map_err(|found| wrong("a source on the open internet", &found))?;
                let request = Outgoing::new(Method::GET, &endpoint);
                let request = match text("access_token") {
                    Some(token) if crate::message::is_vschar(token) => request.secret_header(AUTHORIZATION, &format!("Bearer {token}"))?,
                    Some(_) => return Err(wrong("an access_token of visible ASCII", "other characters").into()),
                    None => request,
                };
                Source::There(Box::new(ClaimsRequest { names: names.clone(), request }))
            }
            _ => return Err(wrong("a source with a JWT or an endpoint", "both, or neither").into()),
        };
        Ok(Self { names, source })
    }
}

impl ClaimsRequest {
    /// What to send. The token in it is for this source, not the provider's.
    pub fn request(&self) -> &Outgoing {
        &self.request
    }

    /// Reads the answer: signed text.
    ///
    /// # Errors
    ///
    /// `Misbehaved` for anything else, a redirect among it.
    pub fn receive<'a>(self, answer: impl Into<Incoming<'a>>) -> Result<SignedClaims, Misbehaved> {
        let answer = answer.into();
        let wrong = |found: &str| Misbehaved::new(SECTION, "signed claims (application/jwt)", found).with_status(answer.status);
        if !answer.status.is_success() {
            return Err(wrong("another answer"));
        }
        if answer.body.len() > Outgoing::LARGEST_ANSWER {
            return Err(wrong("an endless one"));
        }
        if answer.media_type() != "application/jwt" {
            return Err(wrong("another content type, or none"));
        }
        let text = std::str::from_utf8(answer.body).map_err(|_| wrong("bytes that are no text"))?;
        Ok(SignedClaims { names: self.names, text: Secret::new(text) })
    }
}

impl SignedClaims {
    /// Who they say they are from: for looking up whether that is a claims provider of ours, and its keys. Nobody has checked it.
    pub fn claimed_issuer(&self) -> Option<String> {
        let payload = encode::base64url_decode(self.text.expose().split('.').nth(1)?)?;
        json::object(&payload).ok()?.get("iss")?.as_str().map(str::to_owned)
    }

    /// Judges them: signed by this claims provider, from it, of now as far as they say, and, as far as they say, for us. `sub` in them is the person at
    /// the claims provider, and is not compared (§5.6.2).
    ///
    /// # Errors
    ///
    /// `Misbehaved` naming what does not hold; [`Misbehaved::is_unknown_key`] where fetching the keys again may help.
    pub fn judge(
        &self,
        issuer: &str,
        client_id: &str,
        keys: &Keys<'_>,
        algorithms: &Algorithms,
        now: Timestamp,
    ) -> Result<SourcedClaims, Misbehaved> {
        let wrong = |expected: &str, found: &str| Misbehaved::new(SECTION, expected, found);
        let jws = Jws::read(self.text.expose())?;
        if jws.header.media_type.as_deref().is_some_and(|kind| kind != "jwt") {
            return Err(Misbehaved::new("RFC 8725 §3.11", "claims (\"typ\" of JWT, or none)", "another kind"));
        }
        let said = Claims::read(&jws.verify(keys, algorithms)?, SECTION)?;
        if said.required("iss", SECTION)? != issuer {
            return Err(wrong("claims from the claims provider that was looked up", "another one's"));
        }
        if said.get("aud").is_some() && !said.audience(SECTION)?.contains(&client_id) {
            return Err(wrong("claims for this client (\"aud\")", "some for somebody else"));
        }
        if said.moment("exp", SECTION)?.is_some_and(|end| now >= end.plus(LEEWAY)) {
            return Err(wrong("claims that have not ended", "some that have").by_the_clock());
        }
        for name in ["nbf", "iat"] {
            if said.moment(name, SECTION)?.is_some_and(|begins| begins > now.plus(LEEWAY)) {
                return Err(wrong("claims whose time has begun", "some of a moment to come").by_the_clock());
            }
        }
        // Whatever it says beyond what it was named for (`sub`, `email_verified`) it has no say in.
        let named = said.iter().filter(|(name, _)| self.names.iter().any(|known| known == name));
        let members: Map<String, Value> = named.map(|(name, value)| (name.to_owned(), value.clone())).collect();
        Ok(SourcedClaims { issuer: issuer.to_owned(), claims: Claims::of(members) })
    }
}

/// Without the text, which says where a person lives.
impl std::fmt::Debug for SignedClaims {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignedClaims").field("names", &self.names).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use http::Response;
    use serde_json::json;

    use super::*;
    use crate::jose::{Algorithm, HmacKey, sign_compact};

    const NOW: Timestamp = Timestamp::from_unix(1000);

    fn all(value: Value) -> Result<Vec<ClaimSource>, Error> {
        let claims = Claims::read(value.to_string().as_bytes(), SECTION).expect("claims");
        ClaimSource::all(&claims, &Endpoint::parse("https://login.example/userinfo").expect("an endpoint"))
    }

    #[test]
    fn every_claim_has_a_source_and_none_leads_home() {
        assert!(all(json!({ "sub": "1" })).expect("none").is_empty());
        let two = all(json!({
            "_claim_names": { "address": "a", "phone_number": "a", "credit_score": "b" },
            "_claim_sources": { "a": { "JWT": "x.y.z" }, "b": { "endpoint": "https://bank.example/score", "access_token": "t" }, "c": 1 },
        }));
        let two = two.expect("two sources");
        assert_eq!(two[0].names, ["address", "phone_number"]);
        let Source::There(request) = &two[1].source else { panic!("to be fetched") };
        assert_eq!((request.request().uri().to_string().as_str(), two.len()), ("https://bank.example/score", 2));
        assert!(!format!("{two:?}").contains("x.y.z"));
        for bad in [
            json!({ "_claim_names": { "address": "a" } }),
            json!({ "_claim_names": { "address": "a" }, "_claim_sources": {} }),
            json!({ "_claim_names": { "address": 1 }, "_claim_sources": { "a": { "JWT": "x" } } }),
            json!({ "_claim_names": { "address": "a" }, "_claim_sources": { "a": {} } }),
            json!({ "_claim_names": { "address": "a" }, "_claim_sources": { "a": { "endpoint": "http://bank.example" } } }),
            json!({ "_claim_names": { "address": "a" }, "_claim_sources": { "a": { "endpoint": "https://127.0.0.1/" } } }),
            json!({ "_claim_names": { "address": "a" }, "_claim_sources": { "a": { "endpoint": "https://b.example", "access_token": "a b" } } }),
            json!({ "_claim_names": [], "_claim_sources": {} }),
        ] {
            assert!(all(bad.clone()).is_err(), "{bad}");
        }
        let many = |count: usize| {
            let names: Map<String, Value> = (0..count).map(|n| (format!("claim{n}"), json!(format!("source{n}")))).collect();
            let sources: Map<String, Value> = (0..count).map(|n| (format!("source{n}"), json!({ "JWT": "x.y.z" }))).collect();
            all(json!({ "_claim_names": names, "_claim_sources": sources })).map(|all| all.len())
        };
        assert_eq!(many(MOST).ok(), Some(MOST));
        assert!(many(MOST + 1).is_err());
    }

    fn judged(change: impl FnOnce(&mut Value)) -> Result<SourcedClaims, Misbehaved> {
        let key = HmacKey::new(Algorithm::HS256, &Secret::new("a-client-secret-of-32-characters")).expect("a key");
        let mut claims = json!({ "iss": "https://bank.example", "credit_score": 650, "email_verified": true });
        change(&mut claims);
        let text = sign_compact(&key, Map::new(), claims.to_string().as_bytes()).expect("it signs");
        let answer = Response::builder().header("content-type", "application/jwt").body(text).expect("an answer");
        let request = Outgoing::new(Method::GET, &Endpoint::parse("https://bank.example/score").expect("an endpoint"));
        let signed = ClaimsRequest { names: vec!["credit_score".to_owned()], request }.receive(&answer)?;
        assert_eq!(signed.claimed_issuer().as_deref(), claims["iss"].as_str());
        signed.judge("https://bank.example", "us", &Keys::Shared(&key), &Algorithms::of([Algorithm::HS256]), NOW)
    }

    #[test]
    fn a_source_says_what_it_was_named_for() {
        let good = judged(|_| {}).expect("good");
        assert_eq!((good.claims.get("credit_score"), good.claims.get("email_verified")), (Some(&json!(650)), None));
        assert!(judged(|claims| claims["aud"] = json!(["us"])).is_ok());
        for (name, value) in [
            ("iss", json!("https://evil.example")),
            ("iss", Value::Null),
            ("aud", json!("them")),
            ("exp", json!(900)),
            ("nbf", json!(1100)),
            ("iat", json!(1100)),
            ("exp", json!("soon")),
        ] {
            assert!(judged(|claims| claims[name] = value.clone()).is_err(), "{name}: {value}");
        }
    }
}
