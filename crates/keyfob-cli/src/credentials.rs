//! The app: our registration with a provider. From an env-file, the vault, the environment, or the person; never from the command line.

use std::path::{Path, PathBuf};

use keyfob::proto::scrub::printable;
use keyfob::proto::{App, Secret};
use keyfob_broker::{ReadError, Variables};
use keyfob_providers::{Field, Provider, Status};

use crate::account::now;
use crate::card::{Card, Doing};
use crate::context::Context;
use crate::exit::Exit;
use crate::moment;
use crate::output::Output;
use crate::prompt;
use crate::signal::unless_stopped_reading_file;

/// How often a person may mistype one field.
const TRIES: usize = 3;

/// An app, and where it came from.
pub(crate) struct Given {
    /// The app.
    pub(crate) app: App,
    /// The scopes to ask for, where a field says so; empty: the provider's usual ones.
    pub(crate) scopes: Vec<String>,
    /// Where it came from.
    pub(crate) from: From,
}

/// Where an app came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum From {
    /// An env-file.
    EnvFile(PathBuf),
    /// The vault.
    Vault,
    /// Variables of the environment.
    Environment,
    /// The sandbox's demo app.
    Sandbox,
    /// The person, who was asked.
    Person,
}

/// Finds the app for a login: the env-file that was named, the vault, the environment, the sandbox's demo app, or the person.
/// `redirect` is the redirect URI that was named, to be told to whoever has to register one.
pub(crate) async fn find(context: &Context, provider: &Provider, file: Option<&Path>, redirect: Option<&str>) -> Result<Given, Card> {
    if let Some(file) = file {
        let mut fields = Fields::new(provider).coming_back_to(redirect);
        fields.read_file(file, &context.out)?;
        return fields.complete(context, From::EnvFile(file.to_owned())).await;
    }
    if let Some(keyfob) = context.keyfob_if_any().await?
        && let Some(app) = keyfob.store().app(&provider.name).await.doing("cannot read the vault")?
    {
        return Ok(Given { app, scopes: Vec::new(), from: From::Vault });
    }
    let mut fields = Fields::new(provider).coming_back_to(redirect);
    fields.read_environment()?;
    if fields.missing().is_empty() {
        return Ok(fields.given(From::Environment));
    }
    if let Some(app) = context.pretend().await?.and_then(|pretend| pretend.app(&provider.name)) {
        return Ok(Given { app, scopes: Vec::new(), from: From::Sandbox });
    }
    // Nobody registers an app where there is nobody any more.
    match has_ended(provider, context) {
        Some(Ended { told, note, instead }) => {
            let instead = instead.map(|instead| format!("{instead}; ")).unwrap_or_default();
            let old =
                format!("whoever has an app of its time, and wants to try it: keyfob app add {0}, then keyfob login {0}", provider.name);
            Err(Card::usage(told, note, format!("{instead}{old}")))
        }
        None if provider.status == Status::Sandbox && context.sandbox().is_none() => Err(Card::usage(
            format!("{} exists in the sandbox only", provider.title),
            "it is a pretend provider, and no sandbox is named",
            format!("keyfob sandbox, in another terminal; then: keyfob login {} --sandbox", provider.name),
        )),
        None => fields.complete(context, From::Person).await,
    }
}

/// That a provider has ended, and what there is to say of it.
pub(crate) struct Ended {
    pub(crate) told: String,
    pub(crate) note: String,
    /// What took its place, with the command where that is known here.
    pub(crate) instead: Option<String>,
}

/// `None` of a provider that is there, or whose end was announced and has not come.
pub(crate) fn has_ended(provider: &Provider, context: &Context) -> Option<Ended> {
    let Status::Retired { on, note, successor } = &provider.status else { return None };
    // Dates of this form are in the order of their letters.
    (*on <= moment::formatted(now(), "%Y-%m-%d")).then(|| Ended {
        told: format!("{} has ended, or was announced to end, on {on}", provider.title),
        note: note.clone(),
        instead: successor.as_deref().map(|successor| context.in_its_place(successor)),
    })
}

/// Where a provider is that is asked for without a sandbox and exists there alone: elsewhere nobody answers for it.
pub(crate) fn only_in_sandbox(provider: &Provider, context: &Context) -> Option<String> {
    let Provider { name, title, .. } = provider;
    (provider.status == Status::Sandbox && context.sandbox().is_none()).then(|| {
        format!("{title} exists in the sandbox only, which has apps and a vault of its own: keyfob --sandbox login {name}, while keyfob sandbox runs")
    })
}

/// The fields of a provider's app, being gathered.
pub(crate) struct Fields<'a> {
    provider: &'a Provider,
    app: App,
    scopes: Vec<String>,
    redirect: Option<String>,
}

impl<'a> Fields<'a> {
    /// None yet.
    pub(crate) fn new(provider: &'a Provider) -> Self {
        Self { provider, app: App::default(), scopes: Vec::new(), redirect: None }
    }

