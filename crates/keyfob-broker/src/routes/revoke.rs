//! `/keys/{key}/revoke`: GET asks, POST takes the key back.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;

use crate::audit::Who;
use crate::browser::{Notice, Visit};
use crate::failure::Failure;
use crate::guard::Posted;
use crate::keys::{self, ValetKey};
use crate::page::{self, FORM_TOKEN, Forms, Frame};
use crate::routes::keys::Row;
use crate::site::Site;

#[derive(Template)]
#[template(path = "revoke.html")]
struct Page<'a> {
    frame: Frame,
    row: Row,
    form_token: &'a str,
}

impl Page<'_> {
    const FORM_TOKEN: &'static str = FORM_TOKEN;
}

pub(crate) async fn ask(State(site): State<Arc<Site>>, Path(id): Path<String>, visit: Visit) -> Result<Response, Failure> {
    let shelf = &*site.people()?.shelf;
    // Somebody else's is none.
    let key = keys::find(shelf, visit.person(), &id, site.keyfob.now()).await?.ok_or_else(Failure::nowhere)?;
    let page = Page { frame: Frame::of(&visit, None), row: Row::of(&key), form_token: visit.csrf.expose() };
    Ok(page::respond(StatusCode::OK, &page, &Forms::Here))
}

pub(crate) async fn revoke(
    State(site): State<Arc<Site>>,
    Path(id): Path<String>,
    Extension(posted): Extension<Posted>,
) -> Result<Response, Failure> {
    let visit = &posted.visit;
    let key = take_back(&site, visit.person(), &id).await?.ok_or_else(Failure::nowhere)?;
    site.leave(visit, Notice::good(format!("The key {} is revoked: it opens nothing any more.", key.shown()))).await;
    Ok(super::see_other("/keys"))
}

/// `None`: there is none of this number, or it is somebody else's.
pub(super) async fn take_back(site: &Site, person: &str, id: &str) -> Result<Option<ValetKey>, Failure> {
    let revoked = keys::revoke(&*site.people()?.shelf, Some(person), id, Who::person(person), site.keyfob.now()).await;
    // Here at once, and if only the book failed, too.
    site.gate.iter().for_each(|gate| gate.ring.forget(id));
    Ok(revoked?)
}
