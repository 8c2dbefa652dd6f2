//! Charts as SVG, drawn here: a line for each series, a plot for each unit (degrees and parts per million share no axis).
//!
//! Two drawings of each, for wide and for narrow screens: text in an SVG shrinks with it. The numbers go along, for the script that draws
//! the same with zoom and hover.

use std::fmt::Write as _;

use keyfob::proto::Scrubber;
use keyfob_providers::{Cell, CellKind, Chart, Series};
use serde_json::json;

/// One plot: the series of one unit over the common axis.
pub(crate) struct Plot {
    /// What it shows, for people who do not see it.
    pub(crate) summary: String,
    /// From when to when.
    pub(crate) period: String,
    pub(crate) unit: String,
    pub(crate) legend: Vec<Entry>,
    /// The numbers, as JSON.
    pub(crate) data: String,
    /// Wide and narrow.
    pub(crate) drawings: [Drawing; 2],
}

/// A line's name and its values in short.
pub(crate) struct Entry {
    pub(crate) colour: usize,
    pub(crate) title: String,
    pub(crate) last: String,
    pub(crate) range: String,
}

/// A drawing, in its own units.
pub(crate) struct Drawing {
    pub(crate) class: &'static str,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) left: f64,
    pub(crate) right: f64,
    pub(crate) base: f64,
    /// Position and label.
    pub(crate) x_ticks: Vec<(String, String)>,
    pub(crate) y_ticks: Vec<(String, String)>,
    /// Colour and path.
    pub(crate) lines: Vec<(usize, String)>,
    /// What is below a line that is alone.
    pub(crate) areas: Vec<(usize, String)>,
}

/// The series of one unit, with their colours.
type Group<'a> = (Option<String>, Vec<(usize, &'a Series)>);

const HOUR: f64 = 3600.0;
const DAY: f64 = 86_400.0;

/// Colours there are.
const COLOURS: usize = 5;

impl Plot {
    /// The plots of a chart.
    pub(crate) fn all(chart: &Chart, scrubber: &Scrubber) -> Vec<Self> {
        let series: Vec<Series> = chart.series.iter().map(in_order).collect();
        let mut groups: Vec<Group<'_>> = Vec::new();
        for (at, series) in series.iter().enumerate() {
            let unit = series.unit.clone();
            match groups.iter_mut().find(|(known, _)| *known == unit && unit.is_some()) {
                Some((_, group)) => group.push((at % COLOURS, series)),
                None => groups.push((unit, vec![(at % COLOURS, series)])),
            }
        }
        groups.into_iter().filter_map(|(unit, group)| Self::new(chart.x.kind, unit.as_deref(), &group, scrubber)).collect()
    }

    fn new(x: CellKind, unit: Option<&str>, group: &[(usize, &Series)], scrubber: &Scrubber) -> Option<Self> {
        let points = || group.iter().flat_map(|(_, series)| &series.points).filter_map(|(x, y)| Some((*x, (*y)?)));
        let (xs, ys) = (Span::of(points().map(|(x, _)| x))?, Span::of(points().map(|(_, y)| y))?);
        let unit = unit.map(|unit| scrubber.mask(unit)).unwrap_or_default();
        let legend: Vec<Entry> = group.iter().filter_map(|(colour, series)| Entry::new(*colour, series, &unit, scrubber)).collect();
        let parts: Vec<String> = legend.iter().map(|entry| format!("{}: {}, now {}", entry.title, entry.range, entry.last)).collect();
        let period = format!("{} to {}", label(x, xs.min, f64::INFINITY), label(x, xs.max, f64::INFINITY));
        let summary = format!("{} ({period})", parts.join("; "));
        let drawings = [(760, 270, "wide", 7, 5), (360, 240, "narrow", 3, 4)]
            .map(|(width, height, class, x_ticks, y_ticks)| draw(width, height, class, (x, xs, x_ticks), (ys, y_ticks), group));
        let data = data(x, &unit, group, scrubber);
        Some(Self { summary, period, unit, legend, data, drawings })
    }
}

