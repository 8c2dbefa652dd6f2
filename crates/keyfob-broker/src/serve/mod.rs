//! Accepting connections, with a bound on each: a client that is slow, or sends too much, keeps nobody else waiting. And the end, at which
//! nobody loses an answer.

mod address;
mod body;
mod certificate;
mod connection;
mod slots;
mod stream;
mod tls;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use keyfob::proto::Secret;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

pub use address::Address;
pub(crate) use body::Silent;
pub use tls::{Tls, TlsError};

use self::address::Socket;
use self::connection::{Front, reached};
use self::slots::{Admission, Slots};
use self::stream::Stream;
use crate::guard::{self, Alive};
use crate::limits::Limits;
use crate::metrics;
use crate::operations::{Operations, Phase};
use crate::peer::{Peer, Proxies};
use crate::router::{operations_router, router_with};
use crate::site::Site;

/// Requests under way are waited for at the end, so long: an exchanged code that nobody writes down is a lost login.
const FAREWELL: Duration = Duration::from_secs(20);

/// Connections at once to where whoever runs it asks.
const FOR_OPERATIONS: usize = 64;

/// The program around a site: where it listens, whom it believes, how it ends.
#[derive(Debug)]
pub struct Server {
    site: Arc<Site>,
    proxies: Proxies,
    limits: Limits,
    tls: Option<Arc<Tls>>,
    metrics_token: Option<Secret>,
    lead: Duration,
    farewell: Duration,
    pages: Vec<Socket>,
    operations: Vec<Socket>,
}

/// Answers requests at this socket until `shutdown` is ready; then finishes what is under way, and returns. All else as usual: [`Server`].
///
/// # Errors
/// If the socket fails for good.
pub async fn serve(site: Arc<Site>, listener: TcpListener, shutdown: impl Future<Output = ()>) -> io::Result<()> {
    Server::new(site).listener(listener.into_std()?)?.run(shutdown, std::future::pending()).await
}

impl Server {
    /// One that listens nowhere yet, believes no proxy, and has the usual limits.
    #[must_use]
    pub fn new(site: Arc<Site>) -> Self {
        Self {
            site,
            proxies: Proxies::default(),
            limits: Limits::default(),
            tls: None,
            metrics_token: None,
            lead: Duration::ZERO,
            farewell: FAREWELL,
            pages: Vec::new(),
            operations: Vec::new(),
        }
    }

    /// Listens at this place, too.
    ///
    /// # Errors
    /// If somebody else does, or it may not.
    pub fn listen(mut self, address: &Address) -> io::Result<Self> {
        self.pages.extend(address::bind(address)?);
        Ok(self)
    }

    /// Listens at this socket, too.
    ///
    /// # Errors
    /// If it is none.
    pub fn listener(mut self, listener: std::net::TcpListener) -> io::Result<Self> {
        self.pages.push(address::tcp(listener)?);
        Ok(self)
    }

    /// Answers questions of whoever runs it (`/metrics`, `/readyz`, `/healthz`) at this place, to everybody who reaches it.
    ///
    /// # Errors
    /// If somebody else listens there, or it may not.
    pub fn listen_for_operations(mut self, address: &Address) -> io::Result<Self> {
        self.operations.extend(address::bind(address)?);
        Ok(self)
    }

    /// Believes these proxies.
    #[must_use]
    pub fn proxies(mut self, proxies: Proxies) -> Self {
        self.proxies = proxies;
        self
    }

    /// Has these limits.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Speaks TLS at its ports (not at sockets in the file system: what comes there comes from this machine).
    #[must_use]
    pub fn tls(mut self, tls: Arc<Tls>) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Shows `/metrics` to whoever brings this token, at the address that browsers use.
    #[must_use]
    pub fn metrics_token(mut self, token: Secret) -> Self {
        self.metrics_token = Some(token);
        self
    }

    /// Goes on taking requests for so long when it is asked to end, while `/readyz` says that it will: a load balancer that asks there
    /// sends nobody here any more when the time is up.
    #[must_use]
    pub fn lead(mut self, lead: Duration) -> Self {
        self.lead = lead;
        self
    }

    /// Where it listens, in words.
    #[must_use]
    pub fn listens(&self) -> Vec<String> {
        self.pages.iter().map(Socket::shown).collect()
    }

