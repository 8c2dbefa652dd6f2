//! What a new provider's file is made of: each question has a flag, is held to what its answer has to be, and is asked again where it is not. Without a
//! terminal, all flags that are missing are told at once.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use keyfob::proto::{Endpoint, Template};

use crate::card::Card;
use crate::context::Context;
use crate::prompt;

// What a person can say beforehand, or in a script.
#[derive(Args, Debug, Default)]
pub(crate) struct Flags {
    /// Its name as people write it
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
    /// What it is, in a sentence
    #[arg(long, value_name = "TEXT")]
    about: Option<String>,
    /// The page of its documentation
    #[arg(long, value_name = "URL", conflicts_with = "issuer")]
    docs: Option<String>,
    /// Its protocol
    #[arg(long, value_name = "KIND", value_parser = ["oauth1", "oauth2"], conflicts_with = "issuer")]
    kind: Option<String>,
    /// OAuth 1: where temporary credentials are asked for
    #[arg(long, value_name = "URL", conflicts_with = "issuer")]
    request_token: Option<String>,
    /// Where the browser goes to say yes
    #[arg(long, value_name = "URL", conflicts_with = "issuer")]
    authorize: Option<String>,
    /// OAuth 2: where a code for another device is asked for (RFC 8628); without --authorize there is no other login
    #[arg(long, value_name = "URL", conflicts_with = "issuer")]
    device: Option<String>,
    /// Where tokens are asked for
    #[arg(long, value_name = "URL", conflicts_with = "issuer")]
    token: Option<String>,
    /// OAuth 1: how requests are signed: HMAC-SHA1 (as nearly everywhere), HMAC-SHA256, HMAC-SHA512 or PLAINTEXT; a file can say RSA, too
    #[arg(long, value_name = "METHOD", conflicts_with = "issuer")]
    signature: Option<String>,
    /// OAuth 2: how an app says who it is: basic (in a header), post (in the body), none (it has no secret)
    #[arg(long, value_name = "HOW", conflicts_with = "issuer")]
    client_auth: Option<String>,
    /// OAuth 2: a scope to ask for; may be given several times
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// Where its API is
    #[arg(long, value_name = "URL")]
    api: Option<String>,
    /// The page where an app is registered
    #[arg(long, value_name = "URL")]
    register: Option<String>,
}

/// The answers, by the names of their flags.
#[derive(Debug, Default)]
pub(super) struct Answers(BTreeMap<&'static str, String>);

impl Answers {
    /// What was said; nothing where nothing was.
    pub(super) fn get(&self, flag: &str) -> &str {
        self.0.get(flag).map_or("", String::as_str)
    }

    /// The same as a list.
    pub(super) fn words(&self, flag: &str) -> Vec<&str> {
        self.get(flag).split_whitespace().collect()
    }

    /// The places in its addresses that an app fills, each once.
    pub(super) fn places(&self) -> Vec<String> {
        let mut places: Vec<String> = Vec::new();
        for flag in ["--request-token", "--authorize", "--device", "--token", "--api"] {
            let Ok(template) = Template::parse(self.get(flag)) else { continue };
            places.extend(template.names().map(str::to_owned));
        }
        let mut seen = BTreeSet::from(["client_id".to_owned(), "client_secret".to_owned()]);
        places.retain(|place| seen.insert(place.clone()));
        places
    }

    pub(super) fn is_first(&self) -> bool {
        self.get(KIND) == "oauth1"
    }
}

/// A question.
struct Question {
    flag: &'static str,
    /// What its value is called.
    value: &'static str,
    asks: &'static str,
    /// What counts where nothing is said; a question without it has to be answered.
    usual: Option<&'static str>,
    fits: fn(&str) -> Result<(), String>,
}

impl Question {
    /// What to write instead of something that does not fit.
    fn instead(&self, said: &str) -> &'static str {
        match (self.value, self.flag) {
            ("URL", "--docs" | "--register") => "it begins with https:// or http://",
            ("URL", _) if Template::parse(said).is_err() => {
                "a place that each app fills is a name in braces: https://{shop}.hub.example/token"
            }
            ("URL", _) => keyfob_providers::url_hint(said),
            _ => "say it otherwise",
        }
    }
}

const KIND: &str = "--kind";

