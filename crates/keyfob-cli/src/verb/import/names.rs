//! What other programs call tokens and keys, and what those are called here.

use keyfob_providers::{Field, Kind, Provider};
use serde_json::{Map, Value};

/// What other programs call things, and what they are called here. `secret` is beside them: what it is depends on the protocol.
const NAMES: [(&str, &[&str]); 9] = [
    (
        "client_id",
        &[
            "client_id",
            "clientid",
            "consumer_key",
            "consumerkey",
            "client_key",
            "clientkey",
            "api_key",
            "public_key",
            "keyfob_consumer_key",
        ],
    ),
    ("client_secret", &["client_secret", "clientsecret", "consumer_secret", "consumersecret", "private_key", "keyfob_consumer_secret"]),
    ("token", &["oauth_token", "resource_owner_key", "token_key", "token"]),
    (
        "token_secret",
        &["oauth_token_secret", "access_token_secret", "resource_owner_secret", "tokensecret", "token_secret", "keyfob_token_secret"],
    ),
    ("access_token", &["access_token", "accesstoken"]),
    ("refresh_token", &["refresh_token", "refreshtoken"]),
    ("expires_at", &["expires_at", "expiration_time", "expiresat", "keyfob_expires_at"]),
    ("expires_in", &["expires_in", "expire_in", "expiresin"]),
    ("scope", &["scope", "scopes"]),
];

/// The field of an app that has this name, or is read from the variable of this name, whatever its case. None for the scopes to ask for, since
/// those beside tokens were granted, nor for the redirect URI, which is where another program listens.
pub(crate) fn field_of<'a>(name: &str, provider: &'a Provider) -> Option<&'a Field> {
    let is = |field: &&Field| field.name.eq_ignore_ascii_case(name) || field.env.iter().any(|known| known.eq_ignore_ascii_case(name));
    provider.client.fields.iter().filter(|field| !["scope", "redirect_uri"].contains(&field.name.as_str())).find(is)
}

/// The first of each name that is known: what the provider's own words name first, which is nothing else then; then what is called as many call it, alone or
/// behind the provider's name.
pub(crate) fn named(scalars: &[(String, Value)], provider: &Provider) -> Map<String, Value> {
    let kind = provider.kind;
    let mut object = Map::new();
    let (of_fields, others): (Vec<_>, Vec<_>) =
        scalars.iter().map(|(name, value)| (name.as_str(), value)).partition(|(name, _)| field_of(name, provider).is_some());
    for (name, value) in of_fields {
        let field = field_of(name, provider).map(|field| field.name.clone()).unwrap_or_default();
        object.entry(field).or_insert_with(|| value.clone());
    }
    let behind = others.iter().filter_map(|(name, value)| Some((known_in(name, provider)?, *value)));
    let others: Vec<(&str, &Value)> = others.iter().copied().chain(behind).collect();
    // Beside a token of OAuth 1 it is that token's; in OAuth 2 only the client has one. And what `env` calls the token is what the protocol calls it.
    let (secret_is, token_is) = if kind == Kind::OAuth1 { ("token_secret", "token") } else { ("client_secret", "access_token") };
    for (ours, theirs) in NAMES {
        let more = [(secret_is, "secret"), (token_is, "keyfob_token")].into_iter().filter(|(is, _)| *is == ours).map(|(_, name)| name);
        let mut names = theirs.iter().copied().chain(more);
        let value = names.find_map(|name| others.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).clone()));
        if let Some(value) = value {
            object.entry(ours).or_insert(value);
        }
    }
    // In OAuth 1 what many call the access token is the token.
    if kind == Kind::OAuth1
        && object.contains_key("token_secret")
        && !object.contains_key("token")
        && let Some(token) = object.remove("access_token")
    {
        object.insert("token".to_owned(), token);
    }
    object
}

/// What a name says at its end that begins with whose it is (`netatmo_client_id`), where that is this provider: the key of another service that a script
/// calls, too, is not to be sent to this one. What each service has, and calls alike (`…_token`, `…_api_key`), says too little even then, and a token that is
/// good for one step of a login is no token.
fn known_in(name: &str, provider: &Provider) -> Option<&'static str> {
    const SAY_TOO_LITTLE: [&str; 4] = ["api_key", "public_key", "private_key", "token"];
    if NAMES.iter().any(|(_, theirs)| theirs.contains(&name)) {
        return None;
    }
    let ends = |known: &&&str| name.strip_suffix(**known).is_some_and(|whose| whose.ends_with('_'));
    let known = NAMES.iter().flat_map(|(_, theirs)| *theirs).filter(ends).max_by_key(|known| known.len())?;
    let whose = name.strip_suffix(known)?.trim_end_matches('_');
    (!SAY_TOO_LITTLE.contains(known) && is_of(whose, provider)).then_some(*known)
}

/// Whether words, with _ between, name this provider, or nobody.
pub(super) fn is_of(whose: &str, provider: &Provider) -> bool {
    const NOBODY: [&str; 4] = ["my", "app", "api", "oauth"];
    // A step of a login, although a title has it.
    const STEP: &str = "device";
    let is_word = |word: &str| {
        // `as a person` in a title names nobody.
        let mut title = provider.title.split(|c: char| !c.is_alphanumeric()).filter(|word| word.starts_with(|c: char| !c.is_lowercase()));
        NOBODY.contains(&word) || provider.name.split('-').any(|part| part == word) || title.any(|part| part.to_lowercase() == word)
    };
    whose.replace('_', "") == provider.name.replace('-', "") || whose.split('_').all(|word| word != STEP && is_word(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whose_a_key_is_stands_before_it_and_only_this_providers_is_taken() {
        let catalogue = keyfob_providers::Catalogue::embedded();
        for (provider, name, expected) in [
            ("netatmo", "netatmo_client_id", Some("client_id")),
            ("netatmo", "my_netatmo_api_refresh_token", Some("refresh_token")),
            ("netatmo", "my_app_client_secret", Some("client_secret")),
            ("google-health", "google_client_id", Some("client_id")),
            ("home-connect", "homeconnect_access_token", Some("access_token")),
            ("twitter", "twitter_access_token_secret", Some("access_token_secret")),
            ("netatmo", "slack_token", None),
            ("netatmo", "slack_access_token", None),
            ("netatmo", "netatmo_token", None),
            ("netatmo", "netatmo_verify_token", None),
            ("netatmo", "netatmo_webhook_access_token", None),
            ("netatmo", "openweather_api_key", None),
            ("netatmo", "netatmo_public_key", None),
            ("netatmo", "ssh_private_key", None),
            ("nest-sdm", "device_access_token", None),
            ("slack-user", "a_access_token", None),
            ("netatmo", "client_id", None),
            ("netatmo", "_client_id", None),
        ] {
            assert_eq!(known_in(name, catalogue.get(provider).expect("embedded")), expected, "{provider} {name}");
        }
    }
}
