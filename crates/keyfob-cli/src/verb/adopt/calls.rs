//! The calls that a script makes: of requests, requests-oauthlib, httpx, aiohttp, urllib, http.client, axios and fetch, and what has their names.

use zeroize::Zeroizing;

use super::clients::{Base, Clients};
use super::expression::{Arguments, Reader};
use super::literals::{Assigned, assigned, of_header};
use super::shell;
use super::tokens::{Is, Token, Written, written};
use super::values::{Names, Value, of_query, pairs};

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
    /// What somebody logs in with by name and password (RFC 7617).
    pub(super) password: Option<Value>,
    pub(super) line: usize,
}

impl Call {
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
        let mut all: Vec<(&str, &Value)> = self.password.iter().map(|password| ("password", password)).collect();
        gather(&self.query, &mut all);
        gather(&self.headers, &mut all);
        match &self.body {
            Body::Form(fields) | Body::Files(_, fields) => gather(fields, &mut all),
            Body::Json(value) => gather_in(value, &mut all),
            Body::None | Body::Text(_) | Body::Other(_) => {}
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

/// So much is read of expressions, in words and signs, and in what their names stand for.
pub(super) const WORK: usize = 8 * 1024 * 1024;

/// What stands at which place where a session is made.
const PLACES: [(&str, &[&str]); 14] = [
    ("OAuth1Session", &["client_key", "client_secret", "resource_owner_key", "resource_owner_secret"]),
    ("OAuth1", &["client_key", "client_secret", "resource_owner_key", "resource_owner_secret"]),
    ("OAuthHandler", &["client_key", "client_secret", "resource_owner_key", "resource_owner_secret"]),
    ("OAuth1UserHandler", &["client_key", "client_secret", "resource_owner_key", "resource_owner_secret"]),
    ("set_access_token", &["resource_owner_key", "resource_owner_secret"]),
    ("Consumer", &["client_key", "client_secret"]),
    ("Token", &["resource_owner_key", "resource_owner_secret"]),
    ("OAuth2Session", &["client_id"]),
    ("WebApplicationClient", &["client_id"]),
    ("BackendApplicationClient", &["client_id"]),
    ("HTTPBasicAuth", &["username", "password"]),
    ("HTTPDigestAuth", &["username", "password"]),
    ("BasicAuth", &["username", "password"]),
    ("DigestAuth", &["username", "password"]),
];

/// Reads it.
pub(super) fn read(text: &str) -> Script {
    if shell::is_one(text) {
        return shell::read(text, 1);
    }
    let Written { tokens, code, comments } = written(text);
    let script = scanned(&tokens, &code);
    let before = scanned(&written(&comments).tokens, &comments);
    Script {
        commented: [before.lines, before.assigned].concat(),
        commented_calls: before.calls,
        texts: [script.texts, before.texts].concat(),
        ..script
    }
}

fn scanned(tokens: &[Token<'_>], text: &str) -> Script {
    let mut scan = Scan { tokens, names: Names::default(), clients: Clients::default(), script: Script::default(), work: WORK };
    // What a function needs may be said below it.
    scan.all();
    (scan.script, scan.work) = (Script::default(), WORK);
    scan.all();
    let mut script = scan.script;
    let texts: Vec<(Zeroizing<String>, usize)> =
        tokens.iter().filter_map(|token| if let Is::Text(text, _) = &token.is { Some((text.clone(), token.line)) } else { None }).collect();
    let headers = texts.iter().filter_map(|(text, line)| of_header(text).map(|(name, value)| Assigned::of(name, value, *line)));
    script.assigned.extend(headers);
    // What a shell is told to run.
    for (text, line) in texts.iter().filter(|(text, _)| text.trim_start().starts_with("curl ")) {
        let told = shell::read(text, *line);
        script.calls.extend(told.calls);
        script.assigned.extend(told.assigned);
    }
    Script { texts, lines: assigned(text), ..script }
}

struct Scan<'a> {
    tokens: &'a [Token<'a>],
    names: Names,
    clients: Clients,
    script: Script,
    /// How much work is left for its expressions: each name of `f(a=f(a=…` has all that follows it.
    work: usize,
}

impl<'a> Scan<'a> {
    fn all(&mut self) {
        for at in 0..self.tokens.len() {
            match &self.tokens[at].is {
                Is::Word(word) if self.sign(at + 1) == Some('(') => self.call(at, word),
                Is::Word(word) if self.sign(at + 1) == Some('=') && !matches!(self.sign(at + 2), Some('=' | '>')) => {
                    // `name: type = …`
                    let name = match (
                        at.checked_sub(2).map(|before| &self.tokens[before].is),
                        at.checked_sub(1).and_then(|before| self.sign(before)),
                    ) {
                        (Some(Is::Word(name)), Some(':')) => name,
                        _ => word,
                    };
                    self.named(name, at + 2, self.tokens[at].depth == 0);
                }
                Is::Word(word) if self.sign(at + 1) == Some(':') && self.tokens[at].depth > 0 => self.named(word, at + 2, false),
                Is::Text(text, _) => {
                    let text = text.clone();
                    match (self.sign(at + 1), self.sign(at + 2)) {
                        (Some(':'), _) => self.named(&text, at + 2, false),
                        (Some('='), Some('>')) | (Some(']'), Some('=')) if self.sign(at + 3) != Some('=') => {
                            self.named(&text, at + 3, false)
                        }
                        _ => {}
                    }
                }
                _ => {}
            }
        }
    }

