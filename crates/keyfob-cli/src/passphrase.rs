//! Passphrases: typed unseen, or the first line of stdin where that was said. Never from the command line, never from the environment.

use std::io::{self, BufRead, Read};

use keyfob::proto::Secret;
use zeroize::Zeroizing;

use crate::card::Card;
use crate::prompt;
use crate::signal::unless_stopped_reading;

/// Shorter than this, and Argon2id does not help either.
const SHORTEST: usize = 8;

/// The passphrase that something is sealed with.
pub(crate) async fn known(question: &str, stdin: bool) -> Result<Secret, Card> {
    if stdin {
        return of_stdin();
    }
    if !prompt::is_possible() {
        return Err(nobody());
    }
    prompt::hidden(format!("{question}: ")).await
}

/// One that something is to be sealed with: typed twice, for nobody sees what is typed.
pub(crate) async fn new(question: &str, stdin: bool) -> Result<Secret, Card> {
    let passphrase = known(question, stdin).await?;
    if passphrase.expose().chars().count() < SHORTEST {
        return Err(Card::usage(
            "this passphrase is too short",
            format!("a machine that has a copy of the vault guesses anything below {SHORTEST} characters"),
            "take four or five words that do not belong together",
        ));
    }
    if !stdin && prompt::hidden("The same again: ".to_owned()).await?.expose() != passphrase.expose() {
        return Err(Card::usage("the two are not the same", "one of them was mistyped; nothing was changed", "run it again"));
    }
    Ok(passphrase)
}

fn of_stdin() -> Result<Secret, Card> {
    /// Longer than this is no passphrase.
    const LONGEST: u64 = 4096;
    let read = unless_stopped_reading(|| {
        let mut line = Zeroizing::new(String::with_capacity(LONGEST as usize));
        io::stdin().lock().take(LONGEST).read_line(&mut line).map(|_| line)
    })?;
    match read {
        Ok(line) if !line.trim().is_empty() => Ok(Secret::new(line.trim())),
        _ => Err(Card::usage(
            "there is no passphrase on stdin",
            "expected it as the first line",
            "pipe it in, from a file that only you can read",
        )),
    }
}

fn nobody() -> Card {
    Card::usage(
        "nobody is at the terminal to be asked for the passphrase",
        "stdin and stderr are not both a terminal",
        "run it in a terminal; or add --stdin and pipe the passphrase in",
    )
}
