//! How the web app looks and feels, in a real browser: `keyfob serve --sandbox`, from its first link on. For those who see little, whose screen is
//! small, who run no script.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use keyfob_interop::{Browser, Home, Program, World, http, tools};
use serde_json::{Value, json};

/// The web app as somebody tries it, and the browser in front of it.
struct Tried {
    origin: String,
    link: String,
    browser: Browser,
    _program: Program,
    _home: Home,
}

impl Tried {
    fn start() -> Option<Self> {
        let browser = Browser::start()?;
        let home = Home::new();
        let origin = format!("http://127.0.0.1:{}", keyfob_testbed::port::reserve());
        let mut program = home.start(&["serve", "--sandbox", "--listen", origin.trim_start_matches("http://")]);
        let link = program.wait_for_note(&format!("{origin}/"));
        let until = Instant::now() + Duration::from_secs(30);
        while http::send("GET", &format!("{origin}/healthz"), &[], b"").is_err() {
            assert!(Instant::now() < until, "the web app does not answer: {}", program.errors());
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(Self { origin, link, browser, _program: program, _home: home })
    }

    fn open(&self, path: &str) {
        self.browser.open(&format!("{}{path}", self.origin));
    }

    fn sign_in(&self) {
        self.browser.open(&self.link);
        self.browser.click("main form button");
        self.browser.shows("main", "signed in as the owner");
    }

    /// Connects from the start page, with a click on yes.
    fn connect(&self, account: &str) {
        self.open("/");
        self.browser.click(&format!("form[action='/connect/{account}'] button"));
        self.browser.click("#approve");
        self.browser.shows("main", "is connected.");
    }

    /// The address of a link with this text on a page.
    fn link(&self, page: &str, text: &str) -> String {
        self.open(page);
        let script = format!(
            "const link = [...document.querySelectorAll('main a')].find((link) => link.textContent.trim() === '{text}');
             return link && link.getAttribute('href');"
        );
        self.browser.run(&script).as_str().unwrap_or_else(|| panic!("no link {text} on {page}: {}", self.browser.source())).to_owned()
    }

    /// Waits until the page has been drawn: what is typed or pointed at before its first frame, Chromium drops.
    fn until_drawn(&self) {
        self.browser.run("return new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));");
    }

    /// Puts the pointer over the middle of the first such element, and presses nothing.
    fn hover(&self, css: &str) {
        self.until_drawn();
        let script = format!(
            "const there = document.querySelector('{css}');
             there.scrollIntoView({{ block: 'center' }});
             const box = there.getBoundingClientRect();
             return [box.x + box.width / 2, box.y + box.height / 2];"
        );
        let place = self.browser.run(&script);
        self.browser.devtools("Input.dispatchMouseEvent", &json!({ "type": "mouseMoved", "x": place[0], "y": place[1] }));
    }

    /// Presses a key, and lets it go.
    fn press(&self, key: &str) {
        let (code, text) = match key {
            "Tab" => (9, ""),
            "Enter" => (13, "\r"),
            other => panic!("{other} is not on this keyboard"),
        };
        let mut event = json!({ "key": key, "code": key, "windowsVirtualKeyCode": code });
        for (kind, text) in [("keyDown", text), ("keyUp", "")] {
            event["type"] = kind.into();
            event["text"] = text.into();
            self.browser.devtools("Input.dispatchKeyEvent", &event);
        }
    }

    /// Goes on with the keyboard until such an element is in focus. Whoever sees the page sees where they are, at each step.
    fn tab_to(&self, css: &str) {
        const FAR: usize = 60;
        self.until_drawn();
        for _ in 0..FAR {
            self.press("Tab");
            let focused = self.browser.run(&format!(
                "const at = document.activeElement;
                 const style = getComputedStyle(at);
                 const is_seen = style.outlineStyle !== 'none' || style.boxShadow !== 'none' || at === document.body;
                 const before = window.cameFrom;
                 const is_in_order = !before || !before.isConnected || at === document.body
                     || Boolean(before.compareDocumentPosition(at) & Node.DOCUMENT_POSITION_FOLLOWING);
                 window.cameFrom = at;
                 return [at.matches('{}'), is_seen, is_in_order, at.outerHTML.slice(0, 200)];",
                css.replace('\'', "\\'")
            ));
            assert_eq!((&focused[1], &focused[2]), (&Value::Bool(true), &Value::Bool(true)), "not seen, or out of order: {focused}");
            if focused[0] == true {
                return;
            }
        }
        panic!("{css} is not in reach of the keyboard on {}", self.browser.url());
    }

    /// Light or dark, by the settings' form.
    fn look(&self, theme: &str) {
        self.open("/settings");
        self.browser.click(&format!("input[value={theme}]"));
        self.browser.click("main form button");
        self.browser.shows("h1", "Settings");
        self.browser.attribute(&format!("html[data-theme={theme}]"), "lang");
    }
}

#[test]
fn every_page_is_for_everybody_in_light_and_dark_and_on_a_phone() {
    let (Some(tried), Some(axe)) = (Tried::start(), tools::axe()) else { return };
    let browser = &tried.browser;
    // Before anybody is signed in.
    browser.open(&tried.link);
    let mut judged = vec![judge(browser, &axe)];
    tried.open("/sign-in");
    judged.push(judge(browser, &axe));
    tried.sign_in();
    for account in ["august", "netatmo", "telldus", "fitbit"] {
        tried.connect(account);
    }
    judged.extend(shown_once(&tried, &axe));
    let mut pages: Vec<String> = [
        "/nothing",
        "/connect?q=lock",
        "/providers/google",
        "/providers/netatmo",
        "/providers/august/revoke",
        "/accounts/august/logout",
        "/settings/programs",
        "/invite?token=0000000000000000000000000000000000000000000000000000000000000000",
        "/accounts/fitbit/do/heart",
        "/accounts/fitbit/do/sleep",
        "/accounts/telldus/do/history?id=240001",
    ]
    .map(Into::into)
    .into();
    for (page, link) in
        [("/keys", "Revoke"), ("/people", "Revoke all accounts"), ("/people", "Remove"), ("/accounts/netatmo", "All it measures")]
    {
        pages.push(tried.link(page, link));
    }
    pages.extend(["august", "netatmo", "telldus", "fitbit"].map(|account| format!("/accounts/{account}")));
    for (page, link) in [("/accounts/netatmo", "Temperature"), ("/accounts/august", "Front Door"), ("/accounts/telldus", "Dim")] {
        pages.push(tried.link(page, link));
    }
    // And wherever the navigation leads.
    tried.open("/");
    let places = browser.run("return [...document.querySelectorAll('nav .places a')].map((place) => place.getAttribute('href'));");
    pages.extend(places.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned));
    assert!(pages.len() > 14, "{pages:?}");

