//! The agent: gives keys to this user, for a while, and is not waited for. Where a process of its own is needed, it is this same test binary.

mod common;

use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::{Home, error};
use keyfob::StoreError;
use keyfob::proto::Secret;
use keyfob_store::agent::{Agent, Unlocked};
use keyfob_store::{KeySource, Vault};
use keyfob_testbed::{Why, skip};

/// Says where the child is to listen; the test below is nothing without it.
const TASK: &str = "KEYFOB_STORE_TEST_AGENT";
const PASSPHRASE: &str = "canary-passphrase-horse-battery";

struct Sealed {
    home: Home,
    unlocked: Unlocked,
}

impl Sealed {
    fn new() -> Self {
        let home = Home::new();
        drop(Vault::open(&home.vault(), KeySource::Passphrase(Secret::new(PASSPHRASE))).expect("makes a vault"));
        let unlocked = Vault::unlock(&home.vault(), &Secret::new(PASSPHRASE)).expect("unlocks");
        Self { home, unlocked }
    }

    fn folder(&self) -> PathBuf {
        self.home.folder().join("run")
    }

    fn socket(&self) -> PathBuf {
        self.folder().join("agent.sock")
    }

    fn agent(&self) -> Agent {
        Agent::in_folder(&self.folder())
    }

    fn open(&self, agent: &Agent) -> Result<Vault, StoreError> {
        Vault::open_existing(&self.home.vault(), KeySource::Usual { file: self.home.key(), agent: agent.clone() })
    }

    /// Not there, locked: and it took no longer than it may.
    #[track_caller]
    fn locked(&self, agent: &Agent) -> String {
        let began = Instant::now();
        let error = error(self.open(agent));
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        match error {
            StoreError::Locked(why) => why,
            other => panic!("{other:?}"),
        }
    }
}

/// An agent in a process of its own, which has to be ended.
struct Process(Child);

impl Process {
    fn start(sealed: &Sealed, time: Duration) -> Self {
        let (child, said) = spawn(&sealed.folder(), &sealed.unlocked, time);
        assert_eq!(said, "ready");
        Self(child)
    }

    fn signal(&self, name: &str) {
        let done = Command::new("kill").args([name, &self.0.id().to_string()]).status().expect("kill");
        assert!(done.success());
    }

    /// Stops it, and waits until no thread of it goes on: a busy machine takes its time.
    fn stop(&self) {
        use rustix::process::{Pid, WaitOptions, waitpid};

        self.signal("-STOP");
        let pid = Pid::from_raw(i32::try_from(self.0.id()).expect("a number")).expect("a process");
        let (_, status) = waitpid(Some(pid), WaitOptions::UNTRACED).expect("it is ours").expect("it has changed");
        assert!(status.stopped(), "{status:?}");
    }

    fn ends(self) {
        self.ends_while(|| ());
    }

    /// What was asked of it before may be done in any order, and to keep a key after all else.
    fn ends_once_asked(self, agent: &Agent) {
        self.ends_while(|| drop(agent.lock()));
    }

