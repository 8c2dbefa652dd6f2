//! Answers that say failure (RFC 6749 §5.2, RFC 7009 §2.2.1): a server writes what it likes, and people read it.

use keyfob_proto::oauth2::TokenKind;
use keyfob_proto::{Error, Secret, scrub};

use crate::provider::{Answered, CLIENT_SECRET, CODE, NOW, judge_error, oauth1_client, oauth1_exchange, oauth2_client, oauth2_exchange};

/// See `Answered` for what the bytes are; statuses of success are left out.
pub fn run(data: &[u8]) {
    let Some(answered) = Answered::read(data) else { return };
    if answered.response.status().is_success() {
        return;
    }
    let client = oauth2_client(answered.lenient);
    let exchanged = oauth2_exchange(&client).receive(&answered.response, NOW);
    judge(&exchanged.expect_err("a status of failure brings no tokens"));
    let revocation = client.revoke(&Secret::new(CODE), TokenKind::Refresh).expect("a request of ours").expect("an endpoint of ours");
    if let Err(error) = revocation.receive(&answered.response) {
        judge(&error);
    }
    let exchanged = oauth1_exchange(&oauth1_client(answered.lenient)).receive(&answered.response, NOW);
    judge(&exchanged.expect_err("a status of failure brings no tokens"));
}

fn judge(error: &Error) {
    judge_error(error, &[CLIENT_SECRET, CODE]);
    if let Error::Refused(refused) = error {
        let short = |text: &Option<String>| text.as_ref().is_none_or(|text| text.chars().count() <= scrub::LONGEST);
        assert!(short(&refused.description) && short(&refused.uri), "a long text is kept");
        assert!(refused.uri.as_ref().is_none_or(|uri| uri.starts_with("https://")), "{refused:?}");
    }
}
