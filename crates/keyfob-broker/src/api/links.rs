//! `/v1/connect-links`: pages on which somebody else connects an account for this person; and `/v1/return-urls`, where those may lead.

use keyfob::proto::scrub;
use keyfob_providers::nearest;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::call::Call;
use super::cursor::Page;
use super::keys::{refused, unfit};
use super::moment::Moment;
use crate::audit::{What, Who};
use crate::links::{self, Asked, Failed, Link, ReturnUrl, State};
use crate::problem::Problem;
use crate::site::Site;
use crate::way::Way;

/// A link is good for so long, where nobody says.
const USUAL: i64 = 3600;

/// A connect link, without what opens it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ConnectLink")]
pub(super) struct Shown {
    /// Its number.
    id: String,
    provider: String,
    /// The name of the account that comes of it.
    account: String,
    scopes: Vec<String>,
    return_to: Option<String>,
    state: State,
    /// Why nothing came of it when it was tried last.
    failure: Option<Why>,
    created_at: Moment,
    expires_at: Moment,
}

/// Why nothing came of a link. While it is open, it can be tried again.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ConnectLinkFailure")]
struct Why {
    at: Moment,
    /// A word for programs: `access_denied` where somebody said no, else what the provider said (RFC 6749), or a code of ours.
    error: String,
    /// The same in sentences.
    reason: String,
}

/// A link to be made.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewConnectLink {
    /// The provider's name.
    #[schemars(length(min = 1, max = 100))]
    provider: String,
    /// The name of the account: the provider's, perhaps with a label after a slash; none: with a label that is drawn.
    #[schemars(length(min = 1, max = 200))]
    account: Option<String>,
    /// Whether the account may take the place of one of this name.
    #[serde(default)]
    reconnect: bool,
    /// What to ask for; none: the provider's usual scopes.
    #[serde(default)]
    #[schemars(length(max = 50), inner(length(min = 1, max = 200)))]
    scopes: Vec<String>,
    /// Where the browser goes afterwards: one of the return URLs, byte for byte.
    #[schemars(length(min = 1, max = 2000))]
    return_to: Option<String>,
    /// In how many seconds it ends; none: an hour.
    #[schemars(range(min = 60, max = 604_800))]
    expires_in: Option<i64>,
}

/// A link that was made.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct CreatedConnectLink {
    #[serde(flatten)]
    shown: Shown,
    /// Where to send the user's browser: shown once. Null where an answer is repeated.
    url: Option<String>,
}

impl From<Link> for Shown {
    fn from(link: Link) -> Self {
        let record = link.record;
        Self {
            id: link.id,
            provider: record.provider,
            account: record.account,
            scopes: record.scopes,
            return_to: record.return_to,
            state: record.state,
            failure: record.failed.map(|Failed { at, error, reason }| Why { at: at.into(), error, reason }),
            created_at: record.created_at.into(),
            expires_at: link.expires_at.into(),
        }
    }
}

pub(super) async fn list(call: Call) -> Result<Page<Shown>, Problem> {
    let window = call.window()?;
    let all = links::list(call.shelf()?, call.person(), call.now()).await?;
    Ok(window.of(all, |link| link.id.clone(), Shown::from))
}

pub(super) async fn show(call: Call) -> Result<Shown, Problem> {
    let found = links::find(call.shelf()?, call.person(), call.named("link"), call.now()).await?;
    found.map(Shown::from).ok_or_else(Problem::not_here)
}

pub(super) async fn create(call: Call, new: NewConnectLink) -> Result<CreatedConnectLink, Problem> {
    let (site, shelf, now) = (&call.site, call.shelf()?, call.now());
    let account = new.account.unwrap_or_else(|| format!("{}/{}", new.provider, &keyfob::random_hex()[..12]));
    site.look_for(&account).await?;
    let seat = site.seat(call.person(), &account).filter(|seat| seat.desk.provider.name == new.provider);
    let seat = seat.ok_or_else(|| no_such_account(site, &new.provider))?;
    // Told whoever asks for it, and not whoever is sent there: with the app's keys the account would be the owner's, whoever opens the link.
    let title = &seat.desk.provider.title;
    let instead = match seat.desk.way() {
        Way::Keys => Some(("its calls are signed by the app's keys alone", "the owner connects it on its page")),
        Way::Import => Some(("its tokens are made elsewhere", "they are imported on the machine of this Keyfob (keyfob import)")),
        Way::Redirect | Way::Code | Way::Pin => None,
    };
    if let Some((why, hint)) = instead {
        return Err(Problem::cannot("no-login", format!("Nobody logs in at {title}: {why}."))
            .hint(format!("{hint}; a valet key for that account lets a program in")));
    }
    if !new.reconnect && site.keyfob.store().account(&seat.name).await?.is_some() {
        let hint = "choose another name, or say that it may take its place: \"reconnect\": true";
        return Err(Problem::cannot("name-taken", "There is an account of this name already.").hint(hint));
    }
    if new.scopes.iter().any(|scope| scope.bytes().any(|byte| !byte.is_ascii_graphic())) {
        return Err(Problem::cannot("misuse", "A scope has printable characters, and no spaces."));
    }
    if let Some(url) = &new.return_to
        && !links::is_listed(shelf, call.person(), url, now).await?
    {
        return Err(Problem::cannot("return-url", "This URL is not on the list of return URLs.")
            .hint("put it there first, as it is: POST /v1/return-urls"));
    }
    let end = now.plus(new.expires_in.unwrap_or(USUAL));
    let asked = Asked {
        owner: call.person().to_owned(),
        asker: asker(&call),
        provider: new.provider,
        account: seat.shown,
        reconnects: new.reconnect,
        scopes: new.scopes,
        return_to: new.return_to,
        expires_at: call.caller.end(Some(end)).unwrap_or(end),
        made_with: call.caller.token(),
    };
    let drawn = links::draw(shelf, asked, now).await?;
    let (mut link, token) = drawn.ok_or_else(|| Problem::cannot("too-many", "There are too many connect links that wait."))?;
    call.tell(What::LinkMade { link: link.id.clone(), account: link.record.account.clone() }).await?;
    links::keep(shelf, &mut link).await?;
    let url = format!("{}/link?token={}", site.origin, token.expose());
    Ok(CreatedConnectLink { shown: link.into(), url: Some(url) })
}

