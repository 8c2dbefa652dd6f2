//! Hostile answers at every back-channel endpoint: eighty-one of them (rows C3–C17), driven through sessions and the transport in use.
//!
//! ```text
//!  endpoint.rs  which endpoints there are, with a test each, and what a good answer is at each
//!  house.rs     asks one endpoint for one case, and looks at what is kept afterwards
//!  verdict.rs   where an endpoint makes something else of a case than the token endpoint does, and why
//!  deadline.rs  answers that come slowly, by a clock that is turned: one deadline for all of a request (C5)
//!  memory.rs    the same in a process of its own, whose memory is looked at (C4)
//! ```
#![allow(clippy::unwrap_used, unreachable_pub, reason = "a test")]

mod deadline;
mod endpoint;
mod house;
mod memory;
mod verdict;

use std::sync::Arc;
use std::time::Duration;

use endpoint::Endpoint;
use house::{House, Transports};
use keyfob::Error;
use keyfob::proto::{Error as ProtoError, TransportKind};
use keyfob_testbed::hostile::{CASES, Case, Verdict};
use tokio::task::{JoinSet, LocalSet};

/// For answers without end, in place of the product's half a minute.
const SHORT: Duration = Duration::from_secs(1);

/// Asks an endpoint for every case, all at once, and collects what was not as it should be.
async fn every_case(endpoint: Endpoint) {
    let (server, transports) = (Arc::new(endpoint::server()), Arc::new(Transports::new()));
    let (tasks, mut running) = (LocalSet::new(), JoinSet::new());
    for case in CASES {
        let (server, transports) = (server.clone(), transports.clone());
        let asking = async move {
            let expected = verdict::of(endpoint, case);
            let way = if case.verdict == Verdict::InTime { transports.hasty() } else { transports.usual() };
            let house = House::new(server.origin(), case.name, way);
            let outcome = house.ask(endpoint).await;
            let mut wrong: Vec<_> = judge(endpoint, case, expected, &outcome).into_iter().collect();
            wrong.extend(house.kept_otherwise(endpoint, expected).await);
            wrong.extend(verdict::asked_otherwise(endpoint, case, &outcome, server.asked(case.name, endpoint.name())));
            wrong
        };
        running.spawn_local_on(asking, &tasks);
    }
    let mut wrong = Vec::new();
    while let Some(found) = tasks.run_until(running.join_next()).await {
        wrong.extend(found.unwrap());
    }
    wrong.sort();
    assert!(wrong.is_empty(), "{}: {} of {} are not as they should be\n{}", endpoint.name(), wrong.len(), CASES.len(), wrong.join("\n"));
    assert_eq!(server.asked_elsewhere(), 0, "where a redirect points to, nobody asks (C3)");
}

fn judge(endpoint: Endpoint, case: &Case, expected: Verdict, outcome: &Result<(), Error>) -> Option<String> {
    let error = match (expected, outcome) {
        (Verdict::Accept, Ok(())) => return None,
        (_, Ok(())) => return Some(format!("{}: expected {expected:?} ({}), but it was taken", case.name, case.why)),
        (_, Err(error)) => error,
    };
    // C15, C19: neither a secret nor an order to a terminal is in what people see.
    let hint = error.hint().unwrap_or_default();
    let shown = format!("{error}\u{1}{hint}");
    let unfit = |c: char| (c.is_control() && c != '\u{1}') || ('\u{202a}'..='\u{202e}').contains(&c);
    if shown.contains(unfit)
        || shown.len() > 2048
        || house::secrets(endpoint).iter().any(|secret| format!("{shown}{error:?}").contains(secret))
    {
        return Some(format!("{}: shows what it must not: {shown:?}", case.name));
    }
    // Whoever reads it cannot mend the server: they hear what else to do.
    if matches!(error, Error::Protocol(_)) && hint.is_empty() {
        return Some(format!("{}: no hint: {error}", case.name));
    }
    let typed = match error {
        Error::Protocol(error) => match expected {
            Verdict::Accept => false,
            Verdict::Refuse => !matches!(error, ProtoError::Misuse(_)),
            // It went on asking, until there was no time left.
            Verdict::Later if endpoint.is_polled() => error.ends_login(),
            Verdict::Later => error.is_transient(),
            Verdict::InTime => matches!(error, ProtoError::Transport(error) if error.kind == TransportKind::Timeout),
        },
        // What the provider's word at a refresh leads to; what the API says in its own words.
        Error::NeedsLogin { .. } => endpoint == Endpoint::Refresh && expected == Verdict::Refuse,
        Error::Api(_) => matches!(expected, Verdict::Refuse | Verdict::Later),
        _ => false,
    };
    (!typed).then(|| format!("{}: expected {expected:?} ({}), but found: {error} [{error:?}]", case.name, case.why))
}

/// What may have been carried out is not asked for again: a server that gets a code twice revokes what the first one gave (RFC 9700 §4.5).
#[tokio::test]
async fn c11_a_code_is_sent_once_whatever_becomes_of_the_answer() {
    let (server, transports) = (endpoint::server(), Transports::new());
    for case in ["reset", "not_http", "cl_long", "bad_chunk", "silent", "slow_body", "err_500", "retry_huge", "rate_429"] {
        let house = House::new(server.origin(), case, transports.hasty());
        let error = house.ask(Endpoint::Token).await.unwrap_err();
        assert!(matches!(&error, Error::Protocol(error) if error.is_transient()), "{case}: {error}");
        assert_eq!(server.asked(case, "token"), 1, "{case}");
    }
}
