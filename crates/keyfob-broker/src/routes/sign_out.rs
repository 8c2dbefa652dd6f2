//! `POST /sign-out`: the session ends here and on every other machine, and its cookie is worth nothing.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::Response;

use crate::audit::What;
use crate::failure::Failure;
use crate::guard::Posted;
use crate::people::Role;
use crate::site::{Pretended, Site};

pub(crate) async fn end(State(site): State<Arc<Site>>, Extension(posted): Extension<Posted>) -> Result<Response, Failure> {
    site.people()?.close(&posted.visit).await?;
    site.note(posted.visit.person(), What::SignedOut).await?;
    tracing::info!(person = posted.visit.person(), "signed out");
    // With a sandbox in this very process no command gets at the vault to print another link, and whoever is the owner would be out for good. Nothing there is
    // real, and nobody else's machine reaches it; so the door stays open for whoever was the owner just now.
    if site.pretended == Pretended::Everything
        && site.origin.is_loopback()
        && posted.visit.who.role == Role::Owner
        && let Some(link) = site.owner_link().await?
    {
        return Ok(super::see_other(&link));
    }
    Ok(super::see_other("/sign-in"))
}