pub(super) async fn cancel(call: Call) -> Result<Shown, Problem> {
    let (shelf, owner, id) = (call.shelf()?, call.person(), call.named("link"));
    let link = links::find(shelf, owner, id, call.now()).await?.ok_or_else(Problem::not_here)?;
    call.tell(What::LinkCancelled { link: link.id.clone(), account: link.record.account.clone() }).await?;
    let cancelled = links::cancel(shelf, owner, id, call.now()).await?;
    cancelled.map(Shown::from).ok_or_else(Problem::not_here)
}

/// Why there can be no such account: its provider is not served, or its name is none of that provider's.
fn no_such_account(site: &Site, provider: &str) -> Problem {
    let desks = site.desks();
    let served = || desks.iter().map(|desk| desk.provider.name.as_str());
    if served().any(|name| name == provider) {
        return Problem::cannot("no-such-account", format!("No account of {provider} can be called so."))
            .hint(format!("it is called {provider}, or so with a label of small letters and digits after a slash: {provider}/cabin"));
    }
    let shown = scrub::printable(provider);
    let detail = format!("There can be no account of \"{shown}\": no provider of this name is served here.");
    Problem::cannot("no-such-account", detail).hint(match nearest(provider, served()) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => "GET /v1/providers lists those that there are; the owner enters the app of one on its page".to_owned(),
    })
}

/// Who asks, for somebody who knows neither.
fn asker(call: &Call) -> String {
    let person = &call.caller.person.name;
    let words = match &call.caller.by {
        Who::Token { token_name, .. } => format!("{token_name} ({person})"),
        _ => person.clone(),
    };
    scrub::printable(&words)
}

/// A URL that a connect link may lead to.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ReturnUrl")]
pub(super) struct Listed {
    /// Its number.
    id: String,
    url: String,
    created_at: Moment,
    /// When it ends, where the API token that put it there has an end. It goes sooner when it is removed, or that token is revoked.
    expires_at: Option<Moment>,
}

/// A URL to be put on the list.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewReturnUrl {
    /// An absolute https URL (http on loopback) without a fragment.
    #[schemars(length(min = 1, max = 2000))]
    url: String,
}

impl From<ReturnUrl> for Listed {
    fn from(listed: ReturnUrl) -> Self {
        Self { id: listed.id, url: listed.url, created_at: listed.created_at.into(), expires_at: listed.expires_at.map(Moment::from) }
    }
}

pub(super) async fn return_urls(call: Call) -> Result<Page<Listed>, Problem> {
    let window = call.window()?;
    let all = links::return_urls(call.shelf()?, call.person(), call.now()).await?;
    Ok(window.of(all, |listed| listed.id.clone(), Listed::from))
}

pub(super) async fn add_return_url(call: Call, new: NewReturnUrl) -> Result<Listed, Problem> {
    links::judge(&new.url).map_err(unfit)?;
    call.tell(What::ReturnUrlMade { to: new.url.clone() }).await?;
    let added = links::add(call.shelf()?, call.person(), &new.url, call.caller.maker(), call.now()).await;
    added.map(Listed::from).map_err(|error| refused(&error))
}

pub(super) async fn remove_return_url(call: Call) -> Result<Listed, Problem> {
    let removed = links::remove_return_url(call.shelf()?, call.person(), call.named("return_url"), call.now()).await?;
    let removed = removed.ok_or_else(Problem::not_here)?;
    call.tell_of_done(What::ReturnUrlRemoved { to: removed.url.clone() }).await?;
    Ok(removed.into())
}
