//! Everything of a file but its actions.

use super::Holds::{
    Attach, Base, Date, Deviations, Endpoints, Flag, Named, NamedTexts, OneOf, Pairs, PairsOf, Pointer, Pointers, SomeOf, Statuses, Table,
    Tables, Template, Text, Texts, Url, Urls, Values, Whole, Wholes,
};
use super::{Section, actions, key};

pub(super) const TOP: Section = Section {
    path: "",
    heading: "At the top",
    about: "What the provider is, and where the facts about it come from. A file *without* `kind` changes members of the embedded provider of its name, and needs nothing else; what says one of several ways (`attach`, `pages` and `limits` of `[api]`) it replaces as a whole. A file with `status = \"retired\"`, no `kind` and no `[endpoints]`, of a name that no other file has, is of a provider that has ended: `title`, `about`, `homepage`, `sources` and `[retired]` are all there is of it.",
    keys: &[
        key("name", Text, "What is typed: a letter first, then a-z, 0-9, `-` and `_`", "\"my-hub\"").or("the file's name"),
        key("title", Text, "Its name as people write it", "\"My hub\"").needed(),
        key(
            "kind",
            OneOf(&["oauth1", "oauth2", "oidc"]),
            "Which protocol it speaks; `oidc`: its issuer says where its endpoints are (OpenID Connect Discovery), and this file the rest",
            "\"oauth2\"",
        )
        .needed(),
        key("status", OneOf(&["live", "sandbox", "retired"]), "Whether it is there", "\"live\"").needed(),
        key("retired", Table(&RETIRED), "Since when it is not, and what took its place; needed with `status = \"retired\"`", ""),
        key("homepage", Text, "Its web page", "\"https://hub.example\""),
        key("about", Text, "What it is, in a sentence", "\"A hub for lamps.\"").needed(),
        key("sources", Tables(&SOURCES), "The pages that the facts are from", "").needed(),
        key(
            "independent_client",
            Text,
            "A client that others wrote and that gets through at an imitation made of this file",
            "\"requests-oauthlib\"",
        ),
        key(
            "verified",
            Date,
            "When somebody walked the real provider with their own app and account (`keyfob provider verify NAME --live`)",
            "2026-11-26",
        ),
        key(
            "keep",
            Texts,
            "Members of the token answer and parameters of the callback to keep with the account; each is a name for the templates of `[api]` (but `more_origins`) and of actions from then on. They are shown in clear: no token, code or secret is among them, and no field of `client.fields`",
            "[\"user_id\"]",
        ),
        key(
            "endpoints",
            Endpoints,
            "Where requests go; needed but with `oauth1.one_legged`, and with `[import]` under `kind = \"oauth1\"`",
            "",
        ),
        key("client", Table(&CLIENT), "What a person registers", "").needed(),
        key("import", Table(&IMPORT), "Where tokens are made, at a provider that people are not sent to", ""),
        key("oauth1", Table(&OAUTH1), "Habits under `kind = \"oauth1\"`, which needs it", ""),
        key("oauth2", Table(&OAUTH2), "Habits under the other kinds; `oauth2` needs it", ""),
        key("api", Table(&API), "Where the API is, and how a call carries the token", "").needed(),
        key("scopes", NamedTexts, "Scopes that people ask for, each with what it allows", "{ read = \"see the lamps\" }"),
        key(
            "deviations",
            Deviations,
            "What is tolerated, by the names of [deviations.md](deviations.md), each with its reason",
            "{ missing-token-type = \"Its answers have none.\" }",
        ),
        key(
            "origins",
            NamedTexts,
            "Origins in place of others; `\"*\"` moves everything: how a file points at the sandbox",
            "{ \"*\" = \"http://127.0.0.1:8902\" }",
        ),
        key("actions", Named(&actions::ACTION), "What it can be asked for by name", ""),
    ],
};

