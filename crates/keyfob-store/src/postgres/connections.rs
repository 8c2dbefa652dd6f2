//! Connections to the database: a pool of them, what each is told at its beginning, and statements that are tried again where that is safe.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::time::{Duration, Instant};

use deadpool_postgres::{Connect, Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime, TimeoutType};
use keyfob::StoreError;
use keyfob::store::Refusal;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_postgres::types::ToSql;
use tokio_postgres::{AsyncMessage, Client, Config, Connection, Error, NoTls, Row};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::address::Address;
use super::failure::{Failure, Fate};

/// How long connecting may take, to each address and in all.
const CONNECT: Duration = Duration::from_secs(5);
/// How long to wait for a connection while all are in use.
const TURN: Duration = Duration::from_secs(10);
/// How long a statement may take; the server is told a little less, so that it is the one to end it.
pub(super) const ANSWER: Duration = Duration::from_secs(35);
/// How long a write is asked for again whose answer was lost: longer than a restart takes.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often a statement is repeated that the server took back because another was in its way.
const MOST_UNDONE: u32 = 20;

/// What every connection is told.
///
/// `search_path`: nobody's function in another schema is taken for PostgreSQL's own. `synchronous_commit`: what is acknowledged is on the
/// disk, whatever this database's or role's default. The keep-alives are the server's: it ends the session of a machine that was cut off
/// within some ten seconds, and so frees its locks.
const SETTINGS: &str = "
    SET search_path = pg_catalog;
    SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED;
    SET statement_timeout = '30s';
    SET lock_timeout = '10s';
    SET idle_in_transaction_session_timeout = '60s';
    SET tcp_keepalives_idle = 5;
    SET tcp_keepalives_interval = 2;
    SET tcp_keepalives_count = 3;
    SET tcp_user_timeout = '10s';
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') IN ('off', 'local');
";

pub(super) struct Connections {
    address: Address,
    dial: Dial,
    pool: Pool,
}

/// How a statement may be tried again after its connection ended under it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    /// Once, on another connection.
    Once,
    /// Until it is known, or the patience has an end; also when there is no connection to be had at first.
    UntilKnown,
}

/// What a statement gave.
pub(super) struct Answer {
    pub(super) rows: Vec<Row>,
    /// It may have been done before, and that answer lost.
    pub(super) repeated: bool,
}

/// How a connection is made.
#[derive(Clone)]
struct Dial {
    tls: Option<MakeRustlsConnect>,
}

impl Connections {
    pub(super) fn new(mut address: Address) -> Result<Self, StoreError> {
        address
            .config
            .application_name("keyfob")
            .connect_timeout(CONNECT)
            .keepalives_idle(Duration::from_secs(5))
            .keepalives_interval(Duration::from_secs(2))
            .keepalives_retries(3)
            .tcp_user_timeout(Duration::from_secs(10));
        let dial = Dial { tls: address.trust.as_ref().map(super::tls::Trust::connector).transpose()? };
        let manager = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let pool = Pool::builder(Manager::from_connect(address.config.clone(), dial.clone(), manager))
            .max_size(address.pool)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(TURN))
            .create_timeout(Some(CONNECT * 2))
            .build()
            .map_err(|error| StoreError::Io("a pool of connections".to_owned(), std::io::Error::other(error.to_string())))?;
        Ok(Self { address, dial, pool })
    }

    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    /// A connection for a while.
    pub(super) async fn get(&self) -> Result<Object, Failure> {
        self.pool.get().await.map_err(|error| match error {
            PoolError::Backend(error) => Failure::connecting(&self.address, &error),
            PoolError::Timeout(TimeoutType::Wait) => {
                let what = format!("{}: all of our connections are in use; give a larger pool=N in the address", self.address.place());
                Failure { error: StoreError::Refused(what, Refusal::Full), fate: Fate::Unsent }
            }
            _ => Failure::silence(&self.address, Fate::Unsent),
        })
    }

    /// A connection of its own, outside the pool; and the task that ends when it does.
    pub(super) async fn dial(&self) -> Result<(Client, JoinHandle<()>), Failure> {
        match tokio::time::timeout(CONNECT * 2, self.dial.connect(&self.address.config)).await {
            Ok(connected) => connected.map_err(|error| Failure::connecting(&self.address, &error)),
            Err(_) => Err(Failure::silence(&self.address, Fate::Unsent)),
        }
    }

    /// The same, for one that listens: with what is told on it.
    pub(super) async fn dial_listening(&self) -> Result<(Client, JoinHandle<()>, mpsc::UnboundedReceiver<String>), Failure> {
        let (tell, told) = mpsc::unbounded_channel();
        let dialled = async {
            let (client, task) = match &self.dial.tls {
                None => {
                    let (client, connection) = self.address.config.connect(NoTls).await?;
                    (client, tokio::spawn(listen(connection, tell)))
                }
                Some(tls) => {
                    let (client, connection) = self.address.config.connect(tls.clone()).await?;
                    (client, tokio::spawn(listen(connection, tell)))
                }
            };
            client.batch_execute(SETTINGS).await?;
            Ok((client, task, told))
        };
        match tokio::time::timeout(CONNECT * 2, dialled).await {
            Ok(connected) => connected.map_err(|error| Failure::connecting(&self.address, &error)),
            Err(_) => Err(Failure::silence(&self.address, Fate::Unsent)),
        }
    }

    /// Runs one statement, by itself a transaction.
    pub(super) async fn run(&self, statement: &str, parameters: &[&(dyn ToSql + Sync)], again: Again) -> Result<Answer, Failure> {
        let begun = Instant::now();
        let (mut lost, mut unsent, mut undone) = (0_u32, 0_u32, 0_u32);
        loop {
            let failure = match self.attempt(statement, parameters).await {
                Ok(rows) => return Ok(Answer { rows, repeated: lost > 0 }),
                Err(failure) => failure,
            };
            let go_on = match failure.fate {
                Fate::Unknown => {
                    lost += 1;
                    (again == Again::Once && lost == 1) || (again == Again::UntilKnown && begun.elapsed() < PATIENCE)
                }
                Fate::Standby => {
                    unsent += 1;
                    (again == Again::Once && unsent == 1) || (again == Again::UntilKnown && begun.elapsed() < PATIENCE)
                }
                Fate::Unsent => {
                    unsent += 1;
                    again == Again::UntilKnown && begun.elapsed() < PATIENCE
                }
                Fate::Undone => {
                    undone += 1;
                    undone < MOST_UNDONE
                }
                Fate::Duplicate | Fate::Refused => false,
            };
            if !go_on {
                return Err(Failure { fate: if lost > 0 { Fate::Unknown } else { failure.fate }, ..failure });
            }
            // At once the first time: the connection may have ended long ago, and the server be well.
            let tries = lost + unsent + undone;
            if tries > 1 {
                tokio::time::sleep(Duration::from_millis(u64::from(tries.min(10)) * 50)).await;
            }
        }
    }

    async fn attempt(&self, statement: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Failure> {
        let mut connection = self.get().await?;
        let mut prepared = connection.prepare_cached(statement).await;
        if prepared.as_ref().is_err_and(|error| Failure::of(&self.address, error).fate == Fate::Unknown) {
            // It ended while it lay in the pool, and most likely all others did. Nothing was sent that could have been done.
            self.forget(connection);
            connection = self.get().await?;
            prepared = connection.prepare_cached(statement).await;
        }
        let prepared = match prepared {
            Ok(prepared) => prepared,
            Err(error) => return Err(Failure::connecting(&self.address, &error)),
        };
        let failure = match tokio::time::timeout(ANSWER, connection.query(&prepared, parameters)).await {
            Ok(Ok(rows)) => return Ok(rows),
            Ok(Err(error)) => Failure::of(&self.address, &error),
            Err(_) => Failure::silence(&self.address, Fate::Unknown),
        };
        if matches!(failure.fate, Fate::Unknown | Fate::Standby) {
            self.forget(connection);
        }
        Err(failure)
    }

    /// Lets go of a connection that ended, and of all others that lie in the pool: what ended it was not about it alone.
    pub(super) fn forget(&self, connection: Object) {
        drop(Object::take(connection));
        self.pool.retain(|_, _| false);
    }
}

