//! OAuth 1.0a: signatures by the method, in the place, and with the realm that the file says.

use keyfob_proto::oauth1::Body;
use keyfob_proto::oauth1::server::{Problem, SignedRequest};

use super::Imitated;
use super::checklist::Checklist;
use super::file::{BodyHash, Callback, Method, Placement};
use super::place::fill;
use crate::chance;
use crate::desk::held;
use crate::message::{Call, Pairs, Reply, with_query};
use crate::oauth1::{Credential, Temporary};
use crate::page;

/// What signs a request beside the app's own secret.
enum With {
    Nothing,
    Temporary,
    Token,
}

impl Imitated {
    /// RFC 5849 §2.1.
    pub(super) fn request_token(&self, call: &Call) -> Reply {
        let judged = || {
            let request = self.signed_for(call, With::Nothing)?;
            self.right_method(call)?;
            let callback = match (self.file.oauth1.callback, request.callback()) {
                (Callback::RequestToken, Some(callback)) => Some(callback.to_owned()),
                (Callback::RequestToken, None) => return Err("oauth_callback is missing".to_owned()),
                (_, Some(_)) => return Err("oauth_callback belongs elsewhere".to_owned()),
                (Callback::Registered, None) => self.app.redirect_uris.first().cloned(),
                (Callback::Authorize, None) => None,
            };
            self.right_parameters(&request, &self.file.oauth1.request_token_params, &self.places.request_token)?;
            Ok(callback)
        };
        let callback = match judged() {
            Ok(callback) => callback,
            Err(why) => return self.unsigned(call, &why),
        };
        let (token, secret) = (chance::hex(32), chance::hex(32));
        let issued = self.clock.now();
        let temporary = Temporary { consumer: self.app.client_id.clone(), secret: secret.clone(), callback, issued, verifier: None };
        held(&self.credentials).put_temporary(token.clone(), temporary);
        let mut pairs = vec![("oauth_token", token.as_str()), ("oauth_token_secret", &secret)];
        if self.file.oauth1.callback != Callback::RequestToken {
            // There is nothing to confirm.
        } else if self.file.deviates("callback-confirmed-otherwise") {
            pairs.push(("oauth_callback_confirmed", "1"));
        } else if !self.file.deviates("callback-unconfirmed") {
            pairs.push(("oauth_callback_confirmed", "true"));
        }
        Reply::form(200, &pairs)
    }

    /// RFC 5849 §2.2.
    pub(super) fn approve1(&self, call: &Call) -> Reply {
        let judged = || {
            let mut list = Checklist::of(&call.query);
            list.all(&self.own_query(&self.places.authorize))?;
            let token = list.one("oauth_token")?;
            let callback = match self.file.oauth1.callback {
                Callback::Authorize => Some(list.one("oauth_callback")?),
                _ => None,
            };
            list.all(&self.file.oauth1.authorize_params)?;
            list.done()?;
            Ok::<_, String>((token, callback))
        };
        let (token, named) = match judged() {
            Ok(asked) => asked,
            Err(why) => return self.refusal1(call, &why),
        };
        let denies = held(&self.mood).denies;
        let mut credentials = held(&self.credentials);
        let Some(temporary) = credentials.temporary.get_mut(&token) else { return self.refusal1(call, "the request token is unknown") };
        let Some(callback) = named.or_else(|| temporary.callback.clone()).filter(|callback| self.app.allows_redirect(callback)) else {
            return self.refusal1(call, "the callback is not registered");
        };
        if denies {
            // The RFC has no denial. A file that has none either gets the one that most servers have.
            let name = if self.file.deviates("denial-without-verifier") { "oauth_token" } else { "denied" };
            return Reply::redirect(&with_query(&callback, &[(name, &token)]));
        }
        let mut back = vec![("oauth_token".to_owned(), token)];
        // Before revision A an approval is all that there is.
        let verifier = if self.file.deviates("no-verifier") { String::new() } else { chance::hex(10) };
        if !verifier.is_empty() {
            back.push(("oauth_verifier".to_owned(), verifier.clone()));
        }
        temporary.verifier = Some(verifier);
        back.extend(self.kept());
        let pairs: Vec<(&str, &str)> = back.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        Reply::redirect(&with_query(&callback, &pairs))
    }

    /// RFC 5849 §2.3.
    pub(super) fn access_token(&self, call: &Call) -> Reply {
        let judged = || {
            let request = self.signed_for(call, With::Temporary)?;
            self.right_method(call)?;
            let token = request.token().unwrap_or_default().to_owned();
            let expected = held(&self.credentials).temporary.get(&token).and_then(|temporary| temporary.verifier.clone());
            if expected.is_none() || expected.as_deref().filter(|verifier| !verifier.is_empty()) != request.verifier() {
                return Err("the verifier is missing, or another one".to_owned());
            }
            self.right_parameters(&request, &self.file.oauth1.access_token_params, &self.places.token)?;
            Ok(token)
        };
        let temporary = match judged() {
            Ok(token) => token,
            Err(why) => return self.unsigned(call, &why),
        };
        let (token, secret) = (chance::hex(32), chance::hex(32));
        let mut credentials = held(&self.credentials);
        credentials.temporary.remove(&temporary);
        credentials.tokens.insert(token.clone(), Credential { consumer: self.app.client_id.clone(), secret: secret.clone() });
        let kept = self.kept();
        let kept = kept.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let pairs: Vec<(&str, &str)> = [("oauth_token", token.as_str()), ("oauth_token_secret", &secret)].into_iter().chain(kept).collect();
        Reply::form(200, &pairs)
    }

