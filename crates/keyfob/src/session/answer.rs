//! What an API answered.

use std::borrow::Cow;
use std::sync::Arc;

use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};
use keyfob_proto::encode::without_byte_order_mark;
use keyfob_proto::oauth1::Report;
use keyfob_proto::oauth2::challenge::{Challenges, StepUp};
use keyfob_proto::scrub::printable;
use keyfob_proto::{Api, Flow, Incoming, Limit, Misbehaved, Scrubber, Settings, Signal, Timestamp, Transport, TransportKind, retry_after};
use serde_json::Value;

use super::mask::Mask;
use super::{Known, Session};
use crate::error::{ApiError, Error};
use crate::transport::{Body, packing, unpacked};

/// The most that [`Answer::bytes`] reads: more belongs into a stream.
const LARGEST: usize = 64 << 20;

/// Whoever asks to be left alone for more than a year means something else.
const LONGEST_TOLD: u64 = 366 * 24 * 3600;

/// What an API answered: any status, and a body that may stream.
pub struct Answer {
    inner: http::Response<Body>,
    session: Session,
    /// What the call was made with: by now the session may have others, and the answer may echo these.
    used: Arc<Known>,
    blames_token: bool,
}

impl Answer {
    pub(super) fn new(inner: http::Response<Body>, session: Session, used: Arc<Known>, blames_token: bool) -> Self {
        Self { inner, session, used, blames_token }
    }

    /// The status; any number HTTP allows.
    pub fn status(&self) -> StatusCode {
        self.inner.status()
    }

    /// The headers.
    pub fn headers(&self) -> &HeaderMap {
        self.inner.headers()
    }

    /// Whether it says, in the standard's words or the provider's own, that the token is not good any more. Where a refresh could help, there was one, and
    /// this is what was answered to the new token; unless there had been one just now ([`Policy::JUST_NOW`](crate::Policy::JUST_NOW)), or the body was a
    /// stream, which cannot be sent again.
    pub fn blames_token(&self) -> bool {
        self.blames_token
    }

    /// Whether it may be an error, which only all of it tells: [`read`](Self::read) does.
    pub fn may_be_error(&self) -> bool {
        let status = self.status();
        is_error(status) || self.blames_token || self.session.settings().api.failed.iter().any(|signal| signal.needs_body(status))
    }

    /// What it tells about the provider's rate limit, in the headers that the settings name.
    pub fn limit(&self) -> Option<Limit> {
        let shared = self.session.shared();
        shared.setup.settings.api.limits.as_ref()?.read(self.headers(), shared.keyfob.now())
    }

    /// The same, its body unpacked where the server packed it with gzip or deflate, asked or not, and the headers that say so gone. What is packed in another
    /// way stays as it came.
    #[must_use]
    pub fn unpacked(self) -> Self {
        Self { inner: unpacked(self.inner), ..self }
    }

    /// The answer as it streams, packed if it came so.
    pub fn into_http(self) -> http::Response<Body> {
        self.inner
    }

    /// What somebody must not see who may use the account, and not have its tokens: those that were sent, and the app's secret. Some providers echo
    /// them. A compressed body cannot be looked into: ask for `identity`, or have it [unpacked](Answer::unpacked).
    pub fn mask(&self) -> Mask {
        let app = &self.session.shared().setup.app;
        self.used.mask(|tokens| Mask::of(tokens.secrets().into_iter().chain(&app.client_secret).chain(&app.private_key)))
    }

    /// The whole body, [unpacked](Answer::unpacked), up to 64 MiB.
    ///
    /// # Errors
    ///
    /// [`Protocol`](Error::Protocol) with a `Transport` error inside: the answer broke off, did not end in time, or is larger.
    pub async fn bytes(self) -> Result<Vec<u8>, Error> {
        let origin = self.session.settings().api.base.origin();
        // A byte a minute is an answer that never ends.
        let deadline = self.session.shared().keyfob.policy().reading;
        let read = tokio::time::timeout(deadline, self.unpacked().inner.into_body().bytes(LARGEST)).await;
        Ok(read.unwrap_or_else(|_| Err(Transport::new(TransportKind::Timeout, origin.as_str())))?)
    }

