//! `GET` at a redirect URI's path: the provider sends the person back.
//!
//! Good is an answer to a login that *this browser* has under way; the store hands a login out once. Everything else is refused, and
//! leaves logins under way alone.

use std::sync::Arc;

use axum::response::Response;
use http::request::Parts;
use http::{Method, StatusCode};
use keyfob::login::Verified;
use keyfob::proto::{Answer, Error as ProtoError, Secret, encode};
use keyfob::{Account, Approved, Error, LoggedIn, Login, PendingLogin, StoreError};
use tokio::sync::OwnedRwLockWriteGuard;

use crate::audit::{Noted, What, Who};
use crate::browser::{Notice, Visit};
use crate::failure::{Failure, Handed, sentence};
use crate::links;
use crate::page;
use crate::people::People;
use crate::seat::{Holder, Seat};
use crate::site::Site;

/// The parameters that name a login: OAuth 2's `state`, OAuth 1's temporary token, and what some OAuth 1 servers call it
/// after a denial.
const KEYS: [&str; 3] = ["state", "oauth_token", "denied"];

/// How often keeping an account is tried that other machines get in the way of.
const TRIES: usize = 32;

/// Longer is no answer.
pub(super) const LONGEST: usize = 16 * 1024;

/// Whether a query looks like an answer.
pub(crate) fn is_answer(query: &str) -> bool {
    let names = encode::decode_pairs(query.as_bytes()).map(|(name, _)| name);
    names.into_iter().any(|name| KEYS.iter().chain(&["code", "error"]).any(|known| known.as_bytes() == name))
}

pub(crate) async fn receive(site: &Arc<Site>, request: &Parts) -> Result<Response, Failure> {
    // A link checker's HEAD must not spend the login.
    if request.method != Method::GET {
        return Err(Failure::not_allowed());
    }
    let query = request.uri.query().filter(|query| query.len() <= LONGEST).ok_or_else(Failure::not_our_answer)?;
    // A link's browser is nobody's here; and who is known may have opened a link, too.
    if let Some(key) = key(query)
        && let Some(response) = links::receive(site, request, &key).await?
    {
        return Ok(response);
    }
    let visit = request.extensions.get::<Visit>().cloned().ok_or_else(|| {
        tracing::warn!("a callback without a session of ours was refused");
        Failure { status: StatusCode::FORBIDDEN, ..Failure::not_our_answer() }
    })?;
    let key = key(query).ok_or_else(Failure::not_our_answer)?;
    site.open_book().await?;
    let taken = site.keyfob.store().take_pending(&key, visit.binding.expose(), site.keyfob.now()).await;
    let taken = taken.map_err(|error| {
        tracing::error!(%error, "the login under way could not be read");
        Failure::plain(StatusCode::SERVICE_UNAVAILABLE, "The vault cannot be used", "The login could not be looked up. The log says why.")
    })?;
    let Some(pending) = taken else {
        tracing::warn!("a callback that answers no login of its browser was refused");
        return Err(Failure::not_our_answer());
    };
    let is_new = pending.is_new;
    let (seat, coming) = match answered(site, visit.person(), pending, &visit.binding, request).await? {
        Answered::Verified(seat, coming) => (seat, coming),
        Answered::Ended(seat, error) => return Ok(ended(site, &seat, &visit, *error).await),
    };
    let done = finish(site, &seat, coming, Expects::of(is_new), By::Visit(Some(&visit))).await?;
    let notice = done.notice();
    // 303: the code is gone from the address bar, and from what the back button goes to.
    let onward = super::see_other(&page::account_path(&done.seat));
    if site.people.is_some() {
        if done.noted == Noted::No {
            return Err(unnoted(&done.seat));
        }
        site.leave(&visit, notice).await;
        return Ok(onward);
    }
    // A guest becomes somebody by connecting: that is their sign-in.
    let visit = site.browsers.renew(&visit, site.keyfob.now());
    site.leave(&visit, notice).await;
    Ok(super::with_cookie(onward, site, &visit))
}

/// The name of the login that a query answers: of the parameters that can name one, exactly one, once.
pub(super) fn key(query: &str) -> Option<String> {
    // Whatever else is in it: not all that servers say to people is UTF-8.
    let pairs: Vec<_> = encode::decode_pairs(query.as_bytes()).collect();
    KEYS.iter().find_map(|key| {
        let mut values = pairs.iter().filter(|(name, value)| name == key.as_bytes() && !value.is_empty()).map(|(_, value)| value);
        String::from_utf8(values.next().filter(|_| values.next().is_none())?.clone()).ok()
    })
}

