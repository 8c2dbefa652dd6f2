//! The authorization endpoint, and who may use the others: what the file says, to the letter.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::form_urlencoded;

use super::Imitated;
use super::checklist::Checklist;
use super::file::{ClientAuth, Kind, Pkce};
use super::place::fill;
use super::token::Details;
use crate::chance;
use crate::desk::held;
use crate::message::{Call, Reply, with_query};
use crate::oauth2::{Challenge, Code};
use crate::page;

const CODE_LIFETIME: i64 = 600;

/// An authorization request that is as the file wants it.
pub(super) struct Asked {
    /// Where the answer goes.
    redirect_uri: String,
    /// What was sent for it: that, or its name.
    named: String,
    scopes: Vec<String>,
    state: String,
    challenge: Option<Challenge>,
    nonce: Option<String>,
}

impl Imitated {
    pub(super) fn authorize(&self, call: &Call) -> Reply {
        let asked = match self.asked(call) {
            Ok(asked) => asked,
            Err(why) => {
                self.refused(call, &why);
                return page::refusal(400, "This request is not as the provider's file says", &why);
            }
        };
        let mut back = vec![("state".to_owned(), asked.state.clone())];
        if let Some(issuer) = self.places.issuer.as_ref().filter(|_| !held(&self.mood).hides_issuer) {
            back.push(("iss".to_owned(), self.here(issuer)));
        }
        if held(&self.mood).denies {
            back.push(("error".to_owned(), "access_denied".to_owned()));
        } else {
            let text = chance::opaque();
            let code = Code {
                client: self.app.client_id.clone(),
                redirect_uri: Some(asked.named.clone()).filter(|_| self.file.oauth2.redirect_uri_at_token),
                scopes: asked.scopes.clone(),
                challenge: asked.challenge,
                expires: self.clock.now() + CODE_LIFETIME,
                details: Details { nonce: asked.nonce, long_lived: false },
                spent_on: None,
            };
            held(&self.tokens).put_code(text.clone(), code);
            back.push((self.file.name_of("code").to_owned(), text));
            // No file says whether they come with the callback or with the tokens, so they come with both.
            back.extend(self.kept());
        }
        let pairs: Vec<(&str, &str)> = back.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let fragment = if self.file.deviates("redirect-fragment") { "#_=_" } else { "" };
        Reply::redirect(&format!("{}{fragment}", with_query(&asked.redirect_uri, &pairs)))
    }

    fn asked(&self, call: &Call) -> Result<Asked, String> {
        if call.method != axum::http::Method::GET {
            return Err("an authorization request is a GET".into());
        }
        let mut list = Checklist::of(&call.query);
        list.all(&self.own_query(&self.places.authorize))?;
        list.fixed(self.file.name_of("client_id"), &self.app.client_id)?;
        let pushed = if self.places.par.is_some() { list.maybe("request_uri")? } else { None };
        match pushed {
            // A browser brings nothing but the name of the request (RFC 9126 §4).
            Some(uri) => {
                list.done()?;
                self.take_pushed(&uri)
            }
            None if self.file.oauth2.par_required => Err("an authorization request has to be pushed here (RFC 9126 §5)".into()),
            None => self.wanted(list),
        }
    }

    /// The parameters of an authorization request by this app, in a browser's URL or pushed.
    pub(super) fn wanted(&self, mut list: Checklist) -> Result<Asked, String> {
        let (settings, name) = (&self.file.oauth2, |name| self.file.name_of(name));
        if settings.response_type {
            list.fixed("response_type", "code")?;
        }
        let named = list.one(name("redirect_uri"))?;
        let redirect_uri = match &settings.redirect_name {
            None => named.clone(),
            Some(template) if fill(template, |name| self.value(name))? == named => {
                self.app.redirect_uris.first().cloned().unwrap_or_default()
            }
            Some(_) => return Err("the redirect URI goes by another name".into()),
        };
        if !self.app.allows_redirect(&redirect_uri) {
            return Err("the redirect URI is not registered".into());
        }
        let state = list.one(name("state"))?;
        let scopes = self.scope(&mut list)?;
        let challenge = match settings.pkce {
            Pkce::Off => None,
            Pkce::S256 => {
                list.fixed("code_challenge_method", "S256")?;
                let challenge = list.one("code_challenge")?;
                Some(Challenge::new(&challenge, "S256").ok_or("a code_challenge that is none")?)
            }
        };
        let nonce = if scopes.iter().any(|scope| scope == "openid") { Some(list.one("nonce")?) } else { None };
        list.all(&settings.authorize_params)?;
        list.done()?;
        Ok(Asked { redirect_uri, named, scopes, state, challenge, nonce })
    }

