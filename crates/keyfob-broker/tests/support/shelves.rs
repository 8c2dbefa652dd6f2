//! Where a web app may keep what it keeps: each of the shelves that there are. What is taken once, is one person's, ends, or is read page by page is SQL
//! on two of them, and a map on the third.

use std::any::Any;
use std::sync::Arc;

use keyfob::proto::Secret;
use keyfob_store::{KeySource, MemoryShelf, PostgresVault, Shelf, Vault};
use keyfob_testbed::Cluster;

use super::disk::{Disk, Hand};
use super::front::Front;
use super::{Setup, World};

/// A shelf, and what has to stay as long as it is used.
pub struct Place {
    pub shelf: Arc<dyn Shelf>,
    _keep: Box<dyn Any + Send>,
}

impl World {
    /// The same case on each of the shelves, with people and these providers. Without a PostgreSQL it says that this one is left out.
    pub async fn on_each_shelf(names: &[&str], case: impl AsyncFn(Self)) {
        case(Self::on(names, memory()).await).await;
        case(Self::on(names, sqlite()).await).await;
        if let Some(place) = postgres().await {
            case(Self::on(names, place).await).await;
        }
    }

    /// The same with a hand of the test's in front of each of them.
    pub async fn on_each_shelf_in_hand(names: &[&str], case: impl AsyncFn(Self, Arc<Disk>)) {
        let mut places = vec![memory(), sqlite()];
        places.extend(postgres().await);
        for Place { shelf, _keep } in places {
            let disk = Arc::new(Front(Hand::over(shelf)));
            case(Self::on(names, Place { shelf: disk.clone(), _keep }).await, disk).await;
        }
    }

    async fn on(names: &[&str], place: Place) -> Self {
        println!("on {:?}", place.shelf);
        Self::with(names, Setup { known: true, place: Some(place), ..Setup::default() }).await
    }
}

pub fn memory() -> Place {
    of(Arc::new(MemoryShelf::default()))
}

/// A shelf of the test's own.
pub fn of(shelf: Arc<dyn Shelf>) -> Place {
    Place { shelf, _keep: Box::new(()) }
}

fn sqlite() -> Place {
    let folder = tempfile::tempdir().expect("a folder");
    let vault = Vault::open(&folder.path().join("keyfob").join(Vault::FILE_NAME), key()).expect("the vault opens");
    Place { shelf: Arc::new(vault), _keep: Box::new(folder) }
}

async fn postgres() -> Option<Place> {
    let database = Cluster::shared()?.database();
    let vault = PostgresVault::open(&Secret::new(database.url()), key()).await.expect("the vault opens");
    Some(Place { shelf: Arc::new(vault), _keep: Box::new(database) })
}

fn key() -> KeySource {
    KeySource::Text(Secret::new("01".repeat(32)))
}
