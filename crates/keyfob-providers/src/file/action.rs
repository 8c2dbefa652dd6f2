//! `[actions.NAME]`: the request, and how the answer is shown. What a person may say has a file of its own: `parameter`.

use std::collections::BTreeMap;

use http::Method;
use http::header::AUTHORIZATION;
use keyfob_proto::Template;

use super::advice::THE_TOKEN;
use super::document::{Content, Key, Node, Place};
use super::oauth2::ONE_EACH;
use super::parameter::{parameter_names, parameters};
use super::protocol::{headers, to_json};
use super::provider::is_scope;
use super::reader::{Reader, Text};
use super::table::Table;
use crate::action::{Action, Call, CallBody, ColumnTemplate, JsonTemplate, LinkTemplate, Page, Shown};
use crate::jq::Expression;
use crate::nearest;
use crate::parameter::{Parameter, ParameterKind};
use crate::provider::Provider;
use crate::table::{Axis, CellKind, View};

/// Reads all actions, in the order of the file.
pub(crate) fn read(top: &Table<'_>, keep: &[String]) -> Vec<Action> {
    let Some(node) = top.get("actions") else { return Vec::new() };
    let all = top.reader.table("actions", node);
    // A key of an action that has no name.
    if let Some((key, other)) = all.all().iter().find(|(_, node)| !node.is_table()) {
        let message = format!("expected a table for actions.{}, found {}", key.name, other.value.kind());
        let hint = "an action has a name, which stands in its heading: [actions.me], and below it about and path".to_owned();
        top.reader.problem(other.place, message, Some(hint));
    }
    // Links name other actions and their parameters: those are looked up in the tree, before anything else is read.
    let known: Vec<(&str, Vec<&str>)> = all.all().iter().map(|(key, node)| (key.name.as_str(), parameter_names(node))).collect();
    let mut actions = Vec::new();
    for (key, node) in all.all().iter().filter(|(_, node)| node.is_table()) {
        if !Provider::is_name(&key.name) {
            top.reader.problem(key.place, format!("expected an action's name, found \"{}\"", key.name), Some(Provider::NAMES.to_owned()));
        }
        let table = top.reader.table(&format!("actions.{}", key.name), node);
        let others = || known.iter().map(|(name, _)| *name).filter(|name| *name != key.name);
        // Whoever changes an action of ours and calls it otherwise would be told all that it lacks.
        let is_bare = !table.has("about") && !table.has("path");
        if let Some(near) = is_bare.then(|| nearest::nearest(&key.name, others())).flatten() {
            let hint = format!("did you mean \"{near}\"? An action of its own has about and path");
            top.reader.problem(key.place, format!("the action {} has neither about nor path", key.name), Some(hint));
            continue;
        }
        actions.extend(top.reader.scope(|| action(&key.name, table, &known, keep)));
    }
    actions
}

