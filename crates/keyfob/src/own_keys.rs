//! Keys of our own: what signs for an app (RFC 7523, RFC 9101; RFC 5849 §3.4.3), and what tokens are bound to (RFC 9449).

use std::collections::BTreeMap;
use std::sync::Arc;

use keyfob_proto::jose::{Algorithm, PrivateKey, Sign};
use keyfob_proto::oauth1::rsa::RsaSign;
use keyfob_proto::oauth2::dpop::ProofKey;
use keyfob_proto::oauth2::{self, Dpop};
use keyfob_proto::{App, Misuse, Secret, Settings, oauth1};

use crate::error::Error;
use crate::keyfob::Keyfob;

/// Keys that live elsewhere, by provider and client id.
pub(crate) type Signers = BTreeMap<(String, String), Arc<dyn Sign>>;
/// The same for signatures of OAuth 1.
pub(crate) type RsaSigners = BTreeMap<(String, String), Arc<dyn RsaSign>>;

/// What proofs are signed with, the best first: small keys, and quick to make. RSA keys are never made here.
const PROOFS: [Algorithm; 5] = [Algorithm::ES256, Algorithm::EdDSA, Algorithm::Ed25519, Algorithm::ES384, Algorithm::ES512];

impl Keyfob {
    /// The client of an app, with its key where it has one.
    pub(crate) fn client(&self, settings: &Settings, app: &App) -> Result<oauth2::Client, Error> {
        let client = oauth2::Client::new(settings, app.clone())?;
        let elsewhere = self.signers().get(&(settings.provider.clone(), app.client_id.clone())).cloned();
        let signer = match elsewhere {
            Some(signer) => Some(signer),
            None => app.signer(self.crypto())?,
        };
        Ok(match signer {
            Some(signer) => client.with_key(signer),
            None => client,
        })
    }

    /// The same at a provider of OAuth 1: every client of it is made here, so that a key that lives elsewhere signs whatever is signed.
    pub(crate) fn oauth1_client(&self, settings: &Settings, app: &App) -> Result<oauth1::Client, Misuse> {
        let client = oauth1::Client::new(settings, app.clone())?;
        let elsewhere = self.rsa_signers().get(&(settings.provider.clone(), app.client_id.clone())).cloned();
        Ok(match elsewhere {
            Some(key) => client.with_rsa_key(key),
            None => client,
        })
    }

    /// The same as [`client`](Self::client) for a login: with a new key to bind its tokens to, where the settings want that. A key that is missing is missed now, and not after
    /// somebody has approved.
    pub(crate) fn login_client(&self, settings: &Settings, app: &App) -> Result<oauth2::Client, Error> {
        let client = self.client(settings, app)?;
        client.check_key()?;
        match client.settings().dpop {
            Dpop::Wanted => {
                let key = self.new_proof_key(client.settings())?;
                Ok(client.with_proof_key(key))
            }
            _ => Ok(client),
        }
    }

    fn new_proof_key(&self, flow: &oauth2::Settings) -> Result<ProofKey, Error> {
        let algorithm = PROOFS.into_iter().find(|algorithm| flow.dpop_algorithms.allow(*algorithm)).ok_or_else(|| {
            Misuse::new(
                "a server that takes DPoP proofs by ES256, EdDSA, ES384 or ES512",
                format!("one that takes {}", flow.dpop_algorithms),
            )
            .of("RFC 9449 §5.1")
            .with_hint("use tokens that are bound to no key: oauth2.dpop in the provider's file")
        })?;
        let key = self.crypto().generate(algorithm)?;
        let stored = key.to_pem().ok_or_else(|| {
            Misuse::new("a new key that can be kept", "one that has no PEM form")
                .with_hint("use another back-end for cryptography: AWS-LC writes its keys")
        })?;
        Ok(ProofKey::new(self.crypto().signer(algorithm, &key)?, stored)?)
    }

    /// The key that tokens are bound to, found again by what was kept with them. Its PEM does not say what it was made for: that is the first algorithm of
    /// the server's that it fits, as when it was made.
    pub(crate) fn proof_key(&self, flow: &oauth2::Settings, stored: &Secret) -> Result<ProofKey, Error> {
        let key = PrivateKey::read(stored)?;
        let listed = PROOFS.into_iter().filter(|algorithm| flow.dpop_algorithms.allow(*algorithm));
        // A server that lists it no longer may still take it, for the tokens that it gave.
        let signer = listed.chain(PROOFS).find_map(|algorithm| self.crypto().signer(algorithm, &key).ok());
        let signer = signer.ok_or_else(|| {
            Misuse::new("the key that the tokens are bound to", "another kind of key").of("RFC 9449 §5").with_hint("log in again")
        })?;
        Ok(ProofKey::new(signer, stored.clone())?)
    }
}
