//! `keyfob try`: a walk through the sandbox. For each provider: register an app, log in, call, let the token end, log out. No account, no
//! internet, and nothing stays behind.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use keyfob::proto::{App, Origin, Secret, Settings, TokenSet};
use keyfob::{HyperTransport, Keyfob, LoggedIn, LoginOptions, Session};
use keyfob_providers::{Action, Catalogue, Kind, ParameterKind, Provider, Status, Table, View};
use keyfob_sandbox::{Consent, Sandbox};
use keyfob_store::{KeySource, Vault};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::account;
use crate::again::Again;
use crate::browser;
use crate::card::{Card, Doing};
use crate::chart;
use crate::context::{self, Context};
use crate::exit::Exit;
use crate::output::{Output, hang};
use crate::perform::{perform, typed};
use crate::person::{self, Went};
use crate::prompt;
use crate::sheet;
use crate::sign_in::{Paste, SignIn, Told};
use crate::surroundings::Surroundings;
use crate::way::Way;

/// Rows of a table that are shown; the walk is long enough.
const ROWS: usize = 6;

/// A series begins so long ago.
const SERIES: i64 = 2 * 86_400;

// Which way to walk.
#[derive(Args, Debug)]
pub(crate) struct Try {
    /// One provider; all of them if left away
    provider: Option<String>,
    /// Click yes yourself, in the browser
    #[arg(long)]
    browser: bool,
}

pub(crate) async fn run(args: Try, context: &Context) -> Result<(), Card> {
    let began = Instant::now();
    let failed = |what: &str, error: &std::io::Error| {
        Card::io(
            format!("the walk could not begin: {what}"),
            error,
            "check the temporary folder (TMPDIR) and that ports of 127.0.0.1 can be opened",
        )
    };
    let consent = if args.browser { Consent::Ask } else { Consent::Approve };
    let sandbox = Sandbox::builder().consent(consent).start().await.map_err(|error| failed("the sandbox did not start", &error))?;
    // Removed when the walk ends, however it ends.
    let folder =
        tempfile::Builder::new().prefix("keyfob-try-").tempdir().map_err(|error| failed("there is no folder for the vault", &error))?;
    let path = folder.path().join(Vault::FILE_NAME);
    let vault = Vault::open(&path, KeySource::beside(&path)).doing("the walk could not begin: no vault could be made")?;
    let transport = context::transport()?;
    let keyfob = Keyfob::new(Arc::new(vault), Arc::new(transport.clone()));
    let providers = providers(&sandbox, args.provider.as_deref(), context).await?;
    let mut walk = Walk {
        out: context.out,
        keyfob,
        transport,
        sandbox,
        browser: args.browser,
        keep_from: context.secret_variables(),
        steps: vec![],
        ways: vec![],
        renewed: 0,
    };
    walk.say(&opening(&walk.out))?;
    for provider in &providers {
        walk.through(provider).await?;
    }
    walk.close(providers.len(), began, &folder)?;
    folder.close().map_err(|error| Card::io("the walk ended well, but its folder is still there", &error, "remove it by hand"))
}

/// Whom to visit: those that the sandbox plays and that exist, or existed, in the world.
async fn providers(sandbox: &Sandbox, only: Option<&str>, context: &Context) -> Result<Vec<Provider>, Card> {
    let apps = sandbox.apps();
    let is_played = |provider: &&Provider| apps.iter().any(|(name, _)| *name == provider.name);
    let catalogue = Catalogue::embedded();
    let Some(only) = only else {
        let real = |provider: &&Provider| provider.status != Status::Sandbox;
        return Ok(catalogue.iter().filter(is_played).filter(real).cloned().collect());
    };
    if let Some(provider) = catalogue.iter().filter(is_played).find(|provider| provider.name == only) {
        return Ok(vec![provider.clone()]);
    }
    let begin = if context.provider(only).await?.import.is_some() { "import" } else { "login" };
    let names: Vec<&str> = catalogue.iter().filter(is_played).map(|provider| provider.name.as_str()).collect();
    Err(Card::usage(
        format!("there is no walk through {only}"),
        format!("the sandbox plays, by itself, {}", names.join(", ")),
        format!(
            "what its file describes is played, too, in another terminal: keyfob sandbox --as {only}; then: keyfob --sandbox {begin} {only}"
        ),
    ))
}

/// What is needed on the way, and what was done.
struct Walk {
    out: Output,
    keyfob: Keyfob,
    transport: HyperTransport,
    sandbox: Sandbox,
    browser: bool,
    keep_from: Vec<String>,
    steps: Vec<Value>,
    /// The ways back from the provider that were shown already.
    ways: Vec<&'static str>,
    renewed: usize,
}

