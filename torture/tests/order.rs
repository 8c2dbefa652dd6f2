//! D5, by the system calls of the real vault: what was written is on the disk, and so is the folder that names it, before anybody sees a
//! token, and before a token is spent. A power cut at any moment then finds what was told.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use keyfob_testbed::{Why, skip};
use keyfob_torture::ground::Place;
use keyfob_torture::process::verb;
use keyfob_torture::stub::Stub;
use keyfob_torture::{grant, machine};

/// A vault is made, and a record written: the file, its log and the key file all have their names by then.
#[test]
fn d5_a_new_vault_is_on_the_disk_before_its_first_write_is_told() {
    let Some(trace) = Trace::of("write", |command, vault, _| {
        command.arg(vault.join("vault.db")).args(["0", "--most=2"]);
    }) else {
        return;
    };
    let told = trace.replay(|call| call.says("acknowledged "));
    assert_eq!(told, Ok(2), "{}", trace.text);
    for name in ["vault.db>", "vault.key", "vault.db-wal>"] {
        assert!(trace.text.contains(name), "{name} was seen at work: {}", trace.text);
    }
}

/// The note is on the disk before the refresh token leaves, and the new tokens before the child says that it has them.
#[test]
fn d5_a_refresh_is_on_the_disk_before_its_token_is_seen() {
    let Some(trace) = Trace::of("refresh", |command, vault, stub| {
        grant::log_in(&Place::File(vault.join("vault.db")), stub, -3600).expect("an account");
        command.arg(vault.join("vault.db")).arg(&stub.origin).arg("--most=3");
    }) else {
        return;
    };
    assert_eq!(trace.replay(|call| call.sends("POST /token ")), Ok(3), "refreshes were sent: {}", trace.text);
    assert_eq!(trace.replay(|call| call.says("acknowledged ")), Ok(3), "tokens were seen: {}", trace.text);
    // The way of `.cargo/config.toml`: the times of the log need not be there, and cost a journaling file system a second write.
    let is_of_log = |line: &&str| line.contains("sync(") && line.contains("vault.db-wal");
    let synced: Vec<&str> = trace.text.lines().filter(is_of_log).collect();
    assert!(!synced.is_empty() && synced.iter().all(|line| line.contains("fdatasync(")), "{synced:?}");
}

/// SQLite and we both sync the folder, so that no line of ours is what this hangs on: so the reading itself is tried, on traces that lack one call.
#[test]
fn what_is_missing_in_a_trace_is_seen() {
    let whole = [
        r#"1 openat(3, "/home/vault.db-wal", O_RDWR|O_CREAT, 0600) = 5</home/vault.db-wal>"#,
        r#"1 pwrite64(5</home/vault.db-wal>, ""..., 24, 0) = 24"#,
        "1 fdatasync(5</home/vault.db-wal> <unfinished ...>",
        r#"2 read(9</home/vault.db>, ""..., 1) = 1"#,
        "1 <... fdatasync resumed>) = 0",
        "1 fsync(6</home>) = 0",
        r#"2 write(1<pipe:[7]>, "acknowledged 1\n", 15) = 15"#,
    ];
    let replay = |lines: &[&str]| {
        let trace = Trace { text: lines.join("\n"), root: "/home".to_owned(), before: BTreeSet::new() };
        trace.replay(|call| call.says("acknowledged "))
    };
    assert_eq!(replay(&whole), Ok(1));
    for (missing, left) in [(4, "vault.db-wal"), (5, "/home")] {
        let lines: Vec<&str> = whole.iter().enumerate().filter(|(number, _)| *number != missing).map(|(_, line)| *line).collect();
        assert!(replay(&lines).is_err_and(|told| told.contains(left)), "without {}", whole[missing]);
    }
    let failed: Vec<String> = whole.iter().map(|line| line.replace("fsync(6</home>) = 0", "fsync(6</home>) = -1 EIO")).collect();
    assert!(replay(&failed.iter().map(String::as_str).collect::<Vec<_>>()).is_err(), "one that failed is none");
}

/// What strace saw of a child.
struct Trace {
    text: String,
    /// Where the vault's folder is; nothing else is there.
    root: String,
    /// The files that were there before.
    before: BTreeSet<String>,
}

/// A call, once it has returned.
struct Call<'a> {
    name: &'a str,
    /// What it was given, and what it returned.
    rest: &'a str,
}

