//! OAuth 1 signatures as a server reads them, written from RFC 5849 §3 alone. Nothing of the client's signer is used, so that what it gets wrong is
//! seen here; only the mathematics is a library's.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac as _};
use keyfob_proto::oauth1::{Hash, rsa};
use serde_json::Value;
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha512};

use super::Problem;
use crate::apps::Registration;
use crate::message::{Call, Pairs};
use crate::rsa_pem::rsa_pem;

/// What is understood, the RFC's first.
pub(super) const METHODS: [&str; 7] = ["HMAC-SHA1", "RSA-SHA1", "PLAINTEXT", "HMAC-SHA256", "HMAC-SHA512", "RSA-SHA256", "RSA-SHA512"];

/// A signed request, taken apart and not yet believed.
#[derive(Debug)]
pub(super) struct Signed {
    /// `oauth_*`, each of them once (§3.1).
    protocol: Pairs,
    base_string: String,
    in_query: bool,
    in_body: bool,
}

impl Signed {
    /// Takes a request apart (§3.5): the protocol's parameters are in one place, and all of them are readable.
    pub(super) fn read(call: &Call) -> Result<Self, Problem> {
        let header = authorization(call)?;
        let query = call.target.split_once('?').map_or("", |(_, query)| query);
        let query = form(query)?;
        let body = if call.is_form() {
            let text = std::str::from_utf8(&call.body).map_err(|_| Problem::rejected("the form is not UTF-8"))?;
            form(text)?
        } else {
            Pairs::new()
        };
        let places = [&header, &query, &body];
        if places.iter().filter(|pairs| pairs.iter().any(|(name, _)| name.starts_with("oauth_"))).count() > 1 {
            return Err(Problem::rejected("the protocol's parameters are in more than one place"));
        }
        let in_query = query.iter().any(|(name, _)| name.starts_with("oauth_"));
        let in_body = body.iter().any(|(name, _)| name.starts_with("oauth_"));
        let base_string = base_string(call, places.into_iter().flatten());
        let protocol: Pairs = header.into_iter().chain(query).chain(body).filter(|(name, _)| name.starts_with("oauth_")).collect();
        let mut names: Vec<&str> = protocol.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(Problem::rejected("one of the protocol's parameters comes twice"));
        }
        Ok(Self { protocol, base_string, in_query, in_body })
    }

    /// One of the protocol's parameters; an empty one counts as left out.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.protocol.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// Whether the protocol's parameters came in the query.
    pub(super) fn in_query(&self) -> bool {
        self.in_query
    }

    /// Whether they came in the form.
    pub(super) fn in_body(&self) -> bool {
        self.in_body
    }

    pub(super) fn needed(&self, name: &'static str) -> Result<&str, Problem> {
        self.get(name).ok_or(Problem::Absent(name))
    }

    /// Whether it is signed by this app and this token's secret (§3.4), and the body with it where it says so.
    pub(super) fn verify(&self, call: &Call, app: &Registration, token_secret: &str) -> Result<(), Problem> {
        let method = self.needed("oauth_signature_method")?;
        let signature = self.needed("oauth_signature")?;
        // §3.4.2: both halves are encoded, and the ampersand is there also where one of them is empty.
        let key = format!("{}&{}", encoded(&app.client_secret), encoded(token_secret));
        let text = self.base_string.as_bytes();
        let bytes = || STANDARD.decode(signature).map_err(|_| Problem::Signature);
        // Everybody could sign with no secret.
        let shared = !app.client_secret.is_empty();
        let good = match method {
            "HMAC-SHA1" if shared => mac::<Hmac<Sha1>>(&key).chain_update(text).verify_slice(&bytes()?).is_ok(),
            "HMAC-SHA256" if shared => mac::<Hmac<Sha256>>(&key).chain_update(text).verify_slice(&bytes()?).is_ok(),
            "HMAC-SHA512" if shared => mac::<Hmac<Sha512>>(&key).chain_update(text).verify_slice(&bytes()?).is_ok(),
            "RSA-SHA1" => by_key(app, Hash::Sha1, text, &bytes()?)?,
            "RSA-SHA256" => by_key(app, Hash::Sha256, text, &bytes()?)?,
            "RSA-SHA512" => by_key(app, Hash::Sha512, text, &bytes()?)?,
            // §3.4.4: it is the secrets themselves, so whoever reads it has them.
            "PLAINTEXT" if !call.is_secure() => return Err(Problem::Method("PLAINTEXT is for TLS alone")),
            "PLAINTEXT" if shared => same(signature.as_bytes(), key.as_bytes()),
            method if METHODS.contains(&method) => return Err(Problem::Method("the app is registered without a secret")),
            _ => return Err(Problem::Method("an unknown oauth_signature_method")),
        };
        if !good {
            return Err(Problem::Signature);
        }
        self.verify_body(call, method)
    }

    /// The extension Request Body Hash (draft 4, §4): who sends a hash has the body judged by it. A form is signed already, and has none.
    fn verify_body(&self, call: &Call, method: &str) -> Result<(), Problem> {
        let Some(told) = self.get("oauth_body_hash") else { return Ok(()) };
        if call.is_form() {
            return Err(Problem::rejected("oauth_body_hash beside a form"));
        }
        let hash = match method.rsplit('-').next() {
            Some("SHA1") => Sha1::digest(&call.body).to_vec(),
            Some("SHA256") => Sha256::digest(&call.body).to_vec(),
            Some("SHA512") => Sha512::digest(&call.body).to_vec(),
            _ => return Err(Problem::rejected("oauth_body_hash with a method that hashes nothing")),
        };
        if same(told.as_bytes(), STANDARD.encode(hash).as_bytes()) {
            Ok(())
        } else {
            Err(Problem::rejected("oauth_body_hash is another body's"))
        }
    }
}

