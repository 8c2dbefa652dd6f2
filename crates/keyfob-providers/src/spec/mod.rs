//! What a provider file says for the protocol, and the settings made of it: templates filled, origins moved.

mod oauth2;

use http::{HeaderName, Method};
use keyfob_proto::oauth1::{BodyHash, CallbackAt, Placement, SignatureMethod};
use keyfob_proto::oauth2::metadata::Metadata;
use keyfob_proto::{
    AccountBase, Api, App, Attach, Endpoint, Error, Flow, HostPattern, Limits, Misuse, Origin, Settings, Signal, Template, oauth1,
};

pub(crate) use self::oauth2::{Endpoints, OAuth2Spec, PinSpec, RenewalSpec, SignedSecretSpec};

use crate::batch::Batch;
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
    /// Where `base_url` may come to, where the login says its host.
    pub(crate) hosts: Vec<HostPattern>,
    pub(crate) more_origins: Vec<Template>,
    pub(crate) attach: Attach,
    pub(crate) headers: Vec<(HeaderName, Template)>,
    pub(crate) query: Vec<(String, Template)>,
    pub(crate) expired: Vec<Signal>,
    pub(crate) revoked: Vec<Signal>,
    pub(crate) failed: Vec<Signal>,
    pub(crate) message: Vec<String>,
    pub(crate) limits: Option<Limits>,
    pub(crate) pages: Option<Pages>,
    pub(crate) method_override: Vec<String>,
    pub(crate) batch: Batch,
}

