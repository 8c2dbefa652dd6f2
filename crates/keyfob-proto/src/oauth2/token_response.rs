//! Answers of the token endpoint (RFC 6749 §5.1): strict, and tolerant by name.

use std::collections::BTreeMap;

use super::client::Client;
use super::error_response;
use super::identity;
use super::json::{self, Json, Object};
use super::json_answer::{self, Members, kind};
use super::rar::{self, AuthorizationDetail};
use crate::deviation::{Deviation, Deviations, Tolerated};
use crate::error::{Error, Misbehaved};
use crate::message::Incoming;
use crate::retry_after::retry_after;
use crate::scrub::Scrubber;
use crate::secret::Secret;
use crate::time::Timestamp;
use crate::token::{Identity, OAuth2Tokens, Received, TokenSet, names};

const SECTION: &str = "RFC 6749 §5.1";

/// A lifetime beyond this is a mistake or an attack on arithmetic; it is cut, not refused: some servers mean "for ever" by it.
const LONGEST_LIFETIME: u64 = 100 * 365 * 86_400;

const CAMEL_CASE: [(&str, &str); 5] = [
    ("accessToken", "access_token"),
    ("expiresIn", "expires_in"),
    ("idToken", "id_token"),
    ("refreshToken", "refresh_token"),
    ("tokenType", "token_type"),
];

/// What the request knew that the answer may leave out, or must answer to.
#[derive(Debug, Default)]
pub(crate) struct Context {
    /// The scopes that were asked for: granted, where the answer names none (§5.1).
    pub(crate) scopes: Vec<String>,
    /// The authorization details that were asked for (RFC 9396), or, on a refresh, the granted ones.
    pub(crate) details: Vec<AuthorizationDetail>,
    /// The resources that were asked for (RFC 8707).
    pub(crate) resources: Vec<String>,
    pub(crate) refresh: RefreshToken,
    /// When the one that is spent ends.
    pub(crate) refresh_expires_at: Option<Timestamp>,
    /// Whom the login's ID token named.
    pub(crate) identity: Option<Box<Identity>>,
    /// The login's ID token: kept, where a refresh brings no other.
    pub(crate) id_token: Option<Secret>,
    pub(crate) scrubber: Scrubber,
}

/// What a refresh token in the answer is to us.
#[derive(Debug, Default)]
pub(crate) enum RefreshToken {
    /// Kept, where there is one.
    #[default]
    Welcome,
    /// This one was spent; it is still good, where the answer brings no other (§6).
    Spent(Secret),
    /// Dropped: the same request can be made again at any time (§4.4.3), and a secret that nobody needs is one that can only be lost.
    Dropped,
}

/// Reads an answer. Where it is none, the error knows how long the server asks to be left alone.
pub(crate) fn read(answer: Incoming<'_>, client: &Client, context: Context, now: Timestamp) -> Result<Received, Error> {
    received(answer, client, context, now).map_err(|error| error.waiting_for(retry_after(answer.headers, now)))
}

fn received(answer: Incoming<'_>, client: &Client, context: Context, now: Timestamp) -> Result<Received, Error> {
    let mut tolerated = Tolerated::new();
    let allowed = &client.shared.deviations;
    let is_refresh = matches!(context.refresh, RefreshToken::Spent(_));
    let found = Found::read(answer, SECTION, client, &context.scrubber, &mut tolerated)
        .map_err(|error| error_response::in_its_own_words(error, answer, client, is_refresh, &context.scrubber))?;
    let status = Some(answer.status);
    let mut members = Members { object: &found.members, section: SECTION, status, allowed, tolerated: &mut tolerated };
    let tokens = tokens(&mut members, client, context, now)?;
    let kept = found.kept(client);
    let is_whole = client.shared.keep.iter().all(|name| kept.contains_key(name));
    let members = if is_whole { Vec::new() } else { names(found.members.names().chain(found.outside.names())) };
    Ok(Received { tokens: TokenSet::OAuth2(tokens), kept, tolerated, members })
}

/// What an answer holds, with its token members found.
pub(crate) struct Found<'a> {
    /// Where the tokens are.
    pub(crate) members: Object<'a>,
    /// What is around that, where tokens are further down.
    outside: Object<'a>,
}

