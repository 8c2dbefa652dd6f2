//! The provider sends a link's browser back.

use std::pin::pin;
use std::sync::Arc;

use axum::response::Response;
use http::StatusCode;
use http::request::Parts;
use keyfob::proto::{Timestamp, encode};
use keyfob::store::Expected;
use keyfob::{PendingLogin, StoreError};
use keyfob_store::Shelf;
use keyfob_store::shelf::{Item, Kind};
use sha2::{Digest, Sha256};

use super::{Failed, Link, State, by_number};
use crate::failure::{Failure, Handed};
use crate::guard::caught;
use crate::routes::callback::{Answered, By, Coming, Done, Expects, answered, finish};
use crate::routes::{link, see_other};
use crate::seat::Seat;
use crate::site::Site;

/// Which link a login under way belongs to.
const CONNECTING: Kind = Kind("connecting");

/// A login under way is given up after so long.
const UNDER_WAY: i64 = 15 * 60;

/// Writes down which link a login belongs to.
pub(crate) async fn connecting(shelf: &dyn Shelf, login: &PendingLogin, link: &Link, now: Timestamp) -> Result<(), StoreError> {
    let item = Item::new(id(login.key().expose()), link.id.as_bytes()).until(now.plus(UNDER_WAY));
    shelf.put_item(CONNECTING, &item, Expected::Anything).await.map(drop)
}

/// Takes the provider's answer, if it is one to a link's login. `None`: it is somebody's who is known here.
pub(crate) async fn receive(site: &Arc<Site>, request: &Parts, key: &str) -> Result<Option<Response>, Failure> {
    let Some(people) = &site.people else { return Ok(None) };
    let (shelf, now) = (&*people.shelf, site.keyfob.now());
    let Some(found) = shelf.item(CONNECTING, &id(key), now).await? else { return Ok(None) };
    let number = String::from_utf8_lossy(&found.value.content).into_owned();
    // Another browser's login, or one of a link that was taken back.
    let refused = || Failure { status: StatusCode::FORBIDDEN, ..Failure::not_our_answer() };
    let door = site.known_door(&request.headers).ok_or_else(refused)?;
    let mut link = by_number(shelf, &number, now).await?.filter(|link| link.is_for(&door)).ok_or_else(refused)?;
    if link.record.state != State::Open {
        return Err(back(site, &link, Failure::spent_link(Handed::Connect)).await);
    }
    site.open_book().await?;
    let taken = site.keyfob.store().take_pending(key, door.binding.expose(), now).await?;
    let pending = taken.ok_or_else(Failure::not_our_answer)?;
    let (seat, coming) = match answered(site, &link.owner, pending, &door.binding, request).await? {
        Answered::Verified(seat, coming) => (seat, coming),
        Answered::Ended(_, error) => {
            tracing::info!(link = link.id, %error, "a link's login ended");
            reopen(shelf, &mut link, Failed::at_provider(&error, now)).await;
            return Ok(Some(over(site, &link).await));
        }
    };
    // Whoever came by it is nobody here, and has no book.
    if let Err(failure) = spend_and_connect(site, &mut link, &seat, coming).await {
        return Err(back(site, &link, failure).await);
    }
    tracing::info!(link = link.id, account = seat.name, "connected by a link");
    Ok(Some(over(site, &link).await))
}

/// Why nothing can come of a login by the link of this number any more.
pub(crate) async fn hindrance(site: &Site, number: &str, seat: &Seat) -> Result<Option<Failure>, Failure> {
    let link = by_number(&*site.people()?.shelf, number, site.keyfob.now()).await?;
    let Some(link) = link.filter(|link| link.record.state == State::Open) else { return Ok(Some(Failure::spent_link(Handed::Connect))) };
    let is_taken = !link.record.reconnects && site.keyfob.store().account(&seat.name).await?.is_some();
    Ok(is_taken.then(Failure::name_taken))
}

/// Whether the link of this number, which was good then, has not been taken back. Whoever came in time is not too late for how long it takes.
pub(crate) async fn is_there(site: &Site, number: &str, then: Timestamp) -> Result<bool, Failure> {
    Ok(by_number(&*site.people()?.shelf, number, then).await?.is_some())
}

/// Connects by the link of this number, if it still is there to be used: what was approved meanwhile is nobody's otherwise.
pub(crate) async fn connect(site: &Site, number: &str, seat: &Seat, coming: Coming) -> Result<Done, Failure> {
    let shelf = &*site.people()?.shelf;
    let mut link = by_number(shelf, number, site.keyfob.now()).await?.ok_or_else(|| Failure::spent_link(Handed::Connect))?;
    let done = spend_and_connect(site, &mut link, seat, coming).await?;
    tracing::info!(link = link.id, account = seat.name, "connected by a link");
    Ok(done)
}

