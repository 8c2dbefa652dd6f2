//! `/sign-in`: where somebody lands who is not signed in. POST goes off to where people sign in, `/sign-in/callback` is where they come back from there.
//!
//! `POST /sign-in/link` is for somebody who is signed in by a link, and wants to sign in over there from now on: only they can say so (L19).

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use keyfob::proto::{Answer, Code, Error as ProtoError};
use keyfob::{Error, Login};

use super::callback;
use crate::audit::What;
use crate::browser::{Notice, Visit};
use crate::failure::{Failure, sentence};
use crate::guard::{Arrival, Knocked, Posted, unbroken};
use crate::page::{self, FORM_TOKEN, Forms, Frame};
use crate::people::{Outcome, Purpose, SIGN_IN, SignIn};
use crate::site::Site;

#[derive(Template)]
#[template(path = "sign-in.html")]
struct Page<'a> {
    frame: Frame,
    /// Where people sign in.
    place: Option<String>,
    form_token: &'a str,
}

impl Page<'_> {
    const FORM_TOKEN: &'static str = FORM_TOKEN;
}

pub(crate) async fn show(State(site): State<Arc<Site>>, visit: Option<Extension<Visit>>, headers: HeaderMap) -> Result<Response, Failure> {
    if visit.is_some() {
        return Ok(super::see_other("/"));
    }
    let sign_in = site.people()?.sign_in.as_ref();
    let door = site.door(&headers);
    let page = Page { frame: Frame::new(None), place: sign_in.map(ToString::to_string), form_token: door.csrf.expose() };
    let forms = sign_in.map_or(Forms::Here, |sign_in| Forms::AlsoToIssuer(&sign_in.issuer));
    let response = page::respond(StatusCode::OK, &page, &forms);
    // A cookie is for the form, and there is none without a place to go.
    Ok(if sign_in.is_some() { super::at_door(response, &site, &door) } else { response })
}

pub(crate) async fn begin(
    State(site): State<Arc<Site>>,
    arrival: Arrival,
    Extension(knocked): Extension<Knocked>,
) -> Result<Response, Failure> {
    let sign_in = place(&site)?;
    let url = site.begin_sign_in(sign_in, &Purpose::Nothing, &knocked.door.binding, arrival.client).await;
    Ok(super::see_other(&url.map_err(|error| Failure::sign_in(&error))?))
}

pub(crate) async fn link(State(site): State<Arc<Site>>, Extension(posted): Extension<Posted>) -> Result<Response, Failure> {
    let sign_in = place(&site)?;
    let purpose = Purpose::Link(posted.visit.person().to_owned());
    let url = site.begin_sign_in(sign_in, &purpose, &posted.visit.binding, None).await;
    Ok(super::see_other(&url.map_err(|error| Failure::sign_in(&error))?))
}

pub(crate) async fn receive(State(site): State<Arc<Site>>, visit: Option<Extension<Visit>>, request: Request) -> Result<Response, Failure> {
    // A link checker's HEAD must not spend the sign-in.
    if request.method() != http::Method::GET {
        return Err(Failure::not_allowed());
    }
    let (alive, (parts, _)) = (Arrival::of(request.extensions()).alive, request.into_parts());
    let visit = visit.map(|Extension(visit)| visit);
    // An invitation that is accepted must not be lost with a browser that goes away now.
    unbroken(alive, async move { answered(&site, visit, parts.uri.query(), &parts.headers).await }).await
}

