//! A login from beginning to end: the listener and the paste prompt at once, and the first valid answer wins.

use std::sync::Arc;
use std::time::Duration;

use keyfob::login::Verified;
use keyfob::login::loopback::{self, Listener};
use keyfob::proto::{Answer, App, Error as ProtoError, Settings};
use keyfob::{Error, Keyfob, LoggedIn, Login};
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
        scopes: Vec<String>,
    ) -> Result<Self, Card> {
        let login = Login::begin(keyfob, settings, app, account, way.redirect(), scopes).await.doing(cannot(account))?;
        let listener = match way {
            Way::Listen(listener, _) => Some(listener),
            Way::Paste(_) | Way::Pin => None,
        };
        let (keyfob, settings, app) = (keyfob.clone(), settings.clone(), app.clone());
        Ok(Self { keyfob, settings, app, account: account.to_owned(), login: Arc::new(login), listener })
    }

    /// Where the person has to go.
    pub(crate) fn url(&self) -> &str {
        self.login.url()
    }

    /// Waits for the first valid answer, from the browser or from what is pasted; `refused` hears of every other one. Then exchanges it
    /// for tokens and keeps the account.
    pub(crate) async fn answered(
        self,
        mut pasted: Option<mpsc::Receiver<String>>,
        refused: impl Fn(&ProtoError),
    ) -> Result<LoggedIn, Card> {
        let Self { keyfob, settings, app, account, login, listener } = self;
        let listening = listener.is_some();
        let by_browser = async {
            match listener {
                Some(listener) => listener.wait(&login).await,
                None => std::future::pending().await,
            }
        };
        let by_paste = async {
            let mut last = None;
            while let Some(lines) = pasted.as_mut() {
                let Some(text) = lines.recv().await else { break };
                if text.trim().is_empty() {
                    continue;
                }
                match login.judge(Answer::read(&text)).await {
                    Err(error) if !error.ends_login() => {
                        refused(&error);
                        last = Some(error);
                    }
                    judged => return judged.map_err(Ended::Judged),
                }
            }
            if listening { std::future::pending().await } else { Err(Ended::Unanswered(last)) }
        };
        let verified: Result<Verified, Ended> = tokio::select! {
            verified = by_browser => verified.map_err(Ended::Judged),
            verified = by_paste => verified,
            () = tokio::time::sleep(loopback::PATIENCE) => Err(Ended::TooLate(loopback::PATIENCE)),
        };
        let verified = verified.map_err(|ended| ended.card(&account))?;
        // A connection that is still being served may hold the login itself: what it consists of goes on.
        let login = Login::resume(&keyfob, &settings, &app, login.stored()).map_err(Error::from).doing(cannot(&account))?;
        login.finish(verified).await.doing(cannot(&account))
    }
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
    /// Nobody came back.
    TooLate(Duration),
}

impl Ended {
    fn card(self, account: &str) -> Card {
        let again = format!("nothing was stored; begin again: keyfob login {account}");
        match self {
            Self::Judged(error) => Card::of(cannot(account), &error.into()),
            Self::Unanswered(Some(error)) => {
                let hint = error.hint().map(|hint| format!("{hint}; ")).unwrap_or_default();
                Card::new(Exit::Error, cannot(account), format!("no valid answer was given: {error}"), format!("{hint}{again}"))
            }
            Self::Unanswered(None) => Card::new(Exit::Usage, cannot(account), "no answer was given", again),
            Self::TooLate(patience) => {
                let minutes = patience.as_secs() / 60;
                Card::new(Exit::Error, cannot(account), format!("nobody came back within {minutes} minutes"), again)
            }
        }
    }
}
