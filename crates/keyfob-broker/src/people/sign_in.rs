//! Signing in where a team signs in already (OpenID Connect): we are a relying party like any other.
//!
//! Who somebody is, is the issuer and its `sub`, and nothing else (OpenID Connect Core §5.7). An e-mail address can let somebody in for the first
//! time, if the issuer has verified it; it never says which person here they are (nOAuth).

use std::fmt;

use keyfob::proto::jose::Claims;
use keyfob::proto::oauth2::metadata::{Order, Preferences};
use keyfob::proto::oidc::IdToken;
use keyfob::proto::{App, Endpoint, Flow, Misuse, Secret, Settings, Timestamp};
use keyfob::store::Expected;
use keyfob::{Approved, Crowd, Error, Keyfob, Login, LoginOptions, Redirect, StoreError};
use keyfob_store::shelf::{Item, Kind};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::invite::Becomes;
use super::person::Subject;
use super::{People, Person, name};
use crate::listing::Listing;
use crate::peer::Client;
use crate::site::Site;

/// Which person a subject is.
const SUBJECT: Kind = Kind("subject");

/// What a sign-in under way is kept as. No provider of a catalogue and no account is called so, and its answers come to a path of their own (RFC 9700 §4.4).
pub(crate) const PROVIDER: &str = "~sign-in";

/// The path where the issuer sends people back to.
pub(crate) const CALLBACK: &str = "/sign-in/callback";

/// Where people sign in, and who may.
#[derive(Clone, Debug)]
pub struct SignIn {
    /// The issuer, as it calls itself: `https://login.example`.
    pub issuer: String,
    /// Our registration there. The redirect URI to register is `/sign-in/callback` at the external URL.
    pub client_id: String,
    /// Its secret, unless it is a public client.
    pub client_secret: Option<Secret>,
    /// Whom its ID tokens may be addressed to besides us (OpenID Connect Core §3.1.3.7, step 3): Zitadel names the project, too.
    pub trusted_audiences: Vec<String>,
    /// Who comes in without being invited.
    pub allow: Vec<Allow>,
}

/// Somebody who comes in without being invited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allow {
    /// Whoever the issuer lets sign in.
    Anybody,
    /// Whoever the issuer knows by this address, which it has verified.
    Email(String),
    /// This person of the issuer's: their `sub`.
    Subject(String),
}

impl Allow {
    /// Reads `any`, `robin@home.example`, or `sub:1234`.
    ///
    /// # Errors
    ///
    /// `Misuse` for anything else.
    pub fn parse(text: &str) -> Result<Self, Misuse> {
        match text.strip_prefix("sub:") {
            Some(subject) if !subject.is_empty() => Ok(Self::Subject(subject.to_owned())),
            _ if text == "any" => Ok(Self::Anybody),
            _ if is_address(text) => Ok(Self::Email(text.to_owned())),
            _ => Err(Misuse::new("who may sign in: any, an e-mail address, or sub: and the issuer's name for a person", "something else")
                .with_hint("write addresses in plain letters, as robin@home.example")),
        }
    }

    fn lets_in(&self, id_token: &IdToken, claimed: &Claimed) -> bool {
        match self {
            Self::Anybody => true,
            Self::Subject(subject) => *subject == id_token.subject,
            Self::Email(_) => self.names(claimed),
        }
    }

    fn names(&self, claimed: &Claimed) -> bool {
        matches!((self, &claimed.verified_email), (Self::Email(address), Some(email)) if email.eq_ignore_ascii_case(address))
    }
}

/// An address that every program reads the same: plain letters, one `@`. Two of them, or a letter that looks like another one, have opened allow-lists
/// (GHSA-c5c4-8r6x-56w3).
fn is_address(text: &str) -> bool {
    text.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.') && !host.contains('@'))
        && text.len() <= 254
        && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"(),:;<>[\\]".contains(&byte))
}

/// What a sign-in is for, beside signing in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Nothing,
    /// To accept this invitation (its id).
    Invited(String),
    /// To sign this person in by it from now on.
    Link(String),
}

impl Purpose {
    fn written(&self) -> String {
        match self {
            Self::Nothing => PROVIDER.to_owned(),
            Self::Invited(invite) => format!("{PROVIDER}/invited/{invite}"),
            Self::Link(person) => format!("{PROVIDER}/link/{person}"),
        }
    }

