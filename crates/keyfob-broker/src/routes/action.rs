//! `/accounts/{account}/do/{action}`: GET shows what an action shows, or asks before it acts; POST acts.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use http::{HeaderValue, Method, StatusCode};
use keyfob::links::{self, Walk};
use keyfob::proto::scrub::printable;
use keyfob::proto::{Error as ProtoError, Scrubber, Timestamp, TokenSet, encode};
use keyfob::{Error, Session};
use keyfob_providers::{Action, NoList, Table};

use crate::audit::What;
use crate::browser::{Notice, Visit};
use crate::failure::{Failure, Outcome, sentence, told};
use crate::guard::Posted;
use crate::page::{self, Ask, CellView, FORM_TOKEN, FormField, Forms, Frame, Range, Rest, Section, TableView, arguments, words};
use crate::seat::{Holder, Seat};
use crate::site::Site;

/// A long answer is followed so far; its page says that there is more.
pub(crate) const MOST_PAGES: usize = 8;

/// The book has so many letters of a thing's name.
const LONGEST_SUBJECT: usize = 100;

/// The page of an action that shows something.
#[derive(Template)]
#[template(path = "show.html")]
struct Show<'a> {
    frame: Frame,
    title: String,
    about: String,
    /// Which thing it is, where it is not known what it is called: label and value.
    which: Vec<(String, String)>,
    account_title: &'a str,
    account_path: String,
    path: String,
    fields: Vec<FormField>,
    /// `None`: something has to be said first.
    section: Option<Section>,
    /// What is wrong with what was said.
    problem: Option<String>,
    ranges: Vec<Range>,
    has_charts: bool,
}

/// The question before an action that changes something.
#[derive(Template)]
#[template(path = "confirm.html")]
struct Confirm<'a> {
    frame: Frame,
    title: String,
    about: String,
    account_title: &'a str,
    account_path: String,
    path: String,
    subject: Option<String>,
    /// What was said already.
    fixed: Vec<(String, String, String)>,
    /// What is still to be said.
    fields: Vec<FormField>,
    problem: Option<String>,
    back: String,
    form_token: &'a str,
}

impl Confirm<'_> {
    const FORM_TOKEN: &'static str = FORM_TOKEN;
}

