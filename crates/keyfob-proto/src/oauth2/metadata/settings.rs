//! From what a server says about itself to what the protocol needs to know of it.

use super::{Metadata, SECTION};
use crate::app::App;
use crate::endpoint::Endpoint;
use crate::error::{Error, Misbehaved, Misuse};
use crate::jose::{Algorithm, Algorithms};
use crate::oauth2::settings::{ClientAuth, Dpop, Pkce, Settings};
use crate::scrub::Scrubber;

/// What the metadata leaves to us.
#[derive(Clone, Debug)]
pub struct Preferences {
    /// `Off` only where a provider file says that the server cannot take a proof key, with its source.
    pub pkce: Pkce,
    /// How this app says who it is, where that was agreed on (at registration, or in a provider file). `None`: chosen from the server's list.
    pub client_auth: Option<ClientAuth>,
    /// Whether the transport shows a certificate: then the endpoints of RFC 8705 §5 are taken. They are in any case where `client_auth` is `Tls`.
    pub mtls: bool,
    /// Scopes to ask for when the person names none. Those that a server supports are not those that somebody needs, so they are never taken from it.
    pub scopes: Vec<String>,
    /// Whether tokens shall be bound to a key (RFC 9449): because we want it, or because it was agreed on at registration
    /// (`dpop_bound_access_tokens`) or is what the resource requires (`dpop_bound_access_tokens_required`).
    pub dpop: Dpop,
}

impl Default for Preferences {
    fn default() -> Self {
        Self { pkce: Pkce::S256, client_auth: None, mtls: false, scopes: Vec::new(), dpop: Dpop::Off }
    }
}

