//! What may come back from an authorization page, and what it may do: rows A2, A5, A8, A9, A10, A14, A15, A16, A19, B10, I5 and I11.
//! A stray or hostile callback is refused and leaves the login alive, so that nobody on the outside can end it.

mod common;

use common::*;
use keyfob_proto::oauth1::{self, Callback};
use keyfob_proto::oauth2::{self, Pkce};
use keyfob_proto::{Answer, Code, Deviation, Error, Refused, encode, scrub};

/// Every answer is refused and leaves the login alive; then the right one still verifies.
#[track_caller]
fn refuses_and_lives_on(pending: &oauth2::Pending, answers: &[String]) {
    for answer in answers {
        refused_alive(pending.verify(Answer::Url(answer), NOW).map_err(|error| {
            assert!(!error.to_string().contains("code-1"), "{error}");
            error
        }));
        // The same as a request to the callback: its query alone.
        let query = answer.split_once('?').map_or("", |(_, query)| query);
        refused_alive(pending.verify(Answer::Query(query), NOW));
    }
    let right = format!("code=code-1&state={}&iss=https%3A%2F%2Flogin.example", pending.key().expose());
    assert!(pending.verify(Answer::Query(&right), NOW).is_ok(), "the login lives on");
}

fn refused<T: std::fmt::Debug>(result: Result<T, Error>) -> Refused {
    match result {
        Err(Error::Refused(refused)) => refused,
        other => panic!("expected a refusal, but found {other:?}"),
    }
}

#[test]
fn a2_wrong_missing_or_empty_state_is_refused_and_the_login_lives_on() {
    let (_, pending) = begin2(&oauth2_client(|_, _| {}), 1);
    let state = pending.key().expose();
    let other = begin2(&oauth2_client(|_, _| {}), 2).1;
    let wrong = [
        "code=code-1".to_owned(),
        "code=code-1&state=".to_owned(),
        "code=code-1&state".to_owned(),
        "code=code-1&state=x".to_owned(),
        format!("code=code-1&state={}", &state[..state.len() - 1]),
        format!("code=code-1&state={state}x"),
        format!("code=code-1&state={}", state.to_uppercase()),
        format!("code=code-1&State={state}"),
        format!("code=code-1&state=%20{state}"),
        format!("code=code-1&state={}", other.key().expose()),
        format!("code=code-1#state={state}"),
        String::new(),
    ];
    refuses_and_lives_on(&pending, &wrong.map(|query| format!("{CALLBACK}?{query}")));
}

#[test]
fn a2_state_may_come_percent_encoded_in_another_spelling() {
    let (_, pending) = begin2(&oauth2_client(|_, _| {}), 1);
    let spelled: String = pending.key().expose().bytes().map(|byte| format!("%{byte:02x}")).collect();
    assert!(pending.verify(Answer::Query(&format!("state={spelled}&code=code-1")), NOW).is_ok());
}

#[test]
fn a5_a_login_older_than_ten_minutes_is_refused_and_over() {
    let (_, pending) = begin2(&oauth2_client(|_, _| {}), 1);
    let right = callback2(&pending, "code=code-1");
    let at = |seconds| pending.verify(Answer::Url(&right), NOW.plus(seconds));
    assert_eq!(pending.expires_at(), NOW.plus(600));
    assert!(at(599).is_ok());
    assert!(at(-30).is_ok(), "a clock that was set back a little");
    for late in [600, 601, 86_400, i64::MAX] {
        let error = at(late).expect_err("too old");
        assert!(error.ends_login() && error.hint().len() > 20, "{error}");
    }
    assert!(at(-600).is_ok() && at(-601).is_err(), "a clock that went back must not make a login immortal");
    // Nothing else is told about an answer that comes too late: not even whether its state was ours.
    let error = pending.verify(Answer::Query("code=x&state=wrong"), NOW.plus(600)).expect_err("too old");
    assert!(error.ends_login());
}

#[test]
fn a5_the_same_holds_for_oauth1() {
    let pending = oauth1_pending(Callback::Url(CALLBACK.into()));
    let right = "oauth_token=temporary-1&oauth_verifier=verifier-1";
    assert!(pending.verify(Answer::Query(right), NOW.plus(599)).is_ok());
    assert!(pending.verify(Answer::Query(right), NOW.plus(600)).expect_err("too old").ends_login());
    assert!(pending.verify(Answer::Query(right), NOW.plus(-600)).is_ok(), "a clock that was set back a little");
    assert!(pending.verify(Answer::Query(right), NOW.plus(-601)).is_err());
}

