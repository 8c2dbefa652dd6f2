//! The demo person's days: a walker who sleeps enough, as functions of the date.

use jiff::civil::Date;
use serde_json::{Value, json};

use crate::weather::hash;

/// What was done on one day.
pub(crate) struct Day {
    date: Date,
    /// A number for this day, the same at each look.
    chance: u64,
}

impl Day {
    pub(crate) fn new(date: Date) -> Self {
        let days = i64::from(date.year()) * 400 + i64::from(date.day_of_year());
        Self { date, chance: hash(2013, days) }
    }

    pub(crate) fn steps(&self) -> u64 {
        4200 + self.chance % 9000
    }

    fn distance_km(&self) -> f64 {
        (self.steps() as f64 * 0.000_72 * 100.0).round() / 100.0
    }

    fn floors(&self) -> u64 {
        self.steps() / 900
    }

    fn calories(&self) -> u64 {
        1640 + self.steps() / 9
    }

    pub(crate) fn resting_heart_rate(&self) -> u64 {
        58 + self.chance % 7
    }

    fn active_minutes(&self) -> (u64, u64, u64) {
        (self.steps() / 260, self.steps() / 400, 110 + self.chance % 90)
    }

    /// One value of a time series, as text: Fitbit writes all of them as strings.
    pub(crate) fn value(&self, resource: &str) -> Option<String> {
        Some(match resource {
            "steps" => self.steps().to_string(),
            "distance" => self.distance_km().to_string(),
            "floors" => self.floors().to_string(),
            "elevation" => (self.floors() * 3).to_string(),
            "calories" => self.calories().to_string(),
            "minutesVeryActive" => self.active_minutes().0.to_string(),
            "minutesFairlyActive" => self.active_minutes().1.to_string(),
            "minutesLightlyActive" => self.active_minutes().2.to_string(),
            "minutesSedentary" => (1440 - 430 - self.active_minutes().2).to_string(),
            _ => return None,
        })
    }

    /// `/1/user/-/activities/date/{date}.json`.
    pub(crate) fn activities(&self) -> Value {
        let (very, fairly, lightly) = self.active_minutes();
        let walk = json!({
            "activityId": 90013, "activityParentId": 90013, "activityParentName": "Walk", "calories": self.steps() / 40,
            "description": "", "duration": 2_400_000, "hasStartTime": true, "isFavorite": false,
            "lastModified": format!("{}T18:57:46.000+00:00", self.date), "logId": 105_000_000 + self.chance % 1_000_000,
            "name": "Walk", "startDate": self.date.to_string(), "startTime": "17:16", "steps": self.steps() / 3,
        });
        json!({
            "activities": [walk],
            "goals": {"activeMinutes": 30, "caloriesOut": 2400, "distance": 8.05, "floors": 10, "steps": 10000},
            "summary": {
                "activeScore": -1, "activityCalories": self.calories() - 1500, "caloriesBMR": 1623, "caloriesOut": self.calories(),
                "distances": [{"activity": "total", "distance": self.distance_km()}], "elevation": self.floors() * 3,
                "fairlyActiveMinutes": fairly, "floors": self.floors(), "heartRateZones": self.zones(),
                "lightlyActiveMinutes": lightly, "marginalCalories": self.calories() / 4, "restingHeartRate": self.resting_heart_rate(),
                "sedentaryMinutes": 1440 - 430 - lightly, "steps": self.steps(), "veryActiveMinutes": very,
            },
        })
    }

    /// One entry of `activities-heart`.
    pub(crate) fn heart(&self) -> Value {
        let value = json!({"customHeartRateZones": [], "heartRateZones": self.zones(), "restingHeartRate": self.resting_heart_rate()});
        json!({"dateTime": self.date.to_string(), "value": value})
    }

    /// `/1.2/user/-/sleep/date/{date}.json`.
    pub(crate) fn sleep(&self) -> Value {
        let (deep, rem, wake) = (70 + self.chance % 35, 80 + self.chance % 30, 35 + self.chance % 20);
        let light = 250 + self.chance % 40;
        let asleep = deep + rem + light;
        let in_bed = asleep + wake;
        let eve = self.date.yesterday().unwrap_or(self.date);
        let stage = |count: u64, minutes: u64| json!({"count": count, "minutes": minutes, "thirtyDayAvgMinutes": minutes});
        let data: Vec<_> = [("wake", 360), ("light", 3600), ("deep", 2400), ("rem", 1500)]
            .iter()
            .map(|(level, seconds)| json!({"dateTime": format!("{eve}T23:12:30.000"), "level": level, "seconds": seconds}))
            .collect();
        json!({
            "sleep": [{
                "dateOfSleep": self.date.to_string(), "duration": in_bed * 60_000, "efficiency": 85 + self.chance % 12, "isMainSleep": true,
                "levels": {"summary": {"deep": stage(4, deep), "light": stage(24, light), "rem": stage(6, rem), "wake": stage(27, wake)},
                    "data": data, "shortData": []},
                "logId": 15_000_000_000_u64 + self.chance % 1_000_000_000, "logType": "auto_detected", "minutesAfterWakeup": 0,
                "minutesAsleep": asleep, "minutesAwake": wake, "minutesToFallAsleep": 0,
                "startTime": format!("{eve}T23:12:30.000"), "endTime": format!("{}T07:04:00.000", self.date), "timeInBed": in_bed,
                "type": "stages", "infoCode": 0,
            }],
            "summary": {"stages": {"deep": deep, "light": light, "rem": rem, "wake": wake}, "totalMinutesAsleep": asleep,
                "totalSleepRecords": 1, "totalTimeInBed": in_bed},
        })
    }

    fn zones(&self) -> Value {
        let zone = |name: &str, min: u64, max: u64, minutes: u64| json!({"name": name, "min": min, "max": max, "minutes": minutes, "caloriesOut": minutes as f64 * 1.25});
        let (very, fairly, _) = self.active_minutes();
        json!([
            zone("Out of Range", 30, 94, 1440 - very - fairly - 4),
            zone("Fat Burn", 94, 132, fairly),
            zone("Cardio", 132, 160, very),
            zone("Peak", 160, 220, 4),
        ])
    }
}
