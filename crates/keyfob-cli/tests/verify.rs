//! `keyfob provider verify --live`, at a provider that a file of the user's own moves to the sandbox.

#![allow(missing_docs)]

mod common;

use std::sync::Arc;

use common::{House, house_at};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A server that answers each request by its path.
async fn serve(answer: impl Fn(&str) -> (u16, &'static str) + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let origin = format!("http://{}", listener.local_addr().expect("an address"));
    let answer = Arc::new(answer);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut head = vec![0; 8192];
                let read = stream.read(&mut head).await.unwrap_or(0);
                let (status, body) = answer(String::from_utf8_lossy(&head[..read]).split(' ').nth(1).unwrap_or_default());
                let said = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
                let _ = stream.write_all(said.as_bytes()).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    origin
}

/// Adds to the file of the house's own provider.
fn add(house: &House, more: &str) {
    let file = house.path("config/providers/hub.toml");
    let text = std::fs::read_to_string(&file).expect("the file");
    std::fs::write(&file, text + more).expect("written");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_walk_reads_only_and_its_report_holds_nothing_of_the_person() {
    let mut house = House::new().await;
    house.log_in("telldus").await;
    house.log_in("netatmo").await;
    let vault = house.vault().display().to_string();
    house.set("KEYFOB_VAULT", &vault);
    for name in ["telldus", "netatmo"] {
        let app = house.sandbox.app(name);
        let keys = serde_json::json!({"client_id": app.client_id, "client_secret": app.client_secret}).to_string();
        house.run_with(&["app", "add", name, "--stdin"], &keys).await.exits(0);
    }
    let origins: Vec<(String, String)> =
        house.sandbox.origins().into_iter().map(|(name, origin)| (name.to_string(), origin.to_string())).collect();
    house.unset("KEYFOB_SANDBOX");
    for (name, origin) in origins.iter().filter(|(name, _)| ["telldus", "netatmo"].contains(&name.as_str())) {
        house.file(&format!("config/providers/{name}.toml"), &format!("[origins]\n\"*\" = \"{origin}\"\n"));
    }
    let telldus = house.run(&["provider", "verify", "telldus", "--live"]).await.exits(1).stdout;
    for line in [
        "| login | done on ",
        "| action devices | ",
        " rows, ",
        "| ok |",
        "at http://127.0.0.1:",
        "not verified by this: a file of the user's own moves the provider elsewhere",
    ] {
        assert!(telldus.contains(line), "{line}: {telldus}");
    }
    assert!(!telldus.contains("turn-on") && !telldus.contains("verified ="), "{telldus}");
    // Names of devices are the person's.
    let devices = house.json(&["telldus", "devices"]).await;
    let names: Vec<&str> = devices.as_array().expect("rows").iter().filter_map(|row| row["Device"].as_str()).collect();
    assert!(names.len() > 2, "{devices}");
    assert!(!names.iter().any(|name| telldus.contains(name)), "{telldus}");
    let file = house.path("report.md").display().to_string();
    house
        .run(&["provider", "verify", "netatmo", "--live", "-o", &file])
        .await
        .fails(1, ["cannot verify netatmo", "moves the provider elsewhere", "take that file out"]);
    let netatmo = std::fs::read_to_string(&file).expect("a report");
    for line in ["| refresh | new tokens | ok |", "| action stations | "] {
        assert!(netatmo.contains(line), "{line}: {netatmo}");
    }
    for account in ["telldus", "netatmo"] {
        let given = house.json(&["env", account]).await;
        let secret = given["KEYFOB_TOKEN"].as_str().expect("a token");
        assert!(!telldus.contains(secret) && !netatmo.contains(secret));
    }
}

/// A login alone says nothing about the API: where the file has no action to try, its base URL has to answer, or a path that the person names.
#[tokio::test(flavor = "multi_thread")]
async fn a_walk_on_which_the_api_answered_nothing_verifies_nothing() {
    let mut house = House::new().await;
    house.log_in("telldus").await;
    let vault = house.vault().display().to_string();
    house.set("KEYFOB_VAULT", &vault);
    let app = house.sandbox.app("telldus");
    let keys = serde_json::json!({"client_id": app.client_id, "client_secret": app.client_secret}).to_string();
    house.run_with(&["app", "add", "telldus", "--stdin"], &keys).await.exits(0);
    let origin = house.sandbox.origin("telldus").to_string();
    house.unset("KEYFOB_SANDBOX");
    // The same provider, of which nobody wrote an action down.
    let text = keyfob_providers::Catalogue::embedded().text("telldus").expect("a file");
    let bare = text.split("\n[actions.").next().expect("what is before them");
    house.file("config/providers/telldus.toml", &format!("{bare}\n[origins]\n\"*\" = \"{origin}\"\n"));
    let walked = house.run(&["provider", "verify", "telldus", "--live"]).await.exits(1);
    assert!(walked.stdout.contains("| the base URL | refused by the provider | **no** |"), "{}", walked.stdout);
    assert!(walked.stderr.contains("--live --get PATH"), "{}", walked.stderr);
    let path = "/json/devices/list?supportedMethods=1";
    let named = house.good(&["provider", "verify", "telldus", "--live", "--get", path]).await;
    assert!(named.contains("| a call of one's own | answered | ok |") && !named.contains(path), "{named}");
}

/// A file of one's own alone is what was walked, so the report says what to write into it; and it says of each thing that it did not see.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_seen_is_not_certified() {
    let things = |path: &str| match path {
        "/things" => (200, r#"[{"name":"lamp"},{"name":"fan"}]"#),
        "/none" => (200, "[]"),
        _ => (200, r#"[{"other":1}]"#),
    };
    let house = house_at(&serve(things).await).await;
    let walked = house.run(&["provider", "verify", "hub", "--live"]).await;
    let report = walked.stdout.clone();
    walked.fails(1, ["cannot verify hub", "its login was not walked", "keyfob login hub"]);
    for line in
        ["| login | none: the tokens were imported on ", " | left out |", "| action things | 2 rows, 2 columns; nothing is in ID | ok |"]
    {
        assert!(report.contains(line), "{line}: {report}");
    }
    // Tokens that were pasted say nothing of a login, whatever the API answers them.
    assert!(!report.contains("verified = ") && report.contains("The file is not verified by this: its login was not walked"), "{report}");
    let told = house.run(&["provider", "verify", "hub", "--live", "--json"]).await.exits(1);
    let told: serde_json::Value = serde_json::from_str(&told.stdout).expect("JSON");
    assert_eq!((&told["ok"], &told["mixed"]), (&false.into(), &false.into()));
    assert!(told["missing"].as_str().is_some_and(|missing| missing.starts_with("its login was not walked")), "{told}");
    // Where the file itself says that tokens are made elsewhere there is no login to walk.
    let file = house.path("config/providers/hub.toml");
    let text = std::fs::read_to_string(&file).expect("the file");
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("authorize =")).collect();
    std::fs::write(&file, format!("import = {{ help = \"Settings, New token.\" }}\n{}\n", lines.join("\n"))).expect("written");
    let imported = house.good(&["provider", "verify", "hub", "--live"]).await;
    assert!(imported.contains("\nFor the provider's file: `verified = ") && !imported.contains("embedded"), "{imported}");
    std::fs::write(&file, text).expect("written");
    add(
        &house,
        "[actions.none]\nabout = \"None\"\npath = \"/none\"\nrows = \".[]\"\ncolumns = [{ title = \"Name\", value = \".name\" }]\n",
    );
    let report = house.run(&["provider", "verify", "hub", "--live"]).await.exits(1).stdout;
    assert!(report.contains("| action none | 0 rows, 1 column; so nothing was seen of what is in them | ok |"), "{report}");
    add(
        &house,
        "[actions.other]\nabout = \"Other\"\npath = \"/other\"\nrows = \".[]\"\ncolumns = [{ title = \"Name\", value = \".name\" }]\n",
    );
    let walked = house.run(&["provider", "verify", "hub", "--live"]).await.exits(1);
    assert!(walked.stdout.contains("| action other | 1 row, 1 column; nothing is in any of them | **no** |"), "{}", walked.stdout);
    assert!(!walked.stdout.contains("verified ="), "{}", walked.stdout);
}

/// What an action needs stands in the file: whoever is refused for want of it is told what to run, and no file is wrong for it.
#[tokio::test(flavor = "multi_thread")]
async fn an_action_that_wants_a_scope_says_which_login_asks_for_it() {
    let forbidden = |path: &str| match path {
        "/things" => (200, r#"[{"name":"lamp","id":1}]"#),
        "/bad" => (400, r#"{"error":"no such date"}"#),
        "/unknown" => (401, r#"{"error":"who are you"}"#),
        "/said" => (400, r#"{"error":"missing_scope"}"#),
        _ => (403, r#"{"error":"forbidden"}"#),
    };
    let house = house_at(&serve(forbidden).await).await;
    add(&house, "[actions.plans]\nabout = \"Plans\"\npath = \"/plans\"\nscopes = [\"plans.read\"]\n[scopes]\n\"plans.read\" = \"plans\"\n");
    let login = "it needs the scope plans.read, which this account is not known to have: keyfob login hub --add-scope plans.read";
    house.run(&["hub", "plans"]).await.fails(5, ["cannot do plans", "403", login]);
    for (name, says_so) in [("bad", false), ("unknown", false), ("said", true)] {
        let more = format!("[actions.{name}]\nabout = \"{name}\"\npath = \"/{name}\"\nscopes = [\"plans.read\"]\n");
        let file = house.path("config/providers/hub.toml");
        let before = std::fs::read_to_string(&file).expect("the file");
        add(&house, &more);
        let refused = house.run(&["hub", name]).await;
        assert_eq!(refused.stderr.contains(login), says_so, "{name}: {}", refused.stderr);
        std::fs::write(&file, before).expect("written");
    }
    let help = house.good(&["hub", "plans", "--help"]).await;
    assert!(help.contains("keyfob login hub --add-scope plans.read"), "{help}");
    let shown = house.good(&["provider", "show", "hub"]).await;
    assert!(shown.contains("Plans (needs --add-scope plans.read)"), "{shown}");
    assert_eq!(house.json(&["provider", "show", "hub"]).await["actions"][1]["scopes"], serde_json::json!(["plans.read"]));
    let walked = house.run(&["provider", "verify", "hub", "--live"]).await.exits(1);
    let left_out = "| action plans | refused, and the account is not known to have what it needs: plans.read | left out |";
    assert!(walked.stdout.contains(left_out), "{}", walked.stdout);
    assert!(walked.stderr.contains("keyfob login hub --add-scope plans.read"), "{}", walked.stderr);
}

/// Where an app says that its server is another one than usual, that one was walked, and nothing is known of the usual one.
#[tokio::test(flavor = "multi_thread")]
async fn an_app_with_a_server_of_its_own_says_nothing_of_the_usual_one() {
    let origin = serve(|_| (200, r#"{"things":[1]}"#)).await;
    let mut house = house_at(&origin).await;
    house.unset("KEYFOB_SANDBOX");
    let file = format!(
        r#"
title = "Own"
kind = "oauth2"
status = "live"
about = "A hub at a place of its own."
sources = [{{ url = "https://hub.example/docs", checked = 2026-11-21, confidence = "assumed" }}]

[endpoints]
authorize = "https://{{place}}.hub.example/authorize"
token = "https://{{place}}.hub.example/token"

[client]
fields = [{{ name = "client_id", label = "ID" }}, {{ name = "place", label = "Place", default = "usual" }}]

[oauth2]
client_auth = "none"

[api]
base_url = "https://{{place}}.hub.example/api"

[origins]
"https://own.hub.example" = "{origin}"
"#
    );
    house.file("config/providers/own.toml", &file);
    house.run_with(&["app", "add", "own", "--stdin"], r#"{"client_id": "some-id", "place": "own"}"#).await.exits(0);
    house.run_with(&["login", "own", "--with-token"], "example-access-token-not-real").await.exits(0);
    let told = house.run(&["provider", "verify", "own", "--live", "--get", "/things", "--json"]).await.stdout;
    let told: serde_json::Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!((&told["origins"], &told["ok"]), (&serde_json::json!([origin]), &false.into()), "{told}");
    assert_eq!(told["missing"], "the app has a server of its own, so that the usual one was not walked", "{told}");
}
