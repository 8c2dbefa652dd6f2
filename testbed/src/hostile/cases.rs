//! The cases: eighty-one answers, by name, with what a client has to make of each and why.
//!
//! A case spoils the good answer of whatever endpoint it is asked at. What a client makes of it is said here as for a strict one at the token endpoint
//! (RFC 6749 §5.1); a test says where its endpoints differ.

use std::sync::LazyLock;

use super::good::{Good, Spoilt};
use super::wire;
use Spoilt::{Json, Surrogate, Text};
use Verdict::{Accept, InTime, Later, Refuse};

/// What a client has to make of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is good: nothing wrong with it, or nothing that matters.
    Accept,
    /// A typed error, and nothing of the answer is kept.
    Refuse,
    /// The same, and the error says that another try may succeed.
    Later,
    /// It never ends by itself: the client's own deadline has to end it.
    InTime,
}

/// A way to answer.
#[derive(Debug)]
pub struct Case {
    /// Its name, which is the beginning of the path that asks for it.
    pub name: &'static str,
    /// What a strict client makes of it.
    pub verdict: Verdict,
    /// Why.
    pub why: &'static str,
    pub(super) make: fn(&Good, &Place) -> Made,
}

impl Case {
    /// Finds a case by its name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        CASES.iter().find(|case| case.name == name)
    }
}

/// Where redirects point to.
pub(super) struct Place {
    pub(super) elsewhere: String,
}

/// What is sent.
pub(super) enum Made {
    /// These bytes, and no more.
    Whole(Vec<u8>),
    /// Nothing; the connection stays open.
    Silence,
    /// Nothing; the connection is torn.
    Reset,
    /// These, one at a time with pauses, and then this one for ever.
    Drip { bytes: Vec<u8>, then: u8 },
    /// These, and then the piece for ever, as fast as it goes.
    Flood { start: Vec<u8>, piece: Vec<u8> },
}

