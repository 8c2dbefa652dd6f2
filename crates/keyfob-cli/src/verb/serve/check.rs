//! `keyfob serve --check`: what would be served, and what is wrong.

use std::path::Path;
use std::sync::Arc;

use keyfob::proto::{Error as ProtoError, TransportKind};
use keyfob::{Error, Keyfob, MemoryStore};
use keyfob_broker::{Config, Site};
use keyfob_store::MemoryShelf;
use serde_json::{Map, Value as Json, json};

use super::config::{Problem, Settings, Values};
use super::services::{Found, services};
use super::{pretend, tls};
use crate::card::{Card, Doing};
use crate::cli::SANDBOX_HERE;
use crate::context::{self, Context};
use crate::output::hang;
use crate::perform::quoted;

pub(super) const WHAT: &str = "the web app cannot be served as it is set up";

/// The command that looks again at the same file.
pub(super) fn again(config: Option<&Path>) -> String {
    let file = config.map(|file| format!(" --config {}", quoted(&file.display().to_string()))).unwrap_or_default();
    format!("keyfob serve --check{file}")
}

/// What is wrong with the settings: each on a line, and the card.
pub(super) fn refused(problems: &[Problem], again: &str, context: &Context) -> Card {
    let paint = context.out.note_paint();
    let told = problems.len() > 1;
    for problem in problems.iter().filter(|_| told) {
        context.out.note(&keyfob::proto::scrub::printable(&problem.to_string()));
        if let Some(hint) = &problem.hint {
            context.out.note(&format!("  {}", paint.dim(hint)));
        }
    }
    match problems {
        [only] => Card::usage(WHAT, only.to_string(), only.hint.clone().unwrap_or_else(|| format!("correct it; {again} looks again"))),
        all => Card::usage(WHAT, format!("{} things are wrong", all.len()), format!("correct them; {again} looks again")),
    }
}

/// Looks at everything without serving, and without a vault.
pub(super) async fn check(settings: &Settings, values: &Values, again: &str, context: &Context) -> Result<(), Card> {
    let pretended = context.sandbox() == Some(SANDBOX_HERE);
    // The pretend providers stay until the end: one of them describes itself, and is asked.
    let (mut config, _sandbox) = match pretended {
        true => {
            let stage = pretend::stage(settings, context).await?;
            (stage.config, stage.sandbox)
        }
        false => {
            let Found { services, catalogue, unplayed, .. } = services(settings, context).await?;
            // A store of its own: looking makes no vault.
            let keyfob = Keyfob::new(Arc::new(MemoryStore::new()), Arc::new(context::transport()?));
            let mut config = Config::new(settings.port(), services, keyfob);
            // As what is served has people where there is a vault: they can enter apps later.
            if !catalogue.is_empty() {
                config.shelf = Some(Arc::new(MemoryShelf::default()));
            }
            (config.catalogue, config.unplayed) = (catalogue, unplayed);
            (config, None)
        }
    };
    config.external_url.clone_from(&settings.external_url);
    let accounts: Vec<String> = config.services.iter().map(|service| service.account.clone()).collect();
    super::metrics_token(settings)?;
    let keyfob = config.keyfob.clone();
    let site = Site::discover(config).await.doing(WHAT);
    let asked = ask_issuer(settings, &keyfob, context).await;
    let (site, tls, unasked) = match (site, asked) {
        (Ok(site), Ok(unasked)) => {
            let tls = tls::load(settings, &site)?;
            (site, tls, unasked)
        }
        (Err(card), Ok(_)) | (Ok(_), Err(card)) => return Err(card),
        (Err(of_site), Err(of_issuer)) => {
            let problems = [of_site, of_issuer].map(|card| Problem {
                place: None,
                message: card.why().to_owned(),
                hint: Some(card.next().to_owned()),
            });
            return Err(refused(&problems, again, context));
        }
    };
    let unused = pretended.then(|| pretend::unused(values)).flatten();
    let chosen = super::chooses_port(&site)
        .then(|| "the port is one that the system chooses when it starts: the link that it prints has it".to_owned());
    let notes = site
        .notes()
        .into_iter()
        .chain(settings.proxies.notes())
        .chain(tls::notes(settings, tls.as_deref(), &site))
        .chain(unasked)
        .chain(unused)
        .chain(chosen);
    let notes: Vec<String> = notes.collect();
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
        ("connects", if accounts.is_empty() { "nothing yet: the owner enters apps on its pages".to_owned() } else { accounts.join(", ") }),
        ("vault", if pretended { "none: everything is kept in memory".to_owned() } else { context.vault().shown() }),
        (
            "proxies",
            if settings.proxies.is_empty() { "none is believed".to_owned() } else { "those that are listed are believed".to_owned() },
        ),
        ("metrics", metrics(settings)),
    ];
    if let Some(sign_in) = &settings.sign_in {
        lines.push(("sign-in", format!("{}, which sends people back to {}", sign_in.issuer, site.sign_in_redirect_uri())));
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

/// Asks the issuer how people sign in there, as each sign-in does: by the same transport, and held to the same rules. Among pretend providers one elsewhere is
/// not asked, which is no reason not to serve them: then it says so.
async fn ask_issuer(settings: &Settings, keyfob: &Keyfob, context: &Context) -> Result<Option<String>, Card> {
    let Some(named) = &settings.sign_in else { return Ok(None) };
    let asked = super::sign_in(named)?.ask(keyfob).await;
    match asked {
        Ok(()) => Ok(None),
        Err(Error::Protocol(ProtoError::Transport(error)))
            if context.sandbox() == Some(SANDBOX_HERE) && error.kind == TransportKind::Forbidden =>
        {
            Ok(Some(format!("nobody can sign in at {} here: with --sandbox nothing leaves this machine", named.issuer)))
        }
        Err(error) => {
            let card = Card::of("sign_in.issuer does not say how people sign in there", &error);
            Err(card.saying(WHAT))
        }
    }
}

fn metrics(settings: &Settings) -> String {
    match (&settings.metrics_listen, &settings.metrics_token_file) {
        (Some(address), None) => format!("at {address}, for whoever reaches it"),
        (Some(address), Some(_)) => format!("at {address}, for whoever reaches it; at the pages' address, with the token"),
        (None, Some(_)) => "at the pages' address, with the token".to_owned(),
        (None, None) => "none are shown".to_owned(),
    }
}
