//! Tables in the terminal, and the same as tab- and comma-separated values and JSON.

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Width, presets};
use keyfob::proto::Timestamp;
use keyfob_providers::{Cell, Column, Row, Table, View};
use serde_json::{Map, Value};

use crate::card::Card;
use crate::moment;
use crate::output::{Output, Paint};

/// Blanks between columns.
const GAP: usize = 2;

/// A blank at which no line is broken.
const UNBREAKABLE: char = '\u{a0}';

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

    /// Columns that line up, no wider than that; or, where words would have to be broken, a block for each row. Columns that are empty in every row are left away.
    pub(crate) fn drawn(&self, width: usize, paint: Paint) -> String {
        self.without_empty_columns().drawn_whole(width, paint)
    }

    fn without_empty_columns(&self) -> Self {
        let is_kept = |at: &usize| self.rows.is_empty() || self.rows.iter().any(|row| row.get(*at).is_some_and(|cell| !cell.is_empty()));
        let kept: Vec<usize> = (0..self.headings.len()).filter(is_kept).collect();
        let of = |cells: &Vec<String>| kept.iter().filter_map(|at| cells.get(*at).cloned()).collect();
        let right = kept.iter().filter_map(|at| self.right.get(*at).copied()).collect();
        Self { headings: of(&self.headings), right, rows: self.rows.iter().map(of).collect() }
    }

    fn drawn_whole(&self, width: usize, paint: Paint) -> String {
        if self.least_width() > width {
            let block = |row: &Vec<String>| {
                pairs(&self.headings.iter().zip(row).filter(|(_, cell)| !cell.is_empty()).collect::<Vec<_>>(), Some(width), paint)
            };
            return self.rows.iter().map(block).collect::<Vec<_>>().join("\n\n");
        }
        let mut table = comfy_table::Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
        // Two blanks between columns and none around them; the last padding is cut off again below.
        table.set_width(u16::try_from(width + GAP).unwrap_or(u16::MAX)).set_header(&self.headings).add_rows(&self.rows);
        let least = self.least_widths();
        for ((column, right), least) in table.column_iter_mut().zip(&self.right).zip(least) {
            column.set_padding((0, GAP as u16));
            column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(u16::try_from(least + GAP).unwrap_or(u16::MAX))));
            if *right {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        let mut lines: Vec<String> = table.lines().map(|line| line.trim_end().replace(UNBREAKABLE, " ")).collect();
        // A heading may take several lines where the room is small.
        let heading = lines.len().saturating_sub(self.body_lines(&table)).max(1);
        lines.iter_mut().take(heading).for_each(|line| *line = paint.strong(line));
        lines.join("\n")
    }

    /// The width below which words would have to be broken.
    fn least_width(&self) -> usize {
        self.least_widths().map(|width| width + GAP).sum::<usize>().saturating_sub(GAP)
    }

    fn least_widths(&self) -> impl Iterator<Item = usize> + '_ {
        let longest = |text: &String| text.split(' ').map(|word| word.chars().count()).max().unwrap_or(0);
        (0..self.headings.len()).map(move |at| {
            let cells = self.rows.iter().filter_map(|row| row.get(at));
            std::iter::once(&self.headings[at]).chain(cells).map(longest).max().unwrap_or(0)
        })
    }

    fn body_lines(&self, table: &comfy_table::Table) -> usize {
        let mut body = table.clone();
        body.set_header(vec![String::new(); self.headings.len()]);
        body.lines().count().saturating_sub(1)
    }

    /// Comma-separated values (RFC 4180); the last line has no break.
    pub(crate) fn comma_separated(&self) -> String {
        let quoted = |text: &String| {
            if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.clone() }
        };
        let line = |cells: &Vec<String>| cells.iter().map(quoted).collect::<Vec<_>>().join(",");
        std::iter::once(&self.headings).chain(&self.rows).map(line).collect::<Vec<_>>().join("\r\n")
    }

    fn tab_separated(&self) -> String {
        let line = |cells: &Vec<String>| cells.iter().map(|cell| cell.replace(['\t', '\n', '\r'], " ")).collect::<Vec<_>>().join("\t");
        std::iter::once(&self.headings).chain(&self.rows).map(line).collect::<Vec<_>>().join("\n")
    }
}

