//! Messages on their way. One broker has a message at a time: it writes down when the message is tried next before it tries it, and whoever is
//! second finds that. Should it die, that is when another one tries.

use std::collections::{BinaryHeap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{HeaderValue, Method, Request, StatusCode};
use keyfob::proto::{Origin, Timestamp, TransportKind};
use keyfob::store::{Expected, Generation};
use keyfob::transport::PublicOnly;
use keyfob::{Body, Keyfob, StoreError};
use keyfob_store::Shelf;
use keyfob_store::shelf::Item;
use tokio::sync::{Notify, Semaphore};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;

use super::follow::{LIFE, MESSAGE, Message, TOLD};
use super::{KIND, Trouble, Webhook, change, sign, target};
use crate::listing::Listing;
use crate::site::Site;

/// What waits is looked for this often, also where nobody rings.
const EVERY: Duration = Duration::from_secs(1);

/// Between two looks passes so many times what one took; which counts no longer than this.
const MOSTLY_OTHERS: u32 = 9;
const LONGEST_LOOK: Duration = Duration::from_secs(1);

/// A receiver answers in this time, or has not.
const PATIENCE: Duration = Duration::from_secs(15);

/// Messages on their way at once.
const AT_ONCE: usize = 16;

/// Of those, one person's: whoever has many receivers that are slow keeps nobody else waiting. One webhook has two of them at most, and one where it is in
/// trouble.
const AT_ONCE_OF_ONE: usize = 4;

/// How many one webhook is told until it is looked again.
const ROUND: usize = 100;

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
    let mut under_way = UnderWay::default();
    loop {
        let begun = Instant::now();
        if let Err(error) = under_way.round(site, shelf).await {
            tracing::warn!(%error, "messages wait for a moment");
        }
        // A look reads everything that waits. Where a receiver is away for long that is much, and every event rings: most of the time is others'.
        tokio::time::sleep(MOSTLY_OTHERS * begun.elapsed().min(LONGEST_LOOK)).await;
        let _ = tokio::time::timeout(EVERY, site.bell.0.notified()).await;
    }
}

/// What is being delivered: a task for each webhook that has something to be told. Nobody waits for any of them, so that a receiver that takes its
/// time takes nobody else's. It outlives the looks: an error at one of them stops nothing that is half sent.
struct UnderWay {
    tasks: JoinSet<()>,
    /// By the number of the webhook.
    of: HashMap<String, AbortHandle>,
    places: Arc<Semaphore>,
    /// By person.
    places_of: HashMap<String, Arc<Semaphore>>,
}

/// The numbers of a webhook's messages that are due, by that of what they tell: the newest on top, which goes first where there are too many.
type Due = BinaryHeap<(u64, String)>;

impl Default for UnderWay {
    fn default() -> Self {
        Self { tasks: JoinSet::new(), of: HashMap::new(), places: Arc::new(Semaphore::new(AT_ONCE)), places_of: HashMap::new() }
    }
}

impl UnderWay {
    /// One look at everything that waits.
    async fn round(&mut self, site: &Site, shelf: &Arc<dyn Shelf>) -> Result<(), StoreError> {
        while self.tasks.try_join_next().is_some() {}
        self.of.retain(|_, task| !task.is_finished());
        // Nobody waits for a place of theirs any more.
        self.places_of.retain(|_, places| Arc::strong_count(places) > 1);
        for ((owner, webhook), due) in self.due(site, &**shelf).await? {
            let theirs = self.places_of.entry(owner).or_insert_with(|| Arc::new(Semaphore::new(AT_ONCE_OF_ONE))).clone();
            let (keyfob, spared, shelf, places) = (site.keyfob.clone(), site.webhook_origins.clone(), shelf.clone(), self.places.clone());
            let number = webhook.clone();
            let task = self.tasks.spawn(async move {
                let due = Mutex::new(due.into_sorted_vec().into_iter());
                let goes_well = AtomicBool::new(!is_in_trouble(&*shelf, &number, keyfob.now()).await);
                let lane = async |is_first: bool| {
                    while (is_first || goes_well.load(Ordering::Relaxed))
                        && let Some((_, id)) = next(&due)
                    {
                        // First the place, then the turn: the turn counts from when it is taken, and is over before another broker's begins only
                        // where nothing is waited for in between.
                        let _own = theirs.acquire().await.expect("it is never closed");
                        let _place = places.acquire().await.expect("it is never closed");
                        if !one(&keyfob, &spared, &*shelf, &id).await {
                            goes_well.store(false, Ordering::Relaxed);
                        }
                    }
                };
                tokio::join!(lane(true), lane(false));
            });
            self.of.insert(webhook, task);
        }
        Ok(())
    }