fn action(name: &str, table: Table<'_>, known: &[(&str, Vec<&str>)], keep: &[String]) -> Option<Action> {
    let reader = table.reader;
    let about = table.required("about");
    let parameters: Vec<Parameter> = reader.names(|| parameters(&table));
    let own: Vec<&str> = parameters.iter().map(|parameter| parameter.name.as_str()).collect();
    if let Some(both) = keep.iter().find(|kept| own.contains(&kept.as_str())) {
        let hint = format!("leave the parameter away, and {{{both}}} is what the login gave; or give it another name");
        reader.problem(
            table.place,
            format!("{both} is a parameter of {}, and a value that the login gives (keep)", table.name),
            Some(hint),
        );
    }
    // A person says the one, the login gave the other.
    let names: Vec<&str> = own.iter().copied().chain(keep.iter().map(String::as_str)).collect();
    let methods = [("GET", 0), ("HEAD", 1), ("POST", 2), ("PUT", 3), ("PATCH", 4), ("DELETE", 5)];
    let word = table.word("method", &methods);
    // What is no method may have had a body.
    let is_method_known = word.is_some() || table.get("method").is_none();
    let method = match word.unwrap_or(0) {
        0 => Method::GET,
        1 => Method::HEAD,
        2 => Method::POST,
        3 => Method::PUT,
        4 => Method::PATCH,
        _ => Method::DELETE,
    };
    let acts = table.flag("acts");
    if let Some(node) = table.get("method").filter(|_| acts.is_none() && !method.is_safe() && table.get("acts").is_none()) {
        let hint = "acts = true asks a person before the world is changed; acts = false says that nothing is".to_owned();
        reader.problem(node.place, format!("{method} without acts = true or acts = false"), Some(hint));
    }
    let scopes = table.texts("scopes");
    for scope in scopes.iter().filter(|scope| !is_scope(&scope.value)) {
        let message = format!("expected the name of a scope (RFC 6749 §3.3), found \"{}\"", scope.value);
        reader.problem(scope.place, message, Some(ONE_EACH.to_owned()));
    }
    let scopes = scopes.into_iter().map(|scope| scope.value).collect();
    let path = path(&table, &parameters, &names);
    let query = templates(&table, "query", &names);
    let form = table.get("form").is_some();
    let body = match (form, table.get("json")) {
        (true, Some(node)) => {
            reader.problem(
                node.place,
                "an action with both form and json",
                Some("a request has one body: leave one of the two away".to_owned()),
            );
            CallBody::None
        }
        (true, None) => CallBody::Form(templates(&table, "form", &names)),
        (false, Some(Node { value: Content::Text(text), place })) if is_written_json(text) => {
            let hint = "what is sent as JSON is written as TOML has it: json = { on = true, room = \"{room}\" }".to_owned();
            reader.problem(*place, format!("{}.json is JSON in a text, and would be sent as one", table.name), Some(hint));
            CallBody::None
        }
        (false, Some(node)) => CallBody::Json(json(reader, node, &names)),
        (false, None) => CallBody::None,
    };
    if let Some(body) = table.get("form").or(table.get("json")).filter(|_| method.is_safe() && is_method_known) {
        let hint =
            "add a method that has one: method = \"POST\", and acts = true, or acts = false if it changes nothing; or put it into query";
        reader.problem(body.place, format!("{method} with a body"), Some(hint.to_owned()));
    }
    let is_own = |key: &Key| key.name.eq_ignore_ascii_case(AUTHORIZATION.as_str());
    let (who, pairs): (Vec<_>, Vec<_>) = table.pairs("headers").into_iter().partition(|(key, _)| is_own(key));
    for (key, _) in who {
        reader.problem(key.place, format!("the header {AUTHORIZATION} in {}", table.name), Some(THE_TOKEN.to_owned()));
    }
    let headers = headers(reader, pairs, &names, more);
    let columns = columns(&table, &parameters);
    let shown = Shown {
        view: table.word("view", &[("list", View::List), ("details", View::Details)]).unwrap_or_default(),
        rows: table.text("rows").and_then(|text| expression(reader, &text, &own)),
        columns,
        links: table.tables("links").into_iter().filter_map(|link| self::link(link, known, &own)).collect(),
    };
    let page = table.table("page").and_then(|page| self::page(page, &own));
    // Only now: a path that is missing is told there.
    table.finish();
    let call = Call { method, path: path?, query, headers, body };
    let kept = keep.to_vec();
    Some(Action { name: name.to_owned(), about: about?.value, acts: acts.unwrap_or(false), parameters, scopes, call, shown, page, kept })
}

fn columns(action: &Table<'_>, parameters: &[Parameter]) -> Vec<ColumnTemplate> {
    let before = action.reader.told();
    let named = |column: &Table<'_>| column.get("title").or(column.get("each")).map_or(column.place, |node| node.place);
    let columns: Vec<(Place, ColumnTemplate)> =
        (action.tables("columns").into_iter()).filter_map(|column| Some((named(&column), self::column(column, parameters)?))).collect();
    if action.reader.told() == before {
        told_apart(action, &columns, parameters);
    }
    let columns: Vec<ColumnTemplate> = columns.into_iter().map(|(_, column)| column).collect();
    if action.reader.told() == before {
        whole_chart(action, &columns);
    }
    columns
}