    /// What was written down when it began; `None` for what was not written here.
    pub(crate) fn read(written: &str) -> Option<Self> {
        let rest = written.strip_prefix(PROVIDER)?;
        Some(match rest.strip_prefix('/').and_then(|rest| rest.split_once('/')) {
            None if rest.is_empty() => Self::Nothing,
            Some(("invited", invite)) => Self::Invited(invite.to_owned()),
            Some(("link", person)) => Self::Link(person.to_owned()),
            _ => return None,
        })
    }
}

/// What came of it.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Somebody is signed in.
    In(Person),
    /// A person who was signed in already signs in by it from now on.
    Linked,
    /// Nobody has invited them.
    NotInvited,
    /// They are somebody else here already.
    SomebodyElse,
}

/// What the issuer says about somebody, as far as it counts.
#[derive(Clone, Debug, Default)]
struct Claimed {
    name: Option<String>,
    verified_email: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Known {
    /// `None`: whoever it was has been removed. Only an invitation lets them in again.
    person: Option<String>,
}

impl SignIn {
    /// Asks the issuer how people sign in there, and judges its answer, as a sign-in does.
    ///
    /// # Errors
    ///
    /// `Misuse` for an issuer that is none, `Misbehaved` for one that says something else, `Transport` where none answers.
    pub async fn ask(&self, keyfob: &Keyfob) -> Result<(), Error> {
        self.settings(keyfob).await.map(drop)
    }

    fn app(&self) -> App {
        App { client_id: self.client_id.clone(), client_secret: self.client_secret.clone(), ..App::default() }
    }

    async fn settings(&self, keyfob: &Keyfob) -> Result<Settings, Error> {
        let scopes = ["openid", "profile", "email"].map(str::to_owned).to_vec();
        let preferences = Preferences { scopes, ..Preferences::default() };
        let api = Endpoint::parse(&self.issuer)?;
        let mut settings = keyfob::discover(keyfob, PROVIDER, &self.issuer, Order::OpenIdFirst, &self.app(), &preferences, api).await?;
        if let Flow::OAuth2(oauth2) = &mut settings.flow {
            oauth2.trusted_audiences.clone_from(&self.trusted_audiences);
        }
        Ok(settings)
    }
}

/// The issuer's host: what a person knows it by.
impl fmt::Display for SignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.issuer.split_once("://").map_or(self.issuer.as_str(), |(_, rest)| rest);
        f.write_str(host.split(['/', '?']).next().unwrap_or(host))
    }
}

impl Site {
    /// Begins a sign-in, bound to one browser; gives the URL where the person goes. It is counted with those that are begun at the same address: a flood of
    /// them leaves accounts to be connected, and others to sign in.
    pub(crate) async fn begin_sign_in(
        &self,
        sign_in: &SignIn,
        purpose: &Purpose,
        binding: &Secret,
        client: Option<Client>,
    ) -> Result<String, Error> {
        let settings = sign_in.settings(&self.keyfob).await?;
        let redirect = Redirect::Uri(self.sign_in_redirect_uri());
        let options = LoginOptions::default();
        let login = Login::begin_with(&self.keyfob, &settings, &sign_in.app(), &purpose.written(), redirect, options).await?;
        let crowd = match purpose {
            Purpose::Link(person) => person.clone(),
            Purpose::Invited(_) | Purpose::Nothing => Client::crowd(client),
        };
        let pending = login.stored().among(Crowd::signing_in(crowd));
        self.keyfob.store().put_pending(&pending, binding.expose()).await?;
        Ok(login.url().to_owned())
    }

    /// Goes on with one.
    pub(crate) async fn resume_sign_in(&self, sign_in: &SignIn, pending: keyfob::PendingLogin) -> Result<Login, Error> {
        let settings = sign_in.settings(&self.keyfob).await?;
        Ok(Login::resume(&self.keyfob, &settings, &sign_in.app(), pending)?)
    }

    /// Where the issuer sends people back to.
    pub fn sign_in_redirect_uri(&self) -> String {
        format!("{}{CALLBACK}", self.origin)
    }

