//! What a person sees when something does not work: whose fault it is, what was said, what to do next. Never internals.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use keyfob::proto::{self, Misuse, TransportKind};
use keyfob::{Error, StoreError};
use keyfob_providers::Provider;

use crate::page::{self, Look};
use crate::seat::Seat;
use crate::site::Site;

/// A page instead of the wanted one.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) status: StatusCode,
    pub(crate) title: String,
    /// What happened, in sentences.
    pub(crate) text: String,
    /// What to do next.
    pub(crate) hint: Option<String>,
    /// The status of the provider's answer.
    pub(crate) answered: Option<u16>,
    /// When the provider takes calls again, as an element.
    pub(crate) until: Option<Box<str>>,
    /// What programs know it by, where its status does not say.
    pub(crate) code: Option<&'static str>,
    /// Whether the provider said no to what it was asked in its protocol, as it does to a PIN that was mistyped.
    pub(crate) is_refusal: bool,
    /// Where to go from here: label and address.
    pub(crate) onward: Box<(String, String)>,
}

/// What a proxy of ours said of a request.
pub(crate) const IN_CLEAR: &str = "The proxy in front says that this request came by plain http. It has to be https.";

/// What a link that was handed to somebody is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Handed {
    /// It signs the owner in.
    Owner,
    /// It makes somebody a member, or signs a member in.
    Invitation,
    /// Somebody else's account is connected by it.
    Connect,
}

