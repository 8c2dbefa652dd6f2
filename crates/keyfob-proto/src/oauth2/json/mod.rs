//! A JSON object from a server, read strictly: one object and nothing after it, every member once, on every level.
//!
//! Two parsers that pick different ones of two equal members is how a check is passed with one value and another one is used.
//!
//! Text stays where it is, but for strings with escapes: most of an answer is looked at and left, and a copy of a token is one more that nobody wipes.

mod plain;

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// A value, over the text that it was read from.
pub(crate) enum Json<'a> {
    Null,
    Bool(bool),
    Number(Number),
    Text(Cow<'a, str>),
    Array(Vec<Self>),
    Object(Object<'a>),
}

/// The members of an object; where they are more than a [few](FEW), in the order of their names.
#[derive(Default)]
pub(crate) struct Object<'a>(Vec<(Cow<'a, str>, Json<'a>)>);

/// Reads one object. The error says where and why, and shows nothing of the content.
pub(crate) fn object(bytes: &[u8]) -> Result<Map<String, Value>, String> {
    Ok(members(bytes)?.into_map())
}

/// The same over its text.
pub(crate) fn members(bytes: &[u8]) -> Result<Object<'_>, Unread> {
    // Once for all, and not for each string.
    let text = std::str::from_utf8(bytes).map_err(|_| Unread::NotUtf8)?;
    if let Some(object) = plain::object(text) {
        return Ok(object);
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = Json::deserialize(&mut deserializer).and_then(|value| deserializer.end().map(|()| value));
    match value.map_err(Unread::NotJson)? {
        Json::Object(object) => Ok(object),
        _ => Err(Unread::NoObject),
    }
}

/// Why a text was not read. Written out where somebody is told.
pub(crate) enum Unread {
    NoObject,
    NotUtf8,
    NotJson(serde_json::Error),
}

impl From<Unread> for String {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::NoObject => "JSON that is no object".to_owned(),
            Unread::NotUtf8 => "bytes that are no text".to_owned(),
            Unread::NotJson(error) if error.is_data() => format!("a member twice (line {}, column {})", error.line(), error.column()),
            Unread::NotJson(error) => format!("text that is no JSON (line {}, column {})", error.line(), error.column()),
        }
    }
}

/// So many members are looked through one by one.
const FEW: usize = 16;

/// Two members of one name.
pub(crate) struct Twice;

impl<'a> Object<'a> {
    /// Of members in any order, each there once.
    pub(crate) fn of(mut members: Vec<(Cow<'a, str>, Json<'a>)>) -> Result<Self, Twice> {
        let once = if members.len() <= FEW {
            (1..members.len()).all(|at| members[..at].iter().all(|(known, _)| *known != members[at].0))
        } else {
            // Sorted, those of one name are neighbours, however many there are; and all the others are found at once.
            members.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
            members.windows(2).all(|pair| pair[0].0 != pair[1].0)
        };
        if once { Ok(Self(members)) } else { Err(Twice) }
    }

