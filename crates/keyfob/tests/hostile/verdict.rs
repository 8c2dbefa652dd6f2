//! Where an endpoint makes something else of a case than the token endpoint does, and why.

use keyfob::Error;
use keyfob::proto::{Error as ProtoError, TransportKind};
use keyfob_testbed::hostile::{CASES, Case, Verdict};

use super::endpoint::Endpoint::{self, *};
use Verdict::{Accept, Later, Refuse};

/// What some endpoints make of some cases.
struct Otherwise {
    endpoints: &'static [Endpoint],
    cases: &'static [&'static str],
    verdict: Verdict,
    #[allow(dead_code, reason = "for whoever reads this")]
    why: &'static str,
}

const OTHERWISE: &[Otherwise] = &[
    Otherwise {
        endpoints: &[
            Pushed,
            Device,
            Backchannel,
            Introspection,
            UserInfo,
            SignedUserInfo,
            SignedIntrospection,
            Registration,
            Reading,
            Management,
            Deletion,
            Metadata,
            Resource,
            WebFinger,
            Claims,
            Keys,
            RequestToken,
            AccessToken,
            XAuth,
            Revocation,
            Api,
        ],
        cases: &["type_mac", "type_missing", "type_dpop_unasked", "refresh_empty"],
        verdict: Accept,
        why: "a member of token answers, and unknown anywhere else: it MUST be ignored",
    },
    Otherwise {
        endpoints: &[
            Pushed,
            Device,
            Backchannel,
            UserInfo,
            SignedUserInfo,
            SignedIntrospection,
            Deletion,
            Metadata,
            Resource,
            WebFinger,
            Claims,
            Keys,
            RequestToken,
            AccessToken,
            XAuth,
            Revocation,
            Api,
        ],
        cases: &["scope_number"],
        verdict: Accept,
        why: "the same; registrations and introspections have a scope, which is text",
    },
    Otherwise {
        endpoints: &[
            Introspection,
            UserInfo,
            SignedUserInfo,
            SignedIntrospection,
            Registration,
            Reading,
            Management,
            Deletion,
            Metadata,
            Resource,
            WebFinger,
            Claims,
            Keys,
            RequestToken,
            AccessToken,
            XAuth,
            Revocation,
            Api,
        ],
        cases: &["expires_neg"],
        verdict: Accept,
        why: "the same; what ends there says so in other members",
    },
    Otherwise {
        endpoints: &[Pushed, Device, Backchannel],
        cases: &["no_expires"],
        verdict: Refuse,
        why: "REQUIRED there (RFC 9126 §2.2, RFC 8628 §3.2, OpenID CIBA Core §7.3)",
    },
    Otherwise {
        endpoints: &[RequestToken, AccessToken, XAuth],
        cases: &["nan", "expires_float"],
        verdict: Accept,
        why: "a parameter nobody knows, in a form, where every value is text",
    },
    Otherwise {
        endpoints: &[AccessToken, XAuth],
        cases: &["token_number", "token_object"],
        verdict: Accept,
        why: "\"1\" and \"{}\" are text as good as any in a form",
    },
    Otherwise {
        endpoints: &[AccessToken, XAuth],
        cases: &["trailing", "cl_short"],
        verdict: Accept,
        why: "a form does not say where it ends: a longer or shorter last value is a value",
    },
    Otherwise {
        endpoints: &[RequestToken, AccessToken, XAuth],
        cases: &["wrong_ct"],
        verdict: Accept,
        why: "always tolerated: no two OAuth 1 servers agree on a content type, and the form says for itself whether it is one",
    },
    Otherwise {
        endpoints: &[Keys],
        cases: &["wrong_ct"],
        verdict: Accept,
        why: "always tolerated: RFC 7517 demands no media type, and the keys are judged one by one",
    },
    Otherwise {
        endpoints: &[Revocation, Deletion],
        cases: &[
            "bom",
            "form_encoded",
            "truncated",
            "empty",
            "null",
            "array",
            "string",
            "bad_utf8",
            "lone_surrogate",
            "nan",
            "dup_key",
            "trailing",
            "no_token",
            "empty_token",
            "token_number",
            "token_object",
            "token_newline",
            "token_nul",
            "token_unicode",
            "token_space",
            "expires_float",
            "html",
            "deep",
            "wrong_ct",
            "status_204",
            "cl_short",
            "gzip_bad",
            "gzip_bomb",
        ],
        verdict: Accept,
        why: "RFC 7009 §2.2, RFC 7592 §2.3: the status says it all, and the body is ignored (but for an error in it)",
    },
    Otherwise {
        endpoints: &[Api],
        cases: &["bom"],
        verdict: Accept,
        why: "RFC 8259 §8.1: a parser may overlook it; an API's data is the caller's, and nothing of the protocol hangs on it",
    },
    Otherwise {
        endpoints: &[Api],
        cases: &[
            "empty",
            "null",
            "array",
            "string",
            "dup_key",
            "no_token",
            "empty_token",
            "token_number",
            "token_object",
            "token_newline",
            "token_nul",
            "token_unicode",
            "token_space",
            "token_8mb",
            "wrong_ct",
            "status_204",
            "err_200",
        ],
        verdict: Accept,
        why: "JSON, or nothing: what an API says is between it and the program, and the provider's file says what of it is an error",
    },
    Otherwise {
        endpoints: &[Polling, BackchannelPolling],
        cases: &[
            "cl_and_te",
            "cl_two",
            "cl_huge",
            "cl_long",
            "bad_chunk",
            "not_http",
            "header_256k",
            "headers_10k",
            "header_nul",
            "reset",
            "slow_headers",
            "slow_body",
            "silent",
            "info_flood",
        ],
        verdict: Later,
        why: "RFC 8628 §3.5: what does not get through is asked again, with growing pauses, until the login's time is over",
    },
];

