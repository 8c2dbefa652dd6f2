//! The named ways in which token answers and requests may depart from RFC 6749, each refused or ignored without its name, and told with it.

mod common;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use common::*;
use http::Response;
use keyfob_proto::jose::{Algorithm, AwsLc, Crypto as _};
use keyfob_proto::oauth2::{self, AuthorizeRequest, RevocationBody, TokenExchangeRequest, TokenKind, TokenType};
use keyfob_proto::{Deviation, Error, Received, Secret, TokenSet};
use serde_json::json;

/// What a client makes of an answer that may deviate like this, from a provider that has its tokens there.
fn under(allowed: &[Deviation], tokens_at: Option<&str>, answer: &Response<Vec<u8>>) -> Result<Received, Error> {
    let client = oauth2_client(|settings, flow| {
        settings.deviations = deviations(allowed);
        settings.keep = vec!["user_id".into(), "team".into()];
        flow.tokens_at = tokens_at.map(str::to_owned);
    });
    exchange2(&client).receive(answer, NOW)
}

#[track_caller]
fn told(received: &Received, expected: &[Deviation]) {
    assert_eq!(received.tolerated, deviations(expected));
}

const NAMED: &str = "if this provider is known for it, its file can allow it: deviations.";

// --- form-answer

#[test]
fn a_form_is_an_answer_where_that_is_known() {
    let body = "access_token=access-2&expires_in=3600&refresh_token=refresh-2&scope=read%20write&token_type=bearer&user_id=7";
    for media_type in ["application/x-www-form-urlencoded", "Application/X-WWW-Form-Urlencoded; charset=utf-8", "text/plain; charset=UTF-8"]
    {
        let received = under(&[Deviation::FormAnswer], None, &answer(200, media_type, body)).expect("a form");
        let tokens = tokens2(&received);
        assert_eq!((tokens.access.expose(), tokens.expires_at), ("access-2", Some(NOW.plus(3600))));
        assert_eq!((tokens.scopes.as_slice(), received.kept["user_id"].as_str()), (&["read".to_owned(), "write".to_owned()][..], "7"));
        told(&received, &[Deviation::FormAnswer]);
    }
    let error = misbehaved(under(&[], None, &form_answer(200, body)));
    assert!(error.hint() == format!("{NAMED}form-answer = \"why\""), "{error}");
    misbehaved(under(&[], None, &answer(200, "text/plain", body)));
    told(&under(&[Deviation::FormAnswer], None, &json_answer(200, OK)).expect("JSON all the same"), &[]);
}

#[test]
fn a_form_is_judged_as_strictly_as_json() {
    for bad in [
        "access_token=access-2",
        "access_token=&token_type=bearer",
        "access_token=a&access_token=b&token_type=bearer",
        "access_token=a%0d%0ab&token_type=bearer",
        "access_token=%ff&token_type=bearer",
        "access_token=a&token_type=mac",
        "access_token=a&token_type=bearer&expires_in=soon",
        "{\"access_token\":\"a\",\"token_type\":\"bearer\"}",
        "",
        "<html>",
    ] {
        misbehaved(under(&[Deviation::FormAnswer], None, &form_answer(200, bad)));
    }
    for media_type in ["text/html", "", "application/octet-stream"] {
        misbehaved(under(&[Deviation::FormAnswer], None, &answer(200, media_type, "access_token=a&token_type=bearer")));
    }
}

#[test]
fn c14_an_error_in_a_form_is_one_whatever_the_status_says() {
    for status in [200, 400] {
        let error =
            under(&[Deviation::FormAnswer], None, &form_answer(status, "error=bad_verification_code&error_description=code-1+is+old"));
        let error = error.expect_err("refused");
        assert!(matches!(&error, Error::Refused(_)), "{error}");
        assert!(error.to_string().contains("<secret> is old") && !error.to_string().contains("code-1"), "{error}");
    }
    misbehaved(under(&[], None, &form_answer(400, "error=invalid_grant")));
    misbehaved(under(&[Deviation::FormAnswer], None, &form_answer(400, "oops")));
    assert!(under(&[Deviation::FormAnswer], None, &form_answer(503, "oops")).expect_err("later").is_transient());
}

// --- scopes-member

