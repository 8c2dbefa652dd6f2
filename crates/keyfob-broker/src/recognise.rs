//! Which provider a set of variables means: the one whose fields they fill.

use std::collections::BTreeSet;

use keyfob::proto::{App, Misuse, Secret};
use keyfob_providers::{Field, Provider, Status};

use crate::env_file::Variables;

/// A provider whose app came out of variables.
#[derive(Clone, Debug)]
pub struct Recognised {
    /// The provider.
    pub provider: Provider,
    /// The app that the variables describe.
    pub app: App,
    /// The scopes to ask for; empty: the provider's usual ones.
    pub scopes: Vec<String>,
}

/// Finds the providers whose variables are all there. Variables that fit more than one provider are an error, as is a set that fits none; unless `named` says
/// which one is meant, as a person said: it takes those that it knows, and others are found by the rest.
pub fn recognise<'a>(
    providers: impl IntoIterator<Item = &'a Provider>,
    variables: &Variables,
    named: Option<&str>,
) -> Result<Vec<Recognised>, Misuse> {
    let (meant, others): (Vec<_>, Vec<_>) = providers.into_iter().partition(|provider| named == Some(provider.name.as_str()));
    let meant: Vec<Fit<'a>> = meant.into_iter().map(|provider| Fit::new(provider, variables)).collect();
    if named.is_some() && !meant.iter().any(Fit::is_whole) {
        return Err(nothing(&meant, named));
    }
    let taken: BTreeSet<&str> = meant.iter().flat_map(|fit| &fit.used).copied().collect();
    let rest = variables.clone().without(&taken);
    let fits: Vec<Fit<'a>> = others.into_iter().map(|provider| Fit::new(provider, &rest)).filter(|fit| !fit.used.is_empty()).collect();
    let others = undisputed(&fits)?;
    if meant.is_empty() && others.is_empty() {
        return Err(nothing(&fits, None));
    }
    let meant = meant.iter().map(|fit| fit.app(variables));
    meant.chain(others.into_iter().map(|fit| fit.app(&rest))).collect()
}

/// Those whose variables are all there, and are no other's.
fn undisputed<'f, 'a>(fits: &'f [Fit<'a>]) -> Result<Vec<&'f Fit<'a>>, Misuse> {
    let all: Vec<&Fit<'a>> = fits.iter().filter(|fit| fit.is_whole()).collect();
    let mut whole = all.clone();
    // A provider that makes use of less of what is there than another one is not the one that was meant.
    // Nor is one that has ended, where a living one takes the same names.
    whole.retain(|fit| {
        !all.iter().any(|other| {
            let uses_more = other.used.is_superset(&fit.used) && other.used.len() > fit.used.len();
            let outlives = fit.is_retired() && !other.is_retired() && !other.used.is_disjoint(&fit.used);
            uses_more || outlives
        })
    });
    for (at, fit) in whole.iter().enumerate() {
        if let Some(other) = whole[at + 1..].iter().find(|other| !other.used.is_disjoint(&fit.used)) {
            let names: Vec<&str> = fit.used.intersection(&other.used).copied().collect();
            let (one, two) = (&fit.provider.name, &other.provider.name);
            return Err(Misuse::new("variables of one provider", format!("{}, which {one} and {two} both know", names.join(", ")))
                .with_hint(format!("say which one is meant: --provider {one}, or --provider {two}")));
        }
    }
    Ok(whole)
}

/// How far variables fill a provider's fields.
struct Fit<'a> {
    provider: &'a Provider,
    used: BTreeSet<&'a str>,
    missing: Vec<&'a Field>,
}

impl<'a> Fit<'a> {
    fn new(provider: &'a Provider, variables: &Variables) -> Self {
        let (mut used, mut missing) = (BTreeSet::new(), Vec::new());
        for field in &provider.client.fields {
            match field.env.iter().find(|name| variables.get(name).is_some()) {
                Some(name) => {
                    used.insert(name.as_str());
                }
                None if field.required => missing.push(field),
                None => {}
            }
        }
        Self { provider, used, missing }
    }

    fn is_whole(&self) -> bool {
        self.missing.is_empty()
    }

    fn is_retired(&self) -> bool {
        matches!(self.provider.status, Status::Retired { .. })
    }

    fn app(&self, variables: &Variables) -> Result<Recognised, Misuse> {
        let mut recognised = Recognised { provider: self.provider.clone(), app: App::default(), scopes: Vec::new() };
        for field in &self.provider.client.fields {
            let Some((name, value)) = field.env.iter().find_map(|name| Some((name, variables.get(name)?))) else { continue };
            field.check(value.expose()).map_err(|wrong| {
                let again = Misuse::new(wrong.expected, format!("{} in the variable {name}", wrong.found));
                match wrong.hint {
                    Some(hint) => again.with_hint(hint),
                    None => again,
                }
            })?;
            match field.name.as_str() {
                "scope" => recognised.scopes = value.expose().split([' ', ',']).filter(|s| !s.is_empty()).map(str::to_owned).collect(),
                name => recognised.app.set(name, Secret::new(value.expose())),
            }
        }
        Ok(recognised)
    }
}

/// What to say when no provider is complete: what the nearest one lacks, and where to get it.
fn nothing(fits: &[Fit<'_>], named: Option<&str>) -> Misuse {
    let nearest = fits.iter().max_by_key(|fit| (fit.used.len(), std::cmp::Reverse(fit.missing.len())));
    let Some(fit) = nearest else {
        return match named {
            Some(name) => Misuse::new("the name of a provider", format!("\"{}\"", keyfob::proto::scrub::printable(name)))
                .with_hint("see which there are: keyfob provider list"),
            None => Misuse::new("the variables of a provider", "none that a provider knows")
                .with_hint("see which variables a provider wants: keyfob provider show NAME"),
        };
    };
    let wanted: Vec<String> = fit.missing.iter().map(|field| variable(field)).collect();
    let found: Vec<&str> = fit.used.iter().copied().collect();
    let found = if found.is_empty() { "none of its variables".to_owned() } else { format!("only {}", found.join(", ")) };
    let help = fit.missing.iter().filter(|field| !field.help.is_empty()).map(|field| format!("{}: {}", variable(field), field.help));
    let mut hint: Vec<String> = help.collect();
    if let Some(url) = &fit.provider.client.register_url {
        hint.push(format!("register at {url}"));
    }
    let misuse = Misuse::new(format!("{} for {}", wanted.join(" and "), fit.provider.title), found);
    if hint.is_empty() { misuse } else { misuse.with_hint(hint.join("; ")) }
}

fn variable(field: &Field) -> String {
    field.env.first().cloned().unwrap_or_else(|| field.name.clone())
}
