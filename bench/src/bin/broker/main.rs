//! The web app under load, beside servers that do as little as can be done: `cargo run --release -p keyfob-bench --bin broker [PART]`.
//!
//! | part                            | what it measures                                                                     |
//! |---------------------------------|--------------------------------------------------------------------------------------|
//! | `token`                         | `/token/{account}` from a warm account, beside axum's hello and nginx's `return`      |
//! | `forward`                       | a GET that is signed afresh (OAuth 1) and forwarded, beside nginx's `proxy_pass`      |
//! | `audit`                         | the same with the book on disk: SQLite, and PostgreSQL                               |
//! | `memory [ACCOUNTS [STORED]]`    | memory with so many accounts in use (10 000), and so many stored (1 000 000); start to `/readyz` with those |
//! | `storm [ACCOUNTS WITHIN RATE SECONDS [WAVES]]` | tokens that end together under load: so many, within so many seconds, under so many requests a second, for so long (2000 12 500 120); with 2 WAVES each ends once more, which wants ten minutes: `storm 10000 60 500 600 2` |
//!
//! Each server is a process of its own, held to one core with one worker; wrk and the provider share the other one. What counts is the server's own CPU
//! time a request: a busy machine moves that least. Ours and the limit take turns.
//!
//! `KEYFOB_PROGRAM=target/dist/broker` measures the web app of that build (`cargo xtask dist broker`) in place of this one's.

mod fill;
mod hello;
#[path = "../../measure.rs"]
#[allow(dead_code, reason = "shared with the other bench")]
mod measure;
mod memory;
mod nginx;
mod process;
mod provider;
mod served;
mod storm;
#[path = "../../table.rs"]
#[allow(dead_code, reason = "shared with the other bench")]
mod table;
mod tools;
mod work;
mod wrk;

use std::process::ExitCode;

use table::Table;

const USAGE: &str = "usage: cargo run --release -p keyfob-bench --bin broker -- [token | forward | audit | memory [ACCOUNTS [STORED]] | storm [ACCOUNTS WITHIN RATE SECONDS [WAVES]]]";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if let ["child", rest @ ..] = words.as_slice() {
        return child(rest);
    }
    if cfg!(debug_assertions) {
        eprintln!("without --release this measures the compiler's patience");
    }
    if let Err(missing) = tools::install() {
        eprintln!("{missing}");
        return ExitCode::FAILURE;
    }
    let mut table = Table::default();
    let number = |at: usize, usual: usize| words.get(at).map_or(Some(usual), |word| word.parse().ok());
    let all = words.is_empty();
    let is_wanted = |part: &str| all || words.first() == Some(&part);
    match words.first() {
        None | Some(&("token" | "forward" | "audit" | "memory" | "storm")) => {}
        Some(_) => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    }
    if is_wanted("token") {
        work::token(&mut table);
    }
    if is_wanted("forward") {
        work::forward(&mut table);
    }
    if is_wanted("audit") {
        work::audit(&mut table);
    }
    if is_wanted("memory") {
        let (Some(accounts), Some(stored)) = (number(1, 10_000), number(2, 1_000_000)) else { return wrong() };
        memory::measure(&mut table, accounts, stored);
    }
    if is_wanted("storm") {
        let (Some(accounts), Some(within), Some(rate), Some(seconds)) = (number(1, 2000), number(2, 12), number(3, 500), number(4, 120))
        else {
            return wrong();
        };
        let Some(waves @ (1 | 2)) = number(5, 1) else { return wrong() };
        storm::measure(&mut table, &storm::Plan { accounts, within, rate, seconds, waves });
    }
    table.print();
    if table.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn wrong() -> ExitCode {
    eprintln!("{USAGE}");
    ExitCode::from(2)
}

/// Processes that are started to be measured, or to be asked.
fn child(words: &[&str]) -> ExitCode {
    match words {
        ["serve", store, origin, keys] => served::run(store, origin, keys),
        ["fill", store, origin, keys, accounts, ends] => fill::run(store, origin, keys, accounts, ends),
        ["hello"] => hello::run(),
        ["provider", rest @ ..] => provider::run(rest),
        _ => return wrong(),
    }
    ExitCode::SUCCESS
}
