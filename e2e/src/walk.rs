//! One walk for every provider: a login that is denied, one that is approved, calls, errors, the end of a token, the end of a grant, a logout, and a
//! login on another device. The client has a file, and the imitation has one: where they agree, and Keyfob does what they say, the walk ends well.

use std::collections::BTreeMap;
use std::fmt;
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::{HeaderValue, Method};
use keyfob::proto::{
    Answer, App, Attach, Code, Deviation, Error as ProtoError, Flow, OAuth1Tokens, OAuth2Tokens, Origin, Secret, Settings, Timestamp,
    TokenSet, TransportKind,
};
use keyfob::store::Expected;
use keyfob::transport::{Body, HyperTransport, Sending, Transport};
use keyfob::{
    Account, AccountId, Call, Clock as _, DeviceLogin, Error, Grant, Health, Keyfob, Login, MemoryStore, Redirect, Revoked, Session,
    SystemClock,
};
use keyfob_interop::http as wire;
use keyfob_providers::{Action, Provider};
use keyfob_sandbox::{Habits, Imitation, Say};

use crate::library::REDIRECT_URI;

/// A client on its way.
struct Walk<'a> {
    imitation: &'a Imitation,
    habits: Habits,
    keyfob: Keyfob,
    provider: Provider,
    settings: Settings,
    app: App,
    silence: Silence,
}

/// Why a walk did not end well. Only the second says that client and provider differ.
#[derive(Clone, Debug)]
pub enum Failure {
    /// The client's file is no provider file, so that nobody set out.
    Refused(String),
    /// Somebody on the way said no.
    Ended(String),
    /// Somebody on the way said nothing, which is a fault of the imitation or a busy machine's, and no finding.
    Silent(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(why) => write!(f, "the file is refused: {why}"),
            Self::Ended(why) => write!(f, "{why}"),
            Self::Silent(why) => write!(f, "no answer came: {why}"),
        }
    }
}

/// The account's name.
const ME: &str = "me";

/// The way on which the walk's clients send: on this machine alone.
///
/// # Panics
/// If there is no certificate store.
pub fn transport() -> Arc<HyperTransport> {
    Arc::new(HyperTransport::builder().loopback_only(true).build().expect("a certificate store"))
}

/// Walks with the client's file to a provider that is imitated from its own.
///
/// # Errors
/// Where the walk ended, and why.
pub async fn walk(file: &str, imitation: &Imitation, transport: &Arc<HyperTransport>) -> Result<(), Failure> {
    walk_as(app(imitation), file, imitation, transport).await
}

/// The same as this app.
///
/// # Errors
/// As [`walk`].
pub async fn walk_as(app: App, file: &str, imitation: &Imitation, transport: &Arc<HyperTransport>) -> Result<(), Failure> {
    let silence = Silence::default();
    // Boxed, for it is large.
    let walked = Box::pin(set_out(app, file, imitation, transport, silence.clone())).await;
    walked.map_err(|failure| match failure {
        Failure::Ended(why) if silence.was_there() => Failure::Silent(why),
        other => other,
    })
}

async fn set_out(app: App, file: &str, imitation: &Imitation, transport: &Arc<HyperTransport>, silence: Silence) -> Result<(), Failure> {
    let name = imitation.app().service;
    let provider = keyfob_providers::check(file, &format!("{name}.toml"))
        .map_err(|problems| Failure::Refused(problems.first().map(ToString::to_string).unwrap_or_default()))?;
    let hosts: BTreeMap<Origin, Origin> =
        imitation.hosts().iter().filter_map(|(host, here)| Some((Origin::parse(host)?, Origin::parse(here)?))).collect();
    let provider = provider.at(&hosts);
    let listening = Listening { transport: transport.clone(), silence: silence.clone() };
    let keyfob = Keyfob::new(Arc::new(MemoryStore::new()), Arc::new(listening));
    let settings = keyfob.settings(&provider, &app).await.map_err(|error| Failure::Ended(format!("settings: {error}")))?;
    let walk = Walk { imitation, habits: imitation.habits(), keyfob, provider, settings, app, silence };
    let walked = walk.whole().await;
    walked.map_err(|why| match imitation.refusals().last() {
        Some(refusal) => Failure::Ended(format!("{why} (the provider: {refusal})")),
        None => Failure::Ended(why),
    })
}

