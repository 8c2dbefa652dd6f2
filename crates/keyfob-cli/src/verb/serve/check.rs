//! `keyfob serve --check`: what would be served, and what is wrong.

use std::path::Path;
use std::sync::Arc;

use keyfob::{Keyfob, MemoryStore};
use keyfob_broker::{Config, Site};
use serde_json::{Map, Value as Json, json};

use super::config::{Problem, Settings, Values};
use super::pretend;
use super::services::{Found, services};
use crate::card::{Card, Doing};
use crate::cli::SANDBOX_HERE;
use crate::context::{self, Context};
use crate::output::hang;
use crate::signal::unless_stopped_reading_file;

/// What is wrong with the settings: each on a line, and the card.
pub(super) fn refused(problems: &[Problem], context: &Context) -> Card {
    let paint = context.out.note_paint();
    let told = problems.len() > 1;
    for problem in problems.iter().filter(|_| told) {
        context.out.note(&keyfob::proto::scrub::printable(&problem.to_string()));
        if let Some(hint) = &problem.hint {
            context.out.note(&format!("  {}", paint.dim(hint)));
        }
    }
    let what = "the web app cannot be served as it is set up";
    match problems {
        [only] => Card::usage(
            what,
            only.to_string(),
            only.hint.clone().unwrap_or_else(|| "correct it; keyfob serve --check looks again".to_owned()),
        ),
        all => Card::usage(what, format!("{} things are wrong", all.len()), "correct them; keyfob serve --check looks again"),
    }
}

/// Looks at everything without serving, and without a vault.
pub(super) async fn check(settings: &Settings, values: &Values, context: &Context) -> Result<(), Card> {
    let what = "the web app cannot be served as it is set up";
    // The pretend providers stay until the end: one of them describes itself, and is asked.
    let (mut config, _sandbox) = match context.sandbox() {
        Some(SANDBOX_HERE) => {
            let stage = pretend::stage(settings, context).await?;
            (stage.config, stage.sandbox)
        }
        _ => {
            let Found { services, catalogue, unplayed } = services(settings, context).await?;
            // A store of its own: looking makes no vault.
            let keyfob = Keyfob::new(Arc::new(MemoryStore::new()), Arc::new(context::transport()?));
            let mut config = Config::new(settings.port(), services, keyfob);
            (config.catalogue, config.unplayed) = (catalogue, unplayed);
            (config, None)
        }
    };
    config.external_url.clone_from(&settings.external_url);
    let accounts: Vec<String> = config.services.iter().map(|service| service.account.clone()).collect();
    let site = Site::discover(config).await.doing(what)?;
    let tls = super::tls(settings, &site)?;
    super::metrics_token(settings)?;
    if let Some(file) = settings.sign_in.as_ref().and_then(|sign_in| sign_in.client_secret_file.as_deref()) {
        secret(file)?;
    }
    let notes: Vec<String> = site.notes().into_iter().chain(tls.iter().flat_map(|tls| tls.notes())).collect();
    let listen: Vec<String> = settings.listen.iter().map(ToString::to_string).collect();
    if context.out.json {
        let set = values.iter().map(|(name, value)| {
            let text = json!({"value": value.texts, "set": value.place.to_string()});
            ((*name).to_owned(), text)
        });
        let set: Map<String, Json> = set.collect();
        return context.out.json(&json!({"url": site.url(), "listen": listen, "accounts": accounts, "set": set, "notes": notes}));
    }
    let mut lines = vec![
        ("address", site.url()),
        ("listens", listen.join(", ")),
        ("connects", accounts.join(", ")),
        ("vault", context.vault().shown()),
        (
            "proxies",
            if settings.proxies.is_empty() { "none is believed".to_owned() } else { "those that are listed are believed".to_owned() },
        ),
        ("metrics", metrics(settings)),
    ];
    if let Some(sign_in) = &settings.sign_in {
        lines.push(("sign-in", sign_in.issuer.clone()));
    }
    lines.extend(values.iter().map(|(name, value)| (*name, format!("{} ({})", value.texts.join(", "), value.place))));
    let widest = lines.iter().map(|(name, _)| name.len()).max().unwrap_or_default() + 2;
    for (name, text) in lines {
        let text = keyfob::proto::scrub::printable(&text);
        context.out.data(&format!("{name:widest$}{}", hang(&text, widest, None)))?;
    }
    for note in notes {
        context.out.note(&format!("{} {note}", context.out.note_paint().warn("note:")));
    }
    Ok(())
}

fn metrics(settings: &Settings) -> String {
    match (&settings.metrics_listen, &settings.metrics_token_file) {
        (Some(address), None) => format!("at {address}, for whoever reaches it"),
        (Some(address), Some(_)) => format!("at {address}, for whoever reaches it; at the pages' address, with the token"),
        (None, Some(_)) => "at the pages' address, with the token".to_owned(),
        (None, None) => "none are shown".to_owned(),
    }
}

/// A secret in a file of its own.
pub(super) fn secret(file: &Path) -> Result<keyfob::proto::Secret, Card> {
    let what = format!("cannot read {}", file.display());
    let read = unless_stopped_reading_file(file, |file| std::fs::read_to_string(file).map(zeroize::Zeroizing::new))?;
    let text = read.map_err(|error| Card::io(&*what, &error, "check the name and who may read the file"))?;
    match text.trim() {
        "" => Err(Card::usage(what, "expected a secret in it, found nothing", "write the secret into it, and nothing else")),
        short if short.len() < 16 => Err(Card::usage(what, "a secret this short can be guessed", "make one: openssl rand -hex 32")),
        secret => Ok(keyfob::proto::Secret::new(secret)),
    }
}
