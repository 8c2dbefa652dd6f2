//! The command of Keyfob.
//!
//! ```text
//! main ─ cli (verbs and options) ─ verb/… ─┬─ context   folders, catalogue, vault, sandbox
//!                                          ├─ sign_in   listener and paste prompt at once
//!                                          ├─ perform   an action, page by page
//!                                          └─ output, sheet, chart, card   what people and programs see
//! ```

mod account;
mod again;
mod between;
mod browser;
mod card;
mod chart;
mod child;
mod cli;
mod complete;
mod context;
mod credentials;
mod damage;
mod data;
mod dry;
mod ended;
mod ending;
mod exit;
mod history;
mod items;
mod jwt;
mod log;
mod mask;
mod meaning;
mod moment;
mod multipart;
mod name;
mod output;
mod passphrase;
mod payload;
mod perform;
mod person;
mod pretend;
mod pretty;
mod progress;
mod prompt;
mod refusals;
mod request;
mod sheet;
mod sign_in;
mod signal;
mod surroundings;
mod text;
mod upkeep;
mod upload;
mod usage;
mod variables;
mod vault;
mod verb;
mod way;
mod wire;

use std::future::ready;
use std::io::{self, Write};
use std::pin::Pin;
use std::process::ExitCode;

use http::Method;
use tracing_subscriber::filter::LevelFilter;

use crate::again::Again;
use crate::card::Card;
use crate::cli::{Cli, Of, Verb};
use crate::context::Context;
use crate::exit::Exit;
use crate::output::Output;
use crate::verb::r#do::{self, Do};
use crate::verb::{
    account as accounts, adopt, app, call, completions, curl, doctor, env, exec, export, header, help, helper, import, key, lock, login,
    logout, man, provider, refresh, sandbox, schema, serve, status, token, trace, r#try, unlock, vault as vaults, watch, why,
};

fn main() -> ExitCode {
    let arguments = helper::by_name(std::env::args_os());
    if let Some(version) = cli::version(&arguments) {
        // Where nobody reads, nothing is wrong.
        let _ = writeln!(io::stdout(), "{version}");
        return ExitCode::SUCCESS;
    }
    keyfob_store::keep_memory_private();
    complete::answer();
    let terminal = prompt::Terminal::remember();
    let mut cli = usage::read(cli::joined(arguments));
    unfold(&mut cli);
    let out = Output::new(cli.global.json).repeating(Again::of(&cli.global));
    let exit = match work(cli, out) {
        Ok(()) => Exit::Ok,
        Err(card) => {
            terminal.restore();
            let card = card.repeating(out.again);
            if card.exit == Exit::Interrupted && out.notes_to_person {
                // The terminal has written ^C, perhaps behind a question.
                out.note("");
            }
            out.card(&card);
            card.exit
        }
    };
    ExitCode::from(exit.code())
}

/// The short form becomes `do`, the words of a trace a verb; and what they say of the whole program is said of it.
fn unfold(cli: &mut Cli) {
    // A variable that is empty says nothing, as everywhere.
    let is_empty = std::env::var("KEYFOB_SANDBOX").is_ok_and(|url| url.is_empty());
    cli.global.sandbox.take_if(|url| is_empty && url.is_empty());
    if let Verb::Short(words) = &mut cli.verb {
        cli.verb = Verb::Do(Do::short(std::mem::take(words)));
    }
    match &mut cli.verb {
        Verb::Do(args) => {
            let lifted = args.lift();
            cli.global.json |= lifted.json;
            cli.global.sandbox = lifted.sandbox.or(cli.global.sandbox.take());
            cli.global.vault = lifted.vault.or(cli.global.vault.take());
        }
        Verb::Trace(args) => {
            let mut inner = args.read();
            unfold(&mut inner);
            cli.global.json |= inner.global.json;
            // The environment was read twice, and weighs no more for that.
            let of_environment = std::env::var("KEYFOB_SANDBOX").ok();
            cli.global.sandbox = inner.global.sandbox.filter(|url| Some(url) != of_environment.as_ref()).or(cli.global.sandbox.take());
            cli.global.vault = inner.global.vault.or(cli.global.vault.take());
            args.verb = Some(Box::new(inner.verb));
        }
        _ => {}
    }
}

fn work(cli: Cli, out: Output) -> Result<(), Card> {
    let mut threads = match cli.verb.is_one_call() {
        // Two threads are started and ended for nothing where there is one thing to do.
        true => tokio::runtime::Builder::new_current_thread(),
        false => tokio::runtime::Builder::new_multi_thread(),
    };
    let runtime = threads.worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| Card::io("cannot start", &error, "check the limits on threads of this user"))?;
    let done = runtime.block_on(run(cli, out));
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    done
}

/// What there is to do. In a box: a runtime of each kind, and each way to wait for it, would have its own copy of all verbs.
type Work<'a> = Pin<Box<dyn Future<Output = Result<(), Card>> + 'a>>;

