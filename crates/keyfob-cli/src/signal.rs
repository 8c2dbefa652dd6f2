//! Being asked to stop.

use crate::card::Card;

/// Ready when somebody asks the program to stop: Ctrl-C, or a service manager.
pub(crate) async fn asked_to_stop() {
    Signals::listen().next().await;
}

/// The work, unless somebody asks the program to stop before it is done.
pub(crate) async fn unless_stopped<T>(work: impl Future<Output = Result<T, Card>>) -> Result<T, Card> {
    let mut signals = Signals::listen();
    tokio::select! {
        done = work => done,
        _ = signals.next() => Err(Card::interrupted()),
    }
}

/// What is read, unless somebody asks the program to stop before it is there. A terminal, a pipe or a FIFO may have nothing to say for ever, and whoever waits
/// for it on the thread that hears of signals hears of none. The read is left to itself then: the program ends.
pub(crate) fn unless_stopped_reading<T: Send + 'static>(read: impl FnOnce() -> T + Send + 'static) -> Result<T, Card> {
    let (tell, told) = std::sync::mpsc::channel();
    let (done, is_done) = tokio::sync::oneshot::channel::<()>();
    let stopped = tell.clone();
    std::thread::spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        runtime.block_on(async move {
            let mut signals = Signals::listen();
            tokio::select! {
                _ = signals.next() => drop(stopped.send(None)),
                _ = is_done => {}
            }
        });
    });
    std::thread::spawn(move || drop(tell.send(Some(read()))));
    let came = told.recv();
    drop(done);
    came.ok().flatten().ok_or_else(Card::interrupted)
}

/// The same of a file by its name: of one that is a file, there is nothing to wait for.
pub(crate) fn unless_stopped_reading_file<T: Send + 'static>(
    path: &std::path::Path,
    read: impl FnOnce(&std::path::Path) -> T + Send + 'static,
) -> Result<T, Card> {
    if path.is_file() {
        return Ok(read(path));
    }
    let path = path.to_owned();
    unless_stopped_reading(move || read(&path))
}

/// How somebody asks a program to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// A service manager.
    Terminate,
    /// The terminal went away.
    Hangup,
}

/// Whoever asks the program to stop, one after the other.
pub(crate) struct Signals {
    #[cfg(unix)]
    hears: Option<[tokio::signal::unix::Signal; 3]>,
}

impl Signals {
    /// From now on.
    pub(crate) fn listen() -> Self {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};

            let hears = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()), signal(SignalKind::hangup()));
            let hears = if let (Ok(interrupt), Ok(terminate), Ok(hangup)) = hears { Some([interrupt, terminate, hangup]) } else { None };
            Self { hears }
        }
        #[cfg(not(unix))]
        Self {}
    }

    /// The next one.
    pub(crate) async fn next(&mut self) -> Signal {
        #[cfg(unix)]
        if let Some([interrupt, terminate, hangup]) = &mut self.hears {
            return tokio::select! {
                _ = interrupt.recv() => Signal::Interrupt,
                _ = terminate.recv() => Signal::Terminate,
                _ = hangup.recv() => Signal::Hangup,
            };
        }
        // Whoever cannot hear of it is stopped the hard way.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        Signal::Interrupt
    }
}

/// Passes a signal on to a program of ours. Ctrl-C at a terminal goes to both anyway, and twice would be a second Ctrl-C.
pub(crate) fn pass_on(signal: Signal, process: Option<u32>) {
    #[cfg(unix)]
    {
        use std::io::IsTerminal;

        use rustix::process::{Pid, Signal as Number, kill_process};

        let number = match signal {
            // A pipe into standard input, or out of it, leaves both where they were: at the terminal.
            Signal::Interrupt if std::io::stdin().is_terminal() || std::io::stdout().is_terminal() || std::io::stderr().is_terminal() => {
                return;
            }
            Signal::Interrupt => Number::INT,
            Signal::Terminate => Number::TERM,
            Signal::Hangup => Number::HUP,
        };
        if let Some(process) = process.and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)) {
            let _ = kill_process(process, number);
        }
    }
    #[cfg(not(unix))]
    let _ = (signal, process);
}
