//! `/keys`: a person's valet keys; POST makes one, and shows it once.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::{Method, StatusCode};
use keyfob::proto::{Misuse, Timestamp};
use keyfob::{Error, proto};

use super::once::{self, Came, Makes};
use super::revoke;
use crate::audit;
use crate::browser::Visit;
use crate::failure::{Failure, told};
use crate::guard::Posted;
use crate::keys::{self, Made, NewKey, ValetKey};
use crate::page::{self, FORM_TOKEN, Forms, Frame, Part, Wanted};
use crate::people::Mine;
use crate::site::Site;

/// When a key ends: in seconds, or never.
const ENDS: [(&str, &str); 5] =
    [("86400", "in a day"), ("604800", "in a week"), ("2592000", "in 30 days"), ("31536000", "in a year"), ("", "when it is revoked")];

/// What the form has where nothing was said.
const USUAL_END: &str = "2592000";

#[derive(Template)]
#[template(path = "keys.html")]
struct Page<'a> {
    frame: Frame,
    part: Part<Row>,
    /// Name, and whether it is chosen.
    accounts: Vec<(String, bool)>,
    ends: Vec<(&'static str, &'static str, bool)>,
    said: &'a Said,
    problem: Option<String>,
    form_token: &'a str,
    /// What makes this form another one than those before.
    once: String,
}

/// A key that was just made.
#[derive(Template)]
#[template(path = "key.html")]
struct Shown<'a> {
    frame: Frame,
    row: Row,
    text: &'a str,
    /// A request to try it with.
    example: String,
}

impl Page<'_> {
    const FORM_TOKEN: &'static str = FORM_TOKEN;
    const ONCE: &'static str = once::FIELD;
}

/// A key in the list.
pub(super) struct Row {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) account: String,
    pub(super) allows: Vec<String>,
    pub(super) may_see_token: bool,
    /// Whether it opens nothing, because its account is gone.
    pub(super) is_orphan: bool,
    pub(super) rate: Option<String>,
    /// As elements.
    pub(super) ends: Option<String>,
    pub(super) used: Option<String>,
}

impl Row {
    pub(super) fn of(key: &ValetKey) -> Self {
        let moment = |at: Timestamp| page::moment_element(at.as_unix());
        Self {
            id: key.id.clone(),
            name: key.name.clone(),
            account: key.account.clone(),
            allows: key.rules.iter().map(ToString::to_string).collect(),
            may_see_token: key.may_see_token,
            is_orphan: false,
            rate: key.rate.map(|rate| rate.to_string()),
            ends: key.expires_at.map(moment),
            used: key.last_used_at.map(moment),
        }
    }
}

/// What the form said.
#[derive(Default)]
struct Said {
    account: String,
    name: String,
    allow: String,
    rate: String,
    ends: String,
    token: bool,
}

impl Said {
    fn of(posted: &Posted) -> Self {
        let field = |name: &str| posted.field(name).trim().to_owned();
        Self {
            account: field("account"),
            name: field("name"),
            allow: field("allow"),
            rate: field("rate"),
            ends: field("ends"),
            token: !posted.field("token").is_empty(),
        }
    }

    /// The key that is meant.
    fn key(&self, mine: &[Mine], person: &str, now: Timestamp) -> Result<NewKey, Misuse> {
        let account = mine.iter().find(|mine| mine.seat.shown == self.account);
        let account = account.ok_or_else(|| Misuse::new("one of your accounts", "none, or another one"))?;
        let rules = self.allow.lines().map(str::trim).filter(|line| !line.is_empty());
        let seconds = match self.ends.as_str() {
            "" => None,
            seconds => Some(seconds.parse::<i64>().map_err(|_| Misuse::new("when the key ends", "text that is no time"))?),
        };
        Ok(NewKey {
            owner: person.to_owned(),
            name: self.name.clone(),
            account: account.seat.shown.clone(),
            account_id: account.account.id.clone(),
            rules: keys::rules(rules)?,
            rate: if self.rate.is_empty() { None } else { Some(self.rate.parse()?) },
            may_see_token: keys::may_see_token(self.token, &account.account)?,
            expires_at: seconds.map(|seconds| now.plus(seconds)),
        })
    }
}

pub(crate) async fn show(State(site): State<Arc<Site>>, RawQuery(query): RawQuery, visit: Visit) -> Result<Response, Failure> {
    let said = Said { ends: USUAL_END.to_owned(), ..Said::default() };
    draw(&site, &visit, Wanted::of(query.as_deref())?, &said, None).await
}

