//! Accounts that are in the vault, and that nothing here can use: their service's app was removed, or the file that describes it is gone, or broken. Their tokens
//! are there all the same; so their person sees them, what would bring them back, and how to be rid of them.

use keyfob::Account;
use keyfob::proto::scrub::printable;
use keyfob_providers::Provider;

use crate::failure::Failure;
use crate::page;
use crate::people::OWNER;
use crate::seat::{name_in_vault, whose};
use crate::site::Site;

/// Such an account.
#[derive(Clone, Debug)]
pub(crate) struct Stranded {
    /// What its person calls it in addresses.
    pub(crate) shown: String,
    /// The address of its page.
    pub(crate) path: String,
    /// What it is called in the vault.
    pub(crate) name: String,
    /// What its person calls it on pages.
    pub(crate) title: Option<String>,
    /// What its service is called, as far as that is known here.
    pub(crate) service: String,
    /// Why nothing can use it.
    pub(crate) reason: String,
    /// What would bring it back, for whoever it is.
    pub(crate) hint: String,
    /// The page where its app is entered, for whoever may enter one.
    pub(crate) app_of: Option<String>,
}

impl Stranded {
    /// `None`: it is of a service that is served elsewhere, or only pretended to here, and others are asked about that.
    pub(crate) fn of(site: &Site, account: Account, title: Option<String>) -> Option<Self> {
        let Account { name, provider, .. } = account;
        if site.unplayed.iter().any(|unplayed| unplayed.name == provider) {
            return None;
        }
        let (person, shown) = whose(&name);
        let is_owner = person == OWNER;
        let (shown, known) = (shown.to_owned(), site.catalogue.iter().find(|known| known.name == provider));
        let broken = site.broken.get(&provider);
        if known.is_none() && broken.is_none() && !site.whole_catalogue {
            return None;
        }
        let service = known.map_or_else(|| printable(&provider), |Provider { title, .. }| title.clone());
        let (reason, hint) = match (known, broken) {
            (Some(_), _) => (
                format!("{service} has no app here any more that could be used, and without one nobody can use the account."),
                format!("enter the app again, with the same client ID, or: keyfob app add {provider}"),
            ),
            (None, Some(problem)) => (
                format!("The file that describes {service} is broken, and without it nobody can use the account."),
                format!("mend it ({problem}) until keyfob provider check says that it is whole, and start this program anew"),
            ),
            (None, None) => (
                format!("No file here describes a provider called {service} any more, and without one nobody can use the account."),
                format!("put {service}.toml back into the folder that keyfob provider list names, and start this program anew"),
            ),
        };
        let hint = if is_owner { hint } else { "ask whoever runs this Keyfob to bring it back".to_owned() };
        let app_of = known.filter(|_| is_owner).map(|known| known.name.clone());
        Some(Self { path: page::path_of_account(&shown), shown, name, title, service, reason, hint, app_of })
    }
}

impl Site {
    /// A person's account of this name that nothing can use. An address of nothing where there is none, or where it is somebody else's (L8).
    pub(crate) async fn stranded(&self, person: &str, shown: &str) -> Result<Stranded, Failure> {
        let people = self.people()?;
        let name = name_in_vault(person, shown);
        if whose(&name) != (person, shown) {
            return Err(Failure::nowhere());
        }
        let account = self.keyfob.store().account(&name).await?.ok_or_else(Failure::nowhere)?.value;
        let title = people.title(&account, self.keyfob.now()).await?;
        Stranded::of(self, account, title).ok_or_else(Failure::nowhere)
    }
}
