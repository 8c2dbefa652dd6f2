//! Legacy (RFC 6749 §4.3): a person's name and password, for an app alone that is registered for it by name. Nobody else gets in by it: RFC 9700 §2.4
//! has servers not offer it, so no metadata name it.

use crate::acme::person::{PASSWORD, USERNAME};
use crate::acme::token::{Ask, field, needed};
use crate::acme::{Acme, refuse};
use crate::message::Reply;

impl Acme {
    pub(in crate::acme) fn by_password(&self, ask: &Ask<'_>) -> Result<Reply, Reply> {
        let (username, password) = (needed(ask.call, "username")?, needed(ask.call, "password")?);
        if username != USERNAME || password != PASSWORD {
            return Err(refuse(400, "invalid_grant", "another name or password"));
        }
        self.for_person(ask, field(ask.call, "scope"))
    }
}
