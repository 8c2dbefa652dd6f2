//! The verbs, one file each: its arguments, and what it does.

pub(crate) mod account;
pub(crate) mod adopt;
pub(crate) mod app;
pub(crate) mod call;
pub(crate) mod completions;
pub(crate) mod curl;
pub(crate) mod r#do;
pub(crate) mod doctor;
pub(crate) mod env;
pub(crate) mod exec;
pub(crate) mod explain;
pub(crate) mod export;
pub(crate) mod header;
pub(crate) mod help;
pub(crate) mod helper;
pub(crate) mod import;
pub(crate) mod key;
pub(crate) mod lock;
pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod man;
pub(crate) mod provider;
pub(crate) mod refresh;
pub(crate) mod sandbox;
pub(crate) mod schema;
pub(crate) mod serve;
pub(crate) mod status;
pub(crate) mod token;
pub(crate) mod trace;
pub(crate) mod r#try;
pub(crate) mod unlock;
pub(crate) mod vault;
pub(crate) mod watch;
pub(crate) mod why;

use clap::Args;

use crate::card::Card;

// Secrets that somebody tries to give as arguments: taken, so that the refusal can say what to do instead. (As an unknown argument
// the refusal would be there too, and less help.)
#[derive(Args, Debug, Default)]
pub(crate) struct RefusedSecrets {
    #[arg(
        long = "client-secret",
        hide = true,
        value_name = "SECRET",
        aliases = ["consumer-secret", "secret", "api-key", "token", "token-secret", "access-token", "refresh-token", "password"]
    )]
    refused: Option<Refused>,
}

/// A secret that came by the command line: there, and not kept.
#[derive(Clone, Debug)]
pub(crate) struct Refused;

impl std::str::FromStr for Refused {
    type Err = std::convert::Infallible;

    fn from_str(_: &str) -> Result<Self, Self::Err> {
        Ok(Self)
    }
}

impl RefusedSecrets {
    /// A command line is in the shell's history, and every user of the machine can read it (`ps`).
    pub(crate) fn check(&self) -> Result<(), Card> {
        match self.refused {
            None => Ok(()),
            Some(Refused) => Err(Card::usage(
                "a secret was given on the command line",
                "there the shell's history keeps it, and every user of this machine can read it; consider it known, and make a new one",
                "leave it away and be asked for it, or use --env-file FILE, the environment, or --stdin where there is one",
            )),
        }
    }
}
