//! `keyfob vault check`: every record is opened, every entry of every history.

use keyfob::store::EntryNumber;
use serde_json::json;

use super::{counted, open};
use crate::card::{Card, Doing};
use crate::context::Context;

/// So many entries of the history are read at a time.
const MOST: usize = 1000;

pub(super) async fn run(context: &Context) -> Result<(), Card> {
    let what = format!("the vault {} is not sound", context.vault().shown());
    let opened = open(context).await?;
    let store = opened.store();
    let apps = store.apps().await.doing(what.as_str())?.len() as u64;
    let accounts = store.accounts().await.doing(what.as_str())?.len() as u64;
    let (mut entries, mut after) = (0_u64, EntryNumber(0));
    loop {
        let some = store.entries(Some(after), MOST).await.doing(what.as_str())?;
        let Some((last, _)) = some.last() else { break };
        (entries, after) = (entries + some.len() as u64, *last);
    }
    if context.out.json {
        return context.out.json(&json!({"ok": true, "apps": apps, "accounts": accounts, "history": entries}));
    }
    let paint = context.out.note_paint();
    context.out.note(&format!(
        "{} sound: every record opens, of {}, {} and {} of history",
        paint.good("✓"),
        counted(accounts, "account"),
        counted(apps, "app"),
        counted(entries, "line")
    ));
    Ok(())
}
