//! `[endpoints]` and `[oauth2]`, for OAuth 2 and for OpenID Connect.

use keyfob_proto::Template;
use keyfob_proto::jose::{Algorithm, Algorithms};
use keyfob_proto::oauth2::{ClientAuth, Pkce, RevocationBody, TokenBody, TokenError};

use super::advice::{line, text_of};
use super::document::{Content, Node};
use super::protocol::{check_pointer, endpoint, endpoint_without, further, section, signals, to_json};
use super::provider::is_scope;
use super::table::Table;
use crate::nearest;
use crate::provider::{Kind, RefreshFrom, RefreshLifetime};
use crate::spec::{Endpoints, OAuth2Spec, PinSpec, RenewalSpec, SignedSecretSpec};

/// How a client can say who it is, by the names of the registry (OpenID Connect Core §9, RFC 8705) where they are not a bare word.
const CLIENT_AUTH: &[(&str, ClientAuth)] = &[
    ("basic", ClientAuth::Basic),
    ("basic-empty", ClientAuth::BasicEmpty),
    ("basic-raw", ClientAuth::BasicRaw),
    ("basic-secret", ClientAuth::BasicSecret),
    ("post", ClientAuth::Post),
    ("signed-secret", ClientAuth::SignedSecret),
    ("client_secret_jwt", ClientAuth::SecretJwt),
    ("private_key_jwt", ClientAuth::PrivateKeyJwt),
    ("tls", ClientAuth::Tls),
    ("none", ClientAuth::None),
];

const TOKEN_BODIES: &[(&str, TokenBody)] =
    &[("form", TokenBody::Form), ("json", TokenBody::Json), ("query", TokenBody::Query), ("query-post", TokenBody::QueryPost)];

const REVOCATION_BODIES: &[(&str, RevocationBody)] =
    &[("form", RevocationBody::Form), ("json", RevocationBody::Json), ("by-kind", RevocationBody::ByKind)];

/// Reads them, and why there is no PKCE, where there is none.
pub(super) fn read(top: &Table<'_>, kind: Kind, fields: &[&str], device_only: bool) -> (Option<OAuth2Spec>, Option<String>) {
    let import = top.get("import");
    // Of an issuer that describes itself it is not known yet what it has.
    let pages = match kind {
        Kind::Oidc => Pages::Sent,
        _ if import.is_some_and(Node::is_table) => Pages::Imported,
        _ if import.is_some() => Pages::Unclear,
        _ if device_only && !has_page(top) => Pages::Device,
        _ => Pages::Sent,
    };
    if let Some(node) = import.filter(|_| kind == Kind::Oidc) {
        let hint = "leave it away; or, where nobody is sent to a page, kind = \"oauth2\" with endpoints of the file's own".to_owned();
        top.reader.problem(node.place, "import with kind = \"oidc\", whose issuer has a page where people log in", Some(hint));
    }
    let at = endpoints(top, kind, fields, pages);
    let habits = match kind {
        // An issuer that describes itself may have no habits.
        Kind::Oidc => top.table("oauth2"),
        _ => section(top, "oauth2"),
    };
    let Some(table) = habits else {
        return if kind == Kind::Oidc { of_table(&top.empty("oauth2"), kind, at, fields, pages) } else { (None, None) };
    };
    let read = of_table(&table, kind, at, fields, pages);
    table.finish();
    read
}

/// Where people say yes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pages {
    /// At the provider's page, which a browser is sent to.
    Sent,
    /// On another device alone: there is no page that a browser is sent to.
    Device,
    /// Nowhere that is known here: tokens are made elsewhere.
    Imported,
    /// What says that they are is wrong itself.
    Unclear,
}

/// Whether the file names a page that a browser is sent to.
fn has_page(top: &Table<'_>) -> bool {
    matches!(top.get("endpoints"), Some(endpoints) if endpoints.get("authorize").is_some())
}

