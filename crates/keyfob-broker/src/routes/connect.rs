//! `POST /connect/{account}`: off to the provider; to a page with a code or for a PIN; or, where keys alone sign, straight to the account. With a `label` for
//! one account more of that service (`telldus/cabin`).

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;
use keyfob::proto::{Secret, Timestamp};
use keyfob::{Crowd, DeviceLogin, Error, Login, PendingLogin, Redirect, login};
use keyfob_providers::Provider;

use super::callback::{By, take_over, unnoted};
use super::provider;
use crate::audit::Noted;
use crate::browser::{Notice, Visit};
use crate::failure::Failure;
use crate::guard::{Arrival, Posted};
use crate::page;
use crate::peer::Client;
use crate::people::Role;
use crate::seat::Seat;
use crate::site::Site;
use crate::waiting::{self, Begun};
use crate::way::Way;

pub(crate) async fn begin(
    State(site): State<Arc<Site>>,
    Path(account): Path<String>,
    arrival: Arrival,
    Extension(posted): Extension<Posted>,
) -> Result<Response, Failure> {
    site.look_for(&account).await?;
    let seat = site.seat_for(&posted.visit, &account)?;
    let seat = match posted.field("label").trim() {
        "" => seat,
        label => another(&site, seat, label).await?,
    };
    // Guests have the accounts of a service by turns.
    let is_new = site.people.is_some() && site.keyfob.store().account(&seat.name).await?.is_none();
    // A guest can have any number of sessions, and is counted with those who come from the same address.
    let crowd = if site.people.is_some() { seat.person.clone() } else { Client::crowd(arrival.client) };
    let scopes = match chosen(&posted.fields) {
        Some(ticked) if ticked.is_empty() && provider::has_scopes(&seat.desk) => return Err(nothing_ticked(&seat)),
        Some(ticked) if !ticked.is_empty() => ticked,
        // Guests have the accounts of a service by turns: what the one before asked for is nobody else's.
        _ if site.people.is_none() && !site.holder(&seat).read().await.is(&posted.visit) => seat.desk.scopes.clone(),
        _ => scopes_of(&site, &seat).await?,
    };
    let binding = &posted.visit.binding;
    let Some(way) = seat.desk.way_named(posted.field("way")) else {
        let title = &seat.desk.provider.title;
        let text = match seat.desk.ways() {
            [Way::Code] => format!(
                "{title} sends no browser back: people log in there on any device, with a code that is shown here. Nothing was done."
            ),
            _ => format!("{title} cannot be connected in this way. Nothing was done."),
        };
        return Err(Failure::plain(StatusCode::BAD_REQUEST, "Not like that", text).onward("Back", page::provider_path(&seat.desk.account)));
    };
    let begun = match way {
        Way::Import => return Err(made_elsewhere(&seat)),
        Way::Keys => return by_keys_alone(&site, &seat, &posted.visit).await,
        Way::Redirect => by_redirect(&site, &seat, Begins { crowd, scopes, binding, is_new, link: None })
            .await
            .map(|(url, login)| (url, login.pending.expires_at())),
        Way::Code | Way::Pin => elsewhere(&site, &seat, way, Begins { crowd, scopes, binding, is_new, link: None }).await,
    };
    let (url, until) = begun?;
    site.browsers.waits(&posted.visit, until);
    Ok(super::see_other(&url))
}

/// Begins a login that the provider's redirect ends: where the browser goes, and what waits for it.
pub(super) async fn by_redirect(site: &Site, seat: &Seat, begins: Begins<'_>) -> Result<(String, PendingLogin), Failure> {
    let Begins { crowd, scopes, binding, is_new, link: _ } = begins;
    let desk = &seat.desk;
    let failed = |error: Error| Failure::from_error(error, seat);
    let redirect = Redirect::Uri(desk.redirect_uri.clone());
    let login = Login::begin(&site.keyfob, &desk.settings, &desk.app, &seat.name, redirect, scopes).await.map_err(failed)?;
    let pending = PendingLogin { is_new, ..login.stored().among(Crowd::connecting(crowd)) };
    // The state belongs to this browser: an answer that another one brings is refused (login CSRF, CVE-2025-68158).
    site.keyfob.store().put_pending(&pending, binding.expose()).await.map_err(|error| failed(error.into()))?;
    Ok((login.url().to_owned(), pending))
}

/// Who begins a login, and for what.
pub(super) struct Begins<'a> {
    pub(super) crowd: String,
    pub(super) scopes: Vec<String>,
    pub(super) binding: &'a Secret,
    /// Whether nothing is there yet: what is in the end is another account, and stays.
    pub(super) is_new: bool,
    /// The number of the link that it is begun by.
    pub(super) link: Option<String>,
}

