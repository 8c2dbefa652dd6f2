//! `keyfob exec ACCOUNT -- COMMAND`: a program with an account's credentials in its environment, and without them in what it says.

use std::ffi::OsString;

use clap::Args;

use crate::card::Card;
use crate::child::{Program, secrets};
use crate::context::Context;
use crate::signal::unless_stopped;
use crate::variables::variables;
use crate::verb::token::seconds;

// Whose credentials, and for which program.
#[derive(Args, Debug)]
#[command(after_help = VARIABLES)]
pub(crate) struct Exec {
    /// The account
    #[arg(add = clap_complete::engine::ArgValueCandidates::new(crate::complete::accounts))]
    name: String,
    /// What the variable with the token is called, instead of KEYFOB_TOKEN and what the provider's own programs know
    #[arg(long = "as", value_name = "NAME")]
    named: Option<String>,
    /// Refresh first if the token ends within this time: 90s, 10m, 2h
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = seconds)]
    min_valid: i64,
    /// Show what the program says as it is, secrets and all; it keeps the terminal
    #[arg(long)]
    no_mask: bool,
    /// The program and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

const VARIABLES: &str = "\
Variables of the program:
  KEYFOB_TOKEN        the access token; for OAuth 1 the token, and KEYFOB_TOKEN_SECRET,
                      KEYFOB_CONSUMER_KEY, KEYFOB_CONSUMER_SECRET beside it
  KEYFOB_ACCOUNT      the account's name
  KEYFOB_API          where its API begins
  KEYFOB_EXPIRES_AT   when the token ends, where that is known

In what the program says, this account's tokens and its app's secrets are masked, and nothing
else: a password of its own, or another account's token, is shown as it says it.

It ends with the program's exit code; 126 and 127 if it could not be run.

Example: keyfob exec github -- gh repo list";

pub(crate) async fn run(args: Exec, context: &Context) -> Result<(), Card> {
    // Being asked to stop ends the preparation; afterwards it is the program that is asked.
    unless_stopped(prepare(args, context)).await?.run().await
}

async fn prepare(args: Exec, context: &Context) -> Result<Program, Card> {
    let opened = context.open_account(&args.name).await?;
    let variables = variables(&opened, args.named.as_deref(), args.min_valid).await?;
    let (name, arguments) = args.command.split_first().expect("the command line has at least one word there");
    let mut program = Program::new(name, arguments);
    for (name, value) in &variables {
        program = program.env(name, value.expose());
    }
    if args.no_mask {
        return Ok(program);
    }
    // The token that a refresh has just brought is not yet among the account's.
    let given = variables
        .into_iter()
        .filter(|(name, _)| !["KEYFOB_ACCOUNT", "KEYFOB_API", "KEYFOB_EXPIRES_AT", "KEYFOB_CONSUMER_KEY"].contains(&name.as_str()));
    Ok(program.masking(given.map(|(_, value)| value).chain(secrets(&opened.account, &opened.app)).collect()))
}
