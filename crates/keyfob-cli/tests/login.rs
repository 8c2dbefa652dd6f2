//! Logging in: by callback, pasted address, code and PIN; and everything that is not an answer.

#![allow(missing_docs)]

mod common;

use std::time::Duration;

use common::{House, PROVIDERS, pin, try_visit, visit};
use keyfob::proto::jose::{Algorithm, AwsLc, Crypto as _};
use keyfob_sandbox::{Consent, Flaw};

#[tokio::test(flavor = "multi_thread")]
async fn every_provider_by_pasted_address() {
    let house = House::new().await;
    for name in PROVIDERS {
        let ended = house.log_in(name).await;
        assert!(ended.stderr.contains(&format!("✓ {name} logged in")), "{ended:#?}");
        assert!(ended.stderr.contains("kept in") && ended.stderr.contains("vault.db"), "{ended:#?}");
        assert_eq!(ended.stdout, "", "a login's words are no data");
    }
    let accounts = house.json(&["status"]).await;
    let names: Vec<&str> = accounts.as_array().expect("a list").iter().filter_map(|account| account["account"].as_str()).collect();
    assert_eq!(names.len(), PROVIDERS.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_tolerated_is_reported() {
    let house = House::new().await;
    let ended = house.log_in("telldus").await;
    assert!(ended.stderr.contains("tolerated") && ended.stderr.contains("callback-confirmed-otherwise (RFC 5849 §2.1)"), "{ended:#?}");
    let ended = house.log_in("netatmo").await;
    assert!(ended.stderr.contains("scope-array (RFC 6749 §3.3)"), "{ended:#?}");
}

/// What an action needs of the login and the answer has not is said at once, with what it has: no other login would bring it.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_answer_does_not_bring_is_told_at_the_login() {
    let house = House::new().await;
    let own = "keep = [\"user_number\", \"expires_in\"]\n[actions.mine]\nabout = \"Mine\"\npath = \"/users/{user_number}\"\n\
        [actions.ends]\nabout = \"Ends\"\npath = \"/ends/{expires_in}\"\n";
    house.file("config/providers/acme.toml", own);
    let told = house.log_in("acme").await.stderr;
    let expected = "has no user_number, which mine needs; it has access_token, ";
    assert!(told.contains(expected) && told.contains("token_type") && !told.contains("no expires_in"), "{told}");
    house
        .run(&["acme", "mine"])
        .await
        .fails(2, ["cannot do mine", "a value for user_number", "where the provider's answer has no user_number"]);
    house.file("config/providers/acme.toml", &own.replace("\"user_number\", ", "").replace("{user_number}", "me"));
    assert!(!house.log_in("acme").await.stderr.contains("note:"));
}

#[tokio::test(flavor = "multi_thread")]
async fn by_callback_and_the_port_is_closed_afterwards() {
    let house = House::new().await;
    let mut login = house.start(&["login", "telldus", "--no-browser"]);
    let url = login.url().await;
    let back = visit(&url).await.location.expect("back");
    assert!(back.starts_with("http://127.0.0.1:"), "{back}");

    // B4: what is not our answer is refused, and the login goes on.
    let elsewhere = back.replace("/callback", "/favicon.ico");
    assert_eq!(visit(&elsewhere).await.status, 404);
    let foreign = format!("{}?oauth_token=somebody-elses&oauth_verifier=1234567890", back.split('?').next().expect("a page"));
    assert_eq!(visit(&foreign).await.status, 400);

    assert_eq!(visit(&back).await.status, 200);
    let ended = login.end_listening().await.exits(0);
    assert!(ended.stderr.contains("a callback that is not ours was refused"), "{ended:#?}");
    assert!(try_visit(&back).await.is_err(), "nobody listens any more");
    house.json(&["telldus", "devices"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn by_pin() {
    let house = House::new().await;
    for name in ["fitbit-oauth1", "telldus"] {
        let mut login = house.start(&["login", name, "--pin", "--paste", "--no-browser"]);
        let url = login.url().await;
        let pin = pin(&url).await;
        login.say(&format!("  {pin} \n")).await;
        login.end().await.exits(0);
    }
    house.run(&["login", "netatmo", "--pin", "--paste"]).await.fails(2, ["shows no PIN", "OAuth 1", "keyfob login netatmo"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_paste_is_refused_and_the_login_goes_on() {
    let house = House::new().await;
    let mut login = house.start(&["login", "netatmo", "--paste", "--no-browser"]);
    let url = login.url().await;
    let back = visit(&url).await.location.expect("back");
    assert!(back.starts_with("http://localhost/callback?"), "{back}");
    let state = back.split("state=").nth(1).and_then(|rest| rest.split('&').next()).expect("a state").to_owned();
    let wrong = [
        back.replace(&state, "somebody-elses-state"),
        back.replace("http://localhost/", "http://elsewhere.example/"),
        "http://localhost/callback?state=x&error=access_denied".to_owned(),
        "nonsense".to_owned(),
        String::new(),
    ];
    for paste in wrong {
        login.say(&format!("{paste}\n")).await;
        if !paste.is_empty() {
            let told = login.line(|line| line.starts_with("not that one:")).await;
            let is_of_another = paste.contains("somebody-elses-state");
            assert!(!is_of_another || told.contains("belongs to another login") && !told.contains("the server broke"), "{told}");
        }
    }
    // Browsers write https where nobody answers at http: taken, and reported.
    login.say(&format!("{}\n", back.replace("http://", "https://"))).await;
    let ended = login.end().await.exits(0);
    assert!(ended.stderr.contains("redirect-scheme"), "{ended:#?}");
}

/// RFC 8252 §7.1: some providers give nothing else to whoever registers a program.
#[tokio::test(flavor = "multi_thread")]
async fn an_address_of_a_scheme_that_the_app_has_for_itself_is_pasted() {
    let house = House::new().await;
    let uri = "com.example.robin:/callback";
    let mut app = house.sandbox.app("netatmo");
    app.redirect_uris.push(uri.to_owned());
    house.sandbox.register("netatmo", app);
    let mut login = house.start(&["login", "netatmo", "--paste", "--no-browser", "--redirect-uri", uri]);
    let url = login.url().await;
    let back = visit(&url).await.location.expect("back");
    assert!(back.starts_with("com.example.robin:/callback?"), "{back}");
    login.say(&format!("{back}\n")).await;
    login.end().await.exits(0);
    for uri in ["robin:/callback", "javascript:alert(1)", "com.example.robin:/callback#x", "callback"] {
        house
            .run(&["login", "netatmo", "--paste", "--redirect-uri", uri])
            .await
            .fails(2, ["this is no redirect URI", "with a dot", "com.example.app:/callback"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_callback_and_nothing_else_is_a_card() {
    let house = House::new().await;
    let ended = house.run_with(&["login", "netatmo", "--paste", "--no-browser"], "http://localhost/callback?code=1&code=2&state=x\n").await;
    ended.fails(1, ["cannot log in to netatmo", "no valid answer was given", "nothing was stored"]);
    house
        .run_with(&["login", "netatmo", "--paste", "--no-browser"], "")
        .await
        .fails(2, ["netatmo", "no answer was given", "keyfob login netatmo"]);
    assert_eq!(house.json(&["status"]).await, serde_json::json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denial_ends_the_login_and_stores_nothing() {
    let house = House::new().await;
    for name in ["august", "netatmo", "fitbit", "telldus"] {
        house.sandbox.consent(&house.sandbox.app(name).service, Consent::Deny);
        let mut login = house.start(&["login", name, "--paste", "--no-browser"]);
        let url = login.url().await;
        let back = visit(&url).await.location.expect("back");
        login.say(&format!("{back}\n")).await;
        let ended = login.end_listening().await.fails(2, [&format!("cannot log in to {name}"), "access_denied", "nothing was stored"]);
        assert_eq!(ended.stdout, "");
    }
    assert_eq!(house.json(&["status"]).await, serde_json::json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn scopes_are_asked_for_and_those_not_granted_are_told() {
    let house = House::new().await;
    house.sandbox.faults("netatmo").update(|faults| faults.withheld_scopes = vec!["read_thermostat".to_owned()]);
    let mut login = house.start(&["login", "netatmo", "--paste", "--no-browser", "--scope", "read_station", "--scope", "read_thermostat"]);
    let url = login.url().await;
    assert!(url.contains("scope=read_station%20read_thermostat") || url.contains("scope=read_station+read_thermostat"), "{url}");
    let back = visit(&url).await.location.expect("back");
    login.say(&format!("{back}\n")).await;
    let ended = login.end().await.exits(0);
    assert!(ended.stderr.contains("read_station (asked for and not granted: read_thermostat)"), "{ended:#?}");
    let status = house.json(&["status", "netatmo"]).await;
    assert_eq!(status["scopes"]["granted"], serde_json::json!(["read_station"]));
    assert_eq!(status["scopes"]["asked"], serde_json::json!(["read_station", "read_thermostat"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn more_scopes_are_asked_for_together_with_those_before() {
    let house = House::new().await;
    house.log_in("netatmo").await;
    let mut login = house.start(&["login", "netatmo", "--paste", "--no-browser", "--add-scope", "read_thermostat,read_station"]);
    let url = login.url().await;
    let back = visit(&url).await.location.expect("back");
    login.say(&format!("{back}\n")).await;
    login.end().await.exits(0);
    let status = house.json(&["status", "netatmo"]).await;
    assert_eq!(status["scopes"]["asked"], serde_json::json!(["read_station", "read_thermostat"]));
    assert_eq!(status["scopes"]["granted"], serde_json::json!(["read_station", "read_thermostat"]));
    // Logged in again, it may do what it could do before; other scopes are another wish.
    for (words, asked) in [
        (&["login", "netatmo", "--paste", "--no-browser"][..], serde_json::json!(["read_station", "read_thermostat"])),
        (&["login", "netatmo", "--paste", "--no-browser", "--scope", "read_station"], serde_json::json!(["read_station"])),
    ] {
        let mut login = house.start(words);
        let url = login.url().await;
        let back = visit(&url).await.location.expect("back");
        login.say(&format!("{back}\n")).await;
        login.end().await.exits(0);
        assert_eq!(house.json(&["status", "netatmo"]).await["scopes"]["asked"], asked, "{words:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn b7_interrupted_it_closes_the_port_and_leaves_nothing() {
    let house = House::new().await;
    let mut login = house.start(&["login", "telldus", "--no-browser"]);
    let url = login.url().await;
    let back = visit(&url).await.location.expect("back");
    login.interrupt();
    login.end_listening().await.fails(130, ["interrupted", "stop", "run it again"]);
    assert!(try_visit(&back).await.is_err(), "nobody listens any more");
    assert_eq!(house.json(&["status"]).await, serde_json::json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_port_is_named_and_not_passed_by() {
    let house = House::new().await;
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = taken.local_addr().expect("an address").port();
    let uri = format!("http://127.0.0.1:{port}/callback");
    let ended = house.run(&["login", "telldus", "--no-browser", "--redirect-uri", &uri]).await;
    ended.fails(1, ["cannot listen at", "another program listens", "--redirect-uri"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_can_paste_it_says_so_before_it_begins() {
    let house = House::new().await;
    house
        .run(&["login", "netatmo", "--redirect-uri", "http://localhost/callback"])
        .await
        .fails(2, ["cannot log in to netatmo", "nobody is at the terminal", "--paste"]);
    assert!(house.sandbox.seen("netatmo").is_empty(), "nothing was asked of the provider");
}

#[tokio::test(flavor = "multi_thread")]
async fn a20_the_browser_gets_the_address_as_one_word_and_no_secret() {
    use std::os::unix::fs::PermissionsExt;

    let mut house = House::new().await;
    let log = house.path("browser.log");
    let script = house
        .file("browser", &format!("#!/bin/sh\n{{ echo \"$#\"; printf '%s\\n' \"$@\"; env; }} > {0}.new\nmv {0}.new {0}\n", log.display()));
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).expect("a script");
    house.set("BROWSER", &format!("{script} --new %s"));
    house.set("KEYFOB_VAULT_KEY", &"5a".repeat(32));
    house.set("CONSUMER_SECRET", "canary-consumer-secret");
    let mut login = house.start(&["login", "telldus"]);
    let url = login.url().await;
    let mut seen = String::new();
    for _ in 0..200 {
        match std::fs::read_to_string(&log) {
            Ok(text) => {
                seen = text;
                break;
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
    let lines: Vec<&str> = seen.lines().collect();
    assert_eq!(lines[..3], ["2", "--new", url.as_str()], "{seen}");
    assert!(!seen.contains("5a5a5a5a") && !seen.contains("canary"), "{seen}");
    login.interrupt();
    login.end_listening().await.exits(130);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_accounts_of_one_provider_and_a_second_login() {
    let house = House::new().await;
    for name in ["telldus", "telldus/cabin"] {
        house.log_in(name).await;
    }
    let again = house.log_in("telldus/cabin").await;
    assert!(again.stderr.contains("✓ telldus/cabin logged in again"), "{again:#?}");
    let accounts = house.json(&["status"]).await;
    assert_eq!(accounts.as_array().map(Vec::len), Some(2));
    house.good(&["telldus/cabin", "devices"]).await;
    // What was written down about it, and what was made for it, goes on.
    let history = house.json(&["status", "telldus/cabin", "--history"]).await;
    let events: Vec<&str> = history.as_array().expect("a list").iter().filter_map(|entry| entry["event"].as_str()).collect();
    assert_eq!(events, ["logged-in", "logged-in"]);
    house.good(&["key", "create", "--account", "telldus/cabin", "--allow", "GET /json/**", "--name", "one"]).await;
    house.log_in("telldus/cabin").await;
    assert_eq!(house.json(&["key", "list"]).await[0]["account"], "telldus/cabin");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_from_an_env_file_is_kept_for_later() {
    let mut house = House::new().await;
    let app = house.sandbox.app("telldus");
    let file =
        house.file("telldus.env", &format!("# keys\nOTHER=1\nCONSUMER_KEY={}\nCONSUMER_SECRET={}\n", app.client_id, app.client_secret));
    let mut login = house.start(&["login", "telldus", "--env-file", &file, "--no-browser", "--paste"]);
    let url = login.url().await;
    let back = visit(&url).await.location.expect("back");
    login.say(&format!("{back}\n")).await;
    login.end().await.exits(0);
    let apps = house.json(&["app", "list"]).await;
    assert_eq!(apps[0]["client_id"], app.client_id.as_str());
    assert_eq!(apps[0]["secrets"], serde_json::json!(["client_secret"]));
    // From the environment, where the provider was named.
    house.good(&["logout", "telldus"]).await;
    house.good(&["app", "rm", "telldus"]).await;
    house.set("CONSUMER_KEY", &app.client_id);
    house.set("CONSUMER_SECRET", &app.client_secret);
    house.log_in("telldus").await;
    assert_eq!(house.json(&["app", "list"]).await[0]["provider"], "telldus");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_that_describes_itself_is_asked_and_believed_about_itself_alone() {
    let house = House::new().await;
    house.log_in("acme-oidc").await;
    let me = house.json(&["acme-oidc", "me"]).await;
    assert_eq!(me[0]["Name"], "Robin Demo");
    house.good(&["refresh", "acme-oidc"]).await;
    let asked = |seen: Vec<keyfob_sandbox::Seen>| seen.iter().any(|seen| seen.line().contains("/.well-known/openid-configuration"));
    assert!(asked(house.sandbox.seen("acme")));
    // F1: nothing is begun, and nothing is sent, by another issuer's word.
    house.sandbox.faults("acme").update(|faults| faults.flaw = Some(Flaw::MetadataIssuer));
    house.run(&["login", "acme-oidc", "--no-browser"]).await.fails(1, ["cannot log in to acme-oidc", "issuer", "letter for letter"]);
    house.run(&["get", "acme-oidc", "/userinfo"]).await.fails(1, ["cannot use acme-oidc", "issuer", ""]);
}

#[tokio::test(flavor = "multi_thread")]
async fn on_another_device_by_a_code() {
    let house = House::new().await;
    for name in ["acme", "acme-oidc"] {
        let mut login = house.start(&["login", name, "--device"]);
        let page = login.url().await;
        assert!(page.ends_with("/device"), "{page}");
        let code = login.line(|line| line.len() == 9 && line.as_bytes()[4] == b'-').await;
        login.line(|line| line.contains(&format!("/device?user_code={code}"))).await;
        let ended = login.end_listening().await.exits(0);
        assert!(ended.stderr.contains("only if you began this login yourself"), "{ended:#?}");
        assert!(ended.stderr.contains(&format!("✓ {name} logged in")), "{ended:#?}");
        house.good(&[name, "me"]).await;
    }
    house.run(&["login", "telldus", "--device"]).await.fails(2, ["cannot log in to telldus", "OAuth 2", ""]);
    house.run(&["login", "netatmo", "--device"]).await.fails(2, ["cannot log in to netatmo", "device", ""]);
    let ended = house.run(&["login", "acme", "--device", "--pin"]).await.exits(2);
    assert!(ended.stderr.contains("cannot be used with"), "{ended:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_login_that_is_denied_or_interrupted_leaves_nothing() {
    let house = House::new().await;
    house.sandbox.consent("acme", Consent::Deny);
    house.run(&["login", "acme", "--device"]).await.fails(2, ["cannot log in to acme", "access_denied", ""]);
    house.sandbox.consent("acme", Consent::Ask);
    let mut login = house.start(&["login", "acme", "--device"]);
    login.line(|line| line.contains("Waiting")).await;
    login.interrupt();
    login.end_listening().await.fails(130, ["interrupted", "stop", "run it again"]);
    assert_eq!(house.json(&["status"]).await, serde_json::json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_app_itself_has_an_account_that_renews_by_its_grant() {
    let house = House::new().await;
    let ended = house.run(&["login", "acme/service", "--client-credentials", "--scope", "echo"]).await.exits(0);
    assert!(ended.stderr.contains("✓ acme/service logged in") && ended.stderr.contains("renews itself"), "{ended:#?}");
    assert!(ended.stderr.contains("keyfob get acme/service PATH"), "not what is about a person: {ended:#?}");
    house.good(&["post", "acme/service", "/api/echo", "a=b"]).await;
    let before = house.good(&["token", "acme/service"]).await;
    house.good(&["refresh", "acme/service"]).await;
    let after = house.good(&["token", "acme/service"]).await;
    assert_ne!(before, after);
    let status = house.json(&["status", "acme/service"]).await;
    assert_eq!((&status["grant"], &status["renews"]), (&"client_credentials".into(), &true.into()));
    assert!(house.good(&["status", "acme/service"]).await.contains("client credentials"));
    let history = house.json(&["status", "acme/service", "--history"]).await;
    assert_eq!((&history[1]["event"], &history[1]["grant"]), (&"refreshed".into(), &"client_credentials".into()));
    assert!(house.good(&["status", "acme/service", "--history"]).await.contains("none (client_credentials)"));
    // When its token has ended, a call asks for the same again.
    house.sandbox.faults("acme").expire_access_tokens();
    house.good(&["post", "acme/service", "/api/echo", "a=b"]).await;

    house.log_in("acme").await;
    let ended = house.run(&["login", "acme", "--client-credentials", "--scope", "echo"]).await;
    ended.fails(2, ["cannot log in to acme", "which somebody approved", "acme/service"]);
    let refused = house.run(&["login", "acme/other", "--client-credentials", "--scope", "profile"]).await;
    refused.fails(1, ["acme/other", "invalid_scope", "--client-credentials --scope SCOPE"]);
    // Without any it gets what the app may have: what a login asks for by itself is for a person to approve.
    house.run(&["login", "acme/cc", "--client-credentials"]).await.exits(0);
    house.good(&["post", "acme/cc", "/api/echo", "a=b"]).await;
    house.run(&["login", "telldus/x", "--client-credentials"]).await.fails(2, ["cannot log in to telldus/x", "OAuth 2", ""]);
}

/// A refused call says which login would do (RFC 9470), and that login asks for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_asks_how_somebody_signs_in_and_is_held_to_it() {
    let house = House::new().await;
    house.log_in("acme-oidc").await;
    let refused = house.run(&["get", "acme-oidc", "/api/secure", "-f"]).await;
    let next = &refused.fails(5, ["cannot call acme-oidc", "", "keyfob login acme-oidc --acr-values urn:acme:second-factor"]).card()[2];
    let more = next.split("keyfob login acme-oidc ").nth(1).expect("options");
    let mut arguments: Vec<&str> = ["login", "acme-oidc", "--no-browser", "--paste"].into_iter().chain(more.split(' ')).collect();
    arguments.extend(["--max-age", "5m", "--prompt", "login", "--claims", r#"{"userinfo":{"email":null}}"#]);
    let mut login = house.start(&arguments);
    let url = login.url().await;
    // It is pushed (RFC 9126), so the address says nothing of it.
    let seen = house.sandbox.seen(&house.sandbox.app("acme-oidc").service);
    let asks = |name: &str, value: &str| {
        seen.iter().flat_map(|seen| &seen.parameters).any(|parameter| parameter.name == name && parameter.value.contains(value))
    };
    for (name, value) in [("acr_values", "urn:acme:second-factor"), ("max_age", "300"), ("prompt", "login"), ("claims", "userinfo")] {
        assert!(asks(name, value), "{name}: {seen:?}");
    }
    let back = visit(&url).await.location.expect("somewhere");
    login.say(&format!("{back}\n")).await;
    login.end().await.exits(0);
    house.good(&["get", "acme-oidc", "/api/secure", "-f"]).await;
    // Who asks for it must not believe to have got it where there is no such thing.
    house.run(&["login", "telldus", "--no-browser", "--paste", "--max-age", "1m"]).await.fails(2, ["telldus", "nothing like max_age", ""]);
    house.run(&["login", "acme", "--client-credentials", "--max-age", "1m"]).await.exits(2);
    let unheard = ["login", "acme", "--no-browser", "--paste", "--max-age", "1m", "--acr-values", "gold"];
    house.run(&unheard).await.fails(2, ["acme", "only an ID token answers max_age", "openid"]);
    let without = ["login", "acme-oidc", "--no-browser", "--paste", "--acr-values", "gold", "--scope", "profile"];
    house.run(&without).await.fails(2, ["acme-oidc", "only an ID token answers acr_values", "openid"]);
    house.run(&["login", "acme-oidc", "--paste", "--claims", "no JSON"]).await.fails(2, ["acme-oidc", "claims", ""]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_exchanged_for_one_that_can_do_less_and_only_where_it_may_go() {
    let house = House::new().await;
    for name in ["acme", "netatmo"] {
        house.log_in(name).await;
    }
    house.run(&["login", "acme/narrow", "--exchange", "acme", "--scope", "echo"]).await.exits(0);
    assert_eq!(house.json(&["status", "acme/narrow"]).await["scopes"]["granted"], serde_json::json!(["echo"]));
    house.good(&["post", "acme/narrow", "/api/echo", "a=b"]).await;
    house.run(&["get", "acme/narrow", "/api/me", "-f"]).await.exits(5);
    // Made again of the same, with the scopes of before.
    house.run(&["login", "acme/narrow", "--exchange", "acme"]).await.exits(0);
    assert_eq!(house.json(&["status", "acme/narrow"]).await["scopes"]["granted"], serde_json::json!(["echo"]));
    house
        .run(&["login", "acme", "--exchange", "acme"])
        .await
        .fails(2, ["cannot log in to acme", "which somebody approved", "acme/service"]);
    // D10: another provider's token endpoint is nowhere that this account's token may go.
    let before = house.sandbox.seen("acme").len();
    house.run(&["login", "acme/stolen", "--exchange", "netatmo"]).await.fails(2, ["acme/stolen", "may not be sent to", "exchange it at"]);
    assert_eq!(house.sandbox.seen("acme").len(), before, "nothing was sent");
}

/// Everything that a strict issuer can ask for, said in a file of the user's own: pushed and signed requests, the app's key, bound tokens.
#[tokio::test(flavor = "multi_thread")]
async fn an_app_with_a_key_of_its_own_logs_in_with_all_that_the_standards_have() {
    let house = House::new().await;
    let key = AwsLc.generate(Algorithm::ES256).expect("a key");
    let mut jwk = AwsLc.signer(Algorithm::ES256, &key).expect("it signs").public_key().expect("a key pair").to_jwk();
    jwk.insert("kid".to_owned(), "key-1".into());
    let mut registered = house.sandbox.app("acme-oidc");
    registered.client_id = "with-a-key".to_owned();
    registered.client_secret = String::new();
    registered.metadata.token_endpoint_auth_method = Some("private_key_jwt".to_owned());
    registered.metadata.jwks = Some(serde_json::json!({"keys": [jwk]}));
    house.sandbox.register("with-a-key", registered);
    house.file(
        "config/providers/acme-oidc.toml",
        r#"
[client]
fields = [
    { name = "client_id", label = "Client ID" },
    { name = "private_key", label = "Private key", secret = true },
    { name = "private_key_id", label = "Its name" },
]
[oauth2]
client_auth = "private_key_jwt"
par_required = true
request_object = true
dpop = true
"#,
    );
    let pem = key.to_pem().expect("a key that can be kept");
    let app = serde_json::json!({"client_id": "with-a-key", "private_key": pem.expose(), "private_key_id": "key-1"});
    house.run_with(&["app", "add", "acme-oidc", "--stdin"], &app.to_string()).await.exits(0);
    let apps = house.json(&["app", "list"]).await;
    assert_eq!(apps[0]["secrets"], serde_json::json!(["private_key"]));
    assert!(!apps.to_string().contains("PRIVATE"), "{apps}");

    house.log_in("acme-oidc").await;
    for _ in 0..2 {
        assert_eq!(house.json(&["acme-oidc", "me"]).await[0]["Name"], "Robin Demo");
        house.good(&["refresh", "acme-oidc"]).await;
    }
    house.run(&["login", "acme-oidc/service", "--client-credentials", "--scope", "echo"]).await.exits(0);
    house.good(&["post", "acme-oidc/service", "/api/echo", "a=b"]).await;
    let seen: Vec<String> = house.sandbox.seen("acme").iter().map(keyfob_sandbox::Seen::line).collect();
    let has = |start: &str, part: &str| seen.iter().any(|line| line.starts_with(start) && line.contains(part));
    assert!(has("POST /par", "request=") && has("GET /authorize", "request_uri="), "{seen:#?}");
    assert!(has("POST /token", "client_assertion=") && has("GET /userinfo", "dpop="), "{seen:#?}");
}
