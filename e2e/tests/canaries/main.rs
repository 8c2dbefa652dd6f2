//! J10, J11, J12: the secrets of a whole run, in every spelling, are nowhere but where they are meant to be. Looked at: every state of
//! every file, what was said at the highest log level, command lines and environments of all processes while they ran.
//!
//! What is meant to hold a secret, and is left out: the key file; the file of an app's keys that a person wrote; standard output of `token`;
//! the body of an answer that goes into a pipe, which is the API's own, byte for byte (Fitbit's repeats a token that has ended; on a
//! terminal it is masked); the authorization URL, which holds the state of a login, on standard error and in the browser's command line (RFC 6749 §4.1.1).

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use keyfob_e2e::canary::{self, Canary, SPELLINGS, Search, Seen, Watch};
use keyfob_e2e::{House, Tap, library, person};
use keyfob_interop::http;
use keyfob_interop::program::Finished;
use keyfob_sandbox::{At, Consent, Faults};

const PROVIDERS: [&str; 6] = ["netatmo", "august", "fitbit", "telldus", "fitbit-oauth1", "acme"];

/// One run at a time: all processes that this one has started are watched, and what one run may show is a find in another.
static ALONE: Mutex<()> = Mutex::new(());

/// A run under watch.
struct Run {
    house: House,
    tap: Tap,
    watch: Watch,
    said: Vec<Seen>,
    more: BTreeSet<Canary>,
    alone: MutexGuard<'static, ()>,
}

impl Run {
    fn begin() -> Self {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let mut house = House::new();
        let tap = Tap::on(&house.world);
        house.set("KEYFOB_SANDBOX", tap.index());
        house.set("KEYFOB_LOG", "trace");
        house.set("RUST_LOG", "trace");
        house.set("RUST_BACKTRACE", "full");
        for (name, folder) in [("TMPDIR", "tmp"), ("XDG_RUNTIME_DIR", "run"), ("XDG_CACHE_HOME", "cache"), ("XDG_STATE_HOME", "state")] {
            let folder = house.path().join(folder);
            fs::create_dir(&folder).expect("a folder");
            house.set(name, folder.to_str().expect("UTF-8"));
        }
        // Building is no part of what is watched.
        let _ = keyfob_interop::tools::keyfob();
        let watch = Watch::begin(house.path());
        Self { house, tap, watch, said: Vec::new(), more: BTreeSet::new(), alone }
    }

    /// Runs the command, and keeps what it says.
    fn run(&mut self, arguments: &[&str]) -> Finished {
        let end = self.house.run(arguments);
        self.keep(arguments, &end);
        end
    }

    fn keep(&mut self, arguments: &[&str], end: &Finished) {
        let is_sent = arguments[0] == "get" && !arguments.iter().any(|word| ["--explain", "--dry-run"].contains(word));
        let lines = match arguments[0] {
            "token" => String::new(),
            _ if is_sent => end.lines.iter().take_while(|line| !line.is_empty() && !line.starts_with('{')).cloned().collect(),
            _ => end.lines.join("\n"),
        };
        let bytes = format!("{lines}\n{}", end.errors).into_bytes();
        self.said.push(Seen { kind: "said", of: arguments.join(" "), bytes });
    }

    fn log_in(&mut self, name: &str) {
        let end = self.house.paste(name, &[], |url| vec![person::goes_to(url)]);
        assert!(end.success, "{name}: {end:#?}");
        self.keep(&["login", name], &end);
    }

