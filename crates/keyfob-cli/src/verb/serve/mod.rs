//! `keyfob serve`: the web app.

mod pretend;
mod services;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use keyfob::Keyfob;
use keyfob::proto::Scrubber;
use keyfob::upkeep::{self, Plan};
use keyfob_broker::{Config, DebugLog, Site};
use keyfob_sandbox::Sandbox;
use serde_json::json;
use tracing_subscriber::filter::LevelFilter;

use self::services::Found;
use crate::card::{Card, Doing};
use crate::cli::SANDBOX_HERE;
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
    let Stage { mut config, keyfob, providers, sandbox } =
        if context.sandbox() == Some(SANDBOX_HERE) { pretend::stage(&args, context).await? } else { stage(&args, context).await? };
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
    let link = site.first_run_link().await.map_err(keyfob::Error::from).doing(what)?;
    if context.out.json {
        let mut told = json!({"url": site.url(), "listen": args.listen.to_string(), "accounts": names});
        if let Some(link) = &link {
            told["link"] = json!(link);
        }
        context.out.json(&told)?;
    } else {
        match &link {
            Some(link) => {
                let how = "Open this link to come in as the owner; it is good once, for a quarter of an hour:";
                context.out.note(&format!("{how}\n  {}\n{}", paint.accent(link), paint.dim("Ctrl-C ends it.")));
            }
            None => {
                let url = site.url();
                context.out.note(&format!("Connect {} at {}\n{}", names.join(", "), paint.accent(&url), paint.dim("Ctrl-C ends it.")));
            }
        }
        if sandbox.is_some() {
            context.out.note(&paint.dim("The providers are pretended, and nothing is kept when it ends."));
        }
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

/// What the web app works on.
struct Stage {
    config: Config,
    keyfob: Keyfob,
    /// What accounts are refreshed with in the background.
    providers: Providers,
    /// The pretend providers, where they run in this process.
    sandbox: Option<Sandbox>,
}

/// The vault, and what can be connected with the apps that are known.
async fn stage(args: &Serve, context: &Context) -> Result<Stage, Card> {
    let Found { services, catalogue } = services::services(args, context).await?;
    let keyfob = context.keyfob().await?.clone();
    let mut providers = Providers::of(context).await?;
    for service in &services {
        providers = providers.with(&service.provider.name, &service.app);
    }
    let mut config = Config::new(args.listen, services, keyfob.clone());
    config.catalogue = catalogue;
    Ok(Stage { config, keyfob, providers, sandbox: None })
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
