//! What an OAuth 2 authorization server remembers: codes, access tokens, refresh tokens, and which belong to one grant.
//! How requests and answers look is each service's own affair.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

/// `D` is what a service attaches to a grant beside client and scopes: nothing, unless it speaks OpenID Connect and its like.
pub(crate) struct Ledger<D = ()> {
    codes: HashMap<String, Code<D>>,
    access: HashMap<String, Access<D>>,
    refresh: HashMap<String, Refresh<D>>,
    last_grant: u64,
}

impl<D> Default for Ledger<D> {
    fn default() -> Self {
        Self { codes: HashMap::new(), access: HashMap::new(), refresh: HashMap::new(), last_grant: 0 }
    }
}

/// An authorization code (RFC 6749 §1.3.1) and what it was asked with.
#[derive(Clone, Debug)]
pub(crate) struct Code<D = ()> {
    pub(crate) client: String,
    /// As the authorization request had it; `None` if it left it out.
    pub(crate) redirect_uri: Option<String>,
    pub(crate) scopes: Vec<String>,
    pub(crate) challenge: Option<Challenge>,
    pub(crate) expires: i64,
    pub(crate) details: D,
    /// The grant that it became.
    pub(crate) spent_on: Option<u64>,
}

/// What a token request says about its code.
pub(crate) struct Redemption<'a> {
    pub(crate) code: &'a str,
    pub(crate) client: &'a str,
    pub(crate) redirect_uri: Option<&'a str>,
    /// Whether the token request may leave the redirect URI out.
    pub(crate) redirect_optional: bool,
    pub(crate) verifier: Option<&'a str>,
    pub(crate) now: i64,
}

/// An access token and its life.
#[derive(Clone, Debug)]
pub(crate) struct Access<D = ()> {
    pub(crate) client: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) issued: i64,
    pub(crate) expires: i64,
    pub(crate) grant: u64,
    pub(crate) details: D,
    revoked: bool,
}

/// A refresh token and its life.
#[derive(Clone, Debug)]
pub(crate) struct Refresh<D = ()> {
    pub(crate) client: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) grant: u64,
    /// The access token that was handed out with it.
    pub(crate) access: String,
    pub(crate) details: D,
    spent: Option<Spent>,
    revoked: bool,
}

#[derive(Clone, Debug)]
struct Spent {
    at: i64,
    on: Pair,
}

/// What a token response hands out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) access: String,
    pub(crate) refresh: String,
}

