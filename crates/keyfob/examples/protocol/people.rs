//! Who the person is, and the end of their session at the server.

use http::Request;
use keyfob::proto::Endpoint;
use keyfob::proto::jose::{Algorithm, Algorithms};
use keyfob::proto::oauth2::metadata::Preferences;
use keyfob::proto::oidc::SessionStatus;
use keyfob::{Body, LoginOptions, backchannel_logout, sourced_claims};
use keyfob_sandbox::Metadata;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use url::form_urlencoded;

use crate::Outcome;
use crate::house::{ACCOUNT, House, confidential};

/// The ID token is verified before anything is kept.
pub(crate) async fn id_token() -> Outcome {
    let house = House::new(confidential(), Metadata::default(), Preferences::default()).await?;
    let id_token = house.log_in(LoginOptions::default()).await?.id_token.ok_or("an ID token")?;
    assert_eq!(id_token.subject, "robin-demo");
    Ok(())
}

pub(crate) async fn userinfo() -> Outcome {
    let house = House::new(confidential(), Metadata::default(), Preferences::default()).await?;
    house.log_in(LoginOptions::default()).await?;
    let told = house.session(ACCOUNT).await?.userinfo().await?;
    assert_eq!(told.claims.text("name"), Some("Robin Demo"));
    Ok(())
}

/// The claims as the issuer signed them, where that was agreed on at registration: plain ones are refused then.
pub(crate) async fn signed_userinfo() -> Outcome {
    let metadata = Metadata { userinfo_signed_response_alg: Some("ES256".to_owned()), ..Metadata::default() };
    let mut house = House::new(confidential(), metadata, Preferences::default()).await?;
    house.flow().userinfo_algorithms = Some(Algorithms::of([Algorithm::ES256]));
    house.log_in(LoginOptions::default()).await?;
    assert!(house.session(ACCOUNT).await?.userinfo().await?.signed);
    Ok(())
}

/// One by one, where a scope would bring more than is needed; for the ID token and for UserInfo apart.
pub(crate) async fn claims() -> Outcome {
    let house = House::new(confidential(), Metadata::default(), Preferences::default()).await?;
    let claims = Some(r#"{"id_token":{"email":{"essential":true}},"userinfo":{"name":null}}"#.to_owned());
    let options = LoginOptions { claims, ..LoginOptions::scopes(["openid"]) };
    let id_token = house.log_in(options).await?.id_token.ok_or("an ID token")?;
    assert!(id_token.claims.text("email").is_some() && id_token.claims.text("name").is_none());
    let told = house.session(ACCOUNT).await?.userinfo().await?;
    assert!(told.claims.text("name").is_some() && told.claims.text("email").is_none());
    Ok(())
}

/// Of those whom *we* trust for it: anybody can sign.
pub(crate) async fn others_claims() -> Outcome {
    let house = House::new(confidential(), Metadata::default(), Preferences::default()).await?;
    let claims = Some(r#"{"userinfo":{"address":null}}"#.to_owned());
    house.log_in(LoginOptions { claims, ..LoginOptions::default() }).await?;
    let told = house.session(ACCOUNT).await?.userinfo().await?;
    let origin = house.sandbox.origin("acme");
    let (home, registry) = (Endpoint::parse(&format!("{origin}/userinfo"))?, format!("{origin}/claims"));
    let signed = sourced_claims(&house.keyfob, &told.claims, &home, "mine", &[&registry]).await?;
    assert!(signed.iter().any(|source| source.claims.get("address").is_some()));
    Ok(())
}

/// A page posts the question to the server's frame every few seconds. Here we are the frame's script, which asks its server.
pub(crate) async fn still_signed_in() -> Outcome {
    let house = House::new(confidential(), Metadata::default(), Preferences::default()).await?;
    house.log_in(LoginOptions::default()).await?;
    let question = house.session(ACCOUNT).await?.check_session().await?;
    let (client_id, state) = question.message().split_once(' ').ok_or("two words")?;
    let form = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("client_id", client_id), ("session_state", state), ("origin", "http://127.0.0.1:8123")])
        .finish();
    let origin = house.sandbox.origin("acme");
    let ask = Request::post(format!("{origin}/check_session")).header("content-type", "application/x-www-form-urlencoded");
    let answer = house.keyfob.transport().send(ask.body(Body::from(form.into_bytes()))?).await?;
    let word = String::from_utf8(answer.into_body().bytes(1 << 16).await?)?;
    assert_eq!(question.judge(&origin, &word)?, SessionStatus::Unchanged);
    Ok(())
}

/// A browser is sent to the server, and comes back.
pub(crate) async fn end_session() -> Outcome {
    const BACK: &str = "http://127.0.0.1:8123/bye";
    let metadata = Metadata { post_logout_redirect_uris: vec![BACK.to_owned()], ..Metadata::default() };
    let house = House::new(confidential(), metadata, Preferences::default()).await?;
    house.log_in(LoginOptions::default()).await?;
    let (url, pending) = house.session(ACCOUNT).await?.end_session(Some(BACK))?;
    let back = house.visit(url.expose()).await?;
    pending.returned(back.split_once('?').ok_or("a query")?.1)?;
    Ok(())
}

/// The server's page loads ours in a frame; what is in that request's query is all that there is.
pub(crate) async fn front_channel() -> Outcome {
    let metadata = Metadata { frontchannel_logout_uri: Some("http://127.0.0.1:8123/gone".to_owned()), ..Metadata::default() };
    let house = House::new(confidential(), metadata, Preferences::default()).await?;
    let id_token = house.log_in(LoginOptions::default()).await?.id_token.ok_or("an ID token")?;
    let (url, _) = house.session(ACCOUNT).await?.end_session(None)?;
    let page = house.keyfob.transport().send(Request::get(url.expose()).body(Body::empty())?).await?;
    let page = String::from_utf8(page.into_body().bytes(1 << 16).await?)?;
    let frame = page.split("/gone?").nth(1).and_then(|rest| rest.split('"').next()).ok_or("a frame")?;
    let query = frame.replace("&amp;", "&").replace("&#38;", "&");
    let ended = house.session(ACCOUNT).await?.front_channel_logout(&query, None)?;
    assert_eq!(ended.as_deref(), id_token.claims.text("sid"));
    Ok(())
}

/// The server posts a signed logout token to us.
pub(crate) async fn back_channel() -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let place = format!("http://{}/logout", listener.local_addr()?);
    let metadata = Metadata { backchannel_logout_uri: Some(place), ..Metadata::default() };
    let house = House::new(confidential(), metadata, Preferences::default()).await?;
    house.log_in(LoginOptions::default()).await?;
    let (url, _) = house.session(ACCOUNT).await?.end_session(None)?;
    house.keyfob.transport().send(Request::get(url.expose()).body(Body::empty())?).await?;

    let (mut stream, _) = listener.accept().await?;
    let (mut posted, mut part) = (String::new(), [0; 4096]);
    while !posted.contains("logout_token=") || !posted.ends_with(|end: char| end.is_ascii_alphanumeric() || "-_".contains(end)) {
        let read = stream.read(&mut part).await?;
        posted.push_str(std::str::from_utf8(&part[..read])?);
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\ncache-control: no-store\r\n\r\n").await?;
    let token = posted.split("logout_token=").nth(1).ok_or("a logout token")?;
    let told = backchannel_logout(&house.keyfob, &house.settings, &house.app, token).await?;
    assert_eq!(told.subject.as_deref(), Some("robin-demo"));
    Ok(())
}
