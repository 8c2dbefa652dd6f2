//! The signature base string, with mistakes on purpose.
//!
//! Each is one that a server or a library in the wild makes, or made. Without any it is RFC 5849 §3.4.1, and a test compares it with the core's.

use keyfob::proto::encode;

/// How to build a base string.
#[derive(Clone)]
pub(super) struct Recipe<'a> {
    method: String,
    scheme: &'a str,
    host: String,
    port: Option<&'a str>,
    path: String,
    query: &'a str,
    form: &'a [u8],
    protocol: Vec<(Vec<u8>, Vec<u8>)>,
    realm: Option<&'a str>,
    signature: Option<&'a str>,
    uri: Uri,
    plus_is_space: bool,
    spelling: Spelling,
    order: Order,
    twice: bool,
    again: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Uri {
    Rfc,
    AllPorts,
    NoPort,
    PortAfterPath,
    WithQuery,
}

#[derive(Clone, Copy, PartialEq)]
enum Spelling {
    Rfc,
    SmallDigits,
    SpacesAsPlus,
    ReservedAsTheyAre,
    TildeEncoded,
    AsTheyCame,
}

#[derive(Clone, Copy, PartialEq)]
enum Order {
    Rfc,
    ByNameAlone,
    BeforeEncoding,
    None,
}

/// Where the protocol's own parameters are listed.
pub(super) const PARAMETERS: &str = "RFC 5849 §3.1";

/// A mistake that is known to be made.
pub(super) struct Mistake {
    /// For programs.
    pub(super) name: &'static str,
    /// What it does: "… leaves the query out".
    pub(super) does: &'static str,
    /// Where it is written how it should be.
    pub(super) section: &'static str,
    pub(super) make: fn(&mut Recipe<'_>),
}

const fn mistake(name: &'static str, does: &'static str, section: &'static str, make: fn(&mut Recipe<'_>)) -> Mistake {
    Mistake { name, does, section, make }
}