/// As JSON, a row has each title once.
fn told_apart(action: &Table<'_>, columns: &[(Place, ColumnTemplate)], parameters: &[Parameter]) {
    let mut known: Vec<&str> = Vec::new();
    let mut each: Vec<&str> = Vec::new();
    for (place, column) in columns {
        let items = || {
            let list = parameters.iter().find(|parameter| Some(&parameter.name) == column.each.as_ref());
            let choices = match list.map(|list| &list.kind) {
                Some(ParameterKind::List { choices }) => choices.as_slice(),
                _ => &[],
            };
            choices.iter().chain(column.units.keys()).chain(column.kinds.keys()).map(String::as_str)
        };
        let own: Vec<&str> = if column.each.is_some() { items().collect() } else { vec![&column.title] };
        let message = match (own.iter().find(|title| known.contains(title)), &column.each) {
            (_, Some(list)) if each.contains(&list.as_str()) => format!("two columns of {} for each of {list}", action.name),
            (Some(title), _) => format!("two columns of {} have the title \"{title}\"", action.name),
            (None, _) => {
                known.extend(own);
                each.extend(column.each.as_deref());
                continue;
            }
        };
        let hint = "give one of them another title: in JSON, a row has a value for each title".to_owned();
        return action.reader.problem(*place, message, Some(hint));
    }
}

/// A chart has positions and heights.
fn whole_chart(action: &Table<'_>, columns: &[ColumnTemplate]) {
    let places = || action.get("columns").into_iter().flat_map(Node::items).filter_map(|column| column.get("axis"));
    if columns.iter().filter(|column| column.axis == Some(Axis::X)).count() > 1 {
        let is_x = |node: &&Node| matches!(&node.value, Content::Text(text) if text == "x");
        let place = places().filter(is_x).nth(1).map_or(action.place, |node| node.place);
        let hint = "leave axis away at one of them: x is where a point lies, and a point lies in one place".to_owned();
        return action.reader.problem(place, format!("two columns of {} with axis = \"x\"", action.name), Some(hint));
    }
    let has = |axis| columns.iter().any(|column| column.axis == Some(axis));
    let (there, missing) = match (has(Axis::X), has(Axis::Y)) {
        (true, false) => ("x", "y"),
        (false, true) => ("y", "x"),
        _ => return,
    };
    let place = places().next().map(|node| node.place);
    let message = format!("a column of {} with axis = \"{there}\", and none with axis = \"{missing}\"", action.name);
    let hint = format!("say axis = \"{missing}\" at another: x is where a point lies, mostly a time, and y how high; or leave it away");
    action.reader.problem(place.unwrap_or(action.place), message, Some(hint));
}

/// Whether a text is an object or a list as JSON has it, and no place alone.
fn is_written_json(text: &str) -> bool {
    text.trim_start().starts_with(['{', '[']) && !Template::parse(text).is_ok_and(|template| template.names().next().is_some())
}

/// A jq expression over the answer, and the arguments of an action that takes these.
fn expression(reader: &Reader<'_>, text: &Text, own: &[&str]) -> Option<Expression> {
    strange_arguments(reader, text, own);
    reader.expression(text)
}

/// How an action gets a parameter more.
fn more(name: &str) -> String {
    match name {
        "client_id" | "client_secret" | "api_key" => return "what the app has goes into every call: [api] query or headers".to_owned(),
        _ if !Provider::is_name(name) => return "a place is a name in braces, of letters, digits, - and _: {room}".to_owned(),
        _ => {}
    }
    format!("add a parameter to the action: parameters = [{{ name = \"{name}\", about = \"…\" }}]")
}

/// Arguments that an expression names (`$args.room`, `$args["room"]`) and the action does not take: they would be null, without a word.
fn strange_arguments(reader: &Reader<'_>, text: &Text, own: &[&str]) {
    // What stands in quotes is text, but for a name in brackets.
    let mut rest = text.value.as_str();
    while let Some(at) = rest.find(['"', '$']) {
        let here = &rest[at..];
        let Some(behind) = here.strip_prefix("$args") else {
            let end = if here.starts_with('"') { end_of_text(here) } else { 1 };
            rest = &here[end..];
            continue;
        };
        rest = behind;
        let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let name = match behind.strip_prefix('.').map(|name| name.trim_start_matches('.')) {
            Some(quoted) if quoted.starts_with('"') => quoted[1..].split('"').next(),
            Some(name) => name.split(|c| !is_of_name(c)).next(),
            None => behind.strip_prefix("[\"").and_then(|quoted| quoted.split('"').next()),
        };
        let Some(name) = name.filter(|name| !name.is_empty() && !own.contains(name)) else { continue };
        let hint = nearest::suggest(name, own.iter().copied()).unwrap_or_else(|| more(name));
        reader.unknown_name(text.place, format!("$args.{name}, and the action has no parameter {name}"), Some(hint));
    }
}

