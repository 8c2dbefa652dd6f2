//! What an endpoint answers when all is well: what the cases spoil.

/// A good answer, and which member matters most in it. Values are written as JSON; a form has their text.
pub struct Good {
    members: Vec<(String, String)>,
    main: &'static str,
    is_form: bool,
    sign: Option<Box<Sign>>,
    signed_type: &'static str,
}

/// Makes signed text of claims.
type Sign = dyn Fn(&[u8]) -> Vec<u8>;

/// What a member becomes when a case spoils it.
#[derive(Clone, Copy)]
pub(super) enum Spoilt<'a> {
    /// JSON that is no text, as it stands.
    Json(&'a str),
    /// Text, of any bytes.
    Text(&'a [u8]),
    /// Half of a pair of surrogates: no character.
    Surrogate,
}

impl Good {
    /// A JSON object with these members; `main` is the one that cases about a missing or broken value are about. Values are JSON.
    #[must_use]
    pub fn json(main: &'static str, members: &[(&str, &str)]) -> Self {
        Self {
            members: members.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            main,
            is_form: false,
            sign: None,
            signed_type: "application/jwt",
        }
    }

    /// A form with these parameters. Values are JSON here as well: `"text"`.
    #[must_use]
    pub fn form(main: &'static str, members: &[(&str, &str)]) -> Self {
        Self { is_form: true, ..Self::json(main, members) }
    }

    /// Claims that are signed (`application/jwt`): cases spoil them before that, and the text as a whole.
    #[must_use]
    pub fn signed(main: &'static str, members: &[(&str, &str)], sign: impl Fn(&[u8]) -> Vec<u8> + 'static) -> Self {
        Self { sign: Some(Box::new(sign)), ..Self::json(main, members) }
    }

    /// The same under another media type.
    #[must_use]
    pub fn of_type(self, signed_type: &'static str) -> Self {
        Self { signed_type, ..self }
    }

    /// Content type and body, for a test that answers without a server.
    #[must_use]
    pub fn answer(&self) -> (&'static str, Vec<u8>) {
        (self.media_type(), self.body())
    }

    pub(super) fn main(&self) -> &'static str {
        self.main
    }

    pub(super) fn media_type(&self) -> &'static str {
        match &self.sign {
            Some(_) => self.signed_type,
            None if self.is_form => "application/x-www-form-urlencoded",
            None => "application/json",
        }
    }

    pub(super) fn body(&self) -> Vec<u8> {
        self.write(self.members.iter().map(|(name, value)| (name.as_str(), Spoilt::Json(value))))
    }

    /// With another value of a member, or with one more.
    pub(super) fn with(&self, name: &str, value: Spoilt<'_>) -> Vec<u8> {
        let others = self.members.iter().filter(|(known, _)| known != name);
        self.write(others.map(|(name, value)| (name.as_str(), Spoilt::Json(value))).chain([(name, value)]))
    }

    pub(super) fn without(&self, name: &str) -> Vec<u8> {
        let others = self.members.iter().filter(|(known, _)| known != name);
        self.write(others.map(|(name, value)| (name.as_str(), Spoilt::Json(value))))
    }

    /// With the main member twice, the planted one first.
    pub(super) fn twice(&self) -> Vec<u8> {
        let planted = [(self.main, Spoilt::Text(b"planted"))];
        self.write(planted.into_iter().chain(self.members.iter().map(|(name, value)| (name.as_str(), Spoilt::Json(value)))))
    }

    fn write<'a>(&self, members: impl Iterator<Item = (&'a str, Spoilt<'a>)>) -> Vec<u8> {
        let (before, between, joint, after) = if self.is_form { ("", "&", "=", "") } else { ("{", ",", ":", "}") };
        let mut body = before.as_bytes().to_vec();
        for (at, (name, value)) in members.enumerate() {
            if at > 0 {
                body.extend_from_slice(between.as_bytes());
            }
            body.extend(if self.is_form { name.as_bytes().to_vec() } else { format!("\"{name}\"").into_bytes() });
            body.extend_from_slice(joint.as_bytes());
            body.extend(if self.is_form { in_form(value) } else { in_json(value) });
        }
        body.extend_from_slice(after.as_bytes());
        match &self.sign {
            Some(sign) => sign(&body),
            None => body,
        }
    }
}

fn in_json(value: Spoilt<'_>) -> Vec<u8> {
    match value {
        Spoilt::Json(text) => text.as_bytes().to_vec(),
        Spoilt::Surrogate => br#""\ud800""#.to_vec(),
        Spoilt::Text(text) => {
            let mut quoted = vec![b'"'];
            for &byte in text {
                match byte {
                    b'"' | b'\\' => quoted.extend([b'\\', byte]),
                    0..0x20 => quoted.extend(format!("\\u{byte:04x}").bytes()),
                    _ => quoted.push(byte),
                }
            }
            quoted.push(b'"');
            quoted
        }
    }
}

fn in_form(value: Spoilt<'_>) -> Vec<u8> {
    let text = match value {
        Spoilt::Json(json) => json.trim_matches('"').as_bytes(),
        Spoilt::Text(text) => text,
        // As UTF-8 would have it, which has no such thing.
        Spoilt::Surrogate => b"\xed\xa0\x80",
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.iter().flat_map(|&byte| if plain(byte) { vec![byte] } else { format!("%{byte:02X}").into_bytes() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_written_spoilt_left_out_and_doubled() {
        let members = [("a", r#""x y""#), ("b", "1")];
        let json = Good::json("a", &members);
        assert_eq!(json.body(), br#"{"a":"x y","b":1}"#);
        assert_eq!(json.with("a", Spoilt::Text(b"\r\"\xff")), b"{\"b\":1,\"a\":\"\\u000d\\\"\xff\"}");
        assert_eq!(json.twice(), br#"{"a":"planted","a":"x y","b":1}"#);
        let form = Good::form("a", &members);
        assert_eq!(form.body(), b"a=x%20y&b=1");
        assert_eq!(form.without("b"), b"a=x%20y");
        assert_eq!(form.with("b", Spoilt::Text(b"\0")), b"a=x%20y&b=%00");
        let signed = Good::signed("a", &members, |claims| [b"signed ", claims].concat());
        assert_eq!(signed.without("b"), br#"signed {"a":"x y"}"#);
        assert_eq!(signed.answer().0, "application/jwt");
    }
}
