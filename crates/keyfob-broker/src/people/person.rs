//! Persons: a record each, under an id that never changes and says nothing.

use keyfob::StoreError;
use keyfob::proto::Timestamp;
use keyfob::store::Expected;
use keyfob_store::shelf::{Item, Kind};
use serde::{Deserialize, Serialize};

use super::People;
use crate::listing::{Listing, Readable};

/// The id of the person whose vault this is: accounts that the command makes are theirs.
pub(crate) const OWNER: &str = "owner";

pub(super) const KIND: Kind = Kind("person");

/// Somebody who may sign in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Person {
    pub(crate) id: String,
    /// What they are called on pages. Not who they are: anybody may be called so.
    pub(crate) name: String,
    pub(crate) role: Role,
    /// Who they are where they sign in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) subject: Option<Subject>,
    pub(crate) created: Timestamp,
    /// When they signed in last.
    pub(crate) seen: Timestamp,
    /// Somebody is removing them: no session counts any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) leaving: bool,
}

/// Who somebody is at an issuer: the pair is theirs alone, for ever. An e-mail address is not, and names nobody here (nOAuth).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Subject {
    pub(crate) issuer: String,
    pub(crate) subject: String,
}

/// What somebody may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    /// Use what this browser connects, in this run.
    Guest,
    /// Use accounts of their own.
    Member,
    /// That, and decide who else is here, and what can be connected.
    Owner,
}

/// Somebody who is using a browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Who {
    /// Their id.
    pub(crate) id: String,
    /// What they are called on pages.
    pub(crate) name: String,
    pub(crate) role: Role,
}

impl Person {
    /// The one whose vault it is.
    pub(crate) fn owner(now: Timestamp) -> Self {
        Self::new(OWNER.to_owned(), "Owner", Role::Owner, now)
    }

    /// Somebody new.
    pub(super) fn member(name: &str, now: Timestamp) -> Self {
        Self::new(keyfob::random_hex(), name, Role::Member, now)
    }

    fn new(id: String, name: &str, role: Role, now: Timestamp) -> Self {
        Self { id, name: name.to_owned(), role, subject: None, created: now, seen: now, leaving: false }
    }

    pub(crate) fn who(&self) -> Who {
        Who { id: self.id.clone(), name: self.name.clone(), role: self.role }
    }
}

impl People {
    /// Somebody who may be here.
    pub(crate) async fn person(&self, id: &str, now: Timestamp) -> Result<Option<Person>, StoreError> {
        let found = match self.persons.get(id) {
            Ok(person) => Some(person),
            Err(since) => {
                let read = self.shelf.item(KIND, id, now).await?.map(|found| read(&found.value)).transpose()?;
                read.iter().for_each(|person| self.persons.put(id, person.clone(), since));
                read
            }
        };
        Ok(found.filter(|person| !person.leaving))
    }

    /// Somebody for whom a program may act. Before the owner is here for the first time, the command acts for them: for it the vault is open.
    pub(crate) async fn principal(&self, id: &str, now: Timestamp) -> Result<Option<Person>, StoreError> {
        let owner = || (id == OWNER).then(|| Person::owner(now));
        Ok(self.person(id, now).await?.or_else(owner))
    }

    /// Whether somebody may be here, as the shelf says it now.
    pub(crate) async fn is_here(&self, id: &str, now: Timestamp) -> Result<bool, StoreError> {
        // The owner is nobody's to remove, and may never have been here: programs act for them, too.
        if id == OWNER {
            return Ok(true);
        }
        let found = self.shelf.item(KIND, id, now).await?;
        Ok(found.map(|found| read(&found.value)).transpose()?.is_some_and(|person| !person.leaving))
    }

    /// Everybody, also who is being removed.
    pub(crate) async fn everybody(&self, now: Timestamp) -> Result<Readable<Person>, StoreError> {
        Listing::of(&*self.shelf, KIND, None).read(|found| read(&found.value), now).await
    }

    /// Keeps a person who is new. `false`: there is one of that id.
    pub(super) async fn add(&self, person: &Person) -> Result<bool, StoreError> {
        match self.shelf.put_item(KIND, &written(person), Expected::Nothing).await {
            Ok(_) => Ok(true),
            Err(StoreError::Conflict) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Forgets a person, who is removed.
    pub(super) async fn drop_person(&self, id: &str) -> Result<(), StoreError> {
        self.shelf.remove_item(KIND, id).await?;
        self.persons.forget(id);
        Ok(())
    }

    /// Changes what is kept about a person; of several who do so at once, none undoes another's. `None`: they are not here (any more).
    pub(super) async fn change(&self, id: &str, now: Timestamp, change: impl Fn(&mut Person)) -> Result<Option<Person>, StoreError> {
        loop {
            let Some(found) = self.shelf.item(KIND, id, now).await? else { return Ok(None) };
            let mut person = read(&found.value)?;
            change(&mut person);
            match self.shelf.put_item(KIND, &written(&person), Expected::Generation(found.generation)).await {
                Ok(_) => {
                    // Others are told; here it counts from now on.
                    self.persons.forget(id);
                    return Ok(Some(person));
                }
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error),
            }
        }
    }
}

fn written(person: &Person) -> Item {
    Item::new(person.id.clone(), serde_json::to_vec(person).expect("text and numbers"))
}

fn read(item: &Item) -> Result<Person, StoreError> {
    super::read(item)
}
