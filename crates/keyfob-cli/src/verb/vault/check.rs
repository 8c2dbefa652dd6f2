//! `keyfob vault check`: every page is looked at and every record opened. What is damaged is told, one by one.

use keyfob::proto::scrub::printable;
use keyfob_store::Checked;
use serde_json::json;

use super::{counted, of_web_app, open};
use crate::card::{Card, Doing};
use crate::context::Context;
use crate::exit::Exit;
use crate::vault::Opened;

pub(super) async fn run(context: &Context) -> Result<(), Card> {
    let what = format!("the vault {} is not sound", context.vault().shown());
    let checked = match open(context).await? {
        Opened::File(vault) => vault.check().await,
        Opened::Postgres(vault) => vault.check().await,
    };
    let Checked { apps, accounts, entries, items, acts, damaged, .. } = checked.doing(what.as_str())?;
    let paint = context.out.note_paint();
    if context.out.json {
        context.out.json(&json!({
            "ok": damaged.is_empty(), "apps": apps, "accounts": accounts, "history": entries, "items": items, "activity": acts,
            "damaged": damaged,
        }))?;
    }
    if damaged.is_empty() {
        if !context.out.json {
            let (accounts, apps, entries) = (counted(accounts, "account"), counted(apps, "app"), counted(entries, "line"));
            let rest = of_web_app(items, acts);
            context
                .out
                .note(&format!("{} sound: every record opens, of {accounts}, {apps} and {entries} of history{rest}", paint.good("✓")));
        }
        return Ok(());
    }
    for sentence in &damaged {
        context.out.note(&format!("{} {}", paint.bad("damaged:"), printable(sentence)));
    }
    let why = format!("{}; {} and {} open", counted(damaged.len() as u64, "finding"), counted(accounts, "account"), counted(apps, "app"));
    Err(Card::new(Exit::Vault, what, why, "log in again where it matters, or restore a backup; what opens can be used meanwhile"))
}
