//! `keyfob status`: which accounts there are, how they are, and what to do about it.

use std::collections::BTreeMap;

use clap::Args;
use keyfob::history::{Entry, Event, RefreshSince};
use keyfob::proto::scrub::printable;
use keyfob::proto::{Timestamp, TokenSet};
use keyfob::store::EntryNumber;
use keyfob::{Account, Grant};
use serde_json::{Value, json};

use crate::account::{self, expiry, health, is_usable};
use crate::card::{Card, Doing};
use crate::context::{Context, app_of};
use crate::exit::Exit;
use crate::history;
use crate::moment;
use crate::output::Paint;
use crate::perform::perform;
use crate::refusals::{self, Refused};
use crate::sheet::{self, Sheet};

// Which account.
#[derive(Args, Debug, Default)]
pub(crate) struct Status {
    /// The account; all of them if left away
    #[arg(add = clap_complete::engine::ArgValueCandidates::new(crate::complete::accounts))]
    name: Option<String>,
    /// Call the API once, to see whether it takes the credentials
    #[arg(long, requires = "name", conflicts_with = "history")]
    check: bool,
    /// Show what became of its tokens: when, by which process, and why
    #[arg(long, requires = "name")]
    history: bool,
}

pub(crate) async fn run(args: Status, context: &Context) -> Result<(), Card> {
    match args.name {
        Some(name) if args.history => history(&name, context).await,
        Some(name) => {
            one(&context.account(&name).await?, context).await?;
            if args.check { check(&name, context).await } else { Ok(()) }
        }
        None => {
            all(&context.accounts().await?, context).await?;
            context.all_read()
        }
    }
}

async fn all(accounts: &[Account], context: &Context) -> Result<(), Card> {
    if context.out.json {
        let mut described = Vec::new();
        for account in accounts {
            described.push(Past::of(account, context).await?.json(account, context));
        }
        return context.out.json(&described);
    }
    let paint = context.out.note_paint();
    if accounts.is_empty() {
        context.all_read()?;
        context.out.note(&format!("No accounts yet. {} shows whom you can log in to.", paint.accent("keyfob provider list")));
        return Ok(());
    }
    let now = account::now();
    let mut sheet = Sheet::new(["Account", "Provider", "Health", "Expires", "Scopes"]);
    let (mut needy, mut refused, mut stuck) = (Vec::new(), Vec::new(), Vec::new());
    for account in accounts {
        let title = context.catalogue().get(&account.provider).map_or(account.provider.clone(), |provider| provider.title.clone());
        let scopes = account::scopes(account).unwrap_or_else(|| "-".to_owned());
        let past = Past::of(account, context).await?;
        sheet.row([account.name.clone(), title, past.health(account, now).0.to_owned(), expiry(account, now), scopes]);
        if past.is_usable(account, now) {
            match (past.app_refused, past.stuck(account, now)) {
                (Some(_), _) => stuck.push(app_refused_note(account, paint)),
                (None, Some(failed)) => stuck.push(not_renewed(account, failed, paint)),
                (None, None) => {}
            }
            refused.extend(past.refused.map(|_| account));
        } else {
            let state = past.health(account, now).0;
            needy.push(format!("{} {}: {}", paint.warn(state), account.name, past.mended_by(account, now)));
        }
    }
    sheet.print(&context.out)?;
    needy.iter().for_each(|note| context.out.note(note));
    for account in refused {
        context.out.note(&refused_note(account, paint));
    }
    stuck.iter().for_each(|note| context.out.note(note));
    let (vault, key) = (context.vault().shown(), context.key_in_words());
    let line = format!("vault {vault} · key {key}");
    // Paths do not break well.
    let fits = context.out.note_width().is_none_or(|width| line.chars().count() <= width);
    context.out.note(&paint.dim(&if fits { line } else { format!("vault {vault}\nkey   {key}") }));
    Ok(())
}

