//! What to write instead: examples of each key, where it belongs, and what is meant by those that people know from elsewhere.

use super::document::{Content, Node};
use crate::provider::Provider;

/// Of two of one name.
pub(super) const TWICE: &str = "leave one of the two away, or give it another name";

/// Of what stands in braces and can be no name.
const A_PLACE: &str = "a place is a name in braces, of letters, digits, - and _: {shop}; what fills it is a field of client.fields";

/// Where the token goes, for whoever puts it elsewhere.
pub(super) const THE_TOKEN: &str = "leave it away: what carries the token is said once, for all calls: [api] attach = \"bearer\", or { headers = { x-token = \"{access_token}\" } }";

/// How an app gets a field more.
pub(super) fn more_fields(name: &str) -> String {
    if !Provider::is_name(name) {
        return A_PLACE.to_owned();
    }
    format!("add a field to client.fields: {{ name = \"{name}\", label = \"…\" }}")
}

/// A value as text: what somebody wrote as something else.
pub(super) fn quoted(node: &Node) -> String {
    plain(node).map_or_else(|| "\"…\"".to_owned(), |text| text_of(&text))
}

/// A key with text behind it: an example of its own, where there is one, or else what somebody wrote as something else.
pub(super) fn text_line(path: &str, node: &Node) -> String {
    let known = line(path);
    if known.contains("docs/") || !known.contains('"') { format!("{} = {}", last(path), quoted(node)) } else { known }
}

/// A value as the list of texts that was probably meant.
pub(super) fn list_of_texts(key: &str, node: &Node) -> String {
    // Names are written without blanks and commas, so that a text with some is several. A sentence is one.
    const NAMES: &[&str] = &["scopes", "keep", "env", "words", "hosts", "id_token_algorithms", "trusted_audiences"];
    let Some(text) = plain(node) else { return "[\"…\"]".to_owned() };
    let parts: Vec<String> = match NAMES.contains(&key) {
        true => text.split([' ', ',']).filter(|part| !part.is_empty()).map(text_of).collect(),
        false => vec![text_of(&text)],
    };
    format!("[{}]", parts.join(", "))
}

/// A value as the list of values that was probably meant.
pub(super) fn list_of_values(node: &Node) -> String {
    let Some(text) = plain(node) else { return "[ … ]".to_owned() };
    let numbers: Option<Vec<i64>> = text.split(',').map(|part| part.trim().parse().ok()).collect();
    match (&node.value, numbers) {
        (_, Some(numbers)) => format!("[{}]", numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
        (Content::Text(text), None) => format!("[{}]", text_of(text)),
        (_, None) => format!("[{text}]"),
    }
}

fn plain(node: &Node) -> Option<String> {
    Some(match &node.value {
        Content::Text(text) => text.clone(),
        Content::Integer(number) => number.to_string(),
        Content::Float(number) => number.to_string(),
        Content::Flag(flag) => flag.to_string(),
        Content::Date(moment) => moment.to_string(),
        Content::Array(_) | Content::Table(_) => return None,
    })
}

/// Several values as the one text that stands for them: `T,H`.
pub(super) fn joined(node: &Node) -> Option<String> {
    let Content::Array(items) = &node.value else { return None };
    Some(text_of(&items.iter().map(plain).collect::<Option<Vec<_>>>()?.join(",")))
}

/// A text as TOML has it.
pub(super) fn text_of(text: &str) -> String {
    let mut written = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => written.extend(['\\', c]),
            '\n' => written.push_str("\\n"),
            '\t' => written.push_str("\\t"),
            c if c.is_control() => written.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => written.push(c),
        }
    }
    written.push('"');
    written
}

/// A name as TOML has it.
pub(super) fn written(name: &str) -> String {
    let is_bare = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if is_bare { name.to_owned() } else { text_of(name) }
}

/// The key at the end of a path.
pub(super) fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

/// What makes a URL one that credentials may go to: for whoever wrote one that is none, what to write instead.
pub fn url_hint(text: &str) -> &'static str {
    if text.starts_with("http://") {
        "secrets go over TLS only; plain http is for this machine (127.0.0.1, [::1], localhost)"
    } else if !text.is_ascii() {
        "a host with other letters is written as DNS has it (xn--…), and they are percent-encoded in a path"
    } else if text.contains('<') {
        "a place that the app's fields fill is a name in braces: {shop}"
    } else if text.contains('#') {
        "leave the # and what comes after it away: it is sent to nobody"
    } else {
        "write the whole address: https://hub.example/path (no other scheme); a port is a number up to 65535, and there is no name or password in it"
    }
}

