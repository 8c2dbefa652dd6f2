//! `/accounts/{account}/logout`: GET asks, POST forgets the account here, and has its tokens revoked where the provider can.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;
use keyfob::Revoked;
use keyfob::proto::encode;

use crate::audit::{Noted, What, Who};
use crate::browser::{Notice, Visit};
use crate::failure::{Failure, sentence};
use crate::guard::Posted;
use crate::keys;
use crate::page::{self, FORM_TOKEN, Forms, Frame};
use crate::site::Site;

#[derive(Template)]
#[template(path = "logout.html")]
struct Page<'a> {
    frame: Frame,
    account_title: &'a str,
    account_path: String,
    /// How many valet keys it has, and where they are.
    keys: usize,
    keys_path: String,
    form_token: &'a str,
}

impl Page<'_> {
    const FORM_TOKEN: &'static str = FORM_TOKEN;
}

pub(crate) async fn ask(State(site): State<Arc<Site>>, Path(account): Path<String>, visit: Visit) -> Result<Response, Failure> {
    let Some(seat) = site.seat(visit.person(), &account) else { return super::stranded::show(&site, &account, &visit).await };
    let holder = site.holder(&seat);
    let state = super::state(&site, &seat, &*holder.read().await, &visit).await?;
    if !state.is_here() {
        return Err(Failure::not_yours(&site, &seat));
    }
    let keys = match (&site.people, site.keyfob.store().account(&seat.name).await?) {
        (Some(people), Some(account)) => keys::of_account(&*people.shelf, visit.person(), &account.value, site.keyfob.now()).await?,
        _ => 0,
    };
    let page = Page {
        frame: Frame::of(&visit, None),
        account_title: &seat.desk.provider.title,
        account_path: page::account_path(&seat),
        keys,
        keys_path: format!("/keys?{}", encode::form_pairs([("q", seat.shown.as_str())])),
        form_token: visit.csrf.expose(),
    };
    Ok(page::respond(StatusCode::OK, &page, &Forms::Here))
}

pub(crate) async fn log_out(
    State(site): State<Arc<Site>>,
    Path(account): Path<String>,
    Extension(posted): Extension<Posted>,
) -> Result<Response, Failure> {
    let visit = &posted.visit;
    let Some(seat) = site.seat(visit.person(), &account) else { return super::stranded::remove(&site, &account, visit).await };
    let desk = &seat.desk;
    let holder = site.holder(&seat);
    let mut holder = holder.write().await;
    if !super::state(&site, &seat, &holder, visit).await?.is_here() {
        return Err(Failure::not_yours(&site, &seat));
    }
    site.open_book().await?;
    let done = keyfob::logout(&site.keyfob, &desk.settings, &desk.app, &seat.name, true).await;
    let done = done.map_err(|error| Failure::from_error(error, &seat))?;
    let mut noted = Noted::Yes;
    if let Some(people) = &site.people {
        // It is gone by now: what cannot be written down of that brings nothing back.
        let revoked = matches!(done.revoked, Revoked::Yes);
        let unlisted = Noted::of(&people.unlist(visit.person(), &done.account, site.keyfob.now()).await);
        noted = unlisted.and(
            site.note_done(visit.person(), Who::person(visit.person()), What::Disconnected { account: seat.shown.clone(), revoked }).await,
        );
    }
    // A person's name stays theirs; a guest's is free again.
    holder.change(site.people.is_some().then_some(visit));
    let title = &desk.provider.title;
    let notice = match done.revoked {
        Revoked::Yes => Notice::good(format!("{title} is logged out, and its tokens are revoked.")),
        Revoked::Failed(error) => {
            tracing::warn!(account = seat.name, %error, "the tokens were not revoked");
            let why = sentence(&error.to_string());
            Notice::bad(format!("{title} is logged out here, but did not revoke its tokens. {why}"))
        }
        _ => Notice::good(format!("{title} is logged out: its tokens are forgotten here.")),
    };
    if noted == Noted::No {
        return Err(Failure::unwritten(&format!("All the same: {}", notice.text)));
    }
    site.leave(visit, notice).await;
    Ok(super::see_other("/"))
}
