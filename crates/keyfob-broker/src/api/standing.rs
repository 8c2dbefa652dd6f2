//! What is made stays if whoever made it may still make it when it is there.
//!
//! Whatever was made with a token goes with it, and what a person has, with them. A request that was let in before that, and stores after, would leave
//! something behind that nobody looks for any more: a key, a link, an invitation. So it looks again once it has stored. Whoever takes away does so in the other
//! order, the token first and then what was made with it, so that one of the two sees the other, on however many machines.
//!
//! A look that fails says nothing. What was made is given out then, for its text is nowhere else: a key that nobody has would open nothing, and stay. And it
//! is looked again until somebody can say it.

use std::sync::{Arc, Weak};
use std::time::Duration;

use keyfob::StoreError;

use super::token;
use crate::audit::Who;
use crate::site::Site;

/// After a look that failed: the first pause, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// After something was made for a person, or a secret was drawn: whether whoever asked for it may still do so. If not, it is taken away again, with all that was
/// made so, and is not to be given out.
pub(crate) async fn stays(site: &Arc<Site>, person: &str, by: &Who) -> bool {
    let (stays, done) = match site.may_still(person, by).await {
        Ok(true) => return true,
        Ok(false) => (false, site.take_back(person, by).await),
        Err(error) => (true, Err(error)),
    };
    match done {
        Ok(()) => tracing::warn!(person, "what was made in the moment in which its maker was taken back is taken back, too"),
        Err(error) => {
            tracing::warn!(person, %error, "whether what was made may stay could not be seen to, and is looked at again");
            tokio::spawn(later(Arc::downgrade(site), person.to_owned(), by.clone()));
        }
    }
    stays
}

/// Looks again until it can be said, and done.
async fn later(site: Weak<Site>, person: String, by: Who) {
    let mut pause = FIRST_PAUSE;
    loop {
        tokio::time::sleep(pause).await;
        let Some(site) = site.upgrade() else { return };
        let done = match site.may_still(&person, &by).await {
            Ok(true) => return,
            Ok(false) => site.take_back(&person, &by).await,
            Err(error) => Err(error),
        };
        match done {
            Ok(()) => return tracing::warn!(person, "what was made in the moment in which its maker was taken back is taken back by now"),
            Err(error) => tracing::debug!(person, %error, "it is looked at later"),
        }
        pause = LONGEST_PAUSE.min(pause * 2);
    }
}

impl Site {
    /// Whether the person is still here, and the token there that they ask by, as the shelf says it now.
    async fn may_still(&self, person: &str, by: &Who) -> Result<bool, StoreError> {
        let Some(people) = &self.people else { return Ok(true) };
        let now = self.keyfob.now();
        if !people.is_here(person, now).await? {
            return Ok(false);
        }
        match by {
            Who::Token { token, .. } => token::is_there(&*people.shelf, person, token, now).await,
            _ => Ok(true),
        }
    }

    /// Takes back what is theirs no more.
    async fn take_back(&self, person: &str, by: &Who) -> Result<(), StoreError> {
        let Some(people) = &self.people else { return Ok(()) };
        let now = self.keyfob.now();
        if !people.is_here(person, now).await? {
            people.take_back_all(person, by.clone(), now).await?;
        }
        match by {
            Who::Token { token, .. } => token::take_back_made_with(&*people.shelf, person, token, by.clone(), now).await,
            _ => Ok(()),
        }
    }
}
