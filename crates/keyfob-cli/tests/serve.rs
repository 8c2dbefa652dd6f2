//! `keyfob serve` as it is run: settings, the log, signals, TLS, sockets.
#![allow(missing_docs)]

mod common;

use std::time::Duration;

use common::{House, Running, visit};
use keyfob::transport::Transport;
use keyfob::{Body, HyperTransport};
use keyfob_testbed::{Authority, ServerCertificate};
use serde_json::Value;

/// An env-file for a provider of the sandbox.
fn env_file(house: &House) -> String {
    let app = house.sandbox.app("august");
    let text = format!("CLIENTID={}\nAPIKEY={}\nAPISEC={}\n", app.client_id, app.fields["api_key"], app.client_secret);
    house.file("august.env", &text)
}

fn kill(running: &Running, signal: &str) {
    let id = running.child.id().expect("it runs").to_string();
    assert!(std::process::Command::new("kill").args([signal, &id]).status().expect("kill").success());
}

#[tokio::test(flavor = "multi_thread")]
async fn check_says_what_would_be_served_and_from_where_it_knows() {
    let mut house = House::new().await;
    env_file(&house);
    let config = house.file(
        "conf/keyfob.toml",
        "listen = [\"127.0.0.1:5001\", \"unix:/run/keyfob/web.sock\"]\nenv_file = \"../august.env\"\nlog = \"json\"\n\n[metrics]\nlisten = \"127.0.0.1:9464\"\n",
    );
    house.set("KEYFOB_SERVE_LEAD", "7");
    house.set("KEYFOB_SERVE_CONFIG", &config);
    let said = house.good(&["serve", "--check", "--listen", "127.0.0.1:5002"]).await;
    for line in [
        "address         http://127.0.0.1:5002/",
        "listens         127.0.0.1:5002",
        "connects        august",
        "lead            7 (KEYFOB_SERVE_LEAD)",
        "listen          127.0.0.1:5002 (--listen)",
        "at 127.0.0.1:9464, for whoever reaches it",
    ] {
        assert!(said.contains(line), "{line}\nin\n{said}");
    }
    assert!(said.contains("log             json (") && said.contains("keyfob.toml:3:7)"), "{said}");
    // What it is when nobody says it can be said, too.
    house.set("KEYFOB_SERVE_LEAD", "0");
    let json = house.json(&["serve", "--check"]).await;
    assert_eq!(json["listen"], serde_json::json!(["127.0.0.1:5001", "unix:/run/keyfob/web.sock"]));
    assert_eq!(json["accounts"], serde_json::json!(["august"]));
    assert!(!house.vault().exists(), "looking makes no vault");
    let app = house.sandbox.app("august");
    assert!(!said.contains(&app.client_secret) && !json.to_string().contains(&app.client_secret));
}

/// It has the demo apps that `keyfob sandbox` has, acme's, too.
#[tokio::test(flavor = "multi_thread")]
async fn in_a_sandbox_of_its_own_all_that_is_played_is_ready() {
    let house = House::new().await;
    let json = house.json(&["serve", "--check", "--sandbox"]).await;
    let mut played: Vec<String> =
        house.sandbox.apps().into_iter().map(|(name, _)| name).filter(|name| !name.ends_with("-public")).collect();
    played.sort();
    assert_eq!(json["accounts"], serde_json::json!(played));
}

