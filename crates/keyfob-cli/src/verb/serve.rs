//! `keyfob serve`: the web app.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use keyfob::proto::{Origin, Scrubber};
use keyfob::upkeep::{self, Plan};
use keyfob_broker::{Config, DebugLog, Recognised, Service, Site, Variables, recognise};
use serde_json::json;
use tracing_subscriber::filter::LevelFilter;

use crate::card::{Card, Doing};
use crate::context::Context;
use crate::credentials::variables;
use crate::exit::Exit;
use crate::log;
use crate::upkeep::{Providers, told};

/// What to serve, and where.
#[derive(Args, Debug)]
pub(crate) struct Serve {
    /// Take an app's keys from a file of NAME=value lines; the names say which provider is meant
    #[arg(long, value_name = "FILE")]
    env_file: Option<PathBuf>,
    /// The provider that is meant, where the names fit several
    #[arg(long, value_name = "PROVIDER")]
    provider: Option<String>,
    /// The address to listen on
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:5000")]
    listen: SocketAddr,
    /// The address that browsers use, if it is another one (a port mapping, a proxy)
    #[arg(long, value_name = "URL")]
    external_url: Option<String>,
    /// Also write a log with every step to this file, secrets masked
    #[arg(long, value_name = "FILE")]
    debug_log: Option<PathBuf>,
    /// Ask a running one whether it is well, and exit (for containers)
    #[arg(long)]
    health_check: bool,
}

pub(crate) async fn run(args: Serve, context: &Context) -> Result<(), Card> {
    let debug_log = args.debug_log.as_deref().filter(|_| !args.health_check);
    let debug_log = debug_log.map(|path| open_debug_log(path, &args, context)).transpose()?;
    log::begin(debug_log, LevelFilter::INFO)?;
    if args.health_check {
        return keyfob_broker::health_check(args.listen).await.map_err(|error| {
            Card::new(Exit::Error, "the web app is not well", error.to_string(), "see its log, or start it: keyfob serve")
        });
    }
    let what = "cannot start the web app";
    let services = services(&args, context).await?;
    let keyfob = context.keyfob().await?.clone();
    let mut providers = Providers::of(context).await?;
    for service in &services {
        providers = providers.with(&service.provider.name, &service.app);
    }
    let mut config = Config::new(args.listen, services, keyfob.clone());
    config.external_url.clone_from(&args.external_url);
    let names: Vec<String> = config.services.iter().map(|service| service.account.clone()).collect();
    let site = Site::discover(config).await.doing(what)?;
    let listener = tokio::net::TcpListener::bind(args.listen).await.map_err(|error| {
        let why = format!("cannot listen on {}: {error}", args.listen);
        Card::new(Exit::Error, what, why, "stop the program that holds the port, or choose another: --listen 127.0.0.1:5001")
    })?;
    let paint = context.out.note_paint();
    for note in site.notes() {
        context.out.note(&format!("{} {note}", paint.warn("note:")));
    }
    if context.out.json {
        context.out.json(&json!({"url": site.url(), "listen": args.listen.to_string(), "accounts": names}))?;
    } else {
        context.out.note(&format!("Connect {} at {}\n{}", names.join(", "), paint.accent(&site.url()), paint.dim("Ctrl-C ends it.")));
    }
    let (stopped, plan) = (crate::signal::asked_to_stop(), Plan::default());
    tokio::select! {
        ended = keyfob_broker::serve(site, listener, stopped) => {
            ended.map_err(|error| Card::io("the web app has ended", &error, "start it again"))
        }
        // Never ends; what it has begun when the web app does is brought to its end with everything else.
        () = upkeep::run(&keyfob, &providers, &plan, std::future::pending(), tell) => Ok(()),
    }
}

/// What a round of refreshing in the background came to, for the log.
fn tell(round: Result<upkeep::Report, keyfob::Error>) {
    match round {
        Ok(report) => report.accounts.iter().for_each(|kept| tracing::info!(account = kept.account, "{}", told(kept).1)),
        Err(error) => tracing::warn!(%error, "cannot refresh what is due"),
    }
}

/// The debug log. Nothing of ours logs a secret; it masks those of the env-file all the same.
fn open_debug_log(path: &Path, args: &Serve, context: &Context) -> Result<DebugLog, Card> {
    let mut scrubber = Scrubber::new();
    if let Some(file) = &args.env_file {
        let variables = variables(file)?;
        let secrets = context.secret_variables();
        scrubber = secrets.iter().filter_map(|name| variables.get(name)).fold(scrubber, Scrubber::knowing);
    }
    DebugLog::open(path, scrubber)
        .map_err(|error| Card::io(format!("cannot write {}", path.display()), &error, "check the name, the folder and who may write there"))
}

/// What can be connected: what the env-file says, what the environment says, or the apps in the vault.
async fn services(args: &Serve, context: &Context) -> Result<Vec<Service>, Card> {
    let what = "cannot start the web app";
    let mut providers = Vec::new();
    for provider in context.catalogue().iter() {
        match context.provider(&provider.name).await {
            Ok(provider) => providers.push(provider),
            // The sandbox need not play all of them.
            Err(card) if context.sandbox().is_some() && card.exit == Exit::Usage => {}
            Err(card) => return Err(card),
        }
    }
    if let Some(name) = &args.provider {
        context.provider(name).await?;
    }
    let named = args.provider.as_deref();
    if let Some(file) = &args.env_file {
        let variables = variables(file)?;
        for note in variables.notes() {
            context.out.note(&format!("{} {}: {note}", context.out.note_paint().warn("note:"), file.display()));
        }
        return Ok(recognise(&providers, &variables, named).doing(what)?.into_iter().map(of_variables).collect());
    }
    let names: Vec<&str> =
        providers.iter().flat_map(|provider| &provider.client.fields).flat_map(|field| &field.env).map(String::as_str).collect();
    let variables = Variables::of_process(names);
    let incomplete = match recognise(&providers, &variables, named) {
        Ok(recognised) => return Ok(recognised.into_iter().map(of_variables).collect()),
        Err(misuse) => variables.names().next().is_some().then_some(misuse),
    };
    let mut services = Vec::new();
    for provider in providers.into_iter().filter(|provider| named.is_none_or(|name| provider.name == name)) {
        if let Some(app) = context.app(&provider.name).await? {
            let redirect_uri = app.redirect_uri.clone().filter(|uri| is_ours(uri, args));
            services.push(Service { account: provider.name.clone(), app, redirect_uri, scopes: Vec::new(), provider });
        }
    }
    // Nothing in the vault, and half an app in the environment (a container's env-file with a line missing): that is what to say.
    match incomplete {
        Some(misuse) if services.is_empty() => Err(misuse).doing(what),
        _ => Ok(services),
    }
}

fn of_variables(recognised: Recognised) -> Service {
    let Recognised { provider, app, scopes } = recognised;
    Service { account: provider.name.clone(), redirect_uri: app.redirect_uri.clone(), provider, app, scopes }
}

/// An app in the vault may have been registered for the command; its redirect URI counts only if it leads here.
fn is_ours(uri: &str, args: &Serve) -> bool {
    let ours = args.external_url.clone().unwrap_or_else(|| format!("http://{}", args.listen));
    Origin::parse(uri).is_some_and(|origin| Origin::parse(&ours) == Some(origin))
}
