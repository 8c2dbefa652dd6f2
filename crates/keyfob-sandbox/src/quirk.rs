//! One answer that is unusual in one respect and right all the same: what a relying party has to take. The other side of [`Flaw`](crate::Flaw).

use serde::{Deserialize, Serialize};

/// Enum, list and description from one table, so that none of them can forget an entry.
macro_rules! quirks {
    ($($name:ident $about:literal)+) => {
        /// One answer of `acme` that few servers give, and every one may ([`Faults::quirk`](crate::Faults::quirk)).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum Quirk {
            $(#[doc = $about] $name,)+
        }

        impl Quirk {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// What is unusual, for people.
            pub const fn about(self) -> &'static str {
                match self {
                    $(Self::$name => $about,)+
                }
            }
        }
    };
}

quirks! {
    AudienceList "`aud` of ID tokens is a list of one (RFC 7519 §4.1.3)"
    NoAtHash "ID tokens of the token endpoint have no `at_hash` (OpenID Connect Core §3.1.3.6)"
    NoExpiresIn "the token response has no `expires_in` (RFC 6749 §5.1)"
    BareTokens "the token response has neither `expires_in` nor `scope` (RFC 6749 §5.1)"
    TokenTypeCase "`token_type` is written in the other case (RFC 6749 §5.1)"
    SignedMetadata "the metadata are said once more, signed (`signed_metadata`, RFC 8414 §2.1)"
    SchemeCase "challenges name their scheme in the other case (RFC 9110 §11.1)"
}

/// `DPoP` as `dpOp`.
pub(crate) fn other_case(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_has_every_quirk_and_no_other() {
        let name = |quirk: &Quirk| serde_json::to_value(quirk).ok().and_then(|value| value.as_str().map(str::to_owned)).expect("text");
        let wanted: Vec<String> = Quirk::ALL.iter().map(|quirk| format!("| `{}` | {} |", name(quirk), quirk.about())).collect();
        let lines = include_str!("../README.md").lines();
        let found: Vec<&str> =
            lines.skip_while(|line| !line.starts_with("| quirk |")).skip(2).take_while(|line| line.starts_with('|')).collect();
        assert_eq!(found, wanted, "the table should be:\n{}", wanted.join("\n"));
    }

    #[test]
    fn letters_change_their_case() {
        assert_eq!((other_case("DPoP"), other_case("Bearer")), ("dpOp".to_owned(), "bEARER".to_owned()));
    }
}
