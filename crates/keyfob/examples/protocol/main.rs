//! Every item of the protocol once, as a session does it, against the sandbox's strict server: `cargo run -p keyfob --example protocol [NAME…]`.
//!
//! The table below is docs/protocol.md, which a test holds to it (`KEYFOB_WRITE_DOCS=1` writes the page anew), and each of its lines is a test.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;

mod clients;
mod grants;
mod house;
mod oauth1;
mod people;
mod requests;
mod servers;
mod tokens;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

struct Item {
    chapter: &'static str,
    about: &'static str,
    section: &'static str,
    file: &'static str,
    name: &'static str,
    run: fn() -> Pin<Box<dyn Future<Output = Outcome>>>,
}

/// Table and tests from one list, so that none of them can forget an item.
macro_rules! items {
    ($($chapter:literal { $($about:literal, $section:literal: $file:ident :: $name:ident)+ })+) => {
        const ITEMS: &[Item] = &[$($(Item {
            chapter: $chapter,
            about: $about,
            section: $section,
            file: stringify!($file),
            name: stringify!($name),
            run: || Box::pin($file::$name()),
        },)+)+];

        #[cfg(test)]
        mod each {
            $($(
                #[tokio::test]
                async fn $name() {
                    crate::$file::$name().await.expect("the example runs");
                }
            )+)+
        }
    };
}

items! {
    "OAuth 1.0a" {
        "A login and signed calls (three legs)", "RFC 5849 §2": oauth1::three_legs
        "An app that signs with its secret and SHA-256 or SHA-512 (HMAC-SHA256, HMAC-SHA512)", "RFC 5849 §3.4.2, with other hashes": oauth1::hmac_sha2
        "An app that signs with an RSA key of its own: RSA-SHA256, RSA-SHA512, and RSA-SHA1 with the feature `rsa-sha1`", "RFC 5849 §3.4.3": oauth1::rsa_key
        "By a key that lives in an HSM or a key service", "RFC 5849 §3.4.3": oauth1::rsa_key_elsewhere
        "The same call again and again, prepared once", "RFC 5849 §3.4.1": oauth1::prepared
        "Why a server refuses a signature", "OAuth Problem Reporting": oauth1::refused
        "Calls for the app itself (two legs)", "RFC 5849 §3.1": oauth1::two_legs
        "The secrets in place of a signature (PLAINTEXT), over TLS", "RFC 5849 §3.4.4": oauth1::plaintext
        "A server whose clock is another", "RFC 5849 §3.3": oauth1::other_clock
        "Bodies that are signed as well", "OAuth Request Body Hash, draft 4": oauth1::body_hash
        "Legacy: a name and a password for tokens (xAuth)", "none": oauth1::xauth
    }
    "Grants" {
        "Authorization code with proof key", "RFC 6749 §4.1, RFC 7636, RFC 9207": grants::code
        "Refresh", "RFC 6749 §6": grants::refresh
        "Client credentials: an account of the app itself", "RFC 6749 §4.4": grants::own_account
        "Another device", "RFC 8628": grants::device
        "One token for another", "RFC 8693": grants::exchange
        "JWT bearer, by the app's own key", "RFC 7523 §2.1": grants::own_assertion
        "JWT bearer, by an assertion that is given", "RFC 7523 §2.1, RFC 7521 §4.1": grants::given_assertion
        "SAML bearer", "RFC 7522 §2.1": grants::saml
        "The server asks the person itself (CIBA)", "OpenID CIBA Core": grants::backchannel
        "The same, and the server says when there is an answer (ping)", "OpenID CIBA Core §10.2": grants::pinged
        "Code and ID token at once (hybrid)", "OpenID Connect Core §3.3": grants::hybrid
        "Legacy: a password", "RFC 6749 §4.3": grants::legacy_password
        "Legacy: a token through the browser (implicit)", "RFC 6749 §4.2": grants::legacy_implicit
    }
    "Who the app is" {
        "By its id alone: a public client, which has no secret (`none`)", "RFC 6749 §2.1, RFC 7591 §2": clients::public
        "By its secret", "RFC 6749 §2.3.1": clients::secret
        "By its secret, unencoded (the deviation `basic-raw`)", "RFC 6749 §2.3.1": clients::raw_secret
        "By an assertion that its secret signs", "OpenID Connect Core §9, RFC 7523 §2.2": clients::secret_jwt
        "By an assertion that its key signs", "RFC 7523 §2.2": clients::private_key_jwt
        "By a key that lives in an HSM or a key service", "RFC 7523 §2.2": clients::key_elsewhere
        "By a certificate that an authority vouches for", "RFC 8705 §2.1, §3": clients::certificate
        "By a certificate that vouches for itself", "RFC 8705 §2.2, §3": clients::own_certificate
        "By a page about it; the walk from a 401 to a login (MCP)", "draft-ietf-oauth-client-id-metadata-document, RFC 9728 §5": clients::page
        "Registered just now", "RFC 7591": clients::registration
        "Registered, read, changed, ended", "RFC 7592": clients::management
    }
    "What a login asks for" {
        "A request that is pushed (PAR)", "RFC 9126": requests::pushed
        "A request that is signed (JAR)", "RFC 9101": requests::signed
        "A request that the server fetches from us", "RFC 9101 §5.2, OpenID Connect Core §6.2": requests::by_reference
        "An answer that is signed (JARM)", "JARM": requests::signed_answer
        "Rich authorization requests", "RFC 9396": requests::rich
        "Tokens for one resource", "RFC 8707": requests::resources
        "A fresh and strong sign-in", "OpenID Connect Core §3.1.2.1": requests::fresh_sign_in
    }
    "Tokens" {
        "Bound to a key (DPoP), with nonces", "RFC 9449": tokens::dpop
        "What one is worth, plain and signed", "RFC 7662, RFC 9701": tokens::introspection
        "Read by the resource that receives it", "RFC 9068": tokens::read_by_a_resource
        "An API that wants a stronger sign-in", "RFC 9470": tokens::step_up
        "An API that wants more scopes", "RFC 6750 §3.1": tokens::more_scopes
        "Given back", "RFC 7009": tokens::revocation
    }
    "What servers say about themselves" {
        "Metadata: a login by the issuer alone", "RFC 8414, OpenID Connect Discovery": servers::metadata
        "Metadata that are signed", "RFC 8414 §2.1": servers::signed_metadata
        "Keys that are changed", "OpenID Connect Core §10.1.1": servers::changed_keys
        "An API's metadata, by its challenge", "RFC 9728, RFC 6750 §3": servers::resource_metadata
        "The issuer, by what a person typed", "RFC 7033, OpenID Connect Discovery §2": servers::web_finger
    }
    "People" {
        "Who it is", "OpenID Connect Core §3.1.3.7": people::id_token
        "More about them", "OpenID Connect Core §5.3": people::userinfo
        "The same, signed", "OpenID Connect Core §5.3.2": people::signed_userinfo
        "Claims that are asked for by name (`claims`)", "OpenID Connect Core §5.5": people::claims
        "What others have signed about them", "OpenID Connect Core §5.6.2": people::others_claims
        "Whether they are still signed in there", "OpenID Connect Session Management": people::still_signed_in
        "Logging out there, by the browser", "OpenID Connect RP-Initiated Logout": people::end_session
        "Being told of a logout, by the browser", "OpenID Connect Front-Channel Logout §2": people::front_channel
        "Being told of a logout, by the server", "OpenID Connect Back-Channel Logout §2": people::back_channel
    }
}