/// Whether an answer was waited for in vain. The client's errors do not tell: where it expects an error, or any, a timeout would do.
#[derive(Clone, Default)]
struct Silence(Arc<AtomicBool>);

impl Silence {
    fn note(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn was_there(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A transport that notes it: of its own deadline, and of one further up, at which the request is dropped.
struct Listening {
    transport: Arc<HyperTransport>,
    silence: Silence,
}

/// A request under way. To be dropped then is silence.
struct Waiting<'a> {
    silence: &'a Silence,
    answered: bool,
}

impl Transport for Listening {
    fn send(&self, request: http::Request<Body>) -> Sending<'_> {
        Box::pin(async move {
            let mut waiting = Waiting { silence: &self.silence, answered: false };
            let answer = self.transport.send(request).await;
            waiting.answered = !matches!(&answer, Err(error) if error.kind == TransportKind::Timeout);
            answer
        })
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if !self.answered {
            self.silence.note();
        }
    }
}

/// The items of an imitated page, wherever they are.
fn texts(value: &serde_json::Value, found: &mut Vec<String>) {
    match value {
        serde_json::Value::String(text) if text.starts_with("item-") => found.push(text.clone()),
        serde_json::Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        serde_json::Value::Object(members) => members.values().for_each(|member| texts(member, found)),
        _ => {}
    }
}

/// The app that the provider knows.
pub fn app(imitation: &Imitation) -> App {
    let known = imitation.app();
    let mut app = match known.client_secret.as_str() {
        "" => App::public(known.client_id),
        secret => App::confidential(known.client_id, secret),
    };
    known.fields.into_iter().for_each(|(name, value)| app.set(&name, Secret::new(value)));
    app
}

impl Walk<'_> {
    async fn whole(&self) -> Result<(), String> {
        if self.settings.is_imported() {
            self.nobody_is_sent_away().await?;
        } else if self.is_device_only() {
            self.only_a_code_is_known().await?;
        } else if !self.is_one_legged() {
            self.denied().await?;
        }
        if self.habits.names_issuer {
            self.of_nobody().await?;
        }
        if self.habits.says_host {
            self.misled().await?;
        }
        self.log_in().await?;
        self.who().await?;
        self.calls().await?;
        self.errors().await?;
        self.limits().await?;
        self.pages().await?;
        for way in 0..self.habits.near_expiries {
            self.is_not_the_end(way).await?;
        }
        for way in 0..self.habits.near_revoked {
            self.is_not_taken_back(way).await?;
        }
        for way in 0..self.habits.revoked {
            self.taken_back(way).await?;
            self.log_in().await?;
        }
        for way in 0..self.habits.expiries {
            if way > 0 {
                // A refresh that was made a moment ago is not made again, so each end is another login's.
                self.log_in().await?;
            }
            self.renewed(way).await?;
        }
        if self.habits.renews {
            self.log_in().await?;
            self.renewed_in_time().await?;
        }
        if self.habits.expiries > 0 {
            self.log_in().await?;
            self.ended().await?;
        }
        if self.is_oauth2() {
            self.refused().await?;
        }
        self.log_in().await?;
        self.end_session().await?;
        self.log_out().await?;
        if self.habits.has_device_flow {
            self.on_another_device().await?;
        }
        Ok(())
    }

    async fn begin(&self) -> Result<(Login, String), String> {
        let redirect = Redirect::Uri(REDIRECT_URI.to_owned());
        let begun = Login::begin(&self.keyfob, &self.settings, &self.app, ME, redirect, vec![]).await;
        let login = begun.map_err(|error| format!("begin: {error}"))?;
        // A browser keeps it to itself.
        let (url, fragment) = login.url().split_once('#').map_or((login.url(), None), |(url, fragment)| (url, Some(fragment)));
        if fragment != self.habits.fragment.as_deref() {
            return Err(format!("the authorization URL ends with {fragment:?}, and not with {:?}", self.habits.fragment));
        }
        // What is pushed is not in the browser's URL (RFC 9126 §1).
        let is_pushed = url.contains("request_uri=urn");
        if is_pushed != self.habits.pushes || is_pushed && url.contains("redirect_uri=") {
            return Err("the request goes through the browser where it has to be pushed, or the other way round".to_owned());
        }
        let back = self.visit(url.to_owned()).await?;
        Ok((login, back))
    }

