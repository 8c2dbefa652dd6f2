//! What the provider tells about the person (OpenID Connect Core §5.3).

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method};
use keyfob_proto::jose::Keys;
use keyfob_proto::oidc::UserInfo;
use keyfob_proto::{Flow, Incoming, Misuse, Outgoing, TokenSet, Transport, TransportKind};
use tokio::time::Instant;

use super::Session;
use super::call::{Prepared, Sent, To};
use crate::error::Error;
use crate::id_token::Verifier;
use crate::transport::unpacked;

impl Session {
    /// What the provider tells about the person, beyond the ID token: about that same person, or it is refused (E16). Signed answers are verified with
    /// the issuer's keys, where signed ones were agreed on (`userinfo_algorithms`).
    ///
    /// ```
    /// # use keyfob::{Error, Session};
    /// # async fn example(session: &Session) -> Result<(), Error> {
    /// let person = session.userinfo().await?;
    /// println!("{} <{}>", person.claims.text("name").unwrap_or_default(), person.claims.text("email").unwrap_or_default());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// `Misuse` for a provider without that endpoint, or an account whose login brought no ID token, or one that nobody has verified (the settings name no
    /// issuer with its keys, or another issuer than it was from, or did so when it came): nobody could tell whom the answer has to be about.
    /// `Misbehaved` for another person's claims and for everything that [`UserInfo::judge`] refuses; and those of every call.
    pub async fn userinfo(&self) -> Result<UserInfo, Error> {
        self.person(Method::GET).await
    }

    /// The same with the token in a form (RFC 6750 §2.2): for providers that are said to take it nowhere else. The header is the better place (§2.1), and a
    /// token that is bound to a key goes there all the same.
    ///
    /// # Errors
    ///
    /// As [`userinfo`](Self::userinfo).
    pub async fn userinfo_in_body(&self) -> Result<UserInfo, Error> {
        self.person(Method::POST).await
    }

    async fn person(&self, method: Method) -> Result<UserInfo, Error> {
        let shared = &self.shared;
        let Flow::OAuth2(flow) = &shared.setup.settings.flow else { return Err(no_endpoint().into()) };
        let endpoint = flow.userinfo.as_ref().ok_or_else(no_endpoint)?;
        let media_type = if flow.userinfo_algorithms.is_some() { "application/jwt" } else { "application/json" };
        let mut headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(media_type))]);
        if method == Method::POST {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        }
        // What nobody verified is a text that names somebody. A program would take the answer's `sub` for a person who has proved to be there (§16.11).
        let verifier = Verifier::of(&shared.keyfob, &shared.setup.settings, &shared.setup.app).ok_or_else(|| {
            Misuse::new("an issuer and its keys in the provider's settings, to verify ID tokens with", "none")
                .of("OpenID Connect Core §5.3.2")
                .with_hint("add issuer and jwks to the provider's file, and log in again")
        })?;
        let (uri, origin) = (endpoint.uri().clone(), Some(endpoint.origin()));
        let mut call = Prepared { shared, method, uri, origin, headers, to: To::UserInfo, waits: true, until: None };
        let deadline = shared.keyfob.policy().back_channel();
        let timed_out = || Transport::new(TransportKind::Timeout, endpoint.origin().to_string());
        let read = async {
            let Sent { answer, used, .. } = call.send_replayable(&[]).await?;
            let (parts, body) = unpacked(answer).into_parts();
            // What is left of the request's own time (C5): a head that came late leaves the body no more.
            let until = call.until.unwrap_or_else(Instant::now);
            let bytes = tokio::time::timeout_at(until, body.bytes(Outgoing::LARGEST_ANSWER)).await.unwrap_or_else(|_| Err(timed_out()))?;
            Ok::<_, Error>((parts, bytes, used))
        };
        // A refresh within it, and whatever is sent again, keeps to its own time; and goes on if this is given up.
        let (parts, body, used) = tokio::time::timeout(3 * deadline, read).await.unwrap_or_else(|_| Err(timed_out().into()))?;
        let TokenSet::OAuth2(tokens) = used.tokens() else { return Err(no_endpoint().into()) };
        let person = tokens.identity.as_ref().ok_or_else(|| {
            Misuse::new("an account whose login brought an ID token", "one without")
                .of("OpenID Connect Core §5.3.2")
                .with_hint("log in again, with the scope openid")
        })?;
        if !verifier.is_of(&person.issuer) {
            let hint = format!("log in again: keyfob login {}", used.account().name);
            return Err(Misuse::new("an ID token of the issuer in the provider's settings", "one of another")
                .of("OpenID Connect Core §5.3.2")
                .with_hint(hint)
                .into());
        }
        // Today's settings say how to verify; that it was done, its login says.
        if !person.verified {
            let hint = format!("log in again: keyfob login {}", used.account().name);
            return Err(Misuse::new("an ID token that was verified when it came", "one that nobody has verified")
                .of("OpenID Connect Core §3.1.3.7")
                .with_hint(hint)
                .into());
        }
        let answer = Incoming::new(parts.status, &parts.headers, &body);
        let client_id = shared.setup.app.client_id.as_str();
        let Some(algorithms) = &flow.userinfo_algorithms else {
            return Ok(UserInfo::judge(answer, &person.issuer, &person.subject, client_id, None, shared.keyfob.now())?);
        };
        let judge = |keys: &Keys<'_>| {
            UserInfo::judge(answer, &person.issuer, &person.subject, client_id, Some((keys, algorithms)), shared.keyfob.now())
        };
        verifier.signed(algorithms, judge).await
    }
}

fn no_endpoint() -> Misuse {
    Misuse::new("a provider that tells about the person (userinfo_endpoint)", "one without")
        .of("OpenID Connect Core §5.3")
        .with_hint("name the endpoint in the provider's file: endpoints.userinfo")
}
