//! `keyfob token`: a valid access token on stdout, and nothing else there. Never opens a browser, never asks.

use clap::Args;
use keyfob::Grant;
use keyfob::proto::TokenSet;
use serde_json::json;

use crate::account;
use crate::card::{Card, Doing};
use crate::context::Context;
use crate::moment;

// Whose token, and how long it has to last.
#[derive(Args, Debug)]
pub(crate) struct Token {
    /// The account
    #[arg(add = clap_complete::engine::ArgValueCandidates::new(crate::complete::accounts))]
    name: String,
    /// Refresh first if it ends within this time: 90s, 10m, 2h
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = seconds)]
    min_valid: i64,
}

pub(crate) async fn run(args: Token, context: &Context) -> Result<(), Card> {
    let opened = context.open_account(&args.name).await?;
    let name = &opened.account.name;
    if matches!(opened.account.tokens, TokenSet::OAuth1(_)) {
        let why = match opened.account.grant {
            Grant::OneLegged => "the app's keys alone sign its calls, and nobody was given a token",
            _ => "OAuth 1 signs every request by itself; a token alone opens nothing",
        };
        return Err(Card::usage(
            format!("{name} has no token to print"),
            why,
            format!("make the call with keyfob (keyfob get {name} PATH), or have it signed: keyfob header GET URL"),
        ));
    }
    let session = opened.session().await?;
    let token = session.token(args.min_valid).await.doing(format!("cannot get a token for {name}"))?;
    let expires_at = session.account().tokens.expires_at();
    // There is none that lasts longer: whoever waits for one waits for ever. It is told, and no failure.
    if let Some(left) = expires_at.map(|at| at.since(account::now())).filter(|left| *left < args.min_valid) {
        let note = context.out.note_paint().warn("note:");
        let (good, asked) = (moment::length(left.max(0)), moment::length(args.min_valid));
        context.out.note(&format!("{note} the token is good for {good}, and not for {asked}: there is none that lasts longer"));
    }
    if context.out.json {
        let expires_at = expires_at.map(moment::utc);
        return context.out.json(&json!({"account": name, "access_token": token.expose(), "expires_at": expires_at}));
    }
    context.out.exact(token.expose())
}

/// Reads a length of time: 90s, 10m, 2h, 1d. A number alone may be meant as minutes, hours or days, and is taken for none of them.
pub(crate) fn seconds(text: &str) -> Result<i64, String> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let unit = match unit {
        "" if number == "0" => Some(1),
        "s" => Some(1),
        "m" | "min" => Some(60),
        "h" => Some(3600),
        "d" => Some(86_400),
        "w" => Some(7 * 86_400),
        "y" => Some(365 * 86_400),
        _ => None,
    };
    let number: Option<i64> = number.parse().ok();
    number
        .zip(unit)
        .and_then(|(number, unit)| number.checked_mul(unit))
        .ok_or_else(|| "expected a time with its unit, such as 90s, 10m or 2h".to_owned())
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn times_have_units() {
        for (text, expected) in [("90s", 90), ("10m", 600), ("2h", 7200), ("1d", 86_400), ("2w", 1_209_600), ("1y", 31_536_000), ("0", 0)] {
            assert_eq!(seconds(text), Ok(expected), "{text}");
        }
        for bad in ["", "m", "90", "-5m", "1.5h", "5 m", "99999999999999999999", "9223372036854775807d"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }
}
