//! One file a route.

pub(crate) mod account;
pub(crate) mod action;
pub(crate) mod activity;
pub(crate) mod api;
pub(crate) mod asset;
pub(crate) mod callback;
pub(crate) mod catalogue;
pub(crate) mod connect;
mod enter;
pub(crate) mod first_run;
pub(crate) mod index;
pub(crate) mod invitation;
pub(crate) mod keys;
pub(crate) mod link;
pub(crate) mod logout;
mod once;
pub(crate) mod people;
pub(crate) mod programs;
pub(crate) mod provider;
pub(crate) mod rename;
pub(crate) mod revoke;
pub(crate) mod settings;
pub(crate) mod sign_in;
pub(crate) mod sign_out;
mod stranded;
pub(crate) mod token;
pub(crate) mod waiting;

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use http::header::{LOCATION, SET_COOKIE};
use http::{HeaderMap, HeaderValue, StatusCode};
use keyfob::Account;
use keyfob::proto::encode;

use crate::api::stays;
use crate::audit::{Noted, What, Who};
use crate::browser::{Notice, Visit};
use crate::failure::{Failure, Handed};
use crate::page::Standing;
use crate::people::{Door, People, Person};
use crate::seat::{Holder, Seat};
use crate::site::Site;

/// On to another page, with GET (RFC 9110 §15.4.4).
pub(crate) fn see_other(address: &str) -> Response {
    match HeaderValue::from_str(address) {
        Ok(address) => (StatusCode::SEE_OTHER, [(LOCATION, address)]).into_response(),
        Err(_) => Failure::ours().into_response(),
    }
}

/// Gives the browser its cookie.
fn with_cookie(mut response: Response, site: &Site, visit: &Visit) -> Response {
    response.headers_mut().append(SET_COOKIE, visit.cookie(&site.cookie_name(), site.is_https()));
    response
}

impl Site {
    /// The session of a request, if it has one that is alive.
    pub(crate) async fn visit(&self, headers: &HeaderMap) -> Result<Option<Visit>, Failure> {
        let (name, now) = (self.cookie_name(), self.keyfob.now());
        match &self.people {
            Some(people) => Ok(people.visit(headers, &name, now).await?),
            None => Ok(self.browsers.find(headers, &name, now)),
        }
    }

    /// Leaves something to tell on the visitor's next page. It is not worth an error.
    pub(crate) async fn leave(&self, visit: &Visit, notice: Notice) {
        let Some(people) = &self.people else { return self.browsers.leave(visit, notice) };
        if let Err(error) = people.leave(visit, notice, self.keyfob.now()).await {
            tracing::warn!(%error, "something that was to be told is lost");
        }
    }

    /// What is to tell, once.
    pub(crate) async fn take_notice(&self, visit: &Visit) -> Option<Notice> {
        match &self.people {
            Some(people) => people.take_notice(visit, self.keyfob.now()).await.unwrap_or_default(),
            None => self.browsers.take_notice(visit),
        }
    }

    /// Who is known here; a page that is about them is nowhere without.
    pub(crate) fn people(&self) -> Result<&People, Failure> {
        self.people.as_ref().ok_or_else(Failure::nowhere)
    }

    /// Writes into a person's book what they did, before they are told that it is done (L17). Guests have no book.
    async fn note(&self, person: &str, what: What) -> Result<(), Failure> {
        let Some(gate) = &self.gate else { return Ok(()) };
        let who = Who::person(person);
        Ok(gate.book.write(Some(person), who, what, self.keyfob.now()).await?)
    }

    /// The same of what is done already, perhaps by somebody else.
    async fn note_done(&self, person: &str, who: Who, what: What) -> Noted {
        let Some(gate) = &self.gate else { return Noted::Yes };
        Noted::of(&gate.book.write(Some(person), who, what, self.keyfob.now()).await)
    }

    /// After something was made for a person to have: whoever was removed in that moment is asked to sign in.
    async fn look_again(self: &Arc<Self>, visit: &Visit) -> Result<(), Failure> {
        let by = Who::person(visit.person());
        if stays(self, visit.person(), &by).await { Ok(()) } else { Err(Failure::sign_in_first()) }
    }

    /// Before something is done that is a person's and cannot be undone: refused where the book cannot be written.
    pub(crate) async fn open_book(&self) -> Result<(), Failure> {
        let Some(gate) = &self.gate else { return Ok(()) };
        gate.book.open(self.keyfob.now()).await.map_err(|_| Failure::unwritten("Nothing was done."))
    }

    /// The browser is this person's from now on: under a cookie that nobody knew before, and no longer whoever's it was.
    async fn sign_in(&self, person: &Person, before: Option<Visit>, notice: Notice) -> Result<Response, Failure> {
        let people = self.people()?;
        if let Some(before) = before {
            people.close(&before).await?;
        }
        self.note(&person.id, What::SignedIn).await?;
        let visit = people.open(person, Some(notice), self.keyfob.now()).await?;
        tracing::info!(person = person.id, "signed in");
        Ok(with_cookie(see_other("/"), self, &visit))
    }
}

/// Gives a browser at the door its cookie, if it has none.
fn at_door(mut response: Response, site: &Site, door: &Door) -> Response {
    response.headers_mut().extend(site.cookie_for(door).map(|cookie| (SET_COOKIE, cookie)));
    response
}

/// The value of a link's `token`, where it has one that could be ours.
fn token(query: Option<&str>, link: Handed) -> Result<String, Failure> {
    let pairs = encode::decode_text_pairs(query.unwrap_or_default().as_bytes()).map_err(|_| Failure::spent_link(link))?;
    let token = pairs.into_iter().find(|(name, _)| name == "token").map(|(_, value)| value);
    token.filter(|token| is_token(token)).ok_or_else(|| Failure::spent_link(link))
}

fn is_token(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// What an account's state is to a browser.
async fn state(site: &Site, seat: &Seat, holder: &Holder, visit: &Visit) -> Result<Standing, Failure> {
    let record = site.keyfob.store().account(&seat.name).await;
    let record = record.map_err(|error| Failure::from_error(error.into(), seat))?;
    Ok(match record.map(|record| record.value) {
        None => Standing::Absent,
        Some(_) if !holder.is(visit) => Standing::Elsewhere,
        Some(account) => standing(seat, &account),
    })
}

/// What the state of an account of one's own is.
fn standing(seat: &Seat, account: &Account) -> Standing {
    seat.wants_login(account).map_or(Standing::Here, Standing::Stale)
}
