//! PostgreSQL in a temporary folder, as an ordinary user.

mod account;
mod programs;
mod server;
mod template;
mod watcher;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::{Authority, Why, skip};
use account::Account;
use programs::Programs;
use server::Server;
use watcher::Watcher;

/// The superuser of every cluster, over TCP with [`PASSWORD`].
const USER: &str = "keyfob_test";
/// Nobody's: the cluster lives for one test.
const PASSWORD: &str = "example-password-not-real";

/// What can be different about a cluster.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// More addresses to listen on than 127.0.0.1.
    pub listen: Vec<String>,
    /// Offer TLS, with a certificate of [`Cluster::authority`] for `localhost`, 127.0.0.1 and the addresses above.
    pub tls: bool,
    /// A certificate for these names, and for none of those.
    pub certificate_for: Vec<String>,
    /// Do not wait for the disk. For tests that only need rows; never for one that is about what is durable.
    pub no_fsync: bool,
    /// Settings by name, as in `postgresql.conf`.
    pub settings: Vec<(String, String)>,
}

/// A PostgreSQL server of our own; dropping it stops it and deletes everything. If this process is killed, that happens too.
pub struct Cluster {
    programs: Programs,
    account: Account,
    port: u16,
    authority: Option<Authority>,
    arguments: Vec<String>,
    server: Mutex<Option<Server>>,
    watcher: Watcher,
    folder: TempDir,
    /// It lives as long as the process: a database goes with whoever asked for it, or a hundred of them lie on the disk in the end.
    shared: bool,
}

/// An empty database of a cluster. One of [`Cluster::shared`] is deleted when it is dropped; others go with their cluster.
pub struct Database<'a> {
    cluster: &'a Cluster,
    name: String,
}

impl Cluster {
    /// Starts one; `None` after saying that the test is skipped, where there is no PostgreSQL.
    ///
    /// # Panics
    /// If there is one and it does not start.
    #[must_use]
    pub fn start(options: &Options) -> Option<Self> {
        Self::start_if_here(options).map_or_else(|reason| skip(Why::Missing, &reason), Some)
    }

    /// The same for those who are no test, or skip in their own way.
    ///
    /// # Errors
    /// What is missing on this machine.
    ///
    /// # Panics
    /// If nothing is missing and it does not start.
    pub fn start_if_here(options: &Options) -> Result<Self, String> {
        let programs = Programs::find().ok_or("no PostgreSQL; `cargo xtask setup` installs it where it may")?;
        let account = Account::for_servers()?;
        let folder = tempfile::Builder::new().prefix("keyfob-postgres-").tempdir().expect("a temporary folder");
        account.give(folder.path());
        // Before anything runs that somebody would have to stop.
        let watcher = Watcher::start(folder.path());
        template::copy(&programs, &account, folder.path());
        let authority = options.tls.then(Authority::new);
        let arguments = configure(folder.path(), &account, authority.as_ref(), options);
        let mut cluster =
            Self { programs, account, port: 0, authority, arguments, server: Mutex::new(None), watcher, folder, shared: false };
        // Somebody else can have the port on another address that PostgreSQL is to listen on.
        for _ in 0..5 {
            cluster.port = crate::port::reserve();
            match cluster.launch() {
                Ok(server) => {
                    *cluster.server.get_mut().unwrap_or_else(PoisonError::into_inner) = Some(server);
                    return Ok(cluster);
                }
                Err(log) if log.contains("could not bind") || log.contains("could not create any TCP") => {}
                Err(log) => panic!("PostgreSQL does not start:\n{log}"),
            }
        }
        panic!("no port was free five times");
    }

