//! `/v1/tokens`: API tokens. One makes no other: whoever has got hold of one for an hour would have them for good.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::call::Call;
use super::cursor::Page;
use super::keys::refused;
use super::moment::Moment;
use super::token::{self, ApiToken};
use crate::keys::LIFETIME;
use crate::problem::Problem;

/// An API token, without the text that opens with it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Token")]
pub(super) struct Shown {
    /// Its public number.
    id: String,
    name: String,
    created_at: Moment,
    /// When it ends; none: when it is revoked.
    expires_at: Option<Moment>,
    /// When it was used last, to the minute.
    last_used_at: Option<Moment>,
}

/// A token to be made.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewToken {
    /// What a person calls it.
    #[schemars(length(min = 1, max = token::LONGEST_NAME))]
    name: String,
    /// In how many seconds it ends; none: when it is revoked.
    #[schemars(range(min = *LIFETIME.start(), max = *LIFETIME.end()))]
    expires_in: Option<i64>,
}

/// A token that was made.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct CreatedToken {
    #[serde(flatten)]
    shown: Shown,
    /// What opens with it: shown once. Null where an answer is repeated.
    token: Option<String>,
}

impl From<ApiToken> for Shown {
    fn from(token: ApiToken) -> Self {
        Self {
            id: token.id,
            name: token.name,
            created_at: token.created_at.into(),
            expires_at: token.expires_at.map(Moment::from),
            last_used_at: token.last_used_at.map(Moment::from),
        }
    }
}

pub(super) async fn list(call: Call) -> Result<Page<Shown>, Problem> {
    let window = call.window()?;
    let all = token::readable(call.shelf()?, call.person(), call.now()).await?;
    Ok(window.of(all, |token| token.id.clone(), Shown::from))
}

pub(super) async fn create(call: Call, new: NewToken) -> Result<CreatedToken, Problem> {
    if !call.caller.is_browser {
        return Err(Problem::forbidden("not-by-token", "A token makes no other token.").hint("make it on the settings page"));
    }
    let expires_at = new.expires_in.map(|seconds| call.now().plus(seconds));
    let made = token::create(call.shelf()?, call.person(), &new.name, expires_at, call.caller.by.clone(), call.now()).await;
    let made = made.map_err(|error| refused(&error))?;
    Ok(CreatedToken { shown: made.token.into(), token: Some(made.text.expose().to_owned()) })
}

pub(super) async fn revoke(call: Call) -> Result<Shown, Problem> {
    let revoked = token::revoke(call.shelf()?, call.person(), call.named("token"), call.caller.by.clone(), call.now()).await?;
    revoked.map(Shown::from).ok_or_else(Problem::not_here)
}
