//! What the protocol needs to know of a provider. The catalogue makes these values from its files; a program with one
//! provider may write them out by hand.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::account_base::AccountBase;
use crate::deviation::Deviations;
use crate::encode::without_byte_order_mark;
use crate::endpoint::{Endpoint, Origin};
use crate::error::{Misbehaved, Misuse};
use crate::limits::Limits;
use crate::template::Template;
use crate::{oauth1, oauth2};

/// A provider as the protocol sees it: how to log in, how to call the API, what to tolerate.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The provider's name, for messages.
    pub provider: String,
    /// How to log in.
    pub flow: Flow,
    /// How to call the API.
    pub api: Api,
    /// What to tolerate, by name.
    pub deviations: Deviations,
    /// Values of the token answer and the callback to keep with the account (`user_id`, `realmId`). They are shown: a client is made of none that
    /// [`Settings::is_never_kept`].
    pub keep: Vec<String>,
    /// What to say when the provider answers that it is gone (410), where its end is known.
    pub retired: Option<String>,
}

impl Settings {
    /// A provider that keeps to its RFCs: nothing tolerated, nothing kept, bearer tokens in the `Authorization` header (RFC 6750 §2.1).
    /// Its habits are fields to change.
    ///
    /// ```
    /// use keyfob_proto::{Deviation, Endpoint, Flow, Settings, oauth2};
    ///
    /// let flow = oauth2::Settings::new(
    ///     Endpoint::parse("https://login.example/authorize")?,
    ///     Endpoint::parse("https://login.example/token")?,
    /// );
    /// let mut settings = Settings::new("example", Flow::OAuth2(flow), Endpoint::parse("https://api.example/v1")?);
    /// settings.deviations.insert(Deviation::ScopeArray);
    /// settings.keep.push("user_id".to_owned());
    /// let origins: Vec<_> = settings.origins().into_iter().map(String::from).collect();
    /// assert_eq!(origins, ["https://api.example", "https://login.example"]);
    /// # Ok::<(), keyfob_proto::Misuse>(())
    /// ```
    pub fn new(provider: impl Into<String>, flow: Flow, api: Endpoint) -> Self {
        Self { provider: provider.into(), flow, api: Api::new(api), deviations: Deviations::new(), keep: Vec::new(), retired: None }
    }

    /// What no account keeps beside its tokens: what it keeps is shown, and goes into URLs and headers of calls.
    pub const NEVER_KEPT: [&'static str; 12] = [
        "access_token",
        "refresh_token",
        "id_token",
        "code",
        "state",
        "device_code",
        "client_secret",
        "code_verifier",
        "client_assertion",
        "oauth_token",
        "oauth_token_secret",
        "oauth_verifier",
    ];

    /// Whether a value of this name is a credential, which [`Settings::keep`] must not name.
    pub fn is_never_kept(name: &str) -> bool {
        Self::NEVER_KEPT.contains(&name)
    }

    /// `Misuse` where [`Settings::keep`] names a credential: settings may be written out by hand.
    pub(crate) fn check_keep(&self) -> Result<(), Misuse> {
        match self.keep.iter().find(|name| Self::is_never_kept(name)) {
            Some(name) => Err(Misuse::new("names of values that may be shown, to be kept with an account", name.as_str())
                .with_hint("leave it away: tokens, codes and secrets are kept as such")),
            None => Ok(()),
        }
    }

    /// The settings for one account: where its login said where the API is, that is where it is. `Misbehaved` if what it said is missing, or leads
    /// elsewhere than the provider's file lists.
    ///
    /// # Errors
    ///
    /// `Misbehaved`, as said.
    pub fn of_account(&self, kept: &BTreeMap<String, String>) -> Result<Self, Misbehaved> {
        let mut own = self.clone();
        if let Some(base) = &self.api.base_of_account {
            own.api.base = base.of(kept)?;
        }
        Ok(own)
    }

    /// Whether nobody is sent anywhere, and accounts come of tokens that were made elsewhere.
    pub fn is_imported(&self) -> bool {
        match &self.flow {
            Flow::OAuth1(flow) => flow.imported,
            Flow::OAuth2(flow) => flow.authorize.is_none() && !flow.is_device_only(),
        }
    }