/// The one table that a key can be in, where it is one of those that have no namesake: `""` is the top.
pub(super) fn elsewhere(key: &str) -> Option<&'static str> {
    BELONGS.iter().find(|(_, keys)| keys.contains(&key)).map(|(table, _)| *table)
}

/// By table, the keys that no other table has. The reference is held to it.
pub(super) const BELONGS: &[(&str, &[&str])] = &[
    ("", &["homepage", "sources", "independent_client", "verified", "keep", "import", "deviations", "origins", "actions"]),
    ("endpoints", &["request_token", "authorize", "token", "refresh", "revoke", "jwks", "device", "par", "userinfo", "end_session"]),
    ("client", &["register_url", "register_help", "redirect", "token_env"]),
    ("retired", &["on", "successor", "note"]),
    ("client.redirect", &["suggested", "any_port", "oob", "device_only"]),
    (
        "oauth1",
        &["signature", "placement", "token_method", "realm", "callback", "request_token_params", "access_token_params", "body_hash"],
    ),
    (
        "oauth2",
        &[
            "client_auth",
            "assertion_audience",
            "signed_secret",
            "pkce",
            "pkce_reason",
            "token_body",
            "revocation_body",
            "renewal",
            "pin",
            "scope_separator",
            "redirect_uri_at_token",
            "redirect_name",
            "parameter_names",
            "grant_types",
            "authorize_fragment",
            "token_error",
            "grant_ended",
            "tokens_at",
            "token_type",
            "token_params",
            "default_lifetime",
            "refresh_lifetime",
            "refresh_lifetime_from",
            "refresh_expires_in",
            "rotates",
            "iss_required",
            "id_token_algorithms",
            "trusted_audiences",
            "par_required",
            "request_object",
            "dpop",
        ],
    ),
    ("api", &["base_url", "hosts", "more_origins", "attach", "expired", "revoked", "failed", "limits", "batch", "method_override"]),
];

/// Whether people know a key (by its path) by another name: from a server's metadata (RFC 8414 §2), from other programs, from plain speech.
pub(super) fn known_as(path: &str, typed: &str) -> bool {
    let typed = snake(typed);
    let bare = ["_endpoint", "_url", "_uri"].into_iter().find_map(|end| typed.strip_suffix(end)).unwrap_or(&typed);
    let key = last(path);
    bare == key || SPOKEN.iter().any(|(known, names)| is_end(path, known) && (names.contains(&bare) || names.contains(&typed.as_str())))
}

/// The field of an app that people know by another name: `consumer_key` is a `client_id`.
pub(super) fn field_known_as(typed: &str) -> Option<&'static str> {
    const FIELDS: &[(&str, &[&str])] = &[
        ("client_id", &["consumer_key", "app_id", "app_key", "application_id", "client_key", "client"]),
        ("client_secret", &["secret", "consumer_secret", "app_secret", "shared_secret"]),
        ("redirect_uri", &["redirect", "redirect_url", "callback", "callback_url", "callback_uri"]),
        ("scope", &["scopes"]),
    ];
    let typed = snake(typed);
    FIELDS.iter().find(|(_, names)| names.contains(&typed.as_str())).map(|(field, _)| *field)
}

/// `authUrl` as `auth_url`.
fn snake(typed: &str) -> String {
    let mut snake = String::new();
    for c in typed.chars() {
        if c.is_ascii_uppercase() && snake.ends_with(|c: char| c.is_ascii_lowercase()) {
            snake.push('_');
        }
        snake.push(if c == '-' { '_' } else { c.to_ascii_lowercase() });
    }
    snake
}

