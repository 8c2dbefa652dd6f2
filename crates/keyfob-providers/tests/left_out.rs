//! Which providers were looked at, and which of them have no file, with what is missing: docs/left-out.md is made of it. And the most used have the two
//! actions that people come for, or it is said why not.
//!
//! `KEYFOB_WRITE_DOCS=1 cargo test -p keyfob-providers --test left_out` writes the page anew.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use keyfob_providers::Catalogue;

/// Every provider that the catalogue was begun with.
const LOOKED_AT: &str = "
    airtable alchemer apple asana atlassian august auth0 basecamp beatport bitbucket bitly box calendly cognito deezer digitalocean discogs discord docusign
    dropbox ebay ecobee etsy etsy-v2 evernote facebook figma fitbit fitbit-oauth1 fivehundredpx flickr freshbooks garmin garmin-oauth1 github gitlab
    goodreads google google-health heroku home-connect honeywell hubspot husqvarna instagram intercom kakao keycloak line-me linear linkedin magento2
    mailchimp mastodon microsoft monday monzo nest-sdm netatmo netlify netsuite netsuite-tba notion okta openstreetmap openstreetmap-oauth1 osu oura patreon
    paypal philips-hue pinterest pipedrive plentymarkets plurk pocket polar-v3 polar-v4 projectplace quickbooks ravelry reddit runkeeper salesforce schoology
    shopify slack smartcar smartthings smugmug sonos soundcloud spotify squareup stackexchange strava stripe tado telldus ticktick tiktok todoist trakt
    trello tripit tumblr tumblr-oauth1 twitch twitter twitter-oauth1 typeform unsplash vimeo wahoo wakatime wechat whoop withings woocommerce wordpress xero
    xero-oauth1 xing yahoo yale-global yandex zendesk zoho zoom";

/// Those that a file cannot say: name, title, what is missing.
const UNSAYABLE: &[(&str, &str, &str)] = &[
    (
        "apple",
        "Sign in with Apple",
        "Its client secret is a JWT that the app signs anew every few months (ES256, the team's id as issuer), in the place of a secret: no way of client \
         authentication that has a name. And where a scope is asked for, the answer comes as a POST (`form_post`), which a listener of ours does not take.",
    ),
    (
        "magento2",
        "Adobe Commerce (Magento 2)",
        "No person is sent anywhere: an administrator activates the integration, and the shop POSTs key, secret and verifier to a URL of the app's. There is no \
         answer that a login of ours could be waiting for. Nor can tokens made so be imported: that takes a file, and no file goes without an address where a \
         person approves.",
    ),
    ("plentymarkets", "plentymarkets", "Where its logins begin is in no page that was found."),
    (
        "stripe",
        "Stripe Apps",
        "The token endpoint wants the account's API key as the name of Basic, and no client id: no way of client authentication that has a name.",
    ),
    (
        "wechat",
        "WeChat",
        "Its authorization URL has to end in a fragment (`#wechat_redirect`), where RFC 6749 §3.1 allows none, and errors of its token endpoint are \
         `{\"errcode\":…,\"errmsg\":…}` with status 200. The rest can be said: names of its own, a GET for tokens, `openid` in the query of every call.",
    ),
];

/// Those that could be said, and are not there to be logged in to, or not known well enough.
const ENDED: &[(&str, &str, &str)] = &[
    (
        "beatport",
        "Beatport",
        "The OAuth 1 endpoints that catalogues still list are from before its present API, whose logins are in no page that was found.",
    ),
    (
        "deezer",
        "Deezer",
        "New apps are not taken, as is generally known, so nobody could log in. It has names of its own (`app_id`, `perms`), and answers by a form.",
    ),
    ("etsy-v2", "Etsy (version 2)", "Ended. `etsy` is what came after it."),
    ("goodreads", "Goodreads", "No new keys since 2020; and OAuth 1.0 before revision A, as TripIt."),
    ("pocket", "Pocket", "The service has ended. Its three steps were not signed, and no OAuth."),
    ("polar-v4", "Polar AccessLink (version 4)", "Where its API is was in no page that was found. `polar-v3` is there."),
    ("runkeeper", "Runkeeper", "Its API is closed to new apps, as far as is known."),
    ("xero-oauth1", "Xero (OAuth 1)", "Ended. `xero` is what came after it."),
];

