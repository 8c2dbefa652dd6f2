//! ID tokens (OpenID Connect Core §2), right ones and, on request, wrong ones.

use keyfob_proto::encode;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256, Sha384, Sha512};

use super::Acme;
use super::details::{Details, Login};
use super::keys::Twist;
use super::person::{self, ACR, SUBJECT};
use crate::apps::Registration;
use crate::desk::Desk;
use crate::flaw::Flaw;
use crate::message::Reply;
use crate::quirk::Quirk;

/// The claim of a payment.
pub(super) const INTENT: &str = "openbanking_intent_id";

/// Five minutes: it is read at once.
const LIFETIME: i64 = 300;

/// Where an ID token is given, and what comes beside it.
#[derive(Clone, Copy, Default)]
pub(super) struct Beside<'a> {
    pub(super) access_token: Option<&'a str>,
    pub(super) code: Option<&'a str>,
    pub(super) state: Option<&'a str>,
    /// Not the first one of this login: at refresh, or the second of a hybrid login.
    pub(super) later: bool,
    /// At refresh there is no nonce (OpenID Connect Core §12.2).
    pub(super) refreshed: bool,
    /// CIBA, by push alone; kept for `urn:openid:params:jwt:claim:auth_req_id`.
    pub(super) auth_req_id: Option<&'a str>,
}

impl Acme {
    /// `None`: no person took part, or a fault leaves it out.
    pub(super) fn id_token(
        &self,
        desk: &Desk,
        issuer: &str,
        app: &Registration,
        details: &Details,
        beside: Beside<'_>,
    ) -> Result<Option<String>, Reply> {
        let Some(login) = &details.login else { return Ok(None) };
        let flaw = desk.faults().flaw;
        if flaw == Some(Flaw::IdTokenMissing) {
            return Ok(None);
        }
        let algorithm = match (app.metadata.id_token_signed_response_alg.as_deref().unwrap_or("RS256"), flaw) {
            ("ES256", Some(Flaw::IdTokenAlgOther)) => "RS256",
            (_, Some(Flaw::IdTokenAlgOther)) => "ES256",
            (registered, _) => registered,
        };
        let mut claims = claims(desk.wall(), issuer, app, login, beside, algorithm);
        match desk.faults().quirk {
            Some(Quirk::AudienceList) => claims["aud"] = json!([app.client_id]),
            // Through the browser it is needed, and only there.
            Some(Quirk::NoAtHash) if beside.code.is_none() => remove(&mut claims, "at_hash"),
            _ => {}
        }
        let twist = flaw.map_or(Twist::None, |flaw| spoil(flaw, &mut claims, beside, algorithm));
        let kind = if flaw == Some(Flaw::IdTokenTyp) { "at+jwt" } else { "JWT" };
        self.sign(app, Some(algorithm), Some(kind), &claims, twist).map(Some)
    }
}

fn claims(now: i64, issuer: &str, app: &Registration, login: &Login, beside: Beside<'_>, algorithm: &str) -> Value {
    let mut claims = json!({
        "iss": issuer, "sub": SUBJECT, "aud": app.client_id, "iat": now, "exp": now + LIFETIME, "acr": login.signed_in.acr,
        "sid": login.signed_in.session,
    });
    if login.aged {
        claims["auth_time"] = json!(login.signed_in.auth_time);
    }
    if let Some(nonce) = login.nonce.as_ref().filter(|_| !beside.refreshed) {
        claims["nonce"] = json!(nonce);
    }
    if let Some(id) = beside.auth_req_id {
        claims["urn:openid:params:jwt:claim:auth_req_id"] = json!(id);
    }
    if let Some(intent) = &login.intent {
        claims[INTENT] = json!(intent);
    }
    for (name, of) in [("at_hash", beside.access_token), ("c_hash", beside.code), ("s_hash", beside.state)] {
        if let Some(of) = of {
            claims[name] = json!(half_hash(algorithm, of));
        }
    }
    for (name, value) in person::claims(login.id_token_claims.iter().map(String::as_str)) {
        claims[name] = value;
    }
    claims
}

