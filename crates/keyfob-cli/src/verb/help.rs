//! `keyfob help [VERB|TOPIC]`. The topics are sections of this crate's README: what is said once cannot differ.

use clap::{Args, CommandFactory};
use keyfob::proto::scrub::printable;
use keyfob_providers::nearest;

use crate::card::Card;
use crate::cli::Cli;
use crate::context::Context;
use crate::output::{Paint, hang};
use crate::sheet::pairs;

const README: &str = include_str!("../../README.md");

/// Topics, and the headings they stand under.
pub(crate) const TOPICS: [(&str, &str); 4] =
    [("exit-codes", "Exit codes"), ("environment", "Environment"), ("json", "JSON"), ("scripting", "Scripting")];

// What about.
#[derive(Args, Debug)]
pub(crate) struct Help {
    /// A verb (get, or vault rekey), or one of the topics: exit-codes, environment, json, scripting
    #[arg(value_name = "VERB|TOPIC", num_args = 0..=2, add = clap_complete::engine::ArgValueCandidates::new(crate::complete::helped))]
    about: Vec<String>,
}

pub(crate) fn run(args: &Help, context: &Context) -> Result<(), Card> {
    let out = &context.out;
    let mut command = Cli::command();
    command.build();
    if args.about.is_empty() {
        let topics: Vec<&str> = TOPICS.iter().map(|(topic, _)| *topic).collect();
        return out.data(&format!("{}\nTopics: keyfob help {}", command.render_help(), topics.join("|")));
    }
    let about = args.about.join(" ");
    if let Some((_, heading)) = TOPICS.iter().find(|(topic, _)| *topic == about) {
        let width = out.to_person.then(|| out.width().min(100));
        return out.data(&drawn(section(heading), width, out.paint()));
    }
    let verb = args.about.iter().try_fold(&mut command, |command, word| command.find_subcommand_mut(word));
    if let Some(verb) = verb {
        return out.data(verb.render_long_help().to_string().trim_end());
    }
    let verbs = command.get_subcommands().flat_map(|verb| {
        let below = verb.get_subcommands().map(|below| format!("{} {}", verb.get_name(), below.get_name()));
        std::iter::once(verb.get_name().to_owned()).chain(below)
    });
    let known: Vec<String> = verbs.chain(TOPICS.iter().map(|(topic, _)| (*topic).to_owned())).collect();
    let near = nearest(&about, known.iter().map(String::as_str));
    let next = near.map_or("keyfob help lists both".to_owned(), |near| format!("did you mean keyfob help {near}?"));
    Err(Card::usage(format!("there is no help about \"{}\"", printable(&about)), "it is neither a verb nor a topic", next))
}

/// The text under a heading of the README.
fn section(heading: &str) -> &'static str {
    let behind = README.split_once(&format!("\n## {heading}\n")).map_or("", |(_, behind)| behind);
    behind.split("\n## ").next().unwrap_or_default().trim()
}

/// Markdown as a terminal shows it: tables as pairs, paragraphs as wide as there is room, code as it is.
fn drawn(text: &str, width: Option<usize>, paint: Paint) -> String {
    let mut blocks = Vec::new();
    for block in text.split("\n\n") {
        if block.starts_with("    ") {
            blocks.push(block.to_owned());
        } else if block.starts_with('|') {
            let rows: Vec<(String, String)> = block.lines().skip(2).filter_map(row).collect();
            blocks.push(pairs(&rows, width, paint));
        } else {
            blocks.push(hang(&plain(&block.replace('\n', " ")), 0, width));
        }
    }
    blocks.join("\n\n")
}

/// The first two cells of a row.
fn row(line: &str) -> Option<(String, String)> {
    let line = line.replace("\\|", "\u{1}");
    let mut cells = line.trim_matches('|').split('|').map(|cell| plain(cell.trim()).replace('\u{1}', "|"));
    Some((cells.next()?, cells.next()?))
}

fn plain(text: &str) -> String {
    text.replace('`', "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_topic_has_its_section() {
        for (topic, heading) in TOPICS {
            assert!(section(heading).len() > 100, "{topic}");
            assert!(!drawn(section(heading), Some(80), Paint::plain()).contains('`'), "{topic}");
        }
        assert!(drawn(section("Exit codes"), None, Paint::plain()).contains("130  interrupted"));
    }

    #[test]
    fn no_exit_code_is_left_out() {
        use crate::exit::Exit;
        let said = drawn(section("Exit codes"), None, Paint::plain());
        for exit in [Exit::Ok, Exit::Error, Exit::Usage, Exit::SignIn, Exit::Http, Exit::Network, Exit::Vault, Exit::Interrupted] {
            assert!(said.lines().any(|line| line.split_whitespace().next() == Some(&exit.code().to_string())), "{exit:?}");
        }
    }
}