    /// Ends it: nothing may be found but what `meant` allows. Gives the canaries.
    fn end(self, meant: impl Fn(&Seen, &str) -> bool) -> BTreeSet<Canary> {
        let Self { house, tap, watch, said, more, alone: _alone } = self;
        let mut seen = watch.end();
        seen.extend(said);
        let mut canaries = canary::learn(&tap.heard());
        canaries.extend(more);
        for name in PROVIDERS {
            let app = house.world.app(name);
            canaries.insert(Canary::new("client_secret", app.client_secret));
            canaries.extend(app.fields.into_iter().map(|(field, value)| Canary::new(field, value)));
        }
        let key = fs::read_to_string(house.path().join(".local/share/keyfob/sandbox/vault.key")).expect("the key file");
        canaries.insert(Canary::new("vault key", key.trim()));
        let search = Search::new(&canaries);
        let mut found = BTreeSet::new();
        for seen in &seen {
            for (what, spelling) in search.of(&seen.bytes) {
                if !meant(seen, what) {
                    found.insert(format!("{what} ({spelling}) in {} {}", seen.kind, seen.of));
                }
            }
        }
        assert!(found.is_empty(), "{found:#?}");
        for kind in ["cmdline", "environ", "file", "said"] {
            assert!(seen.iter().any(|seen| seen.kind == kind), "no {kind} was looked at");
        }
        assert!(seen.iter().any(|seen| seen.kind == "cmdline" && seen.of == "keyfob"), "the command was seen at work");
        assert!(seen.iter().any(|seen| seen.of.ends_with("vault.db")), "the vault was looked at");
        canaries
    }
}

/// A login is told where to go, with its state; the key file holds the key.
fn usually_meant(seen: &Seen, what: &str) -> bool {
    match (seen.kind, what) {
        ("said", "state") => seen.of.starts_with("login"),
        ("file", "vault key") => seen.of.ends_with("/vault.key"),
        _ => false,
    }
}

#[test]
fn j10_j11_j12_a_life_of_accounts_leaves_no_secret_anywhere() {
    let mut run = Run::begin();
    for name in PROVIDERS {
        run.log_in(name);
    }
    let lives: [&[&str]; 19] = [
        &["status"],
        &["status", "netatmo"],
        &["status", "netatmo", "--json"],
        &["status", "netatmo", "--history"],
        &["refresh", "netatmo"],
        &["refresh", "acme", "--json"],
        &["token", "fitbit"],
        &["token", "august", "--json"],
        &["netatmo", "stations"],
        &["august", "locks", "--json"],
        &["get", "telldus", "/json/devices/list"],
        &["get", "telldus", "/json/devices/list", "--explain"],
        &["get", "telldus", "/json/devices/list", "--dry-run"],
        &["get", "acme", "/me", "--dry-run"],
        &["get", "august", "/nowhere", "-i", "-f"],
        &["get", "fitbit-oauth1", "/1/user/-/profile.json", "-i"],
        &["app", "list", "--json"],
        &["account", "list"],
        &["provider", "show", "august"],
    ];
    for arguments in lives {
        run.run(arguments);
    }
    // Tokens that end, and servers that fail in the middle of a refresh.
    for (name, faults) in [
        ("fitbit", Faults { at: At::Token, html: 1, ..Faults::default() }),
        ("netatmo", Faults { at: At::Token, truncated: 1, ..Faults::default() }),
        ("august", Faults { at: At::Token, error_at_200: 1, ..Faults::default() }),
        ("acme", Faults { at: At::Any, unavailable: 2, ..Faults::default() }),
    ] {
        run.house.world.faults(name).set(faults);
        run.run(&["refresh", name]);
        run.house.world.faults(name).expire_access_tokens();
        run.run(&["get", name, "/1/user/-/profile.json", "-i"]);
        run.run(&["get", name, "/me", "-i"]);
        run.house.world.faults(name).clear();
    }
    // A spent refresh token: the provider's answer repeats it.
    let vault = run.house.path().join(".local/share/keyfob/sandbox/vault.db");
    run.log_in("fitbit");
    let copy = fs::read(&vault).expect("the vault");
    run.run(&["refresh", "fitbit"]);
    for ending in ["-wal", "-shm"] {
        let _ = fs::remove_file(format!("{}{ending}", vault.display()));
    }
    fs::write(&vault, copy).expect("the copy");
    run.house.world.advance(600);
    let end = run.run(&["refresh", "fitbit"]);
    assert!(end.errors.contains("invalid_grant"), "{end:#?}");
    // Logins that go wrong.
    for (name, wrong) in [("netatmo", "state=not"), ("acme", "code=not"), ("telldus", "oauth_verifier=not")] {
        let key = wrong.trim_end_matches("not");
        let end = run.house.paste(name, &[], |url| vec![person::goes_to(url).replace(key, wrong)]);
        run.keep(&["login", name], &end);
        run.house.world.consent(library::service(name), Consent::Deny);
        let end = run.house.paste(name, &[], |url| vec![person::goes_to(url)]);
        run.keep(&["login", name], &end);
        run.house.world.consent(library::service(name), Consent::Approve);
    }
    run.run(&["logout", "acme", "--revoke"]);
    run.run(&["logout", "telldus"]);

    let canaries = run.end(usually_meant);
    let kinds: BTreeSet<&str> = canaries.iter().map(|canary| canary.what.as_str()).collect();
    for kind in [
        "access_token",
        "refresh_token",
        "code",
        "state",
        "code_verifier",
        "client_secret",
        "oauth_token_secret",
        "oauth_verifier",
        "api_key",
        "vault key",
        "Basic credentials",
    ] {
        assert!(kinds.contains(kind), "no {kind} was looked for: {kinds:?}");
    }
    assert!(canaries.len() > 40, "{}", canaries.len());
}

