//! `keyfob explain METHOD ACCOUNT PATH`: how a call comes to be authorized, step by step, each with the section that says so. Nothing is sent.

mod oauth1;
mod oauth2;

use http::Method;
use keyfob::proto::Flow;
use serde_json::{Value, json};

use crate::card::{Card, Doing};
use crate::context::Context;
use crate::dry::DryRun;
use crate::output::{Output, hang, without_terminal_controls};
use crate::request::Content;

/// A step: what it is, where it is written, and what it comes to here.
pub(super) struct Step {
    title: String,
    section: &'static str,
    lines: Vec<String>,
}

impl Step {
    fn new(title: impl Into<String>, section: &'static str, lines: Vec<String>) -> Self {
        Self { title: title.into(), section, lines }
    }

    fn json(&self) -> Value {
        json!({"title": self.title, "section": self.section, "lines": self.lines})
    }
}

pub(crate) async fn run(method: Method, name: &str, path: &str, content: &Content, context: &Context) -> Result<(), Card> {
    let carried = content.read(&method)?.whole()?;
    let opened = context.open_account(name).await?;
    let what = format!("cannot explain a call of {}", opened.account.name);
    let dry = DryRun::repeating(opened.store.clone(), &opened.account.tokens);
    let session = dry.keyfob.session(opened.settings.clone(), opened.app.clone(), &opened.account.name).await.doing(what.as_str())?;
    // As it would be sent; this also refuses what would be refused.
    carried.clone().call(&session, method.clone(), path).send().await.doing(what.as_str())?;
    let Some(sent) = dry.kept() else { return Ok(()) };
    let scrubber = session.scrubber();
    let out = &context.out;
    if let Flow::OAuth1(flow) = &opened.settings.flow {
        let own = carried.form_pairs();
        let explanation = carried.call(&session, method, path).explain().doing(what)?;
        let steps = oauth1::steps(&explanation, flow, own, &sent.text(&scrubber), out.paint());
        if out.json {
            return out.json(&oauth1::json(&explanation, &steps));
        }
        return out.data(&drawn(&steps, out));
    }
    let steps = oauth2::steps(&opened, &sent.text(&scrubber), out.paint());
    if out.json {
        let steps: Vec<Value> = steps.iter().map(Step::json).collect();
        return out.json(&json!({"account": opened.account.name, "steps": steps}));
    }
    out.data(&drawn(&steps, out))
}

/// The steps as text. Each line was cleaned before it was painted.
fn drawn(steps: &[Step], out: &Output) -> String {
    let (paint, width) = (out.paint(), out.to_person.then(|| out.width()));
    let step = |(at, step): (usize, &Step)| {
        // Where both do not fit on a line, each has its own.
        let fits = width.is_none_or(|width| step.title.chars().count() + step.section.chars().count() + 5 < width);
        let section = match (step.section, fits) {
            ("", _) => String::new(),
            (section, true) => format!("  {}", paint.dim(section)),
            (section, false) => format!("\n   {}", paint.dim(section)),
        };
        let lines: String = step.lines.iter().map(|line| format!("\n   {line}").trim_end_matches(' ').to_owned()).collect();
        format!("{} {}{section}{lines}", paint.accent(&(at + 1).to_string()), paint.strong(&hang(&step.title, 2, width)))
    };
    steps.iter().enumerate().map(step).collect::<Vec<_>>().join("\n\n")
}

/// A line of something that was typed or sent.
fn clean(text: &str) -> String {
    without_terminal_controls(text)
}