    #[inline(always)]
    pub(crate) fn get(&self, name: &str) -> Option<&Json<'a>> {
        self.place(name).map(|at| &self.0[at].1)
    }

    #[inline(always)]
    pub(crate) fn contains_key(&self, name: &str) -> bool {
        self.place(name).is_some()
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.place(name).map(|at| self.0.remove(at));
    }

    /// Gives a member another name, unless there is one of that name.
    pub(crate) fn rename(&mut self, name: &str, to: &'static str) -> bool {
        let Some(at) = self.place(name).filter(|_| !self.contains_key(to)) else { return false };
        let (_, value) = self.0.remove(at);
        let at = self.0.partition_point(|(known, _)| **known < *to);
        self.0.insert(at, (Cow::Borrowed(to), value));
        true
    }

    /// What its members are called.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| &**name)
    }

    /// Whether there is a member of this name that says something: `null` does not.
    #[inline(always)]
    pub(crate) fn has(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| !value.is_null())
    }

    /// Whether a member on this level is `null`.
    pub(crate) fn has_null(&self) -> bool {
        self.0.iter().any(|(_, value)| value.is_null())
    }

    /// The text of a member.
    #[inline(always)]
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }

    /// Takes the object away that a JSON pointer (RFC 6901) leads to, if there is one.
    pub(crate) fn take(&mut self, pointer: &str) -> Option<Self> {
        if pointer.is_empty() {
            return Some(std::mem::take(self));
        }
        let mut names = pointer.strip_prefix('/')?.split('/').map(|name| name.replace("~1", "/").replace("~0", "~"));
        let first = self.place(&names.next()?)?;
        let place = names.try_fold(&mut self.0[first].1, |value, name| match value {
            Json::Object(object) => object.place(&name).map(|at| &mut object.0[at].1),
            Json::Array(items) if !name.starts_with('+') && (name == "0" || !name.starts_with('0')) => {
                items.get_mut(name.parse::<usize>().ok()?)
            }
            _ => None,
        })?;
        match place {
            Json::Object(object) => {
                let object = std::mem::take(object);
                *place = Json::Null;
                Some(object)
            }
            _ => None,
        }
    }

    pub(crate) fn into_map(self) -> Map<String, Value> {
        self.0.into_iter().map(|(name, value)| (name.into_owned(), value.into())).collect()
    }

    pub(crate) fn to_map(&self) -> Map<String, Value> {
        self.0.iter().map(|(name, value)| (name.clone().into_owned(), value.to_value())).collect()
    }

    // In line, since to compare with a name that is known beforehand takes a step or two.
    #[inline(always)]
    fn place(&self, name: &str) -> Option<usize> {
        // Of a few, most are told by their length.
        if self.0.len() <= FEW { self.0.iter().position(|(known, _)| *known == name) } else { self.place_among_many(name) }
    }

    fn place_among_many(&self, name: &str) -> Option<usize> {
        self.0.binary_search_by(|(known, _)| (**known).cmp(name)).ok()
    }
}

impl Json<'_> {
    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    fn to_value(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(flag) => Value::Bool(*flag),
            Self::Number(number) => Value::Number(number.clone()),
            Self::Text(text) => Value::String(text.clone().into_owned()),
            Self::Array(items) => Value::Array(items.iter().map(Self::to_value).collect()),
            Self::Object(object) => Value::Object(object.to_map()),
        }
    }
}

impl From<Json<'_>> for Value {
    fn from(json: Json<'_>) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(flag) => Self::Bool(flag),
            Json::Number(number) => Self::Number(number),
            Json::Text(text) => Self::String(text.into_owned()),
            Json::Array(items) => Self::Array(items.into_iter().map(Self::from).collect()),
            Json::Object(object) => Self::Object(object.into_map()),
        }
    }
}