#[test]
fn a8_another_issuer_is_refused_before_any_token_request_and_compared_byte_for_byte() {
    let (_, pending) = begin2(&oauth2_client(|_, _| {}), 1);
    let others = [
        "https%3A%2F%2Fevil.example",
        "https%3A%2F%2Flogin.example%2F",
        "https%3A%2F%2FLOGIN.example",
        "https%3A%2F%2Flogin.example%3A443",
        "http%3A%2F%2Flogin.example",
        "",
    ];
    let answers = others.iter().flat_map(|issuer| {
        // On error responses too: another server's refusal is not ours.
        ["code=code-1", "error=access_denied"].map(|rest| callback2(&pending, &format!("{rest}&iss={issuer}")))
    });
    refuses_and_lives_on(&pending, &answers.collect::<Vec<_>>());
    assert!(pending.verify(Answer::Url(&callback2(&pending, "code=code-1")), NOW).is_ok(), "not required here");
}

#[test]
fn a9_an_issuer_that_was_promised_and_is_missing_is_refused() {
    let (_, pending) = begin2(&oauth2_client(|_, flow| flow.iss_required = true), 1);
    refuses_and_lives_on(&pending, &["code=code-1", "error=access_denied"].map(|rest| callback2(&pending, rest)));
}

#[test]
fn a9_and_b10_a_bare_code_does_not_get_past_an_issuer_that_was_promised() {
    let (_, pending) = begin2(&oauth2_client(|_, flow| flow.iss_required = true), 1);
    let error = refused_alive(pending.verify(Answer::read("code-1"), NOW));
    assert!(error.to_string().contains("(iss)") && error.hint().contains("all of it"), "{error}");
    let whole = callback2(&pending, "code=code-1&iss=https%3A%2F%2Flogin.example");
    assert!(pending.verify(Answer::read(&whole), NOW).is_ok(), "the login lives on");
    // Where nothing was promised, the proof key does.
    let (_, pending) = begin2(&oauth2_client(|_, _| {}), 1);
    assert!(pending.verify(Answer::read("code-1"), NOW).is_ok());
}

#[test]
fn a10_a_code_never_goes_to_another_server_than_the_one_that_was_asked() {
    let honest = oauth2_client(|_, _| {});
    let login = |client: &oauth2::Client| {
        let (_, pending) = begin2(client, 1);
        pending.verify(Answer::Url(&callback2(&pending, "code=code-1")), NOW).expect("verified")
    };
    let evil_token = oauth2_client(|_, flow| flow.token = endpoint("https://evil.example/token"));
    let evil_issuer = oauth2_client(|_, flow| flow.issuer = Some("https://evil.example".into()));
    let no_issuer = oauth2_client(|_, flow| flow.issuer = None);
    let other_app = oauth2::Client::new(&oauth2_settings(|_, _| {}), keyfob_proto::App::public("another-client-id")).expect("a client");
    for stranger in [&evil_token, &evil_issuer, &no_issuer, &other_app] {
        let error = stranger.exchange(login(&honest)).expect_err("a login begun elsewhere");
        assert!(matches!(error, Error::Misuse(_)) && !error.to_string().contains("code-1"), "{error}");
        assert!(honest.exchange(login(stranger)).is_err());
    }
    let exchange = honest.exchange(login(&honest)).expect("its own login");
    assert_eq!(exchange.request().uri(), "https://login.example/token");
}

#[test]
fn a10_the_same_holds_for_oauth1() {
    let honest = oauth1_client(|_, _| {});
    let verified = || {
        let (_, pending) = begin1(&honest, Callback::Url(CALLBACK.into()), TEMPORARY).expect("temporary credentials");
        pending.verify(Answer::Query("oauth_token=temporary-1&oauth_verifier=verifier-1"), NOW).expect("verified")
    };
    let evil = oauth1_client(|_, flow| flow.access_token = endpoint("https://evil.example/token"));
    let other = oauth1::Client::new(&oauth1_settings(|_, _| {}), keyfob_proto::App::confidential("other", "secret")).expect("a client");
    for stranger in [&evil, &other] {
        assert!(matches!(stranger.exchange(verified(), NOW, &Chance::new(1)), Err(Error::Misuse(_))));
    }
    assert!(honest.exchange(verified(), NOW, &Chance::new(1)).is_ok());
}

