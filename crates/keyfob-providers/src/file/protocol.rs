//! `[endpoints]`, `[oauth1]` and `[api]`: what the protocol needs to know. `[oauth2]` has a file of its own.

use http::{HeaderName, Method, StatusCode};
use keyfob_proto::oauth1::{BodyHash, CallbackAt, Placement, SignatureMethod};
use keyfob_proto::{AccountBase, Attach, Counted, HostPattern, Limits, ResetIn, Signal, Structured, Template, encode};
use serde_json::Value;

use super::advice::more_fields;
use super::document::{Content, Key, Node};
use super::oauth2;
use super::reader::{Reader, Text};
use super::table::Table;
use crate::batch::{Batch, BatchCall};
use crate::pages::{Counts, Pages};
use crate::provider::{ClientHelp, Kind};
use crate::spec::{ApiSpec, Credentials, FlowSpec, Spec};

/// Reads the protocol's part of a file, and why there is no PKCE, where there is none.
pub(crate) fn read(top: &Table<'_>, kind: Kind, client: &ClientHelp, keep: Vec<String>) -> (Option<Spec>, Option<String>) {
    let fields: Vec<&str> = client.fields.iter().map(|field| field.name.as_str()).collect();
    let fields = fields.as_slice();
    let (flow, pkce_off) = match kind {
        Kind::OAuth1 => (oauth1(top, fields), None),
        Kind::OAuth2 | Kind::Oidc => {
            let (spec, pkce_off) = oauth2::read(top, kind, fields, client.redirect.device_only);
            (spec.map(FlowSpec::OAuth2), pkce_off)
        }
    };
    let api = api(top, kind, fields, &keep);
    let spec = flow.zip(api).map(|(flow, api)| Spec { flow, api, keep });
    (spec, pkce_off)
}

fn oauth1(top: &Table<'_>, fields: &[&str]) -> Option<FlowSpec> {
    let Some(table) = section(top, "oauth1") else {
        // Asked for all the same: it is not the unknown key that it would be without anybody who reads it.
        top.get("endpoints").and_then(|_| credentials(top, fields));
        return None;
    };
    let one_legged = table.flag("one_legged").unwrap_or(false);
    let import = top.get("import");
    let imported = import.is_some();
    if let Some(node) = table.get("one_legged").filter(|_| one_legged && imported) {
        let hint = "leave one of the two away".to_owned();
        table.reader.problem(node.place, "oauth1.one_legged with import: where the app's keys alone sign there are no tokens", Some(hint));
    }
    let at = match (one_legged, imported) {
        // What is no table was told, and may mean anything.
        _ if import.is_some_and(|import| !import.is_table()) => top.get("endpoints").and(None),
        (true, _) => nobody_logs_in(top, &table, "oauth1.one_legged", &["endpoints", "keep"]),
        (_, true) => nobody_logs_in(top, &table, "import", &["endpoints"]),
        _ => credentials(top, fields).map(Some),
    };
    let known: Vec<(&str, SignatureMethod)> = SignatureMethod::ALL.iter().map(|method| (method.name(), *method)).collect();
    let signature = table.required_word("signature", &known);
    let placement = table.word("placement", &[("header", Placement::Header), ("body", Placement::Body), ("query", Placement::Query)]);
    let method = table.word("token_method", &[("POST", false), ("GET", true)]);
    let realm = table.text("realm").and_then(|text| table.reader.template(&text, fields));
    let callback = table.word(
        "callback",
        &[("request-token", CallbackAt::RequestToken), ("authorize", CallbackAt::Authorize), ("registered", CallbackAt::Registered)],
    );
    let is_own = |name: &str| name.starts_with("oauth_");
    let authorize_params = further(&table, "authorize_params", is_own);
    let request_token_params = further(&table, "request_token_params", is_own);
    let access_token_params = further(&table, "access_token_params", is_own);
    let body_hash = table.word("body_hash", &[("off", BodyHash::Off), ("on", BodyHash::On), ("required", BodyHash::Required)]);
    let empty_token = table.flag("empty_token").unwrap_or(false);
    table.finish();
    Some(FlowSpec::OAuth1 {
        at: at?,
        imported,
        signature: signature?,
        placement: placement.unwrap_or(Placement::Header),
        token_method: if method == Some(true) { Method::GET } else { Method::POST },
        realm,
        callback: callback.unwrap_or(CallbackAt::RequestToken),
        authorize_params,
        request_token_params,
        access_token_params,
        body_hash: body_hash.unwrap_or_default(),
        empty_token,
    })
}

