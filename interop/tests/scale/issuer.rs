//! The provider: any number of accounts, whose refresh tokens are good once. It knows whose each token is, and which of them counts.
//!
//! Tokens tell their account and how often it was refreshed: `a-17-3` is account 17's access token after three refreshes, `r-17-3` the refresh
//! token that came with it. So an answer can say whose token it was asked with, and the end of a test whether the vault has the newest.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

/// How long a refresh takes, so that something can happen in the middle of one.
const REFRESHING: Duration = Duration::from_millis(20);

/// The provider. It ends with the test.
pub(crate) struct Issuer {
    /// `http://127.0.0.1:PORT`.
    pub(crate) origin: String,
    state: Arc<State>,
    _runtime: Runtime,
}

/// What it did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Refreshes that were answered with new tokens.
    pub(crate) refreshed: u64,
    /// Refresh tokens that came again, whose answer nobody had kept, and were answered as before.
    pub(crate) repeated: u64,
    /// Refresh tokens that are none any more: each of these ends a person's login.
    pub(crate) refused: u64,
    /// Requests with an access token that had ended.
    pub(crate) ended: u64,
}

struct State {
    grants: Vec<Mutex<Grant>>,
    lifetime: u64,
    refreshed: AtomicU64,
    repeated: AtomicU64,
    refused: AtomicU64,
    ended: AtomicU64,
    /// The messages of webhooks that came, by their ids, and how often.
    told: Mutex<BTreeMap<String, u64>>,
}

/// Where an account stands.
struct Grant {
    generation: u64,
    /// When the newest access token ends, and when the one before it does.
    ends: [Instant; 2],
}

impl Issuer {
    /// One with so many accounts, whose access tokens last so many seconds; the first ones are as good as over.
    pub(crate) fn start(accounts: usize, lifetime: u64) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("threads");
        let now = Instant::now();
        let grants = (0..accounts).map(|_| Mutex::new(Grant { generation: 0, ends: [now; 2] })).collect();
        let count = AtomicU64::default;
        let state =
            State { grants, lifetime, refreshed: count(), repeated: count(), refused: count(), ended: count(), told: Mutex::default() };
        let state = Arc::new(state);
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
        let origin = format!("http://{}", listener.local_addr().expect("an address"));
        let ours = state.clone();
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = ours.clone();
                // Who was killed in the middle of a request is no error of ours.
                tokio::spawn(async move { drop(state.serve(stream).await) });
            }
        });
        Self { origin, state, _runtime: runtime }
    }

    /// How often an account was refreshed.
    pub(crate) fn generation(&self, account: usize) -> u64 {
        lock(&self.state.grants[account]).generation
    }

    /// What it did so far.
    pub(crate) fn counts(&self) -> Counts {
        let State { refreshed, repeated, refused, ended, .. } = &*self.state;
        let read = |count: &AtomicU64| count.load(Ordering::SeqCst);
        Counts { refreshed: read(refreshed), repeated: read(repeated), refused: read(refused), ended: read(ended) }
    }

    /// The ids of the messages that webhooks brought, and how often each came.
    pub(crate) fn told(&self) -> BTreeMap<String, u64> {
        lock(&self.state.told).clone()
    }
}

impl State {
    async fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        let mut stream = BufReader::new(stream);
        loop {
            let (mut request, mut headers) = (String::new(), BTreeMap::new());
            if stream.read_line(&mut request).await? == 0 {
                return Ok(());
            }
            loop {
                let mut line = String::new();
                if stream.read_line(&mut line).await? == 0 {
                    return Ok(());
                }
                let Some((name, value)) = line.trim_end().split_once(':') else { break };
                headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
            }
            let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
            let mut body = vec![0; length];
            stream.read_exact(&mut body).await?;
            let path = request.split(' ').nth(1).unwrap_or_default();
            let (status, answer) = match path {
                "/token" => {
                    tokio::time::sleep(REFRESHING).await;
                    self.refresh(&String::from_utf8_lossy(&body))
                }
                "/hook" => self.tell(headers.get("webhook-id")),
                _ => self.whose(headers.get("authorization")),
            };
            let answer = answer.to_string();
            let head = format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", answer.len());
            stream.write_all((head + &answer).as_bytes()).await?;
        }
    }

    fn refresh(&self, form: &str) -> (&'static str, Value) {
        let token = form.split('&').find_map(|pair| pair.strip_prefix("refresh_token=")).unwrap_or_default();
        let refused = || {
            self.refused.fetch_add(1, Ordering::SeqCst);
            ("400 Bad Request", json!({"error": "invalid_grant"}))
        };
        let Some((account, generation)) = read("r-", token) else { return refused() };
        let Some(grant) = self.grants.get(account) else { return refused() };
        let mut grant = lock(grant);
        if generation == grant.generation {
            grant.generation += 1;
            grant.ends = [Instant::now() + Duration::from_secs(self.lifetime), grant.ends[0]];
            self.refreshed.fetch_add(1, Ordering::SeqCst);
        } else if generation + 1 == grant.generation {
            // What was given out then lasts from now on, as if it had just been made.
            grant.ends[0] = Instant::now() + Duration::from_secs(self.lifetime);
            self.repeated.fetch_add(1, Ordering::SeqCst);
        } else {
            return refused();
        }
        let (left, generation) = (grant.ends[0].saturating_duration_since(Instant::now()).as_secs(), grant.generation);
        let (access, refresh) = (format!("a-{account}-{generation}"), format!("r-{account}-{generation}"));
        ("200 OK", json!({"token_type": "Bearer", "access_token": access, "refresh_token": refresh, "expires_in": left}))
    }

    fn whose(&self, authorization: Option<&String>) -> (&'static str, Value) {
        let token = authorization.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
        let found = read("a-", token).and_then(|(account, generation)| {
            let grant = lock(self.grants.get(account)?);
            let age = grant.generation.checked_sub(generation)?;
            let end = grant.ends.get(usize::try_from(age).ok()?)?;
            (Instant::now() < *end).then_some((account, generation))
        });
        match found {
            Some((account, generation)) => ("200 OK", json!({"account": account, "generation": generation})),
            None => {
                self.ended.fetch_add(1, Ordering::SeqCst);
                ("401 Unauthorized", json!({"error": "it has ended"}))
            }
        }
    }

    fn tell(&self, id: Option<&String>) -> (&'static str, Value) {
        *lock(&self.told).entry(id.cloned().unwrap_or_default()).or_default() += 1;
        ("200 OK", json!({}))
    }
}

/// Which account a token is of, and which of its tokens it is.
pub(crate) fn read(beginning: &str, token: &str) -> Option<(usize, u64)> {
    let (account, generation) = token.strip_prefix(beginning)?.split_once('-')?;
    Some((account.parse().ok()?, generation.parse().ok()?))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
