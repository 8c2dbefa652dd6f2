//! The token endpoint's answer (RFC 6749 §5.1), to a code and to a refresh token.

use keyfob_proto::{Error, Received, TokenSet};

use crate::provider::{Answered, CLIENT_SECRET, CODE, NOW, judge_error, oauth2_client, oauth2_exchange};

/// See `Answered` for what the bytes are.
pub fn run(data: &[u8]) {
    let Some(answered) = Answered::read(data) else { return };
    let client = oauth2_client(answered.lenient);
    let received = oauth2_exchange(&client).receive(&answered.response, NOW);
    if let Some(tokens) = judge(&client, received, answered.lenient) {
        let refresh = client.refresh(&tokens);
        if let Ok(exchange) = refresh {
            judge(&client, exchange.receive(&answered.response, NOW), answered.lenient);
        }
    }
}

fn judge(client: &keyfob_proto::oauth2::Client, received: Result<Received, Error>, lenient: bool) -> Option<keyfob_proto::OAuth2Tokens> {
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
