//! Judging what came back through the browser, also where that takes the issuer's keys: signed answers (JARM), and the ID token of a hybrid one.

use keyfob_proto::jose::Keys;
use keyfob_proto::oauth2::{self, HybridPending};
use keyfob_proto::{Answer, Error as ProtoError, Flow, Misuse, Transport, TransportKind};

use super::{Login, Pending, Verified, VerifiedKind};
use crate::error::Error;
use crate::id_token::{Verifier, no_issuer_or_keys};

impl Login {
    /// Judges what came back. An error that does not [end the login](ProtoError::ends_login) leaves it alive.
    ///
    /// # Errors
    ///
    /// `Misuse` for a login whose answer is judged with the issuer's keys: those are for [`judge`](Self::judge).
    pub fn verify(&self, answer: Answer<'_>) -> Result<Verified, ProtoError> {
        let now = self.keyfob.now();
        Ok(Verified(match &self.pending {
            Pending::OAuth1(pending) => VerifiedKind::OAuth1(pending.verify(answer, now)?),
            Pending::OAuth2(pending) => VerifiedKind::OAuth2(Box::new(pending.verify(answer, now)?), None),
            Pending::Hybrid(_) => {
                return Err(Misuse::new("a login whose answer needs no keys", "a hybrid one")
                    .of("OpenID Connect Core §3.3")
                    .with_hint("judge it with Login::judge")
                    .into());
            }
        }))
    }

    /// The same for every login: where the answer is signed, the issuer's keys are fetched if they are not at hand, and once more for a key that is unknown
    /// (at most once a minute). Plain answers need no key, and nothing is fetched for them.
    ///
    /// ```
    /// # use keyfob::{Error, Keyfob, LoggedIn, Login, LoginOptions, Redirect, proto::{Answer, App, Settings, oauth2::ResponseMode}};
    /// # async fn example(keyfob: &Keyfob, settings: &Settings, app: &App, back: &str) -> Result<LoggedIn, Error> {
    /// let options = LoginOptions { response_mode: Some(ResponseMode::QueryJwt), ..LoginOptions::default() };
    /// let redirect = Redirect::Uri("https://app.example/callback".into());
    /// let login = Login::begin_with(keyfob, settings, app, "example", redirect, options).await?;
    /// // … the person goes to login.url(), and comes back …
    /// let verified = login.judge(Answer::Url(back)).await?;
    /// login.finish(verified).await
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`verify`](Self::verify); `Misbehaved` for a signature or a claim that is not right; `Transport` where the keys cannot be had. None of these
    /// ends the login.
    pub async fn judge(&self, answer: Answer<'_>) -> Result<Verified, ProtoError> {
        match &self.pending {
            Pending::OAuth2(pending) if pending.response_mode().is_signed() => self.judge_signed(pending, answer).await,
            Pending::Hybrid(pending) => self.judge_hybrid(pending, answer).await,
            _ => self.verify(answer),
        }
    }

    async fn judge_signed(&self, pending: &oauth2::Pending, answer: Answer<'_>) -> Result<Verified, ProtoError> {
        let (verifier, flow) = self.verifier()?;
        let algorithms = &flow.response_algorithms;
        let now = self.keyfob.now();
        let judged = verifier.signed(algorithms, |keys: &Keys<'_>| pending.verify_signed(answer, keys, algorithms, now)).await;
        Ok(Verified(VerifiedKind::OAuth2(Box::new(judged.map_err(protocol)?), None)))
    }

    /// State, issuer and form come first: no keys are fetched for an answer that is not to this login.
    async fn judge_hybrid(&self, pending: &HybridPending, answer: Answer<'_>) -> Result<Verified, ProtoError> {
        let client = self.client().map_err(protocol)?;
        let now = self.keyfob.now();
        let read = pending.read(&client, answer, now)?;
        if read.id_token().is_none() {
            // Nothing ties an access token that came through the browser to this login (RFC 9700 §2.1.2): the code will bring another.
            let (verified, _) = read.without_id_token()?;
            return Ok(Verified(VerifiedKind::OAuth2(Box::new(verified), None)));
        }
        let (verifier, flow) = self.verifier()?;
        let algorithms = &flow.id_token_algorithms;
        let judge = |keys: &Keys<'_>| pending.read(&client, answer, now)?.verify(keys, algorithms, now);
        let (verified, id_token, _) = verifier.signed(algorithms, judge).await.map_err(protocol)?;
        Ok(Verified(VerifiedKind::OAuth2(Box::new(verified), Some(Box::new(id_token)))))
    }

    fn verifier(&self) -> Result<(Verifier<'_>, &oauth2::Settings), Misuse> {
        match (Verifier::of(&self.keyfob, &self.settings, &self.app), &self.settings.flow) {
            (Some(verifier), Flow::OAuth2(flow)) => Ok((verifier, flow)),
            _ => Err(no_issuer_or_keys("OpenID Connect Core §3.1.3.7")),
        }
    }
}

/// Nothing but the core and the transport is asked here.
fn protocol(error: Error) -> ProtoError {
    match error {
        Error::Protocol(error) => error,
        other => Transport::new(TransportKind::Broken, other.to_string()).into(),
    }
}
