//! Programs as people wrote them before there was Keyfob, against our sandbox.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::{Program, World, http, tools};

/// The one on August, a web app, and its origin. It listens on a port of its own, and AUTHCALL names it.
///
/// # Panics
/// If it does not start.
pub fn august(python: &Path, world: &World) -> (Program, String) {
    let (app, august) = (world.app("august"), world.origin("august"));
    let port = keyfob_testbed::port::reserve();
    let origin = format!("http://127.0.0.1:{port}");
    let (callback, port) = (format!("{origin}/callback"), port.to_string());
    let environment = [
        ("CLIENTID", app.client_id.as_str()),
        ("APIKEY", &app.fields["api_key"]),
        ("APISEC", &app.client_secret),
        ("AUTHCALL", &callback),
        ("AUGUST_AUTH", &august),
        ("AUGUST_API", &august),
        ("HOST", "127.0.0.1"),
        ("PORT", &port),
    ];
    let program = Program::start(python, &[tools::here().join("seeds/august/app.py")], &environment);
    let until = Instant::now() + Duration::from_secs(30);
    while http::send("GET", &origin, &[], b"").is_err() {
        assert!(Instant::now() < until, "the app does not answer: {}", program.errors());
        std::thread::sleep(Duration::from_millis(50));
    }
    (program, origin)
}
