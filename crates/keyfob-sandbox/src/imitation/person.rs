//! Who has logged in, told to whoever has their token (OpenID Connect Core §5.3), and the end of their session (RP-Initiated Logout).

use axum::http::{Method, header};
use serde_json::json;

use super::checklist::Checklist;
use super::{Imitated, Imitation, openid};
use crate::desk::held;
use crate::message::{Call, Reply, with_query};
use crate::oauth2::AccessProblem;
use crate::page;

impl Imitated {
    /// Whatever the API's habits are, this one has the token in the header (RFC 6750 §2.1).
    pub(super) fn userinfo(&self, call: &Call) -> Reply {
        let refused = |why: &str| {
            self.refused(call, why);
            Reply::json(401, &json!({ "error": "invalid_token", "error_description": why })).with(header::WWW_AUTHENTICATE, CHALLENGE)
        };
        let judged = || {
            if call.method != Method::GET {
                return Err("who somebody is is asked for by GET".to_owned());
            }
            let mut query = Checklist::of(&call.query);
            query.all(&self.own_query(&self.places.userinfo))?;
            query.done()?;
            call.bearer().map(str::to_owned).ok_or_else(|| "no access token in the header".to_owned())
        };
        let token = match judged() {
            Ok(token) => token,
            Err(why) => return refused(&why),
        };
        match held(&self.tokens).access(&token, self.clock.now()) {
            Ok(access) if access.scopes.iter().any(|scope| scope == "openid") => {
                Reply::json(200, &json!({ "sub": openid::SUBJECT, "name": Imitation::PERSON })).no_store()
            }
            Ok(_) => Reply::json(403, &json!({ "error": "insufficient_scope" })),
            Err(AccessProblem::Unknown) => refused("an access token that nobody issued"),
            Err(_) => Reply::json(401, &json!({ "error": "invalid_token" })).with(header::WWW_AUTHENTICATE, CHALLENGE),
        }
    }

    /// Whether somebody who logs in can be asked about: whoever does not get an ID token does not know whom the answer has to be about.
    pub(super) fn tells_who(&self) -> bool {
        self.places.userinfo.is_some() && self.names_people()
    }

    /// RP-Initiated Logout §2. Nobody is asked whether they mean it.
    pub(super) fn end_session(&self, call: &Call) -> Reply {
        match self.ended_at(call) {
            Ok(Some(back)) => Reply::redirect(&back),
            Ok(None) => page::signed_out(&[], None),
            Err(why) => {
                self.refused(call, &why);
                page::refusal(400, "This logout is not as the provider's file says", &why)
            }
        }
    }

    /// Where the browser goes afterwards.
    fn ended_at(&self, call: &Call) -> Result<Option<String>, String> {
        if call.method != Method::GET {
            return Err("a browser is sent to the end of its session by GET".into());
        }
        let mut list = Checklist::of(&call.query);
        list.all(&self.own_query(&self.places.end_session))?;
        list.fixed("client_id", &self.app.client_id)?;
        match list.maybe("id_token_hint")? {
            Some(hint) if !openid::is_ours(&hint, &self.app.client_id) => return Err("id_token_hint is no ID token of this app".into()),
            // It says whose session is meant, and whoever got one has it.
            None if self.names_people() && !self.is_open => return Err("id_token_hint is missing".into()),
            _ => {}
        }
        let back = match list.maybe("post_logout_redirect_uri")? {
            Some(uri) if self.app.allows_redirect(&uri) => Some(with_query(&uri, &[("state", &list.one("state")?)])),
            Some(_) => return Err("post_logout_redirect_uri is not registered".into()),
            None => None,
        };
        list.done()?;
        Ok(back)
    }

    /// Whether a login brings an ID token.
    fn names_people(&self) -> bool {
        self.gives_id_tokens() && self.granted().iter().any(|scope| scope == "openid")
    }
}

/// RFC 6750 §3.1.
const CHALLENGE: &str = "Bearer error=\"invalid_token\"";
