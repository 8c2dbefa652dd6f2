//! Client-initiated backchannel authentication (OpenID CIBA Core 1.0): the server asks the person itself, on a device it knows.

use http::header::AUTHORIZATION;
use serde::{Deserialize, Serialize};

use super::poll::{Poll, Question, Step, Waiting};
use crate::deviation::Tolerated;
use crate::entropy::{Entropy, token256};
use crate::error::{Error, Misbehaved, Misuse, Transport};
use crate::message::{Incoming, Outgoing, is_vschar, media_type};
use crate::oauth2::access_request::{AccessRequest, Asked};
use crate::oauth2::authorize::spaced;
use crate::oauth2::client::Client;
use crate::oauth2::json;
use crate::oauth2::json_answer::{self, Members};
use crate::oauth2::settings::TokenBody;
use crate::scrub::Scrubber;
use crate::secret::{Secret, stored};
use crate::time::Timestamp;

const SECTION: &str = "OpenID CIBA Core §7.3";
const NOTIFICATION: &str = "OpenID CIBA Core §10.2";
const GRANT_TYPE: &str = "urn:openid:params:grant-type:ciba";

/// A ping may get lost. So it is asked without one, too, but this many times less often.
const WITHOUT_PING: i64 = 6;

/// Whom to ask, and for what (§7.1).
#[derive(Clone, Debug)]
pub struct BackchannelRequest {
    /// Whom: one hint, and exactly one.
    pub hint: Hint,
    /// Scopes (`openid` must be among them), resources, authorization details.
    pub access: AccessRequest,
    /// Authentication contexts, in order of preference.
    pub acr_values: Vec<String>,
    /// Shown to the person on both devices, so that they can tell which request this is.
    pub binding_message: Option<String>,
    /// A secret of the person's, where the server asks for one before it disturbs them.
    pub user_code: Option<Secret>,
    /// How long the request should stay open, in seconds.
    pub requested_expiry: Option<u32>,
    /// How the answer is learnt of, as the app is registered.
    pub delivery: Delivery,
}

impl BackchannelRequest {
    /// Asks this person for these scopes, by polling.
    pub fn new(hint: Hint, access: AccessRequest) -> Self {
        Self {
            hint,
            access,
            acr_values: Vec::new(),
            binding_message: None,
            user_code: None,
            requested_expiry: None,
            delivery: Delivery::Poll,
        }
    }
}

/// Who is meant (§7.1).
#[derive(Clone, Debug)]
pub enum Hint {
    /// `login_hint`: a telephone number, an address, a name.
    Login(String),
    /// `login_hint_token`.
    LoginToken(Secret),
    /// `id_token_hint`: an ID token of an earlier login.
    IdToken(Secret),
}

/// How the answer is learnt of (§5). Push, where the server sends the tokens to us, is not spoken: tokens would have to be taken from whoever
/// knocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Delivery {
    /// By asking.
    #[default]
    Poll,
    /// By asking, once the server has told us that there is an answer.
    Ping,
}

