//! A login that somebody else begins (OpenID Connect Core §4): the provider, or a page that knows the person's provider, sends the browser to our
//! `initiate_login_uri`, and we begin a login as usual.

use crate::callback::Parameters;
use crate::endpoint::Origin;
use crate::error::Misbehaved;

const SECTION: &str = "OpenID Connect Core §4";

/// What somebody else would like to begin. Anybody can write such a link, so all it may do is begin a login, at a provider of ours, that ends on a page
/// of ours: only [`read`](Self::read) makes one.
///
/// ```
/// use keyfob_proto::{Origin, oidc::InitiatedLogin};
///
/// let home = Origin::parse("https://app.example").expect("an origin");
/// let asked = InitiatedLogin::read(
///     "iss=https%3A%2F%2Flogin.example&login_hint=robin&target_link_uri=https%3A%2F%2Fapp.example%2Flocks",
///     ["https://login.example"],
///     &home,
/// )?;
/// assert_eq!(asked.issuer, "https://login.example");
/// assert_eq!(asked.target.as_deref(), Some("https://app.example/locks"));
/// // To another site (an open redirect), or at another provider (a phisher's): no.
/// assert!(InitiatedLogin::read("iss=https%3A%2F%2Flogin.example&target_link_uri=https%3A%2F%2Fevil.example", ["https://login.example"], &home).is_err());
/// assert!(InitiatedLogin::read("iss=https%3A%2F%2Fevil.example", ["https://login.example"], &home).is_err());
/// # Ok::<(), keyfob_proto::Misbehaved>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InitiatedLogin {
    /// `iss`: whom to log in at, one of those that were named.
    pub issuer: String,
    /// `login_hint`, to be sent on as it is ([`AuthorizeRequest::login_hint`](crate::oauth2::AuthorizeRequest::login_hint)).
    pub login_hint: Option<String>,
    /// `target_link_uri`: where the person goes after the login. A page of ours.
    pub target: Option<String>,
}

impl InitiatedLogin {
    /// Reads the request to our `initiate_login_uri`: its query, or its body where it was posted. `issuers` are those that this app is registered with;
    /// `home` is where its pages are. Parameters that are unknown are left alone.
    ///
    /// # Errors
    ///
    /// `Misbehaved` for an issuer that is not among them, byte for byte; a `target_link_uri` that is not a page of ours; a hint with control characters;
    /// and a parameter twice.
    pub fn read<'a>(parameters: &str, issuers: impl IntoIterator<Item = &'a str>, home: &Origin) -> Result<Self, Misbehaved> {
        let parameters = Parameters::read(parameters, SECTION, SECTION)?;
        let issuer = parameters.get("iss").ok_or_else(|| Misbehaved::new(SECTION, "a parameter \"iss\"", "none"))?;
        if !issuers.into_iter().any(|known| known == issuer) {
            return Err(Misbehaved::new(SECTION, "an issuer that this app is registered with", "another one"));
        }
        let target = parameters.get("target_link_uri");
        // Scheme, host and port as a whole: `https://app.example@evil.example` and `https://app.example.evil.example` begin like ours. What a browser
        // reads otherwise than we do (`\` for `/`, tabs that it drops) is refused before it is compared.
        let ours =
            |url: &str| url.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') && Origin::parse(url).as_ref() == Some(home);
        if target.is_some_and(|url| !ours(url)) {
            return Err(Misbehaved::new(SECTION, "a target_link_uri on this app's own pages", "another site (an open redirect)"));
        }
        let login_hint = parameters.get("login_hint").filter(|hint| !hint.is_empty());
        if login_hint.is_some_and(|hint| hint.chars().any(char::is_control)) {
            return Err(Misbehaved::new(SECTION, "a login_hint in one line", "control characters"));
        }
        Ok(Self { issuer: issuer.to_owned(), login_hint: login_hint.map(str::to_owned), target: target.map(str::to_owned) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode;

    fn read(pairs: &[(&str, &str)]) -> Result<InitiatedLogin, Misbehaved> {
        let home = Origin::parse("https://app.example").expect("an origin");
        InitiatedLogin::read(&encode::form_pairs(pairs.iter().copied()), ["https://login.example", "https://b.example"], &home)
    }

    #[test]
    fn only_a_login_at_a_provider_of_ours_that_ends_at_home_is_begun() {
        let us = ("iss", "https://b.example");
        assert_eq!(read(&[us]).map(|asked| (asked.issuer, asked.target)), Ok(("https://b.example".to_owned(), None)));
        assert_eq!(read(&[us, ("login_hint", "")]).expect("good").login_hint, None);
        assert!(read(&[us, ("target_link_uri", "HTTPS://App.example:443/x?y=z"), ("other", "x")]).is_ok());
        for bad in [
            "https://evil.example",
            "https://app.example.evil.example",
            "https://app.example@evil.example/",
            "https://app.example:8443/",
            "http://app.example/",
            "//evil.example",
            "/locks",
            "javascript:alert(1)",
            "https://app.example\\@evil.example",
            "https://app.example/\n",
            "",
        ] {
            assert!(read(&[us, ("target_link_uri", bad)]).is_err(), "{bad}");
        }
        for bad in [&[][..], &[("iss", "")], &[("iss", "https://b.example/")], &[us, us], &[us, ("login_hint", "a\nb")]] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }
}
