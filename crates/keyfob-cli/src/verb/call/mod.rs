//! `keyfob get`, `post`, `put`, `patch`, `delete` and `request`: a signed call.

mod charset;
mod download;
mod follow;
mod pages;
mod printed;
mod retry;
mod show;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use http::header::ACCEPT_ENCODING;
use http::{Method, StatusCode};
use keyfob::Session;
use keyfob::proto::Scrubber;
use keyfob_providers::Query;

use self::follow::{Came, Following};
pub(crate) use self::printed::Shown;
use crate::account::now;
use crate::card::{Card, Doing};
use crate::context::{Context, Opened};
use crate::data::{self, Format, Shape, query};
use crate::dry::DryRun;
use crate::exit::Exit;
use crate::moment;
use crate::output::{Output, without_terminal_controls};
use crate::progress::awaited;
use crate::refusals;
use crate::request::{Carried, Content, method};
use crate::verb::explain;
use crate::verb::token::seconds;
use crate::wire::Heard;

// A call of a method that the verb says.
#[derive(Args, Debug)]
pub(crate) struct Call {
    /// The account
    #[arg(add = clap_complete::engine::ArgValueCandidates::new(crate::complete::accounts))]
    name: String,
    /// The path (relative to the API's base), or a whole URL
    path: String,
    #[command(flatten)]
    content: Content,
    /// Another method than the verb's, as with curl
    #[arg(short = 'X', long = "request", value_name = "METHOD", value_parser = method)]
    instead: Option<Method>,
    /// Follow redirects; where the origin changes, without the account's credentials
    #[arg(short = 'L', long, conflicts_with = "paginate")]
    location: bool,
    /// Show the heads of requests and answers on stderr, secrets masked
    #[arg(short, long)]
    verbose: bool,
    /// Show the head of the answer, too; with --json, as an object of status, headers and body
    #[arg(short, long)]
    include: bool,
    /// Write the body of the answer to a file; with --print, the request
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Exit with 5, and print no body, if the answer is an error (also one that the provider tells with status 200). With --jq, --format, --table and
    /// --paginate a status that is an error always counts: it is not the data that was asked for
    #[arg(short, long)]
    fail: bool,
    /// What a jq expression makes of the answer (the subset that provider files have); text comes without quotes
    #[arg(long, value_name = "EXPRESSION", value_parser = query, conflicts_with_all = ["include", "output"])]
    jq: Option<Query>,
    /// The answer as one of these, instead of as it came
    #[arg(long, value_enum, conflicts_with_all = ["include", "output"])]
    format: Option<Format>,
    /// As --format table
    #[arg(long, conflicts_with_all = ["format", "include", "output"])]
    table: bool,
    /// Follow `Link: <…>; rel="next"` (RFC 8288), or what the provider's file says of its pages, to the last page; lists become one
    #[arg(long, conflicts_with_all = ["include", "output"])]
    paginate: bool,
    /// With --paginate: read at most so many pages
    // What rules --paginate out has to rule this out as well: clap asks nobody for what cannot be.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    #[arg(requires = "paginate", conflicts_with_all = ["include", "output", "location"])]
    pages: u32,
    /// Try again so many times after 429, 502, 503, 504 or a broken connection, when the server says (Retry-After; longer than 10 minutes is not waited
    /// for); not for POST and PATCH
    #[arg(long, value_name = "N", default_value_t = 0)]
    retry: u32,
    /// Give up if the answer is not there within this time, its body, all pages and repetitions: 5, 0.5, 90s, 10m; 0 is no limit. What was sent may have
    /// been done all the same
    #[arg(short, long, value_name = "TIME", value_parser = limit, conflicts_with_all = ["print", "dry_run", "explain"])]
    max_time: Option<Duration>,
    /// Show the request as another program takes it, instead of sending it
    #[arg(long, value_enum, conflicts_with_all = ["dry_run", "explain"])]
    print: Option<printed::As>,
    /// With --print: its secrets, too
    #[arg(long, requires = "print", conflicts_with_all = ["dry_run", "explain"])]
    show_secrets: bool,
    /// Show the request instead of sending it, secrets masked
    #[arg(long)]
    dry_run: bool,
    /// Show each step of its authorization instead of sending it, as `keyfob explain` does
    #[arg(long, conflicts_with = "dry_run")]
    explain: bool,
}

impl Call {
    /// Where it writes: the body to one place, and the head to stdout.
    pub(crate) fn places(&self) -> Vec<PathBuf> {
        let stdout = PathBuf::from("-");
        let file = self.output.clone().filter(|_| !self.dry_run && !self.explain);
        let head = (self.include && file.is_some()).then(|| stdout.clone());
        file.or(Some(stdout)).into_iter().chain(head).collect()
    }

