//! One host of an imitated provider: which of its endpoints a call is for.

use std::sync::Arc;

use super::file::Kind;
use super::place::Place;
use super::{Imitated, oauth1, openid};
use crate::desk::{Desk, Service, held};
use crate::fault::Zone;
use crate::message::{Call, Reply};

/// One host of an imitated provider.
pub(super) struct Front {
    pub(super) imitated: Arc<Imitated>,
    pub(super) host: usize,
}

impl Service for Front {
    fn zone(&self, _: &Call) -> Zone {
        Zone::Api
    }

    fn answer(&self, _: &Desk, call: &Call) -> Reply {
        let imitated = &self.imitated;
        let asked = |place: &Option<Place>| place.as_ref().is_some_and(|place| place.host == self.host && place.path == call.path());
        let places = &imitated.places;
        // A PIN is asked for as a page is, at the same path perhaps.
        if asked(&places.device) && imitated.asks_for_pin(call) {
            return imitated.device(call);
        }
        // A provider may have the authorization and the token endpoint at one path; which is meant, the method says.
        if asked(&places.authorize) && !(call.method == axum::http::Method::POST && asked(&places.token)) {
            return if imitated.file.kind == Kind::OAuth1 { imitated.approve1(call) } else { imitated.authorize(call) };
        }
        // So for the two credential endpoints of OAuth 1: the second time there is a token.
        if asked(&places.request_token) && !(asked(&places.token) && oauth1::has_token(call)) {
            return imitated.request_token(call);
        }
        if asked(&places.long_lived) {
            return imitated.lengthen(call);
        }
        if asked(&places.refresh) && imitated.file.oauth2.renewal.is_some() {
            return imitated.renew_by_itself(call);
        }
        if asked(&places.token) || asked(&places.refresh) {
            return match imitated.file.kind {
                Kind::OAuth1 => imitated.access_token(call),
                _ => imitated.token(call, self.host),
            };
        }
        if asked(&places.revoke) {
            return imitated.revoke(call);
        }
        if asked(&places.device) {
            return imitated.device(call);
        }
        if asked(&places.par) {
            return imitated.push(call);
        }
        if asked(&places.userinfo) {
            return imitated.userinfo(call);
        }
        if asked(&places.end_session) {
            return imitated.end_session(call);
        }
        if asked(&places.metadata) {
            return imitated.metadata();
        }
        if asked(&places.jwks) {
            return openid::jwks();
        }
        imitated.api(call, self.host)
    }

    fn expire_access_tokens(&self, _: &Desk) {
        held(&self.imitated.tokens).expire_all(self.imitated.clock.now());
    }

    fn too_many_requests(&self) -> Reply {
        Reply::empty(429)
    }
}
