//! A database whose key is not to be had.

use keyfob::proto::Secret;
use keyfob::{Store, StoreError};
use keyfob_store::{KeySource, PostgresVault};
use keyfob_testbed::Cluster;

use crate::common::{Home, app, error};

/// The key file is gone: nothing opens, and no new key is made, by which what is sealed would be lost for good. When it is back, all is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn j6_locked_when_the_key_file_is_gone_and_no_new_key_is_made() {
    let Some(database) = Cluster::shared().map(Cluster::database) else { return };
    let home = Home::new();
    let (url, source) = (Secret::new(database.url()), || KeySource::File(home.key()));
    let vault = PostgresVault::open(&url, source()).await.expect("makes a vault");
    vault.put_app("example", &app()).await.expect("puts");
    drop(vault);
    let aside = home.root().join("aside.key");
    std::fs::rename(home.key(), &aside).expect("moves");
    for _ in 0..2 {
        let refused = error(PostgresVault::open(&url, source()).await);
        assert!(matches!(&refused, StoreError::Locked(why) if why.contains("key file") && why.contains("is not there")), "{refused:?}");
        assert!(!home.key().exists(), "no key was made");
    }
    std::fs::rename(&aside, home.key()).expect("moves back");
    let vault = PostgresVault::open(&url, source()).await.expect("opens");
    assert!(vault.app("example").await.expect("reads").is_some());
}
