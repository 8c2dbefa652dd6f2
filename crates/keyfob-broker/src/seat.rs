//! A person's account, under the name that the person calls it: the one door to an account.
//!
//! Names are a service's (`telldus`), perhaps with a label (`telldus/cabin`), and each person has names of their own. In the vault the owner's are
//! written as they are, as the command writes them; anybody else's begin with `~PERSON/`, which no name of the command can. So what
//! somebody else calls an account leads nowhere, and is told apart from what is not there by nothing (L8).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use keyfob::{Account, Error, Health};
use keyfob_providers::Provider;
use tokio::sync::RwLock;

use crate::browser::Visit;
use crate::failure::Failure;
use crate::people::OWNER;
use crate::site::{Desk, Site};

/// A person's account, there or not yet.
#[derive(Clone, Debug)]
pub(crate) struct Seat {
    /// The service.
    pub(crate) desk: Arc<Desk>,
    /// Whose account it is.
    pub(crate) person: String,
    /// What that person calls it: in addresses and on pages.
    pub(crate) shown: String,
    /// What it is called in the vault.
    pub(crate) name: String,
}

impl Seat {
    /// Why a person has to log in before the account that the vault has here can be used; `None` where it can. The owner may have entered another app since,
    /// which changes nothing in the vault.
    pub(crate) fn wants_login(&self, account: &Account) -> Option<String> {
        match &account.health {
            Health::NeedsLogin { reason, .. } => Some(reason.clone()),
            _ if account.client_id == self.desk.app.client_id => None,
            _ => Some(Error::AnotherApp { account: self.shown.clone() }.to_string()),
        }
    }
}

impl Site {
    /// The account that a person calls so. `None`: no service has such accounts, and the name says nothing about who else has one.
    pub(crate) fn seat(&self, person: &str, shown: &str) -> Option<Seat> {
        let (desk, name) = self.place(person, shown)?;
        Some(Seat { desk, person: person.to_owned(), shown: shown.to_owned(), name: name.into_owned() })
    }

    /// Which service the account is of, and what it is called in the vault: for whoever needs no more, and needs it with every request.
    pub(crate) fn place<'a>(&self, person: &str, shown: &'a str) -> Option<(Arc<Desk>, Cow<'a, str>)> {
        let desk = self.desk(shown).or_else(|| {
            let (service, label) = shown.split_once('/')?;
            self.desk(service).filter(|_| self.people.is_some() && Provider::is_label(label))
        })?;
        Some((desk, if self.people.is_some() { name_in_vault(person, shown) } else { Cow::Borrowed(shown) }))
    }

    /// The person's account of this name in the vault; `None` also where that is somebody else's.
    pub(crate) fn seat_in_vault(&self, person: &str, name: &str) -> Option<Seat> {
        let shown = match whose(name) {
            (owner, shown) if self.people.is_some() && owner == person => shown,
            _ if self.people.is_some() => return None,
            _ => name,
        };
        self.seat(person, shown)
    }

    /// The seat beside this one that has this number: `telldus/2`, or `telldus/cabin-2` beside `telldus/cabin`.
    pub(crate) fn beside(&self, seat: &Seat, number: usize) -> Option<Seat> {
        let label = match seat.shown.strip_prefix(&seat.desk.account).and_then(|rest| rest.strip_prefix('/')) {
            None => number.to_string(),
            Some(label) => {
                let end = format!("-{number}");
                // It has ASCII letters alone, which can be cut anywhere.
                format!("{}{end}", &label[..label.len().min(Provider::LONGEST_LABEL - end.len())])
            }
        };
        self.seat(&seat.person, &format!("{}/{label}", seat.desk.account))
    }

    /// The seat that a page is asked for.
    pub(crate) fn seat_for(&self, visit: &Visit, shown: &str) -> Result<Seat, Failure> {
        self.seat(visit.person(), shown).ok_or_else(Failure::nowhere)
    }

    /// What this program remembers about who holds the account. For reading while the account is used, for writing while it changes hands.
    pub(crate) fn holder(&self, seat: &Seat) -> Arc<RwLock<Holder>> {
        let person = self.people.is_some().then_some(seat.person.as_str());
        self.holders.of(&seat.name, person)
    }
}

