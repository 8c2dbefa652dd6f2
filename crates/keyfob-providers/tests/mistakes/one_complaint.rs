//! One mistake is one complaint: what follows from a mistake is not told beside it, and the complaint says what to do.

use keyfob_providers::{Catalogue, check, doubts};

use super::mistakes::GOOD;

const PARAMETERS: &str =
    r#"parameters = [{ name = "id", type = "integer", min = 1, positional = true }, { name = "kinds", type = "list" }]"#;
const FIELDS: &str =
    r#"fields = [{ name = "client_id", label = "Client ID" }, { name = "api_key", label = "Key", secret = true, env = ["HUB_KEY"] }]"#;
const ATTACH: &str = r#"attach = { headers = { x-token = "{access_token}" } }"#;
const SCOPES: &str = r#"scopes = ["read"]"#;
const DROP: &str = "[actions.drop]\n";

/// What stands in the good file, what stands in its place, what is told, and what is advised.
const ALONE: &[(&str, &str, &str, &str)] = &[
    // A name that people know from elsewhere, in the place of one that is needed.
    ("title = \"Name\"", "header = \"Name\"", "the unknown key header", "did you mean \"title\"?"),
    ("value = \".name\"", "jq = \".name\"", "the unknown key jq", "did you mean \"value\"?"),
    ("authorize = ", "authorization_endpoint = ", "the unknown key authorization_endpoint", "did you mean \"authorize\"?"),
    ("token = ", "token_url = ", "the unknown key token_url", "did you mean \"token\"?"),
    ("title = \"Hub\"", "display_name = \"Hub\"", "the unknown key display_name", "did you mean \"title\"?"),
    ("about = \"A hub.\"", "description = \"A hub.\"", "the unknown key description", "did you mean \"about\"?"),
    ("checked = ", "date = ", "the unknown key date in sources", "did you mean \"checked\"?"),
    ("sources = [", "source = [", "the unknown key source", "did you mean \"sources\"?"),
    ("about = \"A hub.\"", "xyz = \"A hub.\"", "the unknown key xyz at the top", "is it \"about\"? That is missing: about = \"…\""),
    (
        "status = \"live\"",
        "status = \"retired\"\nretired = { on = 2020-01-01, reason = \"x\" }",
        "the unknown key reason",
        "did you mean \"note\"?",
    ),
    (ATTACH, "attach = { header = { x-token = \"{access_token}\" } }", "the unknown key header in api.attach", "did you mean \"headers\"?"),
    (ATTACH, "pages = { nxt = \"/next\" }", "the unknown key nxt in api.pages", "did you mean \"next\"?"),
    (ATTACH, "pages = { cursr = \"/next\", parameter = \"c\" }", "the unknown key cursr", "did you mean \"cursor\"?"),
    (ATTACH, "limits = { limits = \"x\" }", "the unknown key limits in api.limits", "did you mean \"limit\"?"),
    (DROP, "[action.me]\nabout = \"x\"\n\n[actions.drop]\n", "the unknown key action at the top", "put what is in this one there"),
    // What names something is wrong itself: not wherever the name is used.
    ("{ name = \"id\", type", "{ name = \"Id\", type", "expected a parameter's name, found \"Id\"", "a letter first"),
    ("{ name = \"id\", type", "{ type", "actions.things.parameters.name is missing", "name = \"room\""),
    ("{ name = \"id\", type", "{ nam = \"id\", type", "the unknown key nam", "did you mean \"name\"?"),
    ("positional = true }, {", "postional = true }, {", "the unknown key postional", "did you mean \"positional\"?"),
    (
        PARAMETERS,
        "parameters = { id = { type = \"integer\" } }",
        "expected an array for actions.things.parameters",
        "parameters = [{ name = ",
    ),
    (PARAMETERS, "parameters = [\"id\", \"kinds\"]", "expected a table in actions.things.parameters", "parameters = [{ name = "),
    ("{ name = \"kinds\"", "{ name = \"id\" }, { name = \"kinds\"", "the parameter id is there twice", "another name"),
    (
        "type = \"list\"",
        "type = \"list\", default = [\"T\", \"H\"]",
        "expected a string for actions.things.parameters.default",
        "default = \"T,H\"",
    ),
    ("type = \"list\"", "type = \"flags\", bits = { ON = \"1\" }", "expected a number from 1 for the bit ON, found a string", "ON = 1"),
    ("name = \"client_id\"", "name = \"clientid\"", "the field clientid of client.fields", "did you mean \"client_id\"?"),
    ("name = \"client_id\", ", "", "client.fields.name is missing", "name = "),
    ("name = \"api_key\"", "name = \"API key\"", "expected a field's name", "a letter first"),
    (FIELDS, "fields = [\"client_id\", \"api_key\"]", "expected a table in client.fields", "fields = [{ name = \"client_id\""),
    ("[client]", "[clients]", "the unknown key clients at the top", "did you mean \"client\"?"),
    // What a key says of others.
    ("kind = \"oauth2\"", "kind = \"oauth1\"", "kind is \"oauth1\", and the file has [oauth2]", "kind = \"oauth2\", or \"oidc\""),
    ("keep = [\"user_id\"]", "import = \"https://hub.example\"", "expected a table for import", "import = { … }"),
    (SCOPES, "pkce = \"plain\"\npkce_reason = \"So.\"", "expected one of s256, off for oauth2.pkce", "known: s256, off"),
    (SCOPES, "pkce = false", "expected a string for oauth2.pkce", "pkce = \"s256\"; it is one of s256, off"),
    (SCOPES, "scopes = \"read write\"", "expected an array for oauth2.scopes", "scopes = [\"read\", \"write\"]"),
    (ATTACH, "attach = \"header\"", "expected \"bearer\" or a table for api.attach", "attach = { headers = "),
    (
        ATTACH,
        "limits = { usage = \"x\", remaining = \"y\", limit = \"z\" }",
        "api.limits.usage with api.limits.remaining",
        "leave usage away",
    ),
    (ATTACH, "limits = { usage = \"x\" }", "api.limits.usage without api.limits.limit", "limit = "),
    (ATTACH, "limits = { policy = \"x\" }", "api.limits.policy without api.limits.structured", "structured = "),
    (ATTACH, "limits = { structured = \"x\", limit = \"y\" }", "api.limits.structured with api.limits.limit", "leave limit away"),
    (ATTACH, "limits = { periods = [60], reset = \"x\", reset_in = \"seconds\" }", "api.limits.periods with api.limits.reset", "leave one"),
    (ATTACH, "limits = { periods = [] }", "api.limits.periods is empty", "periods = [900, 86400]"),
    (ATTACH, "limits = { limit = \"x\", reads = {} }", "api.limits.reads names no header", "leave reads away"),
    (
        "base_url = \"https://hub.example\"",
        "base_url = \"{client_id}\"",
        "api.base_url begins with the app's field client_id",
        "https://{client_id}",
    ),
    (
        "base_url = \"https://hub.example\"",
        "base_url = \"https://<client_id>.hub.example\"",
        "expected an absolute URL",
        "in braces: {shop}",
    ),
    (DROP, "form = { a = \"{id}\" }\n\n[actions.drop]\n", "GET with a body", "method = \"POST\", and acts = true"),
    // What TOML makes of it.
    (DROP, "[actions.things]\nabout = \"x\"\npath = \"/a\"\n\n[actions.drop]\n", "the key \"things\" is there twice", "under one heading"),
    ("[deviations]", "[scopes]\nuser:read = \"x\"\n\n[deviations]", "this is no TOML", "stands in quotes: \"user:read\" = …"),
    ("[oauth2]\n", "[oauth2] client_auth = \"post\"\n", "this is no TOML", "a [section] stands on a line of its own"),
    ("rows = \".things[]\"", "rows = \"$.things[*]\"", "jq that does not parse", "JSONPath"),
    ("sources = [{ url", "sources = [{ url = \"https://hub.example\", { url", "this is no TOML: a { that nothing closes", "each { its }"),
    ("scopes = [\"read\"]", "scopes = [\"read\"", "this is no TOML: a [ that nothing closes", "each [ has its ]"),
    ("label = \"Key\"", "label = \"Key\", pattern = \"\\d+\"", "this is no TOML", "single quotes"),
    ("status = \"live\"", "status: \"live\"", "this is no TOML", "= stands between"),
    ("acts = true", "acts = True", "this is no TOML", "small letters"),
    ("title = \"Hub\"", "title = \"Hub\"\ntitle = \"Hubs\"", "the key \"title\" is there twice", "leave one of the two away"),
    // A list, and the text that was meant.
    ("values = [3]", "contains = \"does not exist\"", "expected an array for api.expired.contains", "contains = [\"does not exist\"]"),
    ("status = [401]", "status = \"401, 403\"", "expected an array for api.expired.status", "status = [401, 403]"),
    (SCOPES, "scopes = \"user's thing\"", "expected an array for oauth2.scopes", "[\"user's\", \"thing\"]"),
    (SCOPES, "client_secret_type = \"post\"", "the unknown key client_secret_type in oauth2", "docs/provider-files.md"),
    // What other programs call it.
    ("authorize = ", "authUrl = ", "the unknown key authUrl", "did you mean \"authorize\"?"),
    (SCOPES, "response_mode = \"query\"", "the unknown key response_mode", "authorize_params = { response_mode = "),
    (SCOPES, "use_pkce = true", "the unknown key use_pkce", "did you mean \"pkce\"?"),
    (SCOPES, "pkce = \"none\"", "expected one of s256, off", "did you mean \"off\"?"),
    ("type = \"list\"", "type = \"array\"", "expected one of text, integer", "did you mean \"list\"?"),
    ("name = \"client_id\"", "name = \"consumer_key\"", "the field consumer_key of client.fields", "did you mean \"client_id\"?"),
    ("kind = \"oauth2\"", "kind = 2", "expected a string for kind", "kind = \"oauth1\"; it is one of oauth1, oauth2, oidc"),
    // What is sent as it is, and was meant otherwise.
    ("/authorize\"", "/authorize?response_type=code&scope=read\"", "response_type in the query of endpoints.authorize", "leave it away"),
    ("/token\"", "/token?client_id=abc\"", "client_id in the query of endpoints.token", "leave it away"),
    (SCOPES, "authorize_params = { audience = \"{client_id}\" }", "a place in oauth2.authorize_params", "say what is sent"),
    ("method = \"DELETE\"", "method = \"PSOT\"\njson = { a = 1 }", "expected one of GET", "POST"),
    (ATTACH, "limits = { policy = 3 }", "expected a string for api.limits.policy", "ratelimit-policy"),
    (
        ATTACH,
        "attach = { query = \"t\", headers = { x-t = \"{access_token}\" } }",
        "expected one of query, body and headers",
        "all but one",
    ),
    (SCOPES, "tokens_at = \"data\"", "expected a JSON pointer", "such as /error/code"),
    (SCOPES, "scope_separator = \"comma\"", "expected what stands between scopes", "scope_separator = \",\""),
    (
        "[client]",
        "issuer = \"https://hub.example/.well-known/openid-configuration\"\n\n[client]",
        "endpoints.issuer is the address of",
        "/.well-known",
    ),
    ("base_url = \"https://hub.example\"", "base_url = \"https://hub.example/:version\"", "a name behind a colon", "{name}"),
    (
        "path = \"/things/{id}\"\nparameters = [{ name = \"id\", type",
        "path = \"/things/{{id}}\"\nparameters = [{ name = \"id\", type",
        "braces that are written twice",
        "{name}",
    ),
    ("value = \".name\"", "value = \"{name}\"", "expected jq, found the place {name}", ".name"),
    ("value = \".name\"", "value = \".last-name\"", "jq with name", ".\"last-name\""),
    ("value = \".name\"", "value = \".@id\"", "jq that does not parse", ".\"@id\""),
    ("[\"user_id\"]", "[\"/user/id\"]", "expected the name of a value", "no path"),
    (ATTACH, "attach = { query = \"{access_token}\" }", "expected the name of a parameter in api.attach", "the name alone"),
    (ATTACH, "attach = { headers = \"x-token\" }", "expected a table for api.attach.headers", ""),
    (ATTACH, "limits = [\"x-left\"]", "expected a table for api.limits", ""),
    (ATTACH, "limits = { limit = 5000 }", "expected a string for api.limits.limit", "limit = \"x-ratelimit-limit\""),
    (ATTACH, "more_origins = [\"https://*.hub.example\"]", "a * in api.more_origins", "name each"),
    (ATTACH, "batch = { calls = [\"POST /{version}/$batch\"] }", "expected a call such as", "* is one segment"),
    (ATTACH, "batch = { calls = [\"POST /v1/$batch?x=1\"] }", "expected a call such as", "without query"),
    ("headers = { x-key = \"{api_key}\" }", "headers = { x-key = \"a\\nb {api_key}\" }", "a control character in the header", "one line"),
    (DROP, "headers = { Authorization = \"Bearer {access_token}\" }\n\n[actions.drop]\n", "the header authorization", "attach"),
    (
        "headers = { x-key = \"{api_key}\" }",
        "headers = { x-key = \"{api_key}\", authorization = \"Bearer {access_token}\" }",
        "a template with the unknown name {access_token}",
        "attach",
    ),
    ("label = \"Key\"", "label = \"Key\", pattern = \"/^[a-z]+$/\"", "a pattern between slashes", "leave the two slashes away"),
    (
        "[actions.drop]\nabout = \"Drop a thing\"",
        "[actions]\nabout = \"x\"\n\n[actions.drop]\nabout = \"Drop a thing\"",
        "expected a table for actions.about",
        "[actions.me]",
    ),
];

