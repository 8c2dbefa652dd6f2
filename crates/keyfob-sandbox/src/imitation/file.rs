//! A provider's file, read a second time: by a reader of its own, so that a mistake of the catalogue's reader does not hide in both.
//!
//! In the sections that are walked every key has to be known here. One that is new in the schema is an error until the imitation behaves by it.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Value;

use crate::apps::Registration;

/// What is walked of a file.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct File {
    /// A user's own file may leave it to its name.
    #[serde(default)]
    pub(super) name: String,
    pub(super) kind: Kind,
    #[serde(default)]
    pub(super) endpoints: Endpoints,
    pub(super) client: Client,
    pub(super) import: Option<Import>,
    #[serde(default)]
    pub(super) oauth1: OAuth1,
    #[serde(default)]
    pub(super) oauth2: OAuth2,
    pub(super) api: Api,
    #[serde(default)]
    pub(super) keep: Vec<String>,
    #[serde(default)]
    pub(super) deviations: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) actions: BTreeMap<String, Action>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    OAuth1,
    OAuth2,
    Oidc,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Endpoints {
    pub(super) request_token: Option<String>,
    pub(super) authorize: Option<String>,
    pub(super) token: Option<String>,
    pub(super) refresh: Option<String>,
    pub(super) revoke: Option<String>,
    pub(super) device: Option<String>,
    pub(super) issuer: Option<String>,
    pub(super) jwks: Option<String>,
    pub(super) par: Option<String>,
    pub(super) userinfo: Option<String>,
    pub(super) end_session: Option<String>,
}

/// That tokens are made elsewhere; how is for people.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Import {}

