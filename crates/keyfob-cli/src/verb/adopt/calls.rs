//! A call that a script makes, and all else that is read of one.

use std::collections::HashSet;

use zeroize::Zeroizing;

use super::clients::Base;
use super::expression::Arguments;
use super::literals::Assigned;
use super::values::{Value, of_query, pairs};

/// What is read of a script.
#[derive(Default)]
pub(super) struct Script {
    pub(super) calls: Vec<Call>,
    /// What comes to a text, and has a name, or a place that says what it is.
    pub(super) assigned: Vec<Assigned>,
    /// What has a name in its line, in any language. A shell's script has neither quotes nor blanks where others have them.
    pub(super) lines: Vec<Assigned>,
    /// All of that of what is commented out: what counts comes before it.
    pub(super) commented: Vec<Assigned>,
    pub(super) commented_calls: Vec<Call>,
    /// Each text that stands in it, and its line.
    pub(super) texts: Vec<(Zeroizing<String>, usize)>,
}

/// A call.
pub(super) struct Call {
    /// In capitals.
    pub(super) method: String,
    /// Without its query.
    pub(super) url: Zeroizing<String>,
    pub(super) query: Vec<(String, Value)>,
    pub(super) headers: Vec<(String, Value)>,
    pub(super) body: Body,
    /// The name and the password that somebody logs in with (RFC 7617).
    pub(super) login: Option<(Value, Value)>,
    pub(super) line: usize,
}

impl Call {
    /// With what is said of it, or of its session: what it says itself counts.
    pub(super) fn with(&mut self, said: &Arguments) {
        let add = |known: &mut Vec<(String, Value)>, more: Vec<(String, Value)>| {
            let names: HashSet<String> = known.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
            known.extend(more.into_iter().filter(|(name, _)| !names.contains(&name.to_ascii_lowercase())));
        };
        add(&mut self.headers, said.named("headers").map(pairs).unwrap_or_default());
        add(&mut self.query, said.named("params").map(pairs).unwrap_or_default());
        self.login = self.login.take().or_else(|| login(said));
        if let (Body::None, Some(body)) = (&self.body, said.named("body")) {
            self.body = carried(body);
        }
    }

    /// What it carries under names, however deep that is.
    pub(super) fn carried(&self) -> Vec<(&str, &Value)> {
        fn gather<'a>(members: &'a [(String, Value)], all: &mut Vec<(&'a str, &'a Value)>) {
            members.iter().for_each(|(name, value)| {
                all.push((name, value));
                gather_in(value, all);
            });
        }
        fn gather_in<'a>(value: &'a Value, all: &mut Vec<(&'a str, &'a Value)>) {
            match value {
                Value::Map(members) => gather(members, all),
                Value::List(items) => items.iter().for_each(|item| gather_in(item, all)),
                Value::Dumped(value) => gather_in(value, all),
                Value::Text(_) | Value::Plain(_) | Value::Gap(_) => {}
            }
        }
        let mut all = Vec::new();
        gather(&self.query, &mut all);
        gather(&self.headers, &mut all);
        match &self.body {
            Body::Form(fields) | Body::Files(_, fields) => gather(fields, &mut all),
            Body::Json(value) => gather_in(value, &mut all),
            Body::None | Body::Text(_) | Body::Other(_) => {}
        }
        // With what asks for a token it is the app's (RFC 6749 §2.3.1).
        if let Some((user, password)) = &self.login {
            match all.iter().any(|(name, _)| *name == "grant_type") {
                true => all.extend([("client_id", user), ("client_secret", password)]),
                false => all.insert(0, ("password", password)),
            }
        }
        all
    }
}

/// What it carries.
pub(super) enum Body {
    None,
    Form(Vec<(String, Value)>),
    Json(Value),
    /// Names of uploads, and fields beside them.
    Files(Vec<String>, Vec<(String, Value)>),
    /// A text that is neither.
    Text(Value),
    /// Something that is made when it runs, by its name there.
    Other(String),
}

/// What a URL is called with where nothing is said.
pub(super) fn get(url: &str) -> Option<Call> {
    made("GET".to_owned(), None, &Value::text(url), &Arguments::default(), None, 0)
}

