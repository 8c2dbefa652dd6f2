//! Keeping the token fresh (DESIGN §6). One refresh at a time in this process, and the store is the truth: what another process
//! wrote is used, and nobody sees a new token before it is on disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use keyfob_proto::{Code, Error as ProtoError, Refused, TokenSet};
use tokio::sync::Mutex;

use super::{Client, Shared};
use crate::account::{Account, Health};
use crate::error::Error;
use crate::store::{Expected, StoreError, Versioned};

/// A token is refreshed before it ends: this many seconds, or a tenth of its lifetime if that is less (a token of 20 s must
/// not be refreshed on every call).
const MARGIN: i64 = 60;

/// The refresh under way, if there is one.
#[derive(Default)]
pub(crate) struct Flight {
    /// Held by whoever refreshes. Inside: how the last flight failed, if it did.
    turn: Mutex<Option<Error>>,
    /// How many have landed.
    landed: AtomicU64,
}

impl Flight {
    fn landed(&self) -> u64 {
        self.landed.load(Ordering::SeqCst)
    }

    fn land(&self) {
        self.landed.fetch_add(1, Ordering::SeqCst);
    }
}

impl Shared {
    /// Tokens that are good for now: refreshed ahead of their end where that is known.
    pub(crate) async fn fresh(self: &Arc<Self>, min_valid: Option<i64>) -> Result<TokenSet, Error> {
        let tokens = self.tokens()?;
        if !self.ends_soon(&tokens, min_valid) || tokens.refresh_token().is_none() {
            return Ok(tokens);
        }
        match self.refresh(&tokens, "ends soon").await {
            // Ahead of the end there is no haste: a token that is still good is better than an error.
            Err(Error::Protocol(error)) if min_valid.is_none() && error.is_transient() && !self.has_ended(&tokens) => {
                tracing::warn!(account = self.record().value.name, %error, "not refreshed ahead; the old token is still good");
                Ok(tokens)
            }
            outcome => outcome,
        }
    }

    /// Whether the access token has ended, as far as that is known.
    pub(crate) fn has_ended(&self, tokens: &TokenSet) -> bool {
        tokens.expires_at().is_some_and(|end| end <= self.keyfob.now())
    }

    fn ends_soon(&self, tokens: &TokenSet, min_valid: Option<i64>) -> bool {
        let TokenSet::OAuth2(oauth2) = tokens else { return false };
        let Some(expires_at) = oauth2.expires_at else { return false };
        let lifetime = expires_at.since(oauth2.received_at);
        let margin = min_valid.unwrap_or(MARGIN.min(lifetime / 10));
        expires_at.since(self.keyfob.now()) <= margin
    }

    /// New tokens in place of `used`. Whoever comes while a refresh is under way shares its outcome, failure too: a refresh token whose
    /// answer was lost may be spent, and must not be sent again by everyone who waited. Goes on to the end even if the caller goes
    /// away: a rotated token that nobody writes down is a lost login.
    pub(crate) async fn refresh(self: &Arc<Self>, used: &TokenSet, why: &'static str) -> Result<TokenSet, Error> {
        let (shared, used) = (self.clone(), used.clone());
        let before = self.flight.landed();
        let task = tokio::spawn(async move {
            let mut last = shared.flight.turn.lock().await;
            // Somebody's flight landed while we waited, and it failed.
            if let (true, Some(failure)) = (shared.flight.landed() != before, &*last) {
                return Err(failure.again());
            }
            let outcome = shared.refresh_alone(&used, why).await;
            *last = outcome.as_ref().err().map(Error::again);
            shared.flight.land();
            outcome
        });
        match task.await {
            Ok(outcome) => outcome,
            Err(failed) => Err(Error::Store(StoreError::Io("the refresh was stopped".to_owned(), std::io::Error::other(failed)))),
        }
    }

