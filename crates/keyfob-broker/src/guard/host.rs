//! DNS rebinding (CVE-2025-66414): a page of another name that is made to resolve to us must not reach us, on loopback least
//! of all. There is one name we answer to.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::Version;
use http::header::HOST;
use keyfob::proto::Origin;

use super::Arrival;
use crate::failure::Failure;
use crate::problem::Problem;
use crate::site::Site;

/// The answer, 421, unless the request is for our own name.
pub(super) fn refuses(site: &Site, request: &Request, arrival: &Arrival) -> Option<Response> {
    let other = if names_us(site, request) { None } else { Some(named(site, request)) };
    let named = other.as_ref().map_or(Some(&site.origin), Option::as_ref);
    // A proxy of ours that says that the browser came by plain http can only narrow what is ours: `Secure` cookies would not come back.
    let in_clear = site.is_https() && arrival.client.is_some_and(|client| client.in_clear);
    let ours = named == Some(&site.origin) && !in_clear;
    // A probe comes from inside, where the external name means nothing; it learns nothing.
    let probe = crate::health::is_for_probes(request.uri().path()) && (names_nobody(request) || named.is_some_and(is_by_address));
    if ours || probe {
        return None;
    }
    // Programs read no pages.
    let is_program = crate::router::is_read_by_programs(request.uri().path());
    // Of the right name, and by the wrong way: whoever set the proxy up has to know which it was.
    let is_in_clear = in_clear && named == Some(&site.origin);
    Some(match (is_program, is_in_clear) {
        (true, true) => Problem::in_clear(Failure::in_clear_hint(site)).into_response(),
        (true, false) => Problem::misdirected(&site.url()).into_response(),
        (false, true) => Failure::in_clear(site).into_response(),
        (false, false) => Failure::misdirected(site).into_response(),
    })
}

/// For the address that has no name: only a name can be made to resolve to us, and where none is said there is none.
pub(crate) async fn by_address(request: Request, next: Next) -> Response {
    let mut hosts = request.headers().get_all(HOST).into_iter();
    let host = hosts.next().and_then(|host| Origin::parse(&format!("http://{}", host.to_str().ok()?)));
    let is_by_address = matches!((host, hosts.next()), (Some(host), None) if is_by_address(&host));
    if is_by_address || names_nobody(&request) { next.run(request).await } else { Problem::named().into_response() }
}

/// Whether it says no name at all, as HTTP/1.0 allows: load balancers ask so (HAProxy's `option httpchk`), and no browser does.
fn names_nobody(request: &Request) -> bool {
    request.version() == Version::HTTP_10 && !request.headers().contains_key(HOST) && request.uri().authority().is_none()
}

fn is_by_address(origin: &Origin) -> bool {
    let authority = origin.as_str().split_once("://").map_or("", |(_, authority)| authority);
    let host = authority.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')).map_or(authority, |(host, _)| host);
    origin.is_loopback() || host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok()
}

/// Whether it has our name, letter for letter, and no other: most do, and need no parsing to be told.
fn names_us(site: &Site, request: &Request) -> bool {
    let mut hosts = request.headers().get_all(HOST).into_iter();
    let (host, more) = (hosts.next(), hosts.next());
    let ours = site.origin.as_str();
    let ours = ours.strip_prefix("http://").or_else(|| ours.strip_prefix("https://")).map(str::as_bytes);
    more.is_none() && request.uri().authority().is_none() && host.is_some_and(|host| Some(host.as_bytes()) == ours)
}

/// The origin that a request names: by its one `Host`, and by its target where that is a whole URL (RFC 9112 §3.2.2), which
/// have to agree.
fn named(site: &Site, request: &Request) -> Option<Origin> {
    let mut hosts = request.headers().get_all(HOST).into_iter();
    let (host, more) = (hosts.next(), hosts.next());
    if more.is_some() {
        return None;
    }
    let scheme = if site.is_https() { "https" } else { "http" };
    let origin = |authority: &str| Origin::parse(&format!("{scheme}://{authority}"));
    let target = request.uri().authority().map(http::uri::Authority::as_str);
    // HTTP/2 has `:authority` in place of `Host` (RFC 9113 §8.3.1).
    let host = match host {
        Some(host) => host.to_str().ok()?,
        None if request.version() == Version::HTTP_2 => target?,
        None => return None,
    };
    let named = origin(host)?;
    match target {
        Some(authority) if origin(authority).as_ref() != Some(&named) => None,
        _ => Some(named),
    }
}
