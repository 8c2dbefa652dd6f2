//! The API: how a token comes, which headers come with it, which calls the file names, and how it says that something went wrong.

use axum::http::Method;
use serde_json::{Value, json};

use super::checklist::Checklist;
use super::file::{Action, Attach, Kind, Signal};
use super::place::{fill, fits, is_plain};
use super::shape::at_pointer;
use super::{Imitated, Imitation, Say, lists};
use crate::desk::held;
use crate::message::{Call, Reply};
use crate::oauth2::AccessProblem;

/// One way to give a signal: a status, and what lies where; nowhere else than everywhere is `""` (RFC 6901 §5).
pub(super) type Way = (u16, Option<(String, Value)>);

/// All ways to give one of these signals.
pub(super) fn ways(signals: &[Signal]) -> Vec<Way> {
    each(signals, |values| if values.is_empty() { vec![json!("something")] } else { values })
}

/// All ways to give none of them, and nearly one: the status is right, and the value another.
pub(super) fn near(signals: &[Signal]) -> Vec<Way> {
    let near = each(signals, |values| if values.is_empty() { vec![Value::Null] } else { vec![json!("another value")] });
    near.into_iter().filter(|(_, value)| value.is_some()).collect()
}

fn each(signals: &[Signal], values: impl Fn(Vec<Value>) -> Vec<Value>) -> Vec<Way> {
    let mut ways = Vec::new();
    for signal in signals {
        let known = signal.values.iter().map(|value| serde_json::to_value(value).unwrap_or_default());
        // In the middle of a sentence.
        let sentences = signal.contains.iter().map(|text| json!(format!("imitated: {text}: 3f9a")));
        let known: Vec<Value> = known.chain(sentences).collect();
        let place = signal.pointer.clone().or_else(|| (!known.is_empty()).then(String::new));
        for status in &signal.status {
            match &place {
                None => ways.push((*status, None)),
                Some(pointer) => ways.extend(values(known.clone()).into_iter().map(|value| (*status, Some((pointer.clone(), value))))),
            }
        }
    }
    ways
}

impl Imitated {
    pub(super) fn api(&self, call: &Call, host: usize) -> Reply {
        let judged = self.is_call(call, host).and_then(|action| {
            self.headers(call, action)?;
            self.query(call)?;
            self.credentials(call, action)
        });
        match judged {
            Err(why) => {
                self.refused(call, &why);
                Reply::json(self.unlike_expired(), &json!({ "refused": why }))
            }
            Ok(Err(AccessProblem::Expired)) => {
                let (ways, at) = (ways(&self.file.api.expired), held(&self.mood).expiry);
                ways.into_iter().nth(at).map_or_else(|| Reply::empty(self.unlike_expired()), answer)
            }
            // Whoever took back what they allowed is told in the first way.
            Ok(Err(_)) => {
                let (revoked, expired) = (ways(&self.file.api.revoked), ways(&self.file.api.expired));
                revoked.into_iter().chain(expired).next().map_or_else(|| Reply::empty(self.unlike_expired()), answer)
            }
            Ok(Ok(())) => self.said(call),
        }
    }

    /// What it was told to say, or that all is well.
    fn said(&self, call: &Call) -> Reply {
        let say = held(&self.mood).say.take();
        let reply = match say {
            Some(Say::TooMany) => return self.limited(Reply::empty(429), 0, 1),
            Some(Say::Fewest(at)) => return self.counted(Reply::json(200, &json!({ "imitated": true })), at),
            Some(Say::Page(at)) => match self.page(call, at) {
                Ok(page) => {
                    held(&self.mood).say = Some(Say::Page(at + 1));
                    Some(page)
                }
                Err(why) => {
                    self.refused(call, &why);
                    return Reply::json(self.unlike_expired(), &json!({ "refused": why }));
                }
            },
            Some(say) => self.way(say).map(answer),
            None => None,
        };
        let well = || match self.is_open {
            // A person sees what was understood of their call.
            true => json!({ "imitated": true, "method": call.method.as_str(), "path": call.path() }),
            false => json!({ "imitated": true }),
        };
        self.limited(reply.unwrap_or_else(|| Reply::json(200, &well())), lists::REMAINING, lists::RESET)
    }

    fn way(&self, say: Say) -> Option<Way> {
        let api = &self.file.api;
        let way = match say {
            Say::Error(at) => (422, Some((api.message.get(at)?.clone(), json!(Imitation::SENTENCE)))),
            Say::Failure(at) => ways(&api.failed).into_iter().nth(at)?,
            Say::NearFailure(at) => near(&api.failed).into_iter().nth(at)?,
            Say::NearExpiry(at) => self.near_expiries().into_iter().nth(at)?,
            Say::Revoked(at) => ways(&api.revoked).into_iter().nth(at)?,
            Say::NearRevoked(at) => self.near_revoked().into_iter().nth(at)?,
            Say::TooMany | Say::Fewest(_) | Say::Page(_) => return None,
        };
        Some(way)
    }

