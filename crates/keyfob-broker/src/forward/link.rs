//! `Link` (RFC 8288 §3): any number of targets in one header, each with what is said about it.

use memchr::memchr;

/// The links of a header's value, one by one: a target, and its parameters as they stand there. Behind what is no link there is none.
pub(super) struct Links<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Links<'a> {
    type Item = (&'a str, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let start = self.0.iter().position(|byte| !matches!(byte, b' ' | b'\t' | b','))?;
            let text = self.0[start..].strip_prefix(b"<")?;
            let (target, rest) = text.split_at(memchr(b'>', text)?);
            let (parameters, rest) = rest[1..].split_at(end(&rest[1..])?);
            self.0 = rest;
            // In quotes it is no target; but many who read this know of no quotes.
            let is_clear = !parameters.contains(&b'<');
            if let Some(target) = std::str::from_utf8(target).ok().filter(|_| is_clear) {
                return Some((target, parameters.trim_ascii_end()));
            }
        }
    }
}

/// Where the parameters end: at a comma that is in no quotes.
fn end(text: &[u8]) -> Option<usize> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (at, byte) in text.iter().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            b',' if !is_quoted => return Some(at),
            _ => {}
        }
    }
    (!is_quoted).then_some(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(value: &str) -> Vec<(&str, &str)> {
        Links(value.as_bytes()).map(|(target, parameters)| (target, std::str::from_utf8(parameters).expect("text"))).collect()
    }

    #[test]
    fn links_are_told_apart_by_commas_outside_of_quotes() {
        assert_eq!(links(""), []);
        assert_eq!(links("</a>"), [("/a", "")]);
        assert_eq!(links(", <>;rel=\"next\" ,,\t</a,b;c> ; x ,"), [("", ";rel=\"next\""), ("/a,b;c", " ; x")]);
        assert_eq!(links(r#"<a>; title="b, \", c\\", <d>"#), [("a", r#"; title="b, \", c\\""#), ("d", "")]);
    }

    #[test]
    fn l12_what_somebody_might_read_as_a_link_is_one_or_is_not_there() {
        assert_eq!(links(r#"<a>; title="x, <https://evil.example/>; rel=next", <b>"#), [("b", "")]);
        for none in ["a", "<a", "<a>; title=\"b", "a, <b>", "<a> <b>"] {
            assert_eq!(links(none), [], "{none}");
        }
        assert_eq!(Links(b"<\xff>, <a>").count(), 1);
    }
}
