//! `POST /connect/{account}`: off to the provider.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::Response;
use keyfob::{Login, Redirect};

use crate::failure::Failure;
use crate::guard::Posted;
use crate::site::Site;

pub(crate) async fn begin(
    State(site): State<Arc<Site>>,
    Path(account): Path<String>,
    Extension(posted): Extension<Posted>,
) -> Result<Response, Failure> {
    site.look_for(&account).await?;
    let seat = site.seat_for(&posted.visit, &named(&account, &posted.fields))?;
    let desk = &seat.desk;
    let redirect = Redirect::Uri(desk.redirect_uri.clone());
    let scopes = chosen(&posted.fields).unwrap_or_else(|| desk.scopes.clone());
    let login = Login::begin(&site.keyfob, &desk.settings, &desk.app, &seat.name, redirect, scopes)
        .await
        .map_err(|error| Failure::from_error(&error, &seat))?;
    // The state belongs to this browser: an answer that another one brings is refused (login CSRF, CVE-2025-68158).
    let kept = site.keyfob.store().put_pending(&login.stored(), posted.visit.binding.expose()).await;
    kept.map_err(|error| Failure::from_error(&error.into(), &seat))?;
    Ok(super::see_other(login.url()))
}

/// The account that is meant: a further one at the same provider has a label.
fn named(account: &str, fields: &[(String, String)]) -> String {
    match fields.iter().find(|(name, value)| name == "label" && !value.trim().is_empty()) {
        Some((_, label)) => format!("{account}/{}", label.trim()),
        None => account.to_owned(),
    }
}

/// The scopes that were ticked, where the form had some to tick.
fn chosen(fields: &[(String, String)]) -> Option<Vec<String>> {
    let had_some = fields.iter().any(|(name, _)| name == "scopes");
    let ticked = fields.iter().filter(|(name, value)| name == "scope" && !value.is_empty()).map(|(_, value)| value.clone());
    had_some.then(|| ticked.collect())
}