/// Nothing is real there, and nobody real is asked for anything, whatever the environment or the settings say.
#[tokio::test(flavor = "multi_thread")]
async fn in_a_sandbox_of_its_own_nothing_leaves_this_machine() {
    let mut house = House::new().await;
    house.set("KEYFOB_LOOPBACK_ONLY", "0");
    // An address that is nobody's (RFC 5737), as where people sign in.
    let issuer = "https://192.0.2.1";
    let config = house.file("keyfob.toml", &format!("[sign_in]\nissuer = \"{issuer}\"\nclient_id = \"an-app\"\nallow = [\"any\"]\n"));
    let checked = house.good(&["serve", "--sandbox", "--config", &config, "--check", "--json"]).await;
    assert!(checked.contains(&format!("nobody can sign in at {issuer} here: with --sandbox nothing leaves this machine")), "{checked}");
    let listen = format!("127.0.0.1:{}", keyfob_testbed::port::reserve());
    let mut serve = house.start(&["serve", "--sandbox", "--config", &config, "--listen", &listen]);
    serve.line(|line| line.contains("/first-run?token=")).await;
    let transport = HyperTransport::builder().loopback_only(true).proxies(false).build().expect("a transport");
    let send = async |request: http::request::Builder, body: String| {
        let answer = transport.send(request.body(Body::from(body.into_bytes())).expect("a request")).await.expect("an answer");
        let cookie = answer.headers().get("set-cookie").and_then(|cookie| cookie.to_str().ok()?.split(';').next().map(str::to_owned));
        let status = answer.status().as_u16();
        (status, cookie, String::from_utf8_lossy(&answer.into_body().bytes(1 << 20).await.expect("a body")).into_owned())
    };
    let url = format!("http://{listen}/sign-in");
    let (_, cookie, page) = send(http::Request::get(&url), String::new()).await;
    let form_token = page.split("name=\"form_token\" value=\"").nth(1).and_then(|rest| rest.get(..64)).expect("a form").to_owned();
    let post = http::Request::post(&url)
        .header("origin", format!("http://{listen}"))
        .header("cookie", cookie.expect("a cookie"))
        .header("content-type", "application/x-www-form-urlencoded");
    let (status, _, page) = send(post, format!("form_token={form_token}")).await;
    // Where it was tried all the same, it says that nothing answers there.
    assert!(status == 502 && page.contains(&format!("Not allowed to connect to {issuer}")), "{status} {page}");
}

/// Port 0: the system chooses, and the link leads to what it chose.
#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_the_system_chooses_is_the_one_that_people_are_sent_to() {
    let house = House::new().await;
    let mut serve = house.start(&["serve", "--sandbox", "--listen", "127.0.0.1:0"]);
    let line = serve.line(|line| line.contains("/first-run?token=")).await;
    let link = line.split_whitespace().find(|word| word.contains("/first-run?token=")).expect("a link");
    assert!(!link.contains(":0/"), "{link}");
    assert_eq!(visit(link).await.status, 200, "{link}");
    let checked = house.good(&["serve", "--sandbox", "--check", "--listen", "127.0.0.1:0", "--json"]).await;
    assert!(checked.contains("the port is one that the system chooses"), "{checked}");
    // Whoever asks for another link has not started it.
    house.log_in("acme").await;
    let link = ["serve", "--link", "--listen", "127.0.0.1:0"];
    house.run(&link).await.fails(2, ["cannot make a link", "chosen when it starts", "--listen 127.0.0.1:PORT"]);
}

/// The demo apps are registered for the usual address, and for the one that this web app says it has.
#[tokio::test(flavor = "multi_thread")]
async fn in_a_sandbox_of_its_own_people_come_back_to_the_external_url() {
    let house = House::new().await;
    let port = keyfob_testbed::port::reserve();
    let (listen, origin) = (format!("127.0.0.1:{port}"), format!("http://localhost:{port}"));
    let mut serve = house.start(&["serve", "--sandbox", "--listen", &listen, "--external-url", &origin]);
    let line = serve.line(|line| line.contains("/first-run?token=")).await;
    let link = line.split_whitespace().find(|word| word.contains("/first-run?token=")).expect("a link").to_owned();
    let owner = Owner::come_in(&link, &origin).await;
    let form_token = form_token(&owner.get("/").await.page).to_owned();
    for service in ["august", "telldus"] {
        let began = owner.post(&format!("{origin}/connect/{service}"), format!("form_token={form_token}")).await;
        assert_eq!(began.status, 303, "{service}: {}", began.page);
        let asks = owner.send(http::Request::get(&began.location), String::new()).await;
        assert!(asks.status == 200 && asks.page.contains("<form"), "{service} asks its question: {} {}", asks.status, asks.page);
    }
}

