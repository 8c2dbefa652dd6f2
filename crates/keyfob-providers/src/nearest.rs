//! The nearest known name to one that was mistyped.

/// The known name that is nearest to what was typed, if one is near enough to be what was meant: by edit distance, without regard
/// to case; a beginning of three letters counts as near.
pub fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const LONGEST: usize = 64;
    let typed: Vec<char> = typed.to_lowercase().chars().take(LONGEST).collect();
    let allowed = (typed.len() / 3).clamp(1, 4);
    known
        .into_iter()
        .map(|name| {
            let lower: Vec<char> = name.to_lowercase().chars().take(LONGEST).collect();
            let begins = typed.len() >= 3 && lower.starts_with(&typed);
            let distance = distance(&typed, &lower);
            (if begins { distance.min(allowed) } else { distance }, !begins, name)
        })
        .filter(|&(distance, ..)| distance <= allowed)
        .min_by_key(|&(distance, strange, name)| (distance, strange, name.len().abs_diff(typed.len())))
        .map(|(.., name)| name)
}

/// A hint that names the nearest name, or lists them all where they are few.
pub(crate) fn suggest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> Option<String> {
    if let Some(name) = nearest(typed, known.clone()) {
        return Some(format!("did you mean \"{name}\"?"));
    }
    let all: Vec<&str> = known.into_iter().take(31).collect();
    (!all.is_empty() && all.len() <= 30).then(|| format!("known: {}", all.join(", ")))
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
        assert_eq!(nearest("", known), None);
        assert_eq!(distance(&['a', 'b'], &['b', 'a']), 1);
    }

    #[test]
    fn few_names_are_listed_when_none_is_near() {
        assert_eq!(suggest("x", ["red", "blue"]).as_deref(), Some("known: red, blue"));
        assert_eq!(suggest("rde", ["red", "blue"]).as_deref(), Some("did you mean \"red\"?"));
    }
}