/// All of them.
pub static CASES: &[Case] = &[
    // What must still work.
    case("ok", Accept, "the RFC's form", |good, _| ok(good, &good.body())),
    case("type_case", Accept, "RFC 6749 §7.1: without regard to case", |good, _| ok(good, &good.with("token_type", Text(b"bEARER")))),
    case("no_expires", Accept, "RECOMMENDED, not REQUIRED", |good, _| ok(good, &good.without("expires_in"))),
    case("expires_string", Accept, "always tolerated", |good, _| ok(good, &good.with("expires_in", Text(b"3600")))),
    case("unknown_fields", Accept, "MUST be ignored", |good, _| ok(good, &good.with("zz", Json(r#"[1,{"a":null}]"#)))),
    case("charset", Accept, "parameters of the media type say nothing", |good, _| {
        whole("200 OK", &format!("{}; charset=UTF-8", good.media_type()), &good.body(), &[])
    }),
    case("set_cookie", Accept, "ignored: nobody keeps cookies", |good, _| {
        whole("200 OK", good.media_type(), &good.body(), &["set-cookie: sid=1; path=/"])
    }),
    case("status_201", Accept, "always tolerated", |good, _| whole("201 Created", good.media_type(), &good.body(), &[])),
    case("chunked", Accept, "RFC 9112 §7.1", |good, _| {
        Made::Whole(wire::framed(good.media_type(), "transfer-encoding: chunked\r\n", &wire::chunked(&good.body())))
    }),
    case("continue_100", Accept, "RFC 9110 §15.2: before the answer there may be others", |good, _| {
        let answer = wire::answer("200 OK", good.media_type(), &good.body(), &[]);
        Made::Whole([&b"HTTP/1.1 100 Continue\r\n\r\n"[..], &answer].concat())
    }),
    case("close_delimited", Accept, "RFC 9112 §6.3: the end of the connection is the end", |good, _| {
        Made::Whole(wire::framed(good.media_type(), "", &good.body()))
    }),
    // Bodies that are not what they should be.
    case("bom", Refuse, "RFC 8259 §8.1: no byte order mark", |good, _| ok(good, &[b"\xef\xbb\xbf", &good.body()[..]].concat())),
    case("form_encoded", Refuse, "a form is no JSON, unless a deviation lets it pass", |_, _| {
        whole("200 OK", "application/x-www-form-urlencoded", b"access_token=planted&token_type=bearer", &[])
    }),
    case("truncated", Refuse, "half an answer", |good, _| ok(good, &good.body()[..good.body().len() / 2])),
    case("empty", Refuse, "no answer", |good, _| ok(good, b"")),
    case("null", Refuse, "no object", |good, _| ok(good, b"null")),
    case("array", Refuse, "no object", |good, _| ok(good, b"[]")),
    case("string", Refuse, "no object", |good, _| ok(good, br#""x""#)),
    case("bad_utf8", Refuse, "no text", |good, _| spoilt(good, Text(b"\xff\xfe"))),
    case("lone_surrogate", Refuse, "no character", |good, _| spoilt(good, Surrogate)),
    case("nan", Refuse, "no JSON", |good, _| ok(good, &good.with("expires_in", Json("NaN")))),
    case("dup_key", Refuse, "which of the two is meant?", |good, _| ok(good, &good.twice())),
    case("trailing", Refuse, "two answers", |good, _| ok(good, &[&good.body()[..], b"{}"].concat())),
    case("no_token", Refuse, "REQUIRED", |good, _| ok(good, &good.without(good.main()))),
    case("empty_token", Refuse, "RFC 6749 Appendix A.12: at least one character", |good, _| spoilt(good, Text(b""))),
    case("token_number", Refuse, "no text", |good, _| spoilt(good, Json("1"))),
    case("token_object", Refuse, "no text", |good, _| spoilt(good, Json("{}"))),
    case("token_newline", Refuse, "header injection", |good, _| spoilt(good, Text(b"AT\r\nX-Evil: 1"))),
    case("token_nul", Refuse, "RFC 6749 Appendix A.12", |good, _| spoilt(good, Text(b"A\0T"))),
    case("token_unicode", Refuse, "text that is shown the other way round", |good, _| spoilt(good, Text("A\u{202e}T".as_bytes()))),
    case("token_space", Refuse, "RFC 6750 §2.1: no header carries it", |good, _| spoilt(good, Text(b"A T"))),
    case("type_mac", Refuse, "RFC 6749 §7.1: a type that is not known", |good, _| ok(good, &good.with("token_type", Text(b"mac")))),
    case("type_missing", Refuse, "REQUIRED", |good, _| ok(good, &good.without("token_type"))),
    case("type_dpop_unasked", Refuse, "RFC 9449 §5: nobody proved a key", |good, _| ok(good, &good.with("token_type", Text(b"DPoP")))),
    case("expires_neg", Refuse, "no lifetime", |good, _| ok(good, &good.with("expires_in", Json("-1")))),
    case("expires_huge", Accept, "cut to a century", |good, _| ok(good, &good.with("expires_in", Json("1000000000000000000000000000000")))),
    case("expires_float", Refuse, "beyond every number", |good, _| ok(good, &good.with("expires_in", Json("1e400")))),
    case("expires_overflow", Accept, "cut to a century, where arithmetic is safe", |good, _| {
        ok(good, &good.with("expires_in", Json("9223372036854775807")))
    }),
    case("scope_number", Refuse, "RFC 6749 §3.3 has text", |good, _| ok(good, &good.with("scope", Json("1")))),
    case("refresh_empty", Refuse, "RFC 6749 Appendix A.17: at least one character", |good, _| {
        ok(good, &good.with("refresh_token", Text(b"")))
    }),
    case("html", Refuse, "a page for people", |_, _| whole("200 OK", "text/html", b"<html>login</html>", &[])),
    case("deep", Refuse, "nesting that a stack does not hold", |good, _| ok(good, &[b'['; 200_000])),
    case("token_8mb", Refuse, "over every cap", |good, _| spoilt(good, Text(&vec![b'A'; 8_000_000]))),
    case("wrong_ct", Refuse, "a page that says it is one", |good, _| whole("200 OK", "text/html", &good.body(), &[])),
    case("status_204", Refuse, "no content is no token", |_, _| Made::Whole(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec())),
    // Errors.
    case("err_200", Refuse, "an error, whatever the status says", |_, _| json("200 OK", br#"{"error":"invalid_grant"}"#)),
    case("err_grant", Refuse, "RFC 6749 §5.2", |_, _| json("400 Bad Request", br#"{"error":"invalid_grant","error_description":"x"}"#)),
    case("err_escape", Refuse, "RFC 6749 §5.2, dressed up for terminals and pages", |_, _| {
        json(
            "400 Bad Request",
            br#"{"error":"invalid_grant","error_description":"\u001b]0;pwn\u0007\u001b[31m\r\n<script>alert(1)</script>\u202e","error_uri":"javascript:alert(1)"}"#,
        )
    }),
    case("err_1mb", Refuse, "RFC 6749 §5.2, without end", |_, _| {
        json("400 Bad Request", &[br#"{"error":"x","error_description":""#, &vec![b'A'; 1_000_000][..], br#""}"#].concat())
    }),
    case("err_nonjson", Refuse, "no proper error", |_, _| json("400 Bad Request", b"oops")),
    case("err_empty", Refuse, "no proper error", |_, _| json("400 Bad Request", b"")),
    case("err_array", Refuse, "no proper error", |_, _| json("400 Bad Request", b"[1]")),
    case("err_echo_secret", Refuse, "what it echoes is taken out of what is shown", |_, _| {
        let echo = br#"{"error":"invalid_client","error_description":"bad secret SECRET-IN-ERROR refresh-1-not-real"}"#;
        json("401 Unauthorized", echo)
    }),
    case("err_500", Later, "the server's trouble", |_, _| json("500 Internal Server Error", b"{}")),
    case("rate_429", Later, "too many", |_, _| whole("429 Too Many Requests", JSON, br#"{"error":"slow_down"}"#, &["retry-after: 1"])),
    case("retry_huge", Later, "nobody is put to sleep for three thousand years", |_, _| {
        whole("503 Service Unavailable", JSON, b"{}", &["retry-after: 99999999999"])
    }),
    case("retry_date", Later, "nor until the year 9999", |_, _| {
        whole("503 Service Unavailable", JSON, b"{}", &["retry-after: Fri, 31 Dec 9999 23:59:59 GMT"])
    }),
    // Redirects: a request with secrets in it goes where we send it, and nowhere else.
    case("redir_301", Refuse, "never followed with secrets", |_, place| redirect("301 Moved Permanently", &place.elsewhere)),
    case("redir_302", Refuse, "never followed with secrets", |_, place| redirect("302 Found", &place.elsewhere)),
    case("redir_303", Refuse, "never followed with secrets", |_, place| redirect("303 See Other", &place.elsewhere)),
    case("redir_307", Refuse, "never followed with secrets", |_, place| redirect("307 Temporary Redirect", &place.elsewhere)),
    case("redir_308", Refuse, "never followed with secrets", |_, place| redirect("308 Permanent Redirect", &place.elsewhere)),
    case("redir_file", Refuse, "never followed, least of all there", |_, _| redirect("302 Found", "file:///etc/passwd")),
    // Framing (RFC 9112): two readers that disagree on where an answer ends.
    case("cl_short", Refuse, "half an answer, and five bytes of another", |good, _| {
        let length = format!("content-length: {}\r\n", good.body().len() - 5);
        Made::Whole(wire::framed(good.media_type(), &length, &good.body()))
    }),
    case("cl_long", Refuse, "an answer that was cut off", |good, _| {
        let length = format!("content-length: {}\r\n", good.body().len() + 50);
        Made::Whole(wire::framed(good.media_type(), &length, &good.body()))
    }),
    case("cl_and_te", Refuse, "RFC 9112 §6.1: smuggling", |good, _| {
        whole("200 OK", good.media_type(), &good.body(), &["transfer-encoding: chunked"])
    }),
    case("cl_two", Refuse, "RFC 9112 §6.3: which of the two?", |good, _| {
        whole("200 OK", good.media_type(), &good.body(), &["content-length: 5"])
    }),
    case("cl_huge", Refuse, "an answer of ninety terabytes", |good, _| {
        Made::Whole(wire::framed(good.media_type(), "content-length: 99999999999999\r\n", b"{"))
    }),
    case("bad_chunk", Refuse, "RFC 9112 §7.1: no length", |good, _| {
        Made::Whole(wire::framed(good.media_type(), "transfer-encoding: chunked\r\n", b"ZZ\r\n"))
    }),
    case("not_http", Refuse, "another protocol", |_, _| Made::Whole(b"SSH-2.0-OpenSSH\r\n".to_vec())),
    case("header_256k", Refuse, "a head without measure", |good, _| {
        whole("200 OK", good.media_type(), &good.body(), &[&format!("x: {}", "A".repeat(262_144))])
    }),
    case("headers_10k", Refuse, "a head without measure", |good, _| {
        let lines: Vec<_> = (0..10_000).map(|at| format!("x{at}: 1")).collect();
        whole("200 OK", good.media_type(), &good.body(), &lines.iter().map(String::as_str).collect::<Vec<_>>())
    }),
    case("header_nul", Refuse, "RFC 9110 §5.5", |good, _| whole("200 OK", good.media_type(), &good.body(), &["x: a\0b"])),
    case("reset", Refuse, "nothing came", |_, _| Made::Reset),
    case("gzip_bomb", Refuse, "compressed, and nobody asked", |good, _| {
        static BOMB: LazyLock<Vec<u8>> = LazyLock::new(wire::bomb);
        whole("200 OK", good.media_type(), &BOMB, &["content-encoding: gzip"])
    }),
    case("gzip_bad", Refuse, "says it is compressed, and is not", |good, _| {
        whole("200 OK", good.media_type(), b"\x1f\x8bxxxx", &["content-encoding: gzip"])
    }),
    // Answers without end.
    case("infinite", Refuse, "over every cap, sooner or later", |good, _| Made::Flood {
        start: wire::framed(good.media_type(), "", b""),
        piece: vec![b' '; 65_536],
    }),
    case("slow_headers", InTime, "a byte now and then", |_, _| Made::Drip { bytes: b"HTTP/1.1 200 OK\r\nx: ".to_vec(), then: b'a' }),
    case("slow_body", InTime, "a byte now and then", |good, _| Made::Drip {
        bytes: wire::framed(good.media_type(), "content-length: 100000\r\n", b""),
        then: b' ',
    }),
    case("silent", InTime, "nothing at all", |_, _| Made::Silence),
    case("info_flood", InTime, "RFC 9110 §15.2: announcements, and never an answer", |_, _| Made::Flood {
        start: Vec::new(),
        piece: b"HTTP/1.1 103 Early Hints\r\n\r\n".to_vec(),
    }),
];

const JSON: &str = "application/json";

const fn case(name: &'static str, verdict: Verdict, why: &'static str, make: fn(&Good, &Place) -> Made) -> Case {
    Case { name, verdict, why, make }
}

fn whole(status: &str, media_type: &str, body: &[u8], more: &[&str]) -> Made {
    Made::Whole(wire::answer(status, media_type, body, more))
}

fn ok(good: &Good, body: &[u8]) -> Made {
    whole("200 OK", good.media_type(), body, &[])
}

fn json(status: &str, body: &[u8]) -> Made {
    whole(status, JSON, body, &[])
}

fn spoilt(good: &Good, value: Spoilt<'_>) -> Made {
    ok(good, &good.with(good.main(), value))
}

fn redirect(status: &str, to: &str) -> Made {
    whole(status, JSON, b"", &[&format!("location: {to}/taken")])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn there_are_eighty_one_and_each_has_a_name_of_its_own() {
        assert_eq!(CASES.len(), 81);
        assert_eq!(CASES.iter().map(|case| case.name).collect::<BTreeSet<_>>().len(), 81);
    }
}
