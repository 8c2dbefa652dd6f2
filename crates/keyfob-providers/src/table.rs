//! What an action's answer looks like to a person: columns and rows, which a terminal and a page both draw, and the chart in
//! them.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde_json::Value;

use crate::moment::Day;

/// What an action's answer looks like to a person.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Table {
    /// How it wants to be drawn.
    pub view: View,
    /// The columns.
    pub columns: Vec<Column>,
    /// The rows; each has a cell for every column.
    pub rows: Vec<Row>,
}

/// How a table wants to be drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum View {
    /// A row below the other.
    #[default]
    List,
    /// One thing (seldom several), each column a line: title and value.
    Details,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Column {
    /// Its name, for programs.
    pub title: String,
    /// What people call it, where its name is a word of the API: `Lowest temperature`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caption: Option<String>,
    /// The unit of its numbers.
    pub unit: Option<String>,
    /// What its cells are.
    pub kind: CellKind,
    /// Its part in a chart.
    pub axis: Option<Axis>,
}

impl Column {
    /// Whether its cells line up at the right.
    pub fn is_right_aligned(&self) -> bool {
        self.kind == CellKind::Number
    }

    /// Title and unit, for programs: `min_temp (°C)`.
    pub fn heading(&self) -> String {
        self.with_unit(&self.title)
    }

    /// What people call it: `Lowest temperature`.
    pub fn caption(&self) -> &str {
        self.caption.as_deref().unwrap_or(&self.title)
    }

    /// The same and the unit: `Lowest temperature (°C)`.
    pub fn caption_with_unit(&self) -> String {
        self.with_unit(self.caption())
    }

    fn with_unit(&self, name: &str) -> String {
        match &self.unit {
            Some(unit) => format!("{name} ({unit})"),
            None => name.to_owned(),
        }
    }
}

/// What the cells of a column are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CellKind {
    /// Text as it is.
    #[default]
    Text,
    /// Numbers.
    Number,
    /// Moments, as seconds since 1970.
    Time,
    /// Days of the calendar, which no time zone shifts.
    Date,
    /// Yes or no.
    Flag,
}

impl CellKind {
    /// Whether they say when: moments, or days.
    pub fn is_when(self) -> bool {
        matches!(self, Self::Time | Self::Date)
    }
}

/// A column's part in a chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Axis {
    /// Its values are the positions.
    X,
    /// Its values are a line.
    Y,
}

/// A row.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Row {
    /// One for each column.
    pub cells: Vec<Cell>,
    /// What can be done with what this row shows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
}

/// An action that concerns a row, with its arguments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Link {
    /// The action's name.
    pub action: String,
    /// What to put on the button or link.
    pub label: String,
    /// The arguments; the action may have further parameters.
    pub arguments: BTreeMap<String, String>,
}

/// A cell.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Cell {
    /// Nothing there.
    #[default]
    Empty,
    /// Text, without control characters.
    Text(String),
    /// A number.
    Number(f64),
    /// A moment: seconds since 1970.
    Time(i64),
    /// A day.
    Date(Day),
    /// Yes or no.
    Flag(bool),
}

impl Cell {
    pub(crate) fn of(value: &Value, kind: CellKind, decimals: Option<u8>) -> Self {
        let text = |value: &Value| match value {
            Value::Null => Self::Empty,
            Value::String(text) if text.is_empty() => Self::Empty,
            Value::String(text) => Self::Text(keyfob_proto::scrub::printable(text)),
            other => Self::Text(keyfob_proto::scrub::printable(&other.to_string())),
        };
        match kind {
            CellKind::Text => text(value),
            CellKind::Number => number(value).map_or_else(|| text(value), |number| Self::Number(rounded(number, decimals))),
            CellKind::Time => match value {
                Value::String(written) if crate::moment::parse(written).is_some() => {
                    crate::moment::parse(written).map_or(Self::Empty, Self::Time)
                }
                _ => number(value).filter(|n| n.abs() < 1e15).map_or_else(|| text(value), |number| Self::Time(number as i64)),
            },
            CellKind::Date => match value {
                Value::String(written) => Day::parse(written).map_or_else(|| text(value), Self::Date),
                // A number of seconds is a moment: which day that is depends on where one is.
                _ => text(value),
            },
            CellKind::Flag => match value {
                Value::Bool(flag) => Self::Flag(*flag),
                _ => match number(value) {
                    Some(number) => Self::Flag(number != 0.0),
                    None => text(value),
                },
            },
        }
    }

    /// The cell as a number, for a chart; a day by the seconds to where it begins.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Time(seconds) => Some(*seconds as f64),
            Self::Date(day) => Some(day.seconds() as f64),
            Self::Flag(flag) => Some(f64::from(u8::from(*flag))),
            Self::Empty | Self::Text(_) => None,
        }
    }
}

