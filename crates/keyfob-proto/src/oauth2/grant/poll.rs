//! Asking until somebody has decided: what the device grant (RFC 8628 §3.5) and CIBA (OpenID CIBA Core §10.1) have in common.

use serde::{Deserialize, Serialize};

use crate::deviation::{Deviation, Tolerated};
use crate::error::{Code, Error, Misuse, Transport};
use crate::message::{Incoming, Outgoing};
use crate::oauth2::access_request::Asked;
use crate::oauth2::client::Client;
use crate::oauth2::rar::AuthorizationDetail;
use crate::oauth2::token_response::{self, Context};
use crate::secret::Secret;
use crate::time::Timestamp;
use crate::token::Received;

/// Between two questions, where the server says nothing (RFC 8628 §3.2; OpenID CIBA Core §7.3).
const DEFAULT_INTERVAL: i64 = 5;

/// What `slow_down` adds, for this question and all that follow (RFC 8628 §3.5).
const SLOW_DOWN: i64 = 5;

/// A login that is open for longer than a day is a mistake; it is cut.
const LONGEST_LIFETIME: u64 = 86_400;

/// The longest pause while the server cannot be reached; longer ones would sleep through the approval.
const LONGEST_PAUSE: i64 = 300;

/// What `Retry-After` may ask for at most: a server must not be able to put us to sleep.
const LONGEST_RETRY_AFTER: i64 = 60;

/// What to do next in a flow that waits for a person.
#[derive(Debug)]
#[must_use = "a flow that waits goes on by its steps"]
#[expect(clippy::large_enum_variant, reason = "it is taken apart where it is made; a box would be in the way of all who do")]
pub enum Step {
    /// Send this, and give the answer to `receive` (or the failure to `unreachable`).
    Send(Outgoing),
    /// Nothing until then; then ask for the next step. Store the login before, if it is to survive a restart.
    WaitUntil(Timestamp),
    /// Somebody approved.
    Done(Received),
}

/// When to ask, and how long.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Poll {
    interval: i64,
    /// How many intervals to wait when nobody told us to ask.
    patience: i64,
    /// Questions in a row that did not get through.
    failures: u32,
    next_at: Timestamp,
    created_at: Timestamp,
    expires_at: Timestamp,
    over: bool,
    /// Told to ask, and not asked since.
    #[serde(default)]
    pinged: bool,
}

impl Poll {
    /// Begins: the first question comes after one interval, for nobody decides faster than they can read.
    pub(super) fn new(interval: Option<u64>, patience: i64, lifetime: u64, now: Timestamp) -> Self {
        // 0 would be a busy loop.
        let interval = interval.map_or(DEFAULT_INTERVAL, |seconds| seconds.clamp(1, LONGEST_LIFETIME).cast_signed());
        let expires_at = now.plus(lifetime.min(LONGEST_LIFETIME).cast_signed());
        let next_at = now.plus(interval.saturating_mul(patience));
        Self { interval, patience, failures: 0, next_at, created_at: now, expires_at, over: false, pinged: false }
    }

    pub(super) fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    pub(super) fn interval(&self) -> i64 {
        self.interval
    }

    /// Somebody told us that there is an answer.
    pub(super) fn at_once(&mut self, now: Timestamp) {
        self.pinged = true;
        self.next_at = now;
    }

    pub(super) fn is_decided(&self) -> bool {
        self.over
    }

    /// `None`: ask now.
    fn wait(&mut self, now: Timestamp) -> Result<Option<Timestamp>, Misuse> {
        if self.over {
            return Err(Misuse::new("a login that is still waiting", "one that was decided")
                .of("RFC 8628 §3.4")
                .with_hint("begin a new login")
                .ending_login());
        }
        // A clock that went back must make neither a login immortal nor a pause endless.
        let lifetime = self.expires_at.since(self.created_at);
        if now >= self.expires_at || now < self.created_at.plus(-lifetime) {
            return Err(Misuse::new("an approval in time", "a login that has expired")
                .of("RFC 8628 §3.5")
                .with_hint("begin the login again")
                .ending_login());
        }
        if self.next_at.since(now) > self.pause().max(LONGEST_RETRY_AFTER) {
            self.next_at = now.plus(self.pause());
        }
        if now < self.next_at {
            return Ok(Some(self.next_at.min(self.expires_at)));
        }
        // Before the question leaves: whoever dies with it does not ask again at once after the restart.
        self.pause_from(now);
        self.pinged = false;
        Ok(None)
    }

