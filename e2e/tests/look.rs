//! How the web app looks and feels, in a real browser: `keyfob serve --sandbox`, from its first link on. For those who see little, whose screen is
//! small, who run no script.

use std::time::{Duration, Instant};

use keyfob_interop::{Browser, Home, Program, http, tools};
use serde_json::Value;

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
    let mut pages: Vec<String> =
        ["/nothing", "/connect?q=lock", "/providers/google", "/providers/netatmo", "/accounts/august/logout"].map(Into::into).into();
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
    // What is not there is told to the console by the browser itself.
    let complaints: Vec<String> = browser.complaints().into_iter().filter(|complaint| !complaint.contains("/nothing")).collect();
    assert_eq!(complaints, Vec::<String>::new(), "no policy is broken");

    browser.screen(360, 740);
    for page in &pages {
        tried.open(page);
        let width = browser.run("return document.documentElement.scrollWidth");
        assert_eq!(width, 360, "{page} scrolls sideways on a phone");
    }
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
    assert!(browser.has(".hint button[hidden]"));
    browser.draw_across(".plot .u-over", 0.3, 0.6);
    browser.click(".hint button:not([hidden])");
    browser.attribute(".hint button[hidden]", "type");
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
    browser.arrives(&format!("{}/sign-in", tried.origin));
    tried.open("/");
    assert!(browser.url().ends_with("/sign-in"), "{}", browser.url());
}
