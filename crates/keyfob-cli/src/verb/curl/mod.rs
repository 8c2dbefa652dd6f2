//! `keyfob curl ACCOUNT -- …`: the real curl, with the account's authorization, which comes to it by standard input and never by its command line
//! (everybody on the machine can read that).
//!
//! What curl is told has to be understood first: an OAuth 1 signature covers method, URL and form, and a token may go to the account's origins alone. So
//! the options are those that are known to send the request there and nowhere else, and no other.

mod arguments;
mod config;

use clap::Args;
use keyfob::proto::Flow;

use self::arguments::Arguments;
use crate::between::Ready;
use crate::card::Card;
use crate::child::{Program, secrets};
use crate::context::Context;
use crate::signal::unless_stopped;
use crate::verb::header::check_placement;

// Whose call, and what curl is told.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Curl {
    /// The account
    #[arg(add = clap_complete::engine::ArgValueCandidates::new(crate::complete::accounts))]
    name: String,
    /// Show what curl says as it is, secrets and all; it keeps the terminal
    #[arg(long)]
    no_mask: bool,
    /// curl's own arguments; the URL may be a path of the account's API
    #[arg(last = true, required = true, value_name = "ARGUMENT")]
    arguments: Vec<String>,
}

const EXAMPLES: &str = "\
Examples:
  keyfob curl netatmo -- -s /api/homesdata
  keyfob curl telldus -- -d id=240001 /json/device/turnOn
  keyfob curl github -- -v -T notes.txt https://api.github.com/…

Redirects are not followed: credentials would go along. ~/.curlrc is not read. It ends with curl's exit code.";

pub(crate) async fn run(args: Curl, context: &Context) -> Result<(), Card> {
    unless_stopped(prepare(args, context)).await?.run().await
}

async fn prepare(args: Curl, context: &Context) -> Result<Program, Card> {
    let arguments = Arguments::read(&args.arguments)?;
    let opened = context.open_account(&args.name).await?;
    check_placement(&opened)?;
    if arguments.repeats && matches!(opened.settings.flow, Flow::OAuth1(_)) {
        return Err(Card::usage(
            "curl cannot repeat a signed request",
            "a nonce is good for one request (RFC 5849 §3.3), and --retry would send it twice",
            "let keyfob repeat it: keyfob get … --retry N",
        ));
    }
    let ready = Ready::prepare(&opened, context, |session| arguments.call(session)).await?;
    let config = config::written(&ready, &arguments)?;
    // A file of options that nobody named could send the request elsewhere, or write it down. It has to be the first argument.
    let mut program =
        Program::new("curl".as_ref(), ["--disable"].into_iter().chain(arguments.passed()).chain(["--config", "-"])).told(config);
    for name in context.secret_variables() {
        program = program.without(&name);
    }
    Ok(if args.no_mask { program } else { program.masking(secrets(&ready.session.account(), &opened.app)).cleaning() })
}
