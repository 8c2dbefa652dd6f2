//! Account names: a provider's name, or `provider/label` where there are several.

use std::fmt;

use clap::CommandFactory;
use keyfob::proto::scrub::printable;
use keyfob_providers::Provider;

use crate::card::Card;
use crate::cli::Cli;

/// An account's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    /// The provider's name in the catalogue.
    pub(crate) provider: String,
    label: Option<String>,
}

impl Name {
    /// Reads a name as a person types it.
    pub(crate) fn parse(text: &str) -> Result<Self, Card> {
        let (provider, label) = match text.split_once('/') {
            None => (text, None),
            Some((provider, label)) => (provider, Some(label)),
        };
        if !Provider::is_name(provider) || label.is_some_and(|label| !Provider::is_label(label)) {
            return Err(Card::usage(
                format!("\"{}\" cannot be an account's name", printable(text)),
                "expected a provider's name, or provider/label: small letters, digits, - and _, a letter first (in labels also . and @, and a digit first)",
                "keyfob provider list shows the providers",
            ));
        }
        Ok(Self { provider: provider.to_owned(), label: label.map(str::to_owned) })
    }

    /// What tells it from others at the same provider.
    pub(crate) fn label(&self) -> Option<&str> {
        self.label.as_deref()
    }

    /// Refuses a name that the short form (`keyfob NAME ACTION`) could never reach.
    pub(crate) fn checked_for_login(self) -> Result<Self, Card> {
        if self.label.is_none() && is_verb(&self.provider) {
            return Err(Card::usage(
                format!("\"{self}\" cannot be an account's name"),
                format!("keyfob {self} is a verb of this program"),
                format!("choose a label: {self}/home"),
            ));
        }
        Ok(self)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.provider)?;
        self.label.iter().try_for_each(|label| write!(f, "/{label}"))
    }
}

/// The verbs: no account may hide one.
pub(crate) fn is_verb(word: &str) -> bool {
    Cli::command().get_subcommands().any(|verb| verb.get_name() == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_a_provider_and_perhaps_a_label() {
        for good in ["my-hub", "my_hub/cabin", "hub2/a.b_c@d-e", "hub/4you"] {
            assert_eq!(Name::parse(good).map(|name| name.to_string()).ok().as_deref(), Some(good));
        }
        for bad in ["", "/", "hub/", "Hub", "hub/a/b", "hub cabin", "../hub", "-hub", "hub/-x", "hub/a\nb", "hüb", "4you", "hub.b"] {
            let refused = Name::parse(bad).expect_err(bad);
            assert!(refused.why().ends_with("a letter first (in labels also . and @, and a digit first)"), "{bad}: {}", refused.why());
        }
    }

    #[test]
    fn an_account_cannot_take_a_verbs_name() {
        for verb in ["login", "get", "exec"] {
            assert!(Name::parse(verb).and_then(Name::checked_for_login).is_err(), "{verb}");
            assert!(Name::parse(&format!("{verb}/x")).and_then(Name::checked_for_login).is_ok());
        }
    }
}
