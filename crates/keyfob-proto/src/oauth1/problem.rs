//! What a server says when it refuses a signed request: `oauth_problem`, the OAuth Problem Reporting extension. RFC 5849 §3.2 has nothing but a
//! status for it.

use std::fmt;

use http::StatusCode;
use http::header::WWW_AUTHENTICATE;

use super::server::quoted_pairs;
use crate::encode;
use crate::error::{Code, Refused};
use crate::message::Incoming;
use crate::scrub::Scrubber;

/// More is a page for people.
const LONGEST_FORM: usize = 16 * 1024;

/// So many names of parameters are told.
const MOST_NAMES: usize = 16;

/// A refusal that names its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// `oauth_problem`.
    pub reason: Reason,
    /// `oauth_problem_advice`, a sentence for people; scrubbed.
    pub advice: Option<String>,
    /// `oauth_acceptable_timestamps`: the first and the last one, in Unix seconds.
    pub acceptable_timestamps: Option<(i64, i64)>,
    /// `oauth_acceptable_versions`: the first and the last one; scrubbed.
    pub acceptable_versions: Option<String>,
    /// `oauth_parameters_absent`: what is missing; scrubbed.
    pub parameters_absent: Vec<String>,
    /// `oauth_parameters_rejected`: the names of what was wrong or too much. The values, which the extension repeats, are left out: they may be
    /// secrets.
    pub parameters_rejected: Vec<String>,
}

impl Report {
    /// Finds a report in an answer: in `WWW-Authenticate: OAuth …`, or as a form in the body. `None` if there is none, and for every success.
    ///
    /// ```
    /// use http::{HeaderMap, StatusCode};
    /// use keyfob_proto::{Incoming, Scrubber, oauth1::{Reason, Report}};
    ///
    /// let mut headers = HeaderMap::new();
    /// headers.insert("www-authenticate", r#"OAuth realm="api", oauth_problem="parameter_absent", oauth_parameters_absent="oauth_nonce""#.parse()?);
    /// let report = Report::read(Incoming::new(StatusCode::UNAUTHORIZED, &headers, b""), &Scrubber::new()).expect("a report");
    /// assert_eq!(report.reason, Reason::ParameterAbsent);
    /// assert_eq!(report.to_string(), "parameter_absent (oauth_nonce)");
    /// # Ok::<(), http::Error>(())
    /// ```
    pub fn read(answer: Incoming<'_>, scrubber: &Scrubber) -> Option<Self> {
        if answer.status.is_success() {
            return None;
        }
        let challenge = answer.headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| challenge(value.to_str().ok()?));
        let form = || encode::decode_text_pairs(answer.body).ok().filter(|_| answer.body.len() <= LONGEST_FORM);
        challenge.map(Some).chain(std::iter::once_with(form)).flatten().find_map(|pairs| Self::of(&pairs, scrubber))
    }

    pub(super) fn of(pairs: &[(String, String)], scrubber: &Scrubber) -> Option<Self> {
        let get = |name: &str| pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let text = |name: &str| get(name).map(|text| scrubber.clean(text)).filter(|text| !text.is_empty());
        // Names joined by `&`, each percent-encoded.
        let list = |name: &str| -> Vec<String> {
            let pairs = encode::decode_text_pairs(get(name).unwrap_or("").as_bytes()).unwrap_or_default();
            pairs.iter().take(MOST_NAMES).map(|(name, _)| scrubber.clean(name)).collect()
        };
        let number = |text: &str| text.trim().parse().ok().filter(|&seconds: &i64| seconds >= 0);
        Some(Self {
            reason: Reason::read(&text("oauth_problem")?),
            advice: text("oauth_problem_advice"),
            acceptable_timestamps: get("oauth_acceptable_timestamps")
                .and_then(|text| text.split_once('-'))
                .and_then(|(first, last)| Some((number(first)?, number(last)?))),
            acceptable_versions: text("oauth_acceptable_versions"),
            parameters_absent: list("oauth_parameters_absent"),
            parameters_rejected: list("oauth_parameters_rejected"),
        })
    }

    /// Whether it says in so many words that the token is not good, or not any more: neither the signature, nor the app, nor what it may do.
    ///
    /// Of a body this is believed only if it is a form of such words and nothing else: an answer that repeats what it was asked for may have any words in it.
    pub fn refuses_token(answer: Incoming<'_>, scrubber: &Scrubber) -> Option<Self> {
        let own = |pairs: &[(String, String)]| pairs.iter().all(|(name, _)| name.starts_with("oauth_"));
        let body = if encode::decode_text_pairs(answer.body).is_ok_and(|pairs| own(&pairs)) { answer.body } else { b"" };
        let report = Self::read(Incoming::new(answer.status, answer.headers, body), scrubber)?;
        (report.reason.code() == Code::InvalidToken).then_some(report)
    }

    /// As an error, with the status it came with.
    pub fn refused(&self, status: StatusCode) -> Refused {
        let refused = self.told();
        let code = if status == StatusCode::TOO_MANY_REQUESTS { Code::TooManyRequests } else { refused.code };
        Refused { status: Some(status), code, ..refused }
    }

    /// The same where it came without one: in a redirect.
    pub(super) fn told(&self) -> Refused {
        Refused { description: Some(self.to_string()), reason: Some(self.reason.clone()), ..Refused::new(self.reason.code()) }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason.as_str())?;
        let names: Vec<&str> = self.parameters_absent.iter().chain(&self.parameters_rejected).map(String::as_str).collect();
        if !names.is_empty() {
            write!(f, " ({})", names.join(", "))?;
        }
        if let Some((first, last)) = self.acceptable_timestamps {
            write!(f, " (acceptable: {first} to {last})")?;
        }
        if let Some(versions) = &self.acceptable_versions {
            write!(f, " (acceptable: {versions})")?;
        }
        match &self.advice {
            Some(advice) => write!(f, ": {advice}"),
            None => Ok(()),
        }
    }
}

