//! A provider as its file describes it: for people (title, help, actions), and as settings for the protocol.

use std::collections::BTreeMap;

use keyfob_proto::oauth2::metadata::Metadata;
use keyfob_proto::{App, Described, Deviation, Error, Misuse, Origin, Settings, Timestamp};
use serde::Serialize;

use crate::action::Action;
use crate::actions::Actions;
use crate::batch::Batch;
use crate::pages::Pages;
use crate::spec::{FlowSpec, Spec};

/// A provider as its file describes it.
#[derive(Clone, Debug)]
pub struct Provider {
    /// Its name: what is typed (`my-hub`).
    pub name: String,
    /// Its name as people write it.
    pub title: String,
    /// Which protocol it speaks.
    pub kind: Kind,
    /// Whether it is there.
    pub status: Status,
    /// Its web page.
    pub homepage: Option<String>,
    /// What it is, in a sentence.
    pub about: String,
    /// Where the facts of this file come from.
    pub sources: Vec<Source>,
    /// What a person needs in order to register an app with it.
    pub client: ClientHelp,
    /// Where tokens are made, where nobody is sent anywhere: they are imported then.
    pub import: Option<Import>,
    /// What must be tolerated of it, with the reason.
    pub deviations: Vec<(Deviation, String)>,
    /// Scopes that people ask for, each with what it allows; the provider's documentation has the rest.
    pub scopes: Vec<(String, String)>,
    /// What it can be asked for by name, in the order of the file.
    pub actions: Actions,
    /// Why no proof key is sent (RFC 7636), where none is.
    pub pkce_off: Option<String>,
    /// A client of others that gets through at an imitation of it, where one does: a test runs it.
    pub independent_client: Option<String>,
    /// When somebody walked the real provider with their own app and account, as `yyyy-mm-dd`; `None`: nobody did yet.
    pub verified: Option<String>,
    /// The files it was read from: the embedded one, the user's own, or both.
    pub files: Vec<String>,
    pub(crate) spec: Spec,
    pub(crate) moves: Moves,
}

impl Provider {
    /// What a provider may be called, as a sentence goes on behind a colon. The names of actions and parameters are of the same kind.
    pub const NAMES: &str = "a letter first, then a-z, 0-9, - and _, 64 of them at most";

    /// Whether one may be called so.
    ///
    /// ```
    /// use keyfob_providers::Provider;
    ///
    /// assert!(Provider::is_name("my-hub_2"));
    /// assert!(!Provider::is_name("2nd-hub") && !Provider::is_name("My hub"));
    /// ```
    pub fn is_name(text: &str) -> bool {
        let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
        text.len() <= 64 && text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(inner)
    }

    /// The longest label, in characters.
    pub const LONGEST_LABEL: usize = 64;

    /// Whether a text can tell one account of a provider from another (`provider/label`): small letters, digits, `-`, `_`, `.` and `@`, a letter or digit
    /// first, at most [`LONGEST_LABEL`](Self::LONGEST_LABEL).
    ///
    /// ```
    /// use keyfob_providers::Provider;
    ///
    /// assert!(Provider::is_label("cabin") && Provider::is_label("2nd.hub_a@b"));
    /// assert!(!Provider::is_label("Cabin") && !Provider::is_label("-x") && !Provider::is_label(""));
    /// ```
    pub fn is_label(text: &str) -> bool {
        let first = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        text.len() <= Self::LONGEST_LABEL && text.starts_with(first) && text.chars().all(|c| first(c) || "-_.@".contains(c))
    }

    /// The settings that the protocol works with. `field` gives the values of the app's fields (see
    /// [`keyfob_proto::App::field`]), for providers whose URLs depend on one (`https://{shop}.example/`).
    ///
    /// # Errors
    ///
    /// `Misuse` for a value that is missing or fits no URL, and for a provider of kind `oidc`, whose issuer has to be asked first:
    /// [`Described::issuer_to_ask`].
    pub fn settings(&self, field: &dyn Fn(&str) -> Option<String>) -> Result<Settings, Misuse> {
        self.spec.settings(self, &|name| self.said(name, field(name)))
    }

