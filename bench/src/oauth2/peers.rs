//! The same login by others: the oauth2 crate in this process, packages of PyPI and npm in theirs. Each has to come to the same.

use std::convert::Infallible;
use std::hint::black_box;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oauth2::basic::BasicClient;
use oauth2::{
    AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope, TokenResponse as _, TokenUrl,
};
use serde_json::{Value, json};

use super::fixture::{CLIENT_ID, CLIENT_SECRET, CODE, Fixture, REDIRECT_URI, SCOPE, VERIFIER, tokens};
use super::{TURNS, per};
use crate::measure::beside;
use crate::others::{self, Package};
use crate::table::{Goal, Row, Table};

const OAUTHLIB: Package = Package::PyPi("oauthlib", "4.0.1");
const OPENID_CLIENT: Package = Package::Npm("openid-client", "6.8.9");
const OAUTH4WEBAPI: Package = Package::Npm("oauth4webapi", "3.8.8");

type Client = BasicClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

pub(super) fn authorize(table: &mut Table, work: &str, fixture: &Fixture, ours: impl FnMut() -> f64) {
    let client = client();
    let random = super::fixture::entropy;
    let theirs = || {
        per(|| {
            // As `new_random_sha256_len` and `new_random_len` do it, but that entropy is given here, too.
            let drawn = || {
                let mut bytes = [0; 32];
                random(&mut bytes);
                URL_SAFE_NO_PAD.encode(bytes)
            };
            let (verifier, state) = (PkceCodeVerifier::new(drawn()), drawn());
            let challenge = PkceCodeChallenge::from_code_verifier_sha256(&verifier);
            let scopes = SCOPE.split(' ').map(|scope| Scope::new(scope.to_owned()));
            let request = client.authorize_url(|| CsrfToken::new(state)).add_scopes(scopes).set_pkce_challenge(challenge);
            drop(black_box((request.url(), verifier)));
        })
    };
    let (mine, crate_) = beside(TURNS, ours, theirs);
    table.add(of_crate(work, mine, crate_, Goal::Ratio(1.0 / 4.0)));
    let length = fixture.authorize().0.len();
    for (package, script) in [(OAUTHLIB, "oauth2/authorize.py"), (OPENID_CLIENT, "oauth2/authorize.mjs")] {
        let theirs = asked(package, script, |result| result.parse() == Ok(length));
        others::row(table, work.to_owned(), package, mine, theirs, Goal::Told);
    }
}

pub(super) fn exchange(table: &mut Table, work: &str, fixture: &Fixture, ours: impl FnMut() -> f64) {
    let client = client();
    let access: Value = serde_json::from_slice(fixture.answer.body()).expect("JSON");
    let access = access["access_token"].as_str().expect("text");
    let theirs = || {
        per(|| {
            let request = client.exchange_code(AuthorizationCode::new(CODE.to_owned()));
            let http = |request: HttpRequest| -> Result<HttpResponse, Infallible> {
                black_box(request);
                let answer = http::Response::builder().header("content-type", "application/json").body(fixture.answer.body().clone());
                Ok(answer.expect("an answer"))
            };
            let tokens = request.set_pkce_verifier(PkceCodeVerifier::new(VERIFIER.to_owned())).request(&http).expect("tokens");
            assert!(tokens.access_token().secret() == access);
            black_box(tokens);
        })
    };
    let (mine, crate_) = beside(TURNS, ours, theirs);
    table.add(of_crate(work, mine, crate_, Goal::Ratio(1.0 / 2.5)));
    let theirs = asked(OAUTH4WEBAPI, "oauth2/exchange.mjs", |result| result == access);
    others::row(table, work.to_owned(), OAUTH4WEBAPI, mine, theirs, Goal::Told);
}

fn client() -> Client {
    BasicClient::new(ClientId::new(CLIENT_ID.to_owned()))
        .set_client_secret(ClientSecret::new(CLIENT_SECRET.to_owned()))
        .set_auth_uri(AuthUrl::new("https://login.example/authorize".to_owned()).expect("a URL"))
        .set_token_uri(TokenUrl::new("https://login.example/token".to_owned()).expect("a URL"))
        .set_redirect_uri(RedirectUrl::new(REDIRECT_URI.to_owned()).expect("a URL"))
}

fn of_crate(work: &str, ours: f64, theirs: f64, goal: Goal) -> Row {
    Row { work: work.to_owned(), limit_is: "peer oauth2 5".to_owned(), ours, limit: Some(theirs), unit: "µs", goal }
}

fn asked(package: Package, script: &str, right: impl Fn(&str) -> bool) -> Result<f64, String> {
    let case = json!({
        "authorize": "https://login.example/authorize", "token": "https://login.example/token", "issuer": "https://login.example",
        "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "redirect_uri": REDIRECT_URI, "scope": SCOPE, "code": CODE,
        "verifier": VERIFIER, "answer": tokens(),
    });
    match package.ask(script, &[case])?.pop() {
        Some((result, micros)) if right(&result) => Ok(micros),
        other => Err(format!("another result: {other:?}")),
    }
}
