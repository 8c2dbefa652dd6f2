//! `getmeasure`: a series of values, in two shapes, at most 1024 rows at a time.

use jiff::tz::TimeZone;
use jiff::{ToSpan as _, Unit};
use serde_json::{Map, Value, json};

use super::error;
use super::station::{MODULES, Module, Quantity, SETUP, STEP, number};
use crate::clock::timestamp;
use crate::message::{Call, Reply};
use crate::weather::{hash, round1};

/// Rows in one answer.
const LIMIT: usize = 1024;

pub(crate) fn answer(call: &Call, now: i64) -> Result<Value, Reply> {
    let asked = Asked::read(call, now)?;
    let rows = asked.rows(now);
    Ok(if asked.optimize { series(&rows) } else { by_time(&rows) })
}

struct Asked {
    module: &'static Module,
    scale: Scale,
    columns: Vec<Option<Column>>,
    from: i64,
    to: i64,
    limit: usize,
    /// Only the newest row.
    last: bool,
    optimize: bool,
    real_time: bool,
}

/// How much time one row covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scale {
    /// Every measurement.
    Max,
    Fixed(i64),
    Month,
}

/// A quantity, or something about it within the row's time.
#[derive(Clone, Copy)]
struct Column {
    quantity: Quantity,
    of: Of,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    Mean,
    Min,
    Max,
    Sum,
    DateOfMin,
    DateOfMax,
}

struct Row {
    /// As it is shown, moved to the middle of its time.
    at: i64,
    /// Seconds it covers.
    step: i64,
    values: Vec<Value>,
}

impl Asked {
    fn read(call: &Call, now: i64) -> Result<Self, Reply> {
        let needed = |name| call.param(name).filter(|text| !text.is_empty()).ok_or_else(|| error(400, 10, "Missing parameters"));
        let (device, scale, types) = (needed("device_id")?, needed("scale")?, needed("type")?);
        if !device.eq_ignore_ascii_case(MODULES[0].id) {
            return Err(error(404, 9, "Device not found"));
        }
        let id = call.param("module_id").unwrap_or(device);
        let module = MODULES.iter().find(|module| module.id.eq_ignore_ascii_case(id)).ok_or_else(|| error(404, 9, "Device not found"))?;
        let scale = Scale::named(scale).ok_or_else(|| error(400, 21, "Invalid scale"))?;
        let columns = types.split(',').map(|name| column(module, scale, name)).collect::<Result<_, _>>()?;
        let time = |name| match call.param(name) {
            None | Some("") => Ok(None),
            Some(text) => text.parse().map(Some).map_err(|_| error(400, 25, &format!("Invalid {name}"))),
        };
        let last = call.param("date_end") == Some("last");
        let limit = match call.param("limit") {
            None => LIMIT,
            Some(text) => text.parse().map_err(|_| error(400, 21, "Invalid limit"))?,
        };
        Ok(Self {
            module,
            scale,
            columns,
            from: time("date_begin")?.unwrap_or(SETUP),
            to: if last { now } else { time("date_end")?.unwrap_or(now) },
            limit: limit.min(LIMIT),
            last,
            optimize: !matches!(call.param("optimize"), Some("false" | "0")),
            real_time: matches!(call.param("real_time"), Some("true" | "1")),
        })
    }

    /// Rows whose begin lies in the range. Filtering comes before the shift to the middle, so a point can lie past `to`.
    fn rows(&self, now: i64) -> Vec<Row> {
        // What cannot be reached has been silent for three days.
        let newest = if self.module.reachable { now } else { now - 3 * 86_400 };
        let to = self.to.min(newest);
        let mut at = if self.last { self.scale.begin(to) } else { self.scale.begin(self.from.max(SETUP)) };
        let limit = if self.last { 1 } else { self.limit };
        let mut rows = Vec::new();
        while at <= to && rows.len() < limit {
            let next = self.scale.next(at);
            if self.last || (at >= self.from && at >= SETUP && !self.is_silent(at)) {
                let shift = if self.real_time || self.scale == Scale::Max { 0 } else { (next - at) / 2 };
                let values = self.columns.iter().map(|column| self.value(*column, at, next.min(newest + 1))).collect();
                rows.push(Row { at: at + shift, step: next - at, values });
            }
            at = next;
        }
        rows
    }

