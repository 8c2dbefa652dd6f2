//! `keyfob why`: why an OAuth 1 signature is refused, found by trying. What should have been signed is built as RFC 5849 says, and with each of the mistakes
//! that are known to be made; the one that gives what the other side has is its mistake.

mod http_text;
mod recipe;
mod told;

use clap::Args;
use http::Method;
use keyfob::proto::oauth1::{self, SignatureMethod};
use keyfob::proto::scrub::printable;
use keyfob::proto::{Body, Flow, Secret, TokenSet, encode};
use url::Url;

use self::recipe::{MISTAKES, Mistake, Recipe};
use self::told::{Finding, Side};
use crate::card::{Card, Doing};
use crate::context::{Context, Opened};
use crate::dry::DryRun;
use crate::exit::Exit;
use crate::request::{Carried, Content, LARGEST, method, read_file};

// What was refused, and what the server says of it.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Why {
    /// The account
    #[arg(add = clap_complete::engine::ArgValueCandidates::new(crate::complete::accounts))]
    name: String,
    /// The method of the call: GET, POST, …
    #[arg(value_parser = method, required_unless_present = "request", requires = "path")]
    method: Option<Method>,
    /// The path (relative to the API's base), or a whole URL
    path: Option<String>,
    #[command(flatten)]
    content: Content,
    /// The signature base string that the server says it has: a file, or - for stdin. Otherwise the call is sent, and the answer is looked through
    #[arg(long, value_name = "FILE")]
    base_string: Option<String>,
    /// A request that another program made with this account, as text (curl -v shows one): a file, or - for stdin
    #[arg(long, value_name = "FILE", conflicts_with_all = ["method", "path"])]
    request: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  keyfob why telldus GET /json/devices/list            sends it, and looks at what comes back
  keyfob why telldus GET /x --base-string -            compares with what the server says it signed
  keyfob why telldus --request refused.txt             finds what the other program does otherwise";

/// A request whose signature is in question.
#[derive(Clone)]
pub(super) struct Question {
    method: String,
    url: String,
    form: Option<Vec<u8>>,
    /// The parameters of the protocol, decoded; without the signature.
    protocol: Vec<(String, String)>,
    realm: Option<String>,
    signature: Option<String>,
}

impl Question {
    fn recipe(&self) -> Result<Recipe<'_>, Card> {
        Recipe::of(&self.method, &self.url, self.form.as_deref(), &self.protocol, self.realm.as_deref(), self.signature.as_deref())
            .ok_or_else(|| {
                Card::usage("this is no request", "expected an absolute http or https URL", "example: GET https://api.example/x")
            })
    }

    /// The base string by the RFC, as the core makes it.
    fn by_the_rfc(&self) -> Result<String, Card> {
        let protocol: Vec<(&str, &str)> = self.protocol.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let body = self.form.as_deref().map_or(Body::Opaque, Body::Form);
        oauth1::base_string(&self.method, &self.url, body, &protocol).doing("cannot build the base string")
    }

    /// Which parameters of the protocol have another value in a base string than here; and the question as if they had that one.
    fn with_what_is_changed_in(&self, base_string: &str) -> (Vec<&'static Mistake>, Self) {
        let theirs = protocol_of(base_string);
        let (mut changed, mut as_theirs) = (Vec::new(), self.clone());
        for (name, mistake) in &recipe::CHANGED {
            let own = as_theirs.protocol.iter_mut().find(|(known, _)| known == name).map(|(_, value)| value);
            if let (Some(own), Some(other)) = (own, value_of(&theirs, name))
                && own != other
            {
                other.clone_into(own);
                changed.push(mistake);
            }
        }
        (changed, as_theirs)
    }
}