fn run(cli: Cli, out: Output) -> Work<'static> {
    Box::pin(async move {
        // It ends well when it is asked to, and not before.
        let ends_when_asked = matches!(cli.verb, Verb::Serve(_));
        let may_make = !cli.verb.needs_the_vault_that_is_named();
        let context = Context::new(out, cli.global.sandbox, cli.global.vault.as_deref(), may_make)?;
        // The web app has a log file to open first.
        let begun = if matches!(cli.verb, Verb::Serve(_)) { Ok(()) } else { log::begin(None, LevelFilter::WARN, out.speaks_json()) };
        let done = match begun {
            Err(card) => Err(card),
            Ok(()) if cli.verb.stops_by_itself() => verb(cli.verb, &context).await,
            Ok(()) => {
                let (goes_on, changes_something) = (cli.verb.goes_on(), cli.verb.changes_something());
                let done = signal::unless_stopped(verb(cli.verb, &context)).await;
                done.map_err(|card| match card.exit {
                    Exit::Interrupted if goes_on => Card::stopped(),
                    Exit::Interrupted if changes_something => Card::interrupted_in_doing(),
                    _ => card,
                })
            }
        };
        context.tell_of_damage();
        // A refresh that has begun comes to its end, and new tokens that the disk would not take are offered to it again.
        let asked = done.as_ref().map_or_else(|card| card.exit == Exit::Interrupted, |()| ends_when_asked);
        let settled = context.settle(asked).await;
        settled.and(done)
    })
}

fn verb(verb: Verb, context: &Context) -> Work<'_> {
    match verb {
        Verb::Try(args) => Box::pin(r#try::run(args, context)),
        Verb::Login(args) => Box::pin(login::run(args, context)),
        Verb::Logout(args) => Box::pin(logout::run(args, context)),
        Verb::Status(args) => Box::pin(status::run(args, context)),
        Verb::Refresh(args) => Box::pin(refresh::run(args, context)),
        Verb::Watch(args) => Box::pin(watch::run(args, context)),
        Verb::Token(args) => Box::pin(token::run(args, context)),
        Verb::Header(args) => Box::pin(header::run(args, context)),
        Verb::Curl(args) => Box::pin(curl::run(args, context)),
        Verb::Exec(args) => Box::pin(exec::run(args, context)),
        Verb::Env(args) => Box::pin(env::run(args, context)),
        Verb::Helper(Of { verb }) => Box::pin(helper::run(verb, context)),
        Verb::Get(args) => Box::pin(call::run(Method::GET, args, context)),
        Verb::Post(args) => Box::pin(call::run(Method::POST, args, context)),
        Verb::Put(args) => Box::pin(call::run(Method::PUT, args, context)),
        Verb::Patch(args) => Box::pin(call::run(Method::PATCH, args, context)),
        Verb::Delete(args) => Box::pin(call::run(Method::DELETE, args, context)),
        Verb::Request(args) => Box::pin(args.run(context)),
        Verb::Explain(args) => Box::pin(args.run(context)),
        Verb::Trace(args) => Box::pin(trace::run(args, context)),
        Verb::Why(args) => Box::pin(why::run(args, context)),
        Verb::Doctor(args) => Box::pin(doctor::run(args, context)),
        Verb::Do(args) => Box::pin(r#do::run(args, context)),
        Verb::App(Of { verb }) => Box::pin(app::run(verb, context)),
        Verb::Account(Of { verb }) => Box::pin(accounts::run(verb, context)),
        Verb::Key(Of { verb }) => Box::pin(key::run(verb, context)),
        Verb::Import(args) => Box::pin(import::run(args, context)),
        Verb::Adopt(args) => Box::pin(adopt::run(args, context)),
        Verb::Vault(Of { verb }) => Box::pin(vaults::run(verb, context)),
        Verb::Unlock(args) => Box::pin(unlock::run(args, context)),
        Verb::Lock(args) => Box::pin(lock::run(args, context)),
        Verb::Agent => Box::pin(unlock::be_agent(context)),
        Verb::Export(args) => Box::pin(export::run(args, context)),
        Verb::Completions(args) => Box::pin(ready(completions::run(&args, context))),
        Verb::Schema(args) => Box::pin(ready(schema::run(&args, context))),
        Verb::Man(args) => Box::pin(ready(man::run(&args, context))),
        Verb::Help(args) => Box::pin(ready(help::run(&args, context))),
        Verb::Provider(Of { verb }) => Box::pin(provider::run(verb, context)),
        Verb::Sandbox(args) => Box::pin(sandbox::run(args, context)),
        Verb::Serve(args) => Box::pin(serve::run(args, context)),
        Verb::Short(words) => Box::pin(r#do::run(Do::short(words), context)),
    }
}
