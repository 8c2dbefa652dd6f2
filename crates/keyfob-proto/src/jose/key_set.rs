//! A server's keys (RFC 7517 §5), how they are chosen, and when they may be fetched again.

use std::fmt;
use std::sync::{Arc, OnceLock};

use http::Method;
use serde_json::Value;

use super::algorithm::Algorithm;
use super::crypto::{Crypto, Verify};
use super::hmac::HmacKey;
use super::jwk::Jwk;
use super::jws::Header;
use crate::endpoint::Endpoint;
use crate::error::Misbehaved;
use crate::message::{Incoming, Outgoing};
use crate::oauth2::json;
use crate::time::Timestamp;

const SECTION: &str = "RFC 7517 §5";

/// More keys than this are no key set of one issuer.
const MOST_KEYS: usize = 100;
/// More bytes than this are none either.
const LONGEST: usize = 256 * 1024;

/// The keys that a server signs with. Each is prepared once, at its first use.
#[derive(Clone)]
pub struct KeySet {
    keys: Arc<Vec<Known>>,
    crypto: Arc<dyn Crypto>,
}

struct Known {
    jwk: Jwk,
    /// By algorithm, at its place in [`Algorithm::ALL`]. `None` inside: the back-end does not take it.
    prepared: [OnceLock<Option<Box<dyn Verify>>>; Algorithm::ALL.len()],
}

impl KeySet {
    /// What to send to a `jwks_uri`. Nothing in it is secret.
    pub fn request(place: &Endpoint) -> Outgoing {
        Outgoing::new(Method::GET, place).accept_json()
    }

    /// Reads the answer of a `jwks_uri`. Keys of kinds that are not used here, or that are broken, are left out, as RFC 7517 §5 has it; a set that
    /// publishes a *private* key is refused whole, since its owner's signatures say nothing any more (RFC 8725 §3.5).
    ///
    /// # Errors
    ///
    /// `Misbehaved` for an answer that is no success, no JSON object, has no list `keys`, is longer than 256 KiB or holds more than 100 keys.
    pub fn receive<'a>(answer: impl Into<Incoming<'a>>, crypto: Arc<dyn Crypto>) -> Result<Self, Misbehaved> {
        let answer = answer.into();
        if !answer.status.is_success() {
            return Err(Misbehaved::new(SECTION, "a key set", "another answer").with_status(answer.status));
        }
        Self::read(answer.body, crypto).map_err(|wrong| wrong.with_status(answer.status))
    }

    /// The same from text, such as the `jwks` that a client was registered with.
    ///
    /// # Errors
    ///
    /// As [`receive`](Self::receive).
    pub fn read(text: &[u8], crypto: Arc<dyn Crypto>) -> Result<Self, Misbehaved> {
        let wrong = |found: &str| Misbehaved::new(SECTION, "a JSON object with a list \"keys\"", found);
        if text.len() > LONGEST {
            return Err(wrong("more than 256 KiB"));
        }
        let object = json::object(text).map_err(|found| wrong(&found))?;
        let Some(Value::Array(list)) = object.get("keys") else { return Err(wrong("none")) };
        if list.len() > MOST_KEYS {
            return Err(wrong("more than 100 keys"));
        }
        let mut keys = Vec::new();
        for key in list {
            let Value::Object(members) = key else { return Err(wrong("a key that is no object")) };
            if let Some(private) = Jwk::private_member(members) {
                return Err(Misbehaved::new("RFC 8725 §3.5", "public keys", format!("a private key, published (\"{private}\")"))
                    .with_hint("tell the server's operator: whoever reads this can sign in its name"));
            }
            if let Ok(jwk) = Jwk::of(members) {
                keys.push(Known { jwk, prepared: Default::default() });
            }
        }
        Ok(Self { keys: Arc::new(keys), crypto })
    }

    /// The keys.
    pub fn keys(&self) -> impl Iterator<Item = &Jwk> {
        self.keys.iter().map(|known| &known.jwk)
    }
}

impl Known {
    fn verifier(&self, algorithm: Algorithm, crypto: &dyn Crypto) -> Option<&dyn Verify> {
        let place = Algorithm::ALL.iter().position(|known| *known == algorithm)?;
        self.prepared[place].get_or_init(|| crypto.verifier(algorithm, &self.jwk.key).ok()).as_deref()
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|known| &known.jwk)).finish()
    }
}

