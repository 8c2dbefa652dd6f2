//! The command against a provider that others wrote: oidc-provider.

use std::thread;
use std::time::Duration;

use keyfob_interop::{Home, http, peers, person};
use serde_json::Value;

/// As in the peer's registrations.
const CLIENTS: [(&str, &str, &str); 3] =
    [("peer-public", "", "none"), ("peer:web", "secret not real:&=+ %/?#", "basic"), ("peer-post", "another secret/not+real%", "post")];

#[test]
fn the_command_logs_in_calls_refreshes_and_revokes() {
    let Some(peer) = peers::oidc(3600) else { return };
    for (id, secret, auth) in CLIENTS {
        let home = home(&peer.origin, id, secret, auth);
        home.log_in("peer", person::agree);
        assert_eq!(me(&home)["email"], "robin@peer.example", "{id}");

        let first = token(&home);
        home.good(&["refresh", "peer"]);
        let second = token(&home);
        assert_ne!(first, second, "{id}");
        assert_eq!(me(&home)["sub"], "robin", "{id}");
        // Twice, with the refresh token of the first refresh: an old one would end the grant.
        home.good(&["refresh", "peer"]);
        assert_eq!(me(&home)["sub"], "robin", "{id}");

        let third = token(&home);
        assert_eq!(userinfo(&peer.origin, &third), 200, "{id}");
        home.good(&["logout", "peer", "--revoke"]);
        assert_eq!(userinfo(&peer.origin, &third), 401, "{id}: revoked");
        assert_eq!(home.run(&["get", "peer", "/me"]).code, Some(4), "{id}: nobody is logged in");
    }
}

#[test]
fn the_command_refreshes_a_token_that_has_ended() {
    // So short that it is over by the second call.
    let Some(peer) = peers::oidc(3) else { return };
    let (id, secret, auth) = CLIENTS[1];
    let home = home(&peer.origin, id, secret, auth);
    home.log_in("peer", person::agree);
    let first = token(&home);
    thread::sleep(Duration::from_secs(4));
    assert_eq!(userinfo(&peer.origin, &first), 401, "it has ended");
    assert_eq!(me(&home)["sub"], "robin");
    assert_ne!(token(&home), first);
}

#[test]
fn the_command_takes_a_pasted_address_and_refuses_somebody_elses() {
    let Some(peer) = peers::oidc(3600) else { return };
    let (id, secret, auth) = CLIENTS[0];
    let home = home(&peer.origin, id, secret, auth);
    let mut login = home.start(&["login", "peer", "--no-browser", "--paste"]);
    let redirect = person::agree(&login.wait_for_note("http://"));
    let state = http::parameter(&redirect, "state").expect("a state");
    login.answer(&redirect.replace(&state, "somebody-elses-state"));
    login.wait_for_note("not that one:");
    login.answer(&redirect);
    let end = login.finish();
    assert!(end.success, "{end:#?}");
    assert_eq!(me(&home)["sub"], "robin");
}

#[test]
fn the_command_understands_a_refusal() {
    let Some(peer) = peers::oidc(3600) else { return };
    let (id, secret, auth) = CLIENTS[0];
    let home = home(&peer.origin, id, secret, auth);
    let mut login = home.start(&["login", "peer", "--no-browser"]);
    http::visit(&person::refuse(&login.wait_for_note("http://")));
    let end = login.finish();
    assert!(!end.success, "{end:#?}");
    assert!(end.errors.contains("access_denied"), "{}", end.errors);
}

fn home(origin: &str, id: &str, secret: &str, auth: &str) -> Home {
    let mut home = Home::new();
    home.add_provider("oidc", "peer", &[("ORIGIN", origin), ("AUTH", auth)]);
    home.set("PEER_KEY", id);
    if !secret.is_empty() {
        home.set("PEER_SECRET", secret);
    }
    home
}

/// What a call through the command gives.
fn me(home: &Home) -> Value {
    let end = home.good(&["get", "peer", "/me"]);
    serde_json::from_str(&end.lines.join("\n")).unwrap_or_else(|problem| panic!("{problem}: {end:#?}"))
}

fn token(home: &Home) -> String {
    home.good(&["token", "peer", "--min-valid", "0"]).lines.join("")
}

/// What the server makes of a token, without the command.
fn userinfo(origin: &str, token: &str) -> u16 {
    let bearer = format!("Bearer {token}");
    http::send("GET", &format!("{origin}/me"), &[("Authorization", &bearer)], b"").expect("an answer").status
}
