//! A call of a script as a command of ours. The script is somebody else's, and what is shown is there to be copied: nothing of it may be another command,
//! another program, or speak to the terminal; and no secret of it is shown again.

use std::collections::HashSet;

use keyfob::proto::{Attach, Origin};

use keyfob_providers::Provider;
use serde_json::Value as Json;

use super::calls::{Body, Call, Script, get};
use super::keys::Keys;
use super::values::{Value, capitals};
use crate::output::is_control;
use crate::perform::quoted;
use crate::wire::is_telling;

/// What is longer is no example.
const LONGEST: usize = 200;

/// Nor is a path that is longer than this.
const LONGEST_PATH: usize = 1000;

/// A command, by its words: the verb, whose account, the path, and items.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Command {
    verb: Vec<String>,
    account: String,
    path: String,
    items: Vec<String>,
}

impl Command {
    /// As a shell takes them.
    pub(super) fn words(&self) -> Vec<String> {
        self.verb.iter().chain([&self.account, &self.path]).chain(&self.items).map(|word| quoted_word(word)).collect()
    }

    /// What is between the brackets of a call in Python.
    pub(super) fn python(&self) -> Option<String> {
        let [verb] = &self.verb[..] else { return None };
        // A text of JSON is one of Python, as long as no control character is in it.
        Some(
            [verb, &self.path]
                .into_iter()
                .chain(&self.items)
                .map(|word| Json::from(word.as_str()).to_string())
                .collect::<Vec<_>>()
                .join(", "),
        )
    }
}

/// An option is one without quotes; what else begins as one may be anything.
fn quoted_word(word: &str) -> String {
    let is_option = word.starts_with('-') && word.chars().all(|c| c.is_ascii_alphanumeric() || "-.".contains(c));
    if is_option { word.to_owned() } else { quoted(word) }
}

/// Who is called, and what their account adds to a call by itself.
pub(super) struct Whose {
    account: String,
    endpoints: Vec<(&'static str, String)>,
    /// In small letters.
    headers: Vec<String>,
    query: Vec<String>,
}

impl Whose {
    pub(super) fn of(provider: &Provider, account: &str) -> Self {
        // Connections and bodies are not somebody's to say.
        const NOBODYS: [&str; 6] = ["authorization", "content-length", "transfer-encoding", "host", "connection", "accept-encoding"];
        let mut whose = Self {
            account: account.to_owned(),
            endpoints: provider.usual_endpoints(),
            headers: NOBODYS.map(str::to_owned).to_vec(),
            query: Vec::new(),
        };
        // What an app would say of itself changes no name.
        if let Ok(settings) = provider.settings(&|_| Some("none".to_owned())) {
            whose.headers.extend(settings.api.headers.iter().map(|(name, _)| name.to_string()));
            whose.query.extend(settings.api.query.into_iter().map(|(name, _)| name));
            match settings.api.attach {
                Attach::Headers(headers) => whose.headers.extend(headers.iter().map(|(name, _)| name.to_string())),
                Attach::Query(name) | Attach::Body(name) => whose.query.push(name),
                _ => {}
            }
        }
        whose
    }

    /// The path of a URL of the API.
    fn path<'a>(&self, url: &'a str) -> Option<&'a str> {
        let host = url.find("://")? + 3;
        let (origin, path) = url.split_at(host + url[host..].find('/')?);
        // Where only logins go nothing is called, also at a path of another app (`/contoso/oauth2/…`).
        let is_api = |theirs: &String| Origin::parse(theirs).is_some_and(|theirs| Some(theirs) == Origin::parse(origin));
        let is_ours = self.endpoints.iter().any(|(kind, theirs)| *kind == "api" && is_api(theirs));
        let is_oauth = self.endpoints.iter().any(|(kind, theirs)| *kind != "api" && url.starts_with(theirs.as_str()));
        (is_ours && !is_oauth && path.len() > 1).then_some(path)
    }

    /// Whether it adds a parameter of this name.
    fn adds(&self, name: &str) -> bool {
        name.starts_with("oauth_")
            || matches!(name, "access_token" | "client_id" | "client_secret")
            || self.query.iter().any(|theirs| theirs == name)
    }
}

