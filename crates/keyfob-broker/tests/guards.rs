//! What every page and form is held to.
#![allow(missing_docs)]

mod support;

use std::collections::BTreeSet;

use keyfob_broker::paths;
use support::hostile::{self, MARKUP};
use support::{Browser, Page, World, unescape};

/// An address for each pattern of the router, so that no route is forgotten.
fn addresses(account: &str, action: &str) -> Vec<String> {
    paths()
        .map(|path| path.replace("{account}", account).replace("{action}", action).replace("{person}", "somebody"))
        .chain([format!("/callback/{account}"), "/nothing".into()])
        .collect()
}

async fn hostile() -> (World, std::sync::Arc<std::sync::Mutex<Vec<String>>>) {
    let sandbox = keyfob_sandbox::Sandbox::start().await.expect("a sandbox");
    let (service, seen) = hostile::start().await;
    (World::serving(sandbox, vec![service], None).await, seen)
}

async fn connect_hostile(world: &World) -> Browser {
    let mut browser = world.browser();
    let url = browser.begin("hostile").await;
    let state = url.split("state=").nth(1).and_then(|rest| rest.split('&').next()).expect("a state").to_owned();
    let answer = browser.get(&format!("/callback/hostile?code={}&state={state}", hostile::CODE)).await;
    assert_eq!(answer.location(), "/accounts/hostile");
    browser
}

/// The overview has the beginning of it; its own page has more, and neither takes that for all.
#[tokio::test]
async fn a_list_that_goes_on_elsewhere_is_not_taken_for_all_of_it() {
    let sandbox = keyfob_sandbox::Sandbox::start().await.expect("a sandbox");
    let (service, seen) = hostile::long().await;
    let world = World::serving(sandbox, vec![service], None).await;
    let mut browser = connect_hostile(&world).await;
    let asked = || seen.lock().expect("the list").iter().filter(|line| line.contains(" /long")).count();
    let overview = browser.get("/accounts/hostile").await;
    assert!(overview.has("There may be more: one answer was read.") && overview.has("thing 1"), "{}", overview.text);
    assert_eq!(asked(), 1);
    assert_eq!(overview.link("Read on"), "/accounts/hostile/do/long");
    let long = browser.get("/accounts/hostile/do/long").await;
    assert!(long.has("There may be more: 8 answers were read.") && long.has("thing 8") && !long.has("Read on"), "{}", long.text);
    assert_eq!(asked(), 9);
    assert!(!browser.get("/accounts/hostile/do/things").await.has("There may be more"));
}

/// Whoever wrote a provider's file is told where it does not fit, before anybody counts on what is not there.
#[tokio::test]
async fn what_a_file_is_wrong_about_is_told() {
    let sandbox = keyfob_sandbox::Sandbox::start().await.expect("a sandbox");
    let (service, _) = hostile::misread().await;
    let world = World::serving(sandbox, vec![service], None).await;
    let mut browser = connect_hostile(&world).await;
    let told = browser.get("/accounts/hostile").await;
    assert!(told.has("has no user_number, which mine needs; it has access_token"), "{}", told.text);
    assert!(!browser.get("/accounts/hostile").await.has("which mine needs"), "once");
    let things = browser.get("/accounts/hostile/do/things").await;
    let why = "This may not be all: pages.items of the provider's file is \"/all\", where the answer has no list; it has lists at /things.";
    assert!(unescape(&things.text).contains(why), "{}", things.text);
}

/// Every page of an account, good and bad, with their headers.
async fn crawl(browser: &mut Browser, account: &str, actions: &[&str]) -> Vec<Page> {
    let mut pages = Vec::new();
    let mut addresses: BTreeSet<String> = actions.iter().flat_map(|action| self::addresses(account, action)).collect();
    addresses.extend(actions.iter().map(|action| format!("/accounts/{account}/do/{action}?id=1")));
    for address in addresses {
        for method in ["GET", "HEAD", "PUT", "OPTIONS"] {
            let url = browser.absolute(&address);
            pages.push(browser.send(method, &url, &[], None).await);
        }
        pages.push(browser.post(&address, &[("form_token", "wrong")]).await);
    }
    pages
}

