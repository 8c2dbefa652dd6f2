//! Walk 3 of ARCHITECTURE.md: `keyfob serve` with an env-file, in a real browser, from connect to unlock; and what other browsers
//! are refused.

use std::time::{Duration, Instant};

use keyfob_e2e::House;
use keyfob_interop::{Browser, Program, http, seeds, tools};
use keyfob_sandbox::Consent;

/// A running web app, from an env-file as the seed's readers have it.
struct Site {
    house: House,
    origin: String,
    program: Program,
}

impl Site {
    /// For one provider, whose variables are named `id`, `secret` and so on.
    fn start(provider: &str, variables: &[(&str, &str)]) -> Self {
        let house = House::new();
        let port = keyfob_testbed::port::reserve();
        let origin = format!("http://127.0.0.1:{port}");
        let app = house.world.app(provider);
        let mut text = String::from("# as docker --env-file takes it: nothing quoted, split at the first =\n\n");
        for (name, field) in variables {
            let value = match *field {
                "client_id" => app.client_id.clone(),
                "client_secret" => app.client_secret.clone(),
                "redirect_uri" => format!("{origin}/callback"),
                other => app.fields[other].clone(),
            };
            text += &format!("{name}={value}\n");
        }
        let file = house.path().join("app.env");
        std::fs::write(&file, text).expect("an env-file");
        let listen = format!("127.0.0.1:{port}");
        let log = house.path().join("debug.txt");
        let words =
            ["serve", "--env-file", file.to_str().expect("UTF-8"), "--listen", &listen, "--debug-log", log.to_str().expect("UTF-8")];
        let program = house.start(&words);
        let until = Instant::now() + Duration::from_secs(30);
        while http::send("GET", &format!("{origin}/healthz"), &[], b"").is_err() {
            assert!(Instant::now() < until, "the web app does not answer: {}", program.errors());
            std::thread::sleep(Duration::from_millis(50));
        }
        for service in keyfob_sandbox::SERVICES {
            house.world.consent(service, Consent::Ask);
        }
        Self { house, origin, program }
    }

    fn august() -> Self {
        Self::start(
            "august",
            &[("CLIENTID", "client_id"), ("APIKEY", "api_key"), ("APISEC", "client_secret"), ("AUTHCALL", "redirect_uri")],
        )
    }

    /// Connects in this browser, with a click on yes.
    fn connect(&self, browser: &Browser) {
        browser.open(&self.origin);
        browser.click("form[action^='/connect'] button");
        browser.click("#approve");
        browser.arrives(&self.origin);
    }
}

#[test]
fn august_from_connect_to_unlock_in_a_browser() {
    let Some(browser) = Browser::start() else { return };
    let site = Site::august();
    browser.open(&site.origin);
    assert!(browser.text("button").starts_with("Connect August"), "{}", browser.text("button"));
    site.connect(&browser);
    let url = browser.arrives(&site.origin);
    assert!(!url.contains("code="), "{url}");
    let page = browser.text("main");
    for lock in ["Front Door", "Garden Gate", "Cabin Door"] {
        assert!(page.contains(lock), "{page}");
    }

    browser.follow("Front Door");
    browser.shows("main", "Town House");
    let page = browser.text("main");
    assert!(page.contains("Front Door"), "{page}");
    assert!(!page.contains("unlocked"), "{page}");
    browser.follow("Unlock");
    // A question first: nothing has happened yet.
    assert!(!site.house.world.lines("august").iter().any(|line| line.contains("/unlock")));
    browser.shows("h1", "nlock");
    browser.click("form.ask button.primary");
    browser.shows("main", "unlocked");
    let put = |what: &str| site.house.world.lines("august").iter().filter(|line| line.starts_with("PUT ") && line.contains(what)).count();
    assert_eq!((put("/unlock"), put("/lock")), (1, 0));
    // And back.
    browser.follow("Lock");
    browser.shows("h1", "ock");
    assert_eq!(put("/lock"), 0);
    browser.click("form.ask button.primary");
    browser.shows("main", "Done.");
    browser.shows("main", "Front Door");
    assert!(!browser.text("main").contains("unlocked"), "{}", browser.text("main"));
    assert_eq!((put("/unlock"), put("/lock")), (1, 1));
    assert_eq!(browser.complaints(), Vec::<String>::new(), "the console is quiet: no policy is broken");

    // No secret in page, logs, or the debug log.
    let app = site.house.world.app("august");
    let log = std::fs::read_to_string(site.house.path().join("debug.txt")).expect("the debug log");
    assert!(log.contains("callback"), "{log}");
    for text in [browser.source(), site.program.errors(), log] {
        for secret in [&app.client_secret, &app.fields["api_key"]] {
            assert!(!text.contains(secret.as_str()), "{text}");
        }
        assert!(!text.contains("code=") && !text.contains("eyJ"), "{text}");
    }
}