/// Mistakes of the base string, the likelier first.
pub(super) const MISTAKES: &[Mistake] = &[
    mistake("query-left-out", "leaves the parameters of the query out", "RFC 5849 §3.4.1.3.1", |r| r.query = ""),
    mistake("form-left-out", "leaves the parameters of the form out", "RFC 5849 §3.4.1.3.1", |r| r.form = b""),
    mistake("query-in-uri", "keeps the query in the URI", "RFC 5849 §3.4.1.2", |r| r.uri = Uri::WithQuery),
    mistake("default-port-kept", "writes the port also where it is the usual one", "RFC 5849 §3.4.1.2", |r| r.uri = Uri::AllPorts),
    mistake("port-left-out", "leaves the port out", "RFC 5849 §3.4.1.2", |r| r.uri = Uri::NoPort),
    mistake("port-after-path", "writes the port behind the path", "RFC 5849 §3.4.1.2", |r| r.uri = Uri::PortAfterPath),
    mistake("http-for-https", "takes https for http, as behind a proxy that ends TLS", "RFC 5849 §3.4.1.2", |r| r.scheme = "http"),
    mistake("https-for-http", "takes http for https", "RFC 5849 §3.4.1.2", |r| r.scheme = "https"),
    mistake("host-in-capitals", "leaves the host as it was written", "RFC 5849 §3.4.1.2", |r| r.host = r.host.to_ascii_uppercase()),
    mistake("space-as-plus", "writes a space as + instead of %20", "RFC 5849 §3.6", |r| r.spelling = Spelling::SpacesAsPlus),
    mistake("reserved-not-encoded", "leaves !*'() as they are", "RFC 5849 §3.6", |r| r.spelling = Spelling::ReservedAsTheyAre),
    mistake("tilde-encoded", "encodes ~, which is unreserved", "RFC 5849 §3.6", |r| r.spelling = Spelling::TildeEncoded),
    mistake("small-digits", "writes %2f where %2F is due", "RFC 5849 §3.6", |r| r.spelling = Spelling::SmallDigits),
    mistake("not-decoded", "encodes the parameters as they came, without decoding them first", "RFC 5849 §3.4.1.3.1", |r| {
        r.spelling = Spelling::AsTheyCame
    }),
    mistake("plus-kept", "takes a + in the query or form for a plus, where it is a space", "RFC 5849 §3.4.1.3.1", |r| {
        r.plus_is_space = false
    }),
    mistake("encoded-once", "encodes the parameters once where it is due twice", "RFC 5849 §3.4.1.1", |r| r.again = false),
    mistake("encoded-thrice", "encodes the parameters once too often", "RFC 5849 §3.4.1.3.2", |r| r.twice = true),
    mistake("not-sorted", "does not sort the parameters", "RFC 5849 §3.4.1.3.2", |r| r.order = Order::None),
    mistake("sorted-by-name-alone", "does not sort values of the same name", "RFC 5849 §3.4.1.3.2", |r| r.order = Order::ByNameAlone),
    mistake("sorted-before-encoding", "sorts before encoding, not after", "RFC 5849 §3.4.1.3.2", |r| r.order = Order::BeforeEncoding),
    mistake("duplicates-dropped", "keeps one parameter of each name", "RFC 5849 §3.4.1.3.2", |r| r.drop_duplicates()),
    mistake("method-in-small-letters", "writes the method in small letters", "RFC 5849 §3.4.1.1", |r| {
        r.method = r.method.to_ascii_lowercase()
    }),
    mistake("realm-signed", "signs the realm", "RFC 5849 §3.4.1.3.1", |r| r.sign("realm", r.realm)),
    mistake("signature-signed", "takes oauth_signature along", "RFC 5849 §3.4.1.3.1", |r| r.sign("oauth_signature", r.signature)),
    mistake("version-left-out", "leaves oauth_version out", PARAMETERS, |r| r.leave_out("oauth_version")),
    mistake("token-left-out", "leaves oauth_token out", PARAMETERS, |r| r.leave_out("oauth_token")),
    mistake("consumer-key-left-out", "leaves oauth_consumer_key out", PARAMETERS, |r| r.leave_out("oauth_consumer_key")),
    mistake("signature-method-left-out", "leaves oauth_signature_method out", PARAMETERS, |r| r.leave_out("oauth_signature_method")),
    mistake("timestamp-left-out", "leaves oauth_timestamp out", PARAMETERS, |r| r.leave_out("oauth_timestamp")),
    mistake("nonce-left-out", "leaves oauth_nonce out", PARAMETERS, |r| r.leave_out("oauth_nonce")),
    mistake("callback-left-out", "leaves oauth_callback out", "RFC 5849 §2.1", |r| r.leave_out("oauth_callback")),
    mistake("verifier-left-out", "leaves oauth_verifier out", "RFC 5849 §2.3", |r| r.leave_out("oauth_verifier")),
    mistake("slash-added", "adds a slash at the path's end", "RFC 5849 §3.4.1.2", |r| r.path.push('/')),
    mistake("slash-taken", "takes the slash from the path's end", "RFC 5849 §3.4.1.2", |r| {
        r.path = r.path.trim_end_matches('/').to_owned()
    }),
    mistake("path-decoded", "decodes the path", "RFC 5849 §3.4.1.2", |r| {
        r.path = String::from_utf8_lossy(&encode::percent_decode(r.path.as_bytes())).into_owned()
    }),
];

const fn of_key(name: &'static str, does: &'static str, section: &'static str) -> Mistake {
    mistake(name, does, section, |_| {})
}

