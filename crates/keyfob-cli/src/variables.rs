//! An account's credentials as variables of the environment, for programs that take them from there.

use keyfob::proto::{Secret, TokenSet};

use crate::card::{Card, Doing};
use crate::context::Opened;
use crate::moment;

/// What the token is called unless somebody says otherwise.
const TOKEN: &str = "KEYFOB_TOKEN";

/// Names and values. All of them are for the program alone.
pub(crate) type Variables = Vec<(String, Secret)>;

/// The variables: who it is, where the API is, and the credentials. The token has our name and the one that the provider's own programs know
/// (`token_env` of its file), or, with `named`, that name alone.
pub(crate) async fn variables(opened: &Opened, named: Option<&str>, min_valid: i64) -> Result<Variables, Card> {
    let Some(names) = names(opened, named) else {
        return Err(Card::usage(
            "this is no variable's name",
            "expected letters, digits and _, and no digit at the beginning",
            "example: --as GITHUB_TOKEN",
        ));
    };
    let account = &opened.account;
    // Before anything is handed out: a session knows where this account's API is, or says that nobody does. What a file has instead is where people log in.
    let session = opened.session().await?;
    let what = || format!("cannot get a token for {}", account.name);
    let mut variables: Vec<(String, Secret)> = vec![
        ("KEYFOB_ACCOUNT".to_owned(), Secret::new(account.name.as_str())),
        ("KEYFOB_API".to_owned(), Secret::new(session.settings().api.base.as_str())),
    ];
    if let TokenSet::OAuth1(tokens) = &account.tokens {
        // What the API refused lately it refuses from the program, too.
        session.usable().doing(what())?;
        // All four: every request is signed with them.
        let secret = opened.app.client_secret.clone().unwrap_or_else(|| Secret::new(""));
        variables.push(("KEYFOB_CONSUMER_KEY".to_owned(), Secret::new(opened.app.client_id.as_str())));
        variables.push(("KEYFOB_CONSUMER_SECRET".to_owned(), secret));
        for name in &names {
            variables.push((name.clone(), tokens.token.clone()));
            variables.push((format!("{name}_SECRET"), tokens.secret.clone()));
        }
        return Ok(variables);
    }
    let token = session.token(min_valid).await.doing(what())?;
    if let Some(at) = token.expires_at() {
        variables.push(("KEYFOB_EXPIRES_AT".to_owned(), Secret::new(moment::utc(at))));
    }
    variables.extend(names.into_iter().map(|name| (name, Secret::clone(&token))));
    Ok(variables)
}

/// What the token is called; `None` if it cannot be.
fn names(opened: &Opened, named: Option<&str>) -> Option<Vec<String>> {
    match named {
        Some(name) => {
            let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let is_name = !name.is_empty() && name.chars().all(fits) && !name.starts_with(|c: char| c.is_ascii_digit());
            is_name.then(|| vec![name.to_owned()])
        }
        None => Some(std::iter::once(TOKEN.to_owned()).chain(opened.provider.client.token_env.clone()).collect()),
    }
}
