//! What can go wrong with a session.

use std::fmt;
use std::time::Duration;

use http::StatusCode;
use keyfob_proto::oauth2::challenge::StepUp;
use keyfob_proto::{self as proto, Timestamp};

use crate::history::Actor;
use crate::moment;
use crate::store::StoreError;

/// What went wrong.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The protocol: by whose fault is inside.
    Protocol(proto::Error),
    /// The store.
    Store(StoreError),
    /// There is no account of that name.
    NoAccount {
        /// The name.
        name: String,
    },
    /// The account is there, and a person has to log in again before it can be used.
    NeedsLogin {
        /// The account.
        account: String,
        /// Why, scrubbed.
        reason: String,
        /// How that login is asked for on the command line, beside the account's name ([`Grant::login_options`](crate::Grant::login_options)).
        options: String,
    },
    /// The account was made with another app than the one it was to be used with: a person has to log in with this one.
    AnotherApp {
        /// The account.
        account: String,
    },
    /// Another login has the account's name by now: somebody else's, or one after a logout. What was begun for the one before is not done with its tokens.
    AnotherLogin {
        /// The account.
        account: String,
    },
    /// The account's tokens may not be sent there.
    Unbound {
        /// The account.
        account: String,
        /// Where they should have gone.
        origin: String,
        /// Where they may go.
        bound_to: Vec<String>,
        /// Whether that is where the account's own provider is by now: its settings changed after the login, or an answer named another place.
        moved: bool,
    },
    /// The account of that name belongs to another provider.
    TakenName {
        /// The name.
        name: String,
        /// The provider it belongs to.
        provider: String,
    },
    /// The API answered, and the answer is an error.
    Api(Box<ApiError>),
    /// Another process has had the right to refresh the account for longer than a refresh takes: it hangs, or was stopped.
    Held {
        /// The account.
        account: String,
        /// Who, as far as its note tells.
        by: Option<Box<Actor>>,
        /// Since when.
        since: Option<Timestamp>,
    },
    /// New tokens came, and the store cannot keep them: they are lost if this process ends now.
    Unsaved {
        /// The account.
        account: String,
        /// Since when.
        since: Timestamp,
        /// Why.
        error: StoreError,
    },
    /// Somebody approved a login, and the store could not keep the account.
    NotKept {
        /// The account.
        account: String,
        /// Whether the provider was asked to forget the new tokens, and did.
        revoked: bool,
        /// Why.
        error: StoreError,
    },
    /// A refresh was stopped with the program, or part of it, that made it.
    Stopped {
        /// The account.
        account: String,
    },
    /// The refresh token may be on its way, or its successor: what comes of it is lost if this process ends now.
    Unfinished {
        /// The account.
        account: String,
    },
    /// The provider asked to be left alone for a while when new tokens were asked for last, here or in another process (`Retry-After`).
    AskedToWait {
        /// The account.
        account: String,
        /// How long it still is; a minute at most.
        left: Duration,
    },
}

/// An answer of an API that is an error, by its status or by what the provider file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// The status; a success for providers that say errors with 200.
    pub status: StatusCode,
    /// The provider's sentence, scrubbed.
    pub message: Option<String>,
    /// What is known about it.
    pub hint: Option<String>,
    /// Where another login would help, what it has to ask for: more scopes (RFC 6750 §3.1), a stronger or fresher sign-in (RFC 9470); nothing in particular
    /// if it is the token itself that is not taken. [`LoginOptions::stepping_up`](crate::LoginOptions::stepping_up) asks for it.
    pub login_with: Option<StepUp>,
    /// Whether it may be the account's scopes that were not enough: it was forbidden (403) and its token is not blamed, or the challenge (RFC 6750 §3.1) or the
    /// provider's own words speak of scopes.
    pub may_lack_scope: bool,
    /// When calls are taken again, where the provider says so (429 and 503): by `Retry-After`, or by what its rate limit's headers say of the next period.
    pub again_at: Option<Timestamp>,
}

