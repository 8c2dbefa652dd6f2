//! `/v1/keys`: valet keys.

use std::collections::HashSet;

use keyfob::Error;
use keyfob::proto::{Error as ProtoError, Misuse};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::accounts;
use super::call::Call;
use super::cursor::Page;
use super::moment::Moment;
use crate::failure::sentence;
use crate::keys::{self, Rate, ValetKey};
use crate::problem::Problem;

/// A valet key, without the text that opens with it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Key")]
pub(super) struct Shown {
    /// Its public number.
    id: String,
    name: String,
    /// The account's name.
    account: String,
    state: State,
    /// What it may do; nothing else.
    allow: Vec<String>,
    /// How often, such as 10/min; none: as often as it likes.
    rate: Option<String>,
    /// Whether it may have the account's access token itself.
    may_see_token: bool,
    created_at: Moment,
    /// When it ends; none: when it is revoked.
    expires_at: Option<Moment>,
    /// When it was used last, to the minute.
    last_used_at: Option<Moment>,
    /// The number of the API token that it was made with, if it was: it ends with that.
    made_with: Option<String>,
}

/// Whether a key opens what it was made for.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "KeyState")]
#[serde(rename_all = "kebab-case")]
enum State {
    /// It does.
    Ok,
    /// It opens nothing: its account was disconnected. Another one may have the name by now.
    AccountGone,
}

/// A key to be made.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewKey {
    /// The account's name.
    #[schemars(length(min = 1, max = 200))]
    account: String,
    /// What a person calls it; none: after the account.
    #[schemars(length(max = keys::LONGEST_NAME))]
    name: Option<String>,
    /// What it may do, such as `GET /users/locks/**`.
    #[serde(default)]
    #[schemars(length(max = keys::MOST_RULES), inner(length(min = 1, max = 500)))]
    allow: Vec<String>,
    /// How often, such as `10/min`.
    #[schemars(length(min = 1, max = 40))]
    rate: Option<String>,
    /// Whether it may have the account's access token itself.
    #[serde(default)]
    may_see_token: bool,
    /// In how many seconds it ends; none: when it is revoked.
    #[schemars(range(min = *keys::LIFETIME.start(), max = *keys::LIFETIME.end()))]
    expires_in: Option<i64>,
}

/// A key that was made.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct CreatedKey {
    #[serde(flatten)]
    shown: Shown,
    /// What opens with it: shown once. Null where an answer is repeated.
    key: Option<String>,
}

impl Shown {
    fn of(key: ValetKey, orphans: &HashSet<String>) -> Self {
        Self {
            state: if orphans.contains(&key.id) { State::AccountGone } else { State::Ok },
            id: key.id,
            name: key.name,
            account: key.account,
            allow: key.rules.iter().map(ToString::to_string).collect(),
            rate: key.rate.map(|rate| rate.to_string()),
            may_see_token: key.may_see_token,
            created_at: key.created_at.into(),
            expires_at: key.expires_at.map(Moment::from),
            last_used_at: key.last_used_at.map(Moment::from),
            made_with: key.made_with,
        }
    }
}

pub(super) async fn list(call: Call) -> Result<Page<Shown>, Problem> {
    let window = call.window()?;
    let mut all = keys::readable(call.shelf()?, Some(call.person()), call.now()).await?;
    all.items.retain(|key| call.query("account").is_none_or(|account| key.account == account));
    all.items.sort_by(|one, other| one.id.cmp(&other.id));
    let orphans = keys::orphans(call.site.keyfob.store(), &all.items).await?;
    Ok(window.of(all, |key| key.id.clone(), |key| Shown::of(key, &orphans)))
}

pub(super) async fn create(call: Call, new: NewKey) -> Result<CreatedKey, Problem> {
    let Some((seat, account)) = accounts::named(&call, &new.account).await? else {
        return Err(accounts::none_called(&call, &new.account).await?);
    };
    let rules = keys::rules(new.allow.iter().map(String::as_str)).map_err(unfit)?;
    let rate = new.rate.map(|rate| rate.parse::<Rate>()).transpose().map_err(unfit)?;
    let may_see_token = keys::may_see_token(new.may_see_token, &account).map_err(unfit)?;
    let made = keys::NewKey {
        owner: call.person().to_owned(),
        name: new.name.unwrap_or_default(),
        account: seat.shown,
        account_id: account.id,
        rules,
        rate,
        may_see_token,
        expires_at: call.caller.end(new.expires_in.map(|seconds| call.now().plus(seconds))),
    };
    let made = keys::create(call.shelf()?, made, call.caller.by.clone(), call.now()).await.map_err(|error| refused(&error))?;
    Ok(CreatedKey { shown: Shown::of(made.key, &HashSet::new()), key: Some(made.text.expose().to_owned()) })
}

pub(super) async fn revoke(call: Call) -> Result<Shown, Problem> {
    let (owner, id) = (call.person(), call.named("key"));
    let revoked = keys::revoke(call.shelf()?, Some(owner), id, call.caller.by.clone(), call.now()).await?;
    let revoked = revoked.ok_or_else(Problem::not_here)?;
    // Others are told; here it counts from now on.
    call.gate()?.ring.forget(id);
    // What cannot be said any more is no reason to tell it as if it had failed.
    let orphans = keys::orphans(call.site.keyfob.store(), std::slice::from_ref(&revoked)).await.unwrap_or_default();
    Ok(Shown::of(revoked, &orphans))
}

/// What is written as it should be, and makes no sense.
pub(super) fn unfit(misuse: Misuse) -> Problem {
    refused(&misuse.into())
}

/// The same, of an error.
pub(super) fn refused(error: &Error) -> Problem {
    match error {
        Error::Protocol(ProtoError::Misuse(misuse)) => {
            let problem = Problem::cannot("misuse", sentence(&misuse.to_string()));
            match &misuse.hint {
                Some(hint) => problem.hint(hint.clone()),
                None => problem,
            }
        }
        other => Problem::from_error(other),
    }
}
