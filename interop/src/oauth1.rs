//! What the tests at the OAuth 1.0a peer share: its consumers, and requests as programs make them.

use keyfob_proto::oauth1::{Placement, Settings, SignatureMethod};
use keyfob_proto::{Api, App, Endpoint, Flow, Secret};

/// In every place that protocol parameters can be.
pub const PLACEMENTS: [Placement; 3] = [Placement::Header, Placement::Query, Placement::Body];

/// The consumer whose secret has to be encoded, as in the server's records: every character has been somebody's bug.
pub const AWKWARD: (&str, &str) = ("peer-key", "consumer secret/&=+%~ü");
/// The one of letters and digits.
pub const PLAIN: (&str, &str) = ("other-key", "other-secret-not-real");

/// A request as programs make them.
pub struct Shape {
    /// The method.
    pub method: &'static str,
    /// The request target.
    pub target: &'static str,
    /// The body's type.
    pub content_type: Option<&'static str>,
    /// The body.
    pub body: &'static str,
}

/// Of a form body.
pub const FORM: &str = "application/x-www-form-urlencoded";

/// Requests as programs make them.
pub const SHAPES: [Shape; 6] = [
    // RFC 5849 §3.4.1.3.1's own query: an encoded equals sign, an empty value, an encoded name, a plus sign, repeated names.
    Shape { method: "GET", target: "/api/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b&a3=2+q&c2", content_type: None, body: "" },
    // A path that nobody may tidy up: encoded slash and dots, a parameter, an apostrophe.
    Shape { method: "DELETE", target: "/api/a%2Fb/%2e%2e/c;v=1/it's/%C3%BC", content_type: None, body: "" },
    Shape {
        method: "POST",
        target: "/api/form?a=2",
        content_type: Some(FORM),
        body: "a=10&a=1&empty=&text=Hello+Ladies%20%2B%20Gentlemen%21+%C3%A9",
    },
    // Nothing of other bodies is signed, whatever they look like.
    Shape { method: "POST", target: "/api/json", content_type: Some("application/json"), body: r#"{"a":"1&b=2"}"# },
    Shape { method: "PUT", target: "/api/text?n=%7C", content_type: Some("text/plain"), body: "a=1&b=2" },
    Shape { method: "PATCH", target: "/api/empty?q=%E2%98%83&q=", content_type: None, body: "" },
];

/// The peer as a provider.
///
/// # Panics
/// If this is no origin.
pub fn settings(origin: &str, signature: SignatureMethod, placement: Placement) -> keyfob_proto::Settings {
    let endpoint = |path: &str| Endpoint::parse(&format!("{origin}{path}")).expect("an endpoint");
    let flow = Settings {
        signature,
        placement,
        realm: (placement == Placement::Header).then(|| "peer".to_owned()),
        ..Settings::new(endpoint("/oauth/request_token"), endpoint("/oauth/authorize"), endpoint("/oauth/access_token"))
    };
    let api = Api::new(endpoint("/"));
    keyfob_proto::Settings {
        provider: "peer".to_owned(),
        flow: Flow::OAuth1(flow),
        api,
        deviations: Default::default(),
        keep: Vec::new(),
        retired: None,
    }
}

/// A consumer of the peer's, with this secret, and the key that the peer knows it by.
pub fn app(key: &str, secret: &str) -> App {
    let mut app = App::confidential(key, secret);
    app.fields.insert("private_key".to_owned(), private_key(if key == AWKWARD.0 { 0 } else { 1 }));
    app
}

/// A private key of the test vectors, as PEM; the peer has the public halves of the first two.
///
/// # Panics
/// If there is none.
pub fn private_key(at: usize) -> Secret {
    let vectors = include_str!("../../crates/keyfob-proto/tests/vectors/rfc5849/rsa.jsonl");
    let key: serde_json::Value = serde_json::from_str(vectors.lines().nth(at).expect("a key")).expect("JSON");
    Secret::new(key["private"][0].as_str().expect("PEM"))
}
