//! Request objects by reference (RFC 9101 §5.2, OpenID Connect Core §6.2): the browser carries a URL of ours, where the server fetches the request.

use super::authorize::{AuthorizeRequest, ResponseType};
use super::client::Client;
use super::pending::Pending;
use crate::endpoint::Origin;
use crate::entropy::Entropy;
use crate::error::{Error, Misuse};
use crate::time::Timestamp;

/// More than this is refused by servers (RFC 9101 §5.2: 512 ASCII characters).
const LONGEST: usize = 512;

/// Whether a request object that is fetched from us is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signing {
    /// By the client's own key ([`Client::with_key`]).
    ByClient,
    /// Not at all (`alg` of `none`): that it is ours the server knows by our certificate alone, when it fetches it. Only for a server that this client is
    /// registered with so (`request_object_signing_alg`, OpenID Connect Registration §2); never by value, where a browser could change it.
    Unsigned,
}

/// An authorization request that the server will fetch.
#[non_exhaustive]
pub struct RequestByReference {
    /// Where the person has to go. The same URL for everybody would be the same request: it is good for one login.
    pub url: String,
    /// What the server has to find at the `request_uri`, as `application/oauth-authz-req+jwt`. It holds the `state` and the nonce: hand it out once, and
    /// until the login ends.
    pub object: String,
    /// What to keep until the person is back.
    pub pending: Pending,
}

/// Without URL and object: whoever knows the `request_uri` can read the `state`.
impl std::fmt::Debug for RequestByReference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RequestByReference").field("pending", &self.pending).finish_non_exhaustive()
    }
}

