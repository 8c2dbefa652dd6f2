//! Calls that carry other calls, each with a method and a path of its own: what judged the one has judged none of those. Whose rules allow all that they can
//! be may make them, and nobody else. How a provider takes them is in its file.

use http::request::Parts;
use http::{HeaderMap, Method};
use keyfob::proto::encode;
use keyfob_providers::Batch;

use super::body::is_multipart;
use super::caller::Caller;
use super::fields::{any_member, plain};
use crate::keys::Path;
use crate::problem::Problem;

/// What a call inside may be.
const ANY: [Method; 5] = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

/// Judges a call by its head; the names of what its body must not have.
pub(super) fn judge<'a>(
    batch: &'a Batch,
    caller: &Caller,
    parts: &Parts,
    headers: &HeaderMap,
    path: &Path,
) -> Result<&'a [String], Problem> {
    let carries = batch.calls.iter().find(|call| call.is(&parts.method, path.as_str()));
    if let Some(call) = carries {
        let (may, rules) =
            if call.method() == Method::GET { (caller.allows_all(&[Method::GET]), "GET /**") } else { (caller.allows_all(&ANY), "* /**") };
        if !may {
            return Err(refused(rules));
        }
    }
    if batch.fields.is_empty() || caller.allows_all(&ANY) {
        return Ok(&[]);
    }
    judge_form(parts.uri.query().unwrap_or_default().as_bytes(), &batch.fields)?;
    // A stream is sent on before its last field is seen.
    if is_multipart(headers) {
        return Err(refused("* /**"));
    }
    Ok(&batch.fields)
}

/// The fields of a form, or the parameters of a query.
pub(super) fn judge_form(text: &[u8], fields: &[String]) -> Result<(), Problem> {
    let mut names = text.split(|byte| *byte == b';').flat_map(encode::decode_names);
    if names.any(|name| is_one(&name, fields)) { Err(refused("* /**")) } else { Ok(()) }
}

/// The members of a JSON object. What is another value has none.
pub(super) fn judge_json(text: &[u8], fields: &[String]) -> Result<(), Problem> {
    match any_member(text, |name| is_one(name, fields)) {
        Ok(true) => Err(refused("* /**")),
        Ok(false) => Ok(()),
        Err(_) => Err(Problem::bad_request(
            "body",
            "The body says that it is JSON, and is none: whether it carries other calls cannot be judged.",
        )
        .hint("send JSON (RFC 8259), in UTF-8; a key that may do everything may send anything")),
    }
}

/// `batch`, and `batch[0][method]`, which PHP makes into members of it.
fn is_one(name: &[u8], fields: &[String]) -> bool {
    let whole = plain(name);
    let first = plain(name.split(|byte| *byte == b'[').find(|part| !part.is_empty()).unwrap_or_default());
    fields.iter().any(|field| {
        let field = plain(field.as_bytes());
        whole == field || first == field
    })
}

fn refused(rules: &str) -> Problem {
    let detail = "This call carries other calls, each with a method and a path of its own, and this key may not make all that there are.";
    Problem::forbidden("batch", detail).hint(format!("make the calls one by one; or its owner can make a key that may do so: {rules}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn l14_a_field_that_holds_calls_is_one_however_it_is_spelt() {
        let fields = ["batch".to_owned()];
        for text in ["batch=[]", "a=1&BATCH=[]", "batch[0][method]=DELETE", "b%61tch=[]", "a=1;batch=[]", "batch[]=x", " batch=x", "batch"]
        {
            assert_eq!(judge_form(text.as_bytes(), &fields).expect_err(text).code, "batch");
        }
        for text in ["", "batches=1", "a=batch", "rebatch=1"] {
            assert!(judge_form(text.as_bytes(), &fields).is_ok(), "{text}");
        }
        for text in [r#"{"batch":[]}"#, r#"{"a":{},"b\u0061tch":"[]"}"#, r#" {"Batch":1,"Batch":2}"#] {
            assert_eq!(judge_json(text.as_bytes(), &fields).expect_err(text).code, "batch");
        }
        for text in ["{", "{\"batch\":1", "{}{\"batch\":1}", "\u{feff}{}", ""] {
            assert_eq!(judge_json(text.as_bytes(), &fields).expect_err(text).code, "body");
        }
        for text in ["{}", "[{\"batch\":1}]", "\"batch\"", " 1", "{\"a\":{\"batch\":1}}"] {
            assert!(judge_json(text.as_bytes(), &fields).is_ok(), "{text}");
        }
    }
}