impl Error {
    /// The same for somebody else who waited for it; what lies below a transport's or the disk's failure is told once only.
    pub(crate) fn again(&self) -> Self {
        match self {
            Self::Protocol(proto::Error::Refused(error)) => proto::Error::from(error.clone()).into(),
            Self::Protocol(proto::Error::Misbehaved(error)) => proto::Error::from(error.clone()).into(),
            Self::Protocol(proto::Error::Misuse(error)) => error.clone().into(),
            Self::Protocol(proto::Error::Transport(error)) => proto::Transport::new(error.kind, &error.origin).into(),
            Self::Protocol(other) => proto::Error::from(proto::Misbehaved::api("another outcome", other.to_string())).into(),
            Self::Store(error) => error.again().into(),
            Self::NoAccount { name } => Self::NoAccount { name: name.clone() },
            Self::NeedsLogin { account, reason, options } => {
                Self::NeedsLogin { account: account.clone(), reason: reason.clone(), options: options.clone() }
            }
            Self::AnotherApp { account } => Self::AnotherApp { account: account.clone() },
            Self::AnotherLogin { account } => Self::AnotherLogin { account: account.clone() },
            Self::Unbound { account, origin, bound_to, moved } => {
                Self::Unbound { account: account.clone(), origin: origin.clone(), bound_to: bound_to.clone(), moved: *moved }
            }
            Self::TakenName { name, provider } => Self::TakenName { name: name.clone(), provider: provider.clone() },
            Self::Api(error) => Self::Api(error.clone()),
            Self::Held { account, by, since } => Self::Held { account: account.clone(), by: by.clone(), since: *since },
            Self::Unsaved { account, since, error } => Self::Unsaved { account: account.clone(), since: *since, error: error.again() },
            Self::NotKept { account, revoked, error } => {
                Self::NotKept { account: account.clone(), revoked: *revoked, error: error.again() }
            }
            Self::Stopped { account } => Self::Stopped { account: account.clone() },
            Self::Unfinished { account } => Self::Unfinished { account: account.clone() },
            Self::AskedToWait { account, left } => Self::AskedToWait { account: account.clone(), left: *left },
        }
    }

    /// The same about the account by another name: as somebody knows it who has heard of no other one.
    ///
    /// ```
    /// let error = keyfob::Error::NoAccount { name: "~5f3a/acme".to_owned() };
    /// assert_eq!(error.about("acme").to_string(), keyfob::Error::NoAccount { name: "acme".to_owned() }.to_string());
    /// ```
    #[must_use]
    pub fn about(mut self, account: &str) -> Self {
        match &mut self {
            Self::NoAccount { name }
            | Self::NeedsLogin { account: name, .. }
            | Self::AnotherApp { account: name }
            | Self::AnotherLogin { account: name }
            | Self::Unbound { account: name, .. }
            | Self::TakenName { name, .. }
            | Self::Held { account: name, .. }
            | Self::Unsaved { account: name, .. }
            | Self::NotKept { account: name, .. }
            | Self::Stopped { account: name }
            | Self::Unfinished { account: name }
            | Self::AskedToWait { account: name, .. } => account.clone_into(name),
            Self::Protocol(_) | Self::Store(_) | Self::Api(_) => {}
        }
        self
    }

    /// How long the provider asks to be left alone, where it says. What it says, which may be years.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Protocol(error) => error.retry_after().map(Duration::from_secs),
            Self::AskedToWait { left, .. } => Some(*left),
            _ => None,
        }
    }

    /// What to do next, where there is something to do. A login is said as Keyfob's command makes it (`keyfob login NAME`): a program with a way of its own
    /// tells by the variant that one is needed.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Protocol(error) => Some(error.hint()),
            Self::Store(error) => Some(error.hint().to_owned()),
            Self::NoAccount { name } => Some(format!("log in first: keyfob login {name}")),
            Self::NeedsLogin { account, options, .. } => Some(format!("log in again: keyfob login {account}{options}")),
            Self::AnotherApp { account } => Some(format!("log in with this app: keyfob login {account}")),
            Self::AnotherLogin { .. } => Some("look whose it is now; what is begun anew is done with that one".to_owned()),
            Self::Unbound { account, moved: true, .. } => Some(format!(
                "its provider is there by now, and an account goes where it was when somebody logged in: keyfob login {account}"
            )),
            Self::Unbound { moved: false, .. } => {
                // A file of one's own that changes the provider's, laid over it.
                let same = "an API that takes the same tokens: name it in api.more_origins of the provider's file, and log in again";
                Some(format!("{same}; another one needs a file and an account of its own: keyfob provider new NAME"))
            }
            Self::TakenName { provider, .. } => Some(format!("choose a name such as {provider}/home")),
            Self::Api(error) => error.hint.clone(),
            Self::Held { by: Some(by), .. } => {
                Some(format!("see what process {} on {} does; when it ends, however it ends, the account is free at once", by.pid, by.host))
            }
            Self::Held { by: None, .. } => {
                Some("see which program uses this account; when it ends, the account is free at once".to_owned())
            }
            Self::Unsaved { account, error, .. } => Some(format!("{}; then {}", error.hint(), see_what_is_left(account))),
            Self::NotKept { account, error, .. } => Some(format!("{}; then log in again: keyfob login {account}", error.hint())),
            Self::Stopped { .. } => Some("try again".to_owned()),
            Self::Unfinished { account } => Some(see_what_is_left(account)),
            Self::AskedToWait { account, .. } => Some(format!("try again then; whoever cannot wait: keyfob refresh {account}")),
        }
    }
}

