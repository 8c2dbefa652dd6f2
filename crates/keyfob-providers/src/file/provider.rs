//! The top of a provider file: what it is, whether it is there, where its facts come from.

use keyfob_proto::{Deviation, Endpoint, Origin, Settings};

use super::advice::{line, url_hint};
use super::document::{Content, Node};
use super::reader::{Reader, Text};
use super::table::Table;
use super::{action, client, fields, gone, protocol};
use crate::nearest;
use crate::provider::{ClientHelp, Confidence, Import, Kind, Moves, Provider, Source, Status};

/// Reads a provider. `None`, or any complaint, means that there is none.
pub(crate) fn read(reader: &Reader<'_>, tree: &Node, name: &str, files: Vec<String>) -> Option<Provider> {
    let top = reader.table("", tree);
    if let Some(name) = top.text("name")
        && !Provider::is_name(&name.value)
    {
        no_name(reader, &name, "name");
    } else if !Provider::is_name(name) {
        top.missing("name");
    }
    let title = top.required("title");
    let kind = top.required_word("kind", &Kind::ALL.map(|kind| (kind.name(), kind)));
    let homepage = top.web("homepage").map(|text| text.value);
    let about = top.required("about").map(|text| text.value);
    let status = status(&top);
    let sources = sources(&top);
    let deviations = deviations(&top);
    one_meaning(&top, tree);
    codes_come_from_somewhere(&top, tree, kind);
    let moves = moves(&top);
    let independent_client = top.text("independent_client").map(|text| text.value);
    let verified = top.get("verified").and_then(|_| top.date("verified"));
    let scopes = scopes(&top);

    let import = import(&top);

    let client = client::read(&top);
    fields::own_key(top.reader, tree, &client);
    fields::no_secret_in_a_host(top.reader, tree, &client);
    fields::addresses_are_filled(top.reader, tree, &client);
    fields::defaults_fit_addresses(top.reader, tree, &client);
    let keep = keep(&top, &client);
    let actions = action::read(&top, &keep);
    // Which keys a protocol has is known only once the protocol is.
    let (spec, pkce_off) = match kind.filter(|kind| !is_another_kinds(&top, *kind)) {
        Some(kind) => protocol::read(&top, kind, &client, keep),
        None => {
            for key in ["endpoints", "oauth1", "oauth2", "api"] {
                top.get(key);
            }
            (None, None)
        }
    };
    settings_of_deviations(reader, tree);
    deviations_of_another(reader, tree, kind, &deviations);
    top.finish();
    Some(Provider {
        name: name.to_owned(),
        title: title?.value,
        kind: kind?,
        status: status?,
        homepage,
        about: about?,
        sources,
        client,
        import,
        deviations,
        scopes,
        actions: actions.into(),
        pkce_off,
        independent_client,
        verified,
        files,
        spec: spec?,
        moves,
    })
}

/// Whether a file has the section of another kind in the place of its own: what else is wrong with it comes of that.
fn is_another_kinds(top: &Table<'_>, kind: Kind) -> bool {
    let (own, other, its) = match kind {
        Kind::OAuth1 => ("oauth1", "oauth2", "kind = \"oauth2\", or \"oidc\""),
        Kind::OAuth2 | Kind::Oidc => ("oauth2", "oauth1", "kind = \"oauth1\""),
    };
    let Some(word) = top.get("kind").filter(|_| top.has(other) && !top.has(own)) else { return false };
    let hint = format!("{its}; or call the section [{own}], and say in it what that one has");
    top.reader.problem(word.place, format!("kind is \"{}\", and the file has [{other}]", kind.name()), Some(hint));
    true
}

/// Says that a text is no name.
pub(super) fn no_name(reader: &Reader<'_>, text: &Text, what: &str) {
    let shown = keyfob_proto::scrub::printable(&text.value);
    reader.problem(text.place, format!("expected a {what}, found \"{shown}\""), Some(Provider::NAMES.to_owned()));
}

