//! Where words go: data to stdout, everything else to stderr; colour and tables only for people.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};

use anstyle::{AnsiColor, Style};
use keyfob::proto::scrub::printable;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::again::Again;
use crate::card::Card;

/// A line longer than this is hard to read, however wide the terminal.
const WIDEST_TEXT: usize = 100;

/// Where words go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    /// Whether data is asked for as JSON.
    pub(crate) json: bool,
    /// Whether a person reads stdout.
    pub(crate) to_person: bool,
    /// Whether a person reads stderr.
    pub(crate) notes_to_person: bool,
    /// What commands are shown with.
    pub(crate) again: Again,
    /// Whether colours are asked for wherever the words go.
    forced: bool,
    /// Whether nothing is said at all.
    silent: bool,
}

impl Output {
    /// As the process was started.
    pub(crate) fn new(json: bool) -> Self {
        let out = Self::of_process(json);
        if out.forced {
            anstream::ColorChoice::AlwaysAnsi.write_global();
        }
        out
    }

    fn of_process(json: bool) -> Self {
        Self {
            json,
            to_person: io::stdout().is_terminal(),
            notes_to_person: io::stderr().is_terminal(),
            again: Again::NOTHING,
            forced: forced(|name| std::env::var(name).ok()),
            silent: false,
        }
    }

    /// Commands in what is said repeat what this one was told about where it works.
    pub(crate) const fn repeating(mut self, again: Again) -> Self {
        self.again = again;
        self
    }

    /// Says nothing: for what runs while somebody types.
    pub(crate) const fn silent() -> Self {
        Self { json: false, to_person: false, notes_to_person: false, again: Again::NOTHING, forced: false, silent: true }
    }

    /// Text to stdout, with a line break. Nothing in it is obeyed by a terminal but our own colours, whoever it quotes.
    pub(crate) fn data(&self, text: &str) -> Result<(), Card> {
        let mut out = anstream::stdout().lock();
        written(writeln!(out, "{}", shown(text)).and_then(|()| out.flush()))
    }

    /// Text that a program needs to the letter (a token, a header, somebody's data), with a line break; on a terminal it is as safe as any other.
    pub(crate) fn exact(&self, text: &str) -> Result<(), Card> {
        if self.to_person {
            return self.data(text);
        }
        let mut out = io::stdout().lock();
        written(writeln!(out, "{text}").and_then(|()| out.flush()))
    }

    /// JSON to stdout: indented for a person, on one line for a program.
    pub(crate) fn json(&self, value: &impl Serialize) -> Result<(), Card> {
        let text = if self.to_person { serde_json::to_string_pretty(value) } else { serde_json::to_string(value) };
        self.data(&json_without_terminal_controls(&text.unwrap_or_default()))
    }

    /// JSON to stdout on one line, whoever reads: for streams.
    pub(crate) fn json_line(&self, value: &impl Serialize) -> Result<(), Card> {
        self.data(&json_without_terminal_controls(&serde_json::to_string(value).unwrap_or_default()))
    }

    /// A sentence to stderr. Commands in it are made whole, and lines break between words, where the terminal would break them anywhere. Where a
    /// program reads it that asked for JSON, it is an object on a line of its own, as everything on stderr is then.
    pub(crate) fn note(&self, text: &str) {
        self.note_with(text, Map::new());
    }

    /// The same; a program is told these members besides, so that it need not search the sentence for them.
    pub(crate) fn note_with(&self, text: &str, members: Map<String, Value>) {
        if self.silent {
            return;
        }
        let text = self.again.in_text(text);
        if self.speaks_json() {
            let sentence = anstream::adapter::strip_str(&text).to_string();
            let sentence = sentence.trim().strip_prefix("note: ").unwrap_or(sentence.trim());
            let told: Map<String, Value> = [("note".to_owned(), json!(sentence))].into_iter().chain(members).collect();
            return self.notice(&without_terminal_controls(&Value::Object(told).to_string()));
        }
        self.notice(&text);
    }

    /// Whether stderr is for a program that reads JSON.
    pub(crate) const fn speaks_json(&self) -> bool {
        self.json && !self.notes_to_person
    }

    /// What went wrong: as a card, or as JSON where that is asked for.
    pub(crate) fn card(&self, card: &Card) {
        let text = if self.json { card.json() } else { card.text(self.note_paint(), self.note_width()) };
        if let Some(text) = text.filter(|_| !self.silent) {
            self.notice(&text);
        }
    }