impl Client {
    /// Asks the server to ask somebody (§7.1). For [`Delivery::Ping`] draws 32 bytes of entropy: what the notification must carry.
    ///
    /// # Errors
    ///
    /// `Misuse` if the provider has no backchannel authentication endpoint, the app has nothing to prove who it is, `openid` is not among the
    /// scopes, or a field cannot be what its documentation says.
    pub fn backchannel_authentication(
        &self,
        request: &BackchannelRequest,
        entropy: &dyn Entropy,
    ) -> Result<BackchannelAuthentication, Error> {
        let Some(endpoint) = &self.shared.settings.backchannel_authentication else {
            return Err(Misuse::new("a provider with a backchannel authentication endpoint", "one without")
                .of("OpenID CIBA Core §7.1")
                .with_hint("see whether the provider has such logins, and name the endpoint in its file")
                .into());
        };
        if !self.is_confidential() {
            return Err(Misuse::new("an app with a secret", "a public one")
                .of("OpenID CIBA Core §7.1")
                .with_hint("give the app its secret or key")
                .into());
        }
        let asked = request.access.parameters(self)?;
        if !asked.scopes.iter().any(|scope| scope == "openid") {
            return Err(Misuse::new("the scope openid", "other scopes")
                .of("OpenID CIBA Core §7.1")
                .with_hint("ask for openid, too")
                .into());
        }
        self.shared.settings.check_id_tokens(&asked.scopes)?;
        let notification = (request.delivery == Delivery::Ping).then(|| token256(entropy));
        let acr_values = spaced("acr_values", &request.acr_values)?;
        let expiry = match request.requested_expiry {
            Some(0) => {
                return Err(Misuse::new("a requested_expiry of at least a second", "0")
                    .of("OpenID CIBA Core §7.1")
                    .with_hint("leave it away, or give a second at least")
                    .into());
            }
            other => other.map(|seconds| seconds.to_string()),
        };
        if let Some(message) = request.binding_message.as_ref().filter(|text| text.is_empty() || crate::scrub::printable(text) != **text) {
            let found = format!("\"{}\", or more than can be shown", crate::scrub::printable(message));
            return Err(Misuse::new("a binding_message that can be shown", found)
                .of("OpenID CIBA Core §7.1")
                .with_hint("make it short, of visible characters")
                .into());
        }
        let mut scrubber = self.scrubber();
        let hint = match &request.hint {
            Hint::Login(text) if text.is_empty() => {
                return Err(Misuse::new("a login_hint", "an empty one")
                    .of("OpenID CIBA Core §7.1")
                    .with_hint("say whom it is about")
                    .into());
            }
            Hint::Login(text) => ("login_hint", text.as_str()),
            Hint::LoginToken(token) | Hint::IdToken(token) => {
                if !is_vschar(token.expose()) {
                    return Err(Misuse::new("a token as hint", "nothing, or text with spaces or control characters")
                        .of("OpenID CIBA Core §7.1")
                        .with_hint("give the token as its server gave it")
                        .into());
                }
                scrubber = scrubber.knowing(token);
                let name = if matches!(request.hint, Hint::IdToken(_)) { "id_token_hint" } else { "login_hint_token" };
                (name, token.expose())
            }
        };
        let mut body: Vec<_> = asked.pairs().collect();
        body.push(hint);
        body.extend(notification.iter().map(|token| ("client_notification_token", token.expose())));
        body.extend(acr_values.iter().map(|values| ("acr_values", values.as_str())));
        body.extend(request.binding_message.iter().map(|message| ("binding_message", message.as_str())));
        body.extend(request.user_code.iter().map(|code| ("user_code", code.expose())));
        body.extend(expiry.iter().map(|seconds| ("requested_expiry", seconds.as_str())));
        let outgoing = self.back_channel(endpoint, body, TokenBody::Form)?;
        scrubber = [&notification, &request.user_code].into_iter().flatten().fold(scrubber, Scrubber::knowing);
        Ok(BackchannelAuthentication { client: self.clone(), request: outgoing, notification, asked, scrubber })
    }
}

/// A backchannel authentication request, under way.
pub struct BackchannelAuthentication {
    client: Client,
    request: Outgoing,
    notification: Option<Secret>,
    asked: Asked,
    scrubber: Scrubber,
}

impl std::fmt::Debug for BackchannelAuthentication {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BackchannelAuthentication").field("request", &self.request).finish_non_exhaustive()
    }
}

impl BackchannelAuthentication {
    /// What to send.
    pub fn request(&self) -> &Outgoing {
        &self.request
    }

    /// Judges the answer (§7.3).
    ///
    /// # Errors
    ///
    /// `Refused` for the server's typed `error` (§13); `Misbehaved` for everything that is not one JSON object with what has to be there.
    pub fn receive<'a>(self, answer: impl Into<Incoming<'a>>, now: Timestamp) -> Result<BackchannelLogin, Error> {
        let (answer, mut tolerated) = (answer.into(), Tolerated::new());
        let allowed = &self.client.shared.deviations;
        let object = json_answer::read(answer, SECTION, "an auth_req_id", allowed, &self.scrubber, &mut tolerated)?;
        let members = Members { object: &object, section: SECTION, status: Some(answer.status), allowed, tolerated: &mut tolerated };
        let auth_req_id = members.required_token("auth_req_id")?;
        let lifetime = members.seconds("expires_in")?.ok_or_else(|| members.missing("expires_in"))?;
        let patience = if self.notification.is_some() { WITHOUT_PING } else { 1 };
        let poll = Poll::new(members.seconds("interval")?, patience, lifetime, now);
        let waiting = Waiting::new(&self.client, poll, self.asked, &tolerated);
        Ok(BackchannelLogin { auth_req_id, notification: self.notification, waiting })
    }
}

/// A login that somebody is being asked about. Made to be stored, so that it survives a restart; its serialised form holds `auth_req_id` and
/// the notification token in clear: seal it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BackchannelLogin {
    #[serde(with = "stored")]
    auth_req_id: Secret,
    #[serde(default, with = "stored::option")]
    notification: Option<Secret>,
    waiting: Waiting,
}

