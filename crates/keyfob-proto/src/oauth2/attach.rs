//! Attaching an access token to an API call (RFC 6750, or the provider's own way).

use std::collections::BTreeMap;

use http::Uri;
use http::header::AUTHORIZATION;
use http::request::Parts;

use super::dpop::{self, ProofKey};
use crate::app::App;
use crate::encode;
use crate::entropy::Entropy;
use crate::error::Misuse;
use crate::headers::set_from_template;
use crate::message::{Body, secret_header_value};
use crate::secret::Secret;
use crate::settings::{Api, Attach};
use crate::time::Timestamp;
use crate::token::OAuth2Tokens;

/// Attaches the token. Where the token goes into the form body, the new body comes back.
///
/// # Errors
///
/// `Misuse` if the token or a field cannot be a header, a template has a place without value, or there is no form to put it in.
pub fn attach(
    api: &Api,
    app: &App,
    kept: &BTreeMap<String, String>,
    tokens: &OAuth2Tokens,
    parts: &mut Parts,
    body: Body<'_>,
) -> Result<Option<Vec<u8>>, Misuse> {
    let token = &tokens.access;
    if tokens.proof_key.is_some() {
        // RFC 9449 §7.1: it is worth nothing without a proof, and sending it without one only shows it around.
        return Err(Misuse::new("a proof with a token that is bound to a key", "none")
            .of("RFC 9449 §7.1")
            .with_hint("attach it with attach_bound"));
    }
    match &api.attach {
        Attach::Bearer => {
            parts.headers.insert(AUTHORIZATION, secret_header_value(&AUTHORIZATION, &format!("Bearer {}", token.expose()))?);
            Ok(None)
        }
        Attach::Headers(headers) => {
            for (name, template) in headers {
                set_from_template(parts, name, template, app, kept, Some(token))?;
            }
            Ok(None)
        }
        Attach::Query(name) => {
            parts.uri = with_query(&parts.uri, name, token)?;
            Ok(None)
        }
        Attach::Body(name) => {
            let Body::Form(bytes) = body else {
                return Err(Misuse::new("a form body to put the access token in", "another body or none")
                    .of("RFC 6750 §2.2")
                    .with_hint("send the request as a form, or have the token attached in the header (api.attach)"));
            };
            let mut body = bytes.to_vec();
            if !body.is_empty() {
                body.push(b'&');
            }
            body.extend_from_slice(encode::form_pairs([(name.as_str(), token.expose())]).as_bytes());
            Ok(Some(body))
        }
    }
}

/// Attaches a token that is bound to a key, with a proof for this very request (RFC 9449 §7.1). `nonce` is the last one that this resource server gave.
/// Draws 16 bytes of entropy.
///
/// # Errors
///
/// `Misuse` if the token cannot be a header, or whoever holds the key does not sign.
pub fn attach_bound(
    tokens: &OAuth2Tokens,
    key: &ProofKey,
    nonce: Option<&str>,
    parts: &mut Parts,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<(), Misuse> {
    let token = &tokens.access;
    let proof = key.proof(&parts.method, &parts.uri, nonce, Some(token), now, entropy)?;
    parts.headers.insert(AUTHORIZATION, secret_header_value(&AUTHORIZATION, &format!("DPoP {}", token.expose()))?);
    parts.headers.insert(dpop::PROOF, secret_header_value(&dpop::PROOF, &proof)?);
    Ok(())
}

fn with_query(uri: &Uri, name: &str, token: &Secret) -> Result<Uri, Misuse> {
    let more = encode::form_pairs([(name, token.expose())]);
    crate::message::with_query(uri, &more)
}
