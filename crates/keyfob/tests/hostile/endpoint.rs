//! The endpoints, and what a good answer is at each.

use keyfob_testbed::hostile::{Good, Hostile};

/// Where answers come from that nobody has to trust.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// RFC 6749 §4.1.3.
    Token,
    /// RFC 6749 §6.
    Refresh,
    /// RFC 7009.
    Revocation,
    /// RFC 9126.
    Pushed,
    /// RFC 8628 §3.1.
    Device,
    /// RFC 8628 §3.4.
    Polling,
    /// RFC 7662.
    Introspection,
    /// OpenID Connect Core §5.3.
    UserInfo,
    /// RFC 7591.
    Registration,
    /// RFC 8414.
    Metadata,
    /// RFC 7517 §5.
    Keys,
    /// OpenID CIBA Core §7.
    Backchannel,
    /// RFC 5849 §2.1.
    RequestToken,
    /// RFC 5849 §2.3.
    AccessToken,
    /// What all this is for.
    Api,
}

impl Endpoint {
    pub const ALL: [Self; 15] = [
        Self::Token,
        Self::Refresh,
        Self::Revocation,
        Self::Pushed,
        Self::Device,
        Self::Polling,
        Self::Introspection,
        Self::UserInfo,
        Self::Registration,
        Self::Metadata,
        Self::Keys,
        Self::Backchannel,
        Self::RequestToken,
        Self::AccessToken,
        Self::Api,
    ];

    /// What its path ends with.
    pub fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Refresh => "refresh",
            Self::Revocation => "revoke",
            Self::Pushed => "push",
            Self::Device => "device",
            Self::Polling => "poll",
            Self::Introspection => "introspect",
            Self::UserInfo => "userinfo",
            Self::Registration => "register",
            Self::Metadata => "metadata",
            Self::Keys => "keys",
            Self::Backchannel => "backchannel",
            Self::RequestToken => "request-token",
            Self::AccessToken => "access-token",
            Self::Api => "api",
        }
    }
}

/// A hostile server that knows what all of them answer when all is well.
pub fn server() -> Hostile {
    Hostile::start(|endpoint, base| match endpoint {
        "push" => Good::json("request_uri", &[("request_uri", r#""urn:example:request-1""#), ("expires_in", "60")]),
        "device" | "device-in-haste" => {
            // One second, and a second to answer: polling that does not get through comes to an end.
            let (lifetime, interval) = if endpoint == "device" { ("600", "5") } else { ("3", "1") };
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
    })
}
