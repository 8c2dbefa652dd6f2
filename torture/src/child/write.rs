//! Writes, and says each write that was acknowledged.

use std::path::Path;

use super::{Done, say};
use crate::book::Book;

/// From the write after `after` on: `most` of them, or without end.
pub(super) fn run(path: &str, after: &str, most: Option<&str>) -> Done {
    let number = |text: &str| text.parse::<u64>().expect("a number");
    let (after, most) = (number(after), most.map_or(u64::MAX / 2, number));
    let book = Book::open(Path::new(path))?;
    say("open");
    for number in after + 1..=after + most {
        book.write(number)?;
        say(&format!("acknowledged {number}"));
    }
    Ok(())
}