pub(super) const RETIRED: Section = Section {
    path: "retired",
    heading: "[retired]",
    about: "Beside `status = \"retired\"`.",
    keys: &[
        key("on", Date, "The day of its end", "2020-01-31").needed(),
        key("successor", Text, "What took its place: a provider's name, or a page", "\"fitbit\""),
        key("note", Text, "What a person should know about it", "\"New apps are not taken any more.\"").needed(),
    ],
};

pub(super) const SOURCES: Section = Section {
    path: "sources",
    heading: "[[sources]]",
    about: "Every fact has a page that it is from, or where it would stand, and how sure it is.",
    keys: &[
        key("url", Text, "The page", "\"https://hub.example/docs\"").needed(),
        key("checked", Date, "When it was read; with `assumed`, when the fact was written down", "2026-11-21").needed(),
        key("confidence", OneOf(&["verified", "inferred", "assumed"]), "`verified`: the page, or an independent client's code, says so; `inferred`: it follows from something that was seen; `assumed`: the page was not read: as generally known, or chosen because nothing was found", "\"verified\"").needed(),
        key("about", Text, "Which facts", "\"endpoints, scopes\""),
    ],
};

pub(super) const ENDPOINTS: &[(&str, &Section)] =
    &[("oauth1", &ENDPOINTS_OAUTH1), ("oauth2", &ENDPOINTS_OAUTH2), ("oidc", &ENDPOINTS_OIDC)];

const ENDPOINTS_OAUTH1: Section = Section {
    path: "endpoints",
    heading: "[endpoints] of kind oauth1",
    about: "The three of RFC 5849 §2.",
    keys: &[
        key("request_token", Url, "Temporary credentials", "\"https://hub.example/request_token\"").needed(),
        key("authorize", Url, "Where the person approves", "\"https://hub.example/authorize\"").needed(),
        key("token", Url, "Token credentials", "\"https://hub.example/access_token\"").needed(),
    ],
};

const ENDPOINTS_OAUTH2: Section = Section {
    path: "endpoints",
    heading: "[endpoints] of kind oauth2",
    about: "https, or http on this machine (127.0.0.1, [::1], localhost); templates over the app's fields.",
    keys: &[
        key(
            "authorize",
            Url,
            "Where the person approves (RFC 6749 §3.1); needed but with `[import]`, and where people can only enter a code (`client.redirect.device_only` with `device`)",
            "\"https://{shop}.hub.example/authorize\"",
        ),
        key("token", Url, "Where tokens come from (RFC 6749 §3.2)", "\"https://hub.example/token\"").needed(),
        key("refresh", Url, "Where new tokens come from, where that is elsewhere", "\"https://hub.example/refresh\"").or("`token`"),
        key("revoke", Url, "Where tokens are given back (RFC 7009)", "\"https://hub.example/revoke\""),
        key("issuer", Url, "Whom the tokens are from, byte for byte as it calls itself (RFC 8414)", "\"https://hub.example\""),
        key("jwks", Url, "The issuer's keys: with them ID tokens are verified at login; needs `issuer`", "\"https://hub.example/keys\""),
        key("device", Url, "Login on another device (RFC 8628)", "\"https://hub.example/device\""),
        key("par", Url, "Pushed requests (RFC 9126): where it is there, requests are pushed", "\"https://hub.example/par\""),
        key("userinfo", Url, "More about the person (OpenID Connect)", "\"https://hub.example/userinfo\""),
        key("end_session", Url, "Logging out there (OpenID Connect)", "\"https://hub.example/logout\""),
    ],
};

const ENDPOINTS_OIDC: Section = Section {
    path: "endpoints",
    heading: "[endpoints] of kind oidc",
    about: "`authorize` and `token` are the issuer's to say; of the others, what stands here counts.",
    keys: &[
        key("issuer", Url, "Whom to ask, byte for byte as it calls itself", "\"https://{tenant}.hub.example\"").needed(),
        key("refresh", Url, "Where new tokens come from, where that is elsewhere", "\"https://hub.example/refresh\""),
        key("revoke", Url, "Where tokens are given back (RFC 7009)", "\"https://hub.example/revoke\""),
        key("jwks", Url, "The issuer's keys", "\"https://hub.example/keys\""),
        key("device", Url, "Login on another device (RFC 8628)", "\"https://hub.example/device\""),
        key("par", Url, "Pushed requests (RFC 9126)", "\"https://hub.example/par\""),
        key("userinfo", Url, "More about the person", "\"https://hub.example/userinfo\""),
        key("end_session", Url, "Logging out there", "\"https://hub.example/logout\""),
    ],
};