    /// What an app says of a field, or what that is where it says nothing.
    pub fn said_by(&self, app: &App, name: &str) -> Option<String> {
        self.said(name, app.field(name).map(str::to_owned))
    }

    /// What was said of a field, or what it is where nothing was.
    pub(crate) fn said(&self, name: &str, said: Option<String>) -> Option<String> {
        said.or_else(|| self.usual(name).map(str::to_owned))
    }

    /// What a field is where nothing is said.
    pub(crate) fn usual(&self, name: &str) -> Option<&str> {
        self.client.field(name)?.default.as_deref()
    }

    /// The same provider with every URL that we send something to (or send a person to) moved to one origin: how it is
    /// pointed at the sandbox, which serves all hosts of a provider on one port.
    #[must_use]
    pub fn at_origin(&self, origin: &Origin) -> Self {
        let mut moved = self.clone();
        moved.moves.all = Some(origin.clone());
        moved
    }

    /// The same provider with some origins replaced by others; URLs at any other origin stay.
    #[must_use]
    pub fn at(&self, origins: &BTreeMap<Origin, Origin>) -> Self {
        let mut moved = self.clone();
        moved.moves.some.extend(origins.iter().map(|(from, to)| (from.clone(), to.clone())));
        moved
    }

    /// An action by its name; `Misuse` says which ones there are, and the nearest.
    ///
    /// # Errors
    ///
    /// `Misuse`, as said.
    pub fn action(&self, name: &str) -> Result<&Action, Misuse> {
        self.actions.iter().find(|action| action.name == name).ok_or_else(|| {
            let names: Vec<&str> = self.actions.iter().map(|action| action.name.as_str()).collect();
            let misuse = Misuse::new(format!("an action of {}", self.name), format!("\"{}\"", keyfob_proto::scrub::printable(name)));
            match crate::nearest::suggest(name, names.iter().copied()) {
                Some(hint) => misuse.with_hint(hint),
                None => misuse,
            }
        })
    }

    /// The actions that show something and need no arguments: what a page about an account opens with.
    pub fn overview(&self) -> impl Iterator<Item = &Action> {
        self.actions.iter().filter(|action| !action.acts && action.parameters.iter().all(|parameter| !parameter.required))
    }

    /// The values that the token answer or callback gives and that are kept with the account.
    pub fn kept(&self) -> &[String] {
        &self.spec.keep
    }

