//! What the web app serves, and at which address it is known: made once, at the start, from a [`Config`].

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use http::HeaderValue;
use keyfob::proto::{App, Described as _, Endpoint, Flow, Misuse, Origin, Settings};
use keyfob::{Error, Keyfob};
use keyfob_providers::Provider;
use keyfob_store::{MemoryShelf, Shelf};

use crate::browser::Browsers;
use crate::forward::Gate;
use crate::metrics::Metrics;
use crate::people::{self, People, SignIn};
use crate::seat::Holders;
use crate::webhook::Bell;

/// What the paths of redirect URIs that nobody has chosen otherwise begin with.
const CALLBACK: &str = "/callback";

/// The path at which a provider's answers are awaited, if nobody has chosen otherwise. Each provider has one of its own: a provider that sends its own
/// logins on to another's page gets an answer that names nobody, and the place where it comes in is all that tells whose it is (mix-up, RFC 9700 §4.4.2.2).
/// Also where `iss` is promised: what is registered there today is still right on the day that it is not.
fn callback_of(provider: &str) -> String {
    format!("{CALLBACK}/{provider}")
}

/// What to serve, and where. [`Config::new`] has what must be said; the rest are fields to change.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The address that is listened on; port 0 where that is no port.
    pub listen: SocketAddr,
    /// The address that browsers use, where it is another one: a port mapping or a proxy in between. A service's redirect URI says the
    /// same, so this is for services without one.
    pub external_url: Option<String>,
    /// What can be connected.
    pub services: Vec<Service>,
    /// The store, the transport, the clock.
    pub keyfob: Keyfob,
    /// What could be connected with an app that the owner enters. Empty: what is in `services`, and no more.
    pub catalogue: Vec<Provider>,
    /// Whether that is all there is, so that what is in the vault beside it is of a provider that nothing describes any more. If not, it is served elsewhere.
    pub whole_catalogue: bool,
    /// What the sandbox does not play, where there is one: nobody is sent to a real host from pages on which nothing is real.
    pub unplayed: Vec<Provider>,
    /// Whose file cannot be used, by name, with what is wrong with it: their accounts are there, and nothing can be done with them until it is mended.
    pub broken: BTreeMap<String, String>,
    /// Where people, their sessions and their keys are kept. None: nobody has to sign in, and each browser is a guest with accounts of its own.
    pub shelf: Option<Arc<dyn Shelf>>,
    /// Where people sign in, beside the links that the program and its owner make. Only where there is a shelf.
    pub sign_in: Option<SignIn>,
    /// Whether one account at a provider may be connected by several people. If not, it is the first one's: a login that somebody was talked into
    /// gives their account to nobody else.
    pub shared_accounts: bool,
    /// Origins that webhooks may go to although they are not on the open internet.
    pub webhook_origins: Vec<Origin>,
    /// Whether the providers are pretended: pages say so, lest somebody thinks that a door was opened.
    pub pretended: Pretended,
}

/// Whether the providers are real ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pretended {
    /// They are.
    #[default]
    No,
    /// They are a sandbox's.
    Providers,
    /// They are, and the vault is in memory alone: no command gets at it.
    Everything,
}

impl Config {
    /// For guests, at the address that is listened on.
    pub fn new(listen: SocketAddr, services: Vec<Service>, keyfob: Keyfob) -> Self {
        let (catalogue, unplayed, webhook_origins) = (Vec::new(), Vec::new(), Vec::new());
        let (external_url, shelf, sign_in) = (None, None, None);
        let (broken, pretended) = (BTreeMap::new(), Pretended::No);
        let (shared_accounts, whole_catalogue) = (false, false);
        Self {
            listen,
            external_url,
            services,
            keyfob,
            catalogue,
            whole_catalogue,
            unplayed,
            broken,
            shelf,
            sign_in,
            shared_accounts,
            webhook_origins,
            pretended,
        }
    }
}

/// A provider with our registration, to be connected under an account's name.
#[derive(Clone, Debug)]
pub struct Service {
    /// The provider.
    pub provider: Provider,
    /// Our registration.
    pub app: App,
    /// The account that a login becomes.
    pub account: String,
    /// The redirect URI that is registered; none: `/callback/`, and the provider's name, at the external URL.
    pub redirect_uri: Option<String>,
    /// The scopes to ask for; empty: the provider's usual ones.
    pub scopes: Vec<String>,
}

