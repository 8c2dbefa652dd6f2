//! Expressions of a script, read and not run.

use serde_json::{Value as Json, json};

use super::joined::{Joined, behind, braces, formatted, joined, percent};
use super::tokens::{Is, Token};
use super::values::{HEAVIEST, Names, Value};

/// Deeper than this nobody writes, and a hostile script would have us call ourselves without end.
const DEEPEST: usize = 48;

/// So many tokens are looked at, from where an expression begins.
const FURTHEST: usize = 4096;

/// Reads expressions, from a place on.
pub(super) struct Reader<'a> {
    tokens: &'a [Token<'a>],
    at: usize,
    names: &'a Names,
    depth: usize,
    /// What names stand for and texts say, by how heavy that was.
    spent: usize,
    most: usize,
}

/// What stands in a call's brackets.
#[derive(Default)]
pub(super) struct Arguments {
    pub(super) plain: Vec<Value>,
    pub(super) named: Vec<(String, Value)>,
}

impl Arguments {
    pub(super) fn named(&self, name: &str) -> Option<&Value> {
        self.named.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// How long all of it is, about.
    pub(super) fn weight(&self) -> usize {
        self.plain.iter().chain(self.named.iter().map(|(_, value)| value)).map(Value::weight).sum()
    }

    /// By its name, or else by its place.
    pub(super) fn one(&self, name: &str, place: usize) -> Option<&Value> {
        self.named(name).or_else(|| self.plain.get(place))
    }
}

impl<'a> Reader<'a> {
    /// With so much work as is left for it: where that is used up, nothing more is there.
    pub(super) fn new(tokens: &'a [Token<'a>], at: usize, names: &'a Names, most: usize) -> Self {
        let end = tokens.len().min(at.saturating_add(FURTHEST.min(most)));
        Self { tokens: &tokens[..end], at, names, depth: 0, spent: 0, most }
    }

    /// How much work that was, for one that began there.
    pub(super) fn spent(&self, from: usize) -> usize {
        self.spent + self.at - from
    }

