//! Asking a person at the terminal. Secrets are typed unseen, and never come from the command line.

use std::io::{self, BufRead, IsTerminal, Write};

use keyfob::proto::Secret;
use tokio::sync::mpsc;

use crate::card::Card;
use crate::exit::Exit;
use crate::output::shown;

/// Whether there is somebody to ask: both ends of the conversation are a terminal.
pub(crate) fn is_possible() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// A line that may be seen.
pub(crate) async fn line(question: String) -> Result<String, Card> {
    ask(move || {
        // Not locked while somebody thinks: whoever ends the program meanwhile has something to say there.
        let mut err = anstream::stderr();
        write!(err, "{}", shown(&question))?;
        err.flush()?;
        let mut line = String::new();
        if io::stdin().lock().read_line(&mut line)? == 0 {
            writeln!(err)?;
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim().to_owned())
    })
    .await
}

/// A line that nobody sees.
pub(crate) async fn hidden(question: String) -> Result<Secret, Card> {
    ask(move || Ok(Secret::new(rpassword::prompt_password(shown(&question))?.trim().to_owned()))).await
}

/// Yes or no; no unless it was yes.
pub(crate) async fn agrees(question: String) -> Result<bool, Card> {
    let said = line(format!("{question} [y/N] ")).await?;
    Ok(matches!(said.to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// The lines of stdin as they come, until its end. Read on a thread that nobody waits for: at the end of the program it may still
/// be waiting for a line that never comes.
pub(crate) fn lines() -> mpsc::Receiver<String> {
    /// Longer than this is no redirect URL.
    const LONGEST: u64 = 64 * 1024;
    let (sender, receiver) = mpsc::channel(1);
    std::thread::spawn(move || {
        loop {
            let mut line = String::new();
            let mut limited = io::Read::take(io::stdin().lock(), LONGEST);
            match limited.read_line(&mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

async fn ask<T: Send + 'static>(question: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T, Card> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let _ = sender.send(question());
    });
    match receiver.await {
        Ok(Ok(answer)) => Ok(answer),
        // Ctrl-C is read as a character where nothing is shown, and sent on as the signal that it is.
        Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => Err(Card::interrupted()),
        _ => Err(Card::new(Exit::Usage, "cancelled", "no answer was given", "run it again when you have the answer")),
    }
}

/// The terminal as it was when the program began, to be put back if it is stopped while somebody types unseen.
pub(crate) struct Terminal {
    #[cfg(unix)]
    before: Option<rustix::termios::Termios>,
}

impl Terminal {
    /// Looks at the terminal.
    pub(crate) fn remember() -> Self {
        Self {
            #[cfg(unix)]
            before: rustix::termios::tcgetattr(io::stdin()).ok(),
        }
    }

    /// Puts it back.
    pub(crate) fn restore(&self) {
        #[cfg(unix)]
        if let Some(before) = &self.before {
            let _ = rustix::termios::tcsetattr(io::stdin(), rustix::termios::OptionalActions::Now, before);
        }
    }
}
