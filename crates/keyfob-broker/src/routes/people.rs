//! `/people`: who is here. The owner's page.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;
use keyfob::Account;
use keyfob::proto::Timestamp;

use super::once::{self, Came, Makes};
use crate::api::token;
use crate::audit::{What, Who};
use crate::browser::{Notice, Visit};
use crate::failure::Failure;
use crate::guard::Posted;
use crate::page::{self, FORM_TOKEN, Forms, Frame};
use crate::people::{INVITE_DAYS, Invite, OpenInvite, People, Person, Role, Whose, is_name};
use crate::site::Site;

#[derive(Template)]
#[template(path = "people.html")]
struct Page<'a> {
    frame: Frame,
    people: Vec<Row>,
    /// Where people sign in, if the owner does not yet.
    place: Option<String>,
    invitations: Vec<Open>,
    /// Revocations that providers have not been told yet.
    owed: usize,
    form_token: &'a str,
    /// What makes these forms others than those before.
    once: String,
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
    const ONCE: &'static str = once::FIELD;
}

struct Row {
    id: String,
    name: String,
    is_owner: bool,
    is_leaving: bool,
    /// As an element.
    seen: String,
}

/// An invitation that nobody has used.
struct Open {
    id: String,
    name: String,
    /// Whether it is for somebody who is here already, to sign in.
    is_again: bool,
    /// Who made it.
    by: String,
    /// As an element.
    ends: String,
}

impl Row {
    fn of(person: Person) -> Self {
        Self {
            is_owner: person.role == Role::Owner,
            is_leaving: person.leaving,
            seen: page::moment_element(person.seen.as_unix()),
            id: person.id,
            name: person.name,
        }
    }
}

pub(crate) async fn show(State(site): State<Arc<Site>>, visit: Visit) -> Result<Response, Failure> {
    let known = site.people()?;
    let people = known.everybody(site.keyfob.now()).await?.items;
    let has_linked = people.iter().any(|person| person.id == visit.person() && person.subject.is_some());
    let sign_in = known.sign_in.as_ref().filter(|_| !has_linked);
    let frame = Frame::of(&visit, site.take_notice(&visit).await);
    let page = Page {
        frame,
        people: people.into_iter().map(Row::of).collect(),
        place: sign_in.map(ToString::to_string),
        owed: known.owed(site.keyfob.now()).await?,
        invitations: open_invitations(known, &visit, site.keyfob.now()).await?,
        form_token: visit.csrf.expose(),
        once: once::number(),
    };
    let forms = sign_in.map_or(Forms::Here, |sign_in| Forms::AlsoToIssuer(&sign_in.issuer));
    Ok(page::respond(StatusCode::OK, &page, &forms))
}

/// Whom somebody was invited by is the owner, or a program of theirs: nobody else may.
async fn open_invitations(people: &People, visit: &Visit, now: Timestamp) -> Result<Vec<Open>, Failure> {
    let tokens = token::list(&*people.shelf, visit.person(), now).await?;
    let by = |made_with: Option<String>| match made_with {
        None => "you".to_owned(),
        Some(id) => match tokens.iter().find(|token| token.id == id) {
            Some(token) => format!("the program {}", token.name),
            None => "a program".to_owned(),
        },
    };
    let open = people.open_invitations(now).await?.items.into_iter().map(|OpenInvite { id, invite, expires_at }| Open {
        id,
        name: invite.name,
        is_again: invite.person.is_some(),
        by: by(invite.made_with),
        ends: page::moment_element(expires_at.as_unix()),
    });
    Ok(open.collect())
}

const MAKES: Makes = Makes { what: "The link for", list: "/people", is_searched: false, to_list: "To the people" };

/// Somebody new.
pub(crate) async fn invite(State(site): State<Arc<Site>>, Extension(posted): Extension<Posted>) -> Result<Response, Failure> {
    let invite = Invite::of(&name(posted.field("name"))?);
    let take_back = async |id: String| take_back(&site, &posted.visit, &id).await.map(drop);
    once::once(&site, &posted, "/people/invite", &MAKES, take_back, invited(&site, &posted.visit, &invite)).await
}

