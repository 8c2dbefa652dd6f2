//! `GET /assets/{file}`: style, script and mark. They are the same for everybody.

use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Uri};

use crate::failure::Failure;
use crate::page::assets;

/// Kept for good: another file has another address.
pub(crate) const FOR_GOOD: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

pub(crate) async fn show(uri: Uri) -> Result<Response, Failure> {
    let asset = assets::at(uri.path()).ok_or_else(Failure::nowhere)?;
    Ok(([(CONTENT_TYPE, HeaderValue::from_static(asset.media_type)), (CACHE_CONTROL, FOR_GOOD)], asset.text).into_response())
}
