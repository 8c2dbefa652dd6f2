//! Messages on their way. One broker has a message at a time: it writes down when the message is tried next before it tries it, and whoever is
//! second finds that. Should it die, that is when another one tries.

use std::sync::Arc;
use std::time::Duration;

use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{HeaderValue, Method, Request, StatusCode};
use keyfob::proto::{Timestamp, TransportKind};
use keyfob::store::{Expected, Generation, Versioned};
use keyfob::transport::PublicOnly;
use keyfob::{Body, StoreError};
use keyfob_store::Shelf;
use keyfob_store::shelf::Item;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::follow::{LIFE, MESSAGE, Message, TOLD};
use super::{KIND, Trouble, Webhook, change, sign, target};
use crate::site::Site;

/// What waits is looked for this often, also where nobody rings.
const EVERY: Duration = Duration::from_secs(1);

/// A receiver answers in this time, or has not.
const PATIENCE: Duration = Duration::from_secs(15);

/// Messages on their way at once: a receiver that is slow keeps no other one waiting for long.
const AT_ONCE: usize = 16;

/// How many are read at once.
const PAGE: usize = 100;

/// The pauses between tries, in seconds; the first is longer than a try takes. The last is repeated until the message's life is over.
const PAUSES: [i64; 7] = [30, 60, 5 * 60, 15 * 60, 3600, 2 * 3600, 4 * 3600];

/// That there is something to do.
#[derive(Debug, Default)]
pub(crate) struct Bell(Notify);

impl Bell {
    pub(super) fn ring(&self) {
        self.0.notify_one();
    }
}

/// Delivers what waits.
pub(super) async fn deliver(site: &Site, shelf: &Arc<dyn Shelf>) {
    loop {
        if let Err(error) = round(site, shelf).await {
            tracing::warn!(%error, "messages wait for a moment");
        }
        let _ = tokio::time::timeout(EVERY, site.bell.0.notified()).await;
    }
}

/// One look at everything that waits.
async fn round(site: &Site, shelf: &Arc<dyn Shelf>) -> Result<(), StoreError> {
    let (now, mut after, mut under_way) = (site.keyfob.now(), None::<String>, JoinSet::new());
    loop {
        let page = shelf.items(MESSAGE, None, after.as_deref(), PAGE, now).await?;
        after = page.last().map(|last| last.value.id.clone());
        let is_last = page.len() < PAGE;
        for found in page {
            let Some(turn) = Turn::take(&**shelf, found, now).await? else { continue };
            if under_way.len() >= AT_ONCE {
                under_way.join_next().await;
            }
            let (keyfob, spared, shelf) = (site.keyfob.clone(), site.webhook_origins.clone(), shelf.clone());
            under_way.spawn(async move {
                if let Err(error) = turn.go(&keyfob, &spared, &*shelf).await {
                    tracing::warn!(%error, "what became of a message could not be written");
                }
            });
        }
        if is_last {
            break;
        }
    }
    under_way.join_all().await;
    Ok(())
}

/// The right to try a message now.
struct Turn {
    id: String,
    message: Message,
    webhook: Webhook,
}

