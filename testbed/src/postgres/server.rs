//! The server's process.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::account::Account;
use super::programs::{self, Programs};

pub(super) struct Server {
    process: Child,
    pid_file: PathBuf,
}

impl Server {
    /// Starts it and waits until it takes connections; the error is its log.
    pub(super) fn start(programs: &Programs, account: &Account, folder: &Path, port: u16, arguments: &[String]) -> Result<Self, String> {
        let log = OpenOptions::new().create(true).append(true).open(folder.join("log")).expect("a log");
        let second = File::try_clone(&log).expect("a second handle");
        let mut postgres = Command::new(programs.path("postgres"));
        postgres.arg("-D").arg(folder.join("data")).args(["-p", &port.to_string()]).args(arguments).current_dir(folder);
        account.run(programs::clean(&mut postgres)).stdin(Stdio::null()).stdout(log).stderr(second);
        let process = postgres.spawn().expect("postgres runs");
        let mut server = Self { process, pid_file: folder.join("data/postmaster.pid") };
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(30) {
            if server.is_ready() {
                return Ok(server);
            }
            if server.process.try_wait().expect("a child of ours").is_some() {
                break;
            }
            sleep(Duration::from_millis(5));
        }
        server.end(Signal::KILL, Duration::from_secs(5));
        Err(self::log(folder))
    }

    /// Ends it and waits for that.
    pub(super) fn end(mut self, signal: Signal, patience: Duration) {
        let children = self.children();
        let _ = kill_process(self.pid(), signal);
        let begun = Instant::now();
        while self.process.try_wait().expect("a child of ours").is_none() {
            assert!(begun.elapsed() < patience, "PostgreSQL does not end");
            sleep(Duration::from_millis(2));
        }
        // The children of one that was killed see it, and end; until then they keep its memory, and a new one would not start.
        while begun.elapsed() < patience && children.iter().any(|child| is_alive(*child)) {
            sleep(Duration::from_millis(2));
        }
        // Whoever comes to clean up must not find a number that has become somebody else's.
        drop(fs::remove_file(&self.pid_file));
    }

    pub(super) fn signal_all(&self, signal: Signal) {
        for pid in self.children().into_iter().chain([self.pid()]) {
            let _ = kill_process(pid, signal);
        }
    }

    /// The eighth line of the file says how far it is.
    fn is_ready(&self) -> bool {
        let text = fs::read_to_string(&self.pid_file).unwrap_or_default();
        let ours = text.lines().next().is_some_and(|pid| pid == self.process.id().to_string());
        ours && text.lines().nth(7).is_some_and(|status| status.trim() == "ready")
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.process)
    }

    fn children(&self) -> Vec<Pid> {
        let id = self.process.id();
        let text = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
        text.split_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)).collect()
    }
}

pub(super) fn log(folder: &Path) -> String {
    fs::read_to_string(folder.join("log")).unwrap_or_default()
}

fn is_alive(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}
