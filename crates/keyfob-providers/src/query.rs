//! A jq expression of a person's own, on any answer: the same subset as in provider files.

use keyfob_proto::Misuse;
use serde_json::Value;

use crate::jq::{Expression, from_json, to_json};

/// A jq expression, read and checked.
///
/// ```
/// use serde_json::json;
///
/// let names = keyfob_providers::Query::parse(".device[] | .name")?;
/// assert_eq!(names.run(&json!({"device": [{"name": "Lamp"}, {"name": "Fan"}]})), Ok(vec![json!("Lamp"), json!("Fan")]));
/// assert!(keyfob_providers::Query::parse("range(1000000000)").is_err());
/// # Ok::<(), keyfob_proto::Misuse>(())
/// ```
#[derive(Clone, Debug)]
pub struct Query(Expression);

impl Query {
    /// Reads an expression; refuses what is not known to end.
    ///
    /// # Errors
    ///
    /// `Misuse`, with what to write instead where that is known.
    pub fn parse(text: &str) -> Result<Self, Misuse> {
        let refused = |found: String, hint: Option<String>| {
            let misuse = Misuse::new("a jq expression of the subset that provider files have", found);
            if let Some(hint) = hint { misuse.with_hint(hint) } else { misuse }
        };
        let expression = Expression::parse(text).map_err(|refusal| refused(refusal.message, refusal.hint))?;
        expression.program().map_err(|why| refused(why, None))?;
        Ok(Self(expression))
    }

    /// The results of an answer.
    ///
    /// # Errors
    ///
    /// What jq has to say, as a sentence, where the answer is not as the expression expects.
    pub fn run(&self, answer: &Value) -> Result<Vec<Value>, String> {
        let program = self.0.program()?;
        let results = program.run(from_json(answer), &from_json(&Value::Null), 0);
        results.into_iter().map(|result| result.map(|value| to_json(&value))).collect()
    }
}
