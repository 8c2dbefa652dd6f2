//! The weather station and its modules.

use serde_json::{Map, Value, json};

use super::error;
use crate::message::Reply;
use crate::weather::{self, round1};

pub(crate) const USER_ID: &str = "5a9db0c50000000000000a01";

/// The station was set up on 2019-06-01; it has measured every five minutes since.
pub(crate) const SETUP: i64 = 1_559_347_200;
pub(crate) const STEP: i64 = 300;

pub(crate) struct Module {
    pub(crate) id: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) name: &'static str,
    pub(crate) quantities: &'static [Quantity],
    battery: u32,
    pub(crate) reachable: bool,
}

/// What a module measures, under the name that requests use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quantity {
    Temperature,
    OutdoorTemperature,
    Co2,
    Humidity,
    OutdoorHumidity,
    Pressure,
    Noise,
    Rain,
    WindStrength,
    WindAngle,
    GustStrength,
    GustAngle,
}

use Quantity::{
    Co2, GustAngle, GustStrength, Humidity, Noise, OutdoorHumidity, OutdoorTemperature, Pressure, Rain, Temperature, WindAngle,
    WindStrength,
};

/// The station itself comes first: it is a module of its own.
pub(crate) const MODULES: [Module; 5] = [
    Module {
        id: "70:ee:50:5a:9d:b0",
        kind: "NAMain",
        name: "Living room",
        quantities: &[Temperature, Co2, Humidity, Noise, Pressure],
        battery: 100,
        reachable: true,
    },
    Module {
        id: "02:00:00:5a:9d:b0",
        kind: "NAModule1",
        name: "Balcony",
        quantities: &[OutdoorTemperature, OutdoorHumidity],
        battery: 71,
        reachable: true,
    },
    Module {
        id: "06:00:00:5a:9d:b0",
        kind: "NAModule2",
        name: "Roof",
        quantities: &[WindStrength, WindAngle, GustStrength, GustAngle],
        battery: 88,
        reachable: true,
    },
    Module { id: "05:00:00:5a:9d:b0", kind: "NAModule3", name: "Rain gauge", quantities: &[Rain], battery: 45, reachable: true },
    Module {
        id: "03:00:00:5a:9d:b0",
        kind: "NAModule4",
        name: "Cellar",
        quantities: &[Temperature, Co2, Humidity],
        battery: 4,
        reachable: false,
    },
];

impl Quantity {
    /// The name in `data_type` and dashboards.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Temperature | OutdoorTemperature => "Temperature",
            Co2 => "CO2",
            Humidity | OutdoorHumidity => "Humidity",
            Pressure => "Pressure",
            Noise => "Noise",
            Rain => "Rain",
            WindStrength => "WindStrength",
            WindAngle => "WindAngle",
            GustStrength => "GustStrength",
            GustAngle => "GustAngle",
        }
    }

    /// The value at a time; whole numbers where the station has no decimals.
    pub(crate) fn at(self, unix: i64) -> f64 {
        match self {
            Temperature => round1(weather::indoor_temperature(unix)),
            OutdoorTemperature => round1(weather::outdoor_temperature(unix)),
            Co2 => weather::co2(unix).round(),
            Humidity => weather::indoor_humidity(unix).round(),
            OutdoorHumidity => weather::outdoor_humidity(unix).round(),
            Pressure => round1(weather::pressure(unix)),
            Noise => weather::sound(unix).round(),
            Rain => round1(weather::rain(unix)),
            WindStrength => weather::wind(unix).round(),
            GustStrength => weather::gust(unix).round(),
            WindAngle | GustAngle => weather::wind_angle(unix).round(),
        }
    }

    pub(crate) fn json_at(self, unix: i64) -> Value {
        number(self.at(unix))
    }
}

/// `21`, not `21.0`.
pub(crate) fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 1e15 { json!(value as i64) } else { json!(value) }
}

