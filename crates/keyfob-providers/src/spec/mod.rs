//! What a provider file says for the protocol, and the settings made of it: templates filled, origins moved.

mod oauth2;

use http::{HeaderName, Method};
use keyfob_proto::oauth1::{BodyHash, CallbackAt, Placement, SignatureMethod};
use keyfob_proto::oauth2::metadata::Metadata;
use keyfob_proto::{Api, App, Attach, Endpoint, Error, Flow, Limits, Misuse, Origin, Settings, Signal, Template, oauth1};

pub(crate) use self::oauth2::{Endpoints, OAuth2Spec};

use crate::pages::Pages;
use crate::provider::{Moves, Provider, Status};

/// What a provider file says for the protocol.
#[derive(Clone, Debug)]
pub(crate) struct Spec {
    pub(crate) flow: FlowSpec,
    pub(crate) api: ApiSpec,
    pub(crate) keep: Vec<String>,
}

/// `[api]`.
#[derive(Clone, Debug)]
pub(crate) struct ApiSpec {
    pub(crate) base_url: Template,
    pub(crate) more_origins: Vec<Template>,
    pub(crate) attach: Attach,
    pub(crate) headers: Vec<(HeaderName, Template)>,
    pub(crate) query: Vec<(String, Template)>,
    pub(crate) expired: Vec<Signal>,
    pub(crate) failed: Vec<Signal>,
    pub(crate) message: Vec<String>,
    pub(crate) limits: Option<Limits>,
    pub(crate) pages: Option<Pages>,
}

/// The part that differs between the protocols.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one a provider")]
pub(crate) enum FlowSpec {
    OAuth1 {
        request_token: Template,
        authorize: Template,
        access_token: Template,
        signature: SignatureMethod,
        placement: Placement,
        token_method: Method,
        realm: Option<Template>,
        callback: CallbackAt,
        authorize_params: Vec<(String, String)>,
        request_token_params: Vec<(String, String)>,
        access_token_params: Vec<(String, String)>,
        body_hash: BodyHash,
        empty_token: bool,
    },
    OAuth2(OAuth2Spec),
}

impl Spec {
    pub(crate) fn settings(&self, provider: &Provider, field: &dyn Fn(&str) -> Option<String>) -> Result<Settings, Misuse> {
        let moves = &provider.moves;
        let endpoint = |template: &Template| fill(template, field, moves);
        let flow = match &self.flow {
            FlowSpec::OAuth1 {
                request_token,
                authorize,
                access_token,
                signature,
                placement,
                token_method,
                realm,
                callback,
                authorize_params,
                request_token_params,
                access_token_params,
                body_hash,
                empty_token,
            } => Flow::OAuth1(oauth1::Settings {
                request_token: endpoint(request_token)?,
                authorize: endpoint(authorize)?,
                access_token: endpoint(access_token)?,
                signature: *signature,
                placement: *placement,
                token_method: token_method.clone(),
                realm: realm.as_ref().map(|realm| realm.render(field)).transpose()?,
                callback: *callback,
                authorize_params: authorize_params.clone(),
                request_token_params: request_token_params.clone(),
                access_token_params: access_token_params.clone(),
                body_hash: *body_hash,
                empty_token: *empty_token,
            }),
            FlowSpec::OAuth2(spec) => Flow::OAuth2(spec.settings(field, moves)?),
        };
        self.complete(provider, field, flow)
    }

    /// The settings of a provider whose issuer describes itself.
    pub(crate) fn discovered(&self, provider: &Provider, metadata: &Metadata, app: &App) -> Result<Settings, Error> {
        let FlowSpec::OAuth2(spec) = &self.flow else {
            return Err(Misuse::new("a provider of kind oidc", format!("{}, which speaks OAuth 1", provider.name)).into());
        };
        let flow = spec.discovered(metadata, app, &provider.moves)?;
        Ok(self.complete(provider, &|name| app.field(name).map(str::to_owned), Flow::OAuth2(flow))?)
    }

    /// Whom to ask first for the endpoints, where the file leaves them to the issuer.
    pub(crate) fn issuer_to_ask(&self, field: &dyn Fn(&str) -> Option<String>, moves: &Moves) -> Result<Option<String>, Misuse> {
        let FlowSpec::OAuth2(spec) = &self.flow else { return Ok(None) };
        let asks = spec.at.token.is_none();
        Ok(spec.issuer(field, moves)?.filter(|_| asks).map(|issuer| issuer.as_str().to_owned()))
    }

    fn complete(&self, provider: &Provider, field: &dyn Fn(&str) -> Option<String>, flow: Flow) -> Result<Settings, Misuse> {
        let endpoint = |template: &Template| fill(template, field, &provider.moves);
        let mut more_origins: Vec<Origin> =
            self.api.more_origins.iter().map(|template| Ok(endpoint(template)?.origin())).collect::<Result<_, Misuse>>()?;
        more_origins.dedup();
        Ok(Settings {
            provider: provider.name.clone(),
            flow,
            api: Api {
                base: endpoint(&self.api.base_url)?,
                more_origins,
                attach: self.api.attach.clone(),
                headers: self.api.headers.clone(),
                query: self.api.query.clone(),
                expired: self.api.expired.clone(),
                failed: self.api.failed.clone(),
                message: self.api.message.clone(),
                limits: self.api.limits.clone(),
            },
            deviations: provider.deviations.iter().map(|(deviation, _)| *deviation).collect(),
            keep: self.keep.clone(),
            retired: match &provider.status {
                Status::Retired { note, .. } => Some(note.clone()),
                _ => None,
            },
        })
    }

    pub(crate) fn default_scopes(&self) -> &[String] {
        match &self.flow {
            FlowSpec::OAuth2(spec) => &spec.scopes,
            FlowSpec::OAuth1 { .. } => &[],
        }
    }

    pub(crate) fn endpoints(&self, moves: &Moves) -> Vec<(&'static str, String)> {
        let named: Vec<(&'static str, Option<&Template>)> = match &self.flow {
            FlowSpec::OAuth1 { request_token, authorize, access_token, .. } => {
                vec![("request_token", Some(request_token)), ("authorize", Some(authorize)), ("access_token", Some(access_token))]
            }
            FlowSpec::OAuth2(spec) => spec.named(),
        };
        let named = named.into_iter().chain([("api", Some(&self.api.base_url))]);
        named
            .filter_map(|(what, template)| {
                let text = template?.as_str();
                let moved = Endpoint::parse(text).ok().and_then(|endpoint| endpoint.at(moves.target(&endpoint.origin())?).ok());
                Some((what, moved.map_or_else(|| text.to_owned(), |endpoint| endpoint.as_str().to_owned())))
            })
            .collect()
    }
}

/// A URL with its places filled and its origin moved.
fn fill(template: &Template, field: &dyn Fn(&str) -> Option<String>, moves: &Moves) -> Result<Endpoint, Misuse> {
    for name in template.names() {
        if let Some(value) = field(name) {
            // A value becomes part of a host name or a path: `evil.example/` or `a@evil.example` would send tokens elsewhere.
            let plain = value.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
            if !plain || value.is_empty() || value.starts_with('.') || value.contains("..") {
                return Err(Misuse::new(format!("letters, digits, \"-\", \"_\" and \".\" for {name}"), "something else")
                    .with_hint(format!("it becomes part of {}", template.as_str())));
            }
        }
    }
    let endpoint = Endpoint::parse(&template.render(field)?)?;
    match moves.target(&endpoint.origin()) {
        Some(target) => endpoint.at(target),
        None => Ok(endpoint),
    }
}