/// Where new tokens are lost, some providers still take the ones before.
fn see_what_is_left(account: &str) -> String {
    format!(
        "see whether its provider still takes the tokens from before: keyfob refresh {account}; if not, log in again: keyfob login {account}"
    )
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Protocol(error) => error.fmt(f),
            Self::Store(error) => error.fmt(f),
            Self::NoAccount { name } => write!(f, "there is no account \"{name}\""),
            Self::NeedsLogin { account, reason, .. } => write!(f, "the account \"{account}\" needs a new login: {reason}"),
            // Without its name: a web app's visitors know it by another one.
            Self::AnotherApp { .. } => f.write_str("the account was made with another app than the one that is there now"),
            Self::AnotherLogin { account } => {
                write!(
                    f,
                    "\"{account}\" is another login's by now, somebody else's or one after a logout; what was begun before was not done with it"
                )
            }
            Self::Unbound { account, origin, bound_to, .. } => {
                write!(f, "the tokens of \"{account}\" may not be sent to {origin}, only to {}", bound_to.join(", "))
            }
            Self::TakenName { name, provider } => write!(f, "the name \"{name}\" belongs to an account at {provider}"),
            Self::Api(error) => error.fmt(f),
            Self::Held { account, by, since } => {
                write!(f, "the account \"{account}\" is being refreshed by ")?;
                match by {
                    Some(by) => write!(f, "{by}")?,
                    None => f.write_str("another process")?,
                }
                if let Some(since) = since {
                    write!(f, " since {}", moment::utc(*since))?;
                }
                f.write_str(", which does not come to an end")
            }
            Self::Unsaved { account, since, error } => {
                write!(f, "the new tokens of \"{account}\", received at {}, cannot be kept: {error}", moment::utc(*since))
            }
            Self::NotKept { account, revoked, error } => {
                let tokens = if *revoked { "are revoked" } else { "are not revoked" };
                write!(
                    f,
                    "the login of \"{account}\" went through and cannot be kept: {error}; its new tokens are gone here, and {tokens} there"
                )
            }
            Self::Stopped { account } => write!(f, "the refresh of \"{account}\" was stopped before its end"),
            Self::Unfinished { account } => write!(f, "the refresh of \"{account}\" has begun, and is not over"),
            Self::AskedToWait { account, left } => {
                write!(f, "the provider asked to wait before \"{account}\" is refreshed again, for another {} s", left.as_secs().max(1))
            }
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            // These print as their own cause; what is below them is the source.
            Self::Protocol(error) => std::error::Error::source(error),
            Self::Store(error) | Self::Unsaved { error, .. } | Self::NotKept { error, .. } => std::error::Error::source(error),
            _ => None,
        }
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the API answered HTTP {}", self.status.as_u16())?;
        match &self.message {
            Some(message) => write!(f, ": {message}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ApiError {}

impl From<proto::Error> for Error {
    fn from(error: proto::Error) -> Self {
        Self::Protocol(error)
    }
}

impl From<proto::Misuse> for Error {
    fn from(error: proto::Misuse) -> Self {
        Self::Protocol(error.into())
    }
}

impl From<proto::Transport> for Error {
    fn from(error: proto::Transport) -> Self {
        Self::Protocol(error.into())
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
