//! Logout, as OpenID Connect has it: asked for by us (RP-Initiated Logout 1.0), told to us by the server (Back-Channel Logout 1.0) or through the
//! browser (Front-Channel Logout 1.0).

use std::collections::BTreeMap;

use serde_json::Value;

use crate::callback::Parameters;
use crate::endpoint::Endpoint;
use crate::entropy::{Entropy, token256};
use crate::error::{Error, Misbehaved, Misuse};
use crate::jose::jwt::{Claims, LEEWAY, Rules};
use crate::jose::{Algorithms, Jws, Keys};
use crate::secret::Secret;
use crate::time::Timestamp;

const BACK_CHANNEL: &str = "OpenID Connect Back-Channel Logout §2.6";

/// A logout token is sent as soon as it is made, and §4 recommends two minutes for it. An older one is a replay, and has to be remembered against
/// replays for as long as it is taken.
const OLDEST: i64 = 3600;

/// A logout that we ask for: the browser goes to a URL of the server, and comes back.
#[derive(Clone, Debug)]
pub struct EndSession {
    state: Secret,
    redirect_uri: Option<String>,
}

impl EndSession {
    /// The URL to send the browser to (RP-Initiated Logout §2), and what to keep until it is back. Draws 32 bytes of entropy.
    ///
    /// The ID token in it tells the server whose session it is; it is no key to anything, but it says who the person is: the URL is not for logs.
    pub fn new(
        endpoint: &Endpoint,
        client_id: &str,
        id_token: Option<&Secret>,
        redirect_uri: Option<&str>,
        entropy: &dyn Entropy,
    ) -> (Secret, Self) {
        let state = token256(entropy);
        let mut query = vec![("client_id", client_id)];
        query.extend(id_token.map(|token| ("id_token_hint", token.expose())));
        if let Some(uri) = redirect_uri {
            query.extend([("post_logout_redirect_uri", uri), ("state", state.expose())]);
        }
        let url = Secret::new(endpoint.with_query(query));
        (url, Self { state, redirect_uri: redirect_uri.map(str::to_owned) })
    }

    /// Whether the browser came back from this logout: `state` is the one that was sent (§3).
    ///
    /// # Errors
    ///
    /// `Misuse` if no redirect URI was sent; `Misbehaved` for another `state`, none, or a parameter twice.
    pub fn returned(&self, query: &str) -> Result<(), Error> {
        const SECTION: &str = "OpenID Connect RP-Initiated Logout §3";
        if self.redirect_uri.is_none() {
            return Err(Misuse::new("a logout with a redirect URI", "one without, from which nobody comes back")
                .of("OpenID Connect RP-Initiated Logout §2")
                .with_hint("end the session with a redirect URI when you want to hear of it")
                .into());
        }
        let parameters = Parameters::read(query, SECTION, SECTION)?;
        match parameters.get("state") {
            Some(state) if self.state.same_as(state) => Ok(()),
            _ => Err(Misbehaved::new(SECTION, "the state that was sent", "another one, or none").into()),
        }
    }
}

/// A logout that the server tells us: this person's sessions, or this one of them, have ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogoutToken {
    /// `iss`.
    pub issuer: String,
    /// `sub`: whose sessions.
    pub subject: Option<String>,
    /// `sid`: which session.
    pub session_id: Option<String>,
    /// `jti`: remember it until [`expires_at`](Self::expires_at), and refuse it the second time.
    pub id: String,
    /// Until when it could come again: its `exp`, but an hour after its `iat` at the latest.
    pub expires_at: Timestamp,
}

impl LogoutToken {
    /// Judges a logout token by every rule of Back-Channel Logout §2.6, but for the one about having seen it before, which needs a memory.
    ///
    /// # Errors
    ///
    /// `Misbehaved`, for instance for an ID token in its place (`nonce` is forbidden here), no `events`, neither `sub` nor `sid`, or an `iat` more than an
    /// hour ago.
    pub fn judge(
        token: &str,
        issuer: &str,
        client_id: &str,
        keys: &Keys<'_>,
        algorithms: &Algorithms,
        now: Timestamp,
    ) -> Result<Self, Misbehaved> {
        const SECTION: &str = BACK_CHANNEL;
        const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
        let wrong = |expected: &str, found: &str| Misbehaved::new(SECTION, expected, found);
        let jws = Jws::read(token)?;
        if jws.header.media_type.as_deref().is_some_and(|kind| !matches!(kind, "logout+jwt" | "jwt")) {
            return Err(wrong("a logout token (\"typ\" of logout+jwt)", "another kind"));
        }
        let claims = Claims::read(&jws.verify(keys, algorithms)?, SECTION)?;
        let (issued_at, expires_at) =
            claims.judge(&Rules { section: SECTION, issuer, audience: client_id, addressee: "this client", now })?;
        let issued_at = issued_at.ok_or_else(|| wrong("a claim \"iat\"", "none"))?;
        // However far off its end: a server could otherwise have us remember its tokens for ever.
        let expires_at = expires_at.min(issued_at.plus(OLDEST));
        if now >= expires_at.plus(LEEWAY) {
            return Err(wrong("a token that was made within an hour (\"iat\")", "an older one").by_the_clock());
        }
        if claims.get("nonce").is_some() {
            return Err(wrong("no nonce: a logout token is no ID token", "one"));
        }
        if !claims.get("events").and_then(|events| events.get(EVENT)).is_some_and(Value::is_object) {
            return Err(wrong("the event of a logout in \"events\"", "none"));
        }
        let optional = |name: &str| claims.get(name).map(|_| claims.required(name, SECTION).map(str::to_owned)).transpose();
        let (subject, session_id) = (optional("sub")?, optional("sid")?);
        if subject.is_none() && session_id.is_none() {
            return Err(wrong("\"sub\", \"sid\" or both", "neither"));
        }
        Ok(Self { issuer: issuer.to_owned(), subject, session_id, id: claims.required("jti", SECTION)?.to_owned(), expires_at })
    }
}