    fn ends_while(mut self, ask: impl Fn()) {
        let began = Instant::now();
        while self.0.try_wait().expect("asks").is_none() {
            ask();
            assert!(began.elapsed() < Duration::from_secs(20), "it does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[allow(clippy::zombie_processes, reason = "whoever asked for it waits for its end")]
fn spawn(folder: &Path, unlocked: &Unlocked, time: Duration) -> (Child, String) {
    let mut child = Command::new(std::env::current_exe().expect("this binary"))
        .args(["--exact", "child", "--ignored", "--nocapture", "--test-threads=1"])
        .env(TASK, folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("a child starts");
    // One that cannot begin says why, and may have ended by now without reading.
    match unlocked.hand_over(time, child.stdin.take().expect("a pipe")) {
        Err(gone) if gone.kind() == std::io::ErrorKind::BrokenPipe => {}
        handed => handed.expect("it reads"),
    }
    let mut out = child.stdout.take().expect("a pipe");
    let (mut said, mut byte) = (Vec::new(), [0]);
    // Byte by byte: what the harness says before is on other lines, and the pipe stays with the child.
    loop {
        assert!(out.read(&mut byte).expect("reads") > 0, "it ended: {}", String::from_utf8_lossy(&said));
        said.push(byte[0]);
        let text = String::from_utf8_lossy(&said);
        if let Some((_, word)) = text.rsplit_once("said: ")
            && let Some(word) = word.strip_suffix('\n')
        {
            std::mem::forget(out);
            return (child, word.to_owned());
        }
    }
}

#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn child() {
    let Ok(folder) = std::env::var(TASK) else { return };
    let say = |word: &str| writeln!(std::io::stdout(), "said: {word}");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let served = runtime.block_on(Agent::in_folder(Path::new(&folder)).serve(std::io::stdin(), || say("ready")));
    match served {
        Ok(true) => {}
        Ok(false) => say("other").expect("says"),
        Err(error) => say(&format!("{error:?}")).expect("says"),
    }
}

#[test]
fn k5_an_agent_opens_the_vault_for_this_user_until_it_is_locked() {
    let sealed = Sealed::new();
    let agent = sealed.agent();
    assert!(sealed.locked(&agent).contains("no agent"));
    let process = Process::start(&sealed, Duration::from_secs(3600));
    sealed.open(&agent).expect("opens without a passphrase");
    let held = agent.held().expect("it answers");
    assert!(
        matches!(held.as_slice(), [held] if held.left > Duration::from_secs(3500) && held.left <= Duration::from_secs(3600)),
        "{held:?}"
    );
    assert_eq!(held[0].vault, Vault::inspect(&sealed.home.vault()).expect("looks").id);
    let mode = |path: &Path| path.symlink_metadata().expect("it is there").mode() & 0o777;
    assert_eq!((mode(&sealed.folder()), mode(&sealed.socket())), (0o700, 0o600));
    agent.lock().expect("it answers, or has ended by then");
    process.ends();
    assert!(!sealed.socket().exists() && !agent.lock().expect("nobody") && agent.held().expect("nobody").is_empty());
    sealed.locked(&agent);
}

#[test]
fn k5_it_forgets_when_its_time_is_over_and_when_it_is_asked_to_stop() {
    let sealed = Sealed::new();
    let agent = sealed.agent();
    // A busy machine may come too late: then with more time.
    let opened = [6, 30, 120].into_iter().map(Duration::from_secs).any(|time| {
        let began = Instant::now();
        let process = Process::start(&sealed, time);
        let opened = sealed.open(&agent);
        let is_late = opened.is_err() && began.elapsed() >= time;
        if !is_late {
            opened.expect("opens");
            std::thread::sleep(time + Duration::from_millis(200));
            sealed.locked(&agent);
        }
        process.ends();
        !is_late
    });
    assert!(opened, "the machine is too slow");
    for signal in ["-TERM", "-INT", "-HUP"] {
        let process = Process::start(&sealed, Duration::from_secs(3600));
        process.signal(signal);
        process.ends();
        assert!(!sealed.socket().exists(), "{signal}");
    }
}

#[test]
fn k5_it_holds_the_keys_of_several_vaults_and_the_newest_of_each() {
    let (one, two) = (Sealed::new(), Sealed::new());
    let agent = one.agent();
    assert!(!agent.keep(&two.unlocked, Duration::from_secs(60)).expect("nobody"), "nobody is there");
    let _process = Process::start(&one, Duration::from_secs(3600));
    assert!(agent.keep(&two.unlocked, Duration::from_secs(1800)).expect("it answers"));
    assert_eq!(agent.held().expect("it answers").len(), 2);
    one.open(&agent).expect("opens");
    let vault = two.open(&agent).expect("opens");
    // Sealed anew, it has another key: the old one is not tried.
    common::wait(vault.rekey(&KeySource::Passphrase(Secret::new("another")))).expect("seals anew");
    drop(vault);
    assert!(two.locked(&agent).contains("does not hold its key"));
    let another = Vault::unlock(&two.home.vault(), &Secret::new("another")).expect("unlocks");
    assert!(agent.keep(&another, Duration::from_secs(1800)).expect("it answers"));
    assert_eq!(agent.held().expect("it answers").len(), 2);
    two.open(&agent).expect("opens");
    // The first that was started stays the one.
    let (mut child, said) = spawn(&one.folder(), &one.unlocked, Duration::from_secs(60));
    assert_eq!(said, "other");
    child.wait().expect("it ends");
}

#[test]
fn k5_a_socket_of_a_dead_agent_is_nothing_and_makes_room() {
    let sealed = Sealed::new();
    let agent = sealed.agent();
    let process = Process::start(&sealed, Duration::from_secs(3600));
    process.signal("-KILL");
    process.ends();
    assert!(sealed.socket().exists());
    sealed.locked(&agent);
    let _process = Process::start(&sealed, Duration::from_secs(3600));
    sealed.open(&agent).expect("opens");
}

#[test]
fn k5_one_that_was_stopped_is_not_waited_for() {
    let sealed = Sealed::new();
    let agent = sealed.agent();
    let process = Process::start(&sealed, Duration::from_secs(3600));
    process.stop();
    // More than its queue takes: then connecting would wait as well.
    let _queue: Vec<_> = (0..40)
        .map_while(|_| {
            sealed.locked_soon(&agent);
            let waiting = UnixStream::connect(sealed.socket());
            waiting.ok()
        })
        .take(3)
        .collect();
    process.signal("-CONT");
    sealed.open(&agent).expect("opens");
}

impl Sealed {
    /// It is locked, and that is known within a time that says nothing but that nobody waited for the agent: a second is all it has.
    #[track_caller]
    fn locked_soon(&self, agent: &Agent) {
        let began = Instant::now();
        let opened = self.open(agent);
        assert!(matches!(opened, Err(StoreError::Locked(_))), "{opened:?}");
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    }
}

/// Who waits for it keeps nobody else waiting: others would be told of a vault that somebody has been opening for too long.
#[test]
fn k5_one_that_was_stopped_is_what_everybody_is_told_of_who_asks_at_once() {
    let sealed = Sealed::new();
    let agent = sealed.agent();
    let process = Process::start(&sealed, Duration::from_secs(3600));
    process.stop();
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..12).map(|_| scope.spawn(|| sealed.open(&agent).map(drop))).collect();
        for one in all {
            let told = one.join().expect("it ends").expect_err("it is locked");
            assert!(matches!(&told, StoreError::Locked(why) if why.contains("does not answer")), "{told:?}");
        }
    });
    process.signal("-CONT");
    sealed.open(&agent).expect("opens");
}

/// Sealed anew while the agent thinks about it: the answer is for what was there before, and it is asked for what is there now.
#[test]
fn k5_a_rekey_while_the_agent_is_asked_is_noticed() {
    let sealed = Sealed::new();
    let key = |unlocked: &Unlocked| {
        let mut bytes = Vec::new();
        unlocked.hand_over(Duration::ZERO, &mut bytes).expect("writes");
        [b"+", &bytes[24..56]].concat()
    };
    let old = (key(&sealed.unlocked), fs::read(sealed.home.vault()).expect("reads"));
    let vault = Vault::open(&sealed.home.vault(), KeySource::Passphrase(Secret::new(PASSPHRASE))).expect("opens");
    common::wait(vault.rekey(&KeySource::Passphrase(Secret::new("another")))).expect("seals anew");
    drop(vault);
    let new = (
        key(&Vault::unlock(&sealed.home.vault(), &Secret::new("another")).expect("unlocks")),
        fs::read(sealed.home.vault()).expect("reads"),
    );
    fs::write(sealed.home.vault(), &old.1).expect("writes");
    fs::create_dir(sealed.folder()).expect("a folder");
    fs::set_permissions(sealed.folder(), Permissions::from_mode(0o700)).expect("chmod");
    let listener = UnixListener::bind(sealed.socket()).expect("listens");
    fs::set_permissions(sealed.socket(), Permissions::from_mode(0o600)).expect("chmod");
    let place = sealed.home.vault();
    std::thread::spawn(move || {
        for answer in [old.0, new.0] {
            let (mut stream, _) = listener.accept().expect("somebody asks");
            stream.read_exact(&mut [0; 25]).expect("for a key");
            fs::write(&place, &new.1).expect("writes");
            stream.write_all(&answer).expect("answers");
        }
    });
    sealed.open(&sealed.agent()).expect("opens with the new key");
}

/// Once somebody lets it go on it does what it was asked to meanwhile, and ends.
#[test]
fn k5_one_that_was_stopped_is_not_said_to_be_locked() {
    let sealed = Sealed::new();
    let agent = sealed.agent();
    let process = Process::start(&sealed, Duration::from_secs(3600));
    process.stop();
    for told in [agent.lock().map(drop), agent.held().map(drop), agent.keep(&sealed.unlocked, Duration::from_secs(60)).map(drop)] {
        let told = told.expect_err("nobody answers").to_string();
        let process = format!("process {}", process.0.id());
        assert!(told.contains("does not answer") && (told.contains(&process) || !cfg!(target_os = "linux")), "{told}");
    }
    assert!(sealed.socket().exists(), "it is there");
    process.signal("-CONT");
    process.ends_once_asked(&agent);
}

/// Somebody who answers, a byte at a time, with nonsense, or never.
#[test]
fn k5_a_hostile_answer_costs_a_moment_and_opens_nothing() {
    let sealed = Sealed::new();
    fs::create_dir(sealed.folder()).expect("a folder");
    fs::set_permissions(sealed.folder(), Permissions::from_mode(0o700)).expect("chmod");
    let listener = UnixListener::bind(sealed.socket()).expect("listens");
    fs::set_permissions(sealed.socket(), Permissions::from_mode(0o600)).expect("chmod");
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let Ok(mut stream) = stream else { return };
            std::thread::spawn(move || match number {
                // Another key: it does not open the vault, and says no more than that.
                0 => drop(stream.write_all(&[b"+".as_slice(), &[7; 32]].concat())),
                1 => drop(stream.write_all(b"nonsense")),
                2 => drop(stream.write_all(b"+too short")),
                3 => {
                    while stream.write_all(b"+").is_ok() {
                        std::thread::sleep(Duration::from_millis(300));
                    }
                }
                _ => std::thread::sleep(Duration::from_secs(30)),
            });
        }
    });
    for _ in 0..5 {
        sealed.locked_soon(&sealed.agent());
    }
}

