//! A provider's file, changed in one place: what a client would have that got one fact wrong. The provider keeps the right one, so the walk has to fail.

use std::collections::BTreeSet;

use toml::{Table, Value};

/// A file with one wrong fact in it.
#[derive(Clone, Debug)]
pub struct Mutant {
    /// The field: `oauth2.pkce`. Members of tables and arrays go by the name of their table.
    pub field: &'static str,
    /// What was done to it: `another value`.
    pub change: &'static str,
    /// The fact that was there, where it is a habit that several files share.
    pub was: String,
    /// The file.
    pub text: String,
}

/// Makes mutants of one file.
struct Maker<'a> {
    file: &'a Table,
    mutants: Vec<Mutant>,
}

/// All mutants of a file. `overview` names the actions that are walked.
///
/// # Panics
/// If the file is no TOML.
pub fn mutants(text: &str, overview: &BTreeSet<String>) -> Vec<Mutant> {
    let file: Table = text.parse().expect("a file of the catalogue");
    let kind = file["kind"].as_str().unwrap_or_default().to_owned();
    let mut maker = Maker { file: &file, mutants: Vec::new() };
    maker.endpoints(&kind);
    if kind == "oauth1" {
        maker.oauth1();
    } else {
        maker.oauth2(&kind);
    }
    maker.api(&kind);
    maker.members("keep", &["keep"], &[Change::Remove]);
    maker.pairs("deviations", &["deviations"], &[Change::Remove]);
    for action in overview {
        maker.action(action);
    }
    maker.mutants
}

/// What is done to each member of a table or an array.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    Remove,
    Alter,
    Add,
}

