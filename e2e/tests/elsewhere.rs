//! Accounts that are connected without being sent back: `keyfob serve`, a browser, and providers whose page takes a code (tado, imitated from its file;
//! acme, which asks) or whose page has a PIN to be entered (Ecobee).

use std::time::{Duration, Instant};

use keyfob_interop::{Browser, Home, Program, World, http, tools};
use keyfob_sandbox::{Consent, Sandbox};
use serde_json::Value;

/// The web app at pretend providers, whose apps it has; and its owner's browser.
struct Site {
    world: World,
    origin: String,
    browser: Browser,
    _program: Program,
    _home: Home,
}

impl Site {
    fn start() -> Option<Self> {
        let browser = Browser::start()?;
        let folder = tools::here().join("../crates/keyfob-providers/data");
        let file = |name: &str| std::fs::read_to_string(folder.join(format!("{name}.toml"))).expect("a provider file");
        let builder = ["tado", "ecobee"].into_iter().fold(Sandbox::builder(), |builder, name| builder.imitating(name, file(name)));
        let world = World::of(builder);
        world.consent("acme", Consent::Ask);
        // Or whoever is approved on the spot may be so before anybody has seen the code.
        world.hesitate(true);
        let mut home = Home::new();
        home.set("KEYFOB_SANDBOX", world.index());
        let origin = format!("http://127.0.0.1:{}", keyfob_testbed::port::reserve());
        let mut program = home.start(&["serve", "--listen", origin.trim_start_matches("http://")]);
        let link = program.wait_for_note(&format!("{origin}/"));
        let until = Instant::now() + Duration::from_secs(60);
        while http::send("GET", &format!("{origin}/healthz"), &[], b"").is_err() {
            assert!(Instant::now() < until, "the web app does not answer: {}", program.errors());
            std::thread::sleep(Duration::from_millis(50));
        }
        browser.open(&link);
        browser.click("main form button");
        browser.shows("main", "signed in as the owner");
        Some(Self { world, origin, browser, _program: program, _home: home })
    }

    fn open(&self, path: &str) {
        self.browser.open(&format!("{}{path}", self.origin));
    }

    /// Begins on the provider's page, whose app the sandbox has.
    fn connect(&self, name: &str, button: &str) {
        self.open(&format!("/providers/{name}"));
        self.browser.click(&format!("form[action='/connect/{name}'] {button}"));
    }
}

impl Site {
    /// The page is for those who see little, in light and dark, and for those whose screen is small.
    fn is_for_everybody(&self, axe: &str, url: &str, is_there: impl Fn()) {
        let browser = &self.browser;
        for theme in ["light", "dark"] {
            self.open("/settings");
            browser.click(&format!("input[value={theme}]"));
            browser.click("main form button");
            // The page that was there has the same heading: gone on from too early, it would be what the answer leads back to.
            browser.shows(&format!("html[data-theme={theme}]"), "Settings");
            browser.open(url);
            is_there();
            assert_eq!(judge(browser, axe), Vec::<String>::new(), "{theme}");
            for width in [360, 320] {
                browser.screen(width, 740);
                browser.open(url);
                is_there();
                assert_eq!(judge(browser, axe), Vec::<String>::new(), "{theme}, {width}");
                assert_eq!(browser.run("return document.documentElement.scrollWidth"), width, "{theme}: it scrolls sideways on a phone");
            }
            browser.devtools("Emulation.clearDeviceMetricsOverride", &serde_json::json!({}));
        }
    }
}

#[test]
fn tado_is_connected_by_its_code_and_the_page_goes_on_by_itself() {
    let Some(site) = Site::start() else { return };
    site.open("/providers/tado");
    assert!(!site.browser.source().contains("redirect URI there"), "nobody can register one");
    site.connect("tado", "button.primary");
    site.browser.shows(".user-code", "ABCD-EFGH");
    site.world.hesitate(false);
    // Approved there, the page is at the account without anybody pressing anything.
    site.browser.shows("main", "tado° is connected.");
    assert!(site.browser.url().ends_with("/accounts/tado"), "{}", site.browser.url());
    assert_eq!(site.browser.complaints(), Vec::<String>::new(), "no policy is broken");
}