impl Trace {
    /// Runs a child in a folder of its own; `None` after saying that the test is skipped.
    fn of(child: &str, prepare: impl FnOnce(&mut Command, &Path, &Stub)) -> Option<Self> {
        if let Err(reason) = machine::strace() {
            return skip(if reason.kernel { Why::Kernel } else { Why::Missing }, &reason.reason);
        }
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().canonicalize().expect("it is there");
        let (vault, log) = (root.join("home/vault"), root.join("log"));
        fs::create_dir(root.join("home")).expect("a folder");
        let stub = Stub::start().expect("a stub");
        let mut of_child = verb(Path::new(env!("CARGO_BIN_EXE_torture")), child);
        prepare(&mut of_child, &vault, &stub);
        let files = fs::read_dir(&vault).into_iter().flatten().filter_map(Result::ok);
        let before = files.map(|file| file.path().display().to_string()).collect();
        let mut strace = Command::new("strace");
        strace.args(["-f", "-y", "-qq", "-s", "64", "-e", "signal=none", "-e", "trace=%file,%desc,%network", "-o"]).arg(&log);
        let output = strace.arg(of_child.get_program()).args(of_child.get_args()).output().expect("it runs");
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8_lossy(&fs::read(&log).expect("a log")).into_owned();
        Some(Self { text, root: root.join("home").display().to_string(), before })
    }

    /// Goes through the calls in their order. At each one for which `is_seen` says so, nothing of the vault may be on its way to the disk.
    /// Says how many there were; or what was.
    fn replay(&self, is_seen: impl Fn(&Call<'_>) -> bool) -> Result<usize, String> {
        let (mut written, mut named, mut there, mut seen) = (BTreeSet::new(), BTreeSet::new(), self.before.clone(), 0);
        for (begins, call) in calls(&self.text) {
            // What is handed out is so from the moment it begins, what is synced when that has ended.
            if begins {
                if is_seen(&call) {
                    seen += 1;
                    if !written.is_empty() || !named.is_empty() {
                        return Err(format!("at {} {}: not synced: {written:?} {named:?}", call.name, call.rest));
                    }
                }
                continue;
            }
            let Some(file) = call.file().filter(|file| file.starts_with(&self.root) && is_kept(file)) else { continue };
            match call.name {
                "openat" if call.rest.contains("O_CREAT") && there.insert(file.to_owned()) => {
                    named.insert(folder_of(file));
                }
                "write" | "pwrite64" | "ftruncate" if call.works() => {
                    written.insert(file.to_owned());
                }
                "fsync" | "fdatasync" if call.works() => {
                    written.remove(file);
                    named.remove(file);
                }
                "mkdir" | "mkdirat" | "rename" | "renameat" | "renameat2" | "link" | "linkat" if call.works() => {
                    named.insert(folder_of(file));
                }
                _ => {}
            }
        }
        Ok(seen)
    }
}

/// Locks say nothing that has to last; the index of the log is made anew.
fn is_kept(file: &str) -> bool {
    !file.ends_with("-shm") && !file.ends_with("lock") && !file.contains(".holds")
}

fn folder_of(file: &str) -> String {
    file.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned()
}

/// Each call twice: when it begins, and when it has returned. Another thread's may lie between.
fn calls(text: &str) -> Vec<(bool, Call<'_>)> {
    let (mut calls, mut begun) = (Vec::new(), std::collections::BTreeMap::new());
    for line in text.lines() {
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let rest = rest.trim_start();
        if let Some(resumed) = rest.strip_prefix("<... ") {
            if let Some((name, given)) = begun.remove(thread) {
                // How it ended is on this line, and what it was given on that one.
                let works = !resumed.contains("= -1");
                calls.extend(works.then_some((false, Call { name, rest: given })));
            }
            continue;
        }
        let Some((name, rest)) = rest.split_once('(') else { continue };
        calls.push((true, Call { name, rest }));
        if rest.ends_with("<unfinished ...>") {
            begun.insert(thread, (name, rest));
        } else {
            calls.push((false, Call { name, rest }));
        }
    }
    calls
}

impl<'a> Call<'a> {
    /// The file that it is about: that of a descriptor (`5</tmp/it>`), or the last name (`"/tmp/it"`).
    fn file(&self) -> Option<&'a str> {
        let of_descriptor = |text: &'a str| Some(text.split_once('<')?.1.split_once('>')?.0);
        match self.name {
            "openat" | "mkdir" | "mkdirat" | "rename" | "renameat" | "renameat2" | "link" | "linkat" => {
                self.rest.split('"').rfind(|part| part.starts_with('/'))
            }
            _ => of_descriptor(self.rest),
        }
    }

    fn works(&self) -> bool {
        !self.rest.contains("= -1")
    }

    /// Whether it writes a line that begins so to the standard output.
    fn says(&self, beginning: &str) -> bool {
        self.name == "write" && self.rest.starts_with("1<") && self.rest.contains(&format!(", \"{beginning}"))
    }

    /// Whether it sends bytes that begin so.
    fn sends(&self, beginning: &str) -> bool {
        ["write", "writev", "send", "sendto", "sendmsg"].contains(&self.name) && self.rest.contains(&format!("\"{beginning}"))
    }
}
