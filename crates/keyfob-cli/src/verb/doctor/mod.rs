//! `keyfob doctor [ACCOUNT]`: what could be wrong, looked at one by one, each with what to do about it. Nothing is changed, and no credentials are sent.

mod account;
mod machine;
mod network;

use clap::Args;
use serde_json::{Value, json};

use crate::card::Card;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Output, Paint, hang};

// Which account.
#[derive(Args, Debug)]
pub(crate) struct Doctor {
    /// The account; all of them if left away
    #[arg(add = clap_complete::engine::ArgValueCandidates::new(crate::complete::accounts))]
    name: Option<String>,
    /// Leave out what has to ask the provider's servers: names, connections, clock
    #[arg(long)]
    offline: bool,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Good,
    /// Worth knowing.
    Note,
    /// It works, and may not for long.
    Doubtful,
    /// It does not work. The exit code that a verb would end with for it.
    Bad(Code),
}

/// An exit code, the more telling first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Code {
    Error,
    Network,
    SignIn,
    Vault,
}

/// What was looked at, and how it is.
struct Finding {
    /// The account it concerns; none: this machine.
    account: Option<String>,
    what: &'static str,
    state: State,
    found: String,
    fix: Option<String>,
}

impl Finding {
    fn good(what: &'static str, found: impl Into<String>) -> Self {
        Self { account: None, what, state: State::Good, found: found.into(), fix: None }
    }

    fn note(what: &'static str, found: impl Into<String>) -> Self {
        Self { state: State::Note, ..Self::good(what, found) }
    }

    fn doubtful(what: &'static str, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { state: State::Doubtful, fix: Some(fix.into()), ..Self::good(what, found) }
    }

    fn bad(what: &'static str, code: Code, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { state: State::Bad(code), fix: Some(fix.into()), ..Self::good(what, found) }
    }

    /// What a verb would have said.
    fn of_card(what: &'static str, card: &Card) -> Self {
        let code = match card.exit {
            Exit::Network => Code::Network,
            Exit::SignIn => Code::SignIn,
            Exit::Vault => Code::Vault,
            _ => Code::Error,
        };
        Self::bad(what, code, card.why(), card.next())
    }

    /// The same, where the reason says nothing without what it is the reason of.
    fn of_whole_card(what: &'static str, card: &Card) -> Self {
        let told = Self::of_card(what, card);
        Self { found: format!("{}: {}", card.what(), card.why()), ..told }
    }

    fn json(&self) -> Value {
        let state = match self.state {
            State::Good => "ok",
            State::Note => "note",
            State::Doubtful => "warning",
            State::Bad(_) => "bad",
        };
        json!({"account": self.account, "check": self.what, "state": state, "found": self.found, "fix": self.fix})
    }
}

pub(crate) async fn run(args: Doctor, context: &Context) -> Result<(), Card> {
    let mut findings = machine::look(context).await;
    let opens = !findings.iter().any(|finding| finding.state == State::Bad(Code::Vault));
    let accounts = match &args.name {
        // Without its vault an account cannot be looked at, and that is told already.
        _ if !opens => Vec::new(),
        Some(name) => vec![context.account(name).await?],
        None => context.accounts().await?,
    };
    let mut asked = network::Asked::default();
    for account in &accounts {
        let mut found = account::look(account, context).await;
        if !args.offline {
            found.extend(network::look(account, context, &mut asked).await);
        }
        found.iter_mut().for_each(|finding| finding.account = Some(account.name.clone()));
        findings.extend(found);
    }
    for fix in findings.iter_mut().filter_map(|finding| finding.fix.as_mut()) {
        *fix = context.out.again.in_text(fix).into_owned();
    }
    if context.out.json {
        context.out.json(&findings.iter().map(Finding::json).collect::<Vec<_>>())?;
    } else {
        context.out.data(&drawn(&findings, &context.out))?;
    }
    ended(&findings)
}

fn drawn(findings: &[Finding], out: &Output) -> String {
    let paint = out.paint();
    let width = out.to_person.then(|| out.width().min(100));
    let longest = findings.iter().map(|finding| finding.what.len()).max().unwrap_or(0);
    let mut lines = Vec::new();
    let mut heading = None;
    for finding in findings {
        if heading != Some(&finding.account) {
            let title = finding.account.as_deref().unwrap_or("this machine");
            lines.push(format!("{}{}", if heading.is_some() { "\n" } else { "" }, paint.strong(title)));
            heading = Some(&finding.account);
        }
        let indent = longest + 6;
        lines.push(format!("  {} {:<longest$}  {}", mark(finding.state, paint), finding.what, hang(&finding.found, indent, width)));
        if let Some(fix) = &finding.fix {
            lines.push(format!("{}{} {}", " ".repeat(indent), paint.good("→"), hang(fix, indent + 2, width)));
        }
    }
    lines.join("\n")
}

fn mark(state: State, paint: Paint) -> String {
    match state {
        State::Good => paint.good("✓"),
        State::Note => paint.dim("·"),
        State::Doubtful => paint.warn("!"),
        State::Bad(_) => paint.bad("✗"),
    }
}

/// The end is that of the worst.
fn ended(findings: &[Finding]) -> Result<(), Card> {
    let bad: Vec<&Finding> = findings.iter().filter(|finding| matches!(finding.state, State::Bad(_))).collect();
    let Some(worst) = bad.iter().max_by_key(|finding| finding.state) else { return Ok(()) };
    let exit = match worst.state {
        State::Bad(Code::Vault) => Exit::Vault,
        State::Bad(Code::SignIn) => Exit::SignIn,
        State::Bad(Code::Network) => Exit::Network,
        _ => Exit::Error,
    };
    let what = if bad.len() == 1 { "one thing is wrong".to_owned() } else { format!("{} things are wrong", bad.len()) };
    let where_to = worst.account.as_ref().map(|name| format!("{name}: ")).unwrap_or_default();
    Err(Card::new(exit, what, format!("{where_to}{}: {}", worst.what, worst.found), worst.fix.clone().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_that_cannot_be_looked_at_says_what_cannot_be_done() {
        let card = Card::usage("the sandbox does not play hub", "it plays acme, august", "leave --sandbox away");
        assert_eq!(Finding::of_whole_card("provider", &card).found, "the sandbox does not play hub: it plays acme, august");
    }
}
