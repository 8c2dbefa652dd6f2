//! Who is asking: a program with a key, or a script on one of our own pages, with its person's session.

use std::sync::Arc;

use http::header::HeaderName;
use http::request::Parts;
use http::{HeaderMap, Method};

use super::Gate;
use crate::audit::Doer;
use crate::browser::Visit;
use crate::guard::is_same_origin;
use crate::keys::{self, Fob, Path};
use crate::problem::Problem;
use crate::site::Site;

/// Where a script has the token of its page's forms. No page of another origin can send such a header along with our cookie (Fetch §3.2.2).
const CSRF: HeaderName = HeaderName::from_static("x-keyfob-csrf");

/// Who is asking.
#[derive(Clone)]
pub(crate) enum Caller {
    /// Whoever has this key.
    Key(Arc<Fob>),
    /// A person, in their own browser.
    Person(Arc<Visit>),
}

impl Caller {
    /// Whoever brings a key is judged by that alone.
    pub(super) async fn of(site: &Site, gate: &Gate, request: &Parts) -> Result<Self, Problem> {
        match keys::shown(&gate.ring, &request.headers, &request.uri, site.keyfob.now()).await? {
            Some(fob) => Ok(Self::Key(fob)),
            // On the heap, as all that is rare on the way of a program's request: a request is as large as the largest part of its way.
            None => Box::pin(person(site, &request.headers)).await.map(|visit| Self::Person(Arc::new(visit))),
        }
    }

    /// Whether what let them in lets them in still: the key was not revoked since, and has not ended; the browser is signed in. What cannot be looked up now is
    /// believed.
    pub(super) async fn is_let_in(&self, site: &Site, gate: &Gate) -> bool {
        let now = site.keyfob.now();
        match (self, &site.people) {
            (Self::Key(fob), _) => gate.ring.holds(fob, now).await,
            (Self::Person(visit), Some(people)) => people.is_open(visit, now).await.unwrap_or(true),
            (Self::Person(_), None) => false,
        }
    }

    /// Whose accounts these are.
    pub(crate) fn owner(&self) -> &str {
        match self {
            Self::Key(fob) => &fob.key.owner,
            Self::Person(visit) => visit.person(),
        }
    }

    /// Whether the account that is named can be theirs at all.
    pub(super) fn is_for(&self, account: &str) -> bool {
        match self {
            Self::Key(fob) => fob.key.account == account,
            Self::Person(_) => true,
        }
    }

    /// That the account is not there. Whoever has a key for it is told what that may come of.
    pub(super) fn without_account(&self) -> Problem {
        match self {
            Self::Key(_) => Problem::nowhere()
                .hint("its account may have been disconnected: what is connected since, also under that name, wants a new key"),
            Self::Person(_) => Problem::nowhere(),
        }
    }

    pub(super) fn allows(&self, method: &Method, path: &Path) -> bool {
        match self {
            Self::Key(fob) => fob.key.rules.iter().any(|rule| rule.allows(method, path)),
            Self::Person(_) => true,
        }
    }

    /// Whether it makes no difference which method a server takes a POST for.
    pub(super) fn allows_any_method(&self, path: &Path) -> bool {
        [Method::PUT, Method::PATCH, Method::DELETE].iter().all(|method| self.allows(method, path))
    }

    /// Whether it may make every call of these methods that there is.
    pub(super) fn allows_all(&self, methods: &[Method]) -> bool {
        match self {
            Self::Key(fob) => methods.iter().all(|method| fob.key.rules.iter().any(|rule| rule.allows_all(method))),
            Self::Person(_) => true,
        }
    }

    /// Whether it is a script of a page, with its person's session.
    pub(crate) fn is_browser(&self) -> bool {
        matches!(self, Self::Person(_))
    }

    /// No browser sees a token, its person's own neither (L7): a page can be tricked, and a token goes everywhere.
    pub(crate) fn may_see_token(&self) -> bool {
        matches!(self, Self::Key(fob) if fob.key.may_see_token)
    }

    pub(super) fn doer(&self) -> Doer<'_> {
        match self {
            Self::Key(fob) => Doer::Key { key: &fob.key.id, key_name: &fob.key.name },
            Self::Person(visit) => Doer::Person { person: visit.person() },
        }
    }
}

/// The session that it belongs to. Whatever the method: some APIs switch lamps with GET, and a link from anywhere brings the cookie along.
async fn person(site: &Site, headers: &HeaderMap) -> Result<Visit, Problem> {
    let missing = || Problem::unauthorized("key-missing", "This needs a valet key.");
    let Some(token) = headers.get(CSRF).and_then(|token| token.to_str().ok()) else { return Err(missing()) };
    if site.people.is_none() {
        return Err(missing());
    }
    let visit = site.visit(headers).await.map_err(|_| Problem::unavailable("vault", "The session cannot be looked up now."))?;
    let visit = visit.ok_or_else(missing)?;
    if !is_same_origin(site, headers) || !visit.csrf.same_as(token) {
        return Err(Problem::forbidden("foreign", "This did not come from one of these pages."));
    }
    Ok(visit)
}
