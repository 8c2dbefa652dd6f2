//! An app that says by a key who it is, tokens that are bound to another one, ID tokens, and a login on another device.

use std::collections::BTreeSet;
use std::fs;

use keyfob::Store;
use keyfob::proto::TokenSet;
use keyfob::proto::jose::{Algorithm, AwsLc, Crypto as _};
use keyfob_e2e::canary::{Canary, Seen};
use keyfob_sandbox::{At, Consent, Faults};
use keyfob_store::{KeySource, Vault};

use crate::run::{Run, usually_meant};

#[test]
fn j10_j11_j12_keys_assertions_id_tokens_and_device_codes_are_nowhere() {
    let mut run = Run::begin();
    let app = an_app_with_a_key(&mut run);
    let end = run.run_with(&["app", "add", "acme-oidc", "--stdin"], &app);
    assert!(end.success, "{end:#?}");
    run.log_in("acme-oidc");
    on_another_device(&mut run);
    let lives: [(&[&str], bool); 17] = [
        (&["acme-oidc", "me"], true),
        (&["refresh", "acme-oidc"], true),
        (&["refresh", "acme-oidc", "--json"], true),
        (&["status", "acme-oidc"], true),
        (&["status", "acme-oidc", "--json"], true),
        (&["status", "acme-oidc", "--history"], true),
        (&["status", "acme-oidc", "--check"], true),
        (&["get", "acme-oidc", "/api/me", "--dry-run"], true),
        (&["get", "acme-oidc", "/api/me", "-i"], true),
        (&["explain", "GET", "acme-oidc", "/api/me"], true),
        (&["why", "acme-oidc", "GET", "/api/me"], false),
        (&["trace", "--html", "refresh.html", "refresh", "acme-oidc"], true),
        (&["trace", "--html", "call.html", "get", "acme-oidc", "/api/me", "-o", "me.json"], true),
        (&["login", "acme-oidc/service", "--client-credentials", "--scope", "echo"], true),
        (&["app", "list", "--json"], true),
        (&["get", "acme/away", "/api/me", "-i"], true),
        // Nobody said yes.
        (&["refresh", "acme/nobody"], false),
    ];
    for (arguments, works) in lives {
        let end = run.run(arguments);
        assert_eq!(end.success, works, "{arguments:?}: {end:#?}");
    }
    for faults in [
        Faults { at: At::Token, html: 1, ..Faults::default() },
        Faults { at: At::Token, truncated: 1, ..Faults::default() },
        Faults { at: At::Token, error_at_200: 1, ..Faults::default() },
    ] {
        run.house.world.faults("acme").set(faults);
        run.run(&["refresh", "acme-oidc"]);
        run.house.world.faults("acme").clear();
    }
    run.more.extend(proof_keys(&run));
    run.run(&["logout", "acme-oidc", "--revoke"]);

    let canaries = run.end(usually_meant);
    let kinds: BTreeSet<&str> = canaries.iter().map(|canary| canary.what.as_str()).collect();
    for kind in ["client_assertion", "id_token", "device_code", "private key of the app", "private key of the tokens", "access_token"] {
        assert!(kinds.contains(kind), "no {kind} was looked for: {kinds:?}");
    }
}

/// Registers one at the strict issuer, with a provider file of the person's own that asks for everything by its key; what the command is told of it.
fn an_app_with_a_key(run: &mut Run) -> String {
    let key = AwsLc.generate(Algorithm::ES256).expect("a key");
    let mut jwk = AwsLc.signer(Algorithm::ES256, &key).expect("it signs").public_key().expect("a key pair").to_jwk();
    jwk.insert("kid".to_owned(), "key-1".into());
    let mut registered = run.house.world.app("acme-oidc");
    (registered.client_id, registered.client_secret) = ("with-a-key".to_owned(), String::new());
    registered.metadata.token_endpoint_auth_method = Some("private_key_jwt".to_owned());
    registered.metadata.jwks = Some(serde_json::json!({"keys": [jwk]}));
    run.house.world.register("with-a-key", registered);
    let file = "[client]\nfields = [\n    { name = \"client_id\", label = \"Client ID\" },\n    { name = \"private_key\", label = \"Private key\", secret = true },\n    \
                { name = \"private_key_id\", label = \"Its name\" },\n]\n[oauth2]\nclient_auth = \"private_key_jwt\"\npar_required = true\nrequest_object = true\ndpop = true\n";
    let folder = run.house.path().join(".config/keyfob/providers");
    fs::create_dir_all(&folder).and_then(|()| fs::write(folder.join("acme-oidc.toml"), file)).expect("a provider file");
    let pem = key.to_pem().expect("a key that can be kept").expose().to_owned();
    run.more.extend(of_key("private key of the app", &pem));
    serde_json::json!({"client_id": "with-a-key", "private_key": pem, "private_key_id": "key-1"}).to_string()
}

/// One login that somebody agrees to elsewhere, and one that is interrupted while it asks.
fn on_another_device(run: &mut Run) {
    let end = run.run(&["login", "acme/away", "--device"]);
    assert!(end.success, "{end:#?}");
    run.house.world.consent("acme", Consent::Ask);
    let arguments = ["login", "acme/nobody", "--device"];
    let mut login = run.house.start(&arguments);
    login.wait_for_note("http://");
    run.said.push(Seen { kind: "said", of: arguments.join(" "), bytes: login.errors().into_bytes() });
    drop(login);
    run.house.world.consent("acme", Consent::Approve);
}

/// The keys that tokens are bound to go over no line: they are read out of the vault.
fn proof_keys(run: &Run) -> BTreeSet<Canary> {
    let place = run.house.path().join(".local/share/keyfob/sandbox/vault.db");
    let vault = Vault::open(&place, KeySource::beside(&place)).expect("the vault opens");
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    let accounts = runtime.block_on(vault.accounts()).expect("lists");
    let keys = accounts.iter().filter_map(|account| match &account.value.tokens {
        TokenSet::OAuth2(tokens) => tokens.proof_key.as_ref(),
        _ => None,
    });
    let keys: BTreeSet<Canary> = keys.flat_map(|key| of_key("private key of the tokens", key.expose())).collect();
    assert!(!keys.is_empty(), "no token is bound to a key");
    keys
}

/// A key in PEM, line by line: whoever writes it down elsewhere breaks it elsewhere, or not at all.
fn of_key(what: &str, pem: &str) -> Vec<Canary> {
    let lines = pem.lines().filter(|line| !line.starts_with("-----"));
    lines.filter(|line| line.len() >= 10).map(|line| Canary::new(what, line)).collect()
}
