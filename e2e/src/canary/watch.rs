//! Watching a run from outside: the command lines and environments of all processes that it starts, and every state that its files are
//! seen in, also of those that are gone at the end.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::files;

/// Watches until it is asked what it saw.
pub struct Watch {
    stop: Arc<AtomicBool>,
    seen: Arc<Mutex<Vec<Seen>>>,
    thread: Option<JoinHandle<()>>,
}

/// Something that was seen.
#[derive(Clone, Debug)]
pub struct Seen {
    /// `cmdline`, `environ` or `file`.
    pub kind: &'static str,
    /// The program's name, or the file's path.
    pub of: String,
    /// What was in it.
    pub bytes: Vec<u8>,
}

impl Watch {
    /// Begins to watch this process's children, their children, and a folder.
    pub fn begin(folder: &Path) -> Self {
        let (stop, seen) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let (over, kept, folder) = (stop.clone(), seen.clone(), folder.to_path_buf());
        let thread = thread::spawn(move || look(&folder, &over, &kept));
        Self { stop, seen, thread: Some(thread) }
    }

    /// What was seen until now.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends it, and gives all that was seen.
    ///
    /// # Panics
    /// If the watcher did.
    pub fn end(mut self) -> Vec<Seen> {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.take().expect("it is there").join().expect("the watcher lives");
        std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
    }
}

fn look(folder: &Path, over: &AtomicBool, kept: &Mutex<Vec<Seen>>) {
    let (mut known, mut left) = (HashSet::new(), BTreeSet::new());
    let mut keep = |kind: &'static str, of: String, bytes: Vec<u8>| {
        let mut hasher = DefaultHasher::new();
        (kind, &of, &bytes).hash(&mut hasher);
        if !bytes.is_empty() && known.insert(hasher.finish()) {
            kept.lock().unwrap_or_else(PoisonError::into_inner).push(Seen { kind, of, bytes });
        }
    };
    for round in 0_u32.. {
        let last = over.load(Ordering::SeqCst);
        left = descendants(&left);
        for (pid, _) in &left {
            let process = PathBuf::from(format!("/proc/{pid}"));
            let name = fs::read_to_string(process.join("comm")).unwrap_or_default().trim().to_owned();
            for kind in ["cmdline", "environ"] {
                // A process that has ended, or that is about to become another program, has none.
                keep(kind, name.clone(), fs::read(process.join(kind)).unwrap_or_default());
            }
        }
        if round % 16 == 0 || last {
            files(folder).into_iter().for_each(|(path, bytes)| keep("file", path, bytes));
        }
        if last {
            return;
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// A process: its number, and when it began, for numbers are given again.
type Process = (u32, u64);

/// All processes that this one started, and that those started; also those of before whose parents have gone, as an agent's has.
fn descendants(before: &BTreeSet<Process>) -> BTreeSet<Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok);
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let stats: BTreeMap<u32, (u32, u64)> = pids.filter_map(|pid| Some((pid, parent_and_beginning(pid)?))).collect();
    let ours = std::process::id();
    let is_ours = |mut pid: u32| {
        while let Some((parent, began)) = stats.get(&pid) {
            if *parent == ours || before.contains(&(pid, *began)) {
                return true;
            }
            pid = *parent;
        }
        false
    };
    stats.iter().filter(|(pid, _)| is_ours(**pid)).map(|(pid, (_, began))| (*pid, *began)).collect()
}

fn parent_and_beginning(pid: u32) -> Option<(u32, u64)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold anything.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    Some((fields.nth(1)?.parse().ok()?, fields.nth(17)?.parse().ok()?))
}
