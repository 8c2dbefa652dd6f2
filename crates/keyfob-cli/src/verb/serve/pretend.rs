//! `keyfob serve --sandbox`: the pretend providers in the same process, their apps ready to be connected, and everything in memory. It is the
//! same web app, to be tried without an account, without internet, and without a trace.

use std::sync::Arc;

use keyfob::proto::{App, Origin, Secret};
use keyfob::{Keyfob, MemoryStore, Store};
use keyfob_broker::{Config, Pretended, Service};
use keyfob_providers::{Provider, Status};
use keyfob_sandbox::{Consent, Sandbox};
use keyfob_store::MemoryShelf;

use super::Stage;
use super::config::Settings;
use crate::card::Card;
use crate::context::{self, Context};
use crate::upkeep::Providers;

/// The sandbox, and the web app on it.
pub(super) async fn stage(settings: &Settings, context: &Context) -> Result<Stage, Card> {
    let sandbox = Sandbox::builder()
        .consent(Consent::Ask)
        .start()
        .await
        .map_err(|error| Card::io("cannot start the pretend providers", &error, "check that ports of 127.0.0.1 can be opened"))?;
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let keyfob = Keyfob::new(store.clone(), Arc::new(context::transport()?));
    let played: Vec<(Provider, Option<App>)> = context.catalogue().iter().map(|provider| played(provider, &sandbox)).collect();
    let providers =
        Providers::new(keyfob.clone(), store, played.iter().cloned().map(|(provider, app)| (provider, app.into_iter().collect())));
    let services = played.iter().filter_map(|(provider, app)| {
        // What exists in the sandbox alone is for tests.
        let app = app.clone().filter(|_| provider.status != Status::Sandbox)?;
        Some(Service { account: provider.name.clone(), provider: provider.clone(), app, redirect_uri: None, scopes: Vec::new() })
    });
    let mut config = Config::new(settings.port(), services.collect(), keyfob.clone());
    config.shelf = Some(Arc::new(MemoryShelf::default()));
    config.pretended = Pretended::Everything;
    config.catalogue = played.into_iter().map(|(provider, _)| provider).collect();
    Ok(Stage { config, keyfob, providers, sandbox: Some(sandbox) })
}

/// A provider as the sandbox plays it, with its demo app; one that it does not play as it is.
fn played(provider: &Provider, sandbox: &Sandbox) -> (Provider, Option<App>) {
    let Some((_, demo)) = sandbox.apps().into_iter().find(|(name, _)| *name == provider.name) else { return (provider.clone(), None) };
    let Some(origin) = Origin::parse(&sandbox.origin(&demo.service)) else { return (provider.clone(), None) };
    let client_secret = Some(demo.client_secret).filter(|secret| !secret.is_empty()).map(Secret::new);
    let mut app = App { client_id: demo.client_id, client_secret, ..App::default() };
    demo.fields.into_iter().for_each(|(name, value)| app.set(&name, Secret::new(value)));
    (provider.at_origin(&origin), Some(app))
}