    for theme in ["light", "dark"] {
        tried.look(theme);
        for page in &pages {
            tried.open(page);
            judged.push(judge(browser, &axe));
            let elsewhere = browser.run(
                "return performance.getEntriesByType('resource').map((entry) => entry.name).filter((name) => !name.startsWith(location.origin + '/'));",
            );
            assert_eq!(elsewhere, Value::Array(vec![]), "{page} asks elsewhere");
        }
    }
    let found: Vec<String> = judged.into_iter().flatten().collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
    // What is not there, or not played here, is told to the console by the browser itself.
    let complaints: Vec<String> = browser
        .complaints()
        .into_iter()
        .filter(|complaint| !["/nothing", "/invite", "/providers/google"].iter().any(|page| complaint.contains(page)))
        .collect();
    assert_eq!(complaints, Vec::<String>::new(), "no policy is broken");

    browser.screen(360, 740);
    for theme in ["light", "dark"] {
        tried.look(theme);
        for page in &pages {
            tried.open(page);
            let width = browser.run("return document.documentElement.scrollWidth");
            assert_eq!(width, 360, "{page} scrolls sideways on a phone, {theme}");
        }
    }
    // A list of more than a hundred is not scrolled through with a thumb.
    browser.screen(390, 844);
    tried.open("/connect");
    let screens = browser.run("return document.documentElement.scrollHeight / innerHeight;").as_f64().expect("a number");
    assert!(screens < 8.0, "{screens} screens of services");
    // Out from under the navigation, which stands at the lower edge.
    browser.run("document.querySelector('#more a').scrollIntoView({ block: 'center' });");
    browser.click("#more a");
    browser.arrives(&format!("{}/connect?all=yes", tried.origin));
    browser.shows("h1", "Connect");
    let all = browser.run("return [...document.querySelectorAll('#list > li')].filter((item) => item.offsetHeight > 0).length;");
    assert!(all.as_u64().is_some_and(|all| all > 100), "{all}");
}

