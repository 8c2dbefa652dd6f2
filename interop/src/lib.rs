//! What the tests against other people's software share: finding that software, running it, and looking at what happened.
//!
//! ```text
//!   tests/telldus.rs …  ──►  World (our sandbox) ◄── Program (seeds/telldus.py, with other people's libraries)
//!        │                      │
//!        └── plays the person   └── what it saw, compared with transcripts/telldus.txt
//! ```
//!
//! A test begins with what it needs from the machine; where that is missing it says so and goes home (see [`tools`]).

pub mod browser;
pub mod clock;
pub mod fleet;
pub mod home;
pub mod http;
pub mod oauth1;
pub mod peers;
pub mod person;
pub mod program;
pub mod relay;
pub mod seeds;
pub mod tools;
pub mod transcript;
pub mod wire;
pub mod world;

pub use browser::Browser;
pub use clock::Clock;
pub use home::Home;
pub use program::Program;
pub use world::World;
