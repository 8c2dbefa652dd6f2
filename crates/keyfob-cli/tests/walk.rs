//! `keyfob try`, `sandbox`, `serve` and `provider`: what a newcomer meets.

#![allow(missing_docs)]

mod common;

use std::time::{Duration, Instant};

use common::{House, visit};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn the_walk_succeeds_shows_no_secret_and_leaves_nothing() {
    let mut house = House::new().await;
    house.unset("KEYFOB_SANDBOX");
    let began = Instant::now();
    let ended = house.run(&["try"]).await.exits(0);
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    assert_eq!(ended.stderr, "");
    for words in [
        "August Home",
        "Netatmo",
        "Telldus Live!",
        "Fitbit",
        "$ keyfob login august",
        "$ keyfob telldus devices",
        "Living room lamp",
        "Front Door",
        "┤",
        "the token had ended: renewed on the way",
        "it was typed in",
        "came back to http://127.0.0.1:",
        "last page was pasted",
        "$ keyfob logout netatmo",
        "Now you:",
    ] {
        assert!(ended.stdout.contains(words), "expected \"{words}\" in:\n{}", ended.stdout);
    }
    assert!(ended.stdout.lines().all(|line| line.chars().count() <= 80), "80 columns:\n{}", ended.stdout);
    for name in ["august", "netatmo", "fitbit", "telldus", "fitbit-oauth1"] {
        let app = house.sandbox.app(name);
        assert!(!ended.stdout.contains(&app.client_secret), "the secret of {name}");
    }
    assert!(!ended.stdout.contains('\u{1b}'), "no colours in a pipe");
    let left: Vec<_> = std::fs::read_dir(house.path("")).expect("a folder").map(|entry| entry.expect("an entry").file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with("keyfob-try-")), "{left:?}");
    assert!(!common::exists(&house.path("data")), "the person's own vault was not touched");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_walk_can_be_short_and_as_json() {
    let mut house = House::new().await;
    house.unset("KEYFOB_SANDBOX");
    let walk = house.json(&["try", "acme"]).await;
    assert_eq!(walk["ok"], true);
    let steps: Vec<&str> = walk["steps"].as_array().expect("steps").iter().filter_map(|step| step["step"].as_str()).collect();
    assert_eq!((steps.first(), steps.last()), (Some(&"app"), Some(&"logout")));
    house.run(&["try", "acmee"]).await.fails(2, ["no provider is called \"acmee\"", "acme", ""]);
    house.set("TMPDIR", "/nowhere/at/all");
    house.run(&["try"]).await.fails(1, ["the walk could not begin", "", "TMPDIR"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sandbox_says_what_to_do_next_and_the_lines_work() {
    let mut house = House::new().await;
    let mut sandbox = house.start(&["sandbox", "--port", "0", "--consent", "approve", "--retired"]);
    let export = sandbox.line(|line| line.starts_with("export KEYFOB_SANDBOX=")).await;
    house.set("KEYFOB_SANDBOX", export.split('=').nth(1).expect("a URL"));
    house.log_in("telldus").await;
    assert_eq!(house.json(&["telldus", "devices"]).await[1]["Device"], "Living room lamp");
    // What the catalogue knows to have ended has ended.
    let mut login = house.start(&["login", "fitbit", "--no-browser", "--paste"]);
    let url = login.url().await;
    assert_eq!(visit(&url).await.status, 410);
    login.interrupt();
    login.end_listening().await.exits(130);
    sandbox.interrupt();
    sandbox.end_listening().await.exits(0);
    // Where one runs, there is nothing to start.
    let at = house.sandbox.index().trim_end_matches('/');
    let port = at.rsplit(':').next().expect("a port");
    house
        .run(&["sandbox", "--port", port])
        .await
        .fails(1, ["cannot start the sandbox", "a sandbox is there already", &format!("use it: --sandbox={at}")]);
    house.run(&["sandbox", "--port", "0", "--only", "nobody"]).await.fails(2, ["cannot start the sandbox", "no service \"nobody\"", ""]);
}

/// Two that the sandbox does not know: one with a single host for the API, and one that wants a name in place of the redirect URI.
#[tokio::test(flavor = "multi_thread")]
async fn any_provider_is_played_from_its_file() {
    let mut house = House::new().await;
    // A sandbox that is named already is no hindrance.
    let mut playing = house.start(&["sandbox", "--port", "0", "--as", "spotify", "--as", "ebay"]);
    let index = playing.line(|line| line.starts_with("export KEYFOB_SANDBOX=")).await;
    house.set("KEYFOB_SANDBOX", index.trim_start_matches("export KEYFOB_SANDBOX="));
    for name in ["spotify", "ebay"] {
        let ended = house.log_in(name).await;
        assert!(ended.stderr.contains(&format!("✓ {name} logged in")), "{ended:#?}");
    }
    house.good(&["spotify", "me"]).await;
    // What its file does not name is answered, too: nobody knows what, but that the call was good.
    let answer = house.json(&["get", "spotify", "/v1/me/shows"]).await;
    assert_eq!((&answer["imitated"], answer["path"].as_str()), (&true.into(), Some("/v1/me/shows")), "{answer}");
    house.good(&["refresh", "spotify"]).await;
    let mut login = house.start(&["login", "spotify", "--scope", "user-library-read", "--no-browser", "--paste"]);
    let back = visit(&login.url().await).await.location.expect("back");
    login.say(&format!("{back}\n")).await;
    let ended = login.end().await.exits(0);
    assert!(ended.stderr.contains("user-library-read"), "{ended:#?}");
    house.good(&["logout", "spotify"]).await;
    playing.interrupt();
    playing.end_listening().await.exits(0);
}

/// A file of one's own may say more than any file of the catalogue.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_one_s_own_is_played_with_pushed_requests_and_people() {
    let mut house = House::new().await;
    house.file(
        "config/providers/hub.toml",
        r#"
name = "hub"
title = "Hub"
kind = "oauth2"
status = "live"
about = "A hub."
sources = [{ url = "https://hub.example", checked = 2026-11-27, confidence = "assumed" }]

[endpoints]
authorize = "https://hub.example/authorize"
token = "https://hub.example/token"
issuer = "https://hub.example"
jwks = "https://hub.example/keys"
par = "https://hub.example/par"
userinfo = "https://hub.example/who"
end_session = "https://hub.example/logout"

[client]
fields = [{ name = "client_id", label = "ID" }, { name = "client_secret", label = "Secret", secret = true }]
redirect = { suggested = ["http://localhost:7700/callback"] }

[oauth2]
client_auth = "basic"
scopes = ["openid"]
par_required = true

[api]
base_url = "https://api.hub.example"
"#,
    );
    let mut playing = house.start(&["sandbox", "--port", "0", "--as", "hub"]);
    let index = playing.line(|line| line.starts_with("export KEYFOB_SANDBOX=")).await;
    house.set("KEYFOB_SANDBOX", index.trim_start_matches("export KEYFOB_SANDBOX="));
    let mut login = house.start(&["login", "hub", "--no-browser", "--paste"]);
    let url = login.url().await;
    assert!(url.contains("request_uri=") && !url.contains("scope="), "{url}");
    let back = visit(&url).await.location.expect("back");
    login.say(&format!("{back}\n")).await;
    login.end().await.exits(0);
    house.good(&["get", "hub", "/things"]).await;
    house.good(&["logout", "hub"]).await;
    playing.interrupt();
    playing.end_listening().await.exits(0);
}

/// Where nobody is sent back, no browser is opened for an answer that cannot come: a code is shown, whatever the machine.
#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_is_sent_back_a_code_is_shown() {
    let mut house = House::new().await;
    let mut playing = house.start(&["sandbox", "--port", "0", "--as", "tado"]);
    let index = playing.line(|line| line.starts_with("export KEYFOB_SANDBOX=")).await;
    house.set("KEYFOB_SANDBOX", index.trim_start_matches("export KEYFOB_SANDBOX="));
    let ended = house.run(&["login", "tado"]).await.exits(0);
    assert!(ended.stderr.contains("only if you began this login yourself") && ended.stderr.contains("✓ tado logged in"), "{ended:#?}");
    house.good(&["tado", "me"]).await;
    for other in [&["--paste"][..], &["--redirect-uri", "http://127.0.0.1:1/callback"], &["--max-age", "60s"]] {
        house
            .run(&[&["login", "tado"], other].concat())
            .await
            .fails(2, ["cannot log in to tado", "people log in there on another device (RFC 8628)", "keyfob login tado shows the code"]);
    }
    playing.interrupt();
    playing.end_listening().await.exits(0);
}

/// OAuth 1 in two ways that are nobody's usual one: no verifier, which is told, and no login at all.
#[tokio::test(flavor = "multi_thread")]
async fn without_verifier_and_without_login_there_is_an_account_all_the_same() {
    let mut house = House::new().await;
    let mut playing = house.start(&["sandbox", "--port", "0", "--as", "tripit", "--as", "woocommerce"]);
    let index = playing.line(|line| line.starts_with("export KEYFOB_SANDBOX=")).await;
    house.set("KEYFOB_SANDBOX", index.trim_start_matches("export KEYFOB_SANDBOX="));
    let ended = house.log_in("tripit").await;
    assert!(ended.stderr.contains("no-verifier (RFC 5849 §2.2)"), "{ended:#?}");
    house.good(&["tripit", "me"]).await;
    let ended = house.run(&["login", "woocommerce"]).await.exits(0);
    assert!(ended.stderr.contains("✓ woocommerce logged in") && ended.stderr.contains("keyfob get woocommerce /"), "{ended:#?}");
    house.good(&["woocommerce", "orders"]).await;
    let ended = house.run(&["status", "woocommerce"]).await.exits(0);
    assert!(ended.stdout.contains("the app's keys sign alone"), "{ended:#?}");
    house.run(&["refresh", "woocommerce"]).await.fails(2, ["nothing to refresh", "the app's keys alone", "keyfob app add woocommerce"]);
    house.run(&["token", "woocommerce"]).await.fails(2, ["no token to print", "nobody was given a token", "keyfob get woocommerce"]);
    house.good(&["logout", "woocommerce"]).await;
    playing.interrupt();
    playing.end_listening().await.exits(0);
}

/// Nobody is sent anywhere: a login says where tokens are made, and what was made there is imported, used and renewed.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_are_made_elsewhere_are_asked_for_and_imported() {
    let mut house = House::new().await;
    let mut playing = house.start(&["sandbox", "--port", "0", "--as", "magento2", "--as", "plentymarkets"]);
    let index = playing.line(|line| line.starts_with("export KEYFOB_SANDBOX=")).await;
    let index = index.trim_start_matches("export KEYFOB_SANDBOX=").to_owned();
    house.set("KEYFOB_SANDBOX", &index);
    house.run(&["login", "magento2"]).await.fails(
        2,
        [
            "there is no login at Adobe Commerce",
            "its tokens are made elsewhere. In the administration of the shop",
            "keyfob import magento2 asks for them",
        ],
    );
    let shown = house.json(&["provider", "show", "magento2"]).await;
    assert!(shown["import"]["help"].as_str().is_some_and(|help| help.contains("Integrations")), "{shown}");
    // The sandbox's page is where they are made.
    let page = visit(&index).await.text;
    let made = |name: &str| {
        let after = page.split_once(&format!("{name} <code>")).unwrap_or_else(|| panic!("no {name} in {page}")).1;
        after.split('<').next().unwrap_or_default().to_owned()
    };
    let tokens = json!({ "token": made(">token"), "token_secret": made("token_secret") }).to_string();
    house.run_with(&["login", "magento2", "--with-token"], &tokens).await.exits(0);
    house.good(&["get", "magento2", "/orders"]).await;
    let tokens = json!({ "access_token": made("access_token"), "refresh_token": made("refresh_token"), "expires_in": 60 }).to_string();
    house.run_with(&["import", "plentymarkets", "--stdin"], &tokens).await.exits(0);
    house.good(&["get", "plentymarkets", "/user"]).await;
    house.good(&["refresh", "plentymarkets"]).await;
    house.good(&["get", "plentymarkets", "/orders"]).await;
    playing.interrupt();
    playing.end_listening().await.exits(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_web_app_starts_answers_and_stops() {
    let house = House::new().await;
    let port = keyfob_testbed::port::reserve();
    let app = house.sandbox.app("august");
    let file = house.file(
        "august.env",
        &format!(
            "CLIENTID={}\nAPIKEY={}\nAPISEC={}\nAUTHCALL=http://localhost:{port}/callback\n",
            app.client_id, app.fields["api_key"], app.client_secret
        ),
    );
    let listen = format!("127.0.0.1:{port}");
    let log = house.path("debug.txt");
    let mut serve = house.start(&["serve", "--env-file", &file, "--listen", &listen, "--debug-log", &log.display().to_string()]);
    serve.line(|line| line.contains(&format!("Connect august at http://localhost:{port}/"))).await;
    let page = visit(&format!("http://localhost:{port}/")).await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("August"), "{}", page.text);
    house.run(&["serve", "--health-check", "--listen", &listen]).await.exits(0);
    house
        .run(&["serve", "--env-file", &file, "--listen", &listen])
        .await
        .fails(1, ["cannot start the web app", "cannot listen", "--listen"]);
    serve.interrupt();
    serve.end_listening().await.exits(0);
    house.run(&["serve", "--health-check", "--listen", &listen]).await.fails(1, ["not well", "", "keyfob serve"]);
    let log = std::fs::read_to_string(log).expect("a log");
    assert!(!log.contains(&app.client_secret));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_can_open_the_vault_gets_a_link_to_sign_in_with() {
    let house = House::new().await;
    let port = keyfob_testbed::port::reserve();
    let listen = format!("127.0.0.1:{port}");
    let mut serve = house.start(&["serve", "--listen", &listen]);
    let first = serve.line(|line| line.contains("/first-run?token=")).await;
    let link = house.good(&["serve", "--link", "--listen", &listen]).await;
    let link = link.trim();
    assert!(link.starts_with(&format!("http://{listen}/first-run?token=")) && !first.contains(link), "{link}");
    let json = house.json(&["serve", "--link", "--listen", &listen]).await;
    assert!(json["link"].as_str().is_some_and(|other| other != link), "{json}");
    // The one that runs knows what the other one wrote.
    let page = visit(link).await;
    assert!(page.status == 200 && page.text.contains("Sign in as the owner"), "{}", page.text);
    assert_eq!(visit(&format!("http://{listen}/")).await.status, 303, "nobody is let in without");
    let file = house.file("august.env", "CLIENTID=a-b-c\nAPIKEY=a\nAPISEC=b\n");
    house.run(&["serve", "--link", "--env-file", &file]).await.exits(2);
    serve.interrupt();
    serve.end_listening().await.exits(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn providers_are_listed_and_shown() {
    let mut house = House::new().await;
    house.unset("KEYFOB_SANDBOX");
    let list = house.good(&["provider", "list"]).await;
    assert!(list.contains("telldus\tTelldus Live!\tOAuth 1.0a\tlive\n") && list.contains("\tretired 2026-11-02\n"), "{list}");
    let shown = house.good(&["provider", "show", "telldus"]).await;
    for words in
        ["https://pa-api.telldus.com/oauth/requestToken", "CONSUMER_SECRET", "callback-confirmed-otherwise", "dim ID LEVEL", "Sources"]
    {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    assert!(house.good(&["provider", "show", "weibo"]).await.contains("requests-oauthlib"), "who checked it");
    let json = house.json(&["provider", "show", "netatmo"]).await;
    assert_eq!((&json["independent_client"], &json["verified"]), (&Value::Null, &Value::Null));
    assert_eq!(json["endpoints"]["token"], "https://api.netatmo.com/oauth2/token");
    assert_eq!(json["scopes"], serde_json::json!(["read_station"]));
    let all: Value = house.json(&["provider", "list"]).await;
    assert!(all.as_array().is_some_and(|all| all.iter().any(|provider| provider["name"] == "august")));
}

#[tokio::test(flavor = "multi_thread")]
async fn help_and_version_are_there() {
    let house = House::new().await;
    let help = house.good(&["--help"]).await;
    assert!(help.contains("keyfob try") && help.contains("Exit codes:\n  0 ok"), "{help}");
    assert!(help.lines().all(|line| line.chars().count() <= 100), "{help}");
    assert!(house.good(&["--version"]).await.starts_with("keyfob "));
    for verb in ["login", "get", "do", "app", "import", "provider", "sandbox", "serve", "try", "status", "token"] {
        let help = house.good(&[verb, "--help"]).await;
        assert!(help.contains("Usage: keyfob"), "{verb}: {help}");
    }
    assert_eq!(house.run(&[]).await.code, 2);
}
