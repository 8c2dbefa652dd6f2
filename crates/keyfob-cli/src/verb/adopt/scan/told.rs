//! What a script tells a session, a request that is in a variable, curl or libcurl, for the calls that are made with it.

use zeroize::Zeroizing;

use super::super::calls::made;
use super::super::clients::assigned_to;
use super::super::curl;
use super::super::expression::Arguments;
use super::super::shell;
use super::super::tokens::Is;
use super::super::values::{Piece, Value, capitals, pairs};
use super::{LOOKED_AT, Scan};

impl<'a> Scan<'a> {
    /// What curl is told where a text begins it: a command as a shell has it, or its words, in a list or in a call's brackets.
    pub(super) fn told(&mut self, at: usize, text: &str) {
        let line = self.tokens[at].line;
        let is_begun = matches!(at.checked_sub(1).map(|before| &self.tokens[before].is), Some(Is::Text(..) | Is::Sign('+')));
        if text.trim_start().starts_with("curl ") && !is_begun && self.work > 0 {
            let told = command(&self.value(at));
            self.spend(LOOKED_AT * told.len());
            let told = shell::read(&told, line);
            self.script.calls.extend(told.calls);
            self.script.assigned.extend(told.assigned);
        }
        let opens = at.checked_sub(1).and_then(|before| self.sign(before));
        if (text == "curl" || text.ends_with("/curl")) && matches!(opens, Some('[' | '(')) && self.sign(at + 1) == Some(',') {
            let words = match opens {
                Some('(') => self.arguments(at - 1).plain,
                _ => vec![self.value(at - 1)],
            };
            // `spawn("curl", ["-H", …])`.
            let flat = words.into_iter().flat_map(|word| if let Value::List(words) = word { words } else { vec![word] });
            let flat: Vec<Value> = flat.skip(1).collect();
            self.script.calls.extend(curl::read(&flat, None, line));
        }
    }

    /// What is said of a session, or of a request, where a path to it ends: `headers` of `session.headers`, or of `axios.defaults.headers.common`.
    pub(super) fn say(&mut self, mut at: usize, value: Value) {
        let mut what = None;
        while let Some(word) = self.word(Some(at)) {
            match word {
                "headers" | "params" | "auth" | "body" => what = Some(word),
                "defaults" | "common" => {}
                owner => return what.into_iter().for_each(|what| self.say_of(owner, what, value.clone())),
            }
            let Some(of) = self.receiver(at) else { return };
            at = of;
        }
    }

    pub(super) fn say_of(&mut self, owner: &'a str, what: &str, value: Value) {
        match self.requests.get(owner).copied().filter(|at| *at < self.script.calls.len()) {
            Some(at) => {
                if self.spend(LOOKED_AT * self.script.calls[at].headers.len()) {
                    self.script.calls[at].with(&Arguments { plain: Vec::new(), named: vec![(what.to_owned(), value)] });
                }
            }
            None => {
                if self.spend(self.clients.said(owner).map_or(0, Arguments::weight)) {
                    self.clients.say(owner, what, value);
                }
            }
        }
    }

    /// A dictionary in a variable gets more members.
    pub(super) fn merge(&mut self, variable: &str, more: &Value) {
        if self.spend(self.names.weight(variable)) {
            self.names.merge(variable, more.clone());
        }
    }

