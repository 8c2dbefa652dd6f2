//! The page behind a link that signs somebody in: what it does, and the button that does it. GET shows, POST does: a browser that fetches ahead, or a chat
//! program that makes a preview, must not spend the link.

use askama::Template;
use axum::response::Response;
use http::{HeaderMap, StatusCode};

use crate::failure::{Failure, Handed};
use crate::guard::Knocked;
use crate::page::{self, FORM_TOKEN, Forms, Frame};
use crate::site::Site;

/// What a link does.
pub(super) struct Enter {
    pub(super) title: &'static str,
    pub(super) text: String,
    /// Where the button leads.
    pub(super) action: &'static str,
}

#[derive(Template)]
#[template(path = "enter.html")]
struct Page<'a> {
    frame: Frame,
    enter: &'a Enter,
    token: &'a str,
    form_token: &'a str,
}

impl Page<'_> {
    const FORM_TOKEN: &'static str = FORM_TOKEN;
}

/// Shows what the link does, where it is still good.
pub(super) fn ask(site: &Site, headers: &HeaderMap, token: &str, enter: Option<Enter>, link: Handed) -> Result<Response, Failure> {
    let enter = enter.ok_or_else(|| Failure::spent_link(link))?;
    let door = site.door(headers);
    let page = Page { frame: Frame::new(None), enter: &enter, token, form_token: door.csrf.expose() };
    let sign_in = site.people.as_ref().and_then(|people| people.sign_in.as_ref());
    let forms = sign_in.map_or(Forms::Here, |sign_in| Forms::AlsoToIssuer(&sign_in.issuer));
    Ok(super::at_door(page::respond(StatusCode::OK, &page, &forms), site, &door))
}

/// The link's token, as the button brings it.
pub(super) fn token(knocked: &Knocked, link: Handed) -> Result<&str, Failure> {
    let token = knocked.field("token");
    if super::is_token(token) { Ok(token) } else { Err(Failure::spent_link(link)) }
}