#[test]
fn k5_what_is_not_this_users_alone_is_not_asked() {
    let sealed = Sealed::new();
    let agent = sealed.agent();
    let _process = Process::start(&sealed, Duration::from_secs(3600));
    let chmod = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).expect("chmod");
    for (path, wrong, right) in [(sealed.folder(), 0o755, 0o700), (sealed.folder(), 0o770, 0o700), (sealed.socket(), 0o666, 0o600)] {
        chmod(&path, wrong);
        assert!(sealed.locked(&agent).contains("this user's alone"));
        assert!(agent.keep(&sealed.unlocked, Duration::from_secs(60)).is_err(), "and gets no key");
        chmod(&path, right);
    }
    if rustix::process::geteuid().is_root() {
        for path in [sealed.folder(), sealed.socket()] {
            std::os::unix::fs::chown(&path, Some(65534), None).expect("chown");
            assert!(sealed.locked(&agent).contains("this user's alone"));
            std::os::unix::fs::chown(&path, Some(0), None).expect("chown");
        }
    }
    let link = sealed.home.folder().join("link");
    fs::create_dir(&link).expect("a folder");
    chmod(&link, 0o700);
    symlink(sealed.socket(), link.join("agent.sock")).expect("a link");
    sealed.locked(&Agent::in_folder(&link));
    sealed.open(&agent).expect("opens");
}

