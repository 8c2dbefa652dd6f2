//! Issuer discovery (OpenID Connect Discovery §2): from what a person typed (an address, a URL) to the issuer that knows them, by WebFinger (RFC 7033).
//!
//! ```text
//!  WebFinger::of("robin@home.example") ──► request ──► receive ─┬► Finding::Next: the host sends us on
//!                                                               └► Finding::Issuer ──► metadata::Discovery::of(issuer)
//! ```

use http::Method;
use http::header::LOCATION;
use serde_json::Value;

use crate::endpoint::{Endpoint, Origin};
use crate::error::{Error, Misbehaved, Misuse};
use crate::message::{Incoming, Outgoing};
use crate::oauth2::document;
use crate::oauth2::metadata::issuer_identifier;
use crate::reach::Reach;
use crate::scrub::{Scrubber, printable};

const SECTION: &str = "OpenID Connect Discovery §2";

/// What is asked for: whoever signs this person in.
const ISSUER: &str = "http://openid.net/specs/connect/1.0/issuer";

/// How often a host may send us on (RFC 7033 §4.2). The request says whom it is about, and nothing else.
const HOPS: u8 = 3;

/// A question to the host in a person's identifier: who signs them in?
///
/// ```
/// use keyfob_proto::oidc::{Finding, WebFinger};
///
/// let question = WebFinger::of("robin@home.example")?;
/// assert_eq!(
///     question.request().uri(),
///     "https://home.example/.well-known/webfinger?resource=acct%3Arobin%40home.example\
///      &rel=http%3A%2F%2Fopenid.net%2Fspecs%2Fconnect%2F1.0%2Fissuer"
/// );
/// let answer = http::Response::builder().header("content-type", "application/jrd+json").body(
///     r#"{"links":[{"rel":"http://openid.net/specs/connect/1.0/issuer","href":"https://login.example"}]}"#,
/// )?;
/// let Finding::Issuer(issuer) = question.receive(&answer)? else { unreachable!("it sends us nowhere") };
/// assert_eq!(issuer, "https://login.example");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct WebFinger {
    request: Outgoing,
    resource: String,
    reach: Reach,
    hops: u8,
}

/// What an answer led to.
#[derive(Clone, Debug)]
pub enum Finding {
    /// The host sends us on; ask there.
    Next(Box<WebFinger>),
    /// Who signs the person in. It is as good as the host in their identifier: its metadata still have to say that they are its own.
    Issuer(String),
}

impl WebFinger {
    /// Asks about what a person typed, normalised as §2.1.2 has it: `robin@home.example` is `acct:robin@home.example`, `home.example` is
    /// `https://home.example`. What says its scheme keeps it, `mailto:` too. A fragment is no part of it, nor is a port that its scheme has anyway, and
    /// the case of scheme and host says nothing (RFC 3986 §6.2).
    ///
    /// # Errors
    ///
    /// `Misuse` for text that is neither, for an XRI (`=robin`), which §2.1.1 leaves out, and for a host that is not `https` (or on loopback).
    pub fn of(identifier: &str) -> Result<Self, Misuse> {
        let (resource, host) = normalised(identifier.trim())?;
        let place = Endpoint::parse(&format!("{host}/.well-known/webfinger"))?;
        let query = [("resource", resource.as_str()), ("rel", ISSUER)];
        let request = request(&Endpoint::parse(&place.with_query(query))?);
        Ok(Self { request, resource, reach: Reach::of(&place), hops: 0 })
    }

    /// What to send.
    pub fn request(&self) -> &Outgoing {
        &self.request
    }

    /// Whom it is about, normalised.
    pub fn resource(&self) -> &str {
        &self.resource
    }

