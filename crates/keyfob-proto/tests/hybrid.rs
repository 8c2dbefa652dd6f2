//! Hybrid answers (OpenID Connect Core §3.3), and the two legacy grants.

mod common;

use common::*;
use keyfob_proto::jose::{Algorithm, Algorithms, AwsLc, Crypto, HmacKey, Keys, sign_compact};
use keyfob_proto::oauth2::dpop::ProofKey;
use keyfob_proto::oauth2::{self, AccessRequest, AuthorizeRequest, Hybrid, HybridPending, ResponseMode, legacy};
use keyfob_proto::{Answer, Error, Secret, encode};
use serde_json::json;
use sha2::{Digest, Sha256};

fn request() -> AuthorizeRequest {
    AuthorizeRequest { redirect_uri: CALLBACK.into(), scopes: vec!["openid".into()], ..Default::default() }
}

fn begin(client: &oauth2::Client, hybrid: Hybrid) -> (String, HybridPending) {
    client.authorize_hybrid(&request(), hybrid, NOW, &Chance::new(1)).expect("a URL")
}

const ALL: [(Hybrid, &str, &str); 3] = [
    (Hybrid::IdToken, "code id_token", "id_token=a.b.c"),
    (Hybrid::Token, "code token", "access_token=access-2&token_type=Bearer&expires_in=60"),
    (Hybrid::IdTokenAndToken, "code id_token token", "id_token=a.b.c&access_token=access-2&token_type=Bearer"),
];

#[test]
fn an_answer_has_what_was_asked_for_and_nothing_else() {
    let client = oauth2_client(|_, _| {});
    for (hybrid, response_type, tokens) in ALL {
        let (url, pending) = begin(&client, hybrid);
        let sent = query(&url);
        assert_eq!(sent["response_type"], response_type);
        assert!(sent.contains_key("nonce") && sent.contains_key("code_challenge") && sent.contains_key("state"));
        let stored = serde_json::to_string(&pending).expect("made to be stored");
        let pending: HybridPending = serde_json::from_str(&stored).expect("made to be stored");
        let state = pending.key().expose();
        assert_eq!((pending.redirect_uri(), pending.expires_at(), pending.proof_key().is_none()), (CALLBACK, NOW.plus(600), true));
        let right = format!("state={state}&code=code-1&{tokens}");
        let answer = pending.read(&client, Answer::Fragment(&right), NOW).expect("an answer");
        assert_eq!(answer.id_token().map(Secret::expose), (hybrid != Hybrid::Token).then_some("a.b.c"));
        assert_eq!(answer.expected().nonce().map(Secret::expose), Some(sent["nonce"].as_str()));
        for (name, _) in encode::decode_text_pairs(right.as_bytes()).expect("UTF-8") {
            let without: Vec<_> = right.split('&').filter(|pair| !pair.starts_with(&format!("{name}="))).collect();
            let outcome = pending.read(&client, Answer::Fragment(&without.join("&")), NOW);
            if name == "expires_in" {
                assert!(outcome.is_ok(), "not required");
            } else {
                refused_alive(outcome);
            }
        }
        for extra in ["id_token=x.y.z", "access_token=planted&token_type=Bearer", "refresh_token=planted", "code=other", "state=other"] {
            let (name, _) = extra.split_once('=').expect("a pair");
            if name == "refresh_token" && hybrid == Hybrid::IdToken {
                continue;
            }
            refused_alive(pending.read(&client, Answer::Fragment(&format!("{right}&{extra}")), NOW));
        }
        for (from, to) in [("access-2", "a%20b"), ("access-2", ""), ("Bearer", "mac"), ("a.b.c", "a%0ab"), ("a.b.c", ""), ("=60", "=-1")] {
            if right.contains(from) {
                refused_alive(pending.read(&client, Answer::Fragment(&right.replace(from, to)), NOW));
            }
        }
        let denied = format!("state={state}&error=access_denied");
        assert!(pending.read(&client, Answer::Fragment(&denied), NOW).expect_err("denied").ends_login());
        assert!(pending.read(&client, Answer::Fragment(&right), NOW.plus(600)).expect_err("too old").ends_login());
        refused_alive(pending.read(&client, Answer::Query(&right), NOW));
        refused_alive(pending.read(&client, Answer::Bare("code-1"), NOW));
        refused_alive(pending.read(&client, Answer::Fragment(&format!("{right}&iss=https://evil.example")), NOW));
        let evil = oauth2_client(|_, flow| flow.token = endpoint("https://evil.example/token"));
        assert!(matches!(pending.read(&evil, Answer::Fragment(&right), NOW), Err(Error::Misuse(_))), "mix-up");
    }
}