/// Plain text; moments in UTC. A front end that knows the person's time zone writes moments itself.
impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => Ok(()),
            Self::Text(text) => f.pad(text),
            Self::Number(number) => f.pad(&number.to_string()),
            Self::Time(seconds) => f.pad(&crate::moment::utc(*seconds)),
            Self::Date(day) => day.fmt(f),
            Self::Flag(flag) => f.pad(if *flag { "yes" } else { "no" }),
        }
    }
}

impl Table {
    /// Adds the rows of the next page. Columns stay those of the first.
    pub fn append(&mut self, next: Self) {
        if self.columns.is_empty() {
            self.columns = next.columns;
            self.view = next.view;
        }
        self.rows.extend(next.rows);
    }

    /// The chart in this table, where it has one.
    pub fn chart(&self) -> Option<Chart> {
        let x = self.columns.iter().position(|column| column.axis == Some(Axis::X))?;
        let positions: Vec<Option<f64>> = self.rows.iter().map(|row| row.cells.get(x).and_then(Cell::number)).collect();
        let series: Vec<Series> = (self.columns.iter().enumerate())
            .filter(|(_, column)| column.axis == Some(Axis::Y))
            .map(|(at, column)| Series {
                title: column.caption().to_owned(),
                unit: column.unit.clone(),
                points: (self.rows.iter().zip(&positions))
                    .filter_map(|(row, position)| Some((((*position)?), row.cells.get(at).and_then(Cell::number))))
                    .collect(),
            })
            .collect();
        let drawable = series.iter().any(|series| series.points.iter().filter(|(_, y)| y.is_some()).count() > 1);
        drawable.then(|| Chart { x: self.columns[x].clone(), series })
    }
}

/// Lines over a common axis.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Chart {
    /// What the positions are.
    pub x: Column,
    /// The lines.
    pub series: Vec<Series>,
}

/// A line.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Series {
    /// What it shows.
    pub title: String,
    /// In which unit.
    pub unit: Option<String>,
    /// Position and value; a gap has no value.
    pub points: Vec<(f64, Option<f64>)>,
}

impl Series {
    /// Whether it says on or off: something that stays so until it changes, and is drawn without slopes.
    pub fn is_switch(&self) -> bool {
        self.unit.is_none() && self.points.iter().all(|(_, y)| y.is_none_or(|y| y == 0.0 || y == 1.0))
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
    .filter(|number: &f64| number.is_finite())
}

fn rounded(number: f64, decimals: Option<u8>) -> f64 {
    let Some(decimals) = decimals else { return number };
    let scale = 10f64.powi(i32::from(decimals));
    let scaled = (number * scale).round() / scale;
    if scaled.is_finite() { scaled } else { number }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn cells_take_what_servers_send() {
        assert_eq!(Cell::of(&json!("20.46"), CellKind::Number, Some(1)), Cell::Number(20.5));
        assert_eq!(Cell::of(&json!("unde"), CellKind::Number, None), Cell::Text("unde".into()));
        assert_eq!(Cell::of(&json!("1"), CellKind::Flag, None), Cell::Flag(true));
        assert_eq!(Cell::of(&json!(1423582025), CellKind::Time, None), Cell::Time(1423582025));
        assert_eq!(Cell::of(&json!("2017-12-10T04:48:30.272Z"), CellKind::Time, None), Cell::Time(1512881310));
        for day in ["2017-12-10", " 2017-12-10 ", "2017-12-10T23:30:00", "2017-12-10T23:30:00-08:00", "2017-12-10T00:30:00+09:00"] {
            let cell = Cell::of(&json!(day), CellKind::Date, None);
            assert_eq!(
                (&cell, cell.to_string().as_str(), cell.number()),
                (&Cell::Date(Day(17_510)), "2017-12-10", Some(1_512_864_000.0)),
                "{day}"
            );
            assert_eq!(serde_json::to_value(&cell).ok(), Some(json!("2017-12-10")));
        }
        for other in [json!("soon"), json!("2017-02-30"), json!(1_512_864_000)] {
            assert!(matches!(Cell::of(&other, CellKind::Date, None), Cell::Text(_)), "{other}");
        }
        assert_eq!(Cell::of(&json!(null), CellKind::Date, None), Cell::Empty);
        assert_eq!(Cell::of(&json!(null), CellKind::Text, None), Cell::Empty);
        assert_eq!(Cell::of(&json!("NaN"), CellKind::Number, None), Cell::Text("NaN".into()));
        assert_eq!(Cell::of(&json!("a\u{1b}[2Jb"), CellKind::Text, None), Cell::Text("a[2Jb".into()));
        assert_eq!(Cell::Time(1512881310).to_string(), "2017-12-10 04:48:30Z");
    }
}
