//! `/1/user/-/….json`: profile, devices, days, series, sleep. Dates are local and bare, values of series are strings.

use axum::http::Method;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, ToSpan as _};
use serde_json::{Value, json};

use super::days::Day;
use super::{Caller, USER, errors, ok};
use crate::clock::timestamp;
use crate::desk::Desk;
use crate::message::{Call, Reply};

/// Days in one answer.
const LONGEST: usize = 1100;

pub(crate) fn answer(desk: &Desk, call: &Call, caller: &Caller) -> Reply {
    if call.method != Method::GET {
        return Reply::method_not_allowed("GET");
    }
    let today = timestamp(desk.wall()).to_zoned(TimeZone::UTC).date();
    let segments = call.segments();
    let ["1" | "1.1" | "1.2" | "1.3", "user", user, rest @ ..] = segments.as_slice() else {
        return not_found(call);
    };
    if !["-", USER].contains(user) {
        return errors(403, "insufficient_permissions", None, "The caller is not allowed to see this user's data.");
    }
    // `.json` belongs to the last segment.
    let Some((last, before)) = rest.split_last() else { return not_found(call) };
    let Some(last) = last.strip_suffix(".json") else { return not_found(call) };
    let path: Vec<&str> = before.iter().copied().chain([last]).collect();

    let (scope, body) = match *path.as_slice() {
        ["profile"] => ("profile", Ok(profile(today))),
        ["devices"] => ("settings", Ok(devices(desk.wall()))),
        ["activities", "date", date] => ("activity", day(date, today).map(|date| Day::new(date).activities())),
        ["activities", "heart", "date", from, to] => ("heartrate", heart(from, to, today)),
        ["activities", resource, "date", from, to] => ("activity", series(resource, from, to, today)),
        ["sleep", "date", from, to] => ("sleep", nights(from, to, today)),
        ["sleep", "date", date] => ("sleep", day(date, today).map(|date| Day::new(date).sleep())),
        _ => return not_found(call),
    };
    let granted = caller.scopes.as_ref().is_none_or(|scopes| scopes.iter().any(|granted| granted == scope));
    if !granted || desk.faults().missing_scope {
        let message = format!(
            "This application does not have permission to access {scope} data. Visit https://dev.fitbit.com/docs/oauth2 \
             for more information on the Fitbit Web API authorization process."
        );
        return errors(403, "insufficient_scope", None, &message);
    }
    match body {
        Ok(body) => ok(200, &body),
        Err(message) => errors(400, "validation", Some("date"), &message),
    }
}

fn profile(today: Date) -> Value {
    let steps = (0..7).filter_map(|back: i64| today.checked_sub(back.days()).ok()).map(|date| Day::new(date).steps()).sum::<u64>() / 7;
    json!({"user": {
        "aboutMe": "", "age": 43, "avatar": "https://sandbox.invalid/robin.png", "avatar150": "https://sandbox.invalid/robin150.png",
        "averageDailySteps": steps, "city": "Gothenburg", "country": "SE", "dateOfBirth": "1983-01-28", "displayName": "Robin",
        "distanceUnit": "METRIC", "encodedId": USER, "features": {"exerciseGoal": true}, "foodsLocale": "en_GB", "fullName": "Robin Demo",
        "gender": "NA", "glucoseUnit": "METRIC", "height": 170.2, "heightUnit": "METRIC", "locale": "en_GB", "memberSince": "2013-10-25",
        "offsetFromUTCMillis": 0, "startDayOfWeek": "MONDAY", "strideLengthRunning": 88.5, "strideLengthWalking": 70.6, "timezone": "UTC",
        "topBadges": [], "waterUnit": "METRIC", "weight": 71.4, "weightUnit": "METRIC",
    }})
}

