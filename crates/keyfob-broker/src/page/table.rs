//! Tables as pages draw them: a list, or one thing with its properties.

use std::collections::{BTreeMap, BTreeSet};

use keyfob::proto::Scrubber;
use keyfob_providers::{Action, Cell, CellKind, Link, ParameterKind, Table, View};

use super::{Plot, action_path, moment, words};
use crate::failure::Failure;
use crate::routes::action::MOST_PAGES;
use crate::seat::{Holder, Seat};

/// More rows are counted, not drawn.
const MOST_ROWS: usize = 500;

/// A table of more columns is drawn as a card for each row: nobody scrolls sideways for a button.
const MOST_COLUMNS: usize = 8;

/// So few things with buttons are cards too: devices, not records.
const MOST_THINGS: usize = 24;

/// And those of more columns, which would be cut beside what else there is of an account.
const NARROW_COLUMNS: usize = 5;

/// Columns that say how a thing is.
const STATES: [&str; 2] = ["State", "Status"];

/// States that are good, or that something is doing.
const ACTIVE: [&str; 8] = ["on", "locked", "online", "active", "running", "open", "up", "ok"];

/// What an action showed, or why it did not.
pub(crate) struct Section {
    pub(crate) title: String,
    /// The action's page with its form, where it has parameters.
    pub(crate) options: Option<String>,
    pub(crate) content: Result<TableView, Failure>,
}

impl Section {
    pub(crate) fn has_charts(&self) -> bool {
        self.content.as_ref().is_ok_and(|table| !table.plots.is_empty())
    }
}

/// A table, ready to be drawn.
pub(crate) struct TableView {
    pub(crate) is_details: bool,
    /// Whether each row is a card.
    pub(crate) is_wide: bool,
    pub(crate) heads: Vec<Head>,
    pub(crate) rows: Vec<RowView>,
    /// Rows that are not drawn.
    pub(crate) more: usize,
    pub(crate) has_links: bool,
    pub(crate) plots: Vec<Plot>,
    /// The actions that its rows lead to.
    pub(crate) leads_to: BTreeSet<String>,
    /// What was not read.
    pub(crate) rest: Option<Rest>,
    /// Why nobody can tell whether that was all.
    pub(crate) no_list: Option<String>,
}

/// The end of an answer that is longer than what was read of it.
pub(crate) struct Rest {
    /// So many answers were read.
    pub(crate) read: usize,
    /// The parameter that says where to go on, where one does.
    pub(crate) parameter: Option<String>,
    /// Where more is shown; none where the address would hold a secret, or nothing here reads more.
    pub(crate) href: Option<String>,
}

impl Rest {
    /// `arguments` are those of the call that was not made.
    pub(crate) fn new(
        read: usize,
        action: &Action,
        arguments: &BTreeMap<String, String>,
        seat: &Seat,
        scrubber: &Scrubber,
    ) -> Option<Self> {
        let is_clean = arguments.values().all(|value| scrubber.mask(value) == *value);
        let said = arguments.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let href = is_clean.then(|| action_path(seat, &action.name, said));
        Some(Self { read, parameter: Some(words(action.goes_on_by()?)), href })
    }

    /// Of what goes on at an address of its own: the action's page reads more than the beginning.
    pub(crate) fn linked(read: usize, action: &Action, seat: &Seat) -> Self {
        Self { read, parameter: None, href: (read < MOST_PAGES).then(|| action_path(seat, &action.name, [])) }
    }
}

pub(crate) struct Head {
    pub(crate) text: String,
    pub(crate) right: bool,
}

pub(crate) struct RowView {
    /// What a person calls what this row is about.
    pub(crate) subject: Option<String>,
    pub(crate) cells: Vec<CellView>,
    pub(crate) links: Vec<LinkView>,
}

pub(crate) struct CellView {
    /// Title and unit.
    pub(crate) heading: String,
    pub(crate) title: String,
    /// The unit of a number.
    pub(crate) unit: Option<String>,
    pub(crate) text: String,
    /// A moment as programs read it: script shows it in the person's own time.
    pub(crate) moment: Option<String>,
    /// Whether it says how a thing is.
    pub(crate) is_state: bool,
    pub(crate) right: bool,
    pub(crate) kind: &'static str,
    /// Where the thing itself is shown.
    pub(crate) href: Option<String>,
}

pub(crate) struct LinkView {
    pub(crate) label: String,
    pub(crate) href: String,
    pub(crate) acts: bool,
    /// Whether it shows what the row is about, and nothing else could be asked there.
    is_the_thing: bool,
}

