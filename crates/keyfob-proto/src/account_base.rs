//! Where the API of one account is, where its login says so: the host of a person's organisation, or its number in every path.
//!
//! A token goes where this leads, so what an answer says is believed within limits that the provider's file draws beforehand: a value is one segment of
//! the path, or it makes a host, and then one of those that are listed. An answer (or a callback, which comes through the browser) that names another
//! is refused before anything is kept.

use std::collections::BTreeMap;

use crate::endpoint::{Endpoint, Origin};
use crate::error::{Misbehaved, Misuse};
use crate::scrub::printable;
use crate::template::Template;

/// Where the API of one account is, where its login says so.
#[derive(Clone, Debug, PartialEq)]
pub struct AccountBase {
    url: Template,
    hosts: Vec<HostPattern>,
    moved: BTreeMap<Origin, Origin>,
    all_moved: Option<Origin>,
}

impl AccountBase {
    /// A URL with places for kept values, and the hosts that it may come to. `Misuse` if a value makes the host and no host is listed, or the other way
    /// round: a list that restricts nothing would look as if it did.
    ///
    /// # Errors
    ///
    /// `Misuse`, as said.
    pub fn new(url: Template, hosts: Vec<HostPattern>) -> Result<Self, Misuse> {
        match (Self::is_host_said(&url), hosts.is_empty()) {
            (true, true) => Err(Misuse::new("the hosts that tokens may go to, where the login says which it is", "none")
                .with_hint("list the hosts in the provider's file: api.hosts")),
            (false, false) => Err(Misuse::new("a URL whose host the login says, beside a list of hosts", "one that says its host itself")
                .with_hint("leave the list of hosts away, or put a kept value where the host is")),
            _ => Ok(Self { url, hosts, moved: BTreeMap::new(), all_moved: None }),
        }
    }

    /// The same with some origins replaced by others, or all by one: how a provider is pointed at the sandbox.
    #[must_use]
    pub fn moved(self, some: BTreeMap<Origin, Origin>, all: Option<Origin>) -> Self {
        Self { moved: some, all_moved: all, ..self }
    }

    /// Whether a place of such a URL is in its scheme, host or port.
    pub fn is_host_said(url: &Template) -> bool {
        let before = url.as_str().split('{').next().unwrap_or_default();
        url.names().next().is_some() && before.matches('/').count() < 3
    }

    /// The values that it is made of.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.url.names()
    }

    /// The API of the account that these values are kept with. `Misbehaved` says which of them is missing, is no part of a URL, or leads elsewhere.
    ///
    /// # Errors
    ///
    /// `Misbehaved`, as said: it is what the login brought that does not do.
    pub fn of(&self, kept: &BTreeMap<String, String>) -> Result<Endpoint, Misbehaved> {
        let says_host = Self::is_host_said(&self.url);
        for name in self.url.names() {
            let value = kept.get(name).map(String::as_str).unwrap_or_default();
            if !is_part(value, says_host) {
                let expected = match says_host {
                    true => format!("a host or an origin as {name}, which says where the API is"),
                    false => format!("letters, digits, \"-\", \"_\" and \".\" as {name}, which is a part of the API's path"),
                };
                return Err(Misbehaved::api(expected, if value.is_empty() { "nothing".to_owned() } else { shown(value) }));
            }
        }
        let text = self.url.render(|name| kept.get(name).map(|value| value.trim_end_matches('/').to_owned()));
        let wrong = |misuse: Misuse| Misbehaved::api(misuse.expected, misuse.found);
        let endpoint = Endpoint::parse(&text.map_err(wrong)?).map_err(wrong)?;
        let origin = endpoint.origin();
        let is_listed = origin.port().is_none() && self.hosts.iter().any(|host| host.is_of(origin.host()));
        if says_host && !is_listed {
            let hosts: Vec<&str> = self.hosts.iter().map(HostPattern::as_str).collect();
            let expected = format!("an API at a host that the provider's file lists ({})", hosts.join(", "));
            return Err(Misbehaved::api(expected, shown(origin.as_str())));
        }
        match self.all_moved.as_ref().or_else(|| self.moved.get(&origin)) {
            Some(target) => endpoint.at(target).map_err(wrong),
            None => Ok(endpoint),
        }
    }
}

/// A segment of a path; or a host, with a scheme before it and a slash behind it as some servers write it. User information, a port, a path or a query
/// are none of these: `api.example@evil.example` would lead there.
fn is_part(value: &str, may_be_origin: bool) -> bool {
    let value = if may_be_origin { value.strip_prefix("https://").unwrap_or(value).trim_end_matches('/') } else { value };
    let plain = value.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    plain && !value.is_empty() && !value.starts_with('.') && !value.contains("..")
}

