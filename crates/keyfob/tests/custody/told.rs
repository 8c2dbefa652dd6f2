//! What people are told: what, why, what next.

use keyfob::proto::Timestamp;
use keyfob::{Error, StoreError};

#[test]
fn errors_say_what_why_and_what_next() {
    let full = || StoreError::Io("/home/robin/vault".to_owned(), std::io::Error::from(std::io::ErrorKind::StorageFull));
    let since = Timestamp::from_unix(1_800_000_000);
    for (error, sentence, next) in [
        (
            Error::Unsaved { account: "home".to_owned(), since, error: full() },
            "the new tokens of \"home\", received at 2027-01-15T08:00:00Z, cannot be kept: the vault cannot be read or written: /home/robin/vault (no storage space)",
            "make room on the disk; what the vault has is as it was; then see whether its provider still takes the tokens from before: keyfob refresh home; if not, log in again: keyfob login home",
        ),
        (
            Error::Held { account: "home".to_owned(), by: None, since: None },
            "the account \"home\" is being refreshed by another process, which does not come to an end",
            "see which program uses this account; when it ends, the account is free at once",
        ),
        (Error::Stopped { account: "home".to_owned() }, "the refresh of \"home\" was stopped before its end", "try again"),
        (
            Error::Unfinished { account: "home".to_owned() },
            "the refresh of \"home\" has begun, and is not over",
            "see whether its provider still takes the tokens from before: keyfob refresh home; if not, log in again: keyfob login home",
        ),
    ] {
        assert_eq!((error.to_string().as_str(), error.hint().as_deref()), (sentence, Some(next)));
    }
    let below = std::error::Error::source(&Error::Unsaved { account: "home".to_owned(), since, error: full() }).map(ToString::to_string);
    assert_eq!(below.as_deref(), Some("no storage space"));
}
