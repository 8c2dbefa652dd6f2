//! The actions of a provider, and what each takes.

use keyfob_providers::{Action, Parameter, Provider};
use serde_json::{Value, json};

use crate::account::with_scopes;
use crate::card::Card;
use crate::context::Context;
use crate::output::hang;
use crate::sheet::{self, Sheet};

/// What is explained in one place, by its names.
pub(super) const OF_EVERY_ACTION: &str =
    "of every action: --yes, --json, --format, --jq, --chart, --table, --svg, --last, --pages, --watch, --dry-run";

/// The list of actions.
pub(super) fn list(provider: &Provider, account: &str, context: &Context) -> Result<(), Card> {
    if context.out.json {
        let actions: Vec<Value> = provider.actions.iter().map(json_of).collect();
        return context.out.json(&json!({"provider": provider.name, "actions": actions}));
    }
    if provider.actions.is_empty() {
        context.out.note(&format!("{} has no actions of its own; its API is called with: keyfob get {account} PATH", provider.title));
        return Ok(());
    }
    let mut sheet = Sheet::new(["Action", "What it does"]);
    for action in &provider.actions {
        let about = if action.acts { format!("{} (acts: asks first)", action.about) } else { action.about.clone() };
        sheet.row([brief(action), about]);
    }
    sheet.print(&context.out)?;
    context.out.note(
        &context
            .out
            .note_paint()
            .dim(&format!("\n{}, with --help for what it takes", context.out.again.command(&format!("{account} ACTION")))),
    );
    Ok(())
}

/// One action and what it takes; `lacking` are the scopes that it needs and a login does not ask for by itself.
pub(super) fn describe(action: &Action, lacking: &[&str], account: &str, context: &Context) -> Result<(), Card> {
    if context.out.json {
        return context.out.json(&json_of(action));
    }
    let paint = context.out.paint();
    let mut lines = vec![format!("{}\n\n{}", action.about, paint.strong(&usage(action, account)))];
    if !action.parameters.is_empty() {
        let parameters: Vec<(String, String)> = action.parameters.iter().map(|p| (format!("  --{}", p.name), in_words(p))).collect();
        lines.push(sheet::pairs(&parameters, Some(context.out.width()), paint));
    }
    if action.acts {
        lines.push("It changes something in the world, so it asks first; --yes does not.".to_owned());
    }
    if !lacking.is_empty() {
        let login = context.out.again.command(&format!("login {account}{}", with_scopes(lacking)));
        // Commands are not broken: they can be pasted.
        lines.push(format!("It needs more than a login asks for by itself:\n  {login}"));
    }
    // They are the same for all of them, and are explained in one place.
    lines.push(hang(&format!("{OF_EVERY_ACTION}; keyfob do --help says more"), 0, Some(context.out.width())));
    context.out.data(&lines.join("\n\n"))
}

/// What is typed, without the options that can be left away.
fn brief(action: &Action) -> String {
    let mut words = vec![action.name.clone()];
    for parameter in &action.parameters {
        let name = parameter.name.to_uppercase();
        match (parameter.positional, parameter.required) {
            (true, true) => words.push(name),
            (true, false) => words.push(format!("[{name}]")),
            (false, true) => words.push(format!("--{} {name}", parameter.name)),
            (false, false) => {}
        }
    }
    words.join(" ")
}

fn in_words(parameter: &Parameter) -> String {
    let default = parameter.default.as_ref().map(|default| format!("; otherwise {default}")).unwrap_or_default();
    let required = if parameter.required && parameter.default.is_none() { " (required)" } else { "" };
    format!("{}: {}{default}{required}", parameter.about, parameter.kind.expects())
}

fn json_of(action: &Action) -> Value {
    json!({
        "name": action.name,
        "about": action.about,
        "acts": action.acts,
        "usage": action.usage(),
        "scopes": action.scopes,
        "parameters": action.parameters,
    })
}

pub(super) fn usage(action: &Action, account: &str) -> String {
    format!("usage: keyfob {account} {}", action.usage())
}
