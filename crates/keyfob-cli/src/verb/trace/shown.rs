//! What of a message is shown: values whose names are known to be harmless. A list of what to hide would miss what a provider thinks of next.

use http::{HeaderMap, HeaderName};
use keyfob::proto::mask::Masker;
use keyfob::proto::{Secret, encode};
use serde_json::Value;

use crate::mask::masker;

/// In the place of a value.
pub(super) const HIDDEN: &str = "•••";

/// Parameters whose values say how, and never with what. Beside them: endpoints, and what a server supports.
const PARAMETERS: &[&str] = &[
    "actor_token_type",
    "audience",
    "client_assertion_type",
    "client_id",
    "code_challenge_method",
    "error",
    "expires_in",
    "grant_type",
    "interval",
    "iss",
    "issued_token_type",
    "issuer",
    "jwks_uri",
    "oauth_callback",
    "oauth_callback_confirmed",
    "oauth_consumer_key",
    "oauth_signature_method",
    "oauth_timestamp",
    "oauth_version",
    "prompt",
    "realm",
    "redirect_uri",
    "requested_token_type",
    "resource",
    "response_mode",
    "response_type",
    "scope",
    "subject_token_type",
    "token_type",
    "token_type_hint",
    "verification_uri",
];

const HEADERS: &[&str] = &[
    "accept",
    "allow",
    "cache-control",
    "connection",
    "content-length",
    "content-type",
    "date",
    "pragma",
    "retry-after",
    "server",
    "transfer-encoding",
    "user-agent",
    "vary",
];

/// A value that is shorter is not looked for elsewhere: it would be found everywhere.
const SHORTEST: usize = 8;
/// So many of an answer's values are looked for elsewhere.
const MOST: usize = 500;
/// Deeper, and longer, nobody reads.
const DEEPEST: usize = 8;
const MOST_MEMBERS: usize = 60;

/// Makes text of messages. It remembers what it hid, since a server may repeat in one place what came in another.
pub(super) struct Shown {
    masker: Masker,
    pub(super) hidden: Vec<Secret>,
}

impl Shown {
    pub(super) fn knowing(secrets: &[Secret]) -> Self {
        Self { masker: masker(secrets), hidden: Vec::new() }
    }

    /// Text that is shown, but for what is known to be a secret.
    pub(super) fn text(&mut self, text: &str) -> String {
        let mut shown = self.masker.push(text.as_bytes());
        shown.extend(self.masker.end());
        String::from_utf8_lossy(&shown).into_owned()
    }

    /// A URL: query and fragment by their names.
    pub(super) fn url(&mut self, url: &str) -> String {
        let Some(at) = url.find(['?', '#']) else { return self.text(url) };
        let (before, mark) = (self.text(&url[..at]), &url[at..=at]);
        format!("{before}{mark}{}", self.pairs(&url.as_bytes()[at + 1..]).join("&"))
    }

    /// A head, a line each.
    pub(super) fn head(&mut self, headers: &HeaderMap) -> Vec<String> {
        headers.iter().map(|(name, value)| format!("{name}: {}", self.header(name, &String::from_utf8_lossy(value.as_bytes())))).collect()
    }

    fn header(&mut self, name: &HeaderName, value: &str) -> String {
        if *name == http::header::LOCATION {
            return self.url(value);
        }
        if HEADERS.contains(&name.as_str()) {
            return self.text(value);
        }
        if *name != http::header::AUTHORIZATION && *name != http::header::WWW_AUTHENTICATE {
            return self.hide(value);
        }
        let Some((scheme, rest)) = value.split_once(' ') else { return self.hide(value) };
        if !scheme.eq_ignore_ascii_case("OAuth") {
            return format!("{} {}", self.text(scheme), self.hide(rest));
        }
        let parameters: Vec<String> = rest.split(',').map(|pair| self.protocol_parameter(pair.trim())).collect();
        format!("OAuth {}", parameters.join(", "))
    }

    /// `name="value"`, percent-encoded (RFC 5849 §3.5.1).
    fn protocol_parameter(&mut self, pair: &str) -> String {
        let Some((name, value)) = pair.split_once('=') else { return self.hide(pair) };
        let value = encode::percent_decode(value.trim_matches('"').as_bytes());
        let value = String::from_utf8_lossy(&value).into_owned();
        format!("{}=\"{}\"", self.name(name), self.value(name, &value))
    }

    /// A body: a form and JSON by their names, everything else by its size.
    pub(super) fn body(&mut self, headers: &HeaderMap, bytes: &[u8]) -> Vec<String> {
        if bytes.is_empty() {
            return Vec::new();
        }
        // Some servers call JSON text, and a form, too.
        if let Ok(value) = serde_json::from_slice::<Value>(bytes)
            && (value.is_object() || value.is_array())
        {
            let mut lines = Vec::new();
            self.json("", &value, 0, &mut lines);
            return lines;
        }
        let media_type = headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let is_form = media_type.starts_with("application/x-www-form-urlencoded") || bytes.starts_with(b"oauth_token");
        if is_form { self.pairs(bytes) } else { vec![format!("{HIDDEN} ({} bytes)", bytes.len())] }
    }