fn mac<M: KeyInit>(key: &str) -> M {
    M::new_from_slice(key.as_bytes()).expect("HMAC takes keys of any length")
}

/// By one of the RSA keys that the app is registered with (§3.4.3).
fn by_key(app: &Registration, hash: Hash, text: &[u8], signature: &[u8]) -> Result<bool, Problem> {
    let keys = app.metadata.jwks.as_ref().and_then(|jwks| jwks.get("keys")).and_then(Value::as_array);
    let number = |key: &Value, name: &str| {
        let text = key.get(name).and_then(Value::as_str)?;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).ok()
    };
    let keys = keys.into_iter().flatten().filter_map(|key| rsa::public_key(&rsa_pem(&number(key, "n")?, &number(key, "e")?)).ok());
    let keys: Vec<_> = keys.collect();
    if keys.is_empty() {
        return Err(Problem::Method("the app is registered without an RSA key (jwks)"));
    }
    Ok(keys.iter().any(|key| key.verifies(hash, text, signature)))
}

/// In time that does not tell where two texts begin to differ.
fn same(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len() && left.iter().zip(right).fold(0, |differences, (a, b)| differences | (a ^ b)) == 0
}

/// §3.4.1. `oauth_signature` is the one parameter that is not in it.
fn base_string<'a>(call: &Call, all: impl Iterator<Item = &'a (String, String)>) -> String {
    let mut pairs: Vec<(String, String)> =
        all.filter(|(name, _)| name != "oauth_signature").map(|(name, value)| (encoded(name), encoded(value))).collect();
    // §3.4.1.3.2: by the encoded name, then by the encoded value, as bytes.
    pairs.sort_unstable();
    let pairs: Vec<String> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("{}&{}&{}", encoded(call.method.as_str()), encoded(&base_uri(call)), encoded(&pairs.join("&")))
}

/// §3.4.1.2: scheme and host in lower case, the port unless it is the scheme's own, the path as it came.
fn base_uri(call: &Call) -> String {
    let here = call.here.to_ascii_lowercase();
    let own = if here.starts_with("https://") { ":443" } else { ":80" };
    format!("{}{}", here.strip_suffix(own).unwrap_or(&here), call.path())
}

/// §3.5.1. No such header is no parameter; two are one too many.
fn authorization(call: &Call) -> Result<Pairs, Problem> {
    let mut headers = call.headers.get_all("authorization").iter();
    let (Some(header), None) = (headers.next(), headers.next()) else {
        return if call.headers.contains_key("authorization") {
            Err(Problem::rejected("two Authorization headers"))
        } else {
            Ok(Pairs::new())
        };
    };
    let text = header.to_str().map_err(|_| Problem::rejected("the Authorization header is no text"))?;
    let parts = text.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("oauth"));
    let Some((_, parts)) = parts else { return Ok(Pairs::new()) };
    let mut pairs = Pairs::new();
    for part in parts.split(',') {
        let unreadable = || Problem::rejected("the Authorization header is no list of name=\"value\"");
        let (name, value) = part.trim().split_once('=').ok_or_else(unreadable)?;
        let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).ok_or_else(unreadable)?;
        // §3.4.1.3.1: the realm is no parameter.
        if !name.eq_ignore_ascii_case("realm") {
            pairs.push((decoded(name)?, decoded(value)?));
        }
    }
    Ok(pairs)
}

