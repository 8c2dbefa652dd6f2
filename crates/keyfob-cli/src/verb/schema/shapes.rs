//! The shapes, in a short notation that can be read beside the code that prints them; tests hold real output to them.
//!
//! ```text
//! {a:s b?:i}   an object; b may be left out        s i n b   text, whole number, number, true or false
//! {*s}         an object with any members          t         a moment (RFC 3339)
//! [s]          a list                              any       anything: it is somebody else's
//! s?           text, or null                       'a|b'     one of these words
//! A            the shape of that letter            x / y     this or that
//! ```

use serde_json::{Map, Value, json};

/// What fails says so in one shape, on stderr.
pub(super) const ERROR: &str = "{error:{what:s why:s next:s exit:i}}";

/// What a verb tells a program besides, on stderr.
pub(super) const NOTE: &str = "{note:s open?:s verification_uri?:s user_code?:s verification_uri_complete?:s}";

/// What each verb prints.
pub(super) const SHAPES: &[(&str, &str)] = &[
    ("account default", "{name:s account:s?} / [{name:s account:s?}]"),
    ("account list", "[A]"),
    ("account rename", "{account:s was:s provider:s}"),
    ("account rm", "{account:s forgotten:b revoked:R}"),
    ("adopt", "{script:s provider:s others:[s] found:{*[i]} calls:[s] left_out:i need_login:[s] next:s} / A"),
    ("app add", "{provider:s client_id:s replaced:b need_login:[s]}"),
    ("app list", "[P]"),
    ("app rm", "{provider:s forgotten:b accounts_without_app:[s]}"),
    ("delete", "any"),
    (
        "do",
        "{provider:s actions:[{name:s about:s acts:b usage:s scopes:[s] parameters:any}]} / [any] / {method:s url:s headers:[[s]] body:s?}",
    ),
    ("doctor", "[{account:s? check:s state:'ok|note|warning|bad' found:s fix:s?}]"),
    ("env", "{*s}"),
    (
        "explain",
        "{base_uri:s parameters:[[s]] normalised:s base_string:s key:s signature_method:s signature:s steps:[{title:s section:s lines:[s]}]} / {account:s steps:[{title:s section:s lines:[s]}]}",
    ),
    ("export", "{keyfob:s accounts:[X] apps:[P]}"),
    ("get", "any"),
    ("header", "{account:s method:s url:s headers:[[s]] expires_at:t?}"),
    ("import", "A"),
    ("key create", "K / T"),
    ("key list", "[K / T]"),
    ("key revoke", "{id:s name:s account:s? revoked:b}"),
    ("lock", "{locked:b agent_ran:b}"),
    ("login", "A"),
    ("logout", "{account:s forgotten:b revoked:R}"),
    ("patch", "any"),
    ("post", "any"),
    ("provider check", "{file:s ok:b provider?:s problems:[{file:s line:i column:i message:s hint:s?}]}"),
    ("provider list", "[{name:s title:s kind:s? status:s about:s actions:[s] independent_client:s? verified:s?}]"),
    ("provider new", "{name:s file:s}"),
    (
        "provider show",
        "{name:s title:s kind:s? status:s about:s actions:[{name:s about:s acts:b usage:s scopes:[s]}] homepage:s? retired:any client:any import:any scopes:[s] \
         known_scopes:[{name:s allows:s}] endpoints:{*s} deviations:[{name:s why:s}] habits:[s] sources:[any] independent_client:s? verified:s? files:[s]}",
    ),
    ("provider verify", "{provider:s date:s ok:b missing:s? mixed:b origins:[s] steps:[{step:s outcome:s ok:b left_out:b}]}"),
    ("put", "any"),
    ("refresh", "A / [{account:s provider:s outcome:s told:s}]"),
    ("request", "any"),
    ("sandbox", "{index:s apps:{*{service:s origin:s client_id:s}}}"),
    ("serve", "{url:s listen:s accounts:[s] link?:s} / {link:s} / {url:s listen:[s] accounts:[s] set:{*{value:[s] set:s}} notes:[s]}"),
    ("status", "A / [A] / [H]"),
    ("token", "{account:s access_token:s expires_at:t?}"),
    ("try", "{ok:b seconds:n steps:[{provider:s step:s command:s? result:s}]}"),
    ("unlock", "{vault:s unlocked:b seconds:i}"),
    ("vault check", "{ok:b apps:i accounts:i history:i items:i activity:i damaged:[s]}"),
    ("vault export", "{file:s accounts:i apps:i history:i items:i activity:i unsettled:i}"),
    ("vault import", "{file:s vault:s accounts:i apps:i history:i items:i activity:i unsettled:i}"),
    ("vault move", "{from:s to:s accounts:i apps:i history:i items:i activity:i unsettled:i}"),
    ("vault rekey", "{vault:s sealed:i generation:i key:s}"),
    ("vault set-aside", "{vault:s set_aside:s}"),
    (
        "vault status",
        "{vault:s kind:'sqlite|postgresql' id:s? bytes:i? sealed_with:s? key:s generation:i? open:b apps:i? accounts:i? items:i? activity:i? agent:{vaults:i seconds_left:i? why:s?}}",
    ),
    ("watch", "H"),
    ("why", "{side:'server|client|key|neither|unknown' mistakes:[{name:s does:s section:s}] says:s base_string?:{expected:s found:s?}}"),
];

