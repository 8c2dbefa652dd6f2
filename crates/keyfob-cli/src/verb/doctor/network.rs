//! The provider's servers: their names, whether they answer and can be trusted, and what time they have. They are sent nothing but a HEAD.

use std::collections::BTreeMap;
use std::time::Duration;

use keyfob::proto::{Origin, Timestamp, TokenSet, Transport as TransportError, TransportKind};
use keyfob::transport::Transport;
use keyfob::{Account, Body};
use url::{Host, Url};

use super::{Code, Finding};
use crate::account::now;
use crate::context::{Context, transport};
use crate::moment;

/// A doctor has other patients.
const PATIENCE: Duration = Duration::from_secs(10);

/// Clocks that differ by less differ by nothing (a `Date` has whole seconds, and an answer takes its time).
const SAME: i64 = 5;

/// OAuth 1 servers commonly take timestamps within five minutes (RFC 5849 §3.3 leaves it to them).
const TOLERATED: i64 = 300;

/// What each server said: accounts of one provider share it.
#[derive(Default)]
pub(super) struct Asked(BTreeMap<Origin, Result<Option<i64>, (TransportKind, String)>>);

pub(super) async fn look(account: &Account, context: &Context, asked: &mut Asked) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut offsets = Vec::new();
    for origin in &account.origins {
        let said = match asked.0.get(origin) {
            Some(said) => said.clone(),
            None => {
                let said = ask(origin).await;
                asked.0.insert(origin.clone(), said.clone());
                said
            }
        };
        match said {
            Ok(offset) => offsets.extend(offset),
            Err((kind, why)) => findings.push(unreachable(origin, kind, why, context).await),
        }
    }
    let reached = account.origins.len() - findings.len();
    if findings.is_empty() {
        let count = if reached == 1 { account.origins[0].to_string() } else { format!("{reached} servers") };
        // On this machine there may be plain http.
        let secure = account.origins.iter().all(|origin| origin.as_str().starts_with("https://"));
        let good = if secure { "name, connection and certificate are good" } else { "name and connection are good" };
        findings.push(Finding::good("network", format!("{count}: {good}")));
    }
    // The one that differs most decides: one server with a wrong clock is enough.
    if let Some(offset) = offsets.into_iter().max_by_key(|offset| offset.abs()) {
        findings.push(clock(offset, matches!(account.tokens, TokenSet::OAuth1(_))));
    }
    findings
}

fn clock(offset: i64, signs: bool) -> Finding {
    let length = moment::length(offset);
    let side = if offset > 0 { "behind" } else { "ahead of" };
    let fix = "set the clock: timedatectl set-ntp true, or the like";
    match offset.abs() {
        0..=SAME => Finding::good("clock", "as the provider's"),
        off if signs && off > TOLERATED => Finding::bad(
            "clock",
            Code::Error,
            format!("this machine is {length} {side} the provider, whose signatures have the time in them"),
            fix,
        ),
        off if off > TOLERATED => {
            Finding::doubtful("clock", format!("this machine is {length} {side} the provider: tokens seem to end at another time"), fix)
        }
        _ => Finding::note("clock", format!("this machine is {length} {side} the provider")),
    }
}

/// How far ahead of us the server's clock is, where it says so.
async fn ask(origin: &Origin) -> Result<Option<i64>, (TransportKind, String)> {
    let failed = |error: &TransportError| (error.kind, deepest(error));
    let broken = |why: &str| (TransportKind::Connect, why.to_owned());
    let transport = transport().map_err(|card| broken(card.why()))?;
    let request = http::Request::head(format!("{origin}/")).body(Body::empty()).map_err(|_| broken("its address is none"))?;
    let before = now();
    let answer = match tokio::time::timeout(PATIENCE, transport.send(request)).await {
        Ok(answer) => answer.map_err(|error| failed(&error))?,
        Err(_) => return Err((TransportKind::Timeout, "no answer in time".to_owned())),
    };
    let date = answer.headers().get(http::header::DATE).and_then(|date| date.to_str().ok()).and_then(date);
    // Somewhere between asking and being answered it looked at its clock.
    Ok(date.map(|date| {
        let (early, late) = (date.since(now()), date.since(before));
        if early <= 0 && late >= 0 { 0 } else { late.abs().min(early.abs()) * late.signum() }
    }))
}