fn of_table(table: &Table<'_>, kind: Kind, at: Option<Endpoints>, fields: &[&str], pages: Pages) -> (Option<OAuth2Spec>, Option<String>) {
    let client_auth = client_auth(table);
    if client_auth.is_none() && table.get("client_auth").is_none() && kind != Kind::Oidc {
        table.missing("client_auth");
    }
    let token_body = table.word("token_body", TOKEN_BODIES).unwrap_or(TokenBody::Form);
    let revocation_body = table.word("revocation_body", REVOCATION_BODIES).unwrap_or(RevocationBody::Form);
    let (pkce, pkce_off) = self::pkce(table);
    let has_endpoints = at.is_some();
    let parameter_names = other_names(table, "parameter_names", "parameter", RENAMED);
    // By the name that is sent, or by the protocol's.
    let is_own = |own: &[&str], name: &str| {
        own.contains(&name) || parameter_names.iter().any(|(known, sent)| own.contains(&known.as_str()) && sent == name)
    };
    let spec = OAuth2Spec {
        id_token_algorithms: id_token_algorithms(table),
        trusted_audiences: table.texts("trusted_audiences").iter().filter_map(|text| table.reader.template(text, fields)).collect(),
        iss_required: table.flag("iss_required").unwrap_or(false),
        par_required: table.flag("par_required").unwrap_or(false),
        request_object: table.flag("request_object").unwrap_or(false),
        dpop: table.flag("dpop").unwrap_or(false),
        client_auth,
        assertion_audience: table.text("assertion_audience").and_then(|text| table.reader.template(&text, fields)),
        signed_secret: table.table("signed_secret").and_then(|signed| self::signed_secret(signed, fields)),
        token_body,
        revocation_body,
        pin: table.table("pin").and_then(|pin| self::pin(pin, fields)),
        renewal: table.table("renewal").and_then(|renewal| self::renewal(renewal, fields)),
        pkce,
        scopes: scopes(table),
        scope_separator: scope_separator(table),
        response_type: table.flag("response_type").unwrap_or(true),
        redirect_uri_at_token: table.flag("redirect_uri_at_token").unwrap_or(true),
        redirect_name: table.text("redirect_name").and_then(|text| table.reader.template(&text, fields)),
        grant_types: other_names(table, "grant_types", "grant", GRANTS),
        authorize_fragment: authorize_fragment(table),
        token_error: table.table("token_error").and_then(token_error),
        grant_ended: signals(table, "grant_ended"),
        tokens_at: tokens_at(table),
        token_type: token_type(table),
        authorize_params: further(table, "authorize_params", |name| is_own(OF_AUTHORIZE, name)),
        token_params: further(table, "token_params", |name| is_own(OF_TOKEN, name)),
        default_lifetime: table.integer("default_lifetime", 1, i64::from(u32::MAX)).and_then(|seconds| u32::try_from(seconds).ok()),
        refresh_expires_in: refresh_expires_in(table),
        rotates: table.flag("rotates").unwrap_or(false),
        refresh_lifetime: refresh_lifetime(table),
        at: at.unwrap_or_default(),
        parameter_names,
    };
    match pages {
        Pages::Sent | Pages::Unclear => {}
        Pages::Device => nobody_is_sent(table, "oauth2", OF_BROWSER),
        Pages::Imported => nobody_logs_in(table, "oauth2", OF_LOGIN),
    }
    if has_endpoints {
        fits_together(table, kind, &spec);
    }
    let complete = has_endpoints && (client_auth.is_some() || kind == Kind::Oidc);
    (complete.then_some(spec), pkce_off)
}

/// What each request of a login says itself. A scope may be said by the file alone, and so may a response type where none is sent.
pub(super) const OF_AUTHORIZE: &[&str] = &[
    "client_id",
    "client_secret",
    "redirect_uri",
    "state",
    "code",
    "code_challenge",
    "code_challenge_method",
    "code_verifier",
    "nonce",
    "request",
    "request_uri",
    "dpop_jkt",
];

/// The same for the token endpoint.
pub(super) const OF_TOKEN: &[&str] = &[
    "client_id",
    "client_secret",
    "grant_type",
    "code",
    "redirect_uri",
    "code_verifier",
    "refresh_token",
    "client_assertion",
    "client_assertion_type",
];

