//! `keyfob schema`: what each verb prints with `--json`, as JSON Schema (2020-12), for programs that read it.

mod shapes;

use clap::Args;
use keyfob::proto::scrub::printable;
use keyfob_providers::nearest;
use serde_json::{Map, Value, json};

use self::shapes::{ERROR, NOTE, SHAPES, schema};
use crate::card::Card;
use crate::context::Context;

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

// Of what.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Schema {
    /// The verb (account rename), or error: what every verb prints on stderr when it fails; or note: what it says there besides; left away: all of them
    #[arg(value_name = "VERB", add = clap_complete::engine::ArgValueCompleter::new(crate::complete::schemas))]
    words: Vec<String>,
}

const EXAMPLES: &str = "\
Members may be added to what a verb prints; those that the schema requires stay.

Examples:
  keyfob schema status
  keyfob schema account rename
  keyfob schema error";

pub(crate) fn run(args: &Schema, context: &Context) -> Result<(), Card> {
    let out = &context.out;
    if args.words.is_empty() {
        let all: Map<String, Value> = known().map(|(name, shape)| (name.to_owned(), schema(shape))).collect();
        return out.json(&json!({"$schema": DIALECT, "title": "What keyfob prints with --json", "$defs": all}));
    }
    let asked = args.words.join(" ");
    let Some((name, shape)) = known().find(|(name, _)| *name == asked) else {
        let next = match nearest(&asked, names()) {
            Some(near) => format!("did you mean keyfob schema {near}?"),
            None => "keyfob schema shows all; its members are named by the verbs".to_owned(),
        };
        return Err(Card::usage(format!("there is no schema of \"{}\"", printable(&asked)), "that verb prints no JSON of its own", next));
    };
    let mut document = json!({"$schema": DIALECT, "title": format!("keyfob {name} --json")});
    if let (Value::Object(document), Value::Object(found)) = (&mut document, schema(shape)) {
        document.extend(found);
    }
    out.json(&document)
}

/// The verbs that there is a schema of, and what else has one.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    known().map(|(name, _)| name)
}

fn known() -> impl Iterator<Item = (&'static str, &'static str)> {
    SHAPES.iter().copied().chain([("error", ERROR), ("note", NOTE)])
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    /// Verbs that print no JSON, or that of another's protocol.
    const OTHERS: [&str; 9] = ["agent", "completions", "curl", "exec", "help", "helper", "man", "schema", "trace"];

    #[test]
    fn every_verb_has_a_schema_and_no_other_has() {
        let mut leaves = Vec::new();
        let mut command = Cli::command();
        command.build();
        for verb in command.get_subcommands().filter(|verb| !OTHERS.contains(&verb.get_name())) {
            if verb.has_subcommands() {
                let below = verb.get_subcommands().map(clap::Command::get_name).filter(|below| *below != "help");
                leaves.extend(below.map(|below| format!("{} {below}", verb.get_name())));
            } else {
                leaves.push(verb.get_name().to_owned());
            }
        }
        let known: Vec<String> = SHAPES.iter().map(|(name, _)| (*name).to_owned()).collect();
        let missing: Vec<_> = leaves.iter().filter(|leaf| !known.contains(leaf)).collect();
        let more: Vec<_> = known.iter().filter(|known| !leaves.contains(known)).collect();
        assert!(missing.is_empty() && more.is_empty(), "missing: {missing:?}; of no verb: {more:?}");
    }
}
