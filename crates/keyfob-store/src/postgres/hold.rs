//! The right to refresh one account, across machines: session advisory locks of PostgreSQL, all on one connection of their own.
//!
//! The server frees them when the session ends: when this process dies at once, when its machine is cut off as soon as the keep-alives say so.
//! If the connection breaks, every right that was held through it is gone while its holder may still act. That is why a write counts by its
//! generation, and never by the right.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use keyfob::proto::Timestamp;
use keyfob::store::Hold;
use keyfob::{AccountId, StoreError};
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_postgres::{Client, Error, Statement};

use super::connections::{ANSWER, Connections};
use super::failure::{Failure, Fate};
use crate::seal;

/// How many wishes go into one round trip.
const MOST_AT_ONCE: usize = 256;

/// The server's own limits must not end the session: it waits for hours, and that is its work.
const SETTINGS: &str = "
    SET application_name = 'keyfob locks';
    SELECT set_config(name, '0', false) FROM pg_settings WHERE name IN ('idle_session_timeout', 'statement_timeout');
";
const TAKE: &str = "
    SELECT key, pg_try_advisory_lock(key), pg_backend_pid(), floor(extract(epoch FROM clock_timestamp()))::bigint
    FROM unnest($1::bigint[]) AS key";
const FREE: &str = "SELECT pg_advisory_unlock(key) FROM unnest($1::bigint[]) AS key";

type Line = mpsc::UnboundedSender<Wish>;

/// Takes rights for one vault.
pub(super) struct Holds {
    connections: Arc<Connections>,
    vault: [u8; 16],
    door: Mutex<Door>,
}

/// How to get to what holds the locks.
#[derive(Default)]
struct Door {
    /// To the task that owns the connection. It ends when the connection does.
    line: Option<Line>,
    /// When the last try to connect ended, and how, if it failed.
    failed: Option<(Instant, StoreError)>,
}

/// Frees its lock when it is dropped: by a message, for dropping cannot wait.
struct Held {
    key: i64,
    line: Line,
}

enum Wish {
    Take { key: i64, answer: oneshot::Sender<Option<(Held, Timestamp)>> },
    Free { key: i64 },
}

impl Holds {
    pub(super) fn new(connections: Arc<Connections>, vault: [u8; 16]) -> Self {
        Self { connections, vault, door: Mutex::default() }
    }

    /// Takes the right, if it is free.
    pub(super) async fn try_hold(&self, id: &AccountId) -> Result<Option<Hold>, StoreError> {
        let key = self.key(id);
        // Twice: the connection may have ended while nobody needed it.
        for _ in 0..2 {
            let ((answer, answered), asked) = (oneshot::channel(), Instant::now());
            if self.line().await?.send(Wish::Take { key, answer }).is_ok()
                && let Ok(held) = answered.await
            {
                return Ok(held.map(|(held, now)| Hold::that_may_lapse(held, now).asked(asked.elapsed())));
            }
        }
        let lost = Failure::silence(self.connections.address(), Fate::Unsent);
        Err(lost.error)
    }

    /// 64 bits that mean this account of this vault, and by no chance another program's lock.
    fn key(&self, id: &AccountId) -> i64 {
        let sum = seal::checksum(&[b"keyfob hold", &self.vault, id.as_str().as_bytes()]);
        let mut key = [0; 8];
        key.copy_from_slice(&sum[..8]);
        i64::from_be_bytes(key)
    }

    async fn line(&self) -> Result<Line, StoreError> {
        let asked = Instant::now();
        let mut door = self.door.lock().await;
        if let Some(line) = door.line.as_ref().filter(|line| !line.is_closed()) {
            return Ok(line.clone());
        }
        // All of them waited for this try. One by one, each would wait for the same silence, and the last one for all of it.
        if let Some((_, error)) = door.failed.as_ref().filter(|(at, _)| asked < *at) {
            return Err(error.again());
        }
        match self.connect().await {
            Ok(line) => {
                *door = Door { line: Some(line.clone()), failed: None };
                Ok(line)
            }
            Err(error) => {
                door.failed = Some((Instant::now(), error.again()));
                Err(error)
            }
        }
    }

