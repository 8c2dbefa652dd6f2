//! D14: where there is nothing to refresh with: the API says of the token itself that it is not good any more, and a person is told; by no other word.
#![allow(clippy::unwrap_used)]

mod common;

use std::sync::{Arc, Mutex};

use common::{Served, app, endpoint, json, keyfob, provider};
use http::Method;
use keyfob::history::Event;
use keyfob::proto::oauth1;
use keyfob::proto::{Flow, OAuth1Tokens, OAuth2Tokens, Secret, Settings, Signal, Timestamp, TokenSet};
use keyfob::store::{Expected, Versioned};
use keyfob::transport::Body;
use keyfob::{Account, AccountId, Error, Grant, Health, Keyfob};

const NAME: &str = "pretend";

/// A provider of either protocol whose API answers so, and an account there that nothing renews.
struct House {
    keyfob: Keyfob,
    settings: Settings,
    server: Served,
}

impl House {
    async fn new(oauth1: bool, answer: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        let server = Served::start(answer).await;
        let mut settings = provider(&server.origin);
        if oauth1 {
            let at = |path: &str| endpoint(&format!("{}{path}", server.origin));
            settings.flow = Flow::OAuth1(oauth1::Settings::new(at("/request"), at("/authorize"), at("/access")));
            settings.api.expired = vec![];
        }
        let house = Self { keyfob: keyfob(), settings, server };
        house.log_in(oauth1, "token-1", 0).await;
        house
    }

    async fn answering(oauth1: bool, answer: &str) -> Self {
        let answer = answer.to_owned();
        Self::new(oauth1, move |_| answer.clone()).await
    }

    /// What another process writes when somebody logs in there.
    async fn log_in(&self, oauth1: bool, token: &str, at: i64) {
        let store = self.keyfob.store();
        let before = store.account(NAME).await.expect("memory can be read");
        let account = Account {
            id: before.as_ref().map_or_else(AccountId::random, |before| before.value.id.clone()),
            name: NAME.to_owned(),
            provider: self.settings.provider.clone(),
            client_id: app().client_id,
            tokens: if oauth1 { signing(token) } else { bearer(token, None) },
            kept: Default::default(),
            origins: self.settings.origins(),
            requested_scopes: vec![],
            tolerated: vec![],
            grant: Grant::Approval,
            health: Health::Ok,
            logged_in_at: Timestamp::from_unix(at),
            spending: None,
            refreshed: None,
        };
        let expected = before.map_or(Expected::Nothing, |before| Expected::Generation(before.generation));
        store.put_account(&account, expected, None).await.expect("memory has room");
    }

    async fn call(&self) -> Result<u16, Error> {
        let session = self.keyfob.session(self.settings.clone(), app(), NAME).await?;
        session.call(Method::GET, "/x").send().await.map(|answer| answer.status().as_u16())
    }

    async fn record(&self) -> Versioned<Account> {
        self.keyfob.store().account(NAME).await.expect("memory can be read").expect("it is there")
    }

    /// Why a login is needed, by the account and by its history; `None` where it is not.
    async fn marked(&self) -> Option<String> {
        let account = self.record().await.value;
        let history = self.keyfob.store().history(&account.id).await.expect("memory can be read");
        let told: Vec<_> = history
            .iter()
            .map(|entry| match &entry.event {
                Event::NeedsLogin { refresh: None, reason } => reason.clone(),
                other => panic!("{other:?}"),
            })
            .collect();
        match account.health {
            Health::Ok => {
                assert!(told.is_empty(), "{told:?}");
                None
            }
            Health::NeedsLogin { reason, .. } => {
                assert_eq!(told, std::slice::from_ref(&reason), "told once");
                assert!(!account.tokens.secrets().is_empty(), "nothing is deleted");
                Some(reason)
            }
            other => panic!("{other:?}"),
        }
    }
}

fn signing(token: &str) -> TokenSet {
    TokenSet::OAuth1(OAuth1Tokens { token: Secret::new(token), secret: Secret::new("token-secret-1") })
}

fn bearer(token: &str, refresh: Option<&str>) -> TokenSet {
    let mut tokens: OAuth2Tokens =
        serde_json::from_value(serde_json::json!({"access": token, "received_at": 0, "scopes": []})).expect("tokens");
    tokens.refresh = refresh.map(Secret::new);
    TokenSet::OAuth2(tokens)
}

fn challenge(status: &str, challenge: &str) -> String {
    format!("HTTP/1.1 {status}\r\nwww-authenticate: {challenge}\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{{}}")
}

