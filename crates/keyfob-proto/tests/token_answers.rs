//! What may come back from a token endpoint: rows C6–C10, C12–C15, D7, I4, I10, and the answers that the seed providers give.

mod common;

use std::collections::BTreeMap;

use common::*;
use http::Response;
use http::header::{AUTHORIZATION, RETRY_AFTER};
use keyfob_proto::oauth1::{Callback, CallbackAt};
use keyfob_proto::oauth2::{ClientAuth, Exchange, TokenBody, TokenKind};
use keyfob_proto::{Answer, App, Code, Deviation, Error, OAuth2Tokens, Received, Refused, Secret, Tolerated, oauth1, oauth2};
use serde_json::json;

// --- the seed providers: what each of them sends, and what it needs tolerated, no more and no less

/// The answer is accepted under these deviations, all of them are told, and it is refused if one is missing.
fn needs(body: &str, deviations: &[Deviation]) -> Received {
    let receive = |allowed: &[Deviation]| {
        let client = oauth2_client(|settings, _| {
            settings.deviations = common::deviations(allowed);
            settings.keep = vec!["user_id".into()];
        });
        exchange2(&client).receive(&json_answer(200, body), NOW)
    };
    for missing in deviations {
        let others: Vec<_> = deviations.iter().copied().filter(|deviation| deviation != missing).collect();
        let error = misbehaved(receive(&others));
        assert!(error.hint().contains(missing.name()), "{error}");
    }
    let received = receive(deviations).expect("accepted");
    assert_eq!(received.tolerated, common::deviations(deviations));
    // What is allowed and not needed is not told.
    assert_eq!(receive(Deviation::ALL).expect("accepted").tolerated, received.tolerated);
    received
}

