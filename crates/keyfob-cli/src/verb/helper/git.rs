//! Git's credential protocol (gitcredentials(7), git-credential(1)).

use std::io;

use clap::Args;
use keyfob::proto::{Origin, Secret};

use super::lines::{field, read, written};
use super::{Handed, Whose, access_token};
use crate::card::Card;
use crate::context::Context;
use crate::signal::unless_stopped_reading;

/// What git wants.
#[derive(Args, Debug)]
#[command(after_help = USE)]
pub(crate) struct Git {
    #[command(flatten)]
    whose: Whose,
    /// get, store or erase; of these, get is answered
    #[arg(default_value = "get")]
    action: String,
}

const USE: &str = "\
  git config --global credential.https://github.com.helper '!keyfob helper git --account github'

Tokens are given for https, and for http on this machine itself (127.0.0.1, localhost), for hosts that the account is bound to. What git
wants stored or erased is left alone: keyfob keeps logins of its own.";

pub(crate) async fn run(args: Git, context: &Context) -> Result<(), Card> {
    // gitcredentials(7): what a helper does not know, it passes over in silence.
    if args.action != "get" {
        return Ok(());
    }
    let request = unless_stopped_reading(|| read(io::stdin().lock()))??;
    let Some(origin) = origin(&request) else { return Ok(()) };
    let Some(account) = args.whose.at(&origin, context).await? else { return Ok(()) };
    let (Handed { token, expires_at }, _) = access_token(&account, context).await?;
    let mut answer = vec![("username", Secret::new(args.whose.username(field(&request, "username")))), ("password", token)];
    if let Some(at) = expires_at {
        answer.push(("password_expiry_utc", Secret::new(at.as_unix().to_string())));
    }
    context.out.exact(&written(&answer)?)
}

/// Where the credentials are going. Over plain http a token would be read by everybody on the way; on this machine there is no way.
fn origin(request: &[(String, String)]) -> Option<Origin> {
    let (protocol, host) = (field(request, "protocol")?, field(request, "host")?);
    // A host is no more than that: what stands behind it would be read as a path, and before it as a user.
    let origin = Origin::parse(&format!("{protocol}://{host}")).filter(|_| !host.contains(['/', '?', '#', '@', '\\']))?;
    (protocol == "https" || protocol == "http" && origin.is_loopback()).then_some(origin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn k1_tokens_go_by_https_alone() {
        let asked = |protocol: &str, host: &str| {
            let fields = [("protocol".to_owned(), protocol.to_owned()), ("host".to_owned(), host.to_owned())];
            origin(&fields).map(|origin| origin.to_string())
        };
        assert_eq!(asked("https", "a.example").as_deref(), Some("https://a.example"));
        assert_eq!(asked("http", "127.0.0.1:80").as_deref(), Some("http://127.0.0.1"));
        for (protocol, host) in
            [("http", "a.example"), ("ftp", "a.example"), ("https", ""), ("https", "me@a.example"), ("https", "a.example/b")]
        {
            assert_eq!(asked(protocol, host), None, "{protocol} {host}");
        }
    }
}
