//! Netatmo: the login, strict rotation, the two shapes of a series.

mod common;

use common::{Response, get, get_url, post_form, query, send};
use keyfob_sandbox::{Consent, Registration, Sandbox};
use serde_json::{Value, json};

const CALLBACK: &str = "http://localhost/callback";
const STATION: &str = "70:ee:50:5a:9d:b0";

struct Weather {
    sandbox: Sandbox,
    origin: String,
    app: Registration,
}

impl Weather {
    async fn start() -> Self {
        let sandbox = Sandbox::builder().only(["netatmo"]).consent(Consent::Approve).start().await.expect("free ports");
        let (origin, app) = (sandbox.origin("netatmo"), sandbox.app("netatmo"));
        Self { sandbox, origin, app }
    }

    async fn back(&self, more: &str) -> String {
        let (id, uri) = (&self.app.client_id, common::encode(CALLBACK));
        get_url(&format!("{}/oauth2/authorize?client_id={id}&redirect_uri={uri}&state=abc{more}", self.origin)).await.location().to_owned()
    }

    async fn token(&self, pairs: &[(&str, &str)]) -> Response {
        let mut all = vec![("client_id", self.app.client_id.as_str()), ("client_secret", &self.app.client_secret)];
        all.extend_from_slice(pairs);
        post_form(&format!("{}/oauth2/token", self.origin), &[], &all).await
    }

    async fn login(&self, more: &str) -> Value {
        let back = self.back(more).await;
        let code = get(&query(&back), "code").to_owned();
        assert_eq!(code.len(), 32);
        self.token(&[("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", CALLBACK)]).await.json()
    }

    async fn refresh(&self, tokens: &Value) -> Response {
        self.token(&[("grant_type", "refresh_token"), ("refresh_token", tokens["refresh_token"].as_str().expect("text"))]).await
    }

    async fn call(&self, method: &str, pairs: &[(&str, &str)], tokens: &Value) -> Response {
        let bearer = format!("Bearer {}", tokens["access_token"].as_str().expect("text"));
        let url = format!("{}/api/{method}?{}", self.origin, common::form(pairs));
        send("GET", &url, &[("authorization", &bearer)], "").await
    }

    async fn measure(&self, tokens: &Value, pairs: &[(&str, &str)]) -> Value {
        let mut all = vec![("device_id", STATION)];
        all.extend_from_slice(pairs);
        let answer = self.call("getmeasure", &all, tokens).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["body"].clone()
    }
}

#[tokio::test]
async fn the_whole_login_and_its_odd_answer() {
    let weather = Weather::start().await;
    let back = weather.back("").await;
    assert!(back.starts_with(&format!("{CALLBACK}?state=abc&code=")), "{back}");
    let tokens = weather.login("&response_type=code&scope=read_station+read_thermostat").await;
    assert_eq!(tokens["scope"], json!(["read_station", "read_thermostat"]), "an array");
    assert_eq!((tokens["expires_in"].clone(), tokens["expire_in"].clone()), (json!(10800), json!(10800)));
    assert!(tokens.get("token_type").is_none());
    for name in ["access_token", "refresh_token"] {
        let halves: Vec<_> = tokens[name].as_str().expect("text").split('|').map(str::len).collect();
        assert_eq!(halves, [24, 32]);
    }
    assert_eq!(weather.login("").await["scope"], json!(["read_station"]), "the default");
}

