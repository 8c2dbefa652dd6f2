//! The embedded catalogue: every file is clean, and every provider is what the protocol needs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use keyfob_proto::oauth1::{CallbackAt, Placement, SignatureMethod};
use keyfob_proto::oauth2::{ClientAuth, Pkce};
use keyfob_proto::{Attach, Deviation, Flow, Origin, Settings};
use keyfob_providers::{Catalogue, Confidence, Kind, Provider, Status, check};
use serde_json::json;

fn provider(name: &str) -> Provider {
    Catalogue::embedded().get(name).expect("embedded").clone()
}

fn settings(name: &str) -> Settings {
    provider(name).settings(&|_| None).expect("no fields in the URLs")
}

fn oauth2(settings: &Settings) -> &keyfob_proto::oauth2::Settings {
    match &settings.flow {
        Flow::OAuth2(flow) => flow,
        other => panic!("OAuth 2, not {other:?}"),
    }
}

/// Names and texts of the files in the folder.
fn folder() -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
    let files = std::fs::read_dir(folder).expect("the data folder").map(|entry| entry.expect("an entry").path());
    files
        .map(|path| (path.file_name().expect("a name").to_string_lossy().into_owned(), std::fs::read_to_string(path).expect("text")))
        .collect()
}

/// The program reads a file when its provider is asked for, and takes this test's word that it can be read.
#[test]
fn every_embedded_file_is_clean_and_named_as_its_provider() {
    let catalogue = Catalogue::embedded();
    for (file, text) in folder() {
        match keyfob_providers::check(&text, &file) {
            Ok(provider) => {
                assert_eq!(format!("{}.toml", provider.name), file);
                // Its actions are read later than the rest: they have to be the last of the file.
                let read = catalogue.get(&provider.name).expect("it is embedded");
                assert_eq!(format!("{read:?}"), format!("{provider:?}"), "{file}");
                assert_eq!(
                    keyfob_providers::doubts(&text, &file, "9999-12-31", |_| false, Catalogue::embedded().names())
                        .into_iter()
                        .filter(|doubt| !doubt.message.contains("takes the place"))
                        .collect::<Vec<_>>(),
                    [],
                    "{file}"
                );
            }
            Err(problems) => {
                let told: Vec<String> = problems.iter().map(|problem| format!("{problem} ({:?})", problem.hint)).collect();
                panic!("{}", told.join("\n"));
            }
        }
    }
}

#[test]
fn the_embedded_list_is_the_folder() {
    let catalogue = Catalogue::embedded();
    assert!(catalogue.problems().is_empty());
    assert_eq!(catalogue.names().map(|name| format!("{name}.toml")).collect::<BTreeSet<_>>(), folder().into_keys().collect());
    assert!(catalogue.iter().map(|provider| provider.name.as_str()).eq(catalogue.names()));
}

/// Providers that have ended have a file each, which says so, and nobody can mistake them for others.
#[test]
fn who_has_ended_is_told_with_the_day_and_the_successor() {
    let catalogue = Catalogue::embedded();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("retired");
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .expect("the folder")
        .map(|entry| entry.expect("an entry").path())
        .map(|path| {
            let text = std::fs::read_to_string(&path).expect("text");
            let file = path.file_name().expect("a name").to_string_lossy().into_owned();
            let gone = keyfob_providers::check_gone(&text, &file).expect("of a provider that has ended").expect("clean");
            assert_eq!(format!("{}.toml", gone.name), file);
            gone.name
        })
        .collect();
    files.sort();
    assert_eq!(catalogue.all_gone().into_iter().map(|gone| gone.name).collect::<Vec<_>>(), files, "the embedded list is the folder");
    for gone in catalogue.all_gone() {
        assert!(gone.successor.is_none_or(|name| catalogue.get(&name).is_ok()), "{}: a successor that is not there", gone.name);
        assert!(catalogue.names().all(|name| name != gone.name));
    }
    for provider in catalogue.iter() {
        let Status::Retired { successor: Some(name), .. } = &provider.status else { continue };
        assert!(catalogue.get(name).is_ok(), "{}: a successor that is not there: {name}", provider.name);
    }
    // Who mistypes the name of one that has ended meant that one.
    assert_eq!(catalogue.get("xero-oauth").expect_err("none").nearest.as_deref(), Some("xero-oauth1"));
    let unknown = catalogue.get("xero-oauth1").expect_err("it has ended");
    assert_eq!(unknown.to_string(), "Xero (OAuth 1.0a) has ended, on 2021-09-30");
    assert_eq!(unknown.gone.and_then(|gone| gone.successor).as_deref(), Some("xero"));
    let broken = "status = \"retired\"\ntitle = \"Old\"\nscopes = {}\n";
    let problems = keyfob_providers::check_gone(broken, "old.toml").expect("one of these").expect_err("broken");
    let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
    for missing in ["about is missing", "retired is missing", "sources is missing", "the unknown key scopes"] {
        assert!(told.iter().any(|problem| problem.contains(missing)), "{missing}: {told:?}");
    }
    // Over a provider that is there such a file changes its status, and ends nothing.
    let pocket = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("retired/pocket.toml")).expect("text");
    assert!(keyfob_providers::check_gone(&pocket.replace("\"pocket\"", "\"telldus\""), "telldus.toml").is_none());
    // However it is spelt.
    let escaped =
        pocket.replace("\"retired\"", "\"ret\\u0069red\"").replace("[retired]", "[\"ret\\u0069red\"]").replace("pocket", "elsewhere");
    assert!(!escaped.contains("retired") && keyfob_providers::check_gone(&escaped, "elsewhere.toml").is_some());
}

