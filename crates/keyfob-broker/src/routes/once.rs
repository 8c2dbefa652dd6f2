//! A form whose answer shows a secret once: reloading that answer sends the form again, and would make a second one that nobody looks for.
//!
//! Each such form has a number of its own, drawn with its page: what was sent with one is done once, and whoever sends it again is told what came of it. It
//! is kept where the API keeps its `Idempotency-Key`s. Of two tabs each has a number; and a form that was changed, after the back button say, is another one.
//!
//! A double click sends a form twice, too, and a browser shows the last answer: the secret was in the one that nobody saw. So the second answer offers to
//! make another in its place, which takes back the one that was not seen.

use std::time::Duration;

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use keyfob::StoreError;
use serde_json::{Value, json};

use crate::api::once::{First, Found, Record};
use crate::failure::Failure;
use crate::guard::Posted;
use crate::page::{self, FORM_TOKEN, Forms, Frame};
use crate::site::Site;

/// The name of the field.
pub(crate) const FIELD: &str = "once";

/// What is to be taken back before another is made: a field of the form that the second answer has.
const INSTEAD: &str = "instead";

/// The second click of a double click waits for what the first one comes to: so often is looked, with this pause.
const LOOKS: usize = 100;
const PAUSE: Duration = Duration::from_millis(50);

/// A number for a form.
pub(super) fn number() -> String {
    keyfob::random_hex()
}

/// What a form makes, for whoever sends it again.
pub(super) struct Makes {
    /// What it is, with its article, as a sentence begins with it.
    pub(super) what: &'static str,
    /// The page that lists it.
    pub(super) list: &'static str,
    /// Whether it is found there by its number: a long list is not whole.
    pub(super) is_searched: bool,
    pub(super) to_list: &'static str,
}

/// What was made.
pub(super) struct Made {
    /// Its public number: what its place on the page is called.
    pub(super) id: String,
    pub(super) name: String,
    /// The page that shows it, this once.
    pub(super) page: Response,
}

/// What became of a form.
pub(super) enum Came {
    Made(Made),
    /// It is not as it should be, which this page says. The same form may come again.
    Not(Response),
}

impl Came {
    fn page(self) -> Response {
        match self {
            Self::Made(Made { page, .. }) | Self::Not(page) => page,
        }
    }
}

/// What was made already, and perhaps not seen.
#[derive(Template)]
#[template(path = "again.html")]
struct Again<'a> {
    frame: Frame,
    title: String,
    makes: &'a Makes,
    /// Its public number; `None`: it is still being made.
    made: Option<&'a str>,
    /// Where the form is sent to.
    address: &'a str,
    fields: Vec<(&'a str, &'a str)>,
    form_token: &'a str,
    /// What makes that form another one; the same where nothing was made yet.
    once: String,
}

impl Again<'_> {
    const FORM_TOKEN: &'static str = FORM_TOKEN;
    const ONCE: &'static str = FIELD;
    const INSTEAD: &'static str = INSTEAD;
}

/// Makes it, unless this very form has done so. `take_back`: what a form before this one made, and nobody has seen.
pub(super) async fn once<T: Future<Output = Result<(), Failure>>>(
    site: &Site,
    posted: &Posted,
    address: &str,
    makes: &Makes,
    take_back: impl FnOnce(String) -> T,
    make: impl Future<Output = Result<Came, Failure>>,
) -> Result<Response, Failure> {
    let make = async {
        match posted.field(INSTEAD) {
            "" => {}
            unseen => take_back(unseen.to_owned()).await?,
        }
        make.await
    };
    let number = posted.field(FIELD);
    // A program that fills in our forms by itself, or a page of an older version.
    if number.is_empty() {
        return make.await.map(Came::page);
    }
    let (shelf, now, person) = (&*site.people()?.shelf, site.keyfob.now(), posted.visit.person());
    let fields = posted.fields.iter().filter(|(name, _)| name != FORM_TOKEN);
    let parts = ["page", address].into_iter().chain(fields.flat_map(|(name, value)| [name.as_str(), value.as_str()]));
    let turn = First::new(person, &parts.collect::<Vec<_>>(), String::new());
    match begin(&turn, site).await? {
        Found::Nothing => {}
        Found::Record(record) => return Ok(again(posted, address, makes, record.answer.as_ref())),
        Found::Broken => return Err(StoreError::Corrupt("what a form has made cannot be read".to_owned()).into()),
    }
    match make.await {
        Ok(Came::Made(Made { id, name, page })) => {
            turn.done(shelf, &json!({"id": id, "name": name}), None, now).await;
            Ok(page)
        }
        not_made => {
            turn.failed(shelf).await;
            not_made.map(Came::page)
        }
    }
}

/// Begins, unless it was begun before: then with what came of it, if that does not take too long.
async fn begin(turn: &First, site: &Site) -> Result<Found, Failure> {
    let shelf = &*site.people()?.shelf;
    for _ in 0..LOOKS {
        match turn.begin(shelf, site.keyfob.now()).await? {
            Found::Record(Record { answer: None, .. }) => tokio::time::sleep(PAUSE).await,
            found => return Ok(found),
        }
    }
    Ok(turn.begin(shelf, site.keyfob.now()).await?)
}

fn again(posted: &Posted, address: &str, makes: &Makes, answer: Option<&Value>) -> Response {
    let member = |name: &str| answer.and_then(|answer| answer[name].as_str());
    let what = makes.what;
    let title = match member("name") {
        _ if answer.is_none() => format!("{what} is being made"),
        None | Some("") => format!("{what} was made already"),
        Some(name) => format!("{what} {name} was made already"),
    };
    let own = [FORM_TOKEN, FIELD, INSTEAD];
    let said = posted.fields.iter().filter(|(name, _)| !own.contains(&name.as_str()));
    // Still the same form until something came of it.
    let (once, instead) = match answer {
        Some(_) => (number(), None),
        None => (posted.field(FIELD).to_owned(), posted.fields.iter().find(|(name, _)| name == INSTEAD)),
    };
    let page = Again {
        frame: Frame::of(&posted.visit, None),
        title,
        makes,
        made: answer.map(|_| member("id").unwrap_or_default()),
        address,
        fields: said.chain(instead).map(|(name, value)| (name.as_str(), value.as_str())).collect(),
        form_token: posted.visit.csrf.expose(),
        once,
    };
    page::respond(StatusCode::CONFLICT, &page, &Forms::Here)
}
