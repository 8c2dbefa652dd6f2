//! The person: Robin Demo, what is known about her, whether she is signed in, how thoroughly, and what she allowed.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Map, Value, json};

use crate::chance;

pub(super) const SUBJECT: &str = "robin-demo";

/// What legacy grants ask of a person. Both are made up, and told in the README.
pub(super) const USERNAME: &str = "robin";
pub(super) const PASSWORD: &str = "robin-sandbox-password-not-real";

/// Authentication contexts, the weaker first.
pub(super) const ACR: [&str; 2] = ["urn:acme:password", "urn:acme:second-factor"];

/// The one browser session, as though every browser were hers.
#[derive(Default)]
pub(super) struct Person {
    session: Option<Session>,
    /// What she allowed before, by client.
    allowed: HashMap<String, BTreeSet<String>>,
}

#[derive(Clone, Debug)]
struct Session {
    id: String,
    auth_time: i64,
    /// The place in [`ACR`].
    level: usize,
    /// The apps that she signed in to.
    clients: BTreeSet<String>,
}

/// What a login has to be, beside being one.
#[derive(Clone, Debug, Default)]
pub(super) struct Demand {
    /// `prompt=login`.
    pub(super) again: bool,
    /// `max_age`, in seconds.
    pub(super) max_age: Option<i64>,
    /// `acr_values`, or the claim `acr`.
    pub(super) acr_values: Vec<String>,
}

/// A login that has happened.
#[derive(Clone, Debug)]
pub(super) struct SignedIn {
    pub(super) session: String,
    pub(super) auth_time: i64,
    pub(super) acr: &'static str,
}

impl Person {
    /// Whether the session is good enough as it is, so that nobody has to be asked.
    pub(super) fn satisfies(&self, demand: &Demand, now: i64) -> bool {
        self.session.as_ref().is_some_and(|session| !demand.again && !demand.outdates(session, now) && demand.level() <= session.level)
    }

    /// The session that there is.
    pub(super) fn session_id(&self) -> Option<&str> {
        self.session.as_ref().map(|session| session.id.as_str())
    }

    /// Whether she allowed all of this before.
    pub(super) fn allowed(&self, client: &str, scopes: &[String]) -> bool {
        self.allowed.get(client).is_some_and(|allowed| scopes.iter().all(|scope| allowed.contains(scope)))
    }

    /// She signs in where that is needed.
    pub(super) fn sign_in(&mut self, demand: &Demand, client: &str, scopes: &[String], now: i64) -> SignedIn {
        let good = self.satisfies(demand, now);
        let fresh = || Session { id: chance::hex(32), auth_time: now, level: 0, clients: BTreeSet::new() };
        let session = self.session.get_or_insert_with(fresh);
        if !good {
            (session.auth_time, session.level) = (now, demand.level());
        }
        session.clients.insert(client.to_owned());
        self.allowed.entry(client.to_owned()).or_default().extend(scopes.iter().cloned());
        // A stronger session meets a weaker demand, and says so in the words that were asked for.
        let acr = demand.known().next().map_or(ACR[session.level], |asked| ACR[asked]);
        SignedIn { session: session.id.clone(), auth_time: session.auth_time, acr }
    }

    /// She signs out; gives the session that ends, and the apps that took part in it.
    pub(super) fn sign_out(&mut self) -> Option<(String, BTreeSet<String>)> {
        self.session.take().map(|session| (session.id, session.clients))
    }
}

impl Demand {
    fn known(&self) -> impl Iterator<Item = usize> + '_ {
        self.acr_values.iter().filter_map(|asked| ACR.iter().position(|known| known == asked))
    }

    /// The first that we know (the order is the client's preference, OpenID Connect Core §3.1.2.1).
    fn level(&self) -> usize {
        self.known().next().unwrap_or(0)
    }

    fn outdates(&self, session: &Session, now: i64) -> bool {
        // 0 is the same as prompt=login.
        self.max_age.is_some_and(|most| most == 0 || now - session.auth_time > most)
    }
}

/// Claims that a scope stands for (OpenID Connect Core §5.4).
pub(super) fn claims_of(scope: &str) -> &'static [&'static str] {
    match scope {
        "profile" => &["name", "given_name", "family_name", "preferred_username", "locale", "zoneinfo", "updated_at"],
        "email" => &["email", "email_verified"],
        _ => &[],
    }
}

/// The claims of these names, as far as anything is known.
pub(super) fn claims<'a>(names: impl Iterator<Item = &'a str>) -> Map<String, Value> {
    let known = json!({
        "name": "Robin Demo", "given_name": "Robin", "family_name": "Demo", "preferred_username": "robin", "locale": "en",
        "zoneinfo": "Europe/Stockholm", "updated_at": 1_577_836_800, "email": "robin@sandbox.invalid", "email_verified": true,
    });
    names.filter_map(|name| Some((name.to_owned(), known.get(name)?.clone()))).collect()
}

/// Whether a hint means her.
pub(super) fn is_known(hint: &str) -> bool {
    [SUBJECT, "robin", "robin@sandbox.invalid"].contains(&hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_used_again_until_more_is_asked() {
        let mut person = Person::default();
        let plain = Demand::default();
        assert!(!person.satisfies(&plain, 0));
        let first = person.sign_in(&plain, "c", &["openid".into()], 100);
        assert_eq!((first.auth_time, first.acr), (100, ACR[0]));
        assert_eq!(person.sign_in(&plain, "c", &[], 200).auth_time, 100);
        let aged = Demand { max_age: Some(50), ..Demand::default() };
        assert!(person.satisfies(&aged, 150) && !person.satisfies(&aged, 151));
        let strong = Demand { acr_values: vec![ACR[1].into()], ..Demand::default() };
        assert!(!person.satisfies(&strong, 200));
        let second = person.sign_in(&strong, "c", &[], 300);
        assert_eq!((second.auth_time, second.acr, second.session), (300, ACR[1], first.session));
        assert!(person.allowed("c", &["openid".into()]) && !person.allowed("d", &["openid".into()]));
        assert!(person.sign_out().is_some() && !person.satisfies(&plain, 300));
    }
}
