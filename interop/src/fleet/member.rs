//! A member: reads orders, carries them out with as many tasks as it is told, reports.
//!
//! | order           | what each task does                                                     |
//! |-----------------|-------------------------------------------------------------------------|
//! | `call TASKS`    | `GET /me`, which succeeds with the peer's answer alone                   |
//! | `token TASKS`   | asks for a valid access token                                           |
//! | `loop MS`       | one task: call after call, for so many milliseconds                     |
//! | `add PREFIX N`  | one task: puts so many accounts of other names                          |
//! | `clock SECONDS` | nothing: the member's clock is so far ahead from now on                 |

use std::env;
use std::io::BufRead as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use keyfob::proto::TokenSet;
use keyfob::store::Expected;
use keyfob::{AccountId, Session};
use tokio::task::JoinSet;

use super::{ACCOUNT, Base, PLACE, Report};

/// Serves until nobody gives orders any more; nothing at all where this is not a member's process.
///
/// # Panics
/// If an order is none, or the vault is not there.
pub fn serve() {
    let Ok(place) = env::var(PLACE) else { return };
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    let base = Base::open(&PathBuf::from(env::var_os("HOME").expect("a home")), &place);
    let session = runtime.block_on(base.session());
    // Not on the line that the test harness has begun.
    println!("\nready");
    for order in std::io::stdin().lock().lines().map_while(Result::ok) {
        let words: Vec<&str> = order.split(' ').collect();
        let report = runtime.block_on(carry_out(&words, &base, &session));
        println!("report {}", serde_json::to_string(&report).expect("plain data"));
    }
}

async fn carry_out(words: &[&str], base: &Base, session: &Session) -> Report {
    let number = words.last().and_then(|word| word.parse::<usize>().ok()).unwrap_or_else(|| panic!("{words:?}"));
    match words {
        ["call", _] => at_once(number, session, call).await,
        ["token", _] => at_once(number, session, token).await,
        ["loop", _] => {
            let mut report = Report::default();
            let until = Instant::now() + Duration::from_millis(number as u64);
            while Instant::now() < until {
                report.add(call(session.clone()).await);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            report
        }
        ["add", prefix, _] => add(prefix, number, base, session).await,
        ["clock", _] => {
            base.turn(i64::try_from(number).expect("not that far"));
            Report::default()
        }
        other => panic!("{other:?}"),
    }
}

async fn at_once<F>(tasks: usize, session: &Session, task: impl Fn(Session) -> F) -> Report
where
    F: Future<Output = Result<String, String>> + Send + 'static,
{
    let mut running: JoinSet<_> = (0..tasks).map(|_| task(session.clone())).collect();
    let mut report = Report::default();
    while let Some(ended) = running.join_next().await {
        report.add(ended.expect("no panic"));
    }
    report
}

async fn call(session: Session) -> Result<String, String> {
    let answer = session.get("/me").send().await.map_err(|error| error.to_string())?;
    let found = answer.json().await.map_err(|error| error.to_string())?;
    if found["sub"] == "robin" { Ok(fingerprint(&session)) } else { Err(found.to_string()) }
}

async fn token(session: Session) -> Result<String, String> {
    let token = session.token(0).await.map_err(|error| error.to_string())?;
    Ok(token.fingerprint())
}

fn fingerprint(session: &Session) -> String {
    match session.account().tokens {
        TokenSet::OAuth2(tokens) => tokens.access.fingerprint(),
        other => panic!("{other:?}"),
    }
}

async fn add(prefix: &str, count: usize, base: &Base, session: &Session) -> Report {
    let mut report = Report::default();
    for number in 0..count {
        let mut account = session.account();
        account.id = AccountId::random();
        account.name = format!("{ACCOUNT}/{prefix}-{number}");
        let put = base.keyfob.store().put_account(&account, Expected::Nothing, None).await;
        report.add(put.map(|_| String::new()).map_err(|error| error.to_string()));
    }
    report
}

impl Report {
    fn add(&mut self, outcome: Result<String, String>) {
        match outcome {
            Ok(token) => {
                self.good += 1;
                self.tokens.insert(token);
            }
            Err(error) => {
                self.errors.insert(error);
            }
        }
    }
}
