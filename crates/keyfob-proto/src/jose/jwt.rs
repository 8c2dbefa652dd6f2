//! Claims (RFC 7519): what a signed payload says, read strictly, and the rules that every use of it shares.

use std::fmt;

use serde_json::{Map, Value};

use crate::error::Misbehaved;
use crate::oauth2::json;
use crate::scrub;
use crate::time::Timestamp;

/// How far clocks may be apart, in seconds (RFC 7519 §4.1.4 leaves "a few minutes"; FAPI 2 asks for 10 to 60).
pub const LEEWAY: i64 = 60;

/// What signed text says, after its signature was found right.
#[derive(Clone, PartialEq)]
pub struct Claims(Map<String, Value>);

/// What must hold for any token that is addressed to us.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules<'a> {
    /// The section that says so, for messages.
    pub(crate) section: &'static str,
    /// `iss`, byte for byte.
    pub(crate) issuer: &'a str,
    /// `aud` must name this.
    pub(crate) audience: &'a str,
    /// Who that is, for messages: "this client".
    pub(crate) addressee: &'static str,
    pub(crate) now: Timestamp,
}

impl Claims {
    pub(crate) fn read(payload: &[u8], section: &'static str) -> Result<Self, Misbehaved> {
        json::object(payload).map(Self).map_err(|found| Misbehaved::new(section, "claims: one JSON object", found))
    }

    /// Some of what was read before.
    pub(crate) fn of(members: Map<String, Value>) -> Self {
        Self(members)
    }

    /// A claim, as it is.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// A claim that is text; `None` where it is absent or something else.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// All of them, to be read by the type that they should have.
    pub(crate) fn members(&self) -> &Map<String, Value> {
        &self.0
    }

    /// A claim that has to be there, and has to be text.
    pub(crate) fn required(&self, name: &str, section: &'static str) -> Result<&str, Misbehaved> {
        match self.get(name) {
            Some(Value::String(text)) if !text.is_empty() => Ok(text),
            Some(_) => Err(Misbehaved::new(section, format!("a claim \"{name}\" that is text"), "an empty one, or another value")),
            None => Err(Misbehaved::new(section, format!("a claim \"{name}\""), "none")),
        }
    }

    /// A claim that is a moment (NumericDate, RFC 7519 §2), where it is there. Fractions of a second are dropped.
    pub(crate) fn moment(&self, name: &str, section: &'static str) -> Result<Option<Timestamp>, Misbehaved> {
        match self.get(name) {
            None => Ok(None),
            Some(value) => match numeric_date(value) {
                Some(moment) => Ok(Some(moment)),
                None => Err(Misbehaved::new(section, format!("a number of seconds in \"{name}\""), "a value that is no moment")),
            },
        }
    }

    /// `aud`: one text, or a list (RFC 7519 §4.1.3).
    pub(crate) fn audience(&self, section: &'static str) -> Result<Vec<&str>, Misbehaved> {
        let wrong = |found: &str| Misbehaved::new(section, "a claim \"aud\" with one text or several", found);
        match self.get("aud") {
            None => Err(wrong("none")),
            Some(Value::String(one)) => Ok(vec![one]),
            Some(Value::Array(several)) if !several.is_empty() => {
                several.iter().map(|one| one.as_str().ok_or_else(|| wrong("a list with something else in it"))).collect()
            }
            Some(_) => Err(wrong("another value")),
        }
    }

    /// Whom it is from, whom it is for, and that it is its time: `iss`, `aud`, `exp`, `nbf`, `iat`. Gives `iat` and `exp`.
    pub(crate) fn judge(&self, rules: &Rules<'_>) -> Result<(Option<Timestamp>, Timestamp), Misbehaved> {
        let section = rules.section;
        let issuer = self.required("iss", section)?;
        if issuer != rules.issuer {
            let (expected, found) = (scrub::printable(rules.issuer), scrub::printable(issuer));
            return Err(Misbehaved::new(section, format!("the issuer \"{expected}\""), format!("\"{found}\"")));
        }
        if !self.audience(section)?.contains(&rules.audience) {
            return Err(Misbehaved::new(section, format!("a token for {} (\"aud\")", rules.addressee), "one for somebody else"));
        }
        let expires_at = self.judge_times(section, rules.now)?.ok_or_else(|| Misbehaved::new(section, "a claim \"exp\"", "none"))?;
        Ok((self.moment("iat", section)?, expires_at))
    }