/// One provider on the way.
struct Stop<'a> {
    provider: &'a Provider,
    service: String,
    app: App,
    settings: Settings,
}

impl Walk {
    async fn through(&mut self, provider: &Provider) -> Result<(), Card> {
        let stop = self.stop(provider).await?;
        self.say(&heading(provider, &self.out))?;
        let name = provider.name.as_str();

        self.keyfob.store().put_app(name, &stop.app).await.doing(self.stopped("registering the app", name))?;
        self.step(name, "app", &format!("keyfob app add {name}"), "the app's keys are in the vault")?;

        let (logged_in, how) = self.log_in(&stop).await?;
        self.step(name, "login", &format!("keyfob login {name}{}", if how.pin { " --pin" } else { "" }), &how.told(&logged_in))?;

        let session =
            self.keyfob.session(stop.settings.clone(), stop.app.clone(), name).await.doing(self.stopped("using the account", name))?;
        let first = self.two_actions(&stop, &session).await?;
        self.let_the_token_end(&stop, &session, first).await?;
        drop(session);
        self.log_out(&stop).await
    }

    async fn stop<'a>(&self, provider: &'a Provider) -> Result<Stop<'a>, Card> {
        let demo = self.sandbox.app(&provider.name);
        let app = App {
            client_id: demo.client_id,
            client_secret: Some(demo.client_secret).filter(|secret| !secret.is_empty()).map(Secret::new),
            fields: demo.fields.into_iter().map(|(name, value)| (name, Secret::new(value))).collect(),
            ..App::default()
        };
        let origin = Origin::parse(&self.sandbox.origin(&demo.service));
        let moved = origin.map_or_else(|| provider.clone(), |origin| provider.at_origin(&origin));
        let stopped = || self.stopped("reading its file", &provider.name);
        let settings = self.keyfob.settings(&moved, &app).await.doing(stopped())?;
        Ok(Stop { provider, service: demo.service, app, settings })
    }

    async fn log_in(&mut self, stop: &Stop<'_>) -> Result<(LoggedIn, How), Card> {
        let name = &stop.provider.name;
        // A way that nobody has seen yet is worth showing; otherwise the most comfortable one.
        let pin = stop.provider.client.redirect.oob && !self.ways.contains(&"pin") && stop.provider.kind == Kind::OAuth1;
        let way = Way::choose(stop.provider, &stop.app, None, pin, true).await?;
        let how =
            How { listening_at: if let Way::Listen { uri, .. } = &way { Some(uri.clone()) } else { None }, pin: matches!(way, Way::Pin) };
        self.ways.push(how.name());
        let stopped = self.stopped("logging in", name);
        let sign_in = SignIn::begin(&self.keyfob, &stop.settings, &stop.app, name, way, LoginOptions::default())
            .await
            .map_err(|card| card.at(&stopped))?;
        let url = sign_in.url().to_owned();
        let out = self.out;
        let told = move |told: Told<'_>| {
            if let Told::Refused(why) = told {
                out.note(&format!("not that one: {why}"));
            }
        };
        if self.browser {
            self.out.note(&format!("    Say yes at {}", self.out.note_paint().accent(&url)));
            if browser::open(&url, &Surroundings::of_process(), &self.keep_from).is_err() {
                self.out.note(&self.out.note_paint().dim("    (no browser was opened: open it yourself)"));
            }
            if !how.pin && how.listening_at.is_none() {
                self.out.note("    then paste the address of the page that does not load:");
            } else if how.pin {
                self.out.note("    then type the PIN:");
            }
            let pasted = prompt::is_possible().then(prompt::lines).map(Paste::of_person);
            return Ok((sign_in.answered(pasted, told).await.map_err(|card| card.at(&stopped))?, how));
        }
        // Does what a browser does, with somebody in front of it who always says yes.
        let (paste, pasted) = mpsc::channel(1);
        let visit = async {
            match person::visit(&url, &self.transport).await? {
                Went::Back(address) if how.listening_at.is_some() => person::visit(&address, &self.transport).await.map(|_| ()),
                Went::Back(text) | Went::Pin(text) => {
                    let _ = paste.send(text).await;
                    Ok(())
                }
                Went::Nowhere(status) => Err(Card::new(Exit::Error, "the consent page", format!("it answered HTTP {status}"), "")),
            }
        };
        let answered = sign_in.answered(Some(Paste::of_person(pasted)), told);
        let logged_in = tokio::try_join!(answered, visit).map_err(|card| card.at(&stopped))?.0;
        Ok((logged_in, how))
    }

    /// Two of its actions; returns the first.
    async fn two_actions<'a>(&mut self, stop: &Stop<'a>, session: &Session) -> Result<&'a Action, Card> {
        let mut overview = stop.provider.overview();
        let nothing =
            || Card::new(Exit::Error, self.stopped("calling", &stop.provider.name), "its file has no action that needs no arguments", "");
        let first = overview.next().ok_or_else(nothing)?;
        let table = self.act(stop, session, first, BTreeMap::new()).await?;
        // What a row leads to, or else the next thing that can be asked.
        let links = table.rows.iter().flat_map(|row| &row.links);
        let linked = links
            .filter_map(|link| Some((stop.provider.action(&link.action).ok()?, link.arguments.clone())))
            .find(|(action, _)| !action.acts);
        if let Some((action, arguments)) = linked.or_else(|| overview.next().map(|action| (action, BTreeMap::new()))) {
            self.act(stop, session, action, arguments).await?;
        }
        Ok(first)
    }

    async fn act(
        &mut self,
        stop: &Stop<'_>,
        session: &Session,
        action: &Action,
        mut arguments: BTreeMap<String, String>,
    ) -> Result<Table, Card> {
        let begins = action.parameters.iter().find(|parameter| action.has_pages() && matches!(parameter.kind, ParameterKind::Time { .. }));
        if let Some(begins) = begins {
            arguments.entry(begins.name.clone()).or_insert_with(|| account::now().plus(-SERIES).as_unix().to_string());
        }
        let stopped = self.stopped(&action.about, &stop.provider.name);
        let performed =
            perform(session, stop.provider, action, arguments.clone(), Some(1), &self.out).await.map_err(|card| card.at(&stopped))?;
        let command = typed(Again::NOTHING, &stop.provider.name, action, &arguments);
        self.step(&stop.provider.name, "action", &command, &action.about)?;
        let shown = picture(&performed.table, &self.out);
        self.say(&indented(&shown))?;
        Ok(performed.table)
    }

    async fn let_the_token_end(&mut self, stop: &Stop<'_>, session: &Session, again: &Action) -> Result<(), Card> {
        let name = &stop.provider.name;
        let before = session.account().tokens;
        if before.refresh_token().is_none() {
            return self.remark(name, "its tokens do not end by themselves: nothing to renew");
        }
        self.sandbox.faults(&stop.service).expire_access_tokens();
        let stopped = self.stopped("renewing the token", name);
        perform(session, stop.provider, again, BTreeMap::new(), Some(1), &self.out).await.map_err(|card| card.at(&stopped))?;
        let after = session.account();
        if same_access(&before, &after.tokens) {
            return Err(Card::new(Exit::Error, stopped, "the token had ended, and was not renewed", "").at_the_end());
        }
        self.renewed += 1;
        let told = format!("the token had ended: renewed on the way, expires {}", account::expiry(&after, account::now()));
        self.step(name, "refresh", &typed(Again::NOTHING, name, again, &BTreeMap::new()), &told)
    }

    async fn log_out(&mut self, stop: &Stop<'_>) -> Result<(), Card> {
        let name = &stop.provider.name;
        let done = keyfob::logout(&self.keyfob, &stop.settings, &stop.app, name, true).await.doing(self.stopped("logging out", name))?;
        let (option, told) = match done.revoked {
            keyfob::Revoked::Yes => (" --revoke", "forgotten here, and its tokens by the provider, too"),
            keyfob::Revoked::Failed(error) => return Err(Card::of(self.stopped("revoking its tokens", name), &error)),
            _ => ("", "forgotten here; this provider has no way to be told"),
        };
        self.step(name, "logout", &format!("keyfob logout {name}{option}"), told)
    }

    /// A step: the command for it, and what came of it.
    fn step(&mut self, provider: &str, step: &str, command: &str, told: &str) -> Result<(), Card> {
        self.steps.push(json!({"provider": provider, "step": step, "command": command, "result": told}));
        let paint = self.out.paint();
        let width = Some(self.width());
        self.say(&format!(
            "  {} {}\n    {} {}",
            paint.dim("$"),
            paint.strong(&hang(command, 4, width)),
            paint.good("✓"),
            hang(told, 6, width)
        ))
    }

    fn remark(&mut self, provider: &str, told: &str) -> Result<(), Card> {
        self.steps.push(json!({"provider": provider, "step": "refresh", "command": Value::Null, "result": told}));
        self.say(&self.out.paint().dim(&format!("    {told}")))
    }

    fn close(&self, providers: usize, began: Instant, folder: &tempfile::TempDir) -> Result<(), Card> {
        let seconds = began.elapsed().as_secs_f64();
        if self.out.json {
            return self.out.json(&json!({"ok": true, "seconds": (seconds * 10.0).round() / 10.0, "steps": self.steps}));
        }
        let paint = self.out.paint();
        let counted = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        let done = format!("{}, {}, in {seconds:.1} s", counted(providers, "login"), counted(self.renewed, "renewed token"));
        let mut lines = vec![
            String::new(),
            format!(
                "{} {}",
                paint.good("✓"),
                hang(&format!("{done}; the vault in {} is removed again", folder.path().display()), 2, Some(self.width()))
            ),
            String::new(),
            "Now you:".to_owned(),
        ];
        for (command, what) in [
            ("keyfob sandbox", "the pretend providers, to play with"),
            ("keyfob provider list", "whom you can log in to"),
            ("keyfob login PROVIDER", "your own account, for real"),
        ] {
            lines.push(format!("  {}{what}", paint.strong(&format!("{command:<23}"))));
        }
        self.say(&lines.join("\n"))
    }

    fn say(&self, text: &str) -> Result<(), Card> {
        if self.out.json { Ok(()) } else { self.out.data(text) }
    }

    fn width(&self) -> usize {
        self.out.width().min(100)
    }

    fn stopped(&self, doing: &str, provider: &str) -> String {
        format!("the walk stopped at {provider}: {doing}")
    }
}

