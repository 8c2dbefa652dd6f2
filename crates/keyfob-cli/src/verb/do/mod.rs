//! `keyfob do ACCOUNT ACTION`, in short `keyfob ACCOUNT ACTION`: the calls that a provider's file names, as tables and charts.

mod svg;
mod watch;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use keyfob::proto::scrub::printable;
use keyfob_providers::{Action, Parameter, ParameterKind, Provider, Table};
use serde_json::{Value, json};

use crate::account::{now, with_scopes};
use crate::card::Card;
use crate::chart;
use crate::cli::SANDBOX_HERE;
use crate::context::Context;
use crate::output::{Output, Paint, hang};
use crate::perform::{call, perform, typed};
use crate::prompt;
use crate::refusals;
use crate::sheet::{self, Sheet};
use crate::verb::call::dry_run;
use crate::verb::token;

/// So many pages are read unless somebody says otherwise: providers count calls.
const PAGES: usize = 100;

/// A chart stands in for a table of more rows than this.
const MANY_ROWS: usize = 24;

// An action, and what it takes.
#[derive(Args, Debug)]
#[command(after_help = OPTIONS)]
pub(crate) struct Do {
    /// The account
    #[arg(add = clap_complete::engine::ArgValueCandidates::new(crate::complete::accounts))]
    account: String,
    /// The action and its arguments; none: the list of actions
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ACTION [ARGUMENT]…", add = clap_complete::engine::ArgValueCompleter::new(crate::complete::actions))]
    words: Vec<String>,
}

const OPTIONS: &str = "\
Options of every action:
  --PARAMETER VALUE   a parameter by its name
  -y, --yes           do not ask before something changes in the world
  --json              the rows as JSON objects
  --last TIME         the last 24h, 7d, 4w … of an action that has a beginning, or one of its periods
  --chart, --table    draw the chart, or the whole table, whatever the room
  --svg FILE          write the chart to a file, as a drawing
  --pages N           read at most N pages of a long answer (100)
  --watch TIME        do it again each time that has passed (30s, 5m), until Ctrl-C
  --dry-run           show the request instead of sending it, secrets masked

In short: keyfob telldus devices";

/// Their names, for the help of an action.
const OF_EVERY_ACTION: &str = "of every action: --yes, --json, --chart, --table, --svg, --last, --pages, --watch, --dry-run";

/// The same, for the shell's TAB.
pub(crate) const COMMON: [(&str, &str); 10] = [
    ("--yes", "do not ask before something changes in the world"),
    ("--json", "the rows as JSON objects"),
    ("--chart", "draw the chart, whatever the room"),
    ("--table", "draw the whole table, whatever the room"),
    ("--svg", "write the chart to a file"),
    ("--last", "the last 24h, 7d or 4w of a series"),
    ("--pages", "read at most so many pages"),
    ("--watch", "do it again each time that has passed"),
    ("--dry-run", "show the request instead of sending it"),
    ("--help", "what the action takes"),
];

/// What was said behind the account's name.
#[derive(Debug, Default, PartialEq)]
struct Said {
    words: Vec<String>,
    named: Vec<(String, Option<String>)>,
    yes: bool,
    chart: bool,
    table: bool,
    dry_run: bool,
    pages: usize,
    last: Option<String>,
    watch: Option<Duration>,
    svg: Option<PathBuf>,
    help: bool,
}

/// What was said that concerns the whole program.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Lifted {
    pub(crate) json: bool,
    pub(crate) sandbox: Option<String>,
    pub(crate) vault: Option<String>,
}

impl Do {
    /// The short form: the account's name as the verb.
    pub(crate) fn short(words: Vec<String>) -> Self {
        let mut words = words.into_iter();
        Self { account: words.next().unwrap_or_default(), words: words.collect() }
    }

    /// Whether it is done again and again.
    pub(crate) fn watches(&self) -> bool {
        let options = self.words.iter().take_while(|word| *word != "--");
        options.into_iter().any(|word| word == "--watch" || word.starts_with("--watch="))
    }

    /// Takes the program's own options out of the words.
    pub(crate) fn lift(&mut self) -> Lifted {
        let mut lifted = Lifted::default();
        let mut kept = Vec::new();
        let mut words = std::mem::take(&mut self.words).into_iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--" => {
                    kept.push(word);
                    kept.extend(words.by_ref());
                }
                "--json" => lifted.json = true,
                "--sandbox" => lifted.sandbox = Some(SANDBOX_HERE.to_owned()),
                "--vault" => lifted.vault = words.next(),
                other => match (other.strip_prefix("--sandbox="), other.strip_prefix("--vault=")) {
                    (Some(url), _) => lifted.sandbox = Some(url.to_owned()),
                    (_, Some(vault)) => lifted.vault = Some(vault.to_owned()),
                    _ => kept.push(word),
                },
            }
        }
        self.words = kept;
        lifted
    }
}