#[test]
fn scopes_are_read_where_that_is_known() {
    let body = |name: &str, scopes: serde_json::Value| without("scope").replacen('{', &format!("{{\"{name}\":{scopes},"), 1);
    let plural = json_answer(200, body("scopes", json!("account email")));
    let received = under(&[Deviation::ScopesMember], None, &plural).expect("good");
    assert_eq!(tokens2(&received).scopes, ["account", "email"]);
    told(&received, &[Deviation::ScopesMember]);
    // Nobody knows the member elsewhere, and unknown members are ignored.
    let received = under(&[], None, &plural).expect("good");
    assert_eq!(tokens2(&received).scopes, ["read", "write"], "as asked for");
    told(&received, &[]);
    // The RFC's name counts where it is there.
    let both = body("scopes", json!("account")).replacen('{', r#"{"scope":"email","#, 1);
    let received = under(&[Deviation::ScopesMember], None, &json_answer(200, both)).expect("good");
    assert_eq!(tokens2(&received).scopes, ["email"]);
    told(&received, &[]);
    // An array is one deviation more.
    let array = json_answer(200, body("scopes", json!(["account"])));
    misbehaved(under(&[Deviation::ScopesMember], None, &array));
    let received = under(&[Deviation::ScopesMember, Deviation::ScopeArray], None, &array).expect("good");
    told(&received, &[Deviation::ScopesMember, Deviation::ScopeArray]);
}

// --- expires-at

#[test]
fn an_end_is_read_where_that_is_known() {
    let body = |end: serde_json::Value| json_answer(200, without("expires_in").replacen('{', &format!("{{\"expires_at\":{end},"), 1));
    let end = NOW.plus(7200);
    for written in
        [json!(end.as_unix()), json!(end.as_unix().to_string()), json!("2026-11-18T13:06:40Z"), json!("2026-11-18T14:06:40.25+01:00")]
    {
        let received = under(&[Deviation::ExpiresAt], None, &body(written.clone())).expect("good");
        assert_eq!(tokens2(&received).expires_at, Some(end), "{written}");
        told(&received, &[Deviation::ExpiresAt]);
        // Without the name it is a member that nobody knows.
        let received = under(&[], None, &body(written)).expect("good");
        assert_eq!((tokens2(&received).expires_at, received.tolerated.len()), (None, 0));
    }
    // Milliseconds are taken for what they are: as seconds, the token would be good for fifty thousand years, and never refreshed.
    for milliseconds in [json!(end.as_unix() * 1000 + 999), json!((end.as_unix() * 1000).to_string())] {
        let received = under(&[Deviation::ExpiresAt], None, &body(milliseconds.clone())).expect("good");
        assert_eq!(tokens2(&received).expires_at, Some(end), "{milliseconds}");
    }
    // 1970 is no end that anybody meant: a token that has ended would be refreshed before every call.
    for none in [json!(0), json!("0")] {
        let received = under(&[Deviation::ExpiresAt], None, &body(none.clone())).expect("good");
        assert_eq!(tokens2(&received).expires_at, None, "{none}");
        told(&received, &[Deviation::ExpiresAt]);
    }
    // The RFC's name counts where it is there.
    let both = json_answer(200, with("expires_at", json!(1)));
    let received = under(&[Deviation::ExpiresAt], None, &both).expect("good");
    assert_eq!(tokens2(&received).expires_at, Some(NOW.plus(3600)));
    told(&received, &[]);
}

#[test]
fn c9_no_end_breaks_arithmetic() {
    let body = |end: serde_json::Value| json_answer(200, without("expires_in").replacen('{', &format!("{{\"expires_at\":{end},"), 1));
    let century = NOW.plus(100 * 365 * 86_400);
    for far in [json!(i64::MAX), json!(u64::MAX), json!("9999-12-31T23:59:59Z")] {
        let received = under(&[Deviation::ExpiresAt], None, &body(far)).expect("cut");
        assert_eq!(tokens2(&received).expires_at, Some(century));
    }
    let over = under(&[Deviation::ExpiresAt], None, &body(json!("1937-01-01T12:00:27Z"))).expect("over, and so to be refreshed");
    assert!(tokens2(&over).expires_at.is_some_and(|end| end < NOW));
    for bad in [json!(-1), json!(1.5), json!("soon"), json!(""), json!("2026-02-30T00:00:00Z"), json!([1]), json!({}), json!(true)] {
        misbehaved(under(&[Deviation::ExpiresAt], None, &body(bad)));
    }
}

// --- nested-tokens

#[test]
fn tokens_are_looked_for_where_the_provider_has_them() {
    let nested = |place: &str| json_answer(200, format!(r#"{{"team":"T1","user_id":"outside","{place}":{OK}}}"#));
    let received = under(&[Deviation::NestedTokens], Some("/data"), &nested("data")).expect("good");
    assert_eq!(tokens2(&received).access.expose(), "access-2");
    assert_eq!((received.kept["team"].as_str(), received.kept["user_id"].as_str()), ("T1", "outside"));
    told(&received, &[Deviation::NestedTokens]);
    let error = misbehaved(under(&[], Some("/data"), &nested("data")));
    assert!(error.hint().contains("deviations.nested-tokens"), "{error}");
    misbehaved(under(&[Deviation::NestedTokens], Some("/data"), &nested("body")));
    misbehaved(under(&[Deviation::NestedTokens], None, &nested("data")));
    // An answer that has them at the top, as a refresh's may: good, and nothing was needed.
    told(&under(&[Deviation::NestedTokens], Some("/data"), &json_answer(200, OK)).expect("good"), &[]);
    told(&under(&[Deviation::NestedTokens], Some("/a~1b/0"), &json_answer(200, OK)).expect("good"), &[]);
    misbehaved(under(&[Deviation::NestedTokens], Some(""), &json_answer(200, "{}")));
}

#[test]
fn tokens_of_two_accounts_are_not_mixed() {
    let body = r#"{"access_token":"of-the-app","refresh_token":"of-the-app-2","token_type":"Bearer","scope":"all",
        "authed_user":{"access_token":"of-the-person","token_type":"Bearer"}}"#;
    let received = under(&[Deviation::NestedTokens], Some("/authed_user"), &json_answer(200, body)).expect("good");
    let tokens = tokens2(&received);
    assert_eq!((tokens.access.expose(), tokens.refresh.is_none()), ("of-the-person", true));
    assert_eq!(tokens.scopes, ["read", "write"], "what the app may is not what the person allowed");
    let refused = r#"{"ok":false,"data":{"error":"invalid_grant"}}"#;
    assert!(
        matches!(under(&[Deviation::NestedTokens], Some("/data"), &json_answer(200, refused)), Err(Error::Refused(_))),
        "C14, there too"
    );
}

// --- null-members

#[test]
fn null_is_nothing_where_that_is_known() {
    for name in ["refresh_token", "expires_in", "scope"] {
        let answer = json_answer(200, with(name, json!(null)));
        let received = under(&[Deviation::NullMembers], None, &answer).expect("good");
        told(&received, &[Deviation::NullMembers]);
        let error = misbehaved(under(&[], None, &answer));
        assert!(error.hint().contains("deviations.null-members"), "{name}: {error}");
    }
    let answer = json_answer(200, with("token_type", json!(null)));
    misbehaved(under(&[Deviation::NullMembers], None, &answer));
    told(
        &under(&[Deviation::NullMembers, Deviation::MissingTokenType], None, &answer).expect("good"),
        &[Deviation::NullMembers, Deviation::MissingTokenType],
    );
    misbehaved(under(&[Deviation::NullMembers], None, &json_answer(200, with("access_token", json!(null)))));
    // D7: nothing in place of a new refresh token leaves the old one.
    let client = oauth2_client(|settings, _| settings.deviations = deviations(&[Deviation::NullMembers]));
    let refresh = client.refresh(&oauth2_tokens()).expect("a refresh");
    let received = refresh.receive(&json_answer(200, with("refresh_token", json!(null))), NOW).expect("good");
    assert_eq!(tokens2(&received).refresh.as_ref().map(Secret::expose), Some("refresh-1-long-enough"));
}

// --- unread-lifetime

#[test]
fn what_can_be_no_lifetime_is_none_where_that_is_known() {
    for value in [json!(-1), json!(""), json!(3599.5), json!("never"), json!([])] {
        let answer = json_answer(200, with("expires_in", value.clone()));
        let received = under(&[Deviation::UnreadLifetime], None, &answer).expect("good");
        told(&received, &[Deviation::UnreadLifetime]);
        assert_eq!(tokens2(&received).expires_at, None, "{value}");
        let error = misbehaved(under(&[], None, &answer));
        assert!(error.hint().contains("deviations.unread-lifetime"), "{value}: {error}");
    }
    told(&under(&[Deviation::UnreadLifetime], None, &json_answer(200, OK)).expect("good"), &[]);
}

#[test]
fn an_exchanged_token_may_come_in_the_same_ways() {
    let allowed = [Deviation::FormAnswer, Deviation::NestedTokens, Deviation::NullMembers, Deviation::ExpiresAt];
    let client = oauth2_client(|settings, flow| {
        settings.deviations = deviations(&allowed);
        flow.tokens_at = Some("/data".into());
    });
    let exchange = || {
        let request = TokenExchangeRequest::new(Secret::new("access-of-somebody"), TokenType::AccessToken);
        client.token_exchange(&request).expect("a request")
    };
    let body = r#"{"data":{"access_token":"narrow-1","issued_token_type":"urn:ietf:params:oauth:token-type:access_token","token_type":"Bearer",
        "refresh_token":null,"expires_at":"2026-11-18T13:06:40Z"}}"#;
    let received = exchange().receive(&json_answer(200, body), NOW).expect("good").into_account_of_its_own().expect("a bearer token");
    told(&received, &allowed[1..]);
    let TokenSet::OAuth2(tokens) = &received.tokens else { panic!("OAuth 2") };
    assert_eq!((tokens.access.expose(), tokens.expires_at), ("narrow-1", Some(NOW.plus(7200))));
}