fn credentials(top: &Table<'_>, fields: &[&str]) -> Option<Credentials> {
    let endpoints = section(top, "endpoints")?;
    let read =
        ["request_token", "authorize", "token"].map(|key| endpoint_without(&endpoints, key, fields, |name| name.starts_with("oauth_")));
    endpoints.finish();
    let [request_token, authorize, access_token] = read;
    Some(Credentials { request_token: request_token?, authorize: authorize?, access_token: access_token? })
}

/// Where the keys alone sign, or tokens are imported, nothing can be said of a login.
fn nobody_logs_in(top: &Table<'_>, oauth1: &Table<'_>, with: &str, more: &[&'static str]) -> Option<Option<Credentials>> {
    let of_login = ["token_method", "callback", "authorize_params", "request_token_params", "access_token_params"];
    let said = of_login.into_iter().filter_map(|key| Some((format!("oauth1.{key}"), oauth1.get(key)?)));
    let said: Vec<_> = said.chain(more.iter().filter_map(|key| Some(((*key).to_owned(), top.get(key)?)))).collect();
    for (key, node) in &said {
        let hint = "leave one of the two away".to_owned();
        top.reader.problem(node.place, format!("{key} with {with}, where nobody logs in"), Some(hint));
    }
    said.is_empty().then_some(None)
}

/// The names that are nobody's own.
const USUAL_OVERRIDES: [&str; 2] = ["_method", "X-HTTP-Method-Override"];

fn api(top: &Table<'_>, kind: Kind, fields: &[&str], keep: &[String]) -> Option<ApiSpec> {
    let table = section(top, "api")?;
    let more_origins = more_origins(&table, fields);
    let known: Vec<&str> = fields.iter().copied().chain(keep.iter().map(String::as_str)).collect();
    let (base_url, hosts) = base(&table, fields, &known);
    let attach = match kind {
        Kind::OAuth1 => Some(Attach::Bearer), // not looked at: OAuth 1 signs
        Kind::OAuth2 | Kind::Oidc => attach(&table, &known),
    };
    let headers = headers(table.reader, table.pairs("headers"), &known, more_fields);
    let query =
        table.pairs("query").into_iter().filter_map(|(key, text)| Some((key.name, table.reader.template(&text, &known)?))).collect();
    let mut expired = signals(&table, "expired");
    // Whoever says nothing has the RFC's own signal (RFC 6750 §3.1); that there is none is said, by an empty list. A signed call has no token that ends.
    if kind != Kind::OAuth1 && table.get("expired").is_none() {
        expired.push(Signal { statuses: vec![StatusCode::UNAUTHORIZED.as_u16()], pointer: None, values: Vec::new(), contains: Vec::new() });
    }
    let revoked = signals(&table, "revoked");
    let failed = signals(&table, "failed");
    let message = table.texts("message");
    for pointer in &message {
        check_pointer(table.reader, pointer);
    }
    let method_override = method_override(&table);
    let (limits, pages) = (table.table("limits").map(limits), table.table("pages").and_then(pages));
    let batch = table.table("batch").map(batch).unwrap_or_default();
    table.finish();
    Some(ApiSpec {
        base_url: base_url?,
        hosts,
        more_origins,
        attach: attach?,
        headers,
        query,
        expired,
        revoked,
        failed,
        message: message.into_iter().map(|text| text.value).collect(),
        limits,
        pages,
        method_override,
        batch,
    })
}

/// Where else tokens may go: to all that is there, so that a path would say something that is not so.
fn more_origins(api: &Table<'_>, fields: &[&str]) -> Vec<Template> {
    let mut origins = Vec::new();
    for text in api.texts("more_origins") {
        if text.value.contains('*') {
            let hint = "name each of them: [\"https://files.hub.example\", \"https://maps.hub.example\"]".to_owned();
            api.reader.problem(text.place, "a * in api.more_origins, where origins are whole", Some(hint));
            continue;
        }
        let Some(origin) = api.reader.endpoint(&text, fields) else { continue };
        let (bare, path) = text.value.split_once("://").map_or(("", ""), |(scheme, rest)| {
            let end = rest.find(['/', '?']).unwrap_or(rest.len());
            text.value.split_at(scheme.len() + 3 + end)
        });
        if !["", "/"].contains(&path) {
            let message = format!("expected an origin (scheme, host, port) in api.more_origins, found \"{}\"", text.value);
            api.reader.problem(text.place, message, Some(format!("tokens may be sent to all of it: \"{bare}\"")));
        }
        origins.push(origin);
    }
    origins
}

/// By which names a call may say another method than its own.
fn method_override(api: &Table<'_>) -> Vec<String> {
    let names = api.texts("method_override");
    for name in &names {
        let shown = keyfob_proto::scrub::printable(&name.value);
        if name.value.is_empty() || !name.value.bytes().all(|byte| byte.is_ascii_graphic()) {
            let message = format!("expected the name of a parameter or header in api.method_override, found \"{shown}\"");
            api.reader.problem(name.place, message, Some("as it is sent, without spaces: \"x-method\"".to_owned()));
        } else if USUAL_OVERRIDES.iter().any(|usual| usual.eq_ignore_ascii_case(&name.value)) {
            let hint = "leave it away: it is looked for at every provider".to_owned();
            api.reader.problem(name.place, format!("{shown} in api.method_override"), Some(hint));
        }
    }
    names.into_iter().map(|name| name.value).collect()
}

/// `[api.batch]`.
fn batch(table: Table<'_>) -> Batch {
    let (mut fields, mut calls) = (Vec::new(), Vec::new());
    for name in table.texts("fields") {
        if name.value.is_empty() || !name.value.bytes().all(|byte| byte.is_ascii_graphic()) {
            let shown = keyfob_proto::scrub::printable(&name.value);
            let message = format!("expected the name of a parameter in api.batch.fields, found \"{shown}\"");
            table.reader.problem(name.place, message, Some("as it is sent, without spaces: \"requests\"".to_owned()));
        } else {
            fields.push(name.value);
        }
    }
    for text in table.texts("calls") {
        match BatchCall::parse(&text.value) {
            Some(call) => calls.push(call),
            None => {
                let shown = keyfob_proto::scrub::printable(&text.value);
                let hint = "a method (GET, POST, PUT, PATCH), a space, and a path below the base URL, without query; * is one segment, whatever stands there, ** at the end the rest";
                let message = format!("expected a call such as \"POST /*/$batch\" in api.batch.calls, found \"{shown}\"");
                table.reader.problem(text.place, message, Some(hint.to_owned()));
            }
        }
    }
    if table.all().is_empty() && !table.is_told {
        table.reader.problem(table.place, "api.batch names nothing", Some("fields and calls name what carries other calls".to_owned()));
    }
    table.finish();
    Batch { fields, calls }
}

/// Where the API is, and, where the login says its host, which hosts that may be.
fn base(api: &Table<'_>, fields: &[&str], known: &[&str]) -> (Option<Template>, Vec<HostPattern>) {
    let base_url = api.required("base_url").and_then(|text| Some((api.reader.base_url(&text, known)?, text.place)));
    if let Some((template, place)) = &base_url
        && template.as_str().contains('?')
    {
        let hint = "what every call has in its query stands in [api]: query = { … }; a call's path is put behind the base URL".to_owned();
        api.reader.problem(*place, "api.base_url with a query", Some(hint));
    }
    let mut hosts = Vec::new();
    let before = api.reader.told();
    for text in api.texts("hosts") {
        match HostPattern::parse(&text.value) {
            Ok(host) => hosts.push(host),
            Err(misuse) => api.reader.problem(text.place, format!("{misuse}, for api.hosts"), Some(A_HOST.to_owned())),
        }
    }
    let Some((template, place)) = base_url else { return (None, hosts) };
    // What a login brings may be a whole origin, judged by api.hosts; what a person types is a name.
    if let Some(field) = template.names().next().filter(|name| template.as_str().starts_with('{') && fields.contains(name)) {
        let message = format!("api.base_url begins with the app's field {field}, which is no whole address");
        api.reader.problem(place, message, Some(format!("base_url = \"https://{{{field}}}\"")));
        return (None, hosts);
    }
    // What the app's fields fill is fixed before a login.
    let of_login = template.filled(|name| fields.contains(&name).then(|| "x".to_owned()));
    match (AccountBase::is_host_said(&of_login), api.get("hosts")) {
        (true, None) => {
            let said: Vec<&str> = of_login.names().collect();
            let hint = "hosts = [\"*.hub.example\"]: tokens go to one of these, and an answer that names another is refused".to_owned();
            let message = format!("api.base_url has a host that the login says ({}), and there is no api.hosts", said.join(", "));
            api.reader.problem(place, message, Some(hint));
        }
        (true, Some(node)) if api.is_left_out("hosts") => {
            api.reader.problem(node.place, "api.hosts is empty", Some("hosts = [\"*.hub.example\"]".to_owned()))
        }
        (false, Some(node)) if api.reader.told() == before => {
            let hint = "tokens go to that host; further ones are api.more_origins".to_owned();
            api.reader.problem(node.place, "api.hosts, and api.base_url says its host itself", Some(hint));
        }
        _ => {}
    }
    (Some(template), hosts)
}

fn attach(api: &Table<'_>, known: &[&str]) -> Option<Attach> {
    let Some(node) = api.get("attach") else { return Some(Attach::Bearer) };
    if let Content::Text(word) = &node.value {
        let text = Text { value: word.clone(), place: node.place };
        if text.value == "bearer" {
            return Some(Attach::Bearer);
        }
        let message = format!("expected \"bearer\" or a table for api.attach, found \"{}\"", text.value);
        let hint = "attach = \"bearer\", as most have it; or a table: attach = { headers = { x-token = \"{access_token}\" } }".to_owned();
        api.reader.problem(text.place, message, Some(hint));
        return None;
    }
    let before = api.reader.told();
    let table = api.reader.table("api.attach", node);
    let known: Vec<&str> = known.iter().copied().chain(["access_token"]).collect();
    let (query, body) = (table.text("query"), table.text("body"));
    for name in query.iter().chain(&body) {
        api.reader.check_plain_name(name, "the name of a parameter in api.attach");
    }
    let pairs = table.pairs("headers");
    let written = pairs.len();
    let own = table.get("headers").is_some().then(|| headers(table.reader, pairs, &known, more_fields));
    // What was told, and a mistyped name, is the whole mistake.
    let is_told = api.reader.told() > before || table.has_strangers();
    table.finish();
    match (query, body, own) {
        _ if is_told => None,
        (Some(query), None, None) => Some(Attach::Query(query.value)),
        (None, Some(body), None) => Some(Attach::Body(body.value)),
        (None, None, Some(own)) => {
            if own.len() == written && !own.iter().any(|(_, template)| template.names().any(|name| name == "access_token")) {
                api.reader.problem(
                    node.place,
                    "api.attach.headers without {access_token}",
                    Some("headers = { x-token = \"{access_token}\" }".to_owned()),
                );
            }
            Some(Attach::Headers(own))
        }
        _ => {
            let second = ["query", "body", "headers"].into_iter().filter_map(|key| node.get(key)).nth(1);
            let hint = match second {
                Some(_) => "leave all but one away: a token is carried in one way",
                None => "attach = { query = \"access_token\" }, for example",
            };
            let place = second.map_or(node.place, |second| second.place);
            api.reader.problem(place, "expected one of query, body and headers in api.attach", Some(hint.to_owned()));
            None
        }
    }
}

/// The name of a header of `[api.limits]`.
fn header(table: &Table<'_>, key: &'static str) -> Option<HeaderName> {
    let node = table.get(key)?;
    let path = format!("{}.{key}", table.name);
    let text = table.reader.text_as(&path, node, || {
        let example = match key {
            "structured" => "ratelimit".to_owned(),
            "policy" => "ratelimit-policy".to_owned(),
            _ => format!("x-ratelimit-{key}"),
        };
        format!("the name of the header: {key} = \"{example}\"")
    })?;
    let name = HeaderName::from_bytes(text.value.as_bytes()).ok();
    if name.is_none() {
        let message = format!("expected the name of a header in {}.{key}, found \"{}\"", table.name, text.value);
        table.reader.problem(text.place, message, Some(A_HEADER.to_owned()));
    }
    name
}

/// Headers that count: what is left is said by one of them, or by two.
fn counted(table: &Table<'_>) -> Counted {
    let counted = Counted { limit: header(table, "limit"), remaining: header(table, "remaining"), usage: header(table, "usage") };
    let name = &table.name;
    if let Some(usage) = table.get("usage") {
        if table.get("remaining").is_some() {
            let hint = "leave usage away: what is left is known already".to_owned();
            table.reader.problem(usage.place, format!("{name}.usage with {name}.remaining, which says what is left"), Some(hint));
        } else if table.get("limit").is_none() {
            let hint = "add it: limit = \"x-ratelimit-limit\", as the header is called".to_owned();
            table.reader.problem(usage.place, format!("{name}.usage without {name}.limit, from which it is taken"), Some(hint));
        }
    }
    counted
}

/// No period is longer than a year.
const LONGEST_PERIOD: i64 = 366 * 86_400;

/// `[api.limits]`.
fn limits(table: Table<'_>) -> Limits {
    let Counted { limit, remaining, usage } = counted(&table);
    let reads = table.table("reads").map(|reads| {
        let read = counted(&reads);
        if reads.all().is_empty() && !reads.is_told {
            let hint = "name one, or leave reads away: reads = { remaining = \"x-readratelimit-remaining\" }".to_owned();
            reads.reader.problem(reads.place, "api.limits.reads names no header", Some(hint));
        }
        reads.finish();
        read
    });
    let periods = periods(&table);
    let reset = header(&table, "reset");
    let reset_in = table.word("reset_in", &[("seconds", ResetIn::Seconds), ("moment", ResetIn::Moment)]);
    let reset = match (reset, reset_in) {
        // 60 is in a minute, or in 1970.
        (Some(_), None) if table.get("reset_in").is_none() => {
            table.get("reset").into_iter().for_each(|reset| table.missing_for("reset_in", reset));
            None
        }
        (reset, how) => reset.zip(how),
    };
    if let (Some(node), None) = (table.get("reset_in"), table.get("reset")) {
        table.reader.problem(
            node.place,
            "api.limits.reset_in without api.limits.reset, whose value it is about",
            Some("add it: reset = \"x-ratelimit-reset\", as the header is called".to_owned()),
        );
    }
    let structured = structured(&table);
    let limits = Limits { limit, remaining, usage, reset, periods, reads, structured };
    if table.all().is_empty() && !table.is_told {
        table.reader.problem(
            table.place,
            "api.limits names no header",
            Some("limit, remaining and reset name one each, or usage in place of remaining, or structured all in one".to_owned()),
        );
    }
    table.finish();
    limits
}

/// The fields of the IETF, which say all that the others say, and in one way.
fn structured(table: &Table<'_>) -> Option<Structured> {
    let (counts, policy) = (header(table, "structured"), header(table, "policy"));
    if let (Some(node), None) = (table.get("policy").filter(|node| !table.reader.is_told(node.place)), table.get("structured")) {
        let hint = "add it: structured = \"ratelimit\", as the header is called".to_owned();
        table.reader.problem(node.place, "api.limits.policy without api.limits.structured, whose counts it is about", Some(hint));
    }
    let node = table.get("structured")?;
    if let Some(other) = ["limit", "remaining", "usage", "reset", "periods", "reads"].into_iter().find(|key| table.get(key).is_some()) {
        let hint = format!("leave {other} away; or structured, if the header is none of the IETF's");
        table.reader.problem(node.place, format!("api.limits.structured with api.limits.{other}, which it says by itself"), Some(hint));
    }
    Some(Structured { counts: counts?, policy })
}

/// Which periods are counted at once, shortest first.
fn periods(table: &Table<'_>) -> Vec<u32> {
    let Some(node) = table.get("periods") else { return Vec::new() };
    let mut periods: Vec<u32> = Vec::new();
    for item in table.array("periods") {
        match item.value {
            Content::Integer(seconds)
                if (1..=LONGEST_PERIOD).contains(&seconds) && periods.last().is_none_or(|last| i64::from(*last) < seconds) =>
            {
                periods.extend(u32::try_from(seconds));
            }
            _ => {
                let message =
                    format!("expected whole numbers from 1 to {LONGEST_PERIOD} in api.limits.periods, each greater than the one before");
                table.reader.problem(item.place, message, Some("seconds: periods = [900, 86400]".to_owned()));
            }
        }
    }
    if table.is_left_out("periods") {
        let hint = "say how many seconds each has: periods = [900, 86400]; or leave it away".to_owned();
        table.reader.problem(node.place, "api.limits.periods is empty", Some(hint));
    }
    if table.get("reset").is_some() {
        let hint = "leave one of the two away".to_owned();
        table.reader.problem(node.place, "api.limits.periods with api.limits.reset, which says when the next one begins", Some(hint));
    }
    periods
}

/// `[api.pages]`: one way to go on.
fn pages(table: Table<'_>) -> Option<Pages> {
    let pointer = |key| {
        let text = table.text(key)?;
        check_pointer(table.reader, &text);
        Some(text.value)
    };
    let (next, cursor, items) = (pointer("next"), pointer("cursor"), pointer("items"));
    let parameter = table.text("parameter");
    if let Some(name) = &parameter {
        table.reader.check_plain_name(name, "the name of a parameter in api.pages.parameter");
    }
    let parameter = parameter.map(|text| text.value);
    let counts = table.word("counts", &[("pages", Counts::Pages), ("items", Counts::Items)]);
    let is_there = |key| table.get(key).is_some();
    let ways: Vec<&Node> = ["next", "cursor", "counts"].into_iter().filter_map(|key| table.get(key)).collect();
    match ways.as_slice() {
        [way] if !is_there("next") && !is_there("parameter") => table.missing_for("parameter", way),
        [_] => {}
        // A mistyped name is the whole mistake.
        [] if table.is_told || table.has_strangers() => {}
        _ => {
            let hint = "next (where the URL of the next page is), cursor and parameter, or counts and parameter".to_owned();
            let place = ways.get(1).map_or(table.place, |second| second.place);
            table.reader.problem(place, "expected one of next, cursor and counts in api.pages", Some(hint));
        }
    }
    for (key, needed) in [("parameter", ["cursor", "counts"]), ("items", ["counts", "counts"])] {
        if let Some(node) = table.get(key).filter(|_| ways.len() == 1 && !needed.into_iter().any(is_there)) {
            table.reader.problem(
                node.place,
                format!("api.pages.{key} without api.pages.{}", needed[0]),
                Some(format!("add {}, or leave {key} away", needed[0])),
            );
        }
    }
    table.finish();
    match (next, cursor, parameter, counts) {
        (Some(at), None, None, None) => Some(Pages::Next(at)),
        (None, Some(at), Some(parameter), None) => Some(Pages::Cursor { at, parameter }),
        (None, None, Some(parameter), Some(counts)) => Some(Pages::Counted { parameter, counts, items }),
        _ => None,
    }
}

/// Headers with templates.
pub(super) fn headers(
    reader: &Reader<'_>,
    pairs: Vec<(Key, Text)>,
    known: &[&str],
    add: impl Fn(&str) -> String + Copy,
) -> Vec<(HeaderName, Template)> {
    let mut headers = Vec::new();
    for (key, text) in pairs {
        let template = reader.template_over(&text, known, add);
        if text.value.contains(|c: char| c.is_control() && c != '\t') {
            let hint = "a header is one line: write the value without line breaks and the like".to_owned();
            reader.problem(text.place, format!("a control character in the header {}", key.name), Some(hint));
        }
        match HeaderName::from_bytes(key.name.as_bytes()) {
            Ok(name) if FRAMING.contains(&name.as_str()) => {
                reader.problem(
                    key.place,
                    format!("the header {name} belongs to the transport, not to a provider file"),
                    Some("leave it away".to_owned()),
                );
            }
            Ok(name) => headers.extend(template.map(|template| (name, template))),
            Err(_) => {
                reader.problem(key.place, format!("expected the name of a header, found \"{}\"", key.name), Some(A_HEADER.to_owned()))
            }
        }
    }
    headers
}

/// Headers that say where a request goes and where it ends: a file that sets them would speak over the transport's head.
const FRAMING: &[&str] =
    &["host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "proxy-authorization", "cookie", "expect"];

const A_HEADER: &str = "letters, digits and -: x-api-key";
const A_HOST: &str = "the host alone, without https:// and path; a * stands for the first part of a name of three or more: *.hub.example";

pub(super) fn signals(above: &Table<'_>, key: &'static str) -> Vec<Signal> {
    let mut signals = Vec::new();
    let name = format!("{}.{key}", above.name);
    for table in above.tables(key) {
        let before = table.reader.told();
        let mut statuses = Vec::new();
        for node in table.array("status") {
            match node.value {
                Content::Integer(status) if (100..=999).contains(&status) => statuses.push(status as u16),
                _ => table.reader.problem(
                    node.place,
                    format!("expected an HTTP status in {name}.status"),
                    Some("a number of three digits: status = [401]".to_owned()),
                ),
            }
        }
        if table.is_left_out("status") {
            table.missing("status");
        }
        let pointer = table.text("pointer");
        if let Some(pointer) = &pointer {
            check_pointer(table.reader, pointer);
        }
        let contains: Vec<Text> = table.texts("contains");
        for text in contains.iter().filter(|text| text.value.is_empty()) {
            let hint = "words of the provider's that stand in no other answer".to_owned();
            table.reader.problem(text.place, format!("an empty text in {name}.contains, which is in every answer"), Some(hint));
        }
        let says_where = table.get("pointer").is_some() || !contains.is_empty();
        if let Some(status) = statuses.iter().find(|status| (200..300).contains(*status)).filter(|_| !says_where) {
            let message = format!("{name} has a status of success ({status}) and no pointer: every good answer would be one of these");
            let hint =
                "add what tells them apart: pointer = \"/error/code\", and values = [ … ] if it is there in good ones, too".to_owned();
            table.reader.problem(table.place, message, Some(hint));
        }
        let values: Vec<Value> = table.array("values").iter().map(to_json).collect();
        // A mistyped name, or what is no list, is the whole mistake.
        let is_told = table.reader.told() > before || table.has_strangers();
        if pointer.is_none() && !values.is_empty() && !is_told {
            table.reader.problem(
                table.place,
                format!("{name} has values but no pointer to look at"),
                Some("add it: pointer = \"/error/code\", where in the answer they are".to_owned()),
            );
        }
        // Whoever is told so has to log in again, and that is nothing to be guessed.
        if matches!(key, "revoked" | "grant_ended") && values.is_empty() && contains.is_empty() && !is_told {
            table.reader.problem(
                table.place,
                format!("{name} has a status, and no word of the provider's about the token"),
                Some(
                    "add what it says: pointer and values, or contains; an access token's end may be a status alone (api.expired)"
                        .to_owned(),
                ),
            );
        }
        table.finish();
        let contains = contains.into_iter().map(|text| text.value).collect();
        signals.push(Signal { statuses, pointer: pointer.map(|text| text.value), values, contains });
    }
    signals
}

pub(super) fn check_pointer(reader: &Reader<'_>, text: &Text) {
    if !text.value.starts_with('/') {
        let hint = "a JSON pointer (RFC 6901) is such as /error/code".to_owned();
        reader.problem(text.place, format!("expected a JSON pointer, found \"{}\"", text.value), Some(hint));
    }
}

/// TOML to JSON.
pub(super) fn to_json(node: &Node) -> Value {
    match &node.value {
        Content::Text(text) => Value::from(text.clone()),
        Content::Integer(number) => Value::from(*number),
        Content::Float(number) => Value::from(*number),
        Content::Flag(flag) => Value::from(*flag),
        Content::Date(moment) => Value::from(moment.to_string()),
        Content::Array(items) => items.iter().map(to_json).collect(),
        Content::Table(members) => members.iter().map(|(key, node)| (key.name.clone(), to_json(node))).collect(),
    }
}

pub(super) fn section<'r>(top: &Table<'r>, key: &'static str) -> Option<Table<'r>> {
    let table = top.table(key);
    if table.is_none() {
        top.missing(key);
    }
    table
}

pub(super) fn endpoint(table: &Table<'_>, key: &'static str, fields: &[&str]) -> Option<Template> {
    table.required(key).and_then(|text| table.reader.endpoint(&text, fields))
}

/// An endpoint whose query says nothing that the protocol says itself: it would be there twice.
pub(super) fn endpoint_without(table: &Table<'_>, key: &'static str, fields: &[&str], is_own: impl Fn(&str) -> bool) -> Option<Template> {
    let text = table.required(key)?;
    let query = text.value.split_once('?').map_or("", |(_, query)| query);
    let names = encode::decode_pairs(query.as_bytes()).map(|(name, _)| String::from_utf8_lossy(&name).into_owned());
    if let Some(name) = names.into_iter().find(|name| is_own(name)) {
        let hint = format!("leave it away: the protocol says {name} by itself, and what else a login says has keys of its own");
        table.reader.problem(text.place, format!("{name} in the query of {}.{key}", table.name), Some(hint));
    }
    table.reader.endpoint(&text, fields)
}

/// Further parameters, which say nothing that the protocol says itself: it would be dropped, or be there twice.
pub(super) fn further(table: &Table<'_>, key: &'static str, is_own: impl Fn(&str) -> bool) -> Vec<(String, String)> {
    let pairs = table.pairs(key);
    let has_place = |text: &str| Template::parse(text).is_ok_and(|template| template.names().next().is_some());
    for (_, text) in pairs.iter().filter(|(_, text)| has_place(&text.value)) {
        let hint = "say what is sent: these parameters are the same for every app".to_owned();
        table.reader.problem(text.place, format!("a place in {}.{key}, which has none: it would be sent as it is", table.name), Some(hint));
    }
    for (name, _) in pairs.iter().filter(|(name, _)| is_own(&name.name)) {
        let hint = "leave it away: the protocol says it by itself".to_owned();
        table.reader.problem(name.place, format!("{} in {}.{key}", name.name, table.name), Some(hint));
    }
    pairs.into_iter().map(|(key, text)| (key.name, text.value)).collect()
}