    /// The right status with another value, the right value with another status, and statuses that mean "expired" elsewhere.
    pub(super) fn near_expiries(&self) -> Vec<Way> {
        let expired = &self.file.api.expired;
        let elsewhere = [400, 401, 403].into_iter().filter(|status| expired.iter().all(|signal| !signal.status.contains(status)));
        let mut near = near(expired);
        for status in elsewhere {
            let values = ways(expired).into_iter().filter_map(|(_, value)| value);
            near.extend(values.map(Some).chain([None]).map(|value| (status, value)));
        }
        near
    }

    /// The right status with another value, and the right value with another status: neither says anything of the token.
    pub(super) fn near_revoked(&self) -> Vec<Way> {
        let revoked = &self.file.api.revoked;
        let elsewhere = [400, 401, 403].into_iter().filter(|status| revoked.iter().all(|signal| !signal.status.contains(status)));
        let mut near = near(revoked);
        for status in elsewhere {
            near.extend(ways(revoked).into_iter().map(|(_, value)| (status, value)));
        }
        near
    }

    /// A refusal that nobody takes for the end of a token.
    fn unlike_expired(&self) -> u16 {
        let means_expired = |status| {
            self.file
                .api
                .expired
                .iter()
                .any(|signal| signal.pointer.is_none() && signal.contains.is_empty() && signal.status.contains(&status))
        };
        [400, 409, 422].into_iter().find(|status| !means_expired(*status)).unwrap_or(418)
    }

    /// Which call of the file this is: one of an action, or (`None`) one to the base URL itself, or to a further origin.
    fn is_call(&self, call: &Call, host: usize) -> Result<Option<&Action>, String> {
        let more = self.places.more.iter().any(|place| place.host == host && call.path().starts_with(&place.path));
        let base = self.places.base.as_ref().filter(|base| base.host == host);
        let below = base.and_then(|base| call.path().strip_prefix(base.path.trim_end_matches('/')));
        let Some(below) = below.filter(|below| below.is_empty() || below.starts_with('/')) else {
            return if more { Ok(None) } else { Err("no endpoint, and not below the API's base URL".into()) };
        };
        let of_action = |action: &&Action| {
            let method = action.method.as_deref().unwrap_or("GET");
            call.method.as_str() == method && fits(&action.path, below)
        };
        // Several actions may be at one URL and differ in what they send.
        let mut why = "no action of the file".to_owned();
        for action in self.file.actions.values().filter(of_action) {
            match self.action_fits(action, call) {
                Ok(()) => return Ok(Some(action)),
                Err(other) => why = other,
            }
        }
        // A token that belongs into a form has none in a GET.
        let plain = if matches!(self.file.api.attach, Attach::Body { .. }) { Method::POST } else { Method::GET };
        if more || self.is_open || matches!(below, "" | "/") && call.method == plain { Ok(None) } else { Err(why) }
    }

    /// What an action sends beside its path.
    fn action_fits(&self, action: &Action, call: &Call) -> Result<(), String> {
        let mut query = Checklist::of(&call.query);
        pairs_fit(&action.query, &mut query)?;
        if let Attach::Query { query: name } = &self.file.api.attach {
            query.one(name)?;
        }
        for name in self.file.api.query.keys() {
            query.maybe(name)?;
        }
        query.maybe("oauth_token")?;
        for name in ["body_hash", "consumer_key", "nonce", "signature", "signature_method", "timestamp", "version"] {
            query.maybe(&format!("oauth_{name}"))?;
        }
        query.done()?;
        match (&action.form, &action.json) {
            (Some(form), _) => {
                let mut list = Checklist::of(&call.form);
                pairs_fit(form, &mut list)
            }
            (None, Some(wanted)) => {
                let sent: Value = serde_json::from_slice(&call.body).map_err(|_| "the body is no JSON")?;
                if json_fits(wanted, &sent) { Ok(()) } else { Err("the body is not the action's".into()) }
            }
            (None, None) if call.body.is_empty() || matches!(self.file.api.attach, Attach::Body { .. }) => Ok(()),
            (None, None) => Err("a body that the action has not".into()),
        }
    }

