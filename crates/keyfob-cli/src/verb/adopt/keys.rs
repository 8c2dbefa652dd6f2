//! The keys and tokens that are written in a script, by the names that an import takes.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Bound::{Included, Unbounded};

use keyfob_providers::{Kind, Provider};
use serde_json::{Map, Value};

use super::calls::Script;
use super::literals::Assigned;
use super::whom::Sent;
use crate::verb::import::{Whom, field_of, named};
use crate::wire::is_telling;

/// What was found. Values are shown to nobody.
pub(super) struct Keys {
    pub(super) found: Map<String, Value>,
    /// Which of them stands in which lines.
    pub(super) lines: BTreeMap<String, Vec<usize>>,
    /// What has a name that tells, whether it is one of ours or not.
    secrets: BTreeSet<Vec<u8>>,
}

/// What goes with tokens and is none.
const NO_SECRETS: [&str; 3] = ["scope", "expires_at", "expires_in"];

impl Keys {
    pub(super) fn of(script: &Script, provider: &Provider, others: &[&Provider]) -> Self {
        // What is put together, or has a place instead of a name, comes from what the script says. What was commented out has been something else since.
        let called = script.calls.iter().map(|call| call.url.as_str()).chain(script.texts.iter().map(|(text, _)| text.as_str()));
        let whom = Whom::of(provider, others.iter().copied(), called);
        let (now, before) = (Sent::of(&whom, &script.calls, &script.texts), Sent::of(&whom, &script.commented_calls, &[]));
        let lists = [&script.lines, &script.assigned, &now.ours, &script.commented, &before.ours];
        let mut all: Vec<Assigned> = lists.into_iter().flatten().cloned().collect();
        let rest = [&now.elsewhere, &now.unsaid, &before.elsewhere, &before.unsaid].into_iter().flatten();
        let tells = |one: &&Assigned| is_telling(&one.name) || field_of(&one.name, provider).is_some_and(|field| field.secret);
        let telling: Vec<Assigned> = all.iter().chain(rest).filter(tells).cloned().collect();
        // What goes to somebody else, and not to this provider, is no key of theirs, whatever it is called where it is put together.
        let is_ours: HashSet<&str> = now.ours.iter().map(|one| one.value.as_str()).collect();
        let elsewhere = || now.elsewhere.iter().chain(&before.elsewhere).filter(|one| !is_ours.contains(one.value.as_str()));
        let pairs: HashSet<(&str, &str)> = elsewhere().map(Assigned::pair).collect();
        let secrets: HashSet<&str> = elsewhere().filter(tells).map(|one| one.value.as_str()).collect();
        all.retain(|one| !pairs.contains(&one.pair()) && !secrets.contains(one.value.as_str()));
        // Also what is no key for an import: a password with a blank in it, or one that begins as an example does.
        let mut secrets: BTreeSet<Vec<u8>> = telling.iter().map(|one| one.value.as_bytes().to_vec()).collect();
        all.retain(|one| may_be_a_key(&one.value));
        // `host`, `account`: what a script calls so is seldom what the provider does.
        let is_open = |one: &&Assigned| field_of(&one.name, provider).is_some_and(|field| !field.secret && field.name != "client_id");
        let scalars = all.iter().filter(|one| !is_open(one)).map(|one| (one.name.clone(), Value::from(one.value.as_str())));
        let mut found = named(&scalars.collect::<Vec<_>>(), provider);
        if provider.kind != Kind::OAuth1 {
            // What many call the token is the access token; a secret of a token is OAuth 1's.
            if let Some(token) = found.remove("token").filter(|_| !found.contains_key("access_token")) {
                found.insert("access_token".to_owned(), token);
            }
            found.remove("token_secret");
        }
        let keys = || found.iter().filter(|(name, _)| !NO_SECRETS.contains(&name.as_str()));
        let mut lines: BTreeMap<String, Vec<usize>> = keys().map(|(name, value)| (name.clone(), lines(value, &all, script))).collect();
        secrets.extend(keys().filter_map(|(_, value)| value.as_str()).map(|value| value.as_bytes().to_vec()));
        let more = more(&telling, script, &found);
        more.into_iter().for_each(|(name, more)| lines.entry(name).or_default().extend(more));
        lines.values_mut().for_each(|lines| {
            lines.sort_unstable();
            lines.dedup();
        });
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

    /// Whether it is all that an app needs.
    pub(super) fn has_whole_app(&self, provider: &Provider) -> bool {
        provider.client.fields.iter().filter(|field| field.required).all(|field| self.found.contains_key(&field.name))
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

/// What else there is that nobody else may know, by the names it has there, each once: where it stands as a text, or else where it was found.
fn more(telling: &[Assigned], script: &Script, found: &Map<String, Value>) -> Vec<(String, Vec<usize>)> {
    let mut texts: HashMap<&str, Vec<usize>> = HashMap::new();
    script.texts.iter().for_each(|(text, line)| texts.entry(text.as_str()).or_default().push(*line));
    let mut seen: HashSet<&str> = found.values().filter_map(Value::as_str).collect();
    let new = telling.iter().filter(|one| is_secret(&one.name, &one.value) && seen.insert(&one.value));
    new.map(|one| (one.name.clone(), texts.get(one.value.as_str()).cloned().unwrap_or_else(|| vec![one.line]))).collect()
}

/// Where it is written: where it has a name, and wherever else that very text stands.
fn lines(value: &Value, all: &[Assigned], script: &Script) -> Vec<usize> {
    let value = value.as_str().unwrap_or_default();
    let texts =
        script.texts.iter().filter(|(text, _)| text.as_str() == value || value.len() >= 8 && text.contains(value)).map(|(_, line)| *line);
    let lines: Vec<usize> = texts.collect();
    if lines.is_empty() { all.iter().filter(|one| one.value.as_str() == value).map(|one| one.line).collect() } else { lines }
}

/// Whether what has a name that tells is a secret itself, and not its kind, its place, or what it is called.
fn is_secret(name: &str, value: &str) -> bool {
    const OF_SECRETS: [&str; 16] = [
        "url", "uri", "endpoint", "type", "kind", "file", "path", "name", "method", "header", "prefix", "env", "expires", "expiry",
        "label", "field",
    ];
    /// A shorter one is a word, unless it is a password.
    const SHORTEST: usize = 8;
    const LONGEST_NAME: usize = 64;
    let is_name = name.len() <= LONGEST_NAME && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c));
    if !is_name || OF_SECRETS.iter().any(|of| name.ends_with(of)) || is_example(value) || value.eq_ignore_ascii_case(name) {
        return false;
    }
    // A person chose it, and may have chosen anything.
    if ["pass", "pwd", "secret"].iter().any(|of| name.contains(of)) {
        return true;
    }
    // `ACCESS_TOKEN`, `access_token`: where it is to be found. `token.json`, `/run/token`: so is that.
    let is_identifier = value.contains('_') && value.chars().all(|c| c.is_ascii_alphabetic() || c == '_');
    let is_file =
        value.starts_with(['/', '~', '.']) || [".json", ".txt", ".pem", ".key", ".env", ".yaml"].iter().any(|end| value.ends_with(end));
    value.len() >= SHORTEST && value.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') && !is_identifier && !is_file
}

/// What an example has where a key belongs (`"your-key"`, `"xxxxxxxx"`, `"Public key"`) is none, nor is a place.
fn may_be_a_key(value: &str) -> bool {
    value.bytes().all(|byte| byte.is_ascii_graphic()) && !is_example(value)
}

fn is_example(value: &str) -> bool {
    let small = value.to_ascii_lowercase();
    let is_said = small.rsplit_once(' ').is_some_and(|(_, last)| ["key", "secret", "token", "password", "here"].contains(&last));
    let is_one_sign = value.chars().all(|c| value.starts_with(c));
    is_one_sign
        || is_said
        || value.contains("://")
        || ["your", "<", "...", "{", "%s", "$", "#{"].iter().any(|start| small.starts_with(start))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::scan;
    use super::*;

    fn found(script: &str, provider: &str) -> (Value, String) {
        let catalogue = keyfob_providers::Catalogue::embedded();
        let keys = Keys::of(&scan::read(script), catalogue.get(provider).expect("embedded"), &[]);
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
    fn a_providers_own_names_come_before_what_others_call_alike() {
        let all = json!({"client_id": "id1", "client_secret": "se1", "api_key": "ak1"});
        for script in [
            "CLIENTID = 'id1'\nAPIKEY = 'ak1'\nAPISEC = 'se1'",
            "client_id = 'id1'\nclient_secret = 'se1'\napi_key = 'ak1'",
            "AUGUST_CLIENT_ID = 'id1'\nAUGUST_API_KEY = 'ak1'\nAUGUST_CLIENT_SECRET = 'se1'",
            "A = os.getenv('CLIENTID', 'id1')\nB = os.environ.get('APIKEY', 'ak1')\nrequests.post(u, data={'x': os.getenv('APISEC', 'se1')})",
        ] {
            assert_eq!(found(script, "august").0, all, "{script}");
        }
        assert_eq!(found("api_key = 'ck1'", "telldus").0, json!({"client_id": "ck1"}));
        // The first one counts, and what is commented out comes last.
        assert_eq!(found("# APIKEY = 'old'\nAPIKEY = 'ak1'\nAPIKEY = 'ak2'", "august").0, json!({"api_key": "ak1"}));
    }

    #[test]
    fn what_nobody_else_may_know_is_listed_whether_it_is_of_use_or_not() {
        for (script, lines) in [
            ("PASSWORD = 'correct horse battery'", "password [1]"),
            ("s.auth = ('me', 'abc')\nrequests.get(u, auth=HTTPBasicAuth('me', 'def'))", "password [1, 2]"),
            ("requests.get('https://me:abc@a.example/x?api_key=abcdefgh')", "api_key [1], password [1]"),
            ("K = 'abcdefgh'\n\nrequests.get('https://a.example/x', headers={'X-Api-Key': K})", "x-api-key [1]"),
            ("#!/bin/sh\nexport TOKEN=abc\ncurl -u me:def https://a.example/x?key=abcdefgh", "access_token [2], key [3], password [3]"),
            (
                "array(\"Authorization: Bearer abc\", 'X-Api-Key: abcdefgh')\nprint('Password: too short', 'x-api-key: ')",
                "access_token [1], x-api-key [1]",
            ),
            ("os.system('curl -u me:abc https://a.example')", "password [1]"),
            ("SLACK_TOKEN = 'abcdefgh'\nA = 'x'\nB_TOKEN = 'abcdefgh'", "slack_token [1, 3]"),
            // What goes with tokens, and what says where they are, or what kind they are, is none.
            ("scope = 'read_station'\nexpires_in = '10800'", ""),
            (
                "TOKEN_URL = 'abcdefghi'\ntoken_type = 'Bearer12'\nTOKEN_FILE = 'abcdefgh'\nA_TOKEN = 'MY_TOKEN'\nB_TOKEN = 'my/token.json'",
                "",
            ),
            ("password = 'password'\nsecret = 'Private key'\n{'token is long': 'abcdefgh', 'token\u{1b}[1m': 'abcdefgh'}", ""),
        ] {
            assert_eq!(found(script, "netatmo").1, lines, "{script}");
        }
    }

    #[test]
    fn what_goes_to_somebody_else_is_no_key_of_this_provider() {
        let script = "requests.get('https://api.github.com/user', headers={'Authorization': 'Bearer abcdefgh'}, params={'client_id': 'ijklmnop'})\n\
            requests.get('https://api.netatmo.com/api/homesdata?access_token=qrstuvwx')";
        let catalogue = keyfob_providers::Catalogue::embedded();
        let of = |name: &str| catalogue.get(name).expect("embedded");
        let keys = Keys::of(&scan::read(script), of("netatmo"), &[of("github")]);
        assert!(keys.secrets.contains(&b"abcdefgh"[..]) && keys.lines["access_token"] == [1, 2]);
        assert_eq!(Value::Object(keys.found), json!({"access_token": "qrstuvwx"}));
        for script in [
            "TOKEN = 'abcdefgh'\nrequests.get('https://api.github.com/user', headers={'Authorization': f'Bearer {TOKEN}'})",
            "#!/bin/sh\nTOKEN=abcdefgh\ncurl -H \"Authorization: Bearer $TOKEN\" https://api.github.com/user",
            "#!/bin/sh\n# curl -H 'Authorization: Bearer abcdefgh' https://api.github.com/user",
        ] {
            let keys = Keys::of(&scan::read(script), of("netatmo"), &[of("github")]);
            assert!(keys.found.is_empty() && keys.secrets.contains(&b"abcdefgh"[..]), "{script}: {:?}", keys.lines);
        }
    }

    #[test]
    fn what_goes_to_a_host_that_nobody_knows_is_no_key_of_this_provider() {
        const OURS: &str = "\nrequests.get('https://api.fitbit.com/1/user/-/profile.json', headers=h)";
        for script in [
            "API_KEY = 'abcdefgh'\nh = {}\nrequests.post('https://my.example/x', headers={'X-Api-Key': API_KEY})",
            "ACCESS_TOKEN = 'abcdefgh'\nrequests.get(f'https://my.example/x?token={ACCESS_TOKEN}')",
            "CLIENT_SECRET = 'abcdefgh'\nrequests.get('http://192.168.1.5:8123/x', auth=('me', CLIENT_SECRET))",
        ] {
            let keys = Keys::of(
                &scan::read(&format!("{script}{OURS}")),
                keyfob_providers::Catalogue::embedded().get("fitbit").expect("embedded"),
                &[],
            );
            assert!(keys.found.is_empty() && keys.secrets.contains(&b"abcdefgh"[..]), "{script}: {:?}", keys.lines);
        }
        for script in [
            // This provider has it, too.
            "h = {'Authorization': 'Bearer abcdefgh'}\nrequests.post('https://my.example/x', headers=h)",
            // So may whoever is beside it, and whoever is known when it runs.
            "ACCESS_TOKEN = 'abcdefgh'\nrequests.get('https://dev.fitbit.com/x', params={'key': ACCESS_TOKEN})",
            "ACCESS_TOKEN = 'abcdefgh'\nrequests.get(f'https://{host}/x', params={'key': ACCESS_TOKEN})",
        ] {
            assert_eq!(found(&format!("{script}{OURS}"), "fitbit").0, json!({"access_token": "abcdefgh"}), "{script}");
        }
        // Where it is called at no address that is known, it may be any.
        let script = "requests.get('https://git.my.example/api/v4/projects', headers={'Authorization': 'Bearer ' + ACCESS_TOKEN})";
        assert_eq!(found(&format!("ACCESS_TOKEN = 'abcdefgh'\n{script}"), "gitlab").0, json!({"access_token": "abcdefgh"}));
    }

    #[test]
    fn what_is_commented_out_counts_only_where_nothing_else_does() {
        for old in [
            "# ACCESS_TOKEN = 'old'",
            "#  h = {'Authorization': 'Bearer old'}",
            "// const accessToken = 'old';",
            "/*\n * ACCESS_TOKEN = 'old'\n */",
        ] {
            let new = "ACCESS_TOKEN = 'new'  # 'old' until May";
            assert_eq!(found(&format!("{old}\n{new}"), "netatmo").0, json!({"access_token": "new"}), "{old}");
            assert_eq!(found(&format!("{old}\n"), "netatmo").0, json!({"access_token": "old"}), "{old}");
        }
        let old = "# requests.get(\n#    'https://api.netatmo.com/api/homesdata',\n#    headers={'Authorization': 'Bearer old'})";
        let read = scan::read(old);
        assert!(read.calls.is_empty() && read.commented_calls.len() == 1, "it is known where it went, and is called no more");
        for old in ["# export ACCESS_TOKEN=old", "# curl -H 'Authorization: Bearer old' https://api.netatmo.com/api/homesdata"] {
            let new = "curl -H \"Authorization: Bearer new\" https://api.netatmo.com/api/homesdata";
            assert_eq!(found(&format!("#!/bin/sh\n{old}\n{new}"), "netatmo").0, json!({"access_token": "new"}), "{old}");
            assert_eq!(found(&format!("#!/bin/sh\n{old}"), "netatmo").0, json!({"access_token": "old"}), "{old}");
        }
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
