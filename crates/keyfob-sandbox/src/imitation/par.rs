//! Pushed authorization requests (RFC 9126): judged when they are pushed, and good once and for a while.

use axum::http::Method;
use serde_json::json;

use super::Imitated;
use super::checklist::Checklist;
use super::file::{ClientAuth, TokenBody};
use super::oauth2::Asked;
use crate::chance;
use crate::desk::held;
use crate::message::{Call, Reply};

/// For so many seconds a pushed request waits for its browser (§2.2).
pub(super) const LIFETIME: i64 = 60;

/// A request that was pushed.
pub(super) struct Waiting {
    asked: Asked,
    expires: i64,
}

impl Imitated {
    /// §2.1: what would be in the browser's URL comes as a form, from the app, which says who it is.
    pub(super) fn push(&self, call: &Call) -> Reply {
        let asked = match self.judge_pushed(call) {
            Ok(asked) => asked,
            Err(why) => {
                self.refused(call, &why);
                return self.token_error("invalid_request", &why);
            }
        };
        let uri = format!("urn:ietf:params:oauth:request_uri:{}", chance::opaque());
        let now = self.clock.now();
        let mut pushed = held(&self.pushed);
        // Those that no browser came for.
        pushed.retain(|_, waiting| now < waiting.expires);
        pushed.insert(uri.clone(), Waiting { asked, expires: now + LIFETIME });
        Reply::json(201, &json!({ "request_uri": uri, "expires_in": LIFETIME })).no_store()
    }

    fn judge_pushed(&self, call: &Call) -> Result<Asked, String> {
        if call.method != Method::POST {
            return Err("an authorization request is pushed by POST".into());
        }
        let mut query = Checklist::of(&call.query);
        query.all(&self.own_query(&self.places.par))?;
        query.done()?;
        let mut list = Checklist::of(&self.sent(call, TokenBody::Form)?);
        self.identified(call, &mut list)?;
        // Who is named in the header is named as the request's client, too.
        if matches!(
            self.file.oauth2.client_auth,
            ClientAuth::Basic | ClientAuth::BasicEmpty | ClientAuth::BasicRaw | ClientAuth::BasicSecret
        ) {
            list.fixed(self.file.name_of("client_id"), &self.app.client_id)?;
        }
        self.wanted(list)
    }

    /// The request of this name, which is good for one browser (§4): it is taken whatever comes of it.
    pub(super) fn take_pushed(&self, uri: &str) -> Result<Asked, String> {
        let waiting = held(&self.pushed).remove(uri).ok_or("this request_uri was never given out, or was used already")?;
        if self.clock.now() < waiting.expires { Ok(waiting.asked) } else { Err("this request_uri has expired".into()) }
    }
}
