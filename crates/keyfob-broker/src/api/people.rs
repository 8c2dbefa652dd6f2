//! `/v1/people`: who is here; for the owner alone.

use keyfob::proto::scrub;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::call::Call;
use super::cursor::Page;
use super::me::MyRole;
use super::moment::Moment;
use crate::audit::What;
use crate::people::{Invite, Person};
use crate::problem::Problem;

/// Somebody who may sign in.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Person")]
pub(super) struct Shown {
    id: String,
    /// What they are called. Not who they are: anybody may be called so.
    name: String,
    role: MyRole,
    created_at: Moment,
    /// When they signed in last.
    signed_in_at: Moment,
}

impl From<Person> for Shown {
    fn from(person: Person) -> Self {
        Self {
            id: person.id,
            name: person.name,
            role: person.role.into(),
            created_at: person.created.into(),
            signed_in_at: person.seen.into(),
        }
    }
}

/// Somebody to be invited.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewInvitation {
    /// What they will be called.
    #[schemars(length(min = 1, max = 60))]
    name: String,
}

/// A link by which somebody becomes a member, once.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Invitation {
    name: String,
    /// To be handed over: shown once. Null where an answer is repeated.
    link: Option<String>,
    expires_at: Moment,
}

pub(super) async fn list(call: Call) -> Result<Page<Shown>, Problem> {
    let window = call.window()?;
    let mut all = call.people()?.everybody(call.now()).await?;
    all.retain(|person| !person.leaving);
    all.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(window.of(all, |person| person.id.clone(), Shown::from))
}

pub(super) async fn invite(call: Call, new: NewInvitation) -> Result<Invitation, Problem> {
    let name = new.name.trim();
    if name.is_empty() || scrub::printable(name) != name {
        return Err(Problem::cannot("misuse", "A name is on one line, and has characters that can be seen."));
    }
    call.tell(What::Invited { name: name.to_owned() }).await?;
    let (invite, usual) = (Invite { made_with: call.caller.token(), ..Invite::of(name) }, Invite::end(call.now()));
    let until = call.caller.end(Some(usual)).unwrap_or(usual);
    let token = call.people()?.invite(&invite, until).await?;
    let link = format!("{}/invite?token={}", call.site.origin, token.expose());
    Ok(Invitation { name: name.to_owned(), link: Some(link), expires_at: until.into() })
}
