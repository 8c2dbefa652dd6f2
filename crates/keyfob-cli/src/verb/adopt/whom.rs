//! Whom a script sends what it has: this provider, somebody else, or somebody of whom that cannot be told.

use std::collections::HashSet;

use keyfob::proto::Origin;
use keyfob_providers::Provider;
use zeroize::Zeroizing;

use super::calls::{Call, Script};
use super::literals::{Assigned, of_url};

/// Who is where.
pub(super) struct Whom {
    ours: HashSet<Origin>,
    /// Other providers that are called.
    others: HashSet<Origin>,
    /// `fitbit.com`: what is below it may be the same provider's.
    sites: HashSet<String>,
    /// Where it is called at no address that is known, it is somewhere else (a server of one's own, a hub at home), which may be any.
    is_called: bool,
}

/// What was sent, by who has it.
#[derive(Default)]
pub(super) struct Sent {
    pub(super) ours: Vec<Assigned>,
    pub(super) elsewhere: Vec<Assigned>,
    pub(super) unsaid: Vec<Assigned>,
}

impl Whom {
    pub(super) fn of(provider: &Provider, others: &[&Provider], script: &Script) -> Self {
        let origins = |provider: &Provider| -> HashSet<Origin> {
            provider.usual_endpoints().iter().filter_map(|(_, url)| Origin::parse(url)).collect()
        };
        let ours = origins(provider);
        let called = script.calls.iter().map(|call| call.url.as_str()).chain(script.texts.iter().map(|(text, _)| text.as_str()));
        Self {
            others: others.iter().flat_map(|other| origins(other)).collect(),
            sites: provider.usual_endpoints().iter().filter_map(|(_, url)| site(url)).collect(),
            is_called: called.filter_map(Origin::parse).any(|origin| ours.contains(&origin)),
            ours,
        }
    }

    /// What calls carry, and URLs.
    pub(super) fn sent(&self, calls: &[Call], texts: &[(Zeroizing<String>, usize)]) -> Sent {
        let mut sent = Sent::default();
        for call in calls {
            let known = call.carried().into_iter().filter_map(|(name, value)| Some((name, value.known()?)));
            let known = known.filter(|(_, known)| !known.is_empty());
            self.has(&call.url, &mut sent).extend(known.map(|(name, known)| Assigned::of(name, known, call.line)));
        }
        for (text, line) in texts.iter().filter(|(text, _)| text.contains("://")) {
            let carried = of_url(text).into_iter().map(|(name, value)| Assigned::of(&name, value, *line));
            self.has(text, &mut sent).extend(carried);
        }
        sent
    }

    fn has<'a>(&self, url: &str, sent: &'a mut Sent) -> &'a mut Vec<Assigned> {
        match Origin::parse(url) {
            Some(origin) if self.ours.contains(&origin) => &mut sent.ours,
            Some(origin) if self.others.contains(&origin) => &mut sent.elsewhere,
            Some(_) if self.is_called && site(url).is_some_and(|site| !self.sites.contains(&site)) => &mut sent.elsewhere,
            _ => &mut sent.unsaid,
        }
    }
}

/// The last two labels of a host that is known: what a run fills in stands there in capitals.
fn site(url: &str) -> Option<String> {
    let host = url.split_once("://")?.1.split(['/', '?', '#']).next()?.rsplit('@').next()?;
    let host = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit())).map_or(host, |(host, _)| host);
    let is_known = !host.is_empty() && !host.chars().any(|c| c.is_ascii_uppercase() || "{}$%<>".contains(c));
    let labels: Vec<&str> = host.rsplit('.').take(2).collect();
    is_known.then(|| labels.join("."))
}
