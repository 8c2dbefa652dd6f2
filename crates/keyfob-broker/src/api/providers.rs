//! `/v1/providers`: what can be connected.

use keyfob_providers::{Kind, Provider, Status};
use schemars::JsonSchema;
use serde::Serialize;

use super::call::Call;
use super::cursor::Page;
use crate::failure::sentence;
use crate::problem::Problem;
use crate::site::Site;

/// A provider.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Provider")]
pub(super) struct Shown {
    /// Its name: what accounts there are called, too.
    name: String,
    title: String,
    about: String,
    kind: Speaks,
    /// Whether an app is there, so that accounts can be connected.
    is_ready: bool,
    /// When it ended, if it did.
    retired_on: Option<String>,
    /// The redirect URI to register there.
    redirect_uri: String,
    /// The permissions that can be asked for, as far as they are known.
    scopes: Vec<Scope>,
}

/// What it speaks.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Speaks {
    OAuth1,
    OAuth2,
    Oidc,
    Other,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Scope {
    name: String,
    about: String,
    /// Whether it is asked for where nobody says.
    is_usual: bool,
}

impl Shown {
    fn of(site: &Site, provider: &Provider) -> Self {
        let usual = provider.default_scopes();
        let further = provider.scopes.iter().map(|(name, _)| name).filter(|name| !usual.contains(name));
        let all = usual.iter().map(|name| (name, true)).chain(further.map(|name| (name, false)));
        let about = |name: &str| provider.scopes.iter().find(|(known, _)| known == name).map(|(_, about)| sentence(about));
        Self {
            name: provider.name.clone(),
            title: provider.title.clone(),
            about: sentence(&provider.about),
            kind: match provider.kind {
                Kind::OAuth1 => Speaks::OAuth1,
                Kind::OAuth2 => Speaks::OAuth2,
                Kind::Oidc => Speaks::Oidc,
                _ => Speaks::Other,
            },
            is_ready: site.desk(&provider.name).is_some(),
            retired_on: match &provider.status {
                Status::Retired { on, .. } => Some(on.clone()),
                _ => None,
            },
            redirect_uri: site.redirect_uri(&provider.name),
            scopes: all.map(|(name, is_usual)| Scope { name: name.clone(), about: about(name).unwrap_or_default(), is_usual }).collect(),
        }
    }
}

pub(super) async fn list(call: Call) -> Result<Page<Shown>, Problem> {
    let window = call.window()?;
    let words: Vec<String> = call.query("q").unwrap_or_default().to_lowercase().split_whitespace().map(str::to_owned).collect();
    let kind = call.query("kind");
    let mut all = call.site.providers();
    all.retain(|provider| {
        let text = format!("{} {} {}", provider.name, provider.title, provider.about).to_lowercase();
        words.iter().all(|word| text.contains(word)) && kind.is_none_or(|kind| kind == provider.kind.name())
    });
    all.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(window.of(all, |provider| provider.name.clone(), |provider| Shown::of(&call.site, &provider)))
}

pub(super) async fn show(call: Call) -> Result<Shown, Problem> {
    let name = call.named("provider");
    call.site.look_for(name).await?;
    let provider = call.site.provider(name).ok_or_else(Problem::not_here)?;
    Ok(Shown::of(&call.site, &provider))
}
