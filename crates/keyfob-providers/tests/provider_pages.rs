//! docs/providers has a page for each provider, and an index: both are made of the files.
//!
//! `KEYFOB_WRITE_DOCS=1 cargo test -p keyfob-providers --test provider_pages` writes them anew.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use keyfob_providers::{Action, Catalogue, Confidence, Kind, Provider, Status};

const MADE: &str = "<!-- Made by crates/keyfob-providers/tests/provider_pages.rs of the provider's file: do not change it here. -->";

#[test]
fn every_provider_has_its_page_and_the_index_names_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the workspace").join("docs/providers");
    let catalogue = Catalogue::embedded();
    let mut pages: BTreeMap<PathBuf, String> =
        catalogue.iter().map(|provider| (folder.join(format!("{}.md", provider.name)), page(provider))).collect();
    pages.insert(folder.join("README.md"), index(&catalogue));
    if std::env::var_os("KEYFOB_WRITE_DOCS").is_some() {
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("docs/ is there");
        for (path, text) in &pages {
            fs::write(path, text).expect("written");
        }
    }
    for (path, text) in &pages {
        let found = fs::read_to_string(path).unwrap_or_default();
        assert!(found == *text, "{} is not what the file says; write it anew with KEYFOB_WRITE_DOCS=1", path.display());
    }
    for entry in fs::read_dir(&folder).expect("the folder") {
        let path = entry.expect("an entry").path();
        assert!(pages.contains_key(&path), "{}: there is no such provider", path.display());
    }
}

fn index(catalogue: &Catalogue) -> String {
    let mut page = format!(
        "# Providers\n\n{}\n\n\
         To search them: `keyfob provider list --search lamps`, or the search field under *Connect* in the web app. `keyfob provider show NAME` says the same\n\
         as a page here. What is known of the files, and how: [catalogue.md](../catalogue.md). One that is missing is a file away:\n\
         [provider-files.md](../provider-files.md).\n\n\
         All of them are in this table, by the name that is typed, also those that have ended: the browser's search finds one.\n\n\
         | name | provider | what it is | protocol | actions | |\n|---|---|---|---|---|---|\n",
        MADE.replace("the provider's file", "the providers' files")
    );
    let mut rows = BTreeMap::new();
    for provider in catalogue.iter() {
        let status = match &provider.status {
            Status::Retired { on, .. } => format!("ended {on}"),
            Status::Sandbox => "sandbox".to_owned(),
            _ => String::new(),
        };
        let actions: Vec<&str> = provider.actions.iter().map(|action| action.name.as_str()).collect();
        let (title, about) = (cell(&provider.title), cell(&provider.about));
        let link = format!("[{title}]({}.md)", provider.name);
        rows.insert(provider.name.clone(), format!("{link} | {about} | {} | {} | {status}", protocol(provider), actions.join(", ")));
    }
    for gone in catalogue.all_gone() {
        let row = format!("{} | {} | | | ended {}, see below", cell(&gone.title), cell(&gone.about), gone.on);
        rows.insert(gone.name.clone(), row);
    }
    for (name, row) in rows {
        writeln!(page, "| `{name}` | {row} |").expect("text");
    }
    page.push_str("\n## Ended\n\nNobody can log in to these any more; `keyfob login NAME` says the same.\n\n| provider | since | | in its place |\n|---|---|---|---|\n");
    for gone in catalogue.all_gone() {
        let successor = gone.successor.map(|name| format!("[{name}]({name}.md)")).unwrap_or_default();
        writeln!(page, "| {} (`{}`) | {} | {} | {successor} |", cell(&gone.title), gone.name, gone.on, cell(&gone.note)).expect("text");
    }
    page.push_str("\nThese have ended, too, and have files of what they were, which the sandbox plays. `keyfob login NAME` says so first.\n\n| provider | since | | in its place |\n|---|---|---|---|\n");
    for provider in catalogue.iter() {
        let Status::Retired { on, successor, note } = &provider.status else { continue };
        let successor = successor.as_deref().unwrap_or_default();
        let (title, name) = (cell(&provider.title), &provider.name);
        writeln!(page, "| [{title}]({name}.md) (`{name}`) | {on} | {} | {} |", cell(note), cell(successor)).expect("text");
    }
    page
}

