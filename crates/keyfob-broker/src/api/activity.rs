//! `/v1/activity`: the person's book. Never a query, a body, a header or a secret: it holds none.

use keyfob::store::EntryNumber;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::call::Call;
use super::cursor::{Page, no_cursor};
use super::moment::Moment;
use crate::audit::Entry;
use crate::problem::Problem;

/// A line of the book.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Act")]
pub(super) struct Shown {
    at: Moment,
    #[serde(flatten)]
    line: Line,
}

/// What the lines of the book have, of which each has some.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
struct Line {
    /// Who did it: `key`, `person`, `token`, `link` (somebody who is nobody here, at the page of a connect link), `command`, `program`.
    who: String,
    /// What was done, such as `called`.
    act: String,
    account: Option<String>,
    /// The key's number.
    key: Option<String>,
    key_name: Option<String>,
    /// The person's id.
    person: Option<String>,
    /// The token's number.
    token: Option<String>,
    token_name: Option<String>,
    name: Option<String>,
    /// The number of the token that was made or revoked.
    made: Option<String>,
    /// The id of the person who was removed.
    removed: Option<String>,
    /// The number of the connect link that somebody came by, or that was made or taken back.
    link: Option<String>,
    webhook: Option<String>,
    to: Option<String>,
    method: Option<String>,
    /// Without the query.
    path: Option<String>,
    /// The origin that a call was sent to.
    upstream: Option<String>,
    /// The status of the answer.
    status: Option<u16>,
    /// Why the status is ours.
    problem: Option<String>,
    bytes: Option<u64>,
    milliseconds: Option<u64>,
    /// What the log calls the request.
    request: Option<String>,
    allows: Option<Vec<String>>,
    may_see_token: Option<bool>,
    revoked: Option<bool>,
    action: Option<String>,
    /// The name or the id of what the action was done with.
    subject: Option<String>,
}

impl Shown {
    fn of(entry: &Entry) -> Self {
        // What a newer version writes may have members that this one does not show.
        let line = serde_json::to_value(&entry.line).and_then(serde_json::from_value).unwrap_or_default();
        Self { at: entry.at.into(), line }
    }
}

pub(super) async fn list(call: Call) -> Result<Page<Shown>, Problem> {
    let window = call.window()?;
    let before = match &window.after {
        Some(number) => Some(EntryNumber(number.parse().map_err(|_| no_cursor())?)),
        None => None,
    };
    let excerpt = call.gate()?.book.read(Some(call.person()), before, window.most).await?;
    let next_cursor = excerpt.rest.map(|last| window.cursor(&last.0.to_string()));
    Ok(Page { items: excerpt.entries.iter().map(Shown::of).collect(), next_cursor, unreadable: excerpt.unreadable })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::audit::{What, Who};

    /// Whatever the book gains, this list shows.
    #[test]
    fn every_member_of_a_line_is_shown() {
        let lines = [
            (Who::Key { key: "1".into(), key_name: "cron".into() }, What::SignedIn),
            (Who::Token { token: "1".into(), token_name: "app".into() }, What::SignedOut),
            (Who::Person { person: "owner".into() }, What::TokenMade { made: "2".into(), name: "app".into() }),
            (
                Who::Command,
                What::KeyMade {
                    key: "1".into(),
                    name: "cron".into(),
                    account: "august".into(),
                    allows: vec!["GET /".into()],
                    may_see_token: true,
                },
            ),
            (
                Who::Program,
                What::Called {
                    account: "august".into(),
                    method: "GET".into(),
                    path: "/".into(),
                    upstream: Some("https://a.example".into()),
                    status: 200,
                    problem: Some("x".into()),
                    bytes: Some(1),
                    milliseconds: 2,
                    request: "r".into(),
                },
            ),
            (
                Who::Program,
                What::Acted { account: "august".into(), action: "lock".into(), subject: Some("Front Door".into()), status: 200 },
            ),
            (Who::Program, What::Disconnected { account: "august".into(), revoked: true }),
            (Who::Program, What::PersonRemoved { removed: "7f3a".into(), name: "Robin".into() }),
            (Who::Link { link: "1".into() }, What::Connected { account: "august".into() }),
            (Who::Program, What::LinkMade { link: "1".into(), account: "august".into() }),
            (Who::Program, What::WebhookMade { webhook: "1".into(), to: "https://a.example".into() }),
        ];
        for (who, what) in lines {
            let line = serde_json::to_value(crate::audit::Line { who, what }).expect("JSON");
            let shown: Line = serde_json::from_value(line.clone()).expect("a line");
            let shown = serde_json::to_value(shown).expect("JSON");
            for (name, value) in line.as_object().expect("an object") {
                assert_eq!(shown.get(name), Some(value), "{name} of {line}");
            }
        }
        assert!(matches!(serde_json::to_value(Line::default()), Ok(Value::Object(_))));
    }
}