pub(crate) async fn run(args: Do, context: &Context) -> Result<(), Card> {
    let said = Said::read(args.words)?;
    let Some(action_name) = said.words.first().filter(|_| !said.help || said.words.len() == 1) else {
        return list(&provider_of(&args.account, context).await?, &args.account, context);
    };
    if said.help {
        let provider = provider_of(&args.account, context).await?;
        let action = find(&provider, action_name, &args.account, &context.out)?;
        return describe(action, &action.lacking(provider.default_scopes()), &args.account, context);
    }
    let opened = context.open_account(&args.account).await?;
    let name = &opened.account.name;
    let action = find(&opened.provider, action_name, name, &context.out)?;
    let arguments = said.arguments(action, name)?;
    // What is wrong with the arguments is said before anybody is asked anything.
    action.request(&arguments, &opened.account.kept).map_err(|misuse| {
        let next = misuse.hint.clone().unwrap_or_else(|| usage(action, name));
        Card::usage(format!("cannot do {action_name} with {name}"), misuse.to_string(), next)
    })?;
    if said.dry_run {
        return dry_run(&opened, &context.out, |session| call(session, action, &arguments)).await;
    }
    if action.acts && said.watch.is_some() {
        return Err(Card::usage(
            format!("{} is not done again and again", action.name),
            format!("it changes something in the world ({})", action.about),
            "leave --watch away",
        ));
    }
    if action.acts && !said.yes {
        agree(action, &typed(context.out.again, name, action, &arguments), &opened.provider, context).await?;
    }
    let session = opened.session().await?;
    if let Some(every) = said.watch {
        return watch::run(&session, action, &said, every, context).await;
    }
    let performed = match perform(&session, action, arguments, said.pages, &context.out).await {
        Ok(performed) => performed,
        Err(card) => {
            if let Some(status) = card.status {
                refusals::keep(status, &session.account(), context).await;
                refusals::tell_of_young_token(status, &session, &context.out);
            }
            return Err(card);
        }
    };
    show(&performed.table, &said, &context.out)?;
    let paint = context.out.note_paint();
    if performed.more {
        context.out.note(&paint.warn(&format!("there is more: only {} pages were read (--pages N reads more)", said.pages)));
    }
    if context.out.notes_to_person && !context.out.json {
        // A command that the terminal would break is not one to copy.
        let room = context.out.note_width().unwrap_or(usize::MAX);
        let all = suggestions(&performed.table, &opened.provider, name, &context.out);
        for (at, line) in all.iter().filter(|line| line.chars().count() <= room).enumerate() {
            context.out.note(&format!("{}{}", if at == 0 { "\n" } else { "" }, paint.dim(line)));
        }
    }
    Ok(())
}

/// The provider of an account, or of the provider's own name where nobody is logged in: to show what could be done.
async fn provider_of(account: &str, context: &Context) -> Result<Provider, Card> {
    if let Some(account) = context.accounts().await?.iter().find(|known| known.name == account) {
        return context.provider(&account.provider).await;
    }
    context.provider_or_verb(account).await
}

fn find<'a>(provider: &'a Provider, name: &str, account: &str, out: &Output) -> Result<&'a Action, Card> {
    provider.action(name).map_err(|misuse| {
        let hint = misuse.hint.clone().unwrap_or_default();
        Card::usage(
            format!("{} has no action \"{}\"", provider.title, printable(name)),
            if hint.is_empty() { misuse.to_string() } else { hint },
            format!("{} lists the actions", out.again.command(account)),
        )
    })
}

