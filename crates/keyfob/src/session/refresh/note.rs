//! The note "about to spend": what is written before the request leaves, and what one that is found there means.

use keyfob_proto::Timestamp;

use crate::history::{Event, Fingerprint, Spending};
use crate::keyfob::Keyfob;
use crate::moment;
use crate::store::Hold;

use super::Why;

/// A note of ours, and what was found in its place.
#[derive(Clone, Debug)]
pub(super) struct Note {
    /// What is written.
    pub(super) ours: Spending,
    /// A refresh of the same token that went unanswered before: the provider may have given out a new token that nobody received.
    pub(super) earlier: Option<Spending>,
    /// Whether that was left behind by a process that is gone, which the history does not tell yet.
    abandoned: bool,
}

impl Note {
    /// About to spend this token, where that note was found.
    pub(super) fn new(keyfob: &Keyfob, hold: &Hold, token: Fingerprint, grant: Option<&str>, why: Why, found: Option<&Spending>) -> Self {
        // One about another token tells nothing about this one.
        let found = found.filter(|found| found.token == token);
        let abandoned = found.is_some_and(|found| !found.over);
        let earlier = found.map(|found| Spending {
            unanswered: found.unanswered.saturating_add(u32::from(!found.over)),
            over: true,
            ..found.clone()
        });
        // One that was answered, with the wish to wait, tells of nothing that may be lost.
        let earlier = earlier.filter(|earlier| earlier.unanswered > 0);
        let unanswered = earlier.as_ref().map_or(0, |earlier| earlier.unanswered);
        let (since, by, grant) = (keyfob.now(), keyfob.actor().clone(), grant.map(str::to_owned));
        let (since_at_server, why) = (hold.server_time(), why.as_str().to_owned());
        let ours = Spending { token, grant, since, since_at_server, by, why, unanswered, over: false, not_before: None };
        Self { ours, earlier, abandoned }
    }

    /// What the history is told when the note is written.
    pub(super) fn event(&self) -> Option<Event> {
        let refresh = self.earlier.as_ref().filter(|_| self.abandoned)?;
        Some(Event::Abandoned { refresh: Spending { over: false, unanswered: refresh.unanswered.saturating_sub(1), ..refresh.clone() } })
    }

    /// The note that stays behind a failure: that nobody answered; or what was there before, where the token was not spent; and until when the provider
    /// wants to be left alone, which other processes have to know, too (C10).
    pub(super) fn after_failure(&self, unanswered: bool, not_before: Option<Timestamp>) -> Option<Spending> {
        let over = || Spending { over: true, ..self.ours.clone() };
        let stays = match &self.earlier {
            _ if unanswered => Some(Spending { unanswered: self.ours.unanswered.saturating_add(1), ..over() }),
            Some(earlier) => Some(earlier.clone()),
            None => not_before.map(|_| over()),
        };
        stays.map(|note| Spending { not_before, ..note })
    }

    /// Why the provider may refuse a token that was good: what a person needs to know who finds the account logged out.
    pub(super) fn diagnosis(&self) -> Option<String> {
        // A grant that is made once more spends nothing that could be lost.
        let Spending { token, since, by, .. } = self.earlier.as_ref().filter(|earlier| earlier.grant.is_none())?;
        let since = moment::utc(*since);
        Some(format!(
            "a refresh with this token ({token}) was begun at {since} by {by}, and no answer to it was kept: \
             very likely the provider gave out a new token then, which nobody has"
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use keyfob_proto::Secret;

    use super::*;
    use crate::{HyperTransport, MemoryStore};

    fn note(token: &str, found: Option<&Spending>) -> Note {
        let keyfob = Keyfob::new(Arc::new(MemoryStore::new()), Arc::new(HyperTransport::new().expect("a transport")));
        Note::new(&keyfob, &Hold::new(()), Fingerprint::of(&Secret::new(token)), None, Why::EndsSoon, found)
    }

    #[test]
    fn unanswered_refreshes_of_one_token_are_counted() {
        let first = note("a", None);
        assert_eq!((first.ours.unanswered, first.event(), first.diagnosis()), (0, None, None));
        assert_eq!(first.after_failure(false, None), None);
        let over = first.after_failure(true, None).expect("a note stays");
        assert_eq!((over.unanswered, over.over), (1, true));

        let second = note("a", Some(&over));
        assert_eq!((second.ours.unanswered, second.event()), (1, None), "its end is in the history already");
        assert_eq!(second.after_failure(false, None), Some(over), "a refusal to act leaves what was unclear before");
        assert!(second.diagnosis().is_some());
        assert_eq!(second.after_failure(true, None).map(|note| note.unanswered), Some(2));

        assert_eq!(note("b", Some(&second.ours)).ours.unanswered, 0, "another token");
    }

    #[test]
    fn c10_the_wish_to_wait_stays_and_makes_no_answer_missed() {
        let wish = Some(Timestamp::from_unix(1_800_000_030));
        let first = note("a", None);
        let told = first.after_failure(false, wish).expect("a note stays");
        assert_eq!((told.over, told.unanswered, told.not_before), (true, 0, wish));
        let second = note("a", Some(&told));
        assert_eq!((second.ours.unanswered, second.event(), second.diagnosis()), (0, None, None), "it was answered");
        assert_eq!(second.after_failure(false, None), None);
        let lost = first.after_failure(true, None).expect("a note stays");
        let told = note("a", Some(&lost)).after_failure(false, wish).expect("a note stays");
        assert_eq!((told.unanswered, told.not_before), (1, wish), "both are told");
    }

    #[test]
    fn an_open_note_was_abandoned() {
        let killed = note("a", None).ours;
        let next = note("a", Some(&killed));
        assert_eq!((next.ours.unanswered, next.event()), (1, Some(Event::Abandoned { refresh: killed })));
    }
}
