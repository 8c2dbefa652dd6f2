//! `keyfob login`: from "who?" to an account in the vault.

mod asks;
mod device;
mod granted;

use std::path::PathBuf;

use clap::Args;
use keyfob::proto::oauth2::AccessRequest;
use keyfob::proto::{App, Deviation, Error as ProtoError, Flow, Settings, TokenSet};
use keyfob::{Account, DeviceLogin, Error, Grant, LoggedIn, login};
use keyfob_providers::{Kind, Provider};
use serde_json::json;

use self::asks::Asks;
use self::granted::Asked;
use crate::account::{self, expiry};
use crate::browser::{self, NotOpened};
use crate::card::{Card, Doing};
use crate::context::Context;
use crate::credentials::{self, From, Given};
use crate::ended;
use crate::exit::Exit;
use crate::name::Name;
use crate::prompt;
use crate::refusals;
use crate::sheet;
use crate::sign_in::{Paste, SignIn, Told};
use crate::surroundings::{Advice, Surroundings};
use crate::verb::import::{self, Import};
use crate::way::Way;
use crate::wire::Step;

// What to log in to, and how.
#[derive(Args, Debug)]
pub(crate) struct Login {
    /// The provider, or PROVIDER/LABEL where there are several accounts
    #[arg(add = clap_complete::engine::ArgValueCandidates::new(crate::complete::providers))]
    name: String,
    /// Enter a code on another device instead of opening a browser here (RFC 8628). By itself where no browser opens (SSH, no display) and the
    /// provider has it; --no-browser is the way without
    #[arg(long, group = "other")]
    device: bool,
    /// An account of the app itself, without a person; renewed by the app's own keys (RFC 6749 §4.4). Asks for the scopes of --scope, and for none without
    #[arg(long, group = "other")]
    client_credentials: bool,
    /// An account made of another one's token: for less, or for elsewhere (RFC 8693)
    #[arg(long, group = "other", value_name = "ACCOUNT", add = clap_complete::engine::ArgValueCandidates::new(crate::complete::accounts))]
    exchange: Option<String>,
    /// With --client-credentials or --exchange: what the token is for (RFC 8707); may be given several times
    #[arg(long = "resource", value_name = "URI", requires = "other", conflicts_with = "device")]
    resources: Vec<String>,
    /// Do not open a browser; print the address only
    #[arg(long, conflicts_with = "other")]
    no_browser: bool,
    /// Have the page show a PIN to type here (OAuth 1)
    #[arg(long, conflicts_with_all = ["redirect_uri", "other"])]
    pin: bool,
    /// A scope to ask for, instead of the provider's usual ones; may be given several times
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// Ask for what was asked for before, and for this scope, too; may be given several times
    #[arg(long = "add-scope", value_name = "SCOPE", conflicts_with = "scopes")]
    more_scopes: Vec<String>,
    #[command(flatten)]
    asks: Asks,
    /// Take a token that was made elsewhere from stdin, alone or as JSON, as `import` does
    #[arg(long, conflicts_with_all = ["other", "no_browser", "pin", "paste", "redirect_uri", "scopes", "more_scopes"])]
    with_token: bool,
    /// Take the app's keys from a file of NAME=value lines
    #[arg(long, value_name = "FILE")]
    env_file: Option<PathBuf>,
    /// The redirect URI that you registered, if it is not the suggested one
    #[arg(long, value_name = "URI", conflicts_with = "other")]
    redirect_uri: Option<String>,
    /// Read the answer (the address the browser ended up at, a code, a PIN) from stdin, also where that is no terminal
    #[arg(long, conflicts_with = "other")]
    paste: bool,
    #[command(flatten)]
    refused: crate::verb::RefusedSecrets,
}

impl Login {
    /// The option that was given and that OAuth 1 has nothing like.
    fn of_oauth2(&self) -> Option<&'static str> {
        let options =
            [("--device", self.device), ("--client-credentials", self.client_credentials), ("--exchange", self.exchange.is_some())];
        options.into_iter().find_map(|(option, given)| given.then_some(option))
    }
}

