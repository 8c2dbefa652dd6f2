//! A command line that cannot be read is told as any other error is, in three lines: of the parser's own words what is wrong, how it is written, and
//! where that is explained.

use std::ffi::OsString;

use clap::error::{Error, ErrorKind};
use clap::{Args, Command, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::again::Again;
use crate::card::Card;
use crate::cli::{Cli, Global, SANDBOX_HERE, Verb};
use crate::output::Output;

/// Reads a command line; where that cannot be, or help is asked for, the program says so and ends.
pub(crate) fn read(words: impl IntoIterator<Item = OsString>) -> Cli {
    let words: Vec<OsString> = words.into_iter().collect();
    if let Some(cli) = by_its_verb_alone(&words) {
        return cli;
    }
    Cli::try_parse_from(&words).unwrap_or_else(|error| {
        let global = said(&words);
        let is_help = !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
        // Help and version are what was asked for, or what whoever says nothing more wants to see.
        if is_help && !(global.json && error.use_stderr()) {
            error.exit();
        }
        let out = Output::new(global.json).repeating(Again::of(&global));
        let card = card(&error, &words).repeating(out.again);
        out.card(&card);
        std::process::exit(card.exit.code().into())
    })
}

/// The same where the first word is a verb, and everything is right. The parser copies the options of the whole program to each verb that it knows, which for
/// fifty of them takes a third of its time; here it knows one. What it cannot read so is read, and told, by all of them.
fn by_its_verb_alone(words: &[OsString]) -> Option<Cli> {
    let mut all = Verb::augment_subcommands(Command::new("keyfob"));
    let verb = std::mem::take(all.find_subcommand_mut(words.get(1)?)?);
    let program = Global::augment_args(Command::new("keyfob").disable_help_subcommand(true)).subcommand(verb);
    Cli::from_arg_matches(&program.try_get_matches_from(words).ok()?).ok()
}

/// What was said of the whole program, as far as it can be told from words that could not be read. Behind `--` are another program's.
fn said(words: &[OsString]) -> Global {
    let mut said = Global::default();
    let mut words = words.iter().filter_map(|word| word.to_str()).take_while(|word| *word != "--");
    while let Some(word) = words.next() {
        match word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value))) {
            ("--json", None) => said.json = true,
            ("--sandbox", url) => said.sandbox = Some(url.unwrap_or(SANDBOX_HERE).to_owned()),
            ("--vault", Some(vault)) => said.vault = Some(vault.to_owned()),
            ("--vault", None) => said.vault = words.next().map(str::to_owned),
            _ => {}
        }
    }
    said
}

/// The parser's message by its parts: what is wrong, how it is written otherwise, and where that is explained.
fn card(error: &Error, words: &[OsString]) -> Card {
    let text = error.to_string();
    let paragraphs: Vec<String> = text.split("\n\n").map(|lines| lines.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    let usage = paragraphs.iter().find_map(|paragraph| paragraph.strip_prefix("Usage: ")).map_or_else(|| usage_of(words), str::to_owned);
    // The parser takes the variable for something that was typed.
    let usage = usage.replace(" --sandbox[=<URL>]", "");
    // The verb is what stands before anything that is to be filled in.
    let verb: Vec<&str> = usage.split(' ').take_while(|word| word.starts_with(|c: char| c.is_ascii_lowercase())).collect();
    let what = match error.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => "something is missing on the command line",
        _ => paragraphs.first().map_or("", |first| first.strip_prefix("error: ").unwrap_or(first)),
    };
    // What is no option here would be a value behind `--`, which helps nobody, and with a token puts it onto the command line for good.
    let tips = paragraphs.iter().filter_map(|paragraph| paragraph.strip_prefix("tip: ")).filter(|tip| !tip.starts_with("to pass "));
    let tips: Vec<&str> = tips.collect();
    let next = if tips.is_empty() { format!("{} --help", verb.join(" ")) } else { tips.join("; ") };
    Card::usage(what, format!("expected: {usage}"), next)
}

