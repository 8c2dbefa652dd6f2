//! The house: two clients, six devices, and what they remember.

use serde_json::{Value, json};

use super::format::{Answer, Row};
use super::methods::{self, BELL, DIM, DOWN, STOP, TURN_OFF, TURN_ON, UP};

pub(crate) struct House {
    devices: Vec<Device>,
    /// Whether its devices remember what they did before anybody looked.
    is_lived_in: bool,
}

pub(crate) struct Client {
    pub(crate) id: &'static str,
    pub(crate) uuid: &'static str,
    pub(crate) name: &'static str,
    pub(crate) online: bool,
    kind: &'static str,
}

pub(crate) const CLIENTS: [Client; 2] = [
    Client { id: "10000", uuid: "x5a9db0c51000", name: "home", online: true, kind: "TellStick ZNet Lite" },
    Client { id: "10001", uuid: "x5a9db0c51001", name: "cabin", online: false, kind: "TellStick Net" },
];

struct Device {
    id: &'static str,
    client_device_id: &'static str,
    name: &'static str,
    methods: u32,
    client: &'static str,
    /// Set for a group: the devices it acts on.
    members: Option<&'static str>,
    ignored: bool,
    state: u32,
    value: Option<String>,
    history: Vec<Value>,
}

impl Default for House {
    fn default() -> Self {
        let device = |id, client_device_id, name, methods, state| Device {
            id,
            client_device_id,
            name,
            methods,
            client: "10000",
            members: None,
            ignored: false,
            state,
            value: None,
            history: Vec::new(),
        };
        let lamp = Device { value: Some("0".into()), ..device("240001", "7", "Living room lamp", TURN_ON | TURN_OFF | DIM, TURN_OFF) };
        let group = Device { members: Some("240001,240002"), ..device("240000", "14", "Everything", TURN_ON | TURN_OFF, TURN_OFF) };
        let heater = Device { client: "10001", ..device("250001", "1", "Cabin heater", TURN_ON | TURN_OFF, TURN_OFF) };
        let old = Device { ignored: true, ..device("240009", "3", "Christmas tree", TURN_ON | TURN_OFF, TURN_OFF) };
        Self {
            is_lived_in: false,
            devices: vec![
                group,
                lamp,
                device("240002", "8", "Kitchen ceiling", TURN_ON | TURN_OFF, TURN_ON),
                device("240003", "9", "Bedroom blinds", UP | DOWN | STOP, UP),
                device("240004", "10", "Doorbell", BELL, BELL),
                heater,
                old,
            ],
        }
    }
}

/// What devices did before anybody looked: hours before now, method, and the value of dimming. Each ends as it is found.
const BEFORE: [(&str, &[Before]); 4] = [
    ("240001", &[(46, TURN_ON, 0), (41, TURN_OFF, 0), (22, DIM, 128), (20, DIM, 51), (17, TURN_OFF, 0)]),
    ("240002", &[(47, TURN_ON, 0), (40, TURN_OFF, 0), (23, TURN_ON, 0), (16, TURN_OFF, 0), (2, TURN_ON, 0)]),
    ("240003", &[(39, UP, 0), (29, DOWN, 0), (15, UP, 0)]),
    ("250001", &[(60, TURN_ON, 0), (36, TURN_OFF, 0)]),
];

type Before = (i64, u32, u32);

impl House {
    /// Somebody lives here: there is a history to be shown before anything was switched by a program.
    pub(crate) fn move_in(&mut self, now: i64) {
        if std::mem::replace(&mut self.is_lived_in, true) {
            return;
        }
        for (id, acts) in BEFORE {
            let Some(device) = self.devices.iter_mut().find(|device| device.id == id) else { continue };
            device.history.extend(acts.iter().map(|(hours, state, value)| entry(now - hours * 3600, *state, *value, "Scheduler")));
        }
    }

    pub(crate) fn clients() -> Answer {
        Answer::List { plural: "clients", singular: "client", rows: CLIENTS.iter().map(Client::row).collect() }
    }

    pub(crate) fn client(id: &str) -> Answer {
        match CLIENTS.iter().find(|client| client.id == id) {
            Some(client) => Answer::One { singular: "client", row: client.row() },
            None => Answer::refusal("client", 1, format!("Client \"{id}\" not found!")),
        }
    }

    pub(crate) fn list(&self, supported: u32, include_ignored: bool) -> Answer {
        let devices = self.devices.iter().filter(|device| include_ignored || !device.ignored);
        Answer::List { plural: "devices", singular: "device", rows: devices.map(|device| device.row(supported)).collect() }
    }