/// What a script calls.
pub(super) struct Calls {
    pub(super) commands: Vec<Command>,
    /// How many calls are no commands, for what stands in their paths.
    pub(super) left_out: usize,
}

/// What it calls of the API, without the OAuth part; where it says nothing of how, the URLs that stand in it.
pub(super) fn calls(script: &Script, urls: &[String], whose: &Whose, keys: &Keys) -> Calls {
    let mut seen = HashSet::new();
    let mut new = |call: &Call| command(call, whose, keys).filter(|command| seen.insert(command.clone()));
    let calls = || script.calls.iter().filter(|call| !is_of_login(call));
    let mut commands: Vec<Command> = calls().filter_map(&mut new).collect();
    if commands.is_empty() {
        commands.extend(urls.iter().filter_map(|url| get(url)).filter(|call| !is_of_login(call)).filter_map(|call| new(&call)));
    }
    let left_out = calls().filter(|call| whose.path(&call.url).is_some_and(|path| !is_to_copy(path, keys))).count();
    Calls { commands, left_out }
}

/// Whether it asks for a token (RFC 6749 §4), or for somebody's leave to, wherever it goes.
fn is_of_login(call: &Call) -> bool {
    let carried = call.carried();
    let has = |wanted: &str| carried.iter().any(|(name, _)| *name == wanted);
    has("grant_type") || has("response_type") && has("client_id")
}

fn command(call: &Call, whose: &Whose, keys: &Keys) -> Option<Command> {
    let path = whose.path(&call.url).filter(|path| is_to_copy(path, keys))?.to_owned();
    let pairs = |pairs: &[(String, Value)], sign: &str| -> Vec<String> {
        let pairs = pairs.iter().filter(|(name, _)| !keys.are_in(name) && !whose.adds(name));
        pairs.flat_map(|(name, value)| texts(name, value, keys).into_iter().filter_map(|text| item(name, sign, &text))).collect::<Vec<_>>()
    };
    let mut items = pairs(&call.query, "==");
    match &call.body {
        Body::None => {}
        Body::Form(fields) => items.extend(pairs(fields, "=")),
        Body::Json(value) => items.extend(json(value, whose, keys)),
        Body::Files(names, fields) => {
            items.extend(pairs(fields, "="));
            items.extend(names.iter().filter(|name| !keys.are_in(name)).filter_map(|name| item(name, "@", "FILE")));
        }
        Body::Text(text) => items.extend(["-d".to_owned(), said(text, keys)]),
        Body::Other(name) => items.extend(["-d".to_owned(), capitals(name)]),
    }
    items.extend(call.headers.iter().flat_map(|(name, value)| header(name, value, call, whose, keys)));
    let verb = match call.method.as_str() {
        "HEAD" | "OPTIONS" => vec!["request".to_owned(), call.method.clone()],
        method => vec![method.to_ascii_lowercase()],
    };
    Some(Command { verb, account: whose.account.clone(), path, items })
}

/// Whether somebody may copy it: it has no secret, and is the same to a person, a shell and Python.
fn is_to_copy(path: &str, keys: &Keys) -> bool {
    path.len() <= LONGEST_PATH && is_plain(path) && !keys.are_in(path)
}

/// `/a;$(b)` would be another command, `");b("` another program, and U+009B speaks to the terminal.
fn is_plain(path: &str) -> bool {
    path.chars().all(|c| c.is_ascii_alphanumeric() || "/_.~%-".contains(c))
}

/// The texts of a parameter: as many as its list has.
fn texts(name: &str, value: &Value, keys: &Keys) -> Vec<String> {
    match value {
        Value::List(items) => items.iter().filter_map(|item| text(name, item, keys)).collect(),
        value => text(name, value, keys).into_iter().collect(),
    }
}

fn text(name: &str, value: &Value, keys: &Keys) -> Option<String> {
    let text = match value {
        Value::Map(_) | Value::Dumped(_) => return Some(json_text(name, value, keys).unwrap_or_else(|| capitals(name))),
        value => value.filled()?.to_string(),
    };
    Some(if is_to_show(name, &text) && !keys.are_in(&text) { text } else { capitals(name) })
}