/// Another user who gets through folder and socket (here: a bad mode, on purpose) is still turned away, by the kernel's word for who they are.
#[test]
fn k5_another_user_is_turned_away_on_both_sides() {
    let sealed = Sealed::new();
    if !rustix::process::geteuid().is_root() {
        // Nobody can become another user here; the owner checks above are what can be tried.
        let _ = skip::<()>(Why::Kernel, "only root can become another user");
        return;
    }
    let _process = Process::start(&sealed, Duration::from_secs(3600));
    for folder in sealed.folder().ancestors().take_while(|folder| folder.starts_with("/tmp/")) {
        fs::set_permissions(folder, Permissions::from_mode(0o755)).expect("chmod");
    }
    fs::set_permissions(sealed.socket(), Permissions::from_mode(0o666)).expect("chmod");
    let as_nobody = |program: &str| {
        let done = Command::new("setpriv")
            .args(["--reuid=65534", "--regid=65534", "--clear-groups", "/usr/bin/python3", "-c", program])
            .arg(sealed.socket())
            .output()
            .expect("setpriv and python3");
        String::from_utf8_lossy(&done.stdout).trim().to_owned()
    };
    // That it hears nothing counts only if it got through.
    let ask = "import socket,sys\ns=socket.socket(socket.AF_UNIX)\ns.connect(sys.argv[1])\ntry:\n s.sendall(b's')\n heard=s.recv(99)\nexcept OSError:\n heard=b''\nprint('connected, heard',heard)";
    assert_eq!(as_nobody(ask), "connected, heard b''");
    fs::set_permissions(sealed.folder(), Permissions::from_mode(0o700)).expect("chmod");
    fs::set_permissions(sealed.socket(), Permissions::from_mode(0o600)).expect("chmod");
    sealed.open(&sealed.agent()).expect("this user is served all the while");
}

