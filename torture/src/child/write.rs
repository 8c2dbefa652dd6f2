//! Writes, and says each write that was acknowledged.

use std::io::BufRead as _;
use std::time::Duration;

use keyfob::StoreError;

use super::{limit, option, say};
use crate::book::Book;
use crate::ground::Place;

/// From the write after `after` on, without end. `--most=N`: so many. `--gate`: waits for a line on stdin when the vault is open;
/// `--gate-after=N`: after so many writes.
/// `--linger`: lives on when it has written, with the vault open. `--file-size=N`, `--open-files=N`: limits it sets itself at the start.
pub(super) fn run(place: &str, after: &str, options: &[&str]) -> Result<(), StoreError> {
    let number = |text: &str| text.parse::<u64>().expect("a number");
    let option = |name| option(options, name);
    let (after, most) = (number(after), option("--most=").unwrap_or(u64::MAX / 2));
    limit(options);
    let book = Book::open(&Place::of(place))?;
    say("open");
    let gate = option("--gate-after=").or(options.contains(&"--gate").then_some(0));
    for number in after + 1..=after + most {
        if gate == Some(number - after - 1) {
            let _ = std::io::stdin().lock().read_line(&mut String::new());
        }
        book.write(number)?;
        say(&format!("acknowledged {number}"));
    }
    if options.contains(&"--linger") {
        say("lingers");
        std::thread::sleep(Duration::from_secs(3600));
    }
    Ok(())
}

/// Says after which write the vault is as it is, or what is wrong with it.
pub(super) fn check(place: &str, acknowledged: &str, newest: &str) -> Result<(), StoreError> {
    let number = |text: &str| text.parse::<u64>().expect("a number");
    match Book::open(&Place::of(place))?.check(number(acknowledged), number(newest)) {
        Ok(now) => say(&format!("as after {now}")),
        Err(verdict) => return Err(StoreError::Corrupt(format!("{verdict:?}"))),
    }
    Ok(())
}