    /// Where a session is made, or told what it carries.
    pub(super) fn of_session(&mut self, at: usize, word: &'a str) -> bool {
        const MADE: [&str; 9] =
            ["Session", "session", "Client", "AsyncClient", "ClientSession", "OAuth1Session", "OAuth2Session", "create", "extend"];
        const VERBS: [&str; 5] = ["Get", "Post", "Put", "Patch", "Delete"];
        let receiver = self.receiver(at);
        match word {
            word if MADE.contains(&word) => {
                let Some(session) = assigned_to(self.tokens, at) else { return false };
                self.requests.remove(session);
                self.clients.anew(session);
                let arguments = self.arguments(at + 1);
                let named = arguments.named.into_iter().chain(arguments.plain.iter().flat_map(pairs));
                named
                    .filter(|(name, _)| ["headers", "params", "auth"].contains(&name.as_str()))
                    .for_each(|(name, value)| self.clients.say(session, &name, value));
                // What stands at which place is read besides.
                false
            }
            "update" => {
                let Some(of) = receiver else { return false };
                let arguments = self.arguments(at + 1);
                let more = Value::Map(arguments.plain.iter().flat_map(pairs).chain(arguments.named).collect());
                self.word(Some(of)).into_iter().for_each(|variable| self.merge(variable, &more));
                self.say(of, more);
                true
            }
            "add_header" | "setRequestHeader" => {
                let (Some(owner), [name, value]) = (self.word(receiver), &self.arguments(at + 1).plain[..]) else { return false };
                name.known()
                    .into_iter()
                    .for_each(|name| self.say_of(owner, "headers", Value::Map(vec![(name.to_string(), value.clone())])));
                true
            }
            // PHP's constants.
            "define" => {
                if let [name, value] = &self.arguments(at + 1).plain[..]
                    && let Some(name) = name.known()
                {
                    value.known().into_iter().for_each(|known| self.assign(&name, known, self.tokens[at].line));
                    self.names.set(&name, value.clone());
                }
                true
            }
            // What is there unless the environment says something else has its name.
            "getenv" | "get" | "fetch" if word == "getenv" || matches!(self.word(receiver), Some("environ" | "ENV")) => {
                if let [name, usual] = &self.arguments(at + 1).plain[..]
                    && let (Some(name), Some(known)) = (name.known(), usual.known().filter(|known| !known.is_empty()))
                {
                    self.assign(&name, known, self.tokens[at].line);
                }
                true
            }
            // Ruby's `Net::HTTP.post_form(uri, "name" => "value")`.
            "post_form" => {
                let arguments = self.arguments(at + 1);
                let fields = Value::Map(arguments.plain.iter().skip(1).flat_map(pairs).chain(arguments.named).collect());
                let line = self.tokens[at].line;
                let call =
                    arguments.plain.first().and_then(|url| made("POST".to_owned(), None, url, &Arguments::default(), Some(&fields), line));
                self.script.calls.extend(call);
                true
            }
            "basic_auth" => {
                let (Some(owner), Arguments { plain, .. }) = (self.word(receiver), self.arguments(at + 1)) else { return false };
                self.say_of(owner, "auth", Value::List(plain));
                true
            }
            // Ruby's `Net::HTTP::Get.new(uri)`.
            "new" if self.word(receiver).is_some_and(|verb| VERBS.contains(&verb)) => {
                let verb = self.word(receiver).unwrap_or_default().to_ascii_uppercase();
                let arguments = self.arguments(at + 1);
                let call = arguments.plain.first().and_then(|url| made(verb, None, url, &Arguments::default(), None, self.tokens[at].line));
                call.into_iter().for_each(|call| self.request(at, call));
                true
            }
            _ => false,
        }
    }

    /// PHP's `curl_setopt($ch, CURLOPT_URL, …)`, pycurl's `c.setopt(pycurl.URL, …)`.
    pub(super) fn of_libcurl(&mut self, at: usize, word: &'a str) -> bool {
        if !["curl_init", "curl_setopt", "curl_setopt_array", "curl_exec", "Curl", "setopt", "perform"].contains(&word) {
            return false;
        }
        let (line, arguments) = (self.tokens[at].line, self.arguments(at + 1));
        // `$this->ch`: the last word of what stands first.
        let first = (at + 2..).take_while(|at| self.word(Some(*at)).is_some() || self.sign(*at) == Some('.')).last();
        let handle = match word {
            "curl_init" | "Curl" => assigned_to(self.tokens, at),
            "setopt" | "perform" => self.word(self.receiver(at)),
            _ => self.word(first),
        };
        let Some(handle) = handle else { return false };
        let option = |place: usize| Some((arguments.plain.get(place)?.name(), arguments.plain.get(place + 1)?.clone()));
        let calls = match word {
            "curl_init" | "Curl" => self.transfers.made(handle, arguments.plain.first().cloned(), line),
            "curl_exec" | "perform" => self.transfers.done(handle, &mut self.work),
            _ => {
                let options = match word {
                    "curl_setopt_array" => arguments.plain.get(1).map(pairs).unwrap_or_default(),
                    _ => option(usize::from(word == "curl_setopt")).into_iter().collect(),
                };
                options.into_iter().for_each(|(name, value)| self.transfers.told(handle, &name, value, line));
                Vec::new()
            }
        };
        self.script.calls.extend(calls);
        true
    }
}

/// A command that another language puts together, as a shell has it: what only a run knows is a variable.
fn command(told: &Value) -> Zeroizing<String> {
    let (mut text, mut quote) = (Zeroizing::new(String::new()), None);
    for piece in told.clone().pieces() {
        match piece {
            Piece::Said(said) => {
                let mut chars = said.chars();
                while let Some(c) = chars.next() {
                    match (c, quote) {
                        ('\\', None | Some('"')) => drop(chars.next()),
                        ('"' | '\'', None) => quote = Some(c),
                        (c, Some(open)) if c == open => quote = None,
                        _ => {}
                    }
                }
                text.push_str(&said);
            }
            // Between these quotes there are none.
            Piece::Gap(name) if quote == Some('\'') => text.push_str(&format!("'\"${{{}}}\"'", capitals(&name))),
            Piece::Gap(name) => text.push_str(&format!("${{{}}}", capitals(&name))),
        }
    }
    text
}
