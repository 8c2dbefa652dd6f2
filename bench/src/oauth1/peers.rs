//! What others wrote, on the same requests: oauth1-request in this process, packages of PyPI and npm in theirs. Each has to come to the same signature.

use std::hint::black_box;
use std::num::NonZeroU64;

use keyfob::proto::encode;
use keyfob::proto::oauth1::{Buffer, Call};
use oauth1_request::{Builder, HMAC_SHA1, ParameterList, Token};

use super::fixture::{Fixture, NONCE, TIMESTAMP};
use super::{TIMES, TURNS};
use crate::measure::{beside, timed};
use crate::others::{self, Package};
use crate::table::{Goal, Row, Table};

/// Each request with its name, and how many times faster than oauthlib and than oauth1-request ours is to be.
pub(super) fn measure(table: &mut Table, requests: &[(&Fixture, &str, f64, f64)]) {
    let mut ours = Vec::new();
    for (fixture, name, _, than_crate) in requests {
        let (mine, theirs) = beside_crate(fixture);
        table.add(row(format!("OAuth 1, {name}: signed, pairs in"), "oauth1-request 0.6.1", mine, theirs, Goal::Ratio(1.0 / than_crate)));
        ours.push(mine);
    }
    let cases: Vec<_> = requests.iter().map(|(fixture, ..)| case(fixture)).collect();
    for package in [
        Package::PyPi("oauthlib", "4.0.1"),
        Package::PyPi("Authlib", "1.9.9"),
        Package::PyPi("rauth", "0.7.3"),
        Package::Npm("oauth-1.0a", "2.2.6"),
    ] {
        let oauthlib = matches!(package, Package::PyPi("oauthlib", _));
        let script = if matches!(package, Package::Npm(..)) { "oauth1/sign.mjs" } else { "oauth1/sign.py" };
        let answers = package.ask(script, &cases);
        for (at, ((fixture, name, than_oauthlib, _), mine)) in requests.iter().zip(&ours).enumerate() {
            let theirs = answers.clone().and_then(|answers| match &answers[at] {
                (signature, micros) if *signature == fixture.signature() => Ok(*micros),
                (other, _) => Err(format!("another signature: {other}")),
            });
            let goal = if oauthlib { Goal::Ratio(1.0 / than_oauthlib) } else { Goal::Told };
            others::row(table, format!("OAuth 1, {name}: signed"), package, *mine, theirs, goal);
        }
    }
}

/// The signature of a base string by a private key, in PEM: its name, ours, and how long it took.
pub(super) fn measure_private_key(table: &mut Table, work: &str, base: &str, pem: &str, signature: &str, ours: f64) {
    let fixture = Fixture::get();
    let mut case = case(&fixture);
    case["base"] = base.into();
    case["pem"] = pem.into();
    for (package, script) in
        [(Package::PyPi("oauthlib[signedtoken]", "4.0.1"), "oauth1/sign.py"), (Package::Npm("oauth-1.0a", "2.2.6"), "oauth1/sign.mjs")]
    {
        let theirs = package.ask(script, std::slice::from_ref(&case)).and_then(|answers| match answers.into_iter().next() {
            Some((theirs, micros)) if theirs == signature => Ok(micros),
            other => Err(format!("another signature: {other:?}")),
        });
        others::row(table, work.to_owned(), package, ours, theirs, Goal::Told);
    }
}

/// A request, for a script.
fn case(fixture: &Fixture) -> serde_json::Value {
    let [key, secret, token, token_secret] = fixture.credentials();
    serde_json::json!({
        "key": key, "secret": secret, "token": token, "token_secret": token_secret, "nonce": NONCE, "timestamp": TIMESTAMP.to_string(),
        "method": fixture.method, "url": fixture.url(), "body": encode::form_pairs(fixture.pairs()), "pairs": fixture.pairs(),
    })
}

fn row(work: String, peer: &str, ours: f64, theirs: f64, goal: Goal) -> Row {
    Row { work, limit_is: format!("peer {peer}"), ours, limit: Some(theirs), unit: "µs", goal }
}

fn beside_crate(fixture: &Fixture) -> (f64, f64) {
    let [key, secret, token, token_secret] = fixture.credentials();
    let (signer, once, mut buffer) = (fixture.signer(), fixture.once(), Buffer::new());
    let (pairs, all, url) = (fixture.pairs(), fixture.all_pairs(), fixture.url());
    let call = Call { form: &pairs, ..Call::new(fixture.method, &url) };
    let mine = || {
        let (micros, ()) = timed(|| {
            for _ in 0..TIMES {
                black_box(signer.authorization(black_box(&call), &once, &mut buffer).expect("signed"));
            }
        });
        micros / f64::from(TIMES)
    };
    let credentials = Token::from_parts(key, secret, token, token_secret);
    let mut builder = Builder::with_token(credentials, HMAC_SHA1);
    builder.nonce(NONCE).timestamp(NonZeroU64::new(TIMESTAMP.unsigned_abs())).version(true);
    // Its pairs are sorted beforehand; that is part of what it leaves to the caller.
    let parameters = ParameterList::new(all);
    let header = builder.authorize(fixture.method, fixture.base_url(), &parameters);
    assert!(header.contains(&encode::percent(&fixture.signature())), "{header}");
    let mut text = String::new();
    let theirs = || {
        let (micros, ()) = timed(|| {
            for _ in 0..TIMES {
                text.clear();
                text = builder.authorize_with_buf(std::mem::take(&mut text), fixture.method, fixture.base_url(), black_box(&parameters));
                black_box(&text);
            }
        });
        micros / f64::from(TIMES)
    };
    beside(TURNS, mine, theirs)
}
