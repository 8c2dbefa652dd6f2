//! One answer that is wrong in one respect: what a relying party has to see. Data, so that a test can walk through all of them.

use serde::{Deserialize, Serialize};

/// Which answer a flaw is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// ID tokens (OpenID Connect Core §2).
    IdToken,
    /// Server metadata (RFC 8414, OpenID Connect Discovery).
    Metadata,
    /// Server metadata that are signed (RFC 8414 §2.1): with the quirk `signed_metadata`.
    SignedMetadata,
    /// Protected resource metadata (RFC 9728).
    ResourceMetadata,
    /// The key set (RFC 7517).
    Jwks,
    /// The authorization response (RFC 6749 §4.1.2, RFC 9207).
    AuthorizationResponse,
    /// The signed authorization response (JARM).
    Jarm,
    /// The token response (RFC 6749 §5.1).
    TokenResponse,
    /// `UserInfo` (OpenID Connect Core §5.3).
    Userinfo,
    /// Signed answers about tokens (RFC 9701).
    Introspection,
    /// Claims of other sources (OpenID Connect Core §5.6.2).
    SourcedClaims,
    /// The way back from a logout (OpenID Connect RP-Initiated Logout §3).
    LogoutResponse,
    /// Logout tokens (OpenID Connect Back-Channel Logout §2.4).
    LogoutToken,
}

/// Enum, list, part and description from one table, so that none of them can forget an entry.
macro_rules! flaws {
    ($($part:ident { $($name:ident $about:literal)+ })+) => {
        /// One answer of `acme` that is wrong in one respect ([`Faults::flaw`](crate::Faults::flaw)). Everything else stays right.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum Flaw {
            $($(#[doc = $about] $name,)+)+
        }

        impl Flaw {
            /// All of them.
            pub const ALL: &[Self] = &[$($(Self::$name,)+)+];

            /// The answer that it is in.
            pub const fn part(self) -> Part {
                match self {
                    $($(Self::$name)|+ => Part::$part,)+
                }
            }

            /// What is wrong, for people.
            pub const fn about(self) -> &'static str {
                match self {
                    $($(Self::$name => $about,)+)+
                }
            }
        }
    };
}

