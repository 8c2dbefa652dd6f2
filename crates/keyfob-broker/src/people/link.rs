//! Links that sign somebody in, once: whoever can start this program, or read its log, is the owner.

use keyfob::StoreError;
use keyfob::proto::{Secret, Timestamp};
use keyfob::store::Expected;
use keyfob_store::shelf::{Item, Kind};

use super::person::OWNER;
use super::{People, Person, id_of};
use crate::browser::random;
use crate::site::Site;

const KIND: Kind = Kind("link");

/// How long a link is good for.
const LINK_MINUTES: i64 = 15;

impl Site {
    /// A link for the owner, if they have never signed in; for whoever starts the program. It is good once, and for a quarter of an hour.
    ///
    /// # Errors
    /// Those of the shelf.
    pub async fn first_run_link(&self) -> Result<Option<String>, StoreError> {
        let Some(people) = &self.people else { return Ok(None) };
        if people.person(OWNER, self.keyfob.now()).await?.is_some() {
            return Ok(None);
        }
        self.owner_link().await
    }

    /// A fresh link for the owner, however often they have signed in: whoever is at the machine, with the vault open, may. `None`: nobody has to sign in.
    ///
    /// # Errors
    /// Those of the shelf.
    pub async fn owner_link(&self) -> Result<Option<String>, StoreError> {
        let Some(people) = &self.people else { return Ok(None) };
        let token = people.new_link(self.keyfob.now()).await?;
        Ok(Some(format!("{}/first-run?token={}", self.origin, token.expose())))
    }
}

impl People {
    async fn new_link(&self, now: Timestamp) -> Result<Secret, StoreError> {
        let token = random();
        let item = Item::new(id_of(KIND, token.expose()), *b"{}").until(now.plus(LINK_MINUTES * 60));
        self.shelf.put_item(KIND, &item, Expected::Nothing).await?;
        Ok(token)
    }

    /// Whether a link is still good. Looking does not spend it: browsers fetch ahead, and chat programs make previews.
    pub(crate) async fn has_link(&self, token: &str, now: Timestamp) -> Result<bool, StoreError> {
        Ok(self.shelf.item(KIND, &id_of(KIND, token), now).await?.is_some())
    }

    /// Spends a link: of any number who come with it, one is the owner.
    pub(crate) async fn take_link(&self, token: &str, now: Timestamp) -> Result<Option<Person>, StoreError> {
        if self.shelf.take_item(KIND, &id_of(KIND, token), now).await?.is_none() {
            return Ok(None);
        }
        if let Some(owner) = self.person(OWNER, now).await? {
            return Ok(Some(owner));
        }
        let owner = Person::owner(now);
        self.add(&owner).await?;
        Ok(Some(owner))
    }
}