    fn value(&self, column: Option<Column>, from: i64, to: i64) -> Value {
        let Some(Column { quantity, of }) = column else { return Value::Null };
        // Now and then a reading is lost on the way.
        if self.scale == Scale::Max && hash(97, from / STEP + quantity as i64).is_multiple_of(151) {
            return Value::Null;
        }
        if self.scale == Scale::Max {
            return quantity.json_at(from);
        }
        // Twelve readings tell enough about a day or a month.
        let sample = ((to - from) / 12).max(STEP);
        let times = || (from..to.max(from + 1)).step_by(usize::try_from(sample).unwrap_or(1));
        let by_value = |a: &i64, b: &i64| quantity.at(*a).total_cmp(&quantity.at(*b));
        let low = || times().min_by(by_value).unwrap_or(from);
        let high = || times().max_by(by_value).unwrap_or(from);
        let sum = || times().map(|at| quantity.at(at)).sum::<f64>();
        match of {
            Of::Mean => {
                let mean = sum() / times().count().max(1) as f64;
                // Whole numbers stay whole, as the station reports them.
                number(if quantity.at(from).fract() == 0.0 && !decimals(quantity) { mean.round() } else { round1(mean) })
            }
            Of::Min => quantity.json_at(low()),
            Of::Max => quantity.json_at(high()),
            // Rain is a rate per hour.
            Of::Sum => number(round1(sum() * sample as f64 / 3600.0)),
            Of::DateOfMin => json!(low()),
            Of::DateOfMax => json!(high()),
        }
    }

    /// The station was unplugged for seven hours on every ninth day.
    fn is_silent(&self, at: i64) -> bool {
        let (day, second) = (at.div_euclid(86_400), at.rem_euclid(86_400));
        matches!(self.scale, Scale::Max | Scale::Fixed(..=10_800)) && day % 9 == 4 && (7 * 3600..14 * 3600).contains(&second)
    }
}

impl Scale {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "max" => Self::Max,
            "30min" => Self::Fixed(1800),
            "1hour" => Self::Fixed(3600),
            "3hours" => Self::Fixed(10_800),
            "1day" => Self::Fixed(86_400),
            "1week" => Self::Fixed(604_800),
            "1month" => Self::Month,
            _ => return None,
        })
    }

    /// The begin of the row that holds this time.
    fn begin(self, unix: i64) -> i64 {
        match self {
            Self::Max => unix.div_euclid(STEP) * STEP,
            Self::Fixed(step) => unix.div_euclid(step) * step,
            Self::Month => month(unix, 0),
        }
    }

    fn next(self, begin: i64) -> i64 {
        match self {
            Self::Max => begin.saturating_add(STEP),
            Self::Fixed(step) => begin.saturating_add(step),
            Self::Month => month(begin, 1).max(begin.saturating_add(1)),
        }
    }

    /// Daily and longer rows also know when their extremes were.
    fn knows_dates(self) -> bool {
        matches!(self, Self::Month | Self::Fixed(86_400..))
    }
}

/// The first second of the month that holds this time, or of a later one.
fn month(unix: i64, later: i64) -> i64 {
    let begin = || {
        let day = timestamp(unix).to_zoned(TimeZone::UTC).first_of_month().ok()?;
        let day = day.checked_add(later.months()).ok()?;
        Some(day.round(Unit::Day).ok()?.date().to_zoned(TimeZone::UTC).ok()?.timestamp().as_second())
    };
    // Beyond the calendar there are no more months.
    begin().unwrap_or(i64::MAX)
}