/// What an answer to a login under way comes to.
pub(crate) enum Answered {
    /// Somebody approved it.
    Verified(Seat, Coming),
    /// The person, or the provider, said no.
    Ended(Seat, Box<ProtoError>),
}

/// Judges an answer to a login of this person's that was taken to be answered. Whatever does not end it leaves it under way, for the right answer.
pub(crate) async fn answered(
    site: &Site,
    person: &str,
    pending: PendingLogin,
    binding: &Secret,
    request: &Parts,
) -> Result<Answered, Failure> {
    let judged = judge(site, person, &pending, request).await;
    if judged.is_err() {
        put_back(site, &pending, binding).await;
    }
    judged
}

async fn judge(site: &Site, person: &str, pending: &PendingLogin, request: &Parts) -> Result<Answered, Failure> {
    let (path, query) = (request.uri.path(), request.uri.query().unwrap_or_default());
    // The login may have begun at another instance, with an app that this one has not heard of.
    site.look_for(&pending.provider).await?;
    // Whose account it becomes was written down when it began, and the place it came to is the place that this provider was told, and no other one's
    // (RFC 9700 §4.4).
    let Some(seat) = seat_of(site, person, pending, path) else {
        return Err(Failure::not_our_answer());
    };
    let login = Login::resume(&site.keyfob, &seat.desk.settings, &seat.desk.app, pending.clone())
        .map_err(|wrong| Failure::from_error(wrong.into(), &seat))?;
    match login.verify(Answer::Query(query)) {
        Ok(verified) => Ok(Answered::Verified(seat, Coming::Proof(Box::new(login), verified))),
        Err(error) if error.ends_login() => Ok(Answered::Ended(seat, Box::new(error))),
        Err(error) => {
            tracing::warn!(%error, "a callback was refused; the login goes on");
            Err(Failure::not_our_answer())
        }
    }
}

/// The seat that a login was begun for, if it is this person's, and its provider's answer came to where that provider was told.
fn seat_of(site: &Site, person: &str, pending: &PendingLogin, path: &str) -> Option<Seat> {
    site.seat_in_vault(person, &pending.account).filter(|Seat { desk, .. }| {
        desk.provider.name == pending.provider && desk.callback_path == path && pending.pending.redirect_uri() == Some(&desk.redirect_uri)
    })
}

/// What somebody approved, as it comes here.
pub(crate) enum Coming {
    /// By redirect or as a PIN: the proof that it answers this login, to be exchanged.
    Proof(Box<Login>, Verified),
    /// As the answer to a question.
    Tokens(Box<Approved>),
}

impl Coming {
    async fn exchange(self) -> Result<Approved, Error> {
        match self {
            Self::Proof(login, verified) => login.exchange(verified).await,
            Self::Tokens(approved) => Ok(*approved),
        }
    }
}

/// A login that is done, and not written down.
pub(super) fn unnoted(seat: &Seat) -> Failure {
    let title = &seat.desk.provider.title;
    Failure::unwritten(&format!("{title} is connected all the same.")).onward(format!("To {title}"), page::account_path(seat))
}

/// What a login expects under the name that it was begun for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expects {
    /// Whatever is there: it is a login again.
    Anything,
    /// Nothing, and of a name that is taken by now nothing comes.
    Nothing,
    /// Nothing, and beside what has come there meanwhile it has room, too.
    Room,
}

impl Expects {
    /// What a person's login does that was begun for a new account, or again.
    pub(crate) fn of(is_new: bool) -> Self {
        if is_new { Self::Room } else { Self::Anything }
    }
}

/// Who brings what was approved.
#[derive(Clone, Copy, Debug)]
pub(crate) enum By<'a> {
    /// Its person, in a browser of theirs where one is known.
    Visit(Option<&'a Visit>),
    /// Somebody who is nobody here, by the connect link of this number. The account is whose it was meant for.
    Link(&'a str),
}

impl By<'_> {
    /// As the book has it.
    fn who(self, seat: &Seat) -> Who {
        match self {
            Self::Visit(_) => Who::person(&seat.person),
            Self::Link(number) => Who::Link { link: number.to_owned() },
        }
    }

    fn visit(&self) -> Option<&Visit> {
        match self {
            Self::Visit(visit) => *visit,
            Self::Link(_) => None,
        }
    }
}

/// A login that is done.
#[derive(Debug)]
pub(crate) struct Done {
    /// Where its account is.
    pub(crate) seat: Seat,
    /// What it was begun as, where that has become another account's name.
    instead_of: Option<String>,
    /// What the login was to bring for actions, and did not.
    lacking: Vec<String>,
    /// Whether it is written down, too.
    pub(crate) noted: Noted,
}