    /// A browser goes there; gives where it is sent.
    async fn visit(&self, url: String) -> Result<String, String> {
        let silence = self.silence.clone();
        let visit = move || {
            // Whatever else a file names, nobody goes there from here.
            if !Origin::parse(&url).is_some_and(|origin| origin.is_loopback()) {
                return Err("the browser is sent to a host that is none of the provider's".to_owned());
            }
            let answer = wire::send("GET", &url, &[], b"").map_err(|problem| {
                if matches!(problem.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock) {
                    silence.note();
                }
                problem.to_string()
            })?;
            answer.header("location").map(str::to_owned).ok_or_else(|| format!("the page answers {}", answer.status))
        };
        tokio::task::spawn_blocking(visit).await.map_err(|error| error.to_string())?
    }

    fn is_oauth2(&self) -> bool {
        matches!(self.settings.flow, Flow::OAuth2(_))
    }

    /// Where every answer names its issuer, one that names none may be another server's (RFC 9207 §2.4).
    async fn of_nobody(&self) -> Result<(), String> {
        self.imitation.hide_issuer(true);
        let begun = self.begin().await;
        self.imitation.hide_issuer(false);
        let (login, back) = begun?;
        match login.verify(Answer::Url(&back)) {
            Err(_) => Ok(()),
            Ok(_) => Err("an answer without issuer is verified".to_owned()),
        }
    }

    /// Where the login says the API's host, one that the file does not list gets no tokens.
    async fn misled(&self) -> Result<(), String> {
        self.imitation.mislead(true);
        let finished = async {
            let (login, back) = self.begin().await?;
            let verified = login.verify(Answer::Url(&back)).map_err(|error| format!("verify: {error}"))?;
            Ok::<_, String>(login.finish(verified).await)
        };
        let finished = finished.await;
        self.imitation.mislead(false);
        match finished? {
            Err(Error::Protocol(ProtoError::Misbehaved(_))) => {}
            Err(error) => return Err(format!("misled, and understood as {error}")),
            Ok(_) => return Err("an answer that leads to an unlisted host is taken".to_owned()),
        }
        let kept = self.keyfob.store().account(ME).await.map_err(|error| error.to_string())?;
        if kept.is_none() { Ok(()) } else { Err("an answer that leads to an unlisted host is kept".to_owned()) }
    }

    async fn denied(&self) -> Result<(), String> {
        self.imitation.deny(true);
        let begun = self.begin().await;
        self.imitation.deny(false);
        let (login, back) = begun?;
        match login.verify(Answer::Url(&back)) {
            Err(error) if matches!(&error, ProtoError::Refused(refused) if refused.code == Code::AccessDenied) && error.ends_login() => {
                Ok(())
            }
            Err(error) => Err(format!("denied: {error}")),
            Ok(_) => Err("denied, and verified all the same".to_owned()),
        }
    }

    /// As the client has it: one that is wrong about it makes no call that is signed rightly.
    fn is_one_legged(&self) -> bool {
        matches!(&self.settings.flow, Flow::OAuth1(flow) if flow.one_legged)
    }

    /// As the client has it, too.
    fn is_device_only(&self) -> bool {
        matches!(&self.settings.flow, Flow::OAuth2(flow) if flow.is_device_only())
    }

