//! What the shell's TAB asks for: accounts, providers and actions as they are now. The shell runs the program itself, with a variable that says so.

use std::ffi::OsStr;

use clap::CommandFactory;
use clap_complete::CompleteEnv;
use clap_complete::engine::CompletionCandidate;

use crate::cli::Cli;
use crate::context::Context;
use crate::output::Output;

/// The variable by which the shell asks.
pub(crate) const VARIABLE: &str = "KEYFOB_COMPLETE";

/// Answers the shell, if it is the shell that asks; then the program is at its end.
pub(crate) fn answer() {
    CompleteEnv::with_factory(Cli::command).var(VARIABLE).bin("keyfob").completer("keyfob").complete();
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

/// The actions of the account that stands before them on the command line.
pub(crate) fn actions(current: &OsStr) -> Vec<CompletionCandidate> {
    let words: Vec<String> = std::env::args().skip_while(|word| word != "--").skip(1).collect();
    let Some(at) = words.iter().position(|word| word == "do") else { return Vec::new() };
    // The first word behind the account is the action.
    let Some(name) = words.get(at + 1).filter(|_| words.len() == at + 3) else { return Vec::new() };
    let name = name.clone();
    let current = current.to_string_lossy().into_owned();
    look(async move |context| {
        let known = context.accounts().await.unwrap_or_default();
        let provider = known.iter().find(|account| account.name == name).map_or(name.clone(), |account| account.provider.clone());
        let Ok(provider) = context.catalogue().get(&provider) else { return Vec::new() };
        let fits = provider.actions.iter().filter(|action| action.name.starts_with(&current));
        fits.map(|action| candidate(&action.name, &action.about)).collect()
    })
}

fn candidate(name: &str, about: &str) -> CompletionCandidate {
    CompletionCandidate::new(name).help(Some(about.to_owned().into()))
}

/// Looks into catalogue and vault. Nothing is asked and nothing is said: who presses TAB has not run anything yet. Where the vault is locked there
/// are no names.
fn look(find: impl AsyncFnOnce(&Context) -> Vec<CompletionCandidate>) -> Vec<CompletionCandidate> {
    let sandbox = std::env::var("KEYFOB_SANDBOX").ok().filter(|url| !url.is_empty());
    let Ok(context) = Context::new(Output::silent(), sandbox, None) else { return Vec::new() };
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return Vec::new() };
    runtime.block_on(find(&context))
}
