//! `/link?token=…`: the page that an app sends its user to. GET shows who asks and for what, POST goes on to the provider.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use keyfob::proto::scrub;

use crate::failure::{Failure, Handed};
use crate::guard::Knocked;
use crate::links::{self, Failed, Link, State as Stage};
use crate::page::{self, FORM_TOKEN, Forms, Frame};
use crate::routes::connect;
use crate::seat::Seat;
use crate::site::Site;
use crate::way::Way;

/// Who asks, for what, and the button.
#[derive(Template)]
#[template(path = "link.html")]
struct Page<'a> {
    frame: Frame,
    title: &'a str,
    asker: String,
    scopes: Vec<String>,
    /// Where the browser goes in the end.
    back_to: Option<String>,
    token: &'a str,
    form_token: &'a str,
}

impl Page<'_> {
    const FORM_TOKEN: &'static str = FORM_TOKEN;
}

/// What came of it, where there is nowhere to go.
#[derive(Template)]
#[template(path = "linked.html")]
struct Over<'a> {
    frame: Frame,
    title: String,
    text: &'a str,
}

pub(crate) async fn ask(State(site): State<Arc<Site>>, RawQuery(query): RawQuery, headers: HeaderMap) -> Result<Response, Failure> {
    let token = super::token(query.as_deref(), Handed::Connect)?;
    let door = site.door(&headers);
    let (shelf, now) = (&*site.people()?.shelf, site.keyfob.now());
    let link = links::by_token(shelf, &token, now).await?;
    let link = link.filter(|link| link.is_for(&door)).ok_or_else(|| Failure::spent_link(Handed::Connect))?;
    // Whoever goes back to it has connected by it.
    if link.record.state == Stage::Connected {
        return Ok(links::over(&site, &link).await);
    }
    let seat = seat(&site, &link).await?;
    let back_to = link.return_to(shelf, now).await?.and_then(keyfob::proto::Origin::parse).map(|origin| origin.to_string());
    let scopes = match asked_for(&site, &seat, &link).await? {
        none if none.is_empty() => seat.desk.provider.default_scopes().to_vec(),
        scopes => scopes,
    };
    let page = Page {
        frame: Frame::new(None),
        title: &seat.desk.provider.title,
        // Whoever makes a token names it: it is text from outside (F10).
        asker: scrub::printable(&link.record.asker),
        scopes: scopes.iter().map(|scope| scrub::printable(scope)).collect(),
        back_to: back_to.clone(),
        token: &token,
        form_token: door.csrf.expose(),
    };
    let desks = [seat.desk.clone()];
    let forms = match &back_to {
        Some(origin) => Forms::AlsoToAnd(&desks, origin),
        None => Forms::AlsoTo(&desks),
    };
    Ok(super::at_door(page::respond(StatusCode::OK, &page, &forms), &site, &door))
}

pub(crate) async fn begin(State(site): State<Arc<Site>>, Extension(knocked): Extension<Knocked>) -> Result<Response, Failure> {
    let (token, door, now) = (knocked.field("token"), &knocked.door, site.keyfob.now());
    let shelf = &*site.people()?.shelf;
    let mut link = links::by_token(shelf, token, now).await?.ok_or_else(|| Failure::spent_link(Handed::Connect))?;
    if link.record.state == Stage::Connected && link.is_for(door) {
        return Ok(links::over(&site, &link).await);
    }
    let seat = seat(&site, &link).await?;
    if link.record.state != Stage::Open || !link.bind(shelf, door).await? {
        return Err(Failure::spent_link(Handed::Connect));
    }
    let scopes = asked_for(&site, &seat, &link).await?;
    let again = |failure: Failure| failure.onward("Try again", format!("/link?token={token}"));
    // However many browsers a link is opened in: those who were given another one have room of their own.
    let way = seat.desk.way();
    let begins = |crowd: String| connect::Begins {
        crowd,
        scopes,
        binding: &door.binding,
        is_new: !link.record.reconnects,
        link: Some(link.id.clone()),
    };
    let url = match way {
        // There is no such link, but the file may have changed since it was made.
        Way::Keys | Way::Import => return Err(Failure::spent_link(Handed::Connect)),
        Way::Redirect => {
            let begun = connect::by_redirect(&site, &seat, begins(format!("link {}", link.id))).await;
            let (url, pending) = begun.map_err(again)?;
            links::connecting(shelf, &pending, &link, now).await?;
            url
        }
        Way::Code | Way::Pin => {
            let begins = begins(format!("link-{}", link.id));
            connect::elsewhere(&site, &seat, way, begins).await.map_err(again)?.0
        }
    };
    Ok(super::see_other(&url))
}

/// The account that will come of it. Whoever was removed is asked for nothing more.
async fn seat(site: &Site, link: &Link) -> Result<Seat, Failure> {
    let owner = site.people()?.principal(&link.owner, site.keyfob.now()).await?;
    site.look_for(&link.record.account).await?;
    owner.and_then(|owner| site.seat(&owner.id, &link.record.account)).ok_or_else(|| Failure::spent_link(Handed::Connect))
}

/// What the link says; or what the account that it connects again was asked for; or what is usual (nothing: what the provider's file says).
async fn asked_for(site: &Site, seat: &Seat, link: &Link) -> Result<Vec<String>, Failure> {
    match &link.record {
        record if !record.scopes.is_empty() => Ok(record.scopes.clone()),
        record if record.reconnects => connect::scopes_of(site, seat).await,
        _ => Ok(seat.desk.scopes.clone()),
    }
}

/// `/link/{link}/over`: what came of it, for the browser that came by the link, at an address without the provider's answer.
pub(crate) async fn over(State(site): State<Arc<Site>>, Path(number): Path<String>, headers: HeaderMap) -> Result<Response, Failure> {
    let nowhere = || Failure::nowhere().hint("what came of a connect link is told in the browser that it was opened in, until it ends");
    let link = links::by_number(&*site.people()?.shelf, &number, site.keyfob.now()).await?.ok_or_else(nowhere)?;
    // Before the button was pressed there is no browser that is the link's.
    site.known_door(&headers).filter(|door| link.is_bound() && link.is_for(door)).ok_or_else(nowhere)?;
    let seat = seat(&site, &link).await?;
    Ok(if link.record.state == Stage::Connected { connected(&seat) } else { not_connected(&seat, link.record.failed.as_ref()) })
}

/// Where a browser goes that came by this link, and that nobody awaits: the provider's answer, with its code, is gone from the address bar.
pub(crate) fn over_path(link: &Link) -> String {
    format!("/link/{}/over", link.id)
}

/// It is done.
pub(crate) fn connected(seat: &Seat) -> Response {
    told(format!("{} is connected", seat.desk.provider.title), "You can close this page.")
}

/// The person, or the provider, said no.
pub(crate) fn not_connected(seat: &Seat, failed: Option<&Failed>) -> Response {
    let text = match failed.filter(|failed| !failed.is_denial()) {
        None => "Nothing was stored. If you change your mind, open the link again in this browser.".to_owned(),
        Some(failed) => format!(
            "{} Nothing was stored. To try again, open the link again in this browser; if that does not help, tell whoever sent you here.",
            failed.reason
        ),
    };
    told(format!("{} was not connected", seat.desk.provider.title), &text)
}

fn told(title: String, text: &str) -> Response {
    page::respond(StatusCode::OK, &Over { frame: Frame::new(None), title, text }, &Forms::Here)
}