pub(super) const CLIENT: Section = Section {
    path: "client",
    heading: "[client]",
    about: "What a person needs in order to register an app.",
    keys: &[
        key("register_url", Text, "Where apps are registered", "\"https://hub.example/apps\""),
        key("register_help", Text, "What to do there, in the words of that page", "\"Create an app; its page shows both.\""),
        key("fields", Tables(&FIELDS), "What to copy from there; one of them is `client_id`", "").needed(),
        key("redirect", Table(&REDIRECT), "What to enter there as the redirect URI", ""),
        key(
            "token_env",
            Text,
            "The variable in which the provider's own programs look for a token: `keyfob exec` and `env` set it, too",
            "\"GH_TOKEN\"",
        ),
    ],
};

pub(super) const FIELDS: Section = Section {
    path: "client.fields",
    heading: "[[client.fields]]",
    about: "`client_id`, `client_secret` and `redirect_uri` are those of OAuth (`client_secret` with `secret = true`); `private_key` (PEM, or a JWK on one line; `secret = true`) and `private_key_id` (`kid`) the app's own key; `scope` the scopes to ask for. Any other name is the provider's own, and a name for templates: the prompt of `{shop}`.",
    keys: &[
        key("name", Text, "Its name in this file", "\"shop\"").needed(),
        key("label", Text, "What the provider's page calls it", "\"Shop\"").needed(),
        key("help", Text, "Where to find it", "\"the part before .hub.example\""),
        key("secret", Flag, "Whether it must not be shown", "true").or("false"),
        key("required", Flag, "Whether an app is of no use without it", "false").or("true, unless there is `default`"),
        key("default", Text, "What it is where nothing is said, for a place in URLs that is nearly always the same", "\"common\""),
        key("pattern", Text, "A regular expression for the whole value", "\"[a-z0-9-]+\""),
        key("env", Texts, "Variables that it is also read from", "[\"HUB_SHOP\"]"),
    ],
};

pub(super) const REDIRECT: Section = Section {
    path: "client.redirect",
    heading: "[client.redirect]",
    about: "Where the browser goes after the person approved.",
    keys: &[
        key("suggested", Texts, "Redirect URIs to register, the best first", "[\"http://127.0.0.1/callback\"]"),
        key("any_port", Flag, "Whether a loopback address may have any port (RFC 8252 §7.3)", "true").or("false"),
        key("oob", Flag, "Whether the provider shows a PIN instead", "true").or("false"),
        key(
            "device_only",
            Flag,
            "Whether nobody can register one there, and people enter a code instead (RFC 8628); needs `endpoints.device`. Without `endpoints.authorize` no browser is sent anywhere, and nothing is said of one",
            "true",
        )
        .or("false"),
        key("help", Text, "What its page takes and does not take", "\"https only.\""),
    ],
};

pub(super) const IMPORT: Section = Section {
    path: "import",
    heading: "[import]",
    about: "Nobody is sent anywhere, and tokens that were made elsewhere are imported (`keyfob import NAME`, `keyfob login NAME --with-token`). So there is nothing to say of a login: no `endpoints.authorize`, and under `kind = \"oauth1\"` no `[endpoints]` at all.",
    keys: &[
        key("help", Text, "Where they are made, and what to copy from there", "\"Settings, API, New token: copy both.\"").needed(),
        key("url", Text, "The page", "\"https://hub.example/tokens\""),
    ],
};

