//! The words, texts and signs of a script: Python's, and of its like as far as that goes. Nothing is run, and what is no program at all comes out as words.

use std::collections::HashMap;

use zeroize::Zeroizing;

/// A piece of a script.
pub(super) struct Token<'a> {
    pub(super) is: Is<'a>,
    pub(super) line: usize,
    /// How many brackets are open around it.
    pub(super) depth: usize,
    /// Whether statements may stand here: outside of brackets, or in the braces of a function.
    pub(super) is_statements: bool,
}

/// What it is.
pub(super) enum Is<'a> {
    Word(&'a str),
    Number(&'a str),
    /// A text, without its quotes; whether what stands in braces in it is put in (`f"…"`, `` `…` ``).
    Text(Zeroizing<String>, bool),
    Sign(char),
    /// The end of a line, outside of brackets.
    End,
}

/// What a script is written as.
pub(super) struct Written<'a> {
    /// In their order.
    pub(super) tokens: Vec<Token<'a>>,
    /// Without what is commented out, and that alone: each line is where it was.
    pub(super) code: Zeroizing<String>,
    pub(super) comments: Zeroizing<String>,
}

pub(super) fn written(text: &str) -> Written<'_> {
    let mut found = Vec::new();
    let (mut code, mut comments) = (Zeroizing::new(String::new()), Zeroizing::new(String::new()));
    let (mut rest, mut line, mut open_signs) = (text, 1, Vec::new());
    let dialect = Dialect::of(text);
    let (mut open, mut closes) = (Open::new(), true);
    while let Some(c) = rest.chars().next() {
        let (mut is, mut is_comment) = (None, false);
        let mut length = c.len_utf8();
        if c == '\n' {
            if begins_anew(&rest[1..]) {
                open_signs.clear();
            }
            is = (open_signs.is_empty() || open_signs.last() == Some(&'{') && is_statement(&rest[1..])).then_some(Is::End);
        } else if let Some(comment) = comment(rest, &text[..text.len() - rest.len()], &mut closes) {
            length = comment.len();
            is_comment = true;
        } else if let Some((behind, inside, formatted)) = literal(rest, dialect, &mut open) {
            length = rest.len() - behind.len();
            is = Some(Is::Text(inside, formatted));
        } else if c.is_alphabetic() || matches!(c, '_' | '$') {
            length = rest.find(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '$')).unwrap_or(rest.len());
            is = Some(Is::Word(if dialect == Dialect::Php { rest[..length].trim_start_matches('$') } else { &rest[..length] }));
        } else if c.is_ascii_digit() {
            length = rest.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '.')).unwrap_or(rest.len());
            is = Some(Is::Number(&rest[..length]));
        } else if ["->", "::", "?."].iter().any(|sign| rest.starts_with(sign)) {
            // What belongs to something, as Python says it.
            (is, length) = (Some(Is::Sign('.')), 2);
        } else if !c.is_whitespace() {
            if matches!(c, ')' | ']' | '}') {
                open_signs.pop();
            }
            is = Some(Is::Sign(if c == '.' && dialect == Dialect::Php { '+' } else { c }));
        }
        let opens = matches!(is, Some(Is::Sign('(' | '[' | '{')));
        if let Some(is) = is {
            let is_statements = open_signs.last().is_none_or(|open| *open == '{');
            found.push(Token { is, line, depth: open_signs.len(), is_statements });
        }
        if opens {
            open_signs.push(c);
        }
        let (piece, behind) = rest.split_at(length);
        let lines = piece.matches('\n').count();
        if is_comment {
            piece.split_inclusive('\n').for_each(|line| comments.push_str(line.trim_start_matches([' ', '\t', '#', '/', '*'])));
            code.push_str(&"\n".repeat(lines));
        } else {
            code.push_str(piece);
            comments.push_str(&"\n".repeat(lines));
        }
        line += lines;
        rest = behind;
    }
    found.push(Token { is: Is::End, line, depth: 0, is_statements: true });
    Written { tokens: found, code, comments }
}

