//! The table of contents: every page there is, and what a request passes on its way there.

use std::sync::{Arc, LazyLock};

use axum::extract::{Request, State};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::{MethodRouter, any, get, post};
use axum::{Extension, Router};
use futures_util::future::Either;

use crate::failure::Failure;
use crate::guard::Arrival;
use crate::limits::Limits;
use crate::operations::Operations;
use crate::peer::Proxies;
use crate::people::CALLBACK;
use crate::routes::{
    account, action, activity, api as forward, asset, catalogue, connect, first_run, index, invitation, keys, link, logout, people,
    programs, provider, rename, revoke, settings, sign_in, sign_out, token, waiting,
};
use crate::site::Site;
use crate::{api, guard, health};

/// Whom a page is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// Programs and browsers alike: no session is looked for, no form of ours comes from there. Whoever is let in by something else (a key) says so
    /// in the route.
    Anybody,
    /// A program, which brings a key: it is asked for no session and sends no form, and what streams has deadlines of its own.
    Program,
    /// A program that acts for a person, or a script of a page of ours: who it is, and whether it may, is found out by [`api`].
    Api,
    /// Whoever is not known yet: the way in.
    Stranger,
    /// A guest's browser, or a person who is signed in.
    Visitor,
    /// A person who is signed in.
    Person,
    /// The one whose vault it is.
    Owner,
}

const TOKEN: &str = "/token/{account}";

