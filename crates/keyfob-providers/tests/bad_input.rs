//! A broken catalogue file is told with line, column, and what to do; all of it at once.

mod mistakes;
#[path = "mistakes/one_complaint.rs"]
mod one_complaint;

use keyfob_proto::oauth2::{ClientAuth, Dpop};
use keyfob_providers::{Catalogue, Problem, check, doubts, text_of};
use mistakes::{API, GOOD, MISTAKES};
use proptest::prelude::*;

fn problems(text: &str) -> Vec<Problem> {
    check(text, "hub.toml").map(|_| ()).expect_err("broken")
}

/// Where the only problem is, what it is, and the hint.
fn only(from: &str, to: &str) -> (usize, usize, String, String) {
    assert!(GOOD.contains(from), "{from}");
    let mut problems = problems(&GOOD.replacen(from, to, 1));
    let problem = problems.remove(0);
    assert_eq!(problems, [], "one mistake, one complaint: {to}");
    assert_eq!(problem.file, "hub.toml");
    (problem.line, problem.column, problem.message, problem.hint.unwrap_or_default())
}

/// The line and column (from 1) at which a text stands after the replacement.
fn place(from: &str, to: &str, of: &str) -> (usize, usize) {
    let text = GOOD.replacen(from, to, 1);
    let at = text.find(of).unwrap_or_else(|| panic!("{of} in the text"));
    let line = text[..at].matches('\n').count() + 1;
    (line, text[..at].rsplit('\n').next().unwrap_or("").chars().count() + 1)
}

#[test]
fn the_good_file_is_good() {
    assert!(check(GOOD, "hub.toml").is_ok(), "{:?}", check(GOOD, "hub.toml").err());
}

#[test]
fn keys_algorithms_and_the_device_endpoint_are_read() {
    let more =
        "issuer = \"https://hub.example\"\njwks = \"https://hub.example/keys\"\ndevice = \"https://hub.example/device\"\n\n[client]\n";
    let text = GOOD.replacen("[client]\n", more, 1).replacen("scopes =", "id_token_algorithms = [\"ES256\", \"PS256\"]\nscopes =", 1);
    let settings = check(&text, "hub.toml").expect("good").settings(&|_| None).expect("no fields in the URLs");
    let keyfob_proto::Flow::OAuth2(flow) = settings.flow else { panic!("OAuth 2") };
    assert_eq!(flow.jwks.map(|url| url.to_string()).as_deref(), Some("https://hub.example/keys"));
    assert_eq!(flow.device_authorization.map(|url| url.to_string()).as_deref(), Some("https://hub.example/device"));
    assert_eq!(flow.id_token_algorithms.to_string(), "PS256, ES256");
}

#[test]
fn whom_tokens_and_assertions_are_for_is_read_over_the_app_s_fields() {
    let text = GOOD.replacen(
        "client_auth = \"post\"",
        "client_auth = \"client_secret_jwt\"\nassertion_audience = \"https://{client_id}.hub.example/token\"",
        1,
    );
    let text =
        text.replacen("scopes =", "id_token_algorithms = [\"HS512\"]\ntrusted_audiences = [\"{client_id}-project\", \"2\"]\nscopes =", 1);
    let provider = check(&text, "hub.toml").unwrap_or_else(|problems| panic!("{problems:?}"));
    let settings = provider.settings(&|name| (name == "client_id").then(|| "us".to_owned())).expect("every field is there");
    let keyfob_proto::Flow::OAuth2(flow) = settings.flow else { panic!("OAuth 2") };
    assert_eq!((flow.assertion_audience.as_deref(), flow.issuer), (Some("https://us.hub.example/token"), None));
    assert_eq!(flow.trusted_audiences, ["us-project", "2"]);
    assert_eq!(flow.id_token_algorithms.to_string(), "HS512");
}

#[test]
fn pushed_and_signed_requests_and_every_client_authentication_are_read() {
    let more = "issuer = \"https://hub.example\"\npar = \"https://hub.example/par\"\n\n[client]\n";
    for (word, expected) in [
        ("basic", ClientAuth::Basic),
        ("basic-empty", ClientAuth::BasicEmpty),
        ("basic-raw", ClientAuth::BasicRaw),
        ("basic-secret", ClientAuth::BasicSecret),
        ("post", ClientAuth::Post),
        // Its key is a field of the app's.
        ("signed-secret\"\nsigned_secret = { issuer = \"t\", audience = \"https://hub.example\" }\n#\"", ClientAuth::SignedSecret),
        ("client_secret_jwt", ClientAuth::SecretJwt),
        ("private_key_jwt", ClientAuth::PrivateKeyJwt),
        ("tls", ClientAuth::Tls),
        ("none", ClientAuth::None),
    ] {
        let text = GOOD.replacen("[client]\n", more, 1);
        let text = text.replacen(
            "client_auth = \"post\"",
            &format!("client_auth = \"{word}\"\npar_required = true\nrequest_object = true\ndpop = true"),
            1,
        );
        let text = text.replacen("fields = [", "fields = [{ name = \"private_key\", label = \"Key\", secret = true }, ", 1);
        let settings = check(&text, "hub.toml").unwrap_or_else(|wrong| panic!("{word}: {wrong:?}")).settings(&|_| None).expect("complete");
        let keyfob_proto::Flow::OAuth2(flow) = settings.flow else { panic!("OAuth 2") };
        assert_eq!(flow.client_auth, expected, "{word}");
        assert_eq!(flow.pushed.map(|url| url.to_string()).as_deref(), Some("https://hub.example/par"));
        assert!(flow.pushed_required && flow.request_object && flow.dpop == Dpop::Wanted);
    }
}

