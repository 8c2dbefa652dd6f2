//! `/invite?token=…`: the link that the owner hands to somebody. GET shows what it does, POST does it.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};

use crate::browser::{Notice, Visit};
use crate::failure::Failure;
use crate::guard::Knocked;
use crate::page::{self, FORM_TOKEN, Forms, Frame};
use crate::people::{People, Purpose};
use crate::site::Site;

/// What a link does, and the button that does it.
pub(super) struct Enter<'a> {
    pub(super) title: &'a str,
    pub(super) text: String,
    pub(super) action: &'a str,
    pub(super) token: &'a str,
}

#[derive(Template)]
#[template(path = "enter.html")]
struct Page<'a> {
    frame: Frame,
    enter: &'a Enter<'a>,
    form_token: &'a str,
}

impl Page<'_> {
    const FORM_TOKEN: &'static str = FORM_TOKEN;
}

impl Enter<'_> {
    pub(super) fn show(&self, site: &Site, headers: &HeaderMap) -> Response {
        let door = site.door(headers);
        let page = Page { frame: Frame::new(None), enter: self, form_token: door.csrf.expose() };
        let sign_in = site.people.as_ref().and_then(|people| people.sign_in.as_ref());
        let forms = sign_in.map_or(Forms::Here, |sign_in| Forms::AlsoToIssuer(&sign_in.issuer));
        super::at_door(page::respond(StatusCode::OK, &page, &forms), site, &door)
    }
}

pub(crate) async fn ask(State(site): State<Arc<Site>>, RawQuery(query): RawQuery, headers: HeaderMap) -> Result<Response, Failure> {
    let token = super::token(query.as_deref())?;
    let invite = site.people()?.invitation(&token, site.keyfob.now()).await?.ok_or_else(Failure::spent_link)?;
    let page = Enter {
        title: "Come in",
        text: format!("You are invited as {}. Accounts that you connect here are yours alone.", invite.name),
        action: "/invite",
        token: &token,
    };
    Ok(page.show(&site, &headers))
}

pub(crate) async fn enter(
    State(site): State<Arc<Site>>,
    before: Option<Extension<Visit>>,
    Extension(knocked): Extension<Knocked>,
) -> Result<Response, Failure> {
    let people = site.people()?;
    let (token, now) = (knocked.field("token"), site.keyfob.now());
    if !super::is_token(token) {
        return Err(Failure::spent_link());
    }
    // Where people sign in they say there who they are, so that they can come again; the invitation is accepted when they come back.
    if let Some(sign_in) = &people.sign_in {
        people.invitation(token, now).await?.ok_or_else(Failure::spent_link)?;
        let purpose = Purpose::Invited(People::invitation_id(token));
        let url = site.begin_sign_in(sign_in, &purpose, &knocked.door.binding).await;
        return Ok(super::see_other(&url.map_err(|error| Failure::sign_in(&error))?));
    }
    let person = people.take_invitation(token, now).await?.ok_or_else(Failure::spent_link)?;
    let notice = Notice::good(format!("Welcome, {}.", person.name));
    site.sign_in(&person, before.map(|Extension(visit)| visit), notice).await
}