impl Failure {
    /// With nothing special about it.
    pub(crate) fn plain(status: StatusCode, title: impl Into<String>, text: impl Into<String>) -> Self {
        let onward = Box::new(("To the start page".to_owned(), "/".to_owned()));
        Self {
            status,
            title: title.into(),
            text: text.into(),
            hint: None,
            answered: None,
            until: None,
            code: None,
            is_refusal: false,
            onward,
        }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn onward(mut self, label: impl Into<String>, address: impl Into<String>) -> Self {
        self.onward = Box::new((label.into(), address.into()));
        self
    }

    pub(crate) fn nowhere() -> Self {
        Self::plain(StatusCode::NOT_FOUND, "Nothing here", "There is no page at this address.")
    }

    pub(crate) fn not_allowed() -> Self {
        Self::plain(StatusCode::METHOD_NOT_ALLOWED, "Not like that", "This address is not made for requests of this kind.")
    }

    pub(crate) fn too_slow() -> Self {
        Self::plain(StatusCode::GATEWAY_TIMEOUT, "That took too long", "The answer did not come in time. It may still have been done.")
            .hint(LOOK_FIRST)
    }

    /// Of something that was to be done, and not only looked at: what became of it.
    pub(crate) fn after(mut self, outcome: Outcome) -> Self {
        self.text = format!("{} {}", self.text, outcome.told());
        self.hint = outcome.hint().map(str::to_owned).or(self.hint);
        self
    }

    pub(crate) fn too_often(seconds: u64) -> Self {
        let again = if seconds == 1 { "a second".to_owned() } else { format!("{seconds} seconds") };
        Self::plain(StatusCode::TOO_MANY_REQUESTS, "Too often", "This was tried too often from your address. Nothing was done.")
            .hint(format!("try again in {again}"))
    }

    /// A login that waited, and does not any more; or another browser's.
    pub(crate) fn over() -> Self {
        let text = "Nobody approved it in time, or it was ended, or another browser began it. Nothing was stored.";
        Self::plain(StatusCode::NOT_FOUND, "This login is over", text).hint("begin it again")
    }

    /// In a sandbox: what it does not play is at a real host, and pages on which nothing is real lead to none.
    pub(crate) fn unplayed(provider: &Provider, played: &[Provider]) -> Self {
        let title = &provider.title;
        let names: Vec<&str> = played.iter().map(|provider| provider.title.as_str()).collect();
        let text = format!("Nothing here is real, and nobody is sent to the real {title}. The sandbox plays {}.", names.join(", "));
        let (name, look) = (&provider.name, Look::now());
        let real = format!("to reach the real {title}, start keyfob serve without a sandbox");
        // Only one that runs by itself can be told whom else to play.
        let hint = if look.has_command() { format!("start the sandbox with keyfob sandbox --as {name}; or, {real}") } else { real };
        let failure = Self::plain(StatusCode::CONFLICT, format!("The sandbox does not play {title}"), text);
        Self { code: Some("not-played"), ..failure.hint(hint).onward("What it plays", "/connect") }
    }

    /// Too many logins were begun, and not finished, by the same person, or from the same address (A26).
    pub(crate) fn crowded() -> Self {
        tracing::warn!("a login was not begun: too many are under way");
        let text = "Too many were begun from here, or by you, and not finished. Those go on; this one was not begun.";
        Self::plain(StatusCode::TOO_MANY_REQUESTS, "Too many logins are under way", text)
            .hint("finish one of them, or try again in ten minutes")
    }

    pub(crate) fn ours() -> Self {
        Self::plain(StatusCode::INTERNAL_SERVER_ERROR, "That was our fault", "Something went wrong in this program. The log says more.")
    }

    pub(crate) fn misdirected(site: &Site) -> Self {
        Self::plain(StatusCode::MISDIRECTED_REQUEST, "Not at this address", "This app answers to one address only.")
            .onward(format!("Open {}", site.url()), site.url())
    }

    /// A proxy that we believe says that the browser came by plain http, where we have https: the browser would lose its cookie.
    pub(crate) fn in_clear(site: &Site) -> Self {
        Self::plain(StatusCode::MISDIRECTED_REQUEST, "Not by plain http", IN_CLEAR)
            .hint(Self::in_clear_hint(site))
            .onward(format!("Open {}", site.url()), site.url())
    }

    pub(crate) fn in_clear_hint(site: &Site) -> String {
        format!("ask {}; a proxy that had the request by https says so: X-Forwarded-Proto: https (or proto=https in Forwarded)", site.url())
    }

    pub(crate) fn foreign_form() -> Self {
        Self::plain(StatusCode::FORBIDDEN, "Refused", "This form came from another site. Nothing was done.")
    }

    pub(crate) fn old_form() -> Self {
        Self::plain(StatusCode::FORBIDDEN, "This page is no longer valid", "It belongs to an earlier visit. Nothing was done.")
            .hint("open the page again and repeat what you wanted; cookies have to be allowed")
    }

    /// Not an answer to a login of this browser: wrong state, an old or repeated callback, or another browser's login.
    pub(crate) fn not_our_answer() -> Self {
        let text = "This is not the answer to a login that this browser has under way. Nothing was stored.";
        Self::plain(StatusCode::BAD_REQUEST, "Not our answer", text)
            .hint("begin the login here, in this browser, and finish it here; each answer is good once and for ten minutes")
    }

    /// This browser has connected nothing here, or not this. Whether somebody else has is none of its business.
    pub(crate) fn not_connected() -> Self {
        let text = "It was connected by another browser or in an earlier run, or not at all.";
        Self::plain(StatusCode::FORBIDDEN, "This is not connected here", text)
            .hint("connect it from the start page to use it in this browser")
    }

    /// A page that people have, and this one has not.
    pub(crate) fn sign_in_first() -> Self {
        Self::plain(StatusCode::FORBIDDEN, "Sign in first", "This page is for people who are signed in.").onward("Sign in", "/sign-in")
    }

    /// A link that is good once, and was. A new one comes from whoever made it: what the owner's machine prints lets in the owner, and is for nobody else.
    pub(crate) fn spent_link(link: Handed) -> Self {
        Self::plain(StatusCode::FORBIDDEN, "This link is not good any more", "It was used already, or it is too old. Nothing was done.")
            .hint(match link {
                Handed::Owner if Look::now().has_command() => "make a new one on the machine of this Keyfob: keyfob serve --link",
                Handed::Owner => "a new one is printed when keyfob serve --sandbox is started again",
                Handed::Invitation => "ask whoever invited you for a new one",
                Handed::Connect => "ask the person or the program that sent you here for a new one",
            })
    }

    /// Nobody is signed in: for a reason that lies with the issuer, or on the way there.
    pub(crate) fn sign_in(error: &Error) -> Self {
        tracing::warn!(%error, "a sign-in failed");
        let failure = match error {
            Error::Store(StoreError::Crowded) => return Self::crowded(),
            Error::Store(_) | Error::NotKept { .. } => return Self::vault(),
            Error::Protocol(error) => Self::from_protocol(error, "The sign-in"),
            _ => Self::ours(),
        };
        failure.onward("Back to the sign-in", "/sign-in")
    }

    /// Somebody signed in at the issuer, and is nobody here.
    pub(crate) fn not_invited() -> Self {
        Self::plain(
            StatusCode::FORBIDDEN,
            "You cannot come in",
            "You are signed in over there, and nobody has let you in here. Nothing was stored.",
        )
        .hint("ask the owner for an invitation")
        .onward("Back to the sign-in", "/sign-in")
    }

    /// Something was to be taken away, and not all of it is.
    pub(crate) fn taking(error: &Error) -> Self {
        tracing::error!(%error, "not everything was taken away");
        let text = "Not everything was taken away. What was, stays so; do it again for the rest. The log says why.";
        Self::plain(StatusCode::SERVICE_UNAVAILABLE, "This is not done yet", text).onward("Back", "/people")
    }

    /// Not what a person or thing can be called.
    pub(crate) fn no_name() -> Self {
        Self::plain(StatusCode::BAD_REQUEST, "That is no name", "A name has 1 to 60 characters, on one line.")
    }

    /// What was approved belongs to another person here (L19).
    pub(crate) fn taken(seat: &Seat) -> Self {
        let title = &seat.desk.provider.title;
        let text = format!("This account at {title} is connected by somebody else here. It stays theirs; nothing was stored.");
        Self::plain(StatusCode::CONFLICT, format!("{title} was not connected"), text)
            .hint(format!("sign in at {title} as yourself, and connect again; or ask them to disconnect it"))
    }

    pub(crate) fn name_taken() -> Self {
        let failure = Self::plain(StatusCode::CONFLICT, "That name is taken", "There is such an account already. Nothing was stored.");
        Self { code: Some("name-taken"), ..failure }
    }

    /// The place where people and accounts are kept does not answer.
    pub(crate) fn vault() -> Self {
        let text = "The place where logins are kept cannot be read or written. The log says why.";
        Self::plain(StatusCode::SERVICE_UNAVAILABLE, "The vault cannot be used", text)
    }

    /// The book cannot be written (L17); whether something was done all the same.
    pub(crate) fn unwritten(done: &str) -> Self {
        let text = format!("The book of who did what cannot be written, and nothing is answered without it. {done}");
        Self::plain(StatusCode::SERVICE_UNAVAILABLE, "The book cannot be written", text)
    }

    /// The account is not this visitor's. Among people it is as if it were not there (L8); a guest is told what to do.
    pub(crate) fn not_yours(site: &Site, seat: &Seat) -> Self {
        let title = &seat.desk.provider.title;
        if site.people.is_some() {
            // Names are each person's own: it says nothing of what others have (L8).
            let text = format!("You have no account {}: it was disconnected or renamed meanwhile, or never connected.", seat.shown);
            return Self::plain(StatusCode::NOT_FOUND, format!("{title} is not connected"), text).hint("the start page shows what is");
        }
        let text = format!("{title} was connected by another browser or an earlier run, or not at all.");
        Self::plain(StatusCode::FORBIDDEN, format!("{title} is not connected here"), text)
            .hint("connect it from the start page to use it in this browser")
    }

    /// From an error of a session or login.
    pub(crate) fn from_error(error: Error, seat: &Seat) -> Self {
        let title = &seat.desk.provider.title;
        tracing::warn!(account = seat.name, %error, "a call failed");
        // By the name that the person has given it.
        let error = error.about(&seat.shown);
        let onward = |failure: Self| failure.onward(format!("Back to {title}"), page::account_path(seat));
        if let Some((text, hint)) = not_just_now(&error) {
            return onward(Self::plain(StatusCode::SERVICE_UNAVAILABLE, "Not just now", text).hint(hint));
        }
        let failure = match &error {
            Error::Api(api) => {
                let text = api.message.clone().unwrap_or_else(|| "It gave no reason.".to_owned());
                let mut failure = Self::plain(StatusCode::BAD_GATEWAY, format!("{title} answered with an error"), sentence(&text));
                failure.answered = Some(api.status.as_u16());
                failure.hint = api.hint.clone();
                failure.until = api.again_at.map(|at| page::moment_element(at.as_unix()).into_boxed_str());
                if api.status == StatusCode::TOO_MANY_REQUESTS {
                    let pause = if api.again_at.is_some() { "wait until then" } else { "wait a while" };
                    failure.title = format!("{title} takes no more calls for now");
                    failure.hint = Some(format!("{pause}: each view of this page asks {title} once more, and counts against its limit"));
                }
                failure
            }
            Error::NeedsLogin { reason, .. } => {
                Self::plain(StatusCode::FORBIDDEN, format!("{title} wants a new login"), sentence(reason)).hint("log in again")
            }
            Error::AnotherApp { .. } => {
                Self::plain(StatusCode::FORBIDDEN, format!("{title} wants a new login"), sentence(&error.to_string())).hint("log in again")
            }
            Error::AnotherLogin { .. } => {
                let text = "Somebody logged in anew meanwhile, perhaps as somebody else. What was begun was not done with that login.";
                Self::plain(StatusCode::CONFLICT, format!("{title} has another login by now"), text)
                    .hint("look whose it is, and begin again")
            }
            Error::NoAccount { .. } => return Self::nowhere(),
            Error::Unbound { .. } | Error::TakenName { .. } => {
                Self::plain(StatusCode::FORBIDDEN, "Refused", sentence(&error.to_string())).hint("log in again")
            }
            Error::Store(StoreError::Crowded) => Self::crowded(),
            Error::Store(_) | Error::NotKept { .. } => Self::vault(),
            Error::Protocol(error) => Self::from_protocol(error, title),
            _ => Self::ours(),
        };
        onward(failure)
    }

    fn from_protocol(error: &proto::Error, title: &str) -> Self {
        let (status, headline) = match error {
            proto::Error::Refused(_) => (StatusCode::BAD_GATEWAY, format!("{title} refused")),
            proto::Error::Misbehaved(_) => (StatusCode::BAD_GATEWAY, format!("{title} gave an answer we do not understand")),
            proto::Error::Transport(error) if error.kind == TransportKind::Timeout => {
                (StatusCode::GATEWAY_TIMEOUT, format!("{title} did not answer in time"))
            }
            proto::Error::Transport(error) => match Outcome::of_transport(error.kind) {
                Outcome::NotDone => (StatusCode::BAD_GATEWAY, format!("{title} could not be reached")),
                Outcome::Unknown => (StatusCode::BAD_GATEWAY, format!("{title} broke off its answer")),
            },
            _ => (StatusCode::BAD_REQUEST, "That cannot be done".to_owned()),
        };
        let mut failure = Self::plain(status, headline, sentence(&error.to_string()));
        failure.hint = Some(without_command(error.hint()));
        failure.is_refusal = matches!(error, proto::Error::Refused(_)) && !error.is_transient();
        failure
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        if matches!(error, StoreError::Crowded) {
            return Self::crowded();
        }
        tracing::error!(%error, "the vault cannot be used");
        Self::vault()
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        page::failure(&self)
    }
}

/// Before something is done a second time that may have been done the first.
const LOOK_FIRST: &str = "look at the present state before trying again";

/// What became of a request that no answer came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It has not left.
    NotDone,
    /// It has left, and nobody here knows.
    Unknown,
}

