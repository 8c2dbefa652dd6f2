//! `keyfob provider list`, `show`, `check`, `new` and `verify`: the catalogue.

mod new;
mod questions;
mod verify;

use std::path::PathBuf;

use clap::Subcommand;
use keyfob_providers::{Action, Field, Gone, Problem, Provider, Source, Status};
use serde_json::{Value, json};

use crate::account::now;
use crate::card::Card;
use crate::context::Context;
use crate::exit::Exit;
use crate::moment;
use crate::name::is_verb;
use crate::output::{Paint, hang};
use crate::sheet::{self, Sheet};
use crate::signal::unless_stopped_reading_file;
use crate::verb::r#do::is_option;

// What to know about providers.
#[derive(Subcommand, Debug)]
pub(crate) enum Verb {
    /// List the providers
    List {
        /// Only those with all of these words in name, title, home page, description, protocol, status, actions or scopes
        #[arg(long, value_name = "WORDS")]
        search: Option<String>,
        /// Only those of one protocol
        #[arg(long, value_parser = ["oauth1", "oauth2", "oidc"])]
        kind: Option<String>,
    },
    /// Show one: its endpoints, what to register, its actions, where the facts are from
    Show {
        /// The provider
        #[arg(add = clap_complete::engine::ArgValueCandidates::new(crate::complete::providers))]
        name: String,
    },
    /// Check a provider file; says what is wrong with line and column
    Check {
        /// The file
        file: PathBuf,
    },
    /// Begin a file for a provider that the catalogue does not have
    New(Box<new::New>),
    /// Walk the real provider with your own app and account, reading only, and report whether its file is right
    Verify(verify::Verify),
}

pub(crate) async fn run(verb: Verb, context: &Context) -> Result<(), Card> {
    match verb {
        Verb::List { search, kind } => list(search.as_deref().unwrap_or_default(), kind.as_deref(), context),
        Verb::Show { name } => match context.catalogue().gone(&name).filter(|_| context.catalogue().get(&name).is_err()) {
            Some(gone) => show_gone(&gone, context),
            None => show(&context.shown(&name).await?, context),
        },
        Verb::Check { file } => check(&file, context),
        Verb::New(args) => new::run(*args, context).await,
        Verb::Verify(args) => verify::run(args, context).await,
    }
}

fn list(search: &str, kind: Option<&str>, context: &Context) -> Result<(), Card> {
    let catalogue = context.catalogue();
    let wanted = |provider: &&Provider| kind.is_none_or(|kind| provider.kind.name() == kind) && has_words(&provider.words(), search);
    let gone = catalogue.all_gone();
    let ended = gone.iter().filter(|gone| kind.is_none() && has_words(&gone.words(), search));
    let mut found: Vec<Listed<'_>> = catalogue.iter().filter(wanted).map(Listed::There).chain(ended.map(Listed::Gone)).collect();
    found.sort_by_key(|listed| listed.name());
    if context.out.json {
        return context.out.json(&found.iter().map(Listed::brief).collect::<Vec<Value>>());
    }
    let folder = context.providers_folder();
    if found.is_empty() {
        context
            .out
            .note(&format!("No provider is like that. A file of your own adds one: keyfob provider new NAME, in {}", folder.display()));
        return Ok(());
    }
    let mut sheet = Sheet::new(["Provider", "Title", "Protocol", "Status"]);
    for listed in &found {
        sheet.row(match listed {
            Listed::There(provider) => [provider.name.clone(), provider.title.clone(), provider.kind.title().to_owned(), status(provider)],
            Listed::Gone(gone) => [gone.name.clone(), gone.title.clone(), String::new(), ended_on(&gone.on)],
        });
    }
    sheet.print(&context.out)?;
    if search.is_empty() && kind.is_none() {
        context.out.note(&format!("\n{}", counts(catalogue.iter(), gone.len())));
    }
    context.out.note(
        &context.out.note_paint().dim(&format!("\nkeyfob provider show PROVIDER says more. Your own files go into {}", folder.display())),
    );
    Ok(())
}

