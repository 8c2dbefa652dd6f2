//! The app: our registration with a provider.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::Misuse;
use crate::jose::{Algorithm, Crypto, PrivateKey, Sign};
use crate::secret::{Secret, stored};

/// Our registration with a provider: what the developer site handed out. Made to be stored; the store seals it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct App {
    /// OAuth 2 `client_id`, or OAuth 1 consumer key.
    pub client_id: String,
    /// OAuth 2 `client_secret`, or OAuth 1 consumer secret; absent for public clients.
    #[serde(default, with = "stored::option", skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<Secret>,
    /// The redirect URI that was registered, where one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect_uri: Option<String>,
    /// Further fields that the provider file asks for (an API key, a shop's name), by name.
    #[serde(default, with = "stored::map", skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, Secret>,
    /// The app's own private key, whose public half the provider knows: PEM (PKCS #8, PKCS #1, SEC 1) or a private JWK. It signs assertions about
    /// the app (`private_key_jwt`), its client secrets where those are signed, and request objects. A key that lives in a KMS or an HSM is no part of this record.
    #[serde(default, with = "stored::option", skip_serializing_if = "Option::is_none")]
    pub private_key: Option<Secret>,
    /// What that key signs with, as it was registered (`token_endpoint_auth_signing_alg`). `None`: what its JWK says, or what such a key is used for
    /// most: ES256, ES384 or ES512 by its curve, EdDSA, RS256.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_key_algorithm: Option<Algorithm>,
    /// What the provider calls that key (`kid`), where it knows several. `None`: what its JWK says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_key_id: Option<String>,
}

/// What a key is used for that does not say: the first that fits. Each kind of key has one of them.
const USUAL: [Algorithm; 5] = [Algorithm::ES256, Algorithm::ES384, Algorithm::ES512, Algorithm::EdDSA, Algorithm::RS256];

impl App {
    /// A registration without a secret (a public client).
    pub fn public(client_id: impl Into<String>) -> Self {
        Self { client_id: client_id.into(), ..Self::default() }
    }

    /// A registration with a secret.
    pub fn confidential(client_id: impl Into<String>, client_secret: impl Into<Secret>) -> Self {
        Self { client_id: client_id.into(), client_secret: Some(client_secret.into()), ..Self::default() }
    }

    /// Whether both are the same registration, with the same secrets. Secrets are compared in time that depends on their lengths alone.
    pub fn same_as(&self, other: &Self) -> bool {
        // By name, so that a field that is added is not forgotten here.
        let Self { client_id, client_secret, redirect_uri, fields, private_key, private_key_algorithm, private_key_id } = self;
        let same = |one: &Option<Secret>, other: &Option<Secret>| match (one, other) {
            (Some(one), Some(other)) => one.same_as(other.expose()),
            (one, other) => one.is_none() && other.is_none(),
        };
        let same_fields = fields.len() == other.fields.len()
            && fields.iter().all(|(name, value)| other.fields.get(name).is_some_and(|theirs| value.same_as(theirs.expose())));
        *client_id == other.client_id
            && same(client_secret, &other.client_secret)
            && *redirect_uri == other.redirect_uri
            && same_fields
            && same(private_key, &other.private_key)
            && *private_key_algorithm == other.private_key_algorithm
            && *private_key_id == other.private_key_id
    }

    /// The value of a field by the name that provider files use: `client_id`, `client_secret`, `redirect_uri`, `private_key`, `private_key_id`, or a
    /// further field.
    pub fn field(&self, name: &str) -> Option<&str> {
        match name {
            "client_id" => Some(self.client_id.as_str()).filter(|id| !id.is_empty()),
            "client_secret" => self.client_secret.as_ref().map(Secret::expose),
            "redirect_uri" => self.redirect_uri.as_deref(),
            "private_key_id" => self.private_key_id.as_deref(),
            "private_key" if self.private_key.is_some() => self.private_key.as_ref().map(Secret::expose),
            other => self.fields.get(other).map(Secret::expose),
        }
    }

