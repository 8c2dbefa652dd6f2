//! Calls that OAuth 1 signs for the app itself ("two-legged"): there is no account, and so no session.

use std::collections::BTreeMap;

use http::{Request, Response, StatusCode};
use keyfob_proto::oauth1::ClockOffset;
use keyfob_proto::{App, Body as SignedBody, Incoming, Misuse, Settings};

use super::call::REFUSAL;
use super::target;
use crate::error::Error;
use crate::keyfob::Keyfob;
use crate::transport::Body;

impl Keyfob {
    /// Calls the API for the app itself (RFC 5849 §3.1: `oauth_token` is left out): a path or absolute URL, with the provider's fixed headers and
    /// parameters. Signed, and sent as it was signed; once more with the server's time, where it refuses the timestamp. Any status is an answer.
    ///
    /// ```
    /// # use keyfob::{Error, Keyfob, proto::{App, Settings}};
    /// # async fn example(keyfob: &Keyfob, settings: &Settings, app: &App) -> Result<(), Box<dyn std::error::Error>> {
    /// let request = http::Request::get("/catalogue?page=1").body(Vec::new())?;
    /// let answer = keyfob.call_without_token(settings, app, request).await?;
    /// println!("{}", answer.status());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// `Misuse` for a provider that speaks OAuth 2 (there the app has an account of its own:
    /// [`client_credentials`](crate::login::client_credentials())), and for a URL that is not the API's; `Transport`.
    pub async fn call_without_token(&self, settings: &Settings, app: &App, request: Request<Vec<u8>>) -> Result<Response<Body>, Error> {
        let client = self.oauth1_client(settings, app)?;
        let (mut parts, bytes) = request.into_parts();
        let (uri, origin) = target::resolve(&settings.api.base, &parts.uri.to_string())?;
        parts.uri = uri;
        // The signature tells nobody the secret; but what it signs was meant for the API.
        let origin = origin.filter(|origin| settings.api_origins().any(|own| own == origin));
        let origin =
            origin.ok_or_else(|| Misuse::new("a URL of the provider's API", "another").with_hint("take a path of the provider's API"))?;
        let none = BTreeMap::new();
        settings.api.set_headers(app, &none, &mut parts)?;
        settings.api.set_query(app, &none, &mut parts)?;
        let send = async |offset: ClockOffset| {
            let mut parts = parts.clone();
            let body = SignedBody::of(&parts.headers, &bytes);
            let signed = client.sign_without_token(&mut parts, body, offset.apply(self.now()), self.entropy())?;
            let body = signed.unwrap_or_else(|| bytes.clone());
            let body = if body.is_empty() { Body::empty() } else { Body::from(body) };
            Ok::<_, Error>(self.transport().send(Request::from_parts(parts, body)).await?)
        };
        let offset = self.clock_offset(&origin);
        let answer = send(offset).await?;
        if !matches!(answer.status(), StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return Ok(answer);
        }
        let (head, mut body) = answer.into_parts();
        let beginning = tokio::time::timeout(self.policy().reading, body.peek(REFUSAL)).await.ok().transpose()?;
        match beginning {
            Some(bytes) if self.learn_clock(&origin, offset, Incoming::new(head.status, &head.headers, &bytes)) => {
                send(self.clock_offset(&origin)).await
            }
            _ => Ok(Response::from_parts(head, body)),
        }
    }
}
