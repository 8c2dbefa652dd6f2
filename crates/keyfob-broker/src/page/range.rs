//! Spans of time to choose from, where an action shows a series: a day, a week, a month, or what the form says.

use std::collections::BTreeMap;

use keyfob::proto::Timestamp;
use keyfob_providers::{Action, Axis, Parameter, ParameterKind, Table};

use super::action_path;
use crate::seat::Seat;

const DAY: i64 = 86_400;

/// What people ask for, of moments and of days.
const MOMENTS: [(&str, i64); 3] = [("Day", DAY), ("Week", 7 * DAY), ("Month", 30 * DAY)];
const DAYS: [(&str, i64); 3] = [("Week", 7 * DAY), ("Month", 30 * DAY), ("3 months", 90 * DAY)];

/// A span, as a link.
pub(crate) struct Range {
    pub(crate) label: String,
    pub(crate) href: String,
    /// Whether this is what is shown.
    pub(crate) is_here: bool,
}

impl Range {
    /// The spans of an action that shows a series over time, with everything else as it was said. Without its table, of an action that
    /// cannot do without them.
    pub(crate) fn all(seat: &Seat, action: &Action, said: &BTreeMap<String, String>, table: Option<&Table>, now: Timestamp) -> Vec<Self> {
        let is_series = |table: &Table| table.columns.iter().any(|column| column.axis == Some(Axis::X) && column.kind.is_when());
        match (action.begins(), action.period(), table) {
            (Some(from), _, Some(table)) if is_series(table) => spans(seat, action, said, from, now),
            (Some(from), _, None) if from.required => spans(seat, action, said, from, now),
            (None, Some(period), Some(table)) if is_series(table) => periods(seat, action, said, period),
            _ => Vec::new(),
        }
    }

    /// What is shown of an action that cannot do without a time, where nobody has said one: the first span. `None`: it can, or somebody has.
    pub(crate) fn usual(action: &Action, said: &BTreeMap<String, String>, now: Timestamp) -> Option<BTreeMap<String, String>> {
        let from = action.begins().filter(|from| from.required)?;
        if said.contains_key(&from.name) || said.contains_key("to") {
            return None;
        }
        let ([(_, span), ..], now) = known(from, now);
        action.within(said, span, now)
    }

    fn new(seat: &Seat, action: &Action, label: &str, arguments: &BTreeMap<String, String>, is_here: bool) -> Self {
        let arguments = arguments.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        Self { label: label.to_owned(), href: action_path(seat, &action.name, arguments), is_here }
    }
}

fn spans(seat: &Seat, action: &Action, said: &BTreeMap<String, String>, from: &Parameter, now: Timestamp) -> Vec<Range> {
    let (known, end) = known(from, now);
    // Also what nobody said, and the file has as a length before now.
    let shown = action.at(said, end);
    let link = |(label, span): (&str, i64)| {
        let arguments = action.within(said, span, end)?;
        let meant = action.at(&arguments, end);
        let is_near = |shown: i64| end.as_unix().saturating_sub(shown).abs_diff(span) <= span.unsigned_abs() / 20;
        let begins = |shown: &String| shown.parse().is_ok_and(is_near) || meant.get(&from.name) == Some(shown);
        let ends = shown.get("to") == meant.get("to");
        Some(Range::new(seat, action, label, &arguments, ends && shown.get(&from.name).is_some_and(begins)))
    };
    known.into_iter().filter_map(link).collect()
}

/// The spans that people ask for, and when they end: a minute more or less makes no other span.
fn known(from: &Parameter, now: Timestamp) -> ([(&'static str, i64); 3], Timestamp) {
    let (known, step) = if matches!(from.kind, ParameterKind::Date { .. }) { (DAYS, DAY) } else { (MOMENTS, 60) };
    (known, Timestamp::from_unix(now.as_unix().div_euclid(step) * step))
}

fn periods(seat: &Seat, action: &Action, said: &BTreeMap<String, String>, period: &Parameter) -> Vec<Range> {
    let ParameterKind::Choice { choices } = &period.kind else { return Vec::new() };
    let shown = said.get(&period.name).or(period.default.as_ref());
    let link = |choice: &String| {
        let mut arguments = said.clone();
        arguments.insert(period.name.clone(), choice.clone());
        Range::new(seat, action, &in_words(choice), &arguments, shown == Some(choice))
    };
    choices.iter().map(link).collect()
}

/// `30d` as people say it.
fn in_words(period: &str) -> String {
    let unit = |one: &str, count: &str| if count == "1" { format!("1 {one}") } else { format!("{count} {one}s") };
    let split = period.len().saturating_sub(1);
    match (period.get(..split), period.get(split..)) {
        (Some(count), Some("d")) => unit("day", count),
        (Some(count), Some("w")) => unit("week", count),
        (Some(count), Some("m")) => unit("month", count),
        (Some(count), Some("y")) => unit("year", count),
        _ => period.to_owned(),
    }
}
