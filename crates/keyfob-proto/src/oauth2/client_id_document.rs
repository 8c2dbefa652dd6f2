//! Client ID metadata documents (draft-ietf-oauth-client-id-metadata-document): a client whose id is the URL of a page about itself, so that a server which
//! has never heard of it can read who it is.

use serde_json::Value;

use super::registration::ClientMetadata;
use crate::app::App;
use crate::endpoint::Endpoint;
use crate::error::Misuse;

/// A client id that is a URL (§3): `https`, with a path, without fragment, user information, or segments that mean "here" or "up". The text is the
/// identity: servers compare it byte for byte.
///
/// ```
/// use keyfob_proto::oauth2::client_id_document::ClientIdUrl;
/// use keyfob_proto::oauth2::registration::ClientMetadata;
///
/// let client_id = ClientIdUrl::parse("https://app.example/oauth/client.json")?;
/// let document = client_id.document(&ClientMetadata::native("Keyfob", ["http://127.0.0.1/callback"]))?;
/// assert!(document.contains(r#""client_id":"https://app.example/oauth/client.json""#));
/// assert_eq!(client_id.app().client_id, client_id.as_str());
/// # Ok::<(), keyfob_proto::Misuse>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientIdUrl(Endpoint);

impl ClientIdUrl {
    /// Reads a client id.
    ///
    /// # Errors
    ///
    /// `Misuse` saying what makes it none.
    pub fn parse(text: &str) -> Result<Self, Misuse> {
        let wrong = |found: &str| {
            Misuse::new("a client id that is an https URL with a path", found)
                .of("OAuth Client ID Metadata Document §3")
                .with_hint("publish the page under https, on a path of its own")
        };
        let url = Endpoint::parse(text)?;
        // Not even on loopback: a server that has to fetch the page is elsewhere.
        if !text.starts_with("https://") {
            return Err(wrong("another scheme"));
        }
        // The parser adds the slash of an empty path; the text shows whether it was there.
        let path = url.uri().path();
        let written = text["https://".len()..].split('?').next().unwrap_or("");
        if !written.contains('/') {
            return Err(wrong("a URL without path"));
        }
        // In either spelling: whoever normalises the URL would fetch another page than it compares.
        let is_dots = |segment: &str| matches!(segment.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..");
        if path.split('/').any(is_dots) {
            return Err(wrong("a path with \".\" or \"..\" in it"));
        }
        Ok(Self(url))
    }

    /// The URL as it was given.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The client, for logins. It has no secret: whoever can read the page could have read it, too.
    pub fn app(&self) -> App {
        App::public(self.as_str())
    }

    /// The page itself (§4), to be published at the URL as `application/json`.
    ///
    /// # Errors
    ///
    /// `Misuse` for a client that says who it is by a shared secret (§4.1), has no name, or a redirect URI that no login could use.
    pub fn document(&self, client: &ClientMetadata) -> Result<String, Misuse> {
        client.check()?;
        let mut members = client.to_members();
        match client.token_endpoint_auth_method.as_deref() {
            Some("none" | "private_key_jwt" | "tls_client_auth" | "self_signed_tls_client_auth") => {}
            Some(method) => {
                let found = format!("\"{}\", which needs a secret that both sides know", crate::scrub::printable(method));
                return Err(Misuse::new("a client without a shared secret", found)
                    .of("OAuth Client ID Metadata Document §4.1")
                    .with_hint("choose none or private_key_jwt: whatever is on the page, everybody reads"));
            }
            // Left out, it would mean client_secret_basic (RFC 7591 §2).
            None => drop(members.insert("token_endpoint_auth_method".to_owned(), "none".into())),
        }
        if members.contains_key("client_secret") || members.contains_key("client_secret_expires_at") {
            return Err(Misuse::new("a page without secrets", "a client_secret")
                .of("OAuth Client ID Metadata Document §4.1")
                .with_hint("leave it away: whatever is on the page, everybody reads"));
        }
        if client.client_name.is_none() {
            return Err(Misuse::new("a name for people to recognise (client_name)", "none")
                .of("OAuth Client ID Metadata Document §4")
                .with_hint("give client_name"));
        }
        members.insert("client_id".to_owned(), self.as_str().into());
        Ok(Value::Object(members).to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_id_url_is_https_and_has_a_path_that_stays_what_it_is() {
        for good in
            ["https://app.example/", "https://app.example/client.json", "https://app.example:8443/a/..b/.c", "https://app.example/a?v=1"]
        {
            assert!(ClientIdUrl::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "https://app.example",
            "https://app.example?a=/b",
            "http://app.example/client.json",
            "http://127.0.0.1/client.json",
            "HTTPS://app.example/client.json",
            "https://app.example/a/../client.json",
            "https://app.example/./client.json",
            "https://app.example/%2E%2e/client.json",
            "https://app.example/.%2e",
            "https://app.example/client.json#x",
            "https://user@app.example/client.json",
            "my-client",
            "",
        ] {
            assert!(ClientIdUrl::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_client_publishes_no_secret_and_says_so() {
        let url = ClientIdUrl::parse("https://app.example/client.json").expect("a URL");
        let client = ClientMetadata::native("Keyfob", ["http://127.0.0.1/callback"]);
        let document = |change: &dyn Fn(&mut ClientMetadata)| {
            let mut client = client.clone();
            change(&mut client);
            url.document(&client)
        };
        let plain: Value =
            serde_json::from_str(&document(&|client| client.token_endpoint_auth_method = None).expect("a page")).expect("JSON");
        assert_eq!(plain["token_endpoint_auth_method"], "none");
        assert_eq!(plain["client_id"], "https://app.example/client.json");
        let forged = document(&|client| drop(client.more.insert("client_id".into(), "https://evil.example/".into()))).expect("a page");
        assert!(forged.contains("https://app.example/client.json") && !forged.contains("evil"));
        for method in ["client_secret_basic", "client_secret_post", "client_secret_jwt", "anything"] {
            assert!(document(&|client| client.token_endpoint_auth_method = Some(method.into())).is_err(), "{method}");
        }
        assert!(document(&|client| drop(client.more.insert("client_secret".into(), "x".into()))).is_err());
        assert!(document(&|client| client.client_name = None).is_err());
        assert!(document(&|client| client.redirect_uris.clear()).is_err());
        assert!(document(&|client| client.redirect_uris = vec!["http://app.example/cb".into()]).is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text: String) {
            let _ = ClientIdUrl::parse(&text);
            let _ = ClientIdUrl::parse(&format!("https://{text}"));
            let _ = ClientIdUrl::parse(&format!("https://a.example/{text}"));
        }
    }
}