/// Somebody who is here, and has to sign in again.
pub(crate) async fn link(
    State(site): State<Arc<Site>>,
    Path(person): Path<String>,
    Extension(posted): Extension<Posted>,
) -> Result<Response, Failure> {
    let person = site.people()?.person(&person, site.keyfob.now()).await?;
    // The owner's links are made where the program runs: a browser that is taken over for a moment makes none for later.
    let person = person.filter(|person| person.role == Role::Member).ok_or_else(Failure::nowhere)?;
    let address = format!("/people/{}/link", person.id);
    let invite = Invite { person: Some(person.id), ..Invite::of(&person.name) };
    let take_back = async |id: String| take_back(&site, &posted.visit, &id).await.map(drop);
    once::once(&site, &posted, &address, &MAKES, take_back, invited(&site, &posted.visit, &invite)).await
}

/// Takes an invitation back.
pub(crate) async fn uninvite(
    State(site): State<Arc<Site>>,
    Path(id): Path<String>,
    Extension(posted): Extension<Posted>,
) -> Result<Response, Failure> {
    let name = take_back(&site, &posted.visit, &id).await?.ok_or_else(Failure::nowhere)?;
    site.leave(&posted.visit, Notice::good(format!("The link for {name} lets nobody in any more."))).await;
    Ok(super::see_other("/people"))
}

/// Whom it was for. `None`: somebody has used it, or taken it back.
async fn take_back(site: &Site, visit: &Visit, id: &str) -> Result<Option<String>, Failure> {
    let people = site.people()?;
    let Some(open) = people.open_invitation(id, site.keyfob.now()).await? else { return Ok(None) };
    let name = open.invite.name;
    site.note(visit.person(), What::Uninvited { name: name.clone() }).await?;
    Ok(people.take_back(id).await?.then_some(name))
}

/// Asks before somebody is removed.
pub(crate) async fn ask_remove(State(site): State<Arc<Site>>, Path(person): Path<String>, visit: Visit) -> Result<Response, Failure> {
    let people = site.people()?;
    let person = people.everybody(site.keyfob.now()).await?.items.into_iter().find(|known| known.id == person);
    let person = person.filter(|person| person.role == Role::Member).ok_or_else(Failure::nowhere)?;
    let accounts = site.concerned(people, Whose::Person(&person.id)).await?;
    let farewell = Farewell {
        title: format!("Remove {}", person.name),
        text: "Their sessions, links and valet keys end at once, on every machine. Their accounts are forgotten here, and revoked at the providers as soon as those \
               can be reached."
            .to_owned(),
        concerned: concerned(&accounts),
        action: format!("/people/{}/remove", person.id),
    };
    Ok(farewell.show(&visit))
}

pub(crate) async fn remove(
    State(site): State<Arc<Site>>,
    Path(person): Path<String>,
    Extension(posted): Extension<Posted>,
) -> Result<Response, Failure> {
    let who = Who::person(posted.visit.person());
    let done = site.remove_person(site.people()?, &person, posted.visit.person(), who).await.map_err(|error| Failure::taking(&error))?;
    if !done {
        return Err(Failure::nowhere());
    }
    site.leave(&posted.visit, Notice::good("They are removed, with all they had here.")).await;
    Ok(super::see_other("/people"))
}

/// Asks before somebody's accounts are taken away; they stay.
pub(crate) async fn ask_revoke(State(site): State<Arc<Site>>, Path(person): Path<String>, visit: Visit) -> Result<Response, Failure> {
    let people = site.people()?;
    let person = people.everybody(site.keyfob.now()).await?.items.into_iter().find(|known| known.id == person);
    let person = person.ok_or_else(Failure::nowhere)?;
    let accounts = site.concerned(people, Whose::Person(&person.id)).await?;
    let farewell = Farewell {
        title: format!("Revoke all accounts of {}", person.name),
        text: "They are forgotten here at once, and revoked at the providers as soon as those can be reached.".to_owned(),
        concerned: concerned(&accounts),
        action: format!("/people/{}/revoke", person.id),
    };
    Ok(farewell.show(&visit))
}