/// The web app, ready to answer requests.
#[derive(Debug)]
pub struct Site {
    /// Where browsers find it: the one value of `Host` that is answered.
    pub(crate) origin: Origin,
    pub(crate) listen: SocketAddr,
    /// What can be connected, by the account's name.
    desks: RwLock<BTreeMap<String, Arc<Desk>>>,
    /// Held while what is served and what is in the vault are brought together.
    pub(crate) keeping_apps: tokio::sync::Mutex<()>,
    pub(crate) holders: Holders,
    /// The browsers of guests.
    pub(crate) browsers: Browsers,
    /// Where programs come in. None: they do not.
    pub(crate) gate: Option<Gate>,
    /// Who is known. None: everybody is a guest.
    pub(crate) people: Option<People>,
    /// Where logins are that wait for a person elsewhere: with everything else that people have, or in memory.
    pub(crate) waiting: Arc<dyn Shelf>,
    /// What could be connected.
    pub(crate) catalogue: Vec<Provider>,
    /// Whether that is all there is.
    pub(crate) whole_catalogue: bool,
    /// What could be, if this were not a sandbox.
    pub(crate) unplayed: Vec<Provider>,
    /// What could be, if its file were whole: what is wrong with it.
    pub(crate) broken: BTreeMap<String, String>,
    pub(crate) shared_accounts: bool,
    pub(crate) webhook_origins: Vec<Origin>,
    pub(crate) pretended: Pretended,
    /// Rung when somebody is to be told something.
    pub(crate) bell: Bell,
    pub(crate) keyfob: Keyfob,
    pub(crate) metrics: Arc<Metrics>,
}

/// A service at work.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) provider: Provider,
    pub(crate) settings: Settings,
    pub(crate) app: App,
    pub(crate) account: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) redirect_uri: String,
    /// The path of the redirect URI, byte for byte.
    pub(crate) callback_path: String,
    /// The provider's name, as answers of its API have it.
    pub(crate) header: Option<HeaderValue>,
    /// Whether its app is, or was, one of the vault's: when it is gone from there, so is the desk.
    in_vault: AtomicBool,
    /// The one that the program was started with, whose app is no vault's (a sandbox's demo app), where this one has its place.
    instead_of: Option<Arc<Desk>>,
}

impl Site {
    /// Checks what is to be served. `Misuse` names the service or address that does not fit.
    ///
    /// A provider that describes itself (kind `oidc`) has to be asked first: [`Site::discover`].
    pub fn new(config: Config) -> Result<Arc<Self>, Misuse> {
        let of = |service: &Service| service.provider.settings_for(&service.app);
        let settings = config.services.iter().map(of).collect::<Result<_, _>>()?;
        Self::with(config, settings)
    }

    /// The same, where providers may describe themselves: they are asked now, and what they say counts until the program is started again.
    ///
    /// # Errors
    ///
    /// Those of [`Site::new`], and of [`Keyfob::metadata`].
    pub async fn discover(config: Config) -> Result<Arc<Self>, Error> {
        // Before: issuers take their time, and an app that is taken away meanwhile is gone from the vault at the first look, and no more served.
        let in_vault = match &config.shelf {
            Some(_) => config.keyfob.store().apps().await?,
            None => Vec::new(),
        };
        let mut settings = Vec::new();
        for Service { provider, app, .. } in &config.services {
            settings.push(config.keyfob.settings(provider, app).await?);
        }
        let site = Self::with(config, settings)?;
        for (name, app) in in_vault {
            if let Some(desk) = site.desk(&name).filter(|desk| desk.app.same_as(&app)) {
                desk.found_in_vault();
            }
        }
        Ok(site)
    }