    /// How far it came.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    fn is(&self) -> &'a Is<'a> {
        self.tokens.get(self.at).map_or(&Is::End, |token| &token.is)
    }

    fn is_sign(&self, further: usize, sign: char) -> bool {
        matches!(self.tokens.get(self.at + further).map(|token| &token.is), Some(Is::Sign(found)) if *found == sign)
    }

    /// PHP's and Ruby's sign between a name and its value; JavaScript's has a bracket before it.
    fn is_arrow(&self) -> bool {
        let is_function = self.at.checked_sub(1).is_some_and(|before| matches!(self.tokens[before].is, Is::Sign(')')));
        self.is_sign(0, '=') && self.is_sign(1, '>') && !is_function
    }

    fn takes(&mut self, sign: char) -> bool {
        let there = matches!(self.is(), Is::Sign(found) if *found == sign);
        self.at += usize::from(there);
        there
    }

    /// An expression, to where it ends.
    pub(super) fn value(&mut self) -> Value {
        if self.depth > DEEPEST {
            self.skip();
            return Value::Gap("value".to_owned());
        }
        self.depth += 1;
        let mut value = self.term();
        loop {
            match self.is() {
                Is::Sign('+') => value = self.sum(value),
                Is::Sign('%') if matches!(value, Value::Text(_)) => {
                    self.at += 1;
                    let with = self.term();
                    value = percent(value, with);
                }
                // A default.
                Is::Word("or") => {
                    self.at += 1;
                    let other = self.term();
                    value = if matches!(value, Value::Gap(_)) { other } else { value };
                }
                Is::End | Is::Sign(',' | ')' | ']' | '}' | ':' | ';') => break,
                Is::Sign(sign @ ('|' | '?')) if matches!(self.tokens.get(self.at + 1).map(|token| &token.is), Some(Is::Sign(next)) if next == sign) =>
                {
                    self.at += 2;
                    let other = self.term();
                    value = if matches!(value, Value::Gap(_)) { other } else { value };
                }
                // `name => value`.
                Is::Sign('=') if self.is_arrow() => break,
                // What else there is to calculate is a run's business.
                _ => {
                    self.skip();
                    value = Value::Gap(value.name());
                }
            }
        }
        self.depth -= 1;
        value
    }

    /// Expressions with commas between them.
    pub(super) fn values(&mut self) -> Vec<Value> {
        let mut weight = 0;
        let mut values = vec![self.value_within(&mut weight)];
        while self.takes(',') {
            values.push(self.value_within(&mut weight));
        }
        values
    }

    /// Texts one behind the other; what else is added up is a run's business.
    fn sum(&mut self, first: Value) -> Value {
        let (name, mut is_text) = (first.name(), matches!(first, Value::Text(_)));
        let mut joined = Joined::default();
        joined.add(first);
        while self.takes('+') {
            let more = self.term();
            is_text |= matches!(more, Value::Text(_));
            joined.add(more);
        }
        if is_text { joined.value() } else { Value::Gap(name) }
    }

    /// What a name stands for, as long as there is work to be spent on it.
    fn looked_up(&mut self, name: &str) -> Value {
        let value = if self.spent < self.most { self.names.get(name) } else { Value::Gap(name.to_owned()) };
        self.spent += value.weight();
        value
    }

    /// To the end of what belongs together.
    fn skip(&mut self) {
        let mut open = 0_usize;
        loop {
            match self.is() {
                Is::Sign('(' | '[' | '{') => open += 1,
                Is::Sign(')' | ']' | '}') if open == 0 => return,
                Is::Sign(')' | ']' | '}') => open -= 1,
                Is::Sign(',' | ';') if open == 0 => return,
                Is::End => return,
                _ => {}
            }
            self.at += 1;
        }
    }

    fn term(&mut self) -> Value {
        match self.is() {
            Is::Text(..) => {
                let mut joined = Joined::default();
                while let Is::Text(text, filled) = self.is() {
                    self.spent += text.len();
                    joined.add(if *filled { self.braces(text) } else { Value::text(text) });
                    self.at += 1;
                }
                self.behind(joined.value())
            }
            Is::Number(number) => {
                self.at += 1;
                serde_json::from_str(&number.replace('_', "")).map_or_else(|_| Value::Gap("number".to_owned()), Value::Plain)
            }
            Is::Sign('-') => {
                self.at += 1;
                let Is::Number(number) = self.is() else { return Value::Gap("number".to_owned()) };
                self.at += 1;
                serde_json::from_str(&format!("-{}", number.replace('_', "")))
                    .map_or_else(|_| Value::Gap("number".to_owned()), Value::Plain)
            }
            Is::Sign(open @ ('(' | '[')) => {
                self.at += 1;
                let (mut items, members) = self.items();
                let is_tuple = matches!(self.tokens[self.at - 1].is, Is::Sign(','));
                self.takes(if *open == '(' { ')' } else { ']' });
                if !members.is_empty() {
                    return self.behind(Value::Map(members));
                }
                let value = if *open == '(' && items.len() == 1 && !is_tuple { items.remove(0) } else { Value::List(items) };
                self.behind(value)
            }
            Is::Sign('{') => {
                self.at += 1;
                let map = self.members();
                self.behind(map)
            }
            Is::Word(word) => {
                self.at += 1;
                let plain = match *word {
                    "True" | "true" => json!(true),
                    "False" | "false" => json!(false),
                    "None" | "null" | "nil" => Json::Null,
                    "new" | "await" if matches!(self.is(), Is::Word(_)) => return self.term_within(),
                    _ => return self.named(word),
                };
                Value::Plain(plain)
            }
            _ => {
                self.skip();
                Value::Gap("value".to_owned())
            }
        }
    }

    /// What stands behind a word that says nothing of it.
    fn term_within(&mut self) -> Value {
        self.depth += 1;
        let value = if self.depth > DEEPEST { Value::Gap("value".to_owned()) } else { self.term() };
        self.depth -= 1;
        value
    }

    /// What a word stands for, and what is made of it: `config.KEY`, `keys["public"]`, `os.getenv("X", "…")`.
    fn named(&mut self, word: &str) -> Value {
        let mut path = word.to_owned();
        while let (Is::Sign('.'), Some(Is::Word(more))) = (self.is(), self.tokens.get(self.at + 1).map(|token| &token.is)) {
            // A method of something that is known.
            let is_method = matches!(self.tokens.get(self.at + 2).map(|token| &token.is), Some(Is::Sign('(')));
            if is_method && self.names.has(last(&path)) {
                break;
            }
            path.push('.');
            path.push_str(more);
            self.at += 2;
        }
        if matches!(self.is(), Is::Sign('(')) {
            let written = self.written(1);
            let arguments = self.arguments();
            return self.made(&path, arguments, written);
        }
        let value = self.looked_up(last(&path));
        self.behind(value)
    }

    /// What a function gives that is known here.
    fn made(&mut self, path: &str, mut arguments: Arguments, written: Option<&str>) -> Value {
        let first = if arguments.plain.is_empty() { None } else { Some(arguments.plain.remove(0)) };
        let value = match (last(path), first) {
            ("getenv", _) => from_environment(written, arguments.plain.first()),
            ("get" | "fetch", _) if path.ends_with("environ.get") || path == "ENV.fetch" => {
                from_environment(written, arguments.plain.first())
            }
            ("dumps" | "stringify" | "json_encode", Some(value)) => value.dumped(),
            ("dict" | "array", None) => Value::Map(arguments.named),
            ("array", Some(first)) => Value::List([vec![first], arguments.plain].concat()),
            ("HTTPBasicAuth" | "HTTPDigestAuth" | "BasicAuth" | "DigestAuth", Some(user)) => {
                Value::List([vec![user], arguments.plain].concat())
            }
            (
                "urlencode" | "str" | "int" | "quote" | "quote_plus" | "bytes" | "http_build_query" | "rawurlencode" | "encodeURIComponent",
                Some(value),
            ) => value,
            ("URI" | "URL", Some(url)) => url,
            ("parse", Some(url)) if path == "URI.parse" => url,
            ("urljoin", Some(base)) => match arguments.plain.first() {
                Some(more) => behind(base, more.clone()),
                None => base,
            },
            // What is made of something is called as that is (`day.isoformat()`: DAY).
            _ => Value::Gap(path.rsplit_once('.').map_or(path, |(of, _)| of).to_owned()),
        };
        self.behind(value)
    }

    /// `["…"]`, `.get("…")`, `.format(…)`, `.encode()` behind a value.
    fn behind(&mut self, mut value: Value) -> Value {
        loop {
            if self.takes('[') {
                let written = self.written(0);
                let key = self.value();
                if matches!(self.is(), Is::Sign(':')) {
                    self.skip();
                }
                self.takes(']');
                value = member(&value, &key).unwrap_or_else(|| Value::Gap(written.map_or_else(|| value.name(), str::to_owned)));
                continue;
            }
            let (Is::Sign('.'), Some(Is::Word(method)), Some(Is::Sign('('))) =
                (self.is(), self.tokens.get(self.at + 1).map(|token| &token.is), self.tokens.get(self.at + 2).map(|token| &token.is))
            else {
                return value;
            };
            self.at += 2;
            let written = self.written(1);
            let arguments = self.arguments();
            value = match *method {
                "encode" | "decode" | "strip" | "rstrip" | "lstrip" | "copy" => value,
                "to_json" => value.dumped(),
                "get" => match arguments.plain.first().and_then(|key| member(&value, key)) {
                    Some(found) => found,
                    None => from_environment(written, arguments.plain.get(1)),
                },
                "format" => formatted(value, &arguments),
                // Python's, and that of JavaScript and Ruby.
                "join" => match (value, arguments.plain.into_iter().next()) {
                    (between @ Value::Text(_), Some(Value::List(items))) | (Value::List(items), Some(between @ Value::Text(_))) => {
                        joined(&between, items)
                    }
                    (_, Some(Value::Gap(name))) | (Value::Gap(name), _) => Value::Gap(name),
                    _ => Value::Gap("join".to_owned()),
                },
                other => Value::Gap(other.to_owned()),
            };
        }
    }

    /// The key of something, so many tokens further, where it is written there. What a variable stands for names no gap: that may be a secret.
    fn written(&self, further: usize) -> Option<&'a str> {
        match (self.tokens.get(self.at + further).map(|token| &token.is), self.tokens.get(self.at + further + 1).map(|token| &token.is)) {
            (Some(Is::Text(text, false)), Some(Is::Sign(']' | ')' | ','))) => Some(text.as_str()),
            _ => None,
        }
    }

    /// From an open bracket to behind the one that closes it.
    pub(super) fn arguments(&mut self) -> Arguments {
        let (mut arguments, mut weight) = (Arguments::default(), 0);
        if !self.takes('(') {
            return arguments;
        }
        while !matches!(self.is(), Is::Sign(')' | ']' | '}')) && self.at < self.tokens.len() {
            let before = self.at;
            match (self.is(), self.tokens.get(self.at + 1).map(|token| &token.is)) {
                (Is::Word(name), Some(Is::Sign('=')))
                    if !matches!(self.tokens.get(self.at + 2).map(|token| &token.is), Some(Is::Sign('=' | '>'))) =>
                {
                    self.at += 2;
                    let value = self.value_within(&mut weight);
                    arguments.named.push(((*name).to_owned(), value));
                }
                // Of Ruby.
                (Is::Word(name), Some(Is::Sign(':'))) => {
                    self.at += 2;
                    let value = self.value_within(&mut weight);
                    arguments.named.push(((*name).to_owned(), value));
                }
                _ => {
                    let value = self.value_within(&mut weight);
                    match key(&value).filter(|_| self.is_arrow()) {
                        Some(key) => arguments.named.extend(self.behind_arrow(key, &mut weight)),
                        None => arguments.plain.push(value),
                    }
                }
            }
            self.onward(before);
        }
        self.takes(')');
        arguments
    }

    /// What stands in brackets, and what has names there (`["name" => "value"]`).
    fn items(&mut self) -> (Vec<Value>, Vec<(String, Value)>) {
        let (mut items, mut members, mut weight) = (Vec::new(), Vec::new(), 0);
        while !matches!(self.is(), Is::Sign(')' | ']' | '}')) && self.at < self.tokens.len() {
            let before = self.at;
            let item = self.value_within(&mut weight);
            match key(&item).filter(|_| self.is_arrow()) {
                Some(key) => members.extend(self.behind_arrow(key, &mut weight)),
                None => items.push(item),
            }
            self.onward(before);
        }
        (items, members)
    }

    fn behind_arrow(&mut self, key: String, weight: &mut usize) -> Option<(String, Value)> {
        self.at += 2;
        let value = self.value_within(weight);
        *weight += key.len();
        (*weight <= 2 * HEAVIEST).then_some((key, value))
    }

    fn members(&mut self) -> Value {
        let (mut members, mut weight) = (Vec::new(), 0);
        while !matches!(self.is(), Is::Sign(')' | ']' | '}')) && self.at < self.tokens.len() {
            let before = self.at;
            // Of Ruby: `:name => …`.
            self.takes(':');
            // Of JavaScript: a name without quotes.
            let key = match (self.is(), self.tokens.get(self.at + 1).map(|token| &token.is)) {
                (Is::Word(name), Some(Is::Sign(':'))) => {
                    self.at += 1;
                    Some((*name).to_owned())
                }
                _ => key(&self.value()),
            };
            if self.is_arrow() {
                members.extend(key.and_then(|key| self.behind_arrow(key, &mut weight)));
            } else if self.takes(':') {
                let value = self.value_within(&mut weight);
                weight += key.as_ref().map_or(0, String::len);
                members.extend(key.filter(|_| weight <= 2 * HEAVIEST).map(|key| (key, value)));
            }
            self.onward(before);
        }
        self.takes('}');
        Value::Map(members)
    }

    /// One of several, a gap where those before it are more than a call says: `[a, a, …]` would be more than there is memory.
    fn value_within(&mut self, weight: &mut usize) -> Value {
        let value = self.value();
        let value = if *weight > HEAVIEST { Value::Gap(value.name()) } else { value };
        *weight += value.weight();
        value
    }

    /// To the next of several; always at least one step.
    fn onward(&mut self, before: usize) {
        if !self.takes(',') && !matches!(self.is(), Is::Sign(')' | ']' | '}')) {
            self.at = self.at.max(before + 1);
        }
    }

    /// What stands in braces is a name, or a gap.
    fn braces(&mut self, text: &str) -> Value {
        braces(text, |name| {
            let known = Some(last(name)).filter(|name| self.names.has(name)).map(|name| self.looked_up(name));
            known.or_else(|| self.subscript(name)).unwrap_or_else(|| Value::Gap(name.to_owned()))
        })
    }

    /// `keys['public']` in braces.
    fn subscript(&mut self, text: &str) -> Option<Value> {
        let (name, key) = text.strip_suffix(']')?.split_once('[')?;
        member(&self.looked_up(name), &Value::text(key.trim_matches(['"', '\''])))
    }
}

/// `self.base` and `config.base` are what was called `base`.
fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or_default()
}

/// What a member of a dictionary is called: a text, or a constant (`CURLOPT_URL`).
fn key(value: &Value) -> Option<String> {
    match value {
        Value::Gap(name) if name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_') => Some(name.clone()),
        value => value.known().map(|key| key.to_string()),
    }
}

/// What is there unless the environment says something else; else a gap of that name.
fn from_environment(written: Option<&str>, usual: Option<&Value>) -> Value {
    usual.cloned().unwrap_or_else(|| Value::Gap(written.unwrap_or("value").to_owned()))
}

/// One of a dictionary or of a list.
pub(super) fn member(of: &Value, key: &Value) -> Option<Value> {
    match (of, key) {
        (Value::Map(members), key) => {
            let key = key.known()?;
            members.iter().find(|(name, _)| name == key.as_str()).map(|(_, value)| value.clone())
        }
        (Value::List(items), Value::Plain(at)) => items.get(usize::try_from(at.as_u64()?).ok()?).cloned(),
        _ => None,
    }
}
