//! An account whose refresh token is tortured: where it stands, and whether it was lost.
//!
//! Nothing is lost if the vault holds the newest refresh token that was issued. If the answer that brought it was never received, nobody
//! can have it; then the vault must say so: its note names the token that was being spent.

use keyfob::history::{Entry, Event, Fingerprint, Spending};
use keyfob::proto::{Secret, TokenSet};
use keyfob::store::Expected;
use keyfob::{Account, Health};
use serde_json::json;

use crate::book::{Book, describe};
use crate::ground::Place;
use crate::stub::State;
use crate::tally::Verdict;
use crate::{Rigged, stub::Stub};

/// What the account is called, and its provider.
pub const ACCOUNT: &str = "pretend";
/// The app it was logged in with.
pub const CLIENT: &str = "client";

/// Where the vault and the provider stand after a process died.
#[derive(Debug)]
pub struct Standing {
    /// The number of the refresh token in the vault.
    pub number: u64,
    /// The note of a refresh whose end nobody wrote.
    pub note: Option<Spending>,
    /// Why a person has to log in.
    pub needs_login: Option<String>,
    /// The history, the oldest first.
    pub history: Vec<Entry>,
    /// Whether the provider issued a token that nobody has, and the note tells.
    pub told: bool,
}

/// Logs in: the vault has the stub's newest token, and an access token that ends in so many seconds.
pub fn log_in(place: &Place, stub: &Stub, ends_in: i64) -> Rigged<()> {
    let book = Book::open(place).map_err(|error| describe(&error))?;
    let number = stub.state().issued;
    let now = keyfob::Clock::now(&keyfob::SystemClock).as_unix();
    let (received, expires) = (now - 7200, now + ends_in);
    let account: Account = serde_json::from_value(json!({
        "id": keyfob::AccountId::random(), "name": ACCOUNT, "provider": ACCOUNT, "client_id": CLIENT,
        "tokens": {
            "kind": "oauth2", "access": format!("access-{number}"), "refresh": token(number).expose(),
            "received_at": received, "expires_at": expires, "scopes": ["read"],
        },
        "kept": {}, "origins": [stub.origin], "requested_scopes": ["read"], "tolerated": [],
        "health": { "state": "ok" }, "logged_in_at": received,
    }))
    .expect("an account as it rests");
    let put = book.wait(book.store.put_account(&account, Expected::Anything, None));
    put.map(drop).map_err(|error| describe(&error))
}

/// Opens the vault, as the next process would, and looks. `acknowledged`: the newest token that a process said it has.
pub fn check(place: &Place, stub: &State, acknowledged: u64) -> Result<Standing, Verdict> {
    let corrupt = |error| Verdict::Corrupt(describe(&error));
    let book = Book::open(place).map_err(corrupt)?;
    let found = book.wait(book.store.account(ACCOUNT)).map_err(corrupt)?;
    let account = found.ok_or_else(|| Verdict::Lost("the account is gone".to_owned()))?.value;
    let history = book.wait(book.store.history(&account.id)).map_err(corrupt)?;
    let number = number(&account).ok_or_else(|| Verdict::Corrupt("a refresh token that nobody issued".to_owned()))?;
    let note = account.spending.as_deref().filter(|note| !note.over).cloned();
    let needs_login = match &account.health {
        Health::NeedsLogin { reason, .. } => Some(reason.clone()),
        _ => None,
    };
    check_history(&history, number)?;
    let issued = stub.issued;
    let told = account.spending.as_ref().is_some_and(|note| note.token == Fingerprint::of(&token(number))) || needs_login.is_some();
    if number < acknowledged {
        return Err(Verdict::Lost(format!("token {acknowledged} was acknowledged, the vault has {number}")));
    }
    match issued {
        _ if issued == number => {}
        _ if issued == number + 1 && told => {}
        _ => return Err(Verdict::Lost(format!("token {issued} was issued, the vault has {number} and tells {:?}", account.spending))),
    }
    Ok(Standing { number, note, needs_login, history, told: issued != number })
}

/// The number of the account's refresh token.
pub fn number(account: &Account) -> Option<u64> {
    let TokenSet::OAuth2(tokens) = &account.tokens else { return None };
    tokens.refresh.as_ref()?.expose().strip_prefix("refresh-")?.parse().ok()
}

/// The refresh token of this number.
pub fn token(number: u64) -> Secret {
    Secret::new(format!("refresh-{number}"))
}

impl Standing {
    /// Whether the history tells that a refresh with this token was begun and not ended.
    pub fn tells_abandoned(&self, number: u64) -> bool {
        let spent = Fingerprint::of(&token(number));
        self.history.iter().any(|entry| matches!(&entry.event, Event::Abandoned { refresh } if refresh.token == spent))
    }
}

/// Each new token came for the one before it, and the last one is in the vault.
fn check_history(history: &[Entry], number: u64) -> Result<(), Verdict> {
    let refreshed: Vec<_> = history
        .iter()
        .filter_map(|entry| match &entry.event {
            Event::Refreshed { refresh, received, .. } => Some((&refresh.token, received.as_ref())),
            _ => None,
        })
        .collect();
    for (back, (spent, received)) in refreshed.iter().rev().enumerate() {
        let number = number.checked_sub(u64::try_from(back).expect("a small number"));
        let expected = number.and_then(|number| Some((Fingerprint::of(&token(number.checked_sub(1)?)), Fingerprint::of(&token(number)))));
        if expected.as_ref().map(|(spent, received)| (spent, Some(received))) != Some((*spent, *received)) {
            return Err(Verdict::Corrupt(format!("the history does not lead to token {number:?}")));
        }
    }
    Ok(())
}
