//! One turn at a login that waits: a question about a code, or a PIN that was typed.

use keyfob::login::Asked;
use keyfob::proto::{Answer, Error as ProtoError};
use keyfob::{DeviceLogin, Error};

use super::{AGAIN, End, Login, Waiting};
use crate::browser::Visit;
use crate::failure::Failure;
use crate::links::{self, Failed};
use crate::routes::callback::{By, Coming, Done, Expects, finish};
use crate::seat::Seat;
use crate::site::Site;

/// What came of it.
#[derive(Debug)]
pub(crate) enum Came {
    /// Nothing yet.
    Nothing,
    /// An account.
    Account(Box<Done>),
    /// Somebody said no, or it is too late.
    No(Box<ProtoError>),
    /// What was typed is no PIN of this login. It goes on.
    NoPin(Box<ProtoError>),
}

/// Asks the provider, if it is time to and nobody else does. The visit is the one that brings it about, where somebody is known.
pub(crate) async fn ask(site: &Site, seat: &Seat, waiting: &mut Waiting, visit: Option<&Visit>) -> Result<Came, Failure> {
    let (shelf, now) = (&*site.waiting, site.keyfob.now());
    let Login::Code(kept) = waiting.record.login.clone() else { return Ok(Came::Nothing) };
    if !waiting.is_due(now) {
        return Ok(Came::Nothing);
    }
    let desk = &seat.desk;
    let after = kept.login.interval().max(AGAIN);
    let mut login =
        DeviceLogin::resume(&site.keyfob, &desk.settings, &desk.app, *kept).map_err(|error| Failure::from_error(error, seat))?;
    // Tokens that are nobody's would be lost.
    let hindrance = match &waiting.record.link {
        None => None,
        Some(number) => links::hindrance(site, number, seat).await?,
    };
    if !waiting.take_turn(shelf, now).await? {
        return Ok(Came::Nothing);
    }
    if let Some(failure) = hindrance {
        if let Some(number) = &waiting.record.link {
            links::ended(site, number, Failed::here(&failure, now)).await?;
        }
        waiting.give_back(shelf, Login::Over(End::Failed((&failure).into())), now).await?;
        return Err(failure);
    }
    // What cannot be written down is not asked for: the login goes on.
    if let Err(failure) = site.open_book().await {
        waiting.give_back(shelf, Login::Code(Box::new(login.stored())), now.plus(after)).await?;
        return Err(failure);
    }
    let asked = login.ask().await;
    let now = site.keyfob.now();
    match asked {
        Ok(Asked::Waits(at)) => {
            waiting.give_back(shelf, Login::Code(Box::new(login.stored())), at).await?;
            Ok(Came::Nothing)
        }
        Ok(Asked::Approved(approved)) => {
            // The tokens are there, and nowhere else: what cannot be noted beside them must not lose them.
            if let Err(error) = waiting.keep_turn(shelf).await {
                tracing::warn!(account = seat.name, %error, "that a login was approved could not be noted");
            }
            let settled = settle(site, seat, waiting, Coming::Tokens(approved), visit).await;
            let end = settled.as_ref().map_or_else(|failure| End::Failed(failure.into()), |_| End::Connected);
            if let Err(error) = waiting.give_back(shelf, Login::Over(end), now).await {
                tracing::warn!(account = seat.name, %error, "what came of a login could not be noted");
            }
            settled.map(|done| Came::Account(Box::new(done)))
        }
        Ok(_) => Ok(Came::Nothing),
        Err(error) if login.is_decided() || ends(&error) => {
            tracing::info!(account = seat.name, %error, "a login by a code ended");
            waiting.give_back(shelf, Login::Over(End::Refused), now).await?;
            if let Error::Protocol(error) = &error {
                note(site, waiting, error).await?;
            }
            match error {
                Error::Protocol(error) => Ok(Came::No(Box::new(error))),
                error => Err(Failure::from_error(error, seat)),
            }
        }
        Err(error) => {
            tracing::warn!(account = seat.name, %error, "a question about a code was not answered; the login goes on");
            waiting.give_back(shelf, Login::Code(Box::new(login.stored())), now.plus(after)).await?;
            Ok(Came::Nothing)
        }
    }
}

/// Takes a PIN.
pub(crate) async fn enter(site: &Site, seat: &Seat, waiting: &mut Waiting, pin: &str, visit: Option<&Visit>) -> Result<Came, Failure> {
    let (shelf, now) = (&*site.waiting, site.keyfob.now());
    let Login::Pin { login: kept, url } = waiting.record.login.clone() else { return Ok(Came::Nothing) };
    let desk = &seat.desk;
    let login = keyfob::Login::resume(&site.keyfob, &desk.settings, &desk.app, (*kept).clone())
        .map_err(|wrong| Failure::from_error(wrong.into(), seat))?;
    site.open_book().await?;
    // Of two that are typed at once one counts: a PIN is good once.
    if !waiting.is_free(now) || !waiting.take_turn(shelf, now).await? {
        return Ok(Came::Nothing);
    }
    let goes_on = || Login::Pin { login: kept.clone(), url: url.clone() };
    let verified = match login.verify(Answer::Bare(pin.trim())) {
        Ok(verified) => verified,
        Err(error) => {
            let is_over = error.ends_login();
            let login = if is_over { Login::Over(End::Refused) } else { goes_on() };
            waiting.give_back(shelf, login, now).await?;
            if is_over {
                note(site, waiting, &error).await?;
            }
            return Ok(if is_over { Came::No(Box::new(error)) } else { Came::NoPin(Box::new(error)) });
        }
    };
    let settled = settle(site, seat, waiting, Coming::Proof(Box::new(login), verified), visit).await;
    // One that the provider refuses was mistyped, most likely.
    let login = if settled.is_ok() { Login::Over(End::Connected) } else { goes_on() };
    if let Err(error) = waiting.give_back(shelf, login, now).await {
        tracing::warn!(account = seat.name, %error, "what came of a login could not be noted");
    }
    settled.map(|done| Came::Account(Box::new(done)))
}

/// Makes an account of what was approved: the visitor's, or by a link the person's who made it.
async fn settle(site: &Site, seat: &Seat, waiting: &mut Waiting, coming: Coming, visit: Option<&Visit>) -> Result<Done, Failure> {
    let done = match &waiting.record.link {
        None => finish(site, seat, coming, Expects::of(waiting.record.is_new), By::Visit(visit)).await?,
        Some(number) => links::connect(site, number, seat, coming).await?,
    };
    // Whoever looks again is led to where it is.
    waiting.record.account.clone_from(&done.seat.name);
    Ok(done)
}

/// Why it ended, where the app will ask that made the link.
async fn note(site: &Site, waiting: &Waiting, error: &ProtoError) -> Result<(), Failure> {
    match &waiting.record.link {
        None => Ok(()),
        Some(number) => links::ended(site, number, Failed::at_provider(error, site.keyfob.now())).await,
    }
}

fn ends(error: &Error) -> bool {
    matches!(error, Error::Protocol(error) if error.ends_login())
}