/// What is nearly always the same need not be said; whoever has a tenant or a server of their own says it.
#[test]
fn a_place_with_a_default_is_filled_by_it_unless_an_app_says_otherwise() {
    let catalogue = Catalogue::embedded();
    let base = |name: &str, said: Option<(&str, &str)>| {
        let field = |name: &str| said.filter(|(known, _)| *known == name).map(|(_, value)| value.to_owned());
        let settings = catalogue.get(name).expect("there").settings(&field).expect("settings");
        let keyfob_proto::Flow::OAuth2(flow) = settings.flow else { panic!("OAuth 2") };
        (flow.token.to_string(), settings.api.base.to_string())
    };
    let (token, _) = base("microsoft", None);
    assert_eq!(token, "https://login.microsoftonline.com/common/oauth2/v2.0/token");
    assert_eq!(base("microsoft", Some(("tenant", "hub.example"))).0, "https://login.microsoftonline.com/hub.example/oauth2/v2.0/token");
    assert_eq!(base("gitlab", None), ("https://gitlab.com/oauth/token".to_owned(), "https://gitlab.com".to_owned()));
    let own = base("gitlab", Some(("host", "git.hub.example")));
    assert_eq!(own, ("https://git.hub.example/oauth/token".to_owned(), "https://git.hub.example".to_owned()));
}

/// And so is one in what is sent with every call.
#[test]
fn a_default_counts_wherever_a_place_may_be() {
    let text = "title = \"Hub\"\nkind = \"oauth2\"\nstatus = \"live\"\nabout = \"A hub.\"\n\
        sources = [{ url = \"https://hub.example/docs\", checked = 2026-11-21, confidence = \"verified\", about = \"all\" }]\n\
        [endpoints]\nauthorize = \"https://{place}.hub.example/authorize\"\ntoken = \"https://{place}.hub.example/token\"\n\
        [client]\nfields = [{ name = \"client_id\", label = \"ID\" }, { name = \"place\", label = \"Place\", default = \"home\" }]\n\
        [oauth2]\nclient_auth = \"none\"\n\
        [api]\nbase_url = \"https://{place}.hub.example\"\nheaders = { x-place = \"at {place}\" }\nquery = { place = \"{place}\" }\n\
        attach = { headers = { x-token = \"{place} {access_token}\" } }\n";
    let hub = check(text, "hub.toml").expect("sound");
    let own = hub.endpoints_of(&keyfob_proto::App::public("id"));
    assert_eq!(own, hub.usual_endpoints());
    // What is no part of an address may be any text.
    let version = ", { name = \"ver\", label = \"Version\", default = \"2024-01 beta\" }]";
    let text_with =
        text.replacen(" }]\n[oauth2]", &format!(" }}{version}\n[oauth2]"), 1).replacen("{ x-place", "{ x-version = \"{ver}\", x-place", 1);
    check(&text_with, "hub.toml").expect("sound");
    for (said, place) in [(None, "home"), (Some("garden".to_owned()), "garden")] {
        let settings = hub.settings(&|name| said.clone().filter(|_| name == "place")).expect("settings");
        assert_eq!(settings.api.headers[0].1.as_str(), format!("at {place}"));
        assert_eq!(settings.api.query[0].1.as_str(), place);
        let Attach::Headers(attached) = settings.api.attach else { panic!("headers") };
        assert_eq!(attached[0].1.as_str(), format!("{place} {{access_token}}"));
    }
    assert!(hub.usual_endpoints().contains(&("token", "https://home.hub.example/token".to_owned())), "{:?}", hub.usual_endpoints());
    assert!(hub.endpoints().contains(&("token", "https://{place}.hub.example/token".to_owned())), "{:?}", hub.endpoints());
}

