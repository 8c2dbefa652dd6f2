//! The jq expressions of provider files: a subset that ends, run on jaq as a pure function from JSON to JSON.
//!
//! `check` reads the syntax tree and lets through only what is known to be bounded: see there. What it lets through is
//! compiled and run here, with no more than [`MOST_RESULTS`] results taken.

mod check;
mod value;

use std::fmt;
use std::sync::{Arc, OnceLock};

use jaq_core::data::JustLut;
use jaq_core::load::{Arena, File, Loader};
use jaq_core::{Compiler, Ctx, Filter, Vars, unwrap_valr};
pub(crate) use jaq_json::Val;

pub(crate) use check::Refusal;
pub(crate) use value::{from_json, to_json};

/// The most results that are taken from one expression.
pub(crate) const MOST_RESULTS: usize = 100_000;

/// The names that every expression may use: the arguments of the action, and the position in a list that makes columns.
const GLOBALS: [&str; 2] = ["$args", "$index"];

/// An expression that was checked. It is compiled when it is first used, and once for all its clones.
#[derive(Clone)]
pub(crate) struct Expression {
    text: String,
    compiled: Arc<OnceLock<Result<Program, String>>>,
}

impl Expression {
    /// Reads an expression; refuses what is not known to end.
    pub(crate) fn parse(text: &str) -> Result<Self, Refusal> {
        check::check(text, &GLOBALS)?;
        Ok(Self { text: text.to_owned(), compiled: Arc::default() })
    }

    /// The expression, ready to run.
    pub(crate) fn program(&self) -> Result<&Program, String> {
        self.compiled.get_or_init(|| compile(&self.text)).as_ref().map_err(Clone::clone)
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

/// An expression that is ready to run.
pub(crate) struct Program(Filter<JustLut<Val>>);

impl Program {
    /// The results, each a value or jq's error as a sentence.
    pub(crate) fn run(&self, input: Val, args: &Val, index: usize) -> Vec<Result<Val, String>> {
        let context = Ctx::<JustLut<Val>>::new(&self.0.lut, Vars::new([args.clone(), Val::from(index)]));
        let results = self.0.id.run((context, input)).map(unwrap_valr);
        let mut taken = Vec::new();
        for result in results.take(MOST_RESULTS) {
            let failed = result.is_err();
            taken.push(result.map_err(|error| keyfob_proto::scrub::printable(&error.to_string())));
            if failed {
                break;
            }
        }
        taken
    }

    /// The first result; `None` where there is none, or an error.
    pub(crate) fn first(&self, input: Val, args: &Val, index: usize) -> Option<Val> {
        let context = Ctx::<JustLut<Val>>::new(&self.0.lut, Vars::new([args.clone(), Val::from(index)]));
        self.0.id.run((context, input)).map(unwrap_valr).next()?.ok()
    }
}

fn compile(text: &str) -> Result<Program, String> {
    let wanted = |name: &str| !check::IMPURE.contains(&name);
    let defs = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
    let defs = defs.filter(|def| check::is_loaded(def.name, def.args.len()));
    let funs = (jaq_core::funs().chain(jaq_std::base_funs()).chain(jaq_json::funs())).filter(|(name, ..)| wanted(name));
    let arena = Arena::default();
    let modules = Loader::new(defs).load(&arena, File { code: text, path: () }).map_err(|_| "this is no jq expression".to_owned())?;
    Compiler::default().with_funs(funs.chain([value::to_number()])).with_global_vars(GLOBALS).compile(modules).map(Program).map_err(
        |errors| {
            let names: Vec<&str> = errors.iter().flat_map(|(_, errors)| errors.iter().map(|(name, _)| *name)).collect();
            format!("unknown in this jq: {}", names.join(", "))
        },
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn run(text: &str, input: Value) -> Vec<Value> {
        let expression = Expression::parse(text).expect("allowed");
        let program = expression.program().expect("compiles");
        let results = program.run(from_json(&input), &from_json(&json!({"types": ["a", "b"]})), 1);
        results.into_iter().map(|result| result.map_or_else(Value::String, |value| to_json(&value))).collect()
    }

    #[test]
    fn expressions_run_on_jaq() {
        let locks = json!({"AB": {"LockName": "Front"}, "CD": {"LockName": "Back"}});
        assert_eq!(
            run("to_entries[] | .value + {id: .key}", locks),
            [json!({"LockName": "Front", "id": "AB"}), json!({"LockName": "Back", "id": "CD"})]
        );
        assert_eq!(run("$args.types[$index]", json!(null)), [json!("b")]);
        assert_eq!(run("(.level | tonumber) * 100 / 255 | round", json!({"level": "128"})), [json!(50)]);
        assert_eq!(run("[.[] | select(. > 1)] | add", json!([1, 2, 3])), [json!(5)]);
        assert_eq!(run("sort_by(.n) | map(.n) | join(\"-\")", json!([{"n": 2}, {"n": 1}])), [json!("1-2")]);
        assert_eq!(run("12345678901234567890, 1.5, \"é\"", json!(null)), [json!(12345678901234567890_u64), json!(1.5), json!("é")]);
    }

    /// An id of 64 bits is no measure: as a float it would be another's.
    #[test]
    fn whole_numbers_stay_what_they_are() {
        for number in [json!(u64::MAX), json!(i64::MAX as u64 + 1), json!(i64::MIN), json!(i64::MAX)] {
            assert_eq!(run(".", number.clone()), std::slice::from_ref(&number));
            assert_eq!(run("[.id]", json!({"id": number})), [json!([number])]);
            assert_eq!(run("tostring", number.clone()), [json!(number.to_string())]);
            assert_eq!(run("tonumber", json!(number.to_string())), [number]);
        }
        assert_eq!(run(". - 1", json!(u64::MAX)), [json!(u64::MAX - 1)]);
        assert_eq!(run(". + 1, (. | tonumber) * 2", json!(u64::MAX)), [json!(18446744073709551616.0), json!(36893488147419103230.0)]);
    }

    /// Every function of the list is there, so that what the check lets through also runs.
    #[test]
    fn every_allowed_function_compiles() {
        for text in [
            "abs, add, add(.[]), all, all(.), any, any(.), arrays, ascii_downcase, ascii_upcase, booleans, ceil, contains(1), empty",
            "endswith(\"\"), false, first, first(.), floor, from_entries, group_by(.), has(1), join(\"\"), keys, keys_unsorted, last, last(.)",
            "length, limit(1; .), ltrimstr(\"\"), map(.), max, max_by(.), min, min_by(.), not, null, nulls, numbers, objects, reverse",
            "round, rtrimstr(\"\"), scalars, select(.), sort, sort_by(.), split(\"\"), startswith(\"\"), strings, to_entries, tonumber",
            "tostring, trim, true, type, unique, unique_by(.), values, with_entries(.)",
        ] {
            let expression = Expression::parse(text).unwrap_or_else(|refusal| panic!("{text}: {refusal:?}"));
            assert_eq!(expression.program().err(), None, "{text}");
        }
    }

    #[test]
    fn a_hostile_answer_is_an_error_and_not_a_crash() {
        assert!(run(".a.b", json!("text"))[0].is_string());
        assert!(run("tonumber", json!("[".repeat(100_000)))[0].is_string());
        assert_eq!(run(".[]", Value::Array(vec![json!(1); MOST_RESULTS + 10])).len(), MOST_RESULTS);
    }
}