/// How the verb is written, where the parser does not say it: a value that cannot be is told without.
fn usage_of(words: &[OsString]) -> String {
    let mut cli = Cli::command();
    cli.build();
    let mut verb = &mut cli;
    for word in words.iter().skip(1).filter_map(|word| word.to_str()) {
        if verb.find_subcommand(word).is_some() {
            verb = verb.find_subcommand_mut(word).expect("it was there a moment ago");
        }
    }
    let usage = verb.render_usage().to_string();
    usage.strip_prefix("Usage: ").unwrap_or(&usage).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(words: &[&str]) -> String {
        let all: Vec<OsString> = words.iter().map(OsString::from).collect();
        card(&Cli::try_parse_from(words).expect_err("it cannot be read"), &all).json().expect("somebody reads")
    }

    #[test]
    fn what_was_said_of_the_whole_program_is_known_from_words_that_cannot_be_read() {
        let words = |line: &str| line.split(' ').map(OsString::from).collect::<Vec<_>>();
        let said = |line: &str| {
            let Global { json, sandbox, vault } = said(&words(line));
            (json, sandbox, vault)
        };
        let here = Some(SANDBOX_HERE.to_owned());
        assert_eq!(said("keyfob --sandbox --vault v.db status --chek --json"), (true, here, Some("v.db".to_owned())));
        assert_eq!(said("keyfob --sandbox=http://127.0.0.1:1 x"), (false, Some("http://127.0.0.1:1".to_owned()), None));
        assert_eq!(said("keyfob exec a -- b --json --vault v"), (false, None, None));
    }

    /// However it is read, it says the same; and nothing is read that cannot be.
    #[test]
    fn a_verb_is_read_alone_as_among_all() {
        for line in [
            "get hub /things a==1 --json",
            "get hub /things --vault v.db --sandbox=http://127.0.0.1:1 -H X:y",
            "post hub /things a=b -d @- --fail",
            "status",
            "status hub --json --check",
            "vault rekey --provided FILE --json",
            "account rename one two",
            "key create --account hub --allow GET\u{a0}/x --expires 7d",
            "exec hub -- env --json",
            "curl hub -- -s --vault x /y",
            "trace --html flow.html login hub",
            "help environment",
            "do hub dim 3 --yes",
            "token hub --min-valid 10m --sandbox",
        ] {
            let words: Vec<OsString> = std::iter::once("keyfob").chain(line.split(' ')).map(OsString::from).collect();
            let alone = by_its_verb_alone(&words).unwrap_or_else(|| panic!("{line}"));
            assert_eq!(format!("{alone:?}"), format!("{:?}", Cli::try_parse_from(&words).expect("it can be read")), "{line}");
        }
        for line in
            ["", "get", "get --help", "vault", "hub devices", "--json get hub /x", "status --chek", "account", "help --vault", "--version"]
        {
            let words: Vec<OsString> = std::iter::once("keyfob").chain(line.split_whitespace()).map(OsString::from).collect();
            assert!(by_its_verb_alone(&words).is_none(), "{line}");
        }
    }

    #[test]
    fn the_parsers_words_make_a_card() {
        assert_eq!(
            told(&["keyfob", "account", "rename", "one", "--json"]),
            r#"{"error":{"exit":2,"next":"keyfob account rename --help","what":"the following required arguments were not provided: <TO>","why":"expected: keyfob account rename --json <FROM> <TO>"}}"#
        );
        let near = told(&["keyfob", "status", "--chek"]);
        assert!(near.contains("unexpected argument '--chek' found") && near.contains("'--check'"), "{near}");
        let value = told(&["keyfob", "--sandbox", "request", "TRACE", "one", "/x"]);
        assert!(
            value.contains("TRACE is not sent") && value.contains("keyfob request --help") && value.contains("<METHOD> <NAME>"),
            "{value}"
        );
        let nothing = told(&["keyfob", "vault"]);
        assert!(nothing.contains("something is missing") && nothing.contains("keyfob vault --help"), "{nothing}");
    }
}
