//! `keyfob account list` and `rm`: the same as `status` and `logout`, for those who look for them here.

use clap::Subcommand;

use crate::card::Card;
use crate::context::Context;
use crate::verb::{logout, status};

/// What to do with accounts.
#[derive(Subcommand, Debug)]
pub(crate) enum Verb {
    /// List the accounts (as `status` does)
    List,
    /// Forget an account (as `logout` does)
    Rm(logout::Logout),
}

pub(crate) async fn run(verb: Verb, context: &Context) -> Result<(), Card> {
    match verb {
        Verb::List => status::run(status::Status::default(), context).await,
        Verb::Rm(args) => logout::run(args, context).await,
    }
}
