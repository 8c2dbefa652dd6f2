//! A request as it goes over the line (RFC 9112).

use keyfob::proto::scrub::printable;

use super::Shown;
use crate::card::Card;
use crate::output::{Output, is_control, without_terminal_controls};

/// Every byte of it.
pub(super) fn message(shown: &Shown) -> Vec<u8> {
    // RFC 9112 §2.1: each line of the head ends with CRLF, and an empty one ends it.
    let mut message = head(shown).into_iter().flat_map(|line| [line.into_bytes(), b"\r\n".to_vec()].concat()).collect::<Vec<_>>();
    message.extend_from_slice(b"\r\n");
    message.extend_from_slice(shown.body.as_deref().unwrap_or_default());
    message
}

/// What of it can be read on a terminal. What that leaves out is said.
pub(super) fn to_terminal(shown: &Shown, out: &Output) -> Result<(), Card> {
    let mut text = head(shown).join("\n") + "\n";
    let mut left_out = None;
    match shown.body.as_deref().map(std::str::from_utf8) {
        None => {}
        Some(Ok(body)) => {
            text.push('\n');
            text.push_str(body);
            if body.chars().any(|c| c != '\n' && c != '\t' && is_control(c)) {
                left_out =
                    Some("(the body has characters in it that a terminal would obey: they are not shown; -o FILE keeps them)".to_owned());
            }
        }
        Some(Err(_)) => {
            let (count, kind) = (shown.body.as_deref().map_or(0, <[u8]>::len), shown.content_type());
            let kind = if kind.is_empty() { "no known kind" } else { kind };
            left_out = Some(format!("({count} bytes of {}, which is no text; -o FILE keeps them)", printable(kind)));
        }
    }
    out.data(&without_terminal_controls(&text))?;
    if let Some(left_out) = left_out {
        out.note(&out.note_paint().dim(&left_out));
    }
    Ok(())
}

fn head(shown: &Shown) -> Vec<String> {
    let rest = shown.url.split_once("://").map_or(shown.url.as_str(), |(_, rest)| rest);
    let (host, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
    let mut lines = vec![format!("{} {target} HTTP/1.1", shown.method), format!("host: {host}")];
    lines.extend(shown.headers.iter().map(|(name, value)| format!("{name}: {value}")));
    lines.extend(shown.body.as_ref().map(|body| format!("content-length: {}", body.len())));
    lines
}

#[cfg(test)]
mod tests {
    use super::super::example;
    use super::*;

    #[test]
    fn a_head_has_its_lines_and_a_body_its_bytes() {
        assert_eq!(
            message(&example(b"two\nlines\r\0\xff")),
            b"POST /x?q=it's HTTP/1.1\r\nhost: a.example\r\ncontent-type: text/plain\r\ncontent-length: 12\r\n\r\ntwo\nlines\r\0\xff"
        );
        let without = Shown { body: None, ..example(b"") };
        assert!(message(&without).ends_with(b"content-type: text/plain\r\n\r\n"));
    }
}