pub(crate) async fn run(args: Login, context: &Context) -> Result<(), Card> {
    args.refused.check()?;
    if args.with_token {
        return import::run(Import::of_stdin(args.name, args.env_file), context).await;
    }
    let name = Name::parse(&args.name)?;
    let provider = context.provider(&name.provider).await?;
    let name = name.checked_for_login()?;
    if let Some(import) = provider.import.as_ref().filter(|_| !args.device && !args.client_credentials && args.exchange.is_none()) {
        return Err(made_elsewhere(&provider, import, &name.to_string()));
    }
    if let Some(option) = args.of_oauth2().filter(|_| provider.kind == Kind::OAuth1) {
        let why = format!("{} speaks OAuth 1, and {option} is OAuth 2's", provider.title);
        return Err(Card::usage(cannot(&name.to_string()), why, format!("keyfob login {name}")));
    }
    has_room(&name, context)?;
    let given = credentials::find(context, &provider, args.env_file.as_deref(), args.redirect_uri.as_deref()).await?;
    // Before anybody is asked for anything, or anything is sent.
    if let Some(ended) = credentials::has_ended(&provider, context) {
        let instead = ended.instead.map(|instead| format!(" ({instead})")).unwrap_or_default();
        let told = format!("{}: {}{instead}", context.out.note_paint().warn(&ended.told), ended.note);
        context.out.note(&crate::output::hang(&told, 0, context.out.note_width()));
    }
    if let Some(told) = credentials::only_in_sandbox(&provider, context) {
        context.out.note(&format!("{} {told}", context.out.note_paint().warn("note:")));
    }
    if given.from == From::Person && context.app(&provider.name).await?.is_none() {
        // Typed once: whatever becomes of this login, nobody is asked again.
        keep_app(context, &provider, &given, None).await?;
        let note = format!("(the app is kept in the vault; in its place another: keyfob app add {})", provider.name);
        context.out.note(&context.out.note_paint().dim(&note));
    }
    let app = &given.app;
    let before = context.replaced_by_login(&name.to_string()).await?;
    let account = before.as_ref().map_or_else(|| name.to_string(), |account| account.name.clone());
    let settings = context.settings(&provider, app, &cannot(&account)).await?;
    let scopes = if !args.more_scopes.is_empty() {
        with_more(&context.account(&account).await?, &split(&args.more_scopes))
    } else if !args.scopes.is_empty() {
        split(&args.scopes)
    } else if let (true, Some(before)) = (given.scopes.is_empty(), before.filter(|before| before.provider == provider.name)) {
        // Whoever logs in again wants what the account may do, and not what another one would.
        before.requested_scopes
    } else {
        given.scopes.clone()
    };
    let logged_in = if matches!(&settings.flow, Flow::OAuth1(flow) if flow.one_legged) {
        if args.asks.is_some() {
            let why = "the app's keys alone sign its calls, and nobody signs in there";
            return Err(Card::usage(cannot(&account), why, "leave away what was asked of a sign-in"));
        }
        login::one_legged(context.keyfob().await?, &settings, app, &account).await.doing(cannot(&account))?
    } else if let Some(login) = on_device(&args, &provider, &settings, app, &account, &scopes, context).await? {
        device::wait(login, &provider, &account, context).await?
    } else if args.client_credentials || args.exchange.is_some() {
        let access = AccessRequest { scopes, resources: args.resources.clone(), ..AccessRequest::default() };
        let asked = Asked { settings: &settings, app, account: &account, access };
        match &args.exchange {
            Some(from) => asked.by_exchange(from, context).await?,
            None => asked.by_client_credentials(context).await?,
        }
    } else {
        by_browser(&args, &provider, &settings, &given, &account, scopes, context).await?
    };
    keep_app(context, &provider, &given, args.redirect_uri).await?;
    refusals::forget(&logged_in.account, context).await;
    report(context, &provider, &logged_in).await
}

/// Nobody is sent anywhere: tokens are made at the provider, and brought.
fn made_elsewhere(provider: &Provider, import: &keyfob_providers::Import, name: &str) -> Card {
    let at = import.url.as_ref().map(|url| format!(" ({url})")).unwrap_or_default();
    Card::usage(
        format!("there is no login at {} that could begin here", provider.title),
        format!("its tokens are made elsewhere. {}{at}", import.help),
        format!("bring them: keyfob import {name} asks for them, and keyfob login {name} --with-token takes them from stdin"),
    )
}

