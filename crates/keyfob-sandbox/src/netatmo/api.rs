//! The API's methods: GET with a query or POST with a form, an envelope around every answer.

use axum::http::Method;
use serde_json::{Value, json};

use super::oauth::Oauth;
use super::{error, home, measure, station};
use crate::desk::Desk;
use crate::message::{Call, Reply};

pub(crate) fn answer(oauth: &Oauth, desk: &Desk, method: &str, call: &Call) -> Reply {
    if call.method != Method::GET && call.method != Method::POST {
        return Reply::method_not_allowed("GET, POST");
    }
    let needed = match method {
        "getstationsdata" | "getmeasure" => "read_station",
        "homesdata" | "homestatus" => "read_thermostat",
        _ => return error(404, 4, "Method not found"),
    };
    let scopes = match oauth.authenticate(desk, call) {
        Ok(scopes) => scopes,
        Err(reply) => return reply,
    };
    // Reading a station's home needs the station's scope alone.
    let enough = |scope: &String| scope == needed || (method.starts_with("home") && scope == "read_station");
    if desk.faults().missing_scope || !scopes.iter().any(enough) {
        return error(403, 13, "Application does not have the good scope rights");
    }
    let now = desk.wall();
    let body = match method {
        "getstationsdata" => station::data(call.param("device_id"), now),
        "getmeasure" => measure::answer(call, now),
        "homesdata" => home::data(call.param("home_id")),
        _ => home::status(call.param("home_id"), now),
    };
    body.map_or_else(|reply| reply, |body| Reply::json(200, &envelope(&body, now)))
}

fn envelope(body: &Value, now: i64) -> Value {
    json!({"status": "ok", "body": body, "time_exec": 0.0142, "time_server": now})
}