pub(crate) async fn run(args: Why, context: &Context) -> Result<(), Card> {
    let opened = context.open_account(&args.name).await?;
    let (Flow::OAuth1(_), TokenSet::OAuth1(_)) = (&opened.settings.flow, &opened.account.tokens) else {
        return Err(Card::usage(
            format!("{} signs nothing", opened.account.name),
            "an OAuth 2 token is attached as it is; only OAuth 1 has signatures that can be wrong",
            format!("keyfob explain GET {0} PATH shows the call, keyfob doctor {0} what else can be wrong", opened.account.name),
        ));
    };
    let said = args.base_string.as_deref().map(base_string_of).transpose()?;
    if let Some(file) = &args.request {
        let text = text_of(file)?;
        let question = http_text::read(&text, &opened.settings)?;
        let finding = match said {
            Some(theirs) => of_server(&question, &theirs)?,
            None => of_client(&question, &opened)?,
        };
        return told::show(&finding, &opened, &context.out);
    }
    let (method, path) = (args.method.clone().unwrap_or_default(), args.path.clone().unwrap_or_default());
    let (mut question, theirs) = match said {
        Some(theirs) => (ours(&opened, method.clone(), &path, &args.content.read(&method)?.whole()?).await?, theirs),
        None => match sent(&opened, method.clone(), &path, &args.content.read(&method)?.whole()?).await? {
            Some(asked) => asked,
            None => return told::accepted(&opened, &context.out),
        },
    };
    // The server had a request of ours before it, with a time and a nonce of its own. All else is as it is now.
    let had = protocol_of(&theirs);
    for (name, value) in question.protocol.iter_mut().filter(|(name, _)| ["oauth_nonce", "oauth_timestamp"].contains(&name.as_str())) {
        if let Some(theirs) = value_of(&had, name) {
            theirs.clone_into(value);
        }
    }
    told::show(&of_server(&question, &theirs)?, &opened, &context.out)
}

/// Our own request, as it would be signed.
async fn ours(opened: &Opened, method: Method, path: &str, carried: &Carried) -> Result<Question, Card> {
    let what = format!("cannot prepare a call of {}", opened.account.name);
    let form = carried.body().filter(|(media_type, _)| is_form(media_type.as_bytes())).map(|(_, bytes)| bytes.to_vec());
    let dry = DryRun::new(opened.store.clone(), &opened.account.tokens);
    let session = dry.keyfob.session(opened.settings.clone(), opened.app.clone(), &opened.account.name).await.doing(what.as_str())?;
    carried.clone().call(&session, method.clone(), path).send().await.doing(what)?;
    let (url, (mut protocol, realm)) = match dry.kept() {
        Some(kept) => (kept.url(), http_text::protocol(&kept.authorization(), &kept.url(), kept.body())),
        None => Default::default(),
    };
    protocol.retain(|(name, _)| name != "oauth_signature");
    // Where the protocol's own parameters are in the query, they are no part of the question.
    Ok(Question { method: method.to_string(), url: http_text::without_protocol(&url), form, protocol, realm, signature: None })
}

/// Sends it, and finds the base string in what comes back; nothing if it was accepted. What is sent is what was read: stdin has it only once.
async fn sent(opened: &Opened, method: Method, path: &str, carried: &Carried) -> Result<Option<(Question, String)>, Card> {
    let what = format!("cannot call {}", opened.account.name);
    let question = ours(opened, method.clone(), path, carried).await?;
    let session = opened.session().await?;
    let answer = carried.clone().call(&session, method, path).send().await.doing(what.as_str())?;
    let status = answer.status();
    let bytes = answer.into_http().into_body().bytes(LARGEST as usize).await.doing(what.as_str())?;
    let text = String::from_utf8_lossy(&bytes);
    if let Some(theirs) = find_base_string(&text) {
        return Ok(Some((question, theirs)));
    }
    if status.is_success() || status.is_redirection() {
        return Ok(None);
    }
    let said = session.scrubber().clean(text.trim());
    Err(Card::new(
        Exit::Http,
        format!("{} refuses the call, and does not say what it signed", opened.provider.title),
        if said.is_empty() { format!("HTTP {status}") } else { format!("HTTP {status}: {said}") },
        format!("keyfob doctor {} looks at clock and credentials; --base-string takes what the server's log says", opened.account.name),
    ))
}

/// What a server echoes: `METHOD&http…&…`, up to whatever cannot be part of it.
fn find_base_string(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let at = ["&https%3a%2f%2f", "&http%3a%2f%2f"].iter().filter_map(|start| lower.find(start)).min()?;
    let method = text[..at]
        .rfind(|c: char| !c.is_ascii_alphabetic())
        .map_or(0, |before| before + text[before..].chars().next().map_or(1, char::len_utf8));
    let part = |c: char| c.is_ascii_alphanumeric() || "-._~%&+*!'()=:/".contains(c);
    let end = text[at..].find(|c| !part(c)).map_or(text.len(), |length| at + length);
    // A sentence may go on behind it.
    let found = text[method..end].trim_end_matches(['.', ')', '\'', '(']);
    (found.matches('&').count() >= 2).then(|| found.to_owned())
}

