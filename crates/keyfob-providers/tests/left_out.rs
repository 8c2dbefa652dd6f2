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

/// A provider without a file, and why.
struct LeftOut {
    name: &'static str,
    title: &'static str,
    why: &'static str,
    /// The page that says so, and the day on which it was looked at.
    source: &'static str,
    checked: &'static str,
}

/// Those that are not there to be logged in to, or not known well enough. What a file cannot say is none of the reasons, at present.
const UNKNOWN: &[LeftOut] = &[LeftOut {
    name: "beatport",
    title: "Beatport",
    why: "The OAuth 1 API that catalogues still list is gone, and for the one after it (version 4, OAuth 2) no apps are given out: what gets in borrows the \
              client id of Beatport's own pages.",
    source: "https://github.com/beetbox/beets/pull/4477",
    checked: "2026-11-27",
}];

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
    let gone = catalogue.all_gone();
    let names: BTreeSet<&str> = catalogue.names().chain(gone.iter().map(|gone| gone.name.as_str())).collect();
    let looked_at: BTreeSet<&str> = LOOKED_AT.split_whitespace().collect();
    assert!(looked_at.len() >= 125, "{}", looked_at.len());
    let left_out: BTreeSet<&str> = UNKNOWN.iter().map(|left| left.name).collect();
    assert_eq!(left_out.len(), UNKNOWN.len(), "each once");
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
         These were looked at for [the catalogue](catalogue.md), and have no file: there is nothing to log in to, or a fact was found nowhere. What [a file](provider-files.md)\n\
         cannot say is the reason at none of them. Whoever knows better writes a file, or an issue.\n\n\
         | provider | why | where that is from |\n|---|---|---|\n",
    );
    rows(&mut page, UNKNOWN);
    page.push_str("\nProviders that have ended have files, which say so: [the list](providers/README.md#ended).\n");
    page.push_str(
        "\n# Actions that are missing\n\nThe most used providers have two actions at least: `me`, and the one list that people come for. At these, one is not there:\n\n\
         | provider | why |\n|---|---|\n",
    );
    for (name, why) in WITHOUT {
        writeln!(page, "| `{name}` | {why} |").expect("text");
    }
    page
}

fn rows(page: &mut String, left: &[LeftOut]) {
    for LeftOut { title, why, source, checked, .. } in left {
        writeln!(page, "| {title} | {why} | <{source}>, {checked} |").expect("text");
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the workspace").to_path_buf()
}
