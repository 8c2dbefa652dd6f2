//! `keyfob man [VERB]`: the manual, as man(1) reads it.

use std::path::{Path, PathBuf};

use clap::{Args, Command, CommandFactory};
use clap_mangen::Man;
use keyfob::proto::scrub::printable;

use crate::card::Card;
use crate::cli::Cli;
use crate::context::Context;

// Which page.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ManPage {
    /// The verb (get, or vault rekey); the program itself if left away
    #[arg(add = clap_complete::engine::ArgValueCompleter::new(crate::complete::pages))]
    verb: Vec<String>,
    /// Write the pages of all verbs into a folder
    #[arg(long, value_name = "FOLDER", conflicts_with = "verb")]
    dir: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  keyfob man get | man -l -
  keyfob man --dir ~/.local/share/man/man1";

pub(crate) fn run(args: &ManPage, context: &Context) -> Result<(), Card> {
    let mut whole = Cli::command();
    whole.build();
    if let Some(folder) = &args.dir {
        return all(&whole, folder, context);
    }
    let words: Vec<&str> = args.verb.iter().map(String::as_str).collect();
    let Some(command) = words.iter().try_fold(&whole, |command, word| command.find_subcommand(word)) else {
        return Err(Card::usage(
            format!("there is no verb \"{}\"", printable(&words.join(" "))),
            "only verbs have pages",
            "keyfob --help lists the verbs",
        ));
    };
    written(&page(command, &words)?, &named(&[&["man"], words.as_slice()].concat(), " "), context)
}

/// To stdout. A terminal shows what is meant for man(1), which few can read.
fn written(page: &str, typed: &str, context: &Context) -> Result<(), Card> {
    context.out.data(page.trim_end())?;
    if context.out.to_person {
        context.out.note(&context.out.note_paint().dim(&format!("to read it: {typed} | man -l -")));
    }
    Ok(())
}

fn all(whole: &Command, folder: &Path, context: &Context) -> Result<(), Card> {
    let trouble =
        |error: &std::io::Error| Card::io(format!("cannot write into {}", folder.display()), error, "check the folder and the disk");
    std::fs::create_dir_all(folder).map_err(|error| trouble(&error))?;
    let mut count = 0;
    let mut left = vec![(whole, Vec::new())];
    while let Some((command, words)) = left.pop() {
        std::fs::write(folder.join(format!("{}.1", named(&words, "-"))), page(command, &words)?).map_err(|error| trouble(&error))?;
        count += 1;
        let below = command.get_subcommands().filter(|below| !below.is_hide_set());
        left.extend(below.map(|below| (below, [words.as_slice(), &[below.get_name()]].concat())));
    }
    context.out.note(&format!("{} {count} pages in {}", context.out.note_paint().good("✓"), folder.display()));
    Ok(())
}

/// The program and the verb's words: as its page is called, or as it is typed.
fn named(words: &[&str], between: &str) -> String {
    [&["keyfob"], words].concat().join(between)
}

fn page(command: &Command, words: &[&str]) -> Result<String, Card> {
    let mut text = Vec::new();
    let command = command.clone().display_name(named(words, "-")).bin_name(named(words, " ")).disable_help_flag(true);
    // By itself it would name the verb alone, with a version that it has not.
    let man = Man::new(command).source(concat!("keyfob ", env!("CARGO_PKG_VERSION")));
    man.render(&mut text).map_err(|error| Card::io("cannot write the manual", &error, "check the disk"))?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}