    /// No browser is sent to a provider that has no page for it, and who says no on another device has said so.
    async fn only_a_code_is_known(&self) -> Result<(), String> {
        if self.habits.is_visited {
            return Err("no browser is sent to a provider that has a page for it".to_owned());
        }
        self.nobody_is_sent_away().await?;
        let mut login = self.ask_for_code().await?;
        self.imitation.deny(true);
        let ended = login.wait().await;
        self.imitation.deny(false);
        match ended {
            Err(Error::Protocol(error))
                if matches!(&error, ProtoError::Refused(refused) if refused.code == Code::AccessDenied) && error.ends_login() =>
            {
                Ok(())
            }
            Err(error) => Err(format!("denied on another device: {error}")),
            Ok(_) => Err("denied on another device, and logged in all the same".to_owned()),
        }
    }

    async fn ask_for_code(&self) -> Result<DeviceLogin, String> {
        let begun = DeviceLogin::begin(&self.keyfob, &self.settings, &self.app, ME, vec![]).await;
        begun.map_err(|error| format!("another device: {error}"))
    }

    async fn log_in(&self) -> Result<(), String> {
        if self.is_one_legged() {
            let kept = keyfob::login::one_legged(&self.keyfob, &self.settings, &self.app, ME).await;
            return kept.map(drop).map_err(|error| format!("an account of the keys alone: {error}"));
        }
        if self.settings.is_imported() {
            return self.import().await;
        }
        if self.is_device_only() {
            let account = self.ask_for_code().await?.wait().await.map_err(|error| format!("another device: {error}"))?.account;
            return self.is_as_told(&account, true);
        }
        let (login, back) = self.begin().await?;
        let verified = login.verify(Answer::Url(&back)).map_err(|error| format!("verify: {error}"))?;
        let account = login.finish(verified).await.map_err(|error| format!("finish: {error}"))?.account;
        self.is_as_told(&account, true)
    }

    async fn nobody_is_sent_away(&self) -> Result<(), String> {
        let redirect = Redirect::Uri(REDIRECT_URI.to_owned());
        match Login::begin(&self.keyfob, &self.settings, &self.app, ME, redirect, vec![]).await {
            Err(Error::Protocol(ProtoError::Misuse(_))) => Ok(()),
            Err(error) => Err(format!("a login without a page is understood as {error}")),
            Ok(_) => Err("somebody is sent away where tokens are imported".to_owned()),
        }
    }

    /// Tokens that somebody made at the provider, kept as an import keeps them.
    async fn import(&self) -> Result<(), String> {
        let made = self.imitation.hand_out();
        let text = |name: &str| made.get(name).map(|text| Secret::new(text.as_str()));
        let needed = |name: &str| text(name).ok_or_else(|| format!("the provider makes no {name} for an import"));
        let now = self.keyfob.now();
        let tokens = match &self.settings.flow {
            Flow::OAuth1(_) => TokenSet::OAuth1(OAuth1Tokens { token: needed("token")?, secret: needed("token_secret")? }),
            _ => TokenSet::OAuth2(OAuth2Tokens {
                access: needed("access_token")?,
                refresh: text("refresh_token"),
                received_at: now,
                expires_at: made.get("expires_in").and_then(|seconds| seconds.parse().ok()).map(|seconds| now.plus(seconds)),
                refresh_expires_at: None,
                scopes: Vec::new(),
                identity: None,
                id_token: None,
                proof_key: None,
                resources: Vec::new(),
                authorization_details: Vec::new(),
            }),
        };
        let store = self.keyfob.store();
        if store.account(ME).await.map_err(|error| error.to_string())?.is_some() {
            let out = keyfob::logout(&self.keyfob, &self.settings, &self.app, ME, false).await;
            out.map_err(|error| format!("before another import: {error}"))?;
        }
        let account = Account {
            id: AccountId::random(),
            name: ME.to_owned(),
            provider: self.settings.provider.clone(),
            client_id: self.app.client_id.clone(),
            tokens,
            kept: BTreeMap::new(),
            origins: self.settings.origins(),
            requested_scopes: Vec::new(),
            tolerated: Vec::new(),
            grant: Grant::Approval,
            health: Health::Ok,
            logged_in_at: now,
            spending: None,
            refreshed: None,
        };
        store.put_account(&account, Expected::Nothing, None).await.map_err(|error| format!("an import: {error}"))?;
        self.is_as_told(&account, true)
    }

