//! One provider, one app, one login.

use keyfob::proto::oauth2::{self, AuthorizeRequest, Client, Pending};
use keyfob::proto::{App, Endpoint, Flow, Settings, Timestamp};

pub(super) const CLIENT_ID: &str = "example-client-id";
pub(super) const CLIENT_SECRET: &str = "sandbox-secret-not-real";
pub(super) const REDIRECT_URI: &str = "http://127.0.0.1:8123/callback";
pub(super) const SCOPE: &str = "read write";
pub(super) const CODE: &str = "SplxlOBeZQQYbYS6WxSbIA-and-some-more-of-it";
pub(super) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(super) const NOW: Timestamp = Timestamp::from_unix(1_800_000_000);

/// The same for every login: what the system's costs is not what is measured.
pub(super) fn entropy(buffer: &mut [u8]) {
    buffer.fill(0x5a);
}

pub(super) struct Fixture {
    pub(super) client: Client,
    request: AuthorizeRequest,
    pub(super) answer: http::Response<Vec<u8>>,
}

impl Fixture {
    pub(super) fn new() -> Self {
        let at = |path: &str| Endpoint::parse(&format!("https://login.example{path}")).expect("an endpoint");
        let mut flow = oauth2::Settings::new(at("/authorize"), at("/token"));
        flow.scopes = SCOPE.split(' ').map(str::to_owned).collect();
        let provider = Settings::new("example", Flow::OAuth2(flow), at("/"));
        let client = Client::new(&provider, App::confidential(CLIENT_ID, CLIENT_SECRET)).expect("a client");
        let request = AuthorizeRequest { redirect_uri: REDIRECT_URI.into(), ..AuthorizeRequest::default() };
        let answer = http::Response::builder().header("content-type", "application/json").body(tokens().into_bytes()).expect("an answer");
        Self { client, request, answer }
    }

    pub(super) fn authorize(&self) -> (String, Pending) {
        self.client.authorize(&self.request, NOW, &entropy).expect("a URL")
    }
}

/// An answer of a usual size. There is no ID token in it, since nobody asked for `openid`: ours would read whom it names, and the others would not.
pub(super) fn tokens() -> String {
    let long = |text: &str, length: usize| text.chars().cycle().take(length).collect::<String>();
    let answer = serde_json::json!({
        "access_token": long("eyJhbGciOiJSUzI1NiJ9.", 800), "token_type": "Bearer", "expires_in": 3600,
        "refresh_token": long("8xLOxBtZp8", 64), "scope": SCOPE,
    });
    answer.to_string()
}