/// A scope that is asked for is one of those that the file explains: what is mistyped is refused by the provider only when somebody logs in.
#[test]
fn scopes_that_are_asked_for_are_explained() {
    for provider in Catalogue::embedded().iter().filter(|provider| provider.status != Status::Sandbox) {
        for scope in provider.default_scopes() {
            assert!(provider.scopes.iter().any(|(name, _)| name == scope), "{}: {scope}", provider.name);
        }
    }
}

/// What a person needs before anything else: where the provider is, and what to do there to get an app.
#[test]
fn every_file_says_where_it_is_and_how_an_app_is_registered() {
    for provider in Catalogue::embedded().iter().filter(|provider| provider.status != Status::Sandbox) {
        let name = &provider.name;
        assert!(provider.homepage.as_deref().is_some_and(|url| url.starts_with("https://")), "{name}: no homepage");
        assert!(!provider.client.register_help.trim().is_empty(), "{name}: nothing says how an app is registered");
        let where_to = provider.client.register_url.as_deref();
        assert!(where_to.is_none_or(|url| url.starts_with("https://")), "{name}: {where_to:?}");
    }
}

/// A file of guesses alone would look like any other.
#[test]
fn something_of_each_file_was_seen_on_a_page() {
    for provider in Catalogue::embedded().iter().filter(|provider| provider.status != Status::Sandbox) {
        let seen = provider.sources.iter().any(|source| source.confidence == Confidence::Verified);
        assert!(seen, "{}: no source is verified", provider.name);
    }
}

/// What nobody read is assumed, and nothing else: a reader of the page cannot tell otherwise.
#[test]
fn what_was_not_read_is_assumed() {
    for provider in Catalogue::embedded().iter() {
        for source in &provider.sources {
            let is_unread = source.about.contains("not read for this file");
            assert_eq!(is_unread, source.confidence == Confidence::Assumed, "{}: {} ({})", provider.name, source.url, source.about);
        }
    }
}

/// Variables say which provider is meant: what two live ones share says nothing.
#[test]
fn live_providers_share_no_variables() {
    let mut taken: BTreeMap<String, String> = BTreeMap::new();
    for provider in Catalogue::embedded().iter().filter(|provider| provider.status == Status::Live) {
        for variable in provider.client.fields.iter().flat_map(|field| &field.env) {
            if let Some(other) = taken.insert(variable.clone(), provider.name.clone()) {
                panic!("{variable}: {} and {other}", provider.name);
            }
        }
    }
}

#[test]
fn every_provider_says_where_its_facts_come_from_and_asks_before_it_acts() {
    for provider in Catalogue::embedded().iter() {
        assert!(!provider.sources.is_empty() && provider.sources.iter().all(|source| !source.about.is_empty()), "{}", provider.name);
        // Where nobody logs in, or people enter a code, nobody comes back.
        let nobody = provider.import.is_some()
            || provider.client.redirect.device_only
            || provider.endpoints().iter().all(|(what, _)| *what == "api");
        assert_eq!(nobody, provider.client.redirect.suggested.is_empty(), "{}", provider.name);
        assert!(provider.client.fields.iter().filter(|field| field.name == "client_secret").all(|field| field.secret));
        assert!(provider.actions.is_empty() || provider.overview().next().is_some(), "{} has nothing to show first", provider.name);
    }
    let acting: Vec<String> = Catalogue::embedded()
        .iter()
        .flat_map(|provider| {
            provider.actions.iter().filter(|action| action.acts).map(|action| format!("{} {}", provider.name, action.usage()))
        })
        .collect();
    assert_eq!(
        acting,
        [
            "august lock-now ID",
            "august unlock-now ID",
            "philips-hue press",
            "philips-hue make-key",
            "telldus on ID",
            "telldus off ID",
            "telldus dim ID LEVEL"
        ]
    );
}