#[tokio::main]
async fn main() -> Outcome {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    if let Some(unknown) = wanted.iter().find(|name| !ITEMS.iter().any(|item| item.name == name.as_str())) {
        let names: Vec<&str> = ITEMS.iter().map(|item| item.name).collect();
        return Err(format!("there is no example {unknown}; there are {}", names.join(", ")).into());
    }
    for item in ITEMS.iter().filter(|item| wanted.is_empty() || wanted.iter().any(|name| name == item.name)) {
        (item.run)().await?;
        println!("{}: {} ({}): {} in {}.rs", item.chapter, item.about, item.section, item.name, item.file);
    }
    Ok(())
}

#[cfg(test)]
mod page {
    use super::ITEMS;

    const HEAD: &str = "# The protocol, item by item\n\n\
        What a session can do, where it is specified, and an example that runs: against the sandbox's `acme`, which follows the specifications to the\n\
        letter. `cargo run -p keyfob --example protocol` runs them all, with a name behind it that one; each is a test as well.\n\n\
        <!-- Written by `KEYFOB_WRITE_DOCS=1 cargo test -p keyfob --example protocol`. -->\n";

    /// What somebody may look for here in vain.
    const MISSING: &str = "\n## What is missing\n\n\
        | what | where it is specified | what happens where a server wants it |\n|---|---|---|\n\
        | Encrypted text (JWE): ID tokens, UserInfo, request objects, answers | RFC 7516, OpenID Connect Core §10.2 | it is refused, by a sentence that says so; \
        [why](../DESIGN.md#why-is-there-no-encryption-jwe) |\n\
        | OpenID Federation | OpenID Federation 1.0 | whom to believe is said by settings, and not by chains of statements |\n";

    fn written() -> String {
        let mut page = HEAD.to_owned();
        let mut chapter = "";
        for item in ITEMS {
            if item.chapter != chapter {
                chapter = item.chapter;
                page.push_str(&format!("\n## {chapter}\n\n| what | where it is specified | example |\n|---|---|---|\n"));
            }
            let file = format!("[{0}.rs](../crates/keyfob/examples/protocol/{0}.rs)", item.file);
            page.push_str(&format!("| {} | {} | `{}` in {file} |\n", item.about, item.section, item.name));
        }
        page.push_str(MISSING);
        page
    }

    #[test]
    fn the_page_is_the_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/protocol.md");
        if std::env::var_os("KEYFOB_WRITE_DOCS").is_some() {
            std::fs::write(path, written()).expect("the page can be written");
        }
        let found = std::fs::read_to_string(path).unwrap_or_default();
        assert!(found == written(), "docs/protocol.md is not the table: write it anew with KEYFOB_WRITE_DOCS=1");
    }

    #[test]
    fn every_item_has_a_name_of_its_own() {
        let names: std::collections::BTreeSet<&str> = ITEMS.iter().map(|item| item.name).collect();
        assert_eq!(names.len(), ITEMS.len());
    }
}