    /// The whole body if the answer is a success, also by the provider's own lights; else the provider's sentence as an error.
    ///
    /// # Errors
    ///
    /// [`Api`](Error::Api), as said; and those of [`bytes`](Self::bytes).
    pub async fn read(self) -> Result<Vec<u8>, Error> {
        let (status, session, used, blames_token) = (self.status(), self.session.clone(), self.used.clone(), self.blames_token);
        let headers = self.headers().clone();
        let bytes = self.bytes().await?;
        match judge(&session, &used, Incoming::new(status, &headers, &bytes), blames_token) {
            Some(error) => Err(Error::Api(Box::new(error))),
            None => Ok(bytes),
        }
    }

    /// The same as JSON.
    ///
    /// # Errors
    ///
    /// Those of [`read`](Self::read); `Misbehaved` for what is no JSON.
    pub async fn json(self) -> Result<Value, Error> {
        let answer = self.unpacked();
        let (status, packing) = (answer.status(), packing(answer.headers()));
        let bytes = answer.read().await?;
        if bytes.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(without_byte_order_mark(&bytes)).map_err(|error| {
            let found = match packing {
                Some(coding) => format!("one that is packed: {} (\"Accept-Encoding: identity\" asks for it as it is)", printable(&coding)),
                None => format!("other text (line {}, column {}; HTTP {})", error.line(), error.column(), status.as_u16()),
            };
            Error::Protocol(Misbehaved::api("a JSON answer", found).into())
        })
    }
}

/// Without the headers: some providers hand out new tokens in them, and cookies are no better.
impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer").field("status", &self.status()).finish_non_exhaustive()
    }
}

/// Whether an answer is an error, and what the provider says about it.
fn judge(session: &Session, used: &Known, answer: Incoming<'_>, blames_token: bool) -> Option<ApiError> {
    let (status, body) = (answer.status, answer.body);
    let Settings { api, retired, flow, .. } = session.settings();
    if !(is_error(status) || blames_token || api.failed.iter().any(|signal| signal.given(status, body))) {
        return None;
    }
    let scrubber = used.tokens().secrets().into_iter().fold(session.scrubber(), Scrubber::knowing);
    let again_at = again_at(session, answer);
    // OAuth 1 servers that name a reason do so in a challenge or a form.
    let report = matches!(flow, Flow::OAuth1(_)).then(|| Report::read(answer, &scrubber)).flatten();
    if let Some(report) = report {
        let hint = keyfob_proto::Error::from(report.refused(status)).hint();
        return Some(ApiError {
            status,
            message: Some(report.to_string()),
            hint: Some(hint),
            login_with: None,
            may_lack_scope: status == StatusCode::FORBIDDEN,
            again_at,
        });
    }
    let json = serde_json::from_slice::<Value>(without_byte_order_mark(body)).ok();
    let message = sentence(api, json.as_ref(), body);
    // What cannot be read says nothing.
    let challenges = Challenges::read(answer.headers).unwrap_or_default();
    let said = || [challenges.dpop(), challenges.bearer()].into_iter().flatten().find_map(|challenge| challenge.description);
    let message = message.or_else(said).map(|text| scrubber.clean(&text));
    let step_up = step_up(status, &challenges, &scrubber);
    let hint = match status {
        _ if challenges.blames_proof() => {
            Some("the proof was not taken (RFC 9449 §7.1): see whether this machine's clock is right".to_owned())
        }
        _ if step_up.is_some() => step_up.as_ref().and_then(advice),
        StatusCode::GONE => retired.clone(),
        StatusCode::UNAUTHORIZED => Some("the provider did not accept the credentials: log in again if this stays".to_owned()),
        StatusCode::TOO_MANY_REQUESTS => Some("too many calls: wait before the next one".to_owned()),
        _ => None,
    };
    let blaming = || api.expired.iter().chain(&api.revoked).filter(|signal| signal.given(status, body));
    let is_token = || status == StatusCode::UNAUTHORIZED || blaming().next().is_some();
    let login_with = step_up.or_else(|| (challenges.may_blame_token() && is_token()).then(StepUp::default));
    // Where the status alone means "expired", it may mean this as well.
    let names_the_token = || blaming().any(Signal::reads_body);
    let says_so = || {
        let code = json.as_ref().and_then(|json| json.pointer("/error")?.as_str());
        let words = [code, message.as_deref()].into_iter().flatten().any(|text| text.to_ascii_lowercase().contains("scope"));
        words || challenges.lack_scope()
    };
    let may_lack_scope = (status == StatusCode::FORBIDDEN && !names_the_token()) || says_so();
    Some(ApiError { status, message, hint, login_with, may_lack_scope, again_at })
}

