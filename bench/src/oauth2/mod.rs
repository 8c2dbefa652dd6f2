//! A login by OAuth 2: the URL the person is sent to, and the exchange of the code; beside the bare work, and beside what others wrote.

mod fixture;
mod peers;

use std::hint::black_box;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keyfob::proto::{Answer, encode};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::measure::{beside, timed};
use crate::table::{Goal, Row, Table};
use fixture::{CLIENT_ID, CODE, Fixture, NOW, REDIRECT_URI, SCOPE, entropy};

/// So many times a turn: less than a millisecond.
const TIMES: u32 = 200;

/// So many turns.
const TURNS: usize = 501;

pub(crate) fn run() -> Table {
    let mut table = Table::default();
    let fixture = Fixture::new();
    authorize(&mut table, &fixture);
    exchange(&mut table, &fixture);
    table
}

fn authorize(table: &mut Table, fixture: &Fixture) {
    const WORK: &str = "OAuth 2: an authorization URL with PKCE (S256) and state, entropy given";
    let ours = || per(|| drop(black_box(fixture.authorize())));
    let before = format!(
        "https://login.example/authorize?{}&state=",
        encode::form_pairs([
            ("response_type", "code"),
            ("client_id", CLIENT_ID),
            ("scope", SCOPE),
            ("code_challenge_method", "S256"),
            ("redirect_uri", REDIRECT_URI),
        ])
    );
    // Two random numbers, four encodings, one hash, and the bytes put together.
    let limit = || {
        per(|| {
            let mut random = [0; 64];
            entropy(&mut random);
            let (mut state, mut verifier, mut challenge) = ([0; 43], [0; 43], [0; 43]);
            encode_into(&random[..32], &mut state);
            encode_into(&random[32..], &mut verifier);
            encode_into(&Sha256::digest(verifier), &mut challenge);
            let mut url = Vec::with_capacity(512);
            for part in [black_box(before.as_bytes()), &state, b"&code_challenge=", &challenge] {
                url.extend_from_slice(part);
            }
            black_box((url, verifier));
        })
    };
    let (mine, bare) = beside(TURNS, ours, limit);
    let limit_is = "SHA-256, base64url and bytes put together".to_owned();
    table.add(Row { work: WORK.to_owned(), limit_is, ours: mine, limit: Some(bare), unit: "µs", goal: Goal::Ratio(2.1) });
    peers::authorize(table, WORK, fixture, ours);
}

/// The answer's members, and no more than that.
#[derive(Deserialize)]
struct Bare<'a> {
    access_token: &'a str,
    refresh_token: &'a str,
    token_type: &'a str,
    expires_in: u64,
    scope: &'a str,
}

fn exchange(table: &mut Table, fixture: &Fixture) {
    const WORK: &str = "OAuth 2: a code exchange built and its answer of 1 KB read";
    let (_, pending) = fixture.authorize();
    let back = format!("{REDIRECT_URI}?code={CODE}&state={}", pending.key().expose());
    let verified = || pending.verify(Answer::Url(&back), NOW).expect("our own answer");
    let exchange = |verified| {
        let exchange = fixture.client.exchange(verified).expect("a request");
        black_box(exchange.request());
        black_box(exchange.receive(&fixture.answer, NOW).expect("tokens"))
    };
    // What is exchanged is made beforehand: it can be used once.
    let ours = || {
        let all: Vec<_> = (0..TIMES).map(|_| verified()).collect();
        let (micros, ()) = timed(|| all.into_iter().for_each(|verified| drop(exchange(verified))));
        micros / f64::from(TIMES)
    };
    let body = fixture.answer.body().as_slice();
    let limit = || {
        per(|| {
            let form = [
                ("grant_type", "authorization_code"),
                ("code", CODE),
                ("redirect_uri", REDIRECT_URI),
                ("code_verifier", fixture::VERIFIER),
            ];
            black_box(encode::form_pairs(form));
            let Bare { access_token, refresh_token, token_type, expires_in, scope } =
                serde_json::from_slice(black_box(body)).expect("JSON");
            black_box((access_token, refresh_token, token_type, expires_in, scope));
        })
    };
    let (mine, bare) = beside(TURNS, ours, limit);
    let limit_is = "the form written, the JSON read without a copy".to_owned();
    table.add(Row { work: WORK.to_owned(), limit_is, ours: mine, limit: Some(bare), unit: "µs", goal: Goal::Told });
    let mut once = Some(verified());
    let allocations = allocation_counter::measure(|| drop(once.take().map(exchange)));
    #[allow(clippy::cast_precision_loss, reason = "a few")]
    table.add(Row {
        work: "within that: allocations".to_owned(),
        limit_is: String::new(),
        ours: allocations.count_total as f64,
        limit: None,
        unit: "",
        goal: Goal::AtMost(8.0),
    });
    peers::exchange(table, WORK, fixture, ours);
}

fn encode_into(bytes: &[u8], text: &mut [u8; 43]) {
    URL_SAFE_NO_PAD.encode_slice(bytes, text).expect("32 bytes are 43 digits");
}

fn per(mut work: impl FnMut()) -> f64 {
    let (micros, ()) = timed(|| (0..TIMES).for_each(|_| work()));
    micros / f64::from(TIMES)
}
