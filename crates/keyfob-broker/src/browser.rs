//! Browser sessions: who is who between two requests.
//!
//! Here are those of guests: each browser is a person of its own. They are in memory alone; a restart ends them all. The sessions of people who
//! are known are in [`people`](crate::people).

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::{HeaderMap, HeaderValue, header};
use keyfob::proto::{Secret, Timestamp};
use serde::{Deserialize, Serialize};

use crate::people::{Role, Who};

/// More browsers at once than a household has, and than there can be logins under way; beyond it those that have neither connected anything nor begun a login
/// make room, so that a flood of strangers logs nobody out and takes nobody's login.
const MOST: usize = 2 * keyfob::Crowd::MOST_OF_ALL;

/// So many make room together: were it one for one, a flood would have all of them looked through each time.
const AT_ONCE: usize = MOST / 16;

/// A session that is not used for so long ends.
pub(crate) const IDLE: i64 = 12 * 3600;

/// A session ends after so long in any case.
pub(crate) const LONGEST: i64 = 7 * 24 * 3600;

/// The browser sessions of guests.
#[derive(Debug, Default)]
pub(crate) struct Browsers {
    sessions: Mutex<HashMap<String, Session>>,
    numbers: AtomicU64,
}

/// A request that belongs to a browser session.
#[derive(Clone, Debug)]
pub(crate) struct Visit {
    /// The cookie's value.
    pub(crate) id: Secret,
    /// Whose browser it is. Of a guest, the browser itself; that stays when the cookie is renewed, and never leaves.
    pub(crate) who: Who,
    /// What every form of this browser carries.
    pub(crate) csrf: Secret,
    /// What its logins are bound to in the store: not the cookie, so that nobody who reads the store can become the browser.
    pub(crate) binding: Secret,
}

/// Something to tell on the next page.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Notice {
    /// Whether it went well.
    pub(crate) good: bool,
    /// The sentence.
    pub(crate) text: String,
    /// Further lines: name and value.
    pub(crate) lines: Vec<(String, String)>,
}

#[derive(Debug)]
struct Session {
    visit: Visit,
    created: Timestamp,
    seen: Timestamp,
    connected: bool,
    /// Until then it has a login under way, whose answer would find nobody if this were gone.
    waits_until: Timestamp,
    notice: Option<Notice>,
}

impl Session {
    fn is_over(&self, now: Timestamp) -> bool {
        now.since(self.seen) >= IDLE || now.since(self.created) >= LONGEST
    }
}

impl Browsers {
    /// The session of a request's cookie, if it has one that is alive.
    pub(crate) fn find(&self, headers: &HeaderMap, name: &str, now: Timestamp) -> Option<Visit> {
        let mut sessions = self.held();
        for id in cookies(headers, name) {
            match sessions.get_mut(id) {
                Some(session) if session.is_over(now) => {
                    sessions.remove(id);
                }
                Some(session) => {
                    session.seen = now;
                    return Some(session.visit.clone());
                }
                None => {}
            }
        }
        None
    }

    /// A new session.
    pub(crate) fn open(&self, now: Timestamp) -> Visit {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let who = Who { id: format!("guest-{number}"), name: String::new(), role: Role::Guest };
        let visit = Visit { id: random(), who, csrf: random(), binding: random() };
        let mut sessions = self.held();
        make_room(&mut sessions, now);
        let session = Session { visit: visit.clone(), created: now, seen: now, connected: false, waits_until: now, notice: None };
        sessions.insert(visit.id.expose().to_owned(), session);
        visit
    }

    /// The same browser under a new cookie and a new form token, after a login: whoever knew the old ones (session fixation) knows
    /// nothing now.
    pub(crate) fn renew(&self, visit: &Visit, now: Timestamp) -> Visit {
        let renewed = Visit { id: random(), csrf: random(), ..visit.clone() };
        let mut sessions = self.held();
        let notice = sessions.remove(visit.id.expose()).and_then(|old| old.notice);
        let session = Session { visit: renewed.clone(), created: now, seen: now, connected: true, waits_until: now, notice };
        sessions.insert(renewed.id.expose().to_owned(), session);
        renewed
    }

    /// A login of this browser is under way, until then. There are never so many of them as there are places ([`keyfob::Crowd`]).
    pub(crate) fn waits(&self, visit: &Visit, until: Timestamp) {
        if let Some(session) = self.held().get_mut(visit.id.expose()) {
            session.waits_until = until;
        }
    }

    /// Leaves something to tell on the next page.
    pub(crate) fn leave(&self, visit: &Visit, notice: Notice) {
        if let Some(session) = self.held().get_mut(visit.id.expose()) {
            session.notice = Some(notice);
        }
    }

    /// What is to tell, once.
    pub(crate) fn take_notice(&self, visit: &Visit) -> Option<Notice> {
        self.held().get_mut(visit.id.expose())?.notice.take()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.held().len()
    }

    fn held(&self) -> MutexGuard<'_, HashMap<String, Session>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Visit {
    /// Whose accounts it may see: the id of a person.
    pub(crate) fn person(&self) -> &str {
        &self.who.id
    }