pub(super) const OAUTH1: Section = Section {
    path: "oauth1",
    heading: "[oauth1]",
    about: "How the provider wants OAuth 1.0a (RFC 5849).",
    keys: &[
        key(
            "signature",
            OneOf(&["HMAC-SHA1", "HMAC-SHA256", "HMAC-SHA512", "RSA-SHA1", "RSA-SHA256", "RSA-SHA512", "PLAINTEXT"]),
            "The signature method; for RSA the app needs a field `private_key`, and RSA-SHA1 a build with the feature `rsa-sha1`",
            "\"HMAC-SHA1\"",
        )
        .needed(),
        key("placement", OneOf(&["header", "body", "query"]), "Where the parameters go (§3.5)", "\"header\"").or("`header`"),
        key("token_method", OneOf(&["POST", "GET"]), "The method of token requests", "\"GET\"").or("`POST`"),
        key("realm", Template, "The realm of the header; a template over the app's fields", "\"{account}\""),
        key(
            "callback",
            OneOf(&["request-token", "authorize", "registered"]),
            "Where the callback is said: with the first request, on the authorize URL, or at registration alone",
            "\"authorize\"",
        )
        .or("`request-token`"),
        key("authorize_params", Pairs, "Parameters more on the authorize URL", "{ perms = \"read\" }"),
        key("request_token_params", Pairs, "Parameters more of the first request", "{ scope = \"read\" }"),
        key("access_token_params", Pairs, "Parameters more of the last request", "{ format = \"form\" }"),
        key("body_hash", OneOf(&["off", "on", "required"]), "`oauth_body_hash` for bodies that are no form", "\"on\"").or("`off`"),
        key("empty_token", Flag, "Whether `oauth_token` is sent empty where there is none yet", "true").or("false"),
        key(
            "one_legged",
            Flag,
            "Whether nobody logs in: there are no tokens and no `endpoints`, and the app's own keys sign every call",
            "true",
        )
        .or("false"),
    ],
};

