//! Whose account it is at the provider, where that can be known: the person that an ID token names, or a user id that came with the tokens; the app's own, where
//! nobody approved.

use std::collections::BTreeMap;

use keyfob_proto::TokenSet;

use crate::account::Account;
use crate::grant::Grant;

/// Three texts: what sort of name it is, who gave it, and the name. Never an address of mail, which changes hands (OpenID Connect Core §5.7).
pub(crate) fn of<'a>(provider: &'a str, tokens: &'a TokenSet, kept: &'a BTreeMap<String, String>) -> Option<[&'a str; 3]> {
    if let TokenSet::OAuth2(tokens) = tokens
        && let Some(identity) = &tokens.identity
    {
        return Some(["subject", &identity.issuer, &identity.subject]);
    }
    let (name, value) = kept.iter().find(|(name, value)| names_a_person(name) && !value.is_empty())?;
    Some([name, provider, value])
}

impl Account {
    /// Whose account it is at the provider: what sort of name it is, who gave it, and the name. `None` where the provider does not say.
    pub fn person(&self) -> Option<[&str; 3]> {
        of(&self.provider, &self.tokens, &self.kept)
    }

    /// Whether it is known to be somebody else's than that one: another person's, or, where nobody approved and the app is all that it is, another app's. Then
    /// it does not go on under its id, for which keys were made.
    pub fn is_of_another_person_than(&self, other: &Account) -> bool {
        let is_an_apps = !(self.grant.is_about_somebody() && other.grant.is_about_somebody());
        let (one, another) = (self.person(), other.person());
        // Whom the app spoke for, or whose token it exchanged, unless the provider says whose tokens it gave.
        let was_about_another = match (&self.grant, &other.grant) {
            (Grant::JwtBearer(said), Grant::JwtBearer(before)) => said.subject != before.subject,
            (Grant::Exchanged(made), Grant::Exchanged(before)) => made.id != before.id,
            _ => false,
        };
        let is_said_to_be_same = one.is_some() && one == another;
        differ(one, another) || was_about_another && !is_said_to_be_same || is_an_apps && self.client_id != other.client_id
    }
}

/// Whether two logins are for different people, as far as that is known. Where it is not, they count as the same: what was made for an account would end with every new
/// login. Names of different sorts cannot be compared: a provider that begins to speak OpenID Connect makes nobody another person.
pub(crate) fn differ(one: Option<[&str; 3]>, other: Option<[&str; 3]>) -> bool {
    one.zip(other).is_some_and(|(one, other)| one[0] == other[0] && one != other)
}

/// Whether a value that a provider's file keeps says whose account it is: `user_id`, `encoded_user_id`, `edam_userId`, `user_nsid`, `open_id`. A company (`realmId`) or a
/// workspace may be several people's.
fn names_a_person(name: &str) -> bool {
    let plain: String = name.chars().filter(|c| *c != '_').map(|c| c.to_ascii_lowercase()).collect();
    plain.ends_with("userid") || plain.ends_with("usernsid") || plain == "openid"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn l19_user_ids_name_a_person_and_companies_do_not() {
        for name in ["user_id", "userid", "x_user_id", "encoded_user_id", "edam_userId", "user_nsid", "open_id"] {
            assert!(names_a_person(name), "{name}");
        }
        for name in ["realmId", "workspace_id", "bot_id", "merchant_id", "username", "id", "session_state", "api_domain"] {
            assert!(!names_a_person(name), "{name}");
        }
    }

    #[test]
    fn people_differ_where_names_of_one_sort_do() {
        let robin = ["subject", "https://a.example", "robin"];
        for other in [["subject", "https://a.example", "kim"], ["subject", "https://b.example", "robin"]] {
            assert!(differ(Some(robin), Some(other)), "{other:?}");
        }
        for same in [Some(robin), None, Some(["user_id", "a", "kim"])] {
            assert!(!differ(Some(robin), same) && !differ(same, Some(robin)), "{same:?}");
        }
    }
}