/// The program that people had before, and the web app, look at the same sandbox: they show the same locks, and say the same of each.
#[test]
fn the_seeds_program_and_the_web_app_show_the_same_locks() {
    let (Some(python), Some(browser)) = (tools::python(), Browser::start()) else { return };
    let site = Site::august();
    let (_program, seed) = seeds::august(&python, &site.house.world);
    browser.open(&seed);
    browser.follow("Connect August");
    browser.click("#approve");
    browser.arrives(&seed);
    browser.shows("h1", "Locks of");
    let theirs = browser.texts("li");
    let theirs: Vec<(String, String)> = theirs
        .into_iter()
        .map(|lock| {
            browser.open(&format!("{seed}/locks"));
            browser.follow(&lock);
            browser.shows("h1", &lock);
            let status = browser.text("#status");
            (lock, status)
        })
        .collect();
    assert_eq!(theirs.len(), 3, "{theirs:?}");

    site.connect(&browser);
    browser.shows("main", "is connected.");
    let account = browser.url();
    let ours = browser.texts("main .things h3 a");
    let ours: Vec<(String, String)> = ours
        .into_iter()
        .map(|lock| {
            browser.open(&account);
            browser.follow(&lock);
            browser.shows("h1", &lock);
            let shown: Vec<String> = browser.texts("main .state").into_iter().filter(|state| state.ends_with("locked")).collect();
            (lock, shown.first().unwrap_or_else(|| panic!("no state on {}", browser.source())).clone())
        })
        .collect();
    let sorted = |mut locks: Vec<(String, String)>| {
        locks.sort();
        locks
    };
    assert_eq!(sorted(ours), sorted(theirs));
}

#[test]
fn a_denial_gets_a_page_and_the_next_try_works() {
    let Some(browser) = Browser::start() else { return };
    let site = Site::august();
    browser.open(&site.origin);
    browser.click("form[action^='/connect'] button");
    browser.click("#deny");
    browser.arrives(&site.origin);
    let page = browser.text("main");
    assert!(!page.contains("Front Door"), "{page}");
    site.connect(&browser);
    assert!(browser.text("main").contains("Front Door"));
}

/// A2: an answer with another state, in the very browser that began. Refused; the login lives on.
#[test]
fn a2_a_wrong_state_is_refused_in_a_browser_and_the_login_goes_on() {
    let Some(browser) = Browser::start() else { return };
    let site = Site::august();
    browser.open(&site.origin);
    browser.click("form[action^='/connect'] button");
    browser.shows("main", "Demo app");
    let consent = browser.url();
    browser.open(&format!("{}/callback?code=a-code-of-somebodys&state=a-state-of-nobodys", site.origin));
    browser.shows("h1", "Not our answer");
    assert!(!site.house.world.lines("august").iter().any(|line| line.contains("/access_token")), "the code was sent");
    browser.open(&consent);
    browser.click("#approve");
    browser.arrives(&site.origin);
    browser.shows("main", "Front Door");
}

/// A3, A13: a login that one browser began is finished by another. Refused; the first one's login lives on.
#[test]
fn a3_a_second_browser_cannot_finish_the_first_ones_login() {
    let (Some(first), Some(second)) = (Browser::start(), Browser::start()) else { return };
    let site = Site::august();
    first.open(&site.origin);
    first.click("form[action^='/connect'] button");
    first.shows("main", "Demo app");
    let consent = first.url();
    // The person is talked into approving in another browser; its answer goes to the site with that browser's cookies.
    second.open(&site.origin);
    second.open(&consent);
    second.click("#approve");
    second.arrives(&site.origin);
    let page = second.text("main");
    assert!(!page.contains("Front Door"), "{page}");
    let exchanged = |site: &Site| site.house.world.lines("august").iter().any(|line| line.contains("/access_token"));
    assert!(!exchanged(&site), "the code was sent");
    second.open(&site.origin);
    assert!(second.text("button").starts_with("Connect"), "{}", second.text("main"));

    first.click("#approve");
    first.arrives(&site.origin);
    assert!(first.text("main").contains("Front Door"), "{}", first.text("main"));
    assert!(exchanged(&site));
    second.open(&site.origin);
    assert!(!second.source().contains("Front Door"));
}

#[test]
fn the_same_pages_serve_the_other_providers() {
    let Some(browser) = Browser::start() else { return };
    let site =
        Site::start("telldus", &[("CONSUMER_KEY", "client_id"), ("CONSUMER_SECRET", "client_secret"), ("CALLBACK_URL", "redirect_uri")]);
    site.connect(&browser);
    let page = browser.text("main");
    assert!(page.contains("Kitchen ceiling") && page.contains("TellStick"), "{page}");

    let site = Site::start(
        "netatmo",
        &[
            ("NETATMO_API_CLIENT_ID", "client_id"),
            ("NETATMO_API_CLIENT_SECRET", "client_secret"),
            ("NETATMO_API_REDIRECT_URL", "redirect_uri"),
        ],
    );
    site.connect(&browser);
    assert!(browser.text("main").contains("Living room"));
    browser.follow("Temperature");
    // Waits for a chart.
    browser.attribute("svg .line, svg path.line", "class");
}