/// Path, whom it is for, and handlers. (A redirect URI's path is served, too: see [`crate::guard::callback`].)
fn routes() -> [(&'static str, Entry, MethodRouter<Arc<Site>>); 42] {
    use Entry::{Anybody, Owner, Person, Program, Stranger, Visitor};
    [
        ("/", Visitor, get(index::show)),
        ("/connect", Visitor, get(catalogue::show)),
        ("/providers/{provider}", Visitor, get(provider::show)),
        ("/providers/{provider}/app", Owner, post(provider::keep)),
        ("/connect/{account}", Visitor, post(connect::begin)),
        ("/waiting/{login}", Visitor, get(waiting::show).post(waiting::answer)),
        ("/accounts/{account}", Visitor, get(account::show)),
        ("/accounts/{account}/do/{action}", Visitor, get(action::show).post(action::act)),
        ("/accounts/{account}/logout", Visitor, get(logout::ask).post(logout::log_out)),
        ("/accounts/{account}/rename", Person, post(rename::rename)),
        ("/sign-in", Stranger, get(sign_in::show).post(sign_in::begin)),
        (CALLBACK, Stranger, get(sign_in::receive)),
        ("/sign-in/link", Person, post(sign_in::link)),
        ("/first-run", Stranger, get(first_run::ask).post(first_run::enter)),
        ("/invite", Stranger, get(invitation::ask).post(invitation::enter)),
        ("/link", Stranger, get(link::ask).post(link::begin)),
        ("/link/{link}/over", Stranger, get(link::over)),
        ("/link/waiting/{login}", Stranger, get(waiting::show_by_link).post(waiting::answer_by_link)),
        ("/sign-out", Person, post(sign_out::end)),
        ("/people", Owner, get(people::show)),
        ("/people/invite", Owner, post(people::invite)),
        ("/people/invitations/{invitation}/take-back", Owner, post(people::uninvite)),
        ("/people/{person}/link", Owner, post(people::link)),
        ("/people/{person}/remove", Owner, get(people::ask_remove).post(people::remove)),
        ("/people/{person}/revoke", Owner, get(people::ask_revoke).post(people::revoke)),
        ("/providers/{provider}/revoke", Owner, get(people::ask_revoke_service).post(people::revoke_service)),
        ("/settings", Visitor, get(settings::show).post(settings::change)),
        ("/settings/programs", Person, get(programs::show)),
        ("/settings/programs/tokens", Person, post(programs::create)),
        ("/settings/programs/tokens/{token}", Person, post(programs::revoke)),
        ("/settings/programs/webhooks/{webhook}", Person, post(programs::remove_webhook)),
        ("/assets/{file}", Anybody, get(asset::show)),
        ("/keys", Person, get(keys::show).post(keys::create)),
        ("/keys/{key}/revoke", Person, get(revoke::ask).post(revoke::revoke)),
        ("/activity", Person, get(activity::show)),
        ("/api/{account}", Program, any(forward::forward)),
        ("/api/{account}/", Program, any(forward::forward)),
        ("/api/{account}/{*path}", Program, any(forward::forward)),
        (TOKEN, Program, any(token::give)),
        (health::PATH, Anybody, get(health::answer).fallback(health::only_get)),
        (health::READY, Anybody, get(health::ready).fallback(health::only_get)),
        (health::METRICS, Anybody, get(health::figures).fallback(health::only_get)),
    ]
}

/// Paths that are served, and whom they are for.
#[derive(Debug)]
pub(crate) struct Route {
    /// As the router has them.
    pub(crate) pattern: &'static str,
    pub(crate) entry: Entry,
    /// Its place among all routes.
    pub(crate) number: usize,
    /// What all its paths begin with: up to the first segment that is not the same in all.
    fixed: &'static str,
}

static ROUTES: LazyLock<Vec<Route>> = LazyLock::new(|| {
    let all = routes().into_iter().map(|(path, entry, _)| (path, entry)).chain(api::paths().map(|path| (path, Entry::Api)));
    let fixed = |pattern: &'static str| pattern.split('{').next().unwrap_or(pattern);
    all.enumerate().map(|(number, (pattern, entry))| Route { pattern, entry, number, fixed: fixed(pattern) }).collect()
});

/// Those that programs ask for again and again.
static PROGRAMS: LazyLock<Vec<&'static Route>> = LazyLock::new(|| ROUTES.iter().filter(|route| route.entry == Entry::Program).collect());

/// The paths that are served, as patterns.
pub fn paths() -> impl Iterator<Item = &'static str> {
    ROUTES.iter().map(|route| route.pattern)
}

/// Whom a path is for; `None` if it is none of ours.
pub(crate) fn entry(path: &str) -> Option<Entry> {
    ROUTES.iter().find(|route| route.leads_to(path)).map(|route| route.entry)
}

/// Whether a path is for programs. What has a key in it is none: such a path is refused, and the rest of it is nobody's business.
pub(crate) fn is_program(path: &str) -> bool {
    path.starts_with("/api/") || path.starts_with("/token/")
}

/// Whether who asks for this path reads no pages.
pub(crate) fn is_read_by_programs(path: &str) -> bool {
    is_program(path) || path == "/v1" || path.starts_with("/v1/")
}

/// Whether a path that leads nowhere was meant for programs.
pub(crate) fn is_nearly_program(path: &str) -> bool {
    is_program(path) || path == "/api" || path == "/token"
}

/// The program's route that leads to this path, if one does.
pub(crate) fn program(path: &str) -> Option<&'static Route> {
    PROGRAMS.iter().find(|route| route.leads_to(path)).copied()
}

/// What the router would do with a program's request.
pub(crate) fn answer_program(
    route: &Route,
    site: Arc<Site>,
    arrival: Arrival,
    request: Request,
) -> impl Future<Output = Response> + Send + use<> {
    let site = State(site);
    if route.pattern == TOKEN {
        Either::Left(token::give(site, arrival, request))
    } else {
        Either::Right(forward::forward(site, arrival, request))
    }
}

/// The route of a pattern.
pub(crate) fn route(pattern: &str) -> Option<&'static Route> {
    ROUTES.iter().find(|route| route.pattern == pattern)
}

impl Route {
    /// Whether who asks for it reads no pages.
    pub(crate) fn is_for_programs(&self) -> bool {
        matches!(self.entry, Entry::Program | Entry::Api)
    }

    /// Whether the router takes the path for this one.
    fn leads_to(&self, path: &str) -> bool {
        let rest = |whole: &'static str| &whole[self.fixed.len()..];
        path.strip_prefix(self.fixed).is_some_and(|found| fits(rest(self.pattern), found))
    }
}