/// Proof Key for Code Exchange (RFC 7636), and why there is none, where there is none.
fn pkce(table: &Table<'_>) -> (Pkce, Option<String>) {
    let word = table.word("pkce", &[("s256", Pkce::S256), ("off", Pkce::Off)]);
    let reason = table.text("pkce_reason");
    match (table.get("pkce"), table.get("pkce_reason")) {
        (Some(off), None) if word == Some(Pkce::Off) => table.missing_for("pkce_reason", off),
        // Whoever says that there is one cannot take the reason away that stands in the file below.
        (Some(_), Some(node)) if word == Some(Pkce::S256) && table.reader.is_below(node.place) => {}
        (said, Some(node)) if word == Some(Pkce::S256) || said.is_none() => {
            let hint = "leave it away; or say that there is none: pkce = \"off\"".to_owned();
            table.reader.problem(node.place, "oauth2.pkce_reason, and nothing says that there is no PKCE", Some(hint));
        }
        (_, Some(node)) if reason.as_ref().is_some_and(|text| text.value.trim().is_empty()) => {
            table.reader.problem(node.place, "oauth2.pkce_reason is empty", Some(line("oauth2.pkce_reason")));
        }
        _ => {}
    }
    (word.unwrap_or(Pkce::S256), reason.filter(|_| word == Some(Pkce::Off)).map(|text| text.value))
}

/// The scopes that a login asks for.
fn scopes(table: &Table<'_>) -> Vec<String> {
    let scopes = table.texts("scopes");
    for scope in scopes.iter().filter(|scope| !is_scope(&scope.value)) {
        table.reader.problem(
            scope.place,
            format!("expected the name of a scope (RFC 6749 §3.3), found \"{}\"", scope.value),
            Some(ONE_EACH.to_owned()),
        );
    }
    scopes.into_iter().map(|scope| scope.value).collect()
}

/// Of scopes.
pub(super) const ONE_EACH: &str = "one word, without quotes or \\ in it: two scopes are two texts, scopes = [\"read\", \"write\"]";

/// What stands between scopes.
fn scope_separator(table: &Table<'_>) -> String {
    let Some(text) = table.text("scope_separator") else { return " ".to_owned() };
    if text.value.contains(|c: char| c.is_ascii_alphanumeric() || c == '%' || c.is_control()) {
        let hint = "the mark itself: scope_separator = \",\"; a space needs no word, and nothing is encoded here".to_owned();
        table.reader.problem(text.place, format!("expected what stands between scopes, found {}", text_of(&text.value)), Some(hint));
    }
    if text.value.is_empty() {
        let hint = "a space, which is usual, needs no word; some have a comma: scope_separator = \",\"".to_owned();
        table.reader.problem(text.place, "oauth2.scope_separator is empty: several scopes would be one", Some(hint));
    }
    text.value
}

/// Parameters that may go by another name: those that every request of a login has. Another one is a mistyped one.
const RENAMED: &[&str] = &["client_id", "client_secret", "code", "grant_type", "redirect_uri", "refresh_token", "scope", "state"];

/// The same for grants.
const GRANTS: &[&str] = &["authorization_code", "refresh_token"];

fn other_names(table: &Table<'_>, key: &'static str, what: &str, known: &[&str]) -> Vec<(String, String)> {
    let mut names = Vec::new();
    for (key, own) in table.named_texts(key) {
        if !known.contains(&key.name.as_str()) {
            let hint = nearest::suggest(&key.name, known.iter().copied());
            table.reader.problem(key.place, format!("another name for the unknown {what} {}", key.name), hint);
        } else if own.value.is_empty() {
            table.reader.problem(
                own.place,
                format!("the other name of {} is empty", key.name),
                Some(format!("say it, or leave {} away: {} = \"…\"", key.name, key.name)),
            );
        } else {
            names.push((key.name, own.value));
        }
    }
    names
}

/// What the authorization URL ends with: as much as a fragment can be without being written in another way (RFC 3986 §3.5).
fn authorize_fragment(table: &Table<'_>) -> Option<String> {
    let text = table.text("authorize_fragment")?;
    let plain = !text.value.is_empty() && text.value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~=&/".contains(&byte));
    if !plain {
        let hint = "without the #: hub_redirect, for example".to_owned();
        table.reader.problem(
            text.place,
            format!("expected what stands behind the # in oauth2.authorize_fragment, found \"{}\"", text.value),
            Some(hint),
        );
    }
    Some(text.value)
}