/// Why a server refuses: the values of `oauth_problem`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// `additional_authorization_required`: the token must not do this.
    AdditionalAuthorizationRequired,
    /// `consumer_key_refused`: the app for a while, for example because it asked too often.
    ConsumerKeyRefused,
    /// `consumer_key_rejected`: the app for ever.
    ConsumerKeyRejected,
    /// `consumer_key_unknown`.
    ConsumerKeyUnknown,
    /// `nonce_used`.
    NonceUsed,
    /// `parameter_absent`.
    ParameterAbsent,
    /// `parameter_rejected`.
    ParameterRejected,
    /// `permission_denied`: the person said no.
    PermissionDenied,
    /// `permission_unknown`: the person has not decided yet.
    PermissionUnknown,
    /// `signature_invalid`.
    SignatureInvalid,
    /// `signature_method_rejected`.
    SignatureMethodRejected,
    /// `timestamp_refused`.
    TimestampRefused,
    /// `token_expired`.
    TokenExpired,
    /// `token_rejected`: it never was one.
    TokenRejected,
    /// `token_revoked`: the person took it back.
    TokenRevoked,
    /// `token_used`: a temporary token, a second time.
    TokenUsed,
    /// `user_refused`: the person may not.
    UserRefused,
    /// `verifier_invalid`.
    VerifierInvalid,
    /// `version_rejected`.
    VersionRejected,
    /// A word of the server's own; scrubbed.
    Other(String),
}

impl Reason {
    const NAMED: &[(&str, Self)] = &[
        ("additional_authorization_required", Self::AdditionalAuthorizationRequired),
        ("consumer_key_refused", Self::ConsumerKeyRefused),
        ("consumer_key_rejected", Self::ConsumerKeyRejected),
        ("consumer_key_unknown", Self::ConsumerKeyUnknown),
        ("nonce_used", Self::NonceUsed),
        ("parameter_absent", Self::ParameterAbsent),
        ("parameter_rejected", Self::ParameterRejected),
        ("permission_denied", Self::PermissionDenied),
        ("permission_unknown", Self::PermissionUnknown),
        ("signature_invalid", Self::SignatureInvalid),
        ("signature_method_rejected", Self::SignatureMethodRejected),
        ("timestamp_refused", Self::TimestampRefused),
        ("token_expired", Self::TokenExpired),
        ("token_rejected", Self::TokenRejected),
        ("token_revoked", Self::TokenRevoked),
        ("token_used", Self::TokenUsed),
        ("user_refused", Self::UserRefused),
        ("verifier_invalid", Self::VerifierInvalid),
        ("version_rejected", Self::VersionRejected),
    ];

    /// The reason for a server's word, which must be scrubbed already.
    fn read(text: &str) -> Self {
        let known = Self::NAMED.iter().find(|(name, _)| *name == text);
        known.map_or_else(|| Self::Other(text.to_owned()), |(_, reason)| reason.clone())
    }