    async fn refresh_alone(self: &Arc<Self>, used: &TokenSet, why: &'static str) -> Result<TokenSet, Error> {
        let name = self.record().value.name.clone();
        let record = self.keyfob.store().account(&name).await?.ok_or(Error::NoAccount { name })?;
        *self.record() = record.clone();
        if !same(&record.value.tokens, used) {
            // Another task or process was faster.
            return self.tokens();
        }
        self.tokens()?;
        let (Client::OAuth2(client), TokenSet::OAuth2(tokens)) = (&self.client, &record.value.tokens) else {
            return Err(Error::NeedsLogin { account: record.value.name.clone(), reason: "OAuth 1 tokens cannot be refreshed".to_owned() });
        };
        if tokens.refresh.is_none() {
            return Err(ended(record.value.name.clone()));
        }
        tracing::info!(account = record.value.name, why, "refreshing");
        let exchange = client.refresh(tokens)?;
        // The refresh token goes to the origins of the login and nowhere else; also not to a token endpoint that was changed later.
        let origin = exchange.request().origin();
        if !origin.as_ref().is_some_and(|origin| record.value.is_bound_to(origin)) {
            let origin = origin.map_or_else(|| "there".to_owned(), |origin| origin.to_string());
            let bound_to = record.value.origins.iter().map(ToString::to_string).collect();
            return Err(Error::Unbound { account: record.value.name.clone(), origin, bound_to });
        }
        let answer = self.keyfob.exchange(exchange.request()).await?;
        match exchange.receive(&answer, self.keyfob.now()) {
            Ok(received) => {
                let mut account = record.value.clone();
                account.tokens = received.tokens;
                account.kept.extend(received.kept);
                account.tolerated = received.tolerated.iter().map(|deviation| deviation.name().to_owned()).collect();
                self.write(account, &record).await
            }
            Err(ProtoError::Refused(refused)) if refused.code == Code::InvalidGrant => self.refused(refused, &record).await,
            Err(error) => Err(error.into()),
        }
    }

    /// The refresh token is spent or revoked. If somebody else wrote new tokens in between, those count; else a person has to
    /// log in again. Nothing is deleted.
    async fn refused(&self, refused: Refused, record: &Versioned<Account>) -> Result<TokenSet, Error> {
        let name = &record.value.name;
        if let Some(now) = self.keyfob.store().account(name).await?
            && now.generation != record.generation
        {
            *self.record() = now;
            return self.tokens();
        }
        let mut account = record.value.clone();
        account.health = Health::NeedsLogin { reason: refused.to_string(), since: self.keyfob.now() };
        self.write(account, record).await
    }

    /// Durable first, visible after.
    async fn write(&self, account: Account, before: &Versioned<Account>) -> Result<TokenSet, Error> {
        let mut expected = before.generation;
        loop {
            match self.keyfob.store().put_account(&account, Expected::Generation(expected), None).await {
                Ok(generation) => {
                    *self.record() = Versioned { value: account, generation };
                    return self.tokens();
                }
                Err(StoreError::Conflict) => {
                    let now = self.keyfob.store().account(&account.name).await?;
                    let now = now.ok_or_else(|| Error::NoAccount { name: account.name.clone() })?;
                    // Another process spent the same refresh token after us, was refused, and could only mark the account: the new tokens
                    // are ours to write, or nobody has them.
                    let only_marked = now.value.id == account.id && same(&now.value.tokens, &before.value.tokens);
                    if only_marked && now.generation != expected && !same(&account.tokens, &before.value.tokens) {
                        expected = now.generation;
                        continue;
                    }
                    *self.record() = now;
                    return self.tokens();
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// There is nothing to refresh with.
pub(crate) fn ended(account: String) -> Error {
    Error::NeedsLogin { account, reason: "the access token has ended, and the provider gave no refresh token".to_owned() }
}

fn same(a: &TokenSet, b: &TokenSet) -> bool {
    match (a, b) {
        (TokenSet::OAuth2(a), TokenSet::OAuth2(b)) => a.access.same_as(b.access.expose()),
        (TokenSet::OAuth1(a), TokenSet::OAuth1(b)) => a.token.same_as(b.token.expose()),
        _ => false,
    }
}
