//! `GET /connect`: everything that can be connected, with a search that works without script.

use std::sync::Arc;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::StatusCode;
use keyfob::proto::encode;
use keyfob_providers::{Provider, Status};

use crate::browser::Visit;
use crate::failure::{Failure, sentence};
use crate::page::{self, Forms, Frame};
use crate::site::{Pretended, Site};

#[derive(Template)]
#[template(path = "catalogue.html")]
struct Page {
    frame: Frame,
    entries: Vec<Entry>,
    found: usize,
    /// Whether a small screen shows all of them, too.
    is_all: bool,
    q: String,
    kind: String,
}

impl Page {
    const KINDS: [(&'static str, &'static str); 3] = [("oauth2", "OAuth 2"), ("oidc", "OpenID Connect"), ("oauth1", "OAuth 1.0a")];
}

/// A provider in the list.
struct Entry {
    title: String,
    about: String,
    monogram: String,
    hue: usize,
    path: String,
    kind: &'static str,
    kind_name: &'static str,
    /// Whether an app is there.
    is_ready: bool,
    is_retired: bool,
    /// It is not played in this sandbox: its page says so, and offers nothing.
    is_unplayed: bool,
    /// What a search looks at.
    words: String,
    /// Whether the search of this page found it.
    is_found: bool,
}

pub(crate) async fn show(
    State(site): State<Arc<Site>>,
    RawQuery(query): RawQuery,
    visit: Option<axum::Extension<Visit>>,
) -> Result<Response, Failure> {
    let fields = encode::decode_text_pairs(query.unwrap_or_default().as_bytes()).map_err(|_| Failure::nowhere())?;
    let said = |name: &str| fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.trim().to_owned()).unwrap_or_default();
    let (q, kind) = (said("q"), said("kind"));
    // What exists in the sandbox only has no place among real services, unless somebody serves it all the same.
    let is_real =
        |provider: &Provider| provider.status != Status::Sandbox || site.pretended != Pretended::No || site.desk(&provider.name).is_some();
    let mut entries: Vec<Entry> =
        site.providers().iter().filter(|provider| is_real(provider)).map(|provider| Entry::new(provider, &site, &q, &kind)).collect();
    entries.extend(site.unplayed.iter().map(|provider| Entry { is_unplayed: true, ..Entry::new(provider, &site, &q, &kind) }));
    // What can be connected at once comes first; what has ended, last.
    entries.sort_by_key(|entry| (!entry.is_ready, entry.is_unplayed, entry.is_retired));
    let frame = match &visit {
        Some(visit) => Frame::of(visit, site.take_notice(visit).await),
        None => Frame::new(None),
    };
    // What was searched for is short, or wanted.
    let is_all = !q.is_empty() || !kind.is_empty() || !said("all").is_empty();
    let page = Page { frame, is_all, found: entries.iter().filter(|entry| entry.is_found).count(), entries, q, kind };
    Ok(page::respond(StatusCode::OK, &page, &Forms::Here))
}

impl Entry {
    fn new(provider: &Provider, site: &Site, q: &str, kind: &str) -> Self {
        let words = provider.words();
        let is_found =
            q.to_lowercase().split_whitespace().all(|word| words.contains(word)) && (kind.is_empty() || kind == provider.kind.name());
        Self {
            title: provider.title.clone(),
            about: sentence(&provider.about),
            monogram: page::monogram(provider),
            hue: page::hue(provider),
            path: page::provider_path(&provider.name),
            kind: provider.kind.name(),
            kind_name: provider.kind.title(),
            is_ready: site.desk(&provider.name).is_some(),
            is_retired: matches!(provider.status, Status::Retired { .. }),
            is_unplayed: false,
            words,
            is_found,
        }
    }
}