    /// That a call of the API is signed with a token of ours.
    pub(super) fn is_signed(&self, call: &Call) -> Result<(), String> {
        self.signed_for(call, With::Token).map(drop)
    }

    fn signed_for(&self, call: &Call, with: With) -> Result<SignedRequest, String> {
        let settings = &self.file.oauth1;
        let request = read(call).map_err(|problem| problem.to_string())?;
        if request.consumer_key() != Some(&self.app.client_id) {
            return Err("no signature of this app".into());
        }
        let has_none = matches!(with, With::Nothing) || settings.one_legged;
        // Where there is no token yet some want it named all the same, as nothing.
        if has_none && request.token() != settings.empty_token.then_some("") {
            return Err("an oauth_token where there is none, or none where it has to be empty".into());
        }
        let token = request.token().unwrap_or_default();
        let credentials = held(&self.credentials);
        let secret = match with {
            With::Nothing => Some(String::new()),
            With::Temporary => credentials.temporary.get(token).map(|found| found.secret.clone()),
            // The app's keys alone sign.
            With::Token if settings.one_legged => Some(String::new()),
            With::Token => credentials.tokens.get(token).map(|found| found.secret.clone()),
        };
        drop(credentials);
        let secret = secret.ok_or("the token is unknown")?;
        if request.signature_method() != Some(&settings.signature) {
            return Err(format!("a signature by another method than {}", settings.signature));
        }
        let in_body_where_there_is_one = call.is_form() && matches!(settings.placement, Placement::Body);
        let wanted = match settings.placement {
            Placement::Header => keyfob_proto::oauth1::Placement::Header,
            Placement::Query => keyfob_proto::oauth1::Placement::Query,
            Placement::Body if in_body_where_there_is_one => keyfob_proto::oauth1::Placement::Body,
            Placement::Body => keyfob_proto::oauth1::Placement::Header,
        };
        if request.placement() != Some(wanted) {
            return Err("a signature in another place".into());
        }
        let realm = settings.realm.as_ref().map(|realm| fill(realm, |name| self.value(name))).transpose()?;
        if request.realm() != realm.as_deref() {
            return Err("another realm".into());
        }
        let verified = match &self.app_key {
            // It signs alone: no secret is part of it (§3.4.3).
            Some(key) => request.verify_rsa(&*key.public),
            None => request.verify(&self.app.client_secret, &secret),
        };
        verified.map_err(|problem| problem.to_string())?;
        self.right_body_hash(call, &request, matches!(with, With::Token))?;
        let (Some(timestamp), Some(nonce)) = (request.timestamp(), request.nonce()) else { return Err("no timestamp or nonce".into()) };
        let mut credentials = held(&self.credentials);
        credentials.use_nonce(&self.app.client_id, token, timestamp, nonce, None).map_err(|stale| format!("{stale:?}"))?;
        Ok(request)
    }

    /// The body is signed as well, where the file says so: that of a call, if it is no form (Request Body Hash, draft 4, §4.1).
    fn right_body_hash(&self, call: &Call, request: &SignedRequest, is_call: bool) -> Result<(), String> {
        let is_signed = is_call && !call.is_form();
        match (self.file.oauth1.body_hash, request.body_hash()) {
            (BodyHash::On | BodyHash::Required, _) if is_signed => match (self.file.oauth1.body_hash, request.body_hash()) {
                // It is said where it can be: a plain text has no hash, and what a person sends may stream.
                (BodyHash::On, None) if self.is_open || self.file.oauth1.signature == "PLAINTEXT" => Ok(()),
                _ => request.verify_body_hash().map_err(|problem| problem.to_string()),
            },
            (_, None) => Ok(()),
            (_, Some(_)) => Err("oauth_body_hash, which does not belong here".into()),
        }
    }

    fn right_method(&self, call: &Call) -> Result<(), String> {
        let wanted = match self.file.oauth1.token_method {
            Method::Get => "GET",
            Method::Post => "POST",
        };
        if call.method.as_str() == wanted { Ok(()) } else { Err(format!("another method than {wanted}")) }
    }

    /// Those that are none of the protocol's: the file's, and no others.
    fn right_parameters(
        &self,
        request: &SignedRequest,
        wanted: &std::collections::BTreeMap<String, String>,
        place: &Option<super::Place>,
    ) -> Result<(), String> {
        let sent: Pairs = request.parameters().to_vec();
        let mut list = Checklist::of(&sent);
        list.all(&self.own_query(place))?;
        list.all(wanted)?;
        list.done()
    }

    fn unsigned(&self, call: &Call, why: &str) -> Reply {
        self.refused(call, why);
        Reply::text(401, why)
    }

    fn refusal1(&self, call: &Call, why: &str) -> Reply {
        self.refused(call, why);
        page::refusal(400, "This request is not as the provider's file says", why)
    }
}

/// Whether a request names a token, right or wrong.
pub(super) fn has_token(call: &Call) -> bool {
    read(call).is_ok_and(|request| request.token().is_some_and(|token| !token.is_empty()))
}

/// With its body, whose hash may be signed.
fn read(call: &Call) -> Result<SignedRequest, Problem> {
    let body = if call.is_form() { Body::Form(&call.body) } else { Body::Bytes(&call.body) };
    SignedRequest::read(&call.method, &call.origin, &call.target, &call.headers, body)
}
