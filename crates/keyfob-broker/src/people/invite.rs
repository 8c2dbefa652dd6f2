//! Invitations: links by which somebody becomes a member, or a member who has no other way signs in again. The owner makes them and hands them over.

use keyfob::StoreError;
use keyfob::proto::{Secret, Timestamp};
use keyfob::store::Expected;
use keyfob_store::Shelf;
use keyfob_store::shelf::{Item, Kind};
use serde::{Deserialize, Serialize};

use super::{People, Person, id_of};
use crate::audit::{self, What, Who};
use crate::browser::random;
use crate::listing::{Listing, Readable};

const KIND: Kind = Kind("invite");

/// How long an invitation is good for.
pub(crate) const INVITE_DAYS: i64 = 3;

/// What somebody was invited to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Invite {
    /// What they will be called.
    pub(crate) name: String,
    /// A member who is here already, and signs in by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) person: Option<String>,
    /// The number of the API token that it was made with, if it was: it is taken back with that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) made_with: Option<String>,
    /// Who is coming in by it, where somebody is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) claim: Option<Claim>,
}

/// Somebody is coming in, and may not be in yet: a store may fail them half-way. They go on by doing it again, and nobody else comes in by it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Claim {
    /// A hash of what they are known by: their subject, or their browser.
    by: String,
    /// The id of the person who they are then.
    person: String,
}

/// Who somebody is from now on.
#[derive(Debug)]
pub(super) enum Becomes {
    /// A person who is here already.
    Known(Person),
    /// A new one, who is not kept yet.
    New(Person),
}

impl Invite {
    /// Of somebody who is not here yet.
    pub(crate) fn of(name: &str) -> Self {
        Self { name: name.to_owned(), person: None, made_with: None, claim: None }
    }

    /// Until when one that is made now is good, unless somebody says otherwise.
    pub(crate) fn end(now: Timestamp) -> Timestamp {
        now.plus(INVITE_DAYS * 24 * 3600)
    }
}

/// An invitation that nobody has used.
#[derive(Debug)]
pub(crate) struct OpenInvite {
    /// What names it. It is made of what is in the link, and opens nothing.
    pub(crate) id: String,
    pub(crate) invite: Invite,
    pub(crate) expires_at: Timestamp,
}

impl OpenInvite {
    fn of(item: &Item) -> Result<Self, StoreError> {
        let endless = || StoreError::Corrupt("an invitation has no end".to_owned());
        Ok(Self { id: item.id.clone(), invite: super::read(item)?, expires_at: item.expires_at.ok_or_else(endless)? })
    }
}

/// Takes those invitations back that were made with an API token.
pub(crate) async fn take_back_made_with(shelf: &dyn Shelf, owner: &str, token: &str, by: Who, now: Timestamp) -> Result<(), StoreError> {
    for found in Listing::of(shelf, KIND, None).all(now).await? {
        // One that cannot be read lets nobody in.
        let Ok(invite) = super::read::<Invite>(&found.value) else { continue };
        if invite.made_with.as_deref() == Some(token) && shelf.remove_item(KIND, &found.value.id).await? {
            audit::record(shelf, Some(owner), by.clone(), What::Uninvited { name: invite.name }, now).await?;
        }
    }
    Ok(())
}

impl People {
    /// Makes an invitation: what names it, and what goes into the link, which is not kept.
    pub(crate) async fn invite(&self, invite: &Invite, until: Timestamp) -> Result<(String, Secret), StoreError> {
        let token = random();
        let content = serde_json::to_vec(invite).expect("text");
        let mut item = Item::new(id_of(KIND, token.expose()), content).until(until);
        item.owner.clone_from(&invite.person);
        self.shelf.put_item(KIND, &item, Expected::Nothing).await?;
        Ok((item.id, token))
    }

    /// Those that nobody has used, the one that ends first before the others.
    pub(crate) async fn open_invitations(&self, now: Timestamp) -> Result<Readable<OpenInvite>, StoreError> {
        let mut open = Listing::of(&*self.shelf, KIND, None).read(|found| OpenInvite::of(&found.value), now).await?;
        open.items.sort_by(|one, other| (one.expires_at, &one.id).cmp(&(other.expires_at, &other.id)));
        Ok(open)
    }

