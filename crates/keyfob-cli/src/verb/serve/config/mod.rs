//! What is set, and where: flags before the environment before the file.
//!
//! Every setting has one name ([`KEYS`]), under which the file has it (`limits.connections`) and, in capitals, the environment
//! (`KEYFOB_SERVE_LIMITS_CONNECTIONS`). Secrets are in none of them: a setting names the file that holds one.

mod file;
mod files;
mod keys;
mod settings;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use keyfob::proto::scrub::printable;
use keyfob_providers::nearest;

pub(super) use self::files::{client_secret, token};
use self::keys::{KEYS, Kind};
pub(super) use self::settings::{Settings, SignIn};
use super::Serve;
use crate::card::Card;

/// What the variables' names begin with.
const PREFIX: &str = "KEYFOB_SERVE_";

/// What to do about a name that is near none.
const ALL_SETTINGS: &str = "take it away, or see docs/serve.md, which has every setting";

/// The variable that names the file.
const FILE_VARIABLE: &str = "KEYFOB_SERVE_CONFIG";

/// Everything that was set, by name.
pub(super) type Values = BTreeMap<&'static str, Value>;

/// A setting's value, as it was written.
#[derive(Clone, Debug)]
pub(super) struct Value {
    pub(super) texts: Vec<String>,
    pub(super) place: Place,
}

/// Where something was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Flag(&'static str),
    Variable(String),
    File { file: PathBuf, line: usize, column: usize },
}

/// Something that is wrong: where, what, and what to do.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    pub(super) place: Option<Place>,
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

/// Settings with where each is from, or all that is wrong with them.
pub(super) type Gathered = Result<(Settings, Values), Vec<Problem>>;

/// Reads everything. All that is wrong is told, not only the first; unless somebody asks to stop before it is there.
pub(super) fn gather(args: &Serve, variables: impl IntoIterator<Item = (String, String)>) -> Result<Gathered, Card> {
    let (settings, values, mut problems) = judged(args, variables)?;
    // Who asks how one is that runs, or for a link, needs none of them.
    if !args.health_check && !args.link {
        files::look(&settings, &values, &mut problems);
    }
    Ok(if problems.is_empty() { Ok((settings, values)) } else { Err(problems) })
}

/// What is said, and what is wrong with that.
fn judged(args: &Serve, variables: impl IntoIterator<Item = (String, String)>) -> Result<(Settings, Values, Vec<Problem>), Card> {
    let mut problems = Vec::new();
    let (environment, named) = environment(variables, &mut problems);
    let mut values = match args.config.clone().or(named) {
        Some(path) => file::read(&path, &mut problems)?,
        None => Values::new(),
    };
    values.extend(environment);
    values.extend(flags(args));
    let settings = Settings::of(&values, &mut problems);
    Ok((settings, values, problems))
}

/// The settings of the environment, and the file that it names.
fn environment(variables: impl IntoIterator<Item = (String, String)>, problems: &mut Vec<Problem>) -> (Values, Option<PathBuf>) {
    let (mut values, mut named) = (Values::new(), None);
    for (variable, text) in variables {
        if !variable.starts_with(PREFIX) || text.is_empty() {
            continue;
        }
        if variable == FILE_VARIABLE {
            named = Some(PathBuf::from(text));
            continue;
        }
        let Some(key) = KEYS.iter().find(|key| key.variable() == variable) else {
            // Behind what all of them begin with, by which everything would be near everything.
            let known: Vec<String> = KEYS.iter().map(|key| key.variable().replacen(PREFIX, "", 1)).collect();
            let near = nearest(variable.strip_prefix(PREFIX).unwrap_or_default(), known.iter().map(String::as_str));
            let near = near.map(|near| format!("did you mean {PREFIX}{near}?"));
            let near = near.unwrap_or_else(|| ALL_SETTINGS.to_owned());
            let message = format!("no setting has the variable {}", printable(&variable));
            problems.push(Problem { place: Some(Place::Variable(variable)), message, hint: Some(near) });
            continue;
        };
        let texts = match key.kind {
            Kind::List => list(&text),
            _ => vec![text],
        };
        values.insert(key.name, Value { texts, place: Place::Variable(variable) });
    }
    (values, named)
}

