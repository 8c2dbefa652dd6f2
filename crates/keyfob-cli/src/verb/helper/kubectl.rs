//! A client-go credential plugin: an `ExecCredential` on stdout (client.authentication.k8s.io).

use clap::Args;
use keyfob::Account;
use keyfob::proto::{Secret, Timestamp, TokenSet};
use serde_json::{Value, json};

use super::{Handed, access_token};
use crate::account::now;
use crate::card::{Card, Doing};
use crate::context::Context;
use crate::exit::Exit;
use crate::jwt;
use crate::moment;

/// The variable in which kubectl says what it wants.
const VARIABLE: &str = "KUBERNETES_EXEC_INFO";

/// Versions that look the same.
const VERSIONS: [&str; 2] = ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"];

/// Whose token.
#[derive(Args, Debug)]
#[command(after_help = USE)]
pub(crate) struct Kubectl {
    /// The account
    #[arg(add = clap_complete::engine::ArgValueCandidates::new(crate::complete::accounts))]
    account: String,
    /// Give the ID token, which is what an API server that trusts an OpenID Connect issuer wants
    #[arg(long)]
    id_token: bool,
}

const USE: &str = "\
In a kubeconfig:
  users:
  - name: me
    user:
      exec:
        apiVersion: client.authentication.k8s.io/v1
        command: keyfob
        args: [helper, kubectl, ACCOUNT, --id-token]
        interactiveMode: Never";

pub(crate) async fn run(args: Kubectl, context: &Context) -> Result<(), Card> {
    let version = version(std::env::var(VARIABLE).ok().as_deref())?;
    let account = context.account(&args.account).await?;
    let (mut handed, session) = access_token(&account, context).await?;
    if args.id_token {
        let none = || {
            Card::new(
                Exit::SignIn,
                format!("{} has no ID token", account.name),
                "the provider gave none at the login: it does so where the scope openid was asked for",
                format!("keyfob login {} --add-scope openid", account.name),
            )
        };
        handed = id_token(&session.account().tokens).ok_or_else(none)?;
        // Its end is its own: the access token may outlive it.
        if handed.expires_at.is_some_and(|at| at <= now().plus(super::MIN_VALID)) {
            if session.look(Account::renews) {
                let renewed = session.refresh().await.doing(format!("cannot get an ID token for {}", account.name))?;
                handed = id_token(&renewed.tokens).ok_or_else(none)?;
            }
            handed = not_ended(handed, now(), &account.name)?;
        }
    }
    context.out.json(&json!({
        "apiVersion": version,
        "kind": "ExecCredential",
        "status": {"token": handed.token.expose(), "expirationTimestamp": handed.expires_at.map(moment::utc)},
    }))
}

fn id_token(tokens: &TokenSet) -> Option<Handed> {
    let TokenSet::OAuth2(tokens) = tokens else { return None };
    let token: &Secret = tokens.id_token.as_ref()?;
    Some(Handed { expires_at: jwt::expiry(token.expose()).map(Timestamp::from_unix), token: token.clone() })
}

/// Many providers give no new ID token at a refresh, and the login's stays. Handed out after its end it would look good here, be refused by the API server
/// without a word about why, and be asked for again at once: each time with a refresh.
fn not_ended(handed: Handed, now: Timestamp, account: &str) -> Result<Handed, Card> {
    match handed.expires_at.filter(|at| *at <= now) {
        None => Ok(handed),
        Some(at) => Err(Card::new(
            Exit::SignIn,
            format!("the ID token of {account} has ended"),
            format!("it was good until {}, and the provider gave no new one at a refresh", moment::utc(at)),
            format!("keyfob login {account}"),
        )),
    }
}

/// The version that kubectl speaks. It refuses an answer of another.
fn version(asked: Option<&str>) -> Result<String, Card> {
    let Some(asked) = asked.filter(|text| !text.is_empty()) else { return Ok(VERSIONS[0].to_owned()) };
    let parsed: Option<Value> = serde_json::from_str(asked).ok();
    let found = parsed.as_ref().and_then(|info| info.get("apiVersion")?.as_str()).unwrap_or("nothing that can be read");
    if VERSIONS.contains(&found) {
        return Ok(found.to_owned());
    }
    Err(Card::usage(
        "kubectl asks in a version that is not spoken here",
        format!("expected {} in {VARIABLE}, and found {}", VERSIONS.join(" or "), keyfob::proto::scrub::printable(found)),
        format!("say in the kubeconfig: apiVersion: {}", VERSIONS[0]),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_token_that_has_ended_is_not_handed_out() {
        let handed = |seconds: Option<i64>| Handed { token: Secret::new("e30.e30.x"), expires_at: seconds.map(Timestamp::from_unix) };
        let now = Timestamp::from_unix(1_800_000_000);
        assert!(not_ended(handed(None), now, "me").is_ok() && not_ended(handed(Some(1_800_000_001)), now, "me").is_ok());
        for over in [1_800_000_000, 1_799_999_000] {
            let card = not_ended(handed(Some(over)), now, "me").err().expect("it has ended");
            assert_eq!(card.exit.code(), 4);
        }
    }

    #[test]
    fn kubectl_is_answered_in_its_own_version() {
        assert_eq!(version(None).ok().as_deref(), Some("client.authentication.k8s.io/v1"));
        let asked = r#"{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1beta1","spec":{"interactive":false}}"#;
        assert_eq!(version(Some(asked)).ok().as_deref(), Some("client.authentication.k8s.io/v1beta1"));
        for bad in ["{", "[]", r#"{"apiVersion":"client.authentication.k8s.io/v1alpha1"}"#, r#"{"apiVersion":"v1\n\u001b[2J"}"#] {
            assert!(version(Some(bad)).is_err(), "{bad}");
        }
    }
}
