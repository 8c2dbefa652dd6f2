//! docs/providers has a page for each provider, and an index: both are made of the files.
//!
//! `KEYFOB_WRITE_DOCS=1 cargo test -p keyfob-providers --test provider_pages` writes them anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use keyfob_proto::Flow;
use keyfob_providers::{Action, Catalogue, Confidence, Gone, Provider, Status};

const MADE: &str = "<!-- Made by crates/keyfob-providers/tests/provider_pages.rs of the provider's file: do not change it here. -->";

#[test]
fn a_page_says_what_can_be_done_and_how_its_file_was_checked() {
    let catalogue = Catalogue::embedded();
    let of = |name: &str| page(catalogue.get(name).expect("a provider"), &catalogue);
    assert!(of("apple").contains("keyfob login apple\n```"), "there is no API to call: {}", of("apple"));
    assert!(of("xing").contains("keyfob get xing /\n```"));
    assert!(of("ebay").contains("by an independent client: requests-oauthlib; not verified live."), "{}", of("ebay"));
    assert!(of("apple").contains("Checked by an imitation made of this file; not verified live."));
    for (ended, after) in [("fitbit", "In its place: [Google Health](google-health.md)."), ("openstreetmap-oauth1", "(openstreetmap.md)")] {
        assert!(of(ended).contains(after), "{}", of(ended));
    }
    let index = index(&catalogue);
    assert!(index.contains("`keyfob provider list --search WORDS`") && index.contains("\n## N\n\n| name |"), "{index}");
    let all = catalogue.names().count() + catalogue.all_gone().len();
    assert_eq!(index.matches("\n| `").count(), all, "each once");
    let searchable = searchable(&catalogue);
    assert_eq!(searchable.matches("\n<li data-words=").count(), all, "each once");
    assert!(searchable.contains("<a href=\"tado.md\">") && !searchable.contains("{rows}"), "{searchable}");
    assert!(of("microsoft").contains("| Tenant (`tenant`) (`common`, unless said otherwise) |"), "{}", of("microsoft"));
}

#[test]
fn every_provider_has_its_page_and_the_index_names_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the workspace").join("docs/providers");
    let catalogue = Catalogue::embedded();
    let mut pages: BTreeMap<PathBuf, String> =
        catalogue.iter().map(|provider| (folder.join(format!("{}.md", provider.name)), page(provider, &catalogue))).collect();
    pages.insert(folder.join("README.md"), index(&catalogue));
    pages.insert(folder.join("index.html"), searchable(&catalogue));
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
         To search them: `keyfob provider list --search WORDS` looks through names, titles, protocols, actions and scopes\n\
         (`lamps`, `oauth2 sleep`); the search field of [index.html](index.html), opened in a browser, and the one under *Connect* in the\n\
         web app look through the same. `keyfob provider show NAME` says the same as a page here. What is known of the files, and how: [catalogue.md](../catalogue.md). One that is missing is a file away:\n\
         [provider-files.md](../provider-files.md).\n\n\
         All of them are here, by the first letter of the name that is typed, also those that have ended.\n",
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
        rows.insert(provider.name.clone(), format!("{link} | {about} | {} | {} | {status}", provider.kind.title(), actions.join(", ")));
    }
    for gone in catalogue.all_gone() {
        let row = format!("{} | {} | | | ended {}, see below", cell(&gone.title), cell(&gone.about), gone.on);
        rows.insert(gone.name.clone(), row);
    }
    let initial = |name: &str| name.chars().next().map(|letter| letter.to_ascii_uppercase());
    let initials: BTreeSet<char> = rows.keys().filter_map(|name| initial(name)).collect();
    let links: Vec<String> = initials.iter().map(|letter| format!("[{letter}](#{})", letter.to_ascii_lowercase())).collect();
    write!(page, "\n{} · [ended](#ended)\n", links.join(" · ")).expect("text");
    let mut under = None;
    for (name, row) in rows {
        let letter = initial(&name);
        if under != letter {
            let heading = letter.map(String::from).unwrap_or_default();
            write!(page, "\n## {heading}\n\n| name | provider | what it is | protocol | actions | |\n|---|---|---|---|---|---|\n")
                .expect("text");
            under = letter;
        }
        writeln!(page, "| `{name}` | {row} |").expect("text");
    }
    page.push_str("\n## Ended\n\nNobody can log in to these any more; `keyfob login NAME` says the same.\n\n| provider | since | | in its place |\n|---|---|---|---|\n");
    for gone in catalogue.all_gone() {
        let successor = gone.successor.map(|successor| linked(&successor, catalogue)).unwrap_or_default();
        writeln!(page, "| {} (`{}`) | {} | {} | {successor} |", cell(&gone.title), gone.name, gone.on, cell(&gone.note)).expect("text");
    }
    page.push_str("\nThese have ended, too, and have files of what they were, which the sandbox plays. `keyfob login NAME` says so first.\n\n| provider | since | | in its place |\n|---|---|---|---|\n");
    for provider in catalogue.iter() {
        let Status::Retired { on, successor, note } = &provider.status else { continue };
        let successor = successor.as_ref().map(|successor| linked(successor, catalogue)).unwrap_or_default();
        let (title, name) = (cell(&provider.title), &provider.name);
        writeln!(page, "| [{title}]({name}.md) (`{name}`) | {on} | {} | {} |", cell(note), cell(&successor)).expect("text");
    }
    page
}