#[test]
fn an_issuers_own_endpoints_are_not_the_files_to_say() {
    let of_an_issuer = GOOD.replacen("\"oauth2\"", "\"oidc\"", 1);
    let told: Vec<String> = problems(&of_an_issuer).iter().map(ToString::to_string).collect();
    assert!(told.len() == 1 && told[0].starts_with("hub.toml:2:8: kind is \"oidc\", which takes endpoints"), "{told:?}");
    let beside = of_an_issuer.replacen("authorize = \"https://hub.example/authorize\"", "issuer = \"https://hub.example\"", 1);
    let told: Vec<String> = problems(&beside).iter().map(ToString::to_string).collect();
    assert!(told.len() == 1 && told[0].starts_with("hub.toml:10:9: endpoints.token, which the issuer's"), "{told:?}");
}

/// What somebody calls wrongly is told by its name, and not by everything that it lacks.
#[test]
fn what_changes_a_provider_that_there_is_not_names_the_one_that_was_meant() {
    let told = |text: &str, file: &str| {
        let mut problems = check(text, file).map(|_| ()).expect_err("broken");
        let problem = problems.remove(0);
        assert_eq!(problems, [], "one mistake, one complaint");
        (problem.to_string(), problem.hint.unwrap_or_default())
    };
    let (message, hint) = told("[api]\nbase_url = \"https://hub.example\"\n", "teldus.toml");
    assert!(message.starts_with("teldus.toml:1:1: no provider is called \"teldus\""), "{message}");
    assert!(hint.contains("did you mean \"telldus\"?") && hint.contains("only what differs"), "{hint}");
    let (message, hint) = told("title = \"Mine\"\nname = \"somebody-elses-hub\"\n", "x.toml");
    assert!(message.starts_with("x.toml:2:8: no provider is called \"somebody-elses-hub\""), "{message}");
    assert!(!hint.contains("did you mean") && hint.contains("kind = "), "{hint}");
}

/// Without the section that its protocol needs, that is what is told: not the addresses, which are right.
#[test]
fn a_protocol_without_its_section_names_the_section() {
    let only = |text: &str| {
        let problems = problems(text);
        assert_eq!(problems.len(), 1, "one mistake, one complaint: {problems:?}");
        problems[0].to_string()
    };
    let first = GOOD.replacen("[oauth2]\nclient_auth = \"post\"\nscopes = [\"read\"]\n", "", 1);
    assert_eq!(only(&first), "hub.toml:1:1: oauth2 is missing");
    let first = first.replacen("\"oauth2\"", "\"oauth1\"", 1).replacen("attach = {", "query = {}\n#", 1).replacen(
        "[endpoints]\n",
        "[endpoints]\nrequest_token = \"https://hub.example/request\"\n",
        1,
    );
    assert_eq!(only(&first), "hub.toml:1:1: oauth1 is missing");
}

#[test]
fn a_key_that_is_there_twice_is_named_with_its_place() {
    for (from, to, key) in [
        ("title = \"Hub\"", "title = \"Hub\"\ntitle = \"Hubs\"", "title"),
        ("scopes = [", "client_auth = \"basic\"\nscopes = [", "client_auth"),
    ] {
        let text = GOOD.replacen(from, to, 1);
        let problems = problems(&text);
        let at = text.match_indices(&format!("{key} =")).nth(1).expect("the second one").0;
        let line = text[..at].matches('\n').count() + 1;
        assert_eq!((problems.len(), problems[0].line, problems[0].column), (1, line, 1), "{problems:?}");
        assert!(problems[0].message.contains(&format!("\"{key}\"")) && problems[0].message.contains("twice"), "{problems:?}");
    }
}

#[test]
fn a_day_that_has_not_come_and_a_scope_that_nobody_knows_are_doubted() {
    let told = |text: &str, file: &str, today: &str| -> Vec<String> {
        doubts(text, file, today, |name| name == "login", Catalogue::embedded().names())
            .iter()
            .map(|doubt| format!("{doubt} | {}", doubt.hint.clone().unwrap_or_default()))
            .collect()
    };
    assert_eq!(told(GOOD, "hub.toml", "2026-11-21"), [] as [&str; 0]);
    let early = told(&GOOD.replacen("[endpoints]", "verified = 2027-01-02\n[endpoints]", 1), "hub.toml", "2026-11-20");
    assert_eq!(early.len(), 2, "{early:?}");
    assert!(early[0].starts_with("hub.toml:5:58: sources.checked is 2026-11-21, which has not come yet: today is 2026-11-20"), "{early:?}");
    assert!(early[1].starts_with("hub.toml:8:12: verified is 2027-01-02"), "{early:?}");
    let known = GOOD.replacen("[endpoints]", "[scopes]\nreads = \"Reading\"\n[endpoints]", 1);
    let scope = told(&known, "hub.toml", "2026-11-21");
    assert_eq!(scope.len(), 1, "{scope:?}");
    assert!(scope[0].contains("oauth2.scopes asks for \"read\", which [scopes] does not know | did you mean \"reads\"?"), "{scope:?}");
    let needs =
        GOOD.to_owned() + "[scopes]\nread = \"Reading\"\n[actions.write]\nabout = \"Write\"\npath = \"/write\"\nscopes = [\"reed\"]\n";
    let scope = told(&needs, "hub.toml", "2026-11-21");
    assert!(scope.len() == 1 && scope[0].contains("actions.write.scopes needs \"reed\", which [scopes] does not know"), "{scope:?}");
    assert!(scope[0].ends_with("| did you mean \"read\"? Otherwise: [scopes] \"reed\" = \"what it allows\""), "{scope:?}");
    // One that changes another one asks for what that one knows.
    assert_eq!(told("[oauth2]\nscopes = [\"read_station\"]\n", "netatmo.toml", "2026-11-21"), [] as [&str; 0]);
    assert_eq!(told("[oauth2]\nscopes = [\"read_statoin\"]\n", "netatmo.toml", "2026-11-21").len(), 1);
    assert_eq!(told("no TOML", "hub.toml", "2026-11-21"), [] as [&str; 0], "that is said elsewhere");
}

