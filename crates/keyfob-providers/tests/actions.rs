//! Each action of the embedded files: the request it makes, and the table it makes of an answer of the documented shape.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use keyfob_proto::Timestamp;
use keyfob_providers::{Action, ActionRequest, Catalogue, Cell, Link, Table, View};
use serde_json::{Value, json};

fn action(provider: &str, name: &str) -> Action {
    static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(Catalogue::embedded);
    CATALOGUE.get(provider).expect("embedded").action(name).expect("there").clone()
}

fn arguments(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn request(provider: &str, name: &str, pairs: &[(&str, &str)]) -> ActionRequest {
    action(provider, name).request(&arguments(pairs), &BTreeMap::new()).expect("a request")
}

/// `METHOD target` and the body.
fn line(provider: &str, name: &str, pairs: &[(&str, &str)]) -> (String, Option<(&'static str, String)>) {
    let request = request(provider, name, pairs);
    let body = request.body.map(|(kind, bytes)| (kind, String::from_utf8(bytes).expect("text")));
    (format!("{} {}", request.method, request.target), body)
}

fn table(provider: &str, name: &str, pairs: &[(&str, &str)], answer: &Value) -> Table {
    action(provider, name).table(&arguments(pairs), answer).expect("a table")
}

/// The cells as text, a row a line; empty cells are `-`.
fn text(table: &Table) -> Vec<String> {
    let cell = |cell: &Cell| if *cell == Cell::Empty { "-".to_owned() } else { cell.to_string() };
    table.rows.iter().map(|row| row.cells.iter().map(cell).collect::<Vec<_>>().join(" | ")).collect()
}

fn headings(table: &Table) -> String {
    table.columns.iter().map(|column| column.heading()).collect::<Vec<_>>().join(" | ")
}

fn links(links: &[Link]) -> Vec<String> {
    links.iter().map(|link| format!("{} {:?}", link.action, link.arguments.values().collect::<Vec<_>>())).collect()
}

const LOCK: &str = "0123456789ABCDEF0123456789ABCDEF";

#[test]
fn august_locks() {
    assert_eq!(line("august", "locks", &[]).0, "GET /users/locks/mine");
    let answer = json!({
        LOCK: {"LockName": "Garden gate", "UserType": "superuser", "macAddress": "02:00:00:00:00:01", "HouseID": "h1", "HouseName": "Mill"},
        "F123456789ABCDEF0123456789ABCDEF": {"LockName": "Cellar", "UserType": "user", "HouseID": "h2", "HouseName": "Barn"},
    });
    let table = table("august", "locks", &[], &answer);
    assert_eq!(headings(&table), "Lock | House | You are | ID");
    assert_eq!(
        text(&table),
        [format!("Garden gate | Mill | owner | {LOCK}"), "Cellar | Barn | guest | F123456789ABCDEF0123456789ABCDEF".to_owned()]
    );
    assert_eq!(
        links(&table.rows[0].links),
        [format!("lock [{LOCK:?}]"), format!("status [{LOCK:?}]"), format!("lock-now [{LOCK:?}]"), format!("unlock-now [{LOCK:?}]")]
    );
    assert_eq!(table.rows[1].links.len(), 2, "a guest does not operate");
    assert_eq!(self::table("august", "locks", &[], &json!({})).rows.len(), 0, "nobody has to own a lock");
}

#[test]
fn august_lock_and_status() {
    assert_eq!(line("august", "lock", &[("id", LOCK)]).0, format!("GET /locks/{LOCK}"));
    let answer = json!({
        "LockName": "Garden gate", "LockID": LOCK, "HouseName": "Mill", "battery": 0.876, "skuNumber": "SKU-1", "SerialNumber": "SER1",
        "timeZone": "Europe/Stockholm", "currentFirmwareVersion": "1.2.3",
        "LockStatus": {"status": "locked", "doorState": "closed", "dateTime": "2024-05-01T10:00:00.000Z"},
        "Bridge": {"status": {"current": "online"}}, "keypad": {"batteryLevel": "Medium"},
        "users": {"u1": {"UserType": "superuser", "FirstName": "Ada", "LastName": "Berg"}, "u2": {"FirstName": "Cy"}},
    });
    let table = table("august", "lock", &[("id", LOCK)], &answer);
    assert_eq!(table.view, View::Details);
    assert_eq!(
        text(&table),
        [format!(
            "Garden gate | locked | closed | 2024-05-01 10:00:00Z | 88 | Mill | online | Medium | Ada Berg, Cy | SKU-1 | SER1 | 1.2.3 | Europe/Stockholm | {LOCK}"
        )]
    );
    assert_eq!(links(&table.rows[0].links), [format!("unlock-now [{LOCK:?}]")], "what is locked can be unlocked");
    // A guest without bridge sees less; that is no reason to fail.
    let poor = self::table("august", "lock", &[("id", LOCK)], &json!({"LockName": "Cellar", "LockStatus": {"status": "unlocked"}}));
    assert!(text(&poor)[0].starts_with("Cellar | unlocked | - | - | - | - |"), "{:?}", text(&poor));

    assert_eq!(line("august", "status", &[("id", LOCK)]).0, format!("GET /locks/{LOCK}/status"));
    let answer = json!({"status": "unlocked", "doorState": "open", "dateTime": "2024-05-01T10:00:00.000Z", "valid": true});
    assert_eq!(text(&self::table("august", "status", &[("id", LOCK)], &answer)), ["unlocked | open | 2024-05-01 10:00:00Z"]);
}

#[test]
fn august_operates() {
    assert_eq!(line("august", "lock-now", &[("id", LOCK)]), (format!("PUT /remoteoperate/{LOCK}/lock"), None));
    assert_eq!(line("august", "unlock-now", &[("id", LOCK)]).0, format!("PUT /remoteoperate/{LOCK}/unlock"));
    let answer = json!({"status": "kAugLockState_Unlocked", "doorState": "kAugDoorState_Closed", "totalTime": 2480, "retryCount": 1});
    assert_eq!(text(&table("august", "unlock-now", &[("id", LOCK)], &answer)), ["unlocked | closed | 2.5"]);
    let without_sensor = json!({"status": "kAugLockState_Locked", "totalTime": 900});
    assert_eq!(text(&table("august", "lock-now", &[("id", LOCK)], &without_sensor)), ["locked | - | 0.9"]);
}

/// An argument is one segment of the path, and stays there.
#[test]
fn a_lock_id_does_not_climb_out_of_its_path() {
    for bad in ["", "..", "../../users/me", "0123", "0123456789abcdef0123456789abcdef", "%2e%2e"] {
        let error = action("august", "lock").request(&arguments(&[("id", bad)]), &BTreeMap::new()).expect_err(bad);
        assert!(error.expected.contains("for id"), "{error}");
    }
    let hub = r#"
        title = "Hub"
        kind = "oauth2"
        status = "live"
        about = "A hub."
        sources = [{ url = "https://hub.example", checked = 2026-11-21, confidence = "assumed" }]
        client = { fields = [{ name = "client_id", label = "Client ID" }] }
        endpoints = { authorize = "https://hub.example/a", token = "https://hub.example/t" }
        oauth2 = { client_auth = "none" }
        api = { base_url = "https://hub.example" }
        actions.thing = { about = "A thing", path = "/things/{id}/x", parameters = [{ name = "id", positional = true }] }
        actions.put = { about = "Put", method = "PUT", acts = true, path = "/x", parameters = [
            { name = "level", type = "integer", required = true }, { name = "name" }, { name = "on", type = "flag" } ],
            json = { level = "{level}", on = "{on}", label = "thing {name}", fixed = [1, "two", true], name = "{name}" },
            headers = { x-name = "{name}" } }
    "#;
    let hub = keyfob_providers::check(hub, "hub.toml").expect("clean");
    let thing = hub.action("thing").expect("there");
    assert!(thing.request(&arguments(&[("id", "..")]), &BTreeMap::new()).is_err());
    let target = thing.request(&arguments(&[("id", "a/b?c#d é")]), &BTreeMap::new()).expect("a request").target;
    assert_eq!(target, "/things/a%2Fb%3Fc%23d%20%C3%A9/x");

    let put = hub.action("put").expect("there");
    let body = |pairs: &[(&str, &str)]| {
        let request = put.request(&arguments(pairs), &BTreeMap::new()).expect("a request");
        let (kind, bytes) = request.body.expect("a body");
        assert_eq!(kind, "application/json");
        (serde_json::from_slice::<Value>(&bytes).expect("JSON"), request.headers)
    };
    let (full, headers) = body(&[("level", "7"), ("name", "lamp"), ("on", "yes")]);
    assert_eq!(full, json!({"level": 7, "on": true, "label": "thing lamp", "fixed": [1, "two", true], "name": "lamp"}));
    assert_eq!((headers[0].0.as_str(), headers[0].1.to_str().ok()), ("x-name", Some("lamp")));
    let (bare, headers) = body(&[("level", "7")]);
    assert_eq!(bare, json!({"level": 7, "fixed": [1, "two", true]}), "what is not said is left out");
    assert!(headers.is_empty());
    assert!(put.request(&arguments(&[("level", "7"), ("name", "a\nb: c")]), &BTreeMap::new()).is_err(), "no header is smuggled in");
}

#[test]
fn netatmo_stations() {
    assert_eq!(line("netatmo", "stations", &[]).0, "GET /api/getstationsdata");
    assert_eq!(
        line("netatmo", "stations", &[("device", "70:ee:50:00:00:01"), ("favorites", "no")]).0,
        "GET /api/getstationsdata?device_id=70%3Aee%3A50%3A00%3A00%3A01&get_favorites=false"
    );
    let answer = json!({"status": "ok", "body": {"devices": [{
        "_id": "70:ee:50:00:00:01", "station_name": "Mill (Hall)", "home_name": "Mill", "type": "NAMain", "module_name": "Hall", "reachable": true,
        "data_type": ["Temperature", "CO2"],
        "dashboard_data": {"time_utc": 1700000000, "Temperature": 20.44, "CO2": 612, "Humidity": 41, "Noise": 38, "Pressure": 1012.3},
        "modules": [
            {"_id": "02:00:00:00:00:01", "type": "NAModule1", "module_name": "Garden", "battery_percent": 71, "reachable": true,
             "data_type": ["Temperature", "Humidity"], "dashboard_data": {"time_utc": 1700000001, "Temperature": -3, "Humidity": 92}},
            {"_id": "06:00:00:00:00:01", "type": "NAModule2", "module_name": "Roof", "battery_percent": 8, "reachable": false, "last_seen": 1699000000,
             "data_type": ["Wind"]},
        ],
    }], "user": {"mail": "ada@example.org"}}});
    let table = table("netatmo", "stations", &[], &answer);
    assert_eq!(table.columns[2].heading(), "Temperature (°C)");
    assert_eq!(
        text(&table),
        [
            "Mill | Hall | 20.4 | 41 | 612 | 1012.3 | 38 | - | - | - | yes | 2023-11-14 22:13:20Z | 70:ee:50:00:00:01 | 70:ee:50:00:00:01",
            "Mill | Garden | -3 | 92 | - | - | - | - | - | 71 | yes | 2023-11-14 22:13:21Z | 70:ee:50:00:00:01 | 02:00:00:00:00:01",
            "Mill | Roof | - | - | - | - | - | - | - | 8 | no | 2023-11-03 08:26:40Z | 70:ee:50:00:00:01 | 06:00:00:00:00:01",
        ]
    );
    let measure = |types: &str| format!(r#"measure ["70:ee:50:00:00:01", "1699740801", "02:00:00:00:00:01", "{types}"]"#);
    assert_eq!(links(&table.rows[1].links), [measure("Temperature"), measure("Temperature,Humidity")]);
    assert_eq!(table.rows[2].links[0].label, "Wind");
    assert_eq!(table.rows[2].links[0].arguments["from"], "1698740800", "what is silent is asked for its last three days");
}

#[test]
fn netatmo_measure_asks_for_what_was_said() {
    assert_eq!(
        line("netatmo", "measure", &[("device", "70:ee:50:00:00:01")]).0,
        "GET /api/getmeasure?device_id=70%3Aee%3A50%3A00%3A00%3A01&type=Temperature%2CHumidity&scale=30min"
    );
    let all = [
        ("device", "70:ee:50:00:00:01"),
        ("module", "02:00:00:00:00:01"),
        ("types", "temperature,co2"),
        ("scale", "1HOUR"),
        ("from", "2020-01-01"),
        ("to", "last"),
        ("optimize", "no"),
        ("real-time", "yes"),
        ("limit", "10"),
    ];
    let expected = "GET /api/getmeasure?device_id=70%3Aee%3A50%3A00%3A00%3A01&module_id=02%3A00%3A00%3A00%3A00%3A01&type=Temperature%2CCO2\
                    &scale=1hour&date_begin=1577836800&date_end=last&limit=10&optimize=false&real_time=true";
    assert_eq!(line("netatmo", "measure", &all).0, expected);
    let error = |pairs: &[(&str, &str)]| {
        let error = action("netatmo", "measure").request(&arguments(pairs), &BTreeMap::new()).expect_err("refused");
        format!("{error} / {}", error.hint.clone().unwrap_or_default())
    };
    assert!(error(&[]).contains("for device, but found nothing"));
    assert!(error(&[("device", "x"), ("sclae", "max")]).contains("did you mean \"scale\"?"));
    assert!(error(&[("device", "x"), ("scale", "2hours")]).contains("for scale, but found \"2hours\" / did you mean \"3hours\"?"));
    assert!(error(&[("device", "x"), ("types", "Temprature")]).contains("did you mean \"Temperature\"?"));
    assert!(error(&[("device", "x"), ("limit", "1025")]).contains("from 1 to 1024 for limit"));
}

#[test]
fn netatmo_measure_begins_three_days_ago_unless_a_moment_is_said() {
    let measure = action("netatmo", "measure");
    let target = |pairs: &[(&str, &str)]| {
        let said = arguments(&[&[("device", "x")], pairs].concat());
        measure.request(&measure.at(&said, Timestamp::from_unix(1_000_000)), &BTreeMap::new()).expect("a request").target
    };
    let plain = "/api/getmeasure?device_id=x&type=Temperature%2CHumidity&scale=30min";
    assert_eq!(target(&[]), format!("{plain}&date_begin=740800"));
    assert_eq!(target(&[("from", "2 hours ago")]), format!("{plain}&date_begin=992800"));
    assert_eq!(target(&[("from", "5"), ("to", "1 minute ago")]), format!("{plain}&date_begin=5&date_end=999940"));
    // The newest row is asked for alone, and the end may lie before those days.
    assert_eq!(target(&[("to", "last")]), format!("{plain}&date_end=last"));
}

/// A span is said as a length, or by its ends; a path has no place for nothing.
#[test]
fn the_last_days_are_said_in_each_parameters_own_way() {
    let now = Timestamp::from_unix(1_790_000_000);
    let target = |name: &str, pairs: &[(&str, &str)]| {
        let action = action("fitbit", name);
        action.request(&action.at(&arguments(pairs), now), &BTreeMap::new()).map(|request| request.target)
    };
    let sleep = |from: &str, to: &str| format!("/1.2/user/-/sleep/date/{from}/{to}.json");
    assert_eq!(target("sleep", &[]), Ok(sleep("2026-09-14", "2026-09-21")));
    assert_eq!(target("sleep", &[("from", "2026-09-01")]), Ok(sleep("2026-09-01", "2026-09-21")));
    assert_eq!(target("sleep", &[("from", "30 days ago"), ("to", "1 week ago")]), Ok(sleep("2026-08-22", "2026-09-14")));
    // A beginning made up could lie behind that end.
    assert!(target("sleep", &[("to", "2026-01-01")]).is_err_and(|misuse| misuse.to_string().contains("for from, but found nothing")));
    let sleep = action("fitbit", "sleep");
    let last = |said: &[(&str, &str)]| sleep.within(&arguments(said), 2 * 86_400, now);
    assert_eq!(last(&[]), Some(arguments(&[("from", "2026-09-19")])));
    assert_eq!(last(&[("to", "2026-01-01")]), Some(arguments(&[("from", "2026-09-19")])), "it ends now");
    let measure = action("netatmo", "measure");
    assert_eq!(measure.within(&arguments(&[("device", "x")]), 60, now), Some(arguments(&[("device", "x"), ("from", "1789999940")])));
    assert_eq!(action("fitbit", "steps").within(&BTreeMap::new(), 60, now), None);
    assert!(action("fitbit", "steps").period().is_some());
}

#[test]
fn both_shapes_of_a_series_are_the_same_table() {
    let by_time = json!({"status": "ok", "body": {"1700000000": [20.1, 41], "1700001800": [20.4, null], "1700007200": [19.8, 44]}});
    let runs = json!({"status": "ok", "body": [
        {"beg_time": 1700000000, "step_time": 1800, "value": [[20.1, 41], [20.4, null]]},
        {"beg_time": 1700007200, "value": [[19.8, 44]]},
    ]});
    let said = [("device", "x"), ("types", "Temperature,Humidity")];
    let table = table("netatmo", "measure", &said, &by_time);
    assert_eq!(table, self::table("netatmo", "measure", &said, &runs));
    assert_eq!(headings(&table), "Time | Temperature (°C) | Humidity (%)");
    assert_eq!(text(&table), ["2023-11-14 22:13:20Z | 20.1 | 41", "2023-11-14 22:43:20Z | 20.4 | -", "2023-11-15 00:13:20Z | 19.8 | 44"]);
    let chart = table.chart().expect("a chart");
    assert_eq!(chart.x.title, "Time");
    assert_eq!(chart.series[1].unit.as_deref(), Some("%"));
    assert_eq!(chart.series[1].points, [(1700000000.0, Some(41.0)), (1700001800.0, None), (1700007200.0, Some(44.0))]);
    // PHP writes an empty object as an empty array.
    let empty = self::table("netatmo", "measure", &said, &json!({"body": []}));
    assert_eq!((empty.rows.len(), empty.columns.len(), empty.chart()), (0, 3, None));
    let times =
        self::table("netatmo", "measure", &[("device", "x"), ("types", "date_min_temp")], &json!({"body": {"1700000000": [1700000000]}}));
    assert_eq!(text(&times), ["2023-11-14 22:13:20Z | 2023-11-14 22:13:20Z"]);
    // People read what it is; programs keep the API's word for it.
    let said = [("device", "x"), ("types", "min_temp,CO2")];
    let lows = self::table("netatmo", "measure", &said, &json!({"body": {"1700000000": [3.1, 612], "1700003600": [3.3, 600]}}));
    assert_eq!(headings(&lows), "Time | min_temp (°C) | CO2 (ppm)");
    let captions: Vec<_> = lows.columns.iter().map(|column| column.caption_with_unit()).collect();
    assert_eq!(captions, ["Time", "Lowest temperature (°C)", "CO2 (ppm)"]);
    let series: Vec<_> = lows.chart().expect("a chart").series.into_iter().map(|series| series.title).collect();
    assert_eq!(series, ["Lowest temperature", "CO2"]);
}

#[test]
fn pages_go_on_behind_the_last_row_while_they_are_full() {
    let measure = action("netatmo", "measure");
    assert!(measure.has_pages());
    let first = arguments(&[("device", "x"), ("types", "Temperature"), ("scale", "max"), ("from", "2020-01-01"), ("to", "2021-01-01")]);
    let values: Vec<Value> = (0..1024).map(|at| json!([at])).collect();
    let full = json!({"body": [{"beg_time": 1577836800, "step_time": 300, "value": values}]});
    let second = measure.next(&first, &full).expect("readable").expect("another page");
    let last_of_first = 1577836800 + 1023 * 300;
    assert_eq!(second["from"], (last_of_first + 1).to_string());
    assert!(
        measure
            .request(&second, &BTreeMap::new())
            .expect("a request")
            .target
            .contains(&format!("date_begin={}&date_end=1609459200", last_of_first + 1))
    );
    let by_time: serde_json::Map<String, Value> = (0..1024).map(|at| ((1577836800 + at * 300).to_string(), json!([at]))).collect();
    assert_eq!(measure.next(&first, &json!({"body": by_time})).expect("readable").as_ref(), Some(&second), "in both shapes");

    let rest = json!({"body": [{"beg_time": last_of_first + 300, "step_time": 300, "value": [[1], [2]]}]});
    assert_eq!(measure.next(&second, &rest).expect("readable"), None);
    let mut table = measure.table(&first, &full).expect("a table");
    table.append(measure.table(&second, &rest).expect("a table"));
    assert_eq!(table.rows.len(), 1026);
    let times: Vec<f64> = table.rows.iter().filter_map(|row| row.cells[0].number()).collect();
    assert!(times.is_sorted_by(|a, b| a < b), "no row twice, none out of order");
    assert_eq!(table.chart().expect("a chart").series[0].points.len(), 1026);

    // A page that leads to itself is the last.
    let stuck = json!({"body": [{"beg_time": last_of_first, "value": vec![json!([1]); 1024]}]});
    assert_eq!(measure.next(&second, &stuck).expect("readable"), None);
    assert_eq!(action("netatmo", "stations").next(&BTreeMap::new(), &json!({})).expect("readable"), None);
}

#[test]
fn fitbit_profile_devices_activity() {
    for provider in ["fitbit", "fitbit-oauth1"] {
        assert_eq!(line(provider, "profile", &[]).0, "GET /1/user/-/profile.json");
        let answer = json!({"user": {"fullName": "Ada Berg", "displayName": "Ada", "encodedId": "2ABCDE", "memberSince": "2013-10-25",
            "timezone": "Europe/Stockholm", "age": 40, "height": 171.04, "weight": 62.5, "averageDailySteps": 7123}});
        assert_eq!(
            text(&table(provider, "profile", &[], &answer)),
            ["Ada Berg | 2ABCDE | 2013-10-25 | Europe/Stockholm | 40 | 171 | 62.5 | 7123"]
        );

        assert_eq!(line(provider, "devices", &[]).0, "GET /1/user/-/devices.json");
        let answer = json!([{"battery": "High", "batteryLevel": 65, "deviceVersion": "Zip", "id": "77", "lastSyncTime": "2014-07-17T13:38:13.000",
            "type": "TRACKER"}]);
        assert_eq!(text(&table(provider, "devices", &[], &answer)), ["Zip | tracker | High | 65 | 2014-07-17 13:38:13 | 77"]);

        assert_eq!(line(provider, "activity", &[("date", "2014-09-25")]).0, "GET /1/user/-/activities/date/2014-09-25.json");
        assert_eq!(line(provider, "activity", &[]).0, "GET /1/user/-/activities/date/today.json");
        assert!(action(provider, "activity").request(&arguments(&[("date", "25/9")]), &BTreeMap::new()).is_err());
        let answer = json!({
            "activities": [{"name": "Run"}, {"name": "Walk"}], "goals": {"steps": 10000},
            "summary": {"steps": 12001, "floors": 9, "caloriesOut": 2500, "veryActiveMinutes": 30, "fairlyActiveMinutes": 20,
                "lightlyActiveMinutes": 100, "restingHeartRate": 61, "distances": [{"activity": "run", "distance": 1}, {"activity": "total", "distance": 9.876}]},
        });
        assert_eq!(text(&table(provider, "activity", &[], &answer)), ["12001 | 10000 | 9.88 | 9 | 2500 | 30 | 20 | 100 | 61 | Run, Walk"]);
    }
}

#[test]
fn telldus_lists() {
    assert_eq!(line("telldus", "clients", &[]).0, "GET /json/clients/list");
    let answer = json!({"client": [{"id": "1", "name": "mill", "online": "1", "type": "TellStick Net", "version": "17"},
        {"id": "2", "name": "barn", "online": "0", "type": "TellStick ZNet", "version": "1.3"}]});
    assert_eq!(
        text(&table("telldus", "clients", &[], &answer)),
        ["mill | TellStick Net | yes | 17 | 1", "barn | TellStick ZNet | no | 1.3 | 2"]
    );

    assert_eq!(line("telldus", "devices", &[]).0, "GET /json/devices/list?supportedMethods=919");
    for three in ["3", "TURNON|TURNOFF", "turnon,turnoff"] {
        assert_eq!(line("telldus", "devices", &[("methods", three)]).0, "GET /json/devices/list?supportedMethods=3");
    }
    assert_eq!(
        line("telldus", "devices", &[("methods", "3"), ("ignored", "yes")]).0,
        "GET /json/devices/list?supportedMethods=3&includeIgnored=1"
    );
    // Numbers and strings are mixed, as the service mixes them.
    let device = |id: &str, state: Value, value: Value, methods: Value| json!({"id": id, "name": format!("lamp {id}"), "state": state, "statevalue": value, "methods": methods, "type": "device", "clientName": "mill", "online": "1"});
    let answer = json!({"device": [
        device("1", json!(1), json!(null), json!(3)),
        device("2", json!("2"), json!("0"), json!("19")),
        device("3", json!(16), json!("128"), json!(19)),
        device("4", json!(256), json!("unde"), json!(0)),
    ]});
    let table = table("telldus", "devices", &[], &answer);
    assert_eq!(
        text(&table),
        [
            "lamp 1 | on | device | mill | yes | 1",
            "lamp 2 | off | device | mill | yes | 2",
            "lamp 3 | dimmed to 50 % | device | mill | yes | 3",
            "lamp 4 | down | device | mill | yes | 4",
        ]
    );
    let names = |row: usize| table.rows[row].links.iter().map(|link| link.action.as_str()).collect::<Vec<_>>();
    assert_eq!((names(0), names(2), names(3)), (vec!["on", "off", "history"], vec!["on", "off", "dim", "history"], vec!["history"]));
}

#[test]
fn telldus_sensors() {
    assert_eq!(line("telldus", "sensors", &[]).0, "GET /json/sensors/list?includeValues=1&includeUnit=1");
    let sensor = |id: &str, battery: Value| json!({"id": id, "name": "porch", "lastUpdated": 1700000000, "clientName": "mill", "battery": battery, "temp": "20.44", "humidity": "51"});
    let answer = json!({"sensor": [sensor("1", json!(253)), sensor("2", json!("254")), sensor("3", json!(255)), sensor("4", json!(88))]});
    let rows = text(&table("telldus", "sensors", &[], &answer));
    assert_eq!(rows[0], "porch | 20.4 | 51 | - | - | - | 2023-11-14 22:13:20Z | ok | mill | 1");
    assert!(rows[1].contains("Z | - | mill") && rows[2].contains("Z | low |") && rows[3].contains("Z | 88 % |"), "{rows:?}");
}

#[test]
fn telldus_history_of_devices_and_sensors() {
    assert_eq!(line("telldus", "history", &[("id", "7"), ("from", "1700000000")]).0, "GET /json/device/history?id=7&from=1700000000");
    let act = |ts: i64, state: Value, value: Value| json!({"ts": ts, "state": state, "stateValue": value, "origin": "Incoming signal", "successStatus": 0});
    let answer = json!({"history": [act(1477467846, json!(1), json!(0)), act(1477467900, json!("16"), json!("128")), act(1477468000, json!(2), json!(null))]});
    let history = table("telldus", "history", &[("id", "7")], &answer);
    assert_eq!(text(&history)[1], "2016-10-26 07:45:00Z | yes | dimmed to 50 % | Incoming signal");
    let chart = history.chart().expect("a chart");
    assert_eq!(chart.series[0].points.iter().map(|(_, on)| *on).collect::<Vec<_>>(), [Some(1.0), Some(1.0), Some(0.0)]);

    let asked = line("telldus", "measurements", &[("id", "7"), ("from", "1700000000")]).0;
    assert_eq!(asked, "GET /json/sensor/history?id=7&from=1700000000");
    let point = |ts: i64, temp: Value| json!({"ts": ts, "data": [{"name": "temp", "scale": "0", "value": temp}, {"name": "humidity", "scale": "0", "value": 51}]});
    let measured =
        table("telldus", "measurements", &[("id", "7")], &json!({"history": [point(600, json!(20.44)), point(1200, json!("20.6"))]}));
    assert_eq!(text(&measured)[0], "1970-01-01 00:10:00Z | 20.4 | 51 | - | -");
    assert_eq!(measured.chart().expect("a chart").series.len(), 4);
}

#[test]
fn fitbit_steps_heart_and_sleep_are_series() {
    assert_eq!(line("fitbit", "steps", &[]).0, "GET /1/user/-/activities/steps/date/today/30d.json");
    assert_eq!(
        line("fitbit", "heart", &[("to", "2026-10-01"), ("period", "7d")]).0,
        "GET /1/user/-/activities/heart/date/2026-10-01/7d.json"
    );
    let zone = |name: &str, minutes: u64| json!({"name": name, "minutes": minutes});
    let zones = [zone("Out of Range", 1400), zone("Fat Burn", 26), zone("Cardio", 4), zone("Peak", 0)];
    let day = |day: &str, value: Value| json!({"dateTime": day, "value": value});
    let answer = json!({"activities-heart": [
        day("2026-10-01", json!({"restingHeartRate": 58, "heartRateZones": zones})),
        day("2026-10-02", json!({"heartRateZones": []})),
        day("2026-10-03", json!({"restingHeartRate": 60, "heartRateZones": zones})),
    ]});
    let heart = table("fitbit", "heart", &[], &answer);
    assert_eq!(text(&heart), ["2026-10-01 | 58 | 26 | 4 | 0", "2026-10-02 | - | - | - | -", "2026-10-03 | 60 | 26 | 4 | 0"]);
    let chart = heart.chart().expect("a chart");
    assert_eq!(chart.series[0].points[1].1, None, "a day without a tracker is a gap");

    let asked = line("fitbit", "sleep", &[("from", "2026-10-01"), ("to", "2026-10-03")]).0;
    assert_eq!(asked, "GET /1.2/user/-/sleep/date/2026-10-01/2026-10-03.json");
    let night = |day: &str, main: bool| json!({"dateOfSleep": day, "isMainSleep": main, "minutesAsleep": 431, "minutesAwake": 40, "efficiency": 92, "levels": {"summary": {"deep": {"minutes": 80}, "rem": {"minutes": 95}}}});
    let answer = json!({"sleep": [night("2026-10-03", true), night("2026-10-02", false), night("2026-10-01", true)]});
    let sleep = table("fitbit", "sleep", &[("from", "2026-10-01"), ("to", "2026-10-03")], &answer);
    assert_eq!(text(&sleep), ["2026-10-03 | 431 | 80 | 95 | 40 | 92", "2026-10-01 | 431 | 80 | 95 | 40 | 92"], "naps are left out");
}

#[test]
fn telldus_acts_by_form() {
    let form = |body: &str| Some(("application/x-www-form-urlencoded", body.to_owned()));
    assert_eq!(line("telldus", "on", &[("id", "12")]), ("POST /json/device/turnOn".to_owned(), form("id=12")));
    assert_eq!(line("telldus", "off", &[("id", "12")]), ("POST /json/device/turnOff".to_owned(), form("id=12")));
    assert_eq!(line("telldus", "dim", &[("id", "12"), ("level", "50")]), ("POST /json/device/dim".to_owned(), form("id=12&level=50")));
    assert_eq!(text(&table("telldus", "on", &[("id", "12")], &json!({"status": "success"}))), ["success"]);
    let error = action("telldus", "dim").request(&arguments(&[("id", "12"), ("level", "256")]), &BTreeMap::new()).expect_err("refused");
    assert_eq!(error.to_string(), "expected a whole number from 0 to 255 for level, but found \"256\"");
}

#[test]
fn acme_me_and_echo() {
    assert_eq!(line("acme", "me", &[]).0, "GET /api/me");
    let answer = json!({"sub": "s-1", "name": "Ada", "email": "ada@example.org"});
    assert_eq!(text(&table("acme", "me", &[], &answer)), ["Ada | ada@example.org | s-1"]);
    let (head, body) = line("acme", "echo", &[("text", "a \"b\" é")]);
    assert_eq!((head.as_str(), body), ("POST /api/echo", Some(("application/json", "{\"text\":\"a \\\"b\\\" é\"}".to_owned()))));
    let answer = json!({"method": "POST", "target": "/api/echo", "headers": {"content-type": ["application/json"]}, "body": "{}"});
    assert_eq!(text(&table("acme", "echo", &[("text", "a")], &answer)), ["POST | /api/echo | application/json | {}"]);
}

#[test]
fn words_are_bound_to_their_places() {
    let dim = action("telldus", "dim");
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    assert_eq!(dim.bind(&words(&["12", "50"]), BTreeMap::new()).expect("bound"), arguments(&[("id", "12"), ("level", "50")]));
    let named = arguments(&[("id", "12")]);
    assert_eq!(dim.bind(&words(&["50"]), named).expect("bound"), arguments(&[("id", "12"), ("level", "50")]));
    let error = dim.bind(&words(&["12", "50", "x"]), BTreeMap::new()).expect_err("too many");
    assert_eq!(error.hint.as_deref(), Some("usage: dim ID LEVEL"));
    // How something that is missing is said is the command's business, or the form's.
    let missing = dim.request(&arguments(&[("id", "12")]), &BTreeMap::new()).expect_err("no level");
    assert!(missing.to_string().contains("for level") && missing.hint.is_none(), "{missing:?}");
}

#[test]
fn a_span_ends_after_it_begins() {
    let measure = action("netatmo", "measure");
    let check = |from: &str, to: &str| measure.check(&arguments(&[("from", from), ("to", to)]));
    let wrong = check("2026-02-01", "2026-01-02").expect_err("the other way round");
    assert!(wrong.to_string().contains("2026-02-01 00:00:00Z") && wrong.hint.is_some(), "{wrong:?}");
    for (from, to) in [("2026-01-02", "2026-02-01"), ("2026-01-02", "1767312000"), ("2026-02-01", "last")] {
        check(from, to).unwrap_or_else(|error| panic!("{from} to {to}: {error:?}"));
    }
    measure.check(&arguments(&[("to", "2020-01-01")])).expect("a beginning of one's own is none");
    // Days, and what the provider calls a day.
    let sleep = action("fitbit", "sleep");
    let check = |from: &str, to: &str| sleep.check(&arguments(&[("from", from), ("to", to)]));
    assert!(check("2026-02-01", "2026-01-02").is_err_and(|error| error.to_string().contains("begins at 2026-02-01 and")));
    check("2026-01-02", "2026-01-02").expect("one day");
}

/// Answers that are not what the file expects: an error that names the action, never a panic.
#[test]
fn an_answer_of_another_shape_is_told() {
    let error = action("august", "locks").table(&BTreeMap::new(), &json!(["a", "b"])).expect_err("unreadable");
    assert!(error.to_string().starts_with("the answer has not the shape that the action locks expects"), "{error}");
    let catalogue = Catalogue::embedded(); // read once: expressions are compiled when they first run
    for answer in [json!(null), json!("<html>"), json!([]), json!({"body": 3}), json!({"device": {"a": 1}}), json!([[[[]]]])] {
        for provider in catalogue.iter() {
            for action in &provider.actions {
                let said: BTreeMap<String, String> = (action.parameters.iter())
                    .filter(|parameter| parameter.required)
                    .map(|parameter| (parameter.name.clone(), if action.parameters.len() == 1 { LOCK } else { "1" }.to_owned()))
                    .collect();
                let _ = action.table(&said, &answer);
                let _ = action.next(&said, &answer);
            }
        }
    }
}

#[test]
fn a_file_without_columns_shows_what_came() {
    let hub = "title = \"Hub\"\nkind = \"oauth2\"\nstatus = \"live\"\nabout = \"A hub.\"\n\
        sources = [{ url = \"https://hub.example\", checked = 2026-11-21, confidence = \"assumed\" }]\n\
        client = { fields = [{ name = \"client_id\", label = \"Client ID\" }] }\n\
        endpoints = { authorize = \"https://hub.example/a\", token = \"https://hub.example/t\" }\n\
        oauth2 = { client_auth = \"none\" }\napi = { base_url = \"https://hub.example\" }\n\
        actions.things = { about = \"Things\", path = \"/things\", rows = \".[]\" }\n";
    let hub = keyfob_providers::check(hub, "hub.toml").expect("clean");
    let answer = json!([{"a": 1, "b": [1, 2]}, {"b": "x", "c": null}, "bare"]);
    let table = hub.action("things").expect("there").table(&BTreeMap::new(), &answer).expect("a table");
    assert_eq!(headings(&table), "a | b | c");
    assert_eq!(text(&table), ["1 | [1,2] | -", "- | x | -", "- | - | -"]);
}