/// §3.4.1.3.1: query and body are decoded as forms, where `+` is a space.
fn form(text: &str) -> Result<Pairs, Problem> {
    let parts = text.split('&').filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            Ok((decoded(&name.replace('+', " "))?, decoded(&value.replace('+', " "))?))
        })
        .collect()
}

fn decoded(text: &str) -> Result<String, Problem> {
    let unreadable = || Problem::rejected("a parameter whose percent-encoding is wrong, or no UTF-8");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16)).ok_or_else(unreadable);
                let (high, low) = (digit()?, digit()?);
                u8::try_from(high * 16 + low).expect("two hexadecimal digits are a byte")
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).map_err(|_| unreadable())
}

/// §3.6: everything but letters, digits, `-`, `.`, `_` and `~`, in capitals.
pub(super) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, Method};
    use bytes::Bytes;

    use super::*;

    fn call(method: Method, host: &str, target: &str, authorization: &str, body: &'static str) -> Call {
        let mut headers = HeaderMap::new();
        headers.insert("host", host.parse().expect("a header"));
        headers.insert("authorization", authorization.parse().expect("a header"));
        headers.insert("content-type", "application/x-www-form-urlencoded".parse().expect("a header"));
        Call::new(method, target, headers, Bytes::from_static(body.as_bytes()))
    }

    /// RFC 5849 §3.4.1.1, the RFC's own.
    #[test]
    fn the_base_string_is_the_rfc_s() {
        let header = r#"OAuth realm="Example", oauth_consumer_key="9djdj82h48djs9d2", oauth_token="kkk9d7dh3k39sjv7", oauth_signature_method="HMAC-SHA1", oauth_timestamp="137131201", oauth_nonce="7d8f3e4a", oauth_signature="bYT5CMsGcbgUdFHObYMEfcx6bsw%3D""#;
        let call = call(Method::POST, "EXAMPLE.COM:80", "/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b", header, "c2&a3=2+q");
        let signed = Signed::read(&call).expect("it can be read");
        assert_eq!(
            signed.base_string,
            "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D%26c%2540%3D%26c2%3D%26\
             oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_method%3DHMAC-SHA1%26\
             oauth_timestamp%3D137131201%26oauth_token%3Dkkk9d7dh3k39sjv7"
        );
    }

    /// RFC 5849 §1.2.
    #[test]
    fn the_photo_s_signature_is_good_and_another_is_not() {
        let header = |signature: &str| {
            format!(
                r#"OAuth realm="Photos", oauth_consumer_key="dpf43f3p2l4k3l03", oauth_token="nnch734d00sl2jdk", oauth_signature_method="HMAC-SHA1", oauth_timestamp="137131202", oauth_nonce="chapoH", oauth_signature="{signature}""#
            )
        };
        let app = Registration { client_secret: "kd94hf93k423kf44".into(), ..Registration::default() };
        for (signature, good) in [("MdpQcU8iPSUjWoN%2FUDMsK2sui9I%3D", true), ("MdpQcU8iPSUjWoN%2FUDMsK2sui9Q%3D", false), ("x", false)] {
            let call = call(Method::GET, "photos.example.net", "/photos?file=vacation.jpg&size=original", &header(signature), "");
            let signed = Signed::read(&call).expect("it can be read");
            assert_eq!(signed.verify(&call, &app, "pfkkdhi9sl3r4s00").is_ok(), good, "{signature}");
        }
    }

    #[test]
    fn what_is_said_twice_or_in_two_places_is_refused() {
        let refused = |target: &str, header: &str| Signed::read(&call(Method::GET, "h", target, header, "")).is_err();
        let good = r#"OAuth oauth_token="a""#;
        assert!(!refused("/", good) && !refused("/?a=b&a=c", good));
        for (target, header) in [
            ("/?oauth_nonce=x", good),
            ("/", r#"OAuth oauth_token="a", oauth_token="b""#),
            ("/", r#"OAuth oauth_token=a"#),
            ("/", r#"OAuth oauth_token="%zz""#),
            ("/?a=%e9", good),
        ] {
            assert!(refused(target, header), "{target} {header}");
        }
    }
}