    /// What was told with the tokens has been understood.
    fn is_as_told(&self, account: &keyfob::Account, with_callback: bool) -> Result<(), String> {
        let habits = &self.habits;
        // Some of it is taken whatever the file says, and told: then the file says why.
        if let Some(name) = account.tolerated.iter().find(|name| !self.is_named(name)) {
            return Err(format!("{name} was tolerated, and the file does not name it"));
        }
        let tokens = &account.tokens;
        if with_callback && account.kept != habits.kept {
            return Err(format!("kept {:?}, where {:?} is worth keeping", account.kept, habits.kept));
        }
        let keyfob::proto::TokenSet::OAuth2(held) = tokens else { return Ok(()) };
        if held.scopes != habits.scopes {
            return Err(format!("granted {:?}, where the provider granted {:?}", held.scopes, habits.scopes));
        }
        let lifetime = held.expires_at.map(|end| end.since(held.received_at));
        // The moment of an `expires_at` is the server's, which may have begun a second earlier; a refresh token that stays is as old as the login.
        let close = |told: Option<i64>, found: Option<i64>| match (told, found) {
            (Some(told), Some(found)) => (told - 5..=told).contains(&found),
            (told, found) => told == found,
        };
        if !close(habits.lifetime, lifetime) {
            return Err(format!("the token lives {lifetime:?} seconds, where the provider says {:?}", habits.lifetime));
        }
        let good = held.refresh_expires_at.map(|end| end.since(held.received_at));
        if !close(habits.refresh_lifetime, good) {
            return Err(format!("the refresh token is good for {good:?} seconds, where the provider says {:?}", habits.refresh_lifetime));
        }
        if tokens.refresh_token().is_some() != habits.renews {
            return Err("a refresh token is missing, or there is one of nobody".to_owned());
        }
        Ok(())
    }

    /// Whether the file names a deviation, or says it by the way in which the app proves itself.
    fn is_named(&self, name: &str) -> bool {
        let by_client_auth = [Deviation::BasicRaw, Deviation::BasicSecret].iter().any(|deviation| deviation.name() == name);
        by_client_auth || self.provider.deviations.iter().any(|(deviation, _)| deviation.name() == name)
    }

    async fn session(&self) -> Result<Session, String> {
        let session = self.keyfob.session(self.settings.clone(), self.app.clone(), ME).await;
        session.map_err(|error| format!("session: {error}"))
    }

    /// Who has logged in, where the provider tells.
    async fn who(&self) -> Result<(), String> {
        if !self.habits.tells_who {
            return Ok(());
        }
        let person = self.session().await?.userinfo().await.map_err(|error| format!("who it is: {error}"))?;
        match person.claims.text("name") {
            Some(Imitation::PERSON) => Ok(()),
            other => Err(format!("{other:?} has logged in, and not {}", Imitation::PERSON)),
        }
    }

    /// The browser's session there is ended, and it comes back.
    async fn end_session(&self) -> Result<(), String> {
        if !self.habits.ends_sessions {
            return Ok(());
        }
        let ended = self.session().await?.end_session(Some(REDIRECT_URI));
        let (url, pending) = ended.map_err(|error| format!("the end of the session: {error}"))?;
        let back = self.visit(url.expose().to_owned()).await.map_err(|error| format!("the end of the session: {error}"))?;
        pending.returned(back.split_once('?').map_or("", |(_, query)| query)).map_err(|error| format!("back from the end: {error}"))
    }

    /// Every action that needs no arguments; the base URL, where there is none; and further origins.
    async fn calls(&self) -> Result<(), String> {
        for action in self.provider.overview() {
            self.act(Some(action)).await.map_err(|error| format!("{}: {error}", action.name))?;
        }
        self.act(None).await.map_err(|error| format!("the base URL: {error}"))?;
        let session = self.session().await?;
        for url in &self.habits.more {
            let answer = self.plain(&session, &format!("{url}/")).send().await.map_err(|error| format!("{url}: {error}"))?;
            answer.read().await.map_err(|error| format!("{url}: {error}"))?;
        }
        Ok(())
    }