/// In the window of a laptop no table is cut, whatever stands in it; on a phone each date says what it is.
#[test]
fn tables_are_whole() {
    let Some(tried) = Tried::start() else { return };
    let browser = &tried.browser;
    tried.sign_in();
    for account in ["august", "fitbit", "telldus"] {
        tried.connect(account);
    }
    // A line of the book that is as long as a path may be.
    tried.open("/keys");
    browser.fill("#f-name", "cron");
    browser.fill("#f-allow", &format!("GET /{}", "segment-without-a-blank-".repeat(8)));
    browser.click("form[action='/keys'] button.primary");
    browser.shows("main", "not shown again");
    tried.open("/settings/programs");
    browser.fill("form[action='/settings/programs/tokens'] input[name=name]", "deploy");
    browser.click("form[action='/settings/programs/tokens'] button.primary");
    browser.shows("main", "shown once");
    let pages = ["/activity", "/settings/programs", "/accounts/fitbit", "/accounts/telldus", "/accounts/august"];
    browser.screen(1200, 800);
    for page in pages {
        tried.open(page);
        let cut = browser.run(
            "return [...document.querySelectorAll('.scroll')].filter((table) => table.scrollWidth > table.clientWidth + 1)
                 .map((table) => table.scrollWidth + ' > ' + table.clientWidth + ': ' + table.innerText.slice(0, 200));",
        );
        assert_eq!(cut, json!([]), "{page} has a table that is cut");
    }
    browser.screen(360, 740);
    for page in pages {
        tried.open(page);
        let unnamed = browser.run(
            "return [...document.querySelectorAll('tbody td')]
                 .filter((cell) => cell.previousElementSibling && !cell.dataset.head && !cell.matches('.buttons'))
                 .map((cell) => cell.outerHTML.slice(0, 200));",
        );
        assert_eq!(unnamed, json!([]), "{page} has values that nothing names");
        assert_eq!(browser.run("return document.querySelectorAll('thead td').length;"), 0, "{page}");
    }
}

/// Pages that are shown once: what is made, what is opened by a link, what comes at its end. What axe finds on them.
fn shown_once(tried: &Tried, axe: &str) -> Vec<Vec<String>> {
    let browser = &tried.browser;
    let mut judged = Vec::new();
    tried.open("/keys");
    browser.fill("#f-name", "cron");
    browser.fill("#f-allow", "GET /users/locks/**");
    browser.click("form[action='/keys'] button.primary");
    browser.shows("main", "not shown again");
    judged.push(judge(browser, axe));
    tried.open("/people");
    browser.fill("form[action='/people/invite'] input[name=name]", "Robin");
    browser.click("form[action='/people/invite'] button");
    let invitation = browser.attribute("#f-link", "value").expect("a link");
    judged.push(judge(browser, axe));
    tried.open("/settings/programs");
    browser.fill("form[action='/settings/programs/tokens'] input[name=name]", "deploy");
    browser.click("form[action='/settings/programs/tokens'] button.primary");
    let bearer = format!("Bearer {}", browser.attribute("#f-token", "value").expect("a token"));
    judged.push(judge(browser, axe));
    browser.open(&invitation);
    browser.shows("main", "Robin");
    judged.push(judge(browser, axe));
    // There is somebody to be removed.
    let robin = Browser::start().expect("another one");
    robin.open(&invitation);
    robin.click("main form button");
    robin.shows("main", "Welcome, Robin");
    // Somebody else connects an account for the owner, who made the link.
    let wanted = br#"{"provider":"netatmo","account":"netatmo/robin"}"#;
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    let made = http::send("POST", &format!("{}/v1/connect-links", tried.origin), &headers, wanted).expect("an answer");
    let link: Value = serde_json::from_str(&made.text()).expect("JSON");
    browser.open(link["url"].as_str().unwrap_or_else(|| panic!("no link: {link}")));
    browser.shows("main", "Netatmo");
    judged.push(judge(browser, axe));
    browser.click("main form button");
    browser.click("#approve");
    browser.shows("h1", "is connected");
    judged.push(judge(browser, axe));
    judged
}

