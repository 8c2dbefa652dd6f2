//! Somebody in front of a terminal: what they see, what they type, and the signals that their keys are.

#![cfg(target_os = "linux")]

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};
use tokio::process::Child;
use tokio::sync::watch;
use tokio::time::timeout;

use super::House;

/// Nothing here takes longer, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Ctrl-C.
pub const INTERRUPT: &str = "\u{3}";

/// The shell that leads the session: when a leader ends, the kernel hangs the terminal up, and what was written last may never be seen. So it says how the
/// command ended, and stays. Ctrl-C is for the command; a trap, unlike what is ignored, is not handed on to it.
const LEADER: &str = "trap : INT; \"$@\"; printf '\\033ended %s.' $?; exec sleep 600";

/// What it says then.
const ENDED: &str = "\u{1b}ended ";

/// A terminal, and the command that has it.
pub struct Screen {
    child: Child,
    keys: Arc<OwnedFd>,
    shown: watch::Receiver<String>,
    /// What was waited for came before here.
    read: usize,
}

impl Screen {
    /// Starts the command in a session of its own, which this terminal controls: only so is Ctrl-C a signal, and `/dev/tty` there.
    pub fn start(house: &House, arguments: &[&str], size: (u16, u16), environment: &[(&str, &str)]) -> Self {
        Self::begin(house, &[&[env!("CARGO_BIN_EXE_keyfob")], arguments].concat(), size, environment)
    }

    /// The same for a line as somebody types it into bash, where `keyfob` is on the PATH.
    pub fn typed(house: &House, line: &str, size: (u16, u16), environment: &[(&str, &str)]) -> Self {
        let path = house.search_path();
        Self::begin(house, &["bash", "-o", "pipefail", "-c", line], size, &[environment, &[("PATH", &path)]].concat())
    }

    fn begin(house: &House, words: &[&str], (columns, rows): (u16, u16), environment: &[(&str, &str)]) -> Self {
        // CLOEXEC: a command that another test starts at this moment would keep the terminal open, and its end would never come.
        let keys = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a terminal");
        grantpt(&keys).and_then(|()| unlockpt(&keys)).expect("ours");
        tcsetwinsize(&keys, Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }).expect("a size");
        let name = ptsname(&keys, Vec::new()).expect("a name");
        let end: OwnedFd = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty()).expect("its other end");
        let other = || Stdio::from(end.try_clone().expect("a copy"));
        let before = ["--ctty", "sh", "-c", LEADER, "sh"];
        let mut command = house.program("setsid", &[&before, words].concat());
        command.env("TERM", "xterm-256color").envs(environment.iter().copied());
        let child = command.stdin(other()).stdout(other()).stderr(other()).spawn().expect("it starts");
        drop(end);
        let keys = Arc::new(keys);
        let mut screen = File::from(keys.try_clone().expect("a copy"));
        let (tell, shown) = watch::channel(String::new());
        std::thread::spawn(move || {
            let (mut bytes, mut piece) = (Vec::new(), [0; 4096]);
            // The end of a terminal is an error.
            while let Ok(count) = screen.read(&mut piece) {
                if count == 0 {
                    break;
                }
                bytes.extend_from_slice(&piece[..count]);
                let text = String::from_utf8_lossy(&bytes).replace("\r\n", "\n");
                let _ = tell.send(text);
            }
        });
        Self { child, keys, shown, read: 0 }
    }

    /// Waits until this is there, behind what was waited for before; what came in between.
    pub async fn shows(&mut self, text: &str) -> String {
        let read = self.read;
        let there = |shown: &String| shown.get(read..).is_some_and(|new| new.contains(text));
        let found = match timeout(PATIENCE, self.shown.wait_for(there)).await {
            Ok(Ok(shown)) => Some(shown.clone()),
            _ => None,
        };
        let shown = found.unwrap_or_else(|| panic!("\"{text}\" never came; there was:\n{}", self.shown.borrow().as_str()));
        let at = shown[read..].find(text).expect("it is there");
        self.read = read + at + text.len();
        shown[read..read + at].to_owned()
    }

    /// The address that a login says to open, with its colour or without.
    pub async fn url(&mut self) -> String {
        self.shows("say yes:").await;
        self.shows("http").await;
        let rest = self.shows("\n").await;
        format!("http{}", rest.split('\u{1b}').next().unwrap_or_default().trim())
    }

    pub fn types(&self, text: &str) {
        let written = rustix::io::write(&*self.keys, text.as_bytes()).expect("typed");
        assert_eq!(written, text.len(), "all of it");
    }

    /// Whether what is typed can be seen.
    pub fn echoes(&self) -> bool {
        tcgetattr(&*self.keys).expect("a terminal").local_modes.contains(LocalModes::ECHO)
    }

    /// Waits until it cannot: a program asks for what nobody sees.
    pub async fn hides(&self) {
        for _ in 0..1200 {
            if !self.echoes() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("what is typed is shown; there was:\n{}", self.shown.borrow().as_str());
    }

    /// How it ended, and everything that was shown.
    pub async fn end(mut self) -> (i32, String) {
        let told = |shown: &String| shown.split_once(ENDED).is_some_and(|(_, code)| code.contains('.'));
        let found = match timeout(PATIENCE, self.shown.wait_for(told)).await {
            Ok(Ok(shown)) => Some(shown.clone()),
            _ => None,
        };
        let all = found.unwrap_or_else(|| panic!("it goes on; there was:\n{}", self.shown.borrow().as_str()));
        self.child.start_kill().expect("it sleeps");
        let (shown, code) = all.split_once(ENDED).expect("it was told");
        (code.split('.').next().and_then(|code| code.parse().ok()).unwrap_or(-1), shown.to_owned())
    }

    /// The same, if it ends so.
    #[track_caller]
    pub fn ends(self, code: i32) -> impl Future<Output = String> {
        let place = std::panic::Location::caller();
        async move {
            let (found, shown) = self.end().await;
            assert_eq!(found, code, "at {place}: {shown}");
            shown
        }
    }
}
