//! A login from beginning to end: the listener and the paste prompt at once, and the first valid answer wins.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use keyfob::login::Pending;
use keyfob::login::loopback::{self, Listener};
use keyfob::proto::{Answer, App, Code, Error as ProtoError, Settings};
use keyfob::{Error, Keyfob, LoggedIn, Login, LoginOptions};
use tokio::sync::mpsc;

use crate::card::{Card, Doing};
use crate::exit::Exit;
use crate::way::Way;

/// A login under way.
pub(crate) struct SignIn {
    keyfob: Keyfob,
    settings: Settings,
    app: App,
    account: String,
    login: Arc<Login>,
    listener: Option<Listener>,
}

impl SignIn {
    /// Begins: for OAuth 1 this asks the provider for temporary credentials.
    pub(crate) async fn begin(
        keyfob: &Keyfob,
        settings: &Settings,
        app: &App,
        account: &str,
        way: Way,
        options: LoginOptions,
    ) -> Result<Self, Card> {
        let login = Login::begin_with(keyfob, settings, app, account, way.redirect(), options).await.doing(cannot(account))?;
        let listener = match way {
            Way::Listen { listener, .. } => Some(listener),
            Way::Paste(_) | Way::Pin => None,
        };
        let (keyfob, settings, app) = (keyfob.clone(), settings.clone(), app.clone());
        Ok(Self { keyfob, settings, app, account: account.to_owned(), login: Arc::new(login), listener })
    }

    /// Where the person has to go.
    pub(crate) fn url(&self) -> &str {
        self.login.url()
    }

    /// Waits for the first valid answer, from the browser or from what is pasted; `told` hears what each pasted text is taken for. Then exchanges it
    /// for tokens and keeps the account.
    ///
    /// A code or PIN alone says nothing of the login it belongs to: only the provider knows whether it is the right one. So one that the provider refuses
    /// is a mistyped one first of all, and is asked for again; any other answer named this login, and its refusal is the end.
    pub(crate) async fn answered(self, mut paste: Option<Paste>, told: impl Fn(Told<'_>)) -> Result<LoggedIn, Card> {
        let Self { keyfob, settings, app, account, login, listener } = self;
        let listening = listener.is_some();
        let mut too_late = pin!(tokio::time::sleep(loopback::PATIENCE));
        let mut by_browser = pin!(async {
            match listener {
                Some(listener) => listener.wait(&login).await,
                None => std::future::pending().await,
            }
        });
        let (mut refused, mut last) = (0, None);
        loop {
            let by_paste = async {
                let pasted = match &mut paste {
                    Some(paste) => paste.lines.recv().await,
                    None => None,
                };
                match pasted {
                    Some(text) => text,
                    // Whoever sits there may still open the page; whoever piped an answer in has no other.
                    None if listening && !paste.as_ref().is_some_and(|paste| paste.is_all) => std::future::pending().await,
                    None => String::new(),
                }
            };
            let (verified, alone) = tokio::select! {
                biased;
                () = &mut too_late => return Err(Ended::TooLate(loopback::PATIENCE).card(&account)),
                verified = &mut by_browser => (verified.map_err(|error| Ended::Judged(error).card(&account))?, None),
                text = by_paste => {
                    if text.is_empty() {
                        return Err(Ended::Unanswered(last).card(&account));
                    }
                    if text.trim().is_empty() {
                        continue;
                    }
                    let answer = Answer::read(&text);
                    let kind = login.kind_of(answer);
                    match login.judge(answer).await {
                        Err(error) if !error.ends_login() => {
                            told(Told::Refused(&format!("{kind}: {}", with_hint(&error))));
                            last = Some(error);
                            continue;
                        }
                        Err(error) => return Err(Ended::Judged(error).card(&account)),
                        Ok(verified) => {
                            told(Told::Taken(kind));
                            (verified, matches!(answer, Answer::Bare(_)).then_some(kind))
                        }
                    }
                }
            };
            // A connection that is still being served may hold the login itself: what it consists of goes on.
            let again = Login::resume(&keyfob, &settings, &app, login.stored()).map_err(Error::from).doing(cannot(&account))?;
            match (again.finish(verified).await, alone) {
                (Err(Error::Protocol(error)), Some(kind)) if may_be_mistyped(&error) => {
                    refused += 1;
                    if refused == TRIES {
                        return Err(Ended::Mistyped(kind, error).card(&account));
                    }
                    told(Told::Refused(&format!(
                        "{kind}, and {error}: mistyped, or of an older page? Give it once more, as the page shows it"
                    )));
                    last = Some(error);
                }
                (finished, _) => return finished.doing(cannot(&account)),
            }
        }
    }
}

/// How often a code or PIN may be refused. Some providers end a login at the first one, and each is a guess at somebody's code.
const TRIES: usize = 3;

/// What is pasted, line by line.
pub(crate) struct Paste {
    lines: mpsc::Receiver<String>,
    /// Whether its end is the end of the login, also where a browser could still come.
    is_all: bool,
}

impl Paste {
    /// By a person, who may do something else as well.
    pub(crate) const fn of_person(lines: mpsc::Receiver<String>) -> Self {
        Self { lines, is_all: false }
    }

