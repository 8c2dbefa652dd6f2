//! In front of a terminal: tables, colours, and nothing that a server could command it with.

#![cfg(unix)]
#![allow(missing_docs)]

mod common;

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{House, house_at};
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::process::Child;
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use url::Url;

/// What a hostile server says: clears the screen, sets the title, writes backwards, and repeats the token.
const HOSTILE: &str = "\u{1b}[2J\u{1b}]0;title\u{7}a\u{9b}31m\u{202e}b\r\nc\u{85} token example-access-token-not-real";

#[tokio::test(flavor = "multi_thread")]
async fn k2_a_body_cannot_command_the_terminal_and_is_untouched_in_a_pipe() {
    let house = hostile("text/plain", HOSTILE).await;
    let piped = house.good(&["get", "hub", "/x"]).await;
    assert_eq!(piped, HOSTILE);
    let shown = in_terminal(&house, &["get", "hub", "/x"], 80).await;
    assert!(shown.contains("a31mb") && shown.contains("token <secret>"), "{shown:?}");
    assert!(fit_to_show(&shown), "{shown:?}");
    let with_head = in_terminal(&house, &["get", "hub", "/x", "-i"], 80).await;
    assert!(with_head.contains("HTTP 200 OK") && fit_to_show(&with_head), "{with_head:?}");
    let json = in_terminal(&house, &["get", "hub", "/x", "-i", "--json"], 80).await;
    assert!(fit_to_show(&json) && json.contains("<secret>"), "{json:?}");
    let json = in_terminal(&house, &["get", "hub", "/x", "--json"], 80).await;
    assert!(fit_to_show(&json) && json.contains("token <secret>"), "{json:?}");
}

