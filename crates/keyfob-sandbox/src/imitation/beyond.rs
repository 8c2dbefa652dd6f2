//! What a file can say and an imitation cannot play. It is told with its key, what it means, and what to do: to play the rest of the file as if it did not
//! say that would be another provider.

use super::file::{ClientAuth, File};

impl File {
    /// The first such thing that this file says, as a sentence.
    pub(super) fn beyond(&self) -> Option<String> {
        let settings = &self.oauth2;
        let (key, meaning) = if settings.dpop {
            ("oauth2.dpop = true", "tokens are bound to a key of the client's (RFC 9449)")
        } else if settings.request_object {
            ("oauth2.request_object = true", "requests are signed with the app's key (RFC 9101)")
        } else if !settings.id_token_algorithms.is_empty() && !settings.id_token_algorithms.iter().any(|name| name == "RS256") {
            ("oauth2.id_token_algorithms without RS256", "ID tokens are not signed with the one algorithm of an imitation")
        } else {
            match settings.client_auth {
                ClientAuth::SecretJwt => ("oauth2.client_auth = \"client_secret_jwt\"", ASSERTION),
                ClientAuth::PrivateKeyJwt => ("oauth2.client_auth = \"private_key_jwt\"", ASSERTION),
                // No provider of the sandbox has TLS.
                ClientAuth::Tls => {
                    let meaning = "the app shows a certificate (RFC 8705)";
                    return Some(format!("oauth2.client_auth = \"tls\" says that {meaning}, {NOT_PLAYED}: {WITHOUT}"));
                }
                ClientAuth::Basic
                | ClientAuth::BasicEmpty
                | ClientAuth::BasicRaw
                | ClientAuth::BasicSecret
                | ClientAuth::Post
                | ClientAuth::SignedSecret
                | ClientAuth::None => return None,
            }
        };
        Some(format!("{key} says that {meaning}, {NOT_PLAYED}: {WITHOUT}, or try that with acme, the sandbox's own provider"))
    }
}

const ASSERTION: &str = "the app proves who it is by a signed assertion (RFC 7523)";
const NOT_PLAYED: &str = "which is not imitated";
const WITHOUT: &str = "play a copy of the file that says otherwise";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_imitated_is_told_with_its_key_and_what_to_do() {
        let told = |line: &str| {
            let text = format!("kind = \"oauth2\"\n[client]\nfields = []\n[oauth2]\n{line}\n[api]\nbase_url = \"https://api.example\"");
            toml::from_str::<File>(&text).expect("a file").beyond()
        };
        for (line, meaning) in [
            ("dpop = true", "bound to a key"),
            ("request_object = true", "requests are signed"),
            ("id_token_algorithms = [\"ES256\", \"EdDSA\"]", "ID tokens are not signed"),
            ("client_auth = \"client_secret_jwt\"", "assertion"),
            ("client_auth = \"private_key_jwt\"", "assertion"),
            ("client_auth = \"tls\"", "certificate"),
        ] {
            let sentence = told(line).unwrap_or_default();
            let key = line.split(' ').next().expect("a key");
            assert!(sentence.starts_with(&format!("oauth2.{key} ")) && sentence.contains(meaning), "{line}: {sentence}");
            assert!(sentence.contains("play a copy of the file that says otherwise"), "{line}: {sentence}");
            assert_eq!(sentence.contains("acme"), !line.contains("tls"), "{line}: {sentence}");
        }
        for line in ["dpop = false", "id_token_algorithms = [\"ES256\", \"RS256\"]", "client_auth = \"post\"", ""] {
            assert_eq!(told(line), None, "{line}");
        }
    }
}