/// How the client says who it is.
fn client_auth(table: &Table<'_>) -> Option<ClientAuth> {
    let names: Vec<&str> = CLIENT_AUTH.iter().map(|(name, _)| *name).collect();
    let text = table.one_of("client_auth", &names)?;
    // Who copies a server's metadata has these: the nearest name of ours would be another one's.
    let ours = match text.value.as_str() {
        "client_secret_basic" => "basic",
        "client_secret_post" => "post",
        "tls_client_auth" | "self_signed_tls_client_auth" => "tls",
        _ => return table.word("client_auth", CLIENT_AUTH),
    };
    let message = format!("\"{}\" for oauth2.client_auth, which is the registry's name", text.value);
    table.reader.problem(text.place, message, Some(format!("client_auth = \"{ours}\"")));
    None
}

/// What answers call the refresh token's lifetime, where that is not what it is called where nothing is said.
fn refresh_expires_in(table: &Table<'_>) -> Option<String> {
    const USUAL: &str = "refresh_token_expires_in";
    table.get("refresh_expires_in")?;
    let name = table.required("refresh_expires_in")?;
    table.reader.check_plain_name(&name, "the name of a member in oauth2.refresh_expires_in");
    if name.value == USUAL {
        let hint = "leave it away: it is read of every provider".to_owned();
        table.reader.problem(name.place, format!("oauth2.refresh_expires_in is \"{USUAL}\""), Some(hint));
    }
    Some(name.value)
}

/// How long a refresh token is good, and from when on: one of them alone says nothing.
fn refresh_lifetime(table: &Table<'_>) -> Option<RefreshLifetime> {
    let seconds = table.integer("refresh_lifetime", 1, i64::from(u32::MAX)).and_then(|seconds| u32::try_from(seconds).ok());
    let from = table.word("refresh_lifetime_from", &[("login", RefreshFrom::Login), ("use", RefreshFrom::Use)]);
    match (table.get("refresh_lifetime"), table.get("refresh_lifetime_from")) {
        (Some(node), None) => table.missing_for("refresh_lifetime_from", node),
        (None, Some(node)) => table.missing_for("refresh_lifetime", node),
        _ => {}
    }
    Some(RefreshLifetime { seconds: seconds?, from: from? })
}

/// `[oauth2.token_error]`: how the token endpoint says no.
fn token_error(table: Table<'_>) -> Option<TokenError> {
    let (code, message) = (table.required("code"), table.text("message"));
    for pointer in code.iter().chain(&message) {
        check_pointer(table.reader, pointer);
    }
    let values = |key| table.array(key).iter().map(to_json).collect();
    let (none, invalid_grant): (_, Vec<_>) = (values("none"), values("invalid_grant"));
    if table.is_left_out("invalid_grant") {
        table.missing("invalid_grant");
    }
    table.finish();
    Some(TokenError { code: code?.value, message: message.map(|text| text.value), none, invalid_grant })
}

/// Where a token answer has its members. They are read there only if the deviation that says so is in the file, with its reason.
fn tokens_at(table: &Table<'_>) -> Option<String> {
    let pointer = table.text("tokens_at")?;
    check_pointer(table.reader, &pointer);
    Some(pointer.value)
}

/// What a provider calls its bearer tokens. A name that means another way to use a token must not be said to mean this one.
fn token_type(table: &Table<'_>) -> Option<String> {
    let word = table.text("token_type")?;
    let other = ["bearer", "dpop", "pop", "mac", "n_a", ""].into_iter().any(|known| word.value.eq_ignore_ascii_case(known));
    if other {
        let message = format!("expected a provider's own word for Bearer in oauth2.token_type, found \"{}\"", word.value);
        let hint = "leave it away, if it means Bearer; tokens that are used in another way are not sent as it".to_owned();
        table.reader.problem(word.place, message, Some(hint));
    }
    Some(word.value)
}

/// `[oauth2.signed_secret]`: what the app signs in the place of a secret.
fn signed_secret(table: Table<'_>, fields: &[&str]) -> Option<SignedSecretSpec> {
    let issuer = table.required("issuer").and_then(|text| table.reader.template(&text, fields));
    let audience = table.required("audience");
    table.finish();
    Some(SignedSecretSpec { issuer: issuer?, audience: audience?.value })
}