#[test]
fn what_follows_from_a_mistake_is_not_told_beside_it() {
    let mut wrong = Vec::new();
    for (from, to, message, hint) in ALONE {
        assert!(GOOD.contains(from), "{from}");
        let text = GOOD.replacen(from, to, 1);
        let told = check(&text, "hub.toml").map(|_| ()).err().unwrap_or_default();
        let doubted = doubts(&text, "hub.toml", "2026-11-29", |_| false, Catalogue::embedded().names());
        let is_told = told
            .iter()
            .all(|problem| problem.message.starts_with(message) && problem.hint.as_ref().is_some_and(|advice| advice.contains(hint)));
        if told.len() != 1 || !doubted.is_empty() || !is_told {
            wrong.push(format!("{to}: {told:#?} {doubted:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), ALONE.len(), wrong.join("\n"));
}

/// What looks like a mistake, and is none.
#[test]
fn what_is_meant_as_it_is_passes() {
    for (from, to) in [
        (SCOPES, "authorize_params = { claims = '{\"userinfo\":{\"email\":null}}' }"),
        (SCOPES, "response_type = false\n#"),
        ("label = \"Key\"", "label = \"Key\", pattern = \"/[a-z]+/\""),
        ("headers = { x-key = \"{api_key}\" }", "headers = { x-key = \"a\\tb {api_key}\" }"),
        ("value = \".name\"", "value = \".a[] as $index | $index\""),
        ("value = \".name\"", "value = \".a as $indexes | $indexes\""),
        ("value = \".name\"", "value = \".name // \\\"none\\\"\""),
        ("acts = true", "acts = true\njson = \"{id}\""),
    ] {
        assert!(GOOD.contains(from), "{from}");
        let mut text = GOOD.replacen(from, to, 1);
        if to.starts_with("response_type") {
            text = text.replacen("/authorize\"", "/authorize?response_type=code\"", 1);
        }
        assert!(check(&text, "hub.toml").is_ok(), "{to}: {:#?}", check(&text, "hub.toml"));
    }
}

/// A file may be as large as one can be, and broken from end to end.
#[test]
fn a_hostile_file_is_looked_at_in_no_time() {
    let actions: String = (0..300).map(|at| format!("[actions.{}-{at:04}]\nabout = \"x\"\npath = \"/x\"\n", "a".repeat(50))).collect();
    assert!(check(&format!("{GOOD}{actions}"), "hub.toml").is_ok());
    let twice = "a=1\n".repeat(20_000);
    assert!(check(&twice, "hub.toml").is_err_and(|problems| problems.len() <= 50));
}

/// A field with which all addresses went is missing once, and not at each of them.
#[test]
fn what_a_file_takes_from_the_one_below_is_told_once() {
    let told =
        check("[client]\nfields = [{ name = \"client_id\", label = \"Client ID\" }]\n", "gitlab.toml").map(|_| ()).expect_err("no host");
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(told[0].message.starts_with("a template with the unknown name {host}: that comes of laying this file over"), "{told:#?}");
}

#[test]
fn an_address_has_what_fills_it() {
    let with = |field: &str| {
        let text = GOOD.replacen("https://hub.example/token", "https://{shop}.hub.example/token", 1);
        text.replacen("fields = [", &format!("fields = [{{ name = \"shop\", label = \"Shop\"{field} }}, "), 1)
    };
    let told = check(&with(", required = false"), "hub.toml").map(|_| ()).expect_err("nothing fills it");
    assert!(told.len() == 1 && told[0].message.starts_with("required = false for the field shop, which an address"), "{told:#?}");
    for sound in ["", ", default = \"main\"", ", required = true"] {
        assert!(check(&with(sound), "hub.toml").is_ok(), "{sound}: {:?}", check(&with(sound), "hub.toml"));
    }
    // A secret in every address is one mistake, too.
    let secret = GOOD.replace("https://hub.example/", "https://{api_key}.hub.example/");
    let told = check(&secret, "hub.toml").map(|_| ()).expect_err("a secret in a host");
    assert!(told.len() == 1 && told[0].message == "the secret api_key in a host name", "{told:#?}");
}
