//! `keyfob trace`: pages that can be sent to anybody.

#![allow(missing_docs)]

mod common;

use common::{House, visit};
use url::Url;

#[tokio::test(flavor = "multi_thread")]
async fn a_login_and_what_follows_are_drawn_without_a_secret() {
    let house = House::new().await;
    for (account, path, sections) in [
        ("acme", "/api/me", &["RFC 6749 §4.1.1", "RFC 6749 §4.1.2", "RFC 6749 §4.1.3, RFC 7636 §4.5", "RFC 6749 §5.1"][..]),
        ("netatmo", "/api/homesdata", &["RFC 6749 §4.1.1", "RFC 6749 §4.1.3", "RFC 6749 §5.1"]),
        ("telldus", "/json/devices/list", &["RFC 5849 §2.1", "RFC 5849 §2.2", "RFC 5849 §2.3"]),
    ] {
        let [login, call, fresh] = ["login", "call", "fresh"].map(|page| house.path(&format!("{account}-{page}.html")));
        let [login, call, fresh] = [&login, &call, &fresh].map(|file| file.display().to_string());
        let mut running = house.start(&["trace", "--html", &login, "login", account, "--no-browser", "--paste"]);
        let url = running.url().await;
        let back = visit(&url).await.location.expect("it leads back");
        running.say(&format!("{back}\n")).await;
        running.end().await.exits(0);
        let mut secrets = of_url(&back);
        secrets.extend(of_url(&url));
        secrets.push(house.sandbox.app(account).client_secret);
        let mut tokens = house.json(&["env", account]).await;
        house.good(&["trace", "--html", &call, "get", account, path]).await;
        if account != "telldus" {
            secrets.extend(texts(&tokens));
            house.good(&["trace", "--html", &fresh, "refresh", account]).await;
            tokens = house.json(&["env", account]).await;
        }
        secrets.extend(texts(&tokens));
        assert!(secrets.len() > 3, "{secrets:?}");
        let pages = [&login, &call, &fresh].map(|file| std::fs::read_to_string(file).unwrap_or_default());
        for page in &pages {
            for secret in &secrets {
                assert!(!page.contains(secret.as_str()), "{account}: {secret} is in\n{page}");
            }
            assert!(!page.contains("<script") && !page.contains("http-equiv=\"refresh"), "{page}");
        }
        for section in sections {
            assert!(pages[0].contains(section), "{account}: {section} is not in\n{}", pages[0]);
        }
        assert!(pages[0].contains("<svg") && pages[0].contains("Browser") && pages[1].contains("200 OK"), "{account}");
        // The same thread runs from the request to where its answer is exchanged.
        let threads: &[&str] = match account {
            "telldus" => {
                &["class=\"token\" title=\"RFC 5849 §2.1\">oauth_token<", "class=\"code\" title=\"RFC 5849 §2.2\">oauth_verifier<"]
            }
            "acme" => {
                &["class=\"state\"", "class=\"proof\" title=\"RFC 7636 §4.3\">code_challenge<", "title=\"RFC 7636 §4.5\">code_verifier<"]
            }
            _ => &["class=\"state\" title=\"RFC 6749 §10.12\">state<", "class=\"code\""],
        };
        for thread in threads {
            assert!(pages[0].contains(thread), "{account}: {thread} is not in\n{}", pages[0]);
        }
        if account != "telldus" {
            assert!(pages[2].contains("grant_type=refresh_token") && pages[2].contains("RFC 6749 §6"), "{}", pages[2]);
        }
    }
}

/// What a URL carries that is somebody's own, in clear and as it is spelt there.
fn of_url(url: &str) -> Vec<String> {
    const OPEN: [&str; 7] = ["client_id", "redirect_uri", "response_type", "scope", "code_challenge_method", "iss", "oauth_consumer_key"];
    let url = Url::parse(url).expect("a URL");
    let own = url.query_pairs().filter(|(name, value)| !OPEN.contains(&name.as_ref()) && value.len() > 5);
    own.map(|(_, value)| value.into_owned()).collect()
}

/// The credentials among what `env` gives.
fn texts(given: &serde_json::Value) -> Vec<String> {
    let secret = |name: &str| name.ends_with("TOKEN") || name.ends_with("SECRET");
    given
        .as_object()
        .expect("an object")
        .iter()
        .filter(|(name, _)| secret(name))
        .filter_map(|(_, value)| Some(value.as_str()?.to_owned()))
        .collect()
}

/// Of a login that hangs one wants to see where.
#[tokio::test(flavor = "multi_thread")]
async fn there_is_a_page_of_what_was_stopped() {
    let house = House::new().await;
    let page = house.path("login.html");
    let mut login = house.start(&["trace", "--html", page.to_str().expect("UTF-8"), "login", "telldus", "--no-browser"]);
    login.url().await;
    login.interrupt();
    login.end().await.fails(130, ["interrupted", "", ""]);
    let page = std::fs::read_to_string(page).expect("a page");
    assert!(page.contains("/oauth/requestToken"), "{page}");
}
