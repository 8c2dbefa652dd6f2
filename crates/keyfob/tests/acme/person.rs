//! What the server tells about the person, and the end of their session there.

use keyfob::proto::jose::{Algorithm, Algorithms};
use keyfob::proto::oauth2::Dpop;
use keyfob::proto::{Answer, App, Endpoint, Flow};
use keyfob::{Error, LoginOptions, Store};
use keyfob_sandbox::{DpopNonce, Faults, Flaw, Metadata};

use crate::kit::{House, SECRET};

fn signing(algorithm: &str) -> Metadata {
    Metadata { userinfo_signed_response_alg: Some(algorithm.to_owned()), ..Metadata::default() }
}

async fn tells(house: &House) -> Result<String, Error> {
    Ok(house.session().await.userinfo().await?.claims.text("name").unwrap_or_default().to_owned())
}

#[tokio::test]
async fn userinfo_is_told_plain_and_signed() {
    let plain = House::new(Metadata::default(), |_| {}).await;
    let signed = House::new(signing("ES256"), |flow| flow.userinfo_algorithms = Some(Algorithms::of([Algorithm::ES256]))).await;
    let by_secret = House::new(signing("HS256"), |flow| flow.userinfo_algorithms = Some(Algorithms::of([Algorithm::HS256]))).await;
    for house in [&plain, &signed, &by_secret] {
        house.log_in(LoginOptions::default()).await.unwrap();
        assert_eq!(tells(house).await.unwrap(), "Robin Demo");
    }
    assert!(signed.session().await.userinfo().await.unwrap().signed && !plain.session().await.userinfo().await.unwrap().signed);
}

#[tokio::test]
async fn e16_another_person_s_userinfo_is_refused() {
    let plain = House::new(Metadata::default(), |_| {}).await;
    let signed = House::new(signing("ES256"), |flow| flow.userinfo_algorithms = Some(Algorithms::of([Algorithm::ES256]))).await;
    for house in [&plain, &signed] {
        house.log_in(LoginOptions::default()).await.unwrap();
    }
    for flaw in [Flaw::UserinfoSub, Flaw::UserinfoNoSub] {
        plain.flaw(flaw);
        assert!(tells(&plain).await.is_err(), "{flaw:?}");
    }
    for flaw in [Flaw::UserinfoSub, Flaw::UserinfoUnsigned, Flaw::UserinfoIss, Flaw::UserinfoAud, Flaw::UserinfoSignature] {
        signed.flaw(flaw);
        assert!(tells(&signed).await.is_err(), "{flaw:?}");
    }
    for house in [&plain, &signed] {
        house.faults(Faults::default());
        tells(house).await.unwrap();
    }
}

#[tokio::test]
async fn userinfo_is_asked_with_a_fresh_token_and_a_proof_where_it_is_bound() {
    let house = House::bound().await;
    house.log_in(LoginOptions::default()).await.unwrap();
    house.faults(Faults { dpop_nonce: Some(DpopNonce::Resource), ..Faults::default() });
    house.sandbox.faults("acme").expire_access_tokens();
    tells(&house).await.unwrap();
    let seen = house.seen("/userinfo");
    assert!(seen.iter().all(|seen| seen.credential_headers == ["authorization", "dpop"]), "{seen:?}");
    assert_eq!((seen.last().map(|seen| seen.status), house.statuses("/token").len()), (Some(200), 2));
}

#[tokio::test]
async fn g2_before_anything_is_kept_too_a_bound_token_goes_with_its_proof() {
    let house = House::bound().await;
    house.faults(Faults { dpop_nonce: Some(DpopNonce::Resource), ..Faults::default() });
    let login = house.begin(LoginOptions::default()).await.unwrap();
    let back = house.visit(login.url()).await;
    let verified = login.judge(Answer::Url(&back)).await.unwrap();
    let approved = login.exchange(verified).await.unwrap();
    let person = approved.userinfo().await.unwrap().unwrap();
    assert_eq!(person.claims.text("name"), Some("Robin Demo"));
    let seen = house.seen("/userinfo");
    assert!(seen.iter().all(|seen| seen.credential_headers == ["authorization", "dpop"]), "{seen:?}");
    // The first for the nonce, and the second with it.
    assert_eq!(seen.iter().map(|seen| seen.status).collect::<Vec<_>>(), [401, 200]);
}

#[tokio::test]
async fn userinfo_is_not_the_api_s_business() {
    let mut house = House::new(Metadata::default(), |_| {}).await;
    house.settings.api.attach = keyfob::proto::Attach::Query("key".to_owned());
    house.log_in(LoginOptions::default()).await.unwrap();
    tells(&house).await.unwrap();
    assert_eq!(house.seen("/userinfo")[0].credential_headers, ["authorization"]);
}

#[tokio::test]
async fn without_an_id_token_nobody_knows_whose_userinfo_is_expected() {
    let house = House::new(Metadata::default(), |flow| flow.scopes = vec!["profile".to_owned()]).await;
    house.log_in(LoginOptions::default()).await.unwrap();
    let error = tells(&house).await.unwrap_err();
    assert!(error.to_string().contains("an ID token"), "{error}");
    let nowhere = House::with(App::confidential("mine", SECRET), Metadata::default(), |flow| flow.userinfo = None).await;
    nowhere.log_in(LoginOptions::default()).await.unwrap();
    assert!(tells(&nowhere).await.unwrap_err().to_string().contains("userinfo_endpoint"));
    assert!(nowhere.seen("/userinfo").is_empty());
}

#[tokio::test]
async fn the_session_at_the_server_ends_where_its_browser_is_sent_and_it_comes_back() {
    const BACK: &str = "http://127.0.0.1:8123/bye";
    let metadata = Metadata { post_logout_redirect_uris: vec![BACK.to_owned()], ..Metadata::default() };
    let house = House::new(metadata, |flow| flow.dpop = Dpop::Off).await;
    house.log_in(LoginOptions::default()).await.unwrap();
    let session = house.session().await;
    let (url, pending) = session.end_session(Some(BACK)).unwrap();
    let back = house.visit(url.expose()).await;
    assert!(back.starts_with(BACK), "{back}");
    pending.returned(back.split_once('?').unwrap().1).unwrap();
    assert!(pending.returned("state=another").is_err());
    assert!(house.seen("/end_session")[0].value("id_token_hint").is_some());
    let mut house = house;
    let account = house.store.account("acme").await.unwrap().unwrap().value;
    let mut ends = |place: Option<&str>| {
        let Flow::OAuth2(flow) = &mut house.settings.flow else { panic!("OAuth 2") };
        flow.end_session = place.map(|place| Endpoint::parse(place).unwrap());
        keyfob::end_session(&house.keyfob, &house.settings, &account, None).map(drop)
    };
    assert!(ends(None).is_err());
    // The ID token says who the person is: it goes where the provider was at the login.
    let error = ends(Some("http://127.0.0.1:9/end_session")).unwrap_err();
    assert!(matches!(&error, Error::Unbound { origin, .. } if origin == "http://127.0.0.1:9"), "{error}");
}