pub(super) const OAUTH2: Section = Section {
    path: "oauth2",
    heading: "[oauth2]",
    about: "How the provider wants OAuth 2 (RFC 6749). What stands for the RFC's own way is left out.",
    keys: &[
        key(
            "client_auth",
            OneOf(&[
                "basic",
                "basic-empty",
                "basic-raw",
                "basic-secret",
                "post",
                "signed-secret",
                "client_secret_jwt",
                "private_key_jwt",
                "tls",
                "none",
            ]),
            "How the app says who it is at the token endpoint; `basic-empty` is `basic`, with an empty password where the app has no secret; `basic-raw` does not encode id and secret first; `basic-secret` has the secret as the name, with an empty password, and says no id; `signed-secret` is as `post`, with a secret that the app signs with its own key for each request; needed but for `oidc`",
            "\"post\"",
        ),
        key("signed_secret", Table(&SIGNED_SECRET), "What such a secret says; needed with `client_auth = \"signed-secret\"`", ""),
        key(
            "assertion_audience",
            Template,
            "Whom the assertion of `client_secret_jwt` or `private_key_jwt` is for (`aud`), where that is not the issuer: some servers take their token endpoint alone (RFC 7523 §3). A template over the app's fields",
            "\"https://{domain}/oauth2/v1/token\"",
        )
        .or("`endpoints.issuer`"),
        key("pkce", OneOf(&["s256", "off"]), "Proof key (RFC 7636)", "\"off\"").or("`s256`"),
        key("pkce_reason", Text, "Why there is none; needed with `pkce = \"off\"`", "\"not documented\""),
        key(
            "token_body",
            OneOf(&["form", "json", "query", "query-post"]),
            "The body of token requests; `query`: none, but a GET with the parameters in its query; `query-post`: the same by POST",
            "\"json\"",
        )
        .or("`form`"),
        key(
            "revocation_body",
            OneOf(&["form", "json", "by-kind"]),
            "What revocation requests look like: `form`, `token` and `token_type_hint` (RFC 7009); `json`, `token` alone; `by-kind`, a form that has the token as `access_token` or as `refresh_token`. Needs `endpoints.revoke`",
            "\"by-kind\"",
        )
        .or("`form`"),
        key("renewal", Table(&RENEWAL), "How the access token renews itself, where no refresh token comes; needs `endpoints.refresh`", ""),
        key("pin", Table(&PIN), "How `endpoints.device` is asked, where that is older than RFC 8628", ""),
        key("scopes", Texts, "Scopes that are asked for unless a person says others", "[\"read\"]"),
        key("scope_separator", Text, "What stands between them", "\",\"").or("a space"),
        key("response_type", Flag, "Whether `response_type=code` is sent", "false").or("true"),
        key("redirect_uri_at_token", Flag, "Whether the redirect URI is sent at the token endpoint again", "false").or("true"),
        key(
            "redirect_name",
            Template,
            "What is sent as `redirect_uri` in its place: a name that the server gave to it; a template over the app's fields",
            "\"{ru_name}\"",
        ),
        key(
            "parameter_names",
            PairsOf(&["client_id", "client_secret", "code", "grant_type", "redirect_uri", "refresh_token", "scope", "state"]),
            "What this server calls a parameter",
            "{ client_id = \"client_key\" }",
        ),
        key(
            "grant_types",
            PairsOf(&["authorization_code", "refresh_token"]),
            "What this server calls a grant, in `grant_type`",
            "{ refresh_token = \"refresh\" }",
        ),
        key("authorize_fragment", Text, "What the authorize URL has to end with, behind a `#`", "\"hub_redirect\""),
        key(
            "token_error",
            Table(&TOKEN_ERROR),
            "How the token endpoint says no, where that is not as RFC 6749 has it; needs the deviation `own-error`",
            "",
        ),
        key(
            "grant_ended",
            Tables(&SIGNAL),
            "Error answers to a refresh that say of the refresh token, in words of the provider's own, that it is not good (any more): the account needs a login. Not for what can also be the app's or the request's fault. `invalid_grant`, which RFC 6749 has for it, is known. Needs `values` or `contains`",
            "[{ status = [400], pointer = \"/message\", values = [\"Invalid refresh token\"] }]",
        ),
        key("tokens_at", Pointer, "Where a token answer has its members; needs the deviation `nested-tokens`", "\"/body\""),
        key("token_type", Text, "What the server says for `Bearer`; needs the deviation `other-token-type`", "\"bot\""),
        key("authorize_params", Pairs, "Parameters more on the authorize URL", "{ access_type = \"offline\" }"),
        key("token_params", Pairs, "Parameters more at the token endpoint", "{ action = \"requesttoken\" }"),
        key("default_lifetime", Whole(1, 4_294_967_295), "Seconds that a token lives where the answer does not say", "10800"),
        key(
            "refresh_lifetime",
            Whole(1, 4_294_967_295),
            "Seconds that a refresh token is good, where that is documented: people are told until when. Needs `refresh_lifetime_from`",
            "5184000",
        ),
        key(
            "refresh_lifetime_from",
            OneOf(&["login", "use"]),
            "What they are counted from: the `login`, however often tokens are renewed, or the last `use`",
            "\"use\"",
        ),
        key(
            "refresh_expires_in",
            Text,
            "The member of token answers that says for how many seconds the refresh token is good: people are told until when. 0 means that it does not end",
            "\"refresh_expires_in\"",
        )
        .or("`refresh_token_expires_in`"),
        key("rotates", Flag, "Whether a refresh token is good for one use", "true").or("false"),
        key("iss_required", Flag, "Whether the callback must name the issuer (RFC 9207); needs `endpoints.issuer`", "true").or("false"),
        key(
            "id_token_algorithms",
            SomeOf(&["HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"]),
            "What ID tokens are signed with; `HS256` and its like, by the app's secret, alone",
            "[\"ES256\"]",
        )
        .or("`RS256`, or what the issuer lists"),
        key(
            "trusted_audiences",
            Texts,
            "Who else may be addressed by the app's ID tokens (`aud`; OpenID Connect Core §3.1.3.7): the project that the app belongs to, say. Templates over the app's fields. A token with any other audience is refused",
            "[\"{project_id}\"]",
        )
        .or("nobody"),
        key("par_required", Flag, "Whether nothing goes through the browser but a pushed request's name", "true").or("false"),
        key("request_object", Flag, "Whether requests are signed with the app's key (RFC 9101); needs `endpoints.issuer`", "true")
            .or("false"),
        key("dpop", Flag, "Whether tokens are bound to a key that is made at login (RFC 9449)", "true").or("false"),
    ],
};

