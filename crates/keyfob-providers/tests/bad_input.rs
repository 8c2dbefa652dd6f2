//! A broken catalogue file is told with line, column, and what to do; all of it at once.

use keyfob_proto::oauth2::{ClientAuth, Dpop};
use keyfob_providers::{Problem, check, doubts};
use proptest::prelude::*;

/// A file that is good, with numbered lines for what follows.
const GOOD: &str = r#"title = "Hub"
kind = "oauth2"
status = "live"
about = "A hub."
sources = [{ url = "https://hub.example/docs", checked = 2026-11-21, confidence = "verified", about = "all" }]
keep = ["user_id"]

[endpoints]
authorize = "https://hub.example/authorize"
token = "https://hub.example/token"

[client]
fields = [{ name = "client_id", label = "Client ID" }, { name = "api_key", label = "Key", secret = true, env = ["HUB_KEY"] }]

[oauth2]
client_auth = "post"
scopes = ["read"]

[api]
base_url = "https://hub.example"
attach = { headers = { x-token = "{access_token}" } }
headers = { x-key = "{api_key}" }
expired = [{ status = [401], pointer = "/code", values = [3] }]

[deviations]
missing-token-type = "The answers have none."

[actions.things]
about = "Things"
path = "/things/{id}"
parameters = [{ name = "id", type = "integer", min = 1, positional = true }, { name = "kinds", type = "list" }]
query = { kind = "{kinds}" }
rows = ".things[]"
columns = [{ title = "Name", value = ".name" }, { each = "kinds", value = ".values[$index]" }]
links = [{ action = "drop", with = { id = ".id" } }]

[actions.drop]
about = "Drop a thing"
method = "DELETE"
acts = true
path = "/things/{id}"
parameters = [{ name = "id", positional = true }]
"#;

/// Where the API is, in that file.
const API: &str = "base_url = \"https://hub.example\"";

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
fn pushed_and_signed_requests_and_every_client_authentication_are_read() {
    let more = "issuer = \"https://hub.example\"\npar = \"https://hub.example/par\"\n\n[client]\n";
    for (word, expected) in [
        ("basic", ClientAuth::Basic),
        ("basic-raw", ClientAuth::BasicRaw),
        ("basic-secret", ClientAuth::BasicSecret),
        ("post", ClientAuth::Post),
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
        let settings = check(&text, "hub.toml").unwrap_or_else(|wrong| panic!("{word}: {wrong:?}")).settings(&|_| None).expect("complete");
        let keyfob_proto::Flow::OAuth2(flow) = settings.flow else { panic!("OAuth 2") };
        assert_eq!(flow.client_auth, expected, "{word}");
        assert_eq!(flow.pushed.map(|url| url.to_string()).as_deref(), Some("https://hub.example/par"));
        assert!(flow.pushed_required && flow.request_object && flow.dpop == Dpop::Wanted);
    }
}