const MAKES: Makes = Makes { what: "The key", list: "/keys", is_searched: true, to_list: "To the keys" };

pub(crate) async fn create(State(site): State<Arc<Site>>, Extension(posted): Extension<Posted>) -> Result<Response, Failure> {
    let take_back = async |id: String| revoke::take_back(&site, posted.visit.person(), &id).await.map(drop);
    once::once(&site, &posted, "/keys", &MAKES, take_back, make(&site, &posted)).await
}

async fn make(site: &Arc<Site>, posted: &Posted) -> Result<Came, Failure> {
    let (people, visit, now) = (site.people()?, &posted.visit, site.keyfob.now());
    let mine = site.accounts_of(people, visit.person()).await?.items;
    let said = Said::of(posted);
    let by = audit::Who::person(visit.person());
    let made = match said.key(&mine, visit.person(), now) {
        Ok(new) => keys::create(&*people.shelf, new, by, now).await,
        Err(misuse) => Err(misuse.into()),
    };
    match made {
        Ok(Made { key, text }) => {
            site.look_again(visit).await?;
            let page = Shown { frame: Frame::of(visit, None), row: Row::of(&key), text: text.expose(), example: example(site, &key) };
            let page = page::respond(StatusCode::OK, &page, &Forms::Here);
            Ok(Came::Made(once::Made { id: key.id, name: key.name, page }))
        }
        Err(Error::Protocol(proto::Error::Misuse(misuse))) => {
            Ok(Came::Not(draw(site, visit, Wanted::default(), &said, Some(told(&misuse))).await?))
        }
        Err(Error::Store(error)) => Err(error.into()),
        Err(_) => Err(Failure::ours()),
    }
}

/// A line to try a key with. The key is in a file: arguments are seen by everybody on that machine.
fn example(site: &Site, key: &ValetKey) -> String {
    let account = proto::encode::percent(&key.account);
    let (method, path) = match key.rules.first() {
        Some(rule) => {
            let (method, path) = rule.example();
            (method, format!("/api/{account}{path}"))
        }
        None => (Method::GET, format!("/token/{account}")),
    };
    let method = match method {
        Method::GET => String::new(),
        // With `-X` it would wait for a body.
        Method::HEAD => " --head".to_owned(),
        other => format!(" -X {other}"),
    };
    // A path may have an apostrophe.
    let url = format!("{}{path}", site.origin).replace('\'', r"'\''");
    format!("curl{method} -H @key.header '{url}'")
}

async fn draw(site: &Site, visit: &Visit, wanted: Wanted, said: &Said, problem: Option<String>) -> Result<Response, Failure> {
    let people = site.people()?;
    let keys = keys::list(&*people.shelf, Some(visit.person()), site.keyfob.now()).await?;
    let orphans = keys::orphans(site.keyfob.store(), &keys).await?;
    let mut mine = site.accounts_of(people, visit.person()).await?.items;
    mine.sort_by(|one, other| page::natural(&one.seat.shown, &other.seat.shown));
    // Of one account, in the order in which they were made: their numbers mean nothing to a person.
    let key = |key: &ValetKey| format!("{}\n{}\n{}\n{}", key.account, key.created_at.as_unix(), key.name, key.id);
    // A key that has leaked is found by how it begins. Its letters are random: any short word is in one of them.
    let q = wanted.q().to_owned();
    let by_number = |key: &ValetKey| q.starts_with("kfk_") || q == key.id;
    let words = |key: &ValetKey| if by_number(key) { format!("kfk_{}", key.id) } else { format!("{} {}", key.name, key.account) };
    let part = wanted.part("/keys", ["key", "keys"], keys, key, words);
    let status = if problem.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let page = Page {
        frame: Frame::of(visit, site.take_notice(visit).await),
        part: part.map(|key| Row { is_orphan: orphans.contains(&key.id), ..Row::of(&key) }),
        accounts: mine.into_iter().map(|mine| (mine.seat.shown == said.account, mine.seat.shown)).map(|(is, name)| (name, is)).collect(),
        ends: ENDS.map(|(value, label)| (value, label, value == said.ends)).into(),
        said,
        problem,
        form_token: visit.csrf.expose(),
        once: once::number(),
    };
    Ok(page::respond(status, &page, &Forms::Here))
}
