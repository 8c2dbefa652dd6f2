//! `/v1/accounts`: what is connected, and how it is. Never a token.

use http::StatusCode;
use keyfob::history::{Entry, Event};
use keyfob::proto::{TokenSet, scrub};
use keyfob::{Account, Revoked};
use keyfob_providers::nearest;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use super::call::Call;
use super::cursor::Page;
use super::moment::Moment;
use crate::audit::{Noted, What};
use crate::failure::sentence;
use crate::people::{LONGEST_NAME, is_name};
use crate::problem::Problem;
use crate::seat::Seat;

/// An account, without its tokens.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Account")]
pub(super) struct Shown {
    /// Its immutable id: another account of the same name has another.
    id: String,
    /// Its name: in the paths of this API, and of `/api` and `/token`.
    name: String,
    /// What the person calls it on pages.
    title: Option<String>,
    /// The provider's name.
    provider: String,
    health: How,
    /// Why a person has to log in again.
    reason: Option<String>,
    /// When the person logged in last.
    connected_at: Moment,
    /// When the token ends, where that is known.
    expires_at: Option<Moment>,
    /// Whether it gets new tokens by itself.
    renews: bool,
    /// What was asked for.
    requested_scopes: Vec<String>,
    /// What was granted, where the provider says so.
    granted_scopes: Vec<String>,
}

/// How an account is.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum How {
    /// It can be used.
    Ok,
    /// A person has to log in again.
    NeedsLogin,
}

impl Shown {
    fn of(seat: &Seat, account: &Account, title: Option<String>) -> Self {
        let reason = seat.wants_login(account).map(|reason| sentence(&reason));
        let health = if reason.is_some() { How::NeedsLogin } else { How::Ok };
        let granted_scopes = match &account.tokens {
            TokenSet::OAuth2(tokens) => tokens.scopes.clone(),
            _ => Vec::new(),
        };
        Self {
            id: account.id.to_string(),
            name: seat.shown.clone(),
            title,
            provider: account.provider.clone(),
            health,
            reason,
            connected_at: account.logged_in_at.into(),
            expires_at: account.tokens.expires_at().filter(|_| matches!(account.tokens, TokenSet::OAuth2(_))).map(Moment::from),
            renews: account.renews(),
            requested_scopes: account.requested_scopes.clone(),
            granted_scopes,
        }
    }
}

pub(super) async fn list(call: Call) -> Result<Page<Shown>, Problem> {
    let window = call.window()?;
    let mine = call.site.accounts_of(call.people()?, call.person()).await?;
    Ok(window.of(mine, |mine| mine.seat.shown.clone(), |mine| Shown::of(&mine.seat, &mine.account, mine.title)))
}

pub(super) async fn show(call: Call) -> Result<Shown, Problem> {
    let (seat, account) = found(&call).await?;
    let title = call.people()?.title(&account, call.now()).await?;
    Ok(Shown::of(&seat, &account, title))
}

/// What an account is called.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Renaming {
    /// On pages; null: what it is called without; left away: it stays. Its name in paths stays in any case.
    #[serde(default, deserialize_with = "said")]
    #[schemars(with = "Option<String>", length(max = LONGEST_NAME))]
    title: Option<Option<String>>,
}

/// What is there, if it is null, too (RFC 7396 §1): only what is left away is nothing that was said.
fn said<'de, D: Deserializer<'de>>(member: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(member).map(Some)
}

pub(super) async fn rename(call: Call, new: Renaming) -> Result<Shown, Problem> {
    let (seat, account) = found(&call).await?;
    let Some(title) = new.title else {
        let title = call.people()?.title(&account, call.now()).await?;
        return Ok(Shown::of(&seat, &account, title));
    };
    let title = title.as_deref().map(str::trim).filter(|title| !title.is_empty()).map(str::to_owned);
    if title.as_deref().is_some_and(|title| !is_name(title)) {
        return Err(Problem::cannot("misuse", "A name has 1 to 60 characters, on one line."));
    }
    call.tell(What::Renamed { account: seat.shown.clone(), title: title.clone() }).await?;
    call.people()?.entitle(call.person(), &account, title.clone()).await?;
    Ok(Shown::of(&seat, &account, title))
}

/// What became of a logout.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Disconnected {
    name: String,
    revoked: Whether,
    /// Why the provider did not forget the tokens.
    detail: Option<String>,
}

/// Whether the provider forgot the tokens, too.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Whether {
    Yes,
    /// There is no way to ask it.
    CannotBeAsked,
    /// It was asked, and did not.
    Failed,
}