#[test]
fn actions_are_named_as_people_type_them() {
    let usages = |name: &str| provider(name).actions.iter().map(|action| action.usage()).collect::<Vec<_>>();
    assert_eq!(usages("august"), ["locks", "lock ID", "status ID", "lock-now ID", "unlock-now ID"]);
    assert_eq!(usages("netatmo")[0], "stations [--device DEVICE] [--favorites FAVORITES]");
    assert!(usages("netatmo")[1].starts_with("measure DEVICE [TYPES] [--module MODULE] [--scale SCALE] [--from FROM] [--to TO]"));
    assert_eq!(usages("fitbit")[..3], ["profile", "devices", "activity [DATE]"]);
    assert_eq!(usages("fitbit")[3..], ["steps [--to TO] [--period PERIOD]", "heart [--to TO] [--period PERIOD]", "sleep [FROM] [TO]"]);
    assert_eq!(usages("fitbit-oauth1"), usages("fitbit")[..3]);
    assert_eq!(usages("telldus")[..2], ["clients", "devices [--methods METHODS] [--ignored IGNORED]"]);
    assert_eq!(usages("acme"), ["me", "echo TEXT"]);
    assert_eq!(usages("acme-oidc"), ["me"]);
}

#[test]
fn august_is_said_without_an_if() {
    let settings = settings("august");
    let flow = oauth2(&settings);
    assert_eq!(flow.authorize.as_ref().map(|page| page.as_str()), Some("https://auth.august.com/authorization"));
    assert_eq!(flow.token.as_str(), "https://auth.august.com/access_token");
    assert_eq!((flow.client_auth, flow.pkce, provider("august").rotates()), (ClientAuth::Post, Pkce::Off, true));
    assert!(!flow.response_type && !flow.redirect_uri_at_token && flow.scopes.is_empty());
    assert_eq!(settings.api.base.as_str(), "https://api-production.august.com");
    let Attach::Headers(headers) = &settings.api.attach else { panic!("its own header") };
    assert_eq!((headers[0].0.as_str(), headers[0].1.as_str()), ("x-august-access-token", "{access_token}"));
    assert_eq!((settings.api.headers[0].0.as_str(), settings.api.headers[0].1.as_str()), ("x-august-api-key", "{api_key}"));
    assert_eq!(settings.deviations, BTreeSet::from([Deviation::MissingTokenType, Deviation::ErrorCode]));
    assert!(settings.api.expired[0].given(http::StatusCode::FORBIDDEN, b""));
    assert_eq!(settings.retired, None);
    let variable = |name: &str| provider("august").client.field_of_variable(name).map(|field| field.name.clone());
    assert_eq!(variable("CLIENTID").as_deref(), Some("client_id"));
    assert_eq!(variable("APIKEY").as_deref(), Some("api_key"));
    assert_eq!(variable("APISEC").as_deref(), Some("client_secret"));
    assert_eq!(variable("AUTHCALL").as_deref(), Some("redirect_uri"));
    assert_eq!(variable("PATH"), None);
}