    fn judge(&mut self, outcome: Result<Received, Error>, now: Timestamp) -> Result<Step, Error> {
        let error = match outcome {
            Ok(received) => {
                self.over = true;
                return Ok(Step::Done(received));
            }
            Err(error) => error,
        };
        match &error {
            Error::Refused(refused) if refused.code == Code::AuthorizationPending => self.failures = 0,
            Error::Refused(refused) if refused.code == Code::SlowDown => {
                self.failures = 0;
                self.interval = self.interval.saturating_add(SLOW_DOWN);
            }
            error if error.is_transient() => self.failures = self.failures.saturating_add(1),
            _ => {
                // The server's word is the end. An answer that nobody understands is not: it may not even be the server's.
                self.over = error.ends_login();
                self.pause_from(now);
                return Err(error);
            }
        }
        // Told while this question was under way: somebody may have decided after the server answered it.
        let is_pending = matches!(&error, Error::Refused(refused) if refused.code == Code::AuthorizationPending);
        if self.pinged && is_pending {
            self.next_at = now;
        } else {
            self.pause_from(now);
        }
        if let Some(seconds) = error.retry_after() {
            let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
            self.next_at = self.next_at.max(now.plus(seconds.min(LONGEST_RETRY_AFTER)));
        }
        Ok(Step::WaitUntil(self.next_at.min(self.expires_at)))
    }

    fn pause_from(&mut self, now: Timestamp) {
        self.next_at = now.plus(self.pause());
    }

    /// Twice as long for each question in a row that did not get through (RFC 8628 §3.5).
    fn pause(&self) -> i64 {
        let pause = self.interval.saturating_mul(self.patience);
        pause.saturating_mul(1 << self.failures.min(16)).min(LONGEST_PAUSE.max(pause))
    }
}

/// A login that waits for a decision, at the server it was begun at.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Waiting {
    pub(super) poll: Poll,
    client_id: String,
    token_endpoint: String,
    issuer: Option<String>,
    scopes: Vec<String>,
    #[serde(default)]
    authorization_details: Vec<AuthorizationDetail>,
    #[serde(default)]
    resources: Vec<String>,
    #[serde(default)]
    tolerated: Vec<String>,
}

/// How a grant asks: its `grant_type`, and the parameter that names the login.
#[derive(Clone, Copy)]
pub(super) struct Question<'a> {
    pub(super) grant_type: &'a str,
    pub(super) name: &'a str,
    pub(super) value: &'a Secret,
}

impl Waiting {
    pub(super) fn new(client: &Client, poll: Poll, asked: Asked, tolerated: &Tolerated) -> Self {
        Self {
            poll,
            client_id: client.shared.app.client_id.clone(),
            token_endpoint: client.shared.settings.token.as_str().to_owned(),
            issuer: client.shared.settings.issuer.clone(),
            scopes: asked.scopes,
            authorization_details: asked.details,
            resources: asked.resources,
            tolerated: tolerated.iter().map(|deviation| deviation.name().to_owned()).collect(),
        }
    }

    pub(super) fn step(&mut self, client: &Client, question: Question<'_>, now: Timestamp) -> Result<Step, Error> {
        self.check(client)?;
        if let Some(at) = self.poll.wait(now)? {
            return Ok(Step::WaitUntil(at));
        }
        let body = vec![("grant_type", question.grant_type), (question.name, question.value.expose())];
        Ok(Step::Send(client.token_request(&client.shared.settings.token, body)?))
    }

    pub(super) fn receive(&mut self, client: &Client, question: Question<'_>, answer: Incoming<'_>, now: Timestamp) -> Result<Step, Error> {
        self.check(client)?;
        let context = Context {
            scopes: self.scopes.clone(),
            details: self.authorization_details.clone(),
            resources: self.resources.clone(),
            scrubber: client.scrubber().knowing(question.value),
            ..Context::default()
        };
        let outcome = token_response::read(answer, client, context, now).map(|mut received| {
            received.tolerated.extend(self.tolerated.iter().filter_map(|name| Deviation::by_name(name)));
            received
        });
        self.poll.judge(outcome, now)
    }

    pub(super) fn unreachable(&mut self, failure: Transport, now: Timestamp) -> Result<Step, Error> {
        self.poll.judge(Err(failure.into()), now)
    }

    /// The code that names the login must not go to another server than the one that made it up (mix-up, RFC 9700 §4.4).
    fn check(&self, client: &Client) -> Result<(), Misuse> {
        if self.token_endpoint == client.shared.settings.token.as_str()
            && self.client_id == client.shared.app.client_id
            && self.issuer == client.shared.settings.issuer
        {
            return Ok(());
        }
        Err(Misuse::another_clients("RFC 8628 §3.4"))
    }
}