#[test]
fn a11_where_no_issuer_is_told_the_redirect_uri_tells_whose_answer_it_is() {
    let without = |uri: &str| begin2_at(&oauth2_client(|_, flow| flow.issuer = None), uri, 1).1;
    let (ours, theirs) = (without("https://us.example/callback/one"), without("https://us.example/callback/two"));
    // The same seed drew the same state for both: only the place is left to tell them apart.
    assert!(ours.key().same_as(theirs.key().expose()));
    for place in
        [theirs.redirect_uri(), "https://us.example/callback", "https://us.example/callback/one/", "https://us.example/callback/ONE"]
    {
        let answer = format!("{place}?state={}&code=code-1", ours.key().expose());
        refused_alive(ours.verify(Answer::Url(&answer), NOW));
    }
    assert!(ours.verify(Answer::Url(&callback2(&ours, "code=code-1")), NOW).is_ok());
}

#[test]
fn a14_repeated_parameters_are_refused() {
    let (_, pending) = begin2(&oauth2_client(|_, _| {}), 1);
    let state = pending.key().expose();
    let answers = [
        format!("code=code-1&state={state}&state={state}"),
        format!("code=code-1&state=x&state={state}"),
        format!("code=code-1&code=code-1&state={state}"),
        format!("code=code-1&c%6fde=code-2&state={state}"),
        format!("error=access_denied&error=access_denied&state={state}"),
        format!("code=code-1&state={state}&iss=https://login.example&iss=https://login.example"),
        format!("code=code-1&state={state}&x=1&x=2&state=x"),
        format!("code=code-%FC&state={state}"),
        format!("error=access_%FC&state={state}"),
    ];
    refuses_and_lives_on(&pending, &answers.map(|query| format!("{CALLBACK}?{query}")));
}

/// RFC 6749 §4.1.2: what is unknown is left alone, however it comes. Old programs say in Latin-1 why they say no.
#[test]
fn what_names_no_login_and_brings_nothing_keeps_no_answer_from_being_one() {
    let (_, pending) = begin2(&oauth2_client(|_, _| {}), 1);
    for rest in ["code=code-1&x=1&x=2", "code=code-1&x=%FC&%FC=1", "code=code-1&error_description=a&error_description=b"] {
        assert!(pending.verify(Answer::Url(&callback2(&pending, rest)), NOW).is_ok(), "{rest}");
    }
    let denied = |rest| refused(pending.verify(Answer::Url(&callback2(&pending, rest)), NOW));
    let said = denied("error=access_denied&error_description=verweigert+f%FCr+alle");
    assert_eq!((said.code, said.description.as_deref()), (Code::AccessDenied, Some("verweigert für alle")));
    assert_eq!(denied("error=access_denied&x=1&x=2&error_description=a&error_description=b").description, None, "nobody can say which");
}

#[test]
fn a15_code_and_error_together_are_refused_and_so_is_neither() {
    let (_, pending) = begin2(&oauth2_client(|_, _| {}), 1);
    let rests = ["code=code-1&error=access_denied", "code=&error=", "code=code-1&error=", "code=&error=access_denied", "x=y", "error="];
    refuses_and_lives_on(&pending, &rests.map(|rest| callback2(&pending, rest)));
}

#[test]
fn a16_tokens_in_a_callback_are_refused() {
    let (_, pending) = begin2(&oauth2_client(|_, _| {}), 1);
    let rests = ["code=code-1&access_token=planted", "code=code-1&id_token=planted", "access_token=planted", "access_token="];
    let in_fragment = format!("{CALLBACK}#access_token=planted&state={}", pending.key().expose());
    let answers: Vec<_> = rests.iter().map(|rest| callback2(&pending, rest)).chain([in_fragment]).collect();
    refuses_and_lives_on(&pending, &answers);
}

#[test]
fn a_code_is_visible_ascii() {
    let (_, pending) = begin2(&oauth2_client(|_, _| {}), 1);
    let rests = ["code=", "code=a%20b", "code=a+b", "code=a%00b", "code=a%0d%0aX: y", "code=%C3%A9", "code=%E2%80%AEa", "code=%ff"];
    refuses_and_lives_on(&pending, &rests.map(|rest| callback2(&pending, rest)));
}

