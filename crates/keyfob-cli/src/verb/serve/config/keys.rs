//! The settings by name.

/// A setting.
pub(super) struct Key {
    /// As the file has it, its table first.
    pub(super) name: &'static str,
    pub(super) kind: Kind,
}

/// What a setting holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Path,
    /// One, or several.
    List,
    Seconds,
    Count,
    /// So many in so long.
    Rate,
    Choice(&'static [&'static str]),
}

pub(super) const KEYS: &[Key] = &[
    key("listen", Kind::List),
    key("external_url", Kind::Text),
    key("env_file", Kind::Path),
    key("provider", Kind::Text),
    key("debug_log", Kind::Path),
    key("log", Kind::Choice(&["text", "json"])),
    key("trusted_proxies", Kind::List),
    key("forwarded", Kind::Choice(&["x-forwarded", "forwarded"])),
    key("lead", Kind::Seconds),
    key("tls.certificate", Kind::Path),
    key("tls.key", Kind::Path),
    key("metrics.listen", Kind::Text),
    key("metrics.token_file", Kind::Path),
    key("limits.connections", Kind::Count),
    key("limits.connections_per_peer", Kind::Count),
    key("limits.head_time", Kind::Seconds),
    key("limits.pause", Kind::Seconds),
    key("limits.sign_in", Kind::Rate),
    key("limits.connect", Kind::Rate),
    key("limits.callback", Kind::Rate),
    key("limits.refused", Kind::Rate),
    key("limits.api", Kind::Rate),
    key("sign_in.issuer", Kind::Text),
    key("sign_in.client_id", Kind::Text),
    key("sign_in.client_secret_file", Kind::Path),
    key("sign_in.trusted_audiences", Kind::List),
    key("sign_in.allow", Kind::List),
    key("webhook_origins", Kind::List),
];

const fn key(name: &'static str, kind: Kind) -> Key {
    Key { name, kind }
}

impl Key {
    /// The variable that says the same.
    pub(super) fn variable(&self) -> String {
        format!("{}{}", super::PREFIX, self.name.to_ascii_uppercase().replace('.', "_"))
    }
}

impl Kind {
    /// In words.
    pub(super) fn shown(self) -> &'static str {
        match self {
            Self::Text | Self::Path | Self::Rate | Self::Choice(_) => "a string",
            Self::List => "a string, or several in [ ]",
            Self::Seconds => "a whole number of seconds",
            Self::Count => "a whole number",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_and_variables_are_each_used_once() {
        let variables: BTreeSet<String> = KEYS.iter().map(Key::variable).collect();
        assert_eq!(variables.len(), KEYS.len());
        assert!(variables.contains("KEYFOB_SERVE_LIMITS_HEAD_TIME"));
    }

    #[test]
    fn the_page_about_it_has_every_setting() {
        let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/serve.md");
        let page = std::fs::read_to_string(page).expect("the page");
        for key in KEYS {
            assert!(page.contains(&format!("`{}`", key.name)), "{} is not in docs/serve.md", key.name);
        }
    }
}