impl Client {
    /// Step 1 (as [`authorize`](Self::authorize)) with the request at `request_uri`, a URL of ours that nobody can guess. What a server has to see
    /// beforehand (`response_type`, `scope`) is in the URL as well; everything else in it would be ignored.
    ///
    /// ```
    /// # use keyfob_proto::{App, Endpoint, Flow, Settings, Timestamp, oauth2::{self, AuthorizeRequest, Signing}};
    /// # let endpoint = |url| Endpoint::parse(url).unwrap();
    /// # let mut flow = oauth2::Settings::new(endpoint("https://login.example/authorize"), endpoint("https://login.example/token"));
    /// # flow.issuer = Some("https://login.example".to_owned());
    /// # let provider = Settings::new("example", Flow::OAuth2(flow), endpoint("https://api.example"));
    /// # let client = oauth2::Client::new(&provider, App::public("id"))?;
    /// # let entropy = |buffer: &mut [u8]| buffer.fill(7);
    /// let request = AuthorizeRequest { redirect_uri: "https://app.example/cb".into(), scopes: vec!["openid".into()], ..Default::default() };
    /// let place = "https://app.example/requests/GkurKxf5T0Y";
    /// let asked = client.authorize_by_reference(&request, place, Signing::Unsigned, Timestamp::from_unix(0), &entropy)?;
    /// assert!(asked.url.ends_with("&request_uri=https%3A%2F%2Fapp.example%2Frequests%2FGkurKxf5T0Y"));
    /// assert!(!asked.url.contains("state="));
    /// # Ok::<(), keyfob_proto::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// `Misuse` as for `authorize`; and for a `request_uri` that is not `https` (or on loopback) or longer than 512 characters, a client without the key
    /// it should sign with, settings without an issuer, whom the object is for, or [`Signing::Unsigned`] where they want requests signed.
    pub fn authorize_by_reference(
        &self,
        request: &AuthorizeRequest,
        request_uri: &str,
        signing: Signing,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<RequestByReference, Error> {
        self.may_use_the_browser()?;
        let safe = Origin::parse(request_uri).is_some_and(|origin| origin.as_str().starts_with("https://") || origin.is_loopback());
        if !safe || request_uri.len() > LONGEST {
            return Err(Misuse::new("a request_uri with https (http only on loopback), of at most 512 characters", "another one")
                .of("RFC 9101 §5.2")
                .with_hint("serve the request at a shorter https URL")
                .into());
        }
        // RFC 9101 §10.5: a server that wants every request signed is not talked out of it, nor are settings.
        if signing == Signing::Unsigned && self.shared.settings.request_object {
            return Err(Misuse::new("a signed request, which the settings want (request_object)", "one without signature")
                .of("RFC 9101 §10.5")
                .with_hint("use Signing::ByClient, with a key of the app's own")
                .into());
        }
        let asked = self.ask(request, ResponseType::Code, now, entropy)?;
        let object = match signing {
            Signing::ByClient => asked.signed(now, entropy)?,
            Signing::Unsigned => asked.object(now)?.unsigned(entropy)?,
        };
        let settings = &self.shared.settings;
        let seen = asked.pairs().into_iter().filter(|(name, _)| ["client_id", "response_type", "scope"].contains(name));
        let named = seen.chain([("request_uri", request_uri)]).map(|(name, value)| (settings.name_of(name), value));
        let url = settings.ended(settings.page()?.with_query(named));
        let pending = asked.pending;
        Ok(RequestByReference { url, object, pending })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::Value;

    use super::*;
    use crate::app::App;
    use crate::encode;
    use crate::endpoint::Endpoint;
    use crate::jose::{Algorithm, AwsLc, Crypto as _};

    const PLACE: &str = "https://app.example/r/1";

    fn client() -> Client {
        let endpoint = |url: &str| Endpoint::parse(url).expect("an endpoint");
        let mut flow = super::super::Settings::new(endpoint("https://login.example/authorize"), endpoint("https://login.example/token"));
        flow.issuer = Some("https://login.example".to_owned());
        let settings = crate::Settings::new("example", crate::Flow::OAuth2(flow), endpoint("https://api.example"));
        Client::new(&settings, App::public("us")).expect("a client")
    }

    fn wanting_signatures(mut client: Client) -> Client {
        Arc::make_mut(&mut client.shared).settings.request_object = true;
        client
    }

    fn ask(client: &Client, place: &str, signing: Signing) -> Result<RequestByReference, Error> {
        let request = AuthorizeRequest {
            redirect_uri: "https://app.example/cb".into(),
            scopes: vec!["openid".to_owned()],
            ..AuthorizeRequest::default()
        };
        client.authorize_by_reference(&request, place, signing, Timestamp::from_unix(1000), &|buffer: &mut [u8]| buffer.fill(7))
    }

    fn part(text: &str, nth: usize) -> Value {
        let part = encode::base64url_decode(text.split('.').nth(nth).expect("a part")).expect("base64url");
        serde_json::from_slice(&part).expect("JSON")
    }

    #[test]
    fn the_browser_carries_the_name_of_the_request_and_the_object_all_of_it() {
        let key = AwsLc.signer(Algorithm::ES256, &AwsLc.generate(Algorithm::ES256).expect("a key")).expect("it signs");
        // What would be signed by value is not signed twice.
        let signing_client = wanting_signatures(client()).with_key(key);
        for (client, signing, alg) in [(client(), Signing::Unsigned, "none"), (signing_client, Signing::ByClient, "ES256")] {
            let asked = ask(&client, PLACE, signing).expect("a request");
            let query = asked.url.split_once('?').expect("a query").1;
            assert_eq!(query, "response_type=code&client_id=us&scope=openid&request_uri=https%3A%2F%2Fapp.example%2Fr%2F1");
            assert_eq!((&part(&asked.object, 0)["alg"], &part(&asked.object, 0)["typ"]), (&alg.into(), &"oauth-authz-req+jwt".into()));
            let claims = part(&asked.object, 1);
            assert_eq!(claims["state"].as_str(), Some(asked.pending.key().expose()));
            assert_eq!(
                (&claims["aud"], &claims["scope"], &claims["iss"]),
                (&"https://login.example".into(), &"openid".into(), &"us".into())
            );
            assert!(claims["nonce"].is_string() && claims["code_challenge"].is_string() && claims["request_uri"].is_null());
            assert_eq!(asked.object.ends_with('.'), signing == Signing::Unsigned, "no signature is an empty one");
        }
    }

    #[test]
    fn rfc9101_10_5_where_signatures_are_wanted_none_goes_without() {
        assert!(ask(&client(), PLACE, Signing::Unsigned).is_ok());
        let error = ask(&wanting_signatures(client()), PLACE, Signing::Unsigned).expect_err("not signed");
        assert!(error.to_string().contains("request_object"), "{error}");
    }

    #[test]
    fn a_place_that_anybody_could_stand_in_for_is_refused() {
        for bad in ["http://app.example/r", "app.example/r", "", &format!("https://app.example/{}", "x".repeat(LONGEST))] {
            assert!(ask(&client(), bad, Signing::Unsigned).is_err(), "{bad}");
        }
        assert!(ask(&client(), PLACE, Signing::ByClient).is_err(), "no key to sign with");
        let mut nobody = client();
        Arc::make_mut(&mut nobody.shared).settings.issuer = None;
        assert!(ask(&nobody, PLACE, Signing::Unsigned).is_err(), "nobody to whom it is addressed");
    }
}