/// Pairs of a name and its value, lined up, values hanging. A name that would take too much room from all values has a line of its own.
pub(crate) fn pairs(pairs: &[(impl AsRef<str>, impl AsRef<str>)], width: Option<usize>, paint: Paint) -> String {
    let most = width.map_or(usize::MAX, |width| width / 3);
    let lengths = pairs.iter().map(|(name, _)| name.as_ref().chars().count());
    let longest = lengths.filter(|length| *length <= most).max().unwrap_or(0);
    let line = |(name, value): &(_, _)| {
        let (name, value): (&str, &str) = (AsRef::as_ref(name), AsRef::as_ref(value));
        let gap = match longest.checked_sub(name.chars().count()) {
            Some(short) => " ".repeat(short + 2),
            None => format!("\n{}", " ".repeat(longest + 2)),
        };
        format!("{}{gap}{}", paint.dim(name), crate::output::hang(value, longest + 2, width))
    };
    pairs.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// An action's table for a person. Columns that are empty in every row are left away.
pub(crate) fn drawn(table: &Table, width: usize, paint: Paint) -> String {
    let table = without_empty_columns(table);
    if table.view == View::List {
        let sheet = sheet(&table, Column::caption_with_unit, &shown);
        if sheet.least_width() <= width {
            return sheet.drawn(width, paint);
        }
    }
    let details = table.rows.iter().map(|row| {
        let cells: Vec<(String, String)> = (table.columns.iter().zip(&row.cells))
            .filter(|(_, cell)| !matches!(cell, Cell::Empty))
            .map(|(column, cell)| (column.caption().to_owned(), with_unit(cell, column.unit.as_deref())))
            .collect();
        pairs(&cells, Some(width), paint)
    });
    details.collect::<Vec<_>>().join("\n\n")
}

/// The table without columns that are empty in every row.
pub(crate) fn without_empty_columns(table: &Table) -> Table {
    let is_empty = |at: usize| table.rows.iter().all(|row| matches!(row.cells.get(at), None | Some(Cell::Empty)));
    let kept: Vec<usize> = (0..table.columns.len()).filter(|at| !is_empty(*at)).collect();
    let cells = |row: &Row| kept.iter().filter_map(|at| row.cells.get(*at).cloned()).collect();
    Table {
        view: table.view,
        columns: kept.iter().filter_map(|at| table.columns.get(*at).cloned()).collect(),
        rows: table.rows.iter().map(|row| Row { cells: cells(row), links: row.links.clone() }).collect(),
    }
}

/// How wide an action's table would like to be.
pub(crate) fn natural_width(table: &Table) -> usize {
    let drawn = sheet(table, Column::caption_with_unit, &shown).drawn(usize::from(u16::MAX) - 2, Paint::plain());
    drawn.lines().map(|line| line.chars().count()).max().unwrap_or(0)
}

/// An action's table for a program: tab-separated values under headings.
pub(crate) fn tab_separated(table: &Table) -> String {
    for_a_program(table).tab_separated()
}

/// The same between commas.
pub(crate) fn comma_separated(table: &Table) -> String {
    for_a_program(table).comma_separated()
}

fn for_a_program(table: &Table) -> Sheet {
    sheet(table, Column::heading, &|cell| match cell {
        Cell::Time(seconds) => moment::utc(Timestamp::from_unix(*seconds)),
        other => other.to_string(),
    })
}

/// An action's rows as JSON objects: members named by the columns' titles, moments as RFC 3339, days as its full-date.
pub(crate) fn json(table: &Table) -> Value {
    let value = |cell: &Cell| match cell {
        Cell::Empty => Value::Null,
        Cell::Text(text) => Value::from(text.as_str()),
        Cell::Number(number) if number.fract() == 0.0 && number.abs() < 9e15 => Value::from(*number as i64),
        Cell::Number(number) => Value::from(*number),
        Cell::Time(seconds) => Value::from(moment::utc(Timestamp::from_unix(*seconds))),
        Cell::Date(day) => Value::from(day.to_string()),
        Cell::Flag(flag) => Value::from(*flag),
    };
    let row = |cells: &[Cell]| {
        let members = table.columns.iter().zip(cells).map(|(column, cell)| (column.title.clone(), value(cell)));
        Value::Object(members.collect::<Map<_, _>>())
    };
    table.rows.iter().map(|found| row(&found.cells)).collect()
}

fn sheet(table: &Table, heading: fn(&Column) -> String, text: &dyn Fn(&Cell) -> String) -> Sheet {
    Sheet {
        headings: table.columns.iter().map(heading).collect(),
        right: table.columns.iter().map(|column| column.is_right_aligned()).collect(),
        rows: table.rows.iter().map(|row| row.cells.iter().map(text).collect()).collect(),
    }
}

fn shown(cell: &Cell) -> String {
    match cell {
        Cell::Time(seconds) => moment::local(Timestamp::from_unix(*seconds)).replace(' ', &UNBREAKABLE.to_string()),
        other => other.to_string(),
    }
}

fn with_unit(cell: &Cell, unit: Option<&str>) -> String {
    let text = shown(cell).replace(UNBREAKABLE, " ");
    match (cell, unit) {
        (Cell::Number(_), Some(unit)) => format!("{text} {unit}"),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use keyfob_providers::{CellKind, Row};

    use super::*;

    fn table() -> Table {
        let column = |title: &str, unit: Option<&str>, kind| Column {
            title: title.into(),
            caption: None,
            unit: unit.map(Into::into),
            kind,
            axis: None,
        };
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
        let sheet = sheet(&table(), Column::heading, &|cell| match cell {
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

    /// What people call it is for people: programs go on finding what they look for.
    #[test]
    fn a_caption_is_for_people_and_the_title_for_programs() {
        let mut table = table();
        table.columns[1].caption = Some("How bright".into());
        table.rows.pop();
        assert_eq!(drawn(&table, 80, Paint::plain()).lines().next(), Some("Name  How bright (%)  Seen"));
        assert_eq!(natural_width(&table), "Name  How bright (%)  2020-01-01 00:00".len());
        assert_eq!(drawn(&table, 24, Paint::plain()), "Name  Lamp\nHow bright\n      7 %\nSeen  2020-01-01 00:00");
        assert!(tab_separated(&table).starts_with("Name\tLevel (%)\tSeen\n"), "{}", tab_separated(&table));
        assert_eq!(json(&table)[0]["Level"], 7);
    }

    #[test]
    fn narrow_tables_wrap_between_words() {
        let drawn = sheet(&table(), Column::caption_with_unit, &shown).drawn(34, Paint::plain());
        assert_eq!(
            drawn,
            "Name       Level  Seen\n\
             \x20            (%)\n\
             Lamp           7  2020-01-01 00:00\n\
             A long      12.5\n\
             name"
        );
    }

    #[test]
    fn where_words_would_break_each_row_is_a_block() {
        let drawn = drawn(&table(), 24, Paint::plain());
        assert_eq!(drawn, "Name   Lamp\nLevel  7 %\nSeen   2020-01-01 00:00\n\nName   A long name\nLevel  12.5 %");
    }

    #[test]
    fn a_long_name_takes_no_room_from_all_values() {
        let drawn = |width| pairs(&[("short", "one two three four"), ("a name that is long", "five")], width, Paint::plain());
        assert_eq!(drawn(Some(30)), "short  one two three four\na name that is long\n       five");
        assert_eq!(drawn(None), "short                one two three four\na name that is long  five");
    }

    #[test]
    fn columns_that_are_always_empty_are_left_away() {
        let mut table = table();
        table.rows.remove(0);
        assert_eq!(drawn(&table, 80, Paint::plain()), "Name         Level (%)\nA long name       12.5");
        let mut apps = Sheet::new(["Provider", "Fields", "Secrets"]);
        apps.row(["acme", "", "client_secret"]);
        assert_eq!(apps.drawn(80, Paint::plain()), "Provider  Secrets\nacme      client_secret");
        assert_eq!(apps.tab_separated(), "Provider\tFields\tSecrets\nacme\t\tclient_secret", "a program counts on the columns");
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
    fn values_with_commas_and_quotes_are_quoted() {
        let mut sheet = Sheet::new(["a", "b"]);
        sheet.row(["x,\"y\"\nz", "plain"]);
        assert_eq!(sheet.comma_separated(), "a,b\r\n\"x,\"\"y\"\"\nz\",plain");
        assert_eq!(comma_separated(&table()), "Name,Level (%),Seen\r\nLamp,7,2020-01-01T00:00:00Z\r\nA long name,12.5,");
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
