//! Walking with the library: the catalogue, pointed at the sandbox, and sessions.

use std::collections::BTreeMap;
use std::sync::Arc;

use keyfob::proto::{Answer, App, Origin, Secret, Settings};
use keyfob::{Clock as _, HyperTransport, Keyfob, LoggedIn, Login, MemoryStore, Redirect, Session, SystemClock};
use keyfob_providers::{Catalogue, Provider, Table};
use keyfob_sandbox::{Consent, Sandbox};

use crate::person;

/// The pretend providers, and a library that knows them.
pub struct Library {
    /// The pretend providers.
    pub sandbox: Sandbox,
    /// The library.
    pub keyfob: Keyfob,
    catalogue: Catalogue,
}

/// Which sandbox service plays a provider: Fitbit's two protocols live on one origin.
pub fn service(provider: &str) -> &str {
    provider.strip_suffix("-oauth1").unwrap_or(provider)
}

impl Library {
    /// Starts the pretend providers, who approve everything.
    ///
    /// # Panics
    /// If they do not start.
    pub async fn start() -> Self {
        let sandbox = Sandbox::start().await.expect("free ports");
        for name in keyfob_sandbox::SERVICES {
            sandbox.consent(name, Consent::Approve);
        }
        let transport = HyperTransport::builder().loopback_only(true).build().expect("a certificate store");
        let keyfob = Keyfob::new(Arc::new(MemoryStore::new()), Arc::new(transport));
        Self { sandbox, keyfob, catalogue: Catalogue::embedded() }
    }

    /// A provider of the catalogue, pointed at the sandbox.
    ///
    /// # Panics
    /// If there is none of that name.
    pub fn provider(&self, name: &str) -> Provider {
        let origin = Origin::parse(&self.sandbox.origin(service(name))).expect("an origin");
        self.catalogue.get(name).expect("in the catalogue").at_origin(&origin)
    }

    /// Its settings.
    ///
    /// # Panics
    /// If its file is incomplete.
    pub fn settings(&self, name: &str) -> Settings {
        self.provider(name).settings(&|_| None).expect("complete")
    }

    /// The demo app.
    pub fn app(&self, name: &str) -> App {
        let demo = self.sandbox.app(name);
        let mut app = App::confidential(demo.client_id, demo.client_secret);
        app.fields = demo.fields.into_iter().map(|(name, value)| (name, Secret::new(value))).collect();
        app
    }

    /// Begins a login with a callback that nobody listens at.
    ///
    /// # Panics
    /// If the provider refuses.
    pub async fn begin(&self, name: &str) -> Login {
        let redirect = Redirect::Uri(REDIRECT_URI.to_owned());
        let begun = Login::begin(&self.keyfob, &self.settings(name), &self.app(name), name, redirect, vec![]).await;
        begun.unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Logs in: begins, lets the person approve, and takes what they bring back.
    ///
    /// # Panics
    /// If it does not work.
    pub async fn log_in(&self, name: &str) -> LoggedIn {
        let login = self.begin(name).await;
        let url = login.url().to_owned();
        let back = tokio::task::spawn_blocking(move || person::goes_to(&url)).await.expect("no panic");
        let verified = login.verify(Answer::Url(&back)).unwrap_or_else(|error| panic!("{name}: {error}"));
        login.finish(verified).await.unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// A session of an account that is logged in.
    ///
    /// # Panics
    /// If it is not.
    pub async fn session(&self, name: &str) -> Session {
        let session = self.keyfob.session(self.settings(name), self.app(name), name).await;
        session.unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Runs an action and reads its table; all pages of it.
    pub async fn act(&self, name: &str, action: &str, arguments: &[(&str, &str)]) -> Result<Table, keyfob::Error> {
        let provider = self.provider(name);
        let action = provider.action(action).map_err(keyfob::proto::Error::from)?;
        let session = self.session(name).await;
        let mut arguments: BTreeMap<String, String> =
            arguments.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        arguments = action.at(&arguments, SystemClock.now());
        let mut whole: Option<Table> = None;
        loop {
            let request = session.look(|account| action.request(&arguments, &account.kept)).map_err(keyfob::proto::Error::from)?;
            let mut call = session.call(request.method, request.target);
            for (name, value) in request.headers {
                call = call.header(name, value);
            }
            if let Some((media_type, bytes)) = request.body {
                call = call.body(http::HeaderValue::from_static(media_type), bytes);
            }
            let answer = call.send().await?.json().await?;
            let table = action.table(&arguments, &answer).unwrap_or_else(|error| panic!("{name}: {error}"));
            match &mut whole {
                Some(whole) => whole.append(table),
                None => whole = Some(table),
            }
            match action.next(&arguments, &answer).unwrap_or_else(|error| panic!("{name}: {error}")) {
                Some(next) => arguments = next,
                None => return Ok(whole.expect("one page at least")),
            }
        }
    }
}

/// Registered with all demo apps; tests paste, so nobody listens there.
pub const REDIRECT_URI: &str = "http://localhost/callback";
