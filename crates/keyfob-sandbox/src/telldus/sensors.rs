//! Sensors, whose values are functions of time.

use serde_json::{Value, json};

use super::format::{Answer, Row};
use crate::weather;

struct Sensor {
    id: &'static str,
    sensor_id: &'static str,
    name: &'static str,
    client: &'static str,
    client_name: &'static str,
    online: bool,
    protocol: &'static str,
    model: &'static str,
    /// 253 is "ok", 254 "unknown", 255 "low", anything else a percentage.
    battery: u32,
    keeps_history: bool,
    quantities: &'static [Quantity],
}

struct Quantity {
    name: &'static str,
    unit: &'static str,
    scale: &'static str,
    read: fn(i64) -> f64,
}

const TEMPERATURE: Quantity = Quantity { name: "temp", unit: "°C", scale: "0", read: weather::outdoor_temperature };
const HUMIDITY: Quantity = Quantity { name: "humidity", unit: "%", scale: "0", read: whole_humidity };

const SENSORS: [Sensor; 4] = [
    Sensor {
        id: "2813567",
        sensor_id: "12",
        name: "Balcony",
        client: "10000",
        client_name: "home",
        online: true,
        protocol: "fineoffset",
        model: "temperaturehumidity",
        battery: 254,
        keeps_history: true,
        quantities: &[TEMPERATURE, HUMIDITY],
    },
    Sensor {
        id: "2813568",
        sensor_id: "13",
        name: "Roof wind",
        client: "10000",
        client_name: "home",
        online: true,
        protocol: "oregon",
        model: "wind",
        battery: 253,
        keeps_history: false,
        quantities: &[
            Quantity { name: "wavg", unit: "m/s", scale: "0", read: average_wind },
            Quantity { name: "wgust", unit: "m/s", scale: "0", read: gusts },
            Quantity { name: "wdir", unit: "°", scale: "0", read: weather::wind_angle },
        ],
    },
    Sensor {
        id: "2813569",
        sensor_id: "14",
        name: "Rain gauge",
        client: "10000",
        client_name: "home",
        online: true,
        protocol: "oregon",
        model: "rain",
        battery: 88,
        keeps_history: false,
        quantities: &[Quantity { name: "rrate", unit: "mm/h", scale: "0", read: weather::rain }],
    },
    Sensor {
        id: "2913001",
        sensor_id: "1",
        name: "Cabin",
        client: "10001",
        client_name: "cabin",
        online: false,
        protocol: "mandolyn",
        model: "temperature",
        battery: 255,
        keeps_history: false,
        quantities: &[TEMPERATURE],
    },
];

/// Sensors report every ten minutes.
const PERIOD: i64 = 600;
/// Points in one answer.
const POINTS: usize = 1000;

pub(crate) fn list(now: i64, values: bool, unit: bool) -> Answer {
    Answer::List { plural: "sensors", singular: "sensor", rows: SENSORS.iter().map(|sensor| sensor.listed(now, values, unit)).collect() }
}

pub(crate) fn info(id: &str, now: i64, unit: bool) -> Answer {
    match find(id) {
        None => not_found(id),
        Some(sensor) => Answer::One { singular: "sensor", row: sensor.detail(now, unit) },
    }
}

pub(crate) fn history(id: &str, from: i64, to: i64, now: i64, unit: bool) -> Answer {
    let Some(sensor) = find(id) else { return not_found(id) };
    let to = to.min(now);
    let from = from.max(to - PERIOD * POINTS as i64);
    let mut points = Vec::new();
    if sensor.keeps_history {
        let mut at = from.div_euclid(PERIOD) * PERIOD;
        while at <= to && points.len() < POINTS {
            if at >= from {
                points.push(json!({"ts": at, "data": sensor.numbers(at, unit)}));
            }
            at += PERIOD;
        }
    }
    Answer::One { singular: "sensor", row: vec![("id", json!(sensor.id)), ("name", json!(sensor.name)), ("history", Value::Array(points))] }
}

impl Sensor {
    fn listed(&self, now: i64, values: bool, unit: bool) -> Row {
        let mut row = vec![
            ("id", json!(self.id)),
            ("name", json!(self.name)),
            ("lastUpdated", json!(self.last_updated(now))),
            ("ignored", json!(0)),
            ("client", json!(self.client)),
            ("clientName", json!(self.client_name)),
            ("online", json!(if self.online { "1" } else { "0" })),
            ("editable", json!(1)),
            ("battery", json!(self.battery)),
            ("keepHistory", json!(u8::from(self.keeps_history))),
            ("protocol", json!(self.protocol)),
            ("model", json!(self.model)),
            ("sensorId", json!(self.sensor_id)),
            ("miscValues", json!("{}")),
        ];
        if values {
            row.extend(self.quantities.iter().map(|quantity| (quantity.name, json!(self.text(quantity, now)))));
            if unit {
                row.push(("data", self.data(now, true)));
            }
        }
        row
    }

    fn detail(&self, now: i64, unit: bool) -> Row {
        vec![
            ("id", json!(self.id)),
            ("clientName", json!(self.client_name)),
            ("name", json!(self.name)),
            ("lastUpdated", json!(self.last_updated(now))),
            ("ignored", json!(0)),
            ("editable", json!(1)),
            ("data", self.data(now, unit)),
            ("protocol", json!(self.protocol)),
            ("sensorId", json!(self.sensor_id)),
            ("timezoneoffset", json!(3600)),
            // A number in the list, a string here: the service's own habit.
            ("battery", json!(self.battery.to_string())),
            ("keepHistory", json!(u8::from(self.keeps_history).to_string())),
        ]
    }

    fn data(&self, now: i64, unit: bool) -> Value {
        let one = |quantity: &Quantity| {
            let mut entry = json!({"name": quantity.name, "value": self.text(quantity, now), "scale": quantity.scale});
            if unit {
                entry["unit"] = json!(quantity.unit);
            }
            entry
        };
        self.quantities.iter().map(one).collect()
    }

    fn numbers(&self, at: i64, unit: bool) -> Value {
        let one = |quantity: &Quantity| {
            let value = weather::round1((quantity.read)(at));
            let mut entry = json!({"name": quantity.name, "value": value, "scale": quantity.scale});
            if unit {
                entry["unit"] = json!(quantity.unit);
            }
            entry
        };
        self.quantities.iter().map(one).collect()
    }

    fn text(&self, quantity: &Quantity, now: i64) -> String {
        let value = weather::round1((quantity.read)(self.last_updated(now)));
        value.to_string()
    }

    /// What is offline was heard of yesterday.
    fn last_updated(&self, now: i64) -> i64 {
        let at = if self.online { now } else { now - 86_400 };
        at.div_euclid(PERIOD) * PERIOD
    }
}

fn find(id: &str) -> Option<&'static Sensor> {
    SENSORS.iter().find(|sensor| sensor.id == id)
}

fn not_found(id: &str) -> Answer {
    Answer::refusal("sensor", 1, format!("Sensor \"{id}\" not found!"))
}

fn whole_humidity(unix: i64) -> f64 {
    weather::outdoor_humidity(unix).round()
}

fn average_wind(unix: i64) -> f64 {
    weather::wind(unix) / 3.6
}

fn gusts(unix: i64) -> f64 {
    weather::gust(unix) / 3.6
}
