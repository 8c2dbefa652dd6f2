//! What an issuer signed, verified: ID tokens at login before anything is stored and after a refresh; answers that come through the browser; UserInfo.

use std::time::Duration;

use keyfob_proto::jose::{Algorithm, Algorithms, HmacKey, Keys};
use keyfob_proto::oauth2::{self, IdTokenTerms};
use keyfob_proto::oidc::{Expected, IdToken};
use keyfob_proto::{App, Endpoint, Error as ProtoError, Flow, Misbehaved, Misuse, OAuth2Tokens, Received, Secret, Settings, TokenSet};

use crate::error::Error;
use crate::keyfob::Keyfob;

/// How long keys may take while a refresh is under way: its new tokens are in memory alone until they are written.
pub(crate) const KEYS: Duration = Duration::from_secs(5);

/// Verifies what one issuer signed for one app.
#[derive(Clone, Copy)]
pub(crate) struct Verifier<'a> {
    keyfob: &'a Keyfob,
    flow: &'a oauth2::Settings,
    issuer: &'a str,
    /// Where the issuer's keys are; none where everything is signed with the app's secret.
    place: Option<&'a Endpoint>,
    app: &'a App,
}

/// Why a token was not accepted.
enum Doubt {
    /// It breaks a rule.
    Wrong(ProtoError),
    /// Nobody can tell now: the keys cannot be had, or it is its time that is wrong, by a clock that is ours.
    Undecided(Error),
}

impl<'a> Verifier<'a> {
    /// `None` where the provider's settings do not say whose tokens, and by which keys: an issuer's own, or the app's secret.
    pub(crate) fn of(keyfob: &'a Keyfob, settings: &'a Settings, app: &'a App) -> Option<Self> {
        let Flow::OAuth2(flow) = &settings.flow else { return None };
        let (issuer, place) = (flow.issuer.as_deref()?, flow.jwks.as_ref());
        (place.is_some() || symmetric(&flow.id_token_algorithms).is_some()).then_some(Self { keyfob, flow, issuer, place, app })
    }

    /// Whether this is the issuer.
    pub(crate) fn is_of(&self, issuer: &str) -> bool {
        self.issuer == issuer
    }

    /// Before a code is spent: if what its ID token will be verified with cannot be had, the login has to begin anew all the same, but the provider has
    /// issued nothing.
    pub(crate) async fn prepare(&self) -> Result<(), Error> {
        self.prepare_for(&self.flow.id_token_algorithms).await
    }

    /// The same before somebody is asked whose answer will be signed with one of these; nothing is fetched where that will be with the app's secret.
    pub(crate) async fn prepare_for(&self, algorithms: &Algorithms) -> Result<(), Error> {
        if self.shared(algorithms)?.is_some() { Ok(()) } else { self.keyfob.keys(self.issuer, self.place()?).await.map(drop) }
    }

    /// The same before a refresh, which goes on without: the wait ends after [`KEYS`].
    pub(crate) async fn prepare_in_haste(&self) {
        drop(tokio::time::timeout(KEYS, self.prepare()).await);
    }

    /// Judges the ID token of a login. Where `openid` was granted there has to be one (OpenID Connect Core §3.1.3.3); also where it was asked for, and with it
    /// something that nothing else can answer.
    /// `from_browser` is the one of a hybrid answer, which this one has to follow.
    pub(crate) async fn login(
        &self,
        tokens: &OAuth2Tokens,
        terms: &IdTokenTerms,
        from_browser: Option<&IdToken>,
    ) -> Result<Option<IdToken>, Error> {
        let Some(id_token) = &tokens.id_token else {
            let is_needed = terms.nonce().is_some() && terms.asked().is_some();
            if from_browser.is_some() || is_needed || tokens.scopes.iter().any(|scope| scope == "openid") {
                return Err(ProtoError::from(Misbehaved::no_id_token()).into());
            }
            return Ok(None);
        };
        match self.judge(id_token, &tokens.access, terms).await {
            Ok(id_token) => match from_browser.map(|first| id_token.follows(first)) {
                Some(Err(wrong)) => Err(ProtoError::from(wrong).into()),
                _ => Ok(Some(id_token)),
            },
            Err(doubt) => Err(doubt.into()),
        }
    }

