//! Writes, and says each write that was acknowledged.

use std::io::BufRead as _;
use std::path::Path;
use std::time::Duration;

use super::{Done, say};
use crate::book::Book;

/// From the write after `after` on, without end. `--most=N`: so many. `--gate`: waits for a line on stdin when the vault is open.
/// `--linger`: lives on when it has written, with the vault open.
pub(super) fn run(path: &str, after: &str, options: &[&str]) -> Done {
    let number = |text: &str| text.parse::<u64>().expect("a number");
    let most = options.iter().find_map(|option| option.strip_prefix("--most=")).map_or(u64::MAX / 2, number);
    let after = number(after);
    let book = Book::open(Path::new(path))?;
    say("open");
    if options.contains(&"--gate") {
        let _ = std::io::stdin().lock().read_line(&mut String::new());
    }
    for number in after + 1..=after + most {
        book.write(number)?;
        say(&format!("acknowledged {number}"));
    }
    if options.contains(&"--linger") {
        say("lingers");
        std::thread::sleep(Duration::from_secs(3600));
    }
    Ok(())
}
