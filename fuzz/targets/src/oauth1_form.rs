//! OAuth 1.0a's answers: temporary credentials (RFC 5849 §2.1) and token credentials (§2.3).

use keyfob_proto::{TokenSet, oauth1};

use crate::provider::{Answered, CALLBACK, CLIENT_SECRET, CODE, NOW, entropy, judge_error, oauth1_client, oauth1_exchange};

/// See `Answered` for what the bytes are.
pub fn run(data: &[u8]) {
    let Some(answered) = Answered::read(data) else { return };
    let client = oauth1_client(answered.lenient);
    let asked = client.request_token(oauth1::Callback::Url(CALLBACK.to_owned()), NOW, &entropy).expect("a request of ours");
    match asked.receive(&answered.response, NOW) {
        Ok((opens, pending)) => {
            assert!(opens.starts_with("https://login.example/oauth/authorize?"), "{opens}");
            assert!(!pending.key().expose().is_empty());
        }
        Err(error) => judge_error(&error, &[CLIENT_SECRET]),
    }
    match oauth1_exchange(&client).receive(&answered.response, NOW) {
        Ok(received) => {
            let TokenSet::OAuth1(tokens) = received.tokens else { panic!("tokens of another kind") };
            assert!(!tokens.token.expose().is_empty());
            let request = http::Request::get("https://api.example/v1/me").body(()).expect("a request of ours");
            client
                .sign(&tokens, &mut request.into_parts().0, oauth1::Body::Opaque, NOW, &entropy)
                .expect("whatever was taken for a token can be sent");
        }
        Err(error) => judge_error(&error, &[CLIENT_SECRET, CODE]),
    }
}