fn signal(status: u16, pointer: Option<&str>, values: &[&str], contains: &[&str]) -> Signal {
    Signal {
        statuses: vec![status],
        pointer: pointer.map(str::to_owned),
        values: values.iter().map(|value| (*value).into()).collect(),
        contains: contains.iter().map(|text| (*text).to_owned()).collect(),
    }
}

#[tokio::test]
async fn d14_what_the_standards_say_of_a_token_that_nothing_renews_is_told() {
    let oauth1 = |word: &str| challenge("401 No", &format!("OAuth realm=\"x\", oauth_problem=\"{word}\""));
    for (is_oauth1, answer, expected) in [
        (
            false,
            challenge("401 No", "Bearer error=\"invalid_token\", error_description=\"token-1 was revoked\""),
            "invalid_token: <secret> was revoked",
        ),
        (false, challenge("401 No", "DPoP algs=\"ES256\", Bearer error=\"invalid_token\""), "invalid_token"),
        (true, oauth1("token_revoked"), "token_revoked"),
        (true, oauth1("token_expired"), "token_expired"),
        (true, json("400 No", "oauth_problem=token_rejected&oauth_problem_advice=what+is+token-1"), "token_rejected: what is <secret>"),
    ] {
        let house = House::answering(is_oauth1, &answer).await;
        let reason = format!("the API does not take its token any more: {expected}");
        for _ in 0..2 {
            let error = house.call().await.unwrap_err();
            assert!(matches!(&error, Error::NeedsLogin { reason: why, .. } if *why == reason), "{answer}: {error}");
        }
        assert_eq!(house.marked().await.as_deref(), Some(reason.as_str()));
        assert_eq!(house.server.asked("GET /api/x"), 1, "the second call is not sent");
        // A login mends it.
        house.log_in(is_oauth1, "token-2", 60).await;
        assert!(house.call().await.is_err());
        assert_eq!(house.server.asked("GET /api/x"), 2);
    }
}

#[tokio::test]
async fn d14_what_is_not_the_tokens_fault_ends_no_login() {
    for (is_oauth1, answer) in [
        (false, challenge("401 No", "Bearer")),
        (false, challenge("401 No", "Bearer realm=\"error=invalid_token\"")),
        (false, challenge("403 No", "Bearer error=\"insufficient_scope\"")),
        (false, challenge("403 No", "Bearer error=\"invalid_token\"")),
        (false, challenge("401 No", "DPoP error=\"invalid_dpop_proof\"")),
        (false, json("401 No", "{\"error\":\"oauth_problem=token_revoked\"}")),
        (true, challenge("401 No", "Bearer error=\"invalid_token\"")),
        (true, json("401 No", "{\"error\":\"a&oauth_problem=token_revoked&b\"}")),
        (true, json("500 No", "oauth_problem=token_revoked")),
        (true, json("200 OK", "oauth_problem=token_revoked")),
    ] {
        let house = House::answering(is_oauth1, &answer).await;
        assert!(house.call().await.is_ok(), "{answer}");
        assert_eq!(house.marked().await, None, "{answer}");
    }
    for word in [
        "permission_denied",
        "permission_unknown",
        "signature_invalid",
        "timestamp_refused",
        "nonce_used",
        "consumer_key_unknown",
        "consumer_key_rejected",
        "consumer_key_refused",
        "user_refused",
        "additional_authorization_required",
        "token_used",
    ] {
        let house = House::answering(true, &json("401 No", &format!("oauth_problem={word}"))).await;
        assert_eq!(house.call().await.unwrap(), 401, "{word}");
        assert_eq!(house.marked().await, None, "{word}");
    }
}

