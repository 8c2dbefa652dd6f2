//! Which providers can be connected, and our registrations with them: those that the program was started with, and those that the owner
//! keeps in the vault on a page, or by the command, while it runs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::StatusCode;
use keyfob::proto::{App, Misuse, Origin, Secret, Settings};
use keyfob::{Error, StoreError};
use keyfob_providers::{Field, Provider};

use crate::failure::{Failure, sentence};
use crate::site::{Desk, Service, Site};

/// The vault's apps are looked at this often. A look and no notice: the command, which keeps apps too, tells nobody.
const EVERY: Duration = Duration::from_secs(1);

/// An app that cannot be served (an issuer that does not answer, say) is tried again after so long, or when it is another.
const AGAIN: Duration = Duration::from_secs(60);

impl Site {
    /// Follows what becomes of apps in the vault, by the command or another instance, as long as this is waited for.
    pub(crate) async fn follow_apps(&self) {
        // Without people there is nothing but what the program was started with.
        if self.people.is_none() {
            return std::future::pending().await;
        }
        let mut seen = Seen::default();
        loop {
            tokio::time::sleep(EVERY).await;
            if let Err(error) = self.look_at_apps(&mut seen).await {
                tracing::debug!(%error, "apps that have changed count a little later");
            }
        }
    }

    async fn look_at_apps(&self, seen: &mut Seen) -> Result<(), StoreError> {
        let there: BTreeMap<String, App> = self.keyfob.store().apps().await?.into_iter().collect();
        // Before issuers are asked, who take their time: what was taken away is used no more. What was never in the vault (the environment said it) is not
        // gone from there.
        for desk in self.desks().into_iter().filter(|desk| desk.is_in_vault() && !there.contains_key(&desk.account)) {
            self.close_app(&desk).await?;
        }
        for (name, app) in &there {
            // One that it was started with may be kept there later, too, and goes on when it is taken away again.
            if self.desk(name).is_some_and(|desk| desk.app.same_as(app)) {
                continue;
            }
            if seen.has_failed(name, app) {
                continue;
            }
            let Some(provider) = self.provider(name) else { continue };
            match self.serve_app(provider, app.clone()).await {
                Ok(Some(_)) => tracing::info!(provider = name, "the app in the vault is another one, and is used from now on"),
                // Yet another one by now; or none. The next look knows.
                Ok(None) => {}
                Err(Error::Store(error)) => return Err(error),
                Err(error) => {
                    tracing::warn!(provider = name, %error, "the app in the vault is of no use");
                    seen.failed.insert(name.clone(), (app.clone(), Instant::now()));
                }
            }
        }
        Ok(())
    }

    /// Serves this desk no more, if its app is still gone from the vault: somebody may have kept one meanwhile.
    async fn close_app(&self, desk: &Desk) -> Result<(), StoreError> {
        let _turn = self.keeping_apps.lock().await;
        if self.keyfob.store().app(&desk.account).await?.is_none() && self.close(&desk.account, &desk.app) {
            match self.desk(&desk.account) {
                Some(_) => {
                    tracing::info!(provider = desk.account, "its app is not in the vault any more: the one of the start is used again")
                }
                None => tracing::info!(provider = desk.account, "its app is not in the vault any more"),
            }
        }
        Ok(())
    }

    /// A provider that can be connected, or could be with an app.
    pub(crate) fn provider(&self, name: &str) -> Option<Provider> {
        let of_catalogue = || self.catalogue.iter().find(|provider| provider.name == name).cloned();
        self.desk(name).map(|desk| desk.provider.clone()).or_else(of_catalogue)
    }

    /// All of them, by title.
    pub(crate) fn providers(&self) -> Vec<Provider> {
        let mut providers: Vec<Provider> = self.catalogue.clone();
        let known = |providers: &[Provider], name: &str| providers.iter().any(|provider| provider.name == name);
        for desk in self.desks() {
            if !known(&providers, &desk.provider.name) {
                providers.push(desk.provider.clone());
            }
        }
        providers.sort_by_key(|provider| provider.title.to_lowercase());
        providers
    }

    /// The redirect URI to register with a provider: where its answers have to come.
    pub(crate) fn redirect_uri(&self, provider: &str) -> String {
        self.desk(provider).map_or_else(|| self.usual_redirect_uri(provider), |desk| desk.redirect_uri.clone())
    }

    /// The service of an account, where the vault has got its app meanwhile: by the command, or by another instance of this program. One that the sandbox
    /// does not play is refused here, whatever was to be done with it.
    pub(crate) async fn look_for(&self, account: &str) -> Result<Option<Arc<Desk>>, Failure> {
        let name = account.split('/').next().unwrap_or(account);
        if let Some(desk) = self.desk(account).or_else(|| self.desk(name)) {
            return Ok(Some(desk));
        }
        if let Some(provider) = self.unplayed.iter().find(|provider| provider.name == name) {
            return Err(Failure::unplayed(provider, &self.providers()));
        }
        let Some(provider) = self.catalogue.iter().find(|provider| provider.name == name) else { return Ok(None) };
        let app = self.keyfob.store().app(name).await.map_err(|error| {
            tracing::error!(%error, "an app could not be read");
            Failure::vault()
        })?;
        let Some(app) = app else { return Ok(None) };
        self.serve_app(provider.clone(), app).await.map_err(|error| match error {
            Error::Store(error) => error.into(),
            error => unfit(provider, &error),
        })
    }