pub(crate) async fn show(
    State(site): State<Arc<Site>>,
    Path((account, action)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    visit: Visit,
) -> Result<Response, Failure> {
    let seat = site.seat_for(&visit, &account)?;
    let desk = &seat.desk;
    let held = site.holder(&seat);
    let mut holder = held.read().await;
    if !super::state(&site, &seat, &holder, &visit).await?.is_here() {
        return Err(Failure::not_yours(&site, &seat));
    }
    let action = desk.provider.action(&action).map_err(|_| Failure::nowhere())?;
    let fields = encode::decode_text_pairs(query.unwrap_or_default().as_bytes()).map_err(|_| Failure::nowhere())?;
    let said = arguments(action, &fields);
    if action.acts {
        // A person who is asked "Lock now?" takes it that there is a lock.
        return Ok(match action.check(&said) {
            Ok(()) => ask(&seat, &holder, &visit, action, &said, &said, None, StatusCode::OK, site.keyfob.now()),
            Err(misuse) => {
                let problem = told(&misuse);
                ask(&seat, &holder, &visit, action, &BTreeMap::new(), &said, Some(problem), StatusCode::BAD_REQUEST, site.keyfob.now())
            }
        });
    }
    let is_enough = |said: &BTreeMap<String, String>| {
        action.parameters.iter().all(|parameter| !parameter.required || said.contains_key(&parameter.name))
    };
    // A chart is there before anybody has said of which days.
    let said = Range::usual(action, &said, site.keyfob.now()).filter(is_enough).unwrap_or(said);
    let is_complete = is_enough(&said);
    // Nobody is asked for what cannot be: what was said stays in the form, to be put right.
    let problem = action.check(&action.at(&said, site.keyfob.now())).err().map(|misuse| told(&misuse)).filter(|_| is_complete);
    let (mut status, mut section, mut ranges) = (StatusCode::OK, None, Range::all(&seat, action, &said, None, site.keyfob.now()));
    if problem.is_some() {
        status = StatusCode::BAD_REQUEST;
    } else if is_complete {
        let outcome = match open(&site, &seat).await {
            Ok(session) => {
                // A provider may hang: nobody who logs out meanwhile, or in again, waits for it.
                drop(holder);
                let outcome = call(&site, &seat, &session, action, &said, MOST_PAGES).await;
                holder = held.read().await;
                still(&site, &seat, &holder, &visit, &session).await?;
                outcome
            }
            Err(failure) => Err(failure),
        };
        let content = match outcome {
            Ok(called) => {
                ranges = Range::all(&seat, action, &said, Some(&called.table), site.keyfob.now());
                Ok(called.view(action, &seat, &holder))
            }
            Err(failure) => {
                status = failure.status;
                Err(failure)
            }
        };
        section = Some(Section { title: String::new(), options: None, content });
    }
    let about = sentence(&action.about).trim_end_matches('.').to_owned();
    // One thing is called by its name: the one in the answer, or the one that the link here belonged to.
    let subject = section.as_ref().and_then(|section| section.content.as_ref().ok()).and_then(TableView::subject).map(str::to_owned);
    let subject = subject.or_else(|| holder.subject(&action.name, &said));
    // An address that was kept, say, is of a thing that this program has not heard of since it was started.
    let which = if subject.is_some() || section.is_none() { BTreeMap::new() } else { page::which(action, &said) };
    // What has been asked, and could be asked in no other way, is not asked again.
    let has_choice = section.is_none() || action.parameters.iter().any(|parameter| !parameter.required);
    let page = Show {
        frame: Frame::of(&visit, site.take_notice(&visit).await),
        title: subject.clone().unwrap_or_else(|| about.clone()),
        about: if subject.is_some() { about } else { String::new() },
        which: which.into_iter().map(|(name, value)| (words(&name), printable(&value))).collect(),
        account_title: &desk.provider.title,
        account_path: page::account_path(&seat),
        path: page::action_path(&seat, &action.name, []),
        fields: if has_choice { FormField::all(action, &said, site.keyfob.now()) } else { Vec::new() },
        has_charts: section.as_ref().is_some_and(Section::has_charts),
        section,
        problem,
        ranges,
    };
    Ok(page::respond(status, &page, &Forms::Here))
}

pub(crate) async fn act(
    State(site): State<Arc<Site>>,
    Path((account, action)): Path<(String, String)>,
    Extension(posted): Extension<Posted>,
) -> Result<Response, Failure> {
    let visit = &posted.visit;
    let seat = site.seat_for(visit, &account)?;
    let desk = &seat.desk;
    let holder = site.holder(&seat);
    let holder = holder.read().await;
    if !super::state(&site, &seat, &holder, visit).await?.is_here() {
        return Err(Failure::not_yours(&site, &seat));
    }
    let action = desk.provider.action(&action).map_err(|_| Failure::nowhere())?;
    if !action.acts {
        return Err(Failure::not_allowed());
    }
    let said = arguments(action, &posted.fields);
    // One account from here on: whoever else logs in under its name meanwhile does not act.
    let session = open(&site, &seat).await?;
    let method = match session.look(|account| action.check(&said).and_then(|()| action.request(&said, &account.kept))) {
        Ok(request) => request.method,
        Err(misuse) => {
            let (problem, status, now) = (Some(told(&misuse)), StatusCode::BAD_REQUEST, site.keyfob.now());
            return Ok(ask(&seat, &holder, visit, action, &BTreeMap::new(), &said, problem, status, now));
        }
    };
    let subject = holder.subject(&action.name, &said);
    let concerned = concerned(&site, &seat, action, &said, subject.as_deref()).await?;
    // As above.
    drop(holder);
    tracing::info!(account = seat.name, action = action.name, "acting");
    if let Some(gate) = &site.gate {
        gate.book.open(site.keyfob.now()).await.map_err(|_| Failure::unwritten("Nothing was done."))?;
    }
    let done = call(&site, &seat, &session, action, &said, 1).await;
    let status = done.as_ref().map_or_else(|failure| failure.answered.unwrap_or(failure.status.as_u16()), |called| called.status.as_u16());
    // A failure, too: what came of it may be seen at the door alone.
    let line = What::Acted { account: seat.shown.clone(), action: action.name.clone(), subject: concerned, status };
    site.note(visit.person(), line).await.map_err(|_| Failure::unwritten("It may have been done all the same."))?;
    let called = done?;
    let mut notice = Notice::good(match subject {
        Some(subject) => format!("{}: {subject}. Done.", words(&action.name)),
        None => format!("{}. Done.", words(&action.name)),
    });
    // Whose the account is by now makes no difference: what is told has no links whose names would have to be remembered.
    notice.lines = called.view(action, &seat, &Holder::default()).lines();
    site.leave(visit, notice).await;
    // Of what was deleted there is nothing to show: whoever was led there would be told that it failed.
    let onward = if method == Method::DELETE { page::account_path(&seat) } else { place(&seat, &said) };
    // 303: reloading the page shows it again, and does not act again.
    Ok(super::see_other(&onward))
}

/// What the book calls the thing that is acted on: as a page called it, or else the first that the action has to be told. Anybody can write
/// anything into a form, so a secret of the account is not in it, and no more than a line.
async fn concerned(
    site: &Site,
    seat: &Seat,
    action: &Action,
    said: &BTreeMap<String, String>,
    subject: Option<&str>,
) -> Result<Option<String>, Failure> {
    let id = || action.parameters.iter().find(|parameter| parameter.required).and_then(|parameter| said.get(&parameter.name));
    let Some(subject) = subject.or_else(|| id().map(String::as_str)) else { return Ok(None) };
    let account = site.keyfob.store().account(&seat.name).await.map_err(|error| Failure::from_error(error.into(), seat))?;
    let account = account.ok_or_else(|| Failure::not_yours(site, seat))?;
    Ok(Some(printable(&account.value.scrubber().mask(subject)).chars().take(LONGEST_SUBJECT).collect()))
}

/// What an action's call brought.
pub(crate) struct Called {
    table: Table,
    /// What its text must be rid of before it is shown.
    scrubber: Scrubber,
    /// The last answer's.
    status: StatusCode,
    /// How to go on, where this is not all.
    rest: Option<Onward>,
    /// Why nobody can tell whether it is.
    no_list: Option<NoList>,
    /// So many answers were read.
    read: usize,
}

/// How a long answer goes on.
enum Onward {
    /// By asking with these.
    With(BTreeMap<String, String>),
    /// By an address of its own.
    At(String),
}

impl Called {
    /// As a page draws it.
    pub(crate) fn view(&self, action: &Action, seat: &Seat, holder: &Holder) -> TableView {
        let mut view = TableView::new(&self.table, seat, holder, &self.scrubber);
        view.rest = match &self.rest {
            Some(Onward::With(arguments)) => Rest::new(self.read, action, arguments, seat, &self.scrubber),
            Some(Onward::At(_)) => Some(Rest::linked(self.read, action, seat)),
            None => None,
        };
        view.no_list = self.no_list.as_ref().map(|why| self.scrubber.mask(&why.to_string()));
        view
    }
}

/// The account as the vault has it now: a session that other requests keep in use may be of a login that is over.
pub(crate) async fn open(site: &Site, seat: &Seat) -> Result<Session, Failure> {
    let desk = &seat.desk;
    let session = async { site.keyfob.session(desk.settings.clone(), desk.app.clone(), &seat.name).await?.reread().await };
    session.await.map_err(|error| Failure::from_error(error, seat))
}

/// After a provider was asked: that the account is still this visitor's, and the one that was asked as.
pub(crate) async fn still(site: &Site, seat: &Seat, holder: &Holder, visit: &Visit, session: &Session) -> Result<(), Failure> {
    let there = site.keyfob.store().account(&seat.name).await?.filter(|_| holder.is(visit));
    let there = there.ok_or_else(|| Failure::not_yours(site, seat))?;
    if session.look(|account| account.id != there.value.id) {
        return Err(Failure::from_error(Error::AnotherLogin { account: seat.name.clone() }, seat));
    }
    Ok(())
}

/// Makes an action's call, and as many more as its answer has pages: up to [`MOST_PAGES`], or `linked` where they have addresses of their own.
pub(crate) async fn call(
    site: &Site,
    seat: &Seat,
    session: &Session,
    action: &Action,
    arguments: &BTreeMap<String, String>,
    linked: usize,
) -> Result<Called, Failure> {
    let desk = &seat.desk;
    let failure = |error: Error| Failure::from_error(error, seat);
    let unreadable = |error: keyfob_providers::Unreadable| {
        tracing::warn!(account = seat.name, %error, "an answer could not be read");
        let title = format!("{} gave an answer we do not understand", desk.provider.title);
        Failure::plain(StatusCode::BAD_GATEWAY, title, sentence(&error.to_string())).onward("Back", page::account_path(seat))
    };
    let mut arguments = action.at(arguments, site.keyfob.now());
    let requested = |arguments: &BTreeMap<String, String>| {
        session.look(|account| action.request(arguments, &account.kept)).map_err(|misuse| failure(misuse.into()))
    };
    let refused = |error: Error| match &error {
        Error::Api(api) if api.may_lack_scope => wanting(failure(error), seat, session, action),
        _ => match Outcome::of(&error).filter(|_| action.acts) {
            Some(outcome) => failure(error).after(outcome),
            None => failure(error),
        },
    };
    let (mut whole, mut rest, mut read, mut status): (Option<Table>, _, _, Option<StatusCode>) = (None, None, 0, None);
    let mut no_list = None;
    let mut request = requested(&arguments)?;
    let mut walk = Walk::begin(session.settings().api.base.as_str(), &request.target).ok();
    loop {
        let mut call = session.call(request.method.clone(), request.target.clone());
        for (name, value) in request.headers.clone() {
            call = call.header(name, value);
        }
        if let Some((media_type, body)) = &request.body {
            call = call.body(HeaderValue::from_static(media_type), body.clone());
        }
        let answered = async {
            let answer = call.send().await?;
            status = Some(answer.status());
            Ok((links::next(answer.headers()), answer.json().await?))
        };
        let (next_link, answer) = match answered.await {
            Ok(answered) => answered,
            // It was done, whatever it says about it in. What misbehaved before there was an answer is the token endpoint, and nothing was sent.
            Err(Error::Protocol(ProtoError::Misbehaved(error))) if action.acts && status.is_some_and(|status| status.is_success()) => {
                tracing::warn!(account = seat.name, %error, "an answer could not be read");
                break;
            }
            // What is there can be shown; that there is more, is said.
            Err(error) if matches!(rest, Some(Onward::At(_))) => {
                tracing::warn!(account = seat.name, %error, "the next page could not be read");
                break;
            }
            Err(error) => return Err(refused(error)),
        };
        match action.table(&arguments, &answer) {
            Ok(table) => match &mut whole {
                Some(whole) => whole.append(table),
                None => whole = Some(table),
            },
            // It was done; that what it says about it cannot be read does not undo it.
            Err(error) if action.acts => {
                tracing::warn!(account = seat.name, %error, "an answer could not be read");
                break;
            }
            Err(error) => return Err(unreadable(error)),
        }
        read += 1;
        if action.acts {
            break;
        }
        if let Some(next) = action.next(&arguments, &answer).map_err(unreadable)? {
            rest = Some(Onward::With(next.clone()));
            if read >= MOST_PAGES {
                break;
            }
            request = requested(&next)?;
            arguments = next;
            continue;
        }
        let here = walk.as_mut().filter(|_| action.goes_on_by_links());
        let counted = desk.provider.pages().filter(|_| next_link.is_none());
        if read == 1 && here.is_some() {
            no_list = counted.and_then(|pages| pages.check(&answer).err());
        }
        let target = here.as_ref().and_then(|walk| next_link.or_else(|| counted?.next(walk.here().as_str(), &answer)));
        rest = target.map(Onward::At);
        let (Some(walk), Some(Onward::At(target))) = (here, &rest) else { break };
        // A page that cannot be asked for is one that is not read.
        match walk.step(target) {
            Ok(target) if read < linked => request.target = target,
            _ => break,
        }
    }
    // Whoever reads half an answer has to know that it is half of one.
    Ok(Called { table: whole.unwrap_or_default(), scrubber: session.scrubber(), rest, no_list, read, status: status.unwrap_or_default() })
}

/// An action that was refused, for want of scopes as it seems, and needs one that the account is not known to have: that is what to ask for, unless the provider has named it itself.
fn wanting(failure: Failure, seat: &Seat, session: &Session, action: &Action) -> Failure {
    let account = session.account();
    let TokenSet::OAuth2(tokens) = &account.tokens else { return failure };
    let lacking = action.lacking(&tokens.scopes);
    // Whole: "read" is no part of "already".
    let is_named =
        |scope: &&str| failure.hint.as_ref().is_some_and(|hint| hint.split([' ', ',', ';', ':', '"']).any(|word| word == *scope));
    if lacking.is_empty() || lacking.iter().any(is_named) {
        return failure;
    }
    let (what, them, ticked) = if lacking.len() == 1 { ("scope", "which", "that") } else { ("scopes", "all of which", "those") };
    let hint =
        format!("it needs the {what} {}, {them} this account is not known to have: log in again, with {ticked} ticked", lacking.join(" "));
    failure.hint(hint).onward("Choose what to ask for", format!("{}#f-scopes", page::account_path(seat)))
}

/// The question. What is `fixed` was said by the link that led here; the rest is a form.
#[expect(clippy::too_many_arguments, reason = "a page is what it shows")]
fn ask(
    seat: &Seat,
    holder: &Holder,
    visit: &Visit,
    action: &Action,
    fixed: &BTreeMap<String, String>,
    said: &BTreeMap<String, String>,
    problem: Option<String>,
    status: StatusCode,
    now: Timestamp,
) -> Response {
    let page = Confirm {
        frame: Frame::of(visit, None),
        title: words(&action.name),
        about: sentence(&action.about),
        account_title: &seat.desk.provider.title,
        account_path: page::account_path(seat),
        path: page::action_path(seat, &action.name, []),
        subject: holder.subject(&action.name, said),
        fixed: fixed.iter().map(|(name, value)| (name.clone(), words(name), value.clone())).collect(),
        fields: FormField::all(action, said, now).into_iter().filter(|field| !fixed.contains_key(&field.name)).collect(),
        // What is wrong leads nowhere.
        back: if problem.is_none() { place(seat, said) } else { page::account_path(seat) },
        problem,
        form_token: visit.csrf.expose(),
    };
    page::respond(status, &page, &Forms::Here)
}

/// Where the thing that these arguments name is shown: the first action that shows something and needs just them, or else the
/// account's page.
fn place(seat: &Seat, said: &BTreeMap<String, String>) -> String {
    let needs = |action: &Action| {
        let required: Vec<&str> = action.parameters.iter().filter(|p| p.required).map(|p| p.name.as_str()).collect();
        !required.is_empty() && required.iter().all(|name| said.contains_key(*name))
    };
    match seat.desk.provider.actions.iter().find(|action| !action.acts && needs(action)) {
        Some(action) => {
            let known = action.parameters.iter().filter_map(|p| said.get(&p.name).map(|value| (p.name.as_str(), value.as_str())));
            page::action_path(seat, &action.name, known)
        }
        None => page::account_path(seat),
    }
}