pub(super) async fn disconnect(call: Call) -> Result<Disconnected, Problem> {
    let (seat, account) = found(&call).await?;
    // Before: once it is gone there is nobody to tell of it.
    call.gate()?.book.open(call.now()).await?;
    let site = &call.site;
    let holder = site.holder(&seat);
    let mut holder = holder.write().await;
    let done = keyfob::logout(&site.keyfob, &seat.desk.settings, &seat.desk.app, &seat.name, true).await;
    let done = done.map_err(|error| Problem::of_account(error, &seat.shown))?;
    // It is gone by now: that it is still listed is no reason to do it again.
    let unlisted = Noted::of(&call.people()?.unlist(call.person(), &done.account, call.now()).await);
    holder.forget();
    let (revoked, detail) = match done.revoked {
        Revoked::Yes => (Whether::Yes, None),
        Revoked::Failed(error) => (Whether::Failed, Some(sentence(&error.to_string()))),
        _ => (Whether::CannotBeAsked, None),
    };
    let told = What::Disconnected { account: seat.shown.clone(), revoked: matches!(revoked, Whether::Yes) };
    call.tell_of_done(told).await?;
    tracing::info!(account = account.name, "disconnected");
    if unlisted == Noted::No {
        return Err(Problem::unavailable("vault", "The account is disconnected, and that could not be written down everywhere."));
    }
    Ok(Disconnected { name: seat.shown, revoked, detail })
}

pub(super) async fn refresh(call: Call) -> Result<Shown, Problem> {
    let (seat, account) = found(&call).await?;
    if !account.renews() {
        return Err(Problem::cannot("does-not-renew", "This account does not get new tokens by itself.")
            .hint("its token is good until a person takes it back; then the person logs in again"));
    }
    let desk = &seat.desk;
    // As the vault has it now: one that is in use may be of a login that is over.
    let session = async { call.site.keyfob.session(desk.settings.clone(), desk.app.clone(), &seat.name).await?.reread().await };
    let session = session.await.map_err(|error| Problem::of_account(error, &seat.shown))?;
    call.tell(What::Refreshed { account: seat.shown.clone() }).await?;
    let account = session.refresh().await.map_err(|error| Problem::of_account(error, &seat.shown))?;
    let title = call.people()?.title(&account, call.now()).await?;
    Ok(Shown::of(&seat, &account, title))
}

/// What became of the tokens of an account.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct History {
    entries: Vec<Line>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "HistoryEntry")]
struct Line {
    at: Moment,
    event: Happened,
    /// Why, where it did not go well.
    reason: Option<String>,
    /// The program and the machine that did it.
    by: String,
}

/// What can become of tokens.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Happened {
    LoggedIn,
    /// Its tokens were made elsewhere, and taken in.
    Imported,
    Refreshed,
    RefreshFailed,
    NeedsLogin,
    Abandoned,
    Unsaved,
    Renamed,
    LoggedOut,
    Other,
}

impl Line {
    fn of(entry: &Entry) -> Self {
        let (event, reason) = match &entry.event {
            Event::LoggedIn { imported: true, .. } => (Happened::Imported, None),
            Event::LoggedIn { .. } => (Happened::LoggedIn, None),
            Event::Refreshed { .. } => (Happened::Refreshed, None),
            Event::RefreshFailed { reason, .. } => (Happened::RefreshFailed, Some(reason)),
            Event::NeedsLogin { reason, .. } => (Happened::NeedsLogin, Some(reason)),
            Event::Abandoned { .. } => (Happened::Abandoned, None),
            Event::Unsaved { reason, .. } => (Happened::Unsaved, Some(reason)),
            Event::Renamed { .. } => (Happened::Renamed, None),
            Event::LoggedOut { .. } => (Happened::LoggedOut, None),
            _ => (Happened::Other, None),
        };
        Self { at: entry.at.into(), event, reason: reason.map(|reason| sentence(reason)), by: entry.by.to_string() }
    }
}

pub(super) async fn history(call: Call) -> Result<History, Problem> {
    let (_, account) = found(&call).await?;
    let history = call.site.keyfob.store().history(&account.id).await?;
    // The store has them in the order in which they were written; of several in one second the moment says nothing.
    Ok(History { entries: history.iter().rev().map(Line::of).collect() })
}

/// The account that the path names, if it is this person's.
async fn found(call: &Call) -> Result<(Seat, Account), Problem> {
    named(call, call.named("account")).await?.ok_or_else(Problem::not_here)
}

/// The person's account of this name.
pub(super) async fn named(call: &Call, name: &str) -> Result<Option<(Seat, Account)>, Problem> {
    let Some(seat) = call.site.seat(call.person(), name) else { return Ok(None) };
    let found = call.site.keyfob.store().account(&seat.name).await?;
    Ok(found.map(|found| (seat, found.value)))
}

/// That this person has no such account, with the nearest that they have: somebody else's is as if it were not there (L8).
pub(super) async fn none_called(call: &Call, name: &str) -> Result<Problem, Problem> {
    let mine = call.site.accounts_of(call.people()?, call.person()).await?.items;
    let near = nearest(name, mine.iter().map(|mine| mine.seat.shown.as_str())).map(|near| format!("did you mean \"{near}\"? "));
    let detail = format!("You have no account called \"{}\".", scrub::printable(name));
    Ok(Problem::new(StatusCode::NOT_FOUND, "not-found", detail).hint(format!("{}GET /v1/accounts lists yours", near.unwrap_or_default())))
}
