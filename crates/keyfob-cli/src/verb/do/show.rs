//! Rows as they are shown: a table, or the chart that stands in for it, and what could be done next.

use keyfob::proto::Scrubber;
use keyfob_providers::{Provider, Table};

use super::said::Said;
use super::svg;
use crate::card::Card;
use crate::chart;
use crate::data;
use crate::output::{Output, Paint};
use crate::perform::typed;
use crate::sheet;

/// A chart stands in for a table of more rows than this.
const MANY_ROWS: usize = 24;

/// The table, or the chart that stands in for it.
pub(super) fn show(table: &Table, said: &Said, scrubber: &Scrubber, out: &Output) -> Result<(), Card> {
    for piece in pieces(table, said, scrubber, out)? {
        match piece {
            Piece::Data(text) => out.data(&text)?,
            Piece::Note(text) => out.note(&text),
        }
    }
    Ok(())
}

/// A part of what is shown, by where it goes.
pub(super) enum Piece {
    Data(String),
    Note(String),
}

/// What is to be shown; what goes into a file, or to a program, is written.
pub(super) fn pieces(table: &Table, said: &Said, scrubber: &Scrubber, out: &Output) -> Result<Vec<Piece>, Card> {
    let (mut pieces, shape) = (Vec::new(), said.shape());
    if let Some(file) = &said.svg {
        if let Some(drawing) = svg::write(table.chart().as_ref(), file, out)? {
            return Ok(vec![Piece::Data(drawing)]);
        }
        // Who has the drawing wants the rows if they say so.
        if !out.json && !said.chart && !said.table && shape.is_none() {
            return Ok(pieces);
        }
    }
    if let Some(shape) = &shape {
        data::show_rows(table, shape, scrubber, out)?;
        return Ok(pieces);
    }
    if out.json {
        out.json(&sheet::json(table))?;
        return Ok(pieces);
    }
    let chart = table.chart().filter(|_| said.chart || out.to_person && !said.table);
    if let Some(chart) = &chart {
        pieces.push(Piece::Data(chart::drawn(chart, out.width(), out.paint())));
    }
    if table.rows.is_empty() {
        pieces.push(Piece::Note(out.note_paint().dim("nothing there")));
        return Ok(pieces);
    }
    let instead = chart.is_some() && (said.chart || table.rows.len() > MANY_ROWS);
    match (instead && !said.table, out.to_person) {
        (true, true) => {
            let told = format!("{} rows: --table shows them, --json keeps them", table.rows.len());
            pieces.push(Piece::Note(out.note_paint().dim(&told)));
        }
        (true, false) => {}
        (false, true) => pieces.push(Piece::Data(sheet::drawn(table, out.width(), out.paint()))),
        (false, false) => pieces.push(Piece::Data(sheet::tab_separated(table))),
    }
    Ok(pieces)
}

/// What could be done next with what the rows show: the links of the first row that has some.
pub(super) fn suggestions(table: &Table, provider: &Provider, account: &str, out: &Output) -> Vec<String> {
    let Some(row) = table.rows.iter().find(|row| !row.links.is_empty()) else { return Vec::new() };
    let command = |link: &keyfob_providers::Link| {
        let action = provider.action(&link.action).ok()?;
        Some((link.label.clone(), typed(out.again, account, action, &link.arguments)))
    };
    let commands: Vec<(String, String)> = row.links.iter().take(3).filter_map(command).collect();
    sheet::pairs(&commands, None, Paint::plain()).lines().map(str::to_owned).collect()
}
