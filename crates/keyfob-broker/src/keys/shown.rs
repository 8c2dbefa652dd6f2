//! Which key a request brings: in `Authorization: Bearer` (RFC 6750 §2.1), or in `X-Keyfob-Key` for programs whose `Authorization` says something else.
//! Never in the URL, which servers write into their logs and pages send along.

use std::sync::Arc;

use http::header::{AUTHORIZATION, HeaderName};
use http::{HeaderMap, Uri};
use keyfob::StoreError;
use keyfob::proto::Timestamp;

use super::text::{self, Shown};
use super::{Fob, Ring};
use crate::problem::Problem;

/// Where a key can be, too.
const HEADER: HeaderName = HeaderName::from_static("x-keyfob-key");

/// The key that a request brings; `None` if it brings none.
///
/// # Errors
/// 401 if it opens nothing; why is not said. 400 for one in the URL, or two.
pub(crate) async fn shown(ring: &Arc<Ring>, headers: &HeaderMap, uri: &Uri, now: Timestamp) -> Result<Option<Arc<Fob>>, Problem> {
    let target = uri.path_and_query().map_or("", |target| target.as_str());
    if text::is_in(target) {
        // It would be sent on to the provider, and is in the logs of whatever lies in between by now.
        let problem = Problem::bad_request("key-in-url", "There is a key in the URL, where logs keep it: it should be revoked.")
            .hint("send it in the header Authorization: Bearer");
        // Whoever runs this wants to know which one, whosever the logs are that have it by now.
        return Err(match text::number_in(target) {
            Some(number) => problem.noted(format!("key {number}")),
            None => problem,
        });
    }
    let Some(text) = of_headers(headers)? else { return Ok(None) };
    let unknown = || Problem::unauthorized("key-unknown", "This is no valet key, or it has ended or was revoked.");
    let shown = Shown::read(text).ok_or_else(unknown)?;
    let unavailable = |error: StoreError| Problem::unavailable("shelf", "The key cannot be looked up now.").noted(error.to_string());
    let found = ring.find(&shown, now).await.map_err(unavailable)?;
    found.map(Some).ok_or_else(|| {
        // Without its number: whoever tries keys writes no log of ours.
        tracing::debug!("a key that opens nothing was refused");
        unknown()
    })
}

/// The text that the headers bring; which of them it may be in is the same for every sort.
pub(crate) fn of_headers(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let two = || Problem::bad_request("two-keys", "There are two keys, or two headers that can hold one.");
    let one = |name: &HeaderName| {
        let mut values = headers.get_all(name).into_iter();
        let first = values.next();
        if values.next().is_some() { Err(two()) } else { Ok(first.map(|value| value.to_str().unwrap_or_default())) }
    };
    let bearer = one(&AUTHORIZATION)?.and_then(|value| {
        let (scheme, text) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| text.trim())
    });
    match (bearer, one(&HEADER)?) {
        (Some(_), Some(_)) => Err(two()),
        (bearer, own) => Ok(bearer.or(own.map(str::trim))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&'static str, &'static str)]) -> Option<Option<&'static str>> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().expect("a value"));
        }
        let found = of_headers(&headers).ok()?.map(str::to_owned);
        Some(found.map(|found| &*Box::leak(found.into_boxed_str())))
    }

    #[test]
    fn a_key_is_in_one_header() {
        assert_eq!(of(&[]), Some(None));
        assert_eq!(of(&[("authorization", "bEARER  kfk_1 ")]), Some(Some("kfk_1")));
        assert_eq!(of(&[("x-keyfob-key", "kfk_1")]), Some(Some("kfk_1")));
        assert_eq!(of(&[("x-keyfob-key", "kfk_1"), ("authorization", "Basic abc")]), Some(Some("kfk_1")));
        assert_eq!(of(&[("authorization", "Basic kfk_1")]), Some(None));
        assert_eq!(of(&[("x-keyfob-key", "kfk_1"), ("authorization", "Bearer kfk_1")]), None);
        assert_eq!(of(&[("authorization", "Bearer kfk_1"), ("authorization", "Bearer kfk_1")]), None);
        assert_eq!(of(&[("x-keyfob-key", "kfk_1"), ("x-keyfob-key", "kfk_1")]), None);
    }
}