    /// One of them.
    pub(crate) async fn open_invitation(&self, id: &str, now: Timestamp) -> Result<Option<OpenInvite>, StoreError> {
        if id.len() != 64 || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(None);
        }
        Ok(self.shelf.item(KIND, id, now).await?.and_then(|found| OpenInvite::of(&found.value).ok()))
    }

    /// Takes one back: from now on it lets nobody in. `false`: somebody has used it, or taken it back.
    pub(crate) async fn take_back(&self, id: &str) -> Result<bool, StoreError> {
        self.shelf.remove_item(KIND, id).await
    }

    /// What a link invites to. Looking does not spend it.
    pub(crate) async fn invitation(&self, token: &str, now: Timestamp) -> Result<Option<Invite>, StoreError> {
        let found = self.shelf.item(KIND, &id_of(KIND, token), now).await?;
        found.map(|found| super::read(&found.value)).transpose()
    }

    /// Lets a browser in by an invitation: of any number who come with it, one. It stays theirs until it is [spent](Self::spend_by). `None`: it is spent, too
    /// old, another browser's, or its person is not here any more.
    pub(crate) async fn come_in_by(&self, token: &str, binding: &Secret, now: Timestamp) -> Result<Option<Person>, StoreError> {
        Ok(match self.accept(&id_of(KIND, token), &id_of(KIND, binding.expose()), None, now).await? {
            None => None,
            Some(Becomes::Known(person)) => Some(person),
            Some(Becomes::New(person)) => {
                self.add(&person).await?;
                self.person(&person.id, now).await?
            }
        })
    }

    /// Whoever came in by an invitation with this browser is in.
    pub(crate) async fn spend_by(&self, token: &str, binding: &Secret, now: Timestamp) {
        self.spend(&id_of(KIND, token), &id_of(KIND, binding.expose()), now).await;
    }

    /// What names an invitation where its link must not be written.
    pub(crate) fn invitation_id(token: &str) -> String {
        id_of(KIND, token)
    }

    /// Accepts an invitation, for whoever is known by that: nobody else comes in by it from now on, and each step that follows may be done again. Who is new
    /// becomes the person of this id, where there is one. `None`: it is spent, too old, somebody else's, or its person is not here any more.
    pub(super) async fn accept(&self, id: &str, by: &str, as_whom: Option<&str>, now: Timestamp) -> Result<Option<Becomes>, StoreError> {
        let (invite, claim) = loop {
            let Some(found) = self.shelf.item(KIND, id, now).await? else { return Ok(None) };
            let mut invite: Invite = super::read(&found.value)?;
            if let Some(claim) = invite.claim.take() {
                if claim.by != by {
                    return Ok(None);
                }
                break (invite, claim);
            }
            let person = invite.person.as_deref().or(as_whom).map_or_else(keyfob::random_hex, str::to_owned);
            let claim = Claim { by: by.to_owned(), person };
            let content = serde_json::to_vec(&Invite { claim: Some(claim.clone()), ..invite.clone() }).expect("text").into();
            // It goes with that person.
            let claimed = Item { content, owner: Some(claim.person.clone()), ..found.value };
            match self.shelf.put_item(KIND, &claimed, Expected::Generation(found.generation)).await {
                Ok(_) => break (invite, claim),
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error),
            }
        };
        if let Some(id) = &invite.person {
            return Ok(self.person(id, now).await?.map(Becomes::Known));
        }
        let id = as_whom.map_or(claim.person, str::to_owned);
        Ok(Some(Becomes::New(Person { id, ..Person::member(&invite.name, now) })))
    }

    /// Whoever accepted an invitation is in. Where that cannot be written down they are in all the same, and nobody else comes in by it until it ends.
    pub(super) async fn spend(&self, id: &str, by: &str, now: Timestamp) {
        let spent = async {
            let Some(found) = self.shelf.item(KIND, id, now).await? else { return Ok(()) };
            let is_theirs = super::read::<Invite>(&found.value)?.claim.is_some_and(|claim| claim.by == by);
            if is_theirs { self.shelf.remove_item(KIND, id).await.map(drop) } else { Ok(()) }
        };
        if let Err(error) = spent.await {
            tracing::warn!(%error, "an invitation that was used is still listed");
        }
    }

    /// Takes back what a person could sign in by.
    pub(super) async fn uninvite(&self, person: &str, now: Timestamp) -> Result<(), StoreError> {
        for invite in Listing::of(&*self.shelf, KIND, Some(person)).all(now).await? {
            self.shelf.remove_item(KIND, &invite.value.id).await?;
        }
        Ok(())
    }
}
