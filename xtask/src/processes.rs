//! The processes below one: a test that hangs has started others.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

/// Ends a process and all that it has started, the youngest first.
pub(crate) fn end_all_below(root: u32) {
    for pid in below(root, &parents()).iter().rev() {
        let _ = Command::new("kill").args(["-KILL", &pid.to_string()]).status();
    }
}

/// The process and its descendants, parents first.
fn below(root: u32, parents: &BTreeMap<u32, u32>) -> Vec<u32> {
    let mut family = vec![root];
    let mut at = 0;
    while at < family.len() {
        let one = family[at];
        family.extend(parents.iter().filter(|(_, parent)| **parent == one).map(|(pid, _)| *pid));
        at += 1;
    }
    family
}

/// Every process's parent, out of `/proc/PID/status`.
fn parents() -> BTreeMap<u32, u32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let parent = |pid: u32| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse().ok()
    };
    processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter_map(|pid| Some((pid, parent(pid)?))).collect()
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;
    use std::time::Duration;

    use super::*;

    #[test]
    fn children_of_children_are_found_and_ended() {
        let mut shell = Command::new("sh").args(["-c", "sleep 600 & sleep 600; true"]).stdout(Stdio::null()).spawn().expect("a shell");
        let family = || below(shell.id(), &parents());
        while family().len() < 3 {
            std::thread::sleep(Duration::from_millis(10));
        }
        let family = family();
        end_all_below(shell.id());
        shell.wait().expect("it has ended");
        let alive = |pid: &u32| fs::read_to_string(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.contains("sleep"));
        while family.iter().any(alive) {
            std::thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(family.len(), 3);
    }
}
