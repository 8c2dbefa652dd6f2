//! Tokens that are made at the provider, and imported.

use std::collections::BTreeMap;

use super::Imitated;
use super::file::Kind;
use super::token::Details;
use crate::chance;
use crate::desk::held;
use crate::oauth1::Credential;
use crate::oauth2::{Code, Pair};

/// Where no file says how long: as long as a token of anybody's.
const LONG: i64 = 100 * 366 * 86_400;

impl Imitated {
    /// New ones, by the names that an import takes.
    pub(super) fn made(&self) -> BTreeMap<String, String> {
        let client = self.app.client_id.clone();
        if self.file.kind == Kind::OAuth1 {
            let (token, secret) = (chance::hex(32), chance::hex(32));
            let credential = Credential { consumer: client, secret: secret.clone() };
            held(&self.credentials).tokens.insert(token.clone(), credential);
            return named([("token", Some(token)), ("token_secret", Some(secret))]);
        }
        let pair = Pair { access: chance::opaque(), refresh: chance::opaque() };
        let grant = Code {
            client,
            redirect_uri: None,
            scopes: Vec::new(),
            challenge: None,
            expires: self.clock.now() + 1,
            details: Details::default(),
            spent_on: None,
        };
        let lifetime = self.lifetime();
        let pair = held(&self.tokens).grant("", &grant, pair, self.clock.now(), lifetime.unwrap_or(LONG));
        let refresh = self.file.renews().then_some(pair.refresh);
        let lifetime = lifetime.map(|seconds| seconds.to_string());
        named([("access_token", Some(pair.access)), ("refresh_token", refresh), ("expires_in", lifetime)])
    }
}

fn named<const N: usize>(pairs: [(&str, Option<String>); N]) -> BTreeMap<String, String> {
    pairs.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}