    /// The messages that are due, by person and webhook, without those that have a task already.
    async fn due(&self, site: &Site, shelf: &dyn Shelf) -> Result<HashMap<(String, String), Due>, StoreError> {
        let (mut due, mut all) = (HashMap::<_, Due>::new(), Listing::of(shelf, MESSAGE, None));
        loop {
            let now = site.keyfob.now();
            let Some(page) = all.page(now).await? else { return Ok(due) };
            for Item { id, owner, content, .. } in page.iter().map(|found| &found.value) {
                let Ok(message) = serde_json::from_slice::<Message>(content) else {
                    shelf.remove_item(MESSAGE, id).await?;
                    continue;
                };
                if now < message.due || self.of.contains_key(&message.webhook) {
                    continue;
                }
                // A request of theirs that was under way meanwhile may have made a webhook after theirs were taken away.
                let owner = match (&site.people, owner) {
                    (Some(people), Some(owner)) if people.is_here(owner, now).await? => owner,
                    _ => {
                        shelf.remove_item(MESSAGE, id).await?;
                        continue;
                    }
                };
                let due = due.entry((owner.clone(), message.webhook)).or_default();
                due.push((message.sequence, id.clone()));
                if due.len() > ROUND {
                    due.pop();
                }
            }
        }
    }
}

/// Whether its last message did not arrive.
async fn is_in_trouble(shelf: &dyn Shelf, webhook: &str, now: Timestamp) -> bool {
    let found = shelf.item(KIND, webhook, now).await.ok().flatten();
    found.and_then(|found| Webhook::read(&found).ok()).is_some_and(|webhook| webhook.record.trouble.is_some())
}

fn next<T>(due: &Mutex<impl Iterator<Item = T>>) -> Option<T> {
    due.lock().unwrap_or_else(PoisonError::into_inner).next()
}

/// Tries a message, if it is still to be tried; whether nothing went wrong. What goes wrong with one stops no other one.
async fn one(keyfob: &Keyfob, spared: &[Origin], shelf: &dyn Shelf, id: &str) -> bool {
    let turn = match Turn::take(shelf, id, keyfob.now()).await {
        Ok(Some(turn)) => turn,
        Ok(None) => return true,
        Err(error) => {
            tracing::warn!(%error, "a message waits for a moment");
            return false;
        }
    };
    turn.go(keyfob, spared, shelf).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "what became of a message could not be written");
        false
    })
}

/// The right to try a message now.
struct Turn {
    id: String,
    message: Message,
    webhook: Webhook,
}

impl Turn {
    async fn take(shelf: &dyn Shelf, id: &str, now: Timestamp) -> Result<Option<Self>, StoreError> {
        // As it is now: another broker may have had it since it was seen to be due.
        let Some(found) = shelf.item(MESSAGE, id, now).await? else { return Ok(None) };
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

    /// Sends it, and writes down what came of it: whether it arrived.
    async fn go(self, keyfob: &Keyfob, spared: &[Origin], shelf: &dyn Shelf) -> Result<bool, StoreError> {
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
        let has_arrived = sent.is_ok();
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
        Ok(has_arrived)
    }

    /// Sends it; an error is the end of a sentence.
    async fn send(&self, keyfob: &Keyfob, spared: &[Origin]) -> Result<(), String> {
        let target = target::judge(&self.webhook.record.url, spared).map_err(|_| "it may not be reached from here".to_owned())?;
        let (at, body) = (keyfob.now(), self.message.body.clone());
        let signatures = sign::signatures(self.webhook.secrets(at), &self.id, at, &body);
        let mut request = Request::new(Body::from(body.into_bytes()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = target.uri;
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static("keyfob"));
        for (name, value) in
            [("webhook-id", &self.id), ("webhook-timestamp", &at.as_unix().to_string()), ("webhook-signature", &signatures)]
        {
            headers.insert(name, HeaderValue::from_str(value).map_err(|_| "it could not be signed".to_owned())?);
        }
        if !target.is_spared {
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
