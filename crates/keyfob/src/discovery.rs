//! Discovery: from an issuer to the settings that a login needs.

use std::sync::{Arc, Mutex, PoisonError};

use http::StatusCode;
use keyfob_proto::oauth2::metadata::{CachedMetadata, Discovery, Metadata, Order, Preferences, Step};
use keyfob_proto::oidc::{Finding, WebFinger};
use keyfob_proto::{App, Described, Endpoint, Error as ProtoError, Flow, Settings, Signal, Timestamp, Transport, TransportKind};

use crate::bounded::Bounded;
use crate::error::Error;
use crate::keyfob::Keyfob;
use crate::transport::PublicOnly;

/// More issuers than this are no configuration.
const MOST_ISSUERS: usize = 256;

/// What issuers said about themselves, kept in the process.
pub(crate) struct Issuers {
    by_name: Mutex<Bounded<(String, bool), Arc<Place>>>,
}

/// One at a time asks an issuer. The others have the copy that is there, however old; where there is none they wait, and have what it got.
#[derive(Default)]
struct Place {
    asking: tokio::sync::Mutex<()>,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    known: Option<CachedMetadata>,
    /// Since when there is none and why, told to all who come within the pause: a thousand accounts must not wait for the same silence one by one.
    failure: Option<(Timestamp, Error)>,
}

impl Issuers {
    pub(crate) fn new() -> Self {
        Self { by_name: Mutex::new(Bounded::new(MOST_ISSUERS)) }
    }

    fn place(&self, issuer: &str, order: Order) -> Arc<Place> {
        let name = (issuer.to_owned(), order == Order::OpenIdFirst);
        self.by_name.lock().unwrap_or_else(PoisonError::into_inner).get_or_default(name).clone()
    }
}

impl Place {
    /// What is not old yet.
    fn good(&self, now: Timestamp) -> Option<Metadata> {
        self.known().filter(|known| !known.is_due(now)).map(|known| known.metadata().clone())
    }

    fn known(&self) -> Option<CachedMetadata> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).known.clone()
    }

    /// Why there is none, if that was found out just now.
    fn failure(&self, now: Timestamp) -> Option<Error> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, failure) = kept.failure.as_ref()?;
        (0..CachedMetadata::PAUSE).contains(&now.since(*since)).then(|| failure.again())
    }

    fn keep(&self, new: Kept) {
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = new;
    }
}

/// The settings of a provider that describes itself (RFC 8414, OpenID Connect Discovery): endpoints, keys, client authentication, and what it
/// always does. `api` is where its API is, which no metadata says; its other habits are fields to change. Until then a 401 says that a token is not good any
/// more (RFC 6750 §3.1), and the call is made once more with a new one.
///
/// The issuer is what *you* configured, never what an answer named: a document is believed about that issuer alone. It is asked at its well-known places
/// and kept in the process for as long as it says (a minute to a day). A refresh that brings nothing good leaves the old copy in use (F6), and so does one that is
/// under way, for all but who asks. Where there is none yet, the failure counts for a minute.
///
/// ```
/// # use keyfob::{Error, Keyfob, proto::{App, Endpoint, oauth2::metadata::{Order, Preferences}}};
/// # async fn example(keyfob: &Keyfob) -> Result<(), Error> {
/// let app = App::confidential("example-client-id", "sandbox-secret-not-real");
/// let preferences = Preferences { scopes: vec!["openid".to_owned()], ..Preferences::default() };
/// let api = Endpoint::parse("https://api.example")?;
/// let settings = keyfob::discover(keyfob, "example", "https://login.example", Order::OpenIdFirst, &app, &preferences, api).await?;
/// # Ok(()) }
/// ```
///
/// # Errors
///
/// `Misuse` for an issuer that is none, or an app that cannot say who it is in any way the server takes; `Misbehaved` for a document that says it is about
/// another issuer, names an endpoint that only we could reach, or breaks its RFC in another way; `Transport`.
pub async fn discover(
    keyfob: &Keyfob,
    provider: &str,
    issuer: &str,
    order: Order,
    app: &App,
    preferences: &Preferences,
    api: Endpoint,
) -> Result<Settings, Error> {
    let metadata = keyfob.metadata(issuer, order).await?;
    let flow = metadata.settings(app, preferences)?;
    let mut settings = Settings::new(provider, Flow::OAuth2(flow), api);
    // RFC 6750 §3.1: so an API says that a token is not good any more, where nobody knows of a way of its own.
    settings.api.expired =
        vec![Signal { statuses: vec![StatusCode::UNAUTHORIZED.as_u16()], pointer: None, values: Vec::new(), contains: Vec::new() }];
    // Session Management §2: the frame is asked about the state that came with the login.
    if metadata.check_session_iframe.is_some() {
        settings.keep.push("session_state".to_owned());
    }
    Ok(settings)
}

