//! The provider: the sandbox's `acme`, which keeps to every specification until it is told to be wrong in one respect.

use keyfob_sandbox::{Consent, Faults, Flaw, Metadata, Registration, Sandbox, Seen};

/// Where the person is sent back to. Nobody listens there: tests follow the redirect by hand.
pub const CALLBACK: &str = "http://127.0.0.1:47000/callback";

/// Long enough for HMAC, and with what has to be encoded in a header (RFC 6749 §2.3.1).
const SECRET: &str = "a sandbox:secret/that+is%long enough for HMAC";

/// A provider on loopback, and an app that is registered with it.
pub struct Op {
    sandbox: Sandbox,
    /// Its issuer identifier.
    pub origin: String,
    /// Our app, as the provider knows it.
    pub app: Registration,
}

impl Op {
    /// With an app of no particular metadata: Basic, RS256.
    pub async fn start() -> Self {
        Self::with(Metadata::default()).await
    }

    /// With an app that is registered so.
    pub async fn with(metadata: Metadata) -> Self {
        let sandbox = Sandbox::builder().only(["acme"]).consent(Consent::Approve).start().await.expect("free ports");
        let app =
            Registration { client_id: "conformance+client".to_owned(), client_secret: SECRET.to_owned(), metadata, ..sandbox.app("acme") };
        sandbox.register("conformance", app.clone());
        Self { origin: sandbox.origin("acme"), sandbox, app }
    }

    /// From now on it is wrong in this respect, and right in every other.
    pub fn flawed(&self, flaw: Flaw) {
        self.faults(|faults| faults.flaw = Some(flaw));
    }

    /// Other habits.
    pub fn faults(&self, change: impl FnOnce(&mut Faults)) {
        self.sandbox.faults("acme").update(change);
    }

    /// It signs with new keys from now on.
    pub fn rotates_keys(&self) {
        self.sandbox.rotate_keys("acme");
    }

    /// The person says no from now on.
    pub fn denies(&self) {
        self.sandbox.consent("acme", Consent::Deny);
    }

    /// Moves its clock. The relying party's moves with it: see `Rp::later`.
    pub fn later(&self, seconds: i64) {
        self.sandbox.advance(seconds);
    }

    /// What it was asked at this path, oldest first, with secrets masked.
    pub fn seen(&self, path: &str) -> Vec<Seen> {
        self.sandbox.seen("acme").into_iter().filter(|seen| seen.path == path).collect()
    }
}
