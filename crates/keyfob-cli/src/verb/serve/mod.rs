//! `keyfob serve`: the web app.

mod check;
mod config;
mod manager;
mod pretend;
mod services;
mod signals;
mod tls;

use std::io::IsTerminal;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use keyfob::Keyfob;
use keyfob::proto::{Scrubber, Secret};
use keyfob::upkeep::{self, Plan};
use keyfob_broker::{Address, Config, DebugLog, Pretended, Server, SignIn, Site, Tls};
use keyfob_sandbox::Sandbox;
use serde_json::json;
use tracing_subscriber::filter::LevelFilter;

use self::config::Settings;
use self::services::Found;
use self::signals::Signals;
use crate::card::{Card, Doing};
use crate::cli::SANDBOX_HERE;
use crate::context::{self, Context};
use crate::credentials::variables;
use crate::exit::Exit;
use crate::log;
use crate::upkeep::{Providers, told};

// What to serve, and where.
#[derive(Args, Debug)]
#[command(after_help = MORE)]
pub(crate) struct Serve {
    /// Take an app's keys from a file of NAME=value lines; the names say which provider is meant
    #[arg(long, value_name = "FILE")]
    env_file: Option<PathBuf>,
    /// The provider that is meant, where the names fit several; of the vault's apps, or the sandbox's, the one to serve
    #[arg(long, value_name = "PROVIDER")]
    provider: Option<String>,
    /// The address to listen on (several: again, or with commas): 127.0.0.1:5000, unix:/PATH, systemd
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Vec<String>,
    /// The address that browsers use, if it is another one (a port mapping, a proxy)
    #[arg(long, value_name = "URL")]
    external_url: Option<String>,
    /// Settings from a file (TOML); what is said here counts before it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Say what would be served, and what is wrong, and exit
    #[arg(long, conflicts_with_all = ["link", "health_check"])]
    check: bool,
    /// Speak TLS with this certificate (PEM, with those that lead to its authority)
    #[arg(long, value_name = "FILE")]
    tls_certificate: Option<PathBuf>,
    /// The certificate's key (PEM)
    #[arg(long, value_name = "FILE")]
    tls_key: Option<PathBuf>,
    /// A proxy in front, which is believed when it says who asks: an address, a network, or unix
    #[arg(long, value_name = "NETWORK")]
    trusted_proxy: Vec<String>,
    /// Answer /metrics, /readyz and /healthz here, to whoever reaches it
    #[arg(long, value_name = "ADDRESS:PORT")]
    metrics_listen: Option<String>,
    /// How the log is written: text, or json
    #[arg(long, value_name = "FORM")]
    log: Option<String>,
    /// Also write a log with every step to this file, secrets masked
    #[arg(long, value_name = "FILE")]
    debug_log: Option<PathBuf>,
    /// Print a fresh link that signs the owner in, once, within a quarter of an hour, and exit
    #[arg(long, conflicts_with_all = ["env_file", "health_check"])]
    link: bool,
    /// Ask a running one whether it is well, and exit (for containers)
    #[arg(long)]
    health_check: bool,
}

const MORE: &str = "\
Each setting of the file can also be given as a variable: listen as KEYFOB_SERVE_LISTEN,
limits.connections as KEYFOB_SERVE_LIMITS_CONNECTIONS. docs/serve.md lists them.";