    /// The origins that an account's credentials may be sent to: bound to the account at login.
    pub fn origins(&self) -> Vec<Origin> {
        let endpoints: Vec<&Endpoint> = match &self.flow {
            Flow::OAuth1(flow) => vec![&flow.request_token, &flow.access_token],
            Flow::OAuth2(flow) => {
                let more = [
                    &flow.refresh,
                    &flow.revoke,
                    &flow.device_authorization,
                    &flow.backchannel_authentication,
                    &flow.pushed,
                    &flow.userinfo,
                    // The browser brings the ID token there, which says who the person is.
                    &flow.end_session,
                ];
                let long_lived = flow.renewal.as_ref().and_then(|renewal| Some(&renewal.long_lived.as_ref()?.endpoint));
                std::iter::once(&flow.token).chain(more.into_iter().flatten()).chain(long_lived).collect()
            }
        };
        let mut origins: Vec<Origin> = endpoints.into_iter().chain([&self.api.base]).map(Endpoint::origin).collect();
        origins.extend(self.api.more_origins.iter().cloned());
        origins.sort();
        origins.dedup();
        origins
    }

    /// The origins that API calls may go to.
    pub fn api_origins(&self) -> impl Iterator<Item = &Origin> {
        std::iter::once(self.api.base.as_origin()).chain(&self.api.more_origins)
    }
}

/// What is told where somebody is about to be sent to a provider that has no page for it.
pub(crate) fn imported() -> Misuse {
    Misuse::new("a provider that people are sent to", "one whose tokens are made elsewhere").with_hint("import them")
}

/// How to log in.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
#[expect(clippy::large_enum_variant, reason = "there is one a provider; a box would be in the way of whoever writes or reads it")]
pub enum Flow {
    /// OAuth 1.0a (RFC 5849).
    OAuth1(oauth1::Settings),
    /// OAuth 2 (RFC 6749).
    OAuth2(oauth2::Settings),
}

/// How to call the API once logged in.
#[derive(Clone, Debug, PartialEq)]
pub struct Api {
    /// What relative paths are relative to. With `base_of_account`, what [`Settings::of_account`] makes of it; before a login, a place that tokens go to anyway.
    pub base: Endpoint,
    /// Where that is for an account, where its login says so.
    pub base_of_account: Option<AccountBase>,
    /// Further origins that credentials may be sent to.
    pub more_origins: Vec<Origin>,
    /// How an OAuth 2 access token is attached. OAuth 1 signs instead.
    pub attach: Attach,
    /// Headers every call carries; templates over the app's fields and the account's kept values.
    pub headers: Vec<(http::HeaderName, Template)>,
    /// Parameters that every call has in its query (an API key); templates as those of the headers.
    pub query: Vec<(String, Template)>,
    /// What means "the access token has expired": refresh once, retry once.
    pub expired: Vec<Signal>,
    /// What means "this token is not good any more" in the provider's own words: the same, and where nothing renews it a person has to log in again.
    pub revoked: Vec<Signal>,
    /// What means "this answer is an error" although its status says success.
    pub failed: Vec<Signal>,
    /// Where an error answer has its sentence, as JSON pointers (RFC 6901), the first hit wins.
    pub message: Vec<String>,
    /// Which headers tell the rate limit, where some do.
    pub limits: Option<Limits>,
}

impl Api {
    /// An API below this URL, called with bearer tokens (or signatures) and nothing else.
    pub fn new(base: Endpoint) -> Self {
        Self {
            base,
            base_of_account: None,
            more_origins: Vec::new(),
            attach: Attach::Bearer,
            headers: Vec::new(),
            query: Vec::new(),
            expired: Vec::new(),
            revoked: Vec::new(),
            failed: Vec::new(),
            message: Vec::new(),
            limits: None,
        }
    }

    /// The sentence of an error, at the first of these places that has one ([`message`](Self::message)); as it stands there, not scrubbed.
    pub fn sentence(places: &[String], answer: &Value) -> Option<String> {
        places.iter().find_map(|pointer| match answer.pointer(pointer)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        })
    }
}

/// How an OAuth 2 access token travels.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Attach {
    /// `Authorization: Bearer …` (RFC 6750 §2.1).
    Bearer,
    /// A query parameter (RFC 6750 §2.3), of this name.
    Query(String),
    /// A form body parameter (RFC 6750 §2.2), of this name.
    Body(String),
    /// The provider's own headers; templates over `access_token`, the app's fields and the account's kept values.
    Headers(Vec<(http::HeaderName, Template)>),
}