#[test]
fn netatmo_is_said_without_an_if() {
    let settings = settings("netatmo");
    let flow = oauth2(&settings);
    assert_eq!((flow.client_auth, flow.pkce, flow.scopes.as_slice()), (ClientAuth::Post, Pkce::Off, &["read_station".to_owned()][..]));
    assert_eq!(settings.deviations, BTreeSet::from([Deviation::ScopeArray, Deviation::ExpireIn, Deviation::MissingTokenType]));
    let forbidden = http::StatusCode::FORBIDDEN;
    assert!(settings.api.expired.iter().any(|signal| signal.given(forbidden, br#"{"error":{"code":3}}"#)));
    assert!(!settings.api.expired.iter().any(|signal| signal.given(forbidden, br#"{"error":{"code":13}}"#)));
    assert!(provider("netatmo").pkce_off.is_some(), "PKCE is off with a reason");
    // The redirect URI that people register cannot be listened on: it is pasted.
    let redirect = provider("netatmo").client.redirect;
    assert_eq!(redirect.suggested[0], "http://localhost/callback");
    assert_eq!(redirect.listener("http://localhost/callback"), None);
    for (variable, field) in [
        ("NETATMO_API_CLIENT_ID", "client_id"),
        ("NETATMO_API_CLIENT_SECRET", "client_secret"),
        ("NETATMO_API_REDIRECT_URL", "redirect_uri"),
        ("NETATMO_API_SCOPE", "scope"),
    ] {
        assert_eq!(provider("netatmo").client.field_of_variable(variable).map(|field| field.name.as_str()), Some(field));
    }
}

#[test]
fn fitbit_is_said_without_an_if() {
    let settings = settings("fitbit");
    let flow = oauth2(&settings);
    assert_eq!((flow.client_auth, flow.pkce, provider("fitbit").rotates()), (ClientAuth::Basic, Pkce::S256, true));
    assert!(flow.revoke.is_some());
    assert_eq!(settings.keep, ["user_id"]);
    assert_eq!(settings.deviations, BTreeSet::from([Deviation::ErrorsArray, Deviation::RedirectFragment]));
    // One that was revoked is renewed once, too: that shows that there is nothing to renew it with, and somebody is told.
    for word in ["expired_token", "invalid_token"] {
        let body = json!({"errors": [{"errorType": word}]}).to_string();
        assert!(settings.api.expired[0].given(http::StatusCode::UNAUTHORIZED, body.as_bytes()), "{word}");
    }
    assert!(settings.retired.is_some_and(|note| note.contains("2026-11-02") && note.contains("Google Health API")));
    let Status::Retired { on, successor, .. } = provider("fitbit").status else { panic!("retired") };
    assert_eq!(on, "2026-11-02");
    assert_eq!(successor.as_deref(), Some("google-health"));
}

/// Of the two that nothing renews: a token that was taken back, and not a signature that is wrong.
#[test]
fn d14_oauth_1_tokens_that_were_taken_back_are_known_by_what_the_provider_says() {
    let says = |name: &str, status: u16, body: &str| {
        let status = http::StatusCode::from_u16(status).expect("a status");
        settings(name).api.revoked.iter().any(|signal| signal.given(status, body.as_bytes()))
    };
    let unknown = r#"OAuth Verification Failed: The consumer_key "3f9a" token "77c1" combination does not exist or is not enabled."#;
    let wrong = r#"OAuth Verification Failed: Verification of signature failed (signature base string was "GET&http")."#;
    for (text, expected) in [(unknown, true), (wrong, false)] {
        for body in [text.to_owned(), json!({"error": text}).to_string(), format!("<error>{}</error>", text.replace('"', "&quot;"))] {
            assert_eq!(says("telldus", 401, &body), expected, "{body}");
        }
    }
    assert!(!says("telldus", 200, unknown));
    let fitbit = |field: &str| json!({"errors": [{"errorType": "oauth", "fieldName": field}], "success": false}).to_string();
    assert!(says("fitbit-oauth1", 401, &fitbit("oauth_access_token")));
    for field in ["oauth_signature", "oauth_consumer_key", "oauth_timestamp", "n/a"] {
        assert!(!says("fitbit-oauth1", 401, &fitbit(field)), "{field}");
    }
}

/// In words of their own, each as it was read. What can be something else's fault ends no login.
#[test]
fn refresh_tokens_that_have_ended_are_known_by_what_the_provider_says() {
    let strava = |resource: &str| json!({"message": "Bad Request", "errors": [{"resource": resource, "field": "f", "code": "invalid"}]});
    let says = |error: &str, description: &str| json!({"error": error, "error_description": description});
    for (name, status, body, expected) in [
        ("strava", 400, strava("RefreshToken"), true),
        ("strava", 400, strava("Application"), false),
        ("twitch", 400, json!({"status": 400, "message": "Invalid refresh token"}), true),
        ("twitch", 400, json!({"status": 400, "message": "invalid client"}), false),
        ("twitter", 400, says("invalid_request", "Value passed for the token was invalid."), true),
        ("twitter", 400, says("invalid_request", "Missing required parameter [client_id]."), false),
        ("atlassian", 403, says("unauthorized_client", "refresh_token is invalid"), true),
        ("atlassian", 403, says("unauthorized_client", "grant type is not allowed"), false),
        ("reddit", 400, json!({"message": "Bad Request", "error": 400}), false),
    ] {
        let (status, settings) = (http::StatusCode::from_u16(status).expect("a status"), settings(name));
        let given = oauth2(&settings).grant_ended.iter().any(|signal| signal.given(status, body.to_string().as_bytes()));
        assert_eq!(given, expected, "{name}: {body}");
    }
}

/// A server of one's own may be at any port.
#[test]
fn servers_of_ones_own_may_be_at_a_port() {
    for (name, field, good) in
        [("keycloak", "host", "sso.example:8443"), ("gitlab", "host", "git.example:8443"), ("mastodon", "instance", "a.example:3000")]
    {
        let provider = provider(name);
        let field = provider.client.fields.iter().find(|known| known.name == field).expect("a field");
        assert!(field.check(good).is_ok() && field.check("a.example").is_ok(), "{name}");
        for bad in ["a.example/other", "a.example:", "a.example:1234567", "me@a.example", "a.example:80/auth/x"] {
            assert!(field.check(bad).is_err(), "{name}: {bad}");
        }
    }
    let host = |name: &str| (name == "host").then(|| "git.example:8443".to_owned());
    let settings = provider("gitlab").settings(&host).expect("settings");
    assert_eq!(oauth2(&settings).token.as_str(), "https://git.example:8443/oauth/token");
    for bad in ["git.example:", "git.example:x", "git.example:80@evil.example", "me:1@evil.example", "git.example:80:80"] {
        assert!(provider("gitlab").settings(&|name| (name == "host").then(|| bad.to_owned())).is_err(), "{bad}");
    }
}

#[test]
fn fitbit_by_oauth_1_is_said_without_an_if() {
    let settings = settings("fitbit-oauth1");
    let Flow::OAuth1(flow) = &settings.flow else { panic!("OAuth 1") };
    assert_eq!((flow.signature, flow.placement, flow.callback), (SignatureMethod::HmacSha1, Placement::Header, CallbackAt::RequestToken));
    assert_eq!(flow.token_method, http::Method::POST);
    assert_eq!(flow.access_token.as_str(), "https://api.fitbit.com/oauth/access_token");
    let provider = provider("fitbit-oauth1");
    assert!(provider.client.redirect.oob);
    assert!(matches!(&provider.status, Status::Retired { on, .. } if on == "2016-04-12"));
    assert_eq!(provider.client.field_of_variable("consumer_key").map(|field| field.name.as_str()), Some("client_id"));
    assert_eq!(provider.client.field_of_variable("consumer_secret").map(|field| field.name.as_str()), Some("client_secret"));
}

#[test]
fn telldus_is_said_without_an_if() {
    let settings = settings("telldus");
    let Flow::OAuth1(flow) = &settings.flow else { panic!("OAuth 1") };
    assert_eq!(flow.request_token.as_str(), "https://pa-api.telldus.com/oauth/requestToken");
    assert_eq!(settings.deviations, BTreeSet::from([Deviation::CallbackConfirmedOtherwise, Deviation::DenialWithoutVerifier]));
    assert!(settings.api.failed[0].given(http::StatusCode::OK, br#"{"error":"offline"}"#));
    assert!(!settings.api.failed[0].given(http::StatusCode::OK, br#"{"device":[]}"#));
    for (variable, field) in [("CONSUMER_KEY", "client_id"), ("CONSUMER_SECRET", "client_secret"), ("CALLBACK_URL", "redirect_uri")] {
        assert_eq!(provider("telldus").client.field_of_variable(variable).map(|field| field.name.as_str()), Some(field));
    }
}

/// Hosts and a realm that are the customer's own.
#[test]
fn netsuite_is_said_with_fields() {
    let field = |name: &str| match name {
        "account" => Some("1234567_SB1".to_owned()),
        "host" => Some("1234567-sb1".to_owned()),
        _ => None,
    };
    let settings = provider("netsuite-tba").settings(&field).expect("settings");
    let Flow::OAuth1(flow) = &settings.flow else { panic!("OAuth 1") };
    assert_eq!((flow.signature, flow.realm.as_deref()), (SignatureMethod::HmacSha256, Some("1234567_SB1")));
    assert_eq!(flow.access_token.as_str(), "https://1234567-sb1.restlets.api.netsuite.com/rest/accesstoken");
    assert!(provider("netsuite-tba").settings(&|_| None).is_err(), "nobody's account");
}

#[test]
fn acme_is_strict() {
    let settings = settings("acme");
    assert!(settings.deviations.is_empty());
    let flow = oauth2(&settings);
    assert_eq!((flow.pkce, flow.iss_required, flow.issuer.as_deref()), (Pkce::S256, true, Some("https://acme.example")));
    let provider = provider("acme");
    assert_eq!((provider.kind, &provider.status), (Kind::OAuth2, &Status::Sandbox));
    assert_eq!(provider.client.redirect.listener("http://127.0.0.1/callback"), Some(("127.0.0.1".to_owned(), 0)));
}

#[test]
fn a_provider_is_moved_to_the_sandbox_whole() {
    let sandbox = Origin::parse("http://127.0.0.1:8901").expect("an origin");
    // Where an issuer says the rest, tests/discovery.rs looks.
    for provider in Catalogue::embedded().iter().filter(|provider| provider.kind != Kind::Oidc) {
        // Where a host or a path depends on the app (a shop's name, say), it is filled like any other.
        let settings = provider.at_origin(&sandbox).settings(&|field| Some(field.replace('_', "-"))).expect("settings");
        assert_eq!(settings.origins(), std::slice::from_ref(&sandbox), "{}", provider.name);
        let authorize = match &settings.flow {
            Flow::OAuth1(flow) => Some(&flow.authorize),
            Flow::OAuth2(flow) => flow.authorize.as_ref(),
            other => panic!("{other:?}"),
        };
        let by_code = provider.client.redirect.device_only;
        assert_eq!(authorize.is_none(), by_code || settings.is_imported() && provider.kind == Kind::OAuth2, "{}", provider.name);
        assert!(authorize.is_none_or(|page| page.origin() == sandbox), "{}", provider.name);
        let shown = provider.at_origin(&sandbox).endpoints();
        assert!(shown.iter().all(|(_, url)| url.starts_with("http://127.0.0.1:8901") || url.contains('{')), "{shown:?}");
    }
    let moved = provider("acme").at_origin(&sandbox).settings(&|_| None).expect("settings");
    assert_eq!(oauth2(&moved).issuer.as_deref(), Some("http://127.0.0.1:8901"), "the issuer is the origin we address it by");
    assert_eq!(oauth2(&moved).token.as_str(), "http://127.0.0.1:8901/token");
}

#[test]
fn one_origin_is_moved_and_others_stay() {
    let from = Origin::parse("https://auth.august.com").expect("an origin");
    let to = Origin::parse("http://127.0.0.1:8901").expect("an origin");
    let settings = provider("august").at(&BTreeMap::from([(from, to)])).settings(&|_| None).expect("settings");
    assert_eq!(oauth2(&settings).token.as_str(), "http://127.0.0.1:8901/access_token");
    assert_eq!(settings.api.base.as_str(), "https://api-production.august.com");
}

#[test]
fn an_unknown_provider_comes_with_the_nearest() {
    let catalogue = Catalogue::embedded();
    let unknown = catalogue.get("teldus").expect_err("unknown");
    assert_eq!(unknown.nearest.as_deref(), Some("telldus"));
    assert_eq!(unknown.to_string(), "no provider is called \"teldus\"");
    assert_eq!(catalogue.get("\u{1b}[2Jzzz").expect_err("unknown").name, "[2Jzzz");
    let action = provider("august").action("unlok-now").map(|_| ()).expect_err("unknown");
    assert_eq!(action.hint.as_deref(), Some("did you mean \"unlock-now\"?"));
}

/// The example of the README is one that people copy.
#[test]
fn the_readme_example_is_clean() {
    let readme = include_str!("../README.md");
    let example = readme.split("```toml\n").last().and_then(|rest| rest.split("```").next()).expect("an example");
    let hub = keyfob_providers::check(example, "my-hub.toml").map_err(|problems| format!("{problems:?}")).expect("clean");
    assert_eq!(hub.actions.iter().map(|action| action.usage()).collect::<Vec<_>>(), ["lamps [--room ROOM]", "set ID LEVEL"]);
}

#[test]
fn rate_limits_and_pages_are_said_without_an_if() {
    let told = |name: &str, headers: &[(&'static str, &'static str)]| {
        let headers =
            headers.iter().map(|(name, value)| (http::HeaderName::from_static(name), http::HeaderValue::from_static(value))).collect();
        settings(name).api.limits.expect("limits").read(&headers, keyfob_proto::Timestamp::from_unix(1_800_000_000)).expect("told")
    };
    let github = [("x-ratelimit-limit", "5000"), ("x-ratelimit-remaining", "4999"), ("x-ratelimit-reset", "1800000060")];
    let discord = [("x-ratelimit-limit", "5"), ("x-ratelimit-remaining", "0"), ("x-ratelimit-reset-after", "60.5")];
    for (limit, expected) in [(told("github", &github), (5000, 4999)), (told("discord", &discord), (5, 0))] {
        assert_eq!((limit.limit, limit.remaining), (Some(expected.0), Some(expected.1)));
        assert_eq!(limit.resets_at.map(keyfob_proto::Timestamp::as_unix), Some(1_800_000_060));
    }
    let next = |name: &str, url: &str, answer: serde_json::Value| provider(name).pages().and_then(|pages| pages.next(url, &answer));
    let slack = json!({"ok": true, "response_metadata": {"next_cursor": "dXNlcg=="}});
    assert_eq!(
        next("slack", "https://slack.com/api/x?limit=2", slack).as_deref(),
        Some("https://slack.com/api/x?limit=2&cursor=dXNlcg%3D%3D")
    );
    assert_eq!(next("slack", "https://slack.com/api/x", json!({"ok": true, "response_metadata": {"next_cursor": ""}})), None);
    let graph = json!({"value": [], "@odata.nextLink": "https://graph.microsoft.com/v1.0/me/messages?$skip=10"});
    assert_eq!(
        next("microsoft", "https://graph.microsoft.com/v1.0/me", graph).as_deref(),
        Some("https://graph.microsoft.com/v1.0/me/messages?$skip=10")
    );
    assert_eq!(next("strava", "https://www.strava.com/x?page=2", json!([1])).as_deref(), Some("https://www.strava.com/x?page=3"));
    let x = [("x-rate-limit-limit", "900"), ("x-rate-limit-remaining", "899"), ("x-rate-limit-reset", "1800000060")];
    let whoop = [("x-ratelimit-limit", "100, 100;window=60"), ("x-ratelimit-remaining", "98"), ("x-ratelimit-reset", "60")];
    let tado = [("ratelimit", "\"perday\";r=0;t=60"), ("ratelimit-policy", "\"perday\";q=20000;w=86400")];
    for (limit, expected) in
        [(told("tado", &tado), (Some(20_000), 0)), (told("twitter", &x), (Some(900), 899)), (told("whoop", &whoop), (None, 98))]
    {
        assert_eq!((limit.limit, limit.remaining), (expected.0, Some(expected.1)));
        assert_eq!(limit.resets_at.map(keyfob_proto::Timestamp::as_unix), Some(1_800_000_060));
    }
    let whoop = json!({"records": [], "next_token": "a="});
    assert_eq!(next("whoop", "https://api.prod.whoop.com/x", whoop).as_deref(), Some("https://api.prod.whoop.com/x?nextToken=a%3D"));
    let asana = json!({"data": [], "next_page": {"offset": "o", "uri": "https://app.asana.com/api/1.0/tasks?offset=o"}});
    assert_eq!(next("asana", "https://app.asana.com/x", asana).as_deref(), Some("https://app.asana.com/api/1.0/tasks?offset=o"));
    assert_eq!(next("asana", "https://app.asana.com/x", json!({"data": [], "next_page": null})), None);
    assert_eq!(next("github", "https://api.github.com/x", json!([])), None, "its Link headers say it");
}

/// What providers changed in 2026, each of which refused new apps.
#[test]
fn what_changed_in_2026_is_said() {
    let asked = |name: &str| oauth2(&settings(name)).scopes.clone();
    assert!(!asked("xero").iter().any(|scope| scope.starts_with("accounting.transactions")), "new apps are refused it");
    assert_eq!(asked("calendly"), ["users:read", "scheduled_events:read"]);
    assert!(asked("asana").contains(&"tasks:read".to_owned()));
    let etsy = settings("etsy");
    assert!(etsy.api.headers.iter().any(|(name, value)| name == "x-api-key" && value.as_str() == "{client_id}:{shared_secret}"));
    let etsy = provider("etsy");
    assert!(etsy.client.field("shared_secret").is_some_and(|field| field.secret && field.required));
    assert_eq!(oauth2(&settings("hubspot")).token.as_str(), "https://api.hubapi.com/oauth/2026-03/token");
    assert!(matches!(oauth2(&settings("linear")).pkce, Pkce::S256));
}

/// Keys that sign alone are one thing, and tokens that are made elsewhere another.
#[test]
fn tokens_that_are_imported_are_not_said_to_be_none() {
    let said = |name: &str, words: &str| provider(name).habits().iter().any(|habit| habit.contains(words));
    assert!(said("magento2", "tokens are made at the provider") && !said("magento2", "there are no tokens"));
    assert!(said("woocommerce", "there are no tokens") && !said("woocommerce", "tokens are made at the provider"));
}

/// A name that somebody left away is not called "null".
#[test]
fn names_that_are_missing_are_shown_as_nothing() {
    for (name, first, last) in
        [("strava", "firstname", "lastname"), ("whoop", "first_name", "last_name"), ("zoom", "first_name", "last_name")]
    {
        let provider = provider(name);
        let action = provider.actions.iter().find(|action| ["me", "profile"].contains(&action.name.as_str())).expect("who one is");
        let shown = |answer: serde_json::Value| {
            let table = action.table(&BTreeMap::new(), &answer).expect("a table");
            let at = table.columns.iter().position(|column| column.title == "Name").expect("a name");
            serde_json::to_value(&table.rows[0].cells[at]).expect("JSON").to_string()
        };
        assert!(shown(json!({ (first): "Ada", (last): "Lovelace" })).contains("Ada Lovelace"), "{name}");
        let half = shown(json!({ (first): "Ada", (last): null }));
        assert!(half.contains("Ada") && !half.contains("null"), "{name}: {half}");
    }
}

/// Where one app is everybody's, the field itself says which: it is where people look for what to type.
#[test]
fn an_app_that_is_everybodys_is_said_where_it_is_asked_for() {
    let tado = provider("tado");
    let help = &tado.client.field("client_id").expect("a field").help;
    assert!(help.contains("1bb50063-6b0c-4d11-bd99-387f4a91cc46") && tado.client.register_help.contains("everybody's"), "{help}");
}
