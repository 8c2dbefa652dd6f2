//! Device authorization grant (RFC 8628): the person approves on another device, where a browser is, with a short code.

use http::Method;
use serde::{Deserialize, Serialize};

use super::poll::{Poll, Question, Step, Waiting};
use crate::deviation::{Deviation, Tolerated};
use crate::encode;
use crate::endpoint::Endpoint;
use crate::error::{Error, Misbehaved, Misuse, Transport};
use crate::message::{Incoming, Outgoing};
use crate::oauth2::access_request::{AccessRequest, Asked};
use crate::oauth2::client::Client;
use crate::oauth2::json_answer::{self, Members};
use crate::oauth2::settings::TokenBody;
use crate::secret::{Secret, stored};
use crate::time::Timestamp;

const SECTION: &str = "RFC 8628 §3.2";
const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// Nobody types more than this.
const LONGEST_USER_CODE: usize = 64;
const LONGEST_URI: usize = 2048;

impl Client {
    /// Begins a login on another device (§3.1).
    ///
    /// ```
    /// use keyfob_proto::oauth2::{AccessRequest, Step};
    /// # use keyfob_proto::{App, Endpoint, Flow, Settings, Timestamp, oauth2};
    /// # let endpoint = |url| Endpoint::parse(url).unwrap();
    /// # let mut flow = oauth2::Settings::new(endpoint("https://login.example/authorize"), endpoint("https://login.example/token"));
    /// # flow.device_authorization = Some(endpoint("https://login.example/device"));
    /// # let provider = Settings::new("example", Flow::OAuth2(flow), endpoint("https://api.example"));
    /// # let client = oauth2::Client::new(&provider, App::public("id"))?;
    /// # let mut now = Timestamp::from_unix(1_795_000_000);
    /// # let send = |outgoing: &keyfob_proto::Outgoing| {
    /// #     let body = if outgoing.uri().path() == "/device" {
    /// #         r#"{"device_code":"d-1","user_code":"WDJB-MJHT","verification_uri":"https://login.example/activate","expires_in":900}"#
    /// #     } else {
    /// #         r#"{"access_token":"access-1","token_type":"Bearer"}"#
    /// #     };
    /// #     http::Response::builder().header("content-type", "application/json").body(body).unwrap()
    /// # };
    ///
    /// let request = client.device_authorization(&AccessRequest::scopes(["read"]))?;
    /// let answer = send(request.request());
    /// let mut login = request.receive(&answer, now)?;
    /// assert_eq!((login.verification_uri(), login.user_code()), ("https://login.example/activate", "WDJB-MJHT"));
    ///
    /// let received = loop {
    ///     let step = match login.step(&client, now)? {
    ///         Step::Send(outgoing) => login.receive(&client, &send(&outgoing), now)?,
    ///         other => other,
    ///     };
    ///     match step {
    ///         Step::WaitUntil(at) => now = at, // sleep until then
    ///         Step::Done(received) => break received,
    ///         Step::Send(_) => unreachable!("an answer is not answered by a question"),
    ///     }
    /// };
    /// # assert_eq!(now, Timestamp::from_unix(1_795_000_005));
    /// # assert_eq!(received.tokens.secrets()[0].expose(), "access-1");
    /// # Ok::<(), keyfob_proto::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// `Misuse` if the provider has no device authorization endpoint.
    pub fn device_authorization(&self, request: &AccessRequest) -> Result<DeviceAuthorization, Error> {
        let Some(endpoint) = &self.shared.settings.device_authorization else {
            return Err(Misuse::new("a provider with a device authorization endpoint", "one without")
                .of("RFC 8628 §3.1")
                .with_hint("choose another way to log in, or name the endpoint in the provider's file: endpoints.device")
                .into());
        };
        let asked = request.parameters(self)?;
        self.shared.settings.check_id_tokens(&asked.scopes)?;
        let outgoing = match &self.shared.settings.pin {
            None => self.back_channel(endpoint, asked.pairs(), TokenBody::Form)?,
            // As a browser would ask: what says who we are beside the id has no place in a URL.
            Some(pin) => {
                let settings = &self.shared.settings;
                let said = [("response_type", pin.response_type.as_str()), (settings.name_of("client_id"), &self.shared.app.client_id)];
                let asked = asked.pairs().map(|(name, value)| (settings.name_of(name), value));
                Outgoing::new(Method::GET, endpoint).accept_json().asking(&encode::form_pairs(said.into_iter().chain(asked)))?
            }
        };
        Ok(DeviceAuthorization { client: self.clone(), request: outgoing, asked })
    }
}