/// `[oauth2.renewal]`: by the access token itself.
fn renewal(table: Table<'_>, fields: &[&str]) -> Option<RenewalSpec> {
    let grant_type = table.required("grant_type").map(|text| text.value);
    let url = table.text("long_lived");
    let own = table.text("long_lived_grant_type").map(|text| text.value);
    match (table.get("long_lived"), table.get("long_lived_grant_type")) {
        (Some(node), None) => table.missing_for("long_lived_grant_type", node),
        (None, Some(node)) => table.missing_for("long_lived", node),
        _ => {}
    }
    let at = url.and_then(|text| table.reader.endpoint(&text, fields));
    table.finish();
    Some(RenewalSpec { grant_type: grant_type?, long_lived: at.zip(own) })
}

/// `[oauth2.pin]`: a login on another device that is older than RFC 8628.
fn pin(table: Table<'_>, fields: &[&str]) -> Option<PinSpec> {
    let text = |key| table.required(key).map(|text| text.value);
    let (response_type, user_code, device_code) = (text("response_type"), text("user_code"), text("device_code"));
    let page = endpoint(&table, "page", fields);
    let unit = table.word("unit", &[("seconds", 1), ("minutes", 60)]).unwrap_or(1);
    let grant_type = text("grant_type");
    let parameter = table.text("parameter").map_or_else(|| "code".to_owned(), |text| text.value);
    table.finish();
    Some(PinSpec {
        response_type: response_type?,
        user_code: user_code?,
        device_code: device_code?,
        page: page?,
        unit,
        grant_type: grant_type?,
        parameter,
    })
}

/// What is said of a login, and of nothing else.
const OF_LOGIN: &[&str] = &[
    "pkce",
    "scopes",
    "response_type",
    "redirect_uri_at_token",
    "redirect_name",
    "authorize_fragment",
    "authorize_params",
    "pin",
    "iss_required",
    "par_required",
    "request_object",
    "dpop",
];

/// Where tokens are imported, nothing can be said of a login.
fn nobody_logs_in(table: &Table<'_>, name: &str, of_login: &[&'static str]) {
    for key in of_login {
        if let Some(node) = table.get(key) {
            let hint = "leave one of the two away".to_owned();
            table.reader.problem(node.place, format!("{name}.{key} with import, where nobody logs in"), Some(hint));
        }
    }
}

/// What is said of a browser's way there and back.
const OF_BROWSER: &[&str] = &[
    "pkce",
    "response_type",
    "redirect_uri_at_token",
    "redirect_name",
    "authorize_fragment",
    "authorize_params",
    "iss_required",
    "par_required",
    "request_object",
];

/// Where people log in on another device alone, nothing can be said of a browser that is sent away.
fn nobody_is_sent(table: &Table<'_>, name: &str, of_browser: &[&'static str]) {
    for key in of_browser {
        if let Some(node) = table.get(key) {
            let hint = "leave it away, or add endpoints.authorize, where a browser is sent to".to_owned();
            table.reader.problem(node.place, format!("{name}.{key} without endpoints.authorize: no browser is sent anywhere"), Some(hint));
        }
    }
}