/// A provider of the list. One that has ended is there, too: who looks for it is told so where they look.
enum Listed<'a> {
    There(&'a Provider),
    Gone(&'a Gone),
}

impl<'a> Listed<'a> {
    fn name(&self) -> &'a str {
        match self {
            Self::There(provider) => &provider.name,
            Self::Gone(gone) => &gone.name,
        }
    }

    fn brief(&self) -> Value {
        match self {
            Self::There(provider) => brief(provider),
            Self::Gone(gone) => brief_of_gone(gone),
        }
    }
}

fn has_words(text: &str, words: &str) -> bool {
    words.to_lowercase().split_whitespace().all(|word| text.contains(word))
}

/// What is known of the files that come with the program, in three counts: docs/catalogue.md says what each proves. A file of the user's own is none of
/// them, and one that it changes no longer is.
fn counts<'a>(providers: impl Iterator<Item = &'a Provider>, gone: usize) -> String {
    let (changed, ours): (Vec<&Provider>, Vec<&Provider>) =
        providers.filter(|provider| !provider.is_all_own()).partition(|provider| provider.is_mixed());
    let independent = ours.iter().filter(|provider| provider.independent_client.is_some()).count();
    let live = ours.iter().filter(|provider| provider.verified.is_some()).count();
    let changed = if changed.is_empty() { String::new() } else { format!(" {} that your files change: not counted.", changed.len()) };
    // They are listed, and no file of theirs is there to be walked.
    let gone = if gone == 0 { String::new() } else { format!(" {gone} more are listed only to say that they have ended.") };
    format!(
        "Of {} that come with Keyfob, all are walked against an imitation made of their file, {independent} are checked by an independent client, {live} verified live.{gone}{changed}",
        ours.len()
    )
}