/// What an app is given at registration; what people are told about it is not walked.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Client {
    pub(super) fields: Vec<Field>,
    #[serde(default)]
    pub(super) redirect: Redirect,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Redirect {
    #[serde(default)]
    pub(super) suggested: Vec<String>,
    #[serde(default)]
    pub(super) device_only: bool,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Field {
    pub(super) name: String,
    /// An app need not say such a one, and the imitation's does not.
    pub(super) default: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct OAuth1 {
    pub(super) signature: String,
    pub(super) placement: Placement,
    pub(super) token_method: Method,
    pub(super) realm: Option<String>,
    pub(super) callback: Callback,
    pub(super) authorize_params: BTreeMap<String, String>,
    pub(super) request_token_params: BTreeMap<String, String>,
    pub(super) access_token_params: BTreeMap<String, String>,
    pub(super) body_hash: BodyHash,
    pub(super) empty_token: bool,
    pub(super) one_legged: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum BodyHash {
    #[default]
    Off,
    On,
    Required,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Placement {
    #[default]
    Header,
    Body,
    Query,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) enum Method {
    #[serde(rename = "GET")]
    Get,
    #[default]
    #[serde(rename = "POST")]
    Post,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Callback {
    #[default]
    RequestToken,
    Authorize,
    Registered,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct OAuth2 {
    pub(super) client_auth: ClientAuth,
    pub(super) signed_secret: Option<SignedSecret>,
    pub(super) token_body: TokenBody,
    pub(super) revocation_body: RevocationBody,
    pub(super) renewal: Option<Renewal>,
    pub(super) pin: Option<Pin>,
    pub(super) pkce: Pkce,
    #[serde(rename = "pkce_reason")]
    _pkce_reason: Option<String>,
    pub(super) scopes: Vec<String>,
    pub(super) scope_separator: String,
    pub(super) response_type: bool,
    pub(super) redirect_uri_at_token: bool,
    pub(super) redirect_name: Option<String>,
    pub(super) iss_required: bool,
    pub(super) par_required: bool,
    pub(super) id_token_algorithms: Vec<String>,
    /// An imitation's tokens are for the app alone.
    #[serde(rename = "trusted_audiences")]
    _trusted_audiences: Vec<String>,
    /// Assertions are not imitated.
    #[serde(rename = "assertion_audience")]
    _assertion_audience: Option<String>,
    pub(super) request_object: bool,
    pub(super) dpop: bool,
    pub(super) parameter_names: BTreeMap<String, String>,
    pub(super) grant_types: BTreeMap<String, String>,
    pub(super) authorize_fragment: Option<String>,
    pub(super) token_error: Option<TokenError>,
    pub(super) grant_ended: Vec<Signal>,
    pub(super) tokens_at: Option<String>,
    pub(super) token_type: Option<String>,
    pub(super) authorize_params: BTreeMap<String, String>,
    pub(super) token_params: BTreeMap<String, String>,
    pub(super) default_lifetime: Option<i64>,
    pub(super) refresh_expires_in: Option<String>,
    pub(super) rotates: bool,
    /// Nothing depends on it but what people are told.
    #[serde(rename = "refresh_lifetime")]
    _refresh_lifetime: Option<i64>,
    #[serde(rename = "refresh_lifetime_from")]
    _refresh_lifetime_from: Option<String>,
}

impl Default for OAuth2 {
    fn default() -> Self {
        Self {
            client_auth: ClientAuth::default(),
            signed_secret: None,
            token_body: TokenBody::default(),
            revocation_body: RevocationBody::default(),
            renewal: None,
            pin: None,
            pkce: Pkce::default(),
            _pkce_reason: None,
            scopes: Vec::new(),
            scope_separator: " ".into(),
            response_type: true,
            redirect_uri_at_token: true,
            redirect_name: None,
            iss_required: false,
            par_required: false,
            id_token_algorithms: Vec::new(),
            _trusted_audiences: Vec::new(),
            _assertion_audience: None,
            request_object: false,
            dpop: false,
            parameter_names: BTreeMap::new(),
            grant_types: BTreeMap::new(),
            authorize_fragment: None,
            token_error: None,
            grant_ended: Vec::new(),
            tokens_at: None,
            token_type: None,
            authorize_params: BTreeMap::new(),
            token_params: BTreeMap::new(),
            default_lifetime: None,
            refresh_expires_in: None,
            rotates: false,
            _refresh_lifetime: None,
            _refresh_lifetime_from: None,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ClientAuth {
    #[default]
    Basic,
    BasicEmpty,
    BasicRaw,
    BasicSecret,
    Post,
    SignedSecret,
    None,
    // By the names of their registry, and not imitated.
    #[serde(rename = "client_secret_jwt")]
    SecretJwt,
    #[serde(rename = "private_key_jwt")]
    PrivateKeyJwt,
    Tls,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SignedSecret {
    pub(super) issuer: String,
    pub(super) audience: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenError {
    pub(super) code: String,
    pub(super) message: Option<String>,
    #[serde(default)]
    pub(super) none: Vec<Value>,
    #[serde(default)]
    pub(super) invalid_grant: Vec<Value>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Renewal {
    pub(super) grant_type: String,
    pub(super) long_lived: Option<String>,
    #[serde(default)]
    pub(super) long_lived_grant_type: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pin {
    pub(super) response_type: String,
    pub(super) user_code: String,
    pub(super) device_code: String,
    pub(super) page: String,
    #[serde(default)]
    pub(super) unit: Unit,
    pub(super) grant_type: String,
    pub(super) parameter: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Unit {
    #[default]
    Seconds,
    Minutes,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum TokenBody {
    #[default]
    Form,
    Json,
    Query,
    QueryPost,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RevocationBody {
    #[default]
    Form,
    Json,
    ByKind,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Pkce {
    #[default]
    S256,
    Off,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Api {
    pub(super) base_url: String,
    #[serde(default)]
    pub(super) hosts: Vec<String>,
    #[serde(default)]
    pub(super) more_origins: Vec<String>,
    #[serde(default)]
    pub(super) attach: Attach,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    /// Left away it is 401, and an empty list is none.
    #[serde(default = "unauthorized")]
    pub(super) expired: Vec<Signal>,
    #[serde(default)]
    pub(super) revoked: Vec<Signal>,
    #[serde(default)]
    pub(super) failed: Vec<Signal>,
    #[serde(default)]
    pub(super) query: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) message: Vec<String>,
    pub(super) limits: Option<Limits>,
    pub(super) pages: Option<Pages>,
    /// What is called so is played as any other parameter: no provider of ours obeys it.
    #[serde(default, rename = "method_override")]
    _method_override: Vec<String>,
    /// No call of ours carries others.
    #[serde(default, rename = "batch")]
    _batch: serde::de::IgnoredAny,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Limits {
    pub(super) limit: Option<String>,
    pub(super) remaining: Option<String>,
    pub(super) usage: Option<String>,
    pub(super) reset: Option<String>,
    pub(super) reset_in: Option<ResetIn>,
    #[serde(default)]
    pub(super) periods: Vec<i64>,
    pub(super) reads: Option<Reads>,
    pub(super) structured: Option<String>,
    pub(super) policy: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reads {
    pub(super) limit: Option<String>,
    pub(super) remaining: Option<String>,
    pub(super) usage: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ResetIn {
    Seconds,
    Moment,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pages {
    pub(super) next: Option<String>,
    pub(super) cursor: Option<String>,
    pub(super) parameter: Option<String>,
    pub(super) counts: Option<Counts>,
    pub(super) items: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Counts {
    Pages,
    Items,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Attach {
    Word(Bearer),
    Query { query: String },
    Body { body: String },
    Headers { headers: BTreeMap<String, String> },
}

impl Default for Attach {
    fn default() -> Self {
        Self::Word(Bearer::Bearer)
    }
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Bearer {
    Bearer,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Signal {
    pub(super) status: Vec<u16>,
    pub(super) pointer: Option<String>,
    #[serde(default)]
    pub(super) values: Vec<Value>,
    #[serde(default)]
    pub(super) contains: Vec<String>,
}

fn unauthorized() -> Vec<Signal> {
    vec![Signal { status: vec![401], pointer: None, values: Vec::new(), contains: Vec::new() }]
}

/// The request of an action. How its answer is shown is not walked: no file says what a provider answers.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Action {
    pub(super) method: Option<String>,
    pub(super) path: String,
    #[serde(default)]
    pub(super) query: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    pub(super) form: Option<BTreeMap<String, String>>,
    pub(super) json: Option<Value>,
}

/// A host that no file lists.
const ELSEWHERE: &str = "elsewhere.example";

/// Does something to every text of a value.
fn texts(value: &mut Value, with: &impl Fn(&mut String)) {
    match value {
        Value::String(text) => with(text),
        Value::Array(items) => items.iter_mut().for_each(|item| texts(item, with)),
        Value::Table(members) => members.iter_mut().for_each(|(_, member)| texts(member, with)),
        _ => {}
    }
}

impl File {
    /// A field of the app, or what it is where the app says nothing.
    pub(super) fn field(&self, app: &Registration, name: &str) -> Option<String> {
        let default = || self.client.fields.iter().find(|field| field.name == name)?.default.clone();
        app.fields.get(name).cloned().or_else(default)
    }

    pub(super) fn deviates(&self, name: &str) -> bool {
        self.deviations.contains_key(name)
    }

    /// What this provider calls a parameter.
    pub(super) fn name_of<'a>(&'a self, name: &'a str) -> &'a str {
        self.oauth2.parameter_names.get(name).map_or(name, String::as_str)
    }

    /// What this provider calls a grant.
    pub(super) fn grant_of<'a>(&'a self, grant_type: &'a str) -> &'a str {
        self.oauth2.grant_types.get(grant_type).map_or(grant_type, String::as_str)
    }

    /// What comes with the tokens to be kept. A value that makes the API's host is such that it is the last that the file lists, which no client finds by
    /// itself; of a provider that `misleads` it is one that the file does not list.
    pub(super) fn kept(&self, misleads: bool) -> BTreeMap<String, String> {
        let value = |name: &String| {
            let made = if self.makes_host(name) { self.host_by(name, misleads) } else { None };
            (name.clone(), made.unwrap_or_else(|| format!("kept-{name}")))
        };
        self.keep.iter().map(value).collect()
    }

    /// Whether a kept value is a part of the API's scheme and host.
    pub(super) fn makes_host(&self, name: &str) -> bool {
        let before = self.api.base_url.split_once(&format!("{{{name}}}")).map(|(before, _)| before);
        self.keep.iter().any(|kept| kept == name) && before.is_some_and(|before| before.matches('/').count() < 3)
    }

    fn host_by(&self, name: &str, misleads: bool) -> Option<String> {
        let listed = self.api.hosts.last()?.replace('*', "imitated");
        let origin = format!("https://{}", if misleads { ELSEWHERE } else { listed.as_str() });
        let (before, rest) = self.api.base_url.split_once(&format!("{{{name}}}"))?;
        let after = rest.split('/').next().unwrap_or_default();
        let value = origin.strip_prefix(before).and_then(|value| value.strip_suffix(after));
        Some(value.unwrap_or(ELSEWHERE).to_owned())
    }

    /// Puts what the login gives into the calls of the actions.
    pub(super) fn fill_actions(&mut self) {
        let kept = self.kept(false);
        let filled = |text: &mut String| {
            for (name, value) in &kept {
                *text = text.replace(&format!("{{{name}}}"), value);
            }
        };
        for action in self.actions.values_mut() {
            filled(&mut action.path);
            let pairs = action.query.values_mut().chain(action.headers.values_mut());
            pairs.chain(action.form.iter_mut().flat_map(BTreeMap::values_mut)).for_each(filled);
            action.json.iter_mut().for_each(|json| texts(json, &filled));
        }
    }

    /// Whether it has no page that a browser is sent to, and people enter a code on another device.
    pub(super) fn is_device_only(&self) -> bool {
        self.kind == Kind::OAuth2 && self.client.redirect.device_only && self.endpoints.authorize.is_none()
    }

    /// Whether its tokens end and can be renewed, as far as the file says.
    pub(super) fn renews(&self) -> bool {
        self.kind != Kind::OAuth1 && (!self.api.expired.is_empty() || self.oauth2.rotates || self.endpoints.refresh.is_some())
    }
}