/// What became of an account's tokens; says nothing about how it is now.
async fn history(name: &str, context: &Context) -> Result<(), Card> {
    let (called, entries) = match context.account(name).await {
        Ok(account) => {
            let entries = context.keyfob().await?.store().history(&account.id).await.doing("cannot read the vault")?;
            (account.name, entries)
        }
        // One that is there, and damaged, is told as that.
        Err(card) if card.exit == Exit::SignIn => {
            let Some(entries) = written_under(name, context).await.ok().filter(|entries| !entries.is_empty()) else { return Err(card) };
            context.out.note(&context.out.note_paint().dim(&format!("there is no account {name} any more; this is what became of it")));
            (name.to_owned(), entries)
        }
        Err(card) => return Err(card),
    };
    if context.out.json {
        return context.out.json(&entries.iter().map(history::json).collect::<Vec<_>>());
    }
    if entries.is_empty() {
        context.out.note(&format!("Nothing has been written down about {called} yet."));
        return Ok(());
    }
    history::sheet(&entries).print(&context.out)
}

/// What was written down of the accounts that had a name, one account after the other: what became of one outlives it. Of an account that had the name to its
/// end, also what it was called before; of one that was given another name, what happened until then.
async fn written_under(name: &str, context: &Context) -> Result<Vec<Entry>, Card> {
    const AT_ONCE: usize = 1000;
    let Some(keyfob) = context.keyfob_if_any().await? else { return Ok(Vec::new()) };
    let is_under = |entry: &Entry| entry.account == name || matches!(&entry.event, Event::Renamed { from } if from == name);
    let (mut after, mut accounts) = (EntryNumber(0), Vec::new());
    loop {
        let entries = keyfob.store().entries(Some(after), AT_ONCE).await.doing("cannot read the vault")?;
        let Some((last, _)) = entries.last() else { break };
        after = *last;
        for (_, entry) in entries {
            if is_under(&entry) && !accounts.contains(&entry.id) {
                accounts.push(entry.id);
            }
        }
    }
    let mut found = Vec::new();
    for id in accounts {
        let entries = keyfob.store().history(&id).await.doing("cannot read the vault")?;
        let had_it_last = entries.last().is_some_and(|last| last.account == name);
        found.extend(entries.into_iter().filter(|entry| had_it_last || is_under(entry)));
    }
    Ok(found)
}

/// The first of the provider's actions that shows something and needs nothing. Without one there is no call that is known to do no harm.
async fn check(name: &str, context: &Context) -> Result<(), Card> {
    let opened = context.open_account(name).await?;
    let Some(action) = opened.provider.overview().next() else {
        return Err(Card::usage(
            format!("{name} was not checked"),
            format!("the file of {} has no call that shows something and needs nothing", opened.provider.title),
            format!("check it with one that you know: keyfob get {name} PATH --fail"),
        ));
    };
    if let Err(card) = perform(&opened.session().await?, &opened.provider, action, BTreeMap::new(), Some(1), &context.out).await {
        if let Some(status) = card.status {
            refusals::keep(status, &opened.account, context).await;
        }
        return Err(card);
    }
    refusals::forget(&opened.account, context).await;
    let paint = context.out.note_paint();
    context.out.note(&format!("{} the API answers: {}", paint.good("✓"), action.name));
    Ok(())
}