    /// The cookie that makes the browser come back as this session. It goes along when the provider sends the person back
    /// (`Lax`), and with no request that another site makes otherwise.
    pub(crate) fn cookie(&self, name: &str, https: bool) -> HeaderValue {
        cookie(name, self.id.expose(), https)
    }
}

/// A cookie of ours.
pub(crate) fn cookie(name: &str, value: &str, https: bool) -> HeaderValue {
    let secure = if https { "; Secure" } else { "" };
    let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}");
    let mut value = HeaderValue::from_str(&text).expect("hexadecimal digits and a name of ours");
    value.set_sensitive(true);
    value
}

impl Notice {
    pub(crate) fn good(text: impl Into<String>) -> Self {
        Self { good: true, text: text.into(), lines: Vec::new() }
    }

    pub(crate) fn bad(text: impl Into<String>) -> Self {
        Self { good: false, text: text.into(), lines: Vec::new() }
    }
}

/// 256 bits.
pub(crate) fn random() -> Secret {
    Secret::new(keyfob::random_hex() + &keyfob::random_hex())
}

/// The values of all cookies of this name that look like ours: a page of a sibling host may have set one more.
pub(crate) fn cookies<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a str> {
    let pairs = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(';'));
    let values = pairs.filter_map(move |pair| pair.trim().strip_prefix(name)?.strip_prefix('='));
    values.filter(|value| value.len() == 64 && value.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn make_room(sessions: &mut HashMap<String, Session>, now: Timestamp) {
    if sessions.len() < MOST {
        return;
    }
    sessions.retain(|_, session| !session.is_over(now));
    while sessions.len() >= MOST {
        let is_needed = |session: &Session| session.connected || session.waits_until > now;
        let loose = sessions.iter().filter(|(_, session)| !is_needed(session));
        let mut loose: Vec<(Timestamp, String)> = loose.map(|(id, session)| (session.seen, id.clone())).collect();
        if loose.is_empty() {
            // There are never so many.
            loose.extend(sessions.iter().min_by_key(|(_, session)| session.seen).map(|(id, session)| (session.seen, id.clone())));
        }
        loose.sort_unstable_by_key(|(seen, _)| *seen);
        for (_, id) in loose.into_iter().take(AT_ONCE) {
            sessions.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix(1_800_000_000);

    fn back(browsers: &Browsers, visit: &Visit, now: Timestamp) -> Option<String> {
        let mut headers = HeaderMap::new();
        let cookie = format!("other=1; keyfob={}", visit.id.expose());
        headers.insert(header::COOKIE, cookie.parse().expect("a header"));
        browsers.find(&headers, "keyfob", now).map(|visit| visit.who.id)
    }

    #[test]
    fn l3_a_session_ends_when_idle_and_after_its_longest_time() {
        let browsers = Browsers::default();
        let visit = browsers.open(NOW);
        assert_eq!(back(&browsers, &visit, NOW.plus(IDLE - 1)), Some(visit.who.id.clone()));
        assert_eq!(back(&browsers, &visit, NOW.plus(2 * IDLE)), None, "idle");
        let busy = browsers.open(NOW);
        let mut at = NOW;
        while at.since(NOW) < LONGEST {
            assert!(back(&browsers, &busy, at).is_some());
            at = at.plus(IDLE / 2);
        }
        assert_eq!(back(&browsers, &busy, at), None, "old");
    }

    #[test]
    fn l3_a_renewed_session_forgets_the_old_cookie_and_form_token() {
        let browsers = Browsers::default();
        let old = browsers.open(NOW);
        let new = browsers.renew(&old, NOW);
        assert_eq!(back(&browsers, &old, NOW), None);
        assert_eq!(back(&browsers, &new, NOW), Some(old.who.id.clone()));
        assert!(!new.csrf.same_as(old.csrf.expose()));
        assert!(new.binding.same_as(old.binding.expose()), "logins in other tabs go on");
    }

    #[test]
    fn a26_a_flood_of_strangers_is_bounded_and_logs_nobody_out() {
        let browsers = Browsers::default();
        let owner = browsers.renew(&browsers.open(NOW), NOW);
        let (first, waiting) = (browsers.open(NOW.plus(1)), browsers.open(NOW));
        browsers.waits(&waiting, NOW.plus(600));
        for _ in 0..100_000.max(3 * MOST) {
            browsers.open(NOW.plus(2));
        }
        assert!(browsers.held().len() <= MOST);
        assert_eq!(back(&browsers, &first, NOW.plus(2)), None);
        assert_eq!(back(&browsers, &waiting, NOW.plus(2)), Some(waiting.who.id.clone()), "the answer to its login finds it");
        assert_eq!(back(&browsers, &owner, NOW.plus(2)), Some(owner.who.id.clone()));
    }

    #[test]
    fn l3_the_cookie_is_what_it_should_be() {
        let visit = Browsers::default().open(NOW);
        let cookie = visit.cookie("__Host-keyfob", true);
        let cookie = cookie.to_str().expect("text");
        let (value, attributes) = cookie.split_once(';').expect("attributes");
        assert_eq!(value.len(), "__Host-keyfob=".len() + 64);
        assert_eq!(attributes, " Path=/; HttpOnly; SameSite=Lax; Secure");
    }
}
