//! The authorization response and its ways back: query, fragment or a form (RFC 6749 §4.1.2, OAuth 2.0 Multiple Response Types, Form Post), each plain
//! or signed (JARM); with `iss` in every one (RFC 9207).

use serde_json::{Value, json};

use super::Acme;
use super::keys::Twist;
use crate::apps::Registration;
use crate::desk::Desk;
use crate::flaw::Flaw;
use crate::message::{Reply, form, with_query};
use crate::page;

/// How long a signed response is good, in seconds.
const LIFETIME: i64 = 300;

/// Where answers go, and what goes with each.
#[derive(Clone)]
pub(super) struct Back {
    pub(super) app: Registration,
    pub(super) redirect_uri: String,
    pub(super) state: Option<String>,
    pub(super) issuer: String,
    pub(super) mode: Mode,
}

/// `response_mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mode {
    pub(super) way: Way,
    pub(super) signed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Query,
    Fragment,
    FormPost,
}

pub(super) const MODES: [&str; 7] = ["query", "fragment", "form_post", "jwt", "query.jwt", "fragment.jwt", "form_post.jwt"];

impl Mode {
    /// `None` for a mode that we do not know, or that would put tokens into a query (OAuth 2.0 Multiple Response Types §5).
    pub(super) fn new(name: Option<&str>, hybrid: bool) -> Option<Self> {
        let default = if hybrid { Way::Fragment } else { Way::Query };
        let mode = match name {
            None => Self { way: default, signed: false },
            Some("jwt") => Self { way: default, signed: true },
            Some(name) => {
                let way = match name.trim_end_matches(".jwt") {
                    "query" => Way::Query,
                    "fragment" => Way::Fragment,
                    "form_post" => Way::FormPost,
                    _ => return None,
                };
                Self { way, signed: name.ends_with(".jwt") }
            }
        };
        (!hybrid || mode.way != Way::Query || mode.signed).then_some(mode)
    }
}

impl Acme {
    pub(super) fn respond_error(&self, desk: &Desk, back: &Back, error: &str, description: &str) -> Reply {
        self.respond(desk, back, &[("error", error), ("error_description", description)])
    }

    pub(super) fn respond(&self, desk: &Desk, back: &Back, pairs: &[(&str, &str)]) -> Reply {
        let flaw = desk.faults().flaw;
        let mut all: Vec<(&str, String)> = pairs.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        all.extend(back.state.clone().map(|state| ("state", state)));
        if back.mode.signed && flaw != Some(Flaw::JarmUnsigned) {
            return match self.signed(desk, back, &all, flaw) {
                Ok(text) => deliver(back, &[("response", &text)]),
                Err(reply) => reply,
            };
        }
        all.push(("iss", back.issuer.clone()));
        spoil(flaw, &mut all);
        let all: Vec<(&str, &str)> = all.iter().map(|(name, value)| (*name, value.as_str())).collect();
        deliver(back, &all)
    }

    /// JARM §4.1.
    fn signed(&self, desk: &Desk, back: &Back, pairs: &[(&str, String)], flaw: Option<Flaw>) -> Result<String, Reply> {
        let now = desk.wall();
        let mut claims = json!({ "iss": back.issuer, "aud": back.app.client_id, "exp": now + LIFETIME });
        for (name, value) in pairs {
            claims[*name] = json!(value);
        }
        let mut remove = |name: &str| {
            claims.as_object_mut().map(|claims| claims.remove(name));
        };
        let mut twist = Twist::None;
        match flaw {
            Some(Flaw::JarmNoIss) => remove("iss"),
            Some(Flaw::JarmNoAud) => remove("aud"),
            Some(Flaw::JarmNoExp) => remove("exp"),
            Some(Flaw::JarmIss) => claims["iss"] = json!("https://issuer.invalid"),
            Some(Flaw::JarmAud) => claims["aud"] = json!("another-client"),
            Some(Flaw::JarmExp) => claims["exp"] = json!(now - 3600),
            Some(Flaw::JarmState) => claims["state"] = json!("another-state"),
            Some(Flaw::JarmAlgNone) => twist = Twist::AlgNone,
            Some(Flaw::JarmSignature) => twist = Twist::OtherText,
            _ => {}
        }
        self.sign(&back.app, back.app.metadata.authorization_signed_response_alg.as_deref(), None, &Value::clone(&claims), twist)
    }
}

fn spoil(flaw: Option<Flaw>, pairs: &mut Vec<(&str, String)>) {
    let mut set = |name: &str, value: &str| pairs.iter_mut().filter(|(known, _)| *known == name).for_each(|pair| pair.1 = value.to_owned());
    match flaw {
        Some(Flaw::ResponseIss) => set("iss", "https://issuer.invalid"),
        Some(Flaw::ResponseState) => set("state", "another-state"),
        Some(Flaw::ResponseNoIss) => pairs.retain(|(name, _)| *name != "iss"),
        Some(Flaw::ResponseNoState) => pairs.retain(|(name, _)| *name != "state"),
        Some(Flaw::ResponseTwice) => {
            if let Some(code) = pairs.iter().find(|(name, _)| *name == "code").cloned() {
                pairs.push(("code", format!("{}x", code.1)));
            }
        }
        _ => {}
    }
}

fn deliver(back: &Back, pairs: &[(&str, &str)]) -> Reply {
    match back.mode.way {
        Way::Query => Reply::redirect(&with_query(&back.redirect_uri, pairs)),
        // A registered redirect URI has no fragment (RFC 6749 §3.1.2).
        Way::Fragment => Reply::redirect(&format!("{}#{}", back.redirect_uri, form(pairs))),
        Way::FormPost => page::form_post(&back.redirect_uri, pairs),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_never_go_into_a_plain_query() {
        assert_eq!(Mode::new(None, false).map(|mode| mode.way), Some(Way::Query));
        assert_eq!(Mode::new(None, true).map(|mode| mode.way), Some(Way::Fragment));
        assert_eq!(Mode::new(Some("query"), true), None);
        assert_eq!(Mode::new(Some("jwt"), true), Some(Mode { way: Way::Fragment, signed: true }));
        assert_eq!(Mode::new(Some("form_post.jwt"), false), Some(Mode { way: Way::FormPost, signed: true }));
        assert_eq!(Mode::new(Some("web_message"), false), None);
        assert!(MODES.iter().all(|name| Mode::new(Some(name), false).is_some()));
    }
}