    /// The one that all tests of this process share. It ends with the process. It does not wait for the disk: what is about that needs a
    /// cluster of its own.
    #[must_use]
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Result<Cluster, String>> = OnceLock::new();
        let start = || {
            let mut cluster = Self::start_if_here(&Options { no_fsync: true, ..Options::default() })?;
            cluster.shared = true;
            Ok(cluster)
        };
        match SHARED.get_or_init(start) {
            Ok(cluster) => Some(cluster),
            // Each test that is skipped has to say so itself.
            Err(reason) => skip(Why::Missing, reason),
        }
    }

    /// A new, empty database.
    ///
    /// # Panics
    /// If it cannot be made.
    #[must_use]
    pub fn database(&self) -> Database<'_> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name}"));
        Database { cluster: self, name }
    }

    /// Runs SQL with `psql` as the superuser; gives what it printed, columns separated by `|`.
    ///
    /// # Panics
    /// If it fails.
    #[track_caller]
    pub fn sql(&self, database: &str, statements: &str) -> String {
        self.try_sql(database, statements).unwrap_or_else(|problem| panic!("{statements}: {problem}"))
    }

    /// Runs SQL that may fail; the error is what `psql` said.
    ///
    /// # Errors
    /// What `psql` wrote to its standard error, if it ended with a failure.
    ///
    /// # Panics
    /// If there is no `psql`.
    pub fn try_sql(&self, database: &str, statements: &str) -> Result<String, String> {
        let mut psql = Command::new(self.programs.path("psql"));
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", USER, "-d", database, "-c", statements]);
        psql.arg("-h").arg(self.folder.path()).args(["-p", &self.port.to_string()]);
        let output = programs::clean(&mut psql).stdin(Stdio::null()).output().expect("psql runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }

    /// Stops it as an administrator would (`fast`): connections are ended, everything is written down.
    ///
    /// # Panics
    /// If it does not stop.
    pub fn stop(&self) {
        self.end(Signal::INT);
    }

    /// Stops it in haste (`immediate`): connections are cut, nothing is put in order, and its log has to bring it back.
    ///
    /// # Panics
    /// If it does not stop.
    pub fn stop_in_haste(&self) {
        self.end(Signal::QUIT);
    }

    /// Kills it, as a power cut would: nobody says good-bye.
    ///
    /// # Panics
    /// If it does not end.
    pub fn kill(&self) {
        self.end(Signal::KILL);
    }

    /// Starts it again after [`Cluster::stop`], [`Cluster::stop_in_haste`] or [`Cluster::kill`].
    ///
    /// # Panics
    /// If it does not start.
    pub fn start_again(&self) {
        let server = self.launch().unwrap_or_else(|log| panic!("PostgreSQL does not start again:\n{log}"));
        *self.server.lock().unwrap_or_else(PoisonError::into_inner) = Some(server);
    }

    /// Stops and starts it.
    ///
    /// # Panics
    /// If it does not come back.
    pub fn restart(&self) {
        self.stop();
        self.start_again();
    }

    /// Stops all its processes where they are (SIGSTOP), or lets them go on: a server that hangs.
    pub fn freeze(&self, frozen: bool) {
        let signal = if frozen { Signal::STOP } else { Signal::CONT };
        if let Some(server) = &*self.server.lock().unwrap_or_else(PoisonError::into_inner) {
            server.signal_all(signal);
        }
    }

    /// Replaces its `pg_hba.conf`: who may come in, and how; and restarts it.
    ///
    /// # Panics
    /// If it does not come back.
    pub fn admit(&self, rules: &str) {
        std::fs::write(self.folder.path().join("data/pg_hba.conf"), format!("local all all trust\n{rules}\n")).expect("writes");
        self.restart();
    }

    /// The port, on 127.0.0.1 and in the socket's name.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where its socket and its log lie.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Who signed its certificate, with [`Options::tls`].
    #[must_use]
    pub fn authority(&self) -> Option<&Authority> {
        self.authority.as_ref()
    }

    /// A file that a test may need beside the server: closed to others than this user.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).expect("writes");
        path
    }

    /// What it wrote to its log.
    #[must_use]
    pub fn log(&self) -> String {
        server::log(self.folder.path())
    }

    fn launch(&self) -> Result<Server, String> {
        Server::start(&self.programs, &self.account, self.folder.path(), self.port, &self.arguments)
    }

    fn end(&self, signal: Signal) {
        let server = self.server.lock().unwrap_or_else(PoisonError::into_inner).take();
        server.expect("it runs").end(signal, Duration::from_secs(20));
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(server) = self.server.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
            server.end(Signal::QUIT, Duration::from_secs(20));
        }
        self.watcher.dismiss();
    }
}

