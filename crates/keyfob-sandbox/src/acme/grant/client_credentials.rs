//! An app on its own behalf (RFC 6749 §4.4).

use crate::acme::details::{Details, lifetime};
use crate::acme::rar::authorization_details;
use crate::acme::token::{Ask, Issued, field};
use crate::acme::{Acme, refuse, scopes};
use crate::desk::held;
use crate::message::Reply;

impl Acme {
    pub(in crate::acme) fn client_credentials(&self, ask: &Ask<'_>) -> Result<Reply, Reply> {
        let Ask { desk, call, app, .. } = ask;
        if app.is_public() {
            return Err(refuse(400, "unauthorized_client", "a public client cannot prove who it is"));
        }
        let invalid = || refuse(400, "invalid_scope", "scope must be echo: the others are about a person");
        let scopes = scopes(field(call, "scope").unwrap_or("echo")).ok_or_else(invalid)?;
        if scopes.iter().any(|scope| scope != "echo") {
            return Err(invalid());
        }
        let asked = authorization_details(field(call, "authorization_details"));
        let asked = asked.map_err(|why| refuse(400, "invalid_authorization_details", &why))?;
        let mut details = Details { authorization_details: asked, ..Details::default() };
        self.bind(ask, &mut details)?;
        let access = self.mint(desk, &call.origin, app, &details, &scopes)?;
        let lifetime = lifetime(desk);
        held(&self.ledger).issue_access(&app.client_id, &scopes, &details, access.clone(), desk.now(), lifetime);
        // No refresh token (§4.4.3): the app can ask again.
        self.tokens(ask, Issued { access, refresh: None, scopes: &scopes, details: &details, expires_in: lifetime, id_token: None })
    }
}
