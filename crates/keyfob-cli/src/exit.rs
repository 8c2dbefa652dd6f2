//! Exit codes: documented, stable, and few.

/// How the command ends. Scripts rely on these numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It worked.
    Ok,
    /// It did not.
    Error,
    /// It was asked for in a way that cannot be, or the person said no.
    Usage,
    /// A person has to sign in first.
    SignIn,
    /// The API answered with an error, and that was to count (`--fail`, `--jq` and other shapes of data, actions).
    Http,
    /// The network: no connection, no trust, no answer.
    Network,
    /// The vault: missing, locked, of another key, damaged.
    Vault,
    /// Ctrl-C, or asked to stop.
    Interrupted,
    /// As a program that we ran ended (`exec`, `curl`), or 126 and 127 where it could not be run, as shells have it.
    Program(u8),
}

impl Exit {
    /// The number.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Error => 1,
            Self::Usage => 2,
            Self::SignIn => 4,
            Self::Http => 5,
            Self::Network => 6,
            Self::Vault => 7,
            Self::Interrupted => 130,
            Self::Program(code) => code,
        }
    }
}
