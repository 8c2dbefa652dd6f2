//! Part B once more for every login mode: where there is a callback the listener is as it has to be, and where there is none nobody listens.
//!
//! | row | with a callback: OAuth 1, OAuth 2, OpenID Connect, more scopes, a fixed port, traced | pasted, PIN | device | the app's own, exchanged, `--with-token` |
//! |---|---|---|---|---|
//! | B1 | `b1_b2_b3_…` | `b1_a_mode_without_…` | the same | `b1_a_mode_without_a_person_…` |
//! | B2, B3, B4, B5, B9 | `b1_b2_b3_…` | nobody listens | | |
//! | B6 | `b6_…` | nobody listens | | |
//! | B7 | `b7_…` (SIGINT, SIGTERM); its deadline: `keyfob/tests/loopback.rs`, one listener for all | `login.rs` | `login.rs` | |
//! | B8 | `keyfob/tests/loopback.rs`, one listener for all; a taken port: `login.rs` | nobody listens | | |
//! | B10 | `b10_…` | `b10_…` | nothing is pasted | |
//!
//! Part K knows no modes but K2, what is shown of a server's words: `terminal.rs` has a callback's, a device's and a token's. K1 is in `src/verb/helper/lines.rs` and
//! `tests/cmd/helper/k1-*.toml`, K3 in `use.rs` and `docs.rs`, K4 in `cards.rs`, and below for each mode.

#![cfg(target_os = "linux")]
#![allow(missing_docs)]

mod common;

use std::time::Duration;