    fn sign(&self, at: usize) -> Option<char> {
        match self.tokens.get(at).map(|token| &token.is) {
            Some(Is::Sign(sign)) => Some(*sign),
            _ => None,
        }
    }

    /// `@app.get("/items/{id}")`: what is called there is this script.
    fn is_decorator(&self, mut at: usize) -> bool {
        while at >= 2 && self.sign(at - 1) == Some('.') && matches!(self.tokens[at - 2].is, Is::Word(_)) {
            at -= 2;
        }
        at.checked_sub(1).and_then(|before| self.sign(before)) == Some('@')
    }

    fn named(&mut self, name: &str, at: usize, is_variable: bool) {
        let mut reader = Reader::new(self.tokens, at, &self.names, self.work);
        let value = reader.value();
        self.work = self.work.saturating_sub(reader.spent(at));
        let line = self.tokens[at.min(self.tokens.len() - 1)].line;
        if let Some(known) = value.known().filter(|known| !known.is_empty()) {
            if ["base_url", "baseurl", "base_uri"].contains(&name.to_ascii_lowercase().as_str()) && known.contains("://") {
                self.clients.made(self.tokens, at, Base { url: known.clone(), is_axios: name == "baseURL", is_own: true });
            }
            self.assign(name, known, line);
        }
        // `session.auth = ("name", "password")` (RFC 7617).
        if let ("auth", Value::List(pair)) = (name, &value)
            && let [_, password] = &pair[..]
            && let Some(known) = password.known().filter(|known| !known.is_empty())
        {
            self.assign("password", known, line);
        }
        if is_variable {
            self.names.set(name, value);
        }
    }

    fn assign(&mut self, name: &str, value: Zeroizing<String>, line: usize) {
        self.script.assigned.push(Assigned::of(name, value, line));
    }

