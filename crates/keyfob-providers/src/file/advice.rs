//! What to write instead: examples of each key, where it belongs, and what is meant by those that people know from elsewhere.

/// Of two of one name.
pub(super) const TWICE: &str = "leave one of the two away, or give it another name";

/// How an app gets a field more.
pub(super) fn more_fields(name: &str) -> String {
    format!("add a field to client.fields: {{ name = \"{name}\", label = \"…\" }}")
}

/// A name as TOML has it.
pub(super) fn written(name: &str) -> String {
    let is_bare = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if is_bare { name.to_owned() } else { format!("\"{}\"", name.escape_debug()) }
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
            "signed_secret",
            "pkce",
            "pkce_reason",
            "token_body",
            "renewal",
            "pin",
            "scope_separator",
            "redirect_uri_at_token",
            "redirect_name",
            "parameter_names",
            "grant_types",
            "authorize_fragment",
            "token_error",
            "tokens_at",
            "token_type",
            "token_params",
            "default_lifetime",
            "refresh_lifetime",
            "refresh_lifetime_from",
            "rotates",
            "iss_required",
            "id_token_algorithms",
            "par_required",
            "request_object",
            "dpop",
        ],
    ),
    ("api", &["base_url", "hosts", "more_origins", "attach", "expired", "revoked", "failed", "limits", "batch", "method_override"]),
];

/// What could stand behind keys that are needed: who has the program alone has no page to look it up. The reference is held to it.
pub(super) const EXAMPLES: &[(&str, &str)] = &[
    ("signature", "\"HMAC-SHA1\""),
    ("client_auth", "\"post\""),
    ("pkce_reason", "\"not documented\""),
    ("refresh_lifetime", "5184000"),
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
        "refresh_lifetime_from" => "\"use\", where each use makes it longer, or \"login\", where none does",
        "authorize" | "token" | "request_token" | "url" | "issuer" | "base_url" => "\"https://…\"",
        "endpoints" | "client" | "oauth1" | "oauth2" | "api" | "retired" if key == path => {
            return format!("a heading [{key}], with a line for each of its keys");
        }
        _ => match EXAMPLES.iter().find(|(known, _)| path.strip_suffix(known).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))) {
            Some((_, example)) => return format!("{key} = {example}, for example"),
            None => "…; docs/provider-files.md says what stands there",
        },
    };
    format!("{key} = {value}")
}