/// What is used like any other file, and does hardly what was meant.
#[test]
fn what_goes_nowhere_is_doubted() {
    let only = |text: &str, file: &str| {
        let told = doubts(text, file, "2026-11-21", |name| name == "login", Catalogue::embedded().names());
        assert!(told.len() == 1 && told[0].hint.is_some(), "{told:?}");
        told[0].to_string()
    };
    let unused = GOOD.replacen("positional = true }, {", "positional = true }, { name = \"room\" }, {", 1);
    assert!(only(&unused, "hub.toml").contains("the parameter room of actions.things is used nowhere"));
    let pages = |said: &str| GOOD.replacen("[api]\n", &format!("[api]\npages = {{ counts = \"pages\", parameter = \"page\"{said} }}\n"), 1);
    assert!(
        only(&pages(""), "hub.toml")
            .contains("the rows of actions.things are in \"/things\", and api.pages counts those of the answer itself")
    );
    assert!(only(&pages(", items = \"/all\""), "hub.toml").contains("counts those of items = \"/all\""));
    let told = |text: &str| doubts(text, "hub.toml", "2026-11-21", |_| false, []);
    assert_eq!(told(&pages(", items = \"/things\"")), []);
    for (rows, said) in [(".[]", ""), ("to_entries[]", ""), (".things[]\"\nview = \"details", "")] {
        assert_eq!(told(&pages(said).replacen("rows = \".things[]\"", &format!("rows = \"{rows}\""), 1)), [], "{rows}");
    }
    let field = GOOD.replacen("fields = [", "fields = [{ name = \"room\", label = \"Room\" }, ", 1);
    assert!(only(&field, "hub.toml").contains("the field room of client.fields is used nowhere"));
    let moved = GOOD.replacen(
        "keep = [",
        "origins = { \"https://hub.example\" = \"http://127.0.0.1:1\", \"https://hub.exmaple\" = \"http://127.0.0.1:1\" }\nkeep = [",
        1,
    );
    assert!(only(&moved, "hub.toml").contains("[origins] moves https://hub.exmaple, where"));
    // So it is where an app's field says the host, and mostly the same.
    let moved = "[origins]\n\"https://gitlab.com\" = \"http://127.0.0.1:1\"\n";
    assert_eq!(doubts(moved, "gitlab.toml", "2026-11-21", |_| false, []), []);
    assert!(only(&moved.replace("gitlab.com", "gitlba.com"), "gitlab.toml").contains("[origins] moves https://gitlba.com, where"));
    let plus = GOOD.replacen("scopes = [\"read\"]", "scope_separator = \"+\"", 1);
    assert!(only(&plus, "hub.toml").contains("which is sent as %2B"));
    assert!(only(GOOD, "login.toml").starts_with("login.toml:1:1: the name login is a command's"));
    assert!(only(GOOD, "netatmo.toml").contains("takes the place of the netatmo that comes with Keyfob"));
    let option = GOOD.replacen("{ name = \"kinds\"", "{ name = \"json\" }, { name = \"kinds\"", 1).replacen(
        "query = {",
        "query = { j = \"{json}\",",
        1,
    );
    let told = doubts(&option, "hub.toml", "2026-11-21", |word| word == "--json", []);
    assert!(
        told.len() == 1 && told[0].message.starts_with("the parameter json of actions.things is called as the option --json"),
        "{told:?}"
    );
    let ended = "title = \"Hub\"\nstatus = \"retired\"\nabout = \"A hub.\"\nsources = []\nretired = { on = 2030-01-01, note = \"So.\" }\n";
    assert!(only(ended, "hub.toml").contains("retired.on is 2030-01-01, which has not come yet"));
    let after = |successor: &str| ended.replace("2030-01-01", &format!("2020-01-01, successor = \"{successor}\""));
    let told = doubts(&after("netamto"), "hub.toml", "2026-11-21", |_| false, Catalogue::embedded().names());
    assert!(told.len() == 1 && told[0].message.contains("retired.successor is \"netamto\", and no provider"), "{told:?}");
    assert!(told[0].hint.as_deref().is_some_and(|hint| hint.starts_with("did you mean \"netatmo\"?")), "{told:?}");
    for good in ["netatmo", "https://hub.example/new"] {
        assert_eq!(doubts(&after(good), "hub.toml", "2026-11-21", |_| false, Catalogue::embedded().names()), [], "{good}");
    }
}

/// What is told of a mistyped place is the whole mistake: to leave the parameter away that it means would be the wrong cure.
#[test]
fn a_mistyped_place_is_told_alone() {
    let action = |lines: &str| {
        format!(
            "{GOOD}[actions.lamps]\nabout = \"Lamps\"\nmethod = \"POST\"\nacts = false\nparameters = [{{ name = \"room\", required = true }}]\n{lines}\n"
        )
    };
    for lines in [
        "path = \"/lamps/{romo}\"",
        "path = \"/lamps\"\nquery = { room = \"{romo}\" }",
        "path = \"/lamps\"\nform = { room = \"{romo}\" }",
        "path = \"/lamps\"\nheaders = { x-room = \"{romo}\" }",
        "path = \"/lamps\"\njson = { at = [{ rooms = \"{romo}\" }] }",
    ] {
        let told = problems(&action(lines));
        assert!(told.len() == 1 && told[0].message.contains("the unknown name {romo}"), "{lines}: {told:?}");
        assert_eq!(doubts(&action(lines), "hub.toml", "2026-11-21", |_| false, []), [], "{lines}");
    }
    let used = "path = \"/lamps/{user_id}\"";
    let told = doubts(&action(used), "hub.toml", "2026-11-21", |_| false, []);
    assert!(told.len() == 1 && told[0].message.contains("the parameter room of actions.lamps is used nowhere"), "{told:?}");
}

/// Calls that are signed with RSA take the app's own key.
#[test]
fn who_signs_with_rsa_has_a_field_for_the_key() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/data/telldus.toml")).expect("text");
    for method in ["RSA-SHA1", "RSA-SHA256", "RSA-SHA512"] {
        let text = text.replacen("\"HMAC-SHA1\"", &format!("\"{method}\""), 1).replace("telldus", "my-hub");
        let told = check(&text, "my-hub.toml").map(|_| ()).expect_err(method);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].message.contains(&format!("oauth1.signature is \"{method}\"")), "{told:?}");
        let with = text.replacen("fields = [", "fields = [{ name = \"private_key\", label = \"Key\", secret = true }, ", 1);
        assert!(check(&with, "my-hub.toml").is_ok(), "{method}: {:?}", check(&with, "my-hub.toml"));
    }
}

