//! What a session was made with, or is told, for all of its calls: what their paths are behind, and what they carry. Each has its own.

use std::collections::HashMap;

use zeroize::Zeroizing;

use super::expression::Arguments;
use super::tokens::{Is, Token};
use super::values::{HEAVIEST, Value};

/// A base, and whether that is how axios says it, whose bodies are JSON.
#[derive(Clone)]
pub(super) struct Base {
    pub(super) url: Zeroizing<String>,
    pub(super) is_axios: bool,
    /// Whether the session it is asked for was made with it.
    pub(super) is_own: bool,
}

/// The bases, by the variables that sessions are assigned to.
#[derive(Default)]
pub(super) struct Clients {
    by_name: HashMap<String, Base>,
    /// The one made last; and whether others have another base.
    last: Option<Base>,
    differ: bool,
    /// Headers and the like, as a call's own arguments are.
    said: HashMap<String, Arguments>,
}

impl Clients {
    /// One that is made at a place of a script.
    pub(super) fn made(&mut self, tokens: &[Token<'_>], at: usize, base: Base) {
        self.differ |= self.last.as_ref().is_some_and(|last| last.url != base.url);
        if let Some(name) = assigned_to(tokens, at) {
            self.by_name.insert(name.to_owned(), base.clone());
        }
        self.last = Some(base);
    }

    /// Another one is in this variable.
    pub(super) fn anew(&mut self, name: &str) {
        self.said.remove(name);
    }

    /// It is told its `headers`, `params` or `auth`: more of them, where they have names.
    pub(super) fn say(&mut self, name: &str, what: &str, value: Value) {
        let said = self.said.entry(name.to_owned()).or_default();
        match said.named.iter_mut().find(|(known, _)| known == what) {
            // Longer than a call is they only grow in a hostile script.
            Some((_, known)) if known.weight() + value.weight() > HEAVIEST => {}
            Some((_, known)) => known.merge(value),
            None => said.named.push((what.to_owned(), value)),
        }
    }

    /// What it carries with all of its calls.
    pub(super) fn said(&self, name: &str) -> Option<&Arguments> {
        self.said.get(name)
    }

    /// That of a session by the name it has there. What is made elsewhere and comes along under another name has the only one that there is.
    pub(super) fn base(&self, receiver: Option<&str>) -> Option<Base> {
        let own = receiver.and_then(|name| self.by_name.get(name));
        let base = own.or(self.last.as_ref().filter(|_| !self.differ))?;
        Some(Base { is_own: own.is_some() || receiver.is_none(), ..base.clone() })
    }
}

/// The variable of the statement that this stands in: `name = …`, `with … as name`.
pub(super) fn assigned_to<'a>(tokens: &'a [Token<'_>], at: usize) -> Option<&'a str> {
    /// No statement that makes a session is longer.
    const FURTHEST: usize = 256;
    let word = |at: usize| if let Is::Word(word) = tokens.get(at)?.is { Some(word) } else { None };
    let is_sign = |at: usize, sign: char| matches!(tokens.get(at).map(|token| &token.is), Some(Is::Sign(found)) if *found == sign);
    let is_end = |at: &usize| matches!(tokens.get(*at).map(|token| &token.is), None | Some(Is::End | Is::Sign(';')));
    let before = (at.saturating_sub(FURTHEST)..at).rev().take_while(|at| !is_end(at));
    let behind = (at..at + FURTHEST).take_while(|at| !is_end(at));
    let variable = before.filter(|at| tokens[*at].is_statements && is_sign(at + 1, '=')).find_map(word);
    variable.or_else(|| behind.filter(|at| word(*at) == Some("as")).find_map(|at| word(at + 1)))
}
