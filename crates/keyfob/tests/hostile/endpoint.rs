//! The endpoints, each with its name and the test that asks it for every case; and what a good answer is at each.

use std::sync::LazyLock;

use keyfob::proto::jose::{Algorithm, AwsLc, Crypto, PrivateKey, sign_compact};
use keyfob_testbed::hostile::{Good, Hostile};
use serde_json::{Map, Value};

use super::every_case;

/// All of an endpoint in one line: nothing that walks them can leave one out.
macro_rules! endpoints {
    ($($(#[$about:meta])* $test:ident => $endpoint:ident, $name:literal;)*) => {
        /// Where answers come from that nobody has to trust.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Endpoint {
            $($(#[$about])* $endpoint,)*
        }

        impl Endpoint {
            pub const ALL: &[Self] = &[$(Self::$endpoint),*];

            /// What its path ends with.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$endpoint => $name,)*
                }
            }
        }

        $(
            #[tokio::test]
            async fn $test() {
                every_case(Endpoint::$endpoint).await;
            }
        )*
    };
}

endpoints! {
    /// RFC 6749 §4.1.3.
    c6_the_exchange_of_a_code => Token, "token";
    /// RFC 6749 §6.
    c6_a_refresh => Refresh, "refresh";
    /// RFC 7009.
    c3_a_revocation => Revocation, "revoke";
    /// RFC 9126.
    c6_a_pushed_authorization_request => Pushed, "push";
    /// RFC 8628 §3.1.
    c6_a_device_authorization => Device, "device";
    /// RFC 8628 §3.4.
    c6_the_polling_of_a_device => Polling, "poll";
    /// RFC 7662.
    c6_an_introspection => Introspection, "introspect";
    /// OpenID Connect Core §5.3.
    c6_userinfo => UserInfo, "userinfo";
    /// RFC 7591.
    c6_a_registration => Registration, "register";
    /// RFC 8414.
    c6_an_issuers_metadata => Metadata, "metadata";
    /// RFC 7517 §5.
    c6_an_issuers_keys => Keys, "keys";
    /// OpenID CIBA Core §7.
    c6_a_backchannel_authentication => Backchannel, "backchannel";
    /// OpenID CIBA Core §10.1.
    c6_the_polling_of_a_backchannel_authentication => BackchannelPolling, "backchannel-poll";
    /// RFC 6749 §4.4.
    c6_client_credentials => ClientCredentials, "client-credentials";
    /// RFC 8693 §2.
    c6_a_token_exchange => TokenExchange, "exchange";
    /// RFC 7523 §2.1.
    c6_an_assertion_for_somebody => JwtBearer, "jwt-bearer";
    /// RFC 7522 §2.1.
    c6_a_saml_assertion => SamlBearer, "saml-bearer";
    /// RFC 6749 §4.3.
    c6_a_password => Password, "password";
    /// A GET for a token that lives longer, in place of the login's.
    c6_a_token_that_lives_longer => LongLived, "long-lived";
    /// RFC 9701.
    c6_a_signed_introspection => SignedIntrospection, "introspect-signed";
    /// OpenID Connect Core §5.3.2.
    c6_signed_userinfo => SignedUserInfo, "userinfo-signed";
    /// RFC 7592 §2.1.
    c6_a_registration_that_is_read => Reading, "client-to-read";
    /// RFC 7592 §2.2.
    c6_a_registration_that_is_changed => Management, "client";
    /// RFC 7592 §2.3.
    c6_a_registration_that_is_ended => Deletion, "client-to-delete";
    /// RFC 9728 §3.
    c6_a_resources_metadata => Resource, "resource";
    /// RFC 7033.
    c6_who_signs_a_person_in => WebFinger, "webfinger";
    /// OpenID Connect Core §5.6.2: claims that are fetched where UserInfo says.
    c6_claims_that_are_fetched => Claims, "claims";
    /// RFC 5849 §2.1.
    c6_temporary_credentials => RequestToken, "request-token";
    /// RFC 5849 §2.3.
    c6_token_credentials => AccessToken, "access-token";
    /// A name and a password in place of a verifier; no RFC has it.
    c6_token_credentials_for_a_password => XAuth, "xauth";
    /// What all this is for.
    c17_a_call => Api, "api";
}

impl Endpoint {
    /// Whether it is asked again and again, until somebody has decided or the time is over.
    pub fn is_polled(self) -> bool {
        matches!(self, Self::Polling | Self::BackchannelPolling)
    }
}

/// Who answers for the claims that are fetched.
static CLAIMS_KEY: LazyLock<PrivateKey> = LazyLock::new(|| AwsLc.generate(Algorithm::ES256).unwrap().named("claims"));

fn signed(claims: &[u8]) -> Vec<u8> {
    signed_with(Map::new(), claims)
}

fn signed_with(header: Map<String, Value>, claims: &[u8]) -> Vec<u8> {
    sign_compact(&*AwsLc.signer(Algorithm::ES256, &CLAIMS_KEY).unwrap(), header, claims).unwrap().into_bytes()
}

fn published() -> String {
    let signer = AwsLc.signer(Algorithm::ES256, &CLAIMS_KEY).unwrap();
    let mut jwk = signer.public_key().unwrap().to_jwk();
    jwk.insert("kid".to_owned(), Value::from(signer.key_id().unwrap()));
    Value::Array(vec![Value::Object(jwk)]).to_string()
}

/// A hostile server that knows what all of them answer when all is well.
pub fn server() -> Hostile {
    Hostile::start(good)
}

/// What an endpoint answers when all is well; `base` is the URL before its name.
pub fn good(endpoint: &str, base: &str) -> Good {
    let origin = base.rsplit_once('/').map_or(base, |(origin, _)| origin);
    match endpoint {
        "push" => Good::json("request_uri", &[("request_uri", r#""urn:example:request-1""#), ("expires_in", "60")]),
        "device" | "device-in-haste" => {
            // Polling that does not get through comes to an end; on a busy machine, too, the first poll has left by then.
            let (lifetime, interval) = if endpoint == "device" { ("600", "5") } else { ("9", "3") };
            Good::json(
                "device_code",
                &[
                    ("device_code", r#""device-1""#),
                    ("user_code", r#""WDJB-MJHT""#),
                    ("verification_uri", r#""https://login.example/device""#),
                    ("expires_in", lifetime),
                    ("interval", interval),
                ],
            )
        }
        "introspect" => Good::json("active", &[("active", "true"), ("scope", r#""read""#), ("token_type", r#""Bearer""#)]),
        "introspect-signed" => {
            let issuer = format!(r#""{origin}/ok/issuer""#);
            let worth = r#"{"active":true,"scope":"read"}"#;
            let claims =
                [("iss", issuer.as_str()), ("aud", r#""example-client-id""#), ("iat", "1790000000"), ("token_introspection", worth)];
            let header = || Map::from_iter([("typ".to_owned(), Value::from("token-introspection+jwt"))]);
            Good::signed("iss", &claims, move |claims| signed_with(header(), claims)).of_type("application/token-introspection+jwt")
        }
        "userinfo-signed" => {
            let issuer = format!(r#""{origin}/ok/issuer""#);
            let claims =
                [("iss", issuer.as_str()), ("aud", r#""example-client-id""#), ("sub", r#""person-1""#), ("name", r#""A. Person""#)];
            Good::signed("sub", &claims, signed)
        }
        "userinfo" => Good::json("sub", &[("sub", r#""person-1""#), ("name", r#""A. Person""#)]),
        "register" => Good::json(
            "client_id",
            &[
                ("client_id", r#""registered-1""#),
                ("redirect_uris", r#"["http://127.0.0.1/callback"]"#),
                ("token_endpoint_auth_method", r#""none""#),
            ],
        ),
        "metadata" => {
            Good::json("issuer", &[("issuer", &format!(r#""{base}/metadata""#)), ("token_endpoint", &format!(r#""{base}/token""#))])
        }
        "keys" => Good::json("keys", &[("keys", "[]")]),
        "backchannel" => Good::json("auth_req_id", &[("auth_req_id", r#""request-1""#), ("expires_in", "120")]),
        "backchannel-in-haste" => Good::json("auth_req_id", &[("auth_req_id", r#""request-1""#), ("expires_in", "9"), ("interval", "3")]),
        "exchange" => Good::json(
            "access_token",
            &[
                ("access_token", r#""access-2""#),
                ("issued_token_type", r#""urn:ietf:params:oauth:token-type:access_token""#),
                ("token_type", r#""Bearer""#),
                ("expires_in", "3600"),
            ],
        ),
        // Registered well; where the client is managed is the case's.
        managed if managed.starts_with("managed-") => {
            let (case, client) = managed["managed-".len()..].split_once('.').unwrap();
            Good::json(
                "client_id",
                &[
                    ("client_id", r#""registered-1""#),
                    ("redirect_uris", r#"["http://127.0.0.1/callback"]"#),
                    ("token_endpoint_auth_method", r#""none""#),
                    ("registration_access_token", r#""registration-1-not-real""#),
                    ("registration_client_uri", &format!(r#""{origin}/{case}/{client}""#)),
                ],
            )
        }
        "client" | "client-to-read" => Good::json(
            "client_id",
            &[
                ("client_id", r#""registered-1""#),
                ("redirect_uris", r#"["http://127.0.0.1/callback"]"#),
                ("token_endpoint_auth_method", r#""none""#),
                ("registration_access_token", r#""registration-2""#),
                ("registration_client_uri", &format!(r#""{base}/{endpoint}""#)),
            ],
        ),
        "resource" => {
            Good::json("resource", &[("resource", &format!(r#""{base}/resource""#)), ("authorization_servers", &format!(r#"["{base}"]"#))])
        }
        "webfinger" => {
            let link = format!(r#"[{{"rel":"http://openid.net/specs/connect/1.0/issuer","href":"{base}/issuer"}}]"#);
            Good::json("links", &[("links", &link)])
        }
        "claims" => Good::signed("iss", &[("iss", &format!(r#""{origin}/ok/claims-issuer""#)), ("credit_score", "650")], signed),
        "claims-issuer" => Good::json(
            "issuer",
            &[
                ("issuer", &format!(r#""{base}/claims-issuer""#)),
                ("authorization_endpoint", &format!(r#""{base}/authorize""#)),
                ("token_endpoint", &format!(r#""{base}/token""#)),
                ("jwks_uri", &format!(r#""{base}/claims-keys""#)),
                ("response_types_supported", r#"["code"]"#),
                ("subject_types_supported", r#"["public"]"#),
                ("id_token_signing_alg_values_supported", r#"["ES256"]"#),
            ],
        ),
        "claims-keys" => Good::json("keys", &[("keys", &published())]),
        "request-token" => Good::form(
            "oauth_token",
            &[("oauth_token", r#""temporary-1""#), ("oauth_token_secret", r#""secret-1""#), ("oauth_callback_confirmed", r#""true""#)],
        ),
        "access-token" | "xauth" => Good::form("oauth_token", &[("oauth_token", r#""access-2""#), ("oauth_token_secret", r#""secret-2""#)]),
        "api" => Good::json("name", &[("name", r#""front door""#)]),
        "token-for-less" => {
            Good::json("access_token", &[("access_token", r#""access-2""#), ("token_type", r#""Bearer""#), ("scope", r#""read""#)])
        }
        _ => Good::json(
            "access_token",
            &[
                ("access_token", r#""access-2""#),
                ("token_type", r#""Bearer""#),
                ("expires_in", "3600"),
                ("refresh_token", r#""refresh-2""#),
            ],
        ),
    }
}
