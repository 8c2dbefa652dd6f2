//! The walk-throughs of ARCHITECTURE.md with the command: every provider logged in to by callback, by paste and by PIN, everything
//! that goes wrong on the way, and what is there afterwards.
#![allow(clippy::unwrap_used)]

use keyfob_e2e::command::assert_card;
use keyfob_e2e::{House, library, person};
use keyfob_interop::http;
use keyfob_sandbox::{Consent, Faults};

const SEEDS: [&str; 5] = ["august", "netatmo", "fitbit", "fitbit-oauth1", "telldus"];

/// The two whose demo apps take any port of this machine; the others' redirect URIs are fixed, and go by paste here.
const BY_CALLBACK: [&str; 2] = ["telldus", "acme"];

#[test]
fn logins_by_pasted_url_and_an_action_each() {
    let house = House::new();
    for (name, action, words) in [
        ("august", "locks", "Front Door"),
        ("netatmo", "stations", "Living room"),
        ("fitbit", "profile", "Robin Demo"),
        ("fitbit-oauth1", "devices", "Aria"),
        ("telldus", "devices", "Kitchen ceiling"),
    ] {
        house.log_in(name);
        let shown = house.good(&[name, action]).lines.join("\n");
        assert!(shown.contains(words), "{name}: {shown}");
        let rows = house.json(&["do", name, action, "--json"]);
        assert!(rows.to_string().contains(words), "{name}: {rows}");
    }
    let status = house.json(&["status", "--json"]);
    assert_eq!(status.as_array().map(Vec::len), Some(SEEDS.len()), "{status}");
}

#[test]
fn logins_by_callback() {
    let house = House::new();
    for name in BY_CALLBACK {
        let (end, statuses) = house.come_back(name, |url| vec![person::goes_to(url)]);
        assert!(end.success, "{name}: {end:#?}");
        assert_eq!(statuses, [200]);
        assert!(end.lines.is_empty() || !end.lines.join("").contains("token"), "{end:#?}");
    }
    house.good(&["get", "telldus", "/json/clients/list"]);
    house.good(&["get", "telldus", "/clients/list?format=json"]);
    assert!(house.good(&["get", "telldus", "/xml/devices/list", "supportedMethods==TURNON|TURNOFF"]).lines.join("").contains("<devices"));
    let posted = house.good(&["post", "telldus", "/json/device/turnOn", "id=240001"]).lines.join("");
    assert!(posted.contains("success"), "{posted}");
    house.good(&["get", "acme", "/me"]);
}

#[test]
fn logins_by_pin() {
    let house = House::new();
    for name in ["telldus", "fitbit-oauth1"] {
        let end = house.paste(name, &["--pin"], |url| vec![format!("  {} ", person::reads_pin(url))]);
        assert!(end.success, "{name}: {end:#?}");
        house.good(&["status", name]);
    }
}

#[test]
fn the_seeds_pasted_https_for_http_is_taken_and_reported() {
    let house = House::new();
    let end = house.paste("netatmo", &[], |url| vec![person::goes_to(url).replace("http://localhost/", "https://localhost/")]);
    assert!(end.success, "{end:#?}");
    assert!(end.errors.contains("redirect-scheme"), "not reported: {end:#?}");
}

#[test]
fn a_denial_ends_the_login_with_a_card() {
    let house = House::new();
    for name in SEEDS {
        house.world.consent(library::service(name), Consent::Deny);
        let end = house.paste(name, &[], |url| vec![person::goes_to(url)]);
        assert_card(&end, 2, &["access_denied"]);
        house.world.consent(library::service(name), Consent::Approve);
    }
    assert_eq!(house.json(&["status", "--json"]).as_array().map(Vec::len), Some(0));
}

#[test]
fn wrong_answers_are_refused_and_the_login_lives_on() {
    let house = House::new();
    for name in BY_CALLBACK {
        let (end, statuses) = house.come_back(name, |url| {
            let back = person::goes_to(url);
            let key = if back.contains("state=") { "state" } else { "oauth_token" };
            let wrong = back.replace(&format!("{key}="), &format!("{key}=not"));
            let denial = wrong.replace("code=", "error=access_denied&was=").replace("oauth_verifier=", "was=");
            vec![wrong, denial, back.replace("/callback", "/favicon.ico"), back]
        });
        assert!(end.success, "{name}: {end:#?}");
        assert_eq!(statuses, [400, 400, 404, 200], "{name}");
    }
    for name in SEEDS {
        let end = house.paste(name, &[], |url| {
            let back = person::goes_to(url);
            let key = if back.contains("state=") { "state" } else { "oauth_token" };
            vec!["what?".to_owned(), back.replace(&format!("{key}="), &format!("{key}=not")), back]
        });
        // Fitbit's OAuth 2 is under PKCE, where a bare code is an answer: the server judges it, once.
        if end.success {
            continue;
        }
        assert_eq!(name, "fitbit", "{end:#?}");
    }
}

