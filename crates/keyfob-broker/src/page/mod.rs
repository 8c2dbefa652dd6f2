//! The pages: rendered here, escaped, whole without script, and without anything from another origin.

pub(crate) mod assets;
mod chart;
mod form;
mod icon;
mod life;
mod look;
mod moment;
mod part;
mod qr;
mod range;
mod story;
mod table;

use std::fmt::Write as _;
use std::sync::Arc;

use askama::Template;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use keyfob::proto::{Endpoint, Origin, Secret, Timestamp, encode};
use keyfob::{Account, Health};
use keyfob_providers::{Provider, Status};

use self::assets::Asset;
pub(crate) use self::chart::Plot;
pub(crate) use self::form::{Ask, FormField, arguments};
pub(crate) use self::icon::icon;
pub(crate) use self::life::Life;
pub(crate) use self::look::{Look, Theme};
pub(crate) use self::moment::{element as moment_element, iso, utc};
pub(crate) use self::part::{Part, Wanted, natural};
pub(crate) use self::qr::picture;
pub(crate) use self::range::Range;
pub(crate) use self::story::{Told, told};
pub(crate) use self::table::{CellView, Rest, Section, TableView, which};
use crate::browser::{Notice, Visit};
use crate::failure::{Failure, sentence};
use crate::people::{Role, Who};
use crate::router::{self, Entry};
use crate::seat::Seat;
use crate::site::Desk;

/// The name of the form field with the browser's token.
pub(crate) const FORM_TOKEN: &str = "form_token";

/// What every page has: the frame, and what is to tell.
pub(crate) struct Frame {
    pub(crate) notice: Option<Notice>,
    pub(crate) look: Look,
    /// Whose page it is, and the token for the form that signs them out.
    pub(crate) whose: Option<(Who, Secret)>,
}

/// A place in the navigation.
pub(crate) struct Place {
    pub(crate) href: &'static str,
    pub(crate) label: &'static str,
    pub(crate) icon: &'static str,
    pub(crate) is_here: bool,
}

/// The places there can be: address, label, icon, and what else belongs to it. Those that the router does not know are left out.
const PLACES: [(&str, &str, &str, &[&str]); 6] = [
    ("/", "Accounts", "accounts", &["/accounts/"]),
    ("/connect", "Connect", "connect", &["/providers/"]),
    ("/keys", "Keys", "keys", &["/keys/"]),
    ("/activity", "Activity", "activity", &["/activity/"]),
    ("/people", "People", "people", &["/people/"]),
    ("/settings", "Settings", "settings", &["/settings/"]),
];

impl Frame {
    /// Of a page that is nobody's.
    pub(crate) fn new(notice: Option<Notice>) -> Self {
        Self { notice, look: Look::now(), whose: None }
    }

    /// Of a visitor's page.
    pub(crate) fn of(visit: &Visit, notice: Option<Notice>) -> Self {
        Self { whose: Some((visit.who.clone(), visit.csrf.clone())), ..Self::new(notice) }
    }

    /// The token for the form that signs this person out.
    pub(crate) fn sign_out(&self) -> Option<&Secret> {
        self.whose.as_ref().filter(|(who, _)| who.role != Role::Guest).map(|(_, form_token)| form_token)
    }

    /// Where this person can go from here.
    pub(crate) fn places(&self) -> Vec<Place> {
        let is_for = |entry| match entry {
            Some(Entry::Visitor) => self.look.guests || self.look.person().is_some(),
            Some(Entry::Person) => self.look.person().is_some(),
            Some(Entry::Owner) => self.look.person().is_some_and(|who| who.role == Role::Owner),
            _ => false,
        };
        let here = |href: &str, below: &[&str]| self.look.path() == href || below.iter().any(|below| self.look.path().starts_with(below));
        PLACES
            .into_iter()
            .filter(|(href, ..)| is_for(router::entry(href)))
            .map(|(href, label, icon, below)| Place { href, label, icon, is_here: here(href, below) })
            .collect()
    }

    /// Whether they can go there.
    pub(crate) fn has_place(&self, href: &str) -> bool {
        self.places().iter().any(|place| place.href == href)
    }

    pub(crate) fn style(&self) -> &'static str {
        &assets::STYLE.path
    }

    pub(crate) fn mark(&self) -> &'static str {
        &assets::MARK.path
    }

    pub(crate) fn script(&self) -> &'static Asset {
        &assets::SCRIPT
    }

    pub(crate) fn uplot(&self) -> &'static Asset {
        &assets::UPLOT
    }

    pub(crate) fn charts(&self) -> &'static Asset {
        &assets::CHARTS
    }
}

