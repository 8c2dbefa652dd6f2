//! Hearing what changes on the shelf, whoever changes it: `LISTEN`, on a connection of its own while somebody listens here.
//!
//! A connection that is silent may be one whose other end is gone, and what is not heard is not told. So it is asked for an answer all the time:
//! without one, whoever listens is told within a second that nothing is heard any more, and reads through until it is.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_postgres::{Client, Statement};

use super::connections::Connections;
use super::failure::{Failure, Fate};
use crate::shelf::{Change, Hearing, Herald, Listening};

/// What the writes of items are told on.
pub(super) const CHANNEL: &str = "keyfob_item";

/// How often the connection is asked whether it is there, and how long it may take to answer: together less than a second.
const BEAT: Duration = Duration::from_millis(300);
const PATIENCE: Duration = Duration::from_millis(500);
/// How long to wait before the next connection, at first and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The server's own limits must not end the session: it waits for hours, and that is its work.
const BEGIN: &str = "
    SET application_name = 'keyfob changes';
    SELECT set_config(name, '0', false) FROM pg_settings WHERE name IN ('idle_session_timeout', 'statement_timeout');
    LISTEN keyfob_item;
";
const BACKEND: &str = "SELECT pg_backend_pid()";

/// Hears changes for all that listen.
pub(super) struct Ear {
    connections: Arc<Connections>,
    herald: Arc<Herald>,
    /// Whether there is a task.
    runs: Arc<Mutex<bool>>,
}

impl Ear {
    pub(super) fn new(connections: Arc<Connections>) -> Self {
        Self { connections, herald: Arc::new(Herald::new(Hearing::Begins)), runs: Arc::default() }
    }

    /// Returns when changes are heard, or it is known that they are not now.
    pub(super) async fn listen(&self) -> Listening {
        let listening = {
            let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
            // Under the lock: the task ends only when it finds nobody under it.
            let listening = self.herald.listen();
            if !*runs {
                *runs = true;
                self.herald.begins();
                let (herald, runs) = (Arc::clone(&self.herald), Arc::clone(&self.runs));
                let running = Running { herald, runs, over: AtomicBool::new(false) };
                tokio::spawn(run(Arc::clone(&self.connections), running));
            }
            listening
        };
        self.herald.has_begun().await;
        listening
    }
}

/// The task's half. Dropped with the runtime that it was begun on, it leaves nobody in the belief that something is heard.
struct Running {
    herald: Arc<Herald>,
    runs: Arc<Mutex<bool>>,
    over: AtomicBool,
}

impl Running {
    /// Whether nobody listens any more; then it is over, and whoever comes begins another.
    fn is_over(&self) -> bool {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        if self.herald.has_listeners() {
            return false;
        }
        *runs = false;
        self.over.store(true, Ordering::Relaxed);
        true
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !*self.over.get_mut() {
            *self.runs.lock().unwrap_or_else(PoisonError::into_inner) = false;
            self.herald.is_deaf();
        }
    }
}

/// What the task does.
async fn run(connections: Arc<Connections>, running: Running) {
    let mut pause = FIRST_PAUSE;
    loop {
        let Err(failure) = hear(&connections, &running, &mut pause).await else { return };
        running.herald.is_deaf();
        if running.is_over() {
            return;
        }
        tracing::warn!(error = %failure.error, "changes by other instances are not heard now");
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Until nobody listens, or the connection is lost.
async fn hear(connections: &Connections, running: &Running, pause: &mut Duration) -> Result<(), Failure> {
    let (client, task, mut told) = connections.dial_listening().await?;
    let silence = || Failure::silence(connections.address(), Fate::Unsent);
    let lost = |error: tokio_postgres::Error| Failure::connecting(connections.address(), &error);
    let begun = async {
        client.batch_execute(BEGIN).await?;
        let ask = client.prepare(BACKEND).await?;
        let backend = client.query_one(&ask, &[]).await?.try_get::<_, i32>(0)?;
        Ok((ask, backend))
    };
    let (ask, backend) = timeout(PATIENCE * 10, begun).await.map_err(|_| silence())?.map_err(lost)?;
    running.herald.hears();
    *pause = FIRST_PAUSE;
    let ended = tokio::select! {
        () = pass_on(&mut told, &running.herald) => Err(silence()),
        Err(failure) = beat(connections, &client, &ask, backend) => Err(failure),
        () = nobody_listens(running) => Ok(()),
    };
    task.abort();
    ended
}

/// Until the connection ends.
async fn pass_on(told: &mut mpsc::UnboundedReceiver<String>, herald: &Herald) {
    while let Some(told) = told.recv().await {
        match told.split_once(' ') {
            Some((kind, id)) => herald.tell_item(kind, id),
            // Not one of ours.
            None => herald.tell(Change::Anything),
        }
    }
}

/// What was told before an answer comes before it.
async fn beat(connections: &Connections, client: &Client, ask: &Statement, backend: i32) -> Result<Infallible, Failure> {
    loop {
        sleep(BEAT).await;
        let answer = timeout(PATIENCE, client.query_one(ask, &[])).await;
        let answer = answer.map_err(|_| Failure::silence(connections.address(), Fate::Unsent))?;
        let answer = answer.and_then(|row| row.try_get::<_, i32>(0));
        if answer.map_err(|error| Failure::connecting(connections.address(), &error))? != backend {
            let what = "another server process answers: a pooler in transaction mode passes no notices on";
            let error = keyfob::StoreError::Io(what.to_owned(), std::io::ErrorKind::Unsupported.into());
            return Err(Failure { error, fate: Fate::Refused });
        }
    }
}

async fn nobody_listens(running: &Running) {
    while !running.is_over() {
        sleep(Duration::from_secs(1)).await;
    }
}