/// The other words for what a key may be, as other programs and schemas have them.
pub(super) fn word_known_as(typed: &str) -> &'static [&'static str] {
    const WORDS: &[(&str, &[&str])] = &[
        ("string", &["text"]),
        ("str", &["text"]),
        ("int", &["integer", "number"]),
        ("integer", &["number"]),
        ("float", &["number"]),
        ("double", &["number"]),
        ("boolean", &["flag"]),
        ("bool", &["flag"]),
        ("enum", &["choice"]),
        ("select", &["choice"]),
        ("array", &["list"]),
        ("datetime", &["time"]),
        ("timestamp", &["time"]),
        ("none", &["off"]),
        ("false", &["off"]),
        ("true", &["s256", "on"]),
        ("body", &["post"]),
        ("header", &["basic"]),
        ("application/json", &["json"]),
        ("application/x-www-form-urlencoded", &["form"]),
        ("offset", &["items"]),
        ("page", &["pages"]),
    ];
    WORDS.iter().find(|(word, _)| typed.eq_ignore_ascii_case(word)).map_or(&[], |(_, ours)| ours)
}

/// Whether a name is a parameter of authorization requests that no key says.
pub(super) fn of_authorize(name: &str) -> bool {
    const PARAMETERS: &[&str] = &[
        "response_mode",
        "prompt",
        "access_type",
        "approval_prompt",
        "include_granted_scopes",
        "audience",
        "resource",
        "display",
        "ui_locales",
        "login_hint",
        "max_age",
        "acr_values",
        "duration",
    ];
    PARAMETERS.contains(&name)
}

/// The other names of keys, or of the ends of their paths.
pub(super) const SPOKEN: &[(&str, &[&str])] = &[
    ("title", &["display_name", "display", "header", "heading", "caption", "label"]),
    ("about", &["description", "desc", "summary", "help"]),
    ("label", &["title", "caption"]),
    ("endpoints.authorize", &["authorization", "auth", "authorise"]),
    ("endpoints.token", &["access_token"]),
    ("endpoints.refresh", &["refresh_token"]),
    ("endpoints.revoke", &["revocation"]),
    ("endpoints.device", &["device_authorization", "device_code"]),
    ("endpoints.par", &["pushed_authorization_request", "pushed_authorization"]),
    ("endpoints.userinfo", &["user_info", "profile"]),
    ("endpoints.end_session", &["logout"]),
    ("api.base_url", &["base", "api_base", "url", "host", "root"]),
    ("api.expired", &["token_expired"]),
    ("api.pages.next", &["next_page", "link"]),
    ("oauth2.client_auth", &["token_endpoint_auth_method", "auth_method", "authentication"]),
    ("oauth2.pkce", &["use_pkce", "disable_pkce", "code_challenge_method"]),
    ("oauth2.scopes", &["default_scopes", "default_scope"]),
    ("oauth2.default_lifetime", &["lifetime", "token_lifetime", "expires_in", "expires"]),
    ("oauth2.scope_separator", &["separator", "scope_delimiter", "delimiter"]),
    ("oauth2.authorize_params", &["extra_params", "params", "authorization_params"]),
    ("api.limits", &["rate_limits", "rate_limit", "ratelimit"]),
    ("api.pages", &["pagination", "paginate"]),
    ("homepage", &["website", "site"]),
    ("register_url", &["registration", "app", "console"]),
    ("fields.help", &["description", "hint", "about"]),
    ("actions.*.parameters", &["args", "arguments"]),
    ("actions.*.query", &["params", "qs"]),
    ("actions.*.json", &["body", "data"]),
    ("sources.checked", &["date", "on", "read", "day"]),
    ("sources.confidence", &["trust", "certainty"]),
    ("retired.on", &["date", "since", "day"]),
    ("retired.note", &["reason", "why", "about"]),
    ("retired.successor", &["replaced_by", "replacement"]),
    ("parameters.type", &["kind"]),
    ("parameters.choices", &["values", "options", "enum", "one_of"]),
    ("parameters.pattern", &["regex", "regexp", "format"]),
    ("columns.value", &["jq", "path", "expression", "pointer"]),
    ("columns.kind", &["type"]),
    ("links.action", &["to", "name"]),
    ("page.full", &["size", "limit", "per_page"]),
];