/// A login on another device, where that was asked for, or the provider sends nobody back; or where no browser opens here, nobody said how else, and the provider has that way. What was
/// not asked for and is refused (an app may have to be allowed that grant) is gone over: there is the browser's way, with an address to paste.
async fn on_device(
    args: &Login,
    provider: &Provider,
    settings: &Settings,
    app: &App,
    account: &str,
    scopes: &[String],
    context: &Context,
) -> Result<Option<DeviceLogin>, Card> {
    let asked_otherwise =
        args.client_credentials || args.exchange.is_some() || args.no_browser || args.pin || args.paste || args.asks.is_some();
    // The file says so, or an issuer of itself.
    let no_way_back = provider.client.redirect.device_only || matches!(&settings.flow, Flow::OAuth2(flow) if flow.is_device_only());
    let is_the_only_way = no_way_back && !args.client_credentials && args.exchange.is_none();
    if is_the_only_way && (args.paste || args.pin || args.redirect_uri.is_some() || args.asks.is_some()) {
        let why = format!(
            "{} sends nobody back with an answer: people log in there on another device (RFC 8628), by a code that they enter on its page",
            provider.title
        );
        return Err(Card::usage(cannot(account), why, format!("keyfob login {account} shows the code, and waits")));
    }
    let device = args.device || is_the_only_way;
    let has_it = matches!(&settings.flow, Flow::OAuth2(flow) if flow.device_authorization.is_some());
    let no_browser = Surroundings::of_process().no_browser().filter(|_| has_it && !asked_otherwise && args.redirect_uri.is_none());
    if !device && no_browser.is_none() {
        return Ok(None);
    }
    let begun = DeviceLogin::begin(context.keyfob().await?, settings, app, account, scopes.to_vec()).await;
    let note = |words: String| context.out.note(&context.out.note_paint().dim(&words));
    match (begun, no_browser) {
        (Ok(login), Some(why)) if !device => {
            note(format!("(by a code, because no browser opens here: {why}; another way: --no-browser)"));
            Ok(Some(login))
        }
        (Err(Error::Protocol(error @ (ProtoError::Refused(_) | ProtoError::Misbehaved(_)))), _) if !device => {
            note(format!("(not by a code: {error})"));
            Ok(None)
        }
        (begun, _) => begun.map(Some).doing(cannot(account)),
    }
}

/// The person says yes in a browser, here or elsewhere, and the answer comes back by callback or paste.
async fn by_browser(
    args: &Login,
    provider: &Provider,
    settings: &Settings,
    given: &Given,
    account: &str,
    scopes: Vec<String>,
    context: &Context,
) -> Result<LoggedIn, Card> {
    let app = &given.app;
    let way = Way::choose(provider, app, args.redirect_uri.as_deref(), args.pin, context.sandbox().is_some()).await?;
    let prompts = prompt::is_possible();
    if !args.paste && !prompts && !matches!(way, Way::Listen { .. }) {
        return Err(nobody_answers(account));
    }
    let keyfob = context.keyfob().await?;
    let how = How::of(&way, prompts, args.paste);
    let to_register = way.registered().map(str::to_owned);
    let sign_in = SignIn::begin(keyfob, settings, app, account, way, args.asks.beside(scopes)).await?;
    if let Some(heard) = context.heard() {
        heard.keep(Step::SentAway(sign_in.url().to_owned()));
    }
    let here = Surroundings::of_process();
    introduce(context, provider, account, &how, &here, sign_in.url());
    if let Some(uri) = to_register.filter(|_| !matches!(given.from, From::Vault | From::Sandbox)) {
        let words = format!("A new app: its registration with {} has to have this redirect URI, to the letter: {uri}", provider.title);
        context.out.note(&crate::output::hang(&words, 0, context.out.note_width()));
    }
    if !args.no_browser {
        open(context, &here, sign_in.url());
    }
    let paste = match (prompts, args.paste) {
        (true, _) => Some(Paste::of_person(prompt::lines())),
        (false, true) => Some(Paste::of_pipe(prompt::lines())),
        (false, false) => None,
    };
    let ask = || {
        if prompts {
            context.out.ask(how.question());
        }
    };
    ask();
    let told = |told: Told<'_>| {
        const LABEL: &str = "not that one:";
        match told {
            Told::Taken(kind) => context.out.note(&context.out.note_paint().dim(&format!("({kind})"))),
            Told::Refused(why) => {
                let why = crate::output::hang(why, LABEL.len() + 1, context.out.note_width());
                context.out.note(&format!("{} {why}", context.out.note_paint().warn(LABEL)));
                ask();
            }
        }
    };
    sign_in.answered(paste, told).await
}

