//! `keyfob sandbox`: the pretend providers, until Ctrl-C.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use clap::{Args, ValueEnum};
use keyfob_providers::Status;
use keyfob_sandbox::Sandbox as Running;
use serde_json::{Map, Value, json};

use crate::card::Card;
use crate::context::{Context, transport};
use crate::exit::Exit;
use crate::pretend::Pretend;
use crate::sheet::Sheet;
use crate::signal;

/// Where the index is, unless somebody says otherwise.
pub(crate) const PORT: u16 = 8900;

/// Behind this one there is room for whatever the sandbox plays.
const HIGHEST: u16 = 65_000;

const CANNOT: &str = "cannot start the sandbox";

// What the pretend providers are like.
#[derive(Args, Debug)]
pub(crate) struct Sandbox {
    /// The port of the index; the services take the next ones. 0: any free ports
    #[arg(long, value_name = "PORT", default_value_t = PORT)]
    port: u16,
    /// The address to listen on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    address: IpAddr,
    /// Who answers the consent pages
    #[arg(long, value_enum, default_value_t = Consent::Ask)]
    consent: Consent,
    /// Only these services; may be given several times
    #[arg(long, value_name = "SERVICE")]
    only: Vec<String>,
    /// Play this provider, too, as its file describes it; logins there are approved at once; may be given several times
    #[arg(long = "as", value_name = "PROVIDER", add = clap_complete::engine::ArgValueCandidates::new(crate::complete::providers))]
    imitated: Vec<String>,
    /// A second door of acme, with TLS, that asks clients for a certificate; where it is, and whom to trust, is in /providers.json of the index
    #[arg(long)]
    tls: bool,
    /// What has ended in the world has ended here, too: it answers 410
    #[arg(long)]
    retired: bool,
    /// As lax as the real servers where they are lax: an exchange without a verifier succeeds
    #[arg(long)]
    lenient: bool,
    /// As strict as the real servers became later: parameters in the header alone
    #[arg(long)]
    strict: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Consent {
    /// A person, in the browser
    Ask,
    /// Nobody: always yes
    Approve,
    /// Nobody: always no
    Deny,
}

pub(crate) async fn run(args: Sandbox, context: &Context) -> Result<(), Card> {
    let retired = if args.retired { retired(context).await } else { Vec::new() };
    let mut builder = Running::builder().base_port(args.port).address(args.address).only(args.only.clone()).consent(match args.consent {
        Consent::Ask => keyfob_sandbox::Consent::Ask,
        Consent::Approve => keyfob_sandbox::Consent::Approve,
        Consent::Deny => keyfob_sandbox::Consent::Deny,
    });
    if args.tls {
        builder = builder.tls();
    }
    for name in &args.imitated {
        builder = builder.imitating(name, file(name, context)?);
    }
    let mut said = Ok(());
    let serving = keyfob_sandbox::serve(builder, |sandbox| {
        for (service, _) in sandbox.origins() {
            sandbox.faults(&service).update(|faults| {
                faults.lenient = args.lenient;
                faults.strict = args.strict;
            });
        }
        for (name, app) in sandbox.apps() {
            if retired.contains(&name) {
                sandbox.faults(&app.service).update(|faults| faults.retired = true);
            }
        }
        said = introduce(sandbox, context);
    });
    let served = tokio::select! {
        served = serving => served,
        () = signal::asked_to_stop() => Ok(()),
    };
    said?;
    let Err(error) = served else { return Ok(()) };
    if error.kind() == std::io::ErrorKind::AddrInUse
        && let Some(option) = already_there(args.address, args.port).await
    {
        let why = format!("a sandbox is there already, at {}", SocketAddr::new(args.address, args.port));
        let next = format!("use it: {option}, with any verb; or start another: keyfob sandbox --port 9000, or --port 0 for any free ones");
        return Err(Card::new(Exit::Error, CANNOT, why, next));
    }
    Err({
        let (exit, next) = match error.kind() {
            // Whatever else was said: the services have no room behind it.
            std::io::ErrorKind::InvalidInput if args.port > HIGHEST => (Exit::Usage, "choose a lower one: keyfob sandbox --port 9000"),
            std::io::ErrorKind::InvalidInput => (Exit::Usage, "leave that one away; keyfob sandbox --help says what there is"),
            _ => (Exit::Error, "choose other ports: keyfob sandbox --port 9000, or --port 0 for any free ones"),
        };
        Card::new(exit, CANNOT, error.to_string(), next)
    })
}

/// The option that leads to a sandbox that runs already where this one was to be. Something else may be there, or on the next ports.
async fn already_there(address: IpAddr, port: u16) -> Option<String> {
    let url = format!("http://{}", SocketAddr::new(address, port));
    Pretend::find(&url, &transport().ok()?).await.ok()?;
    Some(if (address, port) == (IpAddr::V4(Ipv4Addr::LOCALHOST), PORT) { "--sandbox".to_owned() } else { format!("--sandbox={url}") })
}

/// The file of a provider, to be imitated.
fn file(name: &str, context: &Context) -> Result<String, Card> {
    let provider = context.known(name)?;
    context.catalogue().text(&provider.name).map_err(|error| {
        Card::new(Exit::Error, format!("cannot read the file of {name}"), error.to_string(), "keyfob provider show tells which file it is")
    })
}

/// The providers whose end the catalogue knows.
async fn retired(context: &Context) -> Vec<String> {
    let catalogue = context.catalogue();
    catalogue.iter().filter(|provider| matches!(provider.status, Status::Retired { .. })).map(|provider| provider.name.clone()).collect()
}

fn introduce(sandbox: &Running, context: &Context) -> Result<(), Card> {
    let (apps, imitated) = (sandbox.apps(), sandbox.imitated());
    let origin =
        |service: &str| sandbox.origins().into_iter().find(|(name, _)| name == service).map(|(_, origin)| origin).unwrap_or_default();
    if context.out.json {
        let mut described: Map<String, Value> = (apps.iter())
            .map(|(name, app)| (name.clone(), json!({"service": app.service, "origin": origin(&app.service), "client_id": app.client_id})))
            .collect();
        described.extend(
            imitated.iter().map(|(name, app, api)| (name.clone(), json!({"service": name, "origin": api, "client_id": app.client_id}))),
        );
        return context.out.json(&json!({"index": sandbox.index(), "apps": described}));
    }
    let mut sheet = Sheet::new(["Demo app", "Origin", "Client ID"]);
    for (name, app) in &apps {
        sheet.row([name.clone(), origin(&app.service), app.client_id.clone()]);
    }
    for (name, app, api) in &imitated {
        sheet.row([name.clone(), api.clone(), app.client_id.clone()]);
    }
    sheet.print(&context.out)?;
    let paint = context.out.note_paint();
    let imitated = imitated.first().map(|(name, ..)| name.as_str());
    let call = imitated.map(|name| format!("  keyfob get {name} /\n")).unwrap_or_default();
    let without_data = match imitated {
        Some(_) => {
            "What is played from a file logs in, renews and logs out, and has no data: a call is answered with what was asked for, and an action finds nothing in that, or says that it has not the shape.\n\n"
        }
        None => "",
    };
    let example = imitated.or(apps.first().map(|(name, _)| name.as_str())).unwrap_or("PROVIDER");
    // Where no login begins here, the index has tokens to bring.
    let begin = if context.known(example).is_ok_and(|provider| provider.import.is_some()) { "import" } else { "login" };
    context.out.note(&format!(
        "\nSecrets, ready tokens and everything else: {index}\n\
         In another terminal:\n\n  export KEYFOB_SANDBOX={index}\n  keyfob {begin} {example}\n{call}\n{without_data}{}",
        paint.dim("Ctrl-C ends it, and everything it knows is gone."),
        index = paint.accent(sandbox.index()),
    ));
    Ok(())
}
