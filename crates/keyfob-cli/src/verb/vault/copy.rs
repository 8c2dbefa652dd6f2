//! `keyfob vault move`, `export`, `import`: everything, from one vault into another.

use std::path::{Path, PathBuf};

use clap::Args;
use keyfob_store::transfer::{self, Exported, Moved};
use keyfob_store::{SealedWith, Vault};
use serde_json::json;

use super::{counted, of_web_app, open};
use crate::card::{Card, Doing};
use crate::context::Context;
use crate::exit::Exit;
use crate::output::hang;
use crate::passphrase;
use crate::perform::quoted;
use crate::signal::unless_stopped_reading_file;
use crate::vault::{self, Location, Opened};

/// Where to.
#[derive(Args, Debug)]
pub(crate) struct Move {
    /// The new vault: a path, or postgres://HOST/DATABASE (one with a password: --to-variable)
    #[arg(long, value_name = "LOCATION", required_unless_present = "to_variable")]
    to: Option<String>,
    /// Take the new vault's address from this variable
    #[arg(long = "to-variable", value_name = "NAME", conflicts_with = "to")]
    to_variable: Option<String>,
}

/// Into which file.
#[derive(Args, Debug)]
pub(crate) struct Export {
    /// The file, which must not be there yet
    file: PathBuf,
    /// Take its passphrase from the first line of stdin
    #[arg(long)]
    stdin: bool,
}

/// From which file.
#[derive(Args, Debug)]
pub(crate) struct Import {
    /// The file that `vault export` wrote
    file: PathBuf,
    /// Take its passphrase from the first line of stdin
    #[arg(long)]
    stdin: bool,
}

pub(crate) async fn r#move(args: Move, context: &Context) -> Result<(), Card> {
    let to = target(&args)?;
    let what = format!("cannot move the vault to {}", to.shown());
    if same(context.vault(), &to) {
        return Err(Card::usage(what, "that is where it is", "name another place: --to PATH"));
    }
    if let Location::File(path) = &to
        && (path.is_dir() || path.as_os_str().to_string_lossy().ends_with(std::path::is_separator))
    {
        let file = quoted(&path.join("vault.db").display().to_string());
        return Err(Card::usage(what, "it is a folder, and a vault is a file", format!("name a file in it: --to {file}")));
    }
    let from = open(context).await?;
    let made = missing_folder(&to);
    let place = from_anywhere(&to, args.to_variable.as_deref());
    // What is wrong with that one is not to be mended at this one, where all is well.
    let again = context.out.again.at_vault(&place);
    let target = async {
        let into = to.open(context.data_folder(), true, &context.out.repeating(again)).await?;
        let into = into.ok_or_else(|| Card::usage(what.as_str(), "it is not there", "run it again"))?;
        must_be_empty(&into, &what, "name a place where there is nothing yet").await?;
        Ok(into)
    };
    let into = target.await.map_err(|card: Card| card.repeating(again))?;
    let moved = transfer::copy_all(from.portable(), into.portable()).await.doing(what)?;
    let shown = to.shown();
    if context.out.json {
        return context.out.json(&described(moved, json!({"from": context.vault().shown(), "to": shown})));
    }
    let paint = context.out.note_paint();
    context.out.note(&format!("{} {} in {}", paint.good("✓"), in_words(moved), paint.strong(&shown)));
    tell_of_unsettled(moved, context);
    // A name that was mistyped makes one, too.
    if let Some(folder) = made {
        context.out.note(&format!("   made the folder {}", folder.display()));
    }
    // Where the sandbox is meant, the environment's vault is not.
    let (used, why) = match context.sandbox() {
        None => (format!("{}={place}", vault::VARIABLE), String::new()),
        Some(_) => (format!("--vault {place}"), format!(", with each command: at the sandbox {} does not count", vault::VARIABLE)),
    };
    context.out.note(&format!("   use it:    {}{why}", paint.accent(&used)));
    let left = format!(
        "{} was not touched. Both hold the same tokens, and whichever refreshes one makes the other's useless: take the old one away soon",
        context.vault().shown()
    );
    context.out.note(&paint.dim(&hang(&left, 0, context.out.note_width())));
    Ok(())
}

pub(crate) async fn export(args: Export, context: &Context) -> Result<(), Card> {
    let shown = args.file.display().to_string();
    let what = format!("cannot export the vault to {shown}");
    if args.file.symlink_metadata().is_ok() {
        return Err(Card::usage(what, "something is there, and nothing is written over", "choose another name"));
    }
    let from = open(context).await?;
    let passphrase = passphrase::new("Passphrase for the exported file", args.stdin).await?;
    let moved = transfer::export(from.portable(), context.data_folder(), &args.file, &passphrase).await.doing(what)?;
    if context.out.json {
        return context.out.json(&described(moved, json!({"file": shown})));
    }
    let paint = context.out.note_paint();
    context.out.note(&format!("{} {} in {}", paint.good("✓"), in_words(moved), paint.strong(&shown)));
    tell_of_unsettled(moved, context);
    context.out.note(&paint.dim("its passphrase opens it, and nothing else does; take it back with: keyfob vault import FILE"));
    Ok(())
}

