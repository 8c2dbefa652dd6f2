//! The authorization request (RFC 6749 §4.1.1; OpenID Connect Core §3.1.2.1): where the person is sent, and with which parameters.

use serde::{Deserialize, Serialize};

use super::client::Client;
use super::pending::Pending;
use super::rar::AuthorizationDetail;
use super::redirect_uri::RedirectUri;
use crate::entropy::Entropy;
use crate::error::{Error, Misuse};
use crate::message::is_vschar;
use crate::secret::Secret;
use crate::time::Timestamp;

/// What to ask the person for. Everything but the redirect URI may stay empty.
///
/// ```
/// use keyfob_proto::oauth2::{AuthorizeRequest, Prompt};
///
/// let request = AuthorizeRequest {
///     redirect_uri: "http://127.0.0.1:8123/callback".into(),
///     scopes: vec!["openid".to_owned(), "read".to_owned()],
///     prompt: vec![Prompt::Consent],
///     max_age: Some(3600),
///     ..AuthorizeRequest::default()
/// };
/// # assert_eq!(request.prompt[0].as_str(), "consent");
/// ```
#[derive(Clone, Debug, Default)]
pub struct AuthorizeRequest {
    /// Where the provider sends the person back to; must equal a registered one byte for byte.
    pub redirect_uri: RedirectUri,
    /// The scopes to ask for; empty: the provider file's. `openid` makes it an OpenID Connect request, with a `nonce`.
    pub scopes: Vec<String>,
    /// How the answer travels back; `None`: as the response type has it (query for a code, fragment for a hybrid answer).
    pub response_mode: Option<ResponseMode>,
    /// Which pages the server has to show, or must not (OpenID Connect Core §3.1.2.1).
    pub prompt: Vec<Prompt>,
    /// The person must have signed in within this many seconds. Checked against `auth_time` of the ID token.
    pub max_age: Option<u32>,
    /// Authentication contexts, in order of preference.
    pub acr_values: Vec<String>,
    /// The `claims` parameter (OpenID Connect Core §5.5): a JSON object. The ID token is held against what it asks for there.
    pub claims: Option<String>,
    /// Who is probably signing in.
    pub login_hint: Option<String>,
    /// An ID token of an earlier login: who should be signing in.
    pub id_token_hint: Option<Secret>,
    /// Languages of the page (BCP 47), in order of preference.
    pub ui_locales: Vec<String>,
    /// What kind of page.
    pub display: Option<Display>,
    /// The resource servers the token is for (RFC 8707 §2): absolute URIs without fragment. The code is exchanged for them, too.
    pub resources: Vec<String>,
    /// Rich authorization requests (RFC 9396). The answer must say which of them were granted.
    pub authorization_details: Vec<AuthorizationDetail>,
    /// Further parameters. Those of the protocol have fields of their own, and cannot be said here.
    pub parameters: Vec<(String, String)>,
}

impl AuthorizeRequest {
    /// Whether anything is asked for that most requests do not ask for.
    pub(super) fn has_more(&self) -> bool {
        let Self { redirect_uri: _, scopes: _, parameters: _, response_mode, prompt, max_age, acr_values, claims, .. } = self;
        let Self { login_hint, id_token_hint, ui_locales, display, resources, authorization_details, .. } = self;
        let is_none = response_mode.is_none() && max_age.is_none() && claims.is_none() && login_hint.is_none();
        let is_empty = prompt.is_empty() && acr_values.is_empty() && ui_locales.is_empty() && resources.is_empty();
        !(is_none && is_empty && id_token_hint.is_none() && display.is_none() && authorization_details.is_empty())
    }
}

/// How an authorization answer travels (OAuth 2.0 Multiple Response Type Encoding Practices §2.1; Form Post Response Mode).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseMode {
    /// In the query of the redirect.
    #[default]
    Query,
    /// In its fragment, which browsers keep to themselves.
    Fragment,
    /// As a form that the browser posts.
    FormPost,
    /// Signed (JARM), in the query of the redirect.
    #[serde(rename = "query.jwt")]
    QueryJwt,
    /// Signed (JARM), in its fragment.
    #[serde(rename = "fragment.jwt")]
    FragmentJwt,
    /// Signed (JARM), as a form that the browser posts.
    #[serde(rename = "form_post.jwt")]
    FormPostJwt,
}

impl ResponseMode {
    /// The parameter's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Fragment => "fragment",
            Self::FormPost => "form_post",
            Self::QueryJwt => "query.jwt",
            Self::FragmentJwt => "fragment.jwt",
            Self::FormPostJwt => "form_post.jwt",
        }
    }

    /// Whether the answer is signed (JARM §2.3).
    pub const fn is_signed(self) -> bool {
        matches!(self, Self::QueryJwt | Self::FragmentJwt | Self::FormPostJwt)
    }

    /// Where the answer is, signed or not.
    pub(crate) const fn place(self) -> Self {
        match self {
            Self::Query | Self::QueryJwt => Self::Query,
            Self::Fragment | Self::FragmentJwt => Self::Fragment,
            Self::FormPost | Self::FormPostJwt => Self::FormPost,
        }
    }

    pub(super) const ALL: [Self; 6] = [Self::Query, Self::Fragment, Self::FormPost, Self::QueryJwt, Self::FragmentJwt, Self::FormPostJwt];
}