    fn pairs(&mut self, bytes: &[u8]) -> Vec<String> {
        let pairs: Vec<_> = encode::decode_pairs(bytes).collect();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        pairs
            .iter()
            .map(|(name, value)| (text(name), text(value)))
            .map(|(name, value)| format!("{}={}", self.name(&name), self.value(&name, &value)))
            .collect()
    }

    fn json(&mut self, name: &str, value: &Value, depth: usize, lines: &mut Vec<String>) {
        let indent = "  ".repeat(depth);
        let label = if name.is_empty() { indent.clone() } else { format!("{indent}{}: ", self.name(name)) };
        match value {
            _ if depth > DEEPEST => lines.push(format!("{indent}…")),
            Value::Object(members) => {
                lines.push(format!("{label}{{"));
                members.iter().take(MOST_MEMBERS).for_each(|(name, value)| self.json(name, value, depth + 1, lines));
                if members.len() > MOST_MEMBERS {
                    lines.push(format!("{indent}  … {} more", members.len() - MOST_MEMBERS));
                }
                lines.push(format!("{indent}}}"));
            }
            Value::Array(items) if is_shown(name) && items.iter().all(Value::is_string) => {
                let items: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
                lines.push(format!("{label}[{}]", self.value(name, &items.join(", "))));
            }
            Value::Array(items) => {
                lines.push(format!("{label}["));
                if let Some(first) = items.first() {
                    self.json("", first, depth + 1, lines);
                }
                if items.len() > 1 {
                    lines.push(format!("{indent}  … {} more", items.len() - 1));
                }
                lines.push(format!("{indent}]"));
            }
            Value::String(text) => lines.push(format!("{label}{}", self.value(name, text))),
            other => lines.push(format!("{label}{}", self.value(name, &other.to_string()))),
        }
    }

    /// A name is shown if it looks like one: some answers have ids, or people, as names of members.
    fn name(&mut self, name: &str) -> String {
        let looks_like_one = name.len() <= 40 && name.chars().all(|c| c.is_ascii_alphabetic() || "_-.".contains(c));
        if looks_like_one || is_shown(name) || name.starts_with("oauth_") && name.len() <= 40 { self.text(name) } else { HIDDEN.to_owned() }
    }

    fn value(&mut self, name: &str, value: &str) -> String {
        if !is_shown(name) {
            return self.hide(value);
        }
        if value.starts_with("http://") || value.starts_with("https://") { self.url(value) } else { self.text(value) }
    }

    fn hide(&mut self, value: &str) -> String {
        if value.len() >= SHORTEST && self.hidden.len() < MOST {
            self.hidden.push(Secret::new(value));
        }
        HIDDEN.to_owned()
    }
}

fn is_shown(name: &str) -> bool {
    PARAMETERS.contains(&name) || name.ends_with("_endpoint") || name.ends_with("_supported")
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn what_has_no_harmless_name_is_hidden_and_looked_for_elsewhere() {
        let mut shown = Shown::knowing(&[Secret::new("known-secret")]);
        assert_eq!(
            shown.url("https://a.example/known-secret/x?scope=read&state=hidden-state#access_token=hidden-token"),
            "https://a.example/<secret>/x?scope=read&state=•••"
        );
        let mut headers = HeaderMap::new();
        headers.insert("authorization", HeaderValue::from_static("OAuth oauth_consumer_key=\"key\", oauth_token=\"hidden-two\""));
        headers.insert("x-invented-by-a-provider", HeaderValue::from_static("hidden-three"));
        assert_eq!(
            shown.head(&headers),
            ["authorization: OAuth oauth_consumer_key=\"key\", oauth_token=\"•••\"", "x-invented-by-a-provider: •••"]
        );
        let body = br#"{"token_type":"Bearer","access_token":"hidden-four","a":[{"b":1},2],"0123456789":true,"scope":["x","y"]}"#;
        let lines = shown.body(&HeaderMap::new(), body);
        assert_eq!(
            lines.join("\n").replace("  ", ""),
            "{\n•••: •••\na: [\n{\nb: •••\n}\n… 1 more\n]\naccess_token: •••\nscope: [x, y]\ntoken_type: Bearer\n}"
        );
        assert_eq!(shown.body(&HeaderMap::new(), b"a page with hidden-five"), ["••• (23 bytes)"]);
        for hidden in ["hidden-state#access_token=hidden-token", "hidden-two", "hidden-three", "hidden-four"] {
            assert!(shown.hidden.iter().any(|secret| secret.expose() == hidden), "{hidden}");
        }
    }
}