    /// Sets a field by the same name.
    ///
    /// ```
    /// let mut app = keyfob_proto::App::default();
    /// for (name, value) in [("client_id", "id"), ("private_key_id", "key-1"), ("shop", "corner")] {
    ///     app.set(name, value.into());
    /// }
    /// assert_eq!((app.client_id.as_str(), app.private_key_id.as_deref(), app.field("shop")), ("id", Some("key-1"), Some("corner")));
    /// ```
    pub fn set(&mut self, name: &str, value: Secret) {
        let text = || value.expose().to_owned();
        match name {
            "client_id" => self.client_id = text(),
            "client_secret" => self.client_secret = Some(value),
            "redirect_uri" => self.redirect_uri = Some(text()),
            "private_key" => self.private_key = Some(value),
            "private_key_id" => self.private_key_id = Some(text()),
            other => drop(self.fields.insert(other.to_owned(), value)),
        }
    }

    /// Takes from what is known of the same registration all that is not said here: its redirect URI, a field, its key. Of another registration nothing.
    ///
    /// ```
    /// use keyfob_proto::App;
    ///
    /// let mut known = App::confidential("id", "old-secret");
    /// known.redirect_uri = Some("https://app.example/callback".to_owned());
    /// let said = |client_id: &str| App::confidential(client_id, "new-secret").beside(&known);
    /// assert_eq!(said("id").field("redirect_uri"), known.field("redirect_uri"));
    /// assert_eq!(said("id").field("client_secret"), Some("new-secret"));
    /// assert_eq!(said("other").redirect_uri, None);
    /// ```
    #[must_use]
    pub fn beside(self, known: &Self) -> Self {
        if self.client_id != known.client_id {
            return self;
        }
        // By name, so that a field that is added is not forgotten here.
        let Self { client_id, client_secret, redirect_uri, mut fields, private_key, private_key_algorithm, private_key_id } = self;
        for (name, value) in &known.fields {
            fields.entry(name.clone()).or_insert_with(|| value.clone());
        }
        // What a key signs with, and what it is called, is said of that key.
        let is_known_key = match (&private_key, &known.private_key) {
            (Some(said), Some(known)) => said.same_as(known.expose()),
            (said, _) => said.is_none(),
        };
        let known_key = is_known_key.then_some(known);
        Self {
            client_id,
            client_secret: client_secret.or_else(|| known.client_secret.clone()),
            redirect_uri: redirect_uri.or_else(|| known.redirect_uri.clone()),
            fields,
            private_key: private_key.or_else(|| known.private_key.clone()),
            private_key_algorithm: private_key_algorithm.or_else(|| known_key?.private_key_algorithm),
            private_key_id: private_key_id.or_else(|| known_key?.private_key_id.clone()),
        }
    }

    /// Everything about the app that must not be shown.
    pub fn secrets(&self) -> impl Iterator<Item = &Secret> {
        self.client_secret.iter().chain(self.fields.values()).chain(&self.private_key)
    }

    /// The app's own key, ready to sign; `None` where it has none. Reading a key takes a while: keep what comes.
    ///
    /// ```
    /// use keyfob_proto::jose::{Algorithm, AwsLc, Crypto as _};
    /// use keyfob_proto::App;
    ///
    /// let mut app = App::public("example-client-id");
    /// assert!(app.signer(&AwsLc)?.is_none());
    /// app.private_key = AwsLc.generate(Algorithm::ES256)?.to_pem();
    /// app.private_key_id = Some("key-1".to_owned());
    /// let signer = app.signer(&AwsLc)?.expect("it has a key now");
    /// assert_eq!((signer.algorithm(), signer.key_id()), (Algorithm::ES256, Some("key-1")));
    /// # Ok::<(), keyfob_proto::Misuse>(())
    /// ```
    ///
    /// # Errors
    ///
    /// `Misuse` for a key that cannot be read, or does not fit its algorithm.
    pub fn signer(&self, crypto: &dyn Crypto) -> Result<Option<Arc<dyn Sign>>, Misuse> {
        let Some(text) = &self.private_key else { return Ok(None) };
        let mut key = PrivateKey::read(text)?;
        if let Some(name) = &self.private_key_id {
            key = key.named(name);
        }
        match self.private_key_algorithm.or(key.algorithm) {
            Some(algorithm) => crypto.signer(algorithm, &key).map(Some),
            None => USUAL.into_iter().find_map(|algorithm| crypto.signer(algorithm, &key).ok()).map(Some).ok_or_else(|| {
                Misuse::new("a private key of a kind that signs (RSA of 2048 bits at least, P-256, P-384, P-521, Ed25519)", "another one")
                    .of("RFC 7518 §3.1")
                    .with_hint("make a new key pair, and register its public key with the provider")
            }),
        }
    }
}