#[tokio::test]
async fn l1_another_host_is_misdirected_on_every_route() {
    let world = World::new(&["august"]).await;
    let mut browser = world.connected("august").await;
    let port = world.address.port();
    for address in addresses("august", "locks") {
        let url = browser.absolute(&address);
        for host in
            ["evil.example", &format!("evil.example:{port}"), "127.0.0.1", &format!("127.0.0.1:{port}@evil.example"), "", "127.0.0.1:1"]
        {
            let page = browser.send("GET", &url, &[("host", host)], None).await;
            let expected = if ["/healthz", "/readyz"].contains(&address.as_str()) && host.starts_with("127.0.0.1") && !host.contains('@') {
                200
            } else {
                421
            };
            assert_eq!(page.status, expected, "{address} {host:?}");
            assert!(!page.has("Front Door"));
        }
        let page = browser.send("POST", &url, &[("host", "evil.example")], Some(&[])).await;
        assert_eq!(page.status, 421, "{address}");
    }
    let two = browser.send("GET", &browser.absolute("/"), &[("host", &format!("127.0.0.1:{port}")), ("HOST", "evil.example")], None).await;
    assert!(matches!(two.status, 400 | 421), "{}", two.status);
    // The target as a whole URL counts as much as the header.
    let page = browser.send("GET", &browser.absolute("/"), &[("host", &format!("127.0.0.1:{port}"))], None).await;
    assert_eq!(page.status, 200);
}

#[tokio::test]
async fn l1_the_external_url_is_the_host_and_not_the_address() {
    let world = World::with(
        &["august"],
        support::Setup { redirect_uri: Some("http://localhost:30368/callback".into()), ..support::Setup::default() },
    )
    .await;
    assert_eq!(world.site.url(), "http://localhost:30368/");
    let mut browser = world.browser();
    let url = browser.begin("august").await;
    assert!(url.contains("redirect_uri=http%3A%2F%2Flocalhost%3A30368%2Fcallback&"), "{url}");
    assert!(browser.connect("august").await.has("Front Door"), "docker run -p 30368:5000");
    let inside = format!("http://{}/", world.address);
    let page = browser.send("GET", &inside, &[], None).await;
    assert_eq!(page.status, 421);
    assert!(page.has("http://localhost:30368/"), "it says where: {}", page.text);
    let health = browser.send("GET", &format!("{inside}healthz"), &[], None).await;
    assert_eq!((health.status, health.text.as_str()), (200, "ok\n"));
}

#[tokio::test]
async fn redirect_uris_share_one_origin() {
    let sandbox = keyfob_sandbox::Sandbox::start().await.expect("a sandbox");
    let site = |uris: [&str; 2], external: Option<&str>| {
        let services =
            ["august", "netatmo"].iter().zip(uris).map(|(name, uri)| support::service(&sandbox, name, Some(uri.to_owned()))).collect();
        support::site(services, external.map(str::to_owned)).map(|site| site.url())
    };
    let one = ["http://localhost:5000/a", "http://LOCALHOST:5000/b"];
    assert_eq!(site(one, None), Ok("http://localhost:5000/".to_owned()));
    for (uris, external) in [
        (["http://localhost:5000/a", "http://localhost/callback"], None),
        (["http://localhost:5000/a", "https://localhost:5000/a"], None),
        (one, Some("http://127.0.0.1:5000")),
        (["http://localhost:5000/a#x", "http://localhost:5000/b"], None),
        (["/callback", "http://localhost:5000/b"], None),
    ] {
        assert!(site(uris, external).is_err(), "{uris:?} {external:?}");
    }
}