/// The part that differs between the protocols.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one a provider")]
pub(crate) enum FlowSpec {
    OAuth1 {
        /// `None` where the keys alone sign, or tokens are imported: there is nobody to ask, and nobody who approves.
        at: Option<Credentials>,
        imported: bool,
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

/// `[endpoints]` of kind oauth1.
#[derive(Clone, Debug)]
pub(crate) struct Credentials {
    pub(crate) request_token: Template,
    pub(crate) authorize: Template,
    pub(crate) access_token: Template,
}

impl Spec {
    pub(crate) fn settings(&self, provider: &Provider, field: &dyn Fn(&str) -> Option<String>) -> Result<Settings, Misuse> {
        let moves = &provider.moves;
        let endpoint = |template: &Template| fill(template, field, moves);
        let flow = match &self.flow {
            FlowSpec::OAuth1 {
                at,
                imported,
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
                ..match at {
                    Some(at) => oauth1::Settings::new(endpoint(&at.request_token)?, endpoint(&at.authorize)?, endpoint(&at.access_token)?),
                    None if *imported => oauth1::Settings::imported(endpoint(&self.api.base_url)?),
                    None => oauth1::Settings::one_legged(endpoint(&self.api.base_url)?),
                }
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
        let field = |name: &str| provider.said(name, app.field(name).map(str::to_owned));
        let flow = spec.discovered(metadata, app, &field, &provider.moves)?;
        Ok(self.complete(provider, &field, Flow::OAuth2(flow))?)
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
        let (base, base_of_account) = self.base(provider, field, &flow)?;
        // A call fills what is left from the app itself, which says nothing of what is usual.
        let usual = |template: &Template| template.filled(|name| field(name).filter(|_| provider.usual(name).is_some()));
        Ok(Settings {
            provider: provider.name.clone(),
            flow,
            api: Api {
                base,
                base_of_account,
                more_origins,
                attach: match &self.api.attach {
                    Attach::Headers(headers) => Attach::Headers(headers.iter().map(|(name, value)| (name.clone(), usual(value))).collect()),
                    other => other.clone(),
                },
                headers: self.api.headers.iter().map(|(name, value)| (name.clone(), usual(value))).collect(),
                query: self.api.query.iter().map(|(name, value)| (name.clone(), usual(value))).collect(),
                expired: self.api.expired.clone(),
                revoked: self.api.revoked.clone(),
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

    /// Where the API is. Where the login says that, it is known for an account alone; until then it is what is known of it: the beginning of its path, or
    /// the token endpoint's origin, which tokens go to anyway.
    fn base(
        &self,
        provider: &Provider,
        field: &dyn Fn(&str) -> Option<String>,
        flow: &Flow,
    ) -> Result<(Endpoint, Option<AccountBase>), Misuse> {
        let url = &self.api.base_url;
        let is_kept = |name: &str| self.keep.iter().any(|kept| kept == name) && provider.client.field(name).is_none();
        if !url.names().any(is_kept) {
            return Ok((fill(url, field, &provider.moves)?, None));
        }
        check_values(url, field)?;
        let url = url.filled(|name| if is_kept(name) { None } else { field(name) });
        let base = match (AccountBase::is_host_said(&url), flow) {
            (true, Flow::OAuth2(flow)) => flow.token.origin(),
            (true, Flow::OAuth1(flow)) => flow.access_token.origin(),
            _ => {
                let start = url.as_str().split('{').next().unwrap_or_default().trim_end_matches('/');
                let endpoint = fill(&Template::parse(start)?, field, &provider.moves)?;
                return Ok((endpoint, Some(self.of_account(url, provider)?)));
            }
        };
        Ok((Endpoint::parse(base.as_str())?, Some(self.of_account(url, provider)?)))
    }

    fn of_account(&self, url: Template, provider: &Provider) -> Result<AccountBase, Misuse> {
        let Moves { all, some } = &provider.moves;
        Ok(AccountBase::new(url, self.api.hosts.clone())?.moved(some.clone(), all.clone()))
    }

    pub(crate) fn default_scopes(&self) -> &[String] {
        match &self.flow {
            FlowSpec::OAuth2(spec) => &spec.scopes,
            FlowSpec::OAuth1 { .. } => &[],
        }
    }

    /// Whether an address has a place of this name in its host.
    pub(crate) fn is_in_host(&self, name: &str) -> bool {
        let place_of = format!("{{{name}}}");
        self.endpoints(&Moves::default(), |_| None).iter().any(|(_, url)| {
            let host = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
            host.split(['/', '?', '#']).next().unwrap_or_default().contains(&place_of)
        })
    }

    /// Places that `usual` knows are filled.
    pub(crate) fn endpoints(&self, moves: &Moves, usual: impl Fn(&str) -> Option<String>) -> Vec<(&'static str, String)> {
        let named: Vec<(&'static str, Option<&Template>)> = match &self.flow {
            FlowSpec::OAuth1 { at: None, .. } => Vec::new(),
            FlowSpec::OAuth1 { at: Some(at), .. } => {
                vec![
                    ("request_token", Some(&at.request_token)),
                    ("authorize", Some(&at.authorize)),
                    ("access_token", Some(&at.access_token)),
                ]
            }
            FlowSpec::OAuth2(spec) => spec.named(),
        };
        let named = named.into_iter().chain([("api", Some(&self.api.base_url))]);
        named
            .filter_map(|(what, template)| {
                let filled = template?.filled(&usual);
                let text = filled.as_str();
                let moved = Endpoint::parse(text).ok().and_then(|endpoint| endpoint.at(moves.target(&endpoint.origin())?).ok());
                Some((what, moved.map_or_else(|| text.to_owned(), |endpoint| endpoint.as_str().to_owned())))
            })
            .collect()
    }
}

/// A URL with its places filled and its origin moved.
fn fill(template: &Template, field: &dyn Fn(&str) -> Option<String>, moves: &Moves) -> Result<Endpoint, Misuse> {
    check_values(template, field)?;
    let endpoint = Endpoint::parse(&template.render(field)?)?;
    match moves.target(&endpoint.origin()) {
        Some(target) => endpoint.at(target),
        None => Ok(endpoint),
    }
}

/// Whether a value may become part of a host name or a path: `evil.example/` or `a@evil.example` would send tokens elsewhere.
pub(crate) fn is_part_of_url(value: &str) -> bool {
    let plain = value.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    plain && !value.is_empty() && !value.starts_with('.') && !value.contains("..")
}

fn check_values(template: &Template, field: &dyn Fn(&str) -> Option<String>) -> Result<(), Misuse> {
    for name in template.names() {
        // The whole of a URL's host may have a port behind it: a server of one's own has.
        let is_host = template.as_str().contains(&format!("://{{{name}}}/")) || template.as_str().ends_with(&format!("://{{{name}}}"));
        let is_good = |value: &str| match value.split_once(':').filter(|_| is_host) {
            Some((host, port)) => is_part_of_url(host) && port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok(),
            None => is_part_of_url(value),
        };
        if field(name).is_some_and(|value| !is_good(&value)) {
            return Err(Misuse::new(format!("letters, digits, \"-\", \"_\" and \".\" for {name}"), "something else")
                .with_hint(format!("it becomes part of {}", template.as_str())));
        }
    }
    Ok(())
}