    /// A call that is none of the file's actions. Where the token belongs into a form (RFC 6750 §2.2) there has to be one.
    fn plain(&self, session: &Session, url: &str) -> Call {
        match self.settings.api.attach {
            Attach::Body(_) => session.call(Method::POST, url).form([("what", "all")]),
            _ => session.call(Method::GET, url),
        }
    }

    async fn act(&self, action: Option<&Action>) -> Result<(), Error> {
        let session = self.keyfob.session(self.settings.clone(), self.app.clone(), ME).await?;
        let Some(action) = action else {
            self.plain(&session, "/").send().await?.read().await?;
            return Ok(());
        };
        let said = action.at(&BTreeMap::new(), SystemClock.now());
        let request = session.look(|account| action.request(&said, &account.kept)).map_err(ProtoError::from)?;
        let mut call = session.call(request.method, request.target);
        for (name, value) in request.headers {
            call = call.header(name, value);
        }
        if let Some((media_type, bytes)) = request.body {
            call = call.body(HeaderValue::from_static(media_type), bytes);
        }
        call.send().await?.read().await?;
        Ok(())
    }

    /// The call that errors are the answer to.
    async fn probe(&self) -> Result<(), Error> {
        self.act(self.provider.overview().next()).await
    }

    async fn errors(&self) -> Result<(), String> {
        for at in 0..self.habits.messages {
            self.imitation.say(Say::Error(at));
            match self.probe().await {
                Err(Error::Api(error)) if error.message.as_deref() == Some(Imitation::SENTENCE) => {}
                other => return Err(format!("the sentence of an error is not found, but {other:?}")),
            }
        }
        for at in 0..self.habits.failures {
            self.imitation.say(Say::Failure(at));
            match self.probe().await {
                Err(Error::Api(_)) => {}
                other => return Err(format!("a failure is not seen as one: {other:?}")),
            }
        }
        for at in 0..self.habits.near_failures {
            self.imitation.say(Say::NearFailure(at));
            self.probe().await.map_err(|error| format!("a success is taken for a failure: {error}"))?;
        }
        Ok(())
    }

    /// How many calls are left is understood, and waited for where none are.
    async fn limits(&self) -> Result<(), String> {
        let told = |answer: &keyfob::Answer| {
            let limit = answer.limit()?;
            Some((limit.limit, limit.remaining, limit.resets_at.map(|moment| moment.since(self.keyfob.now()))))
        };
        let session = self.session().await?;
        if !self.habits.counts.is_empty() {
            return self.counts(&session).await;
        }
        let answer = self.plain(&session, "/").send().await.map_err(|error| format!("the base URL: {error}"))?;
        let (found, wanted) = (told(&answer), self.habits.limit);
        let close = match (found.and_then(|found| found.2), wanted.and_then(|wanted| wanted.2)) {
            // On a busy machine some of the time is over.
            (Some(found), Some(wanted)) => (wanted - 25..=wanted + 1).contains(&found),
            (found, wanted) => found == wanted,
        };
        let counts = |limit: Option<(Option<u64>, Option<u64>, Option<i64>)>| limit.map(|limit| (limit.0, limit.1));
        if !close || counts(found) != counts(wanted) {
            return Err(format!("the rate limit is {wanted:?}, and {found:?} is understood"));
        }
        if wanted.and_then(|wanted| wanted.2).is_some() {
            self.imitation.say(Say::TooMany);
            self.probe().await.map_err(|error| format!("too many calls, and nobody waits: {error}"))?;
        }
        Ok(())
    }

