//! What is kept of earlier runs goes through its target once more, without a fuzzer.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::path::Path;

use keyfob_fuzz_targets::TARGETS;

#[test]
fn m2_what_is_in_the_corpora_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus");
    for (name, run) in TARGETS {
        let mut files: Vec<_> = std::fs::read_dir(folder.join(name)).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        assert!(files.len() >= 5, "{name} has a corpus of {} files", files.len());
        let mut size = 0;
        for file in files {
            let data = std::fs::read(&file).unwrap();
            size += data.len();
            println!("{}", file.display()); // shown when it fails
            run(&data);
            // And what is near: cut off anywhere, and with any byte gone.
            for at in 0..data.len().min(200) {
                run(&data[..at]);
                run(&[&data[..at], &data[at + 1..]].concat());
            }
        }
        assert!(size < 64 * 1024, "a corpus is small: {name} has {size} bytes");
    }
}

#[test]
fn every_target_has_its_program_and_its_corpus() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let names = |folder: &str| -> BTreeSet<String> {
        let entries = std::fs::read_dir(fuzz.join(folder)).unwrap();
        entries.map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned()).collect()
    };
    let targets: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names("fuzz_targets"), targets);
    assert_eq!(names("corpus"), targets);
    let manifest = std::fs::read_to_string(fuzz.join("Cargo.toml")).unwrap();
    assert!(targets.iter().all(|name| manifest.contains(&format!("name = \"{name}\""))));
}
