//! What this process seals with, in either database. Kept up with a rekey in another process: nothing is ever written under an old key.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use keyfob::StoreError;

use crate::header::Header;
use crate::key::KeySource;
use crate::seal::Sealer;

/// The sealer of an open vault, shared by its connections, and where a new one comes from.
pub(crate) struct Known(RwLock<Inner>);

struct Inner {
    now: Now,
    source: Option<KeySource>,
}

/// What is sealed with now.
#[derive(Clone)]
pub(crate) struct Now {
    pub(crate) sealer: Arc<Sealer>,
    /// The header's, whose data key it has.
    pub(crate) generation: i64,
}

impl Known {
    pub(crate) fn new(sealer: Sealer, header: &Header, source: &KeySource) -> Self {
        let now = Now { sealer: Arc::new(sealer), generation: header.generation };
        Self(RwLock::new(Inner { now, source: without_passphrase(source) }))
    }

    pub(crate) fn now(&self) -> Now {
        self.inner().now.clone()
    }

    /// The sealer, without its generation.
    pub(crate) fn sealer(&self) -> Arc<Sealer> {
        Arc::clone(&self.inner().now.sealer)
    }

    /// The sealer of a header of that generation, if it is the one that is known.
    pub(crate) fn of(&self, generation: i64) -> Option<Arc<Sealer>> {
        let inner = self.inner();
        (inner.now.generation == generation).then(|| Arc::clone(&inner.now.sealer))
    }

    /// Where the key of a vault comes from that was sealed anew elsewhere.
    pub(crate) fn source(&self) -> Result<KeySource, StoreError> {
        let source = self.inner().source.clone();
        source.ok_or_else(|| StoreError::Locked("it was sealed anew since it was opened; open it again".to_owned()))
    }

    /// Goes on with what another process sealed it anew with. Not back: a reader sees the vault as it was when it began, and may come late.
    pub(crate) fn follow(&self, sealer: Sealer, header: &Header) -> Now {
        let now = Now { sealer: Arc::new(sealer), generation: header.generation };
        let mut inner = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if inner.now.generation < now.generation {
            inner.now = now.clone();
            tracing::info!("the vault was sealed anew; going on with its new key");
        }
        now
    }

    /// Goes on with what this process sealed it anew with.
    pub(crate) fn go_on(&self, sealer: Sealer, header: &Header, source: &KeySource) {
        let now = Now { sealer: Arc::new(sealer), generation: header.generation };
        let mut inner = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let usual = inner.source.take().filter(|source| matches!(source, KeySource::Usual { .. }));
        *inner = Inner { now, source: usual.or_else(|| without_passphrase(source)) };
    }

    /// The key file that is ours, if it is what the key comes from.
    pub(crate) fn key_file(&self) -> Option<PathBuf> {
        match &self.inner().source {
            Some(KeySource::File(file) | KeySource::Usual { file, .. }) => Some(file.clone()),
            _ => None,
        }
    }

    fn inner(&self) -> RwLockReadGuard<'_, Inner> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A passphrase is not kept: a rekey elsewhere wants it, or another one, typed again.
fn without_passphrase(source: &KeySource) -> Option<KeySource> {
    Some(source).filter(|source| !matches!(source, KeySource::Passphrase(_))).cloned()
}

#[cfg(test)]
mod tests {
    use keyfob::proto::Secret;

    use super::*;
    use crate::seal::Key;

    /// A reader that began before two rekeys comes late with the first of them.
    #[test]
    fn nobody_goes_back_to_what_the_vault_was_sealed_with_before() {
        let source = KeySource::Text(Secret::new("07".repeat(32)));
        let (first, _) = Header::first(&source, false, &mut Vec::new()).expect("a header");
        let rekeyed = |before: &Header| before.anew(&Key::random().expect("a key"), None).expect("sealed anew");
        let (second, late) = rekeyed(&first);
        let (third, sealer) = rekeyed(&second);
        let opened = source.open(&first, &mut Vec::new()).expect("it opens");
        let known = Known::new(opened, &first, &source);
        assert_eq!(known.follow(sealer, &third).generation, third.generation);
        let seen = known.follow(late, &second);
        assert_eq!(seen.generation, second.generation, "what was asked with it is answered with it");
        assert!(known.of(third.generation).is_some() && known.of(second.generation).is_none());
        assert_eq!(known.now().generation, third.generation);
    }
}
