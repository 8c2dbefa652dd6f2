//! The beginning of an OAuth 2 login: where the person has to go.

use keyfob_proto::jose::Algorithms;
use keyfob_proto::oauth2::{self, AuthorizeRequest, Hybrid};
use keyfob_proto::{App, Misuse, Settings};

use super::pending::Pending;
use crate::error::Error;
use crate::id_token::Verifier;
use crate::keyfob::Keyfob;

/// The URL for the person, and what waits for the answer. Where the server takes pushed requests (RFC 9126) they are pushed, whether it insists or not:
/// then nobody on the way can read or change them. If pushing fails, the login fails: whoever can make it fail must not thereby get the request into
/// the browser (A22).
pub(super) async fn authorize(
    keyfob: &Keyfob,
    settings: &Settings,
    app: &App,
    request: &AuthorizeRequest,
    hybrid: Option<Hybrid>,
    api_judges: bool,
) -> Result<(String, Pending), Error> {
    let client = keyfob.login_client(settings, app)?;
    if let Some(name) = request.asks_of_id_token().filter(|_| !api_judges) {
        check_judged(name, &client, request, Verifier::of(keyfob, settings, app).is_some())?;
    }
    let (now, entropy) = (keyfob.now(), keyfob.entropy());
    let pushes = client.settings().pushed.is_some() || client.settings().pushed_required;
    let (url, pending) = match (hybrid, pushes) {
        (None, false) => {
            let (url, pending) = client.authorize(request, now, entropy)?;
            (url, Pending::OAuth2(pending))
        }
        (None, true) => {
            let pushed = client.push(request, now, entropy)?;
            let answer = keyfob.ask_server(&client, pushed.request()).await?;
            let (url, pending) = pushed.receive(&answer)?;
            (url, Pending::OAuth2(pending))
        }
        (Some(hybrid), false) => {
            let (url, pending) = client.authorize_hybrid(request, hybrid, now, entropy)?;
            (url, Pending::Hybrid(pending))
        }
        (Some(hybrid), true) => {
            let pushed = client.push_hybrid(request, hybrid, now, entropy)?;
            let answer = keyfob.ask_server(&client, pushed.request()).await?;
            let (url, pending) = pushed.receive(&answer)?;
            (url, Pending::Hybrid(pending))
        }
    };
    let verifier = Verifier::of(keyfob, settings, app);
    if let Some(algorithms) = signs_with(&client, &pending, hybrid) {
        let Some(verifier) = verifier else { return Err(no_keys(&client).into()) };
        // Before the person goes: the browser that brings the answer does not wait for keys.
        verifier.prepare_for(algorithms).await?;
    }
    Ok((url, pending))
}

/// Whoever asks for a fresh sign-in, say, must not believe to have got it where nobody tells how somebody signed in.
fn check_judged(name: &str, client: &oauth2::Client, request: &AuthorizeRequest, is_verified: bool) -> Result<(), Misuse> {
    let scopes = if request.scopes.is_empty() { &client.settings().scopes } else { &request.scopes };
    let expected = |what: &str| format!("{what}, since only an ID token answers {name}");
    if !scopes.iter().any(|scope| scope == "openid") {
        return Err(Misuse::new(expected("the scope openid"), "other scopes")
            .of("OpenID Connect Core §3.1.2.1")
            .with_hint("ask for openid, too; or leave it away, where the provider has no such thing"));
    }
    if !is_verified {
        let missing = if client.settings().issuer.is_none() { "no issuer" } else { "no jwks" };
        return Err(Misuse::new(expected("an issuer and its keys in the provider's settings"), missing)
            .of("OpenID Connect Core §3.1.3.7")
            .with_hint("name both in the provider's file: endpoints.issuer and endpoints.jwks"));
    }
    Ok(())
}

/// What the answer is signed with, if it is: then it can only be judged with the issuer's keys.
fn signs_with<'a>(client: &'a oauth2::Client, pending: &Pending, hybrid: Option<Hybrid>) -> Option<&'a Algorithms> {
    let settings = client.settings();
    match pending {
        Pending::OAuth2(pending) => pending.response_mode().is_signed().then_some(&settings.response_algorithms),
        _ => (!matches!(hybrid, None | Some(Hybrid::Token))).then_some(&settings.id_token_algorithms),
    }
}

fn no_keys(client: &oauth2::Client) -> Misuse {
    let missing = if client.settings().issuer.is_none() { "issuer" } else { "jwks" };
    Misuse::new("an issuer and its keys in the provider's settings, to verify the answer with", format!("no {missing}"))
        .of("OpenID Connect Core §3.1.3.7")
        .with_hint("name both in the provider's file: endpoints.issuer and endpoints.jwks")
}
