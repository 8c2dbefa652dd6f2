//! The index: what runs where, for people and programs, and the control endpoint.
//!
//! Orders are JSON, by `POST /control/…`. A web page cannot give them: a cross-site form cannot send
//! `application/json`, a cross-site script would need a preflight that is never granted, a rebound name fails the Host
//! check, and peers other than loopback are refused.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::Method;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::acme::SamlAssertion;
use crate::apps::Registration;
use crate::clock::Clock;
use crate::consent::Consent;
use crate::desk::held;
use crate::fault::Faults;
use crate::imitation::Imitation;
use crate::message::{Call, Reply};
use crate::page;
use crate::server::{self, Room};

/// Everything that runs.
pub(crate) struct Index {
    pub(crate) clock: Clock,
    pub(crate) places: Vec<Place>,
    /// Providers that are imitated from their files. The control endpoint steers the services alone.
    pub(crate) imitations: Vec<Imitation>,
    apps: Mutex<Vec<(String, Registration)>>,
}

/// A service and where it is.
pub(crate) struct Place {
    pub(crate) origin: String,
    pub(crate) room: Arc<Room>,
}

impl Index {
    pub(crate) fn new(clock: Clock) -> Self {
        Self { clock, places: Vec::new(), imitations: Vec::new(), apps: Mutex::default() }
    }

    pub(crate) fn add(&mut self, origin: String, room: Arc<Room>) {
        self.places.push(Place { origin, room });
    }

    pub(crate) fn has(&self, service: &str) -> bool {
        self.find(service).is_some()
    }

    /// # Panics
    /// If the service is unknown or was not started.
    pub(crate) fn place(&self, service: &str) -> &Place {
        self.find(service).unwrap_or_else(|| panic!("the sandbox does not run {service}"))
    }

    pub(crate) fn apps(&self) -> MutexGuard<'_, Vec<(String, Registration)>> {
        held(&self.apps)
    }

    pub(crate) fn register(&self, name: &str, app: Registration) {
        if let Some(place) = self.find(&app.service) {
            place.room.desk.register(app.clone());
        }
        let mut apps = self.apps();
        apps.retain(|(known, _)| known != name);
        apps.push((name.to_owned(), app));
    }

    fn find(&self, service: &str) -> Option<&Place> {
        self.places.iter().find(|place| place.room.desk.service == service)
    }
}

/// The index page and the control endpoint.
pub(crate) fn router(index: Arc<Index>) -> Router {
    Router::new().fallback(handle).with_state(index)
}

async fn handle(State(index): State<Arc<Index>>, ConnectInfo(peer): ConnectInfo<SocketAddr>, request: Request) -> Response {
    let reply = match server::read(request).await {
        None => Reply::text(413, "The body is longer than 1 MiB."),
        Some(call) => answer(&index, peer, &call),
    };
    server::write(reply, index.clock.now())
}

fn answer(index: &Index, peer: SocketAddr, call: &Call) -> Reply {
    match (&call.method, call.path()) {
        (&Method::GET, "/") => front(index),
        (&Method::GET, "/providers.json") => Reply::json(200, &providers(index)),
        (&Method::GET, "/healthz") => Reply::text(200, "ok"),
        (_, path) => match path.strip_prefix("/control/") {
            None => Reply::text(404, "There is /, /providers.json, /healthz and /control/…"),
            Some(_) if !peer.ip().is_loopback() => refuse(403, "control answers loopback peers alone"),
            Some(_) if !is_own_host(call) => refuse(421, "control is addressed by loopback address or localhost"),
            Some(order) => control(index, order, call),
        },
    }
}

fn front(index: &Index) -> Reply {
    let apps = index.apps();
    let rows: Vec<_> = apps
        .iter()
        .filter_map(|(name, app)| {
            let mut more: Vec<_> = app.fields.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
            if let Some(ready) = &app.ready {
                more.push(("ready token".into(), ready.token.clone()));
                more.push(("ready token secret".into(), ready.token_secret.clone()));
            }
            Some(page::Row {
                name: name.clone(),
                origin: index.find(&app.service)?.origin.clone(),
                client_id: app.client_id.clone(),
                client_secret: app.client_secret.clone(),
                more,
            })
        })
        .collect();
    let imitated = index.imitations.iter().map(|imitation| {
        let app = imitation.app();
        // Where tokens are imported, this is the page that they are made on.
        let made = imitation.hand_out();
        let hosts = imitation.hosts().into_iter().map(|(host, here)| (format!("{host} is"), here));
        page::Row {
            name: app.service,
            origin: imitation.api(),
            client_id: app.client_id,
            client_secret: app.client_secret,
            more: app.fields.into_iter().chain(made).chain(hosts).collect(),
        }
    });
    let rows: Vec<_> = rows.into_iter().chain(imitated).collect();
    page::index(&rows)
}

