//! What all accounts of one app have in common. Ten thousand of them have it once: it is by far the most of what a session takes.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use keyfob_proto::{App, Flow, Misuse, Settings, oauth1, oauth2};

use crate::error::Error;
use crate::keyfob::Keyfob;

/// The provider's settings, the app, and the client that is made of both.
pub(crate) struct Setup {
    pub(super) settings: Settings,
    pub(super) app: App,
    pub(super) client: Client,
}

pub(super) enum Client {
    OAuth1(Box<oauth1::Client>),
    OAuth2(Box<oauth2::Client>),
}

impl Setup {
    pub(crate) fn new(keyfob: &Keyfob, settings: Settings, app: App) -> Result<Self, Error> {
        let client = match &settings.flow {
            Flow::OAuth1(_) => Client::OAuth1(Box::new(keyfob.oauth1_client(&settings, &app)?)),
            Flow::OAuth2(_) => Client::OAuth2(Box::new(keyfob.client(&settings, &app)?)),
            _ => {
                return Err(Misuse::new("a provider of a kind this version speaks", "another kind")
                    .with_hint("install a newer version")
                    .into());
            }
        };
        Ok(Self { settings, app, client })
    }

    /// Whether it is made of these.
    pub(super) fn is_of(&self, settings: &Settings, app: &App) -> bool {
        self.settings == *settings && self.app.same_as(app)
    }
}

/// Those that are in use, by provider and client id.
#[derive(Default)]
pub(crate) struct Setups(BTreeMap<(String, String), Vec<Weak<Setup>>>);

impl Setups {
    /// So many of one app are looked through. There are several where settings changed, or where each account has its API at a place of its own, and
    /// then there can be as many as accounts.
    const MOST: usize = 4;

    pub(crate) fn get(&self, settings: &Settings, app: &App) -> Option<Arc<Setup>> {
        let known = self.0.get(&(settings.provider.clone(), app.client_id.clone()))?;
        known.iter().filter_map(Weak::upgrade).find(|setup| setup.is_of(settings, app))
    }

    pub(crate) fn insert(&mut self, setup: &Arc<Setup>) {
        // Now and then, not each time: there may be an app for each of many tenants.
        if self.0.len() >= 64 && self.0.len().is_power_of_two() {
            self.0.retain(|_, known| known.iter().any(|setup| setup.strong_count() > 0));
        }
        let known = self.0.entry((setup.settings.provider.clone(), setup.app.client_id.clone())).or_default();
        known.retain(|setup| setup.strong_count() > 0);
        known.truncate(Self::MOST - 1);
        known.insert(0, Arc::downgrade(setup));
    }
}

#[cfg(test)]
mod tests {
    use keyfob_proto::Endpoint;

    use super::*;
    use crate::{HyperTransport, MemoryStore};

    fn settings(token: &str) -> Settings {
        let endpoint = |path: &str| Endpoint::parse(&format!("https://hub.example/{path}")).expect("an endpoint");
        let flow = oauth2::Settings::new(endpoint("authorize"), endpoint(token));
        Settings::new("hub", Flow::OAuth2(flow), endpoint("api"))
    }

    #[test]
    fn accounts_of_one_app_have_one_setup_and_of_another_their_own() {
        let transport = HyperTransport::new().expect("a transport");
        let keyfob = Keyfob::new(Arc::new(MemoryStore::new()), Arc::new(transport));
        let setup = |token: &str, secret: &str| keyfob.setup(settings(token), App::confidential("id", secret.to_owned())).expect("a setup");
        let first = setup("token", "one");
        assert!(Arc::ptr_eq(&first, &setup("token", "one")));
        assert!(!Arc::ptr_eq(&first, &setup("token", "two")), "an app that was changed counts");
        assert!(!Arc::ptr_eq(&first, &setup("other", "one")), "and so do settings");
        let many: Vec<_> = (0..10).map(|number| setup(&format!("token{number}"), "one")).collect();
        assert!(Arc::ptr_eq(&many[9], &setup("token9", "one")));
        let known = keyfob.opened().setups.0.values().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(known, [Setups::MOST], "no more are looked through");
        drop(many);
        drop(setup("token", "three"));
        assert!(keyfob.opened().setups.get(&settings("token"), &App::confidential("id", "three")).is_none(), "nobody has it any more");
    }
}