impl Entry {
    fn new(colour: usize, series: &Series, unit: &str, scrubber: &Scrubber) -> Option<Self> {
        let values = || series.points.iter().filter_map(|(_, y)| *y);
        let span = Span::of(values())?;
        let short = |value| short(value, span.fine());
        let last = format!("{} {unit}", short(values().rev().find(drawable)?));
        let range = format!("{} to {} {unit}", short(span.min), short(span.max));
        Some(Self { colour, title: scrubber.mask(&series.title), last: last.trim().to_owned(), range: range.trim().to_owned() })
    }
}

/// From the least to the greatest.
#[derive(Clone, Copy, Debug)]
struct Span {
    min: f64,
    max: f64,
}

impl Span {
    fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        values.filter(drawable).fold(None, |span: Option<Self>, value| {
            Some(span.map_or(Self { min: value, max: value }, |span| Self { min: span.min.min(value), max: span.max.max(value) }))
        })
    }

    /// Wide enough to divide by. A moment is a large number, and a hundredth of it is half a year.
    fn widened(self, kind: CellKind) -> Self {
        let width = self.max - self.min;
        if width > f64::EPSILON * self.max.abs().max(1.0) {
            return self;
        }
        let more = match kind {
            CellKind::Time => HOUR,
            CellKind::Date => DAY,
            _ => match self.max.abs() {
                0.0 => 1.0,
                small @ ..1.0 => small,
                large => (large * 0.01).max(1.0),
            },
        };
        Self { min: self.min - more, max: self.max + more }
    }

    /// What can just be told apart in a drawing of it.
    fn fine(self) -> f64 {
        let width = self.max - self.min;
        (if width > 0.0 { width } else { self.max.abs() }) / 50.0
    }

    fn place(self, value: f64, from: f64, to: f64) -> f64 {
        from + (value - self.min) / (self.max - self.min) * (to - from)
    }
}

fn draw(
    width: u32,
    height: u32,
    class: &'static str,
    (kind, xs, x_count): (CellKind, Span, usize),
    (ys, y_count): (Span, usize),
    group: &[(usize, &Series)],
) -> Drawing {
    let (left, right, top, base) = (46.0, f64::from(width) - 8.0, 24.0, f64::from(height) - 26.0);
    let (xs, ys) = (xs.widened(kind), ys.widened(CellKind::Number));
    let y_step = nice(ys, y_count);
    let y_steps = steps(ys, y_step);
    // The axis ends at round numbers.
    let ys = Span { min: y_steps[0], max: y_steps[y_steps.len() - 1] };
    let x_step = match kind {
        CellKind::Time => nice_time(xs, x_count),
        CellKind::Date => nice_time(xs, x_count).max(DAY),
        _ => nice(xs, x_count),
    };
    let inside = |x: &f64| *x >= xs.min && *x <= xs.max;
    let place = |(x, y): (f64, f64)| (xs.place(x, left, right), ys.place(y, base, top));
    let runs: Vec<(usize, Vec<Run>)> = group
        .iter()
        .map(|(colour, series)| (*colour, runs(&thinned(&series.points, (right - left) as usize), series.is_switch(), place)))
        .collect();
    Drawing {
        class,
        width,
        height,
        left,
        right,
        base,
        x_ticks: (steps(xs, x_step).into_iter().filter(inside))
            .map(|x| (format!("{:.1}", xs.place(x, left, right)), label(kind, x, x_step)))
            .collect(),
        y_ticks: y_steps.into_iter().map(|y| (format!("{:.1}", ys.place(y, base, top)), short(y, y_step))).collect(),
        lines: runs.iter().map(|(colour, runs)| (*colour, runs.iter().map(path).collect())).collect(),
        areas: match runs.as_slice() {
            [(colour, runs)] => vec![(*colour, runs.iter().filter_map(|run| area(run, base)).collect())],
            _ => Vec::new(),
        },
    }
}