    fn notice(&self, text: &str) {
        let text = shown(text);
        let text = if self.notes_to_person { Cow::Owned(wrapped(&text, columns(io::stderr()))) } else { text };
        let _ = writeln!(anstream::stderr().lock(), "{text}");
    }

    /// A question to stderr, with room for the answer behind it.
    pub(crate) fn ask(&self, question: &str) {
        let mut err = anstream::stderr().lock();
        let _ = write!(err, "{} ", shown(question)).and_then(|()| err.flush());
    }

    /// Colours for stdout.
    pub(crate) fn paint(&self) -> Paint {
        Paint((self.to_person || self.forced) && !self.json)
    }

    /// Colours for stderr.
    pub(crate) fn note_paint(&self) -> Paint {
        Paint(self.notes_to_person || self.forced)
    }

    /// Whether the terminal of stderr can be drawn on: a line can be written over.
    pub(crate) fn ansi(&self) -> bool {
        std::env::var_os("TERM").is_none_or(|term| term != "dumb")
    }

    /// The room of the terminal that stderr is, if it can be drawn on: in colour, with the characters that blocks are made of, and over what was there.
    pub(crate) fn drawing_room(&self) -> Option<Room> {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let drawn_on = self.notes_to_person && !self.silent && self.ansi() && !plain && speaks_utf8(|name| std::env::var(name).ok());
        drawn_on.then(room).flatten()
    }

    /// The width of the terminal that stdout is; 80 where it is none.
    pub(crate) fn width(&self) -> usize {
        if self.to_person { columns(io::stdout()) } else { 80 }
    }

    /// How many lines the terminal has that stdout is; nothing where it is none, or does not say.
    pub(crate) fn height(&self) -> Option<usize> {
        self.to_person.then(height).flatten().filter(|rows| *rows > 0)
    }

    /// How wide text on stderr may be; nothing where no person reads it.
    pub(crate) fn note_width(&self) -> Option<usize> {
        self.notes_to_person.then(|| columns(io::stderr()).min(WIDEST_TEXT))
    }
}

/// How much fits on a terminal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    pub(crate) columns: usize,
    pub(crate) rows: usize,
}

/// Whether writing worked; that nobody reads is an end, and no error.
pub(crate) fn written(result: io::Result<()>) -> Result<(), Card> {
    result.map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Card::nobody_reads(),
        _ => Card::io("cannot write the output", &error, "check the disk, or where the output goes"),
    })
}

/// Colours, or none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paint(bool);

impl Paint {
    /// No colours.
    pub(crate) const fn plain() -> Self {
        Self(false)
    }

    pub(crate) fn bad(self, text: &str) -> String {
        self.with(AnsiColor::Red.on_default().bold(), text)
    }

    pub(crate) fn good(self, text: &str) -> String {
        self.with(AnsiColor::Green.on_default(), text)
    }

    pub(crate) fn warn(self, text: &str) -> String {
        self.with(AnsiColor::Yellow.on_default(), text)
    }

    pub(crate) fn accent(self, text: &str) -> String {
        self.with(AnsiColor::Cyan.on_default(), text)
    }

    pub(crate) fn strong(self, text: &str) -> String {
        self.with(Style::new().bold(), text)
    }

    pub(crate) fn dim(self, text: &str) -> String {
        self.with(Style::new().dimmed(), text)
    }

    /// Black on white, whatever the terminal's own colours are: a camera takes the one for ink and the other for paper.
    pub(crate) fn paper(self, text: &str) -> String {
        self.with(AnsiColor::Black.on(AnsiColor::BrightWhite), text)
    }

    /// One of a few colours, plain, bold or underlined: what has the same number looks alike, and no two of eighteen are the same.
    pub(crate) fn nth(self, number: usize, text: &str) -> String {
        const COLOURS: [AnsiColor; 6] =
            [AnsiColor::Cyan, AnsiColor::Yellow, AnsiColor::Magenta, AnsiColor::Green, AnsiColor::Blue, AnsiColor::Red];
        let colour = COLOURS[number % COLOURS.len()].on_default();
        let style = match number / COLOURS.len() % 3 {
            0 => colour,
            1 => colour.bold(),
            _ => colour.underline(),
        };
        self.with(style, text)
    }

