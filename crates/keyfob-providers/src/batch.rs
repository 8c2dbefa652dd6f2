//! Calls that carry other calls, each with a method and a path of its own: who judges a call by its own judges none of those.

use http::Method;
use keyfob_proto::encode;

/// How a provider takes such calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Parameters of the query and fields of a body that hold other calls, at whichever path.
    pub fields: Vec<String>,
    /// The calls whose bodies (of a GET, the query) hold others.
    pub calls: Vec<BatchCall>,
}

/// Such a call: `POST /*/$batch`. A segment `*` is any one, and `/**` at the end whatever comes after that slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchCall {
    method: Method,
    segments: Vec<String>,
    open: bool,
}

impl BatchCall {
    /// Reads one, as a provider file has it.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (method, path) = text.split_once(' ')?;
        let method = [Method::GET, Method::POST, Method::PUT, Method::PATCH].into_iter().find(|known| known.as_str() == method)?;
        let (path, open) = path.strip_suffix("/**").map_or((path, false), |closed| (closed, true));
        if path.is_empty() {
            return open.then_some(Self { method, segments: Vec::new(), open });
        }
        let segments: Vec<String> = path.strip_prefix('/')?.split('/').map(read).collect();
        // A place as other documents write one would be a name that no call has, and let all of them by.
        let is_place = |segment: &str| segment.starts_with(':') || segment.contains(['{', '}', '<', '>']);
        let is_wrong = |segment: &String| {
            segment.is_empty()
                || segment.contains('*') && segment != "*"
                || segment.contains(|c: char| c.is_whitespace() || c == '?' || c == '#')
                || is_place(segment)
        };
        (!segments.iter().any(is_wrong)).then_some(Self { method, segments, open })
    }

    /// The method of the call. One that is a GET carries calls of that method alone.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// Whether a call is one of these, by its path below the base URL, however that is spelt: a server may take `%24batch`, `$BATCH`, `$batch/`, `$batch.` and
    /// `$batch.json` alike. Where servers differ it is one: then somebody's call is refused that carried nothing, and no call goes by that carries what nobody judged.
    pub fn is(&self, method: &Method, path: &str) -> bool {
        let method = if method == Method::HEAD { &Method::GET } else { method };
        if *method != self.method {
            return false;
        }
        let mut given: Vec<String> = path.strip_prefix('/').unwrap_or(path).split('/').map(read).collect();
        // A slash at the end, or a name that some file systems make nothing of.
        while given.last().is_some_and(String::is_empty) {
            given.pop();
        }
        let mut given = given.iter();
        let fits = self.segments.iter().all(|wanted| given.next().is_some_and(|segment| wanted == "*" || is_same(wanted, segment)));
        fits && (given.next().is_some() == self.open)
    }
}

/// A segment as the most lenient server has it: decoded until nothing is left to be decoded, in one case and one width of letters, without blanks around it and
/// dots at its end, which Windows and what runs on it cut off.
fn read(segment: &str) -> String {
    let mut bytes = segment.as_bytes().to_vec();
    loop {
        let decoded = encode::percent_decode(&bytes);
        if decoded.len() == bytes.len() {
            break;
        }
        bytes = decoded;
    }
    let text: String = String::from_utf8_lossy(&bytes).chars().map(narrow).collect();
    // By way of capitals: to a server that compares those, `ſ` is an `s`.
    let text = text.to_uppercase().to_lowercase();
    text.trim_start().trim_end_matches(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '.' | '+')).to_owned()
}

/// Letters of full width become those of ASCII where text is normalised, or brought into a code page.
fn narrow(c: char) -> char {
    let wide = ('\u{ff01}'..='\u{ff5e}').contains(&c);
    wide.then(|| char::from_u32(u32::from(c) - 0xfee0)).flatten().unwrap_or(c)
}

/// Whether a segment names this, perhaps with what is no part of the name to everybody: a format (`.json`), parameters (`;v=1`), arguments (`()`).
fn is_same(wanted: &str, segment: &str) -> bool {
    let stem = segment.strip_prefix(wanted);
    stem.is_some_and(|rest| rest.chars().next().is_none_or(|c| c.is_whitespace() || c.is_control() || ".;(:,!".contains(c)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn l14_a_call_that_carries_others_is_one_however_it_is_spelt() {
        let call = BatchCall::parse("POST /*/$batch").expect("a call");
        for path in [
            "/v1.0/$batch",
            "/beta/%24batch",
            "/v1.0/$BATCH",
            "/v1.0/$batch/",
            "/v1.0/$batch//",
            "/v1.0/$batch/%20",
            "/v1.0/$batch.",
            "/v1.0/$batch...",
            "/v1.0/$batch%2E",
            "/v1.0/$batch%20",
            "/v1.0/%20$batch",
            "/v1.0/$batch%20.%20",
            "/v1.0/$batch+",
            "/v1.0/$batch%c2%a0",
            "/v1.0/$batch%00",
            "/v1.0/$batch%00.png",
            "/v1.0/$batch./",
            "/v1.0/$batch.json",
            "/v1.0/$batch;v=1",
            "/v1.0/$batch%3Bv=1",
            "/v1.0/$batch()",
            "/v1.0/%2524batch",
            "/v1.0/$%25%36%32atch",
            "/v1.0/%ef%bc%84batch",
            "/v1.0/$%ef%bd%82atch",
        ] {
            assert!(call.is(&Method::POST, path), "{path}");
        }
        for path in ["/$batch", "/v1.0/me/$batch", "/v1.0/$batches", "/v1.0/$batch/1", "/v1.0/$batch-1", "/v1.0/a$batch", "/v1.0", "/"] {
            assert!(!call.is(&Method::POST, path), "{path}");
        }
        assert!(!call.is(&Method::GET, "/v1.0/$batch"));
        let below = BatchCall::parse("POST /batch/**").expect("a call");
        assert!(below.is(&Method::POST, "/batch/drive/v3") && !below.is(&Method::POST, "/batch"));
        let reads = BatchCall::parse("GET /1/batch").expect("a call");
        assert!(reads.is(&Method::GET, "/1/batch") && reads.is(&Method::HEAD, "/1/batch") && !reads.is(&Method::POST, "/1/batch"));
        let spelt = BatchCall::parse("POST /crm/*/__composite_requests").expect("a call");
        assert!(spelt.is(&Method::POST, "/CRM/v2.1/__compo\u{17f}ite_requests") && !spelt.is(&Method::POST, "/crm/v2/composite"));
        assert!(BatchCall::parse("POST /**").expect("a call").is(&Method::POST, "/a/b"));
    }

    #[test]
    fn what_is_no_call_is_refused() {
        for text in [
            "",
            "/batch",
            "POST",
            "POST batch",
            "POST ",
            "post /batch",
            "DELETE /batch",
            "POST /a//b",
            "POST /a*",
            "POST /**/a",
            "POST /a b",
            "POST /a/",
        ] {
            assert_eq!(BatchCall::parse(text), None, "{text}");
        }
    }
}