#[tokio::test]
async fn d14_a_providers_own_words_count_as_its_file_has_them() {
    let says = |answer: String, signals: [Vec<Signal>; 2]| async move {
        let mut house = House::answering(true, &answer).await;
        [house.settings.api.revoked, house.settings.api.expired] = signals;
        (house.call().await.is_ok(), house.marked().await)
    };
    let gone = json("401 No", r#"{"code":"gone","message":"the token \"token-1\" does not exist"}"#);
    let reason = |said: &str| Some(format!("the API does not take its token any more: {said}"));
    let known = || reason("the token \"<secret>\" does not exist");
    for signals in [
        [vec![signal(401, Some("/code"), &["gone"], &[])], vec![]],
        [vec![signal(401, None, &[], &["does not exist"])], vec![]],
        // Whoever says in words that it has ended says that it is not good.
        [vec![], vec![signal(401, Some("/code"), &["gone"], &[])]],
    ] {
        assert_eq!(says(gone.clone(), signals).await, (false, known()));
    }
    // A status, and a place where anything may stand, are guesses: nobody is sent to log in for them.
    for signals in [
        [vec![signal(401, Some("/code"), &["taken"], &["go"])], vec![]],
        [vec![signal(403, None, &[], &["does not exist"])], vec![]],
        [vec![], vec![signal(401, None, &[], &[])]],
        [vec![], vec![signal(401, Some("/code"), &[], &[])]],
    ] {
        if signals[0].first().is_some_and(|signal| signal.contains == ["go"]) {
            assert_eq!(says(gone.clone(), signals).await, (false, known()), "in the value, too");
        } else {
            assert_eq!(says(gone.clone(), signals).await, (true, None));
        }
    }
    let silent = json("401 No", r#"{"code":"gone"}"#);
    assert_eq!(says(silent, [vec![signal(401, Some("/code"), &["gone"], &[])], vec![]]).await, (false, reason("HTTP 401")));
}

#[tokio::test]
async fn d14_a_token_that_came_meanwhile_is_used_and_not_blamed() {
    // The same text at every login is one provider's habit; it is good again all the same.
    for token in ["token-2", "token-1"] {
        let kept = Arc::new(Mutex::new(None::<(Keyfob, Account, keyfob::store::Generation)>));
        let login = kept.clone();
        let house = House::new(true, move |_| {
            let Some((keyfob, account, generation)) = login.lock().unwrap().take() else { return json("200 OK", "{}") };
            // Somebody logs in while the first call is under way.
            let put = async move { keyfob.store().put_account(&account, Expected::Generation(generation), None).await };
            at_once(put).expect("memory has room");
            json("401 No", "oauth_problem=token_revoked")
        })
        .await;
        let session = house.keyfob.session(house.settings.clone(), app(), NAME).await.unwrap();
        let Versioned { value, generation } = house.record().await;
        let account = Account { tokens: signing(token), logged_in_at: Timestamp::from_unix(60), ..value };
        *kept.lock().unwrap() = Some((house.keyfob.clone(), account, generation));
        assert_eq!(session.get("/x").send().await.unwrap().status(), 200);
        assert!(house.server.requests("GET /api/x")[1].contains(token));
        assert_eq!(house.marked().await, None, "{token}");
    }
}

#[tokio::test]
async fn d14_a_call_that_streams_tells_it_too() {
    let house = House::answering(false, &challenge("401 No", "Bearer error=\"invalid_token\"")).await;
    let session = house.keyfob.session(house.settings.clone(), app(), NAME).await.unwrap();
    let answer = session.post("/x").stream(Body::empty()).send().await.unwrap();
    assert_eq!(answer.status(), 401, "there is nothing to send again, and the answer says enough");
    assert!(house.marked().await.is_some());
}

#[tokio::test]
async fn d14_many_calls_tell_it_once() {
    let house = House::answering(true, &json("401 No", "oauth_problem=token_revoked")).await;
    let session = house.keyfob.session(house.settings.clone(), app(), NAME).await.unwrap();
    let calls: Vec<_> = (0..8).map(|_| tokio::spawn(session.get("/x").send())).collect();
    for call in calls {
        assert!(matches!(call.await.unwrap().map(drop), Err(Error::NeedsLogin { .. })));
    }
    assert!(house.marked().await.is_some());
}

#[tokio::test]
async fn what_is_renewed_and_refused_all_the_same_is_the_answer() {
    // A resource server whose clock is a second behind, say, does not take a token that has just been made: no login mends that.
    let house = House::new(false, |request| {
        if request.starts_with("POST /token") {
            return json("200 OK", r#"{"access_token":"token-2","refresh_token":"refresh-2","token_type":"Bearer","expires_in":3600}"#);
        }
        challenge("401 No", "Bearer error=\"invalid_token\"")
    })
    .await;
    let Versioned { value, generation } = house.record().await;
    let account = Account { tokens: bearer("token-1", Some("refresh-1")), ..value };
    house.keyfob.store().put_account(&account, Expected::Generation(generation), None).await.unwrap();
    assert_eq!(house.call().await.unwrap(), 401);
    assert_eq!((house.server.asked("POST /token"), house.server.asked("GET /api/x")), (1, 2));
    assert_eq!(house.record().await.value.health, Health::Ok);
}

#[tokio::test]
async fn where_the_apps_keys_sign_alone_there_is_no_token_to_blame() {
    let house = House::answering(true, &json("401 No", "oauth_problem=token_rejected")).await;
    let Versioned { value, generation } = house.record().await;
    let account = Account { grant: Grant::OneLegged, ..value };
    house.keyfob.store().put_account(&account, Expected::Generation(generation), None).await.unwrap();
    assert_eq!(house.call().await.unwrap(), 401);
    assert_eq!(house.marked().await, None);
}

/// Runs what does not wait for anything.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(done) => done,
        std::task::Poll::Pending => panic!("memory waits for nothing"),
    }
}
