//! A user's own files: they add a provider, change members of one that is there, and never break the others.

use std::fs;

use keyfob_proto::Flow;
use keyfob_providers::{Catalogue, Status, check};

const HUB: &str = r#"
title = "My hub"
kind = "oauth2"
status = "live"
about = "A hub."
sources = [{ url = "https://hub.example/docs", checked = 2026-11-21, confidence = "assumed" }]

[endpoints]
authorize = "https://{shop}.hub.example/authorize"
token = "https://{shop}.hub.example/token"

[client]
fields = [{ name = "client_id", label = "Client ID" }, { name = "shop", label = "Shop" }]

[oauth2]
client_auth = "none"

[api]
base_url = "https://{shop}.hub.example/api"
more_origins = ["https://files.hub.example"]
headers = { x-shop = "{shop}" }

[actions.things]
about = "Things"
path = "/things"
"#;

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        fs::write(folder.path().join(name), text).expect("written");
    }
    folder
}

fn problems(catalogue: &Catalogue) -> Vec<String> {
    catalogue.problems().iter().map(ToString::to_string).collect()
}

#[test]
fn a_file_adds_a_provider() {
    let folder = folder(&[("my-hub.toml", HUB), ("notes.txt", "not ours"), (".my-hub.toml", "= an editor's")]);
    let catalogue = Catalogue::load(Some(folder.path()));
    assert_eq!(problems(&catalogue), [] as [&str; 0]);
    let hub = catalogue.get("my-hub").expect("there");
    assert_eq!((hub.title.as_str(), hub.actions[0].usage().as_str()), ("My hub", "things"));
    let settings = hub.settings(&|name| (name == "shop").then(|| "corner".to_owned())).expect("settings");
    assert_eq!(settings.api.base.as_str(), "https://corner.hub.example/api");
    let origins: Vec<String> = settings.origins().iter().map(ToString::to_string).collect();
    assert_eq!(origins, ["https://corner.hub.example", "https://files.hub.example"]);
    assert!(catalogue.get("telldus").is_ok(), "the others are there too");
}

/// What a login gives can say where the API is, within the hosts that the file lists; and stands in the calls of actions.
#[test]
fn a_value_that_the_login_gives_is_a_name_for_base_and_actions() {
    let kept = |api: &str| [("api".to_owned(), api.to_owned()), ("number".to_owned(), "7".to_owned())].into();
    let field = |name: &str| (name == "shop").then(|| "corner".to_owned());
    let text = HUB.replace("[endpoints]", "keep = [\"api\", \"number\"]\n[endpoints]").replace("\"/things\"", "\"/of/{number}/things\"");
    let said = text.replace("\"https://{shop}.hub.example/api\"", "\"{api}/{shop}\"\nhosts = [\"*.hub.example\"]");
    let hub = check(&said, "my-hub.toml").expect("clean");
    let settings = hub.settings(&field).expect("settings");
    assert_eq!(settings.api.base.as_str(), "https://corner.hub.example", "before a login: where the token endpoint is");
    let mine = settings.of_account(&kept("https://mine.hub.example")).expect("a listed host");
    assert_eq!(mine.api.base.as_str(), "https://mine.hub.example/corner");
    assert!(mine.origins().iter().any(|origin| origin.as_str() == "https://mine.hub.example"));
    for evil in ["https://evil.example", "https://mine.hub.example.evil.example", "http://mine.hub.example", ""] {
        assert!(settings.of_account(&kept(evil)).is_err(), "{evil}");
    }
    let action = hub.action("things").expect("there");
    let request = action.request(&[].into(), &kept("")).expect("a request");
    assert_eq!(request.target, "/of/7/things");
    assert!(action.request(&[].into(), &[].into()).is_err_and(|misuse| misuse.expected.contains("number")));
    let climbing = [("number".to_owned(), "..".to_owned())].into();
    assert!(action.request(&[].into(), &climbing).is_err(), "one segment, which stays there");
    let below = text.replace("hub.example/api", "hub.example/of/{number}");
    let settings = check(&below, "my-hub.toml").expect("clean").settings(&field).expect("settings");
    assert_eq!(settings.of_account(&kept("")).expect("a number").api.base.as_str(), "https://corner.hub.example/of/7");
    assert_eq!(settings.api_origins().next().map(|origin| origin.as_str()), Some("https://corner.hub.example"), "known before a login");
}

