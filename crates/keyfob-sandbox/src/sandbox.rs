//! Starting, steering and stopping the pretend providers.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, MutexGuard};

use axum::Router;
use axum::serve::Listener as _;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::acme::SamlAssertion;
use crate::apps::{self, Registration};
use crate::clock::Clock;
use crate::consent::Consent;
use crate::control::{self, Index};
use crate::desk::{Desk, SecureDoor, Service};
use crate::fault::Faults;
use crate::imitation::Imitation;
use crate::recorder::Seen;
use crate::server::{self, Room};
use crate::tls::{Authority, Certificate, Door, Shown};
use crate::web_page::WebPage;
use crate::{acme, august, fitbit, netatmo, telldus};

/// The services, in the order of their ports.
pub const SERVICES: [&str; 5] = ["august", "netatmo", "fitbit", "telldus", "acme"];

/// Running pretend providers. They stop when this is dropped.
pub struct Sandbox {
    index: Arc<Index>,
    index_origin: String,
    stop: watch::Sender<()>,
    tasks: Vec<JoinHandle<io::Result<()>>>,
}

/// What to start, and how.
#[derive(Clone, Debug)]
pub struct Builder {
    only: Vec<String>,
    address: IpAddr,
    base_port: Option<u16>,
    consent: Consent,
    faults: Vec<(String, Faults)>,
    apps: Vec<(String, Registration)>,
    imitated: Vec<(String, String)>,
    tls: bool,
}

/// The faults of one service.
pub struct FaultDesk<'a>(&'a Room);

/// Runs until `builder`'s sandbox fails or the future is dropped; `ready` is called once all ports are open.
///
/// # Errors
/// A port that is taken, or an address that is not this machine's.
pub async fn serve(builder: Builder, ready: impl FnOnce(&Sandbox)) -> io::Result<()> {
    let mut sandbox = builder.start().await?;
    ready(&sandbox);
    for task in std::mem::take(&mut sandbox.tasks) {
        task.await.map_err(io::Error::other)??;
    }
    Ok(())
}

impl Sandbox {
    /// All services on free ports of 127.0.0.1, on the current tokio runtime.
    ///
    /// # Errors
    /// If no port can be opened.
    pub async fn start() -> io::Result<Self> {
        Self::builder().start().await
    }

    /// All services on free ports of 127.0.0.1, unless told otherwise.
    pub fn builder() -> Builder {
        Builder {
            only: Vec::new(),
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            base_port: None,
            consent: Consent::Ask,
            faults: Vec::new(),
            apps: Vec::new(),
            imitated: Vec::new(),
            tls: false,
        }
    }

    /// `http://127.0.0.1:PORT` of a service.
    ///
    /// # Panics
    /// If this service is unknown or was not started.
    pub fn origin(&self, service: &str) -> String {
        self.index.place(service).origin.clone()
    }

    /// Services and their origins.
    pub fn origins(&self) -> Vec<(String, String)> {
        let places = self.index.places.iter();
        places.map(|place| (place.room.desk.service.to_owned(), place.origin.clone())).collect()
    }

    /// `https://127.0.0.1:PORT` of `acme`'s door with TLS ([`Builder::tls`]). The server goes by its plain origin all the same: that is its issuer.
    ///
    /// # Panics
    /// If there is none.
    pub fn secure_origin(&self) -> String {
        self.door().origin.clone()
    }

    /// The certificate, as PEM, of the authority that signed that door's: whom its clients have to trust.
    ///
    /// # Panics
    /// If there is no such door.
    pub fn authority(&self) -> String {
        self.door().authority.certificate.clone()
    }

    /// A certificate of this DNS name for a client, by the same authority (`tls_client_auth`).
    ///
    /// # Errors
    /// A name that is none.
    ///
    /// # Panics
    /// If there is no such door.
    pub fn client_certificate(&self, name: &str) -> io::Result<Certificate> {
        self.door().authority.client(name)
    }

    /// A SAML assertion about the demo person by the identity provider that `acme` trusts, as XML, changed as a test wants it.
    ///
    /// # Panics
    /// If `acme` was not started.
    pub fn saml_assertion(&self, change: impl FnOnce(&mut SamlAssertion)) -> String {
        let place = self.index.place("acme");
        let mut says = SamlAssertion::at(&place.origin);
        change(&mut says);
        place.room.service.saml_assertion(&place.room.desk, &says).expect("acme trusts one")
    }

    /// A page over TLS elsewhere on this machine, for an app whose client id is its URL.
    ///
    /// # Errors
    /// If no port can be opened.
    ///
    /// # Panics
    /// If there is no such door.
    pub fn web_page(&self, path: &str) -> io::Result<WebPage> {
        WebPage::open(&self.door().authority, path)
    }

    fn door(&self) -> &SecureDoor {
        self.desk("acme").door().expect("the sandbox was started with a door with TLS")
    }

    /// The origin of the index page and the control endpoint.
    pub fn index(&self) -> &str {
        &self.index_origin
    }