/// What an endpoint has to make of a case.
pub fn of(endpoint: Endpoint, case: &Case) -> Verdict {
    let otherwise = OTHERWISE.iter().find(|it| it.endpoints.contains(&endpoint) && it.cases.contains(&case.name));
    otherwise.map_or(case.verdict, |it| it.verdict)
}

/// Whether it was asked more often than it should have been, or less: once, but where it is said otherwise.
pub fn asked_otherwise(endpoint: Endpoint, case: &Case, outcome: &Result<(), Error>, times: usize) -> Option<String> {
    let lost = matches!(outcome, Err(Error::Protocol(ProtoError::Transport(error)))
        if matches!(error.kind, TransportKind::Broken | TransportKind::Timeout));
    let expected = match endpoint {
        // Servers that know of lost answers give the same one again for a while; a third time helps nobody.
        Refresh if lost => 2..=2,
        // The refresh token, then the access token.
        Revocation => 2..=2,
        Polling | BackchannelPolling => 1..=3,
        // 4xx says that there is nothing here: three places are looked at.
        Metadata if case.name.starts_with("err_") && !matches!(case.name, "err_200" | "err_500") => 3..=3,
        // A GET may be repeated: after 429 as told, and where the connection broke before there was an answer.
        Api | UserInfo | SignedUserInfo if case.name == "rate_429" => 3..=3,
        // 401: once more with another access token.
        UserInfo | SignedUserInfo if case.name == "err_echo_secret" => 2..=2,
        Api | UserInfo | SignedUserInfo
            if matches!(case.name, "cl_two" | "not_http" | "header_256k" | "headers_10k" | "header_nul" | "reset") =>
        {
            2..=2
        }
        _ => 1..=1,
    };
    // A busy machine may spend a short deadline before the second request, or even the first, has left.
    let expected = if case.verdict == Verdict::InTime { 0..=*expected.end() } else { expected };
    (!expected.contains(&times)).then(|| format!("{}: asked {times} times, where {expected:?} were due", case.name))
}

#[test]
fn every_exception_is_about_a_case_that_there_is() {
    for otherwise in OTHERWISE {
        assert!(otherwise.cases.iter().all(|name| Case::named(name).is_some()), "{:?}", otherwise.cases);
        for endpoint in otherwise.endpoints {
            for case in CASES.iter().filter(|case| otherwise.cases.contains(&case.name)) {
                assert_ne!(case.verdict, otherwise.verdict, "{} at {}: nothing is otherwise", case.name, endpoint.name());
                assert_eq!(of(*endpoint, case), otherwise.verdict, "{} at {}: said twice", case.name, endpoint.name());
            }
        }
    }
}