#[tokio::test]
async fn a_refresh_voids_both_old_tokens() {
    let weather = Weather::start().await;
    let old = weather.login("").await;
    let new = weather.refresh(&old).await.json();
    let refused = weather.call("getstationsdata", &[], &old).await;
    assert_eq!((refused.status, refused.json()["error"]["code"].clone()), (403, json!(2)));
    let again = weather.refresh(&old).await;
    assert_eq!((again.status, again.text().as_str()), (400, r#"{"error":"invalid_grant"}"#));
    assert_eq!(weather.call("getstationsdata", &[], &new).await.status, 200);
}

#[tokio::test]
async fn refusals_are_403_with_a_number() {
    let weather = Weather::start().await;
    let code = |answer: Response| (answer.status, answer.json()["error"]["code"].as_u64().expect("a number"));
    let url = format!("{}/api/getstationsdata", weather.origin);
    assert_eq!(code(get_url(&url).await), (403, 1));
    assert_eq!(code(send("GET", &url, &[("authorization", "Bearer x|y")], "").await), (403, 2));
    let tokens = weather.login("&scope=read_camera").await;
    assert_eq!(code(weather.call("getstationsdata", &[], &tokens).await), (403, 13));
    let tokens = weather.login("").await;
    weather.sandbox.advance(10_801);
    assert_eq!(code(weather.call("getstationsdata", &[], &tokens).await), (403, 3));
    weather.sandbox.faults("netatmo").update(|faults| faults.too_many_requests = 1);
    assert_eq!(code(weather.call("getstationsdata", &[], &tokens).await), (429, 26));

    for (pairs, expected) in [
        (&[("grant_type", "refresh_token"), ("refresh_token", "x")][..], "invalid_grant"),
        (&[("grant_type", "password")][..], "unsupported_grant_type"),
        (&[][..], "invalid_request"),
    ] {
        let answer = weather.token(pairs).await;
        assert_eq!((answer.status, answer.json()), (400, json!({"error": expected})));
    }
    let stranger = [("grant_type", "refresh_token"), ("client_id", "x"), ("client_secret", "y")];
    assert_eq!(post_form(&format!("{}/oauth2/token", weather.origin), &[], &stranger).await.json()["error"], "invalid_client");
    assert!(weather.back("&scope=fly").await.ends_with("error=invalid_scope"));
}

#[tokio::test]
async fn the_station_and_a_module_that_cannot_be_reached() {
    let weather = Weather::start().await;
    let tokens = weather.login("").await;
    let answer = weather.call("getstationsdata", &[("get_favorites", "false")], &tokens).await.json();
    assert_eq!(answer["status"], "ok");
    let device = &answer["body"]["devices"][0];
    assert_eq!(device["_id"], STATION);
    for name in ["Temperature", "CO2", "Humidity", "Noise", "Pressure"] {
        assert!(device["dashboard_data"][name].is_number(), "{name}");
    }
    assert_eq!(device["modules"][3]["reachable"], false);
    assert!(device["modules"][3].get("dashboard_data").is_none());
    // A token in the query or the form works as well.
    let token = tokens["access_token"].as_str().expect("text");
    let url = format!("{}/api/getstationsdata", weather.origin);
    assert_eq!(get_url(&format!("{url}?{}", common::form(&[("access_token", token)]))).await.status, 200);
    assert_eq!(post_form(&url, &[], &[("access_token", token)]).await.status, 200);
    let homes = weather.call("homesdata", &[], &tokens).await.json();
    let home = homes["body"]["homes"][0]["id"].as_str().expect("text");
    let status = weather.call("homestatus", &[("home_id", home)], &tokens).await;
    assert_eq!((status.status, status.json()["body"]["errors"][0]["code"].clone()), (200, json!(6)));
}

#[tokio::test]
async fn one_series_in_two_shapes() {
    let weather = Weather::start().await;
    let tokens = weather.login("").await;
    let asked =
        [("type", "temperature,co2,humidity,pressure,noise"), ("scale", "30min"), ("date_begin", "1577836800"), ("date_end", "1577880000")];
    let object = weather.measure(&tokens, &[&asked[..], &[("optimize", "false")]].concat()).await;
    let rows = object.as_object().expect("keyed by time");
    // 00:00 to 12:00 inclusive, shifted to the middle of each half hour.
    assert_eq!(rows.len(), 25);
    assert_eq!(rows.keys().next().map(String::as_str), Some("1577837700"));
    assert_eq!(rows["1577837700"].as_array().expect("a row").len(), 5);
    assert!(rows.contains_key("1577880900"), "the last point lies past date_end");

    let series = weather.measure(&tokens, &asked).await;
    assert_eq!(series[0]["beg_time"], 1_577_837_700);
    assert_eq!(series[0]["step_time"], 1800);
    let values: Vec<_> = series.as_array().expect("runs").iter().flat_map(|run| run["value"].as_array().expect("rows")).collect();
    assert_eq!(values, rows.values().collect::<Vec<_>>(), "both shapes tell the same");

    let exact = weather.measure(&tokens, &[&asked[..], &[("optimize", "false"), ("real_time", "true")]].concat()).await;
    assert!(exact.get("1577836800").is_some());
    let again = weather.measure(&tokens, &[&asked[..], &[("optimize", "false")]].concat()).await;
    assert_eq!(again, object, "the past does not change");
}

#[tokio::test]
async fn paging_gaps_nulls_and_emptiness() {
    let weather = Weather::start().await;
    let tokens = weather.login("").await;
    let mut from = 1_577_836_800_i64;
    let (mut rows, mut pages, mut nulls) = (0, 0, 0);
    loop {
        let begin = from.to_string();
        let asked = [("type", "Temperature"), ("scale", "max"), ("date_begin", &begin), ("date_end", "1578700800"), ("optimize", "false")];
        let page = weather.measure(&tokens, &asked).await;
        let Some(page) = page.as_object() else { break };
        let last = page.keys().next_back().expect("not empty");
        from = last.parse::<i64>().expect("a time") + 1;
        nulls += page.values().filter(|row| row[0].is_null()).count();
        rows += page.len();
        pages += 1;
        assert!(page.len() <= 1024);
    }
    // Ten days of five minutes, less one outage of seven hours or two.
    assert!((2881 - 168..2881).contains(&rows), "{rows}");
    assert_eq!(pages, 3);
    assert!(nulls > 0);
    let gaps = weather
        .measure(&tokens, &[("type", "Temperature"), ("scale", "1hour"), ("date_begin", "1577836800"), ("date_end", "1578700800")])
        .await;
    assert!(gaps.as_array().expect("runs").len() >= 2, "an outage cuts the series");

    let future = weather.measure(&tokens, &[("type", "CO2"), ("scale", "max"), ("date_begin", "99999999999"), ("optimize", "false")]).await;
    assert_eq!(future, json!([]), "an empty array even where an object was asked for");
    let last = weather.measure(&tokens, &[("type", "CO2"), ("scale", "max"), ("date_end", "last")]).await;
    assert_eq!(last[0]["value"].as_array().expect("a row").len(), 1);
    assert!(last[0].get("step_time").is_none());
    let rain = weather.measure(&tokens, &[("type", "Rain"), ("scale", "max"), ("date_end", "last")]).await;
    assert_eq!(rain[0]["value"], json!([[null]]), "the station has no rain gauge, a module has");
    let year = [
        ("module_id", "05:00:00:5a:9d:b0"),
        ("type", "sum_rain"),
        ("scale", "1month"),
        ("date_begin", "1577836800"),
        ("date_end", "1609459199"),
    ];
    assert_eq!(
        weather
            .measure(&tokens, &year)
            .await
            .as_array()
            .expect("runs")
            .iter()
            .map(|run| run["value"].as_array().expect("rows").len())
            .sum::<usize>(),
        12
    );
}

#[tokio::test]
async fn bad_requests_say_which_number() {
    let weather = Weather::start().await;
    let tokens = weather.login("").await;
    for (pairs, status, code) in [
        (&[("scale", "max"), ("type", "CO2")][..], 400, 10),
        (&[("device_id", "x"), ("scale", "max"), ("type", "CO2")], 404, 9),
        (&[("device_id", STATION), ("scale", "weekly"), ("type", "CO2")], 400, 21),
        (&[("device_id", STATION), ("scale", "max"), ("type", "colour")], 400, 21),
        (&[("device_id", STATION), ("scale", "max"), ("type", "CO2"), ("date_begin", "now")], 400, 25),
    ] {
        let answer = weather.call("getmeasure", pairs, &tokens).await;
        assert_eq!((answer.status, answer.json()["error"]["code"].as_u64()), (status, Some(code)), "{pairs:?}");
    }
}
