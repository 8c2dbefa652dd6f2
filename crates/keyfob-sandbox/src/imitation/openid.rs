//! What an issuer says about itself, its key, and ID tokens signed with it.

use std::sync::{Arc, OnceLock};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keyfob_proto::encode;
use keyfob_proto::jose::{Algorithm, AwsLc, Crypto as _, PublicKey, Sign};
use serde_json::{Value, json};

use super::Imitated;
use super::file::ClientAuth;
use crate::message::Reply;

/// One key for all imitations of a process: making one takes longer than all else.
fn key() -> &'static Arc<dyn Sign> {
    static KEY: OnceLock<Arc<dyn Sign>> = OnceLock::new();
    KEY.get_or_init(|| {
        let key = AwsLc.generate(Algorithm::RS256).expect("AWS-LC makes keys of this kind");
        AwsLc.signer(Algorithm::RS256, &key.named("imitated")).expect("it has just been made for this")
    })
}

/// `jwks_uri`.
pub(super) fn jwks() -> Reply {
    let mut jwk = key().public_key().map(PublicKey::to_jwk).unwrap_or_default();
    jwk.insert("kid".into(), json!(key().key_id()));
    jwk.insert("alg".into(), json!("RS256"));
    jwk.insert("use".into(), json!("sig"));
    Reply::json(200, &json!({ "keys": [Value::Object(jwk)] }))
}

/// Everybody who logs in.
pub(super) const SUBJECT: &str = "imitated-person";

/// For five minutes (OpenID Connect Core §2); without nonce where none was sent.
pub(super) fn id_token(issuer: &str, audience: &str, nonce: &str, now: i64) -> String {
    let head = json!({ "alg": "RS256", "typ": "JWT", "kid": key().key_id() });
    let mut claims = json!({ "iss": issuer, "sub": SUBJECT, "aud": audience, "iat": now, "exp": now + 300 });
    if !nonce.is_empty() {
        claims["nonce"] = json!(nonce);
    }
    let signed = format!("{}.{}", encode::base64url(head.to_string().as_bytes()), encode::base64url(claims.to_string().as_bytes()));
    let signature = key().sign(signed.as_bytes()).expect("the key is in memory");
    format!("{signed}.{}", encode::base64url(&signature))
}

/// Whether somebody was given this ID token here: there is one signature only that the key makes of a text (RFC 8017 §8.2), and it is for this app.
pub(super) fn is_ours(token: &str, audience: &str) -> bool {
    let Some((signed, signature)) = token.rsplit_once('.') else { return false };
    let is_signed = key().sign(signed.as_bytes()).is_ok_and(|ours| encode::base64url(&ours) == signature);
    let claims = signed.split_once('.').and_then(|(_, claims)| URL_SAFE_NO_PAD.decode(claims).ok());
    let claims: Value = claims.and_then(|claims| serde_json::from_slice(&claims).ok()).unwrap_or_default();
    is_signed && claims["aud"] == audience
}

impl Imitated {
    /// The document of OpenID Connect Discovery §3.
    pub(super) fn metadata(&self) -> Reply {
        let places = &self.places;
        let url = |place: &Option<super::Place>| place.as_ref().map(|place| self.here(place));
        let method = match self.file.oauth2.client_auth {
            ClientAuth::Post | ClientAuth::SignedSecret => "client_secret_post",
            ClientAuth::None => "none",
            ClientAuth::Basic | ClientAuth::BasicEmpty | ClientAuth::BasicRaw | ClientAuth::BasicSecret => "client_secret_basic",
            // They are refused before anybody can ask.
            ClientAuth::SecretJwt | ClientAuth::PrivateKeyJwt | ClientAuth::Tls => "not imitated",
        };
        let mut document = json!({
                "issuer": url(&places.issuer),
                "authorization_endpoint": url(&places.authorize),
                "token_endpoint": url(&places.token),
                "revocation_endpoint": url(&places.revoke),
                "jwks_uri": url(&places.jwks),
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "token_endpoint_auth_methods_supported": [method],
                "revocation_endpoint_auth_methods_supported": [method],
                "code_challenge_methods_supported": ["S256"],
        });
        // Not every issuer has them.
        for (name, place) in [
            ("pushed_authorization_request_endpoint", &places.par),
            ("userinfo_endpoint", &places.userinfo),
            ("end_session_endpoint", &places.end_session),
        ] {
            if let Some(url) = url(place) {
                document[name] = json!(url);
            }
        }
        if self.file.oauth2.par_required {
            document["require_pushed_authorization_requests"] = json!(true);
        }
        Reply::json(200, &document)
    }
}