fn page(provider: &Provider) -> String {
    let mut page = format!("# {}\n\n{MADE}\n\n{}\n\n", provider.title, provider.about);
    if let Status::Retired { on, successor, note } = &provider.status {
        let successor = successor.as_ref().map(|name| format!(" In its place: {name}.")).unwrap_or_default();
        write!(page, "**Retired on {on}.** {note}{successor}\n\n").expect("text");
    }
    write!(page, "Protocol: {}.", protocol(provider)).expect("text");
    if let Some(url) = &provider.homepage {
        write!(page, " Home page: <{url}>.").expect("text");
    }
    page.push_str("\n\n## What to register\n\n");
    page.push_str(&register(provider));
    if let Some(import) = &provider.import {
        let at = import.url.as_ref().map(|url| format!("At <{url}>. ")).unwrap_or_default();
        write!(page, "\n## Where tokens are made\n\n{at}{}\n", import.help).expect("text");
    }
    write!(page, "\n## The commands\n\n```sh\n{}```\n", commands(provider)).expect("text");
    section(&mut page, "Scopes", provider.scopes.iter().map(|(name, allows)| format!("`{name}`: {allows}")));
    section(&mut page, "Habits", provider.habits().into_iter());
    section(
        &mut page,
        "What is tolerated",
        provider.deviations.iter().map(|(name, why)| format!("[`{name}`](../deviations.md#{name}): {why}")),
    );
    section(&mut page, "Actions", provider.actions.iter().map(|action| self::action(action, provider.default_scopes())));
    section(
        &mut page,
        "Sources",
        provider.sources.iter().map(|source| {
            let sure = match source.confidence {
                Confidence::Verified => "verified",
                Confidence::Inferred => "inferred",
                Confidence::Assumed => "assumed",
            };
            format!("<{}> ({sure}, {}): {}", source.url, source.checked, source.about)
        }),
    );
    page
}

fn register(provider: &Provider) -> String {
    let help = &provider.client;
    let mut text = String::new();
    match (&help.register_url, help.register_help.as_str()) {
        (Some(url), how) => writeln!(text, "At <{url}>. {how}\n"),
        (None, how) => writeln!(text, "{how}\n"),
    }
    .expect("text");
    if help.redirect.device_only {
        // Nobody is sent back, whatever the file has to name.
        writeln!(text, "{}\n", help.redirect.help).expect("text");
    } else if !help.redirect.suggested.is_empty() {
        let uris: Vec<String> = help.redirect.suggested.iter().map(|uri| format!("`{uri}`")).collect();
        let any = if help.redirect.any_port { " Any port of this machine will do, whichever is registered." } else { "" };
        let told: Vec<String> =
            [help.redirect.help.clone()].into_iter().chain(help.redirect.pasted()).filter(|told| !told.is_empty()).collect();
        writeln!(text, "{}\n", format!("Redirect URI: {}.{any} {}", uris.join(", or "), told.join(" ")).trim_end()).expect("text");
    }
    text.push_str("| what | where to find it | variables |\n|---|---|---|\n");
    for field in &help.fields {
        let notes = [(field.secret, "secret"), (!field.required, "may be left away")];
        let notes: Vec<&str> = notes.into_iter().filter(|(there, _)| *there).map(|(_, note)| note).collect();
        let notes = if notes.is_empty() { String::new() } else { format!(" ({})", notes.join(", ")) };
        let variables: Vec<String> = field.env.iter().map(|name| format!("`{name}`")).collect();
        writeln!(text, "| {} (`{}`){notes} | {} | {} |", cell(&field.label), field.name, cell(&field.help), variables.join(", "))
            .expect("text");
    }
    text
}

/// Keep the app, log in, and use it.
fn commands(provider: &Provider) -> String {
    let name = &provider.name;
    let used = match provider.overview().next() {
        Some(action) => format!("keyfob {name} {}", action.name),
        None => format!("keyfob get {name} /"),
    };
    if provider.status == Status::Sandbox {
        return format!("keyfob sandbox &\nkeyfob --sandbox login {name}\nkeyfob --sandbox {}\n", &used["keyfob ".len()..]);
    }
    if provider.import.is_some() {
        return format!("keyfob app add {name}\nkeyfob import {name}\n{used}\n");
    }
    format!("keyfob app add {name}\nkeyfob login {name}\n{used}\n")
}

fn action(action: &Action, asked_for: &[String]) -> String {
    let asks = if action.acts { " It changes something, and asks first." } else { "" };
    let lacking = action.lacking(asked_for);
    let more: Vec<String> = lacking.iter().map(|scope| format!("--add-scope {scope}")).collect();
    let needs =
        if more.is_empty() { String::new() } else { format!(" It needs more than a login asks for by itself: `{}`.", more.join(" ")) };
    format!("`{}`: {}.{asks}{needs}", action.usage(), action.about.trim_end_matches('.'))
}

fn section(page: &mut String, title: &str, lines: impl Iterator<Item = String>) {
    let lines: Vec<String> = lines.map(|line| format!("- {}\n", line.trim())).collect();
    if !lines.is_empty() {
        write!(page, "\n## {title}\n\n{}", lines.concat()).expect("text");
    }
}

fn protocol(provider: &Provider) -> &'static str {
    match provider.kind {
        Kind::OAuth1 => "OAuth 1.0a",
        Kind::Oidc => "OpenID Connect",
        _ => "OAuth 2",
    }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
