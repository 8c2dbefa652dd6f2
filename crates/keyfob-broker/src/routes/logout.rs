//! `/accounts/{account}/logout`: GET asks, POST forgets the account here, and has its tokens revoked where the provider can.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use keyfob::Revoked;

use crate::browser::Notice;
use crate::failure::{Failure, sentence};
use crate::guard::Posted;
use crate::page::{self, FORM_TOKEN, Forms, Frame};
use crate::site::Site;

#[derive(Template)]
#[template(path = "logout.html")]
struct Page<'a> {
    frame: Frame,
    account_title: &'a str,
    account_path: String,
    form_token: &'a str,
}

impl Page<'_> {
    const FORM_TOKEN: &'static str = FORM_TOKEN;
}

pub(crate) async fn ask(State(site): State<Arc<Site>>, Path(account): Path<String>, headers: HeaderMap) -> Result<Response, Failure> {
    let desk = super::desk(&site, &account)?;
    let visit = super::visit(&site, &headers).ok_or_else(|| Failure::not_yours(desk))?;
    if !desk.holder.read().await.is(&visit) {
        return Err(Failure::not_yours(desk));
    }
    let page = Page {
        frame: Frame::new(None),
        account_title: &desk.provider.title,
        account_path: page::account_path(desk),
        form_token: visit.csrf.expose(),
    };
    Ok(page::respond(StatusCode::OK, &page, &Forms::Here))
}

pub(crate) async fn log_out(
    State(site): State<Arc<Site>>,
    Path(account): Path<String>,
    Extension(posted): Extension<Posted>,
) -> Result<Response, Failure> {
    let desk = super::desk(&site, &account)?;
    let mut holder = desk.holder.write().await;
    if !holder.is(&posted.visit) {
        return Err(Failure::not_yours(desk));
    }
    let done = keyfob::logout(&site.keyfob, &desk.settings, &desk.app, &desk.account, true).await;
    let done = done.map_err(|error| Failure::from_error(&error, desk))?;
    holder.change(None);
    let title = &desk.provider.title;
    site.browsers.leave(
        &posted.visit,
        match done.revoked {
            Revoked::Yes => Notice::good(format!("{title} is logged out, and its tokens are revoked.")),
            Revoked::Failed(error) => {
                tracing::warn!(account, %error, "the tokens were not revoked");
                let why = sentence(&error.to_string());
                Notice::bad(format!("{title} is logged out here, but did not revoke its tokens. {why}"))
            }
            _ => Notice::good(format!("{title} is logged out: its tokens are forgotten here.")),
        },
    );
    Ok(super::see_other("/"))
}