async fn one(account: &Account, context: &Context) -> Result<(), Card> {
    let now = account::now();
    let past = Past::of(account, context).await?;
    let (state, reason) = past.health(account, now);
    if context.out.json {
        context.out.json(&past.json(account, context))?;
    } else {
        let title = context.catalogue().get(&account.provider).map_or(account.provider.clone(), |provider| provider.title.clone());
        let mut lines = vec![("account", account.name.clone()), ("provider", format!("{title} ({})", account.provider))];
        lines.push(("health", reason.as_ref().map_or_else(|| state.to_owned(), |reason| format!("{state}: {reason}"))));
        lines.push(("expires", expiry(account, now)));
        if let Some(until) = past.renewable_until {
            lines.push(("renewable", format!("refresh token good until {}", moment::local(until))));
        }
        if let Some(scopes) = account::scopes(account) {
            lines.push(("scopes", scopes));
        }
        if let TokenSet::OAuth2(tokens) = &account.tokens {
            lines.push(("received", moment::local(tokens.received_at)));
        }
        if let Some(at) = past.last_refresh {
            lines.push(("refreshed", moment::local(at)));
        }
        if let Some((at, why)) = &past.last_error {
            lines.push(("last error", format!("{}: {why}", moment::local(*at))));
        }
        if matches!(account.grant, Grant::ClientCredentials(_)) {
            lines.push(("grant", "client credentials: the app itself, without a person".to_owned()));
        }
        if let Grant::Exchanged(made) = &account.grant {
            lines.push(("grant", format!("token exchange: made of {}", printable(&made.account))));
        }
        if account.grant == Grant::OneLegged {
            lines.push(("grant", "none: the app's keys sign alone".to_owned()));
        }
        lines.push((if past.imported == Some(true) { "imported" } else { "logged in" }, moment::local(account.logged_in_at)));
        lines.push(("app", account.client_id.clone()));
        if !account.tolerated.is_empty() {
            lines.push(("tolerated", account.tolerated.join(", ")));
        }
        lines.push(("sent to", account.origins.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")));
        lines.push(("kept in", format!("{}, sealed with {}", context.vault().shown(), context.key_in_words())));
        let width = context.out.to_person.then(|| context.out.width());
        context.out.data(&sheet::pairs(&lines, width, context.out.paint()))?;
    }
    if past.is_usable(account, now) {
        let paint = context.out.note_paint();
        if past.app_refused.is_some() {
            context.out.note(&app_refused_note(account, paint));
        } else if past.refused.is_some() {
            context.out.note(&refused_note(account, paint));
        }
        return Ok(());
    }
    if let Some(card) = past.unusable {
        return Err(card);
    }
    let why = reason.unwrap_or_else(|| state.to_owned());
    Err(Card::new(Exit::SignIn, format!("{} needs a new login", account.name), why, account::login_again(account)))
}

/// Its health is as it was: nobody refused its refresh token. It is of no use all the same until what is wrong is mended.
fn not_renewed(account: &Account, (at, why): &(Timestamp, String), paint: Paint) -> String {
    format!("{} {}: the last refresh failed, {}: {why}", paint.warn("not renewed"), account.name, moment::local(*at))
}

/// No login helps: what was entered for the app is wrong, or the provider has switched it off.
fn app_refused_note(account: &Account, paint: Paint) -> String {
    format!("{} {}: {}", paint.warn("app refused"), account.name, app_again(account))
}

/// What makes it good again where the provider does not take the app. Its next refresh says whether it does.
fn app_again(account: &Account) -> String {
    format!("keyfob app add {} --replace, and then: keyfob refresh {}", account.provider, account.name)
}

fn refused_note(account: &Account, paint: Paint) -> String {
    format!(
        "{} {}: see whether it is taken by now: keyfob status {} --check; if not: {}",
        paint.warn("refused"),
        account.name,
        account.name,
        account::login_again(account)
    )
}

/// Until when tokens can be renewed without a person, where the provider's answer or its file says how long its refresh tokens are good.
fn renewable_until(account: &Account, entries: &[keyfob::history::Entry], context: &Context) -> Option<Timestamp> {
    let since = RefreshSince::of(account, entries, account::now())?;
    let documented = || context.catalogue().get(&account.provider).ok()?.refresh_lifetime()?.until(since.login, since.last_use);
    since.ends.or_else(documented)
}

/// What is known of an account that is not in its record.
struct Past {
    last_refresh: Option<Timestamp>,
    last_error: Option<(Timestamp, String)>,
    /// Whether its tokens were taken in from elsewhere, where that is known still.
    imported: Option<bool>,
    /// Until when its refresh token is good, as far as the provider says or documents it.
    renewable_until: Option<Timestamp>,
    refused: Option<Refused>,
    /// When the provider did not take the app itself, at the last refresh that says anything of it.
    app_refused: Option<Timestamp>,
    /// Why no call of it is carried out, whatever its own record says: its app, or its provider's file, is not there any more.
    unusable: Option<Card>,
}

impl Past {
    async fn of(account: &Account, context: &Context) -> Result<Self, Card> {
        let store = context.keyfob().await?.store();
        let entries = store.history(&account.id).await.doing("cannot read the vault")?;
        let app = store.app(&account.provider).await.doing("cannot read the vault")?;
        let unusable = match context.provider_of(account) {
            // A sandbox's own app is in no vault.
            Ok(_) if app.is_none() && context.sandbox().is_some() => None,
            Ok(provider) => app_of(account, provider, app).err(),
            Err(card) => Some(card),
        };
        let last = |wanted: fn(&Event) -> bool| entries.iter().rev().find(|entry| wanted(&entry.event));
        let failed = |event: &Event| matches!(event, Event::RefreshFailed { .. } | Event::NeedsLogin { .. } | Event::Abandoned { .. });
        Ok(Self {
            last_refresh: last(|event| matches!(event, Event::Refreshed { .. })).map(|entry| entry.at),
            last_error: last(failed).map(|entry| (entry.at, history::why(&entry.event))),
            imported: keyfob::history::is_imported(&entries),
            renewable_until: renewable_until(account, &entries, context),
            refused: refusals::of(account, context).await?,
            app_refused: keyfob::history::app_refused(&entries),
            unusable,
        })
    }

    /// Whether it can be used without a person.
    fn is_usable(&self, account: &Account, now: Timestamp) -> bool {
        is_usable(account, now) && self.unusable.is_none()
    }

    /// What makes it good again, where it is not.
    fn mended_by(&self, account: &Account, now: Timestamp) -> String {
        match (self.health(account, now).0, &self.unusable) {
            (_, Some(card)) => card.next().to_owned(),
            ("app refused", None) => app_again(account),
            _ => account::login_again(account),
        }
    }

    /// How the last try to renew its token failed, where that has ended.
    fn stuck(&self, account: &Account, now: Timestamp) -> Option<&(Timestamp, String)> {
        let has_ended = account.tokens.expires_at().is_some_and(|at| at <= now);
        let good = self.last_refresh.map_or(account.logged_in_at, |at| at.max(account.logged_in_at));
        self.last_error.as_ref().filter(|(failed, _)| has_ended && *failed >= good)
    }

    /// Its health as the record has it, or that the API thinks otherwise.
    fn health(&self, account: &Account, now: Timestamp) -> (&'static str, Option<String>) {
        match (health(account, now), &self.refused) {
            (_, _) if let Some(card) = &self.unusable => {
                (if card.exit == Exit::SignIn { "needs login" } else { "unusable" }, Some(card.why().to_owned()))
            }
            (("ok", _), _) if let Some(at) = self.app_refused => {
                let why = "its id or secret is wrong, or the app was switched off there";
                ("app refused", Some(format!("the provider did not take the app at {}: {why}", moment::local(at))))
            }
            (("ok", _), Some(refused)) => {
                ("refused", Some(format!("the API did not take its credentials ({}) at {}", refused.why(), moment::local(refused.at()))))
            }
            (known, _) => known,
        }
    }

    fn json(&self, account: &Account, context: &Context) -> Value {
        let mut told = account::json(account, context);
        if let Some(at) = self.last_refresh {
            told["last_refresh"] = json!(moment::utc(at));
        }
        if let Some(until) = self.renewable_until {
            told["renewable_until"] = json!(moment::utc(until));
        }
        if let Some((at, why)) = &self.last_error {
            told["last_error"] = json!({"at": moment::utc(*at), "why": why});
        }
        if let Some(refused) = &self.refused {
            told["refused"] = json!({"at": moment::utc(refused.at()), "why": refused.why()});
        }
        // What the record alone does not tell.
        let now = account::now();
        let (state, reason) = self.health(account, now);
        if state != "ok" {
            told["health"] = json!({"state": state.replace(' ', "-"), "reason": reason});
            told["next"] = json!(context.out.again.in_text(&self.mended_by(account, now)));
        }
        told
    }
}