/// Pages to show (OpenID Connect Core §3.1.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Prompt {
    /// None at all: an error if one would be needed. Stands alone.
    None,
    /// Sign in again.
    Login,
    /// Consent again.
    Consent,
    /// Choose the account.
    SelectAccount,
    /// Make an account (Initiating User Registration via OpenID Connect).
    Create,
}

impl Prompt {
    /// The parameter's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Login => "login",
            Self::Consent => "consent",
            Self::SelectAccount => "select_account",
            Self::Create => "create",
        }
    }
}

/// What kind of page (OpenID Connect Core §3.1.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Display {
    /// The whole window.
    Page,
    /// A window of its own.
    Popup,
    /// For fingers.
    Touch,
    /// For feature phones.
    Wap,
}

impl Display {
    /// The parameter's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Popup => "popup",
            Self::Touch => "touch",
            Self::Wap => "wap",
        }
    }
}

/// What comes back (RFC 6749 §3.1.1; OAuth 2.0 Multiple Response Type Encoding Practices §5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ResponseType {
    #[default]
    #[serde(rename = "code")]
    Code,
    #[serde(rename = "code id_token")]
    CodeIdToken,
    #[serde(rename = "code token")]
    CodeToken,
    #[serde(rename = "code id_token token")]
    CodeIdTokenToken,
    #[serde(rename = "token")]
    Token,
}

impl ResponseType {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::CodeIdToken => "code id_token",
            Self::CodeToken => "code token",
            Self::CodeIdTokenToken => "code id_token token",
            Self::Token => "token",
        }
    }

    pub(crate) const fn has_id_token(self) -> bool {
        matches!(self, Self::CodeIdToken | Self::CodeIdTokenToken)
    }

    pub(crate) const fn has_access_token(self) -> bool {
        matches!(self, Self::CodeToken | Self::CodeIdTokenToken | Self::Token)
    }

    /// Tokens never travel in a query, which ends up in logs and histories (Multiple Response Types §3, §5).
    pub(super) const fn default_mode(self) -> ResponseMode {
        match self {
            Self::Code => ResponseMode::Query,
            _ => ResponseMode::Fragment,
        }
    }
}

/// What is told where a key of the app's own is wanted, and there is none.
pub(in crate::oauth2) fn no_key(for_what: &str) -> Misuse {
    Misuse::new(format!("a private key of the app's own, to sign {for_what} with"), "none")
        .with_hint("give the app one (private_key), or hand over whatever holds it (Client::with_key; in a session Keyfob::with_signer)")
}

/// Words joined by spaces; none of them empty or with a space inside, which would make two of it.
pub(crate) fn spaced(name: &str, words: &[String]) -> Result<Option<String>, Misuse> {
    if words.iter().any(|word| word.is_empty() || word.contains(char::is_whitespace)) {
        return Err(Misuse::new(format!("{name} as words without spaces"), "an empty one, or one with a space")
            .of("RFC 6749 §3.3")
            .with_hint("give each word as an item of its own"));
    }
    Ok((!words.is_empty()).then(|| words.join(" ")))
}

/// RFC 8707 §2: an absolute URI, without fragment.
pub(crate) fn check_resource(resource: &str) -> Result<(), Misuse> {
    let scheme = resource.split_once(':').map_or("", |(scheme, _)| scheme);
    let named = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    if named && is_vschar(resource) && !resource.contains('#') && resource.len() > scheme.len() + 1 {
        return Ok(());
    }
    let found = format!("\"{}\"", crate::scrub::printable(resource));
    Err(Misuse::new("a resource as an absolute URI without fragment", found)
        .of("RFC 8707 §2")
        .with_hint("give it from https:// on, without #"))
}

impl Client {
    /// Step 1 (RFC 6749 §4.1.1): the URL the person has to go to, and what to keep until they are back. `state` is always sent;
    /// a proof key too, unless the provider file says that the server cannot take one; a `nonce` if `openid` is among the scopes. Draws 32
    /// bytes of entropy for each.
    ///
    /// # Errors
    ///
    /// `Misuse` if the redirect URI is not absolute, not `http` or `https`, or has a fragment (§3.1.2), if another field cannot be what
    /// its documentation says, or if the server requires that requests are [pushed](Self::push).
    pub fn authorize(&self, request: &AuthorizeRequest, now: Timestamp, entropy: &dyn Entropy) -> Result<(String, Pending), Error> {
        self.may_use_the_browser()?;
        let asked = self.ask(request, ResponseType::Code, now, entropy)?;
        Ok((asked.url(now, entropy)?, asked.pending))
    }

    /// A22: whoever can make pushing fail must not thereby get the request into the browser.
    pub(crate) fn may_use_the_browser(&self) -> Result<(), Misuse> {
        if self.shared.settings.pushed_required {
            return Err(Misuse::new("a pushed authorization request, which this server requires", "one through the browser")
                .of("RFC 9126 §5")
                .with_hint("use Client::push"));
        }
        Ok(())
    }
}
