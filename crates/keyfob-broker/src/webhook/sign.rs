//! Signatures, so that a receiver knows who tells: the scheme of Standard Webhooks, which libraries of many languages check.
//!
//! What is signed is `id.timestamp.body`: the id, so that a message counts once; the time, so that an old one is not sent again by somebody else.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use keyfob::OsEntropy;
use keyfob::proto::{Entropy as _, Secret, Timestamp};
use sha2::Sha256;

/// What every secret begins with.
const PREFIX: &str = "whsec_";

/// 256 bits, as receivers have them.
pub(super) fn new_secret() -> Secret {
    let mut bytes = [0; 32];
    OsEntropy.fill(&mut bytes);
    Secret::new(format!("{PREFIX}{}", STANDARD.encode(bytes)))
}

/// The value of `webhook-signature`, with one for each secret.
pub(super) fn signatures<'a>(secrets: impl Iterator<Item = &'a str>, id: &str, at: Timestamp, body: &str) -> String {
    let signed = format!("{id}.{}.{body}", at.as_unix());
    let all: Vec<String> = secrets.filter_map(|secret| signature(secret, signed.as_bytes())).collect();
    all.join(" ")
}

fn signature(secret: &str, signed: &[u8]) -> Option<String> {
    let key = STANDARD.decode(secret.strip_prefix(PREFIX)?).ok()?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
    mac.update(signed);
    Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification (standard-webhooks/spec, "Signature scheme").
    #[test]
    fn the_published_example_is_signed_alike() {
        let body = r#"{"test": 2432232314}"#;
        let at = Timestamp::from_unix(1_614_265_330);
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let signed = signatures([secret].into_iter(), "msg_p5jXN8AQM9LWM0D4loKWxJek", at, body);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn two_secrets_make_two_signatures_and_each_is_another() {
        let (one, other) = (new_secret(), new_secret());
        let at = Timestamp::from_unix(1);
        let signed = signatures([one.expose(), other.expose()].into_iter(), "msg_1", at, "{}");
        let (first, second) = signed.split_once(' ').expect("two");
        assert_ne!(first, second);
        assert_ne!(signatures([one.expose()].into_iter(), "msg_2", at, "{}"), first);
        assert_ne!(signatures([one.expose()].into_iter(), "msg_1", at.plus(1), "{}"), first);
    }
}
