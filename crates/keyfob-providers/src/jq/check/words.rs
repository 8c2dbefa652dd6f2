//! The words of jq: what may be called, and what is told of those that may not.

/// What may be called, with the number of arguments.
pub(super) const FUNCTIONS: &[(&str, usize)] = &[
    ("abs", 0),
    ("add", 0),
    ("add", 1),
    ("all", 0),
    ("all", 1),
    ("any", 0),
    ("any", 1),
    ("arrays", 0),
    ("ascii_downcase", 0),
    ("ascii_upcase", 0),
    ("booleans", 0),
    ("ceil", 0),
    ("contains", 1),
    ("empty", 0),
    ("endswith", 1),
    ("false", 0),
    ("first", 0),
    ("first", 1),
    ("floor", 0),
    ("from_entries", 0),
    ("group_by", 1),
    ("has", 1),
    ("join", 1),
    ("keys", 0),
    ("keys_unsorted", 0),
    ("last", 0),
    ("last", 1),
    ("length", 0),
    ("limit", 2),
    ("ltrimstr", 1),
    ("map", 1),
    ("max", 0),
    ("max_by", 1),
    ("min", 0),
    ("min_by", 1),
    ("not", 0),
    ("null", 0),
    ("nulls", 0),
    ("numbers", 0),
    ("objects", 0),
    ("reverse", 0),
    ("round", 0),
    ("rtrimstr", 1),
    ("scalars", 0),
    ("select", 1),
    ("sort", 0),
    ("sort_by", 1),
    ("split", 1),
    ("startswith", 1),
    ("strings", 0),
    ("to_entries", 0),
    ("tonumber", 0),
    ("tostring", 0),
    ("trim", 0),
    ("true", 0),
    ("type", 0),
    ("unique", 0),
    ("unique_by", 1),
    ("values", 0),
    ("with_entries", 1),
];

/// Their names, each once, for whoever looks for one.
pub(super) fn all() -> String {
    let mut names: Vec<&str> = FUNCTIONS.iter().map(|(name, _)| *name).filter(|name| !["true", "false", "null"].contains(name)).collect();
    names.dedup();
    names.join(", ")
}

/// What stands in for a format, which writes a whole value in another way.
pub(super) fn instead_of_format(format: &str) -> &'static str {
    match format {
        "@tsv" => "map(tostring) | join(\"\\t\")",
        // Cells are quoted there where they have to be.
        "@csv" => "a call writes it: --format csv",
        "@text" | "@json" => "tostring",
        _ => "use plain strings: \"\\(.a)\"",
    }
}

/// Functions whose results are numbers, so that `*` may follow.
pub(super) const NUMERIC: &[&str] = &["abs", "ceil", "floor", "length", "round", "tonumber"];

/// Definitions that are loaded besides those of [`FUNCTIONS`]: what these are made of.
const PARTS: &[(&str, usize)] = &[
    ("all", 2),
    ("any", 2),
    ("error", 1),
    ("isarray", 0),
    ("isboolean", 0),
    ("isempty", 1),
    ("isnumber", 0),
    ("isobject", 0),
    ("isstring", 0),
];

/// Whether a definition of jaq's library is loaded. `tonumber` is ours.
pub(in crate::jq) fn is_loaded(name: &str, arguments: usize) -> bool {
    name != "tonumber" && FUNCTIONS.contains(&(name, arguments)) || PARTS.contains(&(name, arguments))
}

/// Native functions that are not even loaded.
pub(in crate::jq) const IMPURE: &[&str] = &["env", "now", "halt", "fromjson", "tojson", "range", "path", "path_value", "tobytes"];

/// Names that are refused with a reason of their own, wherever they turn up.
pub(super) const FORBIDDEN_WORDS: &[(&str, &str)] = &[
    ("def", "write the expression out"),
    ("reduce", "use map, add, min, max, any or all"),
    ("foreach", "use map, add, min, max, any or all"),
    ("recurse", "it may not end; name the path: .a.b[]"),
    ("walk", "it may not end; name the path: .a.b[]"),
    ("repeat", "it may not end"),
    ("while", "it may not end"),
    ("until", "it may not end"),
    ("range", "it may not end; iterate over what is in the answer"),
    ("input", "an expression sees the answer and nothing else"),
    ("inputs", "an expression sees the answer and nothing else"),
    ("env", "an expression sees the answer and nothing else"),
    ("now", "an expression sees the answer and nothing else"),
    ("localtime", "give the column kind = \"time\""),
    ("strflocaltime", "give the column kind = \"time\""),
    ("test", "compare without patterns: startswith, endswith, contains"),
    ("match", "take text apart without patterns: split, ltrimstr, rtrimstr"),
    ("capture", "take text apart without patterns: split, ltrimstr, rtrimstr"),
    ("scan", "take text apart without patterns: split, ltrimstr, rtrimstr"),
    ("sub", "put text together without patterns: split(\"a\") | join(\"b\")"),
    ("gsub", "put text together without patterns: split(\"a\") | join(\"b\")"),
    ("del", "name what stays: {id, name}"),
    ("error", "give null for what is not right, or leave it out: select(…)"),
    ("import", "an expression sees the answer and nothing else"),
    ("include", "an expression sees the answer and nothing else"),
];