    /// With the redirect URI that was named.
    pub(crate) fn coming_back_to(self, redirect: Option<&str>) -> Self {
        Self { redirect: redirect.map(str::to_owned), ..self }
    }

    /// What is said so far is one registration's. Of what it says nothing of, that stays which is known, if it is the same one.
    pub(crate) fn beside(self, known: Option<&App>) -> Self {
        match known {
            Some(known) => Self { app: self.app.beside(known), ..self },
            None => self,
        }
    }

    /// The redirect URI that will be asked for, which is the one to register.
    fn redirect_uri(&self) -> Option<&str> {
        let suggested = self.provider.client.redirect.suggested.first();
        self.redirect.as_deref().or(self.app.redirect_uri.as_deref()).or(suggested.map(String::as_str))
    }

    /// Sets a field, if the value looks like one. `place` says where it was found.
    pub(crate) fn set(&mut self, field: &Field, value: &str, place: &str) -> Result<(), Card> {
        field.check(value).map_err(|wrong| {
            Card::usage(
                format!("this is no {} of {}", field.label, self.provider.title),
                format!("expected {}, but found {} {place}", wrong.expected, wrong.found),
                wrong.hint.unwrap_or_else(|| format!("keyfob provider show {} says where to find it", self.provider.name)),
            )
        })?;
        match field.name.as_str() {
            "scope" => self.scopes = value.split([' ', ',']).filter(|scope| !scope.is_empty()).map(str::to_owned).collect(),
            name => self.app.set(name, Secret::new(value)),
        }
        Ok(())
    }

    /// Takes what an env-file has. Other variables in it are somebody else's.
    pub(crate) fn read_file(&mut self, path: &Path, out: &Output) -> Result<(), Card> {
        let variables = variables(path)?;
        for note in variables.notes() {
            out.note(&format!("{} {}, {note}", out.note_paint().warn("note:"), printable(&path.display().to_string())));
        }
        let help = &self.provider.client;
        if help.fields.iter().all(|field| field.env.is_empty()) {
            return Err(Card::usage(
                format!("{} has nothing for {}", path.display(), self.provider.title),
                "the provider's file names no variable, so none of them is known to be its",
                format!(
                    "add env = [\"…\"] to the client.fields of {}, or leave --env-file away and enter what is asked",
                    self.provider.name
                ),
            ));
        }
        let mut taken = 0;
        for field in &help.fields {
            let Some((name, value)) = field.env.iter().find_map(|name| Some((name, variables.get(name)?))) else { continue };
            self.set(field, value.expose(), &format!("in {name}"))?;
            taken += 1;
        }
        if taken == 0 {
            return Err(Card::usage(
                format!("{} has nothing for {}", path.display(), self.provider.title),
                format!("expected {}", variables_of(&help.fields.iter().collect::<Vec<_>>())),
                format!("keyfob provider show {} lists the names", self.provider.name),
            ));
        }
        Ok(())
    }

    /// Takes what the environment has: the provider was named, so its generic names count.
    pub(crate) fn read_environment(&mut self) -> Result<(), Card> {
        for field in &self.provider.client.fields {
            let found = field.env.iter().find_map(|name| Some((name, std::env::var(name).ok().filter(|value| !value.is_empty())?)));
            if let Some((name, value)) = found {
                self.set(field, &value, &format!("in the variable {name}"))?;
            }
        }
        Ok(())
    }

