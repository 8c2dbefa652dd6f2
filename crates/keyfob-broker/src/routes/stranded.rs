//! The page of an account that nothing here can use: why, what would bring it back, and how to be rid of it.

use std::sync::Arc;

use askama::Template;
use axum::response::Response;
use http::StatusCode;

use crate::browser::{Notice, Visit};
use crate::failure::{Failure, sentence};
use crate::page::{self, FORM_TOKEN, Forms, Frame};
use crate::site::Site;
use crate::stranded::Stranded;

#[derive(Template)]
#[template(path = "stranded.html")]
struct Page<'a> {
    frame: Frame,
    account: &'a Stranded,
    hint: String,
    /// Where its app is entered.
    app_path: Option<String>,
    form_token: &'a str,
}

impl Page<'_> {
    const FORM_TOKEN: &'static str = FORM_TOKEN;
}

pub(super) async fn show(site: &Site, shown: &str, visit: &Visit) -> Result<Response, Failure> {
    let account = site.stranded(visit.person(), shown).await?;
    let page = Page {
        frame: Frame::of(visit, site.take_notice(visit).await),
        hint: sentence(&account.hint),
        app_path: account.app_of.as_deref().map(page::provider_path),
        account: &account,
        form_token: visit.csrf.expose(),
    };
    Ok(page::respond(StatusCode::OK, &page, &Forms::Here))
}

/// Forgets it here: whom its tokens could be revoked at nobody knows.
pub(super) async fn remove(site: &Arc<Site>, shown: &str, visit: &Visit) -> Result<Response, Failure> {
    let Stranded { name, service, .. } = site.stranded(visit.person(), shown).await?;
    site.open_book().await?;
    site.forget(site.people()?, &name, visit.person()).await.map_err(|error| {
        tracing::error!(%error, "an account could not be removed");
        Failure::vault()
    })?;
    site.leave(visit, Notice::good(format!("{service} is removed: its tokens are forgotten here."))).await;
    Ok(super::see_other("/"))
}
