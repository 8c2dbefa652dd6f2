//! `{name}` templates of provider files: header values, paths, base URLs.

use std::fmt;

use crate::error::Misuse;

/// Text with `{name}` places. `{{` and `}}` are literal braces.
#[derive(Clone, PartialEq, Eq)]
pub struct Template {
    text: String,
    pieces: Vec<Piece>,
}

#[derive(Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Name(String),
}

impl Template {
    /// Reads a template. `Misuse` if a brace is left open or a name is not of letters, digits, `_`, `-` and `.`.
    ///
    /// # Errors
    ///
    /// `Misuse`, as said.
    pub fn parse(text: &str) -> Result<Self, Misuse> {
        let wrong = |found: &str| {
            Misuse::new("a template such as \"Bearer {access_token}\"", format!("{found} in \"{text}\""))
                .with_hint("a place is a name in braces: {name}; a brace that is none of a place is written twice: {{ and }}")
        };
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            literal.push_str(&rest[..at]);
            let brace = &rest[at..];
            if brace.starts_with("{{") || brace.starts_with("}}") {
                literal.push_str(&brace[..1]);
                rest = &brace[2..];
                continue;
            }
            let (name, tail) = brace.strip_prefix('{').and_then(|tail| tail.split_once('}')).ok_or_else(|| wrong("an unpaired brace"))?;
            if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')) {
                return Err(wrong("a place without a proper name"));
            }
            if !literal.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut literal)));
            }
            pieces.push(Piece::Name(name.to_owned()));
            rest = tail;
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            pieces.push(Piece::Text(literal));
        }
        Ok(Self { text: text.to_owned(), pieces })
    }

    /// The template as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The names it asks for.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Name(name) => Some(name.as_str()),
            Piece::Text(_) => None,
        })
    }

    /// The same template with the places filled that there is a value for.
    #[must_use]
    pub fn filled(&self, value_of: impl Fn(&str) -> Option<String>) -> Self {
        let mut text = String::new();
        let mut pieces = Vec::new();
        for piece in &self.pieces {
            let piece = match piece {
                Piece::Name(name) => value_of(name).map_or_else(|| piece.clone(), Piece::Text),
                Piece::Text(_) => piece.clone(),
            };
            match &piece {
                Piece::Text(literal) => text.push_str(&literal.replace('{', "{{").replace('}', "}}")),
                Piece::Name(name) => text.push_str(&format!("{{{name}}}")),
            }
            pieces.push(piece);
        }
        Self { text, pieces }
    }

    /// The text with every place filled; `Misuse` names the first one that has no value.
    ///
    /// # Errors
    ///
    /// `Misuse`, as said.
    pub fn render(&self, value_of: impl Fn(&str) -> Option<String>) -> Result<String, Misuse> {
        let mut out = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Name(name) => out.push_str(&value_of(name).ok_or_else(|| {
                    Misuse::new(format!("a value for {{{name}}}"), format!("none, for the template \"{}\"", self.text))
                        .with_hint("give the app that field, or log in again where the login's answer has it")
                })?),
            }
        }
        Ok(out)
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_filled_and_braces_escaped() {
        let template = Template::parse("{{x}} {a}-{b}").expect("a template");
        assert_eq!(template.names().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(template.render(|name| Some(name.to_uppercase())).expect("all filled"), "{x} A-B");
        assert!(template.render(|_| None).is_err());
        let half = template.filled(|name| (name == "a").then(|| "{1}".to_owned()));
        assert_eq!(half.as_str(), "{{x}} {{1}}-{b}");
        assert_eq!(half.render(|_| Some("2".to_owned())).expect("all filled"), "{x} {1}-2");
    }

    #[test]
    fn broken_templates_are_refused() {
        for bad in ["{", "a}", "{}", "{a b}", "{a"] {
            assert!(Template::parse(bad).is_err(), "{bad}");
        }
    }
}