impl Turn {
    async fn take(shelf: &dyn Shelf, found: Versioned<Item>, now: Timestamp) -> Result<Option<Self>, StoreError> {
        let Item { id, owner, content, .. } = &found.value;
        let (Ok(mut message), Some(owner)) = (serde_json::from_slice::<Message>(content), owner) else {
            shelf.remove_item(MESSAGE, id).await?;
            return Ok(None);
        };
        if now < message.due {
            return Ok(None);
        }
        // Whoever was removed is told nothing more.
        let webhook = shelf.item(KIND, &message.webhook, now).await?.as_ref().map(Webhook::read).transpose()?;
        let (Some(webhook), None) = (webhook, shelf.item(TOLD, id, now).await?) else {
            shelf.remove_item(MESSAGE, id).await?;
            return Ok(None);
        };
        let pause = PAUSES[(message.tries as usize).min(PAUSES.len() - 1)];
        message.tries += 1;
        // Not all at once where a receiver comes back.
        message.due = now.plus(pause + spread(id, pause / 4));
        match put(shelf, id, owner, &message, found.generation).await {
            Ok(()) => Ok(Some(Self { id: id.clone(), message, webhook })),
            Err(StoreError::Conflict) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn go(self, keyfob: &keyfob::Keyfob, spared: &[keyfob::proto::Origin], shelf: &dyn Shelf) -> Result<(), StoreError> {
        let sent = self.send(keyfob, spared).await;
        let now = keyfob.now();
        let Self { id, message, webhook } = self;
        let over = message.due.since(message.created_at) >= LIFE;
        match &sent {
            Ok(()) => tracing::debug!(webhook = webhook.id, "a message was told"),
            Err(reason) => tracing::info!(webhook = webhook.id, reason, over, "a message was not told"),
        }
        if sent.is_ok() || over {
            // First what says that it is over: whoever queues it again finds that.
            let told = Item::new(&id, *b"{}").owned_by(&webhook.owner).until(message.created_at.plus(2 * LIFE));
            shelf.put_item(TOLD, &told, Expected::Anything).await?;
            shelf.remove_item(MESSAGE, &id).await?;
        }
        match sent {
            Ok(()) if webhook.record.trouble.is_none() => {}
            Ok(()) => drop(change(shelf, &webhook.id, now, |webhook| webhook.record.trouble = None).await?),
            Err(reason) => {
                let note = |webhook: &mut Webhook| {
                    let before = webhook.record.trouble.take();
                    let (since, given_up) = before.map_or((now, 0), |before| (before.since, before.given_up));
                    webhook.record.trouble = Some(Trouble { since, reason: reason.clone(), given_up: given_up + u64::from(over) });
                };
                change(shelf, &webhook.id, now, note).await?;
            }
        }
        Ok(())
    }

    /// Sends it; an error is the end of a sentence.
    async fn send(&self, keyfob: &keyfob::Keyfob, spared: &[keyfob::proto::Origin]) -> Result<(), String> {
        let endpoint = target::judge(&self.webhook.record.url, spared).map_err(|_| "it may not be reached from here".to_owned())?;
        let (at, body) = (keyfob.now(), self.message.body.clone());
        let signatures = sign::signatures(self.webhook.secrets(at), &self.id, at, &body);
        let mut request = Request::new(Body::from(body.into_bytes()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = endpoint.uri().clone();
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static("keyfob"));
        for (name, value) in
            [("webhook-id", &self.id), ("webhook-timestamp", &at.as_unix().to_string()), ("webhook-signature", &signatures)]
        {
            headers.insert(name, HeaderValue::from_str(value).map_err(|_| "it could not be signed".to_owned())?);
        }
        if !target::is_spared(&endpoint, spared) {
            request.extensions_mut().insert(PublicOnly);
        }
        // The answer's body says nothing to us, and is not read.
        let answer = tokio::time::timeout(PATIENCE, keyfob.transport().send(request)).await;
        let status = match answer {
            Err(_) => return Err("no answer came in time".to_owned()),
            Ok(Err(error)) => return Err(in_words(error.kind).to_owned()),
            Ok(Ok(answer)) => answer.status(),
        };
        if status.is_success() { Ok(()) } else { Err(format!("the answer was {}", shown(status))) }
    }
}

async fn put(shelf: &dyn Shelf, id: &str, owner: &str, message: &Message, before: Generation) -> Result<(), StoreError> {
    shelf.put_item(MESSAGE, &message.item(id, owner), Expected::Generation(before)).await.map(drop)
}

/// Nothing of what was said there: what an address inside a network answers is nobody's business.
fn in_words(kind: TransportKind) -> &'static str {
    match kind {
        TransportKind::Tls => "its certificate is not trusted",
        TransportKind::Timeout => "no answer came in time",
        TransportKind::Forbidden => "it may not be reached from here",
        TransportKind::Connect => "there was no connection",
        _ => "the connection broke",
    }
}

fn shown(status: StatusCode) -> String {
    if status.is_redirection() { format!("{}, which is not followed", status.as_u16()) } else { status.as_u16().to_string() }
}

/// So many seconds at most, always the same for a message.
fn spread(id: &str, most: i64) -> i64 {
    id.bytes().fold(0_i64, |sum, byte| (sum * 31 + i64::from(byte)) % (most + 1))
}
