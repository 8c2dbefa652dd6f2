//! Expressions of a script, read and not run.

use serde_json::{Value as Json, json};
use zeroize::Zeroizing;

use super::tokens::{Is, Token};
use super::values::{Names, Piece, Value};

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

    /// By its name, or else by its place.
    pub(super) fn one(&self, name: &str, place: usize) -> Option<&Value> {
        self.named(name).or_else(|| self.plain.get(place))
    }
}

impl<'a> Reader<'a> {
    pub(super) fn new(tokens: &'a [Token<'a>], at: usize, names: &'a Names) -> Self {
        Self { tokens: &tokens[..tokens.len().min(at + FURTHEST)], at, names, depth: 0 }
    }

    fn is(&self) -> &'a Is<'a> {
        self.tokens.get(self.at).map_or(&Is::End, |token| &token.is)
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
                Is::Sign('+') => {
                    self.at += 1;
                    let more = self.term();
                    let text = matches!(value, Value::Text(_)) || matches!(more, Value::Text(_));
                    value = if text { Value::Text([value.pieces(), more.pieces()].concat()) } else { Value::Gap(value.name()) };
                }
                Is::Sign('%') if matches!(value, Value::Text(_)) => {
                    self.at += 1;
                    let with = self.term();
                    value = percent(value, if let Value::List(items) = with { items } else { vec![with] });
                }
                // A default.
                Is::Word("or") => {
                    self.at += 1;
                    let other = self.term();
                    value = if matches!(value, Value::Gap(_)) { other } else { value };
                }
                Is::End | Is::Sign(',' | ')' | ']' | '}' | ':' | ';') => break,
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

    /// To the end of what belongs together.
    fn skip(&mut self) {
        let mut open = 0_usize;
        loop {
            match self.is() {
                Is::Sign('(' | '[' | '{') => open += 1,
                Is::Sign(')' | ']' | '}') if open == 0 => return,
                Is::Sign(')' | ']' | '}') => open -= 1,
                Is::Sign(',') if open == 0 => return,
                Is::End => return,
                _ => {}
            }
            self.at += 1;
        }
    }

    fn term(&mut self) -> Value {
        match self.is() {
            Is::Text(..) => {
                let mut pieces = Vec::new();
                while let Is::Text(text, filled) = self.is() {
                    pieces.extend(if *filled { self.braces(text) } else { vec![Piece::Said(text.clone())] });
                    self.at += 1;
                }
                self.behind(Value::Text(pieces))
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
                let mut items = self.items();
                let is_tuple = matches!(self.tokens[self.at - 1].is, Is::Sign(','));
                self.takes(if *open == '(' { ')' } else { ']' });
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

    /// What a word stands for, and what is made of it: `config.KEY`, `keys["public"]`, `os.getenv("X", "…")`.
    fn named(&mut self, word: &str) -> Value {
        let mut path = word.to_owned();
        while let (Is::Sign('.'), Some(Is::Word(more))) = (self.is(), self.tokens.get(self.at + 1).map(|token| &token.is)) {
            // A method of something that is known.
            let is_method = matches!(self.tokens.get(self.at + 2).map(|token| &token.is), Some(Is::Sign('(')));
            if is_method && self.names.has(last(&path)) {
                break;
            }
            path = format!("{path}.{more}");
            self.at += 2;
        }
        if matches!(self.is(), Is::Sign('(')) {
            let arguments = self.arguments();
            return self.made(&path, arguments);
        }
        self.behind(self.names.get(last(&path)))
    }

    /// What a function gives that is known here.
    fn made(&mut self, path: &str, mut arguments: Arguments) -> Value {
        let first = if arguments.plain.is_empty() { None } else { Some(arguments.plain.remove(0)) };
        let value = match (last(path), first) {
            ("getenv", first) => from_environment(first, &mut arguments.plain),
            ("get", first) if path.ends_with("environ.get") => from_environment(first, &mut arguments.plain),
            ("dumps" | "stringify", Some(value)) => Value::Dumped(Box::new(value)),
            ("dict", None) => Value::Map(arguments.named),
            ("urlencode" | "str" | "int" | "quote" | "quote_plus" | "bytes", Some(value)) => value,
            ("urljoin", Some(base)) => match arguments.plain.first() {
                Some(more) => joined(base, more.clone()),
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
                let key = self.value();
                if matches!(self.is(), Is::Sign(':')) {
                    self.skip();
                }
                self.takes(']');
                value = member(&value, &key).unwrap_or_else(|| Value::Gap(key.known().map_or_else(|| value.name(), |key| key.to_string())));
                continue;
            }
            let (Is::Sign('.'), Some(Is::Word(method)), Some(Is::Sign('('))) =
                (self.is(), self.tokens.get(self.at + 1).map(|token| &token.is), self.tokens.get(self.at + 2).map(|token| &token.is))
            else {
                return value;
            };
            self.at += 2;
            let arguments = self.arguments();
            value = match *method {
                "encode" | "decode" | "strip" | "rstrip" | "lstrip" | "copy" => value,
                "get" => match arguments.plain.first().and_then(|key| member(&value, key)) {
                    Some(found) => found,
                    None => from_environment(arguments.plain.first().cloned(), &mut arguments.plain.get(1..).unwrap_or_default().to_vec()),
                },
                "format" => formatted(value, &arguments),
                other => Value::Gap(other.to_owned()),
            };
        }
    }

    /// From an open bracket to behind the one that closes it.
    pub(super) fn arguments(&mut self) -> Arguments {
        let mut arguments = Arguments::default();
        if !self.takes('(') {
            return arguments;
        }
        while !matches!(self.is(), Is::Sign(')' | ']' | '}')) && self.at < self.tokens.len() {
            let before = self.at;
            match (self.is(), self.tokens.get(self.at + 1).map(|token| &token.is)) {
                (Is::Word(name), Some(Is::Sign('=')))
                    if !matches!(self.tokens.get(self.at + 2).map(|token| &token.is), Some(Is::Sign('='))) =>
                {
                    self.at += 2;
                    let value = self.value();
                    arguments.named.push(((*name).to_owned(), value));
                }
                _ => {
                    let value = self.value();
                    arguments.plain.push(value);
                }
            }
            self.onward(before);
        }
        self.takes(')');
        arguments
    }

    fn items(&mut self) -> Vec<Value> {
        let mut items = Vec::new();
        while !matches!(self.is(), Is::Sign(')' | ']' | '}')) && self.at < self.tokens.len() {
            let before = self.at;
            items.push(self.value());
            self.onward(before);
        }
        items
    }

    fn members(&mut self) -> Value {
        let mut members = Vec::new();
        while !matches!(self.is(), Is::Sign(')' | ']' | '}')) && self.at < self.tokens.len() {
            let before = self.at;
            // Of JavaScript: a name without quotes.
            let key = match (self.is(), self.tokens.get(self.at + 1).map(|token| &token.is)) {
                (Is::Word(name), Some(Is::Sign(':'))) => {
                    self.at += 1;
                    Some((*name).to_owned())
                }
                _ => self.value().known().map(|key| key.to_string()),
            };
            if self.takes(':') {
                let value = self.value();
                members.extend(key.map(|key| (key, value)));
            }
            self.onward(before);
        }
        self.takes('}');
        Value::Map(members)
    }

    /// To the next of several; always at least one step.
    fn onward(&mut self, before: usize) {
        if !self.takes(',') && !matches!(self.is(), Is::Sign(')' | ']' | '}')) {
            self.at = self.at.max(before + 1);
        }
    }

    /// What stands in braces is a name, or a gap.
    fn braces(&self, text: &str) -> Vec<Piece> {
        let (mut pieces, mut rest) = (Vec::new(), text);
        while let Some((before, inside, behind)) = brace(rest) {
            pieces.push(Piece::Said(Zeroizing::new(before.to_owned())));
            let name = inside.split(['!', ':']).next().unwrap_or_default().trim();
            let known = Some(last(name)).filter(|name| self.names.has(name)).map(|name| self.names.get(name));
            pieces.extend(known.or_else(|| self.subscript(name)).unwrap_or_else(|| Value::Gap(name.to_owned())).pieces());
            rest = behind;
        }
        pieces.push(Piece::Said(Zeroizing::new(rest.to_owned())));
        pieces
    }

    /// `keys['public']` in braces.
    fn subscript(&self, text: &str) -> Option<Value> {
        let (name, key) = text.strip_suffix(']')?.split_once('[')?;
        member(&self.names.get(name), &Value::text(key.trim_matches(['"', '\''])))
    }
}

/// `self.base` and `config.base` are what was called `base`.
fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or_default()
}

/// The first brace of a text: what is before, in and behind it.
fn brace(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once('{')?;
    let (inside, behind) = rest.split_once('}')?;
    Some((before, inside, behind))
}

/// What is there unless the environment says something else.
fn from_environment(name: Option<Value>, more: &mut Vec<Value>) -> Value {
    if !more.is_empty() {
        return more.remove(0);
    }
    Value::Gap(name.and_then(|name| name.known()).map_or_else(|| "value".to_owned(), |name| name.to_string()))
}

fn member(of: &Value, key: &Value) -> Option<Value> {
    match (of, key) {
        (Value::Map(members), key) => {
            let key = key.known()?;
            members.iter().find(|(name, _)| name == key.as_str()).map(|(_, value)| value.clone())
        }
        (Value::List(items), Value::Plain(at)) => items.get(usize::try_from(at.as_u64()?).ok()?).cloned(),
        _ => None,
    }
}

/// `"…%s…" % (…)`.
fn percent(text: Value, with: Vec<Value>) -> Value {
    let Some(known) = text.known() else { return text };
    let (mut pieces, mut rest, mut with) = (Vec::new(), known.as_str(), with.into_iter());
    while let Some((before, behind)) = rest.split_once('%') {
        pieces.push(Piece::Said(Zeroizing::new(before.to_owned())));
        // `%s`, `%d`, `%(name)s`; `%%` is a sign.
        let kind = behind.find(|c: char| c.is_ascii_alphabetic() || c == '%').unwrap_or(0);
        if behind.starts_with('%') {
            pieces.push(Piece::Said(Zeroizing::new("%".to_owned())));
        } else {
            pieces.extend(with.next().unwrap_or_else(|| Value::Gap("value".to_owned())).pieces());
        }
        rest = behind.get(kind + 1..).unwrap_or_default();
    }
    pieces.push(Piece::Said(Zeroizing::new(rest.to_owned())));
    Value::Text(pieces)
}

/// `"…{}…{name}…".format(…)`.
fn formatted(text: Value, arguments: &Arguments) -> Value {
    let Some(known) = text.known() else { return text };
    let (mut pieces, mut rest, mut next) = (Vec::new(), known.as_str(), 0);
    while let Some((before, inside, behind)) = brace(rest) {
        pieces.push(Piece::Said(Zeroizing::new(before.to_owned())));
        let name = inside.split(['!', ':']).next().unwrap_or_default();
        let value = match (name, name.parse::<usize>()) {
            ("", _) => {
                next += 1;
                arguments.plain.get(next - 1)
            }
            (_, Ok(place)) => arguments.plain.get(place),
            (name, _) => arguments.named(name),
        };
        pieces.extend(value.cloned().unwrap_or_else(|| Value::Gap(name.to_owned())).pieces());
        rest = behind;
    }
    pieces.push(Piece::Said(Zeroizing::new(rest.to_owned())));
    Value::Text(pieces)
}

/// RFC 3986 §5.2.2, as far as scripts need it.
fn joined(base: Value, more: Value) -> Value {
    let (Some(there), Some(path)) = (base.filled(), more.filled()) else { return more };
    if path.contains("://") {
        return more;
    }
    let end = match path.starts_with('/') {
        true => there.find("://").and_then(|at| Some(at + 3 + there[at + 3..].find('/')?)).unwrap_or(there.len()),
        false => there.rfind('/').map_or(there.len(), |at| at + 1),
    };
    Value::Text([vec![Piece::Said(Zeroizing::new(there[..end].to_owned()))], more.pieces()].concat())
}
