//! What servers and APIs say about themselves.

use std::sync::Arc;

use keyfob::proto::Endpoint;
use keyfob::proto::jose::{Algorithm, Algorithms, AwsLc, KeySet, Keys};
use keyfob::proto::oauth2::challenge::Challenges;
use keyfob::proto::oauth2::metadata::{Order, Preferences};
use keyfob::{Body, LoginOptions, find_issuer};
use keyfob_sandbox::{Metadata, Quirk};

use crate::Outcome;
use crate::house::{House, confidential};

async fn house() -> Outcome<House> {
    House::new(confidential(), Metadata::default(), Preferences::default()).await
}

/// Everything that a login needs, by the issuer alone: how each of these houses is made.
pub(crate) async fn metadata() -> Outcome {
    let mut house = house().await?;
    let issuer = house.sandbox.origin("acme");
    assert_eq!(house.flow().issuer.as_deref(), Some(issuer.as_str()));
    assert!(house.flow().pushed.is_some() && house.flow().iss_required);
    Ok(())
}

/// The same under a signature, by keys that are known from somewhere else.
pub(crate) async fn signed_metadata() -> Outcome {
    let house = house().await?;
    house.sandbox.faults("acme").update(|faults| faults.quirk = Some(Quirk::SignedMetadata));
    let issuer = house.sandbox.origin("acme");
    let published = house.keyfob.transport().send(http::Request::get(format!("{issuer}/jwks")).body(Body::empty())?).await?;
    let known = KeySet::read(&published.into_body().bytes(1 << 16).await?, Arc::new(AwsLc))?;
    let elsewhere = house.keyfob.clone().with_policy(keyfob::Policy::default());
    let plain = elsewhere.metadata(&issuer, Order::OAuthFirst).await?;
    let signed = plain.signed(&Keys::Set(&known), &Algorithms::of([Algorithm::RS256]), elsewhere.now())?;
    assert_eq!(signed.token_endpoint, plain.token_endpoint);
    Ok(())
}

/// The issuer signs with new keys: an ID token that names one we do not know has its keys fetched again. (At most once a minute: whoever makes up names makes
/// us ask nobody.)
pub(crate) async fn changed_keys() -> Outcome {
    let house = house().await?;
    let fetched = || house.sandbox.seen("acme").iter().filter(|seen| seen.path == "/jwks").count();
    for _ in 0..2 {
        house.log_in(LoginOptions::default()).await?;
    }
    assert_eq!(fetched(), 1, "and kept");
    house.sandbox.rotate_keys("acme");
    assert!(house.log_in(LoginOptions::default()).await?.id_token.is_some());
    assert_eq!(fetched(), 2);
    Ok(())
}

/// Who gives tokens for an API, by its own word.
pub(crate) async fn resource_metadata() -> Outcome {
    let house = house().await?;
    let resource = format!("{}/api/me", house.sandbox.origin("acme"));
    let refused = house.keyfob.transport().send(http::Request::get(&resource).body(Body::empty())?).await?;
    let challenges = Challenges::read(refused.headers())?;
    let metadata = house.keyfob.resource_metadata(&resource, &challenges).await?;
    assert_eq!(metadata.authorization_servers, [house.sandbox.origin("acme")]);
    Ok(())
}

/// Whose provider somebody has, by the address that they typed.
pub(crate) async fn web_finger() -> Outcome {
    let house = house().await?;
    let origin = house.sandbox.origin("acme");
    let found = find_issuer(&house.keyfob, &format!("{origin}/robin"), &Endpoint::parse(&origin)?).await?;
    assert_eq!(found, origin);
    Ok(())
}
