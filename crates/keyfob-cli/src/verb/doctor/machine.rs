//! What concerns every account: the vault and its key, who can read them, provider files, what the environment says.

use std::path::Path;

use keyfob::StoreError;
use keyfob::proto::scrub::printable;

use super::{Code, Finding};
use crate::context::{Context, transport};
use crate::vault::Location;

pub(super) async fn look(context: &Context) -> Vec<Finding> {
    let mut findings = vec![vault(context).await];
    match context.vault() {
        Location::File(path) if path.symlink_metadata().is_err() => {}
        Location::File(path) => {
            findings.extend(permissions(path, &context.vault().key_file(context.data_folder())));
            findings.push(Finding::good("key", context.key_in_words()));
        }
        Location::Postgres(_) => findings.push(Finding::good("key", context.key_in_words())),
    }
    findings.extend(files(context));
    findings.push(match transport() {
        Ok(_) => Finding::good("certificates", "the system's store is there"),
        Err(card) => Finding::of_card("certificates", &card),
    });
    findings.extend(environment());
    findings
}

async fn vault(context: &Context) -> Finding {
    let shown = context.vault().shown();
    match context.keyfob_if_any().await {
        Err(card) => Finding::of_card("vault", &card),
        Ok(None) => Finding::note("vault", format!("there is none at {shown} yet: the first login makes it")),
        Ok(Some(keyfob)) => match keyfob.store().accounts().await {
            Ok(accounts) => {
                Finding::good("vault", format!("{shown}, {} {}", accounts.len(), if accounts.len() == 1 { "account" } else { "accounts" }))
            }
            Err(StoreError::Locked(why)) => Finding::bad("vault", Code::Vault, why.to_string(), "keyfob unlock"),
            Err(error) => Finding::bad("vault", Code::Vault, error.to_string(), "keyfob vault check says what can still be read"),
        },
    }
}

/// Others than the owner may read neither vault nor key (J1).
#[cfg(unix)]
fn permissions(vault: &Path, key: &Path) -> Vec<Finding> {
    use std::os::unix::fs::PermissionsExt;

    let folder = vault.parent().filter(|folder| !folder.as_os_str().is_empty());
    let places = [(folder, 0o700), (Some(vault), 0o600), (Some(key), 0o600)];
    let mut open = Vec::new();
    for (place, allowed) in places {
        let Some(place) = place else { continue };
        let Ok(found) = place.symlink_metadata() else { continue };
        let mode = found.permissions().mode() & 0o777;
        if mode & !allowed != 0 {
            open.push(Finding::doubtful(
                "permissions",
                format!("{} can be used by others ({mode:03o})", place.display()),
                format!("chmod {allowed:o} {}", place.display()),
            ));
        }
    }
    if open.is_empty() { vec![Finding::good("permissions", "vault and key are yours alone")] } else { open }
}

#[cfg(not(unix))]
fn permissions(_: &Path, _: &Path) -> Vec<Finding> {
    Vec::new()
}

/// The user's own provider files.
fn files(context: &Context) -> Vec<Finding> {
    let problems = context.catalogue().problems();
    if problems.is_empty() {
        return vec![Finding::good("providers", format!("{} are known", context.catalogue().names().count()))];
    }
    let finding = |problem: &keyfob_providers::Problem| {
        Finding::bad(
            "providers",
            Code::Error,
            printable(&problem.to_string()),
            format!("keyfob provider check {}", printable(&problem.file)),
        )
    };
    problems.iter().map(finding).collect()
}

/// Variables that change where things are, or go: forgotten ones explain much. Their values may be secrets.
fn environment() -> Vec<Finding> {
    const TELLING: [&str; 11] = [
        "KEYFOB_CONFIG_DIR",
        "KEYFOB_DATA_DIR",
        "KEYFOB_VAULT",
        "KEYFOB_VAULT_FILE",
        "KEYFOB_VAULT_KEY",
        "KEYFOB_VAULT_KEY_FILE",
        "KEYFOB_SANDBOX",
        "KEYFOB_LOOPBACK_ONLY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "SSL_CERT_FILE",
    ];
    let is_set = |name: &&&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let set: Vec<&str> = TELLING.iter().filter(is_set).copied().collect();
    if set.is_empty() {
        Vec::new()
    } else {
        vec![Finding::note("environment", format!("{} set: see keyfob help environment", set.join(", ")))]
    }
}