/// What a server says bit by bit is seen so, and is as safe as if it had come at once: also where it is cut.
#[tokio::test(flavor = "multi_thread")]
async fn k2_what_comes_in_pieces_is_seen_as_it_comes() {
    let pieces: [&[u8]; 2] = ["first\u{1b}[2J\nthen example-access-".as_bytes(), "token-not-real\u{202e} ü\nlast".as_bytes()];
    for kind in ["text/event-stream", "application/x-ndjson; charset=utf-8", "text/plain"] {
        let (origin, go_on) = speaks_in_two_pieces(&format!("Content-Type: {kind}"), pieces).await;
        let house = house_at(&origin).await;
        let (mut child, mut shown) = terminal(&house, &["get", "hub", "/x"], 80);
        let mut seen = String::new();
        while !seen.contains("then ") {
            let piece = tokio::time::timeout(Duration::from_secs(20), shown.recv()).await;
            let piece = piece.unwrap_or_else(|_| panic!("{kind}: nothing is seen of it but {seen:?}")).expect("more");
            seen.push_str(&String::from_utf8(piece).expect("text"));
        }
        assert!(!seen.contains("example"), "{kind}: {seen:?}");
        go_on.notify_one();
        while let Some(piece) = shown.recv().await {
            seen.push_str(&String::from_utf8(piece).expect("text"));
        }
        assert_eq!(child.wait().await.expect("an end").code(), Some(0));
        let seen = seen.replace("\r\n", "\n");
        assert!(seen.ends_with("first[2J\nthen <secret> ü\nlast\n") && fit_to_show(&seen), "{kind}: {seen:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_says_that_it_is_of_western_letters_is_shown_so() {
    let pieces: [&[u8]; 2] = [b"Gr\xfc", b"\xdfe, 5 \x80"];
    for (length, charset) in [("Content-Length: 10\r\n", "ISO-8859-1"), ("", "\"windows-1252\"")] {
        let (origin, go_on) = speaks_in_two_pieces(&format!("{length}Content-Type: text/plain; charset={charset}"), pieces).await;
        go_on.notify_one();
        let house = house_at(&origin).await;
        let shown = in_terminal(&house, &["get", "hub", "/x"], 80).await;
        assert!(shown.ends_with("Grüße, 5 €\n"), "{charset}: {shown:?}");
    }
}

/// Through a pipe it is whole.
#[tokio::test(flavor = "multi_thread")]
async fn k2_nor_can_a_request_that_is_printed() {
    let house = hostile("text/plain", HOSTILE).await;
    for shape in ["http", "curl", "har"] {
        let arguments = ["post", "hub", "/x", "-d", HOSTILE, "--print", shape];
        let shown = in_terminal(&house, &arguments, 200).await;
        assert!(fit_to_show(&shown) && shown.contains("token <secret>"), "{shape}: {shown:?}");
        let left_out = shown.contains("(the body has characters in it that a terminal would obey: they are not shown; -o FILE keeps them)");
        assert_eq!(left_out, shape == "http", "{shown:?}");
    }
    let piped = house.good(&["post", "hub", "/x", "-d", HOSTILE, "--print", "http", "--show-secrets"]).await;
    assert!(piped.ends_with(&format!("\r\n\r\n{HOSTILE}")), "{piped:?}");
    let file = house.path("bytes");
    std::fs::write(&file, b"\xff\x1b]0;title\x07").expect("written");
    let shown = in_terminal(&house, &["post", "hub", "/x", "-d", &format!("@{}", file.display()), "--print", "http"], 200).await;
    assert!(fit_to_show(&shown) && shown.contains("content-length: 11"), "{shown:?}");
    assert!(shown.contains("(11 bytes of application/x-www-form-urlencoded, which is no text; -o FILE keeps them)"), "{shown:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn k2_nor_can_an_error_or_a_table() {
    let body = json!([{"name": HOSTILE, "id": 7}]).to_string();
    let house = hostile("application/json", &body).await;
    let table = in_terminal(&house, &["hub", "things"], 80).await;
    assert!(table.contains("Name") && fit_to_show(&table), "{table:?}");
    let raw = in_terminal(&house, &["get", "hub", "/x"], 80).await;
    assert!(raw.contains("\"id\"") && raw.contains("\u{1b}[36m") && fit_to_show(&raw), "{raw:?}");
    let rows = in_terminal(&house, &["hub", "things", "--json"], 80).await;
    assert!(fit_to_show(&rows), "{rows:?}");
    let house = hostile("application/json", &json!({"error": HOSTILE}).to_string()).await;
    for arguments in [&["hub", "things"][..], &["get", "hub", "/x", "-f"], &["hub", "things", "--json"]] {
        let card = in_terminal(&house, arguments, 80).await;
        assert!(card.contains("error") && fit_to_show(&card), "{card:?}");
    }
}

/// Texts of a fixed generator, each with every kind of character that could do something, in everything that a server can say: nothing of it is obeyed,
/// in a terminal or where somebody reads a file of it later.
#[tokio::test(flavor = "multi_thread")]
async fn k2_whatever_a_server_says_nothing_of_it_is_obeyed() {
    let mut numbers = Numbers(20_261_126);
    for round in 0..2 {
        let text = numbers.hostile_text();
        let rows = json!([{"name": text, "id": text}, {"name": [text], "id": {text.as_str(): text}}]).to_string();
        let error = json!({"error": text, "error_description": text}).to_string();
        for (media_type, body) in [("application/json", rows), ("application/json", error), ("text/plain", text.clone())] {
            let house = hostile(media_type, &body).await;
            let lines: [&[&str]; 8] = [
                &["hub", "things"],
                &["hub", "things", "--json"],
                &["get", "hub", "/x", "--table"],
                &["get", "hub", "/x", "-f", "--jq", ".error?, .[0]?"],
                &["get", "hub", "/x", "-i", "-v"],
                &["status", "hub", "--check"],
                &["refresh", "hub"],
                &["login", "hub", "--device"],
            ];
            for arguments in lines {
                let shown = in_terminal(&house, arguments, 80).await;
                assert!(fit_to_show(&shown), "round {round}, {arguments:?} in a terminal: {shown:?}");
                let piped = house.run(arguments).await;
                assert!(fit_to_show(&piped.stderr), "round {round}, {arguments:?}, stderr in a pipe: {:?}", piped.stderr);
                // Into a pipe a body goes as it came, byte for byte: what is made of it does not.
                let is_made = arguments[0] == "hub" || arguments[0] == "status" || arguments.contains(&"--table");
                assert!(!is_made || fit_to_show(&piped.stdout), "round {round}, {arguments:?}, stdout in a pipe: {:?}", piped.stdout);
            }
        }
    }
}

/// The same for what somebody else is quoted with: a base string that a server claims to have signed, and what is asked for.
#[tokio::test(flavor = "multi_thread")]
async fn k2_nor_is_anything_of_a_quotation_in_why_and_explain() {
    let mut numbers = Numbers(5_849);
    let house = House::new().await;
    house.log_in("telldus").await;
    for round in 0..2 {
        let text = numbers.hostile_text();
        let quoted = house.file("base-string.txt", &format!("GET&{text}&{text}"));
        let request = house
            .file("request.txt", &format!("GET /json/devices/list?a={text} HTTP/1.1\r\nHost: x\r\nAuthorization: OAuth {text}\r\n\r\n"));
        let item = format!("a=={}", text.replace('\0', ""));
        let lines: [&[&str]; 6] = [
            &["why", "telldus", "GET", "/json/devices/list", "--base-string", &quoted],
            &["why", "telldus", "--request", &request],
            &["why", "telldus", "GET", "/json/devices/list", "--base-string", &quoted, "--json"],
            &["explain", "GET", "telldus", "/json/devices/list", &item],
            &["explain", "GET", "telldus", "/json/devices/list", &item, "--json"],
            &["get", "telldus", "/json/devices/list", &item, "--dry-run"],
        ];
        for arguments in lines {
            let shown = in_terminal(&house, arguments, 80).await;
            assert!(fit_to_show(&shown), "round {round}, {arguments:?} in a terminal: {shown:?}");
            let piped = house.run(arguments).await;
            assert!(fit_to_show(&piped.stderr), "round {round}, {arguments:?}: {:?}", piped.stderr);
            assert!(fit_to_show(&piped.stdout), "round {round}, {arguments:?}: {:?}", piped.stdout);
        }
    }
}

/// The same for what stays behind: what a token's answer granted and is kept of it, what a device is told, and why a refresh failed. In every way there is to
/// look at it, on a page, and in the log.
#[tokio::test(flavor = "multi_thread")]
async fn k2_nor_is_anything_that_a_login_leaves_behind() {
    let mut numbers = Numbers(20_261_127);
    let text = numbers.hostile_text();
    let (origin, answers) = speaks_as_told().await;
    let mut house = house_at(&origin).await;
    let file = std::fs::read_to_string(house.path("config/providers/hub.toml")).expect("a file");
    let more = format!("[endpoints]\ndevice = \"{origin}/device\"\nrevoke = \"{origin}/revoke\"");
    house.file("config/providers/hub.toml", &format!("keep = [\"user_id\"]\n{}", file.replace("[endpoints]", &more)));
    let scope: String = text.chars().filter(|c| *c != ' ').collect();
    let token = json!({
        "access_token": "example-access-token-not-real", "refresh_token": "example-refresh-token-not-real", "token_type": "Bearer",
        "expires_in": 3600, "scope": format!("read {scope}"), "user_id": text,
    });
    let rows = json!([{"name": text, "id": text}]).to_string();
    answers.say("/token", 200, &token.to_string());
    answers.say("/things", 200, &rows);
    answers.say(
        "/device",
        200,
        &json!({
            "device_code": "example-device-code", "user_code": text, "verification_uri": format!("{origin}/{text}"),
            "verification_uri_complete": format!("{origin}/?{text}"), "expires_in": 600, "interval": 1,
        })
        .to_string(),
    );
    house.set("KEYFOB_LOG", "trace");
    let mut said = Vec::new();
    for back in [format!("error={text}&error_description={text}"), "code=example-code".to_owned()] {
        let mut login = house.start(&["login", "hub", "--no-browser", "--paste"]);
        let url = Url::parse(&login.url().await).expect("a URL");
        let asked = |wanted: &str| url.query_pairs().find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned());
        let (callback, state) = (asked("redirect_uri").expect("one"), asked("state").expect("one"));
        // What a person pastes is a line.
        let back = format!("{callback}?state={state}&{back}").replace(['\n', '\r', '\0'], "");
        login.say(&format!("{back}\n")).await;
        let ended = login.end().await;
        said.push((format!("login with {back:?}"), ended.stderr + &ended.stdout));
    }
    assert!(said[1].1.contains("hub logged in"), "{}", said[1].1);
    let [page, other] = ["call.html", "refresh.html"].map(|name| house.path(name).display().to_string());
    let here = format!("{origin}/things");
    let kept: &[&[&str]] = &[
        &["status"],
        &["status", "hub"],
        &["status", "hub", "--json"],
        &["account", "list"],
        &["export"],
        &["env", "hub", "--format", "json", "--show-secrets"],
        &["header", "GET", &here, "--account", "hub"],
        &["doctor", "hub"],
        &["hub", "things"],
        &["get", "hub", "/things", "--format", "csv"],
        &["get", "hub", "/things", "--format", "ndjson"],
        &["get", "hub", "/things", "--format", "json"],
        &["get", "hub", "/things", "--table"],
        &["get", "hub", "/things", "--jq", ".[].name"],
        &["get", "hub", "/things", "-i", "-v"],
        &["curl", "hub", "--", "-s", "-i", &here],
        &["trace", "--html", &page, "get", "hub", "/things"],
        &["login", "hub", "--device"],
        &["login", "hub", "--device", "--json"],
    ];
    let refused: &[&[&str]] = &[
        &["trace", "--html", &other, "refresh", "hub"],
        &["refresh", "hub", "--json"],
        &["status"],
        &["status", "hub"],
        &["status", "hub", "--json"],
        &["status", "hub", "--history"],
        &["status", "hub", "--history", "--json"],
        &["doctor", "hub"],
        &["doctor", "hub", "--json"],
        &["get", "hub", "/nowhere", "-f", "--json"],
        &["get", "hub", "/nowhere", "-i"],
        &["login", "hub", "--device"],
        &["logout", "hub", "--revoke"],
    ];
    for (round, commands) in [(1, kept), (2, refused)] {
        if round == 2 {
            let error = json!({"error": "invalid_grant", "error_description": text, "error_uri": text}).to_string();
            for path in ["/token", "/device", "/revoke", "/nowhere"] {
                answers.say(path, 400, &error);
            }
        }
        for arguments in commands {
            said.push((format!("{arguments:?} in a terminal"), in_terminal(&house, arguments, 80).await));
            let piped = house.run(arguments).await;
            said.push((format!("{arguments:?}, stderr in a pipe"), piped.stderr));
            // A body goes into a pipe as it came.
            if !["get", "curl", "trace"].contains(&arguments[0]) || arguments.contains(&"--table") {
                said.push((format!("{arguments:?}, stdout in a pipe"), piped.stdout));
            }
        }
    }
    for file in [&page, &other] {
        said.push((file.clone(), std::fs::read_to_string(file).expect("a page")));
    }
    for (what, shown) in &said {
        assert!(fit_to_show(shown), "{what}: {shown:?}");
    }
    let all: String = said.iter().map(|(_, shown)| shown.as_str()).collect();
    for part in ["needs login", "invalid_grant", "DEBUG", "user_id", "\"reason\""] {
        assert!(all.contains(part), "{part} was never shown");
    }
}

/// The same for a provider file that somebody sent.
#[tokio::test(flavor = "multi_thread")]
async fn k2_nor_is_anything_of_a_provider_file() {
    let mut numbers = Numbers(1_979);
    let text = numbers.hostile_text();
    let house = house_at("http://127.0.0.1:1").await;
    let good = std::fs::read_to_string(house.path("config/providers/hub.toml")).expect("a file");
    // JSON's escapes are TOML's, but for what TOML does not allow as it is.
    let quoted: String = json!(text)
        .to_string()
        .chars()
        .flat_map(|c| match c {
            '\u{7f}' => "\\u007f".chars().collect::<Vec<_>>(),
            c => vec![c],
        })
        .collect();
    let inside = &quoted[1..quoted.len() - 1];
    for (what, file) in [
        ("title", good.replace("\"Hub\"", &quoted)),
        ("about", good.replace("\"A hub.\"", &quoted).replace("\"Things\"", &quoted)),
        ("label", good.replace("\"Client ID\"", &quoted).replace("\"Name\"", &quoted)),
        ("key", good.replace("[actions.things]", &format!("[actions.\"{inside}\"]"))),
        ("member", format!("{quoted} = 1\n{good}")),
        ("kind", good.replace("\"oauth2\"", &quoted)),
        ("url", good.replace("/authorize", &format!("/{inside}"))),
        ("jq", good.replace("\".[]\"", &quoted)),
        ("no TOML", format!("{good}\n{text}")),
    ] {
        let file = house.file("config/providers/hub.toml", &file);
        let commands: &[&[&str]] = &[
            &["provider", "check", &file],
            &["provider", "check", &file, "--json"],
            &["provider", "list", "--search", "hub"],
            &["provider", "show", "hub"],
            &["provider", "show", "hub", "--json"],
            &["do", "hub"],
            &["do", "hub", "--json"],
            &["status", "hub"],
            &["doctor", "--offline"],
            &["login", "hub", "--device"],
            &["app", "add", "hub"],
            &["hub", "nothing"],
            &["completions", "bash"],
        ];
        for arguments in commands {
            let shown = in_terminal(&house, arguments, 80).await;
            assert!(fit_to_show(&shown), "{what}: {arguments:?} in a terminal: {shown:?}");
            let piped = house.run(arguments).await;
            assert!(fit_to_show(&piped.stderr), "{what}: {arguments:?}, stderr: {:?}", piped.stderr);
            assert!(fit_to_show(&piped.stdout), "{what}: {arguments:?}, stdout: {:?}", piped.stdout);
        }
    }
}

#[test]
fn what_is_not_fit_to_show_is_seen() {
    for text in ["a\rb", "\u{7}", "\u{1b}[2J", "\u{9b}31m", "\u{7f}", "\u{202e}", "\u{2067}", "\u{200f}", "\u{61c}", "\u{2028}", "\0"] {
        assert!(!fit_to_show(text), "{text:?}");
    }
    assert!(fit_to_show("a\tb\n\u{1b}[1mbold\u{1b}[0m ü 漢"));
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_and_colours_are_for_terminals_of_any_width() {
    let mut house = House::new().await;
    house.log_in("telldus").await;
    let wide = in_terminal(&house, &["telldus", "sensors"], 160).await;
    assert!(wide.contains("\u{1b}[1mSensor"), "the heading is bold: {wide:?}");
    house.set("NO_COLOR", "1");
    for width in [160, 120, 80, 40] {
        let shown = in_terminal(&house, &["telldus", "sensors"], width).await;
        let longest = shown.lines().filter(|line| !line.starts_with("sandbox:")).map(|line| line.chars().count()).max();
        assert!(longest.is_some_and(|longest| longest <= usize::from(width)), "{width}:\n{shown}");
        assert!(shown.contains("2813567") && shown.contains("Temperature"), "no word is broken at {width}:\n{shown}");
        assert!(fit_to_show(&shown), "{shown:?}");
    }
    // A question is asked where somebody can answer it; no answer is a no.
    let asked = in_terminal(&house, &["telldus", "on", "240001"], 80).await;
    assert!(asked.contains("This changes something: turn a device on (Telldus Live!: keyfob telldus on 240001). Go on? [y/N]"), "{asked}");
    assert_eq!(house.json(&["telldus", "devices"]).await[1]["State"], "off");
}

/// Colours are there, and gone with each of the ways in which people say that they want none.
#[tokio::test(flavor = "multi_thread")]
async fn colours_are_left_away_where_somebody_says_so_or_the_terminal_has_none() {
    let mut house = House::new().await;
    house.log_in("telldus").await;
    let verbs: [&[&str]; 4] =
        [&["telldus", "sensors"], &["status"], &["provider", "show", "telldus"], &["get", "telldus", "/json/devices/list"]];
    for (name, value) in [("NO_COLOR", "1"), ("CLICOLOR", "0"), ("TERM", "dumb")] {
        house.set(name, value);
        for arguments in verbs.into_iter().chain([&["get", "nobody", "/x"][..]]) {
            let shown = in_terminal(&house, arguments, 80).await;
            assert!(!shown.contains('\u{1b}') && !shown.trim().is_empty(), "{name}={value} {arguments:?}: {shown:?}");
        }
        house.unset(name);
    }
    // An empty NO_COLOR says nothing (no-color.org).
    house.set("NO_COLOR", "");
    for arguments in verbs {
        assert!(in_terminal(&house, arguments, 80).await.contains('\u{1b}'), "{arguments:?}");
    }
}

/// Numbers that look random and are the same in every run (xorshift64*).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32).expect("32 bits") % end
    }

    /// Every control character and every mark that turns the direction, in an order of its own, with words, escapes and wide characters between them.
    fn hostile_text(&mut self) -> String {
        let between = [
            "a",
            // None of our own colours, which are forgiven.
            "\u{1b}[41m",
            "\u{1b}]0;t\u{7}",
            "\u{1b}]8;;http://x\u{1b}\\",
            "\u{1b}P1$r",
            "漢",
            "e\u{301}",
            "\u{feff}",
            " ",
            "\r\n",
            "\u{1b}[6n",
        ];
        let kinds =
            (0..0x20).chain(0x7f..0xa0).chain(0x202a..=0x202e).chain(0x2066..=0x2069).chain([0x200e, 0x200f, 0x2028, 0x2029, 0x61c]);
        let mut characters: Vec<char> = kinds.filter_map(char::from_u32).collect();
        let mut text = String::new();
        while !characters.is_empty() {
            let at = self.below(characters.len());
            text.push(characters.swap_remove(at));
            text.push_str(between[self.below(between.len())]);
        }
        text
    }
}

/// A house with an account at a server of our own, which answers everything with this body.
async fn hostile(media_type: &'static str, body: &str) -> House {
    let (origin, answers) = speaks_as_told().await;
    answers.always(media_type, body);
    house_at(&origin).await
}

/// What a server of our own answers: by the path, or the same always.
#[derive(Clone, Default)]
struct Answers(Arc<Mutex<HashMap<String, String>>>);

impl Answers {
    fn say(&self, path: &str, status: u16, body: &str) {
        self.keep(path, status, "application/json", body);
    }

    fn always(&self, media_type: &str, body: &str) {
        self.keep("", 200, media_type, body);
    }

    /// Status line and head are the server's, too: of what it says there HTTP forbids C0 and DEL alone.
    fn keep(&self, path: &str, status: u16, media_type: &str, body: &str) {
        let allowed: String = Numbers(9_112).hostile_text().chars().filter(|c| !c.is_ascii_control()).collect();
        let answer = format!(
            "HTTP/1.1 {status} {allowed}\r\nContent-Type: {media_type}\r\nX-Said: {allowed}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        self.0.lock().expect("nobody panicked").insert(path.to_owned(), answer);
    }

    fn to(&self, head: &str) -> String {
        let answers = self.0.lock().expect("nobody panicked");
        let path = head.split(' ').nth(1).unwrap_or_default();
        answers
            .get(path)
            .or_else(|| answers.get(""))
            .cloned()
            .unwrap_or_else(|| "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_owned())
    }
}

async fn speaks_as_told() -> (String, Answers) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let origin = format!("http://{}", listener.local_addr().expect("an address"));
    let answers = Answers::default();
    let told = answers.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answers = answers.clone();
            tokio::spawn(async move {
                let mut head = [0; 4096];
                let read = stream.read(&mut head).await.unwrap_or_default();
                let answer = answers.to(&String::from_utf8_lossy(&head[..read]));
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    (origin, told)
}

/// A server that says the second piece only when it is told to.
async fn speaks_in_two_pieces(head: &str, pieces: [&'static [u8]; 2]) -> (String, Arc<Notify>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let origin = format!("http://{}", listener.local_addr().expect("an address"));
    let (head, go_on) = (format!("HTTP/1.1 200 OK\r\n{head}\r\nConnection: close\r\n\r\n"), Arc::new(Notify::new()));
    let told = go_on.clone();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream.write_all(&[head.as_bytes(), pieces[0]].concat()).await;
        told.notified().await;
        let _ = stream.write_all(pieces[1]).await;
        let _ = stream.shutdown().await;
    });
    (origin, go_on)
}

/// Runs the command with all three ends in a terminal of this width; everything it shows. Its input ends at once.
async fn in_terminal(house: &House, arguments: &[&str], width: u16) -> String {
    let (mut child, mut shown) = terminal(house, arguments, width);
    tokio::time::timeout(Duration::from_secs(60), child.wait()).await.expect("in time").expect("an end");
    let mut all = Vec::new();
    while let Some(piece) = shown.recv().await {
        all.extend(piece);
    }
    String::from_utf8(all).expect("text").replace("\r\n", "\n")
}

/// The same while it runs, and what it shows as it comes.
fn terminal(house: &House, arguments: &[&str], width: u16) -> (Child, UnboundedReceiver<Vec<u8>>) {
    // CLOEXEC: a command that another test starts at this moment would keep the terminal open, and its end would never come.
    let screen = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a terminal");
    grantpt(&screen).and_then(|()| unlockpt(&screen)).expect("ours");
    tcsetwinsize(&screen, Winsize { ws_row: 24, ws_col: width, ws_xpixel: 0, ws_ypixel: 0 }).expect("a size");
    let name = ptsname(&screen, Vec::new()).expect("a name");
    let end: OwnedFd = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty()).expect("its other end");
    let other = || Stdio::from(end.try_clone().expect("a copy"));
    let child = house
        .command(arguments)
        .env("TERM", house.variable("TERM").unwrap_or("xterm-256color"))
        .stdin(other())
        .stdout(other())
        .stderr(other())
        .spawn()
        .expect("it starts");
    // Ctrl-D: the end of the input.
    rustix::io::write(&screen, b"\x04").expect("typed");
    drop(end);
    let (sender, shown) = unbounded_channel();
    tokio::task::spawn_blocking(move || {
        let mut screen = File::from(screen);
        let mut piece = [0; 4096];
        // The end of a terminal is an error.
        while let Ok(count) = screen.read(&mut piece) {
            if count == 0 || sender.send(piece[..count].to_vec()).is_err() {
                break;
            }
        }
    });
    (child, shown)
}

/// No character that a terminal obeys but line breaks, tabs, and the beginning and end of our own colours.
fn fit_to_show(text: &str) -> bool {
    let ours = [
        "\u{1b}[0m",
        "\u{1b}[1m",
        "\u{1b}[2m",
        "\u{1b}[31m",
        "\u{1b}[32m",
        "\u{1b}[33m",
        "\u{1b}[34m",
        "\u{1b}[35m",
        "\u{1b}[36m",
        "\u{1b}[30m",
        "\u{1b}[107m",
    ];
    // The countdown is written over, and gone in the end.
    let text = text.replace("\r\u{1b}[2mWaiting:", "").replace("\r\u{1b}[K", "").replace("\u{1b}[K", "");
    let text = ours.iter().fold(text, |text, colour| text.replace(colour, ""));
    let turns = |c: char| matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().all(|c| matches!(c, '\n' | '\t') || !c.is_control() && !turns(c))
}