/// The secrets that a person gives the command in its environment stay there: its browser gets none.
#[test]
fn j12_the_environment_of_a_browser_holds_no_secret() {
    let mut run = Run::begin();
    run.log_in("acme");
    let key = "8f".repeat(31) + "e1";
    let data = run.house.path().join("another");
    let script = run.house.path().join("browser.sh");
    fs::write(&script, "#!/bin/sh\nexec sleep 2\n").expect("a script");
    fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("a script");
    let secrets = [("KEYFOB_VAULT_KEY", key.clone()), ("NETATMO_API_CLIENT_SECRET", run.house.world.app("netatmo").client_secret)];
    for (name, value) in &secrets {
        run.house.set(name, value);
    }
    run.more.insert(Canary::new("given key", key));
    run.house.set("KEYFOB_DATA_DIR", data.to_str().expect("UTF-8"));
    run.house.set("BROWSER", script.to_str().expect("UTF-8"));
    for name in ["acme", "telldus"] {
        let mut login = run.house.start(&["login", name]);
        let url = login.wait_for_note("http://");
        thread::sleep(Duration::from_millis(200));
        assert_eq!(http::visit(&person::goes_to(&url)).status, 200);
        let end = login.finish();
        assert!(end.success, "{end:#?}");
        run.keep(&["login", name], &end);
    }
    run.run(&["get", "acme", "/me"]);
    let mut browsers = false;
    let watch = std::mem::replace(&mut run.watch, Watch::begin(run.house.path()));
    run.said.extend(watch.end());
    for seen in run.said.iter().filter(|seen| seen.kind == "cmdline") {
        browsers |= seen.of == "sleep" || seen.of == "browser.sh";
    }
    assert!(browsers, "the browser was seen at work");
    run.run(&["status"]);
    run.end(|seen, what| {
        usually_meant(seen, what)
            || seen.kind == "environ" && seen.of == "keyfob" && ["given key", "client_secret"].contains(&what)
            || seen.kind == "cmdline" && seen.of != "keyfob" && what == "state"
    });
}

