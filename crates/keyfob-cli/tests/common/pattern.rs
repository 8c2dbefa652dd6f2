//! Text that is known but for parts of it: times, ports, numbers that are drawn.

/// How what is not known is written.
#[derive(Clone, Copy, Debug)]
pub struct Pattern {
    /// A line of this alone is any number of lines.
    pub any_lines: &'static str,
    /// In a line it is any text.
    pub any_text: &'static str,
}

impl Pattern {
    /// Whether these lines are what is expected, all of them.
    pub fn fits(self, expected: &[&str], found: &[&str]) -> bool {
        match (expected.split_first(), found.split_first()) {
            (None, None) => true,
            (Some((line, rest)), _) if *line == self.any_lines => (0..=found.len()).any(|skipped| self.fits(rest, &found[skipped..])),
            (Some((line, rest)), Some((other, others))) => self.line_fits(line, other) && self.fits(rest, others),
            _ => false,
        }
    }

    fn line_fits(self, expected: &str, found: &str) -> bool {
        match expected.split_once(self.any_text) {
            None => expected == found,
            Some((start, rest)) => found.strip_prefix(start).is_some_and(|behind| {
                behind.char_indices().map(|(at, _)| at).chain([behind.len()]).any(|at| self.line_fits(rest, &behind[at..]))
            }),
        }
    }
}