/// What one key says has to be possible by the others.
fn fits_together(table: &Table<'_>, kind: Kind, spec: &OAuth2Spec) {
    let wrong = |key, message: &str| {
        if let Some(node) = table.get(key) {
            let hint = match key {
                "client_auth" => "add it; or say another client_auth".to_owned(),
                "rotates" | "refresh_lifetime" | "refresh_expires_in" | "token_body" | "revocation_body" => {
                    format!("leave oauth2.{key} away")
                }
                _ => format!("add the one, or leave oauth2.{key} away"),
            };
            table.reader.problem(node.place, message, Some(hint));
        }
    };
    let has_issuer = spec.at.issuer.is_some();
    if spec.iss_required && !has_issuer {
        wrong("iss_required", "oauth2.iss_required without endpoints.issuer");
    }
    if spec.request_object && !has_issuer {
        wrong("request_object", "oauth2.request_object without endpoints.issuer, whom the signed request is for (RFC 9101 §4)");
    }
    if spec.renewal.is_some() && spec.at.refresh.is_none() {
        wrong("renewal", "oauth2.renewal without endpoints.refresh, where tokens are renewed");
    }
    if spec.renewal.is_some() && spec.rotates {
        wrong("rotates", "oauth2.rotates is about refresh tokens, and with oauth2.renewal there are none");
    }
    if spec.renewal.is_some() && spec.refresh_lifetime.is_some() {
        wrong("refresh_lifetime", "oauth2.refresh_lifetime is about refresh tokens, and with oauth2.renewal there are none");
    }
    if spec.renewal.is_some() && spec.refresh_expires_in.is_some() {
        wrong("refresh_expires_in", "oauth2.refresh_expires_in is about refresh tokens, and with oauth2.renewal there are none");
    }
    if spec.pin.is_some() && spec.at.device.is_none() {
        wrong("pin", "oauth2.pin without endpoints.device, which is asked for it");
    }
    // An issuer may have the endpoint in its metadata.
    if spec.par_required && spec.at.par.is_none() && kind != Kind::Oidc {
        wrong("par_required", "oauth2.par_required without endpoints.par");
    }
    if spec.revocation_body != RevocationBody::Form && spec.at.revoke.is_none() && kind != Kind::Oidc {
        wrong("revocation_body", "oauth2.revocation_body without endpoints.revoke");
    }
    let is_signed = spec.client_auth == Some(ClientAuth::SignedSecret);
    if is_signed && table.get("signed_secret").is_none() {
        wrong("client_auth", "oauth2.client_auth = \"signed-secret\" without oauth2.signed_secret, which says what is signed");
    }
    if is_signed && spec.token_body != TokenBody::Form {
        wrong("token_body", "oauth2.token_body is no form, with a client_auth that is signed when one is sent");
    }
    if is_signed && spec.revocation_body == RevocationBody::Json {
        wrong("revocation_body", "oauth2.revocation_body is no form, with a client_auth that is signed when one is sent");
    }
    if !is_signed {
        wrong("signed_secret", "oauth2.signed_secret without client_auth = \"signed-secret\"");
    }
    if matches!(spec.client_auth, Some(ClientAuth::SecretJwt | ClientAuth::PrivateKeyJwt)) {
        if !has_issuer && table.get("assertion_audience").is_none() {
            wrong("client_auth", "oauth2.client_auth by an assertion without endpoints.issuer, whom the assertion is for (RFC 7523 §3)");
        }
        if spec.token_body != TokenBody::Form {
            wrong("token_body", "oauth2.token_body is no form, with client_auth by an assertion, which belongs into one (RFC 7521 §4.2)");
        }
        if spec.revocation_body == RevocationBody::Json {
            wrong(
                "revocation_body",
                "oauth2.revocation_body is no form, with client_auth by an assertion, which belongs into one (RFC 7521 §4.2)",
            );
        }
    } else if spec.client_auth.is_some() {
        wrong("assertion_audience", "oauth2.assertion_audience without client_auth by an assertion: client_secret_jwt or private_key_jwt");
    }
}

