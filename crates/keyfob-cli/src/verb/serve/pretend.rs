//! `keyfob serve --sandbox`: the pretend providers in the same process, their apps ready to be connected, and everything in memory. It is the
//! same web app, to be tried without an account, without internet, and without a trace.

use std::sync::Arc;

use keyfob::proto::{App, Origin, Secret};
use keyfob::{Keyfob, MemoryStore, Store};
use keyfob_broker::{Config, Pretended, Service};
use keyfob_providers::Provider;
use keyfob_sandbox::{Consent, Sandbox};
use keyfob_store::MemoryShelf;

use super::Stage;
use super::check::WHAT;
use super::config::{Place, Settings, Values};
use crate::card::Card;
use crate::context::{self, Context};
use crate::upkeep::Providers;

/// Where there is a vault among pretend providers.
const WITH_VAULT: &str = "serve a sandbox that runs, which has a vault: --sandbox=URL";

/// What was asked for on the command line and would not be done. What a file or the environment says, for every start, is told ([`unused`]).
pub(super) fn refuse(link: bool, values: &Values, context: &Context) -> Result<(), Card> {
    if link {
        return Err(Card::usage(
            "cannot make a link to sign in with",
            "with --sandbox alone the web app keeps everything in memory: nobody else gets at it",
            format!("start it again, and it prints a new link; or {WITH_VAULT}"),
        ));
    }
    let why = if context.is_vault_named() {
        "--vault: with --sandbox alone everything is kept in memory, and no vault is used"
    } else if values.get("env_file").is_some_and(|value| matches!(value.place, Place::Flag(_))) {
        "--env-file: with --sandbox alone the apps are the sandbox's own, and no others are used"
    } else {
        return Ok(());
    };
    Err(Card::usage(WHAT, why, format!("leave it away; or {WITH_VAULT}")))
}

/// What is set, and means nothing here.
pub(super) fn unused(values: &Values) -> Option<String> {
    let place = &values.get("env_file")?.place;
    Some(format!("{place}: env_file is not used: with --sandbox alone the apps are the sandbox's own"))
}

/// The sandbox, and the web app on it.
pub(super) async fn stage(settings: &Settings, context: &Context) -> Result<Stage, Card> {
    let sandbox = Sandbox::builder()
        .consent(Consent::Ask)
        .start()
        .await
        .map_err(|error| Card::io("cannot start the pretend providers", &error, "check that ports of 127.0.0.1 can be opened"))?;
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let keyfob = Keyfob::new(store.clone(), Arc::new(context::kept_here(true)?));
    let place = settings.external_url.as_deref().and_then(Origin::parse);
    let (mut services, mut unplayed) = (Vec::new(), Vec::new());
    for provider in context.catalogue().iter() {
        match played(provider, &sandbox) {
            Some((provider, app)) => {
                if let Some(place) = &place {
                    register(&sandbox, &provider.name, place);
                }
                services.push(Service { account: provider.name.clone(), provider, app, redirect_uri: None, scopes: Vec::new() });
            }
            None => unplayed.push(provider.clone()),
        }
    }
    if let Some(name) = &settings.provider {
        narrow(&context.known(name)?.name, &mut services)?;
        unplayed.clear();
    }
    let apps = services.iter().map(|service| (service.provider.clone(), vec![service.app.clone()]));
    let providers = Providers::new(keyfob.clone(), store, apps);
    let catalogue = services.iter().map(|service| service.provider.clone()).collect();
    let mut config = Config::new(settings.port(), services, keyfob.clone());
    config.shelf = Some(Arc::new(MemoryShelf::default()));
    config.pretended = Pretended::Everything;
    (config.catalogue, config.unplayed) = (catalogue, unplayed);
    Ok(Stage { config, keyfob, providers, sandbox: Some(sandbox) })
}

/// Leaves the one that is meant.
fn narrow(name: &str, services: &mut Vec<Service>) -> Result<(), Card> {
    if !services.iter().any(|service| service.account == name) {
        let names: Vec<&str> = services.iter().map(|service| service.account.as_str()).collect();
        return Err(Card::usage(
            format!("the sandbox does not play {name}"),
            format!("it plays {}", names.join(", ")),
            format!("keyfob sandbox --as {name} plays it; --sandbox=URL serves what is played there"),
        ));
    }
    services.retain(|service| service.account == name);
    Ok(())
}

/// Tells the sandbox where this web app takes the provider's answers, as somebody who runs it would tell the provider: the demo apps are registered for
/// the usual address alone.
fn register(sandbox: &Sandbox, name: &str, place: &Origin) {
    let Some((_, mut demo)) = sandbox.apps().into_iter().find(|(known, _)| known == name) else { return };
    let uri = format!("{place}/callback/{name}");
    if !demo.redirect_uris.contains(&uri) {
        demo.redirect_uris.push(uri);
        sandbox.register(name, demo);
    }
}

/// A provider as the sandbox plays it, with its demo app, if it does.
fn played(provider: &Provider, sandbox: &Sandbox) -> Option<(Provider, App)> {
    let (_, demo) = sandbox.apps().into_iter().find(|(name, _)| *name == provider.name)?;
    let origin = Origin::parse(&sandbox.origin(&demo.service))?;
    let client_secret = Some(demo.client_secret).filter(|secret| !secret.is_empty()).map(Secret::new);
    let mut app = App { client_id: demo.client_id, client_secret, ..App::default() };
    demo.fields.into_iter().for_each(|(name, value)| app.set(&name, Secret::new(value)));
    Some((provider.at_origin(&origin), app))
}
