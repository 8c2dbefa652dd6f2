//! Spans of time to choose from, where an action shows a series: a day, a week, a month, or what the form says.

use std::collections::BTreeMap;

use keyfob::proto::Timestamp;
use keyfob_providers::{Action, Axis, Cell, CellKind, Parameter, ParameterKind, Table};

use super::action_path;
use crate::seat::Seat;

const DAY: i64 = 86_400;

/// What people ask for.
const SPANS: [(&str, i64); 4] = [("Day", DAY), ("Week", 7 * DAY), ("Month", 30 * DAY), ("Year", 365 * DAY)];

/// A span, as a link.
pub(crate) struct Range {
    pub(crate) label: &'static str,
    pub(crate) href: String,
    /// Whether this is what is shown.
    pub(crate) is_here: bool,
}

impl Range {
    /// The spans of an action that shows a series over time, with everything else as it was said; none where it takes no beginning.
    pub(crate) fn all(seat: &Seat, action: &Action, said: &BTreeMap<String, String>, table: &Table, now: Timestamp) -> Vec<Self> {
        let is_series = table.columns.iter().any(|column| column.axis == Some(Axis::X) && column.kind == CellKind::Time);
        let Some((from, to)) = ends(action).filter(|_| is_series) else { return Vec::new() };
        // Days are counted whole where there are days alone; a minute more or less makes no other span.
        let step = if matches!(from.kind, ParameterKind::Date { .. }) { DAY } else { 60 };
        let now = now.as_unix().div_euclid(step) * step;
        let shown = said.get(&from.name);
        let spans = SPANS.into_iter().filter(|(label, _)| step != DAY || *label != "Day");
        let link = |(label, span): (&'static str, i64)| {
            let mut arguments = said.clone();
            arguments.insert(from.name.clone(), written(now - span, from));
            match to {
                Some(to) if to.required => drop(arguments.insert(to.name.clone(), written(now, to))),
                Some(to) => drop(arguments.remove(&to.name)),
                None => {}
            }
            let is_near =
                |shown: &String| shown.parse().is_ok_and(|shown: i64| now.saturating_sub(shown).abs_diff(span) <= span.unsigned_abs() / 20);
            let begins = shown.is_some_and(|shown| is_near(shown) || *shown == written(now - span, from));
            let is_here = begins && to.is_none_or(|to| to.required || !said.contains_key(&to.name));
            let arguments = arguments.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            Self { label, href: action_path(seat, &action.name, arguments), is_here }
        };
        spans.map(link).collect()
    }
}

/// The parameters that say where a series begins and ends: of those that take a moment, the first and the second.
fn ends(action: &Action) -> Option<(&Parameter, Option<&Parameter>)> {
    let mut moments = action.parameters.iter().filter(|p| matches!(p.kind, ParameterKind::Time { .. } | ParameterKind::Date { .. }));
    Some((moments.next()?, moments.next()))
}

fn written(seconds: i64, parameter: &Parameter) -> String {
    match parameter.kind {
        ParameterKind::Date { .. } => Cell::Time(seconds).to_string().get(..10).unwrap_or_default().to_owned(),
        _ => seconds.to_string(),
    }
}