    /// Who was approved, and whether they may come in.
    pub(crate) async fn admit(&self, people: &People, sign_in: &SignIn, approved: &Approved, purpose: Purpose) -> Result<Outcome, Error> {
        let id_token = approved.id_token().ok_or_else(|| Misuse::new("an issuer that says who signed in", "no verified ID token"))?;
        let now = self.keyfob.now();
        let subject = Subject { issuer: id_token.issuer.clone(), subject: id_token.subject.clone() };
        let id = people.keyed(SUBJECT, &[&subject.issuer, &subject.subject], now).await?;
        loop {
            let found = people.shelf.item(SUBJECT, &id, now).await?;
            let expected = found.as_ref().map_or(Expected::Nothing, |found| Expected::Generation(found.generation));
            let known: Option<Known> = found.map(|found| super::read(&found.value)).transpose()?;
            let whose = known.as_ref().and_then(|known| known.person.as_deref());
            let before = match whose {
                Some(person) => people.person(person, now).await?,
                None => None,
            };
            let is_known = before.as_ref().is_some_and(|person| person.subject.as_ref() == Some(&subject));
            let becomes = match (before, &purpose) {
                (Some(person), Purpose::Link(id)) if person.id != *id => return Ok(Outcome::SomebodyElse),
                // An invitation is for somebody who is not here yet; it stays good. Whoever came in by another tab meanwhile is one person and not two.
                (Some(person), _) => Some(Becomes::Known(person)),
                (None, Purpose::Link(id)) => people.person(id, now).await?.map(Becomes::Known),
                (None, Purpose::Invited(invite)) => people.accept(invite, &id, whose, now).await?,
                // Whoever was removed is not let in by a list that still names them.
                (None, Purpose::Nothing) if known.as_ref().is_some_and(|known| known.person.is_none()) => None,
                (None, Purpose::Nothing) => {
                    let claimed = claimed(approved, id_token).await;
                    let is_let_in = sign_in.allow.iter().any(|allow| allow.lets_in(id_token, &claimed));
                    let new = Person::member(claimed.name.as_deref().unwrap_or("Somebody"), now);
                    // Where a store failed them half-way they go on as whom they were known then.
                    let id = whose.map_or(new.id, str::to_owned);
                    is_let_in.then_some(Becomes::New(Person { id, ..new }))
                }
            };
            let (person, is_new) = match becomes {
                None => return Ok(Outcome::NotInvited),
                Some(Becomes::Known(person)) => (person, false),
                Some(Becomes::New(person)) => (Person { subject: Some(subject.clone()), ..person }, true),
            };
            // The subject first: nobody is left behind to whom none leads.
            if !is_known {
                match people.knows(&id, expected, &person, &subject, now).await {
                    Ok(()) => {}
                    // The same person in another tab was faster: they are who came in there.
                    Err(StoreError::Conflict) => continue,
                    Err(error) => return Err(error.into()),
                }
            }
            if is_new {
                people.add(&person).await?;
            }
            // As they are kept; and nobody whom somebody is removing.
            let Some(person) = people.person(&person.id, now).await? else { return Ok(Outcome::NotInvited) };
            return Ok(match &purpose {
                Purpose::Link(_) => Outcome::Linked,
                Purpose::Nothing => Outcome::In(person),
                Purpose::Invited(invite) => {
                    people.spend(invite, &id, now).await;
                    Outcome::In(person)
                }
            });
        }
    }
}

impl People {
    /// Writes down that a subject is this person, and no other subject is.
    async fn knows(&self, id: &str, expected: Expected, person: &Person, subject: &Subject, now: Timestamp) -> Result<(), StoreError> {
        let known = Known { person: Some(person.id.clone()) };
        let item = Item::new(id, serde_json::to_vec(&known).expect("text")).owned_by(person.id.clone());
        self.shelf.put_item(SUBJECT, &item, expected).await?;
        for other in Listing::of(&*self.shelf, SUBJECT, Some(&person.id)).all(now).await? {
            if other.value.id != id {
                self.shelf.remove_item(SUBJECT, &other.value.id).await?;
            }
        }
        self.change(&person.id, now, |person| person.subject = Some(subject.clone())).await?;
        Ok(())
    }

    /// Whoever signs in as this person is nobody from now on, until they are invited again.
    pub(super) async fn bar(&self, person: &str, now: Timestamp) -> Result<(), StoreError> {
        for found in Listing::of(&*self.shelf, SUBJECT, Some(person)).all(now).await? {
            let nobody = serde_json::to_vec(&Known { person: None }).expect("text");
            self.shelf.put_item(SUBJECT, &Item::new(found.value.id, nobody), Expected::Anything).await?;
        }
        Ok(())
    }
}

