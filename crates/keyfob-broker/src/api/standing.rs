//! What is made stays if whoever made it may still make it when it is there.
//!
//! Whatever was made with a token goes with it, and what a person has, with them. A request that was let in before that, and stores after, would leave
//! something behind that nobody looks for any more: a key, a link, an invitation. So it looks again once it has stored. Whoever takes away does so in the other
//! order, the token first and then what was made with it, so that one of the two sees the other, on however many machines.

use super::caller::Caller;
use super::token;
use crate::audit::Who;
use crate::problem::Problem;
use crate::site::Site;

/// After something was made: takes it away again, with all that was made so, if whoever made it may make nothing any more. That is their refusal then.
pub(super) async fn look_again(site: &Site, caller: &Caller) -> Result<(), Problem> {
    let (people, now) = (site.people()?, site.keyfob.now());
    let (owner, by) = (caller.person.id.as_str(), caller.by.clone());
    if !people.stays(owner, by.clone(), now).await? {
        return Err(refused(caller));
    }
    let Who::Token { token, .. } = &caller.by else { return Ok(()) };
    if token::is_there(&*people.shelf, owner, token, now).await? {
        return Ok(());
    }
    token::take_back_made_with(&*people.shelf, owner, token, by, now).await?;
    Err(refused(caller))
}

fn refused(caller: &Caller) -> Problem {
    tracing::warn!(person = caller.person.id, "what was made in the moment in which its maker was taken back is taken back, too");
    if caller.is_browser { Caller::missing() } else { Caller::unknown() }
}