pub(super) const TOKEN_ERROR: Section = Section {
    path: "oauth2.token_error",
    heading: "[oauth2.token_error]",
    about: "An answer of the token endpoint that has a code there is an error, whatever its status.",
    keys: &[
        key("code", Pointer, "Where the code is (RFC 6901)", "\"/errcode\"").needed(),
        key("message", Pointer, "Where the sentence is", "\"/errmsg\""),
        key("none", Values, "Codes that mean that all is well", "[0]"),
        key("invalid_grant", Values, "Codes that mean that the code or the refresh token is not good any more", "[40029, 42002]").needed(),
    ],
};

pub(super) const SIGNED_SECRET: Section = Section {
    path: "oauth2.signed_secret",
    heading: "[oauth2.signed_secret]",
    about: "The client secret is a JWT, signed with the app's own key (`private_key`, `private_key_id`) and good for a minute. Beside these it says the client id (`sub`) and when it was made and ends (`iat`, `exp`).",
    keys: &[
        key("issuer", Template, "`iss`: whose key it is; a template over the app's fields", "\"{team_id}\"").needed(),
        key("audience", Text, "`aud`: whom it is for", "\"https://hub.example\"").needed(),
    ],
};

pub(super) const RENEWAL: Section = Section {
    path: "oauth2.renewal",
    heading: "[oauth2.renewal]",
    about: "No refresh token comes, and `endpoints.refresh` gives a new access token for one that is good: by GET, with `grant_type` and `access_token` in the query.",
    keys: &[
        key("grant_type", Text, "The `grant_type` of that request", "\"hub_refresh\"").needed(),
        key(
            "long_lived",
            Url,
            "Where the login's token is exchanged at once, if only what comes of that is renewed: by GET, with `grant_type`, `client_secret` and `access_token` in the query",
            "\"https://hub.example/long_lived\"",
        ),
        key("long_lived_grant_type", Text, "The `grant_type` of that exchange; needed with `long_lived`", "\"hub_exchange\""),
    ],
};

pub(super) const PIN: Section = Section {
    path: "oauth2.pin",
    heading: "[oauth2.pin]",
    about: "A PIN to enter on a page, as it was before RFC 8628: `endpoints.device` is asked by GET, with `response_type`, `client_id` and `scope`. `interval` (seconds) and the errors are as that RFC has them.",
    keys: &[
        key("response_type", Text, "The `response_type` of that request", "\"hubPin\"").needed(),
        key("user_code", Text, "The member of the answer that is the PIN", "\"hubPin\"").needed(),
        key("device_code", Text, "The member that names the login at the token endpoint", "\"code\"").needed(),
        key("page", Url, "Where a person enters the PIN", "\"https://hub.example/apps\"").needed(),
        key("unit", OneOf(&["seconds", "minutes"]), "What `expires_in` of the answer counts", "\"minutes\"").or("`seconds`"),
        key("grant_type", Text, "The `grant_type` of the token request", "\"hubPin\"").needed(),
        key("parameter", Text, "Its parameter that names the login", "\"code\"").or("`code`"),
    ],
};