/// Which logout tokens have come already (Back-Channel Logout §2.6): whoever has one could otherwise log a person out whenever they come back, for as long as
/// it is good. A rule as data, since the core remembers nothing of its own.
#[derive(Clone, Debug, Default)]
pub struct SeenLogouts {
    /// By issuer, then by `jti`.
    until: BTreeMap<String, BTreeMap<String, Timestamp>>,
}

impl SeenLogouts {
    /// More than this at once from one issuer are no logouts of ours: it signs each, and each is good for minutes. What it sends beyond that is refused to
    /// it alone: another's logouts must not depend on it.
    const MOST: usize = 10_000;

    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes note of a token that was judged good.
    ///
    /// # Errors
    ///
    /// `Misbehaved` if it came before.
    pub fn first_time(&mut self, token: &LogoutToken, now: Timestamp) -> Result<(), Misbehaved> {
        self.until.retain(|_, tokens| {
            // As long as a judgement would let it pass.
            tokens.retain(|_, end| now < end.plus(LEEWAY));
            !tokens.is_empty()
        });
        let known = self.until.entry(token.issuer.clone()).or_default();
        if known.contains_key(&token.id) {
            return Err(Misbehaved::new(BACK_CHANNEL, "a logout token that comes once (\"jti\")", "one that came before"));
        }
        if known.len() >= Self::MOST {
            return Err(Misbehaved::new(BACK_CHANNEL, "logout tokens that can be remembered", "too many at once"));
        }
        known.insert(token.id.clone(), token.expires_at);
        Ok(())
    }
}

/// A logout through the browser (Front-Channel Logout §2): the query of a request to our logout URL, which the server's page loads in a frame. Gives
/// the session that has ended, if the server says which.
///
/// # Errors
///
/// `Misbehaved` for another issuer than the one whose session this is, `iss` without `sid` or the reverse, or a session that is not `session_id`. Such a
/// request carries no signature: anybody can make a browser send it, so all it may do is log this browser out.
pub fn front_channel_logout(query: &str, issuer: &str, session_id: Option<&str>) -> Result<Option<String>, Misbehaved> {
    const SECTION: &str = "OpenID Connect Front-Channel Logout §2";
    let parameters = Parameters::read(query, SECTION, SECTION)?;
    match (parameters.get("iss"), parameters.get("sid")) {
        (None, None) => Ok(None),
        (Some(found), Some(sid)) if found == issuer && session_id.is_none_or(|known| known == sid) => Ok(Some(sid.to_owned())),
        (Some(_), Some(_)) => Err(Misbehaved::new(SECTION, "the issuer and session of this browser", "others")),
        _ => Err(Misbehaved::new(SECTION, "\"iss\" and \"sid\" together", "one of them")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logout_token_counts_once_while_it_is_good() {
        let token = |id: &str, issuer: &str| LogoutToken {
            issuer: issuer.to_owned(),
            subject: Some("robin".to_owned()),
            session_id: None,
            id: id.to_owned(),
            expires_at: Timestamp::from_unix(1000),
        };
        let mut seen = SeenLogouts::new();
        let at = Timestamp::from_unix;
        assert!(seen.first_time(&token("a", "x"), at(900)).is_ok());
        assert!(seen.first_time(&token("a", "x"), at(1000 + LEEWAY - 1)).is_err());
        assert!(seen.first_time(&token("a", "y"), at(900)).is_ok() && seen.first_time(&token("b", "x"), at(900)).is_ok());
        assert!(seen.first_time(&token("c", "x"), at(1000 + LEEWAY)).is_ok());
        let all = seen.until.values().map(BTreeMap::len).sum::<usize>();
        assert_eq!((seen.until.len(), all), (1, 1), "what cannot come again is forgotten");
        let mut seen = SeenLogouts::new();
        for nth in 0..SeenLogouts::MOST {
            seen.first_time(&token(&nth.to_string(), "x"), at(900)).expect("there is room");
        }
        assert!(seen.first_time(&token("one more", "x"), at(900)).is_err());
        assert!(seen.first_time(&token("one more", "y"), at(900)).is_ok(), "nobody else pays for it");
        assert!(seen.first_time(&token("0", "x"), at(900)).is_err(), "and nothing was forgotten");
    }
}
