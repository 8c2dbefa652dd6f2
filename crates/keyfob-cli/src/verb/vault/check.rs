//! `keyfob vault check`: every page is looked at and every record opened. What is damaged is told, one by one.

use std::sync::Arc;

use keyfob::proto::scrub::printable;
use keyfob::store::EntryNumber;
use keyfob::{Store, StoreError};
use serde_json::json;

use super::{counted, open};
use crate::card::{Card, Doing};
use crate::context::Context;
use crate::exit::Exit;
use crate::vault::Opened;

/// So many entries of the history are read at a time.
const MOST: usize = 1000;

/// What was found.
#[derive(Default)]
struct Found {
    apps: u64,
    accounts: u64,
    entries: u64,
    damaged: Vec<String>,
}

pub(super) async fn run(context: &Context) -> Result<(), Card> {
    let what = format!("the vault {} is not sound", context.vault().shown());
    let found = match open(context).await? {
        Opened::File(vault) => {
            let checked = vault.check().await.doing(what.as_str())?;
            Found { apps: checked.apps, accounts: checked.accounts, entries: checked.entries, damaged: checked.damaged }
        }
        // Its pages are the server's to look after.
        Opened::Postgres(vault) => read_all(vault).await.doing(what.as_str())?,
    };
    let Found { apps, accounts, entries, damaged } = &found;
    let paint = context.out.note_paint();
    if context.out.json {
        context.out.json(&json!({"ok": damaged.is_empty(), "apps": apps, "accounts": accounts, "history": entries, "damaged": damaged}))?;
    }
    if damaged.is_empty() {
        if !context.out.json {
            let (accounts, apps, entries) = (counted(*accounts, "account"), counted(*apps, "app"), counted(*entries, "line"));
            context.out.note(&format!("{} sound: every record opens, of {accounts}, {apps} and {entries} of history", paint.good("✓")));
        }
        return Ok(());
    }
    for sentence in damaged {
        context.out.note(&format!("{} {}", paint.bad("damaged:"), printable(sentence)));
    }
    let why = format!("{}; {} and {} open", counted(damaged.len() as u64, "finding"), counted(*accounts, "account"), counted(*apps, "app"));
    Err(Card::new(Exit::Vault, what, why, "log in again where it matters, or restore a backup; what opens can be used meanwhile"))
}

/// The first record that does not open ends it.
async fn read_all(store: Arc<dyn Store>) -> Result<Found, StoreError> {
    let mut found = Found { apps: store.apps().await?.len() as u64, accounts: store.accounts().await?.len() as u64, ..Found::default() };
    let mut after = EntryNumber(0);
    loop {
        let some = store.entries(Some(after), MOST).await?;
        let Some((last, _)) = some.last() else { return Ok(found) };
        (found.entries, after) = (found.entries + some.len() as u64, *last);
    }
}
