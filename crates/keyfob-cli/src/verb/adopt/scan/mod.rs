//! A script of Python, JavaScript and their like, looked through for the calls that it makes: of requests, requests-oauthlib, httpx, aiohttp, urllib,
//! http.client, pycurl, axios and fetch, of PHP's curl and Ruby's Net::HTTP, and what has their names.

mod told;

use std::collections::HashMap;
use std::ops::Range;

use zeroize::Zeroizing;

use super::calls::{Call, Script, is_nothing, made, method, of_verb};
use super::clients::{Base, Clients, assigned_to};
use super::expression::{Arguments, Reader};
use super::libcurl::Transfers;
use super::literals::{Assigned, assigned, of_header};
use super::shell;
use super::tokens::{Is, Token, Written, written};
use super::values::{Names, Value, pairs};

/// So much is read of expressions, in words and signs, and in what their names stand for.
pub(super) const WORK: usize = 8 * 1024 * 1024;

/// Each text of a call is looked at so often, about, until it is shown or not.
const LOOKED_AT: usize = 16;

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
    let mut scan = Scan {
        tokens,
        names: Names::default(),
        clients: Clients::default(),
        transfers: Transfers::default(),
        requests: HashMap::new(),
        script: Script::default(),
        work: WORK,
    };
    scan.all();
    scan.names = std::mem::take(&mut scan.names).again();
    (scan.script, scan.transfers, scan.requests, scan.work) = (Script::default(), Transfers::default(), HashMap::new(), WORK);
    scan.all();
    let rest = scan.transfers.rest();
    scan.script.calls.extend(rest);
    let mut script = scan.script;
    let texts: Vec<(Zeroizing<String>, usize)> =
        tokens.iter().filter_map(|token| if let Is::Text(text, _) = &token.is { Some((text.clone(), token.line)) } else { None }).collect();
    let headers = texts.iter().filter_map(|(text, line)| of_header(text).map(|(name, value)| Assigned::of(name, value, *line)));
    script.assigned.extend(headers);
    Script { texts, lines: assigned(text), ..script }
}

