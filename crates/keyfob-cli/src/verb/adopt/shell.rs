//! A script of a shell: its words, with what variables stand for in them, and of those the keys that it sets and the calls that curl makes. Nothing is run.

use zeroize::Zeroizing;

use super::calls::Script;
use super::curl;
use super::joined::Joined;
use super::literals::{self, Assigned};
use super::scan::WORK;
use super::values::{Names, Piece, Value};
use crate::wire::is_telling;

/// Deeper than this nobody writes `$(…)`, and a hostile script would have us call ourselves without end.
const DEEPEST: usize = 32;

/// Words of the shell itself that stand before a command, and commands that run the one behind them.
const BEFORE: [&str; 21] = [
    "export", "declare", "typeset", "readonly", "local", "env", "sudo", "time", "timeout", "xargs", "exec", "command", "nohup", "if",
    "then", "else", "elif", "do", "while", "!", "{",
];

/// Whether it is one: its first line says so, or it has lines as only a shell's script has them, and none of another language.
pub(super) fn is_one(text: &str) -> bool {
    const SHELLS: [&str; 6] = ["sh", "bash", "zsh", "dash", "ksh", "fish"];
    const OTHERS: [&str; 9] = ["import ", "from ", "const ", "let ", "var ", "def ", "function(", "<?php", "require"];
    if let Some(first) = text.strip_prefix("#!") {
        return first.lines().next().unwrap_or_default().split(['/', ' ']).any(|word| SHELLS.contains(&word));
    }
    let lines = || text.lines().map(str::trim_start);
    let exports = |line: &str| line.strip_prefix("export ").is_some_and(|behind| assigned(behind).is_some());
    lines().any(|line| line.starts_with("curl ") || line.contains("$(curl ") || exports(line))
        && !lines().any(|line| OTHERS.iter().any(|other| line.starts_with(other)))
}

/// Reads what begins in a line.
pub(super) fn read(text: &str, line: usize) -> Script {
    let mut reader = Reader { rest: text, line, names: Names::default(), script: Script::default(), work: WORK, is_comment: false };
    reader.commands(None, 0);
    reader.script
}

/// The name of an assignment and what is behind its sign.
fn assigned(text: &str) -> Option<(&str, &str)> {
    let (name, behind) = text.split_once('=')?;
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.chars().all(is_of_name);
    is_name.then_some((name, behind))
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// A word, and where it stands.
struct Word {
    value: Value,
    line: usize,
}

struct Reader<'a> {
    rest: &'a str,
    line: usize,
    names: Names,
    script: Script,
    /// How much work is left for what variables stand for.
    work: usize,
    /// Whether it is commented out: then its keys count, and nothing else.
    is_comment: bool,
}

impl<'a> Reader<'a> {
    /// Commands up to a sign that closes them, or to the end.
    fn commands(&mut self, end: Option<char>, depth: usize) {
        let (mut words, mut delimiters) = (Vec::new(), Vec::new());
        loop {
            match self.rest.chars().next() {
                None => break,
                Some(c) if Some(c) == end => {
                    self.skip(1);
                    break;
                }
                Some('\n') => {
                    self.skip(1);
                    let input = delimiters.drain(..).map(|delimiter: String| self.document(&delimiter)).last();
                    self.command(&std::mem::take(&mut words), input.as_ref());
                }
                Some(';' | '&' | '|' | '(' | ')' | '`') => {
                    self.skip(1);
                    self.command(&std::mem::take(&mut words), None);
                }
                Some('#') => self.comment(),
                Some('<') if self.rest.starts_with("<<") && !self.rest.starts_with("<<<") => {
                    self.skip(if self.rest.starts_with("<<-") { 3 } else { 2 });
                    self.rest = self.rest.trim_start_matches(' ');
                    let delimiter = self.word(depth).value.known();
                    delimiters.extend(delimiter.filter(|delimiter| !delimiter.is_empty()).map(|delimiter| delimiter.to_string()));
                }
                // `2>&1` is no end of a command.
                Some('>') => {
                    self.skip(if self.rest.starts_with(">&") { 2 } else { 1 });
                }
                Some('<') => {
                    self.skip(1);
                }
                Some(c) if c.is_whitespace() => {
                    self.skip(c.len_utf8());
                }
                Some('\\') if self.rest[1..].starts_with('\n') => {
                    self.skip(2);
                }
                Some('\\') if self.rest[1..].starts_with("\r\n") => {
                    self.skip(3);
                }
                Some(_) => words.push(self.word(depth)),
            }
        }
        self.command(&words, None);
    }