/// What axe finds serious or critical on the page that is open.
fn judge(browser: &Browser, axe: &str) -> Vec<String> {
    let script = format!(
        "{axe}; return axe.run(document, {{ resultTypes: ['violations'] }}).then((found) => found.violations
            .filter((wrong) => ['serious', 'critical'].includes(wrong.impact))
            .map((wrong) => document.documentElement.dataset.theme + ' ' + location.pathname + ': ' + wrong.id + ': '
                + wrong.nodes.map((node) => node.html.slice(0, 200) + ' ' + node.failureSummary).join(' | ')));"
    );
    let found = browser.run(&script);
    let list = found.as_array().unwrap_or_else(|| panic!("axe did not run: {found}"));
    list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

#[test]
fn charts_are_drawn_with_script_and_without() {
    let Some(tried) = Tried::start() else { return };
    let browser = &tried.browser;
    tried.sign_in();
    tried.connect("netatmo");
    let page = tried.link("/accounts/netatmo", "Temperature");

    tried.open(&page);
    browser.attribute(".plot .picture canvas", "width");
    assert!(!browser.has(".plot > svg:not([hidden])"), "the script's drawing takes the place of the other");
    let drawn = browser.picture(".plot .picture");
    // Zoom, and back.
    assert!(browser.has(".hint .all[hidden]"));
    browser.draw_across(".plot .u-over", 0.3, 0.6);
    browser.click(".hint .all:not([hidden])");
    browser.attribute(".hint .all[hidden]", "type");
    // By keyboard: a button is one for whoever has no pointer.
    browser.click(".hint .closer");
    browser.attribute(".hint .out:not([disabled])", "aria-label");
    browser.click(".hint .out");
    browser.attribute(".hint .all[hidden]", "type");
    let (colours, dots) = browser.colours(&drawn);
    assert!(colours > 10 && dots > 2000, "a blank chart: {colours} colours, {dots} dots");

    // Without script, the server's drawing.
    browser.scripts(false);
    tried.open(&page);
    assert!(!browser.has(".plot canvas"));
    let drawn = browser.picture(".plot > svg.wide");
    browser.scripts(true);
    let (colours, dots) = browser.colours(&drawn);
    assert!(colours > 10 && dots > 2000, "a blank chart: {colours} colours, {dots} dots");

    tried.open(&page);
    browser.follow("Week");
    browser.shows("nav.choices [aria-current]", "Week");
    browser.attribute(".plot .picture canvas", "width");
}

