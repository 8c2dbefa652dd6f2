//! What an import would take the place of: asked before it does, and told after.

use keyfob::Account;
use keyfob::proto::scrub::printable;
use keyfob::proto::{App, Secret};
use keyfob_providers::Provider;

use crate::account::{is_usable, now};
use crate::card::Card;
use crate::context::Context;
use crate::prompt;

/// Something that is there, in the words of before and of afterwards.
pub(super) struct There {
    is: String,
    was: String,
    /// What else can be done than to take its place.
    otherwise: &'static str,
}

/// The account that is there, in the way of an import or of a script that is adopted.
pub(super) fn account(there: &Account, adopts: bool) -> There {
    let (is, was) = match (is_usable(there, now()), there.renews()) {
        (false, _) => ("needs a login", "needed a login"),
        (true, true) => ("renews its tokens", "renewed its tokens"),
        (true, false) => ("works", "worked"),
    };
    let name = printable(&there.name);
    let otherwise = match adopts {
        true => "to keep both, give the account another name: --account PROVIDER/LABEL",
        false => "to keep both, give the account another name: PROVIDER/LABEL",
    };
    There { is: format!("the account {name}, which {is}"), was: format!("the account {name}, which {was}"), otherwise }
}

/// The app that is there.
pub(super) fn app(there: &App, provider: &Provider) -> There {
    let app = format!("the app of {} in the vault, {}", provider.title, printable(&there.client_id));
    There { is: app.clone(), was: app, otherwise: "the vault has one app of a provider, for all of its accounts" }
}

/// Whether one would do what the other did not: a redirect URI is no key, and what is said is nothing else than what it is where nothing is.
pub(super) fn are_other_keys(before: &App, app: &App, provider: &Provider) -> bool {
    let differ = |before: Option<&Secret>, now: Option<&Secret>| before.map(Secret::expose) != now.map(Secret::expose);
    let mut names = before.fields.keys().chain(app.fields.keys());
    before.client_id != app.client_id
        || differ(before.client_secret.as_ref(), app.client_secret.as_ref())
        || differ(before.private_key.as_ref(), app.private_key.as_ref())
        || names.any(|name| provider.said_by(before, name) != provider.said_by(app, name))
}

/// Whether a person says yes; where there is nobody, nobody did.
pub(super) async fn agreed(what: &str, there: &There, context: &Context) -> Result<(), Card> {
    let next = format!("if you mean it, add --replace; {}", there.otherwise);
    if !prompt::is_possible() {
        return Err(Card::usage(what, format!("it would take the place of {}", there.is), next));
    }
    let warning = context.out.note_paint().warn("This takes the place of");
    if prompt::agrees(format!("{warning} {}. Go on?", there.is)).await? {
        return Ok(());
    }
    Err(Card::usage(what, format!("it would take the place of {}, and you did not say yes", there.is), "nothing was changed"))
}

/// Afterwards.
pub(super) fn tell(there: &There, context: &Context) {
    context.out.note(&format!("{} it took the place of {}", context.out.note_paint().warn("note:"), there.was));
}

/// What there is to say of an app that came along where the vault had none: it is not this account's alone, and at the sandbox its demo app is used no more.
pub(super) async fn first(app: &App, provider: &Provider, context: &Context) -> Result<Option<String>, Card> {
    let (id, name) = (printable(&app.client_id), &provider.name);
    let kept = format!("{} the app that came along, {id}, is kept: every login to {name}", context.out.note_paint().warn("note:"));
    let Some(pretend) = context.pretend().await? else { return Ok(Some(format!("{kept} uses it from now on"))) };
    let demo = pretend.app(name).filter(|demo| are_other_keys(demo, app, provider));
    let back = context.out.again.command(&format!("app rm {name}"));
    Ok(demo.map(|_| format!("{kept} at the sandbox uses it from now on, in place of the demo app; {back} brings that back")))
}
