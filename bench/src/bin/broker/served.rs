//! The web app as `keyfob serve` has it: on a vault, with its log at the usual level, with refreshes in the background.

use std::sync::Arc;

use keyfob::proto::Secret;
use keyfob::upkeep::{self, Plan};
use keyfob::{Account, Error, HyperTransport, Keyfob, MemoryStore, Store};
use keyfob_broker::{Config, Server, Service, Site};
use keyfob_store::{KeySource, MemoryShelf, PostgresVault, Shelf, Vault};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tracing_subscriber::filter::LevelFilter;

use crate::fill::{self, Fill};
use crate::process::input_ends;

/// Where accounts and keys are: `memory`, a file, or a URL of PostgreSQL.
#[derive(Clone)]
pub(crate) struct Kept {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) shelf: Arc<dyn Shelf>,
}

impl Kept {
    pub(crate) async fn open(store: &str) -> Self {
        let key = KeySource::Text(Secret::new("07".repeat(32)));
        if store == "memory" {
            return Self { store: Arc::new(MemoryStore::new()), shelf: Arc::new(MemoryShelf::default()) };
        }
        if store.contains("://") {
            let vault = Arc::new(PostgresVault::open(&Secret::new(store), key).await.expect("the vault opens"));
            return Self { store: vault.clone(), shelf: vault };
        }
        let vault = Arc::new(Vault::open(std::path::Path::new(store), key).expect("the vault opens"));
        Self { store: vault.clone(), shelf: vault }
    }

    pub(crate) fn keyfob(&self) -> Keyfob {
        let transport = HyperTransport::builder().loopback_only(true).proxies(false).build().expect("a transport");
        Keyfob::new(self.store.clone(), Arc::new(transport))
    }
}

/// Serves a vault, whose memory (where it is that) is filled first.
pub(crate) fn run(store: &str, origin: &str, keys: &str) {
    tracing_subscriber::fmt().with_max_level(LevelFilter::INFO).with_writer(std::io::stderr).init();
    one_worker().block_on(async {
        let kept = Kept::open(store).await;
        if store == "memory" {
            fill::fill(&kept, &Fill { origin, keys, accounts: 1, ends: fill::NEVER }).await;
        }
        let (keyfob, services) = (kept.keyfob(), fill::services(origin));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let mut config = Config::new(address, services.clone(), keyfob.clone());
        config.shelf = Some(kept.shelf.clone());
        let site = Site::new(config).expect("a site");
        let server = Server::new(site).listener(listener.into_std().expect("a socket")).expect("it listens");
        println!("{address}");
        let (plan, resolve) = (Plan::default(), move |account: &Account| resolved(&services, account));
        tokio::select! {
            ended = server.run(std::future::pending(), std::future::pending()) => ended.expect("it listens"),
            () = upkeep::run(&keyfob, &resolve, &plan, std::future::pending(), |_| {}) => {}
            () = input_ends() => {}
        }
        // Whoever reads its input still cannot be asked to stop.
        std::process::exit(0);
    });
}

fn resolved(services: &[Service], account: &Account) -> Result<(keyfob::proto::Settings, keyfob::proto::App), Error> {
    let service = services.iter().find(|service| service.provider.name == account.provider);
    let service = service.ok_or_else(|| Error::NoAccount { name: account.name.clone() })?;
    Ok((service.provider.settings(&|_| None)?, service.app.clone()))
}

/// As many as nginx has.
pub(crate) fn one_worker() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime")
}
