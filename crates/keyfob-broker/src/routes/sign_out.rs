//! `POST /sign-out`: the session ends here and on every other machine, and its cookie is worth nothing.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::Response;

use crate::audit::What;
use crate::failure::Failure;
use crate::guard::Posted;
use crate::site::Site;

pub(crate) async fn end(State(site): State<Arc<Site>>, Extension(posted): Extension<Posted>) -> Result<Response, Failure> {
    site.people()?.close(&posted.visit).await?;
    site.note(posted.visit.person(), What::SignedOut).await?;
    tracing::info!(person = posted.visit.person(), "signed out");
    Ok(super::see_other("/sign-in"))
}