    /// The word, as servers write it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Other(text) => text,
            named => Self::NAMED.iter().find(|(_, reason)| reason == named).map_or("", |(name, _)| name),
        }
    }

    /// What it comes to, in the words that both protocols share.
    pub fn code(&self) -> Code {
        match self {
            Self::PermissionDenied | Self::UserRefused => Code::AccessDenied,
            Self::ConsumerKeyUnknown | Self::ConsumerKeyRejected => Code::InvalidClient,
            Self::ConsumerKeyRefused | Self::PermissionUnknown => Code::TemporarilyUnavailable,
            Self::TokenExpired | Self::TokenRejected | Self::TokenRevoked => Code::InvalidToken,
            Self::TokenUsed | Self::VerifierInvalid => Code::InvalidGrant,
            Self::AdditionalAuthorizationRequired => Code::InsufficientScope,
            Self::ParameterAbsent | Self::ParameterRejected | Self::VersionRejected => Code::InvalidRequest,
            Self::NonceUsed | Self::SignatureInvalid | Self::SignatureMethodRejected | Self::TimestampRefused | Self::Other(_) => {
                Code::Signature
            }
        }
    }

    /// What to do next.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::AdditionalAuthorizationRequired => "log in again, and allow more",
            Self::ConsumerKeyRefused => "the provider refuses this app for a while: wait, and ask less often",
            Self::ConsumerKeyRejected | Self::ConsumerKeyUnknown => "check the consumer key; the provider may have taken it back",
            Self::NonceUsed => "send it again: every request is signed with a new nonce",
            Self::ParameterAbsent | Self::ParameterRejected => "check the provider file: placement, callback, further parameters",
            Self::PermissionDenied => "nothing was stored; log in again when you want to allow it",
            Self::PermissionUnknown => "answer the provider's question in the browser first",
            Self::SignatureInvalid => "check the consumer secret and the signature method, and compare with `keyfob explain`",
            Self::SignatureMethodRejected => "check oauth1.signature in the provider file",
            Self::TimestampRefused => "check this machine's clock",
            Self::TokenExpired | Self::TokenRejected | Self::TokenRevoked | Self::TokenUsed => "log in again",
            Self::UserRefused => "this person may not use the app there",
            Self::VerifierInvalid => "log in again, and take the PIN of the last page",
            Self::VersionRejected => "the provider speaks another version of OAuth",
            Self::Other(_) => return None,
        })
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The parameters of an `OAuth` challenge (RFC 5849 §3.5.1's form), also behind another scheme's in the same field.
fn challenge(value: &str) -> Option<Vec<(String, String)>> {
    const SCHEME: &str = "oauth ";
    let begins = |at: usize| {
        let before = value[..at].trim_end();
        value.get(at..at + SCHEME.len()).is_some_and(|word| word.eq_ignore_ascii_case(SCHEME))
            && (before.is_empty() || before.ends_with(','))
    };
    let at = value.char_indices().map(|(at, _)| at).find(|&at| begins(at))?;
    let decode = |text: &str| String::from_utf8_lossy(&encode::percent_decode(text.as_bytes())).into_owned();
    let pairs = quoted_pairs(&value[at + SCHEME.len()..]).ok()?;
    Some(pairs.into_iter().map(|(name, value)| (decode(&name), decode(&value))).collect())
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;
    use crate::error::Error;
    use crate::secret::Secret;

    fn read(status: u16, challenge: &str, body: &[u8]) -> Option<Report> {
        let mut headers = HeaderMap::new();
        if !challenge.is_empty() {
            headers.insert(WWW_AUTHENTICATE, challenge.parse().expect("a value"));
        }
        let status = StatusCode::from_u16(status).expect("a status");
        Report::read(Incoming::new(status, &headers, body), &Scrubber::new().knowing(&Secret::new("consumer-secret")))
    }

    #[test]
    fn a_report_is_found_in_challenge_and_form() {
        for report in [
            read(401, "OAuth realm=\"x\", oauth_problem=\"timestamp_refused\", oauth_acceptable_timestamps=\"10-20\"", b""),
            read(401, "Basic realm=\"a, b\", oauth oauth_problem=timestamp_refused,oauth_acceptable_timestamps=10-20", b"<html>"),
            read(400, "", b"oauth_problem=timestamp_refused&oauth_acceptable_timestamps=10%2D20"),
            read(401, "Basic realm=\"oauth x\"", b"oauth_problem=timestamp_refused&oauth_acceptable_timestamps=10-20"),
        ] {
            let report = report.expect("a report");
            assert_eq!((report.reason, report.acceptable_timestamps), (Reason::TimestampRefused, Some((10, 20))));
        }
        assert_eq!(read(401, "OAuth realm=\"x\"", b"Invalid signature"), None);
        // A report may have much to say; a page for people is none.
        let of_length = |length: usize| {
            let mut body = b"oauth_problem=nonce_used&more=".to_vec();
            body.resize(length, b'x');
            read(401, "", &body).map(|report| report.reason)
        };
        assert_eq!((of_length(16_384), of_length(16_385)), (Some(Reason::NonceUsed), None));
        assert_eq!(read(200, "", b"oauth_problem=timestamp_refused"), None, "a success is none");
        assert_eq!(read(401, "", b"oauth_problem="), None);
        assert_eq!(read(401, "NotOAuth oauth_problem=nonce_used", b""), None);
    }

    #[test]
    fn only_the_servers_own_word_is_one_about_the_token() {
        let refuses = |challenge: &str, body: &[u8]| {
            let mut headers = HeaderMap::new();
            if !challenge.is_empty() {
                headers.insert(WWW_AUTHENTICATE, challenge.parse().expect("a value"));
            }
            Report::refuses_token(Incoming::new(StatusCode::UNAUTHORIZED, &headers, body), &Scrubber::new())
                .map(|report| report.to_string())
        };
        for word in ["token_rejected", "token_revoked", "token_expired"] {
            let advised = format!("oauth_problem={word}&oauth_problem_advice=log+in%20again");
            assert_eq!(refuses("", advised.as_bytes()), Some(format!("{word}: log in again")));
            assert_eq!(refuses(&format!("OAuth realm=\"x\", oauth_problem=\"{word}\""), b"<html>"), Some(word.to_owned()));
        }
        for (word, _) in Reason::NAMED.iter().filter(|(word, _)| !word.starts_with("token_") || *word == "token_used") {
            assert_eq!(refuses("", format!("oauth_problem={word}").as_bytes()), None, "{word}");
        }
        // Whoever makes a call chooses what is repeated.
        let repeated = [
            &b"{\"error\":\"no such name: a&oauth_problem=token_revoked&b\"}"[..],
            b"q=1&oauth_problem=token_revoked",
            b"oauth_problem=signature_invalid&oauth_problem=token_revoked",
        ];
        for body in repeated {
            assert_eq!(refuses("", body), None, "{}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn names_are_told_and_values_are_not() {
        let report =
            read(400, "", b"oauth_problem=parameter_rejected&oauth_parameters_rejected=x_auth_password%3Dhunter2%26foo%2520bar%3D1");
        let report = report.expect("a report");
        assert_eq!(report.parameters_rejected, ["x_auth_password", "foo bar"]);
        assert_eq!(report.to_string(), "parameter_rejected (x_auth_password, foo bar)");
        let absent = read(401, "OAuth oauth_problem=\"parameter_absent\", oauth_parameters_absent=\"oauth_nonce%26oauth_token\"", b"");
        assert_eq!(absent.expect("a report").to_string(), "parameter_absent (oauth_nonce, oauth_token)");
    }

    #[test]
    fn what_a_server_says_is_scrubbed() {
        let report = read(401, "", b"oauth_problem=odd%1b[31m&oauth_problem_advice=the+key+is+consumer-secret").expect("a report");
        assert_eq!(report.to_string(), "odd[31m: the key is <secret>");
        assert_eq!(report.reason, Reason::Other("odd[31m".to_owned()));
    }

    #[test]
    fn every_reason_has_a_code_and_advice() {
        for (name, reason) in Reason::NAMED {
            let report = read(401, "", format!("oauth_problem={name}").as_bytes()).expect("a report");
            assert_eq!((&report.reason, report.reason.as_str()), (reason, *name));
            let error = Error::from(report.refused(StatusCode::UNAUTHORIZED));
            assert_eq!(Some(error.hint().as_str()), reason.hint(), "{name}");
            assert!(error.to_string().contains(name), "{error}");
            assert_eq!(reason.to_string(), *name);
        }
        let hint = |name| Reason::read(name).hint();
        assert_eq!((hint("token_revoked"), hint("timestamp_refused")), (Some("log in again"), Some("check this machine's clock")));
        assert_eq!(hint("of_their_own"), None, "nobody knows what to do about it");
        let codes = ["token_revoked", "verifier_invalid", "consumer_key_unknown", "consumer_key_refused", "user_refused"];
        let codes = codes.map(|name| Reason::read(name).code());
        let expected = [Code::InvalidToken, Code::InvalidGrant, Code::InvalidClient, Code::TemporarilyUnavailable, Code::AccessDenied];
        assert_eq!(codes, expected);
    }

    proptest::proptest! {
        #[test]
        fn garbage_never_panics(value in "[ -~]{0,80}", body: Vec<u8>) {
            let _ = read(401, &format!("OAuth {value}"), &body);
            let _ = challenge(&value);
        }

        #[test]
        fn challenges_may_hold_anything(value: String) {
            let _ = challenge(&value);
        }
    }
}
