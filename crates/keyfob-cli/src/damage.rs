//! Accounts whose record does not open: told once, by name where their history has it. The others are there to be used.

use keyfob::StoreError;
use keyfob::proto::scrub::printable;
use keyfob::store::Damaged;

use crate::account::login_to;
use crate::card::Card;
use crate::exit::Exit;

/// How whoever lists everything ends that could not.
pub(crate) fn card(damaged: &[Damaged]) -> Card {
    let why = damaged.first().map_or_else(String::new, |first| first.error.to_string());
    let next = match damaged {
        [Damaged { error: error @ StoreError::Newer(_), .. }, ..] => error.hint().to_owned(),
        [Damaged { name: Some(name), .. }] => {
            let name = printable(name);
            format!("log in again: {}; or forget it: keyfob logout {name}; or restore a backup", login_to(&name, ""))
        }
        _ => "log in again where it matters, or forget them: keyfob logout NAME; or restore a backup; what opens can be used meanwhile"
            .to_owned(),
    };
    Card::new(Exit::Vault, what(damaged), why, next)
}

/// For whoever needed no more than what opens.
pub(crate) fn note(damaged: &[Damaged]) -> String {
    format!("note: {}: keyfob status says what to do", what(damaged))
}

fn what(damaged: &[Damaged]) -> String {
    let names: Vec<_> = damaged.iter().filter_map(|damaged| damaged.name.as_deref()).map(printable).collect();
    match (damaged.len(), &names[..]) {
        (1, [name]) => format!("the account {name} cannot be read"),
        (1, _) => "one account of the vault cannot be read".to_owned(),
        (count, []) => format!("{count} accounts of the vault cannot be read"),
        (count, names) => format!("{count} accounts of the vault cannot be read, and among them {}", names.join(", ")),
    }
}
