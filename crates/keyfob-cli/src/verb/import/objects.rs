//! Which login of a document without a shape of its own is meant: each object that has tokens is one, by the names it stands under. Half of one and half of
//! another would be a login that works for nobody, or for the wrong person.

use keyfob_providers::Provider;
use serde_json::{Map, Value};

use super::elsewhere::{NotFound, Wanted};
use super::names::{is_of, named};

/// Deeper than this no program keeps a token.
const DEEPEST: usize = 8;
/// Who has one of these has a login, of whichever protocol.
const TOKENS: [&str; 3] = ["access_token", "refresh_token", "token_secret"];
/// And where nobody has tokens, an app.
const KEYS: [&str; 2] = ["client_id", "client_secret"];

/// The scalars of one login, its own first; then, from the inside out, what stands around it and is no other login's: an app's keys, say.
pub(super) fn scalars_of_one(document: &Value, wanted: Wanted<'_>) -> Result<Vec<(String, Value)>, NotFound> {
    let mut all = Vec::new();
    for marks in [&TOKENS[..], &KEYS[..]] {
        if all.is_empty() {
            holders(document, marks, wanted.provider, &mut Vec::new(), None, &mut all);
        }
    }
    let Some(one) = one(&all, wanted)? else { return Ok(scalars_of(document)) };
    let is_others = |path: &[String]| {
        all.iter().any(|other| other != one && other.starts_with(path)) || path.last().is_some_and(|name| is_anothers(name, wanted))
    };
    let mut around = vec![(document, &one[..0])];
    for (at, name) in one.iter().enumerate() {
        around.extend(around[at].0.member(name).map(|below| (below, &one[..=at])));
    }
    let mut scalars = Vec::new();
    // What stands in another login around it is that one's.
    for (value, path) in around.into_iter().rev().filter(|(_, path)| path == one || !all.iter().any(|other| other == path)) {
        let came_from = one.get(path.len());
        let rest = value.members().filter(|(name, value)| {
            value.is_scalar() || came_from != Some(name) && !is_others(&[path, std::slice::from_ref(name)].concat())
        });
        let rest: Map<String, Value> = rest.map(|(name, value)| (name, value.clone())).collect();
        scalars.extend(scalars_of(&Value::Object(rest)));
    }
    Ok(scalars)
}

/// All scalars of JSON, with the names they stand under; in the order of the document's depth, so that an outer one counts first.
pub(super) fn scalars_of(json: &Value) -> Vec<(String, Value)> {
    let (mut found, mut level) = (Vec::new(), vec![json]);
    for _ in 0..DEEPEST {
        let mut below = Vec::new();
        for value in level {
            match value {
                Value::Object(members) => {
                    for (name, value) in members {
                        match value {
                            Value::Null => {}
                            scalar if scalar.is_scalar() => found.push((name.to_ascii_lowercase(), scalar.clone())),
                            value => below.push(value),
                        }
                    }
                }
                Value::Array(items) => below.extend(items),
                _ => {}
            }
        }
        level = below;
    }
    found
}

/// The names an object stands under, from the outside in. An item of a list is called by its number, from 0 as in jq.
type Path = Vec<String>;

/// Objects that have some of these `marks` themselves. One inside another that has no other tokens than that is a part of it.
fn holders(value: &Value, marks: &[&str], provider: &Provider, path: &mut Path, outer: Option<&Map<String, Value>>, found: &mut Vec<Path>) {
    if path.len() > DEEPEST {
        return;
    }
    let scalars: Vec<_> = match value {
        Value::Object(members) => members.iter().filter(|(_, value)| value.is_scalar() && !value.is_null()).collect(),
        _ => Vec::new(),
    };
    let scalars: Vec<(String, Value)> = scalars.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect();
    let mut mine = named(&scalars, provider);
    mine.retain(|name, _| marks.contains(&name.as_str()));
    let is_part = |outer: &Map<String, Value>| mine.iter().all(|(name, value)| outer.get(name).is_none_or(|known| known == value));
    let is_one = !mine.is_empty() && !outer.is_some_and(is_part);
    if is_one {
        found.push(path.clone());
    }
    for (name, below) in value.members().filter(|(_, below)| !below.is_scalar()) {
        path.push(name);
        holders(below, marks, provider, path, if is_one { Some(&mine) } else { outer }, found);
        path.pop();
    }
}

