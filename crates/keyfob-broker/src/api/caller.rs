//! Who calls: a program with a token of a person, or the person's own browser.

use http::Method;
use http::header::AUTHORIZATION;
use http::request::Parts;
use keyfob::proto::Timestamp;

use super::token;
use crate::audit;
use crate::guard::is_same_origin;
use crate::keys::{of_headers, text};
use crate::people::{Role, Who};
use crate::problem::Problem;
use crate::site::Site;
use crate::webhook::Maker;

/// What a page's script has to bring along with a request that may change something: the token of its forms, which another site cannot read.
const CSRF: &str = "x-keyfob-csrf";

/// Whoever calls.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) person: Who,
    /// As the book has it.
    pub(super) by: audit::Who,
    /// Whether it is the person's browser.
    pub(super) is_browser: bool,
    /// When it ends that they may call. What they make here for others to use ends no later ([`Caller::end`]).
    pub(super) ends_at: Option<Timestamp>,
}

impl Caller {
    pub(super) fn is_owner(&self) -> bool {
        self.person.role == Role::Owner
    }

    /// When something ends that they make to last until then: with what they call by, at the latest.
    pub(super) fn end(&self, wanted: Option<Timestamp>) -> Option<Timestamp> {
        [wanted, self.ends_at].into_iter().flatten().min()
    }

    /// The number of the token that they call with: what they make goes when that is taken back.
    pub(super) fn token(&self) -> Option<String> {
        match &self.by {
            audit::Who::Token { token, .. } => Some(token.clone()),
            _ => None,
        }
    }

    /// Whose word it is that they make something.
    pub(super) fn maker(&self) -> Maker {
        Maker { token: self.token(), ends_at: self.ends_at }
    }

    /// Where a token is none, or none any more.
    pub(super) fn unknown() -> Problem {
        Problem::unauthorized("token-unknown", "This is no API token, or it has ended or was revoked.")
    }

    /// Where nobody says who calls.
    pub(super) fn missing() -> Problem {
        Problem::unauthorized("key-missing", "This needs an API token, or a browser that is signed in.")
    }

    /// Finds out.
    pub(super) async fn of(site: &Site, parts: &Parts) -> Result<Self, Problem> {
        let people = site.people.as_ref().ok_or_else(Problem::not_here)?;
        let target = parts.uri.path_and_query().map_or("", |target| target.as_str());
        if text::is_in(target) {
            let problem =
                Problem::bad_request("key-in-url", "There is a key or a token in the URL, where logs keep it: it should be revoked.")
                    .hint("send it in the header Authorization: Bearer");
            return Err(match text::number_in(target) {
                Some(number) => problem.noted(format!("number {number}")),
                None => problem,
            });
        }
        if let Some(shown) = of_headers(&parts.headers)? {
            let now = site.keyfob.now();
            let token = token::find(&people.shelf, shown, now).await?.ok_or_else(Self::unknown)?;
            // Whoever was removed is nobody, whichever tokens are left of them.
            let person = people.principal(&token.owner, now).await?.ok_or_else(Self::unknown)?;
            return Ok(Self {
                person: person.who(),
                by: audit::Who::Token { token: token.id, token_name: token.name },
                is_browser: false,
                ends_at: token.expires_at,
            });
        }
        // Whoever meant to show something else is not let in by a cookie beside it.
        if parts.headers.contains_key(AUTHORIZATION) {
            return Err(Self::missing());
        }
        let visit = site.visit(&parts.headers).await?.ok_or_else(Self::missing)?;
        if !matches!(parts.method, Method::GET | Method::HEAD) {
            let token = parts.headers.get(CSRF).and_then(|value| value.to_str().ok()).unwrap_or_default();
            if !is_same_origin(site, &parts.headers) || !visit.csrf.same_as(token) {
                return Err(Problem::forbidden(
                    "csrf",
                    "A browser's request that changes something has to come from a page of ours, and say so.",
                )
                .hint(format!("send the token of the page's forms in the header {CSRF}, or use an API token")));
            }
        }
        let by = audit::Who::person(&visit.who.id);
        Ok(Self { person: visit.who, by, is_browser: true, ends_at: None })
    }
}