/// Who writes a file and knows no more than the RFC (RFC 6750 §3.1) gets tokens that are renewed.
#[test]
fn that_a_token_has_ended_is_told_by_401_where_the_file_says_nothing() {
    let expired = |said: &str| {
        let text = HUB.replace("headers = { x-shop", &format!("{said}\nheaders = {{ x-shop"));
        let settings = check(&text, "my-hub.toml").expect("clean").settings(&|_| Some("corner".to_owned())).expect("settings");
        settings.api.expired.iter().flat_map(|signal| signal.statuses.clone()).collect::<Vec<u16>>()
    };
    assert_eq!(expired(""), [401]);
    assert_eq!(expired("expired = []"), [] as [u16; 0], "an empty list says that nothing tells it");
    assert_eq!(expired("expired = [{ status = [403] }]"), [403], "what is said stands alone");
}

/// A field that becomes part of a host must not become another host.
#[test]
fn a_field_cannot_lead_elsewhere() {
    let hub = check(HUB, "my-hub.toml").expect("clean");
    for evil in ["evil.example/", "evil.example#", "a@evil.example", "evil.example?", "a:1", "", "..", ".", "x\ny", "ä"] {
        let error = hub.settings(&|_| Some(evil.to_owned())).expect_err(evil);
        assert!(error.expected.contains("shop"), "{error}");
    }
    assert!(hub.settings(&|_| None).is_err_and(|error| error.to_string().contains("{shop}")));
}

#[test]
fn a_file_without_kind_changes_single_members() {
    let folder = folder(&[(
        "telldus.toml",
        r#"
title = "My Telldus"
[oauth1]
signature = "HMAC-SHA256"
[client.redirect]
suggested = ["http://127.0.0.1:7000/back"]
[actions.devices]
about = "What is at home"
[actions.bell]
about = "Ring"
method = "POST"
acts = true
path = "/json/device/bell"
parameters = [{ name = "id", positional = true }]
form = { id = "{id}" }
"#,
    )]);
    let catalogue = Catalogue::load(Some(folder.path()));
    assert_eq!(problems(&catalogue), [] as [&str; 0]);
    let telldus = catalogue.get("telldus").expect("there");
    let original = Catalogue::embedded();
    let original = original.get("telldus").expect("there");
    assert_eq!(telldus.title, "My Telldus");
    assert_eq!(telldus.client.redirect.suggested, ["http://127.0.0.1:7000/back"]);
    assert!(telldus.client.redirect.any_port, "the rest of the table stays");
    assert_eq!(telldus.client.fields, original.client.fields);
    assert_eq!(telldus.deviations, original.deviations);
    let Flow::OAuth1(flow) = telldus.settings(&|_| None).expect("settings").flow else { panic!("OAuth 1") };
    assert_eq!((flow.signature.name(), flow.realm), ("HMAC-SHA256", None));
    let devices = telldus.action("devices").expect("there");
    assert_eq!(devices.about, "What is at home");
    assert_eq!(devices.parameters, original.action("devices").expect("there").parameters);
    assert_eq!(telldus.actions.last().map(|action| action.usage()).as_deref(), Some("bell ID"));
    assert_eq!(telldus.files.len(), 2, "both files are named");
}

/// What a refused call advises: that origin, and a new login, since accounts are bound to the origins of theirs.
#[test]
fn a_file_without_kind_names_origins_more() {
    let folder = folder(&[("spotify.toml", "[api]\nmore_origins = [\"https://files.elsewhere.example\"]\n")]);
    let catalogue = Catalogue::load(Some(folder.path()));
    assert_eq!(problems(&catalogue), [] as [&str; 0]);
    let settings = catalogue.get("spotify").expect("there").settings(&|_| None).expect("settings");
    let api: Vec<String> = settings.api_origins().map(ToString::to_string).collect();
    assert_eq!(api, ["https://api.spotify.com", "https://files.elsewhere.example"]);
    assert!(
        settings.origins().iter().any(|origin| origin.to_string() == "https://files.elsewhere.example"),
        "a login binds the account to it"
    );
}

