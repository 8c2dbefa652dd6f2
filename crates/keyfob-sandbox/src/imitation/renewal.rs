//! Tokens that renew themselves, and the exchange of a login's token for one that does.

use axum::http::Method;

use super::checklist::Checklist;
use super::file::TokenBody;
use super::token::{Details, Issued, Refusal};
use super::{Imitated, Place};
use crate::chance;
use crate::desk::held;
use crate::message::{Call, Reply};

/// How long tokens live that were exchanged.
const LONG: i64 = 5_184_000;

impl Imitated {
    /// How long tokens live that renew themselves, if they were exchanged first.
    pub(super) fn long_lifetime(&self) -> Option<i64> {
        self.places.long_lived.as_ref().map(|_| LONG)
    }

    /// The login's token, for one that lives longer. The app says that it is itself.
    pub(super) fn lengthen(&self, call: &Call) -> Reply {
        let own = self.file.oauth2.renewal.as_ref().map_or("", |renewal| renewal.long_lived_grant_type.as_str());
        self.by_access_token(call, &self.places.long_lived, own, true)
    }

    /// A token that is good, for the next one.
    pub(super) fn renew_by_itself(&self, call: &Call) -> Reply {
        let own = self.file.oauth2.renewal.as_ref().map_or("", |renewal| renewal.grant_type.as_str());
        self.by_access_token(call, &self.places.refresh, own, false)
    }

    fn by_access_token(&self, call: &Call, place: &Option<Place>, grant_type: &str, at_login: bool) -> Reply {
        match self.exchanged(call, place, grant_type, at_login) {
            Ok(issued) => self.tokens_answer(&issued),
            Err((code, why)) => {
                self.refused(call, &why);
                self.token_error(code, &why)
            }
        }
    }

    fn exchanged(&self, call: &Call, place: &Option<Place>, grant_type: &str, at_login: bool) -> Result<Issued, Refusal> {
        let judged = || {
            if call.method != Method::GET {
                return Err("an access token is exchanged by GET".to_owned());
            }
            let mut list = Checklist::of(&self.sent(call, TokenBody::Query)?);
            list.all(&self.own_query(place))?;
            list.fixed(self.file.name_of("grant_type"), grant_type)?;
            if at_login {
                list.fixed(self.file.name_of("client_secret"), &self.app.client_secret)?;
            }
            let token = list.one("access_token")?;
            list.done()?;
            Ok(token)
        };
        let token = judged().map_err(|why| ("invalid_request", why))?;
        let refused = |why: &str| ("invalid_grant", why.to_owned());
        if held(&self.mood).refuses {
            return Err(refused(Self::NO));
        }
        let now = self.clock.now();
        let mut tokens = held(&self.tokens);
        let found = tokens.access(&token, now).map_err(|problem| refused(&format!("{problem:?}")))?.clone();
        let is_first = self.places.long_lived.is_some() && !found.details.long_lived;
        if is_first != at_login {
            return Err(refused("a token of another life"));
        }
        let access = chance::opaque();
        let details = Details { long_lived: true, ..found.details };
        let lifetime = self.long_lifetime().or(self.lifetime());
        tokens.issue_access(&self.app.client_id, &found.scopes, &details, access.clone(), now, lifetime.unwrap_or(LONG));
        drop(tokens);
        if !at_login {
            held(&self.mood).refreshes += 1;
        }
        Ok(Issued { access, refresh: None, id_token: None, scopes: found.scopes, lifetime: self.long_lifetime() })
    }
}
