//! `/v1/…`: what the pages do, for programs: JSON in, JSON out, and a problem (RFC 9457) where something does not work.
//!
//! ```text
//!  table below ─┬─► router ─► caller.rs ─► strict.rs, shape.rs ─► once.rs ─► one file a noun
//!               └─► document.rs ─► /v1/openapi.json
//! ```
//!
//! The table is the only list of routes there is: router and document are made of it, and the types of the handlers are the schemas in the
//! document. What a body has to look like is judged by the very schema that is published (`shape.rs`), so that the two cannot differ.

mod accounts;
mod activity;
mod call;
mod caller;
mod cursor;
mod document;
mod keys;
mod links;
mod me;
mod moment;
pub(crate) mod once;
mod operation;
mod people;
mod providers;
mod shape;
mod standing;
mod strict;
pub mod token;
mod tokens;
mod webhooks;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::extract::{RawPathParams, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, any, get};
use http::header::ALLOW;
use http::{HeaderValue, Method, StatusCode};

use self::call::Call;
use self::operation::Operation;
use crate::failure::Failure;
use crate::guard::{Arrival, unbroken};
use crate::problem::Problem;
use crate::site::Site;

pub use document::document;
pub(crate) use moment::Moment;
pub(crate) use once::KIND as ONCE;
pub(crate) use standing::stays;

/// Every operation there is.
static OPERATIONS: LazyLock<Vec<Operation>> = LazyLock::new(|| {
    vec![
        Operation::get("/v1/me", "getMe", "Who is asking", me::show),
        Operation::get("/v1/accounts", "listAccounts", "The accounts that are connected, by name", accounts::list).paged(),
        Operation::get("/v1/accounts/{account}", "getAccount", "An account", accounts::show),
        Operation::change("/v1/accounts/{account}", "renameAccount", "Call an account otherwise, on pages", accounts::rename),
        Operation::remove(
            "/v1/accounts/{account}",
            "disconnectAccount",
            "Forget an account, and have its tokens revoked",
            accounts::disconnect,
        ),
        Operation::act("/v1/accounts/{account}/refresh", "refreshAccount", "Get new tokens now", accounts::refresh),
        Operation::get(
            "/v1/accounts/{account}/history",
            "getAccountHistory",
            "What became of its tokens, the newest first",
            accounts::history,
        ),
        Operation::get("/v1/providers", "listProviders", "What can be connected, by name", providers::list)
            .paged()
            .filtered("q", "Words that have to be in the name, the title or the description")
            .narrowed("kind", "What it speaks", &["oauth1", "oauth2", "oidc"]),
        Operation::get("/v1/providers/{provider}", "getProvider", "A provider", providers::show),
        Operation::get("/v1/keys", "listKeys", "The valet keys that were made", keys::list)
            .paged()
            .filtered("account", "Of this account alone"),
        Operation::create("/v1/keys", "createKey", "Make a valet key", keys::create).shown_once("key"),
        Operation::remove("/v1/keys/{key}", "revokeKey", "Take a valet key back, everywhere within a second", keys::revoke),
        Operation::get("/v1/tokens", "listTokens", "The API tokens that were made", tokens::list).paged(),
        Operation::create("/v1/tokens", "createToken", "Make an API token; not with a token, which would outlive itself", tokens::create)
            .shown_once("token"),
        Operation::remove("/v1/tokens/{token}", "revokeToken", "Take an API token back", tokens::revoke),
        Operation::get("/v1/webhooks", "listWebhooks", "Where events are told", webhooks::list).paged(),
        Operation::create("/v1/webhooks", "createWebhook", "Have events told somewhere", webhooks::create).shown_once("secret"),
        Operation::get("/v1/webhooks/{webhook}", "getWebhook", "A webhook, and whether its messages arrive", webhooks::show),
        Operation::act(
            "/v1/webhooks/{webhook}/rotate-secret",
            "rotateWebhookSecret",
            "Sign with a new secret, and for a day with the old one, too",
            webhooks::rotate,
        )
        // One old secret is kept: tried again, it would be the one that nobody has seen, and the receiver's would be worth nothing at once.
        .once()
        .shown_once("secret"),
        Operation::remove("/v1/webhooks/{webhook}", "removeWebhook", "Have events told there no more", webhooks::remove),
        Operation::get("/v1/connect-links", "listConnectLinks", "Links by which somebody else may connect an account", links::list).paged(),
        Operation::create(
            "/v1/connect-links",
            "createConnectLink",
            "Make a page for somebody else to connect an account on",
            links::create,
        )
        .shown_once("url"),
        Operation::get("/v1/connect-links/{link}", "getConnectLink", "A connect link, and whether it was used", links::show),
        Operation::remove("/v1/connect-links/{link}", "cancelConnectLink", "Take a connect link back", links::cancel),
        Operation::get("/v1/return-urls", "listReturnUrls", "Where connect links may lead in the end", links::return_urls).paged(),
        Operation::create("/v1/return-urls", "addReturnUrl", "Let connect links lead there", links::add_return_url),
        Operation::remove(
            "/v1/return-urls/{return_url}",
            "removeReturnUrl",
            "Let no connect link lead there any more",
            links::remove_return_url,
        ),
        Operation::get("/v1/activity", "listActivity", "Who did what, the newest first", activity::list).paged(),
        Operation::get("/v1/people", "listPeople", "Who is here", people::list).paged().for_owner(),
        Operation::remove("/v1/people/{person}", "removePerson", "Remove somebody, with all they have here", people::remove).for_owner(),
        Operation::get(
            "/v1/people/invitations",
            "listInvitations",
            "Links that let somebody in, and that nobody has used",
            people::invitations,
        )
        .paged()
        .for_owner(),
        Operation::remove(
            "/v1/people/invitations/{invitation}",
            "takeBackInvitation",
            "Take an invitation back: it lets nobody in any more",
            people::take_back,
        )
        .for_owner(),
        Operation::create("/v1/people/invitations", "invitePerson", "Make a link by which somebody becomes a member", people::invite)
            .shown_once("link")
            .for_owner(),
    ]
});

