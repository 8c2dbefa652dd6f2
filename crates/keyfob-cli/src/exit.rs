//! Exit codes: documented, stable, and few.

/// How the command ends. Scripts rely on these numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// It worked.
    Ok = 0,
    /// It did not.
    Error = 1,
    /// It was asked for in a way that cannot be, or the person said no.
    Usage = 2,
    /// A person has to sign in first.
    SignIn = 4,
    /// The API answered with an error, and that was to count (`--fail`, actions).
    Http = 5,
    /// The network: no connection, no trust, no answer.
    Network = 6,
    /// The vault: missing, locked, of another key, damaged.
    Vault = 7,
    /// Ctrl-C, or asked to stop.
    Interrupted = 130,
}

impl Exit {
    /// The number.
    pub(crate) const fn code(self) -> u8 {
        self as u8
    }
}
