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
        let is_wrong =
            |segment: &String| segment.is_empty() || segment.contains('*') && segment != "*" || segment.contains(char::is_whitespace);
        (!segments.iter().any(is_wrong)).then_some(Self { method, segments, open })
    }

    /// The method of the call. One that is a GET carries calls of that method alone.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// Whether a call is one of these, by its path below the base URL, however that is spelt: a server may take `%24batch`, `$BATCH` and `$batch/` alike.
    pub fn is(&self, method: &Method, path: &str) -> bool {
        let method = if method == Method::HEAD { &Method::GET } else { method };
        let path = path.strip_prefix('/').unwrap_or(path);
        let mut given = path.strip_suffix('/').unwrap_or(path).split('/');
        let fits = self.segments.iter().all(|wanted| given.next().is_some_and(|segment| wanted == "*" || *wanted == read(segment)));
        *method == self.method && fits && (given.next().is_some() == self.open)
    }
}

/// A segment as the most lenient server has it.
fn read(segment: &str) -> String {
    String::from_utf8_lossy(&encode::percent_decode(segment.as_bytes())).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn l14_a_call_that_carries_others_is_one_however_it_is_spelt() {
        let call = BatchCall::parse("POST /*/$batch").expect("a call");
        for path in ["/v1.0/$batch", "/beta/%24batch", "/v1.0/$BATCH", "/v1.0/$batch/"] {
            assert!(call.is(&Method::POST, path), "{path}");
        }
        for path in ["/$batch", "/v1.0/me/$batch", "/v1.0/$batches", "/v1.0/$batch/1", "/v1.0", "/"] {
            assert!(!call.is(&Method::POST, path), "{path}");
        }
        assert!(!call.is(&Method::GET, "/v1.0/$batch"));
        let below = BatchCall::parse("POST /batch/**").expect("a call");
        assert!(below.is(&Method::POST, "/batch/drive/v3") && !below.is(&Method::POST, "/batch"));
        let reads = BatchCall::parse("GET /1/batch").expect("a call");
        assert!(reads.is(&Method::GET, "/1/batch") && reads.is(&Method::HEAD, "/1/batch") && !reads.is(&Method::POST, "/1/batch"));
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