/// What is kept with the account is shown, and goes into calls: no token does, and nothing that an app's field is called.
fn keep(top: &Table<'_>, client: &ClientHelp) -> Vec<String> {
    let names = top.texts("keep");
    for (at, name) in names.iter().enumerate() {
        top.reader.check_plain_name(name, "the name of a value that a login brings, in keep");
        if names[..at].iter().any(|other| other.value == name.value) {
            top.reader.problem(name.place, format!("{} is in keep twice", name.value), Some("leave one of the two away".to_owned()));
        }
        if Settings::is_never_kept(&name.value) {
            let hint = "leave it away: what is kept is shown in clear, and tokens, codes and secrets have their own place in the vault";
            top.reader.problem(name.place, format!("{} in keep", name.value), Some(hint.to_owned()));
        } else if client.field(&name.value).is_some() {
            let hint = "leave one of the two away: a template has one value for a name".to_owned();
            top.reader.problem(name.place, format!("{} in keep, and a field of client.fields", name.value), Some(hint));
        }
    }
    names.into_iter().map(|name| name.value).collect()
}

pub(super) fn status(top: &Table<'_>) -> Option<Status> {
    if let Some(end) = own_end(top) {
        match top.get("status").map(|status| &status.value) {
            None => return end_not_said(top, end, "write it at the top"),
            Some(Content::Text(word)) if ["live", "sandbox"].contains(&word.as_str()) => {
                return end_not_said(top, end, "write that in place of the status that is there");
            }
            Some(_) => {}
        }
    }
    match top.required_word("status", &[("live", 0), ("sandbox", 1), ("retired", 2)])? {
        0 => Some(Status::Live),
        1 => Some(Status::Sandbox),
        _ => {
            let Some(retired) = top.table("retired") else {
                top.get("status").into_iter().for_each(|status| top.missing_for("retired", status));
                return None;
            };
            let status = (retired.date("on"), retired.text("successor"), retired.required("note"));
            retired.finish();
            Some(Status::Retired { on: status.0?, successor: status.1.map(|text| text.value), note: status.2?.value })
        }
    }
}

/// What the file itself says of an end. Whoever says that one of ours is there again cannot take our reasons away.
fn own_end<'r>(top: &Table<'r>) -> Option<&'r Node> {
    let is_own = |node: &Node| !top.reader.is_below(node.place);
    top.get("retired").filter(|end| match &end.value {
        Content::Table(members) => members.iter().any(|(_, node)| is_own(node)),
        _ => is_own(end),
    })
}

fn end_not_said(top: &Table<'_>, end: &Node, write: &str) -> Option<Status> {
    match end.value {
        Content::Table(_) => {
            let hint = format!("{write}; or leave [retired] away, if the provider is there");
            top.reader.problem(end.place, format!("[retired] without status = \"{}\"", gone::STATUS), Some(hint));
        }
        // Which tells what it is.
        _ => drop(top.table("retired")),
    }
    None
}

pub(super) fn sources(top: &Table<'_>) -> Vec<Source> {
    let tables = top.tables("sources");
    match top.get("sources") {
        None => top.missing("sources"),
        Some(empty) if top.is_left_out("sources") => {
            top.reader.problem(empty.place, "sources is empty: every file says where its facts come from", Some(line("sources")));
        }
        Some(_) => {}
    }
    tables
        .into_iter()
        .filter_map(|table| {
            let url = table.required("url");
            if let Some(url) = &url {
                table.check_web(url, "url");
            }
            let checked = table.date("checked");
            let confidence = table.required_word("confidence", Confidence::ALL);
            let about = table.get("about").and_then(|_| table.required("about")).map_or_else(String::new, |text| text.value);
            table.finish();
            Some(Source { url: url?.value, checked: checked?, confidence: confidence?, about })
        })
        .collect()
}