/// A device authorization request, under way (RFC 8628 §3.1).
pub struct DeviceAuthorization {
    client: Client,
    request: Outgoing,
    asked: Asked,
}

impl std::fmt::Debug for DeviceAuthorization {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeviceAuthorization").field("request", &self.request).finish_non_exhaustive()
    }
}

impl DeviceAuthorization {
    /// What to send.
    pub fn request(&self) -> &Outgoing {
        &self.request
    }

    /// Judges the answer (§3.2). What is shown to the person is held to what they can use and nothing can hide in: a code of visible ASCII, an
    /// `https` address (`http` on loopback).
    ///
    /// # Errors
    ///
    /// `Refused` for the server's typed `error`; `Misbehaved` for everything that is not one JSON object with what has to be there.
    pub fn receive<'a>(self, answer: impl Into<Incoming<'a>>, now: Timestamp) -> Result<DeviceLogin, Error> {
        let (answer, mut tolerated) = (answer.into(), Tolerated::new());
        let allowed = &self.client.shared.deviations;
        let mut object = json_answer::read(answer, SECTION, "a device code", allowed, &self.client.scrubber(), &mut tolerated)?;
        let pin = self.client.shared.settings.pin.as_ref();
        if let Some(pin) = pin {
            object.rename(&pin.user_code, "user_code");
            object.rename(&pin.device_code, "device_code");
        }
        let status = Some(answer.status);
        let mut members = Members { object: &object, section: SECTION, status, allowed, tolerated: &mut tolerated };
        let device_code = members.required_token("device_code")?;
        let user_code = user_code(&members)?;
        let (verification_uri, verification_uri_complete) = match pin {
            // No answer has it, and one that did would send people elsewhere.
            Some(pin) => (pin.page.as_str().to_owned(), None),
            None => places(&mut members)?,
        };
        let lifetime = members.seconds("expires_in")?.ok_or_else(|| members.missing("expires_in"))?;
        let lifetime = lifetime.saturating_mul(pin.map_or(1, |pin| u64::from(pin.unit)));
        let poll = Poll::new(members.seconds("interval")?, 1, lifetime, now);
        let waiting = Waiting::new(&self.client, poll, self.asked, &tolerated);
        Ok(DeviceLogin { device_code, user_code, verification_uri, verification_uri_complete, waiting })
    }
}

/// Where the code is entered, without it and with it.
fn places(members: &mut Members<'_>) -> Result<(String, Option<String>), Misbehaved> {
    let object = members.object;
    let name = if object.contains_key("verification_uri") || !object.contains_key("verification_url") {
        "verification_uri"
    } else {
        members.tolerate(Deviation::VerificationUrl, "verification_uri", "verification_url")?;
        "verification_url"
    };
    let verification_uri = uri(members, name)?.ok_or_else(|| members.missing(name))?;
    let complete = match uri(members, "verification_uri_complete")? {
        None if name == "verification_url" => uri(members, "verification_url_complete")?,
        complete => complete,
    };
    Ok((verification_uri, complete))
}