/// The comment that begins here: Python's, and those of JavaScript and its like, where Python would have no `//`.
fn comment<'a>(text: &'a str, before: &str, closes: &mut bool) -> Option<&'a str> {
    let begins = || before.trim_end_matches([' ', '\t']).chars().next_back().is_none_or(|c| "\n;,{}".contains(c));
    if text.starts_with('#') || text.starts_with("//") && begins() {
        return Some(&text[..text.find('\n').unwrap_or(text.len())]);
    }
    // Where one is not closed none behind it is, and is not looked for again.
    let inside = text.strip_prefix("/*").filter(|_| *closes)?;
    let end = inside.find("*/");
    *closes = end.is_some();
    end.map(|end| &text[..end + 4])
}

/// Whose way of filling texts it has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dialect {
    /// Python's, JavaScript's.
    Usual,
    /// `"…$name…"`, and texts one behind the other with a dot.
    Php,
    /// `"…#{name}…"`.
    Ruby,
}

impl Dialect {
    fn of(text: &str) -> Self {
        let mut lines = text.lines().map(str::trim_start);
        if text.contains("<?php") {
            Self::Php
        } else if text.lines().next().is_some_and(|first| first.starts_with("#!") && first.contains("ruby"))
            || lines.any(|line| line == "end" || line.starts_with("require '") || line.starts_with("require \""))
        {
            Self::Ruby
        } else {
            Self::Usual
        }
    }
}

/// Whether a line in braces begins a statement, and is no member of a dictionary.
fn is_statement(line: &str) -> bool {
    let line = line.trim_start_matches([' ', '\t']);
    let word = line.find(|c: char| !c.is_ascii_alphanumeric() && !"_.$".contains(c)).unwrap_or(line.len());
    ["const ", "let ", "var ", "return", "await ", "if ", "for "].iter().any(|word| line.starts_with(word))
        || word > 0 && line[word..].starts_with(" = ")
}

/// Whether a line is a statement whatever was left open before it: a bracket in prose, or in what is no Python.
fn begins_anew(line: &str) -> bool {
    let word = line.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(line.len());
    ["def ", "class ", "import ", "from "].iter().any(|word| line.starts_with(word))
        || line.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && line[word..].starts_with(" = ")
}

/// Of each kind of quotes (which, how many, whether a backslash is one), how much of the text was left where one was given up that nothing closes. Whoever
/// begins in between is not read again: `'\'\'\'…` would be read to its end from each of its quotes.
type Open = HashMap<(String, bool), usize>;

/// The text in quotes that begins here: what is behind it, what it says, and whether braces in it are filled.
fn literal<'a>(text: &'a str, dialect: Dialect, open: &mut Open) -> Option<(&'a str, Zeroizing<String>, bool)> {
    let start = text.char_indices().take(3).find(|(_, c)| matches!(c, '"' | '\'' | '`'))?.0;
    let prefix = &text[..start];
    if !prefix.chars().all(|c| "rRbBfFuU".contains(c)) {
        return None;
    }
    let (quote, template) = (&text[start..=start], text[start..].starts_with('`'));
    let three = quote.repeat(3);
    let is_long = !template && text[start..].starts_with(&three);
    let end = if is_long { three.as_str() } else { quote };
    let (raw, mut said) = (prefix.contains(['r', 'R']), Zeroizing::new(String::new()));
    let mut rest = &text[start + end.len()..];
    let kind = (end.to_owned(), raw);
    if open.get(&kind).is_some_and(|left| rest.len() > *left) {
        return None;
    }
    loop {
        if let Some(behind) = rest.strip_prefix(end) {
            let fills = match (dialect, quote) {
                (Dialect::Ruby, "\"" | "`") => Some("#{"),
                (Dialect::Php, "\"") => {
                    said = in_braces(&said);
                    Some("${")
                }
                (_, "`") => Some("${"),
                _ => None,
            };
            let filled = fills.is_some() || prefix.contains(['f', 'F']);
            return Some((behind, fills.map_or_else(|| said.clone(), |opens| filled_by_name(&said, opens)), filled));
        }
        let mut chars = rest.chars();
        match chars.next() {
            None => return given_up(open, kind, rest),
            Some('\n') if !is_long => return given_up(open, kind, rest),
            Some('\\') if !raw => match chars.next() {
                None => return given_up(open, kind, rest),
                Some('n') => said.push('\n'),
                Some('t') => said.push('\t'),
                Some('\n') => {}
                Some(other) => said.push(other),
            },
            Some(other) => said.push(other),
        }
        rest = chars.as_str();
    }
}

