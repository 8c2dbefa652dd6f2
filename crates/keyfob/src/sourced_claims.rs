//! Claims that somebody else answers for (OpenID Connect Core §5.6.2): fetched where they have to be, and verified with the keys of who signed them.

use keyfob_proto::jose::{Algorithms, Claims, Keys};
use keyfob_proto::oauth2::metadata::Order;
use keyfob_proto::oidc::{ClaimSource, SignedClaims, Source, SourcedClaims};
use keyfob_proto::{Endpoint, Error as ProtoError, Misbehaved};

use crate::error::Error;
use crate::keyfob::Keyfob;

/// What claims providers say about the person: those of `providers`, issuers that *you* trust for it. What others have signed is left out, since anybody
/// can sign. `claims` are UserInfo's (or an ID token's), `home` is where they came from, and `client_id` is ours.
///
/// A claims provider describes itself as every issuer does (OpenID Connect Discovery), and its keys are where it says.
///
/// # Errors
///
/// `Misbehaved` for a source that is none, or that only we could reach, and for claims that are not signed rightly by whom they are said to be from;
/// `Transport`.
pub async fn sourced_claims(
    keyfob: &Keyfob,
    claims: &Claims,
    home: &Endpoint,
    client_id: &str,
    providers: &[&str],
) -> Result<Vec<SourcedClaims>, Error> {
    let mut told = Vec::new();
    for ClaimSource { source, .. } in ClaimSource::all(claims, home)? {
        let signed = match source {
            Source::Here(signed) => signed,
            Source::There(request) => {
                let answer = keyfob.exchange_from(home, request.request()).await?;
                request.receive(&answer).map_err(ProtoError::from)?
            }
        };
        let claimed = signed.claimed_issuer();
        match providers.iter().find(|known| claimed.as_deref() == Some(**known)) {
            Some(issuer) => told.push(judged(keyfob, &signed, issuer, client_id).await?),
            None => tracing::debug!(issuer = claimed.as_deref().unwrap_or("none"), "claims of a provider that is not trusted are left out"),
        }
    }
    Ok(told)
}

async fn judged(keyfob: &Keyfob, signed: &SignedClaims, issuer: &str, client_id: &str) -> Result<SourcedClaims, Error> {
    let metadata = keyfob.metadata(issuer, Order::OpenIdFirst).await?;
    let place =
        metadata.jwks_uri.ok_or_else(|| ProtoError::from(Misbehaved::api("a claims provider that says where its keys are", "none")))?;
    let algorithms = Algorithms::asymmetric();
    let judge = |keys: &Keys<'_>| Ok(signed.judge(issuer, client_id, keys, &algorithms, keyfob.now())?);
    Ok(keyfob.judge_by_keys(issuer, &place, judge).await??)
}
