//! How fast Keyfob is, beside what nothing can be faster than: both sides in one run, on one machine.
//!
//! | command                                                   | what it measures                          |
//! |-----------------------------------------------------------|-------------------------------------------|
//! | `cargo run --release -p keyfob-bench -- session`          | a fresh token from a warm session         |
//! | `cargo run --release -p keyfob-bench -- protocol`         | the whole protocol: the three below       |
//! | `… -- oauth1`                                             | signatures, beside one HMAC and other people's signers |
//! | `… -- oauth2`                                             | authorization requests and code exchanges, beside other people's |
//! | `… -- jose`                                               | ID tokens and DPoP proofs, beside other people's |
//! | `cargo run --release -p keyfob-bench -- store`            | the sealed vault in SQLite, 1 000 000 accounts |
//! | `… -- store ACCOUNTS [PART]`                              | the same with another number; one part: sealing, passphrase, disk, opening, reads, leases, writes |

mod jose;
mod measure;
mod oauth1;
mod oauth2;
mod others;
mod session;
mod store;
mod table;

use std::process::ExitCode;

const USAGE: &str = "usage: cargo run --release -p keyfob-bench -- protocol | oauth1 | oauth2 | jose | session | store [ACCOUNTS [PART]]";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if cfg!(debug_assertions) {
        eprintln!("without --release this measures the compiler's patience");
    }
    let table = match words.as_slice() {
        ["session"] => session::run(),
        ["jose"] => jose::run(),
        ["oauth1"] => oauth1::run(),
        ["oauth2"] => oauth2::run(),
        ["protocol"] => oauth1::run().with(oauth2::run()).with(jose::run()),
        ["store"] => store::run(1_000_000, None),
        ["store", accounts, part @ ..] if accounts.parse::<usize>().is_ok() && part.len() < 2 => {
            store::run(accounts.parse().unwrap_or_default(), part.first().copied())
        }
        // Processes that are started to be measured.
        ["child", rest @ ..] => {
            store::opening::child(rest);
            return ExitCode::SUCCESS;
        }
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    table.print();
    if table.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
