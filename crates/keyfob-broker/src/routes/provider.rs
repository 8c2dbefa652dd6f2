//! `/providers/{provider}`: GET shows what it takes to connect a provider: where to register an app, which redirect URI to enter there, what to
//! copy from there, what to ask for. `POST …/app` keeps the app: only the owner decides what can be connected here.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;
use keyfob_providers::{Field, Provider, Status};

use crate::apps;
use crate::audit::What;
use crate::browser::{Notice, Visit};
use crate::failure::{Failure, sentence, told};
use crate::guard::Posted;
use crate::page::{self, FORM_TOKEN, Forms, Frame};
use crate::people::Role;
use crate::site::{Desk, Site};
use crate::way::Way;

#[derive(Template)]
#[template(path = "provider.html")]
struct Page<'a> {
    frame: Frame,
    provider: &'a Provider,
    about: String,
    monogram: String,
    hue: usize,
    kind_name: &'static str,
    /// When it ended, and what a person should know about that.
    retired: Option<(String, String)>,
    path: String,
    redirect_uri: String,
    /// Keys alone sign: nobody is sent anywhere, and comes back.
    one_legged: bool,
    /// Whether a redirect URI can be registered there.
    redirects: bool,
    /// Whether an account is connected by a code.
    by_code: bool,
    /// The ways beside the usual one.
    instead: &'static [Way],
    /// The client id of the app that is there, cut short.
    app: Option<String>,
    /// Whether this person may keep an app here.
    may_keep: bool,
    fields: Vec<Asked<'a>>,
    problem: Option<String>,
    scopes: Vec<Scope>,
    /// Whether the person can have several accounts there.
    labels: bool,
    form_token: &'a str,
}

impl Page<'_> {
    const FORM_TOKEN: &'static str = FORM_TOKEN;
}

/// A field of the app, and what was said already. A secret is never shown again.
struct Asked<'a> {
    field: &'a Field,
    value: String,
}

/// A scope to ask for.
pub(super) struct Scope {
    pub(super) name: String,
    pub(super) about: String,
    /// Whether it is asked for unless somebody says otherwise.
    pub(super) is_usual: bool,
}

pub(crate) async fn show(
    State(site): State<Arc<Site>>,
    Path(name): Path<String>,
    visit: Option<Extension<Visit>>,
) -> Result<Response, Failure> {
    let is_new = visit.is_none();
    let visit = visit.map_or_else(|| site.browsers.open(site.keyfob.now()), |Extension(visit)| visit);
    site.look_for(&name).await?;
    let provider = site.provider(&name).ok_or_else(|| unknown(&site, &name))?;
    let response = draw(&site, &provider, &visit, Frame::of(&visit, site.take_notice(&visit).await), &[], None);
    Ok(if is_new { super::with_cookie(response, &site, &visit) } else { response })
}

pub(crate) async fn keep(
    State(site): State<Arc<Site>>,
    Path(name): Path<String>,
    Extension(posted): Extension<Posted>,
) -> Result<Response, Failure> {
    site.look_for(&name).await?;
    let provider = site.provider(&name).ok_or_else(|| unknown(&site, &name))?;
    let app = match apps::of_form(&provider, &site.redirect_uri(&name), &posted.fields) {
        Ok(app) => app,
        Err(misuse) => {
            let problem = told(&misuse);
            return Ok(draw(&site, &provider, &posted.visit, Frame::of(&posted.visit, None), &posted.fields, Some(problem)));
        }
    };
    // First the line: whoever's app it is gets everybody's logins from now on.
    site.note(posted.visit.person(), What::AppKept { provider: provider.name.clone() }).await?;
    site.keep_app(&provider, app).await?;
    site.leave(&posted.visit, Notice::good(format!("The app is kept. {} can be connected now.", provider.title))).await;
    Ok(super::see_other(&page::provider_path(&name)))
}

