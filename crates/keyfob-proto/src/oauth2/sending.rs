//! What is made fresh for each sending of a request: an assertion about the client (RFC 7523), or a secret that is one, and the proof that we hold the key our tokens are
//! bound to (DPoP, RFC 9449). A step knows neither when it is sent nor how often; so these are no part of it.

use http::Uri;

use super::assertion::{CLIENT_ASSERTION_TYPE, client_assertion, signed_secret};
use super::authorize::no_key;
use super::client::{Client, Shared};
use super::dpop;
use super::settings::ClientAuth;
use crate::entropy::Entropy;
use crate::error::Misuse;
use crate::jose::{Algorithm, HmacKey, Sign};
use crate::message::Outgoing;
use crate::secret::Secret;
use crate::time::Timestamp;

impl Client {
    /// A request of this client, ready to go: call it each time one is sent, also when the same one is sent again with the nonce that a server asked for
    /// ([`dpop::wants_nonce`]). Where the client needs neither, it is the request as it is. Draws up to 32 bytes of entropy.
    ///
    /// ```
    /// # use keyfob_proto::jose::{Algorithm, AwsLc, Crypto as _};
    /// # use keyfob_proto::{App, Endpoint, Flow, Settings, Timestamp, oauth2};
    /// # let endpoint = |url| Endpoint::parse(url).unwrap();
    /// # let mut flow = oauth2::Settings::new(endpoint("https://login.example/authorize"), endpoint("https://login.example/token"));
    /// flow.client_auth = oauth2::ClientAuth::PrivateKeyJwt;
    /// flow.issuer = Some("https://login.example".to_owned());
    /// # let provider = Settings::new("example", Flow::OAuth2(flow), endpoint("https://api.example"));
    /// let key = AwsLc.signer(Algorithm::ES256, &AwsLc.generate(Algorithm::ES256)?.named("key-1"))?;
    /// let client = oauth2::Client::new(&provider, App::public("id"))?.with_key(key);
    ///
    /// let exchange = client.client_credentials(&oauth2::AccessRequest::scopes(["read"]))?;
    /// let entropy = |buffer: &mut [u8]| buffer.fill(7); // the system's, in earnest
    /// let outgoing = client.sending(exchange.request(), None, Timestamp::from_unix(1_795_000_000), &entropy)?;
    /// assert!(outgoing.body().starts_with(b"grant_type=client_credentials&scope=read&client_assertion_type="));
    /// # Ok::<(), keyfob_proto::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// `Misuse` if there is no key to sign with or no issuer to sign for, or whoever holds the key does not sign.
    pub fn sending(&self, request: &Outgoing, nonce: Option<&str>, now: Timestamp, entropy: &dyn Entropy) -> Result<Outgoing, Misuse> {
        let mut outgoing = request.clone();
        if outgoing.wants_assertion {
            outgoing = if self.shared.settings.client_auth == ClientAuth::SignedSecret {
                let secret = self.signed_secret(now)?;
                outgoing.more_form(&[(self.shared.settings.name_of("client_secret"), secret.expose())])
            } else {
                let assertion = self.assertion(now, entropy)?;
                outgoing.more_form(&[("client_assertion_type", CLIENT_ASSERTION_TYPE), ("client_assertion", assertion.expose())])
            };
        }
        if let Some(key) = self.proof_key.as_ref().filter(|_| self.gives_tokens(request.uri())) {
            let proof = key.proof(request.method(), request.uri(), nonce, None, now, entropy)?;
            outgoing = outgoing.secret_header(dpop::PROOF, &proof)?;
        }
        Ok(outgoing)
    }

    fn assertion(&self, now: Timestamp, entropy: &dyn Entropy) -> Result<Secret, Misuse> {
        let Shared { settings, app, .. } = &*self.shared;
        let audience = settings.assertion_audience.as_deref().or(settings.issuer.as_deref());
        let audience = audience.ok_or_else(|| {
            Misuse::no_issuer("RFC 7523 §3").with_hint(
                "name it in the provider's file: endpoints.issuer; or, where assertions are for somebody else, oauth2.assertion_audience",
            )
        })?;
        let sign = |signer: &dyn Sign| client_assertion(signer, &app.client_id, audience, now, entropy);
        match (settings.client_auth, &app.client_secret, &self.signer) {
            (ClientAuth::SecretJwt, Some(secret), _) => sign(&HmacKey::new(Algorithm::HS256, secret)?),
            (ClientAuth::PrivateKeyJwt, _, Some(signer)) => sign(&**signer),
            _ => Err(no_key("assertions")),
        }
    }

    fn signed_secret(&self, now: Timestamp) -> Result<Secret, Misuse> {
        let Shared { settings, app, .. } = &*self.shared;
        let says = settings.signed_secret.as_ref();
        let says = says.ok_or_else(|| {
            Misuse::new("what a signed client secret says (signed_secret) in the provider's settings", "nothing")
                .with_hint("add it to the provider's file")
        })?;
        let signer = self.signer.as_deref().ok_or_else(|| no_key("its client secret"))?;
        signed_secret(signer, &app.client_id, says, now)
    }

    /// RFC 9449 §5: a proof goes with whatever is answered by tokens.
    fn gives_tokens(&self, uri: &Uri) -> bool {
        let refresh = self.shared.settings.refresh.as_ref();
        self.shared.settings.token.uri() == uri || refresh.is_some_and(|refresh| refresh.uri() == uri)
    }
}