/// The same for a browser, with a field to search them. Without JavaScript it is a list.
fn searchable(catalogue: &Catalogue) -> String {
    let mut rows = BTreeMap::new();
    for provider in catalogue.iter() {
        let Provider { name, title, about, .. } = provider;
        let status = match &provider.status {
            Status::Retired { on, .. } => format!(" · ended {on}"),
            Status::Sandbox => " · sandbox".to_owned(),
            _ => String::new(),
        };
        let row = format!(
            "<li data-words=\"{}\"><p><a href=\"{name}.md\">{}</a> <code>{name}</code> · {}{status}</p><p>{}</p></li>\n",
            escaped(&provider.words()),
            escaped(title),
            provider.kind.title(),
            escaped(about)
        );
        rows.insert(name.clone(), row);
    }
    for gone in catalogue.all_gone() {
        let (title, about) = (escaped(&gone.title), escaped(&gone.about));
        let Gone { name, on, .. } = &gone;
        let words = escaped(&gone.words());
        let row = format!("<li data-words=\"{words}\"><p>{title} <code>{name}</code> · ended {on}</p><p>{about}</p></li>\n");
        rows.insert(gone.name.clone(), row);
    }
    include_str!("pages/index.html").replace("{rows}", &rows.into_values().collect::<String>())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// What took the place of one that has ended: a provider's page, or one elsewhere.
fn linked(successor: &str, catalogue: &Catalogue) -> String {
    match catalogue.get(successor) {
        Ok(provider) => format!("[{}]({}.md)", provider.title, provider.name),
        Err(_) => format!("<{successor}>"),
    }
}

/// Which checks of the file there are: `keyfob provider show` says the same, but for the one that all have.
fn checked(provider: &Provider) -> String {
    let client = provider.independent_client.iter().map(|client| format!(", by an independent client: {client}"));
    let live = provider.verified.as_ref().map_or_else(|| "; not verified live".to_owned(), |day| format!(", and verified live on {day}"));
    format!("Checked by an imitation made of this file{}{live}.", client.collect::<String>())
}

fn page(provider: &Provider, catalogue: &Catalogue) -> String {
    let mut page = format!("# {}\n\n{MADE}\n\n{}\n\n", provider.title, provider.about);
    if let Status::Retired { on, successor, note } = &provider.status {
        let successor = successor.as_ref().map(|successor| format!(" In its place: {}.", linked(successor, catalogue))).unwrap_or_default();
        write!(page, "**Retired on {on}.** {note}{successor}\n\n").expect("text");
    }
    write!(page, "Protocol: {}.", provider.kind.title()).expect("text");
    if let Some(url) = &provider.homepage {
        write!(page, " Home page: <{url}>.").expect("text");
    }
    write!(page, "\n\n{} [What that proves](../catalogue.md).", checked(provider)).expect("text");
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
        let default = field.default.as_ref().map(|default| format!("`{default}`, unless said otherwise"));
        let optional = (!field.required && default.is_none()).then(|| "may be left away".to_owned());
        let notes: Vec<String> = field.secret.then(|| "secret".to_owned()).into_iter().chain(optional).chain(default).collect();
        let notes = if notes.is_empty() { String::new() } else { format!(" ({})", notes.join(", ")) };
        let variables: Vec<String> = field.env.iter().map(|name| format!("`{name}`")).collect();
        writeln!(text, "| {} (`{}`){notes} | {} | {} |", cell(&field.label), field.name, cell(&field.help), variables.join(", "))
            .expect("text");
    }
    text
}

/// Whether there is something to call. Where calls would go to the issuer itself, and nobody knows of any, an ID token is all that a login is for.
fn has_api(provider: &Provider) -> bool {
    let settings = provider.settings(&|_| Some("x".to_owned()));
    let issuer = settings.ok().and_then(|settings| match settings.flow {
        Flow::OAuth2(flow) => flow.issuer,
        _ => None,
    });
    let api = provider.endpoints().into_iter().find(|(what, _)| *what == "api").map(|(_, url)| url);
    !provider.actions.is_empty() || issuer.is_none() || issuer != api
}

/// Keep the app, log in, and use it.
fn commands(provider: &Provider) -> String {
    let name = &provider.name;
    let used = match provider.overview().next() {
        Some(action) => format!("keyfob {name} {}\n", action.name),
        None if has_api(provider) => format!("keyfob get {name} /\n"),
        None => String::new(),
    };
    if provider.status == Status::Sandbox {
        return format!("keyfob sandbox &\nkeyfob --sandbox login {name}\nkeyfob --sandbox {}", used.trim_start_matches("keyfob "));
    }
    if provider.import.is_some() {
        return format!("keyfob app add {name}\nkeyfob import {name}\n{used}");
    }
    format!("keyfob app add {name}\nkeyfob login {name}\n{used}")
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

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
