//! Browsers that are signed in. Each has a cookie, of which the shelf knows the hash alone.

use http::HeaderMap;
use keyfob::StoreError;
use keyfob::proto::{Secret, Timestamp};
use keyfob::store::{Expected, Generation};
use keyfob_store::shelf::{Item, Kind};
use serde::{Deserialize, Serialize};

use super::{People, Person, id_of};
use crate::browser::{IDLE, LONGEST, Notice, Visit, cookies, random};

pub(super) const KIND: Kind = Kind("visit");

/// That a browser is in use is written this often: a session ends between eleven and a half and twelve hours after it was.
const WRITTEN: i64 = IDLE / 24;

/// A page of a sibling host may have set cookies of our name: so many are looked at.
const MOST_COOKIES: usize = 4;

/// Sessions of one person that are read at once.
const PAGE: usize = 100;

/// How often a write is tried that others get in the way of.
const TRIES: usize = 8;

/// A session, as it is kept.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Record {
    person: String,
    csrf: String,
    binding: String,
    created: Timestamp,
    seen: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    notice: Option<Notice>,
}

/// The same, as it was read.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    record: Record,
    generation: Generation,
}

/// Without the form's token and the binding.
impl std::fmt::Debug for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Record").field("person", &self.person).field("created", &self.created).finish_non_exhaustive()
    }
}

impl Record {
    fn is_over(&self, now: Timestamp) -> bool {
        now.since(self.seen) >= IDLE || now.since(self.created) >= LONGEST
    }

    fn item(&self, id: &str) -> Item {
        let end = self.seen.plus(IDLE).min(self.created.plus(LONGEST));
        let content = serde_json::to_vec(self).expect("text and numbers");
        Item::new(id, content).owned_by(self.person.clone()).until(end)
    }
}

impl People {
    /// The session of a request's cookie, if it has one that is alive, of a person who may be here.
    pub(crate) async fn visit(&self, headers: &HeaderMap, name: &str, now: Timestamp) -> Result<Option<Visit>, StoreError> {
        for cookie in cookies(headers, name).take(MOST_COOKIES) {
            let id = id_of(KIND, cookie);
            let Some(known) = self.known(&id, now).await? else { continue };
            // Looked up each time: a session whose person was removed is none, whoever forgot to end it.
            let Some(person) = self.person(&known.record.person, now).await? else { continue };
            self.see(&id, &known, now).await?;
            let Record { csrf, binding, .. } = known.record;
            let (csrf, binding) = (Secret::new(csrf), Secret::new(binding));
            return Ok(Some(Visit { id: Secret::new(cookie), who: person.who(), csrf, binding }));
        }
        Ok(None)
    }

    /// Whether it is alive still, and its person here.
    pub(crate) async fn is_open(&self, visit: &Visit, now: Timestamp) -> Result<bool, StoreError> {
        let known = self.known(&id_of(KIND, visit.id.expose()), now).await?;
        Ok(known.is_some() && self.person(visit.person(), now).await?.is_some())
    }

    /// A new session, under a cookie that nobody knew before (session fixation).
    pub(crate) async fn open(&self, person: &Person, notice: Option<Notice>, now: Timestamp) -> Result<Visit, StoreError> {
        let visit = Visit { id: random(), who: person.who(), csrf: random(), binding: random() };
        let (csrf, binding) = (visit.csrf.expose().to_owned(), visit.binding.expose().to_owned());
        let record = Record { person: person.id.clone(), csrf, binding, created: now, seen: now, notice };
        self.shelf.put_item(KIND, &record.item(&id_of(KIND, visit.id.expose())), Expected::Nothing).await?;
        self.change(&person.id, now, |person| person.seen = now).await?;
        Ok(visit)
    }

    /// Ends a session, everywhere.
    pub(crate) async fn close(&self, visit: &Visit) -> Result<(), StoreError> {
        let id = id_of(KIND, visit.id.expose());
        self.shelf.remove_item(KIND, &id).await?;
        // Others are told; here it counts from now on.
        self.visits.forget(&id);
        Ok(())
    }

    /// Ends all sessions of a person.
    pub(super) async fn close_all(&self, person: &str, now: Timestamp) -> Result<(), StoreError> {
        loop {
            // Unopened: one that is damaged goes as well.
            let some = self.shelf.ids(KIND, Some(person), None, PAGE, now).await?;
            for id in &some {
                self.shelf.remove_item(KIND, id).await?;
                self.visits.forget(id);
            }
            if some.len() < PAGE {
                return Ok(());
            }
        }
    }

    /// Leaves something to tell on the next page.
    pub(crate) async fn leave(&self, visit: &Visit, notice: Notice, now: Timestamp) -> Result<(), StoreError> {
        self.rewrite(&id_of(KIND, visit.id.expose()), now, |record| record.notice.replace(notice.clone())).await.map(drop)
    }

    /// What is to tell, once.
    pub(crate) async fn take_notice(&self, visit: &Visit, now: Timestamp) -> Result<Option<Notice>, StoreError> {
        let id = id_of(KIND, visit.id.expose());
        match self.known(&id, now).await? {
            Some(known) if known.record.notice.is_some() => self.rewrite(&id, now, |record| record.notice.take()).await,
            _ => Ok(None),
        }
    }

    /// The session of this id, if it is alive.
    async fn known(&self, id: &str, now: Timestamp) -> Result<Option<Known>, StoreError> {
        let known = match self.visits.get(id) {
            Ok(known) => known,
            Err(since) => {
                let Some(found) = self.shelf.item(KIND, id, now).await? else { return Ok(None) };
                let known = Known { record: super::read(&found.value)?, generation: found.generation };
                self.visits.put(id, known.clone(), since);
                known
            }
        };
        Ok(Some(known).filter(|known| !known.record.is_over(now)))
    }

    /// Writes that the session is in use, now and then. If it was ended or changed in between, that counts.
    async fn see(&self, id: &str, known: &Known, now: Timestamp) -> Result<(), StoreError> {
        if (0..WRITTEN).contains(&now.since(known.record.seen)) {
            return Ok(());
        }
        let record = Record { seen: now, ..known.record.clone() };
        let written = self.shelf.put_item(KIND, &record.item(id), Expected::Generation(known.generation)).await;
        self.visits.forget(id);
        match written {
            Ok(_) | Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn rewrite<T>(&self, id: &str, now: Timestamp, change: impl Fn(&mut Record) -> Option<T>) -> Result<Option<T>, StoreError> {
        for _ in 0..TRIES {
            let Some(found) = self.shelf.item(KIND, id, now).await? else { return Ok(None) };
            let mut record: Record = super::read(&found.value)?;
            let answer = change(&mut record);
            let written = self.shelf.put_item(KIND, &record.item(id), Expected::Generation(found.generation)).await;
            self.visits.forget(id);
            match written {
                Ok(_) => return Ok(answer),
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}
