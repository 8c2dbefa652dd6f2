//! What the shell's TAB asks for: accounts, providers and actions as they are now. The shell runs the program itself, with a variable that says so.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};

use clap::{Arg, Command, CommandFactory, ValueEnum as _};
use clap_complete::CompleteEnv;
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate, complete};
use keyfob_providers::{Action, Parameter, ParameterKind};

use crate::cli::Cli;
use crate::context::Context;
use crate::data::Format;
use crate::output::Output;
use crate::verb::r#do::COMMON;
use crate::verb::help::TOPICS;
use crate::verb::schema;

/// The variable by which the shell asks.
pub(crate) const VARIABLE: &str = "KEYFOB_COMPLETE";

/// Answers the shell, if it is the shell that asks; then the program is at its end.
pub(crate) fn answer() {
    CompleteEnv::with_factory(with_short_form).var(VARIABLE).bin("keyfob").completer("keyfob").complete();
}

/// The program, and the account of the short form as one of its verbs: `keyfob telldus d<TAB>` is about what `keyfob do telldus d<TAB>` is.
fn with_short_form() -> Command {
    let cli = Cli::command();
    let line = Line::typed();
    let Some(account) = line.short.then_some(line.account).flatten() else { return cli };
    let words = Arg::new("words").num_args(1..).trailing_var_arg(true).allow_hyphen_values(true).add(ArgValueCompleter::new(actions));
    // It lives as long as the program: until the shell has its answer.
    cli.subcommand(Command::new(&*account.leak()).hide(true).arg(words))
}

/// What was typed before TAB, of a line that is about an account's actions.
#[derive(Debug, Default, PartialEq)]
struct Line {
    /// The account, or the provider.
    account: Option<String>,
    /// Whether it stands in a verb's place.
    short: bool,
    /// What stands behind it, up to the word that is being completed.
    said: Vec<String>,
}

impl Line {
    fn typed() -> Self {
        Self::of(typed())
    }

    /// Of what stands before the word that is being completed.
    fn of(words: impl IntoIterator<Item = String>) -> Self {
        let mut before = words.into_iter();
        let mut verb = next(&mut before);
        // What is traced is a line of its own.
        if verb.as_deref() == Some("trace") {
            verb = next(&mut before);
        }
        let Some(verb) = verb else { return Self::default() };
        let is_verb = Cli::command().get_subcommands().any(|known| known.get_name() == verb);
        let account = if verb == "do" { next(&mut before) } else { Some(verb).filter(|_| !is_verb) };
        Self { short: !is_verb, said: if account.is_some() { before.collect() } else { Vec::new() }, account }
    }
}

/// What was typed behind the program's name, up to the word that is being completed.
fn typed() -> Vec<String> {
    // Where a shell does not tell which word it is about, it is the last one.
    let index = std::env::var("_CLAP_COMPLETE_INDEX").ok().and_then(|index| index.parse().ok());
    before(std::env::args().skip_while(|word| word != "--").skip(1), index)
}

/// Of the program's name and what stands behind it; `index` is that of the word that is being completed.
fn before(words: impl IntoIterator<Item = String>, index: Option<usize>) -> Vec<String> {
    let words: Vec<String> = words.into_iter().collect();
    let until = index.unwrap_or(usize::MAX).min(words.len().saturating_sub(1));
    words.into_iter().take(until).skip(1).collect()
}

/// The next word that is no option: what is said of the whole program may stand in front of the verb, and where a trace goes behind that.
fn next(words: &mut impl Iterator<Item = String>) -> Option<String> {
    loop {
        let word = words.next()?;
        match word.as_str() {
            "--vault" | "--html" => drop(words.next()),
            _ if word.starts_with('-') || word.contains("://") => {}
            _ => return Some(word),
        }
    }
}

/// The accounts.
pub(crate) fn accounts() -> Vec<CompletionCandidate> {
    look(async |context| {
        let accounts = context.accounts().await.unwrap_or_default();
        accounts.iter().map(|account| candidate(&account.name, &account.provider)).collect()
    })
}

/// The providers; and the accounts, for a second login.
pub(crate) fn providers() -> Vec<CompletionCandidate> {
    look(async |context| context.catalogue().iter().map(|provider| candidate(&provider.name, &provider.title)).collect())
}

/// The verbs, and the topics that there is help about.
pub(crate) fn helped() -> Vec<CompletionCandidate> {
    let cli = Cli::command();
    let verbs = cli.get_subcommands().filter(|verb| !verb.is_hide_set());
    let verbs = verbs.map(|verb| CompletionCandidate::new(verb.get_name()).help(verb.get_about().cloned()));
    verbs.chain(TOPICS.iter().map(|(topic, heading)| candidate(topic, heading))).collect()
}

