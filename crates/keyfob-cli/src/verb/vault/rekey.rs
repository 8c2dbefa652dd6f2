//! `keyfob vault rekey`: a new data key, every record sealed anew, in one transaction.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use keyfob_store::agent::Agent;
use keyfob_store::{KeySource, SealedWith, Vault};
use serde_json::json;

use super::{counted, open};
use crate::card::{Card, Doing};
use crate::context::Context;
use crate::passphrase;
use crate::vault::Location;
use crate::verb::unlock;

/// What it is to be sealed with; if nothing is said, with a new key of the same kind.
#[derive(Args, Debug)]
pub(crate) struct Rekey {
    /// With a passphrase, which is asked for
    #[arg(long, group = "with")]
    passphrase: bool,
    /// With a key file beside the vault (in the data folder, where the vault is a database)
    #[arg(long, group = "with")]
    key_file: bool,
    /// With a key in the desktop's keyring
    #[arg(long, group = "with")]
    keyring: bool,
    /// With the key in a file that you provide, then and from now on
    #[arg(long, group = "with", value_name = "FILE")]
    provided: Option<PathBuf>,
    /// Take the new passphrase from the first line of stdin
    #[arg(long, requires = "passphrase")]
    stdin: bool,
}

pub(crate) async fn run(args: Rekey, context: &Context) -> Result<(), Card> {
    let what = format!("cannot seal the vault {} anew", context.vault().shown());
    if args.passphrase && matches!(context.vault(), Location::Postgres(..)) {
        // Every machine would have to be unlocked by somebody who types it, after each start.
        return Err(Card::usage(
            what,
            "a database is opened with a key, not with a passphrase",
            "leave --passphrase out, or give every machine a key: keyfob vault rekey --provided FILE",
        ));
    }
    // Opened first: nobody thinks of a new passphrase for a vault that is locked.
    let opened = open(context).await?;
    let to = target(&args, context, &what).await?;
    let done = opened.rekey(&to).await.doing(what)?;
    let agent = Agent::usual(context.data_folder());
    if let (KeySource::Passphrase(passphrase), Location::File(path)) = (&to, context.vault()) {
        // Whoever had it unlocked has it unlocked.
        let id = Vault::inspect(path).map(|seen| seen.id).unwrap_or_default();
        if let Some(held) = agent.held().unwrap_or_default().iter().find(|held| held.vault == id)
            && let Ok(unlocked) = Vault::unlock(path, passphrase)
        {
            unlock::keep(&unlocked, held.left.max(Duration::from_secs(1)), context)?;
        }
    }
    // Not where a key is looked for now: that may be the one that opens nothing any more.
    let key = context.vault().in_words(&to);
    if context.out.json {
        return context
            .out
            .json(&json!({"vault": context.vault().shown(), "sealed": done.sealed, "generation": done.generation, "key": key}));
    }
    let paint = context.out.note_paint();
    context.out.note(&format!("{} {} sealed anew; the key is {key}", paint.good("✓"), counted(done.sealed, "record")));
    if is_the_environments(&to) {
        // Whoever seals anew because somebody may have seen the key has done nothing against that.
        context.out.note(&format!(
            "{} {key} is as it was: it opens the vault, and copies made before. Another key: keyfob vault rekey --provided FILE",
            paint.warn("note:")
        ));
        return Ok(());
    }
    context.out.note(&paint.dim("copies made before open with the old key alone: make new ones (keyfob vault export FILE)"));
    if let (KeySource::File(file) | KeySource::Usual { file, .. }, Location::Postgres(..)) = (&to, context.vault()) {
        context.out.note(&format!(
            "{} other machines that use this database need the new {}: until it is there, they can neither read nor write",
            paint.warn("note:"),
            file.display()
        ));
    }
    if let KeySource::Provided(path) = &to {
        let goes_before = match KeySource::of_environment() {
            Some(KeySource::Text(_)) => format!(", and without {}, which goes before it", KeySource::VARIABLE),
            _ => String::new(),
        };
        context.out.note(&format!(
            "{} from now on, start programs with {}={}{goes_before}",
            paint.warn("note:"),
            KeySource::FILE_VARIABLE,
            path.display()
        ));
    }
    Ok(())
}

/// Whether that is the key that the environment gave before, too: it is the environment's to change.
fn is_the_environments(to: &KeySource) -> bool {
    match (to, KeySource::of_environment()) {
        (KeySource::Text(_), Some(KeySource::Text(_))) => true,
        (KeySource::Provided(to), Some(KeySource::Provided(given))) => std::path::absolute(given).is_ok_and(|given| given == *to),
        _ => false,
    }
}

async fn target(args: &Rekey, context: &Context, what: &str) -> Result<KeySource, Card> {
    let file = context.vault().key_file(context.data_folder());
    let given = KeySource::of_environment();
    if let Some(path) = &args.provided {
        // What is said of it is typed in any folder.
        return Ok(KeySource::Provided(std::path::absolute(path).unwrap_or_else(|_| path.clone())));
    }
    if args.passphrase || args.key_file || args.keyring {
        // It would be sealed with the one and looked for in the other.
        if given.is_some() {
            return Err(Card::usage(
                what,
                "the environment says where its key is, and that goes before everything else",
                format!("give the old key as a file beside the vault ({}), unset the variable, and run it again", file.display()),
            ));
        }
        if args.passphrase {
            return passphrase::new("New passphrase of the vault", args.stdin).await.map(KeySource::Passphrase);
        }
        return Ok(if args.keyring { KeySource::Keyring { otherwise: file } } else { KeySource::File(file) });
    }
    match given {
        // The data key is new; what wraps it is the environment's to change.
        Some(KeySource::Provided(path)) => Ok(KeySource::Provided(std::path::absolute(&path).unwrap_or(path))),
        Some(given) => Ok(given),
        None if context.vault().sealed_with() == Some(SealedWith::Passphrase) => {
            passphrase::new("New passphrase of the vault", args.stdin).await.map(KeySource::Passphrase)
        }
        None => Ok(context.vault().key_source(context.data_folder())),
    }
}
