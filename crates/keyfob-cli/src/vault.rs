//! Which vault is meant, where its key comes from, and opening it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use keyfob::history::Fingerprint;
use keyfob::proto::Secret;
use keyfob::proto::scrub::printable;
use keyfob::{Store, StoreError};
use keyfob_store::agent::Agent;
use keyfob_store::transfer::Portable;
use keyfob_store::{KeySource, PostgresPlace, PostgresVault, Rekeyed, SealedWith, Shelf, Vault};

use crate::card::{Card, Doing};
use crate::exit::Exit;
use crate::output::Output;
use crate::signal::unless_stopped_reading_file;

/// What a write may need: the index of SQLite's log (32 KiB), and pages of the log.
pub(crate) const LEAST_ROOM: u64 = 128 * 1024;

/// The variable that names the vault: a path, or a `postgres://` address.
pub(crate) const VARIABLE: &str = "KEYFOB_VAULT";
/// The one that names a file with that, for addresses with a password.
pub(crate) const FILE_VARIABLE: &str = "KEYFOB_VAULT_FILE";

/// What every database had for its key file whose address is no URL of the web: one behind a socket, one of several hosts.
const FORMER_KEY_FILE: &str = "a-database-in-PostgreSQL-a147e2e57cd0.key";

/// Where a vault is.
#[derive(Clone, Debug)]
pub(crate) enum Location {
    /// A SQLite file.
    File(PathBuf),
    /// A database in a PostgreSQL server: its address, which may hold a password, and what of it may be shown.
    /// `None`: it cannot be used, which is told when it is to be opened. Much is done without a vault.
    Postgres(Secret, Option<PostgresPlace>),
}

/// A vault of either kind, open.
#[derive(Clone)]
pub(crate) enum Opened {
    File(Arc<Vault>),
    Postgres(Arc<PostgresVault>),
}

impl Location {
    /// What was said on the command line: a password is refused there.
    pub(crate) fn of_argument(text: &str) -> Result<Self, Card> {
        let location = Self::parse(text)?;
        if let Self::Postgres(address, None) = &location {
            return Err(unusable(address));
        }
        if let Self::Postgres(_, Some(place)) = &location
            && place.has_password()
        {
            return Err(Card::usage(
                "a password was given on the command line",
                "there the shell's history keeps it, and every user of this machine can read it; consider it known, and change it",
                format!("put the address into the variable {VARIABLE}, or into a file of yours that {FILE_VARIABLE} names"),
            ));
        }
        Ok(location)
    }

    /// What the environment says, if it says anything.
    pub(crate) fn of_environment() -> Result<Option<Self>, Card> {
        let named = |name: &str| std::env::var_os(name).filter(|value| value.to_str().is_none_or(|text| !bare(text).is_empty()));
        if let Some(text) = named(VARIABLE) {
            return Ok(Some(match text.to_str() {
                Some(text) => Self::parse(bare(text))?,
                None => Self::File(PathBuf::from(text)),
            }));
        }
        let Some(path) = named(FILE_VARIABLE) else { return Ok(None) };
        let read = unless_stopped_reading_file(Path::new(&path), |path| std::fs::read_to_string(path))?;
        let text = read.map_err(|error| {
            let what = format!("cannot read {}, which {FILE_VARIABLE} names", Path::new(&path).display());
            Card::io(what, &error, "check the name and who may read the file").exiting(Exit::Vault)
        })?;
        if bare(&text).is_empty() {
            return Err(Card::usage(
                format!("there is nothing in {}, which {FILE_VARIABLE} names", Path::new(&path).display()),
                "expected a path or a postgres:// address, and found an empty file",
                "write it there, or unset the variable",
            ));
        }
        Self::parse(bare(&text)).map(Some)
    }

    /// What a variable says.
    pub(crate) fn of_variable(name: &str) -> Result<Option<Self>, Card> {
        match std::env::var(name) {
            Ok(text) if !bare(&text).is_empty() => Self::parse(bare(&text)).map(Some),
            _ => Ok(None),
        }
    }