    /// Judges the answer.
    ///
    /// # Errors
    ///
    /// `Misbehaved` for an answer without such a link, for an issuer that is not `https` or that only we could reach, for more than three redirects or
    /// one that leads to such a place (RFC 7033 §4.2), and for anything that is not one JSON object.
    pub fn receive<'a>(self, answer: impl Into<Incoming<'a>>) -> Result<Finding, Error> {
        let answer = answer.into();
        let broke =
            |section, expected: &str, found: String| Error::from(Misbehaved::new(section, expected, found).with_status(answer.status));
        if answer.status.is_redirection() {
            let place = answer.headers.get(LOCATION).and_then(|place| place.to_str().ok());
            let place = place.ok_or_else(|| broke("RFC 7033 §4.2", "a redirect with a place to go to", "one without".to_owned()))?;
            if self.hops == HOPS {
                return Err(broke("RFC 7033 §4.2", "at most three redirects", "one more".to_owned()));
            }
            let next = self
                .reach
                .endpoint(place)
                .map_err(|found| broke("RFC 7033 §4.2", "a redirect to an https URL on the open internet", found))?;
            return Ok(Finding::Next(Box::new(Self { request: request(&next), hops: self.hops + 1, ..self })));
        }
        let members = document::receive(answer, "RFC 7033 §4.4", &Scrubber::new())?;
        let links = members.get("links").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let link = links.iter().find(|link| link.get("rel").and_then(Value::as_str) == Some(ISSUER));
        let href = link.and_then(|link| link.get("href")).and_then(Value::as_str);
        let href = href.ok_or_else(|| broke(SECTION, "a link to the issuer (\"rel\")", "an answer without one".to_owned()))?;
        // A host that is asked by name must not have us talk to what only we can reach (F3).
        self.reach.endpoint(href).map_err(|found| broke(SECTION, "an issuer that is an https URL on the open internet", found))?;
        issuer_identifier(href).map_err(|wrong| broke(SECTION, "an issuer without query or fragment", printable(&wrong.found)))?;
        Ok(Finding::Issuer(href.to_owned()))
    }
}

fn request(place: &Endpoint) -> Outgoing {
    Outgoing::new(Method::GET, place).accept_json()
}

/// The resource, and the origin that is asked about it (§2.1.1, §2.1.2).
fn normalised(text: &str) -> Result<(String, String), Misuse> {
    let wrong = |found: &str| {
        Misuse::new("an address (robin@home.example) or a URL of the person", found)
            .of("RFC 7033 §4.1")
            .with_hint("write it as an e-mail address is written, or as the URL of the person's page")
    };
    let text = text.split('#').next().unwrap_or_default();
    if text.starts_with(['=', '@', '!', '+', '$', '(']) || text.starts_with("xri:") {
        return Err(wrong("an XRI, which is not spoken"));
    }
    if text.is_empty() || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(wrong("nothing, or text with spaces or control characters"));
    }
    if let Some((scheme, address)) = text.split_once(':')
        && let Some(scheme) = ["acct", "mailto"].into_iter().find(|known| scheme.eq_ignore_ascii_case(known))
    {
        return address_of(scheme, address).ok_or_else(|| wrong("an address without a name and a host"));
    }
    let url = if text.contains("://") {
        text.to_owned()
    } else if text.contains('@') && !text.contains(['/', '?']) {
        return address_of("acct", text).ok_or_else(|| wrong("an address without a name and a host"));
    } else {
        format!("https://{text}")
    };
    let origin = Endpoint::parse(&url)?.origin().to_string();
    let behind = url.split_once("://").and_then(|(_, rest)| rest.find(['/', '?']).map(|at| &rest[at..])).unwrap_or_default();
    Ok((format!("{origin}{behind}"), origin))
}

/// An `acct` (RFC 7565) or `mailto` URI (RFC 6068) of one address, and the origin of its host: what follows the last `@`.
fn address_of(scheme: &str, address: &str) -> Option<(String, String)> {
    let (name, host) = address.rsplit_once('@')?;
    // A host and perhaps a port; and one address, not a list of them.
    if name.is_empty() || name.contains(',') || host.contains(['/', '?', '@']) {
        return None;
    }
    // On loopback, as everywhere: plain http.
    let plain = Origin::parse(&format!("http://{host}")).filter(Origin::is_loopback);
    let origin = plain.or_else(|| Origin::parse(&format!("https://{host}")))?;
    let (_, place) = origin.as_str().split_once("://")?;
    Some((format!("{scheme}:{name}@{place}"), origin.to_string()))
}

#[cfg(test)]
mod tests {
    use http::Response;

    use super::*;

