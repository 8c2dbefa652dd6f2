#![doc = include_str!("../README.md")]
#![warn(clippy::missing_errors_doc)]

mod account;
mod back_channel;
mod backchannel_logout;
mod bounded;
mod clock;
mod discovery;
mod entropy;
mod error;
mod events;
mod grant;
pub mod history;
mod hold;
mod id_token;
mod introspection;
mod keyfob;
mod keys;
mod limit;
pub mod links;
pub mod login;
mod logout;
mod memory;
mod moment;
mod open;
mod own_keys;
mod person;
mod policy;
mod protected_resource;
mod registration;
mod rename;
pub mod session;
mod sourced_claims;
pub mod store;
pub mod transport;
pub mod upkeep;

pub use account::{Account, AccountId, Crowd, Health, Moment, PendingLogin};
pub use backchannel_logout::backchannel_logout;
pub use clock::{Clock, SystemClock, Uptime};
pub use discovery::{discover, find_issuer};
pub use entropy::{OsEntropy, random_hex};
pub use error::{ApiError, Error};
pub use events::Events;
pub use grant::{Grant, MadeOf, OwnRequest, Said};
pub use keyfob_proto as proto;
pub use login::{Approved, BackchannelLogin, DeviceLogin, LoggedIn, Login, LoginOptions, Redirect};
pub use logout::{LoggedOut, Revoked, end_session, forget_now, logout, revoke};
pub use memory::MemoryStore;
pub use policy::Policy;
pub use rename::rename;
pub use session::{Answer, Call, Mask, Session, Token, Unsaved};
pub use sourced_claims::sourced_claims;
pub use store::{Store, StoreError};
pub use transport::{Body, HyperTransport, Transport};

pub use self::keyfob::Keyfob;