    /// A path, or an address. A mistyped address is no path: its password would be shown as a part of that, and be the name of a folder.
    fn parse(text: &str) -> Result<Self, Card> {
        if PostgresVault::is_address(text) {
            let address = Secret::new(text);
            let place = PostgresVault::place_of(&address).ok();
            return Ok(Self::Postgres(address, place));
        }
        let (why, next) = if text.is_empty() {
            ("there is nothing in it", "give a path, or postgres://HOST/DATABASE")
        } else if text.starts_with(['"', '\'']) {
            (
                "it begins with a quotation mark, and where no shell takes those away (docker's --env-file, a file), they are part of it",
                "leave them out; or if they belong to a path, begin it with ./ or /",
            )
        } else if begins_with_its_name(text) {
            (
                "it begins with the name of a variable, and only the value is wanted there",
                "leave the name out; or if it belongs to a path, begin it with ./ or /",
            )
        } else if is_like_an_address(text) {
            (
                "it is like a URL, and does not begin with postgres:// (in lower case)",
                "correct its beginning; or if it is a path, begin it with ./ or /",
            )
        } else if is_of_keywords(text) {
            (
                "it is written in keywords (host=… password=…), as libpq also takes it, and only an address is taken here",
                "write it as postgres://USER:PASSWORD@HOST/DATABASE; or if it is a path, begin it with ./ or /",
            )
        } else {
            return Ok(Self::File(PathBuf::from(text)));
        };
        Err(Card::usage("the vault's address is none that is known", why, next))
    }

    /// For people: without user and password.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Postgres(_, Some(place)) => printable(&place.url()),
            Self::Postgres(_, None) => "a database in PostgreSQL".to_owned(),
        }
    }

    /// How many bytes fit on its disk yet, where that can be told. A quota may be less.
    pub(crate) fn room(&self) -> Option<u64> {
        let Self::File(path) = self else { return None };
        // A vault that is still to be made may have folders that are, too.
        let disk = path
            .ancestors()
            .skip(1)
            .find_map(|folder| rustix::fs::statvfs(if folder.as_os_str().is_empty() { Path::new(".") } else { folder }).ok())?;
        // What has no blocks (a network's, or one made of a program) does not say.
        if disk.f_blocks == 0 {
            return None;
        }
        // Some blocks are kept for root.
        let blocks = if rustix::process::geteuid().is_root() { disk.f_bfree } else { disk.f_bavail };
        Some(blocks.saturating_mul(disk.f_frsize))
    }

    /// The key file that belongs to it: beside a file; in the data folder for a database, and another for each database.
    pub(crate) fn key_file(&self, data: &Path) -> PathBuf {
        match self {
            Self::File(path) => KeySource::file_beside(path),
            Self::Postgres(address, place) => {
                let whose = match place {
                    Some(place) => as_web_url(address.expose()).unwrap_or_else(|| place.identity()),
                    None => self.shown(),
                };
                let name = whose.split(' ').next().unwrap_or_default();
                let name: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
                // What reads alike without its punctuation, or is told apart by parameters alone, is told apart by the digits.
                data.join(format!("{name}-{}.key", Fingerprint::of(&Secret::new(whose)).as_str()))
            }
        }
    }

    /// Where its key comes from: what the environment says, else what the vault itself says.
    pub(crate) fn key_source(&self, data: &Path) -> KeySource {
        KeySource::of_environment().unwrap_or_else(|| KeySource::Usual { file: self.key_file(data), agent: Agent::usual(data) })
    }

    /// Opens the vault that is there; makes one if there is none and one is to be made.
    pub(crate) async fn open(&self, data: &Path, make: bool, out: &Output) -> Result<Option<Opened>, Card> {
        self.open_with(self.key_source(data), make, out).await
    }

    /// The same, with a key from there.
    pub(crate) async fn open_with(&self, source: KeySource, make: bool, out: &Output) -> Result<Option<Opened>, Card> {
        let what = format!("cannot open the vault {}", self.shown());
        let opened = match self {
            Self::File(path) => {
                let opened = if make { Vault::open(path, source) } else { Vault::open_existing(path, source) };
                opened.map(|vault| {
                    tell(out, vault.warnings(), vault.key_made());
                    Opened::File(Arc::new(vault))
                })
            }
            Self::Postgres(address, None) => return Err(unusable(address)),
            Self::Postgres(address, Some(_)) => {
                take_over_former_key_file(address, &source, out).await;
                let opened = match make {
                    true => PostgresVault::open(address, source).await,
                    false => PostgresVault::open_existing(address, source).await,
                };
                opened.map(|vault| {
                    tell(out, vault.warnings(), vault.key_made());
                    Opened::Postgres(Arc::new(vault))
                })
            }
        };
        match opened {
            Ok(opened) => Ok(Some(opened)),
            Err(StoreError::Missing(_)) if !make => Ok(None),
            Err(error) => Err(self.refused(what, error)),
        }
    }

    /// What to do about a vault that does not open.
    pub(crate) fn refused(&self, what: String, error: StoreError) -> Card {
        let anew = match self {
            Self::File(_) => "move it out of the way, with its key, and begin anew: keyfob vault set-aside",
            Self::Postgres(..) => "begin anew in another database",
        };
        let next = match &error {
            StoreError::Locked(_) => match self.sealed_with() {
                Some(SealedWith::Passphrase) => "keyfob unlock (asks for the passphrase once)".to_owned(),
                Some(SealedWith::Keyring) => "log in to the desktop, and unlock its keyring".to_owned(),
                _ => {
                    let named = format!("{} says where another is", KeySource::FILE_VARIABLE);
                    format!("put the key back from a backup ({named}); or if it is lost, {anew} (nothing was overwritten)")
                }
            },
            // A log, then, that was left behind.
            StoreError::Corrupt(_) if matches!(self, Self::File(path) if path.symlink_metadata().is_err()) => {
                "move that to where its vault is now (mv -n); or if its vault is gone for good, give it another name".to_owned()
            }
            StoreError::Corrupt(_) => format!("restore a backup; or {anew} (nothing was overwritten)"),
            StoreError::WrongKey(_) => format!("give the key it was sealed with; or {anew} (nothing was overwritten)"),
            // What is said on the way to a server, of TLS, say. Errors of a disk have numbers.
            StoreError::Io(_, why) if is_of_the_way(why) && matches!(self, Self::Postgres(..)) => {
                "see that its address is right, and what the server asks for: docs/postgresql.md".to_owned()
            }
            _ => return Err::<(), _>(error).doing(what).expect_err("it is an error"),
        };
        Err::<(), _>(error).doing(what).expect_err("it is an error").advising(next)
    }

    /// What opens it, as far as that can be told without a key.
    pub(crate) fn sealed_with(&self) -> Option<SealedWith> {
        match self {
            Self::File(path) => Vault::inspect(path).ok().map(|seen| seen.sealed_with),
            Self::Postgres(..) => None,
        }
    }

    /// Where its key comes from, in words.
    pub(crate) fn key_in_words(&self, data: &Path) -> String {
        self.in_words(&self.key_source(data))
    }

    /// A source of its key, in words.
    pub(crate) fn in_words(&self, source: &KeySource) -> String {
        match source {
            KeySource::Text(_) => format!("the variable {}", KeySource::VARIABLE),
            KeySource::Provided(path) => format!("the file {}", path.display()),
            KeySource::Passphrase(_) => "a passphrase".to_owned(),
            KeySource::Keyring { .. } => "the desktop's keyring".to_owned(),
            KeySource::File(file) => file.display().to_string(),
            KeySource::Usual { file, .. } => match self.sealed_with() {
                Some(SealedWith::Passphrase) => "a passphrase".to_owned(),
                Some(SealedWith::Keyring) => "the desktop's keyring".to_owned(),
                _ => file.display().to_string(),
            },
            _ => "a key of another kind".to_owned(),
        }
    }
}