impl Said {
    fn read(words: Vec<String>) -> Result<Self, Card> {
        let mut said = Self { pages: PAGES, ..Self::default() };
        let mut words = words.into_iter().peekable();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--" => said.words.extend(words.by_ref()),
                "-y" | "--yes" => said.yes = true,
                "-h" | "--help" => said.help = true,
                "--chart" => said.chart = true,
                "--table" => said.table = true,
                "--dry-run" => said.dry_run = true,
                "--pages" => said.pages = pages(words.next().as_deref())?,
                "--last" => said.last = Some(last(words.next())?),
                "--svg" => said.svg = Some(file(words.next())?),
                "--watch" => said.watch = Some(every(words.next().as_deref())?),
                other => match other.strip_prefix("--") {
                    None => said.words.push(word),
                    Some(named) => match named.split_once('=') {
                        Some(("pages", value)) => said.pages = pages(Some(value))?,
                        Some(("last", value)) => said.last = Some(last(Some(value.to_owned()))?),
                        Some(("svg", value)) => said.svg = Some(file(Some(value.to_owned()))?),
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
        Ok(said)
    }

    /// The arguments by name, with what is told from now as it is now.
    fn arguments(&self, action: &Action, account: &str) -> Result<BTreeMap<String, String>, Card> {
        let what = || format!("cannot do {} with {account}", action.name);
        let mut words: Vec<String> = self.words.iter().skip(1).cloned().collect();
        let mut named = BTreeMap::new();
        for (name, value) in &self.named {
            let parameter = action.parameters.iter().find(|parameter| parameter.name == *name);
            let value = match (parameter.map(|parameter| &parameter.kind), value) {
                (Some(ParameterKind::Flag { .. }), None) => "yes".to_owned(),
                // A flag needs no value, so what stands behind it may be the next word.
                (Some(ParameterKind::Flag { .. }), Some(next)) if !is_flag_value(next) => {
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
        let arguments = action.bind(&words, named).map_err(|misuse| Card::usage(what(), misuse.to_string(), usage(action, account)))?;
        let arguments = match &self.last {
            Some(last) => within(action, &arguments, last, account)?,
            None => arguments,
        };
        Ok(action.at(&arguments, now()))
    }
}

/// Nobody has measured for longer, and calendars end.
const LONGEST: i64 = 100 * 365 * 86_400;

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
    let seconds = token::seconds(last).ok().filter(|seconds| (1..=LONGEST).contains(seconds));
    let takes = "--last takes a time such as 24h, 7d or 4w, of at most a hundred years";
    let seconds = seconds.ok_or_else(|| Card::usage(what(), takes, "example: --last 7d"))?;
    action
        .within(said, seconds, now())
        .ok_or_else(|| Card::usage(what(), "it has no beginning that --last could say", usage(action, account)))
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

fn last(text: Option<String>) -> Result<String, Card> {
    let length = text.filter(|text| text.starts_with(|c: char| c.is_ascii_digit()));
    length.ok_or_else(|| Card::usage("--last takes a time", "expected one such as 24h, 7d or 4w", "example: --last 7d"))
}

/// No provider wants to be asked more than once a second.
fn every(text: Option<&str>) -> Result<Duration, Card> {
    let seconds =
        text.and_then(|text| token::seconds(text).ok()).and_then(|seconds| u64::try_from(seconds).ok()).filter(|&seconds| seconds > 0);
    seconds
        .map(Duration::from_secs)
        .ok_or_else(|| Card::usage("--watch takes a time", "expected one of at least a second, such as 30s or 5m", "example: --watch 30s"))
}

fn usage(action: &Action, account: &str) -> String {
    format!("usage: keyfob {account} {}", action.usage())
}

/// Asks whether it is meant: `command` says on what it acts, and whose that is.
async fn agree(action: &Action, command: &str, provider: &Provider, context: &Context) -> Result<(), Card> {
    let what = format!("{}: {command}", provider.title);
    if !prompt::is_possible() {
        return Err(Card::usage(
            format!("{what} was not done"),
            format!("it changes something in the world ({}), and nobody is at the terminal to be asked", action.about),
            "if you mean it, add --yes",
        ));
    }
    let mut rest = action.about.chars();
    let about = rest.next().into_iter().flat_map(char::to_lowercase).chain(rest).collect::<String>();
    let warning = context.out.note_paint().warn("This changes something:");
    if prompt::agrees(format!("{warning} {about} ({}). Go on?", printable(&what))).await? {
        return Ok(());
    }
    Err(Card::usage(format!("{what} was not done"), "you did not say yes", "nothing was changed"))
}

/// The table, or the chart that stands in for it.
fn show(table: &Table, said: &Said, out: &Output) -> Result<(), Card> {
    for piece in pieces(table, said, out)? {
        match piece {
            Piece::Data(text) => out.data(&text)?,
            Piece::Note(text) => out.note(&text),
        }
    }
    Ok(())
}

/// A part of what is shown, by where it goes.
enum Piece {
    Data(String),
    Note(String),
}

/// What is to be shown; what goes into a file is written.
fn pieces(table: &Table, said: &Said, out: &Output) -> Result<Vec<Piece>, Card> {
    let mut pieces = Vec::new();
    if let Some(file) = &said.svg {
        svg::write(table.chart().as_ref(), file, out)?;
        // Who has the drawing wants the rows if they say so.
        if !out.json && !said.chart && !said.table {
            return Ok(pieces);
        }
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
fn suggestions(table: &Table, provider: &Provider, account: &str, out: &Output) -> Vec<String> {
    let Some(row) = table.rows.iter().find(|row| !row.links.is_empty()) else { return Vec::new() };
    let command = |link: &keyfob_providers::Link| {
        let action = provider.action(&link.action).ok()?;
        Some((link.label.clone(), typed(out.again, account, action, &link.arguments)))
    };
    let commands: Vec<(String, String)> = row.links.iter().take(3).filter_map(command).collect();
    sheet::pairs(&commands, None, Paint::plain()).lines().map(str::to_owned).collect()
}

/// The list of actions.
fn list(provider: &Provider, account: &str, context: &Context) -> Result<(), Card> {
    if context.out.json {
        let actions: Vec<Value> = provider.actions.iter().map(json_of).collect();
        return context.out.json(&json!({"provider": provider.name, "actions": actions}));
    }
    if provider.actions.is_empty() {
        context.out.note(&format!("{} has no actions of its own; its API is called with: keyfob get {account} PATH", provider.title));
        return Ok(());
    }
    let mut sheet = Sheet::new(["Action", "What it does"]);
    for action in &provider.actions {
        let about = if action.acts { format!("{} (acts: asks first)", action.about) } else { action.about.clone() };
        sheet.row([brief(action), about]);
    }
    sheet.print(&context.out)?;
    context.out.note(
        &context
            .out
            .note_paint()
            .dim(&format!("\n{}, with --help for what it takes", context.out.again.command(&format!("{account} ACTION")))),
    );
    Ok(())
}

/// One action and what it takes; `lacking` are the scopes that it needs and a login does not ask for by itself.
fn describe(action: &Action, lacking: &[&str], account: &str, context: &Context) -> Result<(), Card> {
    if context.out.json {
        return context.out.json(&json_of(action));
    }
    let paint = context.out.paint();
    let mut lines = vec![format!("{}\n\n{}", action.about, paint.strong(&usage(action, account)))];
    if !action.parameters.is_empty() {
        let parameters: Vec<(String, String)> = action.parameters.iter().map(|p| (format!("  --{}", p.name), in_words(p))).collect();
        lines.push(sheet::pairs(&parameters, Some(context.out.width()), paint));
    }
    if action.acts {
        lines.push("It changes something in the world, so it asks first; --yes does not.".to_owned());
    }
    if !lacking.is_empty() {
        let login = context.out.again.command(&format!("login {account}{}", with_scopes(lacking)));
        // Commands are not broken: they can be pasted.
        lines.push(format!("It needs more than a login asks for by itself:\n  {login}"));
    }
    // They are the same for all of them, and are explained in one place.
    lines.push(hang(&format!("{OF_EVERY_ACTION}; keyfob do --help says more"), 0, Some(context.out.width())));
    context.out.data(&lines.join("\n\n"))
}

/// What is typed, without the options that can be left away.
fn brief(action: &Action) -> String {
    let mut words = vec![action.name.clone()];
    for parameter in &action.parameters {
        let name = parameter.name.to_uppercase();
        match (parameter.positional, parameter.required) {
            (true, true) => words.push(name),
            (true, false) => words.push(format!("[{name}]")),
            (false, true) => words.push(format!("--{} {name}", parameter.name)),
            (false, false) => {}
        }
    }
    words.join(" ")
}

fn in_words(parameter: &Parameter) -> String {
    let default = parameter.default.as_ref().map(|default| format!("; otherwise {default}")).unwrap_or_default();
    let required = if parameter.required && parameter.default.is_none() { " (required)" } else { "" };
    format!("{}: {}{default}{required}", parameter.about, parameter.kind.expects())
}

fn json_of(action: &Action) -> Value {
    json!({
        "name": action.name,
        "about": action.about,
        "acts": action.acts,
        "usage": action.usage(),
        "scopes": action.scopes,
        "parameters": action.parameters,
    })
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
        assert!(said.yes && said.pages == 3 && !said.chart);
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

    #[test]
    fn the_programs_own_options_are_found_behind_the_account() {
        let mut short = Do::short(words("hub devices --json --sandbox=http://127.0.0.1:1 --level 7 --vault=/v.db -- --json"));
        let lifted = short.lift();
        assert_eq!(lifted, Lifted { json: true, sandbox: Some("http://127.0.0.1:1".to_owned()), vault: Some("/v.db".to_owned()) });
        assert_eq!((short.account.as_str(), short.words), ("hub", words("devices --level 7 -- --json")));
        assert_eq!(Do::short(words("hub --sandbox devices")).lift().sandbox.as_deref(), Some(SANDBOX_HERE));
    }
}