/// An array at the top.
fn devices(now: i64) -> Value {
    let synced = timestamp(now - now.rem_euclid(900)).strftime("%Y-%m-%dT%H:%M:%S.000").to_string();
    json!([
        {"battery": "High", "batteryLevel": 65, "deviceVersion": "Zip", "features": [], "id": "5000001", "lastSyncTime": synced,
            "mac": "020000000001", "type": "TRACKER"},
        {"battery": "Medium", "batteryLevel": 40, "deviceVersion": "Aria", "features": [], "id": "5000002", "lastSyncTime": synced,
            "mac": "020000000002", "type": "SCALE"},
    ])
}

fn heart(from: &str, to: &str, today: Date) -> Result<Value, String> {
    let entries: Vec<_> = dates(from, to, today)?.into_iter().map(|date| Day::new(date).heart()).collect();
    Ok(json!({"activities-heart": entries}))
}

/// The newest first, at most a hundred days.
fn nights(from: &str, to: &str, today: Date) -> Result<Value, String> {
    let mut dates = dates(from, to, today)?;
    if dates.len() > 100 {
        return Err("The range between start and end date must not be longer than 100 days".to_owned());
    }
    dates.reverse();
    let nights: Vec<Value> = dates.into_iter().filter_map(|date| Day::new(date).sleep()["sleep"].get(0).cloned()).collect();
    Ok(json!({"sleep": nights}))
}

fn series(resource: &str, from: &str, to: &str, today: Date) -> Result<Value, String> {
    let values = dates(from, to, today)?.into_iter().map(|date| {
        let value = Day::new(date).value(resource).ok_or_else(|| format!("Invalid time series resource: {resource}"))?;
        Ok(json!({"dateTime": date.to_string(), "value": value}))
    });
    let values: Result<Vec<_>, String> = values.collect();
    Ok(json!({format!("activities-{resource}"): values?}))
}

/// From a date to another, or a period that ends on the first.
fn dates(from: &str, to: &str, today: Date) -> Result<Vec<Date>, String> {
    let first = day(from, today)?;
    let period: Option<Span> = match to {
        "1d" => Some(1.day()),
        "7d" | "1w" => Some(7.days()),
        "30d" => Some(30.days()),
        "1m" => Some(1.month()),
        "3m" => Some(3.months()),
        "6m" => Some(6.months()),
        "1y" => Some(1.year()),
        _ => None,
    };
    let (first, last) = match period {
        None => (first, day(to, today)?),
        Some(period) => {
            let begin = first.checked_sub(period).and_then(|date| date.tomorrow());
            (begin.map_err(|_| format!("Invalid date: {from}"))?, first)
        }
    };
    let dates: Vec<_> = first.series(1.day()).take_while(|date| *date <= last).take(LONGEST + 1).collect();
    if dates.len() > LONGEST {
        return Err(format!("The range between start and end date must not be longer than {LONGEST} days"));
    }
    Ok(dates)
}

fn day(text: &str, today: Date) -> Result<Date, String> {
    if text == "today" {
        return Ok(today);
    }
    // Nothing but yyyy-MM-dd.
    if text.len() == 10 { text.parse().map_err(|_| format!("Invalid date: {text}")) } else { Err(format!("Invalid date: {text}")) }
}

fn not_found(call: &Call) -> Reply {
    let message = format!("The API you are requesting could not be found: {}", call.path());
    errors(404, "not_found", None, &message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_end_on_their_date() {
        let today = Date::constant(2026, 11, 21);
        let dates = |from, to| dates(from, to, today).map(|dates| (dates[0].to_string(), dates.len()));
        assert_eq!(dates("2026-11-07", "7d"), Ok(("2026-11-01".to_owned(), 7)));
        assert_eq!(dates("today", "1d"), Ok(("2026-11-21".to_owned(), 1)));
        assert_eq!(dates("2026-11-01", "2026-11-03"), Ok(("2026-11-01".to_owned(), 3)));
        assert!(dates("2026-11-01", "2036-11-03").is_err());
        assert!(dates("-009999-01-01", "1y").is_err());
        assert!(dates("yesterday", "1d").is_err());
    }
}
