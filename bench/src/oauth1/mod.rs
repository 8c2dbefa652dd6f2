//! Signing for OAuth 1.0a, beside one HMAC over the finished base string, and beside what others wrote.

mod fixture;
mod peers;

use std::hint::black_box;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use fixture::{Fixture, NOTHING};
use hmac::{Hmac, KeyInit, Mac};
use keyfob::proto::oauth1::rsa;
use keyfob::proto::oauth1::{Body, Buffer, Call, SignatureMethod};
use keyfob::proto::{Secret, encode};
use sha1::Sha1;

use crate::measure::{beside, timed};
use crate::table::{Goal, Row, Table};

/// So many signatures a turn: less than a millisecond, so that most turns are not interrupted.
const TIMES: u32 = 200;

/// So many turns.
const TURNS: usize = 1001;

/// One signature, in this buffer; the header's length.
type Sign<'a> = Box<dyn Fn(&mut Buffer) -> usize + 'a>;

pub(crate) fn run() -> Table {
    let mut table = Table::default();
    let (get, post) = (Fixture::get(), Fixture::post());
    for (fixture, short) in [(&get, "GET, base string of 358 bytes"), (&post, "POST with 20 form parameters, base string of 1646 bytes")] {
        measure(&mut table, fixture, short);
    }
    peers::measure(&mut table, &[(&get, "GET", 250.0, 2.0), (&post, "POST with 20 form parameters", 50.0, 1.5)]);
    private_key(&mut table);
    table
}

fn measure(table: &mut Table, fixture: &Fixture, short: &str) {
    let (signer, once) = (fixture.signer(), fixture.once());
    let key = Hmac::<Sha1>::new_from_slice(fixture.key().as_bytes()).expect("any length");
    let base = fixture.base_string();
    let limit = || {
        let (micros, ()) = timed(|| {
            for _ in 0..TIMES {
                black_box(key.clone().chain_update(black_box(&base)).finalize().into_bytes());
            }
        });
        micros / f64::from(TIMES)
    };
    let pairs = fixture.pairs();
    let wire = encode::form_pairs(pairs.iter().copied());
    let url = fixture.url();
    let repeat = signer.repeat(&Call { form: &pairs, ..Call::new(fixture.method, &url) }).expect("a request");
    let as_pairs = Call { form: &pairs, ..Call::new(fixture.method, &url) };
    let as_wire = if pairs.is_empty() {
        Call::new(fixture.method, &url)
    } else {
        Call { body: Body::Form(wire.as_bytes()), ..Call::new(fixture.method, &url) }
    };
    let mut calls: Vec<(&str, f64, Sign<'_>)> = Vec::new();
    if pairs.is_empty() {
        calls.push(("signed", 2.1, Box::new(|buffer| signer.authorization(&as_wire, &once, buffer).expect("signed").len())));
    } else {
        calls.push(("signed, pairs in", 2.5, Box::new(|buffer| signer.authorization(&as_pairs, &once, buffer).expect("signed").len())));
        calls.push(("signed, wire form in", 3.1, Box::new(|buffer| signer.authorization(&as_wire, &once, buffer).expect("signed").len())));
    }
    calls.push(("the same again, new nonce and time", 1.15, Box::new(|buffer| repeat.authorization(&once, buffer).expect("signed").len())));
    for (what, goal, sign) in calls {
        let mut buffer = Buffer::new();
        sign(&mut buffer);
        let allocations = allocation_counter::measure(|| {
            for _ in 0..100 {
                black_box(sign(&mut buffer));
            }
        });
        let ours = || {
            let (micros, ()) = timed(|| {
                for _ in 0..TIMES {
                    black_box(sign(black_box(&mut buffer)));
                }
            });
            micros / f64::from(TIMES)
        };
        let (ours, limit) = beside(TURNS, ours, &limit);
        table.add(Row {
            work: format!("OAuth 1, {short}: {what}"),
            limit_is: "one HMAC-SHA1 over it, pads prepared".to_owned(),
            ours,
            limit: Some(limit),
            unit: "µs",
            goal: Goal::Ratio(goal),
        });
        #[allow(clippy::cast_precision_loss, reason = "a few")]
        table.add(Row {
            work: "within that: allocations of 100".to_owned(),
            limit_is: String::new(),
            ours: allocations.count_total as f64,
            limit: None,
            unit: "",
            goal: Goal::AtMost(0.0),
        });
    }
}

/// RSA-SHA256 with a key that was parsed once.
fn private_key(table: &mut Table) {
    let pem = include_str!("../../../crates/keyfob-proto/tests/vectors/rfc5849/rsa.jsonl").lines().next().expect("a key");
    let pem: serde_json::Value = serde_json::from_str(pem).expect("JSON");
    let pem = pem["private"][0].as_str().expect("PEM");
    let key = rsa::private_key(&Secret::new(pem), SignatureMethod::RsaSha256).expect("a key");
    let der = fixture::der(pem);
    let raw = KeyPair::from_pkcs8(&der).expect("the same key");
    let base = Fixture::get().base_string();
    let hash = SignatureMethod::RsaSha256.hash().expect("one");
    let ours = || timed(|| black_box(key.sign(hash, base.as_bytes(), &NOTHING).expect("a signature"))).0;
    let mut out = vec![0; raw.public_modulus_len()];
    let limit = || timed(|| raw.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), base.as_bytes(), black_box(&mut out))).0;
    let (ours, limit) = beside(301, ours, limit);
    let work = "OAuth 1: an RSA-SHA256 signature, 2048 bits, key parsed once";
    table.add(Row {
        work: work.to_owned(),
        limit_is: "aws-lc-rs, the same key".to_owned(),
        ours,
        limit: Some(limit),
        unit: "µs",
        goal: Goal::Ratio(1.05),
    });
    let signature = rsa::signature(SignatureMethod::RsaSha256, &*key, &base, &NOTHING).expect("a signature");
    peers::measure_private_key(table, work, &base, pem, &signature, ours);
}
