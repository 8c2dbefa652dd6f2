//! The published schema of provider files (docs/provider.schema.json), held by a validator that others wrote to every file of the catalogue, and to each
//! of them with something wrong put in place of each thing that is right.

#![allow(missing_docs)]

#[path = "../../crates/keyfob-providers/tests/mistakes/mod.rs"]
mod mistakes;

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use keyfob_interop::tools;

#[test]
fn every_file_fits_the_published_schema_and_no_wrong_one_does() {
    let Some(python) = tools::python() else { return };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/provider_schema.py");
    let judged = Command::new(python)
        .arg(script)
        .arg(root.join("docs/provider.schema.json"))
        .arg(root.join("crates/keyfob-providers/data"))
        .output()
        .expect("Python runs");
    let (said, wrong) = (String::from_utf8_lossy(&judged.stdout), String::from_utf8_lossy(&judged.stderr));
    assert!(judged.status.success(), "{said}{wrong}");
}

/// What of the mistakes in `check`'s own tests a schema does not see: by what is written, and why. What it sees is not here, and what is here it does not see.
const ONLY_CHECK: &[(&str, &str)] = &[
    ("\"2026-11-21\"", "editors judge a date by its text, with quotes or without"),
    ("trusted_audiences = [\"{projct}\"]", NAMES),
    ("{acess_token}", NAMES),
    ("\"{api_kye}\"", NAMES),
    ("\"{api_key\"", "a brace without its other one"),
    ("revocation_body = \"by-kind\"", "whether there is an endpoint that it is for"),
    ("base_url = \"https://hub.example\"\nquery = { key = \"{api_kye}\" }", NAMES),
    ("base_url = \"{user_id}\"", "whether a place is filled by the login or by the app"),
    ("base_url = \"https://hub.example/{user_id}\"\nhosts = [\"hub.example\"]", "whether a place makes the host"),
    ("base_url = \"https://hub.example/{user_if}\"", NAMES),
    ("parameters = [{ name = \"user_id\", positional = true }, { name = \"id\", positional = true }]", NAMES),
    ("redirect_name = \"{ru_name}\"", NAMES),
    ("\"{kind}\"", NAMES),
    ("positional = true, default = \"x\" }, {", "whether a default is one that the parameter takes"),
    ("\".things[\"", JQ),
    ("\".things[] | recurse\"", JQ),
    ("'reduce .[] as $x (0; .)'", JQ),
    ("\".name | selct(.)\"", JQ),
    ("each = \"kind\"", NAMES),
    ("$idx", JQ),
    ("action = \"dorp\"", NAMES),
    ("with = { idd =", NAMES),
    ("[\"api_key\"]", NAMES),
    ("parameter_names = { client_id = \"app\" }\nauthorize_params = { app = \"x\" }", NAMES),
    ("\"https://hub.example:99999/token\"", "whether a port is one"),
    ("\"https://höb.example/token\"", "a host in other letters"),
    ("{ x-token = \"x\" }", "whether a template has a place"),
    ("label = \"Key\", pattern = \"[a-z\",", "whether a regular expression is one"),
    ("client_auth = \"signed-secret\"\nsigned_secret = { issuer = \"t\", audience = \"https://hub.example\" }", NAMES),
    ("base_url = \"https://{api_key}.hub.example\"", NAMES),
    ("\"https://{api_key}.hub.example/token\"", NAMES),
    ("min = 255, max = 0", "whether one number is above another"),
    (
        "fields = [{ name = \"shop\", label = \"Shop\", default = \"A\", pattern = \"[a-z]+\" }, ",
        "whether a default is one that the field takes",
    ),
    ("base_url = \"{client_id}\"", "whether a place is filled by the login or by the app"),
    ("base_url = \"https://${client_id}.hub.example\"", "what stands in front of a place"),
    ("value = \".name[$index]\"", JQ),
    ("value = \".name\", axis = \"x\"", COLUMN),
    ("{ title = \"Name\", value = \".id\" }, { each = ", COLUMN),
    ("{ each = \"kinds\", value = \".more[$index]\" }, { each = ", COLUMN),
    ("{ title = \"T\", value = \".t\" }, { units = { T = \"C\" }, each = ", COLUMN),
    ("{ title = \"A\", value = \".a\", axis = \"x\" }, { title = \"B\", value = \".b\", axis = \"x\" }, { axis = \"y\", each = ", COLUMN),
];

const NAMES: &str = "names that stand elsewhere in the file";
const JQ: &str = "jq";
const COLUMN: &str = "what another column says";

#[test]
fn the_schema_finds_the_mistakes_that_check_finds_but_for_those_named_here() {
    let Some(python) = tools::python() else { return };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/provider_schema.py");
    let texts: Vec<String> = mistakes::MISTAKES.iter().map(|(from, to, ..)| mistakes::GOOD.replacen(from, to, 1)).collect();
    let mut judging = Command::new(python)
        .arg(script)
        .arg(root.join("docs/provider.schema.json"))
        .arg("--mistakes")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python runs");
    let asked = serde_json::to_vec(&texts).expect("JSON");
    judging.stdin.take().expect("a pipe").write_all(&asked).expect("asked");
    let judged = judging.wait_with_output().expect("Python ends");
    let passed: Vec<usize> = serde_json::from_slice(&judged.stdout).expect("numbers");
    let found: Vec<&str> = passed.into_iter().map(|at| mistakes::MISTAKES[at].1).collect();
    let named: Vec<&str> = ONLY_CHECK.iter().map(|(written, _)| *written).collect();
    assert_eq!(found, named, "what the schema does not find, and what is named here");
}