pub(crate) async fn revoke(
    State(site): State<Arc<Site>>,
    Path(person): Path<String>,
    Extension(posted): Extension<Posted>,
) -> Result<Response, Failure> {
    let people = site.people()?;
    if !people.everybody(site.keyfob.now()).await?.items.iter().any(|known| known.id == person) {
        return Err(Failure::nowhere());
    }
    taken_away(&site, &posted.visit, Whose::Person(&person), "/people").await
}

/// Asks before everybody's accounts at a provider are taken away.
pub(crate) async fn ask_revoke_service(
    State(site): State<Arc<Site>>,
    Path(provider): Path<String>,
    visit: Visit,
) -> Result<Response, Failure> {
    let desk = site.desk(&provider).ok_or_else(Failure::nowhere)?;
    let accounts = site.concerned(site.people()?, Whose::Service(&provider)).await?;
    let farewell = Farewell {
        title: format!("Revoke all accounts at {}", desk.provider.title),
        text: "Everybody's are forgotten here at once, and revoked there as soon as it can be reached.".to_owned(),
        concerned: concerned(&accounts),
        action: format!("{}/revoke", page::provider_path(&provider)),
    };
    Ok(farewell.show(&visit))
}

pub(crate) async fn revoke_service(
    State(site): State<Arc<Site>>,
    Path(provider): Path<String>,
    Extension(posted): Extension<Posted>,
) -> Result<Response, Failure> {
    site.desk(&provider).ok_or_else(Failure::nowhere)?;
    taken_away(&site, &posted.visit, Whose::Service(&provider), &page::provider_path(&provider)).await
}

async fn taken_away(site: &Arc<Site>, visit: &Visit, whose: Whose<'_>, back: &str) -> Result<Response, Failure> {
    let many = site.revoke_all(site.people()?, whose, visit.person()).await.map_err(|error| Failure::taking(&error))?;
    let what = if many == 1 { "One account was".to_owned() } else { format!("{many} accounts were") };
    site.leave(visit, Notice::good(format!("{what} taken away here; their providers are told."))).await;
    Ok(super::see_other(back))
}

/// What would be taken away: how many accounts, at which providers. What they are called is their person's business.
fn concerned(accounts: &[Account]) -> Vec<String> {
    let mut by_provider = BTreeMap::new();
    for account in accounts {
        *by_provider.entry(account.provider.as_str()).or_insert(0usize) += 1;
    }
    by_provider.into_iter().map(|(provider, many)| format!("{provider}: {many}")).collect()
}

/// The question before something is taken away.
struct Farewell {
    title: String,
    text: String,
    concerned: Vec<String>,
    action: String,
}

#[derive(Template)]
#[template(path = "farewell.html")]
struct FarewellPage<'a> {
    frame: Frame,
    farewell: &'a Farewell,
    form_token: &'a str,
}

impl FarewellPage<'_> {
    const FORM_TOKEN: &'static str = FORM_TOKEN;
}

impl Farewell {
    fn show(&self, visit: &Visit) -> Response {
        let page = FarewellPage { frame: Frame::of(visit, None), farewell: self, form_token: visit.csrf.expose() };
        page::respond(StatusCode::OK, &page, &Forms::Here)
    }
}

async fn invited(site: &Site, visit: &Visit, invite: &Invite) -> Result<Came, Failure> {
    let name = &invite.name;
    site.note(visit.person(), What::Invited { name: name.clone() }).await?;
    let (id, token) = site.people()?.invite(invite, Invite::end(site.keyfob.now())).await?;
    let link = format!("{}/invite?token={}", site.origin, token.expose());
    let page = Invited { frame: Frame::of(visit, None), name, link, days: INVITE_DAYS };
    let page = page::respond(StatusCode::OK, &page, &Forms::Here);
    Ok(Came::Made(once::Made { id, name: name.clone(), page }))
}

/// What somebody is called.
fn name(text: &str) -> Result<String, Failure> {
    let name = text.trim();
    if is_name(name) { Ok(name.to_owned()) } else { Err(Failure::no_name().onward("Back", "/people")) }
}
