//! `/sign-in`: where somebody lands who is not signed in.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use crate::browser::Visit;
use crate::failure::Failure;
use crate::page::{self, Forms, Frame};
use crate::site::Site;

#[derive(Template)]
#[template(path = "sign-in.html")]
struct Page {
    frame: Frame,
}

pub(crate) async fn show(State(_): State<Arc<Site>>, visit: Option<Extension<Visit>>) -> Result<Response, Failure> {
    if visit.is_some() {
        return Ok(super::see_other("/"));
    }
    Ok(page::respond(StatusCode::OK, &Page { frame: Frame::new(None) }, &Forms::Here))
}
