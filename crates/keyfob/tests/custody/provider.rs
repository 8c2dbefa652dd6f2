//! A provider in memory, which rotates its refresh tokens, and fails on demand.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use http::{Request, Response, StatusCode};
use keyfob::proto::{Transport as TransportError, TransportKind};
use keyfob::transport::Sending;
use keyfob::{Body, Transport};

/// The grants that spend no refresh token.
const GRANTS: [&str; 2] = ["authorization_code", "client_credentials"];

/// What happens to the next refresh.
#[derive(Clone, Debug)]
pub enum Act {
    /// What it would do by itself.
    Nothing,
    /// It is carried out, and the answer is lost.
    Lose(TransportKind),
    /// It does not get through.
    Fail(TransportKind),
    /// It is answered with this, and not carried out.
    Say(u16, &'static str),
    /// It is answered 429 with this `Retry-After`, and not carried out.
    SayWait(&'static str),
    /// It is carried out, and answered with this.
    Instead(u16, &'static str),
}

#[derive(Debug)]
pub struct Habits {
    /// Seconds; `None` leaves `expires_in` out.
    pub lifetime: Option<i64>,
    pub rotates: bool,
    /// A spent refresh token answers again with the same successor.
    pub grace: bool,
    /// The same access token again and again.
    pub reissues: bool,
    pub delay: Duration,
    pub script: VecDeque<Act>,
}

#[derive(Debug)]
struct State {
    habits: Habits,
    current: u64,
    /// The refresh tokens that were sent, in order; for a grant that has none, its name.
    asked: Vec<String>,
    /// The requests for tokens, in order.
    bodies: Vec<String>,
    /// Access tokens that the API takes no longer.
    expired: BTreeSet<String>,
    calls: usize,
    under_way: usize,
    most_under_way: usize,
}

#[derive(Debug)]
pub struct Provider {
    state: Mutex<State>,
    /// Shared with the store: what came first?
    log: super::watched::Log,
}

impl Provider {
    pub fn new(log: super::watched::Log) -> Self {
        let habits =
            Habits { lifetime: Some(3600), rotates: true, grace: false, reissues: false, delay: Duration::ZERO, script: VecDeque::new() };
        let state = State {
            habits,
            current: 1,
            asked: vec![],
            bodies: vec![],
            expired: BTreeSet::new(),
            calls: 0,
            under_way: 0,
            most_under_way: 0,
        };
        Self { state: Mutex::new(state), log }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub fn habits(&self, change: impl FnOnce(&mut Habits)) {
        change(&mut self.state().habits);
    }

    pub fn next(&self, act: Act) {
        self.state().habits.script.push_back(act);
    }

    /// The refresh tokens that were sent, in order.
    pub fn asked(&self) -> Vec<String> {
        self.state().asked.clone()
    }

    /// The requests for tokens, in order.
    pub fn bodies(&self) -> Vec<String> {
        self.state().bodies.clone()
    }

    pub fn calls(&self) -> usize {
        self.state().calls
    }

    pub fn most_under_way(&self) -> usize {
        self.state().most_under_way
    }

    /// The API does not take this access token any longer.
    pub fn expire(&self, access: &str) {
        self.state().expired.insert(access.to_owned());
    }

    fn answer(&self, refresh: &str) -> Result<Response<Body>, TransportError> {
        let mut state = self.state();
        state.asked.push(refresh.to_owned());
        self.log.lock().unwrap().push(format!("request {refresh}"));
        let act = state.habits.script.pop_front();
        match act {
            Some(Act::Fail(kind)) => return Err(TransportError::new(kind, "https://provider.example")),
            Some(Act::Say(status, body)) => return Ok(json(status, body)),
            Some(Act::SayWait(after)) => {
                let mut answer = json(429, "");
                answer.headers_mut().insert("retry-after", after.parse().unwrap());
                return Ok(answer);
            }
            _ => {}
        }
        let told: Option<u64> = refresh.rsplit('-').next().and_then(|number| number.parse().ok());
        let good = !state.habits.rotates || GRANTS.contains(&refresh) || told == Some(state.current);
        let again = state.habits.grace && told.is_some_and(|told| told + 1 == state.current);
        if !good && !again {
            return Ok(json(400, r#"{"error":"invalid_grant"}"#));
        }
        if good {
            state.current += 1;
        }
        let number = state.current;
        let access = if state.habits.reissues { "access-1".to_owned() } else { format!("access-{number}") };
        let rotated = if state.habits.rotates { format!(r#","refresh_token":"refresh-{number}""#) } else { String::new() };
        let lifetime = state.habits.lifetime.map(|seconds| format!(r#","expires_in":{seconds}"#)).unwrap_or_default();
        match act {
            Some(Act::Lose(kind)) => Err(TransportError::new(kind, "https://provider.example")),
            Some(Act::Instead(status, body)) => Ok(json(status, body)),
            _ => Ok(json(200, &format!(r#"{{"access_token":"{access}","token_type":"Bearer"{rotated}{lifetime}}}"#))),
        }
    }

    fn revoke(&self, token: &str) -> Result<Response<Body>, TransportError> {
        let mut state = self.state();
        state.asked.push(format!("revoke {token}"));
        match state.habits.script.pop_front() {
            Some(Act::Fail(kind)) => Err(TransportError::new(kind, "https://provider.example")),
            Some(Act::Say(status, body)) => Ok(json(status, body)),
            _ => Ok(json(200, "{}")),
        }
    }

    fn call(&self, request: &Request<Body>) -> Response<Body> {
        let mut state = self.state();
        state.calls += 1;
        let token = request.headers()["authorization"].to_str().unwrap().trim_start_matches("Bearer ").to_owned();
        let taken = !state.expired.contains(&token);
        json(if taken { 200 } else { 401 }, "{}")
    }
}

impl Transport for Provider {
    fn send(&self, request: Request<Body>) -> Sending<'_> {
        Box::pin(async move {
            let path = request.uri().path().to_owned();
            if path != "/token" && path != "/revoke" {
                return Ok(self.call(&request));
            }
            let body = String::from_utf8(request.into_body().bytes(10_000).await?).unwrap();
            if path == "/revoke" {
                return self.revoke(body.split('&').find_map(|pair| pair.strip_prefix("token=")).unwrap());
            }
            let value = |name: &str| body.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
            let refresh = value("refresh_token").or(value("grant_type")).unwrap().to_owned();
            let delay = {
                let mut state = self.state();
                state.bodies.push(body);
                state.under_way += 1;
                state.most_under_way = state.most_under_way.max(state.under_way);
                state.habits.delay
            };
            tokio::time::sleep(delay).await;
            let answer = self.answer(&refresh);
            self.state().under_way -= 1;
            answer
        })
    }
}

fn json(status: u16, body: &str) -> Response<Body> {
    let body = Body::from(body.as_bytes().to_vec());
    let status = StatusCode::from_u16(status).unwrap();
    Response::builder().status(status).header("content-type", "application/json").body(body).unwrap()
}
