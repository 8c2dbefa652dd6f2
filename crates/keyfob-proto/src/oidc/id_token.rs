//! The ID token (OpenID Connect Core §2), and every rule about it (§3.1.3.7, §3.3.2.11).

use crate::encode;
use crate::error::Misbehaved;
use crate::jose::jwt::{Claims, LEEWAY, Rules};
use crate::jose::{Algorithm, Algorithms, Jws, Keys};
use crate::oidc::RequestedClaims;
use crate::scrub::Scrubber;
use crate::secret::Secret;
use crate::time::Timestamp;

const SECTION: &str = "OpenID Connect Core §3.1.3.7";

/// How old a token may be, in seconds (rule 10). It is made when it is asked for; an older one was kept by somebody, to be used again.
const OLDEST: i64 = 24 * 3600;

/// An ID token that keeps to every rule: only [`Expected::judge`] makes one. A person is `issuer` and `subject` together, and nothing else:
/// e-mail addresses are given to others (E17).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct IdToken {
    /// `iss`.
    pub issuer: String,
    /// `sub`: at that issuer, nobody else ever.
    pub subject: String,
    /// `aud`.
    pub audience: Vec<String>,
    /// `iat`.
    pub issued_at: Timestamp,
    /// `exp`: until when the token may be taken for new; nothing about how long anybody is logged in.
    pub expires_at: Timestamp,
    /// `auth_time`: when the person was asked last.
    pub authenticated_at: Option<Timestamp>,
    /// `acr`: how sure the server is that it is them.
    pub acr: Option<String>,
    /// What else it says.
    pub claims: Claims,
}

impl IdToken {
    /// That this one, which came with the code's exchange, is about the person of the one that came through the browser before (OpenID Connect Core
    /// §3.3.3.6): whoever swaps a code in between swaps the person.
    ///
    /// # Errors
    ///
    /// `Misbehaved` for another `iss` or `sub`.
    pub fn follows(&self, first: &Self) -> Result<(), Misbehaved> {
        let same = [(self.issuer == first.issuer, "iss"), (self.subject == first.subject, "sub")];
        match same.iter().find(|(same, _)| !same) {
            Some((_, name)) => Err(Misbehaved::new(
                "OpenID Connect Core §3.3.3.6",
                format!("the \"{name}\" of the ID token that came through the browser"),
                "another one",
            )),
            None => Ok(()),
        }
    }
}

/// What an ID token is held against.
///
/// ```
/// # use keyfob_proto::{Secret, Timestamp, jose::{Algorithm, Algorithms, HmacKey, Keys, sign_compact}, oidc::Expected};
/// let secret = Secret::new("a-client-secret-of-32-characters");
/// let key = HmacKey::new(Algorithm::HS256, &secret)?;
/// let claims = br#"{"iss":"https://login.example","aud":"us","sub":"248289761001","exp":1300,"iat":1000,"nonce":"n-0S6_WzA2Mj"}"#;
/// let token = sign_compact(&key, serde_json::Map::new(), claims)?;
///
/// let algorithms = Algorithms::of([Algorithm::HS256]);
/// let nonce = Secret::new("n-0S6_WzA2Mj");
/// let expected = Expected { nonce: Some(&nonce), ..Expected::new("https://login.example", "us", &algorithms, Timestamp::from_unix(1010)) };
/// let id_token = expected.judge(&token, &Keys::Shared(&key)).expect("it keeps to every rule");
/// assert_eq!(id_token.subject, "248289761001");
/// # Ok::<(), keyfob_proto::Misuse>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The issuer that the login was begun with, byte for byte.
    pub issuer: &'a str,
    /// Our client id.
    pub client_id: &'a str,
    /// What the app was registered with (`id_token_signed_response_alg`), or what the server's metadata lists.
    pub algorithms: &'a Algorithms,
    /// Who else may be addressed (rule 3): nobody, unless we were told of them. It is no business of the token's to say whom to trust.
    pub trusted_audiences: &'a [String],
    /// What was sent as `nonce`; a token must repeat it. `None` after a refresh, which has none (§12.2).
    pub nonce: Option<&'a Secret>,
    /// What the hashes in it must be of.
    pub hashes: Hashes<'a>,
    /// `max_age` of the request, in seconds: the person must have been asked since.
    pub max_age: Option<u32>,
    /// `acr_values` of the request, where one of them is needed.
    pub acr_values: &'a [String],
    /// `claims` of the request, as it was sent (§5.5): what it asks for with a value has that value, and where `acr` or `auth_time` is essential it is there.
    pub claims: Option<&'a str>,
    /// Now.
    pub now: Timestamp,
}