/// A provider, something that its first page shows, and the variables of an env-file with what they hold.
type Seed = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

/// The providers that people had a program for before, with the variables that those read.
const SEEDS: [Seed; 4] = [
    (
        "august",
        "Front Door",
        &[("CLIENTID", "client_id"), ("APIKEY", "api_key"), ("APISEC", "client_secret"), ("AUTHCALL", "redirect_uri")],
    ),
    (
        "netatmo",
        "Living room",
        &[
            ("NETATMO_API_CLIENT_ID", "client_id"),
            ("NETATMO_API_CLIENT_SECRET", "client_secret"),
            ("NETATMO_API_REDIRECT_URL", "redirect_uri"),
        ],
    ),
    (
        "fitbit",
        "Robin",
        &[("FITBIT_CLIENT_ID", "client_id"), ("FITBIT_CLIENT_SECRET", "client_secret"), ("FITBIT_REDIRECT_URI", "redirect_uri")],
    ),
    (
        "telldus",
        "Living room lamp",
        &[("CONSUMER_KEY", "client_id"), ("CONSUMER_SECRET", "client_secret"), ("CALLBACK_URL", "redirect_uri")],
    ),
];

/// Whether the provider was asked for tokens, and whether it was told to forget some.
fn exchanged(site: &Site, provider: &str) -> bool {
    site.house.world.lines(provider).iter().any(|line| {
        let path = line.split_whitespace().nth(1).unwrap_or_default();
        path.contains("/access_token") || path.contains("/accessToken") || path.contains("/token")
    })
}

/// One walk for each: no, an answer that is none of ours, yes, and out again.
#[test]
fn every_seed_provider_is_denied_answered_wrongly_connected_and_disconnected() {
    let Some(browser) = Browser::start() else { return };
    for (provider, thing, variables) in SEEDS {
        let site = Site::start(provider, variables);
        let connect = format!("form[action='/connect/{provider}'] button");
        browser.open(&site.origin);
        browser.click(&connect);
        browser.click("#deny");
        browser.arrives(&site.origin);
        browser.shows("main", "was not connected");
        assert!(!exchanged(&site, provider), "{provider}: {:?}", site.house.world.lines(provider));

        browser.open(&site.origin);
        browser.click(&connect);
        browser.shows("main", "Demo app");
        let consent = browser.url();
        let nobodys = if provider == "telldus" { "oauth_token=nobodys&oauth_verifier=1" } else { "code=somebodys&state=nobodys" };
        browser.open(&format!("{}/callback?{nobodys}", site.origin));
        browser.shows("h1", "Not our answer");
        assert!(!exchanged(&site, provider), "{provider}: {:?}", site.house.world.lines(provider));
        browser.open(&consent);
        browser.click("#approve");
        browser.shows("main", "is connected.");
        browser.shows("main", thing);
        assert!(exchanged(&site, provider), "{provider}: this is how it looks: {:?}", site.house.world.lines(provider));

        browser.follow("Log out");
        browser.shows("h1", "Log out of");
        browser.click("form.ask button.primary");
        browser.shows("main", "is logged out");
        assert!(browser.text(&connect).starts_with("Connect"), "{}", browser.text("main"));
        browser.open(&format!("{}/accounts/{provider}", site.origin));
        assert!(!browser.source().contains(thing), "{provider}: {}", browser.source());
        // Where it can revoke, it was told to.
        let revoked = site.house.world.lines(provider).iter().any(|line| line.contains("/revoke"));
        assert_eq!(revoked, provider == "fitbit", "{provider}: {:?}", site.house.world.lines(provider));
    }
}

#[test]
fn b5_other_hosts_and_changes_by_get_or_from_elsewhere_are_refused() {
    let site = Site::august();
    let get = |path: &str, headers: &[(&str, &str)]| {
        http::send("GET", &format!("{}{path}", site.origin), headers, b"").expect("an answer").status
    };
    assert_eq!(get("/", &[]), 200);
    assert_eq!(get("/", &[("Host", "evil.example")]), 421);
    assert!((400..500).contains(&get("/connect/august", &[])));
    let forged = http::send(
        "POST",
        &format!("{}/connect/august", site.origin),
        &[("Origin", "https://evil.example"), ("Content-Type", "application/x-www-form-urlencoded")],
        b"",
    );
    assert_eq!(forged.expect("an answer").status, 403);
    assert!((400..500).contains(&get("/callback?code=x&state=y", &[])));
    assert!(site.house.world.lines("august").is_empty());
}