/// What a signature may be checked with.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Keys<'a> {
    /// The server's own, for algorithms with a public key.
    Set(&'a KeySet),
    /// Our client secret, for `HS256`, `HS384` and `HS512` alone.
    Shared(&'a HmacKey),
}

impl Keys<'_> {
    /// Whether one of the keys that this header can mean has signed.
    pub(crate) fn check(&self, header: &Header, message: &[u8], signature: &[u8]) -> Result<(), Misbehaved> {
        let bad = || Misbehaved::new("RFC 7515 §5.2", "a signature that is right", "one that is not");
        match self {
            Self::Shared(key) if super::Sign::algorithm(*key) == header.algorithm => {
                if key.verify(message, signature) {
                    Ok(())
                } else {
                    Err(bad())
                }
            }
            Self::Set(set) if !header.algorithm.is_symmetric() => {
                let mut meant = set
                    .keys
                    .iter()
                    .filter(|known| known.jwk.checks(header.algorithm))
                    .filter(|known| header.key_id.is_none() || known.jwk.key_id == header.key_id)
                    .peekable();
                if meant.peek().is_none() {
                    return Err(Misbehaved::unknown_key(match &header.key_id {
                        Some(key_id) => format!("one with the name \"{}\", which is not there", crate::scrub::printable(key_id)),
                        None => format!("none for {}", header.algorithm),
                    }));
                }
                // A token without a name may be by any key of its kind; a name may be given twice while keys are changed (E11).
                let signed = meant.any(|known| {
                    known.verifier(header.algorithm, &*set.crypto).is_some_and(|verifier| verifier.verify(message, signature))
                });
                let bad = || bad().made_by_no_key();
                if signed { Ok(()) } else { Err(bad()) }
            }
            _ => Err(Misbehaved::new(
                "RFC 8725 §3.2",
                "a key of the kind that the algorithm takes",
                format!("a key of another kind than {}", header.algorithm),
            )),
        }
    }
}

/// A key set that was fetched, and when it may be fetched again: a rule as data, since the core fetches nothing.
///
/// ```
/// # use keyfob_proto::{Timestamp, jose::KeyCache};
/// let at = Timestamp::from_unix;
/// let mut cache = KeyCache::new();
/// assert!(cache.must_fetch(at(0)));
/// cache.asked(at(0));
/// // A key of an unknown name may mean new keys: once, also right after, and then not for a minute, whatever is sent to us.
/// assert!(cache.may_fetch_for_unknown_key(at(1)));
/// cache.asked_for_unknown_key(at(1));
/// assert!(!cache.may_fetch_for_unknown_key(at(60)));
/// assert!(cache.may_fetch_for_unknown_key(at(61)));
/// ```
#[derive(Clone, Debug, Default)]
pub struct KeyCache {
    set: Option<KeySet>,
    fetched_at: Option<Timestamp>,
    asked_at: Option<Timestamp>,
    asked_for_unknown_at: Option<Timestamp>,
}

impl KeyCache {
    /// How long a key set is good, in seconds.
    pub const LIFETIME: i64 = 3600;
    /// How long nothing is fetched again because of an unknown key, in seconds (E12).
    pub const PAUSE: i64 = 60;

    /// With nothing in it.
    pub fn new() -> Self {
        Self::default()
    }

    /// The keys, also old ones: a server that does not answer must not log everybody out.
    pub fn set(&self) -> Option<&KeySet> {
        self.set.as_ref()
    }

    /// Whether there are no keys, or old ones, and it was not just tried.
    pub fn must_fetch(&self, now: Timestamp) -> bool {
        let old = self.fetched_at.is_none_or(|at| !(0..Self::LIFETIME).contains(&now.since(at)));
        old && paused_enough(self.asked_at, now)
    }

    /// Whether a token that [wants newer keys](Misbehaved::wants_newer_keys) (it names a key we do not have, or none of ours made its signature) is a reason to ask: at most once a minute, so that tokens with made-up names
    /// are no way to make us storm the server. That they were asked for because they were old does not count: a server may change them between that and
    /// the token.
    pub fn may_fetch_for_unknown_key(&self, now: Timestamp) -> bool {
        paused_enough(self.asked_for_unknown_at, now)
    }

    /// Asking now, since there are none, or old ones.
    pub fn asked(&mut self, now: Timestamp) {
        self.asked_at = Some(now);
    }

    /// Asking now, since a token names a key that is not there.
    pub fn asked_for_unknown_key(&mut self, now: Timestamp) {
        self.asked(now);
        self.asked_for_unknown_at = Some(now);
    }

    /// The answer came.
    pub fn received(&mut self, set: KeySet, now: Timestamp) {
        self.set = Some(set);
        self.fetched_at = Some(now);
    }
}

fn paused_enough(asked_at: Option<Timestamp>, now: Timestamp) -> bool {
    // A clock that went back must not keep us from asking for ever.
    asked_at.is_none_or(|at| !(0..KeyCache::PAUSE).contains(&now.since(at)))
}

#[cfg(test)]
mod tests {
    use http::{Response, StatusCode};
    use serde_json::{Map, json};

    use super::*;
    use crate::jose::{Algorithms, AwsLc, Jws, sign_compact};

    fn key() -> Value {
        json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" })
    }

    fn read(keys: impl IntoIterator<Item = Value>, length: usize) -> Result<usize, Misbehaved> {
        let mut text = json!({ "keys": keys.into_iter().collect::<Vec<_>>() }).to_string();
        text.push_str(&" ".repeat(length.saturating_sub(text.len())));
        KeySet::read(text.as_bytes(), Arc::new(AwsLc)).map(|set| set.keys().count())
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix(1_800_000_000 + seconds)
    }

