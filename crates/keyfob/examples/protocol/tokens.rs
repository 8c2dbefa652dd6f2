//! What tokens are bound to, what they are worth, and their end.

use std::sync::Arc;

use keyfob::proto::Endpoint;
use keyfob::proto::jose::{Algorithms, AwsLc, KeySet, Keys};
use keyfob::proto::oauth2::Dpop;
use keyfob::proto::oauth2::jwt_access_token::Expected;
use keyfob::proto::oauth2::metadata::Preferences;
use keyfob::{Body, Error, LoginOptions, Revoked, logout};
use keyfob_sandbox::{DpopNonce, Metadata};

use crate::Outcome;
use crate::house::{ACCOUNT, House, confidential, tokens};

/// A key is made at login; every call and refresh is proved with it, and with the server's nonce where it wants one.
pub(crate) async fn dpop() -> Outcome {
    let preferences = Preferences { dpop: Dpop::Wanted, ..Preferences::default() };
    let house = House::new(confidential(), Metadata::default(), preferences).await?;
    house.sandbox.faults("acme").update(|faults| faults.dpop_nonce = Some(DpopNonce::Both));
    house.log_in(LoginOptions::default()).await?;
    house.calls(ACCOUNT, "/me").await?;
    house.session(ACCOUNT).await?.refresh().await?;
    Ok(())
}

/// What a token is worth that somebody sent, plain and signed.
pub(crate) async fn introspection() -> Outcome {
    let house = House::new(confidential(), Metadata::default(), Preferences::default()).await?;
    let account = house.log_in(LoginOptions::default()).await?.account;
    let (token, place) = (&tokens(&account.tokens).access, Endpoint::parse(&format!("{}/introspect", house.sandbox.origin("acme")))?);
    let worth = house.keyfob.introspect(&house.settings, &house.app, &place, token, None).await?;
    assert!(worth.is_good(house.keyfob.now()));
    let algorithms = Algorithms::asymmetric();
    assert!(house.keyfob.introspect_signed(&house.settings, &house.app, &place, token, &algorithms).await?.signed);
    Ok(())
}

/// As a resource reads the token that came with a call, without asking anybody.
pub(crate) async fn read_by_a_resource() -> Outcome {
    let house = House::new(confidential(), Metadata::default(), Preferences::default()).await?;
    let (issuer, algorithms) = (house.sandbox.origin("acme"), Algorithms::asymmetric());
    let resource = format!("{issuer}/api");
    let options = LoginOptions { resources: vec![resource.clone()], ..LoginOptions::default() };
    let account = house.log_in(options).await?.account;

    let published = house.keyfob.transport().send(http::Request::get(format!("{issuer}/jwks")).body(Body::empty())?).await?;
    let keys = KeySet::read(&published.into_body().bytes(1 << 16).await?, Arc::new(AwsLc))?;
    let expected = Expected { issuer: &issuer, resource: &resource, algorithms: &algorithms, now: house.keyfob.now() };
    let token = expected.judge(tokens(&account.tokens).access.expose(), &Keys::Set(&keys))?;
    assert!(token.allows("profile") && token.is_bearer());
    Ok(())
}

/// An API that wants a stronger sign-in says so, and the next login asks for that.
pub(crate) async fn step_up() -> Outcome {
    let house = House::new(confidential(), Metadata::default(), Preferences::default()).await?;
    let account = house.log_in(LoginOptions::default()).await?.account;
    let refused = house.session(ACCOUNT).await?.get("/secure").send().await?.read().await;
    let Err(Error::Api(error)) = refused else { return Err("it asks for more".into()) };
    let options = LoginOptions::stepping_up(&account, error.login_with.as_ref().ok_or("another login helps")?);
    house.log_in(options).await?;
    house.calls(ACCOUNT, "/secure").await?;
    Ok(())
}

/// An API that wants more scopes names them, and the next login asks for what there was and for those.
pub(crate) async fn more_scopes() -> Outcome {
    let house = House::new(confidential(), Metadata::default(), Preferences::default()).await?;
    let account = house.log_in(LoginOptions::scopes(["openid"])).await?.account;
    let refused = house.session(ACCOUNT).await?.get("/me").send().await?.read().await;
    let Err(Error::Api(error)) = refused else { return Err("it asks for more".into()) };
    let options = LoginOptions::stepping_up(&account, error.login_with.as_ref().ok_or("another login helps")?);
    assert_eq!(options.scopes, ["openid", "profile"]);
    house.log_in(options).await?;
    house.calls(ACCOUNT, "/me").await?;
    Ok(())
}

pub(crate) async fn revocation() -> Outcome {
    let house = House::new(confidential(), Metadata::default(), Preferences::default()).await?;
    house.log_in(LoginOptions::default()).await?;
    let done = logout(&house.keyfob, &house.settings, &house.app, ACCOUNT, true).await?;
    assert!(matches!(done.revoked, Revoked::Yes));
    Ok(())
}
