//! What a query or a form must not say: who asks, and with which method. Both were decided here, and some servers believe a field more than the head.

use keyfob::Session;
use keyfob::proto::{Attach, Flow, encode};

use crate::problem::Problem;

/// Where the fields are.
#[derive(Clone, Copy)]
pub(super) enum Place {
    Query,
    Body,
}

/// Credentials come from us. A second token is one that the provider may prefer (RFC 6750 §2.2, §2.3), and so is a parameter that is signed for us;
/// a method in a field (Rack::MethodOverride, Laravel and Spring read `_method`) is another method than the one that was judged.
pub(super) fn judge(text: &[u8], place: Place, session: &Session) -> Result<(), Problem> {
    // Rack before 3 and old PHP take a semicolon for an ampersand.
    for (name, _) in text.split(|byte| *byte == b';').flat_map(encode::decode_pairs) {
        let name = plain(&name);
        if is_ours(&name, session) {
            let (code, said) = match place {
                Place::Query => ("credentials-in-query", "The query has a parameter that holds credentials; those come from here."),
                Place::Body => ("credentials-in-body", "The form has a field that holds credentials; those come from here."),
            };
            return Err(Problem::bad_request(code, said));
        }
        if overrides(&name) {
            let (code, said) = match place {
                Place::Query => ("method-in-query", "The query has a parameter that changes the method."),
                Place::Body => ("method-in-body", "The form has a field that changes the method."),
            };
            return Err(Problem::bad_request(code, said));
        }
    }
    Ok(())
}

fn is_ours(name: &str, session: &Session) -> bool {
    let api = &session.settings().api;
    match &session.settings().flow {
        Flow::OAuth1(_) => name.starts_with("oauth_"),
        _ => name == "access_token" || matches!(&api.attach, Attach::Query(own) | Attach::Body(own) if plain(own.as_bytes()) == name),
    }
}

fn overrides(name: &str) -> bool {
    matches!(name, "_method" | "x-http-method-override" | "x_http_method_override")
}

/// A name as the most lenient server has it. PHP leaves spaces in front away, ends at a NUL, and makes dots, spaces and a bracket that is never closed
/// into underscores; Rack leaves brackets around a name away.
fn plain(name: &[u8]) -> String {
    let name = String::from_utf8_lossy(name.split(|byte| *byte == 0).next().unwrap_or_default()).to_ascii_lowercase();
    let name = name.trim_start_matches(|c: char| c.is_whitespace() || c == '[' || c == ']');
    name.trim_end_matches(|c: char| c.is_whitespace() || c == ']').replace(['.', ' ', '['], "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn l14_a_method_is_a_method_however_it_is_spelt() {
        for name in ["_method", "_METHOD", " _method", ".method", "[_method]", "_method\0x", "X-HTTP-Method-Override"] {
            assert!(overrides(&plain(name.as_bytes())), "{name:?}");
        }
        for name in ["method", "payment_method", "_methods", ""] {
            assert!(!overrides(&plain(name.as_bytes())), "{name:?}");
        }
    }
}
