//! `GET /accounts/{account}`: what the account shows by itself, and what can be done with it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;
use keyfob::history::{self, RefreshSince};
use keyfob::proto::{Deviation, Timestamp, TokenSet};
use keyfob::{Account, Session};
use keyfob_providers::Action;
use tokio::task::JoinSet;

use crate::browser::Visit;
use crate::failure::{Failure, sentence};
use crate::page::{self, Card, CellView, FORM_TOKEN, Forms, Frame, Section, Standing, Told};
use crate::routes::action::{self, Called};
use crate::routes::{provider, stranded};
use crate::seat::{Holder, Seat};
use crate::site::Site;

#[derive(Template)]
#[template(path = "account.html")]
struct Page<'a> {
    frame: Frame,
    card: Card,
    facts: Vec<Fact>,
    scopes: Vec<Scope>,
    /// What can be asked for in another login.
    asks: Vec<provider::Scope>,
    story: Vec<Told>,
    /// When the provider did not take the app itself, where that is how it is, as an element: no login helps then.
    app_refused: Option<String>,
    /// Where the app is entered.
    app_path: String,
    sections: Vec<Section>,
    has_charts: bool,
    more: Vec<More>,
    form_token: &'a str,
}

impl Page<'_> {
    const FORM_TOKEN: &'static str = FORM_TOKEN;
}

/// Something that is known about the account.
struct Fact {
    name: &'static str,
    /// A moment before the text, where there is one, as programs and as people read it.
    moment: Option<(String, String)>,
    text: String,
}

/// What the vault and the flight recorder say of it.
struct Past {
    facts: Vec<Fact>,
    app_refused: Option<Timestamp>,
    story: Vec<Told>,
}

/// A permission that was asked for.
struct Scope {
    name: String,
    granted: bool,
}

/// An action that does not show itself on the account's page.
struct More {
    title: String,
    about: String,
    href: String,
    acts: bool,
}

pub(crate) async fn show(State(site): State<Arc<Site>>, Path(account): Path<String>, visit: Visit) -> Result<Response, Failure> {
    site.look_for(&account).await?;
    let Some(seat) = site.seat(visit.person(), &account) else { return stranded::show(&site, &account, &visit).await };
    let held = site.holder(&seat);
    let not_yours = || Failure::not_yours(&site, &seat);
    let holder = held.read().await;
    let session = match super::state(&site, &seat, &holder, &visit).await? {
        Standing::Here => Some(action::open(&site, &seat).await),
        state if state.is_here() => None,
        _ => return Err(not_yours()),
    };
    // A provider may hang. Nobody who logs out meanwhile, or in again, waits for it: afterwards it is looked again whose the account is.
    drop(holder);
    let asked = match &session {
        Some(session) => Some(ask_all(&site, &seat, session).await),
        None => None,
    };
    let holder = held.read().await;
    if let Some(Ok(session)) = &session {
        action::still(&site, &seat, &holder, &visit, session).await?;
    }
    let sections = asked.map_or_else(Vec::new, |asked| sections(&seat, &holder, asked));
    // The calls may have refreshed the tokens, or found that they are spent.
    let record = site.keyfob.store().account(&seat.name).await;
    let record = record.map_err(|error| Failure::from_error(error.into(), &seat))?.ok_or_else(not_yours)?;
    let state = super::state(&site, &seat, &holder, &visit).await?;
    if !state.is_here() {
        return Err(not_yours());
    }
    let story = site.keyfob.store().history(&record.value.id).await;
    let story = story.map_err(|error| Failure::from_error(error.into(), &seat))?;
    let imported = history::is_imported(&story);
    let refresh = RefreshSince::of(&record.value, &story, site.keyfob.now());
    let app_refused = history::app_refused(&story);
    let story = page::told(&story, &record.value.scrubber());
    let frame = Frame::of(&visit, site.take_notice(&visit).await);
    let title = match &site.people {
        Some(people) => {
            // What the command made is known from now on.
            people.list(visit.person(), &record.value, site.keyfob.now()).await?;
            people.title(&record.value, site.keyfob.now()).await?
        }
        None => None,
    };
    let card = Card::new(&seat, state).called(title).with(Some(&record.value), site.keyfob.now());
    let facts = facts(&seat, &record.value, imported, refresh);
    Ok(draw(frame, card, &seat, &visit, &record.value, sections, Past { facts, app_refused, story }))
}

fn draw(frame: Frame, card: Card, seat: &Seat, visit: &Visit, account: &Account, sections: Vec<Section>, past: Past) -> Response {
    let Past { facts, app_refused, story } = past;
    let served = &seat.desk.provider;
    // What shows itself, or what a row leads to, needs no line of its own.
    let mut shown: BTreeSet<String> = served.overview().map(|action| action.name.clone()).collect();
    shown.extend(sections.iter().filter_map(|section| section.content.as_ref().ok()).flat_map(|table| table.leads_to.clone()));
    let more = served.actions.iter().filter(|action| !shown.contains(&action.name));
    let page = Page {
        frame,
        card,
        facts,
        scopes: scopes(account),
        asks: if served.import.is_some() { Vec::new() } else { provider::scopes_again(served, &seat.desk, &account.requested_scopes) },
        story,
        app_refused: app_refused.map(|at| page::moment_element(at.as_unix())),
        app_path: page::provider_path(&served.name),
        has_charts: sections.iter().any(Section::has_charts),
        sections,
        more: more
            .map(|action| More {
                title: page::words(&action.name),
                about: action.about.clone(),
                href: page::action_path(seat, &action.name, []),
                acts: action.acts,
            })
            .collect(),
        form_token: visit.csrf.expose(),
    };
    page::respond(StatusCode::OK, &page, &Forms::AlsoTo(std::slice::from_ref(&seat.desk)))
}

