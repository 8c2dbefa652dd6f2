//! Clients that nobody registered: their id is the `https` URL of a page that says who they are (draft-ietf-oauth-client-id-metadata-document). In the
//! sandbox such a page is on this machine, with a certificate by its authority; nothing else is fetched.

use std::collections::HashMap;

use serde_json::{Map, Value};
use url::Url;

use super::Acme;
use super::register::{is_redirect_uri, judge};
use crate::apps::{Metadata, Registration};
use crate::desk::{Desk, held};
use crate::fetch::fetch_secure;

/// Pages that were read, and when.
#[derive(Default)]
pub(super) struct Documents(HashMap<String, i64>);

/// For so many seconds a page is not read again (§4.4).
const KEPT: i64 = 300;
/// So many pages are known at once.
const MOST: usize = 1000;

impl Acme {
    /// The app of this id: one that is registered, or the page at its URL.
    pub(super) fn client(&self, desk: &Desk, id: &str) -> Option<Registration> {
        let Some(door) = desk.door().filter(|_| is_document_url(id)) else { return desk.app(id) };
        let now = desk.now();
        let fresh = held(&self.documents).0.get(id).is_some_and(|read| now - read < KEPT);
        if fresh {
            return desk.app(id);
        }
        // What was read before is forgotten first: a page that is gone is a client that is gone.
        desk.deregister(id);
        let app = read(desk.service, id, &fetch_secure(id, &door.authority)?)?;
        let mut documents = held(&self.documents);
        documents.0.retain(|_, read| now - *read < KEPT);
        if documents.0.len() >= MOST {
            return None;
        }
        documents.0.insert(id.to_owned(), now);
        desk.register(app.clone());
        Some(app)
    }
}

/// §3: `https`, with a path that stays what it is, and nothing that a browser would leave out.
fn is_document_url(id: &str) -> bool {
    // As it was written, too: the parser repairs what would make two ids of one page.
    id.starts_with("https://")
        && Url::parse(id).is_ok_and(|url| {
            url.as_str() == id && url.path() != "/" && url.fragment().is_none() && url.username().is_empty() && url.password().is_none()
        })
}

/// §4: the page is about the URL that it is at, and holds no secret.
fn read(service: &str, id: &str, page: &str) -> Option<Registration> {
    let said: Map<String, Value> = serde_json::from_str(page).ok()?;
    let text = |name: &str| said.get(name).and_then(Value::as_str);
    let method = text("token_endpoint_auth_method");
    let secretless = matches!(method, Some("none" | "private_key_jwt")) && !said.contains_key("client_secret");
    if text("client_id") != Some(id) || !secretless {
        return None;
    }
    let metadata: Metadata = serde_json::from_value(Value::Object(said.clone())).ok()?;
    judge(&metadata).ok()?;
    let redirect_uris: Vec<String> = serde_json::from_value(said.get("redirect_uris")?.clone()).ok()?;
    if redirect_uris.is_empty() || !redirect_uris.iter().all(|uri| is_redirect_uri(uri)) {
        return None;
    }
    let name = text("client_name")?.to_owned();
    Some(Registration { service: service.to_owned(), name, client_id: id.to_owned(), redirect_uris, metadata, ..Registration::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_the_url_of_a_page_and_stays_what_it_is() {
        for good in ["https://127.0.0.1:8443/client.json", "https://app.example/a?v=1"] {
            assert!(is_document_url(good), "{good}");
        }
        for bad in [
            "https://app.example/",
            "https://app.example",
            "http://127.0.0.1/client.json",
            "https://app.example/a/../client.json",
            "https://app.example/client.json#x",
            "https://u@app.example/client.json",
            "acme-demo",
        ] {
            assert!(!is_document_url(bad), "{bad}");
        }
    }

    #[test]
    fn a_page_is_about_its_own_url_and_holds_no_secret() {
        let page = |change: &dyn Fn(&mut Value)| {
            let mut page = serde_json::json!({
                "client_id": "https://a.example/c", "client_name": "A", "redirect_uris": ["http://127.0.0.1/callback"],
                "token_endpoint_auth_method": "none",
            });
            change(&mut page);
            read("acme", "https://a.example/c", &page.to_string()).is_some()
        };
        assert!(page(&|_| {}));
        assert!(!page(&|page| page["client_id"] = "https://evil.example/c".into()));
        assert!(!page(&|page| page["client_secret"] = "x".into()));
        assert!(!page(&|page| page["token_endpoint_auth_method"] = "client_secret_basic".into()));
        assert!(!page(&|page| page["redirect_uris"] = serde_json::json!([])));
        assert!(!page(&|page| page["redirect_uris"] = serde_json::json!(["http://app.example/callback"])));
    }
}