/// Where a text in quotes ends, in bytes.
fn end_of_text(quoted: &str) -> usize {
    let mut is_escaped = false;
    for (at, c) in quoted.char_indices().skip(1) {
        match c {
            '"' if !is_escaped => return at + 1,
            _ => is_escaped = c == '\\' && !is_escaped,
        }
    }
    quoted.len()
}

fn path(table: &Table<'_>, parameters: &[Parameter], names: &[&str]) -> Option<Template> {
    let text = table.required("path")?;
    table.reader.is_no_strange_place(&text)?;
    let template = table.reader.template_over(&text, names, more)?;
    for name in template.names() {
        let optional = parameters.iter().any(|parameter| parameter.name == name && !parameter.required && parameter.default.is_none());
        if optional {
            table.reader.unknown_name(
                text.place,
                format!("the parameter {name} is part of the path but not required"),
                Some("positional = true, required = true, or a default".to_owned()),
            );
        }
    }
    let sample = template.render(|_| Some("x".to_owned())).unwrap_or_default();
    let climbs = sample.split('/').any(|segment| [".", ".."].contains(&segment.to_ascii_lowercase().replace("%2e", ".").as_str()));
    let plain = !climbs
        && sample.starts_with('/')
        && !sample.starts_with("//")
        && !sample.contains(['?', '#'])
        && sample.parse::<http::Uri>().is_ok();
    if !plain {
        let hint = "a path such as /locks/{id}; what comes after ? goes into query = { … }".to_owned();
        table.reader.problem(text.place, format!("expected a path for {}.path, found \"{}\"", table.name, text.value), Some(hint));
    }
    Some(template)
}

fn templates(table: &Table<'_>, key: &'static str, names: &[&str]) -> Vec<(String, Template)> {
    let pairs = table.pairs(key).into_iter();
    pairs.filter_map(|(key, text)| Some((key.name, table.reader.template_over(&text, names, more)?))).collect()
}

fn json(reader: &Reader<'_>, node: &Node, names: &[&str]) -> JsonTemplate {
    match &node.value {
        Content::Text(text) => {
            let text = Text { value: text.clone(), place: node.place };
            match reader.template_over(&text, names, more) {
                Some(template) if template.names().next().is_some() => JsonTemplate::Text(template),
                // Braces are written twice here, too, whether or not there is a place beside them.
                Some(template) => JsonTemplate::Value(template.render(|_| None).unwrap_or(text.value).into()),
                None => JsonTemplate::Value(text.value.into()),
            }
        }
        Content::Array(items) => JsonTemplate::Array(items.iter().map(|item| json(reader, item, names)).collect()),
        Content::Table(members) => {
            JsonTemplate::Object(members.iter().map(|(key, node)| (key.name.clone(), json(reader, node, names))).collect())
        }
        _ => JsonTemplate::Value(to_json(node)),
    }
}

fn column(table: Table<'_>, parameters: &[Parameter]) -> Option<ColumnTemplate> {
    let reader = table.reader;
    let own: Vec<&str> = parameters.iter().map(|parameter| parameter.name.as_str()).collect();
    let each = table.text("each");
    let title = if each.is_some() { table.text("title") } else { table.required("title") };
    let value = table.required("value").and_then(|text| expression(reader, &text, &own));
    if let Some(each) = &each {
        let lists: Vec<&str> = (parameters.iter())
            .filter(|parameter| matches!(parameter.kind, ParameterKind::List { .. }))
            .map(|parameter| parameter.name.as_str())
            .collect();
        if !lists.contains(&each.value.as_str()) {
            let hint = match own.contains(&each.value.as_str()) {
                true => Some(format!("say type = \"list\" at the parameter {}", each.value)),
                false => nearest::suggest(&each.value, lists.iter().copied())
                    .or_else(|| Some(format!("add a parameter: {{ name = \"{}\", about = \"…\", type = \"list\" }}", each.value))),
            };
            reader.unknown_name(each.place, format!("columns for each of the unknown list parameter {}", each.value), hint);
        }
    }
    if each.is_none() {
        of_each(&table);
    }
    let known = [
        ("text", CellKind::Text),
        ("number", CellKind::Number),
        ("time", CellKind::Time),
        ("date", CellKind::Date),
        ("flag", CellKind::Flag),
    ];
    let kinds = table.named_texts("kinds").into_iter();
    let kinds = kinds.filter_map(|(key, text)| Some((key.name, reader.word(&text, "text, number, time, date or flag", &known)?))).collect();
    let column = (
        table.text("unit").map(|text| text.value),
        table.word("kind", &known),
        table.integer("decimals", 0, 9).and_then(|decimals| u8::try_from(decimals).ok()),
        table.word("axis", &[("x", Axis::X), ("y", Axis::Y)]),
        table.named_texts("units").into_iter().map(|(key, text)| (key.name, text.value)).collect::<BTreeMap<_, _>>(),
    );
    table.finish();
    let (unit, kind, decimals, axis, units) = column;
    Some(ColumnTemplate {
        title: title.map_or_else(String::new, |text| text.value),
        value: value?,
        unit,
        kind: kind.unwrap_or_default(),
        decimals,
        axis,
        each: each.map(|text| text.value),
        units,
        kinds,
    })
}

