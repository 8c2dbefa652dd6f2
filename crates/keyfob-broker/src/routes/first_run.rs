//! `/first-run?token=…`: the link that the program prints for its owner. GET shows what it does, POST does it.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::HeaderMap;

use super::enter::{self, Enter};
use crate::browser::{Notice, Visit};
use crate::failure::{Failure, Handed};
use crate::guard::Knocked;
use crate::site::Site;

pub(crate) async fn ask(State(site): State<Arc<Site>>, RawQuery(query): RawQuery, headers: HeaderMap) -> Result<Response, Failure> {
    let token = super::token(query.as_deref(), Handed::Owner)?;
    let is_good = site.people()?.has_link(&token, site.keyfob.now()).await?;
    let enter = is_good.then(|| Enter {
        title: "Sign in as the owner",
        text: "This browser becomes the owner's: it may use all accounts of this vault, and decide who else is here.".to_owned(),
        action: "/first-run",
    });
    enter::ask(&site, &headers, &token, enter, Handed::Owner)
}

pub(crate) async fn enter(
    State(site): State<Arc<Site>>,
    before: Option<Extension<Visit>>,
    Extension(knocked): Extension<Knocked>,
) -> Result<Response, Failure> {
    let taken = site.people()?.take_link(enter::token(&knocked, Handed::Owner)?, site.keyfob.now()).await?;
    let owner = taken.ok_or_else(|| Failure::spent_link(Handed::Owner))?;
    site.sign_in(&owner, before.map(|Extension(visit)| visit), Notice::good("You are signed in as the owner.")).await
}
