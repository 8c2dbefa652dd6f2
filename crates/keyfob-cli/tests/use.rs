//! Using an account: calls, actions, status, tokens, refresh, logout.

#![allow(missing_docs)]

mod common;

use common::House;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_call_gives_the_body_untouched() {
    let house = House::new().await;
    house.log_in("telldus").await;
    let body = house.good(&["get", "telldus", "/json/devices/list", "supportedMethods==3"]).await;
    let devices: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(devices["device"][1]["name"], "Living room lamp");
    assert!(!body.contains("\n  "), "not indented for a program: {body}");
    let seen = house.sandbox.seen("telldus");
    let line = seen.last().expect("a call").line();
    assert!(line.contains("GET") && line.contains("/json/devices/list") && line.contains("supportedMethods"), "{line}");

    let with_head = house.good(&["get", "telldus", "/json/clients/list", "-i"]).await;
    assert!(with_head.starts_with("HTTP 200 OK\n") && with_head.contains("content-type: "), "{with_head}");
    let whole = house.json(&["get", "telldus", "/json/clients/list", "-i"]).await;
    assert_eq!(whole["status"], 200);
    assert_eq!(whole["body"]["client"][0]["name"], "home");

    let file = house.path("answer.json");
    let nothing = house.good(&["get", "telldus", "/json/clients/list", "-o", &file.display().to_string()]).await;
    assert_eq!(nothing, "");
    assert!(std::fs::read_to_string(file).expect("a file").contains("\"client\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_the_api_refused_is_handed_to_no_program() {
    let house = House::new().await;
    let keys = "OAUTH_TOKEN=example-token-not-real\nOAUTH_TOKEN_SECRET=example-secret-not-real\n";
    let app = house.sandbox.app("telldus");
    let file = house.file("keys.env", &format!("CONSUMER_KEY={}\nCONSUMER_SECRET={}\n{keys}", app.client_id, app.client_secret));
    house.good(&["import", "telldus", "--from", &file]).await;
    let program = &["exec", "telldus", "--", "sh", "-c", "echo ran"][..];
    assert_eq!(house.good(program).await, "ran\n", "as far as anybody knows");
    house.run(&["get", "telldus", "/json/clients/list"]).await.exits(4);
    for arguments in [program, &["env", "telldus"]] {
        let ended = house.run(arguments).await;
        assert_eq!(ended.stdout, "", "{arguments:?}");
        ended.fails(4, ["cannot get a token for telldus", "needs a new login", "keyfob login telldus"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn items_become_query_form_json_and_headers() {
    let house = House::new().await;
    house.log_in("acme").await;
    let echo = async |arguments: &[&str]| house.json(&[&["post", "acme", "/api/echo"], arguments].concat()).await;
    let form = echo(&["a=1 +&", "b==2", "X-Mine: here"]).await;
    assert_eq!(form["body"], "a=1%20%2B%26");
    assert!(form["target"].as_str().is_some_and(|target| target.ends_with("/api/echo?b=2")), "{form}");
    assert_eq!(form["headers"]["x-mine"][0], "here");
    assert_eq!(form["headers"]["content-type"][0], "application/x-www-form-urlencoded");
    let json = echo(&["a=1", "b:=[1,{\"c\":null}]"]).await;
    assert_eq!(json["body"], r#"{"a":"1","b":[1,{"c":null}]}"#);
    assert_eq!(json["headers"]["content-type"][0], "application/json");
    assert_eq!(echo(&["a=1", "--json-body"]).await["body"], r#"{"a":"1"}"#);
    let file = house.file("body.txt", "from a file");
    let data = echo(&["-d", &format!("@{file}"), "Content-Type:text/plain"]).await;
    assert_eq!((data["body"].as_str(), data["headers"]["content-type"][0].as_str()), (Some("from a file"), Some("text/plain")));
    let piped = house.run_with(&["post", "acme", "/api/echo", "-d", "@-"], "from stdin").await.exits(0);
    assert!(piped.stdout.contains("from stdin"), "{piped:#?}");
    let other = house.json(&["request", "patch", "acme", "/api/echo"]).await;
    assert_eq!(other["method"], "PATCH");

    house.run(&["get", "acme", "/api/me", "a=b"]).await.fails(2, ["GET carries no fields", "a=b", "a==b"]);
    house.run(&["get", "acme", "/api/me", "nonsense"]).await.fails(2, ["item 1 of 1 is no request item", "NAME==VALUE", "keyfob get"]);
    // What stands behind a name may be a secret, and ends up in logs.
    for item in ["password:=s3cret-not-real", "X-Key:s3cret-not-real\u{1}", "s3cret-not-real"] {
        let ended = house.run(&["post", "acme", "/api/echo", item]).await;
        assert!(!ended.stderr.contains("s3cret"), "{ended:#?}");
        ended.fails(2, ["is no request item", "", ""]);
    }
    house.run(&["get", "acme", "/api/me", "Authorization:Bearer x"]).await.fails(2, ["Authorization", "shell's history", "leave it away"]);
    house
        .run(&["get", "acme", "https://elsewhere.example/x"])
        .await
        .fails(2, ["cannot call acme", "may not be sent to https://elsewhere.example", "keyfob provider new"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn fail_makes_errors_count_also_those_with_status_200() {
    let house = House::new().await;
    house.log_in("telldus").await;
    house.log_in("august").await;
    let soft = house.run(&["get", "telldus", "/json/device/info", "id==1"]).await.exits(0);
    assert!(soft.stdout.contains("error"), "{soft:#?}");
    let hard = house.run(&["get", "telldus", "/json/device/info", "id==1", "-f"]).await.fails(5, ["cannot call telldus", "HTTP 200", ""]);
    assert_eq!(hard.stdout, "");
    let soft = house.run(&["get", "august", "/nowhere"]).await.exits(0);
    assert!(soft.stderr.contains("HTTP 404"), "{soft:#?}");
    house.run(&["get", "august", "/nowhere", "--fail"]).await.fails(5, ["cannot call august", "HTTP 404", ""]);
    house.run(&["get", "august", "/users/locks/mine", "--fail"]).await.exits(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_and_an_explanation_send_nothing_and_show_no_secret() {
    let house = House::new().await;
    for name in ["telldus", "august", "acme"] {
        house.log_in(name).await;
    }
    house.sandbox.clear_seen();
    let telldus = house.good(&["post", "telldus", "/json/device/turnOn", "id=240001", "--dry-run"]).await;
    assert!(telldus.starts_with(&format!("POST {}/json/device/turnOn\n", house.sandbox.origin("telldus"))), "{telldus}");
    assert!(
        telldus.contains("oauth_signature=\"<secret>\"")
            && telldus.contains("oauth_token=\"<secret>\"")
            && telldus.ends_with("\n\nid=240001\n"),
        "{telldus}"
    );
    let august = house.good(&["get", "august", "/users/me", "--dry-run"]).await;
    assert!(august.contains("x-august-access-token: <secret>") && august.contains("x-august-api-key: <secret>"), "{august}");
    let acme = house.json(&["get", "acme", "/api/me", "--dry-run"]).await;
    assert!(acme["headers"].to_string().contains("Bearer <secret>"), "{acme}");
    let action = house.good(&["telldus", "on", "240001", "--dry-run"]).await;
    assert!(action.starts_with("POST "), "{action}");

    let explained = house.good(&["get", "telldus", "/json/devices/list", "supportedMethods==3", "--explain"]).await;
    assert!(explained.contains("\n   GET&http%3A%2F%2F127.0.0.1") && explained.contains("HMAC-SHA1"), "{explained}");
    let secret = house.sandbox.app("telldus").client_secret;
    assert!(!explained.contains(&secret), "{explained}");
    let explained = house.good(&["get", "acme", "/api/me", "--explain"]).await;
    assert!(explained.contains("authorization: Bearer <secret>") && explained.contains("RFC 6750 §2.1"), "{explained}");
    assert!(["telldus", "august", "acme"].iter().all(|name| house.sandbox.seen(name).is_empty()), "nothing was sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn actions_give_tables_and_json() {
    let house = House::new().await;
    house.log_in("telldus").await;
    let rows = house.json(&["telldus", "devices"]).await;
    assert_eq!(rows[1]["Device"], "Living room lamp");
    assert_eq!(rows[1]["State"], "off");
    let tabs = house.good(&["do", "telldus", "devices"]).await;
    assert!(tabs.starts_with("Device\tState\t") && tabs.contains("\nLiving room lamp\toff\t"), "{tabs}");

    // What acts is done only with a yes.
    house.run(&["telldus", "on", "240001"]).await.fails(2, ["was not done", "changes something in the world", "--yes"]);
    assert_eq!(house.json(&["telldus", "devices"]).await[1]["State"], "off");
    house.good(&["telldus", "on", "240001", "--yes"]).await;
    assert_eq!(house.json(&["telldus", "devices"]).await[1]["State"], "on");
    house.good(&["telldus", "dim", "--level=51", "-y", "--id", "240001"]).await;
    assert_eq!(house.json(&["telldus", "devices"]).await[1]["State"], "dimmed to 20 %");

    house.run(&["telldus", "devicse"]).await.fails(2, ["has no action \"devicse\"", "devices", "keyfob telldus lists"]);
    house.run(&["telldus", "dim", "240001", "256", "-y"]).await.fails(2, ["cannot do dim", "from 0 to 255", "usage"]);
    house.run(&["telldus", "dim", "240001", "-y"]).await.fails(2, ["cannot do dim", "level", "dim ID LEVEL"]);
    house.run(&["telldus", "dim", "1", "2", "3"]).await.fails(2, ["cannot do dim", "at most 2", "keyfob telldus dim ID LEVEL"]);
    house.run(&["telldus", "on", "1", "--nonsense", "2"]).await.fails(2, ["cannot do on", "nonsense", ""]);
    house.sandbox.faults("telldus").update(|faults| faults.client_offline = true);
    house.run(&["telldus", "off", "240001", "-y"]).await.fails(5, ["cannot do off with telldus", "offline", ""]);
}

#[tokio::test(flavor = "multi_thread")]
async fn actions_are_listed_and_described() {
    let house = House::new().await;
    let list = house.good(&["telldus"]).await;
    assert!(list.contains("dim ID LEVEL\tDim a device (acts: asks first)"), "also before any login: {list}");
    let help = house.good(&["telldus", "dim", "--help"]).await;
    assert!(help.contains("usage: keyfob telldus dim ID LEVEL") && help.contains("a whole number from 0 to 255"), "{help}");
    let json = house.json(&["do", "telldus"]).await;
    assert!(
        json["actions"].as_array().is_some_and(|actions| actions.iter().any(|action| action["name"] == "dim" && action["acts"] == true))
    );
}

/// What a file offers, its own sandbox takes.
#[tokio::test(flavor = "multi_thread")]
async fn every_choice_of_the_seed_services_is_one_at_their_sandboxes() {
    let house = House::new().await;
    let mut chosen = 0;
    for service in ["august", "netatmo", "fitbit", "telldus"] {
        house.log_in(service).await;
        let stations = if service == "netatmo" { house.json(&["netatmo", "stations"]).await } else { Value::Null };
        let listed = house.json(&["do", service]).await;
        for action in listed["actions"].as_array().expect("actions") {
            for parameter in action["parameters"].as_array().expect("parameters") {
                let Some(choices) = parameter["choices"].as_array().filter(|_| parameter["type"] == "choice") else { continue };
                for choice in choices {
                    let said = format!("--{}={}", parameter["name"].as_str().expect("a name"), choice.as_str().expect("a choice"));
                    // The one thing that any of them needs to be told.
                    let whose = stations[0]["Station"].as_str();
                    let words = [service, action["name"].as_str().expect("a name"), &said, "--pages=1", "--table"];
                    house.good(&words.into_iter().chain(whose).collect::<Vec<_>>()).await;
                    chosen += 1;
                }
            }
        }
    }
    assert!(chosen > 10, "{chosen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_series_is_read_page_by_page_and_drawn_as_a_chart() {
    let house = House::new().await;
    house.log_in("netatmo").await;
    let stations = house.json(&["netatmo", "stations"]).await;
    let station = stations[0]["Station"].as_str().expect("a station").to_owned();
    let measure = ["netatmo", "measure", &station, "Temperature", "--scale", "30min", "--from", "2020-01-01", "--to", "2020-02-15"];
    let rows = house.json(&measure).await;
    assert!(rows.as_array().is_some_and(|rows| rows.len() > 2000), "two pages and more: {}", rows.as_array().map_or(0, Vec::len));
    assert!(rows[0].to_string().contains("2020-01-01T"), "{}", rows[0]);
    let one = house.run(&[&measure[..], &["--pages", "1", "--json"]].concat()).await.exits(0);
    assert_eq!(serde_json::from_str::<Vec<Value>>(&one.stdout).expect("rows").len(), 1024);
    assert!(one.stderr.contains("there is more"), "{one:#?}");
    let chart = house.good(&[&measure[..], &["--chart"]].concat()).await;
    assert!(chart.starts_with("Temperature (°C)\n") && chart.contains('┤') && chart.contains("2020-01-01"), "{chart}");
    assert!(chart.lines().all(|line| line.chars().count() <= 80), "{chart}");
}

#[tokio::test(flavor = "multi_thread")]
async fn k3_a_token_is_printed_alone_and_renewed_when_it_ends_soon() {
    let house = House::new().await;
    house.log_in("netatmo").await;
    let first = house.run(&["token", "netatmo"]).await.exits(0);
    let token = first.stdout.trim_end_matches('\n').to_owned();
    assert!(token.contains('|') && !token.contains('\n'), "nothing else on stdout: {token:?}");
    assert!(!first.stderr.contains(&token));
    assert_eq!(house.good(&["token", "netatmo"]).await.trim_end(), token, "still fresh");
    let renewed = house.good(&["token", "netatmo", "--min-valid", "4h"]).await;
    assert_ne!(renewed.trim_end(), token);
    let described = house.json(&["token", "netatmo"]).await;
    assert_eq!(described["access_token"], renewed.trim_end());

    house.log_in("telldus").await;
    house.run(&["token", "telldus"]).await.fails(2, ["telldus has no token to print", "OAuth 1", "keyfob get telldus"]);
    house.run(&["token", "netatmo/none"]).await.fails(4, ["there is no account \"netatmo/none\"", "", "keyfob login netatmo/none"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ended_token_is_renewed() {
    let house = House::new().await;
    house.log_in("netatmo").await;
    let before = house.good(&["token", "netatmo"]).await;
    house.sandbox.faults("netatmo").expire_access_tokens();
    house.json(&["netatmo", "stations"]).await;
    assert_ne!(house.good(&["token", "netatmo"]).await, before);

    let told = house.run(&["refresh", "netatmo"]).await.exits(0);
    assert!(told.stderr.contains("✓ netatmo has new tokens: expires in"), "{told:#?}");
    house.log_in("telldus").await;
    house.run(&["refresh", "telldus"]).await.fails(2, ["nothing to refresh", "OAuth 1", "keyfob login telldus"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_whose_refresh_token_is_refused_needs_a_login_and_says_so() {
    let house = House::new().await;
    house.log_in("fitbit").await;
    let token = house.good(&["token", "fitbit"]).await;
    let imported = json!({"access_token": token.trim_end(), "refresh_token": "5a9db0c5ffffffffffff", "expires_in": -1}).to_string();
    house.run_with(&["import", "fitbit/old", "--stdin"], &imported).await.exits(0);
    house.run(&["fitbit/old", "profile"]).await.fails(4, ["cannot do profile with fitbit/old", "invalid_grant", "keyfob login fitbit/old"]);
    house.run(&["status", "fitbit/old"]).await.exits(4);
    let status = house.run(&["status", "fitbit/old", "--json"]).await.exits(4);
    let status: Value = serde_json::from_str(&status.stdout).expect("JSON");
    assert_eq!(status["health"]["state"], "needs-login");
    assert_eq!(status["next"], "keyfob login fitbit/old");
    house.run(&["token", "fitbit/old"]).await.fails(4, ["cannot get a token", "needs a new login", "keyfob login fitbit/old"]);
    house.json(&["fitbit", "profile"]).await;
}

/// Nothing renews an OAuth 1 token, so no refresh tells that it was taken back: the next call does, to everybody who asks from then on.
#[tokio::test(flavor = "multi_thread")]
async fn d14_a_token_that_was_taken_back_and_cannot_be_renewed_needs_a_login_and_says_so() {
    let house = House::new().await;
    for (name, call) in [("telldus", "devices"), ("fitbit-oauth1", "profile")] {
        house.log_in(name).await;
        house.json(&[name, call]).await;
        house.sandbox.faults(name.trim_end_matches("-oauth1")).expire_access_tokens();
        let next = format!("keyfob login {name}");
        house.run(&[name, call]).await.fails(4, [&format!("cannot do {call} with {name}"), "does not take its token any more", &next]);
        let status = house.run(&["status", name, "--json"]).await.exits(4);
        let status: Value = serde_json::from_str(&status.stdout).expect("JSON");
        assert_eq!((&status["health"]["state"], &status["next"]), (&json!("needs-login"), &json!(next)));
        let told = house.run(&["status", name]).await.exits(4);
        assert!(
            told.stdout.contains("needs login: the API does not take its token any more") && told.stdout.contains("; since "),
            "{told:#?}"
        );
        assert!(!told.stdout.contains("never, until somebody revokes it"), "{told:#?}");
        let history = house.run(&["status", name, "--history", "--json"]).await.exits(0);
        let history: Value = serde_json::from_str(&history.stdout).expect("JSON");
        let last = history.as_array().and_then(|entries| entries.last()).expect("an entry");
        assert_eq!((&last["event"], last["since"].is_null()), (&json!("needs-login"), true), "{history}");
        house.log_in(name).await;
        house.json(&[name, call]).await;
        house.run(&["status", name]).await.exits(0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn status_tells_how_an_account_is() {
    let house = House::new().await;
    let nothing = house.run(&["status"]).await.exits(0);
    assert!(nothing.stderr.contains("No accounts yet") && nothing.stdout.is_empty(), "{nothing:#?}");
    assert!(!common::exists(&house.vault()), "looking makes no vault");
    house.log_in("netatmo").await;
    let table = house.run(&["status"]).await.exits(0);
    assert!(
        table
            .stdout
            .starts_with("Account\tProvider\tHealth\tExpires\tScopes\nnetatmo\tNetatmo\tok\tin 2 h 59 min, renews itself\tread_station")
            || table
                .stdout
                .starts_with("Account\tProvider\tHealth\tExpires\tScopes\nnetatmo\tNetatmo\tok\tin 3 h, renews itself\tread_station"),
        "{table:#?}"
    );
    assert!(table.stderr.contains("vault.db"), "{table:#?}");
    let status = house.json(&["status", "netatmo"]).await;
    assert_eq!(status["health"], json!({"state": "ok", "reason": null}));
    assert_eq!(status["renews"], true);
    assert_eq!(status["kind"], "oauth2");
    assert!(status["expires_in"].as_i64().is_some_and(|seconds| (10_700..=10_800).contains(&seconds)), "{status}");
    assert!(status["tolerated"].as_array().is_some_and(|names| names.contains(&json!("scope-array"))));
}

#[tokio::test(flavor = "multi_thread")]
async fn logging_out_forgets_and_may_revoke() {
    let house = House::new().await;
    house.log_in("fitbit").await;
    house.log_in("telldus").await;
    assert_eq!(house.json(&["logout", "fitbit", "--revoke"]).await, json!({"account": "fitbit", "forgotten": true, "revoked": "yes"}));
    assert!(house.sandbox.seen("fitbit").iter().any(|seen| seen.line().contains("/oauth2/revoke")));
    assert_eq!(house.json(&["logout", "telldus", "--revoke"]).await["revoked"], "impossible");
    house.run(&["telldus", "devices"]).await.fails(4, ["there is no account \"telldus\"", "nobody has logged in", "keyfob login telldus"]);
    // What cannot be told to the provider is forgotten here all the same.
    house.log_in("fitbit").await;
    house.sandbox.faults("fitbit").update(|faults| faults.retired = true);
    house.run(&["logout", "fitbit", "--revoke"]).await.exits(1);
    assert_eq!(house.json(&["status"]).await, json!([]));
}

/// A program would send its token to wherever `KEYFOB_API` says.
#[tokio::test(flavor = "multi_thread")]
async fn variables_are_given_only_where_it_is_known_where_the_api_is() {
    let mut house = House::new().await;
    let hub = r#"
name = "hub"
title = "Hub"
kind = "oauth1"
status = "live"
about = "A hub."
sources = [{ url = "https://hub.example", checked = 2026-11-27, confidence = "assumed" }]
keep = ["site"]

[endpoints]
request_token = "https://login.hub.example/request"
authorize = "https://login.hub.example/authorize"
token = "https://login.hub.example/token"

[client]
fields = [{ name = "client_id", label = "Key" }, { name = "client_secret", label = "Secret", secret = true }]

[oauth1]
signature = "HMAC-SHA1"

[api]
base_url = "https://api.hub.example/v1"
"#;
    house.unset("KEYFOB_SANDBOX");
    house.file("config/providers/hub.toml", hub);
    let tokens =
        json!({"client_id": "key-1", "client_secret": "secret-1", "token": "token-1", "token_secret": "token-secret-1"}).to_string();
    house.run_with(&["import", "hub", "--stdin"], &tokens).await.exits(0);
    assert_eq!(house.json(&["env", "hub"]).await["KEYFOB_API"], "https://api.hub.example/v1");
    // The file says by now that each login names its own place: this one named none.
    let each = "base_url = \"{site}/v1\"\nhosts = [\"*.hub.example\"]";
    house.file("config/providers/hub.toml", &hub.replace("base_url = \"https://api.hub.example/v1\"", each));
    for command in [&["env", "hub"][..], &["exec", "hub", "--", "env"]] {
        let ended = house.run(command).await;
        assert!(!ended.stdout.contains("token-1") && !ended.stdout.contains("login.hub.example"), "{ended:#?}");
        ended.fails(2, ["cannot use hub", "site", "keyfob login hub"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ready_tokens_are_imported() {
    let house = House::new().await;
    let ready = house.sandbox.app("telldus").ready.expect("a ready token");
    let tokens = json!({"token": ready.token, "token_secret": ready.token_secret}).to_string();
    let ended = house.run_with(&["import", "telldus", "--stdin"], &tokens).await.exits(0);
    assert!(ended.stderr.contains("✓ telldus imported"), "{ended:#?}");
    assert_eq!(house.json(&["telldus", "devices"]).await[1]["Device"], "Living room lamp");
    for bad in ["", "[]", "{}", r#"{"token":"a"}"#, r#"{"token":"a b","token_secret":"c"}"#, r#"{"token":1,"token_secret":"c"}"#] {
        house.run_with(&["import", "telldus/x", "--stdin"], bad).await.exits(2).card();
    }
    house.run(&["import", "telldus/x"]).await.fails(2, ["cannot import telldus/x", "nobody is at the terminal", "--stdin"]);
    // What a login would have said has to be said, and no server is blamed for it.
    let mut real = House::new().await;
    real.unset("KEYFOB_SANDBOX");
    let said = r#"{"client_id":"a","client_secret":"b","access_token":"c"}"#;
    let ended = real.run_with(&["import", "salesforce", "--stdin"], said).await;
    ended.fails(2, ["cannot import salesforce", "a login says (instance_url), and the tokens come without it", "\"instance_url\":\"…\""]);
    // With the app beside them: what a provider's own page shows.
    let house = House::new().await;
    let app = house.sandbox.app("telldus");
    let all =
        json!({"client_id": app.client_id, "client_secret": app.client_secret, "token": ready.token, "token_secret": ready.token_secret});
    house.run_with(&["import", "telldus", "--stdin"], &all.to_string()).await.exits(0);
    assert_eq!(house.json(&["app", "list"]).await[0]["client_id"], app.client_id.as_str());
    house.json(&["telldus", "sensors"]).await;
}

/// Where a provider documents how long its refresh tokens are good, people are told until when; of one that somebody imported nobody knows.
#[tokio::test(flavor = "multi_thread")]
async fn until_when_tokens_can_be_renewed_is_told_where_it_is_known() {
    let house = House::new().await;
    std::fs::create_dir_all(house.path("config/providers")).expect("a folder");
    let lives = "[oauth2]\nrefresh_lifetime = 86400\nrefresh_lifetime_from = \"login\"\n";
    std::fs::write(house.path("config/providers/netatmo.toml"), lives).expect("written");
    house.log_in("netatmo").await;
    let status = house.json(&["status", "netatmo"]).await;
    let moment = |name: &str| status[name].as_str().and_then(keyfob::proto::Timestamp::from_text).expect("a moment");
    assert_eq!(moment("renewable_until").since(moment("logged_in_at")), 86_400, "{status}");
    let told = house.good(&["status", "netatmo"]).await;
    assert!(told.contains("refresh token good until") && told.contains("logged in"), "{told}");
    assert!(house.good(&["provider", "show", "netatmo"]).await.contains("good for 1 day from the login"));
    house.good(&["logout", "netatmo"]).await;
    // What an answer says is of this token, and documents are of all: here it is called as the access token's lifetime is, which is in every answer.
    std::fs::write(house.path("config/providers/netatmo.toml"), format!("{lives}refresh_expires_in = \"expire_in\"\n")).expect("written");
    house.log_in("netatmo").await;
    let status = house.json(&["status", "netatmo"]).await;
    assert_eq!(status["renewable_until"], status["expires_at"], "{status}");
    assert!(house.good(&["provider", "show", "netatmo"]).await.contains("Its answers say how long a refresh token is good (expire_in)"));
    house.good(&["logout", "netatmo"]).await;
    let tokens = r#"{"access_token":"a-not-real","refresh_token":"r-not-real"}"#;
    house.run_with(&["import", "netatmo", "--stdin"], tokens).await.exits(0);
    let status = house.json(&["status", "netatmo"]).await;
    assert_eq!(status["renewable_until"], Value::Null, "{status}");
    let told = house.good(&["status", "netatmo"]).await;
    assert!(told.contains("imported") && !told.contains("logged in") && !told.contains("good until"), "{told}");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn doctor_sees_a_server_that_is_down_and_files_that_others_may_change() {
    use std::os::unix::fs::PermissionsExt;

    // Reserved, and nobody listens there.
    let origin = format!("http://127.0.0.1:{}", keyfob_testbed::port::reserve());
    let house = common::house_at(&origin).await;
    let found = async || {
        let ended = house.run(&["doctor", "--json"]).await;
        let found: Value = serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{ended:#?}"));
        (ended.code, found.as_array().expect("a list").clone())
    };
    let of = |found: &[Value], check: &str| found.iter().find(|finding| finding["check"] == check).cloned().unwrap_or_default();
    let (code, before) = found().await;
    assert_eq!(code, 6, "{before:#?}");
    let network = of(&before, "network");
    assert!(network["state"] == "bad" && network["found"].as_str().is_some_and(|found| found.contains(&origin)), "{network}");
    assert_eq!(of(&before, "permissions")["state"], "ok");
    assert_eq!(of(&before, "keyring")["state"], "note");

    // The vault mends its own rights when it is opened; a provider file is somebody's work.
    let provider = house.path("config/providers/hub.toml");
    std::fs::set_permissions(&provider, std::fs::Permissions::from_mode(0o666)).expect("ours");
    let (_, after) = found().await;
    assert_eq!(of(&after, "permissions")["fix"], format!("chmod 644 {}", provider.display()));
}

#[tokio::test(flavor = "multi_thread")]
async fn status_tells_of_a_refused_call_until_something_says_otherwise_and_of_the_last_refresh() {
    let house = House::new().await;
    for name in ["telldus", "netatmo"] {
        house.log_in(name).await;
    }
    house.good(&["refresh", "netatmo"]).await;
    let netatmo = house.json(&["status", "netatmo"]).await;
    assert!(netatmo["last_refresh"].is_string() && netatmo["last_error"].is_null(), "{netatmo}");
    assert_eq!((&netatmo["scopes"]["missing"], &netatmo["health"]["state"]), (&serde_json::json!([]), &"ok".into()));
    assert!(netatmo["sealed_with"].as_str().is_some_and(|key| key.ends_with("vault.key")), "{netatmo}");

    // Signatures are refused, which says nothing about the tokens.
    let skew = |seconds| house.sandbox.faults("telldus").update(|faults| faults.clock_skew = seconds);
    assert_eq!(house.json(&["status", "telldus"]).await["health"]["state"], "ok");
    for call in [&["telldus", "devices"][..], &["get", "telldus", "/json/devices/list"]] {
        skew(MONTH);
        house.run(call).await;
        let told = house.json(&["status", "telldus"]).await;
        assert_eq!((&told["health"]["state"], &told["next"]), (&"refused".into(), &"keyfob login telldus".into()), "{call:?}: {told}");
        assert!(house.good(&["status", "telldus"]).await.contains("refused: the API did not take its credentials (HTTP 401"));
        assert!(house.good(&["status"]).await.contains("refused"));
        // A login is another one.
        skew(0);
        house.log_in("telldus").await;
        assert_eq!(house.json(&["status", "telldus"]).await["health"]["state"], "ok");
    }
    skew(MONTH);
    house.run(&["status", "telldus", "--check"]).await.exits(5);
    assert_eq!(house.json(&["status"]).await[1]["health"]["state"], "refused");
}

/// It is the app's fault, and no login mends that: what was entered for the app does, and a refresh says that it did.
#[tokio::test(flavor = "multi_thread")]
async fn status_tells_of_an_app_that_the_provider_does_not_take_until_it_does() {
    let house = House::new().await;
    house.log_in("netatmo").await;
    let app = house.sandbox.app("netatmo");
    let enter = async |secret: &str| {
        let keys = format!("NETATMO_API_CLIENT_ID={}\nNETATMO_API_CLIENT_SECRET={secret}\n", app.client_id);
        let keys = house.file("keys.env", &keys);
        house.good(&["app", "add", "netatmo", "--env-file", &keys, "--replace"]).await;
    };
    enter("another-secret-not-real").await;
    let refused = house.run(&["refresh", "netatmo"]).await;
    refused.fails(1, ["netatmo", "invalid_client", "keyfob app add PROVIDER --replace"]);
    let again = "keyfob app add netatmo --replace, and then: keyfob refresh netatmo";
    let told = house.json(&["status", "netatmo"]).await;
    assert_eq!((&told["health"]["state"], &told["next"]), (&"app-refused".into(), &again.into()), "{told}");
    let told = house.run(&["status", "netatmo"]).await.exits(0);
    assert!(told.stdout.contains("app refused: the provider did not take the app at "), "{told:#?}");
    assert_eq!(told.stderr, format!("app refused netatmo: {again}\n"));
    let told = house.run(&["status"]).await.exits(0);
    assert!(told.stdout.contains("\tapp refused\t") && told.stderr.contains(again), "{told:#?}");
    // What was entered is right once the provider says so.
    enter(&app.client_secret).await;
    assert_eq!(house.json(&["status", "netatmo"]).await["health"]["state"], "app-refused");
    house.good(&["refresh", "netatmo"]).await;
    let told = house.json(&["status", "netatmo"]).await;
    assert_eq!((&told["health"]["state"], &told["next"]), (&"ok".into(), &Value::Null), "{told}");
}

/// More than a clock offset that is learnt, in seconds.
const MONTH: i64 = 30 * 86_400;

/// What stands before this text on its line: the colour that it begins with.
fn colour(text: &str, found: &str) -> String {
    let at = text.find(found).unwrap_or_else(|| panic!("no {found:?} in {text:?}"));
    let line = text[..at].rsplit('\n').next().unwrap_or_default();
    let codes = line.rsplit("\u{1b}[0m").next().unwrap_or_default();
    codes.find('\u{1b}').map(|at| codes[at..].to_owned()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_colour_joins_each_parameter_to_its_places_in_an_explanation() {
    let mut house = House::new().await;
    for name in ["telldus", "august"] {
        house.log_in(name).await;
    }
    house.set("CLICOLOR_FORCE", "1");
    let shown = house.good(&["explain", "POST", "telldus", "/json/device/dim", "a==x y", "id=240001"]).await;
    let steps: Vec<&str> = shown.split("\n\n").collect();
    let mut colours = std::collections::BTreeSet::new();
    for (plain, once, twice, sent) in [
        ("a   ", "a=x%20y", "a%3Dx%2520y", "a=x%20y"),
        ("id   ", "id=240001", "id%3D240001", "id=240001"),
        ("oauth_consumer_key ", "oauth_consumer_key=", "oauth_consumer_key%3D", "oauth_consumer_key=\""),
        ("oauth_nonce ", "oauth_nonce=", "oauth_nonce%3D", "oauth_nonce=\""),
        ("oauth_version ", "oauth_version=", "oauth_version%3D", "oauth_version=\""),
    ] {
        let places = [colour(steps[0], plain), colour(steps[1], once), colour(steps[3], twice), colour(&steps[6..].join("\n"), sent)];
        assert!(places[0].contains("\u{1b}[") && places.iter().all(|place| *place == places[0]), "{plain}: {places:?}\n{shown}");
        colours.insert(places[0].clone());
    }
    assert_eq!(colours.len(), 5, "no two look alike");
    let shown = house.good(&["explain", "GET", "august", "/users/me"]).await;
    let token = colour(&shown, "the access token");
    assert!(
        !token.is_empty() && token == colour(&shown, "x-august-access-token: ") && token == colour(&shown, "in headers of"),
        "{shown:?}"
    );
    house.unset("CLICOLOR_FORCE");
    let told = house.json(&["explain", "GET", "telldus", "/x"]).await;
    assert!(told["steps"].as_array().is_some_and(|steps| steps.len() == 7 && steps[1]["section"] == "RFC 5849 §3.4.1.3.2"), "{told}");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_verb_in_a_loop_eats_nobodys_input() {
    let house = House::new().await;
    house.log_in("acme").await;
    let verbs = "keyfob get acme /api/me && keyfob token acme && keyfob status acme && keyfob acme me";
    let looped = house.typed(&format!("printf '1\\n2\\n3\\n' | while read -r n; do {{ {verbs}; }} > calls.txt || exit 1; echo $n; done"));
    assert_eq!(looped.end().await.exits(0).stdout, "1\n2\n3\n");
    // It is still there for whoever reads it next.
    let behind = house.typed("printf 'the rest\\n' | { keyfob get acme /api/me > me.json && cat; }").end().await.exits(0);
    assert_eq!(behind.stdout, "the rest\n");
    // What is piped into a call that asks for nothing is left alone, and sent nowhere.
    let piped = house.typed("echo canary-from-stdin | keyfob post acme /api/echo").end().await.exits(0);
    assert!(!piped.stdout.contains("canary"), "{piped:#?}");
    assert!(house.sandbox.seen("acme").iter().all(|seen| !seen.line().contains("canary")));
}

#[cfg(unix)]
/// A disk that is full is no reader that left.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn what_a_program_said_is_not_lost_without_a_word() {
    let house = House::new().await;
    house.log_in("acme").await;
    let lines: [(&[&str], i32); 4] = [
        (&["exec", "acme", "--", "sh", "-c", "echo said"], 1),
        (&["exec", "acme", "--", "sh", "-c", "echo said; exit 3"], 3),
        (&["exec", "acme", "--", "sh", "-c", "exit 0"], 0),
        (&["curl", "acme", "--", "-s", "/api/me"], 1),
    ];
    for (arguments, code) in lines {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
        let output = house.command(arguments).stdout(full).spawn().expect("it starts").wait_with_output().await.expect("an end");
        let told = String::from_utf8(output.stderr).expect("text");
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {told}");
        let is_told = told.contains("error: cannot write the output") && told.contains("No space left on device");
        assert_eq!(is_told, code != 0, "{arguments:?}: {told}");
    }
    let ended = house.typed("keyfob exec acme -- sh -c 'sleep 0.2; echo said' | true").end().await.exits(0);
    assert!(!ended.stderr.contains("error"), "{ended:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn git_itself_is_given_the_token() {
    let house = House::new().await;
    house.log_in("acme").await;
    let host = house.sandbox.origin("acme").replace("http://", "");
    let token = house.good(&["token", "acme"]).await;
    let asked = format!(
        "printf 'protocol=http\\nhost={host}\\n\\n' | GIT_TERMINAL_PROMPT=0 git -c credential.helper= -c credential.helper='!keyfob helper git --account acme' credential"
    );
    let filled = house.typed(&format!("{asked} fill")).end().await.exits(0);
    assert!(filled.stdout.contains(&format!("password={token}")), "{filled:#?}");
    // It says when the token ends, and what git thinks of it later changes nothing.
    assert!(filled.stdout.contains("password_expiry_utc="), "{filled:#?}");
    for action in ["approve", "reject"] {
        house.typed(&format!("{asked} {action}")).end().await.exits(0);
    }
    assert_eq!(house.good(&["token", "acme"]).await, token);
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_sees_scopes_that_are_missing_a_refresh_that_failed_a_port_that_is_taken_and_an_api_that_ended() {
    let mut house = House::new().await;
    let looked = async |house: &House, account: &str, check: &str| {
        let ended = house.run(&["doctor", account, "--offline", "--json"]).await;
        let told: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:#?}"));
        let found = told.as_array().expect("a list").iter().find(|one| one["check"] == check && one["account"] == account);
        found.unwrap_or_else(|| panic!("no {check}: {told}")).clone()
    };
    house.sandbox.faults("netatmo").update(|faults| faults.withheld_scopes = vec!["read_station".to_owned()]);
    for account in ["netatmo", "fitbit"] {
        house.log_in(account).await;
    }
    let scopes = looked(&house, "netatmo", "scopes").await;
    assert_eq!(
        (&scopes["state"], &scopes["fix"].as_str().is_some_and(|fix| fix.contains("keyfob login netatmo"))),
        (&"warning".into(), &true),
        "{scopes}"
    );
    assert_eq!(looked(&house, "netatmo", "rotation").await["state"], "ok");
    house.sandbox.faults("netatmo").update(|faults| (faults.at, faults.unavailable) = (keyfob_sandbox::At::Token, 1));
    assert_ne!(house.run(&["refresh", "netatmo"]).await.code, 0);
    let rotation = looked(&house, "netatmo", "rotation").await;
    assert_eq!(rotation["state"], "warning", "{rotation}");
    // What failed is told by status, too, with what it was.
    let status = house.json(&["status", "netatmo"]).await;
    assert!(status["last_error"]["why"].as_str().is_some_and(|why| why.contains("503")), "{status}");
    assert_eq!(looked(&house, "fitbit", "provider").await["state"], "warning");

    let app = house.sandbox.app("telldus");
    house.set("CONSUMER_KEY", &app.client_id);
    house.set("CONSUMER_SECRET", &app.client_secret);
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let uri = format!("http://{}/callback", taken.local_addr().expect("an address"));
    house.good(&["app", "add", "telldus", "--redirect-uri", &uri]).await;
    let tokens = serde_json::json!({"token": "example-token-not-real", "token_secret": "example-secret-not-real"}).to_string();
    house.run_with(&["import", "telldus", "--stdin"], &tokens).await.exits(0);
    let redirect = looked(&house, "telldus", "redirect URI").await;
    assert!(
        redirect["state"] == "warning" && redirect["found"].as_str().is_some_and(|found| found.contains("cannot be had")),
        "{redirect}"
    );
    drop(taken);
    assert_eq!(looked(&house, "telldus", "redirect URI").await["state"], "ok");
}
