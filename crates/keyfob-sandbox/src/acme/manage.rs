//! Revocation (RFC 7009).

use super::{Acme, once, refuse};
use crate::desk::{Desk, held};
use crate::message::{Call, Reply};

impl Acme {
    /// A refresh token takes its access tokens along (RFC 7009 §2.1); an unknown token is no error (§2.2).
    pub(super) fn revoke(&self, desk: &Desk, call: &Call) -> Reply {
        let app = match self.authenticate(desk, call) {
            Ok(app) => app,
            Err(reply) => return reply,
        };
        let Ok(Some(token)) = once(&call.form, "token") else {
            return refuse(400, "invalid_request", "token is missing");
        };
        let mut ledger = held(&self.ledger);
        let refresh = ledger.any_refresh(token).map(|found| (found.client.clone(), found.grant));
        let access = ledger.any_access(token).map(|found| found.client.clone());
        match (refresh, access) {
            (Some((owner, grant)), _) if owner == app.client_id => ledger.revoke_grant(grant),
            (_, Some(owner)) if owner == app.client_id => ledger.revoke_access(token),
            (None, None) => {}
            _ => return refuse(400, "invalid_request", "the token belongs to another client"),
        }
        Reply::empty(200).no_store()
    }
}
