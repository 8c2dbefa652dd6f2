//! `/settings`: how pages look in this browser.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use http::header::SET_COOKIE;

use crate::browser::Visit;
use crate::failure::Failure;
use crate::guard::Posted;
use crate::page::{self, FORM_TOKEN, Forms, Frame, Look, Theme};
use crate::site::Site;

#[derive(Template)]
#[template(path = "settings.html")]
struct Page<'a> {
    frame: Frame,
    /// Name, label, and whether it is chosen.
    themes: Vec<(&'static str, &'static str, bool)>,
    form_token: &'a str,
}

impl Page<'_> {
    const FORM_TOKEN: &'static str = FORM_TOKEN;
}

pub(crate) async fn show(State(site): State<Arc<Site>>, visit: Option<Extension<Visit>>) -> Result<Response, Failure> {
    let is_new = visit.is_none();
    let visit = visit.map_or_else(|| site.browsers.open(site.keyfob.now()), |Extension(visit)| visit);
    let chosen = Look::now().theme;
    let label = |theme: Theme| match theme {
        Theme::System => "As my system has it",
        Theme::Light => "Light",
        Theme::Dark => "Dark",
    };
    let page = Page {
        frame: Frame::of(&visit, site.take_notice(&visit).await),
        themes: Theme::ALL.map(|theme| (theme.name(), label(theme), theme == chosen)).into(),
        form_token: visit.csrf.expose(),
    };
    let response = page::respond(StatusCode::OK, &page, &Forms::Here);
    Ok(if is_new { super::with_cookie(response, &site, &visit) } else { response })
}

pub(crate) async fn change(State(site): State<Arc<Site>>, Extension(posted): Extension<Posted>) -> Result<Response, Failure> {
    let named = posted.fields.iter().find(|(name, _)| name == "theme").map(|(_, value)| value.as_str());
    let theme = named.and_then(Theme::named).ok_or_else(|| {
        Failure::plain(StatusCode::BAD_REQUEST, "No such look", "Expected system, light or dark, but found something else.")
    })?;
    let mut response = super::see_other("/settings");
    response.headers_mut().append(SET_COOKIE, theme.cookie(site.is_https()));
    Ok(response)
}
