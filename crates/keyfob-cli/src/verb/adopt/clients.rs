//! What paths are behind, where a session was made with a base: each session has its own.

use std::collections::HashMap;

use zeroize::Zeroizing;

use super::tokens::{Is, Token};

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

    /// That of a session by the name it has there. What is made elsewhere and comes along under another name has the only one that there is.
    pub(super) fn base(&self, receiver: Option<&str>) -> Option<Base> {
        let own = receiver.and_then(|name| self.by_name.get(name));
        let base = own.or(self.last.as_ref().filter(|_| !self.differ))?;
        Some(Base { is_own: own.is_some() || receiver.is_none(), ..base.clone() })
    }
}

/// The variable of the statement that this stands in: `name = …`, `with … as name`.
fn assigned_to<'a>(tokens: &'a [Token<'_>], at: usize) -> Option<&'a str> {
    /// No statement that makes a session is longer.
    const FURTHEST: usize = 256;
    let word = |at: usize| if let Is::Word(word) = tokens.get(at)?.is { Some(word) } else { None };
    let is_sign = |at: usize, sign: char| matches!(tokens.get(at).map(|token| &token.is), Some(Is::Sign(found)) if *found == sign);
    let is_end = |at: &usize| matches!(tokens.get(*at).map(|token| &token.is), None | Some(Is::End));
    let before = (at.saturating_sub(FURTHEST)..at).rev().take_while(|at| !is_end(at));
    let behind = (at..at + FURTHEST).take_while(|at| !is_end(at));
    let variable = before.filter(|at| tokens[*at].depth == 0 && is_sign(at + 1, '=')).find_map(word);
    variable.or_else(|| behind.filter(|at| word(*at) == Some("as")).find_map(|at| word(at + 1)))
}