/// Points of a line, in the drawing's own units, without a gap between them.
type Run = Vec<(f64, f64)>;

/// A line in its runs. Something that is on or off stays so until it changes: no slope lies between.
fn runs(points: &[(f64, Option<f64>)], is_switch: bool, place: impl Fn((f64, f64)) -> (f64, f64)) -> Vec<Run> {
    let mut runs: Vec<Run> = vec![Vec::new()];
    for (x, y) in points {
        match (y.filter(|y| drawable(y) && drawable(x)), runs.last_mut()) {
            (Some(y), Some(run)) => {
                let here = place((*x, y));
                if let Some((_, before)) = run.last().copied().filter(|_| is_switch) {
                    run.push((here.0, before));
                }
                run.push(here);
            }
            _ => runs.push(Vec::new()),
        }
    }
    runs.retain(|run| !run.is_empty());
    runs
}

fn path(run: &Run) -> String {
    let mut path = String::new();
    for (at, (x, y)) in run.iter().enumerate() {
        let _ = write!(path, "{}{x:.1} {y:.1}", if at == 0 { "M" } else { "L" });
    }
    // A point alone is a dot.
    if run.len() == 1 { path + "h.1" } else { path }
}

fn area(run: &Run, base: f64) -> Option<String> {
    let (first, last) = (run.first()?, run.last()?);
    (run.len() > 1).then(|| format!("{}V{base:.1}H{:.1}Z", path(run), first.0.min(last.0)))
}

/// A series from left to right, with a gap where a device was silent: where points came at a steady pace, and then none for several times
/// that long.
fn in_order(series: &Series) -> Series {
    let mut points = series.points.clone();
    points.retain(|(x, _)| drawable(x));
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut paces: Vec<f64> = points.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
    paces.sort_by(f64::total_cmp);
    let pace = paces.get(paces.len() / 2).copied().unwrap_or_default();
    let steady = paces.iter().filter(|other| (**other - pace).abs() <= pace / 10.0).count() * 4 >= paces.len() * 3;
    let mut whole: Vec<(f64, Option<f64>)> = Vec::with_capacity(points.len());
    for point in points {
        if let Some(before) = whole.last().map(|(x, _)| *x).filter(|before| steady && pace > 0.0 && point.0 - before > 4.0 * pace) {
            whole.push((before + pace, None));
        }
        whole.push(point);
    }
    Series { title: series.title.clone(), unit: series.unit.clone(), points: whole }
}

/// The numbers for the script: positions, and the values of each series at them. The series of a table have the same positions.
fn data(x: CellKind, unit: &str, group: &[(usize, &Series)], scrubber: &Scrubber) -> String {
    let xs: Vec<f64> = group.first().map(|(_, series)| series.points.iter().map(|(x, _)| *x).collect()).unwrap_or_default();
    let series: Vec<_> = group
        .iter()
        .map(|(colour, series)| {
            let values: Vec<Option<f64>> = series.points.iter().map(|(_, y)| y.filter(drawable)).collect();
            json!({"title": scrubber.mask(&series.title), "colour": colour, "switch": series.is_switch(), "values": values})
        })
        .collect();
    // Days are where they begin in no time zone: the script must not move them into the person's.
    json!({"time": x.is_when(), "days": x == CellKind::Date, "unit": unit, "x": xs, "series": series}).to_string()
}

/// Whether a value is one that a drawing can have: no reading and no moment is larger.
fn drawable(value: &f64) -> bool {
    value.abs() < 1e15
}