#[test]
fn an_ended_token_is_renewed_and_a_spent_one_needs_a_login() {
    let house = House::new();
    house.log_in("netatmo");
    house.world.faults("netatmo").expire_access_tokens();
    house.good(&["netatmo", "stations"]);
    // A copy of the vault, as a backup or another machine would have it.
    let vault = find(house.path(), "vault.db");
    let copy = std::fs::read(&vault).unwrap();
    house.good(&["refresh", "netatmo"]);
    for ending in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{ending}", vault.display()));
    }
    std::fs::write(&vault, copy).unwrap();
    house.fails(&["refresh", "netatmo"], 4, &["invalid_grant", "keyfob login netatmo"]);
    house.fails(&["netatmo", "stations"], 4, &["keyfob login netatmo"]);
    house.fails(&["token", "netatmo"], 4, &["keyfob login netatmo"]);
    house.log_in("netatmo");
    house.good(&["netatmo", "stations"]);
}

#[test]
fn logout_and_a_second_account_in_the_same_vault() {
    let house = House::new();
    house.log_in("telldus");
    house.log_in("telldus/cabin");
    assert_eq!(house.json(&["status", "--json"]).as_array().map(Vec::len), Some(2));
    house.good(&["logout", "telldus"]);
    house.fails(&["get", "telldus", "/json/clients/list"], 4, &["keyfob login telldus"]);
    house.good(&["get", "telldus/cabin", "/json/clients/list"]);
    house.log_in("fitbit");
    let end = house.good(&["logout", "fitbit", "--revoke"]);
    assert!(end.errors.contains("provider"), "{end:#?}");
}

#[test]
fn locks_say_no_bridge_and_busy() {
    let house = House::new();
    house.log_in("august");
    let locks = house.json(&["august", "locks", "--json"]);
    let ids: Vec<String> = locks
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|row| row.as_object()?.values().find_map(|cell| cell.as_str().filter(|text| text.len() == 32)).map(str::to_owned))
        .collect();
    assert_eq!(ids.len(), 3, "{locks}");
    let without_bridge = ids.iter().find(|id| house.run(&["august", "status", id]).code != Some(0)).unwrap();
    house.fails(&["august", "status", without_bridge], 5, &["409", "no bridge"]);
    house.good(&["august", "unlock-now", &ids[0], "--yes"]);
    let status = house.good(&["august", "status", &ids[0]]).lines.join("\n");
    assert!(status.contains("unlocked"), "{status}");
    house.world.faults("august").set(Faults { lock_busy: true, ..Faults::default() });
    house.fails(&["august", "lock-now", &ids[0], "--yes"], 5, &["460"]);
}

#[test]
fn acting_asks_first() {
    let house = House::new();
    house.log_in("telldus");
    let end = house.run(&["telldus", "on", "240001"]);
    assert_eq!(end.code, Some(2), "{end:#?}");
    assert!(house.world.lines("telldus").iter().all(|line| !line.contains("turnOn")));
}

#[test]
fn an_error_at_200_is_an_error() {
    let house = House::new();
    house.log_in("telldus");
    house.fails(&["telldus", "on", "1", "--yes"], 5, &["200"]);
    house.good(&["get", "telldus", "/json/device/turnOn", "id==1"]);
    let end = house.run(&["get", "--fail", "telldus", "/json/device/turnOn", "id==1"]);
    assert_eq!(end.code, Some(5), "{end:#?}");
}

#[test]
fn a_retired_provider_says_so_and_names_its_successor() {
    let house = House::new();
    house.log_in("fitbit");
    house.world.faults("fitbit").set(Faults { retired: true, ..Faults::default() });
    house.fails(&["fitbit", "profile"], 5, &["410", "Google Health"]);
}

#[test]
fn import_of_a_ready_token() {
    let house = House::new();
    let ready = house.world.app("telldus").ready.unwrap();
    let mut import = house.start(&["import", "telldus", "--stdin"]);
    import.answer(&serde_json::json!({"token": ready.token, "token_secret": ready.token_secret}).to_string());
    let end = import.finish();
    assert!(end.success, "{end:#?}");
    assert!(house.good(&["telldus", "devices"]).lines.join("").contains("Kitchen ceiling"));
}