pub(super) const API: Section = Section {
    path: "api",
    heading: "[api]",
    about: "Tokens go to these origins and to no other.",
    keys: &[
        key(
            "base_url",
            Base,
            "Where paths begin; a template over fields and kept values. A kept value is a segment of the path, or makes the host",
            "\"https://{shop}.hub.example/api\"",
        )
        .needed(),
        key(
            "hosts",
            Texts,
            "Where the login says the host of `base_url`: the hosts it may be, by name, or with `*.` all that are below one. A login that leads elsewhere is refused, and the account is bound to the host it came to",
            "[\"*.hub.example\"]",
        ),
        key("more_origins", Urls, "Other origins that tokens may be sent to", "[\"https://files.hub.example\"]"),
        key("attach", Attach, "How a call carries the token (OAuth 2)", "{ headers = { x-token = \"{access_token}\" } }").or("`bearer`"),
        key("headers", Pairs, "Headers of every call; templates over fields and kept values", "{ x-api-key = \"{api_key}\" }"),
        key("query", Pairs, "Parameters in the query of every call; templates as those of `headers`", "{ apikey = \"{client_id}\" }"),
        key(
            "expired",
            Tables(&SIGNAL),
            "Answers that mean: the token has ended, refresh it; `[]`: none does",
            "[{ status = [403], pointer = \"/error/code\", values = [2, 3] }]",
        )
        .or("401 (RFC 6750 §3.1); none under `oauth1`"),
        key(
            "revoked",
            Tables(&SIGNAL),
            "Answers that say of the token, in words of the provider's own, that it is not good (any more): it is refreshed as well, and where nothing renews it the account needs a login. Not for what can also be the signature's, the app's or a scope's fault. What the standards say (`invalid_token`, `oauth_problem`) is known. Needs `values` or `contains`",
            "[{ status = [401], pointer = \"/error\", contains = [\"token was revoked\"] }]",
        ),
        key(
            "failed",
            Tables(&SIGNAL),
            "Answers that are an error whatever their status",
            "[{ status = [200], pointer = \"/ok\", values = [false] }]",
        ),
        key("message", Pointers, "Where the sentence of an error is (RFC 6901)", "[\"/error/message\"]"),
        key(
            "limits",
            Table(&LIMITS),
            "Which headers tell the rate limit",
            "{ remaining = \"x-left\", reset = \"x-reset\", reset_in = \"seconds\" }",
        ),
        key(
            "pages",
            Table(&PAGES),
            "How long answers go on, beside `Link` headers (RFC 8288), which are followed in any case",
            "{ next = \"/paging/next\" }",
        ),
        key(
            "batch",
            Table(&BATCH),
            "Which calls carry other calls, each with a method and a path of its own. A program with a valet key may make them only where it may do everything: its rules see the one call",
            "{ calls = [\"POST /*/$batch\"] }",
        ),
        key(
            "method_override",
            Texts,
            "Names of parameters of the query, fields of a body and headers by which a call can say another method than its own, beside `_method` and `X-HTTP-Method-Override`. Programs with a valet key may not use them: what was judged is what is done",
            "[\"method\"]",
        ),
    ],
};

pub(super) const BATCH: Section = Section {
    path: "api.batch",
    heading: "[api.batch]",
    about: "Each of the calls inside has a method and a path that no rule of a valet key has judged.",
    keys: &[
        key("fields", Texts, "Parameters of the query and fields of a body that hold other calls, at whichever path", "[\"batch\"]"),
        key(
            "calls",
            Texts,
            "The calls whose bodies hold others, or of a GET the query: then these are GETs, too. A segment `*` is any one, `/**` at the end the rest",
            "[\"POST /*/$batch\"]",
        ),
    ],
};

