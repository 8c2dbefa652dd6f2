#![doc = include_str!("../README.md")]

mod account;
mod clock;
mod entropy;
mod error;
pub mod history;
mod keyfob;
pub mod login;
mod logout;
mod memory;
pub mod session;
pub mod store;
pub mod transport;

pub use account::{Account, AccountId, Health, PendingLogin};
pub use clock::{Clock, SystemClock};
pub use entropy::{OsEntropy, random_hex};
pub use error::{ApiError, Error};
pub use keyfob_proto as proto;
pub use login::{LoggedIn, Login, Redirect};
pub use logout::{LoggedOut, Revoked, logout};
pub use memory::MemoryStore;
pub use session::{Answer, Call, Session};
pub use store::{Store, StoreError};
pub use transport::{Body, HyperTransport, Transport};

pub use self::keyfob::Keyfob;
