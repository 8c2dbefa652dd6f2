//! What curl is told to call.

use super::calls::{Call, made};
use super::expression::Arguments;
use super::values::{HEAVIEST, Value, pairs};

/// What takes what stands behind it.
const SHORT: &str = "AbCcDdEeFHhKmoPQrTtUuwXxYyz";
const LONG: [&str; 36] = [
    "aws-sigv4",
    "cacert",
    "cert",
    "config",
    "connect-timeout",
    "connect-to",
    "cookie",
    "cookie-jar",
    "data",
    "data-ascii",
    "data-binary",
    "data-raw",
    "data-urlencode",
    "form",
    "form-string",
    "header",
    "interface",
    "json",
    "key",
    "limit-rate",
    "max-time",
    "oauth2-bearer",
    "output",
    "proxy",
    "proxy-user",
    "range",
    "referer",
    "request",
    "resolve",
    "retry",
    "retry-delay",
    "upload-file",
    "url",
    "url-query",
    "user",
    "write-out",
];

/// Each URL of a command is a call of its own, with all that the command carries: a hostile one has thousands of both.
const MOST_URLS: usize = 16;

/// The calls of one command, by the words behind its name, and what it is given to read.
pub(super) fn read(words: &[Value], input: Option<&Value>, line: usize) -> Vec<Call> {
    // It is read once, and no call is shown with a long one.
    let mut input = input.filter(|input| input.weight() <= HEAVIEST).cloned();
    let (mut told, mut rest) = (Told::default(), words.iter());
    while let Some(word) = rest.next() {
        let text = word.filled().unwrap_or_default();
        if let Some(long) = text.strip_prefix("--") {
            match long.split_once('=') {
                Some((name, _)) => told.option(name, word.clone().behind(name.len() + 3), &mut input),
                None if LONG.contains(&long) => {
                    rest.next().into_iter().for_each(|value| told.option(long, value.clone(), &mut input));
                }
                None => told.flag(long),
            }
        } else if let Some(short) = text.strip_prefix('-') {
            // Several in one word, up to the first that takes the rest of it (`-sXPOST`), or what stands behind it.
            for (at, option) in short.char_indices() {
                if !SHORT.contains(option) {
                    told.flag(&option.to_string());
                    continue;
                }
                let of_word = (at + 1 < short.len()).then(|| word.clone().behind(at + 2));
                let value = of_word.or_else(|| rest.next().cloned());
                value.into_iter().for_each(|value| told.option(&option.to_string(), value, &mut input));
                break;
            }
        } else {
            told.urls.push(word.clone());
        }
    }
    told.calls(line)
}

/// What its words come to.
#[derive(Clone, Default)]
pub(super) struct Told {
    method: Option<String>,
    urls: Vec<Value>,
    headers: Vec<(String, Value)>,
    /// Texts, and pairs that curl encodes.
    data: Vec<Value>,
    fields: Vec<(String, Value)>,
    files: Vec<(String, Value)>,
    query: Vec<(String, Value)>,
    login: Option<(Value, Value)>,
    is_get: bool,
    is_head: bool,
}

impl Told {
    pub(super) fn flag(&mut self, name: &str) {
        match name {
            "G" | "get" => self.is_get = true,
            "I" | "head" => self.is_head = true,
            _ => {}
        }
    }

    pub(super) fn option(&mut self, name: &str, value: Value, input: &mut Option<Value>) {
        let text = value.filled().unwrap_or_default();
        let pair = |sign: &str| text.split_once(sign).map(|(name, _)| (name.to_owned(), value.clone().behind(name.len() + 1)));
        match name {
            "X" | "request" => self.method = Some(text.to_ascii_uppercase()),
            "url" => self.urls.push(value),
            "H" | "header" => self.headers.extend(pair(":").map(|(name, value)| (name, value.trimmed()))),
            "A" | "user-agent" => self.headers.push(("User-Agent".to_owned(), value)),
            "oauth2-bearer" => self.headers.push(("Authorization".to_owned(), Value::text("Bearer ").and(value))),
            "b" | "cookie" if text.contains('=') => self.headers.push(("Cookie".to_owned(), value)),
            "u" | "user" | "U" | "proxy-user" => {
                self.login = pair(":").map(|(user, password)| (value.clone().before(user.len()), password));
            }
            "json" => {
                self.headers.push(("Content-Type".to_owned(), Value::text("application/json")));
                self.data.push(value);
            }
            // What is piped in is not known, what stands below it is.
            "d" | "data" | "data-ascii" | "data-binary" if *text == "@-" => self.data.push(input.take().unwrap_or(value)),
            "d" | "data" | "data-ascii" | "data-binary" | "data-raw" => self.data.push(value),
            "data-urlencode" => self.fields.extend(pair("=")),
            "url-query" => self.query.extend(pair("=")),
            "F" | "form" | "form-string" => {
                let Some((field, value)) = pair("=") else { return };
                let is_file = name != "form-string" && value.filled().is_some_and(|text| text.starts_with('@'));
                if is_file { self.files.push((field, value)) } else { self.fields.push((field, value)) }
            }
            _ => {}
        }
    }

