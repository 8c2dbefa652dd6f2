//! Client secrets that the app signs (`client_auth = "signed-secret"`): at registration it got the key, and the provider kept the public half.

use std::sync::{Arc, OnceLock};

use keyfob_proto::jose::{Algorithm, Algorithms, AwsLc, Crypto as _, Jws, KeySet, Keys, PrivateKey, PublicKey};
use serde_json::{Map, Value, json};

use super::Imitated;
use super::place::fill;

/// For so many seconds at most, since it is made for the request.
const LONGEST: i64 = 300;

/// One key for all imitations of a process.
fn key() -> &'static PrivateKey {
    static KEY: OnceLock<PrivateKey> = OnceLock::new();
    KEY.get_or_init(|| AwsLc.generate(Algorithm::ES256).expect("AWS-LC makes keys of this kind"))
}

/// For the app: PEM, as a person would enter it.
pub(super) fn private_key() -> String {
    key().to_pem().expect("a new key is PKCS #8").expose().to_owned()
}

impl Imitated {
    /// That a secret is by the app's key, says what the file wants it to, and is of now. What is wrong holds nothing of it.
    pub(super) fn signed_by_the_app(&self, secret: &str) -> Result<(), String> {
        let says = self.file.oauth2.signed_secret.as_ref().ok_or("the file does not say what a secret says")?;
        let (name, claims) = verified(secret)?;
        if name.as_ref() != self.app.fields.get("private_key_id") {
            return Err("the secret is by a key of another name (kid)".into());
        }
        let issuer = fill(&says.issuer, |name| self.value(name))?;
        for (claim, wanted) in [("iss", issuer.as_str()), ("sub", &self.app.client_id), ("aud", &says.audience)] {
            if claims.get(claim).and_then(Value::as_str) != Some(wanted) {
                return Err(format!("the secret says another {claim}"));
            }
        }
        let now = self.clock.now();
        let moment = |claim| claims.get(claim).and_then(Value::as_i64).ok_or_else(|| format!("the secret says no {claim}"));
        let (made, ends) = (moment("iat")?, moment("exp")?);
        if (now - LONGEST..=now + LONGEST).contains(&made) && (now..=now + LONGEST).contains(&ends) {
            Ok(())
        } else {
            Err("the secret is not of now".into())
        }
    }
}

/// The name of the key and the claims of what the app signed.
fn verified(secret: &str) -> Result<(Option<String>, Map<String, Value>), String> {
    let jws = Jws::read(secret).map_err(|wrong| wrong.to_string())?;
    let signer = AwsLc.signer(Algorithm::ES256, key()).expect("it was made for this");
    let mut jwk = signer.public_key().map(PublicKey::to_jwk).unwrap_or_default();
    jwk.insert("kid".into(), json!(jws.header.key_id));
    let set = KeySet::read(json!({ "keys": [jwk] }).to_string().as_bytes(), Arc::new(AwsLc)).map_err(|wrong| wrong.to_string())?;
    let payload = jws.verify(&Keys::Set(&set), &Algorithms::of([Algorithm::ES256])).map_err(|wrong| wrong.to_string())?;
    let claims = serde_json::from_slice(&payload).map_err(|_| "the secret says nothing that is an object")?;
    Ok((jws.header.key_id, claims))
}
