//! The sequence as a drawing: a line down for each party, an arrow for each message.

use std::fmt::Write as _;

use super::page::escape;

/// An arrow.
pub(super) struct Arrow {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) label: String,
    pub(super) section: &'static str,
    /// Whether it answers another one.
    pub(super) back: bool,
    /// Whether something went wrong.
    pub(super) bad: bool,
}

const WIDTH: usize = 920;
const MARGIN: usize = 130;
const TOP: usize = 56;
const STEP: usize = 46;

/// SVG, coloured by the page's style.
pub(super) fn of(parties: &[String], arrows: &[&Arrow]) -> String {
    let height = TOP + arrows.len() * STEP + 30;
    let apart = (WIDTH - 2 * MARGIN) / parties.len().saturating_sub(1).max(1);
    let x = |party: usize| MARGIN + party * apart;
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"the sequence of messages\">\n\
         <defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" orient=\"auto\">\
         <path d=\"M0 0L8 4L0 8z\" fill=\"context-stroke\"/></marker></defs>\n"
    );
    for (index, party) in parties.iter().enumerate() {
        let (x, end) = (x(index), height - 10);
        let _ = writeln!(
            svg,
            "<line class=\"life\" x1=\"{x}\" y1=\"36\" x2=\"{x}\" y2=\"{end}\"/><text class=\"party\" x=\"{x}\" y=\"24\">{}</text>",
            escape(party)
        );
    }
    for (index, arrow) in arrows.iter().enumerate() {
        let (from, to, y) = (x(arrow.from), x(arrow.to), TOP + index * STEP + 22);
        let class = match **arrow {
            Arrow { bad: true, .. } => "arrow bad",
            Arrow { back: true, .. } => "arrow back",
            _ => "arrow",
        };
        let middle = from.midpoint(to);
        // Seven units a character: what is longer would run into the next party.
        let room = (from.abs_diff(to) / 7).max(24);
        let label = shortened(&format!("{} {}", index + 1, arrow.label), room);
        let _ = writeln!(
            svg,
            "<a href=\"#m{n}\"><line class=\"{class}\" x1=\"{from}\" y1=\"{y}\" x2=\"{to}\" y2=\"{y}\" marker-end=\"url(#tip)\"/>\
             <text class=\"label\" x=\"{middle}\" y=\"{above}\">{}</text><text class=\"section\" x=\"{middle}\" y=\"{below}\">{}</text></a>",
            escape(&label),
            arrow.section,
            n = index + 1,
            above = y - 6,
            below = y + 14,
        );
    }
    svg.push_str("</svg>");
    svg
}

fn shortened(text: &str, room: usize) -> String {
    if text.chars().count() <= room { text.to_owned() } else { text.chars().take(room - 1).chain(['…']).collect() }
}
