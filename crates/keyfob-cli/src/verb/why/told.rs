//! What was found, in words.

use keyfob::proto::Secret;
use serde_json::json;

use super::protocol_of;
use super::recipe::{Mistake, PARAMETERS};
use crate::card::Card;
use crate::context::Opened;
use crate::exit::Exit;
use crate::output::{Output, hang, without_terminal_controls};

/// Whose mistake it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// The server builds another base string.
    Server,
    /// The program that made the request does.
    Client,
    /// Both build the same: it is the key.
    Key,
    /// The signature is right.
    Neither,
    /// None of the known mistakes.
    Unknown,
}

/// What was found.
pub(super) struct Finding {
    pub(super) side: Side,
    pub(super) mistakes: Vec<&'static Mistake>,
    /// The base string by the RFC.
    pub(super) expected: String,
    /// What the server has.
    pub(super) found: Option<String>,
}

/// There was nothing to find.
pub(super) fn accepted(opened: &Opened, out: &Output) -> Result<(), Card> {
    if out.json {
        return out.json(&json!({"side": "neither", "mistakes": [], "says": "the call was accepted"}));
    }
    out.data(&format!(
        "{} the call was accepted: there is nothing wrong with the signature of {}",
        out.paint().good("✓"),
        opened.account.name
    ))
}

/// Says it; that nothing was found is an error.
pub(super) fn show(finding: &Finding, opened: &Opened, out: &Output) -> Result<(), Card> {
    // A token that the server took for this account's is somebody's, too.
    let theirs = finding.found.as_deref().map(protocol_of).unwrap_or_default();
    let tokens = theirs.into_iter().filter(|(name, _)| name == "oauth_token").map(|(_, token)| Secret::new(token));
    let scrubber = tokens.fold(opened.account.scrubber(), |scrubber, token| scrubber.knowing(&token));
    let clean = |text: &str| without_terminal_controls(&scrubber.mask(text));
    let (expected, found) = (clean(&finding.expected), finding.found.as_deref().map(clean));
    let side = match finding.side {
        Side::Server => "server",
        Side::Client => "client",
        Side::Key => "key",
        Side::Neither => "neither",
        Side::Unknown => "unknown",
    };
    let says = sentence(finding, &opened.provider.title);
    let parted = found.as_deref().map(|found| parted(&expected, found));
    if out.json {
        let mistakes =
            finding.mistakes.iter().map(|mistake| json!({"name": mistake.name, "does": mistake.does, "section": mistake.section}));
        out.json(&json!({
            "side": side,
            "mistakes": mistakes.collect::<Vec<_>>(),
            "says": says,
            "base_string": {"expected": expected, "found": found},
        }))?;
    } else {
        let paint = out.paint();
        let width = Some(out.width()).filter(|_| out.to_person);
        let mark = if finding.side == Side::Neither { paint.good("✓") } else { paint.bad("✗") };
        let mut lines = vec![format!("{mark} {}", hang(&says, 2, width))];
        let mut sections: Vec<&str> = finding.mistakes.iter().map(|mistake| mistake.section).collect();
        sections.dedup();
        lines.extend(sections.iter().map(|section| format!("  {}", paint.accent(section))));
        lines.extend([String::new(), format!("  by the RFC  {expected}")]);
        if let Some((same, other)) = parted {
            lines.push(format!("  the server  {same}{}", paint.warn(other)));
        }
        lines.extend([String::new(), format!("  {}", hang(next(finding, opened).as_str(), 2, width))]);
        out.data(&lines.join("\n"))?;
    }
    match finding.side {
        Side::Unknown => Err(Card::new(
            Exit::Error,
            "none of the known mistakes explains it",
            says,
            match parted {
                Some((same, "")) => format!("compare the two base strings: the server's ends behind {} characters", same.chars().count()),
                Some((same, other)) => {
                    let (behind, begins) = (same.chars().count(), other.chars().take(BEGINNING).collect::<String>());
                    format!("compare the two base strings: they part behind {behind} characters, where the server's goes on with {begins}")
                }
                None => "see what the server signs, where it says so: --base-string FILE".to_owned(),
            },
        )),
        _ => Ok(()),
    }
}

/// So much of what is different is enough to find the place.
const BEGINNING: usize = 20;

/// What the server has: what is the same in both, and what is not.
fn parted<'a>(expected: &str, found: &'a str) -> (&'a str, &'a str) {
    let same = expected.bytes().zip(found.bytes()).take_while(|(a, b)| a == b).count();
    found.split_at((0..=same).rev().find(|&at| found.is_char_boundary(at)).unwrap_or(0))
}

fn sentence(finding: &Finding, title: &str) -> String {
    let does: Vec<&str> = finding.mistakes.iter().map(|mistake| mistake.does).collect();
    match finding.side {
        Side::Server => format!("the mistake is {title}'s: its server {}", does.join(", and ")),
        Side::Client => format!("the mistake is that of the program that made the request: it {}", does.join(", and ")),
        Side::Key => {
            format!("both sides sign the same text: so the secrets are not those that {title} has, or it makes its key of them otherwise")
        }
        Side::Neither => "the signature is right: it is refused for something else (time, nonce, a token that was revoked)".to_owned(),
        Side::Unknown if finding.found.is_some() => format!("{title}'s server signs another text, and none of the known mistakes gives it"),
        Side::Unknown => "with the secrets of this account, none of the known mistakes gives this signature".to_owned(),
    }
}

fn next(finding: &Finding, opened: &Opened) -> String {
    let name = &opened.account.name;
    match finding.side {
        Side::Server if finding.mistakes.iter().any(|mistake| mistake.section == PARAMETERS) => {
            "what can be done: see whether it is the base string of this very call that the server shows; if it is, a word to the provider"
                .to_owned()
        }
        Side::Server => {
            "what can be done: a request that gives it no occasion (no blanks, no port, no query), and a word to the provider".to_owned()
        }
        Side::Client => format!("what can be done: correct it there; or let keyfob sign: keyfob header METHOD URL --account {name}"),
        Side::Key => format!("what can be done: compare the app's keys with the provider's page, then keyfob login {name}"),
        Side::Neither => format!("what can be done: keyfob doctor {name} looks at clock and credentials"),
        Side::Unknown if finding.found.is_some() => "what can be done: see where they part".to_owned(),
        Side::Unknown => "what can be done: see what the server signs".to_owned(),
    }
}
