//! Providers of the catalogue, imitated from their files, judged by requests-oauthlib: its compliance fixes are what others found out about them.

use std::path::PathBuf;

use keyfob_interop::program::Finished;
use keyfob_interop::{Program, tools};
use keyfob_providers::Catalogue;
use keyfob_sandbox::Imitation;

/// Its fixes.
const FIXES: [&str; 9] = ["douban", "ebay", "facebook", "fitbit", "instagram", "mailchimp", "plentymarkets", "slack", "weibo"];

/// Where the client does not get through without its fix: so the imitation has the habit, and the fix is what copes with it. The others fix what this
/// provider no longer does (`facebook`), what the client takes by now (`douban`, `mailchimp`), how errors are told (`fitbit`), or how a token is sent that it would
/// not send anyway (`slack`).
const NEEDED: [&str; 4] = ["ebay", "instagram", "plentymarkets", "weibo"];

#[test]
fn an_independent_client_gets_through_with_what_it_knows_of_each_provider() {
    for name in FIXES {
        let Some((end, refusals)) = walked(name, &[]) else { return };
        assert!(end.success && refusals.is_empty(), "{name}: {refusals:?} {end:#?}");
        let renews = end.lines.iter().any(|line| line.contains("\"refresh_token\""));
        assert_eq!(end.lines.iter().any(|line| line.starts_with("called again 200")), renews && name != "slack", "{name}: {end:#?}");
        assert_eq!(end.lines.iter().any(|line| line.starts_with("called 200")), name != "slack", "{name}: {end:#?}");
    }
}

#[test]
fn without_that_it_gets_through_only_where_nothing_is_to_be_known() {
    for name in FIXES {
        let Some((end, _)) = walked(name, &[("BARE", "1")]) else { return };
        assert_eq!(end.success, !NEEDED.contains(&name), "{name}: {end:#?}");
    }
}

/// What a file says of this is what the tests above found.
#[test]
fn the_files_say_who_checked_them() {
    let catalogue = Catalogue::embedded();
    let told: Vec<&str> =
        catalogue.iter().filter(|provider| provider.independent_client.is_some()).map(|provider| &*provider.name).collect();
    assert_eq!(told, FIXES);
    assert!(
        catalogue.iter().filter_map(|provider| provider.independent_client.as_ref()).all(|client| client.starts_with("requests-oauthlib"))
    );
}

/// How the client ended, and what the provider refused.
fn walked(name: &str, more: &[(&str, &str)]) -> Option<(Finished, Vec<String>)> {
    let python = tools::python()?;
    let file = file(name);
    let text = std::fs::read_to_string(&file).expect("a provider's file");
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    // The client sends Basic without the encoding of RFC 6749 §2.3.1, which makes no difference for these.
    let imitation = runtime.block_on(Imitation::start_with(&text, "imitated-app", "imitated-secret-not-real")).expect("it can be imitated");
    let app = imitation.app();
    // Where nobody logs in, what somebody made there.
    let made = serde_json::json!(imitation.hand_out()).to_string();
    let (hosts, fields) = (serde_json::json!(imitation.hosts()).to_string(), serde_json::json!(app.fields).to_string());
    let file = file.display().to_string();
    let mut environment = vec![
        ("PROVIDER", name),
        ("FILE", &file),
        ("HOSTS", &hosts),
        ("FIELDS", &fields),
        ("MADE", &made),
        ("CLIENT_ID", &app.client_id),
        ("CLIENT_SECRET", &app.client_secret),
    ];
    // It raises an error for a token whose type it does not know, and the fix for this provider does not change that.
    environment.extend((name == "slack").then_some(("NO_CALL", "1")));
    environment.extend_from_slice(more);
    let end = Program::start(&python, &[tools::here().join("clients/catalogue.py")], &environment).finish();
    Some((end, imitation.refusals()))
}

fn file(name: &str) -> PathBuf {
    tools::here().join("../crates/keyfob-providers/data").join(format!("{name}.toml"))
}