    /// The ports it listens at.
    #[must_use]
    pub fn ports(&self) -> Vec<SocketAddr> {
        let port = |socket: &Socket| match socket {
            Socket::Tcp(listener) => listener.local_addr().ok(),
            #[cfg(unix)]
            Socket::Unix { .. } => None,
        };
        self.pages.iter().chain(&self.operations).filter_map(port).collect()
    }

    /// Answers requests until `stop` is ready; then finishes what is under way, at most until `now` is ready, and returns.
    ///
    /// # Errors
    /// If it listens nowhere.
    pub async fn run(self, stop: impl Future<Output = ()>, now: impl Future<Output = ()>) -> io::Result<()> {
        let Self { site, proxies, limits, tls, metrics_token, lead, farewell, pages, operations: for_operations } = self;
        if pages.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it listens nowhere"));
        }
        // These end with the web app: what nobody keeps right must not be believed.
        let mut beside = JoinSet::new();
        beside.spawn(metrics::count_events(&site));
        beside.spawn({
            let site = site.clone();
            async move { site.hear().await }
        });
        beside.spawn({
            let site = site.clone();
            async move { site.pay().await }
        });
        beside.spawn({
            let site = site.clone();
            async move { site.tell_webhooks().await }
        });
        beside.spawn({
            let site = site.clone();
            async move { site.sweep().await }
        });
        beside.spawn({
            let site = site.clone();
            async move { site.follow_apps().await }
        });
        let operations = Operations::new(proxies, limits, site.metrics.clone(), metrics_token);
        let slots = Slots::new(operations.limits.connections, operations.limits.connections_per_peer);
        // Where all places are taken by work, whoever asks whether we live still has to hear that we do, or a busy instance is ended for a dead one.
        let apart = Slots::new(FOR_OPERATIONS, FOR_OPERATIONS);
        let (alive, mut all_gone) = mpsc::channel::<()>(1);
        let mut accepting = JoinSet::new();
        let mut accept = |socket: Socket, router: Router, programs: Option<guard::Front>, tls: Option<Arc<Tls>>, slots: &Arc<Slots>| {
            let front = Front { router, programs, operations: operations.clone() };
            accepting.spawn(accept(socket, front, tls, slots.clone(), alive.clone()));
        };
        let router = router_with(site.clone(), operations.clone());
        let programs = guard::Front { site: site.clone(), operations: operations.clone() };
        for socket in pages {
            let tls = tls.clone().filter(|_| matches!(socket, Socket::Tcp(_)));
            accept(socket, router.clone(), Some(programs.clone()), tls, &slots);
        }
        for socket in for_operations {
            accept(socket, operations_router(site.clone(), operations.clone()), None, None, &apart);
        }
        drop(alive);
        let end = async {
            stop.await;
            operations.phase.send_replace(Phase::Leaving);
            if !lead.is_zero() {
                tokio::time::sleep(lead).await;
            }
            operations.phase.send_replace(Phase::Stopping);
            // The sockets are closed, and then everybody who came by them goes; who waits for a place has as long as they have.
            let gone = async {
                while accepting.join_next().await.is_some() {}
                all_gone.recv().await
            };
            if tokio::time::timeout(farewell, gone).await.is_err() {
                tracing::warn!("requests that were still under way were cut off");
            }
        };
        tokio::select! {
            () = end => {}
            () = now => tracing::warn!("asked twice to end: what was under way was cut off"),
        }
        operations.phase.send_replace(Phase::Over);
        Ok(())
    }
}