#[tokio::test]
async fn l2_get_changes_nothing() {
    let world = World::new(&["august"]).await;
    let mut browser = world.connected("august").await;
    world.sandbox.clear_seen();
    let before = world.account("august").await.expect("an account");
    assert_eq!(browser.get("/connect/august").await.status, 405);
    for action in ["lock-now", "unlock-now"] {
        let page = browser.get(&format!("/accounts/august/do/{action}?id=5A9DB0C5000000000000000000000F01")).await;
        assert!(page.status == 200 && page.has("happens for real"));
    }
    assert!(browser.get("/accounts/august/logout").await.has("Log out of"));
    let after = world.account("august").await.expect("still there");
    assert_eq!(before.logged_in_at, after.logged_in_at);
    assert!(world.sandbox.seen("august").iter().all(|seen| seen.method == "GET"), "{:?}", world.sandbox.seen("august"));
}

#[tokio::test]
async fn l2_a_form_needs_its_token_and_our_origin() {
    let world = World::new(&["august"]).await;
    let mut browser = world.connected("august").await;
    let mut other = world.browser();
    let foreign_token = other.get("/").await.form_token();
    let token = browser.get("/accounts/august/logout").await.form_token();
    let unlock = "/accounts/august/do/unlock-now";
    let id = ("id", "5A9DB0C5000000000000000000000F01");
    world.sandbox.clear_seen();
    for path in ["/connect/august", unlock, "/accounts/august/logout"] {
        let url = browser.absolute(path);
        let ours = world.origin.clone();
        type Pairs<'a> = [(&'a str, &'a str)];
        let refused: [(&Pairs<'_>, Vec<(&str, &str)>); 9] = [
            (&[], vec![id]),
            (&[], vec![id, ("form_token", "")]),
            (&[], vec![id, ("form_token", &foreign_token)]),
            (&[], vec![id, ("form_token", &token), ("form_token", &token)]),
            (&[("origin", "http://evil.example")], vec![id, ("form_token", &token)]),
            (&[("origin", &ours), ("sec-fetch-site", "cross-site")], vec![id, ("form_token", &token)]),
            (&[("origin", &ours), ("sec-fetch-site", "same-site")], vec![id, ("form_token", &token)]),
            (&[("origin", &ours), ("sec-fetch-site", "none")], vec![id, ("form_token", &token)]),
            (&[("origin", "http://127.0.0.1:1")], vec![id, ("form_token", &token)]),
        ];
        for (headers, fields) in refused {
            let page = browser.send("POST", &url, headers, Some(&fields)).await;
            assert_eq!(page.status, 403, "{path} {headers:?} {fields:?}");
        }
        // The right token in somebody else's browser is the wrong one, and one without a session has none.
        assert_eq!(other.post(path, &[id, ("form_token", &token)]).await.status, 403);
        assert_eq!(world.browser().post(path, &[id, ("form_token", &token)]).await.status, 403);
        let json = browser.send("POST", &url, &[("content-type", "text/plain")], None).await;
        assert_eq!(json.status, 415, "{path}");
    }
    assert!(world.sandbox.seen("august").is_empty(), "{:?}", world.sandbox.seen("august"));
    assert!(world.account("august").await.is_some());
    // Browsers write `null` where pages send no referrer; with the token that is good.
    let url = browser.absolute(unlock);
    let headers = [("origin", "null"), ("sec-fetch-site", "same-origin")];
    assert_eq!(browser.send("POST", &url, &headers, Some(&[id, ("form_token", &token)])).await.status, 303);
}

#[tokio::test]
async fn l3_the_session_is_renewed_at_login_and_the_old_cookie_is_worth_nothing() {
    let world = World::new(&["august"]).await;
    let mut browser = world.browser();
    browser.get("/").await;
    let before = browser.cookies().expect("a cookie").clone();
    browser.connect("august").await;
    let after = browser.cookies().expect("a cookie").clone();
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    assert_ne!(before, after);
    let mut fixated = world.browser();
    for (name, value) in &before {
        fixated.set_cookie(name, value);
    }
    assert_eq!(fixated.get("/accounts/august").await.status, 403);
    world.advance(12 * 3600 + 1);
    assert_eq!(browser.get("/accounts/august").await.status, 403, "idle for twelve hours");
}

#[tokio::test]
async fn l5_markup_is_inert() {
    let (world, _) = hostile().await;
    let mut browser = connect_hostile(&world).await;
    let actions = ["things", "plain", "series", "broken", "thing", "use"];
    let mut pages = crawl(&mut browser, "hostile", &actions).await;
    let account = browser.get("/accounts/hostile").await;
    assert!(account.has("&#60;script&#62;") || account.has("&lt;script&gt;"), "it is shown as text: {}", account.text);
    let question = account.link("Use");
    pages.push(browser.get(&question).await);
    let at = account.text.find("/accounts/hostile/do/thing?id=1").expect("the name leads to the thing");
    let details = account.text[at..].split('"').next().expect("an address").to_owned();
    pages.push(browser.get(&details).await);
    let done = browser.act(&question, &[]).await;
    pages.push(browser.get(done.location()).await);
    pages.push(browser.get(&format!("/accounts/hostile/do/use?id={}", keyfob::proto::encode::percent(MARKUP))).await);
    pages.push(browser.get("/accounts/%3Cscript%3Ealert(1)%3C%2Fscript%3E").await);
    pages.push(browser.get("/callback/august?error=%3Cscript%3Ealert(1)&error_description=%3Cimg%20src=x%3E&state=%3Cscript%3E").await);
    pages.push(account);
    for page in pages {
        for script in page.text.split("<script").skip(1) {
            assert!(script.starts_with(" defer src=\"/assets/"), "a script of somebody else's on {}:\n{}", page.url, page.text);
        }
        for image in page.text.split("<img").skip(1) {
            assert!(image.starts_with(" src=\"/assets/mark-"), "an image of somebody else's on {}:\n{}", page.url, page.text);
        }
        for bad in ["<b>", "<i>", "<u>", "onerror=alert(2)>", "javascript:", "style=\""] {
            assert!(!page.text.contains(bad), "{bad} on {}:\n{}", page.url, page.text);
        }
        assert!(!page.text.contains("alert(2)") || page.text.contains("&#62;") || page.text.contains("&gt;"));
    }
}

#[tokio::test]
async fn l6_every_answer_has_the_headers() {
    let (world, _) = hostile().await;
    let mut browser = connect_hostile(&world).await;
    let mut pages = crawl(&mut browser, "hostile", &["things", "broken", "use", "missing"]).await;
    pages.push(browser.send("GET", &browser.absolute("/"), &[("host", "evil.example")], None).await);
    let statuses: BTreeSet<u16> = pages.iter().map(|page| page.status).collect();
    assert!([200, 400, 403, 404, 405, 421, 502].iter().all(|status| statuses.contains(status)), "{statuses:?}");
    for page in pages {
        for (name, value) in [
            ("cache-control", "no-store"),
            ("referrer-policy", "no-referrer"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("cross-origin-opener-policy", "same-origin"),
        ] {
            assert_eq!(page.header(name), Some(value), "{} {}", page.status, page.url);
        }
        let policy = page.header("content-security-policy").unwrap_or_else(|| panic!("no policy on {}", page.url));
        for part in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action "] {
            assert!(policy.contains(part), "{policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains('*'), "{policy}");
        // Script is what we wrote, to the byte: what this origin forwards from an API is none of it.
        let sources = policy.split("; ").find_map(|part| part.strip_prefix("script-src ")).unwrap_or_default();
        assert!(sources.split_whitespace().all(|source| source.starts_with("'sha256-")), "{policy}");
        assert_eq!(page.header("strict-transport-security"), None, "plain http");
    }
}

#[tokio::test]
async fn l6_behind_https_there_is_hsts_and_a_host_cookie() {
    let setup = support::Setup { external_url: Some("https://home.example".into()), ..support::Setup::default() };
    let world = World::with(&["august"], setup).await;
    let mut browser = world.browser();
    let page = browser.get("/").await;
    assert!(page.header("strict-transport-security").is_some_and(|value| value.starts_with("max-age=")));
    let cookie = page.header("set-cookie").expect("a cookie");
    assert!(cookie.starts_with("__Host-keyfob=") && cookie.contains("; Secure") && cookie.contains("; Path=/;"), "{cookie}");
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.contains(&world.sandbox.origin("august")), "a connect button may lead to the provider: {policy}");
}

#[tokio::test]
async fn l7_j11_no_secret_is_on_any_page() {
    let (world, seen) = hostile().await;
    let mut browser = connect_hostile(&world).await;
    let mut pages = crawl(&mut browser, "hostile", &["things", "plain", "series", "broken", "thing", "use"]).await;
    let account = browser.get("/accounts/hostile").await;
    assert!(account.has("&#60;secret&#62;") || account.has("&lt;secret&gt;"), "the mirror was asked: {}", account.text);
    assert!(!account.has(">Leak</a>"), "an address holds no secret either");
    let done = browser.act(&account.link("Use"), &[]).await;
    pages.push(browser.get(done.location()).await);
    pages.push(done);
    pages.push(account);
    assert!(seen.lock().expect("the list").iter().any(|line| line.starts_with("POST /things/")), "the action was done");
    let session = browser.cookies().expect("cookies").values().next().expect("a cookie").clone();
    let secrets = [hostile::ACCESS, hostile::REFRESH, hostile::CLIENT_SECRET, hostile::API_KEY, hostile::CODE, session.as_str()];
    for page in pages {
        let headers: Vec<String> = page.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        let whole = format!("{}\n{}", headers.join("\n"), page.text);
        for secret in secrets {
            assert!(!whole.contains(secret), "{secret} on {}:\n{whole}", page.url);
        }
    }
}

#[tokio::test]
async fn l8_an_account_belongs_to_the_browser_that_connected_it() {
    let world = World::new(&["august"]).await;
    let mut owner = world.connected("august").await;
    let mut other = world.browser();
    let start = other.get("/").await;
    assert!(start.has("Connected by another browser") && start.has("Connect August"), "{}", start.text);
    let token = start.form_token();
    world.sandbox.clear_seen();
    let id = "id=5A9DB0C5000000000000000000000F01";
    for path in [
        "/accounts/august".to_owned(),
        format!("/accounts/august/do/lock?{id}"),
        format!("/accounts/august/do/unlock-now?{id}"),
        "/accounts/august/logout".into(),
    ] {
        let page = other.get(&path).await;
        assert_eq!(page.status, 403, "{path}");
        assert!(!page.has("Front Door"), "{path}");
    }
    for path in ["/accounts/august/do/unlock-now", "/accounts/august/logout"] {
        let page = other.post(path, &[("form_token", &token), ("id", "5A9DB0C5000000000000000000000F01")]).await;
        assert_eq!(page.status, 403, "{path}");
    }
    assert!(world.sandbox.seen("august").is_empty());
    // Whoever connects it takes it over, and the one before is out.
    other.connect("august").await;
    assert_eq!(other.get("/accounts/august").await.status, 200);
    assert_eq!(owner.get("/accounts/august").await.status, 403);
}

#[tokio::test]
async fn l16_a_large_form_is_refused() {
    let world = World::new(&["august"]).await;
    let mut browser = world.browser();
    let token = browser.get("/").await.form_token();
    let large = "x".repeat(65 * 1024);
    assert_eq!(browser.post("/connect/august", &[("form_token", &token), ("x", &large)]).await.status, 413);
}

#[tokio::test]
async fn a25_the_answer_of_a_callback_leaves_nothing_behind() {
    let world = World::new(&["august"]).await;
    let mut browser = world.browser();
    let url = browser.begin("august").await;
    let back = browser.approve(&url).await;
    let answer = browser.get(&back).await;
    // The browser asks for another address, with GET, whatever this request was (RFC 9110 §15.4.4).
    assert_eq!((answer.status, answer.location()), (303, "/accounts/august"));
    assert_eq!((answer.header("cache-control"), answer.header("referrer-policy")), (Some("no-store"), Some("no-referrer")));
    assert!(answer.text.is_empty());
}

#[tokio::test]
async fn a26_a_flood_of_logins_takes_nobodys_place() {
    let sandbox = keyfob_sandbox::Sandbox::builder().consent(keyfob_sandbox::Consent::Approve).start().await.expect("a sandbox");
    let services = vec![support::service(&sandbox, "august", None)];
    // Addresses are what a proxy says: 127.0.0.1 is one, of the test's own browsers.
    let world = World::served(sandbox, services, None, |server| {
        let mut limits = keyfob_broker::Limits::default();
        limits.connect = keyfob_broker::Rate::UNLIMITED;
        server
            .limits(limits)
            .proxies(keyfob_broker::Proxies::new(["127.0.0.1"], keyfob_broker::ForwardedBy::XForwarded).expect("a network"))
    })
    .await;
    let begin = async |browser: &mut Browser, from: &str| {
        let token = browser.get("/").await.form_token();
        let headers = [("origin", world.origin.as_str()), ("x-forwarded-for", from)];
        browser.send("POST", &format!("{}/connect/august", world.origin), &headers, Some(&[("form_token", &token)])).await
    };
    let mut robin = world.browser();
    let url = begin(&mut robin, "192.0.2.1").await.location().to_owned();
    // More than there ever was room for, from many addresses, in as many sessions as they like.
    for address in 0..12 {
        let mut flood = world.browser();
        for number in 0..110 {
            let page = begin(&mut flood, &format!("198.51.100.{address}")).await;
            assert_eq!(page.status, if number < 100 { 303 } else { 429 }, "{number}: {}", page.text);
            if number == 50 {
                flood = world.browser();
            }
        }
    }
    // Who was there before goes on; and others begin.
    let back = robin.approve(&url).await;
    assert_eq!(robin.get(&back).await.location(), "/accounts/august");
    assert_eq!(begin(&mut world.browser(), "192.0.2.2").await.status, 303);
}

#[tokio::test]
async fn style_and_script_are_kept_for_good_and_nothing_else_is() {
    let world = World::new(&["august"]).await;
    let mut browser = world.browser();
    let start = browser.get("/").await;
    assert_eq!(start.header("cache-control"), Some("no-store"));
    let files: BTreeSet<&str> = start.text.split("=\"/assets/").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(files.len(), 3, "mark, style, script: {files:?}");
    for file in files {
        let answer = browser.get(&format!("/assets/{file}")).await;
        assert_eq!((answer.status, answer.header("cache-control")), (200, Some("public, max-age=31536000, immutable")), "{file}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert!(answer.header("set-cookie").is_none() && !answer.text.is_empty());
        let another = format!("/assets/{}x", file.trim_end_matches(|c: char| c.is_ascii_lowercase()));
        let missing = browser.get(&another).await;
        assert_eq!((missing.status, missing.header("cache-control")), (404, Some("no-store")), "{another}");
    }
}

#[tokio::test]
async fn a_browser_keeps_its_colours() {
    let world = World::new(&["august"]).await;
    let mut browser = world.browser();
    let settings = browser.get("/settings").await;
    assert!(settings.has("data-theme=\"system\"") && settings.has("value=\"system\" checked"), "{}", settings.text);
    let token = settings.form_token();
    assert_eq!(browser.post("/settings", &[("form_token", &token), ("theme", "\"><script>")]).await.status, 400);
    assert_eq!(browser.post("/settings", &[("form_token", &token), ("theme", "dark")]).await.location(), "/settings");
    assert!(browser.get("/settings").await.has("value=\"dark\" checked"));
    assert!(browser.get("/nothing").await.has("data-theme=\"dark\""), "every page, a failure too");
    assert!(world.browser().get("/").await.has("data-theme=\"system\""), "and nobody else's");
}