pub(super) const LIMITS: Section = Section {
    path: "api.limits",
    heading: "[api.limits]",
    about: "`keyfob get -v` shows it; after a 429 that says nothing else (`Retry-After`), `--retry` and the library's sessions wait until then.",
    keys: &[
        key("limit", Text, "The header that says how many calls there are in a period", "\"x-ratelimit-limit\""),
        key("remaining", Text, "The one that says how many are left", "\"x-ratelimit-remaining\""),
        key("usage", Text, "The one that says how many were made, in place of `remaining`; needs `limit`", "\"x-ratelimit-usage\""),
        key("reset", Text, "The one that says when the next period begins", "\"x-ratelimit-reset\""),
        key(
            "reset_in",
            OneOf(&["seconds", "moment"]),
            "How it says that: `seconds` from now, or a `moment` (Unix seconds or milliseconds, or RFC 3339); needed with `reset`",
            "\"seconds\"",
        ),
        key(
            "periods",
            Wholes(1, 31_622_400),
            "Where several periods are counted at once: how many seconds each has, shortest first. The headers have as many numbers then, with commas between them, and each period begins at a whole multiple of its length (UTC)",
            "[900, 86400]",
        ),
        key(
            "reads",
            Table(&READS),
            "The headers about calls that only read, where those are counted apart as well",
            "{ limit = \"x-read-limit\", usage = \"x-read-usage\" }",
        ),
        key(
            "structured",
            Text,
            "In place of all of these: the one that is as the IETF has it (draft-ietf-httpapi-ratelimit-headers), a list of counts with names, each with how many calls are left (`r`) and in how many seconds there are new ones (`t`)",
            "\"ratelimit\"",
        ),
        key("policy", Text, "The one that says by these names how many there are (`q`); needs `structured`", "\"ratelimit-policy\""),
    ],
};

pub(super) const READS: Section = Section {
    path: "api.limits.reads",
    heading: "[api.limits.reads]",
    about: "As the three of `[api.limits]`, for calls that only read. What is over first counts.",
    keys: &[
        key("limit", Text, "The header that says how many such calls there are in a period", "\"x-readratelimit-limit\""),
        key("remaining", Text, "The one that says how many are left", "\"x-readratelimit-remaining\""),
        key("usage", Text, "The one that says how many were made; needs `limit`", "\"x-readratelimit-usage\""),
    ],
};

pub(super) const PAGES: Section = Section {
    path: "api.pages",
    heading: "[api.pages]",
    about: "One of `next`, `cursor` and `counts`. `keyfob get --paginate` follows it, and so do actions that list what they ask for by GET and have no `page` of their own.",
    keys: &[
        key("next", Pointer, "Where an answer has the URL of the next page", "\"/paging/next\""),
        key("cursor", Pointer, "Where it has a text that goes into `parameter`", "\"/next_cursor\""),
        key("parameter", Text, "The parameter of the query by which a page is asked for; needed with `cursor` and `counts`", "\"cursor\""),
        key(
            "counts",
            OneOf(&["pages", "items"]),
            "What `parameter` counts: `pages` from 1, or `items` that come before, from 0. The page without items is behind the last",
            "\"pages\"",
        ),
        key("items", Pointer, "With `counts`: where the items are", "\"/entries\"").or("the answer is the list"),
    ],
};

pub(super) const SIGNAL: Section = Section {
    path: "api.expired",
    heading: "A signal (api.expired, api.revoked, api.failed, oauth2.grant_ended)",
    about: "One of these statuses, and one of these values or texts there. Without either: anything but nothing. Without `pointer`: the texts in the whole answer, or the status alone.",
    keys: &[
        key("status", Statuses, "HTTP statuses", "[403]").needed(),
        key("pointer", Pointer, "Where to look in the body (RFC 6901)", "\"/error/code\""),
        key("values", Values, "What stands there; needs `pointer`", "[2, 3]"),
        key(
            "contains",
            Texts,
            "What a string there, or the answer, has in it: of sentences that name the token, and are never the same",
            "[\"has been revoked\"]",
        ),
    ],
};

pub(super) const ATTACH: Section = Section {
    path: "api.attach",
    heading: "api.attach",
    about: "The word `\"bearer\"`, or a table with one of these.",
    keys: &[
        key("query", Text, "The name of a parameter of the query", "\"access_token\""),
        key("body", Text, "The name of a field of the form", "\"access_token\""),
        key("headers", Pairs, "Headers; templates over fields, kept values and `{access_token}`", "{ x-token = \"{access_token}\" }"),
    ],
};