/// Begins a login by a code or a PIN: its page, and until when it waits.
pub(super) async fn elsewhere(site: &Site, seat: &Seat, way: Way, begins: Begins<'_>) -> Result<(String, Timestamp), Failure> {
    let Begins { crowd, scopes, binding, is_new, link } = begins;
    let (desk, by_link) = (&seat.desk, link.is_some());
    let failed = |error: Error| Failure::from_error(error, seat);
    waiting::has_room(site, &crowd).await?;
    let (login, expires_at, interval) = if way == Way::Pin {
        let login = Login::begin(&site.keyfob, &desk.settings, &desk.app, &seat.name, Redirect::OutOfBand, scopes).await.map_err(failed)?;
        let (kept, url) = (login.stored(), Secret::new(login.url()));
        let expires_at = kept.pending.expires_at();
        (waiting::Login::Pin { login: Box::new(kept), url }, expires_at, 0)
    } else {
        let login = DeviceLogin::begin(&site.keyfob, &desk.settings, &desk.app, &seat.name, scopes).await.map_err(failed)?;
        let kept = login.stored();
        let interval = kept.login.interval();
        (waiting::Login::Code(Box::new(kept)), login.expires_at(), interval)
    };
    let begun = Begun { seat, is_new, crowd, binding, link, login, expires_at, interval };
    let number = waiting::keep(site, begun).await?;
    Ok((page::waiting_path(&number, by_link), expires_at))
}

/// Where nobody is sent anywhere no page offers to. Whoever asks all the same is told how tokens come here.
fn made_elsewhere(seat: &Seat) -> Failure {
    let provider = &seat.desk.provider;
    let help = provider.import.as_ref().map_or("", |import| &import.help);
    Failure::plain(StatusCode::CONFLICT, format!("{} was not connected", provider.title), format!("Its tokens are made elsewhere. {help}"))
        .hint(format!("import them on the machine of this Keyfob: keyfob import {}", seat.shown))
        .onward("What to do", page::provider_path(&provider.name))
}

/// Where the app's keys alone sign, nobody is sent anywhere. An account there is all that the keys are good for: the owner's, who entered them, and nobody else's.
async fn by_keys_alone(site: &Site, seat: &Seat, visit: &Visit) -> Result<Response, Failure> {
    let (desk, title) = (&seat.desk, &seat.desk.provider.title);
    if visit.who.role != Role::Owner {
        let text = "Its calls are signed by the app's keys alone: whoever used it would do so as whoever the keys belong to. Only the owner connects it.";
        return Err(Failure::plain(StatusCode::FORBIDDEN, format!("{title} was not connected"), text).onward("Back", "/"));
    }
    site.open_book().await?;
    let holder = site.holder(seat);
    let mut holder = holder.write().await;
    let before = site.keyfob.store().account(&seat.name).await?.map(|before| before.value);
    let kept = login::one_legged(&site.keyfob, &desk.settings, &desk.app, &seat.name).await;
    let account = kept.map_err(|error| Failure::from_error(error, seat))?.account;
    let noted = take_over(site, seat, before, &account, By::Visit(Some(visit))).await?;
    holder.change(Some(visit));
    if noted == Noted::No {
        return Err(unnoted(seat));
    }
    site.leave(visit, Notice::good(format!("{title} is connected. The first call shows whether the keys are good."))).await;
    Ok(super::see_other(&page::account_path(seat)))
}

/// The scopes that were ticked, where the form had some to tick.
fn chosen(fields: &[(String, String)]) -> Option<Vec<String>> {
    let had_some = fields.iter().any(|(name, _)| name == "scopes");
    let ticked = fields.iter().filter(|(name, value)| name == "scope" && !value.is_empty()).map(|(_, value)| value.clone());
    had_some.then(|| ticked.collect())
}

/// What a login asks for where nobody says: as much as the account that is there was asked for, for whoever logs in again wants what it may do; else what is
/// usual (nothing: what the provider's file says).
pub(super) async fn scopes_of(site: &Site, seat: &Seat) -> Result<Vec<String>, Failure> {
    let there = site.keyfob.store().account(&seat.name).await?.map(|there| there.value);
    let before = there.filter(|there| there.provider == seat.desk.provider.name).map(|there| there.requested_scopes).unwrap_or_default();
    Ok(if before.is_empty() { seat.desk.scopes.clone() } else { before })
}

/// A login that asks for nothing would be one for all that is usual.
fn nothing_ticked(seat: &Seat) -> Failure {
    let title = &seat.desk.provider.title;
    Failure::plain(StatusCode::BAD_REQUEST, "Nothing was ticked", format!("Without anything to ask for, nobody is sent to {title}."))
        .hint("tick at least one")
        .onward("Back", if seat.label().is_some() { page::account_path(seat) } else { page::provider_path(&seat.desk.provider.name) })
}

/// The seat beside this one. It is for a new account: what is there keeps its tokens.
async fn another(site: &Site, seat: Seat, label: &str) -> Result<Seat, Failure> {
    let wrong = |status, title: &str, text: String| Failure::plain(status, title, text).onward("Back", "/");
    if !Provider::is_label(label) {
        let text = "A name for an account has small letters, digits and . - _ @, at most 64 of them, and begins with a letter or digit.";
        return Err(wrong(StatusCode::BAD_REQUEST, "That is no name for an account", text.to_owned()));
    }
    let seat = site.seat(&seat.person, &format!("{}/{label}", seat.desk.account)).ok_or_else(Failure::nowhere)?;
    if site.keyfob.store().account(&seat.name).await?.is_some() {
        let text = format!("There is an account {} already. Log in to it again on its page, or choose another name.", seat.shown);
        return Err(wrong(StatusCode::CONFLICT, "That name is taken", text));
    }
    Ok(seat)
}
