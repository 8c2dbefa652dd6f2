//! Two machines on one PostgreSQL: network namespaces, each with a cable to the server.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use keyfob::proto::Timestamp;
use keyfob::store::Expected;
use keyfob::{AccountId, Store};
use keyfob_testbed::{Cluster, Options, TwoMachines};

use crate::common::{BEGAN, healthy_account};
use crate::support::open;

const URL: &str = "KEYFOB_TEST_URL";
const ID: &str = "KEYFOB_TEST_ID";
const WORKER: &str = "machines::somebody_on_another_machine";

/// When all accounts of these tests are due.
const NOW: Timestamp = Timestamp::from_unix(BEGAN + 100_000);

/// Says that it is ready, and waits for a line. Leases what is due until there is nothing left, and says what it got; then takes a right, and keeps it until it is killed.
#[tokio::test]
#[ignore = "run by the other test, on another machine"]
async fn somebody_on_another_machine() {
    let (Ok(url), Ok(id)) = (std::env::var(URL), std::env::var(ID)) else { return };
    let vault = open(&url).await;
    println!("ready");
    drop(std::io::stdin().read_line(&mut String::new()));
    loop {
        let due = vault.lease_due(NOW, NOW.plus(600), 7).await.expect("leases");
        if due.is_empty() {
            break;
        }
        due.iter().for_each(|account| println!("leased {}", account.value.name));
    }
    let id: AccountId = serde_json::from_value(serde_json::Value::String(id)).expect("an id");
    let held = vault.try_hold(&id).await.expect("asks");
    println!("end {}", if held.is_some() { "holds" } else { "has nothing" });
    // Until its input ends: it dies with the test.
    drop(std::io::stdin().read_line(&mut String::new()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d6_two_machines_share_what_is_due_and_one_that_is_cut_off_frees_its_right() {
    const ACCOUNTS: usize = 1000;
    let Some(machines) = TwoMachines::plug_in() else { return };
    // Nothing here is about the disk.
    let options = Options { tls: true, no_fsync: true, listen: machines.addresses().to_vec(), ..Options::default() };
    let Some(cluster) = Cluster::start(&options) else { return };
    let database = cluster.database();
    let roots = cluster.file("ca.pem", cluster.authority().expect("it has one").certificate());
    let vault = open(&database.url()).await;
    for number in 0..ACCOUNTS {
        vault.put_account(&healthy_account(&format!("account-{number}"), BEGAN), Expected::Nothing, None).await.expect("puts");
    }
    let right = AccountId::random();
    let mut workers: Vec<_> = (0..2)
        .map(|machine| {
            let mut worker = machines.command(machine, &std::env::current_exe().expect("this test"));
            worker.args(["--ignored", "--exact", "--nocapture", WORKER]);
            worker.env(URL, format!("{}?sslrootcert={}", database.tcp_url(&machines.addresses()[machine]), roots.display()));
            worker.env(ID, right.as_str()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().expect("it runs")
        })
        .collect();
    let mut outputs: Vec<_> = workers
        .iter_mut()
        .map(|worker| {
            let mut lines = std::io::BufRead::lines(std::io::BufReader::new(worker.stdout.take().expect("a pipe"))).map_while(Result::ok);
            assert!(lines.by_ref().any(|line| line.ends_with("ready")), "it ended");
            lines
        })
        .collect();
    // Both at once: one that comes a moment later might find nothing left.
    for worker in &mut workers {
        worker.stdin.as_mut().expect("a pipe").write_all(b"now\n").expect("it reads");
    }
    let told: Vec<Vec<String>> = outputs
        .iter_mut()
        .map(|lines| {
            let mut told = Vec::new();
            for line in lines {
                let last = line.starts_with("end ");
                told.push(line);
                if last {
                    break;
                }
            }
            told
        })
        .collect();
    let leased: Vec<&str> = told.iter().flatten().filter_map(|line| line.strip_prefix("leased ")).collect();
    assert_eq!(leased.len(), ACCOUNTS, "each once");
    assert_eq!(leased.iter().collect::<BTreeSet<_>>().len(), ACCOUNTS, "all of them");
    for (machine, told) in told.iter().enumerate() {
        assert!(told.iter().any(|line| line.starts_with("leased ")), "machine {machine} had its share");
    }
    let holder = told.iter().position(|told| told.last().is_some_and(|line| line == "end holds")).expect("one of them holds");
    assert!(told[1 - holder].last().is_some_and(|line| line == "end has nothing"));
    assert!(vault.try_hold(&right).await.expect("asks").is_none());

    machines.cut_off(holder);
    let begun = Instant::now();
    while vault.try_hold(&right).await.expect("asks").is_none() {
        assert!(begun.elapsed() < Duration::from_secs(40), "a machine that was cut off keeps the right");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    println!("the right of a machine that was cut off was free after {:?}", begun.elapsed());
    for worker in &mut workers {
        // Its input stays open until it is gone, or it would end by itself, and complain.
        let input = worker.stdin.take();
        worker.kill().expect("it is ours");
        worker.wait().expect("it is ours");
        drop(input);
    }
}