/// Terminal escapes hide in codes (CVE-2024-50349), and so do letters that look like others: ASCII it is, and short enough to type.
fn user_code(members: &Members<'_>) -> Result<String, Misbehaved> {
    let code = members.text("user_code")?.ok_or_else(|| members.missing("user_code"))?;
    let fit = code.len() <= LONGEST_USER_CODE
        && code.bytes().all(|byte| (0x20..=0x7e).contains(&byte))
        && !code.starts_with(' ')
        && !code.ends_with(' ')
        && !code.is_empty();
    if fit { Ok(code.to_owned()) } else { Err(members.broke("user_code", "at most 64 characters of visible ASCII", "something else")) }
}

/// An address that a person is sent to, and that may be opened: `https`, or `http` on loopback, of the characters that URIs have (RFC 3986
/// §2) but for quotes.
fn uri(members: &Members<'_>, name: &str) -> Result<Option<String>, Misbehaved> {
    let Some(text) = members.text(name)? else { return Ok(None) };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?[]@!$&()*+,;=%".contains(&byte);
    if text.len() <= LONGEST_URI && text.bytes().all(plain) && Endpoint::parse(text).is_ok() {
        return Ok(Some(text.to_owned()));
    }
    Err(members.broke(name, "an https address (http on loopback)", "something else"))
}

/// A login that is being approved on another device. Made to be stored, so that it survives a restart; its serialised form holds the device
/// code in clear: seal it.
///
/// Whoever shows the code should say that it is to be entered only by whoever began this login: codes that are sent to others are a way to
/// steal an approval (§5.4).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeviceLogin {
    #[serde(with = "stored")]
    device_code: Secret,
    user_code: String,
    verification_uri: String,
    verification_uri_complete: Option<String>,
    waiting: Waiting,
}

impl DeviceLogin {
    /// What names this login: the device code. Never shown (§5.2).
    pub fn key(&self) -> &Secret {
        &self.device_code
    }

    /// The code that the person enters there.
    pub fn user_code(&self) -> &str {
        &self.user_code
    }

    /// Where they enter it.
    pub fn verification_uri(&self) -> &str {
        &self.verification_uri
    }

    /// The same with the code in it, for a link or a QR code; the code is shown beside it all the same, to be compared (§3.3.1).
    pub fn verification_uri_complete(&self) -> Option<&str> {
        self.verification_uri_complete.as_deref()
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

    /// What to do now: ask, or wait. Who asks counts as having asked, whatever becomes of the request.
    ///
    /// # Errors
    ///
    /// `Misuse` if the login has expired or was decided (these [end the login](Error::ends_login)), or belongs to another client.
    pub fn step(&mut self, client: &Client, now: Timestamp) -> Result<Step, Error> {
        let Self { device_code, waiting, .. } = self;
        waiting.step(client, question(client, device_code), now)
    }

    /// Judges the answer to a question: [`Step::Done`] with the tokens, or [`Step::WaitUntil`] while nobody has decided, the server wants
    /// fewer questions (`slow_down`: five seconds more from now on), or cannot answer (pauses that double).
    ///
    /// # Errors
    ///
    /// `Refused` if somebody said no, or the time is over: these [end the login](Error::ends_login). `Misbehaved` as for every token answer;
    /// the login lives on.
    pub fn receive<'a>(&mut self, client: &Client, answer: impl Into<Incoming<'a>>, now: Timestamp) -> Result<Step, Error> {
        let Self { device_code, waiting, .. } = self;
        waiting.receive(client, question(client, device_code), answer.into(), now)
    }

    /// The question or its answer did not get through: asks again after a pause that doubles each time (§3.5).
    ///
    /// # Errors
    ///
    /// The failure itself, if it will not go away (no trust, a forbidden address); the login lives on.
    pub fn unreachable(&mut self, failure: Transport, now: Timestamp) -> Result<Step, Error> {
        self.waiting.unreachable(failure, now)
    }
}

fn question<'a>(client: &'a Client, device_code: &'a Secret) -> Question<'a> {
    match &client.shared.settings.pin {
        None => Question { grant_type: GRANT_TYPE, name: "device_code", value: device_code },
        Some(pin) => Question { grant_type: &pin.grant_type, name: &pin.parameter, value: device_code },
    }
}
