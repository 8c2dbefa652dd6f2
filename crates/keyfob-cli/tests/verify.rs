//! `keyfob provider verify --live`, at a provider that a file of the user's own moves to the sandbox.

#![allow(missing_docs)]

mod common;

use common::House;

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
    let telldus = house.good(&["provider", "verify", "telldus", "--live"]).await;
    for line in
        ["| login | done on ", "| action devices | ", " rows, ", "| ok |", "at http://127.0.0.1:", "A file of the user's own was read"]
    {
        assert!(telldus.contains(line), "{line}: {telldus}");
    }
    assert!(!telldus.contains("turn-on") && !telldus.contains("verified ="), "{telldus}");
    // Names of devices are the person's.
    let devices = house.json(&["telldus", "devices"]).await;
    let names: Vec<&str> = devices.as_array().expect("rows").iter().filter_map(|row| row["Device"].as_str()).collect();
    assert!(names.len() > 2, "{devices}");
    assert!(!names.iter().any(|name| telldus.contains(name)), "{telldus}");
    let file = house.path("report.md").display().to_string();
    house.good(&["provider", "verify", "netatmo", "--live", "-o", &file]).await;
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