/// What came beside an ID token, for the hashes that tie it to it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hashes<'a> {
    /// The access token, for `at_hash`.
    pub access_token: Option<&'a Secret>,
    /// The code, for `c_hash`.
    pub code: Option<&'a Secret>,
    /// The state, for `s_hash` (FAPI 1 Advanced §5.2.2.1).
    pub state: Option<&'a Secret>,
    /// Whether the token came over the browser, where the hashes of what is there must be there too (§3.3.2.11).
    pub required: bool,
    /// Whether `s_hash` must be there as well, which OpenID Connect itself does not know: without it a signed answer could be moved to another login
    /// (FAPI 1 Advanced §5.2.3.1).
    pub state_required: bool,
}

impl<'a> Expected<'a> {
    /// The rules without which there is no ID token: issuer, client, algorithms and time. What the request asked for are fields to fill in.
    pub fn new(issuer: &'a str, client_id: &'a str, algorithms: &'a Algorithms, now: Timestamp) -> Self {
        let hashes = Hashes::default();
        Self {
            issuer,
            client_id,
            algorithms,
            trusted_audiences: &[],
            nonce: None,
            hashes,
            max_age: None,
            acr_values: &[],
            claims: None,
            now,
        }
    }

    /// Judges a token by every rule.
    ///
    /// # Errors
    ///
    /// `Misbehaved` naming the section, what was expected and what was found. [`Misbehaved::is_unknown_key`] says that fetching the keys again
    /// may help; nothing else does.
    pub fn judge(&self, token: &str, keys: &Keys<'_>) -> Result<IdToken, Misbehaved> {
        let wrong = |expected: &str, found: &str| Misbehaved::new(SECTION, expected, found);
        let jws = Jws::read(token)?;
        // A token of another kind must not be taken for one of this (RFC 8725 §3.11): at+jwt, logout+jwt, dpop+jwt.
        if let Some(kind) = &jws.header.media_type
            && kind != "jwt"
        {
            return Err(Misbehaved::new(
                "RFC 8725 §3.11",
                "an ID token (\"typ\" of JWT, or none)",
                format!("\"{}\"", crate::scrub::printable(kind)),
            ));
        }
        let claims = Claims::read(&jws.verify(keys, self.algorithms)?, SECTION)?;
        let rules = Rules { section: SECTION, issuer: self.issuer, audience: self.client_id, addressee: "this client", now: self.now };
        let (issued_at, expires_at) = claims.judge(&rules)?;
        let issued_at = issued_at.ok_or_else(|| wrong("a claim \"iat\"", "none"))?;
        if self.now.since(issued_at) > OLDEST {
            return Err(wrong("a token that was made within a day (\"iat\")", "an older one").by_the_clock());
        }
        let subject = claims.required("sub", SECTION)?;
        if subject.len() > 255 || !subject.is_ascii() {
            return Err(Misbehaved::new("OpenID Connect Core §2", "a \"sub\" of at most 255 ASCII characters", "another one"));
        }
        let audience = claims.audience(SECTION)?;
        self.judge_parties(&claims, &audience)?;
        self.judge_nonce(&claims)?;
        self.hashes.judge(&claims, jws.header.algorithm)?;
        let authenticated_at = self.judge_age(&claims)?;
        let acr = self.judge_acr(&claims)?;
        if let Some(requested) = self.claims.map(RequestedClaims::read) {
            requested.map_err(|_| wrong("claims that were asked for as §5.5 has it", "something else"))?.judge(&claims)?;
        }
        Ok(IdToken {
            issuer: self.issuer.to_owned(),
            subject: subject.to_owned(),
            audience: audience.into_iter().map(str::to_owned).collect(),
            issued_at,
            expires_at,
            authenticated_at,
            acr,
            claims,
        })
    }

    /// Rules 3 to 5: nobody else that we do not trust is addressed, and where there are several, we are the one it was made for.
    fn judge_parties(&self, claims: &Claims, audience: &[&str]) -> Result<(), Misbehaved> {
        let authorized = claims.get("azp").map(|_| claims.required("azp", SECTION)).transpose()?;
        match authorized {
            Some(other) if other != self.client_id => {
                Err(Misbehaved::new(SECTION, "this client as authorized party (\"azp\")", "another one"))
            }
            _ if audience.iter().any(|one| *one != self.client_id) => {
                // They could use it, too.
                self.judge_others(audience, authorized.is_some())
            }
            _ => Ok(()),
        }
    }

