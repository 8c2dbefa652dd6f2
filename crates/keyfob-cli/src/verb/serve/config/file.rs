//! The file: TOML, every complaint with its line and column.

use std::path::Path;

use keyfob::proto::scrub::printable;
use keyfob_providers::nearest;
use toml::de::{DeTable, DeValue};

use super::keys::{KEYS, Kind};
use super::{ALL_SETTINGS, Place, Problem, Value, Values};
use crate::card::Card;
use crate::signal::unless_stopped_reading_file;

/// Larger files are something else, given by mistake.
const LARGEST: usize = 256 * 1024;

/// Reads a file, unless somebody asks to stop first.
pub(super) fn read(path: &Path, problems: &mut Vec<Problem>) -> Result<Values, Card> {
    let text = match unless_stopped_reading_file(path, |path| std::fs::read_to_string(path))? {
        Ok(text) if text.len() <= LARGEST => text,
        Ok(_) => return Ok(cannot(path, "it is larger than any such file", problems)),
        Err(error) => return Ok(cannot(path, &error.to_string(), problems)),
    };
    let mut reader = Reader { path, text: &text, values: Values::new(), problems };
    let (table, errors) = DeTable::parse_recoverable(&text);
    for error in &errors {
        let offset = error.span().map_or(0, |span| span.start);
        reader.complain(offset, format!("this is no TOML: {}", error.message().replace('\n', ", ")), None);
    }
    if errors.is_empty() {
        reader.table("", table.get_ref());
    }
    Ok(reader.values)
}

fn cannot(path: &Path, why: &str, problems: &mut Vec<Problem>) -> Values {
    let message = format!("cannot read {}: {why}", path.display());
    problems.push(Problem { place: None, message, hint: Some("check the name and who may read the file".to_owned()) });
    Values::new()
}

struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
    values: Values,
    problems: &'a mut Vec<Problem>,
}

impl Reader<'_> {
    fn table(&mut self, prefix: &str, table: &DeTable<'_>) {
        let mut members: Vec<_> = table.iter().collect();
        // The parser sorts by name; people read in the order of the file.
        members.sort_by_key(|(key, _)| key.span().start);
        for (key, value) in members {
            let name = format!("{prefix}{}", key.get_ref());
            let within = format!("{name}.");
            match (KEYS.iter().find(|known| known.name == name), value.get_ref()) {
                (Some(known), value_of) => match texts(known.kind, value_of) {
                    Some(texts) => {
                        let place = self.place(value.span().start);
                        self.values.insert(known.name, Value { texts, place });
                    }
                    None => {
                        let message = format!("expected {} for {name}, found {}", known.kind.shown(), found(value_of));
                        self.complain(value.span().start, message, None);
                    }
                },
                (None, DeValue::Table(members)) if KEYS.iter().any(|known| known.name.starts_with(&within)) => self.table(&within, members),
                (None, _) => {
                    let beside = KEYS.iter().filter_map(|known| known.name.strip_prefix(prefix)?.split('.').next());
                    let near = nearest(key.get_ref(), beside).map(|near| format!("did you mean \"{near}\"?"));
                    let near = near.unwrap_or_else(|| ALL_SETTINGS.to_owned());
                    self.complain(key.span().start, format!("no setting is called \"{}\"", printable(&name)), Some(near));
                }
            }
        }
    }

    fn complain(&mut self, offset: usize, message: String, hint: Option<String>) {
        let place = Some(self.place(offset));
        self.problems.push(Problem { place, message, hint });
    }

    fn place(&self, offset: usize) -> Place {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or(before).chars().count() + 1;
        Place::File { file: self.path.to_owned(), line, column }
    }
}

/// The value as text; `None` if it is of another kind.
fn texts(kind: Kind, value: &DeValue<'_>) -> Option<Vec<String>> {
    let one = |value: &DeValue<'_>| match value {
        DeValue::String(text) => Some(text.to_string()),
        _ => None,
    };
    match (kind, value) {
        (Kind::Seconds | Kind::Count, DeValue::Integer(number)) => {
            Some(vec![i64::from_str_radix(number.as_str(), number.radix()).ok()?.to_string()])
        }
        (Kind::Seconds | Kind::Count, _) => None,
        (Kind::List, DeValue::Array(items)) => items.iter().map(|item| one(item.get_ref())).collect(),
        _ => Some(vec![one(value)?]),
    }
}

fn found(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}