pub(super) static NO_TOKEN_SECRET: Mistake = of_key("token-secret-left-out", "signs without the token's secret", "RFC 5849 §3.4.2");
pub(super) static NO_CONSUMER_SECRET: Mistake = of_key("consumer-secret-left-out", "signs without the app's secret", "RFC 5849 §3.4.2");
pub(super) static NO_SECRETS: Mistake = of_key("secrets-left-out", "signs with no secret at all", "RFC 5849 §3.4.2");
pub(super) static SECRETS_SWAPPED: Mistake = of_key("secrets-swapped", "has the two secrets the wrong way round", "RFC 5849 §3.4.2");
pub(super) static NO_AMPERSAND: Mistake = of_key(
    "secrets-without-ampersand",
    "makes the key without the & that belongs between the secrets, also where one is empty",
    "RFC 5849 §3.4.2",
);
pub(super) static SECRETS_NOT_ENCODED: Mistake =
    of_key("secrets-not-encoded", "makes the key of the secrets as they are, without percent-encoding them", "RFC 5849 §3.4.2");
pub(super) static ANOTHER_HASH: Mistake =
    of_key("another-hash", "signs with another hash than oauth_signature_method says", "RFC 5849 §3.4.3");
pub(super) static SIGNATURE_SPELLED: Mistake = of_key(
    "signature-misspelled",
    "signs right, and writes the signature otherwise: it is base64, percent-encoded once",
    "RFC 5849 §3.5.1",
);
pub(super) static ANOTHER_APP: Mistake = of_key("another-app", "has another app's consumer key than this account", PARAMETERS);
pub(super) static ANOTHER_TOKEN: Mistake = of_key("another-token", "has another token than this account", PARAMETERS);

/// What the other side signs with another value than the request has it: by the parameter's name.
pub(super) static CHANGED: [(&str, Mistake); 4] = [
    ("oauth_consumer_key", of_key("consumer-key-changed", "has another oauth_consumer_key than the request", PARAMETERS)),
    ("oauth_token", of_key("token-changed", "has another oauth_token than the request", PARAMETERS)),
    ("oauth_signature_method", of_key("signature-method-changed", "has another oauth_signature_method than the request", PARAMETERS)),
    ("oauth_version", of_key("version-changed", "has another oauth_version than the request", PARAMETERS)),
];

/// Whether two signatures are the same but for how they are written.
pub(super) fn same_signature(made: &str, found: &str) -> bool {
    let plain = |text: &str| {
        let text = if text.contains('%') {
            String::from_utf8_lossy(&encode::percent_decode(text.as_bytes())).into_owned()
        } else {
            text.to_owned()
        };
        text.replace([' ', '-'], "+").replace('_', "/").trim_end_matches('=').to_owned()
    };
    plain(made) == plain(found)
}