    /// What an option said before is said no more.
    pub(super) fn anew(&mut self, option: &str) {
        match option {
            "url" => self.urls.clear(),
            "header" => self.headers.clear(),
            "data-raw" => self.data.clear(),
            _ => {}
        }
    }

    /// How long all of it is, about.
    pub(super) fn weight(&self) -> usize {
        let named = self.headers.iter().chain(&self.fields).chain(&self.files).chain(&self.query);
        1 + named.map(|(name, value)| name.len() + value.weight()).sum::<usize>()
            + self.urls.iter().chain(&self.data).map(Value::weight).sum::<usize>()
    }

    pub(super) fn calls(mut self, line: usize) -> Vec<Call> {
        const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
        let has_body = !self.data.is_empty() || !self.fields.is_empty() || !self.files.is_empty();
        // Several are one behind the other.
        let data = match (&self.data[..], &self.fields[..]) {
            ([data], []) => Some(data.clone()),
            (data, fields) => {
                Some(data.iter().flat_map(pairs).chain(fields.iter().cloned()).collect()).filter(|_| has_body).map(Value::Map)
            }
        };
        let usual = match (self.is_head, has_body && !self.is_get) {
            (true, _) => "HEAD",
            (false, true) => "POST",
            (false, false) => "GET",
        };
        let method = self.method.filter(|method| METHODS.contains(&method.as_str())).unwrap_or_else(|| usual.to_owned());
        // With -G the data goes into the query.
        let body = match self.is_get {
            true => {
                self.query.extend(data.iter().flat_map(pairs));
                None
            }
            false => data,
        };
        let mut named = vec![("headers", Value::Map(self.headers)), ("params", Value::Map(self.query)), ("files", Value::Map(self.files))];
        named.extend(self.login.map(|(user, password)| ("auth", Value::List(vec![user, password]))));
        let arguments = Arguments { plain: Vec::new(), named: named.into_iter().map(|(name, value)| (name.to_owned(), value)).collect() };
        self.urls.iter().take(MOST_URLS).filter_map(|url| made(method.clone(), None, url, &arguments, body.as_ref(), line)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::calls::Body;
    use super::super::scan;
    use super::*;

    #[test]
    fn a_url_has_the_method_of_the_line_that_calls_it() {
        const URL: &str = "https://a.example/user";
        for (script, expected) in [
            ("curl -X DELETE 'https://a.example/user/keys/1'\ncurl 'https://a.example/user'", "GET"),
            ("curl 'https://a.example/user?a=b' -XDELETE", "DELETE"),
            ("curl --request=PATCH 'https://a.example/user'", "PATCH"),
            ("curl --request \\\n 'PUT' 'https://a.example/user'", "PUT"),
            ("curl -sX post 'https://a.example/user'", "POST"),
            ("curl -d'{\"a\": 1}' 'https://a.example/user'", "POST body"),
            ("curl -sF a=b 'https://a.example/user'", "POST body"),
            ("curl --data-raw=a 'https://a.example/user'", "POST body"),
            ("curl -G -d a=b 'https://a.example/user'", "GET"),
            ("curl -sI 'https://a.example/user'", "HEAD"),
            ("curl -odf.json -HX-F:d 'https://a.example/user'", "GET"),
            ("curl 'https://a.example/user'\ncurl -X DELETE 'https://a.example/user'", "GET, DELETE"),
            ("wget -X DELETE 'https://a.example/user'", ""),
            // In a text of another language.
            ("<?php\nsystem(\"curl -X DELETE 'https://a.example/user'\")", "DELETE"),
            ("import os\nos.system('curl -d \\'a\\' https://a.example/user')\nprint('no curl https://a.example/user')", "POST body"),
        ] {
            let one = |call: &Call| format!("{}{}", call.method, if matches!(call.body, Body::None) { "" } else { " body" });
            let found: Vec<String> = scan::read(script).calls.iter().filter(|call| *call.url == URL).map(one).collect();
            assert_eq!(found.join(", "), expected, "{script}");
        }
    }
}
