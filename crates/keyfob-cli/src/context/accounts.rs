//! Accounts by what somebody calls them, and ready for use.

use std::sync::{Arc, PoisonError};

use keyfob::proto::scrub::printable;
use keyfob::proto::{App, Origin, Settings, Timestamp};
use keyfob::store::{Damaged, Inventory};
use keyfob::{Account, Keyfob, Session, Store, StoreError};
use keyfob_providers::{Provider, nearest};

use super::{Base, Context};
use crate::account::login_to;
use crate::card::{Card, Doing};
use crate::damage;
use crate::exit::Exit;
use crate::meaning;
use crate::name::Name;

/// An account, opened for use.
pub(crate) struct Opened {
    pub(crate) provider: Provider,
    pub(crate) account: Account,
    pub(crate) app: App,
    pub(crate) settings: Settings,
    pub(crate) keyfob: Keyfob,
    pub(crate) store: Arc<dyn Store>,
}

impl Opened {
    /// The session.
    pub(crate) async fn session(&self) -> Result<Session, Card> {
        let Self { keyfob, settings, app, account, .. } = self;
        keyfob.session(settings.clone(), app.clone(), &account.name).await.doing(format!("cannot use {}", account.name))
    }
}

impl Context {
    /// All accounts that open, by name. Of the others a note tells at the end, unless the verb [does](Self::all_read).
    pub(crate) async fn accounts(&self) -> Result<Vec<Account>, Card> {
        self.accounts_due_by(None).await
    }

    /// The same of those alone that have no due moment, or whose due moment has come by then.
    pub(crate) async fn accounts_due_by(&self, due_by: Option<Timestamp>) -> Result<Vec<Account>, Card> {
        let Some(keyfob) = self.keyfob_if_any().await? else { return Ok(Vec::new()) };
        let Inventory { accounts, damaged } = keyfob.store().inventory(due_by).await.doing("cannot read the vault")?;
        *self.damaged.lock().unwrap_or_else(PoisonError::into_inner) = damaged;
        Ok(accounts.into_iter().map(|record| record.value).collect())
    }

    /// Whether those were all: for verbs that list them, at their end.
    pub(crate) fn all_read(&self) -> Result<(), Card> {
        let damaged = std::mem::take(&mut *self.damaged.lock().unwrap_or_else(PoisonError::into_inner));
        if damaged.is_empty() { Ok(()) } else { Err(damage::card(&damaged)) }
    }

    /// What nobody has told yet.
    pub(crate) fn tell_of_damage(&self) {
        let damaged = std::mem::take(&mut *self.damaged.lock().unwrap_or_else(PoisonError::into_inner));
        if !damaged.is_empty() {
            self.out.note(&self.out.note_paint().warn(&damage::note(&damaged)));
        }
    }

    /// What a login takes the place of: the account that is meant. One that does not open is told, and has no say.
    pub(crate) async fn replaced_by_login(&self, name: &str) -> Result<Option<Account>, Card> {
        if let Some(keyfob) = self.keyfob_if_any().await?
            && let Err(StoreError::Corrupt(_)) = keyfob.store().account(name).await
        {
            let told = format!("note: the record of {} cannot be read: this takes its place", printable(name));
            self.out.note(&self.out.note_paint().warn(&told));
            return Ok(None);
        }
        self.meant(name).await
    }

    /// The account of this name; or the one that a provider's bare name is said to mean.
    pub(crate) async fn meant(&self, name: &str) -> Result<Option<Account>, Card> {
        let Some(keyfob) = self.keyfob_if_any().await? else { return Ok(None) };
        match keyfob.store().account(name).await {
            Ok(Some(record)) => return Ok(Some(record.value)),
            Ok(None) => {}
            Err(error @ StoreError::Corrupt(_)) => return Err(damage::card(&[Damaged { name: Some(name.to_owned()), error }])),
            Err(error) => return Err(error).doing("cannot read the vault"),
        }
        if name.contains('/') {
            return Ok(None);
        }
        let accounts = self.accounts().await?;
        Ok(meaning::of(&**self.shelf().await?, name, &accounts).await.doing("cannot read the vault")?.cloned())
    }