impl<'a> Recipe<'a> {
    /// Of a request; `None` if its URL is none.
    pub(super) fn of(
        method: &str,
        url: &'a str,
        form: Option<&'a [u8]>,
        protocol: &[(String, String)],
        realm: Option<&'a str>,
        signature: Option<&'a str>,
    ) -> Option<Self> {
        let (scheme, rest) = url.split_once("://").filter(|(scheme, _)| matches!(*scheme, "http" | "https"))?;
        let rest = rest.split('#').next().unwrap_or_default();
        let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => (host, Some(port)),
            _ => (authority.trim_end_matches(':'), None),
        };
        Some(Self {
            method: method.to_ascii_uppercase(),
            scheme,
            host: host.to_ascii_lowercase(),
            port,
            path: if path.is_empty() { "/".to_owned() } else { path.to_owned() },
            query,
            form: form.unwrap_or_default(),
            protocol: protocol.iter().map(|(name, value)| (name.clone().into_bytes(), value.clone().into_bytes())).collect(),
            realm,
            signature,
            uri: Uri::Rfc,
            plus_is_space: true,
            spelling: Spelling::Rfc,
            order: Order::Rfc,
            twice: false,
            again: true,
        })
    }

    /// The base string.
    pub(super) fn base_string(&self) -> String {
        let pairs: Vec<(Vec<u8>, Vec<u8>)> =
            self.own(self.query.as_bytes()).chain(self.own(self.form)).chain(self.protocol.clone()).collect();
        let mut encoded: Vec<(String, String)> = if self.order == Order::BeforeEncoding {
            let mut pairs = pairs;
            pairs.sort();
            pairs.iter().map(|(name, value)| (self.spelled(name), self.spelled(value))).collect()
        } else {
            pairs.iter().map(|(name, value)| (self.spelled(name), self.spelled(value))).collect()
        };
        match self.order {
            Order::Rfc => encoded.sort(),
            Order::ByNameAlone => encoded.sort_by(|(one, _), (other, _)| one.cmp(other)),
            Order::BeforeEncoding | Order::None => {}
        }
        let parameters = encoded.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
        let parameters = if self.twice { encode::percent(&parameters) } else { parameters };
        let parameters = if self.again { self.outer(&parameters) } else { parameters };
        format!("{}&{}&{parameters}", self.method, self.outer(&self.uri()))
    }

    fn uri(&self) -> String {
        let usual = if self.scheme == "https" { "443" } else { "80" };
        let Self { scheme, host, path, .. } = self;
        let port = self.port.unwrap_or(usual);
        let unusual = if port == usual { String::new() } else { format!(":{port}") };
        match self.uri {
            Uri::Rfc => format!("{scheme}://{host}{unusual}{path}"),
            Uri::AllPorts => format!("{scheme}://{host}:{port}{path}"),
            Uri::NoPort => format!("{scheme}://{host}{path}"),
            Uri::PortAfterPath => format!("{scheme}://{host}{path}{unusual}"),
            Uri::WithQuery => format!("{scheme}://{host}{unusual}{path}{}{}", if self.query.is_empty() { "" } else { "?" }, self.query),
        }
    }

    /// The parameters of a query or a form.
    fn own(&self, text: &[u8]) -> std::vec::IntoIter<(Vec<u8>, Vec<u8>)> {
        let raw = self.spelling == Spelling::AsTheyCame;
        let decoded = |part: &[u8]| {
            let part: Vec<u8> =
                if self.plus_is_space { part.iter().map(|&byte| if byte == b'+' { b' ' } else { byte }).collect() } else { part.to_vec() };
            encode::percent_decode(&part)
        };
        let pair = |part: &[u8]| {
            let at = part.iter().position(|&byte| byte == b'=').unwrap_or(part.len());
            let (name, value) = (&part[..at], part.get(at + 1..).unwrap_or_default());
            if raw { (name.to_vec(), value.to_vec()) } else { (decoded(name), decoded(value)) }
        };
        text.split(|&byte| byte == b'&').filter(|part| !part.is_empty()).map(pair).collect::<Vec<_>>().into_iter()
    }

    fn spelled(&self, bytes: &[u8]) -> String {
        let keeps = |byte: u8| match self.spelling {
            Spelling::ReservedAsTheyAre => b"!*'()-._~".contains(&byte),
            Spelling::TildeEncoded => b"-._".contains(&byte),
            _ => b"-._~".contains(&byte),
        };
        bytes.iter().fold(String::new(), |mut out, &byte| {
            match byte {
                byte if byte.is_ascii_alphanumeric() || keeps(byte) => out.push(char::from(byte)),
                b' ' if self.spelling == Spelling::SpacesAsPlus => out.push('+'),
                byte if self.spelling == Spelling::SmallDigits => out.push_str(&format!("%{byte:02x}")),
                byte => out.push_str(&format!("%{byte:02X}")),
            }
            out
        })
    }

    /// How the parts of the base string are encoded.
    fn outer(&self, text: &str) -> String {
        match self.spelling {
            Spelling::AsTheyCame => encode::percent(text),
            _ => self.spelled(text.as_bytes()),
        }
    }

    fn leave_out(&mut self, name: &str) {
        self.protocol.retain(|(known, _)| known != name.as_bytes());
    }

    fn sign(&mut self, name: &str, value: Option<&str>) {
        self.protocol.extend(value.map(|value| (name.as_bytes().to_vec(), value.as_bytes().to_vec())));
    }

    fn drop_duplicates(&mut self) {
        let mut seen: Vec<Vec<u8>> = Vec::new();
        let all: Vec<(Vec<u8>, Vec<u8>)> = self.own(self.query.as_bytes()).chain(self.own(self.form)).collect();
        let own = all.into_iter().rev().filter(|(name, _)| {
            let new = !seen.contains(name);
            seen.push(name.clone());
            new
        });
        let own: Vec<_> = own.collect();
        self.protocol.extend(own);
        (self.query, self.form) = ("", b"");
    }
}