impl Drop for Database<'_> {
    fn drop(&mut self) {
        // A test that failed has more to say than this could.
        if self.cluster.shared && !std::thread::panicking() {
            // Its connections end with it.
            let _ = self.cluster.try_sql("postgres", &format!("DROP DATABASE {} WITH (FORCE)", self.name));
        }
    }
}

impl Database<'_> {
    /// Its address over the unix socket.
    #[must_use]
    pub fn url(&self) -> String {
        let Self { cluster, name } = self;
        format!("postgres://{USER}@/{name}?host={}&port={}", cluster.folder.path().display(), cluster.port)
    }

    /// Its address over TCP, with the password.
    #[must_use]
    pub fn tcp_url(&self, host: &str) -> String {
        self.url_of(USER, PASSWORD, host)
    }

    /// Its address over TCP for another user.
    #[must_use]
    pub fn url_of(&self, user: &str, password: &str, host: &str) -> String {
        format!("postgres://{user}:{password}@{host}:{}/{}", self.cluster.port, self.name)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs SQL in it, past everything, as the superuser.
    #[track_caller]
    pub fn sql(&self, statements: &str) -> String {
        self.cluster.sql(&self.name, statements)
    }

    /// Runs SQL that may fail.
    ///
    /// # Errors
    /// What `psql` said.
    pub fn try_sql(&self, statements: &str) -> Result<String, String> {
        self.cluster.try_sql(&self.name, statements)
    }
}

/// Writes what lies beside the data; gives the server's arguments.
fn configure(folder: &Path, account: &Account, authority: Option<&Authority>, options: &Options) -> Vec<String> {
    let access = "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\nhost all all ::1/128 scram-sha-256\n\
                  hostssl all all 0.0.0.0/0 scram-sha-256\n";
    std::fs::write(folder.join("data/pg_hba.conf"), access).expect("writes");
    let addresses: Vec<&str> = std::iter::once("127.0.0.1").chain(options.listen.iter().map(String::as_str)).collect();
    let mut settings: Vec<(&str, String)> = vec![
        ("listen_addresses", addresses.join(",")),
        ("unix_socket_directories", folder.display().to_string()),
        ("fsync", if options.no_fsync { "off" } else { "on" }.to_owned()),
        ("max_connections", "200".to_owned()),
        ("shared_buffers", "32MB".to_owned()),
        // Nothing of a server that was killed stays in /dev/shm.
        ("dynamic_shared_memory_type", "mmap".to_owned()),
    ];
    if let Some(authority) = authority {
        let own: Vec<&str> = options.certificate_for.iter().map(String::as_str).collect();
        let names: Vec<&str> = ["localhost"].into_iter().chain(addresses).collect();
        let server = authority.server(if own.is_empty() { &names } else { &own });
        for (name, text) in [("server.crt", &server.certificate), ("server.key", &server.key)] {
            let path = folder.join(name);
            std::fs::write(&path, text).expect("writes");
            account.give(&path);
            std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("closes");
        }
        settings.push(("ssl", "on".to_owned()));
        settings.push(("ssl_cert_file", folder.join("server.crt").display().to_string()));
        settings.push(("ssl_key_file", folder.join("server.key").display().to_string()));
    }
    let own = options.settings.iter().map(|(name, value)| (name.as_str(), value.clone()));
    settings.into_iter().chain(own).flat_map(|(name, value)| ["-c".to_owned(), format!("{name}={value}")]).collect()
}