#[test]
fn j10_j11_j12_a_life_of_the_web_app_leaves_no_secret_anywhere() {
    let mut run = Run::begin();
    let port = keyfob_testbed::port::reserve();
    let origin = format!("http://127.0.0.1:{port}");
    let app = run.house.world.app("august");
    let file = run.house.path().join("app.env");
    let text =
        format!("CLIENTID={}\nAPISEC={}\nAPIKEY={}\nAUTHCALL={origin}/callback\n", app.client_id, app.client_secret, app.fields["api_key"]);
    fs::write(&file, text).expect("an env-file");
    let (file, log) = (file.display().to_string(), run.house.path().join("debug.txt").display().to_string());
    let listen = format!("127.0.0.1:{port}");
    let words = ["serve", "--env-file", &file, "--listen", &listen, "--debug-log", &log];
    let program = run.house.start(&words);
    let until = Instant::now() + Duration::from_secs(30);
    while http::send("GET", &format!("{origin}/healthz"), &[], b"").is_err() {
        assert!(Instant::now() < until, "the web app does not answer: {}", program.errors());
        thread::sleep(Duration::from_millis(20));
    }
    let mut browser = Browser { origin: origin.clone(), cookie: String::new(), said: Vec::new(), secrets: BTreeSet::new() };

    let page = browser.get("/");
    let (action, token) = (between(&page, "action=\"", "\""), form_token(&page));
    // Refused: another cookie's form, a callback that answers nothing.
    browser.post(&action, "form_token=wrong-form-token");
    browser.get("/callback?code=a-code-of-nobody&state=a-state-of-nobody");
    // A denial, then a login.
    for consent in [Consent::Deny, Consent::Approve] {
        run.house.world.consent("august", consent);
        let name = between(&page, "type=\"hidden\" name=\"", "\"");
        let page = browser.get("/");
        let token = if page.contains("value=\"") { form_token(&page) } else { token.clone() };
        let to_provider = browser.post(&action, &format!("{name}={}", http::encode(&token)));
        let back = person::goes_to(&to_provider);
        browser.get(back.strip_prefix(&origin).expect("back at the web app"));
    }
    let page = browser.get("/");
    assert!(page.contains("august") || page.contains("August"), "{page}");
    let account = browser.get("/accounts/august");
    assert!(account.contains("Front Door") || page.contains("Front Door"), "{account}");
    run.house.world.faults("august").expire_access_tokens();
    browser.get("/accounts/august");
    run.house.world.faults("august").set(Faults { at: At::Any, html: 3, ..Faults::default() });
    browser.get("/accounts/august");
    run.house.world.faults("august").clear();
    browser.get("/nowhere?access_token=a-token-of-nobody");

    // Pages go to this browser alone; they hold its form token and no other secret.
    run.more.extend(browser.secrets);
    for (path, page) in browser.said {
        run.said.push(Seen { kind: "page", of: path, bytes: page.into_bytes() });
    }
    run.said.push(Seen { kind: "said", of: "serve".to_owned(), bytes: program.errors().into_bytes() });
    run.run(&["status"]);
    drop(program);
    let canaries = run.end(|seen, what| {
        usually_meant(seen, what) || seen.kind == "page" && what == "form token" || seen.kind == "file" && seen.of.ends_with("/app.env")
    });
    for kind in ["cookie", "form token", "access_token", "code", "state", "api_key"] {
        assert!(canaries.iter().any(|canary| canary.what == kind), "no {kind} was looked for");
    }
}

/// A browser without a screen: keeps its cookie, follows the web app's own redirects.
struct Browser {
    origin: String,
    cookie: String,
    said: Vec<(String, String)>,
    secrets: BTreeSet<Canary>,
}

impl Browser {
    fn get(&mut self, path: &str) -> String {
        let answer = self.send("GET", path, "");
        match answer.header("location").map(str::to_owned) {
            Some(location) if location.starts_with('/') => self.get(&location),
            Some(location) => location,
            None => answer.text(),
        }
    }

    /// Where a form leads.
    fn post(&mut self, path: &str, form: &str) -> String {
        let answer = self.send("POST", path, form);
        answer.header("location").unwrap_or_default().to_owned()
    }