/// No more points than can be seen: of each stretch its least and its greatest, so that peaks stay; and gaps, over which no stretch reaches.
fn thinned(points: &[(f64, Option<f64>)], columns: usize) -> Vec<(f64, Option<f64>)> {
    if points.len() <= 2 * columns.max(1) {
        return points.to_vec();
    }
    let mut kept = Vec::with_capacity(2 * columns);
    let length = points.len().div_ceil(columns.max(1));
    for stretch in points.split_inclusive(|(_, y)| y.is_none()).flat_map(|run| run.chunks(length)) {
        let full = || stretch.iter().enumerate().filter_map(|(at, (_, y))| Some((at, (*y)?)));
        let least = full().min_by(|a, b| a.1.total_cmp(&b.1)).map(|(at, _)| at);
        let greatest = full().max_by(|a, b| a.1.total_cmp(&b.1)).map(|(at, _)| at);
        match (least, greatest) {
            (Some(a), Some(b)) if a != b => kept.extend([stretch[a.min(b)], stretch[a.max(b)]]),
            (Some(a), _) => kept.push(stretch[a]),
            _ => {}
        }
        kept.extend(stretch.last().filter(|(_, y)| y.is_none()));
    }
    kept
}

/// A round step (1, 2 or 5 times a power of ten) that divides a span into about so many.
fn nice(span: Span, count: usize) -> f64 {
    let raw = (span.max - span.min) / count.max(1) as f64;
    let power = 10f64.powf(raw.log10().floor());
    let times = [1.0, 2.0, 5.0, 10.0].into_iter().find(|times| times * power >= raw).unwrap_or(10.0);
    times * power
}

/// A step of the clock or the calendar.
fn nice_time(span: Span, count: usize) -> f64 {
    let steps = [60.0, 300.0, 900.0, 1800.0, HOUR, 3.0 * HOUR, 6.0 * HOUR, 12.0 * HOUR, DAY, 2.0 * DAY, 7.0 * DAY, 14.0 * DAY, 30.0 * DAY];
    let raw = (span.max - span.min) / count.max(1) as f64;
    steps.into_iter().find(|step| *step >= raw).unwrap_or_else(|| (raw / (365.0 * DAY)).ceil().max(0.25) * 365.0 * DAY)
}

/// The multiples of a step that cover a span.
fn steps(span: Span, step: f64) -> Vec<f64> {
    let (first, last) = ((span.min / step).floor(), (span.max / step).ceil());
    let count = (last - first).clamp(1.0, 100.0) as u32;
    (0..=count).map(|at| (first + f64::from(at)) * step).collect()
}

/// A position in words: the time of day where steps are shorter than a day, else the date; all of it for an infinite step.
fn label(kind: CellKind, value: f64, step: f64) -> String {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    if !kind.is_when() {
        return short(value, step);
    }
    // `2026-11-21 22:51:13Z`
    let moment = Cell::Time(value as i64).to_string();
    let part = |range: std::ops::Range<usize>| moment.get(range).unwrap_or_default();
    let month = part(5..7).parse::<usize>().ok().and_then(|month| MONTHS.get(month.wrapping_sub(1))).copied().unwrap_or_default();
    let day = format!("{} {month}", part(8..10).trim_start_matches('0'));
    match step {
        step if step.is_infinite() && kind == CellKind::Date => format!("{day} {}", part(0..4)),
        step if step.is_infinite() => format!("{day} {}, {} UTC", part(0..4), part(11..16)),
        step if step < DAY && part(11..16) != "00:00" => part(11..16).to_owned(),
        step if step < 100.0 * DAY => day,
        _ => format!("{month} {}", part(0..4)),
    }
}