/// Whoever changes a file of ours means its keys, and has them not in the own file: those are the nearest names.
#[test]
fn a_mistyped_key_over_another_file_is_told_the_name_that_is_there() {
    let cases = [
        ("github", "titel = \"x\"\n", "did you mean \"title\"?"),
        ("netatmo", "[oauth2]\nscope = [\"read_station\"]\n", "did you mean \"scopes\"?"),
        ("netatmo", "[api]\nbase_ur = \"https://hub.example\"\n", "did you mean \"base_url\"?"),
        ("netatmo", "[endpoints]\ntokn = \"https://hub.example/token\"\n", "did you mean \"token\"?"),
        ("netatmo", "[endpoint]\ntoken = \"https://hub.example/token\"\n", "did you mean \"endpoints\"?"),
        ("netatmo", "[client]\nregister_hlp = \"There.\"\n", "did you mean \"register_help\"?"),
        ("netatmo", "[oauth2]\nscopes = []\nscope = [\"read_station\"]\n", "\"scopes\" is there already: leave this one away"),
    ];
    for (name, text, hint) in cases {
        let problems = check(text, &format!("{name}.toml")).expect_err(text);
        let [problem] = problems.as_slice() else { panic!("{text}: {problems:#?}") };
        assert_eq!(problem.hint.as_deref(), Some(hint), "{text}: {problem:#?}");
    }
}

/// A file without kind changes what is there, also where all it says is that there is an end.
#[test]
fn a_file_may_say_of_one_of_ours_that_it_has_ended() {
    let text = "status = \"retired\"\n\n[retired]\non = 2026-01-01\nnote = \"Gone.\"\n";
    assert!(keyfob_providers::check_gone(text, "netatmo.toml").is_none(), "not one of its own");
    let changed = check(text, "netatmo.toml").expect("sound");
    assert!(matches!(changed.status, keyfob_providers::Status::Retired { .. }) && changed.title == "Netatmo", "{changed:?}");
    assert!(keyfob_providers::check_gone(text, "of-nobody.toml").is_some_and(|read| read.is_err()));
}

/// Where its end is ours, and is not so (an app that is still served), one line takes it back.
#[test]
fn a_file_may_say_of_one_that_ended_that_it_is_there() {
    let folder = folder(&[("fitbit.toml", "status = \"live\"\n")]);
    let catalogue = Catalogue::load(Some(folder.path()));
    assert_eq!(problems(&catalogue), [] as [&str; 0]);
    assert_eq!(catalogue.get("fitbit").expect("there").status, Status::Live);
}

/// And an end is one where the status says so.
#[test]
fn an_end_without_its_status_is_told() {
    let folder = folder(&[("netatmo.toml", "[retired]\non = 2026-01-01\nnote = \"Gone.\"\n")]);
    let told = problems(&Catalogue::load(Some(folder.path())));
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].ends_with("netatmo.toml:1:2: [retired] without status = \"retired\""), "{told:?}");
    let own = "status = \"live\"\n[retired]\non = 2026-01-01\nnote = \"Gone.\"\n";
    let told = problems(&Catalogue::load(Some(self::folder(&[("fitbit.toml", own)]).path())));
    assert!(told.len() == 1 && told[0].contains("[retired] without status"), "{told:?}");
}

/// Who checked the embedded file has not checked what somebody made of it.
#[test]
fn a_file_over_another_is_checked_by_nobody_unless_it_says_so() {
    let checked = |text: &str| {
        let folder = folder(&[("weibo.toml", text)]);
        let catalogue = Catalogue::load(Some(folder.path()));
        assert_eq!(problems(&catalogue), [] as [&str; 0]);
        let weibo = catalogue.get("weibo").expect("there");
        (weibo.independent_client.clone(), weibo.verified.clone())
    };
    let embedded = Catalogue::embedded();
    assert!(embedded.get("weibo").expect("there").independent_client.is_some(), "or there is nothing to inherit");
    assert_eq!(checked("title = \"My Weibo\"\n"), (None, None));
    assert_eq!(checked("verified = 2026-11-26\n"), (None, Some("2026-11-26".to_owned())));
    assert_eq!(checked("independent_client = \"mine\"\n"), (Some("mine".to_owned()), None));
}

#[test]
fn a_file_with_kind_takes_the_place_of_the_embedded_one() {
    let folder = folder(&[("telldus.toml", HUB)]);
    let catalogue = Catalogue::load(Some(folder.path()));
    assert_eq!(problems(&catalogue), [] as [&str; 0]);
    let provider = catalogue.get("telldus").expect("there");
    assert_eq!((provider.title.as_str(), provider.actions.len(), provider.files.len()), ("My hub", 1, 1), "nothing of the old one stays");
}

#[test]
fn origins_of_a_file_are_applied() {
    let folder = folder(&[
        ("august.toml", "[origins]\n\"https://auth.august.com\" = \"http://127.0.0.1:8901\"\n"),
        ("netatmo.toml", "origins = { \"*\" = \"http://localhost:8902\" }\n"),
    ]);
    let catalogue = Catalogue::load(Some(folder.path()));
    assert_eq!(problems(&catalogue), [] as [&str; 0]);
    let settings = |name: &str| catalogue.get(name).expect("there").settings(&|_| None).expect("settings");
    let origins = |name: &str| settings(name).origins().iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(origins("august"), ["http://127.0.0.1:8901", "https://api-production.august.com"]);
    assert_eq!(origins("netatmo"), ["http://localhost:8902"]);
}

