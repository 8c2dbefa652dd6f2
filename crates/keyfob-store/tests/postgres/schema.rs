//! Making, opening and refusing: nothing is touched that is not a vault of ours.

use keyfob::store::{Expected, Refusal};
use keyfob::{Store, StoreError};
use keyfob_store::PostgresVault;
use keyfob_testbed::{Cluster, Database, Options};

use crate::common::{app, error, oauth2_account};
use crate::support::{key, open, try_open, vault};

/// What lies in a database besides PostgreSQL's own things: names, and the rows of every table.
fn everything(database: &Database<'_>) -> String {
    database.sql(
        "SELECT string_agg(format('%s.%s %s', schemaname, tablename,
                    query_to_xml(format('SELECT * FROM %I.%I', schemaname, tablename), true, false, '')), E'\\n' ORDER BY schemaname, tablename)
           FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')",
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_that_open_a_new_database_at_once_one_makes_the_vault() {
    let Some(cluster) = Cluster::shared() else { return };
    let database = cluster.database();
    let opening: Vec<_> = (0..12)
        .map(|_| {
            let url = database.url();
            tokio::spawn(async move { try_open(&url).await })
        })
        .collect();
    let mut vaults = Vec::new();
    for opened in opening {
        vaults.push(opened.await.expect("it ends").expect("it opens"));
    }
    // All have the same data key: what one writes the others read.
    vaults[0].put_app("one", &app()).await.expect("puts");
    for vault in &vaults {
        assert!(vault.app("one").await.expect("reads").is_some());
    }
    assert_eq!(database.sql("SELECT (SELECT count(*) FROM keyfob.header), (SELECT count(*) FROM keyfob.migration)"), "1|2");
}

#[tokio::test]
async fn where_there_is_no_vault_none_is_made_unasked() {
    let Some(cluster) = Cluster::shared() else { return };
    let database = cluster.database();
    let missing = error(PostgresVault::open_existing(&database.url().into(), key(1)).await);
    assert!(matches!(missing, StoreError::Missing(_)), "{missing:?}");
    assert_eq!(everything(&database), "");
}

#[tokio::test]
async fn a_newer_vault_is_refused_untouched() {
    let Some((database, vault)) = vault().await else { return };
    vault.put_app("one", &app()).await.expect("puts");
    drop(vault);
    database.sql("INSERT INTO keyfob.migration (version) VALUES (3); ALTER TABLE keyfob.account ADD COLUMN later text");
    let before = everything(&database);
    for opened in [try_open(&database.url()).await, PostgresVault::open_existing(&database.url().into(), key(1)).await] {
        let newer = error(opened);
        assert!(matches!(newer, StoreError::Newer(_)), "{newer:?}");
    }
    assert_eq!(everything(&database), before);
}

#[tokio::test]
async fn what_else_is_in_the_database_is_not_touched() {
    let Some(cluster) = Cluster::shared() else { return };
    let database = cluster.database();
    // The names of our tables, and in the place where they would be looked for first.
    database.sql(
        "CREATE TABLE account (id int); INSERT INTO account VALUES (1); CREATE TABLE header (one int); CREATE TABLE pending (x int);
         CREATE TABLE app (y int); CREATE TABLE history (z int); CREATE TABLE migration (version int); INSERT INTO migration VALUES (7)",
    );
    let before = everything(&database);
    let vault = open(&database.url()).await;
    vault.put_account(&oauth2_account("home"), Expected::Nothing, None).await.expect("puts");
    vault.put_app("one", &app()).await.expect("puts");
    drop(vault);
    database.sql("DROP SCHEMA keyfob CASCADE");
    assert_eq!(everything(&database), before);
}

#[tokio::test]
async fn a_schema_of_our_name_with_other_things_in_it_is_refused_untouched() {
    let Some(cluster) = Cluster::shared() else { return };
    for what in [
        "TABLE keyfob.notes AS SELECT 1 AS note",
        "VIEW keyfob.notes AS SELECT 1 AS note",
        "FUNCTION keyfob.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    ] {
        let database = cluster.database();
        database.sql(&format!("CREATE SCHEMA keyfob; CREATE {what}"));
        let before = everything(&database);
        let refused = error(try_open(&database.url()).await);
        assert!(matches!(refused, StoreError::Corrupt(_)), "{what}: {refused:?}");
        assert_eq!(everything(&database), before);
    }
}

#[tokio::test]
async fn a_wrong_key_and_a_damaged_header_are_told_apart() {
    let Some((database, vault)) = vault().await else { return };
    vault.put_app("one", &app()).await.expect("puts");
    drop(vault);
    let before = everything(&database);
    let wrong = error(PostgresVault::open(&database.url().into(), key(2)).await);
    assert!(matches!(wrong, StoreError::WrongKey(_)), "{wrong:?}");
    assert_eq!(everything(&database), before);
    for change in [
        "data_key = set_byte(data_key, 40, get_byte(data_key, 40) # 1)",
        "vault = set_byte(vault, 0, get_byte(vault, 0) # 1)",
        "generation = 2",
        "kdf = 'keyring'",
    ] {
        database.sql(&format!("CREATE TABLE IF NOT EXISTS kept AS TABLE keyfob.header; UPDATE keyfob.header SET {change}"));
        let damaged = error(try_open(&database.url()).await);
        assert!(matches!(damaged, StoreError::Corrupt(_)), "{change}: {damaged:?}");
        database.sql("DELETE FROM keyfob.header; INSERT INTO keyfob.header TABLE kept");
    }
    open(&database.url()).await;
    database.sql("DELETE FROM keyfob.header");
    let gone = error(try_open(&database.url()).await);
    assert!(matches!(gone, StoreError::Corrupt(_)), "{gone:?}");
}

