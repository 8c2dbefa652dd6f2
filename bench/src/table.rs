//! What was measured, beside its limit and its goal.

/// One line of the table.
pub(crate) struct Row {
    /// The work, and what it is held against.
    pub(crate) work: String,
    pub(crate) limit_is: String,
    pub(crate) ours: f64,
    pub(crate) limit: Option<f64>,
    pub(crate) unit: &'static str,
    pub(crate) goal: Goal,
}

/// When a row is as it should be.
pub(crate) enum Goal {
    /// Ours is at most so many times the limit.
    Ratio(f64),
    /// Ours is at most that.
    AtMost(f64),
    /// Ours is at least that.
    AtLeast(f64),
    /// Ours is the limit, no more and no less: of what has to be done for each, once.
    #[allow(dead_code, reason = "of two programs with this table one has such a row")]
    Exactly,
    /// Told, not judged.
    Told,
}

#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<Row>,
}

impl Row {
    fn ratio(&self) -> Option<f64> {
        self.limit.map(|limit| self.ours / limit)
    }

    /// `None` where there is nothing to judge.
    fn holds(&self) -> Option<bool> {
        match self.goal {
            Goal::Ratio(most) => self.ratio().map(|ratio| ratio <= most),
            Goal::AtMost(most) => Some(self.ours <= most),
            Goal::AtLeast(least) => Some(self.ours >= least),
            Goal::Exactly => self.limit.map(|limit| (self.ours - limit).abs() < f64::EPSILON),
            Goal::Told => None,
        }
    }
}

impl Table {
    pub(crate) fn add(&mut self, row: Row) {
        println!("  {}", line(&row));
        self.rows.push(row);
    }

    /// The rows of another one behind these.
    pub(crate) fn with(mut self, other: Self) -> Self {
        self.rows.extend(other.rows);
        self
    }

    pub(crate) fn holds(&self) -> bool {
        self.rows.iter().all(|row| row.holds() != Some(false))
    }

    /// As Markdown, for the README.
    pub(crate) fn print(&self) {
        println!("\n| work | ours | limit, measured beside it | ratio | goal | |");
        println!("|---|---|---|---|---|---|");
        self.rows.iter().for_each(|row| println!("{}", line(row)));
    }
}

fn line(row: &Row) -> String {
    let Row { work, limit_is, ours, limit, unit, goal } = row;
    let limit = limit.map_or_else(|| limit_is.clone(), |limit| format!("{limit_is}: {} {unit}", shown(limit)));
    let ratio = row.ratio().map_or_else(String::new, rounded);
    let goal = match goal {
        Goal::Ratio(most) => format!("≤ {} ×", rounded(*most)),
        Goal::AtMost(most) => format!("≤ {most} {unit}"),
        Goal::AtLeast(least) => format!("≥ {least} {unit}"),
        Goal::Exactly => "exactly".to_owned(),
        Goal::Told => String::new(),
    };
    let verdict = match row.holds() {
        Some(true) => "holds",
        Some(false) => "MISSED",
        None => "",
    };
    format!("| {work} | {} {unit} | {limit} | {ratio} | {goal} | {verdict} |", shown(*ours))
}

/// Two decimals, or as many as a small ratio needs to say anything.
fn rounded(ratio: f64) -> String {
    if ratio < 0.1 { format!("{ratio:.4}") } else { format!("{ratio:.2}") }
}

fn shown(value: f64) -> String {
    match value {
        value if value >= 1000.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_is_no_more_and_no_less() {
        let row =
            |ours: f64| Row { work: String::new(), limit_is: String::new(), ours, limit: Some(2000.0), unit: "", goal: Goal::Exactly };
        assert_eq!([1999.0, 2000.0, 2001.0].map(|ours| row(ours).holds()), [Some(false), Some(true), Some(false)]);
    }
}