pub(super) fn of_verb(verb: &str, base: Option<Base>, arguments: &Arguments, is_axios: bool, line: usize) -> Option<Call> {
    let carries = matches!(verb, "post" | "put" | "patch");
    let url = arguments.one("url", 0)?;
    if is_axios {
        let options = arguments.plain.get(if carries { 2 } else { 1 }).map(pairs).unwrap_or_default();
        let json = arguments.plain.get(1).filter(|_| carries).map(|body| body.clone().dumped());
        return made(verb.to_ascii_uppercase(), base, url, &Arguments { plain: Vec::new(), named: options }, json.as_ref(), line);
    }
    let mut call = made(verb.to_ascii_uppercase(), base, url, arguments, arguments.plain.get(1).filter(|_| carries), line)?;
    // `requests.get(url, params)`.
    if !carries && arguments.named("params").is_none() {
        call.query.extend(arguments.plain.get(1).map(pairs).unwrap_or_default());
    }
    Some(call)
}

/// A call of what is a URL, or a path behind the base. `{}.get("name")` is none.
pub(super) fn made(
    method: String,
    base: Option<Base>,
    url: &Value,
    arguments: &Arguments,
    body: Option<&Value>,
    line: usize,
) -> Option<Call> {
    let url = url.filled()?;
    let url = match (&base, url.starts_with("https://") || url.starts_with("http://")) {
        (_, true) => url,
        (Some(base), false) if (url.starts_with('/') || base.is_own && url.contains('/')) && !url.contains("://") => {
            Zeroizing::new(format!("{}/{}", base.url.trim_end_matches('/'), url.trim_start_matches('/')))
        }
        _ => return None,
    };
    let (whole, query) = url.split_once('?').unwrap_or((&url, ""));
    let mut query = of_query(query.split('#').next().unwrap_or_default());
    query.extend(arguments.named("params").map(pairs).unwrap_or_default());
    let body = match (
        arguments.named("json"),
        arguments.named("files"),
        body.or_else(|| ["data", "content", "body"].iter().find_map(|name| arguments.named(name))),
    ) {
        _ if matches!(method.as_str(), "GET" | "HEAD") => Body::None,
        (Some(json), _, _) if !is_nothing(json) => Body::Json(json.clone()),
        (_, Some(files), data) if !is_nothing(files) => {
            Body::Files(pairs(files).into_iter().map(|(name, _)| name).collect(), data.map(pairs).unwrap_or_default())
        }
        (_, _, Some(data)) if !is_nothing(data) => carried(data),
        _ => Body::None,
    };
    let headers = arguments.named("headers").map(pairs).unwrap_or_default();
    let login = login(arguments);
    let url = Zeroizing::new(whole.split('#').next().unwrap_or_default().to_owned());
    Some(Call { method, url, query, headers, body, login, line })
}

/// The pair that is called `auth`.
fn login(arguments: &Arguments) -> Option<(Value, Value)> {
    match arguments.named("auth")? {
        Value::List(pair) if pair.len() == 2 => Some((pair[0].clone(), pair[1].clone())),
        _ => None,
    }
}

fn carried(data: &Value) -> Body {
    match data {
        Value::Dumped(json) => Body::Json((**json).clone()),
        Value::Gap(name) => Body::Other(name.clone()),
        Value::Text(_) => match data.filled().and_then(|text| json_of(&text)) {
            Some(json) => Body::Json(json),
            None => match pairs(data) {
                pairs if pairs.is_empty() || data.filled().is_some_and(|text| text.trim_start().starts_with(['{', '['])) => {
                    Body::Text(data.clone())
                }
                pairs => Body::Form(pairs),
            },
        },
        data => match pairs(data) {
            pairs if pairs.is_empty() => Body::Other("body".to_owned()),
            pairs => Body::Form(pairs),
        },
    }
}

/// A text that is an object or a list of JSON.
fn json_of(text: &str) -> Option<Value> {
    let json = serde_json::from_str(text).ok().filter(|json: &serde_json::Value| json.is_object() || json.is_array())?;
    Some(Value::of_json(json)).filter(Value::is_shallow)
}

pub(super) fn is_nothing(value: &Value) -> bool {
    matches!(value, Value::Plain(serde_json::Value::Null)) || matches!(value, Value::Map(members) if members.is_empty())
}

/// A method as a text.
pub(super) fn method(value: Option<&Value>) -> Option<String> {
    let text = value?.known()?.to_ascii_uppercase();
    ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"].contains(&text.as_str()).then_some(text)
}
