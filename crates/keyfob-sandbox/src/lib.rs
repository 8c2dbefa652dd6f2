//! Pretend OAuth providers for trying and testing without an account or internet.
//!
//! Five services listen on five origins of their own, so that a program made for the real thing changes only host,
//! credentials and ids:
//!
//! | service   | speaks                                            | its world                         |
//! |-----------|---------------------------------------------------|-----------------------------------|
//! | `august`  | OAuth 2 without `token_type`, two custom headers  | locks that stay unlocked          |
//! | `netatmo` | OAuth 2 with a scope array and strict rotation    | weather since 2019                |
//! | `fitbit`  | OAuth 1.0a of 2013 and OAuth 2, on one origin     | a walker's days                   |
//! | `telldus` | OAuth 1.0a as a PHP library speaks it             | lamps, blinds, sensors            |
//! | `acme`    | OAuth 2 and OpenID Connect by the letter          | a mirror for requests             |
//!
//! A sixth origin, the index, lists them with their demo credentials and takes orders (`/control/…`).
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use keyfob_sandbox::{Consent, Sandbox};
//!
//! let sandbox = Sandbox::start().await?;
//! sandbox.consent("telldus", Consent::Approve);
//! sandbox.faults("telldus").update(|faults| faults.too_many_requests = 2);
//! let origin = sandbox.origin("telldus"); // http://127.0.0.1:PORT
//! let app = sandbox.app("telldus"); // app.client_id, app.client_secret
//! // … point a client at `origin` …
//! for seen in sandbox.seen("telldus") {
//!     println!("{}", seen.line());
//! }
//! # drop((origin, app));
//! # Ok(()) }
//! ```

mod acme;
mod apps;
mod august;
mod chance;
mod clock;
mod consent;
mod control;
mod desk;
mod fault;
mod fetch;
mod fitbit;
mod flaw;
mod imitation;
mod jwt;
mod message;
mod netatmo;
mod oauth1;
mod oauth2;
mod page;
mod post;
mod quirk;
mod recorder;
mod rsa_pem;
mod sandbox;
mod server;
mod telldus;
mod tls;
mod weather;
mod web_page;

pub use acme::SamlAssertion;
pub use apps::{Metadata, Ready, Registration};
pub use consent::Consent;
pub use fault::{At, DpopNonce, Faults};
pub use flaw::{Flaw, Part};
pub use imitation::{Habits, Imitation, Say};
pub use quirk::Quirk;
pub use recorder::{Parameter, Place, Placement, Seen};
pub use sandbox::{Builder, FaultDesk, SERVICES, Sandbox, serve};
pub use tls::Certificate;
pub use web_page::WebPage;