/// Left half of the hash that goes with the algorithm (OpenID Connect Core §3.1.3.6); Ed25519 has SHA-512 inside.
fn half_hash(algorithm: &str, text: &str) -> String {
    let hash = match algorithm {
        "HS384" => Sha384::digest(text).to_vec(),
        "HS512" | "EdDSA" => Sha512::digest(text).to_vec(),
        _ => Sha256::digest(text).to_vec(),
    };
    encode::base64url(&hash[..hash.len() / 2])
}

fn spoil(flaw: Flaw, claims: &mut Value, beside: Beside<'_>, algorithm: &str) -> Twist {
    let now = claims["iat"].as_i64().unwrap_or_default();
    let other = json!(half_hash(algorithm, "something else"));
    let client = claims["aud"].clone();
    let weaker = if claims["acr"] == ACR[0] { "0" } else { ACR[0] };
    let mut set = |name: &str, value: Value| claims[name] = value;
    match flaw {
        Flaw::IdTokenIss => set("iss", json!("https://issuer.invalid")),
        Flaw::IdTokenAud => set("aud", json!("another-client")),
        Flaw::IdTokenExtraAud => set("aud", json!([client, "another-client"])),
        Flaw::IdTokenAzp => set("azp", json!("another-client")),
        Flaw::IdTokenExp => set("exp", json!(now - 3600)),
        Flaw::IdTokenIat => set("iat", json!(now + 3600)),
        Flaw::IdTokenOldIat => set("iat", json!(now - 7 * 86_400)),
        Flaw::IdTokenNonce => set("nonce", json!("another-nonce")),
        Flaw::IdTokenAtHash => set("at_hash", other),
        Flaw::IdTokenCHash if beside.code.is_some() => set("c_hash", other),
        Flaw::IdTokenSHash if beside.state.is_some() => set("s_hash", other),
        Flaw::IdTokenSub if beside.later => set("sub", json!("somebody-else")),
        Flaw::IdTokenAuthTime => set("auth_time", json!(now - 86_400)),
        Flaw::IdTokenAcr => set("acr", json!(weaker)),
        Flaw::IdTokenIntent => set(INTENT, json!("another-intent")),
        Flaw::IdTokenNoAtHash => remove(claims, "at_hash"),
        Flaw::IdTokenNoIss => remove(claims, "iss"),
        Flaw::IdTokenNoAud => remove(claims, "aud"),
        Flaw::IdTokenNoExp => remove(claims, "exp"),
        Flaw::IdTokenNoIat => remove(claims, "iat"),
        Flaw::IdTokenNoNonce => remove(claims, "nonce"),
        Flaw::IdTokenNoCHash => remove(claims, "c_hash"),
        Flaw::IdTokenNoSHash => remove(claims, "s_hash"),
        Flaw::IdTokenNoSub => remove(claims, "sub"),
        Flaw::IdTokenNoAuthTime => remove(claims, "auth_time"),
        Flaw::IdTokenAlgNone => return Twist::AlgNone,
        Flaw::IdTokenHs256PublicKey => return Twist::PublicKeyAsSecret,
        Flaw::IdTokenSignature => return Twist::OtherText,
        Flaw::IdTokenUnknownKid => return Twist::UnknownKid,
        Flaw::IdTokenNoKid => return Twist::NoKid,
        Flaw::IdTokenCrit => return Twist::Crit,
        _ => {}
    }
    Twist::None
}

fn remove(claims: &mut Value, name: &str) {
    if let Some(claims) = claims.as_object_mut() {
        claims.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// OpenID Connect Core Appendix A.4: the code and its `c_hash`.
    #[test]
    fn hashes_are_those_of_the_specification() {
        assert_eq!(half_hash("RS256", "Qcb0Orv1zh30vL1MPRsbm-diHiMwcLyZvn1arpZv-Jxf_11jnpEX3Tgfvk"), "LDktKdoQak3Pk0cnXxCltA");
    }
}
