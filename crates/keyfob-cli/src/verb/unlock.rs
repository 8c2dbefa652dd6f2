//! `keyfob unlock`: asks for the vault's passphrase once, and has an agent keep the key for a while. `keyfob agent` is that agent: the same
//! program, started by `unlock`, which gives it the key through a pipe.

use std::io::{self, BufRead, BufReader, IsTerminal, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use clap::Args;
use keyfob::StoreError;
use keyfob_store::agent::{self, Agent, Unlocked};
use keyfob_store::{KeySource, SealedWith, Vault};
use serde_json::json;

use crate::card::{Card, Doing};
use crate::context::Context;
use crate::exit::Exit;
use crate::moment;
use crate::passphrase;
use crate::vault::Location;
use crate::verb::token::seconds;

/// How often somebody may mistype it.
const TRIES: usize = 3;

/// What the agent says once it listens.
const READY: &str = "ready";
/// What it says if another one does.
const OTHER: &str = "other";

// For how long.
#[derive(Args, Debug)]
pub(crate) struct Unlock {
    /// How long the key is kept: 30m, 8h, 7d
    #[arg(long = "for", value_name = "TIME", default_value = "8h", value_parser = seconds)]
    time: i64,
    /// Take the passphrase from the first line of stdin
    #[arg(long)]
    stdin: bool,
}

pub(crate) async fn run(args: Unlock, context: &Context) -> Result<(), Card> {
    let time = Duration::from_secs(u64::try_from(args.time).unwrap_or_default());
    if time.is_zero() || time > agent::LONGEST {
        return Err(Card::usage("the key cannot be kept for that time", "expected something between 1s and 30d", "keyfob unlock --for 8h"));
    }
    if let Some(needless) = needless(context)? {
        return Err(needless);
    }
    let unlocked = ask(&args, context).await?;
    keep(&unlocked, time, context)?;
    let agent = Agent::usual(context.data_folder());
    let left = agent.held().unwrap_or_default().iter().map(|held| held.left.as_secs()).max().unwrap_or_default();
    if context.out.json {
        return context.out.json(&json!({"vault": context.vault().shown(), "unlocked": true, "seconds": left}));
    }
    let paint = context.out.note_paint();
    context.out.note(&format!("{} unlocked for {}; keyfob lock forgets the key before", paint.good("✓"), moment::length(args.time)));
    Ok(())
}

/// The agent itself.
pub(crate) async fn be_agent(context: &Context) -> Result<(), Card> {
    // Of no terminal: closing that is no reason to forget. In no folder: it would keep a disk from being taken away.
    #[cfg(unix)]
    let _ = rustix::process::setsid();
    let _ = std::env::set_current_dir("/");
    let say = |word: &str| {
        let mut out = io::stdout().lock();
        writeln!(out, "{word}").and_then(|()| out.flush())
    };
    let agent = Agent::usual(context.data_folder());
    match agent.serve(io::stdin(), || say(READY)).await {
        Ok(true) => Ok(()),
        Ok(false) => say(OTHER).map_err(|error| Card::io("nobody reads", &error, "run keyfob unlock")),
        Err(error) => {
            let card = Err::<(), _>(error).doing("the agent cannot listen").expect_err("it is an error");
            // For `unlock`, which has started it; a person reads the card.
            if !io::stdout().is_terminal() {
                let _ = say(&card.json().unwrap_or_default());
            }
            Err(card)
        }
    }
}

/// Why there is nothing to unlock.
fn needless(context: &Context) -> Result<Option<Card>, Card> {
    let what = format!("cannot unlock the vault {}", context.vault().shown());
    if let Some(source) = KeySource::of_environment() {
        let whence = if matches!(source, KeySource::Text(_)) { KeySource::VARIABLE } else { KeySource::FILE_VARIABLE };
        return Ok(Some(Card::usage(
            what,
            "the environment says where its key is, and that goes before a passphrase",
            format!("unset {whence}"),
        )));
    }
    let Location::File(path) = context.vault() else {
        return Ok(Some(Card::usage(
            what,
            "a database is opened with a key, not with a passphrase",
            format!("set {}", KeySource::VARIABLE),
        )));
    };
    let seen = Vault::inspect(path).doing(what.as_str())?;
    Ok((seen.sealed_with != SealedWith::Passphrase).then(|| {
        let why =
            format!("it is not sealed with a passphrase: its key is in {}, and every program of yours can use it", context.key_in_words());
        Card::usage(what, why, "to seal it with a passphrase: keyfob vault rekey --passphrase")
    }))
}

/// The key, if the passphrase is right.
async fn ask(args: &Unlock, context: &Context) -> Result<Unlocked, Card> {
    let what = format!("cannot unlock the vault {}", context.vault().shown());
    let Location::File(path) = context.vault().clone() else { unreachable!("a database was refused before") };
    for tries_left in (0..if args.stdin { 1 } else { TRIES }).rev() {
        let passphrase = passphrase::known("Passphrase of the vault", args.stdin).await?;
        let path = path.clone();
        let unlocked = tokio::task::spawn_blocking(move || Vault::unlock(&path, &passphrase)).await;
        match unlocked.map_err(|error| Card::io(what.as_str(), &io::Error::other(error), "run it again"))? {
            Err(StoreError::WrongKey(why)) if tries_left > 0 => context.out.note(&format!("{why}; once more:")),
            other => {
                return other.map_err(|error| {
                    Card::of(what, &error.into()).advising("the passphrase is the one given at: keyfob vault rekey --passphrase")
                });
            }
        }
    }
    unreachable!("the last try ends it")
}

/// Gives the key to the agent that runs, or to a new one.
pub(crate) fn keep(unlocked: &Unlocked, time: Duration, context: &Context) -> Result<(), Card> {
    let agent = Agent::usual(context.data_folder());
    let mut why = "one is there and does not answer".to_owned();
    for _ in 0..3 {
        match agent.keep(unlocked, time) {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            // Where it cannot be asked, there may still be a place for another.
            Err(silent) => why = silent.to_string(),
        }
        match start(unlocked, time, context)?.as_str() {
            READY => return Ok(()),
            // One that was started at the same moment: it takes this key too, once it listens.
            OTHER => std::thread::sleep(Duration::from_millis(200)),
            said => {
                let why =
                    serde_json::from_str::<serde_json::Value>(said).ok().and_then(|card| Some(card["error"]["why"].as_str()?.to_owned()));
                let why = why.unwrap_or_else(|| "it ended before it listened".to_owned());
                return Err(Card::new(Exit::Error, "the agent did not start", why, "set XDG_RUNTIME_DIR to a folder of yours (0700)"));
            }
        }
    }
    let next = "end that process (kill -KILL and its number), or let it go on (kill -CONT); then: keyfob unlock";
    Err(Card::new(Exit::Error, "no agent took the key", why, next))
}

/// Starts an agent, with an environment that has nothing but where its folders are; says what it said first.
fn start(unlocked: &Unlocked, time: Duration, context: &Context) -> Result<String, Card> {
    let failed = |error: io::Error| Card::io("the agent did not start", &error, "run it again");
    let mut command = Command::new(std::env::current_exe().map_err(failed)?);
    command.arg("agent").env_clear().env("KEYFOB_DATA_DIR", context.data_folder()).env("KEYFOB_CONFIG_DIR", context.data_folder());
    if let Some(runtime) = std::env::var_os("XDG_RUNTIME_DIR") {
        command.env("XDG_RUNTIME_DIR", runtime);
    }
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().map_err(failed)?;
    let mut pipe = child.stdin.take().ok_or_else(|| failed(io::ErrorKind::BrokenPipe.into()))?;
    unlocked.hand_over(time, &mut pipe).map_err(failed)?;
    drop(pipe);
    let mut said = String::new();
    let out = child.stdout.take().ok_or_else(|| failed(io::ErrorKind::BrokenPipe.into()))?;
    BufReader::new(out).read_line(&mut said).map_err(failed)?;
    Ok(said.trim().to_owned())
}