/// A type by its name, in any case; `None` if it exists, but not in this module.
fn column(module: &Module, scale: Scale, name: &str) -> Result<Option<Column>, Reply> {
    const ALL: [&str; 10] =
        ["Temperature", "CO2", "Humidity", "Pressure", "Noise", "Rain", "WindStrength", "WindAngle", "GustStrength", "GustAngle"];
    let name = name.trim().to_ascii_lowercase();
    // Documentation and examples disagree about the case (`Guststrength`, `temperature`).
    let plain = ALL.iter().find(|known| known.eq_ignore_ascii_case(&name));
    let (wanted, of) = match (plain, name.as_str()) {
        (Some(wanted), _) => (*wanted, Of::Mean),
        _ if scale == Scale::Max => return Err(error(400, 21, &format!("Invalid type {name}"))),
        (None, "sum_rain") => ("Rain", Of::Sum),
        (None, "date_max_gust") => ("GustStrength", Of::DateOfMax),
        (None, aggregate) => {
            let (rest, of) = [("date_min_", Of::DateOfMin), ("date_max_", Of::DateOfMax), ("min_", Of::Min), ("max_", Of::Max)]
                .iter()
                .find_map(|(prefix, of)| Some((aggregate.strip_prefix(prefix)?, *of)))
                .ok_or_else(|| error(400, 21, &format!("Invalid type {name}")))?;
            let wanted = match rest {
                "temp" => "Temperature",
                "hum" => "Humidity",
                "pressure" => "Pressure",
                "noise" => "Noise",
                "co2" => "CO2",
                _ => return Err(error(400, 21, &format!("Invalid type {name}"))),
            };
            if matches!(of, Of::DateOfMin | Of::DateOfMax) && !scale.knows_dates() {
                return Err(error(400, 21, &format!("Invalid type {name}")));
            }
            (wanted, of)
        }
    };
    let quantity = module.quantities.iter().find(|quantity| quantity.name() == wanted);
    Ok(quantity.map(|quantity| Column { quantity: *quantity, of }))
}

fn decimals(quantity: Quantity) -> bool {
    matches!(quantity.name(), "Temperature" | "Pressure" | "Rain")
}

/// `optimize=false`: an object keyed by time. An empty one comes as an empty array, as PHP writes it.
fn by_time(rows: &[Row]) -> Value {
    if rows.is_empty() {
        return json!([]);
    }
    Value::Object(rows.iter().map(|row| (row.at.to_string(), json!(row.values))).collect::<Map<_, _>>())
}

/// `optimize=true`: runs of equal steps. A run of one value has no step.
fn series(rows: &[Row]) -> Value {
    let mut runs: Vec<(i64, i64, i64, Vec<&Vec<Value>>)> = Vec::new();
    for row in rows {
        match runs.last_mut() {
            Some((_, step, end, values)) if *step == row.step && *end + *step == row.at => {
                *end = row.at;
                values.push(&row.values);
            }
            _ => runs.push((row.at, row.step, row.at, vec![&row.values])),
        }
    }
    let run = |(begin, step, _, values): &(i64, i64, i64, Vec<&Vec<Value>>)| {
        let mut json = json!({"beg_time": begin, "value": values});
        if values.len() > 1 {
            json["step_time"] = json!(step);
        }
        json
    };
    runs.iter().map(run).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_are_calendar_months() {
        // 2024-02-15 → 2024-02-01, 2024-03-01.
        assert_eq!(Scale::Month.begin(1_707_955_200), 1_706_745_600);
        assert_eq!(Scale::Month.next(1_706_745_600), 1_709_251_200);
        assert!(Scale::Month.next(i64::MAX - 1) > i64::MAX - 1);
    }

    #[test]
    fn types_are_found_in_any_case_where_the_module_has_them() {
        let main = &MODULES[0];
        assert!(column(main, Scale::Max, "temperature").expect("known").is_some());
        assert!(column(main, Scale::Max, "RAIN").expect("known").is_none());
        assert!(column(main, Scale::Max, "min_temp").is_err());
        assert!(column(main, Scale::Fixed(1800), "min_temp").expect("known").is_some());
        assert!(column(main, Scale::Fixed(1800), "date_min_temp").is_err());
        assert!(column(main, Scale::Fixed(86_400), "date_min_temp").expect("known").is_some());
        assert!(column(main, Scale::Fixed(86_400), "colour").is_err());
    }

    #[test]
    fn a_gap_makes_a_second_series() {
        let row = |at| Row { at, step: 300, values: vec![json!(1)] };
        let series = series(&[row(0), row(300), row(1200)]);
        assert_eq!(series[0], json!({"beg_time": 0, "step_time": 300, "value": [[1], [1]]}));
        assert_eq!(series[1], json!({"beg_time": 1200, "value": [[1]]}));
    }
}
