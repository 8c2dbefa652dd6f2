//! The command of Keyfob.
//!
//! ```text
//! main ─ cli (verbs and options) ─ verb/… ─┬─ context   folders, catalogue, vault, sandbox
//!                                          ├─ sign_in   listener and paste prompt at once
//!                                          ├─ perform   an action, page by page
//!                                          └─ output, sheet, chart, card   what people and programs see
//! ```

mod account;
mod between;
mod browser;
mod card;
mod chart;
mod child;
mod cli;
mod complete;
mod context;
mod credentials;
mod dry;
mod ended;
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
mod perform;
mod person;
mod pretend;
mod pretty;
mod progress;
mod prompt;
mod request;
mod sheet;
mod sign_in;
mod signal;
mod upkeep;
mod upload;
mod variables;
mod vault;
mod verb;
mod way;
mod wire;

use std::process::ExitCode;

use clap::Parser;
use http::Method;
use tracing_subscriber::filter::LevelFilter;

use crate::card::Card;
use crate::cli::{Cli, Verb};
use crate::context::Context;
use crate::exit::Exit;
use crate::output::Output;
use crate::verb::r#do::{self, Do};
use crate::verb::{
    account as accounts, adopt, app, call, completions, curl, doctor, env, exec, export, header, help, helper, import, key, lock, login,
    logout, man, provider, refresh, sandbox, schema, serve, status, token, trace, r#try, unlock, vault as vaults, watch, why,
};

fn main() -> ExitCode {
    keyfob_store::keep_memory_private();
    complete::answer();
    let terminal = prompt::Terminal::remember();
    let mut cli = Cli::parse_from(cli::joined(helper::by_name(std::env::args_os())));
    unfold(&mut cli);
    let out = Output::new(cli.global.json);
    let exit = match work(cli, out) {
        Ok(()) => Exit::Ok,
        Err(card) => {
            terminal.restore();
            let text = if out.json { card.json() } else { card.text(out.note_paint(), out.note_width()) };
            text.iter().for_each(|text| out.note(text));
            card.exit
        }
    };
    ExitCode::from(exit.code())
}

/// The short form becomes `do`, the words of a trace a verb; and what they say of the whole program is said of it.
fn unfold(cli: &mut Cli) {
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
    let done = runtime.block_on(async {
        let context = Context::new(out, cli.global.sandbox.clone(), cli.global.vault.as_deref())?;
        let by_itself = cli.verb.stops_by_itself();
        let work = verb(cli.verb, &context);
        let done = if by_itself {
            work.await
        } else {
            tokio::select! {
                done = work => done,
                () = signal::asked_to_stop() => Err(Card::interrupted()),
            }
        };
        // A refresh that has begun comes to its end, and new tokens that the disk would not take are offered to it again.
        let settled = context.settle().await;
        settled.and(done)
    });
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    done
}

async fn verb(verb: Verb, context: &Context) -> Result<(), Card> {
    // The web app has a log file to open first.
    if !matches!(verb, Verb::Serve(_)) {
        log::begin(None, LevelFilter::WARN)?;
    }
    match verb {
        Verb::Try(args) => r#try::run(args, context).await,
        Verb::Login(args) => login::run(args, context).await,
        Verb::Logout(args) => logout::run(args, context).await,
        Verb::Status(args) => status::run(args, context).await,
        Verb::Refresh(args) => refresh::run(args, context).await,
        Verb::Watch(args) => watch::run(args, context).await,
        Verb::Token(args) => token::run(args, context).await,
        Verb::Header(args) => header::run(args, context).await,
        Verb::Curl(args) => curl::run(args, context).await,
        Verb::Exec(args) => exec::run(args, context).await,
        Verb::Env(args) => env::run(args, context).await,
        Verb::Helper(verb) => helper::run(verb, context).await,
        Verb::Get(args) => call::run(Method::GET, args, context).await,
        Verb::Post(args) => call::run(Method::POST, args, context).await,
        Verb::Put(args) => call::run(Method::PUT, args, context).await,
        Verb::Patch(args) => call::run(Method::PATCH, args, context).await,
        Verb::Delete(args) => call::run(Method::DELETE, args, context).await,
        Verb::Request(args) => args.run(context).await,
        Verb::Explain(args) => args.run(context).await,
        Verb::Trace(args) => trace::run(args, context).await,
        Verb::Why(args) => why::run(args, context).await,
        Verb::Doctor(args) => doctor::run(args, context).await,
        Verb::Do(args) => r#do::run(args, context).await,
        Verb::App(verb) => app::run(verb, context).await,
        Verb::Account(verb) => accounts::run(verb, context).await,
        Verb::Key(verb) => key::run(verb, context).await,
        Verb::Import(args) => import::run(args, context).await,
        Verb::Adopt(args) => adopt::run(args, context).await,
        Verb::Vault(verb) => vaults::run(verb, context).await,
        Verb::Unlock(args) => unlock::run(args, context).await,
        Verb::Lock(args) => lock::run(args, context).await,
        Verb::Agent => unlock::be_agent(context).await,
        Verb::Export(args) => export::run(args, context).await,
        Verb::Completions(args) => completions::run(&args, context),
        Verb::Schema(args) => schema::run(&args, context),
        Verb::Man(args) => man::run(&args, context),
        Verb::Help(args) => help::run(&args, context),
        Verb::Provider(verb) => provider::run(verb, context).await,
        Verb::Sandbox(args) => sandbox::run(args, context).await,
        Verb::Serve(args) => serve::run(args, context).await,
        Verb::Short(words) => r#do::run(Do::short(words), context).await,
    }
}