impl Outcome {
    /// `None`: there was an answer, or nobody was to be asked.
    pub(crate) fn of(error: &Error) -> Option<Self> {
        match error {
            Error::Protocol(proto::Error::Transport(error)) => Some(Self::of_transport(error.kind)),
            _ => None,
        }
    }

    pub(crate) fn of_transport(kind: TransportKind) -> Self {
        match kind {
            TransportKind::Connect | TransportKind::Tls | TransportKind::Forbidden => Self::NotDone,
            _ => Self::Unknown,
        }
    }

    pub(crate) fn told(self) -> &'static str {
        match self {
            Self::NotDone => "Nothing was done.",
            Self::Unknown => "It may have been done all the same.",
        }
    }

    pub(crate) fn hint(self) -> Option<&'static str> {
        (self == Self::Unknown).then_some(LOOK_FIRST)
    }
}

/// What whoever asks over HTTP is told while an account gives nothing, and what to do: which process of which machine is at it, and what its disk says, is for
/// whoever runs this program, and stands in the log.
pub(crate) fn not_just_now(error: &Error) -> Option<(String, &'static str)> {
    let again = "try again in a while; if it stays so, tell whoever runs this Keyfob: its log says why";
    Some(match error {
        Error::Held { account, .. } => {
            (format!("The account \"{account}\" is being refreshed by another program, which takes its time."), again)
        }
        Error::Unsaved { account, .. } => (format!("The new tokens of \"{account}\" cannot be kept."), again),
        Error::Stopped { .. } => (sentence(&error.to_string()), "try again"),
        Error::AskedToWait { .. } => (sentence(&error.to_string()), "try again then"),
        _ => return None,
    })
}