/// Who signs a person in, by what they typed: an address (`robin@home.example`) or a URL (OpenID Connect Discovery §2). The host in it is asked
/// (WebFinger, RFC 7033), and believed: it is the person's own word for who they are.
///
/// Strangers type what they like, so the hosts that are asked have to be on the open internet, but for `home` itself, port and all, which is where this app
/// is (its redirect URI, say), and for this machine where the app is on it, too (F4). Where a host sends us on to has to be on the open internet always. The
/// issuer is as good as what was typed: hold it against those that this app is registered with before [`discover`] is given it.
///
/// # Errors
///
/// `Misuse` for text that is neither; `Misbehaved` for a host that names no issuer, or one that only we could reach; `Transport`.
pub async fn find_issuer(keyfob: &Keyfob, identifier: &str, home: &Endpoint) -> Result<String, Error> {
    let mut question = WebFinger::of(identifier)?;
    let mut mark = PublicOnly::unless_at(&home.origin(), question.request().origin().as_ref());
    loop {
        let answer = keyfob.exchange_marked(question.request(), mark).await?;
        match question.receive(&answer)? {
            // What the person typed may be us. Where a host sends us on to is that host's word, and it may be anybody's.
            Finding::Next(next) => (question, mark) = (*next, Some(PublicOnly)),
            Finding::Issuer(issuer) => return Ok(issuer),
        }
    }
}

impl Keyfob {
    /// The settings of a provider for an app. One that describes itself is asked: its issuer, which the description names, at most as often as its answer says.
    /// For any other nothing is sent.
    ///
    /// # Errors
    ///
    /// `Misuse` for a value of the app that is missing or fits no URL; for an issuer that has to be asked, as [`discover`].
    pub async fn settings(&self, provider: &(impl Described + Sync + ?Sized), app: &App) -> Result<Settings, Error> {
        match provider.issuer_to_ask(app)? {
            Some(issuer) => Ok(provider.settings_of(&self.metadata(&issuer, Order::OpenIdFirst).await?, app)?),
            None => Ok(provider.settings_for(app)?),
        }
    }

    /// What an issuer says about itself, from memory while that is good: see [`discover`].
    ///
    /// # Errors
    ///
    /// As [`discover`].
    pub async fn metadata(&self, issuer: &str, order: Order) -> Result<Metadata, Error> {
        // Judged before anything is kept under its name.
        let discovery = Discovery::of(issuer, order)?;
        let place = self.issuers().place(issuer, order);
        if let Some(good) = place.good(self.now()) {
            return Ok(good);
        }
        let _asking = match (place.asking.try_lock(), place.known()) {
            (Ok(asking), _) => asking,
            // An issuer that is silent must not keep everybody waiting who can do without its answer.
            (Err(_), Some(known)) => return Ok(known.metadata().clone()),
            (Err(_), None) => place.asking.lock().await,
        };
        // Whoever asked meanwhile may have it.
        if let Some(good) = place.good(self.now()) {
            return Ok(good);
        }
        let known = match place.known() {
            Some(known) => {
                let (known, told) = known.refreshed(self.ask(discovery).await, self.now());
                if let Some(error) = told {
                    tracing::warn!(issuer, %error, "the metadata was not refreshed; the old copy counts");
                }
                known
            }
            None => {
                if let Some(failure) = place.failure(self.now()) {
                    return Err(failure);
                }
                match self.ask(discovery).await.map_err(Error::from) {
                    Ok(known) => known,
                    Err(error) => {
                        place.keep(Kept { known: None, failure: Some((self.now(), error.again())) });
                        return Err(error);
                    }
                }
            }
        };
        let metadata = known.metadata().clone();
        place.keep(Kept { known: Some(known), failure: None });
        Ok(metadata)
    }

    async fn ask(&self, mut discovery: Discovery) -> Result<CachedMetadata, ProtoError> {
        loop {
            let answer = self.exchange(discovery.request()).await.map_err(|error| match error {
                Error::Protocol(error) => error,
                // Nothing but the transport is asked here.
                _ => Transport::new(TransportKind::Broken, discovery.issuer()).into(),
            })?;
            match discovery.receive(&answer, self.now())? {
                Step::Next(next) => discovery = *next,
                Step::Done(known) => return Ok(*known),
            }
        }
    }
}