/// A body, where that is to be shown; and no file is sent that somebody did not choose.
fn said(text: &Value, keys: &Keys) -> String {
    let text = text.filled().unwrap_or_default();
    match text.as_str() {
        text if text.starts_with('@') => "@FILE".to_owned(),
        // What has a name that tells is looked for in what can be read as names and values; here it may be half of that.
        text if is_to_show("", text) && !keys.are_in(text) && !text.split(|c: char| !is_of_word(c)).any(is_telling) => text.to_owned(),
        _ => "BODY".to_owned(),
    }
}

fn is_of_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

/// A header, unless the account or the body has it by itself. A secret is taken from a file: what is typed is in the shell's history.
fn header(name: &str, value: &Value, call: &Call, whose: &Whose, keys: &Keys) -> Vec<String> {
    let small = name.to_ascii_lowercase();
    let is_name = !name.is_empty() && !name.starts_with('-') && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    let Some(text) = value.filled().filter(|text| is_name && !text.trim().is_empty() && !text.starts_with('=')) else { return Vec::new() };
    let is_of_body = match &call.body {
        Body::None | Body::Files(..) => true,
        Body::Json(_) => text.starts_with("application/json"),
        Body::Form(_) => text.starts_with("application/x-www-form-urlencoded"),
        Body::Text(_) | Body::Other(_) => false,
    };
    if whose.headers.contains(&small) || keys.are_in(name) || small == "content-type" && is_of_body {
        return Vec::new();
    }
    if is_telling(name) || keys.are_in(&text) {
        return vec!["-H".to_owned(), "@FILE".to_owned()];
    }
    vec![format!("{name}:{}", if is_to_show(name, &text) { text.to_string() } else { capitals(name) })]
}

/// As JSON, where that is to be shown. A secret is looked for in what it says: JSON writes quotes and backslashes otherwise.
fn json_text(name: &str, value: &Value, keys: &Keys) -> Option<String> {
    let text = value.json().to_string();
    (is_to_show(name, &text) && !value.has(&|said| keys.are_in(said))).then_some(text)
}

fn is_to_show(name: &str, text: &str) -> bool {
    !is_telling(name) && text.len() <= LONGEST && !text.chars().any(is_control) && !names_a_secret(text)
}

/// `password=…` and `token: …` in a text.
fn names_a_secret(text: &str) -> bool {
    let signs = text.match_indices([':', '=']);
    signs
        .map(|(at, _)| text[..at].trim_end_matches([' ', '"', '\'']))
        .any(|name| name.rsplit(|c| !is_of_word(c)).next().is_some_and(is_telling))
}

/// The items of a JSON body: its members, where it is an object.
fn json(value: &Value, whose: &Whose, keys: &Keys) -> Vec<String> {
    let Value::Map(members) = value else {
        let text = match value {
            Value::Gap(name) => capitals(name),
            value => json_text("", value, keys).unwrap_or_else(|| "JSON".to_owned()),
        };
        return vec!["-d".to_owned(), text, "Content-Type:application/json".to_owned()];
    };
    let kept: Vec<&(String, Value)> = members.iter().filter(|(name, _)| !whose.adds(name) && !keys.are_in(name)).collect();
    let is_text = |value: &Value| matches!(value, Value::Text(_) | Value::Gap(_));
    let item = |(name, value): &&(String, Value)| match value {
        value if is_text(value) => item(name, "=", &text(name, value, keys).unwrap_or_default()),
        value => item(name, ":=", &json_text(name, value, keys).unwrap_or_else(|| capitals(name))),
    };
    let mut items: Vec<String> = kept.iter().filter_map(item).collect();
    // What is no text says by itself that it is JSON.
    if kept.iter().all(|(_, value)| is_text(value)) {
        items.push("--json-body".to_owned());
    }
    items
}

