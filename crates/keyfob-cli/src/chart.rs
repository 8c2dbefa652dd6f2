//! A small chart in the terminal: lines of braille dots, eight to a character.

use keyfob::proto::Timestamp;
use keyfob_providers::{CellKind, Chart, Day, Series};

use crate::moment;
use crate::output::Paint;

/// Rows of characters for one line of the chart, where there are several.
const LOW: usize = 4;
/// Rows of characters for the only one.
const HIGH: usize = 8;

/// The chart as text of this width. Each series gets a field of its own, since each has its unit.
pub(crate) fn drawn(chart: &Chart, width: usize, paint: Paint) -> String {
    let drawable: Vec<&Series> = chart.series.iter().filter(|series| Field::of(series).is_some()).collect();
    let rows = if drawable.len() > 1 { LOW } else { HIGH };
    let fields = drawable.iter().filter_map(|series| {
        let field = Field::of(series)?;
        Some(field.drawn(series, rows, width, paint))
    });
    let mut lines: Vec<String> = fields.flatten().collect();
    if let Some(axis) = drawable.first().and_then(|series| axis(chart, series, width)) {
        lines.push(paint.dim(&axis));
    }
    lines.join("\n")
}

/// What a series covers.
pub(crate) struct Field {
    pub(crate) x: (f64, f64),
    pub(crate) y: (f64, f64),
    is_switch: bool,
}

impl Field {
    /// `None` if there are not two values to draw.
    pub(crate) fn of(series: &Series) -> Option<Self> {
        let known: Vec<(f64, f64)> = series.points.iter().filter_map(|(x, y)| Some((*x, (*y)?))).collect();
        let span = |values: &mut dyn Iterator<Item = f64>| values.fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(v), high.max(v)));
        let (x, y) = (span(&mut known.iter().map(|point| point.0)), span(&mut known.iter().map(|point| point.1)));
        (known.len() > 1 && x.1 > x.0).then(|| Self { x, y, is_switch: series.is_switch() })
    }

    /// What a line goes over between two of its points: of something that is on or off, where the later one is as high as the earlier.
    pub(crate) fn corner(&self, one: (f64, f64), other: (f64, f64)) -> Option<(f64, f64)> {
        // Some providers send the newest first.
        let (earlier, later) = if one.0 <= other.0 { (one, other) } else { (other, one) };
        self.is_switch.then_some((later.0, earlier.1))
    }

    /// The highest and the lowest value.
    pub(crate) fn labels(&self) -> [String; 2] {
        let (low, high) = self.y;
        // 0 and 1 are that and nothing between.
        let word = |value: f64| if self.is_switch { value.to_string() } else { label(value, high - low) };
        [word(high), word(low)]
    }

    fn drawn(&self, series: &Series, rows: usize, width: usize, paint: Paint) -> Vec<String> {
        let (low, high) = self.y;
        let labels = self.labels();
        let margin = labels.iter().map(|label| label.chars().count()).max().unwrap_or(0);
        let columns = width.saturating_sub(margin + 3).max(10);
        let mut canvas = Canvas::new(columns, rows);
        let across = (columns * 2 - 1) as f64;
        let down = (rows * 4 - 1) as f64;
        let place = |(x, y): (f64, f64)| {
            let height = if high > low { (y - low) / (high - low) } else { 0.5 };
            let x = ((x - self.x.0) / (self.x.1 - self.x.0) * across).round();
            (x as usize, ((1.0 - height) * down).round() as usize)
        };
        let mut before = None;
        for (x, y) in &series.points {
            let here = y.map(|y| (*x, y));
            if let Some(here) = here {
                let from = before.unwrap_or(here);
                let over = self.corner(from, here).unwrap_or(from);
                canvas.line(place(from), place(over));
                canvas.line(place(over), place(here));
            }
            // A gap stays a gap.
            before = here;
        }
        let mut lines = vec![paint.strong(&title(series))];
        for (row, dots) in canvas.rows().enumerate() {
            let label = match row {
                0 => &labels[0],
                row if row + 1 == rows => &labels[1],
                _ => "",
            };
            lines.push(
                format!("{}{} {}", " ".repeat(margin - label.chars().count()), paint.dim(&format!("{label} ┤")), paint.accent(&dots))
                    .trim_end()
                    .to_owned(),
            );
        }
        lines
    }
}

/// The first and last position, below the chart.
fn axis(chart: &Chart, series: &Series, width: usize) -> Option<String> {
    let field = Field::of(series)?;
    let (first, last) = (position(chart, &field, field.x.0), position(chart, &field, field.x.1));
    let margin = field.labels().iter().map(|label| label.chars().count()).max().unwrap_or(0) + 3;
    let gap = width.saturating_sub(margin + first.chars().count() + last.chars().count()).max(1);
    Some(format!("{}{first}{}{last}", " ".repeat(margin), " ".repeat(gap)))
}

/// What a series is, with its unit.
pub(crate) fn title(series: &Series) -> String {
    match &series.unit {
        Some(unit) => format!("{} ({unit})", series.title),
        None => series.title.clone(),
    }
}

