//! A person at a terminal: questions appear, and what is typed unseen is typed only once nobody sees it.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use keyfob_interop::program::Finished;
use keyfob_interop::{Home, tools};
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

/// Nothing here takes longer, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The command in front of a terminal of its own. It is killed when this is dropped.
pub struct Terminal {
    child: Child,
    screen: File,
    shown: Arc<Mutex<Vec<u8>>>,
    end: Receiver<()>,
    /// How much of what is shown has been read.
    read: usize,
}

impl Terminal {
    /// Starts the command in this home.
    ///
    /// # Panics
    /// If it does not start, or there is no terminal to be had.
    pub fn start(home: &Home, arguments: &[&str]) -> Self {
        // CLOEXEC: a program that another test starts at this moment would keep the terminal open, and its end would never come.
        let screen = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a terminal");
        grantpt(&screen).and_then(|()| unlockpt(&screen)).expect("ours");
        let name = ptsname(&screen, Vec::new()).expect("a name");
        let end: OwnedFd = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty()).expect("its other end");
        let other = || Stdio::from(end.try_clone().expect("a copy"));
        // Passphrases are read from the terminal that the session has, not from standard input.
        let keyfob = tools::keyfob();
        let words: Vec<&str> = ["--ctty", keyfob.to_str().expect("UTF-8")].into_iter().chain(arguments.iter().copied()).collect();
        let mut command = home.command(Path::new("setsid"), &words);
        let child = command.env("TERM", "xterm").stdin(other()).stdout(other()).stderr(other()).spawn().expect("setsid runs");
        drop((command, end));
        let shown = Arc::new(Mutex::new(Vec::new()));
        let (mut from, to) = (File::from(screen.try_clone().expect("a copy")), Arc::clone(&shown));
        let (over, ended) = mpsc::channel();
        thread::spawn(move || {
            let mut piece = [0; 4096];
            // The end of a terminal is an error.
            while let Ok(count @ 1..) = from.read(&mut piece) {
                to.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&piece[..count]);
            }
            drop(over);
        });
        Self { child, screen: File::from(screen), shown, end: ended, read: 0 }
    }

    /// Waits for the question, and until nothing that is typed is shown; then types the answer.
    ///
    /// # Panics
    /// If it is not asked within a minute.
    pub fn answer_unseen(&mut self, question: &str, answer: &str) {
        let until = Instant::now() + PATIENCE;
        loop {
            let shown = self.shown();
            if let Some(at) = shown[self.read..].find(question) {
                let unseen = tcgetattr(self.screen.as_fd()).is_ok_and(|modes| !modes.local_modes.contains(LocalModes::ECHO));
                if unseen {
                    self.read += at + question.len();
                    break;
                }
            }
            assert!(Instant::now() < until, "\"{question}\" is not asked:\n{shown}");
            thread::sleep(Duration::from_millis(5));
        }
        writeln!(self.screen, "{answer}").expect("typed");
    }

    /// Waits for the end. All that was shown is in `errors`.
    ///
    /// # Panics
    /// If it does not end within a minute.
    pub fn finish(mut self) -> Finished {
        let until = Instant::now() + PATIENCE;
        let status = loop {
            match self.child.try_wait().expect("a child of ours") {
                Some(status) => break status,
                None => assert!(Instant::now() < until, "it does not end:\n{}", self.shown()),
            }
            thread::sleep(Duration::from_millis(5));
        };
        let end = self.end.recv_timeout(until.saturating_duration_since(Instant::now()));
        assert_eq!(end, Err(RecvTimeoutError::Disconnected), "somebody keeps the terminal open");
        Finished { success: status.success(), code: status.code(), lines: Vec::new(), errors: self.shown() }
    }

    fn shown(&self) -> String {
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&shown).replace("\r\n", "\n")
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