pub(crate) async fn import(args: Import, context: &Context) -> Result<(), Card> {
    let shown = args.file.display().to_string();
    let what = format!("cannot import {shown}");
    if !args.file.exists() {
        return Err(Card::usage(what, "there is no such file", "check the name"));
    }
    let open = async |make| context.vault().open(context.data_folder(), make, &context.out).await;
    let there = open(false).await?;
    if let Some(into) = &there {
        let next = match context.vault() {
            Location::File(_) => "import into another vault (--vault PATH), or move this one out of the way: keyfob vault set-aside",
            Location::Postgres(..) => "import into another database, or into a file: --vault PATH",
        };
        must_be_empty(into, &what, next).await?;
    }
    let passphrase = passphrase::known("Passphrase of the exported file", args.stdin).await?;
    let trouble = |error: keyfob::StoreError| {
        let next = match &error {
            // No passphrase opens what no export has written.
            keyfob::StoreError::WrongKey(_) if is_no_export(&args.file) => {
                format!(
                    "it is a vault and no export: keyfob --vault {} vault move --to {}",
                    quoted(&shown),
                    from_anywhere(context.vault(), None)
                )
            }
            keyfob::StoreError::WrongKey(_) => "type the passphrase that was given at the export".to_owned(),
            keyfob::StoreError::Corrupt(_) => "the file was changed since it was written: take another copy".to_owned(),
            other => other.hint().to_owned(),
        };
        Card::of(what.as_str(), &error.into()).advising(next)
    };
    // The file before the vault: a mistyped passphrase leaves no empty vault behind.
    let folder = context.data_folder().to_owned();
    let exported = unless_stopped_reading_file(&args.file, move |file| Exported::open(file, &passphrase, &folder))?.map_err(trouble)?;
    let into = match there {
        Some(into) => into,
        None => open(true).await?.ok_or_else(|| Card::usage(what.as_str(), "there is no vault to import into", "run it again"))?,
    };
    let moved = exported.pour_into(into.portable()).await.map_err(trouble)?;
    if context.out.json {
        return context.out.json(&described(moved, json!({"file": shown, "vault": context.vault().shown()})));
    }
    let paint = context.out.note_paint();
    context.out.note(&format!("{} {} in {}", paint.good("✓"), in_words(moved), context.vault().shown()));
    Ok(())
}

/// Whether it is a vault that a key opens, beside which a program works.
fn is_no_export(file: &Path) -> bool {
    Vault::inspect(file).is_ok_and(|seen| seen.sealed_with != SealedWith::Passphrase)
}

fn target(args: &Move) -> Result<Location, Card> {
    let Some(name) = &args.to_variable else { return Location::of_argument(args.to.as_deref().unwrap_or_default()) };
    Location::of_variable(name)?.ok_or_else(|| {
        Card::usage("there is nowhere to move to", format!("the variable {name} is not set"), format!("set {name} to a path or an address"))
    })
}

/// The uppermost of its folders that are not there yet: opening it makes them.
fn missing_folder(to: &Location) -> Option<PathBuf> {
    let Location::File(path) = to else { return None };
    let folders = path.ancestors().skip(1).take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists());
    folders.last().map(Path::to_owned)
}

/// What names it in whichever folder it is typed, as a shell takes it. A password stays in the variable that it came from.
fn from_anywhere(to: &Location, variable: Option<&str>) -> String {
    match (to, variable) {
        (Location::File(path), _) => quoted(&std::path::absolute(path).unwrap_or_else(|_| path.clone()).display().to_string()),
        (Location::Postgres(_, Some(place)), Some(name)) if place.has_password() => format!("\"${name}\""),
        (Location::Postgres(_, Some(place)), _) => quoted(place.without_password()),
        (Location::Postgres(_, None), _) => to.shown(),
    }
}

/// Into a vault with something in it nothing is mixed.
async fn must_be_empty(vault: &Opened, what: &str, next: &str) -> Result<(), Card> {
    let store = vault.store();
    let (apps, accounts) = (store.apps().await.doing(what)?.len() as u64, store.accounts().await.doing(what)?.len() as u64);
    let why = if apps + accounts > 0 {
        format!("there are {} and {} in it already, and nothing is written over", counted(accounts, "account"), counted(apps, "app"))
    } else if !store.entries(None, 1).await.doing(what)?.is_empty() {
        "the history of accounts that are gone is in it, and nothing is mixed with what is there".to_owned()
    } else {
        return Ok(());
    };
    Err(Card::new(Exit::Usage, what, why, next))
}

fn same(one: &Location, other: &Location) -> bool {
    match (one, other) {
        (Location::File(one), Location::File(other)) => {
            let real = |path: &PathBuf| path.canonicalize().unwrap_or_else(|_| path.clone());
            real(one) == real(other)
        }
        (Location::Postgres(one, _), Location::Postgres(other, _)) => one.expose() == other.expose(),
        _ => false,
    }
}

fn in_words(moved: Moved) -> String {
    let Moved { apps, accounts, entries, items, acts, .. } = moved;
    let (accounts, apps, entries) = (counted(accounts, "account"), counted(apps, "app"), counted(entries, "line"));
    format!("{accounts}, {apps} and {entries} of history{}", of_web_app(items, acts))
}

/// A copy that may be worth nothing, of some of them.
fn tell_of_unsettled(moved: Moved, context: &Context) {
    if moved.unsettled == 0 {
        return;
    }
    let warning = context.out.note_paint().warn("note:");
    let of = counted(moved.unsettled, "account");
    context.out.note(&format!(
        "{warning} of {of} a refresh was under way, or came to no end, and the tokens in the copy may be spent. If so, end what refreshes here (serve, \
         cron) and copy again, or log in there"
    ));
}

fn described(moved: Moved, mut about: serde_json::Value) -> serde_json::Value {
    about["accounts"] = json!(moved.accounts);
    about["apps"] = json!(moved.apps);
    about["history"] = json!(moved.entries);
    about["items"] = json!(moved.items);
    about["activity"] = json!(moved.acts);
    about["unsettled"] = json!(moved.unsettled);
    about
}
