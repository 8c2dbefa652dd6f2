//! A session in use.

use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Instant, SystemTime};

use keyfob::proto::{App, Endpoint, Flow, OAuth2Tokens, Secret, Settings, Timestamp, TokenSet, oauth2};
use keyfob::store::Expected;
use keyfob::{Account, AccountId, Health, HyperTransport, Keyfob, MemoryStore, Session, Store, SystemClock};

use crate::measure::{beside, timed};
use crate::table::{Goal, Row, Table};

/// So many tokens a sample.
const TOKENS: u32 = 100_000;

/// A fresh token from a warm session, beside a lock and a look at the clock.
pub(crate) fn run() -> Table {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let session = runtime.block_on(session());
    let ours = || {
        let (micros, ()) = timed(|| {
            for _ in 0..TOKENS {
                let future = pin!(session.token(60));
                let Poll::Ready(Ok(token)) = future.poll(&mut Context::from_waker(Waker::noop())) else { panic!("it is fresh") };
                black_box(token.expose());
            }
        });
        micros / f64::from(TOKENS)
    };
    let shared = Mutex::new(Arc::new("access-1".to_owned()));
    let limit = || {
        let (micros, ()) = timed(|| {
            for _ in 0..TOKENS {
                black_box((shared.lock().unwrap_or_else(PoisonError::into_inner).clone(), SystemTime::now(), Instant::now()));
            }
        });
        micros / f64::from(TOKENS)
    };
    let (ours, limit) = beside(31, ours, limit);
    let mut table = Table::default();
    table.add(Row {
        work: "a fresh token from a warm session".to_owned(),
        limit_is: "a lock, and a look at both clocks".to_owned(),
        ours,
        limit: Some(limit),
        unit: "µs",
        goal: Goal::AtMost(1.0),
    });
    table
}

async fn session() -> Session {
    let at = |path: &str| Endpoint::parse(&format!("https://provider.example{path}")).expect("an endpoint");
    let settings = Settings::new("example", Flow::OAuth2(oauth2::Settings::new(at("/authorize"), at("/token"))), at("/api"));
    let now = keyfob::Clock::now(&SystemClock);
    let account = Account {
        id: AccountId::random(),
        name: "example".to_owned(),
        provider: "example".to_owned(),
        client_id: "id".to_owned(),
        tokens: TokenSet::OAuth2(OAuth2Tokens {
            access: Secret::new("access-1"),
            refresh: Some(Secret::new("refresh-1")),
            received_at: now,
            expires_at: Some(now.plus(86_400)),
            refresh_expires_at: None,
            scopes: vec![],
            identity: None,
            id_token: None,
            proof_key: None,
            resources: vec![],
            authorization_details: vec![],
        }),
        kept: std::collections::BTreeMap::new(),
        origins: settings.origins(),
        requested_scopes: vec![],
        tolerated: vec![],
        grant: keyfob::Grant::Approval,
        health: Health::Ok,
        logged_in_at: Timestamp::from_unix(0),
        spending: None,
        refreshed: None,
    };
    let store = Arc::new(MemoryStore::new());
    store.put_account(&account, Expected::Nothing, None).await.expect("memory has room");
    // Nobody is asked.
    let keyfob = Keyfob::new(store, Arc::new(HyperTransport::new().expect("a transport")));
    keyfob.session(settings, App::public("id"), "example").await.expect("it is there")
}