/// A condition on an answer, as plain data: one of these statuses, and, where a pointer is given, one of these values
/// there, or a string with one of these texts in it. Neither means: anything but absent or `null`. Texts without a pointer are looked for in the whole body.
#[derive(Clone, Debug, PartialEq)]
pub struct Signal {
    /// The statuses it can come with.
    pub statuses: Vec<u16>,
    /// Where to look in the JSON body (RFC 6901). `None`: the status alone decides.
    pub pointer: Option<String>,
    /// What to find there.
    pub values: Vec<Value>,
    /// What a string there, or the body, has in it: for sentences that name the token or the app, and so are never the same.
    pub contains: Vec<String>,
}

impl Signal {
    /// Whether an answer gives this signal.
    pub fn given(&self, status: http::StatusCode, body: &[u8]) -> bool {
        if !self.statuses.contains(&status.as_u16()) {
            return false;
        }
        let has = |text: &str| self.contains.iter().any(|part| text.contains(part.as_str()));
        let Some(pointer) = &self.pointer else { return self.contains.is_empty() || has(&String::from_utf8_lossy(body)) };
        let Ok(json) = serde_json::from_slice::<Value>(without_byte_order_mark(body)) else { return false };
        match json.pointer(pointer) {
            None | Some(Value::Null) => false,
            Some(_) if !self.is_worded() => true,
            Some(found) => self.values.contains(found) || found.as_str().is_some_and(has),
        }
    }

    /// Whether judging needs the body of an answer with this status.
    pub fn needs_body(&self, status: http::StatusCode) -> bool {
        self.reads_body() && self.statuses.contains(&status.as_u16())
    }

    /// Whether it is in the body, and not in the status alone.
    pub fn reads_body(&self) -> bool {
        self.pointer.is_some() || !self.contains.is_empty()
    }

    /// Whether it knows what the provider says, and not only where.
    pub fn is_worded(&self) -> bool {
        !self.values.is_empty() || !self.contains.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_signal_is_status_pointer_and_values() {
        let expired =
            Signal { statuses: vec![403], pointer: Some("/error/code".into()), values: vec![json!(2), json!(3)], contains: vec![] };
        assert!(expired.given(StatusCode::FORBIDDEN, br#"{"error":{"code":3}}"#));
        assert!(!expired.given(StatusCode::FORBIDDEN, br#"{"error":{"code":13}}"#));
        assert!(!expired.given(StatusCode::UNAUTHORIZED, br#"{"error":{"code":3}}"#));
        assert!(!expired.given(StatusCode::FORBIDDEN, b"<html>"));
        let any = Signal { statuses: vec![200], pointer: Some("/error".into()), values: vec![], contains: vec![] };
        assert!(any.given(StatusCode::OK, br#"{"error":"offline"}"#));
        assert!(!any.given(StatusCode::OK, br#"{"error":null}"#));
    }

    #[test]
    fn a_signal_may_be_in_a_sentence_that_is_never_the_same() {
        let not_there = |pointer: Option<&str>| Signal {
            statuses: vec![401],
            pointer: pointer.map(str::to_owned),
            values: vec![json!(7)],
            contains: vec!["does not exist".into()],
        };
        let json = br#"{"error":"the token \"3f9a\" does not exist"}"#;
        assert!(not_there(Some("/error")).given(StatusCode::UNAUTHORIZED, json));
        assert!(not_there(Some("/error")).given(StatusCode::UNAUTHORIZED, br#"{"error":7}"#), "or one of the values");
        assert!(!not_there(Some("/error")).given(StatusCode::UNAUTHORIZED, br#"{"error":"offline","hint":"does not exist"}"#));
        assert!(!not_there(Some("/error")).given(StatusCode::UNAUTHORIZED, br#"{"error":["does not exist"]}"#), "a sentence is a string");
        assert!(!not_there(Some("/error")).given(StatusCode::FORBIDDEN, json));
        // Without a pointer, anywhere in the answer, whatever it is written in.
        let anywhere = Signal { values: vec![], ..not_there(None) };
        for there in [&json[..], b"<error>the token 3f9a does not exist</error>", b"the token 3f9a does not exist \xff"] {
            assert!(anywhere.given(StatusCode::UNAUTHORIZED, there));
        }
        assert!(!anywhere.given(StatusCode::UNAUTHORIZED, b"the signature is wrong"));
        assert!(anywhere.reads_body() && anywhere.needs_body(StatusCode::UNAUTHORIZED) && !anywhere.needs_body(StatusCode::OK));
    }
}
