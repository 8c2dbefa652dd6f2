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

#[cfg(test)]
mod tests {
    use super::*;

    fn arrow(from: usize, to: usize, label: &str) -> Arrow {
        Arrow { from, to, label: label.to_owned(), section: "RFC 6749 §6", back: from > to, bad: label.starts_with('4') }
    }

    #[test]
    fn each_party_has_a_line_and_each_message_an_arrow_between_two() {
        let parties = ["Keyfob", "Browser", "a.example"].map(str::to_owned);
        let arrows = [arrow(0, 2, "POST /token"), arrow(2, 0, "200 OK"), arrow(0, 1, "open this page"), arrow(2, 0, "400 Bad Request")];
        let svg = of(&parties, &arrows.iter().collect::<Vec<_>>());
        // Three lines at equal distances, and every arrow ends at one of them.
        for (x, party) in [(130, "Keyfob"), (460, "Browser"), (790, "a.example")] {
            assert!(svg.contains(&format!("<line class=\"life\" x1=\"{x}\" y1=\"36\" x2=\"{x}\"")), "{svg}");
            assert!(svg.contains(&format!("<text class=\"party\" x=\"{x}\" y=\"24\">{party}</text>")), "{svg}");
        }
        for (number, class, from, to, y) in
            [(1, "arrow", 130, 790, 78), (2, "arrow back", 790, 130, 124), (3, "arrow", 130, 460, 170), (4, "arrow bad", 790, 130, 216)]
        {
            let line = format!("<a href=\"#m{number}\"><line class=\"{class}\" x1=\"{from}\" y1=\"{y}\" x2=\"{to}\" y2=\"{y}\"");
            assert!(svg.contains(&line), "{line} in {svg}");
        }
        assert_eq!(svg.matches("<a ").count(), arrows.len());
        assert_eq!(svg.matches(">RFC 6749 §6<").count(), arrows.len());
        // All of it is in the picture.
        assert!(svg.contains(&format!("viewBox=\"0 0 920 {}\"", 56 + 4 * 46 + 30)), "{svg}");
    }

    #[test]
    fn what_is_long_is_cut_and_nothing_is_markup() {
        let hostile = "</text><script>x</script>\u{202e}\u{1b}[2J";
        let svg = of(&[hostile.to_owned(), "b".to_owned()], &[&arrow(0, 1, &format!("{hostile}{}", "long ".repeat(40)))]);
        assert!(!svg.contains("<script") && !svg.contains('\u{202e}') && !svg.contains('\u{1b}'), "{svg}");
        assert!(svg.contains('…') && !svg.contains(&"long ".repeat(30)), "{svg}");
        assert_eq!(shortened("éééé", 4), "éééé");
        assert_eq!(shortened("ééééé", 4), "ééé…");
        // One party alone is drawn, too.
        assert!(of(&["a".to_owned()], &[]).contains("x1=\"130\""));
    }
}