#[test]
fn k5_a_folder_that_is_not_fit_is_refused_and_a_name_too_long_is_told() {
    let sealed = Sealed::new();
    let open = sealed.home.folder().join("open");
    fs::create_dir(&open).expect("a folder");
    fs::set_permissions(&open, Permissions::from_mode(0o755)).expect("chmod");
    let (mut child, said) = spawn(&open, &sealed.unlocked, Duration::from_secs(60));
    assert!(said.starts_with("Unsafe"), "{said}");
    child.wait().expect("it ends");
    let long = sealed.home.folder().join("x".repeat(120));
    let (mut child, said) = spawn(&long, &sealed.unlocked, Duration::from_secs(60));
    assert!(said.contains("too long for a socket"), "{said}");
    child.wait().expect("it ends");
    sealed.locked(&Agent::in_folder(&long));
    let (mut child, said) = spawn(Path::new("/nowhere/at/all"), &sealed.unlocked, Duration::from_secs(60));
    assert!(said.starts_with("Io") || said.starts_with("Unsafe"), "no vault is missing: {said}");
    child.wait().expect("it ends");
}

#[test]
fn j12_neither_passphrase_nor_key_is_in_the_agents_arguments_environment_or_files() {
    let sealed = Sealed::new();
    let process = Process::start(&sealed, Duration::from_secs(3600));
    let mut key = Vec::new();
    sealed.unlocked.hand_over(Duration::ZERO, &mut key).expect("writes");
    let key = &key[24..56];
    let of_process = ["cmdline", "environ"].map(|name| PathBuf::from(format!("/proc/{}/{name}", process.0.id())));
    let of_folder = [sealed.folder(), sealed.home.folder()].into_iter().flat_map(|folder| {
        fs::read_dir(folder)
            .expect("a folder")
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.is_file())
            .collect::<Vec<_>>()
    });
    let mut looked = 0;
    for path in of_process.into_iter().chain(of_folder) {
        let Ok(bytes) = fs::read(&path) else { continue };
        looked += 1;
        let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        for secret in [PASSPHRASE.as_bytes(), key, hex.as_bytes(), keyfob::proto::encode::base64(key).as_bytes()] {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret), "{}", path.display());
        }
    }
    assert!(looked > 3);
    assert_eq!(format!("{:?}", sealed.unlocked), "Unlocked");
}