#[test]
fn endless_callbacks_are_refused() {
    let (_, pending) = begin2(&oauth2_client(|_, _| {}), 1);
    let answers = [callback2(&pending, &format!("code={}", "x".repeat(20_000))), callback2(&pending, &"&a".repeat(10_000))];
    refuses_and_lives_on(&pending, &answers);
    // To the byte: what is longest is taken, and one more is not.
    let (start, longest) = (format!("state={}&code=", pending.key().expose()), 16 * 1024);
    let of = |length: usize| format!("{start}{}", "x".repeat(length - start.len()));
    assert!(pending.verify(Answer::Query(&of(longest)), NOW).is_ok());
    refused_alive(pending.verify(Answer::Query(&of(longest + 1)), NOW));
}

#[test]
fn a_denial_that_names_us_ends_the_login() {
    let (_, pending) = begin2(&oauth2_client(|_, _| {}), 1);
    let error = pending.verify(Answer::Url(&callback2(&pending, "error=access_denied")), NOW).expect_err("denied");
    assert!(error.ends_login() && error.hint().len() > 20);
    assert_eq!(refused::<()>(Err(error)).code, Code::AccessDenied);
}

#[test]
fn somebody_elses_denial_does_not_end_the_login() {
    let (_, pending) = begin2(&oauth2_client(|_, _| {}), 1);
    let other = begin2(&oauth2_client(|_, _| {}), 2).1;
    let answers = [
        format!("{CALLBACK}?error=access_denied"),
        format!("{CALLBACK}?error=access_denied&state={}", other.key().expose()),
        format!("{CALLBACK}?error=access_denied&state="),
    ];
    refuses_and_lives_on(&pending, &answers);
}

#[test]
fn a19_error_texts_are_fit_to_show() {
    let (_, pending) = begin2(&oauth2_client(|_, _| {}), 1);
    let error = |rest: &str| refused(pending.verify(Answer::Url(&callback2(&pending, rest)), NOW));
    let description =
        "\u{1b}]0;owned\u{7}\u{1b}[31mred\u{9b}2J\r\n\u{7f}\u{202e}desrever\u{2066}\u{200f} <script>".to_owned() + &"x".repeat(9000);
    let shown = error(&encode::form_pairs([
        ("error", "access_denied\u{1b}[2J"),
        ("error_description", &description),
        ("error_uri", "https://login.example/help\u{1b}[2J"),
    ]));
    for text in [shown.to_string(), shown.code.to_string(), shown.uri.clone().expect("https"), shown.description.clone().expect("a text")] {
        let hostile = |c: char| c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        assert!(!text.contains(hostile), "{text:?}");
    }
    let description = shown.description.expect("a text");
    assert_eq!(description.chars().count(), scrub::LONGEST);
    // Markup stays: a page escapes it, a terminal may show it.
    assert!(description.starts_with("]0;owned[31mred2J  desrever <script>xxx"), "{description}");

    for lure in ["javascript:alert(1)", "http://login.example/help", "HTTPS://x", "file:///etc/passwd", "//evil.example", ""] {
        assert_eq!(error(&encode::form_pairs([("error", "server_error"), ("error_uri", lure)])).uri, None, "{lure}");
    }
}

#[test]
fn a19_an_error_text_does_not_give_our_state_away() {
    let (_, pending) = begin2(&oauth2_client(|_, _| {}), 1);
    let state = pending.key().expose();
    let shown = refused(pending.verify(Answer::Url(&callback2(&pending, &format!("error=x&error_description=bad+{state}"))), NOW));
    assert!(!format!("{shown} {shown:?}").contains(state), "{shown}");
}

// --- pasting

#[test]
fn b10_a_pasted_callback_passes_the_same_checks() {
    let (_, pending) = begin2(&oauth2_client(|_, flow| flow.iss_required = true), 1);
    let right = callback2(&pending, "code=code-1&iss=https%3A%2F%2Flogin.example");
    // As a URL, as its query, with space around it: the same.
    let (_, query) = right.split_once('?').expect("a query");
    for pasted in [right.clone(), format!("  {right}\r\n"), format!("?{query}"), query.to_owned()] {
        assert!(pending.verify(Answer::read(&pasted), NOW).is_ok(), "{pasted}");
        assert!(pending.verify(Answer::read(&pasted), NOW.plus(600)).is_err(), "age");
        refused_alive(pending.verify(Answer::read(&pasted.replace("state=", "state=x")), NOW));
        refused_alive(pending.verify(Answer::read(&pasted.replace("login.example", "evil.example")), NOW));
        refused_alive(pending.verify(Answer::read(pasted.split("&iss").next().expect("something")), NOW));
    }
}