/// The one that was named; else the one that stands under the provider's own name; else the only one that stands under no other's.
fn one<'a>(all: &'a [Path], wanted: Wanted<'_>) -> Result<Option<&'a Path>, NotFound> {
    let shown = |path: &Path| {
        // What all of them stand under tells nobody which one is meant.
        let same = |at: usize| all.iter().all(|other| other.get(at) == path.get(at));
        let same_at_end = |at: usize| all.iter().all(|other| other.iter().rev().nth(at) == path.iter().rev().nth(at));
        let shortest = all.iter().map(Vec::len).min().filter(|_| all.len() > 1).unwrap_or_default();
        let before = (0..shortest).take_while(|at| same(*at)).count();
        let behind = (0..shortest - before).take_while(|at| same_at_end(*at)).count();
        path[before..path.len() - behind].join("/")
    };
    let names = |paths: &[&Path]| NotFound::Several(paths.iter().map(|path| shown(path)).filter(|name| !name.is_empty()).collect());
    let whole: Vec<&Path> = all.iter().collect();
    let mut left: Vec<&Path> = match wanted.profile {
        Some(profile) => all.iter().filter(|path| shown(path) == profile || path.iter().any(|name| name == profile)).collect(),
        // One inside another is meant where it is named.
        None => all.iter().filter(|path| !all.iter().any(|outer| outer != *path && path.starts_with(outer))).collect(),
    };
    if wanted.profile.is_some() && left.is_empty() {
        return Err(names(&whole));
    }
    let is_ours = |path: &&Path| path.iter().any(|name| as_provider(name) == wanted.provider.name);
    if left.iter().any(is_ours) {
        left.retain(is_ours);
    } else if wanted.profile.is_none() {
        let of_others: Vec<String> =
            left.iter().filter_map(|path| path.iter().find(|name| is_anothers(name, wanted))).map(|name| as_provider(name)).collect();
        left.retain(|path| !path.iter().any(|name| is_anothers(name, wanted)));
        if left.is_empty() && !of_others.is_empty() {
            return Err(NotFound::UnderAnother(of_others));
        }
    }
    match left[..] {
        [] => Ok(None),
        [one] => Ok(Some(one)),
        _ => Err(names(&left)),
    }
}

/// Whether a name is that of a provider that is not this one, nor one of its kind: `google` may well be google-health.
fn is_anothers(name: &str, wanted: Wanted<'_>) -> bool {
    let name = as_provider(name);
    wanted.catalogue.get(&name).is_ok() && !is_of(&name.replace('-', "_"), wanted.provider)
}

fn as_provider(name: &str) -> String {
    name.to_ascii_lowercase().replace('_', "-")
}

/// What is the same for objects and lists.
trait Node {
    fn is_scalar(&self) -> bool;
    fn member(&self, name: &str) -> Option<&Value>;
    fn members(&self) -> Box<dyn Iterator<Item = (String, &Value)> + '_>;
}

impl Node for Value {
    /// A list of texts is one: of scopes, say.
    fn is_scalar(&self) -> bool {
        match self {
            Self::Object(_) => false,
            Self::Array(items) => items.iter().all(Value::is_string),
            _ => true,
        }
    }

    fn member(&self, name: &str) -> Option<&Value> {
        match self {
            Self::Array(items) => items.get(name.parse::<usize>().ok()?),
            object => object.get(name),
        }
    }

    fn members(&self) -> Box<dyn Iterator<Item = (String, &Value)> + '_> {
        match self {
            Self::Object(members) => Box::new(members.iter().map(|(name, value)| (name.clone(), value))),
            Self::Array(items) => Box::new(items.iter().enumerate().map(|(at, value)| (at.to_string(), value))),
            _ => Box::new(std::iter::empty()),
        }
    }
}
