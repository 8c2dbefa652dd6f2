//! What was said behind the account's name: words, parameters, and options of our own.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum as _;
use keyfob::proto::scrub::printable;
use keyfob_providers::{Action, ParameterKind, Query, nearest};

use super::COMMON;
use super::list::usage;
use crate::account::now;
use crate::card::Card;
use crate::data::{Format, Shape, query};
use crate::verb::token;

/// What was said behind the account's name.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub(super) words: Vec<String>,
    pub(super) named: Vec<(String, Option<String>)>,
    pub(super) yes: bool,
    pub(super) chart: bool,
    pub(super) table: bool,
    pub(super) dry_run: bool,
    /// So many at most; `None`: as many as is usual.
    pub(super) pages: Option<usize>,
    pub(super) last: Option<String>,
    pub(super) watch: Option<Duration>,
    pub(super) svg: Option<PathBuf>,
    jq: Option<Query>,
    format: Option<Format>,
    pub(super) help: bool,
}

impl Said {
    pub(super) fn read(words: Vec<String>) -> Result<Self, Card> {
        let mut said = Self::default();
        let mut words = words.into_iter().peekable();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--" => said.words.extend(words.by_ref()),
                "-y" | "--yes" => said.yes = true,
                "-h" | "--help" => said.help = true,
                "--chart" => said.chart = true,
                "--table" => said.table = true,
                "--dry-run" => said.dry_run = true,
                "--pages" => said.pages = Some(pages(words.next().as_deref())?),
                "--last" => said.last = Some(last(words.next())?),
                "--svg" => said.svg = Some(file(words.next())?),
                "--jq" => said.jq = Some(expression(words.next().as_deref())?),
                "--format" => said.format = Some(format(words.next().as_deref())?),
                "--watch" => said.watch = Some(every(words.next().as_deref())?),
                other => match other.strip_prefix("--") {
                    None => said.words.push(word),
                    Some(named) => match named.split_once('=') {
                        Some(("pages", value)) => said.pages = Some(pages(Some(value))?),
                        Some(("last", value)) => said.last = Some(last(Some(value.to_owned()))?),
                        Some(("svg", value)) => said.svg = Some(file(Some(value.to_owned()))?),
                        Some(("jq", value)) => said.jq = Some(expression(Some(value))?),
                        Some(("format", value)) => said.format = Some(format(Some(value))?),
                        Some(("watch", value)) => said.watch = Some(every(Some(value))?),
                        Some((name, value)) => said.named.push((name.to_owned(), Some(value.to_owned()))),
                        None => {
                            let value = words.next_if(|next| !next.starts_with("--"));
                            said.named.push((named.to_owned(), value));
                        }
                    },
                },
            }
        }
        if said.table && said.format.is_some() {
            return Err(Card::usage(
                "--table and --format were both said",
                "each is what the rows are to be shown as",
                "leave one of them away: --table is --format table",
            ));
        }
        if said.jq.is_none() && said.format == Some(Format::Table) {
            (said.format, said.table) = (None, true);
        }
        Ok(said)
    }

    /// What is made of the rows; `None`: they are shown as an action's are.
    pub(super) fn shape(&self) -> Option<Shape> {
        (self.jq.is_some() || self.format.is_some()).then(|| Shape::of(self.jq.clone(), self.format))
    }

    /// The option that asks for a chart and nothing else.
    pub(super) fn drawing(&self) -> Option<&'static str> {
        self.svg.is_some().then_some("--svg").or_else(|| self.chart.then_some("--chart"))
    }

    /// The arguments by name, with what is told from now as it is now.
    pub(super) fn arguments(&self, action: &Action, account: &str) -> Result<BTreeMap<String, String>, Card> {
        let what = || format!("cannot do {} with {account}", action.name);
        let mut words: Vec<String> = self.words.iter().skip(1).cloned().collect();
        let places = action.positional().count();
        let mut named = BTreeMap::new();
        for (name, value) in &self.named {
            let Some(parameter) = action.parameters.iter().find(|parameter| parameter.name == *name) else {
                return Err(unknown(action, name, account));
            };
            let value = match (&parameter.kind, value) {
                (ParameterKind::Flag { .. }, None) => "yes".to_owned(),
                // A flag needs no value, so what stands behind it may be the next word, where there is room for one.
                (ParameterKind::Flag { .. }, Some(next)) if !is_flag_value(next) && words.len() < places => {
                    words.push(next.clone());
                    "yes".to_owned()
                }
                (_, Some(value)) => value.clone(),
                (_, None) => return Err(Card::usage(what(), format!("--{} has no value", printable(name)), usage(action, account))),
            };
            if named.insert(name.clone(), value).is_some() {
                return Err(Card::usage(what(), format!("--{} is there twice", printable(name)), usage(action, account)));
            }
        }
        // A word may begin with a hyphen (`dim -5`). Where there is one too many, it is what somebody took for an option.
        if let Some(option) = words.iter().filter(|_| words.len() > places).find(|word| is_letter_option(word)) {
            let why = format!("{} has no option {}", action.name, printable(option));
            return Err(Card::usage(what(), why, usage(action, account)));
        }
        let arguments = action.bind(&words, named).map_err(|misuse| Card::usage(what(), misuse.to_string(), usage(action, account)))?;
        let arguments = match &self.last {
            Some(last) => within(action, &arguments, last, account)?,
            None => arguments,
        };
        Ok(action.at(&arguments, now()))
    }
}

