//! Requests and collections of Bruno.

use keyfob_providers::Kind;
use serde_json::{Map, Value};

use super::elsewhere::{NotFound, Wanted, filled, one, protocol, variable};
use super::lines::scalars;
use super::login::{Login, not_elsewhere};
use super::names::named;

/// What `auth:oauth2 { … }` says, and blocks of variables, which may hold what the page of a login gave; of a variable that it names, what that is.
pub(super) fn read(text: &str, wanted: Wanted<'_>) -> Result<Option<Map<String, Value>>, NotFound> {
    let text = text.replace("\r\n", "\n");
    let block = |heading: &str| {
        let (before, behind) = text.split_once(heading)?;
        let begins = before.is_empty() || before.ends_with('\n');
        begins.then(|| scalars(behind.split("\n}").next().unwrap_or_default()))
    };
    let bearer = || (wanted.kind() != Kind::OAuth1).then(|| block("auth:bearer {\n")).flatten().map(as_access_token);
    let Some(mut pairs) = block(&format!("auth:{} {{\n", protocol(wanted.kind()))).or_else(bearer) else { return Ok(None) };
    let variables: Vec<(String, Value)> =
        ["vars:pre-request {\n", "vars {\n"].iter().filter_map(|heading| block(heading)).flatten().collect();
    let known = |name: &str| {
        let name = name.to_ascii_lowercase();
        variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone())
    };
    for (_, value) in &mut pairs {
        if let Some(known) = variable(value).and_then(|name| known(&name)) {
            *value = known;
        }
    }
    // What stands elsewhere hides nothing that stands here under another name.
    pairs.retain(|(_, value)| variable(value).is_none());
    let url = |pairs: &[(String, Value)], name: &str| {
        let url = pairs.iter().find(|(known, _)| known == name)?.1.as_str()?;
        Some(filled(url, known))
    };
    let made_at = url(&pairs, "access_token_url");
    let methods = ["get", "post", "put", "patch", "delete", "head", "options", "http"];
    let sent_to: Vec<String> = methods.iter().filter_map(|method| url(&block(&format!("{method} {{\n"))?, "url")).collect();
    pairs.extend(variables.iter().cloned());
    let (called, object) = (sent_to.clone(), named(&pairs, wanted.provider));
    let name = block("meta {\n").and_then(|meta| Some(meta.iter().find(|(name, _)| name == "name")?.1.as_str()?.to_owned()));
    let login = Login { name: name.unwrap_or_else(|| "request".to_owned()), object, made_at, sent_to };
    one(not_elsewhere(vec![login], &called, "a request of Bruno", wanted)?, wanted.profile, None)
}

/// What `bearer` calls its token.
fn as_access_token(pairs: Vec<(String, Value)>) -> Vec<(String, Value)> {
    let token = pairs.into_iter().filter(|(name, _)| name == "token");
    token.map(|(_, value)| ("access_token".to_owned(), value)).collect()
}
