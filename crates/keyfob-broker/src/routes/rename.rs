//! `POST /accounts/{account}/rename`: what a person calls an account on pages. Its name in addresses stays: programs use it.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::Response;

use crate::audit::What;
use crate::browser::Notice;
use crate::failure::Failure;
use crate::guard::Posted;
use crate::page;
use crate::people::is_name;
use crate::site::Site;

pub(crate) async fn rename(
    State(site): State<Arc<Site>>,
    Path(account): Path<String>,
    Extension(posted): Extension<Posted>,
) -> Result<Response, Failure> {
    let seat = site.seat_for(&posted.visit, &account)?;
    let found = site.keyfob.store().account(&seat.name).await?.ok_or_else(|| Failure::not_yours(&site, &seat))?;
    let title = match posted.field("title").trim() {
        "" => None,
        title if is_name(title) => Some(title.to_owned()),
        _ => return Err(Failure::no_name().onward("Back", page::account_path(&seat))),
    };
    site.note(&seat.person, What::Renamed { account: seat.shown.clone(), title: title.clone() }).await?;
    site.people()?.entitle(&seat.person, &found.value, title).await?;
    site.leave(&posted.visit, Notice::good("It is called so from now on.")).await;
    Ok(super::see_other(&page::account_path(&seat)))
}