fn is_end(path: &str, end: &str) -> bool {
    // Of actions, whatever they are called.
    if let Some((_, key)) = end.split_once(".*.") {
        return path.strip_prefix("actions.").and_then(|rest| rest.split_once('.')).is_some_and(|(_, rest)| rest == key);
    }
    path.strip_suffix(end).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// What could stand behind keys that are needed: who has the program alone has no page to look it up. The reference is held to it.
pub(super) const EXAMPLES: &[(&str, &str)] = &[
    ("signature", "\"HMAC-SHA1\""),
    ("client_auth", "\"post\""),
    ("pkce_reason", "\"not documented\""),
    ("refresh_lifetime", "5184000"),
    ("refresh_expires_in", "\"refresh_expires_in\""),
    ("invalid_grant", "[40029, 42002]"),
    ("name", "\"room\""),
    ("label", "\"Shop\""),
    ("help", "\"Settings, API, New token: copy both.\""),
    ("code", "\"/errcode\""),
    ("pin.grant_type", "\"hubPin\""),
    ("renewal.grant_type", "\"hub_refresh\""),
    ("long_lived_grant_type", "\"hub_exchange\""),
    ("audience", "\"https://hub.example\""),
    ("device_code", "\"code\""),
    ("pin.page", "\"https://hub.example/apps\""),
    ("pages.parameter", "\"cursor\""),
    ("response_type", "\"hubPin\""),
    ("user_code", "\"hubPin\""),
    ("on", "2020-01-31"),
    ("note", "\"New apps are not taken any more.\""),
    ("reset_in", "\"seconds\""),
    ("path", "\"/lamps/{id}\""),
    ("choices", "[\"on\", \"off\"]"),
    ("bits", "{ TURNON = 1 }"),
    ("value", "\".name\""),
    ("action", "\"set\""),
    ("full", "1024"),
    ("set", "\"from\""),
    ("tokens_at", "\"/body\""),
    ("token_type", "\"bot\""),
    ("renewal.long_lived", "\"https://hub.example/long_lived\""),
    ("expired", "[{ status = [403], pointer = \"/error/code\", values = [2, 3] }]"),
    ("revoked", "[{ status = [401], pointer = \"/error\", contains = [\"token was revoked\"] }]"),
    ("grant_ended", "[{ status = [400], pointer = \"/message\", values = [\"Invalid refresh token\"] }]"),
    ("failed", "[{ status = [200], pointer = \"/ok\", values = [false] }]"),
];

const A_HEADING_OF_ENDPOINTS: &str = "a heading [endpoints], and below it authorize = \"https://…\" and token = \"https://…\"; OAuth 1 has request_token, too, and kind = \"oidc\" issuer alone";

/// What each of the sections needs. The reference is held to it.
pub(super) const SECTIONS: &[(&str, &[&str])] = &[
    ("client", &["fields"]),
    ("oauth1", &["signature"]),
    ("oauth2", &["client_auth"]),
    ("api", &["base_url"]),
    ("retired", &["on", "note"]),
];

/// A line as it could be, for a key that is missing.
pub(super) fn line(path: &str) -> String {
    let key = last(path);
    let value = match key {
        "status" if path != "status" => "[401], the statuses of such an answer",
        "kind" => "\"oauth2\", or \"oauth1\" or \"oidc\"",
        "status" => "\"live\", or \"retired\" with a table [retired]",
        "title" => "\"…\", what people call it",
        "about" => "\"…\", a sentence",
        "checked" => "2026-11-21, the day on which you read the page",
        "confidence" => "\"verified\", if the page was read; otherwise \"inferred\" or \"assumed\"",
        "sources" => "[{ url = \"https://…\", checked = 2026-11-21, confidence = \"verified\", about = \"…\" }]",
        "fields" => "[{ name = \"client_id\", label = \"…\" }], with the label that the provider's page has",
        "columns" => "[{ title = \"Name\", value = \".name\" }]",
        "parameters" => "[{ name = \"room\", about = \"which room\" }]",
        "links" => "[{ action = \"show\", with = { id = \".id\" } }]",
        "token_error" => "{ code = \"/errcode\", invalid_grant = [40029] }",
        "endpoints" => return A_HEADING_OF_ENDPOINTS.to_owned(),
        "refresh_lifetime_from" => "\"use\", where each use makes it longer, or \"login\", where none does",
        "authorize" | "token" | "request_token" | "url" | "issuer" | "base_url" => "\"https://…\"",
        _ if let Some((_, needed)) = SECTIONS.iter().find(|(section, _)| *section == path) => {
            let lines: Vec<String> = needed.iter().map(|key| line(&format!("{path}.{key}"))).collect();
            return format!("a heading [{key}], and below it {}", lines.join(", and "));
        }
        _ => match EXAMPLES.iter().find(|(known, _)| is_end(path, known)) {
            Some((_, example)) => return format!("{key} = {example}, for example"),
            None => "…; docs/provider-files.md says what stands there",
        },
    };
    format!("{key} = {value}")
}
