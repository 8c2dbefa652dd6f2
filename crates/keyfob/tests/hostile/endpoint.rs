//! The endpoints, each with its name and the test that asks it for every case; and what a good answer is at each.

use std::sync::LazyLock;

use keyfob::proto::jose::{Algorithm, AwsLc, Crypto, PrivateKey, sign_compact};
use keyfob_testbed::hostile::{Good, Hostile};
use serde_json::{Map, Value};

use super::every_case;

/// All of an endpoint in one line: nothing that walks them can leave one out.
macro_rules! endpoints {
    ($($(#[$about:meta])* $endpoint:ident, $name:literal, $test:ident;)*) => {
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
    Token, "token", c6_the_exchange_of_a_code;
    /// RFC 6749 §6.
    Refresh, "refresh", c6_a_refresh;
    /// RFC 7009.
    Revocation, "revoke", c3_a_revocation;
    /// RFC 9126.
    Pushed, "push", c6_a_pushed_authorization_request;
    /// RFC 8628 §3.1.
    Device, "device", c6_a_device_authorization;
    /// RFC 8628 §3.4.
    Polling, "poll", c6_the_polling_of_a_device;
    /// RFC 7662.
    Introspection, "introspect", c6_an_introspection;
    /// OpenID Connect Core §5.3.
    UserInfo, "userinfo", c6_userinfo;
    /// RFC 7591.
    Registration, "register", c6_a_registration;
    /// RFC 8414.
    Metadata, "metadata", c6_an_issuers_metadata;
    /// RFC 7517 §5.
    Keys, "keys", c6_an_issuers_keys;
    /// OpenID CIBA Core §7.
    Backchannel, "backchannel", c6_a_backchannel_authentication;
    /// OpenID CIBA Core §10.1.
    BackchannelPolling, "backchannel-poll", c6_the_polling_of_a_backchannel_authentication;
    /// RFC 6749 §4.4.
    ClientCredentials, "client-credentials", c6_client_credentials;
    /// RFC 8693 §2.
    TokenExchange, "exchange", c6_a_token_exchange;
    /// RFC 7523 §2.1.
    JwtBearer, "jwt-bearer", c6_an_assertion_for_somebody;
    /// RFC 7522 §2.1.
    SamlBearer, "saml-bearer", c6_a_saml_assertion;
    /// RFC 6749 §4.3.
    Password, "password", c6_a_password;
    /// A GET for a token that lives longer, in place of the login's.
    LongLived, "long-lived", c6_a_token_that_lives_longer;
    /// RFC 9701.
    SignedIntrospection, "introspect-signed", c6_a_signed_introspection;
    /// OpenID Connect Core §5.3.2.
    SignedUserInfo, "userinfo-signed", c6_signed_userinfo;
    /// RFC 7592 §2.2.
    Management, "client", c6_a_registration_that_is_changed;
    /// RFC 7592 §2.3.
    Deletion, "client-to-delete", c6_a_registration_that_is_ended;
    /// RFC 9728 §3.
    Resource, "resource", c6_a_resources_metadata;
    /// RFC 7033.
    WebFinger, "webfinger", c6_who_signs_a_person_in;
    /// OpenID Connect Core §5.6.2: claims that are fetched where UserInfo says.
    Claims, "claims", c6_claims_that_are_fetched;
    /// RFC 5849 §2.1.
    RequestToken, "request-token", c6_temporary_credentials;
    /// RFC 5849 §2.3.
    AccessToken, "access-token", c6_token_credentials;
    /// What all this is for.
    Api, "api", c17_a_call;
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
        "client" => Good::json(
            "client_id",
            &[
                ("client_id", r#""registered-1""#),
                ("redirect_uris", r#"["http://127.0.0.1/callback"]"#),
                ("token_endpoint_auth_method", r#""none""#),
                ("registration_access_token", r#""registration-2""#),
                ("registration_client_uri", &format!(r#""{base}/client""#)),
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
        "access-token" => Good::form("oauth_token", &[("oauth_token", r#""access-2""#), ("oauth_token_secret", r#""secret-2""#)]),
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
