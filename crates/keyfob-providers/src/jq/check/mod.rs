//! Which jq expressions a provider file may have: those that are known to end, and soon.
//!
//! jq can loop for ever (`def`, `reduce`, `repeat`, `range` …), read the environment and the clock, and blow up a small
//! answer (`[., .] | [., .] | …` doubles each time, `"x" * 1000000000`, `.[] as $a | .[] as $b | …` is a power). None of that is
//! needed to say where in an answer the rows are. So the syntax tree is read before anything runs, and what is not on the
//! lists below is refused:
//!
//! * functions by name, from [`FUNCTIONS`];
//! * no definitions, folds, labels, recursion or assignments;
//! * `*` between numbers only, and known to be numbers: `(.level | tonumber) * 100`;
//! * no iteration over what a variable holds, or over `.` inside `EXPRESSION[] as $x | …`, and no generator as an operand:
//!   a result is read through once, not once for each of its parts;
//! * no more than [`MOST_COPIES`] copies of the input in the output, where what an expression adds to each part of something counts as a copy for each
//!   character: parts can be as small as that, and `split("") | join("…")` would be all separators.

mod words;

use jaq_core::load::lex::{Lexer, StrPart, Tok, Token};
use jaq_core::load::parse::{BinaryOp, Parser, Pattern, Term};
use jaq_core::ops::Math;
use jaq_core::path::Part;

use self::words::{FORBIDDEN_WORDS, FUNCTIONS, NUMERIC, instead_of_format};
pub(super) use self::words::{IMPURE, is_loaded};
use crate::nearest;

/// Why an expression is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// What was found.
    pub(crate) message: String,
    /// What to do instead.
    pub(crate) hint: Option<String>,
    /// Where in the expression, in bytes.
    pub(crate) at: Option<usize>,
}

/// Longer than this is no longer an expression but a program.
const LONGEST: usize = 2000;

/// The deepest nesting of brackets.
const DEEPEST: usize = 40;

/// The most words and signs: each operator may be one more step down for the parser.
const MOST_TOKENS: usize = 300;

/// The most prefixes, which nest without brackets.
const MOST_PREFIXES: usize = 40;

/// How many copies of its input an expression may make.
const MOST_COPIES: u64 = 2048;

/// Checks an expression that may use these variables.
pub(super) fn check(text: &str, globals: &[&str]) -> Result<(), Refusal> {
    let refusal = |message: String, hint: Option<&str>, at| Refusal { message, hint: hint.map(str::to_owned), at };
    if text.len() > LONGEST {
        return Err(refusal(format!("a jq expression of {} bytes (at most {LONGEST})", text.len()), None, None));
    }
    // The parser works by recursion: the depth is bounded before it starts.
    if let Some(at) = too_deep(text) {
        return Err(refusal(format!("a jq expression that nests deeper than {DEEPEST}"), None, Some(at)));
    }
    let offset = |part: &str| (part.as_ptr() as usize).checked_sub(text.as_ptr() as usize).filter(|&at| at <= text.len());
    let tokens = Lexer::new(text).lex().map_err(|errors| match errors.first() {
        Some((expected, found)) => refusal(format!("jq that does not parse: expected {}", expected.as_str()), None, offset(found)),
        None => refusal("jq that does not parse".to_owned(), None, None),
    })?;
    let (mut all, mut prefixes) = (0, 0);
    count(&tokens, &mut all, &mut prefixes);
    if all > MOST_TOKENS || prefixes > MOST_PREFIXES {
        return Err(refusal("a jq expression of too many words and signs".to_owned(), Some("make more columns, or a simpler row"), None));
    }
    let term = Parser::new(&tokens).parse(|parser| parser.term()).map_err(|errors| {
        // Words that begin something else than an expression are what a person meant, not what comes after them.
        let forbidden = |word: &&str| FORBIDDEN_WORDS.iter().find(|(name, _)| name == word);
        let begins = tokens.first().map(|token| token.0).and_then(|word| forbidden(&word).map(|found| (word, found)));
        if let Some((word, (name, hint))) = begins {
            return refusal(format!("jq with {name}, which is not allowed here"), Some(hint), offset(word));
        }
        let Some((expected, found)) = errors.first() else { return refusal("jq that does not parse".to_owned(), None, None) };
        let (word, at) = found.map_or(("the end", Some(text.len())), |token| (token.0, offset(token.0)));
        let word: String = word.chars().take(20).collect();
        refusal(format!("jq that does not parse: expected {}, found {word}", expected.as_str()), None, at)
    })?;
    let mut checker = Checker { text, variables: globals.iter().map(|name| ((*name).to_owned(), false)).collect() };
    let shape = checker.term(&term, false)?;
    if shape.copies > MOST_COPIES {
        return Err(refusal(
            format!("a jq expression that may make {} copies of its input (at most {MOST_COPIES})", shape.copies),
            Some("repeat `.` less often"),
            None,
        ));
    }
    Ok(())
}

