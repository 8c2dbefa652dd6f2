//! Durable writes over 16 connections, beside the same UPDATE of the same table by hand: PostgreSQL lets those that wait share a flush.

use std::sync::Arc;
use std::time::{Duration, Instant};

use keyfob::Store;
use keyfob::store::{Expected, Generation};
use keyfob_store::PostgresVault;
use keyfob_testbed::Database;

use crate::{account, all_threads, bare, middle, vault};

const WRITERS: usize = 16;
const EACH: usize = 200;
const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(3);

pub(crate) fn run(database: &Database<'_>) {
    all_threads().block_on(async {
        let vault = Arc::new(vault(&database.url(), WRITERS).await);
        let accounts: Vec<Vec<_>> = (0..WRITERS)
            .map(|writer| {
                (0..EACH)
                    .map(|number| account(&format!("account-{writer}-{number}"), "refresh-token", 1_800_000_000, "https://api.example.org"))
                    .collect()
            })
            .collect();
        for account in accounts.iter().flatten() {
            vault.put_account(account, Expected::Nothing, None).await.expect("puts");
        }
        database.sql("CREATE TABLE bare (LIKE keyfob.account INCLUDING ALL); INSERT INTO bare SELECT * FROM keyfob.account");
        database.sql("VACUUM ANALYZE");
        let (mut sealed, mut plain, mut next) = (Vec::new(), Vec::new(), 1);
        for _ in 0..ROUNDS {
            plain.push(bare_round(&database.url()).await);
            let (rate, generation) = sealed_round(&vault, &accounts, next).await;
            sealed.push(rate);
            next = generation;
        }
        let (sealed, plain) = (middle(sealed), middle(plain));
        println!(
            "durable writes, {WRITERS} at once  sealed {sealed:7.0} /s   bare {plain:7.0} /s   {:.0} % (goal 80 %)",
            100.0 * sealed / plain
        );
    });
}

/// Each writer goes round its own accounts; all have the same generation at the end.
async fn sealed_round(vault: &Arc<PostgresVault>, accounts: &[Vec<keyfob::Account>], first: u64) -> (f64, u64) {
    let begun = Instant::now();
    let writers: Vec<_> = accounts
        .iter()
        .map(|accounts| {
            let (vault, accounts) = (Arc::clone(vault), accounts.clone());
            tokio::spawn(async move {
                let (mut written, mut generation) = (0, first);
                while begun.elapsed() < ROUND {
                    for account in &accounts {
                        vault.put_account(account, Expected::Generation(Generation(generation)), None).await.expect("swaps");
                        written += 1;
                    }
                    generation += 1;
                }
                (written, accounts, generation)
            })
        })
        .collect();
    let mut ends = Vec::new();
    for writer in writers {
        ends.push(writer.await.expect("it ends"));
    }
    let rate = ends.iter().map(|(written, ..)| *written).sum::<usize>() as f64 / begun.elapsed().as_secs_f64();
    // Those that were faster wait for the others, off the clock.
    let last = ends.iter().map(|(.., generation)| *generation).max().expect("some");
    for (_, accounts, generation) in ends {
        for generation in generation..last {
            for account in &accounts {
                vault.put_account(account, Expected::Generation(Generation(generation)), None).await.expect("swaps");
            }
        }
    }
    (rate, last)
}

async fn bare_round(url: &str) -> f64 {
    let mut clients = Vec::new();
    for writer in 0..WRITERS {
        let client = bare(url).await;
        let rows = client.query("SELECT id, name, record FROM bare ORDER BY id", &[]).await.expect("reads");
        let mine: Vec<(Vec<u8>, Vec<u8>, Vec<u8>)> =
            rows.iter().skip(writer * EACH).take(EACH).map(|row| (row.get(0), row.get(1), row.get(2))).collect();
        let update = "UPDATE bare SET generation = generation + 1, record = $3 WHERE name = $2 AND id = $1 RETURNING 1";
        let update = client.prepare(update).await.expect("prepares");
        clients.push((client, mine, update));
    }
    let begun = Instant::now();
    let writers: Vec<_> = clients
        .into_iter()
        .map(|(client, mine, update)| {
            tokio::spawn(async move {
                let mut written = 0;
                while begun.elapsed() < ROUND {
                    for (id, name, record) in &mine {
                        client.query_one(&update, &[id, name, record]).await.expect("updates");
                        written += 1;
                    }
                }
                written
            })
        })
        .collect();
    let mut written = 0;
    for writer in writers {
        written += writer.await.expect("it ends");
    }
    f64::from(written) / begun.elapsed().as_secs_f64()
}