/// As request items are written: a name's own signs lose their meaning, and so does an `@` that names no file.
fn item(name: &str, sign: &str, value: &str) -> Option<String> {
    // That would be an option of ours.
    if name.starts_with('-') {
        return None;
    }
    let mut text = String::new();
    for c in name.chars().filter(|c| !is_control(*c)) {
        if matches!(c, ':' | '=' | '@' | '\\') {
            text.push('\\');
        }
        text.push(c);
    }
    let names_file = sign != "@" && sign != "==" && value.trim_start_matches('\\').starts_with('@');
    Some(format!("{text}{sign}{}{value}", if names_file { "\\" } else { "" }))
}

#[cfg(test)]
mod tests {
    use super::super::{literals, scan};
    use super::*;

    /// What comes of a whole script: its commands, a line each.
    fn shown(script: &str) -> Vec<String> {
        let catalogue = keyfob_providers::Catalogue::embedded();
        let provider = catalogue.get("github").expect("embedded");
        let read = scan::read(script);
        let keys = Keys::of(&read, provider, &[]);
        calls(&read, &literals::urls(script, read.texts.iter().map(|(text, _)| text.as_str())), &Whose::of(provider, "github"), &keys)
            .commands
            .iter()
            .map(|command| command.words().join(" "))
            .collect()
    }

    /// With these lines before it, and `request` sent to `/x`.
    fn sent(before: &str, request: &str) -> Vec<String> {
        shown(&format!("{before}\nU = 'https://api.github.com/x'\n{request}"))
    }