    pub(crate) fn info(&self, id: &str, supported: u32) -> Answer {
        match self.find(id) {
            None => not_found(id),
            Some(device) => Answer::One { singular: "device", row: device.row(supported) },
        }
    }

    pub(crate) fn history(&self, id: &str, from: i64, to: i64) -> Answer {
        let Some(device) = self.find(id) else { return not_found(id) };
        let within = |entry: &&Value| entry["ts"].as_i64().is_some_and(|ts| (from..=to).contains(&ts));
        let rows = device.history.iter().filter(within).map(|entry| {
            let member = |name: &'static str| (name, entry[name].clone());
            ["ts", "state", "stateValue", "origin", "successStatus"].map(member).into()
        });
        Answer::List { plural: "history", singular: "history", rows: rows.collect() }
    }

    /// Does one method, to a group's members too.
    pub(crate) fn act(&mut self, id: &str, method: u32, value: Option<&str>, now: i64, all_offline: bool) -> Answer {
        let Some(device) = self.find(id) else { return not_found(id) };
        if all_offline || !device.online() {
            return Answer::refusal("device", 3, "The client for this device is currently offline");
        }
        if device.methods & method == 0 {
            return Answer::refusal("device", 7, "The method is not supported by this device");
        }
        if method == DIM && value.is_none_or(|level| level.parse::<u8>().is_err()) {
            return Answer::refusal("device", 6, "The level must be a number from 0 to 255");
        }
        let targets: Vec<&str> = device.members.into_iter().flat_map(|csv| csv.split(',')).chain([device.id]).collect();
        for device in self.devices.iter_mut().filter(|device| targets.contains(&device.id)) {
            device.become_(method, value, now);
        }
        Answer::Success { root: "device" }
    }

    fn find(&self, id: &str) -> Option<&Device> {
        self.devices.iter().find(|device| device.id == id)
    }
}

impl Client {
    fn row(&self) -> Row {
        vec![
            ("id", json!(self.id)),
            ("uuid", json!(self.uuid)),
            ("name", json!(self.name)),
            ("online", json!(if self.online { "1" } else { "0" })),
            ("editable", json!(1)),
            ("extensions", json!(1)),
            ("version", json!("1.3.2")),
            ("type", json!(self.kind)),
            ("ip", json!("127.0.0.1")),
        ]
    }
}

impl Device {
    fn online(&self) -> bool {
        CLIENTS.iter().any(|client| client.id == self.client && client.online)
    }

    fn row(&self, supported: u32) -> Row {
        let client_name = CLIENTS.iter().find(|client| client.id == self.client).map_or("", |client| client.name);
        let mut row = vec![
            ("id", json!(self.id)),
            ("clientDeviceId", json!(self.client_device_id)),
            ("name", json!(self.name)),
            ("state", json!(self.state)),
            ("statevalue", json!(self.value)),
            ("methods", json!(self.methods & supported)),
            ("type", json!(if self.members.is_some() { "group" } else { "device" })),
            ("client", json!(self.client)),
            ("clientName", json!(client_name)),
            ("online", json!(if self.online() { "1" } else { "0" })),
            ("editable", json!(1)),
            ("ignored", json!(u8::from(self.ignored))),
        ];
        if let Some(members) = self.members {
            row.push(("devices", json!(members)));
        }
        row
    }

    /// The state is the last method; only dimming has a value. Dimming to nothing is off, as the hardware reports it.
    fn become_(&mut self, method: u32, value: Option<&str>, now: i64) {
        const REMEMBERED: usize = 1000;
        if method != methods::BELL || self.methods & method != 0 {
            self.state = if method == DIM && value == Some("0") { TURN_OFF } else { method };
        }
        if self.methods & DIM != 0 {
            self.value = Some(if method == DIM { value.unwrap_or("0") } else { "0" }.to_owned());
        }
        if self.history.len() >= REMEMBERED {
            self.history.remove(0);
        }
        let state_value = self.value.clone().unwrap_or_default().parse::<u32>().unwrap_or(0);
        self.history.push(entry(now, self.state, state_value, "API"));
    }
}

fn entry(at: i64, state: u32, value: u32, origin: &str) -> Value {
    json!({ "ts": at, "state": state, "stateValue": value, "origin": origin, "successStatus": 0 })
}

fn not_found(id: &str) -> Answer {
    Answer::refusal("device", 1, format!("Device \"{id}\" not found!"))
}
