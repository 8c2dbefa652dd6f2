//! `keyfob trace`: a login or a call as a page that shows what went over the line, to be read, kept or sent to somebody. It shows what it knows to be
//! harmless and nothing else, so that nobody has to look through it first.

mod drawing;
mod page;
mod room;
mod section;
mod shown;
mod threads;

use std::ffi::OsString;
use std::path::PathBuf;
use std::pin::Pin;

use clap::Args;
use http::Method;
use keyfob::proto::Secret;

use self::room::Room;
use crate::card::{Card, Doing};
use crate::cli::{Cli, Verb};
use crate::context::Context;
use crate::signal;
use crate::usage;
use crate::verb::{call, r#do, login, refresh};
use crate::wire::Heard;

// What to trace, and where to.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Trace {
    /// The page; - is stdout, where then nothing else goes
    #[arg(long, value_name = "FILE")]
    html: PathBuf,
    /// Write over a file that is there
    #[arg(long)]
    force: bool,
    /// The command, as it is typed otherwise
    #[arg(value_name = "LOGIN-OR-CALL", required = true, trailing_var_arg = true, allow_hyphen_values = true, add = clap_complete::engine::ArgValueCompleter::new(crate::complete::traced))]
    words: Vec<String>,
    /// The command, read.
    #[arg(skip)]
    pub(crate) verb: Option<Box<Verb>>,
}

const EXAMPLES: &str = "\
Examples:
  keyfob trace --html login.html login netatmo
  keyfob trace --html call.html get telldus /json/devices/list";

impl Trace {
    /// The words as a command line of their own.
    pub(crate) fn read(&self) -> Cli {
        usage::read(std::iter::once("keyfob").chain(self.words.iter().map(String::as_str)).map(OsString::from))
    }

    /// What it is about, without what a call carries: that may be anybody's business.
    fn title(&self) -> String {
        let named = self.words.iter().take(2).take_while(|word| !word.starts_with('-'));
        named.map(String::as_str).collect::<Vec<_>>().join(" ")
    }
}

pub(crate) async fn run(mut args: Trace, context: &Context) -> Result<(), Card> {
    // Before the vault is opened: the transport is made with it.
    context.listen_in(Heard::whole());
    let secrets = secrets(context).await?;
    let Some(verb) = args.verb.take().map(|verb| *verb) else { return Err(nothing_to_trace()) };
    let taken = taken(&verb, context);
    let work: Pin<Box<dyn Future<Output = Result<(), Card>>>> = match verb {
        Verb::Login(args) => Box::pin(login::run(args, context)),
        Verb::Get(args) => Box::pin(call::run(Method::GET, args, context)),
        Verb::Post(args) => Box::pin(call::run(Method::POST, args, context)),
        Verb::Put(args) => Box::pin(call::run(Method::PUT, args, context)),
        Verb::Patch(args) => Box::pin(call::run(Method::PATCH, args, context)),
        Verb::Delete(args) => Box::pin(call::run(Method::DELETE, args, context)),
        Verb::Request(args) => Box::pin(args.run(context)),
        Verb::Refresh(args) => Box::pin(refresh::run(args, context)),
        Verb::Do(args) => Box::pin(r#do::run(args, context)),
        _ => return Err(nothing_to_trace()),
    };
    let room = Room::at(args.html.clone(), args.force)?;
    if taken.iter().any(|place| room.is_at(place)) {
        let what = format!("cannot write the page to {}", args.html.display());
        let next = "name another file for one of them: --html FILE, or -o FILE of a call";
        return Err(Card::usage(what, "what the command says goes there, too, and nothing was sent", next));
    }
    // Stopped here, and not around it: of a login that hangs one wants to see where.
    let done = signal::unless_stopped(work).await;
    // What went wrong is worth a page, too.
    match (done, write(&args, room, secrets, context).await) {
        (Err(card), Err(trouble)) => {
            context.out.note(&format!("{}: {}", trouble.what(), trouble.why()));
            Err(card)
        }
        (done, written) => done.and(written),
    }
}

async fn write(args: &Trace, room: Room, mut secrets: Vec<Secret>, context: &Context) -> Result<(), Card> {
    // Tokens may be new: the old and the new ones are masked.
    secrets.extend(self::secrets(context).await?);
    let steps = context.heard().map(Heard::all).unwrap_or_default();
    room.write(&page::of(&args.title(), &steps, &secrets))?;
    if !room::is_stdout(&args.html) {
        context.out.note(&format!("{} the page is in {}", context.out.note_paint().good("✓"), args.html.display()));
    }
    Ok(())
}

/// Where the command itself writes: a page there would be lost, or what it says.
fn taken(verb: &Verb, context: &Context) -> Vec<PathBuf> {
    match verb {
        Verb::Get(call) | Verb::Post(call) | Verb::Put(call) | Verb::Patch(call) | Verb::Delete(call) => call.places(),
        Verb::Request(request) => request.places(),
        Verb::Do(action) => action.places(),
        // Whoever logs in is told on stderr.
        _ if !context.out.json => Vec::new(),
        _ => vec![PathBuf::from("-")],
    }
}

fn nothing_to_trace() -> Card {
    Card::usage(
        "there is nothing to trace",
        "expected a login, a call (get, post, …, an action) or a refresh",
        "example: keyfob trace --html login.html login netatmo",
    )
}

/// All that the vault keeps from others.
async fn secrets(context: &Context) -> Result<Vec<Secret>, Card> {
    let mut secrets = Vec::new();
    for account in context.accounts().await? {
        secrets.extend(account.tokens.secrets().into_iter().cloned());
    }
    if let Some(keyfob) = context.keyfob_if_any().await? {
        for (_, app) in keyfob.store().apps().await.doing("cannot read the vault")? {
            secrets.extend(app.secrets().cloned());
        }
    }
    Ok(secrets)
}