    #[test]
    fn json_in_json_is_no_longer_than_what_is_in_it() {
        let deep = format!("requests.post(U, json={}'\\\\\"'{})", "json.dumps(".repeat(35), ")".repeat(35));
        let wrapped = format!("requests.post(U, json={}'\\\\\"'{})", "[json.dumps(".repeat(22), ")]".repeat(22));
        for (before, request) in [
            ("", deep.as_str()),
            ("", wrapped.as_str()),
            (&format!("a = json.dumps('\"')\n{}", "a = json.dumps(a)\n".repeat(40)), "requests.post(U, json=a)"),
            (&format!("a = json.dumps('\"')\n{}", "a = json.dumps([a])\n".repeat(40)), "requests.post(U, json=[a])"),
        ] {
            let found = sent(before, request);
            assert!(found.len() == 1 && found[0].len() < 1_000, "{request}");
        }
        assert_eq!(sent("", "requests.post(U, json={'a': json.dumps({'b': 1})})"), [r#"post github /x 'a:="{\"b\":1}"'"#]);
    }

    #[test]
    fn what_grows_deeper_line_by_line_ends() {
        for (line, times) in
            [("a = json.dumps(a)\n", 2_000), ("a = [a]\n", 16_000), ("a = {'a': a}\n", 16_000), ("a = [json.dumps([a])]\n", 4_000)]
        {
            let found = sent(&format!("a = 'b'\n{}", line.repeat(times)), "requests.post(U, json=a)");
            assert!(found.len() == 1 && found[0].len() < 4_000, "{line}");
        }
    }

    #[test]
    fn what_is_put_together_stops_where_it_is_too_long_to_be_shown() {
        let long = format!("a = '{}'", "x".repeat(16_000));
        for request in [
            format!("requests.get(f'https://api.github.com/{}')", "{a}".repeat(100_000)),
            format!("requests.get('https://api.github.com/{}'.format(a=a))", "{a}".repeat(100_000)),
            format!("requests.get('https://api.github.com/{}' % ({}))", "%s".repeat(2_000), "a,".repeat(2_000)),
            format!("requests.get('https://api.github.com/' {})", "+ a".repeat(2_000)),
            format!("requests.get(U, params=[{}])", "a, ".repeat(4_000)),
            format!("requests.get(U, params={{{}}})", "'a': a, ".repeat(1_000)),
        ] {
            let script = format!("{long}\nU = 'https://api.github.com/x'\n{request}");
            for call in scan::read(&script).calls {
                let query: usize = call.query.iter().map(|(name, value)| name.len() + value.json().to_string().len()).sum();
                assert!(call.url.len() + query < 256 * 1024, "{}", &request[..60]);
            }
            assert!(shown(&script).concat().len() < 64 * 1024, "{}", &request[..60]);
        }
    }

    #[test]
    fn no_secret_is_shown_wherever_a_call_has_it() {
        for (before, request) in [
            // One that is no key for an import is a secret all the same.
            ("password = 'correct horse SECRET'", "requests.post(U, data={'note': 'correct horse SECRET'})"),
            ("password = 'yourSECRET'", "requests.post(U, data={'note': 'yourSECRET'})"),
            ("password = '{SECRET}x'", "requests.post(U, data={'note': '{SECRET}x'})"),
            ("password = '<SECRET>x'", "requests.post(U, json=[password])"),
            // As a name.
            ("API_KEY = 'abcSECRET'", "requests.get(U + '?' + API_KEY)"),
            ("TOKEN = 'abcSECRET'", "requests.post(U, json={'' + TOKEN: 1})"),
            ("TOKEN = 'abcSECRET'", "requests.post(U, json={'a': {'' + TOKEN: 1}})"),
            ("TOKEN = 'abcSECRET'", "requests.post(U, data={'' + TOKEN: 1})"),
            ("TOKEN = 'abcSECRET'", "requests.post(U, files={'' + TOKEN: f})"),
            // Where a text of JSON says what it is.
            ("", "requests.post(U, data='{\"a\": [{\"password\": \"SECRET\"}]}')"),
            // Where its name stands in the text beside it.
            ("", "requests.post(U, data={'note': 'password: SECRET'})"),
            ("", "requests.get(U, headers={'X-Meta': 'a=b, password = SECRET'})"),
            // As the name of what is not known.
            ("TOKEN = 'abcSECRET'", "requests.get(U, params={'a': cache[TOKEN]})"),
            ("TOKEN = 'abcSECRET'", "requests.get(U, params={'a': os.environ.get(TOKEN)})"),
            ("TOKEN = 'abcSECRET'", "requests.get(U, params={'a': os.getenv(TOKEN)})"),
            ("TOKEN = 'abcSECRET'\nd = {}", "requests.get(U, params={'a': d.get(TOKEN)})"),
            // Where JSON writes it otherwise.
            ("password = 'abc\"SECRET'", "requests.post(U, json={'a': [password]})"),
            ("password = 'abc\\\\SECRET'", "requests.post(U, json=[password])"),
            ("password = 'abc\"SECRET'", "requests.post(U, json={'a': json.dumps([password])})"),
        ] {
            let found = sent(before, request);
            assert!(found.len() == 1 && !found[0].contains("SECRET"), "{before} {request}: {found:?}");
        }
        for body in [
            r#"{"user": {"password": "SECRET"}}"#,
            r#"[{"a": [{"password": "SECRET"}]}]"#,
            r#"{"password": "SECRET", "n": $N}"#,
            "<password>SECRET</password>",
            "password: SECRET",
            "a=b&password=SECRET",
            "@SECRET",
        ] {
            let found = shown(&format!("#!/bin/sh\ncurl https://api.github.com/x -d '{body}' -H 'X-Auth: SECRET' -b SECRET=x -u a:SECRET"));
            assert!(found.len() == 1 && !found[0].contains("SECRET"), "{body}: {found:?}");
        }
        assert_eq!(
            sent("", "requests.get(U, params={'a': cache['number'], 'b': os.environ['DAY'], 'c': os.getenv('HOUR')})"),
            ["get github /x a==NUMBER b==DAY c==HOUR"]
        );
    }

    #[test]
    fn a_header_that_lets_somebody_in_is_taken_from_a_file() {
        for name in [
            "X-Session",
            "X-Session-Id",
            "X-Auth-Token",
            "X-Access-Token",
            "Cookie",
            "X-CSRF",
            "X-JWT",
            "X-FTL-SID",
            "X-User-Credentials",
            "X-Subscription-Key",
        ] {
            for request in [format!("requests.get(U, headers={{'{name}': 'SECRET'}})"), format!("s.headers['{name}'] = 'SECRET'\ns.get(U)")]
            {
                assert_eq!(sent("", &request), ["get github /x -H @FILE"], "{request}");
            }
        }
        assert_eq!(sent("", "requests.get(U, params={'sid': 'SECRET'}, headers={'X-Trace': 'a'})"), ["get github /x sid==SID X-Trace:a"]);
    }

    #[test]
    fn a_url_without_quotes_is_one_in_a_shell() {
        assert_eq!(shown("#!/bin/sh\nwget https://api.github.com/x?a=b\n"), ["get github /x a==b"]);
        assert_eq!(shown("#!/bin/sh\nwget https://api.github.com/x?a=$B\n"), ["get github /x"]);
        assert_eq!(shown("#!/bin/sh\ncurl https://api.github.com/x?a=b\n"), ["get github /x a==b"]);
    }

    #[test]
    fn a_body_is_shown_as_it_is_sent() {
        for (request, expected) in [
            // What the account adds by itself is judged no more.
            ("requests.post(U, json={'name': 'x', 'client_id': 5})", "post github /x name=x --json-body"),
            ("requests.post(U, json={'name': 'x', 'n': 5})", "post github /x name=x n:=5"),
            ("requests.post(U, json=-5)", "post github /x -d -5 Content-Type:application/json"),
            ("requests.post(U, data={'-d': 'x', 'a': '-d'})", "post github /x a=-d"),
            ("requests.get('https://elsewhere.example/x')\nself.call_api(U)", "get github /x"),
        ] {
            assert_eq!(sent("", request), [expected], "{request}");
        }
    }

    /// Whoever wrote it, reading it ends, and soon.
    #[test]
    fn what_is_hostile_is_read_to_its_end() {
        const LARGE: usize = 256 * 1024;
        let full = |piece: &str| piece.repeat(LARGE / piece.len());
        let numbered = |line: fn(usize) -> String| (0..20_000).map(line).collect::<String>();
        let long = format!("a = '{}'\n", "x".repeat(16_000));
        for script in [
            format!("a = 'xxxxxxxx'\n{}s.get('https://api.github.com/' + a)", "a = [a, a]\na = f'{a}{a}'\na = a + a\n".repeat(100)),
            format!("a = {}", "[(".repeat(5_000)),
            format!("s.post('https://api.github.com/x', {})", "{'a': ".repeat(1_000)),
            // A quote that never closes.
            format!("'{}", full("\\'")),
            format!("'''{}", full("\\'''")),
            // Each name of them has all that follows.
            full("f(a="),
            full("{a:"),
            full("{'a':"),
            full("a["),
            full("("),
            format!("{long}{}", full("b=a,")),
            format!("{long}{}", full("x(a)\n")),
            format!("{long}{}", full("get(a)\n")),
            format!("{long}{}", full("b = a + a\n")),
            format!("{}a = f(b)", full("a, ")),
            full("a, b = f(c)\n"),
            full("'curl '+"),
            full("['curl',"),
            full("/*"),
            full("['a'=>"),
            // What is told more and more, and goes with each call.
            format!("h = {{}}\n{}", numbered(|n| format!("h['a{n}'] = 'b'\n"))),
            format!("h = Request('https://api.github.com/x')\n{}", numbered(|n| format!("h['a{n}'] = 'b'\n"))),
            numbered(|n| format!("s.headers['a{n}'] = 'b'\ns.get('https://api.github.com/x')\n")),
            // Many URLs, calls, and secrets.
            numbered(|n| format!("curl 'https://api.github.com/{n}'\n")),
            numbered(|n| format!("'https://elsewhere.example/{n}'\n")),
            numbered(|n| format!("s.get('https://api.github.com/{n}')\n")),
            numbered(|n| format!("s.post('https://api.github.com/x',{{'a':'secret{n}','key':'secret{}'}})\n", n + 20_000)),
        ] {
            let found = shown(&script);
            let length: usize = found.iter().map(String::len).sum();
            assert!(length < 16 * LARGE, "{length} {}", &script[..60]);
        }
        for script in ["a = 'b' % % %", "f'{{{'", "a = (,,,)", "x(=,:)", "[,]:=", "'%' % 'é%'", "'%é' % 1"] {
            assert_eq!(shown(script), [""; 0], "{script}");
        }
    }
}
