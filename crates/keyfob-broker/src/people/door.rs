//! A browser before anybody has signed in with it. It has a cookie, and nothing of it is kept: a flood of strangers fills nothing (A26).
//!
//! The token of its forms and what its sign-in is bound to are made of the cookie, each in its own way, and neither is the cookie. The cookie is no
//! session and becomes none (A27): a sign-in gives the browser another one.

use http::{HeaderMap, HeaderValue};
use keyfob::proto::Secret;
use sha2::{Digest, Sha256};

use crate::browser::{cookie, cookies, random};
use crate::site::Site;

/// A browser at the door.
#[derive(Clone, Debug)]
pub(crate) struct Door {
    id: Secret,
    /// What its forms carry.
    pub(crate) csrf: Secret,
    /// What a sign-in that it begins is bound to.
    pub(crate) binding: Secret,
    is_new: bool,
}

impl Site {
    /// The browser of a request, if it has been at the door.
    pub(crate) fn known_door(&self, headers: &HeaderMap) -> Option<Door> {
        cookies(headers, &self.door_cookie()).next().map(|id| Door::of(id, false))
    }

    /// The browser of a request.
    pub(crate) fn door(&self, headers: &HeaderMap) -> Door {
        self.known_door(headers).unwrap_or_else(|| Door::of(random().expose(), true))
    }

    /// The cookie for a browser that has none yet.
    pub(crate) fn cookie_for(&self, door: &Door) -> Option<HeaderValue> {
        door.is_new.then(|| cookie(&self.door_cookie(), door.id.expose(), self.is_https()))
    }

    fn door_cookie(&self) -> String {
        format!("{}-door", self.cookie_name())
    }
}

impl Door {
    fn of(id: &str, is_new: bool) -> Self {
        let derived = |use_: &str| Secret::new(super::hex(Sha256::new().chain_update(use_).chain_update([0]).chain_update(id)));
        Self { id: Secret::new(id), csrf: derived("keyfob form at the door"), binding: derived("keyfob sign-in at the door"), is_new }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a27_the_cookie_its_token_and_its_binding_are_three_things() {
        let (door, again) = (Door::of(random().expose(), true), Door::of(random().expose(), true));
        assert!(!door.id.same_as(door.csrf.expose()) && !door.id.same_as(door.binding.expose()));
        assert!(!door.csrf.same_as(door.binding.expose()) && !door.csrf.same_as(again.csrf.expose()));
        assert!(door.csrf.same_as(Door::of(door.id.expose(), false).csrf.expose()), "nothing of it is kept");
    }
}