/// What is asked, in this order, once it is known which protocol it is. `by_code`: whether there may be no page that a browser is sent to.
fn questions(first: bool, by_code: bool) -> Vec<Question> {
    let ask = |flag, value, asks, usual, fits| Question { flag, value, asks, usual, fits };
    let mut all: Vec<Question> = Vec::new();
    if first {
        all.push(ask("--request-token", "URL", "Request token URL: ", None, endpoint));
    }
    if first || !by_code {
        all.push(ask("--authorize", "URL", "Authorize URL: ", None, endpoint));
    } else {
        let asks = "Authorize URL (nothing, where people only enter a code on another device): ";
        all.push(ask("--authorize", "URL", asks, Some(""), endpoint));
    }
    if !first {
        all.push(ask("--device", "URL", "Where that code is asked for: ", Some(""), endpoint));
    }
    all.push(ask("--token", "URL", if first { "Access token URL: " } else { "Token URL: " }, None, endpoint));
    if !first {
        let how = "How an app says who it is: basic (in a header), post (in the body), none (it has no secret) [basic] ";
        all.push(ask("--client-auth", "HOW", how, Some("basic"), client_auth));
        all.push(ask("--scope", "SCOPE", "Scopes to ask for, with blanks between them, if it has any: ", Some(""), scopes));
    }
    if first {
        let how = "How requests are signed: HMAC-SHA1, HMAC-SHA256, HMAC-SHA512 or PLAINTEXT [HMAC-SHA1] ";
        all.push(ask("--signature", "METHOD", how, Some("HMAC-SHA1"), signature));
    }
    all.push(ask("--api", "URL", "Where its API is: ", None, endpoint));
    all.push(ask("--register", "URL", "The page where an app is registered, if there is one: ", Some(""), page));
    all
}

/// What comes first, whatever it is.
fn opening() -> [Question; 4] {
    [
        Question { flag: "--title", value: "TEXT", asks: "Its name as people write it", usual: Some(""), fits: |_| Ok(()) },
        Question { flag: "--about", value: "TEXT", asks: "What it is, in a sentence: ", usual: None, fits: |_| Ok(()) },
        Question { flag: "--docs", value: "URL", asks: "The page of its documentation: ", usual: None, fits: page },
        Question { flag: KIND, value: "KIND", asks: "OAuth 2 or OAuth 1? [2] ", usual: Some("oauth2"), fits: |_| Ok(()) },
    ]
}

impl Flags {
    fn said(self) -> Answers {
        let Self { title, about, docs, kind, request_token, authorize, device, token, signature, client_auth, scopes, api, register } =
            self;
        let scopes = (!scopes.is_empty()).then(|| scopes.join(" "));
        let all = [
            ("--title", title),
            ("--about", about),
            ("--docs", docs),
            (KIND, kind),
            ("--request-token", request_token),
            ("--authorize", authorize),
            ("--device", device),
            ("--token", token),
            ("--signature", signature),
            ("--client-auth", client_auth),
            ("--scope", scopes),
            ("--api", api),
            ("--register", register),
        ];
        Answers(all.into_iter().filter_map(|(flag, said)| Some((flag, said?.trim().to_owned()))).collect())
    }

    /// What was said, held to what it has to be: beside an issuer, which says the rest, nothing is asked.
    pub(super) fn beside_an_issuer(self, what: &str) -> Result<Answers, Card> {
        let answers = self.said();
        held(&opening(), &answers, what)?;
        held(&questions(false, true), &answers, what)?;
        Ok(answers)
    }

    /// What was said, and what a person at the terminal answers to the rest.
    pub(super) async fn completed(self, name: &str, what: &str, context: &Context) -> Result<Answers, Card> {
        let mut answers = self.said();
        held(&opening(), &answers, what)?;
        let is_person = prompt::is_possible();
        let mut missing = Vec::new();
        for question in opening() {
            answer(&question, name, is_person, &mut answers, &mut missing, context).await?;
        }
        if answers.get("--title").is_empty() {
            answers.0.insert("--title", name.to_owned());
        }
        // Who is asked may say that there is no page; in a script --device says it.
        let all = questions(answers.is_first(), is_person || answers.0.contains_key("--device"));
        held(&all, &answers, what)?;
        let known = |flag: &str| opening().iter().chain(&all).any(|question| question.flag == flag);
        if let Some(stray) = answers.0.keys().find(|flag| !known(flag)) {
            let why = format!("{stray} is not of its protocol, which is {}", answers.get(KIND));
            return Err(Card::usage(what, why, "leave it away, or say the other --kind"));
        }
        for question in &all {
            answer(question, name, is_person, &mut answers, &mut missing, context).await?;
        }
        if missing.is_empty() {
            return Ok(answers);
        }
        let next = format!(
            "say it with the command: keyfob provider new {name} {}; or, where the provider has an issuer, --issuer URL alone",
            missing.join(" ")
        );
        Err(Card::usage(what, format!("there is nobody to ask, and {} of its facts are missing", missing.len()), next))
    }
}