type Connected = Result<(Client, JoinHandle<()>), Error>;

impl Connect for Dial {
    fn connect(&self, config: &Config) -> Pin<Box<dyn Future<Output = Connected> + Send + '_>> {
        let config = config.clone();
        Box::pin(async move {
            let (client, task) = match &self.tls {
                None => {
                    let (client, connection) = config.connect(NoTls).await?;
                    (client, tokio::spawn(drive(connection)))
                }
                Some(tls) => {
                    let (client, connection) = config.connect(tls.clone()).await?;
                    (client, tokio::spawn(drive(connection)))
                }
            };
            client.batch_execute(SETTINGS).await?;
            Ok((client, task))
        })
    }
}

/// Moves the bytes. Errors reach whoever waits for an answer.
async fn drive(connection: impl Future<Output = Result<(), Error>>) {
    if connection.await.is_err() {
        tracing::debug!("a connection to PostgreSQL ended");
    }
}

/// The same, and tells of what `NOTIFY` brings. Nobody is told any more when it ends.
async fn listen<S, T>(mut connection: Connection<S, T>, tell: mpsc::UnboundedSender<String>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
        if let AsyncMessage::Notification(notice) = message {
            // Nobody may hear it any more.
            drop(tell.send(notice.payload().to_owned()));
        }
    }
    tracing::debug!("a connection to PostgreSQL ended");
}

#[cfg(test)]
mod tests {
    use keyfob::proto::Secret;
    use keyfob_testbed::{Cluster, Options};

    use super::*;

    /// Whatever the database's own defaults are.
    #[tokio::test]
    async fn the_settings_are_in_force() {
        let defaults = [
            ("synchronous_commit", "off"),
            ("default_transaction_isolation", "serializable"),
            ("search_path", "public"),
            ("idle_in_transaction_session_timeout", "0"),
        ];
        let settings = defaults.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let Some(cluster) = Cluster::start(&Options { settings, ..Options::default() }) else { return };
        let database = cluster.database();
        // Over TCP: a unix socket has no keep-alives.
        let address = Address::parse(&Secret::new(database.tcp_url("127.0.0.1"))).expect("an address");
        let connections = Connections::new(address).expect("a pool");
        let begun = Instant::now();
        // A busy machine may take longer for it than a caller is kept waiting; that is not what this is about.
        let (client, _task) = loop {
            match connections.dial().await {
                Ok(dialled) => break dialled,
                Err(failure) => assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", failure.error),
            }
        };
        for (name, expected) in [
            ("synchronous_commit", "on"),
            ("transaction_isolation", "read committed"),
            ("search_path", "pg_catalog"),
            ("statement_timeout", "30s"),
            ("lock_timeout", "10s"),
            ("idle_in_transaction_session_timeout", "1min"),
            ("tcp_keepalives_idle", "5"),
            ("tcp_keepalives_interval", "2"),
            ("tcp_keepalives_count", "3"),
            ("tcp_user_timeout", "10000"),
            ("application_name", "keyfob"),
        ] {
            let found: String = client.query_one(&format!("SHOW {name}"), &[]).await.expect("shows").get(0);
            assert_eq!(found, expected, "{name}");
        }
    }
}
