//! The flight recorder in words and in JSON: who did what to an account's tokens, when, and why.

use keyfob::history::{Entry, Event, Fingerprint, Spending};
use keyfob::proto::scrub::printable;
use serde_json::{Value, json};

use crate::moment;
use crate::sheet::Sheet;

/// Entries as a table, the oldest first.
pub(crate) fn sheet(entries: &[Entry]) -> Sheet {
    let mut sheet = Sheet::new(["When", "What", "Refresh token", "Who", "Why"]);
    for entry in entries {
        let Told { what, why, .. } = told(&entry.event);
        let when = moment::formatted(entry.at, "%Y-%m-%d %H:%M:%S");
        sheet.row([when, what.to_owned(), tokens(&entry.event), printable(&entry.by.to_string()), printable(&why)]);
    }
    sheet
}

/// What programs get told. No secret is in it: tokens are there by their fingerprints.
pub(crate) fn json(entry: &Entry) -> Value {
    let Told { kind, why, .. } = told(&entry.event);
    let by = |actor: &keyfob::history::Actor| json!({"host": actor.host, "pid": actor.pid, "program": actor.program});
    let mut told = json!({
        "at": moment::utc(entry.at),
        "account": entry.account,
        "provider": entry.provider,
        "event": kind,
        "by": by(&entry.by),
        "why": why,
    });
    if let Some(refresh) = refresh(&entry.event) {
        match &refresh.grant {
            Some(grant) => told["grant"] = json!(grant),
            None => told["spent"] = json!(refresh.token),
        }
        told["since"] = json!(moment::utc(refresh.since));
        told["begun_by"] = by(&refresh.by);
        told["unanswered"] = json!(refresh.unanswered);
    }
    match &entry.event {
        Event::Refreshed { received, expires_at, .. } => {
            told["received"] = json!(received);
            told["expires_at"] = json!(expires_at.map(moment::utc));
        }
        Event::LoggedIn { received, .. } => told["received"] = json!(received),
        Event::RefreshFailed { received: Some(received), .. } => told["received"] = json!(received),
        Event::LoggedOut { revoked } => told["revoked"] = json!(revoked),
        Event::Renamed { from } => told["from"] = json!(from),
        _ => {}
    }
    told
}

/// Why something happened, or did not.
pub(crate) fn why(event: &Event) -> String {
    printable(&told(event).why)
}

struct Told {
    kind: &'static str,
    what: &'static str,
    why: String,
}

fn told(event: &Event) -> Told {
    let told = |kind, what, why: String| Told { kind, what, why };
    match event {
        Event::LoggedIn { imported: true, .. } => told("logged-in", "imported", "its tokens were made elsewhere".to_owned()),
        Event::LoggedIn { .. } => told("logged-in", "logged in", String::new()),
        Event::Refreshed { refresh, .. } => told("refreshed", "refreshed", refresh.why.clone()),
        Event::RefreshFailed { refresh, reason, unanswered, .. } => {
            let lost = if *unanswered { "; it may have reached the provider" } else { "" };
            told("refresh-failed", "not refreshed", format!("{}: {reason}{lost}", refresh.why))
        }
        Event::NeedsLogin { reason, .. } => told("needs-login", "needs login", reason.clone()),
        Event::Abandoned { refresh } => {
            let why = format!("{} began at {} and never wrote the end", refresh.by, moment::formatted(refresh.since, "%H:%M:%S"));
            told("abandoned", "found unfinished", why)
        }
        Event::Renamed { from } => told("renamed", "renamed", format!("it was called {from}")),
        Event::LoggedOut { revoked } => {
            let why = if *revoked { "the provider forgot its tokens, too" } else { "the provider was not told, or did not listen" };
            told("logged-out", "logged out", why.to_owned())
        }
        _ => told("other", "something newer", "this version has no words for it".to_owned()),
    }
}

fn refresh(event: &Event) -> Option<&Spending> {
    match event {
        Event::Refreshed { refresh, .. }
        | Event::RefreshFailed { refresh, .. }
        | Event::NeedsLogin { refresh: Some(refresh), .. }
        | Event::Abandoned { refresh } => Some(refresh),
        _ => None,
    }
}

/// `3f9a… → 77c1…`: which was spent, and which came.
fn tokens(event: &Event) -> String {
    // Where a grant was made once more, no refresh token was spent.
    if let Some(grant) = refresh(event).and_then(|refresh| refresh.grant.as_deref()) {
        return format!("none ({})", printable(grant));
    }
    let spent = refresh(event).map(|refresh| &refresh.token);
    let received = match event {
        Event::LoggedIn { received, .. } | Event::Refreshed { received, .. } | Event::RefreshFailed { received, .. } => received.as_ref(),
        _ => None,
    };
    let digits = |fingerprint: &Fingerprint| fingerprint.as_str().to_owned();
    match (spent.map(digits), received.map(digits)) {
        (Some(spent), Some(received)) if spent == received => format!("{spent} (kept)"),
        (Some(spent), Some(received)) => format!("{spent} → {received}"),
        (Some(spent), None) => format!("{spent} →"),
        (None, Some(received)) => format!("→ {received}"),
        (None, None) => "-".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use keyfob::AccountId;
    use keyfob::history::Actor;
    use keyfob::proto::{Secret, Timestamp};

    use super::*;

    fn refreshed() -> Entry {
        let by = Actor { host: "attic".to_owned(), pid: 4711, program: "keyfob".to_owned(), instance: None, kernel: None };
        let spent = Fingerprint::of(&Secret::new("one"));
        let refresh = Spending {
            token: spent,
            grant: None,
            since: Timestamp::from_unix(0),
            since_at_server: None,
            by: by.clone(),
            why: "ends soon".to_owned(),
            unanswered: 0,
            over: false,
            not_before: None,
        };
        let received = Some(Fingerprint::of(&Secret::new("two")));
        Entry {
            at: Timestamp::from_unix(1),
            id: AccountId::random(),
            account: "home".to_owned(),
            provider: "example".to_owned(),
            by,
            event: Event::Refreshed { refresh, received, expires_at: None },
        }
    }

    #[test]
    fn who_brought_tokens_has_not_logged_in() {
        let at_the_start = |imported| Entry { event: Event::LoggedIn { received: None, imported }, ..refreshed() };
        let drawn = sheet(&[at_the_start(true)]).drawn(120, crate::output::Paint::plain());
        assert!(drawn.contains("imported") && !drawn.contains("logged in"), "{drawn}");
        let drawn = sheet(&[at_the_start(false)]).drawn(120, crate::output::Paint::plain());
        assert!(drawn.contains("logged in") && !drawn.contains("imported"), "{drawn}");
    }

    #[test]
    fn a_refresh_names_both_tokens_who_and_why() {
        let drawn = sheet(&[refreshed()]).drawn(120, crate::output::Paint::plain());
        for part in ["7692c3ad3540 → 3fc4ccfe7458", "keyfob (pid 4711 on attic)", "ends soon"] {
            assert!(drawn.contains(part), "{part} in\n{drawn}");
        }
        let told = json(&refreshed());
        assert_eq!(told["event"], "refreshed");
        assert_eq!(told["spent"], "7692c3ad3540");
        assert_eq!(told["begun_by"]["pid"], 4711);
        assert_eq!(told["at"], "1970-01-01T00:00:01Z");
    }
}