/// What has an ID token gives its code to whoever verifies it. (That nobody else gets it, the compiler says: see `HybridAnswer`.)
#[test]
fn a_code_beside_an_id_token_is_not_to_be_had_without_it() {
    let client = oauth2_client(|_, _| {});
    for (hybrid, _, tokens) in ALL {
        let (_, pending) = begin(&client, hybrid);
        let right = format!("state={}&code=code-1&{tokens}", pending.key().expose());
        let answer = pending.read(&client, Answer::Fragment(&right), NOW).expect("an answer");
        match (hybrid, answer.without_id_token()) {
            (Hybrid::Token, Ok((verified, Some(tokens)))) => {
                assert_eq!((tokens.access.expose(), tokens.expires_at), ("access-2", Some(NOW.plus(60))));
                assert!(tokens.refresh.is_none() && tokens.id_token.is_none() && tokens.identity.is_none());
                let exchange = client.exchange(verified).expect("an exchange");
                assert!(form(exchange.request()).contains(&("code".into(), "code-1".into())));
                assert!(form(exchange.request()).iter().any(|(name, _)| name == "code_verifier"));
            }
            (Hybrid::IdToken | Hybrid::IdTokenAndToken, Err(misuse)) => assert!(misuse.found.contains("has to be verified")),
            (_, found) => panic!("{found:?}"),
        }
        // Nor by reading what was stored as a login of another kind.
        let stored = serde_json::to_string(&pending).expect("made to be stored");
        let plain: oauth2::Pending = serde_json::from_str(&stored).expect("the same fields");
        let code_alone = format!("state={}&code=code-1", pending.key().expose());
        for answer in [Answer::Fragment(&code_alone), Answer::Query(&code_alone), Answer::Bare("code-1")] {
            assert!(plain.verify(answer, NOW).is_err());
        }
        let implicit: legacy::ImplicitPending = serde_json::from_str(&stored).expect("the same fields");
        let token = format!("state={}&access_token=a&token_type=Bearer", pending.key().expose());
        assert!(matches!(implicit.receive(&client, Answer::Fragment(&token), NOW), Err(Error::Misuse(_))));
    }
    let (_, plain) = begin2(&client, 1);
    let stored = serde_json::to_string(&plain).expect("made to be stored");
    let hybrid: HybridPending = serde_json::from_str(&stored).expect("the same fields");
    let text = format!("state={}&code=code-1", plain.key().expose());
    assert!(matches!(hybrid.read(&client, Answer::Query(&text), NOW), Err(Error::Misuse(_))));
}