    /// By a program, which has nothing else to say.
    pub(crate) const fn of_pipe(lines: mpsc::Receiver<String>) -> Self {
        Self { lines, is_all: true }
    }
}

/// What became of a pasted text.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Told<'a> {
    /// It is taken, for this.
    Taken(&'static str),
    /// It is this, and that is why it is not taken: the login goes on.
    Refused(&'a str),
}

/// What a pasted text was recognised as.
trait KindOf {
    fn kind_of(&self, answer: Answer<'_>) -> &'static str;
}

impl KindOf for Login {
    fn kind_of(&self, answer: Answer<'_>) -> &'static str {
        match answer {
            Answer::Url(_) => "that is a whole address",
            Answer::Query(_) => "that is the end of an address",
            Answer::Bare(_) => match self.pending() {
                Pending::OAuth1(_) => "that is a PIN",
                _ => "that is a code alone",
            },
            _ => "that is an answer",
        }
    }
}

/// Whether another code or PIN could be the right one. Not where the provider does not know the app, or is out of order.
fn may_be_mistyped(error: &ProtoError) -> bool {
    let of_app = |code: &Code| matches!(code, Code::InvalidClient | Code::UnauthorizedClient | Code::AccessDenied);
    matches!(error, ProtoError::Refused(refused) if !of_app(&refused.code)) && !error.is_transient()
}

fn with_hint(error: &ProtoError) -> String {
    format!("{error}: {}", error.hint())
}

fn cannot(account: &str) -> String {
    format!("cannot log in to {account}")
}

/// Why a login ended without an account.
enum Ended {
    /// The answer to our own request says so, or it is too old.
    Judged(ProtoError),
    /// What was pasted came to its end, and no answer was in it.
    Unanswered(Option<ProtoError>),
    /// A code or PIN was refused again and again.
    Mistyped(&'static str, ProtoError),
    /// Nobody came back.
    TooLate(Duration),
}

impl Ended {
    fn card(self, account: &str) -> Card {
        let again = format!("nothing was stored; begin again: keyfob login {account}");
        match self {
            Self::Judged(error) => Card::of(cannot(account), &error.into()),
            Self::Unanswered(Some(error)) => {
                let next = format!("{}; {again}", error.hint());
                Card::new(Exit::Error, cannot(account), format!("no valid answer was given: {error}"), next)
            }
            Self::Mistyped(kind, error) => {
                Card::new(Exit::Error, cannot(account), format!("{kind}, and {TRIES} were refused: {error}"), again)
            }
            Self::Unanswered(None) => Card::new(Exit::Usage, cannot(account), "no answer was given", again),
            Self::TooLate(patience) => {
                let minutes = patience.as_secs() / 60;
                Card::new(Exit::Error, cannot(account), format!("nobody came back within {minutes} minutes"), again)
            }
        }
    }
}
