//! Somebody at a terminal: what is asked there, what is typed unseen, what is pasted, and what Ctrl-C does.

#![cfg(target_os = "linux")]
#![allow(missing_docs)]

mod common;

use common::screen::{INTERRUPT, Screen};
use common::{House, pin, visit};
use keyfob_sandbox::Consent;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const USUAL: (u16, u16) = (80, 24);

/// What Ctrl-C leads to, everywhere.
const INTERRUPTED: &str = "interrupted";

#[tokio::test(flavor = "multi_thread")]
async fn an_apps_keys_are_asked_for_and_its_secret_is_never_seen() {
    let house = House::new().await;
    let app = house.sandbox.app("telldus");
    let mut screen = Screen::start(&house, &["app", "add", "telldus"], USUAL, &[]);
    // Nobody is sent to the real provider.
    screen.shows("At the sandbox nothing is registered").await;
    screen.shows("Public key").await;
    assert!(screen.echoes(), "what is no secret is seen while it is typed");
    screen.types(&format!("{}\n", app.client_id));
    screen.shows("Private key").await;
    screen.hides().await;
    screen.types(&format!("{}\n", app.client_secret));
    screen.shows("is in the vault").await;
    let shown = screen.ends(0).await;
    assert!(shown.contains(&app.client_id) && !shown.contains(&app.client_secret), "{shown}");
    let apps = house.json(&["app", "list"]).await;
    assert_eq!((&apps[0]["provider"], &apps[0]["secrets"][0]), (&"telldus".into(), &"client_secret".into()));
    // And it is the right one.
    house.log_in("telldus").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_at_a_hidden_question_ends_with_130_and_keys_are_seen_again() {
    let house = House::new().await;
    let mut screen = Screen::start(&house, &["app", "add", "telldus"], USUAL, &[]);
    screen.shows("Public key").await;
    screen.types("some-key\n");
    screen.shows("Private key").await;
    screen.hides().await;
    screen.types("half a sec");
    screen.types(INTERRUPT);
    screen.shows(INTERRUPTED).await;
    assert!(screen.echoes(), "the terminal is as it was");
    let shown = screen.ends(130).await;
    assert!(!shown.contains("half a sec"), "{shown}");
    assert_eq!(house.json(&["app", "list"]).await, serde_json::json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_login_asks_for_is_kept_as_soon_as_it_is_typed_and_the_redirect_uri_is_the_one_that_is_used() {
    let mut house = common::house_at("http://127.0.0.1:9").await;
    house.good(&["logout", "hub"]).await;
    house.good(&["app", "rm", "hub"]).await;
    house.unset("HUB_ID");
    let uri = format!("http://127.0.0.1:{}/callback", keyfob_testbed::port::reserve());
    let ended = house.run(&["login", "hub", "--redirect-uri", &uri]).await;
    ended.fails(2, ["needs an app of yours", &format!("the redirect URI to register is {uri}"), "app add"]);
    let mut screen = Screen::start(&house, &["login", "hub", "--no-browser", "--redirect-uri", &uri], (200, 50), &[]);
    screen.shows("needs an app of yours").await;
    screen.shows("redirect URI").await;
    screen.shows(&uri).await;
    screen.shows("Client ID").await;
    screen.types("example-client-id\n");
    screen.shows("say yes:").await;
    screen.shows("to the letter:").await;
    screen.shows(&uri).await;
    screen.types(INTERRUPT);
    screen.ends(130).await;
    assert_eq!(house.json(&["app", "list"]).await[0]["client_id"], "example-client-id");
    let mut again = Screen::start(&house, &["login", "hub", "--no-browser"], USUAL, &[]);
    let before = again.shows("say yes:").await;
    assert!(!before.contains("Client ID"), "{before}");
    again.types(INTERRUPT);
    again.ends(130).await;
    // With a file of keys, it is a new app as well.
    let file = house.file("hub.env", "HUB_ID=another-client-id\n");
    let ended =
        house.run_with(&["login", "hub", "--no-browser", "--paste", "--env-file", &file, "--redirect-uri", &uri], "").await.exits(2);
    assert!(ended.stderr.contains(&format!("to the letter: {uri}")), "{ended:#?}");
    // Where any port will do, what is registered has none: the one of this login is gone with it.
    let ended = house.run_with(&["login", "hub", "--no-browser", "--paste", "--env-file", &file], "").await.exits(2);
    assert!(ended.stderr.contains("to the letter: http://127.0.0.1/callback\n"), "{ended:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_providers_file_is_made_of_answers() {
    let mut house = House::new().await;
    house.unset("KEYFOB_SANDBOX");
    let mut screen = Screen::start(&house, &["provider", "new", "hub"], USUAL, &[]);
    let answers = [
        ("Its name as people write it [hub]:", "Hub \"of\" things"),
        ("What it is", "A hub."),
        ("documentation", "https://hub.example/docs"),
        ("OAuth 2 or OAuth 1?", "1"),
        // What does not fit is asked for again at once.
        ("Request token URL", "http://hub.example/request"),
        ("expected an absolute URL of https", "https://hub.example/request"),
        ("Authorize URL", "https://hub.example/authorize"),
        ("Access token URL", ""),
        ("it has to be said", "https://hub.example/access"),
        ("How requests are signed", "hmac"),
        ("expected one of HMAC-SHA1", "HMAC-SHA256"),
        ("Where its API is", "https://hub.example/api"),
        ("where an app is registered", "https://hub.example/apps"),
    ];
    for (question, answer) in answers {
        screen.shows(question).await;
        screen.types(&format!("{answer}\n"));
    }
    screen.shows("keyfob provider check").await;
    screen.ends(0).await;
    let file = house.path("config/providers/hub.toml");
    house.good(&["provider", "check", &file.display().to_string()]).await;
    let shown = house.json(&["provider", "show", "hub"]).await;
    assert_eq!((&shown["title"], &shown["kind"]), (&"Hub \"of\" things".into(), &"oauth1".into()));
    assert_eq!(
        (&shown["endpoints"]["request_token"], &shown["client"]["register_url"]),
        (&"https://hub.example/request".into(), &"https://hub.example/apps".into())
    );
    assert!(std::fs::read_to_string(&file).expect("text").contains("signature = \"HMAC-SHA256\""));

    // Where no browser is sent anywhere, there is somewhere to ask for a code.
    let mut screen = Screen::start(&house, &["provider", "new", "coded"], USUAL, &[]);
    let answers = [
        ("Its name", ""),
        ("What it is", "A hub."),
        ("documentation", "https://hub.example/docs"),
        ("OAuth 2 or OAuth 1?", "2"),
        ("nothing, where people only enter a code", ""),
        ("Where that code is asked for", ""),
        ("it has to be said", "https://hub.example/device"),
        ("Token URL", "https://hub.example/token"),
        ("How an app says who it is", "none"),
        ("Scopes", ""),
        ("Where its API is", "https://hub.example/api"),
        ("where an app is registered", ""),
    ];
    for (question, answer) in answers {
        screen.shows(question).await;
        screen.types(&format!("{answer}\n"));
    }
    screen.shows("keyfob provider check").await;
    screen.ends(0).await;
    let shown = house.json(&["provider", "show", "coded"]).await;
    assert_eq!((&shown["endpoints"]["authorize"], &shown["client"]["redirect"]["device_only"]), (&serde_json::Value::Null, &true.into()));

    // Half way, nothing is written.
    let mut screen = Screen::start(&house, &["provider", "new", "other"], USUAL, &[]);
    screen.shows("Its name").await;
    screen.types(INTERRUPT);
    screen.ends(130).await;
    assert!(!common::exists(&house.path("config/providers/other.toml")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_the_world_is_done_after_a_yes_and_after_nothing_else() {
    let house = House::new().await;
    house.log_in("telldus").await;
    let state = async || house.json(&["telldus", "devices"]).await[1]["State"].clone();
    for (said, code) in [("n\n", 2), ("\n", 2), ("yess\n", 2), (INTERRUPT, 130)] {
        let mut screen = Screen::start(&house, &["telldus", "on", "240001"], USUAL, &[]);
        screen.shows("Go on? [y/N]").await;
        screen.types(said);
        let shown = screen.ends(code).await;
        assert!(shown.contains("\nerror: ") || shown.contains("\n\u{1b}[1m\u{1b}[31merror:"), "the card has lines of its own: {shown:?}");
        assert_eq!(state().await, "off", "{said:?}");
    }
    let mut screen = Screen::start(&house, &["telldus", "on", "240001"], USUAL, &[]);
    screen.shows("Go on? [y/N]").await;
    screen.types("y\n");
    screen.ends(0).await;
    assert_eq!(state().await, "on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_shows_the_newest_until_ctrl_c_and_a_pipe_gets_all_of_them() {
    let house = House::new().await;
    house.log_in("telldus").await;
    let mut screen = Screen::start(&house, &["telldus", "devices", "--watch", "1s"], USUAL, &[]);
    screen.shows("again after 1 s; Ctrl-C ends it").await;
    screen.shows("Living room lamp").await;
    house.good(&["telldus", "on", "240001", "--yes"]).await;
    // However many rounds it takes: each begins with an empty screen.
    loop {
        screen.shows("\u{1b}[H\u{1b}[2J").await;
        screen.shows("Living room lamp").await;
        if screen.shows("\n").await.contains(" on ") {
            break;
        }
    }
    screen.types(INTERRUPT);
    let shown = screen.ends(130).await;
    assert!(!shown.contains("error:"), "it ends as was announced: {shown:?}");
    // A screen of six lines: the heading and a blank, two lines, what is left out, and the cursor.
    let mut low = Screen::start(&house, &["telldus", "devices", "--watch", "1h"], (80, 6), &[]);
    low.shows("Ctrl-C ends it").await;
    assert_eq!(low.shows("more lines than the screen has room for").await.lines().count(), 5);
    low.types(INTERRUPT);
    low.ends(130).await;
    let piped = house.typed("keyfob telldus devices --json --watch 1s | head -n 2").end().await.exits(0);
    let rounds: Vec<serde_json::Value> = piped.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert!(rounds.len() == 2 && rounds.iter().all(|round| round[1]["State"] == "on"), "{piped:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn b4_a_login_takes_what_is_pasted_in_every_form_and_outlives_what_is_wrong() {
    let house = House::new().await;
    /// What is pasted of the address that the browser ended up at.
    type Form = fn(&str) -> String;
    let forms: [(&str, Form); 4] = [
        ("netatmo", str::to_owned),
        ("netatmo/query", |back| back.split_once('?').expect("a query").1.to_owned()),
        ("telldus", |back| format!("?{}", back.split_once('?').expect("a query").1)),
        // Bare, it carries no state: where PKCE or OAuth 1 binds it to this login.
        ("fitbit", |back| back.split(['?', '&', '#']).find_map(|part| part.strip_prefix("code=")).expect("a code").to_owned()),
    ];
    for (account, form) in forms {
        let mut screen = Screen::start(&house, &["login", account, "--no-browser"], USUAL, &[]);
        let url = screen.url().await;
        screen.shows("paste the address here:").await;
        screen.types("http://localhost/callback?code=wrong&state=somebody-elses\n");
        screen.shows("not that one:").await;
        screen.shows("paste the address here:").await;
        let back = visit(&url).await.location.expect("back");
        screen.types(&format!("{}\n", form(&back)));
        screen.shows("logged in").await;
        screen.ends(0).await;
    }
    let mut screen = Screen::start(&house, &["login", "telldus/pin", "--pin", "--no-browser"], USUAL, &[]);
    let url = screen.url().await;
    screen.shows("PIN:").await;
    screen.types(&format!(" {} \n", pin(&url).await));
    screen.shows("logged in").await;
    screen.ends(0).await;
    assert_eq!(house.json(&["status"]).await.as_array().map(Vec::len), Some(5));
}

#[tokio::test(flavor = "multi_thread")]
async fn b4_a_code_or_pin_that_the_provider_refuses_is_asked_for_again() {
    let house = House::new().await;
    let mut screen = Screen::start(&house, &["login", "fitbit", "--no-browser"], USUAL, &[]);
    let url = screen.url().await;
    screen.shows("paste the address here:").await;
    screen.types("word\n");
    screen.shows("that is a code alone").await;
    screen.shows("not that one:").await;
    screen.shows("paste the address here:").await;
    let back = visit(&url).await.location.expect("back");
    screen.types(&format!("{back}\n"));
    screen.shows("that is a whole address").await;
    screen.shows("logged in").await;
    screen.ends(0).await;

    let mut screen = Screen::start(&house, &["login", "telldus", "--pin", "--no-browser"], USUAL, &[]);
    let url = screen.url().await;
    let right = pin(&url).await;
    screen.shows("PIN:").await;
    screen.types("1234567\n");
    screen.shows("that is a PIN").await;
    screen.shows("PIN:").await;
    screen.types(&format!("{right}\n"));
    screen.shows("logged in").await;
    screen.ends(0).await;

    // A guess at somebody's code is not made for ever.
    let mut screen = Screen::start(&house, &["login", "fitbit/more", "--no-browser"], USUAL, &[]);
    for _ in 0..3 {
        screen.shows("paste the address here:").await;
        screen.types("word\n");
    }
    let shown = screen.ends(1).await;
    assert!(shown.contains("3 were refused") && shown.contains("begin again: keyfob login fitbit/more"), "{shown}");
    // A program that piped its answer in has no other.
    for said in ["", "http://127.0.0.1/elsewhere\n"] {
        let ended = house.run_with(&["login", "telldus/more", "--no-browser", "--paste"], said).await;
        assert!(ended.stderr.contains("answer was given") && ended.stderr.contains("begin again"), "{ended:#?}");
    }
}

/// A connection from afar, as the server of SSH tells it.
const SSH: (&str, &str) = ("SSH_CONNECTION", "192.0.2.9 50122 192.0.2.7 2222");

#[tokio::test(flavor = "multi_thread")]
async fn over_ssh_and_in_a_container_the_way_to_the_listener_is_told() {
    let house = House::new().await;
    let mut screen = Screen::start(&house, &["login", "telldus"], USUAL, &[SSH, ("USER", "robin"), ("container", "podman")]);
    screen.shows("Waiting for the browser at http://127.0.0.1:").await;
    let port = screen.shows("/").await;
    screen.shows(&format!("ssh -p 2222 -L {port}:127.0.0.1:{port} robin@192.0.2.7")).await;
    screen.shows("container").await;
    screen.shows("--network").await;
    screen.shows("no browser was opened: this terminal is on another machine, by SSH").await;
    screen.types(INTERRUPT);
    screen.ends(130).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_browser_opens_a_provider_that_has_codes_is_asked_for_one() {
    let house = House::new().await;
    house.sandbox.consent("acme", Consent::Ask);
    for environment in [&[SSH][..], &[SSH, ("DISPLAY", "localhost:10.0")], &[]] {
        let mut screen = Screen::start(&house, &["login", "acme"], USUAL, environment);
        screen.shows("another way: --no-browser").await;
        screen.shows("Waiting: ").await;
        screen.types(INTERRUPT);
        screen.ends(130).await;
    }
    /// What is typed, and where.
    type Typed<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)]);
    let by_page: [Typed<'_>; 3] = [
        (&["login", "acme"], &[("DISPLAY", ":0")]),
        (&["login", "acme", "--no-browser"], &[SSH]),
        (&["login", "acme"], &[SSH, ("BROWSER", "true")]),
    ];
    for (arguments, environment) in by_page {
        let mut screen = Screen::start(&house, arguments, USUAL, environment);
        screen.shows("Waiting for the browser").await;
        screen.types(INTERRUPT);
        screen.ends(130).await;
    }
    // What nobody asked for may fail.
    house.file("config/providers/acme.toml", "[endpoints]\ndevice = \"https://acme.example/nowhere\"\n");
    let mut screen = Screen::start(&house, &["login", "acme"], USUAL, &[]);
    screen.shows("not by a code: ").await;
    screen.shows("Waiting for the browser").await;
    screen.types(INTERRUPT);
    screen.ends(130).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b4_the_browser_may_come_first_while_somebody_is_asked() {
    let house = House::new().await;
    let mut screen = Screen::start(&house, &["login", "telldus", "--no-browser"], USUAL, &[]);
    let url = screen.url().await;
    screen.shows("or paste the address here:").await;
    // Half a line, and then the browser is there.
    screen.types("http://127");
    let back = visit(&url).await.location.expect("back");
    assert_eq!(visit(&back).await.status, 200);
    screen.shows("logged in").await;
    screen.ends(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b7_ctrl_c_ends_a_login_with_130_and_leaves_nothing() {
    let house = House::new().await;
    let mut screen = Screen::start(&house, &["login", "netatmo", "--no-browser"], USUAL, &[]);
    screen.shows("paste the address here:").await;
    screen.types(INTERRUPT);
    screen.shows(INTERRUPTED).await;
    screen.ends(130).await;

    house.sandbox.consent("acme", Consent::Ask);
    let mut screen = Screen::start(&house, &["login", "acme", "--device"], USUAL, &[]);
    screen.shows("Waiting: ").await;
    screen.types(INTERRUPT);
    // The line that counts is gone before anything is said.
    let before = screen.shows("error:").await;
    assert!(before.contains("\r\u{1b}[K"), "{before:?}");
    screen.shows(INTERRUPTED).await;
    screen.ends(130).await;
    assert_eq!(house.json(&["status"]).await, serde_json::json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_code_for_another_device_is_a_picture_where_there_is_room() {
    let house = House::new().await;
    house.sandbox.consent("acme", Consent::Ask);
    for size in [(80, 24), (200, 50)] {
        let mut screen = Screen::start(&house, &["login", "acme", "--device"], size, &[]);
        let page = screen.shows("Waiting: ").await;
        assert!(page.contains("\u{1b}[30;107m") || page.contains("\u{1b}[30m\u{1b}[107m"), "{size:?}: {page}");
        assert!(page.contains("█▀▀▀▀▀█") && page.contains("/device") && page.contains("began this login"), "{size:?}: {page}");
        let rows = page.lines().count();
        assert!(rows <= usize::from(size.1), "{rows} rows at {size:?}: {page}");
        screen.shows(" left").await;
        // It counts.
        screen.shows("\r").await;
        screen.types(INTERRUPT);
        screen.ends(130).await;
    }
    let plain: [(_, &[(&str, &str)]); 5] =
        [((60, 50), &[]), ((80, 12), &[]), (USUAL, &[("TERM", "dumb")]), (USUAL, &[("NO_COLOR", "1")]), (USUAL, &[("LC_ALL", "C")])];
    for (size, environment) in plain {
        let mut screen = Screen::start(&house, &["login", "acme", "--device"], size, environment);
        let page = screen.shows("Waiting").await;
        assert!(!page.contains(['█', '▀', '▄']), "{size:?}, {environment:?}: {page}");
        for words in ["enter the code", "/device", "With the code in it"] {
            assert!(page.contains(words), "{size:?}, {environment:?}: {page}");
        }
        screen.types(INTERRUPT);
        let shown = screen.ends(130).await;
        assert!(environment.first().is_none_or(|(name, _)| *name == "LC_ALL") || !shown.contains('\u{1b}'), "{environment:?}: {shown:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_login_that_is_approved_leaves_no_countdown_behind() {
    let house = House::new().await;
    let screen = Screen::start(&house, &["login", "acme", "--device"], USUAL, &[]);
    let shown = screen.ends(0).await;
    let (_, after) = shown.rsplit_once("Waiting: ").expect("it counted");
    assert!(after.contains("\r\u{1b}[K\n") && after.contains("logged in"), "{shown:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_body_on_its_way_has_a_bar_that_is_gone_before_the_answer() {
    const BODY: usize = 24 << 20;
    // A server may answer when it has everything, or before.
    for early in [false, true] {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let origin = format!("http://{}", listener.local_addr().expect("an address"));
        let (seen, is_seen) = tokio::sync::watch::channel(false);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (mut left, mut piece) = (None, vec![0; 64 * 1024]);
                while left != Some(0) && !(early && *is_seen.borrow()) {
                    let Ok(count @ 1..) = stream.read(&mut piece).await else { break };
                    let head = || piece[..count].windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("a short head") + 4;
                    left = Some(left.map_or_else(|| BODY - (count - head()), |left: usize| left - count));
                    // Slowly, until the bar was seen.
                    if !*is_seen.borrow() {
                        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
                    }
                }
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nContent-Type: text/plain\r\n\r\nit came").await;
                // To the end: what was not read would take the answer along.
                while matches!(stream.read(&mut piece).await, Ok(1..)) {}
            }
        });
        let house = common::house_at(&origin).await;
        let file = house.file("large", &"x".repeat(BODY));
        let body = format!("@{file}");
        let mut screen = Screen::start(&house, &["post", "hub", "/x", "-d", &body], USUAL, &[]);
        screen.shows("sending ").await;
        screen.shows(" of 25.2 MB").await;
        seen.send(true).expect("the server is there");
        let before = screen.shows("it came").await;
        assert!(before.ends_with("\r\u{1b}[K"), "early: {early}: {before:?}");
        let shown = screen.ends(0).await;
        assert!(shown.ends_with("it came\n"), "early: {early}: {shown:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_has_a_bar_that_is_gone_in_the_end() {
    const BODY: usize = 24 << 20;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let origin = format!("http://{}", listener.local_addr().expect("an address"));
    let (seen, is_seen) = tokio::sync::watch::channel(false);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (mut piece, mut left) = (vec![b'x'; 64 * 1024], BODY);
            // What was not read would end the connection before the answer has.
            let _ = stream.read(&mut piece).await;
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {BODY}\r\nContent-Type: text/plain\r\n\r\n");
            let mut sent = stream.write_all(head.as_bytes()).await;
            while left > 0 && sent.is_ok() {
                // Slowly, until the bar was seen.
                if !*is_seen.borrow() {
                    tokio::time::sleep(std::time::Duration::from_millis(10)).await;
                }
                sent = stream.write_all(&piece).await;
                left -= piece.len();
            }
        }
    });
    let house = common::house_at(&origin).await;
    let mut screen = Screen::start(&house, &["get", "hub", "/x", "-o", "large.txt"], USUAL, &[]);
    screen.shows(" of 25.2 MB").await;
    seen.send(true).expect("the server is there");
    let shown = screen.ends(0).await;
    assert!(shown.ends_with("\r\u{1b}[K"), "{shown:?}");
    assert_eq!(std::fs::metadata(house.path("large.txt")).map(|file| file.len()).ok(), Some(BODY as u64));
}

/// Whoever reads stdin may wait for ever, and a FIFO may have nobody at its other end: Ctrl-C and a service manager are heard all the same.
#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_stdin_or_for_a_fifo_can_be_stopped() {
    let mut house = House::new().await;
    house.log_in("acme").await;
    let sandbox = house.sandbox.index().to_owned();
    let fifo = house.path("fifo").display().to_string();
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().expect("mkfifo").success());
    let (at_fifo, empty) = (format!("@{fifo}"), house.path("other/vault.db").display().to_string());
    // The web app's secrets are in files of their own.
    let sign_in = "[sign_in]\nissuer = \"https://issuer.example\"\nclient_id = \"x\"\nallow = [\"ada@issuer.example\"]\nclient_secret_file";
    let config = |name: &str, key: &str| {
        let path = house.path(name);
        std::fs::write(&path, format!("{key} = \"{fifo}\"\n")).expect("written");
        path.display().to_string()
    };
    let (metrics, sign_in) = (config("metrics.toml", "[metrics]\ntoken_file"), config("sign-in.toml", sign_in));
    for (command, signal) in [
        (&["post", "acme", "/api/echo", "-d", "@-"][..], "-INT"),
        (&["serve", "--config", &metrics, "--check"], "-INT"),
        (&["serve", "--config", &sign_in, "--check"], "-TERM"),
        (&["serve", "--config", &metrics, "--listen", "127.0.0.1:0"], "-TERM"),
        (&["serve", "--config", &sign_in, "--listen", "127.0.0.1:0"], "-INT"),
        (&["import", "acme/x", "--stdin"], "-INT"),
        (&["login", "acme/x", "--with-token"], "-TERM"),
        (&["app", "add", "acme", "--stdin"], "-INT"),
        (&["helper", "git", "get"], "-INT"),
        (&["post", "acme", "/api/echo", "-d", &at_fifo], "-TERM"),
        (&["app", "add", "telldus", "--env-file", &fifo], "-INT"),
        (&["import", "telldus", "--from", &fifo], "-INT"),
        (&["provider", "check", &fifo], "-TERM"),
        (&["serve", "--config", &fifo, "--check"], "-INT"),
        (&["--vault", &empty, "vault", "import", &fifo, "--stdin"], "-INT"),
        (&["status"], "-INT"),
    ] {
        // The vault's address may be in a file, too; a sandbox has its own.
        if command == ["status"] {
            house.set("KEYFOB_VAULT_FILE", &fifo);
            house.unset("KEYFOB_SANDBOX");
        }
        let mut running = house.start(command);
        if command.contains(&"vault") {
            running.say("canary horse battery staple\n").await;
        }
        let id = running.child.id().expect("it runs").to_string();
        // Before it listens, a signal ends it anyway.
        until(|| catches_interrupts(&id), command).await;
        // The one that it waits with may begin to listen a moment later.
        let ended = async {
            while running.child.try_wait().expect("it is ours").is_none() {
                let _ = std::process::Command::new("kill").args([signal, &id]).stderr(std::process::Stdio::null()).status();
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(60), ended).await.unwrap_or_else(|_| panic!("{command:?} is deaf"));
        let ended = running.end_listening().await;
        assert!(ended.code == 130 && ended.stderr.contains(INTERRUPTED), "{command:?}: {ended:#?}");
    }
    house.unset("KEYFOB_VAULT_FILE");
    house.set("KEYFOB_SANDBOX", &sandbox);
    let left = std::fs::read_dir(house.path("data/sandbox")).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    assert!(!left.into_iter().any(|name| name.to_string_lossy().starts_with("scratch-")), "of what was given up nothing stays");
    // A key is no file that anybody may write into at any time: it is refused, and not waited for.
    house.set("KEYFOB_VAULT_KEY_FILE", &fifo);
    house.run(&["--vault", &empty, "app", "add", "acme", "--client-id", "x"]).await.fails(7, ["cannot", "is not a file that only you", ""]);
    house.unset("KEYFOB_VAULT_KEY_FILE");
    // With somebody there it is read: so does a shell hand over what another program prints.
    let writer = tokio::task::spawn_blocking({
        let fifo = fifo.clone();
        move || std::fs::write(fifo, "from=elsewhere")
    });
    assert!(house.good(&["post", "acme", "/api/echo", "-d", &at_fifo]).await.contains("from=elsewhere"));
    writer.await.expect("it ends").expect("it is read");
    // Among the provider files it is none, and nobody waits for it.
    std::fs::create_dir_all(house.path("config/providers")).expect("a folder");
    std::fs::rename(&fifo, house.path("config/providers/hub.toml")).expect("moved");
    let ended = house.run(&["provider", "show", "acme"]).await.exits(0);
    assert!(ended.stderr.contains("this is no regular file"), "{ended:#?}");
}

/// By the kernel's list of what a process handles.
fn catches_interrupts(id: &str) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    caught.and_then(|set| u64::from_str_radix(set.trim(), 16).ok()).is_some_and(|set| set & 0b10 != 0)
}

async fn until(mut there: impl FnMut() -> bool, what: &[&str]) {
    for _ in 0..1200 {
        if there() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("{what:?} never came so far");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_over_a_login_that_is_there_is_asked_for() {
    let house = House::new().await;
    house.log_in("acme").await;
    let before = house.good(&["token", "acme"]).await;
    let mut screen = Screen::start(&house, &["import", "acme"], USUAL, &[]);
    screen.shows("which renews its tokens").await;
    screen.shows("Go on? [y/N]").await;
    screen.types("\n");
    screen.ends(2).await;
    assert_eq!(house.good(&["token", "acme"]).await, before);
    let mut screen = Screen::start(&house, &["import", "acme"], (200, 50), &[]);
    screen.shows("Go on? [y/N]").await;
    screen.types("y\n");
    screen.shows("Access token").await;
    screen.hides().await;
    screen.types("example-access-token-not-real\n");
    screen.shows("Refresh token").await;
    screen.hides().await;
    screen.types("\n");
    screen.shows("it took the place of the account acme").await;
    screen.ends(0).await;
    assert_eq!(house.good(&["token", "acme"]).await.trim(), "example-access-token-not-real");
}

/// Many apps have a secret, and whoever types an id is asked for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_some_apps_have_is_asked_for_and_may_be_none() {
    for (typed, secrets) in [("\n", serde_json::json!([])), ("0123456789abcdef0123456789abcdef\n", serde_json::json!(["client_secret"]))] {
        let house = House::new().await;
        let mut screen = Screen::start(&house, &["app", "add", "fitbit"], USUAL, &[]);
        screen.shows("ID").await;
        screen.shows(": ").await;
        screen.types("2ABCDE\n");
        screen.shows("Enter if there is none").await;
        screen.hides().await;
        screen.types(typed);
        screen.shows("is in the vault").await;
        screen.ends(0).await;
        assert_eq!(house.json(&["app", "list"]).await[0]["secrets"], secrets);
    }
}

/// What is nearly always the same is asked for with the rest, and Enter says that it is that.
#[tokio::test(flavor = "multi_thread")]
async fn what_has_a_default_is_asked_for_and_enter_takes_it() {
    for (typed, place) in [("\n", serde_json::json!({})), ("garden\n", serde_json::json!({"place": "garden"}))] {
        let house = House::new().await;
        let fields_of_file =
            "[{ name = \"client_id\", label = \"Public key\" }, { name = \"place\", label = \"Place\", default = \"home\" }]";
        house.file("config/providers/telldus.toml", &format!("[client]\nfields = {fields_of_file}\n"));
        let mut screen = Screen::start(&house, &["app", "add", "telldus"], USUAL, &[]);
        screen.shows("Public key").await;
        screen.types("some-key\n");
        screen.shows("Place (Enter for home): ").await;
        screen.types(typed);
        screen.shows("is in the vault").await;
        screen.ends(0).await;
        let app = &house.json(&["app", "list"]).await[0];
        assert_eq!((&app["client_id"], &app["fields"], &app["secrets"]), (&"some-key".into(), &place, &serde_json::json!([])));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn c5_who_waits_for_a_silent_server_is_told_so() {
    let server = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let house = common::house_at(&format!("http://{}", server.local_addr().expect("an address"))).await;
    for command in [&["get", "hub", "/x"][..], &["hub", "things"]] {
        let mut screen = Screen::start(&house, command, (200, 50), &[]);
        let (stream, _) = server.accept().await.expect("it calls");
        screen.shows("no answer yet; it is waited for 120 s at most").await;
        screen.types(INTERRUPT);
        screen.ends(130).await;
        drop(stream);
    }
}

/// `unlock` starts it and reads what it says; whoever starts it at a terminal reads once what is wrong.
#[tokio::test(flavor = "multi_thread")]
async fn an_agent_at_a_terminal_says_what_is_wrong_once() {
    let house = House::new().await;
    // What has the name of its folder is none.
    house.file("data", "");
    let mut screen = Screen::start(&house, &["agent"], (200, 50), &[]);
    screen.shows("the agent cannot listen").await;
    let shown = screen.ends(7).await;
    assert_eq!(shown.matches("the agent cannot listen").count(), 1, "{shown}");
}
