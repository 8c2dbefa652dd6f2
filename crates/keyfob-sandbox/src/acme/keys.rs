//! The server's own keys (RFC 7517), and everything it signs, also wrongly on request. And how what clients sign is checked.

use std::sync::{Arc, Mutex};

use axum::http::header;
use keyfob_proto::jose::{Algorithm, Algorithms, AwsLc, Crypto as _, HmacKey, Jws, KeySet, Keys, PublicKey, Sign};
use keyfob_proto::{Secret, encode};
use serde_json::{Map, Value, json};

use super::{Acme, refuse};
use crate::apps::Registration;
use crate::chance;
use crate::desk::{Desk, held};
use crate::flaw::Flaw;
use crate::jwt;
use crate::message::Reply;

/// What the server signs with, the default first.
pub(super) const ALGORITHMS: [Algorithm; 4] = [Algorithm::RS256, Algorithm::PS256, Algorithm::ES256, Algorithm::EdDSA];

/// What clients may sign with a key of their own.
pub(super) const CLIENT_ALGORITHMS: [&str; 4] = ["RS256", "PS256", "ES256", "EdDSA"];

/// Made at the first use, since a sandbox is started for many tests that sign nothing.
#[derive(Default)]
pub(super) struct OwnKeys(Mutex<Vec<Arc<dyn Sign>>>);

/// How a signature is spoilt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Twist {
    #[default]
    None,
    AlgNone,
    PublicKeyAsSecret,
    OtherText,
    UnknownKid,
    NoKid,
    Crit,
}

impl OwnKeys {
    /// New keys first; those before them stay published, for what they signed, and the ones before those are gone.
    pub(super) fn rotate(&self) {
        let mut keys = held(&self.0);
        let fresh = generate();
        keys.truncate(ALGORITHMS.len());
        keys.splice(0..0, fresh);
    }

    fn all(&self) -> Vec<Arc<dyn Sign>> {
        let mut keys = held(&self.0);
        if keys.is_empty() {
            *keys = generate();
        }
        keys.clone()
    }

    fn jwks(&self) -> Value {
        let published = self.all();
        // The ones before come first: whoever takes the first that fits has the wrong one.
        let keys = published.chunks(ALGORITHMS.len()).rev().flatten().filter_map(|key| {
            let mut jwk = key.public_key()?.to_jwk();
            jwk.insert("kid".into(), json!(key.key_id()));
            jwk.insert("alg".into(), json!(key.algorithm().name()));
            jwk.insert("use".into(), json!("sig"));
            Some(Value::Object(jwk))
        });
        json!({ "keys": keys.collect::<Vec<_>>() })
    }
}

fn generate() -> Vec<Arc<dyn Sign>> {
    let key = |algorithm: Algorithm| {
        let key = AwsLc.generate(algorithm).expect("AWS-LC makes keys of these kinds");
        let name = format!("{}-{}", algorithm.name().to_ascii_lowercase(), chance::hex(8));
        AwsLc.signer(algorithm, &key.named(name)).expect("it has just been made for this")
    };
    ALGORITHMS.into_iter().map(key).collect()
}

impl Acme {
    /// `jwks_uri`.
    pub(super) fn jwks(&self, desk: &Desk) -> Reply {
        let mut body = self.keys.jwks();
        match desk.faults().flaw {
            Some(Flaw::JwksPrivate) => body["keys"][2]["d"] = json!(chance::opaque()),
            Some(Flaw::JwksEmpty) => body["keys"] = json!([]),
            _ => {}
        }
        Reply::typed(200, "application/jwk-set+json", body.to_string()).with(header::CACHE_CONTROL, "public, max-age=60")
    }

