//! What the shell's TAB asks for: accounts, providers and actions as they are now. The shell runs the program itself, with a variable that says so.

use std::ffi::OsStr;

use clap::{Arg, Command, CommandFactory};
use clap_complete::CompleteEnv;
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use keyfob_providers::{Action, Parameter, ParameterKind};

use crate::cli::Cli;
use crate::context::Context;
use crate::output::Output;
use crate::verb::help::TOPICS;

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
        // Where a shell does not tell which word it is about, it is the last one.
        let index = std::env::var("_CLAP_COMPLETE_INDEX").ok().and_then(|index| index.parse().ok());
        Self::of(std::env::args().skip_while(|word| word != "--").skip(1), index)
    }

    /// Of the program's name and what stands behind it; `index` is that of the word that is being completed.
    fn of(words: impl IntoIterator<Item = String>, index: Option<usize>) -> Self {
        let words: Vec<String> = words.into_iter().collect();
        let until = index.unwrap_or(usize::MAX).min(words.len().saturating_sub(1));
        let mut before = words.into_iter().take(until).skip(1);
        let Some(verb) = next(&mut before) else { return Self::default() };
        let is_verb = Cli::command().get_subcommands().any(|known| known.get_name() == verb);
        let account = if verb == "do" { next(&mut before) } else { Some(verb).filter(|_| !is_verb) };
        Self { short: !is_verb, said: if account.is_some() { before.collect() } else { Vec::new() }, account }
    }
}

/// The next word that is no option: what is said of the whole program may stand in front of the verb.
fn next(words: &mut impl Iterator<Item = String>) -> Option<String> {
    loop {
        let word = words.next()?;
        match word.as_str() {
            "--vault" => drop(words.next()),
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
    let common = crate::verb::r#do::COMMON.iter().map(|(option, about)| ((*option).to_owned(), *about));
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
        Line::of(text.split(' ').map(str::to_owned), None)
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
        assert_eq!(Line::of(["keyfob", "hub", "d", "7"].map(str::to_owned), Some(2)), is("hub", true, &[]));
    }
}