impl Done {
    /// For whoever began it.
    pub(super) fn notice(&self) -> Notice {
        let (title, shown) = (&self.seat.desk.provider.title, &self.seat.shown);
        let notice = Notice::good(match &self.instead_of {
            None => format!("{title} is connected."),
            Some(taken) => format!("{title} is connected, as {shown}: {taken} was taken meanwhile, and is another account."),
        });
        Notice { lines: self.lacking.iter().map(|told| ("Note".to_owned(), sentence(told))).collect(), ..notice }
    }
}

/// Exchanges the code and takes the account over. Nobody uses the account while it changes hands; but for the provider, which may hang, nobody waits. Among
/// people it is linked to nobody who is somebody else, and takes no place but that of what it `expects` there.
pub(crate) async fn finish(site: &Site, seat: &Seat, coming: Coming, expects: Expects, by: By<'_>) -> Result<Done, Failure> {
    let failed = |error: Error| Failure::from_error(error, seat);
    // Before there are tokens that nobody would have; those that are there already are kept, or revoked, below. Whether it is so still is judged where it is
    // kept: of two that come at once for one name, both find it free here.
    if matches!(coming, Coming::Proof(..))
        && let Some(before) = site.keyfob.store().account(&seat.name).await?
    {
        let Account { name, provider, .. } = before.value;
        match expects {
            Expects::Nothing => return Err(Failure::name_taken()),
            // Guests have one account of a service: nothing goes beside it.
            _ if site.people.is_none() && provider != seat.desk.provider.name => return Err(failed(Error::TakenName { name, provider })),
            _ => {}
        }
    }
    let came = site.keyfob.now();
    let approved = coming.exchange().await.map_err(failed)?;
    // That takes as long as the provider likes: a link that was taken back meanwhile, with the token that made it or without, connects nothing. Its tokens are
    // not revoked, as none are that come to nothing here: see [`keep`].
    if let By::Link(number) = by
        && !links::is_there(site, number, came).await?
    {
        return Err(Failure::spent_link(Handed::Connect));
    }
    let mut holder = site.holder(seat).write_owned().await;
    let Some(people) = &site.people else {
        let logged_in = approved.keep().await.map_err(failed)?;
        holder.change(by.visit());
        return Ok(Done { seat: seat.clone(), instead_of: None, lacking: lacking(seat, &logged_in), noted: Noted::Yes });
    };
    let Kept { seat: there, mut holder, before, account, lacking } = keep(site, people, seat, holder, approved, expects).await?;
    let noted = take_over(site, &there, before, &account, by).await?;
    match by.visit() {
        Some(visit) => holder.change(Some(visit)),
        // Nobody who is known came with it.
        None => holder.forget(),
    }
    let instead_of = (there.shown != seat.shown).then(|| seat.shown.clone());
    Ok(Done { seat: there, instead_of, lacking, noted })
}

/// What was approved, in the vault.
struct Kept {
    /// Where it is.
    seat: Seat,
    /// Nobody else uses it until this is dropped.
    holder: OwnedRwLockWriteGuard<Holder>,
    /// Whose place it took.
    before: Option<Account>,
    account: Account,
    lacking: Vec<String>,
}

fn lacking(seat: &Seat, logged_in: &LoggedIn) -> Vec<String> {
    seat.desk.provider.tell_lacking(&logged_in.account.kept, &logged_in.members)
}