    /// Keeps an app, and has its provider to connect from now on.
    pub(crate) async fn keep_app(&self, provider: &Provider, app: App) -> Result<Arc<Desk>, Failure> {
        // First the settings: an app whose provider cannot be found by it is not kept.
        let settings = self.keyfob.settings(provider, &app).await.map_err(|error| unfit(provider, &error))?;
        // Or a look at the vault would find the old one there, and bring it back.
        let _turn = self.keeping_apps.lock().await;
        let desk = self.put_at_desk(provider.clone(), app.clone(), settings).map_err(|error| unfit(provider, &error.into()))?;
        self.keyfob.store().put_app(&provider.name, &app).await.map_err(|error| {
            tracing::error!(%error, "an app could not be kept");
            Failure::vault()
        })?;
        tracing::info!(provider = provider.name, "an app was kept");
        Ok(desk)
    }

    /// Serves an app of the vault. `None`: by the time that its issuer has answered, which nobody waits for, the vault has another one, or none.
    async fn serve_app(&self, provider: Provider, app: App) -> Result<Option<Arc<Desk>>, Error> {
        let settings = self.keyfob.settings(&provider, &app).await?;
        let _turn = self.keeping_apps.lock().await;
        let now = self.keyfob.store().app(&provider.name).await?;
        if !now.is_some_and(|now| now.same_as(&app)) {
            return Ok(None);
        }
        Ok(Some(self.put_at_desk(provider, app, settings)?))
    }

    fn put_at_desk(&self, provider: Provider, app: App, settings: Settings) -> Result<Arc<Desk>, Misuse> {
        // It may have been registered for the command; its redirect URI counts only if it leads here.
        let ours = |uri: &String| Origin::parse(uri).as_ref() == Some(&self.origin);
        let redirect_uri = app.redirect_uri.clone().filter(ours);
        let service = Service { account: provider.name.clone(), provider, app, redirect_uri, scopes: Vec::new() };
        self.reopen(service, settings)
    }
}

/// The fields of a provider's app that a page asks for. Where answers come is ours to say, and what is asked for is chosen at each login.
pub(crate) fn asked(provider: &Provider) -> impl Iterator<Item = &Field> {
    provider.client.fields.iter().filter(|field| !matches!(field.name.as_str(), "redirect_uri" | "scope"))
}

/// The app that a form describes. What is wrong with a value is told without the value.
pub(crate) fn of_form(provider: &Provider, redirect_uri: &str, fields: &[(String, String)]) -> Result<App, Misuse> {
    let mut app = App { redirect_uri: Some(redirect_uri.to_owned()), ..App::default() };
    for field in asked(provider) {
        let said = fields.iter().find(|(name, _)| *name == field.name).map(|(_, value)| value.trim()).unwrap_or_default();
        if said.is_empty() && !field.required {
            continue;
        }
        field.check(said)?;
        app.set(&field.name, Secret::new(said));
    }
    Ok(app)
}

/// What was found at the last look.
#[derive(Default)]
struct Seen {
    failed: BTreeMap<String, (App, Instant)>,
}

impl Seen {
    /// Whether this very app could not be served a moment ago.
    fn has_failed(&self, name: &str, app: &App) -> bool {
        self.failed.get(name).is_some_and(|(failed, at)| failed.same_as(app) && at.elapsed() < AGAIN)
    }
}

fn unfit(provider: &Provider, error: &Error) -> Failure {
    tracing::warn!(provider = provider.name, %error, "an app is of no use");
    let title = format!("{} cannot be connected with this app", provider.title);
    Failure::plain(StatusCode::BAD_REQUEST, title, sentence(&error.to_string()))
        .onward(format!("Back to {}", provider.title), crate::page::provider_path(&provider.name))
}

#[cfg(test)]
mod tests {
    use keyfob_providers::Catalogue;

    use super::*;

    #[test]
    fn an_app_is_what_its_provider_asks_for_and_no_more() {
        let catalogue = Catalogue::embedded();
        let provider = catalogue.get("netatmo").expect("there");
        let said = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let fields = said(&[
            ("client_id", " abc "),
            ("client_secret", "example-not-real"),
            ("redirect_uri", "https://evil.example/"),
            ("private_key", "x"),
        ]);
        let app = of_form(provider, "http://127.0.0.1:5000/callback", &fields).expect("an app");
        assert_eq!((app.client_id.as_str(), app.redirect_uri.as_deref()), ("abc", Some("http://127.0.0.1:5000/callback")));
        assert!(app.private_key.is_none() && app.fields.is_empty());
        let wrong = of_form(provider, "http://127.0.0.1:5000/callback", &said(&[("client_id", "a\nb"), ("client_secret", "x")]));
        assert!(wrong.is_err_and(|misuse| misuse.to_string().contains("Client ID") && !misuse.to_string().contains("a\nb")));
        assert!(of_form(provider, "x", &said(&[("client_id", "abc")])).is_err(), "a secret is missing");
    }
}
