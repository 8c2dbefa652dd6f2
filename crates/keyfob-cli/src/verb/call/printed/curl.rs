//! A command line for curl, which any POSIX shell reads as it is meant: it is printable text, whatever the request carries.

use std::fmt::Write;

use super::Shown;
use crate::output::is_control;

/// What a command line holds for sure in one of its words: Linux takes 128 KiB, and others less.
const LONGEST_WORD: usize = 32 * 1024;

/// The command. `file` has the body in it, to the byte.
pub(super) fn command(shown: &Shown, file: Option<&str>) -> String {
    // Behind `-X HEAD` curl waits for the body that the head speaks of.
    let method = if shown.method == "HEAD" { "--head".to_owned() } else { format!("-X {}", shown.method) };
    let mut lines = vec![format!("curl --globoff --path-as-is {method} {}", word(&shown.url))];
    // A name with nothing behind its colon would take the header away.
    let header = |(name, value): &(String, String)| if value.is_empty() { format!("{name};") } else { format!("{name}: {value}") };
    lines.extend(shown.headers.iter().map(|said| format!("  -H {}", word(&header(said)))));
    let mut command = String::new();
    match (shown.body.as_deref(), file) {
        (None, _) => {}
        (Some(body), _) if body.len() <= LONGEST_WORD && is_plain(body) => {
            lines.push(format!("  --data-raw {}", quoted(&String::from_utf8_lossy(body))))
        }
        (Some(_), Some(file)) if is_plain(file.as_bytes()) => lines.push(format!("  --data-binary {}", quoted(&format!("@{file}")))),
        // An argument has no NUL in it, and what a shell makes of other bytes depends on where it runs.
        (Some(body), _) => {
            command = format!("printf {} |\n  ", spelled(body));
            lines.push("  --data-binary @-".to_owned());
        }
    }
    command + &lines.join(" \\\n")
}

/// Whether it can stand between quotes: text that a terminal shows and takes as it is. A tab that is pasted completes a word.
fn is_plain(bytes: &[u8]) -> bool {
    let is_text = |text: &str| text.chars().all(|c| c == '\n' || !is_control(c));
    std::str::from_utf8(bytes).is_ok_and(is_text)
}

/// One word of a command line.
fn word(text: &str) -> String {
    if is_plain(text.as_bytes()) { quoted(text) } else { format!("\"$(printf {})\"", spelled(text.as_bytes())) }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// What `printf` makes these bytes of. Octal numbers of three digits are all that POSIX promises; a dash in front would be an option, and shells that
/// somebody types into take `!` for a command of before.
fn spelled(bytes: &[u8]) -> String {
    let mut format = String::with_capacity(bytes.len() * 2);
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'\'' | b'\\' | b'%' | b'!' => write!(format, "\\{byte:03o}"),
            b'-' if at == 0 => write!(format, "\\{byte:03o}"),
            b' '..=b'~' => write!(format, "{}", char::from(*byte)),
            _ => write!(format, "\\{byte:03o}"),
        }
        .expect("a string takes all that is written");
    }
    format!("'{format}'")
}

#[cfg(test)]
mod tests {
    use super::super::example;
    use super::*;

    #[test]
    fn what_is_printed_can_be_pasted() {
        assert_eq!(
            command(&example(b"two\nlines"), None),
            "curl --globoff --path-as-is -X POST 'https://a.example/x?q=it'\\''s' \\\n  -H 'content-type: text/plain' \\\n  --data-raw 'two\nlines'"
        );
    }

    #[test]
    fn what_is_no_plain_text_is_spelled_out_or_stays_in_its_file() {
        let bytes = b"-it's 100%\t\x00\xff!";
        let spelled_out = command(&example(bytes), None);
        assert!(spelled_out.starts_with("printf '\\055it\\047s 100\\045\\011\\000\\377\\041' |\n  curl "), "{spelled_out}");
        assert!(spelled_out.ends_with(" \\\n  --data-binary @-"), "{spelled_out}");
        let named = command(&example(bytes), Some("it's.bin"));
        assert!(named.starts_with("curl ") && named.ends_with("  --data-binary '@it'\\''s.bin'"), "{named}");
        assert!(command(&example(bytes), Some("a\u{1b}b")).starts_with("printf "));
        // Too long for a word, though it is plain.
        assert!(command(&example(&[b'a'; LONGEST_WORD + 1]), None).starts_with("printf 'aaa"));
    }

    #[test]
    fn who_asks_for_a_head_waits_for_no_body() {
        let shown = Shown { method: "HEAD".into(), body: None, ..example(b"") };
        assert!(command(&shown, None).starts_with("curl --globoff --path-as-is --head 'https://"));
    }

    #[test]
    fn a_header_is_said_as_it_is() {
        let mut shown = example(b"x");
        shown.headers = vec![("x-none".into(), String::new()), ("x-back".into(), "a\u{202e}b".into())];
        let command = command(&shown, None);
        assert!(command.contains("-H 'x-none;' \\\n  -H \"$(printf 'x-back: a\\342\\200\\256b')\""), "{command}");
    }
}
