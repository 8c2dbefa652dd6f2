//! From an env file to a service.
#![allow(missing_docs)]

use std::sync::LazyLock;

use keyfob_broker::{Recognised, Variables, recognise};
use keyfob_providers::{Catalogue, Provider};

const SEED: &str = "CLIENTID=12345678-9012-3456-7890-123456789012\nAPIKEY=a1b2c3d4-e5a1-b2c3-d4e5-a1b2c3d4e5a1\n\
                    APISEC=example=Secret=NotReal=\nAUTHCALL=http://localhost:30368/callback\n";

/// Read once: there are many files, and a question for each of them.
static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(Catalogue::embedded);

fn read(text: &str, named: Option<&str>) -> Result<Vec<Recognised>, String> {
    let variables = Variables::parse(text).expect("an env file");
    recognise(CATALOGUE.iter(), &variables, named).map_err(|misuse| format!("{misuse}; {}", misuse.hint.clone().unwrap_or_default()))
}

fn names(found: &[Recognised]) -> Vec<&str> {
    found.iter().map(|found| found.provider.name.as_str()).collect()
}

#[test]
fn the_seeds_env_file_means_august() {
    let found = read(SEED, None).expect("a provider");
    assert_eq!(names(&found), ["august"]);
    let app = &found[0].app;
    assert_eq!(app.client_id, "12345678-9012-3456-7890-123456789012");
    assert_eq!(app.field("client_secret"), Some("example=Secret=NotReal="), "split at the first = alone");
    assert_eq!(app.field("api_key"), Some("a1b2c3d4-e5a1-b2c3-d4e5-a1b2c3d4e5a1"));
    assert_eq!(app.redirect_uri.as_deref(), Some("http://localhost:30368/callback"));
}

#[test]
fn every_provider_of_the_catalogue_is_found_by_its_variables() {
    for provider in CATALOGUE.iter() {
        let Some(text) = filled(provider) else { continue };
        let found = read(&text, Some(&provider.name)).unwrap_or_else(|problem| panic!("{}: {problem}", provider.name));
        assert_eq!(names(&found), [provider.name.as_str()]);
    }
    assert_eq!(
        names(&read("CONSUMER_KEY=k\nCONSUMER_SECRET=s\nCALLBACK_URL=http://localhost:5000/callback\n", None).expect("one")),
        ["telldus"]
    );
    let netatmo = "NETATMO_API_CLIENT_ID=i\nNETATMO_API_CLIENT_SECRET=s\nNETATMO_API_SCOPE=read_station read_homecoach\n";
    let found = read(netatmo, None).expect("one");
    assert_eq!(
        (names(&found), found[0].scopes.as_slice()),
        (vec!["netatmo"], &["read_station".to_owned(), "read_homecoach".to_owned()][..])
    );
}

/// Values for all variables of a provider; its patterns are met by a UUID or not at all.
fn filled(provider: &Provider) -> Option<String> {
    let mut text = String::new();
    for field in &provider.client.fields {
        let value = ["12345678-9012-3456-7890-123456789012", "22ABCD", "0123456789abcdef0123456789abcdef", "read"]
            .into_iter()
            .find(|v| field.check(v).is_ok())?;
        text.push_str(&format!("{}={value}\n", field.env.first()?));
    }
    Some(text)
}

#[test]
fn what_is_missing_is_named_with_where_to_get_it() {
    let problem = read(&SEED.replace("APIKEY", "APIKEI"), None).expect_err("incomplete");
    assert!(problem.contains("APIKEY for August") && problem.contains("only APISEC, AUTHCALL, CLIENTID"), "{problem}");
    assert!(problem.contains("register at https://"), "{problem}");
    assert!(!problem.contains("example=Secret"), "{problem}");
    let empty = read("CLIENTID=x1234567\nAPIKEY=\nAPISEC=y\n", None).expect_err("empty");
    assert!(empty.contains("APIKEY for August"), "{empty}");
    let nothing = read("PATH=/bin\n", None).expect_err("nothing");
    assert!(nothing.contains("keyfob provider show"), "{nothing}");
    let named = read("PATH=/bin\n", Some("telldus")).expect_err("nothing of it");
    assert!(named.contains("CONSUMER_KEY and CONSUMER_SECRET for Telldus") && named.contains("none of its variables"), "{named}");
    let unknown = read(SEED, Some("agust")).expect_err("unknown");
    assert!(unknown.contains("\"agust\""), "{unknown}");
}

#[test]
fn a_value_of_the_wrong_form_is_named_and_not_shown() {
    let problem = read(&SEED.replace("CLIENTID=1234", "CLIENTID=\"1234"), None).expect_err("quotes");
    assert!(problem.contains("CLIENTID") && !problem.contains("1234"), "{problem}");
}

#[test]
fn two_providers_in_one_file_are_two_services_unless_they_share_variables() {
    let both = format!("{SEED}CONSUMER_KEY=k\nCONSUMER_SECRET=s\n");
    assert_eq!(names(&read(&both, None).expect("both")), ["august", "telldus"]);
    assert_eq!(names(&read(&both, Some("telldus")).expect("both")), ["telldus", "august"]);
    // The same names at two providers: the one that is still there is meant, unless somebody says otherwise.
    let shared = "CONSUMER_KEY=k\nCONSUMER_SECRET=s\n";
    assert_eq!(names(&read(shared, None).expect("the living one")), ["telldus"]);
    let telldus = CATALOGUE.get("telldus").expect("there");
    let mut twin = telldus.clone();
    twin.name = "twin".into();
    let variables = Variables::parse(shared).expect("an env file");
    let problem = recognise([telldus, &twin], &variables, None).expect_err("two of them");
    assert!(problem.to_string().contains("telldus and twin"), "{problem}");
    assert!(problem.hint.is_some_and(|hint| hint.contains("--provider")));
}

/// Whoever says which one is meant by the names that two know loses nothing else of the file.
#[test]
fn the_one_that_is_named_takes_what_it_knows_and_the_others_the_rest() {
    let telldus = CATALOGUE.get("telldus").expect("there");
    let mut twin = telldus.clone();
    twin.name = "twin".into();
    let all = [telldus, &twin, CATALOGUE.get("netatmo").expect("there"), CATALOGUE.get("august").expect("there")];
    let text = format!("{SEED}CONSUMER_KEY=k\nCONSUMER_SECRET=s\nNETATMO_API_CLIENT_ID=i\nNETATMO_API_CLIENT_SECRET=t\n");
    let variables = Variables::parse(&text).expect("an env file");
    for (meant, other) in [("telldus", "twin"), ("twin", "telldus")] {
        let found = recognise(all, &variables, Some(meant)).expect("all of them");
        assert_eq!(names(&found), [meant, "netatmo", "august"], "and not {other}");
        assert_eq!(found[0].app.client_id, "k");
    }
    // Naming another one says nothing of these two, and of one that is not there nothing is guessed.
    for (named, says) in [("august", "telldus and twin"), ("nobody", "\"nobody\"")] {
        let problem = recognise(all, &variables, Some(named)).expect_err(named);
        assert!(problem.to_string().contains(says), "{problem}");
    }
    let without = Variables::parse(&text.replace("APIKEY", "APIKEI")).expect("an env file");
    let problem = recognise(all, &without, Some("august")).expect_err("half of it");
    assert!(problem.to_string().contains("APIKEY for August"), "{problem}");
    // Alone, as it always was.
    assert_eq!(names(&read(SEED, Some("august")).expect("one")), ["august"]);
}
