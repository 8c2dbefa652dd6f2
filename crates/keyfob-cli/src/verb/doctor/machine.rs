//! What concerns every account: the vault and its key, who can read them and change provider files, the desktop's keyring, what the environment says.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use keyfob::proto::scrub::printable;
use keyfob::{Keyfob, StoreError};
use keyfob_store::{KeySource, SealedWith};

use super::{Code, Finding};
use crate::card::Card;
use crate::context::{Context, transport};
use crate::vault::{LEAST_ROOM, Location};

pub(super) async fn look(context: &Context) -> Vec<Finding> {
    let opened = context.keyfob_if_any().await;
    let key = key(&opened, context);
    let mut findings = vec![vault(opened, context).await];
    match context.vault() {
        Location::File(path) if path.symlink_metadata().is_err() => {}
        Location::File(path) => {
            findings.extend(permissions(path, &context.vault().key_file(context.data_folder()), &context.providers_folder()));
            findings.extend(room(context.vault()));
            findings.push(key);
            findings.push(keyring(context.vault().sealed_with()).await);
        }
        Location::Postgres(..) => findings.push(key),
    }
    findings.extend(files(context));
    findings.push(match transport() {
        Ok(_) => Finding::good("certificates", "the system's store is there"),
        Err(card) => Finding::of_card("certificates", &card),
    });
    findings.extend(environment());
    findings
}

/// Where it comes from says nothing of whether it is the right one, or there: that the vault opens does.
fn key(opened: &Result<Option<&Keyfob>, Card>, context: &Context) -> Finding {
    let key = context.key_in_words();
    match opened {
        Ok(_) => Finding::good("key", key),
        Err(_) => Finding::note("key", format!("{key}: with this the vault was not opened")),
    }
}

async fn vault(opened: Result<Option<&Keyfob>, Card>, context: &Context) -> Finding {
    let shown = context.vault().shown();
    match opened {
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

/// A disk that is nearly full is told; of one with room there is nothing to say.
fn room(vault: &Location) -> Option<Finding> {
    let left = vault.room().filter(|left| *left < 8 * LEAST_ROOM)?;
    let found = format!("{} KiB are left on its disk: tokens that are refreshed need some, or are lost", left / 1024);
    Some(match left < LEAST_ROOM {
        true => Finding::bad("disk", Code::Vault, found, "make room on the disk"),
        false => Finding::doubtful("disk", found, "make room on the disk"),
    })
}

/// Others than the owner may read neither vault nor key (J1), and write no provider file: it says where the next login's secrets go.
#[cfg(unix)]
fn permissions(vault: &Path, key: &Path, providers: &Path) -> Vec<Finding> {
    let beside = |suffix: &str| PathBuf::from(format!("{}{suffix}", vault.display()));
    let folder = vault.parent().filter(|folder| !folder.as_os_str().is_empty()).map(Path::to_owned);
    // The log holds what the vault will, and the shared memory where it is.
    let ours = [vault.to_owned(), beside("-wal"), beside("-shm"), key.to_owned()];
    let used = folder.iter().map(|folder| (folder, 0o700)).chain(ours.iter().map(|file| (file, 0o600)));
    let mut open: Vec<Finding> = used.filter_map(|(place, allowed)| too_open(place, allowed, "used")).collect();
    let mut files = vec![providers.to_owned()];
    files.extend(std::fs::read_dir(providers).into_iter().flatten().flatten().map(|entry| entry.path()));
    files.sort();
    open.extend(files.iter().filter_map(|file| too_open(file, 0o755, "changed")));
    // Vault and key are mostly in one folder, and so have one way.
    let ways: BTreeSet<String> = [vault, key].into_iter().flat_map(keyfob_store::open_ways).collect();
    open.extend(ways.iter().map(|way| {
        let next = "let nobody else write there (chmod go-w), or keep the vault elsewhere: KEYFOB_VAULT";
        Finding::doubtful("permissions", printable(way), next)
    }));
    if open.is_empty() { vec![Finding::good("permissions", "vault and key are yours alone")] } else { open }
}

/// What has more rights than these, but for a link: its rights are none.
#[cfg(unix)]
fn too_open(place: &Path, allowed: u32, done: &str) -> Option<Finding> {
    use std::os::unix::fs::PermissionsExt;

    let found = place.symlink_metadata().ok().filter(|found| !found.is_symlink())?;
    let mode = found.permissions().mode() & 0o777;
    (mode & !allowed != 0).then(|| {
        let shown = printable(&place.display().to_string());
        Finding::doubtful(
            "permissions",
            format!("{shown} can be {done} by others ({mode:03o})"),
            format!("chmod {:o} {shown}", mode & allowed),
        )
    })
}

#[cfg(not(unix))]
fn permissions(_: &Path, _: &Path, _: &Path) -> Vec<Finding> {
    Vec::new()
}

/// The desktop's keyring, which may be locked with nobody there to unlock it: it has two seconds.
async fn keyring(sealed_with: Option<SealedWith>) -> Finding {
    let looked = tokio::task::spawn_blocking(KeySource::look_for_keyring).await;
    let answer = looked.unwrap_or_else(|_| Err("the desktop's keyring cannot be asked".to_owned()));
    match (answer, sealed_with == Some(SealedWith::Keyring)) {
        (Ok(()), true) => Finding::good("keyring", "it is open, and has the vault's key"),
        (Ok(()), false) => Finding::note("keyring", "it is open, and not used: keyfob vault rekey --keyring puts the vault's key there"),
        (Err(why), true) => Finding::bad(
            "keyring",
            Code::Vault,
            format!("it has the vault's key, and {why}"),
            "log in to the desktop, and unlock its keyring",
        ),
        (Err(why), false) => Finding::note("keyring", format!("not used: {why}")),
    }
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
