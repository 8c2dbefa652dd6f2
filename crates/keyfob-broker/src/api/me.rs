//! `/v1/me`.

use schemars::JsonSchema;
use serde::Serialize;

use super::call::Call;
use crate::people::Role;
use crate::problem::Problem;

/// Who is asking.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Me {
    /// The person's id, which never changes.
    id: String,
    /// What they are called.
    name: String,
    role: MyRole,
    /// Whether a browser asks, or a program with a token.
    by: By,
}

/// What a person may do.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum MyRole {
    /// Use accounts of their own.
    Member,
    /// That, and decide who else is here, and what can be connected.
    Owner,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum By {
    Browser,
    Token,
}

impl From<Role> for MyRole {
    fn from(role: Role) -> Self {
        if role == Role::Owner { Self::Owner } else { Self::Member }
    }
}

pub(super) async fn show(call: Call) -> Result<Me, Problem> {
    let by = if call.caller.is_browser { By::Browser } else { By::Token };
    let person = call.caller.person;
    Ok(Me { id: person.id, name: person.name, role: person.role.into(), by })
}