    /// What every call has in its query.
    fn query(&self, call: &Call) -> Result<(), String> {
        for (name, template) in &self.file.api.query {
            let wanted = fill(template, |name| self.value(name))?;
            if call.query.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).ne([wanted.as_str()]) {
                return Err(format!("{name} is missing in the query, or another one"));
            }
        }
        Ok(())
    }

    /// The headers that every call has, and those of the action.
    fn headers(&self, call: &Call, action: Option<&Action>) -> Result<(), String> {
        for (name, template) in &self.file.api.headers {
            let own = action.is_some_and(|action| action.headers.keys().any(|own| own.eq_ignore_ascii_case(name)));
            let wanted = fill(template, |name| self.value(name))?;
            if !own && call.header(name) != Some(&wanted) {
                return Err(format!("the header {name} is missing, or another one"));
            }
        }
        for (name, template) in action.into_iter().flat_map(|action| &action.headers) {
            // What an argument fills is left out without it.
            if is_plain(template) && call.header(name) != fill(template, |_| None).ok().as_deref() {
                return Err(format!("the header {name} of the action is missing, or another one"));
            }
        }
        Ok(())
    }

    /// A token, in the one place that the file says. `Ok(Err(…))` is one that is no longer good.
    fn credentials(&self, call: &Call, action: Option<&Action>) -> Result<Result<(), AccessProblem>, String> {
        if self.file.kind == Kind::OAuth1 {
            return self.is_signed(call).map(Ok);
        }
        let header = call.header("authorization");
        let in_header = |prefix: &str| header.and_then(|header| header.strip_prefix(prefix)).map(str::to_owned);
        let token = match &self.file.api.attach {
            Attach::Word(_) => in_header("Bearer "),
            Attach::Query { query } => call.query.iter().find(|(name, _)| name == query).map(|(_, value)| value.clone()),
            Attach::Body { body } => call.form.iter().find(|(name, _)| name == body).map(|(_, value)| value.clone()),
            Attach::Headers { headers } => {
                let mut token = None;
                for (name, template) in headers {
                    let sent = call.header(name).ok_or_else(|| format!("the header {name} is missing"))?;
                    let (before, after) = template.split_once("{access_token}").unwrap_or((template, ""));
                    let held = sent.strip_prefix(before).and_then(|sent| sent.strip_suffix(after));
                    token = token.or(held.map(str::to_owned));
                }
                token
            }
        };
        // In the one place, and in no other (RFC 6750 §2).
        let elsewhere = match &self.file.api.attach {
            Attach::Word(_) => false,
            Attach::Headers { headers } => header.is_some() && !headers.keys().any(|name| name.eq_ignore_ascii_case("authorization")),
            // The same token in the header as well is what most client libraries send, and such providers let it pass.
            Attach::Query { .. } | Attach::Body { .. } => header.is_some() && in_header("Bearer ") != token,
        };
        // A header may belong to the API, and not to the token.
        let is_wanted = |name: &str| name.eq_ignore_ascii_case("authorization");
        let by_file =
            self.file.api.headers.keys().any(|name| is_wanted(name)) || action.is_some_and(|a| a.headers.keys().any(|n| is_wanted(n)));
        if elsewhere && !by_file {
            return Err("credentials in a header that the file does not name".into());
        }
        let token = token.ok_or("no access token where the file says that it belongs")?;
        match held(&self.tokens).access(&token, self.clock.now()) {
            Ok(_) => Ok(Ok(())),
            Err(AccessProblem::Unknown) => Err("an access token that nobody issued".into()),
            Err(problem) => Ok(Err(problem)),
        }
    }
}

/// One way, as an answer.
pub(super) fn answer((status, value): Way) -> Reply {
    Reply::json(status, &value.map_or_else(|| json!({}), |(pointer, value)| at_pointer(&pointer, value)))
}

/// What is fixed has to be there; what an argument fills may be.
fn pairs_fit(wanted: &std::collections::BTreeMap<String, String>, list: &mut Checklist) -> Result<(), String> {
    for (name, template) in wanted {
        match fill(template, |_| None) {
            Ok(value) => list.fixed(name, &value)?,
            Err(_) => drop(list.maybe(name)?),
        }
    }
    Ok(())
}

fn json_fits(wanted: &toml::Value, sent: &Value) -> bool {
    match (wanted, sent) {
        (toml::Value::Table(wanted), Value::Object(sent)) => {
            let is_there = wanted.iter().all(|(name, wanted)| match sent.get(name) {
                Some(sent) => json_fits(wanted, sent),
                None => matches!(wanted, toml::Value::String(template) if !is_plain(template)),
            });
            is_there && sent.keys().all(|name| wanted.contains_key(name))
        }
        (toml::Value::Array(wanted), Value::Array(sent)) => {
            wanted.len() == sent.len() && wanted.iter().zip(sent).all(|(wanted, sent)| json_fits(wanted, sent))
        }
        (toml::Value::String(template), sent) => match fill(template, |_| None) {
            Ok(text) => sent.as_str() == Some(&text),
            Err(_) => true,
        },
        (wanted, sent) => serde_json::to_value(wanted).is_ok_and(|wanted| wanted == *sent),
    }
}