/// Takes whoever comes to a socket, until the program stops; and then whoever is there already.
async fn accept(socket: Socket, front: Front, tls: Option<Arc<Tls>>, slots: Arc<Slots>, alive: mpsc::Sender<()>) {
    let mut phase = front.operations.phase.subscribe();
    let begin = |(stream, peer), slot| {
        let (front, tls, alive) = (front.clone(), tls.clone(), alive.clone());
        tokio::spawn(async move {
            connection::serve(front, stream, tls, peer, slot, Alive { _until_dropped: alive }).await;
        });
    };
    loop {
        let accepted = tokio::select! {
            biased;
            () = reached(&mut phase, Phase::Stopping) => break,
            accepted = next(&socket) => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            // The client is gone already, or we are out of descriptors for a moment: neither is a reason to stop.
            Err(error) => {
                tracing::debug!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
        };
        match admit(&front.operations, &slots, peer, &mut phase).await {
            Admission::In(slot) => begin((stream, peer), slot),
            Admission::Refused => {}
            Admission::Full => return,
        }
    }
    match socket.close() {
        Ok(waiting) => {
            for (stream, peer) in waiting {
                match admit(&front.operations, &slots, peer, &mut phase).await {
                    Admission::In(slot) => begin((stream, peer), slot),
                    Admission::Refused => {}
                    Admission::Full => return,
                }
            }
        }
        Err(error) => tracing::debug!(%error, "connections that were waiting at the end are lost"),
    }
}

/// A place for this peer, which is waited for: `Full` is said only when all is over.
async fn admit(operations: &Operations, slots: &Arc<Slots>, peer: Peer, phase: &mut watch::Receiver<Phase>) -> Admission {
    let trusted = operations.proxies.know(peer);
    loop {
        let mut freed = pin!(slots.freed());
        freed.as_mut().enable();
        match slots.admit(peer, trusted) {
            Admission::In(slot) => return Admission::In(slot),
            Admission::Refused => {
                operations.metrics.add(metrics::Tally::ConnectionRefused);
                tracing::debug!(%peer, "this peer has too many connections: one was refused");
                return Admission::Refused;
            }
            Admission::Full => tokio::select! {
                () = freed => {}
                () = reached(phase, Phase::Over) => return Admission::Full,
            },
        }
    }
}

async fn next(socket: &Socket) -> io::Result<(Stream, Peer)> {
    match socket {
        Socket::Tcp(listener) => {
            let (stream, address) = listener.accept().await?;
            // An answer is written in one piece, and waits for nobody's acknowledgement.
            stream.set_nodelay(true)?;
            Ok((Stream::Tcp(stream), Peer::from(address.ip())))
        }
        #[cfg(unix)]
        Socket::Unix { listener, .. } => Ok((Stream::Unix(listener.accept().await?.0), Peer::Socket)),
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn who_waits_in_the_queue_at_the_end_waits_for_a_place_too() {
        let socket = address::bind(&"127.0.0.1:0".parse().expect("an address")).expect("a port").pop().expect("a socket");
        let Socket::Tcp(listener) = &socket else { panic!("{socket:?}") };
        let mut client = tokio::net::TcpStream::connect(listener.local_addr().expect("an address")).await.expect("the queue");
        client.write_all(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n").await.expect("sent");
        let slots = Slots::new(1, 1);
        let Admission::In(slot) = slots.admit(Peer::Socket, true) else { panic!("there is one place") };
        let under_way = slot.work.begin();
        let operations = Operations::new(Proxies::default(), Limits::default(), Arc::default(), None);
        operations.phase.send_replace(Phase::Stopping);
        let front = Front { router: Router::new().route("/", get(async || "well")), programs: None, operations };
        let (alive, mut all_gone) = mpsc::channel(1);
        let accepting = tokio::spawn(accept(socket, front, None, slots, alive));
        // On this one thread, the other task is as far as it gets.
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        drop((under_way, slot));
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("well"), "{answer}");
        accepting.await.expect("no panic");
        assert!(all_gone.recv().await.is_none());
    }

    /// Its place can be had, though it is still there: a browser keeps its connection for minutes.
    #[tokio::test]
    async fn l15_who_waits_for_a_place_is_told_when_somebody_asks_for_nothing_any_more() {
        let slots = Slots::new(2, 10);
        let place = || match slots.admit(Peer::Socket, true) {
            Admission::In(slot) => slot,
            other => panic!("there is a place: {other:?}"),
        };
        let (first, second) = (place(), place());
        let at_work = (first.work.begin(), second.work.begin());
        let waits = || {
            let (slots, operations) = (slots.clone(), Operations::new(Proxies::default(), Limits::default(), Arc::default(), None));
            let (phases, mut phase) = watch::channel(Phase::Serving);
            tokio::spawn(async move {
                let admission = admit(&operations, &slots, Peer::Socket, &mut phase).await;
                drop(phases);
                // At work from the beginning, so that nobody gets its place.
                let Admission::In(slot) = admission else { panic!("{admission:?}") };
                let under_way = slot.work.begin();
                (slot, under_way)
            })
        };
        let waiting = [waits(), waits()];
        let settle = async || {
            // On this one thread, the other tasks are as far as they get.
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
        };
        settle().await;
        assert!(waiting.iter().all(|waiting| !waiting.is_finished()), "all are at work");
        drop(at_work);
        settle().await;
        assert!(waiting.iter().all(|waiting| waiting.is_finished()), "both asked for nothing any more");
        drop((first, second));
    }
}