    #[test]
    fn what_people_type_has_one_spelling() {
        let of = |text: &str| normalised(text).ok();
        let pair = |resource: &str, host: &str| Some((resource.to_owned(), host.to_owned()));
        assert_eq!(of("joe@example.com"), pair("acct:joe@example.com", "https://example.com"));
        assert_eq!(
            of("acct:juliet%40capulet.example@shop.example"),
            pair("acct:juliet%40capulet.example@shop.example", "https://shop.example")
        );
        assert_eq!(of("example.com"), pair("https://example.com", "https://example.com"));
        assert_eq!(of("example.com:8080"), pair("https://example.com:8080", "https://example.com:8080"));
        assert_eq!(of("https://example.com/joe#me"), pair("https://example.com/joe", "https://example.com"));
        assert_eq!(of("example.com/joe@home"), pair("https://example.com/joe@home", "https://example.com"));
        assert_eq!(of("robin@127.0.0.1:8123"), pair("acct:robin@127.0.0.1:8123", "http://127.0.0.1:8123"));
        // Scheme and host in any case, and the ports that their schemes have.
        assert_eq!(of("ACCT:Joe@Example.com"), pair("acct:Joe@example.com", "https://example.com"));
        assert_eq!(of("joe@example.com:443"), pair("acct:joe@example.com", "https://example.com"));
        assert_eq!(of("joe@127.0.0.1:80"), pair("acct:joe@127.0.0.1", "http://127.0.0.1"));
        assert_eq!(of("HTTPS://Example.com:443/Joe?x=Y"), pair("https://example.com/Joe?x=Y", "https://example.com"));
        assert_eq!(of("example.com:443/joe"), pair("https://example.com/joe", "https://example.com"));
        assert_eq!(of("example.com?x"), pair("https://example.com?x", "https://example.com"));
        // It says what kind of address it is, and is not made an account of that name.
        assert_eq!(of("MailTo:joe@example.com"), pair("mailto:joe@example.com", "https://example.com"));
        for bad in [
            "",
            "=joe",
            "@joe",
            "xri://joe",
            "a b@c.example",
            "acct:joe",
            "joe@",
            "@",
            "acct:joe@a/b",
            "ftp://a",
            "http://a.example",
            "joe@a?b",
            "mailto:joe",
            "mailto:joe@a?subject=x",
            "mailto:joe@a,jane@b",
            "acct:joe@a:99999",
            "acct:joe@a:443/",
        ] {
            assert_eq!(of(bad), None, "{bad}");
        }
    }

    fn answer(text: &str) -> Response<String> {
        Response::builder().header("content-type", "application/jrd+json").body(text.to_owned()).expect("an answer")
    }

    #[test]
    fn f3_an_issuer_that_only_we_could_reach_is_refused() {
        let ask = |href: &str| {
            let text =
                serde_json::json!({ "links": [{ "rel": "other", "href": "https://other.example" }, { "rel": ISSUER, "href": href }] });
            WebFinger::of("joe@example.com").expect("an address").receive(&answer(&text.to_string()))
        };
        assert!(matches!(ask("https://login.example"), Ok(Finding::Issuer(issuer)) if issuer == "https://login.example"));
        for bad in
            ["http://login.example", "https://127.0.0.1", "https://192.168.0.1", "https://login.example?x", "https://login.example#x", ""]
        {
            assert!(ask(bad).is_err(), "{bad}");
        }
        for text in ["{}", r#"{"links":[]}"#, r#"{"links":1}"#, r#"{"links":[1,{"rel":2}]}"#, "[]", ""] {
            assert!(WebFinger::of("joe@example.com").expect("an address").receive(&answer(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn f5_a_host_may_send_us_on_three_times_and_nowhere_private() {
        let redirect = |place: &str| Response::builder().status(302).header("location", place).body(Vec::new()).expect("an answer");
        let mut question = WebFinger::of("joe@example.com").expect("an address");
        for _ in 0..HOPS {
            let Ok(Finding::Next(next)) = question.receive(&redirect("https://social.example/wf")) else { panic!("it may") };
            question = *next;
        }
        assert!(question.receive(&redirect("https://social.example/wf")).is_err());
        for bad in ["http://social.example/wf", "https://127.0.0.1/wf", "/wf", ""] {
            assert!(WebFinger::of("joe@example.com").expect("an address").receive(&redirect(bad)).is_err(), "{bad}");
        }
    }
}