/// A position in words, as exact as the whole needs.
pub(crate) fn position(chart: &Chart, field: &Field, x: f64) -> String {
    match chart.x.kind {
        CellKind::Time if field.x.1 - field.x.0 > 2.0 * 86_400.0 => moment::formatted(Timestamp::from_unix(x as i64), "%Y-%m-%d"),
        CellKind::Time => moment::formatted(Timestamp::from_unix(x as i64), "%Y-%m-%d %H:%M"),
        CellKind::Date => Day::at(x as i64).to_string(),
        _ => label(x, field.x.1 - field.x.0),
    }
}

/// A number with as many decimals as its neighbours need.
fn label(value: f64, span: f64) -> String {
    let decimals = match if span > 0.0 { span } else { value.abs().min(0.1) } {
        20.0.. => 0,
        1.0.. => 1,
        small if small > 0.0 => (1.0 - small.log10()).ceil().clamp(2.0, 12.0) as usize,
        _ => 2,
    };
    format!("{value:.decimals$}")
}

/// Dots, two across and four down in a character (Unicode braille patterns).
struct Canvas {
    columns: usize,
    cells: Vec<u8>,
}

impl Canvas {
    fn new(columns: usize, rows: usize) -> Self {
        Self { columns, cells: vec![0; columns * rows] }
    }

    fn dot(&mut self, x: usize, y: usize) {
        const BITS: [[u8; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];
        if let Some(cell) = self.cells.get_mut(y / 4 * self.columns + x / 2) {
            *cell |= BITS[y % 4][x % 2];
        }
    }

    fn line(&mut self, from: (usize, usize), to: (usize, usize)) {
        let steps = from.0.abs_diff(to.0).max(from.1.abs_diff(to.1)).max(1);
        let between = |a: usize, b: usize, step: usize| {
            let (a, b) = (a as f64, b as f64);
            (a + (b - a) * step as f64 / steps as f64).round() as usize
        };
        for step in 0..=steps {
            self.dot(between(from.0, to.0, step), between(from.1, to.1, step));
        }
    }

    fn rows(&self) -> impl Iterator<Item = String> + '_ {
        let character = |bits: &u8| if *bits == 0 { ' ' } else { char::from_u32(0x2800 + u32::from(*bits)).unwrap_or(' ') };
        self.cells.chunks(self.columns).map(move |row| row.iter().map(character).collect())
    }
}

#[cfg(test)]
mod tests {
    use keyfob_providers::Column;

    use super::*;

    fn chart(points: &[(f64, Option<f64>)]) -> Chart {
        let x = Column { title: "Time".into(), caption: None, unit: None, kind: CellKind::Number, axis: None };
        Chart { x, series: vec![Series { title: "Level".into(), unit: Some("m".into()), points: points.to_vec() }] }
    }

    #[test]
    fn a_rising_line_goes_from_the_lower_left_to_the_upper_right() {
        let text = drawn(&chart(&[(0.0, Some(0.0)), (100.0, Some(50.0))]), 30, Paint::plain());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "Level (m)");
        assert_eq!(lines.len(), 1 + HIGH + 1);
        assert!(lines[1].starts_with("50 ┤") && lines[1].ends_with('⠊') && lines[1].chars().count() == 30, "{text}");
        assert!(lines[HIGH].starts_with(" 0 ┤ ⡠"), "{text}");
        assert!(lines[HIGH + 1].trim().starts_with('0') && lines[HIGH + 1].ends_with("100"), "{text}");
        assert!(lines.iter().all(|line| line.chars().count() <= 30), "{text}");
    }

    #[test]
    fn what_is_on_or_off_stays_so_until_it_changes() {
        let points = [(0.0, Some(0.0)), (50.0, Some(1.0)), (100.0, Some(1.0))];
        let drawn_as = |points: &[(f64, Option<f64>)]| {
            let mut chart = chart(points);
            chart.series[0].unit = None;
            drawn(&chart, 26, Paint::plain())
        };
        let text = drawn_as(&points);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[1].starts_with("1 ┤") && lines[HIGH].starts_with("0 ┤"), "{text}");
        // One way up, in one column of the terminal.
        let between: Vec<usize> = lines[2..HIGH].iter().map(|line| line.chars().count()).collect();
        assert!(between.iter().all(|end| *end == between[0]), "{text}");
        let newest_first: Vec<_> = points.into_iter().rev().collect();
        assert_eq!(drawn_as(&newest_first), text);
    }

    #[test]
    fn numbers_have_as_many_decimals_as_tell_them_apart() {
        let told = [(1013.0, 40.0), (21.46, 3.0), (20.5, 0.0), (0.0, 0.0), (0.000_42, 0.000_11), (0.000_42, 0.0)]
            .map(|(value, span)| label(value, span));
        assert_eq!(told, ["1013", "21.5", "20.50", "0.00", "0.00042", "0.00042"]);
    }

    #[test]
    fn gaps_flat_lines_and_strange_numbers_are_drawn_without_panic() {
        assert_eq!(drawn(&chart(&[]), 40, Paint::plain()), "");
        assert_eq!(drawn(&chart(&[(1.0, Some(2.0))]), 40, Paint::plain()), "");
        assert!(!drawn(&chart(&[(0.0, Some(3.0)), (1.0, None), (2.0, Some(3.0)), (3.0, Some(3.0))]), 5, Paint::plain()).is_empty());
        let _ = drawn(&chart(&[(0.0, Some(f64::MAX)), (1.0, Some(f64::MIN)), (f64::MAX, Some(0.0))]), 40, Paint::plain());
    }
}
