//! What somebody approved, before anything of it is kept.

use http::Response;
use keyfob_proto::oauth2::{self, dpop};
use keyfob_proto::oidc::{IdToken, UserInfo, UserInfoRequest};
use keyfob_proto::{App, Endpoint, Flow, OAuth2Tokens, Outgoing, Received, Settings, TokenSet};

use super::LoggedIn;
use super::keep::Place;
use crate::account::Account;
use crate::back_channel::Side;
use crate::error::Error;
use crate::grant::Grant;
use crate::id_token::Verifier;
use crate::keyfob::Keyfob;
use crate::person;
use crate::store::Versioned;

/// What somebody approved: tokens, and whose they are. Nothing of it is kept yet. A program that links accounts to people looks here whether this
/// one is linked to somebody else; one that signs people in needs to know who it is, and no account.
///
/// ```
/// # use keyfob::{Error, Login, login::Verified};
/// # async fn example(login: Login, verified: Verified) -> Result<(), Error> {
/// let approved = login.exchange(verified).await?;
/// match approved.id_token() {
///     Some(person) if person.subject == "robin" => drop(approved.keep().await?),
///     _ => println!("somebody else"),
/// }
/// # Ok(()) }
/// ```
///
/// Its tokens are here and nowhere else: what drops it, or the future that keeps it, leaves them to live on at the provider.
#[must_use = "what is not kept is forgotten"]
pub struct Approved {
    pub(super) keyfob: Keyfob,
    pub(super) settings: Settings,
    pub(super) app: App,
    pub(super) account: String,
    pub(super) requested_scopes: Vec<String>,
    pub(super) client: Option<oauth2::Client>,
    pub(super) received: Received,
    pub(super) id_token: Option<IdToken>,
}

impl Approved {
    /// Who the person is, where the provider says so: verified. See [`LoggedIn::id_token`].
    pub fn id_token(&self) -> Option<&IdToken> {
        self.id_token.as_ref()
    }

    /// Whose account it would be at the provider, also where nobody can verify it; as [`Account::person`](crate::Account::person) has it.
    pub fn person(&self) -> Option<[&str; 3]> {
        person::of(&self.settings.provider, &self.received.tokens, &self.received.kept)
    }

    /// What the provider tells about the person beyond the ID token (OpenID Connect Core §5.3): about the person of that ID token, or it is refused
    /// (E16). `None` where it has no such place, or there is no verified ID token.
    ///
    /// # Errors
    ///
    /// `Misbehaved` for everything that [`UserInfo::judge`] refuses, `Transport`.
    pub async fn userinfo(&self) -> Result<Option<UserInfo>, Error> {
        let Self { keyfob, settings, app, .. } = self;
        let (Flow::OAuth2(flow), TokenSet::OAuth2(tokens), Some(id_token)) = (&settings.flow, &self.received.tokens, &self.id_token) else {
            return Ok(None);
        };
        let Some(endpoint) = &flow.userinfo else { return Ok(None) };
        let question = UserInfoRequest::new(endpoint, &tokens.access, id_token, &app.client_id)?;
        let answer = self.ask(flow, tokens, &question).await?;
        let now = keyfob.now();
        let Some(algorithms) = &flow.userinfo_algorithms else { return Ok(Some(question.receive(&answer, None, now)?)) };
        let Some(verifier) = Verifier::of(keyfob, settings, app) else { return Ok(None) };
        Ok(Some(verifier.signed(algorithms, |keys| question.receive(&answer, Some((keys, algorithms)), now)).await?))
    }