    async fn connect(&self) -> Result<Line, StoreError> {
        let (client, task) = self.connections.dial().await.map_err(|failure| failure.error)?;
        let address = self.connections.address();
        let session = match timeout(ANSWER, Session::begin(client, task)).await {
            Ok(session) => session.map_err(|error| Failure::connecting(address, &error).error)?,
            Err(_) => return Err(Failure::silence(address, Fate::Unsent).error),
        };
        let (sender, wishes) = mpsc::unbounded_channel();
        tokio::spawn(session.serve(wishes, sender.downgrade()));
        Ok(sender)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // If the session has ended, the server has freed it.
        drop(self.line.send(Wish::Free { key: self.key }));
    }
}

/// The connection, and what is held through it. The server would give one session the same lock twice, so this has to know.
struct Session {
    client: Client,
    connection: JoinHandle<()>,
    take: Statement,
    free: Statement,
    backend: i32,
    held: HashSet<i64>,
}

impl Session {
    async fn begin(client: Client, connection: JoinHandle<()>) -> Result<Self, Error> {
        client.batch_execute(SETTINGS).await?;
        let backend = client.query_one("SELECT pg_backend_pid()", &[]).await?.try_get(0)?;
        let (take, free) = (client.prepare(TAKE).await?, client.prepare(FREE).await?);
        Ok(Self { client, connection, take, free, backend, held: HashSet::new() })
    }

    /// Until the connection ends, or the vault and all that holds through it are gone.
    async fn serve(mut self, mut wishes: mpsc::UnboundedReceiver<Wish>, line: mpsc::WeakUnboundedSender<Wish>) {
        let mut batch = Vec::new();
        loop {
            tokio::select! {
                came = wishes.recv_many(&mut batch, MOST_AT_ONCE) => if came == 0 { break },
                _ = &mut self.connection => break,
            }
            if let Err(why) = self.fulfil(&mut batch, &line).await {
                tracing::warn!(why, "the connection that holds locks in PostgreSQL is given up");
                break;
            }
        }
        self.connection.abort();
    }

    /// Frees first, so that what was dropped before it was asked for is free.
    async fn fulfil(&mut self, batch: &mut Vec<Wish>, line: &mpsc::WeakUnboundedSender<Wish>) -> Result<(), &'static str> {
        let (mut freed, mut wanted, mut answers) = (Vec::new(), Vec::new(), Vec::new());
        for wish in batch.drain(..) {
            match wish {
                Wish::Free { key } => {
                    self.held.remove(&key);
                    freed.push(key);
                }
                Wish::Take { key, answer } => answers.push((key, answer)),
            }
        }
        // What is held here, or wanted twice, is answered without asking.
        let mut asked = Vec::with_capacity(answers.len());
        for (key, answer) in answers {
            if self.held.insert(key) {
                wanted.push(key);
                asked.push((key, answer));
            } else {
                drop(answer.send(None));
            }
        }
        let ended = |_| "it has ended";
        // Both go out at once, in this order.
        let both = async {
            tokio::join!(
                biased;
                async { if freed.is_empty() { Ok(Vec::new()) } else { self.client.query(&self.free, &[&freed]).await } },
                async { if wanted.is_empty() { Ok(Vec::new()) } else { self.client.query(&self.take, &[&wanted]).await } },
            )
        };
        // The keep-alives do not tell a server that hangs from one that has nothing to say; everybody who wants a right would wait with it.
        let (free, take) = timeout(ANSWER, both).await.map_err(|_| "the server does not answer")?;
        free.map_err(ended)?;
        let mut got = HashMap::new();
        for row in take.map_err(ended)? {
            let (key, taken, backend, now): (i64, bool, i32, i64) = (row.get(0), row.get(1), row.get(2), row.get(3));
            if backend != self.backend {
                // What one server process locked for us another would be asked to free: such locks are nobody's.
                return Err("another server process answers: a pooler in transaction mode cannot hold locks");
            }
            if taken {
                got.insert(key, Timestamp::from_unix(now));
            }
        }
        for (key, answer) in asked {
            let held = line.upgrade().and_then(|line| Some((Held { key, line }, *got.get(&key)?)));
            if held.is_none() {
                self.held.remove(&key);
            }
            // If nobody waits for it any more, it is dropped here, and freed with the next batch.
            drop(answer.send(held));
        }
        Ok(())
    }
}