    fn with(config: Config, settings: Vec<Settings>) -> Result<Arc<Self>, Misuse> {
        let Config { listen, external_url, services, keyfob, catalogue, whole_catalogue, unplayed, broken, .. } = config;
        let Config { shelf, sign_in, shared_accounts, webhook_origins, pretended, .. } = config;
        let origin = origin(listen, external_url.as_deref(), &services)?;
        let gate = shelf.as_ref().map(Gate::new);
        if sign_in.is_some() && shelf.is_none() {
            return Err(Misuse::new("a vault where people are kept, for them to sign in", "none"));
        }
        let waiting = shelf.clone().unwrap_or_else(|| Arc::new(MemoryShelf::default()));
        let people = shelf.map(|shelf| People::new(shelf, sign_in));
        let (desks, holders, browsers, bell) = (RwLock::default(), Holders::default(), Browsers::default(), Bell::default());
        let site = Self {
            origin,
            listen,
            desks,
            keeping_apps: tokio::sync::Mutex::default(),
            holders,
            browsers,
            gate,
            people,
            waiting,
            catalogue,
            whole_catalogue,
            unplayed,
            broken,
            shared_accounts,
            webhook_origins,
            pretended,
            bell,
            keyfob,
            metrics: Arc::default(),
        };
        let nothing = services.is_empty();
        services.into_iter().zip(settings).try_for_each(|(service, settings)| site.open(service, settings).map(drop))?;
        // An owner can enter apps later; guests cannot.
        if nothing && (site.catalogue.is_empty() || site.people.is_none()) {
            return Err(Misuse::new("at least one service to connect", "none")
                .with_hint("give the app's values in an env file (--env-file FILE), or keep them first: keyfob app add NAME"));
        }
        Ok(Arc::new(site))
    }

    /// Has one service more to connect, from now on.
    pub(crate) fn open(&self, service: Service, settings: Settings) -> Result<Arc<Desk>, Misuse> {
        if let Some(uri) = service.redirect_uri.as_deref().filter(|uri| Origin::parse(uri).as_ref() != Some(&self.origin)) {
            let shown = keyfob::proto::scrub::printable(uri);
            return Err(Misuse::new(format!("a redirect URI at {} for {}", self.origin, service.account), shown));
        }
        let desk = Arc::new(Desk::new(service, settings, &self.origin)?);
        let mut desks = self.desks.write().unwrap_or_else(PoisonError::into_inner);
        match desks.entry(desk.account.clone()) {
            Entry::Vacant(place) if !desk.account.is_empty() => Ok(place.insert(desk).clone()),
            _ => Err(Misuse::new("an account name of its own for each service", format!("\"{}\" twice", desk.account))),
        }
    }

    /// The same by an app of the vault, in place of what was there: its app has changed. Logins under way at the old one come back to the new one.
    pub(crate) fn reopen(&self, service: Service, settings: Settings) -> Result<Arc<Desk>, Misuse> {
        let mut desk = Desk::new(service, settings, &self.origin)?;
        desk.found_in_vault();
        let mut desks = self.desks.write().unwrap_or_else(PoisonError::into_inner);
        desk.instead_of =
            desks.get(&desk.account).and_then(|old| if old.is_in_vault() { old.instead_of.clone() } else { Some(old.clone()) });
        let desk = Arc::new(desk);
        desks.insert(desk.account.clone(), desk.clone());
        Ok(desk)
    }

    /// Has the service no more, if this is its app; or again with the app that the program was started with. Says whether it had.
    pub(crate) fn close(&self, account: &str, app: &App) -> bool {
        let mut desks = self.desks.write().unwrap_or_else(PoisonError::into_inner);
        let Some(desk) = desks.get(account).filter(|desk| desk.app.same_as(app)) else { return false };
        match desk.instead_of.clone() {
            Some(before) => desks.insert(account.to_owned(), before),
            None => desks.remove(account),
        };
        true
    }

    /// Where a person opens it.
    pub fn url(&self) -> String {
        format!("{}/", self.origin)
    }

