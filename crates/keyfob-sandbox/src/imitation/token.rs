//! The token, refresh, revocation and device authorization endpoints.

use axum::http::Method;
use serde_json::{Value, json};

use super::api::{answer, ways};
use super::checklist::Checklist;
use super::file::{Pkce, RevocationBody, TokenBody, Unit};
use super::{Imitated, openid};
use crate::chance;
use crate::desk::held;
use crate::message::{Call, Pairs, Reply};
use crate::oauth2::{Pair, Redemption, Refreshing};

/// What belongs to a grant beside client and scopes.
#[derive(Clone, Debug, Default)]
pub(super) struct Details {
    pub(super) nonce: Option<String>,
    /// Whether the token was exchanged for one that lives longer.
    pub(super) long_lived: bool,
}

/// What a token answer hands out.
pub(super) struct Issued {
    pub(super) access: String,
    pub(super) refresh: Option<String>,
    pub(super) id_token: Option<String>,
    pub(super) scopes: Vec<String>,
    /// How long it lives, where that is told whatever else the file says of lifetimes.
    pub(super) lifetime: Option<i64>,
}

/// Why not: a code of RFC 6749 §5.2, and a sentence.
pub(super) type Refusal = (&'static str, String);

/// A code that is entered on another device is good for so many seconds.
pub(super) const CODE_LIFETIME: i64 = 600;
const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";
const NEVER: i64 = 100 * 366 * 86_400;

impl Imitated {
    pub(super) fn token(&self, call: &Call, host: usize) -> Reply {
        match self.issued(call, host) {
            Ok(issued) => self.tokens_answer(&issued),
            Err((code, why)) => {
                self.refused(call, &why);
                // Where a file has words of the provider's for it, a refresh token that has ended is told by the first of them.
                let ended =
                    ways(&self.file.oauth2.grant_ended).into_iter().next().filter(|_| code == "invalid_grant" && self.is_refresh(call));
                ended.map_or_else(|| self.token_error(code, &why), answer)
            }
        }
    }

    fn is_refresh(&self, call: &Call) -> bool {
        let (name, grant) = (self.file.name_of("grant_type"), self.file.grant_of("refresh_token"));
        self.sent(call, self.file.oauth2.token_body).is_ok_and(|sent| sent.iter().any(|(known, value)| known == name && value == grant))
    }

    fn issued(&self, call: &Call, host: usize) -> Result<Issued, Refusal> {
        let invalid = |why: String| ("invalid_request", why);
        let settings = &self.file.oauth2;
        let method = if settings.token_body == TokenBody::Query { Method::GET } else { Method::POST };
        if call.method != method {
            return Err(invalid(format!("a token request is a {method}")));
        }
        let mut list = Checklist::of(&self.sent(call, settings.token_body).map_err(invalid)?);
        self.identified(call, &mut list).map_err(|why| ("invalid_client", why))?;
        let grant_type = list.one(self.file.name_of("grant_type")).map_err(invalid)?;
        let refreshing = grant_type == self.file.grant_of("refresh_token");
        let at = if refreshing { self.places.refresh.as_ref().or(self.places.token.as_ref()) } else { self.places.token.as_ref() };
        if at.is_none_or(|place| place.host != host || place.path != call.path()) {
            return Err(invalid(format!("{grant_type} belongs to another endpoint")));
        }
        // In a GET, what the URL of the file has stands beside the parameters.
        let own = self.own_query(&at.cloned());
        if matches!(settings.token_body, TokenBody::Query | TokenBody::QueryPost) {
            list.all(&own).map_err(invalid)?;
        } else {
            let mut query = Checklist::of(&call.query);
            query.all(&own).and_then(|()| query.done()).map_err(invalid)?;
        }
        list.all(&settings.token_params).map_err(invalid)?;
        if held(&self.mood).refuses {
            return Err(("invalid_grant", Self::NO.to_owned()));
        }
        match grant_type.as_str() {
            grant_type if grant_type == self.file.grant_of("authorization_code") => self.redeem(list),
            _ if refreshing && self.gives_refresh_tokens() => self.renew(list),
            grant_type if self.places.device.is_some() && grant_type == self.device_grant().0 => self.by_device(list),
            _ => Err(("unsupported_grant_type", format!("{grant_type} is none that the file knows"))),
        }
    }

    fn redeem(&self, mut list: Checklist) -> Result<Issued, Refusal> {
        let (settings, name) = (&self.file.oauth2, |name| self.file.name_of(name));
        let invalid = |why: String| ("invalid_request", why);
        let text = list.one(name("code")).map_err(invalid)?;
        let redirect_uri = match settings.redirect_uri_at_token {
            true => Some(list.one(name("redirect_uri")).map_err(invalid)?),
            false => None,
        };
        let verifier = match settings.pkce {
            Pkce::S256 => Some(list.one("code_verifier").map_err(invalid)?),
            Pkce::Off => None,
        };
        list.done().map_err(invalid)?;
        let now = self.clock.now();
        let mut tokens = held(&self.tokens);
        let asked = Redemption {
            code: &text,
            client: &self.app.client_id,
            redirect_uri: redirect_uri.as_deref(),
            redirect_optional: false,
            verifier: verifier.as_deref(),
            now,
        };
        let code = tokens.redeem(&asked).map_err(|problem| ("invalid_grant", format!("{problem:?}")))?;
        let pair = tokens.grant(&text, &code, pair(), now, self.lifetime().unwrap_or(NEVER));
        drop(tokens);
        let id_token = match &code.details.nonce {
            Some(nonce) if self.gives_id_tokens() => Some(self.id_token(nonce)),
            _ => None,
        };
        Ok(self.handed_out(pair, code.scopes, id_token))
    }

    fn renew(&self, mut list: Checklist) -> Result<Issued, Refusal> {
        let spent = list.one(self.file.name_of("refresh_token")).map_err(|why| ("invalid_request", why))?;
        // RFC 6749 §6 lets a client repeat what it was granted.
        let settings = &self.file.oauth2;
        let repeated = list.maybe(self.file.name_of("scope")).map_err(|why| ("invalid_request", why))?;
        if repeated.is_some_and(|scope| !self.is_open && scope != settings.scopes.join(&settings.scope_separator)) {
            return Err(("invalid_scope", "other scopes than were granted".to_owned()));
        }
        list.done().map_err(|why| ("invalid_request", why))?;
        let now = self.clock.now();
        let mut tokens = held(&self.tokens);
        let found = match tokens.refreshing(&spent, &self.app.client_id, now, 0) {
            Ok(Refreshing::First(found) | Refreshing::Again(_, found)) => found,
            Err(problem) => return Err(("invalid_grant", format!("{problem:?}"))),
        };
        let mut next = pair();
        let rotates = self.file.oauth2.rotates;
        if !rotates {
            next.refresh = spent.clone();
        }
        let pair = tokens.rotate(&spent, &found.scopes, next, now, self.lifetime().unwrap_or(NEVER));
        drop(tokens);
        held(&self.mood).refreshes += 1;
        let issued = self.handed_out(pair, found.scopes, None);
        Ok(Issued { refresh: issued.refresh.filter(|_| rotates), ..issued })
    }

    fn handed_out(&self, pair: Pair, scopes: Vec<String>, id_token: Option<String>) -> Issued {
        Issued { access: pair.access, refresh: self.gives_refresh_tokens().then_some(pair.refresh), id_token, scopes, lifetime: None }
    }

    fn gives_refresh_tokens(&self) -> bool {
        self.file.renews() && self.file.oauth2.renewal.is_none()
    }

    /// RFC 7009: a form, whatever token requests are, unless the file has something else.
    pub(super) fn revoke(&self, call: &Call) -> Reply {
        let judged = || {
            let body = self.file.oauth2.revocation_body;
            let mut list = Checklist::of(&self.sent(call, if body == RevocationBody::Json { TokenBody::Json } else { TokenBody::Form })?);
            self.identified(call, &mut list)?;
            let token = match body {
                RevocationBody::Form => {
                    list.maybe("token_type_hint")?;
                    list.one("token")?
                }
                RevocationBody::Json => list.one("token")?,
                RevocationBody::ByKind => match list.maybe("access_token")? {
                    Some(token) => token,
                    None => list.one(self.file.name_of("refresh_token"))?,
                },
            };
            list.done()?;
            Ok::<_, String>(token)
        };
        let token = match judged() {
            Ok(token) => token,
            Err(why) => {
                self.refused(call, &why);
                return self.token_error("invalid_request", &why);
            }
        };
        let mut tokens = held(&self.tokens);
        let grant = tokens.any_refresh(&token).map(|found| found.grant).or_else(|| tokens.any_access(&token).map(|found| found.grant));
        grant.into_iter().for_each(|grant| tokens.revoke_grant(grant));
        Reply::json(200, &json!({}))
    }

    /// RFC 8628 §3.1. Whoever asks is approved on the spot, where nobody hesitates.
    pub(super) fn device(&self, call: &Call) -> Reply {
        let judged = || {
            let mut list = match &self.file.oauth2.pin {
                None => {
                    let mut list = Checklist::of(&self.sent(call, TokenBody::Form)?);
                    self.identified(call, &mut list)?;
                    list
                }
                Some(pin) => {
                    let mut list = Checklist::of(&self.sent(call, TokenBody::Query)?);
                    list.all(&self.own_query(&self.places.device))?;
                    list.fixed("response_type", &pin.response_type)?;
                    list.fixed(self.file.name_of("client_id"), &self.app.client_id)?;
                    list
                }
            };
            let scopes = self.scope(&mut list)?;
            list.done()?;
            Ok::<_, String>(scopes)
        };
        let scopes = match judged() {
            Ok(scopes) => scopes,
            Err(why) => {
                self.refused(call, &why);
                return self.token_error("invalid_request", &why);
            }
        };
        let code = chance::opaque();
        held(&self.devices).insert(code.clone(), scopes);
        if let Some(pin) = &self.file.oauth2.pin {
            let lifetime = if pin.unit == Unit::Minutes { CODE_LIFETIME / 60 } else { CODE_LIFETIME };
            let body = json!({ (pin.user_code.as_str()): "b2c9", (pin.device_code.as_str()): code, "expires_in": lifetime, "interval": 1 });
            return Reply::json(200, &body).no_store();
        }
        let uri = if self.file.deviates("verification-url") { "verification_url" } else { "verification_uri" };
        let page = self.device_page();
        let body = json!({ "device_code": code, "user_code": "ABCD-EFGH", (uri): page, "expires_in": CODE_LIFETIME, "interval": 1 });
        Reply::json(200, &body).no_store()
    }

    /// Where the code is entered.
    pub(super) fn device_page(&self) -> String {
        let own = self.places.pin_page.as_ref().map(|page| self.here(page));
        own.unwrap_or_else(|| format!("{}/imitated/device", self.hosts().origin(0)))
    }

    /// Whether a call asks for a PIN, and not for a page.
    pub(super) fn asks_for_pin(&self, call: &Call) -> bool {
        let asked = call.query.iter().find(|(name, _)| name == "response_type").map(|(_, value)| value);
        self.file.oauth2.pin.as_ref().is_some_and(|pin| call.method == Method::GET && asked == Some(&pin.response_type))
    }

    /// The grant of a code that was entered on another device, and its parameter.
    fn device_grant(&self) -> (&str, &str) {
        self.file.oauth2.pin.as_ref().map_or((DEVICE, "device_code"), |pin| {
            let parameter = pin.parameter.as_deref().unwrap_or("code");
            (pin.grant_type.as_str(), self.file.name_of(parameter))
        })
    }

    fn by_device(&self, mut list: Checklist) -> Result<Issued, Refusal> {
        let device = list.one(self.device_grant().1).map_err(|why| ("invalid_request", why))?;
        list.done().map_err(|why| ("invalid_request", why))?;
        let mut devices = held(&self.devices);
        // Both words are of RFC 8628 §3.5. Who is told to wait asks again with the same code.
        if held(&self.mood).hesitates && devices.contains_key(&device) {
            return Err(("authorization_pending", "nobody has decided yet".to_owned()));
        }
        let scopes = devices.remove(&device).ok_or(("invalid_grant", "the device code is unknown".to_owned()))?;
        drop(devices);
        if held(&self.mood).denies {
            return Err(("access_denied", "the person said no".to_owned()));
        }
        let code = crate::oauth2::Code {
            client: self.app.client_id.clone(),
            redirect_uri: None,
            scopes: scopes.clone(),
            challenge: None,
            expires: self.clock.now() + 1,
            details: Details::default(),
            spent_on: None,
        };
        let pair = held(&self.tokens).grant(&device, &code, pair(), self.clock.now(), self.lifetime().unwrap_or(NEVER));
        // No nonce was sent, so there is none in it (OpenID Connect Core §3.1.3.7).
        let asks_who = scopes.iter().any(|scope| scope == "openid");
        let id_token = (asks_who && self.gives_id_tokens()).then(|| self.id_token(""));
        Ok(self.handed_out(pair, scopes, id_token))
    }

    /// The parameters of a body of this kind.
    pub(super) fn sent(&self, call: &Call, kind: TokenBody) -> Result<Pairs, String> {
        if call.header("accept") != Some("application/json") {
            return Err("nothing says that the answer shall be JSON".into());
        }
        match kind {
            TokenBody::Form if call.is_form() => Ok(call.form.clone()),
            TokenBody::Form => Err("the body is no form".into()),
            TokenBody::Json if call.media_type().as_deref() == Some("application/json") => match serde_json::from_slice(&call.body) {
                Ok(Value::Object(members)) => {
                    let text = |(name, value): (String, Value)| match value {
                        Value::String(text) => Ok((name, text)),
                        _ => Err(format!("{name} is no text")),
                    };
                    members.into_iter().map(text).collect()
                }
                _ => Err("the body is no JSON object".into()),
            },
            TokenBody::Json => Err("the body is no JSON".into()),
            TokenBody::Query | TokenBody::QueryPost if call.body.is_empty() => Ok(call.query.clone()),
            TokenBody::Query | TokenBody::QueryPost => Err("a body beside the query".into()),
        }
    }

    fn id_token(&self, nonce: &str) -> String {
        let issuer = self.places.issuer.as_ref().map_or_else(String::new, |issuer| self.here(issuer));
        openid::id_token(&issuer, &self.app.client_id, nonce, self.clock.now())
    }
}

fn pair() -> Pair {
    Pair { access: chance::opaque(), refresh: chance::opaque() }
}