impl Opened {
    /// As a store.
    pub(crate) fn store(&self) -> Arc<dyn Store> {
        match self {
            Self::File(vault) => vault.clone(),
            Self::Postgres(vault) => vault.clone(),
        }
    }

    /// The same one, as a shelf.
    pub(crate) fn shelf(&self) -> Arc<dyn Shelf> {
        match self {
            Self::File(vault) => vault.clone(),
            Self::Postgres(vault) => vault.clone(),
        }
    }

    /// How many items are on it, and how many lines in its book.
    pub(crate) async fn shelf_size(&self) -> Result<(u64, u64), StoreError> {
        match self {
            Self::File(vault) => vault.shelf_size().await,
            Self::Postgres(vault) => vault.shelf_size().await,
        }
    }

    /// As something to move.
    pub(crate) fn portable(&self) -> &dyn Portable {
        match self {
            Self::File(vault) => vault.as_ref(),
            Self::Postgres(vault) => vault.as_ref(),
        }
    }

    /// Seals everything anew.
    pub(crate) async fn rekey(&self, to: &KeySource) -> Result<Rekeyed, StoreError> {
        match self {
            Self::File(vault) => vault.rekey(to).await,
            Self::Postgres(vault) => vault.rekey(to).await,
        }
    }
}

/// An address that cannot be used.
fn unusable(address: &Secret) -> Card {
    let why = PostgresVault::place_of(address).doing("the vault's address cannot be used");
    let card = why.err().unwrap_or_else(|| Card::usage("the vault's address cannot be used", "it is none", "correct it"));
    card.advising("correct it: postgres://USER@HOST/DATABASE, and parameters behind a question mark")
}