impl Maker<'_> {
    fn get(&self, path: &[&str]) -> Option<&Value> {
        let (first, rest) = path.split_first()?;
        rest.iter().try_fold(self.file.get(*first)?, |value, key| match value {
            Value::Array(items) => items.get(key.parse::<usize>().ok()?),
            value => value.get(*key),
        })
    }

    fn text(&self, path: &[&str]) -> Option<String> {
        self.get(path)?.as_str().map(str::to_owned)
    }

    /// One mutant: the value at this path is another one, or (`None`) gone.
    fn put(&mut self, field: &'static str, change: &'static str, was: impl Into<String>, path: &[&str], value: Option<Value>) {
        self.put_all(field, change, was, &[(path, value)]);
    }

    fn put_all(&mut self, field: &'static str, change: &'static str, was: impl Into<String>, places: &[(&[&str], Option<Value>)]) {
        let mut file = Value::Table(self.file.clone());
        for (path, value) in places {
            set(&mut file, path, value.clone());
        }
        let Value::Table(file) = file else { return };
        if file != *self.file {
            self.mutants.push(Mutant { field, change, was: was.into(), text: file.to_string() });
        }
    }

    /// A setting of OAuth 2, with the deviation that says nothing without it.
    fn without(&mut self, field: &'static str, was: &str, key: &str, deviation: &str) {
        self.put_all(field, "gone", was, &[(&["oauth2", key], None), (&["deviations", deviation], None)]);
    }

    fn url(&mut self, field: &'static str, path: &[&str]) {
        let Some(url) = self.text(path) else { return };
        let (before, query) = url.split_once('?').map_or((url.as_str(), None), |(before, query)| (before, Some(query)));
        let query = query.map_or_else(String::new, |query| format!("?{query}"));
        let bare = before.matches('/').count() == 2 || before.starts_with('{') && !before.contains('/');
        let further = format!("{before}{}x{query}", if bare { "/" } else { "" });
        self.put(field, "another path", "", path, Some(further.into()));
        self.put(field, "another host", "", path, Some(url.replacen("://", "://other.", 1).into()));
    }

    /// What a field of the app is where nothing is said.
    fn defaults(&mut self) {
        let fields = self.get(&["client", "fields"]).and_then(Value::as_array).map_or(0, Vec::len);
        for at in 0..fields {
            let at = at.to_string();
            let path = ["client", "fields", &at, "default"];
            if let Some(default) = self.text(&path) {
                self.put("client.fields.default", "another value", default.clone(), &path, Some(format!("{default}x").into()));
                self.put("client.fields.default", "gone", default, &path, None);
            }
        }
    }

    fn endpoints(&mut self, kind: &str) {
        self.defaults();
        if self.get(&["import"]).is_some() {
            self.login(kind);
        }
        self.browser();
        for (key, field, optional) in [
            ("request_token", "endpoints.request_token", false),
            ("authorize", "endpoints.authorize", false),
            ("token", "endpoints.token", false),
            ("refresh", "endpoints.refresh", true),
            ("revoke", "endpoints.revoke", true),
            ("device", "endpoints.device", true),
            ("issuer", "endpoints.issuer", false),
            ("jwks", "endpoints.jwks", true),
            ("par", "endpoints.par", false),
            ("userinfo", "endpoints.userinfo", true),
            ("end_session", "endpoints.end_session", true),
        ] {
            self.url(field, &["endpoints", key]);
            // Without the one way there is no login, and no file.
            let optional = optional && !(key == "device" && self.is_device_only());
            if optional && kind != "oidc" && self.get(&["endpoints", key]).is_some() {
                self.put(field, "gone", "", &["endpoints", key], None);
            }
        }
    }

    /// Whether people log in on another device, and no browser is sent anywhere.
    fn is_device_only(&self) -> bool {
        self.get(&["endpoints", "device"]).is_some()
            && self.get(&["endpoints", "authorize"]).is_none()
            && self.text(&["kind"]).as_deref() == Some("oauth2")
    }

    /// A browser is sent to a provider that has no page for it, or none to one that has.
    fn browser(&mut self) {
        if self.is_device_only() {
            let page = format!("{}/authorize", self.text(&["api", "base_url"]).unwrap_or_default());
            self.put("endpoints.authorize", "one more", "", &["endpoints", "authorize"], Some(page.into()));
        } else if self.get(&["endpoints", "device"]).is_some() && self.get(&["endpoints", "authorize"]).is_some() {
            let mut file = self.file.clone();
            let of_browser = [
                "pkce",
                "pkce_reason",
                "response_type",
                "redirect_uri_at_token",
                "redirect_name",
                "authorize_fragment",
                "authorize_params",
            ];
            let mut without = |table: &str, keys: &[&str]| {
                let table = file.get_mut(table).and_then(Value::as_table_mut);
                table.into_iter().for_each(|table| keys.iter().for_each(|key| drop(table.remove(*key))));
            };
            without("endpoints", &["authorize", "par"]);
            without("oauth2", &of_browser);
            without("oauth2", &["iss_required", "par_required", "request_object"]);
            let mut file = Value::Table(file);
            set(&mut file, &["client", "redirect", "device_only"], Some(true.into()));
            let Value::Table(file) = file else { return };
            self.mutants.push(Mutant { field: "endpoints.authorize", change: "gone", was: String::new(), text: file.to_string() });
        }
    }

    /// Somebody is sent away, to pages that are not there.
    fn login(&mut self, kind: &str) {
        let host = self.text(&["api", "base_url"]).unwrap_or_default();
        let at = |key: &'static str| (key.to_owned(), Value::from(format!("{host}/{key}")));
        let missing: &[&'static str] = if kind == "oauth1" { &["request_token", "authorize", "token"] } else { &["authorize"] };
        let mut endpoints = self.get(&["endpoints"]).and_then(Value::as_table).cloned().unwrap_or_default();
        endpoints.extend(missing.iter().map(|key| at(key)));
        self.put_all("import", "gone", "", &[(&["import"], None), (&["endpoints"], Some(endpoints.into()))]);
    }

    /// What goes through the browser then.
    fn unpushed(&mut self) {
        if self.get(&["endpoints", "par"]).is_some() {
            let places: [(&[&str], _); 2] = [(&["endpoints", "par"], None), (&["oauth2", "par_required"], None)];
            self.put_all("endpoints.par", "gone", "", &places);
        }
    }

    /// A word of a few: each of the others.
    fn word(&mut self, field: &'static str, path: &[&str], default: &str, all: &[&'static str]) {
        let now = self.text(path).unwrap_or_else(|| default.to_owned());
        for other in all.iter().filter(|other| **other != now) {
            self.put(field, other, now.clone(), path, Some((*other).into()));
        }
    }

    fn flag(&mut self, field: &'static str, path: &[&str], default: bool) {
        let now = self.get(path).and_then(Value::as_bool).unwrap_or(default);
        self.put(field, if now { "false" } else { "true" }, now.to_string(), path, Some((!now).into()));
    }

    /// Each pair of a table.
    fn pairs(&mut self, field: &'static str, path: &[&str], changes: &[Change]) {
        let pairs: Vec<(String, Value)> =
            self.get(path).and_then(Value::as_table).map(|table| table.clone().into_iter().collect()).unwrap_or_default();
        for (key, value) in &pairs {
            // What an argument of an action fills is that argument's, not the file's.
            if field.starts_with("actions.") && value.as_str().is_some_and(|text| text.starts_with('{') && !text.starts_with("{{")) {
                continue;
            }
            let place: Vec<&str> = path.iter().copied().chain([key.as_str()]).collect();
            let was = if field == "deviations" { key.clone() } else { format!("{key} = {value}") };
            if changes.contains(&Change::Remove) {
                self.put(field, "one less", was.clone(), &place, None);
            }
            if changes.contains(&Change::Alter) {
                self.put(field, "another value", was, &place, Some(altered(value)));
            }
        }
        if changes.contains(&Change::Add) {
            let place: Vec<&str> = path.iter().copied().chain(["another"]).collect();
            self.put(field, "one more", "", &place, Some("1".into()));
        }
    }

    /// Each item of an array.
    fn members(&mut self, field: &'static str, path: &[&str], changes: &[Change]) {
        let items = self.get(path).and_then(Value::as_array).cloned().unwrap_or_default();
        for at in 0..items.len() {
            let was = items[at].to_string();
            if changes.contains(&Change::Remove) {
                let mut fewer = items.clone();
                fewer.remove(at);
                self.put(field, "one less", was.clone(), path, Some(fewer.into()));
            }
            if changes.contains(&Change::Alter) {
                let mut other = items.clone();
                other[at] = altered(&items[at]);
                self.put(field, "another value", was, path, Some(other.into()));
            }
        }
        if changes.contains(&Change::Add) {
            let mut more = items.clone();
            more.push("another".into());
            self.put(field, "one more", "", path, Some(more.into()));
        }
    }

    fn oauth1(&mut self) {
        let signature = ["oauth1", "signature"];
        self.word("oauth1.signature", &signature, "", &["HMAC-SHA1", "HMAC-SHA256", "HMAC-SHA512", "PLAINTEXT"]);
        // An app without a key of its own cannot even set out.
        if self.text(&signature).is_some_and(|method| method.starts_with("RSA-")) {
            self.word("oauth1.signature", &signature, "", &["RSA-SHA1", "RSA-SHA256", "RSA-SHA512"]);
        }
        // Without a form the body's place is the header (§3.5.2), and where tokens are imported there are no requests with one.
        let places: &[&'static str] = if self.get(&["import"]).is_some() { &["header", "query"] } else { &["header", "body", "query"] };
        self.word("oauth1.placement", &["oauth1", "placement"], "header", places);
        if self.get(&["oauth1", "one_legged"]).is_some() {
            let host = self.text(&["api", "base_url"]).unwrap_or_default();
            let at = |key: &'static str| (key.to_owned(), Value::from(format!("{host}/{key}")));
            let endpoints: Table = ["request_token", "authorize", "token"].map(at).into_iter().collect();
            let places: [(&[&str], _); 2] = [(&["oauth1", "one_legged"], None), (&["endpoints"], Some(endpoints.into()))];
            self.put_all("oauth1.one_legged", "gone", "", &places);
        } else {
            let none = ["token_method", "callback", "authorize_params", "request_token_params", "access_token_params"];
            let mut file = self.file.clone();
            for key in ["endpoints", "keep"] {
                file.remove(key);
            }
            if let Some(oauth1) = file.get_mut("oauth1").and_then(Value::as_table_mut) {
                none.into_iter().for_each(|key| drop(oauth1.remove(key)));
                oauth1.insert("one_legged".to_owned(), true.into());
            }
            file.remove("import");
            self.mutants.push(Mutant { field: "oauth1.one_legged", change: "true", was: String::new(), text: file.to_string() });
            if self.get(&["import"]).is_none() {
                self.of_a_login();
            }
        }
        if self.get(&["oauth1", "body_hash"]).is_some() {
            self.put("oauth1.body_hash", "gone", "", &["oauth1", "body_hash"], None);
        }
        if self.get(&["oauth1", "empty_token"]).is_some() {
            self.flag("oauth1.empty_token", &["oauth1", "empty_token"], false);
        }
        // A realm is for the header (RFC 5849 §3.5.1).
        if self.text(&["oauth1", "placement"]).as_deref() == Some("query") {
            return;
        }
        let realm = self.text(&["oauth1", "realm"]).unwrap_or_default();
        self.put("oauth1.realm", "another value", realm.clone(), &["oauth1", "realm"], Some("another".into()));
        self.put("oauth1.realm", "gone", realm, &["oauth1", "realm"], None);
    }

    /// What of OAuth 1 is about its tokens alone.
    fn of_a_login(&mut self) {
        self.word("oauth1.token_method", &["oauth1", "token_method"], "POST", &["POST", "GET"]);
        self.word("oauth1.callback", &["oauth1", "callback"], "request-token", &["request-token", "authorize", "registered"]);
        let all = [Change::Remove, Change::Alter, Change::Add];
        self.pairs("oauth1.authorize_params", &["oauth1", "authorize_params"], &all);
        self.pairs("oauth1.request_token_params", &["oauth1", "request_token_params"], &all);
        self.pairs("oauth1.access_token_params", &["oauth1", "access_token_params"], &all);
    }

    fn oauth2(&mut self, kind: &str) {
        let default = if kind == "oidc" { "basic" } else { "" };
        let ways: &[&'static str] = match self.text(&["oauth2", "client_auth"]).as_deref() {
            // With the secret that an app has here, both are the same.
            Some("basic-empty") => &["basic-raw", "basic-secret", "post", "none"],
            _ => &["basic", "basic-raw", "basic-secret", "post", "none"],
        };
        if self.get(&["oauth2", "signed_secret"]).is_some() {
            self.signed_secret(ways);
        } else {
            self.word("oauth2.client_auth", &["oauth2", "client_auth"], default, ways);
        }
        if self.get(&["endpoints", "revoke"]).is_some() {
            self.word("oauth2.revocation_body", &["oauth2", "revocation_body"], "form", &["form", "json", "by-kind"]);
        }
        self.word("oauth2.token_body", &["oauth2", "token_body"], "form", &["form", "json", "query", "query-post"]);
        self.pairs("oauth2.grant_types", &["oauth2", "grant_types"], &[Change::Remove, Change::Alter]);
        for key in ["code", "message"] {
            if let Some(pointer) = self.text(&["oauth2", "token_error", key]) {
                self.put("oauth2.token_error", "another pointer", key, &["oauth2", "token_error", key], Some(format!("{pointer}x").into()));
            }
        }
        self.members("oauth2.token_error", &["oauth2", "token_error", "none"], &[Change::Remove, Change::Alter]);
        if self.get(&["oauth2", "token_error"]).is_some() {
            self.without("oauth2.token_error", "", "token_error", "own-error");
        }
        self.signals("oauth2.grant_ended", "oauth2", "grant_ended");
        // The first of them is what is said.
        if let Some(codes) = self.get(&["oauth2", "token_error", "invalid_grant"]).and_then(Value::as_array).filter(|codes| codes.len() > 1)
        {
            let others: Vec<Value> = codes[1..].to_vec();
            self.put("oauth2.token_error", "one less", "", &["oauth2", "token_error", "invalid_grant"], Some(others.into()));
        }
        if let Some(fragment) = self.text(&["oauth2", "authorize_fragment"]) {
            self.put(
                "oauth2.authorize_fragment",
                "another value",
                "",
                &["oauth2", "authorize_fragment"],
                Some(format!("{fragment}x").into()),
            );
            self.put("oauth2.authorize_fragment", "gone", "", &["oauth2", "authorize_fragment"], None);
        }
        if self.get(&["oauth2", "id_token_algorithms"]).is_some() {
            let others = Value::Array(vec!["ES256".into()]);
            self.put("oauth2.id_token_algorithms", "another value", "", &["oauth2", "id_token_algorithms"], Some(others));
        }
        self.renewal();
        if self.get(&["import"]).is_none() {
            self.oauth2_login();
        }
        self.pairs("oauth2.parameter_names", &["oauth2", "parameter_names"], &[Change::Remove, Change::Alter]);
        for name in ["client_id", "client_secret", "code", "grant_type", "redirect_uri", "refresh_token", "scope", "state"] {
            if self.get(&["oauth2", "parameter_names", name]).is_none() && self.sends(name) {
                self.put("oauth2.parameter_names", "one more", name, &["oauth2", "parameter_names", name], Some("another".into()));
            }
        }
        if let Some(pointer) = self.text(&["oauth2", "tokens_at"]) {
            self.put("oauth2.tokens_at", "another value", pointer.clone(), &["oauth2", "tokens_at"], Some("/another".into()));
            self.without("oauth2.tokens_at", &pointer, "tokens_at", "nested-tokens");
        }
        if let Some(word) = self.text(&["oauth2", "token_type"]) {
            self.put("oauth2.token_type", "another value", word.clone(), &["oauth2", "token_type"], Some("another".into()));
            self.without("oauth2.token_type", &word, "token_type", "other-token-type");
        }
        let all = [Change::Remove, Change::Alter, Change::Add];
        if self.get(&["import"]).is_none() && !self.is_device_only() {
            self.pairs("oauth2.authorize_params", &["oauth2", "authorize_params"], &all);
        }
        self.pairs("oauth2.token_params", &["oauth2", "token_params"], &all);
        if let Some(seconds) = self.get(&["oauth2", "default_lifetime"]).and_then(Value::as_integer) {
            let told = if self.get(&["deviations", "expire-in"]).is_some() { "told all the same" } else { "" };
            self.put("oauth2.default_lifetime", "another value", told, &["oauth2", "default_lifetime"], Some((2 * seconds).into()));
            self.put("oauth2.default_lifetime", "gone", told, &["oauth2", "default_lifetime"], None);
        }
        if let Some(name) = self.text(&["oauth2", "refresh_expires_in"]) {
            self.put("oauth2.refresh_expires_in", "another value", name.clone(), &["oauth2", "refresh_expires_in"], Some("another".into()));
            self.put("oauth2.refresh_expires_in", "gone", name, &["oauth2", "refresh_expires_in"], None);
        }
        self.flag("oauth2.rotates", &["oauth2", "rotates"], false);
    }

    /// What it says belongs to it, so with another way to say who one is that goes, too.
    fn signed_secret(&mut self, ways: &[&'static str]) {
        let table = ["oauth2", "signed_secret"];
        for way in ways {
            let places: [(&[&str], _); 2] = [(&["oauth2", "client_auth"], Some((*way).into())), (&table, None)];
            self.put_all("oauth2.client_auth", way, "signed-secret", &places);
        }
        for key in ["issuer", "audience"] {
            self.put("oauth2.signed_secret", "another value", key, &[table[0], table[1], key], Some("another".into()));
        }
    }

    /// What of OAuth 2 is about a login alone.
    fn oauth2_login(&mut self) {
        self.unpushed();
        self.pin();
        self.members("oauth2.scopes", &["oauth2", "scopes"], &[Change::Remove, Change::Add]);
        let scopes = self.get(&["oauth2", "scopes"]).and_then(Value::as_array).map_or(0, Vec::len);
        let how_many = ["no scope", "one scope"].get(scopes).copied().unwrap_or("scopes");
        let separator = self.text(&["oauth2", "scope_separator"]);
        let other = if separator.as_deref() == Some(",") { " " } else { "," };
        if separator.is_some() || scopes > 1 {
            self.put("oauth2.scope_separator", "another value", how_many, &["oauth2", "scope_separator"], Some(other.into()));
        }
        if !self.is_device_only() {
            self.way_back();
        }
    }

    /// What of it is about a browser that is sent away.
    fn way_back(&mut self) {
        let pkce = self.text(&["oauth2", "pkce"]).unwrap_or_else(|| "s256".to_owned());
        let (other, reason) = if pkce == "off" { ("s256", None) } else { ("off", Some("none".into())) };
        let places: [(&[&str], _); 2] = [(&["oauth2", "pkce"], Some(other.into())), (&["oauth2", "pkce_reason"], reason)];
        self.put_all("oauth2.pkce", other, pkce, &places);
        self.flag("oauth2.response_type", &["oauth2", "response_type"], true);
        self.flag("oauth2.redirect_uri_at_token", &["oauth2", "redirect_uri_at_token"], true);
        if let Some(name) = self.text(&["oauth2", "redirect_name"]) {
            self.put("oauth2.redirect_name", "another value", name.clone(), &["oauth2", "redirect_name"], Some("another".into()));
            self.put("oauth2.redirect_name", "gone", name, &["oauth2", "redirect_name"], None);
        }
        if self.get(&["oauth2", "iss_required"]).is_some() {
            self.flag("oauth2.iss_required", &["oauth2", "iss_required"], false);
        }
    }

    fn renewal(&mut self) {
        if self.get(&["oauth2", "renewal"]).is_none() {
            return;
        }
        self.put("oauth2.renewal", "gone", "", &["oauth2", "renewal"], None);
        let (url, grant_type) = (["oauth2", "renewal", "long_lived"], ["oauth2", "renewal", "long_lived_grant_type"]);
        self.put("oauth2.renewal", "another value", "", &["oauth2", "renewal", "grant_type"], Some("another".into()));
        if self.get(&url).is_some() {
            self.put("oauth2.renewal", "another value", "exchanged", &grant_type, Some("another".into()));
            self.put_all("oauth2.renewal", "one less", "", &[(&url, None), (&grant_type, None)]);
            self.url("oauth2.renewal", &url);
        }
    }

    fn pin(&mut self) {
        let Some(pin) = self.get(&["oauth2", "pin"]).and_then(Value::as_table).cloned() else { return };
        self.put("oauth2.pin", "gone", "", &["oauth2", "pin"], None);
        for key in ["response_type", "user_code", "device_code", "grant_type"] {
            self.put("oauth2.pin", "another value", key, &["oauth2", "pin", key], Some("another".into()));
        }
        self.put("oauth2.pin", "another parameter", "", &["oauth2", "pin", "parameter"], Some("another".into()));
        self.url("oauth2.pin", &["oauth2", "pin", "page"]);
        if pin.contains_key("unit") {
            self.put("oauth2.pin", "another unit", "", &["oauth2", "pin", "unit"], None);
        }
    }

    /// Whether this provider is ever sent a parameter of this name.
    fn sends(&self, name: &str) -> bool {
        let some = |path: &[&str]| self.get(path).and_then(Value::as_array).is_some_and(|items| !items.is_empty());
        match name {
            "client_secret" => self.text(&["oauth2", "client_auth"]).as_deref() == Some("post"),
            "refresh_token" => self.get(&["api", "expired"]).is_none() || some(&["api", "expired"]),
            "scope" => some(&["oauth2", "scopes"]),
            // Where nobody logs in, tokens are renewed and that is all.
            "code" | "redirect_uri" | "state" => self.get(&["import"]).is_none() && !self.is_device_only(),
            _ => true,
        }
    }

    fn api(&mut self, kind: &str) {
        self.url("api.base_url", &["api", "base_url"]);
        if let Some(hosts) = self.get(&["api", "hosts"]).and_then(Value::as_array).cloned() {
            self.put("api.hosts", "another value", "", &["api", "hosts"], Some(Value::Array(vec!["another.example".into()])));
            // Where a misleading answer leads to.
            let more = hosts.into_iter().chain(["elsewhere.example".into()]).collect();
            self.put("api.hosts", "one more", "", &["api", "hosts"], Some(Value::Array(more)));
        }
        self.members("api.more_origins", &["api", "more_origins"], &[Change::Remove]);
        if kind != "oauth1" {
            self.attach();
        }
        self.pairs("api.headers", &["api", "headers"], &[Change::Remove, Change::Alter]);
        self.pairs("api.query", &["api", "query"], &[Change::Remove, Change::Alter]);
        self.limits();
        self.pages();
        self.signals("api.expired", "api", "expired");
        self.signals("api.revoked", "api", "revoked");
        self.signals("api.failed", "api", "failed");
        self.members("api.message", &["api", "message"], &[Change::Remove, Change::Alter]);
        self.members("api.method_override", &["api", "method_override"], &[Change::Remove, Change::Alter, Change::Add]);
        self.batch();
    }

    fn batch(&mut self) {
        if self.get(&["api", "batch"]).is_some() {
            self.put("api.batch", "gone", "", &["api", "batch"], None);
            self.members("api.batch", &["api", "batch", "fields"], &[Change::Alter]);
        }
        let calls = self.get(&["api", "batch", "calls"]).and_then(Value::as_array).cloned().unwrap_or_default();
        for at in 0..calls.len() {
            let mut other = calls.clone();
            other[at] = format!("{}x", calls[at].as_str().unwrap_or_default()).into();
            self.put("api.batch", "another path", calls[at].to_string(), &["api", "batch", "calls"], Some(other.into()));
        }
    }

    fn attach(&mut self) {
        let was = self.get(&["api", "attach"]).map_or_else(|| "bearer".to_owned(), ToString::to_string);
        let headers: Table = [("x-another".to_owned(), Value::from("{access_token}"))].into_iter().collect();
        let pair = |key: &str, value: Value| Value::Table([(key.to_owned(), value)].into_iter().collect());
        if self.get(&["api", "attach"]).is_some_and(|attach| attach.as_str() != Some("bearer")) {
            self.put("api.attach", "bearer", was.clone(), &["api", "attach"], Some("bearer".into()));
        }
        self.put("api.attach", "another header", was.clone(), &["api", "attach"], Some(pair("headers", headers.into())));
        self.put("api.attach", "query", was.clone(), &["api", "attach"], Some(pair("query", "another".into())));
        if self.get(&["api", "attach", "body"]).is_some() {
            self.put("api.attach", "another name", was.clone(), &["api", "attach", "body"], Some("another".into()));
        } else {
            // A call without a form has no place for a token then.
            self.put("api.attach", "body", was.clone(), &["api", "attach"], Some(pair("body", "another".into())));
        }
        let own = self.get(&["api", "attach", "headers"]).and_then(Value::as_table).cloned().unwrap_or_default();
        for (name, template) in own {
            let other = format!("Another {}", template.as_str().unwrap_or_default());
            self.put("api.attach", "another template", was.clone(), &["api", "attach", "headers", &name], Some(other.into()));
        }
    }

    fn limits(&mut self) {
        if self.get(&["api", "limits"]).is_none() {
            return;
        }
        self.put("api.limits", "gone", "", &["api", "limits"], None);
        for key in ["limit", "remaining", "usage"] {
            if let Some(name) = self.text(&["api", "limits", "reads", key]) {
                self.put(
                    "api.limits",
                    "another header",
                    format!("reads.{key}"),
                    &["api", "limits", "reads", key],
                    Some("x-another".into()),
                );
                if key != "limit" {
                    self.put("api.limits", "one less", name, &["api", "limits", "reads", key], None);
                }
            }
        }
        if self.get(&["api", "limits", "reads"]).is_some() {
            self.put("api.limits", "one less", "reads", &["api", "limits", "reads"], None);
        }
        self.members("api.limits", &["api", "limits", "periods"], &[Change::Remove, Change::Alter]);
        if self.get(&["api", "limits", "periods"]).is_some() {
            self.put("api.limits", "one less", "periods", &["api", "limits", "periods"], None);
        }
        // Without how many there are nobody knows what is left.
        let counted = self.get(&["api", "limits", "usage"]).is_some();
        for key in ["limit", "remaining", "usage", "reset", "structured", "policy"] {
            if let Some(name) = self.text(&["api", "limits", key]) {
                self.put("api.limits", "another header", key, &["api", "limits", key], Some("x-another".into()));
                if !(matches!(key, "reset" | "structured") || counted && key == "limit") {
                    self.put("api.limits", "one less", name, &["api", "limits", key], None);
                }
            }
        }
        self.word(
            "api.limits",
            &["api", "limits", "reset_in"],
            "",
            if self.get(&["api", "limits", "reset"]).is_some() { &["seconds", "moment"] } else { &[] },
        );
    }

    fn pages(&mut self) {
        if self.get(&["api", "pages"]).is_none() {
            return;
        }
        self.put("api.pages", "gone", "", &["api", "pages"], None);
        for key in ["next", "cursor", "items"] {
            if let Some(pointer) = self.text(&["api", "pages", key]) {
                self.put("api.pages", "another pointer", key, &["api", "pages", key], Some(format!("{pointer}x").into()));
            }
        }
        if self.get(&["api", "pages", "parameter"]).is_some() {
            self.put("api.pages", "another parameter", "", &["api", "pages", "parameter"], Some("another".into()));
        }
        if self.get(&["api", "pages", "counts"]).is_some() {
            self.word("api.pages", &["api", "pages", "counts"], "", &["pages", "items"]);
        }
    }

    fn signals(&mut self, field: &'static str, section: &str, key: &str) {
        let path = [section, key];
        let signals = self.get(&path).and_then(Value::as_array).cloned().unwrap_or_default();
        for at in 0..signals.len() {
            let (signal, place) = (&signals[at], at.to_string());
            let was = signal.to_string();
            let below = |name: &'static str| [section, key, place.as_str(), name].map(str::to_owned);
            let mut fewer = signals.clone();
            fewer.remove(at);
            self.put(field, "one less", was.clone(), &path, Some(fewer.into()));
            let status = below("status");
            let status: Vec<&str> = status.iter().map(String::as_str).collect();
            self.members(field, &status, &[Change::Alter]);
            if let Some(mut more) = signal.get("status").and_then(Value::as_array).cloned() {
                let further = [401, 403, 400].into_iter().find(|status| !more.contains(&Value::from(*status)));
                if let (Some(further), "api.expired") = (further, field) {
                    more.push(further.into());
                    self.put(field, "one status more", was.clone(), &status, Some(more.into()));
                }
            }
            if signal.get("pointer").is_some() {
                let pointer = below("pointer");
                let pointer: Vec<&str> = pointer.iter().map(String::as_str).collect();
                self.put(field, "another pointer", was.clone(), &pointer, Some("/another".into()));
            }
            if signal.get("values").is_some() {
                let (values, pointer) = (below("values"), below("pointer"));
                let values: Vec<&str> = values.iter().map(String::as_str).collect();
                let pointer: Vec<&str> = pointer.iter().map(String::as_str).collect();
                self.members(field, &values, &[Change::Alter]);
                self.put(field, "any value", was.clone(), &values, None);
                self.put_all(field, "the status alone", was.clone(), &[(&values, None), (&pointer, None)]);
            }
            if signal.get("contains").is_some() {
                let contains = below("contains");
                let contains: Vec<&str> = contains.iter().map(String::as_str).collect();
                self.members(field, &contains, &[Change::Alter]);
            }
        }
        let status = if key == "expired" { 401 } else { 200 };
        let further: Table = [("status".to_owned(), Value::from(vec![status]))].into_iter().collect();
        let mut more = signals.clone();
        more.push(further.into());
        match self.get(&path) {
            // What is left away is 401.
            None if key == "expired" => self.put(field, "one less", "left away", &path, Some(Value::Array(Vec::new()))),
            // A status alone is nothing that a file may say of a token that was taken back.
            _ if signals.is_empty() && !matches!(key, "revoked" | "grant_ended") => {
                self.put(field, "one more", "none", &path, Some(more.into()))
            }
            _ => {}
        }
    }

    fn action(&mut self, name: &str) {
        self.url_path("actions.path", &["actions", name, "path"]);
        let method = self.text(&["actions", name, "method"]).unwrap_or_else(|| "GET".to_owned());
        // A GET that is a POST is one without body.
        let other = if method == "GET" { "POST" } else { "PUT" };
        let places: [(&[&str], _); 2] =
            [(&["actions", name, "method"], Some(other.into())), (&["actions", name, "acts"], Some(false.into()))];
        self.put_all("actions.method", other, method, &places);
        self.pairs("actions.query", &["actions", name, "query"], &[Change::Remove, Change::Alter, Change::Add]);
        self.pairs("actions.headers", &["actions", name, "headers"], &[Change::Remove, Change::Alter]);
        self.pairs("actions.form", &["actions", name, "form"], &[Change::Remove, Change::Alter]);
        self.pairs("actions.json", &["actions", name, "json"], &[Change::Remove, Change::Alter]);
    }

    fn url_path(&mut self, field: &'static str, path: &[&str]) {
        if let Some(text) = self.text(path) {
            self.put(field, "another path", "", path, Some(format!("{text}x").into()));
        }
    }
}

fn altered(value: &Value) -> Value {
    match value {
        Value::String(text) if text.starts_with('/') => format!("{text}x").into(),
        Value::String(text) => format!("another{text}").into(),
        Value::Integer(number) => (number + 1).into(),
        Value::Boolean(flag) => (!flag).into(),
        other => other.clone(),
    }
}

/// Puts a value, or takes one away; tables that are not there are made.
fn set(value: &mut Value, path: &[&str], put: Option<Value>) {
    let Some((key, rest)) = path.split_first() else { return };
    match value {
        Value::Array(items) => {
            if let Some(item) = key.parse::<usize>().ok().and_then(|at| items.get_mut(at)) {
                set(item, rest, put);
            }
        }
        Value::Table(table) if rest.is_empty() => match put {
            Some(put) => drop(table.insert((*key).to_owned(), put)),
            None => drop(table.remove(*key)),
        },
        // What is not there cannot be taken away.
        Value::Table(table) if put.is_none() && !table.contains_key(*key) => {}
        Value::Table(table) => set(table.entry((*key).to_owned()).or_insert_with(|| Table::new().into()), rest, put),
        _ => {}
    }
}