/// What was said on the command line.
fn flags(args: &Serve) -> Values {
    let path = |path: &Option<PathBuf>| path.iter().map(|path| path.display().to_string()).collect();
    let said: [(&'static str, &'static str, Vec<String>); 9] = [
        ("env_file", "--env-file", path(&args.env_file)),
        ("provider", "--provider", args.provider.iter().cloned().collect()),
        ("listen", "--listen", args.listen.clone()),
        ("external_url", "--external-url", args.external_url.iter().cloned().collect()),
        ("debug_log", "--debug-log", path(&args.debug_log)),
        ("trusted_proxies", "--trusted-proxy", args.trusted_proxy.clone()),
        ("log", "--log", args.log.iter().cloned().collect()),
        ("tls.certificate", "--tls-certificate", path(&args.tls_certificate)),
        ("tls.key", "--tls-key", path(&args.tls_key)),
    ];
    let said = said.into_iter().chain([("metrics.listen", "--metrics-listen", args.metrics_listen.iter().cloned().collect())]);
    said.filter(|(.., texts)| !texts.is_empty()).map(|(name, flag, texts)| (name, Value { texts, place: Place::Flag(flag) })).collect()
}

fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned).collect()
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => f.write_str(flag),
            Self::Variable(name) => f.write_str(&printable(name)),
            Self::File { file, line, column } => write!(f, "{}:{line}:{column}", file.display()),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(place) => write!(f, "{place}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// A path as it is meant: one in a file is meant from where the file is.
fn path(value: &Value) -> Option<PathBuf> {
    let path = PathBuf::from(value.texts.first()?);
    match &value.place {
        Place::File { file, .. } => Some(file.parent().unwrap_or(Path::new("")).join(path)),
        _ => Some(path),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::keys::Key;
    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        serve: Serve,
    }

    fn gathered(words: &[&str], variables: &[(&str, &str)], text: Option<&str>) -> Result<Settings, Vec<String>> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("keyfob.toml");
        let mut line = Line::parse_from(["serve"].iter().chain(words));
        if let Some(text) = text {
            std::fs::write(&path, text).expect("written");
            line.serve.config = Some(path);
        }
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let shown = |problem: &Problem| {
            let hint = problem.hint.as_deref().unwrap_or_default();
            format!("{problem} ({hint})").replace(&format!("{}/", folder.path().display()), "")
        };
        let (settings, _, problems) = judged(&line.serve, variables).expect("files");
        if problems.is_empty() { Ok(settings) } else { Err(problems.iter().map(shown).collect()) }
    }

    fn listens(settings: &Settings) -> Vec<String> {
        settings.listen.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn flags_count_before_the_environment_before_the_file() {
        let file = "listen = \"127.0.0.1:1\"\nexternal_url = \"https://file.example\"\nlog = \"json\"\n";
        let variables = [("KEYFOB_SERVE_LISTEN", "127.0.0.1:2, [::1]:2"), ("KEYFOB_SERVE_EXTERNAL_URL", "https://env.example")];
        let all = gathered(&["--listen", "127.0.0.1:3"], &variables, Some(file)).expect("settings");
        assert_eq!(listens(&all), ["127.0.0.1:3"]);
        assert_eq!((all.external_url.as_deref(), all.json_log), (Some("https://env.example"), true));
        assert_eq!(listens(&gathered(&[], &variables, Some(file)).expect("settings")), ["127.0.0.1:2", "[::1]:2"]);
        assert_eq!(listens(&gathered(&[], &[], Some(file)).expect("settings")), ["127.0.0.1:1"]);
        assert_eq!(listens(&gathered(&[], &[("KEYFOB_SERVE_LISTEN", "")], None).expect("settings")), ["127.0.0.1:5000"]);
    }

    #[test]
    fn every_setting_can_be_said_in_the_file_and_in_the_environment() {
        let sample = |key: &Key| match key.name {
            "listen" => "127.0.0.1:5000".to_owned(),
            "metrics.listen" => "127.0.0.1:9464".to_owned(),
            "external_url" | "sign_in.issuer" | "webhook_origins" => "https://home.example".to_owned(),
            "trusted_proxies" => "10.0.0.0/8".to_owned(),
            "sign_in.allow" => "any".to_owned(),
            _ => match key.kind {
                Kind::Seconds | Kind::Count => "7".to_owned(),
                Kind::Rate => "7/min".to_owned(),
                Kind::Choice(choices) => choices[0].to_owned(),
                _ => "text".to_owned(),
            },
        };
        let (mut tables, mut variables) = (BTreeMap::<&str, String>::new(), Vec::new());
        for key in KEYS {
            let (table, name) = key.name.split_once('.').unwrap_or(("", key.name));
            let written = match key.kind {
                Kind::Seconds | Kind::Count => sample(key),
                Kind::List => format!("[\"{}\"]", sample(key)),
                _ => format!("\"{}\"", sample(key)),
            };
            *tables.entry(table).or_default() += &format!("{name} = {written}\n");
            variables.push((key.variable(), sample(key)));
        }
        let text: String = tables
            .iter()
            .map(|(table, members)| if table.is_empty() { members.clone() } else { format!("[{table}]\n{members}") })
            .collect();
        let of_file = format!("{:?}", gathered(&[], &[], Some(&text)).expect("settings"));
        let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let of_environment = format!("{:?}", gathered(&[], &variables, None).expect("settings"));
        assert!(of_environment.contains("connections: 7") && of_environment.contains("7/min"), "{of_environment}");
        // But for paths, which are meant from where the file is.
        assert_eq!(of_file.len() > of_environment.len(), cfg!(unix));
    }

    #[test]
    fn what_is_wrong_is_told_with_line_column_and_the_nearest_name() {
        let file = "listn = \"127.0.0.1:1\"\nlog = \"xml\"\n\n[limits]\nconections = 5\nsign_in = 60\nhead_time = -1\n\n[limit]\nx = 1\n\n[tls]\ncertificate = \"cert.pem\"\n";
        let problems = gathered(&[], &[("KEYFOB_SERVE_LISTENS", "x")], Some(file)).expect_err("problems");
        let expected = [
            "KEYFOB_SERVE_LISTENS: no setting has the variable KEYFOB_SERVE_LISTENS (did you mean KEYFOB_SERVE_LISTEN?)",
            "keyfob.toml:1:1: no setting is called \"listn\" (did you mean \"listen\"?)",
            "keyfob.toml:5:1: no setting is called \"limits.conections\" (did you mean \"connections\"?)",
            "keyfob.toml:6:11: expected a string for limits.sign_in, found a whole number",
            "keyfob.toml:9:2: no setting is called \"limit\" (did you mean \"limits\"?)",
            "keyfob.toml:2:7: expected text or json for log, found \"xml\"",
            "keyfob.toml:7:13: expected a whole number of seconds from 1 to 86400 for limits.head_time, found \"-1\"",
            "keyfob.toml:13:15: expected a key beside the certificate, found none (set tls.key",
        ];
        for expected in expected {
            assert!(problems.iter().any(|problem| problem.starts_with(expected)), "{expected}\nin {problems:#?}");
        }
        assert_eq!(problems.len(), expected.len(), "{problems:#?}");
        let problems = gathered(&[], &[("KEYFOB_SERVE_BOGUS", "x")], Some("bogus = 1\n")).expect_err("problems");
        assert!(problems.len() == 2 && problems.iter().all(|problem| problem.contains("docs/serve.md")), "{problems:?}");
        let syntax = gathered(&[], &[], Some("listen = \n")).expect_err("problems");
        assert!(syntax[0].starts_with("keyfob.toml:1:") && syntax[0].contains("TOML"), "{syntax:?}");
    }

    #[test]
    fn a_file_that_is_named_has_to_be_there() {
        let mut line = Line::parse_from(["serve"]);
        line.serve.config = Some(PathBuf::from("/nowhere/keyfob.toml"));
        let problems = gather(&line.serve, []).expect("files").expect_err("problems");
        assert!(problems[0].to_string().contains("/nowhere/keyfob.toml"), "{problems:?}");
    }
}
