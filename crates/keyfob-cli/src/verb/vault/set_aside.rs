//! `keyfob vault set-aside`: a vault that is damaged, or whose key is lost, gets another name; nothing is written over and nothing is lost.

use keyfob_store::Vault;
use serde_json::json;

use super::none;
use crate::account;
use crate::card::{Card, Doing};
use crate::context::Context;
use crate::moment;
use crate::vault::Location;

pub(super) async fn run(context: &Context) -> Result<(), Card> {
    let what = format!("cannot move the vault {} out of the way", context.vault().shown());
    let Location::File(path) = context.vault() else {
        return Err(Card::usage(what, "a database is not a file", "name another database, or restore this one from its backup"));
    };
    if path.symlink_metadata().is_err() {
        return Err(none(context));
    }
    let suffix = format!(".set-aside-{}", moment::utc(account::now()).replace(':', ""));
    let aside = Vault::set_aside(path, &suffix).doing(what)?;
    if context.out.json {
        return context.out.json(&json!({"vault": context.vault().shown(), "set_aside": aside.display().to_string()}));
    }
    let paint = context.out.note_paint();
    context.out.note(&format!(
        "{} the vault is at {} now, with its key beside it",
        paint.good("✓"),
        paint.strong(&aside.display().to_string())
    ));
    context.out.note(
        &paint.dim(&format!("it can be looked at there: keyfob --vault {} vault check; the next login makes a new one", aside.display())),
    );
    Ok(())
}
