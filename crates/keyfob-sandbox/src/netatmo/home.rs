//! `homesdata` and `homestatus`: the home around the station.

use serde_json::{Value, json};

use super::error;
use super::station::{self, MODULES, SETUP};
use crate::message::Reply;

pub(crate) const HOME_ID: &str = "5a9db0c50000000000000b01";

pub(crate) fn data(home_id: Option<&str>) -> Result<Value, Reply> {
    if home_id.is_some_and(|id| id != HOME_ID) {
        return Err(error(400, 21, "Invalid home_id"));
    }
    let main = &MODULES[0];
    let modules = MODULES.iter().map(|module| {
        let mut json = json!({"id": module.id, "type": module.kind, "name": module.name, "setup_date": SETUP, "room_id": "1000000001"});
        if module.id == main.id {
            json["modules_bridged"] = MODULES[1..].iter().map(|module| module.id).collect();
        } else {
            json["bridge"] = json!(main.id);
        }
        json
    });
    Ok(json!({
        "homes": [{
            "id": HOME_ID, "name": "Demo Home", "altitude": 28, "coordinates": [11.97, 57.71], "country": "SE",
            "timezone": "Europe/Stockholm",
            "rooms": [{"id": "1000000001", "name": "Living room", "type": "livingroom", "module_ids": MODULES.map(|module| module.id)}],
            "modules": modules.collect::<Vec<_>>(),
            "schedules": [],
        }],
        "user": station::user(),
    }))
}

/// What cannot be reached is told in `errors`, at status 200.
pub(crate) fn status(home_id: Option<&str>, now: i64) -> Result<Value, Reply> {
    match home_id {
        None => return Err(error(400, 10, "Missing home_id")),
        Some(id) if id != HOME_ID => return Err(error(400, 21, "Invalid home_id")),
        Some(_) => {}
    }
    let seen = now.div_euclid(station::STEP) * station::STEP;
    let modules = MODULES.iter().filter(|module| module.reachable).map(|module| {
        let mut json = json!({"id": module.id, "type": module.kind, "firmware_revision": 204, "ts": seen, "reachable": true});
        for quantity in module.quantities {
            json[quantity.name().to_lowercase()] = quantity.json_at(seen);
        }
        json
    });
    let errors = MODULES.iter().filter(|module| !module.reachable).map(|module| json!({"code": 6, "id": module.id}));
    Ok(json!({
        "home": {"id": HOME_ID, "modules": modules.collect::<Vec<_>>(), "rooms": [{"id": "1000000001", "reachable": true}]},
        "errors": errors.collect::<Vec<_>>(),
    }))
}
