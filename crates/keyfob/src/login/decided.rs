//! Asking until somebody has decided: what a login on another device (RFC 8628 §3.5) and one over the back channel (OpenID CIBA Core §10.1) have in common.

use std::time::Duration;

use http::Response;
use keyfob_proto::oauth2::{self, Step};
use keyfob_proto::{Error as ProtoError, Misuse, Received, Timestamp, Transport};

use crate::error::Error;
use crate::keyfob::Keyfob;

/// What the core's login is told before it says what to do next.
pub(super) enum Heard<'a> {
    /// Nothing new.
    Nothing,
    /// What the server answered.
    Answer(&'a Response<Vec<u8>>),
    /// That it did not.
    Failure(Transport),
}

/// Asks as often as the core says. `tell` is its login; `pause` waits so long, or until there is a reason to ask again.
pub(super) async fn decided(
    keyfob: &Keyfob,
    client: &oauth2::Client,
    mut tell: impl FnMut(Heard<'_>, Timestamp) -> Result<Step, ProtoError>,
    pause: impl AsyncFn(Duration),
) -> Result<Received, Error> {
    loop {
        match asked(keyfob, client, &mut tell).await? {
            Step::Done(received) => return Ok(received),
            Step::WaitUntil(then) => {
                // At least a second: a clock that stands still must not make this a storm.
                let seconds = u64::try_from(then.since(keyfob.now())).unwrap_or(0).max(1);
                pause(Duration::from_secs(seconds)).await;
            }
            Step::Send(_) => {
                return Err(Misuse::new("a question, then an answer", "two questions")
                    .with_hint("this is a fault of ours: please report it")
                    .into());
            }
        }
    }
}

/// Asks once, if it is time to.
pub(super) async fn asked(
    keyfob: &Keyfob,
    client: &oauth2::Client,
    tell: &mut impl FnMut(Heard<'_>, Timestamp) -> Result<Step, ProtoError>,
) -> Result<Step, Error> {
    let request = match tell(Heard::Nothing, keyfob.now())? {
        Step::Send(request) => request,
        step => return Ok(step),
    };
    match keyfob.ask_server(client, &request).await {
        Ok(answer) => Ok(tell(Heard::Answer(&answer), keyfob.now())?),
        Err(Error::Protocol(ProtoError::Transport(failure))) => Ok(tell(Heard::Failure(failure), keyfob.now())?),
        Err(error) => Err(error),
    }
}