fn shown(text: &str) -> String {
    format!("\"{}\"", printable(text).chars().take(80).collect::<String>())
}

/// A host that tokens may go to: a name, or `*.` and a name for all that are below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPattern(String);

impl HostPattern {
    /// Reads one. `Misuse` for what is no name in lower case, for an address, and for a star before a name of one label: `*.com` is everybody's.
    ///
    /// # Errors
    ///
    /// `Misuse`, as said.
    pub fn parse(text: &str) -> Result<Self, Misuse> {
        let name = text.strip_prefix("*.").unwrap_or(text);
        let label = |label: &str| {
            let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            !label.is_empty() && label.bytes().all(inner) && !label.starts_with('-') && !label.ends_with('-')
        };
        let is_name = name.contains('.') && name.split('.').all(label) && !name.ends_with(|c: char| c.is_ascii_digit());
        if is_name {
            Ok(Self(text.to_owned()))
        } else {
            Err(Misuse::new("a host such as api.hub.example, or *.hub.example", shown(text))
                .with_hint("write the name in lower case, without scheme, port or path; a star stands for one label at the front"))
        }
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a host, in lower case, is one of these.
    fn is_of(&self, host: &str) -> bool {
        match self.0.strip_prefix('*') {
            // With its dot, so that evil-hub.example is not below hub.example.
            Some(below) => host.len() > below.len() && host.ends_with(below),
            None => host == self.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(url: &str, hosts: &[&str]) -> AccountBase {
        let hosts = hosts.iter().map(|host| HostPattern::parse(host).expect("a host")).collect();
        AccountBase::new(Template::parse(url).expect("a template"), hosts).expect("a base")
    }

    fn at(base: &AccountBase, value: &str) -> Result<String, String> {
        let kept = [("api".to_owned(), value.to_owned())].into();
        base.of(&kept).map(|endpoint| endpoint.as_str().to_owned()).map_err(|error| error.to_string())
    }

    #[test]
    fn an_answer_leads_to_a_listed_host_and_nowhere_else() {
        let said = base("{api}/v1", &["*.hub.example", "hub-europe.example"]);
        for good in ["https://mine.hub.example", "https://mine.hub.example/", "https://a.b.hub.example", "https://hub-europe.example"] {
            assert_eq!(at(&said, good), Ok(format!("{}/v1", good.trim_end_matches('/'))), "{good}");
        }
        for evil in [
            "https://evil.example",
            "https://hub.example",
            "https://evilhub.example",
            "https://mine.hub.example.evil.example",
            "https://mine.hub.example@evil.example",
            "https://evil.example/mine.hub.example",
            "https://evil.example/?.hub.example",
            "https://evil.example#.hub.example",
            "https://mine.hub.example:8443",
            "https://mine.hub.example/elsewhere",
            "http://mine.hub.example",
            "mine.hub.example",
            "https://.hub.example",
            "https://",
            "",
            "https://mine.hub.example\r\nhost: evil.example",
        ] {
            assert!(at(&said, evil).is_err(), "{evil}");
        }
        let labelled = base("https://{api}.hub.example", &["*.hub.example"]);
        assert_eq!(at(&labelled, "mine"), Ok("https://mine.hub.example".to_owned()));
        assert!(at(&labelled, "evil.example/x").is_err(), "a path of another host");
    }

    #[test]
    fn a_part_of_the_path_stays_one() {
        let company = base("https://api.hub.example/company/{api}", &[]);
        assert_eq!(at(&company, "4620816365"), Ok("https://api.hub.example/company/4620816365".to_owned()));
        for evil in ["..", ".", "a/../b", "a/b", "a?b", "a#b", "a%2fb", "", "a b"] {
            assert!(at(&company, evil).is_err(), "{evil}");
        }
    }

    #[test]
    fn hosts_are_listed_where_a_value_makes_one_and_only_there() {
        let made = |url: &str, hosts: &[&str]| {
            let hosts = hosts.iter().map(|host| HostPattern::parse(host).expect("a host")).collect();
            AccountBase::new(Template::parse(url).expect("a template"), hosts).is_ok()
        };
        assert!(!made("{api}", &[]) && !made("https://{api}/v1", &[]) && !made("https://api.hub.example:{api}/", &[]));
        assert!(!made("https://api.hub.example/{api}", &["*.hub.example"]));
        for bad in ["*", "*.com", "*.", "com", "Hub.example", "hub.example:1", "https://hub.example", "a.*.example", "127.0.0.1", ""] {
            assert!(HostPattern::parse(bad).is_err(), "{bad}");
        }
    }
}