    /// Judges something else that the issuer signed with one of these algorithms.
    pub(crate) async fn signed<T>(&self, algorithms: &Algorithms, judge: impl Fn(&Keys<'_>) -> Result<T, ProtoError>) -> Result<T, Error> {
        Ok(self.judged(algorithms, judge).await?)
    }

    /// Judges the new ID token of a refresh, where one came. OpenID Connect Core §12.2 holds it to the rules of the first one, but for the nonce; that it
    /// names the same person was judged by the core already.
    ///
    /// A token that breaks a rule (a signature that is wrong, another issuer or audience) is an error, and the account is marked (D11): by §3.1.3.5
    /// the whole answer is invalid then, so its access token may be anybody's, and the refresh token that led to it is spent.
    ///
    /// What nobody can decide now (no keys, a clock) proves nothing against the answer, which came over TLS from the token endpoint, for a
    /// token that only we had. Marking would log everybody out whose machine has a wrong clock, and throwing the tokens away would lose the login: so
    /// they are kept, with the ID token and the identity of before; the new ID token, which nobody has verified, is not.
    pub(crate) async fn refresh(&self, before: &TokenSet, mut received: Received) -> Result<Received, Error> {
        let (TokenSet::OAuth2(before), TokenSet::OAuth2(tokens)) = (before, &mut received.tokens) else { return Ok(received) };
        let Some(new) = new_id_token(before, tokens) else { return Ok(received) };
        let terms = IdTokenTerms::default();
        let judged = tokio::time::timeout(KEYS, self.judge(new, &tokens.access, &terms)).await;
        let undecided = match judged {
            Ok(Ok(_)) => {
                if let Some(identity) = &mut tokens.identity {
                    identity.verified = true;
                }
                return Ok(received);
            }
            Ok(Err(Doubt::Wrong(wrong))) => return Err(wrong.into()),
            Ok(Err(Doubt::Undecided(error))) => error.to_string(),
            Err(_) => "the issuer's keys took too long".to_owned(),
        };
        tracing::warn!(issuer = self.issuer, why = undecided, "a new ID token cannot be verified now; the old one is kept");
        tokens.id_token.clone_from(&before.id_token);
        tokens.identity.clone_from(&before.identity);
        Ok(received)
    }

    async fn judge(&self, id_token: &Secret, access_token: &Secret, terms: &IdTokenTerms) -> Result<IdToken, Doubt> {
        let algorithms = &self.flow.id_token_algorithms;
        let expected = || Expected {
            trusted_audiences: &self.flow.trusted_audiences,
            ..terms.expected(self.issuer, &self.app.client_id, algorithms, access_token, self.keyfob.now())
        };
        self.judged(algorithms, |keys| Ok(expected().judge(id_token.expose(), keys)?)).await
    }

    async fn judged<T>(&self, algorithms: &Algorithms, judge: impl Fn(&Keys<'_>) -> Result<T, ProtoError>) -> Result<T, Doubt> {
        let undecided = |missing: Misuse| Doubt::Undecided(missing.into());
        if let Some(secret) = self.shared(algorithms).map_err(undecided)? {
            return judge(&Keys::Shared(&secret)).map_err(Doubt::of);
        }
        let place = self.place().map_err(undecided)?;
        self.keyfob.judge_by_keys(self.issuer, place, judge).await.map_err(Doubt::Undecided)?.map_err(Doubt::of)
    }

    /// The app's secret as a key, where that was agreed on. A secret that is missing or too short is said, and not taken for leave to look elsewhere.
    fn shared(&self, algorithms: &Algorithms) -> Result<Option<HmacKey>, Misuse> {
        let Some(algorithm) = symmetric(algorithms) else { return Ok(None) };
        let none = || {
            Misuse::new(format!("an app with a secret, which is what {algorithm} signs with"), "one without")
                .of("OpenID Connect Core §10.1")
                .with_hint("give the app its secret (client_secret)")
        };
        Ok(Some(HmacKey::new(algorithm, self.app.client_secret.as_ref().ok_or_else(none)?)?))
    }

    fn place(&self) -> Result<&'a Endpoint, Misuse> {
        self.place.ok_or_else(|| {
            Misuse::new("the place of the issuer's keys in the provider's settings (jwks)", "none")
                .of("OpenID Connect Core §10.1.1")
                .with_hint("name it in the provider's file: endpoints.jwks")
        })
    }
}

/// Settings with which nothing that a server signs can be verified, where this section wants that.
pub(crate) fn no_issuer_or_keys(section: &'static str) -> Misuse {
    Misuse::new("an issuer and its keys in the provider's settings", "none")
        .of(section)
        .with_hint("name both in the provider's file: endpoints.issuer and endpoints.jwks")
}

/// What was agreed on, where it is one algorithm, and one whose key both sides know (OpenID Connect Core §10.1): no key has to be fetched.
fn symmetric(algorithms: &Algorithms) -> Option<Algorithm> {
    let mut all = algorithms.iter();
    let (algorithm, None) = (all.next()?, all.next()) else { return None };
    algorithm.is_symmetric().then_some(algorithm)
}

impl Keyfob {
    /// Has the keys at hand before the answer of a grant comes that cannot be asked for twice: an ID token that nobody can judge then would cost an
    /// approval that was given.
    pub(crate) async fn prepare_to_verify(&self, settings: &Settings, app: &App, scopes: &[String]) -> Result<(), Error> {
        match Verifier::of(self, settings, app) {
            Some(verifier) if scopes.iter().any(|scope| scope == "openid") => verifier.prepare().await,
            _ => Ok(()),
        }
    }
}

impl Doubt {
    fn of(wrong: ProtoError) -> Self {
        match wrong {
            ProtoError::Misbehaved(wrong) if wrong.is_untimely() => Self::Undecided(ProtoError::from(wrong).into()),
            wrong => Self::Wrong(wrong),
        }
    }
}

impl From<Doubt> for Error {
    fn from(doubt: Doubt) -> Self {
        match doubt {
            Doubt::Wrong(wrong) => wrong.into(),
            Doubt::Undecided(error) => error,
        }
    }
}

/// The answer's own ID token: where it has none, the core goes on with the old one.
fn new_id_token<'t>(before: &OAuth2Tokens, tokens: &'t OAuth2Tokens) -> Option<&'t Secret> {
    let new = tokens.id_token.as_ref()?;
    before.id_token.as_ref().is_none_or(|old| !old.same_as(new.expose())).then_some(new)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{HyperTransport, MemoryStore};

    /// Scopes that were not granted are no excuse: what was asked would be answered by nobody.
    #[tokio::test]
    async fn e18_where_only_an_id_token_answers_there_has_to_be_one() {
        let keyfob = Keyfob::new(Arc::new(MemoryStore::new()), Arc::new(HyperTransport::new().expect("a transport")));
        let at = |path: &str| Endpoint::parse(&format!("https://login.example{path}")).expect("an endpoint");
        let mut flow = oauth2::Settings::new(at("/authorize"), at("/token"));
        (flow.issuer, flow.jwks) = (Some("https://login.example".to_owned()), Some(at("/jwks")));
        let (settings, app) = (Settings::new("example", Flow::OAuth2(flow), at("/api")), App::public("id"));
        let verifier = Verifier::of(&keyfob, &settings, &app).expect("an issuer and its keys");
        for (terms, scopes, is_refused) in [
            (r#"{"nonce":"n","max_age":60}"#, r#"["profile"]"#, true),
            (r#"{"nonce":"n","acr_values":["gold"]}"#, r#"["profile"]"#, true),
            (r#"{"nonce":"n"}"#, r#"["profile"]"#, false),
            (r#"{"nonce":"n"}"#, r#"["openid"]"#, true),
            // An API judges it (RFC 9470 §5).
            (r#"{"max_age":60}"#, r#"["profile"]"#, false),
        ] {
            let tokens = format!(r#"{{"access":"access-1","received_at":0,"scopes":{scopes}}}"#);
            let tokens: OAuth2Tokens = serde_json::from_str(&tokens).expect("tokens");
            let terms: IdTokenTerms = serde_json::from_str(terms).expect("terms");
            let judged = verifier.login(&tokens, &terms, None).await;
            assert_eq!(judged.is_err(), is_refused, "{terms:?} {scopes}: {judged:?}");
        }
    }
}