pub(crate) async fn run(args: Serve, context: &Context) -> Result<(), Card> {
    let again = check::again(args.config.as_deref());
    let (mut settings, values) = config::gather(&args, environment())?.map_err(|problems| check::refused(&problems, &again, context))?;
    let debug_log = settings.debug_log.as_deref().filter(|_| !args.health_check && !args.check);
    let debug_log = debug_log.map(|path| open_debug_log(path, &settings, context)).transpose()?;
    log::begin(debug_log, LevelFilter::INFO, settings.json_log || context.out.speaks_json())?;
    if args.health_check {
        return health_check(&settings).await;
    }
    let what = "cannot start the web app";
    let pretended = context.sandbox() == Some(SANDBOX_HERE);
    if pretended {
        pretend::refuse(args.link, &values, context)?;
    }
    if args.check {
        return check::check(&settings, &values, &again, context).await;
    }
    let ports = if args.link { Vec::new() } else { take_ports(&mut settings)? };
    if context.sandbox().is_none() {
        // Where there are no certificates, it is said now and not when somebody connects.
        context::certificates()?;
    }
    // One that is made now would be another than the web app's, and so would whom its link makes the owner.
    if args.link && context.keyfob_if_any().await?.is_none() {
        return Err(Card::new(
            Exit::Vault,
            "cannot make a link to sign in with",
            format!("there is no vault at {}", context.vault().shown()),
            "say where the web app's is, as it was started with (KEYFOB_DATA_DIR, KEYFOB_VAULT or --vault): docs/serve.md has the line for a service of systemd",
        ));
    }
    let Stage { mut config, keyfob, providers, sandbox } =
        if pretended { pretend::stage(&settings, context).await? } else { stage(&settings, context).await? };
    config.external_url.clone_from(&settings.external_url);
    config.sign_in = settings.sign_in.as_ref().map(sign_in).transpose()?;
    config.webhook_origins.clone_from(&settings.webhook_origins);
    let names: Vec<String> = config.services.iter().map(|service| service.account.clone()).collect();
    let site = Site::discover(config).await.doing(what)?;
    if args.link {
        return print_link(&site, context).await;
    }
    let tls = tls::load(&settings, &site)?;
    let server = server(&settings, ports, site.clone(), tls.clone())?;
    // Before anybody is told that it is there: whoever is, may ask it to stop.
    let signals = Signals::listen(std::io::stderr().is_terminal());
    let paint = context.out.note_paint();
    let unused = pretended.then(|| pretend::unused(&values)).flatten();
    for note in site.notes().into_iter().chain(unused).chain(settings.proxies.notes()).chain(tls::notes(&settings, tls.as_deref(), &site)) {
        context.out.note(&format!("{} {note}", paint.warn("note:")));
    }
    let link = site.first_run_link().await.map_err(keyfob::Error::from).doing(what)?;
    if context.out.json {
        let mut told = json!({"url": site.url(), "listen": server.listens().join(", "), "accounts": names});
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
                let what = if names.is_empty() { "It is".to_owned() } else { format!("Connect {}", names.join(", ")) };
                context.out.note(&format!("{what} at {}\n{}", paint.accent(&url), paint.dim("Ctrl-C ends it.")));
            }
        }
        if sandbox.is_some() {
            context.out.note(&paint.dim("The providers are pretended, and nothing is kept when it ends."));
        }
    }
    let plan = Plan::default();
    let (first, second) = (signals.stopped(1), signals.stopped(2));
    let stopped = async {
        first.await;
        manager::tell("STOPPING=1");
    };
    manager::tell("READY=1");
    tokio::select! {
        ended = server.run(stopped, second) => {
            ended.map_err(|error| Card::io("the web app has ended", &error, "start it again"))
        }
        // These never end; what they have begun when the web app does is brought to its end with everything else.
        () = upkeep::run(&keyfob, &providers, &plan, std::future::pending(), tell) => Ok(()),
        () = tls::look_again(tls, &site, signals) => Ok(()),
    }
}

/// Variables that are no text are none of ours.
fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

async fn health_check(settings: &Settings) -> Result<(), Card> {
    let address = match (&settings.metrics_listen, &settings.tls) {
        (Some(address), _) => address,
        (None, Some(_)) => {
            let why = "its pages speak TLS, under a name that is not this machine's own";
            return Err(Card::usage(
                "cannot ask the web app how it is",
                why,
                "give it an address for that: --metrics-listen 127.0.0.1:9464",
            ));
        }
        (None, None) => settings.listen.first().expect("there is one, if only the usual one"),
    };
    keyfob_broker::health_check(address.clone())
        .await
        .map_err(|error| Card::new(Exit::Error, "the web app is not well", error.to_string(), "see its log, or start it: keyfob serve"))
}

/// Where people sign in.
fn sign_in(settings: &config::SignIn) -> Result<SignIn, Card> {
    let config::SignIn { issuer, client_id, client_secret_file, trusted_audiences, allow } = settings.clone();
    let client_secret = client_secret_file.as_deref().map(config::client_secret).transpose()?;
    Ok(SignIn { issuer, client_id, client_secret, trusted_audiences, allow })
}

/// Whether the system gives it a port when it starts, so that nobody knows its address before.
fn chooses_port(site: &Site) -> bool {
    site.url().ends_with(":0/")
}