/// Each series that the pretend providers have: drawn, looked at, and told in numbers where the pointer is.
#[test]
fn every_kind_of_series_is_a_chart_that_says_what_it_shows() {
    let Some(tried) = Tried::start() else { return };
    let browser = &tried.browser;
    tried.sign_in();
    for account in ["netatmo", "telldus", "fitbit"] {
        tried.connect(account);
    }
    let temperature = tried.link("/accounts/netatmo", "Temperature");
    let mut pages: Vec<(String, &str)> = [("CO2", "ppm"), ("Humidity", "%"), ("Pressure", "mbar"), ("Noise", "dB"), ("Temperature", "°C")]
        .map(|(kind, unit)| (temperature.replace("types=Temperature", &format!("types={kind}")), unit))
        .into();
    for (page, word) in [
        ("/accounts/telldus/do/history?id=240001", "On"),
        ("/accounts/fitbit/do/heart", "At rest"),
        // Nothing has to be said first.
        ("/accounts/fitbit/do/sleep", "Asleep"),
    ] {
        pages.push((page.to_owned(), word));
    }
    for (page, told) in pages {
        tried.open(&page);
        browser.attribute(".plot .picture canvas", "width");
        tried.hover(".plot .u-over");
        browser.shows(".plot .hint span", ": ");
        let words = browser.text(".plot .hint span");
        assert!(words.contains(told) && words.contains(|c: char| c.is_ascii_digit()), "{page}: {words}");
        let drawn = browser.picture(".plot .picture");
        let (colours, dots) = browser.colours(&drawn);
        assert!(colours > 5 && dots > 1000, "a blank chart on {page}: {colours} colours, {dots} dots");
    }
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

/// A day of the calendar is not midnight in Greenwich, which is the evening before in America.
#[test]
fn a_day_is_the_same_day_wherever_somebody_looks() {
    let Some(tried) = Tried::start() else { return };
    let browser = &tried.browser;
    tried.sign_in();
    tried.connect("fitbit");
    tried.connect("telldus");
    browser.devtools("Emulation.setTimezoneOverride", &json!({"timezoneId": "America/Los_Angeles"}));
    tried.open("/accounts/fitbit/do/sleep?from=2026-03-01&to=2026-03-07");
    browser.attribute(".plot .picture canvas", "width");
    let days = browser.run(
        "const plot = JSON.parse(document.querySelector('figure.plot').dataset.plot);
         return plot.x.map((at) => new Date(at * 1000).toISOString().slice(0, 10));",
    );
    assert_eq!(days, json!((1..=7).map(|day| format!("2026-03-0{day}")).collect::<Vec<_>>()));
    tried.hover(".plot .u-over");
    browser.shows(".plot .hint span", ": ");
    let words = browser.text(".plot .hint span");
    let (day, told) = words.split_once(": ").expect("a day, and what it was");
    assert!(days.as_array().is_some_and(|days| days.contains(&json!(day))) && told.starts_with("Asleep "), "{words}");
    let summary = browser.text("main details summary");
    assert!(summary.contains("7 rows") && !summary.contains("UTC"), "{summary}");
    browser.run("document.querySelector('main details').open = true;");
    assert!(browser.texts("main td").contains(&"2026-03-01".to_owned()), "{:?}", browser.texts("main td"));
    assert!(browser.text(".plot .period").contains("1 Mar 2026 to 7 Mar 2026"), "{}", browser.text(".plot .period"));
    // Moments are another matter.
    tried.open("/accounts/telldus/do/history?id=240001");
    let summary = browser.text("main details summary");
    assert!(summary.contains("times in America/Los_Angeles"), "{summary}");
    let period = browser.text(".plot .period");
    assert!(period.contains(" to ") && !period.contains("UTC"), "the axis is in their own time, and so is what stands above it: {period}");
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn the_keyboard_is_enough() {
    let Some(tried) = Tried::start() else { return };
    let browser = &tried.browser;
    browser.open(&tried.link);
    tried.tab_to("main form button");
    tried.press("Enter");
    browser.shows("main", "signed in as the owner");
    // The first stop leads past the navigation.
    tried.open("/");
    tried.until_drawn();
    tried.press("Tab");
    let first = browser.run("return document.activeElement.getAttribute('href');");
    assert_eq!(first, "#main", "{first}");
    tried.open("/");
    tried.tab_to("form[action='/connect/august'] button");
    tried.press("Enter");
    browser.shows("main", "Demo app");
    browser.click("#approve");
    browser.shows("main", "is connected.");
    tried.tab_to("main .things h3 a");
    tried.press("Enter");
    browser.shows("main", "Town House");
    tried.tab_to("main a[href*='lock-now'], main a[href*='unlock-now']");
    tried.press("Enter");
    browser.shows("main", "nothing real moves");
    tried.tab_to("form.ask button.primary");
    tried.press("Enter");
    browser.shows("main", "Done.");
}

#[test]
fn what_script_adds_does_what_it_says() {
    let Some(tried) = Tried::start() else { return };
    let browser = &tried.browser;
    tried.sign_in();
    // The redirect URI to register, to the byte.
    tried.open("/providers/netatmo");
    browser.click("main details summary");
    browser.run("navigator.clipboard.writeText = async (text) => { window.copied = text; };");
    browser.click("button[data-copy]");
    browser.shows("button[data-copy] span", "Copied");
    let copied = browser.run("return window.copied;");
    assert_eq!(copied, format!("{}/callback/netatmo", tried.origin));
    assert_eq!(browser.text(".copy .code"), copied.as_str().expect("text"));
    // And what is shown once.
    tried.open("/settings/programs");
    browser.fill("form[action='/settings/programs/tokens'] input[name=name]", "deploy");
    browser.click("form[action='/settings/programs/tokens'] button.primary");
    let token = browser.attribute("#f-token", "value").expect("a token");
    browser.run("navigator.clipboard.writeText = async (text) => { window.copied = text; };");
    browser.click("button[data-copy]");
    browser.shows("button[data-copy] span", "Copied");
    assert_eq!(browser.run("return window.copied;"), token);

    // The list gets shorter while somebody types, and nobody is asked.
    tried.open("/connect");
    let shown = || {
        let script = "return [...document.querySelectorAll('#list > li')].filter((item) => item.offsetHeight > 0).length;";
        browser.run(script).as_u64().expect("a number")
    };
    let all = shown();
    browser.fill("#q", "smart locks");
    let few = shown();
    assert!(few > 0 && few < 10 && all > 20, "{few} of {all}");
    assert_eq!(browser.text("#told"), format!("{few} services"));
    tried.press("Enter");
    assert_eq!(browser.url(), format!("{}/connect", tried.origin));
    assert!(!browser.has("#nothing:not([hidden])"));
    browser.fill("#q", " and nothing else");
    assert!(browser.has("#nothing:not([hidden])") && shown() == 0);

    // A button that is pressed twice sends once.
    tried.open("/");
    let sent = browser.run(
        "const form = document.querySelector(\"form[action='/connect/august']\");
         let sent = 0;
         addEventListener('submit', (event) => { if (!event.defaultPrevented) sent += 1; event.preventDefault(); });
         form.requestSubmit();
         form.requestSubmit();
         return sent;",
    );
    assert_eq!(sent, 1);
}

/// The key that a page shows, in the hands of a program that others wrote. It comes in a file of options: what is typed is in the list of processes.
#[test]
fn a_key_from_the_page_is_used_by_curl() {
    let (Some(tried), Some(curl)) = (Tried::start(), tools::curl()) else { return };
    tried.sign_in();
    tried.connect("august");
    tried.open("/keys");
    tried.browser.fill("#f-name", "cron");
    tried.browser.fill("#f-allow", "GET /users/locks/**");
    tried.browser.click("form[action='/keys'] button.primary");
    let key = tried.browser.attribute("#f-key", "data-copy").expect("a key");
    let ask = |method: &str, path: &str| {
        let options = format!("header = \"Authorization: Bearer {key}\"\nurl = \"{}{path}\"\nrequest = \"{method}\"\n", tried.origin);
        let mut program = Command::new(&curl)
            .args(["--silent", "--show-error", "--noproxy", "*", "--write-out", "\n%{http_code}", "--config", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("curl");
        program.stdin.take().expect("a pipe").write_all(options.as_bytes()).expect("said");
        let said = program.wait_with_output().expect("an end").stdout;
        let said = String::from_utf8(said).expect("text");
        let (body, status) = said.rsplit_once('\n').expect("a status");
        (status.parse::<u16>().expect("a number"), body.to_owned())
    };
    let (status, locks) = ask("GET", "/api/august/users/locks/mine");
    assert!(status == 200 && locks.contains("Front Door"), "{status}: {locks}");
    for (method, path) in [("PUT", "/api/august/users/locks/mine"), ("GET", "/api/august/users/me"), ("GET", "/token/august")] {
        let (status, said) = ask(method, path);
        assert!(status == 403 && !said.contains("Front Door"), "{method} {path}: {status}: {said}");
    }
    tried.open("/keys");
    tried.browser.follow("Revoke");
    tried.browser.click("form.ask button.danger, form.ask button.primary");
    tried.browser.shows("main", "is revoked");
    assert_eq!(ask("GET", "/api/august/users/locks/mine").0, 401);
}

/// Where a team signs in: the page has a button to its issuer.
#[test]
fn the_way_in_by_an_issuer_is_for_everybody() {
    let (Some(browser), Some(axe)) = (Browser::start(), tools::axe()) else { return };
    let world = World::start();
    let mut home = Home::new();
    home.set("KEYFOB_SANDBOX", world.index());
    let origin = format!("http://127.0.0.1:{}", keyfob_testbed::port::reserve());
    let issuer = world.origin("acme");
    let file = home.path().join("keyfob.toml");
    let app = world.app("acme-public");
    std::fs::write(&file, format!("[sign_in]\nissuer = \"{issuer}\"\nclient_id = \"{}\"\n", app.client_id)).expect("a file");
    let words = ["serve", "--config", file.to_str().expect("UTF-8"), "--listen", origin.trim_start_matches("http://")];
    let mut program = home.start(&words);
    program.wait_for_note(&format!("{origin}/"));
    let until = Instant::now() + Duration::from_secs(60);
    while http::send("GET", &format!("{origin}/healthz"), &[], b"").is_err() {
        assert!(Instant::now() < until, "the web app does not answer: {}", program.errors());
        std::thread::sleep(Duration::from_millis(50));
    }
    for theme in ["light", "dark"] {
        let scheme = json!({ "features": [{ "name": "prefers-color-scheme", "value": theme }] });
        browser.devtools("Emulation.setEmulatedMedia", &scheme);
        browser.open(&format!("{origin}/sign-in"));
        browser.shows("main form button", "Sign in");
        assert_eq!(judge(&browser, &axe), Vec::<String>::new(), "{theme}");
        browser.screen(360, 740);
        browser.open(&format!("{origin}/sign-in"));
        assert_eq!(browser.run("return document.documentElement.scrollWidth"), 360, "{theme}: it scrolls sideways on a phone");
        browser.devtools("Emulation.clearDeviceMetricsOverride", &json!({}));
    }
    assert_eq!(browser.complaints(), Vec::<String>::new(), "no policy is broken");
}

#[test]
fn the_walk_works_without_script() {
    let Some(tried) = Tried::start() else { return };
    let browser = &tried.browser;
    browser.scripts(false);
    tried.sign_in();
    tried.open("/connect");
    browser.fill("#q", "smart locks");
    browser.click("form.find button");
    browser.shows("#told", "services");
    browser.follow("August Home");
    browser.shows("h1", "August Home");
    assert!(browser.has("button[data-copy][hidden]"), "a button that would do nothing is not there");
    browser.click("form[action='/connect/august'] button");
    browser.click("#approve");
    browser.shows("main", "is connected.");
    browser.follow("Front Door");
    browser.shows("main", "Town House");
    browser.follow("Unlock");
    browser.shows("h1", "nlock");
    browser.shows("main", "nothing here is real");
    browser.click("form.ask button.primary");
    browser.shows("main", "unlocked");
    // Every place that the navigation leads to.
    tried.open("/keys");
    browser.fill("#f-name", "cron");
    browser.fill("#f-allow", "GET /users/locks/**");
    browser.click("form[action='/keys'] button.primary");
    browser.shows("main", "not shown again");
    let key = browser.attribute("#f-key", "data-copy").expect("a key");
    let bearer = format!("Bearer {key}");
    let locks = http::send("GET", &format!("{}/api/august/users/locks/mine", tried.origin), &[("Authorization", &bearer)], b"");
    assert!(locks.expect("an answer").text().contains("Front Door"));
    tried.open("/activity");
    browser.shows("main", "/users/locks/mine");
    browser.shows("main", "made the key");
    tried.open("/keys");
    browser.follow("Revoke");
    browser.click("form.ask button.danger, form.ask button.primary");
    browser.shows("main", "is revoked");
    tried.open("/settings");
    browser.click("input[value=dark]");
    browser.click("main form button");
    browser.attribute("html[data-theme=dark]", "lang");
    tried.open("/settings/programs");
    browser.fill("form[action='/settings/programs/tokens'] input[name=name]", "deploy");
    browser.click("form[action='/settings/programs/tokens'] button.primary");
    browser.shows("main", "shown once");
    tried.open("/people");
    browser.fill("form[action='/people/invite'] input[name=name]", "Robin");
    browser.click("form[action='/people/invite'] button");
    browser.attribute("#f-link", "value");
    tried.open("/accounts/august");
    browser.follow("Log out");
    browser.click("form.ask button.primary");
    browser.shows("main", "is logged out");
    browser.click("form[action='/sign-out'] button");
    // In a sandbox whoever was the owner may come in again: nobody else could let them.
    browser.arrives(&format!("{}/first-run?token=", tried.origin));
    tried.open("/");
    assert!(browser.url().ends_with("/sign-in"), "{}", browser.url());
}
