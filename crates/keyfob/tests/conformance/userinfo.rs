//! What the provider says about the person beside the ID token: UserInfo, and claims that others have signed.

use keyfob::proto::jose::Algorithms;
use keyfob::proto::oauth2::metadata::Preferences;
use keyfob::proto::oidc::SourcedClaims;
use keyfob::{Error, LoginOptions};
use keyfob_sandbox::{Flaw, Metadata, Placement};
use serde_json::json;

use crate::driver::{Rp, endpoint, preferences};
use crate::op::Op;

async fn logged_in(op: Op) -> Rp {
    let rp = Rp::new(op).await;
    rp.log_in().await.unwrap();
    rp
}

#[tokio::test]
async fn everything_right() {
    let rp = logged_in(Op::start().await).await;
    let person = rp.userinfo().await.unwrap();
    assert_eq!((person.subject.as_str(), person.claims.text("email")), ("robin-demo", Some("robin@sandbox.invalid")));
    rp.call().await.unwrap();
}

#[tokio::test]
async fn claims_that_scopes_stand_for() {
    let op = Op::start().await;
    let asked = Preferences { scopes: ["openid", "email"].map(str::to_owned).to_vec(), ..preferences() };
    let rp = Rp::discover(op, &asked).await.unwrap();
    rp.log_in().await.unwrap();
    let person = rp.userinfo().await.unwrap();
    assert_eq!((person.claims.text("email"), person.claims.text("name")), (Some("robin@sandbox.invalid"), None));
}

#[tokio::test]
async fn a_token_in_the_header() {
    let rp = logged_in(Op::start().await).await;
    rp.userinfo().await.unwrap();
    let seen = rp.op.seen("/userinfo");
    assert_eq!((seen[0].method.as_str(), seen[0].placement, seen.len()), ("GET", Placement::Header, 1));
}

#[tokio::test]
async fn a_token_in_the_body() {
    let rp = logged_in(Op::start().await).await;
    let person = rp.session().await.userinfo_in_body().await.unwrap();
    assert_eq!(person.subject, "robin-demo");
    let seen = rp.op.seen("/userinfo");
    assert_eq!((seen[0].method.as_str(), seen[0].placement, seen[0].credential_headers.len()), ("POST", Placement::Body, 0));
    // The same rules, wherever the token was.
    rp.op.flawed(Flaw::UserinfoSub);
    assert!(rp.session().await.userinfo_in_body().await.is_err());
}

#[tokio::test]
async fn another_person() {
    let rp = logged_in(Op::start().await).await;
    rp.op.flawed(Flaw::UserinfoSub);
    let error = rp.userinfo().await.map(drop).unwrap_err();
    assert!(error.to_string().contains("§5.3.4"), "{error}");
}

#[tokio::test]
async fn signed() {
    let metadata = Metadata { userinfo_signed_response_alg: Some("RS256".to_owned()), ..Metadata::default() };
    let mut rp = Rp::new(Op::with(metadata).await).await;
    rp.flow().userinfo_algorithms = Some(Algorithms::listed(["RS256"]));
    rp.log_in().await.unwrap();
    assert!(rp.userinfo().await.unwrap().signed);
    for (flaw, what) in [
        (Flaw::UserinfoSignature, "RFC 7515 §5.2"),
        (Flaw::UserinfoIss, "the issuer of the ID token"),
        (Flaw::UserinfoAud, "for this client"),
        (Flaw::UserinfoUnsigned, "signed text"),
    ] {
        rp.op.flawed(flaw);
        let error = rp.userinfo().await.map(drop).unwrap_err();
        assert!(error.to_string().contains(what), "{flaw:?}: {error}");
    }
}

/// What a claims provider, which this relying party trusts, says about the person.
async fn sourced(asked: &str, flaw: Option<Flaw>) -> Result<Vec<SourcedClaims>, Error> {
    let mut rp = Rp::new(Op::start().await).await;
    rp.options = LoginOptions { claims: Some(asked.to_owned()), ..LoginOptions::default() };
    rp.log_in().await.unwrap();
    flaw.into_iter().for_each(|flaw| rp.op.flawed(flaw));
    let person = rp.userinfo().await.unwrap();
    let (home, provider) = (endpoint(&format!("{}/userinfo", rp.op.origin)), format!("{}/claims", rp.op.origin));
    let nobody = keyfob::sourced_claims(&rp.keyfob, &person.claims, &home, &rp.app.client_id, &[]).await?;
    assert!(nobody.is_empty(), "who is not trusted has no say");
    keyfob::sourced_claims(&rp.keyfob, &person.claims, &home, &rp.app.client_id, &[&provider]).await
}

const HANDED_ON: &str = r#"{"userinfo":{"address":null,"phone_number":null}}"#;
const ELSEWHERE: &str = r#"{"userinfo":{"credit_score":null}}"#;

#[tokio::test]
async fn claims_that_are_handed_on() {
    let told = sourced(HANDED_ON, None).await.unwrap();
    assert_eq!(told[0].claims.get("address"), Some(&json!({ "locality": "Visby", "country": "SE" })));
    assert!(told[0].claims.text("phone_number").is_some() && told[0].claims.get("sub").is_none());
    assert!(sourced(HANDED_ON, Some(Flaw::SourcedClaimsIss)).await.unwrap().is_empty());
    let error = sourced(HANDED_ON, Some(Flaw::SourcedClaimsSignature)).await.unwrap_err();
    assert!(error.to_string().contains("RFC 7515 §5.2"), "{error}");
}

#[tokio::test]
async fn claims_that_are_fetched() {
    let told = sourced(ELSEWHERE, None).await.unwrap();
    assert_eq!((told[0].claims.get("credit_score"), told.len()), (Some(&json!(650)), 1));
    assert!(sourced(ELSEWHERE, Some(Flaw::SourcedClaimsIss)).await.unwrap().is_empty());
    let error = sourced(ELSEWHERE, Some(Flaw::SourcedClaimsSignature)).await.unwrap_err();
    assert!(error.to_string().contains("RFC 7515 §5.2"), "{error}");
}
