//! The way back from the provider's page: a callback on this machine, pasted text, or a PIN.

use std::io;

use keyfob::Redirect;
use keyfob::login::loopback::Listener;
use keyfob::proto::App;
use keyfob::proto::oauth2::RedirectUri;
use keyfob_providers::Provider;
use url::Url;

use crate::card::Card;
use crate::exit::Exit;

/// The way back from the provider's page.
pub(crate) enum Way {
    /// The browser comes back to us; pasting works as well.
    Listen {
        listener: Listener,
        /// Where it comes back to.
        uri: String,
        /// What the app's registration has to have: without the port, where any will do (RFC 8252 §7.3).
        registered: String,
    },
    /// The browser ends up at an address where we cannot listen: it is pasted.
    Paste(String),
    /// The page shows a PIN, which is typed.
    Pin,
}

impl Way {
    /// Chooses: the URI that was asked for, the app's own, or the best that the provider's file suggests. Where we can listen there, the port
    /// is ours before any browser opens. At the sandbox (`pretend`) any port of 127.0.0.1 will do.
    pub(crate) async fn choose(provider: &Provider, app: &App, wanted: Option<&str>, pin: bool, pretend: bool) -> Result<Self, Card> {
        let redirect = &provider.client.redirect;
        let suggested = wanted.or(app.redirect_uri.as_deref()).or(redirect.suggested.first().map(String::as_str));
        if pin || suggested.is_none() && redirect.oob {
            return if redirect.oob { Ok(Self::Pin) } else { Err(no_pin(provider)) };
        }
        let Some(uri) = suggested else {
            return Err(Card::usage(
                format!("cannot log in to {}", provider.name),
                "no redirect URI is known: neither the app nor the provider's file has one",
                format!("name the one that you registered: keyfob login {} --redirect-uri URI", provider.name),
            ));
        };
        let (Ok(parsed), Ok(())) = (Url::parse(uri), RedirectUri::from(uri).check()) else {
            return Err(Card::usage(
                "this is no redirect URI",
                "expected an http or https URL, or one of a scheme that an app has for itself (with a dot), without a fragment",
                "give the one that you registered, such as http://127.0.0.1:8765/callback or com.example.app:/callback",
            ));
        };
        match redirect.listener(uri) {
            // A redirect URI at the literal ::1 is followed by hand (RFC 8252 §7.3 prefers 127.0.0.1).
            Some((host, port)) if host == "127.0.0.1" || host == "localhost" => {
                let mut bound = if host == "localhost" {
                    Listener::bind_localhost(port, parsed.path()).await
                } else {
                    Listener::bind(port, parsed.path()).await
                };
                let any_port = bound.is_err() && pretend && wanted.is_none() && app.redirect_uri.is_none();
                if any_port {
                    bound = Listener::bind(0, parsed.path()).await;
                }
                let listener = bound.map_err(|error| taken(provider, uri, port, &error))?;
                let registered = uri.to_owned();
                let uri = if port == 0 || any_port { listener.redirect_uri() } else { registered.clone() };
                Ok(Self::Listen { listener, uri, registered })
            }
            _ => Ok(Self::Paste(uri.to_owned())),
        }
    }

    /// What the provider is told.
    pub(crate) fn redirect(&self) -> Redirect {
        match self {
            Self::Listen { uri, .. } | Self::Paste(uri) => Redirect::Uri(uri.clone()),
            Self::Pin => Redirect::OutOfBand,
        }
    }

    /// What the app's registration has to have.
    pub(crate) fn registered(&self) -> Option<&str> {
        match self {
            Self::Listen { registered: uri, .. } | Self::Paste(uri) => Some(uri),
            Self::Pin => None,
        }
    }
}

fn no_pin(provider: &Provider) -> Card {
    Card::usage(
        format!("{} shows no PIN", provider.title),
        "a PIN (oob) is a way of OAuth 1 that not every provider has",
        format!("keyfob login {}", provider.name),
    )
}

/// Whoever holds the port would get the answer, so pasting beside it is no way out.
fn taken(provider: &Provider, uri: &str, port: u16, error: &io::Error) -> Card {
    let why = match error.kind() {
        io::ErrorKind::AddrInUse => format!("another program listens on 127.0.0.1:{port}, and would get the answer"),
        _ => error.to_string(),
    };
    Card::new(
        Exit::Error,
        format!("cannot listen at {uri}"),
        why,
        format!("stop that program, or name another URI that you registered: keyfob login {} --redirect-uri URI", provider.name),
    )
}
