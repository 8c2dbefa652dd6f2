//! Certificate and key: read at the start and when they are renewed, and what is odd about them.

use std::sync::Arc;
use std::time::Duration;

use keyfob_broker::{Address, Site, Tls};

use super::config::Settings;
use super::signals::Signals;
use crate::card::Card;
use crate::exit::Exit;

/// A renewed certificate is noticed after so long, if nobody says that there is one.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// Certificate and key, where there are some. They are for https, and the site has to know that it is.
pub(super) fn load(settings: &Settings, site: &Site) -> Result<Option<Arc<Tls>>, Card> {
    let Some((certificate, key)) = &settings.tls else { return Ok(None) };
    let what = "cannot speak TLS";
    if !site.url().starts_with("https://") {
        let why = format!("browsers are sent to {}, which is not https", site.url());
        return Err(Card::usage(what, why, "say the name that the certificate is for: --external-url https://home.example"));
    }
    let tls = Tls::load(certificate, key).map_err(|error| {
        Card::new(Exit::Usage, what, error.to_string(), "give a certificate and the key that it was made with, both in PEM form")
    })?;
    Ok(Some(Arc::new(tls)))
}

/// What the person who starts it should know.
pub(super) fn notes(settings: &Settings, tls: Option<&Tls>, site: &Site) -> Vec<String> {
    let Some(tls) = tls else { return Vec::new() };
    let mut notes = tls.notes(site);
    if settings.listen.iter().all(|address| matches!(address, Address::Unix(_))) {
        notes.push("nothing speaks TLS: sockets in the file system do not, and there is no other address".to_owned());
    }
    notes
}

/// Reads a renewed certificate, when somebody says that there is one, and from time to time.
pub(super) async fn look_again(tls: Option<Arc<Tls>>, site: &Site, mut signals: Signals) {
    loop {
        tokio::select! {
            () = signals.reload() => {}
            () = tokio::time::sleep(LOOK_AGAIN), if tls.is_some() => {}
        }
        match tls.as_ref().map(|tls| tls.reload()) {
            Some(Ok(true)) => {
                tracing::info!("the certificate was renewed");
                tls.iter().flat_map(|tls| tls.notes(site)).for_each(|note| tracing::warn!("{note}"));
            }
            Some(Err(error)) => tracing::error!(%error, "a renewed certificate cannot be used; the old one stays"),
            Some(Ok(false)) => {}
            None => tracing::info!("asked to look again: nothing is read from files while it runs"),
        }
    }
}
