//! The URLs of a provider's file, at the hosts that stand in for its own.

use super::file::{File, Kind};
use super::place::{Hosts, Place, fill};
use crate::apps::Registration;

/// The URLs of the file.
#[derive(Default)]
pub(super) struct Places {
    pub(super) request_token: Option<Place>,
    pub(super) authorize: Option<Place>,
    pub(super) token: Option<Place>,
    pub(super) refresh: Option<Place>,
    pub(super) long_lived: Option<Place>,
    pub(super) revoke: Option<Place>,
    pub(super) device: Option<Place>,
    pub(super) pin_page: Option<Place>,
    pub(super) issuer: Option<Place>,
    pub(super) metadata: Option<Place>,
    pub(super) jwks: Option<Place>,
    pub(super) par: Option<Place>,
    pub(super) userinfo: Option<Place>,
    pub(super) end_session: Option<Place>,
    pub(super) base: Option<Place>,
    pub(super) more: Vec<Place>,
}

impl Places {
    pub(super) fn read(file: &File, app: &Registration, hosts: &mut Hosts) -> Result<Self, String> {
        let at = &file.endpoints;
        let field = |name: &str| if name == "client_id" { Some(app.client_id.clone()) } else { file.field(app, name) };
        let mut place = |url: &Option<String>| url.as_ref().map(|url| hosts.place(&fill(url, field)?)).transpose();
        let mut places = Self {
            request_token: place(&at.request_token)?,
            authorize: place(&at.authorize)?,
            token: place(&at.token)?,
            refresh: place(&at.refresh)?,
            long_lived: place(&file.oauth2.renewal.as_ref().and_then(|renewal| renewal.long_lived.clone()))?,
            revoke: place(&at.revoke)?,
            device: place(&at.device)?,
            pin_page: place(&file.oauth2.pin.as_ref().map(|pin| pin.page.clone()))?,
            issuer: place(&at.issuer)?,
            metadata: None,
            jwks: place(&at.jwks)?,
            par: place(&at.par)?,
            userinfo: place(&at.userinfo)?,
            end_session: place(&at.end_session)?,
            base: None,
            more: Vec::new(),
        };
        let kept = file.kept(false);
        let of_account = |name: &str| field(name).or_else(|| kept.get(name).cloned());
        places.base = Some(hosts.place(&fill(&file.api.base_url, of_account)?)?);
        places.more = file.api.more_origins.iter().map(|url| hosts.place(&fill(url, field)?)).collect::<Result<_, _>>()?;
        if file.kind == Kind::Oidc {
            let issuer = at.issuer.as_ref().ok_or("kind = \"oidc\" without endpoints.issuer")?;
            let issuer = fill(issuer, field)?;
            let mut below = |path: &str| hosts.place(&format!("{}{path}", issuer.trim_end_matches('/'))).map(Some);
            places.metadata = below("/.well-known/openid-configuration")?;
            places.authorize = below("/imitated/authorize")?;
            places.token = below("/imitated/token")?;
            // Of these the file's own word counts, if it has one.
            let mut unless_said = |place: &mut Option<Place>, path: &str| {
                if place.is_none() {
                    *place = below(path)?;
                }
                Ok::<_, String>(())
            };
            unless_said(&mut places.revoke, "/imitated/revoke")?;
            unless_said(&mut places.jwks, "/imitated/jwks")?;
            if file.oauth2.par_required {
                unless_said(&mut places.par, "/imitated/par")?;
            }
        }
        let needed = match file.kind {
            // Nobody logs in.
            Kind::OAuth1 if file.oauth1.one_legged || file.import.is_some() => return Ok(places),
            Kind::OAuth2 if file.import.is_some() => [&places.token, &places.token, &places.token],
            Kind::OAuth2 if file.is_device_only() => [&places.device, &places.device, &places.token],
            Kind::OAuth1 => [&places.request_token, &places.authorize, &places.token],
            Kind::OAuth2 | Kind::Oidc => [&places.authorize, &places.authorize, &places.token],
        };
        if needed.iter().any(|place| place.is_none()) { Err("an endpoint is missing".into()) } else { Ok(places) }
    }
}
