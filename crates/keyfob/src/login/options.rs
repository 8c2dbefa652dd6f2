//! What a login may ask for besides an account.

use keyfob_proto::oauth2::challenge::StepUp;
use keyfob_proto::oauth2::{AuthorizationDetail, AuthorizeRequest, Display, Hybrid, Prompt, ResponseMode};
use keyfob_proto::{Misuse, Secret, TokenSet};

use crate::account::Account;

/// What a login asks for. Everything may stay empty; OAuth 1 knows none of it.
///
/// ```
/// use keyfob::LoginOptions;
/// use keyfob::proto::oauth2::Prompt;
///
/// // Somebody has to sign in anew, and not longer than a minute ago (OpenID Connect Core §3.1.2.1).
/// let options = LoginOptions { prompt: vec![Prompt::Login], max_age: Some(60), ..LoginOptions::scopes(["openid", "email"]) };
/// # assert_eq!(options.scopes.len(), 2);
/// ```
#[derive(Clone, Debug, Default)]
pub struct LoginOptions {
    /// The scopes; empty: the provider file's. `openid` makes it an OpenID Connect login, whose ID token is verified.
    pub scopes: Vec<String>,
    /// How the answer travels back. The signed ones (JARM) are verified with the issuer's keys: by [`Login::judge`](super::Login::judge).
    pub response_mode: Option<ResponseMode>,
    /// Whether an ID token comes through the browser, too: verified by [`Login::judge`](super::Login::judge) before the code is spent.
    pub hybrid: Option<Hybrid>,
    /// Which pages the server has to show, or must not.
    pub prompt: Vec<Prompt>,
    /// The person must have signed in within this many seconds, or the login is refused: by the ID token, so it takes `openid` among the scopes, and a provider
    /// whose settings say how ID tokens are verified. So it is with the next two.
    pub max_age: Option<u32>,
    /// Authentication contexts, in order of preference: the ID token has to name one of them.
    pub acr_values: Vec<String>,
    /// The `claims` parameter (OpenID Connect Core §5.5): a JSON object. What it asks of the ID token with a value has to come with that value, or the login
    /// is refused; `acr` and `auth_time` have to be there where they are essential.
    pub claims: Option<String>,
    /// Who is probably signing in.
    pub login_hint: Option<String>,
    /// An ID token of an earlier login: who should be signing in.
    pub id_token_hint: Option<Secret>,
    /// Languages of the page (BCP 47), in order of preference.
    pub ui_locales: Vec<String>,
    /// What kind of page.
    pub display: Option<Display>,
    /// The resource servers the tokens are for (RFC 8707): named again when the code is exchanged, and at every refresh.
    pub resources: Vec<String>,
    /// Rich authorization requests (RFC 9396). What was granted of them is kept with the tokens.
    pub authorization_details: Vec<AuthorizationDetail>,
    /// Further parameters of the authorization request, which are not the protocol's.
    pub parameters: Vec<(String, String)>,
    /// An API asked for this sign-in, and sees by the access token how it was (RFC 9470 §5): so `max_age` and `acr_values` may be asked where no ID token can tell.
    pub api_judges: bool,
}

impl LoginOptions {
    /// These scopes, and nothing else.
    pub fn scopes<S: Into<String>>(scopes: impl IntoIterator<Item = S>) -> Self {
        Self { scopes: scopes.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// What an API asks for that refused the account ([`ApiError::login_with`](crate::ApiError::login_with)): its missing scopes beside those that the
    /// account has, and the sign-in that it wants (RFC 9470 §4). Somebody has to come and sign in, so whether to ask them is yours to decide.
    ///
    /// ```
    /// # use keyfob::{Error, LoginOptions, Session};
    /// # async fn example(session: &Session) -> Result<(), Error> {
    /// if let Err(Error::Api(error)) = session.get("/secure").send().await?.read().await
    ///     && let Some(asked) = &error.login_with
    /// {
    ///     let options = LoginOptions::stepping_up(&session.account(), asked);
    ///     // … `Login::begin_with` takes these.
    /// }
    /// # Ok(()) }
    /// ```
    pub fn stepping_up(account: &Account, asked: &StepUp) -> Self {
        let granted = match &account.tokens {
            TokenSet::OAuth2(tokens) => tokens.scopes.as_slice(),
            _ => &[],
        };
        // What was not granted last time is asked for again: to ask for less is to have less (RFC 6749 §3.3).
        let missing = account.requested_scopes.iter().filter(|scope| !granted.contains(scope));
        let had: Vec<String> = granted.iter().chain(missing).cloned().collect();
        let scopes = asked.scopes_beside(&had);
        Self { scopes, acr_values: asked.acr_values.clone(), max_age: asked.max_age, api_judges: true, ..Self::default() }
    }

    pub(super) fn request(self, redirect_uri: String) -> AuthorizeRequest {
        AuthorizeRequest {
            redirect_uri: redirect_uri.into(),
            scopes: self.scopes,
            response_mode: self.response_mode,
            prompt: self.prompt,
            max_age: self.max_age,
            acr_values: self.acr_values,
            claims: self.claims,
            login_hint: self.login_hint,
            id_token_hint: self.id_token_hint,
            ui_locales: self.ui_locales,
            display: self.display,
            resources: self.resources,
            authorization_details: self.authorization_details,
            parameters: self.parameters,
        }
    }

    /// Whoever asks for a fresh sign-in, say, must not believe to have got it from a protocol that has no such thing.
    pub(super) fn check_none_but_scopes(&self) -> Result<(), Misuse> {
        let asked = [
            (self.response_mode.is_some(), "response_mode"),
            (self.hybrid.is_some(), "hybrid"),
            (!self.prompt.is_empty(), "prompt"),
            (self.max_age.is_some(), "max_age"),
            (!self.acr_values.is_empty(), "acr_values"),
            (self.claims.is_some(), "claims"),
            (!self.resources.is_empty(), "resources"),
            (!self.authorization_details.is_empty(), "authorization_details"),
            (self.login_hint.is_some(), "login_hint"),
            (self.id_token_hint.is_some(), "id_token_hint"),
            (!self.ui_locales.is_empty(), "ui_locales"),
            (self.display.is_some(), "display"),
            (!self.parameters.is_empty(), "parameters"),
        ];
        match asked.iter().find(|(is_asked, _)| *is_asked) {
            Some((_, name)) => Err(Misuse::new("a provider that speaks OAuth 2", format!("OAuth 1, which has nothing like {name}"))
                .with_hint("leave it away: OAuth 1 has no such option")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_oauth1_has_not_is_refused_by_name() {
        let none = LoginOptions::default;
        let asked = [
            (LoginOptions { login_hint: Some("robin".to_owned()), ..none() }, "login_hint"),
            (LoginOptions { id_token_hint: Some(Secret::new("a.b.c")), ..none() }, "id_token_hint"),
            (LoginOptions { ui_locales: vec!["sv".to_owned()], ..none() }, "ui_locales"),
            (LoginOptions { display: Some(Display::Page), ..none() }, "display"),
            (LoginOptions { parameters: vec![("a".to_owned(), "b".to_owned())], ..none() }, "parameters"),
            (LoginOptions { max_age: Some(60), ..none() }, "max_age"),
        ];
        for (options, name) in asked {
            let error = options.check_none_but_scopes().expect_err("OAuth 1 has nothing like it");
            assert!(error.to_string().ends_with(name), "{error}");
        }
        LoginOptions::scopes(["read"]).check_none_but_scopes().expect("kept with the account, as what was asked for");
    }
}
