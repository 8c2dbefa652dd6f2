//! A sealed read over one connection, beside the same prepared SELECT.

use std::time::Instant;

use keyfob::Store;
use keyfob::store::Expected;
use keyfob_testbed::Database;

use crate::{account, bare, micros, middle, one_thread, vault};

const ACCOUNTS: usize = 10_000;
const ROUNDS: usize = 15;
const READS: usize = 2_000;

pub(crate) fn run(database: &Database<'_>) {
    one_thread().block_on(async {
        let vault = vault(&database.url(), 1).await;
        for number in 0..ACCOUNTS {
            let account = account(&format!("account-{number}"), "refresh-token", 1_800_000_000, "https://api.example.org");
            vault.put_account(&account, Expected::Nothing, None).await.expect("puts");
        }
        let bare = bare(&database.url()).await;
        let rows = bare.query("SELECT name FROM keyfob.account", &[]).await.expect("reads");
        let keys: Vec<Vec<u8>> = rows.iter().map(|row| row.get(0)).collect();
        let select =
            bare.prepare("SELECT id, name, generation, due_at, record FROM keyfob.account WHERE name = $1").await.expect("prepares");
        let (mut sealed, mut plain) = (Vec::new(), Vec::new());
        let (mut sealed_busy, mut plain_busy) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            let which = |read: usize| (read * 7919 + round) % ACCOUNTS;
            let (begun, busy) = (Instant::now(), self::busy());
            for read in 0..READS {
                let row = bare.query_one(&select, &[&keys[which(read)]]).await.expect("reads");
                assert!(!row.get::<_, Vec<u8>>(4).is_empty());
            }
            plain.push(micros(begun.elapsed()) / READS as f64);
            plain_busy.push((self::busy() - busy) / READS as f64);
            let names: Vec<String> = (0..READS).map(|read| format!("account-{}", which(read))).collect();
            let (begun, busy) = (Instant::now(), self::busy());
            for name in &names {
                assert!(vault.account(name).await.expect("reads").is_some());
            }
            sealed.push(micros(begun.elapsed()) / READS as f64);
            sealed_busy.push((self::busy() - busy) / READS as f64);
        }
        let (sealed, plain) = (middle(sealed), middle(plain));
        println!("read, one connection      sealed {sealed:7.1} µs   bare prepared {plain:7.1} µs   {:.2} × (limit 1.3)", sealed / plain);
        // What our side of it costs, however busy the machine is.
        println!("    of it on our processor  {:7.1} µs                 {:7.1} µs", middle(sealed_busy), middle(plain_busy));
    });
}

/// Microseconds that this thread has been on a processor.
fn busy() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux tells");
    text.split_whitespace().next().and_then(|nanos| nanos.parse::<f64>().ok()).expect("a number") / 1e3
}
