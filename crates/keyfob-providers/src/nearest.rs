//! The nearest known name to one that was mistyped.

/// The known name that is nearest to what was typed, if one is near enough to be what was meant: by edit distance, without regard
/// to case; a beginning of three letters counts as near, and so does a name with something behind a hyphen (`fitbit-public`).
pub fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    all_nearest(typed, known).first().copied()
}

/// The same, and those that are as near.
pub(crate) fn all_nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    const LONGEST: usize = 64;
    let typed: Vec<char> = typed.to_lowercase().chars().take(LONGEST).collect();
    let allowed = (typed.len() / 3).clamp(1, 4);
    let judged = known.into_iter().map(|name| {
        let lower: Vec<char> = name.to_lowercase().chars().take(LONGEST).collect();
        let begins = typed.len() >= 3 && lower.starts_with(&typed);
        let goes_on = lower.len() >= 3 && typed.starts_with(&lower) && typed.get(lower.len()) == Some(&'-');
        let distance = distance(&typed, &lower);
        ((if begins || goes_on { distance.min(allowed) } else { distance }, !begins, name.len().abs_diff(typed.len())), name)
    });
    let mut near: Vec<_> = judged.filter(|((distance, ..), _)| *distance <= allowed).collect();
    let Some(best) = near.iter().map(|(how, _)| *how).min() else { return Vec::new() };
    near.retain(|(how, _)| *how == best);
    near.into_iter().map(|(_, name)| name).collect()
}

/// A hint that names the nearest name, all that are as near, or lists them all where they are few.
pub(crate) fn suggest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> Option<String> {
    let near = all_nearest(typed, known.clone());
    if !near.is_empty() {
        let quoted: Vec<String> = near.iter().map(|name| format!("\"{name}\"")).collect();
        return Some(format!("did you mean {}?", quoted.join(" or ")));
    }
    let all: Vec<&str> = known.into_iter().take(33).collect();
    (!all.is_empty() && all.len() <= 32).then(|| format!("known: {}", all.join(", ")))
}

/// Edit distance with neighbours swapped counted once (optimal string alignment).
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let change = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = change.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found_and_strangers_are_not() {
        let known = ["unlock-now", "lock-now", "locks", "lock"];
        assert_eq!(nearest("lokcs", known), Some("locks"));
        assert_eq!(nearest("unlok-now", known), Some("unlock-now"));
        assert_eq!(nearest("UNLOCK", known), Some("unlock-now"));
        assert_eq!(nearest("scope", ["scope_separator", "scopes"]), Some("scopes"));
        assert_eq!(nearest("weather", known), None);
        assert_eq!(nearest("fitbit-public", ["flickr", "fitbit"]), Some("fitbit"));
        assert_eq!(nearest("fitbits", ["public", "fi"]), None);
        assert_eq!(nearest("", known), None);
        assert_eq!(distance(&['a', 'b'], &['b', 'a']), 1);
    }

    #[test]
    fn few_names_are_listed_when_none_is_near() {
        assert_eq!(suggest("x", ["red", "blue"]).as_deref(), Some("known: red, blue"));
        assert_eq!(suggest("rde", ["red", "blue"]).as_deref(), Some("did you mean \"red\"?"));
    }
}
