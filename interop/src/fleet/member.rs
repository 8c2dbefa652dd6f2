//! A member: reads orders, carries them out with as many tasks as it is told, reports.
//!
//! | order           | what it means                                                             |
//! |-----------------|---------------------------------------------------------------------------|
//! | `call TASKS`    | so many tasks an account: `GET /me`, which succeeds with the peer's answer |
//! | `token TASKS`   | so many tasks an account: ask for a valid access token                     |
//! | `loop MS`       | one task an account: call after call, for so many milliseconds             |
//! | `add PREFIX N`  | put so many more accounts, one after another                               |
//! | `clock SECONDS` | this process's clock is so far ahead from now on                           |

use std::env;
use std::io::BufRead as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use keyfob::proto::{Secret, TokenSet};
use keyfob::store::Expected;
use keyfob::{AccountId, Session};
use tokio::task::JoinSet;

use super::{Base, PLACE, PROVIDER, Report};

/// Serves until nobody gives orders any more; nothing at all where this is not a member's process.
///
/// # Panics
/// If an order is none, or the vault is not there.
pub fn serve() {
    let Ok(place) = env::var(PLACE) else { return };
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    let home = PathBuf::from(env::var_os("HOME").expect("a home"));
    let base = runtime.block_on(Base::open(&home, &place));
    let sessions = runtime.block_on(base.sessions());
    // Not on the line that the test harness has begun.
    println!("\nready");
    for order in std::io::stdin().lock().lines().map_while(Result::ok) {
        let words: Vec<&str> = order.split(' ').collect();
        let report = runtime.block_on(carry_out(&words, &base, &sessions));
        println!("report {}", serde_json::to_string(&report).expect("plain data"));
    }
}

async fn carry_out(words: &[&str], base: &Base, sessions: &[Session]) -> Report {
    let number = words.last().and_then(|word| word.parse::<usize>().ok()).unwrap_or_else(|| panic!("{words:?}"));
    match words {
        ["call", _] => at_once(number, sessions, call).await,
        ["token", _] => at_once(number, sessions, token).await,
        ["loop", _] => {
            let until = Instant::now() + Duration::from_millis(number as u64);
            gather(sessions.iter().map(|session| calls(session.clone(), until))).await
        }
        ["add", prefix, _] => add(prefix, number, base, &sessions[0]).await,
        ["clock", _] => {
            base.turn(i64::try_from(number).expect("not that far"));
            Report::default()
        }
        other => panic!("{other:?}"),
    }
}

/// So many tasks for each account, all at once.
async fn at_once<F>(tasks: usize, sessions: &[Session], task: impl Fn(Session) -> F) -> Report
where
    F: Future<Output = Result<String, String>> + Send + 'static,
{
    let all = (0..tasks).flat_map(|_| sessions).map(|session| {
        let running = task(session.clone());
        async { Report::of(running.await) }
    });
    gather(all).await
}

async fn gather<F: Future<Output = Report> + Send + 'static>(tasks: impl Iterator<Item = F>) -> Report {
    let mut running: JoinSet<_> = tasks.collect();
    let mut sum = Report::default();
    while let Some(ended) = running.join_next().await {
        sum.add(ended.expect("no panic"));
    }
    sum
}

async fn calls(session: Session, until: Instant) -> Report {
    let mut sum = Report::default();
    while Instant::now() < until {
        sum.add(Report::of(call(session.clone()).await));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    sum
}

async fn call(session: Session) -> Result<String, String> {
    let answer = session.get("/me").send().await.map_err(|error| error.to_string())?;
    let found = answer.json().await.map_err(|error| error.to_string())?;
    match (&session.account().tokens, found["sub"] == "robin") {
        (TokenSet::OAuth2(tokens), true) => Ok(seal(&session, &tokens.access)),
        _ => Err(found.to_string()),
    }
}

async fn token(session: Session) -> Result<String, String> {
    let token = session.token(0).await.map_err(|error| error.to_string())?;
    Ok(seal(&session, &token))
}

fn seal(session: &Session, token: &Secret) -> String {
    format!("{} {}", session.account().name, token.fingerprint())
}

async fn add(prefix: &str, count: usize, base: &Base, like: &Session) -> Report {
    let mut sum = Report::default();
    for number in 0..count {
        let mut account = like.account();
        account.id = AccountId::random();
        account.name = format!("{PROVIDER}/{prefix}-{number}");
        let put = base.keyfob.store().put_account(&account, Expected::Nothing, None).await;
        sum.add(Report::of(put.map(|_| account.name).map_err(|error| error.to_string())));
    }
    sum
}

impl Report {
    fn of(outcome: Result<String, String>) -> Self {
        match outcome {
            Ok(token) => Self { good: 1, tokens: [token].into(), errors: Default::default() },
            Err(error) => Self { good: 0, tokens: Default::default(), errors: [error].into() },
        }
    }

    /// Adds up what two did.
    pub fn add(&mut self, other: Self) {
        self.good += other.good;
        self.tokens.extend(other.tokens);
        self.errors.extend(other.errors);
    }
}
