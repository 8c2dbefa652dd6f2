//! Reading the secrets out of what went over the line.

use std::collections::BTreeSet;

use keyfob_interop::http;

use super::Canary;

/// Parameters and members whose values nobody but client and provider may know.
const SECRET: [&str; 11] = [
    "access_token",
    "refresh_token",
    "id_token",
    "code",
    "device_code",
    "state",
    "code_verifier",
    "client_secret",
    "client_assertion",
    "oauth_token_secret",
    "oauth_verifier",
];

/// Every secret that went over the line: from queries, forms, JSON, and `Authorization: Basic`.
pub fn learn(heard: &str) -> BTreeSet<Canary> {
    let mut canaries = BTreeSet::new();
    for name in SECRET {
        for (at, _) in heard.match_indices(name) {
            // Not the tail of another name, and not a value (`grant_type=refresh_token`).
            let before = heard[..at].chars().next_back().unwrap_or('\n');
            if !matches!(before, '?' | '&' | '"' | '\n') {
                continue;
            }
            let behind = &heard[at + name.len()..];
            let value = if let Some(value) = behind.strip_prefix('=') {
                http::decode(until(value, "& \r\n\"'<;#"))
            } else if let Some(value) = behind.strip_prefix("\":").filter(|_| name != "code") {
                until(value.trim_start().trim_start_matches('"'), "\"").replace("\\/", "/")
            } else {
                continue;
            };
            if value.len() >= 10 {
                canaries.insert(Canary::new(name, value));
            }
        }
    }
    for (at, _) in heard.match_indices("Basic ") {
        canaries.insert(Canary::new("Basic credentials", until(&heard[at + 6..], "\r\n ")));
    }
    canaries
}

fn until<'a>(text: &'a str, ends: &str) -> &'a str {
    text.split(|c| ends.contains(c)).next().unwrap_or_default()
}