/// Its accounts are there, and whoever is told that no file describes them looks for it in vain.
#[tokio::test(flavor = "multi_thread")]
async fn a_provider_file_that_is_broken_is_told_on_the_pages() {
    let house = House::new().await;
    house.file("config/providers/telldus.toml", "name = \"telldus\"\ncolour = \"red\"\n");
    let listen = format!("127.0.0.1:{}", keyfob_testbed::port::reserve());
    let mut serve = house.start(&["serve", "--listen", &listen]);
    let line = serve.line(|line| line.contains("/first-run?token=")).await;
    let link = line.split_whitespace().find(|word| word.contains("/first-run?token=")).expect("a link").to_owned();
    let owner = Owner::come_in(&link, &format!("http://{listen}")).await;
    let told = owner.get("/providers/telldus").await;
    assert!(told.status == 409 && told.page.contains("The provider file of telldus is broken"), "{}", told.page);
    assert_eq!(owner.get("/providers/august").await.status, 200, "the others are served");
}

/// Whose key is none is in no book.
#[tokio::test(flavor = "multi_thread")]
async fn l17_whoever_tries_keys_leaves_a_trace_in_the_log() {
    let house = House::new().await;
    let listen = format!("127.0.0.1:{}", keyfob_testbed::port::reserve());
    let mut serve = house.start(&["serve", "--sandbox", "--listen", &listen]);
    serve.line(|line| line.contains("/first-run?token=")).await;
    let transport = HyperTransport::builder().loopback_only(true).proxies(false).build().expect("a transport");
    let request = http::Request::get(format!("http://{listen}/api/telldus/canary-path")).header("authorization", "Bearer canary-key");
    let answer = transport.send(request.body(Body::empty()).expect("a request")).await.expect("an answer");
    assert_eq!(answer.status(), 401);
    let id = answer.headers()["x-request-id"].to_str().expect("text").to_owned();
    let line = serve.line(|line| line.contains("refused")).await;
    assert!(line.contains(&id) && line.contains("401") && line.contains("/api/{account}/{*path}"), "{line}");
    assert!(!line.contains("canary"), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_says_everything_that_is_wrong() {
    let house = House::new().await;
    env_file(&house);
    let config = house.file("keyfob.toml", "listn = \"127.0.0.1:5001\"\nenv_file = \"august.env\"\n[limits]\nsign_in = \"often\"\n");
    let ended = house.run(&["serve", "--check", "--config", &config, "--log", "xml"]).await;
    let ended = ended.fails(2, ["cannot be served", "3 things are wrong", "--check"]);
    for line in [
        "keyfob.toml:1:1: no setting is called \"listn\"",
        "did you mean \"listen\"?",
        "keyfob.toml:4:11: ",
        "--log: expected text or json",
    ] {
        assert!(ended.stderr.contains(line), "{line}\nin {}", ended.stderr);
    }
    // One alone is on the card; and serving says the same as looking.
    let config = house.file("keyfob.toml", "listn = \"127.0.0.1:5001\"\n");
    house.run(&["serve", "--config", &config]).await.fails(2, ["cannot be served", "keyfob.toml:1:1", "did you mean \"listen\"?"]);
    let all = house.run(&["serve", "--check", "--env-file", "august.env", "--listen", "0.0.0.0:5000"]).await;
    all.fails(2, ["cannot be served", "0.0.0.0:5000", "--external-url"]);
    let one_of_them = ["serve", "--check", "--env-file", "august.env", "--listen", "127.0.0.1:5000,0.0.0.0:5001"];
    house.run(&one_of_them).await.fails(2, ["cannot be served", "0.0.0.0:5001", "--external-url"]);
    let none = ["serve", "--check", "--env-file", "august.env", "--listen", "unix:/run/keyfob/web.sock"];
    house.run(&none).await.fails(2, ["cannot be served", "a socket without an address", "--external-url"]);
    let short = house.file("token", "short\n");
    let config = house.file("keyfob.toml", &format!("env_file = \"august.env\"\n[metrics]\ntoken_file = \"{short}\"\n"));
    house.run(&["serve", "--check", "--config", &config]).await.fails(2, ["cannot be served", "can be guessed", "openssl rand"]);
}

/// What looking passes has to start, and what it refuses has not.
#[tokio::test(flavor = "multi_thread")]
async fn check_and_serve_say_the_same_of_addresses_and_of_a_vault_without_apps() {
    let mut house = House::new().await;
    let config = house.file(
        "keyfob.toml",
        "listen = [\"127.0.0.1:5001\", \"127.0.0.1:5001\"]\nexternal_url = \"https://home.example/x\"\n[metrics]\nlisten = \"0.0.0.0:5001\"\n",
    );
    for verb in [&["serve", "--check"][..], &["serve"]] {
        let ended =
            house.run(&[verb, &["--config", &config]].concat()).await.fails(2, ["cannot be served", "3 things are wrong", "--check"]);
        for line in [
            "keyfob.toml:1:10: expected another address than 127.0.0.1:5001 for listen, found 127.0.0.1:5001",
            "keyfob.toml:2:16: expected an external URL without path",
            "keyfob.toml:4:10: expected another address than 127.0.0.1:5001 for metrics.listen, found 0.0.0.0:5001",
        ] {
            assert!(ended.stderr.contains(line), "{line}\nin {}", ended.stderr);
        }
    }
    // The owner enters apps on its pages.
    house.unset("KEYFOB_SANDBOX");
    let said = house.good(&["serve", "--check", "--listen", "127.0.0.1:0"]).await;
    assert!(said.contains("nothing yet"), "{said}");
    let mut serving = house.start(&["serve", "--listen", "127.0.0.1:0"]);
    serving.line(|line| line.contains("Open this link to come in as the owner")).await;
}

/// It would be another vault than the web app's, and its link would open nothing there.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_made_by_a_vault_that_is_there_and_makes_none() {
    let mut house = House::new().await;
    house.unset("KEYFOB_SANDBOX");
    let ended = house.run(&["serve", "--link"]).await;
    ended.fails(7, ["cannot make a link", "there is no vault at", "KEYFOB_DATA_DIR"]);
    assert!(!common::exists(&house.path("data/vault.db")));
}

/// Whoever has to mend it finds the setting by its name, all of them at once; and serving says the same as looking.
#[tokio::test(flavor = "multi_thread")]
async fn files_that_settings_name_are_looked_at_and_told_by_the_setting() {
    let house = House::new().await;
    let all = "env_file = \"no.env\"\ndebug_log = \"no-folder/debug.txt\"\nwebhook_origins = [\"http://hub.home:8123/hook\"]\n\n\
               [tls]\ncertificate = \"no-cert.pem\"\nkey = \"no-key.pem\"\n\n[metrics]\ntoken_file = \"no-token\"\n\n\
               [sign_in]\nissuer = \"https://issuer.example\"\nclient_id = \"x\"\nclient_secret_file = \"no-secret\"\nallow = [\"robin\"]\n";
    let config = house.file("keyfob.toml", all);
    for check in [&["--check"][..], &[], &["--check", "--sandbox"]] {
        let ended = house.run(&[&["serve", "--config", &config][..], check].concat()).await;
        let ended = ended.fails(2, ["cannot be served", "8 things are wrong", &format!("serve --check --config {config} looks again")]);
        for line in [
            "keyfob.toml:1:12: cannot read ",
            "no.env, which env_file names: No such file",
            "keyfob.toml:2:13: cannot write ",
            "debug.txt, which debug_log names: there is no folder ",
            "expected an origin alone, as http://hub.home:8123, found one with a path",
            "no-cert.pem, which tls.certificate names",
            "no-key.pem, which tls.key names",
            "no-token, which metrics.token_file names",
            "no-secret, which sign_in.client_secret_file names",
            "keyfob.toml:16:9: expected who may sign in",
        ] {
            assert!(ended.stderr.contains(line), "{check:?}: {line}\nin {}", ended.stderr);
        }
    }
    let ended = house.run(&["serve", "--check", "--sandbox", "--env-file", "no.env"]).await;
    ended.fails(2, ["cannot be served", "--env-file: cannot read no.env, which env_file names", "check the name"]);
    // Looking makes no log, and an issuer's secret may be as short as it likes.
    house.file("secret", "short\n");
    let config = house.file("keyfob.toml", "debug_log = \"debug.txt\"\n");
    house.run(&["serve", "--check", "--config", &config]).await.exits(0);
    assert!(!house.path("debug.txt").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn check_asks_the_issuer_how_people_sign_in_there() {
    let house = House::new().await;
    house.file("secret", "short\n");
    let config = |issuer: &str| {
        let sign_in = format!("[sign_in]\nissuer = \"{issuer}\"\nclient_id = \"x\"\nclient_secret_file = \"secret\"\nallow = [\"any\"]\n");
        house.file("keyfob.toml", &sign_in)
    };
    let acme = house.sandbox.origin("acme");
    let said = house.good(&["serve", "--check", "--config", &config(&acme)]).await;
    assert!(said.contains(&format!("{acme}, which sends people back to http://127.0.0.1:5000/sign-in/callback")), "{said}");
    // Somebody who is there, and is no issuer; and nobody at all.
    let august = config(&house.sandbox.origin("august"));
    let ended = house.run(&["serve", "--check", "--config", &august]).await;
    ended.fails(1, ["cannot be served", "sign_in.issuer does not say how people sign in there: ", ""]);
    let nobody = config(&format!("http://127.0.0.1:{}", keyfob_testbed::port::reserve()));
    let ended = house.run(&["serve", "--check", "--config", &nobody]).await;
    ended.fails(6, ["cannot be served", "sign_in.issuer does not say how people sign in there: ", ""]);
    // With what else is wrong.
    let ended = house.run(&["serve", "--check", "--config", &nobody, "--listen", "0.0.0.0:5000"]).await;
    let ended = ended.fails(2, ["cannot be served", "2 things are wrong", "looks again"]);
    assert!(ended.stderr.contains("sign_in.issuer does not") && ended.stderr.contains("an external URL"), "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_can_be_json_and_tells_no_path_and_no_query() {
    let house = House::new().await;
    let (file, port) = (env_file(&house), keyfob_testbed::port::reserve());
    let listen = format!("127.0.0.1:{port}");
    let mut serve = house.start(&["serve", "--env-file", &file, "--listen", &listen, "--log", "json"]);
    serve.line(|line| line.contains("Connect august at")).await;
    visit(&format!("http://{listen}/accounts/canary-account?code=canary-code")).await;
    visit(&format!("http://{listen}/canary-path?x=canary-code")).await;
    visit(&format!("http://{listen}/callback/august?code=canary-code&state=canary-state")).await;
    let line = serve.line(|line| line.contains("\"callback\"")).await;
    let told: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
    assert_eq!((&told["message"], &told["method"], &told["client"]), (&"answered".into(), &"GET".into(), &"127.0.0.1".into()), "{line}");
    assert_eq!(told["status"], 403);
    assert!(told["timestamp"].is_string() && told["ms"].is_u64() && told["span"]["id"].is_string(), "{line}");
    kill(&serve, "-TERM");
    let ended = serve.end_listening().await.exits(0);
    assert!(!ended.stderr.contains("canary"), "{}", ended.stderr);
    assert!(ended.stderr.contains("\"/accounts/{account}\"") && ended.stderr.contains("\"none\""), "{}", ended.stderr);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_service_manager_hears_of_the_beginning_and_of_the_end() {
    let mut house = House::new().await;
    let (file, port) = (env_file(&house), keyfob_testbed::port::reserve());
    let path = house.path("notify.sock");
    let socket = tokio::net::UnixDatagram::bind(&path).expect("a socket");
    house.set("NOTIFY_SOCKET", &path.display().to_string());
    let listen = format!("127.0.0.1:{port}");
    let serve = house.start(&["serve", "--env-file", &file, "--listen", &listen]);
    let hear = async || {
        let mut buffer = [0; 100];
        let read = tokio::time::timeout(Duration::from_secs(60), socket.recv(&mut buffer)).await.expect("in time").expect("a word");
        String::from_utf8_lossy(&buffer[..read]).into_owned()
    };
    assert_eq!(hear().await, "READY=1");
    assert_eq!(visit(&format!("http://{listen}/healthz")).await.status, 200, "and it is");
    // Nobody closed a terminal: a hang-up means to look again, and it goes on.
    kill(&serve, "-HUP");
    assert_eq!(visit(&format!("http://{listen}/healthz")).await.status, 200);
    kill(&serve, "-TERM");
    assert_eq!(hear().await, "STOPPING=1");
    serve.end_listening().await.exits(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_it_at_once() {
    let house = House::new().await;
    let (file, port) = (env_file(&house), keyfob_testbed::port::reserve());
    let (listen, config) = (format!("127.0.0.1:{port}"), house.file("keyfob.toml", "lead = 86400\n"));
    let mut serve = house.start(&["serve", "--config", &config, "--env-file", &file, "--listen", &listen]);
    serve.line(|line| line.contains("Connect august at")).await;
    kill(&serve, "-TERM");
    while visit(&format!("http://{listen}/readyz")).await.status != 503 {}
    kill(&serve, "-TERM");
    let ended = serve.end_listening().await.exits(0);
    assert!(ended.stderr.contains("asked twice to end"), "{}", ended.stderr);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn tls_is_spoken_and_a_renewed_certificate_taken_at_a_hang_up() {
    let house = House::new().await;
    let (file, port, probes) = (env_file(&house), keyfob_testbed::port::reserve(), keyfob_testbed::port::reserve());
    let certificate = || {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        house.file("cert.pem", &made.cert.pem());
        house.file("key.pem", &made.signing_key.serialize_pem());
        made.cert.pem()
    };
    let first = certificate();
    let (listen, probes) = (format!("127.0.0.1:{port}"), format!("127.0.0.1:{probes}"));
    let tls = ["--tls-certificate", "cert.pem", "--tls-key", "key.pem"];
    let words = [&["serve", "--env-file", &file, "--listen", &listen, "--metrics-listen", &probes][..], &tls].concat();
    house.run(&words).await.fails(2, ["cannot speak TLS", "not https", "--external-url"]);
    let url = format!("https://localhost:{port}");
    let words = [&words[..], &["--external-url", &url]].concat();
    let mut serve = house.start(&words);
    serve.line(|line| line.contains(&format!("Connect august at {url}/"))).await;
    let get = async |trusted: &str| {
        let transport = HyperTransport::builder().loopback_only(true).proxies(false).authorities(trusted).build().expect("a transport");
        let answer = transport.send(http::Request::get(format!("{url}/")).body(Body::empty()).expect("a URL")).await;
        answer.map(|answer| answer.status().as_u16())
    };
    assert_eq!(get(&first).await.expect("a page"), 200);
    house.run(&["serve", "--health-check", "--metrics-listen", &probes]).await.exits(0);
    house
        .run(&[&["serve", "--health-check", "--listen", &listen][..], &tls].concat())
        .await
        .fails(2, ["cannot ask", "TLS", "--metrics-listen"]);
    let second = certificate();
    kill(&serve, "-HUP");
    serve.line(|line| line.contains("the certificate was renewed")).await;
    assert_eq!(get(&second).await.expect("a page"), 200);
    assert!(get(&first).await.is_err());
    kill(&serve, "-TERM");
    serve.end_listening().await.exits(0);
}

/// A server is trusted for whom the system trusts, and for as long as that one says. What stands in for the provider's is our own.
#[tokio::test(flavor = "multi_thread")]
async fn doctor_tells_a_certificate_that_nobody_else_signed_from_one_that_has_ended_and_a_good_one() {
    let trusted = Authority::new();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let of_itself = ServerCertificate { certificate: made.cert.pem(), key: made.signing_key.serialize_pem() };
    let shown = [
        ("good", trusted.server(&["localhost"]), None),
        ("of itself", of_itself, Some("UnknownIssuer")),
        ("ended", trusted.expired_server(&["localhost"]), Some("xpired")),
    ];
    for (what, shows, why) in shown {
        let server = House::new().await;
        let (file, port) = (env_file(&server), keyfob_testbed::port::reserve());
        server.file("cert.pem", &shows.certificate);
        server.file("key.pem", &shows.key);
        let (listen, url) = (format!("127.0.0.1:{port}"), format!("https://localhost:{port}"));
        let words = ["serve", "--env-file", &file, "--listen", &listen, "--external-url", &url];
        let mut serve = server.start(&[&words[..], &["--tls-certificate", "cert.pem", "--tls-key", "key.pem"]].concat());
        serve.line(|line| line.contains(&format!("Connect august at {url}/"))).await;

        let mut house = common::house_at(&url).await;
        house.set("SSL_CERT_FILE", &house.file("trusted.pem", trusted.certificate()));
        let ended = house.run(&["doctor", "hub", "--json"]).await;
        let told: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{what}: {error}: {ended:#?}"));
        let of = |check: &str| told.as_array().into_iter().flatten().find(|finding| finding["check"] == check);
        match why {
            None => assert!(of("TLS").is_none() && of("network").is_some_and(|found| found["state"] == "ok"), "{what}: {told}"),
            Some(why) => {
                assert_eq!(ended.code, 6, "{what}: {ended:#?}");
                let found = of("TLS").unwrap_or_else(|| panic!("{what}: {told}"));
                let says = found["found"].as_str().unwrap_or_default();
                assert!(found["state"] == "bad" && says.contains(&url) && says.contains(why), "{what}: {found}");
                assert!(found["fix"].as_str().is_some_and(|fix| fix.contains("certificate is not trusted")), "{what}: {found}");
            }
        }
        kill(&serve, "-TERM");
        serve.end_listening().await.exits(0);
    }
}

/// It is served: in front there may be somebody who does not mind. And when it is renewed, the same is in the log.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_browsers_refuse_is_told_of() {
    let (house, authority) = (House::new().await, Authority::new());
    let file = env_file(&house);
    let shows = |shown: ServerCertificate| {
        house.file("cert.pem", &shown.certificate);
        house.file("key.pem", &shown.key);
    };
    let (ended, other) = ("cert.pem was good until 1999-12-31T00:00:00Z", "cert.pem is not for localhost, where browsers are sent");
    let listen = format!("127.0.0.1:{}", keyfob_testbed::port::reserve());
    let words = ["serve", "--env-file", &file, "--external-url", "https://localhost:8443", "--tls-certificate", "cert.pem"];
    let words = [&words[..], &["--tls-key", "key.pem", "--listen"]].concat();
    shows(authority.expired_server(&["localhost"]));
    let checked = house.run(&[&words[..], &[&listen, "--check"]].concat()).await.exits(0);
    assert!(checked.stderr.contains(ended) && !checked.stderr.contains(other), "{}", checked.stderr);
    shows(authority.server(&["home.example"]));
    let checked = house.run(&[&words[..], &[&listen, "--check"]].concat()).await.exits(0);
    assert!(checked.stderr.contains(other) && !checked.stderr.contains("was good"), "{}", checked.stderr);
    let mut serve = house.start(&[&words[..], &[&listen]].concat());
    serve.line(|line| line.contains(other)).await;
    serve.line(|line| line.contains("Connect august at")).await;
    shows(authority.expired_server(&["localhost"]));
    kill(&serve, "-HUP");
    serve.line(|line| line.contains(ended)).await;
    kill(&serve, "-TERM");
    serve.end_listening().await.exits(0);
    // One that is as it should be is not told of; but that nobody would see it is.
    shows(authority.server(&["localhost"]));
    let checked = house.run(&[&words[..], &[&listen, "--check"]].concat()).await.exits(0);
    assert!(!checked.stderr.contains("cert.pem") && !checked.stderr.contains("TLS"), "{}", checked.stderr);
    let socket = format!("unix:{}", house.path("web.sock").display());
    let checked = house.run(&[&words[..], &[&socket, "--check"]].concat()).await.exits(0);
    assert!(checked.stderr.contains("nothing speaks TLS"), "{}", checked.stderr);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_socket_in_the_file_system_is_asked_how_it_is() {
    let house = House::new().await;
    let file = env_file(&house);
    let listen = format!("unix:{}", house.path("web.sock").display());
    let words = ["serve", "--env-file", &file, "--listen", &listen];
    house.run(&words).await.fails(2, ["cannot start", "", "--external-url"]);
    let words = [&words[..], &["--external-url", "https://home.example"]].concat();
    let mut serve = house.start(&words);
    serve.line(|line| line.contains("Connect august at https://home.example/")).await;
    house.run(&["serve", "--health-check", "--listen", &listen]).await.exits(0);
    assert!(!serve.seen.contains("note:"), "nothing is amiss: {}", serve.seen);
    kill(&serve, "-TERM");
    serve.end_listening().await.exits(0);
    house.run(&["serve", "--health-check", "--listen", &listen]).await.fails(1, ["not well", "", ""]);
    // Nobody has handed anything over.
    let words = ["serve", "--env-file", &file, "--listen", "systemd", "--external-url", "https://home.example"];
    house.run(&words).await.fails(1, ["cannot start", "LISTEN_FDS", ""]);
}

/// The owner's browser, as far as it is needed here.
struct Owner {
    transport: HyperTransport,
    origin: String,
    cookie: String,
}

/// What it was answered.
struct Answered {
    status: u16,
    cookie: String,
    location: String,
    page: String,
}

impl Owner {
    async fn come_in(link: &str, origin: &str) -> Self {
        let transport = HyperTransport::builder().loopback_only(true).proxies(false).build().expect("a transport");
        let mut owner = Self { transport, origin: origin.to_owned(), cookie: String::new() };
        let asked = owner.send(http::Request::get(link), String::new()).await;
        owner.cookie = asked.cookie;
        let (url, token) = link.split_once("?token=").expect("a token");
        let entered = owner.post(url, format!("form_token={}&token={token}", form_token(&asked.page))).await;
        assert_eq!(entered.status, 303, "the owner comes in: {}", entered.page);
        owner.cookie = entered.cookie;
        owner
    }

    async fn get(&self, path: &str) -> Answered {
        self.send(http::Request::get(format!("{}{path}", self.origin)).header("cookie", &self.cookie), String::new()).await
    }

    async fn post(&self, url: &str, form: String) -> Answered {
        let request = http::Request::post(url).header("origin", &self.origin).header("cookie", &self.cookie);
        self.send(request.header("content-type", "application/x-www-form-urlencoded"), form).await
    }

    async fn send(&self, request: http::request::Builder, body: String) -> Answered {
        let request = request.body(Body::from(body.into_bytes())).expect("a request");
        let answer = self.transport.send(request).await.expect("an answer");
        let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        let cookie = header("set-cookie").split(';').next().unwrap_or_default().to_owned();
        let (status, location) = (answer.status().as_u16(), header("location"));
        let page = String::from_utf8_lossy(&answer.into_body().bytes(1 << 20).await.expect("a body")).into_owned();
        Answered { status, cookie, location, page }
    }
}

fn form_token(page: &str) -> &str {
    page.split("name=\"form_token\" value=\"").nth(1).and_then(|rest| rest.get(..64)).expect("a form")
}