/// One answer: said already, asked for until it fits, the usual one; or missing.
async fn answer(
    question: &Question,
    name: &str,
    is_person: bool,
    answers: &mut Answers,
    missing: &mut Vec<String>,
    context: &Context,
) -> Result<(), Card> {
    if answers.0.contains_key(question.flag) {
        return Ok(());
    }
    // Of a page and a code one is needed; who has named a page is not asked for the other.
    let usual = match question.flag {
        "--device" if is_person && answers.get("--authorize").is_empty() => None,
        "--device" => {
            answers.0.insert(question.flag, String::new());
            return Ok(());
        }
        _ => question.usual,
    };
    if !is_person {
        match usual {
            Some(usual) => drop(answers.0.insert(question.flag, usual.to_owned())),
            None => missing.push(format!("{} {}", question.flag, question.value)),
        }
        return Ok(());
    }
    let asks = if question.flag == "--title" { format!("{} [{name}]: ", question.asks) } else { question.asks.to_owned() };
    loop {
        let typed = prompt::line(asks.clone()).await?;
        let said = match (question.flag, typed.as_str(), usual) {
            (_, "", Some(usual)) => Ok(usual.to_owned()),
            (_, "", None) => Err("it has to be said".to_owned()),
            (KIND, "1" | "oauth1", _) => Ok("oauth1".to_owned()),
            (KIND, "2" | "oauth2", _) => Ok("oauth2".to_owned()),
            (KIND, ..) => Err("expected 1 or 2".to_owned()),
            _ => (question.fits)(&typed).map(|()| typed),
        };
        match said {
            Ok(said) => {
                answers.0.insert(question.flag, said);
                return Ok(());
            }
            Err(why) => context.out.note(&format!("{} {why}", context.out.note_paint().warn("not that one:"))),
        }
    }
}

/// What was said by flags, held to the same as what is typed.
fn held(questions: &[Question], answers: &Answers, what: &str) -> Result<(), Card> {
    for question in questions {
        let Some(said) = answers.0.get(question.flag) else { continue };
        if said.is_empty() && question.usual.is_none() {
            return Err(Card::usage(what, format!("{} is empty", question.flag), "say it, or leave the flag away and be asked"));
        }
        if !said.is_empty() {
            (question.fits)(said).map_err(|why| Card::usage(what, format!("{}: {why}", question.flag), question.instead(said)))?;
        }
    }
    Ok(())
}

/// Where something secret is sent: a URL, perhaps with places in it that each app fills (`https://{shop}.example/token`).
fn endpoint(text: &str) -> Result<(), String> {
    let template = Template::parse(text).map_err(|misuse| misuse.to_string())?;
    let filled = template.render(|_| Some("x".to_owned())).unwrap_or_default();
    Endpoint::parse(&filled).map(drop).map_err(|misuse| misuse.to_string())
}

/// A page that a person reads.
fn page(text: &str) -> Result<(), String> {
    let parsed = url::Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    parsed.map(drop).ok_or_else(|| "expected the address of a page (https://…)".to_owned())
}

/// Those of shared secrets (RFC 5849 §3.4.2, §3.4.4): RSA wants a key among the app's fields, too.
fn signature(text: &str) -> Result<(), String> {
    let known = ["HMAC-SHA1", "HMAC-SHA256", "HMAC-SHA512", "PLAINTEXT"];
    if known.contains(&text) { Ok(()) } else { Err(format!("expected one of {}", known.join(", "))) }
}

fn client_auth(text: &str) -> Result<(), String> {
    if ["basic", "post", "none"].contains(&text) { Ok(()) } else { Err("expected basic, post or none".to_owned()) }
}

/// RFC 6749 §3.3.
fn scopes(text: &str) -> Result<(), String> {
    let fits = text.chars().all(|c| c == ' ' || c.is_ascii_graphic() && !matches!(c, '"' | '\\'));
    // A comma may be part of a name, and stands between names at some providers. Here blanks do.
    let fits = fits && !text.split_whitespace().any(|name| name.starts_with(',') || name.ends_with(','));
    if fits { Ok(()) } else { Err("expected names of scopes, without quotes, with blanks and no commas between them".to_owned()) }
}
