//! `/waiting/{login}`, and `/link/waiting/{login}` for who came by a connect link: a login that is approved elsewhere. GET shows the code (or asks for the
//! PIN), asks the provider when it is time to, and goes on when somebody has decided; its script asks for JSON. POST brings a PIN, or ends it.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::header::ACCEPT;
use http::{HeaderMap, Method, StatusCode};
use keyfob::proto::Secret;
use serde_json::json;

use crate::audit::Noted;
use crate::browser::{Notice, Visit};
use crate::failure::{Failure, sentence};
use crate::guard::{Arrival, Knocked, Posted, unbroken};
use crate::links::{self, Failed};
use crate::page::{self, FORM_TOKEN, Forms, Frame};
use crate::people::Door;
use crate::routes::callback::{unnoted, why};
use crate::seat::Seat;
use crate::site::Site;
use crate::waiting::{self, Came, End, Login, Waiting};

/// A page that loads itself does so no more often than this, in seconds: it takes the reader back to its top.
const RELOAD: i64 = 10;

#[derive(Template)]
#[template(path = "waiting.html")]
struct Page<'a> {
    frame: Frame,
    title: &'a str,
    path: &'a str,
    /// The code to enter there; none where a PIN is typed here.
    code: Option<&'a str>,
    /// Where the person goes.
    url: &'a str,
    /// The same with the code in it.
    complete: Option<&'a str>,
    picture: Option<String>,
    /// What was wrong with what was typed.
    problem: Option<String>,
    /// In seconds.
    left: i64,
    again: i64,
    reload: i64,
    form_token: &'a str,
}

impl Page<'_> {
    const FORM_TOKEN: &'static str = FORM_TOKEN;
}

/// The browser at the page.
#[derive(Clone)]
enum At {
    /// Of somebody who is here.
    Visit(Visit),
    /// Of somebody who came by a link.
    Door(Door),
}

impl At {
    fn binding(&self) -> &Secret {
        match self {
            Self::Visit(visit) => &visit.binding,
            Self::Door(door) => &door.binding,
        }
    }

    fn visit(&self) -> Option<&Visit> {
        match self {
            Self::Visit(visit) => Some(visit),
            Self::Door(_) => None,
        }
    }

    fn form_token(&self) -> &str {
        match self {
            Self::Visit(visit) => visit.csrf.expose(),
            Self::Door(door) => door.csrf.expose(),
        }
    }

    async fn find(&self, site: &Site, number: &str) -> Result<Waiting, Failure> {
        let found = waiting::find(site, number, self.binding()).await?;
        found.filter(|waiting| waiting.record.link.is_some() == matches!(self, Self::Door(_))).ok_or_else(Failure::over)
    }
}

pub(crate) async fn show(
    State(site): State<Arc<Site>>,
    Path(number): Path<String>,
    visit: Visit,
    arrival: Arrival,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    look(site, number, At::Visit(visit), arrival, &method, &headers).await
}

pub(crate) async fn show_by_link(
    State(site): State<Arc<Site>>,
    Path(number): Path<String>,
    arrival: Arrival,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let door = site.known_door(&headers).ok_or_else(Failure::over)?;
    look(site, number, At::Door(door), arrival, &method, &headers).await
}

pub(crate) async fn answer(
    State(site): State<Arc<Site>>,
    Path(number): Path<String>,
    Extension(posted): Extension<Posted>,
) -> Result<Response, Failure> {
    let (pin, ends) = (posted.field("pin").to_owned(), !posted.field("end").is_empty());
    receive(site, number, At::Visit(posted.visit), pin, ends).await
}

pub(crate) async fn answer_by_link(
    State(site): State<Arc<Site>>,
    Path(number): Path<String>,
    Extension(knocked): Extension<Knocked>,
) -> Result<Response, Failure> {
    let (pin, ends) = (knocked.field("pin").to_owned(), !knocked.field("end").is_empty());
    receive(site, number, At::Door(knocked.door), pin, ends).await
}

