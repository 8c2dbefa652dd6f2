//! The token endpoint's answer (RFC 6749 §5.1), to a code and to a refresh token.

use http::Response;
use keyfob_proto::{Error, OAuth2Tokens, Received, TokenSet};

use crate::provider::{Answered, CLIENT_SECRET, CODE, NOW, judge_error, oauth2_client, oauth2_exchange};

/// See `Answered` for what the bytes are.
pub fn run(data: &[u8]) {
    let Some(answered) = Answered::read(data) else { return };
    let client = oauth2_client(answered.lenient);
    let received = oauth2_exchange(&client).receive(&answered.response, NOW);
    if let Some(tokens) = judge(&client, received, answered.lenient) {
        if let Some(other) = for_the_library(&answered.response) {
            let again =
                judge(&client, oauth2_exchange(&client).receive(&other, NOW), answered.lenient).expect("one member more is no fault");
            assert!(same(&tokens, &again), "read in one way and in the other: {tokens:?} and {again:?}");
        }
        let refresh = client.refresh(&tokens);
        if let Ok(exchange) = refresh {
            judge(&client, exchange.receive(&answered.response, NOW), answered.lenient);
        }
    }
}

/// The same answer with a member whose name is escaped: the usual answer is read by a reader of its own, which leaves this one to the library.
fn for_the_library(response: &Response<Vec<u8>>) -> Option<Response<Vec<u8>>> {
    let json = response.headers().get("content-type").is_some_and(|kind| kind.as_bytes().ends_with(b"json"));
    let inside = response.body().trim_ascii_start().strip_prefix(b"{")?;
    let body = [br#"{"a_member_that_\u006eobody_knows":1,"#, inside].concat();
    json.then(|| {
        let mut other = Response::new(body);
        (*other.status_mut(), *other.headers_mut()) = (response.status(), response.headers().clone());
        other
    })
}

fn same(one: &OAuth2Tokens, other: &OAuth2Tokens) -> bool {
    one.access.expose() == other.access.expose()
        && one.refresh.as_ref().map(|token| token.expose()) == other.refresh.as_ref().map(|token| token.expose())
        && (one.expires_at, &one.scopes, &one.identity) == (other.expires_at, &other.scopes, &other.identity)
}

fn judge(client: &keyfob_proto::oauth2::Client, received: Result<Received, Error>, lenient: bool) -> Option<OAuth2Tokens> {
    let received = match received {
        Ok(received) => received,
        Err(error) => {
            judge_error(&error, &[CLIENT_SECRET, CODE]);
            return None;
        }
    };
    assert!(lenient || received.tolerated.is_empty(), "tolerated though nobody asked");
    let TokenSet::OAuth2(tokens) = received.tokens else { panic!("tokens of another kind") };
    let sendable = |text: &str| !text.is_empty() && text.bytes().all(|byte| (0x21..=0x7e).contains(&byte));
    assert!(sendable(tokens.access.expose()), "an access token that no header can carry");
    assert!(tokens.expires_at.is_none_or(|at| at >= NOW.plus(-1)), "tokens that ended before they came");
    assert!(!format!("{tokens:?}").contains(tokens.access.expose()) || tokens.access.expose().len() < 6, "a token is shown");
    if let Some(refresh) = &tokens.refresh {
        assert!(!refresh.expose().is_empty());
        client.refresh(&tokens).expect("a refresh token that came can be sent");
    }
    Some(tokens)
}
