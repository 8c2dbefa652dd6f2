//! A login in a file that says where it is sent: another service's is none of this provider's.

use serde_json::{Map, Value};

use super::elsewhere::{NotFound, Wanted, protocol};
use super::whom::{Leads, Whom};

/// A login, and the URLs beside it.
pub(super) struct Login {
    pub(super) name: String,
    /// Tokens and keys, by the names that `--stdin` takes.
    pub(super) object: Map<String, Value>,
    /// Where its tokens are made, if that is said: whose they are.
    pub(super) made_at: Option<String>,
    /// Where they are sent.
    pub(super) sent_to: Vec<String>,
}

impl Login {
    fn is_elsewhere(&self, whom: &Whom) -> bool {
        match self.made_at.as_deref().map(|url| leads(whom, url)) {
            Some(Leads::Ours) => false,
            Some(Leads::Elsewhere) => true,
            _ => !self.sent_to.is_empty() && self.sent_to.iter().all(|url| leads(whom, url) == Leads::Elsewhere),
        }
    }
}

/// What a login is called, and what there is of it.
type Named = (String, Map<String, Value>);

/// Those that may be this provider's, by name. `called` is where all requests of the file go, with a login or without.
pub(super) fn not_elsewhere(all: Vec<Login>, called: &[String], kind: &'static str, wanted: Wanted<'_>) -> Result<Vec<Named>, NotFound> {
    let called: Vec<String> = called.iter().map(|url| base(url)).collect();
    let whom = Whom::of(wanted.provider, wanted.catalogue.iter(), called.iter().map(String::as_str));
    let (elsewhere, ours): (Vec<Login>, Vec<Login>) = all.into_iter().partition(|login| login.is_elsewhere(&whom));
    let is_named = |login: &Login| Some(login.name.as_str()) == wanted.profile;
    if (ours.is_empty() || elsewhere.iter().any(is_named)) && !ours.iter().any(is_named) && !elsewhere.is_empty() {
        let urls = elsewhere.into_iter().flat_map(|login| login.made_at.into_iter().chain(login.sent_to)).map(|url| base(&url));
        return Err(NotFound::SentElsewhere { kind, urls: urls.collect(), protocol: Some(protocol(wanted.kind())) });
    }
    Ok(ours.into_iter().map(|login| (login.name, login.object)).collect())
}

/// Whose it is does not depend on whether somebody wrote `http`.
fn leads(whom: &Whom, url: &str) -> Leads {
    let url = base(url);
    match whom.leads(&url) {
        Leads::Unsaid => whom.leads(&url.replacen("http://", "https://", 1)),
        known => known,
    }
}

/// Scheme and host of a URL as programs for requests take it: without a scheme, and with anything in its path.
fn base(url: &str) -> String {
    let (scheme, rest) = url.trim().split_once("://").unwrap_or(("https", url.trim()));
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default().rsplit('@').next().unwrap_or_default();
    format!("{}://{}", scheme.to_ascii_lowercase(), if host.contains('{') { host.to_owned() } else { host.to_ascii_lowercase() })
}

#[cfg(test)]
mod tests {
    use keyfob_providers::Catalogue;
    use serde_json::json;

    use super::*;

    fn taken(made_at: Option<&str>, sent_to: &[&str], also_called: &[&str]) -> Result<usize, NotFound> {
        let catalogue = Catalogue::embedded();
        let provider = catalogue.get("netatmo").expect("embedded");
        let object = json!({"access_token": "a"}).as_object().cloned().unwrap_or_default();
        let owned = |urls: &[&str]| urls.iter().map(|url| (*url).to_owned()).collect::<Vec<_>>();
        let login = Login { name: "me".to_owned(), object, made_at: made_at.map(str::to_owned), sent_to: owned(sent_to) };
        let called = owned(&[sent_to, also_called].concat());
        not_elsewhere(vec![login], &called, "a request", Wanted { provider, catalogue: &catalogue, profile: None }).map(|ours| ours.len())
    }

    #[test]
    fn what_is_sent_to_somebody_else_alone_is_not_taken() {
        const OURS: &str = "https://api.netatmo.com/api/{{what}}?a b";
        for theirs in ["https://api.github.com/user", "http://api.github.com/", "API.github.com/{{x}}", "https://me@api.github.com"] {
            assert!(
                matches!(taken(None, &[theirs], &[]), Err(NotFound::SentElsewhere { urls, .. }) if urls[0].ends_with("api.github.com"))
            );
            assert_eq!(taken(None, &[theirs, OURS], &[]), Ok(1), "{theirs}");
        }
        for url in [OURS, "{{base}}/user", "https://{{host}}/user", "http://127.0.0.1:8080/", "https://unknown.example/"] {
            assert_eq!(taken(None, &[url], &[]), Ok(1), "{url}");
        }
        // Where this provider is called by its own address, what is not below it is not its.
        assert!(taken(None, &["https://unknown.example/"], &[OURS]).is_err());
        assert_eq!(taken(None, &[], &["https://api.github.com/user"]), Ok(1));
        // Who makes tokens says whose they are.
        assert!(taken(Some("https://github.com/login/oauth/access_token"), &["{{base}}/user"], &[]).is_err());
        assert_eq!(taken(Some("https://api.netatmo.com/oauth2/token"), &["https://api.github.com/user"], &[]), Ok(1));
    }
}