    fn with(self, style: Style, text: &str) -> String {
        if self.0 && !text.is_empty() { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
}

/// Text broken at spaces, so that lines after the first are indented, and fit where a width is given.
pub(crate) fn hang(text: &str, indent: usize, width: Option<usize>) -> String {
    let Some(room) = width.map(|width| width.saturating_sub(indent)).filter(|&room| room >= 20) else {
        return text.to_owned();
    };
    let mut out = String::new();
    let mut used = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > room {
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            used = 0;
        } else if used > 0 {
            out.push(' ');
            used += 1;
        }
        out.push_str(word);
        used += length;
    }
    out
}

/// Text whose lines are no longer than that, if their words are not: what has room stays as it is, and what has not is broken at spaces, as
/// far in as it began. Our colours take no room.
fn wrapped(text: &str, width: usize) -> String {
    let line = |line: &str| {
        let words = line.trim_start_matches(' ');
        let indent = line.len() - words.len();
        if visible(line) <= width || width.saturating_sub(indent) < 20 {
            return line.to_owned();
        }
        let (mut out, mut used) = (" ".repeat(indent), indent);
        for (at, word) in words.split(' ').enumerate() {
            let length = visible(word);
            if at > 0 && used + 1 + length > width {
                out.push('\n');
                out.push_str(&" ".repeat(indent));
                used = indent;
            } else if at > 0 {
                out.push(' ');
                used += 1;
            }
            out.push_str(word);
            used += length;
        }
        out
    };
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

/// How many characters of a text are seen: all but those of our colours.
fn visible(text: &str) -> usize {
    let mut pieces = text.split("\u{1b}[");
    let first = pieces.next().map_or(0, |piece| piece.chars().count());
    let behind = |piece: &str| piece.split_once('m').map_or(0, |(_, rest)| rest.chars().count());
    first + pieces.map(behind).sum::<usize>()
}

/// Text with colours of ours, without all else that a terminal would obey. What was put together out of many places has been cleaned in each of them, or has not.
pub(crate) fn shown(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|c| !matches!(c, '\n' | '\t') && is_control(c)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let behind = rest.strip_prefix("\u{1b}[").unwrap_or_default();
        let colour = OUR_COLOURS.iter().find(|colour| behind.starts_with(**colour));
        let length = colour.map_or(c.len_utf8(), |colour| "\u{1b}[".len() + colour.len());
        if colour.is_some() || matches!(c, '\n' | '\t') || !is_control(c) {
            out.push_str(&rest[..length]);
        }
        rest = &rest[length..];
    }
    Cow::Owned(out)
}

/// What [`Paint`] begins and ends with.
const OUR_COLOURS: [&str; 12] = ["0m", "1m", "2m", "4m", "30m", "31m", "32m", "33m", "34m", "35m", "36m", "107m"];

/// Text of any length from outside without what a terminal would obey (C0 but line breaks and tabs, DEL, C1, bidirectional controls).
pub(crate) fn without_terminal_controls(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '\n' | '\t') || !is_control(c) {
            out.push(c);
        }
    }
    out
}

/// The same of JSON, whose strings may come from a server: there it is written as an escape (RFC 8259 §7), so that nothing is lost to whoever reads it. C0 is
/// escaped already, and a line break is between the strings.
pub(crate) fn json_without_terminal_controls(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '\n' | '\t') || !is_control(c) {
            out.push(c);
        } else {
            let mut units = [0; 2];
            out.extend(c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    out
}

/// Whether a terminal would obey it, or read what is beside it in another direction. Line breaks and tabs are such characters, too.
pub(crate) fn is_control(c: char) -> bool {
    // What the core takes out of short text is taken out of long text, too: one judgement of what is dangerous.
    c.is_control() || !c.is_ascii() && printable(c.encode_utf8(&mut [0; 4])).is_empty()
}

#[cfg(unix)]
fn room() -> Option<Room> {
    let size = rustix::termios::tcgetwinsize(io::stderr()).ok()?;
    Some(Room { columns: usize::from(size.ws_col), rows: usize::from(size.ws_row) })
}

#[cfg(not(unix))]
fn room() -> Option<Room> {
    None
}

#[cfg(unix)]
fn height() -> Option<usize> {
    rustix::termios::tcgetwinsize(io::stdout()).ok().map(|size| usize::from(size.ws_row))
}

#[cfg(not(unix))]
fn height() -> Option<usize> {
    None
}

/// Whether somebody asks for colours also where no terminal is (`CLICOLOR_FORCE`, `FORCE_COLOR`): for a pager, or the log of a build. `NO_COLOR` is
/// stronger: it is set by who cannot have them.
fn forced(variable: impl Fn(&str) -> Option<String>) -> bool {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    let on = |name: &str| set(name).is_some_and(|value| !matches!(value.as_str(), "0" | "false"));
    set("NO_COLOR").is_none() && (on("CLICOLOR_FORCE") || on("FORCE_COLOR"))
}

/// Whether the characters of the locale are those of UTF-8: the first of these that is set decides (POSIX, 8.2).
fn speaks_utf8(variable: impl Fn(&str) -> Option<String>) -> bool {
    let set = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| variable(name).filter(|value| !value.is_empty()));
    let set = set.unwrap_or_default().to_ascii_lowercase();
    set.contains("utf-8") || set.contains("utf8")
}

