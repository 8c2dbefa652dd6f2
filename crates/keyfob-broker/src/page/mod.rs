//! The pages: rendered here, escaped, without script or any outside resource.

mod chart;
mod form;
mod table;

use std::fmt::Write as _;
use std::sync::{Arc, LazyLock};

use askama::Template;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use keyfob::proto::{Secret, encode};
use keyfob_providers::Status;
use sha2::{Digest, Sha256};

pub(crate) use self::chart::Plot;
pub(crate) use self::form::{Ask, FormField, arguments};
pub(crate) use self::table::{Section, TableView};
use crate::browser::{Notice, Visit};
use crate::failure::{Failure, sentence};
use crate::people::{Role, Who};
use crate::seat::Seat;
use crate::site::Desk;

/// The name of the form field with the browser's token.
pub(crate) const FORM_TOKEN: &str = "form_token";

const STYLE: &str = include_str!("../../assets/style.css");

/// `style-src` with the hash of our one style sheet: a style that somebody smuggles in does nothing.
static STYLE_HASH: LazyLock<String> = LazyLock::new(|| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(STYLE))));

/// What every page has: the frame, and what is to tell.
pub(crate) struct Frame {
    pub(crate) style: &'static str,
    pub(crate) notice: Option<Notice>,
    /// Whose page it is, and the token for the form that signs them out.
    pub(crate) whose: Option<(Who, Secret)>,
}

impl Frame {
    /// Of a page that is nobody's.
    pub(crate) fn new(notice: Option<Notice>) -> Self {
        Self { style: STYLE, notice, whose: None }
    }

    /// Of a visitor's page.
    pub(crate) fn of(visit: &Visit, notice: Option<Notice>) -> Self {
        Self { whose: Some((visit.who.clone(), visit.csrf.clone())), ..Self::new(notice) }
    }

    fn role(&self) -> Option<Role> {
        self.whose.as_ref().map(|(who, _)| who.role)
    }

    pub(crate) fn is_guest(&self) -> bool {
        self.role() == Some(Role::Guest)
    }

    pub(crate) fn is_owner(&self) -> bool {
        self.role() == Some(Role::Owner)
    }
}

/// Where the forms of a page may lead.
pub(crate) enum Forms<'a> {
    /// Back to us alone.
    Here,
    /// Back to us, and from there to these services' providers.
    AlsoTo(&'a [Arc<Desk>]),
}

/// A service on a page.
pub(crate) struct Card {
    pub(crate) title: String,
    pub(crate) about: String,
    /// The account's name, where it is not the provider's.
    pub(crate) label: Option<String>,
    pub(crate) monogram: String,
    pub(crate) hue: usize,
    pub(crate) state: Standing,
    /// When the provider ended, or will.
    pub(crate) retired: Option<String>,
    /// What a person should know about that.
    pub(crate) warning: Option<String>,
    pub(crate) path: String,
    pub(crate) connect_path: String,
}

/// What an account's state is to this browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Nobody is logged in.
    Absent,
    /// Somebody else is.
    Elsewhere,
    /// This browser is.
    Here,
    /// This browser is, but the provider wants a new login.
    Stale(String),
}

impl Standing {
    /// Whether the account is this browser's.
    pub(crate) fn is_here(&self) -> bool {
        matches!(self, Self::Here | Self::Stale(_))
    }
}

impl Card {
    pub(crate) fn new(seat: &Seat, state: Standing) -> Self {
        let desk = &seat.desk;
        let title = desk.provider.title.clone();
        let (retired, warning) = match &desk.provider.status {
            Status::Retired { on, note, .. } => (Some(on.clone()), Some(sentence(note)).filter(|note| !note.is_empty())),
            _ => (None, None),
        };
        Self {
            monogram: title.chars().find(|c| c.is_alphanumeric()).map(|c| c.to_uppercase().to_string()).unwrap_or_default(),
            // The same colour every time, and seldom the neighbour's.
            hue: desk.provider.name.bytes().fold(0usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into())) % 6,
            about: sentence(&desk.provider.about),
            label: seat.label().map(str::to_owned),
            state,
            retired,
            warning,
            path: account_path(seat),
            connect_path: format!("/connect/{}", encode::percent(&seat.shown)),
            title,
        }
    }

    pub(crate) fn is_here(&self) -> bool {
        self.state.is_here()
    }
}

/// The address of an account's page.
pub(crate) fn account_path(seat: &Seat) -> String {
    format!("/accounts/{}", encode::percent(&seat.shown))
}

/// The address of an action with arguments.
pub(crate) fn action_path<'a>(seat: &Seat, action: &str, arguments: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut path = format!("{}/do/{}", account_path(seat), encode::percent(action));
    let query = encode::form_pairs(arguments);
    if !query.is_empty() {
        let _ = write!(path, "?{query}");
    }
    path
}

/// `unlock-now` as a person reads it: `Unlock now`.
pub(crate) fn words(name: &str) -> String {
    if name == "id" {
        return "ID".to_owned();
    }
    let spaced = name.replace(['-', '_'], " ");
    let mut letters = spaced.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}", first.to_uppercase(), letters.as_str()))
}

/// A page as an answer.
pub(crate) fn respond(status: StatusCode, page: &impl Template, forms: &Forms<'_>) -> Response {
    // Rendering into memory fails only if a template is broken.
    let Ok(html) = page.render() else {
        tracing::error!("a page could not be rendered");
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let mut response = (status, html).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    if let Ok(policy) = HeaderValue::from_str(&policy(forms)) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// An error's page.
pub(crate) fn failure(failure: &Failure) -> Response {
    #[derive(Template)]
    #[template(path = "failure.html")]
    struct Page<'a> {
        frame: Frame,
        failure: &'a Failure,
    }
    respond(failure.status, &Page { frame: Frame::new(None), failure }, &Forms::Here)
}

/// The content security policy of a page. Chromium holds `form-action` against every redirect that follows a form, too: a page
/// with a "connect" button has to allow the provider's page, and, since real providers send people on to login pages at other
/// hosts, every https one.
fn policy(forms: &Forms<'_>) -> String {
    let mut targets = vec!["'self'".to_owned()];
    if let Forms::AlsoTo(desks) = forms {
        for endpoint in desks.iter().filter_map(|desk| desk.authorize_endpoint()) {
            let origin = endpoint.origin();
            targets.push(if origin.as_str().starts_with("https://") { "https:".to_owned() } else { origin.to_string() });
        }
        targets.sort();
        targets.dedup();
    }
    format!(
        "default-src 'none'; style-src {}; img-src 'self' data:; form-action {}; frame-ancestors 'none'; base-uri 'none'",
        *STYLE_HASH,
        targets.join(" ")
    )
}
