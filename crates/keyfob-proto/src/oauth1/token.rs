//! Answers of the two credential endpoints (RFC 5849 §2.1, §2.3): a form with a token and its secret.

use std::collections::BTreeMap;

use http::StatusCode;

use super::problem::Report;
use crate::deviation::{Deviation, Deviations, Tolerated};
use crate::encode;
use crate::error::{Code, Error, Misbehaved, Refused};
use crate::message::{Incoming, Outgoing, is_vschar};
use crate::scrub::Scrubber;
use crate::secret::Secret;

/// What an answer of a credential endpoint held.
#[derive(Debug)]
pub(crate) struct Credentials {
    pub(crate) token: Secret,
    pub(crate) secret: Secret,
    pub(crate) others: BTreeMap<String, String>,
}

/// Reads an answer. The content type is not judged: RFC 5849 names one, but no server in use agrees on it
/// (`text/html`, `text/plain`), and the form says for itself whether it is one.
pub(crate) fn read(answer: Incoming<'_>, scrubber: &Scrubber) -> Result<Credentials, Error> {
    const SECTION: &str = "RFC 5849 §2.3";
    let broke = |expected: &str, found: String| Misbehaved::new(SECTION, expected, found).with_status(answer.status);
    if answer.body.len() > Outgoing::LARGEST_ANSWER {
        return Err(broke("a short form", format!("{} bytes", answer.body.len())).into());
    }
    if answer.status.is_redirection() {
        return Err(broke("credentials", "a redirect, which is never followed with a signature".to_owned()).into());
    }
    if !answer.status.is_success() {
        return Err(refusal(answer, scrubber));
    }
    // Some end it as a line of text.
    let pairs = encode::decode_text_pairs(answer.body.trim_ascii()).map_err(|_| broke("a form in UTF-8", "other bytes".to_owned()))?;
    // Some refuse with a success: what names a problem and no token is no half of an answer.
    if !pairs.iter().any(|(name, _)| name == "oauth_token")
        && let Some(report) = Report::of(&pairs, scrubber)
    {
        return Err(report.refused(answer.status).into());
    }
    let mut others = BTreeMap::new();
    for (name, value) in pairs {
        if others.insert(name.clone(), value).is_some() {
            let name = scrubber.clean(&name);
            return Err(broke("every parameter once", format!("\"{name}\" twice")).into());
        }
    }
    let mut take = |name: &str| {
        let value = others.remove(name).ok_or_else(|| broke(name, "a form without it".to_owned()))?;
        // A token of nothing or of control characters ends up in headers and queries.
        if name == "oauth_token_secret" && value.is_empty() || is_vschar(&value) {
            Ok(Secret::new(value))
        } else {
            Err(broke(name, "an empty value, or one with spaces or control characters".to_owned()))
        }
    };
    Ok(Credentials { token: take("oauth_token")?, secret: take("oauth_token_secret")?, others })
}

/// `oauth_callback_confirmed` must be there and be `true` (§2.1): without it the server may speak the protocol's first
/// version, in which somebody else's approval can be planted on us (session fixation, oauth.net advisory 2009-1).
pub(crate) fn check_confirmed(
    answer: &Credentials,
    allowed: &Deviations,
    scrubber: &Scrubber,
    tolerated: &mut Tolerated,
) -> Result<(), Misbehaved> {
    let found = answer.others.get("oauth_callback_confirmed").map(String::as_str);
    let deviation = match found {
        Some("true") => return Ok(()),
        Some(_) => Deviation::CallbackConfirmedOtherwise,
        None => Deviation::CallbackUnconfirmed,
    };
    if allowed.contains(&deviation) {
        tolerated.insert(deviation);
        return Ok(());
    }
    let found = found.map_or("none".to_owned(), |text| format!("\"{}\"", scrubber.clean(text)));
    Err(Misbehaved::deviation(deviation, "oauth_callback_confirmed=true", found))
}

/// Whether the server said that it knows our callback.
pub(crate) fn is_confirmed(answer: &Credentials) -> bool {
    answer.others.get("oauth_callback_confirmed").is_some_and(|text| text == "true")
}