    /// Asks with the token as it is meant: one that is bound to a key goes with a proof by it, and once more where the server wants its own nonce in that
    /// (RFC 9449 §9).
    async fn ask(&self, flow: &oauth2::Settings, tokens: &OAuth2Tokens, question: &UserInfoRequest) -> Result<Response<Vec<u8>>, Error> {
        let Some(stored) = &tokens.proof_key else { return self.send(flow, question.request()).await };
        let keyfob = &self.keyfob;
        let (key, origin) = (keyfob.proof_key(flow, stored)?, question.request().origin());
        let mut nonce = origin.as_ref().and_then(|origin| keyfob.nonces().of(Side::Resource, origin));
        let mut repeats = false;
        loop {
            let request = question.bound(tokens, &key, nonce.as_deref(), keyfob.now(), keyfob.entropy())?;
            let answer = self.send(flow, &request).await?;
            if let Some(origin) = &origin {
                keyfob.nonces().learn(Side::Resource, origin, answer.headers());
            }
            match dpop::wants_nonce(answer.status(), answer.headers(), None) {
                // The same one again would bring the same answer.
                Some(wanted) if !repeats && nonce.as_ref() != Some(&wanted) => (nonce, repeats) = (Some(wanted), true),
                _ => return Ok(answer),
            }
        }
    }

    /// To where the issuer's own document says that it is (F4), or the settings do.
    async fn send(&self, flow: &oauth2::Settings, request: &Outgoing) -> Result<Response<Vec<u8>>, Error> {
        match flow.issuer.as_deref().filter(|_| flow.discovered) {
            Some(issuer) => self.keyfob.exchange_from(&Endpoint::parse(issuer)?, request).await,
            None => self.keyfob.exchange(request).await,
        }
    }

    /// Keeps the account, as [`Login::finish`](crate::Login::finish) does.
    ///
    /// # Errors
    ///
    /// `TakenName` if the name has become another provider's, `NotKept` if the store fails: then the provider is asked to forget the tokens.
    pub async fn keep(self) -> Result<LoggedIn, Error> {
        let Self { keyfob, settings, app, account, requested_scopes, client, received, id_token } = self;
        let place = Place { keyfob: &keyfob, settings: &settings, client_id: &app.client_id, name: &account };
        place.keep(client.as_ref(), requested_scopes, received, id_token).await
    }

    /// Keeps the account where there is none, and takes no other one's place: for whoever may add an account, and not replace one.
    ///
    /// # Errors
    ///
    /// `Store` with [`StoreError::Conflict`](crate::StoreError::Conflict) if there is an account of that name by now; the tokens are not revoked, which at some
    /// providers would end that one's authorization, too, and can be kept [under another name](Self::under). `NotKept`, as [`keep`](Self::keep).
    pub async fn keep_new(&self) -> Result<LoggedIn, Error> {
        let Self { keyfob, settings, app, account, requested_scopes, client, received, id_token } = self;
        let place = Place { keyfob, settings, client_id: &app.client_id, name: account };
        place.keep_new(client.as_ref(), Grant::Approval, requested_scopes.clone(), received.clone(), id_token.clone()).await
    }

    /// Keeps the account in place of this one, as it was read, and of nothing that came there since: for whoever has judged whose place it may take.
    ///
    /// # Errors
    ///
    /// As [`keep_new`](Self::keep_new): a `Conflict` if it is not that one any more, which may be a refresh. `TakenName`, as [`keep`](Self::keep).
    pub async fn keep_over(&self, before: Versioned<Account>) -> Result<LoggedIn, Error> {
        let Self { keyfob, settings, app, account, requested_scopes, client, received, id_token } = self;
        let place = Place { keyfob, settings, client_id: &app.client_id, name: account };
        place.keep_over(before, client.as_ref(), Grant::Approval, requested_scopes.clone(), received.clone(), id_token.clone()).await
    }

    /// The same, to be kept under another name than it was begun for.
    pub fn under(self, name: &str) -> Self {
        Self { account: name.to_owned(), ..self }
    }
}

/// Without what was approved.
impl std::fmt::Debug for Approved {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Approved").field("provider", &self.settings.provider).field("account", &self.account).finish_non_exhaustive()
    }
}
