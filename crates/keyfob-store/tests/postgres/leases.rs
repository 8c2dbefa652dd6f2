//! Due accounts are shared out without anybody waiting for anybody.

use std::sync::Arc;
use std::time::Duration;

use keyfob::Store;
use keyfob::proto::Timestamp;
use keyfob::store::Expected;

use crate::common::{BEGAN, healthy_account};
use crate::contract;
use crate::support::{open, past, vault};

/// When all accounts of these tests are due.
const NOW: Timestamp = Timestamp::from_unix(BEGAN + 100_000);

/// While one worker is taking some, the next one gets the rest at once: it neither waits for the first, nor goes home with less than there is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d2_a_worker_does_not_wait_for_accounts_that_another_one_is_taking() {
    let Some((database, vault)) = vault().await else { return };
    for number in 0..10 {
        vault.put_account(&healthy_account(&format!("account-{number}"), BEGAN), Expected::Nothing, None).await.expect("puts");
    }
    // Another worker in the middle of its statement: it has the rows, and has not written yet.
    let mut another = past(&database).await;
    let taking = another.transaction().await.expect("begins");
    let taken = taking.query("SELECT id FROM keyfob.account ORDER BY due_at LIMIT 4 FOR UPDATE", &[]).await.expect("locks");
    assert_eq!(taken.len(), 4);
    let lease = vault.lease_due(NOW, NOW.plus(600), 6);
    let rest = tokio::time::timeout(Duration::from_secs(30), lease).await.expect("it waits for the other worker").expect("leases");
    assert_eq!(rest.len(), 6, "as many as it asked for, past those that are being taken");
    taking.rollback().await.expect("ends");
    let left = vault.lease_due(NOW, NOW.plus(600), 10).await.expect("leases");
    assert_eq!(left.len(), 4, "the other worker took nothing in the end");
    assert!(left.iter().all(|account| rest.iter().all(|other| other.value.id != account.value.id)), "each once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d8_processes_that_end_after_one_look_come_to_the_misdated_all_the_same() {
    let Some((database, vault)) = vault().await else { return };
    let (store, url): (Arc<dyn Store>, _) = (Arc::new(vault), database.url());
    contract::misdated_found_by_short_processes(&store, async || Arc::new(open(&url).await) as Arc<dyn Store>).await;
}