fn show(provider: &Provider, context: &Context) -> Result<(), Card> {
    if context.out.json {
        return context.out.json(&whole(provider));
    }
    let (paint, width) = (context.out.paint(), context.out.to_person.then(|| context.out.width()));
    let mut parts = vec![format!("{}  {}\n{}", paint.strong(&provider.title), paint.dim(&provider.name), hang(&provider.about, 0, width))];
    let mut section = |title: &str, lines: Vec<(String, String)>| {
        if !lines.is_empty() {
            let indented: Vec<(String, String)> = lines.into_iter().map(|(name, value)| (format!("  {name}"), value)).collect();
            parts.push(format!("{}\n{}", paint.strong(title), sheet::pairs(&indented, width, paint)));
        }
    };
    let mut facts = vec![("protocol".to_owned(), provider.kind.title().to_owned()), ("status".to_owned(), status(provider))];
    if let Status::Retired { note, successor, .. } = &provider.status {
        facts.push((String::new(), note.clone()));
        facts.extend(successor.iter().map(|successor| ("in its place".to_owned(), successor.clone())));
    }
    let checked = provider.independent_client.iter().map(|client| format!("an independent client: {client}"));
    let checked = checked.chain(provider.verified.iter().map(|date| format!("live, on {date}")));
    facts.extend(checked.map(|how| ("checked by".to_owned(), how)));
    if provider.verified.is_none() && provider.status == Status::Live {
        let how = if provider.is_mixed() { "not as it is here" } else { "not yet by anybody" };
        // Where tokens are imported there is no login to walk.
        let walk = format!("; keyfob provider verify {} --live does it, with your own account", provider.name);
        facts.push(("verified live".to_owned(), format!("{how}{}", if provider.import.is_none() { walk.as_str() } else { "" })));
    }
    // What is below is not what comes with the program, or not all of it.
    let read = if provider.is_mixed() { "changed by" } else { "read from" };
    facts.extend(provider.own_files().map(|file| (read.to_owned(), file.clone())));
    facts.extend(provider.homepage.iter().map(|url| ("home page".to_owned(), url.clone())));
    if !provider.default_scopes().is_empty() {
        facts.push(("scopes asked for".to_owned(), provider.default_scopes().join(" ")));
    }
    section("What it is", facts);
    let help = &provider.client;
    let mut register = Vec::new();
    register.extend(help.register_url.iter().map(|url| ("where".to_owned(), url.clone())));
    register.push(("how".to_owned(), help.register_help.clone()));
    // Where people enter a code nobody is sent back.
    let suggested = if help.redirect.device_only { &[][..] } else { &help.redirect.suggested[..] };
    register.extend(suggested.iter().map(|uri| ("redirect URI".to_owned(), uri.clone())));
    if help.redirect.any_port {
        register.push((String::new(), "any port of this machine will do, whichever is registered".to_owned()));
    }
    register.push((String::new(), help.redirect.help.clone()));
    register.extend(help.redirect.pasted().map(|told| (String::new(), told)));
    register.retain(|(_, value)| !value.is_empty());
    section("Registering an app", register);
    let import = provider
        .import
        .iter()
        .flat_map(|import| import.url.iter().map(|url| ("where".to_owned(), url.clone())).chain([("how".to_owned(), import.help.clone())]));
    section("Where tokens are made, to be imported", import.collect());
    section("What an app needs", help.fields.iter().map(field).collect());
    section("Addresses", provider.endpoints().into_iter().map(|(what, url)| (what.to_owned(), url)).collect());
    section("Scopes", provider.scopes.clone());
    section("Tolerated", provider.deviations.iter().map(|(deviation, why)| (deviation.to_string(), why.clone())).collect());
    let actions = provider.actions.iter().map(|action| (action.usage(), told(action, provider.default_scopes())));
    section("Actions", actions.map(shortened).collect());
    let habits: Vec<String> = provider.habits().iter().map(|habit| format!("  {}", hang(habit, 2, width))).collect();
    if !habits.is_empty() {
        parts.push(format!("{}\n{}", paint.strong("Habits"), habits.join("\n")));
    }
    parts.push(sources(&provider.sources, width, paint));
    context.out.data(&parts.join("\n\n"))
}

/// What an action does, and what it needs beyond what a login asks for by itself.
fn told(action: &Action, asked_for: &[String]) -> String {
    let lacking = action.lacking(asked_for);
    if lacking.is_empty() {
        action.about.clone()
    } else {
        format!("{} (needs --add-scope {})", action.about, lacking.join(" --add-scope "))
    }
}

/// All that there is to say of one that has ended.
fn show_gone(gone: &Gone, context: &Context) -> Result<(), Card> {
    if context.out.json {
        return context.out.json(&whole_of_gone(gone));
    }
    let (paint, width) = (context.out.paint(), context.out.to_person.then(|| context.out.width()));
    let mut facts = vec![("  status".to_owned(), ended_on(&gone.on)), (String::new(), gone.note.clone())];
    facts.extend(gone.successor.iter().map(|successor| ("  in its place".to_owned(), successor.clone())));
    facts.extend(gone.homepage.iter().map(|url| ("  home page".to_owned(), url.clone())));
    let parts = [
        format!("{}  {}\n{}", paint.strong(&gone.title), paint.dim(&gone.name), hang(&gone.about, 0, width)),
        format!("{}\n{}", paint.strong("What it was"), sheet::pairs(&facts, width, paint)),
        sources(&gone.sources, width, paint),
    ];
    context.out.data(&parts.join("\n\n"))
}

/// Where the facts are from.
fn sources(sources: &[Source], width: Option<usize>, paint: Paint) -> String {
    let mut lines = vec![paint.strong("Sources")];
    for source in sources {
        let confidence = serde_json::to_value(source.confidence).unwrap_or_default();
        let about = format!("{} ({}, {})", source.about, confidence.as_str().unwrap_or_default(), source.checked);
        lines.push(format!("  {}\n    {}", source.url, paint.dim(&hang(&about, 4, width))));
    }
    lines.join("\n")
}