/// Keeps what was approved, at the seat that it was begun for, or beside it where another account is there by now.
async fn keep(
    site: &Site,
    people: &People,
    begun: &Seat,
    mut holder: OwnedRwLockWriteGuard<Holder>,
    mut approved: Approved,
    expects: Expects,
) -> Result<Kept, Failure> {
    let (mut there, mut number, mut tries) = (begun.clone(), 1, 0);
    loop {
        let seat = &there;
        let failed = |error: Error| Failure::from_error(error, seat);
        // Its tokens are not revoked: under another name, or this one, there may be a login to the same account that is good, and would end with them at some
        // providers.
        let not_kept = |error| failed(Error::NotKept { account: seat.name.clone(), revoked: false, error });
        let before = match site.keyfob.store().account(&seat.name).await {
            Ok(before) => before,
            Err(error) => return Err(not_kept(error)),
        };
        let known = before.as_ref().map(|before| &before.value);
        // It is known to be the same account at the provider, which has been logged in to twice.
        let is_again = known.is_some_and(|known| approved.person().is_some() && known.person() == approved.person());
        match expects {
            // Its tokens are not revoked either.
            Expects::Nothing if known.is_some() => return Err(Failure::name_taken()),
            Expects::Room if known.is_some() && !is_again => {
                number += 1;
                drop(holder);
                there = site.beside(begun, number).ok_or_else(Failure::name_taken)?;
                holder = site.holder(&there).write_owned().await;
                approved = approved.under(&there.name);
                continue;
            }
            _ => {}
        }
        let linked = if site.shared_accounts { Ok(true) } else { people.link(site, seat, &approved).await };
        match linked {
            Ok(true) => {}
            // Not revoked either.
            Ok(false) => {
                tracing::warn!(account = seat.name, "what was approved is linked to somebody else");
                return Err(Failure::taken(seat));
            }
            Err(error) => return Err(not_kept(error)),
        }
        // Over what was judged, and over nothing that another machine has put there since.
        let kept = match &before {
            Some(before) => approved.keep_over(before.clone()).await,
            None => approved.keep_new().await,
        };
        let error = match kept {
            Ok(logged_in) => {
                let lacking = lacking(seat, &logged_in);
                return Ok(Kept { holder, before: before.map(|before| before.value), account: logged_in.account, lacking, seat: there });
            }
            Err(error) => error,
        };
        people.disown(site, seat, &approved).await;
        tries += 1;
        match error {
            Error::Store(StoreError::Conflict) if tries < TRIES => {}
            Error::Store(StoreError::Conflict) => return Err(not_kept(StoreError::Conflict)),
            error => return Err(failed(error)),
        }
    }
}

/// Among people: the account is this person's from now on. The vault has it by now: what cannot be written down beside it makes the login no failure, for
/// who is told that nothing was done does it again.
pub(super) async fn take_over(site: &Site, seat: &Seat, before: Option<Account>, account: &Account, by: By<'_>) -> Result<Noted, Failure> {
    let (people, now) = (site.people()?, site.keyfob.now());
    let mut noted = Noted::Yes;
    // The name has become another account's at the provider, and has an id of its own: nothing that was made for the old one is for this one.
    if let Some(before) = before.filter(|before| before.id != account.id) {
        noted = noted.and(Noted::of(&people.unlist(&seat.person, &before, now).await));
    }
    noted = noted.and(Noted::of(&people.list(&seat.person, account, now).await));
    // Somebody who was removed meanwhile leaves nothing behind.
    let is_here = people.is_here(&seat.person, now).await;
    noted = noted.and(Noted::of(&is_here.as_ref().map(drop)));
    if !is_here.unwrap_or(true) {
        let desk = &seat.desk;
        let gone = keyfob::logout(&site.keyfob, &desk.settings, &desk.app, &seat.name, true).await;
        gone.map_err(|error| Failure::from_error(error, seat))?;
        people.unlist(&seat.person, account, now).await?;
        return Err(Failure::sign_in_first());
    }
    Ok(noted.and(site.note_done(&seat.person, by.who(seat), What::Connected { account: seat.shown.clone() }).await))
}

/// The person, or the provider, said no.
async fn ended(site: &Site, seat: &Seat, visit: &Visit, error: ProtoError) -> Response {
    tracing::info!(account = seat.name, %error, "the login ended");
    site.leave(visit, why(seat, &error)).await;
    super::see_other("/")
}

/// Why nothing came of a login, for whoever began it.
pub(super) fn why(seat: &Seat, error: &ProtoError) -> Notice {
    let title = &seat.desk.provider.title;
    let is_denial = matches!(error, ProtoError::Refused(refused) if refused.code == keyfob::proto::Code::AccessDenied);
    Notice::bad(if is_denial {
        format!("{title} was not connected: you said no there. Nothing was stored.")
    } else {
        format!("{title} was not connected. {}", sentence(&error.to_string()))
    })
}

pub(crate) async fn put_back(site: &Site, pending: &PendingLogin, binding: &Secret) {
    if let Err(error) = site.keyfob.store().put_pending(&pending.clone().returned(), binding.expose()).await {
        tracing::error!(%error, "a login under way was lost");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a14_a_repeated_name_names_nothing() {
        assert_eq!(key("code=1&state=a").as_deref(), Some("a"));
        assert_eq!(key("oauth_token=t&oauth_verifier=v").as_deref(), Some("t"));
        assert_eq!(key("denied=t").as_deref(), Some("t"));
        for none in ["state=a&state=a", "state=", "code=1", "", "state=%ff"] {
            assert_eq!(key(none), None, "{none}");
        }
    }

    #[test]
    fn an_answer_is_told_by_its_parameters() {
        assert!(is_answer("error=access_denied") && is_answer("x=1&oauth_token=t"));
        assert!(!is_answer("") && !is_answer("q=state"));
    }
}