impl<'de> Deserialize<'de> for Json<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json<'de>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json<'de>, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json<'de>, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json<'de>, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json<'de>, E> {
        Ok(Number::from_f64(value).map_or(Json::Null, Json::Number))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Json<'de>, E> {
        Ok(Json::Text(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json<'de>, E> {
        Ok(Json::Text(value.to_owned().into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json<'de>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Json::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json<'de>, A::Error> {
        // Room for what a token answer has.
        let mut members = Vec::with_capacity(8);
        while let Some((Name(name), value)) = map.next_entry()? {
            members.push((name, value));
        }
        // Serde_json's token for a number, where somebody else's crate has switched on `arbitrary_precision` for the whole program: it keeps their spelling.
        if let [(name, Json::Text(digits))] = &members[..]
            && name == "$serde_json::private::Number"
            && let Ok(number) = digits.parse()
        {
            return Ok(Json::Number(number));
        }
        Object::of(members).map(Json::Object).map_err(|Twice| de::Error::custom("a member twice"))
    }
}

/// A member's name, over its text. (Serde reads a `Cow` into memory of its own.)
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(name.into()))
            }

            fn visit_str<E>(self, name: &str) -> Result<Name<'de>, E> {
                Ok(Name(name.to_owned().into()))
            }
        }
        deserializer.deserialize_str(NameVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c6_only_one_whole_object_with_members_once_is_read() {
        assert_eq!(object(br#" {"a":{"b":[1,null,"x"]}} "#).expect("good")["a"]["b"][2], "x");
        let bad: &[&[u8]] = &[
            b"",
            b"null",
            b"[]",
            b"{",
            b"{\"a\":1}{}",
            b"{\"a\":1}x",
            b"{\"a\":1,\"a\":2}",
            b"{\"a\":{\"b\":1,\"b\":2}}",
            b"{\"a\":NaN}",
            b"{\"a\":\"\xff\"}",
            b"{\"a\":\"\\ud800\"}",
            b"<html>",
        ];
        for text in bad {
            assert!(object(text).is_err(), "{}", String::from_utf8_lossy(text));
        }
        assert!(object(&[b"{\"a\":".repeat(200_000), b"1".to_vec()].concat()).is_err(), "deep nesting");
    }

    #[test]
    fn names_are_found_however_they_are_written_and_text_stays_where_it_is() {
        let text = br#"{"z":"plain","a\u0062":"x\ny","m":{"n":[{"o":1},{"o":{"p":true}}]},"b":null}"#;
        let mut object = members(text).ok().expect("an object");
        assert!(matches!(object.get("z"), Some(Json::Text(Cow::Borrowed("plain")))));
        assert_eq!((object.text("ab"), object.text("b"), object.has("b"), object.contains_key("b")), (Some("x\ny"), None, false, true));
        assert!(object.get("y").is_none());
        for nothing in ["m", "/m/n", "/m/n/01", "/m/n/+1", "/m/n/2", "/m/n/1/o/p", "/x", "/"] {
            assert!(object.take(nothing).is_none(), "{nothing}");
        }
        assert!(object.take("/m/n/1/o").is_some_and(|inner| matches!(inner.get("p"), Some(Json::Bool(true)))));
        assert!(object.take("/m/n/1/o").is_none(), "it was taken");
        object.remove("z");
        assert_eq!(
            Value::Object(object.into_map()),
            serde_json::json!({ "ab": "x\ny", "b": null, "m": { "n": [{ "o": 1 }, { "o": null }] } })
        );
    }

    /// As it comes from a parser that keeps how numbers are spelled; which that is, is settled by all crates of a program together.
    #[test]
    fn a_number_is_one_in_a_program_that_keeps_their_spelling() {
        let read = |text: &str| Value::Object(object(text.as_bytes()).expect("an object"));
        assert_eq!(read(r#"{"amount":{"$serde_json::private::Number":"123.50"}}"#)["amount"].as_f64(), Some(123.5));
        for object in [r#"{"$serde_json::private::Number":"many"}"#, r#"{"$serde_json::private::Number":7}"#, r#"{"Number":"7"}"#] {
            assert!(read(&format!("{{\"amount\":{object}}}"))["amount"].is_object(), "{object}");
        }
    }

    #[test]
    fn c5_twins_are_found_among_very_many_in_no_time() {
        let many: Vec<String> = (0..100_000).map(|nth| format!("\"{nth}\":1")).collect();
        assert!(object(format!("{{{}}}", many.join(",")).as_bytes()).is_ok());
        assert!(object(format!("{{{},\"7\":1}}", many.join(",")).as_bytes()).is_err());
    }

    proptest::proptest! {
        #[test]
        fn what_is_read_is_what_others_read(text in "[ \\[\\]{}:,\"a-c0-9.eE\\\\untrl-]{0,40}") {
            // Who lets a member in twice keeps the last of them.
            let theirs = serde_json::from_str::<Value>(&text).ok().filter(Value::is_object);
            match object(text.as_bytes()) {
                Ok(ours) => proptest::prop_assert_eq!(Some(Value::Object(ours)), theirs),
                Err(why) => proptest::prop_assert!(theirs.is_none() || why.contains("twice"), "{}: {}", text, why),
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            let _ = object(&bytes);
        }
    }
}