/// `-v` and its like.
fn is_letter_option(word: &str) -> bool {
    word.strip_prefix('-').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic()))
}

/// An option that neither this action has, nor every one.
fn unknown(action: &Action, name: &str, account: &str) -> Card {
    let parameters = action.parameters.iter().map(|parameter| parameter.name.as_str());
    let known = parameters.chain(COMMON.iter().map(|(option, ..)| option.trim_start_matches('-')));
    let next = match nearest(name, known) {
        Some(near) => format!("did you mean --{near}?"),
        None => usage(action, account),
    };
    let what = format!("cannot do {} with {account}", action.name);
    Card::usage(what, format!("{} has no option --{}", action.name, printable(name)), next)
}

/// Nobody has measured for longer, and calendars end.
const LONGEST: i64 = 100 * 365 * DAY;

const DAY: i64 = 86_400;

/// What was said, and the span before now that `--last` says: in moments or days where the action takes those, as a period where it has periods.
fn within(action: &Action, said: &BTreeMap<String, String>, last: &str, account: &str) -> Result<BTreeMap<String, String>, Card> {
    let what = || format!("cannot do {} with {account}", action.name);
    let spans = [action.begins().map(|from| from.name.as_str()), action.period().map(|period| period.name.as_str()), Some("to")];
    if let Some(other) = spans.into_iter().flatten().find(|name| said.contains_key(*name)) {
        return Err(Card::usage(what(), format!("--last and {other} both say which time is meant"), "leave one of them away"));
    }
    if let Some(period) = action.period().filter(|_| action.begins().is_none()) {
        return Ok(said
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()))
            .chain([(period.name.clone(), last.to_owned())])
            .collect());
    }
    let no_beginning = || Card::usage(what(), "it has no beginning that --last could say", usage(action, account));
    let counts_days = matches!(action.begins().ok_or_else(no_beginning)?.kind, ParameterKind::Date { .. });
    // Minutes everywhere else here, and months where a provider has periods of its own.
    if let Some(number) = last.strip_suffix('m').and_then(|number| number.parse::<u32>().ok()).filter(|&number| number > 0) {
        let minutes = if counts_days { String::new() } else { format!(", or {number}min") };
        let days = u64::from(number) * 30;
        return Err(Card::usage(what(), format!("--last {last}: minutes, or months?"), format!("write --last {days}d{minutes}")));
    }
    let seconds = token::seconds(last).ok().filter(|seconds| (1..=LONGEST).contains(seconds));
    let takes = "--last takes a time such as 24h, 7d or 4w, of at most a hundred years";
    let seconds = seconds.ok_or_else(|| Card::usage(what(), takes, "example: --last 7d"))?;
    if counts_days && seconds < DAY {
        return Err(Card::usage(what(), format!("it counts whole days, and {last} is less than one"), "example: --last 1d"));
    }
    action.within(said, seconds, now()).ok_or_else(no_beginning)
}

