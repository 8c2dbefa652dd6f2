//! Where other programs keep tokens, recognised by what it looks like: objects of oauthlib and its like, also as Python prints them, Netatmo scripts' credentials, `.twurlrc`, xurl's file, Home
//! Assistant's storage, exported requests of Postman and Bruno, env-files. All become one object, of the names that `--stdin` takes.

use keyfob_providers::{Catalogue, Kind, Provider};
use serde_json::{Map, Value};

use super::names::named;
use super::objects::scalars_of_one;
use super::whom::{Leads, Whom};
use super::{bruno, home_assistant, lines, postman, python, twurl, xurl, yaml};

/// What was found in a file.
#[derive(Debug)]
pub(super) struct Found {
    /// What kind of file it is, for people.
    pub(super) kind: &'static str,
    /// Tokens and keys, by the names that `--stdin` takes.
    pub(super) object: Map<String, Value>,
}

/// Why nothing was taken.
#[derive(Debug, PartialEq)]
pub(super) enum NotFound {
    /// It looks like nothing that is known.
    Unknown,
    /// It is of this kind, and has neither tokens nor keys for this provider.
    Empty(&'static str),
    /// It begins as this does, and is cut off or damaged: half of a login is none.
    CutOff(&'static str),
    /// It is of an account, which is another provider's: its tokens are not to be sent to this one.
    OfAnother(String),
    /// They stand under the names of other providers.
    UnderAnother(Vec<String>),
    /// Its tokens, of this protocol where only one is possible, are sent to these URLs, where another provider is, or nobody who is known.
    SentElsewhere { kind: &'static str, urls: Vec<String>, protocol: Option<&'static str> },
    /// There are several, of these names, and which one is meant was not said, or is not among them. Half of one and half of another would be a login that
    /// works for nobody, or for the wrong person.
    Several(Vec<String>),
}

/// Whose tokens are wanted, and which of several.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    /// As its file describes it: also where the sandbox plays it, files are of the real one.
    pub(super) provider: &'a Provider,
    /// All that are known: what is another's is not to be sent to this one.
    pub(super) catalogue: &'a Catalogue,
    /// The one that somebody named.
    pub(super) profile: Option<&'a str>,
}

impl Wanted<'_> {
    pub(super) const fn kind(self) -> Kind {
        self.provider.kind
    }

    /// Of a file whose tokens are for one place, which has several names.
    pub(super) fn must_be_at(self, urls: &[&str], kind: &'static str, protocol: Option<&'static str>) -> Result<(), NotFound> {
        let whom = Whom::of(self.provider, [], []);
        match urls.iter().any(|url| whom.leads(url) == Leads::Ours) {
            true => Ok(()),
            false => Err(NotFound::SentElsewhere { kind, urls: urls.iter().map(|url| (*url).to_owned()).collect(), protocol }),
        }
    }
}