/// The body of `getstationsdata`.
pub(crate) fn data(device_id: Option<&str>, now: i64) -> Result<Value, Reply> {
    let main = &MODULES[0];
    if device_id.is_some_and(|id| !id.eq_ignore_ascii_case(main.id)) {
        return Err(error(404, 9, "Device not found"));
    }
    let measured = now.div_euclid(STEP) * STEP;
    let modules: Vec<_> = MODULES[1..].iter().map(|module| module_json(module, measured)).collect();
    Ok(json!({
        "devices": [{
            "_id": main.id, "station_name": "Demo Home (Living room)", "home_id": super::home::HOME_ID, "home_name": "Demo Home",
            "type": main.kind, "module_name": main.name, "firmware": 204, "wifi_status": 53, "reachable": true,
            "co2_calibrating": false, "date_setup": SETUP, "last_setup": SETUP, "last_status_store": measured, "last_upgrade": SETUP,
            "data_type": data_type(main),
            "place": {"altitude": 28, "city": "Gothenburg", "country": "SE", "timezone": "Europe/Stockholm", "location": [11.97, 57.71]},
            "dashboard_data": dashboard(main, measured),
            "modules": modules,
        }],
        "user": user(),
    }))
}

pub(crate) fn user() -> Value {
    json!({"mail": "robin@sandbox.invalid", "administrative": {"lang": "en", "reg_locale": "en-SE", "country": "SE", "unit": 0, "windunit": 0,
        "pressureunit": 0, "feel_like_algo": 0}})
}

fn module_json(module: &Module, measured: i64) -> Value {
    let heard = if module.reachable { measured } else { measured - 3 * 86_400 };
    let mut json = json!({
        "_id": module.id, "type": module.kind, "module_name": module.name, "last_setup": SETUP, "data_type": data_type(module),
        "battery_percent": module.battery, "battery_vp": 3600 + 24 * module.battery, "rf_status": 68, "firmware": 53,
        "last_message": heard, "last_seen": heard, "reachable": module.reachable,
    });
    // What cannot be reached has no dashboard.
    if module.reachable {
        json["dashboard_data"] = dashboard(module, measured);
    }
    json
}

fn data_type(module: &Module) -> Value {
    match module.kind {
        "NAModule2" => json!(["Wind"]),
        _ => module.quantities.iter().map(|quantity| quantity.name()).collect(),
    }
}

fn dashboard(module: &Module, measured: i64) -> Value {
    let mut board = Map::from_iter([("time_utc".to_owned(), json!(measured))]);
    let midnight = measured.div_euclid(86_400) * 86_400;
    for quantity in module.quantities {
        board.insert(quantity.name().into(), quantity.json_at(measured));
        match quantity {
            Temperature | OutdoorTemperature => {
                let today = (midnight..=measured).step_by(1800);
                let by_value = |a: &i64, b: &i64| quantity.at(*a).total_cmp(&quantity.at(*b));
                let (low, high) = (today.clone().min_by(by_value).unwrap_or(midnight), today.max_by(by_value).unwrap_or(midnight));
                board.extend([
                    ("min_temp".to_owned(), quantity.json_at(low)),
                    ("max_temp".to_owned(), quantity.json_at(high)),
                    ("date_min_temp".to_owned(), json!(low)),
                    ("date_max_temp".to_owned(), json!(high)),
                    ("temp_trend".to_owned(), trend(*quantity, measured)),
                ]);
            }
            Pressure => {
                board.insert("AbsolutePressure".into(), number(round1(quantity.at(measured) - 3.3)));
                board.insert("pressure_trend".into(), trend(*quantity, measured));
            }
            GustStrength => {
                let strongest = (midnight..=measured).step_by(1800).max_by(|a, b| quantity.at(*a).total_cmp(&quantity.at(*b)));
                let strongest = strongest.unwrap_or(midnight);
                board.insert("max_wind_str".into(), quantity.json_at(strongest));
                board.insert("max_wind_angle".into(), WindAngle.json_at(strongest));
                board.insert("date_max_wind_str".into(), json!(strongest));
            }
            Rain => {
                let sum = |seconds: i64| {
                    let mm: f64 = (0..seconds / 3600).map(|hour| quantity.at(measured - hour * 3600)).sum();
                    number(round1(mm))
                };
                board.insert("sum_rain_1".into(), sum(3600));
                board.insert("sum_rain_24".into(), sum(86_400));
            }
            _ => {}
        }
    }
    Value::Object(board)
}

fn trend(quantity: Quantity, now: i64) -> Value {
    let change = quantity.at(now) - quantity.at(now - 3600);
    json!(if change > 0.3 {
        "up"
    } else if change < -0.3 {
        "down"
    } else {
        "stable"
    })
}
