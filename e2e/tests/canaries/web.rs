//! A life of the web app, and what its pages and its debug log hold.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use std::{fs, thread};

use keyfob_e2e::canary::{Canary, Seen};
use keyfob_e2e::person;
use keyfob_interop::http;
use keyfob_sandbox::{At, Consent, Faults};

use crate::run::{Run, usually_meant};

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