/// Advice, without the command that would do it (`log in again: keyfob login telldus`): whoever asks over HTTP has a page, or a program, and not this machine's
/// terminal; and the account's name in it is the vault's.
pub(crate) fn without_command(hint: String) -> String {
    match hint.split_once(": keyfob ") {
        Some((what, _)) => what.to_owned(),
        None => hint,
    }
}

/// What was wrong with what somebody said in a form, and what to do about it.
pub(crate) fn told(misuse: &Misuse) -> String {
    let hint = misuse.hint.clone().map(|hint| format!(" {}", sentence(&without_command(hint)))).unwrap_or_default();
    format!("{}{hint}", sentence(&misuse.to_string()))
}

/// A fragment as messages have it, as a sentence for a page.
pub(crate) fn sentence(text: &str) -> String {
    let mut letters = text.trim().chars();
    let Some(first) = letters.next() else { return String::new() };
    let end = if text.trim_end().ends_with(['.', '!', '?', '…']) { "" } else { "." };
    format!("{}{}{end}", first.to_uppercase(), letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_names_no_command() {
        let misuse = Misuse::new("an account", "none").with_hint("log in again: keyfob login ~7f3a/telldus");
        let text = told(&misuse);
        assert!(text.ends_with("Log in again.") && !text.contains("keyfob") && !text.contains("7f3a"), "{text}");
        let failure = Failure::from_protocol(&misuse.into(), "Telldus Live!");
        assert_eq!(failure.hint.as_deref(), Some("log in again"));
        let problem = crate::problem::Problem::from_error(&Misuse::new("x", "y").with_hint("log in again: keyfob login telldus").into());
        assert!(!format!("{problem:?}").contains("keyfob login"), "{problem:?}");
        assert_eq!(without_command("see the page: it says more".to_owned()), "see the page: it says more");
    }
}
