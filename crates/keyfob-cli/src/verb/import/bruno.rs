//! Requests and collections of Bruno.

use keyfob_providers::Kind;
use serde_json::Value;

use super::elsewhere::{protocol, scalars, variable};

/// What `auth:oauth2 { … }` says, and blocks of variables, which may hold what the page of a login gave; of a variable that it names, what that is.
pub(super) fn read(text: &str, kind: Kind) -> Option<Vec<(String, Value)>> {
    let text = text.replace("\r\n", "\n");
    let block = |heading: &str| {
        let (before, behind) = text.split_once(heading)?;
        let begins = before.is_empty() || before.ends_with('\n');
        begins.then(|| scalars(behind.split("\n}").next().unwrap_or_default()))
    };
    let bearer = || (kind != Kind::OAuth1).then(|| block("auth:bearer {\n")).flatten().map(as_access_token);
    let mut pairs = block(&format!("auth:{} {{\n", protocol(kind))).or_else(bearer)?;
    let variables: Vec<(String, Value)> =
        ["vars:pre-request {\n", "vars {\n"].iter().filter_map(|heading| block(heading)).flatten().collect();
    for (_, value) in &mut pairs {
        let name = variable(value).map(|name| name.to_ascii_lowercase());
        if let Some((_, known)) = name.and_then(|name| variables.iter().find(|(known, _)| *known == name)) {
            *value = known.clone();
        }
    }
    // What stands elsewhere hides nothing that stands here under another name.
    pairs.retain(|(_, value)| variable(value).is_none());
    pairs.extend(variables);
    Some(pairs)
}

/// What `bearer` calls its token.
fn as_access_token(pairs: Vec<(String, Value)>) -> Vec<(String, Value)> {
    let token = pairs.into_iter().filter(|(name, _)| name == "token");
    token.map(|(_, value)| ("access_token".to_owned(), value)).collect()
}
