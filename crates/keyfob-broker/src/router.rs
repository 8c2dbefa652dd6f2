//! The table of contents: every page there is, and what a request passes on its way there.

use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{MethodRouter, get, post};
use tower_http::catch_panic::CatchPanicLayer;

use crate::failure::Failure;
use crate::routes::{account, action, connect, index, logout};
use crate::site::Site;
use crate::{guard, health};

/// Path and handlers. (A redirect URI's path is served, too: see [`crate::guard::callback`].)
fn routes() -> [(&'static str, MethodRouter<Arc<Site>>); 6] {
    [
        ("/", get(index::show)),
        ("/connect/{account}", post(connect::begin)),
        ("/accounts/{account}", get(account::show)),
        ("/accounts/{account}/do/{action}", get(action::show).post(action::act)),
        ("/accounts/{account}/logout", get(logout::ask).post(logout::log_out)),
        (health::PATH, get(health::answer)),
    ]
}

/// The paths that are served, as patterns.
pub fn paths() -> impl Iterator<Item = &'static str> {
    routes().into_iter().map(|(path, _)| path)
}

/// Whether a path is one of ours.
pub(crate) fn knows(path: &str) -> bool {
    let pieces = || path.split('/');
    paths().any(|pattern| {
        let fits = |(pattern, piece): (&str, &str)| if pattern.starts_with('{') { !piece.is_empty() } else { pattern == piece };
        pattern.split('/').count() == pieces().count() && pattern.split('/').zip(pieces()).all(fits)
    })
}

/// The whole web app.
pub fn router(site: Arc<Site>) -> Router {
    let routes = routes().into_iter().fold(Router::new(), |router, (path, handlers)| router.route(path, handlers));
    routes
        .fallback(async || Failure::nowhere())
        .method_not_allowed_fallback(async || Failure::not_allowed())
        // The last one is the first to see a request.
        .layer(from_fn_with_state(site.clone(), guard::callback))
        .layer(from_fn_with_state(site.clone(), guard::forms))
        .layer(from_fn_with_state(site.clone(), guard::host))
        .layer(CatchPanicLayer::custom(guard::panicked))
        .layer(from_fn(guard::deadline))
        .layer(from_fn_with_state(site.clone(), guard::headers))
        .layer(from_fn(guard::log))
        .with_state(site)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_paths_are_known() {
        for own in ["/", "/healthz", "/accounts/x", "/accounts/x%2Fy/do/z", "/connect/x"] {
            assert!(knows(own), "{own}");
        }
        for other in ["/callback", "/accounts", "/accounts/", "/healthz/x", "/accounts/x/do", ""] {
            assert!(!knows(other), "{other}");
        }
    }
}
