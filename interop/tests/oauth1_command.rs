//! The command against a provider that others wrote: oauthlib's server side, in every signature method and place.

use keyfob_interop::peers;
use keyfob_interop::{Home, http};
use serde_json::{Value, json};

const METHODS: [&str; 4] = ["HMAC-SHA1", "HMAC-SHA256", "HMAC-SHA512", "PLAINTEXT"];
const PLACEMENTS: [&str; 3] = ["header", "query", "body"];

/// Calls as a person types them; each with the query and form that the server must have understood.
fn calls() -> [(&'static [&'static str], Value, Value); 6] {
    let none = || json!([]);
    [
        (
            &["get", "NAME", "/api/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b", "a3==2 q"],
            json!([["b5", "=%3D"], ["a3", "a"], ["c@", ""], ["a2", "r b"], ["a3", "2 q"]]),
            none(),
        ),
        (&["delete", "NAME", "/api/a%2Fb/%2e%2e/c;v=1/it's/%C3%BC"], none(), none()),
        (
            &["post", "NAME", "/api/form?a=2", "a=10", "a=1", "empty=", "text=Hello Ladies + Gentlemen! é"],
            json!([["a", "2"]]),
            json!([["a", "10"], ["a", "1"], ["empty", ""], ["text", "Hello Ladies + Gentlemen! é"]]),
        ),
        (&["post", "NAME", "/api/json", "a:={\"b\":\"1&b=2\"}"], none(), none()),
        (&["put", "NAME", "/api/text?n=%7C", "Content-Type:text/plain", "-d", "a=1&b=2"], json!([["n", "|"]]), none()),
        (&["patch", "NAME", "/api/empty?q=%E2%98%83&q="], json!([["q", "☃"], ["q", ""]]), none()),
    ]
}

#[test]
fn the_command_signs_every_shape_with_every_method_in_every_place() {
    let (Some(awkward), Some(plain)) = (peers::oauth1("awkward"), peers::oauth1("plain")) else { return };
    let mut home = Home::new();
    for method in METHODS {
        for placement in PLACEMENTS {
            // See the server: only its header can carry secrets that have to be encoded as they are.
            let in_plain_sight = method == "PLAINTEXT" && placement != "header";
            let peer = if in_plain_sight { &plain } else { &awkward };
            if in_plain_sight {
                plain_consumer(&mut home)
            } else {
                awkward_consumer(&mut home)
            }
            let name = format!("peer-{}-{placement}", method.to_lowercase());
            home.add_provider("oauth1", &name, &[("ORIGIN", &peer.origin), ("METHOD", method), ("PLACEMENT", placement)]);
            home.log_in(&name, |url| http::visit(url).location().to_owned());
            for (words, query, form) in calls() {
                let words: Vec<&str> = words.iter().map(|word| if *word == "NAME" { name.as_str() } else { word }).collect();
                let end = home.good(&words);
                let understood: Value = serde_json::from_str(&end.lines.join("\n")).unwrap_or_else(|problem| panic!("{problem}: {end:#?}"));
                let which = format!("{name}: {}", words.join(" "));
                assert_eq!(understood["signature_method"], method, "{which}");
                assert_eq!(understood["path"], words[2].split('?').next().expect("a path"), "{which}");
                assert_eq!(without_protocol(&understood["query"]), query, "{which}");
                assert_eq!(without_protocol(&understood["form"]), form, "{which}");
                // Without a form body the protocol parameters travel in the header.
                let in_form = placement == "body" && form != json!([]);
                assert_eq!(understood["form"].to_string().contains("oauth_signature"), in_form, "{which}");
                assert_eq!(understood["query"].to_string().contains("oauth_signature"), placement == "query", "{which}");
            }
            home.good(&["logout", &name]);
        }
    }
    let counts = http::visit(&format!("{}/counts", awkward.origin)).json();
    assert_eq!(counts, json!({ "accepted": 10 * calls().len(), "refused": 0 }));
}

#[test]
fn the_command_takes_a_pin_and_refuses_a_wrong_one() {
    let Some(peer) = peers::oauth1("awkward") else { return };
    let mut home = Home::new();
    home.add_provider("oauth1", "peer", &[("ORIGIN", &peer.origin), ("METHOD", "HMAC-SHA256"), ("PLACEMENT", "header")]);
    awkward_consumer(&mut home);

    let mut login = home.start(&["login", "peer", "--no-browser", "--pin", "--paste"]);
    http::visit(&login.wait_for_note("http://"));
    login.answer("not-the-verifier");
    let end = login.finish();
    assert!(!end.success, "{end:#?}");
    assert!(!home.run(&["get", "peer", "/api/x"]).success, "nobody is logged in");

    let mut login = home.start(&["login", "peer", "--no-browser", "--pin", "--paste"]);
    let pin = http::visit(&login.wait_for_note("http://")).text();
    login.answer(&pin);
    let end = login.finish();
    assert!(end.success, "{end:#?}");
    home.good(&["get", "peer", "/api/x"]);
}

#[test]
fn the_command_understands_a_denial() {
    let Some(peer) = peers::oauth1("awkward") else { return };
    let mut home = Home::new();
    home.add_provider("oauth1", "peer", &[("ORIGIN", &peer.origin), ("METHOD", "HMAC-SHA1"), ("PLACEMENT", "header")]);
    awkward_consumer(&mut home);
    let mut login = home.start(&["login", "peer", "--no-browser"]);
    let url = login.wait_for_note("http://");
    let denial = http::visit(&format!("{url}&deny=1")).location().to_owned();
    http::visit(&denial);
    let end = login.finish();
    assert!(!end.success, "{end:#?}");
    assert!(end.errors.contains("access_denied"), "{}", end.errors);
}

#[test]
fn no_secret_is_in_what_the_command_says() {
    let Some(peer) = peers::oauth1("awkward") else { return };
    let mut home = Home::new();
    home.add_provider("oauth1", "peer", &[("ORIGIN", &peer.origin), ("METHOD", "HMAC-SHA1"), ("PLACEMENT", "header")]);
    home.set("PEER_KEY", "peer-key");
    home.set("PEER_SECRET", "a wrong secret, not real");
    let end = home.run(&["login", "peer", "--no-browser"]);
    assert!(!end.success);
    assert!(end.errors.contains("401"), "{}", end.errors);
    assert!(!end.errors.contains("wrong secret"), "{}", end.errors);
}

/// The peer's consumer whose secret needs encoding.
fn awkward_consumer(home: &mut Home) {
    home.set("PEER_KEY", "peer-key");
    home.set("PEER_SECRET", "consumer secret/&=+%~ü");
}

fn plain_consumer(home: &mut Home) {
    home.set("PEER_KEY", "other-key");
    home.set("PEER_SECRET", "other-secret-not-real");
}

fn without_protocol(pairs: &Value) -> Value {
    let keep = |pair: &&Value| !pair[0].as_str().is_some_and(|name| name.starts_with("oauth_"));
    pairs.as_array().expect("pairs").iter().filter(keep).cloned().collect()
}
