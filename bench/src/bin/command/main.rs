//! The command, as whole processes: `cargo run --release -p keyfob-bench --bin command [start | call | token | download]`.
//!
//! `KEYFOB_PROGRAM=target/dist/keyfob` measures that one in place of the one that is built for it. With `order` nothing is measured: what calls run is written down
//! for the linker.
//!
//! Each process is started many times in turns with what it is held against. The time is the median on the wall; beside it stands the median of the processor's
//! time (user and system), which a busy machine changes less, and the most memory of any run, as the kernel counted them for that process (`wait4`).

mod house;
mod order;
mod run;
mod stub;

use std::path::PathBuf;
use std::process::Command;

use house::House;
use run::{Measured, beside};
use stub::Stub;

/// Turns of a row.
const TURNS: usize = 101;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    // A process that is started to be measured.
    if let [way, rest @ ..] = words.as_slice()
        && way == "floor"
    {
        return house::floor(rest);
    }
    let is_wanted = |name: &str| words.first().is_none_or(|word| word == name);
    let keyfob = std::env::var_os("KEYFOB_PROGRAM").map_or_else(built, PathBuf::from);
    let stub = Stub::start();
    let house = House::new(&keyfob, &stub.origin());
    if words == ["order"] {
        return order::write(&house, &keyfob, &stub.origin());
    }
    println!("| work | ours: wall, processor, memory | beside it | wall, processor, memory | ratio: wall, processor |");
    println!("|---|---|---|---|---|");
    if is_wanted("start") {
        let ours = || house.keyfob(&["--version"]);
        for (title, name) in [("an empty program", "empty"), ("a program of clap with one option", "clap-hello")] {
            row("`keyfob --version`", title, TURNS, ours, || Some(Command::new(sibling(name))));
        }
        row("`keyfob --version`", "curl --version", TURNS, ours, || present("curl", &["--version"]));
        row("`keyfob --version`", "xh --version", TURNS, ours, || present("xh", &["--version"]));
    }
    if is_wanted("call") {
        let ours = || house.keyfob(&["get", "hub", "/things"]);
        let url = format!("{}/things", stub.origin());
        row("`keyfob get hub /things`, OAuth 1", "the floor: the vault opened bare, one request by hand", TURNS, ours, || {
            Some(house.floor("call"))
        });
        let header = house.ready_header();
        row("`keyfob get hub /things`, OAuth 1", "curl with a ready header", TURNS, ours, || present("curl", &["-s", "-H", &header, &url]));
        row("`keyfob get hub /things`, OAuth 1", "xh with a ready header", TURNS, ours, || {
            present("xh", &["--ignore-stdin", &url, &header])
        });
        row("`keyfob get hub /things`, OAuth 1", "requests-oauthlib 2.0.0 (PyPI)", TURNS / 5, ours, || house::requests_oauthlib(&url));
    }
    if is_wanted("token") {
        let ours = || house.keyfob(&["token", "bearer"]);
        row("`keyfob token bearer`", "SQLite opened, one SELECT", TURNS, ours, || Some(house.floor("select")));
    }
    if is_wanted("download") {
        let url = format!("{}/large", stub.origin());
        let ours = || house.keyfob(&["get", "bearer", "/large"]);
        row("a download of 1 GB", "curl with a ready header", 5, ours, || present("curl", &["-s", "-H", "Authorization: Bearer x", &url]));
    }
}

/// One row: both in turns; left out where the other one is not installed.
fn row(work: &str, limit: &str, turns: usize, ours: impl Fn() -> Command, theirs: impl Fn() -> Option<Command>) {
    if theirs().is_none() {
        eprintln!("{limit} is left out: it is not installed");
        return;
    }
    let theirs = || theirs().expect("it was there a moment ago");
    let (ours, theirs) = beside(turns, ours, theirs);
    let ratio = |of: fn(&Measured) -> f64| of(&ours) / of(&theirs);
    println!("| {work} | {ours} | {limit} | {theirs} | {:.2}, {:.2} |", ratio(|one| one.wall), ratio(|one| one.processor));
}

fn present(program: &str, arguments: &[&str]) -> Option<Command> {
    let path = std::env::var_os("PATH")?;
    let file = std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())?;
    let mut command = Command::new(file);
    command.args(arguments);
    Some(command)
}

/// The command, built as this program is.
fn built() -> PathBuf {
    if cfg!(debug_assertions) {
        eprintln!("without --release this measures the compiler's patience");
    }
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "-p", "keyfob-cli", "-p", "keyfob-bench", "--bins"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    assert!(cargo.status().expect("cargo").success(), "it is built");
    sibling("keyfob")
}

/// A program beside this one. By its name: cargo may have written the file anew while this process runs.
fn sibling(name: &str) -> PathBuf {
    std::env::current_exe().expect("this program").with_file_name(name)
}