#[test]
fn an_issuers_own_endpoints_are_not_the_files_to_say() {
    let told: Vec<String> = problems(&GOOD.replacen("\"oauth2\"", "\"oidc\"", 1)).iter().map(ToString::to_string).collect();
    let lines = [
        "hub.toml:9:13: endpoints.authorize, which the issuer's",
        "hub.toml:10:9: endpoints.token, which",
        "hub.toml:8:2: endpoints.issuer is missing",
    ];
    assert_eq!(told.len(), lines.len(), "{told:?}");
    for line in lines {
        assert!(told.iter().any(|problem| problem.starts_with(line)), "{line}: {told:?}");
    }
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
        doubts(text, file, today).iter().map(|doubt| format!("{doubt} | {}", doubt.hint.clone().unwrap_or_default())).collect()
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

#[test]
fn each_mistake_is_told_with_its_place() {
    // from, to, where, message has, hint has
    let cases: &[(&str, &str, &str, &str, &str)] = &[
        ("title =", "titel =", "titel", "the unknown key titel", "did you mean \"title\"?"),
        ("scopes = [\"read\"]", "scope = [\"read\"]", "scope =", "the unknown key scope in oauth2", "did you mean \"scopes\"?"),
        (
            "kind = \"oauth2\"",
            "kind = \"oauth3\"",
            "\"oauth3\"",
            "expected oauth1, oauth2 or oidc for kind, found \"oauth3\"",
            "did you mean",
        ),
        ("about = \"A hub.\"", "about = 3", "3\n", "expected a string for about, found a whole number", ""),
        ("status = \"live\"", "status = \"retired\"", "title", "retired is missing", ""),
        ("2026-11-21", "\"2026-11-21\"", "\"2026-11-21\"", "expected a date", ""),
        ("\"verified\"", "\"verifed\"", "\"verifed\"", "expected verified, inferred or assumed", "did you mean \"verified\"?"),
        (
            "\"https://hub.example/token\"",
            "\"http://hub.example/token\"",
            "\"http://hub.example/token\"",
            "expected an absolute https URL",
            "127.0.0.1",
        ),
        (
            "base_url = \"https://hub.example\"",
            "base_url = \"http://localhost.evil.example\"",
            "\"http://localhost",
            "expected an absolute https URL",
            "127.0.0.1",
        ),
        ("token = \"https://hub.example/token\"\n", "", "[endpoints]", "endpoints.token is missing", ""),
        (
            "[client]\n",
            "jwks = \"https://hub.example/keys\"\n\n[client]\n",
            "\"https://hub.example/keys\"",
            "endpoints.jwks without endpoints.issuer",
            "",
        ),
        ("scopes = [\"read\"]", "par_required = true", "true\n\n[api]", "oauth2.par_required without endpoints.par", ""),
        ("scopes = [\"read\"]", "request_object = true", "true\n\n[api]", "oauth2.request_object without endpoints.issuer", ""),
        (
            "scopes = [\"read\"]",
            "pin = { response_type = \"hubPin\", user_code = \"pin\", device_code = \"code\", page = \"https://hub.example/pin\", grant_type = \"hubPin\" }",
            "pin = {",
            "oauth2.pin without endpoints.device",
            "",
        ),
        (
            "scopes = [\"read\"]",
            "renewal = { grant_type = \"hub_refresh\" }",
            "renewal = {",
            "oauth2.renewal without endpoints.refresh",
            "",
        ),
        (
            "scopes = [\"read\"]",
            "grant_types = { refresh_tokens = \"refresh\" }",
            "refresh_tokens",
            "another name for the unknown grant refresh_tokens",
            "did you mean \"refresh_token\"?",
        ),
        (
            "scopes = [\"read\"]",
            "authorize_fragment = \"#hub_redirect\"",
            "\"#hub",
            "expected what stands behind the # in oauth2.authorize_fragment",
            "without the #",
        ),
        (
            "scopes = [\"read\"]",
            "token_error = { code = \"/errcode\", invalid_grant = [1] }",
            "token_error = {",
            "oauth2.token_error without the deviation own-error",
            "allow it, with its reason",
        ),
        (
            "missing-token-type = \"The answers have none.\"",
            "own-error = \"So.\"\n[oauth2.token_error]\ncode = \"/errcode\"",
            "token_error]",
            "oauth2.token_error.invalid_grant is missing",
            "",
        ),
        ("\"post\"", "\"private_key_jwt\"", "\"private_key_jwt\"", "without endpoints.issuer, whom the assertion is for", ""),
        ("\"post\"", "\"client_secret_jwt\"", "\"client_secret_jwt\"", "without endpoints.issuer, whom the assertion is for", ""),
        (
            "\"post\"",
            "\"private_key_jtw\"",
            "\"private_key_jtw\"",
            "expected one of basic, basic-raw, basic-secret, post, signed-secret",
            "did you mean \"private_key_jwt\"?",
        ),
        (
            "[client]\n",
            "par = \"http://hub.example/par\"\n\n[client]\n",
            "\"http://hub.example/par\"",
            "expected an absolute https URL",
            "127.0.0.1",
        ),
        (
            "[client]\n",
            "issuer = \"https://hub.example?x=1\"\n\n[client]\n",
            "\"https://hub.example?x=1\"",
            "endpoints.issuer with a query",
            "",
        ),
        ("scopes = [\"read\"]", "id_token_algorithms = [\"none\"]", "\"none\"", "expected one of RS256", ""),
        ("scopes = [\"read\"]", "id_token_algorithms = [\"HS256\"]", "\"HS256\"", "expected one of RS256", ""),
        ("client_auth = \"post\"\n", "", "[oauth2]", "oauth2.client_auth is missing", ""),
        ("scopes = [\"read\"]", "pkce = \"off\"", "[oauth2]", "oauth2.pkce_reason is missing", ""),
        (
            "name = \"client_id\", ",
            "name = \"client_id\", label = \"ID\" }, { name = \"private_key\", ",
            "{ name = \"private_key\"",
            "private_key without secret = true",
            "",
        ),
        ("scopes = [\"read\"]", "dpop = \"yes\"", "\"yes\"", "expected true or false for oauth2.dpop", ""),
        ("name = \"client_id\"", "name = \"client\"", "[client]", "client.fields has no field client_id", ""),
        ("env = [\"HUB_KEY\"]", "env = [\"HUB KEY\"]", "\"HUB KEY\"", "expected the name of a variable", ""),
        ("{access_token}", "{acess_token}", "{acess_token}", "the unknown name {acess_token}", "did you mean \"access_token\"?"),
        ("\"{api_key}\"", "\"{api_kye}\"", "{api_kye}", "the unknown name {api_kye}", "did you mean \"api_key\"?"),
        ("\"{api_key}\"", "\"{api_key\"", "\"{api_key\"", "an unpaired brace", ""),
        ("x-key =", "host =", "host =", "the header host belongs to the transport", ""),
        ("status = [401]", "status = [4010]", "4010", "expected an HTTP status", ""),
        ("\"/code\"", "\"code\"", "\"code\"", "expected a JSON pointer", "/error/code"),
        (
            "missing-token-type",
            "missing-token-typ",
            "missing-token-typ",
            "the unknown deviation missing-token-typ",
            "did you mean \"missing-token-type\"?",
        ),
        ("\"The answers have none.\"", "\"\"", "\"\"", "has no reason", ""),
        ("scopes = [\"read\"]", "token_type = \"bot\"", "\"bot\"", "token_type without the deviation other-token-type", "other-token-type"),
        ("scopes = [\"read\"]", "tokens_at = \"/body\"", "\"/body\"", "tokens_at without the deviation nested-tokens", "nested-tokens"),
        (
            "scopes = [\"read\"]",
            "parameter_names = { client_ib = \"app_id\" }",
            "client_ib",
            "another name for the unknown parameter client_ib",
            "did you mean \"client_id\"?",
        ),
        ("scopes = [\"read\"]", "parameter_names = { client_id = \"\" }", "\"\"", "the other name of client_id is empty", ""),
        ("scopes = [\"read\"]", "token_body = \"get\"", "\"get\"", "expected one of form, json, query", ""),
        (
            API,
            "base_url = \"https://hub.example\"\nquery = { key = \"{api_kye}\" }",
            "{api_kye}",
            "the unknown name {api_kye}",
            "did you mean \"api_key\"?",
        ),
        (
            API,
            "base_url = \"https://hub.example\"\nlimits = { limt = \"x-limit\" }",
            "limt",
            "the unknown key limt in api.limits",
            "did you mean \"limit\"?",
        ),
        (
            API,
            "base_url = \"https://hub.example\"\nlimits = { limit = \"x limit\" }",
            "\"x limit\"",
            "expected the name of a header in api.limits.limit",
            "",
        ),
        (
            API,
            "base_url = \"https://hub.example\"\nlimits = { reset = \"x-reset\" }",
            "limits = { reset",
            "api.limits.reset_in is missing",
            "",
        ),
        (
            API,
            "base_url = \"https://hub.example\"\nlimits = { reset = \"x\", reset_in = \"minutes\" }",
            "\"minutes\"",
            "expected one of seconds, moment",
            "",
        ),
        (
            API,
            "base_url = \"https://hub.example\"\nlimits = { limit = \"x\", reset_in = \"moment\" }",
            "\"moment\"",
            "without api.limits.reset",
            "",
        ),
        (
            API,
            "base_url = \"{user_id}\"",
            "\"{user_id}\"",
            "has a host that the login says (user_id), and there is no api.hosts",
            "*.hub.example",
        ),
        (
            API,
            "method_override = [\"_method\"]\nbase_url = \"https://hub.example\"",
            "\"_method\"",
            "_method in api.method_override",
            "leave it away",
        ),
        (API, "method_override = [\"a b\"]\nbase_url = \"https://hub.example\"", "\"a b\"", "expected the name of a parameter", ""),
        (API, "batch = {}\nbase_url = \"https://hub.example\"", "batch", "api.batch names nothing", "fields and calls"),
        (API, "batch = { fields = [\"a b\"] }\nbase_url = \"https://hub.example\"", "\"a b\"", "expected the name of a parameter", ""),
        (API, "batch = { calls = [\"/batch\"] }\nbase_url = \"https://hub.example\"", "\"/batch\"", "in api.batch.calls", "a method (GET"),
        (API, "base_url = \"{user_id}\"\nhosts = []", "[]\nattach", "api.hosts is empty", ""),
        (API, "base_url = \"{user_id}\"\nhosts = [\"*.com\"]", "\"*.com\"", "expected a host such as api.hub.example", ""),
        (API, "base_url = \"{user_id}\"\nhosts = [\"https://hub.example\"]", "\"https://hub.example\"", "for api.hosts", ""),
        (
            API,
            "base_url = \"https://hub.example/{user_id}\"\nhosts = [\"hub.example\"]",
            "[\"hub.example\"]\nattach",
            "api.hosts, and api.base_url says its host itself",
            "api.more_origins",
        ),
        (API, "base_url = \"https://hub.example/{user_if}\"", "{user_if}", "the unknown name {user_if}", "did you mean \"user_id\"?"),
        (
            "parameters = [{ name = \"id\", positional = true }]",
            "parameters = [{ name = \"user_id\", positional = true }, { name = \"id\", positional = true }]",
            "drop]",
            "user_id is a parameter of actions.drop, and a value that the login gives",
            "leave the parameter away",
        ),
        ("scopes = [\"read\"]", "redirect_name = \"{ru_name}\"", "{ru_name}", "the unknown name {ru_name}", ""),
        (API, "base_url = \"https://hub.example\"\nlimits = {}", "limits = {}", "api.limits names no header", "limit, remaining and reset"),
        (
            API,
            "base_url = \"https://hub.example\"\npages = {}",
            "pages = {}",
            "expected one of next, cursor and counts",
            "cursor and parameter",
        ),
        (API, "base_url = \"https://hub.example\"\npages = { next = \"next\" }", "\"next\"", "expected a JSON pointer", "/error/code"),
        (
            API,
            "base_url = \"https://hub.example\"\npages = { cursor = \"/next\" }",
            "pages = { cursor",
            "api.pages.parameter is missing",
            "",
        ),
        (
            API,
            "base_url = \"https://hub.example\"\npages = { next = \"/next\", cursor = \"/c\" }",
            "pages = { next",
            "expected one of next, cursor and counts",
            "",
        ),
        (
            API,
            "base_url = \"https://hub.example\"\npages = { next = \"/next\", parameter = \"p\" }",
            "\"p\"",
            "api.pages.parameter without api.pages.cursor",
            "",
        ),
        (
            API,
            "base_url = \"https://hub.example\"\npages = { counts = \"lines\", parameter = \"p\" }",
            "\"lines\"",
            "expected one of pages, items",
            "",
        ),
        ("[deviations]\n", "[scopes]\nread = \"\"\n\n[deviations]\n", "\"\"", "the scope read says nothing", ""),
        ("[deviations]\n", "[scopes]\n\"a b\" = \"x\"\n\n[deviations]\n", "\"a b\"", "expected the name of a scope", ""),
        ("\"{kinds}\"", "\"{kind}\"", "{kind}", "the unknown name {kind}", "did you mean \"kinds\"?"),
        (
            "path = \"/things/{id}\"\nparameters = [{ name = \"id\", type",
            "path = \"things/{id}\"\nparameters = [{ name = \"id\", type",
            "\"things/",
            "expected a path",
            "/locks/{id}",
        ),
        ("type = \"integer\"", "type = \"integr\"", "\"integr\"", "expected one of text, integer", "did you mean \"integer\"?"),
        ("min = 1", "min = \"one\"", "\"one\"", "expected a whole number", ""),
        ("positional = true }, {", "positional = true, default = \"x\" }, {", "\"x\"", "a default that the parameter does not take", ""),
        ("\".things[]\"", "\".things[\"", "\"\ncolumns", "does not parse", ""),
        ("\".things[]\"", "\".things[] | recurse\"", "recurse", "jq with recurse", "may not end"),
        ("\".things[]\"", "'reduce .[] as $x (0; .)'", "reduce", "jq with a fold", ""),
        ("\".name\"", "\".name | selct(.)\"", "selct", "jq with selct", "did you mean select?"),
        ("each = \"kinds\"", "each = \"kind\"", "\"kind\"", "unknown list parameter kind", "did you mean \"kinds\"?"),
        ("$index", "$idx", "$idx", "unknown variable $idx", ""),
        ("action = \"drop\"", "action = \"dorp\"", "\"dorp\"", "a link to the unknown action dorp", "did you mean \"drop\"?"),
        ("with = { id =", "with = { idd =", "idd", "the unknown parameter idd of the action drop", "did you mean \"id\"?"),
        ("acts = true\n", "", "drop]", "DELETE without acts", "acts = true"),
        ("acts = true\n", "acts = \"yes\"\n", "\"yes\"", "expected true or false", ""),
        ("method = \"DELETE\"", "method = \"REMOVE\"", "\"REMOVE\"", "expected one of GET", ""),
        ("title = \"Hub\"", "title = \"Hub", "\nkind", "this is no TOML", ""),
        (
            "keep = [",
            "origins = { \"https://a.example/x\" = \"http://127.0.0.1:1\" }\nkeep = [",
            "\"https://a.example/x\"",
            "expected an origin",
            "",
        ),
        (
            "missing-token-type = \"The answers have none.\"",
            "no-verifier = \"None comes.\"\ndenial-without-verifier = \"So it says no.\"",
            "\"None comes.\"",
            "the deviations no-verifier and denial-without-verifier at once",
            "an approval, or a denial",
        ),
        ("keep = [", "origins = { \"*\" = \"http://far.example\" }\nkeep = [", "\"http://far", "expected an absolute https URL", ""),
    ];
    for (from, to, at, message, hint) in cases {
        let (line, column, told, hinted) = only(from, to);
        assert!(told.contains(message), "{to}: {told}");
        assert!(hinted.contains(hint), "{to}: {told}: {hinted}");
        let expected = place(from, to, at);
        assert!(line == expected.0 && column.abs_diff(expected.1) <= 1, "{to}: {line}:{column}, expected {expected:?}: {told}");
    }
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
        ("{ grant_type = \"a\", long_lived = \"http://hub.example/l\", long_lived_grant_type = \"b\" }", "expected an absolute https URL"),
        ("{ grant_type = \"a\" }\nrotates = true", "oauth2.rotates is about refresh tokens"),
    ] {
        let told = problems(&text.replace("scopes = [\"read\"]", &format!("renewal = {renewal}")));
        assert!(told.iter().any(|problem| problem.to_string().contains(message)), "{renewal}: {told:?}");
    }
}