    /// So many bytes further: what they say.
    fn skip(&mut self, length: usize) -> &'a str {
        let (skipped, rest) = self.rest.split_at(length);
        self.line += skipped.matches('\n').count();
        self.rest = rest;
        skipped
    }

    /// To the next of these signs, or to the end.
    fn skip_to(&mut self, sign: &str) -> &'a str {
        self.skip(self.rest.find(sign).unwrap_or(self.rest.len()))
    }

    /// What is commented out may be a key all the same: from where a command begins in it.
    fn comment(&mut self) {
        let (line, text) = (self.line, self.skip_to("\n"));
        let begins = |word: &str| assigned(word).is_some_and(|(name, _)| is_telling(name)) || ["export", "curl"].contains(&word);
        let mut words =
            text.split(' ').scan(0, |at, word| Some((std::mem::replace(at, *at + word.len() + 1), word.trim_start_matches('#'))));
        let Some((at, _)) = words.find(|(_, word)| begins(word)).filter(|_| !self.is_comment) else { return };
        let rest = text[at..].trim_start_matches('#');
        let (names, script) = (Names::default(), Script::default());
        let mut reader = Reader { rest, line, names, script, work: self.work, is_comment: true };
        reader.commands(None, 0);
        self.work = reader.work;
        self.script.commented.extend(reader.script.assigned);
        self.script.commented_calls.extend(reader.script.calls);
        self.script.texts.extend(reader.script.texts);
    }

    /// What stands below a command, up to a line that is this and nothing else.
    fn document(&mut self, delimiter: &str) -> Value {
        let (mut text, line) = (Zeroizing::new(String::new()), self.line);
        while !self.rest.is_empty() {
            let next = self.skip_to("\n");
            self.skip(usize::from(!self.rest.is_empty()));
            if next.trim_start_matches('\t').trim_end() == delimiter {
                break;
            }
            text.push_str(next);
            text.push('\n');
        }
        self.inside(&text, line);
        Value::text(&text)
    }

    /// A word, to where it ends.
    fn word(&mut self, depth: usize) -> Word {
        let line = self.line;
        let (mut joined, mut said) = (Joined::default(), Zeroizing::new(String::new()));
        while let Some(c) = self.rest.chars().next() {
            match c {
                c if c.is_whitespace() || ";&|()<>".contains(c) => break,
                // Backquotes are commands of their own, and what is in them is read as such.
                '`' => break,
                '\'' => {
                    self.skip(1);
                    said.push_str(self.skip_to("'"));
                    self.skip(usize::from(!self.rest.is_empty()));
                }
                '"' => self.quoted(&mut joined, &mut said, depth),
                '\\' => {
                    self.skip(1);
                    said.push_str(self.one());
                }
                '$' => self.expansion(&mut joined, &mut said, depth),
                _ => said.push_str(self.one()),
            }
        }
        self.text(&mut joined, &mut said, line);
        Word { value: joined.value(), line }
    }

    /// The next character; that a line goes on below it is none.
    fn one(&mut self) -> &'a str {
        let length = self.rest.chars().next().map_or(0, char::len_utf8);
        let one = self.skip(length);
        if one == "\n" { "" } else { one }
    }

    fn quoted(&mut self, joined: &mut Joined, said: &mut Zeroizing<String>, depth: usize) {
        self.skip(1);
        while let Some(c) = self.rest.chars().next() {
            match c {
                '"' => {
                    self.skip(1);
                    return;
                }
                // Only outside of quotes it begins a text.
                '$' if self.rest[1..].starts_with(['"', '\'']) => said.push_str(self.skip(1)),
                '\\' if self.rest[1..].starts_with(['"', '\\', '$', '`', '\n']) => {
                    self.skip(1);
                    said.push_str(self.one());
                }
                '$' => self.expansion(joined, said, depth),
                _ => said.push_str(self.skip(c.len_utf8())),
            }
        }
    }

    /// What is said so far is a text that stands in the script.
    fn text(&mut self, joined: &mut Joined, said: &mut Zeroizing<String>, line: usize) {
        if !said.is_empty() {
            joined.said(said);
            self.inside(said, line);
            self.script.texts.push((std::mem::take(said), line));
        }
    }

    /// What a text has in it under names, in quotes: JSON that is half known.
    fn inside(&mut self, text: &str, line: usize) {
        let found = literals::assigned(text).into_iter();
        self.script.assigned.extend(found.map(|one| Assigned { line: line + one.line - 1, ..one }));
    }

    /// `$name`, `${name:-what else}`, `$(a command)`.
    fn expansion(&mut self, joined: &mut Joined, said: &mut Zeroizing<String>, depth: usize) {
        self.skip(1);
        let length = self.rest.find(|c| !is_of_name(c)).unwrap_or(self.rest.len());
        let line = self.line;
        let value = match self.rest.chars().next() {
            // What is calculated is a run's business.
            Some('(') if self.rest.starts_with("((") => {
                self.skip_to("))");
                self.skip(self.rest.len().min(2));
                Value::Gap("value".to_owned())
            }
            Some('(') if depth < DEEPEST => {
                self.text(joined, said, line);
                self.skip(1);
                self.commands(Some(')'), depth + 1);
                Value::Gap("value".to_owned())
            }
            Some('{') => {
                self.skip(1);
                let inside = self.skip_to("}");
                self.skip(usize::from(!self.rest.is_empty()));
                let end = inside.find(|c| !is_of_name(c)).unwrap_or(inside.len());
                let (name, behind) = inside.split_at(end);
                let usual =
                    [":-", ":=", "-", "="].iter().find_map(|sign| behind.strip_prefix(sign)).map(|usual| usual.trim_matches(['"', '\'']));
                if let Some(usual) = usual.filter(|usual| !usual.is_empty()) {
                    self.script.texts.push((Zeroizing::new(usual.to_owned()), line));
                    self.assign(name, Zeroizing::new(usual.to_owned()), line);
                }
                match usual.filter(|usual| !usual.starts_with('$') && !self.names.has(name)) {
                    Some(usual) => Value::text(usual),
                    None => self.looked_up(name),
                }
            }
            Some(c) if is_of_name(c) => {
                let name = self.skip(length);
                self.looked_up(name)
            }
            // `$'…'` and `$"…"` are texts, and another sign is one.
            Some('\'' | '"') => return,
            Some('@' | '*' | '#' | '?' | '!' | '-') => {
                self.skip(1);
                Value::Gap("value".to_owned())
            }
            _ => return said.push('$'),
        };
        self.text(joined, said, line);
        joined.add(value);
    }

    /// What a variable stands for, as long as there is work to be spent on it.
    fn looked_up(&mut self, name: &str) -> Value {
        let value = if self.work > 0 { self.names.get(name) } else { Value::Gap(name.to_owned()) };
        self.work = self.work.saturating_sub(value.weight());
        value
    }

    fn assign(&mut self, name: &str, value: Zeroizing<String>, line: usize) {
        self.script.assigned.push(Assigned::of(name, value, line));
    }

    fn command(&mut self, all: &[Word], input: Option<&Value>) {
        let mut words = all;
        // Assignments, and what stands before a command. `declare -x`, `env -i`, and fish's `set -gx NAME VALUE`.
        while let [first, behind @ ..] = words {
            let Some(said) = said(&first.value) else { break };
            if let Some((name, _)) = assigned(said) {
                let value = first.value.clone().behind(name.len() + 1);
                self.set(name, value, first.line);
            } else if said == "set" {
                let values: Vec<&Word> =
                    behind.iter().skip_while(|word| self::said(&word.value).is_some_and(|said| said.starts_with('-'))).collect();
                if let [name, value] = values[..]
                    && let Some(name) = name.value.known()
                {
                    self.set(&name, value.value.clone(), value.line);
                }
                return;
            // `timeout 10`: no command begins with a digit.
            } else if !BEFORE.contains(&said) && !said.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
                break;
            }
            words = behind;
        }
        let is_curl = words.first().and_then(|first| said(&first.value)).is_some_and(|name| name == "curl" || name.ends_with("/curl"));
        let values: Vec<Value> = words.iter().skip(1).filter(|_| is_curl).map(|word| word.value.clone()).collect();
        let calls = curl::read(&values, input, words.first().map_or(0, |first| first.line));
        // What a call carries is known by where it goes; of others only what is said by its name.
        if calls.is_empty() {
            self.keys(all);
        } else {
            self.script.calls.extend(calls);
        }
    }

    fn set(&mut self, name: &str, value: Value, line: usize) {
        let Value::Text(pieces) = &value else { return };
        if let Some(known) = value.known().filter(|known| !known.is_empty()) {
            // A short one is looked for as it stands there, without its name.
            self.script.texts.extend(matches!(pieces[..], [Piece::Said(_)]).then(|| (known.clone(), line)));
            self.assign(name, known, line);
        }
        if !self.is_comment && pieces.iter().any(|piece| matches!(piece, Piece::Said(said) if !said.is_empty())) {
            self.names.set(name, value);
        }
    }

    /// What words say by their names: `--token=…`, `--password …`, `Name: …`.
    fn keys(&mut self, words: &[Word]) {
        let is_name = |name: &str| is_telling(name) && name.chars().all(|c| is_of_name(c) || c == '-');
        for (at, word) in words.iter().enumerate() {
            let Some(text) = said(&word.value) else { continue };
            let (name, value) = match (text.strip_prefix("--"), text.split_once(": ")) {
                (Some(option), _) => match option.split_once('=') {
                    Some((name, _)) => (name, Some(word.value.clone().behind(name.len() + 3))),
                    None => (option, words.get(at + 1).map(|next| next.value.clone())),
                },
                (None, Some((name, _))) => (name, Some(word.value.clone().behind(name.len() + 2))),
                (None, None) => continue,
            };
            if let Some(value) = value.and_then(|value| value.known()).filter(|value| is_name(name) && !value.starts_with('-')) {
                self.assign(name, value, word.line);
            }
        }
    }
}

