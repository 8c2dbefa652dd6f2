//! Memory, in a process of its own: what it held at most is written down by the kernel, and nobody else's tests are in it (C4).

use std::process::{Command, Stdio};

use super::endpoint::{self, Endpoint};
use super::house::{House, Transports};

/// Names the server, and the case, for the process that is looked at.
const ORIGIN: &str = "KEYFOB_TEST_HOSTILE_ORIGIN";
const CASE: &str = "KEYFOB_TEST_HOSTILE_CASE";

/// What an answer may cost at most, whatever is in it.
const MOST: u64 = 16 << 20;

#[test]
fn c4_no_answer_fills_the_memory() {
    let server = endpoint::server();
    let begin = |case: &'static str| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "memory::in_a_process_of_its_own", "--nocapture"]).env(ORIGIN, server.origin()).env(CASE, case);
        (case, command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    };
    for (case, process) in ["infinite", "gzip_bomb", "token_8mb", "headers_10k"].map(begin) {
        let output = process.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("KiB more"), "{case}: {said}\n{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// Nothing by itself: the other half of the test above.
#[tokio::test]
async fn in_a_process_of_its_own() {
    let (Ok(origin), Ok(case)) = (std::env::var(ORIGIN), std::env::var(CASE)) else { return };
    let transports = Transports::new();
    // What a program needs once: certificates, buffers, code that was never run.
    ask_all(&origin, "ok", &transports).await;
    let before = peak();
    ask_all(&origin, &case, &transports).await;
    let grown = peak() - before;
    println!("{} KiB more", grown >> 10);
    assert!(grown < MOST, "{case}: {grown} bytes more than after good answers");
}

async fn ask_all(origin: &str, case: &str, transports: &Transports) {
    for &endpoint in Endpoint::ALL {
        let house = House::new(origin, case, transports.usual());
        let outcome = if endpoint == Endpoint::Api { house.stream().await } else { house.ask(endpoint).await };
        assert!(case != "ok" || outcome.is_ok(), "{}: {outcome:?}", endpoint.name());
    }
}

/// The most memory this process ever held, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}