/// A number without the dust of binary fractions, and so exact that what is `fine` apart reads differently.
fn short(value: f64, fine: f64) -> String {
    // As many as the script has for the same.
    let decimals = if fine > 0.0 { (-fine.log10()).ceil().clamp(2.0, 12.0) as usize } else { 2 };
    let text = format!("{value:.decimals$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(series: Vec<Series>) -> Chart {
        let x = keyfob_providers::Column { title: "Time".into(), caption: None, unit: None, kind: CellKind::Time, axis: None };
        Chart { x, series }
    }

    fn series(title: &str, unit: &str, points: Vec<(f64, Option<f64>)>) -> Series {
        Series { title: title.into(), unit: Some(unit.into()), points }
    }

    #[test]
    fn each_unit_has_a_plot_of_its_own() {
        let points = |k: f64| (0..100).map(|at| (f64::from(at) * 1800.0, Some(k * f64::from(at)))).collect();
        let plots = Plot::all(
            &chart(vec![series("In", "°C", points(0.1)), series("CO2", "ppm", points(9.0)), series("Out", "°C", points(0.2))]),
            &Scrubber::new(),
        );
        assert_eq!(plots.iter().map(|plot| plot.legend.len()).collect::<Vec<_>>(), [2, 1]);
        assert!(plots[0].summary.contains("Out: 0 to 19.8 °C, now 19.8 °C"), "{}", plots[0].summary);
    }

    #[test]
    fn days_are_days_and_no_moments() {
        let x = keyfob_providers::Column { title: "Day".into(), caption: None, unit: None, kind: CellKind::Date, axis: None };
        let points = (0..3).map(|day| (f64::from(day) * DAY, Some(f64::from(day)))).collect();
        let plot = &Plot::all(&Chart { x, series: vec![series("Steps", "", points)] }, &Scrubber::new())[0];
        assert_eq!(plot.period, "1 Jan 1970 to 3 Jan 1970");
        assert!(plot.data.contains("\"days\":true") && plot.data.contains("\"time\":true"), "{}", plot.data);
        for drawing in &plot.drawings {
            let labels: Vec<&str> = drawing.x_ticks.iter().map(|(_, label)| label.as_str()).collect();
            assert!(labels.len() <= 3 && labels.iter().all(|label| label.ends_with(" Jan")), "never a time of day: {labels:?}");
        }
    }

    #[test]
    fn a_gap_interrupts_the_line() {
        let plot = &Plot::all(
            &chart(vec![series("T", "K", vec![(0.0, Some(1.0)), (60.0, None), (120.0, Some(2.0)), (180.0, Some(3.0))])]),
            &Scrubber::new(),
        )[0];
        let path = &plot.drawings[0].lines[0].1;
        assert_eq!(path.matches('M').count(), 2, "{path}");
        assert_eq!(path.matches('L').count(), 1, "{path}");
        assert_eq!(plot.drawings[0].areas[0].1.matches('Z').count(), 1, "nothing is below a point alone");
        assert!(plot.data.contains("[1.0,null,2.0,3.0]"), "{}", plot.data);
    }

    #[test]
    fn a_device_that_was_silent_leaves_a_gap() {
        let at = |hours: std::ops::Range<u32>| hours.map(|hour| (f64::from(hour) * 3600.0, Some(20.0)));
        let silent: Vec<_> = at(0..20).chain(at(40..60)).rev().collect();
        let plot = &Plot::all(&chart(vec![series("T", "°C", silent)]), &Scrubber::new())[0];
        assert_eq!(plot.drawings[0].lines[0].1.matches('M').count(), 2);
        // What comes when it comes has no pace to fall out of.
        let seldom = [0.0, 5.0, 7.0, 400.0, 402.0, 9_000.0].map(|x| (x, Some(x))).to_vec();
        let plot = &Plot::all(&chart(vec![series("T", "°C", seldom)]), &Scrubber::new())[0];
        assert_eq!(plot.drawings[0].lines[0].1.matches('M').count(), 1);
    }

    #[test]
    fn on_and_off_have_no_slope_between() {
        let points = vec![(0.0, Some(0.0)), (60.0, Some(1.0)), (120.0, Some(0.0))];
        let switch = Series { title: "Lamp".into(), unit: None, points };
        let plot = &Plot::all(&chart(vec![switch]), &Scrubber::new())[0];
        assert_eq!(plot.drawings[0].lines[0].1.matches('L').count(), 4);
    }

    #[test]
    fn peaks_stay_when_points_are_thinned() {
        let mut points: Vec<(f64, Option<f64>)> = (0..10_000).map(|at| (f64::from(at), Some(0.0))).collect();
        points[7_777].1 = Some(99.0);
        let kept = thinned(&points, 300);
        assert!(kept.len() <= 600 && kept.iter().any(|(_, y)| *y == Some(99.0)), "{}", kept.len());
    }

    #[test]
    fn gaps_stay_when_points_are_thinned() {
        let half_hours = |hours: std::ops::Range<u32>| hours.map(|at| (f64::from(at) * 1800.0, Some(f64::from(at % 7))));
        let points: Vec<_> = half_hours(0..700).chain(half_hours(820..1441)).collect();
        let plot = &Plot::all(&chart(vec![series("T", "°C", points)]), &Scrubber::new())[0];
        for drawing in &plot.drawings {
            assert_eq!(drawing.lines[0].1.matches('M').count(), 2, "{}", drawing.class);
        }
    }

    #[test]
    fn one_moment_has_an_axis_of_hours() {
        let plot = &Plot::all(&chart(vec![series("T", "°C", vec![(1_790_000_000.0, Some(20.0))])]), &Scrubber::new())[0];
        for drawing in &plot.drawings {
            assert!(!drawing.x_ticks.is_empty(), "{}", drawing.class);
            assert!(drawing.x_ticks.iter().all(|(_, label)| label.contains(':')), "{:?}", drawing.x_ticks);
        }
    }

    #[test]
    fn odd_series_are_drawn_or_left_out_without_panic() {
        for points in [
            vec![],
            vec![(0.0, None)],
            vec![(0.0, Some(5.0)), (0.0, Some(5.0))],
            vec![(1e300, Some(-1e300)), (-1e300, Some(1e300))],
            vec![(0.0, Some(f64::MAX)), (1.0, Some(f64::MIN))],
            vec![(f64::NAN, Some(1.0)), (1.0, Some(f64::INFINITY))],
        ] {
            for plot in Plot::all(&chart(vec![series("T", "K", points)]), &Scrubber::new()) {
                for drawing in &plot.drawings {
                    assert!(!drawing.lines.iter().any(|(_, path)| path.contains("NaN") || path.contains("inf")), "{}", plot.summary);
                }
            }
        }
    }

    #[test]
    fn small_numbers_are_told_apart() {
        for (values, range) in [
            ([0.000_31, 0.000_42], "0.00031 to 0.00042 V, now 0.00042 V"),
            ([1013.0001, 1013.0002], "1013.0001 to 1013.0002 V, now 1013.0002 V"),
            ([0.000_42, 0.000_42], "0.00042 to 0.00042 V, now 0.00042 V"),
            ([20.123_456, 21.0], "20.12 to 21 V, now 21 V"),
            ([0.1 + 0.2, 0.0], "0 to 0.3 V, now 0 V"),
        ] {
            let points = values.into_iter().enumerate().map(|(at, y)| (at as f64 * 60.0, Some(y))).collect();
            let plot = &Plot::all(&chart(vec![series("U", "V", points)]), &Scrubber::new())[0];
            assert!(plot.summary.contains(range), "{}", plot.summary);
            for drawing in &plot.drawings {
                let labels: std::collections::BTreeSet<_> = drawing.y_ticks.iter().map(|(_, label)| label).collect();
                assert_eq!(labels.len(), drawing.y_ticks.len(), "{labels:?}");
            }
        }
    }

    #[test]
    fn axes_end_at_round_numbers() {
        let span = Span { min: 18.3, max: 23.9 };
        let steps = steps(span, nice(span, 5));
        assert_eq!((steps[0], steps[steps.len() - 1]), (18.0, 24.0));
    }
}