fn deviations(top: &Table<'_>) -> Vec<(Deviation, String)> {
    let Some(node) = top.get("deviations") else { return Vec::new() };
    let table = top.reader.table("deviations", node);
    let mut deviations = Vec::new();
    for (key, node) in table.all() {
        let reason = top.reader.text(&format!("deviations.{}", key.name), node);
        match Deviation::by_name(&key.name) {
            Some(deviation) => match reason {
                Some(reason) if !reason.value.trim().is_empty() => deviations.push((deviation, reason.value)),
                Some(reason) => top.reader.problem(
                    reason.place,
                    format!("the deviation {} has no reason", key.name),
                    Some(format!("{} = \"…\", a sentence: who found that, and where", key.name)),
                ),
                None => {}
            },
            None => {
                let hint = nearest::suggest(&key.name, Deviation::ALL.iter().map(|deviation| deviation.name()));
                top.reader.problem(key.place, format!("the unknown deviation {}", key.name), hint);
            }
        }
    }
    deviations
}

/// What is tolerated by a setting has both: the deviation with its reason, and the key that says how.
fn settings_of_deviations(reader: &Reader<'_>, tree: &Node) {
    for (key, is_table, deviation) in [
        ("tokens_at", false, Deviation::NestedTokens),
        ("token_type", false, Deviation::OtherTokenType),
        ("token_error", true, Deviation::OwnError),
    ] {
        let node = tree.get("oauth2").and_then(|oauth2| oauth2.get(key));
        let allowed = tree.get("deviations").and_then(|deviations| deviations.get(deviation.name()));
        match (node, allowed) {
            // What stands in its table's place was told.
            (Some(node), None) if node.is_table() == is_table && !reader.is_told(node.place) => {
                let hint = format!("allow it, with its reason: [deviations] {deviation} = \"…\"");
                reader.problem(node.place, format!("oauth2.{key} without the deviation {deviation}"), Some(hint));
            }
            (None, Some(allowed)) => {
                let hint = format!("add it: [oauth2] {}; or leave the deviation away", line(&format!("oauth2.{key}")));
                reader.problem(allowed.place, format!("the deviation {deviation} without oauth2.{key}, which says how"), Some(hint));
            }
            _ => {}
        }
    }
}

/// What servers of the other protocol do.
fn deviations_of_another(reader: &Reader<'_>, tree: &Node, kind: Option<Kind>, deviations: &[(Deviation, String)]) {
    // Where the kind's own section is missing, the kind may be what is wrong.
    let own = if kind == Some(Kind::OAuth1) { "oauth1" } else { "oauth2" };
    let Some(kind) = kind.filter(|_| tree.get(own).is_some()) else { return };
    for (deviation, _) in deviations.iter().filter(|(deviation, _)| deviation.is_of_oauth1() != (kind == Kind::OAuth1)) {
        if let Some(node) = tree.get("deviations").and_then(|deviations| deviations.get(deviation.name())) {
            let protocol = if deviation.is_of_oauth1() { "OAuth 1" } else { "OAuth 2" };
            let message = format!("the deviation {deviation} is one of {protocol}, and kind is \"{}\"", kind.name());
            reader.problem(node.place, message, Some("leave it away".to_owned()));
        }
    }
}

/// `[import]`: that nobody is sent anywhere, and where tokens are made instead.
fn import(top: &Table<'_>) -> Option<Import> {
    let table = top.table("import")?;
    let (help, url) = (table.required("help"), table.web("url").map(|text| text.value));
    table.finish();
    Some(Import { url, help: help?.value })
}

/// A redirect without verifier is an approval or a denial, and a PIN is a verifier (RFC 5849 §2.2).
fn one_meaning(top: &Table<'_>, tree: &Node) {
    let Some(deviations) = tree.get("deviations") else { return };
    let Some(node) = deviations.get(Deviation::NoVerifier.name()) else { return };
    if deviations.get(Deviation::DenialWithoutVerifier.name()).is_some() {
        let message = format!("the deviations {} and {} at once", Deviation::NoVerifier, Deviation::DenialWithoutVerifier);
        let hint = "what a redirect without verifier means is one thing: an approval, or a denial".to_owned();
        top.reader.problem(node.place, message, Some(hint));
    }
    let oob = tree.get("client").and_then(|client| client.get("redirect")?.get("oob"));
    if let Some(oob) = oob.filter(|oob| matches!(oob.value, Content::Flag(true))) {
        let message = format!("client.redirect.oob with the deviation {}: the PIN is a verifier", Deviation::NoVerifier);
        top.reader.problem(oob.place, message, Some("leave one of the two away".to_owned()));
    }
}

