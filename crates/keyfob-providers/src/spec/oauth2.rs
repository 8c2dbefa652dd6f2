//! What a provider file says for OAuth 2 and OpenID Connect, and the settings made of it: the file's own word counts, and under `kind = "oidc"` the
//! issuer's where the file has none.

use keyfob_proto::jose::Algorithms;
use keyfob_proto::oauth2::metadata::{Metadata, Preferences};
use keyfob_proto::oauth2::{
    ClientAuth, Dpop, LongLived, Pin, Pkce, Renewal, RevocationBody, Settings, SignedSecret, TokenBody, TokenError,
};
use keyfob_proto::{App, Endpoint, Error, Misuse, Signal, Template};

use super::fill;
use crate::provider::{Moves, RefreshLifetime};

/// `[endpoints]` and `[oauth2]`. What is `None` is the issuer's to say, or is not there.
#[derive(Clone, Debug)]
pub(crate) struct OAuth2Spec {
    pub(crate) at: Endpoints,
    pub(crate) id_token_algorithms: Option<Algorithms>,
    pub(crate) trusted_audiences: Vec<Template>,
    pub(crate) iss_required: bool,
    pub(crate) par_required: bool,
    pub(crate) request_object: bool,
    pub(crate) dpop: bool,
    pub(crate) client_auth: Option<ClientAuth>,
    pub(crate) assertion_audience: Option<Template>,
    pub(crate) signed_secret: Option<SignedSecretSpec>,
    pub(crate) token_body: TokenBody,
    pub(crate) revocation_body: RevocationBody,
    pub(crate) pin: Option<PinSpec>,
    pub(crate) renewal: Option<RenewalSpec>,
    pub(crate) pkce: Pkce,
    pub(crate) scopes: Vec<String>,
    pub(crate) scope_separator: String,
    pub(crate) response_type: bool,
    pub(crate) redirect_uri_at_token: bool,
    pub(crate) redirect_name: Option<Template>,
    pub(crate) parameter_names: Vec<(String, String)>,
    pub(crate) grant_types: Vec<(String, String)>,
    pub(crate) authorize_fragment: Option<String>,
    pub(crate) token_error: Option<TokenError>,
    pub(crate) grant_ended: Vec<Signal>,
    pub(crate) tokens_at: Option<String>,
    pub(crate) token_type: Option<String>,
    pub(crate) authorize_params: Vec<(String, String)>,
    pub(crate) token_params: Vec<(String, String)>,
    pub(crate) default_lifetime: Option<u32>,
    pub(crate) refresh_expires_in: Option<String>,
    pub(crate) rotates: bool,
    pub(crate) refresh_lifetime: Option<RefreshLifetime>,
}

/// `[endpoints]`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Endpoints {
    pub(crate) issuer: Option<Template>,
    /// `None` where tokens are imported, where people log in on another device alone, and under `kind = "oidc"`.
    pub(crate) authorize: Option<Template>,
    /// `None` under `kind = "oidc"` alone.
    pub(crate) token: Option<Template>,
    pub(crate) refresh: Option<Template>,
    pub(crate) revoke: Option<Template>,
    pub(crate) jwks: Option<Template>,
    pub(crate) device: Option<Template>,
    pub(crate) par: Option<Template>,
    pub(crate) userinfo: Option<Template>,
    pub(crate) end_session: Option<Template>,
}

/// `[oauth2.signed_secret]`.
#[derive(Clone, Debug)]
pub(crate) struct SignedSecretSpec {
    pub(crate) issuer: Template,
    pub(crate) audience: String,
}

impl SignedSecretSpec {
    fn settings(&self, field: &dyn Fn(&str) -> Option<String>) -> Result<SignedSecret, Misuse> {
        Ok(SignedSecret { issuer: self.issuer.render(field)?, audience: self.audience.clone() })
    }
}

/// `[oauth2.pin]`.
#[derive(Clone, Debug)]
pub(crate) struct PinSpec {
    pub(crate) response_type: String,
    pub(crate) user_code: String,
    pub(crate) device_code: String,
    pub(crate) page: Template,
    pub(crate) unit: u32,
    pub(crate) grant_type: String,
    pub(crate) parameter: String,
}

impl PinSpec {
    fn settings(&self, field: &dyn Fn(&str) -> Option<String>, moves: &Moves) -> Result<Pin, Misuse> {
        let Self { response_type, user_code, device_code, page, unit, grant_type, parameter } = self.clone();
        Ok(Pin { response_type, user_code, device_code, page: fill(&page, field, moves)?, unit, grant_type, parameter })
    }
}

/// `[oauth2.renewal]`.
#[derive(Clone, Debug)]
pub(crate) struct RenewalSpec {
    pub(crate) grant_type: String,
    /// Where the login's token is exchanged, and with which `grant_type`.
    pub(crate) long_lived: Option<(Template, String)>,
}

impl RenewalSpec {
    fn settings(&self, field: &dyn Fn(&str) -> Option<String>, moves: &Moves) -> Result<Renewal, Misuse> {
        let long_lived = self
            .long_lived
            .as_ref()
            .map(|(at, grant_type)| Ok::<_, Misuse>(LongLived { endpoint: fill(at, field, moves)?, grant_type: grant_type.clone() }));
        Ok(Renewal { grant_type: self.grant_type.clone(), long_lived: long_lived.transpose()? })
    }
}