impl<'a> Found<'a> {
    pub(crate) fn read(
        answer: Incoming<'a>,
        section: &'static str,
        client: &Client,
        scrubber: &Scrubber,
        tolerated: &mut Tolerated,
    ) -> Result<Self, Error> {
        let allowed = &client.shared.deviations;
        let own = client.shared.settings.token_error.as_ref().filter(|_| allowed.contains(&Deviation::OwnError));
        let refused = |object: &Object<'_>| own.and_then(|own| error_response::own(object, own, answer.status, scrubber));
        let outside = match json_answer::read(answer, section, "tokens", allowed, scrubber, tolerated) {
            Ok(outside) => outside,
            // Its own word may stand where the RFC has one, and mean something else there. What a redirect brings along is nobody's word: whoever can send us
            // elsewhere could end every login with it.
            Err(wrong @ (Error::Misbehaved(_) | Error::Refused(_))) if own.is_some() && !answer.status.is_redirection() => {
                return Err(json::members(answer.body).ok().and_then(|object| refused(&object)).map_or(wrong, Error::from));
            }
            Err(wrong) => return Err(wrong),
        };
        if let Some(refused) = refused(&outside) {
            return Err(refused.into());
        }
        let mut found = Self { members: outside, outside: Object::default() };
        if let Some(pointer) = &client.shared.settings.tokens_at {
            found.go_down(pointer, allowed, tolerated).map_err(|wrong| wrong.with_status(answer.status))?;
            // C14, wherever tokens would be.
            if found.members.has("error") {
                return Err(error_response::from_object(&found.members, answer.status, scrubber));
            }
        }
        found.rename_camel_case(allowed, tolerated).map_err(|wrong| wrong.with_status(answer.status))?;
        const NULLABLE: &[&str] = &["access_token", "refresh_token", "token_type", "expires_in", "scope"];
        for name in if found.members.has_null() { NULLABLE } else { &[] } {
            if found.members.get(name).is_some_and(Json::is_null) {
                if !allowed.contains(&Deviation::NullMembers) {
                    let wrong = Misbehaved::deviation(Deviation::NullMembers, format!("{name} with a value, or none at all"), "null");
                    return Err(wrong.with_status(answer.status).into());
                }
                tolerated.insert(Deviation::NullMembers);
                found.members.remove(name);
            }
        }
        // How the client said who it is: whichever grant it was, these tokens came of it.
        tolerated.extend(client.shared.departs);
        Ok(found)
    }

    /// To where the provider's settings point, if there is an object; else the top is all there is. One of the two, never a mixture: one account's access
    /// token and another one's refresh token stand side by side in some answers.
    fn go_down(&mut self, pointer: &str, allowed: &Deviations, tolerated: &mut Tolerated) -> Result<(), Misbehaved> {
        let Some(inner) = self.members.take(pointer) else { return Ok(()) };
        if !allowed.contains(&Deviation::NestedTokens) {
            return Err(Misbehaved::deviation(Deviation::NestedTokens, "tokens at the top of the answer", "tokens further down"));
        }
        tolerated.insert(Deviation::NestedTokens);
        self.outside = std::mem::replace(&mut self.members, inner);
        Ok(())
    }

    /// Where a provider writes its members as programs in some languages name things.
    fn rename_camel_case(&mut self, allowed: &Deviations, tolerated: &mut Tolerated) -> Result<(), Misbehaved> {
        if self.members.contains_key("access_token") || !self.members.contains_key("accessToken") {
            return Ok(());
        }
        if !allowed.contains(&Deviation::CamelCase) {
            return Err(Misbehaved::deviation(Deviation::CamelCase, "access_token", "accessToken"));
        }
        tolerated.insert(Deviation::CamelCase);
        for (own, name) in CAMEL_CASE {
            self.members.rename(own, name);
        }
        Ok(())
    }

    /// The values that the provider file asks to keep.
    pub(crate) fn kept(&self, client: &Client) -> BTreeMap<String, String> {
        let mut kept = self::kept(&self.outside, client);
        kept.append(&mut self::kept(&self.members, client));
        kept
    }
}