impl TableView {
    /// Text of the server in it goes through the scrubber: an API that mirrors requests shows tokens.
    pub(crate) fn new(table: &Table, seat: &Seat, holder: &Holder, scrubber: &Scrubber) -> Self {
        let is_details = table.view == View::Details;
        let heads: Vec<Head> = table
            .columns
            .iter()
            .map(|column| Head { text: scrubber.mask(&column.caption_with_unit()), right: column.is_right_aligned() })
            .collect();
        let name = naming_column(table);
        let rows: Vec<RowView> = (table.rows.iter().take(MOST_ROWS))
            .map(|row| {
                let mut cells: Vec<CellView> = (row.cells.iter().zip(table.columns.iter().zip(&heads)))
                    .map(|(cell, (column, head))| CellView {
                        heading: head.text.clone(),
                        title: scrubber.mask(column.caption()),
                        unit: column.unit.as_ref().filter(|_| matches!(cell, Cell::Number(_))).map(|unit| scrubber.mask(unit)),
                        text: text(cell, scrubber),
                        moment: if let Cell::Time(at) = cell { Some(moment::iso(*at)) } else { None },
                        is_state: matches!(cell, Cell::Text(_)) && STATES.contains(&column.title.as_str()),
                        right: head.right,
                        kind: kind(cell, column.kind),
                        href: None,
                    })
                    .collect();
                let subject = name.and_then(|at| cells.get(at)).filter(|cell| cell.kind != "empty").map(|cell| cell.text.clone());
                let mut links = links(&row.links, seat, scrubber);
                // In a list, the thing's name leads to the thing.
                if !is_details
                    && let Some(at) = links.iter().position(|link| link.is_the_thing)
                    && let Some(cell) = name.and_then(|name| cells.get_mut(name))
                {
                    cell.href = Some(links.remove(at).href);
                }
                RowView { subject, cells, links }
            })
            .collect();
        remember(table, &rows, seat, holder);
        let plots = table.chart().map(|chart| Plot::all(&chart, scrubber)).unwrap_or_default();
        let more = table.rows.len().saturating_sub(MOST_ROWS);
        let leads_to = table.rows.iter().flat_map(|row| &row.links).map(|link| link.action.clone()).collect();
        let has_links = rows.iter().any(|row| !row.links.is_empty());
        let are_things = heads.len() > MOST_COLUMNS || ((has_links || heads.len() > NARROW_COLUMNS) && rows.len() <= MOST_THINGS);
        let is_wide = !is_details && plots.is_empty() && are_things;
        Self { is_details, is_wide, leads_to, has_links, heads, rows, more, plots, rest: None, no_list: None }
    }

    /// What the one thing of a details table is called.
    pub(crate) fn subject(&self) -> Option<&str> {
        match self.rows.as_slice() {
            [row] if self.is_details => row.subject.as_deref(),
            _ => None,
        }
    }

    /// The lines of a table with one row: what an action says about what it did.
    pub(crate) fn lines(&self) -> Vec<(String, String)> {
        match self.rows.as_slice() {
            [row] => {
                let full = row.cells.iter().filter(|cell| cell.kind != "empty");
                full.map(|cell| (cell.heading.clone(), cell.text.clone())).take(8).collect()
            }
            _ => Vec::new(),
        }
    }
}

impl TableView {
    /// Whether there are moments in it, which the page has in UTC; days are the same everywhere.
    pub(crate) fn has_moments(&self) -> bool {
        self.rows.iter().flat_map(|row| &row.cells).any(|cell| cell.moment.is_some())
    }
}

impl RowView {
    /// Where the thing itself is shown.
    pub(crate) fn href(&self) -> Option<&str> {
        self.cells.iter().find_map(|cell| cell.href.as_deref())
    }

    /// How the thing is.
    pub(crate) fn state(&self) -> Option<&CellView> {
        self.cells.iter().find(|cell| cell.is_state)
    }

    /// What a card says in small: neither its name, nor its state, nor a measurement, nor what only programs read.
    pub(crate) fn facts(&self) -> Vec<&CellView> {
        let is_name = |cell: &CellView| self.subject.as_deref() == Some(cell.text.as_str());
        self.cells.iter().filter(|cell| cell.is_fact() && !cell.is_state && !cell.is_id() && !is_name(cell)).collect()
    }

    /// What only programs read.
    pub(crate) fn ids(&self) -> Vec<&CellView> {
        self.cells.iter().filter(|cell| cell.is_fact() && cell.is_id() && cell.href.is_none()).collect()
    }
}

impl CellView {
    /// A measurement, to be read from afar.
    pub(crate) fn is_meter(&self) -> bool {
        self.unit.is_some()
    }

