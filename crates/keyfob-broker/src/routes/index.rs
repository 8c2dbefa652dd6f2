//! `GET /`: what can be connected, and how it is.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::StatusCode;
use keyfob::proto::Timestamp;
use keyfob::{AccountId, StoreError};
use keyfob_store::Shelf;

use crate::browser::Visit;
use crate::failure::Failure;
use crate::keys;
use crate::page::{self, Card, FORM_TOKEN, Forms, Frame, Part, Standing, Wanted};
use crate::people::{Mine, Theirs};
use crate::routes::standing;
use crate::site::Site;
use crate::stranded::Stranded;

#[derive(Template)]
#[template(path = "index.html")]
struct Page<'a> {
    frame: Frame,
    /// What is connected, as far as this page has it.
    part: Part<Card>,
    /// What can be connected.
    ready: Vec<Card>,
    /// Whether anything is connected.
    has_some: bool,
    /// What nothing here can use.
    stranded: Vec<Stranded>,
    summary: String,
    form_token: &'a str,
}

impl Page<'_> {
    const FORM_TOKEN: &'static str = FORM_TOKEN;
}

pub(crate) async fn show(
    State(site): State<Arc<Site>>,
    RawQuery(query): RawQuery,
    visit: Option<Extension<Visit>>,
) -> Result<Response, Failure> {
    let wanted = Wanted::of(query.as_deref())?;
    let is_new = visit.is_none();
    // A guest's session begins here: the forms of this page need one.
    let visit = visit.map_or_else(|| site.browsers.open(site.keyfob.now()), |Extension(visit)| visit);
    let desks = site.desks();
    let (mut cards, mut connected) = (Vec::new(), BTreeSet::new());
    let (mine, mut stranded, used) = match &site.people {
        Some(people) => {
            let Theirs { mine, stranded, .. } = site.all_accounts_of(people, visit.person()).await?;
            (mine, stranded, last_uses(&*people.shelf, &visit, site.keyfob.now()).await?)
        }
        None => (Vec::new(), Vec::new(), HashMap::new()),
    };
    for Mine { seat, account, title } in mine {
        let card = Card::new(&seat, standing(&seat, &account)).called(title);
        cards.push(card.with(Some(&account), site.keyfob.now()).used(used.get(&account.id).copied()));
        connected.insert(seat.desk.account.clone());
    }
    for desk in desks.iter().filter(|desk| !connected.contains(&desk.account)) {
        let seat = site.seat_for(&visit, &desk.account)?;
        let holder = site.holder(&seat);
        let state = super::state(&site, &seat, &*holder.read().await, &visit).await?;
        let record = site.keyfob.store().account(&seat.name).await.map_err(|error| Failure::from_error(error.into(), &seat))?;
        cards.push(Card::new(&seat, state).with(record.as_ref().map(|record| &record.value), site.keyfob.now()));
    }
    let summary = summary(&cards);
    let (here, mut ready): (Vec<Card>, Vec<Card>) = cards.into_iter().partition(Card::is_here);
    // Whoever looks for an account, or further on in them, wants none of these.
    if !wanted.is_all() {
        ready.clear();
        stranded.clear();
    }
    let has_some = !here.is_empty();
    // What needs a person comes first.
    let key = |card: &Card| format!("{}\n{}", u8::from(!card.is_stale()), card.name);
    let part = wanted.part("/", ["account", "accounts"], here, key, Card::words);
    let frame = Frame::of(&visit, site.take_notice(&visit).await);
    let page = Page { frame, part, ready, has_some, stranded, summary, form_token: visit.csrf.expose() };
    let response = page::respond(StatusCode::OK, &page, &Forms::AlsoTo(&desks));
    Ok(if is_new { super::with_cookie(response, &site, &visit) } else { response })
}

/// When programs used a person's accounts last, as far as their keys are still there.
async fn last_uses(shelf: &dyn Shelf, visit: &Visit, now: Timestamp) -> Result<HashMap<AccountId, Timestamp>, StoreError> {
    let mut uses: HashMap<AccountId, Timestamp> = HashMap::new();
    for key in keys::list(shelf, Some(visit.person()), now).await? {
        if let Some(at) = key.last_used_at {
            uses.entry(key.account_id).and_modify(|last| *last = at.max(*last)).or_insert(at);
        }
    }
    Ok(uses)
}

/// How they are, in a sentence.
fn summary(cards: &[Card]) -> String {
    let connected = cards.iter().filter(|card| card.is_here()).count();
    let stale = cards.iter().filter(|card| card.is_stale()).count();
    let accounts = if connected == 1 { "One account".to_owned() } else { format!("{connected} accounts") };
    match stale {
        0 if connected == 1 => "One account, and it is well.".to_owned(),
        0 => format!("{accounts}, and all are well."),
        1 => format!("{accounts}; one wants a new login."),
        _ => format!("{accounts}; {stale} want a new login."),
    }
}
