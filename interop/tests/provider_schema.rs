//! The published schema of provider files (docs/provider.schema.json), held by a validator that others wrote to every file of the catalogue, and to each
//! of them with something wrong put in place of each thing that is right.

#![allow(missing_docs)]

use std::path::Path;
use std::process::Command;

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