/// What is known about the results of a term.
#[derive(Clone, Copy)]
struct Shape {
    /// How many copies of the input the results can hold, at most.
    copies: u64,
    /// How many characters of the expression's own they can hold beside, at most.
    own: u64,
    /// Whether there can be several results.
    many: bool,
    /// Whether iterating over a result would read the same thing once more for each part of something else.
    again: bool,
    /// Whether each result is a number, or an error.
    number: bool,
}

impl Shape {
    const ONE: Self = Self { copies: 1, own: 0, many: false, again: false, number: false };

    /// How much larger something can get when each of its parts becomes this: no part is smaller than a character.
    fn each(self) -> u64 {
        self.copies.saturating_add(self.own)
    }

    /// What becomes of the results in a second term, which runs once for each of them.
    fn into(self, second: Self) -> Self {
        let many = self.many || second.many;
        let (copies, own) = if self.many {
            (self.copies.saturating_mul(second.each()), self.own.saturating_mul(second.each()))
        } else {
            (self.copies.saturating_mul(second.copies), self.own.saturating_mul(second.copies).saturating_add(second.own))
        };
        Self { copies, own, many, ..second }
    }

    /// The size of both together.
    fn beside(self, other: Self) -> Self {
        Self { copies: self.copies.saturating_add(other.copies), own: self.own.saturating_add(other.own), ..self }
    }
}

fn length(text: &str) -> u64 {
    text.chars().count() as u64
}

struct Checker<'a> {
    text: &'a str,
    /// Names in scope; whether iterating over what they hold reads again what others read.
    variables: Vec<(String, bool)>,
}

