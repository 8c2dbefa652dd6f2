//! `keyfob do ACCOUNT ACTION`, in short `keyfob ACCOUNT ACTION`: the calls that a provider's file names, as tables and charts.

mod list;
mod said;
mod show;
mod svg;
mod watch;

use std::path::PathBuf;

use clap::Args;
use keyfob::proto::scrub::printable;
use keyfob_providers::{Action, Provider};

use self::list::{describe, list, usage};
use self::said::Said;
use self::show::{show, suggestions};
use crate::card::Card;
use crate::cli::SANDBOX_HERE;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::Output;
use crate::perform::{call, perform, there_is_more, typed};
use crate::prompt;
use crate::refusals;
use crate::verb::call::dry_run;

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
    /// Whether the account stands in a verb's place.
    #[arg(skip)]
    short: bool,
}

const OPTIONS: &str = "\
Options of every action:
  --PARAMETER VALUE   a parameter by its name
  -y, --yes           do not ask before something changes in the world
  --json              the rows as JSON objects
  --format FORMAT     the rows as json, ndjson, csv or table
  --jq EXPRESSION     what a jq expression makes of the rows, which are objects to it
  --last TIME         the last 24h, 7d, 4w … of an action that has a beginning, or one of its periods
  --chart, --table    draw the chart, or the whole table, whatever the room
  --svg FILE          write the chart to a file, as a drawing; - is stdout, which has nothing else then
  --pages N           read at most N pages of a long answer (100, or 10)
  --watch TIME        do it again each time that has passed (30s, 5m), until Ctrl-C
  --dry-run           show the request instead of sending it, secrets masked

In short: keyfob telldus devices";

/// The same, for the shell's TAB: each with what stands behind it.
pub(crate) const COMMON: [(&str, Option<&str>, &str); 12] = [
    ("--yes", None, "do not ask before something changes in the world"),
    ("--json", None, "the rows as JSON objects"),
    ("--format", Some("FORMAT"), "the rows as json, ndjson, csv or table"),
    ("--jq", Some("EXPRESSION"), "what a jq expression makes of the rows"),
    ("--chart", None, "draw the chart, whatever the room"),
    ("--table", None, "draw the whole table, whatever the room"),
    ("--svg", Some("FILE"), "write the chart to a file"),
    ("--last", Some("TIME"), "the last 24h, 7d or 4w of a series"),
    ("--pages", Some("N"), "read at most so many pages"),
    ("--watch", Some("TIME"), "do it again each time that has passed"),
    ("--dry-run", None, "show the request instead of sending it"),
    ("--help", None, "what the action takes"),
];

/// Whether a word behind an action is an option of the program, and no parameter's name.
pub(crate) fn is_option(word: &str) -> bool {
    ["--vault", "--sandbox"].contains(&word) || COMMON.iter().any(|(option, ..)| *option == word)
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
        Self { account: words.next().unwrap_or_default(), words: words.collect(), short: true }
    }

    /// Whether it is done again and again.
    pub(crate) fn watches(&self) -> bool {
        let options = self.words.iter().take_while(|word| *word != "--");
        options.into_iter().any(|word| word == "--watch" || word.starts_with("--watch="))
    }

    /// Where it writes: rows to stdout, a drawing into a file.
    pub(crate) fn places(&self) -> Vec<PathBuf> {
        let svg = Said::read(self.words.clone()).ok().and_then(|said| said.svg);
        svg.into_iter().chain([PathBuf::from("-")]).collect()
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
    let opened = match context.open_account(&args.account).await {
        // What is nobody's name may be a verb that was mistyped.
        Err(card) if args.short && matches!(card.exit, Exit::SignIn | Exit::Usage) => {
            provider_of(&args.account, context).await?;
            return Err(card);
        }
        opened => opened?,
    };
    let name = &opened.account.name;
    let action = find(&opened.provider, action_name, name, &context.out)?;
    let arguments = said.arguments(action, name)?;
    // What is wrong with the arguments is said before anybody is asked anything.
    action.check(&arguments).and_then(|()| action.request(&arguments, &opened.account.kept)).map_err(|misuse| {
        let next = misuse.hint.clone().unwrap_or_else(|| usage(action, name));
        Card::usage(format!("cannot do {action_name} with {name}"), misuse.to_string(), next)
    })?;
    if said.dry_run {
        return dry_run(&opened, &context.out, |session| call(session, action, &arguments)).await;
    }
    // What cannot be shown is not asked for: with what acts it would be done all the same.
    if let Some(option) = said.drawing().filter(|_| !action.is_charted()) {
        return Err(Card::usage(
            format!("cannot draw {action_name} of {name}"),
            "there is no chart in it: nothing that changes along an axis",
            format!("leave {option} away to see what there is"),
        ));
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
        return watch::run(&session, &opened.provider, action, &said, every, context).await;
    }
    let performed = match perform(&session, &opened.provider, action, arguments, said.pages, &context.out).await {
        Ok(performed) => performed,
        Err(card) => {
            if let Some(status) = card.status {
                refusals::keep(status, &session.account(), context).await;
            }
            return Err(card);
        }
    };
    show(&performed.table, &said, &session.scrubber(), &context.out)
        .map_err(|card| if action.acts { done(action, name, &card) } else { card })?;
    let paint = context.out.note_paint();
    if let Some(read) = performed.stopped_at {
        context.out.note(&paint.warn(&there_is_more(read)));
    }
    if context.out.notes_to_person && !context.out.json && said.shape().is_none() {
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

/// What acted, and cannot be shown. Whoever reads that it failed does it again.
fn done(action: &Action, account: &str, card: &Card) -> Card {
    let what = format!("{} of {account} was done, and what came of it cannot be shown", action.name);
    Card::new(card.exit, what, format!("{}: {}", card.what(), card.why()), "look at how it is now; it need not be done again")
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The help and the shell tell the same.
    #[test]
    fn the_help_names_every_option() {
        for (option, value, _) in COMMON.iter().filter(|(option, ..)| *option != "--help") {
            let named = value.map_or((*option).to_owned(), |value| format!("{option} {value}"));
            assert!(OPTIONS.contains(&named) && list::OF_EVERY_ACTION.contains(option), "{named}");
        }
    }

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
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