/// What stands at the beginning of a word.
fn said(value: &Value) -> Option<&str> {
    match value {
        Value::Text(pieces) => match pieces.first()? {
            Piece::Said(said) => Some(said.as_str()),
            Piece::Gap(_) => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::calls::{Body, Call};
    use super::*;

    fn keys(script: &str) -> Vec<String> {
        let read = read(script, 1);
        read.assigned.iter().chain(&read.commented).map(|one| format!("{} {} {}", one.name, one.value.as_str(), one.line)).collect()
    }

    fn calls(script: &str) -> Vec<String> {
        let pair = |(name, value): (&str, &Value)| format!(" {name}={}", value.json());
        let shown =
            |call: &Call| format!("{} {}{}", call.method, call.url.as_str(), call.carried().into_iter().map(pair).collect::<String>());
        read(script, 1).calls.iter().map(shown).collect()
    }

    #[test]
    fn a_script_of_a_shell_is_told_from_others() {
        for script in ["#!/bin/bash\n", "#!/usr/bin/env zsh\n", "export A=b\n", "curl https://a.example", "R=$(curl https://a.example)"] {
            assert!(is_one(script), "{script}");
        }
        for script in [
            "#!/usr/bin/env python3\ncurl x",
            "import os\nos.system(\"\"\"\ncurl https://a.example\n\"\"\")",
            "A='b'",
            "export const a = 1",
            "",
        ] {
            assert!(!is_one(script), "{script}");
        }
    }

    #[test]
    fn keys_are_read_as_a_shell_reads_them() {
        let cases: [(&str, &[&str]); 12] = [
            ("export TOKEN=abc\nA=b declare -x C='d e'", &["token abc 1", "a b 2", "c d e 2"]),
            ("T=ab\nU=\"x${T}y\"$T'$T'", &["t ab 1", "u xabyab$T 2"]),
            ("T=${TOKEN:-abc}", &["token abc 1", "t abc 1"]),
            ("set -gx TOKEN abc", &["token abc 1"]),
            ("TOKEN=$1\nTOKEN=$(cat t)", &[]),
            ("echo a=b", &[]),
            // Commented out it is a key all the same, and prose is none.
            (
                "# was: export TOKEN=abc\n#PASSWORD='d e'\n# set NAME=value\necho x # TOKEN=f",
                &["token abc 1", "password d e 2", "token f 4"],
            ),
            ("mysql --password=abc -u x\ntool --token abc --token -x", &["password abc 1", "token abc 2"]),
            ("H=(-H \"Authorization: Bearer abc\")", &["access_token abc 1"]),
            ("cat <<E\nit's TOKEN=abc\nE\nTOKEN=d", &["token d 4"]),
            ("cat <<E\n{\n\"password\": \"abc\"}\nE\n", &["password abc 3"]),
            ("echo '{\"password\": \"abc\", \"n\": '$N}", &["password abc 1"]),
        ];
        for (script, expected) in cases {
            assert_eq!(keys(script), expected, "{script}");
        }
        let script = read("# curl -H 'Authorization: Bearer abc' https://a.example", 1);
        assert!(script.calls.is_empty() && script.commented_calls.len() == 1, "it is known where it went, and is called no more");
    }

    #[test]
    fn calls_are_read_as_curl_reads_them() {
        for (script, expected) in [
            ("curl https://a.example/x?a=b", "GET https://a.example/x a=\"b\""),
            ("B=https://a.example\nR=$(curl -s \"$B/x/$ID\" | jq .)", "GET https://a.example/x/ID"),
            ("if curl -sf https://a.example/x >/dev/null 2>&1; then echo y; fi", "GET https://a.example/x"),
            ("curl https://a.example/x \\\n -H 'X-A: b' -H\"X-C:  $D\" # -X PUT", "GET https://a.example/x X-A=\"b\" X-C=\"D\""),
            ("curl -d a=b -d c=d --data-urlencode 'e=f g' https://a.example/x", "POST https://a.example/x a=\"b\" c=\"d\" e=\"f g\""),
            ("curl -d '{\"a\": [1]}' https://a.example/x", "POST https://a.example/x a=[1]"),
            ("curl -d @- https://a.example/x <<E\n{\"a\": 1}\nE\n", "POST https://a.example/x a=1"),
            ("curl -u me:abc https://a.example/x", "GET https://a.example/x password=\"abc\""),
            ("curl --oauth2-bearer abc https://a.example/x", "GET https://a.example/x Authorization=\"Bearer abc\""),
            ("curl -x http://b.example --referer https://c.example https://a.example/x", "GET https://a.example/x"),
            ("curl https://a.example/$((N + 1))/x", "GET https://a.example/VALUE/x"),
            ("api() { curl -X PUT https://a.example/x; }", "PUT https://a.example/x"),
            ("ls | xargs curl -X PUT https://a.example/x", "PUT https://a.example/x"),
            ("timeout 10s curl -X PUT https://a.example/x", "PUT https://a.example/x"),
            ("curl \\\r\n  -X PUT \\\r\n  https://a.example/x\r\n", "PUT https://a.example/x"),
            ("curl https://a.example/x -u \"me:abc$\"", "GET https://a.example/x password=\"abc$\""),
        ] {
            assert_eq!(calls(script), [expected], "{script}");
        }
    }

    /// Whoever wrote it, reading it ends, and soon.
    #[test]
    fn what_is_hostile_is_read_to_its_end() {
        const LARGE: usize = 256 * 1024;
        for piece in [
            "$(",
            "\"$(",
            "`",
            "'",
            "\"",
            "${",
            "$((",
            "(",
            "<<A\n",
            "#TOKEN=a\n",
            "a=$a$a\n",
            "curl $a ",
            "curl -d $a\n",
            "\\",
            "$",
            "é\\",
        ] {
            let read = read(&format!("a={}\n{}", "x".repeat(16_000), piece.repeat(LARGE / piece.len())), 1);
            assert!(read.texts.len() <= LARGE, "{piece}");
        }
        let document = format!("a={}", "x".repeat(15_000));
        let many = format!("curl https://a.example {} <<E\n{document}\nE\n", "-d @- ".repeat(LARGE / 128));
        let urls = format!("curl {} {}\n", "https://a.example ".repeat(LARGE / 128), format!("-d '{document}' ").repeat(16));
        for script in [many, urls] {
            let body = |call: &Call| match &call.body {
                Body::Form(pairs) => pairs.iter().map(|(name, value)| name.len() + value.weight()).sum(),
                Body::Text(text) | Body::Json(text) => text.weight(),
                Body::None | Body::Files(..) | Body::Other(_) => 0,
            };
            let carried: usize = read(&script, 1).calls.iter().map(body).sum();
            assert!(carried <= 32 * LARGE, "{carried}");
        }
    }
}