/// The user's file is the one that is wrong, and the one that is there.
#[test]
fn what_comes_of_laying_a_file_over_another_is_told_of_the_users_own() {
    for (file, text, line, told) in [
        ("shopify.toml", "[client]\nfields = [{ name = \"client_id\", label = \"ID\" }]\n", 2, "the unknown name {"),
        ("salesforce.toml", "\nkeep = [\"id\"]\n", 2, "the unknown name {instance_url}"),
        (
            "netatmo.toml",
            "title = \"Mine\"\n[oauth2]\npkce_reason = \"So.\"\nclient_auth = \"private_key_jwt\"\n",
            4,
            "without endpoints.issuer",
        ),
    ] {
        let problems = check(text, file).map(|_| ()).expect_err(file);
        for problem in &problems {
            assert!(problem.file == file && problem.hint.is_some(), "{problem:?}");
        }
        assert!(problems.iter().any(|problem| problem.line == line && problem.message.contains(told)), "{file}: {problems:?}");
    }
}

#[test]
fn one_that_has_ended_is_known_and_cannot_be_changed() {
    let problems = check("[api]\nbase_url = \"https://hub.example\"\n", "xero-oauth1.toml").map(|_| ()).expect_err("broken");
    assert!(problems[0].message.starts_with("the provider xero-oauth1 has ended"), "{problems:?}");
    assert!(problems[0].hint.as_deref().is_some_and(|hint| hint.contains("keyfob provider show xero-oauth1")), "{problems:?}");
}

#[test]
fn bytes_that_are_no_text_have_a_place() {
    let told = |bytes: &[u8]| text_of(bytes.to_vec(), "hub.toml").expect_err("no text").to_string();
    assert_eq!(told(b"title = \"x\"\nabout = \"caf\xe9\"\n"), "hub.toml:2:13: expected text in UTF-8, found the byte 0xe9");
    assert_eq!(told(b"\xff\xfet\0"), "hub.toml:1:1: expected text in UTF-8, found UTF-16");
    assert_eq!(told(b"ab\0"), "hub.toml:1:3: expected text, found a byte of zero");
    assert!(told(&vec![b'a'; 600_000]).contains("found 600000"));
    assert_eq!(text_of("é".into(), "hub.toml").as_deref(), Ok("é"));
}

