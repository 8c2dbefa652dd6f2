//! `keyfob vault status`: what can be said of it without its key, and then what can be said with it.

use keyfob_store::agent::Agent;
use keyfob_store::{SealedWith, Vault};
use serde_json::json;

use super::{counted, none, of_web_app};
use crate::card::{Card, Doing};
use crate::context::Context;
use crate::exit::Exit;
use crate::moment;
use crate::sheet;
use crate::vault::Location;

pub(super) async fn run(context: &Context) -> Result<(), Card> {
    let vault = context.vault();
    let seen = match vault {
        Location::File(path) if path.symlink_metadata().is_err() => return Err(none(context)),
        Location::File(path) => Vault::inspect(path).map(Some).doing(format!("cannot look at the vault {}", vault.shown())),
        Location::Postgres(..) => Ok(None),
    };
    let opened = match &seen {
        Ok(_) => vault.open(context.data_folder(), false, &context.out).await,
        Err(_) => Ok(None),
    };
    if matches!((&seen, &opened), (Ok(None), Ok(None))) {
        return Err(none(context));
    }
    let (mut counts, mut of_shelf) = (None, None);
    if let Ok(Some(opened)) = &opened {
        let store = opened.store();
        let what = "cannot read the vault";
        of_shelf = Some(opened.shelf_size().await.doing(what)?);
        counts = Some((store.apps().await.doing(what)?.len() as u64, store.accounts().await.doing(what)?.len() as u64));
    }
    let (held, silent) = match Agent::usual(context.data_folder()).held() {
        Ok(held) => (held, None),
        Err(silent) => (Vec::new(), Some(silent.to_string())),
    };
    let inspection = seen.as_ref().ok().and_then(Option::as_ref);
    let ours = inspection.and_then(|seen| held.iter().find(|held| held.vault == seen.id));
    let by_passphrase = inspection.is_some_and(|seen| seen.sealed_with == SealedWith::Passphrase);
    let key = context.key_in_words();
    let trouble = seen.as_ref().err().or(opened.as_ref().err());
    if context.out.json {
        context.out.json(&json!({
            "vault": vault.shown(),
            "kind": match vault { Location::File(_) => "sqlite", Location::Postgres(..) => "postgresql" },
            "id": inspection.map(|seen| seen.id.clone()),
            "bytes": inspection.map(|seen| seen.bytes),
            "sealed_with": inspection.map(|seen| match seen.sealed_with {
                SealedWith::Passphrase => "passphrase",
                SealedWith::Keyring => "keyring",
                _ => "key",
            }),
            "key": key,
            "generation": inspection.map(|seen| seen.generation),
            "open": counts.is_some(),
            "apps": counts.map(|(apps, _)| apps),
            "accounts": counts.map(|(_, accounts)| accounts),
            "items": of_shelf.map(|(items, _)| items),
            "activity": of_shelf.map(|(_, acts)| acts),
            "agent": {"vaults": held.len(), "seconds_left": ours.map(|held| held.left.as_secs()), "why": silent},
        }))?;
    } else {
        let mut lines = vec![("vault", vault.shown())];
        if let Some(seen) = inspection {
            lines.push(("size", size(seen.bytes)));
        }
        lines.push(("key", if by_passphrase { "a passphrase (Argon2id), which nobody can bring back".to_owned() } else { key }));
        if let Some(seen) = inspection {
            let times = seen.generation.saturating_sub(1);
            let anew = match times {
                0 => "AES-256-GCM, with the data key it was made with".to_owned(),
                1 => "AES-256-GCM, sealed anew once".to_owned(),
                _ => format!("AES-256-GCM, sealed anew {times} times"),
            };
            lines.push(("sealed", anew));
        }
        if let Some((apps, accounts)) = counts {
            let rest = of_shelf.map_or_else(String::new, |(items, acts)| of_web_app(items, acts));
            lines.push(("holds", format!("{}, {}{rest}", counted(accounts, "account"), counted(apps, "app"))));
        }
        if by_passphrase {
            let left = ours.map(|held| moment::length(i64::try_from(held.left.as_secs()).unwrap_or(i64::MAX)));
            let otherwise = silent.clone().unwrap_or_else(|| "does not hold its key".to_owned());
            lines.push(("agent", left.map_or(otherwise, |left| format!("holds its key for {left}"))));
        }
        lines.push(("backup", context.out.again.in_text(backup(vault, by_passphrase)).into_owned()));
        let width = context.out.to_person.then(|| context.out.width());
        context.out.data(&sheet::pairs(&lines, width, context.out.paint()))?;
    }
    match trouble {
        None => Ok(()),
        // That it is locked is a state, and no fault.
        Some(_) if by_passphrase && ours.is_none() && silent.is_none() => {
            context.out.note(&context.out.note_paint().dim("locked: keyfob unlock"));
            Ok(())
        }
        Some(_) => Err(seen.map(|_| ()).and(opened.map(|_| ())).expect_err("there is trouble").exiting(Exit::Vault)),
    }
}

fn backup(vault: &Location, by_passphrase: bool) -> &'static str {
    match vault {
        Location::Postgres(..) => "as of any database, and the key apart from it",
        Location::File(_) if by_passphrase => "keyfob vault export FILE",
        Location::File(_) => "keyfob vault export FILE; a copy of the vault without its key opens nothing",
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} KB", bytes.div_ceil(1000)),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000),
    }
}