/// The tokens among these members, wherever they came from.
pub(crate) fn tokens(members: &mut Members<'_>, client: &Client, context: Context, now: Timestamp) -> Result<OAuth2Tokens, Misbehaved> {
    let access = members.token("access_token")?.ok_or_else(|| without_access_token(members))?;
    let refreshing = matches!(context.refresh, RefreshToken::Spent(_));
    let said = refresh_expires_at(members, client, now);
    let (refresh, refresh_expires_at) = match (members.token("refresh_token")?, context.refresh) {
        (_, RefreshToken::Dropped) => (None, None),
        // The same one, whose end may be told again, and does not change by not being told.
        (None, RefreshToken::Spent(spent)) => (Some(spent), said.or(context.refresh_expires_at)),
        (Some(new), RefreshToken::Spent(spent)) if new.same_as(spent.expose()) => (Some(new), said.or(context.refresh_expires_at)),
        (new, _) => (new, said),
    };
    // It renews itself.
    let renews_itself = client.shared.settings.renewal.is_some();
    let refresh = if renews_itself { Some(access.clone()) } else { refresh };
    token_type(members, client.proof_key.is_some(), client.shared.settings.token_type.as_deref(), &context.scrubber)?;
    let expires_at = expires_at(members, client, now)?;
    let scopes = scopes(members, &client.shared.settings.scope_separator, context.scopes)?;
    let identity = identity::after_refresh(members.object, context.identity.as_deref()).map_err(|error| match members.status {
        Some(status) => error.with_status(status),
        None => error,
    })?;
    let id_token = members.id_token()?.or(context.id_token);
    let authorization_details = rar::granted(members, &context.details, refreshing)?;
    let proof_key = client.proof_key.as_ref().map(|key| key.stored().clone());
    Ok(OAuth2Tokens {
        access,
        received_at: now,
        expires_at,
        refresh_expires_at: refresh_expires_at.filter(|_| refresh.is_some() && !renews_itself),
        scopes,
        identity: identity.map(Box::new),
        id_token,
        authorization_details,
        proof_key,
        resources: context.resources,
        refresh,
    })
}

fn kept(object: &Object<'_>, client: &Client) -> BTreeMap<String, String> {
    if client.shared.keep.is_empty() {
        return BTreeMap::new();
    }
    client.shared.keep.iter().filter_map(|name| Some((name.clone(), text_of(object.get(name)?)?))).collect()
}

/// No access token where one has to be: where it may be instead, or what the answer may be, as far as that can be seen.
fn without_access_token(members: &Members<'_>) -> Misbehaved {
    /// What those call the code of an error who have one of their own.
    const CODES: [&str; 9] = ["errcode", "error_code", "errorCode", "err_code", "errno", "code", "ret", "status", "success"];
    let missing = members.missing("access_token");
    let allowed = |deviation: Deviation| format!("deviations.{} = \"why\"", deviation.name());
    let has_tokens = |name: &&str| match members.object.get(name) {
        Some(Json::Object(inner)) => inner.has("access_token"),
        _ => false,
    };
    if let Some(name) = members.object.names().find(has_tokens) {
        let [name] = &names([name].into_iter())[..] else { return missing };
        return could_be_allowed(
            missing,
            format!(
                "it has one further down: if this provider is known for it, its file can say so: oauth2.tokens_at = \"/{}\", and {}",
                name.replace('~', "~0").replace('/', "~1"),
                allowed(Deviation::NestedTokens)
            ),
        );
    }
    match CODES.into_iter().find(|name| members.object.has(name)) {
        Some(code) => could_be_allowed(
            missing,
            format!(
                "if {code} in it says what went wrong, this provider's file can say so: oauth2.token_error = {{ code = \"/{code}\", … }}, and {}",
                allowed(Deviation::OwnError)
            ),
        ),
        None => missing,
    }
}

/// What a provider file would say, behind what is so until it does.
fn could_be_allowed(wrong: Misbehaved, how: String) -> Misbehaved {
    wrong.with_hint(format!("nothing of it was kept, and what was sent for it may be spent; {how}"))
}