impl Card {
    /// Says where the walk stopped. Whatever it was, the walk has failed.
    fn at(self, stopped: &str) -> Self {
        self.saying(stopped).at_the_end()
    }

    fn at_the_end(self) -> Self {
        if self.exit == Exit::Ok {
            return self;
        }
        self.exiting(Exit::Error).advising("run it again with KEYFOB_LOG=debug to see each step; keyfob sandbox starts the providers alone")
    }
}

/// How the answer came back.
struct How {
    listening_at: Option<String>,
    pin: bool,
}

impl How {
    fn name(&self) -> &'static str {
        match (self.pin, &self.listening_at) {
            (true, _) => "pin",
            (false, Some(_)) => "callback",
            (false, None) => "paste",
        }
    }

    fn told(&self, logged_in: &LoggedIn) -> String {
        let came = match &self.listening_at {
            _ if self.pin => "the page showed a PIN, and it was typed in".to_owned(),
            Some(uri) => format!("the browser came back to {uri}"),
            None => "the address of the last page was pasted".to_owned(),
        };
        let tolerated: Vec<String> = logged_in.tolerated.iter().map(|deviation| format!("{deviation} ({})", deviation.section())).collect();
        let tolerated = if tolerated.is_empty() { String::new() } else { format!("; tolerated: {}", tolerated.join(", ")) };
        format!("{came}{tolerated}")
    }
}