flaws! {
    IdToken {
        IdTokenMissing "there is none, though `openid` was granted"
        IdTokenIss "`iss` is somebody else"
        IdTokenNoIss "`iss` is missing"
        IdTokenAud "`aud` is another client"
        IdTokenNoAud "`aud` is missing"
        IdTokenExtraAud "`aud` names another client as well"
        IdTokenAzp "`azp` is another client"
        IdTokenExp "it has ended"
        IdTokenNoExp "`exp` is missing"
        IdTokenIat "`iat` lies an hour ahead"
        IdTokenOldIat "`iat` lies a week back"
        IdTokenNoIat "`iat` is missing"
        IdTokenNonce "`nonce` is another one"
        IdTokenNoNonce "`nonce` is missing"
        IdTokenAtHash "`at_hash` is of another token"
        IdTokenNoAtHash "`at_hash` is missing beside an access token"
        IdTokenCHash "`c_hash` is of another code"
        IdTokenNoCHash "`c_hash` is missing beside a code"
        IdTokenSHash "`s_hash` is of another state"
        IdTokenNoSHash "`s_hash` is missing beside a state"
        IdTokenSub "`sub` changes at refresh, and between the two ID tokens of a hybrid login"
        IdTokenNoSub "`sub` is missing"
        IdTokenAuthTime "`auth_time` is a day ago, whatever `max_age` asked"
        IdTokenNoAuthTime "`auth_time` is missing, though `max_age` was asked"
        IdTokenAcr "`acr` is less than what was asked"
        IdTokenIntent "`openbanking_intent_id` is another one than was asked for"
        IdTokenTyp "`typ` is `at+jwt`"
        IdTokenAlgNone "`alg` is `none`, without signature"
        IdTokenAlgOther "signed by another algorithm than the app is registered for"
        IdTokenHs256PublicKey "HS256 with the server's public key as secret"
        IdTokenSignature "the signature is of another text"
        IdTokenUnknownKid "`kid` is in no key set, ever"
        IdTokenNoKid "`kid` is missing, though there are several keys"
        IdTokenCrit "`crit` names an extension that nobody knows"
    }
    Metadata {
        MetadataIssuer "`issuer` is somebody else"
        MetadataNoIssuer "`issuer` is missing"
    }
    SignedMetadata {
        SignedMetadataIss "`iss` is somebody else"
        SignedMetadataAud "`aud` is somebody"
        SignedMetadataExp "it has ended"
        SignedMetadataSignature "the signature is of another text"
    }
    ResourceMetadata {
        ResourceMetadataResource "`resource` is another one"
    }
    Jwks {
        JwksPrivate "a private key is published"
        JwksEmpty "there are no keys"
    }
    AuthorizationResponse {
        ResponseIss "`iss` is somebody else"
        ResponseNoIss "`iss` is missing"
        ResponseState "`state` is another one"
        ResponseNoState "`state` is missing"
        ResponseTwice "`code` comes twice"
    }
    Jarm {
        JarmIss "`iss` is somebody else"
        JarmNoIss "`iss` is missing"
        JarmAud "`aud` is another client"
        JarmNoAud "`aud` is missing"
        JarmExp "it has ended"
        JarmNoExp "`exp` is missing"
        JarmState "`state` is another one"
        JarmAlgNone "`alg` is `none`, without signature"
        JarmSignature "the signature is of another text"
        JarmUnsigned "the parameters come plain, though signed ones were asked for"
    }
    TokenResponse {
        TokenTypeDowngraded "`token_type` is Bearer for a token that is bound to a key"
        TokenTypeUnknown "`token_type` is one that nobody knows"
    }
    Userinfo {
        UserinfoSub "`sub` is another person"
        UserinfoNoSub "`sub` is missing"
        UserinfoUnsigned "plain, though the app is registered for signed ones"
        UserinfoIss "signed: `iss` is somebody else"
        UserinfoAud "signed: `aud` is another client"
        UserinfoSignature "signed: the signature is of another text"
    }
    Introspection {
        IntrospectionTyp "`typ` is `JWT`"
        IntrospectionIss "`iss` is somebody else"
        IntrospectionAud "`aud` is another client"
        IntrospectionSignature "the signature is of another text"
    }
    SourcedClaims {
        SourcedClaimsIss "`iss` is somebody else"
        SourcedClaimsSignature "the signature is of another text"
    }
    LogoutResponse {
        LogoutState "`state` is another one"
        LogoutNoState "`state` is missing"
    }
    LogoutToken {
        LogoutTokenIss "`iss` is somebody else"
        LogoutTokenAud "`aud` is another client"
        LogoutTokenExp "it has ended"
        LogoutTokenNoIat "`iat` is missing"
        LogoutTokenNoJti "`jti` is missing"
        LogoutTokenNoEvents "`events` is missing"
        LogoutTokenEvents "`events` names another event"
        LogoutTokenNonce "there is a `nonce`"
        LogoutTokenNoSubject "neither `sub` nor `sid`"
        LogoutTokenTyp "`typ` is `at+jwt`"
        LogoutTokenAlg "signed with another algorithm than the app is registered for"
        LogoutTokenAlgNone "`alg` is `none`, without signature"
        LogoutTokenSignature "the signature is of another text"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(value: impl Serialize) -> String {
        serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).expect("text")
    }

    #[test]
    fn the_readme_has_every_flaw_and_no_other() {
        let wanted: Vec<String> =
            Flaw::ALL.iter().map(|flaw| format!("| `{}` | {} | {} |", name(flaw), name(flaw.part()), flaw.about())).collect();
        let found: Vec<&str> = include_str!("../README.md")
            .lines()
            .skip_while(|line| !line.starts_with("| flaw"))
            .skip(2)
            .take_while(|l| l.starts_with('|'))
            .collect();
        assert_eq!(found, wanted, "the table should be:\n{}", wanted.join("\n"));
    }
}
