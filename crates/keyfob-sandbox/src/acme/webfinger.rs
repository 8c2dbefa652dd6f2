//! Who signs a person in (WebFinger, RFC 7033; OpenID Connect Discovery §2): Robin has an address and a page here.

use axum::http::header;
use serde_json::json;

use crate::message::{Call, Reply, first};

const ISSUER: &str = "http://openid.net/specs/connect/1.0/issuer";

/// `acct:robin@HOST`, or `ORIGIN/robin`.
pub(super) fn webfinger(call: &Call) -> Reply {
    let Some(resource) = first(&call.query, "resource") else { return Reply::text(400, "resource is missing") };
    let host = call.origin.trim_start_matches("http://");
    if resource != format!("acct:robin@{host}") && resource != format!("{}/robin", call.origin) {
        return Reply::text(404, "Not found");
    }
    let asked: Vec<&str> = call.query.iter().filter(|(name, _)| name == "rel").map(|(_, value)| value.as_str()).collect();
    // RFC 7033 §4.3: without `rel` all links are told.
    let told = asked.is_empty() || asked.contains(&ISSUER);
    let links = if told { json!([{ "rel": ISSUER, "href": call.origin }]) } else { json!([]) };
    let body = json!({ "subject": resource, "links": links });
    // §5: pages of other sites may ask.
    Reply::typed(200, "application/jrd+json", body.to_string()).with(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*")
}