/// What key files are named after where the address is a URL as the web has them: as such a URL is written, with the parameters that say where.
fn as_web_url(address: &str) -> Option<String> {
    let mut url = url::Url::parse(address).ok()?;
    let places = url.query_pairs().filter(|(name, _)| ["host", "hostaddr", "port", "dbname"].contains(&&**name));
    let places: String = places.map(|(name, value)| format!(" {name}={value}")).collect();
    // libpq takes both schemes, for the same database.
    let _ = (url.set_password(None), url.set_username(""), url.set_scheme("postgres"));
    url.set_query(None);
    Some(printable(url.as_str()) + &places)
}

/// Opens a vault in PostgreSQL by the key file that many had in common, where it has none of its own yet; and if it is this one's, that becomes its own.
/// Whatever is in the way of that is told by the opening that follows.
async fn take_over_former_key_file(address: &Secret, source: &KeySource, out: &Output) {
    let KeySource::Usual { file, agent } = source else { return };
    let former = file.with_file_name(FORMER_KEY_FILE);
    if file.exists() || !former.exists() {
        return;
    }
    let by_that = KeySource::Usual { file: former.clone(), agent: agent.clone() };
    if PostgresVault::open_existing(address, by_that).await.is_ok() && KeySource::rename_file(&former, file).is_ok() {
        out.note(&out.note_paint().dim(&format!("the key file {} is {} now", former.display(), file.display())));
    }
}

/// Whether it is neither a disk's error nor one of a network: what driver and server did not agree on.
fn is_of_the_way(error: &io::Error) -> bool {
    error.raw_os_error().is_none() && error.kind() == io::ErrorKind::Other
}

/// Without what an editor or an env-file puts around a line.
fn bare(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}')
}

/// `KEYFOB_VAULT=…`, with or without `export`: a line of a script, in the place of what it sets.
fn begins_with_its_name(text: &str) -> bool {
    text.split_once('=').is_some_and(|(name, _)| name.ends_with(VARIABLE))
}

/// What holds `://` and does not begin as a path, or is like `scheme:…@…` (RFC 3986 §3.1). One letter is a disk of Windows.
fn is_like_an_address(text: &str) -> bool {
    if text.contains("://") {
        return !["/", "./", "../"].iter().any(|path| text.starts_with(path));
    }
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let of_a_scheme = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    scheme.len() > 1 && scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.chars().all(of_a_scheme) && rest.contains('@')
}

/// PostgreSQL's other way to say where a database is (libpq, "Keyword/Value Connection Strings"), and what others made of it.
fn is_of_keywords(text: &str) -> bool {
    const FIRST: [&str; 10] = ["host", "hostaddr", "port", "dbname", "database", "server", "user", "password", "service", "sslmode"];
    text.split_once('=').is_some_and(|(word, _)| FIRST.contains(&word.trim().to_ascii_lowercase().as_str()))
}

