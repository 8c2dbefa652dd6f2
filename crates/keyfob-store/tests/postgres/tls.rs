//! TLS: whom we take for the server, and what we do not tell anybody else.

use keyfob::{Store, StoreError};
use keyfob_testbed::{Authority, Cluster, Options};

use crate::common::{app, error};
use crate::support::{open, shown, try_open};

fn options() -> Options {
    Options { tls: true, ..Options::default() }
}

const IS_TLS: &str = "SELECT count(*) || ' ' || bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
                       WHERE application_name LIKE 'keyfob%' AND datname = current_database()";

#[tokio::test]
async fn the_right_authority_is_trusted_and_everything_goes_through_tls() {
    let Some(cluster) = Cluster::start(&options()) else { return };
    let database = cluster.database();
    let roots = cluster.file("ca.pem", cluster.authority().expect("it has one").certificate());
    for host in ["localhost", "127.0.0.1"] {
        for mode in ["verify-full", "verify-ca", "require"] {
            let url = format!("{}?sslmode={mode}&sslrootcert={}", database.tcp_url(host), roots.display());
            let vault = open(&url).await;
            vault.put_app("one", &app()).await.expect("puts");
            let _held = vault.try_hold(&keyfob::AccountId::random()).await.expect("asks");
            assert_eq!(database.sql(IS_TLS), "2 true", "{host} {mode}: the pool, and the locks");
        }
    }
}

#[tokio::test]
async fn another_authority_and_another_name_are_refused() {
    let Some(cluster) = Cluster::start(&Options { certificate_for: vec!["db.example".to_owned()], ..options() }) else { return };
    let database = cluster.database();
    let right = cluster.file("ca.pem", cluster.authority().expect("it has one").certificate());
    let wrong = cluster.file("other.pem", Authority::new().certificate());
    let empty = cluster.file("empty.pem", "");
    let url =
        |mode: &str, roots: &std::path::Path| format!("{}?sslmode={mode}&sslrootcert={}", database.tcp_url("127.0.0.1"), roots.display());
    for (url, word) in [
        (url("verify-full", &wrong), "invalid peer certificate"),
        (url("verify-ca", &wrong), "invalid peer certificate"),
        (url("require", &wrong), "invalid peer certificate"),
        (url("verify-full", &right), "not valid for name"),
        (url("verify-full", &empty), "no certificate"),
        (url("verify-full", &empty.with_file_name("nowhere.pem")), "nowhere.pem"),
        // Whom the system trusts did not sign it.
        (format!("{}?sslmode=verify-full", database.tcp_url("127.0.0.1")), ""),
    ] {
        let refused = error(try_open(&url).await);
        assert!(matches!(refused, StoreError::Io(..)), "{refused:?}");
        assert!(shown(&refused).contains(word) && !shown(&refused).contains("example-password"), "{word}: {}", shown(&refused));
    }
    assert_eq!(database.sql(IS_TLS), "", "nobody got in");
    // verify-ca does not look at the name.
    drop(open(&url("verify-ca", &right)).await);
}

/// Without a verified certificate only SCRAM, bound to the connection, keeps the password from whoever stands in between.
#[tokio::test]
async fn an_unverified_server_does_not_get_the_password() {
    let Some(cluster) = Cluster::start(&options()) else { return };
    let database = cluster.database();
    let roots = cluster.file("ca.pem", cluster.authority().expect("it has one").certificate());
    let required = format!("{}?sslmode=require", database.tcp_url("127.0.0.1"));
    drop(open(&required).await);
    // A server that asks for the password itself, as one in between would.
    cluster.admit("hostssl all all 127.0.0.1/32 password");
    let refused = error(try_open(&required).await);
    assert!(shown(&refused).contains("channel binding"), "{}", shown(&refused));
    assert_eq!(cluster.log().matches("password authentication").count(), 0);
    // One that has shown who it is may have it.
    drop(open(&format!("{required}&sslrootcert={}", roots.display())).await);
}

#[tokio::test]
async fn a_server_without_tls_is_refused_where_it_was_asked_for() {
    let Some(cluster) = Cluster::shared() else { return };
    let database = cluster.database();
    for mode in ["require", "verify-full"] {
        let refused = error(try_open(&format!("{}?sslmode={mode}", database.tcp_url("127.0.0.1"))).await);
        assert!(shown(&refused).contains("TLS"), "{}", shown(&refused));
    }
}

#[tokio::test]
async fn nothing_goes_to_another_machine_in_clear() {
    let refused = error(try_open("postgres://user:hunter2-not-real@192.0.2.1/vault?sslmode=disable").await);
    assert!(matches!(refused, StoreError::Unsafe(_)), "{refused:?}");
    assert!(!shown(&refused).contains("hunter2"));
}