fn endpoints(top: &Table<'_>, kind: Kind, fields: &[&str], pages: Pages) -> Option<Endpoints> {
    let table = section(top, "endpoints")?;
    let further = |key| table.text(key).and_then(|text| table.reader.endpoint(&text, fields));
    // Where none is sent, the file may say it.
    let says_none = |oauth2: &Node| matches!(oauth2.get("response_type").map(|node| &node.value), Some(Content::Flag(false)));
    let is_sent = !top.key("oauth2").is_some_and(|(_, oauth2)| says_none(oauth2));
    let token = || endpoint_without(&table, "token", fields, |name| OF_TOKEN.contains(&name));
    let (authorize, token) = match kind {
        Kind::Oidc if !table.has("issuer") && table.has("authorize") && table.has("token") => {
            let hint = "kind = \"oauth2\", for endpoints of the file's own; or issuer = \"https://…\" in their place".to_owned();
            let message = "kind is \"oidc\", which takes endpoints from an issuer's metadata, and [endpoints] has its own and no issuer";
            top.reader.problem(top.get("kind").map_or(table.place, |kind| kind.place), message, Some(hint));
            (further("authorize"), further("token"))
        }
        Kind::Oidc => {
            for key in ["authorize", "token"] {
                if let Some(node) = table.get(key) {
                    let hint = "leave it away; for endpoints of the file's own there is kind = \"oauth2\"".to_owned();
                    table.reader.problem(
                        node.place,
                        format!("endpoints.{key}, which the issuer's metadata says (kind = \"oidc\")"),
                        Some(hint),
                    );
                }
            }
            (None, None)
        }
        _ if pages == Pages::Imported => {
            nobody_logs_in(&table, "endpoints", &["authorize", "device", "par"]);
            (None, token())
        }
        _ if pages == Pages::Device => {
            nobody_is_sent(&table, "endpoints", &["par"]);

            (None, token())
        }
        _ if pages == Pages::Unclear => (further("authorize"), further("token")),
        // It may be forgotten, or not be there: the second is said.
        _ if table.get("device").is_some() && table.get("authorize").is_none() => {
            let hint =
                "add it: authorize = \"https://…\"; or, where people can only enter a code: client.redirect.device_only = true".to_owned();
            table.reader.problem(table.place, "endpoints.authorize is missing", Some(hint));
            (None, token())
        }
        _ => (
            endpoint_without(&table, "authorize", fields, |name| OF_AUTHORIZE.contains(&name) || is_sent && name == "response_type"),
            token(),
        ),
    };
    let issuer = match kind {
        Kind::Oidc if table.has("issuer") || !table.has("authorize") => {
            table.required("issuer").and_then(|text| table.reader.endpoint(&text, fields))
        }
        _ => further("issuer"),
    };
    if let (Some(node), Some(issuer)) = (table.get("issuer"), &issuer)
        && issuer.as_str().contains('?')
    {
        table.reader.problem(
            node.place,
            "endpoints.issuer with a query, which no issuer has (RFC 8414 §2)",
            Some("leave what comes after the ? away".to_owned()),
        );
    }
    if let (Some(node), Some(issuer)) = (table.get("issuer"), &issuer)
        && issuer.as_str().contains("/.well-known/")
    {
        let hint = "leave /.well-known and what comes after it away: where an issuer's metadata is, is said by its name".to_owned();
        table.reader.problem(node.place, "endpoints.issuer is the address of its metadata", Some(hint));
    }
    // Keys of nobody in particular prove nothing: a token names its issuer, which has to be the one that was meant.
    if let (Some(node), None) = (table.get("jwks"), table.get("issuer")) {
        table.reader.problem(
            node.place,
            "endpoints.jwks without endpoints.issuer",
            Some("add it: issuer = \"https://…\", as the ID tokens name it (iss)".to_owned()),
        );
    }
    let (refresh, revoke, jwks) = (further("refresh"), further("revoke"), further("jwks"));
    let (device, par) = (further("device"), further("par"));
    let (userinfo, end_session) = (further("userinfo"), further("end_session"));
    table.finish();
    let complete = |template: &Option<Template>| template.is_some() || kind == Kind::Oidc;
    let usable = (pages != Pages::Sent || complete(&authorize)) && complete(&token);
    usable.then_some(Endpoints { issuer, authorize, token, refresh, revoke, jwks, device, par, userinfo, end_session })
}

/// Algorithms whose keys are published; or the one by which the app's secret signs (OpenID Connect Core §10.1), alone: whoever takes both kinds takes a
/// public key for a secret (RFC 8725 §2.1). A name that is none, or `none`, is a mistake.
fn id_token_algorithms(table: &Table<'_>) -> Option<Algorithms> {
    let known: Vec<(&str, Algorithm)> = Algorithm::ALL.iter().map(|algorithm| (algorithm.name(), *algorithm)).collect();
    let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
    let what = format!("one of {} in oauth2.id_token_algorithms", names.join(", "));
    let read: Vec<Algorithm> =
        table.texts("id_token_algorithms").iter().filter_map(|text| table.reader.word(text, &what, &known)).collect();
    if let Some(node) = table.get("id_token_algorithms").filter(|_| read.len() > 1)
        && let Some(shared) = read.iter().find(|algorithm| algorithm.is_symmetric())
    {
        let message = format!("{shared} beside other algorithms in oauth2.id_token_algorithms: the app's secret signs alone");
        table.reader.problem(node.place, message, Some(format!("name it alone, [\"{shared}\"], or those whose keys are published")));
    }
    (!read.is_empty()).then(|| Algorithms::of(read))
}