/// How the answer comes back, for the words around it.
struct How {
    listening_at: Option<(String, u16)>,
    pin: bool,
    prompts: bool,
}

impl How {
    fn of(way: &Way, prompts: bool, paste: bool) -> Self {
        let listening_at = match way {
            Way::Listen { listener, uri, .. } => Some((uri.clone(), listener.address().port())),
            Way::Paste(_) | Way::Pin => None,
        };
        Self { listening_at, pin: matches!(way, Way::Pin), prompts: prompts || paste }
    }

    fn question(&self) -> &'static str {
        match (&self.listening_at, self.pin) {
            (_, true) => "PIN:",
            (Some(_), _) => "or paste the address here:",
            (None, _) => "paste the address here:",
        }
    }
}

/// Nobody is sent to a consent page whose tokens the disk cannot take: they would be lost, and good all the same.
fn has_room(name: &Name, context: &Context) -> Result<(), Card> {
    match context.vault().room() {
        Some(left) if left < crate::vault::LEAST_ROOM => Err(Card::new(
            Exit::Vault,
            cannot(&name.to_string()),
            format!("{} KiB are left on the disk of the vault {}: its tokens could not be kept", left / 1024, context.vault().shown()),
            "make room on the disk; what the vault has is as it was",
        )),
        _ => Ok(()),
    }
}

fn introduce(context: &Context, provider: &Provider, account: &str, how: &How, here: &Surroundings, url: &str) {
    let paint = context.out.note_paint();
    let width = context.out.note_width();
    let mut lines = vec![format!("Log in to {} as {}", paint.strong(&provider.title), paint.strong(account))];
    lines.extend([
        String::new(),
        "Open this page and say yes:".to_owned(),
        String::new(),
        format!("  {}", paint.accent(url)),
        String::new(),
    ]);
    match (&how.listening_at, how.pin) {
        (_, true) => lines.push("The page then shows a PIN.".to_owned()),
        (Some((uri, port)), _) => {
            lines.push(format!("Waiting for the browser at {uri} (5 minutes)."));
            for advice in here.way_to(*port) {
                match advice {
                    Advice::Words(words) => lines.push(crate::output::hang(&words, 0, width)),
                    Advice::Command(command) => lines.extend([String::new(), format!("  {}", paint.strong(&command)), String::new()]),
                }
            }
            if how.prompts {
                lines.push(crate::output::hang(
                    "If it runs on another machine, its last page will not load: the address of that page is the answer.",
                    0,
                    width,
                ));
            }
        }
        (None, _) => lines.push(crate::output::hang(
            "The browser will end up at a page that does not load: the address of that page is the answer.",
            0,
            width,
        )),
    }
    context.out.note_with(&lines.join("\n"), [("open".to_owned(), url.into())].into_iter().collect());
}

/// Opening a browser is a courtesy: the address is there in any case.
fn open(context: &Context, here: &Surroundings, url: &str) {
    let keep_from = context.secret_variables();
    let why = match browser::open(url, here, &keep_from) {
        Ok(()) => return,
        Err(NotOpened::Nowhere(why)) => why,
        Err(NotOpened::Unfit) => "its address is none that other programs are given".to_owned(),
        Err(NotOpened::Failed(why)) => why,
    };
    context.out.note(&context.out.note_paint().dim(&format!("(no browser was opened: {why})")));
}

/// Keeps the app that worked. The vault's own is there already, and the sandbox's is the sandbox's.
async fn keep_app(context: &Context, provider: &Provider, given: &Given, redirect_uri: Option<String>) -> Result<(), Card> {
    if matches!(given.from, From::Vault | From::Sandbox) {
        return Ok(());
    }
    let mut app = given.app.clone();
    app.redirect_uri = redirect_uri.or(app.redirect_uri);
    context.keyfob().await?.store().put_app(&provider.name, &app).await.doing("logged in, but cannot keep the app in the vault")
}

