//! Challenges (RFC 9110 §11.6.1): several schemes in several headers, with commas inside quotes.

use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, HeaderValue};
use keyfob_proto::Error;
use keyfob_proto::oauth2::challenge::{Challenge, Challenges};

use crate::provider::judge_error;

/// Header values, with a line feed between them.
pub fn run(data: &[u8]) {
    if data.len() > 4096 {
        return;
    }
    let mut headers = HeaderMap::new();
    for value in data.split(|byte| *byte == b'\n') {
        let Ok(value) = HeaderValue::from_bytes(value) else { return };
        headers.append(WWW_AUTHENTICATE, value);
    }
    let challenges = match Challenges::read(&headers) {
        Ok(challenges) => challenges,
        Err(wrong) => return judge_error(&Error::from(wrong), &[]),
    };
    let fit = |text: &Option<String>| text.as_ref().is_none_or(|text| !text.contains(char::is_control));
    for challenge in [challenges.bearer(), challenges.dpop()].into_iter().flatten() {
        assert!(fit(&challenge.realm) && fit(&challenge.description) && fit(&challenge.uri), "{challenge:?}");
    }
    // Written the long way, all in one header, it is the same.
    let written: Vec<String> = challenges.iter().map(write).collect();
    let Ok(value) = HeaderValue::from_str(&written.join(", ")) else { return };
    let again = Challenges::read(&HeaderMap::from_iter([(WWW_AUTHENTICATE, value)]));
    assert_eq!(again.as_ref(), Ok(&challenges), "{written:?}");
    assert_eq!(challenges.wants_dpop_nonce(), again.is_ok_and(|again| again.wants_dpop_nonce()));
}

fn write(challenge: &Challenge) -> String {
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
    let parameters: Vec<String> = challenge.parameters().map(|(name, value)| format!("{name}=\"{}\"", quoted(value))).collect();
    format!("{} {}{}", challenge.scheme(), challenge.token68().unwrap_or(""), parameters.join(", ")).trim_end().to_owned()
}