    /// A demo app: by the service's name, or `fitbit-oauth1`, `fitbit-public`, `acme-oidc`, `acme-public`, or an app that was added.
    ///
    /// # Panics
    /// If there is no app of this name.
    pub fn app(&self, name: &str) -> Registration {
        let apps = self.index.apps();
        let found = apps.iter().find(|(known, _)| known == name).map(|(_, app)| app.clone());
        found.unwrap_or_else(|| panic!("the sandbox has no app {name}"))
    }

    /// All apps by name.
    pub fn apps(&self) -> Vec<(String, Registration)> {
        self.index.apps().clone()
    }

    /// The providers that are imitated from their files: name, demo app, and where the API of each is.
    pub fn imitated(&self) -> Vec<(String, Registration, String)> {
        let imitations = self.index.imitations.iter().map(|imitation| (imitation.app(), imitation.api()));
        imitations.map(|(app, api)| (app.service.clone(), app, api)).collect()
    }

    /// Whether imitated providers let those wait who log in on another device: until then they are approved on the spot.
    pub fn hesitate(&self, hesitates: bool) {
        self.index.imitations.iter().for_each(|imitation| imitation.hesitate(hesitates));
    }

    /// Adds or replaces an app under a name.
    ///
    /// # Panics
    /// If the app's service is unknown or was not started.
    pub fn register(&self, name: &str, app: Registration) {
        self.index.place(&app.service);
        self.index.register(name, app);
    }

    /// Who answers consent pages from now on.
    ///
    /// # Panics
    /// If this service is unknown or was not started.
    pub fn consent(&self, service: &str, consent: Consent) {
        self.desk(service).set_consent(consent);
    }

    /// The faults of a service.
    ///
    /// # Panics
    /// If this service is unknown or was not started.
    pub fn faults(&self, service: &str) -> FaultDesk<'_> {
        FaultDesk(&self.index.place(service).room)
    }

    /// Moves the clock that all services share.
    pub fn advance(&self, seconds: i64) {
        self.index.clock.advance(seconds);
    }

    /// What a service saw, oldest first.
    ///
    /// # Panics
    /// If this service is unknown or was not started.
    pub fn seen(&self, service: &str) -> Vec<Seen> {
        self.desk(service).seen()
    }

    /// A service that signs (`acme`) signs with new keys from now on. The ones before stay published until the next time.
    ///
    /// # Panics
    /// If this service is unknown or was not started, or signs nothing.
    pub fn rotate_keys(&self, service: &str) {
        assert!(self.index.place(service).room.service.rotate_keys(), "{service} signs nothing");
    }

    /// Forgets what all services saw.
    pub fn clear_seen(&self) {
        self.index.places.iter().for_each(|place| place.room.desk.clear_seen());
    }

    fn desk(&self, service: &str) -> &Desk {
        &self.index.place(service).room.desk
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = self.stop.send(());
        // The listeners close now; connections in use end with their current answer.
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl FaultDesk<'_> {
    /// The present faults.
    pub fn get(&self) -> Faults {
        self.held().clone()
    }

    /// Replaces all faults.
    pub fn set(&self, faults: Faults) {
        *self.held() = faults;
    }

    /// Changes some faults.
    pub fn update(&self, change: impl FnOnce(&mut Faults)) {
        change(&mut self.held());
    }

    /// Heals everything.
    pub fn clear(&self) {
        self.set(Faults::default());
    }

    /// From now on, every access token issued so far is expired.
    pub fn expire_access_tokens(&self) {
        self.0.service.expire_access_tokens(&self.0.desk);
    }

    fn held(&self) -> MutexGuard<'_, Faults> {
        self.0.desk.faults()
    }
}

impl Builder {
    /// Starts only these services.
    #[must_use]
    pub fn only(mut self, services: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.only = services.into_iter().map(Into::into).collect();
        self
    }

    /// Listens on this address instead of 127.0.0.1. The control endpoint answers loopback peers alone in any case.
    #[must_use]
    pub fn address(mut self, address: IpAddr) -> Self {
        self.address = address;
        self
    }

    /// The index on this port and the services, in the order of [`SERVICES`], on the next five; 0 or nothing: free ports.
    #[must_use]
    pub fn base_port(mut self, port: u16) -> Self {
        self.base_port = (port != 0).then_some(port);
        self
    }

    /// Who answers consent pages; by default a person does.
    #[must_use]
    pub fn consent(mut self, consent: Consent) -> Self {
        self.consent = consent;
        self
    }

    /// A service's faults from the start.
    #[must_use]
    pub fn faults(mut self, service: impl Into<String>, faults: Faults) -> Self {
        self.faults.push((service.into(), faults));
        self
    }

    /// An app beside the demo apps, or instead of one.
    #[must_use]
    pub fn app(mut self, name: impl Into<String>, app: Registration) -> Self {
        self.apps.push((name.into(), app));
        self
    }

    /// Any other provider, imitated from its file under this name, on free ports. Nobody is asked there: logins are approved, or denied, if everybody's are.
    #[must_use]
    pub fn imitating(mut self, name: impl Into<String>, file: impl Into<String>) -> Self {
        self.imitated.push((name.into(), file.into()));
        self
    }