async fn answered(site: &Site, visit: Option<Visit>, query: Option<&str>, headers: &HeaderMap) -> Result<Response, Failure> {
    let sign_in = place(site)?;
    let query = query.filter(|query| query.len() <= callback::LONGEST).ok_or_else(Failure::not_our_answer)?;
    let key = callback::key(query).ok_or_else(Failure::not_our_answer)?;
    // It was begun at the door, or by somebody who is signed in; in this browser.
    let door = site.known_door(headers).map(|door| door.binding);
    let bindings = door.into_iter().chain(visit.iter().map(|visit| visit.binding.clone()));
    let mut taken = None;
    for binding in bindings {
        if let Some(pending) = site.keyfob.store().take_pending(&key, binding.expose(), site.keyfob.now()).await? {
            taken = Some((pending, binding));
            break;
        }
    }
    let Some((pending, binding)) = taken else {
        tracing::warn!("an answer to no sign-in of its browser was refused");
        return Err(Failure::not_our_answer());
    };
    let purpose = Purpose::read(&pending.account).filter(|purpose| {
        let is_theirs = match purpose {
            Purpose::Link(person) => visit.as_ref().is_some_and(|visit| visit.person() == person),
            _ => true,
        };
        is_theirs && pending.provider == SIGN_IN && pending.pending.redirect_uri() == Some(&site.sign_in_redirect_uri())
    });
    let Some(purpose) = purpose else {
        callback::put_back(site, &pending, &binding).await;
        return Err(Failure::not_our_answer());
    };
    let login = site.resume_sign_in(sign_in, pending.clone()).await;
    let login = match login {
        Ok(login) => login,
        Err(error) => {
            callback::put_back(site, &pending, &binding).await;
            return Err(Failure::sign_in(&error));
        }
    };
    let verified = match login.judge(Answer::Query(query)).await {
        Ok(verified) => verified,
        Err(error) if error.ends_login() => return Err(ended(sign_in, &error)),
        Err(error) => {
            tracing::warn!(%error, "an answer was refused; the sign-in goes on");
            callback::put_back(site, &pending, &binding).await;
            return Err(Failure::not_our_answer());
        }
    };
    let outcome = finish(site, sign_in, login, verified, purpose).await.map_err(|error| Failure::sign_in(&error))?;
    match (outcome, visit) {
        (Outcome::In(person), before) => {
            let notice = Notice::good(format!("You are signed in as {}.", person.name));
            site.sign_in(&person, before, notice).await
        }
        (Outcome::Linked, Some(visit)) => {
            site.note(visit.person(), What::SignInLinked).await?;
            site.leave(&visit, Notice::good(format!("You sign in at {sign_in} from now on."))).await;
            Ok(super::see_other("/"))
        }
        (Outcome::SomebodyElse, _) => Err(Failure::plain(
            StatusCode::CONFLICT,
            "That is somebody else here",
            "Whoever you are signed in as over there comes in here as somebody else. Nothing was changed.",
        )),
        _ => Err(Failure::not_invited()),
    }
}

async fn finish(
    site: &Site,
    sign_in: &SignIn,
    login: Login,
    verified: keyfob::login::Verified,
    purpose: Purpose,
) -> Result<Outcome, Error> {
    let approved = login.exchange(verified).await?;
    let people = site.people.as_ref().ok_or_else(|| keyfob::proto::Misuse::new("people", "guests"))?;
    // The tokens were for this question alone, and are forgotten with it.
    site.admit(people, sign_in, &approved, purpose).await
}

fn place(site: &Site) -> Result<&SignIn, Failure> {
    site.people()?.sign_in.as_ref().ok_or_else(Failure::nowhere)
}

/// The person, or the issuer, said no.
fn ended(place: &SignIn, error: &ProtoError) -> Failure {
    tracing::info!(%error, "a sign-in ended");
    let failure =
        |text: String| Failure::plain(StatusCode::FORBIDDEN, "You are not signed in", text).onward("Back to the sign-in", "/sign-in");
    match error {
        // Somebody who pressed "cancel" reads no protocol.
        ProtoError::Refused(refused) if refused.code == Code::AccessDenied => {
            let said = refused.description.as_ref().map(|said| format!(" It says: {}", sentence(said))).unwrap_or_default();
            let text = format!("You said no at {place}, or it does not let you in here. Nothing was stored.{said}");
            failure(text).hint(format!("sign in once more; if it stays so, ask whoever runs {place}"))
        }
        _ => failure(sentence(&error.to_string())),
    }
}