/// Shapes that several verbs have, by their letters.
const SHARED: &[(char, &str)] = &[
    (
        'A',
        "{account:s provider:s client_id:s kind:'oauth1|oauth2' health:{state:'ok|refused|app-refused|needs-login' reason:s?} scopes:{asked:[s] granted:[s] missing:[s]} \
         expires_at:t? expires_in:i? renews:b grant:s? logged_in_at:t tolerated:[s] origins:[s] kept:{*s} vault:s sealed_with:s next:s? last_refresh?:t renewable_until?:t last_error?:{at:t why:s} refused?:{at:t why:s} replaced?:b need_login?:[s] ended_keys?:i}",
    ),
    (
        'X',
        "{account:s provider:s client_id:s kind:'oauth1|oauth2' health:{state:'ok|refused|needs-login' reason:s?} scopes:{asked:[s] granted:[s] missing:[s]} \
         expires_at:t? expires_in:i? renews:b grant:s? logged_in_at:t tolerated:[s] origins:[s] kept:{*s} vault:s sealed_with:s next:s? \
         tokens:{token:s token_secret:s} / {access_token:s refresh_token:s? id_token:s?}}",
    ),
    (
        'H',
        "{at:t account:s provider:s event:s by:{host:s pid:i program:s} why:s grant?:s spent?:s since?:t begun_by?:{host:s pid:i program:s} \
         unanswered?:i received?:s? expires_at?:t? revoked?:b from?:s}",
    ),
    ('K', "{id:s name:s account:s state:'ok|account-gone' allow:[s] rate:s? token:b created_at:t expires_at:t? last_used_at:t? key?:s}"),
    ('T', "{id:s name:s account:s? api:b created_at:t expires_at:t? last_used_at:t? key?:s}"),
    ('P', "{provider:s client_id:s redirect_uri:s? fields:{*s} secrets:[s]}"),
    ('R', "'yes|not-asked|impossible|failed'"),
];

/// A shape as JSON Schema.
pub(super) fn schema(shape: &'static str) -> Value {
    let mut reading = Reading(shape);
    let schema = reading.alternatives();
    debug_assert!(reading.0.is_empty(), "what is left of {shape}: {}", reading.0);
    schema
}

/// The rest of the text. It is ours: what is wrong in it, a test finds.
struct Reading(&'static str);

impl Reading {
    fn skip(&mut self) {
        self.0 = self.0.trim_start();
    }

    fn takes(&mut self, mark: &str) -> bool {
        self.0.strip_prefix(mark).map(|rest| self.0 = rest).is_some()
    }

    fn until(&mut self, marks: &[char]) -> &'static str {
        let (word, rest) = self.0.split_at(self.0.find(marks).unwrap_or(self.0.len()));
        self.0 = rest;
        word
    }

    fn alternatives(&mut self) -> Value {
        let mut all = vec![self.one()];
        while self.0.trim_start().starts_with('/') {
            self.skip();
            self.takes("/");
            self.skip();
            all.push(self.one());
        }
        if all.len() == 1 { all.swap_remove(0) } else { json!({"anyOf": all}) }
    }

    fn one(&mut self) -> Value {
        let mut schema = if self.takes("{*") {
            let of = self.alternatives();
            self.takes("}");
            json!({"type": "object", "additionalProperties": of})
        } else if self.takes("{") {
            self.object()
        } else if self.takes("[") {
            let of = self.alternatives();
            self.takes("]");
            json!({"type": "array", "items": of})
        } else if self.takes("'") {
            let words: Vec<&str> = self.until(&['\'']).split('|').collect();
            self.takes("'");
            json!({"type": "string", "enum": words})
        } else {
            match self.until(&[' ', '?', '}', ']', '/']) {
                "s" => json!({"type": "string"}),
                "t" => json!({"type": "string", "format": "date-time"}),
                "i" => json!({"type": "integer"}),
                "n" => json!({"type": "number"}),
                "b" => json!({"type": "boolean"}),
                letter => {
                    let shared = SHARED.iter().find(|(known, _)| letter.chars().eq([*known]));
                    shared.map_or_else(|| json!({}), |(_, shape)| schema_of(shape))
                }
            }
        };
        if self.takes("?") {
            schema = json!({"anyOf": [schema, {"type": "null"}]});
        }
        schema
    }

    fn object(&mut self) -> Value {
        let (mut members, mut required) = (Map::new(), Vec::new());
        loop {
            self.skip();
            if self.takes("}") || self.0.is_empty() {
                return json!({"type": "object", "properties": members, "required": required});
            }
            let name = self.until(&['?', ':']);
            if !self.takes("?") {
                required.push(name);
            }
            self.takes(":");
            members.insert(name.to_owned(), self.alternatives());
        }
    }
}

fn schema_of(shape: &'static str) -> Value {
    Reading(shape).alternatives()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_notation_is_read_to_its_end() {
        for (name, shape) in SHAPES.iter().chain([&("error", ERROR), &("note", NOTE)]) {
            let mut reading = Reading(shape);
            let schema = reading.alternatives();
            assert!(reading.0.is_empty() && schema.is_object(), "{name}: {}", reading.0);
            // What is neither a type nor a letter would be "anything", and hold nobody to it.
            assert!(*shape == "any" || schema != json!({}), "{name}");
        }
    }

    #[test]
    fn a_shape_is_a_schema() {
        assert_eq!(
            schema("{a:s? b?:[t] c:{*i}} / 'x|y'"),
            json!({"anyOf": [
                {"type": "object", "required": ["a", "c"], "properties": {
                    "a": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                    "b": {"type": "array", "items": {"type": "string", "format": "date-time"}},
                    "c": {"type": "object", "additionalProperties": {"type": "integer"}},
                }},
                {"type": "string", "enum": ["x", "y"]},
            ]})
        );
    }
}
