//! Logins whose request the provider fetches from us (RFC 9101 §5.2, OpenID Connect Core §6.2).

use keyfob_proto::oauth2::Signing;
use keyfob_proto::{App, Flow, Misuse, Secret, Settings};

use super::pending::Pending;
use super::{Login, LoginOptions, Redirect};
use crate::error::Error;
use crate::keyfob::Keyfob;

impl Login {
    /// Begins a login whose request is not in the person's URL, but at a place of yours: a `request_uri` that nobody can guess, and that the provider lets
    /// this app use. With it comes what the provider has to find there, as `application/oauth-authz-req+jwt`: it holds the `state`, so hand it out once, and
    /// until the login ends. A provider that takes pushed requests needs no such place: [`begin_with`](Self::begin_with).
    ///
    /// ```
    /// # use keyfob::{Error, Keyfob, Login, LoginOptions, Redirect, proto::{App, Settings, oauth2::Signing}};
    /// # async fn example(keyfob: &Keyfob, settings: &Settings, app: &App) -> Result<(), Error> {
    /// let (options, redirect) = (LoginOptions::scopes(["openid"]), Redirect::Uri("https://app.example/callback".into()));
    /// let place = ("https://app.example/requests/GkurKxf5T0Y", Signing::ByClient);
    /// let (login, object) = Login::begin_by_reference(keyfob, settings, app, "example", redirect, options, place)?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// `Misuse` for OAuth 1, a hybrid answer, or none of a redirect URI; and as for the core's
    /// [`authorize_by_reference`](keyfob_proto::oauth2::Client::authorize_by_reference).
    pub fn begin_by_reference(
        keyfob: &Keyfob,
        settings: &Settings,
        app: &App,
        account: &str,
        redirect: Redirect,
        options: LoginOptions,
        (request_uri, signing): (&str, Signing),
    ) -> Result<(Self, Secret), Error> {
        let (Flow::OAuth2(flow), Redirect::Uri(redirect_uri), None) = (&settings.flow, redirect, options.hybrid) else {
            return Err(Misuse::new("a provider that speaks OAuth 2, a redirect URI, and a code as the answer", "something else")
                .of("RFC 9101 §5.2")
                .with_hint("begin the login with Login::begin")
                .into());
        };
        let requested_scopes = if options.scopes.is_empty() { flow.scopes.clone() } else { options.scopes.clone() };
        let client = keyfob.login_client(settings, app)?;
        let request = options.request(redirect_uri);
        let asked = client.authorize_by_reference(&request, request_uri, signing, keyfob.now(), keyfob.entropy())?;
        tracing::info!(provider = settings.provider, account, "login begun");
        let login = Self {
            keyfob: keyfob.clone(),
            settings: settings.clone(),
            app: app.clone(),
            account: account.to_owned(),
            requested_scopes,
            pending: Pending::OAuth2(asked.pending),
            url: asked.url,
        };
        Ok((login, Secret::new(asked.object)))
    }
}