    /// Signs claims for an app: with one of our keys, or with its secret where it is registered for HMAC.
    pub(super) fn sign(
        &self,
        app: &Registration,
        algorithm: Option<&str>,
        kind: Option<&str>,
        claims: &Value,
        twist: Twist,
    ) -> Result<String, Reply> {
        let failed = |_| refuse(500, "server_error", "the app is registered with an algorithm or a secret that cannot sign");
        let name = algorithm.unwrap_or("RS256");
        let wanted = Algorithm::by_name(name).ok_or_else(|| failed(()))?;
        let own = self.keys.all();
        let shared;
        let signer: &dyn Sign = if wanted.is_symmetric() {
            shared = HmacKey::new(wanted, &Secret::new(app.client_secret.clone())).map_err(|_| failed(()))?;
            &shared
        } else {
            &**own.iter().find(|key| key.algorithm() == wanted).ok_or_else(|| failed(()))?
        };

        let mut head = Map::new();
        head.insert("alg".into(), json!(name));
        head.extend(kind.map(|kind| ("typ".into(), json!(kind))));
        head.extend(signer.key_id().map(|kid| ("kid".into(), json!(kid))));
        match twist {
            Twist::AlgNone => head.insert("alg".into(), json!("none")),
            Twist::UnknownKid => head.insert("kid".into(), json!("a-key-of-nobody")),
            Twist::NoKid => head.remove("kid"),
            Twist::Crit => head.insert("crit".into(), json!(["urn:acme:unheard-of"])),
            Twist::PublicKeyAsSecret => {
                // CVE-2015-9235 and its like: the verifier takes the text of the public key for the shared secret.
                let public = signer.public_key().map(PublicKey::to_jwk).unwrap_or_default();
                head.insert("alg".into(), json!("HS256"));
                return Ok(jwt::hs256(&Value::Object(head), claims, Value::Object(public).to_string().as_bytes()));
            }
            Twist::None | Twist::OtherText => None,
        };
        let signed = format!(
            "{}.{}",
            encode::base64url(Value::Object(head).to_string().as_bytes()),
            encode::base64url(claims.to_string().as_bytes())
        );
        let message = if twist == Twist::OtherText { "other.text" } else { signed.as_str() };
        let signature = match twist {
            Twist::AlgNone => String::new(),
            _ => encode::base64url(&signer.sign(message.as_bytes()).map_err(|_| failed(()))?),
        };
        Ok(format!("{signed}.{signature}"))
    }

    /// The claims of something that we signed.
    pub(super) fn own_claims(&self, text: &str) -> Option<Map<String, Value>> {
        let set = KeySet::read(self.keys.jwks().to_string().as_bytes(), Arc::new(AwsLc)).ok()?;
        let payload = Jws::read(text).ok()?.verify(&Keys::Set(&set), &Algorithms::of(ALGORITHMS)).ok()?;
        serde_json::from_slice(&payload).ok()
    }
}

/// What a client signed.
pub(super) struct Said {
    /// `typ`, in lower case.
    pub(super) kind: Option<String>,
    pub(super) algorithm: Algorithm,
    pub(super) claims: Map<String, Value>,
}

/// Type and claims of something that a client signed with a registered key (asymmetric), or with its secret; `only` is the one algorithm that it is
/// registered with. The error is for the client's developer, and holds nothing of the text.
pub(super) fn client_claims(app: &Registration, text: &str, only: Option<&str>) -> Result<Said, String> {
    let jws = Jws::read(text).map_err(|wrong| wrong.to_string())?;
    let algorithm = jws.header.algorithm;
    if only.is_some_and(|only| only != algorithm.name()) {
        return Err(format!("it is signed with {algorithm}, the app is registered with another algorithm"));
    }
    let payload = if algorithm.is_symmetric() {
        let key =
            HmacKey::new(algorithm, &Secret::new(app.client_secret.clone())).map_err(|_| "the secret is too short for HMAC".to_owned())?;
        jws.verify(&Keys::Shared(&key), &Algorithms::of([algorithm]))
    } else {
        let jwks = app.metadata.jwks.as_ref().ok_or("the app is registered without keys (jwks)")?;
        let set = KeySet::read(jwks.to_string().as_bytes(), Arc::new(AwsLc)).map_err(|wrong| wrong.to_string())?;
        let allowed = Algorithms::of(CLIENT_ALGORITHMS.into_iter().filter_map(Algorithm::by_name));
        jws.verify(&Keys::Set(&set), &allowed)
    };
    let payload = payload.map_err(|wrong| wrong.to_string())?;
    let claims = serde_json::from_slice(&payload).map_err(|_| "its payload is no JSON object")?;
    Ok(Said { kind: jws.header.media_type, algorithm, claims })
}