    /// A request that is shown says nothing of what was said of its answer. (curl would carry credentials along a redirect, and repeat a POST: its own
    /// words for these are no translation.)
    fn tell_what_is_left_out(&self, out: &Output) {
        let said = [
            ("--location", self.location),
            ("--retry", self.retry > 0),
            ("--jq", self.jq.is_some()),
            ("--format", self.format.is_some()),
            ("--table", self.table),
            ("--paginate", self.paginate),
            ("--include", self.include),
            ("--output", self.output.is_some() && self.print.is_none()),
            ("--fail", self.fail),
        ];
        let left_out: Vec<_> = said.into_iter().filter(|(_, said)| *said).map(|(option, _)| option).collect();
        if !left_out.is_empty() {
            let note = format!(
                "left out: {}. It is the request alone, and what is done with its answer is for whoever sends it",
                left_out.join(", ")
            );
            out.note(&format!("{} {note}", out.note_paint().warn("note:")));
        }
    }
}

// A call of any method.
#[derive(Args, Debug)]
pub(crate) struct Request {
    /// The method: GET, OPTIONS, …
    #[arg(value_parser = method)]
    method: Method,
    #[command(flatten)]
    call: Call,
}

// A call to explain.
#[derive(Args, Debug)]
pub(crate) struct Explain {
    /// The method: GET, POST, …
    #[arg(value_parser = method)]
    method: Method,
    /// The account
    #[arg(add = clap_complete::engine::ArgValueCandidates::new(crate::complete::accounts))]
    name: String,
    /// The path (relative to the API's base), or a whole URL
    path: String,
    #[command(flatten)]
    content: Content,
}

impl Request {
    /// Where it writes.
    pub(crate) fn places(&self) -> Vec<PathBuf> {
        self.call.places()
    }

    pub(crate) async fn run(self, context: &Context) -> Result<(), Card> {
        if let Some(instead) = self.call.instead.as_ref().filter(|instead| **instead != self.method) {
            return Err(Card::usage(
                format!("two methods were said: {} and {instead}", self.method),
                "expected one: request METHOD NAME PATH says it first",
                "leave -X away",
            ));
        }
        run(self.method, self.call, context).await
    }
}

impl Explain {
    pub(crate) async fn run(self, context: &Context) -> Result<(), Card> {
        explain::run(self.method, &self.name, &self.path, &self.content, context).await
    }
}

/// What most calls do not need is boxed where it is needed: the future is smaller without it, and each call moves it.
pub(crate) async fn run(method: Method, args: Call, context: &Context) -> Result<(), Card> {
    let method = args.instead.clone().unwrap_or(method);
    let shown = args.dry_run || args.print.is_some();
    if shown || args.explain {
        args.tell_what_is_left_out(&context.out);
    }
    if args.explain {
        return Box::pin(explain::run(method, &args.name, &args.path, &args.content, context)).await;
    }
    let carried = args.content.read(&method)?;
    if args.verbose {
        context.listen_in(Heard::default());
    }
    context.show_uploads();
    let opened = context.open_account(&args.name).await?;
    let carried = if shown { carried.whole()? } else { carried.fit_for(&opened.settings)? };
    if args.dry_run {
        return Box::pin(dry_run(&opened, &context.out, |session| Ok(carried.call(session, method, &args.path)))).await;
    }
    if let Some(shape) = args.print {
        return Box::pin(printed::run(shape, method, carried, &args, &opened, context)).await;
    }
    // 0 is no limit, as with curl.
    let Some(limit) = args.max_time.filter(|limit| !limit.is_zero()) else {
        return carry_out(&method, &carried, &args, &opened, context).await;
    };
    let work = Box::pin(carry_out(&method, &carried, &args, &opened, context));
    tokio::time::timeout(limit, work).await.unwrap_or_else(|_| Err(over(limit, &method, &opened)))
}

/// The time is over. A refresh that has begun comes to its end; the call does not.
fn over(limit: Duration, method: &Method, opened: &Opened) -> Card {
    let length = match limit.subsec_nanos() {
        0 => moment::length(i64::try_from(limit.as_secs()).unwrap_or(i64::MAX)),
        _ => format!("{} s", limit.as_secs_f64()),
    };
    let next = match method.is_safe() {
        true => "try again, with more time, or without --max-time (then 2 minutes for an answer to begin)",
        false => "look whether it was done before you send it again",
    };
    Card::new(Exit::Network, format!("cannot call {}", opened.account.name), format!("it was not over within {length} (--max-time)"), next)
}

async fn carry_out(method: &Method, carried: &Carried, args: &Call, opened: &Opened, context: &Context) -> Result<(), Card> {
    let session = opened.session().await?;
    let before = carried.known_to(session.scrubber());
    let sending = send(method, carried, args, &session, context);
    // What is large has a bar of its own.
    let sent = if carried.is_streamed() { sending.await } else { awaited(sending, &context.out).await };
    if args.verbose {
        tell(&before, &session, carried, context);
        if let Ok(Came::Ours(answer)) = &sent {
            tell_limit(answer, &context.out);
        }
    }
    let what = format!("cannot call {}", opened.account.name);
    // Who asks for a packing wants it, as with curl.
    let came = if carried.has_header(&ACCEPT_ENCODING) { sent? } else { sent?.unpacked() };
    if let Came::Ours(answer) = &came {
        refusals::keep(answer.status(), &session.account(), context).await;
        refusals::tell_of_young_token(answer, &session, &context.out);
    }
    match shape(args) {
        None => show::show(came, &session, args, &context.out, &what).await,
        // Nothing has changed since: of that, too, nothing is made.
        Some(_) if came.status() == StatusCode::NOT_MODIFIED => Ok(()),
        Some(_) if came.status().is_redirection() => Err(elsewhere(&came, method, args, &session, &what)),
        // Whoever reads the data would take the error for it.
        Some(_) if !came.status().is_success() => came.read(&what, &session.account()).await.map(drop),
        Some(shape) => {
            let most = args.paginate.then_some(args.pages);
            let paging = pages::Paging { session: &session, carried, most, retries: args.retry, pages: opened.provider.pages() };
            let values = Box::pin(paging.read(came, &carried.query_of(&args.path), &context.out, &what)).await;
            if args.verbose {
                tell(&before, &session, carried, context);
            }
            data::show(values?, &shape, &session.scrubber(), &context.out)
        }
    }
}