/// Whether authorization requests are pushed (RFC 9126), and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed<'a> {
    /// The server has no such endpoint.
    No,
    /// They may be.
    May(&'a Endpoint),
    /// They must be: if pushing fails, the login fails, and nothing goes through the browser instead (A22).
    Must(&'a Endpoint),
}

impl Metadata {
    /// What OAuth 2 needs to know of this server, for this app.
    ///
    /// ```
    /// # use keyfob_proto::{App, Timestamp};
    /// # use keyfob_proto::oauth2::metadata::{Discovery, Order, Preferences, Step};
    /// # let answer = http::Response::builder().header("content-type", "application/json").body(
    /// #     r#"{"issuer":"https://login.example","authorization_endpoint":"https://login.example/authorize",
    /// #        "token_endpoint":"https://login.example/token","token_endpoint_auth_methods_supported":["client_secret_post"],
    /// #        "authorization_response_iss_parameter_supported":true}"#)?;
    /// # let discovery = Discovery::of("https://login.example", Order::OAuthFirst)?;
    /// # let Step::Done(known) = discovery.receive(&answer, Timestamp::from_unix(0))? else { unreachable!() };
    /// use keyfob_proto::oauth2::{ClientAuth, Pkce};
    ///
    /// let app = App::confidential("example-client-id", "sandbox-secret-not-real");
    /// let settings = known.metadata().settings(&app, &Preferences::default())?;
    /// assert_eq!(settings.client_auth, ClientAuth::Post);
    /// assert_eq!(settings.pkce, Pkce::S256);
    /// assert!(settings.iss_required);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// `Misbehaved` for a server that names no token endpoint, or neither an authorization nor a device authorization endpoint, that takes no proof key
    /// of S256 (A7), or that wants requests pushed and does not say where. `Misuse` if the app cannot say who it is in any way that the server takes.
    pub fn settings(&self, app: &App, preferences: &Preferences) -> Result<Settings, Error> {
        let needed = |name: &str| Misbehaved::new(SECTION, name, "metadata without it");
        // G6: an app that is known by its certificate shows it, whatever else was said; at the usual endpoints nobody may be asking for one.
        let shown = preferences.mtls || preferences.client_auth == Some(ClientAuth::Tls);
        let mtls = |name: &str, usual| if shown { self.mtls_endpoint(name, usual) } else { usual };
        let token = mtls("token_endpoint", self.token_endpoint.as_ref()).cloned().ok_or_else(|| needed("token_endpoint"))?;
        let device = mtls("device_authorization_endpoint", self.device_authorization_endpoint.as_ref()).cloned();
        // RFC 8414 §2: it is required unless no grant uses it, and a device login does not.
        let mut settings = match (&self.authorization_endpoint, &device) {
            (Some(authorize), _) => Settings::new(authorize.clone(), token),
            (None, Some(device)) => Settings::on_device(device.clone(), token),
            (None, None) => return Err(needed("authorization_endpoint").into()),
        };
        (settings.pushed, settings.pushed_required) = match self.pushed(shown)? {
            Pushed::No => (None, false),
            Pushed::May(endpoint) => (Some(endpoint.clone()), false),
            Pushed::Must(endpoint) => (Some(endpoint.clone()), true),
        };
        settings.revoke = mtls("revocation_endpoint", self.revocation_endpoint.as_ref()).cloned();
        settings.device_authorization = device;
        let backchannel = mtls("backchannel_authentication_endpoint", self.backchannel_authentication_endpoint.as_ref());
        settings.backchannel_authentication = backchannel.cloned();
        settings.issuer = Some(self.issuer.clone());
        // RFC 9207 §2.4 (A9): a server that always says who it is, and once does not, is another server.
        settings.iss_required = self.authorization_response_iss_parameter_supported;
        settings.jwks.clone_from(&self.jwks_uri);
        // An empty list is one of a server that does not say (Discovery §3 requires it): then what it uses when told nothing else.
        if !self.id_token_signing_alg_values_supported.is_empty() {
            settings.id_token_algorithms = Algorithms::listed(self.id_token_signing_alg_values_supported.iter().map(String::as_str));
        }
        if !self.authorization_signing_alg_values_supported.is_empty() {
            settings.response_algorithms = Algorithms::listed(self.authorization_signing_alg_values_supported.iter().map(String::as_str));
        }
        settings.userinfo = mtls("userinfo_endpoint", self.userinfo_endpoint.as_ref()).cloned();
        settings.end_session.clone_from(&self.end_session_endpoint);
        settings.discovered = true;
        settings.request_object = self.require_signed_request_object;
        settings.dpop = preferences.dpop;
        // What a server lists is its own text, and it knows the app's secret.
        let scrubber = app.secrets().fold(Scrubber::new(), Scrubber::knowing);
        settings.dpop_algorithms = self.dpop_algorithms(preferences.dpop, &scrubber)?;
        settings.pkce = self.pkce(preferences.pkce, &scrubber)?;
        settings.client_auth = match preferences.client_auth {
            Some(agreed) => agreed,
            None => self.client_auth(app, &scrubber)?,
        };
        settings.scopes.clone_from(&preferences.scopes);
        Ok(settings)
    }

    /// Whether authorization requests are pushed, and where: at the alias for those who show a certificate, where `mtls` says that we do.
    ///
    /// # Errors
    ///
    /// `Misbehaved` for a server that wants them pushed (RFC 9126 §5) and does not say where.
    pub fn pushed(&self, mtls: bool) -> Result<Pushed<'_>, Misbehaved> {
        let name = "pushed_authorization_request_endpoint";
        let usual = self.pushed_authorization_request_endpoint.as_ref();
        let endpoint = if mtls { self.mtls_endpoint(name, usual) } else { usual };
        match (endpoint, self.require_pushed_authorization_requests) {
            (Some(endpoint), true) => Ok(Pushed::Must(endpoint)),
            (Some(endpoint), false) => Ok(Pushed::May(endpoint)),
            (None, false) => Ok(Pushed::No),
            (None, true) => Err(Misbehaved::new("RFC 9126 §5", name, "metadata without it, which wants every request pushed")),
        }
    }

    /// RFC 9700 §2.1.1, §4.8.2 (A7). A server that does not list what it takes is sent `S256` all the same: one that does not know it leaves it alone, and
    /// metadata that somebody shortened must not talk us out of it.
    fn pkce(&self, wanted: Pkce, scrubber: &Scrubber) -> Result<Pkce, Misbehaved> {
        match (&self.code_challenge_methods_supported, wanted) {
            (Some(methods), Pkce::S256) if !methods.iter().any(|method| method == "S256") => {
                Err(Misbehaved::new("RFC 7636 §4.2", "S256 among code_challenge_methods_supported", scrubber.clean(&methods.join(", ")))
                    .with_hint("if this server is known for it, its provider file can say pkce = \"off\", with the source"))
            }
            _ => Ok(wanted),
        }
    }

    /// RFC 9449 §5.1. A server that lists none may know nothing of it: what it answers will tell (§5).
    fn dpop_algorithms(&self, wanted: Dpop, scrubber: &Scrubber) -> Result<Algorithms, Misuse> {
        let names = &self.dpop_signing_alg_values_supported;
        let listed = Algorithms::listed(names.iter().map(String::as_str));
        match (listed.iter().count(), wanted) {
            (0, Dpop::Wanted) if !names.is_empty() => {
                let names = scrubber.clean(&names.join(", "));
                Err(Misuse::new("a server that takes DPoP proofs by an algorithm that is spoken here", names)
                    .of("RFC 9449 §5.1")
                    .with_hint("use tokens that are bound to no key"))
            }
            (0, _) => Ok(Algorithms::of([Algorithm::ES256])),
            _ => Ok(listed),
        }
    }

    /// A way that both sides have. The server's list has no order (RFC 8414 §2): of several the strongest is taken, and where an app is registered for
    /// another one, its preferences say so. An app without a secret only has its id, whether or not the list says `none`: many lists forget it.
    fn client_auth(&self, app: &App, scrubber: &Scrubber) -> Result<ClientAuth, Misuse> {
        let takes = |method| self.token_endpoint_auth.takes(method);
        // A secret has no other use (RFC 6749 §2.3.1). A key may be there for request objects alone, where the server wants those signed; then it is the
        // secret that says how the app was registered.
        let by_secret = app.client_secret.is_some() && self.require_signed_request_object;
        let by_key = app.private_key.is_some() && takes("private_key_jwt");
        match app.client_secret {
            _ if by_key && !by_secret => Ok(ClientAuth::PrivateKeyJwt),
            None => Ok(ClientAuth::None),
            Some(_) if takes("client_secret_basic") => Ok(ClientAuth::Basic),
            Some(_) if takes("client_secret_post") => Ok(ClientAuth::Post),
            Some(_) if by_key => Ok(ClientAuth::PrivateKeyJwt),
            Some(_) if takes("client_secret_jwt") => Ok(ClientAuth::SecretJwt),
            Some(_) => {
                let methods = scrubber.clean(&self.token_endpoint_auth.methods.join(", "));
                Err(Misuse::new(
                    format!("an app that can say who it is by one of: {methods}"),
                    "one with a client secret, which the server does not take as it is",
                )
                .of("RFC 8414 §2")
                .with_hint("register the app for one of these, or give it a key of its own (private_key)"))
            }
        }
    }
}
