//! A token and its end as one JSON object: for programs that run a command when they need one, as some do for cloud credentials.

use clap::Args;
use serde_json::json;

use super::access_token;
use crate::card::Card;
use crate::context::Context;
use crate::moment;

/// Whose token.
#[derive(Args, Debug)]
#[command(after_help = SHAPE)]
pub(crate) struct Process {
    /// The account
    #[arg(add = clap_complete::engine::ArgValueCandidates::new(crate::complete::accounts))]
    account: String,
}

const SHAPE: &str = r#"What is printed, on one line:
  {"Version":1,"AccessToken":"…","TokenType":"Bearer","Expiration":"2026-11-21T14:03:00Z"}
Expiration is null where the provider does not say it."#;

pub(crate) async fn run(args: Process, context: &Context) -> Result<(), Card> {
    let account = context.account(&args.account).await?;
    let (handed, _) = access_token(&account, context).await?;
    context.out.json_line(&json!({
        "Version": 1,
        "AccessToken": handed.token.expose(),
        "TokenType": "Bearer",
        "Expiration": handed.expires_at.map(moment::utc),
    }))
}