/// `Bearer`, or `DPoP` where the request came with a proof, in any case (§7.1 compares without case). Never the other one: a token that is not bound
/// where a bound one was asked for would be a downgrade that nobody notices (RFC 9449 §5).
fn token_type(members: &mut Members<'_>, bound: bool, own: Option<&str>, scrubber: &Scrubber) -> Result<(), Misbehaved> {
    let wanted = if bound { "DPoP" } else { "Bearer" };
    match members.object.get("token_type") {
        Some(Json::Text(text)) if text.eq_ignore_ascii_case(wanted) => Ok(()),
        Some(Json::Text(text)) if !bound && own == Some(&**text) => {
            members.tolerate(Deviation::OtherTokenType, "token_type as Bearer", "the provider's own word")
        }
        None if !bound => members.tolerate(Deviation::MissingTokenType, "token_type", "an answer without it"),
        None => Err(members.missing("token_type")),
        Some(Json::Text(text)) => {
            // A word, and nothing that a token could be.
            const LONGEST: usize = 40;
            let mut tokens = members.object.names().filter(|name| name.ends_with("_token")).filter_map(|name| members.object.text(name));
            let is_of_token = tokens.any(|token| token.contains(&**text));
            let is_word = !is_of_token && text.len() <= LONGEST && text.chars().all(|c| c.is_ascii_alphabetic() || "-_: ".contains(c));
            let word = Some(scrubber.clean(text)).filter(|_| is_word && !text.is_empty());
            let wrong = members.broke("token_type", wanted, &word.as_ref().map_or("another type".to_owned(), |word| format!("\"{word}\"")));
            // A token that is bound to a key is no bearer's, whatever a provider's file would call it (RFC 9449 §7.1).
            Err(match word.filter(|word| !bound && !word.eq_ignore_ascii_case("DPoP")) {
                Some(word) => could_be_allowed(
                    wrong,
                    format!(
                        "if that is this provider's word for Bearer, its file can allow it: oauth2.token_type = \"{word}\", and deviations.{} = \"why\"",
                        Deviation::OtherTokenType.name()
                    ),
                ),
                None => wrong,
            })
        }
        Some(other) => Err(members.broke("token_type", wanted, kind(other))),
    }
}

/// When the access token ends, where the answer or the provider file says.
pub(crate) fn expires_at(members: &mut Members<'_>, client: &Client, now: Timestamp) -> Result<Option<Timestamp>, Misbehaved> {
    let longest = LONGEST_LIFETIME.cast_signed();
    let lifetime = if members.object.contains_key("expires_in") {
        match members.seconds("expires_in") {
            Ok(Some(0)) if members.allowed.contains(&Deviation::ZeroLifetime) => {
                members.tolerated.insert(Deviation::ZeroLifetime);
                None
            }
            Ok(seconds) => seconds,
            Err(_) => {
                members.tolerate(Deviation::UnreadLifetime, "expires_in as a whole number of seconds", "something else")?;
                None
            }
        }
    } else if members.object.contains_key("expire_in") {
        members.tolerate(Deviation::ExpireIn, "expires_in", "expire_in")?;
        members.seconds("expire_in")?
    } else if members.allowed.contains(&Deviation::Expires) && members.object.has("expires") {
        members.tolerated.insert(Deviation::Expires);
        members.seconds("expires")?.filter(|seconds| *seconds != 0)
    } else if members.allowed.contains(&Deviation::ExpiresAt) && members.object.has("expires_at") {
        members.tolerated.insert(Deviation::ExpiresAt);
        let end = moment(members.object.get("expires_at"))
            .ok_or_else(|| members.broke("expires_at", "Unix seconds, or a moment such as 2026-11-26T12:00:00Z", "something else"))?;
        // No token ended in 1970: a server that has nothing to say writes 0.
        if end.as_unix() != 0 {
            return Ok(Some(end.min(now.plus(longest))));
        }
        None
    } else {
        None
    };
    let lifetime = lifetime.or(client.shared.settings.default_lifetime.map(u64::from));
    Ok(lifetime.map(|seconds| now.plus(seconds.min(LONGEST_LIFETIME).cast_signed())))
}

/// When the refresh token ends, where the answer says. It is told to people and nothing is done by it: what cannot be read is not known. 0 is what servers
/// say of one that does not end.
fn refresh_expires_at(members: &Members<'_>, client: &Client, now: Timestamp) -> Option<Timestamp> {
    let name = client.shared.settings.refresh_expires_in.as_deref().unwrap_or("refresh_token_expires_in");
    let seconds = members.seconds(name).ok().flatten().filter(|seconds| *seconds != 0)?;
    Some(now.plus(LONGEST_LIFETIME.min(seconds).cast_signed()))
}

/// Unix seconds or milliseconds, as a number or a string of digits, or a moment as RFC 3339 has it.
fn moment(value: Option<&Json<'_>>) -> Option<Timestamp> {
    match value? {
        Json::Number(number) => json_answer::whole(number).map(Timestamp::from_seconds_or_milliseconds),
        Json::Text(text) => Timestamp::from_text(text),
        _ => None,
    }
}

