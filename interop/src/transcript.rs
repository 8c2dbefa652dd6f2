//! Reviewed transcripts: what a program sent, each line checked by a person against the library it uses and against what is
//! known of the provider.

use std::fs;

/// Compares what was seen with `transcripts/NAME.txt`, whose lines that begin with `#` say why.
///
/// # Panics
/// If they differ: either the sandbox changed what it records, or the program what it sends.
pub fn compare(name: &str, seen: &[String]) {
    let file = crate::tools::here().join("transcripts").join(format!("{name}.txt"));
    let text = fs::read_to_string(&file).unwrap_or_else(|problem| panic!("{}: {problem}\nseen:\n{}", file.display(), seen.join("\n")));
    let reviewed: Vec<&str> = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    if reviewed == seen {
        return;
    }
    let differs = (0..reviewed.len().max(seen.len())).find(|nth| reviewed.get(*nth).copied() != seen.get(*nth).map(String::as_str));
    let differs = differs.unwrap_or_default();
    panic!(
        "{} is not what was seen.\nfirst difference, request {}:\nreviewed {}\nseen     {}\n\nall that was seen:\n{}",
        file.display(),
        differs + 1,
        reviewed.get(differs).copied().unwrap_or("nothing"),
        seen.get(differs).map_or("nothing", String::as_str),
        seen.join("\n"),
    );
}