    /// `acme` has a second door, with TLS, which asks its clients for a certificate (RFC 8705): [`Sandbox::secure_origin`]. On a free port.
    #[must_use]
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// Opens the ports and starts serving on the current tokio runtime.
    ///
    /// # Errors
    /// An unknown service's name (`InvalidInput`), a port that is taken, or an address that is not this machine's.
    pub async fn start(self) -> io::Result<Sandbox> {
        self.check()?;
        let clock = Clock::default();
        let (stop, stopped) = watch::channel(());
        let mut index = Index::new(clock.clone());
        let mut tasks = Vec::new();

        for (nth, service) in (1..).zip(SERVICES) {
            if !self.only.is_empty() && !self.only.iter().any(|name| name == service) {
                continue;
            }
            let listener = self.listen(nth).await?;
            let origin = format!("http://{}", listener.local_addr()?);
            let room = Arc::new(self.room(service, clock.clone()));
            if self.tls && service == "acme" {
                tasks.push(self.secure(&origin, &room, stopped.clone()).await?);
            }
            index.add(origin, Arc::clone(&room));
            tasks.push(run(listener, server::router(room), stopped.clone()));
        }
        for (name, app) in apps::demo().into_iter().map(|(name, app)| (name.to_owned(), app)).chain(self.apps.clone()) {
            if index.has(&app.service) {
                index.register(&name, app);
            }
        }

        for (name, file) in &self.imitated {
            let imitation = Imitation::open(name, file, self.address).await?;
            imitation.deny(self.consent == Consent::Deny);
            index.imitations.push(imitation);
        }

        let listener = self.listen(0).await?;
        let index_origin = format!("http://{}", listener.local_addr()?);
        let index = Arc::new(index);
        tasks.push(run(listener, control::router(Arc::clone(&index)), stopped));
        Ok(Sandbox { index, index_origin, stop, tasks })
    }

    fn check(&self) -> io::Result<()> {
        if let Some((name, _)) =
            self.imitated.iter().find(|(name, _)| SERVICES.contains(&name.as_str()) || apps::demo().iter().any(|(known, _)| known == name))
        {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("the sandbox has a {name} of its own, which does more than an imitation"),
            ));
        }
        let named = self.only.iter().chain(self.faults.iter().map(|(name, _)| name));
        let named = named.chain(self.apps.iter().map(|(_, app)| &app.service));
        match named.into_iter().find(|name| !SERVICES.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("the sandbox has no service \"{name}\"; it has {}", SERVICES.join(", ")),
            )),
        }
    }

    async fn listen(&self, nth: u16) -> io::Result<TcpListener> {
        let port = match self.base_port {
            None => 0,
            Some(base) => base.checked_add(nth).ok_or_else(|| {
                io::Error::new(
                    io::ErrorKind::InvalidInput,
                    format!("the services are at the ports behind {base}, and the last port is 65535"),
                )
            })?,
        };
        let address = SocketAddr::new(self.address, port);
        TcpListener::bind(address).await.map_err(|problem| io::Error::new(problem.kind(), format!("cannot listen on {address}: {problem}")))
    }

    async fn secure(&self, origin: &str, room: &Arc<Room>, stopped: watch::Receiver<()>) -> io::Result<JoinHandle<io::Result<()>>> {
        let authority = Arc::new(Authority::new()?);
        let listener = TcpListener::bind(SocketAddr::new(self.address, 0)).await?;
        let door = Door::open(listener, authority.server_config(self.address, true)?)?;
        room.desk.set_door(SecureDoor { origin: format!("https://{}", door.local_addr()?), authority });
        Ok(run_secure(door, server::secure_router(Arc::clone(room), origin.to_owned()), stopped))
    }

    fn room(&self, service: &'static str, clock: Clock) -> Room {
        let desk = Desk::new(service, clock);
        desk.set_consent(self.consent);
        for (name, faults) in &self.faults {
            if name == service {
                *desk.faults() = faults.clone();
            }
        }
        Room { desk, service: make(service) }
    }
}

fn make(service: &str) -> Box<dyn Service> {
    match service {
        "august" => Box::new(august::August::default()),
        "netatmo" => Box::new(netatmo::Netatmo::default()),
        "fitbit" => Box::new(fitbit::Fitbit::default()),
        "telldus" => Box::new(telldus::Telldus::default()),
        _ => Box::new(acme::Acme::default()),
    }
}

pub(crate) fn run(listener: TcpListener, router: Router, mut stopped: watch::Receiver<()>) -> JoinHandle<io::Result<()>> {
    tokio::spawn(async move {
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        axum::serve(listener, service)
            .with_graceful_shutdown(async move {
                let _ = stopped.changed().await;
            })
            .await
    })
}

fn run_secure(door: Door, router: Router, mut stopped: watch::Receiver<()>) -> JoinHandle<io::Result<()>> {
    tokio::spawn(async move {
        let service = router.into_make_service_with_connect_info::<Shown>();
        axum::serve(door, service)
            .with_graceful_shutdown(async move {
                let _ = stopped.changed().await;
            })
            .await
    })
}