/// The parameters of the protocol inside a base string.
fn protocol_of(base_string: &str) -> Vec<(String, String)> {
    let parameters = base_string.splitn(3, '&').nth(2).unwrap_or_default();
    let once = encode::percent_decode(parameters.as_bytes());
    let pairs =
        encode::decode_pairs(&once).filter_map(|(name, value)| Some((String::from_utf8(name).ok()?, String::from_utf8(value).ok()?)));
    pairs.filter(|(name, _)| name.starts_with("oauth_") && name != "oauth_signature").collect()
}

fn value_of<'a>(protocol: &'a [(String, String)], name: &str) -> Option<&'a str> {
    protocol.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// Which mistake gives the server's base string.
fn of_server(question: &Question, theirs: &str) -> Result<Finding, Card> {
    let right = question.by_the_rfc()?;
    let finding = |side, mistakes| Finding { side, mistakes, expected: right.clone(), found: Some(theirs.to_owned()) };
    if theirs == right {
        return Ok(finding(Side::Key, Vec::new()));
    }
    let (changed, as_theirs) = question.with_what_is_changed_in(theirs);
    if !changed.is_empty() && theirs == as_theirs.by_the_rfc()? {
        return Ok(finding(Side::Server, changed));
    }
    let made = tried(&as_theirs.recipe()?, |base_string| base_string == theirs);
    Ok(match made {
        Some(mistakes) => finding(Side::Server, [changed, mistakes].concat()),
        None => finding(Side::Unknown, Vec::new()),
    })
}

/// Which mistake gives the signature that another program made.
fn of_client(question: &Question, opened: &Opened) -> Result<Finding, Card> {
    let (TokenSet::OAuth1(tokens), Some(signature)) = (&opened.account.tokens, &question.signature) else {
        return Err(Card::usage(
            "the request has no signature",
            "expected oauth_signature in its Authorization header, its query or its form",
            "was it signed at all? keyfob header makes the header for it",
        ));
    };
    let right = question.by_the_rfc()?;
    let finding = |side, mistakes| Finding { side, mistakes, expected: right.clone(), found: None };
    let value = |name: &str| value_of(&question.protocol, name);
    if value("oauth_consumer_key").is_some_and(|key| key != opened.app.client_id) {
        return Ok(finding(Side::Client, vec![&recipe::ANOTHER_APP]));
    }
    if value("oauth_token").is_some_and(|token| !tokens.token.same_as(token)) {
        return Ok(finding(Side::Client, vec![&recipe::ANOTHER_TOKEN]));
    }
    let method: SignatureMethod =
        value("oauth_signature_method").unwrap_or("HMAC-SHA1").parse().doing("cannot tell how the request was signed")?;
    if method.is_rsa() {
        return Err(Card::usage(
            "the request is signed with a private key",
            "such a signature says nothing about what was signed",
            "compare base strings instead: --base-string FILE",
        ));
    }
    let keys = keys(opened.app.client_secret.as_ref().map_or("", |secret| secret.expose()), tokens.secret.expose());
    let is_it = |method: SignatureMethod, base_string: &str, key: &Secret| {
        oauth1::signature_under(method, key.expose(), base_string).is_ok_and(|made| recipe::same_signature(&made, signature))
    };
    let recipe = question.recipe()?;
    for (wrong, key) in &keys {
        if is_it(method, &right, key) {
            let once_more = oauth1::signature_under(method, key.expose(), &right).is_ok_and(|made| made != *signature);
            let mistakes: Vec<&Mistake> = wrong.iter().copied().chain(once_more.then_some(&recipe::SIGNATURE_SPELLED)).collect();
            return Ok(finding(if mistakes.is_empty() { Side::Neither } else { Side::Client }, mistakes));
        }
        if let Some(made) = tried(&recipe, |base_string| is_it(method, base_string, key)) {
            return Ok(finding(Side::Client, wrong.iter().copied().chain(made).collect()));
        }
    }
    let hashes = [SignatureMethod::HmacSha1, SignatureMethod::HmacSha256, SignatureMethod::HmacSha512];
    for other in hashes.into_iter().filter(|other| *other != method) {
        if let Some((wrong, _)) = keys.iter().find(|(_, key)| is_it(other, &right, key)) {
            return Ok(finding(Side::Client, std::iter::once(&recipe::ANOTHER_HASH).chain(wrong.iter().copied()).collect()));
        }
    }
    Ok(finding(Side::Unknown, Vec::new()))
}

