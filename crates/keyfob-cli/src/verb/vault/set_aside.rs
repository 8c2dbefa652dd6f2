//! `keyfob vault set-aside`: a vault that is damaged, or whose key is lost, gets another name; nothing is written over and nothing is lost.

use std::path::Path;

use clap::Args;
use keyfob::StoreError;
use keyfob_store::{KeySource, Vault};
use serde_json::json;

use super::none;
use crate::account;
use crate::card::Card;
use crate::context::Context;
use crate::moment;
use crate::output::Output;
use crate::perform::quoted;
use crate::prompt;
use crate::vault::Location;

// Whether it is meant.
#[derive(Args, Debug)]
pub(crate) struct SetAside {
    /// Do not ask whether a vault that opens is meant, too
    #[arg(long)]
    yes: bool,
}

pub(super) async fn run(args: SetAside, context: &Context) -> Result<(), Card> {
    let what = format!("cannot move the vault {} out of the way", context.vault().shown());
    let Location::File(path) = context.vault() else {
        return Err(Card::usage(what, "a database is not a file", "name another database, or restore this one from its backup"));
    };
    if !args.yes && opens(context).await {
        agree(&what, context).await?;
    }
    // Said by its header, which has another name afterwards.
    let key = context.vault().key_in_words(context.data_folder());
    let suffix = format!(".set-aside-{}", moment::utc(account::now()).replace(':', ""));
    let aside = Vault::set_aside(path, &suffix).map_err(|error| match error {
        StoreError::Missing(_) => none(context),
        error => context.vault().refused(what, error),
    })?;
    if context.out.json {
        return context.out.json(&json!({"vault": context.vault().shown(), "set_aside": aside.display().to_string()}));
    }
    let paint = context.out.note_paint();
    let with_key = match KeySource::file_beside(&aside).symlink_metadata() {
        Ok(_) => ", with its key beside it".to_owned(),
        Err(_) if KeySource::file_beside(path) == Path::new(&key) => format!("; its key was not beside it: {key} is missing"),
        Err(_) => format!("; its key was not beside it: it is {key}"),
    };
    let at = paint.strong(&aside.display().to_string());
    context.out.note(&format!("{} the vault is at {at} now{with_key}", paint.good("✓")));
    context.out.note(
        &paint.dim(&format!("it can be looked at there: keyfob --vault {} vault check; the next login makes a new one", aside.display())),
    );
    context.out.note(&paint.dim(&format!("to put it back, as long as there is no new one: {}", put_back(&aside, path))));
    Ok(())
}

/// Whether there is nothing wrong with it. It is closed again.
async fn opens(context: &Context) -> bool {
    matches!(context.vault().open(context.data_folder(), false, &Output::silent()).await, Ok(Some(_)))
}

async fn agree(what: &str, context: &Context) -> Result<(), Card> {
    let opens = "it opens: there is nothing wrong with it";
    if !prompt::is_possible() {
        let why = format!("{opens}, and nobody is at the terminal to be asked");
        return Err(Card::usage(what, why, "if you mean it, add --yes"));
    }
    let warning = context.out.note_paint().warn("There is nothing wrong with this vault:");
    if prompt::agrees(format!("{warning} {} opens. Begin anew without its accounts?", context.vault().shown())).await? {
        return Ok(());
    }
    Err(Card::usage(what, format!("{opens}, and you did not say yes"), "nothing was changed"))
}

/// What a shell does it with. The key and the log, which is there where a program was killed, go first: the vault
/// opens from the moment on when it is there, and is to have both by then.
fn put_back(aside: &Path, path: &Path) -> String {
    let with_end = |path: &Path, end: &str| Path::new(&format!("{}{end}", path.display())).to_path_buf();
    let key = (KeySource::file_beside(aside), KeySource::file_beside(path));
    let log = ["-wal", "-shm", "-journal", ""].map(|end| (with_end(aside, end), with_end(path, end)));
    let there = std::iter::once(key).chain(log).filter(|(from, _)| from.symlink_metadata().is_ok());
    let moves = there.map(|(from, to)| format!("mv -n {} {}", quoted(&from.display().to_string()), quoted(&to.display().to_string())));
    moves.collect::<Vec<_>>().join(" && ")
}