/// OpenID Connect Core §3.3.2.11: what came over the browser belongs together, and to this login, or is not used.
#[test]
fn e7_a_hybrid_answer_gives_its_code_to_whoever_verifies_its_id_token() {
    let secret = Secret::new("a-client-secret-of-32-characters");
    let (key, algorithms) = (HmacKey::new(Algorithm::HS256, &secret).expect("a key"), Algorithms::of([Algorithm::HS256]));
    let client = oauth2_client(|_, flow| flow.trusted_audiences = vec!["project-1".to_owned()]);
    let half = |text: &str| encode::base64url(&Sha256::digest(text.as_bytes())[..16]);
    let verify = |hybrid: Hybrid, now, change: &dyn Fn(&mut serde_json::Value)| {
        let wanted = json!({"id_token": {"locale": {"value": "en"}}}).to_string();
        let asked = AuthorizeRequest { max_age: Some(60), acr_values: vec!["gold".into()], claims: Some(wanted), ..request() };
        let (url, pending) = client.authorize_hybrid(&asked, hybrid, NOW, &Chance::new(1)).expect("a URL");
        let mut claims = json!({
            "iss": "https://login.example", "aud": CLIENT_ID, "sub": "person-1", "iat": NOW.as_unix(), "exp": NOW.as_unix() + 300,
            "auth_time": NOW.as_unix(), "acr": "gold", "locale": "en", "nonce": query(&url)["nonce"], "c_hash": half("code-1"),
        });
        if hybrid == Hybrid::IdTokenAndToken {
            claims["at_hash"] = json!(half("access-2"));
        }
        change(&mut claims);
        let token = sign_compact(&key, serde_json::Map::new(), claims.to_string().as_bytes()).expect("signed");
        let beside = if hybrid == Hybrid::IdTokenAndToken { "&access_token=access-2&token_type=Bearer" } else { "" };
        let text = format!("state={}&code=code-1&id_token={token}{beside}", pending.key().expose());
        let answer = pending.read(&client, Answer::Fragment(&text), now).expect("an answer");
        answer.verify(&Keys::Shared(&key), &algorithms, now)
    };
    let named = |party: &'static str| {
        let change = move |claims: &mut serde_json::Value| (claims["aud"], claims["azp"]) = (json!([CLIENT_ID, party]), json!(CLIENT_ID));
        verify(Hybrid::IdToken, NOW, &change).is_ok()
    };
    assert!(named("project-1") && !named("project-2"), "whom the settings trust may be addressed as well");
    for hybrid in [Hybrid::IdToken, Hybrid::IdTokenAndToken] {
        let (verified, id_token, tokens) = verify(hybrid, NOW, &|_| {}).expect("verified");
        assert_eq!((id_token.subject.as_str(), tokens.is_some()), ("person-1", hybrid == Hybrid::IdTokenAndToken));
        if let Some(tokens) = tokens {
            // Whom the ID token names is told by what was verified alone; and what is granted is what was asked for, unless the answer says otherwise.
            assert!(tokens.identity.is_none() && tokens.id_token.is_none() && tokens.authorization_details.is_empty());
            assert_eq!(tokens.scopes, ["openid"]);
        }
        assert!(form(client.exchange(verified).expect("an exchange").request()).contains(&("code".into(), "code-1".into())));
        let mut wrong = vec![
            ("iss", json!("https://evil.example")),
            ("aud", json!("another")),
            ("nonce", json!("another")),
            ("nonce", json!(null)),
            ("c_hash", json!(half("code-2"))),
            ("c_hash", json!("(none)")),
            ("auth_time", json!(NOW.as_unix() - 600)),
            ("acr", json!("silver")),
            ("locale", json!("de")),
        ];
        if hybrid == Hybrid::IdTokenAndToken {
            wrong.extend([("at_hash", json!(half("access-3"))), ("at_hash", json!("(none)"))]);
        }
        for (name, value) in wrong {
            let outcome = verify(hybrid, NOW, &|claims| {
                if value == json!("(none)") {
                    claims.as_object_mut().expect("an object").remove(name);
                } else {
                    claims[name] = value.clone();
                }
            });
            assert!(matches!(outcome, Err(Error::Misbehaved(_))), "{hybrid:?}: {name}");
        }
    }
    // What has no ID token, and whose issuer nobody knows.
    let (_, pending) = begin(&client, Hybrid::Token);
    let text = format!("state={}&code=code-1&access_token=access-2&token_type=Bearer", pending.key().expose());
    let answer = pending.read(&client, Answer::Fragment(&text), NOW).expect("an answer");
    assert!(matches!(answer.verify(&Keys::Shared(&key), &algorithms, NOW), Err(Error::Misuse(_))));
    let unnamed = oauth2_client(|_, flow| flow.issuer = None);
    let (_, pending) = begin(&unnamed, Hybrid::IdToken);
    let text = format!("state={}&code=code-1&id_token=a.b.c", pending.key().expose());
    let answer = pending.read(&unnamed, Answer::Fragment(&text), NOW).expect("an answer");
    assert!(matches!(answer.verify(&Keys::Shared(&key), &algorithms, NOW), Err(Error::Misuse(_))));
}

/// What carries tokens may be long; what is longer than any is refused before it is looked at.
#[test]
fn c4_an_answer_in_a_fragment_may_be_long_and_not_endless() {
    let client = oauth2_client(|_, _| {});
    let (_, pending) = begin(&client, Hybrid::IdToken);
    let begins = format!("state={}&code=code-1&id_token=a.b.c&more=", pending.key().expose());
    let of_length = |length: usize| begins.clone() + &"x".repeat(length - begins.len());
    assert!(pending.read(&client, Answer::Fragment(&of_length(128 * 1024)), NOW).is_ok());
    refused_alive(pending.read(&client, Answer::Fragment(&of_length(128 * 1024 + 1)), NOW));
}

#[test]
fn tokens_never_travel_in_a_query() {
    let client = oauth2_client(|_, _| {});
    let in_query = AuthorizeRequest { response_mode: Some(ResponseMode::Query), ..request() };
    for (hybrid, ..) in ALL {
        assert!(matches!(client.authorize_hybrid(&in_query, hybrid, NOW, &Chance::new(1)), Err(Error::Misuse(_))));
        let form_post = AuthorizeRequest { response_mode: Some(ResponseMode::FormPost), ..request() };
        assert!(client.authorize_hybrid(&form_post, hybrid, NOW, &Chance::new(1)).is_ok());
    }
    assert!(matches!(legacy::authorize_implicit(&client, &in_query, NOW, &Chance::new(1)), Err(Error::Misuse(_))));
    // A provider file that always says so must be told otherwise for such a request, not silently obeyed.
    let client = oauth2_client(|_, flow| flow.authorize_params = vec![("response_mode".into(), "query".into())]);
    assert!(client.authorize_hybrid(&request(), Hybrid::IdToken, NOW, &Chance::new(1)).is_err());
    // Without openid there is no ID token.
    let plain = AuthorizeRequest { scopes: vec!["read".into()], ..request() };
    assert!(client.authorize_hybrid(&plain, Hybrid::IdToken, NOW, &Chance::new(1)).is_err());
}