/// What a provider file could allow is told as it would be written there.
#[test]
fn what_a_file_could_allow_is_said_with_its_keys() {
    let client = oauth2_client(|settings, _| settings.keep = vec!["user_id".into()]);
    let told = |body: &str| {
        let error = misbehaved(exchange2(&client).receive(&json_answer(200, body), NOW));
        format!("{error}; {}", error.hint())
    };
    for (body, expected) in [
        (
            r#"{"access_token":"a","token_type":"User Access Token"}"#,
            &["found \"User Access Token\"", "oauth2.token_type = \"User Access Token\"", "deviations.other-token-type"][..],
        ),
        (r#"{"access_token":"a","token_type":"c3d7-1e2f"}"#, &["found another type"]),
        (r#"{"access_token":"a","token_type":"\u001b[2J"}"#, &["found another type"]),
        (r#"{"ok":true,"data":{"access_token":"a"}}"#, &["oauth2.tokens_at = \"/data\"", "deviations.nested-tokens"]),
        (r#"{"errcode":40029,"errmsg":"canary"}"#, &["oauth2.token_error = { code = \"/errcode\"", "deviations.own-error"]),
        (r#"{"x":{"y":1}}"#, &["an answer without it"]),
    ] {
        let told = told(body);
        assert!(expected.iter().all(|part| told.contains(part)) && !told.contains("canary"), "{body}: {told}");
    }
    let bound = r#"{"access_token":"a","token_type":"c3d7"}"#;
    assert!(!told(bound).contains("deviations."), "a word that may be a token is shown nowhere");
}

#[test]
fn what_an_answer_has_instead_of_what_is_to_be_kept_is_told_by_name() {
    let client = oauth2_client(|settings, _| settings.keep = vec!["user_id".into()]);
    let members = |body: &str| exchange2(&client).receive(&json_answer(200, body), NOW).expect("tokens").members;
    let body = r#"{"access_token":"a","token_type":"bearer","user":{"id":"canary"},"uid\u001b":"canary"}"#;
    assert_eq!(members(body), ["access_token", "token_type", "user", "uid"]);
    assert_eq!(members(r#"{"access_token":"a","token_type":"bearer","user_id":"u"}"#), [] as [&str; 0]);
}

#[test]
fn august_answers_without_token_type() {
    let received = needs(
        r#"{"access_token":"eyJhbGciOiJIUzI1NiJ9.eyJpbnN0YWxsSWQiOiIifQ.c2FuZGJveA","expires_in":10367999,
            "refresh_token":"00112233445566778899aabbccddeeff:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"}"#,
        &[Deviation::MissingTokenType],
    );
    let tokens = tokens2(&received);
    assert_eq!(tokens.expires_at, Some(NOW.plus(10_367_999)));
    assert_eq!(tokens.scopes, ["read", "write"], "as asked for, where the answer names none");
    assert!(tokens.refresh.as_ref().is_some_and(|token| token.expose().contains(':')));
}

#[test]
fn august_refuses_with_a_code_of_its_own() {
    let refuse = |allowed: &[Deviation], status, code: &str| {
        let client = oauth2_client(|settings, _| settings.deviations = deviations(allowed));
        let body = json!({"code": code, "message": "no such token: refresh-1-long-enough"}).to_string();
        let refresh = client.refresh(&oauth2_tokens()).expect("a refresh");
        refresh.receive(&json_answer(status, body), NOW).expect_err("refused")
    };
    let error = refuse(&[Deviation::ErrorCode], 401, "InvalidCredentials");
    assert!(matches!(&error, Error::Refused(Refused { code: Code::InvalidGrant, .. })), "{error}");
    assert!(error.to_string().ends_with("no such token: <secret>"), "{error}");
    assert!(matches!(refuse(&[Deviation::ErrorCode], 429, "x"), Error::Refused(Refused { code: Code::TooManyRequests, .. })));
    assert!(refuse(&[Deviation::ErrorCode], 503, "ServiceUnavailable").is_transient());
    for other in [&[][..], &[Deviation::ErrorsArray]] {
        let error = refuse(other, 401, "InvalidCredentials");
        assert!(matches!(&error, Error::Misbehaved(_)) && error.hint().contains("error-code"), "{error}");
        let error = refuse(other, 503, "ServiceUnavailable");
        assert!(error.is_transient() && error.hint().contains("later"), "{error}");
    }
}

#[test]
fn netatmo_answers_with_a_scope_array_and_two_lifetimes() {
    let (access, refresh) = ("00112233445566778899aabb|00112233445566778899aabbccddeeff", "ffeeddccbbaa998877665544|0123456789abcdef");
    let both = format!(
        r#"{{"access_token":"{access}","refresh_token":"{refresh}","scope":["read_station","read_thermostat"],"expires_in":10800,"expire_in":10800}}"#
    );
    let received = needs(&both, &[Deviation::MissingTokenType, Deviation::ScopeArray]);
    let tokens = tokens2(&received);
    assert_eq!(
        (tokens.access.expose(), tokens.scopes.as_slice()),
        (access, &["read_station".to_owned(), "read_thermostat".to_owned()][..])
    );
    // Where the misspelt lifetime is the only one, it needs its name.
    let misspelt = both.replace(r#""expires_in":10800,"#, "");
    let received = needs(&misspelt, &[Deviation::ExpireIn, Deviation::MissingTokenType, Deviation::ScopeArray]);
    assert_eq!(tokens2(&received).expires_at, Some(NOW.plus(10_800)));
    // `|` survives on the way to the API, and back to the token endpoint.
    let client = oauth2_client(|_, _| {});
    let exchange = client.refresh(tokens2(&received)).expect("a refresh");
    assert!(form(exchange.request()).contains(&("refresh_token".into(), refresh.into())));
}

#[test]
fn fitbit_answers_by_the_rfc_and_refuses_in_its_own_way() {
    let received = needs(
        r#"{"access_token":"eyJ.sandbox.not-real","expires_in":28800,"refresh_token":"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
            "scope":"heartrate weight activity","token_type":"Bearer","user_id":"SAND01"}"#,
        &[],
    );
    assert_eq!(received.kept["user_id"], "SAND01");
    assert_eq!(tokens2(&received).scopes, ["heartrate", "weight", "activity"]);

    let token = oauth2_tokens().refresh.expect("one").expose().to_owned();
    let body = json!({"errors": [{"errorType": "invalid_grant", "message": format!("Refresh token invalid: {token}. Visit the docs")}], "success": false});
    let refuse = |allowed: &[Deviation]| {
        let client = oauth2_client(|settings, _| settings.deviations = deviations(allowed));
        let refresh = client.refresh(&oauth2_tokens()).expect("a refresh");
        refresh.receive(&json_answer(400, body.to_string()), NOW).expect_err("refused")
    };
    let error = refuse(&[Deviation::ErrorsArray]);
    assert!(matches!(&error, Error::Refused(Refused { code: Code::InvalidGrant, .. })), "{error}");
    assert!(!format!("{error} {error:?}").contains(&token), "it echoes the whole token: {error}");
    assert!(error.to_string().contains("Refresh token invalid: <secret>. Visit the docs"), "{error}");
    let error = refuse(&[]);
    assert!(matches!(&error, Error::Misbehaved(_)) && error.hint().contains("errors-array"), "{error}");
}

#[test]
fn telldus_confirms_the_callback_otherwise() {
    let body = "oauth_callback_confirmed=1&oauth_token=00112233445566778899aabbccddeeff065f00000\
                &oauth_token_secret=ffeeddccbbaa99887766554433221100&xoauth_token_ttl=3600";
    let (received, kept) = needs1(
        body,
        "oauth_token=00112233445566778899aabbccddeeff065f00001&oauth_token_secret=ffee",
        &[Deviation::CallbackConfirmedOtherwise],
    );
    assert_eq!(received, deviations(&[Deviation::CallbackConfirmedOtherwise]));
    assert!(kept.is_empty());
}

#[test]
fn fitbit_oauth1_tells_the_user() {
    let token_body = "oauth_token=00112233445566778899aabbccddeeff&oauth_token_secret=ffee&encoded_user_id=SAND01";
    let confirmed = "oauth_token=temporary&oauth_token_secret=s&oauth_callback_confirmed=true";
    let (tolerated, kept) = needs1(confirmed, token_body, &[]);
    assert_eq!((tolerated, kept["encoded_user_id"].as_str()), (Tolerated::new(), "SAND01"));
    // Its first era confirmed nothing.
    let (tolerated, _) = needs1("oauth_token=temporary&oauth_token_secret=s", token_body, &[Deviation::CallbackUnconfirmed]);
    assert_eq!(tolerated, deviations(&[Deviation::CallbackUnconfirmed]));
}

/// The same as [`needs`] for the whole OAuth 1 walk: what was tolerated at its beginning is told at its end, and survives storing.
fn needs1(temporary: &str, token_body: &str, needed: &[Deviation]) -> (Tolerated, BTreeMap<String, String>) {
    let walk = |allowed: &[Deviation]| -> Result<Received, Error> {
        let client = oauth1_client(|settings, _| {
            settings.deviations = deviations(allowed);
            settings.keep = vec!["encoded_user_id".into()];
        });
        let (_, pending) = begin1(&client, Callback::Url(CALLBACK.into()), temporary)?;
        let stored = serde_json::to_string(&pending).expect("made to be stored");
        let pending: oauth1::Pending = serde_json::from_str(&stored).expect("made to be stored");
        let query = format!("oauth_token={}&oauth_verifier=verifier-1", pending.key().expose());
        let exchange = client.exchange(pending.verify(Answer::Query(&query), NOW)?, NOW, &Chance::new(1))?;
        exchange.receive(&form_answer(200, token_body), NOW)
    };
    for missing in needed {
        let others: Vec<_> = needed.iter().copied().filter(|deviation| deviation != missing).collect();
        let error = walk(&others).expect_err("strict");
        assert!(error.hint().contains(missing.name()), "{error}");
    }
    let received = walk(needed).expect("accepted");
    assert_eq!(walk(Deviation::ALL).expect("accepted").tolerated, received.tolerated);
    (received.tolerated, received.kept)
}

// --- rows

#[test]
fn c6_broken_answers_are_typed_errors_and_say_where() {
    for (name, body) in [
        ("truncated", OK.as_bytes()[..40].to_vec()),
        ("empty", vec![]),
        ("trailing", format!("{OK}{{}}").into_bytes()),
        ("200 k nesting", b"[".repeat(200_000)),
        ("200 k nesting inside", [br#"{"access_token":"a","token_type":"Bearer","x":"#.to_vec(), b"[".repeat(200_000)].concat()),
    ] {
        let error = misbehaved(receive_json(body));
        assert!(error.to_string().starts_with("the server broke RFC 6749"), "{name}: {error}");
        assert!(error.to_string().ends_with("(HTTP 200)"), "{name}: {error}");
        assert!(!error.is_transient() && !error.ends_login(), "{name}");
    }
}

#[test]
fn c6_a_broken_answer_to_a_refresh_leaves_the_old_tokens_alone() {
    let (client, tokens) = (oauth2_client(|_, _| {}), oauth2_tokens());
    assert!(client.refresh(&tokens).expect("a refresh").receive(&json_answer(200, "{"), NOW).is_err());
    assert!(client.refresh(&tokens).is_ok(), "they can be tried again");
}

#[test]
fn c7_tokens_are_visible_ascii() {
    for name in ["access_token", "refresh_token"] {
        for bad in ["", " ", "A T", "AT\r\nX-Evil: 1", "A\0T", "A\u{202e}T", "é", "A\u{7f}", "A\tT", "\u{feff}A"] {
            misbehaved(receive_json(with(name, json!(bad))));
        }
        for bad in [json!(1), json!({}), json!([]), json!(true), json!(null), json!(["a"])] {
            misbehaved(receive_json(with(name, bad)));
        }
    }
    let every: String = ('\u{21}'..='\u{7e}').collect();
    let received = receive_json(with("access_token", json!(every))).expect("all of them");
    assert_eq!(tokens2(&received).access.expose(), every);
}

#[test]
fn c8_only_bearer_is_taken_in_any_case() {
    for good in ["Bearer", "bearer", "bEARER"] {
        assert!(receive_json(with("token_type", json!(good))).expect("accepted").tolerated.is_empty());
    }
    for bad in [json!("mac"), json!("DPoP"), json!("Bearer "), json!(""), json!("bearer token"), json!(1), json!(null), json!(["Bearer"])] {
        misbehaved(receive_json(with("token_type", bad)));
    }
    misbehaved(receive_json(without("token_type")));
}

#[test]
fn c9_lifetimes_are_whole_seconds_and_never_overflow() {
    let lifetime = |value: serde_json::Value| {
        receive_json(with("expires_in", value)).map(|received| tokens2(&received).expires_at.map(|at| at.since(NOW)))
    };
    assert_eq!(lifetime(json!(3600)).expect("seconds"), Some(3600));
    assert_eq!(lifetime(json!("3600")).expect("always taken"), Some(3600));
    assert_eq!(lifetime(json!(0)).expect("expired at once"), Some(0));
    let received = receive_json(without("expires_in")).expect("accepted");
    assert_eq!(tokens2(&received).expires_at, None);
    let longest = Some(100 * 365 * 86_400);
    for huge in [json!(i64::MAX), json!(u64::MAX), json!("9223372036854775807"), json!("99999999999999999999"), json!("9".repeat(1000))] {
        assert_eq!(lifetime(huge.clone()).expect("cut, not refused"), longest, "{huge}");
    }
    let raw = |text: &str| {
        let received = receive_json(format!(r#"{{"access_token":"a","token_type":"Bearer","expires_in":{text}}}"#));
        received.map(|received| tokens2(&received).expires_at.map(|at| at.since(NOW)))
    };
    for text in ["3600.0", "3.6e3", "3.6E+3", "36000e-1"] {
        assert_eq!(raw(text).expect("a whole number"), Some(3600), "{text}");
    }
    for huge in ["99999999999999999999", "1000000000000000000000000000000", "1e300"] {
        assert_eq!(raw(huge).expect("cut, not refused"), longest, "{huge}");
    }
    let bad = [json!(-1), json!(1.5), json!("-1"), json!("+1"), json!(""), json!(" 1"), json!("1e3"), json!("١"), json!(null), json!([1])];
    for bad in bad {
        assert!(lifetime(bad.clone()).is_err(), "{bad}");
    }
    for text in ["1e400", "3600.5", "-3600.0", "-0.0", "NaN", "Infinity", "01"] {
        assert!(raw(text).is_err(), "{text}");
    }
    // At the end of time, too.
    let end = keyfob_proto::Timestamp::from_unix(i64::MAX);
    let received = exchange2(&oauth2_client(|_, _| {})).receive(&json_answer(200, OK), end).expect("accepted");
    assert_eq!(tokens2(&received).expires_at, Some(end));
}

#[test]
fn a_provider_file_may_say_the_lifetime_where_answers_do_not() {
    let client = oauth2_client(|_, flow| flow.default_lifetime = Some(7200));
    let received = exchange2(&client).receive(&json_answer(200, without("expires_in")), NOW).expect("accepted");
    assert_eq!(tokens2(&received).expires_at, Some(NOW.plus(7200)));
    let received = exchange2(&client).receive(&json_answer(200, OK), NOW).expect("accepted");
    assert_eq!(tokens2(&received).expires_at, Some(NOW.plus(3600)));
}

/// It is told to people: whatever stands there, a login is not ended by it.
#[test]
fn when_the_refresh_token_ends_is_known_where_an_answer_says() {
    let answer = |more: &str| format!(r#"{{"access_token":"a","token_type":"Bearer","refresh_token":"r-2"{more}}}"#);
    let end = |client: &oauth2::Client, more: &str| {
        let received = exchange2(client).receive(&json_answer(200, answer(more)), NOW).expect("accepted");
        tokens2(&received).refresh_expires_at.map(|end| end.since(NOW))
    };
    let usual = oauth2_client(|_, _| {});
    assert_eq!(end(&usual, r#","refresh_token_expires_in":900"#), Some(900));
    assert_eq!(end(&usual, r#","refresh_token_expires_in":"900""#), Some(900));
    for none in ["", r#","refresh_token_expires_in":0"#, r#","refresh_token_expires_in":"soon""#, r#","refresh_expires_in":900"#] {
        assert_eq!(end(&usual, none), None, "{none}");
    }
    assert!(end(&usual, r#","refresh_token_expires_in":18446744073709551615"#).is_some_and(|seconds| seconds > 900));
    let other = oauth2_client(|_, flow| flow.refresh_expires_in = Some("refresh_expires_in".into()));
    assert_eq!(end(&other, r#","refresh_expires_in":900,"refresh_token_expires_in":1"#), Some(900));
    // Nothing is said of a token that is not there.
    let alone = r#"{"access_token":"a","token_type":"Bearer","refresh_token_expires_in":900}"#;
    let received = exchange2(&usual).receive(&json_answer(200, alone), NOW).expect("accepted");
    assert_eq!(tokens2(&received).refresh_expires_at, None);
    // The same token keeps its end, and another one has its own.
    let held = keyfob_proto::OAuth2Tokens { refresh: Some(Secret::new("r-1")), refresh_expires_at: Some(NOW.plus(50)), ..oauth2_tokens() };
    for (brought, more, expected) in [
        ("", "", Some(50)),
        (r#","refresh_token":"r-1""#, "", Some(50)),
        (r#","refresh_token":"r-1""#, r#","refresh_token_expires_in":900"#, Some(900)),
        (r#","refresh_token":"r-2""#, "", None),
        (r#","refresh_token":"r-2""#, r#","refresh_token_expires_in":900"#, Some(900)),
    ] {
        let answer = format!(r#"{{"access_token":"a-2","token_type":"Bearer"{brought}{more}}}"#);
        let received = usual.refresh(&held).expect("a refresh").receive(&json_answer(200, answer), NOW).expect("accepted");
        assert_eq!(tokens2(&received).refresh_expires_at.map(|end| end.since(NOW)), expected, "{brought}{more}");
    }
}

#[test]
fn c10_what_a_refusal_means_for_the_next_try() {
    let refusal = |status, body: &str| {
        let refresh = oauth2_client(|_, _| {}).refresh(&oauth2_tokens()).expect("a refresh");
        refresh.receive(&json_answer(status, body), NOW).expect_err("refused")
    };
    for (status, body) in [(400, r#"{"error":"invalid_grant"}"#), (401, r#"{"error":"invalid_client"}"#), (400, r#"{"error":"made_up"}"#)] {
        assert!(!refusal(status, body).is_transient(), "{body}");
    }
    assert!(matches!(refusal(400, r#"{"error":"invalid_grant"}"#), Error::Refused(Refused { code: Code::InvalidGrant, .. })));
    for (status, body) in [
        (500, "{}"),
        (503, ""),
        (502, "<html>"),
        (429, r#"{"error":"slow_down"}"#),
        (429, ""),
        (503, r#"{"error":"made_up"}"#),
        (400, r#"{"error":"temporarily_unavailable"}"#),
    ] {
        assert!(refusal(status, body).is_transient(), "{status} {body}");
    }
    // A definite word stays definite, whatever the status.
    assert!(!refusal(500, r#"{"error":"invalid_grant"}"#).is_transient());
}

#[test]
fn c10_how_long_a_server_asks_to_be_left_alone_is_in_the_error() {
    let told = |status, body: &str, after: Option<&str>| {
        let refresh = oauth2_client(|_, _| {}).refresh(&oauth2_tokens()).expect("a refresh");
        let mut answer = json_answer(status, body);
        if let Some(after) = after {
            answer.headers_mut().insert(RETRY_AFTER, after.parse().expect("a header"));
        }
        refresh.receive(&answer, NOW).expect_err("refused").retry_after()
    };
    for (status, body) in [(429, ""), (429, r#"{"error":"slow_down"}"#), (503, "<html>"), (400, r#"{"error":"temporarily_unavailable"}"#)] {
        assert_eq!(told(status, body, Some("30")), Some(30), "{status} {body}");
        assert_eq!(told(status, body, None), None, "{status} {body}");
    }
    assert_eq!(told(400, r#"{"error":"invalid_grant"}"#, Some("30")), None, "no waiting helps");
}

#[test]
fn c12_the_client_says_who_it_is_in_one_way_only_and_never_in_the_url() {
    let id = "id:&=+ %/?#é";
    let secret = "s:&=+ %/?#ß";
    let client = |auth, secret: Option<&str>| {
        let app = secret.map_or_else(|| App::public(id), |secret| App::confidential(id, secret));
        oauth2::Client::new(&oauth2_settings(|_, flow| flow.client_auth = auth), app).expect("a client")
    };
    let look = |client: &oauth2::Client| {
        let requests = [exchange2(client), client.refresh(&oauth2_tokens()).expect("a refresh")];
        let mut seen: Vec<_> = requests.iter().map(Exchange::request).cloned().collect();
        let revocation = client.revoke(&Secret::new("token-1"), TokenKind::Access).expect("a request").expect("an endpoint");
        seen.push(revocation.request().clone());
        let mut found: Vec<_> = seen
            .iter()
            .map(|request| {
                assert_eq!(request.uri().query(), None, "never in the URL");
                let form: BTreeMap<_, _> = form(request).into_iter().collect();
                let header = request.headers().get(AUTHORIZATION);
                assert!(header.is_none_or(http::HeaderValue::is_sensitive));
                let header = header.map(|value| value.to_str().expect("ASCII").to_owned());
                assert!(header.is_none() || !form.contains_key("client_secret") && !form.contains_key("client_id"), "in one way");
                (header, form.get("client_id").cloned(), form.get("client_secret").cloned())
            })
            .collect();
        found.dedup();
        assert_eq!(found.len(), 1, "all requests alike");
        found.remove(0)
    };
    // `printf '%s' 'id%3A%26%3D%2B%20%25%2F%3F%23%C3%A9:s%3A%26%3D%2B%20%25%2F%3F%23%C3%9F' | base64`
    let encoded = "Basic aWQlM0ElMjYlM0QlMkIlMjAlMjUlMkYlM0YlMjMlQzMlQTk6cyUzQSUyNiUzRCUyQiUyMCUyNSUyRiUzRiUyMyVDMyU5Rg==";
    assert_eq!(look(&client(ClientAuth::Basic, Some(secret))), (Some(encoded.to_owned()), None, None));
    assert_eq!(look(&client(ClientAuth::Post, Some(secret))), (None, Some(id.to_owned()), Some(secret.to_owned())));
    for auth in [ClientAuth::None, ClientAuth::Basic, ClientAuth::BasicRaw, ClientAuth::BasicSecret, ClientAuth::Post] {
        assert_eq!(look(&client(auth, None)), (None, Some(id.to_owned()), None), "a public client sends its id");
    }
    assert_eq!(look(&client(ClientAuth::None, Some(secret))), (None, Some(id.to_owned()), None));

    // The provider's habit of taking Basic without the encoding. `printf '%s' 'id@x:s&/+' | base64`
    let raw = oauth2_settings(|_, flow| flow.client_auth = ClientAuth::BasicRaw);
    let raw_client = oauth2::Client::new(&raw, App::confidential("id@x", "s&/+")).expect("a client");
    assert_eq!(look(&raw_client).0.as_deref(), Some("Basic aWRAeDpzJi8r"));
    let tolerated = |settings: &keyfob_proto::Settings, secret: &str| {
        let client = oauth2::Client::new(settings, App::confidential("id", secret)).expect("a client");
        let refresh = client.refresh(&oauth2_tokens()).expect("a refresh");
        refresh.receive(&json_answer(200, OK), NOW).expect("tokens").tolerated
    };
    assert_eq!(tolerated(&raw, "s&/+"), deviations(&[Deviation::BasicRaw]), "said whenever it was needed");
    assert_eq!(tolerated(&raw, "plain"), deviations(&[]), "which it is not for a secret that looks the same encoded");
    assert_eq!(tolerated(&oauth2_settings(|_, flow| flow.client_auth = ClientAuth::Basic), "s&/+"), deviations(&[]));
    let colon = oauth2::Client::new(&raw, App::confidential("id:x", "s")).expect("a client");
    assert!(matches!(colon.refresh(&oauth2_tokens()), Err(Error::Misuse(_))), "a colon would cut the id in two");

    // The habit of wanting the header of apps without secret, too. `printf 'id:' | base64`
    let empty = oauth2_settings(|_, flow| flow.client_auth = ClientAuth::BasicEmpty);
    let public = oauth2::Client::new(&empty, App::public("id")).expect("a client");
    assert_eq!(look(&public), (Some("Basic aWQ6".to_owned()), None, None));
    let confidential = oauth2::Client::new(&empty, App::confidential("id", "s&/+")).expect("a client");
    assert_eq!(look(&confidential).0.as_deref(), Some("Basic aWQ6cyUyNiUyRiUyQg=="), "with a secret it is Basic");
    assert_eq!(tolerated(&empty, "plain"), deviations(&[]));

    // The habit of knowing an app by its secret. `printf '%s' 's&/+:' | base64`
    let alone = oauth2_settings(|_, flow| flow.client_auth = ClientAuth::BasicSecret);
    let alone_client = oauth2::Client::new(&alone, App::confidential("id", "s&/+")).expect("a client");
    assert_eq!(look(&alone_client), (Some("Basic cyYvKzo=".to_owned()), None, None), "and its id is said nowhere");
    assert_eq!(tolerated(&alone, "plain"), deviations(&[Deviation::BasicSecret]), "always said");
    let colon = oauth2::Client::new(&alone, App::confidential("id", "s:x")).expect("a client");
    assert!(matches!(colon.refresh(&oauth2_tokens()), Err(Error::Misuse(_))), "a colon would cut the secret in two");
}

#[test]
fn c12_a_json_body_carries_the_same() {
    let client = oauth2_client(|_, flow| {
        flow.client_auth = ClientAuth::Post;
        flow.token_body = TokenBody::Json;
    });
    let request = exchange2(&client).request().clone();
    let body: BTreeMap<String, String> = serde_json::from_slice(request.body()).expect("JSON");
    assert_eq!((body["client_id"].as_str(), body["client_secret"].as_str()), (CLIENT_ID, CLIENT_SECRET));
    assert_eq!(
        (body["grant_type"].as_str(), body["code"].as_str(), body["redirect_uri"].as_str()),
        ("authorization_code", "code-1", CALLBACK)
    );
    assert_eq!(request.headers()["content-type"], "application/json");
    assert!(!request.headers().contains_key(AUTHORIZATION));
}

#[test]
fn c13_failures_without_a_proper_body_are_typed_and_keep_their_status() {
    for status in [400_u16, 401, 403, 404, 409, 410, 418, 460, 500, 502, 530, 599] {
        for body in
            ["", "oops", "<html>", "[1]", "null", r#"{"error":null}"#, r#"{"error":1}"#, r#"{"error":{}}"#, r#"{"error":""}"#, "\u{0}"]
        {
            let error = receive(status, "text/html", body).expect_err("a failure");
            let Error::Misbehaved(misbehaved) = &error else { panic!("{status} {body}: {error:?}") };
            assert_eq!(misbehaved.status.map(|status| status.as_u16()), Some(status));
            assert_eq!(error.is_transient(), status >= 500, "{status}");
        }
    }
}

#[test]
fn c14_an_error_with_status_200_is_an_error() {
    let error = receive_json(r#"{"error":"invalid_grant","access_token":"a","token_type":"Bearer"}"#).expect_err("an error");
    assert!(matches!(error, Error::Refused(Refused { code: Code::InvalidGrant, .. })), "{error}");
    assert!(receive_json(with("error", json!(null))).is_ok(), "no error is no error");
    for odd in [json!(1), json!({}), json!("")] {
        misbehaved(receive_json(with("error", odd)));
    }
}

#[test]
fn c15_secrets_that_a_server_echoes_do_not_get_out() {
    let basic = "ZXhhbXBsZS1jbGllbnQtaWQ6c2FuZGJveC1zZWNyZXQtbm90LXJlYWw=";
    let client = oauth2_client(|_, _| {});
    let (_, pending) = begin2(&client, 1);
    let verified = pending.verify(Answer::Url(&callback2(&pending, "code=authorization-code-1")), NOW).expect("verified");
    let code_exchange = client.exchange(verified).expect("an exchange");
    let verifier = form(code_exchange.request()).into_iter().find(|(name, _)| name == "code_verifier").expect("PKCE").1;
    let tokens = oauth2_tokens();
    let old_refresh = tokens.refresh.as_ref().expect("one").expose().to_owned();
    let refresh = client.refresh(&tokens).expect("a refresh");
    let revocation = client.revoke(&tokens.access, TokenKind::Access).expect("a request").expect("an endpoint");

    let echo = |secrets: &[&str]| {
        let text = secrets.join(" and ");
        json_answer(
            401,
            json!({"error": format!("x {text}"), "error_description": text, "error_uri": format!("https://x.example/?{text}")}).to_string(),
        )
    };
    let check = |error: Error, secrets: &[&str]| {
        let shown = format!("{error} {error:?} {:?}", error.hint());
        for secret in secrets {
            assert!(!shown.contains(secret), "{secret} in {shown}");
        }
        assert!(shown.contains("<secret>"), "{shown}");
    };
    let secrets = [CLIENT_SECRET, "authorization-code-1", verifier.as_str(), basic];
    check(code_exchange.receive(&echo(&secrets), NOW).expect_err("refused"), &secrets);
    let secrets = [CLIENT_SECRET, old_refresh.as_str(), tokens.access.expose(), basic];
    check(refresh.receive(&echo(&secrets), NOW).expect_err("refused"), &secrets);
    let secrets = [CLIENT_SECRET, tokens.access.expose(), basic];
    check(revocation.receive(&echo(&secrets)).expect_err("refused"), &secrets);
}

#[test]
fn c15_oauth1_secrets_that_a_server_echoes_do_not_get_out() {
    // Telldus prints the signature base string: key and token, percent-encoded twice.
    let client = oauth1_client(|_, _| {});
    let request = client.request_token(Callback::OutOfBand, NOW, &Chance::new(1)).expect("a request");
    let text = format!("OAuth Verification Failed: secret was {CLIENT_SECRET}&");
    let error = request.receive(&answer(401, "text/plain", text), NOW).expect_err("refused");
    assert!(!format!("{error} {error:?}").contains(CLIENT_SECRET), "{error}");

    let request = client.request_token(Callback::OutOfBand, NOW, &Chance::new(1)).expect("a request");
    let body = format!("oauth_token=a&oauth_token_secret=b&oauth_callback_confirmed={CLIENT_SECRET}");
    let error = request.receive(&form_answer(200, &body), NOW).expect_err("not confirmed");
    assert!(!format!("{error} {error:?}").contains(CLIENT_SECRET), "{error}");

    let temporary = "oauth_token=temp%7Corary-1&oauth_token_secret=temporary-secret-1&oauth_callback_confirmed=true";
    let (_, pending) = begin1(&client, Callback::OutOfBand, temporary).expect("temporary credentials");
    let exchange =
        client.exchange(pending.verify(Answer::Bare("verifier-1"), NOW).expect("a PIN"), NOW, &Chance::new(1)).expect("an exchange");
    let text = "signature base string was \"POST&https%3A%2F%2F&oauth_token%3Dtemp%257Corary-1%26oauth_verifier%3Dverifier-1\" \
                temp|orary-1 temp%7corary-1 temporary-secret-1";
    let error = exchange.receive(&answer(401, "text/plain", text), NOW).expect_err("refused");
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains("orary-1") && !shown.contains("temporary-secret-1") && !shown.contains("verifier-1"), "{shown}");
}

#[test]
fn d7_a_refresh_keeps_the_old_refresh_token_where_no_new_one_comes() {
    let refresh = |body: &str| oauth2_client(|_, _| {}).refresh(&oauth2_tokens()).expect("a refresh").receive(&json_answer(200, body), NOW);
    let token = |received: &Received| tokens2(received).refresh.as_ref().map(|token| token.expose().to_owned());
    let kept = refresh(&without("refresh_token")).expect("accepted");
    assert_eq!(token(&kept).as_deref(), Some("refresh-1-long-enough"));
    assert_eq!(token(&refresh(OK).expect("accepted")).as_deref(), Some("refresh-2"));
    for bad in [json!(""), json!(null), json!(" "), json!(1)] {
        misbehaved(refresh(&with("refresh_token", bad)));
    }
    // The scopes are the ones that were granted before, where the answer names none.
    assert_eq!(tokens2(&kept).scopes, ["read"]);
    // At login there is none to keep.
    assert_eq!(token(&receive_json(without("refresh_token")).expect("accepted")), None);
}

/// A refresh token is spent with the answer, whatever else is wrong with that.
#[test]
fn of_an_answer_that_is_refused_the_next_refresh_token_is_found() {
    let found = |client: &oauth2::Client, before: &OAuth2Tokens, answer: &Response<Vec<u8>>| {
        misbehaved(client.refresh(before).expect("a refresh").receive(answer, NOW));
        client.successor(before, answer).map(|token| token.expose().to_owned())
    };
    let (client, before) = (oauth2_client(|_, _| {}), oauth2_tokens());
    let next = Some("refresh-2".to_owned());
    for body in [
        with("scope", json!(null)),
        with("scope", json!(7)),
        with("expires_in", json!(-1)),
        with("expires_in", json!("")),
        with("id_token", json!("")),
        with("token_type", json!("mac")),
        with("access_token", json!(null)),
        without("access_token"),
        OK.replace("access_token", "accessToken").replace("refresh_token", "refreshToken"),
        "access_token=a&token_type=Bearer&refresh_token=refresh-2\n".to_owned(),
    ] {
        assert_eq!(found(&client, &before, &json_answer(200, body.clone())), next, "{body}");
    }
    assert_eq!(found(&client, &before, &answer(200, "text/html", OK)), next);
    let nested = oauth2_client(|_, flow| flow.tokens_at = Some("/data".to_owned()));
    assert_eq!(found(&nested, &before, &json_answer(200, format!(r#"{{"data":{OK}}}"#))), next);
    // No answer of this server's, or nothing that could be sent.
    let wrong = with("scope", json!(null));
    assert_eq!(found(&client, &before, &json_answer(302, wrong.clone())), None);
    assert_eq!(found(&client, &before, &json_answer(200, wrong.replace("refresh-2", "refresh\\n2"))), None);
    assert_eq!(found(&client, &before, &json_answer(200, wrong.replace("refresh-2", "refresh-1-long-enough"))), None, "it is there");
    assert_eq!(found(&client, &before, &json_answer(200, without("refresh_token").replace("3600", "-1"))), None);
    assert_eq!(found(&client, &before, &json_answer(200, "<html>")), None);
    assert_eq!(client.successor(&before, &json_answer(200, with("error", json!("invalid_grant")))).map(drop), None);
    let inside = json_answer(200, format!(r#"{{"data":{}}}"#, with("error", json!("x"))));
    assert!(nested.successor(&before, &inside).is_none());
    // D11: whoever's that is, it is not this account's.
    let claims = |subject: &str| id_token(&json!({"iss": "https://login.example", "sub": subject, "aud": "id"}));
    let login = receive_json(with("id_token", json!(claims("person-1")))).expect("accepted");
    let before = OAuth2Tokens { identity: tokens2(&login).identity.clone(), ..before };
    // One that is none is nobody's.
    let error = client.refresh(&before).expect("a refresh").receive(&json_answer(200, with("id_token", json!(""))), NOW);
    assert!(!misbehaved(error).is_another_identity());
    for (subject, expected) in [("person-1", next), ("person-2", None)] {
        let mut body: serde_json::Value = serde_json::from_str(&wrong).expect("JSON");
        body["id_token"] = json!(claims(subject));
        assert_eq!(found(&client, &before, &json_answer(200, body.to_string())), expected, "{subject}");
    }
}

/// A compact JWS with these claims; nobody looks at the signature here.
fn id_token(claims: &serde_json::Value) -> String {
    let part = |value: &serde_json::Value| keyfob_proto::encode::base64url(value.to_string().as_bytes());
    format!("{}.{}.c2lnbmF0dXJl", part(&json!({"alg": "RS256"})), part(claims))
}

#[test]
fn e17_a_person_is_an_issuer_and_a_subject_and_no_address() {
    let claims = |subject: &str, address: &str| json!({"iss": "https://login.example", "sub": subject, "aud": "id", "email": address});
    let login = receive_json(with("id_token", json!(id_token(&claims("person-1", "me@login.example"))))).expect("accepted");
    let before = tokens2(&login).clone();
    let refresh = |subject: &str, address: &str| {
        let answer = json_answer(200, with("id_token", json!(id_token(&claims(subject, address)))));
        oauth2_client(|_, _| {}).refresh(&before).expect("a refresh").receive(&answer, NOW)
    };
    // People get new addresses, and old addresses get new people.
    assert_eq!(tokens2(&refresh("person-1", "new@login.example").expect("the same")).identity, before.identity);
    assert!(refresh("person-2", "me@login.example").expect_err("another").is_another_identity());
}

#[test]
fn d11_a_refresh_is_for_the_same_person_issuer_and_app() {
    let claims = json!({"iss": "https://login.example", "sub": "person-1", "aud": ["b", "a"], "exp": 1});
    let login = receive_json(with("id_token", json!(id_token(&claims)))).expect("accepted");
    let before = tokens2(&login).clone();
    assert_eq!(before.identity.as_ref().map(|identity| identity.subject.as_str()), Some("person-1"));
    let refresh = |id_token: serde_json::Value| {
        oauth2_client(|_, _| {}).refresh(&before).expect("a refresh").receive(&json_answer(200, with("id_token", id_token)), NOW)
    };
    // The same, said in another order, with other times; or not said at all (it may be left out, and comes back later).
    let again = refresh(json!(id_token(&json!({"aud": ["a", "b"], "sub": "person-1", "iss": "https://login.example", "exp": 2}))));
    assert_eq!(tokens2(&again.expect("accepted")).identity, before.identity);
    let silent = oauth2_client(|_, _| {}).refresh(&before).expect("a refresh").receive(&json_answer(200, OK), NOW).expect("accepted");
    assert_eq!(tokens2(&silent).identity, before.identity);
    for (name, other) in [("iss", json!("https://evil.example")), ("sub", json!("person-2")), ("aud", json!("a")), ("sub", json!(null))] {
        let mut claims = claims.clone();
        claims[name] = other;
        let error = refresh(json!(id_token(&claims))).expect_err("refused");
        assert!(error.is_another_identity() && !error.to_string().contains("person-2"), "{name}: {error}");
        assert!(!misbehaved(Err(error)).is_transient(), "{name}");
    }
    for unreadable in [json!(7), json!("a.b"), json!("a.b.c"), json!("e30.e30.e30")] {
        assert!(refresh(unreadable.clone()).expect_err("refused").is_another_identity(), "{unreadable}");
    }
    // Without an ID token at login there is nobody to compare with.
    let first = oauth2_client(|_, _| {}).refresh(&oauth2_tokens()).expect("a refresh");
    let answer = with("id_token", json!(id_token(&claims)));
    assert_eq!(tokens2(&first.receive(&json_answer(200, answer), NOW).expect("accepted")).identity, before.identity);
}

#[test]
fn i4_a_callback_that_is_not_confirmed_is_refused() {
    let begin = |at, body: &str| {
        let client = oauth1_client(|_, flow| flow.callback = at);
        begin1(&client, Callback::Url(CALLBACK.into()), body)
    };
    for unconfirmed in [
        "",
        "&oauth_callback_confirmed=",
        "&oauth_callback_confirmed=1",
        "&oauth_callback_confirmed=True",
        "&oauth_callback_confirmed=false",
    ] {
        let body = format!("oauth_token=t&oauth_token_secret=s{unconfirmed}");
        let error = refused_alive(begin(CallbackAt::RequestToken, &body));
        assert!(matches!(&error, Error::Misbehaved(misbehaved) if misbehaved.section == "RFC 5849 §2.1"), "{error}");
        // Where no callback was told, there is nothing to confirm.
        assert!(begin(CallbackAt::Authorize, &body).is_ok());
        assert!(begin(CallbackAt::Registered, &body).is_ok());
    }
    assert!(begin(CallbackAt::RequestToken, TEMPORARY).is_ok());
}

#[test]
fn i10_oauth1_token_answers_are_forms_decoded_once_with_every_parameter_once() {
    let receive = |body: &str| -> Result<(String, String), Error> {
        let client = oauth1_client(|_, _| {});
        let (_, pending) = begin1(&client, Callback::OutOfBand, TEMPORARY).expect("temporary credentials");
        let exchange = client.exchange(pending.verify(Answer::Bare("1"), NOW)?, NOW, &Chance::new(1))?;
        let received = exchange.receive(&answer(200, "text/html", body), NOW)?;
        match received.tokens {
            keyfob_proto::TokenSet::OAuth1(tokens) => Ok((tokens.token.expose().to_owned(), tokens.secret.expose().to_owned())),
            other => panic!("{other:?}"),
        }
    };
    let good = receive("oauth_token=a%2Bb%25c%252F&oauth_token_secret=%2F%2f%3D&x=%C3%A9+%20").expect("accepted");
    assert_eq!(good, ("a+b%c%2F".to_owned(), "//=".to_owned()));
    assert_eq!(receive("oauth_token=t&oauth_token_secret=").expect("an empty secret is one").1, "");
    for bad in [
        "",
        "oauth_token=t",
        "oauth_token_secret=s",
        "oauth_token=&oauth_token_secret=s",
        "oauth_token=t&oauth_token=t&oauth_token_secret=s",
        "oauth_token=t&oauth%5ftoken=u&oauth_token_secret=s",
        "oauth_token=t&oauth_token_secret=s&oauth_token_secret=s",
        "oauth_token=t&oauth_token_secret=s&x=1&x=2",
        "oauth_token=a+b&oauth_token_secret=s",
        "oauth_token=a%0d%0aX:y&oauth_token_secret=s",
        "oauth_token=t&oauth_token_secret=a%00b",
        "oauth_token=%ff&oauth_token_secret=s",
        "oauth_token=%E2%80%AE&oauth_token_secret=s",
        r#"{"oauth_token":"t","oauth_token_secret":"s"}"#,
        "<html>",
    ] {
        assert!(matches!(receive(bad), Err(Error::Misbehaved(_))), "{bad}");
    }
    let huge = format!("oauth_token=t&oauth_token_secret=s&x={}", "x".repeat(keyfob_proto::Outgoing::LARGEST_ANSWER));
    assert!(matches!(receive(&huge), Err(Error::Misbehaved(_))));
}

#[test]
fn kept_values_come_from_the_answer_and_the_callback() {
    let client = oauth2_client(|settings, _| settings.keep = ["user_id", "realmId", "n", "o", "missing"].map(str::to_owned).to_vec());
    let (_, pending) = begin2(&client, 1);
    let url = callback2(&pending, "code=code-1&realmId=1234&user_id=from-callback&other=x");
    let exchange = client.exchange(pending.verify(Answer::Url(&url), NOW).expect("verified")).expect("an exchange");
    let body = r#"{"access_token":"a","token_type":"Bearer","user_id":"from\u001b[2J-answer","n":42,"o":{"a":1}}"#;
    let received = exchange.receive(&json_answer(200, body), NOW).expect("accepted");
    let expected = [("n", "42"), ("realmId", "1234"), ("user_id", "from[2J-answer")];
    assert_eq!(received.kept, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
}

/// No refresh token comes: what renews is the access token, in the query of a GET, and the login's own is exchanged first.
#[test]
fn an_access_token_renews_itself_and_is_kept_as_what_it_is() {
    let client = oauth2_client(|_, flow| {
        flow.client_auth = oauth2::ClientAuth::Post;
        flow.refresh = Some(endpoint("https://graph.example/refresh"));
        let long_lived = oauth2::LongLived { endpoint: endpoint("https://graph.example/long"), grant_type: "exchange".into() };
        flow.renewal = Some(oauth2::Renewal { grant_type: "renew".into(), long_lived: Some(long_lived) });
    });
    let tokens = |exchange: oauth2::Exchange, access: &str, now| {
        let body = format!(r#"{{"access_token":"{access}","token_type":"Bearer","expires_in":5184000,"refresh_token":"of-another"}}"#);
        let keyfob_proto::TokenSet::OAuth2(tokens) = exchange.receive(&json_answer(200, body), now).expect("tokens").tokens else {
            panic!("OAuth 2")
        };
        tokens
    };
    let first = tokens(exchange2(&client), "short-1", NOW);
    let longer = client.long_lived(&first).expect("a request").expect("there is one");
    let query = |exchange: &oauth2::Exchange| exchange.request().uri().query().map(str::to_owned);
    assert_eq!(longer.request().method(), http::Method::GET);
    assert_eq!(query(&longer).unwrap_or_default(), format!("grant_type=exchange&client_secret={CLIENT_SECRET}&access_token=short-1"));
    let long = tokens(longer, "long-1", NOW);
    assert!(long.renew_themselves() && long.refresh.as_ref().is_some_and(|refresh| refresh.same_as("long-1")));
    let renewal = client.refresh(&long).expect("a renewal");
    assert_eq!(renewal.request().uri().path(), "/refresh");
    assert_eq!(query(&renewal).unwrap_or_default(), "grant_type=renew&access_token=long-1", "and no secret");
    let next = tokens(renewal, "long-2", NOW.plus(100));
    assert!(next.renew_themselves() && next.refresh.is_some_and(|refresh| refresh.same_as("long-2")));
    // Nobody else is asked, and nobody else's tokens renew themselves.
    assert!(oauth2_client(|_, _| {}).long_lived(&long).expect("no request").is_none());
}

/// A server that says no in a way of its own is understood where its file says how, and only there.
#[test]
fn errors_of_a_providers_own_form_are_errors_with_any_status() {
    let own = |allowed: &[Deviation]| {
        let allowed = common::deviations(allowed);
        oauth2_client(|settings, flow| {
            settings.deviations = allowed;
            flow.token_error = Some(oauth2::TokenError {
                code: "/errcode".into(),
                message: Some("/errmsg".into()),
                none: vec![json!(0)],
                invalid_grant: vec![json!(40029)],
            });
        })
    };
    let client = own(&[Deviation::OwnError]);
    let receive = |client: &oauth2::Client, status, body: &str| exchange2(client).receive(&json_answer(status, body), NOW);
    for status in [200, 400, 500] {
        let error = receive(&client, status, r#"{"errcode":40029,"errmsg":"invalid code, of code-1"}"#).expect_err("an error");
        let Error::Refused(refused) = &error else { panic!("{error}") };
        assert_eq!(refused.code, Code::InvalidGrant, "{status}");
        assert!(refused.description.as_deref().is_some_and(|said| said.starts_with("invalid code")), "{error}");
    }
    let error = receive(&client, 200, r#"{"errcode":-1,"errmsg":"busy"}"#).expect_err("an error");
    assert!(matches!(&error, Error::Refused(refused) if refused.code == Code::Extension("-1".into())), "{error}");
    assert!(receive(&client, 200, r#"{"errcode":0,"access_token":"a","token_type":"Bearer"}"#).is_ok(), "all is well");
    assert!(receive(&client, 200, r#"{"errcode":1,"access_token":"a","token_type":"Bearer"}"#).is_err(), "tokens beside an error are none");
    // The RFC's own is understood beside it, and what is neither is no error of anybody's.
    let error = receive(&client, 400, r#"{"error":"invalid_client"}"#).expect_err("an error");
    assert!(matches!(&error, Error::Refused(refused) if refused.code == Code::InvalidClient), "{error}");
    assert!(matches!(receive(&client, 400, "<html>"), Err(Error::Misbehaved(_))));
    assert!(matches!(receive(&own(&[]), 200, r#"{"errcode":40029}"#), Err(Error::Misbehaved(_))));
}

/// What means "the refresh token has ended" in a provider's own words ends a refresh so, whatever form that has, and nothing else.
#[test]
fn a_refresh_token_that_has_ended_is_told_by_the_words_of_the_providers_file() {
    let signal = |status, pointer: &str, value: serde_json::Value| keyfob_proto::Signal {
        statuses: vec![status],
        pointer: Some(pointer.into()),
        values: vec![value],
        contains: vec![],
    };
    let client = oauth2_client(|settings, flow| {
        settings.api.message = vec!["/message".into()];
        flow.grant_ended = vec![
            signal(400, "/errors/0/field", json!("refresh_token")),
            signal(403, "/error_description", json!("refresh_token is invalid")),
        ];
    });
    let held = oauth2_tokens();
    let refreshed =
        |status, body: &str| client.refresh(&held).expect("a refresh").receive(&json_answer(status, body), NOW).expect_err("an error");
    let own = r#"{"message":"Bad Request, of refresh-1-long-enough","errors":[{"field":"refresh_token"}]}"#;
    let rfcs = r#"{"error":"unauthorized_client","error_description":"refresh_token is invalid"}"#;
    for (status, body, code) in [(400, own, Code::InvalidGrant), (403, rfcs, Code::InvalidGrant), (401, rfcs, Code::UnauthorizedClient)] {
        let error = refreshed(status, body);
        let Error::Refused(refused) = &error else { panic!("{error}") };
        assert_eq!((&refused.code, refused.status.map(|status| status.as_u16())), (&code, Some(status)), "{error}");
        let said = refused.description.as_deref().expect("a sentence");
        assert!(said.starts_with("Bad Request") || said == "refresh_token is invalid", "{error}");
        assert!(!error.to_string().contains("refresh-1"), "{error}");
    }
    assert!(matches!(refreshed(302, own), Error::Misbehaved(_)), "a redirect is nobody's word");
    // What may be one, and may be anything: nothing is concluded, and the person is told.
    let unclear = refreshed(400, r#"{"message":"Bad Request","error":400}"#);
    assert!(matches!(&unclear, Error::Misbehaved(_)) && unclear.hint().contains("may have ended"), "{unclear}");
    assert!(unclear.to_string().contains("Bad Request"), "{unclear}");
    // Of a code it says nothing.
    assert!(matches!(exchange2(&client).receive(&json_answer(400, own), NOW), Err(Error::Misbehaved(_))));
    let exchanged = exchange2(&client).receive(&json_answer(403, rfcs), NOW);
    assert!(matches!(exchanged, Err(Error::Refused(refused)) if refused.code == Code::UnauthorizedClient));
}

/// Whoever reads of an error that has no form of the RFC's wants to know what it says.
#[test]
fn what_an_error_of_another_form_says_is_told() {
    let client = oauth2_client(|settings, _| settings.api.message = vec!["/message".into(), "/error/message".into()]);
    for body in [r#"{"message":"No such code, code-1"}"#, r#"{"error":{"message":"No such code, code-1","code":100}}"#] {
        let error = exchange2(&client).receive(&json_answer(400, body), NOW).expect_err("an error").to_string();
        assert!(error.contains("something else: No such code") && !error.contains("code-1"), "{error}");
    }
    let plain = exchange2(&client).receive(&json_answer(400, r#"{"other":1}"#), NOW).expect_err("an error").to_string();
    assert!(plain.contains("something else") && !plain.contains("something else:"), "{plain}");
}

/// The hint for a code's exchange is about its redirect URI. A refresh has none.
#[test]
fn the_hint_for_a_refresh_speaks_of_no_redirect_uri() {
    let client = oauth2_client(|_, _| {});
    let answer = json_answer(400, r#"{"error":"invalid_request"}"#);
    let refreshed = client.refresh(&oauth2_tokens()).expect("a refresh").receive(&answer, NOW).expect_err("an error");
    assert!(!refreshed.hint().contains("redirect") && refreshed.hint().contains("log in again"), "{refreshed}");
    let exchanged = exchange2(&client).receive(&answer, NOW).expect_err("an error");
    assert!(exchanged.hint().contains("redirect URI"), "{exchanged}");
}

/// Asked with spaces, and answered with commas. A comma may be part of a name (RFC 6749 §3.3).
#[test]
fn scopes_that_were_asked_for_are_found_between_commas() {
    for (asked, said, granted) in [
        (&["openid", "profile"][..], "email,openid,profile", &["email", "openid", "profile"][..]),
        (&["openid", "profile"], "openid", &["openid"]),
        (&["openid", "a,b"], "a,b openid", &["a,b", "openid"]),
        (&["a", "a,b"], "a,b", &["a,b"]),
        (&["openid"], "x,y", &["x,y"]),
        (&["openid"], "openid,,x", &["openid", "x"]),
    ] {
        let client = oauth2_client(|_, flow| flow.scopes = asked.iter().map(|scope| (*scope).to_owned()).collect());
        let body = format!(r#"{{"access_token":"a","token_type":"Bearer","scope":"{said}"}}"#);
        let received = exchange2(&client).receive(&json_answer(200, body), NOW).expect("tokens");
        assert_eq!(tokens2(&received).scopes, granted, "{said}");
    }
}

/// Its own words may stand in the RFC's member, among the RFC's own.
#[test]
fn a_word_of_a_providers_own_may_stand_where_the_rfc_has_one() {
    let client = oauth2_client(|settings, flow| {
        settings.deviations = common::deviations(&[Deviation::OwnError]);
        let invalid_grant = vec![json!("invalid_code")];
        flow.token_error = Some(oauth2::TokenError { code: "/error".into(), message: None, none: vec![], invalid_grant });
    });
    let code = |status, word: &str| match exchange2(&client).receive(&json_answer(status, format!(r#"{{"error":"{word}"}}"#)), NOW) {
        Err(Error::Refused(refused)) => refused.code,
        other => panic!("{status} {word}: {other:?}"),
    };
    for status in [200, 400, 401] {
        assert_eq!(code(status, "invalid_code"), Code::InvalidGrant, "{status}");
        assert_eq!(code(status, "invalid_grant"), Code::InvalidGrant, "{status}");
        assert_eq!(code(status, "invalid_client"), Code::InvalidClient, "{status}");
        assert_eq!(code(status, "authorization_pending"), Code::AuthorizationPending, "{status}");
        assert_eq!(code(status, "busy"), Code::Extension("busy".into()), "{status}");
    }
}

/// The attack: whoever can redirect the token endpoint says "invalid_grant" on the way, and the account is marked as one that needs a login.
#[test]
fn c3_a_redirect_says_nothing_also_in_a_providers_own_form() {
    let client = oauth2_client(|settings, flow| {
        settings.deviations = common::deviations(&[Deviation::OwnError]);
        flow.token_error = Some(oauth2::TokenError {
            code: "/errcode".into(),
            message: Some("/errmsg".into()),
            none: vec![],
            invalid_grant: vec![json!(40029)],
        });
    });
    for status in [301, 302, 303, 307, 308] {
        let answer = json_answer(status, r#"{"errcode":40029,"errmsg":"invalid code"}"#);
        let error = exchange2(&client).receive(&answer, NOW).expect_err("a redirect");
        assert!(matches!(&error, Error::Misbehaved(_)) && error.to_string().contains("redirect"), "{status}: {error}");
    }
}

#[test]
fn lifetimes_called_expires_and_json_called_text_are_taken_by_name() {
    let tokens = |allowed: &[Deviation], content_type: &str, body: &str| {
        let allowed = common::deviations(allowed);
        let client = oauth2_client(|settings, _| settings.deviations = allowed);
        exchange2(&client).receive(&answer(200, content_type, body), NOW)
    };
    let body = r#"{"access_token":"a","token_type":"Bearer","expires":60}"#;
    let end = |received: Received| received.tokens.expires_at().map(|end| end.since(NOW));
    assert_eq!(tokens(&[], "application/json", body).map(end).expect("tokens"), None, "a member that nobody knows");
    let received = tokens(&[Deviation::Expires], "application/json", body).expect("tokens");
    assert!(received.tolerated.contains(&Deviation::Expires));
    assert_eq!(end(received), Some(60));
    let never = body.replace("60", "0");
    assert_eq!(tokens(&[Deviation::Expires], "application/json", &never).map(end).expect("tokens"), None);
    let received = tokens(&[Deviation::TextAnswer], "text/plain; charset=utf-8", body).expect("tokens");
    assert_eq!(received.tolerated, common::deviations(&[Deviation::TextAnswer]));
    assert!(tokens(&[], "text/plain", body).is_err());
    assert!(tokens(&[Deviation::TextAnswer], "text/html", body).is_err(), "and no other type");
}

#[test]
fn grants_and_the_end_of_the_authorization_url_are_the_servers_own() {
    let client = oauth2_client(|_, flow| {
        flow.grant_types = vec![("authorization_code".into(), "web_server".into())];
        flow.parameter_names = vec![("grant_type".into(), "type".into())];
        flow.authorize_fragment = Some("hub_redirect".into());
    });
    let (url, _) = begin2(&client, 1);
    assert!(url.ends_with("#hub_redirect") && url.matches('#').count() == 1, "{url}");
    let sent = form(exchange2(&client).request());
    assert!(sent.contains(&("type".into(), "web_server".into())) && !sent.iter().any(|(name, _)| name == "grant_type"), "{sent:?}");
}

/// What is kept with an account is shown: no settings, also none that a program wrote out, keep a credential there.
#[test]
fn what_is_kept_beside_tokens_is_no_credential() {
    for name in keyfob_proto::Settings::NEVER_KEPT {
        let mut settings = oauth2_settings(|_, _| {});
        settings.keep.push(name.to_owned());
        let wrong = oauth2::Client::new(&settings, App::public("id")).expect_err(name);
        assert!(wrong.to_string().contains(name), "{wrong}");
    }
}
