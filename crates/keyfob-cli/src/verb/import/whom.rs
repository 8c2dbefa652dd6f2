//! Whom something is sent to that has a URL beside it: this provider, somebody else, or somebody of whom that cannot be told.

use std::collections::HashSet;

use keyfob::proto::Origin;
use keyfob_providers::Provider;

/// Who is where.
pub(crate) struct Whom {
    ours: HashSet<Origin>,
    /// Those of other providers.
    others: HashSet<Origin>,
    /// `fitbit.com`: what is below it may be the same provider's.
    sites: HashSet<String>,
    /// Where it is called at no address that is known, it is somewhere else (a server of one's own, a hub at home), which may be any.
    is_called: bool,
}

/// Where a URL leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leads {
    Ours,
    Elsewhere,
    Unsaid,
}

impl Whom {
    /// `called` is all that is called beside this provider, or instead of it.
    pub(crate) fn of<'a>(
        provider: &Provider,
        others: impl IntoIterator<Item = &'a Provider>,
        called: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let ours: HashSet<Origin> = origins(provider).collect();
        Self {
            others: others.into_iter().flat_map(origins).collect(),
            sites: provider.usual_endpoints().iter().filter_map(|(_, url)| site(url)).collect(),
            is_called: called.into_iter().filter_map(Origin::parse).any(|origin| ours.contains(&origin)),
            ours,
        }
    }

    pub(crate) fn leads(&self, url: &str) -> Leads {
        match Origin::parse(url) {
            Some(origin) if self.ours.contains(&origin) => Leads::Ours,
            Some(origin) if self.others.contains(&origin) => Leads::Elsewhere,
            Some(_) if self.is_called && site(url).is_some_and(|site| !self.sites.contains(&site)) => Leads::Elsewhere,
            _ => Leads::Unsaid,
        }
    }
}

/// Where a provider usually is.
pub(super) fn origins(provider: &Provider) -> impl Iterator<Item = Origin> {
    provider.usual_endpoints().into_iter().filter_map(|(_, url)| Origin::parse(&url))
}

/// The last two labels of a host that is known: what a run fills in stands there in capitals.
fn site(url: &str) -> Option<String> {
    let host = url.split_once("://")?.1.split(['/', '?', '#']).next()?.rsplit('@').next()?;
    let host = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit())).map_or(host, |(host, _)| host);
    let is_known = !host.is_empty() && !host.chars().any(|c| c.is_ascii_uppercase() || "{}$%<>".contains(c));
    let labels: Vec<&str> = host.rsplit('.').take(2).collect();
    is_known.then(|| labels.join("."))
}