    /// The scopes of the file, joined as it says: those that are granted.
    pub(super) fn scope(&self, list: &mut Checklist) -> Result<Vec<String>, String> {
        let (settings, name) = (&self.file.oauth2, self.file.name_of("scope"));
        if self.is_open {
            let asked = list.maybe(name)?;
            return Ok(asked.map_or_else(|| self.granted(), |text| text.split(&settings.scope_separator).map(str::to_owned).collect()));
        }
        if !settings.scopes.is_empty() {
            list.fixed(name, &settings.scopes.join(&settings.scope_separator))?;
        }
        Ok(self.granted())
    }

    /// The scopes that a person grants: those that were asked for. Where none is asked for they are the app's own, and the answer names them in the way of
    /// the file, if it has one.
    pub(super) fn granted(&self) -> Vec<String> {
        let asked = &self.file.oauth2.scopes;
        let names_them = ["scopes-member", "scope-array"].into_iter().any(|deviation| self.file.deviates(deviation));
        if asked.is_empty() && names_them { vec!["granted".to_owned()] } else { asked.clone() }
    }

    /// That a request to a server endpoint is by the app, in the one way of the file.
    pub(super) fn identified(&self, call: &Call, list: &mut Checklist) -> Result<(), String> {
        let (id, secret) = (&self.app.client_id, &self.app.client_secret);
        let name = |name| self.file.name_of(name);
        // An issuer that describes itself says that it takes Basic, and a file may say otherwise.
        let header = call.header("authorization");
        match self.file.oauth2.client_auth {
            ClientAuth::Basic | ClientAuth::BasicEmpty | ClientAuth::BasicRaw | ClientAuth::BasicSecret => {
                let sent = header.and_then(|header| header.strip_prefix("Basic ")).ok_or("credentials belong into the header, by Basic")?;
                let sent = STANDARD.decode(sent).ok().and_then(|bytes| String::from_utf8(bytes).ok()).ok_or("Basic that is none")?;
                let right = match (self.file.oauth2.client_auth, sent.split_once(':')) {
                    (ClientAuth::BasicRaw, _) => sent == format!("{id}:{secret}"),
                    (ClientAuth::BasicSecret, _) => sent == format!("{secret}:"),
                    // One of its apps that has none.
                    (ClientAuth::BasicEmpty, Some((sent_id, ""))) => decoded(sent_id) == *id,
                    (_, Some((sent_id, sent_secret))) => decoded(sent_id) == *id && decoded(sent_secret) == *secret,
                    _ => false,
                };
                if right { Ok(()) } else { Err("other credentials, or encoded in another way".into()) }
            }
            _ if header.is_some() => Err("credentials in the header".into()),
            ClientAuth::Post => {
                list.fixed(name("client_id"), id)?;
                list.fixed(name("client_secret"), secret)
            }
            ClientAuth::None => list.fixed(name("client_id"), id),
            ClientAuth::SignedSecret => {
                list.fixed(name("client_id"), id)?;
                let secret = list.one(name("client_secret"))?;
                self.signed_by_the_app(&secret)
            }
            ClientAuth::SecretJwt | ClientAuth::PrivateKeyJwt | ClientAuth::Tls => Err("a way that is not imitated".into()),
        }
    }

    /// What a file writes into the query of a URL.
    pub(super) fn own_query(&self, place: &Option<super::Place>) -> std::collections::BTreeMap<String, String> {
        let query = place.as_ref().and_then(|place| place.query.clone()).unwrap_or_default();
        form_urlencoded::parse(query.as_bytes()).into_owned().collect()
    }

    /// Whether ID tokens are given: to a client that asks who somebody is, where it can verify the answer.
    pub(super) fn gives_id_tokens(&self) -> bool {
        self.places.jwks.is_some() && self.places.issuer.is_some() && self.file.kind != Kind::OAuth1
    }
}

/// A form's text (RFC 6749 §2.3.1). A space may be written in two ways.
fn decoded(text: &str) -> String {
    form_urlencoded::parse(format!("text={text}").as_bytes()).next().map_or_else(String::new, |(_, value)| value.into_owned())
}
