//! `/first-run?token=…`: the link that the program prints for its owner. GET shows what it does, POST does it: a browser that fetches ahead, or a chat
//! program that makes a preview, must not spend it.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::HeaderMap;

use super::invitation::Enter;
use crate::browser::{Notice, Visit};
use crate::failure::Failure;
use crate::guard::Knocked;
use crate::site::Site;

pub(crate) async fn ask(State(site): State<Arc<Site>>, RawQuery(query): RawQuery, headers: HeaderMap) -> Result<Response, Failure> {
    let token = super::token(query.as_deref())?;
    if !site.people()?.has_link(&token, site.keyfob.now()).await? {
        return Err(Failure::spent_link());
    }
    let page = Enter {
        title: "Sign in as the owner",
        text: "This browser becomes the owner's: it may use all accounts of this vault, and decide who else is here.".to_owned(),
        action: "/first-run",
        token: &token,
    };
    Ok(page.show(&site, &headers))
}

pub(crate) async fn enter(
    State(site): State<Arc<Site>>,
    before: Option<Extension<Visit>>,
    Extension(knocked): Extension<Knocked>,
) -> Result<Response, Failure> {
    let token = knocked.field("token");
    let taken = if super::is_token(token) { site.people()?.take_link(token, site.keyfob.now()).await? } else { None };
    let owner = taken.ok_or_else(Failure::spent_link)?;
    site.sign_in(&owner, before.map(|Extension(visit)| visit), Notice::good("You are signed in as the owner.")).await
}
