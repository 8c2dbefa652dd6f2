//! `/v1/people`: who is here; for the owner alone.

use keyfob::proto::scrub;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::call::Call;
use super::cursor::Page;
use super::me::MyRole;
use super::moment::Moment;
use crate::audit::What;
use crate::failure::Failure;
use crate::people::{Invite, LONGEST_NAME, OpenInvite, Person, Role};
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
    #[schemars(length(min = 1, max = LONGEST_NAME))]
    name: String,
}

/// A link that lets somebody in, once; without what opens it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Invitation")]
pub(super) struct ShownInvitation {
    /// What names it.
    id: String,
    /// What they will be called, or are.
    name: String,
    /// What they will be.
    role: MyRole,
    /// The id of the person who signs in by it; none: somebody new.
    person: Option<String>,
    /// The number of the API token that it was made with; none: the owner made it on a page.
    made_with: Option<String>,
    expires_at: Moment,
}

/// A link by which somebody becomes a member, once.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct CreatedInvitation {
    #[serde(flatten)]
    shown: ShownInvitation,
    /// To be handed over: shown once. Null where an answer is repeated.
    link: Option<String>,
}

impl From<OpenInvite> for ShownInvitation {
    fn from(OpenInvite { id, invite, expires_at }: OpenInvite) -> Self {
        // The owner comes in by links that are made where the program runs.
        let role = MyRole::Member;
        Self { id, name: invite.name, role, person: invite.person, made_with: invite.made_with, expires_at: expires_at.into() }
    }
}

pub(super) async fn list(call: Call) -> Result<Page<Shown>, Problem> {
    let window = call.window()?;
    let mut all = call.people()?.everybody(call.now()).await?;
    all.items.retain(|person| !person.leaving);
    all.items.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(window.of(all, |person| person.id.clone(), Shown::from))
}

pub(super) async fn invite(call: Call, new: NewInvitation) -> Result<CreatedInvitation, Problem> {
    let name = new.name.trim();
    if name.is_empty() || scrub::printable(name) != name {
        return Err(Problem::cannot("misuse", "A name is on one line, and has characters that can be seen."));
    }
    call.tell(What::Invited { name: name.to_owned() }).await?;
    let (invite, usual) = (Invite { made_with: call.caller.token(), ..Invite::of(name) }, Invite::end(call.now()));
    let until = call.caller.end(Some(usual)).unwrap_or(usual);
    let (id, token) = call.people()?.invite(&invite, until).await?;
    let link = format!("{}/invite?token={}", call.site.origin, token.expose());
    let shown = OpenInvite { id, invite, expires_at: until }.into();
    Ok(CreatedInvitation { shown, link: Some(link) })
}

pub(super) async fn invitations(call: Call) -> Result<Page<ShownInvitation>, Problem> {
    let window = call.window()?;
    let mut all = call.people()?.open_invitations(call.now()).await?;
    all.items.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(window.of(all, |open| open.id.clone(), ShownInvitation::from))
}

pub(super) async fn take_back(call: Call) -> Result<ShownInvitation, Problem> {
    let (people, id) = (call.people()?, call.named("invitation"));
    let open = people.open_invitation(id, call.now()).await?.ok_or_else(Problem::not_here)?;
    call.tell(What::Uninvited { name: open.invite.name.clone() }).await?;
    if people.take_back(id).await? { Ok(open.into()) } else { Err(Problem::not_here()) }
}

pub(super) async fn remove(call: Call) -> Result<Shown, Problem> {
    let (people, id) = (call.people()?, call.named("person"));
    let known = people.everybody(call.now()).await?.items.into_iter().find(|person| person.id == id).ok_or_else(Problem::not_here)?;
    if known.role == Role::Owner {
        return Err(Problem::cannot("owner", "The owner is nobody's to remove."));
    }
    let removed = call.site.remove_person(people, id, call.person(), call.caller.by.clone()).await;
    if removed.map_err(|error| Failure::taking(&error))? { Ok(known.into()) } else { Err(Problem::not_here()) }
}