    /// Anything else that is known.
    pub(crate) fn is_fact(&self) -> bool {
        self.kind != "empty" && self.unit.is_none()
    }

    fn is_id(&self) -> bool {
        self.title == "ID" || self.title.ends_with(" ID")
    }

    pub(crate) fn is_active(&self) -> bool {
        ACTIVE.contains(&self.text.as_str()) || self.text.starts_with("dimmed")
    }
}

/// Remembers what a person calls the things that links lead to: as each link has it, and by what says which thing it is alone. Of another day, or measured
/// otherwise, it is the same thing. Where two rows differ in nothing but that, a row is no thing.
fn remember(table: &Table, rows: &[RowView], seat: &Seat, holder: &Holder) {
    let mut things: BTreeMap<(&str, BTreeMap<String, String>), Option<&str>> = BTreeMap::new();
    for (row, view) in table.rows.iter().zip(rows) {
        let Some(subject) = view.subject.as_deref() else { continue };
        for link in &row.links {
            holder.remember(&link.action, &link.arguments, subject);
            let Some(action) = seat.desk.provider.actions.iter().find(|action| action.name == link.action) else { continue };
            let which = which(action, &link.arguments);
            if which.is_empty() || which.len() == link.arguments.len() {
                continue;
            }
            let known = things.entry((&link.action, which)).or_insert(Some(subject));
            *known = known.filter(|known| *known == subject);
        }
    }
    for ((action, which), subject) in things {
        if let Some(subject) = subject {
            holder.remember(action, &which, subject);
        }
    }
}

/// The arguments that say which thing is meant: not when, how much of it, or where a long answer goes on.
pub(crate) fn which(action: &Action, said: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let names_a_thing = |name: &str| {
        let parameter = action.parameters.iter().find(|parameter| parameter.name == name);
        let is_name =
            parameter.is_some_and(|parameter| matches!(parameter.kind, ParameterKind::Text { .. } | ParameterKind::Integer { .. }));
        is_name && action.goes_on_by() != Some(name)
    };
    said.iter().filter(|(name, _)| names_a_thing(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// The column that tells the rows apart: the first of text in which no two are the same; else the first of text. How a thing is, is not what it is called;
/// and a table that begins with that is of a thing that was named elsewhere.
fn naming_column(table: &Table) -> Option<usize> {
    let is_state = |at: usize| table.columns.get(at).is_some_and(|column| STATES.contains(&column.title.as_str()));
    if table.view == View::Details && is_state(0) {
        return None;
    }
    let is_text = |at: &usize| table.columns[*at].kind == CellKind::Text && !is_state(*at);
    let tells_apart = |at: &usize| {
        let texts: Vec<String> = table.rows.iter().filter_map(|row| row.cells.get(*at)).map(Cell::to_string).collect();
        texts.iter().collect::<BTreeSet<_>>().len() == texts.len() && texts.iter().all(|text| !text.is_empty())
    };
    let columns = || (0..table.columns.len()).filter(is_text);
    columns().find(tells_apart).or_else(|| columns().next())
}

/// Buttons and links to actions. One whose arguments hold a secret is left out: addresses are no place for it.
fn links(links: &[Link], seat: &Seat, scrubber: &Scrubber) -> Vec<LinkView> {
    let is_clean = |arguments: &BTreeMap<String, String>| arguments.values().all(|value| scrubber.mask(value) == *value);
    links
        .iter()
        .filter(|link| is_clean(&link.arguments))
        .filter_map(|link| {
            let action = seat.desk.provider.actions.iter().find(|action| action.name == link.action)?;
            let arguments = link.arguments.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            Some(LinkView {
                label: link.label.clone(),
                href: action_path(seat, &action.name, arguments),
                acts: action.acts,
                is_the_thing: !action.acts && action.parameters.len() == link.arguments.len(),
            })
        })
        .collect()
}

fn text(cell: &Cell, scrubber: &Scrubber) -> String {
    match cell {
        Cell::Empty => "–".to_owned(),
        Cell::Text(text) => scrubber.mask(text),
        Cell::Time(at) => moment::utc(*at),
        other => other.to_string(),
    }
}

fn kind(cell: &Cell, column: CellKind) -> &'static str {
    match (cell, column) {
        (Cell::Empty, _) => "empty",
        (Cell::Flag(true), _) => "yes",
        (Cell::Flag(false), _) => "no",
        (Cell::Number(_), _) => "number",
        (Cell::Time(_), _) => "time",
        (Cell::Date(_), _) => "date",
        _ => "text",
    }
}
