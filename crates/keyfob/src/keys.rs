//! The public keys of issuers: fetched when they are needed, kept in the process, and fetched again when the core's rule says so.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use keyfob_proto::jose::{Crypto, KeyCache, KeySet, Keys};
use keyfob_proto::{Endpoint, Error as ProtoError, Timestamp};

use crate::bounded::Bounded;
use crate::error::Error;
use crate::keyfob::Keyfob;

/// More places than this are no catalogue.
const MOST_PLACES: usize = 256;

/// The keys of all issuers that were asked.
pub(crate) struct IssuerKeys {
    crypto: Arc<dyn Crypto>,
    by_place: Mutex<Bounded<String, Arc<Place>>>,
}

/// One at a time asks at a place. The others have the keys that are there; where there are none, or not the right ones, they wait, and have what it got.
#[derive(Default)]
struct Place {
    asking: tokio::sync::Mutex<()>,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    cache: KeyCache,
    /// Why there are none, told to all who come within the pause.
    failure: Option<Error>,
}

impl IssuerKeys {
    pub(crate) fn new(crypto: Arc<dyn Crypto>) -> Self {
        Self { crypto, by_place: Mutex::new(Bounded::new(MOST_PLACES)) }
    }

    pub(crate) fn crypto(&self) -> &Arc<dyn Crypto> {
        &self.crypto
    }

    fn place(&self, place: &Endpoint) -> Arc<Place> {
        self.by_place.lock().unwrap_or_else(PoisonError::into_inner).get_or_default(place.as_str().to_owned()).clone()
    }
}

impl Place {
    fn look(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn came(&mut self, fetched: Result<KeySet, Error>, now: Timestamp) {
        self.failure = fetched.map(|keys| self.cache.received(keys, now)).err();
    }

    fn keys(&self, place: &Endpoint) -> Result<KeySet, Error> {
        match (self.cache.set(), &self.failure) {
            (Some(keys), _) => Ok(keys.clone()),
            (None, Some(failure)) => Err(failure.again()),
            // Asked for an unknown key, and cut off: that told nobody how it ended.
            (None, None) => Err(keyfob_proto::Transport::new(keyfob_proto::TransportKind::Timeout, place.origin().to_string()).into()),
        }
    }
}

impl Keyfob {
    /// The keys at a `jwks_uri`. Old ones count while new ones cannot be had: a server that does not answer must not log everybody out.
    pub(crate) async fn keys(&self, issuer: &str, place: &Endpoint) -> Result<KeySet, Error> {
        let kept = self.issuer_keys().place(place);
        if !kept.look().cache.must_fetch(self.now()) {
            return kept.look().keys(place);
        }
        let _asking = match kept.asking.try_lock() {
            Ok(asking) => asking,
            // A server that is silent must not keep everybody waiting who has keys of it.
            Err(_) if kept.look().cache.set().is_some() => return kept.look().keys(place),
            Err(_) => kept.asking.lock().await,
        };
        let now = self.now();
        if kept.look().cache.must_fetch(now) {
            let fetched = self.fetch_keys(issuer, place).await;
            let mut kept = kept.look();
            kept.came(fetched, now);
            // Only now: a caller that went away in the middle has not heard whether there are keys, and must not keep the next one from asking.
            kept.cache.asked(now);
        }
        kept.look().keys(place)
    }

    /// Judges something that an issuer signed. Where newer keys may judge otherwise (OpenID Connect Core §10.1.1: a name that is not there means that the keys
    /// were changed, or that the token is not theirs; a signature that is wrong may be by a new key of the old name), they have the last word.
    ///
    /// # Errors
    ///
    /// Why nobody can judge it now; inside, what was judged.
    pub(crate) async fn judge_by_keys<T>(
        &self,
        issuer: &str,
        place: &Endpoint,
        judge: impl Fn(&Keys<'_>) -> Result<T, ProtoError>,
    ) -> Result<Result<T, ProtoError>, Error> {
        let keys = self.keys(issuer, place).await?;
        let wrong = match judge(&Keys::Set(&keys)) {
            Err(ProtoError::Misbehaved(wrong)) if wrong.wants_newer_keys() => wrong,
            judged => return Ok(judged),
        };
        match self.newer_keys(issuer, place).await? {
            Some(keys) => Ok(judge(&Keys::Set(&keys))),
            None if wrong.is_unknown_key() => Err(ProtoError::from(wrong).into()),
            // By keys that are not a minute old.
            None => Ok(Err(wrong.into())),
        }
    }

    /// The keys, where those that are there may not be the newest: fetched again, but not within a minute after the last time (E12), whatever is
    /// sent to us. `None`: that minute is not over.
    async fn newer_keys(&self, issuer: &str, place: &Endpoint) -> Result<Option<KeySet>, Error> {
        let kept = self.issuer_keys().place(place);
        let _asking = kept.asking.lock().await;
        let now = self.now();
        {
            let cache = &mut kept.look().cache;
            if !cache.may_fetch_for_unknown_key(now) {
                return Ok(None);
            }
            // At once: whoever sends made-up names and goes away again must not make us storm the issuer.
            cache.asked_for_unknown_key(now);
        }
        let fetched = self.fetch_keys(issuer, place).await;
        let mut kept = kept.look();
        kept.came(fetched, now);
        match &kept.failure {
            Some(failure) => Err(failure.again()),
            None => Ok(kept.cache.set().cloned()),
        }
    }

    async fn fetch_keys(&self, issuer: &str, place: &Endpoint) -> Result<KeySet, Error> {
        // Whether a catalogue or the issuer's own document says where its keys are, nobody can tell here: the issuer is what was configured.
        let answer = match Endpoint::parse(issuer) {
            Ok(home) => self.exchange_from(&home, &KeySet::request(place)).await,
            Err(wrong) => Err(wrong.into()),
        };
        let crypto = self.issuer_keys().crypto().clone();
        let read = answer.and_then(|answer| KeySet::receive(&answer, crypto).map_err(|wrong| ProtoError::from(wrong).into()));
        read.inspect_err(|error| tracing::warn!(place = place.as_str(), %error, "the issuer's keys cannot be had"))
    }
}
