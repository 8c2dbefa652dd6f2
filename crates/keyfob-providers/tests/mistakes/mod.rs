//! Mistakes that contributors make in a file: each of a good one with one text replaced by another. What is wrong with it is told by `check`, and by the
//! published JSON Schema where one can say it (`interop/tests/provider_schema.rs`).

/// A file that is good, with numbered lines for what follows.
pub(crate) const GOOD: &str = r#"title = "Hub"
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
pub(crate) const API: &str = "base_url = \"https://hub.example\"";

/// A text, what stands in its place, where the complaint points, what it says, and what its hint says.
pub(crate) const MISTAKES: &[(&str, &str, &str, &str, &str)] = &[
    ("title =", "titel =", "titel", "the unknown key titel", "did you mean \"title\"?"),
    ("scopes = [\"read\"]", "scope = [\"read\"]", "scope =", "the unknown key scope in oauth2", "did you mean \"scopes\"?"),
    (
        "kind = \"oauth2\"",
        "kind = \"oauth3\"",
        "\"oauth3\"",
        "expected one of oauth1, oauth2, oidc for kind, found \"oauth3\"",
        "did you mean \"oauth1\" or \"oauth2\"?",
    ),
    ("about = \"A hub.\"", "about = 3", "3\n", "expected a string for about, found a whole number", ""),
    ("status = \"live\"", "status = \"retired\"", "\"retired\"", "retired is missing", "below it on = 2020-01-31"),
    ("2026-11-21", "\"2026-11-21\"", "\"2026-11-21\"", "expected a date", ""),
    (
        "\"verified\"",
        "\"verifed\"",
        "\"verifed\"",
        "expected one of verified, inferred, assumed for sources.confidence",
        "did you mean \"verified\"?",
    ),
    (
        "\"https://hub.example/token\"",
        "\"http://hub.example/token\"",
        "\"http://hub.example/token\"",
        "expected an absolute URL of https",
        "127.0.0.1",
    ),
    (
        "base_url = \"https://hub.example\"",
        "base_url = \"http://localhost.evil.example\"",
        "\"http://localhost",
        "expected an absolute URL of https",
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
    ("scopes = [\"read\"]", "renewal = { grant_type = \"hub_refresh\" }", "renewal = {", "oauth2.renewal without endpoints.refresh", ""),
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
        "expected one of basic, basic-empty, basic-raw, basic-secret, post, signed-secret",
        "did you mean \"private_key_jwt\"?",
    ),
    (
        "[client]\n",
        "par = \"http://hub.example/par\"\n\n[client]\n",
        "\"http://hub.example/par\"",
        "expected an absolute URL of https",
        "127.0.0.1",
    ),
    (
        "[client]\n",
        "issuer = \"https://hub.example?x=1\"\n\n[client]\n",
        "\"https://hub.example?x=1\"",
        "endpoints.issuer with a query",
        "",
    ),
    ("scopes = [\"read\"]", "id_token_algorithms = [\"none\"]", "\"none\"", "expected one of HS256", ""),
    (
        "scopes = [\"read\"]",
        "id_token_algorithms = [\"RS256\", \"HS256\"]",
        "[\"RS256\"",
        "HS256 beside other algorithms",
        "name it alone, [\"HS256\"]",
    ),
    ("scopes = [\"read\"]", "trusted_audiences = [\"{projct}\"]", "{projct}", "the unknown name {projct}", ""),
    (
        "scopes = [\"read\"]",
        "trusted_audiences = \"project-1\"",
        "\"project-1\"",
        "expected an array for oauth2.trusted_audiences",
        "[\"project-1\"]",
    ),
    (
        "scopes = [\"read\"]",
        "assertion_audience = \"urn:hub\"",
        "\"urn:hub\"",
        "oauth2.assertion_audience without client_auth by an assertion",
        "",
    ),
    ("client_auth = \"post\"\n", "", "[oauth2]", "oauth2.client_auth is missing", ""),
    ("scopes = [\"read\"]", "pkce = \"off\"", "\"off\"", "oauth2.pkce_reason is missing", "not documented"),
    (
        "name = \"client_id\", ",
        "name = \"client_id\", label = \"ID\" }, { name = \"private_key\", ",
        "{ name = \"private_key\"",
        "private_key without secret = true",
        "",
    ),
    ("scopes = [\"read\"]", "dpop = \"yes\"", "\"yes\"", "expected true or false for oauth2.dpop", ""),
    ("name = \"client_id\"", "name = \"client\"", "\"client\"", "the field client of client.fields", "did you mean \"client_id\"?"),
    ("name = \"client_id\"", "name = \"user\"", "[client]", "client.fields has no field client_id", ""),
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
    ("scopes = [\"read\"]", "revocation_body = \"query\"", "\"query\"", "expected one of form, json, by-kind", ""),
    (
        "scopes = [\"read\"]",
        "revocation_body = \"by-kind\"",
        "\"by-kind\"",
        "oauth2.revocation_body without endpoints.revoke",
        "leave oauth2.revocation_body away",
    ),
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
    (API, "base_url = \"https://hub.example\"\nlimits = { reset = \"x-reset\" }", "\"x-reset\"", "api.limits.reset_in is missing", ""),
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
    (
        API,
        "revoked = [{ status = [401] }]\nbase_url = \"https://hub.example\"",
        "{ status = [401] }",
        "no word of the provider's about the token",
        "values, or contains",
    ),
    (
        API,
        "revoked = [{ status = [401], pointer = \"/error\" }]\nbase_url = \"https://hub.example\"",
        "{ status = [401], pointer = \"/error\" }",
        "no word of the provider's about the token",
        "values, or contains",
    ),
    (
        "client_auth = \"post\"",
        "client_auth = \"post\"\ngrant_ended = [{ status = [400] }]",
        "{ status = [400] }",
        "oauth2.grant_ended has a status, and no word of the provider's about the token",
        "values, or contains",
    ),
    (
        API,
        "failed = [{ status = [200], contains = [\"\"] }]\nbase_url = \"https://hub.example\"",
        "\"\"",
        "an empty text in api.failed.contains",
        "words of the provider's",
    ),
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
    (API, "base_url = \"https://hub.example\"\npages = { cursor = \"/next\" }", "\"/next\"", "api.pages.parameter is missing", ""),
    (
        API,
        "base_url = \"https://hub.example\"\npages = { next = \"/next\", cursor = \"/c\" }",
        "\"/c\"",
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
    ("acts = true\n", "", "\"DELETE\"", "DELETE without acts", "acts = true"),
    ("acts = true\n", "acts = \"yes\"\n", "\"yes\"", "expected true or false", ""),
    ("method = \"DELETE\"", "method = \"REMOVE\"", "\"REMOVE\"", "expected one of GET", ""),
    ("title = \"Hub\"", "title = \"Hub", "\nkind", "this is no TOML", "has no end"),
    (
        "keep = [",
        "origins = { \"https://a.example/x\" = \"http://127.0.0.1:1\" }\nkeep = [",
        "\"https://a.example/x\"",
        "expected an origin",
        "",
    ),
    ("missing-token-type", "no-verifier", "\"The answers", "the deviation no-verifier is one of OAuth 1", "leave it away"),
    ("missing-token-type", "own-error", "\"The answers", "the deviation own-error without oauth2.token_error", "[oauth2] token_error = {"),
    ("keep = [", "origins = { \"*\" = \"http://far.example\" }\nkeep = [", "\"http://far", "expected an absolute URL of https", ""),
    // What is kept is shown.
    ("[\"user_id\"]", "[\"access_token\"]", "\"access_token\"]", "access_token in keep", "what is kept is shown in clear"),
    ("[\"user_id\"]", "[\"oauth_token_secret\"]", "\"oauth_token_secret\"]", "oauth_token_secret in keep", "leave it away"),
    ("[\"user_id\"]", "[\"api_key\"]", "\"api_key\"]", "api_key in keep, and a field of client.fields", "leave one of the two away"),
    (
        "name = \"client_id\", ",
        "name = \"client_id\", label = \"ID\" }, { name = \"client_secret\", ",
        "{ name = \"client_secret\"",
        "client_secret without secret = true",
        "typed unseen",
    ),
    (API, "base_url = \"https://hub.example/?v=1\"", "\"https://hub.example/?v=1\"", "api.base_url with a query", "query = {"),
    (
        "kind = \"oauth2\"",
        "kind = \"oauth2\"\nhomepage = \"javascript:alert(1)\"",
        "\"javascript:",
        "expected a web address for homepage",
        "https://",
    ),
    (
        "[client]\n",
        "[client]\nregister_url = \"hub.example/apps\"\n",
        "\"hub.example/apps\"",
        "expected a web address for client.register_url",
        "https://",
    ),
    ("https://hub.example/docs", "file:///docs", "\"file:", "expected a web address for sources.url", "https://"),
    (
        "scopes = [\"read\"]",
        "authorize_params = { client_id = \"x\" }",
        "client_id = \"x\"",
        "client_id in oauth2.authorize_params",
        "leave it away",
    ),
    ("scopes = [\"read\"]", "authorize_params = { state = \"x\" }", "state = \"x\"", "state in oauth2.authorize_params", "leave it away"),
    (
        "scopes = [\"read\"]",
        "parameter_names = { client_id = \"app\" }\nauthorize_params = { app = \"x\" }",
        "app = \"x\"",
        "app in oauth2.authorize_params",
        "leave it away",
    ),
    (
        "scopes = [\"read\"]",
        "token_params = { client_secret = \"x\" }",
        "client_secret = \"x\"",
        "client_secret in oauth2.token_params",
        "leave it away",
    ),
    ("scopes = [\"read\"]", "scope_separator = \"\"", "\"\"", "oauth2.scope_separator is empty", "a space"),
    (
        "status = [401], pointer = \"/code\", values = [3]",
        "status = [200]",
        "{ status = [200]",
        "a status of success (200) and no pointer",
        "pointer",
    ),
    (
        "name = \"client_id\", ",
        "name = \"client_id\", label = \"ID\" }, { name = \"Api Key\", ",
        "\"Api Key\"",
        "expected a field's name",
        "a letter first",
    ),
    (
        "name = \"client_id\", ",
        "name = \"client_id\", label = \"ID\" }, { name = \"refresh_token\", ",
        "\"refresh_token\"",
        "the field refresh_token",
        "another name",
    ),
    ("title = \"Hub\"", "name = \"4hub\"\ntitle = \"Hub\"", "\"4hub\"", "expected a name", "a letter first"),
    // Where it belongs, and what a line could be.
    (
        "scopes = [\"read\"]",
        "base_url = \"https://hub.example\"",
        "base_url",
        "the unknown key base_url in oauth2",
        "it belongs into [api]",
    ),
    (
        "token = \"https://hub.example/token\"\n",
        "token = \"https://hub.example/token\"\nclient_auth = \"post\"\n",
        "client_auth",
        "the unknown key client_auth in endpoints",
        "it belongs into [oauth2]",
    ),
    ("status = [401], pointer", "pointer", "{ pointer", "api.expired.status is missing", "status = [401]"),
    ("\"https://hub.example/token\"", "\"wss://hub.example/token\"", "\"wss:", "found a URL of the scheme wss", "no other scheme"),
    (
        "\"https://hub.example/token\"",
        "\"https://hub.example:99999/token\"",
        "\"https://hub.example:9",
        "expected an absolute URL of https",
        "https://",
    ),
    ("\"https://hub.example/token\"", "\"https://höb.example/token\"", "\"https://h\u{f6}b", "expected an absolute URL of https", "xn--"),
    (
        "{ x-token = \"{access_token}\" }",
        "{ x-token = \"x\" }",
        "attach = { headers = { x-token",
        "api.attach.headers without {access_token}",
        "{access_token}",
    ),
    (
        "[oauth2]\n",
        "[client.redirect]\nsuggested = [\"http://hub.example/callback\"]\n\n[oauth2]\n",
        "\"http://hub.example/callback\"",
        "expected a redirect URI",
        "http://127.0.0.1",
    ),
    ("label = \"Key\",", "label = \"Key\", pattern = \"[a-z\",", "\"[a-z\"", "a pattern that is no regular expression", "[a-z0-9]+"),
    (
        "parameters = [{ name = \"id\", positional = true }]",
        "parameters = [{ name = \"id\", required = true, default = \"1\" }]",
        "{ name = \"id\", required",
        "required and has a default",
        "leave one of the two away",
    ),
    // No TOML.
    ("status = \"live\"", "status == \"live\"", "= \"live\"", "this is no TOML", "one ="),
    ("status = \"live\"", "status = \u{201c}live\u{201d}", "\u{201c}live", "this is no TOML", "straight quotes"),
    ("checked = 2026-11-21", "checked = 21.11.2026", ".2026,", "this is no TOML", "2026-11-21"),
    ("status = \"live\"", "status = live", "live\n", "this is no TOML", "in quotes"),
    // What needs the app's own key, and where no secret stands.
    (
        "client_auth = \"post\"",
        "client_auth = \"signed-secret\"\nsigned_secret = { issuer = \"t\", audience = \"https://hub.example\" }",
        "\"signed-secret\"",
        "client.fields has no field private_key",
        "{ name = \"private_key\", label = \"…\", secret = true }",
    ),
    (API, "base_url = \"https://{api_key}.hub.example\"", "\"https://{api_key}", "the secret api_key in a host name", "name servers"),
    (
        "\"https://hub.example/token\"",
        "\"https://{api_key}.hub.example/token\"",
        "\"https://{api_key}",
        "the secret api_key in a host name",
        "name servers",
    ),
    ("min = 1", "min = 255, max = 0", "255", "min is 255, and max is 0", "min = 0, max = 255"),
    ("about = \"all\"", "about = \"\"", "\"\" }]", "sources.about is empty", "a sentence"),
    // One mistake, one complaint; and a hint that helps.
    ("status = [401], pointer", "status = \"401\", pointer", "\"401\"", "expected an array for api.expired.status", "status = [401]"),
    ("scopes = [\"read\"]", "scopes = [\"read\", 5]", "5]", "expected a string for oauth2.scopes", "scopes = [\"5\"]"),
    ("scopes = [\"read\"]", "default_lifetime = -5", "-5", "a whole number from 1 to 4294967295", "default_lifetime = …"),
    ("scopes = [\"read\"]", "rotates = 1", "1\n", "expected true or false for oauth2.rotates, found a whole number", "rotates = true"),
    (
        "\"https://hub.example/token\"",
        "\"https://hub.example/token#x\"",
        "\"https://hub.example/token#",
        "a URL with a fragment",
        "leave the # and what comes after it away",
    ),
    (
        "status = \"live\"",
        "status = \"retired\"\nretired_on = 2026-11-21",
        "retired_on",
        "the unknown key retired_on at the top",
        "into [retired], as on =",
    ),
    (
        "[api]\n",
        "[oauth1]\nsignature = \"HMAC-SHA1\"\n\n[api]\n",
        "oauth1]",
        "the unknown key oauth1 at the top",
        "leave it away: it is for another kind",
    ),
    (
        "client_auth = \"post\"",
        "client_auth = \"post\"\nclient_autth = \"post\"",
        "client_autth",
        "the unknown key client_autth in oauth2",
        "\"client_auth\" is there already: leave this one away",
    ),
    // Sentences for people are text.
    (
        "client_auth = \"post\"",
        "client_auth = \"post\"\nparameter_names = { scope = 3 }",
        "3 }",
        "expected a string for oauth2.parameter_names.scope",
        "scope = \"3\"",
    ),
    (
        "scopes = [\"read\"]",
        "scopes = [\"read\"]\n\n[scopes]\nread = true",
        "true\n",
        "expected a string for scopes.read",
        "read = \"true\"",
    ),
    ("status = \"live\"", "status = \"live\"\norigins = { \"*\" = 8902 }", "8902", "expected a string for origins.*", "in quotes"),
    // What is where nothing is said.
    ("label = \"Client ID\"", "label = \"Client ID\", default = \"x\"", "\"x\"", "the field client_id with a default", "each app's own"),
    (
        "fields = [",
        "fields = [{ name = \"shop\", label = \"Shop\", default = \"a\", required = true }, ",
        "\"a\"",
        "the field shop is required, and has a default",
        "leave one of the two away",
    ),
    (
        "fields = [",
        "fields = [{ name = \"shop\", label = \"Shop\", default = \"A\", pattern = \"[a-z]+\" }, ",
        "\"A\"",
        "the default of shop",
        "as any other value",
    ),
    // Where it is.
    (
        "sources = [{ url = \"https://hub.example/docs\", checked = 2026-11-21, confidence = \"verified\", about = \"all\" }]",
        "sources = []",
        "[]",
        "sources is empty",
        "sources = [{ url",
    ),
    // A list of tables.
    ("fields = [", "fields = [7, ", "7,", "expected a table in client.fields, found a whole number", "; or a heading [[client.fields]]"),
    (
        "acts = true\npath = \"/things/{id}\"\n",
        "acts = true\n",
        "drop]",
        "actions.drop.path is missing",
        "path = \"/lamps/{id}\", for example",
    ),
    // What is sound TOML of the right type, and says nothing that can be done.
    ("scopes = [\"read\"]", "scopes = [\"read write\"]", "\"read write\"", "expected the name of a scope", "two scopes are two texts"),
    ("scopes = [\"read\"]", "pkce_reason = \"So.\"", "\"So.\"", "oauth2.pkce_reason, and nothing says", "pkce = \"off\""),
    (
        API,
        "base_url = \"https://hub.example\"\nmore_origins = [\"https://files.hub.example/a\"]",
        "\"https://files",
        "expected an origin",
        "\"https://files.hub.example\"",
    ),
    (API, "base_url = \"{client_id}\"", "\"{client_id}\"", "api.base_url begins with the app's field", "https://{client_id}"),
    (API, "base_url = \"https://${client_id}.hub.example\"", "${client_id}", "a $ in front of a place", "{name}"),
    ("type = \"list\"", "type = \"list\", min = 1", "min = 1 }", "min of a parameter whose type is list", "type = \"integer\""),
    ("min = 1", "min = 1, pattern = \"a\"", "pattern", "pattern of a parameter whose type is integer", "type = \"text\""),
    ("{ title = \"Name\",", "{ title = \"Name\", units = { a = \"C\" },", "units", "units of a column that is not there", "each = "),
    ("value = \".name\"", "value = \".name[$index]\"", "\".name[$index]\"", "$index in a column", "each = "),
    ("value = \".name\"", "value = \".name\", axis = \"x\"", "\"x\"", "with axis = \"x\", and none with axis = \"y\"", "axis = \"y\""),
    (
        "{ each = ",
        "{ title = \"Name\", value = \".id\" }, { each = ",
        "\"Name\", value = \".id\"",
        "two columns of actions.things have the title \"Name\"",
        "another title",
    ),
    (
        "{ each = ",
        "{ each = \"kinds\", value = \".more[$index]\" }, { each = ",
        "\"kinds\", value = \".values",
        "two columns of actions.things for each of kinds",
        "another title",
    ),
    (
        "{ each = ",
        "{ title = \"T\", value = \".t\" }, { units = { T = \"C\" }, each = ",
        "\"kinds\", value",
        "have the title \"T\"",
        "another title",
    ),
    (
        "{ each = ",
        "{ title = \"A\", value = \".a\", axis = \"x\" }, { title = \"B\", value = \".b\", axis = \"x\" }, { axis = \"y\", each = ",
        "\"x\" }, { axis",
        "two columns of actions.things with axis = \"x\"",
        "leave axis away",
    ),
    ("rows = ", "headers = { Authorization = \"x\" }\nrows = ", "Authorization", "the header authorization in", "leave it away"),
];
