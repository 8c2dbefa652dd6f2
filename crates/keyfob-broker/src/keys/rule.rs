//! What a key may do: `GET,POST /users/*/locks/**`.
//!
//! Nothing is allowed that no rule names. A rule is about methods and paths; the query is not part of it, nor is the body: an API that takes its
//! orders in the query (Telldus does for some) is as open as the paths that a rule leaves open.

use std::fmt;
use std::str::FromStr;

use http::Method;
use keyfob::proto::{Misuse, scrub};
use keyfob_providers::nearest;

use super::path::Path;

/// What a rule may name: the methods of RFC 9110 §9.3, but for CONNECT and TRACE, and PATCH (RFC 5789).
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// Methods and a pattern of paths.
#[derive(Clone, PartialEq, Eq)]
pub struct Rule {
    /// Empty: every method.
    methods: Box<[Method]>,
    /// As it is written, in its one spelling. Each key in use has some: a piece of memory for every segment would take three times as much.
    path: Box<str>,
    /// `**` at the end: whatever comes after that slash.
    open: bool,
}

/// A segment that stands for any text, but not for none.
const ANY: &str = "*";

impl Rule {
    /// Whether a request is what this rule allows. HEAD goes with GET: it says less.
    pub(crate) fn allows(&self, method: &Method, path: &Path) -> bool {
        let asked = if method == Method::HEAD { &Method::GET } else { method };
        if !self.methods.is_empty() && !self.methods.contains(method) && !self.methods.contains(asked) {
            return false;
        }
        let mut given = path.segments();
        let fits = self.segments().all(|wanted| match given.next() {
            Some(segment) if wanted == ANY => !segment.is_empty(),
            segment => segment == Some(wanted),
        });
        // `/locks/**` needs the slash: `/locks` alone is another path.
        fits && (given.next().is_some() == self.open)
    }

    /// Whether it allows every request of this method.
    pub(crate) fn allows_all(&self, method: &Method) -> bool {
        self.open && self.path.is_empty() && (self.methods.is_empty() || self.methods.contains(method))
    }

    /// A request that it allows, to be shown: capitals stand for what whoever asks has to say.
    pub(crate) fn example(&self) -> (Method, String) {
        let method = self.methods.first().filter(|_| !self.methods.contains(&Method::GET)).cloned().unwrap_or(Method::GET);
        let segments = self.segments().map(|segment| if segment == ANY { "ID" } else { segment });
        let path = segments.chain(self.open.then_some("PATH")).fold(String::new(), |path, segment| path + "/" + segment);
        (method, path)
    }

    fn segments(&self) -> impl Iterator<Item = &str> {
        // Before each there is a slash.
        self.path.split('/').skip(1)
    }
}

impl FromStr for Rule {
    type Err = Misuse;

    fn from_str(text: &str) -> Result<Self, Misuse> {
        Self::read(text, |name| method(name).filter(|method| METHODS.contains(&method.as_str())))
    }
}

impl Rule {
    /// One that was taken before: with whatever word it has for a method. A key is listed and revoked as it is.
    pub(crate) fn kept(text: &str) -> Result<Self, Misuse> {
        Self::read(text, method)
    }

    fn read(text: &str, method: impl Fn(&str) -> Option<Method>) -> Result<Self, Misuse> {
        let wrong = |found: String| {
            Misuse::new("a rule such as GET /users/*/locks/**", found)
                .with_hint("methods with commas between them (or * for all), a space, and a path; * is one segment, ** at the end the rest")
        };
        let text = text.trim();
        let (methods, pattern) = text.split_once(char::is_whitespace).ok_or_else(|| wrong(format!("\"{}\"", scrub::printable(text))))?;
        let methods = match methods {
            "*" => Box::default(),
            named => named.split(',').map(|name| method(name).ok_or_else(|| wrong(unknown(name)))).collect::<Result<_, _>>()?,
        };
        let pattern = pattern.trim_start();
        let (closed, open) = match pattern.strip_suffix("/**") {
            Some(closed) => (closed, true),
            None => (pattern, false),
        };
        // An asterisk inside a name would be taken for a pattern by whoever reads it.
        if closed.split('/').any(|segment| segment.contains('*') && segment != ANY) {
            return Err(wrong("an asterisk that is not a whole segment".to_owned()).with_hint("write %2A for one that belongs to the path"));
        }
        let path: Box<str> = if closed.is_empty() && open {
            Box::default()
        } else {
            Path::read(closed).map_err(|why| wrong(format!("a path that is refused: {why}")))?.as_str().into()
        };
        // `/a//**` would have read as an empty segment.
        if open && path.ends_with('/') {
            return Err(wrong("a path with an empty segment (//)".to_owned()));
        }
        Ok(Self { methods, path, open })
    }
}

/// A word that is mistyped would make a key that opens nothing.
fn unknown(name: &str) -> String {
    let name = name.trim();
    let shown = scrub::printable(name);
    match nearest(name, METHODS) {
        Some(near) => format!("the method \"{shown}\"; did you mean {near}?"),
        None => format!("the method \"{shown}\"; known: {}, or * for all", METHODS.join(", ")),
    }
}