#[test]
fn b10_a_pasted_url_must_be_at_the_redirect_uri() {
    let client = oauth2_client(|_, _| {});
    let (_, pending) = begin2_at(&client, "http://localhost/callback", 1);
    let at = |base: &str| pending.verify(Answer::Url(&format!("{base}?code=code-1&state={}", pending.key().expose())), NOW);
    assert!(at("http://localhost/callback").is_ok());
    for elsewhere in [
        "http://localhost/callback/",
        "http://localhost/callbacK",
        "http://localhost:8080/callback",
        "http://127.0.0.1/callback",
        "http://localhost.evil.example/callback",
        "http://localhost@evil.example/callback",
        "https://evil.example/callback",
        "ftp://localhost/callback",
        "localhost/callback",
        "://",
        "",
    ] {
        refused_alive(at(elsewhere));
    }
}

#[test]
fn https_pasted_for_http_on_loopback_is_taken_and_reported() {
    let client = oauth2_client(|_, _| {});
    let (_, pending) = begin2_at(&client, "http://localhost/callback", 1);
    let pasted = format!("https://localhost/callback?state={}&code=code-1", pending.key().expose());
    let exchange = client.exchange(pending.verify(Answer::read(&pasted), NOW).expect("taken")).expect("an exchange");
    // What is sent is the registered one.
    assert!(form(exchange.request()).contains(&("redirect_uri".into(), "http://localhost/callback".into())));
    let received = exchange.receive(&json_answer(200, r#"{"access_token":"a","token_type":"Bearer"}"#), NOW).expect("tokens");
    assert_eq!(received.tolerated, deviations(&[Deviation::RedirectScheme]), "and reported");

    let (_, pending) = begin2_at(&client, "http://app.example/callback", 1);
    let pasted = format!("https://app.example/callback?state={}&code=code-1", pending.key().expose());
    refused_alive(pending.verify(Answer::read(&pasted), NOW));
}

#[test]
fn a_fragment_is_taken_from_providers_that_are_known_for_it() {
    let body = r#"{"access_token":"a","token_type":"Bearer"}"#;
    for allowed in [false, true] {
        let client = oauth2_client(|settings, _| {
            settings.deviations = deviations(if allowed { &[Deviation::RedirectFragment] } else { &[] });
        });
        let (_, pending) = begin2(&client, 1);
        let url = format!("{CALLBACK}?code=code-1&state={}#_=_", pending.key().expose());
        // The whole URL, its query, its query the other way round, and the code alone.
        let query = url.split_once('?').expect("a query").1.to_owned();
        let turned = format!("state={}&code=code-1#_=_", pending.key().expose());
        for pasted in [url, query, turned] {
            if !allowed {
                let error = refused_alive(pending.verify(Answer::read(&pasted), NOW));
                assert!(error.hint().contains("redirect-fragment"), "{error}");
                continue;
            }
            let exchange = client.exchange(pending.verify(Answer::read(&pasted), NOW).expect("taken")).expect("an exchange");
            assert!(form(exchange.request()).contains(&("code".into(), "code-1".into())), "without what the browser added");
            let received = exchange.receive(&json_answer(200, body), NOW).expect("tokens");
            assert_eq!(received.tolerated, deviations(&[Deviation::RedirectFragment]));
        }
        if allowed {
            let verified = pending.verify(Answer::read("code-1#_=_"), NOW).expect("taken");
            let exchange = client.exchange(verified).expect("an exchange");
            assert!(form(exchange.request()).contains(&("code".into(), "code-1".into())));
        }
    }
}

#[test]
fn a_bare_code_is_taken_under_pkce_only() {
    let (_, pending) = begin2(&oauth2_client(|_, _| {}), 1);
    assert!(pending.verify(Answer::read("  code-1\n"), NOW).is_ok());
    for odd in ["", "  ", "a b", "a\u{7}b", "é", &"x".repeat(4097)] {
        refused_alive(pending.verify(Answer::Bare(odd), NOW));
    }
    assert!(pending.verify(Answer::Bare(&"x".repeat(4096)), NOW).is_ok());
    let (_, pending) = begin2(&oauth2_client(|_, flow| flow.pkce = Pkce::Off), 1);
    let error = refused_alive(pending.verify(Answer::read("code-1"), NOW));
    assert!(error.hint().contains("address"), "the whole redirect URL is asked for: {error}");
    assert!(pending.verify(Answer::Url(&callback2(&pending, "code=code-1")), NOW).is_ok());
}

#[test]
fn a_redirect_uri_may_have_a_query_of_its_own() {
    let client = oauth2_client(|_, _| {});
    let (_, pending) = begin2_at(&client, "https://app.example/cb?tenant=1", 1);
    let state = pending.key().expose();
    let at = |query: &str| pending.verify(Answer::Url(&format!("https://app.example/cb?{query}")), NOW);
    assert!(at(&format!("tenant=1&code=code-1&state={state}")).is_ok());
    for changed in ["tenant=12", "tenant=", "tenant=1;", "x=y"] {
        refused_alive(at(&format!("{changed}&code=code-1&state={state}")));
    }
    refused_alive(at(&format!("code=code-1&state={state}")));
}

// --- OAuth 1

fn oauth1_pending(callback: Callback) -> oauth1::Pending {
    begin1(&oauth1_client(|_, _| {}), callback, TEMPORARY).expect("temporary credentials").1
}

#[test]
fn i5_another_token_or_no_verifier_is_refused_and_the_login_lives_on() {
    let pending = oauth1_pending(Callback::Url(CALLBACK.into()));
    for query in [
        "",
        "oauth_verifier=verifier-1",
        "oauth_token=&oauth_verifier=verifier-1",
        "oauth_token=other&oauth_verifier=verifier-1",
        "oauth_token=temporary-12&oauth_verifier=verifier-1",
        "oauth_token=temporary-1",
        "oauth_token=temporary-1&oauth_verifier=",
        "oauth_token=temporary-1&oauth_verifier=a+b",
        "oauth_token=temporary-1&oauth_verifier=a%0Ab",
        "oauth_token=temporary-1&oauth_token=temporary-1&oauth_verifier=verifier-1",
        "oauth_token=other&oauth_token=temporary-1&oauth_verifier=verifier-1",
        "oauth_token=temporary-1&oauth_verifier=verifier-1&oauth_verifier=verifier-2",
        "denied=other",
        "denied=temporary-1&oauth_verifier=verifier-1",
    ] {
        let error = refused_alive(pending.verify(Answer::Query(query), NOW));
        assert!(!error.to_string().contains("verifier-1") && !error.to_string().contains("temporary-1"), "{error}");
    }
    assert!(pending.verify(Answer::Query("oauth_token=temporary-1&oauth_verifier=verifier-1"), NOW).is_ok());
    let pasted = format!("{CALLBACK}?oauth_token=temporary-1&oauth_verifier=verifier-1");
    assert!(pending.verify(Answer::read(&pasted), NOW).is_ok());
    refused_alive(pending.verify(Answer::read(&pasted.replace("127.0.0.1", "evil.example")), NOW));
}

#[test]
fn i5_a_denial_counts_only_if_it_names_our_token() {
    let client = oauth1_client(|settings, _| settings.deviations = deviations(&[Deviation::DenialWithoutVerifier]));
    let (_, pending) = begin1(&client, Callback::Url(CALLBACK.into()), TEMPORARY).expect("temporary credentials");
    for query in ["", "oauth_token=other", "denied=other", "denied=", "error=access_denied"] {
        refused_alive(pending.verify(Answer::Query(query), NOW));
    }
    for query in ["oauth_token=temporary-1", "denied=temporary-1"] {
        let error = pending.verify(Answer::Query(query), NOW).expect_err("denied");
        assert!(error.ends_login() && matches!(error, Error::Refused(Refused { code: Code::AccessDenied, .. })), "{error}");
    }
    // A reason in place of a verifier is told as it is, at any provider.
    let anywhere = [oauth1_pending(Callback::Url(CALLBACK.into())), pending];
    for pending in &anywhere {
        for (problem, code) in [
            ("permission_denied", Code::AccessDenied),
            ("user_refused&oauth_problem_advice=f%FCr+temporary-1", Code::AccessDenied),
            ("consumer_key_rejected", Code::InvalidClient),
        ] {
            let said = refused(pending.verify(Answer::Query(&format!("oauth_problem={problem}&oauth_token=temporary-1")), NOW));
            assert_eq!(said.code, code);
            let description = said.description.expect("a reason");
            assert!(
                problem.starts_with(description.split(':').next().unwrap_or_default()) && !description.contains("temporary-1"),
                "{description}"
            );
        }
        for query in [
            "oauth_problem=permission_denied",
            "oauth_problem=permission_denied&oauth_token=other",
            "oauth_problem=permission_denied&oauth_token=temporary-1&oauth_verifier=v1",
            "oauth_problem=permission_denied&oauth_problem=user_refused&oauth_token=temporary-1",
        ] {
            refused_alive(pending.verify(Answer::Query(query), NOW));
        }
    }
    // Strictly, a redirect without verifier is no denial; its name is in the hint.
    let error = refused_alive(oauth1_pending(Callback::Url(CALLBACK.into())).verify(Answer::Query("oauth_token=temporary-1"), NOW));
    assert!(error.hint().contains("denial-without-verifier"));
}

#[test]
fn i5_without_verifier_only_where_that_is_allowed_and_only_for_our_token() {
    let client = oauth1_client(|settings, flow| {
        settings.deviations = deviations(&[Deviation::NoVerifier]);
        flow.callback = oauth1::CallbackAt::Authorize;
    });
    let (url, pending) = begin1(&client, Callback::Url(CALLBACK.into()), TEMPORARY).expect("temporary credentials");
    assert!(url.contains("oauth_callback="), "{url}");
    for query in [
        "",
        "oauth_token=other",
        "oauth_token=",
        "oauth_token=temporary-1&oauth_token=temporary-1",
        "oauth_token=temporary-1&oauth_verifier=",
    ] {
        refused_alive(pending.verify(Answer::Query(query), NOW));
    }
    refused_alive(pending.verify(Answer::read("481516"), NOW));
    let verified = pending.verify(Answer::Query("oauth_token=temporary-1"), NOW).expect("allowed");
    let exchange = client.exchange(verified, NOW, &Chance::new(1)).expect("an exchange");
    assert_eq!(read_signed(exchange.request()).verifier(), None);
    let received = exchange.receive(&form_answer(200, "oauth_token=token-1&oauth_token_secret=secret-1"), NOW).expect("token credentials");
    assert!(received.tolerated.contains(&Deviation::NoVerifier), "loud: {:?}", received.tolerated);
    // One that comes all the same is used, and nothing is told then.
    let verified = pending.verify(Answer::Query("oauth_token=temporary-1&oauth_verifier=v1"), NOW).expect("verified");
    let exchange = client.exchange(verified, NOW, &Chance::new(1)).expect("an exchange");
    assert_eq!(read_signed(exchange.request()).verifier(), Some("v1"));
    for query in ["denied=temporary-1", "oauth_token=temporary-1&oauth_problem=permission_denied"] {
        let error = pending.verify(Answer::Query(query), NOW).expect_err("denied");
        assert!(error.ends_login(), "{error}");
    }
    refused_alive(pending.verify(Answer::Query("oauth_token=temporary-1&oauth_problem="), NOW));
}

#[test]
fn i11_a_pin_is_trimmed_and_taken_only_where_one_was_asked_for() {
    let pending = oauth1_pending(Callback::OutOfBand);
    let client = oauth1_client(|_, _| {});
    let verified = pending.verify(Answer::read("\t 481516 \r\n"), NOW).expect("a PIN");
    let exchange = client.exchange(verified, NOW, &Chance::new(1)).expect("an exchange");
    assert_eq!(read_signed(exchange.request()).verifier(), Some("481516"));
    for odd in ["", "   ", "48 15", "48\u{1b}[2J", "48\u{0}", "４８", &"1".repeat(257)] {
        refused_alive(pending.verify(Answer::Bare(odd), NOW));
    }
    assert!(pending.verify(Answer::Bare(&"1".repeat(256)), NOW).is_ok(), "some are long");
    let error = refused_alive(oauth1_pending(Callback::Url(CALLBACK.into())).verify(Answer::read("481516"), NOW));
    assert!(error.hint().contains("address"), "{error}");
    refused_alive(pending.verify(Answer::read("https://evil.example/?oauth_token=temporary-1&oauth_verifier=1"), NOW));
}