/// OAuth 1 has no error format. What is known: `oauth_problem` reports, and sentences.
fn refusal(answer: Incoming<'_>, scrubber: &Scrubber) -> Error {
    if let Some(report) = Report::read(answer, scrubber) {
        return report.refused(answer.status).into();
    }
    let code = match answer.status {
        StatusCode::TOO_MANY_REQUESTS => Code::TooManyRequests,
        status if status.is_server_error() => Code::ServerError,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::BAD_REQUEST => Code::Signature,
        _ => {
            return Misbehaved::new("RFC 5849 §3.2", "credentials, or a refusal by 400 or 401", "another status")
                .with_status(answer.status)
                .into();
        }
    };
    let sentence = scrubber.clean(String::from_utf8_lossy(answer.body).trim());
    Refused { status: Some(answer.status), description: Some(sentence).filter(|text| !text.is_empty()), ..Refused::new(code) }.into()
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    fn answer(status: u16, body: &[u8]) -> Result<Credentials, Error> {
        let headers = HeaderMap::new();
        let status = StatusCode::from_u16(status).expect("a status");
        read(Incoming::new(status, &headers, body), &Scrubber::new().knowing(&Secret::new("consumer-secret")))
    }

    #[test]
    fn i10_token_answers_are_forms_decoded_once() {
        let read = answer(200, b"oauth_token=a%2Bb%25c&oauth_token_secret=%C3%A9+x").map(|c| c.token.expose().to_owned());
        assert!(read.is_err(), "a secret with a space is refused");
        let read = answer(200, b"oauth_token=a%2Bb%25c&oauth_token_secret=s%2F%2F&user_id=6%20x").expect("good");
        assert_eq!((read.token.expose(), read.secret.expose()), ("a+b%c", "s//"));
        assert_eq!(read.others["user_id"], "6 x");
    }

    #[test]
    fn a_form_that_ends_as_a_line_of_text_is_one() {
        let read = answer(200, b"\r\n oauth_token=a&oauth_callback_confirmed=true&oauth_token_secret=s\n").expect("good");
        assert_eq!((read.token.expose(), read.secret.expose()), ("a", "s"));
        let read = answer(200, b"oauth_token=a&oauth_token_secret=s&oauth_callback_confirmed=true\r\n").expect("good");
        assert!(is_confirmed(&read));
        assert!(
            answer(200, b"oauth_token=a\n&oauth_token_secret=s").is_err() && answer(200, b"oauth_token=a&oauth_token_secret=s%0A").is_err()
        );
    }

    #[test]
    fn i10_duplicates_missing_and_huge_answers_are_refused() {
        assert!(answer(200, b"oauth_token=a&oauth_token=b&oauth_token_secret=s").is_err());
        assert!(answer(200, b"oauth_token=a").is_err());
        assert!(answer(200, b"oauth_token=&oauth_token_secret=s").is_err());
        assert!(answer(200, b"oauth_token=a%0d%0ax&oauth_token_secret=s").is_err());
        assert!(answer(200, b"\xff\xfe").is_err());
        assert!(answer(302, b"oauth_token=a&oauth_token_secret=s").is_err());
        assert!(answer(200, &vec![b'a'; Outgoing::LARGEST_ANSWER + 1]).is_err());
    }

    #[test]
    fn i10_an_answer_of_the_greatest_length_is_read() {
        let mut body = b"oauth_token=a&oauth_token_secret=s&more=".to_vec();
        body.resize(Outgoing::LARGEST_ANSWER, b'x');
        assert!(answer(200, &body).is_ok());
    }

    /// Trouble of the server is not trouble with the signature: whoever waits may ask again.
    #[test]
    fn what_a_refusal_without_report_means_is_its_status() {
        let refused = |status| match answer(status, b"") {
            Err(Error::Refused(refused)) => refused,
            other => panic!("{other:?}"),
        };
        for (status, code) in [
            (429, Code::TooManyRequests),
            (500, Code::ServerError),
            (503, Code::ServerError),
            (401, Code::Signature),
            (403, Code::Signature),
        ] {
            let refused = refused(status);
            assert_eq!((refused.status.map(|status| status.as_u16()), refused.code, refused.description), (Some(status), code, None));
        }
        assert!(matches!(answer(418, b""), Err(Error::Misbehaved(_))));
        let Err(Error::Refused(reported)) = answer(429, b"oauth_problem=consumer_key_unknown") else { panic!("a refusal") };
        assert_eq!((reported.code, reported.status), (Code::TooManyRequests, Some(StatusCode::TOO_MANY_REQUESTS)));
        let Err(Error::Refused(reported)) = answer(401, b"oauth_problem=consumer_key_unknown") else { panic!("a refusal") };
        assert_ne!(reported.code, Code::TooManyRequests);
    }

    #[test]
    fn refusals_are_scrubbed() {
        let error = answer(401, b"OAuth Verification Failed: key was consumer-secret&\x1b[2J").expect_err("refused");
        assert!(!error.to_string().contains("consumer-secret"), "{error}");
        assert!(!error.to_string().contains('\u{1b}'), "{error}");
        assert!(matches!(error, Error::Refused(Refused { code: Code::Signature, .. })));
        assert!(error.to_string().contains("OAuth Verification Failed: key was"), "the rest is told: {error}");
    }

    #[test]
    fn i4_callback_must_be_confirmed() {
        let one = answer(200, b"oauth_callback_confirmed=1&oauth_token=a&oauth_token_secret=s").expect("a form");
        let mut tolerated = Tolerated::new();
        assert!(check_confirmed(&one, &Deviations::new(), &Scrubber::new(), &mut tolerated).is_err());
        let allowed = Deviations::from([Deviation::CallbackConfirmedOtherwise]);
        assert!(check_confirmed(&one, &allowed, &Scrubber::new(), &mut tolerated).is_ok());
        assert_eq!(tolerated, allowed, "what was tolerated is told");
        let none = answer(200, b"oauth_token=a&oauth_token_secret=s").expect("a form");
        assert!(check_confirmed(&none, &allowed, &Scrubber::new(), &mut tolerated).is_err());
    }
}
