//! Spending a refresh token, by whoever has the right to: the note first, then the request, then what came of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use keyfob_proto::oauth2::{self, Exchange};
use keyfob_proto::{Code, Error as ProtoError, Misuse, OAuth2Tokens, Received, Secret, Settings, Timestamp, TokenSet};

use super::fate::Fate;
use super::note::Note;
use super::pause::LONGEST_TOLD;
use super::renewal::Renewal;
use super::save::NewTokens;
use super::{Outcome, Why, ended, is_somebodys_wish, without_refresh_token};
use crate::account::{Account, Health};
use crate::error::Error;
use crate::history::{Event, Fingerprint};
use crate::id_token::Verifier;
use crate::limit::Permit;
use crate::session::{Client, Known, Shared};
use crate::store::{Expected, Hold, StoreError, Versioned};

/// How often a write is tried that others get in the way of. They are logins and logouts: there are not many at once.
const TRIES: usize = 8;

/// What came of beginning.
pub(super) enum Begin {
    /// The note is written.
    Ours(Box<Begun>),
    /// Nothing is begun: somebody was faster, and these tokens count.
    Over(Arc<Known>),
    /// Nothing is begun: the right lapsed, and somebody else wrote a note of theirs in the meantime.
    Lapsed,
}

/// A refresh that is about to be sent; the note of it is on disk.
pub(super) struct Begun {
    client: oauth2::Client,
    exchange: Exchange,
    note: Note,
    known: Arc<Known>,
}

/// An answer that brought no new tokens, or none at all.
struct Unread {
    error: Error,
    /// The refresh token that was in it all the same.
    successor: Option<Secret>,
}

impl Shared {
    /// Asks for new tokens in place of `used`. A request that nobody answered is sent once more, and not a third time.
    pub(super) async fn spend(self: &Arc<Self>, used: &Known, why: Why, mut begun: Box<Begun>, hold: Hold, permit: Permit) -> Outcome {
        let mut sent_before = false;
        let verifier = self.verifier();
        loop {
            let Begun { client, exchange, note, known } = *begun;
            tracing::info!(account = known.account().name, why = why.as_str(), token = note.ours.token.as_str(), "refreshing");
            let grant = &known.account().grant;
            let (error, successor) = match self.send(&client, exchange, &known).await {
                Ok(received) => {
                    drop(permit);
                    let received = grant.keeps(received);
                    let fresh = received.tokens.clone();
                    let verified = match verifier {
                        Some(verifier) => verifier.refresh(known.tokens(), received).await,
                        None => Ok(received),
                    };
                    return match verified {
                        Ok(received) => self.keep_or_revoke(&known, new_tokens(self, &known, note, received, &hold), hold).await,
                        Err(error) => {
                            let outcome = self.refused(&known, &note, error).await;
                            self.revoke_new(&known, fresh).await;
                            outcome
                        }
                    };
                }
                Err(Unread { error, successor }) => (grant.explain(error), successor),
            };
            match Fate::of(&error, grant) {
                Fate::Refused => return self.refused(&known, &note, error).await,
                fate => {
                    tracing::warn!(account = known.account().name, %error, refresh_token = fate.in_words(), "not refreshed");
                    if let Some(successor) = successor {
                        let came = successor.clone();
                        let now = self.keep_or_revoke(&known, refresh_token_alone(self, &known, &note, &error, successor), hold).await?;
                        if now.tokens().refresh_token().is_some_and(|token| token.same_as(came.expose())) {
                            return Err(login_lives_on(error));
                        }
                        // Somebody else's may have come alone, too.
                        return if now.is_same_access(known.tokens()) { Err(error) } else { Ok(now) };
                    }
                    let may_go_on = self.failed(&known, &note, &error, fate).await;
                    if fate != Fate::Lost || sent_before || !may_go_on {
                        return Err(error);
                    }
                    sent_before = true;
                }
            }
            begun = match self.begin(used, why, &hold).await? {
                Begin::Ours(begun) => begun,
                // Somebody else got a refresh token and nothing else.
                Begin::Over(known) if known.usable().is_ok() && known.is_successor_of(used.tokens()) => return Err(error),
                Begin::Over(known) => return known.usable().map(|()| known),
                // They read that ours is over before we could begin again.
                Begin::Lapsed => return Err(error),
            };
        }
    }

    /// What the next ID token will be verified with is there before the token is spent.
    pub(super) async fn prepare(&self, used: &Known) {
        if let (Some(verifier), TokenSet::OAuth2(OAuth2Tokens { id_token: Some(_), .. })) = (self.verifier(), used.tokens()) {
            verifier.prepare_in_haste().await;
        }
    }

