//! Signed text (RFC 7515), ID tokens and proofs: nobody signs in our keys' names, however often they try.

use std::sync::{Arc, LazyLock};

use http::{Method, Uri};
use keyfob_proto::jose::{Algorithm, Algorithms, AwsLc, HmacKey, Jws, KeySet, Keys};
use keyfob_proto::oauth2::dpop;
use keyfob_proto::oidc::Expected;
use keyfob_proto::{Error, Secret, Timestamp, encode};

use crate::provider::judge_error;

/// The public keys of RFC 7515 A.3 and RFC 8037 A.2.
const KEYS: &str = r#"{"keys":[
    {"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"},
    {"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
const SECRET: &str = "a-client-secret-of-32-characters";

/// Everything those keys have ever signed, up to the signature. With HMAC the same key is known to nobody, and has signed nothing.
const SIGNED: [&str; 2] = [
    "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ",
    "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
];
/// The proof of RFC 9449 §5, up to its signature.
const PROVED: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ";

static SET: LazyLock<KeySet> = LazyLock::new(|| KeySet::read(KEYS.as_bytes(), Arc::new(AwsLc)).expect("keys of ours"));

/// Signed text; or, where it has a space, header and payload that are encoded here, so that the fuzzer need not learn base64.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let text = match text.split_once(' ') {
        Some((header, payload)) => {
            format!("{}.{}.{}", encode::base64url(header.as_bytes()), encode::base64url(payload.as_bytes()), "A".repeat(86))
        }
        None => text.to_owned(),
    };
    let any = Algorithms::of(Algorithm::ALL.iter().copied());
    let secret = HmacKey::new(Algorithm::HS256, &Secret::new(SECRET)).expect("a long secret");
    let signed = text.rsplit_once('.').map(|(signed, _)| signed);
    let now = Timestamp::from_unix(1_562_262_616);
    for keys in [Keys::Set(&SET), Keys::Shared(&secret)] {
        match Jws::read(&text).and_then(|jws| jws.verify(&keys, &any)) {
            Ok(payload) => {
                assert!(signed.is_some_and(|signed| SIGNED.contains(&signed)), "a forged signature");
                assert_eq!(Some(encode::base64url(&payload).as_str()), text.split('.').nth(1));
            }
            Err(wrong) => judge_error(&Error::from(wrong), &[]),
        }
        // Neither of those texts is an ID token.
        let wrong = Expected::new("https://login.example", "us", &any, now).judge(&text, &keys).expect_err("a forged ID token");
        judge_error(&Error::from(wrong), &[]);
    }
    let uri = Uri::from_static("https://server.example.com/token");
    let expected = dpop::Expected { method: &Method::POST, uri: &uri, nonce: None, access_token: None, now };
    match expected.judge(&text, Arc::new(AwsLc)) {
        Ok(_) => assert_eq!(signed, Some(PROVED), "a forged proof"),
        Err(wrong) => judge_error(&Error::from(wrong), &[]),
    }
}
