//! `/api/{account}/{path}`: the account's API, for whoever has a key.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;

use crate::forward;
use crate::guard::Arrival;
use crate::site::Site;

pub(crate) fn forward(State(site): State<Arc<Site>>, arrival: Arrival, request: Request) -> impl Future<Output = Response> + Send + use<> {
    forward::forward(site, arrival, request)
}
