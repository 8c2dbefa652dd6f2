//! JSON as two readers cannot take it differently: no name twice, and not deeper than anything of ours (RUSTSEC-2022-0055).

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::problem::Problem;

/// How deep a body may be.
const DEEPEST: usize = 16;

/// Reads a body.
pub(super) fn read(body: &[u8]) -> Result<Value, Problem> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let value = Level(DEEPEST).deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
    value.map_err(|error| {
        // What serde_json says about text that is none names the place and no content.
        Problem::bad_request("json", format!("The body cannot be read as JSON: {}.", keyfob::proto::scrub::printable(&error.to_string())))
    })
}

/// How many levels more there may be.
#[derive(Clone, Copy)]
struct Level(usize);

impl Level {
    fn below<E: Error>(self) -> Result<Self, E> {
        self.0.checked_sub(1).map(Self).ok_or_else(|| E::custom(format_args!("it is deeper than {DEEPEST} levels")))
    }
}

impl<'de> DeserializeSeed<'de> for Level {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Level {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        // `60.0` is a whole number (JSON Schema, validation §6.1.1), as far as such numbers are exact.
        if value.fract() == 0.0 && value.abs() < 9_007_199_254_740_992.0 {
            return Ok((value as i64).into());
        }
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let (below, mut list) = (self.below()?, Vec::new());
        while let Some(item) = items.next_element_seed(below)? {
            list.push(item);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let (below, mut object) = (self.below()?, Map::new());
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(below)?;
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("a name is there twice"));
            }
        }
        Ok(object.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn l16_what_is_deep_or_said_twice_is_refused() {
        let deep = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
        assert!(read(deep(DEEPEST).as_bytes()).is_ok());
        for wrong in [deep(DEEPEST + 1), deep(100_000), r#"{"a":1,"a":1}"#.to_owned(), r#"{"a":{"b":1,"b":2}}"#.to_owned()] {
            assert!(read(wrong.as_bytes()).is_err(), "{}", &wrong[..wrong.len().min(20)]);
        }
        for wrong in ["", "{", "{}x", "{} {}", "nul", "{'a':1}", "\u{feff}{}", "[1e999]"] {
            assert!(read(wrong.as_bytes()).is_err(), "{wrong}");
        }
        assert!(read(b"{\"a\":\"\xff\"}").is_err());
        assert_eq!(read(b"[60.0, 1e2, 0.5]").expect("JSON"), serde_json::json!([60, 100, 0.5]));
        assert_eq!(read(br#"{"a":[1,-2,0.5,null,true,"\u0041"]}"#).expect("JSON"), serde_json::json!({"a": [1, -2, 0.5, null, true, "A"]}));
    }
}