#[test]
fn a_pin_is_a_verifier() {
    let text = GOOD
        .replace("[oauth2]", "[client.redirect]\noob = true\n\n[oauth2]")
        .replace("missing-token-type = \"The answers have none.\"", "no-verifier = \"None comes.\"");
    let told = problems(&text);
    assert!(told.len() == 1 && told[0].to_string().contains("client.redirect.oob with the deviation no-verifier"), "{told:?}");
}

#[test]
fn where_people_enter_codes_there_is_somewhere_to_get_one() {
    let text = GOOD.replace("[oauth2]", "[client.redirect]\ndevice_only = true\n\n[oauth2]");
    let told = problems(&text);
    assert!(told.len() == 1 && told[0].to_string().contains("device_only without endpoints.device"), "{told:?}");
    assert!(check(&text.replace("[endpoints]", "[endpoints]\ndevice = \"https://hub.example/device\""), "hub.toml").is_ok());
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

/// Who is told that something is wrong is told what to write instead.
#[test]
fn what_is_wrong_says_what_to_write_instead() {
    let action = |lines: &str| GOOD.to_owned() + "[actions.lamps]\nabout = \"Lamps\"\n" + lines;
    let without = |line: &str| GOOD.replacen(line, "", 1);
    let cases = [
        (GOOD.replacen("about = \"A hub.\"", "about = 3", 1), "expected a string for about", "text stands in quotes: about = \"…\""),
        (GOOD.replacen("fields = [", "fields = [7, ", 1), "expected a table for client.fields", "fields = { … }"),
        (action("path = \"/x\"\nacts = \"yes\"\n"), "expected true or false", "without quotes: acts = true"),
        (action("path = \"/x\"\ncolumns = \"all\"\n"), "expected an array", "columns = [ … ]"),
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
    ];
    for (text, message, hint) in cases {
        let problems = check(&text, "hub.toml").expect_err(message);
        let told = problems.iter().find(|problem| problem.message.contains(message)).unwrap_or_else(|| panic!("{message}: {problems:#?}"));
        assert!(told.hint.as_deref().is_some_and(|found| found.contains(hint)), "{message}: {told:#?}");
    }
    // What is an argument, and what merely looks like one.
    let fine = action(
        "path = \"/x\"\nparameters = [{ name = \"room\", about = \"r\" }]\nrows = '.[] | select(.room == $args.room or .about == \"$args.nosuch\")'\n",
    );
    check(&fine, "hub.toml").unwrap_or_else(|problems| panic!("{problems:#?}"));
}
