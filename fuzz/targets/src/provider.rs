//! What the targets share: one provider of each kind, strict or with every deviation, a login under way at it, and what no error may show.

use http::Response;
use keyfob_proto::{Answer, App, Deviation, Endpoint, Error, Flow, Settings, Timestamp, oauth1, oauth2};

pub(crate) const NOW: Timestamp = Timestamp::from_unix(1_795_000_000);
pub(crate) const CALLBACK: &str = "http://127.0.0.1:8123/callback";
/// The secrets of a login. In a body, `{secret}` and `{code}` stand for them: a server may send back what it was sent.
pub(crate) const CLIENT_SECRET: &str = "sandbox-secret-not-real";
pub(crate) const CODE: &str = "code-not-real-0123456789";

/// An answer from bytes: status, content type and deviations by the first three letters, the body by the rest.
pub(crate) struct Answered {
    pub(crate) lenient: bool,
    pub(crate) response: Response<Vec<u8>>,
}

const STATUS: [u16; 10] = [200, 201, 204, 302, 400, 401, 403, 429, 500, 503];
const TYPES: [&str; 6] =
    ["application/json", "application/x-www-form-urlencoded", "text/plain", "text/html", "application/problem+json", ""];

impl Answered {
    /// `None`: too few bytes.
    pub(crate) fn read(data: &[u8]) -> Option<Self> {
        let (&[status, kind, lenient], body) = data.split_first_chunk()?;
        let pick = |letter: u8, from: usize| usize::from(letter.wrapping_sub(b'0')) % from;
        let mut builder = Response::builder().status(STATUS[pick(status, STATUS.len())]);
        let kind = TYPES[pick(kind, TYPES.len())];
        if !kind.is_empty() {
            builder = builder.header("content-type", kind);
        }
        let body = replace(&replace(body, b"{secret}", CLIENT_SECRET), b"{code}", CODE);
        Some(Self { lenient: pick(lenient, 2) == 1, response: builder.body(body).expect("a status and a header of ours") })
    }
}

pub(crate) fn replace(text: &[u8], name: &[u8], value: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.windows(name.len()).position(|window| window == name) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(value.as_bytes());
        rest = &rest[at + name.len()..];
    }
    out.extend_from_slice(rest);
    out
}

/// An error says none of the secrets that were sent when it came, and holds nothing that a terminal would obey.
pub(crate) fn judge_error(error: &Error, sent: &[&str]) {
    let texts = [error.to_string(), format!("{error:?}"), error.hint()];
    for text in &texts {
        assert!(sent.iter().all(|secret| !text.contains(secret)), "a secret is shown: {text:?}");
        let odd = |c: char| c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        assert!(!text.contains(odd), "{text:?}");
        assert!(text.len() < 16 * 1024, "an error of {} bytes", text.len());
    }
}

/// Every request draws the same: what is fuzzed has to happen again.
pub(crate) fn entropy(buffer: &mut [u8]) {
    buffer.fill(7);
}

fn endpoint(url: &str) -> Endpoint {
    Endpoint::parse(url).expect("a URL of ours")
}

fn settings(flow: Flow, lenient: bool) -> Settings {
    let mut settings = Settings::new("example", flow, endpoint("https://api.example/v1"));
    settings.keep = vec!["user_id".to_owned()];
    if lenient {
        settings.deviations = Deviation::ALL.iter().copied().collect();
    }
    settings
}

pub(crate) fn oauth2_client(lenient: bool) -> oauth2::Client {
    let mut flow = oauth2::Settings::new(endpoint("https://login.example/authorize"), endpoint("https://login.example/token"));
    flow.revoke = Some(endpoint("https://login.example/revoke"));
    flow.issuer = Some("https://login.example".to_owned());
    let app = App::confidential("example-client-id", CLIENT_SECRET);
    oauth2::Client::new(&settings(Flow::OAuth2(flow), lenient), app).expect("settings of ours")
}

pub(crate) fn oauth1_client(lenient: bool) -> oauth1::Client {
    let flow = oauth1::Settings::new(
        endpoint("https://login.example/oauth/request_token"),
        endpoint("https://login.example/oauth/authorize"),
        endpoint("https://login.example/oauth/access_token"),
    );
    let app = App::confidential("example-consumer-key", CLIENT_SECRET);
    oauth1::Client::new(&settings(Flow::OAuth1(flow), lenient), app).expect("settings of ours")
}

pub(crate) fn oauth2_pending(client: &oauth2::Client) -> oauth2::Pending {
    let request = oauth2::AuthorizeRequest { redirect_uri: CALLBACK.into(), ..Default::default() };
    client.authorize(&request, NOW, &entropy).expect("a request of ours").1
}

pub(crate) fn oauth1_pending(client: &oauth1::Client) -> oauth1::Pending {
    let body = "oauth_token=temporary-1&oauth_token_secret=temporary-secret-1&oauth_callback_confirmed=true";
    let answer = Response::builder().header("content-type", "application/x-www-form-urlencoded").body(body).expect("an answer of ours");
    let asked = client.request_token(oauth1::Callback::Url(CALLBACK.to_owned()), NOW, &entropy).expect("a request of ours");
    asked.receive(&answer, NOW).expect("an answer as the RFC has it").1
}

/// A code exchange that waits for its answer.
pub(crate) fn oauth2_exchange(client: &oauth2::Client) -> oauth2::Exchange {
    let pending = oauth2_pending(client);
    let url = format!("{CALLBACK}?state={}&code={CODE}", pending.key().expose());
    client.exchange(pending.verify(Answer::Url(&url), NOW).expect("an answer to our own login")).expect("an exchange of ours")
}

/// The same in OAuth 1.0a, where the code is the verifier.
pub(crate) fn oauth1_exchange(client: &oauth1::Client) -> oauth1::Exchange {
    let url = format!("{CALLBACK}?oauth_token=temporary-1&oauth_verifier={CODE}");
    let verified = oauth1_pending(client).verify(Answer::Url(&url), NOW).expect("an answer to our own login");
    client.exchange(verified, NOW, &entropy).expect("an exchange of ours")
}
