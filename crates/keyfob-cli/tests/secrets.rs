//! J11: after a whole life of accounts, no secret has been on stdout or stderr, at the highest log level, but where it was asked for.

#![allow(missing_docs)]

mod common;

use common::{House, PROVIDERS};

#[tokio::test(flavor = "multi_thread")]
async fn j11_no_secret_is_ever_printed_or_logged() {
    let mut house = House::new().await;
    house.set("KEYFOB_LOG", "trace");
    house.set("RUST_BACKTRACE", "full");
    let mut said = String::new();
    let mut secrets = Vec::new();
    for name in PROVIDERS {
        let app = house.sandbox.app(name);
        secrets.push(app.client_secret);
        secrets.extend(app.fields.into_values());
        let ended = house.log_in(name).await;
        said.push_str(&ended.stdout);
        said.push_str(&ended.stderr);
        if let Ok(token) = serde_json::from_str::<serde_json::Value>(&house.run(&["token", name, "--json"]).await.stdout) {
            secrets.extend(token["access_token"].as_str().map(str::to_owned));
        }
    }
    let lives = [
        &["status"][..],
        &["status", "netatmo"],
        &["netatmo", "stations"],
        &["august", "locks", "--json"],
        &["get", "telldus", "/json/devices/list"],
        &["get", "telldus", "/json/devices/list", "--explain"],
        &["get", "telldus", "/json/devices/list", "--dry-run"],
        &["get", "august", "/nowhere", "-i", "-f"],
        &["get", "fitbit", "/1/user/-/profile.json", "-i"],
        &["app", "list", "--json"],
        &["account", "list"],
        &["logout", "acme", "--revoke"],
    ];
    for arguments in lives {
        let ended = house.run(arguments).await;
        said.push_str(&ended.stdout);
        said.push_str(&ended.stderr);
    }
    // Fitbit's token endpoint echoes what it refuses.
    for service in ["fitbit", "netatmo"] {
        house.sandbox.faults(service).expire_access_tokens();
        let ended = house.run(&["get", service, "/1/user/-/profile.json", "-i"]).await;
        said.push_str(&ended.stdout);
        said.push_str(&ended.stderr);
        house.sandbox.faults(service).expire_access_tokens();
        secrets.push(house.good(&["token", service]).await.trim().to_owned());
    }
    assert!(secrets.len() >= PROVIDERS.len() + 3);
    for secret in secrets {
        let encoded = keyfob::proto::encode::percent(&secret);
        assert!(secret.len() >= 8, "{secret}");
        assert!(!said.contains(&secret) && !said.contains(&encoded), "\"{secret}\" was said");
    }
    assert!(said.contains("DEBUG") || said.contains("INFO"), "the log was on");
}