/// What has a schema, a word at a time: a verb, and what stands behind it.
pub(crate) fn schemas(current: &OsStr) -> Vec<CompletionCandidate> {
    words_of(schema::names().map(str::to_owned), current)
}

/// What has a page in the manual, a word at a time.
pub(crate) fn pages(current: &OsStr) -> Vec<CompletionCandidate> {
    fn names(command: &Command, before: &str, all: &mut Vec<String>) {
        for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
            let name = format!("{before}{}", verb.get_name());
            names(verb, &format!("{name} "), all);
            all.push(name);
        }
    }
    let (mut cli, mut all) = (Cli::command(), Vec::new());
    cli.build();
    names(&cli, "", &mut all);
    words_of(all, current)
}

/// What goes on with the words that were said behind the verb.
fn words_of(names: impl IntoIterator<Item = String>, current: &OsStr) -> Vec<CompletionCandidate> {
    let mut words = typed().into_iter();
    drop(next(&mut words));
    let begun: String = words.filter(|word| !word.starts_with('-')).map(|word| word + " ").collect();
    let current = current.to_string_lossy();
    let rests = names.into_iter().filter_map(|name| Some(name.strip_prefix(&begun)?.split(' ').next()?.to_owned()));
    let fits: BTreeSet<String> = rests.filter(|word| word.starts_with(&*current)).collect();
    fits.into_iter().map(CompletionCandidate::new).collect()
}

/// What would be offered if it were not to be traced.
pub(crate) fn traced(current: &OsStr) -> Vec<CompletionCandidate> {
    let mut words = typed().into_iter();
    drop(next(&mut words));
    let verb = next(&mut words);
    let said = verb.into_iter().chain(words).map(OsString::from);
    let line: Vec<OsString> = std::iter::once("keyfob".into()).chain(said).chain([current.to_owned()]).collect();
    let index = line.len() - 1;
    complete(&mut with_short_form(), line, index, None).unwrap_or_default()
}

/// The actions of the account that stands before them on the command line; behind one, its parameters and what they may be.
pub(crate) fn actions(current: &OsStr) -> Vec<CompletionCandidate> {
    let line = Line::typed();
    let Some(name) = line.account else { return Vec::new() };
    let current = current.to_string_lossy().into_owned();
    look(async move |context| {
        let known = context.accounts().await.unwrap_or_default();
        let provider = known.iter().find(|account| account.name == name).map_or(name.clone(), |account| account.provider.clone());
        let Ok(provider) = context.catalogue().get(&provider) else { return Vec::new() };
        let mut words = line.said.iter().filter(|word| !word.starts_with('-'));
        match words.next().and_then(|action| provider.action(action).ok()) {
            // Options may stand in front of the action, too.
            None if current.starts_with('-') => options(None, &line.said, &current),
            None if words.next().is_some() || line.said.iter().any(|word| !word.starts_with('-')) => Vec::new(),
            None => {
                let fits = provider.actions.iter().filter(|action| action.name.starts_with(&current));
                fits.map(|action| candidate(&action.name, &action.about)).collect()
            }
            Some(action) => behind(action, &line.said, &current),
        }
    })
}

/// What may stand behind an action: the values of the parameter that was just named, or of the next one that has no name; and the names of those that
/// are not there yet.
fn behind(action: &Action, said: &[String], current: &str) -> Vec<CompletionCandidate> {
    let by_name = |name: &str| action.parameters.iter().find(|parameter| parameter.name == name);
    let takes_value = |parameter: &&Parameter| !matches!(parameter.kind, ParameterKind::Flag { .. });
    if let Some(parameter) = said.last().and_then(|word| by_name(word.strip_prefix("--")?)).filter(takes_value) {
        return values(parameter, current);
    }
    if let Some(word) = said.last().filter(|word| takes_value_everywhere(word)) {
        let formats = Format::value_variants().iter().filter(|_| word == "--format").filter_map(Format::to_possible_value);
        let fits = formats.filter(|format| format.get_name().starts_with(current));
        return fits.map(|format| CompletionCandidate::new(format.get_name()).help(format.get_help().cloned())).collect();
    }
    if let Some((name, value)) = current.strip_prefix("--").and_then(|word| word.split_once('=')) {
        let values = by_name(name).map(|parameter| values(parameter, value)).unwrap_or_default();
        return values.into_iter().map(|value| value.add_prefix(format!("--{name}="))).collect();
    }
    if current.starts_with('-') {
        return options(Some(action), said, current);
    }
    // A value that stands behind a name is none of those without.
    let mut placed: usize = 0;
    let mut words = said.iter().peekable();
    while let Some(word) = words.next() {
        match word.strip_prefix("--").map(by_name) {
            None if !word.starts_with('-') => placed += 1,
            Some(Some(parameter)) if takes_value(&parameter) => drop(words.next()),
            Some(None) if takes_value_everywhere(word) => drop(words.next()),
            _ => {}
        }
    }
    let next = action.parameters.iter().filter(|parameter| parameter.positional).nth(placed.saturating_sub(1));
    let mut found = next.map(|parameter| values(parameter, current)).unwrap_or_default();
    if current.is_empty() {
        found.extend(options(Some(action), said, current));
    }
    found
}