/// J7: what would act when a row is touched, and what would let two accounts have one name.
#[tokio::test]
async fn j7_planted_triggers_rules_and_missing_indexes_are_found_at_opening() {
    let Some(cluster) = Cluster::shared() else { return };
    let database = cluster.database();
    drop(open(&database.url()).await);
    for (plant, weed) in [
        (
            "CREATE FUNCTION public.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
             CREATE TRIGGER t BEFORE DELETE ON keyfob.pending FOR EACH ROW EXECUTE FUNCTION public.f()",
            "DROP TRIGGER t ON keyfob.pending",
        ),
        ("CREATE RULE r AS ON DELETE TO keyfob.pending DO INSTEAD NOTHING", "DROP RULE r ON keyfob.pending"),
        ("CREATE POLICY p ON keyfob.account USING (false)", "DROP POLICY p ON keyfob.account"),
        ("CREATE VIEW keyfob.v AS SELECT 1 AS one", "DROP VIEW keyfob.v"),
        ("ALTER TABLE keyfob.app ADD COLUMN more text", "ALTER TABLE keyfob.app DROP COLUMN more"),
        ("ALTER TABLE keyfob.app ALTER COLUMN record DROP NOT NULL", "ALTER TABLE keyfob.app ALTER COLUMN record SET NOT NULL"),
        ("DROP INDEX keyfob.account_name", "CREATE UNIQUE INDEX account_name ON keyfob.account (name)"),
        (
            "DROP INDEX keyfob.account_name; CREATE UNIQUE INDEX account_name ON keyfob.account (name) WHERE generation > 5",
            "DROP INDEX keyfob.account_name; CREATE UNIQUE INDEX account_name ON keyfob.account (name)",
        ),
        ("CREATE UNIQUE INDEX u ON keyfob.account (due_at)", "DROP INDEX keyfob.u"),
    ] {
        database.sql(plant);
        let refused = error(try_open(&database.url()).await);
        assert!(matches!(refused, StoreError::Corrupt(_)), "{plant}: {refused:?}");
        database.sql(weed);
        open(&database.url()).await;
    }
    // An index that only helps is the administrator's business.
    database.sql("CREATE INDEX fast ON keyfob.account (leased_until)");
    open(&database.url()).await;
}

/// What docs/postgresql.md says is enough: one role owns the schema, another works in it.
#[tokio::test]
async fn roles_need_no_more_than_the_documentation_says() {
    let Some(cluster) = Cluster::shared() else { return };
    let database = cluster.database();
    let name = database.name();
    database.sql(&format!(
        "REVOKE ALL ON DATABASE {name} FROM PUBLIC; CREATE ROLE {name}_owner LOGIN PASSWORD 'owner-not-real'; CREATE ROLE {name}_worker LOGIN PASSWORD 'worker-not-real';
         GRANT CONNECT ON DATABASE {name} TO {name}_owner, {name}_worker; CREATE SCHEMA keyfob AUTHORIZATION {name}_owner"
    ));
    let owner = database.url_of(&format!("{name}_owner"), "owner-not-real", "127.0.0.1");
    let worker = database.url_of(&format!("{name}_worker"), "worker-not-real", "127.0.0.1");
    drop(open(&owner).await);
    let refused = error(try_open(&worker).await);
    assert!(matches!(&refused, StoreError::Refused(what, Refusal::Right) if what.contains("does not allow")), "{refused:?}");
    database.sql(&format!(
        "GRANT USAGE ON SCHEMA keyfob TO {name}_worker; GRANT SELECT ON ALL TABLES IN SCHEMA keyfob TO {name}_worker;
         GRANT INSERT, UPDATE, DELETE ON keyfob.app, keyfob.account, keyfob.history, keyfob.pending, keyfob.item, keyfob.act TO {name}_worker;
         GRANT USAGE ON ALL SEQUENCES IN SCHEMA keyfob TO {name}_worker"
    ));
    let store: std::sync::Arc<dyn Store> = std::sync::Arc::new(open(&worker).await);
    let fresh = crate::contract::Fresh { other: store.clone(), store, keep: Box::new(()) };
    crate::contract::history_with_the_write(&fresh).await;
    crate::contract::apps(&fresh).await;
    crate::contract::holds(&fresh).await;
    crate::contract::pending_once(&fresh).await;
}

#[tokio::test]
async fn a_server_that_does_not_wait_for_the_disk_is_warned_of() {
    let Some(cluster) = Cluster::start(&Options { no_fsync: true, ..Options::default() }) else { return };
    let vault = open(&cluster.database().url()).await;
    assert!(vault.warnings().iter().any(|warning| warning.contains("fsync")), "{:?}", vault.warnings());
    let Some(cluster) = Cluster::start(&Options::default()) else { return };
    let vault = open(&cluster.database().url()).await;
    assert!(vault.warnings().is_empty(), "{:?}", vault.warnings());
}
