//! A form whose answer shows a secret once: reloading that answer sends the form again, and would make a second one that nobody looks for.
//!
//! Each such form has a number of its own, drawn with its page: what was sent with one is done once, and whoever sends it again is told what came of it. It
//! is kept where the API keeps its `Idempotency-Key`s. Of two tabs each has a number; and a form that was changed, after the back button say, is another one.

use axum::response::Response;
use http::StatusCode;
use keyfob::StoreError;
use serde_json::{Value, json};

use crate::api::once::{First, Found};
use crate::failure::Failure;
use crate::guard::Posted;
use crate::site::Site;

/// The name of the field.
pub(crate) const FIELD: &str = "once";

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

/// Makes it, unless this very form has done so.
pub(super) async fn once(
    site: &Site,
    posted: &Posted,
    form: &str,
    makes: &Makes,
    make: impl Future<Output = Result<Came, Failure>>,
) -> Result<Response, Failure> {
    let number = posted.field(FIELD);
    // A program that fills in our forms by itself, or a page of an older version.
    if number.is_empty() {
        return make.await.map(Came::page);
    }
    let (shelf, now, person) = (&*site.people()?.shelf, site.keyfob.now(), posted.visit.person());
    let fields = posted.fields.iter().filter(|(name, _)| name != crate::page::FORM_TOKEN);
    let parts = ["page", form].into_iter().chain(fields.flat_map(|(name, value)| [name.as_str(), value.as_str()]));
    let turn = First::new(person, &parts.collect::<Vec<_>>(), String::new());
    match turn.begin(shelf, now).await? {
        Found::Nothing => {}
        Found::Record(record) => return Err(repeated(makes, record.answer.as_ref())),
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

fn repeated(makes: &Makes, answer: Option<&Value>) -> Failure {
    let Makes { what, list, to_list } = makes;
    let told = |title: String, text: String| Failure::plain(StatusCode::CONFLICT, title, text);
    let member = |name: &str| answer.and_then(|answer| answer[name].as_str()).unwrap_or_default();
    if answer.is_none() {
        return told(format!("{what} is being made"), "The same form was sent twice. Nothing more is made.".to_owned())
            .onward(*to_list, *list);
    }
    let name = member("name");
    let called = if name.is_empty() { String::new() } else { format!(" {name}") };
    told(format!("{what}{called} was made already"), "It was shown once, and is not shown again. Nothing more was made.".to_owned())
        .hint("if you did not keep it, take it back, and make another")
        .onward(*to_list, format!("{list}#n-{}", member("id")))
}
