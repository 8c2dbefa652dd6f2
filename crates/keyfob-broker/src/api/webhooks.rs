//! `/v1/webhooks`: where events are told.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::call::Call;
use super::cursor::Page;
use super::keys::refused;
use super::moment::Moment;
use crate::audit::What;
use crate::failure::sentence;
use crate::problem::Problem;
use crate::webhook::{self, Name, Webhook};

/// Where events are told, without the secret that messages are signed with.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Webhook")]
pub(super) struct Shown {
    /// Its number.
    id: String,
    url: String,
    events: Vec<Name>,
    created_at: Moment,
    /// When it ends: with the API token that it was made with; none: when it is removed.
    expires_at: Option<Moment>,
    /// What went wrong of late; null: the last message arrived.
    trouble: Option<Trouble>,
}

/// Messages do not arrive.
#[derive(Debug, Serialize, JsonSchema)]
struct Trouble {
    since: Moment,
    /// What the last try ended with.
    reason: String,
    /// How many messages were given up, a day after they were due.
    given_up: u64,
}

/// A webhook to be made.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewWebhook {
    /// An https URL on the open internet, or at an origin that the operator allows.
    #[schemars(length(min = 1, max = 2000))]
    url: String,
    /// What is told there; none: everything.
    #[schemars(length(min = 1, max = 10))]
    events: Option<Vec<Name>>,
}

/// A webhook, and what messages are signed with.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct WebhookWithSecret {
    #[serde(flatten)]
    shown: Shown,
    /// `whsec_…`, as libraries for Standard Webhooks take it: shown once. Null where an answer is repeated.
    secret: Option<String>,
}

impl From<Webhook> for Shown {
    fn from(webhook: Webhook) -> Self {
        let record = webhook.record;
        let trouble = record.trouble.map(|trouble| Trouble {
            since: trouble.since.into(),
            reason: sentence(&trouble.reason),
            given_up: trouble.given_up,
        });
        Self {
            id: webhook.id,
            url: record.url,
            events: record.events,
            created_at: record.created_at.into(),
            expires_at: webhook.expires_at.map(Moment::from),
            trouble,
        }
    }
}

pub(super) async fn list(call: Call) -> Result<Page<Shown>, Problem> {
    let window = call.window()?;
    let all = webhook::list(call.shelf()?, call.person(), call.now()).await?;
    Ok(window.of(all, |webhook| webhook.id.clone(), Shown::from))
}

pub(super) async fn show(call: Call) -> Result<Shown, Problem> {
    let found = webhook::find(call.shelf()?, call.person(), call.named("webhook"), call.now()).await?;
    found.map(Shown::from).ok_or_else(Problem::not_here)
}

pub(super) async fn create(call: Call, new: NewWebhook) -> Result<WebhookWithSecret, Problem> {
    let mut events = new.events.unwrap_or_else(|| Name::ALL.to_vec());
    events.sort_unstable();
    events.dedup();
    let (owner, spared) = (call.person(), &call.site.webhook_origins);
    let drawn = webhook::draw(call.shelf()?, spared, owner, &new.url, events, &call.caller.maker(), call.now()).await;
    let (webhook, secret) = drawn.map_err(|error| refused(&error))?;
    call.tell(What::WebhookMade { webhook: webhook.id.clone(), to: webhook.origin() }).await?;
    webhook::keep(call.shelf()?, &webhook).await?;
    Ok(WebhookWithSecret { shown: webhook.into(), secret: Some(secret.expose().to_owned()) })
}

pub(super) async fn rotate(call: Call) -> Result<WebhookWithSecret, Problem> {
    let id = call.named("webhook");
    if webhook::find(call.shelf()?, call.person(), id, call.now()).await?.is_none() {
        return Err(Problem::not_here());
    }
    call.tell(What::WebhookRotated { webhook: id.to_owned() }).await?;
    let rotated = webhook::rotate(call.shelf()?, call.person(), id, call.now()).await?;
    let (webhook, secret) = rotated.ok_or_else(Problem::not_here)?;
    Ok(WebhookWithSecret { shown: webhook.into(), secret: Some(secret.expose().to_owned()) })
}

pub(super) async fn remove(call: Call) -> Result<Shown, Problem> {
    let (owner, id) = (call.person(), call.named("webhook"));
    let found = webhook::find(call.shelf()?, owner, id, call.now()).await?.ok_or_else(Problem::not_here)?;
    call.tell(What::WebhookRemoved { webhook: found.id.clone(), to: found.origin() }).await?;
    let removed = webhook::remove(call.shelf()?, owner, id, call.now()).await?;
    removed.map(Shown::from).ok_or_else(Problem::not_here)
}