/// What has a meaning only where there is a column for each of several.
fn of_each(column: &Table<'_>) {
    for key in ["units", "kinds"] {
        if let Some((place, _)) = column.key(key) {
            let hint = "add the parameter whose items these are: each = \"types\"; one column alone has unit and kind".to_owned();
            column.reader.problem(place, format!("{key} of a column that is not there for each of several"), Some(hint));
        }
    }
    if let Some((_, Node { value: Content::Text(value), place })) = column.key("value")
        && names_index(value)
    {
        let hint = "add the parameter whose items it counts: each = \"types\"; or say which it is: .values[0]".to_owned();
        column.reader.problem(*place, "$index in a column that is not there for each of several", Some(hint));
    }
}

/// Whether an expression asks for the number of its column, and has no variable of its own that is called so.
fn names_index(value: &str) -> bool {
    let mut texts = value.split("$index");
    let before = texts.next().unwrap_or_default();
    let is_own = value.contains("as $index");
    !is_own
        && before.matches('"').count().is_multiple_of(2)
        && texts.any(|behind| !behind.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_'))
}

fn link(table: Table<'_>, known: &[(&str, Vec<&str>)], own: &[&str]) -> Option<LinkTemplate> {
    let reader = table.reader;
    let action = table.required("action");
    let label = table.text("label");
    let when = table.text("when").and_then(|text| expression(reader, &text, own));
    let pairs = table.pairs("with");
    table.finish();
    let action = action?;
    let Some((_, parameters)) = known.iter().find(|(name, _)| *name == action.value) else {
        let hint = nearest::suggest(&action.value, known.iter().map(|(name, _)| *name));
        reader.problem(action.place, format!("a link to the unknown action {}", action.value), hint);
        return None;
    };
    let mut with = Vec::new();
    for (key, text) in pairs {
        if !parameters.contains(&key.name.as_str()) {
            let add = || format!("that action has no parameters: leave it away, or {}", more(&key.name));
            let hint = nearest::suggest(&key.name, parameters.iter().copied()).or_else(|| Some(add()));
            reader.problem(key.place, format!("the unknown parameter {} of the action {}", key.name, action.value), hint);
        }
        with.extend(expression(reader, &text, own).map(|expression| (key.name, expression)));
    }
    let label = label.map_or_else(|| action.value.clone(), |text| text.value);
    Some(LinkTemplate { action: action.value, label, with, when })
}

fn page(table: Table<'_>, names: &[&str]) -> Option<Page> {
    let full = table.integer("full", 1, 100_000);
    if full.is_none() && table.get("full").is_none() {
        table.missing("full");
    }
    let set = table.required("set");
    let value = table.required("value").and_then(|text| expression(table.reader, &text, names));
    if let Some(set) = &set
        && !names.contains(&set.value.as_str())
    {
        let add = || Some(format!("add a parameter: {{ name = \"{}\", about = \"…\" }}", set.value));
        let hint = nearest::suggest(&set.value, names.iter().copied()).or_else(add);
        table.reader.unknown_name(set.place, format!("pages that set the unknown parameter {}", set.value), hint);
    }
    table.finish();
    Some(Page { full: usize::try_from(full?).ok()?, set: set?.value, value: value? })
}