    #[test]
    fn e13_a_key_set_is_bounded_in_length_and_keys() {
        assert_eq!(read([key()], LONGEST).ok(), Some(1));
        assert!(read([key()], LONGEST + 1).is_err() && read([key()], LONGEST + 2).is_err());
        assert_eq!(read(vec![key(); MOST_KEYS], 0).ok(), Some(MOST_KEYS));
        assert!(read(vec![key(); MOST_KEYS + 1], 0).is_err() && read(vec![key(); MOST_KEYS + 2], 0).is_err());
    }

    #[test]
    fn e14_keys_that_cannot_be_used_are_left_out_and_do_not_spoil_the_others() {
        let curve = json!({ "kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA" });
        let short = json!({ "kty": "RSA", "n": "AQAB", "e": "AQAB" });
        assert_eq!(read([curve, json!({}), key(), short], 0).ok(), Some(1));
        assert!(read([key(), json!(1)], 0).is_err());
    }

    #[test]
    fn e19_a_set_that_publishes_a_private_key_is_refused_whole() {
        let refused = |other: Value| {
            let text = json!({ "keys": [key(), other] }).to_string();
            KeySet::read(text.as_bytes(), Arc::new(AwsLc)).expect_err("a private key")
        };
        let mut private = key();
        private["d"] = "AAAA".into();
        // Also of a kind that is left out otherwise.
        for other in [private, json!({ "kty": "oct", "k": "AAAA" }), json!({ "d": "AAAA" })] {
            let wrong = refused(other);
            assert_eq!(wrong.section, "RFC 8725 §3.5", "{wrong}");
        }
    }

    #[test]
    fn only_an_answer_that_is_a_success_is_a_key_set() {
        let receive = |status: StatusCode| {
            let answer = Response::builder().status(status).body(json!({ "keys": [key()] }).to_string()).expect("an answer");
            KeySet::receive(&answer, Arc::new(AwsLc)).map(|set| set.keys().count()).map_err(|wrong| wrong.status)
        };
        assert_eq!(receive(StatusCode::OK), Ok(1));
        for status in [StatusCode::FOUND, StatusCode::NOT_FOUND, StatusCode::BAD_GATEWAY] {
            assert_eq!(receive(status), Err(Some(status)));
        }
    }

    /// A verifier is prepared once for each algorithm; one that was prepared for another must not be used in its place.
    #[test]
    fn one_key_checks_each_of_its_algorithms() {
        let private = AwsLc.generate(Algorithm::RS256).expect("a key");
        let signers =
            [Algorithm::RS256, Algorithm::PS256, Algorithm::RS384].map(|algorithm| AwsLc.signer(algorithm, &private).expect("it signs"));
        let public = signers[0].public_key().expect("public").to_jwk();
        let set = KeySet::read(json!({ "keys": [public] }).to_string().as_bytes(), Arc::new(AwsLc)).expect("a key set");
        for signer in signers.iter().chain(&signers) {
            let text = sign_compact(&**signer, Map::new(), b"text").expect("it signs");
            let payload = Jws::read(&text).and_then(|jws| jws.verify(&Keys::Set(&set), &Algorithms::asymmetric()));
            assert_eq!(payload.expect("signed"), b"text", "{}", signer.algorithm());
        }
    }

    #[test]
    fn e12_keys_are_fetched_when_they_are_old_and_at_most_once_a_minute_otherwise() {
        let set = KeySet::read(json!({ "keys": [key()] }).to_string().as_bytes(), Arc::new(AwsLc)).expect("a key set");
        let mut cache = KeyCache::new();
        assert!(cache.set().is_none() && cache.must_fetch(at(0)) && cache.may_fetch_for_unknown_key(at(0)));
        // Asked, and no answer came: not again at once.
        cache.asked(at(0));
        for (seconds, due) in [(0, false), (59, false), (60, true), (-1, true)] {
            assert_eq!(cache.must_fetch(at(seconds)), due, "{seconds}");
        }
        cache.received(set, at(1));
        assert_eq!(cache.set().map(|set| set.keys().count()), Some(1));
        for (seconds, due) in [(1, false), (61, false), (3600, false), (3601, true), (0, false), (-1, true)] {
            assert_eq!(cache.must_fetch(at(seconds)), due, "{seconds}");
        }
        // An unknown key is a reason before they are old, also right after they came; and then not for a minute.
        assert!(cache.may_fetch_for_unknown_key(at(1)));
        cache.asked_for_unknown_key(at(1));
        for (seconds, may) in [(1, false), (60, false), (61, true), (0, true)] {
            assert_eq!(cache.may_fetch_for_unknown_key(at(seconds)), may, "{seconds}");
        }
        // Asking for that reason is asking.
        cache.asked_for_unknown_key(at(3601));
        assert!(!cache.must_fetch(at(3601)) && !cache.may_fetch_for_unknown_key(at(3660)) && cache.must_fetch(at(3661)));
        assert!(cache.set().is_some(), "old keys are better than none");
    }
}
