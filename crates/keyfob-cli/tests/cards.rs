//! Bad input: each a card of three lines with its exit code, and nothing lost.

#![allow(missing_docs)]

mod common;

use common::House;
use serde_json::{Value, json};

/// How many providers there are is one number, wherever it is said; those that have ended are beside it.
#[tokio::test(flavor = "multi_thread")]
async fn how_many_providers_there_are_is_said_alike_everywhere() {
    let mut house = House::new().await;
    house.set("KEYFOB_SANDBOX", "");
    let listed = house.json(&["provider", "list"]).await;
    let (there, gone): (Vec<_>, Vec<_>) = listed.as_array().expect("a list").iter().partition(|provider| !provider["kind"].is_null());
    let (there, gone) = (there.len(), gone.len());
    let list = house.run(&["provider", "list"]).await.exits(0);
    assert_eq!(list.stdout.lines().count(), 1 + there + gone);
    assert!(list.stderr.contains(&format!("Of {there} that come with Keyfob, all are walked")), "{}", list.stderr);
    assert!(list.stderr.contains(&format!(" {gone} more are listed only to say that they have ended.")), "{}", list.stderr);
    let known = format!("{there} are known");
    house.run(&["provider", "show", "xyz"]).await.fails(2, ["xyz", &known, ""]);
    let doctor = house.run(&["doctor", "--offline"]).await;
    assert!(doctor.stdout.contains(&known), "{}", doctor.stdout);
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/catalogue.md");
    let page = std::fs::read_to_string(page).expect("the page");
    assert!(page.contains(&format!("| count | of {there} |")), "docs/catalogue.md does not say {there}");
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_names_get_the_nearest() {
    let house = House::new().await;
    house.run(&["login", "teldus"]).await.fails(2, ["no provider is called \"teldus\"", "telldus", "did you mean telldus?"]);
    house.run(&["provider", "show", "xyz"]).await.fails(2, ["no provider is called \"xyz\"", "are known", "provider list"]);
    house.run(&["logn"]).await.fails(2, ["\"logn\" is no verb, no account and no provider", "login", "did you mean keyfob login?"]);
    house.run(&["netatmoo"]).await.fails(2, ["\"netatmoo\" is no verb", "netatmo", "did you mean keyfob netatmo?"]);
    house.run(&["quite-something-else"]).await.fails(2, ["is no verb", "nothing here", "keyfob --help"]);
    house.log_in("telldus/cabin").await;
    house
        .run(&["get", "telldus/cabni", "/x"])
        .await
        .fails(4, ["there is no account \"telldus/cabni\"", "telldus/cabin", "did you mean telldus/cabin?"]);
    house
        .run(&["get", "netatmo", "/x"])
        .await
        .fails(4, ["there is no account \"netatmo\"", "logged in: telldus/cabin", "keyfob login netatmo"]);
    for bad in ["Telldus", "telldus/../x", "telldus/", "telldus/a b", "login"] {
        house.run(&["login", bad]).await.exits(2).card();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_keys_are_named_with_where_to_get_them() {
    let mut house = House::new().await;
    house.unset("KEYFOB_SANDBOX");
    house.run(&["login", "netatmo", "--paste"]).await.fails(
        2,
        [
            "Netatmo needs an app of yours, and its Client ID (client_id) and Client secret (client_secret) are missing",
            "an app is registered at https://dev.netatmo.com/apps, with the redirect URI http://localhost/callback; Client ID: ",
            "keyfob app add netatmo, at a terminal, asks for what is missing, or --env-file FILE with NETATMO_API_CLIENT_ID=… NETATMO_API_CLIENT_SECRET=…",
        ],
    );
    house.set("NETATMO_API_CLIENT_ID", "5a9db0c50000000000000001");
    house.run(&["app", "add", "netatmo"]).await.fails(2, ["its Client secret (client_secret) is missing", "", "NETATMO_API_CLIENT_SECRET"]);
    let file = house.file("wrong.env", "A=1\nsecret without equals\n");
    let ended = house.run(&["app", "add", "netatmo", "--env-file", &file]).await.fails(2, ["wrong.env:2:1", "line 2", "first ="]);
    assert!(!ended.stderr.contains("without equals"), "{ended:#?}");
    let file = house.file("other.env", "SOMETHING=1\n");
    house
        .run(&["app", "add", "netatmo", "--env-file", &file])
        .await
        .fails(2, ["nothing for Netatmo", "NETATMO_API_CLIENT_ID", "provider show netatmo"]);
    house.run(&["app", "add", "netatmo", "--env-file", "nowhere.env"]).await.fails(2, ["cannot read nowhere.env", "", ""]);
}

#[tokio::test(flavor = "multi_thread")]
async fn j13_a_secret_on_the_command_line_is_refused_and_not_repeated() {
    let house = House::new().await;
    for arguments in [
        &["app", "add", "telldus", "--client-secret", "hunter2-hunter2"][..],
        &["login", "telldus", "--consumer-secret=hunter2-hunter2"],
        &["import", "telldus", "--token", "hunter2-hunter2", "--token-secret", "hunter2-hunter2"],
        &["import", "netatmo", "--access-token", "hunter2-hunter2"],
    ] {
        let ended = house.run(arguments).await.exits(2);
        assert!(ended.stderr.contains("command line") || ended.stderr.contains("cannot be used multiple times"), "{ended:#?}");
        assert!(!ended.stderr.contains("hunter2"), "{ended:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_network_it_exits_with_6() {
    let mut house = House::new().await;
    house.unset("KEYFOB_SANDBOX");
    house.set("CONSUMER_KEY", "EXAMPLEPUBLICKEYNOTREAL000000001");
    house.set("CONSUMER_SECRET", "EXAMPLEPRIVATEKEYNOTREAL00000001");
    house
        .run(&["login", "telldus", "--no-browser"])
        .await
        .fails(6, ["cannot log in to telldus", "not allowed to connect to https://pa-api.telldus.com", "this machine only"]);
    house.set("KEYFOB_SANDBOX", "http://127.0.0.1:9");
    house.run(&["login", "telldus", "--no-browser"]).await.fails(6, ["cannot use the sandbox", "could not connect", "keyfob sandbox"]);
    house.set("KEYFOB_SANDBOX", "https://sandbox.example");
    house.run(&["login", "telldus", "--no-browser"]).await.fails(2, ["cannot use the sandbox", "on this machine", "keyfob sandbox"]);
    let origin = house.sandbox.origin("acme");
    house.set("KEYFOB_SANDBOX", &origin);
    house.run(&["login", "telldus", "--no-browser"]).await.fails(1, ["cannot use the sandbox", "no sandbox", ""]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_of_another_key_is_refused_and_left_alone() {
    let mut house = House::new().await;
    house.log_in("telldus").await;
    let before = std::fs::read(house.vault()).expect("a vault");
    house.set("KEYFOB_VAULT_KEY", &"5a".repeat(32));
    for arguments in [&["status"][..], &["telldus", "devices"], &["logout", "telldus"], &["login", "telldus", "--no-browser", "--paste"]] {
        house.run(arguments).await.fails(7, ["cannot open the vault", "another key", "give the key it was sealed with"]);
    }
    assert_eq!(doctors_key(&house).await, "note", "it opens nothing");
    house.set("KEYFOB_VAULT_KEY", "nonsense");
    let ended = house.run(&["status"]).await.exits(7);
    assert!(!ended.stderr.contains("nonsense"), "{ended:#?}");
    assert_eq!(std::fs::read(house.vault()).expect("a vault"), before);
    house.unset("KEYFOB_VAULT_KEY");
    house.json(&["telldus", "devices"]).await;
    let key = house.path("data/sandbox/vault.key");
    std::fs::rename(&key, house.path("elsewhere")).expect("moved");
    house.run(&["telldus", "devices"]).await.fails(7, ["cannot open the vault", "vault.key", "keyfob vault set-aside"]);
    house
        .run(&["status"])
        .await
        .fails(7, ["cannot open the vault", "is not there", "put the key back from a backup (KEYFOB_VAULT_KEY_FILE"]);
    assert_eq!(doctors_key(&house).await, "note");
    assert!(!common::exists(&key), "no new key for an old vault");
}

/// What doctor thinks of the key of a vault that does not open.
async fn doctors_key(house: &House) -> Value {
    let looked = house.run(&["doctor", "--json", "--offline"]).await.exits(7);
    let findings: Vec<Value> = serde_json::from_str(&looked.stdout).expect("JSON");
    findings.into_iter().find(|finding| finding["check"] == "key").expect("the key is looked at")["state"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_provider_file_is_told_with_line_and_column() {
    let house = House::new().await;
    let broken = house.file("config/providers/hub.toml", "name = \"hub\"\ntitle = \"Hub\"\nkind = \"oauth3\"\n");
    let ended = house.run(&["provider", "check", &broken]).await.exits(1);
    assert!(ended.stdout.contains(&format!("{broken}:3:")), "{ended:#?}");
    assert!(ended.card()[0].contains("no sound provider file"), "{ended:#?}");
    let json = house.run(&["provider", "check", &broken, "--json"]).await.exits(1);
    let problems: Value = serde_json::from_str(&json.stdout).expect("JSON");
    assert_eq!(problems["ok"], false);
    assert!(problems["problems"].as_array().is_some_and(|all| all.iter().any(|problem| problem["line"] == 3)), "{problems}");
    // It is named where it is wanted, and does no harm elsewhere.
    house.run(&["login", "hub"]).await.fails(1, ["the provider file of hub is broken", "hub.toml:", ""]);
    house.log_in("telldus").await;
    // Half of an override is no override: it may be what sends an app's secret elsewhere. What comes with the program is shown, and not used, whatever the file
    // is called; the others are not touched by it.
    house.log_in("netatmo").await;
    house.file("config/providers/mine.toml", "name = \"telldus\"\n[api]\nbase_url = 7\n");
    for arguments in
        [&["login", "telldus"][..], &["telldus", "devices"], &["get", "telldus", "/json/devices/list"], &["app", "add", "telldus"]]
    {
        house
            .run(arguments)
            .await
            .fails(1, ["the provider file of telldus is broken", "mine.toml:3:12: expected a string", "provider check"]);
    }
    for arguments in [&["provider", "show", "telldus"][..], &["provider", "list"], &["netatmo", "stations"]] {
        let ended = house.run(arguments).await.exits(0);
        let told = ended.stderr.lines().find(|line| line.contains("mine.toml:3:12: expected a string")).expect("the place");
        assert!(
            told.starts_with("left out:") && ended.stderr.contains("base_url = \"https://…\"; then: keyfob provider check"),
            "{ended:#?}"
        );
    }
    house.run(&["provider", "check", "nowhere.toml"]).await.fails(2, ["cannot read nowhere.toml", "", ""]);
    let sound = house.file("sound.toml", "name = \"telldus\"\ntitle = \"My Telldus\"\n");
    let ended = house.run(&["provider", "check", &sound]).await.exits(0);
    assert!(ended.stderr.contains("is sound: telldus"), "{ended:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn k4_nothing_is_read_from_the_current_folder() {
    let house = House::new().await;
    house.file("telldus.toml", "this is no TOML");
    house.file("providers/telldus.toml", "this is no TOML");
    house.file(".env", "CONSUMER_KEY=x\nCONSUMER_SECRET=y\n");
    house.file("keyfob.toml", "this is no TOML");
    house.log_in("telldus").await;
    assert_eq!(house.json(&["app", "list"]).await, json!([]), "the demo app was used");
}

#[tokio::test(flavor = "multi_thread")]
async fn cards_are_json_where_json_is_asked_for() {
    let house = House::new().await;
    let ended = house.run(&["token", "telldus", "--json"]).await.exits(4);
    assert_eq!(ended.stdout, "");
    let card: Value = serde_json::from_str(ended.stderr.lines().last().expect("a line")).expect("JSON");
    assert_eq!(card["error"]["exit"], 4);
    assert_eq!(card["error"]["next"], "keyfob login telldus");
}

/// A program that reads stderr reads JSON lines: what is only to be known, the log, and the card behind them.
#[tokio::test(flavor = "multi_thread")]
async fn with_json_everything_on_stderr_is_json() {
    let mut house = House::new().await;
    house.log_in("acme").await;
    house.set("KEYFOB_LOG", "debug");
    let lines = |ended: &common::Ended| -> Vec<Value> {
        ended.stderr.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect()
    };
    let refreshed = house.run(&["refresh", "acme", "--json"]).await.exits(0);
    assert!(lines(&refreshed).iter().any(|line| line["level"].is_string() && line["message"].is_string()), "{refreshed:#?}");
    let refused = house.run(&["get", "acme", "https://elsewhere.example/x", "--json"]).await.exits(2);
    let lines = lines(&refused);
    assert!(lines.iter().any(|line| line["note"].as_str().is_some_and(|note| note.starts_with("sandbox:"))), "{refused:#?}");
    assert_eq!(lines.last().expect("a card")["error"]["exit"], 2, "{refused:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_pretended_only_is_not_asked_for_keys_without_a_sandbox() {
    let mut house = House::new().await;
    house.unset("KEYFOB_SANDBOX");
    let said = [
        "Acme exists in the sandbox only",
        "no sandbox is named",
        "keyfob sandbox, in another terminal; then: keyfob login acme --sandbox",
    ];
    house.run(&["login", "acme", "--paste"]).await.fails(2, said);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_the_retired_is_told() {
    let house = House::new().await;
    house.log_in("fitbit").await;
    house.sandbox.faults("fitbit").update(|faults| faults.retired = true);
    let ended = house.run(&["fitbit", "profile"]).await.exits(5);
    assert!(ended.card()[1].contains("HTTP 410") && ended.card()[2].contains("Google Health API"), "{ended:#?}");
}

/// Nobody is sent to register an app where there is nobody any more, and nothing is sent there without a word.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_where_all_has_ended_says_so_first() {
    let mut house = House::new().await;
    house.unset("KEYFOB_SANDBOX");
    // Where people enter a code nobody is sent back, so nothing is said of where to.
    let tado = house.good(&["provider", "show", "tado"]).await;
    assert!(tado.contains("There is no redirect") && !tado.contains("8912/callback"), "{tado}");
    for name in ["fivehundredpx", "fitbit"] {
        house.run(&["login", name]).await.fails(2, ["has ended, or was announced to end, on 20", "", "keyfob app add"]);
    }
    house.run_with(&["app", "add", "fivehundredpx", "--stdin"], r#"{"client_id":"c","client_secret":"s-not-real"}"#).await.exits(0);
    let ended = house.run(&["login", "fivehundredpx", "--no-browser", "--paste"]).await;
    assert_ne!(ended.code, 0, "{ended:#?}");
    assert!(ended.stderr.starts_with("500px has ended, or was announced to end, on 2018-06-15: 500px ended its public API"), "{ended:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn apps_are_added_listed_and_forgotten() {
    let house = House::new().await;
    let app = house.sandbox.app("august");
    let fields = json!({"client_id": app.client_id, "client_secret": app.client_secret, "api_key": app.fields["api_key"]});
    let ended = house.run_with(&["app", "add", "august", "--stdin"], &fields.to_string()).await.exits(0);
    assert!(ended.stderr.contains("the app of August Home is in the vault"), "{ended:#?}");
    let listed = house.good(&["app", "list"]).await;
    assert!(
        listed.contains(&app.client_id) && !listed.contains(&app.client_secret) && !listed.contains(&app.fields["api_key"]),
        "{listed}"
    );
    house.log_in("august").await;
    // Another app: the account's tokens are not its own.
    let other =
        json!({"client_id": "5a9db0c5-0000-4000-8000-0000000000ff", "client_secret": "x-not-real", "api_key": app.fields["api_key"]});
    let ended = house.run_with(&["app", "add", "august", "--stdin"], &other.to_string()).await.exits(0);
    assert!(ended.stderr.contains("needs login august belongs to another app"), "{ended:#?}");
    house.run(&["august", "locks"]).await.fails(4, ["cannot use august", "another app", "keyfob login august"]);
    let ended = house.run(&["app", "rm", "august"]).await.exits(0);
    // The sandbox's own app is what the account was logged in with.
    assert!(ended.stderr.contains("the sandbox's demo app is used in its place") && !ended.stderr.contains("another app"), "{ended:#?}");
    house.good(&["august", "locks"]).await;
    house.run(&["app", "rm", "august"]).await.fails(2, ["there is no app of august", "", "keyfob app add august"]);
    house.run_with(&["app", "add", "august", "--stdin"], "{\"unknown\":\"x\"}").await.fails(2, ["no app of August Home", "client_id", ""]);
}

/// Whoever renews a secret says nothing else, and loses nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_said_of_an_app_that_is_there_stays() {
    let house = House::new().await;
    let app = house.sandbox.app("august");
    let whole = json!({"client_id": app.client_id, "client_secret": "x-old-secret", "api_key": app.fields["api_key"]}).to_string();
    let uri = "http://127.0.0.1:8912/callback";
    house.run_with(&["app", "add", "august", "--stdin", "--redirect-uri", uri], &whole).await.exits(0);
    let listed = async || serde_json::from_str::<Value>(&house.good(&["app", "list", "--json"]).await).expect("JSON")[0].clone();
    let before = listed().await;
    assert_eq!((&before["redirect_uri"], &before["secrets"]), (&json!(uri), &json!(["client_secret", "api_key"])));
    // The key of its API is required, and is there.
    let renewed = json!({"client_id": app.client_id, "client_secret": app.client_secret}).to_string();
    let ended = house.run_with(&["app", "add", "august", "--stdin"], &renewed).await.exits(0);
    assert!(ended.stderr.contains("what was not said of it stays as it was (--replace: nothing stays)"), "{ended:#?}");
    assert_eq!(listed().await, before);
    house.log_in("august").await;
    // Nothing stays where that is said, and of another app's.
    let ended = house.run_with(&["app", "add", "august", "--stdin", "--replace"], &renewed).await;
    ended.fails(2, ["(api_key) is missing", "", ""]);
    assert_eq!(listed().await, before);
    house.run_with(&["app", "add", "august", "--stdin", "--replace"], &whole).await.exits(0);
    assert_eq!(listed().await["redirect_uri"], json!(null));
    house.run_with(&["app", "add", "august", "--stdin", "--redirect-uri", uri], &whole).await.exits(0);
    let other = json!({"client_id": "5a9db0c5-0000-4000-8000-0000000000ff", "client_secret": "x"}).to_string();
    house.run_with(&["app", "add", "august", "--stdin"], &other).await.fails(2, ["(api_key) is missing", "", ""]);
}

/// Its secret need not stay because its file has gone.
#[tokio::test(flavor = "multi_thread")]
async fn an_app_of_a_provider_that_nobody_knows_any_more_is_forgotten() {
    let mut house = House::new().await;
    house.unset("KEYFOB_SANDBOX");
    house.file(
        "config/providers/cabin.toml",
        &include_str!("../../keyfob-providers/data/netatmo.toml").replacen("\"netatmo\"", "\"cabin\"", 1),
    );
    house.run_with(&["app", "add", "cabin", "--stdin"], r#"{"client_id":"c","client_secret":"s-not-real"}"#).await.exits(0);
    std::fs::remove_file(house.path("config/providers/cabin.toml")).expect("it was there");
    assert!(house.good(&["app", "list"]).await.contains("cabin"));
    house.run(&["app", "rm", "cabin"]).await.exits(0);
    house.run(&["app", "rm", "cabin"]).await.fails(2, ["no provider is called \"cabin\"", "", ""]);
}

#[tokio::test(flavor = "multi_thread")]
async fn d10_a_provider_file_that_changed_later_gets_no_token() {
    let (own, other) = (
        tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port"),
        tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port"),
    );
    let origin = |listener: &tokio::net::TcpListener| format!("http://{}", listener.local_addr().expect("an address"));
    let file = |token: &str, api: &str| {
        format!(
            r#"
name = "hub"
title = "Hub"
kind = "oauth2"
status = "live"
about = "A hub."
sources = [{{ url = "https://hub.example", checked = 2026-11-21, confidence = "assumed", about = "everything" }}]
endpoints = {{ authorize = "{token}/authorize", token = "{token}/token" }}
oauth2 = {{ client_auth = "none" }}
api = {{ base_url = "{api}", attach = "bearer" }}
[client]
fields = [{{ name = "client_id", label = "Client ID", env = ["HUB_ID"] }}]
"#
        )
    };
    let mut house = House::new().await;
    house.unset("KEYFOB_SANDBOX");
    house.set("HUB_ID", "example-client-id");
    house.file("config/providers/hub.toml", &file(&origin(&own), &origin(&own)));
    let tokens = json!({"access_token": "example-access-token", "refresh_token": "example-refresh-token", "expires_in": 0}).to_string();
    house.run_with(&["import", "hub", "--stdin"], &tokens).await.exits(0);

    house.file("config/providers/hub.toml", &file(&origin(&other), &origin(&own)));
    for arguments in [&["refresh", "hub"][..], &["token", "hub"], &["get", "hub", "/x"]] {
        house.run(arguments).await.fails(4, ["hub", &format!("may not be sent to {}", origin(&other)), "keyfob login hub"]);
    }
    house.file("config/providers/hub.toml", &file(&origin(&own), &origin(&other)));
    house.run(&["get", "hub", "/x", "--dry-run"]).await.fails(4, ["hub", "may not be sent to", "keyfob login hub"]);
    let nobody = tokio::time::timeout(std::time::Duration::from_millis(100), other.accept()).await;
    assert!(nobody.is_err(), "nothing was sent to the other origin");
}

/// What nobody was asked is not written as a fact; and an address may have a place that each app fills.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_file_says_what_was_said() {
    let house = House::new().await;
    let shop = |path: &str| format!("https://{{shop}}.hub.example/{path}");
    let (authorize, token, api) = (shop("authorize"), shop("token"), shop("api"));
    let said = ["--about", "A hub.", "--docs", "https://hub.example", "--authorize", &authorize, "--token", &token, "--api", &api];
    house.run(&[&["provider", "new", "hub"][..], &said].concat()).await.exits(0);
    let text = std::fs::read_to_string(house.path("config/providers/hub.toml")).expect("a file");
    assert!(text.contains("name = \"shop\"") && text.contains("{shop}.hub.example/token"), "{text}");
    assert!(!text.lines().any(|line| line.starts_with("any_port")), "{text}");
    let bad = ["--about", "A hub.", "--docs", "https://hub.example", "--authorize", "https://{shop", "--token", &token, "--api", &api];
    house.run(&[&["provider", "new", "other"][..], &bad].concat()).await.fails(2, ["cannot begin a file for other", "--authorize", ""]);
}

/// What no variable is known of cannot come from a file of variables: the card says so, and names no empty list.
#[tokio::test(flavor = "multi_thread")]
async fn an_env_file_for_a_provider_that_names_no_variables_says_so() {
    let mut house = House::new().await;
    house.unset("KEYFOB_SANDBOX");
    let file = "title = \"Hub\"\nkind = \"oauth2\"\nstatus = \"live\"\nabout = \"A hub.\"\nsources = [{ url = \"https://hub.example\", checked = 2026-11-21, confidence = \"assumed\" }]\nendpoints = { authorize = \"https://hub.example/a\", token = \"https://hub.example/t\" }\nclient = { fields = [{ name = \"client_id\", label = \"ID\" }] }\noauth2 = { client_auth = \"none\" }\napi = { base_url = \"https://hub.example\" }\n";
    house.file("config/providers/hub.toml", file);
    let variables = house.file("keys.env", "HUB_ID=x\n");
    house
        .run(&["app", "add", "hub", "--env-file", &variables])
        .await
        .fails(2, ["has nothing for Hub", "names no variable", "client.fields of hub"]);
}
