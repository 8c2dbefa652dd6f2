//! Pointing providers at a running sandbox, and using its demo apps.

use std::collections::BTreeMap;

use keyfob::proto::{App, Origin, Secret};
use keyfob::transport::Transport;
use keyfob::{Body, HyperTransport};
use keyfob_providers::Provider;
use serde::Deserialize;

use crate::card::{Card, Doing};
use crate::exit::Exit;

/// What a sandbox that runs has to offer.
pub(crate) struct Pretend {
    url: String,
    services: BTreeMap<String, Service>,
}

/// A pretend provider: where it is, and its demo app.
#[derive(Deserialize)]
struct Service {
    origin: String,
    client_id: String,
    #[serde(default)]
    client_secret: String,
    #[serde(default)]
    fields: BTreeMap<String, String>,
    /// Where each of its hosts is, if it is imitated from its file.
    #[serde(default)]
    origins: BTreeMap<String, String>,
}

impl Pretend {
    /// Asks a sandbox at a URL what it has. It has to be on this machine: secrets are going to be sent there.
    pub(crate) async fn find(url: &str, transport: &HyperTransport) -> Result<Self, Card> {
        /// The index of a sandbox is some kilobytes.
        const LARGEST: usize = 1 << 20;
        let what = || format!("cannot use the sandbox at {url}");
        let next = "start one: keyfob sandbox; if it is not at its usual port, name what it prints: --sandbox URL";
        let unfit = |why: &str| Card::usage(what(), why, next);
        let origin = Origin::parse(url).ok_or_else(|| unfit("expected a URL such as http://127.0.0.1:8900"))?;
        if !origin.is_loopback() {
            return Err(unfit("a sandbox is on this machine; other hosts are not talked to as one"));
        }
        let request = http::Request::get(format!("{origin}/providers.json")).body(Body::empty());
        let request = request.map_err(|_| unfit("expected a URL such as http://127.0.0.1:8900"))?;
        let answer = transport.send(request).await.doing(what()).map_err(|card| card.advising(next))?;
        let bytes = answer.into_body().bytes(LARGEST).await.doing(what())?;
        let services =
            serde_json::from_slice(&bytes).map_err(|_| Card::new(Exit::Error, what(), "what answers there is no sandbox", next))?;
        Ok(Self { url: url.to_owned(), services })
    }

    /// The provider as the sandbox plays it.
    pub(crate) fn provider(&self, provider: &Provider) -> Result<Provider, Card> {
        if let Some(service) = self.services.get(&provider.name).filter(|service| !service.origins.is_empty()) {
            let here = |(host, here): (&String, &String)| Some((Origin::parse(host)?, Origin::parse(here).filter(Origin::is_loopback)?));
            return Ok(provider.at(&service.origins.iter().filter_map(here).collect()));
        }
        let origin = self.services.get(&provider.name).and_then(|service| Origin::parse(&service.origin)).filter(Origin::is_loopback);
        let origin = origin.ok_or_else(|| {
            let names: Vec<&str> = self.services.keys().map(String::as_str).collect();
            Card::usage(
                format!("the sandbox at {} does not play {}", self.url, provider.name),
                format!("it plays {}", names.join(", ")),
                format!(
                    "start it with keyfob sandbox --as {}; or leave --sandbox and KEYFOB_SANDBOX away to reach the real one",
                    provider.name
                ),
            )
        })?;
        Ok(provider.at_origin(&origin))
    }

    /// Whether it is played from its file: then it has no data, and actions find nothing.
    pub(crate) fn is_imitated(&self, provider: &str) -> bool {
        self.services.get(provider).is_some_and(|service| !service.origins.is_empty())
    }

    /// The demo app at a provider.
    pub(crate) fn app(&self, provider: &str) -> Option<App> {
        let service = self.services.get(provider)?;
        let secret = Some(&service.client_secret).filter(|secret| !secret.is_empty());
        Some(App {
            client_id: service.client_id.clone(),
            client_secret: secret.map(|secret| Secret::new(secret.as_str())),
            fields: service.fields.iter().map(|(name, value)| (name.clone(), Secret::new(value.as_str()))).collect(),
            ..App::default()
        })
    }
}
