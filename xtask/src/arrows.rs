//! Which of our crates may depend on which. A crate is cut where purity, weight or audience changes; an arrow that is
//! not in this table undoes a cut.

use serde_json::Value;

/// Each crate with what it may depend on. Crates that only check others are free.
const ALLOWED: [(&str, &[&str]); 7] = [
    ("keyfob-proto", &[]),
    ("keyfob-providers", &["keyfob-proto"]),
    ("keyfob", &["keyfob-proto"]),
    ("keyfob-sandbox", &["keyfob-proto"]),
    ("keyfob-store", &["keyfob"]),
    ("keyfob-broker", &["keyfob", "keyfob-store", "keyfob-providers"]),
    ("keyfob-cli", &["keyfob-proto", "keyfob-providers", "keyfob", "keyfob-sandbox", "keyfob-store", "keyfob-broker"]),
];
const FREE: [&str; 7] =
    ["keyfob-bench", "keyfob-e2e", "keyfob-fuzz-targets", "keyfob-interop", "keyfob-testbed", "keyfob-torture", "xtask"];
/// Tests of any crate may start them.
const FOR_TESTS: [&str; 2] = ["keyfob-sandbox", "keyfob-testbed"];

/// The edges between our crates that should not be, as the manifests stand.
pub(crate) fn wrong() -> Result<Vec<String>, String> {
    let mut command = crate::cargo();
    let output = command.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]).output();
    let output = output.map_err(|problem| format!("cannot run cargo metadata: {problem}"))?;
    if !output.status.success() {
        return Err(format!("cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr)));
    }
    let metadata = serde_json::from_slice(&output.stdout).map_err(|problem| format!("cargo metadata wrote no JSON: {problem}"))?;
    Ok(judge(&metadata))
}

fn judge(metadata: &Value) -> Vec<String> {
    let packages = metadata["packages"].as_array().map_or(&[][..], Vec::as_slice);
    let names: Vec<&str> = packages.iter().filter_map(|package| package["name"].as_str()).collect();
    let mut wrong = Vec::new();
    for package in packages {
        let from = package["name"].as_str().unwrap_or_default();
        if FREE.contains(&from) {
            continue;
        }
        let Some((_, allowed)) = ALLOWED.iter().find(|(name, _)| *name == from) else {
            wrong.push(format!("{from} (a crate that the table of arrows does not know)"));
            continue;
        };
        for dependency in package["dependencies"].as_array().map_or(&[][..], Vec::as_slice) {
            let to = dependency["name"].as_str().unwrap_or_default();
            // A crate's own tests may ask it for more features.
            let test_only = dependency["kind"] == "dev" && (FOR_TESTS.contains(&to) || to == from);
            if names.contains(&to) && !allowed.contains(&to) && !test_only {
                let kind = dependency["kind"].as_str().unwrap_or("normal");
                wrong.push(format!("{from} → {to} ({kind})"));
            }
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_arrow_between_our_crates_is_allowed() {
        assert_eq!(wrong(), Ok(Vec::new()));
    }

    #[test]
    fn the_table_names_crates_that_exist() {
        let output = crate::cargo().args(["metadata", "--no-deps", "--offline", "--format-version", "1"]).output().expect("cargo");
        let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let packages = metadata["packages"].as_array().expect("packages");
        for name in ALLOWED.iter().map(|(name, _)| name).chain(&FREE) {
            assert!(packages.iter().any(|package| package["name"] == *name), "{name}");
        }
    }

    #[test]
    fn other_arrows_are_found() {
        let package = |name: &str, edges: &[(&str, Value)]| {
            let edges: Vec<Value> = edges.iter().map(|(to, kind)| json!({ "name": to, "kind": kind })).collect();
            json!({ "name": name, "dependencies": edges })
        };
        let dev = || json!("dev");
        let metadata = json!({ "packages": [
            package("keyfob-proto", &[("serde", Value::Null), ("keyfob-sandbox", dev()), ("keyfob-proto", dev()), ("keyfob", dev())]),
            package("keyfob", &[("keyfob-proto", Value::Null), ("keyfob-providers", Value::Null)]),
            package("keyfob-sandbox", &[("keyfob", json!("build"))]),
            package("keyfob-providers", &[]),
            package("keyfob-e2e", &[("keyfob", Value::Null), ("keyfob-sandbox", Value::Null)]),
            package("keyfob-new", &[]),
        ]});
        assert_eq!(
            judge(&metadata),
            [
                "keyfob-proto → keyfob (dev)",
                "keyfob → keyfob-providers (normal)",
                "keyfob-sandbox → keyfob (build)",
                "keyfob-new (a crate that the table of arrows does not know)",
            ]
        );
    }
}