/// `$name`, `{$name}` and `$this->name` of PHP as JavaScript has them.
fn in_braces(said: &str) -> Zeroizing<String> {
    let mut pieces = said.split('$');
    let mut text = Zeroizing::new(pieces.next().unwrap_or_default().to_owned());
    for piece in pieces {
        let word = |text: &str| text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
        let in_braces = text.ends_with('{').then(|| piece.split_once('}')).flatten();
        let (name, behind) = match in_braces {
            Some(inside) => {
                text.pop();
                inside
            }
            None if piece.starts_with('{') => {
                text.push('$');
                text.push_str(piece);
                continue;
            }
            None => {
                let name = word(piece);
                let member = piece[name..].strip_prefix("->").map_or(0, |member| 2 + word(member));
                piece.split_at(if member > 2 { name + member } else { name })
            }
        };
        text.push_str(&if name.is_empty() { "$".to_owned() } else { format!("${{{}}}", name.replace("->", ".")) });
        text.push_str(behind);
    }
    text
}

/// `${…}` of JavaScript as Python has it: a brace alone is a sign there.
fn filled_by_name(said: &str, opens: &str) -> Zeroizing<String> {
    let mut pieces = said.split(opens);
    let plain = |text: &str| text.replace('{', "{{").replace('}', "}}");
    let mut text = Zeroizing::new(plain(pieces.next().unwrap_or_default()));
    for piece in pieces {
        let (name, behind) = piece.split_once('}').unwrap_or((piece, ""));
        text.push_str(&format!("{{{name}}}{}", plain(behind)));
    }
    text
}

fn given_up<T>(open: &mut Open, kind: (String, bool), rest: &str) -> Option<T> {
    open.insert(kind, rest.len());
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let one = |token: &Token<'_>| match &token.is {
            Is::Word(word) => (*word).to_owned(),
            Is::Number(number) => format!("#{number}"),
            Is::Text(text, filled) => format!("{}<{}>", if *filled { "f" } else { "" }, text.as_str()),
            Is::Sign(sign) => sign.to_string(),
            Is::End => ";".to_owned(),
        };
        written(text).tokens.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn texts_are_read_as_python_reads_them() {
        assert_eq!(shown("a = f'{b}/c' # it's\nd(\n 7,\n \"e\\\"f\")"), "a = f<{b}/c> ; d ( #7 , <e\"f> ) ;");
        assert_eq!(shown("x = '''a\nb''' + r'\\n'"), "x = <a\nb> + <\\n> ;");
        assert_eq!(shown("it's `a/${b}`"), "it ' s f<a/{b}> ;");
        assert_eq!(shown("see (this\na = 'b'"), "see ( this ; a = <b> ;");
        assert_eq!(shown("«é» 'open"), "« é » ' open ;");
        assert_eq!(shown("it's \\'a\nb = 'c'"), "it ' s \\ ' a ; b = <c> ;");
    }

    #[test]
    fn other_languages_are_read_as_python_has_it() {
        assert_eq!(shown("<?php\n$a->b = \"c/$d/{$e}/$f->g{h}\" . X::Y;"), "< ? php ; a . b = f<c/{d}/{e}/{f.g}{{h}}> + X . Y ; ;");
        assert_eq!(shown("require 'a'\nb = \"c/#{d}{e}\" + '#{f}'"), "require <a> ; b = f<c/{d}{{e}}> + <#{f}> ;");
        assert_eq!(shown("f(() => {\n const a = 'b'\n const c = a?.d\n})"), "f ( ( ) = > { ; const a = <b> ; const c = a . d } ) ;");
    }

    #[test]
    fn comments_are_no_tokens_and_stand_apart() {
        let read = written("a = 'x#y' # b\n// c = 'd'\ne = f // 2; // g\n/* h\n * i */ j('http://k')");
        assert_eq!(read.comments.as_str(), "b\nc = 'd'\ng\nh\ni */");
        assert_eq!(read.code.as_str(), "a = 'x#y' \n\ne = f // 2; \n\n j('http://k')");
    }

    #[test]
    fn each_has_its_line_and_how_deep_it_is() {
        let found = written("a(\n[b]\n)\nc");
        let places: Vec<_> = found.tokens.iter().map(|token| (token.line, token.depth)).collect();
        assert_eq!(places, [(1, 0), (1, 0), (2, 1), (2, 2), (2, 1), (3, 0), (3, 0), (4, 0), (4, 0)]);
    }
}