/// Reads a file of another program. What is of a kind that is known is read as that and as nothing else: another service's token in it is none of this one's.
pub(super) fn read(text: &str, wanted: Wanted<'_>) -> Result<Found, NotFound> {
    let found = |kind, object: Map<String, Value>| {
        let object: Map<String, Value> = object.into_iter().filter(|(_, value)| variable(value).is_none()).collect();
        if object.is_empty() { Err(NotFound::Empty(kind)) } else { Ok(Found { kind, object }) }
    };
    let of_document = |kind, document: &Value| {
        let scalars = scalars_of_one(document, wanted)?;
        // What `env` prints says whose it is.
        let account = scalars.iter().find(|(name, _)| name == "keyfob_account").and_then(|(_, account)| account.as_str());
        match account.filter(|account| account.split('/').next() != Some(wanted.provider.name.as_str())) {
            Some(account) => Err(NotFound::OfAnother(account.to_owned())),
            None => found(kind, named(&scalars, wanted.provider)),
        }
    };
    match serde_json::from_str::<Value>(text) {
        Ok(json) => {
            if let Some(object) = home_assistant::read(&json, wanted)? {
                return found("Home Assistant's storage", object);
            }
            if let Some(object) = xurl::read(&json, wanted)? {
                return found("xurl's file", object);
            }
            if let Some(object) = postman::read(&json, wanted)? {
                return found("a request of Postman", object);
            }
            return of_document(if json.is_object() { "a JSON object" } else { "JSON" }, &json);
        }
        Err(error) if error.is_eof() && text.trim_start().starts_with('{') => return Err(NotFound::CutOff("a JSON object")),
        Err(_) => {}
    }
    if let Some(printed) = python::read(text) {
        return of_document("a dictionary of Python", &printed);
    }
    if let Some(object) = bruno::read(text, wanted)? {
        return found("a request of Bruno", object);
    }
    let document = yaml::read(text);
    if let Some(document) = &document {
        if let Some(object) = twurl::read(document, wanted)? {
            return found("twurl's file", object);
        }
        if let Some(object) = xurl::read(document, wanted)? {
            return found("xurl's file", object);
        }
    }
    // Where they begin so and are no YAML.
    let first = text.lines().map(str::trim_end).find(|line| !line.is_empty() && !line.starts_with(['#', '-']));
    match first {
        Some("profiles:") => return Err(NotFound::CutOff("twurl's file")),
        Some("apps:") => return Err(NotFound::CutOff("xurl's file")),
        _ => {}
    }
    of_document("lines of names and values", &document.unwrap_or_else(|| lines::read(text)))
        .map_err(|why| if matches!(why, NotFound::Empty(_)) { NotFound::Unknown } else { why })
}

/// The name of a value that stands elsewhere (Postman, Bruno), where this is one, and no value itself.
pub(super) fn variable(value: &Value) -> Option<String> {
    value.as_str()?.strip_prefix("{{")?.strip_suffix("}}").map(|name| name.trim().to_owned())
}

/// A text with the values of the variables that stand in it (`{{base}}/user`), where they are known.
pub(super) fn filled(text: &str, known: impl Fn(&str) -> Option<Value>) -> String {
    let mut parts = text.split("{{");
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let value = part.split_once("}}").and_then(|(name, rest)| Some((known(name.trim())?.as_str()?.to_owned(), rest)));
        match value {
            Some((value, rest)) => filled.extend([value.as_str(), rest]),
            None => filled.extend(["{{", part]),
        }
    }
    filled
}

/// The one that was named; else the one that the file says is usual; else the only one.
pub(super) fn one<T>(all: Vec<(String, T)>, named: Option<&str>, usual: Option<&str>) -> Result<Option<T>, NotFound> {
    let names = || NotFound::Several(all.iter().map(|(name, _)| name.clone()).collect());
    let at = match named.or(usual) {
        Some(wanted) => all.iter().position(|(name, _)| name == wanted),
        None => None,
    };
    match (at, all.len()) {
        (None, 0) => Ok(None),
        (None, 1) if named.is_none() => Ok(all.into_iter().next().map(|(_, found)| found)),
        (None, _) => Err(names()),
        (Some(at), _) => Ok(all.into_iter().nth(at).map(|(_, found)| found)),
    }
}

