//! J14: what a process holds in its memory stays there. No core dump writes it down, and no other program of an ordinary user reads it.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, chown};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use keyfob_e2e::{House, Tap};
use keyfob_interop::tools;
use keyfob_sandbox::{At, Faults};
use keyfob_testbed::{Why, skip};
use rustix::process::{Pid, Signal, kill_process};

/// Nothing here takes longer, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs what follows without the limit that most systems set.
const WITH_CORES: &str = "ulimit -c unlimited && exec \"$@\"";

/// An ordinary user and group, and another. Debian gives these numbers to nobody.
const SOMEBODY: u32 = 61_183;
const SOMEBODY_ELSE: u32 = 61_184;

#[test]
fn j14_a_process_that_is_killed_while_it_holds_tokens_leaves_no_core() {
    let mut house = House::new();
    let Some(place) = place_of_cores(&house) else { return };
    let tap = tapped(&mut house);
    for signal in [Signal::ABORT, Signal::SEGV] {
        let mut program = in_the_middle_of_a_call(&house, &tap, None);
        // Rust's own handler takes the first SIGSEGV for a stack that may have overflowed, and steps aside for the next.
        let mut end = None;
        wait_until("it ends", || {
            let _ = kill_process(program.id(), signal);
            end = program.0.try_wait().expect("it is ours");
            end.is_some()
        });
        let end = end.expect("it ended");
        assert_eq!((end.signal(), end.core_dumped()), (Some(signal.as_raw()), false), "{end:?}");
        assert_eq!(cores(&place), BTreeSet::new(), "{signal:?}");
        house.world.faults("acme").clear();
    }
}

#[test]
fn j14_nor_does_the_agent_or_the_web_app() {
    let mut house = House::new();
    let Some(_) = place_of_cores(&house) else { return };
    let runtime = house.path().join("run");
    DirBuilder::new().mode(0o700).create(&runtime).expect("a folder");
    house.set("XDG_RUNTIME_DIR", runtime.to_str().expect("UTF-8"));
    house.log_in("acme");
    let mut rekey = house.start(&["vault", "rekey", "--passphrase", "--stdin"]);
    rekey.answer("a passphrase of no account");
    assert!(rekey.finish().success);
    let keyfob = tools::keyfob();
    let mut unlock = wrapped(&house, &keyfob, &["unlock", "--stdin"], None);
    let mut pipe = unlock.0.stdin.take().expect("a pipe");
    pipe.write_all(
        b"a passphrase of no account
",
    )
    .expect("writes");
    drop(pipe);
    assert!(unlock.0.wait().expect("it is ours").success());
    let socket = UnixStream::connect(runtime.join("keyfob/agent.sock")).expect("an agent listens");
    let agent = rustix::net::sockopt::socket_peercred(&socket).expect("the kernel knows").pid;
    drop(socket);
    // Its folder is the root: a core would be there.
    let before = cores(Path::new("/"));
    assert_dumps_nothing(agent);
    kill_process(agent, Signal::ABORT).expect("it is ours");
    wait_until("the agent ends", || UnixStream::connect(runtime.join("keyfob/agent.sock")).is_err());
    assert_eq!(cores(Path::new("/")), before);

    let listen = format!("127.0.0.1:{}", keyfob_testbed::port::reserve());
    let app = house.world.app("august");
    let file = house.path().join("app.env");
    let text = format!("CLIENTID={}\nAPISEC={}\nAPIKEY={}\n", app.client_id, app.client_secret, app.fields["api_key"]);
    fs::write(&file, text).expect("an env-file");
    let elsewhere = house.path().join("elsewhere.db").display().to_string();
    let file = file.display().to_string();
    let words = ["--vault", &elsewhere, "serve", "--env-file", &file, "--listen", &listen];
    let mut serve = wrapped(&house, &keyfob, &words, None);
    wait_until("the web app listens", || std::net::TcpStream::connect(&listen).is_ok());
    assert_dumps_nothing(serve.id());
    kill_process(serve.id(), Signal::ABORT).expect("it is ours");
    let end = serve.0.wait().expect("it is ours");
    assert_eq!((end.signal(), end.core_dumped()), (Some(Signal::ABORT.as_raw()), false), "{end:?}");
    assert_eq!(cores(house.path()), BTreeSet::new());
}

/// Opening `/proc/PID/mem` asks the kernel the question that `ptrace` asks (ptrace(2), PTRACE_MODE_ATTACH).
#[test]
fn j14_no_other_program_of_an_ordinary_user_reads_its_memory() {
    if !rustix::process::geteuid().is_root() {
        let _: Option<()> = skip(Why::Kernel, "only root can become an ordinary user and another");
        return;
    }
    let mut house = House::new();
    let tap = tapped(&mut house);
    give(house.path());
    let sleep = Command::new("sleep").arg("600").uid(SOMEBODY).gid(SOMEBODY).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let sleep = Running(sleep.expect("sleep"));
    let program = in_the_middle_of_a_call(&house, &tap, Some(SOMEBODY));
    let (ordinary, ours) = (sleep.0.id(), program.0.id());
    let mut can_read = Vec::new();
    for (user, pid, file) in [
        (SOMEBODY, ordinary, "mem"),
        (SOMEBODY, ordinary, "environ"),
        (SOMEBODY, ours, "mem"),
        (SOMEBODY, ours, "environ"),
        (SOMEBODY_ELSE, ours, "mem"),
        (SOMEBODY_ELSE, ours, "environ"),
    ] {
        let open = format!(": < /proc/{pid}/{file}");
        let end = Command::new("sh").args(["-c", &open]).uid(user).gid(user).stderr(Stdio::null()).status().expect("a shell");
        can_read.push(end.success());
    }
    if !can_read[0] {
        let _: Option<()> = skip(Why::Kernel, "no process may look into another's memory here");
        return;
    }
    assert_eq!(can_read, [true, true, false, false, false, false]);
}