impl Checker<'_> {
    /// Checks a term whose input may (`again`) be read many times over.
    fn term(&mut self, term: &Term<&str>, again: bool) -> Result<Shape, Refusal> {
        let here = Shape { again, ..Shape::ONE };
        match term {
            Term::Id => Ok(here),
            Term::Num(digits) => Ok(Shape { number: true, own: length(digits), ..Shape::ONE }),
            Term::Recurse => Err(self.refuse("..", "recursion (..)", "name the path: .a.b[]")),
            Term::Def(..) => Err(self.refuse("def", "a definition (def)", "write the expression out")),
            Term::Fold(name, ..) => Err(self.refuse(name, &format!("a fold ({name})"), "use map, add, min, max, any or all")),
            Term::Label(..) | Term::Break(_) => Err(self.refuse("label", "a label", "use first(…) or limit(…; …)")),
            Term::Str(Some(format), _) => Err(self.unknown_format(format)),
            Term::Str(None, parts) => {
                let mut shape = Shape::ONE;
                for part in parts {
                    match part {
                        StrPart::Term(term) => shape = shape.beside(self.single(term, again, "part of a string")?),
                        StrPart::Str(text) => shape.own = shape.own.saturating_add(length(text)),
                        StrPart::Char(_) => shape.own = shape.own.saturating_add(1),
                    }
                }
                Ok(shape)
            }
            Term::Arr(None) => Ok(Shape::ONE),
            Term::Arr(Some(items)) => Ok(Shape { many: false, number: false, ..self.term(items, again)? }),
            Term::Obj(members) => {
                let mut shape = here;
                for (key, value) in members {
                    let key = self.single(key, again, "key of an object")?;
                    let value = match value {
                        Some(value) => self.single(value, again, "value of an object")?,
                        None => Shape { again, ..Shape::ONE },
                    };
                    shape = shape.beside(key).beside(value);
                    shape.again |= value.again;
                }
                Ok(shape)
            }
            Term::Neg(term) => Ok(Shape { number: true, ..self.single(term, again, "operand of -")? }),
            Term::BinOp(left, op, right) => self.operation(left, op, right, again),
            Term::TryCatch(term, catch) => {
                let shape = self.term(term, again)?;
                Ok(match catch {
                    Some(catch) => either(shape, self.term(catch, false)?),
                    None => shape,
                })
            }
            Term::IfThenElse(cases, otherwise) => {
                let mut shape: Option<Shape> = None;
                let mut conditions = 0u64;
                for (condition, then) in cases {
                    conditions = conditions.saturating_add(self.single(condition, again, "condition")?.copies);
                    let then = self.term(then, again)?;
                    shape = Some(shape.map_or(then, |shape| either(shape, then)));
                }
                let otherwise = match otherwise {
                    Some(otherwise) => self.term(otherwise, again)?,
                    None => here,
                };
                let mut shape = shape.map_or(otherwise, |shape| either(shape, otherwise));
                shape.copies = shape.copies.max(conditions);
                Ok(shape)
            }
            Term::Call(name, arguments) => self.call(name, arguments, again),
            Term::Var(name) => {
                let Some((_, again)) = self.variables.iter().rev().find(|(known, _)| known == name) else {
                    let names: Vec<&str> = self.variables.iter().map(|(known, _)| known.as_str()).collect();
                    let hint = nearest::suggest(name, names.iter().copied());
                    return Err(Refusal { message: format!("jq with the unknown variable {name}"), hint, at: self.find(name) });
                };
                Ok(Shape { again: *again, ..Shape::ONE })
            }
            Term::Path(base, path) => {
                let mut shape = self.term(base, again)?;
                for (part, _) in &path.0 {
                    match part {
                        Part::Index(index) => {
                            let index = self.single(index, again, "index")?;
                            shape.copies = shape.copies.saturating_add(index.copies - 1);
                        }
                        Part::Range(None, None) => {
                            if shape.again {
                                return Err(self.refuse(
                                    "[]",
                                    "an iteration inside another one over the same thing",
                                    "iterate once: .a[] | .b[]",
                                ));
                            }
                            shape.many = true;
                        }
                        Part::Range(from, to) => {
                            for bound in from.iter().chain(to) {
                                self.single(bound, again, "bound of a slice")?;
                            }
                        }
                    }
                    shape.number = false;
                }
                Ok(shape)
            }
        }
    }

    fn operation(&mut self, left: &Term<&str>, op: &BinaryOp<&str>, right: &Term<&str>, again: bool) -> Result<Shape, Refusal> {
        match op {
            BinaryOp::Pipe(None) => {
                let first = self.term(left, again)?;
                let second = self.term(right, first.again)?;
                Ok(first.into(second))
            }
            BinaryOp::Pipe(Some(pattern)) => {
                let bound = self.term(left, again)?;
                let before = self.variables.len();
                self.bind(pattern)?;
                // The body runs once for each bound value, on the same input each time.
                let body = self.term(right, again || bound.many);
                self.variables.truncate(before);
                let body = body?;
                Ok(bound.into(body))
            }
            BinaryOp::Comma => {
                let (left, right) = (self.term(left, again)?, self.term(right, again)?);
                Ok(Shape { many: true, again: left.again || right.again, number: left.number && right.number, ..left.beside(right) })
            }
            BinaryOp::Alt => {
                let (left, right) = (self.term(left, again)?, self.term(right, again)?);
                Ok(either(left, right))
            }
            BinaryOp::Or | BinaryOp::And | BinaryOp::Cmp(_) | BinaryOp::Math(_) => {
                let (left, right) = (self.single(left, again, "operand")?, self.single(right, again, "operand")?);
                let numbers = left.number && right.number;
                if matches!(op, BinaryOp::Math(Math::Mul)) && !numbers {
                    return Err(self.refuse(
                        "*",
                        "a multiplication of what may be no numbers",
                        "say that they are numbers: (.a | tonumber) * 100",
                    ));
                }
                let is_math = matches!(op, BinaryOp::Math(_));
                let both = Shape { many: false, again: left.again || right.again, number: numbers && is_math, ..left.beside(right) };
                // A comparison is `true` or `false`, whatever was compared.
                Ok(if is_math { both } else { Shape { own: 0, ..both } })
            }
            BinaryOp::Assign | BinaryOp::Update | BinaryOp::UpdateMath(_) | BinaryOp::UpdateAlt => {
                Err(self.refuse("=", "an assignment", "build a new object: . + {a: 1}"))
            }
        }
    }

    fn call(&mut self, name: &str, arguments: &[Term<&str>], again: bool) -> Result<Shape, Refusal> {
        if !FUNCTIONS.contains(&(name, arguments.len())) {
            return Err(self.unknown(name, arguments.len()));
        }
        let iterates = matches!(
            (name, arguments.len()),
            ("map" | "sort_by" | "group_by" | "unique_by" | "min_by" | "max_by" | "with_entries" | "any" | "all", 1)
                | ("add" | "any" | "all" | "to_entries" | "from_entries" | "keys" | "keys_unsorted", 0)
        );
        if iterates && again {
            return Err(self.refuse(name, &format!("{name} inside an iteration over the same thing"), "iterate once: .a[] | .b"));
        }
        let mut shape = Shape { again, number: NUMERIC.contains(&name), ..Shape::ONE };
        for argument in arguments {
            let argument = if matches!(name, "first" | "last" | "limit" | "add" | "select" | "any" | "all") || iterates {
                self.term(argument, again)?
            } else {
                self.single(argument, again, "argument")?
            };
            let copies = if matches!(name, "map" | "with_entries") { argument.each() } else { argument.copies };
            shape.copies = shape.copies.saturating_mul(copies);
            // What others are told is looked for, or compared with.
            if matches!(name, "first" | "last" | "limit" | "add") {
                shape.own = shape.own.saturating_add(argument.own);
            }
            shape.again |= argument.again;
            shape.many |= argument.many && matches!(name, "limit" | "select");
        }
        match (name, arguments) {
            // It stands behind each part.
            ("join", [separator]) => shape.copies = self.separator(separator)?.max(1),
            // A quote becomes two characters, those become four, and so on.
            ("tostring", _) => shape.copies = 2,
            // Each member becomes one that has a `key` and a `value`.
            ("to_entries", _) => shape.copies = 3,
            _ => {}
        }
        Ok(shape)
    }

    /// The length of what stands between parts. A part of the input there would be in the output once for each other one.
    fn separator(&self, term: &Term<&str>) -> Result<u64, Refusal> {
        match term {
            Term::Str(None, parts) if !parts.iter().any(|part| matches!(part, StrPart::Term(_))) => {
                Ok(parts.iter().map(|part| if let StrPart::Str(text) = part { length(text) } else { 1 }).sum())
            }
            _ => Err(self.refuse("join", "join by what is not written out", "join by a text: join(\", \")")),
        }
    }

    /// A term that must not give several results here: each would be combined with each of its neighbour's.
    fn single(&mut self, term: &Term<&str>, again: bool, role: &str) -> Result<Shape, Refusal> {
        let shape = self.term(term, again)?;
        if shape.many {
            return Err(Refusal {
                message: format!("jq with several results as {role}"),
                hint: Some("put it into an array, [ … ], or take first( … )".to_owned()),
                at: None,
            });
        }
        Ok(shape)
    }

    fn bind(&mut self, pattern: &Pattern<&str>) -> Result<(), Refusal> {
        match pattern {
            Pattern::Var(name) => self.variables.push(((*name).to_owned(), true)),
            Pattern::Arr(patterns) => {
                for pattern in patterns {
                    self.bind(pattern)?;
                }
            }
            Pattern::Obj(members) => {
                for (key, pattern) in members {
                    self.single(key, true, "key of a pattern")?;
                    // `{$name}` comes as the variable in the place of the key.
                    if let Term::Var(name) = key {
                        self.variables.push(((*name).to_owned(), true));
                    }
                    self.bind(pattern)?;
                }
            }
        }
        Ok(())
    }

    fn unknown_format(&self, format: &str) -> Refusal {
        self.refuse(format, &format!("the format {format}"), instead_of_format(format))
    }

    fn unknown(&self, name: &str, count: usize) -> Refusal {
        // Alone, without a string behind it, it is read as a call.
        if name.starts_with('@') {
            return self.unknown_format(name);
        }
        if let Some((_, hint)) = FORBIDDEN_WORDS.iter().find(|(word, _)| *word == name) {
            return self.refuse(name, name, hint);
        }
        if let Some((_, wanted)) = FUNCTIONS.iter().find(|(known, _)| *known == name) {
            return Refusal { message: format!("{name} with {count} arguments (it has {wanted})"), hint: None, at: self.find(name) };
        }
        let near = nearest::nearest(name, FUNCTIONS.iter().map(|(known, _)| *known));
        let hint = Some(match (near, count) {
            // The commonest slip: a member of the answer without its dot.
            (Some(known), 0) => format!("did you mean {known}, or the member .{name}?"),
            (None, 0) => format!("a member is written with a dot: .{name}; functions are {}", words::all()),
            (Some(known), _) => format!("did you mean {known}?"),
            (None, _) => format!("allowed are paths, arithmetic, strings, and the functions {}", words::all()),
        });
        Refusal { message: format!("jq with {name}, which is not allowed here"), hint, at: self.find(name) }
    }

    fn refuse(&self, part: &str, what: &str, hint: &str) -> Refusal {
        Refusal { message: format!("jq with {what}, which is not allowed here"), hint: Some(hint.to_owned()), at: self.find(part) }
    }

    /// Where a part of the text is: exactly, if it is a piece of it, and otherwise its first occurrence.
    fn find(&self, part: &str) -> Option<usize> {
        let exact = (part.as_ptr() as usize).checked_sub(self.text.as_ptr() as usize).filter(|&at| at < self.text.len());
        exact.or_else(|| self.text.find(part))
    }
}

