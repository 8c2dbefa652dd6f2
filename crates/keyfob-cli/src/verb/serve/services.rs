//! What can be connected: what the env-file says, what the environment says, or the apps in the vault.

use std::collections::BTreeMap;

use keyfob::proto::Origin;
use keyfob_broker::{Recognised, Service, Variables, recognise};
use keyfob_providers::Provider;

use super::config::Settings;
use crate::card::{Card, Doing};
use crate::context::Context;
use crate::credentials::variables;
use crate::exit::Exit;

/// What there is to connect.
pub(super) struct Found {
    /// Those whose apps are known.
    pub(super) services: Vec<Service>,
    /// Those for which the owner can enter one. An env-file or the environment say what is meant: nothing else is there.
    pub(super) catalogue: Vec<Provider>,
    /// Whether these are all that there are.
    pub(super) whole_catalogue: bool,
    /// Those that the sandbox does not play, where one is meant.
    pub(super) unplayed: Vec<Provider>,
    /// Those whose file is broken, and what is wrong with it.
    pub(super) broken: BTreeMap<String, String>,
}

impl Found {
    fn of_variables(recognised: Vec<Recognised>) -> Self {
        let services = recognised.into_iter().map(of_variables).collect();
        Self { services, catalogue: Vec::new(), whole_catalogue: false, unplayed: Vec::new(), broken: BTreeMap::new() }
    }
}

/// The services, with their apps.
pub(super) async fn services(settings: &Settings, context: &Context) -> Result<Found, Card> {
    let what = "cannot start the web app";
    let (mut providers, mut unplayed) = (Vec::new(), Vec::new());
    for provider in context.catalogue().iter() {
        // Told already. The others are served.
        if context.catalogue().broken(&provider.name).is_some() {
            continue;
        }
        match context.provider(&provider.name).await {
            Ok(provider) => providers.push(provider),
            // The sandbox need not play all of them.
            Err(card) if context.sandbox().is_some() && card.exit == Exit::Usage => unplayed.push(provider.clone()),
            Err(card) => return Err(card),
        }
    }
    if let Some(name) = &settings.provider {
        context.provider(name).await?;
    }
    let named = settings.provider.as_deref();
    if let Some(file) = &settings.env_file {
        let variables = variables(file)?;
        for note in variables.notes() {
            context.out.note(&format!("{} {}: {note}", context.out.note_paint().warn("note:"), file.display()));
        }
        return Ok(Found::of_variables(recognise(&providers, &variables, named).doing(what)?));
    }
    let names: Vec<&str> =
        providers.iter().flat_map(|provider| &provider.client.fields).flat_map(|field| &field.env).map(String::as_str).collect();
    let variables = Variables::of_process(names);
    let incomplete = match recognise(&providers, &variables, named) {
        Ok(recognised) => return Ok(Found::of_variables(recognised)),
        Err(misuse) => variables.names().next().is_some().then_some(misuse),
    };
    let mut services = Vec::new();
    providers.retain(|provider| named.is_none_or(|name| provider.name == name));
    for provider in providers.iter().cloned() {
        if let Some(app) = context.app(&provider.name).await? {
            let redirect_uri = app.redirect_uri.clone().filter(|uri| is_ours(uri, settings));
            services.push(Service { account: provider.name.clone(), app, redirect_uri, scopes: Vec::new(), provider });
        }
    }
    // Where one alone is served, the others are served elsewhere, or are to be asked about there.
    let broken = context.catalogue().all_broken().filter(|_| named.is_none());
    let broken = broken.map(|(name, problem)| (name.to_owned(), problem.to_string())).collect();
    // Nothing in the vault, and half an app in the environment (a container's env-file with a line missing): that is what to say.
    match incomplete {
        Some(misuse) if services.is_empty() => Err(misuse).doing(what),
        _ => Ok(Found { services, catalogue: providers, whole_catalogue: named.is_none(), unplayed, broken }),
    }
}

fn of_variables(recognised: Recognised) -> Service {
    let Recognised { provider, app, scopes } = recognised;
    Service { account: provider.name.clone(), redirect_uri: app.redirect_uri.clone(), provider, app, scopes }
}

/// An app in the vault may have been registered for the command; its redirect URI counts only if it leads here.
fn is_ours(uri: &str, settings: &Settings) -> bool {
    let ours = settings.external_url.clone().unwrap_or_else(|| format!("http://{}", settings.port()));
    Origin::parse(uri).is_some_and(|origin| Origin::parse(&ours) == Some(origin))
}