    fn send(&mut self, method: &str, path: &str, form: &str) -> http::Answer {
        let (cookie, origin) = (self.cookie.clone(), self.origin.clone());
        let mut headers = vec![("Cookie", cookie.as_str())];
        if method == "POST" {
            headers.extend([("Content-Type", "application/x-www-form-urlencoded"), ("Origin", origin.as_str())]);
        }
        let answer = http::send(method, &format!("{}{path}", self.origin), &headers, form.as_bytes()).expect("the web app answers");
        for (_, cookie) in answer.headers.iter().filter(|(name, _)| name == "set-cookie") {
            self.cookie = cookie.split(';').next().unwrap_or_default().to_owned();
            let value = self.cookie.split_once('=').map_or("", |(_, value)| value);
            self.secrets.insert(Canary::new("cookie", value));
        }
        let text = answer.text();
        if text.contains("type=\"hidden\"") {
            self.secrets.insert(Canary::new("form token", form_token(&text)));
        }
        // Without the location of a redirect to the provider, which holds the state.
        self.said.push((path.split('?').next().unwrap_or_default().to_owned(), text));
        answer
    }
}

fn form_token(page: &str) -> String {
    let (_, behind) = page.split_once("type=\"hidden\"").unwrap_or_else(|| panic!("no form: {page}"));
    between(behind, "value=\"", "\"")
}

fn between(text: &str, before: &str, after: &str) -> String {
    let (_, behind) = text.split_once(before).unwrap_or_else(|| panic!("no {before} in {text}"));
    behind.split(after).next().unwrap_or_default().to_owned()
}

/// Each spelling, written by other hands than the search's, is found; its neighbours do not hide it.
#[test]
fn the_search_finds_what_is_there() {
    let secret = "s3cret/Value+with|odd=ends";
    let search = Search::new(&[Canary::new("it", secret)].into());
    let python = format!(
        "import base64,json,sys,urllib.parse as u\ns={secret:?}\nfor n in range(3):\n  t='x'*n+s+'tail'\n  print(base64.b64encode(t.encode()).decode(), base64.urlsafe_b64encode(t.encode()).decode())\n\
         print(u.quote(s,safe=''))\nprint(u.quote(u.quote(s,safe=''),safe=''))\nprint(s.encode().hex())\nprint(s.encode().hex().upper())\nprint(s[::-1])\n\
         print(json.dumps(s).replace('/','\\\\/'))\nprint(list(s.encode()))\nprint(''.join('%%%02X'%b for b in s.encode()))\nprint(s)\nsys.stdout.flush()\nsys.stdout.buffer.write(s.encode('utf-16'))"
    );
    let Some(interpreter) = keyfob_interop::tools::python() else { return };
    let output = Command::new(interpreter).args(["-c", &python]).output().expect("python");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found: BTreeSet<&str> = search.of(&output.stdout).into_iter().map(|(_, spelling)| spelling).collect();
    assert_eq!(found, SPELLINGS.into());
    // One line at a time, so that no spelling stands in for another.
    for line in output.stdout.split(|byte| *byte == b'\n') {
        assert!(!search.of(line).is_empty(), "{}", String::from_utf8_lossy(line));
    }
    assert!(search.of(b"nothing of the kind: s3cret/Value+with|odd=end").is_empty());
}

/// A secret in a command line, in an environment, and in a file that is gone at the end is seen.
#[test]
fn the_watch_sees_what_comes_and_goes() {
    let folder = tempfile::tempdir().expect("a folder");
    let watch = Watch::begin(folder.path());
    let mut shell = Command::new("sh");
    shell.args(["-c", "sleep 0.4; : planted-in-the-arguments"]).env("PLANTED", "planted-in-the-environment");
    let mut child = shell.spawn().expect("a shell");
    fs::create_dir(folder.path().join("below")).expect("a folder");
    fs::write(folder.path().join("below/it"), "planted-in-a-file").expect("a file");
    thread::sleep(Duration::from_millis(300));
    fs::remove_file(folder.path().join("below/it")).expect("it is there");
    child.wait().expect("it ends");
    let seen = watch.end();
    for (kind, planted) in [("cmdline", "arguments"), ("environ", "environment"), ("file", "file")] {
        let canary = Canary::new(kind, format!("planted-in-{}{planted}", if kind == "file" { "a-" } else { "the-" }));
        let search = Search::new(&[canary].into());
        assert!(seen.iter().any(|seen| seen.kind == kind && !search.of(&seen.bytes).is_empty()), "{kind}");
    }
}