/// `Date` (RFC 9110 §5.6.7), in the form that is sent.
fn date(text: &str) -> Option<Timestamp> {
    let moment = jiff::fmt::rfc2822::parse(text).ok()?;
    Some(Timestamp::from_unix(moment.timestamp().as_second()))
}

async fn unreachable(origin: &Origin, kind: TransportKind, why: String, context: &Context) -> Finding {
    let what = match kind {
        TransportKind::Tls => "TLS",
        TransportKind::Connect if has_no_address(origin).await => "DNS",
        _ => "network",
    };
    let fix = match (what, kind) {
        ("TLS", _) => {
            "the certificate is not trusted: check the date of this machine, its certificates (ca-certificates), and who is in between"
        }
        ("DNS", _) => "nobody knows this name: check it (getent hosts), the network, and /etc/resolv.conf",
        (_, TransportKind::Timeout) => "it may be down, or something in between is in the way: try again later",
        (_, TransportKind::Forbidden) => "KEYFOB_LOOPBACK_ONLY keeps everything on this machine: unset it",
        _ if context.sandbox().is_some() => "start the sandbox: keyfob sandbox",
        _ => "it may be down; check the network, and HTTPS_PROXY",
    };
    Finding::bad(what, Code::Network, format!("{origin}: {why}"), fix)
}

/// Whether its name is what fails. Where a proxy asks for names, ours is not asked.
async fn has_no_address(origin: &Origin) -> bool {
    let proxied = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]
        .iter()
        .any(|name| std::env::var_os(name).is_some_and(|set| !set.is_empty()));
    let parsed = Url::parse(origin.as_str()).ok();
    let Some(Host::Domain(name)) = parsed.as_ref().and_then(Url::host).filter(|_| !proxied) else { return false };
    match tokio::time::timeout(PATIENCE, tokio::net::lookup_host((name, 0))).await {
        Ok(Ok(mut addresses)) => addresses.next().is_none(),
        Ok(Err(_)) => true,
        Err(_) => false,
    }
}

fn deepest(error: &TransportError) -> String {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = std::error::Error::source(error);
    let mut said = error.to_string();
    while let Some(found) = cause {
        said = found.to_string();
        cause = found.source();
    }
    keyfob::proto::scrub::printable(&said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_off_is_worse_where_time_is_signed() {
        let bad = |offset, signs| matches!(clock(offset, signs).state, super::super::State::Bad(_));
        assert!(bad(400, true) && bad(-400, true) && !bad(400, false) && !bad(200, true));
        assert!(clock(400, true).found.contains("6 min 40 s behind"));
        assert!(clock(-400, true).found.contains("ahead of"));
    }

    /// No question leaves this machine: `localhost` is known here, and a label of more than 63 characters is none that could be asked for (RFC 1035 §2.3.4).
    #[tokio::test]
    async fn a_name_that_nobody_knows_is_told_from_a_server_that_is_down() {
        let is_nameless = async |origin: &str| has_no_address(&Origin::parse(origin).expect("an origin")).await;
        assert!(!is_nameless("http://127.0.0.1:1").await && !is_nameless("http://[::1]:1").await);
        assert!(!is_nameless("http://localhost:1").await);
        assert!(is_nameless(&format!("https://{}.invalid", "a".repeat(64))).await);
    }

    #[test]
    fn dates_are_read() {
        assert_eq!(date("Sun, 06 Nov 1994 08:49:37 GMT").map(|date| date.as_unix()), Some(784_111_777));
        assert_eq!(date("yesterday"), None);
    }
}
