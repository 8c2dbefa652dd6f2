//! The keys and tokens that are written in a script, by the names that an import takes.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Included, Unbounded};

use keyfob_providers::{Kind, Provider};
use serde_json::{Map, Value};

use super::calls::Script;
use super::literals::{Assigned, assigned};
use crate::verb::import::{known_in, named};
use crate::wire::is_telling;

/// What was found. Values are shown to nobody.
pub(super) struct Keys {
    pub(super) found: Map<String, Value>,
    /// Which of them stands in which lines.
    pub(super) lines: BTreeMap<String, Vec<usize>>,
    /// What has a name that tells, whether it is one of ours or not.
    secrets: BTreeSet<Vec<u8>>,
}

impl Keys {
    pub(super) fn of(text: &str, script: &Script, provider: &Provider) -> Self {
        // By its lines any language is read, comments, too; what is put together, or has a place instead of a name, comes from what the script says.
        let mut all = assigned(text);
        all.extend(script.assigned.iter().map(|one| Assigned { name: one.name.clone(), value: one.value.clone(), line: one.line }));
        // Also what is no key for an import: a password with a blank in it, or one that begins as an example does.
        let mut secrets: BTreeSet<Vec<u8>> =
            all.iter().filter(|one| is_telling(&one.name)).map(|one| one.value.as_bytes().to_vec()).collect();
        all.retain(|one| may_be_a_key(&one.value));
        let exact = all.iter().map(|one| (one.name.clone(), Value::from(one.value.as_str())));
        // `NETATMO_CLIENT_ID`: whose it is stands before what it is.
        let behind = all.iter().filter_map(|one| Some((known_in(&one.name, provider)?.to_owned(), Value::from(one.value.as_str()))));
        let mut found = named(&exact.chain(behind).collect::<Vec<_>>(), provider.kind);
        if provider.kind != Kind::OAuth1 {
            // What many call the token is the access token; a secret of a token is OAuth 1's.
            if let Some(token) = found.remove("token").filter(|_| !found.contains_key("access_token")) {
                found.insert("access_token".to_owned(), token);
            }
            found.remove("token_secret");
        }
        let lines = found.iter().map(|(name, value)| (name.clone(), lines(value, &all, script))).collect();
        secrets.extend(found.values().filter_map(Value::as_str).map(|value| value.as_bytes().to_vec()));
        Self { found, lines, secrets }
    }

    pub(super) fn has_tokens(&self) -> bool {
        let has = |name: &str| self.found.contains_key(name);
        has("access_token") || has("refresh_token") || has("token") && has("token_secret")
    }

    /// Whether the app's keys are there, tokens or not.
    pub(super) fn has_app(&self) -> bool {
        self.found.contains_key("client_id")
    }

    /// Whether a text has a secret in it.
    pub(super) fn are_in(&self, text: &str) -> bool {
        let text = text.as_bytes();
        self.secrets.contains(text) || (0..text.len()).any(|at| self.begin(&text[at..]))
    }

    /// Whether one that is long enough to be told from a word begins a text: the last one that does not sort behind it, or else one that begins what both have
    /// in common. A hostile script has as many secrets as texts, and to compare each with each would take hours.
    fn begin(&self, text: &[u8]) -> bool {
        /// Shorter ones stand in words by chance.
        const SHORTEST: usize = 8;
        let mut begins = text;
        while begins.len() >= SHORTEST {
            let Some(before) = self.secrets.range::<[u8], _>((Unbounded, Included(begins))).next_back() else { return false };
            let common = before.iter().zip(begins).take_while(|(one, other)| one == other).count();
            if common == before.len() {
                return common >= SHORTEST;
            }
            begins = &begins[..common];
        }
        false
    }
}

/// Where it is written: where it has a name, and wherever else that very text stands.
fn lines(value: &Value, all: &[Assigned], script: &Script) -> Vec<usize> {
    let value = value.as_str().unwrap_or_default();
    let texts =
        script.texts.iter().filter(|(text, _)| text.as_str() == value || value.len() >= 8 && text.contains(value)).map(|(_, line)| *line);
    let mut lines: Vec<usize> = texts.collect();
    if lines.is_empty() {
        lines.extend(all.iter().filter(|one| one.value.as_str() == value).map(|one| one.line));
    }
    lines.sort_unstable();
    lines.dedup();
    lines
}

/// What an example has where a key belongs (`"your-key"`, `"xxxxxxxx"`, `"Public key"`) is none, nor is a place.
fn may_be_a_key(value: &str) -> bool {
    let small = value.to_ascii_lowercase();
    let is_one_sign = value.chars().all(|c| value.starts_with(c));
    !value.is_empty()
        && !is_one_sign
        && value.bytes().all(|byte| byte.is_ascii_graphic())
        && !value.contains("://")
        && !["your", "<", "...", "{", "%s"].iter().any(|start| small.starts_with(start))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::calls;
    use super::*;

    fn found(script: &str, provider: &str) -> (Value, String) {
        let catalogue = keyfob_providers::Catalogue::embedded();
        let keys = Keys::of(script, &calls::read(script), catalogue.get(provider).expect("embedded"));
        let lines: Vec<String> = keys.lines.iter().map(|(name, lines)| format!("{name} {lines:?}")).collect();
        (Value::Object(keys.found), lines.join(", "))
    }

    #[test]
    fn keys_are_found_wherever_they_stand() {
        let script = "k = {'public': 'pk1',\n'private': 'pk2'}\nTELLDUS_TOKEN = os.environ.get('T', 'tk1')\ns = OAuth1Session(k['public'], k['private'], TELLDUS_TOKEN,\n'tk2')";
        assert_eq!(
            found(script, "telldus"),
            (
                json!({"client_id": "pk1", "client_secret": "pk2", "token": "tk1", "token_secret": "tk2"}),
                "client_id [1], client_secret [2], token [3], token_secret [5]".to_owned()
            )
        );
        let script = "# client_secret = 'old'\nNETATMO_CLIENT_ID = 'id1'\nTOKEN = 'tk' + '1'\nh = {'Authorization': f'Bearer {TOKEN}'}";
        assert_eq!(
            found(script, "netatmo"),
            (
                json!({"client_id": "id1", "client_secret": "old", "access_token": "tk1"}),
                "access_token [3, 4], client_id [2], client_secret [1]".to_owned()
            )
        );
        assert_eq!(found("requests.get(u, headers={'Authorization': 'Bearer abc'})", "netatmo").0, json!({"access_token": "abc"}));
    }

    #[test]
    fn what_an_example_has_is_no_key() {
        let script = "CLIENT_ID = 'xxxxxxxx'\nCONSUMER_KEY = 'Public key'\nclient_secret = 'YOUR_SECRET'\nrequest_token = 'abc'\n\
            access_token_url = 'https://a.example/token'\ntoken = '<token>'\ncsrf_token = 'abc'\naccess_token = os.environ['X']";
        for provider in ["telldus", "netatmo"] {
            assert_eq!(found(script, provider), (json!({}), String::new()));
        }
    }

    #[test]
    fn the_key_of_another_service_is_not_handed_on() {
        let script = "SLACK_TOKEN = 'xoxb-1'\nSLACK_ACCESS_TOKEN = 'xoxb-2'\nOPENWEATHER_API_KEY = 'ow'\nSSH_PRIVATE_KEY = 'ssh'\nVERIFY_TOKEN = 'v'\n\
            NETATMO_ACCESS_TOKEN = 'mine'";
        assert_eq!(found(script, "netatmo").0, json!({"access_token": "mine"}));
    }
}
