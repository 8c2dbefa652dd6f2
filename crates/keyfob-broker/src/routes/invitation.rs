//! `/invite?token=…`: the link that the owner hands to somebody. GET shows what it does, POST does it.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::HeaderMap;

use super::enter::{self, Enter};
use crate::browser::{Notice, Visit};
use crate::failure::{Failure, Handed};
use crate::guard::{Arrival, Knocked};
use crate::people::{People, Purpose};
use crate::site::Site;

pub(crate) async fn ask(State(site): State<Arc<Site>>, RawQuery(query): RawQuery, headers: HeaderMap) -> Result<Response, Failure> {
    let token = super::token(query.as_deref(), Handed::Invitation)?;
    let invite = site.people()?.invitation(&token, site.keyfob.now()).await?;
    let enter = invite.map(|invite| Enter {
        title: "Come in",
        text: format!("You are invited as {}. Accounts that you connect here are yours alone.", invite.name),
        action: "/invite",
    });
    enter::ask(&site, &headers, &token, enter, Handed::Invitation)
}

pub(crate) async fn enter(
    State(site): State<Arc<Site>>,
    before: Option<Extension<Visit>>,
    arrival: Arrival,
    Extension(knocked): Extension<Knocked>,
) -> Result<Response, Failure> {
    let people = site.people()?;
    let (token, now) = (enter::token(&knocked, Handed::Invitation)?, site.keyfob.now());
    // Where people sign in they say there who they are, so that they can come again; the invitation is accepted when they come back.
    if let Some(sign_in) = &people.sign_in {
        people.invitation(token, now).await?.ok_or_else(|| Failure::spent_link(Handed::Invitation))?;
        let purpose = Purpose::Invited(People::invitation_id(token));
        let url = site.begin_sign_in(sign_in, &purpose, &knocked.door.binding, arrival.client).await;
        return Ok(super::see_other(&url.map_err(|error| Failure::sign_in(&error))?));
    }
    let binding = &knocked.door.binding;
    let person = people.come_in_by(token, binding, now).await?.ok_or_else(|| Failure::spent_link(Handed::Invitation))?;
    let notice = Notice::good(format!("Welcome, {}.", person.name));
    let response = site.sign_in(&person, before.map(|Extension(visit)| visit), notice).await?;
    // Now that they are in: with the link and this browser they could go on until here.
    people.spend_by(token, binding, now).await;
    Ok(response)
}