    fn call(&mut self, at: usize, word: &str) {
        const READS: [&str; 12] =
            ["get", "post", "put", "patch", "delete", "head", "options", "request", "Request", "urlopen", "fetch", "HTTPSConnection"];
        let places = PLACES.iter().find(|(made, _)| *made == word);
        if places.is_none() && !READS.contains(&word) || self.is_decorator(at) {
            return;
        }
        let is_method = at.checked_sub(1).and_then(|before| self.sign(before)) == Some('.');
        let mut reader = Reader::new(self.tokens, at + 1, &self.names, self.work);
        let arguments = reader.arguments();
        self.work = self.work.saturating_sub(reader.spent(at + 1));
        if let Some((_, names)) = places {
            for (name, value) in names.iter().zip(&arguments.plain) {
                if let Some(known) = value.known().filter(|known| !known.is_empty()) {
                    self.assign(name, known, self.tokens[at].line);
                }
            }
            return;
        }
        if word == "HTTPSConnection" {
            if let Some(host) = arguments.plain.first().and_then(Value::known) {
                let url = Zeroizing::new(format!("https://{}", host.as_str()));
                self.clients.made(self.tokens, at, Base { url, is_axios: false, is_own: true });
            }
            return;
        }
        let receiver = match at.checked_sub(2).map(|before| &self.tokens[before].is) {
            Some(Is::Word(receiver)) if is_method => Some(*receiver),
            _ => None,
        };
        // `config.get("/a/b")` is none of a session, where config is something that is known.
        let is_other = receiver.is_some_and(|receiver| self.names.has(receiver) && !matches!(self.names.get(receiver), Value::Gap(_)));
        let base = self.clients.base(receiver).filter(|base| !is_other || base.is_own);
        let is_axios = receiver == Some("axios") || base.as_ref().is_some_and(|base| base.is_axios);
        let line = self.tokens[at].line;
        let call = match word {
            "get" | "post" | "put" | "patch" | "delete" | "head" | "options" if is_method => {
                of_verb(word, base, &arguments, is_axios, line)
            }
            "request" | "Request"
                if method(arguments.plain.first()).is_some() || arguments.named("method").is_some() && arguments.plain.len() < 2 =>
            {
                let said = arguments.named("method").or(arguments.plain.first());
                let place = usize::from(method(arguments.plain.first()).is_some());
                method(said).and_then(|method| {
                    let body = arguments.plain.get(place + 1);
                    made(method, base, arguments.one("url", place)?, &arguments, body, line)
                })
            }
            "Request" | "urlopen" => {
                let data = arguments.one("data", 1).filter(|data| !is_nothing(data));
                let usual = if data.is_some() { "POST" } else { "GET" };
                let said = method(arguments.named("method")).unwrap_or_else(|| usual.to_owned());
                arguments.one("url", 0).and_then(|url| made(said, base, url, &arguments, data, line))
            }
            "fetch" if !is_method => {
                let options = Arguments { plain: Vec::new(), named: arguments.plain.get(1).map(pairs).unwrap_or_default() };
                let said = method(options.named("method")).unwrap_or_else(|| "GET".to_owned());
                arguments.plain.first().and_then(|url| made(said, base, url, &options, options.named("body"), line))
            }
            _ => None,
        };
        self.script.calls.extend(call);
    }
}

/// What a URL is called with where nothing is said.
pub(super) fn get(url: &str) -> Option<Call> {
    made("GET".to_owned(), None, &Value::text(url), &Arguments::default(), None, 0)
}

fn of_verb(verb: &str, base: Option<Base>, arguments: &Arguments, is_axios: bool, line: usize) -> Option<Call> {
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
    let password = match arguments.named("auth") {
        Some(Value::List(pair)) if pair.len() == 2 => pair.get(1).cloned(),
        _ => None,
    };
    let url = Zeroizing::new(whole.split('#').next().unwrap_or_default().to_owned());
    Some(Call { method, url, query, headers, body, password, line })
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

fn is_nothing(value: &Value) -> bool {
    matches!(value, Value::Plain(serde_json::Value::Null)) || matches!(value, Value::Map(members) if members.is_empty())
}

/// A method as a text.
fn method(value: Option<&Value>) -> Option<String> {
    let text = value?.known()?.to_ascii_uppercase();
    ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"].contains(&text.as_str()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The calls, a line each.
    fn calls(text: &str) -> Vec<String> {
        let pair = |(name, value): &(String, Value)| format!("{name}={}", value.json());
        let shown = |call: &Call| {
            let query: Vec<String> = call.query.iter().map(pair).collect();
            let body = match &call.body {
                Body::None => String::new(),
                Body::Form(pairs) => format!(" form {}", pairs.iter().map(pair).collect::<Vec<_>>().join(" ")),
                Body::Json(json) => format!(" json {}", json.json()),
                Body::Files(names, pairs) => format!(" files {} {}", names.join(" "), pairs.iter().map(pair).collect::<Vec<_>>().join(" ")),
                Body::Text(text) => format!(" text {}", text.json()),
                Body::Other(name) => format!(" other {name}"),
            };
            format!("{} {}?{}{body}", call.method, call.url.as_str(), query.join("&"))
        };
        read(text).calls.iter().map(shown).collect()
    }

    #[test]
    fn calls_have_their_method_and_what_they_carry() {
        for (script, expected) in [
            ("requests.post('https://a.example/x', data={'a': 1, 'b': c})", "POST https://a.example/x? form a=1 b=\"C\""),
            (
                "B = 'https://a.example'\ndef f(id):\n  return s.put(B + '/x/' + str(id), json={'on': True, 'n': [1, -2.5], 'z': None})",
                "PUT https://a.example/x/ID? json {\"n\":[1,-2.5],\"on\":true,\"z\":null}",
            ),
            ("B = 'https://a.example'\ns.delete(f\"{B}/x/{r.json()['number']}\")", "DELETE https://a.example/x/NUMBER?"),
            (
                "s.patch('https://a.example/%s/y' % name, data=json.dumps(dict(a='b')))",
                "PATCH https://a.example/NAME/y? json {\"a\":\"b\"}",
            ),
            (
                "s.get('https://a.example/{}/y?z=1'.format(user.id), params=[('a', 'b c')], headers=h)",
                "GET https://a.example/ID/y?z=\"1\"&a=\"b c\"",
            ),
            (
                "p = {'a': 'b&c'}\nurl = 'https://a.example/x?' + urllib.parse.urlencode(p)\nurl, h, b = o.add_token(url)\nq = Request(url, headers=h)",
                "GET https://a.example/x?a=\"b&c\"",
            ),
            (
                "urllib.request.urlopen(urllib.request.Request('https://a.example/x', data=urlencode({'a': 'b'}).encode()))",
                "POST https://a.example/x? form a=\"b\"",
            ),
            (
                "with httpx.Client(base_url='https://a.example/v1') as c:\n  c.post('/x', files={'f': open('g', 'rb')}, data={'h': 'i'})",
                "POST https://a.example/v1/x? files f h=\"i\"",
            ),
            (
                "c = http.client.HTTPSConnection('a.example')\nc.request('POST', '/x', payload, headers)",
                "POST https://a.example/x? other payload",
            ),
            ("requests.request('put', self.base + '/x')\nclass A:\n  base = 'https://a.example'", "PUT https://a.example/x?"),
            (
                "await fetch(`https://a.example/x/${id}`, {method: 'POST', body: JSON.stringify({a: 1})})",
                "POST https://a.example/x/ID? json {\"a\":1}",
            ),
            ("axios.post('https://a.example/x', {a: 'b'}, {params: {c: 2}})", "POST https://a.example/x?c=2 json {\"a\":\"b\"}"),
            ("c = axios.create({baseURL: 'https://a.example/v1'})\nc.get('/x', {params: {b: 1}})", "GET https://a.example/v1/x?b=1"),
            ("requests.get(self.api + path)\napi = 'https://a.example/v1'", "GET https://a.example/v1/PATH?"),
            ("requests.post(os.environ.get('URL', 'https://a.example/x'), data)", "POST https://a.example/x? other data"),
        ] {
            assert_eq!(calls(script), [expected], "{script}");
        }
    }

    #[test]
    fn each_session_has_its_own_base() {
        let script = "a = httpx.Client(base_url='https://a.example')\nself.b = BaseUrlSession(\n base_url='https://b.example/v1')\n\
            with httpx.Client(base_url='https://c.example') as c:\n  c.get('/3')\na.get('/1')\nself.b.post('x/2')\nother.get('/4')";
        assert_eq!(calls(script), ["GET https://c.example/3?", "GET https://a.example/1?", "POST https://b.example/v1/x/2?"]);
        let script = "a = httpx.Client(base_url='https://a.example')\ndef f(session):\n  session.get('/1')\ncfg = {}\nx = cfg.get('a/b')\n\
            @app.get('/items/{id}')\n@app.router.post('/items')\ndef g(id): pass";
        assert_eq!(calls(script), ["GET https://a.example/1?"]);
        let script = "a = axios.create({baseURL: 'https://a.example'})\nb = httpx.Client(base_url='https://b.example')\na.post('/1', {c: 1})\nb.post('/2', d)";
        assert_eq!(calls(script), ["POST https://a.example/1? json {\"c\":1}", "POST https://b.example/2? other d"]);
    }

    #[test]
    fn what_only_looks_like_a_call_is_none() {
        for script in [
            "d.get('https')",
            "d = {}\nx = d.get('a/b')",
            "os.environ.get('https_proxy', 'x')",
            "open('https://a.example')",
            "get",
            "s.post(",
            "s.post(url)",
        ] {
            assert_eq!(calls(script), [""; 0], "{script}");
        }
    }

    #[test]
    fn what_comes_to_a_text_is_found_under_its_name() {
        let found = |script: &str| {
            let one = |one: &Assigned| format!("{} {} {}", one.name, one.value.as_str(), one.line);
            read(script).assigned.iter().map(one).collect::<Vec<_>>()
        };
        assert_eq!(found("T = os.environ.get('X', 'abc')"), ["t abc 1"]);
        assert_eq!(found("T: str = os.getenv('X') or 'abc'\n"), ["t abc 1"]);
        assert_eq!(
            found("k = {'public': 'a',\n 'private': 'b'}\nOAuth1Session(k['public'], k.get('private'))"),
            ["public a 1", "private b 2", "client_key a 3", "client_secret b 3"]
        );
        assert_eq!(found("t = 'a' + 'b'\nh = {'Authorization': f'Bearer {t}'}"), ["t ab 1", "access_token ab 2"]);
        assert_eq!(found("t = input()\nh = {'Authorization': 'Bearer ' + t}"), [""; 0]);
    }
}
