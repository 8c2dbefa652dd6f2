//! Where vaults lie: in a file, or in a PostgreSQL of our own.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use keyfob::proto::Secret;
use keyfob::{Store, StoreError};
use keyfob_store::{KeySource, PostgresVault, Vault};
use keyfob_testbed::{Cluster, Options};
use tempfile::TempDir;

use crate::tally::{Outcome, Skip};
use crate::{Rig, Rigged};

/// Where a vault is, as children are told it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a file.
    File(PathBuf),
    /// In a database of this address. No password is in it: everybody sees the arguments of a child.
    Database(String),
}

impl Place {
    /// The place that a child was told.
    pub fn of(text: &str) -> Self {
        if PostgresVault::is_address(text) { Self::Database(text.to_owned()) } else { Self::File(text.into()) }
    }

    /// Opens the vault, and makes it if there is none.
    pub async fn open(&self) -> Result<Box<dyn Store>, StoreError> {
        Ok(match self {
            Self::File(path) => Box::new(Vault::open(path, KeySource::beside(path))?),
            Self::Database(address) => Box::new(PostgresVault::open(&Secret::new(address), key()).await?),
        })
    }

    /// Opens the vault that is there.
    pub async fn open_existing(&self) -> Result<Box<dyn Store>, StoreError> {
        Ok(match self {
            Self::File(path) => Box::new(Vault::open_existing(path, KeySource::beside(path))?),
            Self::Database(address) => Box::new(PostgresVault::open_existing(&Secret::new(address), key()).await?),
        })
    }
}

impl AsRef<OsStr> for Place {
    fn as_ref(&self) -> &OsStr {
        match self {
            Self::File(path) => path.as_os_str(),
            Self::Database(address) => address.as_ref(),
        }
    }
}

/// There is nothing to protect in these vaults.
fn key() -> KeySource {
    KeySource::Text(Secret::new("5e".repeat(32)))
}

/// What there is room for vaults on, one at a time.
pub(crate) enum Ground<'a> {
    /// The disk.
    Disk(&'a Rig),
    /// A PostgreSQL server.
    Server(&'a Server),
}

/// A PostgreSQL server with one database.
pub(crate) struct Server {
    pub(crate) cluster: Cluster,
    address: String,
    database: String,
}

/// The place of a vault that is not there yet. A file is gone when this is dropped, a schema when another is asked for.
pub(crate) struct Plot {
    pub(crate) place: Place,
    _folder: Option<TempDir>,
}

impl Ground<'_> {
    /// Runs a torture of vaults in PostgreSQL, where there is one.
    pub(crate) fn postgres(rig: &Rig, torture: impl FnOnce(&Rig, &Ground<'_>) -> Rigged<Outcome>) -> Rigged<Outcome> {
        match Server::start() {
            Ok(server) => torture(rig, &Ground::Server(&server)),
            Err(skip) => Ok(Outcome::Skipped(skip)),
        }
    }

    /// Room for a new vault.
    pub(crate) fn another(&self) -> Rigged<Plot> {
        match self {
            Self::Disk(rig) => {
                let folder = rig.folder()?;
                Ok(Plot { place: Place::File(folder.path().join("keyfob/vault.db")), _folder: Some(folder) })
            }
            Self::Server(server) => server.another(),
        }
    }

    /// Waits until everything that killed processes asked for is done or dropped: a server does not know at once that they are gone.
    pub(crate) fn settle(&self) -> Rigged<()> {
        match self {
            Self::Disk(_) => Ok(()),
            Self::Server(server) => server.settle(),
        }
    }

    /// How many kills the long version has; a server is slow to see that somebody is gone.
    pub(crate) fn many(&self) -> u64 {
        match self {
            Self::Disk(_) => 10_000,
            Self::Server(_) => 2000,
        }
    }

    /// So many microseconds after a child's start its vault is open, most likely, and was made if there was none.
    pub(crate) fn opens_within(&self) -> u64 {
        match self {
            Self::Disk(_) => 12_000,
            Self::Server(_) => 80_000,
        }
    }
}

impl Server {
    /// Starts one.
    pub(crate) fn start() -> Result<Self, Skip> {
        let cluster = Cluster::start_if_here(&Options::default()).map_err(Skip::missing)?;
        let (address, database) = {
            let database = cluster.database();
            (database.url(), database.name().to_owned())
        };
        Ok(Self { cluster, address, database })
    }

    /// Room for a new vault, in place of the last one.
    pub(crate) fn another(&self) -> Rigged<Plot> {
        self.settle()?;
        self.ask("DROP SCHEMA IF EXISTS keyfob CASCADE")?;
        Ok(Plot { place: Place::Database(self.address.clone()), _folder: None })
    }

    /// The server's processes that serve connections of this name.
    pub(crate) fn backends(&self, name: &str) -> Rigged<Vec<i32>> {
        let found = self.ask(&format!("SELECT pid FROM pg_stat_activity WHERE application_name = '{name}'"))?;
        found.lines().map(|line| line.parse().map_err(|_| format!("no process id: {line}"))).collect()
    }

    /// Waits until nobody is connected.
    pub(crate) fn settle(&self) -> Rigged<()> {
        let others = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
        let begun = Instant::now();
        while self.ask(others)? != "0" {
            if begun.elapsed() > Duration::from_secs(30) {
                return Err("the server still serves somebody".to_owned());
            }
            sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// Asks it, once it answers: it may be recovering from what was done to it.
    fn ask(&self, question: &str) -> Rigged<String> {
        let begun = Instant::now();
        loop {
            match self.cluster.try_sql(&self.database, question) {
                Err(_) if begun.elapsed() < Duration::from_secs(60) => sleep(Duration::from_millis(20)),
                answer => return answer,
            }
        }
    }
}