impl BackchannelLogin {
    /// What names this login, in a notification too: `auth_req_id`. A secret (§7.3).
    pub fn key(&self) -> &Secret {
        &self.auth_req_id
    }

    /// Whether it has ended, one way or the other: nothing is asked any more.
    pub fn is_decided(&self) -> bool {
        self.waiting.poll.is_decided()
    }

    /// When the login ends undecided.
    pub fn expires_at(&self) -> Timestamp {
        self.waiting.poll.expires_at()
    }

    /// Seconds between two questions, as things stand.
    pub fn interval(&self) -> i64 {
        self.waiting.poll.interval()
    }

    /// What to do now: ask, or wait. Where a ping is expected, it is asked without one as well, but more seldom.
    ///
    /// # Errors
    ///
    /// `Misuse` if the login has expired or was decided (these [end the login](Error::ends_login)), or belongs to another client.
    pub fn step(&mut self, client: &Client, now: Timestamp) -> Result<Step, Error> {
        let Self { auth_req_id, waiting, .. } = self;
        waiting.step(client, question(auth_req_id), now)
    }

    /// Judges the answer to a question, as [`DeviceLogin::receive`](super::DeviceLogin::receive) does.
    ///
    /// # Errors
    ///
    /// `Refused` if somebody said no, or the time is over: these [end the login](Error::ends_login). `Misbehaved` as for every token answer;
    /// the login lives on.
    pub fn receive<'a>(&mut self, client: &Client, answer: impl Into<Incoming<'a>>, now: Timestamp) -> Result<Step, Error> {
        let Self { auth_req_id, waiting, .. } = self;
        waiting.receive(client, question(auth_req_id), answer.into(), now)
    }

    /// The question or its answer did not get through: asks again after a pause that doubles each time.
    ///
    /// # Errors
    ///
    /// The failure itself, if it will not go away (no trust, a forbidden address); the login lives on.
    pub fn unreachable(&mut self, failure: Transport, now: Timestamp) -> Result<Step, Error> {
        self.waiting.unreachable(failure, now)
    }

    /// Judges a notification (§10.2): a POST to our notification endpoint, with the token that only this server knows, about this login. Then
    /// it can be asked at once. Answer it with 204, whatever comes of it.
    ///
    /// # Errors
    ///
    /// `Misbehaved` if the token is another one, the login is, or the notification brings tokens (push, §10.3): none of them changes anything.
    /// `Misuse` if no ping was asked for.
    pub fn notified(&mut self, headers: &http::HeaderMap, body: &[u8], now: Timestamp) -> Result<(), Error> {
        let Some(expected) = &self.notification else {
            return Err(Misuse::new("a login that asked for a ping", "one that polls")
                .of("OpenID CIBA Core §10.2")
                .with_hint("ask again when Step says so; or begin the login with Delivery::Ping")
                .into());
        };
        let broke = |expected: &str, found: &str| Misbehaved::new(NOTIFICATION, expected, found);
        // The token first, in constant time: what comes without it is from anybody.
        let mut authorization = headers.get_all(AUTHORIZATION).iter();
        let (Some(value), None) = (authorization.next(), authorization.next()) else {
            return Err(broke("one Authorization header", "none, or several").into());
        };
        let token = value.to_str().ok().and_then(|text| text.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        if !token.is_some_and(|(_, token)| expected.same_as(token.trim_start_matches(' '))) {
            return Err(broke("the notification token of this login", "another one").into());
        }
        if body.len() > Outgoing::LARGEST_ANSWER || media_type(headers) != "application/json" {
            return Err(broke("a short JSON body", "something else").into());
        }
        let object = json::object(body).map_err(|found| Misbehaved::new(NOTIFICATION, "one JSON object", found))?;
        if !object.get("auth_req_id").and_then(serde_json::Value::as_str).is_some_and(|id| self.auth_req_id.same_as(id)) {
            return Err(broke("the auth_req_id of this login", "another one, or none").into());
        }
        if let Some(name) = ["access_token", "id_token", "refresh_token", "error"].iter().find(|name| object.contains_key(**name)) {
            let error = Misbehaved::new("OpenID CIBA Core §10.3", "a ping, which says nothing more", format!("{name}: a push"));
            return Err(error.with_hint("register the app for ping or poll; tokens are only taken from the token endpoint").into());
        }
        self.waiting.poll.at_once(now);
        Ok(())
    }
}

fn question(auth_req_id: &Secret) -> Question<'_> {
    Question { grant_type: GRANT_TYPE, name: "auth_req_id", value: auth_req_id }
}