    /// The fields that an app is of no use without, and that are not there yet.
    pub(crate) fn missing(&self) -> Vec<&'a Field> {
        let has = |field: &Field| field.name == "scope" && !self.scopes.is_empty() || self.app.field(&field.name).is_some();
        self.provider.client.fields.iter().filter(|field| field.required && !has(field)).collect()
    }

    /// Asks the person for what is missing; if there is nobody to ask, says what it is and where to get it.
    pub(crate) async fn complete(mut self, context: &Context, from: From) -> Result<Given, Card> {
        let missing = self.missing();
        if missing.is_empty() {
            return Ok(self.given(from));
        }
        if !prompt::is_possible() {
            let card = self.card(&missing);
            return Err(if context.sandbox().is_some() { self.at_sandbox(card, &missing) } else { card });
        }
        self.introduce(context);
        // Somebody types anyway, and an app that has a secret does nothing without it: that it may be missing is theirs to say, and so is what is nearly
        // always the same.
        let provider = self.provider;
        let is_missing = |field: &Field| missing.iter().any(|other| other.name == field.name);
        for field in provider.client.fields.iter().filter(|field| is_missing(field) || self.may_have(field)).collect::<Vec<_>>() {
            self.ask(context, field).await?;
        }
        Ok(self.given(From::Person))
    }

    /// Whether it is a secret that some apps have, or has a default, and was not said.
    fn may_have(&self, field: &Field) -> bool {
        (field.secret || field.default.is_some()) && !field.required && self.app.field(&field.name).is_none()
    }

    fn given(self, from: From) -> Given {
        Given { app: self.app, scopes: self.scopes, from }
    }

    async fn ask(&mut self, context: &Context, field: &Field) -> Result<(), Card> {
        for tries_left in (0..TRIES).rev() {
            let none = match &field.default {
                Some(default) => format!("Enter for {default}"),
                None if field.required => String::new(),
                None => "Enter if there is none".to_owned(),
            };
            let help = [field.help.as_str(), &none].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ");
            let help = if help.is_empty() { help } else { format!(" ({help})") };
            let question = format!("{}{help}: ", field.label);
            let said = if field.secret { prompt::hidden(question).await? } else { Secret::new(prompt::line(question).await?) };
            if said.is_empty() && !field.required {
                return Ok(());
            }
            match self.set(field, said.expose(), "") {
                Err(card) if tries_left > 0 => {
                    context.out.note(&card.text(context.out.note_paint(), context.out.note_width()).unwrap_or_default())
                }
                other => return other,
            }
        }
        Ok(())
    }

    fn introduce(&self, context: &Context) {
        let help = &self.provider.client;
        let paint = context.out.note_paint();
        if context.sandbox().is_some() {
            let name = &self.provider.name;
            return context.out.note(&format!(
                "At the sandbox nothing is registered: without an app of yours keyfob login {name} uses its demo app, whose keys keyfob sandbox prints."
            ));
        }
        let mut lines = vec![format!("{} needs an app of yours: your program's own registration with it.", self.provider.title)];
        if let Some(url) = &help.register_url {
            lines.push(format!("  register it at   {}", paint.accent(url)));
        }
        if !help.register_help.is_empty() {
            lines.push(format!("  {}", crate::output::hang(&help.register_help, 2, context.out.note_width())));
        }
        if let Some(uri) = self.redirect_uri() {
            lines.push(format!("  redirect URI     {}", paint.strong(uri)));
        }
        context.out.note(&lines.join("\n"));
    }

    /// Nothing is registered with who only pretends.
    fn at_sandbox(&self, card: Card, missing: &[&Field]) -> Card {
        let why = "at the sandbox nothing is registered: a login uses its demo app, whose keys keyfob sandbox prints, unless the vault has another";
        let name = &self.provider.name;
        let next = match variables_of(missing) {
            variables if variables.is_empty() => format!("keyfob login {name} needs no app of yours"),
            variables => format!("keyfob login {name} needs no app of yours; to keep one, --env-file FILE with {variables}"),
        };
        Card::new(Exit::Usage, card.what(), why, next)
    }

    fn card(&self, missing: &[&Field]) -> Card {
        let help = &self.provider.client;
        let labels: Vec<String> = missing.iter().map(|field| format!("{} ({})", field.label, field.name)).collect();
        let are = if labels.len() == 1 { "is" } else { "are" };
        // What is said of a field is no sentence: it stands behind the field's name.
        let mut why: Vec<String> = Vec::new();
        match (&help.register_url, self.redirect_uri()) {
            (Some(url), Some(uri)) => why.push(format!("an app is registered at {url}, with the redirect URI {uri}")),
            (Some(url), None) => why.push(format!("an app is registered at {url}")),
            (None, Some(uri)) => why.push(format!("the redirect URI to register is {uri}")),
            (None, None) => {}
        }
        let helped = missing.iter().filter(|field| !field.help.is_empty());
        why.extend(helped.map(|field| format!("{}: {}", field.label, field.help.trim().trim_end_matches('.'))));
        if why.is_empty() {
            why.push("nothing is known of where one is registered".to_owned());
        }
        let name = &self.provider.name;
        let in_file = match variables_of(missing) {
            variables if variables.is_empty() => String::new(),
            variables => format!(", or --env-file FILE with {variables}"),
        };
        Card::new(
            Exit::Usage,
            format!("{} needs an app of yours, and its {} {are} missing", self.provider.title, listed(&labels)),
            why.join("; "),
            format!("keyfob app add {name}, at a terminal, asks for what is missing{in_file}"),
        )
    }
}

/// The variables of an env-file. What is wrong with a line is told without the line, which may be a secret.
pub(crate) fn variables(path: &Path) -> Result<Variables, Card> {
    let shown = path.display();
    let read = unless_stopped_reading_file(path, Variables::read)?;
    read.map_err(|error| match error {
        ReadError::Line(line) => Card::usage(
            format!("{shown}:{}:1: this line is no NAME=value", line.line),
            line.to_string(),
            "an env-file is read as containers read it: split at the first =, nothing unquoted; # begins a comment",
        ),
        other => Card::usage(format!("cannot read {shown}"), other.to_string(), "check the name and who may read the file"),
    })
}

/// The variables that fill fields: `CONSUMER_KEY=… CONSUMER_SECRET=…`.
fn variables_of(fields: &[&Field]) -> String {
    let names: Vec<String> = fields.iter().filter_map(|field| field.env.first()).map(|name| format!("{name}=…")).collect();
    names.join(" ")
}

/// `a`, `a and b`, `a, b and c`.
fn listed(all: &[String]) -> String {
    match all.split_last() {
        Some((last, before)) if !before.is_empty() => format!("{} and {last}", before.join(", ")),
        _ => all.concat(),
    }
}