/// Whether a value stands behind an option that every action has.
fn takes_value_everywhere(word: &str) -> bool {
    COMMON.iter().any(|(option, value, _)| *option == word && value.is_some())
}

/// What it may be, where that is a list; of several with something between them, the last one.
fn values(parameter: &Parameter, current: &str) -> Vec<CompletionCandidate> {
    let (choices, between): (Vec<&str>, _) = match &parameter.kind {
        ParameterKind::Choice { choices } => (choices.iter().map(String::as_str).collect(), None),
        ParameterKind::List { choices } => (choices.iter().map(String::as_str).collect(), Some(',')),
        ParameterKind::Flags { bits } => (bits.iter().map(|(name, _)| name.as_str()).collect(), Some('|')),
        _ => return Vec::new(),
    };
    let at = between.and_then(|between| current.rfind(between)).map_or(0, |at| at + 1);
    let (done, begun) = current.split_at(at);
    let fits = choices.into_iter().filter(|choice| choice.starts_with(begun));
    fits.map(|choice| candidate(&format!("{done}{choice}"), &parameter.about)).collect()
}

/// The parameters by name, and what every action takes; without those that are there already.
fn options(action: Option<&Action>, said: &[String], current: &str) -> Vec<CompletionCandidate> {
    let is_said =
        |option: &str| said.iter().any(|word| word == option || word.strip_prefix(option).is_some_and(|rest| rest.starts_with('=')));
    let parameters = action.into_iter().flat_map(|action| &action.parameters);
    let parameters = parameters.map(|parameter| (format!("--{}", parameter.name), parameter.about.as_str()));
    let common = COMMON.iter().map(|(option, _, about)| ((*option).to_owned(), *about));
    let fits = parameters.chain(common).filter(|(option, _)| option.starts_with(current) && !is_said(option));
    fits.map(|(option, about)| candidate(&option, about)).collect()
}

fn candidate(name: &str, about: &str) -> CompletionCandidate {
    CompletionCandidate::new(name).help(Some(about.to_owned().into()))
}

/// Looks into catalogue and vault. Nothing is asked and nothing is said: who presses TAB has not run anything yet. Where the vault is locked there
/// are no names.
fn look(find: impl AsyncFnOnce(&Context) -> Vec<CompletionCandidate>) -> Vec<CompletionCandidate> {
    let sandbox = std::env::var("KEYFOB_SANDBOX").ok().filter(|url| !url.is_empty());
    let Ok(context) = Context::new(Output::silent(), sandbox, None, true) else { return Vec::new() };
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return Vec::new() };
    runtime.block_on(find(&context))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Line {
        Line::of(before(text.split(' ').map(str::to_owned), None))
    }

    #[test]
    fn the_account_is_found_in_both_forms_and_behind_options() {
        let is = |account: &str, short, said: &[&str]| Line {
            account: Some(account.to_owned()),
            short,
            said: said.iter().map(|word| (*word).to_owned()).collect(),
        };
        assert_eq!(line("keyfob telldus d"), is("telldus", true, &[]));
        assert_eq!(line("keyfob do telldus dim --le"), is("telldus", false, &["dim"]));
        assert_eq!(line("keyfob --vault v.db --json --sandbox http://127.0.0.1:1 hub/x dim 7 "), is("hub/x", true, &["dim", "7"]));
        for other in ["keyfob ", "keyfob tell", "keyfob get telldus ", "keyfob do ", "keyfob --vault x"] {
            assert_eq!(line(other).account, None, "{other}");
        }
        // The cursor may stand before the end.
        assert_eq!(Line::of(before(["keyfob", "hub", "d", "7"].map(str::to_owned), Some(2))), is("hub", true, &[]));
        assert_eq!(line("keyfob trace --html f.html --force hub dim "), is("hub", true, &["dim"]));
    }
}