#[cfg(unix)]
fn columns(terminal: impl std::os::fd::AsFd) -> usize {
    let seen = rustix::termios::tcgetwinsize(terminal).map_or(0, |size| usize::from(size.ws_col));
    if seen >= 20 { seen } else { from_environment() }
}

#[cfg(not(unix))]
fn columns<T>(_: T) -> usize {
    from_environment()
}

fn from_environment() -> usize {
    std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok()).filter(|&columns| columns >= 20).unwrap_or(80)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_hang_below_the_first() {
        assert_eq!(hang("one two three four five six", 7, Some(27)), "one two three four\n       five six");
        assert_eq!(hang("one two", 7, None), "one two");
        assert_eq!(hang("a-word-that-is-longer-than-the-room", 0, Some(20)), "a-word-that-is-longer-than-the-room");
    }

    #[test]
    fn notes_are_broken_between_words_alone() {
        let coloured = Paint(true).good("made a vault");
        assert_eq!(wrapped(&format!("{coloured}, keep a copy of the key"), 25), format!("{coloured}, keep a copy\nof the key"));
        assert_eq!(wrapped("  two words and their indent", 22), "  two words and their\n  indent");
        assert_eq!(wrapped("one line\nhttps://a.example/a-long-address here", 20), "one line\nhttps://a.example/a-long-address\nhere");
        let columns = "a    b\n    c";
        assert_eq!(wrapped(columns, 80), columns);
    }

    #[test]
    fn k2_a_terminal_gets_nothing_to_obey() {
        assert_eq!(without_terminal_controls("a\u{1b}[31m\u{9b}2J\u{202e}\r\n\tb\u{7f}\u{85}é"), "a[31m2J\n\tbé");
    }

    #[test]
    fn colours_are_forced_by_either_name_and_never_against_no_color() {
        let forced =
            |set: &[(&str, &str)]| forced(|name| set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()));
        assert!(forced(&[("CLICOLOR_FORCE", "1")]) && forced(&[("FORCE_COLOR", "1")]) && forced(&[("FORCE_COLOR", "3"), ("NO_COLOR", "")]));
        for off in [&[][..], &[("CLICOLOR_FORCE", "0")], &[("FORCE_COLOR", "")], &[("FORCE_COLOR", "false")]] {
            assert!(!forced(off), "{off:?}");
        }
        assert!(!forced(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
    }

    #[test]
    fn the_locale_says_what_characters_are() {
        let speaks =
            |set: &[(&str, &str)]| speaks_utf8(|name| set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()));
        assert!(speaks(&[("LANG", "C.UTF-8")]) && speaks(&[("LC_ALL", ""), ("LC_CTYPE", "da_DK.utf8"), ("LANG", "C")]));
        assert!(!speaks(&[]) && !speaks(&[("LC_ALL", "C"), ("LANG", "C.UTF-8")]) && !speaks(&[("LANG", "de_DE.ISO-8859-1")]));
    }

    #[test]
    fn k2_of_what_is_put_together_our_colours_alone_are_left() {
        let paints: [&dyn Fn(&str) -> String; 4] =
            [&|text| Paint(true).bad(text), &|text| Paint(true).good(text), &|text| Paint(true).dim(text), &|text| Paint(true).paper(text)];
        for paint in paints {
            assert_eq!(shown(&paint("é\n\tb")), paint("é\n\tb"));
            assert_eq!(shown(&paint("a\u{1b}[2J\u{202e}")), paint("a[2J"));
        }
        assert_eq!(shown("\u{1b}[41mx\u{1b}[1;31my\u{1b}[\u{1b}\u{9b}31m\u{85}\u{200f}\r\n\0"), "[41mx[1;31my[31m\n");
    }

    #[test]
    fn what_is_counted_looks_different_up_to_eighteen_and_is_let_through() {
        let painted: std::collections::BTreeSet<String> = (0..18).map(|number| Paint(true).nth(number, "x")).collect();
        assert_eq!(painted.len(), 18);
        assert!(painted.iter().all(|text| shown(text) == *text), "{painted:?}");
    }

    #[test]
    fn without_colours_text_is_as_it_is() {
        assert_eq!(Paint::plain().bad("x"), "x");
        assert_eq!(Paint(true).dim(""), "");
    }
}
