//! What the vault knows of an account: its login, its app, its scopes, its refreshes, and what its server needs tolerated.

use keyfob::history::Event;
use keyfob::proto::scrub::printable;
use keyfob::proto::{App, Deviation, TokenSet};
use keyfob::{Account, Grant};
use keyfob_providers::{Provider, Status};

use super::{Code, Finding};
use crate::account::{expiry, health, login_again, login_again_with, login_to, now};
use crate::context::Context;
use crate::moment;

/// So many entries of the history say how refreshing goes.
const RECENT: usize = 10;

pub(super) async fn look(account: &Account, context: &Context) -> Vec<Finding> {
    let mut findings = vec![login(account)];
    let provider = match context.provider(&account.provider).await {
        Ok(provider) => provider,
        Err(card) => {
            findings.push(Finding::of_whole_card("provider", &card));
            return findings;
        }
    };
    findings.extend(retired(&provider));
    match context.app(&account.provider).await {
        Err(card) => findings.push(Finding::of_card("app", &card)),
        Ok(app) => findings.extend(registration(account, &provider, app.as_ref())),
    }
    findings.extend(scopes(account));
    findings.extend(rotation(account, &provider, context).await);
    findings.extend(deviations(account, &provider));
    findings
}

fn login(account: &Account) -> Finding {
    match health(account, now()) {
        ("ok", _) => Finding::good("login", format!("ends {}", expiry(account, now()))),
        (_, reason) => Finding::bad("login", Code::SignIn, printable(&reason.unwrap_or_default()), login_again(account)),
    }
}

fn retired(provider: &Provider) -> Option<Finding> {
    let Status::Retired { on, .. } = &provider.status else { return None };
    let fix = format!("keyfob provider show {} names what came after it", provider.name);
    Some(Finding::doubtful("provider", format!("{} has ended, or was announced to end, on {on}", provider.title), fix))
}

/// The app, and the redirect URI that the next login will ask for.
fn registration(account: &Account, provider: &Provider, app: Option<&App>) -> Vec<Finding> {
    let Some(app) = app else {
        let fix = format!("put it back: keyfob app add {}", provider.name);
        return vec![Finding::bad("app", Code::SignIn, "the app that its tokens belong to is no longer in the vault", fix)];
    };
    if app.client_id != account.client_id {
        return vec![Finding::bad("app", Code::SignIn, "its tokens belong to another app than the one in the vault", login_again(account))];
    }
    let mut findings = vec![Finding::good("app", format!("client id {}", printable(&app.client_id)))];
    if account.grant != Grant::Approval {
        return findings;
    }
    let redirect = &provider.client.redirect;
    let Some(uri) = app.redirect_uri.as_deref().or(redirect.suggested.first().map(String::as_str)) else {
        if !redirect.oob {
            let fix = login_again_with(account, " --redirect-uri URI");
            findings.push(Finding::doubtful("redirect URI", "none is known, and the next login needs one", fix));
        }
        return findings;
    };
    let shown = printable(uri);
    findings.push(match redirect.listener(uri) {
        None => Finding::note("redirect URI", format!("{shown}: nobody can listen there, so the answer of a login is pasted")),
        Some((_, 0)) => Finding::good("redirect URI", format!("{shown}, at any port")),
        Some((_, port)) => match std::net::TcpListener::bind(("127.0.0.1", port)) {
            Ok(_) => Finding::good("redirect URI", format!("{shown}, and its port is free; it has to be registered to the letter")),
            Err(error) => Finding::doubtful(
                "redirect URI",
                format!("{shown}: its port cannot be had ({error}), and the next login needs it"),
                format!("stop what listens on port {port}, or register another and name it: --redirect-uri URI"),
            ),
        },
    });
    findings
}

fn scopes(account: &Account) -> Option<Finding> {
    let TokenSet::OAuth2(tokens) = &account.tokens else { return None };
    let missing: Vec<&str> = account.requested_scopes.iter().filter(|asked| !tokens.scopes.contains(asked)).map(String::as_str).collect();
    Some(match (tokens.scopes.as_slice(), missing.as_slice()) {
        ([], []) => Finding::note("scopes", "the provider names none"),
        (granted, []) => Finding::good("scopes", printable(&granted.join(" "))),
        (_, missing) => Finding::doubtful(
            "scopes",
            format!("asked for and not granted: {}", printable(&missing.join(" "))),
            format!("say yes to them on the consent page: {}", login_to(&account.name, "")),
        ),
    })
}

/// How refreshing goes.
async fn rotation(account: &Account, provider: &Provider, context: &Context) -> Vec<Finding> {
    if !account.renews() {
        return Vec::new();
    }
    let mut findings = Vec::new();
    if let Some(note) = account.spending.as_ref().filter(|note| !note.over) {
        findings.push(Finding::doubtful(
            "rotation",
            format!("{} began to refresh {} and has not ended it", note.by, moment::from_now(note.since, now())),
            "if that process is stopped, let it go on (kill -CONT) or end it; keyfob refresh then goes on",
        ));
    }
    let entries = match context.keyfob().await {
        Ok(keyfob) => keyfob.store().history(&account.id).await.unwrap_or_default(),
        Err(_) => Vec::new(),
    };
    let recent = entries.iter().rev().take(RECENT);
    let failed = recent.clone().filter(|entry| matches!(entry.event, Event::RefreshFailed { .. })).count();
    let lost = recent.clone().filter(|entry| matches!(entry.event, Event::Abandoned { .. })).count();
    let last = recent.clone().find(|entry| matches!(entry.event, Event::Refreshed { .. })).map(|entry| moment::from_now(entry.at, now()));
    let history = format!("keyfob status {} --history says when and why", account.name);
    if lost > 0 {
        findings.push(Finding::doubtful(
            "rotation",
            format!("{lost} of the last {RECENT} events are refreshes that nobody ended"),
            history,
        ));
    } else if failed > 0 {
        findings.push(Finding::doubtful("rotation", format!("{failed} of the last {RECENT} events are refreshes that failed"), history));
    } else if findings.is_empty() {
        let last = last.map_or_else(|| "not refreshed yet".to_owned(), |last| format!("refreshed {last}"));
        // A copy of the vault would spend the same token, and one of the two accounts would be logged out.
        let once =
            if provider.rotates() { "; each refresh token is good for one use, so no copy of this vault may refresh, too" } else { "" };
        findings.push(Finding::good("rotation", format!("{last}{once}")));
    }
    findings
}

/// Where its server departs from the RFCs.
fn deviations(account: &Account, provider: &Provider) -> Option<Finding> {
    let told = |name: &String| {
        let section = Deviation::by_name(name).map(|deviation| format!(" ({})", deviation.section())).unwrap_or_default();
        let reason = provider.deviations.iter().find(|(known, _)| known.to_string() == *name).map(|(_, reason)| format!(": {reason}"));
        format!("{name}{section}{}", reason.unwrap_or_default())
    };
    let all: Vec<String> = account.tolerated.iter().map(told).collect();
    (!all.is_empty()).then(|| Finding::note("deviations", printable(&all.join("; "))))
}
