//! What a parameter is by, and which belong together: the same thread runs from where something is made to where it is judged.

/// Parameters, their thread, and the section that has them. Those of one thread are of one colour.
const PARAMETERS: [(&str, Option<Thread>, &str); 29] = [
    ("access_token", None, "RFC 6749 §1.4"),
    ("client_assertion", None, "RFC 7521 §4.2"),
    ("client_id", None, "RFC 6749 §2.2"),
    ("code", Some(Thread::Code), "RFC 6749 §4.1.2"),
    ("code_challenge", Some(Thread::Proof), "RFC 7636 §4.3"),
    ("code_challenge_method", Some(Thread::Proof), "RFC 7636 §4.3"),
    ("code_verifier", Some(Thread::Proof), "RFC 7636 §4.5"),
    ("device_code", Some(Thread::Code), "RFC 8628 §3.2"),
    ("expires_in", None, "RFC 6749 §5.1"),
    ("id_token", Some(Thread::Nonce), "OpenID Connect Core 1.0 §2"),
    ("iss", None, "RFC 9207 §2"),
    ("nonce", Some(Thread::Nonce), "OpenID Connect Core 1.0 §3.1.2.1"),
    ("oauth_callback", Some(Thread::Back), "RFC 5849 §2.1"),
    ("oauth_callback_confirmed", Some(Thread::Back), "RFC 5849 §2.1"),
    ("oauth_consumer_key", None, "RFC 5849 §3.1"),
    ("oauth_nonce", None, "RFC 5849 §3.3"),
    ("oauth_signature", None, "RFC 5849 §3.4"),
    ("oauth_timestamp", None, "RFC 5849 §3.3"),
    ("oauth_token", Some(Thread::Token), "RFC 5849 §2.1"),
    ("oauth_token_secret", Some(Thread::Token), "RFC 5849 §2.1"),
    ("oauth_verifier", Some(Thread::Code), "RFC 5849 §2.2"),
    ("redirect_uri", Some(Thread::Back), "RFC 6749 §3.1.2"),
    ("refresh_token", None, "RFC 6749 §1.5"),
    ("request_uri", None, "RFC 9126 §2.2"),
    ("resource", None, "RFC 8707 §2"),
    ("response_type", None, "RFC 6749 §3.1.1"),
    ("scope", None, "RFC 6749 §3.3"),
    ("state", Some(Thread::State), "RFC 6749 §10.12"),
    ("token_type", None, "RFC 6749 §7.1"),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Thread {
    State,
    Proof,
    Nonce,
    Code,
    Token,
    Back,
}

impl Thread {
    const fn class(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Proof => "proof",
            Self::Nonce => "nonce",
            Self::Code => "code",
            Self::Token => "token",
            Self::Back => "back-to",
        }
    }
}

/// What the colours mean, for the page.
pub(super) const LEGEND: &str = "<p>Of one colour is what belongs together: <abbr class=\"state\">state</abbr> (the answer is to this request), \
    <abbr class=\"proof\">proof key</abbr> (PKCE: who began it ends it), <abbr class=\"nonce\">nonce</abbr> (the ID token is of this login), \
    <abbr class=\"code\">code</abbr> (what the person's yes is worth, once), <abbr class=\"token\">temporary token</abbr> (OAuth 1), \
    <abbr class=\"back-to\">redirect</abbr> (where the person comes back to). A name says its section when it is pointed at.</p>\n";

/// How they look, in light and dark.
pub(super) const STYLE: &str = "abbr{text-decoration:underline dotted;text-underline-offset:3px;font-weight:600}\
    .state{color:light-dark(#8a3ffc,#be95ff)}.proof{color:light-dark(#b54708,#ffb37a)}.nonce{color:light-dark(#0b7285,#66d9e8)}\
    .code{color:light-dark(#a61e4d,#faa2c1)}.token{color:light-dark(#2b6a13,#a9e34b)}.back-to{color:light-dark(#1f5fbf,#7fb0ff)}";

/// Text that is fit for a page already, in which each name of a parameter says its section and has the colour of its thread. A word is a name where a value
/// follows.
pub(super) fn marked(escaped: &str) -> String {
    let mut out = String::with_capacity(escaped.len());
    let mut rest = escaped;
    while let Some(at) = rest.find(is_part) {
        let (between, from) = rest.split_at(at);
        out.push_str(between);
        let end = from.find(|c| !is_part(c)).unwrap_or(from.len());
        let (word, behind) = from.split_at(end);
        let has_value = behind.starts_with('=') || behind.starts_with(": ");
        match PARAMETERS.iter().find(|(name, ..)| has_value && *name == word) {
            Some((name, thread, section)) => {
                let class = thread.map(|thread| format!(" class=\"{}\"", thread.class())).unwrap_or_default();
                out.push_str(&format!("<abbr{class} title=\"{section}\">{name}</abbr>"));
            }
            None => out.push_str(word),
        }
        rest = behind;
    }
    out.push_str(rest);
    out
}

fn is_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_value_has_its_section_and_what_belongs_together_has_a_colour() {
        let url = marked("GET /authorize?state=•••&amp;code_challenge=•••&amp;x=1");
        assert_eq!(
            url,
            "GET /authorize?<abbr class=\"state\" title=\"RFC 6749 §10.12\">state</abbr>=•••&amp;\
             <abbr class=\"proof\" title=\"RFC 7636 §4.3\">code_challenge</abbr>=•••&amp;x=1"
        );
        let json = marked("{\n  id_token: •••\n  scope: state\n}");
        assert!(json.contains("<abbr class=\"nonce\" title=\"OpenID Connect Core 1.0 §2\">id_token</abbr>: •••"), "{json}");
        assert!(json.contains("</abbr>: state\n"), "a value is no name: {json}");
        for plain in ["state", "my_state=1", "stateful: x", "&amp;&lt;", ""] {
            assert_eq!(marked(plain), plain);
        }
    }

    #[test]
    fn every_thread_has_a_place_in_the_legend_and_a_colour() {
        for thread in PARAMETERS.iter().filter_map(|(_, thread, _)| *thread) {
            assert!(
                LEGEND.contains(&format!("class=\"{}\"", thread.class())) && STYLE.contains(&format!(".{}{{", thread.class())),
                "{thread:?}"
            );
        }
    }
}
