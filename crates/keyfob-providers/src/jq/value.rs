//! Between serde's JSON and jaq's, and the one function of jq that we replace.

use jaq_core::box_iter::box_once;
use jaq_core::data::JustLut;
use jaq_core::native::{Fun, run, v};
use jaq_core::{Error, Exn};
use jaq_json::{Num, Val};
use serde_json::Value;

/// JSON to jaq.
pub(crate) fn from_json(value: &Value) -> Val {
    match value {
        Value::Null => Val::Null,
        Value::Bool(flag) => Val::Bool(*flag),
        Value::Number(number) => Val::Num(match (number.as_i64(), number.as_u64()) {
            (Some(integer), _) => Num::from_integral(integer),
            // An id of 64 bits is no measure: as a float it would be another's.
            (None, Some(integer)) => Num::from_integral(integer),
            (None, None) => Num::Float(number.as_f64().unwrap_or(f64::NAN)),
        }),
        Value::String(text) => Val::from(text.clone()),
        Value::Array(items) => items.iter().map(from_json).collect(),
        Value::Object(members) => Val::obj(members.iter().map(|(name, value)| (Val::from(name.clone()), from_json(value))).collect()),
    }
}

/// jaq to JSON: as deep as an answer can be, since expressions nest no deeper than what they are given and what they build.
pub(crate) fn to_json(value: &Val) -> Value {
    match value {
        Val::Null => Value::Null,
        Val::Bool(flag) => Value::Bool(*flag),
        Val::Num(Num::Int(integer)) => Value::from(*integer as i64),
        Val::Num(Num::Float(float)) => serde_json::Number::from_f64(*float).map_or(Value::Null, Value::Number),
        // What is whole and has 64 bits stays so; what is larger becomes a float here.
        Val::Num(number) => number.to_string().parse().map_or(Value::Null, Value::Number),
        Val::TStr(text) | Val::BStr(text) => Value::String(String::from_utf8_lossy(text).into_owned()),
        Val::Arr(items) => items.iter().map(to_json).collect(),
        Val::Obj(members) => members
            .iter()
            .map(|(name, value)| {
                let name = match name {
                    Val::TStr(text) | Val::BStr(text) => String::from_utf8_lossy(text).into_owned(),
                    other => other.to_string(),
                };
                (name, to_json(value))
            })
            .collect(),
    }
}

/// jq's `tonumber`, for plain decimal numbers only: jaq's own reads any JSON text, as deep as a server likes to nest it.
pub(crate) fn to_number() -> Fun<JustLut<Val>> {
    run(("tonumber", v(0), |cv| {
        let read = match &cv.1 {
            Val::Num(_) => Some(cv.1.clone()),
            Val::TStr(text) => std::str::from_utf8(text).ok().and_then(|text| {
                let text = text.trim();
                let whole = text.parse().ok().map(Num::from_integral::<i64>).or_else(|| text.parse().ok().map(Num::from_integral::<u64>));
                whole.or_else(|| text.parse().ok().filter(|n: &f64| n.is_finite()).map(Num::Float)).map(Val::Num)
            }),
            _ => None,
        };
        box_once(read.ok_or_else(|| Exn::from(Error::typ(cv.1, "number"))))
    }))
}