    /// Those of its [values](Self::kept) that an action needs and a login did not bring, each with the first action that does.
    pub fn lacking<'a>(&'a self, kept: &'a BTreeMap<String, String>) -> impl Iterator<Item = (&'a str, &'a Action)> {
        let missing = self.spec.keep.iter().filter(|name| !kept.contains_key(*name));
        missing.filter_map(|name| Some((name.as_str(), self.actions.iter().find(|action| action.needs(name))?)))
    }

    /// What [is lacking](Self::lacking) in a login, in sentences: an action that needs it cannot be done, after however many logins. `members`: the names that the
    /// answer has.
    pub fn tell_lacking(&self, kept: &BTreeMap<String, String>, members: &[String]) -> Vec<String> {
        let has = if members.is_empty() { String::new() } else { format!("; it has {}", members.join(", ")) };
        let told = |(name, action): (&str, &Action)| {
            let why = format!("the answer of {} has no {name}, which {} needs{has}", self.title, action.name);
            format!("{why}. If it is called otherwise there, keep in the provider's file is to be corrected")
        };
        self.lacking(kept).map(told).collect()
    }

    /// Scopes that are asked for unless a person names others (OAuth 2).
    pub fn default_scopes(&self) -> &[String] {
        self.spec.default_scopes()
    }

    /// Whether the app's keys alone sign its calls: nobody logs in, and whoever has the keys is whoever they belong to.
    pub fn is_one_legged(&self) -> bool {
        matches!(self.spec.flow, FlowSpec::OAuth1 { at: None, imported: false, .. })
    }

    /// Whether each of its refresh tokens is good for one use: then whoever uses a copy of them ends the other's login.
    pub fn rotates(&self) -> bool {
        matches!(&self.spec.flow, FlowSpec::OAuth2(spec) if spec.rotates)
    }

    /// How long a refresh token is good, where it is known and no answer says it.
    pub fn refresh_lifetime(&self) -> Option<RefreshLifetime> {
        match &self.spec.flow {
            FlowSpec::OAuth2(spec) => spec.refresh_lifetime,
            FlowSpec::OAuth1 { .. } => None,
        }
    }

    /// How its long answers go on, beside `Link` headers (RFC 8288).
    pub fn pages(&self) -> Option<&Pages> {
        self.spec.api.pages.as_ref()
    }

    /// By which parameters of the query, fields of a body and headers a call may say another method than its own there, beside `_method` and
    /// `X-HTTP-Method-Override`, which are usual.
    pub fn method_overrides(&self) -> &[String] {
        &self.spec.api.method_override
    }

    /// How a call can carry others, each with a method and a path of its own.
    pub fn batch(&self) -> &Batch {
        &self.spec.api.batch
    }

    /// The URLs of the file that we send something to, by what they are for: for `provider show`. Templates stay templates,
    /// moved origins are shown moved.
    pub fn endpoints(&self) -> Vec<(&'static str, String)> {
        let shown = self.spec.endpoints(&self.moves, |_| None);
        // Where the usual host is moved, that is what is shown; a place behind the host stays one.
        let of_hosts = |name: &str| self.usual(name).filter(|_| self.spec.is_in_host(name)).map(str::to_owned);
        let (moved, still) = (self.spec.endpoints(&self.moves, of_hosts), self.spec.endpoints(&Moves::default(), of_hosts));
        let moved = moved.into_iter().zip(still).map(|(moved, still)| (moved != still).then_some(moved));
        shown.into_iter().zip(moved).map(|(shown, moved)| moved.unwrap_or(shown)).collect()
    }

    /// The same where an app says nothing of what is nearly always the same: the addresses that most programs have.
    pub fn usual_endpoints(&self) -> Vec<(&'static str, String)> {
        self.spec.endpoints(&self.moves, |name| self.usual(name).map(str::to_owned))
    }

    /// The same for an app, which may say something else: where its requests go.
    pub fn endpoints_of(&self, app: &App) -> Vec<(&'static str, String)> {
        self.spec.endpoints(&self.moves, |name| self.said_by(app, name))
    }

    /// Those of the files it is read from that are the user's own. Those that come with the program are in no folder.
    pub fn own_files(&self) -> impl Iterator<Item = &String> {
        self.files.iter().filter(|file| file.contains(['/', '\\']))
    }

    /// Whether nothing of it comes with the program.
    pub fn is_all_own(&self) -> bool {
        self.own_files().count() == self.files.len()
    }

    /// Whether a file of the user's own lies over the embedded one: what is known of that one is not known of this.
    pub fn is_mixed(&self) -> bool {
        !self.is_all_own() && self.own_files().next().is_some()
    }

    /// What there is to say about it in words, in lower case: what a search looks through. All but few are live, which tells nobody apart.
    pub fn words(&self) -> String {
        let status = if matches!(self.status, Status::Live) { "" } else { self.status.name() };
        let known = [
            self.name.as_str(),
            &self.title,
            &self.about,
            self.homepage.as_deref().unwrap_or_default(),
            self.kind.name(),
            self.kind.title(),
            status,
        ];
        let actions = self.actions.iter().flat_map(|action| [action.name.as_str(), action.about.as_str()]);
        let scopes = self.scopes.iter().flat_map(|(name, allows)| [name.as_str(), allows.as_str()]);
        known.into_iter().chain(actions).chain(scopes).collect::<Vec<_>>().join(" ").to_lowercase()
    }
}

/// Of kind `oidc`, it says itself where its endpoints are; what the file says counts.
impl Described for Provider {
    fn issuer_to_ask(&self, app: &App) -> Result<Option<String>, Misuse> {
        self.spec.issuer_to_ask(&|name| self.said(name, app.field(name).map(str::to_owned)), &self.moves)
    }