    fn verifier(&self) -> Option<Verifier<'_>> {
        Verifier::of(&self.keyfob, &self.setup.settings, &self.setup.app)
    }

    async fn send(&self, client: &oauth2::Client, exchange: Exchange, known: &Known) -> Result<Received, Unread> {
        let answer = self.keyfob.ask_server(client, exchange.request()).await.map_err(|error| Unread { error, successor: None })?;
        exchange.receive(&answer, self.keyfob.now()).map_err(|error| {
            let successor = match known.tokens() {
                TokenSet::OAuth2(spent) if known.account().grant.was_approved() => client.successor(spent, &answer),
                _ => None,
            };
            Unread { error: error.into(), successor }
        })
    }

    /// Reads once more, under the right to refresh, and writes the note over what was read and nothing else. If the note cannot be written (a
    /// full disk), the token is not spent: its successor could not be written either.
    pub(super) async fn begin(&self, used: &Known, why: Why, hold: &Hold) -> Result<Begin, Error> {
        for _ in 0..TRIES {
            let known = self.read().await?;
            if !known.is_same_issue(used.tokens()) || known.usable().is_err() {
                return Ok(Begin::Over(known));
            }
            // Two may believe that it is their turn. The one whose note comes second sees the first one's here, for it writes over what it has read.
            if self.keyfob.is_being_spent(known.account(), hold) {
                return Ok(Begin::Lapsed);
            }
            // D8. Another process's minute is everybody's, though the clock on the wall says that it is long over.
            if why != Why::Asked && known.is_just_refreshed_by(&self.keyfob.moment_at_most(hold)) {
                return Ok(Begin::Over(known));
            }
            // C10. Whoever asks for it in so many words is let through, as after every other failure.
            let told = known.account().spending.as_ref().and_then(|note| note.not_before).filter(|_| why != Why::Asked);
            if let Some(left) = told.and_then(|not_before| self.pause.told(not_before, self.keyfob.now())) {
                return Err(Error::AskedToWait { account: known.account().name.clone(), left });
            }
            let (Client::OAuth2(client), TokenSet::OAuth2(tokens)) = (&self.setup.client, known.tokens()) else {
                let oauth1 = "this account speaks OAuth 1, whose tokens are not refreshed";
                return Err(Misuse::new("an OAuth 2 account", oauth1)
                    .of("RFC 6749 §6")
                    .with_hint("they are good until the provider takes them back")
                    .into());
            };
            let client = self.client_of(client, tokens)?;
            let Some(renewal) = Renewal::of(&self.keyfob, &client, &known, tokens)? else {
                // Whoever asks while the token is good asks for what there is not; nobody has to log in for that.
                let is_good = why == Why::Asked && !known.has_ended(self.keyfob.now());
                return Err(if is_good { without_refresh_token() } else { ended(known.account()) });
            };
            let Renewal { exchange, token, grant } = renewal;
            self.check_bound(&known, exchange.request().origin())?;
            let note = Note::new(&self.keyfob, hold, token, grant, why, known.account().spending.as_deref());
            let account = Account { spending: Some(Box::new(note.ours.clone())), ..known.account().clone() };
            match self.put(&known, account, note.event()).await {
                Ok(known) => return Ok(Begin::Ours(Box::new(Begun { client, exchange, note, known }))),
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// The refresh token is spent or revoked. If somebody else wrote new tokens in between, those count; else a person has to log in again.
    /// Nothing is deleted.
    ///
    /// Where somebody else's note is open, our right lapsed while we were away, and they are spending the same token: ours may be refused because theirs
    /// was first, and then they have the new tokens. So whether a person is needed is left for them to say. If they are refused too, they say it; if they
    /// die, whoever finds their note asks once more, and does.
    async fn refused(&self, known: &Known, note: &Note, refused: Error) -> Outcome {
        let reason = match note.diagnosis() {
            Some(diagnosis) => format!("{refused}; {diagnosis}"),
            None => refused.to_string(),
        };
        let health = Health::NeedsLogin { reason: reason.clone(), since: self.keyfob.now() };
        let end = |account: Account| {
            if account.spending.as_deref().is_some_and(|there| !there.over && *there != note.ours) {
                let reason = refused.to_string();
                let event = Event::RefreshFailed { refresh: note.ours.clone(), reason, unanswered: false, of_app: false, received: None };
                return (account, event);
            }
            let event = Event::NeedsLogin { refresh: Some(note.ours.clone()), reason: reason.clone() };
            (Account { health: health.clone(), spending: None, ..account }, event)
        };
        match self.write_end(known, end).await {
            // Left for somebody else to say: the old tokens are no outcome.
            Ok(now) if now.usable().is_ok() && now.is_same_access(known.tokens()) => Err(refused),
            // Somebody's new tokens, or our own mark.
            Ok(now) => now.usable().map(|()| now),
            // It is no more the account whose token was refused.
            Err(error) if is_somebodys_wish(&error) => Err(error),
            Err(error) => {
                tracing::error!(account = known.account().name, %error, "needs a new login, which could not be written down");
                Err(known.account().needs_login(reason))
            }
        }
    }

    /// Tokens that nobody will use (their ID token was refused, or the account is gone): the provider is asked to forget them, but for a refresh token that was there before.
    pub(super) async fn revoke_new(&self, before: &Known, fresh: TokenSet) {
        let (Client::OAuth2(client), TokenSet::OAuth2(mut fresh)) = (&self.setup.client, fresh) else { return };
        // As at a logout: tokens and the app's credentials do not go to a revocation endpoint that was added or changed after the login.
        if let Some(endpoint) = &client.settings().revoke
            && let Err(error) = self.check_bound(before, Some(endpoint.origin()))
        {
            tracing::warn!(account = before.account().name, %error, "the tokens that nobody will use are not revoked");
            return;
        }
        let is_old = |token: &Secret| before.tokens().refresh_token().is_some_and(|old| old.same_as(token.expose()));
        fresh.refresh = fresh.refresh.filter(|token| !is_old(token));
        self.keyfob.revoke_refused(client, &fresh).await;
    }

    /// No new tokens came. What is known of the old one is written down; if that cannot be, the note of the beginning stays, which says less.
    /// Whether the token may be sent once more.
    ///
    /// Only a note of ours is changed. Another's in its place is that of somebody who took us for gone: our right lapsed while this process was
    /// suspended, say. Closed by us, it would no longer keep anybody, us included, from sending the token that they are spending.
    async fn failed(&self, known: &Known, note: &Note, error: &Error, fate: Fate) -> bool {
        // Only what is spent can be lost.
        let unanswered = fate.is_unanswered() && note.ours.grant.is_none();
        // Where no login is asked for, whoever looks at the account reads here what to do.
        let reason = match error.hint().filter(|_| note.ours.grant.is_some()) {
            Some(hint) => format!("{error}; {hint}"),
            None => error.to_string(),
        };
        let event = Event::RefreshFailed { refresh: note.ours.clone(), reason, unanswered, of_app: is_of_app(error), received: None };
        let spending = note.after_failure(unanswered, self.asked_to_wait_until(error)).map(Box::new);
        let is_ours = AtomicBool::new(true);
        let end = |account: Account| {
            let ours = account.spending.as_deref() == Some(&note.ours);
            is_ours.store(ours, Ordering::Relaxed);
            (if ours { Account { spending: spending.clone(), ..account } } else { account }, event.clone())
        };
        if let Err(error) = self.write_end(known, end).await {
            tracing::error!(account = known.account().name, %error, "a refresh failed, which could not be written down");
        }
        is_ours.into_inner()
    }

    fn asked_to_wait_until(&self, error: &Error) -> Option<Timestamp> {
        Some(self.keyfob.now().plus(error.retry_after()?.as_secs().min(LONGEST_TOLD).cast_signed()))
    }

    /// New tokens of an account that is there no more were logged out by somebody who could not wait: they revoked the old ones, and nobody has these.
    async fn keep_or_revoke(self: &Arc<Self>, before: &Known, new: NewTokens, hold: Hold) -> Outcome {
        let fresh = new.tokens.clone();
        let outcome = self.keep(new, hold).await;
        if matches!(outcome, Err(Error::NoAccount { .. })) {
            self.revoke_new(before, fresh).await;
        }
        outcome
    }

    /// Writes the end of a refresh that brought nothing, unless the account's tokens have changed since: then that counts.
    async fn write_end(&self, known: &Known, end: impl Fn(Account) -> (Account, Event)) -> Outcome {
        for _ in 0..TRIES {
            let now = self.read().await?;
            if !now.is_same_issue(known.tokens()) {
                return Ok(now);
            }
            let (account, event) = end(now.account().clone());
            match self.put(&now, account, Some(event)).await {
                Err(StoreError::Conflict) => {}
                written => return Ok(written?),
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// Writes an account over the one that was read, and learns it.
    async fn put(&self, known: &Known, account: Account, event: Option<Event>) -> Result<Arc<Known>, StoreError> {
        let entry = event.map(|event| self.keyfob.entry(&account, event));
        let generation = self.keyfob.put(&account, Expected::Generation(known.record().generation), entry.as_ref()).await?;
        Ok(self.learn_written(Versioned { value: account, generation }))
    }
}

/// What a refresh says of the API's place is judged as at a login, before it is kept: what leads nowhere, or to another part of the same API (another company's
/// books), is left out. Another host that the file lists is kept, and refused where a call would go there, until somebody logs in.
fn where_it_was(settings: &Settings, account: &Account, kept: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let Some(base) = &settings.api.base_of_account else { return kept };
    let mut all = account.kept.clone();
    all.extend(kept.clone());
    let before = settings.of_account(&account.kept).map(|own| own.api.base);
    // Not what it said: a server can say a token there, and this is a log.
    let problem = match (before, settings.of_account(&all).map(|own| own.api.base)) {
        (Ok(before), Ok(now)) if now != before && now.origin() == before.origin() => "another part of the same API",
        (_, Ok(_)) => return kept,
        (_, Err(_)) => "no place that the provider's file allows",
    };
    tracing::warn!(account = account.name, problem, "what a refresh says of the API's place is not believed");
    kept.into_iter().filter(|(name, _)| !base.names().any(|known| known == name)).collect()
}

/// What is told of an answer whose refresh token was all that was good of it.
const KEPT: &str = "the new refresh token in it was kept, so nobody has to log in again";

/// Never "try again": that would be the same answer, once more.
fn login_lives_on(error: Error) -> Error {
    let Error::Protocol(ProtoError::Misbehaved(mut misbehaved)) = error else { return error };
    let hint = misbehaved.hint.unwrap_or_else(|| "show this sentence to whoever runs the server".to_owned());
    misbehaved.hint = Some(format!("{KEPT}; {hint}"));
    ProtoError::Misbehaved(misbehaved).into()
}

/// Whether it is the app that the server does not take (RFC 6749 §5.2): then no login helps, and what was entered for the app has to be mended.
fn is_of_app(error: &Error) -> bool {
    matches!(error, Error::Protocol(ProtoError::Refused(refused)) if matches!(refused.code, Code::InvalidClient | Code::UnauthorizedClient))
}

fn new_tokens(shared: &Shared, known: &Known, note: Note, received: Received, hold: &Hold) -> NewTokens {
    let Received { tokens, kept, tolerated, .. } = received;
    let event =
        Event::Refreshed { refresh: note.ours, received: tokens.refresh_token().map(Fingerprint::of), expires_at: tokens.expires_at() };
    let entry = shared.keyfob.entry(known.account(), event);
    let tolerated = tolerated.iter().map(|deviation| deviation.name().to_owned()).collect();
    let kept = where_it_was(&shared.setup.settings, known.account(), kept);
    let (instead_of, refreshed) = (known.record().clone(), shared.keyfob.moment(hold));
    NewTokens { instead_of, tokens, kept, tolerated, refreshed, spending: None, entry }
}

/// The next refresh token of an answer that is no good otherwise takes the place of the one that was spent: nothing is lost then, and the access token stays the
/// old one. Also where the note is another's, who has not got it.
fn refresh_token_alone(shared: &Shared, known: &Known, note: &Note, error: &Error, successor: Secret) -> NewTokens {
    let reason = format!("{error}; {KEPT}");
    let received = Some(Fingerprint::of(&successor));
    let event = Event::RefreshFailed { refresh: note.ours.clone(), reason, unanswered: false, of_app: is_of_app(error), received };
    let Account { tokens, tolerated, refreshed, .. } = known.account().clone();
    let tokens = match tokens {
        // When the new one ends nobody has said.
        TokenSet::OAuth2(old) => TokenSet::OAuth2(OAuth2Tokens { refresh: Some(successor), refresh_expires_at: None, ..old }),
        other => other,
    };
    NewTokens {
        instead_of: known.record().clone(),
        tokens,
        kept: BTreeMap::new(),
        tolerated,
        refreshed: refreshed.unwrap_or_default(),
        spending: note.after_failure(false, shared.asked_to_wait_until(error)).map(Box::new),
        entry: shared.keyfob.entry(known.account(), event),
    }
}