/// A string of scopes (§3.3), or, by name, an array; what was asked for, where the answer names none (§5.1).
pub(crate) fn scopes(members: &mut Members<'_>, separator: &str, asked: Vec<String>) -> Result<Vec<String>, Misbehaved> {
    let elsewhere = || matches!(members.object.get("scopes"), Some(Json::Text(_) | Json::Array(_)));
    let name = if !members.object.contains_key("scope") && members.allowed.contains(&Deviation::ScopesMember) && elsewhere() {
        members.tolerated.insert(Deviation::ScopesMember);
        "scopes"
    } else {
        "scope"
    };
    match members.object.get(name) {
        None => Ok(asked),
        // Nearly always what was asked for, and then there is nothing to take apart, nor to copy.
        Some(Json::Text(text)) if is_spaced(text, &asked, separator) => Ok(asked),
        Some(Json::Text(text)) => {
            let granted = text.split(|c: char| c == ' ' || separator.contains(c)).flat_map(|word| apart(word, &asked));
            Ok(granted.filter(|scope| !scope.is_empty()).map(str::to_owned).collect())
        }
        Some(Json::Array(items)) => {
            members.tolerate(Deviation::ScopeArray, "scope as text", "an array")?;
            let scopes = items.iter().map(|item| item.as_str().map(str::to_owned)).collect::<Option<_>>();
            scopes.ok_or_else(|| members.broke(name, "text in the array", "something else"))
        }
        Some(other) => Err(members.broke(name, "text", kind(other))),
    }
}

/// Some servers are asked with spaces and answer with commas. A comma may be part of a scope's name (§3.3): so only what nobody asked for is taken apart, and
/// only if something that was asked for is among it.
fn apart<'t>(word: &'t str, asked: &[String]) -> impl Iterator<Item = &'t str> {
    let was_asked = |scope: &str| asked.iter().any(|known| known == scope);
    let is_list = word.contains(',') && !was_asked(word) && word.split(',').any(was_asked);
    word.split(move |c| is_list && c == ',')
}

/// Whether a text is these scopes with one space between, and none of them would be taken apart.
fn is_spaced(text: &str, scopes: &[String], separator: &str) -> bool {
    let is_one =
        |scope: &String| !scope.is_empty() && !scope.contains(' ') && (separator == " " || !scope.contains(|c| separator.contains(c)));
    let rest = scopes.iter().enumerate().try_fold(text, |rest, (nth, scope)| {
        let rest = if nth == 0 { rest } else { rest.strip_prefix(' ')? };
        rest.strip_prefix(scope.as_str())
    });
    rest == Some("") && scopes.iter().all(is_one)
}

/// A value worth keeping, as text.
fn text_of(value: &Json<'_>) -> Option<String> {
    match value {
        Json::Text(text) => Some(crate::scrub::printable(text)),
        Json::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn what_is_taken_as_it_was_asked_for_would_have_been_taken_apart_into_the_same(
            text in "[a, ]{0,5}",
            scopes in proptest::collection::vec("[a, ]{0,3}", 0..3),
            separator in "[ ,]?",
        ) {
            let granted = || text.split(|c: char| c == ' ' || separator.contains(c)).filter(|scope| !scope.is_empty());
            let joined = scopes.join(" ");
            for text in [&text, &joined].into_iter().filter(|text| is_spaced(text, &scopes, &separator)) {
                proptest::prop_assert!(*text == joined);
                let granted = text.split(|c: char| c == ' ' || separator.contains(c)).filter(|scope| !scope.is_empty());
                proptest::prop_assert!(granted.eq(scopes.iter().map(String::as_str)));
            }
            // And what most servers say is.
            if text == joined && !text.is_empty() && granted().eq(scopes.iter().map(String::as_str)) {
                proptest::prop_assert!(is_spaced(&text, &scopes, &separator));
            }
        }
    }

    #[test]
    fn scopes_as_they_were_asked_for_are_taken_as_they_are() {
        let asked = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        assert!(is_spaced("read write", &asked(&["read", "write"]), ",") && is_spaced("", &[], " "));
        for other in ["read", "read write ", "read  write", "read,write", "readwrite", "write read"] {
            assert!(!is_spaced(other, &asked(&["read", "write"]), " "), "{other}");
        }
        assert!(!is_spaced("a b", &asked(&["a b"]), " ") && !is_spaced("a,b", &asked(&["a,b"]), ","));
    }
}
