//! `/settings/programs`: which programs act for the person, and where events are told. `POST …/tokens` makes an API token, `POST …/tokens/{token}`
//! takes one back, `POST …/webhooks/{webhook}` has events told there no more.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;
use keyfob::Error;
use keyfob::proto::{Error as ProtoError, Secret};

use super::once::{self, Came, Makes};
use crate::api::token::{self, ApiToken};
use crate::audit::{What, Who};
use crate::browser::{Notice, Visit};
use crate::failure::{Failure, sentence, told};
use crate::guard::Posted;
use crate::page::{self, FORM_TOKEN, Forms, Frame};
use crate::site::Site;
use crate::webhook::{self, Webhook};

const DAY: i64 = 24 * 3600;

#[derive(Template)]
#[template(path = "programs.html")]
struct Page<'a> {
    frame: Frame,
    tokens: Vec<Row>,
    webhooks: Vec<Told>,
    form_token: &'a str,
    /// What makes this form another one than those before.
    once: String,
}

/// A token that was just made: it is shown once.
#[derive(Template)]
#[template(path = "token.html")]
struct Made<'a> {
    frame: Frame,
    name: &'a str,
    text: &'a Secret,
}

impl Page<'_> {
    const FORM_TOKEN: &'static str = FORM_TOKEN;
    const ONCE: &'static str = once::FIELD;
}

struct Row {
    id: String,
    name: String,
    made: String,
    ends: Option<String>,
    used: Option<String>,
}

struct Told {
    id: String,
    to: String,
    /// Since when messages do not arrive, why, and how many were given up.
    trouble: Option<(String, String, u64)>,
}

impl Row {
    fn of(token: ApiToken) -> Self {
        let moment = |at: keyfob::proto::Timestamp| page::moment_element(at.as_unix());
        Self {
            id: token.id,
            name: token.name,
            made: moment(token.created_at),
            ends: token.expires_at.map(moment),
            used: token.last_used_at.map(moment),
        }
    }
}

impl Told {
    fn of(webhook: Webhook) -> Self {
        let trouble = webhook.record.trouble.clone();
        Self {
            // The path may hold a secret of the receiver's.
            to: webhook.origin(),
            id: webhook.id,
            trouble: trouble.map(|trouble| (page::moment_element(trouble.since.as_unix()), sentence(&trouble.reason), trouble.given_up)),
        }
    }
}

pub(crate) async fn show(State(site): State<Arc<Site>>, visit: Visit) -> Result<Response, Failure> {
    let (shelf, now) = (&*site.people()?.shelf, site.keyfob.now());
    let mut tokens = token::list(shelf, visit.person(), now).await?;
    tokens.sort_by_key(|token| std::cmp::Reverse(token.created_at));
    let webhooks = webhook::list(shelf, visit.person(), now).await?;
    let page = Page {
        frame: Frame::of(&visit, site.take_notice(&visit).await),
        tokens: tokens.into_iter().map(Row::of).collect(),
        webhooks: webhooks.items.into_iter().map(Told::of).collect(),
        form_token: visit.csrf.expose(),
        once: once::number(),
    };
    Ok(page::respond(StatusCode::OK, &page, &Forms::Here))
}

const MAKES: Makes = Makes { what: "The token", list: "/settings/programs", is_searched: false, to_list: "To the programs" };

pub(crate) async fn create(State(site): State<Arc<Site>>, Extension(posted): Extension<Posted>) -> Result<Response, Failure> {
    let take_back = async |id: String| take_back(&site, posted.visit.person(), &id).await.map(drop);
    once::once(&site, &posted, "/settings/programs/tokens", &MAKES, take_back, make(&site, &posted)).await
}

async fn make(site: &Arc<Site>, posted: &Posted) -> Result<Came, Failure> {
    let (visit, now) = (&posted.visit, site.keyfob.now());
    let expires_at = match posted.field("days") {
        "" => None,
        days => {
            let days = days.parse::<i64>().ok().filter(|days| (1..=3650).contains(days));
            Some(now.plus(days.ok_or_else(|| refused("A token ends after 1 to 3650 days.".to_owned()))? * DAY))
        }
    };
    let by = Who::person(visit.person());
    let made = token::create(&*site.people()?.shelf, visit.person(), posted.field("name"), expires_at, by, now).await;
    let made = made.map_err(|error| match error {
        Error::Store(error) => error.into(),
        Error::Protocol(ProtoError::Misuse(misuse)) => refused(told(&misuse)),
        _ => Failure::ours(),
    })?;
    site.look_again(visit).await?;
    let page = Made { frame: Frame::of(visit, None), name: &made.token.name, text: &made.text };
    let page = page::respond(StatusCode::OK, &page, &Forms::Here);
    Ok(Came::Made(once::Made { id: made.token.id, name: made.token.name, page }))
}

pub(crate) async fn revoke(
    State(site): State<Arc<Site>>,
    Path(id): Path<String>,
    Extension(posted): Extension<Posted>,
) -> Result<Response, Failure> {
    let visit = &posted.visit;
    let revoked = take_back(&site, visit.person(), &id).await?.ok_or_else(Failure::nowhere)?;
    site.leave(visit, Notice::good(format!("The token {} opens nothing any more.", revoked.name))).await;
    Ok(super::see_other("/settings/programs"))
}

pub(crate) async fn remove_webhook(
    State(site): State<Arc<Site>>,
    Path(id): Path<String>,
    Extension(posted): Extension<Posted>,
) -> Result<Response, Failure> {
    let (visit, shelf, now) = (&posted.visit, &*site.people()?.shelf, site.keyfob.now());
    let found = webhook::find(shelf, visit.person(), &id, now).await?.ok_or_else(Failure::nowhere)?;
    let to = found.origin();
    // The book first, as for programs: what it does not take is not done.
    let line = What::WebhookRemoved { webhook: found.id, to: to.clone() };
    site.note(visit.person(), line).await.map_err(|_| Failure::unwritten("Nothing was done."))?;
    webhook::remove(shelf, visit.person(), &id, now).await?.ok_or_else(Failure::nowhere)?;
    site.leave(visit, Notice::good(format!("Nothing is told to {to} any more by this webhook."))).await;
    Ok(super::see_other("/settings/programs"))
}

/// `None`: there is none of this number, or it is somebody else's.
async fn take_back(site: &Site, person: &str, id: &str) -> Result<Option<ApiToken>, Failure> {
    Ok(token::revoke(&*site.people()?.shelf, person, id, Who::person(person), site.keyfob.now()).await?)
}

fn refused(text: String) -> Failure {
    Failure::plain(StatusCode::BAD_REQUEST, "That is no token", text).onward("Back", "/settings/programs")
}