/// In any case of letters, where a person writes it. What has no path, and what shows the request to whoever asks, is nobody's.
fn method(name: &str) -> Option<Method> {
    let method = Method::from_bytes(name.trim().to_ascii_uppercase().as_bytes()).ok()?;
    let is_word = method.as_str().bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-');
    (is_word && method != Method::CONNECT && method != Method::TRACE).then_some(method)
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.methods.is_empty() {
            f.write_str("*")?;
        }
        for (at, method) in self.methods.iter().enumerate() {
            write!(f, "{}{method}", if at > 0 { "," } else { "" })?;
        }
        write!(f, " {}{}", self.path, if self.open { "/**" } else { "" })
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rule({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_is_what_its_rule_allows() {
        for (text, method, path) in [
            ("GET /users/locks", "GET", "/users/locks"),
            ("PUT,GET /users/*/locks/**", "GET", "/users/ID/locks/PATH"),
            ("PUT,DELETE /locks/*", "PUT", "/locks/ID"),
            ("* /**", "GET", "/PATH"),
        ] {
            let rule: Rule = text.parse().expect(text);
            let example = rule.example();
            assert_eq!((example.0.as_str(), example.1.as_str()), (method, path), "{text}");
            assert!(rule.allows(&example.0, &Path::read(&example.1).expect(text)), "{text}");
        }
    }

    #[test]
    fn a_rule_for_every_path_is_one_for_all_of_a_method() {
        for (rule, get, post) in [
            ("* /**", true, true),
            ("GET /**", true, false),
            ("GET,POST /**", true, true),
            ("* /a/**", false, false),
            ("* /*", false, false),
        ] {
            let rule: Rule = rule.parse().expect(rule);
            assert_eq!((rule.allows_all(&Method::GET), rule.allows_all(&Method::POST)), (get, post), "{rule}");
        }
    }

    fn allows(rule: &str, method: &str, path: &str) -> bool {
        let rule: Rule = rule.parse().unwrap_or_else(|error| panic!("{rule}: {error}"));
        rule.allows(&method.parse().expect("a method"), &Path::read(path).unwrap_or_else(|why| panic!("{path}: {why}")))
    }

    #[test]
    fn a_rule_is_methods_and_a_path() {
        assert!(allows("GET /users/locks", "GET", "/users/locks"));
        assert!(allows("GET /users/locks", "HEAD", "/users/locks"));
        assert!(allows("get,PUT /users/locks", "PUT", "/users/%6cocks"));
        assert!(!allows("GET,PUT /users/locks", "POST", "/users/locks"));
        assert!(!allows("PUT /users/locks", "HEAD", "/users/locks"));
        assert!(allows("* /users/locks", "DELETE", "/users/locks"));
        assert!(allows("GET /", "GET", "/") && !allows("GET /", "GET", "/x"));
    }

    #[test]
    fn l14_another_case_method_or_ending_is_another_request() {
        for other in crate::keys::payloads::OTHERS {
            assert!(!allows("GET /users/locks", "GET", other), "{other}");
        }
        for method in ["get", "Get", "GETS", "OPTIONS", "PROPFIND"] {
            assert!(!allows("GET /users/locks", method, "/users/locks"), "{method}");
        }
    }

    #[test]
    fn asterisks_are_whole_segments() {
        assert!(allows("GET /users/*/locks", "GET", "/users/1/locks"));
        assert!(!allows("GET /users/*/locks", "GET", "/users/1/2/locks"));
        assert!(!allows("GET /users/*", "GET", "/users/"));
        assert!(!allows("GET /users/*", "GET", "/users/1/"));
        for path in ["/users/locks/", "/users/locks/1", "/users/locks/1/2/", "/users/locks/a%20b"] {
            assert!(allows("GET /users/locks/**", "GET", path), "{path}");
        }
        for path in ["/users/locks", "/users/lockspicker", "/users", "/"] {
            assert!(!allows("GET /users/locks/**", "GET", path), "{path}");
        }
        assert!(allows("GET /**", "GET", "/") && allows("GET /**", "GET", "/a/b/"));
        assert!(allows("GET /*/**", "GET", "/a/b") && !allows("GET /*/**", "GET", "/a"));
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        for text in [
            "",
            "GET",
            "/users",
            "GET users",
            "GET  ",
            "CONNECT /",
            "TRACE /",
            "G€T /",
            "GET, /x",
            "GET /a*",
            "GET /**/a",
            "GET /a/**b",
            "GET /a/../b",
            "GET /a//b",
            "GET /a//**",
            "GET //**",
            "GET /a?b=c",
            "GET https://a.example/",
            "GET /a/***",
            "GET /%2e%2e/**",
            "G1T /a",
            "GETT /a",
            "FOO /a",
            "GET,PROPFIND /a",
        ] {
            assert!(text.parse::<Rule>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_mistyped_method_is_told_with_the_nearest() {
        for (text, hint) in
            [("GETT /a", "did you mean GET?"), ("get,dlete /a", "did you mean DELETE?"), ("QWXYZ /a", "PATCH, DELETE, OPTIONS, or *")]
        {
            let error = text.parse::<Rule>().expect_err("no such method").to_string();
            assert!(error.contains(hint), "{text}: {error}");
        }
        for name in METHODS {
            assert!(format!("{name} /a").parse::<Rule>().is_ok(), "{name}");
        }
    }

    #[test]
    fn a_key_that_was_taken_before_can_still_be_read() {
        assert_eq!(Rule::kept("GETT /a").expect("as it was").to_string(), "GETT /a");
        assert!(Rule::kept("TRACE /a").is_err() && Rule::kept("G1T /a").is_err());
    }

    #[test]
    fn a_rule_is_written_as_it_is_read() {
        for text in ["GET /users/locks/**", "GET,PUT /a/*", "* /**", "GET /", "PATCH /a/"] {
            assert_eq!(text.parse::<Rule>().expect("a rule").to_string(), text);
        }
        assert_eq!("get  /%61".parse::<Rule>().expect("a rule").to_string(), "GET /a");
    }
}