/// The same of what comes after what is the same in all.
fn fits(pattern: &str, path: &str) -> bool {
    let (mut pattern, mut path) = (Some(pattern), Some(path));
    loop {
        let (Some(wanted), Some(found)) = (pattern, path) else { return pattern == path };
        let ((wanted, rest), (piece, more)) = (segment(wanted), segment(found));
        if wanted.starts_with("{*") {
            return !piece.is_empty() || more.is_some();
        }
        let is_any = wanted.starts_with('{');
        if (is_any && piece.is_empty()) || (!is_any && wanted != piece) {
            return false;
        }
        (pattern, path) = (rest, more);
    }
}

/// The first one, and what comes after its slash. They are short: sooner walked through than searched.
fn segment(path: &str) -> (&str, Option<&str>) {
    match path.bytes().position(|byte| byte == b'/') {
        Some(end) => (&path[..end], Some(&path[end + 1..])),
        None => (path, None),
    }
}

/// The whole web app, with the usual limits, and without anybody in front of it.
pub fn router(site: Arc<Site>) -> Router {
    let operations = Operations::new(Proxies::default(), Limits::default(), site.metrics.clone(), None);
    router_with(site, operations)
}

/// The whole web app.
pub(crate) fn router_with(site: Arc<Site>, operations: Arc<Operations>) -> Router {
    let of = |programs: bool| {
        let wanted = routes().into_iter().filter(move |(_, entry, _)| (*entry == Entry::Program) == programs);
        wanted.fold(Router::new(), |router, (path, _, handlers)| router.route(path, handlers))
    };
    let pages = of(false)
        .fallback(async || Failure::nowhere())
        .method_not_allowed_fallback(async || Failure::not_allowed())
        // The last one is the first to see a request.
        .layer(from_fn_with_state(site.clone(), guard::callback))
        .layer(from_fn_with_state(site.clone(), guard::forms))
        .layer(from_fn_with_state(site.clone(), guard::visitor))
        .layer(from_fn(guard::deadline));
    of(true)
        .layer(from_fn_with_state(site.clone(), guard::callback))
        .merge(api::routes())
        .merge(pages)
        .layer(from_fn_with_state(guard::Front { site: site.clone(), operations }, guard::front))
        .with_state(site)
}

/// What whoever runs it asks, at an address of its own.
pub(crate) fn operations_router(site: Arc<Site>, operations: Arc<Operations>) -> Router {
    Router::new()
        .route(health::PATH, get(health::answer).fallback(health::only_get))
        .route(health::READY, get(health::ready).fallback(health::only_get))
        .route(health::METRICS, get(health::all_figures).fallback(health::only_get))
        .layer(from_fn(guard::by_address))
        .layer(Extension(operations))
        .with_state(site)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_paths_are_known() {
        for own in ["/", "/healthz", "/readyz", "/metrics", "/accounts/x", "/accounts/x%2Fy/do/z", "/connect/x"] {
            assert!(entry(own).is_some(), "{own}");
        }
        for other in ["/callback", "/accounts", "/accounts/", "/healthz/x", "/accounts/x/do", ""] {
            assert!(entry(other).is_none(), "{other}");
        }
    }

    #[test]
    fn what_programs_ask_for_is_found_without_the_router() {
        for (path, pattern) in [
            ("/token/x", Some("/token/{account}")),
            ("/token/x%2Fy", Some("/token/{account}")),
            ("/api/x", Some("/api/{account}")),
            ("/api/x/", Some("/api/{account}/")),
            ("/api/x/y/z", Some("/api/{account}/{*path}")),
            ("/api/x//evil.example", Some("/api/{account}/{*path}")),
            ("/token/", None),
            ("/token/x/", None),
            ("/token/x/y", None),
            ("/api/", None),
            ("/api", None),
            ("/accounts/x", None),
        ] {
            assert_eq!(program(path).map(|route| route.pattern), pattern, "{path}");
        }
    }

    #[test]
    fn a_pattern_may_end_in_a_rest() {
        assert!(fits("/api/{account}/{*path}", "/api/x/y/z") && fits("/api/{account}/{*path}", "/api/x/y"));
        assert!(!fits("/api/{account}/{*path}", "/api/x/") && !fits("/api/{account}/{*path}", "/api/x"));
    }
}