async fn report(context: &Context, provider: &Provider, logged_in: &LoggedIn) -> Result<(), Card> {
    let account = &logged_in.account;
    let ended_keys = match &logged_in.ended {
        Some(login) => Some(ended::keys_of(login, context).await?),
        None => None,
    };
    let lacking = provider.tell_lacking(&logged_in.account.kept, &logged_in.members);
    let tell_of_lacking =
        || lacking.iter().for_each(|told| context.out.note(&format!("{} {told}", context.out.note_paint().warn("note:"))));
    if context.out.json {
        tell_of_lacking();
        let mut described = account::json(account, context);
        described["replaced"] = json!(logged_in.replaced);
        if let Some(keys) = ended_keys {
            described["ended_keys"] = json!(keys);
        }
        return context.out.json(&described);
    }
    let paint = context.out.note_paint();
    let mut lines: Vec<(&str, String)> = Vec::new();
    if let Some(scopes) = account::scopes(account) {
        lines.push(("scopes", scopes));
    }
    lines.push(("expires", expiry(account, crate::account::now())));
    for deviation in &logged_in.tolerated {
        lines.push(("tolerated", tolerated(provider, *deviation)));
    }
    lines.push(("kept in", context.vault().shown()));
    // What a provider shows first is mostly about a person, who has no part in an account of the app itself.
    let is_imitated = context.pretend().await?.is_some_and(|pretend| pretend.is_imitated(&provider.name));
    match provider.overview().next().filter(|_| matches!(account.grant, Grant::Approval | Grant::Exchanged(_) | Grant::OneLegged)) {
        _ if is_imitated => lines.push(("next", context.out.again.command(&format!("get {} /", account.name)))),
        Some(action) => lines.push(("next", context.out.again.command(&format!("{} {}", account.name, action.name)))),
        None => lines.push(("next", context.out.again.command(&format!("get {} PATH", account.name)))),
    }
    let again = if logged_in.replaced { "logged in again" } else { "logged in" };
    context.out.note(&format!("\n{} {} {again}", paint.good("✓"), paint.strong(&account.name)));
    let pairs: Vec<(String, String)> = lines.into_iter().map(|(name, value)| (format!("  {name}"), value)).collect();
    context.out.note(&sheet::pairs(&pairs, context.out.note_width(), paint));
    if let Some(keys) = ended_keys {
        context.out.note(&format!("{} {}", paint.warn("note:"), ended::told(keys)));
    }
    tell_of_lacking();
    Ok(())
}

fn tolerated(provider: &Provider, deviation: Deviation) -> String {
    let reason = provider.deviations.iter().find(|(known, _)| *known == deviation).map(|(_, reason)| format!(": {reason}"));
    format!("{deviation} ({}){}", deviation.section(), reason.unwrap_or_default())
}

fn cannot(account: &str) -> String {
    format!("cannot log in to {account}")
}

fn nobody_answers(account: &str) -> Card {
    Card::new(
        Exit::Usage,
        cannot(account),
        "the answer has to be pasted, and nobody is at the terminal",
        format!("run it in a terminal, or pipe the answer in: keyfob login {account} --paste"),
    )
}

/// What the account has or asked for, and more (RFC 6749 §3.3: a login asks for all it wants, not for what is new).
fn with_more(account: &Account, more: &[String]) -> Vec<String> {
    let granted = match &account.tokens {
        TokenSet::OAuth2(tokens) => tokens.scopes.clone(),
        _ => Vec::new(),
    };
    let mut all: Vec<String> = Vec::new();
    for scope in account.requested_scopes.iter().chain(&granted).chain(more) {
        if !all.contains(scope) {
            all.push(scope.clone());
        }
    }
    all
}

/// `--scope "a b" --scope c,d` is four scopes.
fn split(scopes: &[String]) -> Vec<String> {
    scopes.iter().flat_map(|scopes| scopes.split([' ', ','])).filter(|scope| !scope.is_empty()).map(str::to_owned).collect()
}
