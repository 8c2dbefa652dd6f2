//! What others wrote, on the same requests: oauth1-request in this process, oauthlib and oauth-1.0a in theirs. Each has to come to the same signature.

use std::hint::black_box;
use std::io::Write as _;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use keyfob::proto::encode;
use keyfob::proto::oauth1::{Buffer, Call};
use oauth1_request::{Builder, HMAC_SHA1, ParameterList, Token};

use super::fixture::{Fixture, NONCE, TIMESTAMP};
use super::{TIMES, TURNS};
use crate::measure::{beside, timed};
use crate::table::{Goal, Row, Table};

/// Each request with its name, and how many times faster than oauthlib and than oauth1-request ours is to be.
pub(super) fn measure(table: &mut Table, requests: &[(&Fixture, &str, f64, f64)]) {
    let mut ours = Vec::new();
    for (fixture, name, _, than_crate) in requests {
        let (mine, theirs) = beside_crate(fixture);
        table.add(row(format!("OAuth 1, {name}: signed, pairs in"), "oauth1-request 0.6.1", mine, theirs, Goal::Ratio(1.0 / than_crate)));
        ours.push(mine);
    }
    for (peer, times) in [("oauthlib 4.0.1", python(requests)), ("oauth-1.0a 2.2.6", node(requests))] {
        match times {
            Ok(times) => {
                for (((_, name, than_oauthlib, _), mine), theirs) in requests.iter().zip(&ours).zip(times) {
                    let goal = if peer.starts_with("oauthlib") { Goal::Ratio(1.0 / than_oauthlib) } else { Goal::Told };
                    table.add(row(format!("OAuth 1, {name}: signed"), peer, *mine, theirs, goal));
                }
            }
            Err(problem) => println!("  {peer} is left out: {problem}"),
        }
    }
}

fn row(work: String, peer: &str, ours: f64, theirs: f64, goal: Goal) -> Row {
    Row { work, limit_is: format!("peer {peer}"), ours, limit: Some(theirs), unit: "µs", goal }
}

fn beside_crate(fixture: &Fixture) -> (f64, f64) {
    let [key, secret, token, token_secret] = fixture.credentials();
    let (signer, once, mut buffer) = (fixture.signer(), fixture.once(), Buffer::new());
    let (pairs, all, url) = (fixture.pairs(), fixture.all_pairs(), fixture.url());
    let call = Call { form: &pairs, ..Call::new(fixture.method, &url) };
    let mine = || {
        let (micros, ()) = timed(|| {
            for _ in 0..TIMES {
                black_box(signer.authorization(black_box(&call), &once, &mut buffer).expect("signed"));
            }
        });
        micros / f64::from(TIMES)
    };
    let credentials = Token::from_parts(key, secret, token, token_secret);
    let mut builder = Builder::with_token(credentials, HMAC_SHA1);
    builder.nonce(NONCE).timestamp(NonZeroU64::new(TIMESTAMP.unsigned_abs())).version(true);
    // Its pairs are sorted beforehand; that is part of what it leaves to the caller.
    let parameters = ParameterList::new(all);
    let header = builder.authorize(fixture.method, fixture.base_url(), &parameters);
    assert!(header.contains(&encode::percent(&fixture.signature())), "{header}");
    let mut text = String::new();
    let theirs = || {
        let (micros, ()) = timed(|| {
            for _ in 0..TIMES {
                text.clear();
                text = builder.authorize_with_buf(std::mem::take(&mut text), fixture.method, fixture.base_url(), black_box(&parameters));
                black_box(&text);
            }
        });
        micros / f64::from(TIMES)
    };
    beside(TURNS, mine, theirs)
}

fn python(requests: &[(&Fixture, &str, f64, f64)]) -> Result<Vec<f64>, String> {
    let venv = folder().join("python");
    let python = venv.join("bin/python");
    if !venv.join("ready").exists() {
        run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
        run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "oauthlib==4.0.1"]))?;
        std::fs::write(venv.join("ready"), "").map_err(|problem| problem.to_string())?;
    }
    ask(Command::new(python).arg(script("sign.py")), requests)
}

fn node(requests: &[(&Fixture, &str, f64, f64)]) -> Result<Vec<f64>, String> {
    let modules = folder().join("node");
    if !modules.join("node_modules/oauth-1.0a").exists() {
        std::fs::create_dir_all(&modules).map_err(|problem| problem.to_string())?;
        run(Command::new("npm").args(["install", "--no-audit", "--no-fund", "--prefix"]).arg(&modules).arg("oauth-1.0a@2.2.6"))?;
    }
    ask(Command::new("node").arg(script("sign.mjs")).env("PEERS", modules.join("node_modules")), requests)
}

/// Has a script sign all of them; its times.
fn ask(command: &mut Command, requests: &[(&Fixture, &str, f64, f64)]) -> Result<Vec<f64>, String> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(|problem| problem.to_string())?;
    let mut input = child.stdin.take().ok_or("no stdin")?;
    for (fixture, ..) in requests {
        let [key, secret, token, token_secret] = fixture.credentials();
        let case = serde_json::json!({
            "key": key, "secret": secret, "token": token, "token_secret": token_secret, "nonce": NONCE, "timestamp": TIMESTAMP.to_string(),
            "method": fixture.method, "url": fixture.url(), "body": encode::form_pairs(fixture.pairs()), "pairs": fixture.pairs(),
        });
        writeln!(input, "{case}").map_err(|problem| problem.to_string())?;
    }
    drop(input);
    let output = child.wait_with_output().map_err(|problem| problem.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout);
    let times = text.lines().zip(requests).map(|(line, (fixture, ..))| {
        let (signature, micros) = line.split_once(' ').ok_or("a line without time")?;
        if signature != fixture.signature() {
            return Err(format!("another signature: {signature}"));
        }
        micros.trim().parse().map_err(|_| "no number".to_owned())
    });
    let times = times.collect::<Result<Vec<f64>, String>>()?;
    if times.len() == requests.len() { Ok(times) } else { Err("it did not sign all of them".to_owned()) }
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|problem| format!("{problem}"))?;
    let problem = || String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or("it failed").to_owned();
    output.status.success().then_some(()).ok_or_else(problem)
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/oauth1").join(name)
}

/// Where peers are installed, once.
fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench/oauth1");
    let _ = std::fs::create_dir_all(&folder);
    folder
}