#[test]
fn a_broken_file_is_told_and_the_others_work() {
    let folder = folder(&[
        ("broken.toml", "title = \"x\nkind = 3\n"),
        ("telldus.toml", "[api]\nbase_url = \"http://pa-api.telldus.com\"\n"),
        ("my-hub.toml", HUB),
        ("other.toml", &HUB.replacen("title", "name = \"my-hub\"\ntitle", 1)),
    ]);
    fs::write(folder.path().join("latin1.toml"), b"title = \"\xe9\"").expect("written");
    let catalogue = Catalogue::load(Some(folder.path()));
    let told = problems(&catalogue);
    let about = |file: &str| told.iter().find(|problem| problem.contains(file)).unwrap_or_else(|| panic!("{file} in {told:?}"));
    assert!(about("broken.toml").contains("broken.toml:1:"), "{told:?}");
    assert!(about("telldus.toml").contains("telldus.toml:2:12: expected an absolute URL of https"), "{told:?}");
    assert!(about("latin1.toml").contains("latin1.toml:1:10: expected text in UTF-8, found the byte 0xe9"), "{told:?}");
    // The one that is left out is the one that is told of: the later one counts.
    let left_out = about("the provider my-hub is in");
    assert!(left_out.contains("my-hub.toml:1:1") && left_out.contains("other.toml too"), "{told:?}");
    assert!(catalogue.get("my-hub").is_ok());
    let telldus = catalogue.get("telldus").expect("the embedded one stays");
    assert_eq!(telldus.settings(&|_| None).expect("settings").api.base.as_str(), "https://pa-api.telldus.com");
}

/// Another way beside the one that is there would be two.
#[test]
fn what_says_one_of_several_ways_is_replaced_as_a_whole() {
    for (file, text) in [
        ("shopify.toml", "[api.attach]\nquery = \"token\"\n"),
        ("google.toml", "[api]\npages = { next = \"/next\" }\n"),
        ("github.toml", "[api]\nlimits = { structured = \"ratelimit\" }\n"),
        ("netatmo.toml", "[oauth2]\npkce = \"s256\"\n"),
    ] {
        assert!(check(text, file).is_ok(), "{file}: {:?}", check(text, file));
    }
    // An action is changed member by member, whatever it is called.
    let pages = HUB.replace("[actions.things]", "[actions.pages]");
    let folder = folder(&[("my-hub.toml", &pages)]);
    assert_eq!(problems(&Catalogue::load(Some(folder.path()))), [] as [&str; 0]);
    let told = check("[actions.repos]\nabout = \"Mine\"\n", "github.toml").expect("the path is ours");
    assert!(told.actions.iter().any(|action| action.name == "repos" && action.about == "Mine"));
}

/// Where the usual host is moved, no place is left in what is shown.
#[test]
fn a_moved_host_is_shown_moved() {
    let folder = folder(&[("gitlab.toml", "[origins]\n\"https://gitlab.com\" = \"http://127.0.0.1:8902\"\n")]);
    let behind = check("[origins]\n\"https://login.microsoftonline.com\" = \"http://127.0.0.1:8902\"\n", "microsoft.toml").expect("good");
    let (_, authorize) = behind.endpoints().into_iter().find(|(what, _)| *what == "authorize").expect("there");
    assert!(authorize.contains("/{tenant}/") && !authorize.contains("/common/"), "{authorize}");
    let of = |catalogue: &Catalogue| catalogue.get("gitlab").expect("there").endpoints();
    let (plain, moved) = (of(&Catalogue::embedded()), of(&Catalogue::load(Some(folder.path()))));
    assert!(!plain.is_empty() && plain.len() == moved.len());
    assert!(plain.iter().all(|(_, url)| url.starts_with("https://{host}")), "{plain:?}");
    assert!(moved.iter().all(|(_, url)| url.starts_with("http://127.0.0.1:8902")), "{moved:?}");
}

#[test]
fn a_folder_that_is_not_there_is_empty() {
    let folder = tempfile::tempdir().expect("a folder");
    let catalogue = Catalogue::load(Some(&folder.path().join("none")));
    assert_eq!(problems(&catalogue), [] as [&str; 0]);
    assert_eq!(catalogue.iter().count(), Catalogue::embedded().iter().count());
}
