//! A server in a process of its own, and what it costs.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The unit of `/proc/PID/stat`: the same on every Linux (`getconf CLK_TCK`).
const TICKS_A_SECOND: f64 = 100.0;

/// Which core a process is held to.
#[derive(Clone, Copy)]
pub(crate) enum Core {
    /// That of the servers that are measured.
    Servers,
    /// That of what asks them, and what they ask.
    Others,
    /// Any.
    Any,
}

/// A process that listens; it ends with this value.
pub(crate) struct Process {
    child: Child,
    pub(crate) address: SocketAddr,
}

/// So many bytes: now, and at most since it was started.
#[derive(Clone, Copy)]
pub(crate) struct Memory {
    pub(crate) now: f64,
    pub(crate) most: f64,
}

impl Process {
    /// The web app: this very program's, or that of another build (`KEYFOB_PROGRAM`), so that what it is compared with stays as it is.
    pub(crate) fn serving(core: Core, words: &[&str]) -> Self {
        let another = std::env::var_os("KEYFOB_PROGRAM").map(PathBuf::from);
        Self::run(core, &another.unwrap_or_else(itself), &[&["serve"], words].concat())
    }

    /// This very program, in one of its other roles.
    pub(crate) fn own(core: Core, words: &[&str]) -> Self {
        Self::run(core, &itself(), words)
    }

    /// It says where it listens.
    fn run(core: Core, program: &Path, words: &[&str]) -> Self {
        let mut command = held(core, &program.to_string_lossy());
        // It ends when its input does: whatever becomes of this process.
        command.arg("child").args(words).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("it is piped")).read_line(&mut line).expect("it says where it listens");
        let address = line.trim().parse().unwrap_or_else(|_| panic!("an address, and not {line:?}"));
        Self { child, address }
    }

    /// Another program, which listens at this address.
    pub(crate) fn other(core: Core, program: &str, arguments: &[&str], address: SocketAddr) -> Self {
        let child = held(core, program).args(arguments).stdin(Stdio::null()).spawn().expect("it starts");
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(30), "{program} does not listen");
            std::thread::sleep(Duration::from_millis(5));
        }
        Self { child, address }
    }

    /// The CPU time it has used, in seconds: its own and the kernel's for it.
    pub(crate) fn cpu(&self) -> f64 {
        let stat = self.read("stat");
        // The name, in brackets, may have spaces in it.
        let fields: Vec<&str> = stat.rsplit_once(')').expect("as proc(5) has it").1.split_whitespace().collect();
        let ticks = |at: usize| fields[at].parse::<f64>().expect("a number");
        (ticks(11) + ticks(12)) / TICKS_A_SECOND
    }

    pub(crate) fn memory(&self) -> Memory {
        let status = self.read("status");
        let kilobytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("as proc(5) has it");
            line.trim_end_matches("kB").trim().parse::<f64>().expect("a number") * 1024.0
        };
        Memory { now: kilobytes("VmRSS:"), most: kilobytes("VmHWM:") }
    }

    pub(crate) fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).expect("it is ours").count()
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{name}", self.child.id())).expect("it runs")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn itself() -> PathBuf {
    std::env::current_exe().expect("this program")
}

/// A command that is held to a core, where there are several: the last one is the servers'.
pub(crate) fn held(core: Core, program: &str) -> Command {
    let last = std::thread::available_parallelism().map_or(0, |count| count.get() - 1);
    let core = match core {
        Core::Servers if last > 0 => last,
        Core::Others if last > 0 => 0,
        _ => return Command::new(program),
    };
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", &core.to_string(), program]);
    command
}

/// The children of this program end with their input, which is this program's to close.
pub(crate) async fn input_ends() {
    let read = tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
    let _ = read.await;
}