    /// Whoever else is addressed is trusted; and since such have tokens made for themselves, which may name us, nothing but `azp` tells those from ours.
    fn judge_others(&self, audience: &[&str], is_authorized: bool) -> Result<(), Misbehaved> {
        let is_stranger = |one: &&&str| **one != self.client_id && self.trusted_audiences.iter().all(|trusted| trusted != **one);
        if let Some(stranger) = audience.iter().find(is_stranger) {
            let expected = "a token for this client alone, or for others as well who are trusted (\"aud\")";
            return Err(Misbehaved::new(SECTION, expected, format!("one for \"{}\" as well", self.scrubber().clean(stranger)))
                .with_hint("if those of this app are meant for it, too, name it under trusted_audiences (of a provider's file: oauth2.trusted_audiences)"));
        }
        if !is_authorized {
            return Err(Misbehaved::new(SECTION, "this client as authorized party (\"azp\"), since others are addressed as well", "none"));
        }
        Ok(())
    }

    /// Knows what came beside the token, which may be in it, too.
    fn scrubber(&self) -> Scrubber {
        let Hashes { access_token, code, state, .. } = self.hashes;
        [self.nonce, access_token, code, state].into_iter().flatten().fold(Scrubber::new(), Scrubber::knowing)
    }

    /// Rule 11: what the browser brought back belongs to what we sent it with.
    fn judge_nonce(&self, claims: &Claims) -> Result<(), Misbehaved> {
        let Some(sent) = self.nonce else { return Ok(()) };
        match claims.text("nonce") {
            Some(nonce) if sent.same_as(nonce) => Ok(()),
            Some(_) => Err(Misbehaved::new(SECTION, "the nonce that was sent", "another one")),
            None => Err(Misbehaved::new(SECTION, "the nonce that was sent", "none")),
        }
    }

    /// Rule 13: with `max_age` the person was asked no longer ago than that.
    fn judge_age(&self, claims: &Claims) -> Result<Option<Timestamp>, Misbehaved> {
        let asked_at = claims.moment("auth_time", SECTION);
        // Where nobody asked when that was, a text for a number is no reason to refuse the person.
        let Some(most) = self.max_age else { return Ok(asked_at.unwrap_or_default()) };
        let asked_at = asked_at?;
        let asked = asked_at.ok_or_else(|| Misbehaved::new(SECTION, "a claim \"auth_time\", since max_age was asked for", "none"))?;
        let ago = self.now.since(asked);
        // A moment that is still to come says nothing about how long ago it was.
        if ago < -LEEWAY {
            return Err(Misbehaved::new(SECTION, "a person who was asked before now (\"auth_time\")", "a moment to come"));
        }
        if ago > i64::from(most) + LEEWAY {
            return Err(Misbehaved::new(
                SECTION,
                format!("a person who was asked at most {most} seconds ago"),
                format!("{ago} seconds ago"),
            ));
        }
        Ok(asked_at)
    }

    /// Rule 12: as sure as it was asked for.
    fn judge_acr(&self, claims: &Claims) -> Result<Option<String>, Misbehaved> {
        // One that is no text is none: some number theirs, and where nobody asked for any it is no reason to refuse the person.
        let acr = claims.text("acr").filter(|acr| !acr.is_empty());
        if !self.acr_values.is_empty() && acr.is_none_or(|acr| self.acr_values.iter().all(|wanted| wanted != acr)) {
            let found = acr.map_or("none that is text".to_owned(), |acr| format!("\"{}\"", crate::scrub::printable(acr)));
            return Err(Misbehaved::new(SECTION, format!("an \"acr\" of: {}", self.acr_values.join(", ")), found)
                .with_hint("the server did not ask the person as thoroughly as was wanted"));
        }
        Ok(acr.map(str::to_owned))
    }
}

impl Hashes<'_> {
    /// `at_hash`, `c_hash` and `s_hash` (§3.1.3.6, §3.3.2.11): what came beside the token was not exchanged for something else.
    fn judge(&self, claims: &Claims, algorithm: Algorithm) -> Result<(), Misbehaved> {
        let beside = [
            ("at_hash", self.access_token, self.required),
            ("c_hash", self.code, self.required),
            ("s_hash", self.state, self.state_required),
        ];
        for (name, of, required) in beside {
            let section = "OpenID Connect Core §3.3.2.11";
            match (claims.get(name), of) {
                (None, Some(_)) if required => {
                    return Err(Misbehaved::new(section, format!("a claim \"{name}\""), "none"));
                }
                (Some(found), Some(of)) => {
                    let hash = algorithm.hash(of.expose().as_bytes());
                    let half = encode::base64url(&hash[..hash.len() / 2]);
                    if found.as_str() != Some(half.as_str()) {
                        return Err(Misbehaved::new(section, format!("the \"{name}\" of what came beside it"), "another value"));
                    }
                }
                (_, _) => {}
            }
        }
        Ok(())
    }
}
