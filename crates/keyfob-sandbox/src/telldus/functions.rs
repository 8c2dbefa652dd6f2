//! The API's functions, by name. Every error here is an application error: 200 with `{"error":…}`.

use serde_json::json;

use super::devices::House;
use super::format::Answer;
use super::methods::{self, BELL, DIM, DOWN, LEARN, STOP, TURN_OFF, TURN_ON, UP};
use super::sensors;
use crate::desk::Desk;
use crate::message::Call;

pub(crate) fn call(house: &mut House, desk: &Desk, function: &str, call: &Call) -> Answer {
    let now = desk.wall();
    house.move_in(now);
    let id = call.param("id").unwrap_or_default();
    let supported = methods::parse(call.param("supportedMethods"));
    let (from, to) = (time(call, "from").unwrap_or(0), time(call, "to").unwrap_or(now));
    let offline = desk.faults().client_offline;
    let mut act = |method, value: Option<&str>| house.act(id, method, value, now, offline);

    match function {
        "clients/list" => House::clients(),
        "client/info" => House::client(id),
        "devices/list" => house.list(supported, flag(call, "includeIgnored")),
        "device/info" => house.info(id, supported),
        "device/history" => house.history(id, from, to),
        "device/turnOn" => act(TURN_ON, None),
        "device/turnOff" => act(TURN_OFF, None),
        "device/dim" => act(DIM, call.param("level")),
        "device/bell" => act(BELL, None),
        "device/up" => act(UP, None),
        "device/down" => act(DOWN, None),
        "device/stop" => act(STOP, None),
        "device/learn" => act(LEARN, None),
        "device/command" => act(methods::parse(call.param("method")), call.param("value")),
        "sensors/list" => sensors::list(now, flag(call, "includeValues"), flag(call, "includeUnit")),
        "sensor/info" => sensors::info(id, now, flag(call, "includeUnit")),
        "sensor/history" => sensors::history(id, from, to, now, flag(call, "includeUnit")),
        "user/profile" => profile(),
        _ => Answer::refusal("response", 1, format!("The function \"{function}\" does not exist")),
    }
}

fn profile() -> Answer {
    Answer::One {
        singular: "user",
        row: vec![
            ("uuid", json!("5a9db0c5-0000-4000-8000-000000007e11")),
            ("firstname", json!("Robin")),
            ("lastname", json!("Demo")),
            ("email", json!("robin@sandbox.invalid")),
            ("credits", json!(0)),
            ("pro", json!(-1)),
            ("locale", json!("en")),
            ("eula", json!(1)),
        ],
    }
}

fn flag(call: &Call, name: &str) -> bool {
    matches!(call.param(name), Some("1" | "true"))
}

fn time(call: &Call, name: &str) -> Option<i64> {
    call.param(name)?.parse().ok()
}
