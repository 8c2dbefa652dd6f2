//! The end of every login: an account in the store.

use keyfob_proto::oauth2::{self, AccessRequest, IdTokenTerms};
use keyfob_proto::oidc::IdToken;
use keyfob_proto::{App, Error as ProtoError, Flow, Misuse, OAuth2Tokens, Received, Scrubber, Settings, TokenSet};

use super::LoggedIn;
use crate::account::{Account, AccountId, Health};
use crate::error::Error;
use crate::grant::Grant;
use crate::history::{Event, Fingerprint};
use crate::id_token::Verifier;
use crate::keyfob::Keyfob;
use crate::store::{Expected, StoreError, Versioned};

/// How often a write is tried that others get in the way of: refreshes, logins and logouts of one account.
const TRIES: usize = 8;

/// Where an account will be.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) keyfob: &'a Keyfob,
    pub(super) settings: &'a Settings,
    pub(super) client_id: &'a str,
    pub(super) name: &'a str,
}

impl Place<'_> {
    /// What is there: an older login, perhaps. An error if the name is another provider's. A record that does not open says nothing, and keeps nobody from
    /// logging in again: it [makes way](Self::make_way) once there is something to write.
    pub(super) async fn before(&self) -> Result<Option<Versioned<Account>>, Error> {
        let before = match self.keyfob.store().account(self.name).await {
            Err(StoreError::Corrupt(_)) => None,
            before => before?,
        };
        match before {
            Some(before) if before.value.provider != self.settings.provider => Err(self.taken(&before)),
            before => Ok(before),
        }
    }

    /// Where nothing that opens is there, a record that does not goes: its id is never used again, and no key that was made for it opens what comes now.
    async fn make_way(&self, before: Option<&Versioned<Account>>) -> Result<(), Error> {
        let store = self.keyfob.store();
        if before.is_none()
            && let Err(error @ StoreError::Corrupt(_)) = store.account(self.name).await
            && store.remove_damaged(self.name).await?
        {
            tracing::warn!(account = self.name, %error, "the record before could not be read: the new login takes its place");
        }
        Ok(())
    }

    pub(super) fn taken(&self, by: &Versioned<Account>) -> Error {
        Error::TakenName { name: self.name.to_owned(), provider: by.value.provider.clone() }
    }

    /// Keeps the account: in place of the one that is there now, whose id it goes on with if it is the same person's at the provider. It is read here, as late as can be: while somebody approved, the
    /// name may have become another provider's, or the account may have been logged out, whose id is never used again. A refresh or another
    /// login of the same provider that gets in between is gone over; another provider's account is not, and then nobody will use the new tokens.
    pub(super) async fn keep(
        &self,
        client: Option<&oauth2::Client>,
        requested_scopes: Vec<String>,
        received: Received,
        id_token: Option<IdToken>,
    ) -> Result<LoggedIn, Error> {
        let mut works_without = false;
        for _ in 0..TRIES {
            let before = match self.before().await {
                Ok(before) => before,
                Err(Error::Store(error)) => return Err(self.not_kept(client, &received.tokens, works_without, error).await),
                Err(taken) => {
                    self.revoke_new(client, &received.tokens).await;
                    return Err(taken);
                }
            };
            works_without = before.as_ref().is_some_and(|before| before.value.health == Health::Ok);
            let written = match self.make_way(before.as_ref()).await {
                Ok(()) => self.write(before, Grant::Approval, requested_scopes.clone(), received.clone(), id_token.clone()).await,
                Err(error) => Err(error),
            };
            match self.or_revoked(client, &received.tokens, works_without, written).await {
                Err(Error::Store(StoreError::Conflict)) => {}
                kept => return kept,
            }
        }
        Err(self.not_kept(client, &received.tokens, works_without, StoreError::Conflict).await)
    }

    /// What was written; or, unless somebody else got in between, an error, and the tokens are revoked.
    async fn or_revoked(
        &self,
        client: Option<&oauth2::Client>,
        tokens: &TokenSet,
        works_without: bool,
        written: Result<LoggedIn, Error>,
    ) -> Result<LoggedIn, Error> {
        match written {
            Err(Error::Store(error)) if !matches!(error, StoreError::Conflict) => {
                Err(self.not_kept(client, tokens, works_without, error).await)
            }
            Err(Error::Protocol(refused)) => Err(self.refused(client, tokens, refused).await),
            written => written,
        }
    }

    /// Somebody approved, and the store failed: tokens that nobody has any more can only be stolen. Not where the login before is still good, which at some
    /// providers would end with them.
    async fn not_kept(&self, client: Option<&oauth2::Client>, tokens: &TokenSet, works_without: bool, error: StoreError) -> Error {
        let revoked = !works_without && self.revoke_new(client, tokens).await;
        Error::NotKept { account: self.name.to_owned(), revoked, error }
    }

    /// An answer that leads elsewhere. Its tokens are nobody's.
    async fn refused(&self, client: Option<&oauth2::Client>, tokens: &TokenSet, error: keyfob_proto::Error) -> Error {
        self.revoke_new(client, tokens).await;
        error.into()
    }

    async fn revoke_new(&self, client: Option<&oauth2::Client>, tokens: &TokenSet) -> bool {
        let (Some(client), TokenSet::OAuth2(tokens)) = (client, tokens) else { return false };
        self.keyfob.revoke_refused(client, tokens).await
    }

    /// Keeps what somebody approved elsewhere than in a browser of ours, once its ID token is verified.
    pub(super) async fn approved(
        &self,
        client: &oauth2::Client,
        app: &App,
        requested_scopes: Vec<String>,
        received: Received,
    ) -> Result<LoggedIn, Error> {
        let id_token = self.verified(client, app, &received).await?;
        self.keep(Some(client), requested_scopes, received, id_token).await
    }

    /// The ID token of a grant that has no authorization request, and so no nonce. Tokens beside one that is refused are revoked.
    pub(super) async fn verified(&self, client: &oauth2::Client, app: &App, received: &Received) -> Result<Option<IdToken>, Error> {
        match (Verifier::of(self.keyfob, self.settings, app), &received.tokens) {
            (Some(verifier), TokenSet::OAuth2(tokens)) => {
                let judged = verifier.login(tokens, &IdTokenTerms::default(), None).await;
                self.keyfob.or_revoked(client, tokens, judged).await
            }
            _ => Ok(None),
        }
    }

    /// Makes a grant that needs no person, and keeps the account: in place of its like, and of nothing that came there meanwhile.
    pub(super) async fn granted(&self, app: &App, grant: Grant, scopes: &[String]) -> Result<LoggedIn, Error> {
        let Flow::OAuth2(flow) = &self.settings.flow else {
            return Err(Misuse::new("a provider that speaks OAuth 2", "another")
                .of("RFC 6749 §4.4")
                .with_hint("log in by the browser: Login::begin")
                .into());
        };
        let before = match self.before().await? {
            // It needs no person, and takes no person's place.
            Some(before) if before.value.grant.was_approved() => return Err(self.taken(&before)),
            before => before,
        };
        // What a login asks for by itself is for a person to approve: an app that asks for itself may have none of it (RFC 6749 §4.4.2, §3.3).
        let scopes = if scopes.is_empty() && grant.is_about_somebody() { &flow.scopes } else { scopes };
        let client = self.keyfob.login_client(self.settings, app)?;
        let exchange = grant.ask(self.keyfob, &client, scopes)?.ok_or_else(|| {
            Misuse::new("a grant that needs no person", "another").of("RFC 6749 §4.4").with_hint("log in by the browser: Login::begin")
        })?;
        let answer = self.keyfob.ask_server(&client, exchange.request()).await?;
        let received = exchange.receive(&answer, self.keyfob.now()).map_err(|error| grant.explain(error.into()))?;
        let received = grant.keeps(received);
        let id_token = self.verified_if_brought(&client, app, &received).await?;
        let (tokens, works_without) = (received.tokens.clone(), before.as_ref().is_some_and(|before| before.value.health == Health::Ok));
        let written = match self.make_way(before.as_ref()).await {
            Ok(()) => self.write(before, grant, scopes.to_vec(), received, id_token).await,
            Err(error) => Err(error),
        };
        match self.or_revoked(Some(&client), &tokens, works_without, written).await {
            // Whoever got in between has an account there, and nobody these tokens.
            Err(Error::Store(error)) => Err(self.not_kept(Some(&client), &tokens, works_without, error).await),
            kept => kept,
        }
    }

    /// Keeps the account of an app whose keys sign alone, in place of what was there of the same provider: with other keys that is another account.
    pub(super) async fn of_keys_alone(&self, received: Received) -> Result<LoggedIn, Error> {
        let before = self.before().await?;
        self.make_way(before.as_ref()).await?;
        self.write(before, Grant::OneLegged, Vec::new(), received, None).await
    }

    /// The same for what is sent once and kept nowhere, somebody else's assertion or a password: the account goes on as one that was approved does.
    pub(super) async fn asserted(
        &self,
        app: &App,
        request: &AccessRequest,
        ask: impl FnOnce(&oauth2::Client, &AccessRequest) -> Result<oauth2::Exchange, ProtoError>,
    ) -> Result<LoggedIn, Error> {
        let Flow::OAuth2(flow) = &self.settings.flow else {
            return Err(Misuse::new("a provider that speaks OAuth 2", "another")
                .of("RFC 6749 §4")
                .with_hint("log in by the browser: Login::begin")
                .into());
        };
        self.before().await?;
        let scopes = if request.scopes.is_empty() { flow.scopes.clone() } else { request.scopes.clone() };
        let client = self.keyfob.login_client(self.settings, app)?;
        let exchange = ask(&client, &AccessRequest { scopes: scopes.clone(), ..request.clone() })?;
        let answer = self.keyfob.ask_server(&client, exchange.request()).await?;
        let received = exchange.receive(&answer, self.keyfob.now())?;
        let id_token = self.verified_if_brought(&client, app, &received).await?;
        self.keep(Some(&client), scopes, received, id_token).await
    }

    /// There need not be an ID token: it is the answer to an approval that has to have it (OpenID Connect Core §3.1.3.3).
    async fn verified_if_brought(&self, client: &oauth2::Client, app: &App, received: &Received) -> Result<Option<IdToken>, Error> {
        match &received.tokens {
            TokenSet::OAuth2(tokens) if tokens.id_token.is_some() => self.verified(client, app, received).await,
            _ => Ok(None),
        }
    }

    /// Keeps the account where there is none. A name that is taken by now is a `Conflict`.
    pub(super) async fn keep_new(
        &self,
        client: Option<&oauth2::Client>,
        grant: Grant,
        requested_scopes: Vec<String>,
        received: Received,
        id_token: Option<IdToken>,
    ) -> Result<LoggedIn, Error> {
        let tokens = received.tokens.clone();
        let written = self.write(None, grant, requested_scopes, received, id_token).await;
        self.or_revoked(client, &tokens, false, written).await
    }

    /// Keeps the account in place of this one. Anything else that is there by now is a `Conflict`.
    pub(super) async fn keep_over(
        &self,
        before: Versioned<Account>,
        client: Option<&oauth2::Client>,
        grant: Grant,
        requested_scopes: Vec<String>,
        received: Received,
        id_token: Option<IdToken>,
    ) -> Result<LoggedIn, Error> {
        let (tokens, works_without) = (received.tokens.clone(), before.value.health == Health::Ok);
        if before.value.provider != self.settings.provider {
            self.revoke_new(client, &tokens).await;
            return Err(self.taken(&before));
        }
        let written = self.write(Some(before), grant, requested_scopes, received, id_token).await;
        self.or_revoked(client, &tokens, works_without, written).await
    }

    /// Writes it over this, and over nothing that came there since: that is a `Conflict`.
    ///
    /// Keys, links and rules are made for an account's id: under the old one, whoever has such a key would be at somebody else's account at the provider.
    /// So another person's login, and another app's where the app is all that an account is, takes the account's place under an id of its own, in one write: a disk that is full at that moment leaves the account that
    /// was there. Its tokens are not revoked: at some providers that would end the other person's authorization of other programs, too.
    async fn write(
        &self,
        before: Option<Versioned<Account>>,
        grant: Grant,
        requested_scopes: Vec<String>,
        received: Received,
        id_token: Option<IdToken>,
    ) -> Result<LoggedIn, Error> {
        let Received { mut tokens, kept, tolerated, members, .. } = received;
        // Kept with them: the settings may name an issuer and its keys one day, and have not at this login.
        if let (Some(_), TokenSet::OAuth2(OAuth2Tokens { identity: Some(identity), .. })) = (&id_token, &mut tokens) {
            identity.verified = true;
        }
        // Before anything is kept: what the answer says of where the API is may lead anywhere.
        let own = self.settings.of_account(&kept).map_err(|wrong| {
            // The error shows what was said, and a server can say a token there. Masked it is no place either.
            let scrubber = tokens.secrets().into_iter().fold(Scrubber::new(), Scrubber::knowing);
            let masked = kept.iter().map(|(name, value)| (name.clone(), scrubber.mask(value))).collect();
            ProtoError::from(self.settings.of_account(&masked).err().unwrap_or(wrong))
        })?;
        let mut account = Account {
            id: AccountId::random(),
            name: self.name.to_owned(),
            provider: self.settings.provider.clone(),
            client_id: self.client_id.to_owned(),
            tokens,
            grant,
            kept,
            // Where these tokens may go is what file and answer say now, and stays so.
            origins: own.origins(),
            requested_scopes,
            tolerated: tolerated.iter().map(|deviation| deviation.name().to_owned()).collect(),
            health: Health::Ok,
            logged_in_at: self.keyfob.now(),
            spending: None,
            refreshed: None,
        };
        let (same, other) = match before {
            Some(before) if account.is_of_another_person_than(&before.value) => (None, Some(before)),
            before => (before, None),
        };
        let replaced = same.is_some() || other.is_some();
        if let Some(same) = &same {
            account.id = same.value.id.clone();
        }
        let received = account.tokens.refresh_token().map(Fingerprint::of);
        let entry = self.keyfob.entry(&account, Event::LoggedIn { received, imported: false });
        match &other {
            Some(other) => self.keyfob.put_in_place_of(other, &account, &entry).await?,
            None => {
                let expected = same.map_or(Expected::Nothing, |same| Expected::Generation(same.generation));
                self.keyfob.put(&account, expected, Some(&entry)).await?;
            }
        }
        self.keyfob.opened().remove(&account.name);
        tracing::info!(account = account.name, "logged in");
        Ok(LoggedIn { account, replaced, ended: other.map(|other| other.value.id), tolerated, id_token, members })
    }
}
