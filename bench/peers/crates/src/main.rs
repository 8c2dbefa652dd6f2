//! josekit makes DPoP proofs, openidconnect judges ID tokens: on each line of stdin a JSON object; on stdout, for each, the subject or "proof", and the
//! microseconds.

use std::error::Error;
use std::hint::black_box;
use std::io::{BufRead as _, stdin};
use std::str::FromStr as _;
use std::time::Instant;

use chrono::DateTime;
use josekit::jwk::Jwk;
use josekit::jws::{ES256, EdDSA, JwsHeader, JwsSigner};
use josekit::jwt::{self, JwtPayload};
use openidconnect::core::{CoreIdToken, CoreIdTokenVerifier, CoreJsonWebKeySet};
use openidconnect::{ClientId, IssuerUrl, Nonce};
use serde_json::{Value, json};

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let name = std::env::args().nth(1).unwrap_or_default();
    for line in stdin().lock().lines() {
        let case: Value = serde_json::from_str(&line?)?;
        let (result, micros) = match name.as_str() {
            "josekit" => josekit(&case)?,
            "openidconnect" => openidconnect(&case)?,
            other => return Err(format!("nobody knows {other:?} here").into()),
        };
        println!("{result} {micros}");
    }
    Ok(())
}

fn josekit(case: &Value) -> Outcome<(String, f64)> {
    let pem = text(case, "private_key");
    // Parsed once.
    let signer: Box<dyn JwsSigner> = match text(case, "algorithm") {
        "ES256" => Box::new(ES256.signer_from_pem(pem)?),
        _ => Box::new(EdDSA.signer_from_pem(pem)?),
    };
    let mut header = JwsHeader::new();
    header.set_token_type("dpop+jwt");
    header.set_jwk(Jwk::from_map(case["public_key"].as_object().cloned().unwrap_or_default())?);
    let (htu, now) = (case["htu"].clone(), case["now"].clone());
    let proof = || -> Outcome<String> {
        let mut payload = JwtPayload::new();
        payload.set_jwt_id("07070707070707070707070707070707");
        payload.set_claim("htm", Some("GET".into()))?;
        payload.set_claim("htu", Some(htu.clone()))?;
        payload.set_claim("iat", Some(now.clone()))?;
        payload.set_claim("ath", Some("fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo".into()))?;
        Ok(jwt::encode_with_signer(&payload, &header, &*signer)?)
    };
    if proof()?.split('.').count() != 3 {
        return Err("no proof".into());
    }
    Ok(("proof".to_owned(), timed(|| drop(black_box(proof())))))
}

fn openidconnect(case: &Value) -> Outcome<(String, f64)> {
    let keys: CoreJsonWebKeySet = serde_json::from_value(json!({ "keys": [case["public_key"]] }))?;
    let now = DateTime::from_timestamp(case["now"].as_i64().unwrap_or_default(), 0).ok_or("no moment")?;
    let verifier = CoreIdTokenVerifier::new_public_client(
        ClientId::new(text(case, "audience").to_owned()),
        IssuerUrl::new(text(case, "issuer").to_owned())?,
        keys,
    )
    .set_time_fn(move || now)
    .set_allowed_algs([serde_json::from_value(case["algorithm"].clone())?]);
    let (token, nonce) = (text(case, "token"), Nonce::new(text(case, "nonce").to_owned()));
    let judge = || -> Outcome<String> { Ok(CoreIdToken::from_str(token)?.claims(&verifier, &nonce)?.subject().to_string()) };
    Ok((judge()?, timed(|| drop(black_box(judge())))))
}

/// The median of turns.
fn timed(mut work: impl FnMut()) -> f64 {
    let mut turns: Vec<f64> = (0..41)
        .map(|_| {
            let begun = Instant::now();
            (0..100).for_each(|_| work());
            begun.elapsed().as_secs_f64() * 1e4
        })
        .collect();
    turns.sort_by(f64::total_cmp);
    turns[turns.len() / 2]
}

fn text<'a>(case: &'a Value, name: &str) -> &'a str {
    case[name].as_str().unwrap_or_default()
}
