//! `GET /`: what can be connected, and how it is.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode};

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

pub(crate) async fn show(State(site): State<Arc<Site>>, headers: HeaderMap) -> Result<Response, Failure> {
    let known = super::visit(&site, &headers);
    let is_new = known.is_none();
    let visit = known.unwrap_or_else(|| site.browsers.open(site.keyfob.now()));
    let mut cards = Vec::new();
    for desk in &site.desks {
        let holder = desk.holder.read().await;
        cards.push(Card::new(desk, super::state(&site, desk, &holder, Some(&visit)).await?));
    }
    let page = Page { frame: Frame::new(site.browsers.take_notice(&visit)), cards, form_token: visit.csrf.expose() };
    let response = page::respond(StatusCode::OK, &page, &Forms::AlsoTo(&site.desks));
    Ok(if is_new { super::with_cookie(response, &site, &visit) } else { response })
}
