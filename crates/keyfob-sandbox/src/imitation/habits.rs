//! What a client has to have found out of a provider: the imitation's own reading of its file.

use std::collections::BTreeMap;

use super::file::Kind;
use super::shape::REFRESH_LIFETIME;
use super::{Imitated, api, lists, token};

/// What a client has to have found out after it walked through: the imitation's own reading of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Habits {
    /// Values that come with the tokens and are worth keeping.
    pub kept: BTreeMap<String, String>,
    /// The scopes that are granted, where scopes are known.
    pub scopes: Vec<String>,
    /// How long access tokens live, in seconds, where they end.
    pub lifetime: Option<i64>,
    /// How long a refresh token is good, in seconds, where answers say so.
    pub refresh_lifetime: Option<i64>,
    /// Whether tokens that ended are renewed.
    pub renews: bool,
    /// Whether a refresh token is good for one use.
    pub rotates: bool,
    /// Whether tokens can be revoked.
    pub revokes: bool,
    /// Whether a browser is sent to it, which some only know from another device.
    pub is_visited: bool,
    /// Whether a person can approve on another device.
    pub has_device_flow: bool,
    /// What the authorization URL ends with, which no server sees.
    pub fragment: Option<String>,
    /// Where they enter the code, and in how many seconds it ends.
    pub device_page: (String, i64),
    /// Whether authorization requests are pushed.
    pub pushes: bool,
    /// Whether it tells who has logged in: [`Imitation::PERSON`](super::Imitation::PERSON).
    pub tells_who: bool,
    /// Whether a browser can be sent to the end of its session.
    pub ends_sessions: bool,
    /// Whether every answer of its authorization endpoint names its issuer.
    pub names_issuer: bool,
    /// Whether its token endpoint says a sentence beside the word with which it says no.
    pub says_why: bool,
    /// In how many ways its API says that a token has expired.
    pub expiries: usize,
    /// In how many ways it says something like it, and means something else.
    pub near_expiries: usize,
    /// In how many ways it says that a token was taken back.
    pub revoked: usize,
    /// In how many ways it says something like it, and means something else.
    pub near_revoked: usize,
    /// In how many ways a success is an error.
    pub failures: usize,
    /// In how many ways a success looks like one, and is none.
    pub near_failures: usize,
    /// In how many places its errors have their sentence.
    pub messages: usize,
    /// How many pages a long answer has, where it is known how one goes on.
    pub pages: usize,
    /// What answers tell about the rate limit, where they tell something: how many calls there are, how many are left, in how many seconds there are new ones.
    pub limit: Option<(Option<u64>, Option<u64>, Option<i64>)>,
    /// Where several counts are told at once, each with how many calls there are when it has the fewest left, and with the length of its period, where one is
    /// known.
    pub counts: Vec<(Option<u64>, Option<i64>)>,
    /// Further URLs that calls may go to.
    pub more: Vec<String>,
    /// Whether the login says at which of several hosts the API is.
    pub says_host: bool,
}

impl Imitated {
    pub(super) fn habits(&self) -> Habits {
        let (file, is_oauth2) = (&self.file, self.file.kind != Kind::OAuth1);
        let renews = file.renews();
        Habits {
            kept: self.kept(),
            scopes: if is_oauth2 { self.granted() } else { Vec::new() },
            lifetime: is_oauth2.then(|| self.long_lifetime().or(self.lifetime())).flatten(),
            refresh_lifetime: file.oauth2.refresh_expires_in.as_ref().filter(|_| renews).map(|_| REFRESH_LIFETIME),
            renews,
            rotates: renews && (file.oauth2.rotates || file.oauth2.renewal.is_some()),
            revokes: self.places.revoke.is_some(),
            is_visited: self.places.authorize.is_some(),
            has_device_flow: self.places.device.is_some(),
            fragment: file.oauth2.authorize_fragment.clone(),
            device_page: (self.device_page(), token::CODE_LIFETIME),
            pushes: self.places.par.is_some(),
            tells_who: self.tells_who(),
            ends_sessions: self.places.end_session.is_some(),
            names_issuer: is_oauth2 && file.oauth2.iss_required,
            says_why: file.oauth2.token_error.as_ref().is_none_or(|error| error.message.is_some()),
            expiries: if renews { api::ways(&file.api.expired).len() } else { 0 },
            near_expiries: self.near_expiries().len(),
            revoked: api::ways(&file.api.revoked).len(),
            near_revoked: self.near_revoked().len(),
            failures: api::ways(&file.api.failed).len(),
            near_failures: api::near(&file.api.failed).len(),
            messages: file.api.message.len(),
            pages: self.pages(),
            limit: file.api.limits.as_ref().map(|limits| {
                if limits.structured.is_some() {
                    return (limits.policy.as_ref().map(|_| lists::LIMIT), Some(lists::REMAINING), Some(lists::RESET));
                }
                let told = |name: &Option<String>, value| name.as_ref().map(|_| value);
                let left = limits.remaining.as_ref().or(limits.usage.as_ref()).map(|_| lists::REMAINING);
                (told(&limits.limit, lists::LIMIT), left, limits.reset.as_ref().map(|_| lists::RESET))
            }),
            counts: self.counts(),
            more: self.places.more.iter().map(|place| self.here(place)).collect(),
            says_host: file.keep.iter().any(|name| file.makes_host(name)),
        }
    }
}