struct Scan<'a> {
    tokens: &'a [Token<'a>],
    names: Names,
    clients: Clients,
    transfers: Transfers,
    /// Calls that are in a variable before they are made, by their places.
    requests: HashMap<&'a str, usize>,
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
                    match &self.targets(at)[..] {
                        [] => self.named(name, at, at + 2, self.tokens[at].is_statements),
                        targets => self.unpacked(targets, at + 2),
                    }
                }
                Is::Word(word) if self.sign(at + 1) == Some(':') && self.tokens[at].depth > 0 => self.named(word, at, at + 2, false),
                Is::Text(text, _) => {
                    match (self.sign(at + 1), self.sign(at + 2)) {
                        (Some(':'), _) => self.named(text, at, at + 2, false),
                        (Some('='), Some('>')) | (Some(']'), Some('=')) if self.sign(at + 3) != Some('=') => {
                            self.named(text, at, at + 3, false)
                        }
                        _ => {}
                    }
                    self.told(at, text);
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

    fn word(&self, at: Option<usize>) -> Option<&'a str> {
        match self.tokens.get(at?).map(|token| &token.is) {
            Some(Is::Word(word)) => Some(word),
            _ => None,
        }
    }

    /// What it is a part of: `session` is of `session.get`.
    fn receiver(&self, at: usize) -> Option<usize> {
        at.checked_sub(2).filter(|_| self.sign(at - 1) == Some('.'))
    }

    fn value(&mut self, at: usize) -> Value {
        self.read(at, |reader| reader.value()).0
    }

    fn arguments(&mut self, at: usize) -> Arguments {
        self.read(at, |reader| reader.arguments()).0
    }

    /// What is read from there, and where that ends.
    fn read<T>(&mut self, at: usize, with: impl FnOnce(&mut Reader<'_>) -> T) -> (T, usize) {
        let mut reader = Reader::new(self.tokens, at, &self.names, self.work);
        let read = with(&mut reader);
        let (spent, end) = (reader.spent(at), reader.at());
        self.work = self.work.saturating_sub(spent);
        (read, end)
    }

    /// Whether there was work left for this.
    fn spend(&mut self, work: usize) -> bool {
        let is_left = self.work > 0;
        self.work = self.work.saturating_sub(work);
        is_left
    }

    /// `@app.get("/items/{id}")`: what is called there is this script.
    fn is_decorator(&self, mut at: usize) -> bool {
        while at >= 2 && self.sign(at - 1) == Some('.') && matches!(self.tokens[at - 2].is, Is::Word(_)) {
            at -= 2;
        }
        at.checked_sub(1).and_then(|before| self.sign(before)) == Some('@')
    }

    /// The places of `a`, `self.b` and `c` in `a, self.b, c = …`, by that of the last; none where it stands alone, or is an argument's name.
    fn targets(&self, last: usize) -> Vec<usize> {
        let sign_before = |at: usize| at.checked_sub(1).and_then(|before| self.sign(before));
        let (mut targets, mut at) = (vec![last], last);
        loop {
            while self.receiver(at).is_some_and(|of| self.word(Some(of)).is_some()) {
                at -= 2;
            }
            match at.checked_sub(2).filter(|before| sign_before(at) == Some(',') && self.word(Some(*before)).is_some()) {
                Some(before) => at = before,
                None => break,
            }
            targets.push(at);
        }
        targets.reverse();
        let is_begun = at.checked_sub(1).is_none_or(|before| matches!(self.tokens[before].is, Is::End | Is::Sign(';' | ':' | '{' | '}')));
        if targets.len() > 1 && is_begun && self.tokens[last].is_statements { targets } else { Vec::new() }
    }

    /// As many values as names, or else what only a run knows.
    fn unpacked(&mut self, targets: &[usize], at: usize) {
        let (mut values, end) = self.read(at, |reader| reader.values());
        if let [Value::List(items)] = &mut values[..] {
            values = std::mem::take(items);
        }
        let is_each = values.len() == targets.len();
        for (place, before) in targets.iter().enumerate() {
            let Some(name) = self.word(Some(*before)) else { continue };
            let value = if is_each { values[place].clone() } else { Value::Gap(name.to_owned()) };
            self.is_now(name, *before, value, at..end, true);
        }
    }

    fn named(&mut self, name: &str, before: usize, at: usize, is_variable: bool) {
        let (value, end) = self.read(at, |reader| reader.value());
        self.is_now(name, before, value, at..end, is_variable);
    }

    /// A name, where that stands, and what it stands for now, as it is written there.
    fn is_now(&mut self, name: &str, before: usize, value: Value, written: Range<usize>, is_variable: bool) {
        let at = written.start;
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
        // `headers["X-Key"] = …`, of a session, of a request, or in a variable.
        if self.sign(before + 1) == Some(']') {
            let Some(at) = self.receiver_of_member(before) else { return };
            let member = Value::Map(vec![(name.to_owned(), value)]);
            if let Some(variable) = self.word(Some(at)) {
                if self.requests.contains_key(variable) {
                    return self.say_of(variable, "headers", member);
                }
                self.merge(variable, &member);
            }
            return self.say(at, member);
        }
        if is_variable {
            if self.receiver(before).is_some() {
                self.say(before, value.clone());
            }
            // What only a run makes of it is it still: a URL to which a token is added.
            let is_of_a_run = matches!(value, Value::Gap(_)) && self.spend(written.len());
            let is_it = |token: &Token<'_>| matches!(token.is, Is::Word(word) if word == name);
            if !is_of_a_run || !self.tokens.iter().take(written.end).skip(at).any(is_it) {
                self.names.set(name, value);
            }
        }
    }

    /// Of `headers["name"]`, where the text stands.
    fn receiver_of_member(&self, at: usize) -> Option<usize> {
        at.checked_sub(2).filter(|_| self.sign(at - 1) == Some('['))
    }

    fn assign(&mut self, name: &str, value: Zeroizing<String>, line: usize) {
        self.script.assigned.push(Assigned::of(name, value, line));
    }

    fn call(&mut self, at: usize, word: &'a str) {
        const READS: [&str; 12] =
            ["get", "post", "put", "patch", "delete", "head", "options", "request", "Request", "urlopen", "fetch", "HTTPSConnection"];
        if self.of_session(at, word) || self.of_libcurl(at, word) {
            return;
        }
        let places = PLACES.iter().find(|(made, _)| *made == word);
        if places.is_none() && !READS.contains(&word) || self.is_decorator(at) {
            return;
        }
        let is_method = at.checked_sub(1).and_then(|before| self.sign(before)) == Some('.');
        let arguments = self.arguments(at + 1);
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
        let receiver = self.word(self.receiver(at));
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
        let Some(mut call) = call else { return };
        let session = receiver.filter(|session| self.clients.said(session).is_some());
        if let Some(session) = session {
            let weight = self.clients.said(session).map_or(0, Arguments::weight);
            if self.spend(LOOKED_AT * weight) {
                self.clients.said(session).into_iter().for_each(|said| call.with(said));
            }
        }
        self.request(at, call);
    }

    /// It may be in a variable, and be told more there.
    fn request(&mut self, at: usize, call: Call) {
        if let Some(variable) = assigned_to(self.tokens, at) {
            self.requests.insert(variable, self.script.calls.len());
        }
        self.script.calls.push(call);
    }
}

