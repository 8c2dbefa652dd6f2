//! `GET /`: what can be connected, and how it is.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use crate::browser::Visit;
use crate::failure::Failure;
use crate::page::{self, Card, FORM_TOKEN, Forms, Frame, Standing};
use crate::site::Site;

#[derive(Template)]
#[template(path = "index.html")]
struct Page<'a> {
    frame: Frame,
    cards: Vec<Card>,
    form_token: &'a str,
}

impl Page<'_> {
    const FORM_TOKEN: &'static str = FORM_TOKEN;
}

pub(crate) async fn show(State(site): State<Arc<Site>>, visit: Option<Extension<Visit>>) -> Result<Response, Failure> {
    let is_new = visit.is_none();
    // A guest's session begins here: the forms of this page need one.
    let visit = visit.map_or_else(|| site.browsers.open(site.keyfob.now()), |Extension(visit)| visit);
    let desks = site.desks();
    let mut cards = Vec::new();
    for desk in &desks {
        let seat = site.seat_for(&visit, &desk.account)?;
        let holder = site.holder(&seat);
        cards.push(Card::new(&seat, super::state(&site, &seat, &*holder.read().await, &visit).await?));
    }
    let page = Page { frame: Frame::of(&visit, site.take_notice(&visit).await), cards, form_token: visit.csrf.expose() };
    let response = page::respond(StatusCode::OK, &page, &Forms::AlsoTo(&desks));
    Ok(if is_new { super::with_cookie(response, &site, &visit) } else { response })
}
