//! `/people`: who is here. The owner's page.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;
use keyfob::proto::Secret;
use keyfob_providers::Cell;

use crate::browser::Visit;
use crate::failure::Failure;
use crate::guard::Posted;
use crate::page::{self, FORM_TOKEN, Forms, Frame};
use crate::people::{INVITE_DAYS, Invite, Person, Role};
use crate::site::Site;

/// The longest name, in characters.
pub(crate) const LONGEST_NAME: usize = 60;

#[derive(Template)]
#[template(path = "people.html")]
struct Page<'a> {
    frame: Frame,
    people: Vec<Row>,
    /// Where people sign in, if the owner does not yet.
    place: Option<String>,
    form_token: &'a str,
}

/// A link that was just made: it is shown once.
#[derive(Template)]
#[template(path = "invited.html")]
struct Invited<'a> {
    frame: Frame,
    name: &'a str,
    link: String,
    days: i64,
}

impl Page<'_> {
    const FORM_TOKEN: &'static str = FORM_TOKEN;
}

struct Row {
    id: String,
    name: String,
    is_owner: bool,
    is_leaving: bool,
    seen: String,
}

impl Row {
    fn of(person: Person) -> Self {
        Self {
            is_owner: person.role == Role::Owner,
            is_leaving: person.leaving,
            seen: format!("{} UTC", Cell::Time(person.seen.as_unix()).to_string().trim_end_matches('Z')),
            id: person.id,
            name: person.name,
        }
    }
}

pub(crate) async fn show(State(site): State<Arc<Site>>, visit: Visit) -> Result<Response, Failure> {
    let known = site.people()?;
    let people = known.everybody(site.keyfob.now()).await?;
    let has_linked = people.iter().any(|person| person.id == visit.person() && person.subject.is_some());
    let sign_in = known.sign_in.as_ref().filter(|_| !has_linked);
    let frame = Frame::of(&visit, site.take_notice(&visit).await);
    let page = Page {
        frame,
        people: people.into_iter().map(Row::of).collect(),
        place: sign_in.map(ToString::to_string),
        form_token: visit.csrf.expose(),
    };
    let forms = sign_in.map_or(Forms::Here, |sign_in| Forms::AlsoToIssuer(&sign_in.issuer));
    Ok(page::respond(StatusCode::OK, &page, &forms))
}

/// Somebody new.
pub(crate) async fn invite(State(site): State<Arc<Site>>, Extension(posted): Extension<Posted>) -> Result<Response, Failure> {
    let name = name(posted.field("name"))?;
    let token = site.people()?.invite(&Invite { name: name.clone(), person: None }, site.keyfob.now()).await?;
    Ok(invited(&site, &posted.visit, &name, &token))
}

/// Somebody who is here, and has to sign in again.
pub(crate) async fn link(
    State(site): State<Arc<Site>>,
    Path(person): Path<String>,
    Extension(posted): Extension<Posted>,
) -> Result<Response, Failure> {
    let people = site.people()?;
    let person = people.person(&person, site.keyfob.now()).await?;
    // The owner's links are made where the program runs: a browser that is taken over for a moment makes none for later.
    let person = person.filter(|person| person.role == Role::Member).ok_or_else(Failure::nowhere)?;
    let token = people.invite(&Invite { name: person.name.clone(), person: Some(person.id) }, site.keyfob.now()).await?;
    Ok(invited(&site, &posted.visit, &person.name, &token))
}

fn invited(site: &Site, visit: &Visit, name: &str, token: &Secret) -> Response {
    let link = format!("{}/invite?token={}", site.origin, token.expose());
    let page = Invited { frame: Frame::of(visit, None), name, link, days: INVITE_DAYS };
    page::respond(StatusCode::OK, &page, &Forms::Here)
}

/// What somebody is called.
fn name(text: &str) -> Result<String, Failure> {
    let name = text.trim();
    if is_name(name) { Ok(name.to_owned()) } else { Err(Failure::no_name().onward("Back", "/people")) }
}

/// A line of text that says something.
pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().count() <= LONGEST_NAME && keyfob::proto::scrub::printable(name) == name
}