    fn settings_for(&self, app: &App) -> Result<Settings, Misuse> {
        self.settings(&|name| app.field(name).map(str::to_owned))
    }

    fn settings_of(&self, metadata: &Metadata, app: &App) -> Result<Settings, Error> {
        self.spec.discovered(self, metadata, app)
    }
}

/// Which protocol a provider speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Kind {
    /// OAuth 1.0a (RFC 5849).
    OAuth1,
    /// OAuth 2 (RFC 6749).
    OAuth2,
    /// The same, and OpenID Connect: its issuer says where its endpoints are, and what it takes (Discovery).
    Oidc,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::OAuth1, Self::OAuth2, Self::Oidc];

    /// The name a provider file uses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OAuth1 => "oauth1",
            Self::OAuth2 => "oauth2",
            Self::Oidc => "oidc",
        }
    }

    /// The protocol as people write it.
    pub const fn title(self) -> &'static str {
        match self {
            Self::OAuth1 => "OAuth 1.0a",
            Self::OAuth2 => "OAuth 2",
            Self::Oidc => "OpenID Connect",
        }
    }
}

/// Whether a provider is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "status")]
#[non_exhaustive]
pub enum Status {
    /// As far as the sources say, it works.
    Live,
    /// It exists in the sandbox only.
    Sandbox,
    /// It has ended, or its end was announced.
    Retired {
        /// The day, as `yyyy-mm-dd`.
        on: String,
        /// What took its place.
        successor: Option<String>,
        /// What a person should know about it.
        note: String,
    },
}

impl Status {
    /// The name a provider file uses.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Sandbox => "sandbox",
            Self::Retired { .. } => "retired",
        }
    }
}

/// How long a refresh token is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefreshLifetime {
    /// Seconds.
    pub seconds: u32,
    /// What they are counted from.
    pub from: RefreshFrom,
}

/// What a refresh token's lifetime is counted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshFrom {
    /// The login: its day comes, however often tokens are renewed.
    Login,
    /// Its last use: whoever renews tokens in time can go on for ever.
    Use,
}

impl RefreshLifetime {
    /// Until when the refresh token is good of which both moments are known, as far as they have to be.
    pub fn until(self, login: Option<Timestamp>, last_use: Option<Timestamp>) -> Option<Timestamp> {
        let begin = match self.from {
            RefreshFrom::Login => login,
            RefreshFrom::Use => last_use,
        };
        Some(begin?.plus(i64::from(self.seconds)))
    }
}

/// Where facts come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Source {
    /// The page.
    pub url: String,
    /// When it was read, as `yyyy-mm-dd`; where the fact is assumed, when it was written down.
    pub checked: String,
    /// How sure we are.
    pub confidence: Confidence,
    /// Which facts.
    pub about: String,
}

/// How sure a fact is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// In the provider's own documentation, or in an independent client's code or recorded answers.
    Verified,
    /// Follows from something else that was seen.
    Inferred,
    /// No page was read that says so: as generally known, or chosen because nothing was found.
    Assumed,
}

impl Confidence {
    pub(crate) const ALL: &[(&'static str, Self)] =
        &[("verified", Self::Verified), ("inferred", Self::Inferred), ("assumed", Self::Assumed)];
}

/// Where tokens are made that are imported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Import {
    /// The page.
    pub url: Option<String>,
    /// What to do there, or elsewhere, and what to copy.
    pub help: String,
}

/// What a person needs in order to register an app.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ClientHelp {
    /// Where apps are registered.
    pub register_url: Option<String>,
    /// What to do there, and which words the page uses.
    pub register_help: String,
    /// What to copy from there.
    pub fields: Vec<Field>,
    /// What to enter there as the redirect URI.
    pub redirect: Redirect,
    /// The variable in which the provider's own programs look for a token.
    pub token_env: Option<String>,
}

impl ClientHelp {
    /// A field by its name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// The field that a variable of the environment (or of an env-file) is for.
    pub fn field_of_variable(&self, variable: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.env.iter().any(|name| name == variable))
    }
}