/// What becomes of a live refresh token.
#[derive(Debug)]
pub(crate) enum Refreshing<D = ()> {
    /// It was fresh, and has to be spent now.
    First(Refresh<D>),
    /// It was spent a moment ago: the same pair again.
    Again(Pair, Refresh<D>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CodeProblem {
    Unknown,
    Expired,
    /// It was used before; what it gave is revoked now (RFC 6749 §4.1.2).
    Replayed,
    OtherClient,
    OtherRedirectUri,
    Verifier,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AccessProblem {
    Unknown,
    Expired,
    Revoked,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RefreshProblem {
    Unknown,
    OtherClient,
    /// It was spent before; the grant is the family to revoke where reuse is an alarm (RFC 9700 §4.14).
    Spent {
        grant: u64,
    },
    Revoked,
}

/// A PKCE challenge (RFC 7636 §4.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Challenge {
    value: String,
    s256: bool,
}

/// Entries kept of each kind before expired ones are swept.
const KEPT: usize = 100_000;

impl<D: Clone> Ledger<D> {
    pub(crate) fn put_code(&mut self, text: String, code: Code<D>) {
        if self.codes.len() >= KEPT {
            let newest = code.expires;
            self.codes.retain(|_, kept| kept.expires > newest - 3600);
        }
        self.codes.insert(text, code);
    }

    /// Judges a code and spends it.
    pub(crate) fn redeem(&mut self, asked: &Redemption<'_>) -> Result<Code<D>, CodeProblem> {
        let code = self.codes.get(asked.code).ok_or(CodeProblem::Unknown)?;
        if code.client != asked.client {
            return Err(CodeProblem::OtherClient);
        }
        if let Some(grant) = code.spent_on {
            self.revoke_grant(grant);
            return Err(CodeProblem::Replayed);
        }
        if asked.now >= code.expires {
            return Err(CodeProblem::Expired);
        }
        let same_uri = match (&code.redirect_uri, asked.redirect_uri) {
            (Some(before), Some(now)) => before == now,
            (Some(_), None) => asked.redirect_optional,
            (None, _) => true,
        };
        if !same_uri {
            return Err(CodeProblem::OtherRedirectUri);
        }
        match (&code.challenge, asked.verifier) {
            (Some(challenge), Some(verifier)) if challenge.fits(verifier) => {}
            (None, None) => {}
            // A verifier without challenge is refused too: the challenge may have been stripped (RFC 9700 §4.8).
            _ => return Err(CodeProblem::Verifier),
        }
        Ok(code.clone())
    }

    /// Hands out a first pair for a code, and remembers what the code gave.
    pub(crate) fn grant(&mut self, text: &str, code: &Code<D>, pair: Pair, now: i64, lifetime: i64) -> Pair {
        self.last_grant += 1;
        let grant = self.last_grant;
        if let Some(kept) = self.codes.get_mut(text) {
            kept.spent_on = Some(grant);
        }
        self.issue(grant, &code.client, &code.scopes, &code.details, pair, now, lifetime)
    }

    /// Hands out the pair that follows a refresh token.
    pub(crate) fn rotate(&mut self, spent: &str, scopes: &[String], pair: Pair, now: i64, lifetime: i64) -> Pair {
        let Some(details) = self.refresh.get(spent).map(|refresh| refresh.details.clone()) else { return pair };
        self.rotate_with(spent, scopes, &details, pair, now, lifetime)
    }

    /// The same, where the new pair differs in more than its scopes.
    pub(crate) fn rotate_with(&mut self, spent: &str, scopes: &[String], details: &D, pair: Pair, now: i64, lifetime: i64) -> Pair {
        let Some(refresh) = self.refresh.get_mut(spent) else { return pair };
        refresh.spent = Some(Spent { at: now, on: pair.clone() });
        let (grant, client) = (refresh.grant, refresh.client.clone());
        self.issue(grant, &client, scopes, details, pair, now, lifetime)
    }

    /// Hands out an access token that nothing renews.
    pub(crate) fn issue_access(&mut self, client: &str, scopes: &[String], details: &D, text: String, now: i64, lifetime: i64) {
        self.last_grant += 1;
        let grant = self.last_grant;
        self.put_access(grant, client, scopes, details, text, now, lifetime);
    }

    /// Revokes what belongs to grants of this kind.
    pub(crate) fn revoke_where(&mut self, meant: impl Fn(&[String], &D) -> bool) {
        self.access.values_mut().filter(|kept| meant(&kept.scopes, &kept.details)).for_each(|kept| kept.revoked = true);
        self.refresh.values_mut().filter(|kept| meant(&kept.scopes, &kept.details)).for_each(|kept| kept.revoked = true);
    }

    pub(crate) fn refreshing(&self, token: &str, client: &str, now: i64, grace: i64) -> Result<Refreshing<D>, RefreshProblem> {
        let refresh = self.refresh.get(token).ok_or(RefreshProblem::Unknown)?;
        if refresh.client != client {
            return Err(RefreshProblem::OtherClient);
        }
        if refresh.revoked {
            return Err(RefreshProblem::Revoked);
        }
        match &refresh.spent {
            None => Ok(Refreshing::First(refresh.clone())),
            Some(spent) if now - spent.at < grace => Ok(Refreshing::Again(spent.on.clone(), refresh.clone())),
            Some(_) => Err(RefreshProblem::Spent { grant: refresh.grant }),
        }
    }

    pub(crate) fn access(&self, token: &str, now: i64) -> Result<&Access<D>, AccessProblem> {
        let access = self.access.get(token).ok_or(AccessProblem::Unknown)?;
        if access.revoked {
            Err(AccessProblem::Revoked)
        } else if now >= access.expires {
            Err(AccessProblem::Expired)
        } else {
            Ok(access)
        }
    }

    /// The refresh token, spent or revoked ones aside.
    pub(crate) fn live_refresh(&self, token: &str) -> Option<&Refresh<D>> {
        self.refresh.get(token).filter(|refresh| !refresh.revoked && refresh.spent.is_none())
    }

    /// The access token whatever its state, for revocation.
    pub(crate) fn any_access(&self, token: &str) -> Option<&Access<D>> {
        self.access.get(token)
    }

    /// The refresh token whatever its state, for revocation.
    pub(crate) fn any_refresh(&self, token: &str) -> Option<&Refresh<D>> {
        self.refresh.get(token)
    }

    pub(crate) fn revoke_access(&mut self, token: &str) {
        if let Some(access) = self.access.get_mut(token) {
            access.revoked = true;
        }
    }

    /// Everything that came from one consent.
    pub(crate) fn revoke_grant(&mut self, grant: u64) {
        self.access.values_mut().filter(|access| access.grant == grant).for_each(|access| access.revoked = true);
        self.refresh.values_mut().filter(|refresh| refresh.grant == grant).for_each(|refresh| refresh.revoked = true);
    }

    /// Everything that an app holds.
    pub(crate) fn revoke_client(&mut self, client: &str) {
        self.access.values_mut().filter(|access| access.client == client).for_each(|access| access.revoked = true);
        self.refresh.values_mut().filter(|refresh| refresh.client == client).for_each(|refresh| refresh.revoked = true);
    }

    pub(crate) fn expire_all(&mut self, now: i64) {
        self.access.values_mut().for_each(|access| access.expires = access.expires.min(now));
    }

    #[allow(clippy::too_many_arguments, reason = "all of it makes up a token")]
    fn issue(&mut self, grant: u64, client: &str, scopes: &[String], details: &D, pair: Pair, now: i64, lifetime: i64) -> Pair {
        self.put_access(grant, client, scopes, details, pair.access.clone(), now, lifetime);
        let refresh = Refresh {
            client: client.into(),
            scopes: scopes.into(),
            grant,
            access: pair.access.clone(),
            details: details.clone(),
            spent: None,
            revoked: false,
        };
        self.refresh.insert(pair.refresh.clone(), refresh);
        pair
    }

    #[allow(clippy::too_many_arguments, reason = "all of it makes up a token")]
    fn put_access(&mut self, grant: u64, client: &str, scopes: &[String], details: &D, text: String, now: i64, lifetime: i64) {
        if self.access.len() >= KEPT {
            self.access.retain(|_, kept| kept.expires > now);
        }
        let expires = now.saturating_add(lifetime);
        let (client, scopes, details) = (client.into(), scopes.into(), details.clone());
        self.access.insert(text, Access { client, scopes, issued: now, expires, grant, details, revoked: false });
    }
}

impl Challenge {
    /// `None` for one that breaks RFC 7636 §4.2, or a method other than `plain` and `S256`.
    pub(crate) fn new(value: &str, method: &str) -> Option<Self> {
        let s256 = match method {
            "S256" => true,
            "plain" => false,
            _ => return None,
        };
        is_verifier(value).then(|| Self { value: value.into(), s256 })
    }

    fn fits(&self, verifier: &str) -> bool {
        is_verifier(verifier)
            && if self.s256 { URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)) == self.value } else { verifier == self.value }
    }
}

/// 43 to 128 unreserved characters (RFC 7636 §4.1).
fn is_verifier(text: &str) -> bool {
    (43..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_fit_their_verifier_alone() {
        // RFC 7636 Appendix B.
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let challenge = Challenge::new("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "S256").expect("a good challenge");
        assert!(challenge.fits(verifier));
        assert!(!challenge.fits("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXX"));
        assert!(Challenge::new(verifier, "plain").expect("good").fits(verifier));
        assert_eq!(Challenge::new("short", "S256"), None);
        assert_eq!(Challenge::new(verifier, "s256"), None);
    }

    #[test]
    fn a_replayed_code_revokes_what_it_gave() {
        let mut ledger = Ledger::<()>::default();
        let code =
            Code { client: "c".into(), redirect_uri: None, scopes: vec![], challenge: None, expires: 10, details: (), spent_on: None };
        ledger.put_code("k".into(), code);
        let asked = Redemption { code: "k", client: "c", redirect_uri: None, redirect_optional: false, verifier: None, now: 0 };
        let code = ledger.redeem(&asked).expect("fresh");
        ledger.grant("k", &code, Pair { access: "a".into(), refresh: "r".into() }, 0, 100);
        assert!(ledger.access("a", 1).is_ok());
        assert_eq!(ledger.redeem(&asked).err(), Some(CodeProblem::Replayed));
        assert_eq!(ledger.access("a", 1).err(), Some(AccessProblem::Revoked));
        assert_eq!(ledger.refreshing("r", "c", 1, 0).err(), Some(RefreshProblem::Revoked));
    }

    #[test]
    fn a_spent_refresh_token_answers_again_within_its_grace() {
        let mut ledger = Ledger::<()>::default();
        let code =
            Code { client: "c".into(), redirect_uri: None, scopes: vec![], challenge: None, expires: 10, details: (), spent_on: None };
        ledger.grant("k", &code, Pair { access: "a".into(), refresh: "r".into() }, 0, 100);
        let next = Pair { access: "a2".into(), refresh: "r2".into() };
        ledger.rotate("r", &[], next.clone(), 50, 100);
        assert!(matches!(ledger.refreshing("r", "c", 60, 120), Ok(Refreshing::Again(pair, _)) if pair == next));
        assert!(matches!(ledger.refreshing("r", "c", 170, 120), Err(RefreshProblem::Spent { .. })));
        assert_eq!(ledger.refreshing("r2", "other", 60, 0).err(), Some(RefreshProblem::OtherClient));
    }
}