/// Logs in to acme, and listens to what is said to it from then on.
fn tapped(house: &mut House) -> Tap {
    let tap = Tap::on(&house.world);
    house.set("KEYFOB_SANDBOX", tap.index());
    house.log_in("acme");
    tap
}

/// A program of a test, which ends with it, however it ends.
struct Running(Child);

impl Running {
    fn id(&self) -> Pid {
        Pid::from_child(&self.0)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The command with an access token in its memory: its request has arrived, and is not answered yet.
fn in_the_middle_of_a_call(house: &House, tap: &Tap, user: Option<u32>) -> Running {
    house.world.faults("acme").set(Faults { at: At::Any, slow_ms: 600_000, ..Faults::default() });
    let calls = || tap.heard().matches("GET /me ").count();
    let before = calls();
    // Where an ordinary user may run it.
    let keyfob = house.path().join("keyfob-to-run");
    if !keyfob.exists() {
        // By another process: what this one has open for writing, a child that another test is just starting has open, too, and then it cannot be run.
        assert!(Command::new("cp").arg(tools::keyfob()).arg(&keyfob).status().expect("cp").success());
    }
    let mut program = wrapped(house, &keyfob, &["get", "acme", "/me"], user);
    let until = Instant::now() + PATIENCE;
    while calls() == before {
        let ended = program.0.try_wait().expect("it is ours");
        assert!(ended.is_none() && Instant::now() < until, "no call is made: {ended:?}");
        thread::sleep(Duration::from_millis(10));
    }
    assert_dumps_nothing(program.id());
    program
}

/// Starts it with leave to dump core.
fn wrapped(house: &House, program: &Path, arguments: &[&str], user: Option<u32>) -> Running {
    let words = ["-c", WITH_CORES, "sh", program.to_str().expect("UTF-8")];
    let mut command = house.command(Path::new("sh"), &[&words, arguments].concat());
    if let Some(user) = user {
        command.uid(user).gid(user);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    Running(command.spawn().expect("a shell"))
}

fn assert_dumps_nothing(pid: Pid) {
    let limits = fs::read_to_string(format!("/proc/{}/limits", pid.as_raw_nonzero())).expect("its limits");
    let core: Vec<&str> =
        limits.lines().find_map(|line| line.strip_prefix("Max core file size")).expect("one").split_whitespace().collect();
    assert_eq!(core[..2], ["0", "unlimited"], "it was allowed to, and does not");
}

/// Where a program of this home that dies leaves its core; nothing, after saying that the test is skipped, where that cannot be seen.
fn place_of_cores(house: &House) -> Option<PathBuf> {
    let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap_or_default();
    if pattern.starts_with('|') {
        return skip(Why::Kernel, "the kernel hands core dumps to a program (core_pattern is a pipe)");
    }
    let place = match Path::new(pattern.trim()).parent() {
        Some(folder) if folder.is_absolute() => folder.to_owned(),
        _ => house.path().to_owned(),
    };
    let before = cores(&place);
    let mut shell = house.command(Path::new("sh"), &["-c", "ulimit -c unlimited && kill -ABRT $$"]);
    let dumped = shell.stderr(Stdio::null()).status().is_ok_and(|end| end.core_dumped());
    let left: Vec<PathBuf> = cores(&place).difference(&before).cloned().collect();
    left.iter().for_each(|core| fs::remove_file(core).expect("a core of ours"));
    if !dumped || left.is_empty() || !before.is_empty() {
        return skip(Why::Kernel, "the kernel writes no core dumps here, or others do");
    }
    Some(place)
}

/// Files that can be core dumps.
fn cores(folder: &Path) -> BTreeSet<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path());
    entries.filter(|path| path.is_file() && fs::read(path).is_ok_and(|bytes| is_core(&bytes))).collect()
}

/// An ELF file of the type ET_CORE, in either order of bytes.
fn is_core(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x7fELF") && bytes.get(16..18).is_some_and(|kind| kind == [4, 0] || kind == [0, 4])
}

/// Makes it somebody's, with all that is in it.
fn give(path: &Path) {
    chown(path, Some(SOMEBODY), Some(SOMEBODY)).expect("root gives away");
    if path.is_dir() {
        fs::read_dir(path).expect("a folder").for_each(|entry| give(&entry.expect("an entry").path()));
    }
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < until, "{what}: not within a minute");
        thread::sleep(Duration::from_millis(10));
    }
}