fn check(file: &std::path::Path, context: &Context) -> Result<(), Card> {
    let shown = file.display().to_string();
    let read = unless_stopped_reading_file(file, |file| std::fs::read(file))?;
    let bytes = read.map_err(|error| {
        Card::io(format!("cannot read {shown}"), &error, "check the name and who may read the file").exiting(Exit::Usage)
    })?;
    let text = match keyfob_providers::text_of(bytes, &shown) {
        Ok(text) => text,
        Err(problem) => return unsound(&shown, &[problem], false, context),
    };
    // Its name, and what is in it.
    let read = match keyfob_providers::check_gone(&text, &shown) {
        Some(gone) => gone.map(|gone| (gone.name.clone(), gone.to_string())),
        None => keyfob_providers::check(&text, &shown).map(|provider| {
            let parts = [
                provider.name.clone(),
                counted(provider.actions.len(), "action"),
                counted(provider.deviations.len(), "deviation"),
                counted(provider.sources.len(), "source"),
            ];
            (provider.name, parts.join(", "))
        }),
    };
    let (read, mut problems) = match read {
        Ok(read) => (Some(read), Vec::new()),
        Err(problems) => (None, problems),
    };
    let is_read = read.is_some();
    let today = moment::formatted(now(), "%Y-%m-%d");
    // What is wrong with other files is not what was asked.
    let catalogue = keyfob_providers::Catalogue::load(Some(&context.providers_folder()));
    problems.extend(keyfob_providers::doubts(&text, &shown, &today, |word| is_verb(word) || is_option(word), catalogue.names()));
    if is_read {
        // It is sound, and is left out all the same: another one's name is the same.
        problems.extend(catalogue.problems().iter().filter(|problem| is_same(file, problem.file.as_ref())).cloned());
    }
    problems.sort_by_key(|problem| (problem.line, problem.column));
    match read.filter(|_| problems.is_empty()) {
        Some((name, _)) if context.out.json => context.out.json(&json!({"file": shown, "ok": true, "provider": name, "problems": []})),
        Some((_, what)) => {
            context.out.note(&format!("{} {shown} is sound: {what}", context.out.note_paint().good("✓")));
            Ok(())
        }
        None => unsound(&shown, &problems, is_read, context),
    }
}

fn is_same(one: &std::path::Path, other: &std::path::Path) -> bool {
    let (one, other) = (one.canonicalize(), other.canonicalize());
    one.is_ok_and(|one| other.is_ok_and(|other| one == other))
}