    /// An account that has to be there.
    pub(crate) async fn account(&self, name: &str) -> Result<Account, Card> {
        if let Some(account) = self.meant(name).await? {
            return Ok(account);
        }
        // Only to say what else is there.
        let accounts = self.accounts().await?;
        if accounts.iter().any(|account| account.provider == name) {
            return Err(Card::new(
                Exit::SignIn,
                format!("there is no account \"{}\"", printable(name)),
                format!("at this provider there are: {}", meaning::among(&accounts, name)),
                format!("name one, or say which one is meant: keyfob account default NAME; a new one: keyfob login {name}"),
            ));
        }
        let names: Vec<&str> = accounts.iter().map(|account| account.name.as_str()).collect();
        let what = format!("there is no account \"{}\"", printable(name));
        if let Some(near) = nearest(name, names.iter().copied()) {
            return Err(Card::new(
                Exit::SignIn,
                what,
                format!("the nearest name is \"{near}\""),
                match Name::parse(name).ok().filter(|name| self.catalogue().get(&name.provider).is_ok()) {
                    Some(name) => format!("did you mean {near}? Otherwise: keyfob login {name}"),
                    None => format!("did you mean {near}? All of them: keyfob status"),
                },
            ));
        }
        // A name that could never be one gets that card instead.
        self.provider(&Name::parse(name)?.provider).await?;
        let why = if names.is_empty() { "nobody has logged in here yet".to_owned() } else { format!("logged in: {}", names.join(", ")) };
        Err(Card::new(Exit::SignIn, what, why, format!("keyfob login {name}")))
    }

    /// The same for what is done to an account, and not with it: a login would not help.
    pub(crate) async fn account_there(&self, name: &str) -> Result<Account, Card> {
        self.account(name).await.map_err(|card| match card.exit {
            Exit::SignIn => card.advising("keyfob status shows the accounts"),
            _ => card,
        })
    }

    /// The account that a URL belongs to: the one that was named, else the only one whose tokens may be sent there.
    pub(crate) async fn account_for(&self, url: &str, named: Option<&str>) -> Result<Account, Card> {
        if let Some(name) = named {
            return self.account(name).await;
        }
        let what = format!("cannot tell whose call {} is", printable(url.split('?').next().unwrap_or_default()));
        let origin = url.parse().ok().and_then(|url: http::Uri| Origin::of(&url));
        let Some(origin) = origin else {
            return Err(Card::usage(what, "expected a whole URL (https://…), or an account", "name the account: --account NAME"));
        };
        match &*self.accounts_at(&origin).await? {
            [one] => Ok(one.clone()),
            [] => Err(Card::new(
                Exit::SignIn,
                what,
                format!("no account's tokens may be sent to {origin}"),
                "log in to its provider: keyfob login PROVIDER",
            )),
            several => {
                let names: Vec<&str> = several.iter().map(|account| account.name.as_str()).collect();
                Err(Card::usage(what, format!("{} accounts belong there: {}", names.len(), names.join(", ")), "name one: --account NAME"))
            }
        }
    }

    /// The accounts whose tokens may be sent to an origin.
    pub(crate) async fn accounts_at(&self, origin: &Origin) -> Result<Vec<Account>, Card> {
        Ok(self.accounts().await?.into_iter().filter(|account| account.is_bound_to(origin)).collect())
    }

    /// An account, ready for use.
    pub(crate) async fn open_account(&self, name: &str) -> Result<Opened, Card> {
        let account = self.account(name).await?;
        let name = &account.name;
        let known = self.provider_of(&account)?;
        let app = app_of(&account, known, self.app(&account.provider).await?)?;
        let provider = self.pointed(known).await?;
        let settings = self.settings(&provider, &app, &format!("cannot use {name}")).await?;
        // Where its API is not known, a session says so: whoever uses `api` opens one first. To log it out, nobody has to know.
        let settings = settings.of_account(&account.kept).unwrap_or(settings);
        let Base { store, keyfob, .. } = self.base().await?;
        Ok(Opened { provider, account, app, settings, keyfob: keyfob.clone(), store: store.clone() })
    }

    /// The provider of an account that is there: where no file is, nobody has mistyped its name.
    pub(crate) fn provider_of(&self, account: &Account) -> Result<&Provider, Card> {
        self.known(&account.provider).map_err(|card| match card.exit {
            Exit::Usage if self.catalogue().gone(&account.provider).is_none() => {
                let provider = printable(&account.provider);
                let folder = self.folders.providers();
                Card::new(
                    Exit::Error,
                    format!("cannot use {}", account.name),
                    format!("the provider file of {provider} is not here, and without it nobody knows where its tokens may be sent"),
                    format!("put {provider}.toml back into {}", folder.display()),
                )
            }
            _ => card,
        })
    }
}

/// The app that an account's tokens belong to, of the one that is there.
pub(crate) fn app_of(account: &Account, provider: &Provider, there: Option<App>) -> Result<App, Card> {
    let (name, title) = (&account.name, &provider.title);
    let lost = |why: String, next: String| Card::new(Exit::SignIn, format!("cannot use {name}"), why, next);
    let app = there.ok_or_else(|| {
        lost(
            format!("the app that {title} gave its tokens to is no longer in the vault"),
            format!("put it back: keyfob app add {}", provider.name),
        )
    })?;
    if app.client_id != account.client_id {
        return Err(lost(
            format!("its tokens belong to another app of {title} than the one in the vault"),
            format!("log in with the new app: {}", login_to(name, "")),
        ));
    }
    Ok(app)
}