/// Where the document is.
const DOCUMENT: &str = "/v1/openapi.json";

/// What else begins so: a page would be no answer to a program that has mistyped its path. A rest is never empty.
const NOWHERE: [&str; 3] = ["/v1", "/v1/", "/v1/{*path}"];

/// The patterns of all paths.
pub(crate) fn paths() -> impl Iterator<Item = &'static str> {
    let mut paths: Vec<&'static str> = OPERATIONS.iter().map(|operation| operation.path).collect();
    paths.extend([DOCUMENT].into_iter().chain(NOWHERE));
    paths.dedup();
    paths.into_iter()
}

/// The routes, for the router to guard.
pub(crate) fn routes() -> Router<Arc<Site>> {
    let mut by_path: BTreeMap<&'static str, Vec<&'static Operation>> = BTreeMap::new();
    for operation in OPERATIONS.iter() {
        by_path.entry(operation.path).or_default().push(operation);
    }
    let nowhere = || async { problem(Problem::no_operation()) };
    let router = Router::new().route(DOCUMENT, get(show_document).fallback(|| async { not_allowed("GET") }));
    let router = NOWHERE.into_iter().fold(router, |router, path| router.route(path, any(nowhere)));
    by_path.into_iter().fold(router, |router, (path, operations)| router.route(path, methods(operations)))
}

fn methods(operations: Vec<&'static Operation>) -> MethodRouter<Arc<Site>> {
    let allowed: Vec<&str> = operations.iter().map(|operation| operation.method.as_str()).collect();
    let allowed = allowed.join(", ");
    let methods = operations.into_iter().fold(MethodRouter::new(), |methods, operation| {
        let filter = match operation.method {
            Method::POST => MethodFilter::POST,
            Method::PATCH => MethodFilter::PATCH,
            Method::DELETE => MethodFilter::DELETE,
            _ => MethodFilter::GET,
        };
        let answer = move |State(site): State<Arc<Site>>, parameters: Result<RawPathParams, _>, request: Request| async move {
            let parameters = parameters.map_err(|_| Problem::not_here());
            let named = parameters.map(|all| all.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect());
            answer(site, operation, named, request).await
        };
        methods.on(filter, answer)
    });
    methods.fallback(move || async move { not_allowed(&allowed) })
}

async fn answer(
    site: Arc<Site>,
    operation: &'static Operation,
    named: Result<BTreeMap<String, String>, Problem>,
    request: Request,
) -> Response {
    let alive = Arrival::of(request.extensions()).alive;
    let answer = async {
        let call = Call::begin(site, operation, named?, request).await?;
        // What was begun is written down, also for a client that does not wait: or its next try, with the same Idempotency-Key, would do it twice.
        unbroken(alive, call.run(operation)).await
    };
    match tokio::time::timeout(crate::guard::DEADLINE, answer).await {
        Ok(answer) => answer.unwrap_or_else(problem),
        Err(_) => problem(Failure::too_slow().into()),
    }
}

async fn show_document() -> Response {
    static TEXT: LazyLock<String> = LazyLock::new(|| document().to_string());
    ([(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], TEXT.as_str()).into_response()
}

fn problem(problem: Problem) -> Response {
    if problem.status.is_server_error() {
        tracing::warn!(code = problem.code, "a call of the API failed");
    }
    problem.into_response()
}

fn not_allowed(allowed: &str) -> Response {
    let detail = format!("This address takes {allowed}.");
    let mut response = problem(Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method", detail));
    if let Ok(allowed) = HeaderValue::from_str(allowed) {
        response.headers_mut().insert(ALLOW, allowed);
    }
    response
}

impl Problem {
    /// There is nothing of this name, or it is somebody else's: whoever asks learns nothing of the difference (L8).
    pub(crate) fn not_here() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "There is nothing here of this name.")
    }

    /// A path that is none of the document's.
    fn no_operation() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "There is nothing at this path.").hint(format!("{DOCUMENT} has all that there are"))
    }

    /// It is written as it should be, and cannot be done (RFC 9110 §15.5.21); what is not written as it should be is a 400.
    pub(crate) fn cannot(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_operation_is_named_twice() {
        let names: BTreeSet<_> = OPERATIONS.iter().map(|operation| operation.id).collect();
        let places: BTreeSet<_> = OPERATIONS.iter().map(|operation| (operation.method.as_str(), operation.path)).collect();
        assert!(names.len() == OPERATIONS.len() && places.len() == OPERATIONS.len());
    }
}