/// The most used, each of which says who one is, and has the one list that people come for.
const MOST_USED: [&str; 31] = [
    "airtable",
    "asana",
    "bitbucket",
    "box",
    "discogs",
    "discord",
    "dropbox",
    "ecobee",
    "flickr",
    "github",
    "gitlab",
    "google",
    "home-connect",
    "linear",
    "microsoft",
    "notion",
    "oura",
    "philips-hue",
    "reddit",
    "slack",
    "smartcar",
    "spotify",
    "strava",
    "tado",
    "trello",
    "tumblr",
    "twitch",
    "twitter",
    "twitter-oauth1",
    "withings",
    "xero",
];

/// Why one of the two is not there.
const WITHOUT: &[(&str, &str)] = &[
    ("bitbucket", "Repositories are listed by workspace alone, so the list wants an argument that only the person knows; `me` is there."),
    ("home-connect", "Its API knows appliances, and has no call that says whose they are."),
    ("philips-hue", "Its API knows bridges and lamps, and has no call that says whose they are."),
    ("withings", "Its API has no call that says who one is; the login keeps the number of the person (`userid`)."),
    (
        "xero",
        "Who one is stands in the ID token of a login with `openid`; what the API calls by name is the organisation (`organisations`).",
    ),
];

#[test]
fn every_provider_that_was_looked_at_has_a_file_or_a_reason() {
    let catalogue = Catalogue::embedded();
    let names: BTreeSet<&str> = catalogue.names().collect();
    let looked_at: BTreeSet<&str> = LOOKED_AT.split_whitespace().collect();
    assert!(looked_at.len() >= 125, "{}", looked_at.len());
    let left_out: BTreeSet<&str> = UNSAYABLE.iter().chain(ENDED).map(|(name, ..)| *name).collect();
    assert_eq!(left_out.len(), UNSAYABLE.len() + ENDED.len(), "each once");
    let both: Vec<_> = left_out.intersection(&names).collect();
    assert!(both.is_empty(), "left out, and there: {both:?}");
    let neither: Vec<_> = looked_at.iter().filter(|name| !names.contains(*name) && !left_out.contains(*name)).collect();
    assert!(neither.is_empty(), "no file, and no reason: {neither:?}");
    let unknown: Vec<_> = left_out.difference(&looked_at).collect();
    assert!(unknown.is_empty(), "left out, and never looked at: {unknown:?}");
}

#[test]
fn the_most_used_say_who_one_is_and_list_what_people_come_for() {
    let catalogue = Catalogue::embedded();
    for name in MOST_USED {
        let provider = catalogue.get(name).expect("a file");
        let is_without = WITHOUT.iter().any(|(known, _)| *known == name);
        let who = provider.actions.iter().any(|action| action.name == "me" && !action.acts);
        let list = provider.actions.iter().any(|action| action.name != "me" && !action.acts);
        assert_eq!(who && list, !is_without, "{name}: me {who}, a list {list}, a reason {is_without}");
    }
    assert!(WITHOUT.iter().all(|(name, _)| MOST_USED.contains(name)));
}

#[test]
fn the_page_of_what_is_left_out_is_up_to_date() {
    let (path, page) = (root().join("docs/left-out.md"), page());
    if std::env::var_os("KEYFOB_WRITE_DOCS").is_some() {
        fs::write(&path, &page).expect("docs/ is there");
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == page, "docs/left-out.md is not what the test says; write it anew with KEYFOB_WRITE_DOCS=1");
}

fn page() -> String {
    let mut page = String::from(
        "# Providers without a file\n\n\
         <!-- Made by crates/keyfob-providers/tests/left_out.rs: do not change it here. -->\n\n\
         These were looked at for [the catalogue](catalogue.md), and have no file. What is missing is a fact that no key of [a file](provider-files.md) says yet, or one\n\
         that was found nowhere. Whoever knows better writes a file, or an issue.\n\n\
         ## What cannot be said\n\n| provider | what is missing |\n|---|---|\n",
    );
    for (_, title, why) in UNSAYABLE {
        writeln!(page, "| {title} | {why} |").expect("text");
    }
    page.push_str("\n## What is not there, or not known\n\n| provider | why |\n|---|---|\n");
    for (_, title, why) in ENDED {
        writeln!(page, "| {title} | {why} |").expect("text");
    }
    page.push_str(
        "\n# Actions that are missing\n\nThe most used providers have two actions at least: `me`, and the one list that people come for. At these, one is not there:\n\n\
         | provider | why |\n|---|---|\n",
    );
    for (name, why) in WITHOUT {
        writeln!(page, "| `{name}` | {why} |").expect("text");
    }
    page
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the workspace").to_path_buf()
}
