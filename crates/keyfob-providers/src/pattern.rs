//! Regular expressions of provider files: for whole values, in linear time.

use regex_lite::{Regex, RegexBuilder};

/// What to do about one that is wrong.
pub(crate) const HINT: &str =
    "a regular expression for the whole value, such as [a-z0-9]+; a bracket that is meant as it is has a \\ before it";

/// Reads a pattern; the text says what is wrong with it.
pub(crate) fn parse(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(&format!("^(?:{pattern})$")).size_limit(1 << 20).nest_limit(50).build().map_err(|error| error.to_string())
}

/// Whether a value has this form, from end to end. Patterns are checked when their file is read.
pub(crate) fn matches(pattern: &str, value: &str) -> bool {
    parse(pattern).is_ok_and(|regex| regex.is_match(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_for_the_whole_value() {
        assert!(matches("[0-9A-F]{4}", "00FF"));
        assert!(!matches("[0-9A-F]{4}", "00FF0"));
        assert!(!matches("a|b", "ab"));
        assert!(parse("(").is_err());
    }
}