/// Tells what is wrong with a file, or, where it `is_read` all the same, hardly meant.
fn unsound(shown: &str, problems: &[Problem], is_read: bool, context: &Context) -> Result<(), Card> {
    if context.out.json {
        context.out.json(&json!({"file": shown, "ok": false, "problems": problems}))?;
        // Everything is said, and in one document.
        return Err(Card::ended(Exit::Error.code()));
    }
    context.out.data(&problems.iter().map(|problem| line(problem, context)).collect::<Vec<_>>().join("\n"))?;
    let what = match is_read {
        // It is what it says, and hardly what was meant.
        true => format!("{shown} can be read, and has what is hardly meant: {}", counted(problems.len(), "doubt")),
        false => format!("{shown} is no sound provider file: {}", counted(problems.len(), "problem")),
    };
    let next = format!("correct it, then: keyfob provider check {shown}; docs/provider-files.md has every key");
    Err(Card::new(Exit::Error, what, "told above, with line and column", next))
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn line(problem: &Problem, context: &Context) -> String {
    let paint = context.out.paint();
    let Problem { file, line, column, message, hint } = problem;
    let hint = hint.as_ref().map(|hint| format!("\n  {}", paint.dim(hint))).unwrap_or_default();
    format!("{} {message}{hint}", paint.strong(&format!("{file}:{line}:{column}:")))
}

fn status(provider: &Provider) -> String {
    match &provider.status {
        Status::Retired { on, .. } => ended_on(on),
        Status::Sandbox => "sandbox only".to_owned(),
        _ => "live".to_owned(),
    }
}

fn ended_on(day: &str) -> String {
    format!("retired {day}")
}

fn field(field: &Field) -> (String, String) {
    let mut notes = Vec::new();
    if field.secret {
        notes.push("secret".to_owned());
    }
    match &field.default {
        Some(default) => notes.push(format!("{default}, unless said otherwise")),
        None if !field.required => notes.push("may be left away".to_owned()),
        None => {}
    }
    let notes = if notes.is_empty() { String::new() } else { format!(" [{}]", notes.join(", ")) };
    let env = if field.env.is_empty() { String::new() } else { format!("; variables {}", field.env.join(", ")) };
    (field.name.clone(), format!("{}{notes}: {}{env}", field.label, field.help))
}

/// Long usages would push everything to the right.
fn shortened((usage, about): (String, String)) -> (String, String) {
    match usage.split_once(" [--") {
        Some((short, _)) => (format!("{short} …"), about),
        None => (usage, about),
    }
}

fn brief(provider: &Provider) -> Value {
    json!({
        "name": provider.name,
        "title": provider.title,
        "kind": provider.kind,
        "status": provider.status.name(),
        "about": provider.about,
        "actions": provider.actions.iter().map(|action| action.name.as_str()).collect::<Vec<_>>(),
        "independent_client": provider.independent_client,
        "verified": provider.verified,
    })
}

/// With the members that any other provider has, so that whoever reads the list needs not look twice.
fn brief_of_gone(gone: &Gone) -> Value {
    json!({
        "name": gone.name,
        "title": gone.title,
        "kind": null,
        "status": "retired",
        "about": gone.about,
        "actions": [],
        "independent_client": null,
        "verified": null,
    })
}

fn whole_of_gone(gone: &Gone) -> Value {
    let mut described = brief_of_gone(gone);
    let more = json!({
        "homepage": gone.homepage,
        "retired": {"on": gone.on, "successor": gone.successor, "note": gone.note},
        "client": null,
        "import": null,
        "scopes": [],
        "known_scopes": [],
        "endpoints": {},
        "deviations": [],
        "habits": [],
        "sources": gone.sources,
        "files": [],
    });
    if let (Some(described), Value::Object(more)) = (described.as_object_mut(), more) {
        described.extend(more);
    }
    described
}

fn whole(provider: &Provider) -> Value {
    let mut described = brief(provider);
    let deviations: Vec<Value> = provider.deviations.iter().map(|(name, why)| json!({"name": name.name(), "why": why})).collect();
    let endpoints: serde_json::Map<String, Value> =
        provider.endpoints().into_iter().map(|(what, url)| (what.to_owned(), url.into())).collect();
    let actions: Vec<Value> = (provider.actions.iter())
        .map(|action| json!({"name": action.name, "about": action.about, "acts": action.acts, "usage": action.usage(), "scopes": action.scopes}))
        .collect();
    let more = json!({
        "homepage": provider.homepage,
        "retired": match &provider.status {
            Status::Retired { on, successor, note } => json!({"on": on, "successor": successor, "note": note}),
            _ => Value::Null,
        },
        "client": provider.client,
        "import": provider.import,
        "scopes": provider.default_scopes(),
        "known_scopes": provider.scopes.iter().map(|(name, allows)| json!({"name": name, "allows": allows})).collect::<Vec<_>>(),
        "endpoints": endpoints,
        "deviations": deviations,
        "habits": provider.habits(),
        "actions": actions,
        "sources": provider.sources,
        "files": provider.files,
    });
    if let (Some(described), Value::Object(more)) = (described.as_object_mut(), more) {
        described.extend(more);
    }
    described
}