fn tell(out: &Output, warnings: &[String], key_made: Option<&Path>) {
    for warning in warnings {
        out.note(&format!("{} {}", out.note_paint().warn("warning:"), printable(warning)));
    }
    if let Some(key) = key_made {
        out.note(&out.note_paint().dim(&format!("made a vault, and a key for it in {}: keep a copy of the key elsewhere", key.display())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Location {
        Location::parse(text).unwrap_or_else(|_| panic!("{text}"))
    }

    #[test]
    fn j13_a_mistyped_address_is_not_shown_and_is_no_path() {
        for mistyped in [
            "postgre://me:canary@h/x",
            "POSTGRES://me:canary@h/x",
            "postgres:me:canary@h/x",
            "postgres:/me:canary@h/x",
            "mysql://me:canary@h/x",
            " postgres://me:canary@h/x",
            "\u{feff}postgres://me:canary@h/x",
            "\"postgres://me:canary@h/x\"",
            "'postgres:me:canary@h/x'",
            "KEYFOB_VAULT=postgres://me:canary@h/x",
            "export KEYFOB_VAULT=/canary/vault.db",
            "'/canary/vault.db'",
            "host=h dbname=x user=me password=canary",
            "Password = canary host=h",
            "Server=h;Database=x;User Id=me;Password=canary",
            "",
        ] {
            let card = Location::parse(mistyped).err().unwrap_or_else(|| panic!("{mistyped}"));
            assert!(!format!("{card:?}").contains("canary"), "{card:?}");
        }
        for unencoded in
            ["postgres://me:99/canary@h/x", "postgres://me:99#canary@h/x", "postgres://h/canary@h", "postgres://me:99/a/canary"]
        {
            let card = Location::of_argument(unencoded).err().unwrap_or_else(|| panic!("{unencoded}"));
            assert!(!format!("{card:?}").contains("canary"), "{card:?}");
            // A variable's is told by whoever opens it: much is done without a vault.
            let location = parse(unencoded);
            let told = format!("{} {}", location.shown(), location.key_file(Path::new("/data")).display());
            assert!(!told.contains("canary") && matches!(location, Location::Postgres(_, None)), "{told}");
        }
        for path in
            ["/data/vault.db", "vault.db", "./a:b@c/vault.db", "/a://b", "./a://b", "C:\\me@home\\vault.db", "it: me/vault.db", "me's.db"]
        {
            assert_eq!(parse(path).shown(), path);
        }
    }

    #[test]
    fn j13_a_password_is_refused_in_an_argument_and_never_shown() {
        for (address, place) in [
            ("postgres://me:canary@db.example/x", "postgres://db.example/x"),
            ("postgresql://me@db.example/x?password=canary", "postgresql://db.example/x"),
            ("postgres://me:canary@/x?host=/run/pg&port=5433&pool=3", "postgres:///x?host=/run/pg&port=5433"),
            ("postgres://me@/x?host=%2Frun%2Fpg&password=canary", "postgres:///x?host=/run/pg"),
            ("postgres://me:canary@one:5433,two/x", "postgres://one:5433,two/x"),
            ("postgres://me@one,two/x?password=canary", "postgres://one,two/x"),
        ] {
            assert!(Location::of_argument(address).is_err(), "{address}");
            assert_eq!(parse(address).shown(), place);
        }
        assert!(Location::of_argument("postgres://me@db.example/x").is_ok());
        assert_eq!(parse("/data/vault.db").shown(), "/data/vault.db");
    }

    #[test]
    fn each_database_has_a_key_file_of_its_own() {
        let file = |text: &str| parse(text).key_file(Path::new("/data")).display().to_string();
        assert_eq!(file("/elsewhere/vault.db"), "/elsewhere/vault.key");
        let one = file("postgres://me:canary@db.example:5433/x");
        // Names that key files have by now.
        assert_eq!(one, "/data/postgres---db-example-5433-x-9918d848ab4d.key");
        assert_eq!(file("postgres:///x?host=/run/one"), "/data/postgres----x-5d277bd62f84.key");
        assert_eq!(file("postgres://me:canary@/x?host=%2Frun%2Fone&pool=3"), "/data/postgres----x-5d277bd62f84.key");
        for (text, key) in [
            ("postgres://127.0.0.1:1/gr\u{f6}\u{df}e", "gr-C3-B6-C3-9Fe-ae72585a9d3e.key"),
            ("postgres://127.0.0.1:1/{x}", "a4746ec3600a.key"),
            ("postgres:///x?host=/run/a+b", "12d348bf622c.key"),
        ] {
            assert!(file(text).ends_with(key), "{text}: {}", file(text));
        }
        assert_eq!(one, file("postgresql://me:canary@db.example:5433/x"), "libpq takes both schemes");
        // Who connects, and how, makes no other database of it.
        assert_eq!(one, file("postgres://you@db.example:5433/x?sslmode=require&pool=3"));
        for (one, other) in [
            ("postgres://db.example/x", "postgres://db.example/y"),
            ("postgres://db.example/a_b", "postgres://db.example/a-b"),
            ("postgres:///x?host=/run/one", "postgres:///x?host=/run/two"),
            ("postgres://me@/x?host=/run/one", "postgres://me@/x?host=/run/two"),
            ("postgres://one:5433,two:5433/x", "postgres://one:5433,two:5434/x"),
            ("postgres://me@one,two/x", "postgres://me@one,two/y"),
            ("postgres://db.example/x?port=5433", "postgres://db.example/x?port=5434"),
        ] {
            assert_ne!(file(one), file(other), "{one}, {other}");
        }
    }
}