    /// What the person who starts it should know, in sentences.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if !self.is_https() && !self.origin.is_loopback() {
            notes.push(format!("{} is plain http: whoever can listen on the network in between can take over a login", self.origin));
        }
        let port =
            self.origin.as_str().rsplit(':').next().and_then(|port| port.parse().ok()).unwrap_or(if self.is_https() { 443 } else { 80 });
        // Port 0: a socket without one, which somebody leads to by a name of its own.
        if self.listen.port() != 0 && port != self.listen.port() {
            notes.push(format!(
                "browsers are sent to {}, and this program listens on {}: a port mapping or proxy has to lead from one to the other",
                self.origin, self.listen
            ));
        }
        notes.extend(self.shared_redirect_uris());
        notes
    }

    /// Those that were registered with several providers, of which one does not say who answers: a login that begins at a hostile one could end with an
    /// honest one's code (RFC 9700 §4.4). They are used as they are: only whoever registered them can change that.
    fn shared_redirect_uris(&self) -> impl Iterator<Item = String> {
        let mut used: BTreeMap<String, BTreeMap<String, bool>> = BTreeMap::new();
        for desk in self.desks() {
            used.entry(desk.redirect_uri.clone()).or_default().insert(desk.provider.name.clone(), desk.says_who_answers());
        }
        let origin = self.origin.clone();
        let mixed = used.into_iter().filter(|(_, by)| by.len() > 1 && by.values().any(|says| !says));
        mixed.map(move |(uri, by)| {
            let names: Vec<String> = by.into_keys().collect();
            format!(
                "{} have one redirect URI, {}: one of them could get hold of a code that is another's. Register one of its own with each, such as {origin}{}",
                names.join(", "),
                keyfob::proto::scrub::printable(&uri),
                callback_of(&names[0])
            )
        })
    }

    /// The redirect URI of a provider, if nobody has chosen otherwise.
    pub(crate) fn usual_redirect_uri(&self, provider: &str) -> String {
        format!("{}{}", self.origin, callback_of(provider))
    }

    pub(crate) fn is_https(&self) -> bool {
        self.origin.as_str().starts_with("https://")
    }

    /// The name of the session cookie. Cookies do not keep ports apart (RFC 6265 §8.5): the port is in the name, so that two of us on
    /// one machine do not log each other out. The prefix binds it to this host and to https.
    pub(crate) fn cookie_name(&self) -> String {
        if self.is_https() {
            return "__Host-keyfob".to_owned();
        }
        match self.origin.as_str().rsplit_once(':') {
            Some((_, port)) if !port.starts_with('/') && !port.ends_with(']') => format!("keyfob-{port}"),
            _ => "keyfob".to_owned(),
        }
    }

    pub(crate) fn desk(&self, account: &str) -> Option<Arc<Desk>> {
        self.desks.read().unwrap_or_else(PoisonError::into_inner).get(account).cloned()
    }

    /// What can be connected, as it is now.
    pub(crate) fn desks(&self) -> Vec<Arc<Desk>> {
        self.desks.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    fn is_known(&self, provider: &str) -> bool {
        self.catalogue.iter().any(|known| known.name == provider)
    }

    /// Whether a service's redirect URI has this path.
    pub(crate) fn is_callback(&self, path: &str) -> bool {
        // Where apps come and go, the usual paths always are.
        let usual = || path.strip_prefix(CALLBACK).and_then(|rest| rest.strip_prefix('/')).is_some_and(|name| self.is_known(name));
        usual() || self.desks.read().unwrap_or_else(PoisonError::into_inner).values().any(|desk| desk.callback_path == path)
    }
}

impl Desk {
    fn new(service: Service, settings: Settings, origin: &Origin) -> Result<Self, Misuse> {
        let Service { provider, app, account, redirect_uri, scopes } = service;
        let redirect_uri = redirect_uri.unwrap_or_else(|| format!("{origin}{}", callback_of(&provider.name)));
        let callback_path = path(&redirect_uri)?;
        if callback_path == people::CALLBACK {
            return Err(Misuse::new(
                format!("a redirect URI for {account} of its own"),
                format!("{}, where people sign in", people::CALLBACK),
            ));
        }
        // Shared from the beginning: every answer has it.
        let header = HeaderValue::from_maybe_shared(Bytes::from_owner(provider.name.clone())).ok();
        let (in_vault, instead_of) = (AtomicBool::new(false), None);
        Ok(Self { provider, settings, app, account, scopes, redirect_uri, callback_path, header, in_vault, instead_of })
    }