pub(super) const fn protocol(kind: Kind) -> &'static str {
    match kind {
        Kind::OAuth1 => "oauth1",
        _ => "oauth2",
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;

    /// What is read for a hub that is where X is, whose files are among those that are known.
    pub(in crate::verb::import) fn at_hub<T>(kind: Kind, profile: Option<&str>, read: impl FnOnce(Wanted<'_>) -> T) -> T {
        let catalogue = Catalogue::embedded();
        let x = catalogue.get(if kind == Kind::OAuth1 { "twitter-oauth1" } else { "twitter" }).expect("embedded");
        let mut hub = x.clone();
        (hub.name, hub.kind) = ("hub".to_owned(), kind);
        read(Wanted { provider: &hub, catalogue: &catalogue, profile })
    }

    fn object(text: &str, kind: Kind) -> Value {
        of(text, kind, None).unwrap_or_default()
    }

    fn of(text: &str, kind: Kind, profile: Option<&str>) -> Result<Value, NotFound> {
        at_hub(kind, profile, |wanted| read(text, wanted)).map(|found| Value::Object(found.object))
    }

    /// The same for a provider that is known.
    fn of_provider(text: &str, provider: &str) -> Result<Value, NotFound> {
        of_profile(text, provider, None)
    }

    fn several(names: &[&str]) -> Result<Value, NotFound> {
        Err(NotFound::Several(names.iter().map(|name| (*name).to_owned()).collect()))
    }

    #[test]
    fn what_other_programs_keep_is_recognised() {
        let oauth1 = json!({"client_id": "ck", "client_secret": "cs", "token": "t", "token_secret": "ts"});
        for text in [
            r#"{"client_key":"ck","client_secret":"cs","resource_owner_key":"t","resource_owner_secret":"ts"}"#,
            r#"{"consumer_key":"ck","consumer_secret":"cs","access_token":"t","access_token_secret":"ts"}"#,
            "---\nprofiles:\n  me:\n    ck:\n      username: me\n      consumer_key: ck\n      consumer_secret: cs\n      token: t\n      secret: ts\nconfiguration:\n  default_profile:\n  - me\n  - ck\n",
            "apps:\n  default:\n    oauth1_token:\n      type: oauth1\n      oauth1:\n        access_token: t\n        token_secret: ts\n        consumer_key: ck\n        consumer_secret: cs\n",
            r#"{"info":{},"item":[{"request":{"auth":{"type":"oauth1","oauth1":[{"key":"consumerKey","value":"ck"},{"key":"consumerSecret","value":"cs"},{"key":"token","value":"t"},{"key":"tokenSecret","value":"ts"}]}}}]}"#,
            "auth:oauth1 {\n  consumer_key: ck\n  consumer_secret: cs\n  access_token: t\n  token_secret: ts\n}\n",
            "# mine\nexport CONSUMER_KEY=ck\nCONSUMER_SECRET='cs'\nOAUTH_TOKEN=\"t\"\nOAUTH_TOKEN_SECRET=ts\n",
        ] {
            assert_eq!(object(text, Kind::OAuth1), oauth1, "{text}");
        }
        assert_eq!(
            object(
                r#"{"access_token":"a","refresh_token":"r","expires_at":1577836800.5,"scope":["x","y"],"token_type":"Bearer"}"#,
                Kind::OAuth2
            ),
            json!({"access_token": "a", "refresh_token": "r", "expires_at": 1577836800.5, "scope": ["x", "y"]})
        );
        assert_eq!(
            object(r#"{"CLIENT_ID":"i","CLIENT_SECRET":"s","REFRESH_TOKEN":"r"}"#, Kind::OAuth2),
            json!({"client_id": "i", "client_secret": "s", "refresh_token": "r"})
        );
        let storage = r#"{"version":1,"data":{"entries":[{"domain":"other","data":{"token":{"access_token":"no"}}},{"domain":"hub","data":{"auth_implementation":"hub","token":{"access_token":"a","refresh_token":"r","expires_at":1.5}}}]}}"#;
        assert_eq!(object(storage, Kind::Oidc), json!({"access_token": "a", "refresh_token": "r", "expires_at": 1.5}));
    }

    #[test]
    fn of_several_profiles_the_usual_one_is_taken_whole() {
        let people = "profiles:\n  alice:\n    k1:\n      consumer_key: k1\n      consumer_secret: s1\n      token: t1\n      secret: ts1\n  bob:\n    k2:\n      consumer_key: k2\n      consumer_secret: s2\n      token: t2\n      secret: ts2\n";
        let usual = format!("{people}configuration:\n  default_profile:\n  - bob\n  - k2\n");
        let of_person = |n: u8| {
            Ok(
                json!({"client_id": format!("k{n}"), "client_secret": format!("s{n}"), "token": format!("t{n}"), "token_secret": format!("ts{n}")}),
            )
        };
        assert_eq!(of(&usual, Kind::OAuth1, None), of_person(2));
        assert_eq!(of(&usual, Kind::OAuth1, Some("alice")), of_person(1));
        assert_eq!(of(people, Kind::OAuth1, None), several(&["alice/k1", "bob/k2"]));
        // Of somebody who has two: the usual one, or they are named.
        let twice = people.replace("bob:", "alice2:").replace("  alice2:\n", "");
        assert_eq!(of(&twice, Kind::OAuth1, Some("alice")), several(&["alice/k1", "alice/k2"]));
        assert_eq!(of(&twice, Kind::OAuth1, Some("alice/k2")), of_person(2));
        let twice = format!("{twice}configuration:\n  default_profile:\n  - alice\n  - k2\n");
        assert_eq!(of(&twice, Kind::OAuth1, Some("alice")), of_person(2));
        assert_eq!(of(people, Kind::OAuth1, Some("carol")), several(&["alice/k1", "bob/k2"]));

        let apps = "apps:\n  a1:\n    client_id: i1\n    client_secret: s1\n    oauth2_tokens: {}\n  a2:\n    client_id: i2\n    client_secret: s2\n    default_user: bob\n    oauth2_tokens:\n      alice:\n        type: oauth2\n        oauth2:\n          access_token: ta\n          refresh_token: ra\n          expiration_time: 7\n      bob:\n        type: oauth2\n        oauth2:\n          access_token: tb\n          refresh_token: rb\n          expiration_time: 8\n";
        let usual = format!("{apps}default_app: a2\n");
        let of_person = |n: &str, at: &str| {
            Ok(
                json!({"client_id": "i2", "client_secret": "s2", "access_token": format!("t{n}"), "refresh_token": format!("r{n}"), "expires_at": at}),
            )
        };
        assert_eq!(of(&usual, Kind::OAuth2, None), of_person("b", "8"));
        assert_eq!(of(&usual, Kind::OAuth2, Some("alice")), of_person("a", "7"));
        assert_eq!(of(apps, Kind::OAuth2, Some("a2/alice")), of_person("a", "7"));
        assert_eq!(of(apps, Kind::OAuth2, None), several(&["a1", "a2"]));
        // No app has that name, and tokens of OAuth 1 are no person's.
        assert_eq!(of(apps, Kind::OAuth1, Some("carol")), several(&["a1", "a2"]));
        assert_eq!(of(&usual, Kind::OAuth2, Some("carol")), several(&["alice", "bob"]));
    }

    #[test]
    fn an_entry_of_home_assistant_is_of_that_domain_and_of_no_longer_one() {
        let entry = |domain: &str, title: &str, token: &str| json!({"domain": domain, "title": title, "data": {"auth_implementation": "mine", "token": {"access_token": token}}});
        let storage = |entries: &[Value]| json!({"version": 1, "data": {"entries": entries}}).to_string();
        let longer = [entry("hub_bluetooth", "B", "no"), entry("hu", "C", "no"), entry("hub", "A", "yes")];
        assert_eq!(of(&storage(&longer), Kind::OAuth2, None), Ok(json!({"access_token": "yes"})));
        // Whose token it is otherwise, it is not sent there.
        assert_eq!(of(&storage(&longer[..2]), Kind::OAuth2, None), Err(NotFound::Empty("Home Assistant's storage")));
        let two = [entry("hub", "Home", "a"), entry("hub", "Cabin", "b")];
        assert_eq!(of(&storage(&two), Kind::OAuth2, None), several(&["Home", "Cabin"]));
        assert_eq!(of(&storage(&two), Kind::OAuth2, Some("Cabin")), Ok(json!({"access_token": "b"})));
        let keys = |name: &str| json!({"domain": "hub", "auth_domain": name, "client_id": name});
        let items = json!({"data": {"items": [keys("a"), keys("b")]}}).to_string();
        assert_eq!(of(&items, Kind::OAuth2, Some("b")), Ok(json!({"client_id": "b"})));
        let both = json!({"data": {"entries": [entry("hub", "Home", "a")], "items": [
            {"domain": "hub", "auth_domain": "other", "client_id": "i1", "client_secret": "s1"},
            {"domain": "hub", "auth_domain": "mine", "client_id": "i2", "client_secret": "s2"},
        ]}});
        assert_eq!(of(&both.to_string(), Kind::OAuth2, None), Ok(json!({"access_token": "a", "client_id": "i2", "client_secret": "s2"})));
    }

    #[test]
    fn requests_of_postman_and_bruno_are_read_of_the_providers_protocol() {
        let auth = |kind: &str, pairs: &[(&str, &str)]| {
            let pairs: Vec<Value> = pairs.iter().map(|(key, value)| json!({"key": key, "value": value, "type": "string"})).collect();
            let mut auth = json!({"type": kind});
            auth[kind] = Value::Array(pairs);
            json!({"request": {"auth": auth}})
        };
        let oauth2 = [("accessToken", "a"), ("clientId", "i"), ("clientSecret", "{{secret}}"), ("refreshToken", "r")];
        let both =
            json!({"info": {}, "item": [auth("oauth1", &[("token", "t"), ("tokenSecret", "ts")]), auth("oauth2", &oauth2)]}).to_string();
        assert_eq!(of(&both, Kind::OAuth2, None), Ok(json!({"access_token": "a", "client_id": "i", "refresh_token": "r"})));
        assert_eq!(of(&both, Kind::OAuth1, None), Ok(json!({"token": "t", "token_secret": "ts"})));
        let bruno = "meta {\n  name: x\n  token: no\n}\n\nauth:oauth2 {\n  grant_type: authorization_code\n  client_id: i\n  client_secret: s\n  scope: x y\n}\n\nvars:pre-request {\n  access_token: a\n}\n";
        let bearer = "auth {\n  mode: bearer\n}\n\nauth:bearer {\n  token: example-token\n}\n";
        assert_eq!(of(bearer, Kind::OAuth2, None), Ok(json!({"access_token": "example-token"})));
        assert_eq!(of(bruno, Kind::OAuth2, None), Ok(json!({"client_id": "i", "client_secret": "s", "scope": "x y", "access_token": "a"})));
    }

    #[test]
    fn whose_secret_it_is_depends_on_the_protocol() {
        let text = r#"{"client_id":"i","secret":"s","access_token":"a","refresh_token":"r"}"#;
        for kind in [Kind::OAuth2, Kind::Oidc] {
            let expected = json!({"client_id": "i", "client_secret": "s", "access_token": "a", "refresh_token": "r"});
            assert_eq!(object(text, kind), expected);
        }
        assert_eq!(object(r#"{"access_token":"a","token_secret":"s"}"#, Kind::OAuth2)["access_token"], "a");
        assert_eq!(object(r#"{"token":"t","secret":"s"}"#, Kind::OAuth1), json!({"token": "t", "token_secret": "s"}));
    }

    #[test]
    fn requests_and_collections_of_bruno_are_read_with_what_their_variables_are() {
        let text = "meta {\r\n  name: hub\r\n}\r\n\r\nauth {\r\n  mode: oauth2\r\n}\r\n\r\nauth:oauth2 {\r\n  grant_type: authorization_code\r\n  \
            client_id: {{id}}\r\n  client_secret: {{elsewhere}}\r\n}\r\n\r\nvars:pre-request {\r\n  id: i\r\n  clientSecret: s\r\n  ~access_token: off\r\n  \
            refresh_token: r\r\n}\r\n";
        assert_eq!(object(text, Kind::OAuth2), json!({"client_id": "i", "client_secret": "s", "refresh_token": "r"}));
        let text = "auth:oauth1 {\n  consumer_key: k\n  consumer_secret: {{secret}}\n  access_token: t\n  token_secret: ts\n  signature_method: HMAC-SHA1\n  \
            placement: header\n}\n\nvars {\n  secret: s\n}\n";
        assert_eq!(object(text, Kind::OAuth1), json!({"client_id": "k", "client_secret": "s", "token": "t", "token_secret": "ts"}));
    }

    #[test]
    fn what_a_provider_calls_its_fields_is_known_and_nothing_else() {
        let all = json!({"client_id": "i", "api_key": "k", "client_secret": "s", "access_token": "a"});
        assert_eq!(of_provider(&all.to_string(), "august"), Ok(all.clone()));
        assert_eq!(of_provider("CLIENTID=i\nAPIKEY=k\nAPISEC=s\nACCESS_TOKEN=a\n", "august"), Ok(all));
        assert_eq!(of_provider(r#"{"api_key":"k","access_token":"a"}"#, "august"), Ok(json!({"api_key": "k", "access_token": "a"})));
        assert_eq!(of_provider(r#"{"api_key":"k","access_token":"a"}"#, "netatmo"), Ok(json!({"client_id": "k", "access_token": "a"})));
        let netatmo =
            "netatmo_api_client_id: i\nNETATMO_API_CLIENT_SECRET: s\nNETATMO_ACCESS_TOKEN: a\nGITHUB_REFRESH_TOKEN: no\nscope: x\n";
        assert_eq!(of_provider(netatmo, "netatmo"), Ok(json!({"client_id": "i", "client_secret": "s", "access_token": "a", "scope": "x"})));
    }

    #[test]
    fn what_is_for_x_is_for_nobody_else() {
        let twurl = "profiles:\n  me:\n    k:\n      consumer_key: k\n      token: t\n      secret: ts\n";
        let xurl = r#"{"client_id":"i","oauth2_tokens":{"me":{"oauth2":{"access_token":"a"}}}}"#;
        for (text, theirs, others) in [(twurl, "twitter-oauth1", "telldus"), (xurl, "twitter", "fitbit")] {
            assert!(of_provider(text, theirs).is_ok(), "{theirs}");
            let Err(NotFound::SentElsewhere { urls, .. }) = of_provider(text, others) else { panic!("it is not for {others}") };
            assert!(urls.contains(&"https://api.twitter.com".to_owned()), "{urls:?}");
        }
    }

    #[test]
    fn a_request_of_bruno_that_goes_elsewhere_has_nothing_for_this_provider() {
        let request = |url: &str| {
            format!(
                "get {{\n  url: {url}\n  auth: bearer\n}}\n\nauth:bearer {{\n  token: a\n}}\n\nvars {{\n  base: https://api.github.com\n}}\n"
            )
        };
        for url in ["https://api.github.com/user", "{{base}}/user"] {
            assert!(matches!(of_provider(&request(url), "netatmo"), Err(NotFound::SentElsewhere { .. })), "{url}");
            assert_eq!(of_provider(&request(url), "github"), Ok(json!({"access_token": "a"})));
        }
        assert_eq!(of_provider(&request("{{other}}/user"), "netatmo"), Ok(json!({"access_token": "a"})));
        let made = "auth:oauth2 {\n  access_token_url: https://github.com/login/oauth/access_token\n  client_id: i\n}\n";
        assert!(matches!(of_provider(made, "netatmo"), Err(NotFound::SentElsewhere { .. })));
    }

    fn of_profile(text: &str, provider: &str, profile: Option<&str>) -> Result<Value, NotFound> {
        let catalogue = Catalogue::embedded();
        let provider = catalogue.get(provider).expect("embedded");
        read(text, Wanted { provider, catalogue: &catalogue, profile }).map(|found| Value::Object(found.object))
    }

    #[test]
    fn of_several_logins_in_one_document_one_is_taken_and_none_is_mixed() {
        let token = |token: &str| Ok(json!({"access_token": token}));
        let under_names = r#"{"fitbit":{"client_id":"f","client_secret":"fs","token":{"access_token":"F","refresh_token":"FR"}},"netatmo":{"token":{"access_token":"N"}}}"#;
        assert_eq!(of_profile(under_names, "netatmo", None), token("N"));
        assert_eq!(of_profile(under_names, "strava", None), Err(NotFound::UnderAnother(vec!["fitbit".to_owned(), "netatmo".to_owned()])));
        assert_eq!(
            of_profile(r#"{"fitbit":{"access_token":"F"}}"#, "netatmo", None),
            Err(NotFound::UnderAnother(vec!["fitbit".to_owned()]))
        );
        assert_eq!(of_profile(r#"{"google":{"access_token":"G"}}"#, "google-health", None), token("G"));
        let two = [
            r#"{"alex":{"access_token":"A"},"robin":{"access_token":"B","refresh_token":"BR"}}"#,
            r#"{"people":{"alex":{"token":{"access_token":"A"}},"robin":{"token":{"access_token":"B","refresh_token":"BR"}}}}"#,
            "{'alex': {'access_token': 'A'}, 'robin': {'access_token': 'B', 'refresh_token': 'BR'}}",
            "alex:\n  access_token: A\nrobin:\n  access_token: B\n  refresh_token: BR\n",
            "[alex]\naccess_token = A\n\n[robin]\naccess_token = \"B\"\nrefresh_token = BR\n",
        ];
        for text in two {
            assert_eq!(of_profile(text, "netatmo", None), several(&["alex", "robin"]), "{text}");
            assert_eq!(of_profile(text, "netatmo", Some("alex")), token("A"), "{text}");
            assert_eq!(of_profile(text, "netatmo", Some("robin")), Ok(json!({"access_token": "B", "refresh_token": "BR"})), "{text}");
            assert_eq!(of_profile(text, "netatmo", Some("carol")), several(&["alex", "robin"]), "{text}");
        }
        for list in [r#"[{"access_token":"A"},{"access_token":"B"}]"#, "- access_token: A\n- access_token: B\n"] {
            assert_eq!(of_profile(list, "netatmo", None), several(&["0", "1"]));
            assert_eq!(of_profile(list, "netatmo", Some("1")), token("B"));
        }
        // Each with an app of its own, and all with the same one; apps alone are told apart too.
        let apps = r#"{"client_id":"i","alex":{"client_id":"a","token":{"access_token":"A"}},"robin":{"access_token":"B"}}"#;
        assert_eq!(of_profile(apps, "netatmo", Some("alex")), Ok(json!({"client_id": "a", "access_token": "A"})));
        assert_eq!(of_profile(apps, "netatmo", Some("robin")), Ok(json!({"client_id": "i", "access_token": "B"})));
        let keys = r#"{"fitbit":{"client_id":"f"},"netatmo":{"client_id":"n","client_secret":"s"}}"#;
        assert_eq!(of_profile(keys, "netatmo", None), Ok(json!({"client_id": "n", "client_secret": "s"})));
        let keys = r#"{"fitbit":{"client_id":"f"},"mine":{"access_token":"A"}}"#;
        assert_eq!(of_profile(keys, "netatmo", None), token("A"));
    }

    #[test]
    fn one_login_is_one_also_where_its_parts_stand_apart() {
        let whole = Ok(json!({"client_id": "i", "access_token": "a", "refresh_token": "r"}));
        for text in [
            r#"{"client":{"client_id":"i"},"token":{"access_token":"a","refresh_token":"r"}}"#,
            r#"{"client_id":"i","access_token":"a","more":{"refresh_token":"r"}}"#,
            r#"{"client_id":"i","access_token":"a","refresh_token":"r","answer":{"access_token":"a"}}"#,
            // What was given beside it to somebody else is another's.
            r#"{"client_id":"i","access_token":"a","refresh_token":"r","authed_user":{"access_token":"b","scope":"x"}}"#,
        ] {
            assert_eq!(of_profile(text, "netatmo", None), whole, "{text}");
            assert!(matches!(of_profile(text, "netatmo", Some("x")), Err(NotFound::Several(_))), "{text}");
        }
        let inner = r#"{"access_token":"a","refresh_token":"r","authed_user":{"access_token":"b"}}"#;
        assert_eq!(of_profile(inner, "slack-user", Some("authed_user")), Ok(json!({"access_token": "b"})));
        // A name that nothing has is none, whatever the file is.
        let bruno = "meta {\n  name: hub\n}\n\nauth:bearer {\n  token: a\n}\n";
        assert_eq!(of_profile(bruno, "netatmo", Some("hub")), Ok(json!({"access_token": "a"})));
        assert_eq!(of_profile(bruno, "netatmo", Some("x")), several(&["hub"]));
        assert_eq!(of_profile("ACCESS_TOKEN=a\n", "netatmo", Some("x")), several(&[]));
    }

    #[test]
    fn variables_stand_in_urls() {
        let known = |name: &str| (name == "a").then(|| Value::from("x"));
        for (text, expected) in [("{{a}}/{{ a }}", "x/x"), ("{{b}}/{{a}}", "{{b}}/x"), ("a{{a", "a{{a"), ("", ""), ("{{a}}", "x")] {
            assert_eq!(filled(text, known), expected);
        }
    }

    #[test]
    fn what_is_none_of_them_is_nothing() {
        for text in ["", "\u{0}", "hello", "a:b"] {
            assert_eq!(of(text, Kind::OAuth2, None), Err(NotFound::Unknown), "{text}");
        }
        for (text, kind) in [
            ("[]", "JSON"),
            ("[[[[[[[[[[[[1]]]]]]]]]]]]", "JSON"),
            ("{}", "a JSON object"),
            (r#"{"data":{"entries":7}}"#, "a JSON object"),
            ("{'a': 1}", "a dictionary of Python"),
            (r#"{"data":{"entries":[]}}"#, "Home Assistant's storage"),
            (
                r#"{"info":{},"item":[{"request":{"auth":{"type":"oauth1","oauth1":[{"key":"token","value":"t"}]}}}]}"#,
                "a request of Postman",
            ),
            ("profiles: {}\nconfiguration:\n  a: b\n", "twurl's file"),
            ("apps:\n  a:\n    oauth2_tokens: {}\n", "xurl's file"),
        ] {
            assert_eq!(of(text, Kind::OAuth2, None), Err(NotFound::Empty(kind)), "{text}");
        }
    }

    #[test]
    fn half_of_a_file_is_none() {
        for (text, kind) in [
            ("---\nprofiles:\n  me:\n    k:\n      consumer_key: k\n      token: t\n      sec", "twurl's file"),
            (
                "apps:\n  a:\n    client_id: i\n    oauth2_tokens:\n      me:\n        oauth2:\n          access_token: a\n          ref",
                "xurl's file",
            ),
            ("{\n  \"access_token\": \"a\",\n  \"refresh", "a JSON object"),
        ] {
            assert_eq!(of(text, Kind::OAuth2, None), Err(NotFound::CutOff(kind)), "{text}");
        }
    }

    #[test]
    fn what_env_prints_is_read_of_the_provider_it_is_for() {
        let oauth1 = json!({"client_id": "ck", "client_secret": "cs", "token": "t", "token_secret": "ts"});
        for (before, sign) in [("export ", "="), ("set -gx ", " "), ("$env:", " = ")] {
            let pairs =
                [("ACCOUNT", "hub/home"), ("CONSUMER_KEY", "ck"), ("CONSUMER_SECRET", "cs"), ("TOKEN", "t"), ("TOKEN_SECRET", "ts")];
            let text: String = pairs.map(|(name, value)| format!("{before}KEYFOB_{name}{sign}'{value}'\n")).concat();
            assert_eq!(of(&text, Kind::OAuth1, None), Ok(oauth1.clone()), "{text}");
        }
        let text =
            r#"{"KEYFOB_ACCOUNT":"hub","KEYFOB_API":"https://a.example","KEYFOB_EXPIRES_AT":"2026-01-02T03:04:05Z","KEYFOB_TOKEN":"a"}"#;
        assert_eq!(of(text, Kind::OAuth2, None), Ok(json!({"access_token": "a", "expires_at": "2026-01-02T03:04:05Z"})));
        let other = text.replace("hub", "other/home");
        assert_eq!(of(&other, Kind::OAuth2, None), Err(NotFound::OfAnother("other/home".to_owned())));
    }
}
