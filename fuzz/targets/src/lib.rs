//! What is fuzzed. Each target is a function over bytes that panics when something does not hold; the fuzzer in `fuzz/` calls it with whatever it
//! thinks of, and `tests/corpora.rs` with what is kept in `fuzz/corpus/`.
//!
//! | target           | bytes are                                                      | must hold, besides that nothing panics                    |
//! |------------------|----------------------------------------------------------------|-----------------------------------------------------------|
//! | `callback`       | a letter for the kind of answer, then what came back           | nothing is verified that does not name the login          |
//! | `token_response` | status, content type, deviations, then the body                | tokens can be sent again; errors show no secret           |
//! | `oauth1_form`    | the same, for OAuth 1.0a's two kinds of credentials            | the same                                                  |
//! | `error_body`     | the same, for statuses that say failure                        | never success; what is shown is short and has no secret   |
//! | `jwks`           | a key set                                                      | keys are what they are when written and read again        |
//! | `jws`            | signed text                                                    | only what our keys have signed verifies                   |
//! | `metadata`       | the same, for what servers and resources say about themselves  | it is about who was asked, and leads to https alone      |
//! | `www_authenticate` | header values                                                | the same challenges when they are written again           |
//! | `base_string`    | method, scheme, host, port, path, query, form, parameters      | the same base string as the naive way gives               |

pub mod base_string;
pub mod callback;
pub mod error_body;
pub mod jwks;
pub mod jws;
pub mod metadata;
pub mod oauth1_form;
mod provider;
pub mod token_response;
pub mod www_authenticate;

/// A target: its name, which is that of its corpus, and itself.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: [Target; 9] = [
    ("base_string", base_string::run),
    ("callback", callback::run),
    ("error_body", error_body::run),
    ("jwks", jwks::run),
    ("jws", jws::run),
    ("metadata", metadata::run),
    ("oauth1_form", oauth1_form::run),
    ("token_response", token_response::run),
    ("www_authenticate", www_authenticate::run),
];
