//! Refreshing in the background: what an account is refreshed with, and what came of it in words.

use std::collections::BTreeMap;
use std::sync::Arc;

use keyfob::proto::scrub::printable;
use keyfob::proto::{App, Misuse};
use keyfob::upkeep::{Kept, Outcome, Resolve, Resolving};
use keyfob::{Account, Error, Keyfob, Store};
use keyfob_providers::Provider;

use crate::account::login_to;
use crate::card::Card;
use crate::context::Context;

/// The providers of the catalogue, with the vault's apps as they are at the time: a server runs for long, and apps change.
pub(crate) struct Providers {
    keyfob: Keyfob,
    store: Arc<dyn Store>,
    known: BTreeMap<String, Known>,
}

struct Known {
    provider: Provider,
    /// Apps that come from elsewhere than the vault (an env-file, the sandbox), newest first.
    apps: Vec<App>,
}

impl Providers {
    /// All of the catalogue.
    pub(crate) async fn of(context: &Context) -> Result<Self, Card> {
        let (keyfob, store) = (context.keyfob().await?.clone(), context.store().await?.clone());
        let mut known = Vec::new();
        for provider in context.catalogue().iter() {
            // The sandbox need not play all of them; and with whose file is broken, which is told at the start, nothing is done.
            let Ok(provider) = context.provider(&provider.name).await else { continue };
            let apps = match context.pretend().await? {
                Some(pretend) => pretend.app(&provider.name).into_iter().collect(),
                None => Vec::new(),
            };
            known.push((provider, apps));
        }
        Ok(Self::new(keyfob, store, known))
    }

    /// These, each with its apps that are not in the vault.
    pub(crate) fn new(keyfob: Keyfob, store: Arc<dyn Store>, providers: impl IntoIterator<Item = (Provider, Vec<App>)>) -> Self {
        let known = providers.into_iter().map(|(provider, apps)| (provider.name.clone(), Known { provider, apps }));
        Self { keyfob, store, known: known.collect() }
    }

    /// With an app that is not in the vault.
    pub(crate) fn with(mut self, provider: &str, app: &App) -> Self {
        if let Some(known) = self.known.get_mut(provider) {
            known.apps.insert(0, app.clone());
        }
        self
    }
}

impl Resolve for Providers {
    fn resolve<'a>(&'a self, account: &'a Account) -> Resolving<'a> {
        Box::pin(async move {
            let wanted = || format!("the provider file and the app that {} was logged in with", account.name);
            let known = self.known.get(&account.provider);
            let known = known.ok_or_else(|| Misuse::new(wanted(), format!("no usable provider file for {}", account.provider)))?;
            let in_vault = self.store.app(&account.provider).await?;
            // Tokens belong to the app they were issued to.
            let app = known.apps.iter().cloned().chain(in_vault).find(|app| app.client_id == account.client_id);
            let app = app.ok_or_else(|| {
                Misuse::new(wanted(), "another app, or none").with_hint(format!("put it back: keyfob app add {}", account.provider))
            })?;
            Ok((self.keyfob.settings(&known.provider, &app).await?, app))
        })
    }
}

/// A word for programs, a sentence for people, and the error where there is one.
pub(crate) fn told(kept: &Kept) -> (&'static str, String) {
    let name = printable(&kept.account);
    match &kept.outcome {
        Outcome::Refreshed => ("refreshed", format!("{name} has new tokens")),
        Outcome::RefreshedElsewhere => ("refreshed-elsewhere", format!("{name} has new tokens, from another process")),
        Outcome::LeftAlone => ("left-alone", format!("{name} was refreshed a moment ago, and is left as it is")),
        Outcome::NeedsLogin(error) => {
            let options = if let Error::NeedsLogin { options, .. } = error { options } else { "" };
            ("needs-login", format!("{error}: {}", login_to(&name, options)))
        }
        Outcome::Failed(error) => {
            let hint = error.hint().map(|hint| format!("; {hint}")).unwrap_or_default();
            ("failed", format!("{name} has no new tokens: {error}{hint}"))
        }
        Outcome::Skipped(error) => ("skipped", format!("{name} was not tried: {error}")),
        _ => ("other", format!("{name}: something newer than this version has words for")),
    }
}
