//! Everything moves from a file into PostgreSQL and back: all of it, or nothing.

use keyfob::store::{Expected, Generation};
use keyfob::{Account, AccountId, Store, StoreError};
use keyfob_store::transfer::{Moved, Portable, copy_all};
use keyfob_testbed::Cluster;

use crate::common::{Home, app, assert_same, error, healthy_account, oauth1_account};
use crate::contract::entry;
use crate::support::{open, past, vault};

/// What a vault holds that moves: apps, accounts with their generations, and histories.
async fn everything(store: &dyn Store, ids: &[AccountId]) -> Vec<String> {
    use erased::Shown as _;
    let mut all = Vec::new();
    for (provider, app) in store.apps().await.expect("reads") {
        all.push(format!("{provider} {}", app.shown()));
    }
    for account in store.accounts().await.expect("reads") {
        all.push(format!("{} {}", account.generation.0, account.value.shown()));
    }
    for id in ids {
        all.push(store.history(id).await.expect("reads").shown());
    }
    all
}

/// JSON, secrets included.
mod erased {
    pub(super) trait Shown {
        fn shown(&self) -> String;
    }

    impl<T: serde::Serialize> Shown for T {
        fn shown(&self) -> String {
            serde_json::to_string(self).expect("it is made to be stored")
        }
    }
}

async fn fill(store: &dyn Store) -> Vec<AccountId> {
    store.put_app("one", &app()).await.expect("puts");
    let mut ids = Vec::new();
    for number in 0..600_u32 {
        let account: Account =
            if number % 2 == 0 { healthy_account(&format!("account-{number}"), 1) } else { oauth1_account(&format!("account-{number}")) };
        store.put_account(&account, Expected::Nothing, Some(&entry(&account, number))).await.expect("puts");
        if number % 100 == 0 {
            store.put_account(&account, Expected::Generation(Generation(1)), Some(&entry(&account, number + 1))).await.expect("puts");
        }
        ids.push(account.id);
    }
    ids
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_moves_into_postgresql_and_back() {
    let Some((_database, there)) = vault().await else { return };
    let (home, other) = (Home::new(), Home::new());
    let (here, back) = (home.open(), other.open());
    let ids = fill(&here).await;
    let moved = Moved { apps: 1, accounts: 600, entries: 606, ..Moved::default() };
    assert_eq!(copy_all(&here, &there).await.expect("moves"), moved);
    let expected = everything(&here, &ids).await;
    assert_same(&everything(&there, &ids).await, &expected);
    assert_eq!(copy_all(&there, &back).await.expect("moves back"), moved);
    assert_same(&everything(&back, &ids).await, &expected);
    // What is there goes on from its generation, and is found when it is due.
    let account = there.account("account-0").await.expect("reads").expect("it is there");
    assert_eq!(there.put_account(&account.value, Expected::Generation(Generation(2)), None).await.expect("swaps"), Generation(3));
    let due = there.lease_due(keyfob::proto::Timestamp::from_unix(100_000), keyfob::proto::Timestamp::from_unix(100_600), 1000).await;
    assert_eq!(due.expect("leases").len(), 300);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vault_with_something_in_it_takes_nothing_in() {
    let Some((_database, there)) = vault().await else { return };
    let home = Home::new();
    let here = home.open();
    fill(&here).await;
    there.put_app("two", &app()).await.expect("puts");
    let refused = error(copy_all(&here, &there).await);
    assert!(matches!(refused, StoreError::NotEmpty), "{refused:?}");
    assert!(there.accounts().await.expect("lists").is_empty());
    assert_eq!(there.apps().await.expect("lists").len(), 1);
}

/// A damaged record in the middle stops it, and nothing has come over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_read_whole_is_not_moved_in_part() {
    let Some(cluster) = Cluster::shared() else { return };
    let (from, to) = (cluster.database(), cluster.database());
    let (here, there): (Box<dyn Portable>, Box<dyn Portable>) = (Box::new(open(&from.url()).await), Box::new(open(&to.url()).await));
    fill(&*here).await;
    let sql = past(&from).await;
    sql.execute(
        "UPDATE keyfob.account SET record = '\\x00' WHERE id = (SELECT id FROM keyfob.account ORDER BY id OFFSET 500 LIMIT 1)",
        &[],
    )
    .await
    .expect("edits");
    let refused = error(copy_all(&*here, &*there).await);
    assert!(matches!(refused, StoreError::Corrupt(_)), "{refused:?}");
    assert!(there.accounts().await.expect("lists").is_empty() && there.apps().await.expect("lists").is_empty());
}
