//! Accounts that nobody has to approve: of the app itself (`--client-credentials`), and made of another account's token (`--exchange`).

use keyfob::proto::oauth2::AccessRequest;
use keyfob::proto::{App, Flow, Settings};
use keyfob::{Error, Grant, LoggedIn, login};

use super::cannot;
use crate::card::Card;
use crate::context::Context;

/// What is asked for, by whom, and where it is kept.
pub(super) struct Asked<'a> {
    pub(super) settings: &'a Settings,
    pub(super) app: &'a App,
    pub(super) account: &'a str,
    pub(super) access: AccessRequest,
}

impl Asked<'_> {
    /// An account of the app itself (RFC 6749 §4.4).
    pub(super) async fn by_client_credentials(self, context: &Context) -> Result<LoggedIn, Card> {
        let Self { settings, app, account, access } = self;
        let kept = login::client_credentials(context.keyfob().await?, settings, app, account, &access).await;
        kept.map_err(|error| refused(&error, settings, account))
    }

    /// An account made of another one's token (RFC 8693).
    pub(super) async fn by_exchange(self, from: &str, context: &Context) -> Result<LoggedIn, Card> {
        let Self { settings, app, account, mut access } = self;
        let opened = context.open_account(from).await?;
        // As the scopes of before: whoever makes it again wants what it was for.
        if access.resources.is_empty()
            && let Some(Grant::Exchanged(made)) = context.meant(account).await?.map(|before| before.grant)
        {
            access.resources.clone_from(&made.asked.resources);
        }
        let Flow::OAuth2(flow) = &settings.flow else {
            return Err(Card::usage(
                cannot(account),
                "a token can be exchanged where OAuth 2 is spoken",
                format!("keyfob login {account}"),
            ));
        };
        // An account's token goes to the origins of its login and nowhere else, also not to another provider's token endpoint.
        let there = flow.token.origin();
        if !opened.account.is_bound_to(&there) {
            let bound_to = opened.account.origins.iter().map(ToString::to_string).collect();
            let unbound = Error::Unbound { account: opened.account.name.clone(), origin: there.to_string(), bound_to, moved: false };
            return Err(Card::of(cannot(account), &unbound).advising(format!("exchange it at {} itself", opened.provider.title)));
        }
        let kept = login::exchanged(&opened.session().await?, settings, app, account, access).await;
        kept.map_err(|error| refused(&error, settings, account))
    }
}

/// What somebody approved, or brought, keeps its place: it cannot be had at any time.
fn refused(error: &Error, settings: &Settings, account: &str) -> Card {
    match error {
        Error::TakenName { provider, .. } if *provider == settings.provider => Card::usage(
            cannot(account),
            format!(
                "there is an account {account}, which somebody approved or brought: it does not make way for one that can be had at any time"
            ),
            format!("choose another name, such as {provider}/service; or give that one up first: keyfob logout {account}"),
        ),
        _ => Card::of(cannot(account), error),
    }
}
