//! Every file of the catalogue, walked: a client that knows it, and a provider that is imitated from it by another reader.
//!
//! Both sides read one file, so this proves that Keyfob does what the file says, and not that the file is right.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use keyfob_e2e::walk;
use keyfob_sandbox::Imitation;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Walks at once: each is a conversation with itself, so more than the machine has cores.
const AT_ONCE: usize = 8;

fn files() -> Vec<PathBuf> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/keyfob-providers/data");
    let mut files: Vec<PathBuf> = std::fs::read_dir(data).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    files
}

#[tokio::test(flavor = "multi_thread")]
async fn every_provider_of_the_catalogue_is_walked() {
    let (transport, turns) = (walk::transport(), Arc::new(Semaphore::new(AT_ONCE)));
    let mut walks = JoinSet::new();
    let files = files();
    assert!(files.len() > 100, "{}", files.len());
    for file in files {
        let (transport, turns) = (transport.clone(), turns.clone());
        walks.spawn(async move {
            let _turn = turns.acquire().await.unwrap();
            let text = std::fs::read_to_string(&file).unwrap();
            let walked = match Imitation::start(&text).await {
                Ok(imitation) => walk::walk(&text, &imitation, &transport).await,
                Err(problem) => Err(problem.to_string()),
            };
            walked.map_err(|why| format!("{}: {why}", file.file_stem().unwrap().to_string_lossy()))
        });
    }
    let mut failed: Vec<String> = walks.join_all().await.into_iter().filter_map(Result::err).collect();
    failed.sort();
    assert!(failed.is_empty(), "{} walks failed:\n{}", failed.len(), failed.join("\n"));
}