fn either(left: Shape, right: Shape) -> Shape {
    Shape {
        copies: left.copies.max(right.copies),
        own: left.own.max(right.own),
        many: left.many || right.many,
        again: left.again || right.again,
        number: left.number && right.number,
    }
}

/// Counts the tokens, and those that take what follows them as their operand.
fn count(tokens: &[Token<&str>], all: &mut usize, prefixes: &mut usize) {
    for Token(text, token) in tokens {
        *all += 1;
        match token {
            Tok::Block(tokens) => count(tokens, all, prefixes),
            Tok::Str(parts) => {
                for part in parts {
                    if let StrPart::Term(token) = part {
                        count(std::slice::from_ref(token), all, prefixes);
                    }
                }
            }
            _ => *prefixes += usize::from(matches!(*text, "try" | "if" | "-" | "reduce" | "foreach" | "def" | "label" | "as")),
        }
    }
}

/// Where brackets nest too deep for a lexer that works by recursion.
fn too_deep(text: &str) -> Option<usize> {
    let mut depth = 0usize;
    for (at, c) in text.char_indices() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEEPEST {
            return Some(at);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> Refusal {
        check(text, &["$args", "$index"]).expect_err(text)
    }

    #[test]
    fn what_tables_need_is_allowed() {
        for good in [
            ".",
            ".body.devices[] | .station_name as $station | (., .modules[]) | {station: $station} + .",
            "to_entries[] | .value + {id: .key}",
            ".device[]? | select(.type == \"device\") | .name // \"unnamed\"",
            "if .state == 1 then \"on\" elif .state == 16 then \"dimmed to \\((.statevalue | tonumber) * 100 / 255 | round) %\" else \"off\" end",
            ".body[] | .beg_time as $t | (.step_time // 0) as $s | .value | to_entries[] | {time: ($t + (.key | tonumber) * ($s | tonumber))}",
            "[.users | to_entries[] | .value.FirstName] | join(\", \")",
            ".values[$index]",
            "first(.a[], .b[])",
            "try (.a | tonumber) catch null",
        ] {
            assert_eq!(check(good, &["$args", "$index"]), Ok(()), "{good}");
        }
    }

    #[test]
    fn what_may_not_end_is_refused() {
        for (bad, word) in [
            ("def f: f; f", "def"),
            ("reduce .[] as $x (0; . + $x)", "reduce"),
            ("foreach .[] as $x (0; . + $x)", "foreach"),
            ("recurse", "recurse"),
            ("..", ".."),
            (".a | ..", ".."),
            ("[.[] | (1 | repeat(.))]", "repeat"),
            ("while(true; .)", "while"),
            ("until(false; .)", "until"),
            ("range(1000000000)", "range"),
            ("[limit(3; range(5))]", "range"),
            ("input", "input"),
            ("[inputs]", "inputs"),
            ("env.HOME", "env"),
            ("$ENV.HOME", "$ENV"),
            ("now", "now"),
            ("label $out | break $out", "label"),
            ("walk(.)", "walk"),
            ("fromjson", "fromjson"),
            ("halt", "halt"),
            (".a |= 1", "assignment"),
            (".a = 1", "assignment"),
            ("@base64", "@base64"),
            ("import \"a\" as a; .", "import"),
            ("include \"a\"; .", "include"),
        ] {
            let refusal = refused(bad);
            assert!(refusal.message.contains(word), "{bad}: {refusal:?}");
        }
    }

    #[test]
    fn what_blows_up_is_refused() {
        for bad in [
            "[., .] | [., .] | [., .] | [., .] | [., .] | [., .] | [., .] | [., .] | [., .] | [., .] | [., .] | [., .]",
            "\"\\(.)\\(.)\" | \"\\(.)\\(.)\\(.)\\(.)\\(.)\\(.)\\(.)\\(.)\" | \"\\(.)\\(.)\\(.)\\(.)\\(.)\\(.)\\(.)\\(.)\" | .+.+.+.+.+.+.+.+.+.+.+.+.+.+.+.+.+.+.",
            "\"x\" * 1000000000",
            ".name * 1000",
            ".[] as $a | .[] as $b | 1",
            ". as $d | $d[] | $d[] | 1",
            ". as $d | [.[] | $d | map(.)]",
            ".[] + .[]",
            "{a: .[], b: .[]}",
            "\"\\(.[])\\(.[])\"",
            ". as $x | split(\"\") | join($x)",
            "split(\"\") | join(.[0])",
        ] {
            refused(bad);
        }
        // Small parts, and something more for each of them; a few times over. A copy of the input is in none of them twice.
        let long = "a".repeat(35);
        for stage in [
            format!("split(\"\") | join(\"{long}\")"),
            format!("split(\"a\") | join(\"{long}\")"),
            format!("split(\"\") | map(. + \"{long}\") | add"),
            format!("split(\"\") | map(\"{long}\") | add"),
            format!("[split(\"\")[] | \"{long}\"] | add"),
            format!("split(\"\") | map({{\"{long}\": 1}}) | tostring"),
            "split(\"\") | map(10000000000000000000 | tostring) | add".to_owned(),
        ] {
            assert_eq!(check(&format!(".name | {stage}"), &[]), Ok(()), "once: {stage}");
            refused(&[stage.as_str(); 4].join(" | "));
        }
        assert_eq!(check("[.a] | tostring", &[]), Ok(()));
        refused(&["[.] | tostring"; 12].join(" | "));
        refused(
            "to_entries | map(to_entries) | map(map(to_entries)) | map(map(map(to_entries))) | map(map(map(map(to_entries)))) | map(map(map(map(map(to_entries))))) | map(map(map(map(map(map(to_entries))))))",
        );
        refused(&"(".repeat(1000));
        refused(&".".repeat(5000));
    }

    #[test]
    fn a_refusal_says_where_and_what_instead() {
        let refusal = refused(".a | rang(3)");
        assert_eq!((refusal.message.as_str(), refusal.at), ("jq with rang, which is not allowed here", Some(5)));
        let refusal = refused(".a | selct(.b)");
        assert_eq!(refusal.hint.as_deref(), Some("did you mean select?"));
        for nothing_like_it in [".a | frobnicate", ".a | frobnicate(.b; 1)"] {
            let hint = refused(nothing_like_it).hint.expect("a hint");
            let named = |name: &&str| hint.contains(&format!(" {name},"));
            assert!(["select", "startswith", "with_entries"].iter().all(|name| named(name) || hint.ends_with(name)), "{hint}");
            assert!(!named(&"null") && hint.matches("first").count() == 1, "each once, and no values: {hint}");
        }
        assert_eq!(refused(".a | map").at, Some(5));
        assert_eq!(refused(".a |").at, Some(4));
        assert!(refused("$arg").hint.is_some_and(|hint| hint.contains("$args")));
    }

    /// What people know from jq and will write: each is told what to write here, and that is allowed.
    #[test]
    fn what_jq_has_and_this_has_not_comes_with_a_way_around() {
        for (asked, instead) in [
            (".[] | select(.name | test(\"^a\"))", ".[] | select(.name | startswith(\"a\"))"),
            (".name | gsub(\"a\"; \"b\")", ".name | split(\"a\") | join(\"b\")"),
            ("del(.token)", "{id, name}"),
            (".[] | [.id, .name] | @tsv", ".[] | [.id, .name] | map(tostring) | join(\"\\t\")"),
            (".[] | @json", ".[] | tostring"),
        ] {
            let hint = refused(asked).hint.expect("a hint");
            let part = instead.rsplit_once(" | ").map_or(instead, |(_, last)| last);
            assert!(hint.contains(part.split('(').next().unwrap_or(part)), "{asked}: {hint}");
            assert_eq!(check(instead, &[]), Ok(()), "{instead}");
        }
    }

    #[test]
    fn deep_syntax_does_not_exhaust_the_stack() {
        for piece in ["try ", "-", ".a|", ". as $x|", "if . then ", "first(", "\"\\(", "{a:", ".[", "not,", "reduce ", "1+", ".a//"] {
            let _ = check(&piece.repeat(LONGEST / piece.len()), &[]);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_judged_without_panic(text in "[-a-z.|,\\[\\](){}$\\\\\"0-9 +*/?:;=@]{0,60}") {
            let _ = check(&text, &["$args"]);
        }

        #[test]
        fn any_unicode_is_judged_without_panic(text: String) {
            let _ = check(&text, &[]);
        }
    }
}