/// What the ID token says, and where it says too little, what the issuer tells when it is asked.
async fn claimed(approved: &Approved, id_token: &IdToken) -> Claimed {
    let text = |name: &str| id_token.claims.text(name).map(str::to_owned);
    let of_token = Claimed { name: text("name"), verified_email: verified(&id_token.claims) };
    if of_token.name.is_some() && of_token.verified_email.is_some() {
        return of_token.printable();
    }
    match approved.userinfo().await {
        Ok(Some(told)) => {
            let name = of_token.name.or_else(|| told.claims.text("name").map(str::to_owned));
            // Address and verdict come from one place: of two, each would be about something else.
            Claimed { name, verified_email: of_token.verified_email.or_else(|| verified(&told.claims)) }.printable()
        }
        Ok(None) => of_token.printable(),
        Err(error) => {
            tracing::warn!(%error, "the issuer told nothing more about somebody who signs in");
            of_token.printable()
        }
    }
}

impl Claimed {
    fn printable(self) -> Self {
        Self { name: self.name.as_deref().and_then(name::of_claim), ..self }
    }
}

/// The address, if the issuer says that it is theirs (`true`, and nothing that looks like it).
fn verified(claims: &Claims) -> Option<String> {
    address(claims.text("email"), claims.get("email_verified"))
}

fn address(email: Option<&str>, verdict: Option<&Value>) -> Option<String> {
    email.filter(|email| verdict == Some(&Value::Bool(true)) && is_address(email)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn l24_an_address_has_one_reading() {
        for good in ["robin@home.example", "Robin.O'Neil+x@home.example"] {
            assert!(is_address(good), "{good}");
            assert_eq!(Allow::parse(good), Ok(Allow::Email(good.to_owned())));
        }
        for bad in [
            "robin",
            "@home.example",
            "robin@",
            "robin@home",
            "robin@home.example@evil.example",
            "robin@home.example,eve@evil.example",
            "rob\u{456}n@home.example",
            "robin@h\u{3bf}me.example",
            "robin@home.example\n",
            "\"a@b\"@evil.example",
            "<robin@home.example>",
            "ro bin@home.example",
            "",
        ] {
            assert!(!is_address(bad), "{bad:?}");
            assert!(Allow::parse(bad).is_err(), "{bad:?}");
        }
        assert_eq!(Allow::parse("any"), Ok(Allow::Anybody));
        assert_eq!(Allow::parse("sub:1234"), Ok(Allow::Subject("1234".to_owned())));
        assert!(Allow::parse("sub:").is_err() && Allow::parse("*").is_err());
    }

    #[test]
    fn l24_an_address_counts_if_the_issuer_has_verified_it() {
        let email = Some("robin@home.example");
        assert_eq!(address(email, Some(&Value::Bool(true))).as_deref(), email);
        for verdict in [None, Some(Value::Bool(false)), Some(Value::Null), Some("true".into()), Some(1.into())] {
            assert_eq!(address(email, verdict.as_ref()), None, "{verdict:?}");
        }
        assert_eq!(address(Some("robin@home.example@evil.example"), Some(&Value::Bool(true))), None);
        let of = |address: &str| Claimed { name: None, verified_email: Some(address.to_owned()) };
        let list = Allow::Email("Robin@home.example".to_owned());
        assert!(list.names(&of("robin@HOME.example")));
        for other in ["robin@home.example.evil.example", "xrobin@home.example", "robin@home.exampl"] {
            assert!(!list.names(&of(other)), "{other}");
        }
        assert!(!list.names(&Claimed::default()));
    }

    #[test]
    fn a_purpose_is_read_as_it_was_written() {
        for purpose in [Purpose::Nothing, Purpose::Invited("ab".to_owned()), Purpose::Link("owner".to_owned())] {
            assert_eq!(Purpose::read(&purpose.written()), Some(purpose));
        }
        for other in ["august", "~sign-in/other/x", "~sign-in/", "~sign-inx", "~7f3a/august"] {
            assert_eq!(Purpose::read(other), None, "{other}");
        }
    }
}