async fn look(
    site: Arc<Site>,
    number: String,
    at: At,
    arrival: Arrival,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response, Failure> {
    let waiting = at.find(&site, &number).await?;
    let is_script = headers.get(ACCEPT).is_some_and(|accept| accept.as_bytes() == b"application/json");
    // A link checker's HEAD must not ask.
    if method != Method::GET {
        return drawn(&site, &at, &waiting, Came::Nothing, is_script, None).await;
    }
    // A browser that goes away now must not lose the tokens that its question may bring.
    let work = async move {
        let mut waiting = waiting;
        let seat = waiting.seat(&site).await?;
        let came = match waiting::ask(&site, &seat, &mut waiting, at.visit()).await {
            Ok(came) => came,
            Err(failure) => return Err(told(&site, &waiting, failure).await),
        };
        drawn(&site, &at, &waiting, came, is_script, None).await
    };
    unbroken(arrival.alive, work).await
}

async fn receive(site: Arc<Site>, number: String, at: At, pin: String, ends: bool) -> Result<Response, Failure> {
    let mut waiting = at.find(&site, &number).await?;
    let seat = waiting.seat(&site).await?;
    if ends {
        waiting.end(&site).await?;
        return match &waiting.record.link {
            None => {
                let text = format!("{} was not connected: you ended it. Nothing was stored.", seat.desk.provider.title);
                leave(&site, &at, Notice::bad(text)).await;
                Ok(super::see_other("/"))
            }
            Some(link) => {
                links::ended(&site, link, Failed::denied(site.keyfob.now())).await?;
                links::outcome(&site, link, &seat, false).await
            }
        };
    }
    let path = page::waiting_path(&number, waiting.record.link.is_some());
    let came = waiting::enter(&site, &seat, &mut waiting, &pin, at.visit()).await;
    let came = match came {
        // Secret and clock were good when this login began: what is refused now is what was typed.
        Err(failure) if failure.is_refusal && matches!(waiting.record.login, Login::Pin { .. }) => {
            let title = &seat.desk.provider.title;
            let problem = format!("{title} did not take this PIN. Look whether it is the one that {title} shows, and type it once more.");
            return drawn(&site, &at, &waiting, Came::Nothing, false, Some(problem)).await;
        }
        came => came.map_err(|failure| failure.onward("Try again", path))?,
    };
    let problem = match &came {
        Came::NoPin(error) => Some(sentence(&error.to_string())),
        _ => None,
    };
    drawn(&site, &at, &waiting, came, false, problem).await
}

/// Where things stand: a page, a few words for its script, or onward.
async fn drawn(site: &Site, at: &At, waiting: &Waiting, came: Came, is_script: bool, problem: Option<String>) -> Result<Response, Failure> {
    let seat = waiting.seat(site).await?;
    let mut renewed = None;
    match came {
        // By a link it is somebody else's book.
        Came::Account(done) if done.noted == Noted::No && at.visit().is_some() && !is_script => return Err(unnoted(&done.seat)),
        Came::Account(done) => {
            // A guest becomes somebody by connecting: that is their sign-in.
            renewed = at.visit().filter(|_| site.people.is_none()).map(|visit| site.browsers.renew(visit, site.keyfob.now()));
            let at = renewed.clone().map_or_else(|| at.clone(), At::Visit);
            leave(site, &at, done.notice()).await;
        }
        Came::No(error) => leave(site, at, why(&seat, &error)).await,
        Came::Nothing | Came::NoPin(_) => {}
    }
    let response = match (&waiting.record.login, is_script) {
        (Login::Over(_), true) => Json(json!({ "again": null })).into_response(),
        (_, true) => Json(json!({ "again": waiting.again(site.keyfob.now()) })).into_response(),
        (Login::Over(end), false) => over(site, waiting, &seat, end).await?,
        (_, false) => page(site, at, waiting, &seat, problem),
    };
    Ok(match renewed {
        Some(visit) => super::with_cookie(response, site, &visit),
        None => response,
    })
}

/// It has come to an end, and whoever looks again is told the same.
async fn over(site: &Site, waiting: &Waiting, seat: &Seat, end: &End) -> Result<Response, Failure> {
    match (&waiting.record.link, end) {
        (_, End::Failed(failed)) => Err(told(site, waiting, failed.clone().into()).await),
        (Some(link), end) => links::outcome(site, link, seat, matches!(end, End::Connected)).await,
        (None, End::Connected) => Ok(super::see_other(&page::account_path(seat))),
        (None, End::Refused) => Ok(super::see_other("/")),
    }
}

/// Whoever came by a link goes back where it came from: they have no account here.
async fn told(site: &Site, waiting: &Waiting, failure: Failure) -> Failure {
    match &waiting.record.link {
        None => failure,
        Some(link) => links::back_to_app(site, link, failure).await,
    }
}

fn page(site: &Site, at: &At, waiting: &Waiting, seat: &Seat, problem: Option<String>) -> Response {
    let now = site.keyfob.now();
    let (code, url, complete) = match &waiting.record.login {
        Login::Code(kept) => (Some(kept.login.user_code()), kept.login.verification_uri(), kept.login.verification_uri_complete()),
        Login::Pin { url, .. } => (None, url.expose(), None),
        Login::Over(_) => return Failure::over().into_response(),
    };
    let again = waiting.again(now);
    let page = Page {
        frame: match at {
            At::Visit(visit) => Frame::of(visit, None),
            At::Door(_) => Frame::new(None),
        },
        title: &seat.desk.provider.title,
        path: &page::waiting_path(&waiting.id, waiting.record.link.is_some()),
        code,
        url,
        complete,
        picture: code.and_then(|_| page::picture(complete.unwrap_or(url))),
        problem,
        left: waiting.expires_at.since(now).max(0),
        again,
        reload: again.max(RELOAD),
        form_token: at.form_token(),
    };
    page::respond(StatusCode::OK, &page, &Forms::HereAsking)
}

/// Who came by a link is nobody here, and has no next page.
async fn leave(site: &Site, at: &At, notice: Notice) {
    if let At::Visit(visit) = at {
        site.leave(visit, notice).await;
    }
}