impl Seat {
    /// The account's name where it is not the service's.
    pub(crate) fn label(&self) -> Option<&str> {
        (self.shown != self.desk.provider.name).then_some(self.shown.as_str())
    }
}

/// An account's name in the vault.
pub(crate) fn name_in_vault<'a>(person: &str, shown: &'a str) -> Cow<'a, str> {
    if person == OWNER { Cow::Borrowed(shown) } else { Cow::Owned(format!("~{person}/{shown}")) }
}

/// Whose an account in the vault is, and what they call it.
pub(crate) fn whose(name: &str) -> (&str, &str) {
    name.strip_prefix('~').and_then(|rest| rest.split_once('/')).unwrap_or((OWNER, name))
}

/// Which person an account belongs to in this run, and what its things are called.
#[derive(Debug, Default)]
pub(crate) struct Holder {
    person: Option<String>,
    subjects: Mutex<BTreeMap<Link, String>>,
}

/// An action with arguments, as a link on a page has them.
type Link = (String, BTreeMap<String, String>);

/// What things are called is remembered for so many.
const MOST_SUBJECTS: usize = 1000;

impl Holder {
    /// Whether the account is this visitor's.
    pub(crate) fn is(&self, visit: &Visit) -> bool {
        self.person.as_deref() == Some(visit.person())
    }

    /// The account is this visitor's from now on, or nobody's.
    pub(crate) fn change(&mut self, visit: Option<&Visit>) {
        *self = Self { person: visit.map(|visit| visit.person().to_owned()), subjects: Mutex::default() };
    }

    /// What its things are called is forgotten with the account; whose name it is stays.
    pub(crate) fn forget(&mut self) {
        self.subjects = Mutex::default();
    }

    /// Remembers what a person calls the thing that an action with these arguments concerns, for the question before the action.
    pub(crate) fn remember(&self, action: &str, arguments: &BTreeMap<String, String>, subject: &str) {
        let mut subjects = self.subjects.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (action.to_owned(), arguments.clone());
        if subjects.len() < MOST_SUBJECTS || subjects.contains_key(&key) {
            subjects.insert(key, subject.to_owned());
        }
    }

    /// What a person calls that thing. There may be more arguments by now than the link had.
    pub(crate) fn subject(&self, action: &str, arguments: &BTreeMap<String, String>) -> Option<String> {
        let subjects = self.subjects.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |(known, said): &Link| known == action && said.iter().all(|(name, value)| arguments.get(name) == Some(value));
        // What says more is nearer.
        let nearest = subjects.iter().filter(|(link, _)| fits(link)).max_by_key(|((_, said), _)| said.len());
        nearest.map(|(_, subject)| subject.clone())
    }
}

/// The holders, by the account's name in the vault.
#[derive(Debug, Default)]
pub(crate) struct Holders(Mutex<BTreeMap<String, Arc<RwLock<Holder>>>>);

/// So many accounts' things are remembered. Of guests there is one for each service, and those are never forgotten.
const MOST_HOLDERS: usize = 10_000;

impl Holders {
    /// The account's; of one that is known to be this person's it says so from the beginning.
    fn of(&self, name: &str, person: Option<&str>) -> Arc<RwLock<Holder>> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(holder) = held.get(name) {
            return holder.clone();
        }
        if person.is_some() && held.len() >= MOST_HOLDERS {
            held.retain(|_, holder| Arc::strong_count(holder) > 1);
        }
        let holder = Holder { person: person.map(str::to_owned), subjects: Mutex::default() };
        let holder = Arc::new(RwLock::new(holder));
        held.insert(name.to_owned(), holder.clone());
        holder
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn l8_nobody_elses_name_is_one_that_the_command_takes() {
        assert_eq!(name_in_vault(OWNER, "telldus/cabin"), "telldus/cabin");
        assert_eq!(name_in_vault("7f3a", "telldus"), "~7f3a/telldus");
        assert_eq!(whose("~7f3a/telldus/cabin"), ("7f3a", "telldus/cabin"));
        assert_eq!(whose("telldus/cabin"), (OWNER, "telldus/cabin"));
        assert!(!Provider::is_name("~7f3a") && !Provider::is_label("~7f3a"));
    }
}