    /// Its app is in the vault.
    pub(crate) fn found_in_vault(&self) {
        self.in_vault.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_in_vault(&self) -> bool {
        self.in_vault.load(Ordering::Relaxed)
    }

    /// Whether each answer names the issuer, who is compared (RFC 9207 §2.4).
    fn says_who_answers(&self) -> bool {
        matches!(&self.settings.flow, Flow::OAuth2(flow) if flow.iss_required)
    }

    /// The page at the provider where the person is sent to.
    pub(crate) fn authorize_endpoint(&self) -> Option<&Endpoint> {
        match &self.settings.flow {
            Flow::OAuth1(flow) if flow.one_legged || flow.imported => None,
            Flow::OAuth1(flow) => Some(&flow.authorize),
            Flow::OAuth2(flow) => flow.authorize.as_ref(),
            _ => None,
        }
    }
}

/// The one origin that redirect URIs, external URL or listening address agree on. A login that comes back to another origin would come
/// back without its cookie.
fn origin(listen: SocketAddr, external_url: Option<&str>, services: &[Service]) -> Result<Origin, Misuse> {
    let mut known: Option<(Origin, String)> = None;
    if let Some(url) = external_url {
        known = Some((external(url)?, format!("the external URL {}", keyfob::proto::scrub::printable(url))));
    }
    for service in services {
        let Some(uri) = &service.redirect_uri else { continue };
        let shown = keyfob::proto::scrub::printable(uri);
        let origin = Origin::parse(uri).filter(|_| !uri.contains('#')).ok_or_else(|| {
            Misuse::new(format!("a redirect URI for {} such as http://localhost:5000/callback", service.account), "text that is none")
        })?;
        match &known {
            Some((first, whose)) if *first != origin => {
                return Err(Misuse::new(format!("redirect URIs at {first}, like {whose}"), format!("{shown} for {}", service.account))
                    .with_hint("a browser keeps its session at one address: register the same host and port with every provider"));
            }
            Some(_) => {}
            None => known = Some((origin, format!("{shown} of {}", service.account))),
        }
    }
    match known {
        Some((origin, _)) => Ok(origin),
        None if listen.ip().is_loopback() => {
            Origin::parse(&format!("http://{listen}")).ok_or_else(|| Misuse::new("an address to listen on", format!("{listen}")))
        }
        None => {
            let expected = "an external URL, when listening on other addresses than this machine's own";
            // Port 0 of every address stands for sockets that have none.
            let found = if listen.port() == 0 { "only a socket without an address".to_owned() } else { format!("only {listen}") };
            Err(Misuse::new(expected, found).with_hint("say which address browsers use: --external-url https://home.example"))
        }
    }
}

/// The origin that an external URL says: scheme, host and port, and no more.
///
/// # Errors
/// If it is no URL, or one with a path or a query.
pub fn external(url: &str) -> Result<Origin, Misuse> {
    let origin = Origin::parse(url).ok_or_else(|| Misuse::new("an external URL such as https://home.example", "text that is none"))?;
    if path(url)? != "/" || url.contains('?') {
        return Err(Misuse::new("an external URL without path", "one with a path").with_hint("give scheme, host and port alone"));
    }
    Ok(origin)
}

/// The path of an absolute URL, as it is written.
fn path(url: &str) -> Result<String, Misuse> {
    let uri: http::Uri = url.parse().map_err(|_| Misuse::new("an absolute URL", "text that is none"))?;
    Ok(if uri.path().is_empty() { "/".to_owned() } else { uri.path().to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(listen: &str, external: Option<&str>) -> Result<String, Misuse> {
        origin(listen.parse().expect("an address"), external, &[]).map(|origin| origin.to_string())
    }

    #[test]
    fn l21_without_an_external_url_only_loopback_is_served() {
        assert_eq!(at("127.0.0.1:5000", None), Ok("http://127.0.0.1:5000".to_owned()));
        assert_eq!(at("[::1]:5000", None), Ok("http://[::1]:5000".to_owned()));
        assert_eq!(at("0.0.0.0:5000", Some("http://localhost:30368")), Ok("http://localhost:30368".to_owned()));
        assert!(at("0.0.0.0:5000", None).is_err_and(|error| error.hint.is_some_and(|hint| hint.contains("--external-url"))));
        assert!(at("127.0.0.1:5000", Some("https://home.example/keyfob")).is_err());
        assert!(at("127.0.0.1:5000", Some("home.example")).is_err());
        assert!(at("127.0.0.1:5000", Some("https://home.example@evil.example")).is_err());
    }
}