fn providers(index: &Index) -> Value {
    let apps = index.apps();
    let entries = apps.iter().filter_map(|(name, app)| {
        let mut entry = serde_json::to_value(app).ok()?;
        let place = index.find(&app.service)?;
        entry["origin"] = json!(place.origin);
        if let Some(door) = place.room.desk.door() {
            entry["secure_origin"] = json!(door.origin);
            entry["authority"] = json!(door.authority.certificate);
        }
        Some((name.clone(), entry))
    });
    let imitated = index.imitations.iter().filter_map(|imitation| {
        let mut entry = serde_json::to_value(imitation.app()).ok()?;
        entry["origin"] = json!(imitation.api());
        // A provider may have several hosts, and each is one here.
        entry["origins"] = json!(imitation.hosts());
        Some((imitation.app().service, entry))
    });
    Value::Object(entries.chain(imitated).collect::<Map<_, _>>())
}

/// A web page reaches us under a name of its own only by DNS rebinding.
fn is_own_host(call: &Call) -> bool {
    let host = call.header("host").unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    ["127.0.0.1", "localhost", "[::1]"].contains(&name)
}

fn control(index: &Index, order: &str, call: &Call) -> Reply {
    if call.method == Method::GET {
        return match order {
            "seen" => seen(index, call),
            "faults" => with_service(index, call.param("service"), |place| {
                let faults = place.room.desk.faults().clone();
                Reply::json(200, &json!(faults))
            }),
            _ => refuse(404, "GET knows seen and faults"),
        };
    }
    if call.method != Method::POST {
        return Reply::method_not_allowed("GET, POST");
    }
    if call.media_type().as_deref() != Some("application/json") {
        return refuse(415, "orders are application/json");
    }
    let result = match order {
        "consent" => parse(call).map(|order| set_consent(index, order)),
        "faults" => parse(call).map(|order| set_faults(index, order)),
        "expire" => parse(call).map(|order: ForService| {
            with_service(index, Some(&order.service), |place| {
                place.room.service.expire_access_tokens(&place.room.desk);
                done()
            })
        }),
        "rotate-keys" => parse(call).map(|order: ForService| {
            with_service(index, Some(&order.service), |place| match place.room.service.rotate_keys() {
                true => done(),
                false => refuse(400, "this service signs nothing"),
            })
        }),
        "advance" => parse(call).map(|order: Advance| {
            index.clock.advance(order.seconds);
            Reply::json(200, &json!({"ok": true, "now": index.clock.now()}))
        }),
        "apps" => parse(call).map(|order| add_app(index, order)),
        "redirect-uris" => parse(call).map(|order| add_redirect_uri(index, &order)),
        "saml-assertion" => parse(call).map(|order| saml_assertion(index, order)),
        "client-certificate" => parse(call).map(|order| client_certificate(index, &order)),
        "clear" => {
            index.places.iter().for_each(|place| place.room.desk.clear_seen());
            Ok(done())
        }
        _ => Ok(refuse(
            404,
            "POST knows consent, faults, expire, rotate-keys, advance, apps, redirect-uris, saml-assertion, client-certificate, clear",
        )),
    };
    result.unwrap_or_else(|reply| reply)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetConsent {
    /// All services if left out.
    service: Option<String>,
    mode: Consent,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetFaults {
    service: String,
    /// Whether all others are healed first.
    #[serde(default)]
    reset: bool,
    #[serde(default)]
    faults: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ForService {
    service: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    seconds: i64,
}

/// `{"as": NAME, "app": {…}}`; the name defaults to the service's.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AddApp {
    #[serde(rename = "as")]
    name: Option<String>,
    app: Registration,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AddRedirectUri {
    app: String,
    redirect_uri: String,
}

/// What is left out is as `acme` wants it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WriteAssertion {
    subject: Option<String>,
    audience: Option<String>,
    recipient: Option<String>,
    lifetime: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ForName {
    name: String,
}

fn set_consent(index: &Index, order: SetConsent) -> Reply {
    match order.service {
        None => {
            index.places.iter().for_each(|place| place.room.desk.set_consent(order.mode));
            done()
        }
        Some(service) => with_service(index, Some(&service), |place| {
            place.room.desk.set_consent(order.mode);
            done()
        }),
    }
}

/// Named faults change, the others stay.
fn set_faults(index: &Index, order: SetFaults) -> Reply {
    with_service(index, Some(&order.service), |place| {
        let mut faults = place.room.desk.faults();
        let base = if order.reset { Faults::default() } else { faults.clone() };
        let mut merged = json!(base);
        if let Some(members) = merged.as_object_mut() {
            members.extend(order.faults.clone());
        }
        match serde_json::from_value::<Faults>(merged) {
            Err(problem) => refuse(400, &problem.to_string()),
            Ok(new) => {
                *faults = new;
                Reply::json(200, &json!(*faults))
            }
        }
    })
}

fn add_app(index: &Index, order: AddApp) -> Reply {
    with_service(index, Some(&order.app.service.clone()), |_| {
        let name = order.name.clone().unwrap_or_else(|| order.app.service.clone());
        index.register(&name, order.app.clone());
        done()
    })
}

fn add_redirect_uri(index: &Index, order: &AddRedirectUri) -> Reply {
    let found = index.apps().iter().find(|(name, _)| *name == order.app).cloned();
    match found {
        None => refuse(404, "no app of this name"),
        Some((name, mut app)) => {
            app.redirect_uris.push(order.redirect_uri.clone());
            index.register(&name, app);
            done()
        }
    }
}

fn saml_assertion(index: &Index, order: WriteAssertion) -> Reply {
    with_service(index, Some("acme"), |place| {
        let usual = SamlAssertion::at(&place.origin);
        let says = SamlAssertion {
            subject: order.subject.clone().unwrap_or(usual.subject),
            audience: order.audience.clone().unwrap_or(usual.audience),
            recipient: order.recipient.clone().unwrap_or(usual.recipient),
            lifetime: order.lifetime.unwrap_or(usual.lifetime),
        };
        Reply::json(200, &json!({"assertion": place.room.service.saml_assertion(&place.room.desk, &says)}))
    })
}

fn client_certificate(index: &Index, order: &ForName) -> Reply {
    with_service(index, Some("acme"), |place| match place.room.desk.door().map(|door| door.authority.client(&order.name)) {
        None => refuse(400, "there is no door with TLS: start the sandbox with one"),
        Some(Err(problem)) => refuse(400, &problem.to_string()),
        Some(Ok(made)) => Reply::json(200, &json!({"certificate": made.certificate, "key": made.key})),
    })
}

fn seen(index: &Index, call: &Call) -> Reply {
    with_service(index, call.param("service"), |place| {
        let entries = place.room.desk.seen().into_iter().map(|seen| {
            let mut entry = json!(seen);
            entry["line"] = json!(seen.line());
            entry
        });
        Reply::json(200, &json!({"seen": entries.collect::<Vec<_>>()}))
    })
}

fn with_service(index: &Index, service: Option<&str>, then: impl FnOnce(&Place) -> Reply) -> Reply {
    match service.and_then(|name| index.find(name)) {
        Some(place) => then(place),
        None => {
            let names: Vec<_> = index.places.iter().map(|place| place.room.desk.service).collect();
            refuse(404, &format!("\"service\" must be one of {}", names.join(", ")))
        }
    }
}

fn parse<T: for<'de> Deserialize<'de>>(call: &Call) -> Result<T, Reply> {
    serde_json::from_slice(&call.body).map_err(|problem| refuse(400, &problem.to_string()))
}

fn done() -> Reply {
    Reply::json(200, &json!({"ok": true}))
}

fn refuse(status: u16, why: &str) -> Reply {
    Reply::json(status, &json!({"error": why}))
}