/// All of them are looked at, so that one run tells everything.
#[test]
fn each_mistake_is_told_with_its_place_and_what_to_do() {
    let mut wrong = Vec::new();
    for (from, to, at, message, hint) in MISTAKES {
        assert!(GOOD.contains(from), "{from}");
        let problems = check(&GOOD.replacen(from, to, 1), "hub.toml").map(|_| ()).err().unwrap_or_default();
        let [problem] = problems.as_slice() else {
            wrong.push(format!("one mistake, one complaint: {to}: {problems:?}"));
            continue;
        };
        let expected = place(from, to, at);
        let is_there = problem.line == expected.0 && problem.column.abs_diff(expected.1) <= 1 && problem.file == "hub.toml";
        // What is told of everything of which nothing better is known is no advice.
        let is_advice = |told: &String| !told.starts_with("docs/provider-files.md says") && told.contains(hint);
        let is_told = problem.message.contains(message) && problem.hint.as_ref().is_some_and(is_advice);
        if !is_there || !is_told {
            wrong.push(format!("{to}: expected {message} | {hint} at {expected:?}: {problem:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), MISTAKES.len(), wrong.join("\n"));
}

/// A file of OAuth 1.
const SIGNED: &str = r#"title = "Shop"
kind = "oauth1"
status = "live"
about = "A shop."
sources = [{ url = "https://shop.example/docs", checked = 2026-11-21, confidence = "verified", about = "all" }]
client = { fields = [{ name = "client_id", label = "Key" }] }
oauth1 = { signature = "HMAC-SHA256", one_legged = true }
api = { base_url = "https://shop.example" }
"#;

#[test]
fn where_the_keys_alone_sign_nothing_is_said_of_a_login() {
    check(SIGNED, "shop.toml").expect("good");
    for (from, to, message) in [
        (
            "one_legged = true",
            "one_legged = true, callback = \"registered\"",
            "oauth1.callback with oauth1.one_legged, where nobody logs in",
        ),
        ("title =", "keep = [\"user_id\"]\ntitle =", "keep with oauth1.one_legged, where nobody logs in"),
        ("title =", "endpoints = { token = \"https://shop.example/token\" }\ntitle =", "endpoints with oauth1.one_legged"),
        ("one_legged = true", "one_legged = 1", "expected true or false"),
        (", one_legged = true", "", "endpoints is missing"),
    ] {
        let told = problems(&SIGNED.replacen(from, to, 1));
        assert!(told.iter().any(|problem| problem.to_string().contains(message)), "{to}: {told:?}");
    }
}

/// Nobody is sent anywhere: what a file says of a login all the same is a mistake, in one of the two places.
#[test]
fn where_tokens_are_imported_nothing_is_said_of_a_login() {
    let import = "import = { help = \"Settings, API, New token.\" }\n";
    let signed = SIGNED.replacen("title =", &format!("{import}title ="), 1).replace(", one_legged = true", "");
    let settings = check(&signed, "shop.toml").expect("good").settings(&|_| None).expect("complete");
    assert!(settings.is_imported());
    let text = GOOD.replacen("title =", &format!("{import}title ="), 1);
    let lines: Vec<&str> = text.lines().filter(|line| !["authorize =", "scopes ="].iter().any(|key| line.starts_with(key))).collect();
    let good = lines.join("\n");
    let provider = check(&good, "hub.toml").unwrap_or_else(|wrong| panic!("{wrong:?}"));
    let settings = provider.settings(&|_| None).expect("complete");
    assert!(settings.is_imported() && provider.import.is_some_and(|import| import.help.starts_with("Settings")));
    for (text, from, to, message) in [
        (&signed, "HMAC-SHA256\"", "HMAC-SHA256\", one_legged = true", "oauth1.one_legged with import"),
        (&signed, "HMAC-SHA256\"", "HMAC-SHA256\", callback = \"registered\"", "oauth1.callback with import, where nobody logs in"),
        (&signed, "title =", "endpoints = { token = \"https://shop.example/token\" }\ntitle =", "endpoints with import"),
        (&good, "token =", "authorize = \"https://hub.example/a\"\ntoken =", "endpoints.authorize with import, where nobody logs in"),
        (&good, "client_auth =", "scopes = [\"read\"]\nclient_auth =", "oauth2.scopes with import, where nobody logs in"),
        (&good, "client_auth =", "pkce = \"s256\"\nclient_auth =", "oauth2.pkce with import, where nobody logs in"),
        (&good, "help = \"Settings, API, New token.\"", "", "import.help is missing"),
        (&good, import, "", "endpoints.authorize is missing"),
    ] {
        let told = problems(&text.replacen(from, to, 1));
        assert!(told.iter().any(|problem| problem.to_string().contains(message)), "{to}: {told:?}");
    }
}

#[test]
fn what_renews_itself_is_said_whole() {
    let text = GOOD.replace("[client]\n", "refresh = \"https://hub.example/r\"\n\n[client]\n");
    for (renewal, message) in [
        ("{ grant_type = \"a\", long_lived = \"https://hub.example/l\" }", "oauth2.renewal.long_lived_grant_type is missing"),
        ("{ grant_type = \"a\", long_lived_grant_type = \"b\" }", "oauth2.renewal.long_lived is missing"),
        ("{ long_lived = \"http://hub.example/l\", long_lived_grant_type = \"b\" }", "oauth2.renewal.grant_type is missing"),
        (
            "{ grant_type = \"a\", long_lived = \"http://hub.example/l\", long_lived_grant_type = \"b\" }",
            "expected an absolute URL of https",
        ),
        ("{ grant_type = \"a\" }\nrotates = true", "oauth2.rotates is about refresh tokens"),
    ] {
        let told = problems(&text.replace("scopes = [\"read\"]", &format!("renewal = {renewal}")));
        assert!(told.iter().any(|problem| problem.to_string().contains(message)), "{renewal}: {told:?}");
    }
}

/// What a redirect without verifier means is one thing.
#[test]
fn a_pin_is_a_verifier_and_so_is_no_denial() {
    let hub =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/data/telldus.toml")).expect("text").replace("telldus", "my-hub");
    let (_, denial) = hub.split_once("denial-without-verifier = ").expect("how it says no");
    let with = hub.replacen("[deviations]\n", "[deviations]\nno-verifier = \"None comes.\"\n", 1);
    let only = |text: &str| {
        let told = check(text, "my-hub.toml").map(|_| ()).expect_err("broken");
        assert_eq!(told.len(), 1, "{told:?}");
        told[0].message.clone()
    };
    let without = |line: &str| with.replacen(line, "", 1);
    assert_eq!(only(&without("oob = true\n")), "the deviations no-verifier and denial-without-verifier at once");
    let denies = format!("denial-without-verifier = {}\n", denial.lines().next().expect("a reason"));
    let told = only(&without(&denies));
    assert!(told.starts_with("client.redirect.oob with the deviation no-verifier"), "{told}");
}

#[test]
fn where_people_enter_codes_there_is_somewhere_to_get_one() {
    let text = GOOD.replace("[oauth2]", "[client.redirect]\ndevice_only = true\n\n[oauth2]");
    let told = problems(&text);
    assert!(told.len() == 1 && told[0].to_string().contains("device_only without endpoints.device"), "{told:?}");
    assert!(check(&text.replace("[endpoints]", "[endpoints]\ndevice = \"https://hub.example/device\""), "hub.toml").is_ok());
}

/// How long a refresh token is good is said with what it is counted from, and tells a moment where that is known.
#[test]
fn how_long_a_refresh_token_is_good_is_said_whole() {
    use keyfob_proto::Timestamp;
    let with = |lines: &str| GOOD.replacen("scopes = [", &format!("{lines}\nscopes = ["), 1);
    let (login, last) = (Some(Timestamp::from_unix(1_000)), Some(Timestamp::from_unix(5_000)));
    for (from, until, habit) in [
        ("use", 5_000 + 5_184_000, "A refresh token is good for 60 days from its last use."),
        ("login", 1_000 + 5_184_000, "A refresh token is good for 60 days from the login, however often tokens are renewed."),
    ] {
        let text = with(&format!("refresh_lifetime = 5184000\nrefresh_lifetime_from = \"{from}\""));
        let provider = check(&text, "hub.toml").unwrap_or_else(|wrong| panic!("{wrong:?}"));
        let known = provider.refresh_lifetime().expect("said");
        assert_eq!(known.until(login, last), Some(Timestamp::from_unix(until)), "{from}");
        assert_eq!(known.until(None, None), None, "what is not known is not told");
        assert!(provider.habits().iter().any(|said| said == habit), "{:?}", provider.habits());
    }
    for (bad, message) in [
        ("refresh_lifetime = 60", "oauth2.refresh_lifetime_from is missing"),
        ("refresh_lifetime_from = \"use\"", "oauth2.refresh_lifetime is missing"),
        ("refresh_lifetime = 0\nrefresh_lifetime_from = \"use\"", "expected a whole number from 1"),
        ("refresh_lifetime = 60\nrefresh_lifetime_from = \"birth\"", "expected one of login, use"),
    ] {
        let told = problems(&with(bad));
        assert!(told.iter().any(|problem| problem.message.contains(message)), "{bad}: {told:?}");
    }
    assert!(check(GOOD, "hub.toml").expect("good").refresh_lifetime().is_none());
}

/// Several periods at once: as many numbers in the headers, and what is left is said in one way.
#[test]
fn counts_of_several_periods_are_said_whole() {
    let with = |limits: &str| GOOD.replacen(API, &format!("{API}\nlimits = {{ {limits} }}"), 1);
    let good = "limit = \"x-limit\", usage = \"x-used\", periods = [900, 86400], reads = { limit = \"x-read\", usage = \"x-read-used\" }";
    let provider = check(&with(good), "hub.toml").unwrap_or_else(|wrong| panic!("{wrong:?}"));
    let limits = provider.settings(&|_| None).expect("complete").api.limits.expect("limits");
    assert_eq!(
        (limits.periods, limits.reads.and_then(|reads| reads.usage).map(|name| name.to_string())),
        (vec![900, 86_400], Some("x-read-used".to_owned()))
    );
    assert!(
        provider.habits().iter().any(|habit| habit.contains("a number each for 15 minutes and 1 day; of calls that only read: x-read"))
    );
    for (bad, message) in [
        ("usage = \"x-used\"", "api.limits.usage without api.limits.limit"),
        ("policy = \"x\"", "api.limits.policy without api.limits.structured"),
        ("structured = \"x\", limit = \"y\"", "api.limits.structured with api.limits.limit"),
        ("structured = \"x\", periods = [900]", "api.limits.structured with api.limits.periods"),
        ("structured = \"a b\"", "expected the name of a header in api.limits.structured"),
        ("limit = \"x\", usage = \"y\", remaining = \"z\"", "api.limits.usage with api.limits.remaining"),
        ("limit = \"x\", periods = []", "api.limits.periods is empty"),
        ("limit = \"x\", periods = [86400, 900]", "each greater than the one before"),
        ("limit = \"x\", periods = [0]", "expected whole numbers from 1"),
        ("limit = \"x\", periods = 900", "expected an array for api.limits.periods"),
        ("limit = \"x\", periods = [900], reset = \"y\", reset_in = \"seconds\"", "api.limits.periods with api.limits.reset"),
        ("limit = \"x\", reads = {}", "api.limits.reads names no header"),
        ("limit = \"x\", reads = { usage = \"y\" }", "api.limits.reads.usage without api.limits.reads.limit"),
        ("limit = \"x\", reads = { limit = \"a b\" }", "expected the name of a header in api.limits.reads.limit"),
    ] {
        let told = problems(&with(bad));
        assert!(told.iter().any(|problem| problem.message.contains(message)), "{bad}: {told:?}");
    }
}

/// A provider that has no page for a browser says so, and nothing of a browser; one whose page was forgotten is told.
#[test]
fn where_no_browser_is_sent_anywhere_nothing_is_said_of_one() {
    let by_code = GOOD
        .replace("authorize = \"https://hub.example/authorize\"", "device = \"https://hub.example/device\"")
        .replace("[oauth2]", "[client.redirect]\ndevice_only = true\n\n[oauth2]");
    let provider = check(&by_code, "hub.toml").unwrap_or_else(|wrong| panic!("{wrong:?}"));
    let settings = provider.settings(&|_| None).expect("complete");
    let keyfob_proto::Flow::OAuth2(flow) = &settings.flow else { panic!("OAuth 2") };
    assert!(flow.is_device_only() && flow.authorize.is_none() && !settings.is_imported());
    assert!(
        provider.habits().iter().any(|habit| habit.starts_with("There is no page that a browser is sent to")),
        "{:?}",
        provider.habits()
    );
    assert!(provider.endpoints().iter().all(|(what, _)| *what != "authorize"));
    for (from, to, message, hint) in [
        ("device_only = true", "device_only = false", "endpoints.authorize is missing", "client.redirect.device_only = true"),
        ("device = \"https://hub.example/device\"", "", "device_only without endpoints.device", ""),
        // Only of an issuer that is asked for its metadata it is not known yet what it has.
        ("device = \"https://hub.example/device\"", "issuer = \"https://hub.example\"", "device_only without endpoints.device", ""),
        (
            "client_auth =",
            "pkce = \"s256\"\nclient_auth =",
            "oauth2.pkce without endpoints.authorize: no browser",
            "add endpoints.authorize",
        ),
        ("client_auth =", "response_type = false\nclient_auth =", "oauth2.response_type without endpoints.authorize", "leave it away"),
        ("client_auth =", "authorize_params = { a = \"b\" }\nclient_auth =", "oauth2.authorize_params without endpoints.authorize", ""),
        ("token =", "par = \"https://hub.example/par\"\ntoken =", "endpoints.par without endpoints.authorize", ""),
    ] {
        let told = problems(&by_code.replacen(from, to, 1));
        let told = told.iter().find(|problem| problem.message.contains(message)).unwrap_or_else(|| panic!("{to}: {told:?}"));
        assert!(told.hint.as_deref().unwrap_or_default().contains(hint), "{told:?}");
    }
}

#[test]
fn a_missing_source_is_a_mistake() {
    let line = GOOD.lines().find(|line| line.starts_with("sources")).expect("there");
    let (_, _, message, hint) = only(line, "");
    assert!(message.contains("sources is missing") && hint.contains("confidence"), "{message}");
}

#[test]
fn several_mistakes_are_told_at_once_in_the_order_of_the_file() {
    let text =
        GOOD.replace("about = \"A hub.\"", "abuot = \"A hub.\"").replace("status = [401]", "status = [0]").replace("\".name\"", "\"now\"");
    let problems = problems(&text);
    let lines: Vec<usize> = problems.iter().map(|problem| problem.line).collect();
    assert!(lines.is_sorted() && lines.len() == 3, "{problems:?}");
    assert!(problems.iter().any(|problem| problem.message.contains("unknown key abuot")));
    assert!(problems.iter().any(|problem| problem.message.contains("HTTP status")));
    assert!(problems.iter().any(|problem| problem.message.contains("jq with now")));
}

#[test]
fn an_empty_file_says_what_is_missing() {
    let told: Vec<String> = problems("").iter().map(ToString::to_string).collect();
    for key in ["title", "kind", "status", "about", "sources"] {
        assert!(told.iter().any(|problem| problem.contains(&format!("{key} is missing"))), "{key}: {told:?}");
    }
}

#[test]
fn the_place_inside_a_long_expression_is_exact() {
    let text = GOOD.replace("\".things[]\"", "'''\n.things[]\n| select(.a)\n| env\n'''");
    let problem = problems(&text).remove(0);
    let line = text.lines().position(|line| line == "| env").expect("there") + 1;
    assert_eq!((problem.line, problem.column), (line, 3), "{problem}");
}

/// Nesting is what breaks readers that work by recursion.
#[test]
fn deep_files_are_refused_and_not_a_crash() {
    for deep in [
        format!("{}x = 1", "a.".repeat(20_000)),
        format!("[{}x]", "a.".repeat(20_000)),
        format!("a = {}1{}", "[".repeat(20_000), "]".repeat(20_000)),
        format!("a = {}1{}", "{a=".repeat(20_000), "}".repeat(20_000)),
        format!("{GOOD}\njson = {}1{}", "[".repeat(700), "]".repeat(700)),
        "[[a]]\n".repeat(20_000),
        "x".repeat(600_000),
    ] {
        assert!(!problems(&deep).is_empty());
    }
}

proptest! {
    #[test]
    fn any_text_is_checked_without_panic(text in "\\PC{0,200}") {
        let _ = check(&text, "x.toml");
    }

    /// Good files with something cut out, doubled or replaced: nearer to what people write than random text.
    #[test]
    fn any_damage_is_checked_without_panic(from in 0usize..2200, length in 0usize..60, put in "[-a-z0-9{}\\[\\]\"'=.,$|\n ]{0,12}") {
        let chars: Vec<char> = GOOD.chars().collect();
        let from = from.min(chars.len());
        let to = (from + length).min(chars.len());
        let text: String = chars[..from].iter().copied().chain(put.chars()).chain(chars[to..].iter().copied()).collect();
        if let Err(problems) = check(&text, "x.toml") {
            prop_assert!(!problems.is_empty(), "refused without a reason");
            prop_assert!(problems.iter().all(|problem| problem.line >= 1 && problem.column >= 1));
        }
    }
}

/// A list of tables in which the only thing is no table lacks nothing else.
#[test]
fn what_is_no_table_is_one_mistake() {
    let fields = GOOD.find("fields = [").expect("there");
    let end = fields + GOOD[fields..].find("]\n").expect("its end") + 1;
    // Two of the fields are places of its URLs, which would be unknown.
    let text = GOOD[..fields].to_owned() + "fields = [7]" + &GOOD[end..];
    let told: Vec<String> = problems(&text).into_iter().map(|problem| problem.message).collect();
    assert!(told.iter().any(|told| told.contains("expected a table in client.fields")), "{told:?}");
    assert!(!told.iter().any(|told| told.contains("no field client_id")), "{told:?}");
}

/// What stands in a table's place is told as that, and what would be in it is not missing besides.
#[test]
fn what_stands_in_a_tables_place_is_one_mistake() {
    let oauth2 = |line: &str| GOOD.replacen("[oauth2]\n", &format!("[oauth2]\n{line}\n"), 1);
    for (file, is) in [
        (oauth2("token_error = \"/e\""), "oauth2.token_error"),
        (oauth2("pin = \"x\""), "oauth2.pin"),
        (oauth2("renewal = \"x\""), "oauth2.renewal"),
        (GOOD.to_owned() + "[actions.lamps]\nabout = \"l\"\npath = \"/x\"\npage = \"next\"\n", "actions.lamps.page"),
        ("retired = true\n".to_owned() + GOOD, "retired"),
        ("retired = \"2020-01-31\"\n".to_owned() + &GOOD.replacen("\"live\"", "\"retired\"", 1), "retired"),
    ] {
        let told: Vec<String> = check(&file, "hub.toml").expect_err(is).into_iter().map(|problem| problem.message).collect();
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].starts_with(&format!("expected a table for {is}, found ")), "{told:?}");
    }
}

/// Who is told that something is wrong is told what to write instead.
#[test]
fn what_is_wrong_says_what_to_write_instead() {
    let action = |lines: &str| GOOD.to_owned() + "[actions.lamps]\nabout = \"Lamps\"\n" + lines;
    let without = |line: &str| GOOD.replacen(line, "", 1);
    let cases = [
        (
            GOOD.replacen("about = \"A hub.\"", "about = 3", 1),
            "expected a string for about",
            "text stands in quotes: about = \"…\", a sentence",
        ),
        (GOOD.replacen("fields = [", "fields = [7, ", 1), "expected a table in client.fields", "; or a heading [[client.fields]]"),
        (action("path = \"/x\"\nparameters = [\"room\"]\n"), "expected a table in actions.lamps.parameters", "parameters = [{ name = "),
        (
            action("path = \"/x\"\nparameters = { name = \"room\" }\n"),
            "expected an array for actions.lamps.parameters",
            "parameters = [{ name = ",
        ),
        (
            action("path = \"/x\"\nparameters = [{ name = \"room\", about = \"r\" }, { name = \"room\", about = \"r\" }]\n"),
            "the parameter room is there twice",
            "give it another name",
        ),
        (action("path = \"/x\"\nparameters = [{ about = \"r\" }]\n"), "actions.lamps.parameters.name is missing", "name = \"room\""),
        (
            action("path = \"/x\"\npage = { full = 10, set = \"from\", value = \".t\" }\n"),
            "pages that set the unknown parameter from",
            "add a parameter: { name = \"from\"",
        ),
        (
            action("path = \"/x\"\ncolumns = [{ each = \"types\", value = \".x\" }]\n"),
            "the unknown list parameter types",
            "add a parameter: { name = \"types\"",
        ),
        (
            action(
                "path = \"/x\"\nparameters = [{ name = \"room\", about = \"r\" }]\nquery = { r = \"{room}\" }\ncolumns = [{ each = \"room\", value = \".x\" }]\n",
            ),
            "the unknown list parameter room",
            "say type = \"list\" at the parameter room",
        ),
        (
            GOOD.replacen("fields = [", "fields = [{ name = \"shop\", label = \"Shop\", default = \"a/b\" }, ", 1).replacen(
                "base_url = \"https://hub.example\"",
                "base_url = \"https://hub.example/{shop}\"",
                1,
            ),
            "the default of shop: expected what a URL may have",
            "letters, digits",
        ),
        (
            GOOD.replacen("client_auth = \"post\"", "client_auth = \"client_secret_post\"", 1),
            "the registry's name",
            "client_auth = \"post\"",
        ),
        (
            GOOD.replacen("[oauth2]\n", "[oauth2]\nauthorize_params = { a = 1.5 }\n", 1),
            "expected a string for oauth2.authorize_params.a",
            "text stands in quotes: a = \"1.5\"",
        ),
        (
            action("path = \"/x\"\nparameters = [{ name = \"n\", about = \"r\", type = \"integer\", min = 1, mix = 9 }]\n"),
            "the unknown key mix",
            "did you mean \"max\"?",
        ),
        (
            GOOD.to_owned() + "[retired]\non = 2020-01-31\nnote = \"It ended.\"\n",
            "[retired] without status = \"retired\"",
            "write that in place of the status that is there",
        ),
        (GOOD.to_owned() + "[scopes]\n\"read:user\" = 3\n", "expected a string for scopes.read:user", "\"read:user\" = \"3\""),
        (action("path = \"/x\"\nrows = \"lamps\"\n"), "jq with lamps", "a member is written with a dot: .lamps"),
        (action("path = \"/x\"\nrows = \"key\"\n"), "jq with key", "or the member .key?"),
        (
            action("path = \"/x\"\ncolumns = [{ title = \"T\", value = \".t\", each = \"x\", units = { a = 3 } }]\n"),
            "expected a string for actions.lamps.columns.units.a",
            "a = \"3\"",
        ),
        (action("path = \"/x\"\nacts = \"yes\"\n"), "expected true or false", "without quotes: acts = true"),
        (action("path = \"/x\"\ncolumns = \"all\"\n"), "expected an array", "columns = [{ title = "),
        (action("path = \"/{nosuch}\"\n"), "the unknown name {nosuch}", "add a parameter to the action: parameters = [{ name = \"nosuch\""),
        (action("path = \"/x\"\nheaders = { x-a = \"{nosuch}\" }\n"), "the unknown name {nosuch}", "add a parameter to the action"),
        (
            GOOD.replacen("https://hub.example/token", "https://{shop}/token", 1),
            "the unknown name {shop}",
            "add a field to client.fields: { name = \"shop\"",
        ),
        (GOOD.replacen("https://hub.example/token", "https://hub.example/{token", 1), "an unpaired brace", "written twice"),
        (action("path = \"/x\"\nrows = \".a[\"\n"), "jq that does not parse", "each bracket"),
        (
            action("path = \"/x\"\nlinks = [{ action = \"lamps\", with = { id = \".id\" } }]\n"),
            "the unknown parameter id",
            "that action has no parameters",
        ),
        (action("path = \"/x\"\nrows = \"$args.nosuch\"\n"), "$args.nosuch, and the action has no parameter nosuch", "add a parameter"),
        (
            action(
                "path = \"/x\"\nparameters = [{ name = \"room\", about = \"r\" }]\nrows = \".[] | select(.room == $args[\\\"rom\\\"])\"\n",
            ),
            "$args.rom, and the action has no parameter rom",
            "did you mean \"room\"?",
        ),
        (without("title = \"Hub\"\n"), "title is missing", "title = \"…\", what people call it"),
        (without("checked = 2026-11-21, "), "sources.checked is missing", "checked = 2026-11-21, the day on which you read the page"),
        (without("kind = \"oauth2\"\n"), "kind", "oauth1"),
        (without("client_auth = \"post\"\n"), "oauth2.client_auth is missing", "add it: client_auth = \"post\", for example"),
        (action("view = \"list\"\n"), "actions.lamps.path is missing", "add it: path = \"/lamps/{id}\", for example"),
        (
            without("[oauth2]\nclient_auth = \"post\"\nscopes = [\"read\"]\n"),
            "oauth2 is missing",
            "add it: a heading [oauth2], and below it client_auth = \"post\"",
        ),
    ];
    for (text, message, hint) in cases {
        let problems = check(&text, "hub.toml").expect_err(message);
        let told = problems.iter().find(|problem| problem.message.contains(message)).unwrap_or_else(|| panic!("{message}: {problems:#?}"));
        assert!(told.hint.as_deref().is_some_and(|found| found.contains(hint)), "{message}: {told:#?}");
    }
    // Quotes are spoken of where there are some.
    for (line, hint) in [
        ("default_lifetime = -5", "default_lifetime = …, a whole number from 1"),
        ("default_lifetime = 1.5", "default_lifetime = …, a whole number"),
        ("rotates = 1", "rotates = true"),
        ("default_lifetime = \"60\"", "without quotes: default_lifetime = …"),
        ("rotates = \"true\"", "without quotes: rotates = true"),
    ] {
        let problems = check(&GOOD.replacen("scopes = [\"read\"]", line, 1), "hub.toml").expect_err(line);
        assert!(problems.len() == 1 && problems[0].hint.as_deref().is_some_and(|found| found.starts_with(hint)), "{line}: {problems:#?}");
    }
    // What is an argument, and what merely looks like one.
    let fine = action(
        "path = \"/x\"\nparameters = [{ name = \"room\", about = \"r\" }]\nrows = '.[] | select(.room == $args.room or .about == \"$args.nosuch\")'\n",
    );
    check(&fine, "hub.toml").unwrap_or_else(|problems| panic!("{problems:#?}"));
}