    /// That it is its time, as far as it says: `exp`, `nbf`, `iat`. Gives `exp`.
    pub(crate) fn judge_times(&self, section: &'static str, now: Timestamp) -> Result<Option<Timestamp>, Misbehaved> {
        let expires_at = self.moment("exp", section)?;
        if let Some(expires_at) = expires_at
            && now >= expires_at.plus(LEEWAY)
        {
            let late = now.since(expires_at);
            return Err(Misbehaved::new(section, "a token that has not ended", format!("one that ended {late} seconds ago")).by_the_clock());
        }
        for (name, what) in [("nbf", "a token whose time has begun"), ("iat", "a token that was made before now")] {
            if let Some(begins) = self.moment(name, section)?
                && begins > now.plus(LEEWAY)
            {
                let early = begins.since(now);
                return Err(Misbehaved::new(section, what, format!("{early} seconds to go (\"{name}\")")).by_the_clock());
            }
        }
        Ok(expires_at)
    }
}

/// A moment (NumericDate, RFC 7519 §2) between 1970 and the year 9999: one after that is no moment anybody meant.
pub(crate) fn numeric_date(value: &Value) -> Option<Timestamp> {
    const LAST: f64 = 253_402_300_799.0;
    let seconds = value.as_f64().filter(|seconds| (0.0..=LAST).contains(seconds))?;
    #[allow(clippy::cast_possible_truncation, reason = "between 0 and the year 9999")]
    Some(Timestamp::from_unix(seconds as i64))
}

/// Their names alone: a nonce is among them, and what a person's address is.
impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const S: &str = "a section";

    fn claims(value: Value) -> Claims {
        Claims::read(value.to_string().as_bytes(), S).expect("claims")
    }

    fn judge(change: impl FnOnce(&mut Value)) -> Result<(Option<Timestamp>, Timestamp), Misbehaved> {
        let mut value = json!({ "iss": "https://a.example", "aud": "us", "exp": 2000, "iat": 1000 });
        change(&mut value);
        claims(value).judge(&Rules {
            section: S,
            issuer: "https://a.example",
            audience: "us",
            addressee: "us",
            now: Timestamp::from_unix(1500),
        })
    }

    #[test]
    fn e4_whom_from_whom_for_and_when() {
        assert_eq!(judge(|_| {}).expect("good"), (Some(Timestamp::from_unix(1000)), Timestamp::from_unix(2000)));
        for (name, value) in [
            ("iss", json!("https://a.example/")),
            ("iss", json!("https://A.example")),
            ("iss", json!(1)),
            ("iss", json!("")),
            ("iss", Value::Null),
            ("aud", json!("them")),
            ("aud", json!(["them"])),
            ("aud", json!([])),
            ("aud", json!([1, "us"])),
            ("aud", json!({ "us": 1 })),
            ("aud", Value::Null),
            ("exp", Value::Null),
            ("exp", json!("2000")),
            ("exp", json!(-1)),
            ("exp", json!(1e300)),
            ("iat", json!("x")),
            ("nbf", json!([1])),
        ] {
            assert!(judge(|claims| claims[name] = value.clone()).is_err(), "{name}: {value}");
        }
        assert!(judge(|claims| claims["aud"] = json!(["us"])).is_ok());
        assert!(judge(|claims| claims["exp"] = json!(1999.5)).is_ok());
    }

    #[test]
    fn e8_a_minute_of_difference_between_clocks_and_no_more() {
        assert!(judge(|claims| claims["exp"] = json!(1500 - LEEWAY + 1)).is_ok());
        assert!(judge(|claims| claims["exp"] = json!(1500 - LEEWAY)).expect_err("over").is_untimely());
        for name in ["iat", "nbf"] {
            assert!(judge(|claims| claims[name] = json!(1500 + LEEWAY)).is_ok());
            assert!(judge(|claims| claims[name] = json!(1500 + LEEWAY + 1)).expect_err("not yet").is_untimely());
        }
        assert!(!judge(|claims| claims["iss"] = json!("https://b.example")).expect_err("another's").is_untimely());
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_claims_never_panic(text: String, number: f64) {
            let value = json!({ "iss": text, "aud": [text], "exp": number, "iat": number, "nbf": number });
            let claims = claims(value);
            let _ = claims.judge(&Rules { section: S, issuer: &text, audience: &text, addressee: "us", now: Timestamp::from_unix(0) });
        }
    }
}
