//! Programs that ask all the time, for every account in turn, and look at whose token it was.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use keyfob_interop::http;

use super::scene::PROVIDER;

/// Every so many requests of a program one is a POST, which nobody may send twice.
const POST: usize = 8;

/// Before the next request after one that was not answered well.
const PAUSE: Duration = Duration::from_millis(50);

/// They ask until they are told to stop.
pub(crate) struct Load {
    over: Arc<AtomicBool>,
    /// Requests that were answered, well or not.
    asked: Arc<AtomicUsize>,
    programs: Vec<JoinHandle<Report>>,
    accounts: usize,
}

/// What became of the requests.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) good: usize,
    /// Answers that somebody else's token had brought.
    pub(crate) wrong: Vec<String>,
    pub(crate) failures: Vec<Failure>,
}

/// A request that was not answered well.
pub(crate) struct Failure {
    /// When it was known.
    pub(crate) at: Instant,
    pub(crate) method: &'static str,
    pub(crate) account: usize,
    /// `None`: there was no answer.
    pub(crate) status: Option<u16>,
    /// The type of the answer's body.
    pub(crate) kind: String,
    pub(crate) text: String,
}

impl Load {
    pub(crate) fn begin(origin: &str, keys: Vec<String>, at_once: usize) -> Self {
        let (over, asked, keys) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)), Arc::new(keys));
        let accounts = keys.len();
        let programs = (0..at_once).map(|first| {
            let (over, asked, keys, origin) = (over.clone(), asked.clone(), keys.clone(), origin.to_owned());
            thread::spawn(move || {
                let mut report = Report::default();
                for turn in 0.. {
                    if over.load(Ordering::SeqCst) {
                        break;
                    }
                    let account = (first + turn * at_once) % keys.len();
                    report.ask(&origin, account, &keys[account], if turn % POST == POST - 1 { "POST" } else { "GET" });
                    asked.fetch_add(1, Ordering::SeqCst);
                }
                report
            })
        });
        let programs = programs.collect();
        Self { over, asked, programs, accounts }
    }

    /// Goes on for so long.
    pub(crate) fn go_on(&self, time: Duration) {
        thread::sleep(time);
    }

    /// Goes on for so many requests more.
    pub(crate) fn go_on_for(&self, requests: usize) {
        let begun = Instant::now();
        let goal = self.asked.load(Ordering::SeqCst) + requests;
        while self.asked.load(Ordering::SeqCst) < goal {
            assert!(begun.elapsed() < Duration::from_secs(900), "they do not get on");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Goes on until every account's turn has come, and ends.
    pub(crate) fn until_all_were_asked(self) -> Report {
        // Each program takes the same number of turns, more or less.
        self.go_on_for(self.accounts + self.accounts / 4 + 64);
        self.end()
    }

    pub(crate) fn end(self) -> Report {
        self.over.store(true, Ordering::SeqCst);
        let mut sum = Report::default();
        for program in self.programs {
            let Report { good, wrong, failures } = program.join().expect("no panic");
            sum.good += good;
            sum.wrong.extend(wrong);
            sum.failures.extend(failures);
        }
        sum
    }
}

impl Report {
    fn ask(&mut self, origin: &str, account: usize, key: &str, method: &'static str) {
        let url = format!("{origin}/api/{PROVIDER}%2F{account}/me");
        let answer = http::send(method, &url, &[("Authorization", &format!("Bearer {key}"))], b"");
        let at = Instant::now();
        if !matches!(&answer, Ok(answer) if answer.status == 200) {
            // A client that is told no comes again, and not at once.
            thread::sleep(PAUSE);
        }
        match answer {
            Ok(answer) if answer.status == 200 => {
                let found = answer.json();
                if found["account"] == account {
                    self.good += 1;
                } else {
                    self.wrong.push(format!("{account}: {found}"));
                }
            }
            Ok(answer) => {
                let kind = answer.header("content-type").unwrap_or_default().to_owned();
                self.failures.push(Failure { at, method, account, status: Some(answer.status), kind, text: answer.text() });
            }
            Err(error) => {
                self.failures.push(Failure { at, method, account, status: None, kind: String::new(), text: error.to_string() });
            }
        }
    }

    /// No request was lost.
    #[track_caller]
    pub(crate) fn assert_good(&self) {
        self.assert_nobody_elses();
        assert!(self.failures.is_empty(), "{} were good, and {}: {:#?}", self.good, self.failures.len(), self.some());
    }

    #[track_caller]
    pub(crate) fn assert_nobody_elses(&self) {
        assert!(self.wrong.is_empty(), "{:#?}", self.wrong);
    }

    /// Enough of what went wrong to look at.
    pub(crate) fn some(&self) -> Vec<&Failure> {
        self.failures.iter().take(12).collect()
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, method, account, status, kind, text } = self;
        write!(f, "{:?} ago: {method} {account}: {status:?} {kind} {}", at.elapsed(), text.chars().take(300).collect::<String>())
    }
}