/// Whoever may open the vault may sign in as its owner.
async fn print_link(site: &Site, context: &Context) -> Result<(), Card> {
    let what = "cannot make a link to sign in with";
    if chooses_port(site) {
        let why = "which port it listens on is chosen when it starts, and known to the one that runs alone";
        return Err(Card::usage(what, why, "say where that one is: keyfob serve --link --listen 127.0.0.1:PORT"));
    }
    let link = site.owner_link().await.map_err(keyfob::Error::from).doing(what)?;
    let link = link.ok_or_else(|| {
        Card::new(
            Exit::Usage,
            what,
            "with these apps nobody signs in: each browser connects for itself",
            "keep the apps in the vault: keyfob app add NAME",
        )
    })?;
    if context.out.json {
        return context.out.json(&json!({"link": link}));
    }
    context.out.data(&link)?;
    context.out.note("Open it in your browser within a quarter of an hour. It is good once.");
    Ok(())
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
async fn stage(settings: &Settings, context: &Context) -> Result<Stage, Card> {
    let Found { services, catalogue, whole_catalogue, unplayed, broken } = services::services(settings, context).await?;
    let keyfob = context.keyfob().await?.clone();
    let mut providers = Providers::of(context).await?;
    for service in &services {
        providers = providers.with(&service.provider.name, &service.app);
    }
    let mut config = Config::new(settings.port(), services, keyfob.clone());
    // What is in the vault is somebody's, who signs in. With an env-file everybody is a guest, and connects for themselves.
    if !catalogue.is_empty() {
        config.shelf = Some(context.shelf().await?.clone());
    }
    (config.catalogue, config.whole_catalogue, config.unplayed, config.broken) = (catalogue, whole_catalogue, unplayed, broken);
    if context.sandbox().is_some() {
        config.pretended = Pretended::Providers;
    }
    Ok(Stage { config, keyfob, providers, sandbox: None })
}

fn metrics_token(settings: &Settings) -> Result<Option<Secret>, Card> {
    settings.metrics_token_file.as_deref().map(config::token).transpose()
}

/// The ports, before anything else: where the system chooses one (port 0), people are sent to the one that it chose.
fn take_ports(settings: &mut Settings) -> Result<Vec<TcpListener>, Card> {
    let mut ports = Vec::new();
    for address in &mut settings.listen {
        let Address::Tcp(asked) = *address else { continue };
        let taken = TcpListener::bind(asked).and_then(|listener| Ok((listener.local_addr()?, listener)));
        let (taken, listener) = taken.map_err(|error| busy(address, &error))?;
        *address = taken.into();
        ports.push(listener);
    }
    Ok(ports)
}

fn busy(address: &Address, error: &std::io::Error) -> Card {
    let why = format!("cannot listen on {address}: {error}");
    let next = "stop the program that holds the port, or choose another: --listen 127.0.0.1:5001";
    Card::new(Exit::Error, "cannot start the web app", why, next)
}

fn server(settings: &Settings, ports: Vec<TcpListener>, site: Arc<Site>, tls: Option<Arc<Tls>>) -> Result<Server, Card> {
    let mut server = Server::new(site).proxies(settings.proxies.clone()).limits(settings.limits.clone()).lead(settings.lead);
    for port in ports {
        server = server.listener(port).map_err(|error| Card::io("cannot start the web app", &error, "start it again"))?;
    }
    for address in settings.listen.iter().filter(|address| !matches!(address, Address::Tcp(_))) {
        server = server.listen(address).map_err(|error| busy(address, &error))?;
    }
    if let Some(address) = &settings.metrics_listen {
        server = server.listen_for_operations(address).map_err(|error| busy(address, &error))?;
    }
    if let Some(tls) = tls {
        server = server.tls(tls);
    }
    if let Some(token) = metrics_token(settings)? {
        server = server.metrics_token(token);
    }
    Ok(server)
}

/// What a round of refreshing in the background came to, for the log.
fn tell(round: Result<upkeep::Report, keyfob::Error>) {
    match round {
        Ok(report) => report.accounts.iter().for_each(|kept| tracing::info!(account = kept.account, "{}", told(kept).1)),
        Err(error) => tracing::warn!(%error, "cannot refresh what is due"),
    }
}

/// The debug log. Nothing of ours logs a secret; it masks those of the env-file all the same.
fn open_debug_log(path: &Path, settings: &Settings, context: &Context) -> Result<DebugLog, Card> {
    let mut scrubber = Scrubber::new();
    if let Some(file) = &settings.env_file {
        let variables = variables(file)?;
        let secrets = context.secret_variables();
        scrubber = secrets.iter().filter_map(|name| variables.get(name)).fold(scrubber, Scrubber::knowing);
    }
    DebugLog::open(path, scrubber)
        .map_err(|error| Card::io(format!("cannot write {}", path.display()), &error, "check the name, the folder and who may write there"))
}