/// Where people can only enter a code, there is somewhere to get one: in the file, or in what the issuer says of itself.
fn codes_come_from_somewhere(top: &Table<'_>, tree: &Node, kind: Option<Kind>) {
    let device_only = tree.get("client").and_then(|client| client.get("redirect")?.get("device_only"));
    let has = |name| tree.get("endpoints").and_then(|endpoints| endpoints.get(name)).is_some();
    if let Some(device_only) = device_only.filter(|flag| matches!(flag.value, Content::Flag(true)))
        && !has("device")
        && !(kind == Some(Kind::Oidc) && has("issuer"))
    {
        top.reader.problem(
            device_only.place,
            "client.redirect.device_only without endpoints.device: there is nowhere to get a code".to_owned(),
            Some("add it: [endpoints] device = \"https://…\"".to_owned()),
        );
    }
}

/// `[scopes]`: names are the provider's own, so any goes that RFC 6749 §3.3 lets through; what each allows is a sentence.
fn scopes(top: &Table<'_>) -> Vec<(String, String)> {
    let mut scopes = Vec::new();
    for (key, text) in top.named_texts("scopes") {
        if !is_scope(&key.name) {
            top.reader.problem(
                key.place,
                format!("expected the name of a scope (RFC 6749 §3.3), found \"{}\"", key.name),
                Some("one word, without quotes or \\ in it: two scopes are two lines".to_owned()),
            );
        } else if text.value.trim().is_empty() {
            top.reader.problem(
                text.place,
                format!("the scope {} says nothing about what it allows", key.name),
                Some(format!("{:?} = \"…\", a few words", key.name)),
            );
        } else {
            scopes.push((key.name, text.value));
        }
    }
    scopes
}

/// Whether it may be a scope's name (RFC 6749 §3.3).
pub(super) fn is_scope(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '"' | '\\'))
}

fn moves(top: &Table<'_>) -> Moves {
    let mut moves = Moves::default();
    for (from, to) in top.named_texts("origins") {
        let target = match Endpoint::parse(&to.value) {
            Ok(endpoint) if Origin::parse(&to.value).is_some_and(|origin| is_bare(&to.value, &origin)) => endpoint.origin(),
            Ok(_) => {
                top.reader.problem(
                    to.place,
                    format!("expected an origin (scheme, host, port), found \"{}\"", to.value),
                    Some("scheme, host and port alone: \"http://127.0.0.1:8902\"".to_owned()),
                );
                continue;
            }
            Err(misuse) => {
                top.reader.problem(to.place, misuse.to_string(), Some(url_hint(&to.value).to_owned()));
                continue;
            }
        };
        match Origin::parse(&from.name) {
            _ if from.name == "*" => moves.all = Some(target),
            Some(origin) if is_bare(&from.name, &origin) => {
                moves.some.insert(origin, target);
            }
            _ => {
                let hint = "an origin is scheme, host and port: \"https://api.example\"; \"*\" means all".to_owned();
                top.reader.problem(from.place, format!("expected an origin, found \"{}\"", from.name), Some(hint));
            }
        }
    }
    moves
}

/// Whether a text is an origin and nothing more.
fn is_bare(text: &str, origin: &Origin) -> bool {
    let authority = text.trim_end_matches('/').split_once("://").map_or("", |(_, rest)| rest);
    !authority.is_empty() && !authority.contains(['/', '?', '#']) && Origin::parse(text).as_ref() == Some(origin)
}