/// The keys that are made of two secrets: the right one, and those that are made wrong (§3.4.2: both percent-encoded, and an & between them, also where
/// one is empty).
fn keys(consumer: &str, token: &str) -> Vec<(Vec<&'static Mistake>, Secret)> {
    let encoded = |one: &str, other: &str| format!("{}&{}", encode::percent(one), encode::percent(other));
    let joined = |one: &str, other: &str| format!("{}{}", encode::percent(one), encode::percent(other));
    let all: [(&[&'static Mistake], String); 12] = [
        (&[], encoded(consumer, token)),
        (&[&recipe::NO_TOKEN_SECRET], encoded(consumer, "")),
        (&[&recipe::SECRETS_SWAPPED], encoded(token, consumer)),
        (&[&recipe::NO_CONSUMER_SECRET], encoded("", token)),
        (&[&recipe::NO_SECRETS], encoded("", "")),
        (&[&recipe::NO_AMPERSAND], joined(consumer, token)),
        (&[&recipe::NO_AMPERSAND, &recipe::NO_TOKEN_SECRET], joined(consumer, "")),
        (&[&recipe::NO_AMPERSAND, &recipe::NO_CONSUMER_SECRET], joined("", token)),
        (&[&recipe::SECRETS_NOT_ENCODED], format!("{consumer}&{token}")),
        (&[&recipe::SECRETS_NOT_ENCODED, &recipe::NO_TOKEN_SECRET], format!("{consumer}&")),
        (&[&recipe::SECRETS_NOT_ENCODED, &recipe::SECRETS_SWAPPED], format!("{token}&{consumer}")),
        (&[&recipe::SECRETS_NOT_ENCODED, &recipe::NO_AMPERSAND], format!("{consumer}{token}")),
    ];
    let mut keys: Vec<(Vec<&'static Mistake>, Secret)> = Vec::new();
    for (wrong, key) in all {
        // What comes out the same is no other mistake.
        if !keys.iter().any(|(_, known)| known.same_as(&key)) {
            keys.push((wrong.to_vec(), Secret::new(key)));
        }
    }
    keys
}

/// The mistake, or the two, that give what is looked for.
fn tried(recipe: &Recipe<'_>, found: impl Fn(&str) -> bool) -> Option<Vec<&'static Mistake>> {
    let with = |mistakes: &[&'static Mistake]| {
        let mut changed = recipe.clone();
        mistakes.iter().for_each(|mistake| (mistake.make)(&mut changed));
        found(&changed.base_string())
    };
    if let Some(one) = MISTAKES.iter().find(|mistake| with(&[mistake])) {
        return Some(vec![one]);
    }
    let pairs = MISTAKES.iter().enumerate().flat_map(|(at, one)| MISTAKES[at + 1..].iter().map(move |other| [one, other]));
    pairs.into_iter().find(|pair| with(pair)).map(Vec::from)
}

/// A log that has nothing of it is no server that signs nothing.
fn base_string_of(file: &str) -> Result<String, Card> {
    let text = text_of(file)?;
    let theirs = text.trim();
    if theirs.is_empty() {
        let where_from = if file == "-" { "stdin".to_owned() } else { printable(file) };
        return Err(Card::usage(
            format!("there is no base string in {where_from}"),
            "expected what the server says it signed (METHOD&URL&PARAMETERS), and found nothing",
            "take it from the server's answer or its log; --base-string - reads it from stdin",
        ));
    }
    Ok(theirs.to_owned())
}

fn text_of(file: &str) -> Result<String, Card> {
    String::from_utf8(read_file(file)?)
        .map_err(|_| Card::usage(format!("cannot read {}", printable(file)), "it is no text", "give it as UTF-8"))
}

fn is_form(media_type: &[u8]) -> bool {
    media_type.to_ascii_lowercase().starts_with(b"application/x-www-form-urlencoded")
}

/// Whether text is a URL that a request can go to.
fn is_absolute(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_string_is_found_in_a_sentence() {
        let said =
            "Verification of signature failed (signature base string was \"GET&http%3A%2F%2Fa.example%2Fx&a%3Db%26oauth_nonce%3Dn\").";
        assert_eq!(find_base_string(said).as_deref(), Some("GET&http%3A%2F%2Fa.example%2Fx&a%3Db%26oauth_nonce%3Dn"));
        assert_eq!(find_base_string("bei: POST&https%3a%2f%2fa%2fx&a").as_deref(), Some("POST&https%3a%2f%2fa%2fx&a"));
        for none in ["", "GET&x", "see &http%3A%2F%2Fa.example", "signature_invalid"] {
            assert_eq!(find_base_string(none), None, "{none}");
        }
        let protocol = protocol_of("GET&http%3A%2F%2Fa%2Fx&a%3Db%2520c%26oauth_nonce%3Dn%252B");
        assert_eq!(protocol, [("oauth_nonce".to_owned(), "n+".to_owned())]);
    }
}