impl OAuth2Spec {
    /// The settings of a provider whose endpoints the file names.
    pub(super) fn settings(&self, field: &dyn Fn(&str) -> Option<String>, moves: &Moves) -> Result<Settings, Misuse> {
        let needed = |template: &Option<Template>| match template {
            Some(template) => fill(template, field, moves),
            None => Err(Misuse::new("the issuer's own metadata, which says where its endpoints are (kind = \"oidc\")", "none")),
        };
        let token = needed(&self.at.token)?;
        let flow = match (&self.at.authorize, &self.at.device) {
            (Some(authorize), _) => Settings::new(fill(authorize, field, moves)?, token),
            (None, Some(device)) => Settings::on_device(fill(device, field, moves)?, token),
            (None, None) => Settings::imported(token),
        };
        let client_auth = self.client_auth.unwrap_or(flow.client_auth);
        self.over(Settings { client_auth, pkce: self.pkce, scopes: self.scopes.clone(), ..flow }, field, moves)
    }

    /// The settings of an issuer that describes itself. What the metadata says was judged against the same issuer.
    pub(super) fn discovered(
        &self,
        metadata: &Metadata,
        app: &App,
        field: &dyn Fn(&str) -> Option<String>,
        moves: &Moves,
    ) -> Result<Settings, Error> {
        match self.issuer(field, moves)? {
            Some(issuer) if issuer.as_str() == metadata.issuer => {}
            // Somebody else's endpoints under this one's name would be a mix-up (RFC 9700 §4.4).
            _ => return Err(Misuse::new("the metadata of the provider's own issuer", "another issuer's").into()),
        }
        let preferences = Preferences {
            pkce: self.pkce,
            client_auth: self.client_auth,
            scopes: self.scopes.clone(),
            dpop: if self.dpop { Dpop::Wanted } else { Dpop::Off },
            ..Preferences::default()
        };
        Ok(self.over(metadata.settings(app, &preferences)?, field, moves)?)
    }

    /// Whom the provider's tokens are from.
    pub(super) fn issuer(&self, field: &dyn Fn(&str) -> Option<String>, moves: &Moves) -> Result<Option<Endpoint>, Misuse> {
        // It is compared byte for byte, so nothing about it changes but its origin, where that was moved.
        self.at.issuer.as_ref().map(|issuer| fill(issuer, field, moves)).transpose()
    }

    /// What the file says, over what is known already.
    fn over(&self, known: Settings, field: &dyn Fn(&str) -> Option<String>, moves: &Moves) -> Result<Settings, Misuse> {
        let named = |template: &Option<Template>, known: Option<Endpoint>| match template {
            Some(template) => fill(template, field, moves).map(Some),
            None => Ok(known),
        };
        Ok(Settings {
            issuer: self.issuer(field, moves)?.map(|issuer| issuer.as_str().to_owned()),
            refresh: named(&self.at.refresh, known.refresh)?,
            revoke: named(&self.at.revoke, known.revoke)?,
            jwks: named(&self.at.jwks, known.jwks)?,
            device_authorization: named(&self.at.device, known.device_authorization)?,
            renewal: self.renewal.as_ref().map(|renewal| renewal.settings(field, moves)).transpose()?,
            pin: self.pin.as_ref().map(|pin| pin.settings(field, moves)).transpose()?,
            pushed: named(&self.at.par, known.pushed)?,
            userinfo: named(&self.at.userinfo, known.userinfo)?,
            end_session: named(&self.at.end_session, known.end_session)?,
            // Whoever asks for more care gets it: the file, or the server.
            pushed_required: self.par_required || known.pushed_required,
            iss_required: self.iss_required || known.iss_required,
            request_object: self.request_object || known.request_object,
            dpop: if self.dpop { Dpop::Wanted } else { known.dpop },
            id_token_algorithms: self.id_token_algorithms.clone().unwrap_or(known.id_token_algorithms),
            trusted_audiences: self.trusted_audiences.iter().map(|audience| audience.render(field)).collect::<Result<_, _>>()?,
            assertion_audience: self.assertion_audience.as_ref().map(|audience| audience.render(field)).transpose()?,
            signed_secret: self.signed_secret.as_ref().map(|signed| signed.settings(field)).transpose()?,
            token_body: self.token_body,
            revocation_body: self.revocation_body,
            scope_separator: self.scope_separator.clone(),
            response_type: self.response_type,
            redirect_uri_at_token: self.redirect_uri_at_token,
            redirect_name: self.redirect_name.as_ref().map(|name| name.render(field)).transpose()?,
            parameter_names: self.parameter_names.clone(),
            grant_types: self.grant_types.clone(),
            authorize_fragment: self.authorize_fragment.clone(),
            token_error: self.token_error.clone(),
            grant_ended: self.grant_ended.clone(),
            tokens_at: self.tokens_at.clone(),
            token_type: self.token_type.clone(),
            authorize_params: self.authorize_params.clone(),
            token_params: self.token_params.clone(),
            default_lifetime: self.default_lifetime,
            refresh_expires_in: self.refresh_expires_in.clone(),
            ..known
        })
    }

    /// Whether people log in on another device alone, as far as the file says.
    pub(crate) fn is_device_only(&self) -> bool {
        self.at.authorize.is_none() && self.at.token.is_some() && self.at.device.is_some()
    }

    /// The URLs that the file names, by what they are for.
    pub(super) fn named(&self) -> Vec<(&'static str, Option<&Template>)> {
        let Endpoints { issuer, authorize, token, refresh, revoke, jwks, device, par, userinfo, end_session } = &self.at;
        // Where the rest is the issuer's to say, the issuer is where the first request goes.
        let issuer = issuer.as_ref().filter(|_| token.is_none());
        vec![
            ("issuer", issuer),
            ("authorize", authorize.as_ref()),
            ("token", token.as_ref()),
            ("refresh", refresh.as_ref()),
            ("revoke", revoke.as_ref()),
            ("jwks", jwks.as_ref()),
            ("device", device.as_ref()),
            ("par", par.as_ref()),
            ("userinfo", userinfo.as_ref()),
            ("end_session", end_session.as_ref()),
        ]
    }
}
