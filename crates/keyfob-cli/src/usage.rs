//! A command line that cannot be read is told in the parser's own words, and as any other error where JSON is asked for.

use std::ffi::OsString;

use clap::Parser;
use clap::error::{Error, ErrorKind};

use crate::card::Card;
use crate::cli::Cli;
use crate::output::Output;

/// Reads a command line; where that cannot be, or help is asked for, the program says so and ends.
pub(crate) fn read(words: impl IntoIterator<Item = OsString>) -> Cli {
    let words: Vec<OsString> = words.into_iter().collect();
    Cli::try_parse_from(&words).unwrap_or_else(|error| {
        // Behind `--` are another program's.
        let json = words.iter().take_while(|word| *word != "--").any(|word| word == "--json");
        // Help and version are what was asked for, and no error.
        if !json || !error.use_stderr() {
            error.exit();
        }
        let card = card(&error);
        card.json().iter().for_each(|text| Output::new(true).note(text));
        std::process::exit(card.exit.code().into())
    })
}

/// The parser's message by its parts: what is wrong, how it is written otherwise, and where that is explained.
fn card(error: &Error) -> Card {
    let text = error.to_string();
    let paragraphs: Vec<String> = text.split("\n\n").map(|lines| lines.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    let usage = paragraphs.iter().find_map(|paragraph| paragraph.strip_prefix("Usage: ")).unwrap_or("keyfob VERB");
    // The verb is what stands before anything that is to be filled in.
    let verb: Vec<&str> = usage.split(' ').take_while(|word| word.starts_with(|c: char| c.is_ascii_lowercase())).collect();
    let what = match error.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => "something is missing on the command line",
        _ => paragraphs.first().map_or("", |first| first.strip_prefix("error: ").unwrap_or(first)),
    };
    let tips: Vec<&str> = paragraphs.iter().filter_map(|paragraph| paragraph.strip_prefix("tip: ")).collect();
    let next = if tips.is_empty() { format!("{} --help", verb.join(" ")) } else { tips.join("; ") };
    Card::usage(what, format!("expected: {usage}"), next)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(words: &[&str]) -> String {
        card(&Cli::try_parse_from(words).expect_err("it cannot be read")).json().expect("somebody reads")
    }

    #[test]
    fn the_parsers_words_make_a_card() {
        assert_eq!(
            told(&["keyfob", "account", "rename", "one", "--json"]),
            r#"{"error":{"exit":2,"next":"keyfob account rename --help","what":"the following required arguments were not provided: <TO>","why":"expected: keyfob account rename --json <FROM> <TO>"}}"#
        );
        let near = told(&["keyfob", "status", "--chek"]);
        assert!(near.contains("unexpected argument '--chek' found") && near.contains("'--check'"), "{near}");
        let nothing = told(&["keyfob", "vault"]);
        assert!(nothing.contains("something is missing") && nothing.contains("keyfob vault --help"), "{nothing}");
    }
}