/// What is made of the answer; `None`: it is shown as it came.
fn shape(args: &Call) -> Option<Shape> {
    let format = args.format.or(args.table.then_some(Format::Table));
    (args.jq.is_some() || format.is_some() || args.paginate).then(|| Shape::of(args.jq.clone(), format))
}

/// Whoever makes something of the data would make it of nothing, or of the page that says where they are.
fn elsewhere(came: &Came, method: &Method, args: &Call, session: &Session, what: &str) -> Card {
    let status = came.status();
    let there = follow::place(came.headers(), session).filter(|_| follow::leads(status));
    let why = match &there {
        Some(there) => format!("the data is not here: HTTP {status} → {there}"),
        None => format!("the data is not here: HTTP {status}"),
    };
    // Whoever follows it, or calls once more, may do it twice.
    if !method.is_safe() {
        let what = format!("cannot read the answer of {}", session.account().name);
        let why = format!("{why}; it was called, and may have been done");
        return Card::new(Exit::Http, what, why, "look at what is there now with get; -i shows all of the answer").of_status(status);
    }
    let next = match there {
        Some(_) if args.paginate => "call it there: --paginate follows no redirect (-i without --paginate shows all of it)",
        Some(_) if !args.location => "-L follows it, -i shows all of it",
        _ => "see what came: leave the shape away, and use -i",
    };
    Card::new(Exit::Http, what, why, next).of_status(status)
}

async fn send(method: &Method, carried: &Carried, args: &Call, session: &Session, context: &Context) -> Result<Came, Card> {
    let what = format!("cannot call {}", session.account().name);
    let again = retry::Again { session, method, carried, retries: args.retry, out: &context.out, what: &what };
    let answer = again.send(|| carried.clone().call(session, method.clone(), &args.path)).await?;
    if !args.location {
        return Ok(Came::Ours(answer));
    }
    let following = Following { session, context, method: method.clone(), carried, retries: args.retry, what: &what };
    Box::pin(following.to_the_end(answer, &args.path)).await
}

/// The heads of what was sent and answered so far. Tokens may have been renewed meanwhile: the old and the new ones are masked.
fn tell(before: &Scrubber, session: &Session, carried: &Carried, context: &Context) {
    let after = carried.known_to(session.scrubber());
    for exchange in context.heard().map(Heard::take).unwrap_or_default() {
        context.out.note(&context.out.note_paint().dim(&after.mask(&exchange.heads(before))));
    }
}

/// How many calls are left, where the provider tells it.
fn tell_limit(answer: &keyfob::Answer, out: &Output) {
    let Some(limit) = answer.limit() else { return };
    let mut told = match (limit.remaining, limit.limit) {
        (Some(left), Some(all)) => format!("{left} of {all} calls left"),
        (Some(left), None) => format!("{left} calls left"),
        (None, Some(all)) => format!("{all} calls in a period"),
        (None, None) => "rate limit".to_owned(),
    };
    if let Some(moment) = limit.resets_at {
        told.push_str(&format!(", new ones {}", moment::from_now(moment, now())));
    }
    out.note(&out.note_paint().dim(&told));
}

/// A time with a unit, or seconds, whole or not, as curl takes them.
fn limit(text: &str) -> Result<Duration, String> {
    let is_decimal = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let parsed = text.parse().ok().filter(|_| is_decimal).and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    match parsed {
        Some(limit) => Ok(limit),
        None => seconds(text).map(|seconds| Duration::from_secs(seconds.unsigned_abs())),
    }
}

/// Shows what a call would send.
pub(crate) async fn dry_run(opened: &Opened, out: &Output, call: impl FnOnce(&Session) -> Result<keyfob::Call, Card>) -> Result<(), Card> {
    let what = format!("cannot prepare a call of {}", opened.account.name);
    let dry = DryRun::new(opened.store.clone(), &opened.account.tokens);
    let session = dry.keyfob.session(opened.settings.clone(), opened.app.clone(), &opened.account.name).await.doing(what.as_str())?;
    call(&session)?.send().await.doing(what)?;
    let Some(kept) = dry.kept() else { return Ok(()) };
    let scrubber = session.scrubber();
    if out.json { out.json(&kept.json(&scrubber)) } else { out.data(&without_terminal_controls(&kept.text(&scrubber))) }
}