/// What came of an overview action, by its place.
type Outcomes = BTreeMap<usize, Result<Called, Failure>>;

/// All overview actions at once.
async fn ask_all(site: &Arc<Site>, seat: &Seat, session: &Result<Session, Failure>) -> Outcomes {
    let mut tasks = JoinSet::new();
    for (at, action) in seat.desk.provider.overview().enumerate() {
        let (site, seat, session, action) = (site.clone(), seat.clone(), session.clone(), action.clone());
        tasks.spawn(async move {
            let outcome = match session {
                Ok(session) => action::call(&site, &seat, &session, &action, &BTreeMap::new(), 1).await,
                Err(failure) => Err(failure),
            };
            (at, outcome)
        });
    }
    let mut outcomes = Outcomes::new();
    while let Some(done) = tasks.join_next().await {
        if let Ok((at, outcome)) = done {
            outcomes.insert(at, outcome);
        }
    }
    outcomes
}

/// One that failed says so in its place, and leaves the others alone.
fn sections(seat: &Seat, holder: &Holder, mut outcomes: Outcomes) -> Vec<Section> {
    let provider = &seat.desk.provider;
    let section = |(at, action): (usize, &Action)| Section {
        title: crate::failure::sentence(&action.about).trim_end_matches('.').to_owned(),
        options: (!action.parameters.is_empty()).then(|| page::action_path(seat, &action.name, [])),
        content: match outcomes.remove(&at) {
            Some(Ok(called)) => Ok(called.view(action, seat, holder)),
            Some(Err(failure)) => Err(failure),
            None => Err(Failure::ours()),
        },
    };
    provider.overview().enumerate().map(section).collect()
}

/// What is known about the account, without its tokens.
fn facts(seat: &Seat, account: &Account, imported: Option<bool>, refresh: Option<RefreshSince>) -> Vec<Fact> {
    let fact = |name, text: &str| Fact { name, moment: None, text: text.to_owned() };
    let since = |name, at: Timestamp, text: &str| {
        let moment = Some((page::iso(at.as_unix()), page::utc(at.as_unix())));
        Fact { moment, ..fact(name, text) }
    };
    let renews = account.renews() && seat.wants_login(account).is_none();
    let renewed = if renews { ", then renewed by itself" } else { "" };
    let mut facts = vec![
        fact("Account", &seat.shown),
        since(if imported == Some(true) { "Imported" } else { "Logged in" }, account.logged_in_at, ""),
        match account.tokens.expires_at() {
            Some(at) => since("Token good until", at, renewed),
            None => fact("Token good until", "it is revoked"),
        },
    ];
    // What the answer says is of this one; what is documented is of all.
    let documented = seat.desk.provider.refresh_lifetime();
    if let Some(until) = refresh.and_then(|begun| begun.ends.or_else(|| documented?.until(begun.login, begun.last_use))) {
        facts.push(since("Refresh token good until", until, ""));
    }
    if !account.tolerated.is_empty() {
        facts.push(fact("Tolerated at login", &account.tolerated.iter().map(|name| tolerated(name)).collect::<Vec<_>>().join(" ")));
    }
    facts
}

/// What a deviation is, for somebody who does not know its name. (That is on the page of deviations.)
fn tolerated(name: &str) -> String {
    let about = Deviation::by_name(name).map_or(name, |deviation| deviation.about());
    let about = about.split_once(": ").filter(|(family, _)| family.starts_with("OAuth")).map_or(about, |(_, about)| about);
    sentence(&about.replace('`', ""))
}

/// What was asked for, and whether it was granted.
fn scopes(account: &Account) -> Vec<Scope> {
    let granted = match &account.tokens {
        TokenSet::OAuth2(tokens) => Some(&tokens.scopes),
        _ => None,
    };
    let more = granted.into_iter().flatten().filter(|scope| !account.requested_scopes.contains(scope));
    let asked = account.requested_scopes.iter().chain(more);
    asked.map(|name| Scope { name: name.clone(), granted: granted.is_none_or(|granted| granted.contains(name)) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_tolerated_is_said_in_words() {
        assert_eq!(tolerated("missing-token-type"), "The token answer has no token_type.");
        for deviation in Deviation::ALL {
            let told = tolerated(deviation.name());
            assert!(told.contains(' ') && told.ends_with('.') && !told.contains('`') && !told.starts_with("OAuth"), "{told}");
        }
        assert_eq!(tolerated("of-a-newer-version"), "Of-a-newer-version.");
    }
}
