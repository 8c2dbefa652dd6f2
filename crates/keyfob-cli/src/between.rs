//! A call as it would be sent now, for another program to send: the session does all it does for a real one, and what it comes to is kept instead of
//! being sent. What the session asks of the authorization server meanwhile (a refresh) is sent.

use std::sync::{Arc, Mutex, PoisonError};

use http::{HeaderName, HeaderValue, Request, Response};
use keyfob::transport::{Sending, Transport};
use keyfob::{Body, Keyfob, OsEntropy, Session, SystemClock};

use crate::card::{Card, Doing};
use crate::context::{Context, Opened};
use crate::verb::call::Shown;

/// Marks the call among what a session sends. It never leaves.
const MARK: HeaderName = HeaderName::from_static("keyfob-is-kept");

/// A call that was not sent, its secrets in clear.
pub(crate) struct Ready {
    /// Its head.
    pub(crate) parts: http::request::Parts,
    /// Its body.
    pub(crate) body: Vec<u8>,
    /// The session that signed it.
    pub(crate) session: Session,
}

impl Ready {
    /// Prepares a call; the access token is refreshed first, if that is due.
    pub(crate) async fn prepare(opened: &Opened, context: &Context, call: impl FnOnce(&Session) -> keyfob::Call) -> Result<Self, Card> {
        let what = format!("cannot prepare a call of {}", opened.account.name);
        ensure_fresh(opened).await?;
        let between = Arc::new(Between { real: context.transport()?, kept: Mutex::default() });
        let keyfob = Keyfob::with(opened.store.clone(), between.clone(), Arc::new(SystemClock), Arc::new(OsEntropy));
        // New tokens that come on the way are written down, whatever becomes of the call.
        context.settles(&keyfob);
        let session = keyfob.session(opened.settings.clone(), opened.app.clone(), &opened.account.name).await.doing(what.as_str())?;
        call(&session).header(MARK, HeaderValue::from_static("1")).send().await.doing(what.as_str())?;
        let kept = between.kept.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (parts, body) = kept.expect("a call that went well was kept").into_parts();
        Ok(Self { parts, body, session })
    }

    /// To be shown as another program takes it, secrets and all.
    pub(crate) fn shown(&self) -> Shown {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Shown {
            method: self.parts.method.to_string(),
            url: self.parts.uri.to_string(),
            headers: self.parts.headers.iter().map(|(name, value)| (name.to_string(), text(value.as_bytes()))).collect(),
            body: (!self.body.is_empty()).then(|| self.body.clone()),
        }
    }

    /// The headers that the account adds to those that were said: its authorization, and what the provider wants of every call.
    pub(crate) fn added<'a>(&'a self, said: impl Fn(&HeaderName) -> bool + 'a) -> impl Iterator<Item = (&'a HeaderName, &'a HeaderValue)> {
        self.parts.headers.iter().filter(move |(name, _)| !said(name) && *name != http::header::CONTENT_TYPE)
    }
}

/// How long an access token is good for at least that another program is given.
const MIN_VALID: i64 = 60;

/// Refreshes what ends, in the session that the end of the program waits for. Of a token that is bound to a key nothing is handed out, and of OAuth 1
/// nothing ends: then there is nothing to do.
async fn ensure_fresh(opened: &Opened) -> Result<(), Card> {
    match opened.session().await?.token(MIN_VALID).await {
        Ok(_) | Err(keyfob::Error::Protocol(keyfob::proto::Error::Misuse(_))) => Ok(()),
        Err(error) => Err(error).doing(format!("cannot use {}", opened.account.name)),
    }
}

struct Between {
    real: Arc<dyn Transport>,
    kept: Mutex<Option<Request<Vec<u8>>>>,
}

impl Transport for Between {
    fn send(&self, request: Request<Body>) -> Sending<'_> {
        if !request.headers().contains_key(MARK) {
            return self.real.send(request);
        }
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            parts.headers.remove(MARK);
            let body = body.bytes(usize::MAX).await?;
            *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(Request::from_parts(parts, body));
            Ok(Response::new(Body::empty()))
        })
    }
}