/// Whether the status alone says so. A redirect is none of an API's answers.
fn is_error(status: StatusCode) -> bool {
    status.is_client_error() || status.is_server_error() || status.is_redirection() || status.as_u16() >= 600
}

/// When calls are taken again, where the answer says so.
fn again_at(session: &Session, answer: Incoming<'_>) -> Option<Timestamp> {
    if !matches!(answer.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
        return None;
    }
    let now = session.shared().keyfob.now();
    if answer.headers.contains_key(RETRY_AFTER) {
        let seconds = retry_after(answer.headers, now).filter(|seconds| *seconds <= LONGEST_TOLD)?;
        return Some(now.plus(i64::try_from(seconds).ok()?));
    }
    // Who says when the next period begins, and no more, means the same.
    let limited = answer.status == StatusCode::TOO_MANY_REQUESTS;
    let limits = session.shared().setup.settings.api.limits.as_ref().filter(|_| limited)?;
    limits.read(answer.headers, now)?.resets_at.filter(|at| *at > now)
}

/// What the provider says, as it stands in the body; not scrubbed.
pub(super) fn sentence(api: &Api, json: Option<&Value>, body: &[u8]) -> Option<String> {
    match json {
        Some(json) => Api::sentence(&api.message, json),
        // Plain text is worth showing; a page of HTML is not.
        None => text(body).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty() && !text.starts_with('<')),
    }
}

/// As text. Old programs write Latin-1, each byte a character; what has controls in it then is no text at all.
fn text(body: &[u8]) -> Option<Cow<'_, str>> {
    match std::str::from_utf8(body) {
        Ok(text) => return Some(text.into()),
        // What is UTF-8 before its end is that, and is cut off in the middle of a character.
        Err(error) if error.error_len().is_none() && !body[..error.valid_up_to()].is_ascii() => {
            return std::str::from_utf8(&body[..error.valid_up_to()]).ok().map(Cow::Borrowed);
        }
        Err(_) => {}
    }
    let is_readable = |text: &String| text.chars().all(|c| !c.is_control() || c.is_whitespace());
    Some(body.iter().copied().map(char::from).collect()).filter(is_readable).map(Cow::Owned)
}

/// What another login would have to ask for, where the API says so (RFC 6750 §3.1, RFC 9470 §3). Scopes that are missing, and no word which, are no advice.
fn step_up(status: StatusCode, challenges: &Challenges, scrubber: &Scrubber) -> Option<StepUp> {
    let mut asked = challenges.step_up().filter(|asked| matches!(status.as_u16(), 401 | 403) && !asked.is_empty())?;
    for word in asked.scopes.iter_mut().chain(&mut asked.acr_values) {
        *word = scrubber.clean(word);
    }
    Some(asked)
}

/// For a person. Missing scopes are in the provider's own sentence, or in the advice of whoever shows this.
fn advice(asked: &StepUp) -> Option<String> {
    let acr = (!asked.acr_values.is_empty()).then(|| format!("acr_values \"{}\"", asked.acr_values.join(" ")));
    let parts: Vec<String> = acr.into_iter().chain(asked.max_age.map(|seconds| format!("max_age {seconds}"))).collect();
    (!parts.is_empty()).then(|| format!("the person has to sign in again, with {} (RFC 9470 §4)", parts.join(" and ")))
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn what_an_old_program_says_is_read_and_what_is_no_text_is_not() {
        assert_eq!(text("schlüssel".as_bytes()).as_deref(), Some("schlüssel"));
        assert_eq!(text(b"ung\xfcltiger Schl\xfcssel\r\n").as_deref(), Some("ungültiger Schlüssel\r\n"));
        assert_eq!(text(b"caf\xe9").as_deref(), Some("café"));
        // UTF-8 that was cut off.
        assert_eq!(text(b"ung\xc3\xbcltiger Schl\xc3").as_deref(), Some("ungültiger Schl"));
        assert_eq!(text(b"\x1f\x8b\x08\x00\xff"), None);
    }
}
