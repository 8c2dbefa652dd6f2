//! What every store must do: the same walk through the sealed vault and through the store in memory.

mod common;

use std::sync::Arc;

use common::{BEGAN, ENDS, Home, app, assert_same, oauth1_account, oauth1_pending, oauth2_account, oauth2_pending};
use keyfob::proto::{App, Timestamp};
use keyfob::store::{Expected, Generation};
use keyfob::{MemoryStore, Store, StoreError};

const NOW: Timestamp = Timestamp::from_unix(BEGAN + 1);

/// Runs a check on both stores.
macro_rules! on_every_store {
    ($($(#[$about:meta])* $name:ident => $check:ident;)*) => {
        mod vault {
            $($(#[$about])* #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let home = super::Home::new();
                super::$check(std::sync::Arc::new(home.open())).await;
            })*
        }
        mod memory {
            $($(#[$about])* #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$check(std::sync::Arc::new(super::MemoryStore::new())).await;
            })*
        }
    };
}

on_every_store! {
    apps_are_kept_replaced_listed_and_forgotten => apps;
    accounts_are_kept_listed_and_forgotten => accounts;
    a_write_that_expects_something_else_conflicts => compare_and_swap;
    of_many_writers_at_one_generation_one_wins => parallel_writers;
    a4_a_login_is_handed_out_once => pending_once;
    a3_another_browser_gets_no_login_and_ends_none => pending_binding;
    a5_an_expired_login_is_gone => pending_expired;
    a26_the_oldest_logins_make_room => pending_bounded;
    a4_of_fifty_tries_at_once_one_gets_the_login => pending_parallel;
}

async fn apps(store: Arc<dyn Store>) {
    assert!(store.app("one").await.expect("reads").is_none());
    store.put_app("two", &App::public("second")).await.expect("puts");
    store.put_app("one", &App::public("first")).await.expect("puts");
    store.put_app("one", &app()).await.expect("replaces");
    assert_same(&store.app("one").await.expect("reads").expect("it is there"), &app());
    let listed = store.apps().await.expect("lists");
    assert_same(&listed, &vec![("one".to_owned(), app()), ("two".to_owned(), App::public("second"))]);
    assert!(store.remove_app("one").await.expect("removes"));
    assert!(!store.remove_app("one").await.expect("removes nothing"));
    assert!(store.app("one").await.expect("reads").is_none());
}

async fn accounts(store: Arc<dyn Store>) {
    assert!(store.account("b").await.expect("reads").is_none());
    let (b, a) = (oauth2_account("b"), oauth1_account("a"));
    assert_eq!(store.put_account(&b, Expected::Nothing, None).await.expect("puts"), Generation(1));
    store.put_account(&a, Expected::Nothing, None).await.expect("puts");
    let read = store.account("b").await.expect("reads").expect("it is there");
    assert_same(&read.value, &b);
    assert_eq!(read.generation, Generation(1));
    let listed: Vec<_> = store.accounts().await.expect("lists").into_iter().map(|account| account.value).collect();
    assert_same(&listed, &vec![a, b]);
    assert!(store.remove_account("b", None).await.expect("removes"));
    assert!(!store.remove_account("b", None).await.expect("removes nothing"));
    assert!(store.account("b").await.expect("reads").is_none());
}

async fn compare_and_swap(store: Arc<dyn Store>) {
    let first = oauth2_account("home");
    assert!(matches!(store.put_account(&first, Expected::Generation(Generation(1)), None).await, Err(StoreError::Conflict)));
    assert_eq!(store.put_account(&first, Expected::Anything, None).await.expect("puts"), Generation(1));
    assert!(matches!(store.put_account(&first, Expected::Nothing, None).await, Err(StoreError::Conflict)));
    assert_eq!(store.put_account(&first, Expected::Generation(Generation(1)), None).await.expect("swaps"), Generation(2));
    let mut late = first.clone();
    late.client_id = "too-late".to_owned();
    for stale in [0, 1, 3, u64::MAX] {
        let answer = store.put_account(&late, Expected::Generation(Generation(stale)), None).await;
        assert!(matches!(answer, Err(StoreError::Conflict)), "{stale}");
    }
    assert_same(&store.account("home").await.expect("reads").expect("it is there").value, &first);
    // A new login: another id under the same name.
    let second = oauth1_account("home");
    assert_eq!(store.put_account(&second, Expected::Anything, None).await.expect("replaces"), Generation(3));
    assert_same(&store.account("home").await.expect("reads").expect("it is there").value, &second);
    assert_eq!(store.accounts().await.expect("lists").len(), 1);
}

async fn parallel_writers(store: Arc<dyn Store>) {
    let account = oauth2_account("home");
    store.put_account(&account, Expected::Nothing, None).await.expect("puts");
    let tries: Vec<_> = (0..50)
        .map(|_| {
            let (store, account) = (Arc::clone(&store), account.clone());
            tokio::spawn(async move { store.put_account(&account, Expected::Generation(Generation(1)), None).await })
        })
        .collect();
    let mut won = 0;
    for attempt in tries {
        match attempt.await.expect("it ends") {
            Ok(generation) => {
                assert_eq!(generation, Generation(2));
                won += 1;
            }
            Err(error) => assert!(matches!(error, StoreError::Conflict), "{error}"),
        }
    }
    assert_eq!(won, 1);
}

async fn pending_once(store: Arc<dyn Store>) {
    let (two, one) = (oauth2_pending("the-state"), oauth1_pending("the-token"));
    store.put_pending(&two, "browser").await.expect("puts");
    store.put_pending(&one, "browser").await.expect("puts");
    assert!(store.take_pending("another", "browser", NOW).await.expect("looks").is_none());
    assert_same(&store.take_pending("the-state", "browser", NOW).await.expect("takes").expect("it is there"), &two);
    assert!(store.take_pending("the-state", "browser", NOW).await.expect("looks").is_none());
    assert_same(&store.take_pending("the-token", "browser", NOW).await.expect("takes").expect("it is there"), &one);
}

async fn pending_binding(store: Arc<dyn Store>) {
    store.put_pending(&oauth2_pending("the-state"), "browser").await.expect("puts");
    for other in ["", "brows", "browser2", "Browser"] {
        assert!(store.take_pending("the-state", other, NOW).await.expect("looks").is_none(), "{other}");
    }
    assert!(store.take_pending("the-state", "browser", NOW).await.expect("takes").is_some());
}

async fn pending_expired(store: Arc<dyn Store>) {
    store.put_pending(&oauth2_pending("the-state"), "browser").await.expect("puts");
    assert!(store.take_pending("the-state", "browser", Timestamp::from_unix(ENDS)).await.expect("looks").is_none());
    // Erased, not hidden: a clock that goes back does not bring it back.
    assert!(store.take_pending("the-state", "browser", NOW).await.expect("looks").is_none());
    store.put_pending(&oauth2_pending("the-state"), "browser").await.expect("puts");
    assert!(store.take_pending("the-state", "browser", Timestamp::from_unix(ENDS - 1)).await.expect("takes").is_some());
}

async fn pending_bounded(store: Arc<dyn Store>) {
    for number in 0..1002 {
        store.put_pending(&oauth2_pending(&format!("state-{number}")), "browser").await.expect("puts");
    }
    for gone in ["state-0", "state-1"] {
        assert!(store.take_pending(gone, "browser", NOW).await.expect("looks").is_none(), "{gone}");
    }
    for there in ["state-2", "state-1001"] {
        assert!(store.take_pending(there, "browser", NOW).await.expect("takes").is_some(), "{there}");
    }
}

async fn pending_parallel(store: Arc<dyn Store>) {
    store.put_pending(&oauth2_pending("the-state"), "browser").await.expect("puts");
    let tries: Vec<_> = (0..50)
        .map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.take_pending("the-state", "browser", NOW).await.expect("looks").is_some() })
        })
        .collect();
    let mut taken = 0;
    for attempt in tries {
        taken += usize::from(attempt.await.expect("it ends"));
    }
    assert_eq!(taken, 1);
}