#[cfg(test)]
mod tests {
    use super::super::calls::Body;
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
    fn a_name_stands_for_what_was_said_last_before_it_is_used() {
        for (script, expected) in [
            // What cannot be read is not what was there before, nor what comes later.
            (
                "url, h = make('https://a.example/token')\nrequests.post(url, data=body)\nurl = 'https://a.example/x'\nrequests.get(url)",
                &["GET https://a.example/x?"][..],
            ),
            ("url = 'https://a.example/x'\nrequests.get(url)\nurl = make()\nrequests.post(url)", &["GET https://a.example/x?"]),
            ("self.url, h = make()\nrequests.post(self.url)\nurl = 'https://a.example/x'", &[]),
            ("if a: url, h = make()\nrequests.post(url)\nurl = 'https://a.example/x'", &[]),
            // What is made of it, and what is written there, it is.
            ("url = 'https://a.example/x'\nurl, h, b = o.add(url)\nrequests.get(url)", &["GET https://a.example/x?"]),
            ("url = 'https://a.example/x'\nurl = sign(url)\nrequests.get(url)", &["GET https://a.example/x?"]),
            ("m, url = 'a', 'https://a.example/x'\nrequests.get(url, params={'m': m})", &["GET https://a.example/x?m=\"a\""]),
            ("m, url = ['a', 'https://a.example/x']\nrequests.get(url, params={'m': m})", &["GET https://a.example/x?m=\"a\""]),
            // A function's may be said below it; and an argument is no variable.
            ("def f():\n  requests.get(url)\nurl = 'https://a.example/x'", &["GET https://a.example/x?"]),
            ("url = 'https://a.example/x'\nf(url, h = make())\nrequests.get(url)", &["GET https://a.example/x?"]),
        ] {
            assert_eq!(calls(script), expected, "{script}");
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

    /// The calls with all that they carry under names.
    fn carried(script: &str) -> Vec<String> {
        let pair = |(name, value): (&str, &Value)| format!(" {name}={}", value.json());
        let shown =
            |call: &Call| format!("{} {}{}", call.method, call.url.as_str(), call.carried().into_iter().map(pair).collect::<String>());
        read(script).calls.iter().map(shown).collect()
    }

    #[test]
    fn what_is_told_once_goes_with_the_calls_it_is_told_for() {
        for (script, expected) in [
            // Another session in the same variable knows nothing of the one before.
            (
                "s = requests.Session()\ns.headers.update({'X-A': 'b'}, c='d')\ns.auth = ('me', 'abc')\ns.get('https://a.example/x', headers={'x-a': 'e'})\n\
                    s = requests.Session()\ns.params = {'f': 'g'}\ns.get('https://b.example/y')",
                &["GET https://a.example/x password=\"abc\" x-a=\"e\" c=\"d\"", "GET https://b.example/y f=\"g\""][..],
            ),
            (
                "def f(self):\n  self.s.get('https://a.example/x')\ndef __init__(self):\n  self.s.headers['X-A'] = 'b'",
                &["GET https://a.example/x X-A=\"b\""],
            ),
            (
                "with httpx.Client(headers={'X-A': 'b'}, auth=httpx.BasicAuth('me', 'abc')) as c:\n  c.get('https://a.example/x')",
                &["GET https://a.example/x password=\"abc\" X-A=\"b\""],
            ),
            (
                "const c = axios.create({baseURL: 'https://a.example/v1', headers: {'X-A': 'b'}})\nc.defaults.headers.common['X-C'] = 'd'\nc.get('/x')",
                &["GET https://a.example/v1/x X-A=\"b\" X-C=\"d\""],
            ),
            // A dictionary that is filled line by line.
            (
                "h = {'X-A': 'b'}\nh['X-C'] = 'd'\nh.update({'X-E': 'f'})\nrequests.get('https://a.example/x', headers=h)",
                &["GET https://a.example/x X-A=\"b\" X-C=\"d\" X-E=\"f\""],
            ),
            // A request in a variable, and the next one there.
            (
                "r = Request('https://a.example/x')\nr.add_header('X-A', 'b')\nr = Request('https://b.example/y')\nr.add_header('X-C', 'd')",
                &["GET https://a.example/x X-A=\"b\"", "GET https://b.example/y X-C=\"d\""],
            ),
        ] {
            assert_eq!(carried(script), expected, "{script}");
        }
    }

    #[test]
    fn curl_is_told_the_same_in_words_and_in_a_text() {
        for script in [
            "T = 'abc'\nsubprocess.run(['curl', '-X', 'PUT', '-H', f'X-A: {T}', 'https://a.example/%s' % n])",
            "T = 'abc'\ncommand = ['/usr/bin/curl', '-XPUT', '-HX-A: ' + T, 'https://a.example/' + n]\ncheck_output(command)",
            "T = 'abc'\nos.system(f'curl -X PUT -H \"X-A: {T}\" \\'https://a.example/{n}\\'')",
            "T = 'abc'\nos.popen('curl -X PUT -H \"X-A: ' + T + '\" https://a.example/' + n)",
            "const T = 'abc'\nexecFile('curl', ['-X', 'PUT', '-H', `X-A: ${T}`, `https://a.example/${n}`])",
            "<?php\n$T = 'abc';\nshell_exec(\"curl -X PUT -H 'X-A: $T' https://a.example/{$n}\");",
            "require 'json'\nT = 'abc'\nsystem('curl', '-X', 'PUT', '-H', \"X-A: #{T}\", \"https://a.example/#{n}\")",
        ] {
            assert_eq!(carried(script), ["PUT https://a.example/N X-A=\"abc\""], "{script}");
        }
        assert_eq!(carried("print('curl')\nf('curl', 'x')\ntools = ['curl', 'jq']"), [""; 0]);
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
        assert_eq!(found("T = os.environ.get('X', 'abc')"), ["t abc 1", "x abc 1"]);
        assert_eq!(found("f(os.getenv('X', 'abc'))\nENV.fetch('Y', 'def')"), ["x abc 1", "y def 2"]);
        assert_eq!(found("T: str = os.getenv('X') or 'abc'\n"), ["t abc 1"]);
        assert_eq!(
            found("k = {'public': 'a',\n 'private': 'b'}\nOAuth1Session(k['public'], k.get('private'))"),
            ["public a 1", "private b 2", "client_key a 3", "client_secret b 3"]
        );
        assert_eq!(found("t = 'a' + 'b'\nh = {'Authorization': f'Bearer {t}'}"), ["t ab 1", "access_token ab 2"]);
        assert_eq!(found("t = input()\nh = {'Authorization': 'Bearer ' + t}"), [""; 0]);
    }
}
