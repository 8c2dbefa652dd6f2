//! The JWT bearer grant (RFC 7523 §2.1): an assertion by a key that the app is registered with, about a person whom it may speak for.

use crate::acme::client::Assertion;
use crate::acme::details::{self, Details, lifetime};
use crate::acme::person::{ACR, SignedIn, is_known};
use crate::acme::token::{Ask, Issued, field, needed};
use crate::acme::{Acme, refuse, scopes};
use crate::desk::held;
use crate::message::Reply;

impl Acme {
    pub(in crate::acme) fn bearer_assertion(&self, ask: &Ask<'_>) -> Result<Reply, Reply> {
        let Ask { desk, call, app, .. } = ask;
        let text = needed(call, "assertion")?;
        let asserted = self.judge_assertion(desk, app, &Assertion { text, only: None, issuer: &call.origin });
        let asserted = asserted.map_err(|why| refuse(400, "invalid_grant", &why))?;
        // A secret that the app shares with us speaks for the app alone.
        if asserted.method != "private_key_jwt" {
            return Err(refuse(400, "invalid_grant", "the assertion has to be signed with a key of the app"));
        }
        if !is_known(&asserted.subject) {
            return Err(refuse(400, "invalid_grant", "\"sub\" is nobody whom the app may speak for"));
        }
        self.for_person(ask, field(call, "scope").or(asserted.scope.as_deref()))
    }

    /// Tokens about her who is known here, on somebody's word.
    pub(in crate::acme) fn for_person(&self, ask: &Ask<'_>, scope: Option<&str>) -> Result<Reply, Reply> {
        let Ask { desk, call, app, .. } = ask;
        let scopes = scopes(scope.unwrap_or("profile"))
            .filter(|scopes| !scopes.iter().any(|scope| ["openid", "offline_access"].contains(&scope.as_str())));
        let scopes = scopes.ok_or_else(|| refuse(400, "invalid_scope", "unknown, or one that needs the person"))?;
        let signed_in = SignedIn { session: String::new(), auth_time: desk.now(), acr: ACR[0] };
        let login = details::Login {
            signed_in,
            nonce: None,
            aged: false,
            id_token_claims: vec![],
            intent: None,
            userinfo_claims: vec![],
            hybrid: false,
        };
        let mut details = Details { login: Some(login), ..Details::default() };
        self.bind(ask, &mut details)?;
        let access = self.mint(desk, &call.origin, app, &details, &scopes)?;
        let lifetime = lifetime(desk);
        held(&self.ledger).issue_access(&app.client_id, &scopes, &details, access.clone(), desk.now(), lifetime);
        self.tokens(ask, Issued { access, refresh: None, scopes: &scopes, details: &details, expires_in: lifetime, id_token: None })
    }
}