// --- other names of parameters

#[test]
fn revocation_requests_look_as_the_provider_says() {
    let sent = |body, kind| {
        let client = oauth2_client(|_, flow| flow.revocation_body = body);
        let revocation = client.revoke(&Secret::new("token-1"), kind).expect("a request").expect("an endpoint");
        let request = revocation.request();
        assert!(request.headers().contains_key("authorization"), "it says who it is in the same way");
        let content_type = request.headers()["content-type"].to_str().expect("text").to_owned();
        (content_type, String::from_utf8(request.body().to_vec()).expect("text"))
    };
    for (body, kind, content_type, text) in [
        (RevocationBody::Form, TokenKind::Access, "application/x-www-form-urlencoded", "token=token-1&token_type_hint=access_token"),
        (RevocationBody::Json, TokenKind::Access, "application/json", r#"{"token":"token-1"}"#),
        (RevocationBody::ByKind, TokenKind::Access, "application/x-www-form-urlencoded", "access_token=token-1"),
        (RevocationBody::ByKind, TokenKind::Refresh, "application/x-www-form-urlencoded", "refresh_token=token-1"),
    ] {
        assert_eq!(sent(body, kind), (content_type.to_owned(), text.to_owned()), "{body:?} {kind:?}");
    }
}

#[test]
fn parameters_have_the_names_the_provider_gives_them() {
    let client = oauth2_client(|_, flow| {
        flow.client_auth = keyfob_proto::oauth2::ClientAuth::Post;
        flow.pushed = Some(endpoint("https://login.example/par"));
        flow.parameter_names = [("client_id", "appid"), ("client_secret", "secret"), ("code", "auth_code")]
            .map(|(name, own)| (name.to_owned(), own.to_owned()))
            .into();
    });
    let names = |request: &keyfob_proto::Outgoing| form(request).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    let (url, _) = begin2(&client, 1);
    let query = query(&url);
    assert_eq!(query.get("appid").map(String::as_str), Some(CLIENT_ID));
    assert!(!query.contains_key("client_id"));
    let exchange = exchange2(&client);
    assert_eq!(names(exchange.request()), ["grant_type", "auth_code", "redirect_uri", "code_verifier", "appid", "secret"]);
    let refresh = client.refresh(&oauth2_tokens()).expect("a refresh");
    assert_eq!(names(refresh.request()), ["grant_type", "refresh_token", "appid", "secret"]);
    let revoke = client.revoke(&Secret::new("token-1"), TokenKind::Access).expect("a request").expect("an endpoint");
    assert_eq!(names(revoke.request()), ["token", "token_type_hint", "appid", "secret"]);
    let planted = AuthorizeRequest {
        redirect_uri: CALLBACK.into(),
        parameters: vec![("appid".into(), "other".into())],
        ..AuthorizeRequest::default()
    };
    assert!(client.authorize(&planted, NOW, &Chance::new(1)).is_err(), "by that name, too, it is the protocol's");
    let request = AuthorizeRequest { redirect_uri: CALLBACK.into(), ..AuthorizeRequest::default() };
    let pushed = client.push(&request, NOW, &Chance::new(1)).expect("a request");
    let mut names_pushed = names(pushed.request());
    names_pushed.sort();
    let unique = names_pushed.len();
    names_pushed.dedup();
    assert_eq!(names_pushed.len(), unique, "none of them twice (RFC 6749 §3.1)");
    assert!(names_pushed.contains(&"appid".to_owned()) && !names_pushed.contains(&"client_id".to_owned()));
    let answer = json_answer(201, r#"{"request_uri":"urn:x","expires_in":60}"#);
    let (url, _) = pushed.receive(&answer).expect("a name");
    assert!(url.ends_with(&format!("?appid={CLIENT_ID}&request_uri=urn%3Ax")), "{url}");
}

/// Where the request is signed, the client's id goes beside it by the provider's name, and inside it, too.
#[test]
fn signed_requests_have_the_names_the_provider_gives_them() {
    let client = oauth2_client(|_, flow| {
        flow.client_auth = keyfob_proto::oauth2::ClientAuth::Post;
        flow.pushed = Some(endpoint("https://login.example/par"));
        flow.issuer = Some("https://login.example".to_owned());
        flow.request_object = true;
        flow.parameter_names = vec![("client_id".to_owned(), "appid".to_owned()), ("request".to_owned(), "signed".to_owned())];
    });
    let client = client.with_key(AwsLc.signer(Algorithm::ES256, &AwsLc.generate(Algorithm::ES256).expect("a key")).expect("it signs"));
    let inside = |object: &str| -> serde_json::Value {
        let payload = URL_SAFE_NO_PAD.decode(object.split('.').nth(1).expect("a payload")).expect("base64url");
        serde_json::from_slice(&payload).expect("JSON")
    };
    let query = query(&begin2(&client, 1).0);
    assert_eq!(query.keys().collect::<Vec<_>>(), ["appid", "signed"]);
    let claims = inside(&query["signed"]);
    assert!(claims["appid"] == CLIENT_ID && claims["client_id"].is_null() && claims["state"].is_string());
    let request = AuthorizeRequest { redirect_uri: CALLBACK.into(), ..AuthorizeRequest::default() };
    let pushed = client.push(&request, NOW, &Chance::new(1)).expect("a request");
    let sent = form(pushed.request());
    assert_eq!(sent.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["signed", "appid", "client_secret"]);
    assert_eq!(inside(&sent[0].1)["appid"], CLIENT_ID);
    let asked = client.authorize_by_reference(&request, "https://app.example/r/1", oauth2::Signing::ByClient, NOW, &Chance::new(1));
    let asked = asked.expect("a request");
    assert!(asked.url.contains(&format!("&appid={CLIENT_ID}&")) && !asked.url.contains("client_id"), "{}", asked.url);
    assert_eq!(inside(&asked.object)["appid"], CLIENT_ID);
}

// --- camel-case, other-token-type, zero-lifetime

#[test]
fn members_in_camel_case_are_read_where_that_is_known() {
    let body = r#"{"accessToken":"access-2","tokenType":"Bearer","expiresIn":3600,"refreshToken":"refresh-2","user_id":"7"}"#;
    let received = under(&[Deviation::CamelCase], None, &json_answer(200, body)).expect("good");
    let tokens = tokens2(&received);
    assert_eq!((tokens.access.expose(), tokens.expires_at), ("access-2", Some(NOW.plus(3600))));
    assert_eq!(tokens.refresh.as_ref().map(Secret::expose), Some("refresh-2"));
    told(&received, &[Deviation::CamelCase]);
    let error = misbehaved(under(&[], None, &json_answer(200, body)));
    assert!(error.hint() == format!("{NAMED}camel-case = \"why\""), "{error}");
    // What is there under its own name counts, and the other is a member that is not known.
    told(&under(&[Deviation::CamelCase], None, &json_answer(200, OK)).expect("good"), &[]);
    let both = r#"{"access_token":"access-2","token_type":"Bearer","accessToken":"another"}"#;
    assert_eq!(tokens2(&under(&[Deviation::CamelCase], None, &json_answer(200, both)).expect("good")).access.expose(), "access-2");
}

#[test]
fn a_bearer_token_may_have_the_one_other_name_that_its_provider_is_known_for() {
    let read = |own: Option<&str>, allowed: &[Deviation], found: &str| {
        let client = oauth2_client(|settings, flow| {
            settings.deviations = deviations(allowed);
            flow.token_type = own.map(str::to_owned);
        });
        exchange2(&client).receive(&json_answer(200, json!({"access_token": "access-2", "token_type": found}).to_string()), NOW)
    };
    let allowed = [Deviation::OtherTokenType];
    told(&read(Some("User Access Token"), &allowed, "User Access Token").expect("its name"), &allowed);
    told(&read(Some("User Access Token"), &allowed, "bearer").expect("the RFC's name"), &[]);
    for (own, allowed, found) in
        [(Some("bot"), [].as_slice(), "bot"), (Some("bot"), &allowed, "user"), (Some("bot"), &allowed, "Bot"), (None, &allowed, "bot")]
    {
        misbehaved(read(own, allowed, found));
    }
}

#[test]
fn a_lifetime_of_nothing_is_no_end_where_that_is_known() {
    let body = json_answer(200, r#"{"access_token":"access-2","token_type":"Bearer","expires_in":0}"#);
    let received = under(&[Deviation::ZeroLifetime], None, &body).expect("good");
    assert_eq!(tokens2(&received).expires_at, None);
    told(&received, &[Deviation::ZeroLifetime]);
    assert_eq!(tokens2(&under(&[], None, &body).expect("over at once")).expires_at, Some(NOW));
}
