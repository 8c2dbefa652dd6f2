//! The resources, by path.

use axum::http::Method;
use serde_json::{Map, Value, json};

use super::error;
use super::locks::{Home, Lock, USER_ID};
use crate::desk::Desk;
use crate::message::{Call, Reply};

pub(crate) fn answer(home: &mut Home, desk: &Desk, call: &Call) -> Reply {
    let now = desk.wall();
    let segments = call.segments();
    let get = call.method == Method::GET;
    match *segments.as_slice() {
        ["users", "me"] if get => Reply::json(200, &me()),
        ["users", "locks", "mine"] if get => {
            // An object keyed by id, not a list.
            let locks = home.locks.iter().map(|lock| (lock.id.to_owned(), lock.summary()));
            Reply::json(200, &Value::Object(locks.collect::<Map<_, _>>()))
        }
        ["users", "houses", "mine"] if get => Reply::json(200, &houses(home)),
        ["users", "doorbells", "mine"] if get => Reply::json(200, &json!({})),
        ["locks", "logs", id, from, to] if get => {
            with_own_lock(home, id, |lock| logs(home, lock, from.parse().unwrap_or(0), to.parse().unwrap_or(i64::MAX)))
        }
        ["locks", id] if get => with_lock(home, id, |lock| Reply::json(200, &lock.detail())),
        ["locks", id, "status"] if get => with_bridge(home, id, |lock| Reply::json(200, &lock.lock_status())),
        ["locks", id, "pins"] if get => with_own_lock(home, id, |lock| Reply::json(200, &lock.pins(now))),
        ["remoteoperate", id, action] if call.method == Method::PUT => operate(home, desk, call, id, action),
        ["houses", id] if get => house(home, id),
        ["houses", id, "activity", limit] if get => activities(home, id, limit, false),
        ["houses", id, "activities"] if get => activities(home, id, call.param("limit").unwrap_or("8"), true),
        _ => error(404, "ResourceNotFound", &format!("{} does not exist", call.path())),
    }
}

fn operate(home: &mut Home, desk: &Desk, call: &Call, id: &str, action: &str) -> Reply {
    let now = desk.wall();
    if !["lock", "unlock", "status"].contains(&action) {
        return error(404, "ResourceNotFound", &format!("{} does not exist", call.path()));
    }
    if let Err(reply) = find_own(home, id).and_then(reachable) {
        return reply;
    }
    if desk.faults().lock_busy {
        return error(460, "LockBusy", "the lock is busy with another operation");
    }
    match call.param("type") {
        Some("sync" | "async") | None => {}
        Some(_) => return error(400, "InvalidArgument", "type must be sync or async"),
    }
    if action != "status" {
        home.operate(id, action == "lock", now);
    }
    // The result of an asynchronous operation comes by webhook, which nobody asked for here.
    if call.param("type") == Some("async") {
        return Reply::empty(202);
    }
    with_lock(home, id, |lock| Reply::json(200, &lock.operated(action, now)))
}

fn me() -> Value {
    json!({
        "UserID": USER_ID, "FirstName": "Robin", "LastName": "Demo", "Email": "robin@sandbox.invalid", "PhoneNo": "+10000000000",
        "emailVerified": true, "phoneVerified": true,
    })
}

fn houses(home: &Home) -> Value {
    let mut houses: Vec<Value> = Vec::new();
    for lock in &home.locks {
        if !houses.iter().any(|house| house["HouseID"] == lock.house_id) {
            let kind = if lock.owner { "superuser" } else { "user" };
            houses.push(json!({"HouseID": lock.house_id, "HouseName": lock.house_name, "type": kind}));
        }
    }
    Value::Array(houses)
}

fn house(home: &Home, id: &str) -> Reply {
    match houses(home).as_array().into_iter().flatten().find(|house| house["HouseID"] == id) {
        Some(house) => Reply::json(200, house),
        None => error(404, "ResourceNotFound", "house not found"),
    }
}

/// The fourth version of the app's API wraps the list.
fn activities(home: &Home, house: &str, limit: &str, wrapped: bool) -> Reply {
    let Ok(limit) = limit.parse() else {
        return error(400, "InvalidArgument", "limit must be a number");
    };
    let found: Vec<_> = home.activities.iter().filter(|entry| entry["house"]["houseID"] == house).take(limit).collect();
    Reply::json(200, &if wrapped { json!({"events": found}) } else { json!(found) })
}

fn logs(home: &Home, lock: &Lock, from_ms: i64, to_ms: i64) -> Reply {
    let within =
        |entry: &&Value| entry["deviceID"] == lock.id && entry["dateTime"].as_i64().is_some_and(|at| (from_ms..=to_ms).contains(&at));
    Reply::json(200, &json!(home.activities.iter().filter(within).collect::<Vec<_>>()))
}

fn with_lock(home: &Home, id: &str, then: impl FnOnce(&Lock) -> Reply) -> Reply {
    find(home, id).map_or_else(|reply| reply, then)
}

fn with_bridge(home: &Home, id: &str, then: impl FnOnce(&Lock) -> Reply) -> Reply {
    find(home, id).and_then(reachable).map_or_else(|reply| reply, then)
}

fn with_own_lock(home: &Home, id: &str, then: impl FnOnce(&Lock) -> Reply) -> Reply {
    find_own(home, id).map_or_else(|reply| reply, then)
}

fn find<'a>(home: &'a Home, id: &str) -> Result<&'a Lock, Reply> {
    let well_formed = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte));
    if !well_formed {
        return Err(error(400, "InvalidArgument", "lockID must be 32 upper-case hexadecimal digits"));
    }
    home.find(id).ok_or_else(|| error(404, "ResourceNotFound", "lock not found"))
}

/// Guests may look, not operate.
fn find_own<'a>(home: &'a Home, id: &str) -> Result<&'a Lock, Reply> {
    let lock = find(home, id)?;
    if lock.owner { Ok(lock) } else { Err(error(403, "Forbidden", "only an owner may do this")) }
}

fn reachable(lock: &Lock) -> Result<&Lock, Reply> {
    if lock.bridge { Ok(lock) } else { Err(error(409, "ConflictError", "no bridge or incompatible bridge type")) }
}