// --- legacy

#[test]
fn an_implicit_answer_is_held_to_the_same_as_any_other() {
    let client = oauth2_client(|settings, _| settings.keep = vec!["user_id".into()]);
    let (url, pending) = legacy::authorize_implicit(&client, &request(), NOW, &Chance::new(1)).expect("a URL");
    let sent = query(&url);
    assert_eq!((sent["response_type"].as_str(), sent.get("code_challenge")), ("token", None));
    let stored = serde_json::to_string(&pending).expect("made to be stored");
    let pending: legacy::ImplicitPending = serde_json::from_str(&stored).expect("made to be stored");
    let state = pending.key().expose();
    let right = format!("access_token=access-2&token_type=bearer&expires_in=3600&scope=read&state={state}&user_id=u");
    let url = format!("{CALLBACK}#{right}");
    for answer in [Answer::Fragment(&right), Answer::Url(&url)] {
        let received = pending.receive(&client, answer, NOW).expect("a token");
        let tokens = tokens2(&received);
        assert_eq!((tokens.access.expose(), tokens.expires_at), ("access-2", Some(NOW.plus(3600))));
        assert_eq!((tokens.scopes.as_slice(), received.kept["user_id"].as_str()), (&["read".to_owned()][..], "u"));
    }
    for bad in [
        right.replace(state, "x"),
        right.replace("bearer", "mac"),
        right.replace("access_token=access-2&", ""),
        format!("{right}&refresh_token=r"),
        format!("{right}&code=c"),
        format!("{right}&id_token=a.b.c"),
        format!("{right}&state={state}"),
        format!("{right}&iss=https://evil.example"),
        right.replace("3600", "1e9"),
    ] {
        refused_alive(pending.receive(&client, Answer::Fragment(&bad), NOW));
    }
    refused_alive(pending.receive(&client, Answer::Query(&right), NOW));
}

#[test]
fn a_password_goes_into_the_body_alone() {
    let client = oauth2_client(|_, _| {});
    let password = Secret::new("correct horse battery");
    let exchange = legacy::password(&client, "anna", &password, &AccessRequest::scopes(["read"])).expect("a request");
    let sent = form(exchange.request());
    let expected = [("grant_type", "password"), ("username", "anna"), ("password", "correct horse battery"), ("scope", "read")];
    assert_eq!(sent, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let echo = r#"{"error":"invalid_grant","error_description":"wrong: correct horse battery"}"#;
    let error = exchange.receive(&json_answer(400, echo), NOW).expect_err("refused");
    assert!(!format!("{error} {error:?}").contains("horse"), "{error}");
    for (name, password) in [("", "x"), ("anna", "")] {
        assert!(legacy::password(&client, name, &Secret::new(password), &AccessRequest::default()).is_err());
    }
}

/// A17: nothing but the module that says so offers them.
#[test]
#[allow(clippy::disallowed_methods, reason = "tests read files; the crate does not")]
fn a17_password_and_implicit_stand_in_a_module_that_says_legacy() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/oauth2");
    let mut folders = vec![root.clone()];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            if entry.is_dir() {
                if entry != root.join("legacy") {
                    folders.push(entry);
                }
                continue;
            }
            let text = std::fs::read_to_string(&entry).expect("text");
            assert!(!text.contains(r#""grant_type", "password""#), "{}", entry.display());
            assert!(!text.contains("legacy::"), "{} uses them", entry.display());
            seen += 1;
        }
    }
    assert!(seen > 15);
}

/// RFC 9449 §10: the client that exchanges the code has to have the key that the login was begun with, so the login tells which.
#[test]
fn a_login_tells_which_key_its_code_will_be_bound_to() {
    let signer = AwsLc.signer(Algorithm::EdDSA, &AwsLc.generate(Algorithm::EdDSA).expect("a key")).expect("a signer");
    let key = ProofKey::new(signer, Secret::new("the key, as it is kept")).expect("a proof key");
    let (_, pending) = begin(&oauth2_client(|_, _| {}).with_proof_key(key), Hybrid::IdToken);
    assert!(pending.proof_key().is_some_and(|stored| stored.same_as("the key, as it is kept")));
}
