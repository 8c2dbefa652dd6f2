//! `--svg FILE`: the chart of an action as a drawing of its own, without script and without anything from elsewhere.

use std::fmt::Write as _;
use std::path::Path;

use keyfob::proto::scrub::printable;
use keyfob_providers::{Chart, Series};

use crate::card::Card;
use crate::chart::{Field, position, title};
use crate::output::Output;

const WIDTH: f64 = 800.0;
/// Of one series, with its title.
const HEIGHT: f64 = 200.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 780.0;
const ABOVE: f64 = 40.0;
const BELOW: f64 = 170.0;

/// In the colours of whoever looks: dark on light, or light on dark.
const STYLE: &str = "text{font:14px system-ui,sans-serif;fill:#333}.t{font-weight:600}.a{stroke:#999}.l{fill:none;stroke:#0969da;stroke-width:2;\
stroke-linejoin:round}@media(prefers-color-scheme:dark){text{fill:#ccc}.a{stroke:#666}.l{stroke:#58a6ff}}";

/// Writes it, and gives back what is for stdout (`-`).
pub(super) fn write(chart: Option<&Chart>, file: &Path, out: &Output) -> Result<Option<String>, Card> {
    let shown = printable(&file.display().to_string());
    let what = format!("cannot write {shown}");
    let drawing = chart.and_then(drawn).ok_or_else(|| {
        Card::usage(what.as_str(), "there is no chart in it: nothing that changes along an axis", "leave --svg away to see what there is")
    })?;
    if file.as_os_str() == "-" {
        return Ok(Some(drawing.trim_end().to_owned()));
    }
    std::fs::write(file, drawing).map_err(|error| Card::io(what, &error, "name a file in a folder that is yours"))?;
    out.note(&format!("{} the chart is in {shown}", out.note_paint().good("✓")));
    Ok(None)
}

/// One below the other, since each has its unit. `None` where nothing can be drawn.
fn drawn(chart: &Chart) -> Option<String> {
    let fields: Vec<(&Series, Field)> = chart.series.iter().filter_map(|series| Some((series, Field::of(series)?))).collect();
    let high = HEIGHT * fields.len() as f64;
    let names: Vec<String> = fields.iter().map(|(series, _)| series.title.clone()).collect();
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {high}\" role=\"img\" aria-label=\"{}\">\n<style>{STYLE}</style>\n",
        escaped(&names.join(", "))
    );
    for (at, (series, field)) in fields.iter().enumerate() {
        let _ = writeln!(svg, "<g transform=\"translate(0 {})\">", HEIGHT * at as f64);
        panel(&mut svg, chart, series, field);
        svg.push_str("</g>\n");
    }
    svg.push_str("</svg>\n");
    (!fields.is_empty()).then_some(svg)
}

fn panel(svg: &mut String, chart: &Chart, series: &Series, field: &Field) {
    let ((first, last), (low, high)) = (field.x, field.y);
    let text = |x: f64, y: f64, anchor: &str, class: &str, words: &str| {
        format!("<text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\" class=\"{class}\">{}</text>\n", escaped(words))
    };
    svg.push_str(&text(LEFT, 24.0, "start", "t", &title(series)));
    let [highest, lowest] = field.labels();
    svg.push_str(&text(LEFT - 8.0, ABOVE + 10.0, "end", "", &highest));
    svg.push_str(&text(LEFT - 8.0, BELOW, "end", "", &lowest));
    svg.push_str(&text(LEFT, BELOW + 20.0, "start", "", &position(chart, field, first)));
    svg.push_str(&text(RIGHT, BELOW + 20.0, "end", "", &position(chart, field, last)));
    let _ = writeln!(svg, "<path class=\"a\" d=\"M{LEFT} {BELOW}H{RIGHT}\"/>");
    let place = |(x, y): (f64, f64)| {
        let height = if high > low { (y - low) / (high - low) } else { 0.5 };
        (LEFT + (x - first) / (last - first) * (RIGHT - LEFT), BELOW - height * (BELOW - ABOVE))
    };
    let mut path = String::new();
    let mut before = None;
    for (x, y) in &series.points {
        let here = y.map(|y| (*x, y));
        // A gap stays a gap, and what is too large to be told apart is one.
        let here = here.filter(|here| matches!(place(*here), (x, y) if x.is_finite() && y.is_finite()));
        if let Some(here) = here {
            let over = before.and_then(|before| field.corner(before, here));
            for (x, y) in over.into_iter().chain([here]).map(place) {
                let _ = write!(path, "{}{x:.1} {y:.1}", if before.is_some() { 'L' } else { 'M' });
            }
        }
        before = here;
    }
    let _ = writeln!(svg, "<path class=\"l\" d=\"{path}\"/>");
}

/// Titles may come from a server.
fn escaped(text: &str) -> String {
    printable(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use keyfob_providers::{CellKind, Column};

    use super::*;

    fn chart(title: &str, points: &[(f64, Option<f64>)]) -> Chart {
        let x = Column { title: "Time".into(), caption: None, unit: None, kind: CellKind::Time, axis: None };
        Chart { x, series: vec![Series { title: title.into(), unit: Some("°C".into()), points: points.to_vec() }] }
    }

    #[test]
    fn a_line_with_a_gap_is_two() {
        let points = [(0.0, Some(1.0)), (1.0, Some(3.0)), (2.0, None), (3.0, Some(2.0)), (4.0, Some(2.0))];
        let svg = drawn(&chart("Roof", &points)).expect("a drawing");
        assert!(svg.contains("d=\"M70.0 170.0L247.5 40.0M602.5 105.0L780.0 105.0\""), "{svg}");
        assert!(svg.contains(">Roof (°C)<") && svg.contains(">3.0<") && svg.contains(">1970-01-01 00:00<"), "{svg}");
    }

    #[test]
    fn what_is_on_or_off_is_drawn_without_slopes() {
        let mut lamp = chart("Lamp", &[(0.0, Some(0.0)), (1.0, Some(1.0)), (2.0, Some(1.0)), (4.0, Some(0.0))]);
        lamp.series[0].unit = None;
        let svg = drawn(&lamp).expect("a drawing");
        assert!(svg.contains("d=\"M70.0 170.0L247.5 170.0L247.5 40.0L425.0 40.0L425.0 40.0L780.0 40.0L780.0 170.0\""), "{svg}");
        assert!(svg.contains(">1<") && svg.contains(">0<"), "{svg}");
    }

    #[test]
    fn what_a_server_calls_it_is_text_and_no_number_is_too_strange() {
        let svg = drawn(&chart("<script>\"&\u{1b}", &[(0.0, Some(0.0)), (1.0, Some(1.0))])).expect("a drawing");
        assert!(!svg.contains("<script") && svg.contains("&lt;script&gt;&quot;&amp;") && !svg.contains('\u{1b}'), "{svg}");
        assert!(drawn(&chart("x", &[])).is_none() && drawn(&chart("x", &[(1.0, Some(1.0))])).is_none());
        let svg = drawn(&chart("x", &[(0.0, Some(f64::MAX)), (1.0, Some(f64::MIN)), (f64::MAX, Some(0.0))])).expect("a drawing");
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }
}
