//! What comes back from the authorization page, typed, pasted or sent by anybody.

use keyfob_proto::{Answer, encode};

use crate::provider::{CALLBACK, NOW, judge_error, oauth1_client, oauth1_pending, oauth2_client, oauth2_pending, replace};

/// The first letter says which kind of answer the rest is; `{state}` and `{token}` in it stand for those of the login.
pub fn run(data: &[u8]) {
    let Some((&kind, rest)) = data.split_first() else { return };
    let lenient = kind & 0x20 == 0;
    let (client2, client1) = (oauth2_client(lenient), oauth1_client(lenient));
    let (pending2, pending1) = (oauth2_pending(&client2), oauth1_pending(&client1));
    let state = pending2.key().expose();
    let Ok(text) = String::from_utf8(replace(&replace(rest, b"{state}", state), b"{token}", "temporary-1")) else { return };
    let url = format!("{CALLBACK}?{text}");
    let answer = match kind | 0x20 {
        b'u' => Answer::Url(&text),
        b'q' => Answer::Query(&text),
        b'b' => Answer::Bare(&text),
        b'c' => Answer::Url(&url),
        _ => Answer::read(&text),
    };
    let bare = matches!(answer, Answer::Bare(_));
    // However it is spelt: percent-encoding is undone before it is looked for.
    let names = |key: &str| String::from_utf8_lossy(&encode::percent_decode(text.as_bytes())).contains(key);
    match pending2.verify(answer, NOW) {
        // A bare code is the one answer that names no login; the proof key stands in for that.
        Ok(verified) => {
            assert!(bare || names(state), "verified without our state");
            client2.exchange(verified).expect("what is verified can be exchanged");
        }
        Err(error) => judge_error(&error, &[]),
    }
    match pending1.verify(answer, NOW) {
        Ok(_) => assert!(!bare && names("temporary-1"), "verified without our temporary token"),
        Err(error) => judge_error(&error, &[]),
    }
    assert!(pending2.verify(answer, NOW.plus(601)).is_err(), "a login without end");
}