/// Something that a provider hands out, or wants to know, at registration. The names `client_id`, `client_secret` and
/// `redirect_uri`, `private_key` and `private_key_id` are those of [`keyfob_proto::App`]; `scope` means the scopes to ask for; any other name is a further
/// field of the app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Field {
    /// Its name: `client_id`.
    pub name: String,
    /// What the provider's page calls it.
    pub label: String,
    /// Where to find it.
    pub help: String,
    /// Whether it must not be shown.
    pub secret: bool,
    /// Whether an app is of no use without it.
    pub required: bool,
    /// What it is where nothing is said: it is not required then.
    pub default: Option<String>,
    /// What it looks like: a regular expression for the whole value.
    pub pattern: Option<String>,
    /// The variables it is also read from.
    pub env: Vec<String>,
}

impl Field {
    /// Names of what is each app's own, and of which nothing is usual.
    pub(crate) const OF_EACH_APP: [&str; 4] = ["client_id", "redirect_uri", "scope", "private_key_id"];

    /// Whether a field of this name is a secret whatever a file says: a file that says otherwise is wrong.
    pub(crate) fn is_always_secret(name: &str) -> bool {
        matches!(name, "client_secret" | "private_key")
    }

    /// A private key in PEM has lines, and an end of the last one.
    fn has_lines(&self) -> bool {
        self.name == "private_key"
    }

    /// Whether a value looks like one of this field. The value stays out of the error: it may be a secret.
    ///
    /// # Errors
    ///
    /// `Misuse` for nothing, for text with control characters or blanks around it, and for what has not the form that the file says.
    pub fn check(&self, value: &str) -> Result<(), Misuse> {
        let found = if value.is_empty() {
            "nothing"
        } else if value.chars().any(|c| c.is_control() && !(self.has_lines() && matches!(c, '\n' | '\r'))) {
            "text with control characters"
        } else if value.trim() != value && !self.has_lines() {
            "text with space around it"
        } else if self.pattern.as_deref().is_some_and(|pattern| !crate::pattern::matches(pattern, value)) {
            "text of another form"
        } else {
            return Ok(());
        };
        let expected = match &self.pattern {
            Some(pattern) => format!("{} ({}) of the form {pattern}", self.label, self.name),
            None => format!("{} ({})", self.label, self.name),
        };
        let misuse = Misuse::new(expected, found);
        Err(if self.help.is_empty() { misuse } else { misuse.with_hint(self.help.clone()) })
    }
}

/// How a redirect URI is chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Redirect {
    /// What to register, the best first.
    pub suggested: Vec<String>,
    /// Whether the port of a loopback redirect URI may be chosen anew for each login (RFC 8252 §7.3). Otherwise the URI has
    /// to be the registered one to the byte.
    pub any_port: bool,
    /// Whether `oob` is possible: the provider shows a PIN instead of redirecting.
    pub oob: bool,
    /// Whether nobody can register a redirect URI there, or be sent there at all, and people enter a code instead (RFC 8628).
    pub device_only: bool,
    /// What a person should know.
    pub help: String,
}

impl Redirect {
    /// The address that a listener of ours needs for a redirect URI: host and port (0: any). `None` where we cannot listen: not
    /// `http`, not loopback, or a port that ordinary programs do not get; such a redirect is pasted.
    pub fn listener(&self, uri: &str) -> Option<(String, u16)> {
        let parsed: http::Uri = uri.parse().ok()?;
        let origin = Origin::of(&parsed)?;
        if !origin.is_loopback() || parsed.scheme_str() != Some("http") {
            return None;
        }
        let host = parsed.host()?.trim_start_matches('[').trim_end_matches(']').to_owned();
        let is_address = host.parse::<std::net::IpAddr>().is_ok();
        match parsed.port_u16() {
            // RFC 8252 §7.3 speaks of addresses; a name keeps its port.
            None if self.any_port && is_address => Some((host, 0)),
            Some(port) if port >= 1024 => Some((host, port)),
            _ => None,
        }
    }

