//! How curl is told to call a URL, where that is who calls it.

use std::collections::HashMap;

use super::calls::{Body, Call};

/// The calls of these URLs: as often as curl is told to call them otherwise, and else once each.
pub(super) fn calls(text: &str, urls: &[&String]) -> Vec<Call> {
    // Each line is read once, however many URLs there are.
    let text = text.replace("\\\n", " ");
    let mut said: HashMap<&str, Vec<&str>> = HashMap::new();
    for line in text.lines().filter(|line| line.contains("curl")) {
        urls_of(line).for_each(|url| said.entry(url).or_default().push(line));
    }
    let mut calls = Vec::new();
    for url in urls {
        let call = |(method, body)| Call { method, url: (*url).clone().into(), query: Vec::new(), body };
        match said.get(url.as_str()) {
            Some(lines) => calls.extend(lines.iter().map(|line| call(told(line)))),
            None => calls.push(call(("GET".to_owned(), Body::None))),
        }
    }
    calls
}

/// The URLs of a line to their end, without their query: one that begins as another does is another.
fn urls_of(line: &str) -> impl Iterator<Item = &str> {
    let starts = line.match_indices("http").map(|(at, _)| &line[at..]);
    starts
        .filter(|url| url.starts_with("https://") || url.starts_with("http://"))
        .map(|url| url.split(|c: char| c.is_whitespace() || "\"'?#{%".contains(c)).next().unwrap_or_default())
}

/// The method, and whether there is a body: also where an option and what it says are one word (`-XPOST`, `--request=PUT`, `-d'…'`, `-sF a=b`).
fn told(line: &str) -> (String, Body) {
    const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
    let (mut said, mut has_body, mut is_get, mut usual) = (None, false, false, "GET");
    let mut words = line.split_whitespace().peekable();
    while let Some(word) = words.next() {
        if let Some(long) = word.strip_prefix("--") {
            let (name, value) = long.split_once('=').unwrap_or((long, ""));
            match name {
                "request" if value.is_empty() => said = words.peek().copied(),
                "request" => said = Some(value),
                "get" => is_get = true,
                "head" => usual = "HEAD",
                name => has_body |= name.starts_with("data") || name.starts_with("form") || name == "json",
            }
        } else if let Some(short) = word.strip_prefix('-') {
            // Several in one word, up to the first that takes the rest of it.
            for (at, option) in short.char_indices() {
                match option {
                    'X' if at + 1 == short.len() => said = words.peek().copied(),
                    'X' => said = Some(&short[at + 1..]),
                    'd' | 'F' => has_body = true,
                    'G' => is_get = true,
                    'I' => usual = "HEAD",
                    _ => {}
                }
                if !option.is_ascii_alphabetic() || "AbCcDdEeFHhKmoPQrTtUuwXxYyz".contains(option) {
                    break;
                }
            }
        }
    }
    let said = said.map(|said| said.trim_matches(['"', '\'']).to_ascii_uppercase()).filter(|said| METHODS.contains(&said.as_str()));
    // With -G the data goes into the query.
    let has_body = has_body && !is_get;
    let usual = if has_body { "POST" } else { usual };
    (said.unwrap_or_else(|| usual.to_owned()), if has_body { Body::Other("body".to_owned()) } else { Body::None })
}

#[cfg(test)]
mod tests {
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
            ("wget -X DELETE 'https://a.example/user'", "GET"),
        ] {
            let one = |call: &Call| format!("{}{}", call.method, if matches!(call.body, Body::None) { "" } else { " body" });
            let found: Vec<String> = calls(script, &[&URL.to_owned()]).iter().map(one).collect();
            assert_eq!(found.join(", "), expected, "{script}");
        }
    }
}