fn draw(site: &Site, provider: &Provider, visit: &Visit, frame: Frame, said: &[(String, String)], problem: Option<String>) -> Response {
    let desk = site.desk(&provider.name);
    let value = |field: &Field| {
        let said = said.iter().find(|(name, _)| *name == field.name && !field.secret);
        said.map(|(_, value)| value.clone()).or_else(|| field.default.clone()).unwrap_or_default()
    };
    let status = if problem.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    // The file says so, or an issuer of itself.
    let by_code_alone = provider.client.redirect.device_only || desk.as_deref().is_some_and(|desk| desk.ways() == [Way::Code]);
    let page = Page {
        frame,
        about: sentence(&provider.about),
        monogram: page::monogram(provider),
        hue: page::hue(provider),
        kind_name: provider.kind.title(),
        retired: match &provider.status {
            Status::Retired { on, note, .. } => Some((on.clone(), sentence(note))),
            _ => None,
        },
        path: page::provider_path(&provider.name),
        redirect_uri: site.redirect_uri(&provider.name),
        one_legged: provider.is_one_legged(),
        redirects: provider.import.is_none() && !provider.is_one_legged() && !by_code_alone,
        by_code: desk.as_deref().is_some_and(|desk| desk.way() == Way::Code),
        instead: desk.as_deref().map_or(&[], |desk| &desk.ways()[1..]),
        app: desk.as_deref().map(|desk| shortened(&desk.app.client_id)),
        may_keep: visit.who.role == Role::Owner,
        fields: apps::asked(provider).map(|field| Asked { field, value: value(field) }).collect(),
        problem,
        scopes: desk.as_deref().map(|desk| scopes(provider, desk)).unwrap_or_default(),
        labels: site.people.is_some(),
        form_token: visit.csrf.expose(),
        provider,
    };
    let desks: Vec<Arc<Desk>> = desk.into_iter().collect();
    page::respond(status, &page, &Forms::AlsoTo(&desks))
}

/// One whose file is broken is not one that nobody heard of.
fn unknown(site: &Site, name: &str) -> Failure {
    if !site.broken.contains_key(name) {
        return Failure::nowhere();
    }
    let text = format!("The file that describes {name} is broken, and nothing is connected by half of it.");
    let hint = "whoever runs this Keyfob sees what is wrong with keyfob provider check, and starts it anew when it is mended";
    Failure::plain(StatusCode::CONFLICT, format!("The provider file of {name} is broken"), text).hint(hint)
}

/// Enough of a client id to tell two apart.
fn shortened(client_id: &str) -> String {
    let shown: String = client_id.chars().take(12).collect();
    if shown.len() < client_id.len() { format!("{shown}…") } else { shown }
}

/// Whether there is something to tick.
pub(super) fn has_scopes(desk: &Desk) -> bool {
    !scopes(&desk.provider, desk).is_empty()
}

/// The same for an account that is there: what it was asked for is what is asked for again.
pub(super) fn scopes_again(provider: &Provider, desk: &Desk, asked: &[String]) -> Vec<Scope> {
    let mut all = scopes(provider, desk);
    if asked.is_empty() || all.is_empty() {
        return all;
    }
    for scope in &mut all {
        scope.is_usual = asked.contains(&scope.name);
    }
    let unknown: Vec<&String> = asked.iter().filter(|name| !all.iter().any(|scope| scope.name == **name)).collect();
    all.extend(unknown.into_iter().map(|name| Scope { name: name.clone(), about: String::new(), is_usual: true }));
    all
}

/// The scopes that are usual here, and those that the provider's file explains.
fn scopes(provider: &Provider, desk: &Desk) -> Vec<Scope> {
    let usual = if desk.scopes.is_empty() { provider.default_scopes() } else { &desk.scopes };
    let explained =
        |name: &str| provider.scopes.iter().find(|(known, _)| known == name).map(|(_, about)| sentence(about)).unwrap_or_default();
    let further = provider.scopes.iter().map(|(name, _)| name).filter(|name| !usual.contains(name));
    let all = usual.iter().map(|name| (name, true)).chain(further.map(|name| (name, false)));
    all.map(|(name, is_usual)| Scope { name: name.clone(), about: explained(name), is_usual }).collect()
}