    /// What happens at those of the suggested ones where no listener of ours can be, for whoever logs in by the command. (The web app has a redirect URI of
    /// its own, and answers there.)
    pub fn pasted(&self) -> Option<String> {
        let unheard = self.suggested.iter().filter(|uri| self.listener(uri).is_none());
        let told: Vec<String> = unheard
            .map(|uri| {
                let is_ours = uri.parse::<http::Uri>().ok().and_then(|uri| Origin::of(&uri)).is_some_and(|origin| origin.is_loopback());
                if is_ours {
                    format!("Nobody answers at {uri}: the browser shows an error, and its address bar the URL to paste.")
                } else {
                    format!("Where nobody answers at {uri}, the browser's address bar has the URL to paste.")
                }
            })
            .collect();
        (!told.is_empty() && !self.device_only).then(|| told.join(" "))
    }
}

/// Origins that are replaced by others.
#[derive(Clone, Debug, Default)]
pub(crate) struct Moves {
    /// Everything goes here.
    pub(crate) all: Option<Origin>,
    /// Some go elsewhere.
    pub(crate) some: BTreeMap<Origin, Origin>,
}

impl Moves {
    /// Where an origin was moved to.
    pub(crate) fn target(&self, origin: &Origin) -> Option<&Origin> {
        self.all.as_ref().or_else(|| self.some.get(origin))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn we_listen_on_loopback_ports_that_ordinary_programs_get() {
        let fixed = Redirect::default();
        assert_eq!(fixed.listener("http://localhost/callback"), None, "port 80");
        assert_eq!(fixed.listener("http://127.0.0.1:443/callback"), None, "a port of the system");
        assert_eq!(fixed.listener("http://localhost:5000/callback"), Some(("localhost".into(), 5000)));
        assert_eq!(fixed.listener("http://[::1]:5000/callback"), Some(("::1".into(), 5000)));
        assert_eq!(fixed.listener("https://localhost:5000/callback"), None);
        assert_eq!(fixed.listener("http://app.example:5000/callback"), None);
        let any = Redirect { any_port: true, ..Redirect::default() };
        assert_eq!(any.listener("http://127.0.0.1/callback"), Some(("127.0.0.1".into(), 0)));
        assert_eq!(any.listener("http://localhost/callback"), None, "only addresses get any port");
        let told = |uri: &str| Redirect { suggested: vec![uri.to_owned()], ..Redirect::default() }.pasted();
        assert_eq!(told("http://localhost:5000/callback"), None);
        assert!(told("https://localhost/callback").is_some_and(|told| told.starts_with("Nobody answers at https://localhost/callback:")));
        assert!(told("https://app.example/callback").is_some_and(|told| told.starts_with("Where nobody answers at https://app.example/")));
    }

    #[test]
    fn a_label_is_told_from_everything_that_leads_elsewhere() {
        for label in ["cabin", "0", "my.cabin_2", "a@b", &"x".repeat(Provider::LONGEST_LABEL)] {
            assert!(Provider::is_label(label), "{label}");
        }
        for label in ["", "Cabin", "2X", "~x", "-x", ".x", "a/b", "a b", "a\nb", "é", &"x".repeat(Provider::LONGEST_LABEL + 1)] {
            assert!(!Provider::is_label(label), "{label:?}");
        }
    }

    #[test]
    fn a_field_says_what_it_looks_like_and_keeps_the_value_to_itself() {
        let field = Field {
            name: "client_id".into(),
            label: "Client ID".into(),
            help: "on the page of your app".into(),
            secret: false,
            required: true,
            default: None,
            pattern: Some("[0-9A-Z]{6}".into()),
            env: vec![],
        };
        assert!(field.check("22ABCD").is_ok());
        for bad in ["", " 22ABCD", "22ABCDE", "22abcd", "22AB\nD"] {
            let error = field.check(bad).expect_err(bad);
            assert!(error.to_string().contains("client_id"), "{error}");
            assert!(bad.is_empty() || !error.to_string().contains(bad), "{error}");
        }
    }
}