fn is_flag_value(text: &str) -> bool {
    matches!(text.to_ascii_lowercase().as_str(), "yes" | "no" | "true" | "false" | "1" | "0" | "on" | "off")
}

fn pages(text: Option<&str>) -> Result<usize, Card> {
    text.and_then(|text| text.parse().ok())
        .filter(|&pages| pages > 0)
        .ok_or_else(|| Card::usage("--pages takes a number", "expected a whole number of at least 1", "example: --pages 3"))
}

fn file(text: Option<String>) -> Result<PathBuf, Card> {
    let name = text.filter(|text| !text.is_empty() && !text.starts_with("--"));
    name.map(PathBuf::from).ok_or_else(|| Card::usage("--svg takes a file", "expected its name", "example: --svg chart.svg"))
}

fn expression(text: Option<&str>) -> Result<Query, Card> {
    let wrong =
        |why: String| Card::usage("--jq takes an expression", why, "example: --jq '.[].Name'; the rows are objects, as --json has them");
    query(text.ok_or_else(|| wrong("there is none".to_owned()))?).map_err(wrong)
}

fn format(text: Option<&str>) -> Result<Format, Card> {
    text.and_then(|text| Format::from_str(text, false).ok())
        .ok_or_else(|| Card::usage("--format takes a name", "expected json, ndjson, csv or table", "example: --format csv"))
}

fn last(text: Option<String>) -> Result<String, Card> {
    // A number alone would be seconds, which nobody means.
    let is_length = |text: &String| text.starts_with(|c: char| c.is_ascii_digit()) && text.ends_with(|c: char| c.is_ascii_alphabetic());
    text.filter(is_length)
        .ok_or_else(|| Card::usage("--last takes a time", "expected a number and its unit, such as 24h, 7d or 4w", "example: --last 7d"))
}

/// No provider wants to be asked more than once a second.
fn every(text: Option<&str>) -> Result<Duration, Card> {
    let seconds =
        text.and_then(|text| token::seconds(text).ok()).and_then(|seconds| u64::try_from(seconds).ok()).filter(|&seconds| seconds > 0);
    seconds
        .map(Duration::from_secs)
        .ok_or_else(|| Card::usage("--watch takes a time", "expected one of at least a second, such as 30s or 5m", "example: --watch 30s"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn words_options_and_parameters_are_told_apart() {
        let said = Said::read(words("dim 12 -5 --level 7 --yes --from=2020-01-01 --flag --pages 3 -- --x")).expect("words");
        assert_eq!(said.words, ["dim", "12", "-5", "--x"]);
        assert_eq!(
            said.named,
            [("level".to_owned(), Some("7".to_owned())), ("from".to_owned(), Some("2020-01-01".to_owned())), ("flag".to_owned(), None)]
        );
        assert!(said.yes && said.pages == Some(3) && !said.chart);
        let watched = |text: &str| Said::read(words(text)).map(|said| said.watch.map(|every| every.as_secs()));
        assert_eq!(
            (watched("x --watch 2m").ok(), watched("x --watch=30s").ok(), watched("x").ok()),
            (Some(Some(120)), Some(Some(30)), Some(None))
        );
        for bad in ["x --watch", "x --watch 0", "x --watch -5s", "x --watch soon", "x --pages none"] {
            assert!(Said::read(words(bad)).is_err(), "{bad}");
        }
        assert!(Said::read(words("x --pages")).is_err());
    }
}
