#![doc = include_str!("../README.md")]

mod app;
mod arena;
mod callback;
mod deviation;
pub mod encode;
mod endpoint;
mod entropy;
mod error;
mod form;
mod headers;
pub mod jose;
mod message;
pub mod oauth1;
pub mod oauth2;
pub mod oidc;
mod reach;
pub mod scrub;
pub mod secret;
mod settings;
mod template;
mod time;
mod token;

pub use app::App;
pub use callback::{Answer, FormPost};
pub use deviation::{Deviation, Deviations, Tolerated};
pub use endpoint::{Endpoint, Origin};
pub use entropy::Entropy;
pub use error::{Code, Error, Misbehaved, Misuse, Refused, Transport, TransportKind};
pub use message::{Body, Incoming, Outgoing};
pub use reach::{Reach, is_public};
pub use scrub::Scrubber;
pub use secret::Secret;
pub use settings::{Api, Attach, Flow, Settings, Signal};
pub use template::Template;
pub use time::Timestamp;
pub use token::{Identity, OAuth1Tokens, OAuth2Tokens, Received, TokenSet};