/// Spends the link and connects the account; if nothing comes of that, the link can be used again.
async fn spend_and_connect(site: &Site, link: &mut Link, seat: &Seat, coming: Coming) -> Result<Done, Failure> {
    let shelf = site.people()?.shelf.clone();
    // Before the code is exchanged: of any number who come with answers to one link, one connects.
    if !link.spend(&*shelf).await? {
        return Err(Failure::spent_link(Handed::Connect));
    }
    let expects = if link.record.reconnects { Expects::Anything } else { Expects::Nothing };
    // What panics would leave the link spent, too.
    // Whoever comes by it is nobody here: the book names the link, and not the person whose account it becomes.
    let number = link.id.clone();
    let finished = caught(pin!(finish(site, seat, coming, expects, By::Link(&number)))).await.unwrap_or_else(|| Err(Failure::ours()));
    if let Err(failure) = &finished {
        reopen(&*shelf, link, Failed::here(failure, site.keyfob.now())).await;
    }
    finished
}

async fn reopen(shelf: &dyn Shelf, link: &mut Link, failed: Failed) {
    if let Err(error) = link.reopen(shelf, failed).await {
        tracing::error!(link = link.id, %error, "a link by which nothing was connected could not be opened again");
    }
}

/// Notes at the link of this number why a login by it ended, for the app that made it.
pub(crate) async fn ended(site: &Site, number: &str, failed: Failed) -> Result<(), Failure> {
    let shelf = &*site.people()?.shelf;
    let link = by_number(shelf, number, site.keyfob.now()).await?;
    if let Some(mut link) = link.filter(|link| link.record.state == State::Open) {
        reopen(shelf, &mut link, failed).await;
    }
    Ok(())
}

/// What the browser sees in the end that came by the link of this number.
pub(crate) async fn outcome(site: &Site, number: &str, seat: &Seat, is_connected: bool) -> Result<Response, Failure> {
    let link = by_number(&*site.people()?.shelf, number, site.keyfob.now()).await?;
    let onward = match &link {
        Some(link) => onward(site, link).await,
        None => None,
    };
    let failed = link.and_then(|link| link.record.failed);
    Ok(match onward {
        Some(url) => see_other(&url),
        None if is_connected => link::connected(seat),
        None => link::not_connected(seat, failed.as_ref()),
    })
}

/// Where a browser goes in the end, with what came of the link: back to the app, or to a page that says so.
pub(crate) async fn over(site: &Site, link: &Link) -> Response {
    see_other(&onward(site, link).await.unwrap_or_else(|| link::over_path(link)))
}

/// A failure, for whoever came by the link of this number: they have no account here to go back to.
pub(crate) async fn back_to_app(site: &Site, number: &str, failure: Failure) -> Failure {
    let Some(people) = &site.people else { return failure };
    match by_number(&*people.shelf, number, site.keyfob.now()).await {
        Ok(Some(link)) => back(site, &link, failure).await,
        _ => failure.onward("To the start page", "/"),
    }
}

async fn back(site: &Site, link: &Link, failure: Failure) -> Failure {
    match onward(site, link).await {
        Some(url) => failure.onward("Back to the app", url),
        None => failure.onward("What you can do", link::over_path(link)),
    }
}

/// Back to the app, where it said so: the very URL that is on the list, with what came of it. What came of it is told here where that cannot be looked up.
async fn onward(site: &Site, link: &Link) -> Option<String> {
    let listed = link.return_to(&*site.people.as_ref()?.shelf, site.keyfob.now()).await;
    let url = listed.inspect_err(|error| tracing::warn!(link = link.id, %error, "where a link leads could not be looked up")).ok()??;
    let failed = link.record.failed.as_ref().filter(|failed| !failed.is_denial());
    let status = match link.record.state {
        State::Connected => "connected",
        State::Open if failed.is_some() => "failed",
        State::Open => "denied",
    };
    let pairs = [("connect_link", link.id.as_str()), ("account", link.record.account.as_str()), ("status", status)];
    let pairs = encode::form_pairs(pairs.into_iter().chain(failed.map(|failed| ("error", failed.error.as_str()))));
    let separator = if url.contains('?') { '&' } else { '?' };
    Some(format!("{url}{separator}{pairs}"))
}

fn id(key: &str) -> String {
    let hash = Sha256::new().chain_update(CONNECTING.0).chain_update([0]).chain_update(key).finalize();
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}