#[test]
fn bad_input_gets_a_card_and_its_code() {
    let mut house = House::new();
    house.fails(&["login", "teldus"], 2, &["telldus"]);
    house.fails(&["get", "telldus", "/x"], 4, &["keyfob login telldus"]);
    house.log_in("telldus");
    house.fails(&["telldus", "devises"], 2, &["devices"]);
    house.fails(&["telldus", "dim", "240001", "300", "--yes"], 2, &["255"]);
    house.fails(&["get", "telldus", "https://evil.example/x"], 2, &["evil.example"]);
    house.fails(&["token", "telldus"], 2, &["OAuth 1"]);
    let folder = house.path().join("broken.toml");
    std::fs::write(&folder, "name = \"x\"\nkind = \"oauth3\"\n").unwrap();
    let end = house.run(&["provider", "check", folder.to_str().unwrap()]);
    assert_eq!(end.code, Some(1));
    assert!((end.lines.join("\n") + &end.errors).contains(":2:8"), "{end:#?}");

    // No network: nobody listens where the provider is.
    house.set("KEYFOB_SANDBOX", "http://127.0.0.1:9");
    house.fails(&["telldus", "devices"], 6, &["127.0.0.1:9"]);
}

#[test]
fn missing_app_credentials_say_which_and_where_and_what_to_register() {
    let home = keyfob_interop::Home::new();
    let end = home.run(&["login", "netatmo", "--no-browser"]);
    assert_card(&end, 2, &["Client ID", "https://dev.netatmo.com/apps", "http://localhost/callback", "NETATMO_API_CLIENT_ID"]);
}

#[test]
fn j6_a_vault_of_another_key_is_refused_and_stays_as_it_is() {
    let house = House::new();
    house.log_in("telldus");
    let (vault, key) = (find(house.path(), "vault.db"), find(house.path(), "vault.key"));
    let before = std::fs::read(&vault).unwrap();
    let right = std::fs::read(&key).unwrap();
    let mut wrong = right.clone();
    let at = wrong.len() / 2;
    wrong[at] = if wrong[at] == b'1' { b'2' } else { b'1' };
    std::fs::write(&key, wrong).unwrap();
    house.fails(&["status"], 7, &["key"]);
    std::fs::remove_file(&key).unwrap();
    house.fails(&["status"], 7, &["locked"]);
    assert_eq!(std::fs::read(&vault).unwrap(), before, "the vault was touched");
    assert!(!key.exists(), "a new key beside an old vault locks it for ever");
    std::fs::write(&key, right).unwrap();
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    house.good(&["telldus", "devices"]);
}

/// Canaries: no token, secret, code or verifier in anything the command says at its loudest, nor in its files in clear.
#[test]
fn nothing_secret_is_said_or_lies_about() {
    let mut house = House::new();
    house.set("KEYFOB_LOG", "debug");
    let mut said = String::new();
    for name in SEEDS {
        let end = house.log_in(name);
        said += &(end.lines.join("\n") + &end.errors);
        for arguments in [vec!["status", name], vec!["status", name, "--json"], vec!["provider", "show", name], vec![name]] {
            let end = house.run(&arguments);
            said += &(end.lines.join("\n") + &end.errors);
        }
    }
    let mut secrets = Vec::new();
    for name in SEEDS {
        let app = house.world.app(name);
        secrets.push(app.client_secret);
        secrets.extend(app.fields.into_values());
    }
    for name in ["august", "netatmo", "fitbit"] {
        let token = house.good(&["token", name]);
        assert_eq!(token.lines.len(), 1, "{token:#?}");
        assert!(!token.errors.contains(&token.lines[0]), "the log has the token");
        secrets.push(token.lines[0].clone());
    }
    assert!(secrets.iter().all(|secret| secret.len() > 8), "{secrets:?}");
    let files = read_all(house.path());
    assert!(files.len() >= 2);
    for secret in secrets {
        for spelling in [secret.clone(), http::encode(&secret), hex(&secret)] {
            assert!(!said.contains(&spelling), "said: {spelling}");
            for (path, bytes) in &files {
                assert!(!bytes.windows(spelling.len()).any(|window| window == spelling.as_bytes()), "{path} has {spelling}");
            }
        }
    }
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn read_all(folder: &std::path::Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(read_all(&path));
        } else if path.is_file() {
            found.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
    found
}

fn find(folder: &std::path::Path, name: &str) -> std::path::PathBuf {
    let found = read_all(folder).into_iter().find(|(path, _)| path.ends_with(name));
    found.unwrap_or_else(|| panic!("no {name}")).0.into()
}