use common::{House, PROVIDERS, Running, pin, try_visit, visit};
use keyfob_sandbox::{At, Faults};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Providers that send the browser to any port of this machine, with what is asked for beside.
fn by_callback() -> Vec<Vec<String>> {
    let modes = ["telldus", "telldus/cabin", "fitbit-oauth1", "acme", "acme --add-scope echo", "acme-oidc"];
    let fixed_port = format!("acme --redirect-uri http://127.0.0.1:{}/callback", keyfob_testbed::port::reserve());
    modes.into_iter().chain([fixed_port.as_str()]).map(|mode| mode.split(' ').map(str::to_owned).collect()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn b1_b2_b3_b4_b5_b9_every_mode_with_a_callback_listens_alike() {
    let house = House::new().await;
    for mode in by_callback() {
        let mut login = begin(&house, &mode);
        let url = login.url().await;
        let back = visit(&url).await.location.expect("back");
        let address = back.strip_prefix("http://").and_then(|rest| rest.split('/').next()).expect("an address");
        // B1, B2: this machine alone, and by its address.
        assert!(address.starts_with("127.0.0.1:") || address.starts_with("[::1]:"), "{mode:?}: {back}");
        // B2: so it was asked for, where the request itself says it and was not made beforehand.
        let asked =
            url::Url::parse(&url).expect("a URL").query_pairs().find(|(name, _)| name == "redirect_uri").map(|(_, uri)| uri.into_owned());
        assert!(asked.is_none_or(|uri| uri.starts_with(&format!("http://{address}/"))), "{mode:?}: {url}");
        let open = listening(&login);
        assert!(!open.is_empty() && open.iter().all(|place| is_loopback(place)), "{mode:?}: {open:?}");
        // B4: nothing else ends it.
        let path = &back[back.find("/callback").expect("a path")..];
        let foreign = "/callback?state=somebody-elses&oauth_token=somebody-elses&code=x&oauth_verifier=y";
        let denial = "/callback?state=somebody-elses&oauth_token=somebody-elses&error=access_denied";
        for (request, host) in [
            (format!("GET {foreign} HTTP/1.1"), address),
            (format!("GET {denial} HTTP/1.1"), address),
            (format!("GET {} HTTP/1.1", path.replace("/callback", "/favicon.ico")), address),
            (format!("HEAD {path} HTTP/1.1"), address),
            (format!("POST {path} HTTP/1.1"), address),
            // B5: a name of somebody else's that leads here.
            (format!("GET {path} HTTP/1.1"), "rebound.example"),
        ] {
            let answer = ask(address, &request, host).await;
            let status = answer.split(' ').nth(1).and_then(|status| status.parse::<u16>().ok());
            assert!(status.is_some_and(|status| (400..500).contains(&status)), "{mode:?}: {request}: {answer}");
            // B9: nothing of it is repeated.
            assert!(!answer.contains("somebody-elses") && !answer.contains("rebound"), "{mode:?}: {answer}");
        }
        let answer = ask(address, &format!("GET {path} HTTP/1.1"), address).await;
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("default-src 'none'"), "{mode:?}: {answer}");
        login.end_listening().await.exits(0);
        // B3: one valid answer, then nobody is there.
        assert!(try_visit(&back).await.is_err(), "{mode:?}: somebody listens");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn b6_in_every_mode_with_a_callback_slow_and_huge_requests_do_not_keep_the_real_one_out() {
    let house = House::new().await;
    house.log_in("acme").await;
    for mode in by_callback() {
        let mut login = begin(&house, &mode);
        let url = login.url().await;
        let back = visit(&url).await.location.expect("back");
        let address = back.strip_prefix("http://").and_then(|rest| rest.split('/').next()).expect("an address");
        let mut slow = Vec::new();
        for _ in 0..12 {
            let mut stream = TcpStream::connect(address).await.expect("somebody listens");
            stream.write_all(b"GET /callback").await.expect("sent");
            slow.push(stream);
        }
        let mut huge = TcpStream::connect(address).await.expect("somebody listens");
        // It may be hung up on before all of it is there.
        let _ = huge.write_all(format!("GET /callback?x={} HTTP/1.1\r\n", "a".repeat(64 * 1024)).as_bytes()).await;
        assert_eq!(visit(&back).await.status, 200, "{mode:?}");
        login.end_listening().await.exits(0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn b7_every_mode_with_a_callback_closes_when_it_is_told_to_and_leaves_no_file() {
    let house = House::new().await;
    house.log_in("acme").await;
    for signal in ["-INT", "-TERM"] {
        for mode in by_callback() {
            let before = files(&house);
            let mut login = begin(&house, &mode);
            let url = login.url().await;
            let back = visit(&url).await.location.expect("back");
            let id = login.child.id().expect("it runs").to_string();
            assert!(std::process::Command::new("kill").args([signal, &id]).status().expect("kill").success());
            login.end_listening().await.exits(130);
            assert!(try_visit(&back).await.is_err(), "{mode:?}: somebody listens");
            assert_eq!(files(&house), before, "{mode:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn b1_a_mode_without_a_callback_listens_nowhere() {
    let house = House::new().await;
    for mode in ["telldus --pin --paste --no-browser", "fitbit-oauth1 --pin --paste --no-browser", "acme --device"] {
        let mut login = house.start(&["login"].into_iter().chain(mode.split(' ')).collect::<Vec<_>>());
        login.line(|line| line.contains("http")).await;
        assert_eq!(listening(&login), Vec::<String>::new(), "{mode:?}");
        login.interrupt();
        login.end_listening().await.exits(130);
    }
}

/// They end by themselves, so they are looked at all the time until then, at a server that lets them wait.
#[tokio::test(flavor = "multi_thread")]
async fn b1_a_mode_without_a_person_listens_nowhere() {
    let house = House::new().await;
    house.log_in("acme").await;
    house.sandbox.faults("acme").set(Faults { at: At::Any, slow_ms: 700, ..Faults::default() });
    for mode in ["acme/service --client-credentials --scope echo", "acme/narrow --exchange acme --scope echo", "acme/given --with-token"] {
        let mut login = house.start(&["login"].into_iter().chain(mode.split(' ')).collect::<Vec<_>>());
        login.say("example-access-token-not-real\n").await;
        drop(login.child.stdin.take());
        let mut looked = 0;
        while login.child.try_wait().expect("a child of ours").is_none() {
            assert_eq!(listening(&login), Vec::<String>::new(), "{mode:?}");
            looked += 1;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(looked > 0, "{mode:?}");
        login.end_listening().await.exits(0);
    }
}

/// Files that a login would like to find, in a folder that somebody else wrote.
#[tokio::test(flavor = "multi_thread")]
async fn k4_in_no_mode_is_anything_read_from_the_current_folder() {
    let house = House::new().await;
    for name in ["acme.toml", "telldus.toml", "providers/acme.toml", "providers/telldus.toml", "keyfob.toml", ".keyfob/providers/acme.toml"]
    {
        house.file(name, "this is no TOML");
    }
    house.file(".env", "CONSUMER_KEY=x\nCONSUMER_SECRET=y\nACME_CLIENT_ID=x\nACME_CLIENT_SECRET=y\nKEYFOB_SANDBOX=http://127.0.0.1:1\n");
    for name in ["telldus", "acme", "acme-oidc"] {
        let mut login = house.start(&["login", name, "--no-browser"]);
        let url = login.url().await;
        visit(&visit(&url).await.location.expect("back")).await;
        login.end_listening().await.exits(0);
        house.log_in(name).await;
    }
    let mut login = house.start(&["login", "telldus", "--pin", "--paste", "--no-browser"]);
    let url = login.url().await;
    login.say(&format!("{}\n", pin(&url).await)).await;
    login.end().await.exits(0);
    for mode in ["acme/away --device", "acme/service --client-credentials --scope echo", "acme/narrow --exchange acme --scope echo"] {
        house.run(&["login"].into_iter().chain(mode.split(' ')).collect::<Vec<_>>()).await.exits(0);
    }
    house.run_with(&["login", "acme/given", "--with-token"], "example-access-token-not-real\n").await.exits(0);
    assert_eq!(house.json(&["app", "list"]).await, serde_json::json!([]), "the demo apps were used");
}

#[tokio::test(flavor = "multi_thread")]
async fn b10_what_is_pasted_is_judged_in_every_mode() {
    let house = House::new().await;
    for name in PROVIDERS {
        let mut login = house.start(&["login", name, "--no-browser", "--paste"]);
        let url = login.url().await;
        let back = visit(&url).await.location.expect("back");
        let key = if back.contains("state=") { "state=" } else { "oauth_token=" };
        let elsewhere = back.replacen("http://", "http://elsewhere.example/", 1);
        for wrong in [back.replace(key, &format!("{key}not")), elsewhere, back.replace(key, "was=")] {
            login.say(&format!("{wrong}\n")).await;
            login.line(|line| line.starts_with("not that one:")).await;
        }
        login.say(&format!("{back}\n")).await;
        login.end().await.exits(0);
    }
}

fn begin(house: &House, mode: &[String]) -> Running {
    house.start(&["login", "--no-browser"].into_iter().chain(mode.iter().map(String::as_str)).collect::<Vec<_>>())
}

/// What lies in the home and where temporary files go.
fn files(house: &House) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![house.path("")];
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).expect("a folder").filter_map(|entry| Some(entry.ok()?.path())) {
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path.display().to_string());
            }
        }
    }
    found.retain(|path| !path.ends_with("-wal") && !path.ends_with("-shm"));
    found.sort();
    found
}

/// Where the program listens, as the kernel says it: addresses in hexadecimal.
fn listening(running: &Running) -> Vec<String> {
    let process = format!("/proc/{}", running.child.id().expect("it runs"));
    let files = std::fs::read_dir(format!("{process}/fd")).expect("its files");
    let sockets: Vec<String> = files.filter_map(|file| Some(std::fs::read_link(file.ok()?.path()).ok()?.display().to_string())).collect();
    let mut found = Vec::new();
    for table in ["tcp", "tcp6"] {
        let table = std::fs::read_to_string(format!("{process}/net/{table}")).unwrap_or_default();
        for line in table.lines().skip(1) {
            let columns: Vec<&str> = line.split_whitespace().collect();
            // 0A: LISTEN.
            if columns[3] == "0A" && sockets.contains(&format!("socket:[{}]", columns[9])) {
                found.push(columns[1].to_owned());
            }
        }
    }
    found
}

fn is_loopback(place: &str) -> bool {
    place.starts_with("0100007F:") || place.starts_with("00000000000000000000000001000000:")
}

async fn ask(address: &str, request: &str, host: &str) -> String {
    let talk = async {
        let mut stream = TcpStream::connect(address).await.expect("somebody listens");
        let head = format!("{request}\r\nHost: {host}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await.expect("sent");
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    };
    timeout(Duration::from_secs(60), talk).await.expect("in time")
}