#[cfg(test)]
mod tests {
    use keyfob::proto::Body;
    use keyfob::proto::oauth1;

    use super::*;

    const PROTOCOL: [(&str, &str); 6] = [
        ("oauth_consumer_key", "key"),
        ("oauth_nonce", "n~1"),
        ("oauth_signature_method", "HMAC-SHA1"),
        ("oauth_timestamp", "137131202"),
        ("oauth_token", "token"),
        ("oauth_version", "1.0"),
    ];

    fn recipe<'a>(method: &str, url: &'a str, form: Option<&'a [u8]>) -> Recipe<'a> {
        let protocol = PROTOCOL.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Recipe::of(method, url, form, &protocol, Some("Photos"), Some("sig=")).expect("a URL")
    }

    #[test]
    fn without_mistakes_it_is_the_rfcs() {
        for (method, url, form) in [
            ("GET", "http://EXAMPLE.com:80/r%20v/X?id=123", None),
            ("get", "https://www.example.net:8080/?q=1&b5=%3D%253D&a3=a&c%40=&a2=r%20b", Some(&b"c2&a3=2+q"[..])),
            ("POST", "https://a.example?x=!*'()~&y=%F6&&=z&w", Some(b"%C3%A9=+&=")),
            ("DELETE", "http://[::1]:81/a//b;c?", None),
        ] {
            let body = form.map_or(Body::Opaque, Body::Form);
            let right = oauth1::base_string(method, url, body, &PROTOCOL).expect("a URL");
            assert_eq!(recipe(method, url, form).base_string(), right);
        }
    }

    /// Each of them shows where there is something to be done wrong, and no two are the same there.
    #[test]
    fn every_mistake_is_told_from_the_others() {
        let url = "https://Host.example:8443/a%20b/?z=1&z=0&q=a+b%2Bc&e=%C3%A9~!*&a%5B=1&ab=2&%C3%A9=1";
        let mut seen = std::collections::BTreeMap::new();
        let mut same = Vec::new();
        for mistake in MISTAKES {
            let mut recipe = recipe("POST", url, Some(b"f=1"));
            (mistake.make)(&mut recipe);
            if let Some(other) = seen.insert(recipe.base_string(), mistake.name) {
                same.push((other, mistake.name));
            }
        }
        // What this request has no occasion for.
        let none = ["https-for-http", "callback-left-out", "verifier-left-out", "default-port-kept"];
        assert!(same.iter().all(|(one, other)| none.contains(one) && none.contains(other)), "{same:?}");
    }

    #[test]
    fn the_port_behind_the_path_is_known() {
        let mut recipe = recipe("GET", "http://127.0.0.1:3000/api/x", None);
        (MISTAKES.iter().find(|mistake| mistake.name == "port-after-path").expect("it is known").make)(&mut recipe);
        assert!(recipe.base_string().starts_with("GET&http%3A%2F%2F127.0.0.1%2Fapi%2Fx%3A3000&"));
    }

    #[test]
    fn signatures_are_the_same_however_they_are_written() {
        assert!(same_signature("a+/b=", "a%2B%2Fb%3D") && same_signature("a+/b=", "a-_b"));
        assert!(!same_signature("a+/b=", "a+/c="));
    }
}