/// Where the forms of a page may lead.
pub(crate) enum Forms<'a> {
    /// Back to us alone.
    Here,
    /// Back to us, and from there to these services' providers.
    AlsoTo(&'a [Arc<Desk>]),
    /// The same, and from there to this origin.
    AlsoToAnd(&'a [Arc<Desk>], &'a str),
    /// Back to us, and to where people sign in.
    AlsoToIssuer(&'a str),
    /// Back to us alone; and its script asks us how things are.
    HereAsking,
}

/// A service on a page.
pub(crate) struct Card {
    pub(crate) title: String,
    pub(crate) about: String,
    /// The account's name, as its person has it.
    pub(crate) name: String,
    /// The same, where it is not the provider's.
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
    /// Where it is said how its tokens are made, where they are imported: nobody is sent anywhere then.
    pub(crate) import_path: Option<String>,
    /// How long its token is good, where that is known.
    pub(crate) life: Option<Life>,
    /// When a program with a key used it last, as a page has it.
    pub(crate) used: Option<String>,
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
            monogram: monogram(&desk.provider),
            hue: hue(&desk.provider),
            about: sentence(&desk.provider.about),
            name: seat.shown.clone(),
            label: seat.label().map(str::to_owned),
            state,
            retired,
            warning,
            path: account_path(seat),
            connect_path: connect_path(&seat.shown),
            import_path: desk.provider.import.as_ref().map(|_| provider_path(&desk.provider.name)),
            life: None,
            used: None,
            title,
        }
    }

    /// The same, with what the vault knows of the account.
    pub(crate) fn with(self, account: Option<&Account>, now: Timestamp) -> Self {
        // A token that is good, and for another app, is no good.
        let is_of_use = |account: &&Account| self.state == Standing::Here || self.is_stale() && account.health != Health::Ok;
        let life = account.filter(is_of_use).map(|account| Life::of(account, now));
        Self { life, ..self }
    }

    /// The same under what the person calls it.
    pub(crate) fn called(self, title: Option<String>) -> Self {
        Self { label: title.or(self.label), ..self }
    }

    /// The same, used by a program at this moment.
    pub(crate) fn used(self, at: Option<Timestamp>) -> Self {
        Self { used: at.map(|at| moment_element(at.as_unix())), ..self }
    }

    pub(crate) fn is_here(&self) -> bool {
        self.state.is_here()
    }

    /// What a search looks at.
    pub(crate) fn words(&self) -> String {
        [&self.title, &self.name].into_iter().chain(&self.label).map(String::as_str).collect::<Vec<_>>().join(" ")
    }

    pub(crate) fn is_stale(&self) -> bool {
        matches!(self.state, Standing::Stale(_))
    }
}

/// The letter that stands for a provider: its logo belongs to somebody else.
pub(crate) fn monogram(provider: &Provider) -> String {
    provider.title.chars().find(|c| c.is_alphanumeric()).map(|c| c.to_uppercase().to_string()).unwrap_or_default()
}

/// A provider's colour: the same every time, and seldom the neighbour's.
pub(crate) fn hue(provider: &Provider) -> usize {
    provider.name.bytes().fold(0usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into())) % 6
}

/// The address of an account's page.
pub(crate) fn account_path(seat: &Seat) -> String {
    path_of_account(&seat.shown)
}

/// The same of an account that has no seat.
pub(crate) fn path_of_account(shown: &str) -> String {
    format!("/accounts/{}", encode::percent(shown))
}

/// The address of a provider's page.
pub(crate) fn provider_path(name: &str) -> String {
    format!("/providers/{}", encode::percent(name))
}

/// Where to connect an account.
pub(crate) fn connect_path(shown: &str) -> String {
    format!("/connect/{}", encode::percent(shown))
}

/// The address of a login that waits.
pub(crate) fn waiting_path(number: &str, by_link: bool) -> String {
    format!("{}/waiting/{number}", if by_link { "/link" } else { "" })
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
    let origins: Vec<Origin> = match forms {
        Forms::Here | Forms::HereAsking => Vec::new(),
        Forms::AlsoTo(desks) | Forms::AlsoToAnd(desks, _) => {
            desks.iter().filter_map(|desk| desk.authorize_endpoint()).map(Endpoint::origin).collect()
        }
        Forms::AlsoToIssuer(issuer) => Origin::parse(issuer).into_iter().collect(),
    };
    // An origin that a person wrote is text from outside, and this is a list in a header.
    let is_plain = |origin: &Origin| origin.as_str().bytes().all(|byte| byte.is_ascii_alphanumeric() || b":/.-_[]".contains(&byte));
    let more = if let Forms::AlsoToAnd(_, origin) = forms { Origin::parse(origin).filter(is_plain) } else { None };
    let mut targets: Vec<String> = origins
        .into_iter()
        .chain(more)
        .map(|origin| if origin.as_str().starts_with("https://") { "https:".to_owned() } else { origin.to_string() })
        .collect();
    targets.sort();
    targets.dedup();
    targets.insert(0, "'self'".to_owned());
    let asks = if matches!(forms, Forms::HereAsking) { " connect-src 'self';" } else { "" };
    format!(
        "default-src 'none'; script-src {}; style-src 'self'; img-src 'self';{asks} form-action {}; frame-ancestors 'none'; base-uri 'none'",
        *assets::SCRIPTS,
        targets.join(" ")
    )
}
