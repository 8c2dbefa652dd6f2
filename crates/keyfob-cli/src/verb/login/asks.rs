//! What a login asks of the provider besides scopes: how somebody signs in, and what is said of them (OpenID Connect Core §3.1.2.1, §5.5). The core holds
//! the ID token to it: who asked for a fresh sign-in, and was not given one, is not logged in.

use clap::Args;
use keyfob::LoginOptions;
use keyfob::proto::oauth2::Prompt;

use crate::verb::token;

// How somebody is to sign in.
#[derive(Args, Debug, Default)]
pub(super) struct Asks {
    /// Which pages the provider has to show, or (none) must not (OpenID Connect); may be given several times
    #[arg(long, value_name = "PAGE", value_parser = ["none", "login", "consent", "select_account", "create"])]
    #[arg(conflicts_with_all = NOT_BY_BROWSER)]
    prompt: Vec<String>,
    /// Somebody must have signed in within this time (90s, 10m, 2h), or is not logged in (OpenID Connect)
    #[arg(long, value_name = "TIME", value_parser = age, conflicts_with_all = NOT_BY_BROWSER)]
    max_age: Option<u32>,
    /// How thoroughly to sign in: an authentication context, of which one has to be met; may be given several times, the best one first
    #[arg(long, value_name = "CONTEXT", conflicts_with_all = NOT_BY_BROWSER)]
    acr_values: Vec<String>,
    /// Claims to ask for: a JSON object (OpenID Connect Core §5.5)
    #[arg(long, value_name = "JSON", conflicts_with_all = NOT_BY_BROWSER)]
    claims: Option<String>,
}

/// Nobody signs in there, or on another device, which is asked for none of it.
const NOT_BY_BROWSER: [&str; 3] = ["other", "with_token", "pin"];

impl Asks {
    /// Whether anything is asked for.
    pub(super) fn is_some(&self) -> bool {
        let Self { prompt, max_age, acr_values, claims } = self;
        !prompt.is_empty() || max_age.is_some() || !acr_values.is_empty() || claims.is_some()
    }

    /// Beside these scopes.
    pub(super) fn beside(&self, scopes: Vec<String>) -> LoginOptions {
        let page = |word: &String| match word.as_str() {
            "none" => Prompt::None,
            "login" => Prompt::Login,
            "consent" => Prompt::Consent,
            "create" => Prompt::Create,
            _ => Prompt::SelectAccount,
        };
        LoginOptions {
            prompt: self.prompt.iter().map(page).collect(),
            max_age: self.max_age,
            // One value may be several, as they stand in a challenge (RFC 9470 §3).
            acr_values: self.acr_values.iter().flat_map(|values| values.split(' ')).map(str::to_owned).collect(),
            claims: self.claims.clone(),
            ..LoginOptions::scopes(scopes)
        }
    }
}

fn age(text: &str) -> Result<u32, String> {
    token::seconds(text).and_then(|seconds| u32::try_from(seconds).map_err(|_| "expected a shorter time".to_owned()))
}