fn same_access(a: &TokenSet, b: &TokenSet) -> bool {
    match (a, b) {
        (TokenSet::OAuth2(a), TokenSet::OAuth2(b)) => a.access.same_as(b.access.expose()),
        _ => true,
    }
}

fn opening(out: &Output) -> String {
    let paint = out.paint();
    format!(
        "{}\nReal OAuth with pretend providers on this machine: no account, no internet.",
        paint.strong("Keyfob: one key for every OAuth API")
    )
}

fn heading(provider: &Provider, out: &Output) -> String {
    let paint = out.paint();
    let protocol = match provider.kind {
        Kind::OAuth1 => "OAuth 1.0a",
        Kind::Oidc => "OpenID Connect",
        _ => "OAuth 2",
    };
    let right = match &provider.status {
        Status::Retired { on, .. } => format!("{protocol}, retired {on}"),
        _ => protocol.to_owned(),
    };
    let line = out.width().min(80).saturating_sub(provider.title.chars().count() + right.chars().count() + 2).max(3);
    format!("\n{} {} {}", paint.strong(&provider.title), paint.dim(&"─".repeat(line)), paint.dim(&right))
}

/// A table as it is, or cut short; a chart where it has one.
fn picture(table: &Table, out: &Output) -> String {
    let width = out.width().min(100).saturating_sub(6);
    if let Some(chart) = table.chart() {
        return chart::drawn(&chart, width.min(74), out.paint());
    }
    let mut short = sheet::without_empty_columns(table);
    if short.view == View::List {
        fit(&mut short, width);
    }
    let hidden = short.rows.len().saturating_sub(ROWS);
    short.rows.truncate(ROWS);
    let mut text = sheet::drawn(&short, width, out.paint());
    if hidden > 0 {
        text.push_str(&out.paint().dim(&format!("\n… and {hidden} more")));
    }
    text
}

/// Leaves away columns from the right, the one before the last first, until the rest fits on a line: the walk shows, it does not inform.
fn fit(table: &mut Table, width: usize) {
    while table.columns.len() > 2 && sheet::natural_width(table) > width {
        let at = table.columns.len() - 2;
        table.columns.remove(at);
        for row in &mut table.rows {
            row.cells.remove(at);
        }
    }
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("      {line}").trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}