/// Ecobee's way is older than the standard, has a PIN of its own and no picture with it inside; and here, no script.
#[test]
fn ecobee_is_connected_by_its_pin_without_script() {
    let Some(site) = Site::start() else { return };
    site.browser.scripts(false);
    site.connect("ecobee", "button.primary");
    site.browser.shows(".user-code", "b2c9");
    site.world.hesitate(false);
    site.browser.shows("main", "Ecobee is connected.");
    assert!(site.browser.url().ends_with("/accounts/ecobee"), "{}", site.browser.url());
}

#[test]
fn the_page_that_waits_is_for_everybody_and_goes_with_another_device() {
    let (Some(site), Some(axe), Some(phone)) = (Site::start(), tools::axe(), Browser::start()) else { return };
    let browser = &site.browser;
    site.connect("acme", "button[value=code]");
    let code = browser.text(".user-code");
    assert!(code.len() == 9 && code.contains('-'), "{code}");
    let waiting = browser.url();
    browser.shows("[role=timer]", ":");
    let complete = browser.attribute("main .elsewhere a.button", "href").expect("a link");
    site.is_for_everybody(&axe, &waiting, || browser.shows(".user-code", &code));
    assert_eq!(browser.complaints(), Vec::<String>::new(), "no policy is broken");
    // The picture is drawn: two colours, and many dots of each.
    let (colours, dots) = {
        phone.open(&waiting);
        browser.colours(&browser.picture("svg.qr"))
    };
    assert!(colours >= 2 && dots > 1000, "{colours} colours, {dots} dots");
    // That browser is nobody's here, and is shown nothing of it.
    assert!(!phone.source().contains(&code), "{}", phone.source());
    browser.open(&waiting);
    browser.shows(".user-code", &code);
    phone.open(&complete);
    phone.click("#approve");
    phone.shows("main", "Done");
    browser.shows("main", "Acme is connected.");
}

#[test]
fn the_page_where_a_pin_is_typed_is_for_everybody() {
    let (Some(site), Some(axe)) = (Site::start(), tools::axe()) else { return };
    let browser = &site.browser;
    site.connect("telldus", "button[value=pin]");
    browser.shows("main", "Bring the PIN back");
    let waiting = browser.url();
    site.is_for_everybody(&axe, &waiting, || browser.shows("main", "Bring the PIN back"));
    // What was typed is none: the page says so, also to those who do not see it.
    browser.open(&waiting);
    browser.fill("#pin", " ");
    browser.click("form.ask button.primary");
    browser.shows("[role=alert]", ".");
    assert_eq!(judge(browser, &axe), Vec::<String>::new());
    browser.screen(320, 740);
    assert_eq!(browser.run("return document.documentElement.scrollWidth"), 320, "it scrolls sideways on a phone");
}

#[test]
fn telldus_is_connected_by_a_pin_that_is_typed() {
    let Some(site) = Site::start() else { return };
    let browser = &site.browser;
    site.connect("telldus", "button[value=pin]");
    browser.shows("main", "Bring the PIN back");
    let waiting = browser.url();
    let there = browser.attribute("main .steps a.button", "href").expect("a link");
    browser.open(&there);
    browser.click("#approve");
    let pin = browser.text("#pin");
    browser.open(&waiting);
    browser.fill("#pin", &pin);
    browser.click("form.ask button.primary");
    browser.shows("main", "Living room lamp");
}

/// What axe finds serious or critical on the page that is open.
fn judge(browser: &Browser, axe: &str) -> Vec<String> {
    let script = format!(
        "{axe}; return axe.run(document, {{ resultTypes: ['violations'] }}).then((found) => found.violations
            .filter((wrong) => ['serious', 'critical'].includes(wrong.impact))
            .map((wrong) => wrong.id + ': ' + wrong.nodes.map((node) => node.html.slice(0, 200) + ' ' + node.failureSummary).join(' | ')));"
    );
    let found = browser.run(&script);
    let list = found.as_array().unwrap_or_else(|| panic!("axe did not run: {found}"));
    list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}