    /// Of several counts that are told at once, the one with the fewest left is what counts.
    async fn counts(&self, session: &Session) -> Result<(), String> {
        for (at, (limit, period)) in self.habits.counts.iter().enumerate() {
            self.imitation.say(Say::Fewest(at));
            let answer = self.plain(session, "/").send().await.map_err(|error| format!("the base URL: {error}"))?;
            let found = answer.limit().ok_or("of several counts none is understood")?;
            // Its next period begins at a whole multiple of its length. The second after 1970 began tells which: now and then the next multiples of two
            // lengths are one and the same.
            let limits = self.settings.api.limits.as_ref();
            let first = limits.and_then(|limits| limits.read(answer.headers(), Timestamp::from_unix(1)));
            let begins = match (found.resets_at, period) {
                (None, None) => true,
                (Some(moment), Some(period)) => {
                    let first = first.and_then(|first| first.resets_at);
                    moment.as_unix() % period == 0 && first.is_some_and(|first| first.as_unix() == *period)
                }
                _ => false,
            };
            if found.limit != *limit || found.remaining != self.habits.limit.and_then(|limit| limit.1) || !begins {
                return Err(format!("the count {at} is of {limit:?} calls in {period:?} seconds, and {found:?} is understood"));
            }
        }
        Ok(())
    }

    /// A long answer, page by page to its end.
    async fn pages(&self) -> Result<(), String> {
        let counted = self.habits.pages;
        let Some(pages) = self.provider.pages() else {
            return if counted == 0 { Ok(()) } else { Err("how a long answer goes on is not known".to_owned()) };
        };
        self.imitation.say(Say::Page(0));
        let mut url = format!("{}/", self.session().await?.settings().api.base.as_str().trim_end_matches('/'));
        let (mut read, mut items) = (0, Vec::new());
        loop {
            let session = self.session().await?;
            let answer = self.plain(&session, &url).send().await.map_err(|error| format!("page {read}: {error}"))?;
            let page = answer.json().await.map_err(|error| format!("page {read}: {error}"))?;
            texts(&page, &mut items);
            let Some(next) = pages.next(&url, &page) else { break };
            (read, url) = (read + 1, next);
            // Behind the last page may be one more, without items.
            if read > counted {
                return Err("a long answer has no end".to_owned());
            }
        }
        // What it was told to say next is not for the others.
        self.imitation.say_nothing();
        if items.len() != 2 * counted {
            return Err(format!("{items:?} are the items of {counted} pages"));
        }
        Ok(())
    }

    /// An answer that looks like the end of the token renews nothing.
    async fn is_not_the_end(&self, way: usize) -> Result<(), String> {
        let before = self.imitation.refreshes();
        self.imitation.say(Say::NearExpiry(way));
        match self.probe().await {
            Ok(()) | Err(Error::Api(_)) if self.imitation.refreshes() == before => Ok(()),
            other => Err(format!("an error is taken for the end of a token: {other:?}")),
        }
    }

    /// An answer that looks as if the token had been taken back sends nobody to log in.
    async fn is_not_taken_back(&self, way: usize) -> Result<(), String> {
        self.imitation.say(Say::NearRevoked(way));
        match self.probe().await {
            Ok(()) | Err(Error::Api(_)) => Ok(()),
            other => Err(format!("an error is taken for a token that was taken back: {other:?}")),
        }
    }

    /// The person takes back what they allowed, and nobody finds out but by a call: one that renews itself does so, and the others need a login.
    async fn taken_back(&self, way: usize) -> Result<(), String> {
        let before = self.imitation.refreshes();
        self.imitation.say(Say::Revoked(way));
        let understood = match self.probe().await {
            Ok(()) => self.habits.renews && self.imitation.refreshes() == before + 1,
            Err(Error::NeedsLogin { .. }) => !self.habits.renews,
            Err(_) => false,
        };
        if understood { Ok(()) } else { Err(format!("a token that was taken back in way {way} is not noticed")) }
    }

    async fn renewed(&self, way: usize) -> Result<(), String> {
        let (before, session) = (self.imitation.refreshes(), self.session().await?);
        let refresh = |session: &Session| session.account().tokens.refresh_token().map(|token| token.expose().to_owned());
        let spent = refresh(&session);
        self.imitation.expire(way);
        self.probe().await.map_err(|error| format!("expired in way {way}: {error}"))?;
        if self.imitation.refreshes() != before + 1 {
            return Err("nothing was renewed".to_owned());
        }
        if (refresh(&self.session().await?) != spent) != self.habits.rotates {
            return Err("the wrong refresh token is kept".to_owned());
        }
        self.is_as_told(&self.session().await?.account(), true)
    }

