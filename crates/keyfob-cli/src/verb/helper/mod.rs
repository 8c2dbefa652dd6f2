//! `keyfob helper git|docker|kubectl|process`: handing tokens to programs that ask for credentials in a protocol of their own.
//!
//! A token goes to the origins that its account is bound to, whoever asks. A program that is called by another name (`git-credential-keyfob`,
//! `docker-credential-keyfob`: links to this one) is a helper, too; which one, those names alone say (J16).

mod docker;
mod git;
mod kubectl;
mod lines;
mod process;

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::{Args, Subcommand};
use keyfob::proto::scrub::printable;
use keyfob::proto::{Origin, Secret, Timestamp, TokenSet};
use keyfob::{Account, Session};

use crate::card::{Card, Doing};
use crate::context::Context;

/// A token that is handed out is good for so long at least.
const MIN_VALID: i64 = 60;

/// What the token's owner is called where the provider does not care: that it is a token says enough.
const USERNAME: &str = "oauth2";

// Which protocol.
#[derive(Subcommand, Debug)]
pub(crate) enum Verb {
    /// Git's credential helper: git config --global credential.helper '!keyfob helper git'
    Git(git::Git),
    /// Docker's credential helper; Docker looks for it as docker-credential-keyfob: a link to keyfob
    Docker(docker::Docker),
    /// A client-go credential plugin (ExecCredential)
    Kubectl(kubectl::Kubectl),
    /// A token and its end as a JSON object, for programs that run a command to get one
    Process(process::Process),
}

pub(crate) async fn run(verb: Verb, context: &Context) -> Result<(), Card> {
    match verb {
        Verb::Git(args) => git::run(args, context).await,
        Verb::Docker(args) => docker::run(args, context).await,
        Verb::Kubectl(args) => kubectl::run(args, context).await,
        Verb::Process(args) => process::run(args, context).await,
    }
}

/// The command line of a program that was called by one of the names that other programs look for.
pub(crate) fn by_name(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = arguments.into_iter().collect();
    let called = arguments.first().and_then(|path| Path::new(path).file_stem()).and_then(OsStr::to_str);
    let helper = match called {
        Some("git-credential-keyfob") => "git",
        Some("docker-credential-keyfob") => "docker",
        _ => return arguments,
    };
    arguments.splice(0..1, ["keyfob".into(), "helper".into(), helper.into()]);
    arguments
}

/// Whose token.
#[derive(Args, Debug)]
struct Whose {
    /// The account; otherwise the one whose tokens may be sent where the credentials are asked for
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// The user's name to give; many providers take any beside a token
    #[arg(long, value_name = "NAME")]
    username: Option<String>,
}

impl Whose {
    /// The account whose tokens may go there: the one that was named, or the only one, or of several the one that its provider's bare name means.
    async fn at(&self, origin: &Origin, context: &Context) -> Result<Option<Account>, Card> {
        let mut there = context.accounts_at(origin).await?;
        if let Some(name) = &self.account {
            let named = context.account(name).await?;
            if !named.is_bound_to(origin) {
                context.out.note(&format!("keyfob: the token of {name} may not be sent to {origin}"));
            }
            return Ok(Some(named).filter(|account| account.is_bound_to(origin)));
        }
        if there.len() > 1 {
            let names: Vec<String> = there.iter().map(|account| account.name.clone()).collect();
            let mut meant = Vec::new();
            for provider in there.iter().map(|account| account.provider.clone()).collect::<BTreeSet<_>>() {
                meant.extend(context.meant(&provider).await?.filter(|account| names.contains(&account.name)));
            }
            if meant.len() != 1 {
                let first = context.out.again.command(&format!("account default {}", names[0]));
                context.out.note(&format!(
                    "keyfob: {} accounts belong to {origin} ({}): name one with --account, or say which is meant, as with {first}",
                    names.len(),
                    printable(&names.join(", "))
                ));
                return Ok(None);
            }
            there = meant;
        }
        Ok(there.pop())
    }

    fn username<'a>(&'a self, asked: Option<&'a str>) -> &'a str {
        self.username.as_deref().or(asked).unwrap_or(USERNAME)
    }
}

/// A token that is handed out, and when it ends.
struct Handed {
    token: Secret,
    expires_at: Option<Timestamp>,
}

/// A fresh access token.
async fn access_token(account: &Account, context: &Context) -> Result<(Handed, Session), Card> {
    if let TokenSet::OAuth1(_) = account.tokens {
        return Err(Card::usage(
            format!("{} has no token to hand out", account.name),
            "OAuth 1 signs every request by itself; a token alone opens nothing",
            format!("make the call with keyfob: keyfob get {} PATH", account.name),
        ));
    }
    let session = context.open_account(&account.name).await?.session().await?;
    let token = session.token(MIN_VALID).await.doing(format!("cannot get a token for {}", account.name))?;
    let handed = Handed { expires_at: token.expires_at(), token: Secret::clone(&token) };
    Ok((handed, session))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn j16_a_name_chooses_among_these_and_nothing_else() {
        let called = |line: &str| {
            let words = by_name(line.split(' ').map(OsString::from));
            words.iter().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(called("/usr/bin/git-credential-keyfob get"), "keyfob helper git get");
        assert_eq!(called("docker-credential-keyfob.exe list"), "keyfob helper docker list");
        for other in
            ["/usr/bin/keyfob get x", "git-credential-other get", "docker-credential-../../bin/sh get", "x/git-credential-keyfob/y get"]
        {
            assert_eq!(called(other), other);
        }
    }
}
