//! Tables in the terminal, and the same as tab-separated values and JSON.

use comfy_table::{CellAlignment, ContentArrangement, presets};
use keyfob::proto::Timestamp;
use keyfob_providers::{Cell, Table, View};
use serde_json::{Map, Value};

use crate::card::Card;
use crate::moment;
use crate::output::{Output, Paint};

/// Rows of text under headings.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sheet {
    headings: Vec<String>,
    right: Vec<bool>,
    rows: Vec<Vec<String>>,
}

impl Sheet {
    /// An empty sheet.
    pub(crate) fn new(headings: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let headings: Vec<String> = headings.into_iter().map(Into::into).collect();
        Self { right: vec![false; headings.len()], headings, rows: Vec::new() }
    }

    /// A row more.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = impl Into<String>>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// To stdout: columns for a person, tab-separated values for a program.
    pub(crate) fn print(&self, output: &Output) -> Result<(), Card> {
        if output.to_person { output.data(&self.drawn(output.width(), output.paint())) } else { output.data(&self.tab_separated()) }
    }

    /// Columns that line up, no wider than that.
    pub(crate) fn drawn(&self, width: usize, paint: Paint) -> String {
        let mut table = comfy_table::Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
        // Two blanks between columns and none around them; the last padding is cut off again below.
        table.set_width(u16::try_from(width + 2).unwrap_or(u16::MAX)).set_header(&self.headings).add_rows(&self.rows);
        for (column, right) in table.column_iter_mut().zip(&self.right) {
            column.set_padding((0, 2));
            if *right {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        let mut lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
        // A heading may take several lines where the room is small.
        let heading = lines.len().saturating_sub(self.body_lines(&table)).max(1);
        lines.iter_mut().take(heading).for_each(|line| *line = paint.strong(line));
        lines.join("\n")
    }

    fn body_lines(&self, table: &comfy_table::Table) -> usize {
        let mut body = table.clone();
        body.set_header(vec![String::new(); self.headings.len()]);
        body.lines().count().saturating_sub(1)
    }

    fn tab_separated(&self) -> String {
        let line = |cells: &Vec<String>| cells.iter().map(|cell| cell.replace(['\t', '\n', '\r'], " ")).collect::<Vec<_>>().join("\t");
        std::iter::once(&self.headings).chain(&self.rows).map(line).collect::<Vec<_>>().join("\n")
    }
}

/// Pairs of a name and its value, lined up, values hanging.
pub(crate) fn pairs(pairs: &[(impl AsRef<str>, impl AsRef<str>)], width: Option<usize>, paint: Paint) -> String {
    let longest = pairs.iter().map(|(name, _)| name.as_ref().chars().count()).max().unwrap_or(0);
    let line = |(name, value): &(_, _)| {
        let (name, value): (&str, &str) = (AsRef::as_ref(name), AsRef::as_ref(value));
        let gap = " ".repeat(longest - name.chars().count() + 2);
        format!("{}{gap}{}", paint.dim(name), crate::output::hang(value, longest + 2, width))
    };
    pairs.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// An action's table for a person.
pub(crate) fn drawn(table: &Table, width: usize, paint: Paint) -> String {
    match table.view {
        View::Details => {
            let details = table.rows.iter().map(|row| {
                let cells: Vec<(String, String)> = (table.columns.iter().zip(&row.cells))
                    .filter(|(_, cell)| !matches!(cell, Cell::Empty))
                    .map(|(column, cell)| (column.title.clone(), with_unit(cell, column.unit.as_deref())))
                    .collect();
                pairs(&cells, Some(width), paint)
            });
            details.collect::<Vec<_>>().join("\n\n")
        }
        View::List => sheet(table, &shown).drawn(width, paint),
    }
}

/// How wide an action's table would like to be.
pub(crate) fn natural_width(table: &Table) -> usize {
    let drawn = sheet(table, &shown).drawn(usize::from(u16::MAX) - 2, Paint::plain());
    drawn.lines().map(|line| line.chars().count()).max().unwrap_or(0)
}

/// An action's table for a program: tab-separated values under headings.
pub(crate) fn tab_separated(table: &Table) -> String {
    sheet(table, &|cell| match cell {
        Cell::Time(seconds) => moment::utc(Timestamp::from_unix(*seconds)),
        other => other.to_string(),
    })
    .tab_separated()
}

/// An action's rows as JSON objects: members named by the columns' titles, moments as RFC 3339.
pub(crate) fn json(table: &Table) -> Value {
    let value = |cell: &Cell| match cell {
        Cell::Empty => Value::Null,
        Cell::Text(text) => Value::from(text.as_str()),
        Cell::Number(number) if number.fract() == 0.0 && number.abs() < 9e15 => Value::from(*number as i64),
        Cell::Number(number) => Value::from(*number),
        Cell::Time(seconds) => Value::from(moment::utc(Timestamp::from_unix(*seconds))),
        Cell::Flag(flag) => Value::from(*flag),
    };
    let row = |cells: &[Cell]| {
        let members = table.columns.iter().zip(cells).map(|(column, cell)| (column.title.clone(), value(cell)));
        Value::Object(members.collect::<Map<_, _>>())
    };
    table.rows.iter().map(|found| row(&found.cells)).collect()
}

fn sheet(table: &Table, text: &dyn Fn(&Cell) -> String) -> Sheet {
    Sheet {
        headings: table.columns.iter().map(|column| column.heading()).collect(),
        right: table.columns.iter().map(|column| column.is_right_aligned()).collect(),
        rows: table.rows.iter().map(|row| row.cells.iter().map(text).collect()).collect(),
    }
}

fn shown(cell: &Cell) -> String {
    match cell {
        Cell::Time(seconds) => moment::local(Timestamp::from_unix(*seconds)),
        other => other.to_string(),
    }
}

fn with_unit(cell: &Cell, unit: Option<&str>) -> String {
    match (cell, unit) {
        (Cell::Number(_), Some(unit)) => format!("{} {unit}", shown(cell)),
        _ => shown(cell),
    }
}

#[cfg(test)]
mod tests {
    use keyfob_providers::{CellKind, Column, Row};

    use super::*;

    fn table() -> Table {
        let column = |title: &str, unit: Option<&str>, kind| Column { title: title.into(), unit: unit.map(Into::into), kind, axis: None };
        Table {
            view: View::List,
            columns: vec![
                column("Name", None, CellKind::Text),
                column("Level", Some("%"), CellKind::Number),
                column("Seen", None, CellKind::Time),
            ],
            rows: vec![
                Row { cells: vec![Cell::Text("Lamp".into()), Cell::Number(7.0), Cell::Time(1_577_836_800)], links: vec![] },
                Row { cells: vec![Cell::Text("A long name".into()), Cell::Number(12.5), Cell::Empty], links: vec![] },
            ],
        }
    }

    #[test]
    fn columns_line_up_and_numbers_to_the_right() {
        let sheet = sheet(&table(), &|cell| match cell {
            Cell::Time(_) => "then".into(),
            other => other.to_string(),
        });
        assert_eq!(
            sheet.drawn(80, Paint::plain()),
            "Name         Level (%)  Seen\n\
             Lamp                 7  then\n\
             A long name       12.5"
        );
    }

    #[test]
    fn narrow_tables_wrap_instead_of_running_over() {
        let drawn = sheet(&table(), &shown).drawn(30, Paint::plain());
        assert!(drawn.lines().all(|line| line.chars().count() <= 30), "{drawn}");
    }

    #[test]
    fn programs_get_tabs_and_json() {
        assert_eq!(tab_separated(&table()), "Name\tLevel (%)\tSeen\nLamp\t7\t2020-01-01T00:00:00Z\nA long name\t12.5\t");
        assert_eq!(
            json(&table()).to_string(),
            r#"[{"Level":7,"Name":"Lamp","Seen":"2020-01-01T00:00:00Z"},{"Level":12.5,"Name":"A long name","Seen":null}]"#
        );
    }

    #[test]
    fn details_are_a_line_each_with_units_and_without_gaps() {
        let mut table = table();
        table.view = View::Details;
        table.rows.truncate(1);
        table.rows[0].cells[2] = Cell::Empty;
        assert_eq!(drawn(&table, 80, Paint::plain()), "Name   Lamp\nLevel  7 %");
    }
}