    /// Before anything has ended.
    async fn renewed_in_time(&self) -> Result<(), String> {
        let before = self.imitation.refreshes();
        let account = self.session().await?.refresh().await.map_err(|error| format!("a renewal in time: {error}"))?;
        if self.imitation.refreshes() != before + 1 {
            return Err("nothing was renewed in time".to_owned());
        }
        self.is_as_told(&account, true)?;
        self.probe().await.map_err(|error| format!("renewed in time: {error}"))
    }

    /// The person takes back what they allowed.
    async fn ended(&self) -> Result<(), String> {
        self.imitation.forget();
        match self.probe().await {
            Err(Error::NeedsLogin { .. }) => Ok(()),
            other => Err(format!("the end of a grant is not understood: {other:?}")),
        }
    }

    /// The token endpoint says no, with a status of failure or with that of success: it is a no either way (RFC 6749 §5.2), at a login and at a renewal.
    async fn refused(&self) -> Result<(), String> {
        // What is not the RFC's error comes with the RFC's status alone.
        let own = [Deviation::ErrorsArray, Deviation::ErrorCode].iter().any(|deviation| self.settings.deviations.contains(deviation));
        for status in [400, 200].into_iter().filter(|status| *status == 400 || !own) {
            if !self.settings.is_imported() {
                self.refused_login(status).await?;
            }
            if self.habits.expiries > 0 {
                self.log_in().await?;
                self.imitation.refuse(true, Some(status));
                self.imitation.expire(0);
                let ended = self.probe().await;
                self.imitation.refuse(false, None);
                if !matches!(ended, Err(Error::NeedsLogin { .. })) {
                    return Err(format!("a renewal is refused with status {status}, and understood as {ended:?}"));
                }
            }
        }
        Ok(())
    }

    async fn refused_login(&self, status: u16) -> Result<(), String> {
        let finished = if self.is_device_only() {
            let mut login = self.ask_for_code().await?;
            self.imitation.refuse(true, Some(status));
            login.wait().await
        } else {
            let (login, back) = self.begin().await?;
            let verified = login.verify(Answer::Url(&back)).map_err(|error| format!("verify: {error}"))?;
            self.imitation.refuse(true, Some(status));
            login.finish(verified).await
        };
        self.imitation.refuse(false, None);
        match finished {
            Err(Error::Protocol(ProtoError::Refused(refused)))
                if refused.code == Code::InvalidGrant
                    && refused.description.as_deref() == self.habits.says_why.then_some(Imitation::NO) =>
            {
                Ok(())
            }
            Err(error) => Err(format!("refused with status {status}, and understood as {error}")),
            Ok(_) => Err(format!("refused with status {status}, and taken for tokens")),
        }
    }

    async fn log_out(&self) -> Result<(), String> {
        let out = keyfob::logout(&self.keyfob, &self.settings, &self.app, ME, true).await.map_err(|error| format!("logout: {error}"))?;
        match (&out.revoked, self.habits.revokes) {
            (Revoked::NoEndpoint, false) => Ok(()),
            (Revoked::Yes, true) if out.account.tokens.secrets().iter().all(|token| !self.imitation.knows(token.expose())) => Ok(()),
            (other, _) => Err(format!("logout: {other:?}")),
        }
    }

    async fn on_another_device(&self) -> Result<(), String> {
        let mut login = self.ask_for_code().await?;
        let (page, lifetime) = &self.habits.device_page;
        if login.verification_uri() != page {
            return Err(format!("another device: people are sent to {}, and not to {page}", login.verification_uri()));
        }
        let left = login.expires_at().since(self.keyfob.now());
        if !(lifetime - 60..=*lifetime).contains(&left) {
            return Err(format!("another device: the code is good for {left} seconds, and not for {lifetime}"));
        }
        let account = login.wait().await.map_err(|error| format!("another device: {error}"))?.account;
        self.is_as_told(&account, false)?;
        self.calls().await
    }
}
